"""Shrinking: the smallest readable data that still refute a statement, by greedy steps.

A step removes a point, an output or a neuron, or makes numbers simpler: ranks in place of inputs, integers in place of
fractions, small integers in place of large ones. It is taken if the data remain a counterexample and get simpler.
"""

import math
import time
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from typing import Any

import numpy as np

from vvnorm.falsification.data import Data

Size = tuple[int, int, int]
"""Number of entries, their total number of binary digits, and their total magnitude, rounded up."""


def size_of(data: Data) -> Size:
    """Return the size of data for a reader: fewer entries come first, then simpler numbers."""
    entries = [entry for value in data.values() for entry in (value.ravel().tolist() if _is_array(value) else [value])]
    return len(entries), sum(_weight(entry)[0] for entry in entries), sum(_weight(entry)[1] for entry in entries)


def _is_array(value: Any) -> bool:
    return isinstance(value, np.ndarray)


def _weight(value: Any) -> tuple[int, int]:
    """Return the binary digits of an entry, with a larger weight for a denominator and a sign, and its magnitude."""
    if not isinstance(value, Fraction):
        return 1, 0
    digits = 2 * abs(value.numerator).bit_length() + 3 * (value.denominator.bit_length() - 1) + (value < 0)
    return digits, math.ceil(abs(value))


def shrink(
    data: Data, refutes: Callable[[Data], bool], axes: Mapping[str, str] | None, until: float = float("inf")
) -> Data:
    """Make a counterexample simpler for as long as it remains one.

    Parameters
    ----------
    data : Data
        A counterexample.
    refutes : data -> bool
        Whether data are a counterexample. An exception counts as no.
    axes : mapping of str to str, optional
        See `DataSpace`; by default axes of equal length are shortened together.
    until : float
        Time, by `time.process_time`, after which no further step is tried.

    Returns
    -------
    Data
        The simplest data of the search.
    """
    smallest, improved = data, True
    while improved:
        improved = False
        for simpler in _simpler(smallest, axes):
            if time.process_time() > until:
                return smallest
            if size_of(simpler) < size_of(smallest) and _still(refutes, simpler):
                smallest, improved = simpler, True
                break
    return smallest


def _still(refutes: Callable[[Data], bool], data: Data) -> bool:
    try:
        return refutes(data)
    except Exception:  # a claim may raise any error for data that it never draws; such data show nothing
        return False


def _simpler(data: Data, axes: Mapping[str, str] | None) -> Iterator[Data]:
    yield from _shorter(data, axes)
    yield from _whole_arrays(data)
    yield from _single_entries(data)


# --- fewer entries ----------------------------------------------------------------------------------------------------


def _shorter(data: Data, axes: Mapping[str, str] | None) -> Iterator[Data]:
    """Remove half of an axis, or a single index, from all arrays with this axis."""
    for places, length in _groups(data, axes):
        halves = [range(length // 2, length), range(length // 2)] if length > 3 else []
        for removed in (*halves, *([i] for i in reversed(range(length)))):
            if length > 1:
                yield {name: _without(value, places.get(name, ()), list(removed)) for name, value in data.items()}


def _groups(data: Data, axes: Mapping[str, str] | None) -> list[tuple[dict[str, list[int]], int]]:
    """Return the groups of axes that are shortened together, longest first: axis numbers of each array, and the length."""
    groups: dict[Any, dict[str, list[int]]] = {}
    for name, value in data.items():
        if _is_array(value):
            letters = tuple(axes.get(name, "")) if axes is not None else value.shape
            for axis, letter in enumerate(letters):
                groups.setdefault(letter, {}).setdefault(name, []).append(axis)
    sized = [(places, _length_of(data, places)) for places in groups.values()]
    return sorted(sized, key=lambda group: -group[1])


def _length_of(data: Data, places: Mapping[str, list[int]]) -> int:
    name, numbers = next(iter(places.items()))
    return int(data[name].shape[numbers[0]])


def _without(value: Any, numbers: Any, removed: list[int]) -> Any:
    for axis in numbers:
        value = np.delete(value, removed, axis)
    return value


# --- simpler numbers --------------------------------------------------------------------------------------------------


def _whole_arrays(data: Data) -> Iterator[Data]:
    """Make all numbers of an array simpler at once."""
    for name, value in data.items():
        if _is_array(value) and value.dtype == object and value.size:
            for change in (_ranks, *_COARSER):
                changed = change(value)
                if changed is not None:
                    yield {**data, name: changed}


def _ranks(array: np.ndarray) -> np.ndarray | None:
    """0, 1, 2, .. in place of increasing numbers."""
    increasing = array.ndim == 1 and None not in array.tolist() and np.all(array[1:] > array[:-1])
    return _mapped(np.arange(len(array)).astype(object), Fraction) if increasing else None


def _mapped(array: np.ndarray, change: Callable[[Any], Any]) -> np.ndarray:
    changed = np.empty(array.shape, dtype=object)
    for place in np.ndindex(array.shape):
        changed[place] = None if array[place] is None else Fraction(change(array[place]))
    return changed


def _moved_to_zero(array: np.ndarray) -> np.ndarray:
    """Subtract the least number of each column."""
    columns = array.reshape(len(array), -1)
    least = [min((v for v in column if v is not None), default=Fraction(0)) for column in columns.T]
    moved = [[None if v is None else v - low for v, low in zip(row, least, strict=True)] for row in columns]
    changed = np.empty(columns.shape, dtype=object)
    changed[:] = moved
    return changed.reshape(array.shape)


def _scaled(largest: int | None) -> Callable[[np.ndarray], np.ndarray | None]:
    """Scale so that the largest magnitude is an integer, and round; None only rounds."""

    def change(array: np.ndarray) -> np.ndarray | None:
        magnitude = max((abs(value) for value in array.ravel() if value is not None), default=Fraction(0))
        if not magnitude:
            return None
        factor = Fraction(1) if largest is None else largest / magnitude
        return _mapped(array, lambda value: round(value * factor))

    return change


def _to_digits(digits: int) -> Callable[[np.ndarray], np.ndarray]:
    return lambda array: _mapped(array, lambda value: round(value, digits))


_COARSER: tuple[Callable[[np.ndarray], np.ndarray | None], ...] = (
    _moved_to_zero, *(_scaled(largest) for largest in (1, 2, 3, 5, 10, 100, None)), *map(_to_digits, (1, 2, 4)),
)  # fmt: skip


def _single_entries(data: Data) -> Iterator[Data]:
    """Make one number simpler."""
    for name, value in data.items():
        if isinstance(value, Fraction):
            for simple in _simpler_numbers(value):
                yield {**data, name: simple}
        elif _is_array(value) and value.dtype == object:
            for place in np.ndindex(value.shape):
                for simple in _simpler_numbers(value[place]):
                    changed = value.copy()
                    changed[place] = simple
                    yield {**data, name: changed}


def _simpler_numbers(value: Fraction | None) -> Iterator[Fraction]:
    if value is None:
        return
    tries = [Fraction(0), Fraction(1), Fraction(-1), Fraction(round(value)), Fraction(round(value / 2)), value - 1, -value]
    tries += [value.limit_denominator(bound) for bound in (2, 4, 16, 1000)]
    yield from (simple for simple in dict.fromkeys(tries) if _weight(simple) < _weight(value))
