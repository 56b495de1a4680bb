"""Reports: the outcome of each case of a claim, and the verdict over all of them."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vvnorm._internal.files import plain
from vvnorm.claims.contract import Claim, Result
from vvnorm.claims.rungs import disagree
from vvnorm.claims.verdict import Verdict


@dataclass(frozen=True, eq=False)
class CaseOutcome:
    """The outcome of one case: the expected verdict, the result, and the complaints of the verifier.

    Attributes
    ----------
    label : str
        "draw 3", "without skip_connection 0", or the name of real data.
    expected : Verdict
    result : Result
    complaints : list of str
        Complaints of the verifier; a result with complaints does not count.
    """

    label: str
    expected: Verdict
    result: Result
    complaints: list[str]

    @property
    def as_expected(self) -> bool:
        """Whether an accepted result has the expected verdict."""
        return not self.complaints and self.result.verdict is self.expected

    @property
    def exact(self) -> Mapping[str, Any]:
        """Outcome in exact arithmetic: `verdict`, `lower` and `upper`, or the reason `undecided`; empty if not computed."""
        return self.result.provenance.get("exact", {})

    @property
    def proved(self) -> bool:
        """Whether exact arithmetic decides, and gives the expected verdict."""
        return self.exact.get("verdict") == self.expected


@dataclass(frozen=True, eq=False)
class Report:
    """A claim's run: the verdict over all instances that meet the hypotheses, and every outcome."""

    claim: Claim
    outcomes: list[CaseOutcome]
    seed: int
    seconds: float

    @property
    def verdict(self) -> Verdict:
        """The verdict on the claim, from the verdicts on its instances.

        Confirmed if every result is accepted by the verifier, every instance that meets the hypotheses is confirmed, and
        every instance that violates one has the declared verdict. Refuted if one accepted result refutes the claim on an
        instance that meets all hypotheses. INCONCLUSIVE otherwise.
        """
        confirmed, refuted = self.claim.confirmed, self.claim.refuted
        if any(o.result.verdict is refuted and o.expected is confirmed and not o.complaints for o in self.outcomes):
            return refuted
        return confirmed if all(o.as_expected for o in self.outcomes) else Verdict.INCONCLUSIVE

    @property
    def tested(self) -> list[CaseOutcome]:
        """Outcomes of instances that meet all hypotheses."""
        return [outcome for outcome in self.outcomes if outcome.expected is self.claim.confirmed]

    @property
    def proved(self) -> list[CaseOutcome]:
        """Outcomes of instances that meet all hypotheses and that exact arithmetic confirms."""
        return [outcome for outcome in self.tested if outcome.proved]

    @property
    def contradicted(self) -> list[CaseOutcome]:
        """Outcomes of all instances on which exact and floating-point verdicts contradict each other."""
        decided = [outcome for outcome in self.outcomes if "verdict" in outcome.exact]
        return [outcome for outcome in decided if disagree(Verdict(outcome.exact["verdict"]), outcome.result.verdict)]

    @property
    def worst_margin(self) -> float:
        """Least distance of a certified interval from the end of the claimed one, relative to that end where it is not 0.

        A value near 1 means no visible deviation, 0 means on the edge (equality for integers), a negative value outside.
        """
        return min((_margin(o.result, self.claim.claimed) for o in self.tested), default=math.nan)

    def to_json(self) -> dict[str, Any]:
        """Return all but the certificates, which are long, in plain values for JSON."""
        return {
            "claim": self.claim.id,
            "statement": self.claim.statement,
            "verdict": str(self.verdict),
            "seed": self.seed,
            "seconds": self.seconds,
            "instances": len(self.tested),
            "worst_margin": plain(self.worst_margin),
            "rungs": self.claim.belief(),
            **self._exact(),
            "outcomes": [
                {
                    "instance": outcome.label,
                    "expected": str(outcome.expected),
                    "complaints": outcome.complaints,
                    "verdict": str(outcome.result.verdict),
                    "lower": plain(outcome.result.lower),
                    "upper": plain(outcome.result.upper),
                    "provenance": plain(outcome.result.provenance),
                }
                for outcome in self.outcomes
            ],
        }

    def _exact(self) -> dict[str, Any]:
        """Fields about exact decisions for JSON, if they were computed."""
        if not any(outcome.exact for outcome in self.outcomes):
            return {}
        return {"proved": len(self.proved), "not_exact": self.claim.not_exact}


def _margin(result: Result, claimed: tuple[float, float]) -> float:
    low, high = claimed
    inside = ((result.lower - low, low), (high - result.upper, high))
    return min((margin / (abs(end) or 1.0) for margin, end in inside if math.isfinite(end)), default=math.inf)
