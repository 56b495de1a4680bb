"""Units in which solvers compute: powers of two, so that nothing is rounded on the way there and back."""

import math

_SAFE = 2.0**64  # squares of products of an input, a label and a weight up to this, or down to its inverse, stay in float64


def unit(size: float) -> float:
    """1 for magnitudes that are safe to multiply, else the power of two next to them."""
    if size == 0 or 1 / _SAFE < size < _SAFE:
        return 1.0
    return math.ldexp(1.0, math.frexp(size)[1] - 1)
