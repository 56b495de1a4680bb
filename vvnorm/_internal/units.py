"""Units in which solvers compute: powers of two, so that changing units rounds nothing."""

import math

_SAFE = 2.0**64  # squares of products of an input, a label and a weight up to this, or down to its inverse, stay in float64


def unit(size: float) -> float:
    """Return 1 for magnitudes that are safe to multiply, else the largest power of two that is at most `size`."""
    if size == 0 or 1 / _SAFE < size < _SAFE:
        return 1.0
    return math.ldexp(1.0, math.frexp(size)[1] - 1)


def power_of_two_above(size: float) -> float:
    """Return the least power of two that exceeds a magnitude; 1 for 0."""
    return math.ldexp(1.0, math.frexp(size)[1]) if size > 0 else 1.0
