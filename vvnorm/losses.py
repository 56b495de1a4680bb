"""Losses of fitted values: one per output, convex and non-negative; outputs may have different losses.

With u the fitted value and y the label, per entry:

==========  ========================================================  ==================  =====================
name        loss(u, y)                                                labels              -loss'(u, y) lies in
==========  ========================================================  ==================  =====================
squared     (u - y)^2 / 2                                             any number          all numbers
logistic    log(1 + exp(u)) - y u                                     {0, 1} or {-1, 1}   [y - 1, y]
hinge       max(0, 1 - y u)                                           {0, 1} or {-1, 1}   y [0, 1]
huber       (u - y)^2 / 2 up to |u - y| = delta, linear beyond        any number          [-delta, delta]
one_class   max(nu (y - u), (1 - nu) (u - y))                         any number          [nu - 1, nu]
==========  ========================================================  ==================  =====================

Internally the labels of `logistic` are 0 and 1, and the labels of `hinge` are -1 and 1: see `canonical_labels`.

The formulas of a loss are in one class: `Squared`, `Logistic`, `Hinge`, `Huber` or `OneClass`. The same formulas as
compiled functions of one entry are in `vvnorm.solvers.univariate.fits.compiled_losses`. The verifier has its own.

*One class.* The label is the score of a normal sample, and u is the level that the network sets there; samples that score
below their level are outliers. The loss is that of the soft-margin problem of Schoelkopf, Platt, Shawe-Taylor, Smola and
Williamson (Neural Computation 13, 2001), max over rho of rho - mean(max(0, rho - score)) / nu, times nu and written in the
level u = rho: at its optimum at most a share nu of the samples lie below the level and at most 1 - nu above. There the
level is one number; here it may depend on x. A loss of the level alone, such as a hinge loss without negative samples,
would be 0 for a constant network, since biases are free.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vvnorm._internal.words import count
from vvnorm.float64 import without_mask
from vvnorm.tolerances import LABEL_ROUNDING, LAST_DIGITS, STRAIGHTENING
from vvnorm.validation import Array, as_weights, counted_entries

NAMES: Final = ("squared", "logistic", "hinge", "huber", "one_class")
SQUARED, LOGISTIC, HINGE, HUBER, ONE_CLASS = range(5)
_DEFAULTS = {"huber": 1.0, "one_class": 0.1}
_POWERS = {"squared": 2, "huber": 2, "one_class": 1, "logistic": 0, "hinge": 0}
NARROWEST: Final = 1e-12
"""Part of the spread of labels below which misfits are rounding to a solver that follows the function exactly."""

DIVERGING: Final = 1e-9 * math.log(2)
"""Mean logistic loss below which classes count as separated: margins of about 21, probabilities 0 or 1 to nine digits."""


class LossFormulas(ABC):
    """The formulas of one loss, entry by entry: fitted values u and labels y are arrays of one shape; no label is missing.

    Attributes
    ----------
    parameter : float
        delta of Huber's loss, nu of the one-class loss; 0 for other losses.
    """

    def __init__(self, parameter: float) -> None:
        self.parameter = parameter

    @abstractmethod
    def value(self, u: Array, y: Array) -> Array:
        """Return loss(u, y)."""

    @abstractmethod
    def neg_gradient(self, u: Array, y: Array) -> Array:
        """Return -loss'(u, y), the derivative being in u; at a corner the middle of its subdifferential."""

    @abstractmethod
    def curvature(self, u: Array, y: Array) -> Array:
        """Return the second derivative in u where there is one; at a corner 0."""

    @abstractmethod
    def domain(self, y: Array) -> tuple[Array, Array]:
        """Return the least and the largest -loss'(u, y) over all u: outside, the conjugate is infinite."""

    @abstractmethod
    def neg_conjugate(self, r: Array, y: Array) -> Array:
        """Return -loss*(-r), which is min over u of loss(u, y) + r u, for r in the domain."""


