"""Turn a float64 network that nearly interpolates into a rational network that interpolates, at almost the same cost.

The output weights are corrected on a basis: columns relu(w.x + b) of neurons, and the affine functions, which together span
all values at the points. A linear system for the corrections is solved in floating point, the misfit is computed exactly,
and both steps are repeated until the misfit is far below the rounding of float64. Then connect-the-dots along a direction
u, a function of u.x, removes the rest of the misfit exactly; its cost is of the size of this rest. An exact solution of the
system would do the same, but its weights would have thousands of digits.

Floating point only makes proposals here. The exact values and the exact cost of the result are what counts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from typing import Final

import numpy as np

from vvnorm.validation import Array
from vvnorm.verifier.exact.line import ExactLine
from vvnorm.verifier.exact.rational_network import Neuron, RationalNetwork
from vvnorm.verifier.exact.rationals import Matrix, Vector, as_rational, dot, to_float

_STEPS: Final = 4
"""Number of corrections; each reduces the misfit by a factor of about 1e10."""

_INDEPENDENT: Final = 1e-3
"""A neuron of the network is used if this share of its column's norm is orthogonal to the columns chosen before."""

_BITS: Final = 60
"""Binary digits, relative to the misfit, to which corrections are rounded; float64 determines fewer of them."""


@dataclass(frozen=True)
class _Column:
    """A neuron of input weights (w, b), or the affine function w.x + b, with its values at the points."""

    w: Vector
    b: Fraction
    values: Vector
    affine: bool = False


def interpolating(network: RationalNetwork, X: Matrix, Y: Matrix) -> RationalNetwork:
    """Return a network that interpolates exactly, and that is near the given one at the points.

    Parameters
    ----------
    network : RationalNetwork
    X : N rows of d Fraction
        Distinct points.
    Y : N rows of T Fraction
    """
    network = _trimmed(network, X)
    misfits = network.misfits(X, Y)
    if not _any(misfits):
        return network
    if not network.neurons and (affine := affine_through(X, Y)):
        return affine
    columns = _basis(network, X)
    matrix = np.array([[to_float(value) for value in column.values] for column in columns]).T
    weights = [[Fraction(0)] * len(Y[0]) for _ in columns]
    for _ in range(_STEPS):
        step = _solved(matrix, misfits)
        if step is None:
            break
        after = _remaining(misfits, columns, step)
        if _size(after) >= _size(misfits):
            break
        weights = [[a + b for a, b in zip(*rows, strict=True)] for rows in zip(weights, step, strict=True)]
        misfits = after
        if not _any(misfits):
            break
    corrected = _changed(network, columns, weights)
    return corrected.plus(_remainder(X, misfits)) if _any(misfits) else corrected


def affine_through(X: Matrix, Y: Matrix) -> RationalNetwork | None:
    """Return the affine function that has the values Y at the points X, if there is one."""
    basis = affine_basis(X)
    A: list[Vector] = []
    c: list[Fraction] = []
    for values in zip(*Y, strict=True):
        slopes, offset = _affine(X, basis, values)
        if any(dot(slopes, x) + offset != y for x, y in zip(X, values, strict=True)):
            return None
        A.append(slopes)
        c.append(offset)
    return RationalNetwork((), tuple(A), tuple(c))


def affine_basis(X: Matrix) -> list[int]:
    """Return at most d + 1 points, far apart, whose values determine affine functions on all of X."""
    rows = np.array([[1.0, *map(to_float, x)] for x in X])
    rows[:, 1:] -= rows[:, 1:].mean(axis=0)
    rows[:, 1:] /= np.abs(rows[:, 1:]).max() or 1.0
    exact = [[Fraction(1), *x] for x in X]
    chosen: list[int] = []
    while len(chosen) < len(exact[0]):
        for k in np.argsort(-np.linalg.norm(rows, axis=1)).tolist():
            if independent([exact[i] for i in [*chosen, k]]):
                break
        else:
            return chosen
        chosen.append(k)
        unit = rows[k] / (np.linalg.norm(rows[k]) or 1.0)
        rows = rows - np.outer(rows @ unit, unit)
    return chosen


