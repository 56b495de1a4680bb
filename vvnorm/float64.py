"""Conversion to float64 arrays that equal the caller's numbers exactly, or an error that names a number that would change.

*Masks.* Masked entries (`numpy.ma`) and pandas' `NA` are missing: NaN where labels may be missing, else an error.

*Digits.* An integer or a long double that float64 cannot represent is refused, since proofs are about the given numbers.
Decimals and fractions are rounded to the nearest float64, like literals in a program; different inputs must stay different.

*Dates* are refused in every type: VV norms and lam depend on the unit of the inputs, which the caller has to choose.
"""

import datetime
import sys
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class Rows(Protocol):
    """An (N, T) array, or an object that returns blocks of its rows when sliced."""

    shape: tuple[int, ...]

    def __getitem__(self, rows: slice, /) -> Array:
        """Rows of the array."""


EXACT = 2**53
"""float64 represents every integer up to this magnitude."""

_DATES = (datetime.date, datetime.time, datetime.timedelta, np.datetime64, np.timedelta64)
_HOW = "numbers in a unit of your choice, such as (t - t[0]) / np.timedelta64(1, 'D')"


def as_float64(values: Any, name: str, *, allow_missing: bool = False, distinct: bool = False) -> Array:
    """Read numbers of any type and shape; a float64 array without a mask is returned itself.

    Parameters
    ----------
    values : array-like
        Real numbers.
    name : str
        Name of the argument in errors.
    allow_missing : bool
        Whether masked entries become NaN. NaN, None and pandas' NA are NaN in any case.
    distinct : bool
        Whether different decimals and fractions must have different float64 numbers.

    Raises
    ------
    TypeError
        If an entry is not a real number.
    ValueError
        If the array is ragged, masked where nothing may be missing, or holds a number that float64 cannot represent.
    """
    if type(values) is np.ndarray and values.dtype == np.float64:
        return values
    entries, mask = _mask_apart(values)
    try:
        raw = np.asarray(entries)
        if raw.dtype == np.float64 and not isinstance(values, np.ndarray) and np.any(np.abs(raw) >= EXACT):
            raw = np.asarray(entries, dtype=object)  # integers among other numbers have been rounded
    except ValueError as error:
        raise ValueError(f"{name} is not a rectangular array: {error}") from None
    if mask is None:
        return _converted(raw, name, distinct)
    hidden = np.asarray(mask)
    if not allow_missing:
        raise ValueError(f"{name} is masked at {_place(np.argwhere(hidden)[0])}; only labels may be missing")
    raw = raw.copy()
    raw[hidden] = np.zeros((), raw.dtype)  # masked entries may hold anything
    numbers = np.array(_converted(raw, name, distinct))
    numbers[hidden] = np.nan
    return numbers


Origin = tuple[int, ...]
"""Integers that were subtracted from the columns of inputs."""


def shifted_integers(X: Any) -> tuple[Any, Origin | None]:
    """Subtract the least entry, exactly, from each column of integers that float64 cannot represent.

    Parameters
    ----------
    X : array-like, shape (N,) or (N, d)
        Inputs.

    Returns
    -------
    X : array-like
        The shifted integers. Other numbers, and integers that are too far apart, are returned unchanged.
    origin : tuple of int, or None
        The number subtracted from each column; None if none was.
    """
    if isinstance(X, np.ma.MaskedArray) or (isinstance(X, np.ndarray) and X.dtype.kind not in "iuO"):
        return X, None
    try:
        raw = np.asarray(X)
        if raw.dtype == np.float64 and np.any(np.abs(raw) >= EXACT):
            raw = np.asarray(X, dtype=object)
        if raw.dtype.kind not in "iuO" or raw.ndim not in (1, 2) or raw.size == 0 or _is_held(raw):
            return X, None
        whole = raw.astype(object)
        if any(isinstance(entry, bool) or not isinstance(entry, int | np.integer) for entry in whole.flat):
            return X, None
        columns = [[int(entry) for entry in column] for column in whole.reshape(len(whole), -1).T]
        least = tuple(0 if _is_held(np.array(column, dtype=object)) else min(column) for column in columns)
        pairs = zip(columns, least, strict=True)
        shifted = np.array([[entry - low for entry in column] for column, low in pairs], dtype=object).T
        return as_float64(shifted.reshape(raw.shape), "X"), least
    except (TypeError, ValueError):
        return X, None


def _is_held(raw: NDArray[Any]) -> bool:
    try:
        as_float64(raw, "X")
    except (TypeError, ValueError):
        return False
    return True


