"""Shared by claims about many tasks: samples of Gaussian data sets, all tasks alike or one of them dominant."""

import numpy as np

from vvnorm.claims import Instance

_LARGER = 300.0
_COMPARABLE = 4.0  # the first label may be at most this many times the root mean square of the others


def draw_many_tasks(rng: np.random.Generator, sample: int, points: int, tasks: int) -> Instance:
    """Draw Gaussian points X (sample, points, 2) and labels Y (sample, points, tasks); T tasks are the first T labels."""
    shape = (sample, points)
    return {"X": rng.standard_normal((*shape, 2)), "Y": rng.standard_normal((*shape, tasks))}


def with_dominant_task(instance: Instance) -> Instance:
    """Make the labels of the first task much larger."""
    Y = instance["Y"]
    return {**instance, "Y": Y * np.append(_LARGER, np.ones(Y.shape[2] - 1))}


def are_comparable(instance: Instance) -> bool:
    """Whether the first task's labels are not much larger than the others'."""
    size = np.sqrt(np.mean(instance["Y"] ** 2, axis=(0, 1)))
    return bool(size[0] <= _COMPARABLE * np.sqrt(np.mean(size[1:] ** 2)))
