"""What may follow gradient training: a convex polish, pruning, and an exact fit."""

from collections.abc import Callable, Sequence

import numpy as np

from vvnorm.data import Array
from vvnorm.network import ReLUNetwork
from vvnorm.training.polish import exact_fit, pruned
from vvnorm.training.polish import polish as polished


def finish(
    networks: Sequence[ReLUNetwork],
    X: Array,
    Y: Array,
    lams: Array,
    skip: bool,
    penalise_bias: bool,
    *,
    polish: bool,
    prune: float,
    exact: bool,
) -> tuple[list[ReLUNetwork], dict[str, Array], tuple[str, ...]]:
    """Polish, prune and fit trained networks as asked.

    Returns
    -------
    networks : list of ReLUNetwork
    costs : dict of (S,) arrays
        Costs after training ('trained') and after each stage that was asked for, in order.
    notes : tuple of str
        Networks for which a stage could not be done, and why; they stay as the stage found them.
    """
    convention = {"skip": skip, "penalise_bias": penalise_bias}
    stages: list[tuple[str, Callable[[ReLUNetwork, float], ReLUNetwork]]] = []
    if polish:
        stages.append(("polished", lambda f, lam: polished(f, X, Y, 0.0 if exact else lam, **convention).network))
    if prune:
        stages.append(("pruned", lambda f, lam: pruned(f, X, Y, tol=prune, **convention)))
    if exact and (prune or not polish):
        stages.append(("exact", lambda f, lam: exact_fit(f, X, Y, **convention)))
    current, notes = list(networks), []
    costs = {"trained": _costs(current, penalise_bias)}
    for name, stage in stages:
        for index, network in enumerate(current):
            try:
                current[index] = stage(network, float(lams[index]))
            except ValueError as error:
                notes.append(f"network {index} could not be {_IN_WORDS[name]}: {error}")
        costs[name] = _costs(current, penalise_bias)
    return current, costs, tuple(notes)


_IN_WORDS = {"polished": "polished", "pruned": "pruned", "exact": "made to fit exactly"}


def _costs(networks: Sequence[ReLUNetwork], penalise_bias: bool) -> Array:
    return np.array([f.vv_norm_with_bias if penalise_bias else f.vv_norm for f in networks])
