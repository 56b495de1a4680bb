"""Two stand-ins for image benchmarks of several tasks: weighted sums and MGDA-UB against separate networks.

Source: Sener and Koltun, "Multi-task learning as multi-objective optimization" (arXiv 1810.04650), Sections 4.1 and 4.3.
They report that with weighted sums the tasks of one network are learned worse than by separate networks, and that MGDA-UB
learns them as well as separate networks do. In place of MultiMNIST and Cityscapes:

- `two_digits`: 898 pictures of 10 x 10 pixels with two of scikit-learn's digits each; a class for each digit.
- `scene`: 900 pixels of generated scenes: sky, ground, and boxes that stand on it, seen in perspective. Inputs are the
  place of a pixel and the noisy grey values around it; tasks are the class of the pixel, and its inverse depth.

Networks have one hidden layer. Joint and separate networks have 64 neurons in all. Differences to the separate networks are
paired by seed: each seed has a split of its own. Intervals are 95 % intervals of the mean difference.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from vvnorm.claims import Verdict
from vvnorm.multitask.task_data import TaskData, builtin_task_data
from vvnorm.multitask.tasks import SOFTMAX, Task, one_hot
from vvnorm.plotting import COLOURS, FigureData, FigureScript, new_figure, rows
from vvnorm.studies.statistics import mean_interval
from vvnorm.training.comparison import SAME_WIDTH, TaskComparison, compare
from vvnorm.validation import Array

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SHARES = (0.1, 0.3, 0.5, 0.7, 0.9)  # of the first task in a weighted sum
_QUICK_SHARES = (0.5,)
_SETTING = {True: (2, 20), False: (5, 300)}  # quick or not: seeds, steps
_LEVEL = 0.95
_MGDA = "mgda_ub"
_NOISE = 0.15  # of places and grey values, whose range is about 1


def scene_data(seed: int) -> TaskData:
    """Draw 30 scenes of four boxes, and 30 pixels of each.

    The horizon is at height 0. A point of the ground at height h < 0 has inverse depth -h. A box hides what is behind it,
    and has the inverse depth of its foot. Grey values are those of the class, darker with depth, with noise.
    """
    rng = np.random.default_rng(seed)
    inputs, classes, depths = [], [], []
    for _ in range(30):
        foot, left = rng.uniform(-1, -0.2, 4), rng.uniform(-1, 0.8, 4)
        wide, high = rng.uniform(0.3, 1, (2, 4)) * -foot
        place = rng.uniform(-1, 1, (30, 2))
        offsets = 0.1 * np.array([[0, 0], [0, 1], [0, -1], [1, 0], [-1, 0]])
        seen = [_look(place + offset, foot, left, wide, high) for offset in offsets]
        grey = [np.array([0.9, 0.4, 0.6])[kind] * (0.5 + 0.5 * near) for kind, near in seen]
        inputs.append(np.column_stack([place, *grey]) + _NOISE * rng.standard_normal((30, 2 + len(grey))))
        classes.append(seen[0][0])
        depths.append(seen[0][1])
    X, Y = np.vstack(inputs), np.column_stack([one_hot(np.concatenate(classes))[0], np.concatenate(depths)])
    tasks = (Task("class", (0, 1, 2), SOFTMAX), Task("depth", (3,), "squared"))
    names = ("x", "y", "grey", "above", "below", "right", "left")
    return TaskData(X, Y, Y, tasks, names, f"generated scenes, seed {seed}")


def _look(place: Array, foot: Array, left: Array, wide: Array, high: Array) -> tuple[Any, Array]:
    """Class and inverse depth at places (n, 2) of a scene with some boxes."""
    across, height = place[:, :1], place[:, 1:]
    inside = (across >= left) & (across <= left + wide) & (height >= foot) & (height <= foot + high)
    nearest = np.where(inside, -foot, 0.0).max(axis=1)
    ground = np.maximum(-place[:, 1], 0.0)
    kind = np.where(nearest > 0, 2, np.where(place[:, 1] < 0, 1, 0))
    return kind, np.where(nearest > 0, nearest, ground)


def _compute(make: Any, seed: int, quick: bool) -> FigureData:
    """Train joint networks under each weighting, and separate ones."""
    count, steps = _SETTING[quick]
    shares = _QUICK_SHARES if quick else _SHARES
    weightings: list[Any] = [[share, 1 - share] for share in shares]
    chosen = [count * seed + k for k in range(count)]
    done = compare(make(seed), weightings=[*weightings, _MGDA], seeds=chosen, steps=steps, batch_size=128)
    names = list(done.networks)
    gains = np.array([[_gain(done, name, task.name) for task in done.data.tasks] for name in names])
    values = {
        "names": [*(f"{share:g}" for share in shares), "MGDA-UB"],
        "tasks": [task.name for task in done.data.tasks],
        "gains": gains,
        "separate": np.array([np.mean(done.values(SAME_WIDTH, "equal", task.name)) for task in done.data.tasks]),
    }
    return FigureData(values, Verdict.INCONCLUSIVE if quick else _verdict(gains), list(done.notes))


def _gain(done: TaskComparison, weighting: str, task: str) -> tuple[float, float, float]:
    """Mean gain of a joint network in a task's metric over separate networks, relative to their mean, with an interval."""
    alone = done.values(SAME_WIDTH, "equal", task)
    up = next(row["higher_is_better"] for row in done.rows if row["task"] == task)
    gains = (1 if up else -1) * (done.values("joint", weighting, task) - alone) / alone.mean()
    low, high = mean_interval(gains, _LEVEL)
    return float(gains.mean()), float(low), float(high)


