"""Variants of the claim that nearly minimal interpolants are near connect-the-dots, by excess * h / (1 - cos theta).

For given data these variants construct the worst interpolant: curvature moves from both ends of a gap to its middle, along
the dual certificate. Its excess and its distance to connect-the-dots are enclosed between rationals.
"""

from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from proofs_checks.variants.lines import (
    Bounds,
    at_most,
    interpolates,
    line_of,
    line_variant,
    network_of,
    norms,
    scaled,
    times,
)
from proofs_checks.variants.solution_set import (
    HALF,
    axes_with,
    label_range,
    network_interpolates,
    packed,
    shifted,
    unpacked,
)
from vvnorm.falsification import Basis, Decision, LineSpace, Variant
from vvnorm.falsification.data import Data
from vvnorm.falsification.statement import exactly
from vvnorm.verifier.exact import ExactLine, RationalNetwork
from vvnorm.verifier.exact.rationals import Vector, norm_squared, root_bounds

_SIZES = (Fraction(1, 2), Fraction(1, 50))
_RESOLUTION = Fraction(1, 10**6)
"""Distances below this share of the labels' range count as rounding, as in the claim."""


def _exact(data: Data) -> Decision:
    """Compare the distance to connect-the-dots at the network's kinks with the bound of each piece."""
    line, network = line_of(data), unpacked("network", data)
    excess = max(network.cost_bounds[1] - line.bounds[0], Fraction(0))
    floor = _RESOLUTION * label_range(line)
    dots, bounds = line.network, line.stability(excess)
    for i, bound in enumerate(bounds):
        low, high = line.inputs[i], line.inputs[i + 1]
        kinks = [-n.b / n.w[0] for n in network.neurons]
        for t in (low, *(knot for knot in kinks if low < knot < high), (low + high) / 2, high):
            off = tuple(a - b for a, b in zip(network((t,)), dots((t,)), strict=True))
            if bound is not None and norm_squared(off) > max(bound * (1 + _RESOLUTION), floor) ** 2:
                distance = float(root_bounds(norm_squared(off))[0])
                return exactly(False, f"at {t} the distance is {distance:.6g}, the bound {float(bound):.6g}")
    return exactly(True, "all distances are within the bound")


def _networks(data: Data) -> Iterator[Data]:
    """Yield connect-the-dots, a shifted copy, and the worst interpolants."""
    line = line_of(data)
    for network in (line.network, shifted(line.network), *(moved.network for moved in _moved(line))):
        yield {**data, **packed("network", network)}


EXACT = Variant(
    id="stability",
    claim="stability",
    statement="An interpolant of VV norm R(D) + excess is within excess * h / (1 - cos theta) of connect-the-dots.",
    false=False,
    hypotheses={"interpolates": lambda data: network_interpolates(data, "network")},
    decide=_exact,
    space=LineSpace(
        points=(3, 5),
        more=_networks,
        axes=axes_with("network"),
    ),
)


class Moved(NamedTuple):
    """An interpolant with curvature moved into the middle of a gap; its distance to connect-the-dots, and its excess."""

    network: RationalNetwork
    gap: int
    distance: Bounds
    excess: Bounds
    steeper: Bounds


def _moved(line: ExactLine) -> Iterator[Moved]:
    """Yield nearly worst interpolants for each gap between two curvatures that do not point the same way."""
    for i in range(len(line.ratios)):
        left, right = line.curvatures[i], line.curvatures[i + 1]
        if line.ratios[i] is not None or not any(left) or not any(right):
            continue
        units = [np.array(delta, dtype=float) / float(np.sqrt(float(norm_squared(delta)))) for delta in (left, right)]
        along = tuple(Fraction(float(entry)).limit_denominator(100) for entry in units[0] + units[1])
        if any(along):
            yield from (_moved_along(line, i, scaled(along, size)) for size in _SIZES)


def _moved_along(line: ExactLine, i: int, v: Vector) -> Moved:
    """Add a kink of jump v in the middle of the gap after inner point i, and take v / 2 off the jumps at its ends."""
    left, right, h = line.inputs[i + 1], line.inputs[i + 2], line.gaps[i + 1]
    jumps = [list(delta) for delta in line.curvatures]
    for place in (i, i + 1):
        jumps[place] = [a - b / 2 for a, b in zip(jumps[place], v, strict=True)]
    knots = [*zip(line.inputs[1:-1], map(tuple, jumps), strict=True), ((left + right) / 2, v)]
    network = network_of(line, knots)
    assert interpolates(network, line)
    size, cost = norms([v]), network.cost_bounds
    excess = (max(cost[0] - line.bounds[1], Fraction(0)), cost[1] - line.bounds[0])
    return Moved(network, i, times(h / 4, size), excess, times(HALF, size))


