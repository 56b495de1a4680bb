"""Pareto fronts against convex programs that constrain the VV norm, random networks, symmetries, and forgery."""

import itertools
from dataclasses import replace
from functools import cache

import cvxpy as cp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vvnorm import ParetoFront, ReLUNetwork, fit, interpolate, pareto_front
from vvnorm.api.fits import warm_fits
from vvnorm.solvers.reference import _FitProgram, _solve, plane_dictionary
from vvnorm.verifier.front import DualWitness

TOL = 1e-6
MIXES = [
    ("squared", "squared"),
    ("logistic", "squared"),
    ("hinge", "squared"),
    ("one_class", "huber:0.3"),
    ("hinge", "hinge"),
]


def problem(names=("squared", "squared"), n=16, seed=0, d=1):
    """Inputs, labels that compete for kinks, and weights; one label is missing."""
    rng = np.random.default_rng([seed, n, d])
    X = np.cumsum(rng.uniform(0.2, 1, n)) if d == 1 else rng.standard_normal((n, d))
    at = X if d == 1 else X.sum(axis=1)
    Y = np.column_stack([np.sin((1 + t) * at) + 0.3 * rng.standard_normal(n) for t in range(len(names))])
    for t, name in enumerate(names):
        if name in ("logistic", "hinge"):
            Y[:, t] = Y[:, t] > 0
    Y[3, 1] = np.nan
    return X, Y, rng.uniform(0.5, 2, Y.shape)


def program_value(X, Y, budget, names, weights, mixture):
    """Least a.L at the budget, by CVXPY: no lam, no networks."""
    program = _FitProgram(X, Y, names, weights, True)
    loss = sum(share * loss_of_task for share, loss_of_task in zip(mixture, program.losses, strict=True))
    limit = program.cost <= budget * program.reach / program.height
    whole = cp.Problem(cp.Minimize(loss), [*program.constraints, limit])
    _solve(whole)
    return whole.value * program.height**2 * program.heaviest


def plane_value(X, Y, budget, weights, mixture):
    """The same in the plane for squared losses, over a dictionary: from above."""
    W, b = plane_dictionary(X, 15, 0)
    V, A = cp.Variable((len(b), 2)), cp.Variable((3, 2))
    fitted = np.maximum(X @ W.T + b, 0) @ V + np.column_stack([np.ones(len(X)), X]) @ A
    here = np.where(np.isnan(Y), 0.0, np.sqrt(weights * mixture))
    loss = cp.sum_squares(cp.multiply(here, fitted - np.nan_to_num(Y))) / 2
    return cp.Problem(cp.Minimize(loss), [cp.sum(cp.norm(V, 2, axis=1)) <= budget]).solve(cp.CLARABEL)


@pytest.fixture(scope="module")
def front():
    X, Y, weights = problem()
    return pareto_front(X, Y, 3.0, weights=weights, mixtures=21)


# --- what it finds ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("budget", [0.0, 1.0, 6.0])
@pytest.mark.parametrize("names", MIXES)
def test_points_and_bounds_are_those_of_the_convex_program(names, budget):
    X, Y, weights = problem(names)
    mixtures = np.array([[0.2, 0.8], [0.5, 0.5], [0.9, 0.1]])
    traced = pareto_front(X, Y, budget, loss=names, weights=weights, mixtures=mixtures, tol=TOL)
    assert traced.verify()
    for m, mixture in enumerate(mixtures):
        value = program_value(X, Y, budget, names, weights, mixture)
        size = value + traced.supports[m].lam * budget
        assert mixture @ traced.losses[m] == pytest.approx(value, abs=3 * TOL * size)
        assert traced.bounds[m] <= value + TOL * size
        assert traced.bounds[m] == pytest.approx(value, abs=3 * TOL * size)
    np.testing.assert_allclose(traced.vv_norms, budget, rtol=1e-12)


def test_points_and_bounds_in_the_plane_are_those_of_a_dense_dictionary():
    X, Y, weights = problem(n=10, d=2)
    mixtures = np.array([[0.3, 0.7], [0.8, 0.2]])
    traced = pareto_front(X, Y, 2.0, weights=weights, mixtures=mixtures)
    assert traced.verify()
    for m, mixture in enumerate(mixtures):
        above = plane_value(X, Y, 2.0, weights, mixture)
        assert traced.bounds[m] <= above * (1 + TOL)
        assert mixture @ traced.losses[m] == pytest.approx(above, rel=0.01)
        assert mixture @ traced.losses[m] <= above * (1 + TOL)


