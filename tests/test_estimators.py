"""The scikit-learn estimators: in scikit-learn's tools, against `fit`, and under scikit-learn's own checks."""

import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import BaseEstimator, clone
from sklearn.datasets import load_diabetes, load_iris
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.metrics import r2_score
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import estimator_checks_generator

from vvnorm import (
    VVNormClassifier,
    VVNormInterpolator,
    VVNormRegressor,
    VVNormRegressorCV,
    fit,
    fit_path,
    interpolate,
    lambda_max,
)

ESTIMATORS = [VVNormRegressor(0.1), VVNormRegressorCV(3, cv=2), VVNormClassifier(0.1)]
ALL = [*ESTIMATORS, VVNormInterpolator()]


def waves(n: int = 60, outputs: int = 1, seed: int = 0, features: int = 1):
    rng = np.random.default_rng(seed)
    X = rng.uniform(0, 6, (n, features))
    Y = np.sin(X[:, :1] + np.arange(outputs)) + 0.3 * rng.standard_normal((n, outputs))
    return X, Y[:, 0] if outputs == 1 else Y


def classes(n: int = 60):
    X, y = waves(n)
    return X, np.where(y > 0, "up", "down")


def data_for(estimator: BaseEstimator):
    return classes() if isinstance(estimator, VVNormClassifier) else waves()


# --- scikit-learn's tools ---------------------------------------------------------------------------------------------


# On up to 200 points in 10 dimensions; a wide gap and few rounds, for the sake of time.
BRIEF_CLASSIFIER, BRIEF_REGRESSOR = VVNormClassifier(tol=1e-2, max_iter=2), VVNormRegressor(tol=1e-2, max_iter=2)
BRIEF = (BRIEF_CLASSIFIER, BRIEF_REGRESSOR)  # for checks that take long with the estimators as they are
QUICK = [
    *BRIEF,
    VVNormRegressorCV([20.0, 10.0], cv=2, tol=1e-2, max_iter=2),
    VVNormInterpolator(tol=0.1, max_iter=2),
]
AS_THEY_ARE = [VVNormRegressor(), VVNormRegressorCV(), VVNormClassifier(), VVNormInterpolator()]
SOON_DONE = (VVNormRegressor, VVNormClassifier)  # as they are
HEAVY = {
    "check_dtype_object",
    "check_estimators_dtypes",
    "check_n_features_in_after_fitting",
    "check_non_transformer_estimators_n_iter",
    "check_regressors_int",
}
"""By default made with brief estimators, and with `pytest -m slow` with those as they are."""
LONG = {
    "check_positive_only_tag_during_fit",
    "check_regressor_data_not_an_array",
    "check_regressors_train",
    "check_classifiers_train",
}


def own_checks() -> Iterator[Any]:
    for estimators, name in ((QUICK, "quick"), (AS_THEY_ARE, "default")):
        for estimator in estimators:
            for instance, check in estimator_checks_generator(estimator):
                function, of = check.func.__name__, type(estimator).__name__
                only = HEAVY | {"check_classifiers_train"} if estimator is BRIEF_CLASSIFIER else HEAVY
                if any(estimator is brief for brief in BRIEF) and function not in only:
                    continue
                # The same check on read-only arrays and in float32, which shorter checks of all estimators use, too.
                repeated = function in LONG and bool(check.keywords)
                slow = (
                    repeated
                    or (function in LONG and estimator is not BRIEF_CLASSIFIER)
                    or (estimators is AS_THEY_ARE and (function in HEAVY or not isinstance(estimator, SOON_DONE)))
                )
                marks = [pytest.mark.slow] if slow else []
                yield pytest.param(instance, check, id=f"{name}-{of}-{function}", marks=marks)


