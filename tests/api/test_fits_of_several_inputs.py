"""`fit`, `fit_path`, `lambda_max` and `interpolate` from the caller's side with several inputs: whatever callers pass."""

import numpy as np
import pytest
from numpy.typing import NDArray

from vvnorm import Fit, MultivariateSolution, fit, fit_path, interpolate, lambda_max
from vvnorm.api.fits import warm_fits

Array = NDArray[np.float64]


def sample(n: int = 10, outputs: int = 1, inputs: int = 2, seed: int = 0) -> tuple[Array, Array]:
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, inputs)), rng.standard_normal((n, outputs))


X, Y = sample()

# --- kinds of data ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "given",
    [X.tolist(), X.astype(object), np.asfortranarray(X), np.repeat(X, 2, axis=1)[:, ::2], np.ma.asarray(X)],
    ids=["list", "object", "Fortran", "strided", "masked"],
)
def test_arrays_of_every_layout_give_the_same_bits(given: object) -> None:
    expected = fit(X, Y, 0.1)
    assert fit(given, Y, 0.1).value == expected.value
    assert interpolate(given, Y).value == interpolate(X, Y).value


@pytest.mark.parametrize("dtype", [np.int64, np.int8, np.float32, np.float16, bool])
def test_numbers_of_every_kind_are_read_as_float64(dtype: type) -> None:
    points, labels = (4 * X).astype(dtype), (4 * Y).astype(dtype)
    expected = fit(points.astype(np.float64), labels.astype(np.float64), 0.1)
    solution = fit(points, labels, 0.1)
    assert solution.value == expected.value
    assert solution.network.W.dtype == np.float64


def test_data_in_files(tmp_path) -> None:
    np.save(tmp_path / "X.npy", X)
    np.save(tmp_path / "Y.npy", Y)
    assert fit(tmp_path / "X.npy", tmp_path / "Y.npy", 0.1).value == fit(X, Y, 0.1).value


def test_a_thousand_outputs() -> None:
    points, labels = sample(8, 1000)
    for solution in (fit(points, labels, 0.1), interpolate(points, labels)):
        assert solution.verify()
        assert solution(points).shape == (8, 1000)


@pytest.mark.parametrize("skip", [True, False])
def test_a_constant_feature_changes_nothing(skip: bool) -> None:
    points = np.column_stack([X, np.full(len(X), 3.0)])
    for with_it, without in (
        (fit(points, Y, 0.1, skip=skip), fit(X, Y, 0.1, skip=skip)),
        (interpolate(points, Y, skip=skip), interpolate(X, Y, skip=skip)),
    ):
        assert with_it.verify()
        assert with_it.value == pytest.approx(without.value, rel=2e-6)
        assert any("affine subspace" in note for note in with_it.notes)


# --- degenerate data --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [2, 3])
def test_few_points_are_interpolated_by_an_affine_function_at_no_cost(n: int) -> None:
    solution = interpolate(X[:n], Y[:n])
    assert (solution.value, solution.gap, bool(solution.verify()), solution.network.n_neurons) == (0.0, 0.0, True, 0)
    assert solution.provenance["method"] == "affine function"
    np.testing.assert_allclose(solution(X[:n]), Y[:n], atol=1e-12)


@pytest.mark.parametrize("inputs", [1, 2])
@pytest.mark.parametrize("skip", [True, False])
@pytest.mark.parametrize("penalise_bias", [True, False])
def test_one_distinct_input_is_fitted_by_the_mean_and_has_no_critical_lam(
    inputs: int, skip: bool, penalise_bias: bool
) -> None:
    points, options = np.ones((3, inputs)), {"skip": skip, "penalise_bias": penalise_bias}
    assert lambda_max(points, [0, 1, 2], **options) == 0
    solution = fit(points, [0, 1, 2], 0.1, **options)
    assert solution.network.n_neurons == 0
    np.testing.assert_allclose(solution.network(points), 1.0)
    assert solution.value == pytest.approx(1.0)
    assert solution.verify()


def test_conflicting_labels_are_refused_or_fitted() -> None:
    points, labels = np.vstack([X, X[:1]]), np.vstack([Y, Y[:1] + 1])
    with pytest.raises(ValueError, match=r"X repeats the point .* with different labels .*; merge them .*, or use fit"):
        interpolate(points, labels)
    assert fit(points, labels, 0.1).verify()


