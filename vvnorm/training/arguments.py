"""Arguments that all kinds of training share, and how training is run: threads and a progress bar."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from vvnorm.training.loop import Report
from vvnorm.validation import as_count

_PARALLEL_WORK = 1 << 23  # products per step from which more than one thread pays
_DTYPES = {"float64": torch.float64, "float32": torch.float32}


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


def tensor_kind(dtype: str, device: str) -> torch.Tensor:
    """Return an empty tensor of that dtype on that device."""
    check_choice(dtype, "dtype", tuple(_DTYPES))
    try:
        return torch.empty(0, dtype=_DTYPES[dtype], device=device)
    except (RuntimeError, AssertionError, TypeError) as error:
        reason = str(error).partition("\n")[0]
        raise ValueError(f"device {device!r} is not available for dtype {dtype!r}: {reason}") from None


@contextmanager
def threads_for(work: int) -> Iterator[None]:
    """Run small problems on one thread of torch, then give its threads back.

    Threads that wait for each other a few times per step cost more than they save below some millions of products, and
    10 to 50 times more than that when other processes share the cores (measured: 2 s became 90 s).
    """
    threads = torch.get_num_threads()
    try:
        if work < _PARALLEL_WORK:
            torch.set_num_threads(1)
        yield
    finally:
        torch.set_num_threads(threads)


@contextmanager
def progress_bar(steps: int, wanted: bool) -> Iterator[Report]:
    """Yield what reports progress; it draws a bar if wanted and if someone watches."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    bar = Progress(
        *Progress.get_default_columns(), console=console, transient=True, disable=not (wanted and console.is_interactive)
    )
    with bar:
        task = bar.add_task("training", total=steps)

        def report(step: int, means: dict[str, float]) -> None:
            text = f"step {step}  loss {means['loss']:.3g}  VV norm {means['vv_norm']:.6g}"
            if not math.isnan(means["excess"]):
                text += f"  excess {means['excess']:.2%}"
            elif not math.isnan(means["gap"]):
                text += f"  gap about {means['gap']:.2%}"
            bar.update(task, completed=step, description=text)

        yield report
