"""The choice of fixed task weights by cross-validation."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from vvnorm.multitask.task_losses import constant_losses, task_losses
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
        The candidates 'shares' (M, tasks) and their 'score' (M,).

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
