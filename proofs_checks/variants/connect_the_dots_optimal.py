"""Variants of the claim that connect-the-dots has the least VV norm, R(D), of all interpolants."""

from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np

from proofs_checks.variants.lines import (
    Bounds,
    at_most,
    decided_by,
    exact_bounds,
    line_of,
    line_variant,
    n_outputs,
    norms,
    scaled,
    with_skip,
)
from vvnorm.api.interpolation import interpolate
from vvnorm.falsification import Basis, Decision, LineSpace, Variant
from vvnorm.falsification.data import Data, float_data
from vvnorm.falsification.statement import exactly
from vvnorm.verifier.exact import ExactLine
from vvnorm.verifier.exact.rationals import norm_squared, root_bounds

LEAST, DOTS = "the least VV norm", "the formula"


def cost_without_skip(line: ExactLine) -> Bounds:
    """Bound the least VV norm without a skip connection: the slope of such a network is at most its VV norm."""
    steepest = max((norm_squared(slope) for slope in line.slopes), default=Fraction(0))
    return root_bounds(steepest)[0], norms([line.slopes[0], *line.curvatures])[1]


def _exact(data: Data) -> Decision:
    if None in data["Y"].ravel().tolist():
        return _with_missing_labels(data)
    line = line_of(data)
    if data["skip"]:
        # The network itself gives the upper bound, and <eta, delta> with eta = delta / ||delta|| the lower bound.
        return decided_by(line.network.cost_bounds, line.bounds, LEAST, "R(D)")
    return _without_skip(line)


def _without_skip(line: ExactLine) -> Decision:
    lower, upper = cost_without_skip(line)
    if lower > line.bounds[1]:
        return decided_by((lower, upper), line.bounds, f"a lower bound of {LEAST} without a skip connection", "R(D)")
    return Decision(None, Basis.EXACT, "steepness proves no bound above R(D)")


def _with_missing_labels(data: Data) -> Decision:
    """Compare the cost of connecting each output's points with that of a completion that the solver proposes."""
    if not data["skip"] or any(column.tolist().count(None) > len(column) - 2 for column in data["Y"].T):
        return Decision(None, Basis.EXACT, "an output has fewer than two labels, or there is no skip connection")
    x = data["x"].tolist()
    connected = np.array([_connected(x, column.tolist()) for column in data["Y"].T], dtype=object).T
    apart = line_of({"x": data["x"], "Y": connected}).bounds
    floats = float_data(data)
    proposed = interpolate(floats["x"], floats["Y"]).network(floats["x"])
    for largest in (1, 2, 4, 10, 1000):
        filled = data["Y"].copy()
        for place in np.ndindex(filled.shape):
            if filled[place] is None:
                filled[place] = Fraction(float(proposed[place])).limit_denominator(largest)
        together = line_of({"x": data["x"], "Y": filled})
        labels = "; ".join(" ".join(map(str, column)) for column in filled.T)
        said = f"connect-the-dots through the known labels of each output costs {float(apart[0]):.9g}; "
        said += f"with the labels {labels} connect-the-dots costs {float(together.bounds[1]):.9g}"
        if together.bounds[1] < apart[0]:
            return exactly(False, said)
    return Decision(None, Basis.EXACT, said)


def _connected(x: list[Fraction], column: list[Fraction | None]) -> list[Fraction]:
    """Fill missing labels of an output linearly: between neighbouring labels, and beyond the ends from the nearest two."""
    known = [(t, y) for t, y in zip(x, column, strict=True) if y is not None]
    filled = []
    for t in x:
        right = min(max(next((i for i, (at, _) in enumerate(known) if at >= t), len(known)), 1), len(known) - 1)
        (a, low), (b, high) = known[right - 1], known[right]
        filled.append(low + (high - low) * (t - a) / (b - a))
    return filled


EXACT = Variant(
    id="connect_the_dots_optimal",
    claim="connect_the_dots_optimal",
    statement="No interpolating network has a smaller VV norm than connect-the-dots, whose VV norm is R(D).",
    false=False,
    hypotheses={
        "complete_labels": lambda data: None not in data["Y"].ravel().tolist(),
        "skip_connection": lambda data: bool(data["skip"]),
    },
    decide=_exact,
    space=LineSpace(missing=True, more=with_skip, points=(2, 5), top=2, widest=2),
)


def _variant(name: str, statement: str, formula: Callable[[ExactLine], Bounds], **more: Any) -> Variant:
    return line_variant(
        "connect_the_dots_optimal",
        name,
        statement,
        lambda line: decided_by(line.bounds, formula(line), LEAST, DOTS),
        **more,
    )


