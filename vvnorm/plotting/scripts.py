"""Figure scripts: their contract, the scripts that packages register, and the files that are written for each."""

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
    """One figure of the paper: how its data are computed and how they are drawn.

    Attributes
    ----------
    id, statement : str
        Name, and a sentence on what the figure shows; formulas between dollar signs, as LaTeX and matplotlib read them.
    compute : (seed, quick) -> FigureData
        All computation, verified.
    plot : values -> matplotlib Figure
        Drawing only.
    table : values -> rows
        The numbers in the figure, for a CSV file; see `rows`.
    caption : str
        Description of panels, lines, markers and bands; it follows the statement in the caption.
    expected, expected_quick : Verdict, optional
        The known verdict of the full and of the quick figure; another verdict is an error. By default any verdict that
        confirms the statement.
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
    """Load one figure script; ValueError lists the names if there is none of that name."""
    return plugins.load(GROUP, name, FigureScript, "vvnorm.plotting.FigureScript")


def draw_figure(
    script: FigureScript, folder: Path, *, seed: int = 0, quick: bool = False, look: str = "screen"
) -> FigureData:
    """Compute a figure's data and, if they are verified, write the figure and its numbers to `folder`.

    The files are named after the figure: `.pdf`, `.svg` and `.png`; `.csv` with the numbers drawn; `.tex` with a caption
    that ends with the verdict.

    Parameters
    ----------
    script : FigureScript
    folder : Path
    seed, quick
        For the script.
    look : str
        A name of `vvnorm.plotting.STYLES`: of the screen, or of a venue, whose column or text the figure is as wide as.

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
    """Rows of a table from its columns: arrays of one shape, and single values that all rows share.

    Columns of several dimensions are read in C order. A surface over a grid, say, is `rows(x_1=across, x_2=up, value=f)`.
    """
    entries = [column.ravel().tolist() for column in np.broadcast_arrays(*map(np.asarray, columns.values()))]
    return [dict(zip(columns, row, strict=True)) for row in zip(*entries, strict=True)]


def caption(script: FigureScript, verdict: Verdict, *, seed: int, quick: bool) -> str:
    """Return a figure's caption for LaTeX: statement, description, verdict, version and seed."""
    statement = script.statement[0].upper() + script.statement[1:]
    made = f"Verdict: {verdict}. Made by vvnorm {__version__}, seed {seed}{', quick' if quick else ''}."
    return _latex(f"{statement}. {script.caption} {made}") + "\n"


def _latex(text: str) -> str:
    """Escape LaTeX's special characters outside formulas."""
    parts = text.split("$")
    parts[::2] = [re.sub(r"([%&#_])", r"\\\1", part) for part in parts[::2]]
    return "$".join(parts)