@pytest.mark.usefixtures("hasty")
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("estimator", "check"), list(own_checks()))
def test_scikit_learns_own_checks_pass(estimator: BaseEstimator, check: Callable[[BaseEstimator], None]) -> None:
    assert check(estimator) is None  # it raises what is wrong


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda e: type(e).__name__)
def test_clone_pickle_and_parameters(estimator: BaseEstimator) -> None:
    X, y = data_for(estimator)
    fitted = clone(estimator).fit(X, y)
    assert clone(fitted).get_params() == estimator.get_params()
    assert not hasattr(clone(fitted), "solution_")
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.predict(X), fitted.predict(X))
    assert fitted.n_features_in_ == 1
    assert fitted.solution_.verify()
    assert fitted.network_ is fitted.solution_.network
    assert fitted.gap_ == fitted.solution_.gap <= 1e-6
    assert fitted.lower_bound_ <= fitted.solution_.value
    assert not hasattr(estimator, "gap_")
    np.testing.assert_array_equal(clone(estimator).fit(X, y).predict(X), fitted.predict(X))


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda e: type(e).__name__)
def test_pipeline_and_scores(estimator: BaseEstimator) -> None:
    X, y = data_for(estimator)
    scores = cross_val_score(make_pipeline(StandardScaler(), clone(estimator)), X, y, cv=3)
    assert scores.shape == (3,)
    assert scores.mean() > 0.6


def test_grid_search_over_lam_and_loss() -> None:
    X, y = waves()
    grid = {"vvnormregressor__lam": [100.0, 0.3], "vvnormregressor__loss": ["squared", "huber:0.2"]}
    search = GridSearchCV(make_pipeline(StandardScaler(), VVNormRegressor()), grid, cv=3).fit(X, y)
    assert search.best_params_["vvnormregressor__lam"] == 0.3
    assert search.best_score_ > 0.6


# --- regression -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("skip", [True, False])
def test_the_regressor_is_fit(outputs: int, skip: bool) -> None:
    X, Y = waves(30, outputs)
    weights = np.random.default_rng(1).uniform(0.5, 2, 30)
    model = VVNormRegressor(0.2, skip=skip).fit(X, Y, sample_weight=weights)
    expected = fit(X, Y, 0.2, weights=weights, skip=skip)
    assert model.solution_.value == expected.value
    assert model.predict(X).shape == Y.shape
    np.testing.assert_array_equal(model.predict(X).reshape(30, -1), expected(X))
    assert model.score(X, Y) > 0.5


def test_samples_of_weight_zero_do_not_count() -> None:
    X, y = waves(40)
    weights, model = np.repeat([1.0, 0.0], 20), VVNormRegressor(0.1, tol=1e-12)
    without = clone(model).fit(X[:20], y[:20], np.ones(20)).predict(X)
    np.testing.assert_allclose(model.fit(X, y, weights).predict(X), without, rtol=1e-5, atol=1e-6)


def test_cross_validation_chooses_a_lam_that_predicts() -> None:
    X, y = waves(80)
    model = VVNormRegressorCV(12, cv=4).fit(X, y)
    assert model.lams_.shape == (12,)
    assert model.cv_errors_.shape == (12, 4)
    assert model.lams_[0] == lambda_max(X, y)
    assert model.lams_[-1] == pytest.approx(1e-4 * model.lams_[0])
    best = np.argmin(model.cv_errors_.mean(axis=1))
    assert model.lam_ == model.lams_[best] == model.solution_.lam
    assert 0 < best < 11
    grid = np.linspace(0.2, 5.8, 50)[:, None]
    truth = np.sin(grid[:, 0])
    error = np.mean((model.predict(grid) - truth) ** 2)
    for lam in (model.lams_[0], model.lams_[-1]):
        assert error < np.mean((VVNormRegressor(lam).fit(X, y).predict(grid) - truth) ** 2)


def test_cross_validation_errors_are_those_of_single_fits() -> None:
    X, Y = waves(30, 2)
    weights = np.random.default_rng(0).uniform(0.5, 2, 30)
    cv, lams = KFold(3), [0.1, 1.0]
    model = VVNormRegressorCV(lams, cv=cv, loss=["squared", "huber:0.5"]).fit(X, Y, weights)
    np.testing.assert_array_equal(model.lams_, [1.0, 0.1])
    for k, (train, test) in enumerate(cv.split(X)):
        share = weights[train].sum() / weights.sum()
        for row, lam in enumerate(model.lams_):
            solution = fit(X[train], Y[train], lam * share, loss=["squared", "huber:0.5"], weights=weights[train])
            off = np.abs(solution(X[test]) - Y[test])
            near = np.minimum(off[:, 1], 0.5)
            each = off[:, 0] ** 2 / 2 + near * (off[:, 1] - near / 2)
            assert model.cv_errors_[row, k] == pytest.approx(np.average(each / 2, weights=weights[test]), rel=1e-4)


