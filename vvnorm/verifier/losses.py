"""The losses as the verifier computes them, in formulas of its own.

Let f(u) be the loss of a fitted value u with label y. By the inequality of Fenchel and Young f(u) + f*(-r) + r u >= 0 for
every dual value r, with equality if r = -f'(u). This sum is the contribution of an entry to the duality gap.

==========  =======================================  ==============  ===============================  =====================
loss        value f(u)                               f''(u)          conjugate f*(-r)                 domain of r
==========  =======================================  ==============  ===============================  =====================
squared     (u - y)^2 / 2                            1               r^2 / 2 - r y                    all numbers
huber       the same up to delta, linear beyond      1 or 0          r^2 / 2 - r y                    [-delta, delta]
logistic    log(1 + exp(-m))                         p (1 - p)       s log s + (1 - s) log(1 - s)     0 <= s <= 1
hinge       max(0, 1 - m)                            0               -s                               0 <= s <= 1
one_class   max(nu (y - u), (1 - nu) (u - y))        0               -r y                             [nu - 1, nu]
==========  =======================================  ==============  ===============================  =====================

For the positive class m = u and r = s, for the negative one m = -u and r = -s; p = 1 / (1 + exp(m)). The verifier of one
input goes through entries in compiled code, in double-doubles; the verifier of several inputs works with arrays.
"""

import math

import numpy as np

from vvnorm._internal.jit import part
from vvnorm.losses import HINGE, HUBER, LOGISTIC, ONE_CLASS, SQUARED, Loss
from vvnorm.validation import Array
from vvnorm.verifier.double_double import add, fma, times, two_sum

CLASSES = ("logistic", "hinge")
"""Losses whose labels are classes."""

_ROUNDING = 2.0**-49  # of exp, and of the few operations that follow it, relative

_inner = part()


# --- arrays -----------------------------------------------------------------------------------------------------------


def loss_values(loss: Loss, u: Array, y: Array) -> Array:
    """Evaluate the loss entry by entry."""
    if loss.name == "hinge":
        return np.maximum(1.0 - np.where(y > 0, u, -u), 0.0)
    if loss.name == "logistic":
        margin = np.where(y > 0, u, -u)
        return np.maximum(-margin, 0.0) + np.log1p(np.exp(-np.abs(margin)))
    if loss.name == "one_class":
        return np.maximum(loss.parameter * (y - u), (1.0 - loss.parameter) * (u - y))
    distance = np.abs(u - y)
    if loss.name == "huber":
        near = np.minimum(distance, loss.parameter)
        return near * (distance - 0.5 * near)
    return 0.5 * distance * distance


def minus_slopes(loss: Loss, u: Array, y: Array) -> Array:
    """Return -loss', at a corner the middle of the subdifferential."""
    if loss.name == "squared":
        return y - u
    if loss.name == "huber":
        return np.clip(y - u, -loss.parameter, loss.parameter)
    if loss.name == "one_class":
        return loss.parameter - np.where(u < y, 0.0, np.where(u > y, 1.0, 0.5))
    sign = np.where(y > 0, 1.0, -1.0)
    if loss.name == "hinge":
        return sign * np.where(sign * u < 1, 1.0, np.where(sign * u > 1, 0.0, 0.5))
    with np.errstate(over="ignore"):
        return sign / (1.0 + np.exp(sign * u))


def steepest(loss: Loss, u: Array, y: Array, rounding: Array) -> Array:
    """Bound |loss'| within a distance `rounding` of u."""
    if loss.name == "hinge":
        return np.ones_like(u)
    if loss.name == "one_class":
        return np.full(u.shape, max(loss.parameter, 1 - loss.parameter))
    steep: Array = np.abs(minus_slopes(loss, u, y)) + rounding
    return np.minimum(steep, loss.parameter) if loss.name == "huber" else steep


def lowest(loss: Loss, y: Array) -> Array:
    """Return the lower end of the domain of -loss'."""
    if loss.name in CLASSES:
        return np.where(y > 0, 0.0, -1.0)
    return np.full(y.shape, {"squared": -math.inf, "huber": -loss.parameter}.get(loss.name, loss.parameter - 1))


def highest(loss: Loss, y: Array) -> Array:
    """Return the upper end of the domain of -loss'."""
    if loss.name in CLASSES:
        return np.where(y > 0, 1.0, 0.0)
    return np.full(y.shape, {"squared": math.inf}.get(loss.name, loss.parameter))


def domain_margins(loss: Loss, r: Array, low: Array, high: Array) -> Array:
    """Return margins: entries plus their margin times an affine function below 1 stay in their domain."""
    if loss.name == "squared":
        return np.ones_like(r)
    margin: Array = (r - low) * (high - r) if loss.name == "logistic" else np.minimum(r - low, high - r)
    return margin


# --- single entries, in compiled code --------------------------------------------------------------------------------


@_inner
def entry_minus_slope(code: int, parameter: float, sign: float, off: float, low: float) -> tuple[float, float]:
    """Return -loss', at a corner the middle of the subdifferential; `off` is u - y, for classes u."""
    if code == LOGISTIC:
        return sign / (1.0 + math.exp(sign * off)), 0.0
    if code == HINGE:
        short = 1.0 - sign * off - sign * low
        return sign * (1.0 if short > 0.0 else (0.0 if short < 0.0 else 0.5)), 0.0
    if code == ONE_CLASS:
        return two_sum(0.0 if off < 0.0 else (-1.0 if off > 0.0 else -0.5), parameter)
    return -off, -low