SUM_OVER_OUTPUTS = _variant(
    "cost_adds_up_over_outputs",
    "The least VV norm is the sum of the least VV norms of the single outputs.",
    lambda line: exact_bounds(sum(abs(entry) for delta in line.curvatures for entry in delta)),
)
LARGEST_OUTPUT = _variant(
    "cost_is_that_of_the_worst_output",
    "The least VV norm is the largest least VV norm of a single output.",
    lambda line: exact_bounds(max(sum(map(abs, column)) for column in zip(*line.curvatures, strict=True))),
    points=(3, 6),
)
ROOT_OF_SQUARES = _variant(
    "cost_is_norm_of_output_costs",
    "The least VV norm is the Euclidean norm of the vector of the least VV norms of the single outputs.",
    lambda line: norms([tuple(sum(map(abs, column)) for column in zip(*line.curvatures, strict=True))]),
    points=(3, 6),
)
FROBENIUS = _variant(
    "cost_is_norm_of_all_curvatures",
    "The least VV norm is the Euclidean norm of all curvatures together.",
    lambda line: norms([[entry for delta in line.curvatures for entry in delta]]),
)
CHANGE_OF_SLOPE = _variant(
    "cost_is_change_of_slope",
    "The least VV norm is the norm of the difference between the last slope and the first.",
    lambda line: norms([[b - a for a, b in zip(line.slopes[0], line.slopes[-1], strict=True)]]),
)
SECOND_DIFFERENCES = _variant(
    "cost_ignores_spacing",
    "The least VV norm is the sum of the norms of the second differences of the labels, whatever the spacing.",
    lambda line: ExactLine(tuple(map(Fraction, range(len(line.inputs)))), line.labels).bounds,
)
SLOPES_COUNT = _variant(
    "cost_counts_slopes",
    "The least VV norm is the sum of the norms of all slopes.",
    lambda line: norms(line.slopes),
)


WITHOUT_SKIP = line_variant(
    "connect_the_dots_optimal",
    "cost_without_skip_is_the_same",
    "The least VV norm of an interpolant without a skip connection is also R(D).",
    _without_skip,
)


def _penalised(line: ExactLine) -> Decision:
    x, Y = [float(t) for t in line.inputs], [[float(y) for y in row] for row in line.labels]
    solution = interpolate(np.array(x), np.array(Y), penalise_bias=True)
    lower, cost = solution.lower_bound, float(line.bounds[1])
    said = f"with penalised biases every interpolant costs at least {lower:.6g}; R(D) is {cost:.6g}"
    if not solution.verify():
        return Decision(None, Basis.CERTIFIED, f"{said}; refused")
    return Decision(False if lower > cost * (1 + 1e-6) else None, Basis.CERTIFIED, said)


PENALISED_BIASES = line_variant(
    "connect_the_dots_optimal",
    "cost_with_penalised_biases_is_the_same",
    "With biases inside the norm the least norm of an interpolant is also R(D).",
    _penalised,
    points=(3, 6),
)
AT_LEAST_CHANGE = line_variant(
    "connect_the_dots_optimal",
    "cost_is_at_least_change_of_slope",
    "The least VV norm is at least the norm of the difference between the last slope and the first.",
    lambda line: at_most(
        norms([[b - a for a, b in zip(line.slopes[0], line.slopes[-1], strict=True)]]), line.bounds, "the change", LEAST
    ),
    false=False,
)
AT_MOST_SUM = line_variant(
    "connect_the_dots_optimal",
    "cost_is_at_most_sum_over_outputs",
    "The least VV norm is at most the sum of the least VV norms of the single outputs.",
    lambda line: at_most(
        line.bounds, exact_bounds(sum(abs(entry) for delta in line.curvatures for entry in delta)), LEAST, "the sum"
    ),
    false=False,
)
FEWER_POINTS = line_variant(
    "connect_the_dots_optimal",
    "cost_falls_with_fewer_points",
    "Removing the last point does not increase the least VV norm.",
    lambda line: at_most(
        ExactLine(line.inputs[:-1], line.labels[:-1]).bounds, line.bounds, "the least without the point", LEAST
    ),
    false=False,
    points=(3, 6),
)
SUBADDITIVE = line_variant(
    "connect_the_dots_optimal",
    "cost_of_sum_of_outputs_adds_up",
    "The least VV norm for the sum of two outputs is the sum of the least VV norms of the two.",
    lambda line: decided_by(
        norms([(sum(delta, Fraction(0)),) for delta in line.curvatures]),
        norms([(entry,) for delta in line.curvatures for entry in delta]),
        "the least VV norm for the sum",
        "the sum of the least VV norms",
    ),
    hypotheses={"two_outputs": n_outputs(2)},
    outputs=(2,),
    points=(3, 6),
)


def _halved(line: ExactLine) -> Decision:
    """Compare with the cost of the data whose inputs are twice as far apart."""
    wide = ExactLine(scaled(line.inputs, Fraction(2)), line.labels)
    return decided_by(wide.bounds, line.bounds, "the least VV norm for inputs twice as far apart", LEAST)


SCALE_FREE = line_variant(
    "connect_the_dots_optimal",
    "cost_does_not_depend_on_units_of_x",
    "The least VV norm does not depend on the units of the inputs.",
    _halved,
)
MONOTONE = line_variant(
    "connect_the_dots_optimal",
    "cost_of_monotone_labels_is_change_of_slope",
    "If the labels of one output increase, the least VV norm is the change between the first slope and the last.",
    lambda line: decided_by(line.bounds, norms([[line.slopes[-1][0] - line.slopes[0][0]]]), LEAST, "the change of slope"),
    hypotheses={
        "one_output": n_outputs(1),
        "increasing_labels": lambda data: all(a <= b for a, b in pairwise(data["Y"][:, 0].tolist())),
    },
    outputs=(1,),
)
