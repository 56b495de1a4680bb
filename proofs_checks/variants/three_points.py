"""Fits of three points with one or two outputs, exactly: shared by variants about fits.

Three points have one curvature delta(U) = D U, where D has one row. Let g = ||D||^2. With the squared loss and lam below
lambda_max = ||delta|| / g, the fit is U = Y - D'z with z = lam delta / ||delta||. For larger lam the fit is affine. With
one output ||delta|| is rational; with two outputs it is enclosed.
"""

from fractions import Fraction
from typing import NamedTuple

from proofs_checks.variants.lines import Bounds, n_outputs, times
from vvnorm.falsification.statement import Predicate
from vvnorm.verifier.exact import ExactLine
from vvnorm.verifier.exact.rationals import Vector, norm_squared, root_bounds

ONE_OUTPUT_AT_THREE_POINTS: dict[str, Predicate] = {
    "one_output": n_outputs(1),
    "three_points": lambda data: len(data["x"]) == 3,
}


class ThreePoints(NamedTuple):
    """Three points: the row of D, its squared norm g, the curvature delta, and an enclosure of its norm."""

    row: Vector
    g: Fraction
    delta: Vector
    size: Bounds


def three_points(line: ExactLine) -> ThreePoints:
    """Return the numbers that determine the fits of three points."""
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
    z = min(lam, abs(points.delta[0]) / points.g) * (1 if points.delta[0] > 0 else -1)
    return tuple(z * entry for entry in points.row)


def loss_at(points: ThreePoints, budget: Fraction) -> Fraction:
    """Least squared loss, halved, of one output at a cost of at most a budget."""
    excess = max(abs(points.delta[0]) - budget, Fraction(0))
    return excess * excess / (2 * points.g)


def lambda_max(points: ThreePoints) -> Bounds:
    """The least lam at which the fit is affine."""
    return times(1 / points.g, points.size)
