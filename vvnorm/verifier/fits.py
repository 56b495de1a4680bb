"""Shared by the verifiers of regularised fits for one and for several inputs: reading of labels and dual arrays."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from vvnorm._internal.words import count
from vvnorm.float64 import Rows, read_dual
from vvnorm.losses import Loss, fit_labels, rounding_losses
from vvnorm.network import ReLUNetwork
from vvnorm.piecewise import PiecewiseLinear
from vvnorm.tolerances import EPS
from vvnorm.validation import Array, as_labels

MARGIN_USED: Final = 0.9
"""Share of its margin inside the domain by which an entry of a dual array may be moved."""

DRIFT_ALLOWED: Final = 2.0**-20
"""Share of its margin by which exact arithmetic may still move an entry, in an unknown direction."""

INSIDE: Final = 1 - 2.0**-50
"""Factor that keeps a dual array away from the end of its domain."""


def read_labels(
    function: ReLUNetwork | PiecewiseLinear,
    Y: ArrayLike,
    n: int,
    loss: str | Loss | Sequence[str | Loss],
    weights: ArrayLike | None,
) -> tuple[Array, Array | None, tuple[Loss, ...]]:
    """Return labels (n, T) as the losses read them, their weights, and the loss of each of the function's outputs."""
    labels = as_labels(Y, n, allow_missing=True)
    if labels.shape[1] != function.n_outputs:
        raise ValueError(f"Y has {count(labels.shape[1], 'output')}, the function has {function.n_outputs}")
    return fit_labels(labels, loss, weights)


def dual_of_shape(dual: Rows | ArrayLike, shape: tuple[int, ...]) -> Rows:
    """Read a dual array of a given shape; its entries are looked at block by block."""
    rows = read_dual(dual)
    if isinstance(rows, np.ndarray) and rows.ndim == 1:
        rows = rows[:, None]
    if tuple(rows.shape) != shape:
        raise ValueError(f"dual has shape {tuple(rows.shape)}; the labels have shape {shape}")
    return rows


def is_label_rounding(
    losses: Sequence[Loss], outputs: Array, penalty: float, low: Array, high: Array, total: Array
) -> bool:
    """Whether an objective is at most the rounding of the labels, as `vvnorm.verifier.line_fit` defines it.

    Parameters
    ----------
    losses : sequence of T losses
    outputs : (T,) array
        Bounds from above on the losses of each output.
    penalty : float
        lam times the VV norm.
    low, high, total : (T,) arrays
        Range of the labels with a weight, and the sum of their weights.
    """
    at_most = outputs + penalty * (1 + (len(outputs) + 64) * EPS)
    return bool(np.all(at_most <= rounding_losses(losses, low, high, total)))
