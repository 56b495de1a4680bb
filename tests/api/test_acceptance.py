"""Accepted certificates are true of every output and label: checks in rational arithmetic, and forged certificates."""

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from vvnorm import ReLUNetwork, certify, connect_the_dots, fit, interpolate
from vvnorm.verifier.interpolants import relative_gap, relative_misfit

Array = NDArray[np.float64]
FAR = np.array([0.0, 1.0, 1 + 1e-9, 2.0, 3.0]), np.array([0.0, 0.0, 4e-7, 0.0, 1.0])


def some(network: ReLUNetwork, scale: Array) -> ReLUNetwork:
    """The network with its outputs multiplied."""
    return ReLUNetwork(network.W, network.b, network.V * scale[:, None], network.A * scale[:, None], network.c * scale)


def exact_values(network: ReLUNetwork, X: Array) -> list[list[Fraction]]:
    exact = np.vectorize(Fraction, otypes=[object])
    W, b, V, A, c = (exact(getattr(network, name)) for name in "WbVAc")
    points = exact(X.reshape(len(X), -1))
    hidden = np.maximum(points @ W.T + b, Fraction(0))
    values: list[list[Fraction]] = (hidden @ V.T + points @ A.T + c).tolist()
    return values


def data(d: int, ranges: list[float], n: int = 9) -> tuple[Array, Array]:
    rng = np.random.default_rng([d, n, len(ranges)])
    X = np.cumsum(rng.uniform(0.2, 1, n)) if d == 1 else rng.standard_normal((n, d))
    return X, rng.standard_normal((n, len(ranges))) * ranges


# --- each output is judged --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"skip": False}, {"penalise_bias": True}], ids=["plain", "no skip", "bias"])
@pytest.mark.parametrize("d", [1, 2])
@pytest.mark.parametrize("small", [1e-3, 3e-8, 1e-20, 1e-100])
def test_small_labels_are_fitted_and_judged_like_any_others(d: int, small: float, options: dict[str, bool]) -> None:
    X, Y = data(d, [1.0, small])
    solution: Any = interpolate(X, Y, **options)
    assert solution.verify()
    off = np.abs(np.array(exact_values(solution.network, X), dtype=object) - np.vectorize(Fraction)(Y)).astype(float)
    relative = (off.max(axis=0) / (np.ptp(Y, axis=0) / 2)).max()
    assert relative < 1e-10
    assert solution.certificate.relative_residual == pytest.approx(relative, abs=1e-12)
    zero = some(solution.network, np.array([1.0, 0.0]))
    judged = certify(zero, solution.X, solution.Y, dual=solution.certificate.dual, **options)
    assert judged.relative_residual == pytest.approx(np.abs(Y[:, 1]).max() / (np.ptp(Y[:, 1]) / 2), rel=1e-9)
    assert any("does not interpolate" in line for line in judged.complaints(zero, solution.X, solution.Y))
    assert not replace(solution, network=zero).verify()
    swapped = some(solution.network, np.ones(2))
    swapped = ReLUNetwork(swapped.W, swapped.b, swapped.V[::-1], swapped.A[::-1], swapped.c[::-1])
    assert not replace(solution, network=swapped).verify()


@pytest.mark.parametrize("d", [1, 2])
@pytest.mark.parametrize("exponent", [-150, -306])
def test_no_unit_hides_an_output(d: int, exponent: int) -> None:
    X, Y = data(d, [1.0, 1.0])
    Y = np.ldexp(Y, [150 * 3, 3 * exponent])
    network = connect_the_dots(X, Y) if d == 1 else interpolate(X, Y[:, :1]).network
    if d == 2:
        both = np.vstack([network.V, np.ldexp(network.V, 3 * exponent - 450)])
        network = ReLUNetwork(network.W, network.b, both, np.vstack([network.A] * 2), np.tile(network.c, 2))
    wrong = some(network, np.array([1.0, 0.0]))
    assert certify(wrong, X, Y, dual=np.zeros(Y.shape)).relative_residual > 0.1
    if d == 1:
        assert certify(network, X, Y, dual=np.zeros(Y.shape)).relative_residual < 1e-12


