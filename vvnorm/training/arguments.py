"""Checks of the arguments that `train` and `train_tasks` share."""

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


def check_choice(value: Any, name: str, choices: Sequence[str]) -> None:
    """Raise ValueError unless the value is one of the choices."""
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(choices)}, got {value!r}")
