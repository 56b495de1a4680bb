"""The audit: searches for counterexamples to every claim, to every claim without one hypothesis, and to every variant."""

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from vvnorm.claims import claim_names, load_claim
from vvnorm.falsification.counterexample import Counterexample
from vvnorm.falsification.data import to_json
from vvnorm.falsification.discovery import variants_by_claim
from vvnorm.falsification.search import Falsification, falsify
from vvnorm.studies.execute import Tally, run_jobs
from vvnorm.studies.store import code_version

Kind = Literal["claim", "hypothesis", "variant"]

SECONDS = {False: 4.0, True: 0.3}
"""Seconds of a search for a counterexample that is not expected, in a full and in a quick audit."""

SECONDS_OF_CHECKS = {False: 8.0, True: 1.2}
"""Seconds of a search for an expected counterexample by the claim's own check; shrinking takes up to half of them."""

SECONDS_OF_HYPOTHESES = {False: 60.0, True: 6.0}
"""Seconds of a search without a hypothesis where single data are decided; draws refute what small data leave undecided."""

SECONDS_OF_VARIANTS = {False: 60.0, True: 20.0}
"""Seconds of a search for an expected counterexample where single data are decided; most end within a second."""


@dataclass(frozen=True)
class AuditRow:
    """One statement to search.

    Attributes
    ----------
    kind : "claim", "hypothesis" or "variant"
    claim, name : str
        Id of the claim; name of the dropped hypothesis or of the variant, or the claim's id again.
    false : bool
        Whether a counterexample is expected.
    seconds : float
        Time for the search; 0 if it is not searched.
    seed : int
    """

    kind: Kind
    claim: str
    name: str
    false: bool
    seconds: float
    seed: int

    def key(self, code: str) -> str:
        """Return its name among the rows of an audit."""
        return f"{self.kind} {self.claim} {self.name}"


@dataclass(frozen=True, eq=False)
class AuditOutcome:
    """The outcome of one row.

    Attributes
    ----------
    row : AuditRow
    verdict : str
        In words; see `verdict_on`.
    as_expected : bool
        Whether a statement is refuted exactly if it is known to be false.
    counterexample : Counterexample or None
    effort : str
        Effort of the search, or the reason why there was none.
    seconds : float
        Duration of the search.
    """

    row: AuditRow
    verdict: str
    as_expected: bool
    counterexample: Counterexample | None
    effort: str
    seconds: float

    @property
    def explanation(self) -> str:
        """The reason of the counterexample, or the effort of the search."""
        return self.counterexample.reason if self.counterexample else self.effort


def audit_rows(claims: Sequence[str] | None = None, *, quick: bool = False, seed: int = 0) -> list[AuditRow]:
    """List the rows of an audit: each claim, the claim without each hypothesis, and its variants.

    A quick audit does not search claims whose instances are whole experiments.
    """
    rows, variants = [], variants_by_claim()
    for claim in map(load_claim, claim_names() if claims is None else claims):
        exact = any(variant.id == claim.id for variant in variants.get(claim.id, ()))
        unsearched = quick and claim.quick_draws == 1 and not exact  # one instance is a whole experiment
        without = (SECONDS_OF_HYPOTHESES if exact else SECONDS_OF_CHECKS)[quick]
        rows.append(AuditRow("claim", claim.id, claim.id, False, 0.0 if unsearched else SECONDS[quick], seed))
        dropped = 0.0 if unsearched else without
        rows += [AuditRow("hypothesis", claim.id, name, True, dropped, seed) for name in claim.hypotheses]
        for variant in variants.get(claim.id, ()):
            if variant.id != claim.id:
                seconds = (SECONDS_OF_VARIANTS if variant.false else SECONDS)[quick]
                rows.append(AuditRow("variant", claim.id, variant.id, variant.false, seconds, seed))
    return rows


def search_row(row: AuditRow) -> Falsification | None:
    """Run the search of a row, in any process; return None if it is not searched."""
    if not row.seconds:
        return None
    drop = row.name if row.kind == "hypothesis" else None
    variant = row.name if row.kind == "variant" else None
    return falsify(row.claim, drop=drop, variant=variant, seconds=row.seconds, seed=row.seed)


def verdict_on(row: AuditRow, refuted: bool) -> str:
    """Return the verdict on a row in words."""
    if row.kind == "hypothesis":
        return "needed" if refuted else "not shown to be needed"
    if row.kind == "variant" and row.false:
        return "refuted" if refuted else "NOT REFUTED"
    return "REFUTED" if refuted else "stands"


@dataclass
class _AuditLedger:
    """Ledger of the rows of an audit; it passes on each outcome as it arrives."""

    ended: Callable[[AuditOutcome], None]
    code: str = field(default_factory=code_version)
    advice: str = ""
    outcomes: list[AuditOutcome] = field(default_factory=list)

    def finished(self) -> frozenset[str]:
        """Return no rows: none is done beforehand."""
        return frozenset()

    def add(self, job: AuditRow, outcome: Any, seconds: float, worker: str) -> None:
        """Pass on the outcome of a search."""
        [search] = outcome
        if search is None:
            skipped = "not searched in a quick audit: one instance is a whole experiment"
            self._pass(AuditOutcome(job, "not searched", True, None, skipped, 0.0))
            return
        verdict = verdict_on(job, search.refuted)
        expected = search.refuted is job.false
        self._pass(AuditOutcome(job, verdict, expected, search.counterexample, str(search.effort), seconds))

    def add_failure(self, job: AuditRow, error: str, traceback: str, seconds: float, worker: str) -> None:
        """Pass on a failed search."""
        self._pass(AuditOutcome(job, "FAILED", False, None, error, seconds))

    def _pass(self, outcome: AuditOutcome) -> None:
        self.outcomes.append(outcome)
        self.ended(outcome)


def perform_row(row: AuditRow) -> tuple[Falsification | None]:
    """Run the search of a row in a worker; return a tuple, since None stands for a failure there."""
    return (search_row(row),)


def run_audit(
    rows: Sequence[AuditRow],
    *,
    executor: Executor | None = None,
    workers: int | None = None,
    progress: Callable[[Tally], None] | None = None,
    ended: Callable[[AuditOutcome], None] = lambda outcome: None,
) -> list[AuditOutcome]:
    """Search all rows; the arguments are those of `vvnorm.studies.execute.run_study`.

    Parameters
    ----------
    rows : sequence of AuditRow
        From `audit_rows`.
    executor, workers, progress
        See `run_study`.
    ended : callable
        Called with each outcome as it arrives.

    Returns
    -------
    list of AuditOutcome
        In the order of the rows.
    """
    ledger = _AuditLedger(ended)
    # Rows that are expected to take all their time are started first, so that no worker ends long after the others.
    in_order = sorted(rows, key=lambda row: (row.false, -row.seconds))
    run_jobs(in_order, ledger, perform=perform_row, executor=executor, workers=workers, progress=progress)
    place = {row: i for i, row in enumerate(rows)}
    return sorted(ledger.outcomes, key=lambda outcome: place[outcome.row])


def outcome_record(outcome: AuditOutcome) -> dict[str, Any]:
    """Return an outcome in plain values for JSON; a counterexample by its file name, data and reason."""
    shown: dict[str, Any] | None = None
    if example := outcome.counterexample:
        shown = {"file": example.file_name, "basis": str(example.basis), "reason": example.reason}
        shown["data"] = to_json(example.data)
    rest = {"verdict": outcome.verdict, "as_expected": outcome.as_expected, "effort": outcome.effort}
    return {**asdict(outcome.row), **rest, "spent": outcome.seconds, "counterexample": shown}
