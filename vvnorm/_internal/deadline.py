"""Time limits of solvers, in Python and in compiled code.

A solver that runs out of time returns its best iterate. Compiled code does not read the clock. It reads a flag, an array of
one number, which a thread sets when time is over; the thread can run because compiled code releases Python's global lock.
"""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread

import numpy as np
from numpy.typing import NDArray

TIME_LIMIT = "time limit"
"""Status of a solve that its time limit ended."""

OUT_OF_TIME = "time_limit ended the search before the tolerance was reached"
"""Note in the result of such a solve."""

Flag = NDArray[np.int64]
"""One number, 0 until time is over."""


class Deadline:
    """The time at which a solver must stop, or never.

    Parameters
    ----------
    seconds : float or None
        Seconds from now; None for no limit.
    """

    def __init__(self, seconds: float | None = None) -> None:
        self.end = math.inf if seconds is None else time.monotonic() + seconds

    @property
    def passed(self) -> bool:
        """Whether time is over."""
        return time.monotonic() >= self.end

    @property
    def left(self) -> float | None:
        """Seconds left, not negative; None for no limit."""
        return None if self.end == math.inf else max(self.end - time.monotonic(), 0.0)

    def sooner(self, seconds: float) -> "Deadline":
        """Return a deadline that is some seconds earlier; never stays never."""
        earlier = Deadline()
        earlier.end = self.end - seconds
        return earlier

    @contextmanager
    def raises(self, flag: Flag) -> Iterator[None]:
        """Set a flag when time is over, and clear it at the end."""
        flag[0] = self.passed
        done = Event()
        watch = None
        if self.end < math.inf and not flag[0]:
            watch = Thread(target=self._watch, args=(flag, done), daemon=True)
            watch.start()
        try:
            yield
        finally:
            done.set()
            if watch is not None:
                watch.join()
            flag[0] = 0

    def _watch(self, flag: Flag, done: Event) -> None:
        if not done.wait(min(max(self.end - time.monotonic(), 0.0), 1e6)):
            flag[0] = 1


def as_time_limit(time_limit: float | None) -> float | None:
    """Validate a number of seconds, or None."""
    if time_limit is None:
        return None
    if isinstance(time_limit, bool) or not isinstance(time_limit, int | float | np.integer | np.floating):
        raise TypeError(f"time_limit must be a number of seconds or None, got {time_limit!r}")
    if not time_limit > 0:
        raise ValueError(f"time_limit must be positive, got {time_limit!r}")
    return float(time_limit)
