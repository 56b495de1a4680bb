"""Interrupts that wait until a step is complete."""

import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any


@contextmanager
def held_signals(wanted: bool, numbers: Sequence[signal.Signals] = (signal.SIGINT,)) -> Iterator[list[int]]:
    """Collect the first of these signals in a list instead of raising KeyboardInterrupt; the second has its usual effect.

    Only the main thread can do this. In other threads, or if not wanted, the list stays empty and signals act as usual.
    """
    caught: list[int] = []
    if not wanted or threading.current_thread() is not threading.main_thread():
        yield caught
        return
    before = {number: signal.getsignal(number) for number in numbers}

    def catch(number: int, _: Any) -> None:
        caught.append(number)
        signal.signal(number, before[signal.Signals(number)])

    for number in before:
        signal.signal(number, catch)
    try:
        yield caught
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
