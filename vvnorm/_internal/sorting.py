"""Sorting inside kernels."""

from typing import Any

import numpy as np

from vvnorm._internal.jit import inner

__all__ = ["argsort"]

_ONE: Any = np.int64(1)  # the literal has a type of its own
_SHORT = 15  # entries that are sorted by insertion
_DEPTH = 64  # parts that wait: each is at least as long as the one that is sorted meanwhile


@inner()
def argsort(a: Any) -> Any:
    """Return the order that sorts an array of one dimension without NaN: numba's own `np.argsort`, equal entries included.

    numba would make machine code of its seven functions, in two seconds; these two are compiled with the kernel.
    """
    order, first, last = np.empty(len(a), np.int64), np.empty(_DEPTH, np.int64), np.empty(_DEPTH, np.int64)
    for i in range(len(a)):
        order[i] = i
    first[0], last[0] = 0, len(a) - 1
    waiting = _ONE
    while waiting > 0:
        waiting -= 1
        low, high = first[waiting], last[waiting]
        while high - low >= _SHORT:
            i = _partition(a, order, low, high)
            # The longer part waits.
            if high - i > i - low:
                first[waiting], last[waiting] = i + 1, high
                high = i - 1
            else:
                first[waiting], last[waiting] = low, i - 1
                low = i + 1
            waiting += 1
        for i in range(low + 1, high + 1):
            row = order[i]
            value, j = a[row], i
            while j > low and value < a[order[j - 1]]:
                order[j] = order[j - 1]
                j -= 1
            order[j] = row
    return order


@inner()
def _partition(a: Any, order: Any, low: int, high: int) -> int:
    """Put the median of three entries in its place, smaller ones before it and larger ones behind it; return that place."""
    middle = (low + high) >> 1
    for step in range(3):
        left, right = middle if step == 1 else low, high if step == 1 else middle
        if a[order[right]] < a[order[left]]:
            order[left], order[right] = order[right], order[left]
    pivot = a[order[middle]]
    order[high], order[middle] = order[middle], order[high]
    i, j = low, high - 1
    while True:
        while i < high and a[order[i]] < pivot:
            i += 1
        while j >= low and pivot < a[order[j]]:
            j -= 1
        if i >= j:
            break
        order[i], order[j] = order[j], order[i]
        i += 1
        j -= 1
    order[i], order[high] = order[high], order[i]
    return i
