"""A dual array from affine fits of blocks of rows: a bound for fits that hit their time limit.

With the squared or Huber's loss, weights w and an array R (N, T) that is orthogonal to affine functions in each output,

    min over f of  sum w loss(f - y) + lam VV(f)  >=  <R, Y> - sum R^2 / (2 w),

if ||Z|| <= lam for Z(a) = sum_j R_j relu(a - x_j) and, for Huber's loss, |R| <= w delta.

The weighted residual of the labels after an affine fit of a block of rows is orthogonal to affine functions, and its Z is 0
outside the block. So every block may have a scaling factor of its own, whereas the residual of a whole function has one
factor, for its worst row. Blocks of 4, 8, 16, .. rows are compared, and the best ones chosen from the smallest upwards.
Then the bound is raised block by block: R gains the multiple of the residual of Y - R / w that keeps R feasible and raises
the bound most. This ascent ends short of the optimum, since the constraint couples the blocks.

Measured on 20,000 noisy labels of a sine, lam / lam_max from 3.5e-5 to 3.5e-10: the bound is 0.9997, 0.997, 0.98, 0.85,
0.61 of the optimum (0.994, 0.93, 0.75, 0.49, 0.29 before the ascent) after 0.15 s. The residual of the function that the
solver has after 0.2 to 1 s proves 1e-3 to 0.1 of it.
"""

import math
import time

import numpy as np
from numpy.typing import NDArray

from vvnorm._internal.units import unit
from vvnorm.network import row_norms
from vvnorm.solvers.univariate.fits.problem import Problem
from vvnorm.validation import Array

_LEAST = 4  # rows of a block; an affine function fits two
_MOST = 5_000_000  # labels; for more, the passes take too much time and memory
_CYCLES = 2  # cycles of the ascent; three more would raise the bound by at most 1 %
_SIZES = (-3, -2, -1, 0, 1, 2)  # block sizes of the ascent: powers of two, relative to the mean size of the best blocks
_OFFSETS = (2, 4, 0)  # offsets of blocks, as divisors of the block size; 0 for none
_INSIDE = 1 - 1e-9  # part of lam and delta that is used, so that rounding does not exceed them
_NIL = 1e-300  # replaces 0 in denominators


