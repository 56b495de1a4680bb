"""scikit-learn estimators: regression with lam given or cross-validated, classification, and interpolation.

They are `vvnorm.fit` and `vvnorm.interpolate` behind `fit` and `predict`, for any number of features. Any number of outputs
share their kinks, and `solution_` holds what was found with its certificate, which is made when it is first asked for.

Samples are passed on in an order of their own and without those of weight 0, so that what is found depends neither on their
order nor on whether samples are repeated or weighted.

Labels may be missing: NaN in y, for regression in single outputs, None among classes that are no numbers, or a mask. A
missing label has no loss; samples without any do not count, and scores are those of the labels there are. Where a solver
stops before the proved gap is at most `tol`, `fit` warns.
"""

import os
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, MultiOutputMixin, RegressorMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import check_cv
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import (
    _check_sample_weight,
    check_array,
    check_consistent_length,
    check_is_fitted,
    column_or_1d,
    validate_data,
)

from vvnorm.api.fits import fit, lambda_max, warm_fits
from vvnorm.api.interpolation import interpolate
from vvnorm.float64 import check_held, without_mask
from vvnorm.losses import LossLike, as_losses, canonical_labels
from vvnorm.network import ReLUNetwork
from vvnorm.plotting import draw
from vvnorm.results.interpolant import Interpolant
from vvnorm.results.univariate_fit import Fit
from vvnorm.tolerances import GAP, LABEL_ROUNDING
from vvnorm.validation import Array, as_count, as_lams

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from vvnorm.results.multivariate import MultivariateSolution

_LAMS = 30  # lams tried by default
_LAMS_SEVERAL = 10  # with several features
_SMALLEST = 1e-4  # of lam_max
_ANY = 1.0  # lam, where all give the same fit
_FOLDS = 1e-2  # relative gap of fits of several features that only serve to choose lam: its neighbours lie 2.8 times off
_CLIMBING = 10  # rounds by default where the search is by climbing: some seconds for 200 samples
_CLIMBING_ON_PATHS = 2  # for each of many lams: a fit starts from the neurons of the last one
_REACHED = "tolerance reached"  # status of solvers that have seen the gap closed, exactly
_LIMITS = {"round limit": "max_iter", "time limit": "time_limit"}  # what to raise, by what ended a solver


