"""Checks of arguments: each returns a valid array or number, or raises an error that names the argument and the value.

All data pass through `as_inputs` and `as_labels`. Labels may be missing (NaN) only where the caller allows it. This module
also detects and merges different labels at one input.
"""

import math
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vvnorm._internal.words import count
from vvnorm.float64 import Array, as_float64

Repeats = Literal["error", "average", "first"]

_FEW = 10_000  # entries up to which a dot product is cheaper than np.errstate
_LOOKED_AT = 16  # rows that determine the level of labels
_REPEATS = ("error", "average", "first")


def as_inputs(X: ArrayLike, name: str = "X") -> Array:
    """Validate inputs and return them as an (N, d) float64 array.

    Parameters
    ----------
    X : array-like, shape (N,) for one feature or (N, d)
        Finite real numbers of any numeric type, none masked.
    name : str
        Name of the argument in errors.

    Raises
    ------
    TypeError
        If the entries are not real numbers; dates are not.
    ValueError
        If the array is empty, has the wrong number of dimensions, is masked, or holds NaN, infinity or a number that
        float64 cannot represent (`vvnorm.float64`).
    """
    values = as_matrix(X, name, distinct=True)
    if values.shape[1] == 0:
        raise ValueError(f"{name} has no columns (shape {values.shape})")
    _reject_nonfinite(values, name, allow_nan=False)
    return values


def as_labels(Y: ArrayLike, n: int | None = None, name: str = "Y", *, allow_missing: bool = False) -> Array:
    """Validate labels and return them as an (N, T) float64 array.

    Parameters
    ----------
    Y : array-like, shape (N,) for one output or (N, T)
        Labels, in the caller's units. NaN or a mask marks a missing label where `allow_missing` says so.
    n : int, optional
        The number of rows that the inputs have.
    name : str
        Name of the argument in errors.
    allow_missing : bool
        Whether NaN and masks are allowed.

    Raises
    ------
    TypeError
        If the entries are not real numbers.
    ValueError
        If shapes disagree, the array is empty, it holds infinity or a number that float64 cannot represent, an output has
        no label at all, or labels are missing that must not be.
    """
    values = as_matrix(Y, name, allow_missing=allow_missing)
    if values.shape[1] == 0:
        raise ValueError(f"{name} has no outputs (shape {values.shape})")
    if n is not None and len(values) != n:
        raise ValueError(f"{name} has {count(len(values), 'row')} but there are {count(n, 'input')}")
    if not _reject_nonfinite(values, name, allow_nan=allow_missing):
        for t in range(values.shape[1]):
            if np.isnan(values[:, t]).all():
                raise ValueError(f"{name}: output {t} has no label at all (every entry is NaN)")
    return values


def column_names(table: Any) -> tuple[str, ...]:
    """Return the names of a data frame's columns, or of a series; empty for arrays and lists, and for numbered columns."""
    names = getattr(table, "columns", None)
    if names is None:
        name = getattr(table, "name", None)  # files have a name, too, but no values
        names = [name] if hasattr(table, "__array__") else []
    return tuple(names) if len(names) and all(isinstance(name, str) for name in names) else ()


def as_points(X: ArrayLike, n_inputs: int, owner: str, name: str = "X") -> Array:
    """Validate points, (n, d) or (n,) when d = 1, at which a function of `n_inputs` inputs is evaluated; shape (n, d).

    Raises
    ------
    TypeError, ValueError
        As `as_inputs`; if the number of columns is wrong. `owner` is the function in the message, such as "the network".
    """
    points = as_inputs(X, name)
    if points.shape[1] != n_inputs:
        raise ValueError(f"{name} has {count(points.shape[1], 'column')}; {owner} has {count(n_inputs, 'input')}")
    return points


def is_empty(X: ArrayLike) -> bool:
    """Whether X is a list without entries or an array without rows: no points, for evaluation."""
    return len(X) == 0 if isinstance(X, list | tuple) else np.shape(X)[:1] == (0,)


