"""Figures: one style, readable in print and for colour-blind readers; files that are whole or absent.

Figures are made without pyplot, so that no window system, backend or global state is touched.
"""

import io
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vvnorm import registry
from vvnorm.claims import Verdict
from vvnorm.data import Array
from vvnorm.files import atomic_write

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from vvnorm.fitting import Fit
    from vvnorm.solution import Interpolant
    from vvnorm.training import TrainingResult

GROUP = "vvnorm.figures"
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

_DRAWABLE = 1e306  # matplotlib multiplies ranges by small numbers
_MANY = 5000  # more points than that are drawn as a picture inside the vector file

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


@dataclass(frozen=True, eq=False)
class FigureData:
    """What a figure is drawn from.

    Attributes
    ----------
    values : mapping
        Arrays and numbers by name.
    verdict : Verdict
        What the data show of the figure's statement.
    complaints : list of str
        What the verifiers say against the data; a figure with complaints is not drawn.
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
        Name, and what the figure shows.
    compute : (seed, quick) -> FigureData
        All computation, verified.
    plot : values -> matplotlib Figure
        Drawing only.
    """

    id: str
    statement: str
    compute: Callable[[int, bool], FigureData]
    plot: Callable[[Mapping[str, Any]], "Figure"]


def figure_names() -> list[str]:
    """Names of all figures that installed packages register in the entry-point group `vvnorm.figures`."""
    return registry.names(GROUP)


def load_figure(name: str) -> FigureScript:
    """Load one figure script; ValueError lists the names if there is none of that name."""
    return registry.load(GROUP, name, FigureScript)


def draw_figure(script: FigureScript, folder: Path, *, seed: int = 0, quick: bool = False) -> FigureData:
    """Compute a figure's data and, if they are verified, write it to `folder` as PDF and PNG.

    Raises
    ------
    ValueError
        If the folder cannot be written to.
    """
    data = script.compute(seed, quick)
    if not data.complaints:
        with style():
            figure = script.plot(data.values)
            for suffix in (".pdf", ".png"):
                save(figure, folder / f"{script.id}{suffix}")
    return data


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
    """Refuse a name whose suffix is not a format that is written."""
    if Path(path).suffix not in FORMATS:
        raise ValueError(f"a figure's name must end in {', '.join(FORMATS)}; got {str(path)!r}")
    return Path(path)


def save(figure: "Figure", path: Path) -> None:
    """Write a figure, whole or not at all; the same figure gives the same bytes in PDF and PNG."""
    suffix = check_plot_path(path).suffix
    buffer = io.BytesIO()
    metadata = {".pdf": {"CreationDate": None}, ".svg": {"Date": None}, ".png": {"Software": None}}[suffix]
    figure.savefig(buffer, format=suffix[1:], dpi=200, metadata=metadata)
    with atomic_write(path) as stream:
        stream.write(buffer.getvalue())


def plot_solution(solution: "Interpolant", x_name: str, y_names: Sequence[str], path: str | os.PathLike[str]) -> None:
    """Draw an interpolant, one panel per output: data, interpolant, knots and, if known, the band of all solutions.

    Parameters
    ----------
    solution : Interpolant
        One input.
    x_name, y_names : str, sequence of str
        What the axes are called.
    path : path-like
        `.pdf`, `.svg` or `.png`.
    """
    target = check_plot_path(path)
    x, Y = solution.X[:, 0], solution.Y
    t = _positions(x, Y)
    values = solution(t)
    shown = min(Y.shape[1], 6)
    with style():
        figure = new_figure(6.4, 0.6 + 1.9 * shown)
        axes = figure.subplots(shown, 1, sharex=True, squeeze=False)[:, 0]
        for output, (axis, name) in enumerate(zip(axes, y_names, strict=False)):
            if solution.closed_form and not solution.unique_outputs[output]:
                low, high = solution.band(t)
                axis.fill_between(
                    t, low[:, output], high[:, output], color=COLOURS["sky"], alpha=0.5, lw=0, label="all solutions"
                )
            axis.plot(t, values[:, output], color=COLOURS["blue"], label="interpolant of least VV norm")
            axis.plot(x, Y[:, output], "o", ms=3, color=COLOURS["black"], label="data")
            axis.set_ylabel(_literal(name))
        axes[-1].set_xlabel(_literal(x_name))
        axes[0].legend(loc="best")
        if shown < Y.shape[1]:
            axes[0].set_title(f"first {shown} of {Y.shape[1]} outputs")
        save(figure, target)


def plot_training(result: "TrainingResult", x_name: str, y_names: Sequence[str], path: str | os.PathLike[str]) -> None:
    """Draw trained networks of one input over their data, one panel per output, and the cost during training.

    Parameters
    ----------
    result : TrainingResult
        From `vvnorm.train`.
    x_name, y_names : str, sequence of str
        What the axes are called.
    path : path-like
        `.pdf`, `.svg` or `.png`.

    Raises
    ------
    ValueError
        If the networks have more than one input, or the file cannot be written.
    """
    target = check_plot_path(path)
    if result.X.shape[1] != 1:
        raise ValueError(f"plot needs one input column; the networks have {result.X.shape[1]}")
    x, Y = result.X[:, 0], result.Y
    t = _positions(x, Y)
    shown = min(Y.shape[1], 6)
    with style():
        figure = new_figure(6.4, 0.6 + 1.9 * (shown + 1))
        axes = figure.subplots(shown + 1, 1)
        for output, (axis, name) in enumerate(zip(axes, y_names, strict=False)):
            for k, network in enumerate(result.networks):
                label = "trained networks" if k == 0 else None
                axis.plot(t, network(t)[:, output], color=COLOURS["orange"], lw=0.9, label=label)
            axis.plot(x, Y[:, output], "o", ms=3, color=COLOURS["black"], label="data")
            axis.set(xlabel=_literal(x_name), ylabel=_literal(name))
        axes[0].legend(loc="best")
        cost = result.history["vv_norm"]
        axes[-1].plot(result.history["step"], cost, color=COLOURS["blue"], lw=0.9)
        axes[-1].set(xlabel="step", ylabel="VV norm", yscale="log" if np.all(cost > 0) else "linear")
        save(figure, target)


