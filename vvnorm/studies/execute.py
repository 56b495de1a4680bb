"""Does the unfinished jobs of a ledger, such as the runs of a study, on any `concurrent.futures.Executor`.

The result of each job is written when the job ends.
"""

import math
import signal
import time
import traceback
from collections import Counter, deque
from collections.abc import Callable, Container, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple, Protocol

from vvnorm._internal.executors import InProcess, WorkerProcesses, worker_name
from vvnorm._internal.interrupts import held_signals
from vvnorm._internal.threads import one_blas_thread, one_thread, usable_cores
from vvnorm.studies.run import Run
from vvnorm.studies.store import RESERVED, RunOutcome, Store, code_version
from vvnorm.studies.study import Study

Perform = Callable[[Run], RunOutcome]
"""Does one run. It is sent to workers by name, so it must be a function in a module that they can import."""


class Job(Protocol):
    """A unit of work that is sent to a worker, such as a run."""

    def key(self, code: str) -> str:
        """Return its name in the ledger, for this version of the code."""


class Ledger(Protocol):
    """Keeps the results of jobs."""

    code: str
    """Code version that workers must have."""
    advice: str
    """End of the message after an interruption: how to resume."""

    def finished(self) -> Container[str]:
        """Keys of the jobs that are done."""

    def add(self, job: Any, outcome: Any, seconds: float, worker: str) -> None:
        """Write what a job returned."""

    def add_failure(self, job: Any, error: str, traceback: str, seconds: float, worker: str) -> None:
        """Write that a job failed."""


MOST_DEATHS = 3
"""A job fails once its workers have died this often."""
NO_WORKERS_SECONDS = 60.0
"""After this time without a result and without workers, the session ends with an error."""
_POLL_SECONDS = 0.2


@dataclass(frozen=True)
class Tally:
    """Progress of a study.

    Attributes
    ----------
    total, done, failed : int
        Runs of the study; finished runs in the store, of all sessions; runs that failed in this session.
    fresh : int
        Runs of this session that finished or failed.
    seconds : float
        Time since the session began.
    """

    total: int
    done: int
    failed: int = 0
    fresh: int = 0
    seconds: float = 0.0

    @property
    def rate(self) -> float:
        """Runs per second in this session."""
        return self.fresh / self.seconds if self.seconds > 0 else 0.0

    @property
    def left(self) -> float:
        """Seconds to the end at this rate."""
        return (self.total - self.done - self.failed) / self.rate if self.rate > 0 else math.inf

    def __str__(self) -> str:
        failed = f", {self.failed} failed" if self.failed else ""
        return f"{self.done} of {self.total} runs done{failed}"


class JobResult(NamedTuple):
    """The result of one job: an outcome, or an error and its traceback."""

    outcome: Any
    error: str
    traceback: str
    seconds: float
    worker: str


class OtherCode(Exception):
    """A worker has another version of the code than the study."""


def run_study(
    study: Study,
    store: Store,
    *,
    perform: Perform,
    executor: Executor | None = None,
    workers: int | None = None,
    progress: Callable[[Tally], None] | None = None,
) -> Tally:
    """Do the unfinished runs of a study.

    Runs that fail are recorded and do not stop the others. The outcome of a run depends only on its configuration, not on
    the executor, the number of workers or the order.

    Parameters
    ----------
    study, store
        The runs, and their store. Each result is written in a transaction of its own as soon as it arrives.
    perform : callable
        Does one run and returns its outcomes by name: numbers, text or None. Any picklable function.
    executor : concurrent.futures.Executor, optional
        By default processes of this machine, which are replaced when they die.
    workers : int, optional
        Number of runs at a time; by default one for each core that this process may use.
    progress : callable, optional
        Called with a `Tally` at the beginning and after each run.

    Returns
    -------
    Tally
        With all runs done or failed.

    Raises
    ------
    KeyboardInterrupt
        At SIGINT or SIGTERM, after all results that arrived are written.
    OSError
        If the disk is full, or the executor is lost.
    """
    checked = partial(_perform_and_check, perform)
    return run_jobs(study.runs, store, perform=checked, executor=executor, workers=workers, progress=progress)


