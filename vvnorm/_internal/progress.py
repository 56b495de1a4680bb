"""Progress bars of long calls, on standard error: in interactive terminals and in notebooks only."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from vvnorm._internal.callbacks import RoundCallback

if TYPE_CHECKING:
    from rich.progress import Progress


def bar_if_watched(wanted: bool) -> "Progress":
    """Return a bar that is drawn if it is wanted and standard error is a terminal or a notebook."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    watched = console.is_interactive or console.is_jupyter
    return Progress(*Progress.get_default_columns(), console=console, transient=True, disable=not (wanted and watched))


@contextmanager
def rounds_shown(name: str, callback: RoundCallback | None, wanted: bool) -> Iterator[RoundCallback | None]:
    """Yield the function that a solver calls after each round: it calls `callback` and updates a bar with the gap."""
    if not wanted:
        yield callback
        return
    with bar_if_watched(wanted) as shown:
        task = shown.add_task(name, total=None)

        def ended(number: int, upper: float, lower: float) -> None:
            shown.update(task, description=f"{name}, round {number}, gap {relative_gap(upper, lower):.1e}")
            if callback is not None:
                callback(number, upper, lower)

        yield ended


@contextmanager
def steps_shown(
    name: str, total: int | None, callback: Callable[..., object] | None, wanted: bool
) -> Iterator[Callable[..., object]]:
    """Yield the function to call after each step: it passes its arguments to `callback` and advances a bar."""
    after: Callable[..., object] = callback or (lambda *args: None)
    if not wanted:
        yield after
        return
    with bar_if_watched(wanted) as shown:
        task = shown.add_task(name, total=total)

        def ended(*args: Any) -> None:
            shown.update(task, advance=1)
            after(*args)

        yield ended


def relative_gap(upper: float, lower: float) -> float:
    """Return the relative gap between bounds of an objective; 0 if the upper bound is 0."""
    return (upper - lower) / upper if upper > 0 else 0.0