def test_a_tolerance_out_of_reach_is_said() -> None:
    for solution in (fit(X, Y, 0.1, tol=1e-15), interpolate(X, Y, tol=1e-15)):
        assert 0 < solution.gap < 1e-6
        assert any("exceeds 1e-15" in complaint for complaint in solution.verify().problems)
        assert any("not 1e-15" in note for note in solution.notes)


# --- limits and progress ----------------------------------------------------------------------------------------------


def test_a_time_limit_stops_after_a_round_with_a_valid_bound() -> None:
    seen: list[int] = []
    limited = fit(X, Y, 0.1, time_limit=1e-9, callback=lambda number, upper, lower: seen.append(number))
    assert seen == [1]
    assert limited.provenance["status"] == "time limit"
    exact = fit(X, Y, 0.1)
    assert limited.lower_bound <= exact.value * (1 + 1e-9)
    assert limited.value >= exact.lower_bound
    for solution in fit_path(X, Y, [0.1, 0.2], time_limit=1e-9):
        assert solution.provenance["status"] == "time limit"


def test_a_path_is_in_the_callers_order_whatever_the_convention() -> None:
    for options in ({}, {"skip": False}, {"penalise_bias": True}):
        seen: list[float] = []
        fits = fit_path(X, Y, [0.1, 1.0, 0.3], callback=lambda solution: seen.append(solution.lam), **options)  # noqa: B023
        assert [solution.lam for solution in fits] == [0.1, 1.0, 0.3]
        assert seen == [1.0, 0.3, 0.1]
        assert [bool(solution.verify()) for solution in fits] == [True] * 3
    with pytest.raises(ValueError, match="lams must hold at least one lam"):
        fit_path(X, Y, [])


@pytest.mark.parametrize(("inputs", "bounds"), [(2, "proved by exact searches"), (3, "estimates")])
def test_climbing_that_is_asked_for_comes_as_close_without_a_proof(inputs: int, bounds: str) -> None:
    X, Y = sample(15, 1, inputs)
    climbing, exact = (warm_fits(X, Y, tol=1e-3, local_search=local_search) for local_search in (True, False))
    start = None
    for lam in (1.0, 0.1, 0.01):
        solution, start = climbing(lam, start)
        assert solution.provenance["bounds"].startswith(bounds)
        assert solution.value == pytest.approx(exact(lam, None)[0].value, rel=2e-3)
        assert solution.verify()  # by the verifier's own exact search


def test_the_kind_of_solution_depends_on_inputs_and_convention() -> None:
    assert isinstance(fit(X[:, 0], Y, 0.1), Fit)
    assert isinstance(fit(X[:, :1], Y, 0.1), Fit)
    assert isinstance(fit(X[:, 0], Y, 0.1, penalise_bias=True), MultivariateSolution)
    assert isinstance(fit(X, Y, 0.1), MultivariateSolution)


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"X": np.where(X[1, 0] == X, np.nan, X)}, ValueError, "X holds nan at row 1, column 0"),
        ({"X": X * np.inf}, ValueError, "X holds"),
        ({"X": X + 1j}, TypeError, "X must hold real numbers"),
        ({"X": X[None]}, ValueError, "X must have 1 or 2 dimensions"),
        ({"X": np.empty((10, 0))}, ValueError, "X has no columns"),
        ({"X": np.empty((0, 2)), "Y": []}, ValueError, "X is empty"),
        ({"Y": Y[:5]}, ValueError, "Y has 5 rows but there are 10 inputs"),
        ({"Y": np.where(Y[2] == Y, np.inf, Y)}, ValueError, "Y holds inf at row 2"),
        ({"Y": np.hstack([Y, Y * np.nan])}, ValueError, "output 1 has no label at all"),
        ({"tol": 0}, ValueError, "tol must lie between 0 and 1"),
        ({"time_limit": 0}, ValueError, "time_limit must be positive, got 0"),
        ({"time_limit": -1}, ValueError, "time_limit must be positive, got -1"),
        ({"time_limit": np.nan}, ValueError, "time_limit must be positive"),
        ({"time_limit": "a"}, TypeError, "time_limit must be a number of seconds"),
        ({"time_limit": True}, TypeError, "time_limit must be a number of seconds"),
        ({"max_iter": 0}, ValueError, "max_iter must be at least 1, got 0"),
        ({"max_iter": 1.5}, TypeError, "max_iter must be a whole number, got 1.5"),
        ({"seed": -1}, ValueError, "seed must be at least 0"),
        ({"seed": None}, TypeError, "seed must be a whole number"),
    ],
)
def test_bad_input_is_named(change: dict, error: type[Exception], words: str) -> None:
    options = {"X": X, "Y": Y} | change
    with pytest.raises(error, match=words):
        fit(**options, lam=0.1)
    with pytest.raises(error, match=words):
        interpolate(**options)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"lam": 0}, ValueError, "lam must be a positive finite number"),
        ({"lam": -1}, ValueError, "lam must be a positive finite number"),
        ({"lam": np.nan}, ValueError, "lam must be a positive finite number"),
        ({"lam": "1"}, TypeError, "lam must be a number"),
        (
            {"loss": "hinge", "Y": np.sign(Y)},
            ValueError,
            "loss 'hinge' has a corner; with several inputs there are squared",
        ),
        ({"loss": "one_class:0.1"}, ValueError, "loss 'one_class' has a corner"),
        ({"weights": np.zeros(10)}, ValueError, "weights are all 0"),
        ({"weights": np.tile([1, 0], (10, 1)), "Y": np.hstack([Y, Y])}, ValueError, "weights are all 0 for output 1"),
        ({"weights": -np.ones(10)}, ValueError, "weights holds -1.0 at row 0"),
    ],
)
def test_bad_options_of_fits_are_named(change: dict, error: type[Exception], words: str) -> None:
    options = {"X": X, "Y": Y, "lam": 0.1} | change
    with pytest.raises(error, match=words):
        fit(**options)
    lam = options.pop("lam")
    with pytest.raises(error, match=words):
        fit_path(**options, lams=[lam])


