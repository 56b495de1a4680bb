"""Products, Cholesky factors and triangular solves of large matrices, in blocks that all threads share.

A BLAS that uses several threads divides sums differently for each number of threads, so results would depend on it. Here
the blocks are the same for any number of threads, and each is computed by a BLAS on one thread (the solvers run inside
`vvnorm._internal.threads.one_blas_thread`). Small matrices are left to BLAS and LAPACK as they are.
"""

from collections.abc import Callable
from typing import Final

import numpy as np
from scipy.linalg import lapack

from vvnorm._internal.threads import each
from vvnorm.validation import Array

SIDE: Final = 256
"""Rows or columns of a block: enough that products take most of the time."""

MANY: Final = 3 * SIDE
"""Rows or columns from which matrices are divided; below, threads would gain less than they cost."""


def symmetric_product(A: Array, weights: Array | None = None) -> Array:
    """A' A (m, m) for A (n, m); with weights W (m, r), entry by entry times W W'."""
    m = A.shape[1]
    if m < MANY:
        product: Array = A.T @ A
        if weights is not None:
            product *= weights @ weights.T
        return product
    product = np.empty((m, m))

    def fill(start: int, stop: int) -> None:
        rows = product[start:stop, :stop]
        np.matmul(A[:, start:stop].T, A[:, :stop], out=rows)
        if weights is not None:
            rows *= weights[start:stop] @ weights[:stop].T
        corner = np.tril(rows[:, start:])  # a product of two different arrays is symmetric up to rounding only
        rows[:, start:] = corner + np.tril(corner, -1).T
        product[:start, start:stop] = rows[:, :start].T

    _in_blocks(fill, 0, m)
    return product


def cholesky(M: Array) -> Array | None:
    """Lower Cholesky factor, in place, of a symmetric M (m, m) in Fortran order; None if M is not positive definite.

    The entries above the diagonal are those of M, or 0.
    """
    m = len(M)
    if m < MANY:
        factor, failed = lapack.dpotrf(M, lower=1, clean=1, overwrite_a=1)
        return None if failed else factor
    for start in range(0, m, SIDE):
        stop = min(start + SIDE, m)
        corner, failed = lapack.dpotrf(M[start:stop, start:stop], lower=1, clean=1)
        if failed:
            return None
        M[start:stop, start:stop] = corner
        panel = M[:, start:stop]

        def divide(first: int, last: int, corner: Array = corner, panel: Array = panel) -> None:
            panel[first:last] = lapack.dtrtrs(corner, panel[first:last].T, lower=1)[0].T

        def subtract(first: int, last: int, panel: Array = panel) -> None:
            M[first:, first:last] -= panel[first:] @ panel[first:last].T

        _in_blocks(divide, stop, m)
        _in_blocks(subtract, stop, m)
    return M


def solve_lower(factor: Array, B: Array) -> Array:
    """Return L^-1 B for a lower triangular L (n, n) and B (n, m)."""
    m = B.shape[1]
    if m < MANY:
        solution: Array = lapack.dtrtrs(factor, B, lower=1)[0]
        return solution
    solution = np.empty(B.shape, order="F")

    def solve(first: int, last: int) -> None:
        solution[:, first:last] = lapack.dtrtrs(factor, B[:, first:last], lower=1)[0]

    _in_blocks(solve, 0, m)
    return solution


def _in_blocks(work: Callable[[int, int], None], start: int, stop: int) -> None:
    """Call `work(first, last)` for blocks of the numbers from start to stop."""
    firsts = range(start, stop, SIDE)
    each(lambda k: work(firsts[k], min(firsts[k] + SIDE, stop)), len(firsts))
