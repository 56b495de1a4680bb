"""The choice of fixed task weights by cross-validation, and the losses of tasks in NumPy that it is judged by."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from vvnorm.multitask.tasks import Task
from vvnorm.training.task_objective import TaskPlan, TaskSamples, train_side_by_side
from vvnorm.training.weighting import Fixed, Grid
from vvnorm.validation import Array


def choose_weights(
    samples: TaskSamples,
    tasks: tuple[Task, ...],
    grid: Grid,
    plan: TaskPlan,
    seed: int,
    *,
    progress: bool = False,
) -> tuple[Fixed, dict[str, Array]]:
    """Cross-validate the shares of a grid, all folds and shares side by side; every network starts from the same seed.

    Returns
    -------
    weighting : Fixed
        T times the share of least mean validation loss.
    choice : dict of arrays
        What was tried: 'shares' (M, tasks) and 'score' (M,).

    Raises
    ------
    ValueError
        If a task has too few labels for the folds.
    """
    X, Y, weights = samples
    shares = grid.shares(len(tasks))
    fold = np.random.default_rng([seed, 2]).permutation(len(X)) % grid.folds
    held_out = [np.where((fold == k)[:, None], weights, 0.0) for k in range(grid.folds)]
    _check_folds(held_out, weights, tasks)
    runs = [(share, out) for out in held_out for share in shares]
    samples_of_runs = [TaskSamples(X, Y, weights - out) for _, out in runs]
    weightings = [Fixed(tuple(len(tasks) * share)) for share, _ in runs]
    plan = replace(plan, records=1)
    networks, _, _ = train_side_by_side(samples_of_runs, tasks, weightings, [seed] * len(runs), plan, progress=progress)
    scores = [
        np.mean(task_losses(network(X), Y, out, tasks) / constant_losses(Y, weights - out, out, tasks))
        for network, (_, out) in zip(networks, runs, strict=True)
    ]
    score = np.mean(np.reshape(scores, (grid.folds, len(shares))), axis=0)
    best = shares[int(np.argmin(score))]
    return Fixed(tuple(len(tasks) * best)), {"shares": shares, "score": score}


def _check_folds(held_out: list[Array], weights: Array, tasks: Sequence[Task]) -> None:
    for out in held_out:
        for task in tasks:
            columns = list(task.outputs)
            if not out[:, columns].any() or not (weights - out)[:, columns].any():
                raise ValueError(f"task {task.name!r} has too few labels for {len(held_out)} folds of the grid")


def task_losses(values: Array, labels: Array, weights: Array, tasks: Sequence[Task]) -> Array:
    """Losses of the tasks, (tasks,), for fitted values, labels and weights (N, T): in NumPy, apart from training's own."""
    found = []
    for task in tasks:
        columns = list(task.outputs)
        u, y = values[:, columns], labels[:, columns]
        w = np.where(np.isnan(y), 0.0, weights[:, columns])
        if task.is_multiclass:
            each = np.logaddexp.reduce(u, axis=1) - np.sum(np.nan_to_num(y) * u, axis=1)
            found.append(float(np.sum(w[:, 0] * each)))
        else:
            found.append(float(np.sum(w * task.separate.value(u, y))))
    return np.array(found)


def constant_losses(labels: Array, weights: Array, tested: Array, tasks: Sequence[Task]) -> Array:
    """Losses, with the weights `tested`, of the constants that fit best with the weights `weights`; (tasks,), positive."""
    constants = np.zeros(labels.shape[1])
    for task in tasks:
        for column in task.outputs:
            constants[column] = best_constant(labels[:, column], weights[:, column], task)
    found = task_losses(np.broadcast_to(constants, labels.shape), labels, tested, tasks)
    return np.maximum(found, np.finfo(np.float64).tiny)


def best_constant(labels: Array, weights: Array, task: Task) -> float:
    """The constant value of one output that fits its labels best; log of the share for a class of several."""
    from scipy.optimize import minimize_scalar

    used = weights > 0
    y, w = labels[used], weights[used] / weights[used].sum()
    if task.is_multiclass:
        return math.log(max(float(w @ y), np.finfo(np.float64).tiny))
    ends = (-40.0, 40.0) if task.separate.name in ("logistic", "hinge") else (float(y.min()), float(y.max()))
    if ends[0] == ends[1]:
        return ends[0]
    found = minimize_scalar(lambda u: float(w @ task.separate.value(np.full(len(y), u), y)), bounds=ends, method="bounded")
    return float(found.x)