def local_dual(problem: Problem, lam: float, seconds: float) -> Array | None:
    """Return a dual array (N, T); None for other losses, for too many data, or if numbers leave float64.

    Parameters
    ----------
    problem : Problem
    lam : float
        Strength of the penalty, positive.
    seconds : float
        Time after which the ascent ends.
    """
    end = time.perf_counter() + seconds
    if problem.Y.size > _MOST or any(loss.name not in ("squared", "huber") for loss in problem.losses):
        return None
    present = ~np.isnan(problem.Y)
    w = np.broadcast_to(1.0 if problem.weights is None else problem.weights, problem.Y.shape) * present
    w_unit, x_unit = unit(float(w.max())), unit(float(np.max(np.abs(problem.x - problem.x[0]))))
    labels = np.where(present, problem.Y - np.nanmean(problem.Y, axis=0), 0.0)
    y_unit = unit(float(np.max(np.abs(labels))))
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        strength = float(np.float64(lam) / w_unit / x_unit / y_unit)
        deltas = [loss.parameter / y_unit if loss.name == "huber" else math.inf for loss in problem.losses]
        limits = np.where(w > 0, w / w_unit * np.array(deltas), math.inf)
    if not 0 < strength < math.inf:
        return None
    blocks = _Blocks((problem.x - problem.x[0]) / x_unit, labels / y_unit, w / w_unit, limits, strength)
    R, count = blocks.best()
    middle = len(problem.x) / count
    for _ in range(_CYCLES):
        for power in _SIZES:
            size = int(2 ** (round(math.log2(middle)) + power))
            for part in _OFFSETS:
                if size >= _LEAST and time.perf_counter() < end:
                    R = blocks.ascended(R, size, size // part if part else 0)
    return R * (w_unit * y_unit) if np.isfinite(R).all() else None


class _Blocks:
    """Data in units of about 1, and affine fits of blocks of their rows."""

    def __init__(self, x: Array, Y: Array, w: Array, limits: Array, lam: float) -> None:
        self.x, self.Y, self.w, self.limits, self.lam = x, Y, w, limits * _INSIDE, lam * _INSIDE
        self.steps = np.append(np.diff(x), 0.0)[:, None]

    def best(self) -> tuple[Array, int]:
        """Return R from the best blocks of sizes 4, 8, 16, .., which are nested, and their number."""
        n, size, nothing = len(self.x), _LEAST, np.zeros_like(self.Y)
        chosen, value, count = nothing, np.zeros(-(-n // size)), np.ones(-(-n // size))
        while True:
            starts = np.arange(0, n, size)
            own = self._residual(self.Y, starts)
            unweighted = np.divide(own, self.w, out=nothing.copy(), where=self.w > 0)
            energy = np.add.reduceat(np.einsum("nt,nt->n", own, unweighted), starts)
            factor = self._largest_factor(nothing, own, starts)
            gain = (factor - factor**2 / 2) * energy
            if size > _LEAST:
                halves = np.arange(0, len(value), 2)
                value, count = np.add.reduceat(value, halves), np.add.reduceat(count, halves)
            better = gain > value
            value, count = np.maximum(gain, value), np.where(better, 1.0, count)
            rows = np.diff(np.append(starts, n))
            chosen = np.where(np.repeat(better, rows)[:, None], own * np.repeat(factor, rows)[:, None], chosen)
            if len(starts) == 1:
                return chosen, int(count[0])
            size *= 2

    def ascended(self, R: Array, size: int, offset: int) -> Array:
        """Return R with each block's best multiple of the residual of Y - R / w added."""
        starts = np.unique(np.append(0, np.arange(offset, len(self.x), size)))
        rest = self.Y - np.divide(R, self.w, out=np.zeros_like(R), where=self.w > 0)
        change = self._residual(rest, starts)
        factor = self._largest_factor(R, change, starts)
        raised: Array = R + np.repeat(factor, np.diff(np.append(starts, len(self.x))))[:, None] * change
        return raised

    def _residual(self, values: Array, starts: NDArray[np.intp]) -> Array:
        """Return w times the residual of values (N, T) after the best affine fit of each block."""
        rows = np.diff(np.append(starts, len(self.x)))

        def mean(terms: Array, by: Array) -> Array:
            total = np.add.reduceat(terms, starts, axis=0)
            return np.repeat(np.divide(total, by, out=np.zeros_like(total), where=by > 0), rows, axis=0)

        weight = np.add.reduceat(self.w, starts, axis=0)
        off = self.x[:, None] - mean(self.w * self.x[:, None], weight)
        spread = np.add.reduceat(self.w * off * off, starts, axis=0)
        for _ in range(2):  # a second pass corrects rounding
            values = values - mean(self.w * values, weight)
            values = values - mean(self.w * off * values, spread) * off
        return self.w * values

    def _largest_factor(self, R: Array, change: Array, starts: NDArray[np.intp]) -> Array:
        """Return for each block the largest factor, at most 1, by which `change` can be added to a feasible R."""
        Z, dZ = (np.cumsum(np.cumsum(rows, axis=0) * self.steps, axis=0) for rows in (R, change))
        square, product = np.einsum("nt,nt->n", dZ, dZ), np.einsum("nt,nt->n", Z, dZ)
        left = np.maximum(self.lam**2 - row_norms(Z) ** 2, 0.0)
        root = np.sqrt(product**2 + square * left)
        to_lam = np.where(product > 0, left / np.maximum(product + root, _NIL), (root - product) / np.maximum(square, _NIL))
        to_lam[square == 0] = 1.0
        with np.errstate(over="ignore"):
            to_limit = (self.limits - np.sign(change) * R) / np.maximum(np.abs(change), _NIL)
        factor: Array = np.minimum.reduceat(np.minimum(to_lam, to_limit.min(axis=1)), starts)
        return np.clip(factor, 0.0, 1.0)
