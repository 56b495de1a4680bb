"""Running what a study, or another list of jobs, still lacks, on any `concurrent.futures.Executor`.

What comes of each job is written as it ends.
"""

import math
import multiprocessing
import os
import signal
import socket
import threading
import time
import traceback
from collections import Counter, deque
from collections.abc import Callable, Container, Hashable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing.connection import Connection
from typing import Any, NamedTuple, Protocol

from vvnorm._internal.threads import one_blas_thread, one_thread, usable_cores
from vvnorm.studies.run import Run
from vvnorm.studies.store import RESERVED, Outcome, Store, code_version
from vvnorm.studies.study import Study

Perform = Callable[[Run], Outcome]
"""What one run does; it is sent to workers by name, so that it has to be a function of a module that they can import."""


class Job(Protocol):
    """Something to do, such as a run; it is sent to workers."""

    @property
    def size(self) -> Hashable:
        """What decides how long it takes."""

    def key(self, code: str) -> str:
        """What it is known by, for this version of the code."""


class Ledger(Protocol):
    """Where what comes of jobs is written."""

    code: str
    """Version of the code that workers must have."""
    advice: str
    """How to go on after an interruption: the end of a message."""

    def finished(self) -> Container[str]:
        """Keys of the jobs that are done."""

    def add(self, job: Any, outcome: Any, seconds: float, worker: str) -> None:
        """Write what a job returned."""

    def add_failure(self, job: Any, error: str, traceback: str, seconds: float, worker: str) -> None:
        """Write that a job failed."""


CHUNK_SECONDS = 0.5
"""Runs are sent in chunks of about this length: a chunk costs milliseconds, and a kill loses those in flight."""
STRIKES = 3
"""A run that has ended its worker this often is given up."""
DESERTED_SECONDS = 60.0
"""A cluster without workers is given up after this time without a result; before that they may come back."""
_POLL_SECONDS = 0.2


@dataclass(frozen=True)
class Tally:
    """How far a study is.

    Attributes
    ----------
    total, done, failed : int
        Runs of the study; those in the store, from whatever session; those that failed in this one.
    fresh : int
        Runs that this session has ended, one way or the other.
    seconds : float
        Since it began.
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


class Ended(NamedTuple):
    """What came of one run: an outcome, or an error and its traceback."""

    outcome: Any
    error: str
    traceback: str
    seconds: float
    worker: str


class OtherCode(Exception):
    """A worker runs other code than the study's."""


def run_study(
    study: Study,
    store: Store,
    *,
    perform: Perform,
    executor: Executor | None = None,
    workers: int | None = None,
    progress: Callable[[Tally], None] | None = None,
) -> Tally:
    """Do the runs that a store lacks.

    Runs that fail are recorded and do not stop the others. The outcome of a run depends on its configuration alone, not on
    executor, number of workers or order.

    Parameters
    ----------
    study, store
        What to do, and where it is kept: each run in a transaction of its own, as soon as it has come back.
    perform : callable
        Does one run and returns its outcomes by name: numbers, text or None. Any picklable function.
    executor : concurrent.futures.Executor, optional
        Where to do it; by default on processes of this machine, which are replaced when they die.
    workers : int, optional
        How many runs go on at once, by default one for each core that this process may use.
    progress : callable, optional
        Called with a `Tally` at the beginning and after each run.

    Returns
    -------
    Tally
        With all runs done or failed.

    Raises
    ------
    KeyboardInterrupt
        At SIGINT or SIGTERM, once what had come back is written.
    OSError
        If the disk is full, or the executor is lost.
    """
    return run_jobs(
        study.runs, store, perform=partial(_row, perform), executor=executor, workers=workers, progress=progress
    )  # fmt: skip


def _row(perform: Perform, run: Run) -> dict[str, Any]:
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
    """Do the jobs that a ledger lacks, in this order as far as there are several workers; see `run_study`."""
    workers = usable_cores() if workers is None else workers
    session = _Session(jobs, ledger, perform, progress)
    if executor is not None:
        session.go(executor, _slots(executor, workers))
    elif session.pending:
        with WorkerProcesses(min(workers, len(session.pending))) as processes:
            session.go(processes, processes.slots)
    return session.tally