def counted_from(X: Any, origin: Origin | None) -> Any:
    """Return inputs minus an origin: exactly for integers, up to the rounding of the difference for other numbers.

    Parameters
    ----------
    X : array-like, shape (n,) or (n, d)
    origin : tuple of d int, or None
        None: nothing is subtracted.
    """
    if origin is None:
        return X
    raw = np.asarray(without_mask(X, "X"))
    if raw.ndim not in (1, 2) or (raw.shape[1] if raw.ndim == 2 else 1) != len(origin):
        return X  # the caller refuses this shape
    if raw.dtype == np.float64 and not isinstance(X, np.ndarray):
        raw = np.asarray(X, dtype=object)  # integers among other numbers
    if raw.dtype.kind == "f":
        high = np.array([float(offset) for offset in origin])
        low = np.array([float(offset - int(top)) for offset, top in zip(origin, high, strict=True)])
        return (raw.reshape(len(raw), -1).astype(np.float64) - high) - low
    columns = raw.reshape(len(raw), -1).astype(object)
    return np.array(
        [[_less(value, offset) for value, offset in zip(row, origin, strict=True)] for row in columns], dtype=object
    )


def _less(entry: Any, offset: int) -> Any:
    return int(entry) - offset if isinstance(entry, int | np.integer) else entry - offset


def check_held(values: Any, name: str) -> Any:
    """Check values and return them unchanged, for libraries that ignore masks, round integers and convert dates.

    Raises
    ------
    TypeError, ValueError
        For masked entries, integers that float64 cannot represent, and dates. The library checks everything else.
    """
    try:
        as_float64(values, name)
    except TypeError:
        raw = np.asarray(values)
        if raw.dtype.kind in "mM" or (raw.dtype.kind == "O" and any(isinstance(entry, _DATES) for entry in raw.flat)):
            raise
    return values


def without_mask(values: Any, name: str, *, allow_missing: bool = False) -> Any:
    """Replace masked entries by NaN, or refuse them; values without a masked entry are returned unchanged."""
    return values if _mask_apart(values)[1] is None else as_float64(values, name, allow_missing=allow_missing)


def _mask_apart(values: Any) -> tuple[Any, Any]:
    """Return the entries and their mask; None for no mask."""
    if isinstance(values, np.ma.MaskedArray):
        mask = np.ma.getmaskarray(values)
        return np.ma.getdata(values), mask if mask.any() else None
    if isinstance(values, list | tuple) and _holds_masked(values):
        entries, masks = _taken_apart(values)
        return entries, masks if np.any(np.asarray(masks)) else None
    return values, None


def _holds_masked(values: list[Any] | tuple[Any, ...]) -> bool:
    return any(
        isinstance(entry, np.ma.MaskedArray) or (isinstance(entry, list | tuple) and _holds_masked(entry))
        for entry in values
    )


