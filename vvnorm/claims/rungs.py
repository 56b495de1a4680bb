"""Rungs: the kinds of evidence for a claim, from a machine-checked proof down to a statistical experiment."""

import math
from enum import StrEnum
from fractions import Fraction

from vvnorm.claims.verdict import Verdict


class Rung(StrEnum):
    """How the evidence for a claim is obtained, strongest first; a claim can stand on several rungs."""

    MACHINE_CHECKED = "machine-checked"
    """A theorem about all instances, whose proof a proof assistant has checked."""

    PROVED = "proved per instance"
    """Rational arithmetic encloses the tested quantity of each instance (`vvnorm verify --exact`)."""

    CERTIFIED = "certified in floating point"
    """A float64 interval of the tested quantity of each instance, which an independent verifier recomputes."""

    STATISTICAL = "statistical"
    """A confidence interval over random instances."""


class Undecided(Exception):
    """An instance that exact arithmetic does not cover; the message says why."""


def disagree(exact: Verdict, floating: Verdict) -> bool:
    """Whether two verdicts on one instance contradict each other; INCONCLUSIVE contradicts nothing."""
    return exact is not floating and Verdict.INCONCLUSIVE not in (exact, floating)


def enclosed(lower: Fraction | float, upper: Fraction | float) -> tuple[float, float]:
    """Enclose an interval with rational or infinite ends in one with float64 ends."""
    return _float_below(lower), -_float_below(-upper)


def _float_below(value: Fraction | float) -> float:
    try:
        near = float(value)
    except OverflowError:
        near = math.inf if value > 0 else -math.inf
    return near if near <= value else math.nextafter(near, -math.inf)
