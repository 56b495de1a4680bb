"""Papers, their rows, and the decision on a row.

A row is one statement, figure or experiment of a paper. Its verdict is never written down: it follows from the verdicts of
the claims and figures that test it. A claim may state what the paper states, or contradict it.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from vvnorm._internal.files import plain
from vvnorm.claims.report import Report
from vvnorm.claims.verdict import Verdict
from vvnorm.plotting.runner import Drawn

_CONFIRM = {Verdict.HOLDS, Verdict.SUPPORTED}
_REFUTE = {Verdict.VIOLATED, Verdict.NOT_SUPPORTED}
_OPPOSITE = {Verdict.HOLDS: Verdict.VIOLATED, Verdict.SUPPORTED: Verdict.NOT_SUPPORTED}


@dataclass(frozen=True)
class Row:
    """One statement, figure or experiment of a paper.

    Attributes
    ----------
    id, name : str
        Such as "theorem-3.1"; the name in the paper.
    says : str
        The statement, in our own words.
    claims, figures : tuple of str
        Claims and figures that state the same, or the part of it that can be tested.
    contradicted_by : tuple of str
        Claims that state the contrary: if one is confirmed, the row is refuted.
    differs : str
        Differences from the paper's setting, and their reasons.
    reason : str
        Why nothing tests it; empty if something does.
    verified : bool
        Whether number and content were compared with the paper's text.
    """

    id: str
    name: str
    says: str
    claims: tuple[str, ...] = ()
    figures: tuple[str, ...] = ()
    contradicted_by: tuple[str, ...] = ()
    differs: str = ""
    reason: str = ""
    verified: bool = False

    @property
    def tested_by(self) -> tuple[str, ...]:
        """Names of its claims, then of its figures."""
        return (*self.claims, *self.contradicted_by, *self.figures)


@dataclass(frozen=True)
class Paper:
    """A paper with its rows.

    Attributes
    ----------
    id : str
        Short name.
    title, authors, arxiv : str
        The arXiv number with the version that was read.
    source : str
        The texts from which the rows were written.
    rows : tuple of Row
        In the order of the paper.
    """

    id: str
    title: str
    authors: str
    arxiv: str
    source: str
    rows: tuple[Row, ...]


@dataclass(frozen=True, eq=False)
class RowOutcome:
    """A row with the reports of its claims and the outcomes of its figures."""

    paper: Paper
    row: Row
    reports: Mapping[str, Report]
    drawn: Mapping[str, Drawn]

    @property
    def name(self) -> str:
        """Name of the row on the command line: "MT:theorem-3.1"."""
        return f"{self.paper.id}:{self.row.id}"

    @property
    def verdict(self) -> Verdict | None:
        """The verdict on the paper's statement; None if nothing tests it."""
        agreeing = [self.reports[name].verdict for name in self.row.claims]
        opposed = [self.reports[name].verdict for name in self.row.contradicted_by]
        return verdict_on([*agreeing, *(self.drawn[name].verdict for name in self.row.figures)], opposed)

    def to_json(self) -> dict[str, Any]:
        """Return the row, its verdict and the intervals behind it in plain values for JSON."""
        return {
            "row": self.name,
            "name": self.row.name,
            "says": self.row.says,
            "verdict": None if self.verdict is None else str(self.verdict),
            "reason": self.row.reason,
            "differs": self.row.differs,
            "number_verified": self.row.verified,
            "contradicted_by": list(self.row.contradicted_by),
            "claims": [_numbers(self.reports[name]) for name in (*self.row.claims, *self.row.contradicted_by)],
            "figures": [
                {"figure": name, "verdict": str(self.drawn[name].verdict), "complaints": self.drawn[name].complaints}
                for name in self.row.figures
            ],
        }


def verdict_on(agreeing: Iterable[Verdict], opposed: Iterable[Verdict]) -> Verdict | None:
    """Return the verdict on a statement from the verdicts of claims that state it, and of claims that contradict it.

    A refutation by a proof decides first, then a refutation by an experiment. A contradicting claim that is itself refuted
    or undecided proves nothing. Without a refutation every verdict has to confirm the statement; then it is SUPPORTED if
    one verdict comes from an experiment, and HOLDS otherwise. None if there are no verdicts.
    """
    verdicts = {*agreeing, *(_OPPOSITE.get(verdict, Verdict.INCONCLUSIVE) for verdict in opposed)}
    if not verdicts:
        return None
    if refuting := verdicts & _REFUTE:
        return Verdict.VIOLATED if Verdict.VIOLATED in refuting else Verdict.NOT_SUPPORTED
    if not verdicts <= _CONFIRM:
        return Verdict.INCONCLUSIVE
    return Verdict.SUPPORTED if Verdict.SUPPORTED in verdicts else Verdict.HOLDS


def interval_of(report: Report) -> tuple[float, float]:
    """Return the hull of the certified intervals on all instances that meet the hypotheses; NaN if there are none."""
    results = [outcome.result for outcome in report.tested]
    return (
        min((result.lower for result in results), default=math.nan),
        max((result.upper for result in results), default=math.nan),
    )


def _numbers(report: Report) -> dict[str, Any]:
    lower, upper = interval_of(report)
    return {
        "claim": report.claim.id,
        "verdict": str(report.verdict),
        "instances": len(report.tested),
        "quantity": report.claim.quantity,
        "claimed": plain(list(report.claim.claimed)),
        "lower": plain(lower),
        "upper": plain(upper),
        "seconds": report.seconds,
    }
