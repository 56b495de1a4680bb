"""Many claims, or figures, at once: spread over processes or a cluster, each result kept as it comes.

What workers get is the name of an instance (`vvnorm.claims.Case`); they draw it, check it and verify the result. With a
file, results are written to it with their certificates, so that an interrupted run goes on, and so that they can be
verified again from the file alone: `load_outcomes`.
"""

import io
import json
import math
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import astuple, dataclass
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from vvnorm import claims, plotting
from vvnorm._internal import plugins as registry
from vvnorm._internal.files import plain
from vvnorm.claims import Case, Claim, Outcome, Report, Result, Verdict
from vvnorm.studies.database import Database, reading
from vvnorm.studies.execute import OtherCode, Tally, run_jobs
from vvnorm.studies.executors import worker_name
from vvnorm.studies.run import fingerprint
from vvnorm.studies.store import code_version, sources

Row = dict[str, Any]

_COLUMNS = {
    "claim": "TEXT NOT NULL", "label": "TEXT NOT NULL", "expected": "TEXT NOT NULL", "verdict": "TEXT NOT NULL",
    "lower": "REAL", "upper": "REAL", "complaints": "TEXT NOT NULL", "provenance": "TEXT NOT NULL", "certificate": "BLOB",
    "seconds": "REAL NOT NULL",
}  # fmt: skip


class Results(Database):
    """Results of claims in a file: one row for each instance, its certificate as a compressed NPZ file."""

    kind, purpose = "a file of results of claims", "verifying"
    application = 0x76766331  # "vvc1"

    def finished(self) -> dict[str, Row]:
        """Rows by key, without their certificates."""
        names = ["key", *(name for name in _COLUMNS if name != "certificate")]
        found = self._connection.execute(f"SELECT {', '.join(names)} FROM results")
        return {values[0]: dict(zip(names, values, strict=True)) for values in found}

    def add(self, key: str, row: Row) -> None:
        """Write a result."""
        with self._understood(), self._transaction():
            self._insert("results", {"key": key, **row})

    def keep_only(self, keys: Iterable[str]) -> None:
        """Forget all other results."""
        others = [(key,) for key in self.finished().keys() - set(keys)]
        with self._understood(), self._transaction():
            self._connection.executemany("DELETE FROM results WHERE key = ?", others)

    def finish(self, path: Path) -> None:
        """Close the file and give it its final name."""
        with self._understood():
            self._connection.execute("PRAGMA journal_mode = DELETE")  # so that it is one file, and read without writing
        self.close()
        os.replace(self.path, path)
        Path(f"{self.path}-lock").unlink(missing_ok=True)

    def _create(self) -> None:
        columns = ", ".join(f"{name} {kind}" for name, kind in _COLUMNS.items())
        self._connection.execute(f"CREATE TABLE results (key TEXT PRIMARY KEY, {columns})")


def kept_beside(path: Path) -> tuple[Path, Path]:
    """Names of the files of results that belong to a JSON file: while they are found, and in the end."""
    return path.with_suffix(".part.sqlite"), path.with_suffix(".certificates.sqlite")


def load_outcomes(path: str | os.PathLike[str]) -> dict[str, dict[str, Outcome]]:
    """Read the results of claims that `vvnorm verify --json` kept, with their certificates.

    Returns
    -------
    dict of dict of Outcome
        By claim and instance. `Claim.verify` judges a result again, on the instance that `vvnorm.claims.instances` draws.

    Raises
    ------
    ValueError
        If there is no such file, or it is something else or damaged.
    """
    found: dict[str, dict[str, Outcome]] = {}
    with reading(path, Results) as connection:
        names = ", ".join(_COLUMNS)
        for values in connection.execute(f"SELECT {names} FROM results ORDER BY rowid"):
            row = dict(zip(_COLUMNS, values, strict=True))
            found.setdefault(row["claim"], {})[row["label"]] = _outcome(row)
    return found


