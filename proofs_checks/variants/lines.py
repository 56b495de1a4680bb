"""Shared by variants about one input: decisions about data x, Y in rational arithmetic, each with a witness.

For x_1 < .. < x_N, slopes s_i and curvatures delta_i are rational; sums of norms are enclosed between rationals. A
comparison that such an enclosure leaves open is undecided.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any

from vvnorm.falsification import Decision, LineSpace, Variant
from vvnorm.falsification.data import Data
from vvnorm.falsification.statement import Basis, Predicate, exactly
from vvnorm.verifier.exact import ExactLine, Neuron, RationalNetwork
from vvnorm.verifier.exact.line import positive_ratio
from vvnorm.verifier.exact.rationals import Vector, norm_squared, root_bounds

Bounds = tuple[Fraction, Fraction]
"""An enclosure: lower and upper end."""

UNDECIDED = Fraction(1, 2**100)
"""Two numbers count as equal if their enclosures, of 128 binary digits, are closer than this, relative to the numbers."""


def line_of(data: Data) -> ExactLine:
    """Return the data with one input, which must be increasing."""
    return ExactLine(tuple(data["x"].tolist()), tuple(map(tuple, data["Y"].tolist())))


def with_skip(data: Data) -> Iterator[Data]:
    """Yield the data for networks with and without a skip connection."""
    for skip in (True, False):
        yield {**data, "skip": skip}


def single_output(line: ExactLine, output: int) -> ExactLine:
    """Return the data of one of the outputs."""
    return ExactLine(line.inputs, tuple((row[output],) for row in line.labels))


def n_outputs(*allowed: int) -> Predicate:
    """Return the hypothesis that the number of outputs is one of the given numbers."""
    return lambda data: data["Y"].shape[1] in allowed


def several_outputs(data: Data) -> bool:
    """Whether there are two outputs or more."""
    return bool(data["Y"].shape[1] >= 2)


def decided_by(bounds: Bounds, other: Bounds, what: str, than: str) -> Decision:
    """Decide whether two numbers are equal, from enclosures of both."""
    said = f"{what} is {shown(bounds)}, {than} is {shown(other)}"
    if bounds[1] < other[0] or other[1] < bounds[0]:
        return exactly(False, said)
    scale = max(abs(bounds[1]), abs(other[1]), Fraction(1))
    width = max(bounds[1] - other[0], other[1] - bounds[0])
    return Decision(True if width <= UNDECIDED * scale else None, Basis.EXACT, said)


def at_most(bounds: Bounds, other: Bounds, what: str, than: str) -> Decision:
    """Decide whether one number is at most another, from enclosures of both."""
    said = f"{what} is {shown(bounds)}, {than} is {shown(other)}"
    scale = max(abs(bounds[1]), abs(other[1]), Fraction(1))
    if bounds[0] > other[1]:
        return exactly(False, said)
    return Decision(True if bounds[1] <= other[0] + UNDECIDED * scale else None, Basis.EXACT, said)


def shown(bounds: Bounds) -> str:
    """Return an enclosed number as text: exactly if that is short, else rounded."""
    return str(bounds[0]) if bounds[0] == bounds[1] and len(str(bounds[0])) < 16 else f"{float(bounds[0]):.9g}"


def exact_bounds(value: Fraction | int) -> Bounds:
    """Return the enclosure of a rational number."""
    return Fraction(value), Fraction(value)


def norms(vectors: Iterable[Sequence[Fraction]]) -> Bounds:
    """Enclose the sum of the Euclidean norms of vectors."""
    roots = [root_bounds(norm_squared(tuple(vector))) for vector in vectors]
    return sum((low for low, _ in roots), Fraction(0)), sum((high for _, high in roots), Fraction(0))


def times(factor: Fraction, bounds: Bounds) -> Bounds:
    """Multiply an enclosed number by a positive one."""
    return factor * bounds[0], factor * bounds[1]


# --- networks ---------------------------------------------------------------------------------------------------------


def network_of(line: ExactLine, knots: Iterable[tuple[Fraction, Vector]]) -> RationalNetwork:
    """Return the network that starts like connect-the-dots and has the given knots and jumps of the slope."""
    neurons = tuple(Neuron((Fraction(1),), -t, jump) for t, jump in knots if any(jump))
    start, slope = line.labels[0], line.slopes[0]
    offset = tuple(y - s * line.inputs[0] for y, s in zip(start, slope, strict=True))
    return RationalNetwork(neurons, tuple((s,) for s in slope), offset)


def interpolates(network: RationalNetwork, line: ExactLine) -> bool:
    """Whether a network passes through all data, exactly."""
    return not any(map(any, network.misfits(tuple((x,) for x in line.inputs), line.labels)))


def scaled(vector: Vector, factor: Fraction) -> Vector:
    """Multiply a vector."""
    return tuple(factor * entry for entry in vector)


def merged_pairs(line: ExactLine, pairs: Iterable[int]) -> RationalNetwork:
    """Merge the kinks of connect-the-dots at the given pairs of aligned curvatures i, i + 1; the cost does not change.

    If delta_{i+1} = c delta_i, the merged kink lies at the fraction c / (1 + c) of the gap, and its jump is (1 + c)
    delta_i.

    Raises
    ------
    AssertionError
        If the network does not interpolate, or a pair is not aligned, so that the cost changes.
    """
    first = set(pairs)
    knots: list[tuple[Fraction, Vector]] = []
    for i, delta in enumerate(line.curvatures):
        ratio = line.ratios[i] if i in first else None
        if i in first:
            assert ratio is not None
            total = scaled(delta, 1 + ratio)
            assert positive_ratio(delta, total) == 1 + ratio  # parallel, so that norms add up
            knots.append((merged_knot(line, i), total))
        elif i - 1 not in first:
            knots.append((line.inputs[i + 1], delta))
    network = network_of(line, knots)
    assert interpolates(network, line)
    return network


def merged_knot(line: ExactLine, i: int) -> Fraction:
    """Return the place of the kink that replaces those of the aligned curvatures i, i + 1."""
    ratio = line.ratios[i]
    assert ratio is not None
    return line.inputs[i + 1] + line.gaps[i + 1] * ratio / (1 + ratio)


def first_aligned(line: ExactLine) -> int | None:
    """Return the index of the first pair of aligned curvatures, if there is one."""
    return next((i for i, ratio in enumerate(line.ratios) if ratio is not None), None)


def uniqueness_of(line: ExactLine) -> tuple[bool, str]:
    """Decide whether connect-the-dots is the only minimiser; the second value says why."""
    pair = first_aligned(line)
    if pair is None:
        return True, "no two neighbouring curvatures point the same way, so there is one minimiser"
    merged_pairs(line, [pair])
    knot = merged_knot(line, pair)
    left, right = line.inputs[pair + 1], line.inputs[pair + 2]
    return False, f"one kink at {knot} in place of those at {left} and {right} gives another interpolant of equal cost"


def line_variant(
    claim: str,
    name: str,
    statement: str,
    decide: Callable[[ExactLine], Decision],
    *,
    false: bool = True,
    hypotheses: Mapping[str, Predicate] | None = None,
    claim_draws: bool = True,
    **space: Any,
) -> Variant:
    """Return a variant about complete data of one input, for networks with a skip connection."""
    return Variant(
        name, claim, statement, false, hypotheses or {}, lambda data: decide(line_of(data)), LineSpace(**space), claim_draws
    )  # fmt: skip
