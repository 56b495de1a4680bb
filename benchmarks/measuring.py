"""Shared by the benchmarks: a stopwatch, a progress bar, and the JSON file of results."""

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn


def timed(task: Callable[[], Any]) -> tuple[float, Any]:
    """Return wall seconds and the result of a call."""
    began = time.perf_counter()
    result = task()
    return time.perf_counter() - began, result


def measured(task: Callable[[], Any]) -> tuple[float, float, Any]:
    """Wall seconds, CPU seconds and result."""
    wall, cpu = time.perf_counter(), time.process_time()
    result = task()
    return time.perf_counter() - wall, time.process_time() - cpu, result


@contextmanager
def progress(total: int) -> Iterator[Callable[[str], None]]:
    """Show a bar on standard error, on terminals only, which changes between measurements only."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    hidden, redirected = not console.is_terminal, sys.stdout.isatty()
    bar = Progress(
        *columns, console=console, transient=True, auto_refresh=False, disable=hidden, redirect_stdout=redirected
    )
    with bar:
        number = bar.add_task("", total=total)

        def advance(label: str) -> None:
            bar.update(number, advance=1, description=label, refresh=True)

        yield advance


def conclude(result: Mapping[str, Any], file: Path | None) -> None:
    """Print the number of goals met, and write all numbers as JSON if a file is given."""
    met = [record["met"] for record in result["rows"] if record.get("met") is not None]
    if met:
        print(f"goals met: {sum(met)} of {len(met)}")
    if file:
        file.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
