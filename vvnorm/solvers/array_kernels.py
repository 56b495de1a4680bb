"""Compiled functions and options that the kernels of this package share."""

from typing import Any

import numpy as np

from vvnorm._internal.jit import part, plain
from vvnorm.validation import Array

__all__ = ["ANY_ORDER", "ZERO", "clear", "copy", "fixed", "is_sorted", "part", "plain"]

ZERO: Any = np.int64(0)
"""Start value of counters in kernels. The literal 0 has its own type, which changes at the first step, so that numba would
infer all types of the function twice."""

ANY_ORDER = {"reassoc", "contract"}
"""fastmath flags for sums in any order; NaN and infinity keep their meaning. Sums with these flags are in separate small
functions, since reordering would break error-free transformations in the same function."""


@part()
def copy(source: Any, target: Any) -> None:
    """Copy a one-dimensional array; assignment to a slice does the same, but takes seconds to compile."""
    for i in range(len(source)):
        target[i] = source[i]


@part()
def clear(target: Any) -> None:
    """Set all entries of an array of one dimension to zero."""
    for i in range(len(target)):
        target[i] = 0.0


@plain()
def is_sorted(x: Any) -> bool:
    """Whether no entry is less than the one before; False if there is a NaN."""
    falls = ZERO
    for i in range(1, len(x)):
        falls += not x[i] >= x[i - 1]
    return falls == 0


def fixed(array: Array) -> Array:
    """Return a contiguous read-only view: then kernels are compiled once, and round alike, for files and for arrays."""
    view = np.ascontiguousarray(array).view()
    view.setflags(write=False)
    return view
