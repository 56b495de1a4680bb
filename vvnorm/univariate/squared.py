"""The regularised problem with squared losses of complete labels: the labels are read once, then blocks are enough."""

import math
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from vvnorm.data import Array
from vvnorm.univariate import blocks
from vvnorm.univariate.compiled import fixed
from vvnorm.univariate.knots import DualSweep, KnotFunction
from vvnorm.univariate.problem import Found, Problem
from vvnorm.univariate.reduced import improve
from vvnorm.univariate.rounds import NEWTON, PATIENCE, ROUNDS, Rounds, State, unit

_SLACK = 0.1  # how far, as a part of the excess of ||Z||^2 over its bound, the row found may be from the worst
_TINY, _HUGE = 1e-120, 1e120  # products of squares outside may leave float64


class SquaredRounds(Rounds):
    """Squared losses, weights per row."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        weights = fixed(np.empty(0) if problem.weights is None else problem.weights[:, 0])
        self.offsets = np.array([0, self.outputs])
        self._compress(fixed(problem.Y), weights)
        if not _TINY < self.scatter < _HUGE and np.isfinite(problem.Y).all():
            self.y_unit = unit(float(np.abs(problem.Y).max()))
            if self.y_unit != 1:
                self._compress(fixed(problem.Y / self.y_unit), weights)

    def _compress(self, Y: Array, weights: Array) -> None:
        N, T = Y.shape
        size = 16 if N <= 20_000 else 64 if N <= 2_000_000 else 256
        moments, line = np.empty((-(-N // size), 6)), np.zeros((2, T))
        means, crosses = np.empty((2, len(moments), T))
        self.data, self.blocks = (self.x, Y, weights, self.centre, size, line), (moments, means, crosses)
        self.reach, self.scratch = np.empty(len(moments)), np.empty((12, T))
        blocks.compress(self.x, Y, weights, self.centre, size, moments, means, crosses)
        self._straighten()
        # Misfit inside the blocks; a missing label shows in the means.
        self.line, self.scatter = line, float(moments[:, 3].sum() + 0.0 * means.sum())

    def _straighten(self) -> None:
        """Set the line to the least-squares line, and take it off the blocks."""
        (moments, means, crosses), line = self.blocks, self.data[5]
        sums, (mean, fitted) = self._summaries(np.array([0, self.last]))
        with np.errstate(invalid="ignore", over="ignore"):  # labels may be missing, or in bad units
            line[1] = fitted[0]
            line[0] = mean[0] - fitted[0] * (sums[1, 0, 0] + (self.x[0] - self.centre))
            means -= line[0] + moments[:, 1:2] * line[1]
            crosses -= moments[:, 2:3] * line[1]

    def _summaries(self, rows: NDArray[np.int64]) -> tuple[Array, Array]:
        """Summarise the rows between knots: weights, centroids and second moments; mean labels and fitted slopes."""
        k, T = len(rows), self.outputs
        sums, labels = np.empty((3, 1, k - 1)), np.empty((2, k - 1, T))
        blocks.segment_summaries(self.data, self.blocks, rows, sums[:, 0], labels[0], labels[1], np.empty((4, T + 3)))
        return sums, labels

    @property
    def complete(self) -> bool:
        """Whether no label is missing."""
        return math.isfinite(self.scatter)

    @cached_property
    def _affine(self) -> tuple[float, float]:
        """Largest ||Z|| of the least-squares line, and its misfit."""
        ends, zero = np.array([0, self.last]), np.zeros((2, self.outputs))
        sweep, misfit = self._sweep(KnotFunction(ends, zero, zero, zero, zero[:1]), 0.0, 0.0)
        return sweep.largest, misfit

    @property
    def critical(self) -> float:
        """See `Rounds`."""
        return self._affine[0]

    def run(self, lam: float, tol: float, start: Found | None) -> State:
        """See `Rounds`."""
        rows, mu = self.first_knots(lam, start)
        enough, steps, by_values = 1e-3 * self._affine[1], 0, False
        best: State | None = None
        for rounds in range(1, ROUNDS + 1):
            function, z, more = self._solve_on(rows, mu, lam, enough, by_values)
            steps += more
            sweep, gap, objective = self._assess(function, lam, tol, _SLACK)
            if gap <= tol * objective and sweep.exceeds:
                sweep, gap, objective = self._assess(function, lam, tol, 0.0)
            relative = gap / objective if objective > 0 else 0.0
            if best is None or relative < best.gap:
                best = State(function, None, relative, rounds, steps, sweep.largest)
            stalled = more == 0 and not sweep.exceeds
            if relative <= tol or rounds > best.rounds + PATIENCE or (stalled and by_values):
                break
            by_values |= stalled
            enough = max(0.01 * gap, 0.1 * tol * objective)
            rows, mu = self.next_knots(lam, mu, z, function, sweep)
        assert best is not None
        return best

    def _assess(self, f: KnotFunction, lam: float, tol: float, slack: float) -> tuple[DualSweep, float, float]:
        """Sweep, duality gap and objective of a function."""
        sweep, misfit = self._sweep(f, lam * (1 + 0.1 * tol), slack)
        penalty = lam * sweep.penalty
        theta = min(1.0, lam / sweep.largest) if sweep.largest > 0 else 1.0
        between = max(penalty - theta * sweep.product, 0.0)
        return sweep, 0.5 * (1 - theta) ** 2 * misfit + between, 0.5 * misfit + penalty

    def _sweep(self, f: KnotFunction, enough: float, slack: float) -> tuple[DualSweep, float]:
        """Z of a function, where its norm may exceed `enough`, up to a slack; and the misfit."""
        k = len(f.rows)
        at_knots, worst, sizes = np.empty((k, self.outputs)), np.empty(k - 1, dtype=np.int64), np.empty(k - 1)
        misfit = blocks.sweep(
            self.data,
            self.blocks,
            f.rows,
            f.values,
            f.slopes,
            enough * enough,
            slack,
            at_knots,
            worst,
            sizes,
            self.reach,
            self.scratch,
        )
        return DualSweep.of(f, at_knots, worst, sizes), misfit

    def _solve_on(
        self, rows: NDArray[np.int64], mu: Array, lam: float, enough: float, by_values: bool
    ) -> tuple[KnotFunction, Array, int]:
        """Solve with these knots; mu is start and result. Returns function, dual variables at the knots, steps."""
        k = len(rows)
        sums, (mean, fitted) = self._summaries(rows)
        (z, values), first = np.zeros((2, k, self.outputs)), np.empty((2, self.outputs))
        places = self.x[rows]
        segments = (places[1:] - places[:-1], sums[0], sums[1], sums[2])
        steps, _ = improve(segments, (mean, fitted), self.offsets, lam, self.scatter, enough, NEWTON, mu, z, values, first)
        return KnotFunction.solving(segments[0], rows, mu, z, values, first, by_values), z, steps
