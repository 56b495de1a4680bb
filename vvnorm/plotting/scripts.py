"""Figure scripts: their contract, the registered scripts, and the files that are written for each."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vvnorm import __version__
from vvnorm._internal import plugins
from vvnorm._internal.files import atomic_write, write_csv
from vvnorm.claims.verdict import Verdict
from vvnorm.plotting.canvas import save, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure


GROUP = "vvnorm.figures"


PICTURES = (".pdf", ".svg", ".png")
"""Formats in which `draw_figure` draws a figure."""

FIGURE_FILES = (*PICTURES, ".csv", ".tex")
"""Suffixes of the files that `draw_figure` writes."""


@dataclass(frozen=True, eq=False)
class FigureData:
    """The data of a figure.

    Attributes
    ----------
    values : mapping
        Arrays and numbers by name.
    verdict : Verdict
        Whether the data confirm the figure's statement.
    complaints : list of str
        Objections of the verifiers to the data; a figure with complaints is not drawn.
    """

    values: Mapping[str, Any]
    verdict: Verdict
    complaints: list[str] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class FigureScript:
    """A figure: how its data are computed and how they are drawn.

    Attributes
    ----------
    id, statement : str
        Name, and a sentence that the figure shows; formulas are between dollar signs, as in LaTeX and matplotlib.
    compute : (seed, quick) -> FigureData
        All computation, verified.
    plot : values -> matplotlib Figure
        Drawing only.
    table : values -> rows
        The numbers in the figure, for a CSV file; see `rows`.
    caption : str
        Description of panels, lines, markers and bands; it follows the statement in the caption.
    expected, expected_quick : Verdict, optional
        The known verdicts of the full and of the quick figure; another verdict is an error. By default, every verdict that
        confirms the statement is expected.
    """

    id: str
    statement: str
    compute: Callable[[int, bool], FigureData]
    plot: Callable[[Mapping[str, Any]], "Figure"]
    table: Callable[[Mapping[str, Any]], Sequence[Mapping[str, Any]]]
    caption: str
    expected: Verdict | None = None
    expected_quick: Verdict | None = None


def figure_names() -> list[str]:
    """Names of all figures that installed packages register in the entry-point group `vvnorm.figures`."""
    return plugins.names(GROUP)


def load_figure(name: str) -> FigureScript:
    """Load the figure script of this name; ValueError lists the names if it is unknown."""
    return plugins.load(GROUP, name, FigureScript, "vvnorm.plotting.FigureScript")


def draw_figure(
    script: FigureScript, folder: Path, *, seed: int = 0, quick: bool = False, look: str = "screen"
) -> FigureData:
    """Compute a figure's data and, if they are verified, write the figure and its numbers to `folder`.

    The files have the figure's name: `.pdf`, `.svg` and `.png`; `.csv` with the numbers drawn; `.tex` with a caption that
    ends with the verdict.

    Parameters
    ----------
    script : FigureScript
    folder : Path
    seed, quick
        Arguments of the script's `compute`.
    look : str
        A name in `vvnorm.plotting.STYLES`: the screen, or a venue, which sets the figure's width.

    Raises
    ------
    ValueError
        If the folder cannot be written to.
    """
    data = script.compute(seed, quick)
    if not data.complaints:
        with style(look):
            figure = script.plot(data.values)
            for suffix in PICTURES:
                save(figure, folder / f"{script.id}{suffix}")
        write_csv(folder / f"{script.id}.csv", script.table(data.values))
        with atomic_write(folder / f"{script.id}.tex") as stream:
            stream.write(caption(script, data.verdict, seed=seed, quick=quick).encode())
    return data


def rows(**columns: Any) -> list[dict[str, Any]]:
    """Return the rows of a table from its columns, which are broadcast against each other.

    Columns of several dimensions are read in C order. A surface over a grid, say, is `rows(x_1=across, x_2=up, value=f)`.
    """
    entries = [column.ravel().tolist() for column in np.broadcast_arrays(*map(np.asarray, columns.values()))]
    return [dict(zip(columns, row, strict=True)) for row in zip(*entries, strict=True)]


def caption(script: FigureScript, verdict: Verdict, *, seed: int, quick: bool) -> str:
    """Return a figure's caption for LaTeX: statement, description, verdict, version and seed."""
    statement = script.statement[0].upper() + script.statement[1:]
    provenance = f"Verdict: {verdict}. Made by vvnorm {__version__}, seed {seed}{', quick' if quick else ''}."
    return _latex(f"{statement}. {script.caption} {provenance}") + "\n"


def _latex(text: str) -> str:
    """Escape LaTeX's special characters outside formulas."""
    parts = text.split("$")
    parts[::2] = [re.sub(r"([%&#_])", r"\\\1", part) for part in parts[::2]]
    return "$".join(parts)