@pytest.mark.parametrize("level", [0.0, 5.0, -1e-3, 1e12])
def test_labels_that_are_all_alike_are_judged_by_their_size(level: float) -> None:
    X, Y = data(1, [3e7, 0.0])
    Y[:, 1] = level
    solution = interpolate(X, Y)
    assert solution.verify()
    assert solution.certificate.relative_residual < 1e-12
    off = solution.network
    half = np.ptp(Y[:, 0]) / 2
    moved = ReLUNetwork(off.W, off.b, off.V, off.A, off.c + np.array([0.0, 0.5]))
    unit = min(abs(level), half) if level else half
    assert certify(moved, X, Y).relative_residual == pytest.approx(0.5 / unit, rel=1e-9)
    if level:
        zero = replace(solution, network=some(off, np.array([1.0, 0.0])))
        assert any("does not interpolate" in line for line in zero.verify().problems)


@pytest.mark.parametrize("far", [0.0, 2.0**20])
@pytest.mark.parametrize("size", [1.0, 1e8, 1e14])
def test_residuals_of_large_weights_that_cancel_are_those_of_exact_arithmetic(size: float, far: float) -> None:
    rng = np.random.default_rng(3)
    W, b, v = rng.standard_normal((6, 2)), rng.standard_normal(6), size * rng.standard_normal((2, 6))
    X = np.round(rng.standard_normal((7, 2)), 3) + far
    # Neurons that nearly cancel, and a small function on top.
    bent = b * (1 + 2.0**-30 / size)
    V = np.hstack([v, -v, rng.standard_normal((2, 6))])
    network = ReLUNetwork(np.vstack([W, W, W[::-1]]), np.concatenate([b, bent, b]), V, V[:, -2:], V[:, -3])
    exact = exact_values(network, X)
    Y = np.array(exact, dtype=np.float64) + np.array([0.0, 0.25])
    misfit = np.abs(np.array(exact, dtype=object) - np.vectorize(Fraction, otypes=[object])(Y)).astype(np.float64)
    judged = certify(network, X, Y, dual=np.zeros(Y.shape))
    assert judged.residual == pytest.approx(np.linalg.norm(misfit, axis=1).max(), rel=1e-6)
    assert judged.relative_residual == pytest.approx((misfit.max(axis=0) / (np.ptp(Y, axis=0) / 2)).max(), rel=1e-6)


def test_misfits_are_judged_output_by_output() -> None:
    low, high = np.array([0.0, -1.0, 2.0]), np.array([8.0, 1.0, 2.0])
    assert relative_misfit(np.array([0.4, 0.05, 0.0]), low, high) == pytest.approx(0.1)
    assert relative_misfit(np.array([0.0, 0.3, 0.0]), low, high) == pytest.approx(0.3)
    assert relative_misfit(np.array([0.0, 0.0, 1.0]), low, high) == pytest.approx(0.5)
    assert relative_misfit(np.zeros(3), low, high) == 0
    assert relative_misfit(np.zeros(1), low[2:], low[2:]) == 0
    for bad in (np.nan, np.inf):
        assert relative_misfit(np.array([0.0, bad, 0.0]), low, high) == np.inf
    assert relative_misfit(np.array([1e-300]), np.zeros(1), np.zeros(1)) == np.inf


# --- what is too cheap misses labels ----------------------------------------------------------------------------------


