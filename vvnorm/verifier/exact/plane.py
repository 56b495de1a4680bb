"""Two inputs: dual arrays in rational numbers, and an exact test that no neuron responds above 1.

A dual array Lambda (N, T) with Lambda'1 = 0 and Lambda'X = 0 proves that no interpolant costs less than <Lambda, Y> if no
neuron responds above 1, that is, if

    || sum_j Lambda_j relu(w.(x_j - x_i)) ||_2 <= ||w||_2     for all i and all w.

The directions w perpendicular to x_j - x_i, rational vectors, cut the plane into cones. Inside a cone the sum is C w with
one matrix C = sum over active j of Lambda_j (x_j - x_i)'. With its edges r1 and r2, w = a r1 + b r2 and K = C'C - I, the
condition w'Kw <= 0 for all a, b >= 0 reads

    p = -r1'K r1 >= 0,   q = -r2'K r2 >= 0,   and s = -r1'K r2 >= 0 or s^2 <= p q.

No square root is needed. All numbers are multiplied by their common denominators, so that the arithmetic is that of
integers. The axes are added to the directions: they change nothing and keep every cone below a half plane.
"""

import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import cmp_to_key
from typing import Final, NamedTuple

from vvnorm.verifier.exact.corrected import affine_basis, solved
from vvnorm.verifier.exact.rationals import Matrix, Vector, as_rational, dot, integers

_ROOM: Final = (2.0**-44, 2.0**-40, 2.0**-34, 2.0**-27, 2.0**-20, 2.0**-10)
"""By how much the largest response, as computed in floating point, is kept below 1: the first that is enough."""

_DIGITS: Final = 72
"""Binary digits to which dual arrays are rounded, beside their largest entry."""

_ROOT: Final = 64
"""Binary digits behind the point of the root of an integer."""

_AXES: Final = ((1, 0), (0, 1), (-1, 0), (0, -1))

Direction = tuple[int, int]


class Cone(NamedTuple):
    """A cone of directions w, seen from one point, on which the response of neurons is linear.

    Attributes
    ----------
    point : int
        The point i that the kinks go through.
    first, second : pair of int
        The edges, counter-clockwise.
    C : T rows of two int
        The response is C w / unit.
    unit : int
    """

    point: int
    first: Direction
    second: Direction
    C: list[list[int]]
    unit: int

    @property
    def products(self) -> tuple[int, int, int]:
        """The numbers p, q and s of the test."""
        a, b, c = self._gram
        square = self.unit**2
        first, second = self.first, self.second
        p, q, s = (_form(a - square, b, c - square, r, w) for r, w in ((first, first), (second, second), (first, second)))
        return -p, -q, -s

    @property
    def within_one(self) -> bool:
        """Whether no neuron of the cone responds above 1."""
        p, q, s = self.products
        return p >= 0 and q >= 0 and (s >= 0 or s * s <= p * q)

    @property
    def largest(self) -> float:
        """The largest response, rounded.

        Within a right angle, the squared response has a maximum inside just if it rises from both edges inwards; that is
        the largest eigenvalue of C'C. All is exact up to the last divisions and the roots, so that nothing cancels.
        """
        a, b, c = self._gram
        edges = (self.first, self.second)
        best = max(_ratio(_form(a, b, c, r, r), (r[0] ** 2 + r[1] ** 2) * self.unit**2) for r in edges)
        rises = [_form(a, b, c, (-r[1], r[0]), r) for r in edges]
        if rises[0] > 0 > rises[1]:
            spread = math.isqrt((a - c) ** 2 + 4 * b * b << 2 * _ROOT)
            best = max(best, _ratio((a + c << _ROOT) + spread, self.unit**2 << _ROOT + 1))
        return math.sqrt(best)

    @property
    def _gram(self) -> tuple[int, int, int]:
        """The entries of C'C."""
        return (
            sum(x * x for x, _ in self.C),
            sum(x * y for x, y in self.C),
            sum(y * y for _, y in self.C),
        )


def _form(a: int, b: int, c: int, r: Direction, w: Direction) -> int:
    """Return r'Mw for the symmetric matrix M with entries a, b, c."""
    return a * r[0] * w[0] + b * (r[0] * w[1] + r[1] * w[0]) + c * r[1] * w[1]


def _ratio(numerator: int, denominator: int) -> float:
    try:
        return numerator / denominator
    except OverflowError:
        return math.inf


def cones(X: Matrix, dual: Matrix) -> Iterator[Cone]:
    """Go through all cones, for kinks through each of the points."""
    points, unit_x = integers(X)
    weights, unit_dual = integers(dual)
    for i, (x, y) in enumerate(points):
        steps = [(p - x, q - y) for p, q in points]
        edges = _around(steps)
        for first, second in zip(edges, [*edges[1:], edges[0]], strict=True):
            if first[0] * second[1] == first[1] * second[0]:
                continue  # two edges in one direction
            inside = (first[0] + second[0], first[1] + second[1])
            C = [[0, 0] for _ in weights[0]]
            for step, row in zip(steps, weights, strict=True):
                if inside[0] * step[0] + inside[1] * step[1] > 0:
                    for entry, weight in zip(C, row, strict=True):
                        entry[0] += weight * step[0]
                        entry[1] += weight * step[1]
            yield Cone(i, first, second, C, unit_x * unit_dual)