def _perform_and_check(perform: Perform, run: Run) -> dict[str, Any]:
    return _checked(perform(run))


def run_jobs(
    jobs: Sequence[Job],
    ledger: Ledger,
    *,
    perform: Callable[[Any], Any],
    executor: Executor | None = None,
    workers: int | None = None,
    progress: Callable[[Tally], None] | None = None,
) -> Tally:
    """Do the unfinished jobs of a ledger, in this order; the other arguments and errors are those of `run_study`."""
    workers = usable_cores() if workers is None else workers
    session = _Session(jobs, ledger, perform, progress)
    if executor is not None:
        # A second job waits at each worker, so that no worker idles.
        session.run(executor, getattr(executor, "slots", 2 * workers))
    elif session.pending:
        with WorkerProcesses(min(workers, len(session.pending))) as processes:
            session.run(processes, processes.slots)
    return session.tally


class _Session:
    """A session of work on a list of jobs: the pending jobs, the progress, and how often each job's worker died."""

    def __init__(
        self,
        jobs: Sequence[Job],
        ledger: Ledger,
        perform: Callable[[Any], Any],
        progress: Callable[[Tally], None] | None,
    ) -> None:
        finished = ledger.finished()
        self.ledger, self.perform, self.progress = ledger, perform, progress
        self.pending = deque(job for job in jobs if job.key(ledger.code) not in finished)
        self.deaths: Counter[str] = Counter()
        self.tally = Tally(len(jobs), len(jobs) - len(self.pending))
        self.began = time.monotonic()
        self._report()

    def run(self, executor: Executor, slots: int) -> None:
        """Submit jobs, collect and write their results, until no job is left."""
        submitted: dict[Future[JobResult], Job] = {}
        last_result = time.monotonic()
        in_process = isinstance(executor, InProcess)
        # A job in this process is interrupted at once; jobs elsewhere may end first.
        with held_signals(not in_process, (signal.SIGINT, signal.SIGTERM)) as caught:
            try:
                while self.pending or submitted:
                    self._submit(executor, slots, submitted)
                    done = wait(submitted, _POLL_SECONDS, FIRST_COMPLETED).done
                    last_result = time.monotonic() if done else self._check_workers(executor, last_result)
                    arrived = [(future, submitted.pop(future)) for future in done]
                    if not caught and not in_process:  # workers get their next job before the results are written
                        self._submit(executor, slots, submitted)
                    for future, job in arrived:
                        self._collect(future, job)
                    if caught:
                        raise KeyboardInterrupt
            except BaseException as error:
                for future in submitted:
                    future.cancel()
                if isinstance(executor, WorkerProcesses):
                    executor.stop()
                if isinstance(error, KeyboardInterrupt):
                    raise KeyboardInterrupt(f"{self.tally}{self.ledger.advice}") from None
                raise

    def _submit(self, executor: Executor, slots: int, submitted: dict[Future[JobResult], Job]) -> None:
        while len(submitted) < slots and self.pending:
            job = self.pending.popleft()
            try:
                future = executor.submit(perform_job, self.perform, job, self.ledger.code, worker_name())
            except BrokenExecutor as error:
                raise self._lost(f"the executor is broken ({error})") from None
            submitted[future] = job

    def _check_workers(self, executor: Executor, last_result: float) -> float:
        """Check that there are workers if no result has arrived for long; return the start of the next waiting time."""
        if time.monotonic() - last_result < NO_WORKERS_SECONDS:
            return last_result
        if not getattr(executor, "has_workers", lambda: True)():
            raise self._lost("all workers are gone")
        return time.monotonic()

    def _lost(self, why: str) -> OSError:
        """Return the error that ends the session: the reason, the progress, and how to resume."""
        return OSError(f"{why}; {self.tally}{self.ledger.advice}")

    def _collect(self, future: Future[JobResult], job: Job) -> None:
        """Write the result of a job, or decide whether to try a lost job again."""
        if future.cancelled():
            raise self._lost("the scheduler is lost, or has cancelled runs")
        error = future.exception()
        if error is None:
            self._write(job, future.result())
        elif isinstance(error, OtherCode):
            raise self._lost(str(error))
        elif _is_death(error):
            self._count_death(job, error)
        else:
            raise self._lost(f"workers cannot do runs ({type(error).__name__}: {error})") from error

    def _count_death(self, job: Job, error: BaseException) -> None:
        """Submit a job again whose worker died; after `MOST_DEATHS` deaths write a failure."""
        key = job.key(self.ledger.code)
        self.deaths[key] += 1
        if self.deaths[key] < MOST_DEATHS:
            self.pending.appendleft(job)
        else:
            message = f"its worker died each of {MOST_DEATHS} times, without a traceback"
            self._write(job, JobResult(None, message, f"{type(error).__name__}: {error}", 0.0, ""))

    def _write(self, job: Job, ended: JobResult) -> None:
        ok = ended.outcome is not None
        if ok:
            self.ledger.add(job, ended.outcome, ended.seconds, ended.worker)
        else:
            self.ledger.add_failure(job, ended.error, ended.traceback, ended.seconds, ended.worker)
        self.tally = replace(
            self.tally,
            done=self.tally.done + ok,
            failed=self.tally.failed + (not ok),
            fresh=self.tally.fresh + 1,
            seconds=time.monotonic() - self.began,
        )
        self._report()

    def _report(self) -> None:
        if self.progress:
            self.progress(self.tally)


