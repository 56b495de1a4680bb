"""`interpolate` and what it returns, from the caller's side."""

import doctest
import json
import math
from fractions import Fraction

import cvxpy
import numpy as np
import pytest
from numpy.typing import NDArray

import vvnorm.api.interpolation
from vvnorm import ReLUNetwork, Solution, aligned_dataset, interpolate, random_dataset

Array = NDArray[np.float64]
BOWL = ([0.0, 1.0, 2.0, 3.0, 4.0], [0.0, 0.0, 1.0, 3.0, 6.0])  # curvatures 1, 1, 1: not unique


def exact_value(x: Array, Y: Array) -> float:
    """R(D), its curvatures in exact arithmetic."""
    at = [Fraction(v) for v in x.tolist()]
    rows = [[Fraction(v) for v in row] for row in Y.tolist()]
    total = 0.0
    for i in range(1, len(at) - 1):
        delta = [
            float((c - b) / (at[i + 1] - at[i]) - (b - a) / (at[i] - at[i - 1]))
            for a, b, c in zip(rows[i - 1], rows[i], rows[i + 1], strict=True)
        ]
        total += math.hypot(*delta)
    return total


# --- value, bound, proof ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("spacing", ["uniform", "normal", "regular", "clustered"])
@pytest.mark.parametrize(("n", "outputs"), [(2, 1), (3, 2), (10, 1), (50, 4), (300, 2)])
@pytest.mark.parametrize("scales", [(1.0, 1.0), (1e-9, 1e12), (1e100, 1e-50), (1e-120, 1e120)])
def test_every_solution_is_proved_optimal(spacing, n: int, outputs: int, scales: tuple[float, float]) -> None:
    data = random_dataset(n, outputs, 0, spacing=spacing, x_scale=scales[0], y_scale=scales[1])
    solution = interpolate(data.X, data.Y)
    assert solution.verify()
    assert solution.closed_form
    assert solution.provenance["method"] == "closed form"
    order = np.argsort(data.X[:, 0])
    assert solution.value == pytest.approx(exact_value(data.X[order, 0], data.Y[order]), rel=1e-12)
    assert solution.lower_bound <= solution.value * (1 + 1e-14)
    assert solution.lower_bound == pytest.approx(solution.value, rel=1e-11)
    assert abs(solution.gap) < 1e-11
    assert solution.value == pytest.approx(solution.network.vv_norm, rel=1e-12)
    assert solution.network.n_neurons <= max(n - 2, 0)