def _taken_apart(values: Any) -> tuple[Any, Any]:
    """Return nested lists of the entries and of their masks."""
    if isinstance(values, np.ma.MaskedArray):
        return np.ma.getdata(values).tolist(), np.ma.getmaskarray(values).tolist()
    if isinstance(values, np.ndarray):
        return values.tolist(), np.zeros(values.shape, dtype=bool).tolist()
    if isinstance(values, list | tuple):
        pairs = [_taken_apart(entry) for entry in values]
        return [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    return values, False


def _converted(raw: NDArray[Any], name: str, distinct: bool) -> Array:
    if raw.dtype.kind == "O":
        return _from_objects(raw, name, distinct)
    if raw.dtype.kind in "mM":
        raise TypeError(f"{name} must hold real numbers, got dates of dtype {raw.dtype}; convert them to {_HOW}")
    if raw.dtype.kind not in "fiub":
        example = raw.flat[0] if raw.size else ""
        raise TypeError(f"{name} must hold real numbers, got dtype {raw.dtype} (first entry {example!r})")
    if raw.dtype == np.float64:
        return raw
    with np.errstate(over="ignore"):  # a long double beyond float64 becomes inf, which a later check refuses
        converted = raw.astype(np.float64)
    lost = _lost(raw, converted)
    if lost is not None and lost.any():
        place = np.argwhere(lost)[0]
        raise _too_long(raw[tuple(place)], converted[tuple(place)], name, place)
    return converted


def _lost(raw: NDArray[Any], converted: Array) -> NDArray[np.bool_] | None:
    """Whether each number changes in float64; None for types whose numbers never do."""
    if raw.dtype.kind == "f" and raw.dtype.itemsize > 8:
        lost: NDArray[np.bool_] = np.isfinite(converted) & (converted != raw)
        return lost
    if raw.dtype.kind in "iu" and raw.dtype.itemsize == 8:
        # abs(-2^63) overflows, but its bits are right as an unsigned integer.
        entries = np.atleast_1d(raw.astype(raw.dtype.newbyteorder("=")))  # NumPy warns where a single number wraps round
        size = np.abs(entries).view(np.uint64) if raw.dtype.kind == "i" else entries
        lowest = size & (~size + np.uint64(1))  # the lowest bit that is set
        return (size // np.maximum(lowest, 1) > EXACT).reshape(raw.shape)  # of more than 53 digits
    return None


def _from_objects(raw: NDArray[Any], name: str, distinct: bool) -> Array:
    """Read entries one by one: integers exactly, missing ones as NaN."""
    nothing = (None, np.ma.masked, getattr(sys.modules.get("pandas"), "NA", None))
    numbers = np.empty(raw.shape)
    rounded = False
    for place, entry in np.ndenumerate(raw):
        if any(entry is none for none in nothing):
            numbers[place] = np.nan
            continue
        numbers[place] = value = _number(entry, name, place)
        rounded = rounded or (np.isfinite(value) and bool(entry != value))
    if distinct and rounded:
        _refuse_merged(raw, numbers, name)
    return numbers


def _number(entry: Any, name: str, place: tuple[int, ...]) -> float:
    if isinstance(entry, _DATES):
        raise TypeError(f"{name} must hold real numbers, got {entry!r}; convert dates to {_HOW}")
    if isinstance(entry, str | bytes | complex | np.complexfloating):  # which float() or NumPy would read
        raise TypeError(f"{name} must hold real numbers, got {entry!r}")
    try:
        value = float(entry)
    except OverflowError:
        raise _too_long(entry, np.inf, name, place) from None
    except (TypeError, ValueError):
        raise TypeError(f"{name} must hold real numbers, got {entry!r}") from None
    whole = isinstance(entry, int | np.integer)
    if (whole and int(entry) != value) or (isinstance(entry, np.longdouble) and np.isfinite(value) and entry != value):
        raise _too_long(entry, value, name, place)
    return value


def _refuse_merged(raw: NDArray[Any], numbers: Array, name: str) -> None:
    """Refuse two entries of one column that differ and are the same float64."""
    seen: dict[tuple[Any, ...], Any] = {}
    for place, entry in np.ndenumerate(raw):
        column = place[1:]
        other = seen.setdefault((*column, numbers[place]), entry)
        if other is not entry and other != entry and np.isfinite(numbers[place]):
            raise ValueError(
                f"{name} holds {other!s} and {entry!s}, which differ but are one number in float64, "
                f"{float(numbers[place])!r}; subtract an offset first"
            )


def _too_long(entry: Any, nearest: float, name: str, place: Any) -> ValueError:
    """Return the error for a number that float64 cannot represent."""
    text = f"{int(entry)}" if isinstance(entry, int | np.integer) else f"{entry!s}"
    text = text if len(text) <= 40 else f"{text[:20]}... ({len(text)} characters)"
    near = f"{int(nearest)}" if np.isfinite(nearest) and isinstance(entry, int | np.integer) else f"{float(nearest)!r}"
    return ValueError(
        f"{name} holds {text} at {_place(place)}, which float64 cannot hold (nearest: {near}); subtract an offset from "
        "the column before it is converted, or round it"
    )


def _place(place: Any) -> str:
    """Words for the index of an entry; a single column is column 0."""
    index = [int(i) for i in place]
    if len(index) > 2:
        return f"index {tuple(index)}"
    row, column = [*index, 0, 0][:2] if index else (0, 0)
    return f"row {row}, column {column}"


def read_dual(dual: Any) -> Rows:
    """Read a dual array; an object that returns rows when sliced is kept, and read block by block by `dual_rows`.

    Raises
    ------
    TypeError
        If it does not hold real numbers.
    """
    if isinstance(dual, np.ndarray) or not hasattr(dual, "shape"):
        return as_float64(dual, "dual")
    rows: Rows = dual
    return rows


def dual_rows(dual: Rows, rows: slice) -> Array:
    """Return some rows of a dual array in float64: integers would wrap round in sums, and a bound would be wrong.

    Raises
    ------
    TypeError
        If they are not real numbers.
    """
    return as_float64(dual[rows], "dual")


def as_rows(dual: Any) -> Array:
    """Return all rows of a dual array as one array."""
    return dual_rows(dual, slice(0, dual.shape[0]))
