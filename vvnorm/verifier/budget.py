"""Limits on the work of a proof, in additions of numbers, so that any machine can repeat the same proof.

With a limit in seconds, a proof would depend on the machine. So a certificate records how many additions the bound of a
neuron's response was allowed (`Certificate.additions`), and a later check allows the same number.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

EXACT_WORK: Final = 3e10
"""Estimated additions up to which all cells of the sphere are enumerated: half a minute."""

PACE: Final = 5e8
"""Additions per second by which a time limit is converted; a core makes more."""

MOST_POINTS: Final = {2: 10_000, 3: 2000}
"""Most points whose responses are searched, in two dimensions and in three or more."""

_most: ContextVar[int | None] = ContextVar("additions", default=None)


def is_bounded_by_norms(points: int, dimensions: int) -> bool:
    """Whether responses at so many points are bounded by norms of inputs and dual array: any search would take minutes."""
    return dimensions > 1 and points > MOST_POINTS[min(dimensions, 3)]


def most_additions() -> int | None:
    """Return how many additions a bound without a budget of its own may make; None means the default."""
    return _most.get()


@contextmanager
def within_additions(most: int | None) -> Iterator[None]:
    """Limit the additions of bounds without a budget of their own; None means the default."""
    token = _most.set(most)
    try:
        yield
    finally:
        _most.reset(token)


def additions_in(seconds: float | None) -> int | None:
    """Return about how many additions are made in so many seconds; None (no limit) for None."""
    return None if seconds is None else int(min(seconds * PACE, EXACT_WORK))
