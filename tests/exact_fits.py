"""Regularised fits in exact arithmetic: what a function costs, and what a dual array proves. Nothing of the package is used
but the arrays that functions are made of.

One output. Piecewise linear and quadratic losses are fractions, exactly; a logistic loss is worth 60 digits.
"""

from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from typing import Any

import mpmath
import numpy as np

ZERO, ONE, HALF = Fraction(0), Fraction(1), Fraction(1, 2)


def fractions(values: Any) -> list[Fraction]:
    return [Fraction(value) for value in np.asarray(values, dtype=np.float64).ravel().tolist()]


# --- functions of one input and one output ----------------------------------------------------------------------------


def fitted(function: Any, x: Any) -> list[Fraction]:
    """Values at the points x (N,)."""
    if hasattr(function, "knots"):
        knots, values = fractions(function.knots), fractions(function.values)
        rows = []
        for at in fractions(x):
            k = max(0, min(len(knots) - 2, sum(knot <= at for knot in knots) - 1))
            slope = (values[k + 1] - values[k]) / (knots[k + 1] - knots[k])
            rows.append(values[k] + slope * (at - knots[k]))
        return rows
    w, b, v = (fractions(part) for part in (function.W, function.b, function.V))
    (slope,), (offset,) = fractions(function.A), fractions(function.c)
    return [
        offset + slope * at + sum((q * max(p * at + r, ZERO) for p, r, q in zip(w, b, v, strict=True)), ZERO)
        for at in fractions(x)
    ]


def vv_norm(function: Any) -> Fraction:
    """Sum of |w| |v|, or of the jumps of the slope."""
    if hasattr(function, "knots"):
        knots, values = fractions(function.knots), fractions(function.values)
        slopes = [(values[k + 1] - values[k]) / (knots[k + 1] - knots[k]) for k in range(len(knots) - 1)]
        return sum((abs(after - before) for before, after in pairwise(slopes)), ZERO)
    return sum((abs(w * v) for w, v in zip(fractions(function.W), fractions(function.V), strict=True)), ZERO)


# --- losses -----------------------------------------------------------------------------------------------------------


def loss_value(loss: Any, u: Fraction, y: Fraction) -> Any:
    """Loss of a fitted value, exactly; labels as the losses read them."""
    off, parameter = u - y, Fraction(loss.parameter)
    if loss.name == "squared":
        return off * off / 2
    if loss.name == "huber":
        return off * off / 2 if abs(off) <= parameter else parameter * (abs(off) - parameter / 2)
    if loss.name == "hinge":
        return max(ZERO, ONE - y * u)
    if loss.name == "one_class":
        return max(-parameter * off, (1 - parameter) * off)
    with mpmath.workdps(60):
        margin = u if y > 0 else -u
        return mpmath.log1p(mpmath.exp(-mpmath.mpf(margin.numerator) / margin.denominator))


def objective(function: Any, x: Any, y: Any, lam: float, loss: Any, weights: Any = None) -> Any:
    """Sum of weighted losses plus lam times the VV norm: a fraction, or a number of 60 digits for logistic losses."""
    omega = [ONE] * len(x) if weights is None else fractions(weights)
    each = [loss_value(loss, u, label) for u, label in zip(fitted(function, x), fractions(y), strict=True)]
    penalty = Fraction(lam) * vv_norm(function)
    if loss.name == "logistic":
        with mpmath.workdps(60):
            total = mpmath.fsum(
                mpmath.mpf(w.numerator) / w.denominator * value for w, value in zip(omega, each, strict=True)
            )
            return total + mpmath.mpf(penalty.numerator) / penalty.denominator
    return sum((w * value for w, value in zip(omega, each, strict=True)), ZERO) + penalty


# --- dual arrays ------------------------------------------------------------------------------------------------------


def _domain(loss: Any, y: Fraction) -> tuple[Fraction, Fraction] | None:
    """Least and largest value of minus the loss's derivative; None for all numbers."""
    parameter = Fraction(loss.parameter)
    if loss.name == "huber":
        return -parameter, parameter
    if loss.name == "one_class":
        return parameter - 1, parameter
    if loss.name == "hinge":
        return (ZERO, ONE) if y > 0 else (-ONE, ZERO)
    return None


def dual_bound(dual: Any, x: Any, y: Any, lam: float, loss: Any, weights: Any = None) -> Fraction:
    """Objective that no network with a skip connection is below, as a dual array (N,) proves it in exact arithmetic.

    Entries are put into the domain of the conjugate, moved inside it to be orthogonal to affine functions, and scaled until
    ||Z|| <= lam. For squared, Huber, hinge and one-class losses; 0 where the entries have no room for that.
    """
    at, labels, omega = fractions(x), fractions(y), [ONE] * len(x) if weights is None else fractions(weights)
    ends = [_domain(loss, label) for label in labels]
    r = [R / w for R, w in zip(fractions(dual), omega, strict=True)]
    r = [s if end is None else min(max(s, end[0]), end[1]) for s, end in zip(r, ends, strict=True)]
    margins = [ONE if end is None else min(s - end[0], end[1] - s) for s, end in zip(r, ends, strict=True)]
    moved = _taken(at, [w * s for w, s in zip(omega, r, strict=True)], [w * p for w, p in zip(omega, margins, strict=True)])
    if moved is None:
        return ZERO
    r = [s - p * moved(place) for s, p, place in zip(r, margins, at, strict=True)]
    if any(end is not None and not end[0] <= s <= end[1] for s, end in zip(r, ends, strict=True)):
        return ZERO
    R = [w * s for w, s in zip(omega, r, strict=True)]
    assert sum(R) == 0
    assert sum((s * place for s, place in zip(R, at, strict=True)), ZERO) == 0
    largest = max(abs(sum((s * max(place - a, ZERO) for s, place in zip(R, at, strict=True)), ZERO)) for a in at)
    theta = min(ONE, Fraction(lam) / largest) if largest else ONE
    return max(ZERO, sum((w * _least(loss, theta * s, label) for w, s, label in zip(omega, r, labels, strict=True)), ZERO))


def _taken(x: list[Fraction], R: list[Fraction], phi: list[Fraction]) -> Callable[[Fraction], Fraction] | None:
    """Find the affine function a with R - phi a orthogonal to affine functions."""
    p, px, pxx = (sum((f * at**j for f, at in zip(phi, x, strict=True)), ZERO) for j in range(3))
    s, sx = (sum((q * at**j for q, at in zip(R, x, strict=True)), ZERO) for j in range(2))
    if s == 0 and sx == 0:
        return lambda _: ZERO
    determinant = p * pxx - px * px
    if determinant == 0:
        return None
    return lambda at: (pxx * s - px * sx) / determinant + (p * sx - px * s) / determinant * at


def _least(loss: Any, slope: Fraction, y: Fraction) -> Fraction:
    """Least value of loss(u, y) + slope u."""
    return (
        abs(slope) if loss.name == "hinge" else slope * y - (slope * slope / 2 if loss.name in ("squared", "huber") else 0)
    )