def _variant(name: str, statement: str, bound: Callable[[ExactLine, Moved], Bounds], **more: Any) -> Variant:
    """Return the variant that bounds the distance to connect-the-dots in the middle of a gap."""
    return _judged(name, statement, lambda line, moved: (moved.distance, bound(line, moved)), "the distance", **more)


def _judged(
    name: str, statement: str, compared: Callable[[ExactLine, Moved], tuple[Bounds, Bounds]], what: str, **more: Any
) -> Variant:
    def decide(line: ExactLine) -> Decision:
        for moved in _moved(line):
            measured, bound = compared(line, moved)
            middle = (line.inputs[moved.gap + 1] + line.inputs[moved.gap + 2]) / 2
            decision = at_most(measured, bound, f"with curvature moved to {middle}, {what}", "the bound")
            if decision.refutes:
                return decision
        return exactly(True, "no constructed interpolant exceeds the bound")

    return line_variant("stability", name, statement, decide, **{"points": (4, 6), "outputs": (1, 2), **more})


def _gap(line: ExactLine, moved: Moved) -> Fraction:
    return line.gaps[moved.gap + 1]


WITHOUT_ANGLE = _variant(
    "stability_without_angle",
    "An interpolant of VV norm R(D) + excess differs from connect-the-dots by at most excess * h.",
    lambda line, moved: times(_gap(line, moved), moved.excess),
)
QUARTER = _variant(
    "stability_with_green_function_alone",
    "An interpolant of VV norm R(D) + excess is within excess * h / 4 of connect-the-dots in the middle of a gap.",
    lambda line, moved: times(_gap(line, moved) / 4, moved.excess),
)
HALVED = _variant(
    "stability_bound_halved",
    "An interpolant of VV norm R(D) + excess differs from connect-the-dots by at most excess * h / (1 - cos theta) / 2.",
    lambda line, moved: _claimed(line, moved, HALF),
)
WITHOUT_SPACING = _variant(
    "stability_without_spacing",
    "An interpolant of VV norm R(D) + excess differs from connect-the-dots by at most excess / (1 - cos theta).",
    lambda line, moved: _claimed(line, moved, 1 / _gap(line, moved)),
)
SLOPES = _judged(
    "stability_of_slopes",
    "The slope of an interpolant of VV norm R(D) + excess differs from that of connect-the-dots by at most the excess.",
    lambda line, moved: (moved.steeper, moved.excess),
    "the change of slope",
)
AS_CLAIMED = _variant(
    "stability_on_worst_interpolants",
    "The worst interpolants of VV norm R(D) + excess differ from connect-the-dots by at most excess * h / (1 - cos theta).",
    lambda line, moved: _claimed(line, moved, Fraction(1)),
    false=False,
)


def _claimed(line: ExactLine, moved: Moved, factor: Fraction) -> Bounds:
    """Return the upper end of the claim's bound, times a factor."""
    bound = line.stability(factor * moved.excess[1])[moved.gap + 1]
    assert bound is not None  # the curvatures at the ends of the gap are not aligned
    return bound, bound


def _excess_cost(line: ExactLine) -> Decision:
    """Move curvature into a gap of an aligned run, where the excess is 0 and the distance is not."""
    for i, ratio in enumerate(line.ratios):
        if ratio is not None:
            small = min(Fraction(1), ratio)
            moved = _moved_along(line, i, scaled(line.curvatures[i], small))
            said = f"at equal cost an interpolant is {float(moved.distance[0]):.6g} away"
            return Decision(False, Basis.EXACT, said) if moved.excess[0] == 0 else Decision(None, Basis.EXACT, said)
    return exactly(True, "no two neighbouring curvatures point the same way")


ZERO_EXCESS = line_variant(
    "stability",
    "stability_for_aligned_curvatures",
    "An interpolant of VV norm R(D) is connect-the-dots, also where neighbouring curvatures point the same way.",
    _excess_cost,
    points=(4, 6),
)
