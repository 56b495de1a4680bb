"""Inputs that nearly coincide: closer than training can separate."""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from vvnorm.losses import label_units
from vvnorm.tolerances import GAP
from vvnorm.validation import Array

_NEAR = 3e-5  # at 1e-5 training sometimes ends far from the labels; random points are seldom as close


def nearly_coincide(X: Array) -> bool:
    """Return whether two different points are much closer than neighbours on a grid of as many points."""
    points = np.unique(X, axis=0)
    if len(points) < 3:
        return False
    points = points - points.mean(axis=0)
    nearest = cKDTree(points).query(points, k=2)[0][:, 1]
    return bool(np.min(nearest) < _distance(points))


def _distance(X: Array) -> float:
    """Return the distance below which points nearly coincide."""
    spacing = np.max(np.ptp(X, axis=0)) / len(np.unique(X, axis=0)) ** (1 / X.shape[1])
    return float(_NEAR * spacing)


def merge_near(X: Array, Y: Array, weights: Array) -> tuple[Array, Array, Array]:
    """Merge points that nearly coincide, where their labels agree.

    A merged point lies at one of the merged points; the others are nearer to it than the distance of `nearly_coincide`.
    Labels agree if they differ by at most `vvnorm.tolerances.GAP` of half their range (`label_units`). A merged label is
    the weighted mean of the present labels, and its weight is the sum of their weights.

    Parameters
    ----------
    X, Y, weights : (N, d), (N, T) and (N, T) arrays
        NaN = missing label, of weight 0.

    Returns
    -------
    X, Y, weights : (n, d), (n, T) and (n, T) arrays
        In the order of the first of the points that were merged.
    """
    allowed = GAP * label_units(np.fmin.reduce(Y), np.fmax.reduce(Y))
    points = X - X.mean(axis=0)
    tree, distance = cKDTree(points), _distance(points)
    crowded = np.isfinite(tree.query(points, k=2, distance_upper_bound=distance)[0][:, 1])
    leader = np.arange(len(X))
    for index in np.flatnonzero(crowded).tolist():
        if leader[index] != index:
            continue
        label = Y[index]
        for other in sorted(tree.query_ball_point(points[index], distance)):
            if other <= index or leader[other] != other:
                continue
            if np.all(np.isnan(label) | np.isnan(Y[other]) | (np.abs(Y[other] - label) <= allowed)):
                leader[other] = index
                label = np.where(np.isnan(label), Y[other], label)
    kept, group = np.unique(leader, return_inverse=True)
    total, merged = np.zeros((2, len(kept), Y.shape[1]))
    np.add.at(total, group, weights)
    reference = _first_labels(Y, group, len(kept))
    # The mean of the differences from one of the labels: it is exact for equal labels.
    np.add.at(merged, group, np.where(weights > 0, weights * (Y - reference[group]), 0.0))
    with np.errstate(invalid="ignore", divide="ignore"):
        return X[kept], reference + np.where(total > 0, merged / total, 0.0), total


def _first_labels(Y: Array, group: NDArray[np.intp], groups: int) -> Array:
    """Return the first label of each group and output, NaN where there is none."""
    first = np.full((groups, Y.shape[1]), np.nan)
    for row in range(len(Y) - 1, -1, -1):
        first[group[row]] = np.where(np.isnan(Y[row]), first[group[row]], Y[row])
    return first
