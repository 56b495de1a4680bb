"""Two inputs: an exact test that no neuron responds above 1 to a dual array.

Lambda (N, T) is orthogonal to affine functions (`vvnorm.verifier.exact.dual_arrays`). No neuron responds above 1 if

    || sum_j Lambda_j relu(w.(x_j - x_i)) ||_2 <= ||w||_2     for all i and all w.

The directions w perpendicular to x_j - x_i, rational vectors, cut the plane into cones. Inside a cone the sum is C w with
one matrix C = sum over active j of Lambda_j (x_j - x_i)'. With its edges r1 and r2, w = a r1 + b r2 and K = C'C - I, the
condition w'Kw <= 0 for all a, b >= 0 reads

    p = -r1'K r1 >= 0,   q = -r2'K r2 >= 0,   and s = -r1'K r2 >= 0 or s^2 <= p q.

No square root is needed. All numbers are multiplied by their common denominators, so the arithmetic is in integers. The
axes are added to the directions: this changes nothing and makes every cone smaller than a half plane.
"""

import math
from collections.abc import Iterator, Sequence
from functools import cmp_to_key
from typing import Final, NamedTuple

from vvnorm.verifier.exact.rationals import Matrix, integers

_ROOT: Final = 64
"""Fractional binary digits of the square root of an integer."""

_AXES: Final = ((1, 0), (0, 1), (-1, 0), (0, -1))

Direction = tuple[int, int]


class Cone(NamedTuple):
    """A cone of directions w on which the response of neurons with a kink through one point is linear.

    Attributes
    ----------
    point : int
        Index i of the point on the kinks.
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

        Within a right angle, the squared response has a maximum inside exactly if it increases from both edges inwards. The
        maximum is the largest eigenvalue of C'C. Only the last divisions and the roots are rounded, so nothing cancels.
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
    """Yield all cones, for kinks through each of the points."""
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