class Squared(LossFormulas):
    """(u - y)^2 / 2."""

    def value(self, u: Array, y: Array) -> Array:
        """Return loss(u, y)."""
        values: Array = (u - y) ** 2 / 2
        return values

    def neg_gradient(self, u: Array, y: Array) -> Array:
        """Return -loss'(u, y)."""
        return y - u

    def curvature(self, u: Array, y: Array) -> Array:
        """Return loss''(u, y)."""
        del y
        return np.ones_like(u)

    def domain(self, y: Array) -> tuple[Array, Array]:
        """Return the least and the largest -loss'(u, y)."""
        return np.full_like(y, -math.inf), np.full_like(y, math.inf)

    def neg_conjugate(self, r: Array, y: Array) -> Array:
        """Return min over u of loss(u, y) + r u."""
        return r * y - r * r / 2


class Huber(Squared):
    """(u - y)^2 / 2 up to |u - y| = delta, linear beyond."""

    def value(self, u: Array, y: Array) -> Array:
        """Return loss(u, y)."""
        off = np.abs(u - y)
        near = np.minimum(off, self.parameter)
        values: Array = near * (off - near / 2)
        return values

    def neg_gradient(self, u: Array, y: Array) -> Array:
        """Return -loss'(u, y)."""
        return np.clip(y - u, -self.parameter, self.parameter)

    def curvature(self, u: Array, y: Array) -> Array:
        """Return loss''(u, y)."""
        return np.where(np.abs(u - y) <= self.parameter, 1.0, 0.0)

    def domain(self, y: Array) -> tuple[Array, Array]:
        """Return the least and the largest -loss'(u, y)."""
        return np.full_like(y, -self.parameter), np.full_like(y, self.parameter)


class Logistic(LossFormulas):
    """log(1 + exp(u)) - y u for labels 0 and 1."""

    def value(self, u: Array, y: Array) -> Array:
        """Return loss(u, y)."""
        return np.logaddexp(0.0, np.where(y > 0, -u, u))  # log(1 + exp(u)) - y u cancels where the class is right

    def neg_gradient(self, u: Array, y: Array) -> Array:
        """Return -loss'(u, y)."""
        from scipy.special import expit

        return np.asarray(y * expit(-u) - (1 - y) * expit(u))  # y - expit(u) cancels where the class is right

    def curvature(self, u: Array, y: Array) -> Array:
        """Return loss''(u, y)."""
        from scipy.special import expit

        del y
        return np.asarray(expit(u) * expit(-u))

    def domain(self, y: Array) -> tuple[Array, Array]:
        """Return the least and the largest -loss'(u, y)."""
        return y - 1, y

    def neg_conjugate(self, r: Array, y: Array) -> Array:
        """Return min over u of loss(u, y) + r u. It is the entropy of a Bernoulli variable with probability y - r."""
        from scipy.special import entr

        p = np.clip(y - r, 0.0, 1.0)
        return np.asarray(entr(p) + entr(1 - p))


class Hinge(LossFormulas):
    """max(0, 1 - y u) for labels -1 and 1."""

    def value(self, u: Array, y: Array) -> Array:
        """Return loss(u, y)."""
        return np.maximum(0.0, 1.0 - y * u)

    def neg_gradient(self, u: Array, y: Array) -> Array:
        """Return -loss'(u, y)."""
        slopes: Array = y * (1 + np.sign(1 - y * u)) / 2
        return slopes

    def curvature(self, u: Array, y: Array) -> Array:
        """Return loss''(u, y)."""
        del y
        return np.zeros_like(u)

    def domain(self, y: Array) -> tuple[Array, Array]:
        """Return the least and the largest -loss'(u, y)."""
        return np.minimum(y, 0.0), np.maximum(y, 0.0)

    def neg_conjugate(self, r: Array, y: Array) -> Array:
        """Return min over u of loss(u, y) + r u."""
        return r * y  # |y| = 1


