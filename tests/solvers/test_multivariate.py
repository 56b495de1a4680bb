"""The certified optimum of several inputs: interpolants, fits, paths, sparse solutions, the limit of auxiliary outputs."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import vvnorm
from vvnorm.api.multivariate import interpolate_points
from vvnorm.claims import load_claim
from vvnorm.losses import Loss
from vvnorm.solvers.multivariate import planar_search
from vvnorm.solvers.multivariate.affine_elimination import Convention, Inputs, Reduction
from vvnorm.solvers.multivariate.column_generation import generate
from vvnorm.solvers.multivariate.fits import FitProblem
from vvnorm.solvers.reference import dictionary_program, plane_dictionary
from vvnorm.validation import Array

SEEDS = st.integers(0, 2**32 - 1)


def points(seed: int, n: int, d: int, outputs: int, *, grid: bool = False) -> tuple[Array, Array]:
    """Distinct points, general or on a grid, with Gaussian labels."""
    rng = np.random.default_rng(seed)
    if grid:
        side = math.ceil(n ** (1 / d)) + 1
        cells = np.stack(np.meshgrid(*[np.arange(side)] * d), axis=-1).reshape(-1, d).astype(float)
        X = cells[rng.permutation(len(cells))[:n]]
    else:
        X = rng.standard_normal((n, d))
    return X, rng.standard_normal((n, outputs))


# --- interpolation ----------------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=30)
@given(seed=SEEDS, n=st.integers(4, 24), outputs=st.integers(1, 12), grid=st.booleans())
def test_interpolants_in_the_plane_are_certified(seed: int, n: int, outputs: int, grid: bool) -> None:
    X, Y = points(seed, n, 2, outputs, grid=grid)
    solution = vvnorm.interpolate(X, Y)
    assert solution.verify()
    assert solution.gap <= 1e-6
    assert np.allclose(solution(X), Y, atol=1e-9 * (1 + np.abs(Y).max()))


@pytest.mark.parametrize("skip", [True, False])
@pytest.mark.parametrize("penalise_bias", [True, False])
@pytest.mark.parametrize(("n", "d", "outputs"), [(12, 2, 1), (12, 2, 4), (9, 3, 2)])
def test_conventions_and_missing_labels(n: int, d: int, outputs: int, penalise_bias: bool, skip: bool) -> None:
    if d == 3 and penalise_bias:
        pytest.skip("the verifier's bound in four dimensions is loose")
    X, Y = points(5, n, d, outputs)
    Y[np.random.default_rng(1).random(Y.shape) < 0.2] = np.nan
    solution = vvnorm.interpolate(X, Y, skip=skip, penalise_bias=penalise_bias)
    assert solution.verify()
    present = ~np.isnan(Y)
    assert np.allclose(solution(X)[present], Y[present])
    assert skip or not solution.network.A.any()
    cost = solution.network.vv_norm_with_bias if penalise_bias else solution.network.vv_norm
    assert solution.value == pytest.approx(cost)


@pytest.mark.parametrize("outputs", [1, 3])
def test_three_inputs_on_a_grid_are_certified(outputs: int) -> None:
    X, Y = points(2, 12, 3, outputs, grid=True)
    assert vvnorm.interpolate(X, Y).verify()


@pytest.mark.parametrize("outputs", [1, 6])
def test_four_inputs_are_certified_where_points_are_few(outputs: int) -> None:
    X, Y = points(28, 10, 4, outputs)
    solution = vvnorm.interpolate(X, Y)
    assert solution.verify()
    assert solution.provenance["status"] == "tolerance reached"


def test_a_bound_from_local_search_is_no_proof_and_is_not_called_one() -> None:
    X, Y = points(29, 30, 7, 1)
    solution = vvnorm.interpolate(X, Y, max_iter=300)
    assert solution.provenance["status"] != "tolerance reached"
    assert "local search" in solution.provenance["status"]
    assert "estimates" in solution.provenance["bounds"]


def test_one_input_equals_the_closed_form() -> None:
    X, Y = points(3, 15, 1, 3)
    solution = interpolate_points(X, Y, Convention(), 1e-9)
    closed = vvnorm.interpolate(X, Y)
    assert solution.value == pytest.approx(closed.value, rel=1e-9)
    assert solution.verify()
    assert np.allclose(solution(X[:, :1] + 0.1), closed(X + 0.1), atol=1e-6 * np.abs(Y).max())


def test_rounding_of_the_last_weights_is_not_corrected_by_nearly_dependent_neurons() -> None:
    """Labels of one neuron, for which 13 nearly dependent ones remain; a correction of 5e-15 once cost 1.2 %."""
    key = [0, *map(ord, "output_distance"), 0, 1]
    instance = load_claim("output_distance").violate["noise"](np.random.default_rng(key))
    solution = vvnorm.interpolate(instance["X"][75], instance["Y"][75][:, :1], tol=1e-7)
    assert solution.gap <= 1e-7


@pytest.mark.parametrize("h", [1e-300, 1e-17, 1e-16, 1e-15, 1e-14])
def test_points_that_coordinates_cannot_tell_apart_are_one_point_if_labels_agree(h: float) -> None:
    """Two of these vanish when the centre of the inputs is subtracted."""
    X = np.array([[0, 0], [1, 0], [0, 1], [-1, 0], [-1, h]], dtype=np.float64)
    Y = np.array([[0, 1], [1, 2], [1, 0], [1, np.nan], [1, 3.0]])
    solution, merged = vvnorm.interpolate(X, Y), vvnorm.interpolate(X[[0, 1, 2, 4]], Y[[0, 1, 2, 4]])
    assert solution.verify()
    assert solution.value == pytest.approx(merged.value, rel=1e-6)
    assert solution.dual.shape == Y.shape


def test_different_labels_at_points_that_coordinates_cannot_tell_apart_are_refused() -> None:
    X = np.array([[0, 0], [1, 0], [0, 1], [-1, 0], [-1, 1e-17]], dtype=np.float64)
    with pytest.raises(ValueError, match=r"X\[3\] and X\[4\] have different labels, but are too close"):
        vvnorm.interpolate(X, [0, 1, 1, 1, 2])


@pytest.mark.parametrize("skip", [True, False])
def test_the_search_in_the_plane_begins_at_all_kinks_through_two_points(skip: bool) -> None:
    X, _ = points(3, 9, 2, 1)
    neuron_search = Inputs(np.vstack([X, X[:2]]), Convention(skip=skip)).neuron_search
    neurons = neuron_search.through_pairs(24)
    kinks = {(int(i), int(j)) for i, j in zip(neurons.anchor, neurons.through[:, 0], strict=True)}
    assert len(kinks) == 9 * 8 / 2
    assert len(neurons) == (1 if skip else 2) * len(kinks)
    ends = np.stack([neurons.anchor, neurons.through[:, 0]])
    assert np.abs(np.einsum("kd,ekd->ek", neurons.w, neuron_search.P[ends] - neuron_search.P[neurons.anchor])).max() < 1e-14
    assert np.allclose(np.linalg.norm(neurons.w, axis=1), 1)
    few = neuron_search.through_pairs(2)
    assert len(few) == (1 if skip else 2) * 2 * 9


@pytest.mark.parametrize("factor", [1.0, 1e5])
def test_an_output_that_dwarfs_the_other_is_solved_like_one(factor: float) -> None:
    X, Y = points(2, 14, 2, 2)
    Y[:, 1] = factor * np.maximum(X @ np.array([0.6, 0.8]) - 0.1, 0.0)
    reduction = Reduction(Inputs(X, Convention()), np.ones(Y.shape), Y, 0.0)
    assert reduction.reduced_problem.much_like_one_output == (factor > 1)
    solution = vvnorm.interpolate(X, Y, tol=1e-7)
    assert solution.verify()
    assert solution.gap <= 1e-7


@pytest.mark.parametrize("skip", [True, False])
def test_no_dictionary_does_better(skip: bool) -> None:
    X, Y = points(4, 8, 2, 2)
    solution = vvnorm.interpolate(X, Y, skip=skip)
    W, b = plane_dictionary(X, 120, 0)
    W, b = (W, b) if skip else (np.vstack([W, -W]), np.append(b, -b))
    over = dictionary_program(X, Y, W, b, lam=0.0, skip=skip).value
    assert solution.value <= over * (1 + 1e-6)
    assert solution.lower_bound <= over * (1 + 1e-7)
    assert over <= solution.value * 1.02


@settings(deadline=None, max_examples=15)
@given(
    seed=SEEDS,
    x_scale=st.integers(-8, 8),
    y_scale=st.integers(-8, 8),
    shift=st.floats(-100, 100),
    angle=st.floats(0, 6.28),
)  # fmt: skip
def test_cost_follows_scale_shift_and_rotation(seed: int, x_scale: int, y_scale: int, shift: float, angle: float) -> None:
    X, Y = points(seed, 9, 2, 3)
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    mix = np.linalg.qr(np.random.default_rng(seed).standard_normal((3, 3)))[0]
    base = vvnorm.interpolate(X, Y)
    moved = vvnorm.interpolate((X @ turn + shift) * 10.0**x_scale, (Y @ mix + shift) * 10.0**y_scale)
    factor = 10.0 ** (y_scale - x_scale)
    assert moved.lower_bound <= base.value * factor * (1 + 1e-9)
    assert base.lower_bound * factor <= moved.value * (1 + 1e-9)


def test_order_of_points_and_seed_do_not_matter_for_the_bounds() -> None:
    X, Y = points(7, 20, 2, 2)
    order = np.random.default_rng(0).permutation(20)
    first, second = vvnorm.interpolate(X, Y), vvnorm.interpolate(X[order], Y[order], seed=5)
    assert first.lower_bound <= second.value * (1 + 1e-12)
    assert second.lower_bound <= first.value * (1 + 1e-12)
    assert second.dual.shape == Y.shape
    again = vvnorm.interpolate(X, Y)
    assert np.array_equal(first.network.W, again.network.W)


def test_many_outputs_cost_no_more_than_their_rank() -> None:
    X, _ = points(8, 15, 2, 1)
    Y = np.random.default_rng(1).standard_normal((15, 1000))
    solution = vvnorm.interpolate(X, Y)
    assert solution.verify()
    assert solution.network.n_outputs == 1000


@pytest.mark.parametrize(
    "X",
    [
        np.outer(np.arange(9.0), [1.0, 2.0]),
        np.column_stack([np.arange(9.0), np.full(9, 3.0)]),
        np.random.default_rng(0).standard_normal((9, 2)) @ np.random.default_rng(1).standard_normal((2, 3)) + 1,
    ],
    ids=["collinear", "constant feature", "plane in space"],
)
def test_flat_points_are_solved_in_their_subspace(X: Array) -> None:
    Y = np.random.default_rng(2).standard_normal((9, 2))
    solution = vvnorm.interpolate(X, Y)
    assert solution.verify()
    assert any("subspace" in note for note in solution.notes)
    assert np.allclose(solution(X), Y)
    fitted = vvnorm.fit(X, Y, 0.1)
    assert fitted.verify()
    assert solution.sparsify().verify()


@pytest.mark.parametrize("n", [2, 3])
def test_few_points_have_affine_labels_at_no_cost(n: int) -> None:
    X, Y = points(9, n, 2, 2)
    solution = vvnorm.interpolate(X, Y)
    assert (solution.value, solution.network.n_neurons, bool(solution.verify())) == (0.0, 0, True)
    assert "affine" in solution.provenance["status"]


def test_repeats_are_merged_and_conflicts_named() -> None:
    X, Y = points(10, 10, 2, 2)
    once, twice = vvnorm.interpolate(X, Y), vvnorm.interpolate(np.vstack([X, X[:4]]), np.vstack([Y, Y[:4]]))
    assert twice.verify()
    assert twice.value == pytest.approx(once.value, rel=2e-6)
    with pytest.raises(ValueError, match=r"repeats the point .* with different labels .* in output 1"):
        vvnorm.interpolate(np.vstack([X, X[:1]]), np.vstack([Y, Y[:1] + np.array([0.0, 1.0])]))


def test_a_time_limit_returns_the_best_so_far_with_a_valid_bound() -> None:
    X, Y = points(11, 40, 2, 3)
    solution = vvnorm.interpolate(X, Y, time_limit=1e-9)
    assert solution.provenance["status"] == "time limit"
    assert solution.gap > 1e-6
    assert not solution.verify()
    best = vvnorm.interpolate(X, Y)
    assert solution.lower_bound <= best.value
    assert best.value <= solution.value


def test_a_tolerance_beyond_float64_returns_the_gap_that_was_reached() -> None:
    X, Y = points(12, 10, 2, 2)
    solution = vvnorm.interpolate(X, Y, tol=1e-15)
    assert solution.gap < 1e-8
    assert solution.gap <= 1e-15 or any("relative gap" in note for note in solution.notes)


@pytest.mark.usefixtures("hasty")
def test_more_points_than_an_exact_search_can_take_are_solved_by_local_search() -> None:
    X, Y = points(13, 40, 6, 2)
    solution = vvnorm.interpolate(X, Y)
    assert np.allclose(solution(X), Y)
    assert any("local search" in note for note in solution.notes)
    assert 0 < solution.lower_bound <= solution.value


def test_a_bound_from_local_search_is_called_an_estimate_and_never_exceeds_the_objective() -> None:
    rng = np.random.default_rng(3)
    X = rng.standard_normal((40, 8))
    seen: list[tuple[float, float]] = []
    fit = vvnorm.fit(X, np.sin(X[:, 0] + X[:, 1]), 0.5, callback=lambda _, *bounds: seen.append(bounds))
    assert "estimates" in fit.provenance["bounds"]
    assert all(lower <= upper for upper, lower in [*seen, *fit.history])
    assert len(seen) == fit.provenance["rounds"] <= 100


def test_rounds_can_be_limited() -> None:
    X, Y = points(31, 25, 2, 2)
    for limited in (vvnorm.interpolate(X, Y, max_iter=3), vvnorm.fit(X, Y, 1e-3, max_iter=3)):
        assert (limited.provenance["status"], limited.provenance["rounds"]) == ("round limit", 3)
        assert 1e-6 < limited.gap < 1
    mixed = vvnorm.fit(X, (Y > 0).astype(float), 0.1, loss="logistic", max_iter=4)
    assert mixed.provenance["status"] == "round limit"
    for fit in vvnorm.fit_path(X, Y, [1e-2, 1e-3], max_iter=1):
        assert fit.provenance["rounds"] == 1


@pytest.mark.usefixtures("hasty")
def test_local_search_in_ten_inputs_ends_at_one_value_wherever_it_starts() -> None:
    X, Y = points(33, 25, 10, 1)
    first, second = (vvnorm.interpolate(X, Y, seed=seed) for seed in (0, 1))
    assert first.provenance["status"] == "tolerance reached, estimated by local search"
    assert first.history[-1][0] == pytest.approx(second.history[-1][0], rel=2e-6)
    rng = np.random.default_rng(0)
    W, base = rng.standard_normal((4000, 10)), rng.integers(0, 25, 4000)
    W /= np.linalg.norm(W, axis=1)[:, None]
    estimate, unit = first.history[-1][1], np.asarray(first.dual)
    response = np.abs(unit[:, 0] @ np.maximum(X @ W.T - np.einsum("kd,kd->k", X[base], W), 0))
    assert np.vdot(unit, Y) / max(1.0, response.max()) >= estimate * (1 - 1e-9)


@pytest.mark.parametrize("skip", [True, False])
@pytest.mark.parametrize("penalise_bias", [True, False])
@pytest.mark.parametrize("outputs", [1, 3])
def test_local_search_finds_the_neuron_that_an_exact_search_finds(outputs: int, penalise_bias: bool, skip: bool) -> None:
    reached = []
    for seed in range(4):
        X, L = points(seed, 10, 3, outputs)
        known = Inputs(X, Convention(skip, penalise_bias), seed)
        basis = known.complement
        L = basis @ (basis.T @ L)
        (_, best), (neurons, climbed) = (known.neuron_search.search(L, exact=exact) for exact in (True, False))
        assert np.allclose(climbed, np.linalg.norm(known.neuron_search.features(neurons).T @ L, axis=1))
        reached.append(climbed.max() / best.max())
    assert max(reached) <= 1 + 1e-9
    assert min(reached) >= 1 - 1e-9


def test_six_inputs_are_found_before_they_are_proved() -> None:
    X, Y = points(32, 20, 6, 1)
    solution = vvnorm.interpolate(X, Y)
    assert solution.provenance["status"] == "tolerance reached, estimated by local search"


def test_progress_is_reported_with_bounds_that_close_in() -> None:
    X, Y = points(14, 20, 2, 2)
    seen: list[tuple[int, float, float]] = []
    solution = vvnorm.interpolate(X, Y, callback=lambda *state: seen.append(state))
    assert [round_ for round_, _, _ in seen] == list(range(1, solution.provenance["rounds"] + 1))
    assert [(upper, lower) for _, upper, lower in seen] == solution.history
    assert all(np.diff([upper for _, upper, _ in seen]) <= 0)
    assert all(np.diff([lower for _, _, lower in seen]) >= 0)


# --- tampering --------------------------------------------------------------------------------------------------------


def test_a_changed_network_or_dual_is_rejected() -> None:
    from dataclasses import replace

    X, Y = points(15, 12, 2, 2)
    solution = vvnorm.interpolate(X, Y)
    f = solution.network
    worse = vvnorm.ReLUNetwork(f.W, f.b, f.V * 1.001, f.A, f.c)
    assert not replace(solution, network=worse).verify()
    rng = np.random.default_rng(0)
    assert not replace(solution, dual=solution.dual + 0.01 * rng.standard_normal(Y.shape)).verify()


# --- fits -------------------------------------------------------------------------------------------------------------


def mixed_data(n: int = 30) -> tuple[Array, Array]:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, 2))
    classes = X[:, 0] * X[:, 1] + 0.5 * rng.standard_normal(n) > 0
    return X, np.column_stack([np.sin(2 * X[:, 0]), classes, rng.standard_t(2, n)])


@pytest.mark.parametrize("lam", [0.02, 0.3])
@pytest.mark.parametrize("skip", [True, False])
@pytest.mark.parametrize("missing", [True, False])
@pytest.mark.parametrize("loss", ["squared", ["squared", "logistic", "huber:0.5"]])
def test_fits_are_certified(loss: str | list[str], missing: bool, skip: bool, lam: float) -> None:
    X, Y = mixed_data()
    if missing:
        Y[np.random.default_rng(1).random(Y.shape) < 0.2] = np.nan
    fit = vvnorm.fit(X, Y, lam, loss=loss, skip=skip)
    assert fit.verify()
    assert fit.value == pytest.approx(fit.certificate.loss + lam * fit.vv_norm)


@pytest.mark.parametrize("loss", ["squared", "logistic", "huber:0.5"])
def test_fits_agree_with_a_dictionary_program(loss: str) -> None:
    X, Y = mixed_data(10)
    Y = Y[:, [1 if loss == "logistic" else 2]]
    fit = vvnorm.fit(X, Y, 0.05, loss=loss)
    assert fit.verify()
    cost = vvnorm.certify(fit.network, X, Y, lam=0.05, loss=loss, dual=fit.dual)
    assert cost.objective == pytest.approx(fit.value)
    if loss == "squared":
        W, b = plane_dictionary(X, 150, 0)
        over = dictionary_program(X, Y, W, b, lam=0.05).value
        assert fit.lower_bound <= over * (1 + 1e-7)
        assert fit.value <= over * (1 + 1e-6)
        assert over <= fit.value * 1.01


def test_labels_that_cancel_at_every_input_are_certified() -> None:
    X, Y = points(30, 6, 2, 1)
    fit = vvnorm.fit(np.vstack([X, X]), np.vstack([Y, -Y]), 0.1)
    assert fit.verify()
    assert fit.value == pytest.approx(float(np.sum(Y**2)))
    assert vvnorm.fit([1, 1, 1], [0, 1, 2], 0.1, penalise_bias=True).verify()


def test_repeats_and_weights_count() -> None:
    X, Y = mixed_data(15)
    twice = vvnorm.fit(np.vstack([X, X]), np.vstack([Y, Y + 0.1]), 0.1)
    assert twice.verify()
    weighted = vvnorm.fit(X, Y + 0.05, 0.1, weights=np.full(len(X), 2.0))
    assert np.allclose(twice(X), weighted(X), atol=2e-3)
    assert twice.value == pytest.approx(weighted.value + Y.size * 2 * 0.05**2 / 2, rel=1e-5)
    huber = vvnorm.fit(np.vstack([X, X]), np.vstack([Y, Y + 3.0]), 0.1, loss="huber:0.5")
    assert huber.verify()


@pytest.mark.parametrize("loss", ["squared", "logistic", "huber:0.5"])
def test_lambda_max_is_where_fits_become_affine(loss: str) -> None:
    X, Y = mixed_data()
    Y = Y[:, [1 if loss == "logistic" else 0]]
    largest = vvnorm.lambda_max(X, Y, loss=loss)
    above, below = (vvnorm.fit(X, Y, factor * largest, loss=loss) for factor in (1.001, 0.98))
    assert above.network.n_neurons == 0
    assert below.network.n_neurons > 0
    assert above.verify()
    assert below.verify()


def test_the_fit_of_largest_lam_is_the_least_squares_line() -> None:
    from sklearn.linear_model import LinearRegression

    X, Y = mixed_data()
    line = LinearRegression().fit(X, Y)
    assert np.allclose(vvnorm.fit(X, Y, 1e4)(X), line.predict(X))


def test_small_lam_approaches_the_interpolant() -> None:
    X, Y = points(16, 12, 2, 2)
    exact = vvnorm.interpolate(X, Y)
    fits = vvnorm.fit_path(X, Y, [1e-2, 1e-4, 1e-6])
    costs = [fit.vv_norm for fit in fits]
    assert costs == sorted(costs)
    assert costs[-1] == pytest.approx(exact.value, rel=1e-3)
    assert fits[-1].value == pytest.approx(1e-6 * exact.value, rel=1e-3)


def test_paths_equal_single_fits() -> None:
    X, Y = mixed_data(20)
    lams = [0.05, 1.0, 0.2]
    for lam, fit in zip(lams, vvnorm.fit_path(X, Y, lams), strict=True):
        assert fit.lam == lam
        assert fit.verify()
        single = vvnorm.fit(X, Y, lam)
        assert fit.value <= single.value * (1 + 2e-6)
        assert single.value <= fit.value * (1 + 2e-6)


@pytest.mark.parametrize("distance", [30.0, 300.0, 3000.0])
@pytest.mark.parametrize("skip", [True, False])
def test_biases_inside_the_norm_far_from_the_origin_leave_a_bound(distance: float, skip: bool) -> None:
    X, Y = points(33, 8, 2, 2)
    solution = vvnorm.interpolate(X + distance, Y, penalise_bias=True, skip=skip)
    assert 0 < solution.lower_bound <= solution.value
    assert distance > 100 or solution.gap <= 1e-6


@pytest.mark.parametrize("n", [4, 9])
def test_infinitely_many_outputs_of_one_input_connect_the_dots(n: int) -> None:
    x, y = points(34, n, 1, 2)
    limit, dots = vvnorm.interpolate(x, y, auxiliary="infinite"), vvnorm.interpolate(x, y)
    assert limit.verify()
    t = np.linspace(-2, 2, 41)[:, None]
    assert np.allclose(limit(t), dots(t), atol=1e-8)


def test_responses_that_cancel_are_none_and_not_undefined() -> None:
    """Sums of squares are updated from arc to arc, and where all is switched off rounding may leave less than 0."""
    rng = np.random.default_rng(0)
    for n in rng.integers(3, 12, 400):
        P = np.column_stack([rng.integers(-5, 6, n).astype(float), np.ones(n) * rng.integers(0, 2)])
        L = np.ascontiguousarray(rng.standard_normal((n, 1)) * (P[:, :1] != 0))
        values, w, through = np.empty(4 * n + 4), np.empty((4 * n + 4, 2)), np.empty(4 * n + 4, np.int64)
        count = planar_search.along(P, L, False, values, w, through)
        assert np.all(values[:count] >= 0)


@pytest.mark.parametrize(
    ("x", "y", "lam", "value"),
    [([-5, -3, -2, 2, 3], [0, 1, 3, -2, 3], 0.01, 0.25436), ([-3, -2, -1, 1, 4], [0, 1, -2, -1, 3], 0.1, 1.12758)],
)
def test_integers_with_biases_inside_the_norm_are_fitted(x: list[int], y: list[int], lam: float, value: float) -> None:
    solution = vvnorm.fit(x, y, lam, penalise_bias=True)
    assert solution.verify()
    assert solution.value == pytest.approx(value, abs=1e-5)


def test_biases_inside_the_norm_for_one_input() -> None:
    x, y = points(17, 10, 1, 2)
    inside = vvnorm.interpolate(x, y, penalise_bias=True)
    assert inside.verify()
    assert inside.value >= vvnorm.interpolate(x, y).value * (1 - 1e-9)
    assert vvnorm.fit(x, y, 0.1, penalise_bias=True).verify()


@pytest.mark.parametrize("loss", ["hinge", "one_class:0.1"])
def test_losses_with_corners_are_refused(loss: str) -> None:
    X, Y = points(18, 5, 2, 1)
    with pytest.raises(ValueError, match="has a corner"):
        vvnorm.fit(X, (Y > 0).astype(float), 0.1, loss=loss)


@pytest.mark.parametrize("lam", [0.01, 0.1])
def test_classes_of_which_some_are_separated_are_certified(lam: float) -> None:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((20, 2))
    classes = np.eye(3)[np.argmax(X @ rng.standard_normal((2, 3)), axis=1)]
    fit = vvnorm.fit(X, classes, lam, loss="logistic")
    assert any("separates its classes" in note for note in fit.notes)
    assert fit.verify()


def test_classes_that_a_line_separates_are_said_to_diverge() -> None:
    X, _ = points(19, 12, 2, 1)
    fit = vvnorm.fit(X, (X[:, 0] > 0).astype(float), 1e-3, loss="logistic")
    assert any("separates its classes" in note for note in fit.notes)


# --- sparse solutions -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "d"), [(20, 2), (35, 2), (12, 3)])
def test_one_output_has_a_solution_of_few_neurons(n: int, d: int) -> None:
    X, Y = points(n, n, d, 1)
    sparse = vvnorm.interpolate(X, Y).sparsify()
    assert sparse.verify()
    assert sparse.network.n_neurons <= n - 1 - d


def test_pruning_stays_within_the_asked_gap() -> None:
    X, Y = points(20, 25, 2, 4)
    solution = vvnorm.interpolate(X, Y)
    sparse = solution.sparsify(1e-2)
    assert sparse.network.n_neurons < solution.network.n_neurons
    assert sparse.gap <= 1e-2
    assert np.allclose(sparse(X), Y)
    fit = vvnorm.fit(X, Y, 0.1)
    assert fit.sparsify().verify()


# --- infinitely many auxiliary outputs --------------------------------------------------------------------------------


def test_infinitely_many_auxiliary_outputs_are_the_limit_of_many() -> None:
    X, Y = points(21, 12, 2, 1)
    limit = vvnorm.interpolate(X, Y, auxiliary="infinite")
    assert limit.verify()
    assert np.allclose(limit(X), Y)
    t = np.random.default_rng(0).uniform(-1, 1, (200, 2))
    rng = np.random.default_rng(1)
    off = []
    for m in (30, 3000):
        many = vvnorm.interpolate(X, np.column_stack([1e-4 * Y, rng.standard_normal((12, m)) / math.sqrt(m)]))
        off.append(float(np.abs(1e4 * many(t)[:, 0] - limit(t)[:, 0]).max()))
    assert off[1] < 0.3 * off[0]
    assert off[1] < 0.1 * np.ptp(limit(t))


def test_the_limit_is_linear_in_the_labels_and_a_kernel_interpolant() -> None:
    X, Y = points(22, 10, 2, 2)
    limit = vvnorm.interpolate(X, Y, auxiliary="infinite")
    total = vvnorm.interpolate(X, Y.sum(axis=1), auxiliary="infinite")
    t = np.random.default_rng(0).uniform(-1, 1, (50, 2))
    assert np.allclose(limit(t).sum(axis=1), total(t)[:, 0], atol=1e-6 * np.ptp(Y))
    kernel = vvnorm.kernel_solution(limit.design.network, X, Y[:, 0], weights=limit.eta)
    assert np.allclose(kernel(t)[:, 0], limit(t)[:, 0], atol=1e-6 * np.ptp(Y))
    assert limit.record()["auxiliary"] == "infinite"


def test_the_limit_is_certified_for_one_input_far_from_0_too() -> None:
    x, y = points(27, 9, 1, 1)
    for shift in (0.0, 50.0):
        limit = vvnorm.interpolate(x + shift, y, auxiliary="infinite")
        assert limit.verify()
        assert limit.value == pytest.approx(vvnorm.interpolate(limit.design.X, limit.design.Y).value, rel=1e-9)


def test_the_limit_needs_labels_everywhere_and_points_enough() -> None:
    X, Y = points(23, 10, 2, 1)
    with pytest.raises(ValueError, match="missing labels"):
        vvnorm.interpolate(
            X, np.where(Y > 1, np.nan, Y) if (Y > 1).any() else np.r_[[[np.nan]], Y[1:]], auxiliary="infinite"
        )
    with pytest.raises(ValueError, match="every label is affine"):
        vvnorm.interpolate(X[:3], Y[:3], auxiliary="infinite")
    with pytest.raises(ValueError, match="auxiliary must be None or 'infinite', got 'foo'"):
        vvnorm.interpolate(X, Y, auxiliary="foo")


def test_words_for_people_and_programs() -> None:
    X, Y = points(24, 10, 2, 2)
    solution = vvnorm.interpolate(X, Y)
    record = solution.record()
    assert record["inputs"] == 2
    assert record["gap"] == solution.gap
    assert "column generation" in solution.summary()
    fit = vvnorm.fit(X, Y, 0.1)
    assert fit.record()["losses"] == ["squared", "squared"]
    assert "objective" in fit.summary()


def test_fit_problems_refuse_corners_by_name() -> None:
    X, Y = points(25, 5, 2, 1)
    with pytest.raises(ValueError, match="'hinge'"):
        FitProblem(X, Y, None, (Loss("hinge"),), Convention())


def test_a_problem_may_begin_from_one_with_other_patterns_of_outputs() -> None:
    X, Y = points(26, 12, 2, 2)
    place, present = Inputs(X, Convention()), np.ones(Y.shape)
    present[0, 1] = 0.0
    two = Reduction(place, present, Y, 0.1).reduced_problem
    single = Reduction(place, present[:, :1], Y[:, :1], 0.1).reduced_problem
    begun = generate(single, 1e-6, start=generate(two, 1e-6).start)
    assert begun.upper == pytest.approx(generate(single, 1e-6).upper, rel=2e-6)
