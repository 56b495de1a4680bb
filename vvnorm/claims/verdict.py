"""Verdicts: a certified interval of the tested quantity is compared with the claimed interval."""

from enum import StrEnum
from fractions import Fraction


class Verdict(StrEnum):
    """Verdicts. Statistical claims are SUPPORTED or NOT_SUPPORTED in place of HOLDS or VIOLATED."""

    HOLDS = "HOLDS"
    VIOLATED = "VIOLATED"
    INCONCLUSIVE = "INCONCLUSIVE"
    SUPPORTED = "SUPPORTED"
    NOT_SUPPORTED = "NOT_SUPPORTED"


def decide(
    lower: Fraction | float, upper: Fraction | float, claimed: tuple[float, float], *, statistical: bool = False
) -> Verdict:
    """Judge an interval: HOLDS inside the claimed one, VIOLATED outside it, INCONCLUSIVE across its end.

    A statistical claim is SUPPORTED or NOT_SUPPORTED instead. Rational ends are compared exactly.
    """
    if claimed[0] <= lower and upper <= claimed[1]:
        return Verdict.SUPPORTED if statistical else Verdict.HOLDS
    if upper < claimed[0] or lower > claimed[1]:
        return Verdict.NOT_SUPPORTED if statistical else Verdict.VIOLATED
    return Verdict.INCONCLUSIVE