def as_matrix(values: ArrayLike, name: str, *, allow_missing: bool = False, distinct: bool = False) -> Array:
    """Read a non-empty matrix, or a vector as one column; entries may still be infinite."""
    matrix = as_float64(values, name, allow_missing=allow_missing, distinct=distinct)
    if matrix.ndim == 1:
        matrix = matrix[:, None]
    if matrix.ndim != 2:
        raise ValueError(f"{name} must have 1 or 2 dimensions, got shape {matrix.shape}")
    if len(matrix) == 0:
        raise ValueError(f"{name} is empty (shape {matrix.shape})")
    return matrix


def _reject_nonfinite(values: Array, name: str, *, allow_nan: bool) -> bool:
    """Raise for infinity, and for NaN unless it is allowed; return whether one sum shows that all entries are finite."""
    if values.size <= _FEW and math.isfinite(np.vdot(values, values)):  # it never warns, and costs little
        return True
    with np.errstate(over="ignore", invalid="ignore"):
        if math.isfinite(values.sum()):  # one pass and no temporary of the size of the data
            return True
    bad = np.isinf(values) if allow_nan else ~np.isfinite(values)
    if bad.any():
        row, column = np.argwhere(bad)[0]
        raise ValueError(f"{name} holds {values[row, column]} at row {row}, column {column}; it must be finite")
    return False


def require_two_points(X: Array, needed_by: str) -> None:
    """Refuse validated inputs (N, d) that are all equal: every affine function through them costs nothing.

    Raises
    ------
    ValueError
        `needed_by` ends its sentence: it "needs two or more".
    """
    if np.all(X[0] == X):
        only = f"value ({float(X[0, 0])!r})" if X.shape[1] == 1 else f"point {tuple(X[0].tolist())}"
        raise ValueError(f"X has 1 distinct {only}; {needed_by} needs two or more")


def as_lams(lams: Any) -> list[float]:
    """Validate several strengths of regularisation, at least one."""
    checked = [as_positive(lam) for lam in lams]
    if not checked:
        raise ValueError(f"lams must hold at least one lam, got {lams!r}")
    return checked


def has_missing(Y: Array) -> bool:
    """Whether a validated label array has a missing (NaN) entry."""
    with np.errstate(over="ignore", invalid="ignore"):
        return math.isnan(Y.sum()) and bool(np.isnan(Y).any())


def levels(Y: Array) -> Array:
    """Return a constant for each output of labels (N, T), shape (T,), that solvers subtract before they sum labels.

    Of some rows it takes the label smallest in magnitude if these labels differ by less than its size, and else 0. Labels
    that are all that far from 0 lose no digits in the subtraction. No proof relies on it. NaN = missing.
    """
    rows = np.unique(np.linspace(0, len(Y) - 1, _LOOKED_AT).astype(np.int64))
    some = np.where(np.isfinite(Y[rows]), Y[rows], np.nan)
    levels_of_outputs = np.zeros(Y.shape[1])
    for t, column in enumerate(some.T):
        present = column[~np.isnan(column)]
        if len(present):
            least = present[np.argmin(np.abs(present))]
            if present.max() / 2 - present.min() / 2 < abs(least) / 2:
                levels_of_outputs[t] = least
    return levels_of_outputs


def as_generator(rng: np.random.Generator | int | None) -> np.random.Generator:
    """Turn a seed into a generator; a generator passes through. None is refused: randomness is always stated."""
    if isinstance(rng, np.random.Generator):
        return rng
    if isinstance(rng, int | np.integer) and not isinstance(rng, bool) and rng >= 0:
        return np.random.default_rng(int(rng))
    raise TypeError(f"rng must be a numpy.random.Generator or a non-negative integer seed, got {rng!r}")


