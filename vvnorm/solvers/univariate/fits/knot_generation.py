"""Rounds of knot generation: units, first knots and results, shared by all losses."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vvnorm._internal.callbacks import RoundCallback
from vvnorm._internal.deadline import Flag
from vvnorm._internal.units import unit
from vvnorm.losses import label_power
from vvnorm.network import row_norms
from vvnorm.solvers.array_kernels import fixed
from vvnorm.solvers.univariate.fits.knot_selection import MOST_FIRST, KnotFunction, first_knots, where_it_bends
from vvnorm.solvers.univariate.fits.problem import KnotSolution, Problem
from vvnorm.validation import Array

ROUNDS = 200
"""Largest number of rounds; 4 to 12 are usual, 20 to 60 for losses with corners."""

PATIENCE = 12
"""Number of rounds without progress after which a run ends: rounding is then the limit."""

NEWTON = 60
"""Largest number of Newton steps on given knots; 1 to 3 are usual."""

_FAR = 2.0**300  # bound on lam and its inverse, in the solver's units: beyond it fits do not change, and squares overflow


@dataclass(eq=False)  # not frozen, since freezing takes longer than some of the kernels
class RoundState:
    """The best function of a run, with its dual values and gap.

    Attributes
    ----------
    function : KnotFunction
        The best function.
    dual : (N, T) array or None
        Its dual values; None where they follow from the function.
    gap : float
        Relative duality gap.
    rounds, steps : int
        Number of rounds up to this function, and of all Newton steps in them.
    largest : float
        Largest ||Z||.
    """

    function: KnotFunction
    dual: Array | None
    gap: float
    rounds: int
    steps: int
    largest: float


class Rounds:
    """The rounds for one problem, in the solver's units; `SquaredRounds` and `GeneralRounds` implement a round.

    Attributes
    ----------
    given_x, x : (N,) arrays
        Inputs, in the caller's units and in units of `x_unit`.
    last : int
        First row of the largest input.
    centre : float
        Middle of the inputs.
    line : (3, T) array
        The line that is subtracted from the labels: its value at the centre and its slope. The third row is the level that
        is subtracted first.
    stop : (1,) array of int
        Not 0 once a run must return its best function (`vvnorm._internal.deadline`); the first round is always finished.
    """

    def __init__(self, problem: Problem) -> None:
        # No reference to the problem, which refers to this object.
        self.given_x = fixed(problem.x)
        self.x_unit, self.y_unit = unit(max(float(problem.x[-1]), -float(problem.x[0]))), 1.0
        self.w_unit, self.weights, self.power = 1.0, problem.weights, label_power(problem.losses)
        if problem.weights is not None:
            self.w_unit = unit(float(problem.weights.max()))
            self.weights = problem.weights if self.w_unit == 1 else problem.weights / self.w_unit
        self.x = fixed(problem.x if self.x_unit == 1 else problem.x / self.x_unit)
        self.last = int(self.x.searchsorted(self.x[-1]))
        self.outputs = problem.Y.shape[1]
        self.centre = float(self.x[0] / 2 + self.x[-1] / 2)
        self.line = np.zeros((3, self.outputs))
        self.stop: Flag = np.zeros(1, np.int64)

    @property
    def _lam_unit(self) -> int:
        """Exponent of the power of two that is the unit of lam; the power itself may leave float64."""
        return self._dual_unit + math.frexp(self.x_unit)[1] - 1

    @property
    def _dual_unit(self) -> int:
        """Exponent of the unit of dual values, which are weights times derivatives of losses."""
        w, y = (math.frexp(unit)[1] - 1 for unit in (self.w_unit, self.y_unit))
        return w + (self.power - 1) * y

    def in_units(self, lam: float) -> float:
        """Convert the caller's lam to the solver's units, and clip it to a range in which float64 can compute.

        Beyond the ends of that range the fit is affine, or equal to an interpolant up to rounding.
        """
        with np.errstate(over="ignore", under="ignore"):
            return min(max(float(np.ldexp(lam, -self._lam_unit)), 1 / _FAR), _FAR)

    @property
    def lam_max(self) -> float:
        """Smallest lam at which the best affine function is optimal, in the caller's units.

        Raises
        ------
        ValueError
            If it leaves float64.
        """
        with np.errstate(over="ignore", under="ignore"):
            lam_max = float(np.ldexp(self.critical, self._lam_unit))
        if not (0 < lam_max < math.inf) and self.critical > 0:
            raise ValueError("lam_max leaves the range of float64; rescale X, Y or weights")
        return lam_max

    @property
    def critical(self) -> float:
        """Smallest lam at which the best affine function is optimal."""
        raise NotImplementedError

    @property
    def knows_critical(self) -> bool:
        """Whether `critical` has been computed."""
        raise NotImplementedError

    def run(self, lam: float, tol: float, start: KnotSolution | None, callback: RoundCallback | None = None) -> RoundState:
        """Generate knots until the relative gap is at most tol."""
        raise NotImplementedError

    def first_knots(self, lam: float, start: KnotSolution | None) -> tuple[NDArray[np.int64], Array]:
        """Return rows and multipliers of the first knots: the kinks of `start`, or evenly spaced rows."""
        if start is not None and len(start.kinks):
            rows = np.searchsorted(self.given_x, start.kinks)
            mu = row_norms(start.jumps) / self._slope_unit / lam
            return np.concatenate([[0], rows, [self.last]]), np.concatenate([[0.0], mu, [0.0]])
        rows, mu = np.empty(MOST_FIRST, np.int64), np.empty(MOST_FIRST)
        count = first_knots(self.x, self.last, lam, self.critical, rows, mu)
        return rows[:count], mu[:count]

    @property
    def _slope_unit(self) -> float:
        """The unit of slopes in the caller's unit."""
        with np.errstate(over="ignore", under="ignore"):
            unit = float(np.float64(self.y_unit) / self.x_unit)
        if not 0 < unit < math.inf:
            raise ValueError("slopes leave the range of float64; rescale X or Y")
        return unit

    def solution(self, state: RoundState, seconds: float, limited: bool) -> KnotSolution:
        """Convert the function to the caller's units."""
        f, slope = state.function, self._slope_unit
        inputs = (self.given_x, self.x, self.centre)
        knots, values, jumps = where_it_bends(inputs, self.line, (slope, self.y_unit), f.rows, f.values, f.jumps)
        return KnotSolution(
            kinks=knots[1:-1],
            jumps=jumps[1:-1],
            slope=(f.first[1] + self.line[1]) * slope,
            value=values[0],
            centre=float(self.given_x[0]),
            knots=knots,
            values=values,
            dual=None if state.dual is None else np.ldexp(state.dual, self._dual_unit),
            gap=state.gap,
            rounds=state.rounds,
            steps=state.steps,
            seconds=seconds,
            limited=limited,
        )
