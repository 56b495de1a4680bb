"""Shared by claims and the figure about overfitting: minimisers of noisy labels as piecewise linear functions, their risks.

The truth is 0, and labels are standard Gaussian noise. A truth that is affine changes nothing, since the free affine part
of a network takes it up.
"""

import math
from typing import Any

import numpy as np

from proofs_checks.support import CONFIDENCE
from vvnorm.network import ReLUNetwork
from vvnorm.piecewise import PiecewiseLinear
from vvnorm.solvers.univariate.interpolation import ConnectTheDots, band
from vvnorm.validation import Array

REGULAR, RANDOM = "regular", "random"


def noise_data(rng: np.random.Generator, n: int, design: str, outputs: int) -> tuple[Array, Array]:
    """Draw n sorted inputs in [0, 1], equally spaced or uniform at random, and Gaussian labels (n, outputs)."""
    x = np.linspace(0.0, 1.0, n) if design == REGULAR else np.sort(rng.random(n))
    return x, rng.standard_normal((n, outputs))


def first_output(dots: ConnectTheDots, network: ReLUNetwork) -> PiecewiseLinear:
    """Output 1 of a minimiser whose kinks between data points lie at the end of the band, as a function by its values.

    Slopes of close points are huge, so values at kinks are taken from the band and not summed from slopes.
    """
    x = dots.x
    inside = kinks_between(network, x)
    if not len(inside):
        return PiecewiseLinear(x, dots.Y[:, :1])
    low, high = (side[:, 0] for side in band(dots, inside))
    chord = dots(inside)[:, 0]
    ends = np.where(np.abs(low - chord) > np.abs(high - chord), low, high)
    knots = np.concatenate([x, inside])
    order = np.argsort(knots, kind="stable")
    return PiecewiseLinear(knots[order], np.concatenate([dots.Y[:, 0], ends])[order])


def kinks_between(network: ReLUNetwork, x: Array) -> Array:
    """Kinks of a network of one input between data points, sorted."""
    kinks = network.kinks[0] if network.n_neurons else np.empty(0)
    return np.unique(kinks[~np.isin(kinks, x) & (kinks > x[0]) & (kinks < x[-1])])


def risk_by_formula(x: Array, y: Array, q: int) -> float:
    """Mean |f|^q, q = 1 or 2, over [x_1, x_N] for the sparsest minimiser f of one output.

    This shares no code with the solver: it takes the signs of the curvatures, and in every second gap of a run of one sign
    it extends the two neighbouring chords until they cross.
    """
    h = np.diff(x)
    slopes = np.diff(y) / h
    curvatures = np.diff(slopes)
    same = np.sign(curvatures[1:]) * np.sign(curvatures[:-1]) > 0
    # The place of each gap in its run, from 1; the first, third, .. gap of a run has a kink in place of those at its ends.
    gaps = np.arange(len(same))
    place = gaps - np.maximum.accumulate(np.where(same, -1, gaps))
    tent = np.concatenate([[False], same & (place % 2 == 1), [False]])
    left, right = np.append(0.0, np.abs(curvatures)), np.append(np.abs(curvatures), 0.0)
    share = np.divide(right, left + right, out=np.zeros_like(h), where=tent)
    apex = y[:-1] + np.append(0.0, slopes[:-1]) * share * h
    whole = _piece(y[:-1], y[1:], q)
    parts = share * _piece(y[:-1], apex, q) + (1 - share) * _piece(apex, y[1:], q)
    return float(np.sum(h * np.where(tent, parts, whole)) / (x[-1] - x[0]))


def risk_of_dots(x: Array, y: Array) -> float:
    """Mean f_D^2 over [x_1, x_N] for connect-the-dots of labels y (N,)."""
    return float(np.diff(x) @ _piece(y[:-1], y[1:], 2) / (x[-1] - x[0]))


def _piece(a: Array, b: Array, q: int) -> Array:
    """Mean of |f|^q over a piece on which f goes from a to b in a straight line."""
    if q == 2:
        squares: Array = (a * a + a * b + b * b) / 3
        return squares
    crosses = a * b < 0
    apart = np.where(crosses, np.abs(a) + np.abs(b), 1.0)
    means: Array = np.where(crosses, (a * a + b * b) / (2 * apart), (np.abs(a) + np.abs(b)) / 2)
    return means


def median_interval(values: Array, sample: int) -> tuple[float, float]:
    """Confidence interval of the median from order statistics, whatever the distribution; infinite for too few values."""
    from scipy.stats import binom

    n = len(values)
    k = int(binom.ppf((1 - CONFIDENCE) / 2, n, 0.5))
    if n < sample or k < 1 or not np.all(np.isfinite(values)):
        return -math.inf, math.inf
    ordered = np.sort(values)
    return float(ordered[k - 1]), float(ordered[n - k])


def seeded(instance: Any, k: int, part: int = 0) -> np.random.Generator:
    """Generator of data set k of an experiment."""
    return np.random.default_rng([int(instance["seed"]), k, part])
