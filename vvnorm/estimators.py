"""scikit-learn estimators: regression with given or cross-validated lam, classification, and interpolation.

They call `vvnorm.fit` and `vvnorm.interpolate`, for any number of features. All outputs share their kinks. `solution_`
holds the solution with its certificate, which is made on first access.

Before fitting, samples are sorted, and samples of weight 0 are dropped. So a fit depends neither on the order of the
samples nor on whether a sample is repeated or has twice the weight.

Labels may be missing: NaN in y (for regression also in single outputs), None among classes that are not numbers, or a mask.
A missing label has no loss. Samples without any label are dropped, and scores count only the present labels. `fit` warns if
a solver stops before the proved gap is at most `tol`.
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
from vvnorm.results.solution import UNATTAINED
from vvnorm.results.univariate_fit import Fit
from vvnorm.tolerances import GAP, LABEL_ROUNDING
from vvnorm.validation import Array, as_count, as_lams, column_names

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from vvnorm.results.multivariate import MultivariateSolution

_LAMS = 30  # default number of lams
_LAMS_SEVERAL = 10  # default number of lams with several features
_SMALLEST = 1e-4  # smallest lam tried by default, relative to lam_max
_ANY_LAM = 1.0  # the lam if all lams give the same fit
_FOLD_GAP = 1e-2  # relative gap of fits that only choose lam (several features): lams differ by factors of 2.8
_LOCAL_ROUNDS = 10  # default number of rounds of local search: some seconds for 200 samples
_LOCAL_ROUNDS_ON_PATHS = 2  # default for each lam of a path, where a fit starts from the neurons of its predecessor
_REACHED = "tolerance reached"  # status of a solver that has closed the gap by exact searches
_LIMITS = {"round limit": "max_iter", "time limit": "time_limit"}  # the parameter to raise, by the solver's status


class _Estimator(BaseEstimator):
    """Base class: checks of samples, and attributes derived from `solution_`."""

    solution_: "Fit | Interpolant | MultivariateSolution"
    tol: float
    max_iter: int | None
    time_limit: float | None

    def _limits(self, x: Array, labels: Array, local_rounds: int = _LOCAL_ROUNDS) -> dict[str, Any]:
        """Return the solver's tolerance and limits: few rounds if it searches locally and no limit is given."""
        limited = self.max_iter is not None or self.time_limit is not None
        max_iter = self.max_iter if limited or not _searches_locally(x, labels) else local_rounds
        return {"tol": self.tol, "max_iter": max_iter, "time_limit": self.time_limit}

    def _samples(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None, dtype: Any
    ) -> tuple[Array, NDArray[Any], Array | None]:
        """Return inputs (n, d), labels of the given dtype (some may be missing), and weights (n,) or None."""
        self._y_names = column_names(y)
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
        """Return the labels with NaN where they are masked; raise an error if float64 cannot hold them."""
        return check_held(without_mask(y, "y", allow_missing=True), "y")

    def _checked(self) -> Self:
        """Warn unless the solution is proved optimal to a relative gap of at most `tol`.

        The certificate may take long. It is made only if the solver has not closed the gap itself.
        """
        solution = self.solution_ = self.solution_.named(self._input_names(), self._output_names())
        status = solution.status
        if status == _REACHED or self._is_rounding():
            return self
        if status == UNATTAINED:
            words = "an affine function separates all classes, and its multiples have arbitrarily small loss"
            warnings.warn(f"{type(self).__name__} has no optimum: {words}", ConvergenceWarning, stacklevel=3)
        elif not solution.gap <= self.tol:
            other = "tol or lam" if hasattr(self, "lam") else "tol"
            limit = next((name for word, name in _LIMITS.items() if word in status), other)
            warnings.warn(
                f"{type(self).__name__} is proved optimal to a relative gap of {solution.gap:.2g} only, not to "
                f"tol = {self.tol:.2g} (status: {status}); raise {limit}",
                ConvergenceWarning,
                stacklevel=3,
            )
        elif not isinstance(solution, Interpolant):  # an Interpolant is evaluated by its knots, not by its network
            for complaint in solution.certificate.shortcomings(self.tol):
                warnings.warn(f"{type(self).__name__}: {complaint} (status: {status})", ConvergenceWarning, stacklevel=3)
        return self

    def _is_rounding(self) -> bool:
        """Whether the objective of a fit is as small as the rounding error of the labels."""
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
        """The network of the solution."""
        return self.solution_.network

    @property
    def n_iter_(self) -> int:
        """Number of rounds; 1 for closed forms."""
        return max(1, self.solution_.rounds)

    @property
    def lower_bound_(self) -> float:
        """Proved lower bound on the objective of every network; made on first access."""
        return self.solution_.lower_bound

    @property
    def gap_(self) -> float:
        """Relative gap between the objective and its lower bound; made on first access."""
        return self.solution_.gap

    def plot(self, path: str | os.PathLike[str] | None = None) -> "Figure":
        """Draw the solution; write the figure to `path` (`.pdf`, `.svg`, `.png`) if it is given.

        With one feature: data, fit, knots and residuals. With two: the fitted surface with its kinks and the data. With
        more: fitted values and residuals against labels.
        """
        check_is_fitted(self)
        return draw(self.solution_, self.solution_.x_names, self.solution_.y_names, path)

    def _input_names(self) -> list[str]:
        features = self.solution_.X.shape[1]
        names = getattr(self, "feature_names_in_", ["x"] if features == 1 else [f"x{j}" for j in range(features)])
        return [str(name) for name in names]

    def _output_names(self) -> list[str]:
        outputs = self.solution_.Y.shape[1]
        if len(self._y_names) == outputs:
            return list(self._y_names)
        return ["y"] if outputs == 1 else [f"y{t}" for t in range(outputs)]


