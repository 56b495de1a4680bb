"""How kernels are compiled: in one place, so that first calls stay short.

numba keeps a kernel until the file that it stands in changes, whatever becomes of what it calls. After a change to one of
these modules delete `vvnorm/**/*.nbi`, or callers in others go on with the old code.

Kernels return no named tuples to Python, whose constructors are Python code: if Ctrl-C interrupts one, numba goes on with
nothing in its place, and the process ends with a segmentation fault. As arguments they do no harm.
"""

from functools import partial
from typing import Any

import numba
import numpy as np

from vvnorm.data import Array

kernel = partial(numba.njit, cache=True, error_model="numpy", no_cfunc_wrapper=True)
"""For functions that Python calls."""

plain = partial(kernel, _nrt=False)
"""For those of them that allocate nothing: no references are counted. Callers bring the room to work in."""

part = partial(plain, no_cpython_wrapper=True)
"""For functions that only kernels call: without the wrapper they compile in half the time."""

ZERO: Any = np.int64(0)
"""Where kernels start to count. From the literal 0 the type changes with the first step, and then all types of the function
are inferred once more."""

ANY_ORDER = {"reassoc", "contract"}
"""fastmath flags for sums whose order does not matter; NaN and infinity keep their meaning."""


@part()
def copy(source: Any, target: Any) -> None:
    """Copy an array of one dimension; slices do the same, but take seconds to compile."""
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
    """A contiguous read-only view: kernels are then compiled once, and round alike, for files and for arrays."""
    view = np.ascontiguousarray(array).view()
    view.setflags(write=False)
    return view
