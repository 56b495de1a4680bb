"""Figures of trained networks: over their data, and compared on several tasks."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from vvnorm.plotting.canvas import COLOURS, check_plot_path, literal, new_figure, save, style
from vvnorm.plotting.extent import MOST_OUTPUTS, positions

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from vvnorm.training import TrainingResult
    from vvnorm.training.comparison import TaskComparison


def plot_training(
    result: "TrainingResult", x_name: str, y_names: Sequence[str], path: str | os.PathLike[str] | None = None
) -> "Figure":
    """Draw trained networks of one input over their data, one panel per output, and the cost during training.

    Parameters
    ----------
    result : TrainingResult
        From `vvnorm.train`.
    x_name, y_names : str, sequence of str
        Names of the axes.
    path : path-like, optional
        `.pdf`, `.svg` or `.png`, to write the figure there.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If the networks have more than one input, or the file cannot be written.
    """
    target = None if path is None else check_plot_path(path)
    if result.X.shape[1] != 1:
        raise ValueError(f"plot needs one input column; the networks have {result.X.shape[1]}")
    x, Y = result.X[:, 0], result.Y
    t = positions(x, Y)
    shown = min(Y.shape[1], MOST_OUTPUTS)
    with style():
        figure = new_figure(6.4, 0.6 + 1.9 * (shown + 1))
        axes = figure.subplots(shown + 1, 1)
        for output, (axis, name) in enumerate(zip(axes, y_names, strict=False)):
            for k, network in enumerate(result.networks):
                label = "trained networks" if k == 0 else None
                axis.plot(t, network(t)[:, output], color=COLOURS["orange"], lw=0.9, label=label)
            axis.plot(x, Y[:, output], "o", ms=3, color=COLOURS["black"], label="data")
            axis.set(xlabel=literal(x_name), ylabel=literal(name))
        axes[0].legend(loc="best")
        cost = result.history["vv_norm"]
        axes[-1].plot(result.history["step"], cost, color=COLOURS["blue"], lw=0.9)
        axes[-1].set(xlabel="step", ylabel="VV norm", yscale="log" if np.all(cost > 0) else "linear")
        if target:
            save(figure, target)
    return figure


def plot_comparison(comparison: "TaskComparison", path: str | os.PathLike[str] | None = None) -> "Figure":
    """Draw the test metric of joint and separate networks, one panel per task: all seeds, their mean and its interval.

    Parameters
    ----------
    comparison : TaskComparison
        From `vvnorm.training.comparison.compare`.
    path : path-like, optional
        `.pdf`, `.svg` or `.png`, to write the figure there.

    Returns
    -------
    matplotlib Figure
    """
    target = None if path is None else check_plot_path(path)
    lines, kinds = comparison.summary(), comparison.kinds
    names = [weighting if kind == "joint" else kind.replace("separate_", "separate, same ") for kind, weighting in kinds]
    tasks = comparison.data.tasks
    with style():
        figure = new_figure(max(6.4, 1.2 + 1.9 * len(tasks)), 0.8 + 0.25 * len(kinds))
        panels = figure.subplots(1, len(tasks), sharey=True, squeeze=False)[0]
        for axes, task in zip(panels, tasks, strict=True):
            own = [line for line in lines if line["task"] == task.name]
            for place, (kind, line) in enumerate(zip(kinds, own, strict=True)):
                colour = COLOURS["blue" if kind[0] == "joint" else "orange"]
                seeds = comparison.values(*kind, task.name)
                axes.plot(seeds, np.full(len(seeds), place), "|", ms=5, color=COLOURS["grey"])
                axes.plot([line["low"], line["high"]], [place, place], color=colour)
                axes.plot(line["value"], place, "o", ms=4, color=colour)
            axes.set(title=literal(task.name), xlabel=own[0]["metric"])
        panels[0].set_yticks(range(len(kinds)), names)
        panels[0].invert_yaxis()
        if target:
            save(figure, target)
    return figure