def _verdict(gains: Array) -> Verdict:
    """Judge both parts: some task suffers in each weighted sum, and none does under MGDA-UB, the last row."""
    suffers = gains[:, :, 2] < 0
    if np.any(suffers[-1]) or np.any(np.all(gains[:-1, :, 1] > 0, axis=1)):
        return Verdict.NOT_SUPPORTED
    as_well = np.all(gains[-1, :, 1] >= 0)
    return Verdict.SUPPORTED if as_well and np.all(np.any(suffers[:-1], axis=1)) else Verdict.INCONCLUSIVE


def plot(values: Mapping[str, Any]) -> "Figure":
    """Draw the gains, a row for each weighting, a marker for each task."""
    figure = new_figure(4.4, 0.3 * len(values["names"]) + 1.1)
    axes = figure.subplots()
    axes.axvline(0, color=COLOURS["grey"], lw=0.7, zorder=0)
    heights = -np.arange(len(values["names"]), dtype=np.float64)
    for t, (task, colour) in enumerate(zip(values["tasks"], ("blue", "orange"), strict=True)):
        mean, low, high = 100 * values["gains"][:, t].T
        axes.errorbar(
            mean, heights - 0.15 * t, xerr=[mean - low, high - mean], fmt="o", ms=3, color=COLOURS[colour], label=task
        )
    axes.set(yticks=heights, yticklabels=values["names"], xlabel="gain over separate networks, in % of their metric")
    axes.set_ylabel("share of the first task")
    axes.legend(fontsize="small")
    return figure


def table(values: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Return the gains with their intervals, one row for each weighting and task."""
    T, M = len(values["tasks"]), len(values["names"])
    flat = values["gains"].reshape(M * T, 3)
    return rows(
        weighting=np.repeat(values["names"], T),
        task=np.tile(values["tasks"], M),
        separate=np.tile(values["separate"], M),
        gain=flat[:, 0],
        gain_low=flat[:, 1],
        gain_high=flat[:, 2],
    )


_STATEMENT = "in weighted sums some task is learned worse than by separate networks; under MGDA-UB none is"
_CAPTION = (
    "Gains of joint networks over separate ones of the same width in all, as a share of the separate networks' metric, "
    "with 95 % intervals over five seeds. Rows: share of the first task in a weighted sum; last row MGDA-UB."
)

TWO_DIGITS = FigureScript(
    "two_digits",
    f"two overlaid digits: {_STATEMENT}",
    partial(_compute, partial(builtin_task_data, "digits_overlaid")),
    plot,
    table,
    _CAPTION,
    expected=Verdict.INCONCLUSIVE,
    expected_quick=Verdict.INCONCLUSIVE,
)

SCENE = FigureScript(
    "scene",
    f"generated scenes, class and depth of pixels: {_STATEMENT}",
    partial(_compute, scene_data),
    plot,
    table,
    _CAPTION,
    expected=Verdict.INCONCLUSIVE,
    expected_quick=Verdict.INCONCLUSIVE,
)
