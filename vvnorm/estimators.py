"""scikit-learn estimators of one feature: regression with lam given or cross-validated, and classification.

They are `vvnorm.fit` behind `fit` and `predict`: any number of outputs share their kinks, and `solution_` holds the fit
with its certificate.
"""

import os
from collections.abc import Sequence
from numbers import Integral
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, MultiOutputMixin, RegressorMixin
from sklearn.model_selection import check_cv
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from vvnorm.data import Array
from vvnorm.fitting import Fit, LossLike, fit, fit_path, lambda_max
from vvnorm.losses import as_losses, canonical_labels
from vvnorm.plotting import plot_fit
from vvnorm.tolerances import GAP

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_LAMS = 30  # lams tried by default
_SMALLEST = 1e-4  # of lam_max


class _OneFeature(BaseEstimator):
    """What the estimators share: one feature, and a fit kept as `solution_`."""

    solution_: Fit

    def _feature(self, X: Array) -> Array:
        """Take the feature out of validated X, shape (n, 1)."""
        if X.shape[1] != 1:
            raise ValueError(f"X has {X.shape[1]} features; {type(self).__name__} is for 1 feature so far")
        return X[:, 0]

    def _samples(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None, **checks: Any
    ) -> tuple[Array, NDArray[Any], Array | None]:
        """Feature (n,), labels and weights (n,) or None."""
        inputs, labels = validate_data(self, X, y, dtype=np.float64, ensure_min_samples=2, **checks)
        x = self._feature(inputs)
        if sample_weight is None:
            return x, labels, None
        return x, labels, _check_sample_weight(sample_weight, x, dtype=np.float64, ensure_non_negative=True)

    def _evaluate(self, X: ArrayLike) -> Array:
        check_is_fitted(self)
        return self.solution_(self._feature(validate_data(self, X, dtype=np.float64, reset=False)))

    def plot(self, path: str | os.PathLike[str] | None = None) -> "Figure":
        """Draw data, fit, knots and residuals; write the figure to `path` (`.pdf`, `.svg`, `.png`) if one is given."""
        check_is_fitted(self)
        x_name = str(getattr(self, "feature_names_in_", ["x"])[0])
        return plot_fit(self.solution_, x_name, self._output_names(), path)

    def _output_names(self) -> list[str]:
        outputs = self.solution_.Y.shape[1]
        return ["y"] if outputs == 1 else [f"y{t}" for t in range(outputs)]


class _Regressor(MultiOutputMixin, RegressorMixin, _OneFeature):
    """Regression: labels of one or more outputs in, values of the same shape out."""

    def _data(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None) -> tuple[Array, Array, Array | None]:
        """Inputs (n,), labels (n, T) and weights (n,) or None."""
        x, labels, weights = self._samples(X, y, sample_weight, multi_output=True, y_numeric=True)
        self._flat = labels.ndim == 1
        return x, labels.reshape(len(x), -1).astype(np.float64), weights

    def predict(self, X: ArrayLike) -> Array:
        """Evaluate the fit at X, shape (n, 1); shape (n,) if labels were given so, else (n, T)."""
        values = self._evaluate(X)
        return values[:, 0] if self._flat else values


class VVNormRegressor(_Regressor):
    """Regression with one feature by a network of small VV norm: a loss plus lam times the norm is minimised.

    Parameters
    ----------
    lam : float
        Weight of the VV norm; positive. Losses are summed, not averaged.
    loss : str, Loss or sequence of them
        See `vvnorm.fit`.
    skip : bool
        Whether the network has a skip connection.
    tol : float
        Relative gap.

    Attributes
    ----------
    solution_ : Fit
        The fit, with its certificate.
    n_features_in_ : int
        1.
    """

    def __init__(self, lam: float = 1.0, *, loss: LossLike = "squared", skip: bool = True, tol: float = GAP) -> None:
        self.lam = lam
        self.loss = loss
        self.skip = skip
        self.tol = tol

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Fit to X, shape (n, 1), and y, shape (n,) or (n, T), with weights (n,) of the samples' losses."""
        x, labels, weights = self._data(X, y, sample_weight)
        self.solution_ = fit(x, labels, self.lam, loss=self.loss, weights=weights, skip=self.skip, tol=self.tol)
        return self