def as_count(value: int, name: str, minimum: int = 0) -> int:
    """Validate a whole number that is at least `minimum`."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise TypeError(f"{name} must be a whole number, got {value!r}")
    if value < minimum:
        raise ValueError(f"{name} must be at least {minimum}, got {value}")
    return int(value)


def as_positive(value: float, name: str = "lam") -> float:
    """Validate a positive finite number, such as a strength of regularisation."""
    number = as_number(value, name)
    if not 0 < number < math.inf:
        raise ValueError(f"{name} must be a positive finite number, got {value!r}")
    return number


def as_non_negative(value: float, name: str) -> float:
    """Validate a non-negative finite number."""
    number = as_number(value, name)
    if not 0 <= number < math.inf:
        raise ValueError(f"{name} must be a non-negative finite number, got {value!r}")
    return number


def as_number(value: float, name: str) -> float:
    """Validate a number of Python or NumPy; NaN and infinity are numbers here, bool is not."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise TypeError(f"{name} must be a number, got {value!r}")
    return float(value)


def as_weights(weights: ArrayLike | None, shape: tuple[int, int]) -> Array | None:
    """Validate weights of samples or of entries.

    Parameters
    ----------
    weights : array-like, shape (N,), (N, 1) or (N, T), or None
        Finite and not negative; None stands for 1 everywhere.
    shape : (N, T)
        Shape of the labels.

    Returns
    -------
    (N, 1) or (N, T) array, or None.

    Raises
    ------
    TypeError, ValueError
        If shapes disagree, an entry is negative or not a finite number, or all weights of an output are 0.
    """
    if weights is None:
        return None
    values = as_matrix(weights, "weights")
    if values.shape not in (shape, (shape[0], 1)):
        raise ValueError(f"weights has shape {values.shape}; labels of shape {shape} need {shape[:1]} or {shape}")
    _reject_nonfinite(values, "weights", allow_nan=False)
    if values.min() < 0:
        row, column = np.unravel_index(int(np.argmin(values)), values.shape)
        raise ValueError(f"weights holds {values[row, column]} at row {row}, column {column}; it must not be negative")
    for t in np.flatnonzero(values.max(axis=0) == 0):
        raise ValueError("weights are all 0" + (f" for output {t}" if values.shape[1] > 1 else ""))
    return values


def counted_entries(Y: Array, weights: Array | None) -> tuple[Array, Array | None]:
    """Labels without those of weight 0, and weights without those of missing labels: units and levels ignore both.

    Parameters
    ----------
    Y : (N, T) array
        Labels; NaN = missing.
    weights : (N, 1) or (N, T) array, or None

    Returns
    -------
    labels : (N, T) array
        NaN where the weight is 0; Y itself where no weight is.
    weights : array of the given shape, or None
        0 where the label (for shape (N, 1): every label of the row) is missing.

    Raises
    ------
    ValueError
        If every label of an output has the weight 0.
    """
    if weights is None:
        return Y, None
    if not weights.all():
        Y = np.where(weights > 0, Y, np.nan)
    missing = np.isnan(Y)
    for t in np.flatnonzero(missing.all(axis=0)):
        raise ValueError(f"weights: every label of output {t} has weight 0")
    unused = missing if weights.shape == Y.shape else missing.all(axis=1, keepdims=True)
    return Y, np.where(unused, 0.0, weights) if unused.any() else weights


def as_tolerance(tol: float, name: str = "tol") -> float:
    """Validate a number between 0 and 1, such as a relative tolerance or a confidence level."""
    if not (isinstance(tol, int | float | np.floating) and 0 < tol < 1):
        raise ValueError(f"{name} must lie between 0 and 1, got {tol!r}")
    return float(tol)


def as_rounds(max_iter: int | None) -> int | None:
    """Validate a number of rounds, or None."""
    return None if max_iter is None else as_count(max_iter, "max_iter", 1)


# --- repeated inputs --------------------------------------------------------------------------------------------------


