"""Rounds of knot generation: what is common to all losses."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vvnorm.data import Array
from vvnorm.univariate.compiled import fixed
from vvnorm.univariate.knots import MOST_FIRST, KnotFunction, first_knots, where_it_bends
from vvnorm.univariate.problem import Found, Problem

ROUNDS = 200
"""Largest number of rounds; 4 to 12 are usual, 20 to 60 for losses with corners."""

PATIENCE = 12
"""Rounds without progress after which a run ends: double precision gives no more."""

NEWTON = 60
"""Largest number of Newton steps on given knots; 1 to 3 are usual."""

_SAFE = 2.0**200  # beyond this, or below its inverse, inputs and labels are scaled by a power of two


@dataclass(eq=False)  # not frozen: that would cost more than some of the kernels
class State:
    """Where a run ended.

    Attributes
    ----------
    function : KnotFunction
        The best function found.
    dual : (N, T) array or None
        Its dual values, where they do not follow from the function.
    gap : float
        Relative duality gap.
    rounds, steps : int
        Rounds, and Newton steps in all of them, until this function was found.
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
    """Units, first knots, the next knots, and the way back to the caller's units.

    Attributes
    ----------
    given_x, x : (N,) arrays
        Inputs, and the same in units of `x_unit`.
    last : int
        First row of the largest input.
    centre : float
        Middle of the inputs.
    line : (2, T) array
        Value at the centre and slope of what has been taken off the labels.
    """

    def __init__(self, problem: Problem) -> None:
        # Not the problem itself: what is made of a problem lives as long as it does.
        self.given_x = fixed(problem.x)
        self.x_unit, self.y_unit = unit(max(float(problem.x[-1]), -float(problem.x[0]))), 1.0
        self.x = fixed(problem.x if self.x_unit == 1 else problem.x / self.x_unit)
        self.last = int(self.x.searchsorted(self.x[-1]))
        self.outputs = problem.Y.shape[1]
        self.centre = float(self.x[0] / 2 + self.x[-1] / 2)
        self.line = np.zeros((2, self.outputs))

    @property
    def lam_unit(self) -> float:
        """One unit of lam, in the caller's."""
        return self.x_unit * self.y_unit

    @property
    def critical(self) -> float:
        """Smallest lam at which the best affine function is optimal."""
        raise NotImplementedError

    def run(self, lam: float, tol: float, start: Found | None) -> State:
        """Generate knots until the relative gap is at most tol."""
        raise NotImplementedError

    def first_knots(self, lam: float, start: Found | None) -> tuple[NDArray[np.int64], Array]:
        """Rows of the first knots and their multipliers: those of the start, else evenly spaced."""
        if start is not None and len(start.kinks):
            rows = np.searchsorted(self.given_x, start.kinks)
            mu = np.sqrt(np.einsum("kt,kt->k", start.jumps, start.jumps)) * (self.x_unit / self.y_unit) / lam
            return np.concatenate([[0], rows, [self.last]]), np.concatenate([[0.0], mu, [0.0]])
        rows, mu = np.empty(MOST_FIRST, np.int64), np.empty(MOST_FIRST)
        count = first_knots(self.x, self.last, lam, self.critical, rows, mu)
        return rows[:count], mu[:count]

    def found(self, state: State, seconds: float) -> Found:
        """Give the function in the caller's units."""
        f, slope = state.function, self.y_unit / self.x_unit
        knots, (values, jumps) = np.empty(len(f.rows)), np.empty((2, *f.values.shape))
        inputs = (self.given_x, self.x, self.centre)
        count = where_it_bends(inputs, self.line, (slope, self.y_unit), f.rows, f.values, f.jumps, knots, values, jumps)
        return Found(
            kinks=knots[1 : count - 1],
            jumps=jumps[1 : count - 1],
            slope=(f.first[1] + self.line[1]) * slope,
            value=values[0],
            centre=float(self.given_x[0]),
            knots=knots[:count],
            values=values[:count],
            dual=None if state.dual is None else state.dual * self.y_unit,
            gap=state.gap,
            rounds=state.rounds,
            steps=state.steps,
            seconds=seconds,
        )


def unit(size: float) -> float:
    """1 for magnitudes that are safe to multiply, else the power of two next to them."""
    if size == 0 or 1 / _SAFE < size < _SAFE:
        return 1.0
    return math.ldexp(1.0, math.frexp(size)[1] - 1)