def test_points_keep_to_the_budget_and_are_proved(front):
    assert front.verify()
    assert len(front) == 21
    assert np.all(front.vv_norms <= 3.0)
    np.testing.assert_allclose(front.vv_norms, 3.0, rtol=1e-12)
    assert np.all(front.gaps <= TOL)
    np.testing.assert_allclose(front.mixtures.sum(axis=1), 1)


def test_the_front_falls_and_is_convex(front):
    first, second = front.losses[::-1].T
    assert np.all(np.diff(first[1:-1]) < 0)
    assert np.all(np.diff(second[1:-1]) > 0)
    slopes = np.diff(second[1:-1]) / np.diff(first[1:-1])
    assert np.all(np.diff(slopes) <= 1e-3 * np.abs(slopes[:-1]))
    assert np.all(front.losses @ front.mixtures.T >= front.bounds)


def test_ends_are_the_best_of_one_task_with_the_other_affine(front):
    X, Y, weights = problem()
    for end, t in ((0, 0), (-1, 1)):
        np.testing.assert_array_equal(front.mixtures[end], np.eye(2)[t])
        alone = pareto_front(X, Y[:, t], 3.0, weights=weights[:, t], mixtures=1)
        assert front.losses[end, t] == pytest.approx(alone.losses[0, 0], rel=1e-4)
        assert not front.networks[end].V[1 - t].any()
    affine = pareto_front(X, Y, 0.0, weights=weights, mixtures=3)
    np.testing.assert_allclose(affine.losses, affine.losses[[0, 0, 0]], rtol=1e-9)
    assert front.losses[0, 1] == pytest.approx(affine.losses[1, 1])


def test_more_vv_norm_lowers_the_bound_ever_less():
    X, Y, weights = problem()
    budgets = (0, 0.5, 1, 2, 4, 8)
    values = [pareto_front(X, Y, C, weights=weights, mixtures=[[0.5, 0.5]]).bounds[0] for C in budgets]
    slopes = np.diff(values) / np.diff(budgets)
    assert np.all(slopes < 0)
    assert np.all(np.diff(slopes) > 0)  # ever less


def test_from_the_interpolants_norm_on_all_losses_are_nil():
    rng = np.random.default_rng(1)
    x, Y = np.cumsum(rng.uniform(0.5, 1, 9)), rng.standard_normal((9, 2))
    least = interpolate(x, Y).value
    for budget in (least, 2 * least):
        traced = pareto_front(x, Y, budget, mixtures=3)
        assert traced.verify()
        np.testing.assert_allclose(traced.losses[1], 0, atol=1e-24)
        assert traced.vv_norms[1] == pytest.approx(least)
    below = pareto_front(x, Y, 0.99 * least, mixtures=3)
    assert below.losses[1].min() > 1e-6
    assert below.bounds[1] > 1e-6


@pytest.mark.parametrize("scale", [1.0, 64.0, 2.0**300])
def test_one_task_that_the_budget_interpolates_exactly(scale):
    """Its loss is 0 to the last bit, and no multiple of it is a lam."""
    Y = np.array([[0.0, 1.0], [1.0, 0.0], [1.5, 2.0], [1.0, 0.0], [0.0, 1.0]])
    front = pareto_front(scale * np.arange(5.0), Y, 4.0 / scale, mixtures=[[1, 0], [1, 1]])
    assert front.losses[0, 0] == 0
    assert front.gaps[0] == 0
    assert front.verify()