def feasible_dual(dual: Sequence[Sequence[float]], X: Matrix) -> Matrix:
    """Make a dual array rational, orthogonal to affine functions, and so small that no neuron responds above 1.

    Parameters
    ----------
    dual : N rows of T float
    X : N rows of 2 Fraction
        Distinct points.

    Raises
    ------
    ValueError
        If an entry is not finite, or scaling does not help.
    """
    entries = [[as_rational(value, "dual") for value in row] for row in dual]
    size = max(abs(value) for row in entries for value in row)
    if not size:
        return tuple(map(tuple, entries))
    basis = affine_basis(X)
    bits = _DIGITS + size.denominator.bit_length() - size.numerator.bit_length()
    draft = orthogonal(_scaled(entries, 1.0, bits), X, basis)
    response = max(cone.largest for cone in cones(X, draft))
    if not (0 < response < math.inf):
        raise ValueError("the responses of neurons to the dual array leave the range of float64; rescale the data")
    bits += math.frexp(response)[1]
    for margin in _ROOM:
        projected = orthogonal(_scaled(entries, (1 - margin) / response, bits), X, basis)
        if first_above_one(X, projected) is None:
            return projected
    raise ValueError("the dual array cannot be made exact: points lie too close to each other for its rounding")


def first_above_one(X: Matrix, dual: Matrix) -> Cone | None:
    """Return a cone in which some neuron responds above 1, if there is one."""
    return next((cone for cone in cones(X, dual) if not cone.within_one), None)


def orthogonal(dual: Matrix, X: Matrix, basis: Sequence[int]) -> Matrix:
    """Change the rows of a few points so that Lambda'1 = 0 and Lambda'X = 0 hold exactly.

    Parameters
    ----------
    basis : sequence of int
        Affinely independent points whose affine span holds all others (`affine_basis`).
    """
    off = stray(dual, X)
    kept = _independent_columns([X[i] for i in basis])
    rows = [[Fraction(1) if column == 0 else X[i][column - 1] for i in basis] for column in kept]
    change = solved(rows, [[-value for value in off[column]] for column in kept])
    assert change is not None  # the points are affinely independent
    projected = list(dual)
    for i, step in zip(basis, change, strict=True):
        projected[i] = tuple(a + b for a, b in zip(projected[i], step, strict=True))
    return tuple(projected)


def stray(dual: Matrix, X: Matrix) -> Matrix:
    """Return Lambda'1 and Lambda'X, d + 1 rows of T numbers."""
    columns = [(Fraction(1),) * len(X), *zip(*X, strict=True)]
    outputs = list(zip(*dual, strict=True))
    return tuple(tuple(dot(column, output) for output in outputs) for column in columns)


def pairing(dual: Matrix, Y: Matrix) -> Fraction:
    """Return <Lambda, Y>."""
    return sum((dot(row, y) for row, y in zip(dual, Y, strict=True)), Fraction(0))


def _scaled(entries: Sequence[Vector] | Sequence[Sequence[Fraction]], factor: float, bits: int) -> Matrix:
    """Multiply by a number and round to multiples of 2^-bits."""
    exact, unit = as_rational(factor), Fraction(2) ** bits
    return tuple(tuple(round(value * exact * unit) / unit for value in row) for row in entries)


def _independent_columns(points: Sequence[Vector]) -> list[int]:
    """Columns of [1, X] that determine the others at some affinely independent points, as many as there are points."""
    columns = [[Fraction(1)] * len(points), *map(list, zip(*points, strict=True))]
    kept: list[int] = []
    for k in range(len(columns)):
        rows = [columns[i] for i in [*kept, k]]
        if len(rows) <= len(points) and solved(rows, [[] for _ in rows]) is not None:
            kept.append(k)
    return kept


def _around(steps: Sequence[tuple[int, ...]]) -> list[Direction]:
    """Sort the directions perpendicular to steps, and the axes, by their angle, exactly."""
    perpendicular = [_shortened((sign * -y, sign * x)) for x, y in steps if x or y for sign in (1, -1)]
    upper = {r: r[1] > 0 or (r[1] == 0 and r[0] > 0) for r in {*perpendicular, *_AXES}}

    def compare(a: Direction, b: Direction) -> int:
        if upper[a] != upper[b]:
            return -1 if upper[a] else 1
        cross = a[0] * b[1] - a[1] * b[0]
        return (cross < 0) - (cross > 0)

    return sorted(upper, key=cmp_to_key(compare))


def _shortened(r: Direction) -> Direction:
    """Return the shortest integer vector in the same direction."""
    divisor = math.gcd(*r)
    return r[0] // divisor, r[1] // divisor
