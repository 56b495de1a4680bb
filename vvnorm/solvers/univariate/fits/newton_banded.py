"""Newton steps for many knots: the Hessian is never formed; banded equations are solved in time linear in the knots.

`fits.newton_dense` explains the problem. Its step w solves H w = g for the multipliers of some knots, with H_ij = A_ij
<z_i, z_j>. Row i of H w is <z_i, y_i>, where y is the response of the dual variables to imposed slope jumps z_i w_i.
Let u_p be the response at knot p and s_p its slope right of it, and let the p-th segment, of length h, have data of
weight n at the distance a from the knot, with second moment m about it. Then for every output

    s_p - s_(p-1) + mu_p y_p = z_p w_p                        u_(p+1) = u_p + h s_p
    q_p - q_(p-1) = n u_p + n a s_p                           y_(p+1) = y_p + h q_p - n a u_p - m s_p

where q is the cumulative sum of the residuals and y the cumulative sum of q; both vanish at the ends. For each knot
there is one more equation: <z_p, y_p> = g_p, or w_p = -mu_p if its multiplier becomes 0. There is no division by small
lengths, so that close knots and segments of a hundred thousand rows may occur together (with values as the only
unknowns, the steps would fail). With the unknowns of each knot side by side, the matrix has 4 T + 1 rows per knot and
4 T + 3 bands. A step needs only the accuracy of a search direction; state and gap come from the smoother, as for few
knots.

Measured: 10000 x 4 labels at 1e-6 lam_max, with 2364 knots, take 1.5 s; dense matrices took 28 s for the same steps.
"""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, solve_banded

from vvnorm._internal.deadline import Flag
from vvnorm.solvers.array_kernels import plain
from vvnorm.solvers.univariate.fits.knot_selection import EVEN
from vvnorm.solvers.univariate.fits.newton_dense import LOOSE, WARM_UP, evaluate, gap_of
from vvnorm.validation import Array

_ROUNDING = 1e-10  # relative to lam^2: a gradient of the wrong sign that is smaller counts as 0
_PIVOTS = 400  # largest number of pivots; when all of 2376 rows start as knots 160 occur, later 1 to 20
_PATIENCE = 8  # steps without a smaller gap after which the iteration ends
_RISE = 1e-12  # relative rise of an objective that counts as rounding
_CROWDED = 1e-2  # largest part of the gaps that may be tiny; with more, pivoting cycles


def are_even(h: Array) -> bool:
    """Whether few gaps between knots are tiny relative to the mean gap; if many are, pivoting cycles here.

    Of N inputs drawn at random some are always 1 / N of the mean distance apart; a few such pairs do no harm.
    """
    return int(np.count_nonzero(h < EVEN * h.mean())) <= _CROWDED * len(h)


@plain()
def _state(
    segments: Any, labels: Any, offsets: Any, bounds: Any, mu: Any, work: Any, z: Any, state: Any, norms: Any
) -> Any:
    """Solve for the state with multipliers mu; return misfit and gap, and set z, its norms, values and `first`."""
    lam, residual_floor = bounds
    values, first = state
    misfit = evaluate(segments, labels, offsets, mu, work, z, values, first)
    return misfit, gap_of(misfit, residual_floor, lam, mu, z, norms)


def newton_solve(
    segments: Any,
    labels: Any,
    offsets: NDArray[np.int64],
    lam: float,
    residual_floor: float,
    target_gap: float,
    limit: int,
    mu: Array,
    z: Array,
    values: Array,
    first: Array,
    workspace: Any,
) -> int:
    """Do what `vvnorm.solvers.univariate.fits.newton_dense.newton_solve` does; return the steps.

    The arguments are the same, but z and values have k rows, and the workspace for matrices may be smaller.
    """
    work, stop = workspace[0], workspace[-1]
    norms, bounds = np.empty(len(mu)), (lam, residual_floor)

    def cost(trial: Array) -> tuple[float, float]:
        misfit, gap = _state(segments, labels, offsets, bounds, trial, work, z, (values, first), norms)
        return misfit + lam * lam * trial.sum(), gap

    if not mu.any():  # as for few knots
        cost(mu)
        stiffness = work[0][:, 1 : len(mu) - 1, 0].max(axis=0)
        mu[1:-1] = np.where(stiffness > 0, LOOSE / np.where(stiffness > 0, stiffness, 1.0), 0.0)
        for _ in range(WARM_UP):
            cost(mu)
            mu *= norms / lam
    total, gap = cost(mu)
    smallest, idle = gap, 0
    for step in range(limit):
        if gap <= target_gap or idle > _PATIENCE or stop[0]:
            return step
        most = total * (1 + _RISE)
        for target, shortest in _targets(_Model(segments, offsets, lam, mu, z, norms, stop)):
            if not np.isfinite(target).all():
                continue
            length = 1.0
            while True:
                trial = mu + length * (target - mu)
                total, gap = cost(trial)
                if total <= most or length <= shortest:
                    break
                length *= 0.5
            if total <= most:
                break
        mu[:] = trial
        idle = 0 if gap < 0.9 * smallest else idle + 1
        smallest = min(smallest, gap)
    return limit


def _targets(model: "_Model") -> Iterator[tuple[Array, float]]:
    """Yield targets, the boldest first, and the shortest step length to try; the last target always lowers F."""
    yield model.minimum(bold=True), 1.0
    yield model.minimum(bold=False), 1e-3
    yield model.mu * model.size / model.lam, 1.0


