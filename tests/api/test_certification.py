"""How far a network is from the optimum: by the same door in Python and on the command line, in any order of the rows.

The truth is that of CVXPY programs, which share nothing with solver and verifier.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import XY, Command, runner
from numpy.typing import NDArray

from vvnorm import ReLUNetwork, certify, fit, interpolate, lambda_max, pareto_front
from vvnorm.api.certification import optimal_dual
from vvnorm.solvers.reference import curvature_fit, curvature_interpolation, dictionary_program, plane_dictionary
from vvnorm.verifier.check import load_certificate

Array = NDArray[np.float64]
LOSSES = ("squared", "huber:0.3", "logistic", "hinge", "one_class:0.2")


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Command:
    monkeypatch.chdir(tmp_path)
    return runner(capsys)


def sample(loss: str = "squared", outputs: int = 1, n: int = 24) -> tuple[Array, Array]:
    """Noisy waves, or classes, at inputs in no order."""
    rng = np.random.default_rng(3)
    x = rng.permutation(np.linspace(0, 1, n) + rng.uniform(0, 0.3 / n, n))
    Y = np.sin(7 * x[:, None] + np.arange(outputs)) + 0.2 * rng.standard_normal((n, outputs))
    return x, (Y > 0).astype(np.float64) if loss in ("logistic", "hinge") else Y


def users_network(x: Array, Y: Array, skip: bool) -> ReLUNetwork:
    """A network that nobody trained with a proof in mind: few kinks, output weights by least squares."""
    W, b = np.array([[1.0], [1.0], [1.0], [-1.0]]), np.array([-0.2, -0.5, -0.8, 0.4])
    columns = [np.maximum(x[:, None] * W[:, 0] + b, 0.0), np.ones((len(x), 1)), *([x[:, None]] if skip else [])]
    V = np.linalg.lstsq(np.hstack(columns), np.nan_to_num(Y), rcond=None)[0]
    return ReLUNetwork(W, b, V[:4].T, V[5:].T if skip else None, V[4])


def objective(network: ReLUNetwork, x: Array, Y: Array, lam: float, loss: str, weights: Array | None) -> float:
    """The objective, by the formulas of the README."""
    u = network(x)
    name, _, text = loss.partition(":")
    delta = float(text or 0)
    sign = np.where(Y > 0, 1.0, -1.0)
    off = np.abs(u - Y)
    values = {
        "squared": off**2 / 2,
        "huber": np.where(off < delta, off**2 / 2, delta * (off - delta / 2)),
        "logistic": np.log1p(np.exp(-sign * u)),
        "hinge": np.maximum(0.0, 1 - sign * u),
        "one_class": np.maximum(delta * (Y - u), (1 - delta) * (u - Y)),
    }[name]
    values = np.where(np.isnan(Y), 0.0, values)
    shares = np.ones_like(Y) if weights is None else weights[:, None]
    cost = np.sum(np.linalg.norm(network.W, axis=1) * np.linalg.norm(network.V, axis=0))
    return float(np.sum(shares * values)) + lam * float(cost)


# --- any network against the global optimum ---------------------------------------------------------------------------


@pytest.mark.parametrize("skip", [True, False])
@pytest.mark.parametrize("loss", LOSSES)
def test_the_gap_of_a_users_fit_is_its_distance_to_the_optimum(loss: str, skip: bool) -> None:
    x, Y = sample(loss, 2)
    Y[3, 0], weights = np.nan, np.random.default_rng(0).uniform(0.5, 2, len(x))
    lam = 0.02 * lambda_max(x, Y, loss=loss, weights=weights)
    network = users_network(x, Y, skip)
    judged = certify(network, x, Y, lam=lam, loss=loss, weights=weights, skip=skip)
    least = curvature_fit(x, Y, lam, loss=loss, weights=weights, skip=skip).value
    mine = objective(network, x, Y, lam, loss, weights)
    assert judged.objective == pytest.approx(mine, rel=1e-12)
    assert judged.lower_bound <= least * (1 + 1e-7)
    assert judged.gap == pytest.approx(1 - least / mine, abs=2e-6)
    assert 0.01 < judged.gap < 0.99
    assert judged.complaints(network, x, Y, weights=weights, tol=1.0) == []


@pytest.mark.parametrize("missing", [True, False])
@pytest.mark.parametrize("skip", [True, False])
def test_the_bound_on_interpolants_is_the_optimum(skip: bool, missing: bool) -> None:
    x, Y = sample(outputs=2, n=10)
    if missing:
        Y[[2, 5], [0, 1]] = np.nan
    network = users_network(x, Y, skip)
    judged = certify(network, x, Y, skip=skip)
    least = curvature_interpolation(x, Y, skip=skip).network.vv_norm
    assert judged.lower_bound == pytest.approx(least, rel=1e-6)
    assert judged.complaints(network, x, Y, tol=np.inf) == []


def test_the_better_of_the_two_proofs_counts() -> None:
    """A fit closer to the optimum than the solver's tolerance is judged by the proof that follows from it."""
    x, Y = sample()
    lam = 1e-4 * lambda_max(x, Y)
    solution = fit(x, Y, lam, tol=1e-12)
    by_solver = certify(solution.network, x, Y, lam=lam, dual=optimal_dual(x, Y, lam=lam)).gap
    assert certify(solution.network, x, Y, lam=lam).gap <= min(by_solver, 1e-10)
    assert solution.gap <= 1e-10


