"""Problems of one input over neurons with kinks at data points, without the toolkit.

These neurons suffice, since the dual constraint ||Z(a)|| <= lam is on a function that is linear between data points. With
biases in the norm the constraint is ||Z(a)|| <= lam sqrt(1 + a^2). Then kinks between data points are added where it is
violated most, in closed form, and the program is solved again. After each round a lower bound is known: the dual value of
the multipliers, scaled down until no neuron violates the constraint. Rounds end when the value exceeds the largest lower
bound by at most 5e-7 of the value. They also end when no violation exceeds `_ACCURATE`; the value may then exceed the bound
by at most 3e-6 of the value, which is due to Clarabel.
"""

import math
from itertools import pairwise

import numpy as np

from benchmarks.neuron_programs import ACCURATE, FLOOR, USABLE, Labels, ProgramError, Solved, solve_over_neurons
from vvnorm.validation import Array

_ACCURATE = 1e-7  # relative violation of the dual constraint that is left
_NEAR = 5e-7  # excess of the value over the bound, relative to the value, at which rounds end
_PART = 0.3  # of the excess over the bound: accuracy of the program over some kinks
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
    allowed = 1.0 if lam is None else lam
    best: Solved | None = None
    bound, excess = -math.inf, 1.0
    for _ in range(_ROUNDS):
        sides, kinks = np.repeat([1.0, -1.0], [len(rising), len(falling)]), np.concatenate([rising, falling])
        hidden = np.maximum(sides * (x[:, None] - kinks), 0.0) / (np.sqrt(1 + kinks**2) if bias else 1.0)
        accurate = _PART * max(_NEAR, excess) if bias else ACCURATE
        solved = solve_over_neurons(hidden, affine, labels, outputs, lam, accurate)
        if not bias:
            return solved
        best = solved if best is None or solved.value < best.value else best
        largest = [_largest(x, solved.L, side) for side in ((1.0,) if skip else (1.0, -1.0))]
        known = np.linalg.norm(hidden.T @ solved.L, axis=1)  # between data points they are no larger than the largest there
        response = max(float(np.max(sizes, initial=0.0)) for sizes in (known, *(sizes for _, sizes in largest)))
        bound = max(bound, solved.dual_value(labels, response, allowed))
        excess = (best.value - bound) / best.value if best.value > FLOOR * labels.scale else 0.0
        new = [kinks[sizes > allowed * (1 + _ACCURATE)] for kinks, sizes in largest]
        before = len(rising) + len(falling)
        rising = np.union1d(rising, new[0])
        falling = falling if skip else np.union1d(falling, new[1])
        if excess <= _NEAR or (len(rising) + len(falling) == before and excess <= USABLE):
            return best
    if best is not None and excess <= USABLE:
        return best
    raise ProgramError(f"kinks keep joining at an excess of {excess:.1e}")


def _largest(x: Array, multipliers: Array, side: float) -> tuple[Array, Array]:
    """Kinks between data points at which ||Z(a)|| / sqrt(1 + a^2) has a maximum, and its values there."""
    kinks, sizes = [], []
    for low, high in pairwise(x):
        on = (x >= high) if side > 0 else (x <= low)
        moments = side * np.array([x[on] @ multipliers[on], -multipliers[on].sum(axis=0)])  # Z(a) = these times (1, a)
        M = moments @ moments.T
        # With a = tan(angle) it is a quadratic form in (cos, sin).
        a = math.tan(math.atan2(2 * M[0, 1], M[0, 0] - M[1, 1]) / 2)
        if low < a < high:
            kinks.append(a)
            sizes.append(float(np.linalg.norm(moments[0] + a * moments[1])) / math.hypot(1, a))
    return np.array(kinks), np.array(sizes)