@pytest.mark.parametrize("features", [1, 2])
def test_cross_validation_of_an_affine_function_has_no_lam_to_choose(features: int) -> None:
    X, _ = waves(20, features=features)
    y = 1 + X.sum(axis=1)
    model = VVNormRegressorCV().fit(X, y)
    assert (model.lams_.tolist(), model.lam_) == ([1.0], 1.0)
    np.testing.assert_allclose(model.predict(X), y, rtol=1e-9)
    assert VVNormRegressorCV([2.0]).fit(X, y).lam_ == 2.0


# --- several features -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("estimator", ALL, ids=lambda e: type(e).__name__)
def test_several_features(estimator: BaseEstimator) -> None:
    X, y = waves(16, features=2)
    if isinstance(estimator, VVNormClassifier):  # classes that no line separates
        y = np.where((X[:, 0] - 3) * (X[:, 1] - 3) > 0, "up", "down")
    model = clone(estimator).fit(X, y)
    assert "certificate" not in vars(model.solution_)  # it is made when it is asked for
    assert model.n_features_in_ == 2
    assert model.predict(X).shape == y.shape
    assert model.gap_ <= 1e-6
    assert model.solution_.verify()
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    with pytest.raises(ValueError, match="X has 3 features"):
        model.predict(np.zeros((1, 3)))


def test_the_order_of_samples_does_not_matter_and_weights_are_repetitions() -> None:
    X, Y = waves(14, 2, features=2)
    order, counts = np.random.default_rng(0).permutation(14), np.arange(14) % 3
    model = VVNormRegressor(0.5, tol=1e-4)
    expected = clone(model).fit(X, Y).predict(X)
    np.testing.assert_array_equal(clone(model).fit(X[order], Y[order]).predict(X), expected)
    weighted = clone(model).fit(X, Y, sample_weight=counts).predict(X)
    repeated = clone(model).fit(np.repeat(X, counts, axis=0), np.repeat(Y, counts, axis=0)).predict(X)
    np.testing.assert_allclose(weighted, repeated, rtol=1e-7, atol=1e-9)


def test_a_time_limit_leaves_a_bound_and_a_network() -> None:
    X, y = waves(25, features=3)
    with pytest.warns(ConvergenceWarning, match=r"relative gap of .* only, not to tol = 1e-06 .*raise time_limit"):
        model = VVNormRegressor(0.1, time_limit=1e-9).fit(X, y)
    assert model.solution_.provenance["status"] == "time limit"
    assert model.score(X, y) > 0.5
    with pytest.warns(ConvergenceWarning, match="raise time_limit"):
        assert VVNormInterpolator(time_limit=1e-9).fit(X, y).score(X, y) == pytest.approx(1)
    with pytest.warns(ConvergenceWarning, match="raise time_limit"):
        path = VVNormRegressorCV([1.0, 0.1], cv=2, time_limit=1e-9).fit(X, y)
    assert path.solution_.provenance["status"] == "time limit"
    for limit, error in ((0, ValueError), (-1, ValueError), ("a", TypeError)):
        with pytest.raises(error, match="time_limit must be"):
            VVNormRegressor(time_limit=limit).fit(X, y)


@pytest.mark.usefixtures("hasty")
def test_local_search_stops_early_unless_more_is_asked_for() -> None:
    X, y = waves(25, features=10)
    with pytest.warns(ConvergenceWarning, match=r"\(status: round limit\); raise max_iter"):
        model = VVNormInterpolator().fit(X, y)
    assert model.solution_.provenance["status"] == "round limit"
    assert model.n_iter_ == 10
    np.testing.assert_allclose(model.predict(X), y, atol=1e-9)
    with pytest.warns(ConvergenceWarning, match="proved optimal to a relative gap of"):
        longer = [VVNormInterpolator(max_iter=14).fit(X, y), VVNormInterpolator(time_limit=1e3, tol=1e-3).fit(X, y)]
    for more in longer:
        assert more.n_iter_ > 10
        assert more.network_.vv_norm < model.network_.vv_norm
    with pytest.warns(ConvergenceWarning, match="proved optimal to a relative gap of"):
        path = VVNormRegressorCV(cv=2).fit(X, y)
    assert (len(path.lams_), len(VVNormRegressorCV(cv=2, max_iter=1).fit(*waves(20)).lams_)) == (10, 30)


