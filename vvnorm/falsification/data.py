"""Data in rational numbers, and their form in JSON. Every float64 is rational, so nothing is lost.

Data are a mapping of names to values. Arrays of floats become object arrays of `Fraction`, with None for a missing number;
floats become `Fraction`. Integers, truth values, words, tuples of words, and arrays of integers or truth values stay.
"""

import math
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import numpy as np

from vvnorm.claims import Instance
from vvnorm.verifier.exact import as_rational

Data = Mapping[str, Any]
"""Exact data: see the module."""


def rationals(values: Any) -> np.ndarray:
    """Return an object array of `Fraction` with the shape of `values`; NaN and None become None."""
    given = np.asarray(values, dtype=object)
    array = np.empty(given.shape, dtype=object)
    for place in np.ndindex(given.shape):
        array[place] = _rational_or_none(given[place])
    return array


def _rational_or_none(value: Any) -> Fraction | None:
    if value is None or (isinstance(value, float | np.floating) and math.isnan(value)):
        return None
    return as_rational(value, "data")


def exact_data(instance: Instance) -> dict[str, Any]:
    """Return the instance of a claim in rational numbers.

    Raises
    ------
    ValueError
        For infinite numbers, and for values of other kinds than the module names.
    """
    return {name: _exact_value(name, value) for name, value in instance.items()}


def _exact_value(name: str, value: Any) -> Any:
    if isinstance(value, bool | int | str | Fraction):
        return value
    if isinstance(value, tuple) and all(isinstance(word, str) for word in value):
        return value
    if isinstance(value, float | np.floating):
        return as_rational(value, name)
    if isinstance(value, np.ndarray) and value.dtype.kind in "ib":
        return value
    if isinstance(value, np.ndarray) and value.dtype.kind in "fO":
        return rationals(value)
    raise ValueError(f"{name} is a {type(value).__name__}: data hold numbers, words and arrays of numbers")


def float_data(data: Data) -> dict[str, Any]:
    """Return data as an instance of a claim: float64 in place of rational numbers, NaN in place of None."""
    return {name: _float_value(value) for name, value in data.items()}


def _float_value(value: Any) -> Any:
    if isinstance(value, Fraction):
        return float(value)
    if isinstance(value, np.ndarray) and value.dtype == object:
        flat = [math.nan if entry is None else float(entry) for entry in value.ravel()]
        return np.array(flat, dtype=np.float64).reshape(value.shape)
    return value


# --- JSON -------------------------------------------------------------------------------------------------------------


def to_json(data: Data) -> dict[str, Any]:
    """Return data in plain values: rational numbers as text p/q, missing ones as null."""
    return {name: _plain(value) for name, value in data.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, Fraction):
        return str(value)
    if isinstance(value, str):
        return {"word": value}
    if isinstance(value, tuple):
        return {"words": list(value)}
    if not isinstance(value, np.ndarray):
        return value
    if not value.size:
        return {"empty": list(value.shape), "kind": value.dtype.kind}
    return value.tolist() if value.dtype.kind in "ib" else _texts(value.tolist())


def _texts(value: Any) -> Any:
    if isinstance(value, list):
        return [_texts(entry) for entry in value]
    return None if value is None else str(value)


def from_json(record: Any) -> dict[str, Any]:
    """Restore what `to_json` returned.

    Raises
    ------
    ValueError
        For anything else.
    """
    if not isinstance(record, dict) or not record:
        raise ValueError("data are an object with at least one name")
    return {str(name): _restored(str(name), value) for name, value in record.items()}


def _restored(name: str, value: Any) -> Any:
    if isinstance(value, bool | int):
        return value
    if isinstance(value, str):
        return as_rational(value, name)
    if isinstance(value, dict):
        return _restored_object(name, value)
    if isinstance(value, list):
        return _restored_array(name, value)
    raise ValueError(f"{name} holds {value!r}: rational numbers are text")


def _restored_object(name: str, value: dict[str, Any]) -> Any:
    match value:
        case {"word": str(word)} if len(value) == 1:
            return word
        case {"words": list(words)} if len(value) == 1 and all(isinstance(word, str) for word in words):
            return tuple(words)
        case {"empty": list(shape), "kind": "O" | "i" | "b" as kind} if len(value) == 2:
            if all(isinstance(length, int) and length >= 0 for length in shape) and 0 in shape:
                return np.empty(shape, dtype={"O": object, "i": np.int64, "b": np.bool_}[kind])
    raise ValueError(f"{name} holds an object that is neither a word, nor words, nor an empty array")


def _restored_array(name: str, value: list[Any]) -> np.ndarray:
    try:
        array = np.array(value, dtype=object)
    except ValueError:
        raise ValueError(f"{name} has rows of different lengths") from None
    entries = array.ravel().tolist()
    if not entries or any(isinstance(entry, list | dict) for entry in entries):
        raise ValueError(f"{name} has rows of different lengths")
    if all(isinstance(entry, bool) for entry in entries):
        return array.astype(np.bool_)
    if all(isinstance(entry, int) and not isinstance(entry, bool) for entry in entries):
        return array.astype(np.int64)
    if not all(entry is None or isinstance(entry, str) for entry in entries):
        raise ValueError(f"{name} holds floats or mixed values: rational numbers are text")
    return rationals(array)


def shown(data: Data) -> list[str]:
    """Return a line of text for each name; columns of labels are shown as rows."""
    lines = []
    for name, value in data.items():
        if isinstance(value, np.ndarray) and value.ndim == 2:
            rows = "; ".join(" ".join(_entry(entry) for entry in column) for column in value.T)
            lines.append(f"{name}, by column: {rows}" if value.size else f"{name}: empty")
        elif isinstance(value, np.ndarray):
            lines.append(f"{name}: {' '.join(_entry(entry) for entry in value.ravel())}")
        else:
            lines.append(f"{name}: {', '.join(value) if isinstance(value, tuple) else _entry(value)}")
    return lines


def _entry(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, Fraction) and len(str(value)) > 16:
        return f"{float(value):.6g}..."
    return str(value)