def independent(rows: Sequence[Sequence[Fraction]]) -> bool:
    """Whether rows are linearly independent."""
    return solved([list(row) for row in rows], [[] for _ in rows]) is not None


def solved(rows: list[list[Fraction]], right: list[list[Fraction]]) -> list[list[Fraction]] | None:
    """Solve linear equations exactly; there may be fewer equations than unknowns, and free unknowns are zero.

    Returns
    -------
    A row per unknown, or None if the rows are linearly dependent.
    """
    n, rest = len(rows[0]), [[*row, *sides] for row, sides in zip(rows, right, strict=True)]
    pivots: list[int] = []
    for k in range(len(rest)):
        pivot = next((j for j in range(n) if rest[k][j]), None)
        if pivot is None:
            return None
        scale = rest[k][pivot]
        rest[k] = [entry / scale for entry in rest[k]]
        for i in range(len(rest)):
            if i != k and rest[i][pivot]:
                factor = rest[i][pivot]
                rest[i] = [a - factor * b for a, b in zip(rest[i], rest[k], strict=True)]
        pivots.append(pivot)
    solution = [[Fraction(0)] * len(right[0]) for _ in range(n)]
    for row, pivot in zip(rest, pivots, strict=True):
        solution[pivot] = row[n:]
    return solution


# --- the steps ---


def _trimmed(network: RationalNetwork, X: Matrix) -> RationalNetwork:
    """Remove neurons that are inactive at all points, and make neurons that are active at all points affine functions."""
    neurons: list[Neuron] = []
    A, c = [list(row) for row in network.A], list(network.c)
    for neuron in network.neurons:
        heights = [dot(neuron.w, x) + neuron.b for x in X]
        if min(heights) < 0 < max(heights):
            neurons.append(neuron)
        elif max(heights) > 0:
            for t, weight in enumerate(neuron.v):
                A[t] = [a + weight * w for a, w in zip(A[t], neuron.w, strict=True)]
                c[t] += weight * neuron.b
    return RationalNetwork(tuple(neurons), tuple(map(tuple, A)), tuple(c))


def _basis(network: RationalNetwork, X: Matrix) -> list[_Column]:
    """Choose N columns that span all values at the points: affine functions, the network's neurons, then new ones."""
    d = len(X[0])
    unity = Fraction(1)
    units = [tuple(unity if i == j else unity * 0 for i in range(d)) for j in range(d)]
    affine = [_Column(w, unity * 0, tuple(dot(w, x) for x in X), True) for w in units]
    affine.insert(0, _Column((unity * 0,) * d, unity, (unity,) * len(X), True))
    own = [_neuron(neuron.w, neuron.b, X) for neuron in network.neurons]
    chosen: list[_Column] = []
    rest = np.eye(len(X))  # projection to the complement of the chosen columns
    for columns, least in ((affine, 1e-12), (own, _INDEPENDENT), (_candidates(X), 0.0)):
        if len(chosen) == len(X):
            break
        if not columns:
            continue
        values = _normalised(columns)
        for _ in range(len(X) - len(chosen)):
            sizes = np.linalg.norm(rest @ values, axis=0)
            k = int(np.argmax(sizes))
            if sizes[k] <= least:
                break
            unit = rest @ values[:, k] / sizes[k]
            unit = rest @ unit
            unit /= np.linalg.norm(unit)
            rest = rest - np.outer(unit, unit)
            chosen.append(columns[k])
    return chosen


def _normalised(columns: Sequence[_Column]) -> Array:
    """Values of columns, (N, number of columns), of norm 1."""
    values = np.array([[to_float(value) for value in column.values] for column in columns]).T
    sizes = np.linalg.norm(values, axis=0)
    directions: Array = values / np.where(sizes > 0, sizes, 1.0)
    return directions


def _neuron(w: Vector, b: Fraction, X: Matrix) -> _Column:
    return _Column(w, b, tuple(max(dot(w, x) + b, Fraction(0)) for x in X))


def _candidates(X: Matrix) -> list[_Column]:
    """Neurons with kinks through the points, in several directions."""
    return [_neuron(w, -dot(w, x), X) for w in _directions(len(X[0])) for x in X]


