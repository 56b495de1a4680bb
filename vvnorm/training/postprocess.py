"""The optional stages after gradient training: polishing (a convex program), pruning, and an exact fit."""

from collections.abc import Callable, Sequence

import numpy as np

from vvnorm.network import ReLUNetwork
from vvnorm.tolerances import TRAINED
from vvnorm.training.near_inputs import nearly_coincide
from vvnorm.training.pruning import pruned
from vvnorm.training.reoptimisation import MOST_POINTS, cost_of, exact_fit
from vvnorm.training.reoptimisation import polish as polished
from vvnorm.validation import Array
from vvnorm.verifier.interpolants import relative_misfit


def finish(
    networks: Sequence[ReLUNetwork],
    X: Array,
    Y: Array,
    lams: Array,
    skip: bool,
    penalise_bias: bool,
    *,
    interpolate: bool,
    polish: bool,
    prune: float,
    exact: bool,
) -> tuple[list[ReLUNetwork], dict[str, Array], tuple[str, ...]]:
    """Apply the requested stages to trained networks; `interpolate` says whether they should fit the labels exactly.

    Returns
    -------
    networks : list of ReLUNetwork
    costs : dict of (S,) arrays
        Costs after training ('trained') and after each requested stage, in order.
    notes : tuple of str
        Networks for which a stage failed, with the reason; that stage leaves them unchanged.
    """
    convention = {"skip": skip, "penalise_bias": penalise_bias}
    stages: list[tuple[str, Callable[[ReLUNetwork, float], ReLUNetwork]]] = []
    if polish:
        stages.append(("polished", lambda f, lam: polished(f, X, Y, 0.0 if exact else lam, **convention).network))
    if prune:
        stages.append(("pruned", lambda f, lam: pruned(f, X, Y, tol=prune, **convention).balanced()))
    if exact and (prune or not polish):
        stages.append(("exact", lambda f, lam: exact_fit(f, X, Y, **convention)))
    current, notes = (list(networks), []) if polish else _mended(networks, X, Y, lams, convention, interpolate)
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
    networks: Sequence[ReLUNetwork], X: Array, Y: Array, lams: Array, convention: dict[str, bool], interpolate: bool
) -> tuple[list[ReLUNetwork], list[str]]:
    """Polish networks that miss the labels because inputs nearly coincide.

    At such inputs large weights of opposite signs cancel. So a network may lose accuracy to rounding, or training may end
    far from the optimum. The docstring of `vvnorm.train` defines a miss.
    """
    if not nearly_coincide(X):
        return list(networks), []
    current, notes = list(networks), []
    misses = interpolation_miss if interpolate else _affine_miss(X, Y, convention["skip"])
    for index, network in enumerate(networks):
        if not (miss := misses(network, X, Y)):
            continue
        missed = f"network {index} {miss}, where inputs nearly coincide"
        try:
            if len(X) > MOST_POINTS:
                raise ValueError(f"this is possible for at most {MOST_POINTS} points")
            current[index] = polished(network, X, Y, float(lams[index]), **convention).network
        except ValueError as error:
            notes.append(f"{missed}; its output weights could not be solved for again: {error}")
            continue
        remaining = misses(current[index], X, Y)
        after = f", and still {remaining}; vvnorm.interpolate and vvnorm.fit need no training" if remaining else ""
        notes.append(f"{missed}; its output weights were solved for again (polish){after}")
    return current, notes


def interpolation_miss(network: ReLUNetwork, X: Array, Y: Array) -> str:
    """Say by how much a network misses labels that it should interpolate; return an empty text if within `TRAINED`."""
    with np.errstate(over="ignore", invalid="ignore"):
        misfit = relative_misfit(np.nanmax(np.abs(network(X) - Y), axis=0), np.nanmin(Y, axis=0), np.nanmax(Y, axis=0))
    return "" if misfit <= TRAINED else f"misses a label by {misfit:.2g} half ranges"


def _affine_miss(X: Array, Y: Array, skip: bool) -> Callable[[ReLUNetwork, Array, Array], str]:
    """Return a function that says whether a network fits much worse than the best affine function."""
    free = np.column_stack([np.ones(len(X)), X - X.mean(axis=0)])[:, : None if skip else 1]
    affine_misfits = np.array([_affine_misfit(free[~np.isnan(column)], column[~np.isnan(column)]) for column in Y.T])
    most = _WORSE * affine_misfits + len(X) * (_ROUNDING * np.nanmax(np.abs(Y), axis=0)) ** 2

    def miss(network: ReLUNetwork, X: Array, Y: Array) -> str:
        with np.errstate(over="ignore", invalid="ignore"):
            fits = np.all(np.nansum((network(X) - Y) ** 2, axis=0) <= most)
            return "" if fits else "fits worse than an affine function"

    return miss


def _affine_misfit(free: Array, column: Array) -> float:
    """Return the residual sum of squares of the least-squares fit of labels (n,) by the columns of `free`."""
    labels = column - column.mean()
    return float(np.sum((labels - free @ np.linalg.lstsq(free, labels, rcond=1e-12)[0]) ** 2))


_WORSE = 2.0  # relative to the best affine function's sum of squares
_ROUNDING = 1e-9  # misfits below this part of the labels are ignored
_IN_WORDS = {"polished": "polished", "pruned": "pruned", "exact": "made to fit exactly"}


def _costs(networks: Sequence[ReLUNetwork], penalise_bias: bool) -> Array:
    return np.array([cost_of(network, penalise_bias) for network in networks])
