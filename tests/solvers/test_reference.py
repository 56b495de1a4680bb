"""The convex programs against the closed form, against each other, and against the certificate."""

import cvxpy
import numpy as np
import pytest

from vvnorm import Dataset, ReLUNetwork, aligned_dataset, certify, connect_the_dots, interpolate, random_dataset
from vvnorm.solvers.reference import curvature_interpolation, dictionary_interpolation, dictionary_program, plane_dictionary

PROGRAMS = (dictionary_interpolation, curvature_interpolation)
SIZES = [(3, 1), (4, 2), (9, 3), (30, 5)]


def draw(n: int, outputs: int, seed: int = 0, **options: float) -> Dataset:
    return random_dataset(n, outputs, np.random.default_rng([n, outputs, seed]), **options)


def with_gaps(data: Dataset, share: float, seed: int = 0) -> np.ndarray:
    """The labels, a share of them missing, yet at least two left in each output."""
    rng = np.random.default_rng(seed)
    Y = data.Y.copy()
    Y[rng.random(Y.shape) < share] = np.nan
    for output in range(Y.shape[1]):
        kept = rng.choice(len(Y), 2, replace=False)
        Y[kept, output] = data.Y[kept, output]
    return Y


def worst_residual(network: ReLUNetwork, X: np.ndarray, Y: np.ndarray) -> float:
    """Largest deviation from a present label, in units of the labels' range."""
    return float(np.nanmax(np.abs(network(X) - Y)) / (np.nanmax(Y) - np.nanmin(Y)))


@pytest.mark.parametrize("refinement", [0, 3])
@pytest.mark.parametrize(("n", "outputs"), SIZES)
def test_dictionary_program_agrees_with_the_closed_form_whatever_the_refinement(
    n: int, outputs: int, refinement: int
) -> None:
    data = draw(n, outputs)
    optimum = dictionary_interpolation(data.X, data.Y, refinement=refinement)
    assert optimum.value == pytest.approx(interpolate(data.X, data.Y).value, rel=1e-6)
    assert optimum.network.vv_norm == pytest.approx(optimum.value, rel=1e-9)
    assert worst_residual(optimum.network, data.X, data.Y) < 1e-6
    assert optimum.network.n_neurons == optimum.provenance["neurons"] == (n - 1) * (refinement + 1) - 1


@pytest.mark.parametrize(("n", "outputs"), SIZES)
def test_curvature_program_agrees_with_the_closed_form(n: int, outputs: int) -> None:
    data = draw(n, outputs)
    optimum = curvature_interpolation(data.X, data.Y)
    assert optimum.network.vv_norm == pytest.approx(interpolate(data.X, data.Y).value, rel=1e-12)


def test_dictionary_program_finds_the_optimum_where_there_are_many_solutions() -> None:
    data = aligned_dataset(10, 1, 3, runs=(3, 4))
    optimum = dictionary_interpolation(data.X, data.Y, refinement=2)
    assert not interpolate(data.X, data.Y).unique
    assert optimum.value == pytest.approx(interpolate(data.X, data.Y).value, rel=1e-6)