def test_lam_is_chosen_by_local_search_and_what_is_fitted_then_is_proved() -> None:
    X, _ = waves(16, features=3)
    y = np.abs(X[:, 0] - X[:, 1])
    model = VVNormRegressorCV(cv=2).fit(X, y)
    assert model.cv_errors_.shape == (10, 2)
    assert model.solution_.provenance["bounds"] == "proved by exact searches"
    assert model.solution_.value == VVNormRegressor(model.lam_).fit(X, y).solution_.value
    assert model.solution_.verify()
    np.testing.assert_array_equal(clone(model).fit(X, y).cv_errors_, model.cv_errors_)
    exactly = np.empty_like(model.cv_errors_)
    for k, (train, test) in enumerate(KFold(2).split(X)):
        fits = fit_path(X[train], y[train], model.lams_ / 2, tol=1e-3)
        exactly[:, k] = [np.mean((solution(X[test])[:, 0] - y[test]) ** 2) / 2 for solution in fits]
    means, expected = model.cv_errors_.mean(axis=1), exactly.mean(axis=1)
    np.testing.assert_allclose(means, expected, rtol=0.2)  # small next to what lam makes of them: they differ severalfold
    assert np.argmin(means) == np.argmin(expected)
    assert expected.max() > 2 * expected.min()


@pytest.mark.usefixtures("hasty")
def test_diabetes_with_all_its_features_in_a_pipeline() -> None:
    X, y = load_diabetes(return_X_y=True)
    X, y = X[:60], y[:60] / 100
    search = GridSearchCV(
        make_pipeline(StandardScaler(), VVNormRegressor(tol=1e-2)), {"vvnormregressor__lam": [1.0, 3.0]}, cv=2
    )
    with pytest.warns(ConvergenceWarning, match="proved optimal to a relative gap of"):
        status = search.fit(X, y).best_estimator_[-1].solution_.provenance["status"]
    assert status == "tolerance reached, estimated by local search"  # ten features: no exact search, and it says so


def test_features_with_names() -> None:
    pandas = pytest.importorskip("pandas")
    X, y = waves(12, features=2)
    frame = pandas.DataFrame(X, columns=["dose", "age"])
    model = VVNormRegressor(1.0).fit(frame, y)
    assert model.feature_names_in_.tolist() == ["dose", "age"]
    assert model.plot().axes[0].get_xlabel() == "dose"


# --- interpolation ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("features", [1, 2])
@pytest.mark.parametrize("outputs", [1, 2])
def test_the_interpolator_interpolates(features: int, outputs: int) -> None:
    X, Y = waves(12, outputs, features=features)
    model = VVNormInterpolator().fit(X, Y)
    np.testing.assert_allclose(model.predict(X), Y, atol=1e-9)
    assert model.solution_.value == pytest.approx(interpolate(X, Y).value, rel=1e-5)


@pytest.mark.parametrize("features", [1, 2])
def test_the_interpolator_names_samples_that_contradict_each_other(features: int) -> None:
    X, y = waves(10, features=features)
    with pytest.raises(ValueError, match=r"X repeats the (value|point)"):
        VVNormInterpolator().fit(np.vstack([X, X[:1]]), np.append(y, y[0] + 1))
    twice = VVNormInterpolator().fit(np.vstack([X, X[:1]]), np.append(y, y[0]))
    np.testing.assert_allclose(twice.predict(X), y, atol=1e-9)


# --- classification ---------------------------------------------------------------------------------------------------


def test_two_classes() -> None:
    X, y = classes(80)
    model = VVNormClassifier(0.3).fit(X, y)
    assert model.classes_.tolist() == ["down", "up"]
    odds, shares = model.decision_function(X), model.predict_proba(X)
    assert odds.shape == (80,)
    np.testing.assert_allclose(shares[:, 1], 1 / (1 + np.exp(-odds)), rtol=1e-12)
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    np.testing.assert_array_equal(model.predict(X), np.where(odds > 0, "up", "down"))
    assert model.score(X, y) > 0.8
    np.testing.assert_array_equal(odds, fit(X, (y == "up").astype(float), 0.3, loss="logistic")(X)[:, 0])


def test_three_classes_share_their_kinks() -> None:
    X, y = load_iris(return_X_y=True)
    X = X[:, :1]  # sepal lengths, which no threshold separates
    model = VVNormClassifier(0.1).fit(X, y)
    assert model.solution_.verify()
    assert model.solution_.Y.shape == (150, 3)
    assert model.decision_function(X[:5]).shape == (5, 3)
    shares = model.predict_proba(X)
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    np.testing.assert_array_equal(model.predict(X), model.classes_[np.argmax(shares, axis=1)])
    assert model.score(X, y) > 0.7
    assert np.isfinite(model.predict_proba([[-1e6], [1e6]])).all()