class VVNormRegressorCV(_Regressor):
    """The same with lam chosen by cross-validation along a path.

    Parameters
    ----------
    lams : None, int or sequence of float
        Values of lam for the whole data, or how many to try between lam_max and 1e-4 lam_max (30 by default).
    cv : None, int or splitter
        Folds, as everywhere in scikit-learn.
    loss : str, Loss or sequence of them
        What is minimised, and what is measured on the samples left out.
    tol : float
        Relative gap.

    Attributes
    ----------
    lams_ : (L,) array
        The lams, decreasing.
    cv_errors_ : (L, folds) array
        Mean loss per left-out label.
    lam_ : float
        The lam of least mean error over the folds; the largest one where several tie.
    solution_ : Fit
        The fit to all data at `lam_`, with its certificate.
    n_features_in_ : int
        1.

    Notes
    -----
    Losses are summed, so a fold with a share s of the weight is fitted with s * lam: the same balance as in the whole.
    """

    def __init__(
        self,
        lams: int | Sequence[float] | None = None,
        *,
        cv: Any = None,
        loss: LossLike = "squared",
        tol: float = GAP,
    ) -> None:
        self.lams = lams
        self.cv = cv
        self.loss = loss
        self.tol = tol

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Choose lam, and fit to X, shape (n, 1), and y, shape (n,) or (n, T), with weights (n,) of the losses."""
        x, labels, weights = self._data(X, y, sample_weight)
        self.lams_ = self._grid(x, labels, weights)
        shares = np.ones(len(x)) if weights is None else weights
        folds = check_cv(self.cv).split(x[:, None], labels)
        self.cv_errors_ = np.column_stack([self._errors(x, labels, shares, *fold) for fold in folds])
        self.lam_ = float(self.lams_[np.argmin(self.cv_errors_.mean(axis=1))])
        self.solution_ = fit(x, labels, self.lam_, loss=self.loss, weights=weights, tol=self.tol)
        return self

    def _grid(self, x: Array, labels: Array, weights: Array | None) -> Array:
        if self.lams is not None and not isinstance(self.lams, Integral):
            return np.sort(np.asarray(self.lams, dtype=np.float64))[::-1]
        largest = lambda_max(x, labels, loss=self.loss, weights=weights)
        if not largest > 0:
            raise ValueError("y lies on a line, which fits best whatever lam is; give lams")
        return largest * np.geomspace(1.0, _SMALLEST, _LAMS if self.lams is None else int(self.lams))

    def _errors(self, x: Array, labels: Array, weights: Array, train: NDArray[np.intp], test: NDArray[np.intp]) -> Array:
        """Weighted mean loss on the samples `test` of fits to the samples `train`, per lam."""
        lams = self.lams_ * (weights[train].sum() / weights.sum())
        fits = fit_path(x[train], labels[train], lams, loss=self.loss, weights=weights[train], tol=self.tol)
        losses = as_losses(self.loss, labels.shape[1])
        known = canonical_labels(labels, losses)[test]
        errors = []
        for found in fits:
            fitted = found(x[test])
            each = sum(loss.value(fitted[:, t], known[:, t]) for t, loss in enumerate(losses))
            errors.append(np.average(each / len(losses), weights=weights[test]))
        return np.array(errors)


class VVNormClassifier(ClassifierMixin, _OneFeature):
    """Classification with one feature: logistic loss plus lam times the VV norm.

    With more than two classes there is one output per class, that class against all others; all share their kinks, and
    probabilities are normalised over the classes.

    Parameters
    ----------
    lam : float
        Weight of the VV norm; positive.
    tol : float
        Relative gap.

    Attributes
    ----------
    classes_ : array
        The classes, sorted.
    solution_ : Fit
        The fit, with its certificate.
    n_features_in_ : int
        1.
    """

    def __init__(self, lam: float = 1.0, *, tol: float = GAP) -> None:
        self.lam = lam
        self.tol = tol

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Fit to X, shape (n, 1), and classes y, shape (n,), with weights (n,) of the samples' losses."""
        x, labels, weights = self._samples(X, y, sample_weight)
        if weights is not None:  # a class needs a sample that counts
            x, labels, weights = x[weights > 0], labels[weights > 0], weights[weights > 0]
        check_classification_targets(labels)
        self.classes_, place = np.unique(labels, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"y has one class only, {self.classes_[0]!r}; a classifier needs two or more")
        targets = place.astype(np.float64)[:, None] if len(self.classes_) == 2 else np.eye(len(self.classes_))[place]
        self.solution_ = fit(x, targets, self.lam, loss="logistic", weights=weights, tol=self.tol)
        return self

    def decision_function(self, X: ArrayLike) -> Array:
        """Log-odds at X, shape (n, 1): of the second class, shape (n,), or of each of more classes, shape (n, classes)."""
        values = self._evaluate(X)
        return values[:, 0] if len(self.classes_) == 2 else values

    def predict_proba(self, X: ArrayLike) -> Array:
        """Probabilities of the classes at X, shape (n, 1); shape (n, classes)."""
        odds = self.decision_function(X)
        odds = np.column_stack([-odds, odds]) if odds.ndim == 1 else odds
        logs = -np.logaddexp(0.0, -odds)
        # From logarithms, so that samples that no class claims still have probabilities.
        shares = np.exp(logs - logs.max(axis=1, keepdims=True))
        return shares / shares.sum(axis=1, keepdims=True)

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """The most probable class at X, shape (n, 1); shape (n,)."""
        odds = self.decision_function(X)
        return self.classes_[(odds > 0).astype(np.intp) if odds.ndim == 1 else np.argmax(odds, axis=1)]

    def _output_names(self) -> list[str]:
        names = self.classes_[1:] if len(self.classes_) == 2 else self.classes_
        return [f"is {name}" for name in names]
