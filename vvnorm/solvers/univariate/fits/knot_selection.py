"""Piecewise linear functions given by their knots, and the choice of knots: the first ones, and those of the next round."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vvnorm._internal.jit import inside
from vvnorm.solvers.array_kernels import ZERO, part, plain
from vvnorm.validation import Array

_ALL_ROWS = 4000  # up to this number all rows start as knots, if lam is so small that most of them stay knots
_ALL_USED = 3.0  # if more knots per row are expected, most rows stay knots; otherwise it may be a tenth of them
_SPACED = 200.0  # largest number of first knots otherwise
EVEN = 5e-5
"""Part of the mean gap between rows; if rows are closer, not all start as knots, and `fits.newton_banded` fails."""
MOST_FIRST = _ALL_ROWS + 2
"""Largest number of knots to start with."""


@dataclass(eq=False)  # not frozen: that would cost more than some of the kernels
class KnotFunction:
    """A piecewise linear function with knots at rows of the data.

    Attributes
    ----------
    rows : (k,) array of int
        Rows of the knots; the first and the last input are among them.
    first : (2, T) array
        Value at the first knot and slope right of it.
    jumps : (k, T) array
        Slope jumps, zero at both ends.
    values : (k, T) array, slopes : (k - 1, T) array
        Values at the knots and slopes between them, derived from the above.
    """

    rows: NDArray[np.int64]
    first: Array
    jumps: Array
    values: Array
    slopes: Array

    @staticmethod
    def of(h: Array, rows: NDArray[np.int64], first: Array, jumps: Array) -> "KnotFunction":
        """Follow the function from its first value and slope over segments of lengths h (k - 1,)."""
        values, slopes = np.empty_like(jumps), np.empty((len(rows) - 1, jumps.shape[1]))
        trace(h, first, jumps, values, slopes)
        return KnotFunction(rows, first, jumps, values, slopes)

    def towards(self, other: "KnotFunction", length: float) -> "KnotFunction":
        """Return the convex combination (1 - length) * self + length * other; both have the same knots."""
        if length == 1:
            return other
        pairs = ((getattr(self, name), getattr(other, name)) for name in ("first", "jumps", "values", "slopes"))
        return KnotFunction(self.rows, *(a + length * (b - a) for a, b in pairs))

    @property
    def arrays(self) -> tuple[NDArray[np.int64], Array, Array]:
        """Rows, values and slopes, for compiled code."""
        return self.rows, self.values, self.slopes

    @property
    def sizes(self) -> Array:
        """||d|| at the knots, shape (k,)."""
        sizes: Array = np.sqrt(np.einsum("kt,kt->k", self.jumps, self.jumps))
        return sizes


@dataclass(eq=False)  # not frozen: that would cost more than some of the kernels
class DualSweep:
    """The dual variable Z of a function: its values at the knots and its maxima between them.

    Attributes
    ----------
    at_knots : (k, T) array
        Z at the knots.
    worst : (k - 1,) array of int
        Row inside each segment where ||Z|| is largest, -1 where it is feasible.
    largest : float
        Largest ||Z|| seen; Z is feasible at rows that were not read.
    penalty, product : float
        Sums over the knots of ||d|| and of <d, Z>.
    exceeds : bool
        Whether there is such a row.
    """

    at_knots: Array
    worst: NDArray[np.int64]
    largest: float
    penalty: float
    product: float
    exceeds: bool

    @staticmethod
    def of(f: KnotFunction, at_knots: Array, worst: NDArray[np.int64], sizes: Array) -> "DualSweep":
        """Collect the results of a sweep: Z at the knots, and the segments' worst rows with ||Z||^2, `sizes` (k - 1,)."""
        penalty, product, square, exceeds = dual_totals(f.jumps, at_knots, worst, sizes)
        return DualSweep(at_knots, worst, math.sqrt(square), penalty, product, exceeds)


@part()
def _two_sum(a: float, b: float) -> tuple[float, float]:
    s = a + b
    z = s - a
    return s, (a - (s - z)) + (b - z)


@plain()
def trace(h: Any, first: Any, jumps: Any, values: Any, slopes: Any) -> None:
    """Set values and slopes; sums are compensated, since thousands of jumps lose digits otherwise."""
    for t in range(jumps.shape[1]):
        value, slope, value_low, slope_low = first[0, t], first[1, t], 0.0, 0.0
        for p in range(len(h)):
            slope, e = _two_sum(slope, jumps[p, t])
            slope_low += e
            values[p, t], slopes[p, t] = value + value_low, slope + slope_low
            value, e = _two_sum(value, h[p] * slope)
            value_low += e + h[p] * slope_low
        values[len(h), t] = value + value_low


_trace = inside(trace)


@part()
def reconstruct(h: Any, mu: Any, z: Any, by_values: bool, first: Any, jumps: Any, values: Any, slopes: Any) -> None:
    """Complete the function from the result of `vvnorm.solvers.univariate.fits.newton_dense.newton_solve`.

    It follows from its jumps, as in networks, or from its values, which is more accurate if knots are close and slopes are
    steep.
    """
    last = len(h)
    for p in range(last + 1):
        for t in range(z.shape[1]):
            jumps[p, t] = mu[p] * z[p, t]  # both are zero at the last knot, and multipliers at the first
    if not by_values:
        _trace(h, first, jumps, values, slopes)
        return
    for t in range(z.shape[1]):
        for p in range(last):
            slopes[p, t] = (values[p + 1, t] - values[p, t]) / h[p]
            if p > 0:
                jumps[p, t] = slopes[p, t] - slopes[p - 1, t]
        first[0, t], first[1, t] = values[0, t], slopes[0, t]


