"""The first neurons of a large problem in the plane: steps eta <- eta ||a||^p that alternate with searches.

A step takes one factorisation of M in single precision, a tenth of a Newton step. Its dual array does not lie at a vertex
of the dual's feasible set, so that the neurons that respond to it are spread well. After sixteen searches the value is
within 1 % of the optimum, and few neurons are missing: column generation then takes two thirds of the rounds, and its
Newton steps begin with nearly the right active set.

With p = 1 a step minimises sum_k (||v_k||^2 / eta_k + eta_k) / 2 over V, then over eta, so the objective never rises. For a
neuron by itself ||a|| is proportional to 1 / eta, and the steps converge for every p between 0 and 2.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from vvnorm.solvers.multivariate.neuron_search import Neurons
from vvnorm.validation import Array

MANY: Final = 150
"""Points from which this pays."""

SEARCHES: Final = 16
STEPS: Final = 3
"""Between two searches."""

LAST: Final = 10
"""Steps after the last search."""

POWER: Final = 1.5
"""The exponent p."""

ABOVE: Final = 1.02
"""Responses above which a neuron joins."""

LIGHT: Final = 0.25
"""Share of the mean weight below which a neuron leaves, unless its weight grows."""

FEWEST: Final = 3
"""Number of neurons per point, those of largest weight, that do not leave: neurons must span the labels."""

LEAST: Final = 0.3
"""The same at the end, for all neurons: pivoting takes long where many weights become 0."""

_SHARE = 0.3  # of the mean weight, which a new neuron has at least
_NEAR = 0.2  # angle within which a new neuron takes the place of others with their kinks through the same point only


def heavy(eta: Array, N: int) -> NDArray[np.bool_]:
    """Whether the weights eta (K,) are among those that stay, of neurons on N points."""
    bar = LIGHT * float(np.mean(eta))
    if len(eta) > FEWEST * N:
        bar = min(bar, float(np.partition(eta, -FEWEST * N)[-FEWEST * N]))
        return eta >= bar
    return np.ones(len(eta), dtype=np.bool_)


def renewed(old: Neurons, eta: Array, new: Neurons, N: int) -> tuple[NDArray[np.bool_], Neurons, Array]:
    """Decide which neurons stay when others join.

    Parameters
    ----------
    old : Neurons
    eta : (K,) array
        Their weights.
    new : Neurons
        In the plane, at most one for each base point.
    N : int
        Number of points.

    Returns
    -------
    stay : (K,) array of bool
        New neurons take the place of those near them.
    new : Neurons
        Those that are not among the old ones.
    weights : array
        Their weights: those of the neurons whose place they take, or a share of the mean.
    """
    new = new[~np.isin(_pairs(new, N), _pairs(old, N)) | (new.through[:, 0] < 0)]
    place, w = np.full(N, -1), np.zeros((N, 2))
    free = np.flatnonzero(new.through[:, 0] < 0)
    place[new.anchor[free]], w[new.anchor[free]] = free, new.w[free]
    beside = w[old.anchor]
    turn = np.abs(beside[:, 0] * old.w[:, 1] - beside[:, 1] * old.w[:, 0])
    near = (place[old.anchor] >= 0) & (old.through[:, 0] < 0) & (turn < _NEAR)
    weights = np.zeros(len(new))
    np.add.at(weights, place[old.anchor[near]], eta[near])
    return ~near, new, np.maximum(weights, _SHARE * float(np.mean(eta)))


def _pairs(neurons: Neurons, N: int) -> NDArray[np.int64]:
    """Return one number for each unordered pair of points on the kink; -1 for a kink through one point."""
    through = neurons.through[:, 0]
    low, high = np.minimum(neurons.anchor, through), np.maximum(neurons.anchor, through)
    return np.where(through >= 0, low * N + high, -1)
