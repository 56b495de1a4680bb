"""Data from the draws of a claim. Hypothesis chooses and shrinks them; without it a generator chooses them.

A recipe for data has a draw function, its seed, a number of digits to which numbers are rounded, and the points that are
kept. Coincidences are common in rounded data with few points, and refute more statements than generic data do.
"""

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from fractions import Fraction
from importlib.util import find_spec
from typing import Any

import numpy as np

from vvnorm.falsification.data import Data
from vvnorm.falsification.statement import Draw

INSTALL = "Hypothesis is not installed, so draws are not shrunk by it: pip install 'vvnorm[testing]'"

_MOST_DIGITS = 3
_SEEDS = 2**32


class SearchEnded(BaseException):
    """Raised to end a search; Hypothesis would handle an `Exception` itself."""


def hypothesis_installed() -> bool:
    """Whether Hypothesis can be imported."""
    return find_spec("hypothesis") is not None


def search_draws(
    draws: Sequence[Draw],
    axes: Mapping[str, str] | None,
    refutes: Callable[[Data], bool],
    seed: int,
    until: float,
) -> None:
    """Draw data until some refute, and then shrink them; `refutes` keeps the data that it is called with.

    Parameters
    ----------
    draws : sequence of (rng -> data)
    axes : mapping of str to str, optional
        See `DataSpace`.
    refutes : data -> bool
    seed : int
    until : float
        Time, by `time.process_time`, at which the search ends.
    """
    if hypothesis_installed():
        _by_hypothesis(draws, axes, refutes, seed, until)
    else:
        with suppress(SearchEnded):
            for data in _by_generator(draws, axes, seed):
                if time.process_time() > until or refutes(data):
                    return


def _by_hypothesis(draws: Any, axes: Any, refutes: Callable[[Data], bool], seed: int, until: float) -> None:
    from hypothesis import HealthCheck, Phase, find, settings
    from hypothesis import strategies as st
    from hypothesis.errors import HypothesisException, NoSuchExample

    numbers = st.integers(0, _SEEDS - 1)
    recipes = st.tuples(st.integers(0, len(draws) - 1), numbers, st.integers(0, _MOST_DIGITS + 1), numbers)

    def condition(recipe: tuple[int, int, int, int]) -> bool:
        if time.process_time() > until:
            raise SearchEnded
        return refutes(_drawn(draws, axes, *recipe))

    options = settings(
        database=None, deadline=None, max_examples=10**6, phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    try:
        find(recipes, condition, settings=options, random=random.Random(seed))
    except (NoSuchExample, SearchEnded):
        return
    except HypothesisException as error:
        raise RuntimeError(f"Hypothesis gave up: {error}") from error


def _by_generator(draws: Sequence[Draw], axes: Any, seed: int) -> Iterator[Data]:
    rng = np.random.default_rng(seed)
    while True:
        which, keep = int(rng.integers(len(draws))), int(rng.integers(_SEEDS))
        yield _drawn(draws, axes, which, int(rng.integers(_SEEDS)), int(rng.integers(_MOST_DIGITS + 2)), keep)


def _drawn(draws: Sequence[Draw], axes: Mapping[str, str] | None, which: int, seed: int, digits: int, keep: int) -> Data:
    """Draw data; round them and keep a part of their points, unless `digits` is 0."""
    data = draws[which](np.random.default_rng(seed))
    if not digits:
        return data
    coarse = {name: _rounded(value, digits - 1) for name, value in data.items()}
    return coarse if axes is None else _part(coarse, axes, keep)


def _rounded(value: Any, digits: int) -> Any:
    """Round relative to the power of ten below the largest magnitude."""
    if not isinstance(value, np.ndarray) or value.dtype != object or not value.size:
        return value
    largest = max((abs(entry) for entry in value.ravel() if entry is not None), default=Fraction(0))
    unit: Fraction = (
        Fraction(10) ** (len(str(int(largest))) - 1 if largest >= 1 else -len(str(int(1 / largest))))
        if largest
        else Fraction(1)
    )
    changed = np.empty(value.shape, dtype=object)
    for place in np.ndindex(value.shape):
        changed[place] = None if value[place] is None else round(value[place] / unit, digits) * unit
    return changed


def _part(data: Data, axes: Mapping[str, str], keep: int) -> Data:
    """Keep the points whose bit in `keep` is set, or all; the first letter of `axes` names the axis of points."""
    letter = next(iter(axes.values()))[0]
    lengths = {value.shape[axes[name].index(letter)] for name, value in data.items() if letter in axes.get(name, "")}
    if len(lengths) != 1 or keep % 4 == 0:
        return data
    length = lengths.pop()
    kept = [i for i in range(length) if keep >> (2 + i) & 1]
    if len(kept) < 2:
        return data
    return {
        name: value.take(kept, axes[name].index(letter)) if letter in axes.get(name, "") else value
        for name, value in data.items()
    }
