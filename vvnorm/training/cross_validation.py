"""Losses of tasks apart from training's own code, and the choice of fixed weights by cross-validation."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from vvnorm.multitask.tasks import Task
from vvnorm.training.task_loop import Plan, train_side_by_side
from vvnorm.training.weighting import Fixed, Grid
from vvnorm.validation import Array


def choose(
    X: Array,
    Y: Array,
    entry: Array,
    tasks: tuple[Task, ...],
    grid: Grid,
    plan: Plan,
    seed: int,
    recipe: dict[str, Any],
    progress: bool,
) -> tuple[Fixed, dict[str, Array]]:
    """Cross-validate the shares of a grid, all folds and shares side by side; every network from one seed."""
    shares = grid.shares(len(tasks))
    fold = np.random.default_rng([seed, 2]).permutation(len(X)) % grid.folds
    held_out = [np.where((fold == k)[:, None], entry, 0.0) for k in range(grid.folds)]
    _check_folds(held_out, entry, tasks)
    runs = [(share, out) for out in held_out for share in shares]
    data = [(X, Y, entry - out) for _, out in runs]
    weightings = [Fixed(tuple(len(tasks) * share)) for share, _ in runs]
    plan = replace(plan, records=1)
    networks, _, _ = train_side_by_side(data, tasks, weightings, [seed] * len(runs), plan, progress=progress, **recipe)
    scores = [
        np.mean(task_losses(network(X), Y, out, tasks) / constant_losses(Y, entry - out, out, tasks))
        for network, (_, out) in zip(networks, runs, strict=True)
    ]
    score = np.mean(np.reshape(scores, (grid.folds, len(shares))), axis=0)
    best = shares[int(np.argmin(score))]
    return Fixed(tuple(len(tasks) * best)), {"shares": shares, "score": score}


def _check_folds(held_out: list[Array], entry: Array, tasks: Sequence[Task]) -> None:
    for out in held_out:
        for task in tasks:
            columns = list(task.outputs)
            if not out[:, columns].any() or not (entry - out)[:, columns].any():
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
