"""Fits of three points with one or two outputs, exactly: shared by variants about fits.

With the squared loss and delta the only curvature, the fit is U = Y - D'z with z = lam delta / ||delta||, as long as lam is
below lambda_max = ||delta|| / g, g = ||D||^2; from there on it is affine. (D has one row: delta(U) = D U.) With one output
||delta|| is rational; with two it is enclosed.
"""

from fractions import Fraction
from typing import NamedTuple

from proofs_checks.variants.lines import Bounds, times
from vvnorm.verifier.exact import ExactLine
from vvnorm.verifier.exact.rationals import Vector, norm_squared, root_bounds


class ThreePoints(NamedTuple):
    """Three points: the row of D, its squared norm g, the curvature delta, and an enclosure of its norm."""

    row: Vector
    g: Fraction
    delta: Vector
    size: Bounds


def three_points(line: ExactLine) -> ThreePoints:
    """Return what the fits of three points depend on."""
    assert len(line.inputs) == 3
    first, second = (1 / h for h in line.gaps)
    row = (first, -first - second, second)
    [delta] = line.curvatures
    return ThreePoints(row, norm_squared(row), delta, root_bounds(norm_squared(delta)))


def fitted_curvature(points: ThreePoints, lam: Fraction) -> Fraction:
    """|delta| of the fit of one output."""
    return max(abs(points.delta[0]) - lam * points.g, Fraction(0))


def residuals(points: ThreePoints, lam: Fraction) -> Vector:
    """Labels minus fitted values of one output: D'z."""
    left = abs(points.delta[0])
    z = min(lam, left / points.g) * (1 if points.delta[0] > 0 else -1)
    return tuple(z * entry for entry in points.row)


def loss_at(points: ThreePoints, budget: Fraction) -> Fraction:
    """Least squared loss, halved, of one output at a cost of at most a budget."""
    left = max(abs(points.delta[0]) - budget, Fraction(0))
    return left * left / (2 * points.g)


def lambda_max(points: ThreePoints) -> Bounds:
    """The least lam at which the fit is affine."""
    return times(1 / points.g, points.size)
