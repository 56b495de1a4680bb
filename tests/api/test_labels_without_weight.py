"""A label of weight 0 counts as missing, whatever it is, and so does the weight of a label that is missing."""

import numpy as np
import pytest

import vvnorm

HUGE = 1e150
CONVENTIONS = [{}, {"skip": False}, {"penalise_bias": True}]


def data(d: int, loss: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Inputs, labels, and weights some of which are 0."""
    rng = np.random.default_rng(d)
    X, Y = rng.standard_normal((9, d)), rng.standard_normal((9, 2))
    weights = np.ones((9, 2))
    weights[3, 0], weights[5] = 0.0, 0.0
    return X, (Y > 0).astype(float) if loss == "logistic" else Y, weights


@pytest.mark.parametrize("options", CONVENTIONS, ids=str)
@pytest.mark.parametrize("loss", ["squared", "huber:0.5", "logistic"])
@pytest.mark.parametrize("d", [1, 2])
def test_fit_bound_and_lam_max_are_those_without_the_labels(d, loss, options):
    X, Y, weights = data(d, loss)
    options = {"loss": loss, **options}
    missing, spoilt = np.where(weights > 0, Y, np.nan), np.where(weights > 0, Y, HUGE)
    right, fitted = vvnorm.fit(X, missing, 0.05, **options), vvnorm.fit(X, spoilt, 0.05, weights=weights, **options)
    assert fitted.verify()
    assert fitted.value == pytest.approx(right.value, rel=1e-12)
    proof = vvnorm.certify(right.network, X, spoilt, lam=0.05, weights=weights, **options)
    assert proof.gap < 2e-6
    assert proof.objective == pytest.approx(right.value, rel=1e-12)
    critical = vvnorm.lambda_max(X, spoilt, weights=weights, **options)
    assert critical == pytest.approx(vvnorm.lambda_max(X, missing, **options), rel=1e-6)


@pytest.mark.parametrize("loss", ["squared", "huber:0.5"])
@pytest.mark.parametrize("d", [1, 2])
def test_weights_of_missing_labels_change_nothing(d, loss):
    X, Y, present = data(d, loss)
    missing = np.where(present > 0, Y, np.nan)
    right = vvnorm.fit(X, missing, 0.05, loss=loss)
    for weights in (np.where(present > 0, 1.0, 1e250), np.where(present.any(axis=1), 1.0, 1e250)):
        fitted = vvnorm.fit(X, missing, 0.05, loss=loss, weights=weights)
        assert fitted.verify()
        assert fitted.value == pytest.approx(right.value, rel=1e-12)


@pytest.mark.parametrize("d", [1, 2])
def test_front_and_tasks(d):
    X, Y, weights = data(d, "squared")
    missing, spoilt = np.where(weights > 0, Y, np.nan), np.where(weights > 0, Y, HUGE)
    right, front = (
        vvnorm.pareto_front(X, labels, 0.5, weights=weights, mixtures=3, tol=1e-4) for labels in (missing, spoilt)
    )
    assert front.verify()
    np.testing.assert_allclose(front.losses, right.losses, rtol=1e-9)
    runs = [vvnorm.train_tasks(X, labels, weights=weights, steps=3, width=8) for labels in (missing, spoilt)]
    np.testing.assert_array_equal(runs[0].losses, runs[1].losses)


@pytest.mark.parametrize("d", [1, 2])
def test_estimators(d):
    X, Y, weights = data(d, "squared")
    samples = weights.all(axis=1).astype(float)
    spoilt = np.where(samples[:, None] > 0, Y, HUGE)
    right = vvnorm.VVNormRegressor(lam=0.05).fit(X[samples > 0], Y[samples > 0]).predict(X)
    fitted = vvnorm.VVNormRegressor(lam=0.05).fit(X, spoilt, sample_weight=samples).predict(X)
    np.testing.assert_allclose(fitted, right, atol=1e-9)


@pytest.mark.parametrize("d", [1, 2])
def test_classes_of_weight_zero_may_be_anything(d):
    X, Y, weights = data(d, "logistic")
    fitted = vvnorm.fit(X, np.where(weights > 0, Y, 7.0), 0.05, loss="logistic", weights=weights)
    assert fitted.value == pytest.approx(vvnorm.fit(X, np.where(weights > 0, Y, np.nan), 0.05, loss="logistic").value)


@pytest.mark.parametrize("d", [1, 2])
def test_an_output_without_weight_is_refused(d):
    X, Y, weights = data(d, "squared")
    Y[weights[:, 1] > 0, 1] = np.nan
    with pytest.raises(ValueError, match="every label of output 1 has weight 0"):
        vvnorm.fit(X, Y, 0.05, weights=weights)
