"""Variants of the claim that minimisers fill a band along aligned runs, and equal connect-the-dots elsewhere.

Some minimiser passes through a point (t, v) exactly if adding this point to the data does not change the least cost.
"""

from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np

from proofs_checks.rational import spread
from proofs_checks.variants.lines import (
    decided_by,
    first_aligned,
    interpolates,
    line_of,
    line_variant,
    merged_knot,
    merged_pairs,
    n_outputs,
    network_of,
    scaled,
    several_outputs,
    single_output,
)
from vvnorm.falsification import Basis, Decision, LineSpace, Variant
from vvnorm.falsification.data import Data, rationals
from vvnorm.falsification.statement import exactly
from vvnorm.tolerances import CLAIM as TOLERANCE
from vvnorm.verifier.exact import ExactLine, Neuron, RationalNetwork
from vvnorm.verifier.exact.rationals import Vector

HALF = Fraction(1, 2)


def packed(name: str, network: RationalNetwork) -> dict[str, Any]:
    """Return the arrays of a network under the names that claims use."""
    K, T = len(network.neurons), len(network.c)
    W = np.array([neuron.w for neuron in network.neurons], dtype=object).reshape(K, 1)
    V = np.array([neuron.v for neuron in network.neurons], dtype=object).reshape(K, T).T
    b = np.array([neuron.b for neuron in network.neurons], dtype=object)
    parts = {"W": W, "b": b, "V": V, "A": np.array(network.A, dtype=object), "c": np.array(network.c, dtype=object)}
    return {f"{name}.{part}": rationals(array) for part, array in parts.items()}


def unpacked(name: str, data: Data) -> RationalNetwork:
    """Return the network whose arrays `packed` named."""
    W, b, A, c = (data[f"{name}.{part}"].tolist() for part in ("W", "b", "A", "c"))
    outputs = data[f"{name}.V"].T.tolist()
    neurons = (Neuron(tuple(w), bias, tuple(v)) for w, bias, v in zip(W, b, outputs, strict=True))
    return RationalNetwork(tuple(n for n in neurons if any(n.w) and any(n.v)), tuple(map(tuple, A)), tuple(c))


def shifted(network: RationalNetwork) -> RationalNetwork:
    """Return the network plus 1 in each output."""
    return RationalNetwork(network.neurons, network.A, tuple(entry + 1 for entry in network.c))


def label_range(line: ExactLine) -> Fraction:
    """Return the largest range of an output, or 1 if no output varies."""
    return spread(line) or Fraction(1)


def network_interpolates(data: Data, name: str) -> bool:
    """Whether a network passes through the data, up to the tolerance of claims."""
    line = line_of(data)
    misfits = unpacked(name, data).misfits(tuple((x,) for x in line.inputs), line.labels)
    return max(abs(off) for row in misfits for off in row) <= Fraction(TOLERANCE) * label_range(line)


def _minimal(data: Data) -> bool:
    line = line_of(data)
    return unpacked("candidate", data).cost_bounds[0] <= line.bounds[1] * (1 + Fraction(TOLERANCE))


def _in_band(data: Data) -> Decision:
    """Compare the candidate with the band at its kinks and at the data: both are linear or convex in between."""
    line, candidate = line_of(data), unpacked("candidate", data)
    limit = Fraction(TOLERANCE) * label_range(line)
    kinks = [-n.b / n.w[0] for n in candidate.neurons]
    for point in line.band([*line.inputs, *(t for t in kinks if line.inputs[0] < t < line.inputs[-1])]):
        values = candidate((point.at,))
        for low, value, high in zip(point.lower, values, point.upper, strict=True):
            if not low - limit <= value <= high + limit:
                return exactly(False, f"at {point.at} the candidate is {value}, the band is [{low}, {high}]")
    return exactly(True, "the candidate is in the band at its kinks and at the data")


