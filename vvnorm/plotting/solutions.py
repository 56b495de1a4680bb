"""Figures of interpolants and fits: as functions of one or two inputs, and fitted values against labels for more.

The functions `plot_...` return a figure. They write it to `path` if one is given (`.pdf`, `.svg` or `.png`), and raise
ValueError if the file cannot be written or numbers are too large to be drawn.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vvnorm._internal.words import count
from vvnorm.plotting.canvas import COLOURS, check_plot_path, literal, new_figure, save, style
from vvnorm.plotting.extent import MOST_OUTPUTS, positions, refuse_huge, widened
from vvnorm.validation import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

    from vvnorm.network import ReLUNetwork
    from vvnorm.results.interpolant import Interpolant
    from vvnorm.results.multivariate import MultivariateSolution
    from vvnorm.results.solution import Solution
    from vvnorm.results.univariate_fit import Fit


_MANY = 5000  # more points are rasterised inside the vector file
_PIXELS = 200  # number of pixels along each side of a surface
_INVISIBLE = 1e-9  # smaller changes, relative to a curve's range, cannot be seen
_FAINT = 0.15  # least opacity of a kink; the largest kink is opaque


def draw(
    given: "Solution", x_names: Sequence[str], y_names: Sequence[str], path: str | os.PathLike[str] | None = None
) -> "Figure":
    """Draw a solution by the function of this module for its kind and number of inputs.

    Parameters
    ----------
    solution : Solution
        From `vvnorm.interpolate` or `vvnorm.fit`.
    x_names, y_names : sequence of str
        Names of inputs and outputs.
    path : path-like, optional
        `.pdf`, `.svg` or `.png`, to write the figure there.

    Raises
    ------
    ValueError
        For interpolants of more than two inputs; if the file cannot be written, or numbers are too large to be drawn.
    """
    from vvnorm.results.interpolant import Interpolant

    refuse_undrawable(given.X.shape[1], bool(getattr(given, "lam", 0)))
    solution: Any = given
    origin = given.origin or (0,) * len(x_names)
    x_names = [f"{name} - {start}" if start else name for name, start in zip(x_names, origin, strict=True)]
    if isinstance(given, Interpolant):
        return plot_solution(given, x_names[0], y_names, path)
    if given.X.shape[1] == 1:
        return plot_fit(solution, x_names[0], y_names, path)
    return (plot_surface if given.X.shape[1] == 2 else plot_points)(solution, x_names, y_names, path)


def refuse_undrawable(inputs: int, fit: bool) -> None:
    """Raise ValueError for interpolants of more than two inputs: they have neither a surface to draw nor residuals."""
    if inputs > 2 and not fit:
        raise ValueError(f"an interpolant of {count(inputs, 'input')} cannot be drawn, only one of 1 or 2; a fit can")


@dataclass(frozen=True, eq=False)
class OutputCurve:
    """The drawing of one output of a solution of one input.

    Attributes
    ----------
    x, labels : (N,) arrays
        The data.
    t, values : (n,) arrays
        The curve.
    band : pair of (n,) arrays, or None
        Least and largest values of all solutions, if there are several and the values are known.
    knots : pair of (K,) arrays, or None
        The knots and the values there; None for interpolants, whose knots are data points.
    """

    x: Array
    labels: Array
    t: Array
    values: Array
    band: tuple[Array, Array] | None
    knots: tuple[Array, Array] | None


def curves(given: "Solution") -> list[OutputCurve]:
    """Return the curves of all outputs of a solution of one input; ValueError if numbers are too large for axes."""
    solution: Any = _without_origin(given)
    x, Y = solution.X[:, 0], solution.Y
    t = positions(x, Y)
    values, T = _probabilities(solution, t), range(Y.shape[1])
    bands: list[Any] = [None] * len(T)
    if getattr(solution, "closed_form", False) and not np.all(solution.unique_outputs):
        low, high = solution.band(t)
        bands = [None if solution.unique_outputs[k] else (low[:, k], high[:, k]) for k in T]
    knots: list[Any] = [None] * len(T)
    if getattr(solution, "lam", 0):
        places = _knots(solution)
        at_knots = _probabilities(solution, places)
        knots = [(places, at_knots[:, k]) for k in T]
    return [OutputCurve(x, Y[:, k], t, values[:, k], bands[k], knots[k]) for k in T]


def draw_curve(axes: "Axes", curve: OutputCurve, label: str, colour: str = "blue", *, data: str | None = None) -> None:
    """Draw one output over its input: data, the curve, and its knots or the band of all solutions.

    Parameters
    ----------
    axes : matplotlib Axes
    curve : OutputCurve
    label : str
        Name of the curve in the legend.
    colour : str
        Colour of the curve: a name of `COLOURS`.
    data : str, optional
        Colour of the data; by default black, and grey for fits.
    """
    dots: dict[str, Any] = {"ms": 3, "color": COLOURS[data or "black"]}
    if curve.knots is not None:
        dots = {"ms": 2.5, "color": COLOURS[data or "grey"], "rasterized": len(curve.x) > _MANY}
    if curve.band is not None:
        corners = _corners(curve.t, *curve.band)
        t, low, high = (side[corners] for side in (curve.t, *curve.band))
        axes.fill_between(t, low, high, color=COLOURS["sky"], alpha=0.5, lw=0, label="all solutions")
    if curve.knots is not None:  # the fit is drawn over many data
        axes.plot(curve.x, curve.labels, "o", label="data", **dots)
    axes.plot(curve.t, curve.values, color=COLOURS[colour], label=label)
    if curve.knots is None:
        axes.plot(curve.x, curve.labels, "o", label="data", **dots)
    else:
        axes.plot(*curve.knots, "D", ms=4, mfc="white", color=COLOURS["red"], label="knots")


def _corners(t: Array, *sides: Array) -> NDArray[np.bool_]:
    """Mark the ends of piecewise linear curves over t, and the points at which a change of slope is visible."""
    corners = np.ones(len(t), dtype=bool)
    share = (t[1:-1] - t[:-2]) / (t[2:] - t[:-2])
    straight = [
        np.abs(side[1:-1] - side[:-2] - share * (side[2:] - side[:-2])) <= _INVISIBLE * np.ptp(side) for side in sides
    ]
    corners[1:-1] = ~np.all(straight, axis=0)
    return corners


@contextmanager
def _panels(
    solution: "Solution", path: str | os.PathLike[str] | None, width: float, heights: tuple[float, float], columns: int = 1,
    **layout: Any,
) -> Iterator[tuple["Figure", NDArray[Any]]]:  # fmt: skip
    """Yield a new figure and its axes, a row per output; at the end write the figure, if there is a path.

    `heights` are the heights of the margins and of a row, in inches.
    """
    target = None if path is None else check_plot_path(path)
    shown = min(solution.Y.shape[1], MOST_OUTPUTS)
    with style():
        figure = new_figure(width, heights[0] + heights[1] * shown)
        yield figure, figure.subplots(shown, columns, squeeze=False, **layout)
        if target:
            save(figure, target)


def plot_solution(
    solution: "Interpolant", x_name: str, y_names: Sequence[str], path: str | os.PathLike[str] | None = None
) -> "Figure":
    """Draw an interpolant of one input, one panel per output: data, curve and, if known, the band of all solutions."""
    with _panels(solution, path, 6.4, (0.6, 1.9), sharex=True) as (figure, rows):
        axes, outputs = rows[:, 0], solution.Y.shape[1]
        for axis, curve, name in zip(axes, curves(solution), y_names, strict=False):
            draw_curve(axis, curve, "interpolant of least VV norm")
            axis.set_ylabel(literal(name))
        axes[-1].set_xlabel(literal(x_name))
        axes[0].legend(loc="best")
        if len(axes) < outputs:
            axes[0].set_title(f"first {len(axes)} of {count(outputs, 'output')}")
    return figure


def plot_fit(
    fit: "Fit | MultivariateSolution", x_name: str, y_names: Sequence[str], path: str | os.PathLike[str] | None = None
) -> "Figure":
    """Draw a fit of one input, one row per output: data, fit and knots on the left, residuals on the right.

    Logistic outputs are drawn as probabilities.
    """
    x, Y = fit.X[:, 0], fit.Y
    at_data = _probabilities(fit, x)
    with _panels(fit, path, 7.2, (0.6, 2.1), 2, sharex=True, width_ratios=(3, 2)) as (figure, rows):
        for output, ((left, right), curve, name) in enumerate(zip(rows, curves(fit), y_names, strict=False)):
            draw_curve(left, curve, "fit")
            dots = {"ms": 2.5, "color": COLOURS["grey"], "rasterized": len(x) > _MANY}
            left.set_ylabel(literal(name))
            right.plot(x, Y[:, output] - at_data[:, output], "o", **dots)
            right.axhline(0, color=COLOURS["blue"], lw=0.9)
            right.set_ylabel("label - fit")
        for axis in rows[-1]:
            axis.set_xlabel(literal(x_name))
        rows[0, 0].legend(loc="best")
        rows[0, 0].set_title(_title(fit))
    return figure


def plot_surface(
    solution: "MultivariateSolution",
    x_names: Sequence[str],
    y_names: Sequence[str],
    path: str | os.PathLike[str] | None = None,
) -> "Figure":
    """Draw a function of two inputs, one panel per output: its values as colours, its kinks as lines, the data as dots.

    Dots have the colours of their labels, so that only the edges of an interpolant's dots are visible. The opacity of a
    line grows with the change of slope across it. Logistic outputs are drawn as probabilities.
    """
    surfaces = Surfaces(solution)
    with _panels(solution, path, 4.6, (0.4, 3.6)) as (figure, rows):
        for output, (axes, name) in enumerate(zip(rows[:, 0], y_names, strict=False)):
            colours = surfaces.draw(axes, output)
            axes.set(xlabel=literal(x_names[0]), ylabel=literal(x_names[1]))
            figure.colorbar(colours, ax=axes, label=literal(name))
        rows[0, 0].set_title(_title(solution))
    return figure


class Surfaces:
    """The outputs of a solution of two inputs on a grid of pixels around its data.

    Raises
    ------
    ValueError
        If numbers are too large to be drawn.
    """

    def __init__(self, solution: "Solution") -> None:
        refuse_huge(solution.X, solution.Y)
        self.solution, self.sides = solution, [widened(column) for column in solution.X.T]
        first, second = (np.linspace(low, high, _PIXELS) for low, high in self.sides)
        grid = np.column_stack([part.ravel() for part in np.meshgrid(first, second)])
        self.values = _probabilities(solution, grid)

    def draw(self, axes: "Axes", output: int) -> "AxesImage":
        """Draw one output; return the image, for a colour bar."""
        X, labels = self.solution.X, self.solution.Y[:, output]
        panel: Any = axes  # keywords of a dictionary
        surface = self.values[:, output].reshape(_PIXELS, _PIXELS)
        low, high = float(min(surface.min(), np.nanmin(labels))), float(max(surface.max(), np.nanmax(labels)))
        look: dict[str, Any] = {"cmap": "cividis", "vmin": low, "vmax": high}
        extent = (*self.sides[0], *self.sides[1])
        image = axes.imshow(surface, origin="lower", extent=extent, aspect="auto", interpolation="nearest", **look)
        draw_kinks(axes, self.solution.network, output)
        given = ~np.isnan(labels)
        marks: dict[str, Any] = {"edgecolors": COLOURS["black"], "linewidths": 0.6, "rasterized": len(X) > _MANY}
        panel.scatter(*X[given].T, c=labels[given], s=14, zorder=3, **look, **marks)
        axes.set(xlim=self.sides[0], ylim=self.sides[1])
        return image


def draw_kinks(axes: "Axes", network: "ReLUNetwork", output: int) -> None:
    """Draw the kinks of one output of a network of two inputs: the larger the change of slope, the more opaque."""
    from matplotlib.collections import LineCollection

    lengths = np.hypot(*network.W.T)
    slope_changes = lengths * np.abs(network.V[output])
    drawn = slope_changes > 0
    if not drawn.any():
        return
    W, b = network.W[drawn] / lengths[drawn, None], network.b[drawn] / lengths[drawn]
    middle = np.array([np.mean(axes.get_xlim()), np.mean(axes.get_ylim())])
    nearest = middle - (W @ middle + b)[:, None] * W
    along = np.column_stack([-W[:, 1], W[:, 0]]) * np.hypot(np.ptp(axes.get_xlim()), np.ptp(axes.get_ylim()))
    opacity = _FAINT + (1 - _FAINT) * slope_changes[drawn] / slope_changes.max()
    lines = np.stack([nearest - along, nearest + along], axis=1)
    axes.add_collection(LineCollection(list(lines), colors=COLOURS["red"], linewidths=0.9, alpha=opacity), autolim=False)


def plot_points(
    fit: "MultivariateSolution",
    x_names: Sequence[str],
    y_names: Sequence[str],
    path: str | os.PathLike[str] | None = None,
) -> "Figure":
    """Draw a fit of any number of inputs, one row per output: fitted values, and residuals, against labels.

    Logistic outputs are drawn as probabilities.
    """
    refuse_huge(fit.X, fit.Y)
    fitted, Y = _probabilities(fit, fit.X), fit.Y
    with _panels(fit, path, 7.2, (0.6, 2.8), 2) as (figure, rows):
        for output, ((left, right), name) in enumerate(zip(rows, y_names, strict=False)):
            labels, values = Y[:, output], fitted[:, output]
            dots: dict[str, Any] = {"ms": 2.5, "color": COLOURS["grey"], "rasterized": len(Y) > _MANY}
            draw_fitted(left, labels, values)
            left.set(xlabel=literal(name), ylabel="fit")
            right.plot(labels, labels - values, "o", **dots)
            right.axhline(0, color=COLOURS["blue"], lw=0.9)
            right.set(xlabel=literal(name), ylabel="label - fit")
        rows[0, 0].set_title(f"{count(len(x_names), 'input')}, {_title(fit)}")
    return figure


def draw_fitted(axes: "Axes", labels: Array, values: Array) -> None:
    """Draw fitted values (N,) of one output against its labels, and the line on which they are equal."""
    axes.plot(labels, values, "o", ms=2.5, color=COLOURS["grey"], rasterized=len(labels) > _MANY)
    axes.axline((float(np.nanmean(labels)),) * 2, slope=1, color=COLOURS["blue"], lw=0.9)


def plot_path(fits: "Sequence[Fit] | Sequence[MultivariateSolution]", x_name: str, path: str | os.PathLike[str]) -> None:
    """Draw a path of fits against lam: their knots, and their loss and VV norm.

    With several inputs the number of neurons replaces the knots. `fits` has at least one fit.
    """
    target = check_plot_path(path)
    with style():
        figure = new_figure(6.4, 4.6)
        top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
        draw_effort(top, fits, x_name)
        draw_trade_off(bottom, fits)
        bottom.set_xlabel("lam")
        save(figure, target)


def draw_effort(axes: "Axes", fits: "Sequence[Fit] | Sequence[MultivariateSolution]", x_name: str) -> None:
    """Draw the knots of fits against lam; with several inputs, the number of their neurons."""
    lams = np.array([fit.lam for fit in fits])
    if fits[0].X.shape[1] == 1:
        draw_knots(axes, lams, [_knots(fit) for fit in fits])
        axes.set_ylabel(f"knots, {literal(x_name)}")
        return
    order = np.argsort(lams)
    axes.plot(lams[order], np.array([fit.network.n_neurons for fit in fits])[order], ".-", color=COLOURS["blue"])
    _set_falling_lam(axes, lams)
    axes.set_ylabel("neurons")


def draw_trade_off(axes: "Axes", fits: "Sequence[Fit] | Sequence[MultivariateSolution]") -> None:
    """Draw loss and VV norm of fits against lam, each relative to its largest value."""
    lams = np.array([fit.lam for fit in fits])
    order = np.argsort(lams)
    for name, values, colour, dashes in (
        ("loss", [fit.record()["loss"] for fit in fits], "orange", "-"),
        ("VV norm", [fit.vv_norm for fit in fits], "blue", "--"),
    ):
        largest = max(values) or 1.0
        axes.plot(lams[order], np.array(values)[order] / largest, ls=dashes, color=COLOURS[colour], label=name)
    axes.set_ylabel("share of the largest value")
    _set_falling_lam(axes, lams)
    axes.legend(loc="best")


def draw_knots(axes: "Axes", lams: Array, knots: Sequence[Array]) -> None:
    """Mark the knots of fits, one column of marks per lam; lam is on a logarithmic axis and falls from left to right."""
    at = np.repeat(lams, [len(places) for places in knots])
    axes.plot(at, np.concatenate(knots), ".", ms=2.2, color=COLOURS["blue"])
    _set_falling_lam(axes, lams)


def _set_falling_lam(axes: "Axes", lams: Array) -> None:
    axes.set_xscale("log")
    axes.set_xlim(np.max(lams) * 1.1, np.min(lams) / 1.1)


def _title(solution: Any) -> str:
    """Return the title: lam, and the number of drawn outputs unless all are drawn."""
    outputs, lam = solution.Y.shape[1], getattr(solution, "lam", 0.0)
    what = f"lam = {lam:.4g}" if lam else "interpolant of least VV norm"
    return what + (f", first {MOST_OUTPUTS} of {count(outputs, 'output')}" if outputs > MOST_OUTPUTS else "")


def _without_origin(solution: Any) -> Any:
    """Return the solution as a function of its stored inputs, which are relative to its origin."""
    return solution if getattr(solution, "origin", None) is None else replace(solution, origin=None)


def _probabilities(fit: Any, x: Array) -> Array:
    """Return the values of a solution at x, (n, T); logistic outputs become probabilities."""
    values: Array = _without_origin(fit)(x)
    for output, loss in enumerate(getattr(fit, "losses", ())):
        if loss.name == "logistic":
            values[:, output] = np.exp(-np.logaddexp(0.0, -values[:, output]))
    return values


def _knots(fit: Any) -> Array:
    """Return the knots of a solution with one input, in increasing order."""
    if hasattr(fit, "knots"):
        return np.asarray(fit.knots)
    return np.asarray(fit.network.kinks[0] if fit.network.n_neurons else np.empty(0))