@pytest.mark.parametrize("dual", [False, True])
def test_a_network_that_costs_less_than_the_labels_allow_is_refused(dual: bool) -> None:
    x, y = FAR
    without = connect_the_dots(np.delete(x, 2), np.delete(y, 2))
    points = [(Fraction(u), Fraction(v)) for u, v in zip(x.tolist(), y.tolist(), strict=True)]
    slopes = [(b - a) / (v - u) for (u, a), (v, b) in pairwise(points)]
    least = float(sum(abs(right - left) for left, right in pairwise(slopes)))
    certificate = certify(without, x, y, dual=certify(connect_the_dots(x, y), x, y).dual if dual else None)
    assert certificate.relative_residual == pytest.approx(8e-7, rel=1e-6)
    assert certificate.lower_bound == pytest.approx(least, rel=1e-9)
    assert certificate.gap == pytest.approx(1 - least, rel=1e-6)  # -800, but for what rounding explains
    (complaint,) = certificate.complaints(without, x, y)
    assert "costs less than the labels allow" in complaint
    assert certificate.shortcomings(1e-6) == [complaint]
    right = interpolate(x, y)
    assert right.verify()
    assert not replace(right, network=without).verify()


def test_in_the_plane_as_well() -> None:
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((7, 2)), rng.standard_normal(7)
    far = np.vstack([X, X[0] + [1e-5, 0]])
    inside = interpolate(X, y)
    labels = np.append(y, inside.network(far)[-1] + 5e-7)
    judged = certify(inside.network, far, labels, dual=interpolate(far, labels).dual)
    assert judged.relative_residual < 1e-6
    assert judged.gap < -1e-4
    assert any("costs less" in line for line in judged.complaints(inside.network, far, labels))


@pytest.mark.parametrize("step", [1.0, 1e-3, 1e-9, 1e-13])
@pytest.mark.parametrize("offset", [0.0, 1.0])
def test_rounding_of_labels_is_no_sign_of_a_miss(step: float, offset: float) -> None:
    x = np.array([0.0, 0.1, 0.1 + 0.1 * step, 0.3, 0.7])
    for y in (3 * x + 0.1, np.maximum(x - 0.2, 0) / 3 + x / 7):
        solution = interpolate(x, y + offset)
        assert solution.verify()
    assert interpolate(x, 3 * x + 0.1).gap == 0


def test_gaps_below_zero_are_what_rounding_leaves() -> None:
    assert relative_gap(2.0, 2.0, 1.5, lambda: 1.0) == 0.25
    assert relative_gap(2.0, 2.0, 2.5, lambda: 0.0) == -0.25
    assert relative_gap(2.0, 2.0, 2.5, lambda: 0.3) == pytest.approx(-0.1)
    assert relative_gap(2.0, 2.0, 2.5, lambda: 0.6) == 0
    assert relative_gap(0.0, 0.0, 0.0, lambda: 0.0) == 0
    assert relative_gap(0.0, 0.0, 1e-16, lambda: 1e-15) == 0
    assert relative_gap(0.0, 0.0, 1.0, lambda: 1e-15) == -np.inf


# --- other verdicts ---------------------------------------------------------------------------------------------------


def test_the_limit_of_many_outputs_is_judged_by_the_verifier() -> None:
    X, Y = data(2, [3e7, 1.0])
    solution = interpolate(X, Y, auxiliary="infinite")
    assert solution.verify()
    f = solution.network
    for wrong in (
        some(f, np.array([1.0, 0.0])),
        some(f, np.array([1.0, 1 + 1e-4])),
        ReLUNetwork(f.W, f.b, f.V, f.A, f.c + np.array([0.0, 1e-3])),
        ReLUNetwork(f.W, f.b, f.V[::-1], f.A[::-1], f.c[::-1]),
    ):
        assert any("does not interpolate" in line for line in replace(solution, network=wrong).verify().problems)
    without = interpolate(X, Y, auxiliary="infinite", skip=False)
    g = without.network
    tilted = ReLUNetwork(g.W, g.b, g.V, g.A + 1e-20, g.c)
    assert any("skip connection" in line for line in replace(without, network=tilted).verify().problems)


@pytest.mark.parametrize("d", [1, 2])
def test_fits_with_points_or_outputs_left_out_are_refused(d: int) -> None:
    X, Y = data(d, [1.0, 1.0])
    solution = fit(X, Y, 0.1)
    assert solution.verify()
    part = fit(np.delete(X, 4, axis=0), np.delete(Y, 4, axis=0), 0.1)
    for wrong in (
        part.network,
        some(solution.network, np.array([1.0, 0.0])),
        some(solution.network, np.array([1.0, 1.01])),
    ):
        judged = certify(wrong, X, Y, lam=0.1, dual=solution.dual)
        assert judged.gap > 1e-5
        assert judged.shortcomings(1e-6)