def sorted_univariate(X: ArrayLike, Y: ArrayLike, *, repeats: Repeats = "error") -> tuple[Array, Array]:
    """Sort one-feature data by its input and merge repeated inputs.

    Parameters
    ----------
    X : array-like, shape (N,) or (N, 1)
        Inputs.
    Y : array-like, shape (N,) or (N, T)
        Labels; NaN = missing.
    repeats : {"error", "average", "first"}
        Policy for labels that differ at one input: refuse them, take their mean, or keep the first in the caller's
        order. Equal labels are merged under every policy, and a present label replaces a missing one.

    Returns
    -------
    x : (M,) array
        Strictly increasing.
    Y : (M, T) array
        Labels in the same order. Always an own copy.

    Raises
    ------
    ValueError
        If there is more than one feature, or labels of one input differ under "error".
    """
    if repeats not in _REPEATS:
        raise ValueError(f"repeats must be one of {', '.join(_REPEATS)}, got {repeats!r}")
    inputs = as_inputs(X)
    if inputs.shape[1] != 1:
        raise ValueError(f"X has {count(inputs.shape[1], 'column')}; the univariate theory needs exactly one input feature")
    labels = as_labels(Y, len(inputs), allow_missing=True)
    x = inputs[:, 0]
    if bool(np.all(x[1:] > x[:-1])):
        return x.copy(), labels.copy()
    order = np.argsort(x, kind="stable")
    x, labels = x[order], labels[order]
    first = np.flatnonzero(np.concatenate(([True], x[1:] > x[:-1])))
    if len(first) == len(x):
        return x, labels
    return x[first], _merge_groups(x[:, None], labels, first, repeats)


def merged_points(X: Array, labels: Array, repeats: Repeats) -> tuple[Array, Array]:
    """Distinct inputs (M, d) in the order in which they first come, and their labels; see `sorted_univariate`."""
    if repeats not in _REPEATS:
        raise ValueError(f"repeats must be one of {', '.join(_REPEATS)}, got {repeats!r}")
    points, place = np.unique(X, axis=0, return_inverse=True)
    order = np.argsort(place.reshape(-1), kind="stable")
    first = np.searchsorted(place.reshape(-1)[order], np.arange(len(points)))
    merged = _merge_groups(X[order], labels[order], first, repeats)
    arrival = np.argsort(order[first])
    return X[order[first]][arrival], merged[arrival]


def refuse_conflicts(X: Array, labels: Array) -> None:
    """Refuse labels (N, T), NaN = missing, that differ at one and the same input of X (N, d).

    Raises
    ------
    RepeatedInput
        Naming the input, the output and two labels.
    """
    order = np.lexsort(X.T)
    x = X[order]
    first = np.flatnonzero(np.concatenate(([True], np.any(x[1:] != x[:-1], axis=1))))
    if len(first) < len(x):
        _merge_groups(x, labels[order], first, "error")


class RepeatedInput(ValueError):
    """Labels that differ at one input; `fact` states them, and the message adds advice for callers in Python."""

    def __init__(self, fact: str) -> None:
        super().__init__(fact)
        self.fact = fact

    @classmethod
    def at(cls, point: Array, low: float, high: float, output: int) -> "RepeatedInput":
        """Make the error for an input (d,) and two labels of one output."""
        place = point.tolist()
        where = f"the value {place[0]!r}" if len(place) == 1 else f"the point {tuple(place)}"
        return cls(f"X repeats {where} with different labels ({float(low)!r} and {float(high)!r} in output {output})")

    def __str__(self) -> str:
        return f"{self.fact}; merge them with Dataset(X, Y).merged('average'), or 'first', or use fit, which takes them all"


def _merge_groups(X: Array, labels: Array, first: NDArray[np.intp], repeats: Repeats) -> Array:
    """Merge the rows of each group; groups begin at the rows `first` of the sorted inputs (N, d)."""
    with np.errstate(invalid="ignore"):
        low = np.fmin.reduceat(labels, first, axis=0)
        high = np.fmax.reduceat(labels, first, axis=0)
    differ = np.argwhere(high > low)
    if not len(differ):
        return low
    if repeats == "error":
        group, output = differ[0]
        raise RepeatedInput.at(X[first[group]], low[group, output], high[group, output], int(output))
    ends = np.append(first[1:], len(X))
    merged = low.copy()
    for group in np.unique(differ[:, 0]):
        rows = labels[first[group] : ends[group]]
        for t in range(rows.shape[1]):
            present = rows[~np.isnan(rows[:, t]), t]
            if len(present):
                # The mean of the halves cannot overflow where the labels themselves do not.
                merged[group, t] = present[0] if repeats == "first" else float(np.sum(present / len(present)))
    return merged
