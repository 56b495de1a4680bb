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
    current, notes = (list(networks), []) if polish else _mended(networks, X, Y, lams, convention)
    costs = {"trained": _costs(networks, penalise_bias)}
    for name, stage in stages:
        for index, network in enumerate(current):
            try:
                current[index] = stage(network, float(lams[index]))
            except ValueError as error:
                notes.append(f"network {index} could not be {_IN_WORDS[name]}: {error}")
        costs[name] = _costs(current, penalise_bias)
    return current, costs, tuple(notes)


def _mended(
    networks: Sequence[ReLUNetwork], X: Array, Y: Array, lams: Array, convention: dict[str, bool]
) -> tuple[list[ReLUNetwork], list[str]]:
    """Polish networks that fit worse than an affine function.

    Their affine part was the best one in exact arithmetic. So they have lost what they learned to rounding, as happens
    where inputs nearly coincide: large weights of opposite signs cancel.
    """
    free = np.column_stack([np.ones(len(X)), X - X.mean(axis=0)])[:, : None if convention["skip"] else 1]
    labels = Y - Y.mean(axis=0)
    with np.errstate(over="ignore", invalid="ignore"):
        straight = float(np.sum((labels - free @ np.linalg.lstsq(free, labels, rcond=1e-12)[0]) ** 2))
        worst = straight * (1 + _WORSE) + len(X) * (_ROUNDING * float(np.max(np.abs(Y)))) ** 2
        broken = [not float(np.sum((f(X) - Y) ** 2)) <= worst for f in networks]
    current, notes = list(networks), []
    for index in np.flatnonzero(broken).tolist():
        lost = f"network {index} fits worse than an affine function: nearly equal inputs cost it its digits;"
        try:
            if len(X) > _MOST_POLISHED:
                raise ValueError("that is for fewer points")
            current[index] = polished(networks[index], X, Y, float(lams[index]), **convention).network
            notes.append(f"{lost} its output weights were solved for again (polish)")
        except ValueError as error:
            notes.append(f"{lost} and its output weights could not be solved for again: {error}")
    return current, notes


_WORSE = 1.0  # sums of squares more than twice that of the best affine function: no trifle
_ROUNDING = 1e-9  # of the labels: misfits that tell nothing
_MOST_POLISHED = 4000  # points
_IN_WORDS = {"polished": "polished", "pruned": "pruned", "exact": "made to fit exactly"}


def _costs(networks: Sequence[ReLUNetwork], penalise_bias: bool) -> Array:
    return np.array([f.vv_norm_with_bias if penalise_bias else f.vv_norm for f in networks])
