"""Fits of several inputs whose labels weigh very differently: values of conic programs over enumerated cones."""

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from vvnorm import certify, fit, lambda_max
from vvnorm.estimators import VVNormClassifier

Array = NDArray[np.float64]

# Steps from the best affine function must be short here: the curvature is 1e-9 where the loss is 31.
FAR = {"X": [[-2, -2], [-1, 1], [0, -3], [1, 2], [3, -2]], "y": [0, 1, 1, 0, 0], "weights": [0.2, 0.02, 33, 40, 24]}
FAR_VALUE = 0.13044319

# Fitted values up to 55: the dual of the best affine function is at the ends of its domain.
SATURATED = {
    "X": [[-2, -1], [2, -1], [-1, -2], [2, 0], [2, 1], [1, -1], [3, -3], [1, 2], [-1, -1], [-2, 2], [2, 2], [-3, -3]],
    "y": [1, 0, 1, 0, 0, 1, 0, 1, 0, 1, 0, 1],
    "weights": [192, 0.1, 0.65, 0.002, 0.03, 0.002, 0.5, 0.026, 144, 0.034, 22.8, 0.43],
}


def classes(seed: int, n: int, inputs: int, spread: float) -> tuple[Array, Array, Array]:
    """Integer points with both classes, and weights 10^(spread times normal)."""
    rng = np.random.default_rng(seed)
    X = rng.integers(-3, 4, (n, inputs)).astype(float)
    y = rng.permutation(np.arange(n) % 2).astype(float)
    return X, y, 10.0 ** (spread * rng.standard_normal(n))


def affine_loss(X: Array, y: Array, weights: Array) -> float:
    """Weighted logistic loss of scikit-learn's affine classifier, penalised as little as does not matter."""
    scale = weights.max()
    options = {"C": 1e8, "tol": 1e-10, "max_iter": 2000, "solver": "newton-cholesky"}
    model = LogisticRegression(**options).fit(X, y, sample_weight=weights / scale)
    u = model.decision_function(X)
    return float(weights @ np.logaddexp(0, np.where(y > 0, -u, u)))


def test_weights_far_apart_do_not_throw_a_logistic_fit_off() -> None:
    solution = fit(FAR["X"], FAR["y"], 0.01, loss="logistic", weights=FAR["weights"])
    assert solution.value == pytest.approx(FAR_VALUE, rel=1e-6)
    assert solution.gap <= 1e-6
    assert solution.verify()


def test_a_classifier_with_such_weights_finds_the_same_fit() -> None:
    classifier = VVNormClassifier(lam=0.01).fit(FAR["X"], FAR["y"], sample_weight=FAR["weights"])
    assert classifier.solution_.value == pytest.approx(FAR_VALUE, rel=1e-6)
    assert classifier.predict(FAR["X"]).tolist() == FAR["y"]


def test_saturated_classes_are_certified() -> None:
    solution = fit(SATURATED["X"], SATURATED["y"], 0.0236, loss="logistic", weights=SATURATED["weights"])
    assert solution.gap <= 1e-6
    given = {"lam": 0.0236, "loss": "logistic", "weights": SATURATED["weights"]}
    # The verifier's own dual bounds it as well: both sides are right.
    own = certify(solution.network, SATURATED["X"], SATURATED["y"], **given)
    assert own.lower_bound == pytest.approx(solution.value, rel=1e-5)


@pytest.mark.parametrize(("inputs", "spread", "seed"), [(2, 1.0, 0), (2, 1.5, 1), (2, 2.0, 3), (3, 2.0, 0), (3, 2.0, 3)])
def test_no_weighted_fit_is_worse_than_the_best_affine_function(inputs: int, spread: float, seed: int) -> None:
    X, y, weights = classes(seed, 12, inputs, spread)
    solution = fit(X, y, 0.02, loss="logistic", weights=weights)
    assert solution.value <= affine_loss(X, y, weights) * (1 + 1e-9)
    assert solution.gap <= 1e-6


@pytest.mark.parametrize("loss", ["squared", "logistic", "huber:0.5"])
@pytest.mark.parametrize("skip", [True, False])
def test_a_fit_that_is_stopped_early_is_no_worse_than_the_best_constant(loss: str, skip: bool) -> None:
    X, y, weights = classes(7, 12, 2, 2.0)
    constant = min(
        fit(np.zeros((12, 1)), y, 1.0, loss=loss, weights=weights).value,
        float(weights @ np.full(12, np.log(2))) if loss == "logistic" else np.inf,
    )
    for effort in ({"max_iter": 1}, {"time_limit": 1e-9}):
        solution = fit(X, y, 1e-3, loss=loss, weights=weights, skip=skip, **effort)
        assert solution.value <= constant * (1 + 1e-9)


def test_each_output_of_an_affine_fit_goes_its_own_way() -> None:
    """One whose classes are separated takes steps without end; another must not wait for it."""
    X, y, weights = classes(3, 12, 2, 2.0)
    separated = (X[:, 0] > 0.5).astype(float)
    together = lambda_max(X, np.column_stack([y, separated]), loss="logistic", weights=np.column_stack([weights, weights]))
    assert together == pytest.approx(lambda_max(X, y, loss="logistic", weights=weights), rel=1e-6)


@pytest.mark.parametrize("loss", ["squared", "huber:1", "logistic"])
def test_progress_is_told_in_the_units_of_the_objective(loss: str) -> None:
    rng, seen = np.random.default_rng(0), []
    X, y = 3 * rng.standard_normal((9, 2)), 5 * rng.standard_normal(9)
    labels = (y > 0).astype(float) if loss == "logistic" else y
    options = {"loss": loss, "weights": np.arange(1.0, 10.0)}
    solution = fit(X, labels, 0.3, **options, callback=lambda number, *bounds: seen.append(bounds))
    assert seen == solution.history
    upper, lower = solution.history[-1]
    assert upper == pytest.approx(solution.value, rel=1e-9)
    assert lower == pytest.approx(solution.lower_bound, rel=1e-6)
    objectives = [upper for upper, _ in seen]
    assert objectives == sorted(objectives, reverse=True)


def test_separated_classes_end_at_margins_of_some_thirty() -> None:
    """There is no best fit; the objective has come near its infimum 0."""
    X = classes(0, 12, 2, 0.0)[0]
    solution = fit(X, (X[:, 0] > 0.5).astype(float), 0.1, loss="logistic")
    assert 0 <= solution.value < 1e-12
    assert np.max(np.abs(solution(X))) < 500
