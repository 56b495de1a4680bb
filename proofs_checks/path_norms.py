"""Shared by claims about l^p path norms: powers with 60 digits, gains of joining kinks, data that are exact in float64."""

from decimal import Decimal, localcontext
from fractions import Fraction
from functools import cache
from itertools import pairwise, product
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from proofs_checks.support import aligned_neighbours, exact_curvatures
from vvnorm.network import ReLUNetwork, row_norms
from vvnorm.validation import Array

DIGITS = 60
"""Of powers: decimal.ln and decimal.exp round correctly, so that fifty of them are right."""


def power(value: Fraction | Decimal | float, p: float) -> Decimal:
    """Return |value|^p for p > 0, right to 50 digits."""
    with localcontext() as context:
        context.prec = DIGITS
        if isinstance(value, Fraction):
            number = abs(Decimal(value.numerator) / Decimal(value.denominator))
        else:
            number = abs(Decimal(value))
        return (Decimal(p) * number.ln()).exp() if number else Decimal(0)


def path_norm(network: ReLUNetwork, p: float) -> float:
    """Return sum_k (||w_k|| ||v_k||)^p of a network."""
    sizes = row_norms(network.W) * row_norms(network.V.T)
    return float(sum((power(size, p) for size in sizes.tolist()), Decimal(0)))


def lengths(x: Array, Y: Array) -> list[Fraction | Decimal]:
    """Return ||delta|| at the inner points: exact for one output, right to 50 digits for more."""
    delta = exact_curvatures(x, Y)
    if Y.shape[1] == 1:
        return [abs(row[0]) for row in delta]
    with localcontext() as context:
        context.prec = DIGITS
        squares = [sum((part * part for part in row), Fraction(0)) for row in delta]
        return [(Decimal(square.numerator) / Decimal(square.denominator)).sqrt() for square in squares]


def gains(x: Array, Y: Array, p: float) -> tuple[list[Decimal], list[Decimal]]:
    """Return ||delta_k||^p, and what joining each point with the next one gains: 0 where the two are not aligned."""
    sizes = lengths(x, Y)
    powers = [power(size, p) for size in sizes]
    joined = [
        powers[k] + powers[k + 1] - power(_sum(sizes[k], sizes[k + 1]), p) if aligned else Decimal(0)
        for k, aligned in enumerate(aligned_neighbours(x, Y))
    ]
    return powers, joined


def _sum(a: Fraction | Decimal, b: Fraction | Decimal) -> Fraction | Decimal:
    if isinstance(a, Fraction) and isinstance(b, Fraction):
        return a + b
    assert isinstance(a, Decimal)
    assert isinstance(b, Decimal)
    with localcontext() as context:
        context.prec = DIGITS
        return a + b


def least_by_enumeration(x: Array, Y: Array, p: float) -> float:
    """Return the least l^p path norm of interpolants of one output whose slopes at points are slopes of chords.

    Every inner point has a slope on either side: twice the chord's before it, twice the chord's after it, or one of each. A
    gap costs what its two slopes ask for: one kink if the chord's slope lies between them, else one at each end.
    """
    points, labels = ([Fraction(float(v)) for v in values] for values in (x, Y[:, 0]))
    chords = [(labels[i + 1] - labels[i]) / (points[i + 1] - points[i]) for i in range(len(points) - 1)]
    cost = cache(lambda jump: power(jump, p))
    choices = [((s, s), (s, t), (t, t)) for s, t in pairwise(chords)]
    totals = []
    for slopes in product(*choices):
        jumps = [after - before for before, after in slopes]
        starts, ends = [chords[0], *(s[1] for s in slopes)], [*(s[0] for s in slopes), chords[-1]]
        for a, chord, b in zip(starts, chords, ends, strict=True):
            jumps += [b - a] if min(a, b) <= chord <= max(a, b) else [chord - a, b - chord]
        totals.append(sum(map(cost, jumps), Decimal(0)))
    return float(min(totals))


def from_curvatures(x: Array, curvatures: ArrayLike, slope: ArrayLike) -> dict[str, Any]:
    """Data with the given curvatures (N - 2, T) at the inner points and the given first slope, through 0 at x[0].

    Exact in float64 if all numbers are small integers.
    """
    first = np.asarray(slope, dtype=float)
    slopes = np.cumsum(np.vstack([first, np.asarray(curvatures, dtype=float)]), axis=0)
    steps = slopes * np.diff(x)[:, None]
    return {"x": np.asarray(x, dtype=float), "Y": np.cumsum(np.vstack([np.zeros(len(first)), steps]), axis=0)}


def two_neuron_data(rng: np.random.Generator) -> tuple[dict[str, Any], ReLUNetwork]:
    """Draw five points with two outputs that two neurons interpolate, each of which serves two points.

    Curvatures at the inner points are (a, 0), (a, b), (0, b): the only minimal-VV-norm interpolant has three neurons. The
    other network has the kinks 3/2 and 5/2 of jumps (2 a, 0) and (0, 2 b).
    """
    a, b = (int(value) for value in rng.integers(1, 9, 2))
    slope = rng.integers(-3, 4, 2).astype(float)
    data = from_curvatures(np.arange(5.0), [(a, 0), (a, b), (0, b)], slope)
    return data, ReLUNetwork(np.ones((2, 1)), np.array([-1.5, -2.5]), np.diag([2.0 * a, 2.0 * b]), slope[:, None])
