"""Empty figures in the toolkit's style, readable in print and for colour-blind readers, and their files.

Figures are made without pyplot, which would need a window system or a backend and has global state.
"""

import io
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
"""Okabe and Ito's palette, whose colours differ for all common forms of colour vision, and grey."""


_STYLE = {
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.labelsize": 9,
    "legend.fontsize": 8,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "lines.linewidth": 1.4,
    "pdf.fonttype": 42,  # text is stored as text
    "svg.fonttype": "none",
    "svg.hashsalt": "vvnorm",  # the same figure gives the same file
}


_TIMES = {
    "font.family": "serif",
    "font.serif": ["Times New Roman", "Times", "Nimbus Roman", "STIXGeneral"],  # matplotlib brings the last
    "mathtext.fontset": "stix",
}
_COMPUTER_MODERN = {
    "font.family": "serif",
    "font.serif": ["CMU Serif", "Latin Modern Roman", "cmr10"],
    "mathtext.fontset": "cm",
    "axes.formatter.use_mathtext": True,  # cmr10 has no minus sign
}
_PRINT = {
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.labelsize": 8,
    "legend.fontsize": 7,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "axes.linewidth": 0.6,
    "lines.linewidth": 1.0,
}


@dataclass(frozen=True)
class Style:
    """The look of figures.

    Attributes
    ----------
    column, text : float or None
        Width of a column and of the text, in inches; a figure takes one of the two. None: the width that its script sets.
    settings : mapping
        Settings of matplotlib that differ from those of the screen.
    """

    column: float | None
    text: float | None
    settings: Mapping[str, Any]


STYLES: Mapping[str, Style] = {
    "screen": Style(None, None, {}),
    "paper": Style(5.5, 5.5, _PRINT | _TIMES),
    "neurips": Style(5.5, 5.5, _PRINT | _TIMES),
    "iclr": Style(5.5, 5.5, _PRINT | _TIMES),
    "icml": Style(3.25, 6.75, _PRINT | _TIMES),
    "aistats": Style(3.25, 6.75, _PRINT | _TIMES),
    "jmlr": Style(6.0, 6.0, _PRINT | _COMPUTER_MODERN),
    "ieee": Style(3.5, 7.16, _PRINT | _TIMES),
}
"""Looks by name: for the screen and for papers. Widths of columns and of the text are in inches; fonts are the papers':

- NeurIPS and ICLR: one column of 5.5, Times (`neurips_2025.sty`, `iclr2026_conference.sty`). `paper` is the same.
- ICML and AISTATS: text of 6.75 with columns 0.25 apart, so 3.25 each, Times (`icml2025.sty`, `aistats2025.sty`).
- JMLR: one column of 6.0, Computer Modern (`jmlr2e.sty`, which leaves LaTeX's font as it is).
- IEEE: 3.5 and 7.16, Times: the sizes of figures that IEEE asks for. `IEEEtran.cls` sets columns of 21 pc = 3.49 and
  text of 43 pc = 7.14.

Text of 7 and 8 pt has the size of footnotes and captions in a paper of 10 pt.
"""

_NARROW = 5.0  # inches on the screen; narrower figures fit into one column

_CURRENT: ContextVar[Style] = ContextVar("style", default=STYLES["screen"])


def as_style(name: str) -> Style:
    """Return the look of this name; ValueError lists the names if it is unknown."""
    if name not in STYLES:
        raise ValueError(f"style must be one of {', '.join(STYLES)}; got {name!r}")
    return STYLES[name]


@contextmanager
def style(name: str | None = None) -> Iterator[None]:
    """Draw in a style inside this context; the default is the style of the enclosing context, or of the screen."""
    import matplotlib

    look = _CURRENT.get() if name is None else as_style(name)
    token = _CURRENT.set(look)
    try:
        with matplotlib.rc_context({**_STYLE, **look.settings}):
            yield
    finally:
        _CURRENT.reset(token)


def new_figure(width: float, height: float) -> "Figure":
    """Return an empty figure of this size in inches; in the style of a paper it is as wide as a column or the text."""
    from matplotlib.figure import Figure

    look = _CURRENT.get()
    given = look.column if width < _NARROW else look.text
    scale = 1.0 if given is None else given / width
    return Figure(figsize=(scale * width, scale * height), layout="constrained")


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