class OneClass(LossFormulas):
    """max(nu (y - u), (1 - nu) (u - y))."""

    def value(self, u: Array, y: Array) -> Array:
        """Return loss(u, y)."""
        return np.maximum(self.parameter * (y - u), (1 - self.parameter) * (u - y))

    def neg_gradient(self, u: Array, y: Array) -> Array:
        """Return -loss'(u, y)."""
        slopes: Array = self.parameter - (1 - np.sign(y - u)) / 2
        return slopes

    def curvature(self, u: Array, y: Array) -> Array:
        """Return loss''(u, y)."""
        del y
        return np.zeros_like(u)

    def domain(self, y: Array) -> tuple[Array, Array]:
        """Return the least and the largest -loss'(u, y)."""
        return np.full_like(y, self.parameter - 1), np.full_like(y, self.parameter)

    def neg_conjugate(self, r: Array, y: Array) -> Array:
        """Return min over u of loss(u, y) + r u."""
        return r * y


_FORMULAS: Final[dict[str, type[LossFormulas]]] = {
    "squared": Squared,
    "logistic": Logistic,
    "hinge": Hinge,
    "huber": Huber,
    "one_class": OneClass,
}


@dataclass(frozen=True)
class Loss:
    """A loss, by name, with its parameter.

    Attributes
    ----------
    name : str
        One of `NAMES`.
    parameter : float
        delta > 0 of `huber`, in label units (1 by default); nu in (0, 1] of `one_class` (0.1 by default); 0 for others.

    Examples
    --------
    >>> import vvnorm
    >>> vvnorm.Loss("huber", 0.5)
    Loss(name='huber', parameter=0.5)
    >>> vvnorm.fit([0, 1, 2], [0, 9, 0], lam=0.1, loss="huber:0.5").losses
    (Loss(name='huber', parameter=0.5),)
    """

    name: str
    parameter: float = math.nan

    def __post_init__(self) -> None:
        if self.name not in NAMES:
            raise ValueError(f"loss {self.name!r} is unknown; there are {', '.join(NAMES)}")
        default = _DEFAULTS.get(self.name)
        value = self.parameter
        if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
            raise TypeError(f"the parameter of loss {self.name!r} must be a number, got {value!r}")
        if default is None:
            if not (math.isnan(value) or value == 0):
                raise ValueError(f"loss {self.name!r} has no parameter, got {value!r}")
            value = 0.0
        elif math.isnan(value):
            value = default
        if self.name == "huber" and not 0 < value < math.inf:
            raise ValueError(f"delta of loss 'huber' must be a positive finite number, got {value!r}")
        if self.name == "one_class" and not 0 < value <= 1:
            raise ValueError(f"nu of loss 'one_class' must lie in (0, 1], got {value!r}")
        object.__setattr__(self, "parameter", float(value))

    @property
    def code(self) -> int:
        """Place of the name in `NAMES`, for compiled code."""
        return NAMES.index(self.name)

    def __str__(self) -> str:
        return f"{self.name}:{self.parameter:g}" if self.name in _DEFAULTS else self.name

    @cached_property
    def formulas(self) -> LossFormulas:
        """Value, derivatives, conjugate and its domain."""
        return _FORMULAS[self.name](self.parameter)

    def value(self, u: Array, y: Array) -> Array:
        """Evaluate the loss entry by entry, labels canonical; 0 where y is NaN or masked."""
        u, y = without_mask(u, "u"), without_mask(y, "y", allow_missing=True)
        with np.errstate(invalid="ignore", over="ignore"):
            values = self.formulas.value(u, y)
        return np.where(np.isnan(y), 0.0, values)

    def largest_within(self, distance: float) -> float:
        """Return the largest loss at this distance from a label; 0 for losses of classes, whose labels have no rounding."""
        if self.name in ("logistic", "hinge"):
            return 0.0
        return float(np.max(self.value(np.array([distance, -distance]), np.zeros(2))))


