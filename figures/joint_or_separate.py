"""One network for all tasks against one network per task: gains in each task's test metric, for every weighting.

The networks were trained on four built-in data sets, with ten splits and starts each (`vvnorm.training.task_study`). For
each task the figure compares its test metric (area under the ROC curve, accuracy, or root-mean-square error) in the joint
network and in a network of its own. It shows the paired difference, relative to the mean of the separate network's metric.
The separate networks together have the width of the joint network. Right of 0 the joint network is better. Intervals are
simultaneous for all gains of a data set. The lowest row shows separate networks with the inference cost of the joint one.

The statement is about the plain sum of losses. It is supported if all intervals lie at 0 or above, and not supported if an
interval lies below 0. The recorded study does not decide it: with ten splits, twelve of its thirteen gains are open (table
`tasks` of `vvnorm.studies.recorded`, `docs/multitask.md`). The quick figure does a small study of one data set, which can
refute the statement but not support it.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from vvnorm.claims import Verdict
from vvnorm.plotting import COLOURS, FigureData, FigureScript, new_figure
from vvnorm.training.task_study import Line, complaints_about, study_lines

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_TITLES = {
    "breast_cancer": "breast cancer",
    "digits_overlaid": "two overlaid digits",
    "digits_multilabel": "which digits occur",
    "linnerud": "linnerud",
}
_LOOKS = (("blue", "o"), ("orange", "s"), ("green", "^"), ("purple", "D"), ("black", "v"))
_BRIEF = "linnerud"


def compute(seed: int, quick: bool) -> FigureData:
    """Read the recorded study, or do a small one."""
    lines: Sequence[Line] = study_lines(_BRIEF, True, seed) if quick else _recorded()
    complaints = [complaint for line in lines for complaint in complaints_about(line)]
    shown = [line for line in lines if line["verdict"] != "baseline"]
    verdict = _verdict(shown)
    if quick and verdict is Verdict.SUPPORTED:
        verdict = Verdict.INCONCLUSIVE  # one small data set cannot support a statement about all
    return FigureData({"lines": shown, "baseline": _baseline(lines)}, verdict, complaints)


def _recorded() -> Sequence[Line]:
    from vvnorm.studies.recorded import table
    from vvnorm.studies.summary import read_rows

    return read_rows(table("tasks"))


def _baseline(lines: Sequence[Line]) -> dict[tuple[str, str], float]:
    """Mean metric of separate networks of the same width, by data set and task."""
    return {(line["data"], line["task"]): line["value"] for line in lines if line["verdict"] == "baseline"}


def _verdict(lines: Sequence[Line]) -> Verdict:
    """Whether no task is worse in the joint network under the plain sum than in a network of its own."""
    sums = [line for line in lines if (line["arrangement"], line["weighting"]) == ("joint", "equal")]
    if any(line["gain_high"] < 0 for line in sums):
        return Verdict.NOT_SUPPORTED
    return Verdict.SUPPORTED if sums and all(line["gain_low"] >= 0 for line in sums) else Verdict.INCONCLUSIVE


def plot(values: Mapping[str, Any]) -> "Figure":
    """Draw a panel for each data set, a row for each arrangement, a marker for each task."""
    lines = values["lines"]
    names = [name for name in _TITLES if any(line["data"] == name for line in lines)]
    kinds = list(dict.fromkeys((line["arrangement"], line["weighting"]) for line in lines))
    columns = min(2, len(names))
    rows = -(-len(names) // columns)
    figure = new_figure(3.4 * columns + 0.6, (0.22 * len(kinds) + 1.2) * rows)
    grid = figure.subplots(rows, columns, squeeze=False, sharey=True)
    for axes, name in zip(grid.flat, names, strict=False):
        _draw(axes, [line for line in lines if line["data"] == name], kinds, values["baseline"])
        axes.set_title(_TITLES[name])
    figure.supxlabel("gain over a network of its own, in % of its metric", fontsize="medium")
    return figure


def _draw(axes: "Axes", lines: Sequence[Line], kinds: Sequence[tuple[str, str]], baseline: Mapping[Any, float]) -> None:
    tasks = list(dict.fromkeys(line["task"] for line in lines))
    axes.axvline(0, color=COLOURS["grey"], lw=0.7, zorder=0)
    for t, (task, (colour, marker)) in enumerate(zip(tasks, _LOOKS, strict=False)):
        own = [line for line in lines if line["task"] == task]
        unit = 100 / baseline[own[0]["data"], task]
        middle, low, high = ([unit * line[key] for line in own] for key in ("gain", "gain_low", "gain_high"))
        reach = [np.subtract(middle, low), np.subtract(high, middle)]
        aside = 0.14 * (t - (len(tasks) - 1) / 2)
        heights = [kinds.index((line["arrangement"], line["weighting"])) + aside for line in own]
        look: dict[str, Any] = {"ls": "", "lw": 0.8, "ms": 3.5, "marker": marker, "color": COLOURS[colour]}
        axes.errorbar(middle, heights, xerr=reach, label=f"{task}, {own[0]['metric']}", **look)
    axes.set_yticks(range(len(kinds)), [_named(*kind) for kind in kinds])
    axes.set_ylim(len(kinds) - 0.5, -0.5)
    least, most = axes.get_xlim()
    axes.set_xlim(least, most + 0.45 * (most - least))  # room for the legend
    axes.legend(fontsize="x-small", loc="upper right")


def _named(arrangement: str, weighting: str) -> str:
    return weighting.replace("_", "-") if arrangement == "joint" else "separate, equal cost"


def table(values: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Return the study's lines that are drawn, each with the metric of separate networks of the same width."""
    lines, baseline = values["lines"], values["baseline"]
    return [{**line, "baseline": baseline[line["data"], line["task"]]} for line in lines]


FIGURE = FigureScript(
    "joint_or_separate",
    "under the plain sum of losses, no task is worse in one network for all tasks than in a network of its own",
    compute,
    plot,
    table,
    "Gain in each task's test metric over a network of its own, in % of that metric, under each weighting of the losses; "
    "right of 0 the joint network is better. Intervals hold for all gains of a data set at once. Lowest row: separate "
    "networks with the inference cost of the joint one.",
    expected=Verdict.INCONCLUSIVE,
    expected_quick=Verdict.INCONCLUSIVE,
)