def perform_job(perform: Callable[[Any], Any], job: Job, code: str, parent: str) -> JobResult:
    """Do a job in a worker; an error that it raises is part of the result.

    Raises
    ------
    OtherCode
        If the worker has another version of the code than `code`, the version of the process named `parent` that asks.
    """
    if code_version() != code:
        raise OtherCode(
            f"worker {worker_name()} has code {code_version()}, this study runs {code}: install the same version"
        )
    in_parent = worker_name() == parent  # the process that runs the study; its thread settings must not change
    if not in_parent:
        one_thread()
    began = time.perf_counter()
    try:
        with one_blas_thread() if in_parent else nullcontext():
            outcome, error, trace = perform(job), "", ""
    except OtherCode:
        raise
    except (Exception, SystemExit) as raised:
        outcome, trace = None, traceback.format_exc()
        error = " ".join(f"{type(raised).__name__}: {raised}".split())
    return JobResult(outcome, error, trace, time.perf_counter() - began, worker_name())


def _checked(outcome: RunOutcome) -> dict[str, Any]:
    """Return the outcomes; raise an error if a database row cannot hold them."""
    if not isinstance(outcome, Mapping):
        raise TypeError(f"a run returns a mapping of outcomes, got {type(outcome).__name__}")
    names = [name.lower() if isinstance(name, str) else name for name in outcome]
    for name, value in outcome.items():
        if (
            not isinstance(name, str)
            or not name.isidentifier()
            or name.lower() in RESERVED
            or names.count(name.lower()) > 1
        ):
            raise ValueError(f"an outcome cannot be named {name!r}")
        if value is not None and not isinstance(value, int | float | str):
            raise TypeError(f"outcome {name!r} is a {type(value).__name__}, not a number, text or None")
        if isinstance(value, int) and not -(2**63) <= value < 2**63:
            raise ValueError(f"outcome {name!r} has more than 64 bits")
    return {name: float(value) if isinstance(value, float) else value for name, value in outcome.items()}


def _is_death(error: BaseException) -> bool:
    # Dask's error is compared by name, since Dask need not be installed.
    return isinstance(error, BrokenExecutor) or type(error).__name__ == "KilledWorker"
