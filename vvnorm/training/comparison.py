"""Comparison of one network for all tasks, under every weighting, with one network for each task.

For each seed the samples are split at random into training and test rows, inputs are standardised by the training rows
(`Standardisation`), and background samples are drawn for one-class tasks without scores. Losses are means over a task's
labelled samples; the background and the normal samples have the same total weight. Three arrangements are trained on the
same rows:

joint
    one network of the given width, under each weighting;
separate_width
    one network per task; their widths add up to the width of the joint network;
separate_cost
    one network per task, all of the largest width at which they together need at most the joint network's multiply-adds.

All seeds of an arrangement are trained side by side. Each row of the outcome is about one task, arrangement and seed.
Differences are paired by seed, so that the splits add no variance. Networks are compared as trained;
`vvnorm.multitask.pareto` can say how far they are from the optimum.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vvnorm._internal.words import count, lines
from vvnorm.multitask.task_data import TaskData, metric
from vvnorm.multitask.task_losses import constant_losses
from vvnorm.multitask.tasks import Standardisation, Task, mean_weights, task_labels, with_background
from vvnorm.network import ReLUNetwork
from vvnorm.studies.statistics import mean_interval
from vvnorm.training.arguments import as_seeds
from vvnorm.training.cross_validation import choose_weights
from vvnorm.training.placement import as_placement
from vvnorm.training.task_objective import TaskPlan, TaskSamples, train_side_by_side
from vvnorm.training.weighting import Grid, Weighting, as_weighting
from vvnorm.validation import Array, as_count, as_non_negative, as_positive, as_tolerance, require_two_points

JOINT, SAME_WIDTH, SAME_COST = "joint", "separate_width", "separate_cost"
ALL_WEIGHTINGS = ("equal", "grid", "learned", "uncertainty", "alternating", "gradnorm", "mgda", "mgda_ub", "upgrad")
"""Weightings that are compared by default; `upgrad` only where torchjd is installed."""

_SPLITS = 50  # attempts to find a split in which every task has labels for training and for tests
_LAM = 1e-3
_APART = 5  # least number of steps between two records: a record takes as long as several steps
_POINTS = 4  # least number of points of the grid of shares: 4 shares of two tasks, 6 of three, 4 of four


@dataclass(frozen=True, eq=False)
class Split:
    """Training and test rows of one seed.

    Attributes
    ----------
    X, Y, weights : (n, d), (n, T) and (n, T) arrays
        Standardised training inputs, labels in the coding of the losses, and weights of the labels; background samples are
        at the end.
    X_test, truth : (m, d) and (m, T) arrays
        Standardised test inputs, and their true labels.
    step : Standardisation
        The standardisation of the inputs.
    """

    X: Array
    Y: Array
    weights: Array
    X_test: Array
    truth: Array
    step: Standardisation


@dataclass(frozen=True, eq=False)
class TaskComparison:
    """The outcome of `compare`.

    Attributes
    ----------
    data : TaskData
    rows : list of dict
        One per seed, arrangement, weighting and task: 'seed', 'arrangement', 'weighting', 'task', 'metric' (its name),
        'higher_is_better', 'value' (on test rows), 'loss' (on training rows), 'steps_to_target' (the step of the first
        record whose training loss is at most `target` times the best constant's loss; None if there is no such record).
        'parameters', 'multiply_adds', 'vv_norm' and (joint only) 'stationarity' belong to all networks of the arrangement
        together.
    networks : dict of str to list of ReLUNetwork
        Joint networks by weighting, one per seed. They take raw inputs: the standardisation is part of them.
    histories : dict of str to dict of arrays
        Histories of joint training by weighting; see `TaskTraining`.
    settings : dict
        Hyper-parameters and seeds, as plain numbers and texts.
    notes : tuple of str
        Seeds whose training diverged.
    """

    data: TaskData
    rows: list[dict[str, Any]] = field(repr=False)
    networks: dict[str, list[ReLUNetwork]] = field(repr=False)
    histories: dict[str, dict[str, NDArray[Any]]] = field(repr=False)
    settings: dict[str, Any]
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return lines(
            f"TaskComparison: {self.data.source}, {count(len(self.data), 'sample')}, {count(len(self.data.tasks), 'task')}",
            f"weightings: {', '.join(self.networks)}; {count(len(self.settings['seeds']), 'split')}; see summary()",
            f"{count(len(self.notes), 'note')}: {self.notes[0]}" if self.notes else "",
        )

    def values(self, arrangement: str, weighting: str, task: str, key: str = "value") -> Array:
        """Return the entries `key` of the rows of one arrangement, weighting and task, by seed; NaN for None."""
        kind = (arrangement, weighting, task)
        entries = [row[key] for row in self.rows if (row["arrangement"], row["weighting"], row["task"]) == kind]
        return np.array([math.nan if value is None else value for value in entries], dtype=np.float64)

    def best_joint(self, weighting: str) -> int:
        """Index of the seed whose joint network has the least sum of training losses plus lam times its VV norm."""
        losses = sum(self.values("joint", weighting, task.name, "loss") for task in self.data.tasks)
        norms = self.values("joint", weighting, self.data.tasks[0].name, "vv_norm")
        return int(np.argmin(losses + self.settings["lam"] * norms))

    @property
    def kinds(self) -> list[tuple[str, str]]:
        """Arrangements with their weightings, in the order trained."""
        return list(dict.fromkeys((row["arrangement"], row["weighting"]) for row in self.rows))

    def summary(self) -> list[dict[str, Any]]:
        """Return means over seeds with intervals (`interval_of_mean`), one row per arrangement, weighting and task.

        'value', 'low' and 'high' are the mean metric and its 95 % interval. 'gain', 'gain_low' and 'gain_high' are the mean
        paired difference of the metric to separate networks of the same total width, and its interval; a positive gain is
        an improvement. The intervals of all gains of the table hold together at 95 % (Bonferroni). 'gain_deviation' and
        'gain_skewness' are the standard deviation and the skewness of the difference, from which the interval follows.
        'reached' is the share of seeds that reached the target, and 'steps_to_target' is a mean over these. The other
        entries are means over all seeds.
        """
        lines = []
        level = 1 - 0.05 / max(1, (len(self.kinds) - 1) * len(self.data.tasks))
        for arrangement, weighting in self.kinds:
            for task in self.data.tasks:
                kind = (arrangement, weighting, task.name)
                first = next(row for row in self.rows if (row["arrangement"], row["weighting"], row["task"]) == kind)
                sign = 1 if first["higher_is_better"] else -1
                gain = sign * (self.values(*kind) - self.values(SAME_WIDTH, "equal", task.name))
                steps = self.values(*kind, "steps_to_target")
                reached = ~np.isnan(steps)
                lines.append(
                    {"arrangement": arrangement, "weighting": weighting, "task": task.name, "metric": first["metric"]}
                    | {"value": float(np.mean(self.values(*kind)))}
                    | dict(zip(("low", "high"), interval_of_mean(self.values(*kind)), strict=True))
                    | dict(zip(("gain", "gain_deviation", "gain_skewness"), moments(gain), strict=True))
                    | dict(zip(("gain_low", "gain_high"), interval_of_mean(gain, level), strict=True))
                    | {
                        "loss": float(self.values(*kind, "loss").mean()),
                        "steps_to_target": float(steps[reached].mean()) if reached.any() else math.nan,
                        "reached": float(reached.mean()),
                        "parameters": first["parameters"],
                        "multiply_adds": first["multiply_adds"],
                        "vv_norm": float(self.values(*kind, "vv_norm").mean()),
                        "seeds": len(steps),
                    }
                )
        return lines


def compare(
    data: TaskData,
    *,
    weightings: Sequence[str | Sequence[float]] = ("equal",),
    seeds: int | Sequence[int] = 5,
    width: int = 64,
    steps: int = 1000,
    lam: float = _LAM,
    lr: float = 0.01,
    batch_size: int | None = None,
    test_share: float = 0.3,
    target: float = 0.2,
    standardise: bool = True,
    separate: bool = True,
    device: str = "cpu",
    callback: Callable[[str], object] = lambda label: None,
) -> TaskComparison:
    """Train joint and separate networks on the same rows, and test them.

    Parameters
    ----------
    data : TaskData
    weightings : sequence of str or of fixed weights
        Weightings of the joint network; see `vvnorm.training.weighting`.
    seeds : int or sequence of int
        Each seed determines a split, background samples and initial networks.
    width : int
        Neurons of the joint network; at least as many as there are tasks.
    steps, lr, batch_size
        As in `train_tasks`.
    lam : float
        Weight of the VV norm against losses that are means.
    test_share : float
        Share of the samples for tests, between 0 and 1.
    target : float
        A task counts as learned when its loss is at most this part of the best constant's loss.
    standardise : bool
        Whether inputs are standardised by the training rows.
    separate : bool
        Whether separate networks are trained, too.
    device : str
        A torch device.
    callback : callable
        Called with the label of each part of the training when it is done. There are `len(weightings) + 2 * tasks` parts,
        or `len(weightings)` without separate networks.

    Returns
    -------
    TaskComparison

    Raises
    ------
    TypeError, ValueError
        If an argument is invalid, or no split gives every task labels for training and for tests.
    """
    numbers, tasks = as_seeds(seeds), data.tasks
    rules = [_named(weighting, len(tasks)) for weighting in weightings]
    width = as_count(width, "width", len(tasks))
    steps, lr, lam = as_count(steps, "steps", 1), as_positive(lr, "lr"), as_non_negative(lam, "lam")
    records = min(100, max(20, steps // _APART))
    plan = TaskPlan(steps, lr, lam, _part(batch_size), width, as_placement("float64", device), records=records)
    as_tolerance(test_share, "test_share")
    splits = [split(data, seed, test_share, standardise) for seed in numbers]
    trials = _Trials(data, numbers, splits, plan, target)
    networks, histories = {}, {}
    for name, rule in rules:
        networks[name], histories[name] = trials.train_joint(name, rule)
        callback(f"joint, {name}")
    d = data.X.shape[1]
    apart = ((SAME_WIDTH, _same_width(width, tasks)), (SAME_COST, _same_cost(width, tasks, d)))
    for arrangement, widths in apart if separate else ():
        trials.train_separate(arrangement, widths, callback)
    settings = {
        "seeds": list(numbers), "width": width, "steps": steps, "lam": lam, "lr": lr, "batch_size": plan.batch_size,
        "test_share": test_share, "target": target, "standardise": bool(standardise),
    }  # fmt: skip
    return TaskComparison(data, trials.rows, networks, histories, settings, tuple(trials.notes))


def split(data: TaskData, seed: int, test_share: float, standardise: bool) -> Split:
    """Split samples at random, so that every task has training labels of all its classes, and test labels.

    Raises
    ------
    ValueError
        If fifty random splits do not have this property.
    """
    n = len(data.X)
    for attempt in range(_SPLITS):
        order = np.random.default_rng([seed, attempt, 3]).permutation(n)
        test, train = np.split(order, [max(1, round(test_share * n))])
        try:
            _check_learnable(data, train, test)
        except ValueError as error:
            reason = error
            continue
        return _prepared(data, train, test, seed, standardise)
    raise ValueError(f"no split of {count(n, 'sample')} with {test_share:.0%} for tests serves every task: {reason}")


def _check_learnable(data: TaskData, train: NDArray[np.int64], test: NDArray[np.int64]) -> None:
    ordinary = [task for task in data.tasks if not set(task.outputs) & set(data.background)]
    task_labels(data.Y[train], ordinary)
    for task in data.tasks:
        columns = list(task.outputs)
        if np.isnan(data.Y[train][:, columns]).all():
            raise ValueError(f"task {task.name!r} has no label to learn")
        if np.isnan(data.truth[test][:, columns]).all():
            raise ValueError(f"task {task.name!r} has no label to test")
    require_two_points(data.X[train], "training")


def _prepared(data: TaskData, train: NDArray[np.int64], test: NDArray[np.int64], seed: int, standardise: bool) -> Split:
    X, Y = data.X[train], data.Y[train]
    d = X.shape[1]
    step = Standardisation.of(X) if standardise else Standardisation(np.zeros(d), np.ones(d))
    X = step(X)
    inputs, labels = X, Y
    for column in data.background:
        extended, marked = with_background(X, Y, column, np.random.default_rng([seed, column, 4]), n=len(X))
        inputs, labels = np.vstack([inputs, extended[len(X) :]]), np.vstack([labels, marked[len(X) :]])
    labels = task_labels(labels, data.tasks)
    weights = mean_weights(labels, data.tasks) * ~np.isnan(labels)
    for column in data.background:  # half for the normal samples, half for the background
        for kind in (1.0, -1.0):
            chosen = labels[:, column] == kind
            weights[chosen, column] = 0.5 / np.count_nonzero(chosen)
    return Split(inputs, labels, weights, step(data.X[test]), data.truth[test], step)


# --- training and testing ---------------------------------------------------------------------------------------------

Trained = tuple[list[ReLUNetwork], dict[str, NDArray[Any]], Sequence[Task]]
"""Networks, one for each split, with the history of their training and the tasks that they serve."""


class _Trials:
    """Trains arrangements on the same splits, and collects the rows and notes of a `TaskComparison`."""

    def __init__(
        self, data: TaskData, seeds: Sequence[int], splits: Sequence[Split], plan: TaskPlan, target: float
    ) -> None:
        self.tasks, self.d = data.tasks, data.X.shape[1]
        self.seeds, self.splits, self.plan = seeds, splits, plan
        self.goals = np.array([target * constant_losses(s.Y, s.weights, s.weights, data.tasks) for s in splits])
        self.rows: list[dict[str, Any]] = []
        self.notes: list[str] = []

    def train_joint(self, name: str, rule: Weighting) -> tuple[list[ReLUNetwork], dict[str, NDArray[Any]]]:
        """Train one network per split on all tasks; return the networks of raw inputs, and the history."""
        samples = [TaskSamples(s.X, s.Y, s.weights) for s in self.splits]
        rules = [rule] * len(self.seeds)
        if isinstance(rule, Grid):
            rules = [
                choose_weights(own, self.tasks, rule, self.plan, seed)[0]
                for own, seed in zip(samples, self.seeds, strict=True)
            ]
        networks, history, notes = train_side_by_side(samples, self.tasks, rules, self.seeds, self.plan)
        self.notes += [f"joint, {name}: {note}" for note in notes]
        cost = _cost([self.plan.width], [self.tasks], self.d)
        self._test([(networks, history, self.tasks)], cost, JOINT, name)
        return [s.step.undo(network) for s, network in zip(self.splits, networks, strict=True)], history

    def train_separate(self, arrangement: str, widths: Sequence[int], callback: Callable[[str], object]) -> None:
        """Train one network per split and task, of the given widths."""
        parts: list[Trained] = []
        equal = [as_weighting("equal", 1)] * len(self.seeds)
        for task, width in zip(self.tasks, widths, strict=True):
            alone, columns = Task(task.name, tuple(range(len(task.outputs))), task.loss), list(task.outputs)
            samples = [TaskSamples(s.X, s.Y[:, columns], s.weights[:, columns]) for s in self.splits]
            plan = replace(self.plan, width=width)
            networks, history, notes = train_side_by_side(samples, [alone], equal, self.seeds, plan)
            self.notes += [f"{arrangement}, {task.name}: {note}" for note in notes]
            parts.append((networks, history, (task,)))
            callback(f"{arrangement}, {task.name}")
        cost = _cost(widths, [(task,) for task in self.tasks], self.d)
        self._test(parts, cost, arrangement, "equal")

    def _test(self, parts: Sequence[Trained], cost: dict[str, int], arrangement: str, weighting: str) -> None:
        """Add one row per seed and task; the networks in `parts` serve all tasks together."""
        place = {task.name: t for t, task in enumerate(self.tasks)}
        for run, (chosen, seed) in enumerate(zip(self.splits, self.seeds, strict=True)):
            vv_norm = sum(networks[run].vv_norm for networks, _, _ in parts)
            for networks, history, served in parts:
                values = networks[run](chosen.X_test)
                for t, task in enumerate(served):
                    columns = list(task.outputs) if len(served) > 1 else list(range(len(task.outputs)))
                    tested = metric(task, values[:, columns], chosen.truth[:, list(task.outputs)])
                    below = np.flatnonzero(history["losses"][:, run, t] <= self.goals[run, place[task.name]])
                    self.rows.append(
                        {
                            "seed": seed,
                            "arrangement": arrangement,
                            "weighting": weighting,
                            "task": task.name,
                            "metric": tested.name,
                            "higher_is_better": tested.higher_is_better,
                            "value": tested.value,
                            "loss": float(history["losses"][-1, run, t]),
                            "steps_to_target": int(history["step"][below[0]]) if len(below) else None,
                            **cost,
                            "vv_norm": vv_norm,
                            "stationarity": float(history["stationarity"][-1, run]) if arrangement == JOINT else None,
                        }
                    )


def moments(values: Array) -> tuple[float, float, float]:
    """Return mean, standard deviation (with n - 1) and skewness (G1); NaN if values are too few or equal."""
    from scipy.stats import skew

    mean, n, equal = float(np.mean(values)), len(values), np.ptp(values) == 0
    deviation = math.nan if n < 2 or equal else float(np.std(values, ddof=1))
    return mean, deviation, math.nan if n < 3 or equal else float(skew(values, bias=False))


def interval_of_mean(values: Array, confidence: float = 0.95) -> tuple[float, float]:
    """Return the ends of `vvnorm.studies.statistics.mean_interval`; NaN for one value, equal values or NaN among them."""
    if len(values) < 2 or not np.all(np.isfinite(values)):
        return math.nan, math.nan
    low, high = (float(end) for end in mean_interval(values, confidence))
    return (low, high) if math.isfinite(low) else (math.nan, math.nan)


# --- parts ------------------------------------------------------------------------------------------------------------


def _named(weighting: str | Sequence[float], tasks: int) -> tuple[str, Weighting]:
    rule = as_weighting(Grid(max(_POINTS, tasks)) if weighting == "grid" else weighting, tasks)
    if isinstance(weighting, str):
        return rule.name, rule
    return ",".join(f"{weight:g}" for weight in weighting), rule


def _part(batch_size: int | None) -> int | None:
    return None if batch_size is None else as_count(batch_size, "batch_size", 1)


def _same_width(width: int, tasks: Sequence[Task]) -> list[int]:
    """Return widths that add up to the joint network's width."""
    T = len(tasks)
    return [width // T + (t < width % T) for t in range(T)]


def _same_cost(width: int, tasks: Sequence[Task], d: int) -> list[int]:
    """Return the largest equal widths at which all networks together need at most the joint network's multiply-adds."""
    outputs = sum(len(task.outputs) for task in tasks)
    return [max(1, width * (d + outputs) // (len(tasks) * d + outputs))] * len(tasks)


def _cost(widths: Sequence[int], served: Sequence[Sequence[Task]], d: int) -> dict[str, int]:
    """Return parameters, and multiply-adds for one input, of all networks together, skip connections included."""
    outputs = [sum(len(task.outputs) for task in tasks) for tasks in served]
    multiply_adds = sum(K * (d + T) + T * d for K, T in zip(widths, outputs, strict=True))
    return {"parameters": multiply_adds + sum(widths) + sum(outputs), "multiply_adds": multiply_adds}