@pytest.mark.parametrize(
    ("names", "d"),
    [
        (("squared", "logistic"), 1),
        (("one_class:0.3", "hinge"), 1),
        (("huber:0.5", "squared"), 1),
        (("squared", "huber:0.5"), 2),
    ],
)
def test_where_repeated_inputs_have_other_labels_no_vv_norm_lowers_the_losses_further(names, d):
    """The least loss is attained at each input separately; a larger budget changes nothing."""
    rng = np.random.default_rng(7)
    places = np.arange(9.0) if d == 1 else np.argwhere(np.ones((3, 3))).astype(float)
    X = np.concatenate([places] * 4)
    Y, weights = rng.standard_normal((36, 2)), rng.uniform(0.5, 2, (36, 2))
    for t, name in enumerate(names):
        if name in ("logistic", "hinge"):
            Y[:, t] = np.arange(36) // 9 % 2  # both classes at every input
    traced = pareto_front(X, Y, 1e3, loss=names, weights=weights, mixtures=5)
    assert traced.verify()
    least = np.zeros(2)
    for place, t in itertools.product(places, range(2)):
        here = np.flatnonzero((place == X) if d == 1 else (place == X).all(axis=1))
        least[t] += fit(np.zeros(len(here)), Y[here, t], 1.0, loss=names[t], weights=weights[here, t]).value
    np.testing.assert_allclose(traced.losses[1:-1], np.tile(least, (3, 1)), rtol=1e-5)


def test_where_costs_jump_networks_are_mixed():
    x, Y = np.arange(8.0), np.column_stack([np.arange(8) % 2, np.arange(8) // 2 % 2])
    costs = [fit(x, Y, lam, loss="hinge", weights=[[0.5]] * 8).vv_norm for lam in np.geomspace(1e-2, 1, 60)]
    budget = max(itertools.pairwise(costs), key=lambda pair: pair[0] - pair[1])
    assert budget[0] > budget[1] + 0.5  # there is a jump
    traced = pareto_front(x, Y, float(np.mean(budget)), loss="hinge", mixtures=[[0.5, 0.5]])
    assert traced.verify()
    assert traced.vv_norms[0] == pytest.approx(np.mean(budget), rel=1e-12)


def test_a_fit_that_failed_is_no_end_of_a_bracket(front, monkeypatch):
    """Fits with corners fail at some lam: they say so by their gap, and return a line."""
    calls = []

    def failing(X, Y, **options):
        fit_next = warm_fits(X, Y, **options)

        def fit_or_fail(lam, start, left):
            calls.append(lam)
            solution, ahead = fit_next(lam, start, left)
            if len(calls) % 3 != 2:
                return solution, ahead
            line, _ = fit_next(1e3 * lam, None, left)
            return replace(
                solution, network=line.network, knot_solution=replace(line.knot_solution, dual=np.zeros(Y.shape))
            ), start

        return fit_or_fail

    X, Y, weights = problem()
    monkeypatch.setattr("vvnorm.multitask.pareto.warm_fits", failing)
    traced = pareto_front(X, Y, 3.0, weights=weights, mixtures=front.mixtures[5:8])
    assert len(calls) > 8
    assert traced.verify()
    np.testing.assert_allclose(traced.losses, front.losses[5:8], rtol=1e-3)


@cache
def small_front():
    x, Y, weights = problem(n=8)
    return pareto_front(x, Y, 1.5, weights=weights, mixtures=3)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**16), st.floats(0.1, 10))
def test_no_network_of_the_budget_is_below_a_bound(seed, spread):
    rng, traced = np.random.default_rng(seed), small_front()
    V = rng.standard_normal((2, 5))
    W, b = rng.standard_normal((5, 1)), spread * rng.standard_normal(5)
    f = ReLUNetwork(W, b, V, rng.standard_normal((2, 1)), rng.standard_normal(2))
    f = ReLUNetwork(W, b, V * (1.5 / f.vv_norm), f.A, f.c)
    reached = traced.data.task_losses(f)
    assert np.all(traced.mixtures @ reached >= traced.bounds)
    lower, upper = traced.excess(reached)
    assert 0 <= lower[0] <= upper[0] <= 1


@pytest.mark.parametrize(("x_unit", "y_units"), [(1e3, (1.0, 1.0)), (1.0, (1e4, 1e4)), (1e-4, (1e-3, 1e-3))])
def test_units_of_inputs_and_labels_change_units_of_the_front_only(front, x_unit, y_units):
    X, Y, weights = problem()
    unit = np.array(y_units)
    other = pareto_front(X * x_unit, Y * unit, 3.0 * unit[0] / x_unit, weights=weights, mixtures=21)
    assert other.verify()
    np.testing.assert_allclose(other.mixtures, front.mixtures, atol=1e-9)
    np.testing.assert_allclose(other.losses / unit**2, front.losses, rtol=1e-3)
    np.testing.assert_allclose(other.mixtures @ (other.losses / unit**2).T, front.mixtures @ front.losses.T, rtol=1e-3)


