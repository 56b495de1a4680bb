"""Checks of the arguments that `train` and `train_tasks` share."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from vvnorm.validation import as_count


def as_seeds(seeds: int | Sequence[int]) -> tuple[int, ...]:
    """Return seeds; n stands for 0, .., n - 1."""
    if not isinstance(seeds, Sequence | np.ndarray) or isinstance(seeds, str):
        return tuple(range(as_count(seeds, "seeds", 1)))
    chosen = tuple(as_count(seed, "every entry of seeds") for seed in seeds)
    if not chosen:
        raise ValueError(f"seeds must not be empty, got {seeds!r}")
    return chosen


def as_number(value: float, name: str, *, positive: bool = False) -> float:
    """Return a finite number that is not negative, or positive; TypeError or ValueError for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise TypeError(f"{name} must be a number, got {value!r}")
    if not 0 <= value < math.inf or (positive and value == 0):
        raise ValueError(f"{name} must be {'positive' if positive else 'non-negative'} and finite, got {value!r}")
    return float(value)


def check_choice(value: Any, name: str, choices: Sequence[str]) -> None:
    """Raise ValueError unless the value is one of the choices."""
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(choices)}, got {value!r}")
