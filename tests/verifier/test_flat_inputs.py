"""Points that are flat up to rounding: bounds may be about the subspace, residuals and costs are those of the network."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import Command, runner
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

from vvnorm import ReLUNetwork, VVNormInterpolator, certify, fit, interpolate
from vvnorm.verifier.check import judge
from vvnorm.verifier.flat_inputs import Subspace

Array = NDArray[np.float64]
CLOSE = np.array([[0.51, 0.95], [0.5100000000001, 0.9500000000001999]])  # 1e-13 apart


def exact_misfit(network: ReLUNetwork, X: Array, Y: Array) -> list[list[Fraction]]:
    """f(x_i) - y_i in rational arithmetic."""
    exact = np.vectorize(Fraction, otypes=[object])
    W, b, V, A, c = (exact(getattr(network, name)) for name in "WbVAc")
    rows = []
    for x, y in zip(X.tolist(), Y.tolist(), strict=True):
        x = np.array([Fraction(value) for value in x], dtype=object)
        hidden = np.array([max(sum(w * x) + shift, Fraction(0)) for w, shift in zip(W, b, strict=True)], dtype=object)
        rows.append([sum(V[t] * hidden) + sum(A[t] * x) + c[t] - Fraction(y[t]) for t in range(len(c))])
    return rows


def flat(d: int, r: int, n: int = 8) -> tuple[Array, Array]:
    rng = np.random.default_rng(10 * d + r)
    return rng.standard_normal((n, r)) @ rng.standard_normal((r, d)) + 0.3, rng.standard_normal((n, 2))


def moved(network: ReLUNetwork, **parts: Array) -> ReLUNetwork:
    names = {"W": network.W, "b": network.b, "V": network.V, "A": network.A, "c": network.c}
    return ReLUNetwork(**(names | parts))


@pytest.mark.parametrize("spacing", [1e-12, 1e-13, 1e-14])
def test_a_network_that_float64_weights_cannot_hold_is_refused(spacing: float) -> None:
    X, y = np.array([CLOSE[0], CLOSE[0] + spacing * np.array([1.0, 2.0])]), np.array([[0.0], [1.0]])
    solution = interpolate(CLOSE if spacing == 1e-13 else X, y)
    (low,), (high,) = exact_misfit(solution.network, solution.X, y)
    assert solution.certificate.residual == pytest.approx(float(max(abs(low), abs(high))), rel=1e-9)
    assert any("does not interpolate" in complaint for complaint in solution.verify().problems)
    assert solution.provenance["status"] == "rounding is the limit"
    with pytest.warns(ConvergenceWarning, match="VVNormInterpolator: relative residual"):
        VVNormInterpolator().fit(solution.X, y[:, 0])
    fitted = fit(solution.X, y, 1e-3)
    assert any("not proved optimal" in complaint for complaint in fitted.verify().problems)
    loss = sum(off**2 for (off,) in exact_misfit(fitted.network, fitted.X, y)) / 2
    assert fitted.certificate.loss == pytest.approx(float(loss), rel=1e-9)


def test_the_command_says_what_certify_says(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    run: Command = runner(capsys)
    rows = ["a,b,y"] + [",".join(map(repr, [*x, y])) for x, y in zip(CLOSE.tolist(), (0, 1), strict=True)]
    Path("data.csv").write_text("\n".join(rows) + "\n")
    data = ("data.csv", "--x", "a,b", "--y", "y")
    solved = run("solve", *data, "--out", "net.npz", "--save-certificate", "proof.npz")
    assert (solved.code, run("certify", "net.npz", *data).code) == (1, 1)
    assert run("certify", "net.npz", *data, "--certificate", "proof.npz").code == 1


@pytest.mark.parametrize(("d", "r"), [(2, 1), (3, 1), (3, 2)])
@pytest.mark.parametrize("lam", [None, 0.1])
def test_what_is_not_the_network_at_the_points_is_refused(d: int, r: int, lam: float | None) -> None:
    X, Y = flat(d, r)
    solution: Any = interpolate(X, Y) if lam is None else fit(X, Y, lam)
    assert solution.verify()
    assert "certificate's bound is about coordinates" in solution.notes[0]
    network = solution.network
    misfit = np.array(exact_misfit(network, X, Y), dtype=np.float64)
    if lam is None:
        assert solution.certificate.residual == pytest.approx(
            np.linalg.norm(misfit, axis=1).max(), abs=1e-9
        )  # as exact as need be
    else:
        assert solution.certificate.loss == pytest.approx((misfit**2).sum() / 2, rel=1e-12)
    first = np.array([[1.0], [0.0]])
    wrong = {
        "shifted": moved(network, c=network.c + np.array([0.0, 0.01])),
        "swapped outputs": moved(network, V=network.V[::-1], A=network.A[::-1], c=network.c[::-1]),
        "an output of zeros": moved(network, V=network.V * first, A=network.A * first, c=network.c * first[:, 0]),
        "steeper across": moved(network, A=network.A + 1e12 * rows_across(X)),
        "neurons that cancel": moved(
            network,
            W=np.vstack([network.W, network.W]),
            b=np.append(network.b, network.b),
            V=np.hstack([2 * network.V, -network.V]),
        ),
    }
    for name, other in wrong.items():
        assert solution.certificate.complaints(other, X, Y), name
        assert not replace(solution, network=other).verify(), name


def rows_across(X: Array) -> Array:
    """Unit vectors that are orthogonal to the points' subspace, (2, d)."""
    return np.tile(np.linalg.svd(X - X.mean(axis=0))[2][-1], (2, 1))


