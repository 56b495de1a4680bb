"""A dual array from affine fits of blocks of rows: a bound for fits that stop far from their optimum.

Let w be weights, R (N, T) an array that is orthogonal to affine functions in each output, and loss* the conjugates of the
losses. If ||Z|| <= lam for Z(a) = sum_j R_j relu(a - x_j), and every R / w lies in the domain of -loss', then

    min over f of  sum w loss(f, y) + lam VV(f)  >=  D(R) = - sum w loss*(-R / w).

For the squared loss D(R) is <R, Y> - sum R^2 / (2 w).

The array -w loss' of the best affine fit of a block of rows is orthogonal to affine functions, and its Z is 0 outside the
block. So every block may have a scaling factor of its own. The array of a whole function has a single factor, which its
worst row determines. Blocks of 4, 8, 16, .. rows are compared, and the best blocks are chosen from the smallest upwards. If
a solver's array is given, the ascent starts from the best of a few mixtures with it: D is concave, and mixtures of feasible
arrays are feasible.

Then the bound is raised block by block. The best change of R in a block, C, is orthogonal to affine functions there. By
duality R + C = -w loss'(a) for the affine function a that minimises sum w loss(a, y) + <R, a> over the block. For the
squared loss C is the weighted residual of Y - R / w; for other losses Newton steps compute a. For losses that consist of
linear pieces (hinge, one-class) the term -C^2 / (2 w) is added, so that the best C is unique. The largest multiple of C, at
most C itself, that keeps R feasible is added. This ascent ends short of the optimum, since the constraint couples the
blocks.

Measured on 3000 rows, of which a third are missing, weights over two decades, spacings over six, lam / lam_max of 1e-5 to
4e-5. Knot generation leaves gaps of 0.997 (Huber), 0.993 (logistic), 0.43 (hinge) and 0.9998 (one class). They become 0.22,
0.23, 0.15 and 0.47, in 0.6 to 1.5 s; most of the remaining gap is due to the function. With the function and the array of a
convex program they become 0.007, 0.009, 4e-5 and 7e-5; this array alone proves 0.066, 0.052, 4e-5 and 2e-4.

Measured on 20,000 noisy labels of a sine with the squared loss, lam / lam_max from 3.5e-5 to 3.5e-10: the bound is 0.9997,
0.997, 0.98, 0.85, 0.61 of the optimum (0.994, 0.93, 0.75, 0.49, 0.29 before the ascent) after 0.15 s. The residual of the
function that the solver has after 0.2 to 1 s proves a bound of 1e-3 to 0.1 of the optimum.
"""

import math
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vvnorm._internal.units import unit
from vvnorm.losses import Loss, label_power
from vvnorm.network import row_norms
from vvnorm.solvers.univariate.fits.problem import Problem
from vvnorm.validation import Array

_LEAST = 4  # rows of a block; an affine function fits two
_MOST = 5_000_000  # labels; for more, the passes take too much time and memory
_CYCLES = 2  # cycles of the ascent; three more would raise the bound by at most 1 %
_SIZES = (-3, -2, -1, 0, 1, 2)  # block sizes of the ascent: powers of two, relative to the mean size of the best blocks
_OFFSETS = (2, 4, 0)  # offsets of blocks, as divisors of the block size; 0 for none
_INSIDE = 1 - 1e-9  # part of lam and of the losses' domains that is used, so that rounding does not exceed them
_MIXED = (0.0, 0.25, 0.5, 0.75, 1.0)  # shares of the solver's array in the first array
_NEWTON = 15  # steps of an affine fit of a block; the projection that follows corrects what they leave
_DAMPING = 1e-3  # of the first step, relative to a curvature of 1
_ORTHOGONAL = 1e-12  # relative size of moments, and of distances from the ends of a domain, that count as rounding
_SMALLEST = 1e-300  # replaces 0 in denominators


