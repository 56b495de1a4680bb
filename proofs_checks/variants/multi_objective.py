"""Variants of the claim about several tasks as one problem, decided on three points of two outputs.

The outputs share the kink. The fit is Y - D'z with z = lam delta / ||delta||, so the multiplier of each output depends on
the curvature of the other.
"""

from collections.abc import Callable

from proofs_checks.variants.lines import Bounds, at_most, line_variant, single_output
from proofs_checks.variants.three_points import lambda_max, three_points
from vvnorm.falsification import Decision, Variant
from vvnorm.falsification.statement import exactly
from vvnorm.verifier.exact import ExactLine
from vvnorm.verifier.exact.rationals import norm_squared, root_bounds


def _variant(name: str, statement: str, decide: Callable[[ExactLine], Decision], false: bool = True) -> Variant:
    return line_variant(
        "multi_objective", name, statement, decide, false=false, claim_draws=False, outputs=(2,), points=(3, 3),
        hypotheses={"two_outputs_at_three_points": lambda data: data["Y"].shape[1] == 2 and len(data["x"]) == 3},
    )  # fmt: skip


def _joint_and_single(line: ExactLine) -> tuple[Bounds, list[Bounds]]:
    """Return lambda_max of both outputs together, and of each output alone."""
    return lambda_max(three_points(line)), [lambda_max(three_points(single_output(line, t))) for t in range(2)]


def _separate(line: ExactLine) -> Decision:
    """Compare lambda_max of both outputs with the larger one of a single output; for lam in between the fits differ."""
    together, single = _joint_and_single(line)
    return at_most(together, max(single), "lambda_max of both outputs", "the larger lambda_max of a single output")


SEPARATE = _variant(
    "tasks_can_be_fitted_one_by_one",
    "The joint fit of two tasks is affine for every lam for which the fits of both single tasks are affine.",
    _separate,
)


def _unmoved(line: ExactLine) -> Decision:
    """Compare the multiplier of the first output in the joint fit with that of its own fit, at lam = lambda_max / 2."""
    points = three_points(line)
    if not all(points.delta):
        return exactly(True, "an output has no curvature")
    share = root_bounds(points.delta[0] ** 2 / norm_squared(points.delta))
    return exactly(
        share[1] >= 1, f"the first multiplier is {float(share[0]):.6g} lam in the joint fit, and lam in its own fit"
    )


UNMOVED = _variant(
    "other_tasks_do_not_change_a_fit",
    "A second task with a curvature of its own does not change the fit of the first.",
    _unmoved,
)


def _summed(line: ExactLine) -> Decision:
    """Compare lambda_max of both outputs with the sum of those of the single outputs."""
    together, single = _joint_and_single(line)
    total = (single[0][0] + single[1][0], single[0][1] + single[1][1])
    return at_most(together, total, "lambda_max of both outputs", "the sum for the single outputs")


SUM = _variant(
    "joint_fit_is_affine_from_sum_on",
    "The joint fit of two tasks is affine for every lam of at least the sum of lambda_max of the single tasks.",
    _summed,
    false=False,
)
