"""What callers hold as numbers: masks are missing labels or errors, and no digit is lost without a word."""

import datetime
import sys
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

import vvnorm
from vvnorm.analysis.feature_kernels import feature_kernel, kernel_solution
from vvnorm.analysis.measures import sup_distance
from vvnorm.analysis.measures import test_train_distances as distances_to_training_points
from vvnorm.analysis.regions import Box, Hull
from vvnorm.datasets import bernoulli_auxiliary, gaussian_auxiliary
from vvnorm.float64 import as_float64
from vvnorm.losses import Loss, canonical_labels
from vvnorm.multitask.least_norm import minimum_norm
from vvnorm.multitask.task_data import TaskData, metric
from vvnorm.multitask.tasks import Standardisation, Task, background, mean_weights, one_hot, task_labels, with_background
from vvnorm.network import ReLUNetwork
from vvnorm.piecewise import PiecewiseLinear
from vvnorm.solvers.reference import curvature_fit, curvature_interpolation, dictionary_interpolation
from vvnorm.validation import as_inputs, as_labels, as_weights, sorted_univariate
from vvnorm.verifier.neuron_bound import neuron_bound

NAN = np.nan
X = np.array([0.0, 1.0, 2.0, 3.0, 4.0, 5.0])
Y = np.array([[0.0, 1.0], [2.0, 0.0], [1.0, 1.0], [3.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
PLANE = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [0.5, 0.3], [0.2, 0.8]])
HOLES = np.zeros(Y.shape, dtype=bool)
HOLES[1, 0] = HOLES[4, 1] = True
MASKED = np.ma.array(np.where(HOLES, 1e6, Y), mask=HOLES)
MISSING = np.where(HOLES, NAN, Y)
NET = ReLUNetwork([[1.0], [1.0]], [-1.0, -2.5], [[1.0, 2.0], [0.5, -1.0]])
FLAT = ReLUNetwork([[1.0, 0.5], [1.0, -1.0]], [-1.0, 0.1], [[1.0, 2.0], [0.5, -1.0]])


def hidden(values: Any) -> np.ma.MaskedArray:
    """The same with its second row hidden."""
    values = np.asarray(values)
    mask = np.zeros(values.shape, dtype=bool)
    mask[1] = True
    return np.ma.array(values, mask=mask)


# --- masks ------------------------------------------------------------------------------------------------------------

LABELS: dict[str, Callable[[Any], Any]] = {
    "interpolate": lambda y: vvnorm.interpolate(X, y).value,
    "interpolate, two inputs": lambda y: vvnorm.interpolate(PLANE, y).value,
    "fit": lambda y: vvnorm.fit(X, y, 0.1).value,
    "fit, two inputs": lambda y: vvnorm.fit(PLANE, y, 0.1).value,
    "fit_path": lambda y: [solution.value for solution in vvnorm.fit_path(X, y, [0.3, 0.1])],
    "lambda_max": lambda y: vvnorm.lambda_max(X, y),
    "lambda_max, two inputs": lambda y: vvnorm.lambda_max(PLANE, y),
    "pareto_front": lambda y: vvnorm.pareto_front(X, y, 1.0, mixtures=3).losses.tolist(),
    "certify": lambda y: vvnorm.certify(NET, X, y).numbers(),
    "certify, two inputs": lambda y: vvnorm.certify(FLAT, PLANE, y).numbers(),
    "certify a fit": lambda y: vvnorm.certify(NET, X, y, lam=0.1).numbers(),
    "certify a fit, two inputs": lambda y: vvnorm.certify(FLAT, PLANE, y, lam=0.1).numbers(),
    "train": lambda y: vvnorm.train(X, y, steps=3, width=4, progress=False).history["vv_norm"].tolist(),
    "train_tasks": lambda y: vvnorm.train_tasks(X, y, steps=3, width=4, progress=False).losses.tolist(),
    "Dataset": lambda y: vvnorm.Dataset(X, y).Y.tolist(),
    "with_auxiliary": lambda y: vvnorm.Dataset(X, Y).with_auxiliary(y).Y.tolist(),
    "TaskData": lambda y: TaskData(X, y, y, (Task("a", (0,)), Task("b", (1,))), ("x",), "here").truth.tolist(),
    "sorted_univariate": lambda y: sorted_univariate(X, y)[1].tolist(),
    "gaussian_auxiliary": lambda y: gaussian_auxiliary(y, 1, 1.0, 0).tolist(),
    "bernoulli_auxiliary": lambda y: bernoulli_auxiliary(y, 1, 0).tolist(),
    "canonical_labels": lambda y: canonical_labels(y, (Loss("squared"),) * 2).tolist(),
    "task_labels": lambda y: task_labels(y, (Task("a", (0,)), Task("b", (1,)))).tolist(),
    "mean_weights": lambda y: mean_weights(y, (Task("a", (0,)), Task("b", (1,)))).tolist(),
    "with_background": lambda y: with_background(X, y, 1, 0)[1].tolist(),
    "Loss.value": lambda y: Loss("squared").value(Y + 1, y).tolist(),
    "metric": lambda y: metric(Task("a", (0, 1)), Y + 1, y).value,
    "one_hot": lambda y: one_hot(y[:, 0] if isinstance(y, np.ndarray) else [row[0] for row in y])[0].tolist(),
    "convex fit": lambda y: curvature_fit(X, y, 0.1).value,
    "convex interpolation": lambda y: curvature_interpolation(X, y).network(X).tolist(),
}
ARRAYS_ONLY = {"canonical_labels", "task_labels", "mean_weights", "Loss.value"}


@pytest.mark.parametrize("name", LABELS)
def test_a_masked_label_is_missing_whatever_it_hides(name: str) -> None:
    expected = LABELS[name](MISSING)
    np.testing.assert_equal(LABELS[name](MASKED), expected)
    if name not in ARRAYS_ONLY:
        rows = [
            [np.ma.masked if gone else value for value, gone in zip(*pair, strict=True)]
            for pair in zip(Y, HOLES, strict=True)
        ]
        np.testing.assert_equal(LABELS[name](rows), expected)


def test_masked_labels_of_a_million_rows_are_not_read_in_place() -> None:
    x, y = np.arange(1e6), np.ma.array(np.full(10**6, 1e9), mask=True)
    y[:4] = [0, 1, 0, 1]
    line = vvnorm.lambda_max(x, y)
    assert line == pytest.approx(vvnorm.lambda_max(x[:4], y[:4]), rel=1e-9)
    with pytest.raises(ValueError, match="X is masked at row 4, column 0"):
        vvnorm.lambda_max(np.ma.array(x, mask=np.ma.getmaskarray(y)), np.zeros(10**6))


DOORS: dict[str, tuple[str, Callable[[], Any]]] = {
    "interpolate": ("X", lambda: vvnorm.interpolate(hidden(X), Y)),
    "interpolate, two inputs": ("X", lambda: vvnorm.interpolate(hidden(PLANE), Y)),
    "evaluating it": ("X", lambda: vvnorm.interpolate(X, Y)(hidden(X))),
    "evaluating it, two inputs": ("X", lambda: vvnorm.interpolate(PLANE, Y)(hidden(PLANE))),
    "band": ("t", lambda: vvnorm.interpolate(X, Y).band(hidden(X))),
    "distance_bound": ("t", lambda: vvnorm.interpolate(X, Y).distance_bound(hidden(X), 1.0)),
    "fit": ("X", lambda: vvnorm.fit(hidden(X), Y, 0.1)),
    "fit, two inputs": ("X", lambda: vvnorm.fit(hidden(PLANE), Y, 0.1)),
    "weights": ("weights", lambda: vvnorm.fit(X, Y, 0.1, weights=hidden(np.ones(6)))),
    "weights, two inputs": ("weights", lambda: vvnorm.fit(PLANE, Y, 0.1, weights=hidden(np.ones(6)))),
    "fit_path": ("X", lambda: vvnorm.fit_path(hidden(X), Y, [0.1])),
    "lambda_max": ("X", lambda: vvnorm.lambda_max(hidden(X), Y)),
    "pareto_front": ("X", lambda: vvnorm.pareto_front(hidden(X), Y, 1.0)),
    "pareto_front's weights": ("weights", lambda: vvnorm.pareto_front(X, Y, 1.0, weights=hidden(np.ones(6)))),
    "mixtures": ("mixtures", lambda: vvnorm.pareto_front(X, Y, 1.0, mixtures=hidden(np.ones((3, 2))))),
    "losses": ("losses", lambda: vvnorm.pareto_front(X, Y, 1.0, mixtures=3).excess(hidden([1.0, 2.0]))),
    "vv_norms": ("vv_norms", lambda: vvnorm.pareto_front(X, Y, 1.0, mixtures=3).excess([[1, 2]] * 2, hidden([1, 2]))),
    "certify": ("X", lambda: vvnorm.certify(NET, hidden(X), Y)),
    "certify, two inputs": ("X", lambda: vvnorm.certify(FLAT, hidden(PLANE), Y)),
    "certify a fit": ("X", lambda: vvnorm.certify(NET, hidden(X), Y, lam=0.1)),
    "certify a fit's weights": ("weights", lambda: vvnorm.certify(NET, X, Y, lam=0.1, weights=hidden(np.ones(6)))),
    "certify's dual": ("dual", lambda: vvnorm.certify(NET, X, Y, dual=hidden(Y))),
    "certify a fit's dual": ("dual", lambda: vvnorm.certify(NET, X, Y, lam=0.1, dual=hidden(Y))),
    "train": ("X", lambda: vvnorm.train(hidden(X), Y, steps=1, progress=False)),
    "train_tasks": ("X", lambda: vvnorm.train_tasks(hidden(X), Y, steps=1, progress=False)),
    "train_tasks' weights": ("weights", lambda: vvnorm.train_tasks(X, Y, weights=hidden(np.ones(6)), progress=False)),
    "weighting": ("weighting", lambda: vvnorm.train_tasks(X, Y, weighting=hidden([1.0, 2.0]), progress=False)),
    "Dataset": ("X", lambda: vvnorm.Dataset(hidden(X), Y)),
    "network": ("X", lambda: NET(hidden(X))),
    "gradient": ("X", lambda: NET.gradient(hidden(X))),
    "W": ("W", lambda: ReLUNetwork(hidden([[1.0], [2.0]]), [0.0, 1.0], [[1.0, 1.0]])),
    "V": ("V", lambda: ReLUNetwork([[1.0]], [0.0], hidden([[1.0], [2.0]]))),
    "knots": ("knots", lambda: PiecewiseLinear(hidden([0.0, 1.0]), [0.0, 1.0])),
    "values": ("values", lambda: PiecewiseLinear([0.0, 1.0], hidden([0.0, 1.0]))),
    "Hull": ("region", lambda: Hull(hidden(PLANE))),
    "Box": ("low", lambda: Box(hidden([0.0, 0.0]), [1.0, 1.0])),
    "Box of one": ("high", lambda: Box(0.0, np.ma.masked)),
    "mean_gradient_norm": ("region", lambda: vvnorm.mean_gradient_norm(FLAT, hidden(PLANE))),
    "distances": ("X_train", lambda: distances_to_training_points(FLAT, hidden(PLANE), PLANE)),
    "truth": ("truth", lambda: distances_to_training_points(FLAT, PLANE, PLANE, truth=hidden(np.ones(6)))),
    "features": ("X", lambda: feature_kernel(NET)(hidden(X))),
    "kernel's weights": ("weights", lambda: feature_kernel(NET, weights=hidden([1.0, 1.0]))),
    "kernel_solution": ("y", lambda: kernel_solution(NET, X, hidden(Y[:, 0]), lam=1.0)),
    "Standardisation": ("X", lambda: Standardisation.of(hidden(PLANE))),
    "background": ("X", lambda: background(hidden(PLANE), 3, 0)),
    "metric": ("values", lambda: metric(Task("a", (0, 1)), hidden(Y), Y)),
    "neuron_bound": ("Lambda", lambda: neuron_bound(PLANE, hidden(PLANE))),
    "minimum_norm": ("gram", lambda: minimum_norm(hidden(np.eye(2)))),
    "dictionary": ("X", lambda: dictionary_interpolation(hidden(X), Y)),
    "sup_distance": ("low", lambda: sup_distance(NET, NET, np.ma.masked, 1.0)),
}


@pytest.mark.parametrize("name", DOORS)
def test_what_else_is_masked_is_refused_by_name(name: str) -> None:
    argument, call = DOORS[name]
    with pytest.raises((ValueError, TypeError), match=rf"^{argument} (is masked at row|must)"):
        call()


def test_masks_that_hide_nothing_change_nothing() -> None:
    plain = vvnorm.fit(X, Y, 0.1, weights=np.ones(6))
    masked = vvnorm.fit(np.ma.array(X), np.ma.array(Y, mask=False), 0.1, weights=np.ma.array(np.ones(6), mask=[0] * 6))
    assert masked.value == plain.value


@pytest.mark.parametrize("make", [vvnorm.VVNormRegressor, vvnorm.VVNormRegressorCV, vvnorm.VVNormInterpolator])
def test_estimators_of_numbers_look_at_masks(make: Any) -> None:
    with pytest.raises(ValueError, match="X is masked at row 1, column 0"):
        make().fit(hidden(PLANE), Y[:, 0])
    fitted = make().fit(PLANE, Y[:, 0])
    with pytest.raises(ValueError, match="X is masked at row 1"):
        fitted.predict(hidden(PLANE))
    if make is not vvnorm.VVNormInterpolator:
        with pytest.raises(ValueError, match="sample_weight is masked at row 1"):
            make().fit(PLANE, Y[:, 0], sample_weight=hidden(np.ones(6)))


def test_a_masked_class_is_missing() -> None:
    classes = np.array(["a", "c", "a", "b", "a", "b"])  # "c" is hidden
    with pytest.warns(ConvergenceWarning):  # a line separates the classes
        classifier = vvnorm.VVNormClassifier().fit(PLANE, hidden(classes))
    assert classifier.classes_.tolist() == ["a", "b"]
    assert classifier.score(PLANE, hidden(classes)) == classifier.score(np.delete(PLANE, 1, 0), np.delete(classes, 1))


def test_missing_values_of_pandas_are_missing_labels(monkeypatch: pytest.MonkeyPatch) -> None:
    class NAType:
        def __float__(self) -> float:
            raise TypeError("it is ambiguous")

        __bool__ = __eq__ = __float__  # type: ignore[assignment]
        __hash__ = None  # type: ignore[assignment]

    gone = NAType()
    monkeypatch.setitem(sys.modules, "pandas", SimpleNamespace(NA=gone))
    labels = np.array([[1, gone], [None, 2]], dtype=object)
    np.testing.assert_array_equal(as_labels(labels, allow_missing=True), [[1, NAN], [NAN, 2]])
    with pytest.raises(ValueError, match="X holds nan at row 1, column 0"):
        as_inputs(np.array([1, gone], dtype=object))


# --- digits -----------------------------------------------------------------------------------------------------------

BIG = 2**53 + 1


@pytest.mark.parametrize(
    "given",
    [
        np.array([4, BIG]),
        np.array([4, BIG], dtype=">i8"),
        np.array([4, -BIG]),
        np.array([4, 2**64 - 1], dtype=np.uint64),
        np.array([4, 2**63 - 1]),
        [4, BIG],
        [4.5, BIG],
        [-1, 2**63 + 1],
        [4, 10**400],
        np.array([4, BIG], dtype=object),
        np.array([4, np.int64(BIG)], dtype=object),
        np.array([4, Fraction(10**400)], dtype=object),
        np.ma.array([4, BIG]),
    ],
    ids=lambda given: f"{type(given).__name__} {getattr(given, 'dtype', '')}",
)
def test_integers_that_float64_cannot_hold_are_refused_by_value(given: Any) -> None:
    value = str(np.asarray(given, dtype=object)[1])[:20]
    for read in (as_inputs, as_labels, lambda values: as_weights(values, (2, 1))):
        with pytest.raises(
            ValueError, match=r"^(X|Y|weights) holds .* at row 1, column 0, which float64 cannot hold"
        ) as error:
            read(given)
        assert value.lstrip("-") in str(error.value)


@pytest.mark.parametrize("exponent", [53, 60, 62])
def test_integers_that_float64_holds_are_read_however_large(exponent: int) -> None:
    given = [2**exponent, -(2**exponent), 3 * 2**exponent // 2]
    for values in (given, np.array(given), np.array(given, dtype=object)):
        assert [int(value) for value in as_inputs(values)[:, 0]] == given
    assert int(as_inputs(np.array([-(2**63), 0]))[0, 0]) == -(2**63)


def test_long_doubles_of_more_digits_are_refused() -> None:
    tenth = np.longdouble("0.1")
    if np.finfo(np.longdouble).nmant > 52:
        for given in (np.array([0.5, tenth]), [0.5, tenth], np.array([0.5, tenth], dtype=object)):
            with pytest.raises(ValueError, match=r"X holds 0.1 at row 1, column 0, which float64 cannot hold"):
                as_inputs(given)
    assert as_inputs(np.array([0.5, NAN, 0.1], dtype=np.longdouble)[[0, 0]]).tolist() == [[0.5], [0.5]]
    assert np.isnan(as_labels(np.array([0.5, NAN], dtype=np.longdouble), allow_missing=True)[1, 0])


def test_decimals_and_fractions_are_rounded_unless_inputs_become_one() -> None:
    third = Fraction(1, 3)
    assert as_inputs([third, Decimal("0.1")])[:, 0].tolist() == [1 / 3, 0.1]
    near = [third, third + Fraction(1, 10**30)]
    with pytest.raises(ValueError, match=r"X holds 1/3 and .* which differ but are one number in float64"):
        as_inputs(near)
    assert as_labels(near)[:, 0].tolist() == [1 / 3, 1 / 3]
    assert as_inputs([third, third]).tolist() == [[1 / 3], [1 / 3]]
    assert as_inputs([[third, 0], [third, 1]]).tolist() == [[1 / 3, 0], [1 / 3, 1]]


def test_class_numbers_that_differ_stay_different() -> None:
    with pytest.raises(ValueError, match=f"labels holds {BIG} at row 1"):
        one_hot(np.array([BIG - 1, BIG]))


def test_nothing_is_certified_about_inputs_that_were_rounded() -> None:
    x, y = 1_700_000_000_000_000_000 + 100 * np.arange(8), np.arange(8) % 3
    for call in (
        lambda: vvnorm.certify(NET, x, Y[[0] * 8]),
        lambda: vvnorm.certify(NET, x, Y[[0] * 8], lam=1.0),
        lambda: vvnorm.train(x, y, steps=1),
        lambda: vvnorm.train_tasks(x, y, steps=1),
        lambda: vvnorm.pareto_front(x, y, 1.0),
        lambda: vvnorm.VVNormRegressor().fit(x[:, None], y),
        lambda: vvnorm.VVNormClassifier().fit(x[:, None], y),
        lambda: vvnorm.VVNormInterpolator().fit(x[:, None], y),
        lambda: vvnorm.Dataset(x, y),
    ):
        with pytest.raises(ValueError, match="X holds 1700000000000000100 at row 1, column 0, which float64 cannot hold"):
            call()


# --- dates ------------------------------------------------------------------------------------------------------------

DAY = datetime.date(2020, 1, 2)


@pytest.mark.parametrize(
    "dates",
    [
        np.array(["2020-01-01", "2020-01-02"], dtype="datetime64[D]"),
        np.array([1, 2], dtype="timedelta64[s]"),
        [DAY, DAY],
        np.array([DAY, datetime.datetime(2020, 1, 1)], dtype=object),
        np.array([np.timedelta64(1, "s"), np.timedelta64(2, "s")], dtype=object),
    ],
    ids=["datetime64", "timedelta64", "list", "objects", "timedelta64 objects"],
)
def test_dates_are_refused_at_every_door_with_what_to_do(dates: Any) -> None:
    column = np.asarray(dates)[:, None]
    for call in (
        lambda: as_float64(dates, "X"),
        lambda: vvnorm.interpolate(dates, [0, 1]),
        lambda: vvnorm.interpolate(np.hstack([column, column]), [0, 1]),
        lambda: vvnorm.fit(dates, [0, 1], 1.0),
        lambda: vvnorm.lambda_max(dates, [0, 1]),
        lambda: vvnorm.certify(NET, dates, Y[:2]),
        lambda: vvnorm.train(dates, [0, 1], steps=1),
        lambda: vvnorm.VVNormRegressor().fit(column, [0, 1]),
    ):
        with pytest.raises(TypeError, match=r"X must hold real numbers, got .*unit of your choice"):
            call()


# --- integers that are counted from an origin -------------------------------------------------------------------------

START = 1_700_000_000_000_000_000
STEPS = 100 * np.array([0, 1, 3, 4, 7, 9])
LABELS_AT = np.array([0.0, 2.0, 1.0, 3.0, 0.0, 1.0])


def variation(x: np.ndarray, y: np.ndarray) -> float:
    """Total variation of the slopes of connect-the-dots, in exact arithmetic."""
    gaps, steps = ([Fraction(b) - Fraction(a) for a, b in pairwise(v)] for v in (x.tolist(), y.tolist()))
    slopes = [step / gap for step, gap in zip(steps, gaps, strict=True)]
    return float(sum(abs(b - a) for a, b in pairwise(slopes)))


@pytest.mark.parametrize(
    "times",
    [
        START + STEPS,
        (START + STEPS).astype(np.uint64),
        -START - STEPS[::-1],
        (START + STEPS).tolist(),
        (10**30 + STEPS.astype(object)),
        np.random.default_rng(0).permutation(START + STEPS),
    ],
    ids=["int64", "uint64", "negative", "list", "Python integers", "unsorted"],
)
def test_nanoseconds_are_told_apart(times: Any) -> None:
    exact = np.array([int(time) for time in times], dtype=object)
    order = np.argsort(exact - exact.min())
    least = min(exact.tolist())
    solution = vvnorm.interpolate(times, LABELS_AT)
    assert solution.origin == (least,)
    assert solution.value == pytest.approx(variation(exact[order], LABELS_AT[order]), rel=1e-12)
    np.testing.assert_allclose(solution(times)[:, 0], LABELS_AT, rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(solution.X[:, 0], (exact[order] - least).astype(float))
    assert solution.verify()
    assert f"counted from {least}" in solution.summary()
    assert solution.record()["origin"] == [least]
    fitted, plain = vvnorm.fit(times, LABELS_AT, 1e-2), vvnorm.fit((exact - least).astype(float), LABELS_AT, 1e-2)
    assert fitted.value == plain.value
    assert fitted.verify()
    np.testing.assert_array_equal(fitted(times), plain((exact - least).astype(float)))
    assert vvnorm.lambda_max(times, LABELS_AT) == vvnorm.lambda_max((exact - least).astype(float), LABELS_AT)
    (on_path,) = vvnorm.fit_path(times, LABELS_AT, [1e-2])
    assert on_path.origin == (least,)
    with pytest.raises(ValueError, match=r"X holds -?\d+ at row \d, column 0, which float64 cannot hold"):
        solution.network(times)


def test_what_is_known_of_other_solutions_is_at_the_times_given() -> None:
    times = START + STEPS
    solution, plain = vvnorm.interpolate(times, LABELS_AT), vvnorm.interpolate(STEPS, LABELS_AT)
    between = times + 33
    for end, plain_end in zip(solution.band(between), plain.band(STEPS + 33), strict=True):
        np.testing.assert_array_equal(end, plain_end)
    np.testing.assert_array_equal(solution.distance_bound(between, 1.0), plain.distance_bound(STEPS + 33, 1.0))
    np.testing.assert_array_equal(solution(between), plain(STEPS + 33))
    # A float is the number that it is: this one is 1.7e18 + 256.
    np.testing.assert_array_equal(solution([float(START + 256)]), plain([256.0 + START - float(START)]))
    np.testing.assert_array_equal(solution([float(START + 256), times[1]]), plain([256.0, 100.0]))


@pytest.mark.parametrize("auxiliary", [None, "infinite"])
def test_times_beside_other_inputs_are_told_apart(auxiliary: str | None) -> None:
    points = np.column_stack([START + STEPS, [0, 3, 1, 4, 2, 5]])
    plain = np.column_stack([STEPS, points[:, 1]])
    solution, expected = (vvnorm.interpolate(X, LABELS_AT, auxiliary=auxiliary) for X in (points, plain))
    assert solution.origin == (START, 0)
    assert solution.value == expected.value
    assert solution.verify()
    np.testing.assert_array_equal(solution(points), expected(plain))
    if auxiliary is None:
        assert solution.sparsify().origin == (START, 0)
        assert vvnorm.fit(points, LABELS_AT, 0.1)(points).tolist() == vvnorm.fit(plain, LABELS_AT, 0.1)(plain).tolist()


def test_integers_too_far_apart_or_with_biases_that_count_are_refused() -> None:
    far = [0, BIG, 5]
    for call in (
        lambda: vvnorm.interpolate(far, [0, 1, 2]),
        lambda: vvnorm.fit(far, [0, 1, 2], 1.0),
        lambda: vvnorm.interpolate([BIG, BIG + 1, BIG + 2], [0, 1, 0], penalise_bias=True),
        lambda: vvnorm.fit([BIG, BIG + 1, BIG + 2], [0, 1, 0], 1.0, penalise_bias=True),
    ):
        with pytest.raises(ValueError, match=f"X holds {BIG} at row"):
            call()


def test_integers_that_float64_holds_have_no_origin() -> None:
    assert vvnorm.interpolate([2**60, 2**60 + 256, 2**60 + 1024], [0, 1, 0]).origin is None
    assert vvnorm.fit([1, 2, 3], [0, 1, 0], 0.1).origin is None
