"""Figures of interpolants and fits: over one or two inputs, and fitted values against labels for more."""

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from vvnorm._internal.words import count
from vvnorm.plotting.canvas import COLOURS, check_plot_path, literal, new_figure, save, style
from vvnorm.plotting.extent import MOST_OUTPUTS, positions, refuse_huge, widened
from vvnorm.validation import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from vvnorm.network import ReLUNetwork
    from vvnorm.results.interpolant import Interpolant
    from vvnorm.results.multivariate import MultivariateSolution
    from vvnorm.results.solution import Solution
    from vvnorm.results.univariate_fit import Fit


_MANY = 5000  # more points than this are rasterised inside the vector file


_PIXELS = 200  # along each side of a surface


_FAINT = 0.15  # least opacity of a kink; those of large weight are opaque


def draw(
    given: "Solution", x_names: Sequence[str], y_names: Sequence[str], path: str | os.PathLike[str] | None = None
) -> "Figure":
    """Draw a solution in the way that suits its kind and number of inputs: see the functions below.

    Parameters
    ----------
    solution : Solution
        From `vvnorm.interpolate` or `vvnorm.fit`.
    x_names, y_names : sequence of str
        What inputs and outputs are called.
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
    """Refuse interpolants of more than two inputs: they have neither a surface to draw nor residuals."""
    if inputs > 2 and not fit:
        raise ValueError(f"an interpolant of {count(inputs, 'input')} cannot be drawn, only one of 1 or 2; a fit can")


def plot_solution(
    solution: "Interpolant", x_name: str, y_names: Sequence[str], path: str | os.PathLike[str] | None = None
) -> "Figure":
    """Draw an interpolant, one panel per output: data, interpolant, knots and, if known, the band of all solutions.

    Parameters
    ----------
    solution : Interpolant
        One input.
    x_name, y_names : str, sequence of str
        What the axes are called.
    path : path-like, optional
        `.pdf`, `.svg` or `.png`, to write the figure there.

    Returns
    -------
    matplotlib Figure
    """
    target = None if path is None else check_plot_path(path)
    x, Y = solution.X[:, 0], solution.Y
    t = positions(x, Y)
    solution = _counted(solution)
    values = solution(t)
    shown = min(Y.shape[1], MOST_OUTPUTS)
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
            axis.set_ylabel(literal(name))
        axes[-1].set_xlabel(literal(x_name))
        axes[0].legend(loc="best")
        if shown < Y.shape[1]:
            axes[0].set_title(f"first {shown} of {count(Y.shape[1], 'output')}")
        if target:
            save(figure, target)
    return figure


def plot_fit(
    fit: "Fit | MultivariateSolution", x_name: str, y_names: Sequence[str], path: str | os.PathLike[str] | None = None
) -> "Figure":
    """Draw a fit, one row per output: left data, fit and knots, right residuals.

    Logistic outputs are drawn as probabilities.

    Parameters
    ----------
    fit : Fit or MultivariateSolution
        From `vvnorm.fit`; one input.
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
    t = positions(x, Y)
    knots = _knots(fit)
    curve, at_data, at_knots = (_probabilities(fit, places) for places in (t, x, knots))
    shown = min(Y.shape[1], MOST_OUTPUTS)
    with style():
        figure = new_figure(7.2, 0.6 + 2.1 * shown)
        rows = figure.subplots(shown, 2, sharex=True, squeeze=False, width_ratios=(3, 2))
        for output, ((left, right), name) in enumerate(zip(rows, y_names, strict=False)):
            dots = {"ms": 2.5, "color": COLOURS["grey"], "rasterized": len(x) > _MANY}
            left.plot(x, Y[:, output], "o", label="data", **dots)
            left.plot(t, curve[:, output], color=COLOURS["blue"], label="fit")
            left.plot(knots, at_knots[:, output], "D", ms=4, mfc="white", color=COLOURS["red"], label="knots")
            left.set_ylabel(literal(name))
            right.plot(x, Y[:, output] - at_data[:, output], "o", **dots)
            right.axhline(0, color=COLOURS["blue"], lw=0.9)
            right.set_ylabel("label - fit")
        for axis in rows[-1]:
            axis.set_xlabel(literal(x_name))
        rows[0, 0].legend(loc="best")
        rows[0, 0].set_title(_title(fit))
        if target:
            save(figure, target)
    return figure