@_inner
def into_domain(code: int, parameter: float, sign: float, r: float, low: float) -> tuple[float, float, float]:
    """Return the nearest point of the domain of r, and its margin.

    The point plus its margin times an affine function below 1 (huber: delta) stays in the domain.
    """
    if code == SQUARED:
        return r, low, 1.0
    if code == HUBER:
        if abs(r) >= parameter:
            return math.copysign(parameter, r), 0.0, 0.0
        return r, low, (parameter - abs(r)) / parameter
    # The others live on [0, 1], reflected for negative classes and shifted for one class.
    if code == ONE_CLASS:
        s, s_low = add(r, low, -parameter, 0.0)
        s, s_low = add(s, s_low, 1.0, 0.0)
    else:
        s, s_low = sign * r, sign * low
    if s + s_low <= 0.0:
        s, s_low = 0.0, 0.0
    if (s - 1.0) + s_low >= 0.0:
        s, s_low = 1.0, 0.0
    rest = (1.0 - s) - s_low
    margin = s * rest if code == LOGISTIC else min(s, rest)
    if code == ONE_CLASS:
        s, s_low = add(s, s_low, -1.0, 0.0)
        s, s_low = add(s, s_low, parameter, 0.0)
        return s, s_low, margin
    return sign * s, sign * s_low, margin


@_inner
def entry_gap(
    code: int, parameter: float, sign: float, off: float, low: float, theta: float, r: float, r_low: float
) -> tuple[float, float, float, float]:
    """One entry per unit of weight: loss, loss + loss*(-theta r) + theta r u, and bounds on its derivatives by r and by u.

    `sign` is that of a class; `off` is u - y, for classes u. Loss and gap are sums and products of numbers that are not
    negative, and each of these is right to a few roundings, so nothing cancels, whatever the ratio of their sizes.
    """
    if code == LOGISTIC:
        return _logistic_gap(sign * off, sign * low, *scaled_entry(theta, sign * r, sign * r_low))
    left = _left(off, low, theta, r, r_low)
    if code == SQUARED:
        return 0.5 * off * off, 0.5 * left * left, abs(off) + abs(r), abs(off) + abs(r)
    share, share_low = scaled_entry(theta, r, r_low)
    if code == HUBER:
        # Not |off| - beyond: if |off| is far larger than `parameter`, that difference has no correct digit.
        near, toward = min(abs(off), parameter), 1.0 if off > 0.0 else -1.0
        beyond = max((abs(off) - parameter) + toward * low, 0.0)
        margin = (parameter + toward * share) + toward * share_low
        gap = 0.5 * left * left if beyond == 0.0 else margin * (beyond + 0.5 * margin)
        return near * (0.5 * near + beyond), gap, abs(off) + abs(r), near + abs(r)
    if code == ONE_CLASS:
        share, share_low = add(share, share_low, -parameter, 0.0)
        share, share_low = add(share, share_low, 1.0, 0.0)
        over = off + low
        loss = max(-parameter * over, (1.0 - parameter) * over)
    else:
        share, share_low, over = sign * share, sign * share_low, (sign * off - 1.0) + sign * low
        loss = max(-over, 0.0)
    if over > 0.0:
        return loss, (share + share_low) * over, abs(over), 1.0
    return loss, ((1.0 - share) - share_low) * -over, abs(over), 1.0


@_inner
def _left(off: float, low: float, theta: float, r: float, r_low: float) -> float:
    """Compute off + theta r, where the two nearly cancel."""
    p = theta * r
    e = fma(theta, r, -p) + theta * r_low
    return (off + p) + (e + low)


@_inner
def scaled_entry(theta: float, r: float, low: float) -> tuple[float, float]:
    """Compute theta (r + low) as a double-double."""
    return times(theta, 0.0, r, low)


@_inner
def _logistic_gap(margin: float, low: float, s: float, s_low: float) -> tuple[float, float, float, float]:
    """Return the divergence of (s, 1 - s) from the class probabilities at a margin, rounding errors included."""
    wrong, right = 1.0 / (1.0 + math.exp(margin)), 1.0 / (1.0 + math.exp(-margin))
    rest = (1.0 - s) - s_low
    tail = math.log1p(math.exp(-abs(margin)))
    loss = (tail + max(-margin, 0.0)) - wrong * low
    off, off_rest = (s - wrong) + s_low, rest - right
    gap, turn = _divergence(s, off, wrong, -tail - max(margin, 0.0))
    gap_rest, turn_rest = _divergence(rest, off_rest, right, -loss)
    error = _ROUNDING + abs(low)
    gap += gap_rest + error * (abs(off) + abs(off_rest)) + error * error * (wrong + right)
    return loss, gap, abs(margin) + turn + turn_rest + 1.0, 1.0


@_inner
def _divergence(s: float, off: float, p: float, log_p: float) -> tuple[float, float]:
    """Compute s log(s / p) - (s - p), which is never negative, and |log(s / p)|; off = s - p."""
    if s <= 0.0:
        return p, 0.0
    e = off / p if p > 1e-300 else math.inf
    if abs(e) < 0.01:
        # (1 + e) log(1 + e) - e; the first term left out is 1e-17 of the first.
        tail = 1 / 12 - e * (1 / 20 - e * (1 / 30 - e * (1 / 42 - e * (1 / 56 - e / 72))))
        return p * e * e * (0.5 - e * (1 / 6 - e * tail)), abs(e) * 1.02
    turn = math.log1p(e) if abs(e) < 0.5 else math.log(s) - (math.log(p) if p > 1e-300 else log_p)
    return s * turn - off, abs(turn)
