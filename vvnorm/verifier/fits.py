"""What the verifiers of regularised fits share, whatever the number of inputs: labels and dual arrays as they read them."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from vvnorm._internal.words import count
from vvnorm.float64 import Rows, read_dual
from vvnorm.losses import Loss, as_losses, canonical_labels
from vvnorm.network import ReLUNetwork
from vvnorm.piecewise import PiecewiseLinear
from vvnorm.validation import Array, as_labels


def labels_and_losses(
    function: ReLUNetwork | PiecewiseLinear, Y: ArrayLike, n: int, loss: str | Loss | Sequence[str | Loss]
) -> tuple[Array, tuple[Loss, ...]]:
    """Labels (n, T) as the losses read them, and losses, one for each of the function's outputs."""
    labels = as_labels(Y, n, allow_missing=True)
    if labels.shape[1] != function.n_outputs:
        raise ValueError(f"Y has {count(labels.shape[1], 'output')}, the function has {function.n_outputs}")
    losses = as_losses(loss, labels.shape[1])
    return canonical_labels(labels, losses), losses


def dual_of_shape(dual: Rows | ArrayLike, shape: tuple[int, ...]) -> Rows:
    """Read a dual array of a given shape; its entries are looked at block by block."""
    rows = read_dual(dual)
    if isinstance(rows, np.ndarray) and rows.ndim == 1:
        rows = rows[:, None]
    if tuple(rows.shape) != shape:
        raise ValueError(f"dual has shape {tuple(rows.shape)}; the labels have shape {shape}")
    return rows
