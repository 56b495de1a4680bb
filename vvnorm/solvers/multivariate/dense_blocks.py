"""Products, Cholesky factors and triangular solves of large matrices, in blocks that all threads share.

A BLAS that uses several threads divides sums differently for each number of threads, so results would depend on it. Here
the blocks are the same for any number of threads, and each is computed by a BLAS on one thread (the solvers run inside
`vvnorm._internal.threads.one_blas_thread`). Small matrices are left to BLAS and LAPACK as they are.

All functions take arrays in double or in single precision, which takes half the time.
"""

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack

from vvnorm._internal.threads import each

Matrix = NDArray[Any]
"""A matrix in double or single precision."""

SIDE: Final = 256
"""Rows or columns of a block: enough that products take most of the time."""

MANY: Final = 3 * SIDE
"""Rows or columns from which matrices are divided; below, threads would gain less than they cost."""

WORK: Final = 1e8
"""Multiplications from which a product of fewer columns is divided, too, into blocks of half the side."""


def symmetric_product(A: Matrix, weights: Matrix | None = None) -> Matrix:
    """A' A (m, m) for A (n, m); with weights W (m, r), entry by entry times W W'."""
    n, m = A.shape
    if m < MANY and n * m * m < WORK:
        product: Matrix = A.T @ A
        if weights is not None:
            product *= weights @ weights.T
        return product
    product = np.empty((m, m), A.dtype)

    def fill(start: int, stop: int) -> None:
        rows = product[start:stop, :stop]
        np.matmul(A[:, start:stop].T, A[:, :stop], out=rows)
        if weights is not None:
            rows *= weights[start:stop] @ weights[:stop].T
        corner = np.tril(rows[:, start:])  # a product of two different arrays is symmetric up to rounding only
        rows[:, start:] = corner + np.tril(corner, -1).T
        product[:start, start:stop] = rows[:, :start].T

    _in_blocks(fill, m, SIDE if m >= MANY else SIDE // 2, last_first=True)  # the last blocks are the longest
    return product


def product(A: Matrix, B: Matrix) -> Matrix:
    """A B (k, m) for A (k, n) and B (n, m)."""
    k, m = len(A), B.shape[1]
    if m < MANY or k * m * len(B) < WORK:
        plain: Matrix = A @ B
        return plain
    result = np.empty((k, m), A.dtype)
    _in_blocks(lambda first, last: np.matmul(A, B[:, first:last], out=result[:, first:last]), m)
    return result


def cholesky(M: Matrix) -> Matrix | None:
    """Lower Cholesky factor, in place, of a symmetric M (m, m) in Fortran order; None if M is not positive definite.

    Entries above the diagonal have no meaning.
    """
    if len(M) < MANY:
        factor, failed = routine("potrf", M)(M, lower=1, clean=1, overwrite_a=1)
        return None if failed else factor
    return M if _factorise(M) else None


def _factorise(M: Matrix) -> bool:
    """Do the work of `cholesky` by halves, so that products have long sums; return whether M is positive definite."""
    m = len(M)
    if m <= SIDE:
        factor, failed = routine("potrf", M)(M, lower=1, clean=1)
        M[:] = factor
        return not failed
    half = SIDE * ((m // SIDE + 1) // 2)
    corner, panel, rest = M[:half, :half], M[half:, :half], M[half:, half:]

    def subtract(first: int, last: int) -> None:
        rest[first:, first:last] -= (panel[first:last] @ panel[first:].T).T  # the product has M's order in memory

    if not _factorise(corner):
        return False
    _in_blocks(lambda first, last: _divide(corner, panel[first:last]), m - half)
    _in_blocks(subtract, m - half)
    return _factorise(rest)


def _divide(factor: Matrix, B: Matrix) -> None:
    """Replace B (k, n), a part of an array in Fortran order, by B L'^-1 for a lower triangular L (n, n)."""
    n = len(factor)
    if n <= max(SIDE // 4, 1):
        B[:] = routine("trtrs", factor)(factor, B.T, lower=1)[0].T
        return
    half = n // 2
    _divide(factor[:half, :half], B[:, :half])
    B[:, half:] -= (factor[half:, :half] @ B[:, :half].T).T
    _divide(factor[half:, half:], B[:, half:])


def solve_lower(factor: Matrix, B: Matrix) -> Matrix:
    """Return L^-1 B for a lower triangular L (n, n) and B (n, m)."""
    n, m = B.shape
    if m < MANY and (m <= SIDE // 2 or n * n * m < WORK):
        solution: Matrix = routine("trtrs", factor)(factor, B, lower=1)[0]
        return solution
    solution = np.array(B, order="C")
    _in_blocks(lambda first, last: _divide(factor, solution[:, first:last].T), m, SIDE if m >= MANY else SIDE // 2)
    return solution


def routine(name: str, A: Matrix) -> Any:
    """Return LAPACK's function of this name for the precision of A."""
    return getattr(lapack, ("s" if A.dtype == np.float32 else "d") + name)


def _in_blocks(work: Callable[[int, int], Any], stop: int, side: int = 0, *, last_first: bool = False) -> None:
    """Call `work(first, last)` for blocks of the numbers below `stop`."""
    side = side or SIDE
    firsts = range(0, stop, side)[:: -1 if last_first else 1]
    each(lambda k: work(firsts[k], min(firsts[k] + side, stop)), len(firsts))