class _Model:
    """The quadratic model of F at given multipliers, and its minimum over multipliers that are not negative."""

    def __init__(
        self, segments: Any, offsets: NDArray[np.int64], lam: float, mu: Array, z: Array, norms: Array, stop: Flag
    ) -> None:  # fmt: skip
        self.mu, self.lam, self.size, self.stop = mu.copy(), lam, norms.copy(), stop
        self.T, self.k = z.shape[1], len(mu)
        self.used = (mu > 0) | (norms > lam)
        self.used[[0, -1]] = False
        self.direction = z / np.where(norms > 0, norms, 1.0)[:, None]
        self._equations(segments, np.repeat(np.arange(len(offsets) - 1), np.diff(offsets)))

    def _equations(self, segments: Any, group: NDArray[np.int64]) -> None:
        """Set up all rows but one for each knot, in units that make lengths and weights near 1."""
        h, T, k, width, block = segments[0], self.T, self.k, 2 * self.T + 1, 4 * self.T + 1
        n, centroid, sxx = (sums[group].T for sums in segments[1:])  # (k - 1, T)
        self.length, weight = float(h.mean()), float(n.mean()) or 1.0
        self.push = weight * self.length
        h, n, centroid = (h / self.length)[:, None], n / weight, centroid / self.length
        second = n * centroid**2 + sxx / (self.push * self.length)
        flexible = (self.mu * (self.push * self.length))[:, None]
        self.width, self.bands = width, np.zeros((2 * width + 1, k * block))

        def put(row: Any, column: Any, entries: Any) -> None:
            self.bands[width + row - column, column] = entries

        knot = block * np.arange(k)[:, None] + np.arange(T)
        self.y, u, self.w, s, q = knot, knot + T, knot[:, 0] + 2 * T, knot + 2 * T + 1, knot + 3 * T + 1
        bend_rows, force, moment, value = knot, knot + T, knot + 2 * T + 1, knot + 3 * T + 1  # rows; `_step` sets row w
        here, after = slice(None, -1), slice(1, None)
        # s_p - s_(p-1) + mu y_p = z_p w_p; no response at the ends
        put(bend_rows, self.y, flexible / (1 + flexible))
        put(bend_rows[1:-1], s[1:-1], 1 / (1 + flexible[1:-1]))
        put(bend_rows[1:-1], s[:-2], -1 / (1 + flexible[1:-1]))
        put(bend_rows[1:-1], self.w[1:-1, None], (-self.direction / (1 + flexible))[1:-1])
        put(bend_rows[[0, -1]], self.y[[0, -1]], 1.0)
        # q_p - q_(p-1) = n (u_p + centroid s_p); nothing is left at the last knot
        put(force, q, 1.0)
        put(force[after], q[here], -1.0)
        put(force[here], u[here], -n)
        put(force[here], s[here], -n * centroid)
        put(moment[-1:], q[-1:], 1.0)
        # y_(p+1) - y_p = h q_p - the residual's moment about the knot
        put(moment[here], self.y[after], 1.0)
        put(moment[here], self.y[here], -1.0)
        put(moment[here], q[here], -h)
        put(moment[here], u[here], n * centroid)
        put(moment[here], s[here], second)
        # u_(p+1) = u_p + h s_p
        put(value[here], u[after], 1.0)
        put(value[here], u[here], -1.0)
        put(value[here], s[here], -h)
        put(value[-1:], s[-1:], 1.0)

    def _step(self, chosen: NDArray[np.bool_], g: Array) -> tuple[Array, Array]:
        """Change of the multipliers (k,), and its product with the Hessian; what is not chosen goes to 0."""
        width, bands, right = self.width, self.bands.copy(), np.zeros(self.bands.shape[1])
        size = np.where(self.size > 0, self.size, 1.0)
        bands[width, self.w] = np.where(chosen, 0.0, 1.0)
        bands[width + self.w[chosen, None] - self.y[chosen], self.y[chosen]] = self.direction[chosen]
        right[self.w] = np.where(chosen, g / (size * self.push), -self.mu * size * self.length)
        solution = solve_banded((width, width), bands, right, overwrite_ab=True, overwrite_b=True, check_finite=False)
        response = np.sum(self.direction * solution[self.y], axis=1) * size * self.push
        return solution[self.w] / (size * self.length), response

    def minimum(self, *, bold: bool) -> Array:
        """Return the multipliers (k,), by block pivoting as for few knots; NaN if singular, or if time is over."""
        size, lam = self.size, self.lam
        g = 0.5 * (size * size - lam * lam)
        if bold:
            g = np.where(size > lam, size * size * (size / lam - 1), g)
        chosen = self.used & (self.mu > 0)
        fewest, patience = self.k + 1, 3
        for _ in range(_PIVOTS):
            if self.stop[0]:
                return np.full(self.k, math.nan)
            try:
                step, response = self._step(chosen, g)
            except LinAlgError:
                return np.full(self.k, math.nan)
            multipliers = np.where(chosen, self.mu + step, 0.0)
            wrong = self.used & np.where(chosen, multipliers < 0, g - response > _ROUNDING * lam * lam)
            count = int(np.count_nonzero(wrong))
            if count == 0:
                break
            patience = 3 if count < fewest else patience - 1
            fewest = min(fewest, count)
            if patience < 0:  # one at a time, since close knots would change sides in turn
                wrong[: np.flatnonzero(wrong)[-1]] = False
            chosen ^= wrong
        return np.maximum(multipliers, 0.0)
