"""Least l^p path norm, 0 < p < 1: the neighbouring kinks of connect-the-dots that are merged.

The l^p path norm of a network is sum_k (||w_k|| ||v_k||)^p. Source: Nakhleh and Nowak, "Global minimizers of
l^p-regularized objectives yield the sparsest ReLU neural networks", arXiv 2505.21791, for one output.

For one output an interpolant is given by its slopes left and right of each data point. In a gap with chord slope s, entered
with slope a and left with slope b, the least cost is |b - a|^p if s lies between a and b, and |s - a|^p + |b - s|^p if not.
Between the lines where these formulas change the cost is concave in all slopes, so a minimum lies where every slope at a
point is that of a chord beside it. Such interpolants are matchings: each curvature stays at its point, or it is joined with
one neighbour of the same sign into a kink between both. Joining curvatures a and b gains |a|^p + |b|^p - |a + b|^p > 0. The
least cost is therefore reached by a matching of most gain, and every minimiser is a minimal-VV-norm interpolant.

For several outputs the same matchings are the minimisers of the l^p path norm among minimal-VV-norm interpolants
(curvatures of an aligned run are multiples of one direction). Other interpolants may cost less: claim `lp_path_norm`.

A matching of most gain is found along the line: with z_1 = 0 and z_{k+1} = max(0, gain_k - z_k) the points carry weights z
whose sums over neighbours are at least the gains. So no matching gains more than sum_k z_k, and one reaches it.
"""

import math

import numpy as np

from vvnorm.network import ReLUNetwork
from vvnorm.solvers.univariate.interpolation.closed_form import ConnectTheDots
from vvnorm.solvers.univariate.interpolation.solution_set import aligned_runs, network_of_pairs
from vvnorm.tolerances import EPS
from vvnorm.validation import Array

_NARROWEST = 2.0**-30  # step in p below which the search for the critical p stops
_ROUNDING = 64 * EPS  # rounding of a gain of curvatures of at most 1: three powers, their sum, and the sums along a run


def lp_minimiser(dots: ConnectTheDots, p: float) -> ReLUNetwork:
    """Return the minimal-VV-norm interpolant of least l^p path norm, 0 < p < 1, in O(N)."""
    weights = matching_weights(dots, p)
    paired = np.zeros(len(weights), dtype=np.bool_)
    values = weights.tolist()
    last = len(values) - 1
    while last > 0:
        if values[last] > 0:
            paired[last - 1] = True
            last -= 1
        last -= 1
    return network_of_pairs(dots, paired)


def matching_weights(dots: ConnectTheDots, p: float) -> Array:
    """Weights z of the inner points that prove a matching to be the best, in units of the largest curvature to the p.

    Returns
    -------
    (N - 2,) array
        z >= 0, and z_k + z_{k+1} is at least the gain of joining k and k + 1 where both are aligned. The least l^p path
        norm is sum_k ||delta_k||^p - sum_k z_k.
    """
    sizes = dots.norms / (dots.norms.max(initial=0.0) or 1.0)
    gains = np.where(dots.aligned, _gains(sizes, p), 0.0)
    weights = np.zeros(len(sizes))
    z = 0.0
    for k, gain in enumerate(gains.tolist(), 1):
        z = gain - z if gain > z else 0.0
        weights[k] = z
    return weights


def _gains(sizes: Array, p: float) -> Array:
    """Return a^p + b^p - (a + b)^p of neighbouring curvatures a and b."""
    powers = sizes**p
    gains: Array = powers[:-1] + powers[1:] - (sizes[:-1] + sizes[1:]) ** p
    return gains


def critical_exponent(dots: ConnectTheDots) -> tuple[float, float]:
    """Bound the critical p, below which every minimiser of the l^p path norm has the fewest neurons.

    Runs of three points or fewer are joined as far as they can be for every p < 1. In longer ones the sparsest matching is
    compared with those that are not, on whole intervals of p, from 0 upwards.
    """
    lower = upper = 1.0
    for first, last in aligned_runs(dots).tolist():
        if last - first >= 3:
            sizes = dots.norms[first : last + 1]
            low, high = _critical_of_run(sizes / sizes.max(), upper)
            lower, upper = min(lower, low), min(upper, high)
    return lower, upper


def _critical_of_run(sizes: Array, most: float) -> tuple[float, float]:
    """Bound the critical p of one run, whose largest curvature is 1; the search ends at `most`."""
    low, step = 0.0, 0.25
    while low < most and step >= _NARROWEST:
        high = min(low + step, most)
        if _sparsest_is_better(sizes, low, high):
            low, step = high, 2 * step
        else:
            step /= 2
    step = _NARROWEST
    while low + step < most:
        if _sparsest_is_worse(sizes, low + step):
            return low, low + step
        step *= 2
    return low, most


def _sparsest_is_better(sizes: Array, low: float, high: float) -> bool:
    """Whether, for every p in [low, high], the best matching that leaves fewest points alone beats all others."""
    at_low, at_high = sizes**low, sizes**high
    both = sizes[:-1] + sizes[1:]
    joined = np.array([both**low, both**high])
    # Powers of sizes at most 1 fall with p; those of sums may rise.
    least = at_high[:-1] + at_high[1:] - joined.max(axis=0) - _ROUNDING
    largest = at_low[:-1] + at_low[1:] - joined.min(axis=0) + _ROUNDING
    return _best(least)[0] > _best(largest)[1]


def _sparsest_is_worse(sizes: Array, p: float) -> bool:
    gains = _gains(sizes, p)
    return _best(gains + _ROUNDING)[0] < _best(gains - _ROUNDING)[1]


def _best(gains: Array) -> tuple[float, float]:
    """Return the most gain of matchings that leave at most one point alone, and of those that leave two or more."""
    none = (-math.inf,) * 4
    # Most gain by number of points left alone (0, 1, 2, 3 or more), before the last point and after it.
    before, after = none, (0.0, -math.inf, -math.inf, -math.inf)
    for gain in [-math.inf, *gains.tolist()]:
        joined = [value + gain for value in before]
        alone = (-math.inf, after[0], after[1], max(after[2], after[3]))
        before, after = after, tuple(max(pair) for pair in zip(joined, alone, strict=True))
    return max(after[:2]), max(after[2:])
