"""How training is run: on how many threads, and with which progress bar."""

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import torch

Report = Callable[[int, Mapping[str, float]], None]
"""Takes the number of steps done and means over the runs: 'loss' and 'vv_norm', and 'excess' and 'gap' where known."""

_PARALLEL_WORK = 1 << 23  # products per step above which several threads are faster than one


@contextmanager
def threads_for(work: int) -> Iterator[None]:
    """Run small problems on one thread of torch; restore the number of threads afterwards.

    Several threads wait for each other a few times per step. Below some millions of products per step this costs more than
    it saves, and 10 to 50 times more when other processes share the cores (measured: 2 s became 90 s).
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
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    bar = Progress(
        *Progress.get_default_columns(), console=console, transient=True, disable=not (wanted and console.is_interactive)
    )
    with bar:
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
