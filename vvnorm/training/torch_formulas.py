"""Losses and penalties of torch tensors, with their derivatives; no other module of training has these formulas.

`vvnorm.losses` defines the same losses for NumPy arrays, and their labels. The leading axis S is the runs.
"""

from collections.abc import Sequence
from typing import Literal

import torch

from vvnorm.losses import Loss

Penalty = Literal["path_norm", "weight_decay"]
"""The penalty that lam multiplies: sum_k ||w_k|| ||v_k||, or sum_k (||w_k||^2 + ||v_k||^2) / 2."""


def separate_losses(losses: Sequence[Loss], u: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the losses of fitted values and their slopes, (S, n, m) each, for m outputs and the loss of each."""
    if len(set(losses)) == 1:
        return separate_loss(losses[0], u, y)
    parts = [separate_loss(loss, u[..., [k]], y[..., [k]]) for k, loss in enumerate(losses)]
    return torch.cat([value for value, _ in parts], 2), torch.cat([slope for _, slope in parts], 2)


def separate_loss(loss: Loss, u: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the loss of every fitted value and its slope, for a loss of single outputs.

    Parameters
    ----------
    loss : Loss
    u, y : (S, n, m) tensors
        Fitted values and labels.
    """
    error = u - y
    if loss.name == "squared":
        return error.square() / 2, error
    if loss.name == "logistic":
        return torch.nn.functional.softplus((1 - 2 * y) * u, threshold=40), torch.sigmoid(u) - y
    if loss.name == "hinge":
        margin = 1 - y * u
        return margin.relu(), -y * (margin > 0)
    if loss.name == "huber":
        slope = error.clamp(-loss.parameter, loss.parameter)
        return slope * (error - slope / 2), slope
    assert loss.name == "one_class"
    return torch.maximum(-loss.parameter * error, (1 - loss.parameter) * error), (error > 0).to(u) - loss.parameter


def softmax_loss(u: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the cross-entropy of every sample, (S, n, 1), and its slopes, (S, n, m), for scores u and one-hot labels y."""
    value = torch.logsumexp(u, dim=2, keepdim=True) - (y * u).sum(2, keepdim=True)
    return value, torch.softmax(u, dim=2) - y


def column_norms(columns: torch.Tensor) -> torch.Tensor:
    """Return the norms of the columns of (S, n, K), shape (S, K); ten times as fast as `torch.linalg.norm` for small n."""
    return columns.square().sum(1).sqrt()


def path_norm(w: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    """Return sum_k w_k v_k, shape (S,), for the norms w and v of the two sides of every neuron, (S, K) each."""
    return (w * v).sum(1)


def path_norm_factors(w: torch.Tensor, v: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return f and g, (S, K) each, such that the path norm has the gradient f_k w_k in w_k and g_k v_k in v_k.

    They are ||v_k|| / ||w_k|| and its inverse. The norms w and v must be positive: callers add a tiny number to them.
    """
    return v / w, w / v