def _outcome(row: Row) -> Outcome:
    """What a row says."""
    lower, upper = (math.nan if row[name] is None else row[name] for name in ("lower", "upper"))
    certificate = {} if row.get("certificate") is None else _unpacked(row["certificate"])
    result = Result(Verdict(row["verdict"]), lower, upper, certificate, json.loads(row["provenance"]))
    return Outcome(row["label"], Verdict(row["expected"]), result, json.loads(row["complaints"]))


def _packed(arrays: Mapping[str, Any]) -> bytes:
    stream = io.BytesIO()
    np.savez_compressed(stream, allow_pickle=False, **arrays)
    return stream.getvalue()


def _unpacked(content: bytes) -> dict[str, Any]:
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            return dict(arrays)
    except Exception as error:
        raise ValueError(f"a certificate is damaged: {error}") from None


# --- running ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Job:
    """An instance to check, and the version of the package that its claim comes from."""

    case: Case
    sources: str

    def key(self, code: str) -> str:
        """What its result is known by."""
        return fingerprint({"code": code, "sources": self.sources, "case": plain(astuple(self.case))})


def check_job(job: _Job, keep: bool) -> Row:
    """Draw an instance, check it and verify the result, in whatever process; return the certificate only to be kept.

    Raises
    ------
    OtherCode
        If this process has another version of the claim.
    """
    case = job.case
    if _sources_of(case.claim) != job.sources:
        raise OtherCode(f"worker {worker_name()} has another version of claim {case.claim!r}: install the same")
    outcome = claims.run_case(claims.load_claim(case.claim), case)
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
        "certificate": _packed(result.certificate) if keep else None,
    }


@cache
def _sources_of(claim: str) -> str:
    """Hash of the sources of the package that a claim is registered by."""
    module = registry.module(claims.GROUP, claim)
    spec = None if module is None else find_spec(module.partition(".")[0])
    if spec is None:
        return ""
    return sources(Path(next(iter(spec.submodule_search_locations or [str(spec.origin)]))))


class _Ledger:
    """What comes of the instances of several claims: written to a file, and reported when a claim has ended."""

    def __init__(
        self, plan: Sequence[tuple[Claim, Sequence[Case]]], results: Results | None, ended: Callable[[Report], None]
    ) -> None:  # fmt: skip
        self.code, self.results, self.ended = code_version(), results, ended
        self.advice = "; --resume goes on" if results else ""
        self.plan = {claim.id: (claim, cases) for claim, cases in plan}
        self.jobs = [_Job(case, _sources_of(case.claim)) for _, cases in plan for case in cases]
        self.outcomes: dict[str, dict[str, Outcome]] = {name: {} for name in self.plan}
        self.seconds = dict.fromkeys(self.plan, 0.0)
        self.reports: dict[str, Report] = {}
        mine = {job.key(self.code) for job in self.jobs}
        self.there = {key: row for key, row in (results.finished() if results else {}).items() if key in mine}
        for row in self.there.values():
            self._take(row["claim"], _outcome(row), row["seconds"])

    def finished(self) -> Mapping[str, Row]:
        return self.there

    def add(self, job: _Job, outcome: Row, seconds: float, worker: str) -> None:
        row = outcome | {"seconds": seconds}
        if self.results:
            self.results.add(job.key(self.code), row)
        self._take(job.case.claim, _outcome(row | {"certificate": None}), seconds)

    def add_failure(self, job: _Job, error: str, traceback: str, seconds: float, worker: str) -> None:
        nothing = Result(Verdict.INCONCLUSIVE, math.nan, math.nan)
        self._take(job.case.claim, Outcome(job.case.label, job.case.expected, nothing, [f"it failed: {error}"]), seconds)

    def _take(self, name: str, outcome: Outcome, seconds: float) -> None:
        claim, cases = self.plan[name]
        found = self.outcomes[name]
        found[outcome.label] = outcome
        self.seconds[name] += seconds
        if len(found) == len(cases):
            in_order = [found[case.label] for case in cases]
            self.reports[name] = Report(claim, in_order, cases[0].seed, self.seconds[name])
            self.ended(self.reports[name])


