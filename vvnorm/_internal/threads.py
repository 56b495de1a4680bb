"""The number of threads that numerical libraries use."""

import os
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache

from threadpoolctl import ThreadpoolController, threadpool_limits


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Run small dense linear algebra on one thread.

    NumPy, SciPy and torch each bring a pool of threads that spin while they wait; on shared cores two pools that take turns
    a thousand times made a solve of 0.3 s take 6 s. Nested contexts do nothing, since a query of the libraries takes
    0.1 ms.
    """
    if getattr(_INSIDE, "limited", False):
        yield
        return
    with _controller().limit(limits=1, user_api="blas"):
        _INSIDE.limited = True
        try:
            yield
        finally:
            _INSIDE.limited = False


_INSIDE = threading.local()
_VARIABLES = tuple(f"{name}_THREADS" for name in ("OMP_NUM", "OPENBLAS_NUM", "MKL_NUM", "BLIS_NUM", "VECLIB_MAXIMUM"))


@contextmanager
def single_threaded() -> Iterator[None]:
    """Let all numerical libraries use one thread in this context, as in processes that call `one_thread`."""
    before = {name: os.environ.get(name) for name in _VARIABLES}
    threads = usable_threads()
    get = getattr(sys.modules.get("torch"), "get_num_threads", None)
    threads = threads if get is None else get()
    with threadpool_limits(limits=1):
        try:
            one_thread()
            yield
        finally:
            for name, value in before.items():
                os.environ.pop(name)
                if value is not None:
                    os.environ[name] = value
            torch_threads = getattr(sys.modules.get("torch"), "set_num_threads", None)
            if torch_threads is not None:  # also if it has been loaded meanwhile
                torch_threads(threads)


def one_thread() -> None:
    """Let all numerical libraries of this process use one thread from now on: for several processes on one machine.

    Libraries that are not loaded yet read the environment when they are; those that are loaded are told. Some of them
    count threads for each calling thread, so that this is called where the work is done.
    """
    for name in _VARIABLES:
        os.environ[name] = "1"
    threadpool_limits(limits=1)
    # Another thread may be loading torch just now; it then reads the environment.
    limit = getattr(sys.modules.get("torch"), "set_num_threads", None)
    if limit is not None:
        limit(1)


def usable_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def usable_threads() -> int:
    """Threads that code of our own may use: as many as cores, or fewer where OMP_NUM_THREADS says so."""
    wanted = os.environ.get("OMP_NUM_THREADS", "").split(",")[0]
    return min(usable_cores(), max(int(wanted), 1)) if wanted.isdecimal() else usable_cores()


@cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()


def share(work: Callable[[int, int], None], count: int) -> None:
    """Divide the numbers below `count` among all threads that may be used; `work(first, last)` must release the lock.

    A result of each number that does not depend on the others does not depend on the number of threads either.
    """
    parts = max(min(usable_threads(), count), 1)
    ends = [count * k // parts for k in range(parts + 1)]
    each(lambda k: work(ends[k], ends[k + 1]), parts)


def each(work: Callable[[int], None], count: int) -> None:
    """Call `work(k)` for all k below `count` on all threads that may be used; it must release the lock.

    After an error, or Ctrl-C, no further call begins.
    """
    threads = min(usable_threads(), count)
    if threads <= 1:
        for k in range(count):
            work(k)
        return
    with ThreadPoolExecutor(threads) as pool:
        try:
            for _ in pool.map(work, range(count)):
                pass
        finally:
            pool.shutdown(cancel_futures=True)
