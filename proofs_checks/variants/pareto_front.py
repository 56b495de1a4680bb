"""Variants of the claim about points of the Pareto front of loss and cost, decided on three points of one output."""

from collections.abc import Callable
from fractions import Fraction
from operator import eq, ge, le

from proofs_checks.variants.lines import line_variant
from proofs_checks.variants.three_points import ONE_OUTPUT_AT_THREE_POINTS, loss_at, three_points
from vvnorm.falsification import Decision, Variant
from vvnorm.falsification.statement import exactly
from vvnorm.verifier.exact import ExactLine


def _losses(line: ExactLine) -> tuple[Fraction, Fraction, Fraction]:
    """Least losses at no cost, at half of R(D), and at R(D)."""
    points = three_points(line)
    whole = abs(points.delta[0])
    return loss_at(points, Fraction(0)), loss_at(points, whole / 2), loss_at(points, whole)


def _half_cost(relation: Callable[[Fraction, Fraction], bool]) -> Callable[[ExactLine], Decision]:
    """Compare the least loss at half of R(D) with the mean of the least losses at no cost and at R(D)."""

    def decide(line: ExactLine) -> Decision:
        none, half, whole = _losses(line)
        said = f"the least loss is {none} at no cost, {half} at half of R(D), {whole} at R(D)"
        return exactly(relation(half, (none + whole) / 2), said)

    return decide


def _positive(line: ExactLine) -> Decision:
    return exactly(_losses(line)[2] > 0, f"at R(D) the least loss is {_losses(line)[2]}")


def _variant(name: str, statement: str, decide: Callable[[ExactLine], Decision], false: bool = True) -> Variant:
    return line_variant(
        "pareto_front", name, statement, decide, false=false, hypotheses=ONE_OUTPUT_AT_THREE_POINTS, claim_draws=False,
        outputs=(1,), points=(3, 3),
    )  # fmt: skip


LINEAR = _variant(
    "loss_falls_linearly", "The least squared loss falls linearly as the allowed cost grows to R(D).", _half_cost(eq)
)
CONCAVE = _variant("front_is_concave", "The front of squared loss and cost is concave.", _half_cost(ge))
POSITIVE = _variant("loss_stays_positive", "At every finite cost the least squared loss is positive.", _positive)
CONVEX = _variant("front_is_convex", "The front of squared loss and cost is convex.", _half_cost(le), false=False)