@plain()
def first_knots(x: Any, last: int, lam: float, critical: float, rows: Any, mu: Any) -> int:
    """Choose about as many evenly spaced rows, the ends among them, as solutions have knots at that lam.

    Parameters
    ----------
    x : (N,) array, last : int
        Inputs, and the first row of the largest.
    lam, critical : float
        Strength of the penalty, and the least that leaves a line.
    rows, mu : (MOST_FIRST,) arrays, or larger ones
        Set to the rows, each the first of its input, and to their multipliers, zero.

    Returns
    -------
    int : their number.
    """
    inner = ZERO
    if lam < critical:
        wanted, crowded = (lam / critical) ** (-2.0 / 3.0), ZERO
        if wanted >= _ALL_USED * last and last <= _ALL_ROWS:
            for i in range(last):
                crowded += 0.0 < x[i + 1] - x[i] < EVEN * (x[last] - x[0]) / last
        else:
            crowded += 1
        inner = last - 1 if crowded == 0 else min(int(min(wanted, _SPACED)), last - 1)
    count = ZERO
    for p in range(inner + 2):
        row = p * last // (inner + 1)
        while row > 0 and x[row - 1] == x[row]:
            row -= 1
        if count == 0 or row > rows[count - 1]:
            rows[count], mu[count] = row, 0.0
            count += 1
    return count


@plain()
def next_knots(x: Any, rows: Any, mu: Any, z: Any, jumps: Any, worst: Any, close: float, merged: Any, new_mu: Any) -> int:
    """Merge the knots that stay with the worst rows.

    Parameters
    ----------
    x : (N,) array
        Inputs.
    rows, mu : (k,) arrays, z, jumps : (k, T) arrays
        Knots, multipliers, dual variables and slope jumps.
    worst : (k - 1,) array
        Row to add in each segment, or -1; of rows with one input the first is taken, and none of the last input.
    close : float
        Square of a norm: knots out of use stay if ||z||^2 exceeds it.
    merged, new_mu : (2 k,) arrays
        Set to the next rows and their multipliers.

    Returns
    -------
    int : their number.
    """
    count, last = ZERO, len(rows) - 1
    for p in range(last + 1):
        size, bends = 0.0, ZERO
        for t in range(z.shape[1]):
            size += z[p, t] * z[p, t]
            bends += jumps[p, t] != 0.0
        if p == 0 or p == last or mu[p] > 0.0 or bends > 0 or size > close:
            merged[count], new_mu[count] = rows[p], mu[p]
            count += 1
        if p < last and worst[p] >= 0 and x[worst[p]] < x[rows[last]]:
            row = worst[p]
            while x[row - 1] == x[row]:
                row -= 1
            merged[count], new_mu[count] = row, 0.0
            count += 1
    return count


def where_it_bends(
    inputs: tuple[Array, Array, float],
    line: Array,
    units: tuple[float, float],
    rows: NDArray[np.int64],
    values: Array,
    jumps: Array,
) -> tuple[Array, Array, Array]:
    """Collect the knots where a function's slope jumps, and both ends, in the caller's units.

    It is called once for each fit, on few rows, and not worth compiling.

    Parameters
    ----------
    inputs : tuple
        Inputs (N,) in the caller's units and in the solver's, and the centre of these.
    line : (3, T) array
        Value at the centre, and slope, of the line subtracted from the labels; and the level subtracted before it.
    units : (float, float)
        One unit of slopes and one of labels, in the caller's.
    rows : (k,) array, values, jumps : (k, T) arrays
        The function.

    Returns
    -------
    Inputs (m,), values and slope jumps, (m, T) each, at the knots that are collected.
    """
    given, x, centre = inputs
    chosen = (jumps != 0.0).any(axis=1)
    chosen[[0, -1]] = True
    rows = rows[chosen]
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        values_there = values[chosen] + (line[0] + (x[rows] - centre)[:, None] * line[1])
        return given[rows], (values_there + line[2]) * units[1], jumps[chosen] * units[0]


@plain()
def dual_totals(jumps: Any, at_knots: Any, worst: Any, squares: Any) -> tuple[float, float, float, bool]:
    """Sum of ||d|| and of <d, Z> over the knots, the largest ||Z||^2, and whether there is a row to add.

    The arguments have Z at the knots, the worst row in each segment, or -1, and ||Z||^2 there.
    """
    sizes, products, largest, exceeding = 0.0, 0.0, 0.0, ZERO
    for p in range(len(worst)):
        size, square = 0.0, 0.0
        if p > 0:
            for t in range(jumps.shape[1]):
                size += jumps[p, t] * jumps[p, t]
                square += at_knots[p, t] * at_knots[p, t]
                products += jumps[p, t] * at_knots[p, t]
        sizes += math.sqrt(size)
        largest = max(max(largest, square), squares[p])
        exceeding += worst[p] >= 0
    return sizes, products, largest, exceeding > 0