def plot_fit(fit: "Fit", x_name: str, y_names: Sequence[str], path: str | os.PathLike[str] | None = None) -> "Figure":
    """Draw a fit, one row per output: left data, fit and knots, right residuals.

    Logistic outputs are drawn as probabilities.

    Parameters
    ----------
    fit : Fit
        From `vvnorm.fit`.
    x_name, y_names : str, sequence of str
        What the axes are called.
    path : path-like, optional
        `.pdf`, `.svg` or `.png`, to write the figure there.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If the file cannot be written, or numbers are too large to be drawn.
    """
    target = None if path is None else check_plot_path(path)
    x, Y = fit.X[:, 0], fit.Y
    t = _positions(x, Y)
    curve, at_data, at_knots = (_probabilities(fit, places) for places in (t, x, fit.knots))
    shown = min(Y.shape[1], 6)
    with style():
        figure = new_figure(7.2, 0.6 + 2.1 * shown)
        rows = figure.subplots(shown, 2, sharex=True, squeeze=False, width_ratios=(3, 2))
        for output, ((left, right), name) in enumerate(zip(rows, y_names, strict=False)):
            dots = {"ms": 2.5, "color": COLOURS["grey"], "rasterized": len(x) > _MANY}
            left.plot(x, Y[:, output], "o", label="data", **dots)
            left.plot(t, curve[:, output], color=COLOURS["blue"], label="fit")
            left.plot(fit.knots, at_knots[:, output], "D", ms=4, mfc="white", color=COLOURS["red"], label="knots")
            left.set_ylabel(_literal(name))
            right.plot(x, Y[:, output] - at_data[:, output], "o", **dots)
            right.axhline(0, color=COLOURS["blue"], lw=0.9)
            right.set_ylabel("label - fit")
        for axis in rows[-1]:
            axis.set_xlabel(_literal(x_name))
        rows[0, 0].legend(loc="best")
        rows[0, 0].set_title(
            f"lam = {fit.lam:.4g}" + (f", first {shown} of {Y.shape[1]} outputs" if shown < Y.shape[1] else "")
        )
        if target:
            save(figure, target)
    return figure


def _probabilities(fit: "Fit", x: Array) -> Array:
    """Values of a fit at x, those of logistic outputs as probabilities; shape (n, T)."""
    values = fit(x)
    for output, loss in enumerate(fit.losses):
        if loss.name == "logistic":
            values[:, output] = np.exp(-np.logaddexp(0.0, -values[:, output]))
    return values


def plot_path(fits: Sequence["Fit"], x_name: str, path: str | os.PathLike[str]) -> None:
    """Draw a path of fits: where they bend, and how loss and VV norm trade off, against lam.

    Parameters
    ----------
    fits : sequence of Fit
        From `vvnorm.fit_path`; at least one.
    x_name : str
        What the input is called.
    path : path-like
        `.pdf`, `.svg` or `.png`.
    """
    target = check_plot_path(path)
    lams = np.array([fit.lam for fit in fits])
    order = np.argsort(lams)
    with style():
        figure = new_figure(6.4, 4.6)
        top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
        draw_knots(top, lams, [fit.knots for fit in fits])
        top.set_ylabel(f"knots, {_literal(x_name)}")
        for name, values, colour, dashes in (
            ("loss", [fit.loss for fit in fits], "orange", "-"),
            ("VV norm", [fit.vv_norm for fit in fits], "blue", "--"),
        ):
            largest = max(values) or 1.0
            bottom.plot(lams[order], np.array(values)[order] / largest, ls=dashes, color=COLOURS[colour], label=name)
        bottom.set(xlabel="lam", ylabel="of its largest value")
        bottom.legend(loc="best")
        save(figure, target)


def draw_knots(axes: "Axes", lams: Array, knots: Sequence[Array]) -> None:
    """Mark where fits bend, one column of marks per lam; lam on a logarithmic axis that falls from left to right."""
    at = np.repeat(lams, [len(places) for places in knots])
    axes.plot(at, np.concatenate(knots), ".", ms=2.2, color=COLOURS["blue"])
    axes.set_xscale("log")
    axes.set_xlim(np.max(lams) * 1.1, np.min(lams) / 1.1)


def _positions(x: Array, Y: Array) -> Array:
    """Where functions are drawn: at the data, and evenly from a little before them to a little after."""
    largest = max(np.max(np.abs(x)), np.nanmax(np.abs(Y)))
    if largest > _DRAWABLE:
        raise ValueError(f"a figure cannot show {largest:.3g}: its axes would leave float64; rescale the data")
    margin = 0.05 * np.ptp(x)
    return np.unique(np.concatenate([x, np.linspace(x.min() - margin, x.max() + margin, 2001)]))


def _literal(name: str) -> str:
    """Keep matplotlib from reading a column's name as a formula."""
    return name.replace("$", r"\$")