class _Session:
    """One go at a list of jobs: what is to be done, what is in flight, and who failed how often."""

    def __init__(
        self,
        jobs: Sequence[Job],
        ledger: Ledger,
        perform: Callable[[Any], Any],
        progress: Callable[[Tally], None] | None,
    ) -> None:
        finished = ledger.finished()
        self.store, self.perform, self.progress = ledger, perform, progress
        self.pending = deque(run for run in jobs if run.key(ledger.code) not in finished)
        self.alone: deque[Job] = deque()  # runs whose chunk was lost with its worker
        self.strikes: Counter[str] = Counter()
        self.tally = Tally(len(jobs), len(jobs) - len(self.pending))
        self.began = time.monotonic()
        self.means: dict[Any, float] = {}  # seconds per run of each size, lately
        self.length = CHUNK_SECONDS
        self._report()

    def go(self, executor: Executor, slots: int) -> None:
        """Submit, collect and write until nothing is left."""
        flying: dict[Future[list[Ended]], list[Job]] = {}
        news = time.monotonic()
        self.length = getattr(executor, "chunk_seconds", CHUNK_SECONDS)
        here = isinstance(executor, InProcess)
        # A call in this process is interrupted where it is; what runs elsewhere comes back first.
        with _signals(ignored=here) as caught:
            try:
                while self.pending or self.alone or flying:
                    self._submit(executor, slots, flying)
                    landed = wait(flying, _POLL_SECONDS, FIRST_COMPLETED).done
                    news = time.monotonic() if landed else self._look_after(executor, news)
                    back = [(future, flying.pop(future)) for future in landed]
                    if not caught and not here:  # workers get their next chunk before the last one is written
                        self._submit(executor, slots, flying)
                    for future, runs in back:
                        self._collect(future, runs)
                    if caught:
                        raise KeyboardInterrupt
            except BaseException as error:
                for future in flying:
                    future.cancel()
                if isinstance(executor, WorkerProcesses):
                    executor.stop()
                if isinstance(error, KeyboardInterrupt):
                    raise KeyboardInterrupt(f"{self.tally}{self.store.advice}") from None
                raise

    def _submit(self, executor: Executor, slots: int, flying: dict[Future[list[Ended]], list[Job]]) -> None:
        while len(flying) < slots and (self.alone or self.pending):
            runs = [self.alone.popleft()] if self.alone else self._chunk(slots)
            try:
                future = executor.submit(perform_runs, self.perform, runs, self.store.code, worker_name())
            except BrokenExecutor as error:
                raise OSError(f"the executor is broken ({error}); {self.tally}{self.store.advice}") from None
            flying[future] = runs

    def _chunk(self, slots: int) -> list[Job]:
        """Take the next runs that will last as long as a chunk should; one of a size that is not known goes by itself."""
        runs = [self.pending.popleft()]
        seconds = self.means.get(runs[0].size, math.inf)
        most = len(self.pending) / (2 * slots)  # the last chunks are short, so that all workers end together
        while self.pending and len(runs) < most:
            seconds += self.means.get(self.pending[0].size, math.inf)
            if seconds > self.length:
                break
            runs.append(self.pending.popleft())
        return runs

    def _look_after(self, executor: Executor, news: float) -> float:
        """See whether there are workers left if nothing has come back for long, and return when to count from."""
        if time.monotonic() - news < DESERTED_SECONDS:
            return news
        if not getattr(executor, "has_workers", lambda: True)():
            raise OSError(f"all workers are gone; {self.tally}{self.store.advice}")
        return time.monotonic()

    def _collect(self, future: Future[list[Ended]], runs: list[Job]) -> None:
        """Write what a chunk brought, or see what to do with its runs if it was lost."""
        if future.cancelled():
            raise OSError(f"the scheduler is lost, or has cancelled runs; {self.tally}{self.store.advice}")
        error = future.exception()
        if error is None:
            for run, ended in zip(runs, future.result(), strict=True):
                self._write(run, ended)
        elif isinstance(error, OtherCode):
            raise OSError(f"{error}; {self.tally}{self.store.advice}")
        elif _is_death(error):
            self._strike(runs, error)
        else:
            said = f"workers cannot do runs ({type(error).__name__}: {error})"
            raise OSError(f"{said}; {self.tally}{self.store.advice}") from error

    def _strike(self, runs: list[Job], error: BaseException) -> None:
        """Runs whose worker died are tried again, each by itself, so that the one at fault is found."""
        for run in runs:
            key = run.key(self.store.code)
            self.strikes[key] += 1
            if self.strikes[key] < STRIKES:
                self.alone.append(run)
            else:
                said = f"its worker died each of {STRIKES} times, without a traceback"
                self._write(run, Ended(None, said, f"{type(error).__name__}: {error}", 0.0, ""))

    def _write(self, run: Job, ended: Ended) -> None:
        if ended.outcome is None:
            self.store.add_failure(run, ended.error, ended.traceback, ended.seconds, ended.worker)
        else:
            self.store.add(run, ended.outcome, ended.seconds, ended.worker)
            self.means[run.size] = 0.9 * self.means.get(run.size, ended.seconds) + 0.1 * ended.seconds
        ok = ended.outcome is not None
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