def test_the_grid_is_in_units_of_the_affine_losses():
    X, Y, weights = problem()
    plain = pareto_front(X, Y, 3.0, weights=weights, mixtures=5)
    heavier = pareto_front(X, Y, 3.0, weights=weights * [1, 100], mixtures=5)
    np.testing.assert_allclose(heavier.losses[1:-1] / [1, 100], plain.losses[1:-1], rtol=1e-3)


def test_order_of_rows_and_scale_of_mixtures_do_not_matter(front):
    X, Y, weights = problem()
    order = np.random.default_rng(0).permutation(len(X))
    other = pareto_front(X[order], Y[order], 3.0, weights=weights[order], mixtures=1e-3 * front.mixtures[4:7])
    np.testing.assert_allclose(other.losses, front.losses[4:7], rtol=1e-3)
    np.testing.assert_allclose(other.bounds, front.bounds[4:7], rtol=1e-5)


# --- tasks and mixtures -----------------------------------------------------------------------------------------------


def test_tasks_are_groups_of_outputs():
    X, Y, weights = problem(("squared",) * 3)
    traced = pareto_front(X, Y, 3.0, weights=weights, tasks=[[2, 0], 1], mixtures=5)
    assert traced.data.tasks == ((2, 0), (1,))
    assert traced.verify()
    middle = traced.networks[2](X)
    by_output = np.nansum(weights * (middle - Y) ** 2 / 2, axis=0)
    assert traced.losses[2] == pytest.approx([by_output[0] + by_output[2], by_output[1]])
    each = pareto_front(X, Y, 3.0, weights=weights, mixtures=traced.mixtures[2:3][:, [0, 1, 0]])
    scale = traced.mixtures[2] @ traced.losses[2]
    assert each.mixtures[0] @ each.losses[0] * traced.mixtures[2][[0, 1, 0]].sum() == pytest.approx(scale, rel=1e-5)


def test_grids_are_lattices_with_an_inner_mixture():
    X, Y, _ = problem(("squared",) * 3, n=7)
    assert len(pareto_front(X, Y[:, 0], 1.0)) == 1
    assert len(pareto_front(X, Y, 1.0, mixtures=10)) == 10
    few = pareto_front(X, Y, 1.0, mixtures=3).mixtures
    assert sorted((few > 0).sum(axis=1)) == [1, 1, 1, 3]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"vv_norm": -1.0}, ValueError, r"vv_norm must be a non-negative finite number, got -1.0"),
        ({"vv_norm": np.nan}, ValueError, r"vv_norm must be a non-negative finite number, got nan"),
        ({"vv_norm": np.inf}, ValueError, r"vv_norm .* got inf"),
        ({"vv_norm": "1"}, TypeError, r"vv_norm must be a number, got '1'"),
        ({"mixtures": [[0.5, -0.5]]}, ValueError, r"mixtures holds -0.5 at row 0, column 1"),
        ({"mixtures": [[1, 1], [0, 0]]}, ValueError, r"mixtures are all 0 at row 1"),
        ({"mixtures": [[1, np.nan]]}, ValueError, r"mixtures holds nan"),
        ({"mixtures": [[1, 1, 1]]}, ValueError, r"mixtures has shape \(1, 3\); there are 2 tasks"),
        ({"mixtures": 1}, ValueError, r"mixtures must be at least 2, got 1"),
        ({"mixtures": 0.5}, TypeError, r"mixtures must be a whole number, got 0.5"),
        ({"mixtures": True}, TypeError, r"mixtures must be a whole number, got True"),
        ({"tasks": [0]}, ValueError, r"tasks leaves out output 1"),
        ({"tasks": [0, [1, 0]]}, ValueError, r"tasks names output 0 more than once"),
        ({"tasks": [0, 1, 2]}, ValueError, r"tasks names output 2, but Y has 2 outputs"),
        ({"tasks": [0, []]}, TypeError, r"tasks: \[\] is neither"),
        ({"tasks": ["a", 1]}, TypeError, r"tasks: 'a' is neither"),
        ({"tasks": 2}, TypeError, r"tasks must be a sequence"),
        ({"tasks": [0.5, 1]}, TypeError, r"tasks: 0.5 is neither"),
        ({"tol": 0}, ValueError, r"tol must lie between 0 and 1"),
        ({"loss": "cubic"}, ValueError, r"loss 'cubic' is unknown"),
        ({"weights": [-1.0] * 16}, ValueError, r"weights holds -1.0"),
        ({"seed": -1}, ValueError, r"seed must be at least 0"),
    ],
)
def test_bad_arguments_are_named(options, error, message):
    X, Y, _ = problem()
    with pytest.raises(error, match=message):
        pareto_front(X, Y, **({"vv_norm": 1.0} | options))