# --- missing labels ---------------------------------------------------------------------------------------------------


def with_gaps(n: int = 40, features: int = 1):
    X, Y = waves(n, 2, features=features)
    Y[::3, 0], Y[1::4, 1], Y[5] = np.nan, np.nan, np.nan
    return X, Y


@pytest.mark.parametrize("features", [1, 2])
def test_regression_takes_missing_labels_output_by_output(features: int) -> None:
    X, Y = with_gaps(14 if features == 2 else 40, features)
    model = VVNormRegressor(0.1, tol=1e-4).fit(X, Y)
    assert model.gap_ <= 1e-4
    assert model.solution_.value == pytest.approx(fit(X, Y, 0.1).value, rel=1e-4)
    between = VVNormInterpolator(tol=1e-4).fit(X, Y)
    present = ~np.isnan(Y)
    np.testing.assert_allclose(between.predict(X)[present], Y[present], atol=1e-6)
    assert between.solution_.value == pytest.approx(interpolate(X, Y).value, rel=1e-4)
    expected = [r2_score(Y[here, t], model.predict(X)[here, t]) for t, here in enumerate(present.T)]
    assert model.score(X, Y) == pytest.approx(np.mean(expected))


def test_samples_without_a_label_do_not_count() -> None:
    X, y = waves(40)
    y[::4] = np.nan
    known = ~np.isnan(y)
    for model in (VVNormRegressor(0.1), VVNormInterpolator()):
        gaps, without = clone(model).fit(X, y), clone(model).fit(X[known], y[known])
        np.testing.assert_array_equal(gaps.predict(X), without.predict(X))
        assert gaps.score(X, y) == without.score(X[known], y[known])


@pytest.mark.parametrize("unknown", [np.nan, None])
def test_classes_may_be_missing(unknown: Any) -> None:
    X, y = waves(60)
    labels = np.where(y > 0, "up", "down").astype(object) if unknown is None else (y > 0).astype(float)
    labels[::4] = unknown
    known = np.arange(60) % 4 > 0
    model = VVNormClassifier(0.3).fit(X, labels)
    without = VVNormClassifier(0.3).fit(X[known], labels[known].astype(str if unknown is None else float))
    np.testing.assert_array_equal(model.predict_proba(X), without.predict_proba(X))
    assert len(model.classes_) == 2
    assert model.score(X, labels) == np.mean(without.predict(X)[known] == labels[known]) > 0.7
    folds = KFold(3, shuffle=True, random_state=0)
    assert np.isfinite(cross_val_score(VVNormClassifier(0.3), X, labels, cv=folds)).all()


def test_cross_validation_with_missing_labels() -> None:
    X, Y = with_gaps(60)
    Y[:30, 1] = np.nan  # the first of two folds has no label of this output to fit, the second none to judge by
    assert np.isfinite(cross_val_score(VVNormRegressor(0.1), X, with_gaps(60)[1], cv=3)).all()
    model = VVNormRegressorCV([1.0, 0.1], cv=2).fit(X, Y)
    assert model.gap_ <= 1e-6
    mass = (~np.isnan(Y)).sum()
    for k, (train, test) in enumerate(KFold(2).split(X)):
        for i, lam in enumerate(model.lams_):
            alone = fit(X[train], Y[train, 0], lam * (~np.isnan(Y[train])).sum() / mass)
            expected = np.nanmean((alone(X[test])[:, 0] - Y[test, 0]) ** 2) / 2
            assert model.cv_errors_[i, k] == pytest.approx(expected, rel=1e-4)
    with pytest.raises(ValueError, match="in a fold no output has labels both"):
        VVNormRegressorCV([1.0, 0.1], cv=2).fit(X, Y[:, 1])


def test_a_fit_that_is_not_proved_as_well_as_asked_for_warns() -> None:
    X, _ = waves(60)
    apart = np.where(X[:, 0] > 3, "a", "b")  # separated classes: there is no minimiser
    with pytest.warns(ConvergenceWarning, match="VVNormClassifier has no optimum: an affine function separates all"):
        model = VVNormClassifier(1e-9).fit(X, apart)
    assert model.gap_ > 1e-6


