"""Interpolation of labels that few neurons attain: the master problem's matrix is singular at the optimum."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray

import vvnorm
from vvnorm.network import row_norms
from vvnorm.solvers.multivariate import column_generation
from vvnorm.solvers.multivariate.degenerate_masters import solve_degenerate
from vvnorm.solvers.multivariate.group_lasso_newton import DesignBlock

Array = NDArray[np.float64]


def few_of_many(seed: int) -> tuple[Array, Array]:
    """Columns (12, 40) of norm 1 and targets (12, 2) that the first four columns, which are orthogonal, attain best.

    The optimal dual array L has the unit vectors of the targets' first four rows. The other columns respond with at most
    the sum of their first four entries' absolute values, which is 0.8.
    """
    rng = np.random.default_rng(seed)
    B = np.zeros((12, 40))
    B[:4, :4] = np.eye(4)
    few, more = rng.standard_normal((4, 36)), rng.standard_normal((8, 36))
    B[:4, 4:] = 0.8 * few / np.sum(np.abs(few), axis=0)
    B[4:, 4:] = more / row_norms(more.T) * np.sqrt(1 - np.sum(B[:4, 4:] ** 2, axis=0))
    return B, B[:, :4] @ rng.standard_normal((4, 2))


@pytest.mark.parametrize("unit", [1e-60, 1.0, 1e60])
@pytest.mark.parametrize("seed", range(4))
def test_bounds_enclose_the_optimum(seed: int, unit: float) -> None:
    B, Z = few_of_many(seed)
    expected = float(np.sum(row_norms(Z)))
    optimum = solve_degenerate([DesignBlock(B, unit * Z)], 1e-7, unit, np.full(40, unit), math.inf)
    assert optimum is not None
    (V,), state = optimum
    assert np.linalg.norm(B @ V - unit * Z) <= 1e-12 * unit * np.linalg.norm(Z)
    cost, bound = float(np.sum(row_norms(V))), state.gain / float(state.norms.max())
    assert bound <= expected * unit * (1 + 1e-12)
    assert expected * unit * (1 - 1e-12) <= cost <= bound * (1 + 1e-6)
    assert sorted(np.argsort(-state.eta)[:4].tolist()) == [0, 1, 2, 3]


def test_two_blocks_share_the_weights_of_neurons() -> None:
    B, Z = few_of_many(7)
    blocks = [DesignBlock(B, Z[:, :1]), DesignBlock(B, Z[:, 1:])]
    together = solve_degenerate([DesignBlock(B, Z)], 1e-7, 1.0, np.ones(40), math.inf)
    apart = solve_degenerate(blocks, 1e-7, 1.0, np.ones(40), math.inf)
    assert together is not None
    assert apart is not None
    assert np.sum(row_norms(np.hstack(apart.V))) == pytest.approx(np.sum(row_norms(together.V[0])), rel=1e-6)


def test_targets_outside_the_span_of_all_neurons_have_no_optimum() -> None:
    B, Z = few_of_many(3)
    B[0], Z[0] = 0.0, 1.0
    assert solve_degenerate([DesignBlock(B, Z)], 1e-6, 1.0, np.ones(40), math.inf) is None


@pytest.mark.parametrize(("d", "N", "neurons"), [(2, 40, 5), (2, 70, 8), (3, 24, 4)])
@pytest.mark.parametrize("missing", [False, True])
def test_interpolants_of_a_small_network_s_values_cost_no_more_than_it(
    d: int, N: int, neurons: int, missing: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(N)
    X, W, b = rng.uniform(-1, 1, (N, d)), rng.standard_normal((neurons, d)), rng.uniform(-0.5, 0.5, neurons)
    V = rng.standard_normal((neurons, 3))
    Y = np.maximum(X @ W.T + b, 0.0) @ V
    if missing:
        Y[:3, 1] = np.nan
    taken: list[bool] = []
    solve = column_generation.solve_degenerate

    def noted(*arguments: object) -> object:
        optimum = solve(*arguments)  # type: ignore[arg-type]
        taken.append(optimum is not None)
        return optimum

    monkeypatch.setattr(column_generation, "solve_degenerate", noted)
    solution = vvnorm.interpolate(X, Y)
    assert solution.verify()
    assert solution.gap <= 1e-6
    assert solution.value <= float(row_norms(W) @ row_norms(V)) * (1 + 1e-6)
    assert sum(taken) > len(taken) / 2


@pytest.mark.parametrize("noise", [1e-6, 1e-8, 1e-10])
def test_neurons_that_span_the_labels_up_to_a_little_noise_are_joined_by_others(noise: float) -> None:
    rng = np.random.default_rng(4)
    X, W, b = rng.uniform(-1, 1, (160, 2)), rng.standard_normal((6, 2)), rng.uniform(-0.5, 0.5, 6)
    Y = np.maximum(X @ W.T + b, 0.0) @ rng.standard_normal((6, 2))
    solution = vvnorm.interpolate(X, Y + noise * rng.standard_normal(Y.shape))
    assert solution.verify()
    assert solution.gap <= 1e-6


def test_without_smooth_problems_newton_s_method_goes_on_where_neurons_do_not_span_the_labels(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rng = np.random.default_rng(5)
    X, W, b = rng.uniform(-1, 1, (30, 2)), rng.standard_normal((4, 2)), rng.uniform(-0.5, 0.5, 4)
    Y = np.maximum(X @ W.T + b, 0.0) @ rng.standard_normal((4, 2))
    expected = vvnorm.interpolate(X, Y)
    monkeypatch.setattr(column_generation, "solve_degenerate", lambda *_: None)
    monkeypatch.setattr(column_generation._Generation, "_spans", lambda *_: False)
    monkeypatch.setattr(column_generation, "group_lasso", lambda *_, **__: pytest.fail("no V has B V = Z"))
    solution = vvnorm.interpolate(X, Y)
    assert solution.verify()
    assert solution.value == pytest.approx(expected.value, rel=1e-4)
