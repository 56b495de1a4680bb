"""Problems of one input over neurons with kinks at data points, without the toolkit.

These neurons suffice, since the dual constraint ||Z(a)|| <= lam is on a function that is linear between data points. With
biases in the norm the constraint is ||Z(a)|| <= lam sqrt(1 + a^2). Then kinks between data points are added where it is
violated most, in closed form, until the violation is at most `_ACCURATE`.
"""

import math
from itertools import pairwise

import numpy as np

from benchmarks.neuron_programs import Labels, ProgramError, Solved, solve_over_neurons
from vvnorm.validation import Array

_ACCURATE = 1e-7  # relative violation of the dual constraint that is left; the optimum is smaller by at most that share
_ROUNDS = 60


def solve_line(x: Array, labels: Labels, outputs: int, lam: float | None, *, skip: bool, bias: bool) -> Solved:
    """Solve a fit, or an interpolation with lam None, of distinct sorted inputs x (n,); rows of labels refer to them.

    Raises
    ------
    ProgramError
        If kinks keep joining, or the solver fails.
    """
    # With a skip connection kinks at the ends change nothing at the data, and make the program degenerate.
    rising, falling = (x[1:-1], np.empty(0)) if skip else (x, x)
    if not skip:  # a slope over all data is cheapest with a kink as near to 0 as possible
        rising, falling = np.append(rising, min(x[0], 0.0)), np.append(falling, max(x[-1], 0.0))
    affine = np.column_stack([np.ones(len(x)), x][: 2 if skip else 1])
    for _ in range(_ROUNDS):
        sides, kinks = np.repeat([1.0, -1.0], [len(rising), len(falling)]), np.concatenate([rising, falling])
        hidden = np.maximum(sides * (x[:, None] - kinks), 0.0) / (np.sqrt(1 + kinks**2) if bias else 1.0)
        solved = solve_over_neurons(hidden, affine, labels, outputs, lam)
        if not bias:
            return solved
        new = [_violated(x, solved.L, side, 1.0 if lam is None else lam) for side in ((1.0,) if skip else (1.0, -1.0))]
        before = len(rising) + len(falling)
        rising = np.union1d(rising, new[0])
        falling = falling if skip else np.union1d(falling, new[1])
        if len(rising) + len(falling) == before:
            return solved
    raise ProgramError("kinks keep joining")


def _violated(x: Array, multipliers: Array, side: float, lam: float) -> Array:
    """Kinks between data points at which ||Z(a)|| / sqrt(1 + a^2) is largest, where it exceeds lam."""
    kinks = []
    for low, high in pairwise(x):
        on = (x >= high) if side > 0 else (x <= low)
        moments = side * np.array([x[on] @ multipliers[on], -multipliers[on].sum(axis=0)])  # Z(a) = these times (1, a)
        M = moments @ moments.T
        # With a = tan(angle) it is a quadratic form in (cos, sin).
        angle = math.atan2(2 * M[0, 1], M[0, 0] - M[1, 1]) / 2
        a = math.tan(angle)
        if low < a < high and np.linalg.norm(moments[0] + a * moments[1]) > lam * math.hypot(1, a) * (1 + _ACCURATE):
            kinks.append(a)
    return np.array(kinks)