@pytest.mark.parametrize("lam", [0.0, 0.1])
def test_a_status_says_no_more_than_the_proof(lam: float) -> None:
    rng = np.random.default_rng([0, 4, 8, 1])
    X, y = rng.standard_normal((8, 4)), rng.standard_normal(8)
    # The verifier's bound on neurons is exact up to 3e-8 per dimension only.
    solution: Any = fit(X, y, lam, tol=1e-8) if lam else interpolate(X, y, tol=1e-8)
    reached = solution.provenance["status"] == "tolerance reached"
    assert reached == (solution.gap <= 1e-8) == bool(solution.verify())


def test_a_status_of_one_input_says_no_more_than_the_proof() -> None:
    X, Y = data(1, [1.0])
    solution = fit(X, Y, 0.1)
    assert solution.provenance["status"] == "tolerance reached"
    zero = replace(solution, network=ReLUNetwork(np.zeros((0, 1)), [], np.zeros((1, 0))), skip=False)
    assert zero.solver["status"] == "tolerance reached"
    assert zero.provenance["status"] == "rounding is the limit"


# --- dual arrays ------------------------------------------------------------------------------------------------------


class Lazy:
    """An array that gives its rows when sliced."""

    def __init__(self, array: NDArray[Any]) -> None:
        self.array, self.shape = array, array.shape

    def __getitem__(self, rows: slice) -> NDArray[Any]:
        return self.array[rows]


@pytest.mark.parametrize("lam", [0.0, 0.1])
@pytest.mark.parametrize("d", [1, 2])
def test_dual_arrays_that_are_no_numbers_are_refused(d: int, lam: float) -> None:
    X, Y = data(d, [1.0])
    network = ReLUNetwork(np.ones((1, d)), [0.0], [[1.0]])
    options = {"lam": lam} if lam else {}
    for bad in (np.full(Y.shape, 1j), np.full(Y.shape, "a"), np.full(Y.shape, "1.0", dtype=object)):
        for given in (bad, bad.tolist(), Lazy(bad)):
            with pytest.raises(TypeError, match="dual must hold real numbers"):
                certify(network, X, Y, dual=given, **options)
    with pytest.raises(ValueError, match="dual holds NaN or infinity"):
        certify(network, X, Y, dual=np.full(Y.shape, None), **options)
    whole = certify(network, X, Y, dual=Lazy(np.arange(len(Y))[:, None]), **options)
    assert whole.lower_bound == certify(network, X, Y, dual=1.0 * np.arange(len(Y))[:, None], **options).lower_bound


@pytest.mark.parametrize("given", ["as found", "nothing", "noise"])
def test_a_fit_has_the_better_of_two_proofs(given: str) -> None:
    x, y, lam = [-1, -2, -1, 1, -4, 4], [0, 0, 1, 1, 0, 1], 8.313564598383303
    solution = fit(x, y, lam, loss="hinge")
    assert solution.knot_solution.dual is not None
    if given != "as found":
        other = (
            np.zeros_like(solution.knot_solution.dual) if given == "nothing" else np.array([[1.0, -1.0, 0.3, 0, 1, 0.5]]).T
        )
        solution = replace(solution, knot_solution=replace(solution.knot_solution, dual=other))
    assert solution.value == pytest.approx(2.0, rel=1e-9)  # a line: both of one label at -1 and what is beyond the margin
    assert solution.gap < 1e-8
    assert solution.verify()
    # What it gives away proves the same of others.
    constant = ReLUNetwork(np.zeros((0, 1)), [], np.zeros((1, 0)))
    assert certify(constant, x, y, lam=lam, loss="hinge", dual=solution.dual).lower_bound == pytest.approx(2.0, rel=1e-8)
