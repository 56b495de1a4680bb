"""Bound on the distance of a nearly minimal interpolant from connect-the-dots (claim `stability`; a new result).

Let f interpolate the data with VV(f) <= R(D) + excess, let t lie in the piece [x_i, x_{i+1}] of length h at the
fraction tau, and let eta be the dual certificate: linear on the piece, ||eta|| <= 1, equal to delta / ||delta|| where
there is a curvature, free where there is none, 0 at x_1 and x_N. Then excess >= int (1 - ||eta||) d|f''|, and f - f_D on
the piece is the integral of its Green function G against f'': the distance at t is at most the excess times the supremum
over s of G(t, s) / (1 - ||eta(s)||). G(t, s) is h times the smaller of tau_s (1 - tau) and tau (1 - tau_s), and
1 - ||eta|| is concave on the piece and not negative at its ends, so that supremum is reached at s = t:

    ||f(t) - f_D(t)|| <= excess * h tau (1 - tau) / (1 - ||eta(t)||).

Between two curvatures at angle theta this is excess * h (1 + ||eta(t)||) / (2 (1 - cos theta)), never more than the
excess * h / (1 - cos theta) of the theory, and reached to first order in the excess by moving a little curvature to t.
At a point without curvature eta may be chosen to make the bound least: opposite to its neighbour.
"""

import numpy as np
from numpy.typing import NDArray

from vvnorm.network import row_norms
from vvnorm.solvers.univariate.interpolation.closed_form import ConnectTheDots
from vvnorm.validation import Array


def distance_bound(dots: ConnectTheDots, t: Array, excess: float) -> Array:
    """Bound ||f(t) - f_D(t)||_2 for every interpolating f with VV(f) <= R(D) + excess.

    Parameters
    ----------
    dots : ConnectTheDots
        The data.
    t : (n,) array
        Points, anywhere.
    excess : float
        Cost above R(D), non-negative, in units of the VV norm.

    Returns
    -------
    (n,) array
        In label units; inf inside a gap of an aligned run, where minimisers differ.
    """
    x = dots.x
    last = len(x) - 2
    piece = np.clip(np.searchsorted(x, t, side="right") - 1, 0, last)
    h = x[piece + 1] - x[piece]
    tau = np.clip((t - x[piece]) / h, 0.0, 1.0)
    left, right = _ends(dots, piece), _ends(dots, piece + 1)
    bound = h * _constant(left, right, piece == 0, piece == last, tau)
    joined = (piece >= 1) & (piece < last)
    joined[joined] = dots.aligned[piece[joined] - 1]
    bound[joined] = np.inf
    bound[(tau == 0) | (tau == 1)] = 0.0  # f interpolates at data points
    outside = np.maximum(x[0] - t, t - x[-1])
    bound = np.where(outside > 0, outside, bound)
    return bound * excess if excess > 0 else np.where(np.isinf(bound), np.inf, 0.0)


def _ends(dots: ConnectTheDots, point: NDArray[np.intp]) -> Array:
    """Unit curvature at data points by index; zero at both ends."""
    ends = np.zeros((len(point), dots.n_outputs))
    inner = (point > 0) & (point < len(dots.x) - 1)
    ends[inner] = dots.directions_at(point[inner] - 1)
    return ends


def _constant(left: Array, right: Array, first: Array, last: Array, tau: Array) -> Array:
    """tau (1 - tau) / (1 - ||eta||) with the best eta; `first`, `last`: where eta = 0 is forced at that end."""
    bends_left, bends_right = left.any(axis=1), right.any(axis=1)
    apart = row_norms(right - left) ** 2 / 2  # 1 - cos theta
    norm = row_norms((1 - tau)[:, None] * left + tau[:, None] * right)
    with np.errstate(divide="ignore"):
        both = (1 + norm) / (2 * apart)
    # One curvature: at fraction s from its own end, against a free end and against a forced zero.
    s = np.where(bends_left, tau, 1 - tau)
    free = np.where(s < 0.5, (1 - s) / 2, s * (1 - s))
    forced = np.where(bends_left, last, first)
    one_sided = np.where(forced, 1 - s, free)
    none = tau * (1 - tau)
    return np.where(bends_left & bends_right, both, np.where(bends_left | bends_right, one_sided, none))