# --- drawing ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda e: type(e).__name__)
def test_what_was_fitted_can_be_drawn(estimator: BaseEstimator, tmp_path: Path) -> None:
    with pytest.raises(NotFittedError):
        estimator.plot()
    model = clone(estimator).fit(*data_for(estimator))
    figure = model.plot()
    assert len(figure.axes) == 2
    knots = next(line for line in figure.axes[0].lines if line.get_label() == "knots")
    np.testing.assert_array_equal(knots.get_xdata(), model.solution_.knots)
    model.plot(tmp_path / "fit.png")
    assert (tmp_path / "fit.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(("features", "panels"), [(2, 2), (3, 2)])
def test_fits_of_several_features_can_be_drawn(features: int, panels: int, tmp_path: Path) -> None:
    X, y = waves(15, features=features)
    model = VVNormRegressor(0.5, tol=1e-2).fit(X, y)
    figure = model.plot(tmp_path / "fit.png")
    assert len(figure.axes) == panels  # surface and colour bar, or fit and residuals
    assert (tmp_path / "fit.png").read_bytes().startswith(b"\x89PNG")
    if features == 3:
        np.testing.assert_array_equal(figure.axes[0].lines[0].get_ydata(), model.solution_(model.solution_.X)[:, 0])
        with pytest.warns(ConvergenceWarning):
            hurried = VVNormInterpolator(time_limit=1e-9).fit(X, y)
        with pytest.raises(ValueError, match="interpolant of 3 inputs cannot be drawn"):
            hurried.plot()


def test_residuals_are_drawn_and_classes_as_probabilities() -> None:
    X, y = classes()
    model = VVNormClassifier(0.3).fit(X, y)
    left, right = model.plot().axes
    curve = next(line for line in left.lines if line.get_label() == "fit")
    assert 0 <= curve.get_ydata().min() <= curve.get_ydata().max() <= 1
    order = np.argsort(X[:, 0])
    expected = (y == "up")[order] - model.predict_proba(X)[order, 1]
    np.testing.assert_allclose(right.lines[0].get_ydata(), expected, atol=1e-9)
    assert left.get_ylabel() == "is up"


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("estimator", "X", "y", "words"),
    [
        (VVNormRegressor(loss="hinge"), np.eye(4)[:, :2], [0, 1, 0, 1], "loss 'hinge' has a corner"),
        (VVNormInterpolator(), [[0], [np.inf], [1]], [0, 1, 2], "Input X contains infinity"),
        (VVNormInterpolator(tol=2), [[0], [2], [1]], [0, 1, 2], "tol must lie"),
        (VVNormRegressor(), [[0], [1], [np.nan]], [0, 1, 2], "Input X contains NaN"),
        (VVNormRegressor(), [[0], [1], [2]], [0, 1, np.inf], "Input y contains infinity"),
        (VVNormRegressor(), [[0], [1], [2]], [np.nan] * 3, "y: no sample that counts has a label"),
        (VVNormInterpolator(), [[0], [1], [2]], [[0, np.nan], [1, np.nan], [2, np.nan]], "output 1 has no label at all"),
        (VVNormClassifier(), [[0], [1], [2]], [np.nan] * 3, "no sample that counts has a class"),
        (VVNormRegressor(-1.0), [[0], [1], [2]], [0, 1, 2], "lam must be"),
        (VVNormRegressor(loss="cubic"), [[0], [1], [2]], [0, 1, 2], "loss 'cubic' is unknown"),
        (VVNormClassifier(), [[0], [1], [2]], ["a", "a", "a"], "one class only"),
        (VVNormRegressorCV([-1.0]), np.arange(9.0)[:, None], np.arange(9.0) % 2, "lam must be"),
    ],
)
def test_bad_input_is_named(estimator: BaseEstimator, X, y, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        estimator.fit(X, y)


def test_prediction_needs_a_fit_and_one_feature() -> None:
    with pytest.raises(NotFittedError):
        VVNormRegressor().predict([[1.0]])
    model = VVNormRegressor().fit(*waves())
    with pytest.raises(ValueError, match="X has 2 features"):
        model.predict([[1.0, 2.0]])
    with pytest.raises(ValueError, match=r"non-zero|empty"):
        VVNormRegressor().fit(*waves(), sample_weight=np.zeros(60))
