"""The scikit-learn estimators: in scikit-learn's tools, against `fit`, and under scikit-learn's own checks."""

import pickle
import warnings
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import BaseEstimator, clone
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

from vvnorm import VVNormClassifier, VVNormRegressor, VVNormRegressorCV, fit, lambda_max

ESTIMATORS = [VVNormRegressor(0.1), VVNormRegressorCV(3, cv=2), VVNormClassifier(0.1)]


def waves(n: int = 60, outputs: int = 1, seed: int = 0):
    rng = np.random.default_rng(seed)
    X = rng.uniform(0, 6, (n, 1))
    Y = np.sin(X + np.arange(outputs)) + 0.3 * rng.standard_normal((n, outputs))
    return X, Y[:, 0] if outputs == 1 else Y


def classes(n: int = 60):
    X, y = waves(n)
    return X, np.where(y > 0, "up", "down")


def data_for(estimator: BaseEstimator):
    return classes() if isinstance(estimator, VVNormClassifier) else waves()


# --- scikit-learn's tools ---------------------------------------------------------------------------------------------


class Mixing:
    """Mixes several features into one, which is all that the estimators refuse of what scikit-learn's checks pass."""

    def _feature(self, X):
        return X @ np.linspace(1, 2, X.shape[1])

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        for kind in (tags.regressor_tags, tags.classifier_tags):
            if kind is not None:
                kind.poor_score = True  # of the mixture
        return tags


class MixingRegressor(Mixing, VVNormRegressor):
    pass


class MixingRegressorCV(Mixing, VVNormRegressorCV):
    pass


class MixingClassifier(Mixing, VVNormClassifier):
    pass


# The checks compare weights with repetitions, which agree up to the gap.
MIXING = [MixingRegressor(tol=1e-12), MixingRegressorCV(3, cv=2, tol=1e-12), MixingClassifier(tol=1e-12)]


@pytest.mark.parametrize("estimator", MIXING, ids=lambda e: type(e).__name__)
def test_scikit_learns_own_checks_pass_but_for_the_number_of_features(estimator: BaseEstimator) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        results = check_estimator(estimator, on_fail=None)
    failed = {result["check_name"]: repr(result["exception"]) for result in results if result["status"] == "failed"}
    assert failed == {}
    assert sum(result["status"] == "passed" for result in results) > 40


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda e: type(e).__name__)
def test_clone_pickle_and_parameters(estimator: BaseEstimator) -> None:
    X, y = data_for(estimator)
    fitted = clone(estimator).fit(X, y)
    assert clone(fitted).get_params() == estimator.get_params()
    assert not hasattr(clone(fitted), "solution_")
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.predict(X), fitted.predict(X))
    assert fitted.n_features_in_ == 1
    assert fitted.solution_.verify() == []
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
            found = fit(X[train], Y[train], lam * share, loss=["squared", "huber:0.5"], weights=weights[train])
            off = np.abs(found(X[test]) - Y[test])
            near = np.minimum(off[:, 1], 0.5)
            each = off[:, 0] ** 2 / 2 + near * (off[:, 1] - near / 2)
            assert model.cv_errors_[row, k] == pytest.approx(np.average(each / 2, weights=weights[test]), rel=1e-4)


def test_cross_validation_of_a_line_needs_lams() -> None:
    X = np.arange(10.0)[:, None]
    with pytest.raises(ValueError, match="y lies on a line"):
        VVNormRegressorCV().fit(X, np.zeros(10))
    assert VVNormRegressorCV([2.0]).fit(X, np.zeros(10)).lam_ == 2.0


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
    assert model.solution_.verify() == []
    assert model.solution_.Y.shape == (150, 3)
    assert model.decision_function(X[:5]).shape == (5, 3)
    shares = model.predict_proba(X)
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    np.testing.assert_array_equal(model.predict(X), model.classes_[np.argmax(shares, axis=1)])
    assert model.score(X, y) > 0.7
    assert np.isfinite(model.predict_proba([[-1e6], [1e6]])).all()


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
        (VVNormRegressor(), np.zeros((3, 2)), [0, 1, 2], "X has 2 features; VVNormRegressor is for 1 feature"),
        (VVNormClassifier(), np.zeros((3, 2)), [0, 1, 0], "X has 2 features; VVNormClassifier is for 1 feature"),
        (VVNormRegressor(), [[0], [1], [np.nan]], [0, 1, 2], "Input X contains NaN"),
        (VVNormRegressor(), [[0], [1], [2]], [0, 1, np.nan], "Input y contains NaN"),
        (VVNormRegressor(), [[0], [0], [0]], [0, 1, 2], "1 distinct value"),
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