@pytest.mark.parametrize("lam", [None, 0.1])
def test_a_subspace_that_the_points_are_not_in_is_refused(lam: float | None) -> None:
    X, Y = flat(3, 2)
    solution: Any = interpolate(X, Y) if lam is None else fit(X, Y, lam)
    there, certificate = solution.subspace, solution.certificate
    turned = np.linalg.qr(there.axes + 1e-9 * np.random.default_rng(0).standard_normal((3, 2)))[0]
    for subspace, word in (
        (Subspace(there.centre, turned), "does not lie in the subspace"),
        (Subspace(there.centre, there.axes[:, :1]), "does not lie in the subspace"),
        (Subspace(there.centre[:2], np.eye(2)), "the subspace is of 2 inputs"),
    ):
        (complaint,) = replace(certificate, subspace=subspace).complaints(solution.network, X, Y)
        assert word in complaint
    # Without the excuse the bound is about X, which has a direction more, and is lower.
    assert replace(certificate, subspace=None).complaints(solution.network, X, Y)
    for axes in (0.5 * there.axes, there.axes * np.nan, there.axes[:, [0, 0]], np.eye(4)):
        with pytest.raises(ValueError, match="subspace"):
            Subspace(there.centre, axes)


def test_the_bound_is_that_of_flat_points() -> None:
    rng = np.random.default_rng(1)
    inside, Y = rng.standard_normal((7, 2)), rng.standard_normal((7, 2))
    frame = np.linalg.qr(rng.standard_normal((3, 3)))[0][:2]
    alone, lifted = interpolate(inside, Y), interpolate(inside @ frame + 1, Y)
    assert lifted.lower_bound <= alone.value * (1 + 1e-12)
    assert lifted.lower_bound == pytest.approx(alone.lower_bound, rel=2e-6)
    about_x = certify(lifted.network, lifted.X, Y, dual=lifted.dual)
    assert about_x.lower_bound < 0.99 * lifted.lower_bound
    assert about_x.residual == lifted.certificate.residual


@pytest.mark.parametrize("lam", [None, 0.1])
def test_points_without_labels_need_not_be_in_it(lam: float | None) -> None:
    X, Y = flat(2, 1)
    Y[3] = np.nan
    if lam is None:
        X[3] += [1.0, 0.0]
    solution: Any = interpolate(X, Y) if lam is None else fit(X, Y, lam)
    assert solution.within is not None
    assert solution.verify()
    few = solution.sparsify()
    assert few.verify()
    assert few.certificate.dual.shape == Y.shape


def test_a_point_far_out_does_not_make_the_others_flat() -> None:
    """The labels are x_2, so an affine function fits. A dual array about x_1 alone would prove that relu(x_2) is least."""
    far = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1], [2, 0], [1e16, 0]])
    network = ReLUNetwork([[0.0, 1.0]], [0.0], [[1.0]], [[0.0, 0.0]], [0.0])
    dual = np.array([[0.0], [1], [-2], [0], [1], [0]])
    with pytest.raises(ValueError, match="a point is 1 away from it, seen from its neighbours"):
        judge(network, far, far[:, 1], dual=dual, subspace=Subspace(np.zeros(2), np.array([[1.0], [0.0]])))
    solution = interpolate(far, [0, 1, 1, 0, 3, 0])  # was refused: "X repeats a value"
    assert solution.subspace is None
    assert solution.value >= interpolate(far[:5], [0, 1, 1, 0, 3]).lower_bound


def test_flat_points_far_apart_are_flat() -> None:
    t = np.array([-1e-3, 0.0, 0.4, 1.0, 3.0, 1e5])[:, None]
    solution = interpolate(t @ [[0.6, 0.8]] + 0.3, np.array([0.0, 1, 0, 2, 1, 0]))
    assert solution.subspace is not None
    assert solution.verify()