def _candidates(data: Data) -> Iterator[Data]:
    """Yield connect-the-dots, a minimiser with merged kinks, a shifted minimiser, and one with a tent in the first gap."""
    line = line_of(data)
    pair = first_aligned(line)
    networks = [line.network] if pair is None else [line.network, merged_pairs(line, [pair])]
    base = networks[-1]
    ones = (Fraction(1),) * line.n_outputs
    networks.append(shifted(base))
    knots = (line.inputs[0], line.inputs[0] + line.gaps[0] / 2, line.inputs[1])
    tent = tuple(Neuron((Fraction(1),), -t, scaled(ones, Fraction(f))) for t, f in zip(knots, (1, -2, 1), strict=True))
    networks.append(RationalNetwork((*base.neurons, *tent), base.A, base.c))
    for network in networks:
        yield {**data, **packed("candidate", network)}


def axes_with(name: str) -> dict[str, str]:
    """Return the axes of data that hold a network under a name; see `vvnorm.falsification.DataSpace`."""
    parts = {"W": "kd", "b": "k", "V": "tk", "A": "td", "c": "t"}
    return {"x": "n", "Y": "nt"} | {f"{name}.{part}": letters for part, letters in parts.items()}


EXACT = Variant(
    id="solution_set",
    claim="solution_set",
    statement="Minimisers lie in the band of aligned runs, and equal connect-the-dots elsewhere.",
    false=False,
    hypotheses={
        "candidate_interpolates": lambda data: network_interpolates(data, "candidate"),
        "candidate_minimal": _minimal,
    },
    decide=_in_band,
    space=LineSpace(points=(3, 5), more=_candidates, axes=axes_with("candidate")),
)


def with_point(line: ExactLine, t: Fraction, value: Vector) -> ExactLine:
    """Return the data with a point between two inputs added."""
    after = sum(x < t for x in line.inputs)
    inputs = (*line.inputs[:after], t, *line.inputs[after:])
    return ExactLine(inputs, (*line.labels[:after], value, *line.labels[after:]))


def _kinks_at_data(line: ExactLine) -> Decision:
    pair = first_aligned(line)
    if pair is None:
        return exactly(True, "there is one minimiser, and it has its kinks at data")
    merged_pairs(line, [pair])
    return exactly(False, f"a minimiser has a kink at {merged_knot(line, pair)}")


KINKS_AT_DATA = line_variant(
    "solution_set",
    "minimisers_kink_only_at_data",
    "For one output all kinks of all minimisers are at data points.",
    _kinks_at_data,
    hypotheses={"one_output": n_outputs(1)},
    outputs=(1,),
)


def _each_output(line: ExactLine) -> Decision:
    for t in range(line.n_outputs):
        alone = single_output(line, t)
        for gap, (joint, single) in enumerate(zip(line.ratios, alone.ratios, strict=True), 1):
            if single is not None and joint is None:
                middle = (line.inputs[gap] + line.inputs[gap + 1]) / 2
                band = alone.band([middle])[0]
                ends = [str(end) for end in (band.lower[0], band.upper[0])]
                said = f"at {middle} output {t + 1} alone reaches from {ends[0]} to {ends[1]}; together there is one value"
                return exactly(False, said)
    return exactly(True, "each output moves together with the others where it moves alone")


EACH_OUTPUT = line_variant(
    "solution_set",
    "band_is_that_of_each_output",
    "In each output, joint minimisers take all values that minimisers of this output alone take.",
    _each_output,
    hypotheses={"several_outputs": several_outputs},
    outputs=(2,),
    points=(3, 6),
)


def _both_ends(line: ExactLine) -> Decision:
    """Join the ends of the band in all gaps of runs; the function has kinks at the data and at one point in each gap."""
    lowest = line
    for i, ratio in enumerate(line.ratios):
        if ratio is not None:
            knot = merged_knot(line, i)
            slope = line.slopes[i]
            value = tuple(y + s * (knot - line.inputs[i + 1]) for y, s in zip(line.labels[i + 1], slope, strict=True))
            lowest = with_point(lowest, knot, value)
    return decided_by(lowest.bounds, line.bounds, "the cost of following the end of the band in all gaps", "R(D)")


BOTH_ENDS = line_variant(
    "solution_set",
    "one_minimiser_follows_the_end_of_the_band",
    "One minimiser follows the far end of the band in all gaps at once.",
    _both_ends,
    points=(3, 6),
)


