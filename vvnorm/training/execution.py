"""Threads and progress bars of training."""

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import torch

from vvnorm._internal.callbacks import RoundCallback
from vvnorm._internal.progress import bar_if_watched, relative_gap

Report = Callable[[int, Mapping[str, float]], None]
"""Takes the number of steps done and means over the runs: 'loss', 'vv_norm' and, if known, 'excess' and 'gap'."""

_PARALLEL_WORK = 1 << 23  # products per step above which several threads are faster than one


@contextmanager
def threads_for(work: int) -> Iterator[None]:
    """Run small problems on one thread of torch; restore the number of threads afterwards.

    Several threads wait for each other a few times per step. Below some millions of products per step the waiting costs
    more than the threads save, and 10 to 50 times more if other processes share the cores (measured: 2 s became 90 s).
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
    """Yield a function that reports progress; it draws a bar if wanted and if the terminal is interactive."""
    with bar_if_watched(wanted) as bar:
        task = bar.add_task("training", total=steps)

        def report(step: int, means: Mapping[str, float]) -> None:
            text = f"step {step}  loss {means['loss']:.3g}  VV norm {means['vv_norm']:.6g}"
            excess, gap = means.get("excess", math.nan), means.get("gap", math.nan)
            if not math.isnan(excess):
                text += f"  excess {excess:.2%}"
            elif not math.isnan(gap):
                text += f"  gap about {gap:.2%}"
            bar.update(task, completed=step, description=text)

        yield report


@contextmanager
def certification_bar(networks: int, wanted: bool) -> Iterator[tuple[RoundCallback, Callable[[], None]]]:
    """Yield two functions that update a progress bar: after a round of a solver, and after a network's proof."""
    with bar_if_watched(wanted) as bar:
        task = bar.add_task("certifying", total=networks)

        def solving(rounds: int, upper: float, lower: float) -> None:
            bar.update(task, description=f"solving for the optimum, round {rounds}, gap {relative_gap(upper, lower):.1e}")

        yield solving, lambda: bar.update(task, advance=1, description="certifying")