class _Estimator(BaseEstimator):
    """What the estimators share: a solution kept as `solution_`."""

    solution_: "Fit | Interpolant | MultivariateSolution"
    tol: float
    max_iter: int | None
    time_limit: float | None

    def _effort(self, x: Array, labels: Array, climbing: int = _CLIMBING) -> dict[str, Any]:
        """When a solver stops: after few rounds where neurons are found by climbing and no limit is given."""
        limited = self.max_iter is not None or self.time_limit is not None
        max_iter = self.max_iter if limited or not _climbs(x, labels) else climbing
        return {"tol": self.tol, "max_iter": max_iter, "time_limit": self.time_limit}

    def _samples(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None, dtype: Any
    ) -> tuple[Array, NDArray[Any], Array | None]:
        """Inputs (n, d), labels of a dtype, which may be missing, and weights (n,) or None."""
        X, y = check_held(X, "X"), self._given_labels(y)
        of_inputs = {"dtype": np.float64, "ensure_min_samples": 2}
        of_labels = {"dtype": dtype, "ensure_2d": False, "ensure_all_finite": "allow-nan"}
        inputs, labels = validate_data(self, X, y, validate_separately=(of_inputs, of_labels))
        check_consistent_length(inputs, labels)
        if sample_weight is None:
            return inputs, labels, None
        weights = _check_sample_weight(
            check_held(sample_weight, "sample_weight"), inputs, dtype=np.float64, ensure_non_negative=True
        )
        if not weights.any():
            raise ValueError("sample_weight has no non-zero entry: no sample counts")
        return inputs, labels, weights

    def _given_labels(self, y: Any) -> Any:
        """What is masked as NaN; refused unless the labels are numbers that float64 holds."""
        return check_held(without_mask(y, "y", allow_missing=True), "y")

    def _checked(self) -> Self:
        """Warn where the solution is not proved to be as close to optimal as was asked for.

        The certificate, which may take long, is made only where the solver itself has not seen the gap closed.
        """
        solution = self.solution_
        status = solution.status
        if status == _REACHED or self._is_rounding():
            return self
        if not solution.gap <= self.tol:
            other = "tol or lam" if hasattr(self, "lam") else "tol"
            limit = next((name for word, name in _LIMITS.items() if word in status), other)
            warnings.warn(
                f"{type(self).__name__} is proved optimal to a relative gap of {solution.gap:.2g} only, not to "
                f"tol = {self.tol:.2g} (status: {status}); raise {limit}",
                ConvergenceWarning,
                stacklevel=3,
            )
        elif not isinstance(solution, Interpolant):  # which is evaluated by its knots, not by its network
            for complaint in solution.certificate.shortcomings(self.tol):
                warnings.warn(f"{type(self).__name__}: {complaint} (status: {status})", ConvergenceWarning, stacklevel=3)
        return self

    def _is_rounding(self) -> bool:
        """Whether a fit leaves nothing but the rounding of the labels."""
        if not getattr(self.solution_, "lam", 0.0):
            return False
        weights = getattr(self.solution_, "weights", None)
        sizes = np.nan_to_num(self.solution_.Y) ** 2 * (1.0 if weights is None else weights)
        return bool(self.solution_.value <= LABEL_ROUNDING**2 * np.sum(sizes))

    def _evaluate(self, X: ArrayLike) -> Array:
        check_is_fitted(self)
        return self.solution_(validate_data(self, check_held(X, "X"), dtype=np.float64, reset=False))

    @property
    def network_(self) -> ReLUNetwork:
        """The network that was found."""
        return self.solution_.network

    @property
    def n_iter_(self) -> int:
        """Rounds that were taken; 1 for closed forms, and where there was nothing to do."""
        return max(1, self.solution_.rounds)

    @property
    def lower_bound_(self) -> float:
        """Proved lower bound on what was minimised, for every network; made on first access."""
        return self.solution_.lower_bound

    @property
    def gap_(self) -> float:
        """Relative gap between what was reached and that bound; made on first access."""
        return self.solution_.gap

    def plot(self, path: str | os.PathLike[str] | None = None) -> "Figure":
        """Draw the solution; write the figure to `path` (`.pdf`, `.svg`, `.png`) if one is given.

        With one feature: data, fit, knots and residuals. With two: the fitted surface with its kinks and the data. With
        more: fitted values and residuals against labels.
        """
        check_is_fitted(self)
        features = self.solution_.X.shape[1]
        names = getattr(self, "feature_names_in_", ["x"] if features == 1 else [f"x{j}" for j in range(features)])
        return draw(self.solution_, [str(name) for name in names], self._output_names(), path)

    def _output_names(self) -> list[str]:
        outputs = self.solution_.Y.shape[1]
        return ["y"] if outputs == 1 else [f"y{t}" for t in range(outputs)]


