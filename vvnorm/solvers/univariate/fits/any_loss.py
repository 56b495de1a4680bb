"""Fits with any losses, weights per entry and missing labels.

Each round replaces the losses by their quadratic model at the current function, solves the model on the current knots, and
takes a step towards the solution. Its length comes from a line search for losses without corners, and from an
interior-point method for losses with corners (see `fits.loss_passes`).
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vvnorm._internal.callbacks import RoundCallback
from vvnorm._internal.units import unit
from vvnorm.losses import HINGE, HUBER, LOGISTIC, ONE_CLASS, Loss, is_rounding
from vvnorm.solvers.array_kernels import fixed, plain
from vvnorm.solvers.univariate.fits import loss_passes, newton_banded
from vvnorm.solvers.univariate.fits.knot_generation import NEWTON, PATIENCE, ROUNDS, Rounds, RoundState
from vvnorm.solvers.univariate.fits.knot_selection import DualSweep, KnotFunction, next_knots, reconstruct
from vvnorm.solvers.univariate.fits.newton_dense import make_workspace, max_dense_knots, newton_solve
from vvnorm.solvers.univariate.fits.problem import KnotSolution, Problem
from vvnorm.validation import Array, levels

_STIFF = 1e100  # lam of the affine fit
_AFFINE_GAP = 1e-9
_CLOSE = 0.1  # relative gap below which rounding in dual values is corrected
_SETTLED = (1e-3, 3e-2)  # relative errors of Z at a knot in use that count as rounding; both are tried
_NOTHING = 1e-13  # dual values of hinge losses, relative to their weights, that are 0 up to rounding
_NEGLIGIBLE = 1e-10  # loss per label below which classes count as separated, so that there is no minimiser


class GeneralRounds(Rounds):
    """Rounds for any losses: each round reads all labels a few times."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self.losses = problem.losses
        self._line: RoundState | None = None
        codes = np.array([loss.code for loss in self.losses])
        parameters = np.array([loss.parameter for loss in self.losses])
        low, high = np.nanmin(problem.Y, axis=0), np.nanmax(problem.Y, axis=0)
        if np.isinf(high - low).any():
            raise ValueError(f"Y holds infinity in output {int(np.argmax(np.isinf(high - low)))}")
        if self.power:
            self.y_unit = unit(float(max(high.max(), -low.min())))
            parameters = np.where(codes == HUBER, parameters / self.y_unit, parameters)
            high, low = high / self.y_unit, low / self.y_unit
        level = np.where(np.isin(codes, (HINGE, LOGISTIC)), 0.0, levels(problem.Y))
        labels = problem.Y - level if level.any() else problem.Y
        self.Y = fixed(labels if self.y_unit == 1 else labels / self.y_unit)
        self.line[2] = level / self.y_unit
        weights = fixed(np.empty((0, 0)) if self.weights is None else self.weights)
        self.data = (self.x, self.Y, weights, codes, parameters)
        self.corners = bool(np.isin(codes, (HINGE, HUBER, ONE_CLASS)).any())
        self.negligible = _NEGLIGIBLE * problem.Y.size if np.isin(codes, (HINGE, LOGISTIC)).all() else 0.0
        self.nothing = np.where(codes == HINGE, _NOTHING, 0.0) * (1.0 if self.weights is None else self.weights)
        spread = np.where(high > low, (high - low) / 2, 0.5)
        # Loss of a typical misfit: the start of the interior-point method.
        self.openness = np.where(codes == HINGE, 1.0, np.where(codes == HUBER, parameters * (spread + parameters), spread))

    def _affine(self) -> RoundState:
        """Return the best affine function; for labels that are affine up to rounding, their least-squares line."""
        if self._line is not None:
            return self._line
        line = self._straight()
        if self._fits(line):
            self._line = RoundState(line, np.zeros_like(self.Y) if self.corners else None, 0.0, 0, 0, 0.0)
            return self._line
        affine = _Descent(self, _STIFF, _AFFINE_GAP, line, np.zeros(2)).run()
        if not self.stop[0]:
            self._line = affine
        return affine

    def _fits(self, line: KnotFunction) -> bool:
        """Whether a line fits the labels up to their rounding."""
        values = line.first[0] + (self.x - self.x[0])[:, None] * line.first[1]
        kinds = [Loss(loss.name, size) for loss, size in zip(self.losses, self.data[4].tolist(), strict=True)]
        shares = np.where(np.isnan(self.Y), 0.0, 1.0 if self.weights is None else self.weights)
        with np.errstate(over="ignore", invalid="ignore"):
            each = [loss.value(u, y) for loss, u, y in zip(kinds, values.T, self.Y.T, strict=True)]
            lost = np.sum(shares * np.column_stack(each), axis=0)
        return is_rounding(kinds, self.Y + self.line[2], self.weights, lost)

    @property
    def critical(self) -> float:
        """Smallest lam at which the best affine function is optimal."""
        return self._affine().largest

    @property
    def knows_critical(self) -> bool:
        """Whether `critical` has been computed."""
        return self._line is not None

    def run(self, lam: float, tol: float, start: KnotSolution | None, callback: RoundCallback | None = None) -> RoundState:
        """Generate knots until the relative gap is at most tol."""
        affine = self._affine()
        if not self.knows_critical:  # no time is left: judge the affine function at lam
            return _Descent(self, lam, tol, affine.function, np.zeros(2)).run()
        if lam >= affine.largest:
            return affine
        rows, mu = self.first_knots(lam, start)
        first, jumps = affine.function.first, np.zeros((len(rows), self.outputs))
        if start is not None:
            first = np.stack([start.value / self.y_unit - self.line[2], start.slope / self._slope_unit])
            jumps[1 : 1 + len(start.kinks)] = start.jumps / self._slope_unit
        return _Descent(self, lam, tol, KnotFunction.of(np.diff(self.x[rows]), rows, first, jumps), mu).run(callback)

    def _straight(self) -> KnotFunction:
        """Least-squares lines where labels are values, 0 where they are classes."""
        weights = self.weights
        T, present = self.outputs, ~np.isnan(self.Y) & (True if weights is None else weights > 0)
        first = np.zeros((2, T))
        for t, loss in enumerate(self.losses):
            if loss.name not in ("hinge", "logistic"):
                x, y = self.x[present[:, t]], self.Y[present[:, t], t]
                off, middle = (x - x[0]) - np.mean(x - x[0]), y[0] + np.mean(y - y[0])
                first[1, t] = off @ (y - middle) / max(off @ off, np.finfo(float).tiny)
                first[0, t] = middle + first[1, t] * ((self.x[0] - x[0]) - np.mean(x - x[0]))
        ends = np.array([0, self.last])
        return KnotFunction.of(np.diff(self.x[ends]), ends, first, np.zeros((2, T)))