def as_loss(loss: str | Loss) -> Loss:
    """Read a loss: a `Loss`, a name, or name:parameter such as `huber:0.5`.

    Raises
    ------
    TypeError, ValueError
        For anything else, naming it.
    """
    if isinstance(loss, Loss):
        return loss
    if not isinstance(loss, str):
        raise TypeError(f"loss must be a name or a vvnorm.losses.Loss, got {loss!r}")
    name, colon, text = loss.partition(":")
    name = name.strip().replace("-", "_")
    if not colon:
        return Loss(name)
    try:
        parameter = float(text)
    except ValueError:
        raise ValueError(f"loss {loss!r}: {text!r} is not a number") from None
    if math.isnan(parameter):
        raise ValueError(f"loss {loss!r}: its parameter is NaN")
    return Loss(name, parameter)


LossLike = str | Loss | Sequence[str | Loss]
"""A loss for all outputs, or one for each."""


def as_losses(loss: LossLike, outputs: int) -> tuple[Loss, ...]:
    """Read one loss for all outputs, or a sequence with one for each; a tuple of length `outputs`."""
    return tuple(as_loss(name_or_loss) for name_or_loss in loss_by_output(loss, outputs))


def loss_by_output(loss: LossLike, outputs: int) -> list[str | Loss]:
    """Return the loss of each output as it was given; names are not read yet."""
    if isinstance(loss, str | Loss):
        return [loss] * outputs
    if not isinstance(loss, Sequence):
        raise TypeError(f"loss must be a name, a Loss, or a sequence with one per output, got {loss!r}")
    if len(loss) != outputs:
        raise ValueError(f"loss has {count(len(loss), 'entry', 'entries')}, but Y has {count(outputs, 'output')}")
    return list(loss)


def label_power(losses: Sequence[Loss]) -> int:
    """Return the power of the labels' unit in which losses are measured, 2 or 1; 0 for classes, or if losses differ."""
    powers = {_POWERS[loss.name] for loss in losses}
    return powers.pop() if len(powers) == 1 else 0


def solvable(
    losses: Sequence[Loss], Y: Array, weights: Array | None, narrowest: float = NARROWEST
) -> tuple[tuple[Loss, ...], Array | None]:
    """Return losses and weights that have the same best fits and are accurate in float64 for a very large or small delta.

    *Large delta.* With squared losses, the loss of an output of a best fit is at most the loss B of the best constant,
    which has no VV norm. So no misfit exceeds sqrt(2 B / weight). If this is at most delta, Huber's loss has the same
    value and derivative at the fit, which is therefore best for Huber's loss, too.

    *Small delta.* Huber's loss is delta times the absolute loss, except for misfits up to delta. These are rounding if
    delta is below `narrowest` times half the range of the labels. A larger delta below that bound, with a smaller weight,
    is equivalent.

    Parameters
    ----------
    losses : sequence of T losses
    Y : (N, T) array
        Labels; NaN = missing.
    weights : (N, T) or (N, 1) array, or None
        Not negative.
    narrowest : float
        As above.
    """
    solved, factors = list(losses), np.ones(len(losses))
    for t, loss in enumerate(losses):
        if loss.name == "huber":
            half, most = _misfits(Y, weights, t)
            if most <= loss.parameter:
                solved[t] = Loss("squared")
            elif loss.parameter < narrowest * half:
                solved[t], factors[t] = Loss("huber", narrowest * half), loss.parameter / (narrowest * half)
    if np.all(factors == 1):
        return tuple(solved), weights
    shares = np.ones((len(Y), 1)) if weights is None else weights
    product = factors * shares
    for loss, vanish in zip(losses, np.any((product == 0) & (shares > 0), axis=0), strict=True):
        if vanish:
            delta = loss.parameter
            raise ValueError(f"delta = {delta!r} of loss 'huber' is too far from the scale of Y and weights for float64")
    return tuple(solved), product


