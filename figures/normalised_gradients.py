"""What the normalisations of gradients change in networks that MGDA-UB trains, on stand-ins for two image benchmarks.

Source: the code that O. Sener and V. Koltun published with "Multi-task learning as multi-objective optimization" (arXiv
1810.04650) can divide each task's gradient by its norm (l2), by its loss (loss) or by both (loss+) before the weights of
MGDA are computed; its comment says that the paper does not have this. Here the weights are divided by the same numbers, so
that a step lowers every loss (claim `mgda_normalised`).

Data are those of the figures `two_digits` and `scene` (`figures.shared_tasks`). In a third data set the depths of the scene
are measured in tenths: the numbers are ten times as large, and the squared loss a hundred times. Plain MGDA-UB gives most
weight to the shortest gradient, so that it depends on such units: the classes get 0.05 % of the weight, and with depths in
tenths 99 %.

Networks have one hidden layer of 64 neurons. Gains are paired by seed with plain MGDA-UB: same split, same start. Intervals
hold for all gains at once (Bonferroni, 95 %).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from figures.shared_tasks import scene_data
from vvnorm.claims import Verdict
from vvnorm.multitask.task_data import TaskData, builtin_task_data
from vvnorm.plotting import COLOURS, FigureData, FigureScript, new_figure
from vvnorm.studies.statistics import mean_interval
from vvnorm.training.comparison import JOINT, TaskComparison, compare
from vvnorm.validation import Array

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_PLAIN = "mgda_ub"
_NORMALISATIONS = ("l2", "loss", "loss+")
_SETTING = {True: (2, 20), False: (10, 300)}  # quick or not: seeds, steps
_IN_ALL = 0.05  # probability that some interval misses


def tenths_data(seed: int) -> TaskData:
    """Return the generated scenes with depths in tenths."""
    data = scene_data(seed)
    depth = np.where(np.arange(data.Y.shape[1]) == data.Y.shape[1] - 1, 10.0, 1.0)
    return replace(data, Y=data.Y * depth, truth=data.truth * depth, source=f"{data.source}, depths in tenths")


_DATA: dict[str, Callable[[int], TaskData]] = {
    "two digits": partial(builtin_task_data, "digits_overlaid"),
    "scene": scene_data,
    "scene, depth in tenths": tenths_data,
}


def compute(seed: int, quick: bool) -> FigureData:
    """Train networks under plain MGDA-UB and under each normalisation, on each data set."""
    count, steps = _SETTING[quick]
    seeds = [count * seed + k for k in range(count)]
    rules = (_PLAIN, *(f"{_PLAIN}:{name}" for name in _NORMALISATIONS))
    level = 1 - _IN_ALL / (2 * len(_NORMALISATIONS) * len(_DATA))
    lines: list[dict[str, Any]] = []
    complaints: list[str] = []
    for name, make in _DATA.items():
        done = compare(make(seed), weightings=rules, seeds=seeds, steps=steps, batch_size=128, separate=False)
        lines += _lines(name, done, level)
        complaints += done.notes
    verdict = Verdict.INCONCLUSIVE if quick else _verdict(np.array([(line["low"], line["high"]) for line in lines]))
    return FigureData({"lines": lines}, verdict, complaints)


def _lines(name: str, done: TaskComparison, level: float) -> list[dict[str, Any]]:
    """One line for each normalisation and task: metric, gain over plain MGDA-UB, and mean share of the task's weight."""
    lines = []
    shares = {rule: history["weights"].mean(axis=(0, 1)) / len(done.data.tasks) for rule, history in done.histories.items()}
    for normalisation in _NORMALISATIONS:
        rule = f"{_PLAIN}:{normalisation}"
        for t, task in enumerate(done.data.tasks):
            plain, value = done.values(JOINT, _PLAIN, task.name), done.values(JOINT, rule, task.name)
            up = next(row["higher_is_better"] for row in done.rows if row["task"] == task.name)
            gains = (1 if up else -1) * (value - plain) / plain.mean()
            low, high = mean_interval(gains, level)
            lines.append(
                {"data": name, "normalisation": normalisation, "task": task.name}
                | {"plain": float(plain.mean()), "value": float(value.mean())}
                | {"gain": float(gains.mean()), "low": float(low), "high": float(high)}
                | {"plain_share": float(shares[_PLAIN][t]), "share": float(shares[rule][t])}
            )
    return lines


def _verdict(intervals: Array) -> Verdict:
    """Judge whether no task loses by a normalisation, from intervals (M, 2) of all gains."""
    if np.any(intervals[:, 1] < 0):
        return Verdict.NOT_SUPPORTED
    return Verdict.SUPPORTED if np.all(intervals[:, 0] >= 0) else Verdict.INCONCLUSIVE


def plot(values: Mapping[str, Any]) -> "Figure":
    """Draw a panel for each data set, a row for each normalisation, a marker for each task."""
    figure = new_figure(7.2, 2.0)
    panels = figure.subplots(1, len(_DATA), sharey=True)
    for axes, name in zip(panels, _DATA, strict=True):
        lines = [line for line in values["lines"] if line["data"] == name]
        axes.axvline(0, color=COLOURS["grey"], lw=0.7, zorder=0)
        tasks = dict.fromkeys(line["task"] for line in lines)
        for t, (task, colour) in enumerate(zip(tasks, ("blue", "orange"), strict=True)):
            own = [line for line in lines if line["task"] == task]
            mean, low, high = (100 * np.array([line[key] for line in own]) for key in ("gain", "low", "high"))
            heights = -np.arange(len(own)) - 0.15 * t
            axes.errorbar(mean, heights, xerr=[mean - low, high - mean], fmt="o", ms=3, color=COLOURS[colour], label=task)
        axes.set(yticks=-np.arange(len(_NORMALISATIONS)), yticklabels=_NORMALISATIONS, title=name)
        axes.set_ylim(0.4 - len(_NORMALISATIONS), 1.1)  # room for the legend
        axes.legend(fontsize="x-small", loc="upper center", ncols=2)
    figure.supxlabel("gain over plain MGDA-UB, in % of its metric", fontsize="medium")
    return figure


def table(values: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Return metrics, gains with their intervals, and shares of the weights."""
    lines: Sequence[Mapping[str, Any]] = values["lines"]
    return lines


FIGURE = FigureScript(
    "normalised_gradients",
    "no task is learned worse if MGDA-UB's gradients are divided by their norms, by their losses, or by both",
    compute,
    plot,
    table,
    "Gain in each task's test metric over plain MGDA-UB, in % of that metric, if gradients are divided by their norms "
    "(l2), losses (loss) or both (loss+); 95 % intervals for all gains at once, over ten seeds. Right: the same scenes, "
    "with depths in tenths.",
    expected=Verdict.NOT_SUPPORTED,
    expected_quick=Verdict.INCONCLUSIVE,
)
