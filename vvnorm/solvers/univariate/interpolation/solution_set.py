"""All minimal-VV-norm interpolants of univariate data.

Neighbouring inner points whose curvatures have the same direction form an aligned run. On a run of two or more points the
solution is not unique: f = f_D + u g there, with u the common direction and u.f any convex interpolant between the fixed
end slopes. In terms of kinks: a minimiser may move part of the curvature at two neighbouring points of a run into the gap
between them, to its centre of mass. Everywhere else every minimiser equals f_D.

Sources for one output: B. Hanin, "Ridgeless interpolation with shallow ReLU networks in 1D is nearest neighbor curvature
extrapolation and provably generalizes on Lipschitz functions", arXiv 2109.12960; T. Debarre, Q. Denoyelle, M. Unser, J.
Fageot, "Sparsest piecewise-linear regression of one-dimensional data", arXiv 2003.10112. The form for several outputs is
new.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vvnorm.network import ReLUNetwork
from vvnorm.solvers.univariate.interpolation.closed_form import ConnectTheDots, blocks, curvature_errors
from vvnorm.tolerances import LABEL_ROUNDING
from vvnorm.validation import Array


def aligned_runs(dots: ConnectTheDots) -> NDArray[np.intp]:
    """Cut the inner points with non-zero curvature into maximal aligned runs.

    Returns
    -------
    (R, 2) array of int
        First and last inner point of each run (0 is x_2), in order; runs of one point included.
    """
    bends = dots.norms > 0
    starts = bends.copy()
    starts[1:] &= ~dots.aligned
    ends = bends.copy()
    ends[:-1] &= ~dots.aligned
    return np.column_stack([np.flatnonzero(starts), np.flatnonzero(ends)])


def moving_outputs(dots: ConnectTheDots, pairs: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Whether minimisers differ in each output if the given pairs of neighbours are aligned; shape (T,).

    They differ in outputs whose curvatures at both points of a pair exceed rounding, even if other outputs' are much
    larger.
    """
    moves = np.zeros(dots.n_outputs, dtype=np.bool_)
    for start, stop in blocks(len(pairs), dots.n_outputs):
        if pairs[start:stop].any() and not moves.all():
            bends = np.abs(dots.curvatures(start, stop + 1)) > curvature_errors(dots, start, stop + 1, LABEL_ROUNDING)
            moves |= (bends[1:] & bends[:-1])[pairs[start:stop]].any(axis=0)
    return moves


def band(dots: ConnectTheDots, t: Array) -> tuple[Array, Array]:
    """Return the least and the largest values of minimisers at given points.

    Parameters
    ----------
    dots : ConnectTheDots
        The data.
    t : (n,) array
        Points, anywhere.

    Returns
    -------
    lower, upper : (n, T) arrays
        At each point some minimiser attains each end, but in general no minimiser attains an end at all points.
    """
    centre = dots(t)
    lower, upper = centre.copy(), centre.copy()
    piece = np.searchsorted(dots.x, t, side="right") - 1
    inside = (piece >= 1) & (piece <= len(dots.x) - 3)
    inside[inside] = dots.aligned[piece[inside] - 1]
    k, at = piece[inside], t[inside]
    # Below the chord, down to the larger of the two neighbouring chords extended.
    depth = np.minimum(dots.norms[k - 1] * (at - dots.x[k]), dots.norms[k] * (dots.x[k + 1] - at))
    end = centre[inside] - depth[:, None] * dots.directions_at(k - 1)
    lower[inside], upper[inside] = np.minimum(centre[inside], end), np.maximum(centre[inside], end)
    return lower, upper


def sample_minimisers(dots: ConnectTheDots, n: int, rng: np.random.Generator) -> list[ReLUNetwork]:
    """Draw random members of the solution set.

    Every member of a run keeps a random share of its curvature at the point, and sends the rest into the gaps on either
    side, as one kink at the centre of mass or as two around it. Where the solution is unique all draws are f_D.
    """
    return [_random_minimiser(dots, rng) for _ in range(n)]


