"""Measures of and between networks. Knows no solver."""

import math

import numpy as np

from vvnorm.network import ReLUNetwork, row_norms


def sup_distance(f: ReLUNetwork, g: ReLUNetwork, low: float, high: float) -> float:
    """Return sup of ||f(x) - g(x)||_2 over [low, high] for networks of one input.

    Parameters
    ----------
    f, g : ReLUNetwork
        One input, equal numbers of outputs.
    low, high : float
        Ends of the interval, low <= high.

    Returns
    -------
    float
        In output units. Exact up to the rounding of the evaluations: f - g is linear between kinks, so its norm is
        convex there and the supremum is reached at an end or at a kink.

    Raises
    ------
    ValueError
        If the networks do not fit each other or the interval is empty.
    """
    if f.n_inputs != 1 or g.n_inputs != 1 or f.n_outputs != g.n_outputs:
        raise ValueError(
            f"f and g must have one input and equal outputs, got {f.n_inputs} to {f.n_outputs} "
            f"and {g.n_inputs} to {g.n_outputs}"
        )
    if not (math.isfinite(low) and math.isfinite(high) and low <= high):
        raise ValueError(f"low and high must be finite with low <= high, got {low!r} and {high!r}")
    kinks = np.concatenate([f.kinks[0], g.kinks[0]])
    points = np.concatenate([[low, high], kinks[(kinks > low) & (kinks < high)]])
    return float(np.max(row_norms(f(points) - g(points))))
