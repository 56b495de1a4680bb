"""Threads of numerical libraries, decided in one place."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from threadpoolctl import ThreadpoolController


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Run small dense linear algebra on one thread.

    NumPy, SciPy and torch each bring a pool of threads that spin while they wait; on shared cores two pools that take turns
    a thousand times made a solve of 0.3 s take 6 s.
    """
    with _controller().limit(limits=1, user_api="blas"):
        yield


@cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()
