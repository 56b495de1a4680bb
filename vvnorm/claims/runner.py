"""Runs many claims: distributes their cases over processes or a cluster, and keeps each result as it arrives.

Workers get the name of a case (`vvnorm.claims.Case`); they draw its instance, check it and verify the result. Results can
be written to a file with their certificates, so that an interrupted run can be resumed.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import astuple, dataclass
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path

from vvnorm import claims
from vvnorm._internal import plugins
from vvnorm._internal.executors import worker_name
from vvnorm._internal.files import plain
from vvnorm.claims.case import Case
from vvnorm.claims.contract import Claim, Result
from vvnorm.claims.report import CaseOutcome, Report
from vvnorm.claims.results_file import Results, Row, outcome_of, packed
from vvnorm.claims.verdict import Verdict
from vvnorm.studies.execute import OtherCode, Tally, run_jobs
from vvnorm.studies.run import fingerprint
from vvnorm.studies.store import code_version, sources


@dataclass(frozen=True)
class CaseJob:
    """A case to check, the version of its claim's package, and whether it is also decided exactly."""

    case: Case
    sources: str
    exact: bool = False

    def key(self, code: str) -> str:
        """Return its name in the file of results."""
        return fingerprint({"code": code, "sources": self.sources, "case": plain(astuple(self.case)), "exact": self.exact})


def check_job(job: CaseJob, keep: bool) -> Row:
    """Draw an instance, check it and verify the result, in any process; return the certificate only if it is kept.

    Raises
    ------
    OtherCode
        If this process has another version of the claim.
    """
    case = job.case
    if sources_of(case.claim) != job.sources:
        raise OtherCode(f"worker {worker_name()} has another version of claim {case.claim!r}: install the same")
    outcome = claims.run_case(claims.load_claim(case.claim), case, job.exact)
    result = outcome.result
    return {
        "claim": case.claim,
        "label": outcome.label,
        "expected": str(outcome.expected),
        "verdict": str(result.verdict),
        "lower": float(result.lower),
        "upper": float(result.upper),
        "complaints": json.dumps(outcome.complaints),
        "provenance": json.dumps(plain(result.provenance)),
        "certificate": packed(result.certificate) if keep else None,
    }


@cache
def sources_of(claim: str) -> str:
    """Return the hash of the sources of the package that registers a claim."""
    module = plugins.module(claims.GROUP, claim)
    spec = None if module is None else find_spec(module.partition(".")[0])
    if spec is None:
        return ""
    return sources(Path(next(iter(spec.submodule_search_locations or [str(spec.origin)]))))


class ClaimLedger:
    """Ledger of the cases of several claims: writes results to a file, and reports a claim when its last case has ended."""

    def __init__(
        self,
        plan: Sequence[tuple[Claim, Sequence[Case]]],
        results: Results | None,
        ended: Callable[[Report], None],
        exact: bool = False,
    ) -> None:
        self.code, self.results, self.ended = code_version(), results, ended
        self.advice = "; --resume goes on" if results else ""
        self.plan = {claim.id: (claim, cases) for claim, cases in plan}
        self.jobs = [CaseJob(case, sources_of(case.claim), exact) for _, cases in plan for case in cases]
        self.outcomes: dict[str, dict[str, CaseOutcome]] = {name: {} for name in self.plan}
        self.seconds = dict.fromkeys(self.plan, 0.0)
        self.reports: dict[str, Report] = {}
        mine = {job.key(self.code) for job in self.jobs}
        self.there = {key: row for key, row in (results.finished() if results else {}).items() if key in mine}
        for row in self.there.values():
            self._take(row["claim"], outcome_of(row), row["seconds"])

    def finished(self) -> Mapping[str, Row]:
        """Rows of the cases that are done, by key."""
        return self.there

    def add(self, job: CaseJob, outcome: Row, seconds: float, worker: str) -> None:
        """Keep the row of a case."""
        row = outcome | {"seconds": seconds}
        if self.results:
            self.results.add(job.key(self.code), row)
        self._take(job.case.claim, outcome_of(row | {"certificate": None}), seconds)

    def add_failure(self, job: CaseJob, error: str, traceback: str, seconds: float, worker: str) -> None:
        """Count a case that raised as inconclusive."""
        nothing = Result(Verdict.INCONCLUSIVE, math.nan, math.nan)
        outcome = CaseOutcome(job.case.label, job.case.expected, nothing, [f"it failed: {error}"])
        self._take(job.case.claim, outcome, seconds)

    def _take(self, name: str, outcome: CaseOutcome, seconds: float) -> None:
        claim, cases = self.plan[name]
        by_label = self.outcomes[name]
        by_label[outcome.label] = outcome
        self.seconds[name] += seconds
        if len(by_label) == len(cases):
            in_order = [by_label[case.label] for case in cases]
            self.reports[name] = Report(claim, in_order, cases[0].seed, self.seconds[name])
            self.ended(self.reports[name])


def run_claims(
    plan: Sequence[tuple[Claim, Sequence[Case]]],
    *,
    exact: bool = False,
    results: Results | None = None,
    executor: Executor | None = None,
    workers: int | None = None,
    progress: Callable[[Tally], None] | None = None,
    ended: Callable[[Report], None] = lambda report: None,
) -> list[Report]:
    """Check claims on their instances. The outcome does not depend on the executor, the number of workers or the order.

    Parameters
    ----------
    plan : sequence of (Claim, sequence of Case)
        From `vvnorm.claims.cases`; claims of few instances are started first, since their instances take long.
    exact : bool
        Decide each instance in rational arithmetic, too, where its claim can (`Claim.exact`). A contradiction to the
        floating-point verdict is a complaint about the instance.
    results : Results, optional
        File of results. Results that it already holds are used; results of other runs are deleted.
    executor, workers, progress
        See `vvnorm.studies.execute.run_study`.
    ended : callable
        Called with the report of each claim when its last instance is done.

    Returns
    -------
    list of Report
        In the order of the plan, without certificates.

    Raises
    ------
    KeyboardInterrupt, OSError
        As `run_study` does.
    """
    ledger = ClaimLedger(sorted(plan, key=lambda part: len(part[1])), results, ended, exact)
    if results:
        results.keep_only(ledger.there)
    run_jobs(
        ledger.jobs, ledger, perform=partial(check_job, keep=results is not None), executor=executor, workers=workers,
        progress=progress,
    )  # fmt: skip
    return [ledger.reports[claim.id] for claim, _ in plan]