@pytest.mark.parametrize("refinement", [0, 3])
@pytest.mark.parametrize(("n", "outputs"), SIZES)
def test_without_skip_connection_the_two_programs_agree_and_the_gap_is_certified(
    n: int, outputs: int, refinement: int
) -> None:
    data = draw(n, outputs)
    solution = interpolate(data.X, data.Y, skip=False)
    optimum = dictionary_interpolation(data.X, data.Y, skip=False, refinement=refinement)
    assert solution.verify()
    assert solution.gap < 1e-6
    assert optimum.value == pytest.approx(solution.value, rel=1e-6)
    assert not optimum.network.A.any()
    assert not solution.network.A.any()
    assert not solution.certificate.skip
    assert worst_residual(optimum.network, data.X, data.Y) < 1e-5  # the solver's own accuracy; gaps go down to 1e-3
    assert solution.lower_bound <= solution.value * (1 + 1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_a_skip_connection_never_costs(seed: int) -> None:
    data = draw(8, 2, seed)
    free, bound = (interpolate(data.X, data.Y, skip=skip).value for skip in (True, False))
    assert free <= bound * (1 + 1e-9)


def test_without_skip_connection_a_rising_line_costs_its_slope() -> None:
    solution = interpolate([0, 1, 2, 3], [0, 2, 4, 6], skip=False)
    assert solution.value == pytest.approx(2, rel=1e-7)
    assert solution.verify()


def test_without_skip_connection_a_valley_costs_less_than_its_turns_and_its_slope() -> None:
    # |x| is relu(x) + relu(-x): cost 2, the curvature alone; no neuron is left on everywhere.
    solution = interpolate([-1, 0, 1], [1, 0, 1], skip=False)
    assert solution.value == pytest.approx(2, rel=1e-7)
    assert solution.verify()


@pytest.mark.parametrize("skip", [True, False])
@pytest.mark.parametrize("share", [0.1, 0.4, 0.8])
@pytest.mark.parametrize("outputs", [1, 3])
def test_missing_labels_give_a_certified_solution_that_the_dictionary_confirms(
    outputs: int, share: float, skip: bool
) -> None:
    data = draw(12, outputs)
    Y = with_gaps(data, share)
    solution = interpolate(data.X, Y, skip=skip)
    assert solution.verify()
    assert solution.gap < 1e-6
    assert worst_residual(solution.network, solution.X, solution.Y) < 1e-12
    present = ~np.isnan(solution.Y)
    np.testing.assert_array_equal(solution(solution.X)[present], solution.Y[present])
    assert dictionary_interpolation(data.X, Y, skip=skip, refinement=1).value == pytest.approx(solution.value, rel=1e-6)


@pytest.mark.parametrize("skip", [True, False])
@pytest.mark.parametrize("seed", range(20))
def test_the_bound_that_certify_finds_alone_with_missing_labels_is_never_above_the_optimum(seed: int, skip: bool) -> None:
    data = draw(9, 2, seed)
    Y = with_gaps(data, 0.3, seed)
    solution = interpolate(data.X, Y, skip=skip)
    alone = certify(solution.network, data.X, Y, skip=skip)
    assert alone.lower_bound <= solution.value * (1 + 1e-6)
    assert not any("recorded" in complaint for complaint in alone.complaints(solution.network, data.X, Y))


def test_with_one_output_a_missing_label_is_as_if_the_point_were_not_there() -> None:
    data = draw(15, 1)
    Y = with_gaps(data, 0.5)
    present = ~np.isnan(Y[:, 0])
    assert interpolate(data.X, Y).value == pytest.approx(interpolate(data.X[present], Y[present]).value, rel=1e-6)


def test_a_point_without_any_label_is_as_if_it_were_not_there() -> None:
    data = draw(10, 3)
    Y, kept = data.Y.copy(), np.ones(10, dtype=bool)
    kept[[0, 4, 5, 9]] = False
    Y[~kept] = np.nan
    assert interpolate(data.X, Y).value == pytest.approx(interpolate(data.X[kept], Y[kept]).value, rel=1e-6)


def test_one_label_per_output_costs_nothing() -> None:
    Y = np.full((5, 2), np.nan)
    Y[1, 0], Y[3, 1] = 7.0, -2.0
    solution = interpolate(np.arange(5), Y)
    np.testing.assert_allclose(solution([1, 3])[[0, 1], [0, 1]], [7, -2])
    assert solution.value == pytest.approx(0, abs=1e-6)


def test_a_solution_with_missing_labels_says_that_it_has_no_closed_form() -> None:
    solution = interpolate([0, 1, 2, 3], [0, 1, np.nan, 1])
    assert not solution.closed_form
    assert "labels are missing" in solution.provenance["method"]
    assert "unique" not in solution.record()
    for ask in (lambda: solution.unique, lambda: solution.band([0.5]), solution.sparsest, lambda: solution.sample(1, 0)):
        with pytest.raises(ValueError, match="closed forms only"):
            ask()


@pytest.mark.parametrize("program", PROGRAMS)
def test_solver_status_and_versions_are_recorded(program) -> None:
    provenance = program([0, 1, 2], [0, 1, 0]).provenance
    assert provenance["solver"] == "CLARABEL"
    assert provenance["status"] == "optimal"
    assert provenance["cvxpy"] == cvxpy.__version__


def test_solver_status_reaches_the_solution() -> None:
    provenance = interpolate([0, 1, 2], [0, 1, 0], skip=False).provenance
    assert (provenance["solver"], provenance["status"]) == ("CLARABEL", "optimal")
    assert "no skip connection" in provenance["method"]


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("skip", [True, False])
def test_two_points_are_joined_by_a_line(program, skip: bool) -> None:
    optimum = program([2, -1], [[5.0, 1.0], [2.0, 1.0]], skip=skip)
    np.testing.assert_allclose(optimum.network([-1, 2]), [[2, 1], [5, 1]], atol=1e-7)
    assert optimum.network.vv_norm == pytest.approx(0.0 if skip else 1.0, abs=1e-7)


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("skip", [True, False])
@pytest.mark.parametrize("level", [0.0, 3.0, -1e100])
def test_constant_labels_cost_nothing(program, skip: bool, level: float) -> None:
    network = program([0, 1, 3, 4], np.full((4, 2), level), skip=skip).network
    assert network.vv_norm <= 1e-7
    np.testing.assert_allclose(network([0.0, 2.0, 4.0]), np.full((3, 2), level), rtol=1e-9, atol=1e-7)


@pytest.mark.parametrize("x_scale", [1e-100, 1e100])
@pytest.mark.parametrize("y_scale", [1e-100, 1e100])
@pytest.mark.parametrize("skip", [True, False])
def test_scales_of_a_hundred_orders_of_magnitude_change_nothing(x_scale: float, y_scale: float, skip: bool) -> None:
    data = draw(7, 2)
    Y = with_gaps(data, 0.2)
    X, scaled = x_scale * data.X, y_scale * Y
    value = interpolate(data.X, Y, skip=skip).value * (y_scale / x_scale)
    solution = interpolate(X, scaled, skip=skip)
    assert solution.verify()
    assert solution.value == pytest.approx(value, rel=1e-6)
    assert dictionary_interpolation(X, scaled, skip=skip).value == pytest.approx(value, rel=1e-6)


def test_order_of_points_and_repeats_do_not_matter() -> None:
    data = draw(6, 2)
    order = np.random.default_rng(1).permutation(np.append(np.arange(6), [2, 4]))
    for program in PROGRAMS:
        sorted_, shuffled = (program(X, Y).network.vv_norm for X, Y in ((data.X, data.Y), (data.X[order], data.Y[order])))
        assert shuffled == sorted_


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_solver_that_fails_is_a_runtime_error_with_its_words(program, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise cvxpy.error.SolverError("no luck")

    monkeypatch.setattr(cvxpy.Problem, "solve", fail)
    with pytest.raises(RuntimeError, match="could not be solved: no luck"):
        program([0, 1, 2], [0, 1, 0])


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("status", ["infeasible", "unbounded", "optimal"])
def test_a_solver_without_a_point_is_a_runtime_error_with_its_status(
    program, status: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # "optimal" without a point must not be believed either.
    monkeypatch.setattr(cvxpy.Problem, "solve", lambda *_, **__: None)
    monkeypatch.setattr(cvxpy.Problem, "status", status)
    with pytest.raises(RuntimeError, match=f"status '{status}' and no solution"):
        program([0, 1, 2], [0, 1, 0])


def test_an_inaccurate_solver_is_found_out_by_the_certificate(monkeypatch: pytest.MonkeyPatch) -> None:
    solve = cvxpy.Problem.solve
    monkeypatch.setattr(cvxpy.Problem, "solve", lambda self, **options: solve(self, **options, max_iter=2))
    data = draw(8, 2)
    solution = interpolate(data.X, data.Y, skip=False)
    assert solution.provenance["status"] != "optimal"
    assert any("not proved optimal" in complaint for complaint in solution.verify().problems)


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize(
    ("X", "Y", "message"),
    [
        ([], [], "empty"),
        ([1.0], [1.0], "two or more"),
        ([1.0, 1.0], [1.0, 1.0], "two or more"),
        ([1.0, 1.0, 2.0], [1.0, 2.0, 3.0], "different labels"),
        ([0.0, np.nan], [1.0, 2.0], "X holds nan"),
        ([0.0, 1.0], [1.0, np.inf], "Y holds inf"),
        ([0.0, 1.0], [[1.0, np.nan], [1.0, np.nan]], "output 1 has no label"),
        ([0.0, 1.0], [1.0, 2.0, 3.0], "3 rows"),
        (np.zeros((3, 2)), [1.0, 2.0, 3.0], "2 columns"),
    ],
)
def test_bad_data_are_refused_by_name(program, X, Y, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        program(X, Y)


@pytest.mark.parametrize(("refinement", "error"), [(-1, ValueError), (1.5, TypeError), ("2", TypeError)])
def test_a_refinement_that_is_no_count_is_refused(refinement, error: type[Exception]) -> None:
    with pytest.raises(error, match="refinement"):
        dictionary_interpolation([0, 1, 2], [0, 1, 0], refinement=refinement)


def test_inputs_beyond_one_unit_are_refused_and_not_divided_by_zero() -> None:
    with pytest.raises(ValueError, match="orders of magnitude"):
        curvature_interpolation([0, 5e-324, 1, 2], [0, np.nan, 1, 3])


def test_the_curvature_program_without_gaps_returns_connect_the_dots() -> None:
    data = draw(9, 2)
    t = np.linspace(-0.2, 1.2, 50)
    network = curvature_interpolation(data.X, data.Y).network(t)
    np.testing.assert_array_equal(network, connect_the_dots(data.X, data.Y)(t))


# --- given neurons, any number of inputs ------------------------------------------------------------------------------


def plane_data(N: int, T: int, d: int = 2, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng([N, T, d, seed])
    return rng.standard_normal((N, d)), rng.standard_normal((N, T))


def sizes(W: np.ndarray, b: np.ndarray, penalise_bias: bool) -> np.ndarray:
    return np.linalg.norm(np.column_stack([W, b]) if penalise_bias else W, axis=1)


@pytest.mark.parametrize("skip", [True, False])
@pytest.mark.parametrize("missing", [0.0, 0.3])
@pytest.mark.parametrize(("n", "outputs"), SIZES)
def test_given_the_kinks_of_one_input_it_agrees_with_the_univariate_programs(
    n: int, outputs: int, missing: float, skip: bool
) -> None:
    data = draw(n, outputs)
    Y = with_gaps(data, missing)
    x = data.X[:, 0]
    W, b = np.repeat([[1.0], [-1.0]], [n, 0 if skip else n], axis=0), np.append(-x, x[: 0 if skip else n])
    optimum = dictionary_program(x, Y, W, b, skip=skip)
    univariate = dictionary_interpolation(x, Y, skip=skip)
    assert optimum.value == pytest.approx(univariate.value, rel=1e-6)
    for solution in (optimum, univariate):
        assert np.nansum(solution.dual * Y) == pytest.approx(solution.value, rel=1e-5)
        assert not solution.dual[np.isnan(Y)].any()


@pytest.mark.parametrize("skip", [True, False])
@pytest.mark.parametrize("penalise_bias", [True, False])
@pytest.mark.parametrize("lam", [0.0, 0.05, 5.0])
@pytest.mark.parametrize("unit", [1.0, 1e6])
def test_the_dual_proves_the_program_solved(unit: float, lam: float, penalise_bias: bool, skip: bool) -> None:
    X, Y = plane_data(10, 3)
    Y[[1, 4], [0, 2]] = np.nan
    W, b = plane_dictionary(X, 3, 0)
    # The norm of (w, b) mixes units: only labels have another unit then.
    X, W, b = (X, 2 * W, 2 * b) if penalise_bias else (X * unit, 2 * W, 2 * b * unit)
    Y, lam = Y * unit, lam * unit * (unit if penalise_bias else 1)
    lam = lam if penalise_bias else lam * unit
    if not skip:
        W, b = np.vstack([W, -W]), np.append(b, -b)
    optimum = dictionary_program(X, Y, W, b, lam=lam, skip=skip, penalise_bias=penalise_bias)
    F, present, s = optimum.network(X), ~np.isnan(Y), sizes(W, b, penalise_bias)
    cost = float(s @ np.linalg.norm(optimum.network.V, axis=0))
    responses = np.linalg.norm(np.maximum(X @ W.T + b, 0).T @ optimum.dual, axis=1) / s
    assert responses.max() <= 1 + 1e-5
    assert not optimum.dual[~present].any()
    np.testing.assert_allclose(optimum.dual.sum(axis=0), 0, atol=1e-6 * np.abs(optimum.dual).max())
    if skip:
        np.testing.assert_allclose(optimum.dual.T @ X, 0, atol=1e-6 * np.abs(optimum.dual).max() * np.abs(X).max())
    error = float(np.sum((F - Y)[present] ** 2)) / 2
    assert optimum.value == pytest.approx(error + lam * cost if lam else cost, rel=1e-6)
    if lam:
        np.testing.assert_allclose(optimum.dual[present], ((Y - F) / lam)[present], atol=1e-6 * np.abs(optimum.dual).max())
        # Fenchel: the value is lam <Lambda, Y> - lam^2 / 2 ||Lambda||^2.
        dual_value = lam * np.nansum(optimum.dual * Y) - lam * lam / 2 * np.sum(optimum.dual**2)
    else:
        assert worst_residual(optimum.network, X, Y) < 1e-6
        dual_value = np.nansum(optimum.dual * Y)
    assert dual_value == pytest.approx(optimum.value, rel=1e-5)


def test_a_strong_penalty_leaves_the_least_squares_plane() -> None:
    X, Y = plane_data(12, 2)
    optimum = dictionary_program(X, Y, *plane_dictionary(X, 2, 0), lam=100.0)
    affine = np.column_stack([np.ones(12), X])
    np.testing.assert_allclose(optimum.network(X), affine @ np.linalg.lstsq(affine, Y, rcond=None)[0], atol=1e-6)
    assert optimum.network.vv_norm < 1e-6


def test_a_larger_dictionary_never_costs_more() -> None:
    X, Y = plane_data(10, 2)
    values = [dictionary_program(X, Y, *plane_dictionary(X, count, 0)).value for count in (0, 5, 40)]
    assert values[2] <= values[1] * (1 + 1e-6) <= values[0] * (1 + 2e-6)


def test_constant_and_absent_neurons_change_nothing() -> None:
    X, Y = np.eye(3)[:, :2], np.array([[1.0], [2.0], [3.0]])
    for W, b in ((np.zeros((0, 2)), np.zeros(0)), (np.zeros((2, 2)), np.array([1.0, -1.0]))):
        optimum = dictionary_program(X, Y, W, b)
        assert optimum.value == pytest.approx(0, abs=1e-8)
        np.testing.assert_allclose(optimum.network(X), Y, atol=1e-7)
        assert not optimum.network.V.any()


def test_neurons_that_cannot_interpolate_are_a_runtime_error() -> None:
    with pytest.raises(RuntimeError, match="infeasible"):
        dictionary_program([[0, 0], [1, 0], [0, 1], [1, 1]], [0, 0, 0, 1], np.zeros((0, 2)), [])


@pytest.mark.parametrize(("N", "d", "planes"), [(6, 2, 15), (7, 3, 28), (3, 5, 0)])
def test_planes_go_through_data_points_in_every_way_asked_for(N: int, d: int, planes: int) -> None:
    X, _ = plane_data(N, 1, d)
    X = np.vstack([X, X[:2]])
    W, b = plane_dictionary(X, 4, 0)
    np.testing.assert_allclose(np.linalg.norm(W, axis=1), 1)
    through = np.sum(np.unique(np.abs(W @ X[:N].T + b[:, None]) < 1e-12, axis=0).reshape(-1, N), axis=1)
    assert through.min() >= 1
    on = np.sum(np.abs(W @ X[:N].T + b[:, None]) < 1e-12, axis=1)
    assert np.sum(on == 1) == 4 * N
    assert np.sum(on == d) <= planes
    assert d > 2 or np.sum(on == 2) == 15
    assert d != 3 or np.sum(on == 3) > 10
    assert len(np.unique(np.column_stack([W, b]), axis=0)) == len(W)
    again = plane_dictionary(X, 4, np.random.default_rng(0))
    np.testing.assert_array_equal(again[0], W)
    assert len(plane_dictionary(X, 0, 0)[0]) == (15 if d == 2 else 0)


@pytest.mark.parametrize(
    ("ask", "error", "message"),
    [
        (lambda: dictionary_program(np.eye(2), [0, 1], np.eye(3), np.zeros(3)), ValueError, "W has 3 columns but X has 2"),
        (lambda: dictionary_program(np.eye(2), [0, 1], np.eye(2), np.zeros(3)), ValueError, "W has shape"),
        (lambda: dictionary_program(np.eye(2), [0, 1], [[np.nan, 0]], [0.0]), ValueError, "W holds nan"),
        (lambda: dictionary_program(np.eye(2), [0, 1, 2], np.eye(2), np.zeros(2)), ValueError, "Y has 3 rows"),
        (lambda: dictionary_program(np.eye(2), [0, 1], np.eye(2), np.zeros(2), lam=-1.0), ValueError, "lam must be"),
        (lambda: dictionary_program(np.eye(2), [0, 1], np.eye(2), np.zeros(2), lam=np.inf), ValueError, "lam must be"),
        (lambda: plane_dictionary([0, 1, 2], 1, 0), ValueError, "X has 1 column"),
        (lambda: plane_dictionary(np.eye(2), -1, 0), ValueError, "directions"),
        (lambda: plane_dictionary(np.eye(2), 1, None), TypeError, "rng"),
    ],
)
def test_bad_dictionaries_are_refused_by_name(ask, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        ask()