def test_bad_arguments_are_named_before_anything_is_solved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vvnorm.api.fits.fit", lambda *a, **k: pytest.fail("solved"))
    network = ReLUNetwork([[1.0]], [0.0], [[1.0]])
    for lam, words in ((-1.0, "lam"), (np.inf, "lam")):
        with pytest.raises(ValueError, match=words):
            certify(network, [0, 1, 2], [0, 1, 0], lam=lam)
    with pytest.raises(ValueError, match="Y has 2 outputs"):
        certify(network, [0, 1], [[0, 1], [1, 0]], lam=1.0)


# --- the order of dual arrays -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("skip", [True, False])
@pytest.mark.parametrize("loss", ["squared", "hinge"])
def test_dual_arrays_of_fits_are_in_the_callers_order(loss: str, skip: bool, tmp_path: Path) -> None:
    x, Y = sample(loss)
    weights = np.random.default_rng(1).uniform(0.5, 2, len(x))
    lam = 0.05 * lambda_max(x, Y, loss=loss, weights=weights)
    options: dict[str, Any] = {"loss": loss, "weights": weights, "skip": skip}
    solution = fit(x, Y, lam, **options)
    assert (solution.certificate.dual is None) == (loss == "squared" and skip)
    for dual in (solution.certificate.dual, solution.dual):
        assert certify(solution.network, x, Y, lam=lam, dual=dual, **options).gap <= 1e-6
    # At a smooth loss it is minus the derivative, row by row.
    if loss == "squared":
        np.testing.assert_allclose(solution.dual, weights[:, None] * (Y - solution(x)), atol=1e-4 * np.ptp(Y))
    network = users_network(x, Y, skip)
    asked, given = (certify(network, x, Y, lam=lam, dual=dual, **options) for dual in (None, solution.dual))
    assert given.gap == pytest.approx(asked.gap, abs=2e-6)
    solution.certificate.save(tmp_path / "proof.npz")
    loaded = load_certificate(tmp_path / "proof.npz")
    for proof in (solution.certificate, loaded):
        assert proof.complaints(solution.function, x, Y, weights=weights) == []
    assert solution.verify()
    np.testing.assert_array_equal(solution.X[:, 0], x[solution.order])
    np.testing.assert_array_equal(
        solution.Y, np.where(Y == 0, -1, Y)[solution.order] if loss == "hinge" else Y[solution.order]
    )


def test_dual_arrays_of_sorted_data_several_inputs_and_fronts_are_in_their_order_too() -> None:
    x, Y = sample(outputs=2)
    ordered = np.argsort(x)
    solution = fit(x[ordered], Y[ordered], 0.01, loss="one_class:0.3")
    assert solution.order is None
    assert certify(solution.network, x[ordered], Y[ordered], lam=0.01, loss="one_class:0.3", dual=solution.dual).gap <= 1e-6
    X = np.column_stack([x, np.cos(5 * x)])[:12]
    plane = fit(X, Y[:12], 0.05)
    assert certify(plane.network, X, Y[:12], lam=0.05, dual=plane.certificate.dual).gap <= 1e-6
    front = pareto_front(x, Y, 2.0, loss="one_class:0.3", mixtures=3)
    assert front.verify()
    np.testing.assert_array_equal(front.data.X[:, 0], x)
    for mixture, support in zip(front.mixtures, front.supports, strict=True):
        outputs = np.flatnonzero(mixture)
        shares = np.broadcast_to(mixture[outputs], (len(x), len(outputs)))
        options: dict[str, Any] = {"lam": support.lam, "loss": "one_class:0.3", "weights": shares}
        assert certify(support.function, x, Y[:, outputs], dual=support.dual, **options).gap <= 1e-6


