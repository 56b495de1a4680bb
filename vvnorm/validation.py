"""Checks of arguments: what callers pass, as arrays and numbers that are good, or an error that names what is not.

Everything that enters the toolkit passes through `as_inputs` and `as_labels`: a bad value is named once, where it enters.
Labels may be missing (NaN) only where the caller says so. Labels that differ at one input are found and merged here, too.
"""

import math
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vvnorm._internal.words import count
from vvnorm.float64 import Array, as_float64

Repeats = Literal["error", "average", "first"]

_FEW = 10_000  # entries of which one product more costs less than to tell NumPy what to ignore
_LOOKED_AT = 16  # rows from which the level of labels is taken
_REPEATS = ("error", "average", "first")


def as_inputs(X: ArrayLike, name: str = "X") -> Array:
    """Validate inputs and return them as an (N, d) float64 array.

    Parameters
    ----------
    X : array-like, shape (N,) for one feature or (N, d)
        Finite real numbers of any numeric type, none masked.
    name : str
        How errors call the argument.

    Raises
    ------
    TypeError
        If the entries are not real numbers (dates are none).
    ValueError
        If the array is empty, has the wrong number of dimensions, holds NaN or infinity or what float64 cannot hold
        (`vvnorm.validation`), or is masked.
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
        How errors call the argument.
    allow_missing : bool
        Whether NaN and masks are allowed.

    Raises
    ------
    TypeError
        If the entries are not real numbers.
    ValueError
        If shapes disagree, the array is empty, or it holds infinity or what float64 cannot hold (or NaN, or an output
        without any label).
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


def is_empty(X: ArrayLike) -> bool:
    """Whether X is a list without entries or an array without rows, which evaluation takes for no points."""
    return len(X) == 0 if isinstance(X, list | tuple) else np.shape(X)[:1] == (0,)


def as_matrix(values: ArrayLike, name: str, *, allow_missing: bool = False, distinct: bool = False) -> Array:
    """Read a matrix that is not empty, a vector as its one column; entries may still be infinite."""
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
    """Level of each output of labels (N, T), shape (T,): what should be taken off before anything is added up.

    It is the smallest of a few labels, in magnitude, where these differ by less than that, and 0 elsewhere. Labels that all
    lie as far from 0 lose nothing when it is taken off; for solvers, which no proof relies on. NaN = missing.
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


def as_generator(rng: np.random.Generator | int | None, name: str = "rng") -> np.random.Generator:
    """Turn a seed into a generator; a generator passes through. None is refused: randomness is always stated."""
    if isinstance(rng, np.random.Generator):
        return rng
    if isinstance(rng, int | np.integer) and not isinstance(rng, bool) and rng >= 0:
        return np.random.default_rng(int(rng))
    raise TypeError(f"{name} must be a numpy.random.Generator or a non-negative integer seed, got {rng!r}")


def as_count(value: int, name: str, minimum: int = 0) -> int:
    """Validate a whole number that is at least `minimum`."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise TypeError(f"{name} must be a whole number, got {value!r}")
    if value < minimum:
        raise ValueError(f"{name} must be at least {minimum}, got {value}")
    return int(value)


def as_positive(lam: float, name: str = "lam") -> float:
    """Validate a strength of regularisation: a positive finite number."""
    if isinstance(lam, bool) or not isinstance(lam, int | float | np.integer | np.floating):
        raise TypeError(f"{name} must be a number, got {lam!r}")
    if not 0 < lam < math.inf:
        raise ValueError(f"{name} must be a positive finite number, got {lam!r}")
    return float(lam)


def as_weights(weights: ArrayLike | None, shape: tuple[int, int], name: str = "weights") -> Array | None:
    """Validate weights of samples or of entries.

    Parameters
    ----------
    weights : array-like, shape (N,), (N, 1) or (N, T), or None
        Finite and not negative; None stands for 1 everywhere.
    shape : (N, T)
        Shape of the labels.
    name : str
        How errors call the argument.

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
    values = as_matrix(weights, name)
    if values.shape not in (shape, (shape[0], 1)):
        raise ValueError(f"{name} has shape {values.shape}; labels of shape {shape} need {shape[:1]} or {shape}")
    _reject_nonfinite(values, name, allow_nan=False)
    if values.min() < 0:
        row, column = np.unravel_index(int(np.argmin(values)), values.shape)
        raise ValueError(f"{name} holds {values[row, column]} at row {row}, column {column}; it must not be negative")
    for t in np.flatnonzero(values.max(axis=0) == 0):
        raise ValueError(f"{name} are all 0" + (f" for output {t}" if values.shape[1] > 1 else ""))
    return values


def as_tolerance(tol: float, name: str = "tol") -> float:
    """Validate a relative tolerance: a number between 0 and 1."""
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
        What becomes of labels that differ at one input: refuse, take their mean, or keep the one that comes first in
        the caller's order. Equal labels are merged under every policy, and a missing label gives way to a present one.

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
    """Labels that differ at one input; `fact` says which, without what to do about it in Python."""

    def __init__(self, fact: str) -> None:
        super().__init__(fact)
        self.fact = fact

    @classmethod
    def at(cls, point: Array, low: float, high: float, output: int) -> "RepeatedInput":
        """An input (d,), and two labels that one of its outputs has."""
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
