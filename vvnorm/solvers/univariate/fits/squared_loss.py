"""Fits with squared losses and complete labels: the labels are read once, then summaries of blocks of rows suffice."""

import math
from threading import Thread
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vvnorm._internal.callbacks import RoundCallback
from vvnorm._internal.jit import inside
from vvnorm._internal.threads import usable_threads
from vvnorm._internal.units import unit
from vvnorm.losses import is_rounding
from vvnorm.solvers.array_kernels import ZERO, fixed, part, plain
from vvnorm.solvers.univariate.fits import block_summaries, newton_banded
from vvnorm.solvers.univariate.fits.knot_generation import NEWTON, PATIENCE, ROUNDS, Rounds, RoundState
from vvnorm.solvers.univariate.fits.knot_selection import (
    MOST_FIRST,
    KnotFunction,
    dual_totals,
    first_knots,
    next_knots,
    reconstruct,
)
from vvnorm.solvers.univariate.fits.newton_dense import make_workspace, max_dense_knots, newton_solve
from vvnorm.solvers.univariate.fits.problem import KnotSolution, Problem
from vvnorm.tolerances import LABEL_ROUNDING
from vvnorm.validation import Array, levels

_SEARCH_TOLERANCE = 1.0  # tolerance of the search for the worst row, as a part of the excess of ||Z||^2 over its bound
_MINOR = 2e-3  # part of the largest excess of ||Z||^2 in the last round: rows with less wait for later rounds
_MANY = 1_000_000  # rows above which a round costs more than knots that are not needed
_NEAR = 30.0  # relative to the target gap: below, the next round is probably the last, and needs the exact worst row
_KNOTS = 120  # initial capacity; with 128, rows of matrices would compete for cache lines
_GROUPED = 500  # blocks above which they are grouped
_SHARED = 1_000_000  # labels above which two threads read them
_TINY, _HUGE = 1e-120, 1e120  # products of squares outside may leave float64
_dual_totals, _first_knots, _next_knots = inside(dual_totals), inside(first_knots), inside(next_knots)


class _Workspace(NamedTuple):
    """Workspace for up to `capacity` knots.

    Arrays of functions have two sides: one for the best function, one for the trial function.
    """

    rows: NDArray[np.int64]  # (2, capacity)
    first: Array  # (2, 2, T)
    curves: Array  # (2, 3, capacity, T): jumps, values and slopes
    merged: NDArray[np.int64]  # (2 capacity,), or for the first knots: rows of the next round
    merged_mu: Array  # as many: their multipliers
    worst: NDArray[np.int64]  # (capacity,)
    vectors: Array  # (6, capacity): lengths, weights, centroids and second moments of segments, ||Z||^2, multipliers
    tables: Array  # (4, capacity, T): mean labels and slopes of segments, dual variables, Z
    solver: Any  # see `make_workspace`

    @staticmethod
    def of(capacity: int, T: int, dense: int, stop: Any) -> "_Workspace":
        return _Workspace(
            np.empty((2, capacity), np.int64),
            np.empty((2, 2, T)),
            np.empty((2, 3, capacity, T)),
            np.empty(max(2 * capacity, MOST_FIRST), np.int64),
            np.empty(max(2 * capacity, MOST_FIRST)),
            np.empty(capacity, np.int64),
            np.empty((6, capacity)),
            np.empty((4, capacity, T)),
            make_workspace(capacity, T, 1, dense, stop),
        )


class _Best(NamedTuple):
    """The best function, or the line, which has no knots until it is computed."""

    side: int
    knots: int
    gap: float  # relative
    objective: float
    largest: float
    rounds: int
    steps: int


class _Progress(NamedTuple):
    """The progress of the rounds."""

    line: _Best
    best: _Best
    following: int  # number of knots of the next round; 0 until the first ones are chosen
    rounds: int
    steps: int
    target_gap: float  # gap to reach with the knots of the next round
    by_values: bool  # see `vvnorm.solvers.univariate.fits.knot_selection.reconstruct`
    finished: bool  # if false, rounds or capacity ran out, or many knots need multipliers from `newton_banded`
    moved: int  # Newton steps for these multipliers; -1 if they are not computed yet