def _misfits(Y: Array, weights: Array | None, t: int) -> tuple[float, float]:
    """Return half the range of an output's labels, and an upper bound on misfits of best fits with squared losses."""
    counts = ~np.isnan(Y[:, t])
    if weights is not None:
        column = weights[:, min(t, weights.shape[1] - 1)]
        counts &= column > 0
    y = Y[counts, t]
    half = float(y.max()) / 2 - float(y.min()) / 2 if len(y) else 0.0
    if half == 0 or not math.isfinite(half):
        return half, half
    omega = np.ones(1) if weights is None else column[counts] / column[counts].max()
    with np.errstate(over="ignore", divide="ignore", under="ignore"):
        off = (y - (float(y.max()) / 2 + float(y.min()) / 2)) / half
        best = float(np.sum(omega * off * off)) / 2  # the middle of the range in place of the best constant
        return half, half * float(np.sqrt(2 * best / omega.min())) * (1 + 1e-9)


def neg_gradients(losses: Sequence[Loss], U: Array, Y: Array, weights: Array | None) -> Array:
    """Return dual values (N, T), weight * -loss'(U, Y), of fitted values U, (N, T) or (1, T); 0 where a label is NaN."""
    slopes = [loss.formulas.neg_gradient(u, y) for loss, u, y in zip(losses, U.T, Y.T, strict=True)]
    return np.where(np.isnan(Y), 0.0, (1.0 if weights is None else weights) * np.column_stack(slopes))


def label_rounding(low: Array, high: Array) -> Array:
    """Return the assumed rounding error of the labels of each output, from their range `low` to `high`; shape (T,).

    It is `LABEL_ROUNDING` of their size. Labels whose range is small beside their size must be more accurate, since they
    differ: `STRAIGHTENING` of half their range or `LAST_DIGITS` of their size, whichever is larger, is then the bound.
    """
    size = np.maximum(np.abs(low), np.abs(high))
    known = np.maximum(STRAIGHTENING * (high / 2 - low / 2), LAST_DIGITS * size)
    off: Array = np.minimum(LABEL_ROUNDING * size, known)
    return off


def label_units(low: Array, high: Array) -> Array:
    """Return the unit of misfits of each output, (T,): half the range of its labels, `low` to `high`.

    For an output with equal labels it is their size, or half the largest range of the other outputs if this is smaller or
    the labels are 0. So the unit is 0 if the labels of every output are equal.
    """
    half = high / 2 - low / 2
    largest = float(half.max())
    size = np.where(low == 0, largest, np.minimum(np.abs(low), largest))
    return np.where(half > 0, half, size)


def rounding_losses(losses: Sequence[Loss], low: Array, high: Array, total: Array) -> Array:
    """Bound the sum of losses that rounding of the labels causes, for each output; shape (T,).

    For squared losses this is about 1e-29 of the sum of squared labels; other outputs' labels do not matter.

    Parameters
    ----------
    losses : sequence of T losses
    low, high : (T,) arrays
        Range of the labels with a weight.
    total : (T,) array
        Sum of their weights.
    """
    off = label_rounding(low, high).tolist()
    return total * np.array([loss.largest_within(distance) for loss, distance in zip(losses, off, strict=True)])


def is_rounding(losses: Sequence[Loss], Y: Array, weights: Array | None, lost: Array) -> bool:
    """Whether losses `lost` (T,) of labels Y (N, T) are at most their rounding; NaN = missing, weights as for fits."""
    shares = np.where(np.isnan(Y), 0.0, 1.0 if weights is None else weights)
    counts = np.where(shares > 0, Y, np.nan)
    ends = np.nanmin(counts, axis=0), np.nanmax(counts, axis=0)
    return bool(np.all(lost <= rounding_losses(losses, *ends, shares.sum(axis=0))))


