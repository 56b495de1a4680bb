"""The master problem: against a general solver, at its symmetries, and where neurons cluster."""

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from vvnorm.solvers.multivariate import MasterSolution, group_lasso
from vvnorm.solvers.multivariate.group_lasso_ipm import least_change

Array = NDArray[np.float64]


def neurons_and_labels(N: int, d: int, K: int, T: int, seed: int = 0, spread: float | None = None) -> tuple[Array, Array]:
    """B and Z of random neurons with kinks through the data; in clusters `spread` wide, if asked."""
    rng = np.random.default_rng([N, d, K, T, seed])
    X = rng.standard_normal((N, d))
    W = rng.standard_normal((K, d))
    W /= np.linalg.norm(W, axis=1)[:, None]
    b = -np.sum(W * X[rng.integers(N, size=K)], axis=1)
    if spread is not None:
        leader = rng.integers(2 * N, size=K)
        W, b = W[leader] + spread * rng.standard_normal((K, d)), b[leader] + spread * rng.standard_normal(K)
    Q = np.linalg.qr(np.column_stack([np.ones(N), X]), mode="complete")[0][:, d + 1 :]
    return Q.T @ np.maximum(X @ W.T + b, 0.0), Q.T @ rng.standard_normal((N, T))


def lam_max(B: Array, Z: Array) -> float:
    return float(np.max(np.linalg.norm(B.T @ Z, axis=1)))


def assert_optimal(solution: MasterSolution, B: Array, Z: Array, lam: float, tol: float = 1e-8) -> None:
    """Recompute value, bound and constraints from their definitions."""
    cost = float(np.sum(np.linalg.norm(solution.V, axis=1)))
    misfit = B @ solution.V - Z
    L = solution.dual
    assert np.max(np.linalg.norm(B.T @ L, axis=1), initial=0.0) <= 1 + 1e-8
    if lam == 0:
        rounding = np.linalg.norm(Z) + np.max(np.linalg.norm(B, axis=0)) * cost
        assert np.linalg.norm(misfit) <= 1e-12 * rounding
        value, bound = cost, float(np.sum(L * Z))
    else:
        value = float(np.sum(misfit**2)) / 2 + lam * cost
        bound = lam * float(np.sum(L * Z)) - lam**2 * float(np.sum(L * L)) / 2
    assert solution.value == pytest.approx(value, rel=1e-10)
    assert solution.lower_bound == pytest.approx(bound, rel=1e-8, abs=1e-8 * value)
    assert solution.gap == pytest.approx((value - bound) / value if value else 0.0, abs=1e-8)
    assert -1e-10 <= solution.gap <= tol


def by_cvxpy(B: Array, Z: Array, lam: float) -> float:
    import cvxpy as cp

    V = cp.Variable((B.shape[1], Z.shape[1]))
    cost = cp.sum(cp.norm(V, 2, axis=1))
    if lam == 0:
        problem = cp.Problem(cp.Minimize(cost), [B @ V == Z])
    else:
        problem = cp.Problem(cp.Minimize(cp.sum_squares(B @ V - Z) / 2 + lam * cost))
    return float(problem.solve(solver=cp.CLARABEL))


@pytest.mark.parametrize("T", [1, 3, 30])
@pytest.mark.parametrize("part", [0.0, 1e-3, 0.3])
def test_value_is_that_of_a_general_solver(T: int, part: float) -> None:
    B, Z = neurons_and_labels(14, 2, 30, T)
    lam = part * lam_max(B, Z)
    solution = group_lasso(B, Z, lam)
    assert_optimal(solution, B, Z, lam)
    assert solution.value == pytest.approx(by_cvxpy(B, Z, lam), rel=1e-6)


@pytest.mark.parametrize("spread", [None, 0.0, 1e-6, 1e-3])
@pytest.mark.parametrize("part", [0.0, 1e-6, 1e-3, 0.3, 0.999])
@pytest.mark.parametrize("T", [1, 4, 40])
def test_gap_is_closed_for_scattered_and_clustered_neurons(spread: float | None, part: float, T: int) -> None:
    for seed in range(2):
        B, Z = neurons_and_labels(20, 2, 100, T, seed, spread)
        lam = part * lam_max(B, Z)
        assert_optimal(group_lasso(B, Z, lam), B, Z, lam)


def test_interpolation_that_needs_differences_within_clusters_is_exact() -> None:
    rng = np.random.default_rng(0)
    B = np.repeat(rng.standard_normal((10, 5)), 3, axis=1) + 1e-6 * rng.standard_normal((10, 15))
    Z = rng.standard_normal((10, 3))  # the directions alone span five of ten dimensions
    assert_optimal(group_lasso(B, Z), B, Z, 0.0)


@given(st.integers(0, 2**16), st.sampled_from([0.0, 1e-4, 0.1]), st.integers(-90, 90), st.integers(-90, 90))
def test_scales_permutations_and_rotations_change_nothing_else(seed: int, part: float, b_exp: int, z_exp: int) -> None:
    rng = np.random.default_rng(seed)
    B, Z = rng.standard_normal((5, 12)), rng.standard_normal((5, 3))
    lam, order = part * lam_max(B, Z), rng.permutation(12)
    rows, outputs = (np.linalg.qr(rng.standard_normal((n, n)))[0] for n in (5, 3))
    b, z = 2.0**b_exp, 2.0**z_exp
    plain = group_lasso(B, Z, lam, tol=1e-12)
    moved = group_lasso(rows @ B[:, order] * b, rows @ Z @ outputs * z, lam * b * z, tol=1e-12)
    unit = z / b if lam == 0 else z * z
    assert moved.value == pytest.approx(plain.value * unit, rel=1e-9)
    assert moved.lower_bound == pytest.approx(plain.lower_bound * unit, rel=1e-9)
    np.testing.assert_allclose(moved.V * (b / z), plain.V[order] @ outputs, atol=1e-4 * np.abs(plain.V).max())
    np.testing.assert_allclose(moved.dual * b, rows @ plain.dual @ outputs, atol=1e-4 * np.abs(plain.dual).max())


