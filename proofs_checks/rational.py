"""Shared by claims that decide instances in rational arithmetic (`vvnorm verify --exact`)."""

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from proofs_checks.support import unpack
from vvnorm.claims import Undecided
from vvnorm.verifier.exact import ExactLine, RationalNetwork, as_rational
from vvnorm.verifier.exact.dual_arrays import moments, pairing, point_above
from vvnorm.verifier.exact.rationals import Vector, norm_squared, root_bounds

Interval = tuple[Fraction, Fraction]


def as_line(x: Any, Y: Any) -> ExactLine:
    """Read data of one input exactly; labels that are missing, or different at one input, are not covered."""
    try:
        return ExactLine.of(x, Y)
    except ValueError as error:
        raise Undecided(f"exact arithmetic needs one label of each output at each point: {error}") from None


def network(name: str, instance: Mapping[str, Any]) -> RationalNetwork:
    """Return a network of an instance with its float64 weights read exactly."""
    return RationalNetwork.of(unpack(name, instance))


def needs_skip(instance: Mapping[str, Any]) -> None:
    """Refuse instances without a skip connection."""
    if not instance["skip"]:
        raise Undecided("exact proofs cover networks with a skip connection")


def least_cost(line: ExactLine) -> Interval:
    """Enclose the least VV norm of an interpolant: by a dual array from below, by connect-the-dots from above."""
    points, dual, dots = tuple((x,) for x in line.inputs), line.dual, line.network
    if any(map(any, moments(dual, points))) or point_above(points, dual) is not None:
        raise ArithmeticError("the dual array proves no bound")
    if any(map(any, dots.misfits(points, line.labels))):
        raise ArithmeticError("connect-the-dots does not interpolate")
    return pairing(dual, line.labels), dots.cost_bounds[1]


def require_minimiser(minimiser: RationalNetwork, line: ExactLine) -> None:
    """Check that a network interpolates exactly, and that the bounds on its cost do not exceed those of R(D)."""
    if any(map(any, minimiser.misfits(tuple((x,) for x in line.inputs), line.labels))):
        raise ArithmeticError("the network does not interpolate")
    if minimiser.cost_bounds[0] > line.bounds[1]:
        raise ArithmeticError("the network costs more than connect-the-dots")


def spread(line: ExactLine) -> Fraction:
    """Return the largest range of an output's labels."""
    return max(max(column) - min(column) for column in zip(*line.labels, strict=True))


def norm(vector: Vector) -> Interval:
    """Enclose a Euclidean norm."""
    return root_bounds(norm_squared(vector))


def less(a: Vector, b: Vector) -> Vector:
    """Return a - b."""
    return tuple(p - q for p, q in zip(a, b, strict=True))


def relative_difference(first: Interval, second: Interval) -> Interval:
    """Enclose (first - second) / second for non-negative intervals; 0 / 0 counts as 0."""
    low, high = first[0] - second[1], first[1] - second[0]
    unit = [size for size in (second[0], second[1]) if size] or [Fraction(1)]
    return low / (unit[0] if low < 0 else unit[-1]), high / (unit[-1] if high < 0 else unit[0])


def rational_kinks(function: RationalNetwork, low: Fraction, high: Fraction) -> list[Fraction]:
    """Kinks -b / w of a network of one input that lie inside an interval."""
    kinks = (-neuron.b / neuron.w[0] for neuron in function.neurons)
    return [kink for kink in kinks if low < kink < high]


def rational(values: Any) -> Vector:
    """Read an array of numbers exactly."""
    return tuple(as_rational(value) for value in values.tolist())