@pytest.mark.parametrize(("n", "outputs", "seed"), [(4, 1, 0), (9, 1, 1), (5, 3, 2), (9, 3, 3), (2, 1, 4), (2, 3, 5)])
def test_value_is_the_optimum_over_a_dictionary_of_neurons(n: int, outputs: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, Y = np.sort(rng.random(n)) * 3, rng.standard_normal((n, outputs))
    kinks = np.concatenate([x, (x[1:] + x[:-1]) / 2, rng.uniform(-1, 4, 5)])
    hidden = np.maximum(np.hstack([x[:, None] - kinks, kinks - x[:, None]]), 0.0)  # neurons of both orientations
    V, A, c = cvxpy.Variable((hidden.shape[1], outputs)), cvxpy.Variable((1, outputs)), cvxpy.Variable((1, outputs))
    fit = hidden @ V + x[:, None] @ A + np.ones((n, 1)) @ c
    problem = cvxpy.Problem(cvxpy.Minimize(cvxpy.sum(cvxpy.norm(V, 2, axis=1))), [fit == Y])
    problem.solve(solver="CLARABEL")
    assert interpolate(x, Y).value == pytest.approx(float(problem.value), rel=1e-6, abs=1e-7)


def test_no_sampled_interpolant_is_cheaper_than_the_bound() -> None:
    rng = np.random.default_rng(0)
    data = random_dataset(6, 2, rng)
    solution = interpolate(data.X, data.Y)
    x = data.X[:, 0]
    for _ in range(200):
        # Random neurons, then output weights of least Euclidean norm that interpolate.
        w, knots = rng.standard_normal(12), rng.uniform(-0.2, 1.2, 12)
        features = np.column_stack([np.maximum(w * (x[:, None] - knots), 0.0), x, np.ones(6)])
        weights = np.linalg.pinv(features) @ data.Y
        if np.abs(features @ weights - data.Y).max() < 1e-9:
            network = ReLUNetwork(w[:, None], -w * knots, weights[:12].T, weights[12][:, None], weights[13])
            assert solution.lower_bound <= network.vv_norm * (1 + 1e-6)


# --- order, repeats, types --------------------------------------------------------------------------------------------


def test_the_callers_order_is_the_order_of_the_values() -> None:
    data = random_dataset(20, 2, 0)
    order = np.random.default_rng(1).permutation(20)
    X, Y = data.X[order], data.Y[order]
    before = X.copy(), Y.copy()
    solution = interpolate(X, Y)
    np.testing.assert_array_equal(solution(X), Y)
    np.testing.assert_array_equal(solution(X[:, 0]), Y)
    np.testing.assert_allclose(solution.network(X), Y, atol=1e-12)
    np.testing.assert_array_equal(solution.X, data.X)
    np.testing.assert_array_equal(solution.Y, data.Y)
    np.testing.assert_array_equal(X, before[0])
    np.testing.assert_array_equal(Y, before[1])
    assert X.flags.writeable
    assert Y.flags.writeable


def test_the_solution_keeps_its_own_data() -> None:
    data = random_dataset(5, 1, 0)
    X, Y = data.X.copy(), data.Y.copy()
    solution = interpolate(X, Y)
    X[...], Y[...] = 7.0, 7.0
    assert solution.verify()
    np.testing.assert_array_equal(solution(data.X), data.Y)


def test_repeats_with_equal_labels_are_merged() -> None:
    solution = interpolate([2, 0, 1, 2, 0], [[5, 1], [0, 0], [1, 3], [5, 1], [0, 0]])
    np.testing.assert_array_equal(solution.X, [[0], [1], [2]])
    np.testing.assert_array_equal(solution.Y, [[0, 0], [1, 3], [5, 1]])
    assert solution.value == interpolate([0, 1, 2], [[0, 0], [1, 3], [5, 1]]).value
    assert solution.verify()


def test_repeats_with_different_labels_are_refused_naming_x_and_the_labels() -> None:
    with pytest.raises(ValueError, match=r"X repeats the value 1\.5 with different labels \(2\.0 and 3\.0 in output 1\)"):
        interpolate([0, 1.5, 1.5], [[0, 0], [1, 3], [1, 2]])


def test_two_points_are_joined_by_a_line_at_no_cost() -> None:
    solution = interpolate([3, 1], [[0, 5], [4, 5]])
    assert (solution.value, solution.lower_bound, solution.gap, solution.network.n_neurons) == (0, 0, 0, 0)
    assert solution.verify()
    assert solution.unique
    np.testing.assert_array_equal(solution([0, 2, 4]), [[6, 5], [2, 5], [-2, 5]])
    np.testing.assert_array_equal(solution.network([0, 2, 4]), [[6, 5], [2, 5], [-2, 5]])
    assert solution.sparsest().n_neurons == 0


@pytest.mark.parametrize("dtype", [int, np.int8, np.uint8, np.float32, bool, object])
def test_numbers_of_any_type_are_taken(dtype: type) -> None:
    X, Y = np.array([0, 1, 2, 3]).astype(np.uint8), np.array([0, 1, 0, 1], dtype=dtype)
    solution = interpolate(X, Y)
    assert solution.value == 4
    assert solution.X.dtype == solution.Y.dtype == np.float64
    np.testing.assert_array_equal(solution(X), [[0], [1], [0], [1]])


def test_evaluation_takes_lists_columns_and_nothing() -> None:
    solution = interpolate([0, 1, 2], [[0, 1], [1, 1], [0, 0]])
    np.testing.assert_array_equal(solution([0.5, -1.0, 3.0]), [[0.5, 1.0], [-1.0, 1.0], [-1.0, -1.0]])
    np.testing.assert_array_equal(solution([[0.5]]), [[0.5, 1.0]])
    assert solution([]).shape == (0, 2)
    for bad, error, words in (
        ([[0.5, 1.0]], ValueError, "X has 2 columns"),
        ([np.nan], ValueError, "X holds nan"),
        ("a", TypeError, "X must hold real numbers"),
        (0.5, ValueError, "X must have 1 or 2 dimensions"),
        ([[1.0], [1.0, 2.0]], ValueError, "X is not a rectangular array"),
    ):
        with pytest.raises(error, match=words):
            solution(bad)


# --- the ends of float64 ----------------------------------------------------------------------------------------------

SHAPE = (np.array([0.0, 1.0, 2.0, 3.0]), np.array([0.0, 1.0, 0.0, 1.0]))  # R(D) = 4


@pytest.mark.parametrize("scale", [1e300, 1e-300])
def test_labels_at_the_ends_of_float64(scale: float) -> None:
    solution = interpolate(SHAPE[0], SHAPE[1] * scale)
    assert solution.verify()
    assert solution.value == pytest.approx(4 * scale, rel=1e-14)
    np.testing.assert_array_equal(solution(SHAPE[0])[:, 0], SHAPE[1] * scale)


@pytest.mark.parametrize(
    ("x_scale", "y_scale"), [(1e300, 1.0), (1e-300, 1.0), (1e300, 1e300), (1e-300, 1e-300), (1e150, 1e300)]
)
def test_inputs_at_the_ends_of_float64(x_scale: float, y_scale: float) -> None:
    X, Y = SHAPE[0] * x_scale, SHAPE[1] * y_scale
    solution = interpolate(X, Y)
    assert solution.verify()
    assert solution.value == pytest.approx(4 * (y_scale / x_scale), rel=1e-14)
    np.testing.assert_array_equal(solution(X)[:, 0], Y)
    assert solution.lower_bound <= solution.value * (1 + 1e-14)


def test_inputs_over_the_whole_range_of_float64() -> None:
    solution = interpolate([-1.7e308, 0, 1.7e308], [-1, 1, 0])
    assert solution.verify()
    np.testing.assert_array_equal(solution([-1.7e308, 0, 1.7e308]), [[-1], [1], [0]])


@pytest.mark.parametrize(
    ("X", "Y", "words"),
    [
        ([0, 1e-300, 1], [0, 1e300, 0], "Y changes too fast near x = 1e-300"),
        ([0, 1, 2], [-1.7e308, 1.7e308, 0], "Y changes too fast near x = 1.0"),
        ([0, 1e-10], [0, 1e300], "Y changes too fast near x = 0.0"),
        ([-1.7e308, 1.7e308], [-1, 1], r"X has a gap after x = -1\.7e\+308"),
        ([-1.7e308, 1.6e308, 1.7e308], [-1, 1, 1], r"X has a gap after x = -1\.7e\+308"),
        ([0, 1e-320, 1e300], [0, 0, 0], "X spans more orders of magnitude"),
    ],
)
def test_what_float64_cannot_hold_is_refused_naming_the_place(X, Y, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        interpolate(X, Y)


@pytest.mark.parametrize("at", [1.0, -1.0, 1e6, 1e-300])
@pytest.mark.parametrize("steps", [(1, 1, 1, 1, 1), (1, 2, 1, 3, 1)])
@pytest.mark.parametrize("outputs", [1, 3])
def test_inputs_spaced_by_an_ulp(at: float, steps: tuple[int, ...], outputs: int) -> None:
    x = [at]
    for step in steps:
        x.append(x[-1])
        for _ in range(step):
            x[-1] = float(np.nextafter(x[-1], np.inf))
    Y = np.random.default_rng(0).standard_normal((6, outputs)) * (1e-300 if at == 1e-300 else 1.0)
    solution = interpolate(x, Y)
    assert solution.value == pytest.approx(exact_value(np.array(x), Y), rel=1e-12)
    assert solution.lower_bound == pytest.approx(solution.value, rel=1e-11)
    np.testing.assert_array_equal(solution(x), Y)  # whatever the network's weights can hold
    assert all("residual" in problem for problem in solution.verify().problems)


def test_a_network_that_float64_weights_cannot_make_interpolate_is_owned_up_to() -> None:
    solution = interpolate([0, 1, 1e300], [0, 1, 0])  # the last slope is lost next to the first
    assert any("does not interpolate" in words for words in solution.verify().problems)
    np.testing.assert_array_equal(solution([0, 1, 1e300]), [[0], [1], [0]])


# --- convex programs --------------------------------------------------------------------------------------------------


def test_missing_labels_are_solved_by_the_convex_program() -> None:
    data = random_dataset(8, 2, 0)
    Y = data.Y.copy()
    Y[[2, 5], [0, 1]] = np.nan
    solution = interpolate(data.X, Y)
    assert solution.verify()
    assert "convex program" in solution.provenance["method"]
    assert "labels are missing" in solution.provenance["method"]
    assert not solution.closed_form
    assert solution.value <= interpolate(data.X, data.Y).value * (1 + 1e-9)
    np.testing.assert_array_equal(np.isnan(solution.Y), np.isnan(Y))
    present = ~np.isnan(Y)
    np.testing.assert_array_equal(solution(data.X)[present], Y[present])


@pytest.mark.parametrize("skip", [True, False])
def test_questions_about_all_solutions_need_the_closed_form(skip: bool) -> None:
    solution = interpolate([0, 1, 2, 3], [0, 1, np.nan if skip else 0, 1], skip=skip)
    for ask in (
        lambda: solution.unique,
        lambda: solution.unique_outputs,
        lambda: solution.band([0.5]),
        lambda: solution.sample(1, 0),
        lambda: solution.sparsest(),
        lambda: solution.distance_bound([0.5], 1.0),
    ):
        with pytest.raises(ValueError, match="closed form"):
            ask()
    assert not {"unique", "unique_outputs", "fewest_neurons"} & set(solution.record())
    assert "unique" not in solution.summary()


@pytest.mark.parametrize("seed", range(4))
def test_without_skip_connection_nothing_is_cheaper(seed: int) -> None:
    data = random_dataset(6, 2, seed)
    solution = interpolate(data.X, data.Y, skip=False)
    assert solution.verify()
    np.testing.assert_array_equal(solution.network.A, np.zeros((2, 1)))
    assert solution.value >= interpolate(data.X, data.Y).value * (1 - 1e-9)
    assert not solution.certificate.skip
    np.testing.assert_allclose(solution(data.X), data.Y, atol=1e-12)


# --- words ------------------------------------------------------------------------------------------------------------


def test_the_record_is_plain_and_complete() -> None:
    solution = interpolate(*BOWL)
    record = solution.record()
    assert json.loads(json.dumps(record, allow_nan=False)) == record
    assert (record["points"], record["outputs"], record["neurons"], record["fewest_neurons"]) == (5, 1, 3, 2)
    assert (record["unique"], record["unique_outputs"]) == (False, [False])
    assert (record["value"], record["lower_bound"], record["gap"]) == (solution.value, solution.lower_bound, solution.gap)
    assert record["residual"] == solution.certificate.residual
    assert record["provenance"]["method"] == "closed form"
    assert {"numpy", "python", "seconds"} <= set(record["provenance"])
    assert record["provenance"]["seconds"] >= 0


def test_the_fewest_neurons_of_the_record_are_those_of_the_sparsest_network() -> None:
    for runs in ((2,), (3, 1), (5, 4), (1, 1)):
        data = aligned_dataset(2 + sum(runs), 2, 0, runs=runs)
        solution = interpolate(data.X, data.Y)
        assert solution.record()["fewest_neurons"] == solution.sparsest().n_neurons == sum((m + 1) // 2 for m in runs)


def test_the_summary_says_what_the_record_does() -> None:
    lines = [line.strip() for line in interpolate(*BOWL).summary().splitlines()]
    assert lines[0] == "data  5 points, 1 output"
    assert "VV norm  3" in lines
    assert "unique  no: solutions differ in 0" in lines
    assert "fewest neurons  2" in lines
    assert "unique  yes" in interpolate(*SHAPE).summary()


def test_the_docstring_example_holds() -> None:
    finder, runner = doctest.DocTestFinder(recurse=False), doctest.DocTestRunner(verbose=False)
    tests = finder.find(interpolate, "interpolate", globs=vars(vvnorm.api.interpolation).copy())
    assert sum(len(test.examples) for test in tests) >= 2
    for test in tests:
        runner.run(test)
    assert runner.summarize(verbose=False).failed == 0


# --- the solution set, from outside -----------------------------------------------------------------------------------


def test_samples_are_reproducible_and_differ() -> None:
    solution = interpolate(*BOWL)
    t = np.linspace(-1, 5, 61)
    first, again, other = (
        np.array([network(t) for network in solution.sample(5, rng)]) for rng in (3, np.random.default_rng(3), 4)
    )
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 1e-3
    assert np.abs(first[0] - first[1]).max() > 1e-3
    assert solution.sample(0, 0) == []
    for network in solution.sample(5, 3):
        assert network.vv_norm == pytest.approx(3, rel=1e-12)
        np.testing.assert_allclose(network(BOWL[0])[:, 0], BOWL[1], atol=1e-12)


def test_band_and_bound_answer_per_point() -> None:
    solution = interpolate(*BOWL)
    lower, upper = solution.band([0.5, 1.5, 2.5])
    np.testing.assert_allclose(lower, [[0.0], [0.0], [1.5]], atol=1e-15)
    np.testing.assert_allclose(upper, [[0.0], [0.5], [2.0]], atol=1e-15)
    bound = solution.distance_bound([0.5, 1.5, 5.0, 2.0], 0.1)
    assert bound.shape == (4,)
    assert 0 < bound[0] <= 0.1
    assert bound[1] == math.inf
    assert bound[2] == pytest.approx(0.1)
    assert bound[3] == 0
    np.testing.assert_array_equal(solution.distance_bound([0.5, 1.5], 0), [0.0, math.inf])


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("skip", [True, False])
@pytest.mark.parametrize(
    ("X", "Y", "error", "words"),
    [
        ([], [], ValueError, "X is empty"),
        ([1.0], [2.0], ValueError, r"X has 1 distinct value \(1\.0\)|X .*two or more"),
        ([1.0, 1.0], [2.0, 2.0], ValueError, r"X has 1 distinct value \(1\.0\)|X .*two or more"),
        ([0.0, np.nan], [0.0, 1.0], ValueError, "X holds nan at row 1"),
        ([0.0, np.inf], [0.0, 1.0], ValueError, "X holds inf at row 1"),
        ([0.0, 1.0], [0.0, np.inf], ValueError, "Y holds inf at row 1"),
        ([0.0, 1.0], [np.nan, np.nan], ValueError, "Y: output 0 has no label"),
        (["a", "b"], [0.0, 1.0], TypeError, "X must hold real numbers"),
        ([0.0, 1.0], ["0", "1"], TypeError, "Y must hold real numbers"),
        ([0.0, 1.0], [0.0, "1"], TypeError, "Y must hold real numbers"),
        ([0.0, None], [0.0, 1.0], ValueError, "X holds nan at row 1"),
        ([0.0, 1j], [0.0, 1.0], TypeError, "X must hold real numbers"),
        ([0.0, 1.0], [0.0, 1.0, 2.0], ValueError, "Y has 3 rows but there are 2 inputs"),
        (np.zeros((2, 1, 1)), [0.0, 1.0], ValueError, "X must have 1 or 2 dimensions"),
        ([0.0, 1.0], np.zeros((2, 0)), ValueError, "Y has no outputs"),
        ([0.0, 1.0], np.zeros((2, 1, 1)), ValueError, "Y must have 1 or 2 dimensions"),
        ([0.0, 1.0], [[0.0], [0.0, 1.0]], ValueError, "Y is not a rectangular array"),
        (1.0, 2.0, ValueError, "X must have 1 or 2 dimensions"),
    ],
)
def test_bad_data_are_named(X, Y, error: type[Exception], words: str, skip: bool) -> None:
    with pytest.raises(error, match=words):
        interpolate(X, Y, skip=skip)


@pytest.mark.parametrize("tol", [0, 1, -1e-6, float("nan"), "small", None])
def test_a_bad_tolerance_is_named(tol) -> None:
    with pytest.raises(ValueError, match="tol must lie between 0 and 1"):
        interpolate([0, 1], [0, 1], tol=tol)


def test_the_tolerance_is_what_verify_uses() -> None:
    solution = interpolate(*SHAPE, tol=1e-15)
    assert solution.tol == 1e-15
    assert any("exceeds 1e-15" in words for words in solution.verify().problems)
    assert interpolate(*SHAPE).verify()


@pytest.mark.parametrize(
    ("ask", "error", "words"),
    [
        (lambda s: s.distance_bound([0.5], -1), ValueError, "excess must be a non-negative"),
        (lambda s: s.distance_bound([0.5], math.nan), ValueError, "excess must be a non-negative"),
        (lambda s: s.distance_bound([0.5], math.inf), ValueError, "excess must be a non-negative"),
        (lambda s: s.distance_bound([0.5], "1"), TypeError, "excess must be a number"),
        (lambda s: s.distance_bound([[0.5, 1.0]], 1), ValueError, "t has 2 columns"),
        (lambda s: s.distance_bound([math.nan], 1), ValueError, "t holds nan"),
        (lambda s: s.band([[0.5, 1.0]]), ValueError, "t has 2 columns"),
        (lambda s: s.band([math.inf]), ValueError, "t holds inf"),
        (lambda s: s.band("a"), TypeError, "t must hold real numbers"),
        (lambda s: s.sample(1.5, 0), TypeError, "n must be a whole number"),
        (lambda s: s.sample("1", 0), TypeError, "n must be a whole number"),
        (lambda s: s.sample(True, 0), TypeError, "n must be a whole number"),
        (lambda s: s.sample(-1, 0), ValueError, "n must be at least 0"),
        (lambda s: s.sample(1, None), TypeError, "rng must be"),
        (lambda s: s.sample(1, -1), TypeError, "rng must be"),
        (lambda s: s.sample(1, 0.5), TypeError, "rng must be"),
    ],
)
def test_bad_questions_are_named(ask, error: type[Exception], words: str) -> None:
    solution: Solution = interpolate(*BOWL)
    with pytest.raises(error, match=words):
        ask(solution)


def test_a_line_at_the_end_of_float64_is_solved_without_warnings() -> None:
    solution = interpolate([0, 1e300, 2e300], [1e308, 0, -1e308])
    assert solution.value == 0
    assert solution.verify()
    assert solution.distance_bound([1e299], np.int64(1)).shape == (1,)