def test_dual_arrays_of_interpolants_are_at_the_sorted_inputs() -> None:
    x, Y = sample(outputs=2, n=9)
    solution = interpolate(x, Y)
    eta = np.asarray(solution.certificate.dual[0:9])
    assert not eta[[0, -1]].any()
    assert certify(solution.network, x, Y, dual=eta).gap <= 1e-12
    assert certify(solution.network, solution.X, solution.Y, dual=eta).gap <= 1e-12


# --- the command line -------------------------------------------------------------------------------------------------

CONVENTIONS: list[tuple[tuple[str, ...], dict[str, Any]]] = [
    ((), {}),
    (("--no-skip",), {"skip": False}),
    (("--penalise-bias",), {"penalise_bias": True}),
]


def table(columns: dict[str, Array]) -> None:
    rows = zip(*columns.values(), strict=True)
    text = [",".join("" if np.isnan(v) else repr(float(v)) for v in row) for row in rows]
    Path("data.csv").write_text("\n".join([",".join(columns), *text, ""]))


@pytest.mark.parametrize(("option", "convention"), CONVENTIONS, ids=str)
@pytest.mark.parametrize("lam", [None, 0.03])
@pytest.mark.parametrize("inputs", [1, 2])
def test_the_command_line_says_the_same(
    run: Command, inputs: int, lam: float | None, option: tuple[str, ...], convention: dict[str, Any]
) -> None:
    x, Y = sample(outputs=2, n=10)
    Y[4, 1] = np.nan
    X = np.column_stack([x, np.cos(5 * x)])[:, :inputs]
    network = ReLUNetwork(np.ones((3, inputs)), [-0.2, -0.6, -1.0], [[1.0, -2.0, 1.0], [0.0, 1.0, -1.0]])
    network.save("net.npz")
    table({"x": X[:, 0], "u": X[:, -1], "y": Y[:, 0], "z": Y[:, 1]})
    columns = ("--x", "x,u" if inputs == 2 else "x", "--y", "y,z")
    done = run("certify", "net.npz", "data.csv", *columns, *option, *(("--lam", lam) if lam else ()))
    judged = certify(network, X, Y, lam=lam or 0.0, **convention)
    assert done.code == 1
    assert float(done.facts["lower bound"]) == pytest.approx(judged.lower_bound, rel=1e-9)
    assert float(done.facts["relative gap"]) == pytest.approx(judged.gap, rel=1e-9)
    assert judged.lower_bound > 0


@pytest.mark.parametrize("loss", ["squared", "hinge"])
def test_proofs_of_unsorted_data_are_accepted_on_the_command_line(run: Command, loss: str) -> None:
    x, Y = sample(loss)
    table({"x": x, "y": Y[:, 0]})
    fitted = ("data.csv", *XY, "--lam", 0.1, "--loss", loss)
    assert run("solve", *fitted, "--out", "net.npz", "--save-certificate", "proof.npz").code == 0
    assert run("certify", "net.npz", "data.csv", *XY, "--certificate", "proof.npz").code == 0
    assert run("certify", "net.npz", *fitted).code == 0


def test_lam_in_units_of_lam_max(run: Command) -> None:
    x, Y = sample()
    table({"x": x, "y": Y[:, 0]})
    fitted = ("data.csv", *XY, "--lam", 0.2, "--relative")
    assert run("solve", *fitted, "--out", "net.npz").code == 0
    done = run("certify", "net.npz", *fitted)
    assert done.code == 0
    assert float(done.facts["lam"]) == pytest.approx(0.2 * lambda_max(x, Y), rel=1e-9)
    refused = run("certify", "net.npz", "data.csv", *XY, "--relative")
    assert (refused.code, "--relative needs --lam" in refused.err) == (64, True)


def test_two_inputs_agree_with_a_dictionary_of_neurons() -> None:
    rng = np.random.default_rng(5)
    X, Y = rng.standard_normal((8, 2)), rng.standard_normal((8, 1))
    W, b = plane_dictionary(X, 10, 0)
    best = dictionary_program(X, Y, W, b, lam=0.05)
    judged = certify(best.network, X, Y, lam=0.05)
    assert judged.lower_bound <= best.value * (1 + 1e-8)
    assert judged.gap < 0.02
