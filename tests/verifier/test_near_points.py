"""Points that nearly coincide, in two inputs and more: solver, verifier, status and time limits."""

import time
from fractions import Fraction

import mpmath
import numpy as np
import pytest

import vvnorm
from vvnorm.solvers.reference import dictionary_program, plane_dictionary
from vvnorm.verifier.neuron_bound import neuron_bound, ray_bound

NEAR = (1e-5, 1e-7, 1e-9)


def doubled(distance: float, seed: int = 0, *, outputs: int = 1, copies: int = 1, d: int = 2, N: int = 25):
    """N normal points and 5 of them again, moved by a distance; labels are smooth."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((N, d))
    moves = rng.standard_normal((copies, 5, d))
    moves *= distance / np.linalg.norm(moves, axis=2, keepdims=True)
    X = np.vstack([X, *(X[:5] + (1 + k) * move for k, move in enumerate(moves))])
    W, b = rng.standard_normal((outputs, d, 3)), rng.standard_normal((outputs, 3))
    return X, np.column_stack([np.sin(X @ w + c).sum(axis=1) for w, c in zip(W, b, strict=True)])


# --- the verifier -----------------------------------------------------------------------------------------------------


def largest_response(X, Lambda, bases) -> mpmath.mpf:
    """The largest response in the plane, in 60 digits: all arcs, their ends, and the peaks inside."""
    best = mpmath.mpf(0)
    for base in bases:
        P = [tuple(mpmath.mpf(float(a)) - mpmath.mpf(float(c)) for a, c in zip(x, base, strict=True)) for x in X]
        angles = sorted(mpmath.atan2(y, x) + turn * mpmath.pi / 2 for x, y in P if x or y for turn in (-1, 1))
        angles = [(angle + 2 * mpmath.pi) % (2 * mpmath.pi) for angle in angles]
        angles = sorted(angles)
        for low, high in zip(angles, [*angles[1:], angles[0] + 2 * mpmath.pi], strict=True):
            middle = (low + high) / 2
            on = [x * mpmath.cos(middle) + y * mpmath.sin(middle) > 0 for x, y in P]
            C = mpmath.matrix(2, Lambda.shape[1])
            for p, vector, active in zip(P, Lambda, on, strict=True):
                for c in range(2 if active else 0):
                    for t, entry in enumerate(vector):
                        C[c, t] += p[c] * mpmath.mpf(float(entry))
            G = C * C.T
            peak = mpmath.atan2(2 * G[0, 1], G[0, 0] - G[1, 1]) / 2
            inside = [peak + k * mpmath.pi for k in range(-1, 5) if low < peak + k * mpmath.pi < high]
            for angle in (low, high, *inside):
                w = mpmath.matrix([[mpmath.cos(angle), mpmath.sin(angle)]])
                best = max(best, mpmath.sqrt(max((w * G * w.T)[0], mpmath.mpf(0))))
    return best


@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("mutual", [True, False])
@pytest.mark.parametrize("distance", [1e-6, 1e-9, 1e-12])
def test_bounds_lose_nothing_to_large_terms_that_cancel(distance: float, mutual: bool, outputs: int) -> None:
    rng = np.random.default_rng(5)
    X = rng.standard_normal((7, 2))
    X[5:] = X[:2] + distance * rng.standard_normal((2, 2))
    Lambda = rng.standard_normal((7, outputs))
    Lambda[5:] += rng.standard_normal((2, outputs)) / distance
    Lambda[:2] -= Lambda[5:]
    bases = X if mutual else np.zeros((1, 2))
    if mutual:
        Lambda[3] -= Lambda.sum(axis=0)
    with mpmath.workdps(60):
        truth = largest_response(X, Lambda, bases)
        bound = mpmath.mpf((neuron_bound if mutual else ray_bound)(X, Lambda))
        assert truth <= bound <= truth * (1 + mpmath.mpf(1e-9))


@pytest.mark.parametrize("skip", [True, False])
@pytest.mark.parametrize("distance", NEAR)
def test_a_dual_is_worth_what_exact_arithmetic_says(distance: float, skip: bool) -> None:
    X, Y = doubled(distance, 1, outputs=2)
    solution = vvnorm.interpolate(X, Y, skip=skip)
    certificate = solution.certificate
    Lambda, ones = certificate.dual, np.ones((len(X), 1))
    functions = np.hstack([ones, X]) if skip else ones
    stray = [
        [float(sum((Fraction(a) * Fraction(b) for a, b in zip(f, column, strict=True)), Fraction(0))) for f in functions.T]
        for column in Lambda.T.tolist()
    ]
    assert np.abs(stray).max() <= 2.0**-52  # its largest entry is about 1, and most are about the distance
    pairs = zip(Lambda.ravel().tolist(), Y.ravel().tolist(), strict=True)
    gain = float(sum((Fraction(a) * Fraction(b) for a, b in pairs), Fraction(0)))
    assert certificate.lower_bound == pytest.approx(gain / neuron_bound(X, Lambda), rel=1e-7)


# --- the solver -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("distance", [1e-3, 1e-6, 1e-9])
def test_a_fifth_corner_next_to_the_first(distance: float) -> None:
    # On the line through the first, the fifth and the second the slope goes from 0.3 / h to 0.7 / (1 - h): that is a bound.
    # One kink at the fifth, across the line, and a fixed part for the others reach it up to that part.
    X, y = [[0, 0], [1, 0], [0, 1], [1, 1], [distance, 0]], [0, 1, 2, 0, 0.3]
    solution = vvnorm.interpolate(X, y)
    assert solution.verify()
    assert solution.provenance["status"] == "tolerance reached"
    assert solution.value >= (0.3 / distance - 0.7 / (1 - distance)) * (1 - 1e-6)  # labels are met to as much
    assert solution.value <= 0.3 / distance + 5


@pytest.mark.parametrize("outputs", [1, 3])
def test_close_points_cost_what_their_slopes_do_in_the_limit(outputs: int) -> None:
    # The minimum with slopes given at five points, which is continuous in the distance: to first order it is linear.
    solutions = {h: vvnorm.interpolate(*doubled(h, outputs=outputs), time_limit=20) for h in (1e-5, 1e-6, 1e-9)}
    for solution in solutions.values():
        assert solution.verify()
        assert solution.provenance["status"] == "tolerance reached"
        assert solution.network.n_neurons < 200
    wide, close, closest = (solutions[h].value for h in (1e-5, 1e-6, 1e-9))
    assert close == pytest.approx(closest + (wide - closest) / 10, rel=2e-6)
    assert wide == pytest.approx(closest, rel=1e-5)


def test_a_dense_dictionary_does_no_better_and_hardly_worse_at_a_moderate_distance() -> None:
    X, Y = doubled(1e-2, N=8)
    over = dictionary_program(X, Y, *plane_dictionary(X, 60, 0), lam=0.0, skip=True).value
    solution = vvnorm.interpolate(X, Y)
    assert solution.lower_bound <= over * (1 + 1e-6)
    assert over <= solution.value * (1 + 1e-2)


def test_jumps_between_close_points_cost_their_slopes() -> None:
    # On the line through (-1, 0), (0, 0), (h, 0) and (1, 0), with labels 0, 0, 1 and 0, slopes go from 0 to 1 / h and back
    # to -1 / (1 - h): a bound for every function. Labels 0 elsewhere on the circle cost nothing of that size.
    angle = 2 * np.pi * np.arange(8) / 8
    for h in (1e-5, 1e-7):
        X = np.vstack([np.column_stack([np.cos(angle), np.sin(angle)]), [[0, 0], [h, 0]]])
        solution = vvnorm.interpolate(X, np.eye(10)[9])
        assert solution.verify()
        assert 2 / h + 1 / (1 - h) <= solution.value * (1 + 1e-6)
        assert solution.value <= 2 / h + 20 + 1e-6 / h


@pytest.mark.parametrize("distance", [1e-6, 1e-9])
@pytest.mark.parametrize("kind", ["missing", "constant", "line", "doubled", "flat", "three"])
def test_other_close_points_are_certified(kind: str, distance: float) -> None:
    X, Y = doubled(distance, 2, outputs=3, copies=2 if kind == "three" else 1, N=15)
    rng, skip = np.random.default_rng(3), kind != "constant"
    if kind == "missing":
        Y[rng.random(Y.shape) < 0.25] = np.nan
    elif kind == "line":  # four points in a row
        X = np.vstack([X[:12], *(X[:2] + np.array([k * distance, 0]) for k in (1, 2, 3))])
        Y = np.sin(2 * X)
    elif kind == "doubled":
        X = np.vstack([X[:12], X[:12] + distance * rng.standard_normal((12, 2))])
        Y = np.sin(2 * X)
    elif kind == "flat":
        X = X[:15] * [1, distance]
        Y = np.sin(2 * X[:, 0])
    solution = vvnorm.interpolate(X, Y, skip=skip)
    assert solution.verify()
    assert solution.provenance["status"] == "tolerance reached"


@pytest.mark.parametrize("outputs", [1, 3])
def test_fits_with_close_points_are_certified(outputs: int) -> None:
    X, Y = doubled(1e-9, outputs=outputs, N=15)
    lam_max = vvnorm.lambda_max(X, Y)
    for ratio in (1e-2, 1e-6):
        assert vvnorm.fit(X, Y, ratio * lam_max).verify()


def test_infinitely_many_auxiliary_outputs_with_close_points() -> None:
    X, Y = doubled(1e-6, N=12)
    assert vvnorm.interpolate(X, Y, auxiliary="infinite").verify()


@pytest.mark.parametrize("penalise_bias", [True, False])
def test_biases_inside_the_norm_and_three_inputs(penalise_bias: bool) -> None:
    X, Y = doubled(1e-5, d=2 if penalise_bias else 3, N=9)
    assert vvnorm.interpolate(X, Y, penalise_bias=penalise_bias).verify()


# --- honesty ----------------------------------------------------------------------------------------------------------


def test_a_status_is_not_better_than_the_certificate() -> None:
    # Jumps of 1 within 1e-10: float64 networks meet the labels to 1e-5 only. Three inputs: the verifier rounds.
    rng = np.random.default_rng(0)
    X, _ = doubled(1e-10, N=8)
    steep = vvnorm.interpolate(X, rng.standard_normal((len(X), 3)))
    X, Y = doubled(1e-9, d=3, N=8)
    deep = vvnorm.interpolate(X, Y)
    for solution in (steep, deep):
        assert not solution.verify()
        assert solution.provenance["status"] in ("rounding is the limit", "round limit")


@pytest.mark.parametrize("d", [2, 3])
def test_a_time_limit_is_kept_and_its_gap_is_honest(d: int) -> None:
    X, Y = doubled(1e-6, d=d, N=70 if d == 2 else 45)
    vvnorm.interpolate(X, Y, time_limit=0.2)  # compiles
    began = time.monotonic()
    solution = vvnorm.interpolate(X, Y, time_limit=0.2)
    assert time.monotonic() - began < 5  # on a busy machine
    assert solution.provenance["status"] == "time limit"
    assert 0 <= solution.lower_bound <= solution.value
    assert solution.gap > solution.tol


@pytest.mark.parametrize("distance", [pytest.param(1e-5, marks=pytest.mark.slow), 1e-9])
@pytest.mark.parametrize("penalise_bias", [False, True])
def test_bounds_of_cut_searches_in_three_inputs_agree(penalise_bias: bool, distance: float) -> None:
    """25 normal points and 5 copies."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((25, 3))
    X = np.vstack([X, X[:5] + distance * rng.standard_normal((5, 3))])
    Y = np.sin(X.sum(axis=1)) + X[:, 0] ** 2
    cut = [vvnorm.interpolate(X, Y, time_limit=0.5, penalise_bias=penalise_bias, seed=seed) for seed in (0, 1)]
    assert max(solution.lower_bound for solution in cut) <= min(solution.value for solution in cut)
    for solution in cut:
        assert solution.certificate.relative_residual < 1e-12
        assert solution.gap == pytest.approx(1 - solution.lower_bound / solution.value, abs=1e-9)
        assert bool(solution.verify()) == (solution.gap <= solution.tol)
