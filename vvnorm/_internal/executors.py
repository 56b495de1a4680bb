"""Executors on this machine: the process itself, and worker processes that may die without loss of the others' work."""

import multiprocessing
import os
import signal
import socket
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import Connection
from typing import Any

from vvnorm._internal.threads import one_thread


class InProcess(Executor):
    """Runs each call in this process, before `submit` returns."""

    slots = 1

    def submit(self, function: Callable[..., Any], /, *args: Any, **options: Any) -> Future[Any]:
        """Call a function."""
        call: Future[Any] = Future()
        try:
            call.set_result(function(*args, **options))
        except Exception as error:
            call.set_exception(error)
        return call


class WorkerProcesses(Executor):
    """Processes of this machine, each in a pool of its own: if one dies, only its own work is lost.

    A pool of several processes breaks as a whole when one of them dies, and does not report which one.

    Processes are spawned, not forked, since numerical libraries hold threads and locks. They ignore Ctrl-C, which this
    process handles, and end when this process ends for any reason.

    Parameters
    ----------
    slots : int
        Number of processes, and of calls at a time.
    """

    def __init__(self, slots: int) -> None:
        self.slots = slots
        self._context = multiprocessing.get_context("spawn")
        self._until, self._lifeline = self._context.Pipe(duplex=False)
        self._pools = [self._pool() for _ in range(slots)]
        self._calls: list[Future[Any] | None] = [None] * slots

    def submit(self, function: Callable[..., Any], /, *args: Any, **options: Any) -> Future[Any]:
        """Call a function in an idle process; a call whose process dies raises BrokenProcessPool."""
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
        """End all processes at once."""
        self._lifeline.close()

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the processes after their current calls."""
        for pool in self._pools:
            pool.shutdown(wait=wait, cancel_futures=cancel_futures)
        self._lifeline.close()
        self._until.close()

    def _pool(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(1, mp_context=self._context, initializer=_begin_worker, initargs=(self._until,))


def _begin_worker(until: Connection) -> None:
    """Prepare a worker process: one thread for each library, and an exit when the parent process ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    one_thread()

    def watch() -> None:
        # Nothing is ever sent: the pipe closes when the parent closes it or ends.
        until.poll(None)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def worker_name() -> str:
    """Name of this process among those of all machines."""
    return f"{socket.gethostname()}:{os.getpid()}"
