"""The extent of a figure: the range of inputs, the number of outputs, and the size of numbers that axes can show."""

import numpy as np

from vvnorm.validation import Array

MOST_OUTPUTS = 6
"""Largest number of outputs that are drawn."""


_DRAWABLE = 1e306  # matplotlib multiplies ranges by small numbers


def positions(x: Array, Y: Array) -> Array:
    """Return the inputs at which functions are drawn: the data, and a regular grid that extends a little beyond them."""
    refuse_huge(x, Y)
    return np.unique(np.concatenate([x, np.linspace(*widened(x), 2001)]))


def refuse_huge(X: Array, Y: Array) -> None:
    """Raise ValueError for numbers that are too large for axes."""
    largest = max(np.max(np.abs(X)), np.nanmax(np.abs(Y)))
    if largest > _DRAWABLE:
        raise ValueError(f"a figure cannot show {largest:.3g}: its axes would leave float64; rescale the data")


def widened(x: Array) -> tuple[float, float]:
    """Return an interval that extends a little beyond the range of x, which may be a single value."""
    margin = 0.05 * np.ptp(x) or 0.05 * max(float(np.abs(x[0])), 1.0)
    return float(x.min() - margin), float(x.max() + margin)