class _Regressor(MultiOutputMixin, RegressorMixin, _Estimator):
    """Regression: labels of one or more outputs in, values of the same shape out."""

    def _data(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> tuple[Array, Array, Array | None]:
        """Inputs (n, d), labels (n, T), NaN = missing, and weights (n,) or None."""
        inputs, labels, weights = self._samples(X, y, sample_weight, np.float64)
        self._flat = labels.ndim == 1
        return inputs, labels.reshape(len(inputs), -1), weights

    def predict(self, X: ArrayLike) -> Array:
        """Evaluate the solution at X, shape (n, d); shape (n,) if labels were given so, else (n, T)."""
        values = self._evaluate(X)
        return values[:, 0] if self._flat else values

    def score(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """R^2 of the predictions for the labels that are not missing, y of shape (n,) or (n, T); the mean over outputs."""
        fitted = self._evaluate(X)
        y = self._given_labels(y)
        labels = check_array(y, dtype=np.float64, ensure_2d=False, ensure_all_finite="allow-nan", input_name="y")
        check_consistent_length(fitted, labels, sample_weight)
        labels = labels.reshape(len(fitted), -1)
        if labels.shape != fitted.shape:
            raise ValueError(f"y has {labels.shape[1]} outputs; the estimator was fitted to {fitted.shape[1]}")
        scores = []
        for values, known, present in zip(fitted.T, labels.T, ~np.isnan(labels).T, strict=True):
            if present.any():
                weights = None if sample_weight is None else np.asarray(sample_weight)[present]
                scores.append(r2_score(known[present], values[present], sample_weight=weights))
        if not scores:
            raise ValueError("y has no label at all (every entry is NaN)")
        return float(np.mean(scores))


class VVNormRegressor(_Regressor):
    """Regression by a network of small VV norm: a loss plus lam times the norm is minimised.

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
    max_iter : int, optional
        Most rounds of a fit of several features. By default, if there is no `time_limit` either, 10 where neurons are found
        by climbing, since no exact search over all is affordable; else as in `vvnorm.fit`.
    time_limit : float, optional
        Seconds after which the best network so far is taken, for several features. What is found then depends on the
        machine.

    Attributes
    ----------
    solution_ : Fit or MultivariateSolution
        The fit, with its certificate.
    network_ : ReLUNetwork
        The same as a network.
    n_iter_ : int
        Rounds of the solver.
    gap_, lower_bound_ : float
        How close to optimal it is proved to be, and the bound.
    n_features_in_ : int
        Number of features.
    """

    def __init__(
        self,
        lam: float = 1.0,
        *,
        loss: LossLike = "squared",
        skip: bool = True,
        tol: float = GAP,
        max_iter: int | None = None,
        time_limit: float | None = None,
    ) -> None:
        self.lam = lam
        self.loss = loss
        self.skip = skip
        self.tol = tol
        self.max_iter = max_iter
        self.time_limit = time_limit

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Fit to X, shape (n, d), and y, shape (n,) or (n, T), with weights (n,) of the samples' losses."""
        x, labels, weights = _in_order(*self._data(X, y, sample_weight))
        self.solution_ = fit(
            x, labels, self.lam, loss=self.loss, weights=weights, skip=self.skip, **self._effort(x, labels)
        )
        return self._checked()


class VVNormRegressorCV(_Regressor):
    """The same with lam chosen by cross-validation along a path.

    Parameters
    ----------
    lams : None, int or sequence of float
        Values of lam for the whole data, or how many to try between lam_max and 1e-4 lam_max: by default 30, or 10 with
        several features.
    cv : None, int or splitter
        Folds, as everywhere in scikit-learn.
    loss : str, Loss or sequence of them
        What is minimised, and what is measured on the samples left out.
    tol : float
        Relative gap of the fit to all data; of those that choose lam, for several features, at least 1e-2.
    max_iter : int, optional
        Most rounds of each fit of several features. By default, if there is no `time_limit` either, 10 where no exact
        search over all neurons is affordable, and 2 for each lam and fold; else as in `vvnorm.fit`.
    time_limit : float, optional
        Seconds for each single fit, for several features; see `VVNormRegressor`.

    Attributes
    ----------
    lams_ : (L,) array
        The lams, decreasing. Where none are given and an affine function fits best whatever lam is, there is only 1.
    cv_errors_ : (L, folds) array
        Mean loss per left-out label.
    lam_ : float
        The lam of least mean error over the folds; the largest one where several tie.
    solution_ : Fit or MultivariateSolution
        The fit to all data at `lam_`, with its certificate.
    network_ : ReLUNetwork
        The same as a network.
    n_iter_ : int
        Rounds of the solver.
    gap_, lower_bound_ : float
        How close to optimal it is proved to be, and the bound.
    n_features_in_ : int
        Number of features.

    Notes
    -----
    Losses are summed, so a fold with a share s of the weight is fitted with s * lam: the same balance as in the whole.

    Each fold is fitted from its largest lam to its smallest, each fit starting from the neurons of the last. With three and
    more features these fits find neurons by climbing, and are not proved to be as close to optimal as they seem; the fit to
    all data is that of `VVNormRegressor`.
    """

    def __init__(
        self,
        lams: int | Sequence[float] | None = None,
        *,
        cv: Any = None,
        loss: LossLike = "squared",
        tol: float = GAP,
        max_iter: int | None = None,
        time_limit: float | None = None,
    ) -> None:
        self.lams = lams
        self.cv = cv
        self.loss = loss
        self.tol = tol
        self.max_iter = max_iter
        self.time_limit = time_limit

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Choose lam, and fit to X, shape (n, d), and y, shape (n,) or (n, T), with weights (n,) of the losses."""
        x, labels, weights = self._data(X, y, sample_weight)
        shares = np.ones(len(x)) if weights is None else weights
        whole = _in_order(x, labels, weights)
        self.lams_ = self._grid(*whole)
        folds = check_cv(self.cv).split(x, labels)
        self.cv_errors_ = np.column_stack([self._errors(x, labels, shares, *fold) for fold in folds])
        self.lam_ = float(self.lams_[np.argmin(self.cv_errors_.mean(axis=1))])
        self.solution_ = fit(*whole[:2], self.lam_, loss=self.loss, weights=whole[2], **self._effort(*whole[:2]))
        return self._checked()

    def _grid(self, x: Array, labels: Array, weights: Array | None) -> Array:
        if self.lams is not None and not isinstance(self.lams, int | np.integer):
            return np.array(sorted(as_lams(self.lams), reverse=True))
        usual = _LAMS if x.shape[1] == 1 else _LAMS_SEVERAL
        count = usual if self.lams is None else as_count(self.lams, "lams", 1)
        largest = lambda_max(x, labels, loss=self.loss, weights=weights)
        if largest == 0:  # nothing to choose
            return np.array([_ANY])
        return largest * np.geomspace(1.0, _SMALLEST, count)

    def _errors(self, x: Array, labels: Array, weights: Array, train: NDArray[np.intp], test: NDArray[np.intp]) -> Array:
        """Weighted mean loss on the samples `test` of fits to the samples `train`, per lam.

        Outputs without a label on either side tell nothing, and are left out of both.
        """
        mass = np.where(np.isnan(labels), 0.0, weights[:, None])
        outputs = mass[train].any(axis=0) & mass[test].any(axis=0)
        if not (weights[train].any() and weights[test].any()):
            raise ValueError("sample_weight is 0 for all samples that a fold fits or leaves out")
        if not outputs.any():
            raise ValueError("y: in a fold no output has labels both among the samples fitted and among those left out")
        lams = self.lams_ * (mass[train].sum() / mass.sum())
        losses = np.array(as_losses(self.loss, labels.shape[1]))[outputs].tolist()
        given, known, shares = _in_order(x[train], labels[np.ix_(train, outputs)], weights[train])
        effort = self._effort(given, known, _CLIMBING_ON_PATHS)
        if x.shape[1] > 1:
            effort["tol"] = max(self.tol, _FOLDS)
        fit_next = warm_fits(given, known, loss=losses, weights=shares, local_search=True, **effort)
        left_out, mass = canonical_labels(labels[:, outputs], tuple(losses))[test], mass[np.ix_(test, outputs)]
        errors, start = [], None
        for lam in lams:
            solution, start = fit_next(lam, start)
            fitted = solution(x[test])
            each = np.column_stack([loss.value(fitted[:, t], left_out[:, t]) for t, loss in enumerate(losses)])
            errors.append(np.average(np.where(mass > 0, each, 0.0), weights=mass))
        return np.array(errors)


class VVNormInterpolator(_Regressor):
    """The interpolant of least VV norm: it passes through every sample.

    Parameters
    ----------
    skip : bool
        Whether the network has a skip connection.
    tol : float
        Relative gap and residual.
    max_iter : int, optional
        Most rounds of a fit of several features. By default, if there is no `time_limit` either, 10 where neurons are found
        by climbing, since no exact search over all is affordable; else as in `vvnorm.fit`.
    time_limit : float, optional
        Seconds after which the best interpolant so far is taken, for several features; see `VVNormRegressor`.

    Attributes
    ----------
    solution_ : Interpolant or MultivariateSolution
        The interpolant, with its certificate.
    network_ : ReLUNetwork
        The same as a network.
    n_iter_ : int
        Rounds of the solver.
    gap_, lower_bound_ : float
        How close to the least VV norm it is proved to be, and the bound.
    n_features_in_ : int
        Number of features.

    Notes
    -----
    Samples with equal features must have equal labels; `VVNormRegressor` takes others.
    """

    def __init__(
        self, *, skip: bool = True, tol: float = GAP, max_iter: int | None = None, time_limit: float | None = None
    ) -> None:
        self.skip = skip
        self.tol = tol
        self.max_iter = max_iter
        self.time_limit = time_limit

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Interpolate y, shape (n,) or (n, T), at X, shape (n, d)."""
        x, labels, _ = _in_order(*self._data(X, y))
        self.solution_ = interpolate(x, labels, skip=self.skip, **self._effort(x, labels))
        return self._checked()


class VVNormClassifier(ClassifierMixin, _Estimator):
    """Classification: logistic loss plus lam times the VV norm.

    With more than two classes there is one output per class, that class against all others; all share their kinks, and
    probabilities are normalised over the classes.

    Parameters
    ----------
    lam : float
        Weight of the VV norm; positive.
    tol : float
        Relative gap.
    max_iter : int, optional
        Most rounds of a fit of several features. By default, if there is no `time_limit` either, 10 where neurons are found
        by climbing, since no exact search over all is affordable; else as in `vvnorm.fit`.
    time_limit : float, optional
        Seconds after which the best network so far is taken, for several features; see `VVNormRegressor`.

    Attributes
    ----------
    classes_ : array
        The classes, sorted.
    solution_ : Fit or MultivariateSolution
        The fit, with its certificate.
    network_ : ReLUNetwork
        The same as a network.
    n_iter_ : int
        Rounds of the solver.
    gap_, lower_bound_ : float
        How close to optimal it is proved to be, and the bound.
    n_features_in_ : int
        Number of features.
    """

    def __init__(
        self, lam: float = 1.0, *, tol: float = GAP, max_iter: int | None = None, time_limit: float | None = None
    ) -> None:
        self.lam = lam
        self.tol = tol
        self.max_iter = max_iter
        self.time_limit = time_limit

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Fit to X, shape (n, d), and classes y, shape (n,), with weights (n,) of the samples' losses."""
        x, labels, weights = self._samples(X, y, sample_weight, None)
        labels = column_or_1d(labels, warn=True)
        counts = ~_missing(labels) if weights is None else ~_missing(labels) & (weights > 0)
        if not counts.any():
            raise ValueError("y: no sample that counts has a class")
        x, labels, weights = x[counts], labels[counts], None if weights is None else weights[counts]
        if labels.dtype.kind == "O" and not counts.all():
            labels = np.array(labels.tolist())  # without what is missing they may be numbers
        check_classification_targets(labels)
        self.classes_, place = np.unique(labels, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"y has one class only, {self.classes_[0]!r}; a classifier needs two or more")
        targets = place.astype(np.float64)[:, None] if len(self.classes_) == 2 else np.eye(len(self.classes_))[place]
        x, targets, weights = _in_order(x, targets, weights)
        self.solution_ = fit(x, targets, self.lam, loss="logistic", weights=weights, **self._effort(x, targets))
        return self._checked()

    def score(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Part of the samples whose classes y, shape (n,), are predicted; of those whose class is not missing."""
        fitted, labels = self.predict(X), column_or_1d(self._given_labels(y))
        check_consistent_length(fitted, labels, sample_weight)
        present = ~_missing(labels)
        weights = None if sample_weight is None else np.asarray(sample_weight)[present]
        known = labels[present].astype(fitted.dtype)
        return float(accuracy_score(known, fitted[present], sample_weight=weights))

    def _given_labels(self, y: Any) -> Any:
        """Classes of any kind; what is masked is missing."""
        if not np.ma.is_masked(y):
            return y
        classes = np.ma.getdata(y).astype(object)
        classes[np.ma.getmaskarray(y)] = None
        return classes

    def decision_function(self, X: ArrayLike) -> Array:
        """Log-odds at X, shape (n, d): of the second class, shape (n,), or of each of more classes, shape (n, classes)."""
        values = self._evaluate(X)
        return values[:, 0] if len(self.classes_) == 2 else values

    def predict_proba(self, X: ArrayLike) -> Array:
        """Probabilities of the classes at X, shape (n, d); shape (n, classes)."""
        odds = self.decision_function(X)
        odds = np.column_stack([-odds, odds]) if odds.ndim == 1 else odds
        logs = -np.logaddexp(0.0, -odds)
        # From logarithms, so that samples that no class claims still have probabilities.
        shares = np.exp(logs - logs.max(axis=1, keepdims=True))
        return shares / shares.sum(axis=1, keepdims=True)

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """The most probable class at X, shape (n, d); shape (n,)."""
        odds = self.decision_function(X)
        return self.classes_[(odds > 0).astype(np.intp) if odds.ndim == 1 else np.argmax(odds, axis=1)]

    def _output_names(self) -> list[str]:
        names = self.classes_[1:] if len(self.classes_) == 2 else self.classes_
        return [f"is {name}" for name in names]


def _climbs(x: Array, labels: Array) -> bool:
    """Whether no exact search over all neurons is affordable."""
    if x.shape[1] == 1:
        return False
    from vvnorm.solvers.multivariate.fits import searched_exactly

    return not searched_exactly(x, labels.shape[1])


def _missing(classes: NDArray[Any]) -> NDArray[np.bool_]:
    """Which classes (n,) are missing: NaN, None, or another object that does not equal itself, as that of pandas."""
    if classes.dtype.kind != "O":
        return np.isnan(classes) if classes.dtype.kind == "f" else np.zeros(len(classes), dtype=np.bool_)
    return np.array([label is None or (label != label) is not False for label in classes])


def _in_order(x: Array, labels: Array, weights: Array | None) -> tuple[Array, Array, Array | None]:
    """Samples that count and have a label, sorted by features and then by labels."""
    counts = ~np.isnan(labels).all(axis=1)
    if weights is not None:
        counts &= weights > 0
    if not counts.any():
        raise ValueError("y: no sample that counts has a label")
    if not counts.all():
        x, labels, weights = x[counts], labels[counts], None if weights is None else weights[counts]
    order = np.lexsort(np.hstack([x, labels]).T[::-1])
    return x[order], labels[order], None if weights is None else weights[order]