def test_more_outputs_than_dimensions_are_rotated_and_back() -> None:
    rng = np.random.default_rng(0)
    B, Z = rng.standard_normal((4, 10)), rng.standard_normal((4, 25))
    solution = group_lasso(B, Z)
    assert (solution.V.shape, solution.dual.shape) == ((10, 25), (4, 25))
    assert_optimal(solution, B, Z, 0.0)


@pytest.mark.parametrize("factor", [1.0, 1.5, 1e6])
def test_large_lam_gives_zero(factor: float) -> None:
    B, Z = neurons_and_labels(10, 2, 20, 3)
    lam = factor * lam_max(B, Z) * (1 + 1e-12)
    solution = group_lasso(B, Z, lam)
    assert not solution.V.any()
    assert solution.iterations == 0
    assert_optimal(solution, B, Z, lam, tol=1e-10)


@pytest.mark.parametrize("lam", [0.0, 0.1])
def test_zero_targets_and_zero_columns_get_zero_weight(lam: float) -> None:
    B, Z = neurons_and_labels(10, 2, 20, 3)
    still = group_lasso(B, np.zeros_like(Z), lam)
    assert not still.V.any()
    assert (still.value, still.lower_bound, still.gap) == (0.0, 0.0, 0.0)
    B[:, [3, 7]] = 0.0
    solution = group_lasso(B, Z, lam)
    assert not solution.V[[3, 7]].any()
    assert_optimal(solution, B, Z, lam)


@pytest.mark.parametrize("columns", [0, 2, 9])
def test_impossible_interpolation_is_refused_with_the_distance(columns: int) -> None:
    rng = np.random.default_rng(0)
    B = rng.standard_normal((5, 2)) @ rng.standard_normal((2, columns))
    Z = rng.standard_normal((5, 2))
    U = np.linalg.svd(B)[0][:, min(columns, 2) :]
    distance = np.linalg.norm(U.T @ Z) / np.linalg.norm(Z)
    with pytest.raises(ValueError, match=f"rank {min(columns, 2)}, and Z lies off their span by {distance:.2g}"):
        group_lasso(B, Z)
    assert_optimal(group_lasso(B, Z, 0.1), B, Z, 0.1)


def test_rank_deficient_columns_can_interpolate_what_they_span() -> None:
    rng = np.random.default_rng(0)
    B = rng.standard_normal((8, 3)) @ rng.standard_normal((3, 12))
    Z = B @ rng.standard_normal((12, 2))
    assert_optimal(group_lasso(B, Z), B, Z, 0.0)


@pytest.mark.parametrize("part", [0.0, 1e-3])
def test_warm_start_reaches_the_same_value(part: float) -> None:
    B, Z = neurons_and_labels(20, 2, 60, 3)
    lam = part * lam_max(B, Z)
    cold = group_lasso(B, Z, lam)
    warm = group_lasso(B, Z, lam, eta=cold.eta)
    assert_optimal(warm, B, Z, lam)
    assert warm.value == pytest.approx(cold.value, rel=1e-8)


@pytest.mark.parametrize("seed", [8, 23])
def test_a_warm_start_far_from_all_solutions_is_no_trap(seed: int) -> None:
    B, Z = neurons_and_labels(25, 2, 30, 1, seed)
    weights = 10.0 ** np.random.default_rng(seed).uniform(-6, 0, 30)
    assert_optimal(group_lasso(B, Z, eta=weights), B, Z, 0.0)


def test_large_problem_is_solved_in_few_steps() -> None:
    B, Z = neurons_and_labels(53, 2, 400, 20)
    began = time.process_time()
    solution = group_lasso(B, Z)
    assert time.process_time() - began < 20  # loose: fractions of a second on an idle machine
    assert solution.iterations <= 40
    assert_optimal(solution, B, Z, 0.0)


def test_least_change_leaves_columns_of_no_weight_alone() -> None:
    rng = np.random.default_rng(0)
    B, R, weights = rng.standard_normal((4, 9)), rng.standard_normal((4, 2)), rng.random(9)
    weights[[2, 5]] = 0.0
    D = least_change(B, R, weights)
    np.testing.assert_allclose(B @ D, R, atol=1e-12)
    assert not D[[2, 5]].any()
    np.testing.assert_allclose(D, weights[:, None] * (B.T @ np.linalg.solve(B * weights @ B.T, R)), atol=1e-10)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"Z": np.zeros((3, 1))}, "B must be"),
        ({"Z": np.full((2, 1), np.nan)}, "Z holds nan"),
        ({"B": np.full((2, 3), np.inf)}, "B holds inf"),
        ({"lam": -1.0}, "lam must be a non-negative finite number"),
        ({"lam": np.nan}, "lam must be a non-negative finite number"),
        ({"eta": [1.0]}, "eta must hold 3"),
        ({"eta": [1.0, -1.0, 1.0]}, "eta must hold 3"),
    ],
)
def test_bad_arguments_are_named(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        group_lasso(**({"B": np.ones((2, 3)), "Z": np.ones((2, 1))} | arguments))  # type: ignore[arg-type]
