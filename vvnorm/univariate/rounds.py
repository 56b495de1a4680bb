"""Rounds of knot generation: what is common to all losses."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vvnorm.data import Array
from vvnorm.univariate.compiled import fixed
from vvnorm.univariate.knots import KnotFunction
from vvnorm.univariate.problem import Found, Problem

ROUNDS = 200
"""Largest number of rounds; 4 to 12 are usual, 20 to 60 for losses with corners."""

PATIENCE = 12
"""Rounds without progress after which a run ends: double precision gives no more."""

NEWTON = 60
"""Largest number of Newton steps on given knots; 1 to 3 are usual."""

_FIRST = 200  # largest number of knots to start with
_SAFE = 2.0**200  # beyond this, or below its inverse, inputs and labels are scaled by a power of two


@dataclass(frozen=True, eq=False)
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
        self.given_x = problem.x
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
        count = 2
        if lam < self.critical:
            count += int(min((lam / self.critical) ** (-2 / 3), _FIRST, self.last - 1))
        spaced = np.arange(count) * self.last // (count - 1)
        rows = self.x.searchsorted(self.x[spaced])  # the first row of each input
        fresh = rows[1:] > rows[:-1]
        if not fresh.all():
            rows = rows[np.concatenate([[True], fresh])]
        return rows, np.zeros(len(rows))

    def found(self, state: State, seconds: float) -> Found:
        """Give the function in the caller's units."""
        f = state.function
        kept = f.bends
        kept[0] = kept[-1] = True
        knots = kept.nonzero()[0]
        x, inside, slope = self.given_x, f.rows.take(knots), self.y_unit / self.x_unit
        places, at_knots = x[inside], f.values.take(knots, 0)
        at_knots += self.line[0] + (self.x[inside] - self.centre)[:, None] * self.line[1]
        at_knots *= self.y_unit
        return Found(
            kinks=places[1:-1],
            jumps=f.jumps.take(knots[1:-1], 0) * slope,
            slope=(f.first[1] + self.line[1]) * slope,
            value=at_knots[0],
            centre=float(x[0]),
            knots=places,
            values=at_knots,
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