@dataclass(frozen=True, eq=False)
class _Proof:
    """Dual values (N, T), if they do not follow from the function; Z; the gap, and its part due to corners."""

    dual: Array | None
    sweep: DualSweep
    gap: float
    at_corners: float


class _Descent:
    """One run: rounds of a quadratic model of the losses, knots for it, and a step towards its solution."""

    def __init__(self, rounds: GeneralRounds, lam: float, tol: float, f: KnotFunction, mu: Array) -> None:
        self.rounds, self.lam, self.tol, self.f, self.mu = rounds, lam, tol, f, mu
        shape = rounds.Y.shape
        self.dual, self.neg_gradient, self.curvature = np.empty((3, *shape))
        self.slacks = np.full((3, *shape), 0.5) if rounds.corners else np.empty((3, 0, 0))
        if rounds.corners:
            loss_passes.open_slacks(rounds.data, f.arrays, rounds.openness, self.slacks)
        self.tau = float(rounds.openness.max())
        self.z = np.zeros_like(f.jumps)
        self.damping, self.length, self.steps = 1e-3, 1.0, 0
        self.idle, self.smallest_gap, self.lowest, self.before = 0, math.inf, math.inf, math.inf
        self.best: RoundState | None = None
        self._linearise(f)

    def run(self, callback: RoundCallback | None = None) -> RoundState:
        for count in range(1, ROUNDS + 1):
            self._assess(count)
            if callback is not None:
                callback(count, self.objective, self.objective - self.gap)
            if self.relative <= self.tol or self.idle > PATIENCE or self.objective < self.rounds.negligible:
                break
            if self.rounds.stop[0]:
                break
            self._next_knots()
            self._step()
        assert self.best is not None
        return self.best

    def _linearise(self, f: KnotFunction) -> None:
        self.smooth, self.cornered = loss_passes.linearise(
            self.rounds.data, f.arrays, self.tau, self.slacks, self.dual, self.neg_gradient, self.curvature
        )

    # --- where it stands ---

    def _assess(self, count: int) -> None:
        """Set the proof of least gap, the sweep, the gap and the objective; keep the best state."""
        rounds, f = self.rounds, self.f
        penalty = self.lam * f.sizes.sum()
        self.objective = self.smooth + self.cornered + penalty
        proof = self._prove(np.array([0, -1]), np.zeros((2, rounds.outputs)), penalty)
        first, late = proof, proof.gap < _CLOSE * self.objective and (rounds.corners or self.idle)
        for share in _SETTLED:
            if late and proof.gap > self.tol * self.objective:
                other = self._prove(*self._settled(first.sweep.at_knots, share), penalty)
                proof = min(proof, other, key=lambda bound: bound.gap)
        # If knots are missing, Z is wrong at the other knots, too; a correction would hide that.
        self.sweep, self.gap, self.at_corners = first.sweep, proof.gap, proof.at_corners
        self.relative = self.gap / self.objective if self.objective > 0 else 0.0
        # The first steps of the interior-point method may raise the gap: patience counts only later.
        self.idle += self.objective < 2 * self.lowest and self.objective > 0.999 * self.before
        self.before = self.objective
        if self.objective < self.lowest * (1 - 1e-7):
            self.lowest, self.idle = self.objective, 0
        if self.gap < self.smallest_gap or self.best is None:
            self.best = RoundState(f, proof.dual, self.relative, count, self.steps, proof.sweep.largest)
            self.smallest_gap, self.idle = self.gap, 0

    def _settled(self, Z: Array, share: float) -> tuple[NDArray[np.intp], Array]:
        """Return knots, with both ends, where Z (k, T) is close to its optimal value, lam d / ||d||; and these values."""
        sizes = self.f.sizes
        wanted = self.lam * self.f.jumps / np.where(sizes > 0, sizes, 1.0)[:, None]
        off = np.linalg.norm(Z - wanted, axis=1)
        settled = (sizes > 0) & (off < share * self.lam)
        settled[[0, -1]] = True
        return settled.nonzero()[0], wanted[settled]

    def _prove(self, knots: NDArray[np.intp], z: Array, penalty: float) -> "_Proof":
        """Bound the gap by the dual values after `restore_moments` has set Z = z (m, T) at the knots numbered `knots`."""
        rounds, f, T, k = self.rounds, self.f, self.rounds.outputs, len(self.f.rows)
        dual = np.empty_like(self.dual)
        grid, work = np.empty(len(knots), np.int64), np.empty((12, len(knots)))
        loss_passes.restore_moments(rounds.x, f.rows[knots], z, self.dual, self.curvature, dual, grid, work)
        if len(knots) > 2:  # if Z cannot be z at all of them, it is not 0 at the ends, and there is no bound
            loss_passes.restore_moments(rounds.x, f.rows[[0, -1]], np.zeros((2, T)), dual, self.curvature, dual, grid, work)
        at_knots, worst, sizes = np.empty((k, T)), np.empty(k - 1, dtype=np.int64), np.empty(k - 1)
        target_gap = 0.0 if self.lam == _STIFF else self.lam
        loss_passes.sweep(rounds.x, f.rows, dual, target_gap * target_gap, at_knots, worst, sizes, np.empty((2, T)))
        sweep = DualSweep.of(f, at_knots, worst, sizes)
        theta = min(1.0, self.lam / sweep.largest) if sweep.largest > 0 else 1.0
        gaps = np.empty((2, T))
        at_corners = loss_passes.misfit(rounds.data, f.arrays, self.dual, dual, theta, gaps)
        # An output whose dual values leave their domain, as for separated classes, gets the dual values 0.
        outside = ~(gaps[0] < np.inf)
        at_knots[:, outside] = 0.0
        between = penalty - theta * np.vdot(f.jumps, at_knots)
        gap = float(np.where(outside, gaps[1], gaps[0]).sum() + max(between, 0.0))
        if not (rounds.corners or outside.any() or len(knots) > 2):
            return _Proof(None, sweep, gap, at_corners)
        dual *= np.where(outside, 0.0, theta)
        dual[np.abs(dual) < rounds.nothing] = 0.0
        return _Proof(dual, sweep, gap, at_corners)

    # --- a round ---

    def _next_knots(self) -> None:
        if self.lam < _STIFF:
            close = self.lam * (1 - min(max(self.sweep.largest / self.lam - 1, 0.0), 1e-3))
            rows, mu = np.empty(2 * len(self.mu), np.int64), np.empty(2 * len(self.mu))
            x, f, worst = self.rounds.x, self.f, self.sweep.worst
            count = next_knots(x, f.rows, self.mu, self.z, f.jumps, worst, close * close, rows, mu)
            rows, self.mu = rows[:count], mu[:count]
            jumps = np.zeros((len(rows), self.rounds.outputs))
            kept = np.isin(self.f.rows, rows)
            jumps[np.isin(rows, self.f.rows)] = self.f.jumps[kept]
            self.f = KnotFunction.of(np.diff(self.rounds.x[rows]), rows, self.f.first, jumps)

    def _step(self) -> None:
        target_gap = max(0.01 * min(self.gap, self.objective), 0.1 * self.tol * self.objective)
        residual_floor = 2.0 * (self.smooth + self.cornered)
        if self.rounds.corners:
            # With corners the gap grows linearly, not quadratically, with the excess of ||Z|| over lam.
            residual_floor = max(
                residual_floor, 2.0 * target_gap / (0.1 * min(max(self.relative, 0.1 * self.tol), 1.0)) ** 2
            )
            self._lower_tau()
        target = self._solve_model(residual_floor, target_gap)
        if self.rounds.corners:
            self._interior_step(target)
        else:
            self._line_search(target)

    def _solve_model(self, residual_floor: float, target_gap: float) -> KnotFunction:
        """Minimise the quadratic model around f; `residual_floor` and `target_gap` as in `newton_solve`."""
        rounds, f, mu = self.rounds, self.f, self.mu
        k, T = f.jumps.shape
        sums, (mean, fitted) = np.empty((3, T, k - 1)), np.empty((2, k - 1, T))
        loss_passes.segment_sums(rounds.data, self.damping, f.arrays, self.neg_gradient, self.curvature, sums, mean, fitted)
        segments, offsets = (np.diff(rounds.x[f.rows]), sums[0], sums[1], sums[2]), np.arange(T + 1)
        self.z, jumps, values = np.empty((3, k, T))
        target = KnotFunction(f.rows, np.empty((2, T)), jumps, values, np.empty((k - 1, T)))
        banded = k > max_dense_knots(T) and newton_banded.are_even(segments[0])
        labels, limit = (mean, fitted), NEWTON
        workspace = make_workspace(k, T, T, max_dense_knots(T) if banded else k, rounds.stop)
        if banded:
            limits = (self.lam, residual_floor, target_gap, NEWTON)
            self.steps += newton_banded.newton_solve(
                segments, labels, offsets, *limits, mu, self.z, values, target.first, workspace
            )
            limit = 0
        self.steps += _solve(
            segments,
            labels,
            offsets,
            (self.lam, residual_floor, target_gap, limit),
            self.idle > 2,
            mu,
            self.z,
            (target.first, jumps, values, target.slopes),
            workspace,
        )
        return target

    def _line_search(self, target: KnotFunction) -> None:
        """Search along the line to the model's solution until the objective falls; damp the model after a shorter step."""
        before = self.smooth + self.lam * self.f.sizes.sum() + 1e-13 * self.objective
        self.length = 1.0
        while True:
            trial = self.f.towards(target, self.length)
            self._linearise(trial)
            falls = self.smooth + self.lam * trial.sizes.sum() <= before
            if falls or self.length < 1e-6 or self.rounds.stop[0]:
                break
            self.length *= 0.5
        self._adjust_damping(self.length == 1)
        self.f = trial

    def _adjust_damping(self, went_well: bool) -> None:
        self.damping = max(0.1 * self.damping, 1e-14) if went_well else min(10 * self.damping, 1.0)

    def _lower_tau(self) -> None:
        """Aim at smaller complementarity products if the last step was long and the gap is made of them."""
        _, mean, _, _ = self._step_slacks(self.f, 0.0)
        ratio = 0.1 if self.length > 0.7 else 0.4 if self.length > 0.3 else 1.0
        self.tau = mean * ratio if self.at_corners > 0.1 * self.gap else mean
        self._linearise(self.f)

    def _interior_step(self, target: KnotFunction) -> None:
        """Step towards the model's solution as far as the interior-point method and losses without corners allow."""
        longest, _, linear, quadratic = self._step_slacks(target, 0.0)
        allowed, before = min(1.0, 0.95 * longest), self.smooth + 1e-11 * self.objective
        self.length = allowed
        while True:
            trial = self.f.towards(target, self.length)
            self._linearise(trial)
            falls = self.smooth <= before + self.length * linear + 2 * self.length**2 * quadratic
            if falls or self.length < 1e-6 or self.rounds.stop[0]:
                break
            self.length *= 0.5
        self._linearise(self.f)  # the slacks' step is for the model at f
        self._step_slacks(target, self.length)
        self._linearise(trial)
        self._adjust_damping(self.length == allowed)
        self.f = trial

    def _step_slacks(self, target: KnotFunction, length: float) -> tuple[float, float, float, float]:
        moved: tuple[float, float, float, float] = loss_passes.step_slacks(
            self.rounds.data, self.f.arrays, target.arrays, self.tau, self.slacks, self.neg_gradient, self.curvature, length
        )
        return moved


@plain()
def _solve(
    segments: Any, labels: Any, offsets: Any, limits: Any, by_values: bool, mu: Any, z: Any, function: Any, workspace: Any
) -> int:
    """Set a function, as `fits.knot_selection.reconstruct` does, to the model's solution; return the number of steps.

    `limits` holds lam, `residual_floor`, `target_gap` and `limit` of `newton_solve`; the other arguments are as there.
    """
    lam, residual_floor, target_gap, limit = limits
    first, jumps, values, slopes = function
    steps, _ = newton_solve(
        segments, labels, offsets, lam, residual_floor, target_gap, limit, mu, z, values, first, workspace
    )
    reconstruct(segments[0], mu, z, by_values, first, jumps, values, slopes)
    return steps