def plot_surface(
    solution: "MultivariateSolution",
    x_names: Sequence[str],
    y_names: Sequence[str],
    path: str | os.PathLike[str] | None = None,
) -> "Figure":
    """Draw a function of two inputs, one panel per output: its values as colours, its kinks as lines, the data as dots.

    Dots have the colours of their labels; those of an interpolant therefore show only their edges. The fainter a line, the
    smaller the change of slope across it. Logistic outputs are drawn as probabilities.

    Parameters
    ----------
    solution : MultivariateSolution
        From `vvnorm.interpolate` or `vvnorm.fit`; two inputs.
    x_names, y_names : sequence of str
        What inputs and outputs are called.
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
    X, Y = solution.X, solution.Y
    refuse_huge(X, Y)
    sides = [widened(column) for column in X.T]
    first, second = (np.linspace(low, high, _PIXELS) for low, high in sides)
    grid = np.column_stack([part.ravel() for part in np.meshgrid(first, second)])
    values = _probabilities(solution, grid)
    shown = min(Y.shape[1], MOST_OUTPUTS)
    with style():
        figure = new_figure(4.6, 0.4 + 3.6 * shown)
        panels = figure.subplots(shown, 1, squeeze=False)[:, 0]
        for output, (axes, name) in enumerate(zip(panels, y_names, strict=False)):
            labels, surface = Y[:, output], values[:, output].reshape(_PIXELS, _PIXELS)
            low, high = float(min(surface.min(), np.nanmin(labels))), float(max(surface.max(), np.nanmax(labels)))
            extent = (*sides[0], *sides[1])
            look: dict[str, Any] = {"cmap": "cividis", "vmin": low, "vmax": high}
            colours = axes.imshow(surface, origin="lower", extent=extent, aspect="auto", interpolation="nearest", **look)
            draw_kinks(axes, solution.network, output)
            given = ~np.isnan(labels)
            marks: dict[str, Any] = {"edgecolors": COLOURS["black"], "linewidths": 0.6, "rasterized": len(X) > _MANY}
            axes.scatter(*X[given].T, c=labels[given], s=14, zorder=3, **look, **marks)
            axes.set(xlim=sides[0], ylim=sides[1], xlabel=literal(x_names[0]), ylabel=literal(x_names[1]))
            figure.colorbar(colours, ax=axes, label=literal(name))
        panels[0].set_title(_title(solution))
        if target:
            save(figure, target)
    return figure


def draw_kinks(axes: "Axes", network: "ReLUNetwork", output: int) -> None:
    """Draw the kinks of one output of a network of two inputs: the larger the change of slope, the more opaque."""
    from matplotlib.collections import LineCollection

    lengths = np.hypot(*network.W.T)
    bends = lengths * np.abs(network.V[output])
    drawn = bends > 0
    if not drawn.any():
        return
    W, b, bends = network.W[drawn] / lengths[drawn, None], network.b[drawn] / lengths[drawn], bends[drawn]
    middle = np.array([np.mean(axes.get_xlim()), np.mean(axes.get_ylim())])
    nearest = middle - (W @ middle + b)[:, None] * W
    along = np.column_stack([-W[:, 1], W[:, 0]]) * np.hypot(np.ptp(axes.get_xlim()), np.ptp(axes.get_ylim()))
    opacity = _FAINT + (1 - _FAINT) * bends / bends.max()
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

    Parameters
    ----------
    fit : MultivariateSolution
        From `vvnorm.fit`.
    x_names, y_names : sequence of str
        What inputs and outputs are called.
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
    refuse_huge(fit.X, fit.Y)
    fitted, Y = _probabilities(fit, fit.X), fit.Y
    shown = min(Y.shape[1], MOST_OUTPUTS)
    with style():
        figure = new_figure(7.2, 0.6 + 2.8 * shown)
        rows = figure.subplots(shown, 2, squeeze=False)
        for output, ((left, right), name) in enumerate(zip(rows, y_names, strict=False)):
            labels, values = Y[:, output], fitted[:, output]
            dots: dict[str, Any] = {"ms": 2.5, "color": COLOURS["grey"], "rasterized": len(Y) > _MANY}
            left.plot(labels, values, "o", **dots)
            left.axline((float(np.nanmean(labels)),) * 2, slope=1, color=COLOURS["blue"], lw=0.9)
            left.set(xlabel=literal(name), ylabel="fit")
            right.plot(labels, labels - values, "o", **dots)
            right.axhline(0, color=COLOURS["blue"], lw=0.9)
            right.set(xlabel=literal(name), ylabel="label - fit")
        rows[0, 0].set_title(f"{count(len(x_names), 'input')}, {_title(fit)}")
        if target:
            save(figure, target)
    return figure


def plot_path(fits: "Sequence[Fit] | Sequence[MultivariateSolution]", x_name: str, path: str | os.PathLike[str]) -> None:
    """Draw a path of fits against lam: their knots, and their loss and VV norm.

    With several inputs the number of neurons takes the place of the knots.

    Parameters
    ----------
    fits : sequence of Fit or of MultivariateSolution
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
        if fits[0].X.shape[1] == 1:
            draw_knots(top, lams, [_knots(fit) for fit in fits])
            top.set_ylabel(f"knots, {literal(x_name)}")
        else:
            top.plot(lams[order], np.array([fit.network.n_neurons for fit in fits])[order], ".-", color=COLOURS["blue"])
            _falling(top, lams)
            top.set_ylabel("neurons")
        for name, values, colour, dashes in (
            ("loss", [fit.record()["loss"] for fit in fits], "orange", "-"),
            ("VV norm", [fit.vv_norm for fit in fits], "blue", "--"),
        ):
            largest = max(values) or 1.0
            bottom.plot(lams[order], np.array(values)[order] / largest, ls=dashes, color=COLOURS[colour], label=name)
        bottom.set(xlabel="lam", ylabel="of its largest value")
        bottom.legend(loc="best")
        save(figure, target)