def _through_at(line: ExactLine, share: Fraction) -> Decision:
    """Test whether a minimiser passes through the middle of a gap, at a share of the way to the farther chord."""
    for i, ratio in enumerate(line.ratios):
        if ratio is None:
            continue
        left, right = line.inputs[i + 1], line.inputs[i + 2]
        middle = (left + right) / 2
        depth = share * max(Fraction(1), ratio) * (right - left) / 2
        chord = [(a + b) / 2 for a, b in zip(line.labels[i + 1], line.labels[i + 2], strict=True)]
        value = tuple(c - depth * d for c, d in zip(chord, line.curvatures[i], strict=True))
        said = f"({middle}; {', '.join(map(str, value))})"
        decision = decided_by(with_point(line, middle, value).bounds, line.bounds, f"the cost with {said} added", "R(D)")
        if decision.refutes:
            return decision
    return exactly(True, "no gap refutes it")


WRONG_SLOPES = line_variant(
    "solution_set",
    "band_ends_at_the_farther_chord",
    "Between two aligned points minimisers reach the farther of the two neighbouring chords, extended.",
    lambda line: _through_at(line, Fraction(1)),
    points=(4, 6),
)
ABOVE_CHORD = line_variant(
    "solution_set",
    "band_lies_on_both_sides",
    "Minimisers move to both sides of the chord between two aligned points.",
    lambda line: _through_at(line, Fraction(-1, 8)),
    points=(4, 6),
)


def _moved_middle(line: ExactLine, gaps: list[int]) -> Decision:
    """Test whether a minimiser passes through the middle of one of these gaps, off the chord."""
    for i in gaps:
        middle = (line.inputs[i] + line.inputs[i + 1]) / 2
        for direction in (*line.curvatures, (Fraction(1),) * line.n_outputs):
            chord = [(a + b) / 2 for a, b in zip(line.labels[i], line.labels[i + 1], strict=True)]
            for share in (Fraction(1, 8), Fraction(-1, 8)):
                value = tuple(c + share * d for c, d in zip(chord, direction, strict=True))
                if any(direction) and with_point(line, middle, value).bounds[0] <= line.bounds[1]:
                    return Decision(None, Basis.EXACT, f"{value} at {middle} may cost no more")
    return exactly(True, "every tested value off the chord costs more")


END_PIECES = line_variant(
    "solution_set",
    "minimisers_agree_in_end_pieces",
    "All minimisers agree in the first and in the last piece.",
    lambda line: _moved_middle(line, [0, len(line.gaps) - 1]),
    false=False,
)


def _convex_network(line: ExactLine) -> Decision:
    """For convex data of one output, put the sum of all curvatures into one kink, and test whether it interpolates."""
    kinds = {delta[0] > 0 for delta in line.curvatures if delta[0]}
    if len(kinds) != 1 or line.n_outputs != 1:
        return exactly(True, "the data are not convex")
    crossing = _crossing(line)
    if crossing is None:
        return exactly(True, "the first and the last chord do not cross inside")
    total = sum((delta[0] for delta in line.curvatures), Fraction(0))
    network = network_of(line, [(crossing, (total,))])
    meets = interpolates(network, line)
    return exactly(meets, f"the chords cross at {crossing}, and a kink there {'meets' if meets else 'misses'} the data")


def _crossing(line: ExactLine) -> Fraction | None:
    (first,), (last,) = line.slopes[0], line.slopes[-1]
    if first == last:
        return None
    x0, xn, y0, yn = line.inputs[0], line.inputs[-1], line.labels[0][0], line.labels[-1][0]
    at = (yn - y0 + first * x0 - last * xn) / (first - last)
    return at if x0 < at < xn else None


ONE_KINK = line_variant(
    "solution_set",
    "convex_data_need_one_kink",
    "For convex data of one output the first and last chord, extended to where they cross, are a minimiser.",
    _convex_network,
    hypotheses={
        "one_output": n_outputs(1),
        "convex": lambda data: all(a[0] <= b[0] for a, b in pairwise(line_of(data).slopes)),
    },
    outputs=(1,),
    points=(3, 6),
)
