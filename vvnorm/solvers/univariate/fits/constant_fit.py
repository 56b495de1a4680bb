"""Fits with one distinct input: a constant per output, in closed form, for every lam.

A line through the single input costs nothing. So the penalty is 0, and every output minimises its weighted sum of losses
over its value c there. Of the functions with these values the constants are chosen. A dual array is feasible if it sums to
0. All labels at a corner of the loss at c take the same share of the corner's subdifferential.
"""

import math
from collections.abc import Callable

import numpy as np

from vvnorm.losses import Loss
from vvnorm.solvers.univariate.fits.problem import KnotSolution, Problem
from vvnorm.validation import Array

_FAR = math.log(2e10)  # a margin at which the logistic loss of a class is negligible; there is no minimiser

# c, the dual values, and whether there is a minimiser.
_Best = tuple[float, Array, bool]


def fit_constant(problem: Problem) -> KnotSolution:
    """Solve the regularised problem whose inputs are all the same."""
    x, T = float(problem.x[0]), problem.Y.shape[1]
    value, dual, attained = np.zeros(T), np.zeros(problem.Y.shape), True
    for t, loss in enumerate(problem.losses):
        y, w = problem.Y[:, t], _column(problem.weights, t, len(problem.Y))
        if np.isinf(y).any():
            raise ValueError(f"Y holds infinity in output {t}")
        counts = (w > 0) & ~np.isnan(y)
        value[t], dual[counts, t], exists = best_constant(y[counts], w[counts], loss)
        attained &= exists
    corners = any(loss.name in ("hinge", "huber", "one_class") for loss in problem.losses)
    return KnotSolution(
        kinks=np.empty(0),
        jumps=np.empty((0, T)),
        slope=np.zeros(T),
        value=value,
        centre=x,
        knots=np.array([x]),
        values=value[None],
        dual=dual if corners else None,
        gap=0.0 if attained else 1.0,
        rounds=0,
        steps=0,
        seconds=0.0,
    )


def best_constant(y: Array, w: Array, loss: Loss) -> _Best:
    """Minimise the sum of w * loss over constants, for labels y (n,) that are all present and positive weights w (n,).

    Returns the constant, the dual values (n,), whose sum is 0, and whether a minimum is attained.
    """
    return _SOLVERS[loss.name](y, w, loss)


def _column(weights: Array | None, t: int, n: int) -> Array:
    return np.ones(n) if weights is None else weights[:, min(t, weights.shape[1] - 1)]


def _mean(y: Array, w: Array, _: Loss) -> _Best:
    c = float(y[0] + (w / w.sum()) @ (y - y[0]))
    return c, w * (y - c), True


def _log_odds(y: Array, w: Array, _: Loss) -> _Best:
    high, low = float(w[y == 1].sum()), float(w[y != 1].sum())
    if high == 0 or low == 0:
        return _FAR if high else -_FAR, np.zeros(len(y)), False
    return math.log(high) - math.log(low), w * (y - high / (high + low)), True


def _majority(y: Array, w: Array, _: Loss) -> _Best:
    """Hinge: the heavier class has margin 1; its dual values are scaled so that they balance those of the other class."""
    high, low = float(w[y == 1].sum()), float(w[y != 1].sum())
    c = 1.0 if high >= low else -1.0
    return c, w * y * np.where(y == c, min(high, low) / max(high, low), 1.0), True


def _quantile(y: Array, w: Array, loss: Loss) -> _Best:
    """One class: the nu-quantile, that is the least label such that labels up to it have a share nu of the weight."""
    nu, order = loss.parameter, np.argsort(y)
    wanted = nu * float(w.sum())
    c = float(y[order[np.searchsorted(np.cumsum(w[order]), wanted).clip(0, len(y) - 1)]])
    share = (wanted - float(w[y < c].sum())) / float(w[y == c].sum())
    return c, w * (nu - np.where(y == c, min(max(share, 0.0), 1.0), y < c)), True


def _huber(y: Array, w: Array, loss: Loss) -> _Best:
    """Huber: the sum of w clip(c - y, -delta, delta) is 0; it is linear in c between the points y - delta and y + delta."""
    delta, shares = loss.parameter, w / w.sum()
    middle = y[np.argsort(y)[len(y) // 2]]
    corners = np.concatenate([y - middle - delta, y - middle + delta])
    order = np.argsort(corners, kind="stable")
    corners, slopes = corners[order], np.cumsum(np.concatenate([shares, -shares])[order])
    rises = np.cumsum(slopes[:-1] * np.diff(corners))  # of the derivative, starting at -delta
    place = int(np.searchsorted(rises, delta).clip(0, len(rises) - 1))
    c = corners[place] + (delta - (rises[place - 1] if place else 0.0)) / max(slopes[place], np.finfo(float).tiny)
    c = min(max(c, corners[place]), corners[place + 1])
    off = y - middle - c
    inside = np.abs(off) < delta
    if inside.any():  # recompute c from the labels within delta: the sums have lost digits
        total = float(shares[inside] @ (y[inside] - middle)) + delta * float(shares[~inside] @ np.sign(off[~inside]))
        c = total / float(shares[inside].sum())
    c = float(middle + c)
    return c, w * np.clip(y - c, -delta, delta), True


_SOLVERS: dict[str, Callable[[Array, Array, Loss], _Best]] = {
    "squared": _mean,
    "logistic": _log_odds,
    "hinge": _majority,
    "huber": _huber,
    "one_class": _quantile,
}
