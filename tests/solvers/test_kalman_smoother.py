"""The kernels behind the regularised solver against dense linear algebra and brute force."""

import itertools
from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import nnls

from vvnorm._internal.jit import kernel
from vvnorm.solvers.univariate.fits import kalman_smoother, newton_dense

Array = NDArray[np.float64]

# Only kernels call these: they have no entry from Python, and are linked into kernels only.


@kernel(cache=False)
def forward(*args):
    return kalman_smoother.forward(*args)


@kernel(cache=False)
def carry_labels(*args):
    return kalman_smoother.carry_labels(*args)


@kernel(cache=False)
def backward(*args):
    return kalman_smoother.backward(*args)


@kernel(cache=False)
def sensitivity(*args):
    return kalman_smoother.sensitivity(*args)


@kernel(cache=False)
def solve_nnqp(*args):
    return newton_dense.solve_nnqp(*args)


class Segments(NamedTuple):
    """Data between knots: lengths, weights, centroids from the left, second moments; mean labels and fitted slopes."""

    h: Array
    n: Array
    centroid: Array
    sxx: Array
    mean: Array
    fitted: Array


def random_segments(k: int, outputs: int, seed: int, orders: float = 1.0) -> Segments:
    rng = np.random.default_rng(seed)
    h = 10.0 ** rng.uniform(-orders, orders, k - 1)
    n = rng.uniform(0.5, 20, k - 1)
    sxx = n * (h * rng.uniform(0.05, 0.3, k - 1)) ** 2
    return Segments(h, n, h * rng.uniform(0.2, 0.8, k - 1), sxx, *rng.standard_normal((2, k - 1, outputs)))


class Smoothed(NamedTuple):
    values: Array
    z: Array
    first: Array
    misfit: float
    A: Array


def smoothed(s: Segments, mu: Array, used: NDArray[np.int64] | None = None) -> Smoothed:
    """What the kernels say, all of them in turn."""
    k, T = len(s.h) + 1, s.mean.shape[1]
    info, carry, weights = np.empty((k, 3)), np.empty((k - 1, 4)), np.empty((k - 1, 4, 4))
    m1, m0, z, values = np.empty((4, k, T))
    first = np.empty((2, T))
    used = np.arange(1, k - 1) if used is None else used
    A = np.empty((len(used), len(used)))
    forward(s.h, s.n, s.centroid, s.sxx, mu, info, carry, weights, np.empty((4, 6)))
    misfit = carry_labels(weights, s.mean, s.fitted, 0, T, m1, m0)
    backward(s.h, mu, info, m1, m0, 0, T, z, values, first)
    sensitivity(s.h, mu, info, carry, used, np.empty((len(used) + 2, len(used))), A)
    return Smoothed(values, z, first, misfit, A)


class Dense(NamedTuple):
    G: Array
    B: Array
    D: Array
    rows: Array
    targets: Array


def dense(s: Segments) -> Dense:
    """The same problem for the values at the knots: squares of `rows @ C - targets`, jumps D C."""
    k = len(s.h) + 1
    E, slope = np.eye(k), np.diff(np.eye(k), axis=0) / s.h[:, None]
    place = (s.centroid / s.h)[:, None]
    rows = np.vstack([np.sqrt(s.n)[:, None] * ((1 - place) * E[:-1] + place * E[1:]), np.sqrt(s.sxx)[:, None] * slope])
    targets = np.vstack([np.sqrt(s.n)[:, None] * s.mean, np.sqrt(s.sxx)[:, None] * s.fitted])
    return Dense(rows.T @ rows, rows.T @ targets, np.diff(slope, axis=0), rows, targets)


def by_kkt(d: Dense, mu: Array) -> tuple[Array, Array]:
    """Values and dual variables from G C + D' z = B, D C = mu z, which holds for mu = 0, too."""
    k, inner = len(d.G), mu[1:-1]
    matrix = np.block([[d.G, d.D.T], [d.D, -np.diag(inner)]])
    scale = 1 / np.sqrt(np.maximum(np.abs(matrix).max(axis=1), 1e-300))
    right = np.vstack([d.B, np.zeros((k - 2, d.B.shape[1]))])
    solution = scale[:, None] * np.linalg.solve(scale[:, None] * matrix * scale, scale[:, None] * right)
    return solution[:k], solution[k:]


def multipliers(k: int, kind: str, seed: int = 0) -> Array:
    rng = np.random.default_rng(seed)
    mu = np.zeros(k)
    inner = {
        "zero": np.zeros(k - 2),
        "moderate": 10.0 ** rng.uniform(-2, 2, k - 2),
        "some zero": 10.0 ** rng.uniform(-2, 2, k - 2) * (rng.random(k - 2) < 0.5),
        "huge": 10.0 ** rng.uniform(6, 8, k - 2),
        "mixed": 10.0 ** rng.uniform(-8, 8, k - 2),
    }[kind]
    mu[1:-1] = inner
    return mu


