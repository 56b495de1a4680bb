"""Sorting inside kernels."""

from numba.misc.quicksort import make_quicksort_impl

from vvnorm._internal.jit import inner

__all__ = ["argsort"]

argsort = make_quicksort_impl(inner(), is_argsort=True).run_quicksort
"""Return the order that sorts an array of one dimension without NaN: numba's own `np.argsort`, equal entries included.

numba would make machine code of each of its seven functions, in two seconds; here they are compiled with the kernel.
"""