def fit_labels(Y: Array, loss: LossLike, weights: ArrayLike | None) -> tuple[Array, Array | None, tuple[Loss, ...]]:
    """Return labels as the losses need them, the weights, and the loss of each output.

    Parameters
    ----------
    Y : (N, T) array
        Labels; NaN = missing.
    loss : str, Loss, or sequence of T
    weights : array-like or None

    Returns
    -------
    labels : (N, T) array
        As of `canonical_labels`; NaN where the weight is 0.
    weights : (N, 1) or (N, T) array, or None
        0 where the label is missing.
    losses : tuple of T Loss

    Raises
    ------
    ValueError
        For an unknown loss, wrong weights or unknown classes.
    """
    losses = as_losses(loss, Y.shape[1])
    labels, shares = counted_entries(Y, as_weights(weights, Y.shape))
    return canonical_labels(labels, losses), shares, losses


def canonical_labels(Y: Array, losses: Sequence[Loss]) -> Array:
    """Code labels as the losses need them: classes as 0 and 1 for `logistic`, as -1 and 1 for `hinge`.

    Parameters
    ----------
    Y : (N, T) array
        Labels; NaN = missing.
    losses : sequence of T losses

    Returns
    -------
    (N, T) array : Y itself if nothing changes.

    Raises
    ------
    ValueError
        If classes are neither {0, 1} nor {-1, 1}; the message names output and label.
    """
    Y = without_mask(Y, "Y", allow_missing=True)
    result = Y
    for t, loss in enumerate(losses):
        if loss.name not in ("logistic", "hinge"):
            continue
        column = Y[:, t]
        positive, low = column == 1, _negative_class(column, t, loss.name)
        wanted = 0.0 if loss.name == "logistic" else -1.0
        if low not in (None, wanted):
            result = result.copy() if result is Y else result
            result[:, t] = np.where(np.isnan(column), np.nan, np.where(positive, 1.0, wanted))
    return result


def _negative_class(column: NDArray[np.float64], t: int, name: str) -> float | None:
    """Return the label of the negative class, 0 or -1; None if there is no negative sample."""
    strange = ~(np.isnan(column) | (column == 1) | (column == 0) | (column == -1))
    if strange.any():
        bad = float(column[np.argmax(strange)])
        raise ValueError(f"Y: output {t} has the label {bad!r}; loss {name!r} takes classes 0 and 1, or -1 and 1")
    zero, minus = bool(np.any(column == 0)), bool(np.any(column == -1))
    if zero and minus:
        raise ValueError(f"Y: output {t} has labels -1 and 0; loss {name!r} takes classes 0 and 1, or -1 and 1")
    return 0.0 if zero else (-1.0 if minus else None)


def all_separated(losses: Sequence[Loss], fitted: Array, labels: Array) -> bool:
    """Whether all losses are logistic and f separates all classes, so that the loss of its multiples tends to 0.

    Parameters
    ----------
    losses : sequence of T Loss
    fitted, labels : (N, T) arrays
        Labels are canonical; NaN = missing.
    """
    right = np.where(labels > 0, fitted > 0, fitted < 0) | np.isnan(labels)
    return all(loss.name == "logistic" for loss in losses) and bool(right.all())


def separation_notes(losses: Sequence[Loss], fitted: Array, labels: Array, counted: NDArray[Any]) -> list[str]:
    """List outputs whose classes are so well separated that fitted values diverge as lam falls.

    Parameters
    ----------
    losses : sequence of T Loss
    fitted, labels : (N, T) arrays
        Labels are canonical; NaN = missing.
    counted : (N, T) array
        Not 0 where a label counts.
    """
    return [
        f"output {t} separates its classes: its fitted values diverge as lam falls, here to 21 and more"
        for t, loss in enumerate(losses)
        if loss.name == "logistic"
        and np.sum(loss.value(fitted[:, t], labels[:, t])) < DIVERGING * np.count_nonzero(counted[:, t])
    ]