def test_losses_with_corners_are_refused_for_several_inputs():
    X, Y, _ = problem(d=2)
    with pytest.raises(ValueError, match="loss 'one_class' has a corner"):
        pareto_front(X, Y, 1.0, loss=["squared", "one_class"])


@pytest.mark.parametrize("budget", [0.0, 1.0, 50.0])
def test_without_a_skip_connection(budget):
    x, Y, _ = problem(n=7)
    traced = pareto_front(x, Y, budget, mixtures=[[0.5, 0.5]], skip=False)
    assert traced.verify()
    assert not traced.networks[0].A.any()
    assert traced.vv_norms[0] <= budget


@pytest.mark.parametrize(
    ("x", "Y"),
    [
        ([1, 1, 1], [[0, 1], [1, 2], [3, 1]]),
        ([1, 2], [[0, 1], [1, 2]]),
        ([1, 2, 3], [[0, 1], [1, 2], [2, 3]]),
        ([1, 2, 3, 4], [[0, 1], [1, 2], [2, 3], [3, 1]]),
        ([1, 2, 3, 4], np.zeros((4, 2))),
        ([1, 1, 2, 2, 3, 3, 4], np.arange(14).reshape(7, 2) % 3),
    ],
    ids=["one input", "two points", "affine", "one affine", "nil", "repeats"],
)
def test_degenerate_data(x, Y):
    for budget in (0, 0.5, 100):
        assert pareto_front(x, Y, budget, mixtures=3).verify()


def test_classes_that_a_line_separates_are_as_good_as_fitted():
    x = np.arange(10.0)
    Y = np.column_stack([x > 5, np.random.default_rng(0).standard_normal(10)])
    traced = pareto_front(x, Y, 2.0, loss=["logistic", "squared"], mixtures=5)
    assert traced.verify()
    assert np.all(traced.losses[:, 0] < 1e-6)
    assert traced.losses[-1, 1] == pytest.approx(pareto_front(x, Y[:, 1], 2.0).losses[0, 0], rel=1e-5)


# --- other networks ---------------------------------------------------------------------------------------------------


def test_points_of_the_front_have_no_excess(front):
    lower, upper = front.excess(front.losses[1:-1])
    np.testing.assert_allclose(lower, 0, atol=1e-6)
    np.testing.assert_allclose(upper, 0, atol=1e-5)


@pytest.mark.parametrize("factor", [1.01, 2.0, 50.0])
def test_dominated_points_have_the_excess_of_their_factor(front, factor):
    lower, upper = front.excess(factor * front.losses[1:-1])
    np.testing.assert_allclose(lower, 1 - 1 / factor, atol=1e-6)
    np.testing.assert_allclose(upper, 1 - 1 / factor, atol=1e-5)


def test_the_interval_contains_what_a_finer_front_shows(front):
    X, Y, weights = problem()
    coarse = pareto_front(X, Y, 3.0, weights=weights, mixtures=4)
    points = np.random.default_rng(0).uniform(1, 3, (10, 2)) * front.losses[[8] * 10]
    lower, upper = coarse.excess(points)
    fine_lower, fine_upper = front.excess(points)
    assert np.all(lower <= fine_upper + 1e-9)
    assert np.all(upper >= fine_lower - 1e-9)
    assert np.all(fine_upper - fine_lower < 0.01)
    assert np.all(upper - lower >= fine_upper - fine_lower - 1e-9)