def draw_knots(axes: "Axes", lams: Array, knots: Sequence[Array]) -> None:
    """Mark the knots of fits, one column of marks per lam; lam is on a logarithmic axis and falls from left to right."""
    at = np.repeat(lams, [len(places) for places in knots])
    axes.plot(at, np.concatenate(knots), ".", ms=2.2, color=COLOURS["blue"])
    _falling(axes, lams)


def _falling(axes: "Axes", lams: Array) -> None:
    axes.set_xscale("log")
    axes.set_xlim(np.max(lams) * 1.1, np.min(lams) / 1.1)


def _title(solution: Any) -> str:
    """Return the title: lam, and the number of outputs drawn if there are more."""
    outputs, lam = solution.Y.shape[1], getattr(solution, "lam", 0.0)
    what = f"lam = {lam:.4g}" if lam else "interpolant of least VV norm"
    return what + (f", first {MOST_OUTPUTS} of {count(outputs, 'output')}" if outputs > MOST_OUTPUTS else "")


def _counted(solution: Any) -> Any:
    """Return the solution as a function of the inputs that it stores, which are relative to its origin."""
    return solution if getattr(solution, "origin", None) is None else replace(solution, origin=None)


def _probabilities(fit: Any, x: Array) -> Array:
    """Values of a solution at x, those of logistic outputs as probabilities; shape (n, T)."""
    values: Array = _counted(fit)(x)
    for output, loss in enumerate(getattr(fit, "losses", ())):
        if loss.name == "logistic":
            values[:, output] = np.exp(-np.logaddexp(0.0, -values[:, output]))
    return values


def _knots(fit: Any) -> Array:
    """Return the knots of a solution with one input, in increasing order."""
    if hasattr(fit, "knots"):
        return np.asarray(fit.knots)
    return np.asarray(fit.network.kinks[0] if fit.network.n_neurons else np.empty(0))