KINDS = ["zero", "moderate", "some zero", "huge", "mixed"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("k", [2, 3, 5, 12, 40])
@pytest.mark.parametrize("outputs", [1, 3])
def test_the_smoother_solves_the_dense_problem(kind: str, k: int, outputs: int) -> None:
    s, mu = random_segments(k, outputs, seed=k), multipliers(k, kind, k)
    d = dense(s)
    C, z = by_kkt(d, mu)
    result = smoothed(s, mu)
    np.testing.assert_allclose(result.values, C, rtol=1e-7, atol=1e-7)
    np.testing.assert_allclose(result.z[1:-1], z, rtol=1e-6, atol=1e-7 * (1 + np.abs(z).max(initial=0)))
    np.testing.assert_array_equal(result.z[[0, -1]], 0)
    np.testing.assert_allclose(result.first, [C[0], (C[1] - C[0]) / s.h[0]], rtol=1e-6, atol=1e-6)
    least = np.sum((d.rows @ C - d.targets) ** 2) + np.sum(mu[1:-1, None] * z**2)
    assert result.misfit == pytest.approx(least, rel=1e-8, abs=1e-12)


@pytest.mark.parametrize("kind", ["zero", "moderate", "some zero", "mixed"])
@pytest.mark.parametrize("k", [3, 5, 12, 40])
def test_sensitivities_are_the_inverse_of_the_dual_matrix(kind: str, k: int) -> None:
    s, mu = random_segments(k, 1, seed=k + 1, orders=0.5), multipliers(k, kind, k)
    d = dense(s)
    P = d.D @ np.linalg.solve(d.G, d.D.T)
    expected = np.linalg.inv(P + np.diag(mu[1:-1]))
    A = smoothed(s, mu).A
    np.testing.assert_allclose(A, expected, rtol=1e-5, atol=1e-7 * np.abs(expected).max())
    np.testing.assert_allclose(A, A.T, atol=1e-10 * np.abs(A).max())
    used = np.sort(np.random.default_rng(k).choice(np.arange(1, k - 1), max(1, (k - 2) // 2), replace=False))
    mu[np.setdiff1d(np.arange(k), used)] = 0.0  # knots left out have to be idle
    A = smoothed(s, mu).A
    np.testing.assert_allclose(
        smoothed(s, mu, used).A, A[np.ix_(used - 1, used - 1)], rtol=1e-9, atol=1e-12 * np.abs(A).max()
    )


def test_sensitivities_are_derivatives_of_the_dual_variables() -> None:
    """dz_i / dmu_j = -A_ij z_j."""
    s, mu = random_segments(9, 1, seed=3), multipliers(9, "moderate", 3)
    result = smoothed(s, mu)
    for j in range(1, 8):
        step = np.zeros(9)
        step[j] = 1e-5 * mu[j]
        slope = (smoothed(s, mu + step).z - smoothed(s, mu - step).z)[1:-1, 0] / (2 * step[j])
        np.testing.assert_allclose(slope, -result.A[:, j - 1] * result.z[j, 0], rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("empty", [[0], [4], [2, 3], [0, 1], [3, 4], [0, 4]])
@pytest.mark.parametrize("kind", ["moderate", "some zero", "huge"])
def test_segments_without_data_are_bridged(empty: list[int], kind: str) -> None:
    s, mu = random_segments(6, 2, seed=5), multipliers(6, kind, 5)
    s.n[empty] = s.sxx[empty] = 0.0
    C, z = by_kkt(dense(s), mu)
    result = smoothed(s, mu)
    np.testing.assert_allclose(result.values, C, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(result.z[1:-1], z, rtol=1e-6, atol=1e-6)


def test_one_data_point_at_one_place_of_each_segment_is_enough() -> None:
    s = random_segments(7, 1, seed=6)
    s.sxx[:] = 0.0
    mu = multipliers(7, "moderate", 6)
    C, z = by_kkt(dense(s), mu)
    result = smoothed(s, mu)
    np.testing.assert_allclose(result.values, C, rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(result.z[1:-1], z, rtol=1e-8, atol=1e-8)


def test_no_multiplier_is_the_least_squares_line_and_huge_ones_follow_the_segments() -> None:
    s = random_segments(8, 2, seed=7)
    d = dense(s)
    line = smoothed(s, np.zeros(8))
    np.testing.assert_allclose(d.D @ line.values, 0, atol=1e-10)
    basis = np.column_stack([np.ones(8), np.concatenate([[0], np.cumsum(s.h)])])
    best = basis @ np.linalg.lstsq(d.rows @ basis, d.targets, rcond=None)[0]
    np.testing.assert_allclose(line.values, best, rtol=1e-10, atol=1e-10)
    free = smoothed(s, np.concatenate([[0], np.full(6, 1e14), [0]]))
    np.testing.assert_allclose(free.values, np.linalg.lstsq(d.rows, d.targets, rcond=None)[0], rtol=1e-8, atol=1e-8)


def test_outputs_between_two_limits_are_all_that_is_set() -> None:
    s, mu = random_segments(6, 4, seed=8), multipliers(6, "moderate", 8)
    k, T = 6, 4
    info, carry, weights = np.empty((k, 3)), np.empty((k - 1, 4)), np.empty((k - 1, 4, 4))
    m1, m0, z, values = np.full((4, k, T), np.nan)
    first = np.full((2, T), np.nan)
    forward(s.h, s.n, s.centroid, s.sxx, mu, info, carry, weights, np.empty((4, 6)))
    carry_labels(weights, s.mean, s.fitted, 1, 3, m1, m0)
    backward(s.h, mu, info, m1, m0, 1, 3, z, values, first)
    whole = smoothed(s, mu)
    np.testing.assert_allclose(values[:, 1:3], whole.values[:, 1:3], rtol=1e-13)
    np.testing.assert_allclose(z[:, 1:3], whole.z[:, 1:3], rtol=1e-12, atol=1e-13)
    for array in (values, z, first, m1, m0):
        assert np.isnan(array[:, [0, 3]]).all()
        assert np.isfinite(array[:, 1:3]).all()


# --- minimum over non-negative variables ------------------------------------------------------------------------------


def minimised(H: Array, b: Array, chosen: NDArray[np.bool_]) -> Array:
    m = len(b)
    v = np.empty(m)
    workspace = (np.empty((m + 2, m)), np.empty(m), np.empty(m, dtype=np.int64), np.empty(m, dtype=np.bool_))
    goes_on = np.zeros(1, dtype=np.int64)
    solve_nnqp(H, b, chosen.copy(), v, *workspace, goes_on)
    return v


def objective(H: Array, b: Array, v: Array) -> float:
    return float(v @ H @ v / 2 - b @ v)


def least_by_brute_force(H: Array, b: Array) -> float:
    """The least value over all faces whose minimiser is admissible."""
    m, least = len(b), 0.0
    for size in range(1, m + 1):
        for face in itertools.combinations(range(m), size):
            v = np.zeros(m)
            v[list(face)] = np.linalg.lstsq(H[np.ix_(face, face)], b[list(face)], rcond=None)[0]
            if np.all(v >= -1e-12):
                least = min(least, objective(H, b, np.maximum(v, 0)))
    return least


@pytest.mark.parametrize("guess", ["none", "all", "random"])
@pytest.mark.parametrize("m", [1, 2, 3, 6])
def test_minima_over_nonnegative_variables_are_those_of_brute_force(m: int, guess: str) -> None:
    for seed in range(20):
        rng = np.random.default_rng(seed)
        A = rng.standard_normal((m + 1, m)) * 10.0 ** rng.uniform(-2, 2, m)
        H, b = A.T @ A, rng.standard_normal(m)
        chosen = {"none": np.zeros(m), "all": np.ones(m), "random": rng.random(m) < 0.5}[guess].astype(np.bool_)
        v = minimised(H, b, chosen)
        assert np.all(v >= 0)
        assert objective(H, b, v) == pytest.approx(least_by_brute_force(H, b), rel=1e-8, abs=1e-12)


@pytest.mark.parametrize("m", [20, 100])
def test_minima_over_nonnegative_variables_are_those_of_nnls(m: int) -> None:
    for seed in range(5):
        rng = np.random.default_rng(seed)
        A, y = rng.standard_normal((2 * m, m)) + 0.3, rng.standard_normal(2 * m)
        v = minimised(A.T @ A, A.T @ y, rng.random(m) < 0.5)
        np.testing.assert_allclose(v, nnls(A, y)[0], rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("defect", [0.0, 1e-12, 1e-8])
def test_singular_matrices_with_the_solver_s_ridge_are_no_trouble(defect: float) -> None:
    """Two variables that do the same thing, and one that does nothing: only the value is determined."""
    for seed in range(10):
        rng = np.random.default_rng(seed)
        A = rng.standard_normal((8, 5))
        A[:, 1] = A[:, 0] + defect * rng.standard_normal(8)
        A[:, 4] *= defect
        y = rng.standard_normal(8)
        H, b = A.T @ A, A.T @ y
        H[np.diag_indices(5)] *= 1 + 1e-12
        v = minimised(H, b, rng.random(5) < 0.5)
        assert np.all(np.isfinite(v))
        assert np.all(v >= 0)
        kept = A[:, :4]
        least = objective(kept.T @ kept, kept.T @ y, nnls(kept, y)[0])
        assert objective(H, b, v) <= least + 1e-6 * max(1.0, abs(least))


def test_nothing_to_gain_is_zero() -> None:
    H = np.array([[2.0, 1.0], [1.0, 2.0]])
    np.testing.assert_array_equal(minimised(H, np.array([-1.0, -2.0]), np.array([True, True])), 0)
    np.testing.assert_array_equal(minimised(H, np.zeros(2), np.array([False, False])), 0)
    assert minimised(np.empty((0, 0)), np.empty(0), np.empty(0, dtype=np.bool_)).shape == (0,)
