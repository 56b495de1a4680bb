"""Large problems in the plane start from neurons that reweighting has chosen."""

from typing import Any

import numpy as np
import pytest

import vvnorm
from vvnorm.solvers.multivariate import group_lasso_newton, reweighting
from vvnorm.solvers.multivariate.coordinate_descent import sweep
from vvnorm.solvers.multivariate.group_lasso_newton import DesignBlock, DesignState, solve_design
from vvnorm.solvers.multivariate.neuron_search import Neurons


def test_new_neurons_take_the_place_of_those_beside_them() -> None:
    angles = np.array([0.3, 0.3 + 3.1, 1.2, 0.3])
    w = np.column_stack([np.cos(angles), np.sin(angles)])
    old = Neurons(w, np.array([4, 4, 4, 2]), np.array([[-1], [-1], [-1], [5]]))
    new = Neurons(w[[0, 3]], np.array([4, 5]), np.array([[-1], [2]]))
    stay, joined, weights = reweighting.renewed(old, np.array([1.0, 2.0, 4.0, 8.0]), new, 6)
    assert stay.tolist() == [False, False, True, True]  # w and -w are one neuron
    assert joined.anchor.tolist() == [4]  # a kink through points 2 and 5 is there already
    assert weights.tolist() == [3.0]


@pytest.mark.parametrize(("outputs", "options"), [(2, {}), (1, {"lam": 0.3, "loss": "huber:0.5"})])
def test_the_optimum_is_that_of_a_start_without_reweighting(
    outputs: int, options: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(outputs)
    X, Y = rng.uniform(-1, 1, (36, 2)), rng.standard_normal((36, outputs))
    Y[:5, -1] = np.nan if outputs > 1 else Y[:5, -1]
    solve = vvnorm.fit if options else vvnorm.interpolate
    plain = solve(X, Y, **options)
    monkeypatch.setattr(reweighting, "MANY", 30)
    monkeypatch.setattr(group_lasso_newton, "MANY", 20)
    solution = solve(X, Y, **options)
    assert solution.verify()
    assert solution.value == pytest.approx(plain.value, rel=2e-6)


@pytest.mark.parametrize("outputs", [1, 2])
@pytest.mark.parametrize("neurons", [3, 12])
def test_labels_of_few_neurons_are_solved_though_the_weights_of_the_others_vanish(
    neurons: int, outputs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(neurons)
    X, W, b = rng.uniform(-1, 1, (40, 2)), rng.standard_normal((neurons, 2)), rng.uniform(-0.5, 0.5, neurons)
    Y = np.maximum(X @ W.T + b, 0.0) @ rng.standard_normal((neurons, outputs))
    plain = vvnorm.interpolate(X, Y)
    monkeypatch.setattr(reweighting, "MANY", 30)
    solution = vvnorm.interpolate(X, Y)
    assert solution.verify()
    assert solution.value == pytest.approx(plain.value, rel=2e-6)


def test_a_fixed_number_of_neurons_stays_however_small_their_weights() -> None:
    eta = np.array([1e-9, 8.0, 1e-8, 1e-7, 1.0, 1e-6, 2.0, 1e-5])
    assert reweighting.heavy(eta, 2).tolist() == [False, True, False, True, True, True, True, True]
    assert reweighting.heavy(eta, 3).all()
    assert reweighting.heavy(np.array([1.0, 1.0, 1.0, 0.01, 1.0]), 1).tolist() == [True, True, True, False, True]


def test_coordinate_descent_ends_at_the_minimiser_of_block_pivoting() -> None:
    rng = np.random.default_rng(0)
    B = rng.standard_normal((60, 40))
    H, b, v = B.T @ B, rng.standard_normal(40), np.zeros(40)
    sweep(H, b, v, 400)
    minimiser, pivoted = group_lasso_newton.solve_nnqp(H, b, b > 0)
    assert pivoted
    assert minimiser is not None
    assert 5 < np.sum(minimiser > 0) < 35
    assert np.allclose(v, minimiser, atol=1e-10)


@pytest.mark.parametrize("scale", [1e-120, 1.0, 1e120])
def test_coordinate_descent_in_single_precision_guesses_where_the_minimiser_is_positive(scale: float) -> None:
    rng = np.random.default_rng(1)
    B = rng.standard_normal((60, 40)) * 10 ** rng.uniform(-4, 4, 40)
    H, b, eta = scale * B.T @ B, rng.standard_normal(40) * np.linalg.norm(B, axis=0), np.full(40, 1 / scale)
    minimiser, pivoted = group_lasso_newton.solve_nnqp(H, b, b > 0)
    assert pivoted
    assert minimiser is not None
    guess = group_lasso_newton._guess(H, b, eta)
    assert 5 < np.sum(guess) < 35
    assert np.sum(guess ^ (minimiser > 0)) <= 2


def test_block_pivoting_in_single_precision_ends_at_the_minimiser_of_a_well_conditioned_model() -> None:
    rng = np.random.default_rng(3)
    B = rng.standard_normal((60, 40))
    H, b = B.T @ B + np.eye(40), 10 * rng.standard_normal(40)
    expected, _ = group_lasso_newton.solve_nnqp(H, b, b > 0)
    minimiser, pivoted = group_lasso_newton.solve_nnqp(H.astype(np.float32), b.astype(np.float32), b > 0, exact=False)
    assert pivoted
    assert minimiser is not None
    assert expected is not None
    assert minimiser.dtype == np.float32
    assert 5 < np.sum(expected > 0) < 35
    assert np.allclose(minimiser, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("size", [1e-30, 1.0, 1e30])
@pytest.mark.parametrize("lam", [0.0, 0.1])
def test_steps_of_large_models_end_at_the_same_minimum(lam: float, size: float, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(4)
    blocks = [DesignBlock(size * rng.standard_normal((12, 60)), rng.standard_normal((12, 3)))]
    plain, _ = solve_design(blocks, lam * size, 1e-9, np.full(60, 1 / size))
    steps: list[object] = []
    stepped = group_lasso_newton._stepped

    def noted(*arguments: Any) -> DesignState | None:
        steps.append(arguments[3:])
        return stepped(*arguments)

    monkeypatch.setattr(group_lasso_newton, "MANY", 20)
    monkeypatch.setattr(group_lasso_newton, "_stepped", noted)
    large, gap = solve_design(blocks, lam * size, 1e-9, np.full(60, 1 / size))
    assert gap <= 1e-9
    assert large.value == pytest.approx(plain.value, rel=2e-9)
    assert (np.float32,) in steps
    assert () in steps


def test_equations_of_sets_that_follow_each_other_are_solved_with_one_factor(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(2)
    B = rng.standard_normal((60, 40))
    H, b, chosen = B.T @ B, rng.standard_normal(40), np.arange(40) % 3 > 0
    equations = group_lasso_newton._Equations(H, b, chosen)
    monkeypatch.setattr(group_lasso_newton, "_factor", lambda *_: pytest.fail("another factor"))
    for _ in range(12):
        *_, (v, rest) = equations.solutions(chosen)
        expected = np.zeros(40)
        expected[chosen] = np.linalg.solve(H[np.ix_(chosen, chosen)], b[chosen])
        assert np.allclose(v, expected, rtol=1e-11, atol=1e-13)
        assert np.allclose(rest, b - H @ expected, rtol=1e-11, atol=1e-11)
        chosen = chosen ^ (rng.random(40) < 0.1)  # some indices return, others are new
    first = np.arange(40) % 3 > 0
    assert equations.near(first)
    assert not equations.near(~first)