def _random_minimiser(dots: ConnectTheDots, rng: np.random.Generator) -> ReLUNetwork:
    knots, m = dots.x[1:-1], dots.norms
    # low, high: the one-sided derivatives at the point, as fractions of its curvature. Extreme values have positive
    # probability.
    low, high = np.sort(np.clip(rng.uniform(-0.3, 1.3, (2, len(m))), 0.0, 1.0), axis=0)
    low[np.append(True, ~dots.aligned)[: len(m)]] = 0.0
    high[np.append(~dots.aligned, True)[: len(m)]] = 1.0
    left, right = ((1 - high) * m)[:-1], (low * m)[1:]
    gap = np.flatnonzero(dots.aligned & (left + right > 0))
    a, b = knots[gap], knots[gap + 1]
    mass = left[gap] + right[gap]
    centre = np.clip(a + (b - a) * (right[gap] / mass), a, b)
    spread = np.where(rng.random(len(gap)) < 0.5, 0.0, 1.0)
    back, ahead = spread * rng.random(len(gap)) * (centre - a), spread * rng.random(len(gap)) * (b - centre)
    both = back + ahead
    share = np.divide(ahead, both, out=np.ones_like(both), where=both > 0)
    where = np.concatenate([knots, centre - back, centre + ahead])
    delta = dots.curvatures(0, len(m))
    moved = (1 - high)[gap, None] * delta[gap] + low[gap + 1, None] * delta[gap + 1]
    return _network_of_kinks(
        dots, where, [(high - low)[:, None] * delta, share[:, None] * moved, (1 - share)[:, None] * moved]
    )


def sparsest(dots: ConnectTheDots) -> ReLUNetwork:
    """Return a minimiser with the fewest neurons of all: sum over runs of ceil(m / 2) for a run of m points.

    Each pair of neighbouring points of a run becomes one kink between them, where the chords on either side of the pair
    cross when extended; the last point of an odd run stays (Debarre, Denoyelle, Unser and Fageot for one output;
    the same argument holds for any T).
    """
    m = dots.norms
    runs = aligned_runs(dots)
    start = np.zeros(len(m), dtype=np.intp)
    start[runs[:, 0]] = runs[:, 0]
    leads = (m > 0) & ((np.arange(len(m)) - np.maximum.accumulate(start)) % 2 == 0)
    paired = leads & np.append(dots.aligned, False)[: len(m)]
    return network_of_pairs(dots, paired)


def network_of_pairs(dots: ConnectTheDots, paired: NDArray[np.bool_]) -> ReLUNetwork:
    """Return the minimiser in which some neighbouring aligned points share one kink, where extended chords cross.

    Parameters
    ----------
    dots : ConnectTheDots
        The data.
    paired : (N - 2,) array of bool
        Whether inner points j and j + 1 are joined. No point may be in two pairs.
    """
    knots, m = dots.x[1:-1], dots.norms
    second = np.append(False, paired[:-1])[: len(m)]
    alone, pair = np.flatnonzero((m > 0) & ~paired & ~second), np.flatnonzero(paired)
    crossing = knots[pair] + (knots[pair + 1] - knots[pair]) * (m[pair + 1] / (m[pair] + m[pair + 1]))
    kept, merged = np.concatenate([alone, pair]), np.concatenate([alone, pair + 1])
    jumps = _curvatures_at(dots, kept)
    jumps[len(alone) :] += _curvatures_at(dots, merged[len(alone) :])
    return _network_of_kinks(dots, np.concatenate([knots[alone], crossing]), [jumps])


def _curvatures_at(dots: ConnectTheDots, points: NDArray[np.intp]) -> Array:
    """Curvatures at some inner points; shape (len(points), T)."""
    return dots.norms[points][:, None] * dots.directions_at(points)


def _network_of_kinks(dots: ConnectTheDots, where: Array, jumps: Sequence[Array]) -> ReLUNetwork:
    """Build the network with given slope jumps at some places and the left piece of f_D.

    A merged kink has the sum of the neighbours' jumps, so that the function equals f_D beyond both.
    """
    V = np.vstack(jumps)
    keep = V.any(axis=1)
    where, V = where[keep], V[keep]
    order = np.argsort(where, kind="stable")
    slope = dots.slopes(0, 1)[0]
    return ReLUNetwork(np.ones((len(order), 1)), -where[order], V[order].T, slope[:, None], dots.offset(slope))