def test_networks_of_another_cost_are_compared_at_theirs(front):
    X, Y, weights = problem()
    richer = pareto_front(X, Y, 3.3, weights=weights, mixtures=front.mixtures[8:13])
    with pytest.raises(ValueError, match="lower than any network's of VV norm 3"):
        front.excess(richer.losses)
    lower, upper = front.excess(richer.losses, richer.vv_norms)
    np.testing.assert_allclose(lower, 0, atol=1e-9)  # such a network is best at its cost
    assert np.all(upper >= 0)
    assert np.all(upper < 0.05)
    poorer = pareto_front(X, Y, 2.0, weights=weights, mixtures=front.mixtures[8:13])
    at_budget, spent = front.excess(poorer.losses), front.excess(poorer.losses, poorer.vv_norms)
    np.testing.assert_array_equal(at_budget, spent)
    assert np.all(spent[0] > 0.01)


def test_losses_of_zero(front):
    X, Y, weights = problem()
    rich = pareto_front(X, Y, 1e4, weights=weights, mixtures=3)
    assert [float(bound[0]) for bound in rich.excess([0.0, 0.0])] == [0, 0]
    lower, upper = rich.excess([0.0, 1.0])
    assert lower[0] == 0
    assert upper[0] == 1
    with pytest.raises(ValueError, match="lower than any network's"):
        front.excess([0.0, 0.0])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1.0, 2.0, 3.0],), "losses has 3 columns; there are 2 tasks"),
        (([-1.0, 2.0],), "losses holds -1.0; it must not be negative"),
        (([np.nan, 2.0],), "losses holds nan"),
        (([9.0, 9.0], [1.0, 2.0]), "vv_norms has shape"),
        (([9.0, 9.0], -1.0), "vv_norms holds -1.0"),
    ],
)
def test_bad_losses_are_named(front, arguments, message):
    with pytest.raises(ValueError, match=message):
        front.excess(*arguments)


# --- forgery ----------------------------------------------------------------------------------------------------------


def _moved(array, m, amount):
    array = array.copy()
    array[m] += amount
    return array


def _swapped(front: ParetoFront, m: int, **weights) -> ParetoFront:
    networks = list(front.networks)
    f = networks[m]
    networks[m] = ReLUNetwork(f.W, f.b, weights.get("V", f.V), weights.get("A", f.A), weights.get("c", f.c))
    return replace(front, networks=tuple(networks))


def test_changed_numbers_are_found(front):
    assert "bound is recorded" in replace(front, bounds=_moved(front.bounds, 4, 1e-6)).verify().problems[0]
    assert "VV norm is recorded" in replace(front, vv_norms=_moved(front.vv_norms, 4, -1e-6)).verify().problems[0]
    assert "gap is recorded" in replace(front, gaps=_moved(front.gaps, 4, 1e-7)).verify().problems[0]
    problems = replace(front, losses=_moved(front.losses, 4, -1e-6)).verify().problems
    assert [line.split(" is recorded")[0] for line in problems] == [
        "mixture 4: loss 0", "mixture 4: loss 1", "mixture 4: weighted loss",
    ]  # fmt: skip


def test_changed_networks_supports_and_data_are_found(front):
    f = front.networks[5]
    assert any("VV norm" in line for line in _swapped(front, 5, V=1.1 * f.V).verify().problems)
    assert any("loss 0" in line for line in _swapped(front, 5, c=f.c + 1e-3).verify().problems)
    supports = list(front.supports)
    supports[5] = replace(supports[5], lam=1.5 * supports[5].lam)
    assert any("bound is recorded" in line for line in replace(front, supports=tuple(supports)).verify().problems)
    supports[5] = front.supports[6]
    assert any("bound is recorded" in line for line in replace(front, supports=tuple(supports)).verify().problems)
    assert replace(front, supports=tuple(supports[:-1])).verify().problems == ("there are 20 supports for 21 networks",)
    data = replace(front.data, Y=front.data.Y + 0.01)
    assert len(replace(front, data=data).verify().problems) > 20
    assert any("more than 2.9" in line for line in replace(front, vv_norm=2.9).verify().problems)


def test_a_point_that_is_not_best_is_found(front):
    f = front.networks[5]
    worse = _swapped(front, 5, c=f.c + 0.01)
    losses = front.losses.copy()
    losses[5] = front.data.task_losses(worse.networks[5])
    size = front.mixtures[5] @ losses[5] + front.supports[5].lam * front.vv_norm
    gap = (front.mixtures[5] @ losses[5] - front.bounds[5]) / size
    problems = replace(worse, losses=losses, gaps=_moved(front.gaps, 5, gap - front.gaps[5])).verify().problems
    assert len(problems) == 1
    assert "not proved to be on the front" in problems[0]


