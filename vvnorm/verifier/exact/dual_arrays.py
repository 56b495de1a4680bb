"""Dual arrays in rational numbers, for one and two inputs: orthogonal to affine functions, with bounded responses.

A dual array Lambda (N, T) with Lambda'1 = 0 and Lambda'X = 0 pairs with the values of a network f to

    <Lambda, f(X)> = sum_k <v_k, sum_j Lambda_j relu(w_k.x_j + b_k)> <= limit * VV(f)

if no neuron responds above `limit`: || sum_j Lambda_j relu(w.x_j + b) || <= limit ||w|| for all w and b. With the limit 1,
no interpolant of Y costs less than <Lambda, Y>. With the limit lam, and since r^2 / 2 >= l r - l^2 / 2 for all numbers, no
network has sum_i ||f(x_i) - y_i||^2 / 2 + lam VV(f) below <Lambda, Y> - ||Lambda||^2 / 2.

For one w, responses are largest at kinks through points. One input: there are two w to try, and orthogonality makes their
responses equal. Two inputs: see `vvnorm.verifier.exact.plane`.
"""

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any, Final

from vvnorm.verifier.exact.corrected import affine_basis, solved
from vvnorm.verifier.exact.plane import cones
from vvnorm.verifier.exact.rationals import Matrix, Vector, as_rational, dot, norm_squared, to_float

_MARGINS: Final = (2.0**-44, 2.0**-40, 2.0**-34, 2.0**-27, 2.0**-20, 2.0**-10)
"""Relative margins between the computed largest response and the limit; the first that suffices is used."""

_DIGITS: Final = 72
"""Binary digits to which dual arrays are rounded, relative to their largest entry."""


def feasible_dual(dual: Sequence[Sequence[Any]], X: Matrix, lam: Fraction | None = None) -> Matrix:
    """Make a dual array rational and orthogonal to affine functions, and scale it so that no response exceeds its limit.

    Parameters
    ----------
    dual : N rows of T numbers
    X : N rows of 1 or 2 Fraction
        Two or more of them distinct.
    lam : Fraction, optional
        The limit for a fit; arrays with smaller responses are not scaled. By default the limit is 1, and arrays with
        smaller responses are scaled up to it.

    Raises
    ------
    ValueError
        If an entry is not finite, or scaling does not help.
    """
    entries = [[as_rational(value, "dual") for value in row] for row in dual]
    size = max(abs(value) for row in entries for value in row)
    if not size:
        return tuple(map(tuple, entries))
    limit = Fraction(1) if lam is None else lam
    basis = affine_basis(X)
    bits = _DIGITS + size.denominator.bit_length() - size.numerator.bit_length()
    draft = orthogonal(_scaled(entries, 1.0, bits), X, basis)
    response = largest_response(X, _divided(draft, limit))
    if lam is None and not (0 < response < math.inf):
        raise ValueError("the responses of neurons to the dual array leave the range of float64; rescale the data")
    if lam is not None and response < 1 and point_above(X, draft, limit) is None:
        return draft
    bits += math.frexp(response)[1]
    for margin in _MARGINS:
        projected = orthogonal(_scaled(entries, (1 - margin) / response, bits), X, basis)
        if point_above(X, projected, limit) is None:
            return projected
    raise ValueError("the dual array cannot be made exact: points lie too close to each other for its rounding")


def point_above(X: Matrix, dual: Matrix, limit: Fraction = Fraction(1)) -> int | None:
    """Return the index of a point on the kink of a neuron whose response exceeds the limit; None if there is none."""
    if len(X[0]) == 1:
        square = limit * limit
        return next((i for i, row in enumerate(line_responses(X, dual)) if norm_squared(row) > square), None)
    return next((cone.point for cone in cones(X, _divided(dual, limit)) if not cone.within_one), None)


def largest_response(X: Matrix, dual: Matrix) -> float:
    """Return the largest response, rounded."""
    if len(X[0]) == 1:
        return math.sqrt(max(to_float(norm_squared(row)) for row in line_responses(X, dual)))
    return max(cone.largest for cone in cones(X, dual))


def line_responses(X: Matrix, dual: Matrix) -> Matrix:
    """Return sum_j Lambda_j max(x_j - x_i, 0) for each point i of one input: N rows of T."""
    order = sorted(range(len(X)), key=lambda i: X[i], reverse=True)
    responses: list[Vector] = [()] * len(X)
    response = total = (Fraction(0),) * len(dual[0])  # over points beyond x: sums of Lambda_j (x_j - x) and of Lambda_j
    before = X[order[0]][0]
    for i in order:
        step, before = before - X[i][0], X[i][0]
        response = tuple(r + step * entry for r, entry in zip(response, total, strict=True))
        total = tuple(map(Fraction.__add__, total, dual[i]))
        responses[i] = response
    return tuple(responses)


def orthogonal(dual: Matrix, X: Matrix, basis: Sequence[int]) -> Matrix:
    """Change the rows of a few points so that Lambda'1 = 0 and Lambda'X = 0 hold exactly.

    Parameters
    ----------
    basis : sequence of int
        Affinely independent points whose affine span holds all others (`affine_basis`).
    """
    off = moments(dual, X)
    kept = _independent_columns([X[i] for i in basis])
    rows = [[Fraction(1) if column == 0 else X[i][column - 1] for i in basis] for column in kept]
    change = solved(rows, [[-value for value in off[column]] for column in kept])
    assert change is not None  # the points are affinely independent
    projected = list(dual)
    for i, step in zip(basis, change, strict=True):
        projected[i] = tuple(a + b for a, b in zip(projected[i], step, strict=True))
    return tuple(projected)


def moments(dual: Matrix, X: Matrix) -> Matrix:
    """Return the moments Lambda'1 and Lambda'X of a dual array, d + 1 rows of T numbers."""
    columns = [(Fraction(1),) * len(X), *zip(*X, strict=True)]
    outputs = list(zip(*dual, strict=True))
    return tuple(tuple(dot(column, output) for output in outputs) for column in columns)


def pairing(dual: Matrix, Y: Matrix) -> Fraction:
    """Return <Lambda, Y>."""
    return sum((dot(row, y) for row, y in zip(dual, Y, strict=True)), Fraction(0))


def fit_bound(dual: Matrix, Y: Matrix) -> Fraction:
    """Return <Lambda, Y> - ||Lambda||^2 / 2, which bounds the objective of fits from below if no response exceeds lam."""
    return pairing(dual, Y) - sum((norm_squared(row) for row in dual), Fraction(0)) / 2


def _scaled(entries: Sequence[Vector] | Sequence[Sequence[Fraction]], factor: float, bits: int) -> Matrix:
    """Multiply by a number and round to multiples of 2^-bits."""
    exact, unit = as_rational(factor), Fraction(2) ** bits
    return tuple(tuple(round(value * exact * unit) / unit for value in row) for row in entries)


def _independent_columns(points: Sequence[Vector]) -> list[int]:
    """Return linearly independent columns of [1, X] at affinely independent points, as many as there are points."""
    columns = [[Fraction(1)] * len(points), *map(list, zip(*points, strict=True))]
    kept: list[int] = []
    for k in range(len(columns)):
        rows = [columns[i] for i in [*kept, k]]
        if len(rows) <= len(points) and solved(rows, [[] for _ in rows]) is not None:
            kept.append(k)
    return kept


def _divided(dual: Matrix, limit: Fraction) -> Matrix:
    """Divide a dual array by a limit, so that the limit becomes 1."""
    return dual if limit == 1 else tuple(tuple(value / limit for value in row) for row in dual)
