"""Fits of squared losses with many labels: the sums that `vvnorm.verifier.line_fit` needs, from one pass over the labels.

Every sum is over blocks of rows that lie on one linear piece of the function. They do not depend on the number of threads.
For each block the labels y and the products y h, with h = x - x_first, are summed without error up to 2^-88 of the largest
labels (`vvnorm.verifier.line_fit_block_kernels`). The function's part of the sums of

    R = y - f(x) - (alpha + beta (x - centre))

is a sum of powers of h, in double-doubles, so alpha and beta need not be known before the labels are read. These sums give
the response Z(a) = sum_j R_j relu(a - x_j) and its slope S at the first row of each block, and at kinks.

*Between these points.* On an interval of width W, Z is the sum of its chord and of R_j g_j, where g_j is 0 at the ends and
bends at x_j with a jump of slope 1, so |g_j| <= W / 4. Hence ||Z|| is at most the larger ||Z|| at the ends plus
||sum |R_j||| W / 4. Rows are read again only where this bound exceeds lam, or the largest ||Z|| at an end.

*Rounding.* h is a difference of neighbours and exact nearly everywhere; where it is not, R is about the rounded h, and
`h_error` bounds what that changes. `BlockSums.error` bounds the errors of S, and of Z divided by the reach of x.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from vvnorm._internal.threads import share
from vvnorm.tolerances import EPS
from vvnorm.validation import Array
from vvnorm.verifier.arithmetic import fixed

_ROWS = 256, 4096  # fewest and most rows of a block
_LABELS = 1 << 13  # labels of a block, unless it has the fewest rows
_LEAST_LABELS = 1 << 14  # fewer are judged entry by entry in a few milliseconds
_LEAST_ROWS = 64  # rows of an average block; shorter blocks cost more than they save
_LOST_BY_SPLITTING = 2.0**-88  # of the largest label, for each label
_TINY = 2.0**-100  # a few roundings of a double-double
_LOST = 2.0**-1060  # bound on the sum of all products that underflow, in units of about 1
_BELOW = 1 - 2.0**-20  # of lam: blocks whose responses stay below this are not read again


@dataclass(frozen=True)
class Response:
    """The response to R.

    Attributes
    ----------
    S, Z : (T,) arrays
        At x_N.
    size : (T,) array
        At least sum |R|.
    error : (T,) array
        Bounds the errors of S, and of all Z divided by the reach of x.
    value_error : (T,) array
        What the rounding of steps adds to the error of the function's values.
    norm : float
        Bound on ||Z||, but for `error`.
    norm_error : float
        What `norm` allows for the rounding of rows that were read again. It grows with the size of the labels, also where
        this is a common offset.
    paired : (5,) array
        See `vvnorm.verifier.line_fit_kernels.Sums`.
    """

    S: Array
    Z: Array
    size: Array
    error: Array
    value_error: Array
    norm: float
    norm_error: float
    paired: Array


def are_worth_it(x: Array, Y: Array, kinks: int) -> bool:
    """Whether blocks of rows are long enough: there are many labels, row by row in memory, and few kinks among them."""
    return Y.size >= _LEAST_LABELS and len(x) >= _LEAST_ROWS * (kinks + len(x) // _ROWS[0] + 1) and Y.flags.c_contiguous


class BlockSums:
    """Sums over the blocks of sorted, complete data, each label with weight 1.

    Parameters
    ----------
    x, Y : (N,), (N, T) arrays
    curve, line
        The function: `Curve`, and `Line` at the first row (`vvnorm.verifier.line_fit_kernels`), which is moved to the last.
    centre : float
        Moments are about this x.

    Attributes
    ----------
    line
        The last linear piece of the function.
    total, powers, gap
        As `vvnorm.verifier.line_fit_kernels.walk` leaves them in `Sums` after the step MOMENTS. Not finite if a label is
        missing.
    largest : (T,) array
        Bounds on |label|, at most 64 times too large.
    """

    def __init__(self, x: Array, Y: Array, curve: Any, line: Any, centre: float) -> None:
        from vvnorm.verifier import line_fit_block_kernels as kernel

        self.x, self.Y, self.curve, self.line = fixed(x), fixed(Y), curve, line
        self.centre = centre
        self.reach = float(x[-1] - x[0])
        T, (fewest, most) = Y.shape[1], _ROWS
        rows = max(fewest, min(most, _LABELS // T))
        room = -(-len(x) // rows) + len(curve.at)
        blank = kernel.Blocks(
            np.empty(room + 1, np.intp), np.empty(room, np.intp), np.empty((2, room, T)), np.empty((2, room, T))
        )
        count = kernel.outline(self.x, curve, line, self.reach, rows, blank)
        start = blank.start[: count + 1]
        self.blocks = kernel.Blocks(start, blank.passed[:count], blank.value[:, :count], blank.slope[:, :count])
        self.rows = np.diff(start).astype(np.float64)
        first, last = x[start[:-1]], x[start[1:] - 1]
        self.width = last - first
        # A difference of numbers of one sign, the larger at most twice the smaller, is exact
        # (P. H. Sterbenz, "Floating-Point Computation", Prentice-Hall, 1974).
        exact = ((first > 0) & (last <= 2 * first)) | ((last < 0) & (first >= 2 * last))
        self.h_error = np.where(exact, 0.0, EPS * self.width)
        self.moments = kernel.Moments(
            np.empty((2, 2, count)), np.empty((2, 2, count, T)), np.empty((2, count, T)),
            np.empty((count, T)), np.empty((count, T)),
        )  # fmt: skip
        share(
            lambda low, high: kernel.summarise(
                self.x, self.Y, self.blocks, low, high, np.empty((2, kernel.CHUNK)), self.moments
            ),
            count,
        )
        self.largest = self.moments.largest.max(axis=0)
        self.total, self.powers, self.gap = np.zeros((2, 2, T)), np.zeros((3, 2, 1)), np.zeros((7, T))
        kernel.collect(self.x, self.blocks, self.moments, centre, self.total, self.powers, self.gap)

    def respond(self, alpha: Array, beta: Array, lam: float) -> Response:
        """Follow the response to R for these alpha and beta, (T,) each, and bound it with a view to `lam`."""
        from vvnorm.verifier import line_fit_block_kernels as kernel

        T = len(alpha)
        S, Z, paired = np.zeros((2, T)), np.zeros((2, T)), np.zeros(5)
        at = np.empty((2, len(self.rows) + 1, T))
        kernel.respond(self.x, self.blocks, self.curve, self.moments, self.centre, alpha, beta, S, Z, at, paired)
        moved = np.max(np.abs([alpha + beta * (end - self.centre) for end in self.x[[0, -1]]]), axis=0)
        sizes = self.moments.size * (1 + 2.0**-40) + self.rows[:, None] * (moved + 2.0**-90 * self.largest)
        slope = np.abs(self.blocks.slope[0])
        values = np.abs(self.blocks.value[0]) + slope * self.width[:, None] + moved + self.largest
        size = sizes.sum(axis=0) * (1 + 2.0**-40)
        error = 4 * _LOST_BY_SPLITTING * (self.rows @ values) + (2 * len(self.rows) + 16) * _TINY * size
        error += 1.01 * (self.h_error @ sizes) / self.reach + (len(self.x) + 16) * _LOST * (1 + 1 / self.reach)
        norm, norm_error = self._largest_response(alpha, beta, lam, at, sizes, values)
        steepest = np.max((slope + np.abs(beta)) * self.h_error[:, None], axis=0)
        return Response(
            S=S.sum(axis=0),
            Z=Z.sum(axis=0),
            size=size,
            error=error,
            value_error=steepest + 4 * _TINY * moved,
            norm=norm,
            norm_error=norm_error,
            paired=paired,
        )

    def _largest_response(
        self, alpha: Array, beta: Array, lam: float, at: Array, sizes: Array, values: Array
    ) -> tuple[float, float]:
        """Bound ||Z|| at all rows, and its rounding where rows are read again.

        `sizes` and `values` (G, T) bound sum |R| of each block and what R is computed from.
        """
        from vvnorm.verifier import line_fit_block_kernels as kernel

        T, few = len(alpha), 1 + (len(alpha) + 16) * EPS
        ends = np.sqrt(np.sum(at[1] * at[1], axis=1)) * few
        largest = float(ends.max())
        width = np.append(self.x[self.blocks.start[1:-1]], self.x[-1]) - self.x[self.blocks.start[:-1]]
        bounds = (np.maximum(ends[1:], ends[:-1]) + np.sqrt(np.sum(sizes * sizes, axis=1)) * width / 4) * few
        limit = max(largest, lam * _BELOW)
        chosen = np.flatnonzero(~(bounds <= limit))
        rest = float(np.max(bounds, where=bounds <= limit, initial=largest))
        if not len(chosen):
            return rest, 0.0
        value = self.blocks.value[0, chosen] + alpha + beta * (self.x[self.blocks.start[chosen], None] - self.centre)
        slope, squares = self.blocks.slope[0, chosen] + beta, np.empty(len(chosen))
        share(
            lambda low, high: kernel.largest_responses(
                self.x, self.Y, self.blocks, value, slope, at, chosen, low, high, np.empty((2, T)), squares
            ),
            len(chosen),
        )
        rows, across = self.rows[chosen, None], width[chosen, None]
        error = across * (rows * 16 * EPS * (values[chosen] + sizes[chosen])) + 16 * EPS * (
            np.abs(at[1, chosen]) + np.abs(at[0, chosen]) * across
        )
        rounding = np.sqrt(np.sum(error * error, axis=1)) * few
        return max(rest, float((np.sqrt(squares) * few + rounding).max())), float(rounding.max())