_NONE = _Best(0, 0, 0.0, 0.0, 0.0, 0, 0)


class SquaredRounds(Rounds):
    """Squared losses, weights per row."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        weights = fixed(np.empty(0) if self.weights is None else self.weights[:, 0])
        self.losses = problem.losses
        self.offsets, self.few = np.array([0, self.outputs]), max_dense_knots(self.outputs)
        self.workspace, self.line_fit = self._workspace_for(_KNOTS), _NONE
        level = levels(problem.Y)
        self._compress(fixed(problem.Y), level, weights)
        if not _TINY < self.scatter < _HUGE and np.isfinite(problem.Y).all():
            self.y_unit = unit(float(np.abs(problem.Y).max()))
            if self.y_unit != 1:
                self._compress(fixed(problem.Y / self.y_unit), level / self.y_unit, weights)

    def _compress(self, Y: Array, level: Array, weights: Array) -> None:
        N, T = Y.shape
        # Larger blocks are fewer, but with many knots, as for many outputs, more of their rows are read.
        size = 16 if N <= 20_000 else int(min(max(math.sqrt(N / T) / 10, 64), 192))
        count, self.line = -(-N // size), np.zeros((3, T))
        self.line[2] = level
        every = count + (N // (size * block_summaries.GROUP) if count >= _GROUPED else 0)
        moments, means, crosses = np.empty((every, 5)), np.empty((every, T)), np.empty((every, T))
        self.data, self.blocks = (self.x, Y, weights, self.centre, size, self.line), (moments, means, crosses)
        self.scratch = (np.empty((4, T + 3)), np.empty(every), np.empty((8, T)))
        rows = (self.x, Y, weights, self.centre, size, moments, means, crosses, self.line, np.empty(3))
        read = 0
        if Y.size >= _SHARED and usable_threads() > 1:  # more than two would wait for memory
            other = Thread(target=block_summaries.compress, args=(*rows, 0, count // 2, False))
            other.start()
            block_summaries.compress(*rows, count // 2, count, False)
            other.join()
            read = count
        # Misfit inside the blocks, and not finite if a label is missing.
        self.scatter = block_summaries.compress(*rows, read, count, True)
        if every > count:
            block_summaries.group(self.x, self.centre, size, *self.blocks, np.empty((4, T)))

    @property
    def complete(self) -> bool:
        """Whether no label is missing."""
        return math.isfinite(self.scatter)

    @property
    def critical(self) -> float:
        """Smallest lam at which the best affine function is optimal."""
        if not self.line_fit.knots:
            self._find_line()
            self.straight = self._fits_line()
        return 0.0 if self.straight else self.line_fit.largest

    def _find_line(self) -> _Best:
        """Compute the line into the workspace."""
        self.line_fit = _NONE
        self._search(0, (1.0, 1.0, self.scatter, 1.0), 0)
        return self.line_fit

    def _fits_line(self) -> bool:
        """Whether the line misses the labels by their rounding only."""
        x, Y, weights = self.data[:3]
        shares = weights[:, None] if len(weights) else np.ones((len(x), 1))
        size = np.abs(self.line[0]) + np.abs(self.line[1]) * float(x[-1] - x[0]) + np.abs(self.line[2])
        if self.line_fit.objective > float(shares.sum()) * float(np.sum((2 * LABEL_ROUNDING * size) ** 2)):
            return False  # computed without reading a label
        off = (Y - self.line[2]) - (self.line[0] + (x - self.centre)[:, None] * self.line[1])
        with np.errstate(over="ignore"):
            lost = np.sum(shares * off * off, axis=0) / 2
        return is_rounding(self.losses, Y, shares, lost)

    @property
    def knows_critical(self) -> bool:
        """Whether `critical` has been computed."""
        return self.line_fit.knots > 0

    def run(self, lam: float, tol: float, start: KnotSolution | None, callback: RoundCallback | None = None) -> RoundState:
        """Generate knots until the relative gap is at most tol. The next run overwrites the function."""
        if self.critical == 0:
            return self._state(self._find_line())
        # Rows with ||Z|| up to a little more than lam count as feasible.
        limits = (lam, (lam * (1 + 0.1 * tol)) ** 2, self.scatter, tol)
        return self._state(self._search(self._take_over(lam, start), limits, ROUNDS, callback))

    def _state(self, best: _Best) -> RoundState:
        side, k, workspace = best.side, best.knots, self.workspace
        jumps, values, slopes = workspace.curves[side]
        function = KnotFunction(workspace.rows[side, :k], workspace.first[side], jumps[:k], values[:k], slopes[: k - 1])
        return RoundState(function, None, best.gap, best.rounds, best.steps, best.largest)

    def _take_over(self, lam: float, start: KnotSolution | None) -> int:
        """Use the knots of a start for the next round, and return their number; 0 if there are none."""
        if start is None or not len(start.kinks):
            return 0
        _ = self.critical  # the line comes first, since it uses the same arrays
        rows, mu = self.first_knots(lam, start)
        if len(rows) > len(self.workspace.worst):
            self.workspace = self._workspace_for(_and_some(len(rows)))
        self.workspace.merged[: len(rows)] = rows
        self.workspace.merged_mu[: len(rows)] = mu
        return len(rows)

    def _workspace_for(self, knots: int) -> _Workspace:
        return _Workspace.of(knots, self.outputs, self.few, self.stop)

    def _search(
        self, count: int, limits: tuple[float, float, float, float], most: int, callback: RoundCallback | None = None
    ) -> _Best:
        """Compute the line if it is not known, and do up to `most` rounds from `count` knots in the workspace, if any."""
        progress = _Progress(self.line_fit, _NONE, count, 0, 0, 0.0, False, False, -1)
        while True:
            at_most = (most if callback is None else progress.rounds + 1, self.few)
            line, best, *rest = _generate(
                self.data, self.blocks, self.offsets, self.last, limits, at_most, progress, self.workspace, self.scratch
            )
            progress = _Progress(_Best(*line), _Best(*best), *rest)
            self.line_fit = progress.line
            if progress.rounds == at_most[0] and callback is not None:
                callback(progress.rounds, progress.best.objective, progress.best.objective * (1 - progress.best.gap))
            if progress.finished or progress.rounds >= most:
                return progress.best
            if progress.rounds == at_most[0]:
                continue
            if progress.following > len(self.workspace.worst):
                self._enlarge(progress.following, progress.best)
            elif not newton_banded.are_even(self.workspace.vectors[0, : progress.following - 1]):
                self.few = len(self.x)  # dense matrices from now on
                self._enlarge(progress.following, progress.best)
            else:
                progress = progress._replace(moved=self._improve(progress, limits))

    def _improve(self, progress: _Progress, limits: tuple[float, float, float, float]) -> int:
        """Compute the multipliers of many knots, whose segments are summarised already; return the number of steps."""
        workspace, k = self.workspace, progress.following
        segments = (
            workspace.vectors[0, : k - 1],
            *(np.ascontiguousarray(workspace.vectors[p : p + 1, : k - 1]) for p in (1, 2, 3)),
        )
        mean, fitted, z, _ = workspace.tables
        mu, side = workspace.merged_mu[:k], 1 - progress.best.side
        state = (workspace.curves[side, 1, :k], workspace.first[side])
        return newton_banded.newton_solve(
            segments,
            (mean, fitted),
            self.offsets,
            limits[0],
            limits[2],
            progress.target_gap,
            NEWTON,
            mu,
            z[:k],
            *state,
            workspace.solver,
        )

    def _enlarge(self, count: int, best: _Best) -> None:
        """Enlarge the workspace to `count` knots and those of the best function, and keep its contents."""
        old, k = self.workspace, best.knots
        new = self.workspace = self._workspace_for(_and_some(max(count, k)))
        new.merged[:count], new.merged_mu[:count] = old.merged[:count], old.merged_mu[:count]
        new.rows[best.side, :k], new.first[best.side] = old.rows[best.side, :k], old.first[best.side]
        new.curves[best.side, :, :k] = old.curves[best.side, :, :k]


def _and_some(knots: int) -> int:
    return knots + knots // 4  # not much more, since the solver's matrices have its square as size


@part()
def _search_limits(
    limits: Any, feasible: float, straight: bool, rounds: int, n_rows: int, gap: float, largest: float
) -> tuple[float, float]:
    """Return the threshold of ||Z||^2 for rows, and the tolerance of the search for the worst row of a segment."""
    if straight or (rounds > 0 and gap < _NEAR * limits[3]):
        return feasible, 0.0
    if rounds > 0 and n_rows >= _MANY:
        feasible = max(feasible, limits[0] ** 2 + _MINOR * (largest**2 - limits[0] ** 2))
    return feasible, _SEARCH_TOLERANCE


@plain()
def _generate(
    data: Any,
    blocks_of_rows: Any,
    offsets: Any,
    last: int,
    limits: Any,
    at_most: Any,
    progress: Any,
    workspace: Any,
    scratch: Any,
) -> Any:
    """Do rounds of knot generation until the relative gap is reached, no round helps, or the workspace is too small.

    The line is computed in the same loop, before all rounds, since a kernel is compiled once for each place that calls it.

    Parameters
    ----------
    data, blocks_of_rows
        As in `vvnorm.solvers.univariate.fits.block_summaries`.
    offsets : (2,) array
        First output, and one past the last.
    last : int
        First row of the largest input.
    limits : tuple of floats
        lam, ||Z||^2 up to which a row counts as feasible, the misfit inside blocks, and the relative gap wanted.
    at_most : (int, int)
        Largest number of rounds, and of knots whose multipliers are found here.
    progress : _Progress
        The state to continue from; rows and multipliers of the next round are in `workspace`.
    workspace : _Workspace
        Set to the best function, among other arrays.
    scratch : tuple of arrays
        More arrays to work in.

    Returns
    -------
    tuple : the fields of a _Progress, and for line and best those of a _Best. Named tuples are made by Python code, which
    Ctrl-C may interrupt; compiled code that waits for one then ends the process.
    """
    line, best, count, rounds, steps, target_gap, by_values, _, known = progress
    finished, tol, (most, few) = False, limits[3], at_most
    while not finished and (line.knots == 0 or rounds < most):
        straight = line.knots == 0
        if straight or count == 0:
            count = _first_knots(data[0], last, limits[0], line.largest, workspace.merged, workspace.merged_mu)
        if count > len(workspace.worst):
            break
        side = 1 - best.side
        for p in range(count):
            workspace.rows[side, p], workspace.vectors[5, p] = workspace.merged[p], workspace.merged_mu[p]
        if rounds == 0:
            target_gap = 2e-3 * line.objective
        _summarise(data, blocks_of_rows, count, side, workspace, scratch)
        if count > few and known < 0:
            break
        limit = ZERO if known >= 0 else ZERO + NEWTON
        # For the line all rows matter.
        bounds = (1.0, 0.0, limits[2], 0.0) if straight else limits
        search = _search_limits(limits, bounds[1], straight, rounds, len(data[0]), best.gap, best.largest)
        moved, gap, objective, largest, exceeds, following = _solve_and_sweep(
            data,
            blocks_of_rows,
            offsets,
            bounds,
            search,
            target_gap,
            limit,
            by_values,
            count,
            side,
            workspace,
            scratch,
        )
        if straight:
            line, count = _Best(side, count, 0.0, objective, largest, 0, 0), ZERO
            continue
        rounds += 1
        moved, known = max(moved, known), ZERO - 1
        steps += moved
        relative = gap / objective if objective > 0.0 else 0.0
        if rounds == 1 or relative < best.gap:
            best = _Best(side, count, relative, objective, largest, rounds, steps)
        demand = max(0.01 * gap, 0.1 * tol * objective)
        stalled = moved == 0 and not exceeds and demand > 0.5 * target_gap
        idle = rounds > best.rounds + PATIENCE or (stalled and by_values)
        finished = relative <= tol or idle or workspace.solver[5][0] != 0
        by_values = by_values or stalled or rounds > best.rounds + 2
        target_gap, count = demand, following
    return _fields(line), _fields(best), count, rounds, steps, target_gap, by_values, finished, known


@part()
def _fields(f: Any) -> Any:
    return f.side, f.knots, f.gap, f.objective, f.largest, f.rounds, f.steps


@part(inline="always")
def _summarise(data: Any, blocks_of_rows: Any, k: int, side: int, workspace: Any, scratch: Any) -> None:
    segments = (workspace.vectors[0, : k - 1], workspace.vectors[1:2], workspace.vectors[2:3], workspace.vectors[3:4])
    block_summaries.segment_summaries(
        data, blocks_of_rows, workspace.rows[side, :k], segments, workspace.tables[0], workspace.tables[1], scratch[0]
    )


@part(inline="always")  # it has one caller; inlined, it is compiled once
def _solve_and_sweep(
    data: Any,
    blocks_of_rows: Any,
    offsets: Any,
    limits: Any,
    coarse: Any,
    target_gap: float,
    limit: int,
    by_values: bool,
    k: int,
    side: int,
    workspace: Any,
    scratch: Any,
) -> tuple[int, float, float, float, bool, int]:
    """Solve with k knots up to a gap `target_gap`, sweep, and choose the next ones; arguments are as in `_generate`.

    `coarse` has the threshold and the tolerance for worst rows, see `fits.block_summaries.sweep`, except near the
    target gap.

    Returns
    -------
    Newton steps; gap and objective; largest ||Z||; whether rows are to be added; number of knots in the next round.
    """
    (lam, feasible, residual_floor, tol), (minor, search_tolerance) = limits, coarse
    rows, worst, mu, squares = (
        workspace.rows[side, :k],
        workspace.worst[: k - 1],
        workspace.vectors[5, :k],
        workspace.vectors[4],
    )
    first, jumps, values, slopes = (
        workspace.first[side],
        workspace.curves[side, 0],
        workspace.curves[side, 1],
        workspace.curves[side, 2],
    )
    mean, fitted, z, at_knots = workspace.tables[0], workspace.tables[1], workspace.tables[2], workspace.tables[3]
    segments = (workspace.vectors[0, : k - 1], workspace.vectors[1:2], workspace.vectors[2:3], workspace.vectors[3:4])
    steps, _ = newton_solve(
        segments, (mean, fitted), offsets, lam, residual_floor, target_gap, limit, mu, z, values, first, workspace.solver
    )
    reconstruct(segments[0], mu, z, by_values, first, jumps, values, slopes)
    while True:
        misfit = block_summaries.sweep(
            data,
            blocks_of_rows,
            rows,
            values,
            slopes,
            minor,
            search_tolerance,
            at_knots,
            worst,
            squares,
            scratch[1],
            scratch[2],
        )
        penalty, product, square, exceeds = _dual_totals(jumps, at_knots, worst, squares)
        largest = math.sqrt(square)
        theta = min(1.0, lam / largest) if largest > 0.0 else 1.0
        short = 1.0 - theta
        gap = 0.5 * short * short * misfit + max(lam * penalty - theta * product, 0.0)
        objective = 0.5 * misfit + lam * penalty
        certain = search_tolerance == 0.0 if exceeds else minor == feasible
        if certain or (exceeds and gap > tol * objective):
            break
        minor, search_tolerance = feasible, 0.0
    close = lam * (1.0 - min(max(largest / lam - 1.0, 0.0), 1e-3))
    count = _next_knots(data[0], rows, mu, z, jumps, worst, close * close, workspace.merged, workspace.merged_mu)
    return steps, gap, objective, largest, exceeds, count