def local_dual(problem: Problem, lam: float, seconds: float, given: Array | None = None) -> Array | None:
    """Return a dual array (N, T); None for more than 5,000,000 labels, or if numbers leave float64.

    Parameters
    ----------
    problem : Problem
    lam : float
        Strength of the penalty, positive.
    seconds : float
        Time after which the ascent ends.
    given : (N, T) array, optional
        The solver's dual array. It need not be feasible.
    """
    end = time.perf_counter() + seconds
    if problem.Y.size > _MOST:
        return None
    blocks, dual_unit = _blocks_of(problem.solved, lam, end)
    if not 0 < blocks.lam < math.inf:
        return None
    with np.errstate(over="ignore", invalid="ignore"):  # what leaves float64 is not returned
        R, count = blocks.best()
        if given is not None:
            R = blocks.mixed(R, given / dual_unit)
        mean_size = len(problem.x) / count
        for _ in range(_CYCLES):
            for power in _SIZES:
                size = int(2 ** (round(math.log2(mean_size)) + power))
                for divisor in _OFFSETS:
                    if size >= _LEAST and not blocks.is_late:
                        R = blocks.ascended(R, size, size // divisor if divisor else 0)
        R = R * dual_unit
    return R if np.isfinite(R).all() else None


def _blocks_of(problem: Problem, lam: float, end: float) -> "tuple[_Blocks, float]":
    """Return the data in units of about 1, and the unit of dual arrays."""
    present = ~np.isnan(problem.Y)
    w = np.broadcast_to(1.0 if problem.weights is None else problem.weights, problem.Y.shape) * present
    classes = np.array([loss.name in ("logistic", "hinge") for loss in problem.losses])
    power = label_power(problem.losses)
    level = np.array([0.0 if loss else np.nanmean(y) for loss, y in zip(classes, problem.Y.T, strict=True)])
    labels = np.where(present, problem.Y - level, 1.0 * classes)  # 1 is a class
    w_unit, x_unit = unit(float(w.max())), unit(float(np.max(np.abs(problem.x - problem.x[0]))))
    y_unit = unit(float(np.max(np.abs(labels)))) if power else 1.0
    label_unit = y_unit if power == 2 else 1.0
    losses = [Loss("huber", loss.parameter / y_unit) if loss.name == "huber" else loss for loss in problem.losses]
    with np.errstate(over="ignore", under="ignore"):
        strength = float(np.float64(lam) / w_unit / x_unit / label_unit)
    blocks = _Blocks((problem.x - problem.x[0]) / x_unit, labels / y_unit, w / w_unit, losses, strength, end)
    return blocks, w_unit * label_unit


class _Blocks:
    """Data in units of about 1, and affine fits of blocks of their rows.

    Iterations end at `end`, a value of time.perf_counter(); the array reached by then is feasible, too.
    """

    def __init__(self, x: Array, Y: Array, w: Array, losses: list[Loss], lam: float, end: float) -> None:
        self.end = end
        self.x, self.Y, self.w, self.lam = x, Y, w, lam * _INSIDE
        self.losses = losses
        self.quadratic = all(loss.name == "squared" for loss in losses)
        self.kinked = np.array([loss.name in ("hinge", "one_class") for loss in losses])
        ends = [loss.formulas.domain(y) for loss, y in zip(losses, Y.T, strict=True)]
        self.low, self.high = (np.column_stack(side) * _INSIDE for side in zip(*ends, strict=True))
        with np.errstate(invalid="ignore"):
            self.least, self.most = (np.where(w > 0, w * side, 0.0) for side in (self.low, self.high))
            self.rounding = np.where(np.isfinite(self.high), _ORTHOGONAL * (self.most - self.least), 0.0)
        self.steps = np.append(np.diff(x), 0.0)[:, None]

    @property
    def is_late(self) -> bool:
        """Whether the time is over."""
        return time.perf_counter() >= self.end

    def value(self, R: Array) -> Array:
        """Return the terms of D(R), (N, T)."""
        r = np.clip(self._per_weight(R), self.low, self.high)
        terms = [loss.formulas.neg_conjugate(*pair) for loss, *pair in zip(self.losses, r.T, self.Y.T, strict=True)]
        return self.w * np.column_stack(terms)

    def best(self) -> tuple[Array, int]:
        """Return R from the best blocks of sizes 4, 8, 16, .., which are nested, and their number."""
        n, size, nothing = len(self.x), _LEAST, np.zeros_like(self.Y)
        chosen, value, count = nothing, np.zeros(-(-n // size)), np.ones(-(-n // size))
        while True:
            starts = np.arange(0, n, size)
            rows = np.diff(np.append(starts, n))
            own = self._change(nothing, starts)
            own *= np.repeat(self._largest_factor(nothing, own, starts), rows)[:, None]
            gain = np.add.reduceat(self.value(own).sum(axis=1), starts)
            if size > _LEAST:
                halves = np.arange(0, len(value), 2)
                value, count = np.add.reduceat(value, halves), np.add.reduceat(count, halves)
            better = gain > value
            value, count = np.maximum(gain, value), np.where(better, 1.0, count)
            chosen = np.where(np.repeat(better, rows)[:, None], own, chosen)
            if len(starts) == 1 or self.is_late:
                return chosen, int(count.sum())
            size *= 2

    def mixed(self, R: Array, other: Array) -> Array:
        """Return the best of a few mixtures of R with another array, after that is made feasible."""
        whole, nothing = np.zeros(1, dtype=np.intp), np.zeros_like(R)
        inside = np.clip(other, self.least, self.most)
        change = self._projected(inside, self._margin(self._per_weight(inside)), whole)
        change *= self._largest_factor(nothing, change, whole)
        return max((R + share * (change - R) for share in _MIXED), key=lambda array: float(self.value(array).sum()))

    def ascended(self, R: Array, size: int, offset: int) -> Array:
        """Return R with a multiple of each block's best change added."""
        starts = np.unique(np.append(0, np.arange(offset, len(self.x), size)))
        change = self._change(R, starts)
        factor = self._largest_factor(R, change, starts)
        raised: Array = R + np.repeat(factor, np.diff(np.append(starts, len(self.x))))[:, None] * change
        return raised

    # --- the best change of a block ---

    def _per_weight(self, R: Array) -> Array:
        return np.divide(R, self.w, out=np.zeros_like(R), where=self.w > 0)

    def _margin(self, r: Array) -> Array:
        """Return how far entries can move inside their domain, at most 1."""
        margin: Array = np.clip(np.minimum(r - self.low, self.high - r), 0.0, 1.0)
        return margin

    def _change(self, R: Array, starts: NDArray[np.intp]) -> Array:
        """Return the best change of R in each block, orthogonal to affine functions there."""
        r = self._per_weight(R)
        target = self.Y if self.quadratic else self._respond(self._affine_fits(R, r, starts), r)[0]
        return self._projected(self.w * target - R, self._margin(target), starts)

    def _projected(self, change: Array, margin: Array, starts: NDArray[np.intp]) -> Array:
        """Subtract w margin (alpha + beta x), so that blocks are orthogonal to affine functions; 0 where that fails."""
        metric = self.w * margin
        off, spread = self._centred(metric, starts)
        weight = self._sum(metric, starts)
        for _ in range(2):  # a second pass corrects rounding
            change = change - metric * self._mean(change, weight, starts)
            change = change - metric * self._mean(off * change, spread, starts) * off
        size = self._sum(np.abs(change), starts)
        reach = np.maximum.reduceat(np.abs(off), starts)
        straight = np.abs(self._sum(change, starts)) <= _ORTHOGONAL * size
        straight &= np.abs(self._sum(off * change, starts)) <= _ORTHOGONAL * size * reach
        projected: Array = change * self._to_rows(straight, starts)
        return projected

    def _respond(self, u: Array, r: Array) -> tuple[Array, Array, Array]:
        """Return -loss' at values u, its curvature and the losses; for losses with kinks, those smoothed about r."""
        slope, curvature, value = np.empty((3, *u.shape))
        for t, loss in enumerate(self.losses):
            at, y = u[:, t], self.Y[:, t]
            if self.kinked[t]:
                slope[:, t] = np.clip(r[:, t] + (y - at), self.low[:, t], self.high[:, t])
                curvature[:, t] = (slope[:, t] > self.low[:, t]) & (slope[:, t] < self.high[:, t])
                value[:, t] = slope[:, t] * (y - at) - (slope[:, t] - r[:, t]) ** 2 / 2
            else:
                slope[:, t] = np.clip(loss.formulas.neg_gradient(at, y), self.low[:, t], self.high[:, t])
                curvature[:, t], value[:, t] = loss.formulas.curvature(at, y), loss.formulas.value(at, y)
        return slope, curvature, value

    def _affine_fits(self, R: Array, r: Array, starts: NDArray[np.intp]) -> Array:
        """Return values of the affine functions that minimise sum w loss(a, y) + <R, a> over blocks, by Newton steps."""
        w, (off, spread) = self.w, self._centred(self.w, starts)
        weight = self._sum(w, starts)
        u, damping = np.zeros_like(R), np.full(weight.shape, _DAMPING)
        slope, curvature, value = self._respond(u, r)
        lowest = self._sum(w * value, starts)
        for step_number in range(_NEWTON):
            if step_number and self.is_late:
                break
            neg_gradient = w * slope - R
            weighted = w * curvature
            a, b, c = (self._sum(weighted * off**power, starts) for power in range(3))
            a, c = a + damping * weight, c + damping * spread
            c[spread == 0] = 1.0  # there is one distinct input: the slope stays
            p, q = self._sum(neg_gradient, starts), self._sum(neg_gradient * off, starts)
            det = np.maximum(a * c - b * b, _SMALLEST)
            step = self._to_rows((c * p - b * q) / det, starts) + self._to_rows((a * q - b * p) / det, starts) * off
            trial = u + step
            slope, curvature, value = self._respond(trial, r)
            total = self._sum(w * value + R * trial, starts)
            better = total < lowest
            if not better.any():
                break
            lowest = np.where(better, total, lowest)
            damping = np.where(better, damping / 10, damping * 10)
            u = np.where(self._to_rows(better, starts), trial, u)
            slope, curvature, value = self._respond(u, r)
        return u

    # --- blocks ---

    def _sum(self, terms: Array, starts: NDArray[np.intp]) -> Array:
        total: Array = np.add.reduceat(terms, starts, axis=0)
        return total

    def _to_rows(self, values: NDArray[Any], starts: NDArray[np.intp]) -> NDArray[Any]:
        return np.repeat(values, np.diff(np.append(starts, len(self.x))), axis=0)

    def _mean(self, terms: Array, by: Array, starts: NDArray[np.intp]) -> Array:
        total = self._sum(terms, starts)
        return self._to_rows(np.divide(total, by, out=np.zeros_like(total), where=by > 0), starts)

    def _centred(self, metric: Array, starts: NDArray[np.intp]) -> tuple[Array, Array]:
        """Return x minus its mean in each block, (N, T), and the blocks' sums of its squares."""
        off = self.x[:, None] - self._mean(metric * self.x[:, None], self._sum(metric, starts), starts)
        return off, self._sum(metric * off * off, starts)

    def _largest_factor(self, R: Array, change: Array, starts: NDArray[np.intp]) -> Array:
        """Return for each block the largest factor, at most 1, by which `change` can be added to a feasible R."""
        Z, dZ = (np.cumsum(np.cumsum(rows, axis=0) * self.steps, axis=0) for rows in (R, change))
        square, product = np.einsum("nt,nt->n", dZ, dZ), np.einsum("nt,nt->n", Z, dZ)
        left = np.maximum(self.lam**2 - row_norms(Z) ** 2, 0.0)
        root = np.sqrt(product**2 + square * left)
        to_lam = np.where(
            product > 0, left / np.maximum(product + root, _SMALLEST), (root - product) / np.maximum(square, _SMALLEST)
        )
        to_lam[square == 0] = 1.0
        factor: Array = np.minimum.reduceat(np.minimum(to_lam, self._to_ends(R, change)), starts)
        return np.clip(factor, 0.0, 1.0)

    def _to_ends(self, R: Array, change: Array) -> Array:
        """Return the factor with which a row of R + factor * change reaches the end of a domain, (N,)."""
        ends = np.where(change > 0, self.most, self.least)
        with np.errstate(over="ignore"):
            left = np.abs(ends - R) + self.rounding
            factor = left / np.maximum(np.abs(change), _SMALLEST)
        return np.where(self.w > 0, factor, np.inf).min(axis=1)
