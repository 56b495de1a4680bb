"""Losses of tasks for fitted values, in NumPy, and the losses of the best constants, for comparison.

Training computes losses by its own formulas in torch; this module uses those of `vvnorm.losses`.
"""

import math
from collections.abc import Sequence

import numpy as np

from vvnorm.multitask.tasks import Task
from vvnorm.solvers.univariate.fits.constant_fit import best_constant
from vvnorm.validation import Array


def task_losses(values: Array, labels: Array, weights: Array, tasks: Sequence[Task]) -> Array:
    """Return the losses of the tasks, shape (tasks,).

    Parameters
    ----------
    values, labels, weights : (N, T) arrays
        Fitted values, labels in the coding of the losses (NaN = missing), and weights of the labels' losses.
    tasks : sequence of Task
    """
    losses = []
    for task in tasks:
        columns = list(task.outputs)
        u, y = values[:, columns], labels[:, columns]
        w = np.where(np.isnan(y), 0.0, weights[:, columns])
        if task.is_multiclass:
            each = np.logaddexp.reduce(u, axis=1) - np.sum(np.nan_to_num(y) * u, axis=1)
            losses.append(float(np.sum(w[:, 0] * each)))
        else:
            each = np.column_stack([loss.value(u[:, k], y[:, k]) for k, loss in enumerate(task.losses)])
            losses.append(float(np.sum(w * each)))
    return np.array(losses)


def best_constants(labels: Array, weights: Array, tasks: Sequence[Task]) -> Array:
    """Return the best constant value of each output, (T,); for scores of classes it is the logarithm of their shares."""
    constants = np.zeros(labels.shape[1])
    for task in tasks:
        for k, column in enumerate(task.outputs):
            used = weights[:, column] > 0
            y, w = labels[used, column], weights[used, column]
            if task.is_multiclass:
                constants[column] = math.log(max(float(w @ y) / float(w.sum()), np.finfo(np.float64).tiny))
            else:
                constants[column] = best_constant(y, w, task.losses[k])[0]
    return constants


def constant_losses(labels: Array, weights: Array, tested: Array, tasks: Sequence[Task]) -> Array:
    """Return the losses, with the weights `tested`, of the constants that are best for `weights`; (tasks,), positive."""
    constants = best_constants(labels, weights, tasks)
    losses = task_losses(np.broadcast_to(constants, labels.shape), labels, tested, tasks)
    return np.maximum(losses, np.finfo(np.float64).tiny)