def test_bad_options_of_interpolation_and_of_calls_are_named() -> None:
    with pytest.raises(ValueError, match="auxiliary must be None or 'infinite', got 'foo'"):
        interpolate(X, Y, auxiliary="foo")
    for limit in (0, -1):
        with pytest.raises(ValueError, match="time_limit must be positive"):
            interpolate(X[:, 0], Y, time_limit=limit)
    with pytest.raises(ValueError, match="X has 3 columns; the network has 2 inputs"):
        fit(X, Y, 0.1)([[1.0, 2.0, 3.0]])


@pytest.mark.parametrize("delta", [1e-10, 1e-15, 1e-40, 1e-200])
def test_a_huber_loss_with_a_tiny_delta_is_certified(delta: float) -> None:
    rng = np.random.default_rng(1)
    X = rng.standard_normal((14, 2))
    y = np.sin(2 * X[:, :1]) + 0.3 * rng.standard_normal((14, 1))
    loss = f"huber:{delta!r}"
    solution = fit(X, y, 0.1 * lambda_max(X, y, loss=loss), loss=loss)
    assert solution.verify()
    wide = fit(X, y, 0.1 * lambda_max(X, y, loss="huber:1e-6"), loss="huber:1e-6")
    assert solution.value / delta == pytest.approx(wide.value / 1e-6, rel=1e-5)


def test_labels_too_coarse_for_the_tolerance_are_no_tolerance_reached() -> None:
    """Labels of range 2 beside 2^48, where float64 has steps of 1/16: the network's constant has this accuracy only."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((20, 2))
    y = np.round(16 * np.sin(2 * X[:, 0])) / 16
    near, far = (fit(X, y + level, 0.1) for level in (0.0, 2.0**48))
    assert near.verify()
    assert far.provenance["status"] == "rounding is the limit"
    assert near.lower_bound <= far.value <= near.value * 1.05
    assert near.tol < far.gap < 0.05


@pytest.mark.parametrize("small", [[3e-4, 1e-3, 1e-6, 2e-2, 1e-5], [3e3, 1e-3, 1e-6, 2e5, 1e-5]])
def test_logistic_fits_with_weights_over_many_decades_keep_their_bound(small: list[float]) -> None:
    """Two labels at one point contradict each other, and the others are separated: their dual values are next to 0."""
    X = [[0, 0], [0, 0], [1, 0], [0, 1], [2, 1], [1, 3], [-1, 2]]
    y, weights = [0, 1, 1, 0, 1, 0, 1], [464, 117, *small]
    solution = fit(X, y, 1e-6, loss="logistic", weights=weights)
    share = 464 / 581  # of the class 0 at the repeated point
    least = -464 * np.log(share) - 117 * np.log(1 - share)
    assert least <= solution.value <= least * (1 + 1e-4)
    assert solution.verify()
    hard = fit(X, y, 1e-5, loss="logistic", weights=weights)
    assert hard.gap < 1e-4
    assert (hard.provenance["status"] == "tolerance reached") == (hard.gap <= hard.tol)
