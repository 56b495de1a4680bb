"""The regularised problem with squared losses of complete labels: the labels are read once, then blocks are enough."""

import math
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vvnorm.data import Array
from vvnorm.univariate import blocks
from vvnorm.univariate.compiled import fixed, plain
from vvnorm.univariate.knots import KnotFunction, complete, next_knots, tally
from vvnorm.univariate.problem import Found, Problem
from vvnorm.univariate.reduced import improve, make_room
from vvnorm.univariate.rounds import NEWTON, PATIENCE, ROUNDS, Rounds, State, unit

_SLACK = 0.1  # how far, as a part of the excess of ||Z||^2 over its bound, the row found may be from the worst
_TINY, _HUGE = 1e-120, 1e120  # products of squares outside may leave float64


class _Round(NamedTuple):
    """What became of a round."""

    function: KnotFunction
    rows: NDArray[np.int64]
    mu: Array
    steps: int
    gap: float
    objective: float
    largest: float
    exceeds: bool


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
        count, self.line = -(-N // size), np.empty((2, T))
        moments, means, crosses = np.empty((count, 6)), np.empty((count, T)), np.empty((count, T))
        self.data, self.blocks = (self.x, Y, weights, self.centre, size, self.line), (moments, means, crosses)
        self.scratch = (np.empty((4, T + 3)), np.empty(count), np.empty((12, T)))
        # Misfit inside the blocks, and not finite if a label is missing.
        self.scatter = blocks.compress(
            self.x, Y, weights, self.centre, size, moments, means, crosses, self.line, np.empty(3)
        )

    @property
    def complete(self) -> bool:
        """Whether no label is missing."""
        return math.isfinite(self.scatter)

    @cached_property
    def _affine(self) -> _Round:
        """The round whose function is the least-squares line."""
        return self._round(np.array([0, self.last]), np.zeros(2), 1.0, 0.0, 0.0, 0.0, False)

    @property
    def critical(self) -> float:
        """See `Rounds`."""
        return self._affine.largest

    def run(self, lam: float, tol: float, start: Found | None) -> State:
        """See `Rounds`."""
        rows, mu = self.first_knots(lam, start)
        enough, steps, by_values = 2e-3 * self._affine.objective, 0, False
        best: State | None = None
        for rounds in range(1, ROUNDS + 1):
            done = self._round(rows, mu, lam, 1 + 0.1 * tol, enough, tol, by_values)
            steps += done.steps
            relative = done.gap / done.objective if done.objective > 0 else 0.0
            if best is None or relative < best.gap:
                best = State(done.function, None, relative, rounds, steps, done.largest)
            stalled = done.steps == 0 and not done.exceeds
            if relative <= tol or rounds > best.rounds + PATIENCE or (stalled and by_values):
                break
            by_values |= stalled
            enough = max(0.01 * done.gap, 0.1 * tol * done.objective)
            rows, mu = done.rows, done.mu
        assert best is not None
        return best

    def _round(
        self, rows: NDArray[np.int64], mu: Array, lam: float, excess: float, enough: float, tol: float, by_values: bool
    ) -> _Round:
        """Solve with these knots up to a gap `enough`, sweep, and choose the next ones.

        Rows with ||Z|| up to lam * excess count as feasible.
        """
        k, T = len(rows), self.outputs
        first, jumps, values, slopes = np.empty((2, T)), np.empty((k, T)), np.empty((k, T)), np.empty((k - 1, T))
        merged, merged_mu = np.empty(2 * k, np.int64), np.empty(2 * k)
        steps, gap, objective, largest, exceeds, count = _solve_and_sweep(
            self.data,
            self.blocks,
            self.offsets,
            (rows, mu, merged, merged_mu),
            (lam, lam * excess, self.scatter, enough, tol),
            by_values,
            (first, jumps, values, slopes),
            (np.empty((6, k - 1)), np.empty((2, k - 1, T)), np.empty((2, k, T)), np.empty(k - 1, np.int64)),
            make_room(k, T, 1),
            self.scratch,
        )
        function = KnotFunction(rows, first, jumps, values, slopes)
        return _Round(function, merged[:count], merged_mu[:count], steps, gap, objective, largest, exceeds)


@plain()
def _solve_and_sweep(
    data: Any,
    blocks_of_rows: Any,
    offsets: Any,
    knots: Any,
    limits: Any,
    by_values: bool,
    function: Any,
    own: Any,
    room: Any,
    scratch: Any,
) -> tuple[int, float, float, float, bool, int]:
    """Do a round of knot generation; everything but data and blocks is for its k knots.

    Parameters
    ----------
    data, blocks_of_rows
        As in `vvnorm.univariate.blocks`.
    offsets : (2,) array
        First output, and one past the last.
    knots : tuple of arrays
        Rows and multipliers of the knots (k,); the multipliers that solve the problem are put in their place. Rows and
        multipliers of the next round (2 k,) are set.
    limits : tuple of floats
        lam, the norm up to which Z counts as feasible, the misfit inside blocks, the gap to reach with these knots, and
        the relative gap wanted.
    by_values : bool
        See `vvnorm.univariate.knots.complete`.
    function : tuple of arrays
        Set to the function's value and slope at the first knot, jumps, values and slopes.
    own, room, scratch : tuples of arrays
        Room to work in.

    Returns
    -------
    Newton steps; gap and objective; largest ||Z||; whether rows are to be added; number of knots in the next round.
    """
    rows, mu, merged, merged_mu = knots
    lam, feasible, within, enough, tol = limits
    first, jumps, values, slopes = function
    vectors, labels, pair, worst = own
    z, at_knots, squares = pair[0], pair[1], vectors[4]
    segments = (vectors[0], vectors[1:2], vectors[2:3], vectors[3:4])
    blocks.segment_summaries(data, blocks_of_rows, rows, segments, labels[0], labels[1], scratch[0])
    steps, _ = improve(segments, (labels[0], labels[1]), offsets, lam, within, enough, NEWTON, mu, z, values, first, room)
    complete(segments[0], mu, z, by_values, first, jumps, values, slopes)
    slack = _SLACK
    while True:
        misfit = blocks.sweep(
            data, blocks_of_rows, rows, values, slopes, feasible**2, slack, at_knots, worst, squares, scratch[1], scratch[2]
        )
        penalty, product, square, exceeds = tally(jumps, at_knots, worst, squares)
        largest = math.sqrt(square)
        theta = min(1.0, lam / largest) if largest > 0.0 else 1.0
        gap = 0.5 * (1.0 - theta) ** 2 * misfit + max(lam * penalty - theta * product, 0.0)
        objective = 0.5 * misfit + lam * penalty
        if slack == 0.0 or not exceeds or gap > tol * objective:
            break
        slack = 0.0
    close = lam * (1.0 - min(max(largest / lam - 1.0, 0.0), 1e-3))
    count = next_knots(data[0], rows, mu, z, jumps, worst, close * close, merged, merged_mu)
    return steps, gap, objective, largest, exceeds, count