class _Regressor(MultiOutputMixin, RegressorMixin, _Estimator):
    """Base class of regressors: labels of one or more outputs, and predictions of the same shape."""

    def _data(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> tuple[Array, Array, Array | None]:
        """Return inputs (n, d), labels (n, T) with NaN where missing, and weights (n,) or None."""
        inputs, labels, weights = self._samples(X, y, sample_weight, np.float64)
        self._flat = labels.ndim == 1
        return inputs, labels.reshape(len(inputs), -1), weights

    def predict(self, X: ArrayLike) -> Array:
        """Evaluate the solution at X, shape (n, d); shape (n,) if y had one dimension, else (n, T)."""
        values = self._evaluate(X)
        return values[:, 0] if self._flat else values

    def score(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Return R^2 for the present labels of y, shape (n,) or (n, T), averaged over outputs."""
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
        Most rounds of a fit of several features. Without `max_iter` and `time_limit`: 10 where an exact search over all
        neurons is too expensive and neurons come from a local search, else as in `vvnorm.fit`.
    time_limit : float, optional
        Seconds after which the best network so far is taken, for several features. The fit then depends on the machine's
        speed.

    Attributes
    ----------
    solution_ : Fit or MultivariateSolution
        The fit, with its certificate.
    network_ : ReLUNetwork
        The network of the solution.
    n_iter_ : int
        Rounds of the solver.
    gap_, lower_bound_ : float
        The proved relative gap, and the lower bound on the objective.
    n_features_in_ : int
        Number of features.

    Examples
    --------
    >>> import vvnorm
    >>> model = vvnorm.VVNormRegressor(lam=0.1).fit([[0], [1], [2], [3]], [0, 1, 0, 1])
    >>> model.predict([[0.5]]).round(2), model.gap_ < 1e-6
    (array([0.4]), True)
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
            x, labels, self.lam, loss=self.loss, weights=weights, skip=self.skip, **self._limits(x, labels)
        )
        return self._checked()


class VVNormRegressorCV(_Regressor):
    """Regression by a network of small VV norm, with lam chosen by cross-validation along a path.

    Parameters
    ----------
    lams : None, int or sequence of float
        Values of lam for the whole data, or the number of values between lam_max and 1e-4 lam_max; by default 30, or 10
        with several features.
    cv : None, int or splitter
        Folds, as everywhere in scikit-learn.
    loss : str, Loss or sequence of them
        The loss that is minimised, and that is measured on the samples left out.
    tol : float
        Relative gap of the fit to all data. With several features the fits that choose lam have a tolerance of at least
        1e-2.
    max_iter : int, optional
        Most rounds of each fit of several features. Without `max_iter` and `time_limit`, where an exact search over all
        neurons is too expensive: 10, and 2 for each lam and fold; else as in `vvnorm.fit`.
    time_limit : float, optional
        Seconds for each single fit, for several features; see `VVNormRegressor`.

    Attributes
    ----------
    lams_ : (L,) array
        The lams, decreasing; [1.0] if no values are given and the best fit is affine for every lam.
    cv_errors_ : (L, folds) array
        Mean loss per left-out label.
    lam_ : float
        The lam of least mean error over the folds; the largest such lam if there are several.
    solution_ : Fit or MultivariateSolution
        The fit to all data at `lam_`, with its certificate.
    network_ : ReLUNetwork
        The network of the solution.
    n_iter_ : int
        Rounds of the solver.
    gap_, lower_bound_ : float
        The proved relative gap, and the lower bound on the objective.
    n_features_in_ : int
        Number of features.

    Notes
    -----
    Losses are summed. Training data with a share s of the weight are fitted with s * lam, so that loss and norm keep their
    proportion.

    Each fold is fitted from the largest lam to the smallest, and each fit starts from the neurons of its predecessor. With
    three or more features these fits find neurons by local search, so that their gaps are estimates. The fit to all data is
    the fit of `VVNormRegressor`.

    Examples
    --------
    >>> import vvnorm
    >>> import numpy as np
    >>> x = np.linspace(0, 1, 20)[:, None]
    >>> model = vvnorm.VVNormRegressorCV(lams=5).fit(x, np.abs(x[:, 0] - 0.5))
    >>> len(model.lams_), model.cv_errors_.shape
    (5, (5, 5))
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
        self.solution_ = fit(*whole[:2], self.lam_, loss=self.loss, weights=whole[2], **self._limits(*whole[:2]))
        return self._checked()

    def _grid(self, x: Array, labels: Array, weights: Array | None) -> Array:
        if self.lams is not None and not isinstance(self.lams, int | np.integer):
            return np.array(sorted(as_lams(self.lams), reverse=True))
        default = _LAMS if x.shape[1] == 1 else _LAMS_SEVERAL
        count = default if self.lams is None else as_count(self.lams, "lams", 1)
        largest = lambda_max(x, labels, loss=self.loss, weights=weights)
        if largest == 0:  # nothing to choose
            return np.array([_ANY_LAM])
        return largest * np.geomspace(1.0, _SMALLEST, count)

    def _errors(self, x: Array, labels: Array, weights: Array, train: NDArray[np.intp], test: NDArray[np.intp]) -> Array:
        """Return, per lam, the weighted mean loss on the samples `test` of the fit to the samples `train`.

        Outputs without a label in `train` or in `test` are left out.
        """
        mass = np.where(np.isnan(labels), 0.0, weights[:, None])
        outputs = mass[train].any(axis=0) & mass[test].any(axis=0)
        if not (weights[train].any() and weights[test].any()):
            raise ValueError("sample_weight is 0 for all samples that a fold fits or leaves out")
        if not outputs.any():
            raise ValueError("y: in a fold no output has labels both in the samples fitted and in the samples left out")
        lams = self.lams_ * (mass[train].sum() / mass.sum())
        losses = np.array(as_losses(self.loss, labels.shape[1]))[outputs].tolist()
        given, known, shares = _in_order(x[train], labels[np.ix_(train, outputs)], weights[train])
        limits = self._limits(given, known, _LOCAL_ROUNDS_ON_PATHS)
        if x.shape[1] > 1:
            limits["tol"] = max(self.tol, _FOLD_GAP)
        fit_next = warm_fits(given, known, loss=losses, weights=shares, local_search=True, **limits)
        left_out, mass = canonical_labels(labels[:, outputs], tuple(losses))[test], mass[np.ix_(test, outputs)]
        errors, start = [], None
        for lam in lams:
            solution, start = fit_next(lam, start)
            fitted = solution(x[test])
            each = np.column_stack([loss.value(fitted[:, t], left_out[:, t]) for t, loss in enumerate(losses)])
            errors.append(np.average(np.where(mass > 0, each, 0.0), weights=mass))
        return np.array(errors)


class VVNormInterpolator(_Regressor):
    """Interpolation of every sample by a network of least VV norm.

    Parameters
    ----------
    skip : bool
        Whether the network has a skip connection.
    tol : float
        Relative gap and residual.
    max_iter : int, optional
        Most rounds of a fit of several features. Without `max_iter` and `time_limit`: 10 where an exact search over all
        neurons is too expensive and neurons come from a local search, else as in `vvnorm.fit`.
    time_limit : float, optional
        Seconds after which the best interpolant so far is taken, for several features; see `VVNormRegressor`.

    Attributes
    ----------
    solution_ : Interpolant or MultivariateSolution
        The interpolant, with its certificate.
    network_ : ReLUNetwork
        The network of the solution.
    n_iter_ : int
        Rounds of the solver.
    gap_, lower_bound_ : float
        The proved relative gap, and the lower bound on the VV norm.
    n_features_in_ : int
        Number of features.

    Notes
    -----
    Samples with equal features must have equal labels. `VVNormRegressor` has no such condition.

    Examples
    --------
    >>> import vvnorm
    >>> model = vvnorm.VVNormInterpolator().fit([[0], [1], [2], [3]], [0, 1, 0, 1])
    >>> model.predict([[0.5], [3]])
    array([0.5, 1. ])
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
        self.solution_ = interpolate(x, labels, skip=self.skip, **self._limits(x, labels))
        return self._checked()


class VVNormClassifier(ClassifierMixin, _Estimator):
    """Classification: logistic loss plus lam times the VV norm.

    With more than two classes there is one output per class, which separates this class from all others. The outputs share
    their kinks. Probabilities are normalised over the classes.

    Parameters
    ----------
    lam : float
        Weight of the VV norm; positive.
    tol : float
        Relative gap.
    max_iter : int, optional
        Most rounds of a fit of several features. Without `max_iter` and `time_limit`: 10 where an exact search over all
        neurons is too expensive and neurons come from a local search, else as in `vvnorm.fit`.
    time_limit : float, optional
        Seconds after which the best network so far is taken, for several features; see `VVNormRegressor`.

    Attributes
    ----------
    classes_ : array
        The classes, sorted.
    solution_ : Fit or MultivariateSolution
        The fit, with its certificate.
    network_ : ReLUNetwork
        The network of the solution.
    n_iter_ : int
        Rounds of the solver.
    gap_, lower_bound_ : float
        The proved relative gap, and the lower bound on the objective.
    n_features_in_ : int
        Number of features.

    Examples
    --------
    >>> import vvnorm
    >>> model = vvnorm.VVNormClassifier(lam=0.1).fit([[0], [1], [2], [3]], ["no", "yes", "no", "yes"])
    >>> model.predict([[-1], [4]])
    array(['no', 'yes'], dtype='<U3')
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
            labels = np.array(labels.tolist())  # the present labels may be numbers
        check_classification_targets(labels)
        self.classes_, place = np.unique(labels, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"y has one class only, {self.classes_[0]!r}; a classifier needs two or more")
        targets = place.astype(np.float64)[:, None] if len(self.classes_) == 2 else np.eye(len(self.classes_))[place]
        x, targets, weights = _in_order(x, targets, weights)
        self.solution_ = fit(x, targets, self.lam, loss="logistic", weights=weights, **self._limits(x, targets))
        return self._checked()

    def score(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Return the accuracy for classes y, shape (n,); samples whose class is missing do not count."""
        fitted, labels = self.predict(X), column_or_1d(self._given_labels(y))
        check_consistent_length(fitted, labels, sample_weight)
        present = ~_missing(labels)
        weights = None if sample_weight is None else np.asarray(sample_weight)[present]
        known = labels[present].astype(fitted.dtype)
        return float(accuracy_score(known, fitted[present], sample_weight=weights))

    def _given_labels(self, y: Any) -> Any:
        """Return classes of any kind, None where they are masked."""
        if not np.ma.is_masked(y):
            return y
        classes = np.ma.getdata(y).astype(object)
        classes[np.ma.getmaskarray(y)] = None
        return classes

    def decision_function(self, X: ArrayLike) -> Array:
        """Return log-odds at X, shape (n, d): of the second of two classes, (n,), or of each class, (n, classes)."""
        values = self._evaluate(X)
        return values[:, 0] if len(self.classes_) == 2 else values

    def predict_proba(self, X: ArrayLike) -> Array:
        """Probabilities of the classes at X, shape (n, d); shape (n, classes)."""
        odds = self.decision_function(X)
        odds = np.column_stack([-odds, odds]) if odds.ndim == 1 else odds
        logs = -np.logaddexp(0.0, -odds)
        # Logarithms, since the odds of all classes may underflow.
        shares = np.exp(logs - logs.max(axis=1, keepdims=True))
        return shares / shares.sum(axis=1, keepdims=True)

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """The most probable class at X, shape (n, d); shape (n,)."""
        odds = self.decision_function(X)
        return self.classes_[(odds > 0).astype(np.intp) if odds.ndim == 1 else np.argmax(odds, axis=1)]

    def _output_names(self) -> list[str]:
        names = self.classes_[1:] if len(self.classes_) == 2 else self.classes_
        return [f"is {name}" for name in names]


def _searches_locally(x: Array, labels: Array) -> bool:
    """Whether an exact search over all neurons is too expensive, so that neurons come from a local search."""
    if x.shape[1] == 1:
        return False
    from vvnorm.solvers.multivariate.fits import searched_exactly

    return not searched_exactly(x, labels.shape[1])


def _missing(classes: NDArray[Any]) -> NDArray[np.bool_]:
    """Whether each class (n,) is missing: NaN, None, or another object that does not equal itself, such as pandas.NA."""
    if classes.dtype.kind != "O":
        return np.isnan(classes) if classes.dtype.kind == "f" else np.zeros(len(classes), dtype=np.bool_)
    return np.array([label is None or (label != label) is not False for label in classes])


def _in_order(x: Array, labels: Array, weights: Array | None) -> tuple[Array, Array, Array | None]:
    """Drop samples without weight or label, and sort the others by features, then by labels."""
    counts = ~np.isnan(labels).all(axis=1)
    if weights is not None:
        counts &= weights > 0
    if not counts.any():
        raise ValueError("y: no sample that counts has a label")
    if not counts.all():
        x, labels, weights = x[counts], labels[counts], None if weights is None else weights[counts]
    order = np.lexsort(np.hstack([x, labels]).T[::-1])
    return x[order], labels[order], None if weights is None else weights[order]