def run_claims(
    plan: Sequence[tuple[Claim, Sequence[Case]]],
    *,
    results: Results | None = None,
    executor: Executor | None = None,
    workers: int | None = None,
    progress: Callable[[Tally], None] | None = None,
    ended: Callable[[Report], None] = lambda report: None,
) -> list[Report]:
    """Check claims on their instances; what is found depends on neither executor, nor number of workers, nor order.

    Parameters
    ----------
    plan : sequence of (Claim, sequence of Case)
        From `vvnorm.claims.cases`; claims of few instances are begun first, since these take long.
    results : Results, optional
        Where results are kept, and those that are there already are taken from. Those of other runs are forgotten.
    executor, workers, progress
        See `vvnorm.studies.execute.run_study`.
    ended : callable
        Told the report of each claim when its last instance is done.

    Returns
    -------
    list of Report
        In the order of the plan, without certificates.

    Raises
    ------
    KeyboardInterrupt, OSError
        As `run_study` does.
    """
    ledger = _Ledger(sorted(plan, key=lambda part: len(part[1])), results, ended)
    if results:
        results.keep_only(ledger.there)
    run_jobs(
        ledger.jobs, ledger, perform=partial(check_job, keep=results is not None), executor=executor, workers=workers,
        progress=progress,
    )  # fmt: skip
    return [ledger.reports[claim.id] for claim, _ in plan]


# --- figures ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Drawing:
    """A figure to draw."""

    figure: str
    folder: Path
    seed: int
    quick: bool

    def key(self, code: str) -> str:
        return self.figure


@dataclass(frozen=True)
class Drawn:
    """What came of a figure.

    Attributes
    ----------
    figure : str
    verdict : Verdict
    expected : Verdict or None
        None stands for any verdict that confirms the figure's statement.
    complaints : list of str
        Why it was not drawn; empty if it was.
    """

    figure: str
    verdict: Verdict
    expected: Verdict | None
    complaints: list[str]

    @property
    def counts_as(self) -> Verdict:
        """The verdict, where none is expected; else confirmed if it is the one, and refuted if it has changed."""
        if self.expected is None:
            return self.verdict
        return Verdict.SUPPORTED if self.verdict is self.expected else Verdict.NOT_SUPPORTED

    @property
    def said(self) -> str:
        """The verdict in words."""
        if self.expected is None:
            return str(self.verdict)
        return f"{self.verdict}, as expected" if self.verdict is self.expected else f"{self.verdict}, not {self.expected}"


def draw_job(job: _Drawing) -> Drawn:
    """Draw one figure, in whatever process."""
    script = plotting.load_figure(job.figure)
    data = plotting.draw_figure(script, job.folder, seed=job.seed, quick=job.quick)
    expected = script.expected_quick if job.quick else script.expected
    return Drawn(job.figure, data.verdict, expected, data.complaints)


class _Drawings:
    """What comes of several figures."""

    advice = ""

    def __init__(self, ended: Callable[[Drawn], None]) -> None:
        self.code, self.ended = code_version(), ended
        self.found: list[Drawn] = []

    def finished(self) -> Sequence[str]:
        return ()

    def add(self, job: _Drawing, outcome: Drawn, seconds: float, worker: str) -> None:
        self.found.append(outcome)
        self.ended(outcome)

    def add_failure(self, job: _Drawing, error: str, traceback: str, seconds: float, worker: str) -> None:
        self.add(job, Drawn(job.figure, Verdict.INCONCLUSIVE, None, [f"it failed: {error}"]), seconds, worker)


def draw_figures(
    scripts: Sequence[plotting.FigureScript],
    folder: Path,
    *,
    seed: int = 0,
    quick: bool = False,
    ended: Callable[[Drawn], None] = lambda drawn: None,
    **where: Any,
) -> list[Drawn]:
    """Draw figures; see `vvnorm.plotting.draw_figure`, and `run_claims` for where."""
    ledger = _Drawings(ended)
    run_jobs([_Drawing(script.id, folder, seed, quick) for script in scripts], ledger, perform=draw_job, **where)
    return ledger.found
