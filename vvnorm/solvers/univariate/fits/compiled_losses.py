"""The losses of `vvnorm.losses` as compiled functions of one entry.

`code` is the index of the loss in `vvnorm.losses.NAMES`, `parameter` its parameter, u a fitted value and y its label.
Squared and logistic losses have two derivatives. Hinge, one-class and Huber losses have corners, Huber's in its derivative.
"""

import math

import numpy as np

from vvnorm.losses import HINGE, HUBER, LOGISTIC, SQUARED
from vvnorm.solvers.array_kernels import part

_OUTSIDE = 1e-9  # rounding may move a share or a probability out of [0, 1] by this much


@part()
def smooth_loss(code: int, u: float, y: float) -> tuple[float, float, float]:
    """Return a loss without corners, minus its derivative, and its second derivative at u."""
    if code == SQUARED:
        r = y - u
        return 0.5 * r * r, r, 1.0
    tail = math.exp(-abs(u))
    high, low = 1.0 / (1.0 + tail), tail / (1.0 + tail)
    up, down = (high, low) if u > 0.0 else (low, high)  # sigma(u) and sigma(-u)
    return math.log1p(tail) + max(u, 0.0) - y * u, y * down - (1.0 - y) * up, high * low


@part()
def corner_form(code: int, parameter: float, u: float, y: float) -> tuple[float, float, float, float]:
    """Write a loss with corners as the maximum of s m - bow s^2 / 2, less a linear term.

    Returns m, -dm/du, bow and the shift; the dual value of a share s is -dm/du s - shift.
    """
    if code == HINGE:
        return 1.0 - y * u, y, 0.0, 0.0
    if code == HUBER:
        return 2.0 * parameter * (y - u + parameter), 2.0 * parameter, 4.0 * parameter * parameter, parameter
    return y - u, 1.0, 0.0, 1.0 - parameter


@part()
def corner_loss(code: int, parameter: float, u: float, y: float) -> float:
    """Return a loss with corners."""
    if code == HINGE:
        return max(1.0 - y * u, 0.0)
    if code == HUBER:
        near = min(abs(y - u), parameter)
        return near * (abs(y - u) - 0.5 * near)
    return max(parameter * (y - u), (1.0 - parameter) * (u - y))


@part()
def fenchel_young_gap(code: int, parameter: float, u: float, y: float, r: float) -> float:
    """Return loss(u, y) + loss*(-r) + r u >= 0; infinite outside the domain of the conjugate."""
    if code == SQUARED:
        off = y - u - r
        return 0.5 * off * off
    if code == LOGISTIC:
        # The Kullback-Leibler divergence KL(q || sigma(u)) of Bernoulli distributions, q = y - r.
        q = y - r
        if q < -_OUTSIDE or q > 1.0 + _OUTSIDE:
            return np.inf
        q = min(max(q, 0.0), 1.0)
        up = max(u, 0.0) + math.log1p(math.exp(-abs(u)))
        value = up - q * u
        if q > 0.0:
            value += q * math.log(q)
        if q < 1.0:
            value += (1.0 - q) * math.log1p(-q)
        return max(value, 0.0)
    m, sign, bow, shift = corner_form(code, parameter, u, y)
    share = (r + shift) / sign
    if share < -_OUTSIDE or share > 1.0 + _OUTSIDE:
        return np.inf
    share = min(max(share, 0.0), 1.0)
    if bow == 0.0:
        return max(m, 0.0) - share * m
    best = min(max(m / bow, 0.0), 1.0)
    return (best - share) * (m - 0.5 * bow * (best + share))
