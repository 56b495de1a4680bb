"""Spaces of data: small data are listed exhaustively, smallest first, and random data are drawn.

Small data come in shells: finite families without common members. A search that ends a shell has examined all its members.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise, product
from typing import Any, NamedTuple, Protocol

import numpy as np

from vvnorm.falsification.data import Data, rationals

MOST_IN_A_SHELL = 2_000_000
"""Larger families of small data are left out: no search would end them."""


class Shell(NamedTuple):
    """A finite family of small data."""

    description: str
    members: Iterator[Data]


class DataSpace(Protocol):
    """The methods of a space of data that `falsify` uses."""

    @property
    def axes(self) -> Mapping[str, str]:
        """A letter for each axis of each array; axes with the same letter are shortened together."""

    def contains(self, data: Data) -> bool:
        """Whether data belong to the space, for example whether inputs increase."""

    def shells(self) -> Iterator[Shell]:
        """Yield families of small data, smallest first."""

    def draw(self, rng: np.random.Generator) -> Data:
        """Draw data at random."""


def _unchanged(data: Data) -> Iterable[Data]:
    return (data,)


@dataclass(frozen=True)
class LineSpace:
    """Data of one input: `x` (N,), increasing from 0, and `Y` (N, T), with small integers.

    Data that differ only by a translation, a reflection of x, or the order of the outputs are listed once. The least label
    of each output is 0.

    Attributes
    ----------
    outputs : tuple of int
        Numbers of outputs T.
    points : (int, int)
        Least and largest N of small data.
    top, widest : int
        Largest label, and largest distance between neighbours, of small data.
    missing : bool
        Whether labels may be missing.
    more : data -> iterable of data
        Complete each data set if data hold more than x and Y, for example with and without a skip connection.
    random_points : int
        Largest N of random data.
    """

    outputs: tuple[int, ...] = (1, 2)
    points: tuple[int, int] = (2, 6)
    top: int = 3
    widest: int = 3
    missing: bool = False
    more: Callable[[Data], Iterable[Data]] = _unchanged
    random_points: int = 8
    axes: Mapping[str, str] = field(default_factory=lambda: {"x": "n", "Y": "nt"})

    def contains(self, data: Data) -> bool:
        """Whether there are enough points, inputs increase strictly, and no label is missing unless some may be."""
        x, Y = data["x"].tolist(), data["Y"]
        complete = self.missing or None not in Y.ravel().tolist()
        return complete and len(x) >= self.points[0] and Y.size > 0 and all(a < b for a, b in pairwise(x))

    def shells(self) -> Iterator[Shell]:
        """Yield the data sets with N points, T outputs, and a given largest label and distance, smallest family first."""
        sizes = []
        for n, T in product(range(self.points[0], self.points[1] + 1), self.outputs):
            for top, widest in product(range(1, self.top + 1), range(1, self.widest + 1)):
                count = (top + 1 + self.missing) ** (n * T) * widest ** (n - 1)
                if count <= MOST_IN_A_SHELL and (n > 2 or widest == 1):
                    sizes.append((count, n, T, top, widest))
        for _, n, T, top, widest in sorted(sizes):
            description = f"N = {n}, T = {T}, largest label {top}, largest gap {widest}"
            yield Shell(description, self._members(n, T, top, widest))

    def _members(self, n: int, T: int, top: int, widest: int) -> Iterator[Data]:
        columns = [column for column in product(_labels(top, self.missing), repeat=n) if _least(column) == 0]
        for gaps in product(range(1, widest + 1), repeat=n - 1):
            mirrored = gaps[::-1]
            if mirrored < gaps or max(gaps) != widest:
                continue
            x = rationals(np.cumsum((0, *gaps)))
            for chosen in _multisets(columns, T):
                if max(_most(column) for column in chosen) != top:
                    continue
                if mirrored == gaps and _order(chosen, reverse=True) < _order(chosen):
                    continue
                yield from self.more({"x": x, "Y": rationals(np.array(chosen, dtype=object).T)})

    def draw(self, rng: np.random.Generator) -> Data:
        """Draw integer labels at integer points, of random and mostly small sizes."""
        n = int(rng.integers(self.points[0], self.random_points + 1))
        T = int(rng.choice(self.outputs))
        top, widest = (int(rng.choice([2, 3, 5, 10, 100])) for _ in range(2))
        labels = rng.integers(0, top + 1, (n, T)).astype(object)
        if self.missing:
            labels[rng.random((n, T)) < 0.2] = None
        gaps = rng.integers(1, widest + 1, n - 1)
        made = list(self.more({"x": rationals(np.cumsum([0, *gaps.tolist()])), "Y": rationals(labels)}))
        return made[int(rng.integers(len(made)))]


def _labels(top: int, missing: bool) -> list[int | None]:
    return [*range(top + 1), None] if missing else list(range(top + 1))


def _least(column: Sequence[int | None]) -> int:
    return min((value for value in column if value is not None), default=0)


def _most(column: Sequence[int | None]) -> int:
    return max((value for value in column if value is not None), default=0)


def _multisets(columns: Sequence[Any], T: int, start: int = 0) -> Iterator[tuple[Any, ...]]:
    """Yield all choices of T columns with repetitions, each in one order."""
    if T == 0:
        yield ()
        return
    for i in range(start, len(columns)):
        for rest in _multisets(columns, T - 1, i):
            yield (columns[i], *rest)


def _order(columns: Sequence[Any], reverse: bool = False) -> list[list[int]]:
    """Return the outputs in sorted order; -1 stands for a missing label."""
    plain = [[-1 if value is None else value for value in column] for column in columns]
    return sorted(column[::-1] for column in plain) if reverse else sorted(plain)


@dataclass(frozen=True)
class ListedSpace:
    """Small data that a function lists by size, and random data that another draws.

    Attributes
    ----------
    sizes : sequence of (description, function without arguments that returns an iterator of data)
        Smallest first.
    random : rng -> data
    axes : mapping of str to str
        See `DataSpace`.
    fits : data -> bool
        Whether data belong to the space.
    """

    sizes: Sequence[tuple[str, Callable[[], Iterator[Data]]]]
    random: Callable[[np.random.Generator], Data]
    axes: Mapping[str, str]
    fits: Callable[[Data], bool] = lambda data: True

    def contains(self, data: Data) -> bool:
        """Whether data belong to the space."""
        return self.fits(data)

    def shells(self) -> Iterator[Shell]:
        """Yield the listed families."""
        for description, members in self.sizes:
            yield Shell(description, members())

    def draw(self, rng: np.random.Generator) -> Data:
        """Draw data at random."""
        return self.random(rng)


def small_vectors(count: int, length: int, least: int, most: int) -> Iterator[np.ndarray]:
    """Yield all arrays (count, length) of integers from `least` to `most`, those of smallest sum of magnitudes first."""
    values = sorted(range(least, most + 1), key=lambda value: (abs(value), -value))
    entries = sorted(product(values, repeat=count * length), key=lambda chosen: sum(map(abs, chosen)))
    for chosen in entries:
        yield rationals(np.array([Fraction(value) for value in chosen], dtype=object).reshape(count, length))