def perform_runs(perform: Callable[[Any], Any], runs: Sequence[Job], code: str, parent: str) -> list[Ended]:
    """Do some runs, one after another, in a worker; what one of them raises is part of the result."""
    if code_version() != code:
        raise OtherCode(f"worker {worker_name()} has code {code_version()}, this study runs {code}: install the same")
    inside = worker_name() == parent  # a thread of the process that runs the study, whose settings are not ours
    if not inside:
        one_thread()
    with one_blas_thread() if inside else nullcontext():
        return [_perform(perform, run) for run in runs]


def _perform(perform: Callable[[Any], Any], run: Job) -> Ended:
    began = time.perf_counter()
    try:
        outcome, error, trace = perform(run), "", ""
    except OtherCode:
        raise
    except (Exception, SystemExit) as raised:
        outcome, trace = None, traceback.format_exc()
        error = " ".join(f"{type(raised).__name__}: {raised}".split())
    return Ended(outcome, error, trace, time.perf_counter() - began, worker_name())


def _checked(outcome: Outcome) -> dict[str, Any]:
    """Outcomes as a row of a database may have them."""
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


class InProcess(Executor):
    """The process that asks: a call is over when it has been submitted."""

    slots = 1
    chunk_seconds = 0.0  # nothing has to be sent, and what is interrupted is lost

    def submit(self, function: Callable[..., Any], /, *args: Any, **options: Any) -> Future[Any]:
        """Call a function."""
        call: Future[Any] = Future()
        try:
            call.set_result(function(*args, **options))
        except Exception as error:
            call.set_exception(error)
        return call


class WorkerProcesses(Executor):
    """Processes of this machine, each a pool of its own: if one dies its work is lost, and nothing else.

    One pool of several processes breaks as a whole when one of them dies, and does not tell whose work it was.

    Processes are spawned, not forked, since numerical libraries hold threads and locks. They leave Ctrl-C to this
    process, and end when it does, however it ends.

    Parameters
    ----------
    slots : int
        Number of processes. At most as many calls may be in flight.
    """

    def __init__(self, slots: int) -> None:
        self.slots = slots
        self._context = multiprocessing.get_context("spawn")
        self._until, self._lifeline = self._context.Pipe(duplex=False)
        self._pools = [self._pool() for _ in range(slots)]
        self._calls: list[Future[Any] | None] = [None] * slots

    def submit(self, function: Callable[..., Any], /, *args: Any, **options: Any) -> Future[Any]:
        """Call a function in a process that is free; a call whose process dies raises BrokenProcessPool."""
        place = next(place for place, call in enumerate(self._calls) if call is None or call.done())
        try:
            call = self._pools[place].submit(function, *args, **options)
        except BrokenProcessPool:
            self._pools[place].shutdown()
            self._pools[place] = self._pool()
            call = self._pools[place].submit(function, *args, **options)
        self._calls[place] = call
        return call

    def stop(self) -> None:
        """End all processes, whatever they are doing."""
        self._lifeline.close()

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the processes when they have done what they are doing."""
        for pool in self._pools:
            pool.shutdown(wait=wait, cancel_futures=cancel_futures)
        self._lifeline.close()
        self._until.close()

    def _pool(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(1, mp_context=self._context, initializer=_begin_worker, initargs=(self._until,))


def _begin_worker(until: Connection) -> None:
    """Prepare a worker process: one thread for each library, and an end with the process that began it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    one_thread()

    def watch() -> None:
        # Nothing is ever sent: the other end closes when the parent asks for it, or is gone.
        until.poll(None)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def worker_name() -> str:
    """Name of this process among those of all machines."""
    return f"{socket.gethostname()}:{os.getpid()}"


@contextmanager
def _signals(ignored: bool = False) -> Iterator[list[int]]:
    """Collect SIGINT and SIGTERM instead of being ended by them, unless `ignored`; the second one acts as ever."""
    caught: list[int] = []
    if ignored or threading.current_thread() is not threading.main_thread():
        yield caught
        return

    def catch(number: int, _: Any) -> None:
        caught.append(number)
        signal.signal(number, before[signal.Signals(number)])

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in before:
        signal.signal(number, catch)
    try:
        yield caught
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _slots(executor: Executor, workers: int) -> int:
    """How many chunks to have in flight: one waits behind each that is being worked on, so that no worker idles."""
    return getattr(executor, "slots", 2 * workers)


def _is_death(error: BaseException) -> bool:
    # Dask's own error for it, by name: it need not be installed.
    return isinstance(error, BrokenExecutor) or type(error).__name__ == "KilledWorker"
