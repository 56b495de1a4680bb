"""Variants of claims about several tasks as one problem, decided on three points of two outputs.

The outputs share the kink: the fit is Y - D'z with z = lam delta / ||delta||, so that the multiplier of each output depends
on the curvature of the other.
"""

from fractions import Fraction

from proofs_checks.variants.lines import at_most, line_variant
from proofs_checks.variants.three_points import lambda_max, three_points
from vvnorm.falsification import Decision
from vvnorm.falsification.data import Data
from vvnorm.falsification.statement import exactly
from vvnorm.verifier.exact import ExactLine
from vvnorm.verifier.exact.rationals import root_bounds


def _two_outputs(data: Data) -> bool:
    return data["Y"].shape[1] == 2 and len(data["x"]) == 3


def _alone(line: ExactLine, output: int) -> ExactLine:
    return ExactLine(line.inputs, tuple((row[output],) for row in line.labels))


def _separate(line: ExactLine) -> Decision:
    """Both fits are affine together from lambda_max on, alone from a smaller one on: in between the fits differ."""
    together = lambda_max(three_points(line))
    alone = max(lambda_max(three_points(_alone(line, t))) for t in range(2))
    return at_most(together, alone, "the lam from which the fit of both is affine", "the larger for an output alone")


SEPARATE = line_variant(
    "multi_objective",
    "tasks_can_be_fitted_one_by_one",
    "The fit of two tasks with one lam is affine as soon as the fits of the tasks alone are.",
    _separate,
    hypotheses={"two_outputs_at_three_points": _two_outputs},
    claim_draws=False,
    outputs=(2,),
    points=(3, 3),
)


def _unmoved(line: ExactLine) -> Decision:
    """Compare the multiplier of the first output in the joint fit with that alone, for lam = lambda_max / 2."""
    points = three_points(line)
    if not all(points.delta):
        return exactly(True, "an output has no curvature")
    share = points.delta[0] ** 2 / sum(entry * entry for entry in points.delta)
    low = root_bounds(share)
    said = f"its share of the multiplier is {float(low[0]):.6g} of lam, alone it is 1"
    return exactly(low[1] >= 1, said)


UNMOVED = line_variant(
    "multi_objective",
    "other_tasks_do_not_change_a_fit",
    "A second task with a curvature of its own does not change the fit of the first.",
    _unmoved,
    hypotheses={"two_outputs_at_three_points": _two_outputs},
    claim_draws=False,
    outputs=(2,),
    points=(3, 3),
)


def _earlier(line: ExactLine) -> Decision:
    """The joint lambda_max is at most the sum, over outputs, of those alone."""
    together = lambda_max(three_points(line))
    parts = [lambda_max(three_points(_alone(line, t))) for t in range(2)]
    total = (sum((low for low, _ in parts), Fraction(0)), sum((high for _, high in parts), Fraction(0)))
    return at_most(together, total, "the lam from which the fit of both is affine", "the sum for the outputs alone")


SUM = line_variant(
    "multi_objective",
    "joint_fit_is_affine_from_sum_on",
    "The fit of two tasks is affine from the sum of the lambda_max of the tasks alone on.",
    _earlier,
    false=False,
    hypotheses={"two_outputs_at_three_points": _two_outputs},
    claim_draws=False,
    outputs=(2,),
    points=(3, 3),
)
