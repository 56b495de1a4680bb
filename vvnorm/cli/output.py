"""Output of commands: lines, tables and progress on the terminal."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from vvnorm.cli.exit_codes import NOT_CERTIFIED, OK

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vvnorm.datasets import Dataset
    from vvnorm.studies.execute import Tally


def say(text: str) -> None:
    """Print a line to standard output."""
    try:
        typer.echo(text)
    except BrokenPipeError:
        # The reader of the pipe has left; files and the exit code still count.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def say_wrapped(text: str) -> None:
    """Print lines to standard output, broken between words to fit a terminal; a pipe gets them as they are."""
    if not sys.stdout.isatty():
        say(text)
        return
    from rich.console import Console

    Console(markup=False, emoji=False, highlight=False).print(text)


def conclude(complaints: list[str]) -> int:
    """Print the verdict of the verifier and return the exit code."""
    for complaint in complaints:
        say(f"not certified: {complaint}")
    if not complaints:
        say("certified: an independent verifier accepts the proof")
    return NOT_CERTIFIED if complaints else OK


def say_labels(dataset: "Dataset") -> None:
    """Print how labels of two classes were read."""
    for note in dataset.notes:
        say(f"{'labels':>18}  {note}")


class TextTable:
    """A table on standard output: with borders on a terminal, tab-separated in a pipe.

    `show_now` has the first cells of all rows. They fix the widths, so that each row is printed when it is added.
    """

    def __init__(self, *columns: str, show_now: "Sequence[tuple[str, ...]] | None" = None) -> None:
        self.columns = columns
        self.rows: list[tuple[str, ...]] = []
        self._widths = None
        if show_now is not None:
            known = [max(map(len, cells)) for cells in zip(columns, *show_now, strict=False)]
            self._widths = known + [max(len(name), len("NOT_SUPPORTED")) for name in columns[len(known) :]]
            self._show(columns)

    def row(self, *cells: str) -> None:
        """Add a row."""
        self.rows.append(cells)
        if self._widths is not None:
            self._show(cells)

    def _show(self, cells: "Sequence[str]") -> None:
        padded = (cell.ljust(width) for cell, width in zip(cells, self._widths or (), strict=True))
        say("  ".join(padded).rstrip() if sys.stdout.isatty() else "\t".join(cells))

    def show(self, *, one_line: bool = False) -> None:
        """Print the table, unless its rows are shown one by one; `one_line` cuts cells to fit a terminal."""
        if not sys.stdout.isatty():
            for row in (self.columns, *self.rows):
                say("\t".join(row))
            return
        from rich.console import Console
        from rich.table import Table

        table = Table(self.columns[0], expand=one_line)
        for place, name in enumerate(self.columns[1:]):
            table.add_column(name, no_wrap=one_line, overflow="ellipsis", ratio=(1 if place else 3) if one_line else None)
        for row in self.rows:
            table.add_row(*row)
        Console(markup=False, emoji=False, highlight=False).print(table)


class Progress:
    """A progress bar on standard error, shown on terminals only."""

    def __enter__(self) -> "Progress":
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        console = Console(stderr=True)
        # Lines printed meanwhile appear above the bar, unless standard output is not the terminal.
        self._bar = Progress(
            *columns, console=console, transient=True, disable=not console.is_terminal, redirect_stdout=sys.stdout.isatty()
        )
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def task(self, name: str, total: int) -> Any:
        """Begin a task of known length; return the function to call with a label after each step."""
        number = self._bar.add_task(name, total=total)
        return lambda label: self._bar.advance(number)

    def counted(self, name: str) -> "Callable[[Tally], None]":
        """Begin jobs whose total is known later; return the function to call with their tally."""
        number = self._bar.add_task(name, total=None)
        return lambda tally: self._bar.update(number, completed=tally.done + tally.failed, total=tally.total)

    def rounds(self, name: str) -> Any:
        """Begin a task of unknown length; return the function to call after each round with its number and the bounds."""
        number = self._bar.add_task(name, total=None, visible=False)

        def advance(_: int, upper: float, lower: float) -> None:
            # Weighted problems are solved one after another, each with its own rounds; all rounds are counted.
            gap = (upper - lower) / upper if upper > 0 else 0.0
            self._bar.update(number, advance=1, visible=True, description=f"{name}, gap {gap:.1e}")

        return advance

    def study(self, name: str) -> "Callable[[Tally], None]":
        """Begin a study; return the function to call with its progress."""
        number = self._bar.add_task(name, total=None)

        def advance(tally: "Tally") -> None:
            left = f", {tally.rate:.2g} runs/s, {duration(tally.left)} left" if tally.rate > 0 else ""
            failed = f", {tally.failed} failed" if tally.failed else ""
            over = tally.done + tally.failed
            self._bar.update(number, completed=over, total=tally.total, description=f"{name}{failed}{left}")

        return advance


def file_size(path: Path) -> str:
    """Return the size of a file in a readable unit."""
    count = path.stat().st_size
    return f"{count / 1e6:.1f} MB" if count >= 1e5 else f"{count / 1e3:.1f} kB"


def duration(seconds: float) -> str:
    """Return a time in a readable unit."""
    for unit, length in (("days", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.3g} {unit}"
    return f"{seconds:.2g} s"


def with_interval(row: dict[str, Any], value: str, low: str, high: str) -> tuple[str, str]:
    """Return a number of a row and the interval around it, as text."""
    ends = [number(row[end], ".3g") for end in (low, high)]
    return number(row[value], ".4g"), f"[{ends[0]}, {ends[1]}]" if all(ends) else ""


def number(value: float, form: str) -> str:
    """A number as text; empty for one that is not defined."""
    return "" if value != value else format(value, form)
