"""Empty figures in one style, readable in print and for colour-blind readers, and their files.

Figures are made without pyplot, so that no window system, backend or global state is touched.
"""

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from vvnorm._internal.files import atomic_write

if TYPE_CHECKING:
    from matplotlib.figure import Figure


FORMATS = (".pdf", ".svg", ".png")


COLOURS = {
    "black": "#000000",
    "orange": "#E69F00",
    "sky": "#56B4E9",
    "green": "#009E73",
    "blue": "#0072B2",
    "red": "#D55E00",
    "purple": "#CC79A7",
    "grey": "#7F7F7F",
}
"""Okabe and Ito's palette, told apart with any common colour vision, and grey."""


_STYLE = {
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.labelsize": 9,
    "legend.fontsize": 8,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "lines.linewidth": 1.4,
    "pdf.fonttype": 42,  # text stays text
    "svg.fonttype": "none",
    "svg.hashsalt": "vvnorm",  # the same figure gives the same file
}


@contextmanager
def style() -> Iterator[None]:
    """Draw in the toolkit's style inside this context."""
    import matplotlib

    with matplotlib.rc_context(_STYLE):
        yield


def new_figure(width: float, height: float) -> "Figure":
    """Return an empty figure of a size in inches."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def check_plot_path(path: str | os.PathLike[str]) -> Path:
    """Refuse a file name whose suffix is not one of `FORMATS`."""
    if Path(path).suffix not in FORMATS:
        raise ValueError(f"a figure's name must end in {', '.join(FORMATS)}; got {str(path)!r}")
    return Path(path)


def save(figure: "Figure", path: Path) -> None:
    """Write a figure, whole or not at all; the same figure gives the same bytes in PDF and PNG."""
    content = file_content(figure, check_plot_path(path).suffix)
    with atomic_write(path) as stream:
        stream.write(content)


def file_content(figure: "Figure", suffix: str) -> bytes:
    """Return the bytes of a figure's file in the format of a suffix."""
    buffer = io.BytesIO()
    metadata = {".pdf": {"CreationDate": None}, ".svg": {"Date": None}, ".png": {"Software": None}}[suffix]
    figure.savefig(buffer, format=suffix[1:], dpi=200, metadata=metadata)
    return buffer.getvalue()


def literal(name: str) -> str:
    """Keep matplotlib from reading a column's name as a formula."""
    return name.replace("$", r"\$")
