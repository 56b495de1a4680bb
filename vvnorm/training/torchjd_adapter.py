"""Connection to torchjd (extra `multitask`): UPGrad for `train_tasks`, and an exact MGDA for users of torchjd.

No other file imports torchjd. The MGDA of torchjd is the Frank-Wolfe method with 100 steps, which is inexact for more than
two tasks; `ExactMGDA` can be used in its place. UPGrad (P. Quinton, V. Rey, arXiv 2406.16232) adds 1e-4 times the trace to
the diagonal of the matrix of inner products.
"""

from typing import Any

import numpy as np
import torch

from vvnorm.multitask.least_norm import minimum_norm_weights
from vvnorm.validation import Array

try:
    from torchjd.aggregation import GramianWeightedAggregator, UPGradWeighting, Weighting
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(f"{error}; weighting 'upgrad' needs: pip install 'vvnorm[multitask]'") from None


def upgrad_weights(grams: Array) -> Array:
    """UPGrad's weights, of mean 1 / T on orthogonal gradients, for inner products (S, T, T); shape (S, T)."""
    weighting = UPGradWeighting()
    weights: Array = np.stack([weighting(torch.from_numpy(gram)).numpy() for gram in grams])
    return weights


class ExactMGDAWeighting(Weighting[Any]):
    """Weights of the point of least norm in the hull of the gradients, from their inner products (T, T)."""

    def forward(self, stat: torch.Tensor, /) -> torch.Tensor:
        """Return the weights, (T,), where the inner products are."""
        weights = minimum_norm_weights(stat.detach().double().cpu().numpy()[None])[0]
        return torch.from_numpy(weights).to(stat)


class ExactMGDA(GramianWeightedAggregator):
    """torchjd's MGDA with the point of least norm found exactly: `aggregator(jacobian)` for a (T, D) Jacobian."""

    def __init__(self) -> None:
        super().__init__(ExactMGDAWeighting())