def _directions(d: int) -> list[Vector]:
    """Directions with small integer coordinates, one of each pair w, -w."""
    directions = [w for w in product(range(-2, 3), repeat=d) if any(w) and next(filter(None, w)) > 0 and 1 in map(abs, w)]
    return [tuple(map(Fraction, w)) for w in directions]


def _solved(matrix: Array, misfits: Matrix) -> list[list[Fraction]] | None:
    """Solve for corrections in floating point; None where that fails."""
    size = _size(misfits)
    scaled = np.array([[to_float(value / size) for value in row] for row in misfits])
    try:
        solution = np.linalg.lstsq(matrix, scaled, rcond=None)[0]
    except np.linalg.LinAlgError:
        return None
    if not np.isfinite(solution).all():
        return None
    grid = Fraction(2) ** (size.numerator.bit_length() - size.denominator.bit_length() - _BITS)
    return [[round(size * as_rational(value) / grid) * grid for value in row] for row in solution.tolist()]


def _remaining(misfits: Matrix, columns: Sequence[_Column], step: Sequence[Sequence[Fraction]]) -> Matrix:
    """Return the misfits after corrections."""
    remaining = [list(row) for row in misfits]
    for column, weights in zip(columns, step, strict=True):
        for row, value in zip(remaining, column.values, strict=True):
            if value:
                for t, weight in enumerate(weights):
                    row[t] -= value * weight
    return tuple(map(tuple, remaining))


def _changed(
    network: RationalNetwork, columns: Sequence[_Column], weights: Sequence[Sequence[Fraction]]
) -> RationalNetwork:
    """Add corrections to the output weights of neurons, merging neurons of one kink; new neurons come last."""
    outputs: dict[tuple[Vector, Fraction], list[Fraction]] = {}

    def add(w: Vector, b: Fraction, change: Sequence[Fraction]) -> None:
        v = outputs.setdefault((w, b), [Fraction(0)] * len(change))
        v[:] = map(Fraction.__add__, v, change)

    for neuron in network.neurons:
        add(*neuron)
    A, c = [list(row) for row in network.A], list(network.c)
    for column, row in zip(columns, weights, strict=True):
        if column.affine:
            for t, weight in enumerate(row):
                A[t] = [a + weight * w for a, w in zip(A[t], column.w, strict=True)]
                c[t] += weight * column.b
        else:
            add(column.w, column.b, row)
    neurons = tuple(Neuron(w, b, tuple(v)) for (w, b), v in outputs.items() if any(v))
    return RationalNetwork(neurons, tuple(map(tuple, A)), tuple(c))


def _remainder(X: Matrix, misfits: Matrix) -> RationalNetwork:
    """Interpolate small values exactly, by connect-the-dots along the cheapest of some directions."""
    best: tuple[float, RationalNetwork] | None = None
    k = 1
    while best is None:
        for w in _far_directions(len(X[0]), k):
            along = [dot(w, x) for x in X]
            if len(set(along)) == len(along):
                line = ExactLine.of(along, misfits).network
                neurons = tuple(Neuron(tuple(entry * neuron.w[0] for entry in w), *neuron[1:]) for neuron in line.neurons)
                A = tuple(tuple(entry * slope for entry in w) for (slope,) in line.A)
                made = RationalNetwork(neurons, A, line.c)
                cost = to_float(made.cost_bounds[1])
                best = (cost, made) if best is None or cost < best[0] else best
        k += 1
    return best[1]


def _far_directions(d: int, k: int) -> list[Vector]:
    """Directions to try in round k; only finitely many directions project two points to the same number."""
    if d == 1:
        return [(Fraction(1),)]
    return [(Fraction(1), *(Fraction(k * j, 7) for _ in range(d - 1))) for j in (1, 3, 5, 11, 13, 17)]


def _affine(X: Matrix, basis: Sequence[int], values: Vector) -> tuple[Vector, Fraction]:
    """Slopes and offset of the affine function with the given values at the basis points."""
    solution = solved([[Fraction(1), *X[i]] for i in basis], [[values[i]] for i in basis])
    assert solution is not None  # the points are affinely independent
    return tuple(row[0] for row in solution[1:]), solution[0][0]


def _any(rows: Matrix) -> bool:
    return any(any(row) for row in rows)


def _size(rows: Matrix) -> Fraction:
    return max(abs(value) for row in rows for value in row)
