"""Variants of the claim about fits with one input, decided on three points, where the fit has a closed form.

Exact optimality: U = Y - D'z with z = lam sign(delta(U)) if delta(U) is not 0, and |z| <= lam otherwise.
"""

from collections.abc import Callable
from fractions import Fraction
from typing import Any

from proofs_checks.variants.lines import line_variant
from proofs_checks.variants.three_points import (
    ONE_OUTPUT_AT_THREE_POINTS,
    ThreePoints,
    fitted_curvature,
    residuals,
    three_points,
)
from vvnorm.falsification import Decision, Variant
from vvnorm.falsification.statement import exactly
from vvnorm.verifier.exact import ExactLine
from vvnorm.verifier.exact.rationals import dot, norm_squared

LAM = Fraction(1, 10)
"""The strength of regularisation of all variants below."""


def _variant(name: str, statement: str, decide: Callable[[ExactLine, ThreePoints], Decision], **more: Any) -> Variant:
    def of_line(line: ExactLine) -> Decision:
        points = three_points(line)
        off = residuals(points, LAM)
        # Check optimality: the curvature of U, and the multiplier z that belongs to the residuals.
        curvature = points.delta[0] - dot(points.row, off)
        z = off[0] / points.row[0]
        assert abs(curvature) == fitted_curvature(points, LAM)
        assert z * curvature == LAM * abs(curvature)
        assert abs(z) <= LAM
        return decide(line, points)

    return line_variant(
        "regularised", name, statement, of_line, claim_draws=False, outputs=(1,), points=(3, 3),
        hypotheses=ONE_OUTPUT_AT_THREE_POINTS, **more,
    )  # fmt: skip


def _shown(values: Any) -> str:
    return ", ".join(map(str, values))


INTERPOLATES = _variant(
    "fit_interpolates_for_small_lam",
    "With the squared loss and lam = 1/10 the fit passes through the points if it is not affine.",
    lambda line, points: exactly(
        not (fitted_curvature(points, LAM) and any(residuals(points, LAM))),
        f"the residuals are {_shown(residuals(points, LAM))}",
    ),
)
CURVATURE_LESS_LAM = _variant(
    "fit_shrinks_curvature_by_lam",
    "With the squared loss the curvature of the fit is the curvature of the labels minus lam, or 0.",
    lambda line, points: exactly(
        fitted_curvature(points, LAM) == max(abs(points.delta[0]) - LAM, Fraction(0)),
        f"the curvature is {abs(points.delta[0])} before and {fitted_curvature(points, LAM)} after",
    ),
)
RESIDUALS_BELOW_LAM = _variant(
    "residuals_are_at_most_lam",
    "With the squared loss no residual of the fit is larger than lam.",
    lambda line, points: exactly(
        max(map(abs, residuals(points, LAM))) <= LAM, f"lam is {LAM}, the residuals are {_shown(residuals(points, LAM))}"
    ),
)
KEEPS_ENDS = _variant(
    "fit_keeps_end_points",
    "With the squared loss the fit passes through the first and the last point.",
    lambda line, points: exactly(not residuals(points, LAM)[0], f"the first residual is {residuals(points, LAM)[0]}"),
)
COST_OF_DATA = _variant(
    "fit_costs_lam_times_data",
    "With the squared loss the least objective is lam R(D).",
    lambda line, points: exactly(
        norm_squared(residuals(points, LAM)) / 2 + LAM * fitted_curvature(points, LAM) == LAM * abs(points.delta[0]),
        f"the objective is {norm_squared(residuals(points, LAM)) / 2 + LAM * fitted_curvature(points, LAM)}",
    ),
)
MOMENTS = _variant(
    "residuals_have_no_affine_part",
    "With the squared loss the residuals of the fit sum to 0, and so do their products with the inputs.",
    lambda line, points: exactly(
        sum(residuals(points, LAM)) == 0 and dot(residuals(points, LAM), line.inputs) == 0,
        f"the residuals are {_shown(residuals(points, LAM))}",
    ),
    false=False,
)