@pytest.mark.parametrize("lam", [1e9, 1e3, 10.0])
def test_no_price_of_vv_norm_makes_a_constant_network_the_front(front, lam):
    data, M = front.data, len(front)
    level = np.nanmedian(data.Y, axis=0)
    constant = ReLUNetwork(np.zeros((0, 1)), np.zeros(0), np.zeros((2, 0)), np.zeros((2, 1)), level)
    lost = np.nansum(data.entry_weights * (level - data.Y) ** 2 / 2, axis=0)
    np.testing.assert_allclose(data.task_losses(constant), lost, rtol=1e-12)
    least = [program_value(data.X[:, 0], data.Y, 3.0, ("squared",) * 2, data.weights, front.mixtures[m]) for m in (4, 16)]
    forged = replace(
        front, networks=(constant,) * M, losses=np.tile(lost, (M, 1)), vv_norms=np.zeros(M), bounds=np.zeros(M),
        supports=tuple(DualWitness(lam, constant, None) for _ in range(M)), gaps=np.full(M, 1e-7),
    )  # fmt: skip
    for m, best in zip((4, 16), least, strict=True):
        problems = [line for line in forged.verify().problems if line.startswith(f"mixture {m}: ")]
        assert "not proved to be on the front" in problems[-1]
        # What it says is no less than what is true, beside all that there is to gain.
        loss = front.mixtures[m] @ lost
        line = front.mixtures[m] @ data.task_losses(front.line)
        assert float(problems[-1].split()[3]) >= 0.999 * (loss - best) / (loss + line)


def test_exchanged_tasks_and_left_out_points_are_found(front):
    f = front.networks[5]
    other = _swapped(front, 5, V=f.V[::-1], A=f.A[::-1], c=f.c[::-1])
    losses = front.losses.copy()
    losses[5] = losses[5, ::-1]
    assert any("loss 0 is recorded" in line for line in replace(other, losses=losses).verify().problems)
    zero = _swapped(front, 5, V=f.V * [[1.0], [0.0]], A=f.A * [[1.0], [0.0]], c=f.c * [1.0, 0.0])
    assert any("loss 1 is recorded" in line for line in zero.verify().problems)
    data = front.data
    part = replace(data, X=np.delete(data.X, 8, axis=0), Y=np.delete(data.Y, 8, axis=0), weights=data.weights[1:])
    assert not replace(front, data=part).verify()
    # The weights of a task that no mixture looks at are looked at all the same.
    least = _moved(front.losses, (0, int(np.argmin(front.mixtures[0]))), -1e-3)
    assert "is recorded as" in replace(front, losses=least).verify().problems[0]


def test_what_gaps_are_measured_by_is_judged_as_well(front):
    steep = ReLUNetwork(front.line.W, front.line.b, front.line.V, front.line.A + 1, front.line.c)
    assert replace(front, line=steep).verify()  # it fits no task, so that it plays no part
    with_neurons = replace(front, line=front.networks[4])
    assert with_neurons.verify().problems == ("the affine reference function has neurons, or a skip connection",)
    assert replace(front, mixtures=2 * front.mixtures).verify().problems == ("the weights of a mixture do not sum to 1",)


@pytest.mark.parametrize("d", [2, 3])
def test_fronts_of_flat_points_are_proved_in_coordinates(d):
    X, Y, weights = problem(n=7)
    flat = np.outer(X, [0.3, -1.7, 0.9][:d]) + 0.1
    front = pareto_front(flat, Y, 3.0, weights=weights, mixtures=3)
    assert front.verify()
    assert front.supports[1].subspace is not None
    length = np.linalg.norm([0.3, -1.7, 0.9][:d])
    along = pareto_front(X * length, Y, 3.0, weights=weights, mixtures=3)
    np.testing.assert_allclose(front.losses, along.losses, rtol=1e-4)


def test_wrong_shapes_and_mixtures_are_found(front):
    assert replace(front, bounds=front.bounds[:-1]).verify().problems == ("bounds has shape (20,), not (21,)",)
    assert "negative weight" in replace(front, mixtures=-front.mixtures).verify().problems[0]
