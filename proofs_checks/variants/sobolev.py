"""Variants of the claim that connect-the-dots is kernel interpolation with 1 + min(s, t) - x_1."""

from collections.abc import Callable, Iterator
from decimal import Context, Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np

from proofs_checks.support import exact_rank
from proofs_checks.variants.lines import Bounds, line_of, line_variant, n_outputs
from vvnorm.falsification import Basis, Decision, LineSpace, Variant
from vvnorm.falsification.data import Data
from vvnorm.falsification.statement import exactly
from vvnorm.verifier.exact import ExactLine
from vvnorm.verifier.exact.corrected import solved
from vvnorm.verifier.exact.rationals import Vector, dot

Kernel = Callable[[Fraction, Fraction], Fraction]
_DIGITS = 40


NO_SOLUTION = "no combination of the kernel's functions has these labels"


def _interpolant(line: ExactLine, kernel: Kernel) -> Callable[[Fraction], Vector] | str:
    """Return the kernel interpolant, or why there is none; inputs are measured from the first, in units of the mean gap."""
    start, unit = line.inputs[0], (line.inputs[-1] - line.inputs[0]) / len(line.gaps)
    places = [(x - start) / unit for x in line.inputs]
    gram = [[kernel(s, t) for t in places] for s in places]
    weights = solved(gram, [list(row) for row in line.labels])
    if weights is None:
        matrix: Any = np.array(gram, dtype=object)
        joined = np.hstack([matrix, np.array(line.labels, dtype=object)])
        return NO_SOLUTION if exact_rank(joined) > exact_rank(matrix) else "the kernel interpolant is not unique"

    def values(t: Fraction) -> Vector:
        row = [kernel((t - start) / unit, place) for place in places]
        return tuple(dot(row, column) for column in zip(*weights, strict=True))

    return values


def _compared(line: ExactLine, kernel: Kernel, points: list[Fraction]) -> Decision:
    interpolant = _interpolant(line, kernel)
    if isinstance(interpolant, str):
        return Decision(False if interpolant == NO_SOLUTION else None, Basis.EXACT, interpolant)
    dots = line.network
    for t in points:
        if interpolant(t) != dots((t,)):
            values = [", ".join(map(str, value)) for value in (interpolant(t), dots((t,)))]
            return exactly(False, f"at {t} the kernel interpolant is {values[0]}, connect-the-dots {values[1]}")
    return exactly(True, "the two agree at data points and midpoints")


def _points(line: ExactLine) -> list[Fraction]:
    middles = [(a + b) / 2 for a, b in pairwise(line.inputs)]
    return [*line.inputs, *middles]


def _first_order(s: Fraction, t: Fraction) -> Fraction:
    return 1 + min(s, t)


def _exp(exponent: Fraction) -> Bounds:
    context = Context(prec=_DIGITS)
    value = Fraction(context.exp(context.divide(Decimal(exponent.numerator), Decimal(exponent.denominator))))
    width = Fraction(1, 10 ** (_DIGITS - 5))
    return value - width, value + width


def _exact(data: Data) -> Decision:
    line = line_of(data)
    if data["kernel"] == "first-order":
        return _compared(line, _first_order, _points(line))
    if len(line.inputs) != 2:
        return Decision(None, Basis.EXACT, "the Gaussian kernel is compared for two points only")
    # Between two points a unit apart it is k(1/2) (y_1 + y_2) / (1 + k(1)), with k(r) = exp(-r^2 / 8).
    total = [a + b for a, b in zip(*line.labels, strict=True)]
    near, far = _exp(Fraction(-1, 32)), _exp(Fraction(-1, 8))
    factor = (near[0] / (1 + far[1]), near[1] / (1 + far[0]))
    apart = factor[0] > Fraction(1, 2) and any(total)
    said = f"in the middle the Gaussian interpolant is {float(factor[0]):.9g} of the sum of the labels, not half"
    return exactly(False, said) if apart else Decision(None, Basis.EXACT, said)


def _with_kernels(data: Data) -> Iterator[Data]:
    for kernel in ("first-order", "gaussian"):
        yield {**data, "kernel": kernel}


EXACT = Variant(
    id="sobolev",
    claim="sobolev",
    statement="On [x_1, x_N] connect-the-dots equals kernel interpolation with 1 + min(s, t) - x_1.",
    false=False,
    hypotheses={"first_order_kernel": lambda data: data["kernel"] == "first-order"},
    decide=_exact,
    space=LineSpace(more=_with_kernels),
    claim_draws=False,
)


def _for_kernel(name: str, words: str, kernel: Kernel, false: bool = True) -> Variant:
    return line_variant(
        "sobolev", name, f"On [x_1, x_N] connect-the-dots equals kernel interpolation with {words}.",
        lambda line: _compared(line, kernel, _points(line)), false=false,
    )  # fmt: skip


BROWNIAN = _for_kernel("kernel_without_constant", "min(s, t) - x_1, without a constant", min)
LINEAR = _for_kernel("linear_kernel", "the linear kernel 1 + (s - x_1)(t - x_1)", lambda s, t: 1 + s * t)
CUBIC = _for_kernel(
    "cubic_spline_kernel",
    "the cubic spline kernel 1 + s t + s t min(s, t) / 2 - min(s, t)^3 / 6, from x_1",
    lambda s, t: 1 + s * t + s * t * min(s, t) / 2 - min(s, t) ** 3 / 6,
)
RATIONAL = _for_kernel(
    "rational_kernel", "the rational quadratic kernel 1 / (1 + (s - t)^2)", lambda s, t: 1 / (1 + (s - t) ** 2)
)
OTHER_CONSTANT = _for_kernel(
    "kernel_with_other_constants", "3 + 2 min(s, t), from x_1", lambda s, t: 3 + 2 * min(s, t), false=False
)
DISTANCE = _for_kernel(
    "kernel_of_distance", "the kernel 100 - |s - t|", lambda s, t: 100 - abs(s - t), false=False
)  # its matrix is singular only for ranges of 200 mean gaps


def _beyond(line: ExactLine) -> Decision:
    first, last = line.inputs[0], line.inputs[-1]
    return _compared(line, _first_order, [last + 1, first, last])


WHOLE_LINE = line_variant(
    "sobolev",
    "kernel_interpolation_beyond_the_data",
    "Connect-the-dots equals kernel interpolation with 1 + min(s, t) - x_1 beyond the last point, too.",
    _beyond,
)


def _only_gentlest(line: ExactLine) -> Decision:
    """Find a piece that is not the steepest: there another interpolant has a kink without a larger slope."""
    slopes = [abs(slope[0]) for slope in line.slopes]
    i = min(range(len(slopes)), key=slopes.__getitem__)
    if slopes[i] == max(slopes):
        return exactly(True, "all pieces are equally steep")
    left, h, s, steepest = line.inputs[i], line.gaps[i], line.slopes[i][0], max(slopes)
    rise = h / 2 * min(steepest - s, steepest + s)
    said = f"through {float(line.labels[i][0] + h / 2 * s + rise):.6g} at {left + h / 2} an interpolant is at most as steep"
    return exactly(False, said)


GENTLEST = line_variant(
    "sobolev",
    "only_interpolant_of_least_steepness",
    "For one output connect-the-dots is the only interpolant whose largest slope on [x_1, x_N] is least.",
    _only_gentlest,
    hypotheses={"one_output": n_outputs(1)},
    outputs=(1,),
)
