"""Shared by the claims on several objectives: networks with tasks, and the gradients of the tasks in two implementations.

`library_gradients` are the ones that training uses, in closed form. `autograd_gradients` come from automatic
differentiation of torch's losses.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from vvnorm._internal.words import count
from vvnorm.claims import Instance
from vvnorm.multitask.tasks import Task, one_hot
from vvnorm.network import ReLUNetwork
from vvnorm.tolerances import EPS
from vvnorm.validation import Array

ROUNDING = 1e3 * EPS  # of sums over some hundred samples and neurons, relative to the magnitudes of their terms

_LOSSES = ("squared", "logistic", "hinge", "huber:1", "softmax")
_CLASSES = 3


@dataclass(frozen=True, eq=False)
class Gradients:
    """Gradients of the losses of T tasks at n samples.

    Attributes
    ----------
    shared : (T, K, d + 1) array
        With respect to w_k and b_k.
    hidden : (T, n, K) array
        With respect to the values of the hidden layer.
    own : (T, P) array
        With respect to V, A and c, flattened one after another; entries in other tasks' rows are 0.
    """

    shared: Array
    hidden: Array
    own: Array


# --- instances --------------------------------------------------------------------------------------------------------


def draw_tasks(rng: np.random.Generator, steps: int, losses: Sequence[str] | None = None) -> dict[str, Any]:
    """Draw Gaussian inputs, two to four tasks of mixed losses, and a network, random or trained for `steps` steps."""
    n, d = int(rng.integers(20, 40)), int(rng.integers(1, 6))
    chosen = tuple(rng.choice(_LOSSES, int(rng.integers(2, 5))).tolist()) if losses is None else tuple(losses)
    network = {"width": int(rng.integers(5, 20)), "steps": steps, "head_scale": 1.0, "seed": int(rng.integers(2**31))}
    return {"X": rng.standard_normal((n, d)), "Y": _labels(n, chosen, rng), "losses": chosen, **network}


def _labels(n: int, losses: Sequence[str], rng: np.random.Generator) -> Array:
    columns = []
    for loss in losses:
        if loss == "softmax":
            columns.append(one_hot(rng.permutation(np.arange(n) % _CLASSES))[0])
        elif loss in ("logistic", "hinge"):
            columns.append((rng.permutation(np.arange(n) % 2) * (1.0 if loss == "logistic" else 2.0))[:, None])
            columns[-1] -= loss == "hinge"
        else:
            columns.append(rng.standard_normal((n, 1)))
    return np.hstack(columns)


def tasks_of(losses: Sequence[str]) -> list[Task]:
    """Make a task for each loss, with as many outputs as the loss needs, in order."""
    tasks: list[Task] = []
    first = 0
    for t, loss in enumerate(losses):
        outputs = tuple(range(first, first + (_CLASSES if loss == "softmax" else 1)))
        tasks.append(Task(f"{t} {loss}", outputs, loss))
        first += len(outputs)
    return tasks


def network_of(instance: Instance, weighting: str) -> ReLUNetwork:
    """Make the network of an instance: a random one, or one trained on its tasks under a weighting."""
    X, Y, width, steps, seed = (instance[name] for name in ("X", "Y", "width", "steps", "seed"))
    if steps:
        from vvnorm.training import train_tasks

        tasks = tasks_of(instance["losses"])
        options: dict[str, Any] = {"weighting": weighting, "width": width, "steps": steps, "seeds": [seed]}
        return train_tasks(X, Y, tasks, lam=0.0, lr=0.03, progress=False, **options).networks[0]
    rng = np.random.default_rng(seed)
    d, T = X.shape[1], Y.shape[1]
    W, b, V, A, c = (rng.standard_normal(shape) for shape in ((width, d), (width,), (T, width), (T, d), (T,)))
    return ReLUNetwork(W, b, instance["head_scale"] * V, A, c)


def real_tasks() -> dict[str, dict[str, Any]]:
    """Real data with tasks of several kinds: tumours (malignant? how large?) and digits (which one? odd?)."""
    from sklearn.datasets import load_breast_cancer, load_digits

    tumours, digits = load_breast_cancer(), load_digits(n_class=_CLASSES)
    X, radius = tumours.data[:150, 1:], tumours.data[:150, 0]
    pixels, number = digits.data[:90], digits.target[:90].astype(np.float64)
    labels = {
        "tumours": (X, np.column_stack([tumours.target[:150], _standard(radius)]), ("logistic", "squared")),
        "digits": (pixels, np.column_stack([one_hot(number)[0], number % 2]), ("softmax", "logistic")),
    }
    network = {"width": 16, "steps": 40, "head_scale": 1.0, "seed": 0}
    return {name: {"X": _standard(X), "Y": Y, "losses": losses, **network} for name, (X, Y, losses) in labels.items()}


def _standard(values: Array) -> Array:
    spread = values.std(axis=0)
    standard: Array = (values - values.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    return standard


# --- gradients --------------------------------------------------------------------------------------------------------


def library_gradients(network: ReLUNetwork, X: Array, Y: Array, losses: Sequence[str]) -> Gradients:
    """Compute the gradients as training does."""
    import torch

    from vvnorm.multitask.tasks import task_labels
    from vvnorm.training.placement import as_placement
    from vvnorm.training.task_model import Coordinates, TaskModel, TaskParameters

    d, T, tasks = X.shape[1], Y.shape[1], tasks_of(losses)
    as_given = Coordinates(np.zeros(d), 1.0, np.zeros(T), np.ones(T))
    model = TaskModel(tasks, [as_given], "path_norm", True, as_placement("float64", "cpu"))
    z, labels, *parts = (torch.tensor(part)[None] for part in (X, task_labels(Y, tasks), *_parts(network)))
    at = TaskParameters(*parts)
    hidden = model.hidden(at, z)
    _, slopes = model.losses(model.outputs(at, z, hidden), labels, torch.ones_like(labels))
    back = model.representation(at, slopes)
    by_W, by_b = model.shared(z, hidden, back)
    own = []
    for columns in model.columns:
        alone = torch.zeros_like(slopes)
        alone[..., columns] = slopes[..., columns]
        own.append(np.concatenate([part.numpy().ravel() for part in model.own(z, hidden, alone)]))
    return Gradients(torch.cat([by_W, by_b[..., None]], 3)[0].numpy(), back[0].numpy(), np.array(own))


def autograd_gradients(network: ReLUNetwork, X: Array, Y: Array, losses: Sequence[str]) -> Gradients:
    """Compute the gradients by automatic differentiation of torch's own losses."""
    import torch

    if (X.shape[1], Y.shape[1]) != (network.n_inputs, network.n_outputs):
        raise ValueError(f"the network has {count(network.n_inputs, 'input')} and {count(network.n_outputs, 'output')}")
    x, y = torch.tensor(X), torch.tensor(Y)
    W, b, V, A, c = (torch.tensor(part, requires_grad=True) for part in _parts(network))
    hidden = torch.relu(x @ W.T + b)
    values = hidden @ V.T + x @ A.T + c
    shared, back, own, first = [], [], [], 0
    for loss in losses:
        last = first + (_CLASSES if loss == "softmax" else 1)
        value = _torch_loss(loss, values[:, first:last], y[:, first:last])
        by_W, by_b, by_hidden, *rest = torch.autograd.grad(value, [W, b, hidden, V, A, c], retain_graph=True)
        shared.append(torch.column_stack([by_W, by_b]).numpy())
        back.append(by_hidden.numpy())
        own.append(np.concatenate([part.numpy().ravel() for part in rest]))
        first = last
    return Gradients(np.array(shared), np.array(back), np.array(own))


def _torch_loss(loss: str, u: Any, y: Any) -> Any:
    from torch.nn import functional

    if loss == "squared":
        return functional.mse_loss(u, y, reduction="sum") / 2
    if loss == "logistic":
        return functional.binary_cross_entropy_with_logits(u, y, reduction="sum")
    if loss == "hinge":
        return (1 - y * u).clamp(min=0).sum()
    if loss == "huber:1":
        return functional.huber_loss(u, y, reduction="sum")
    return functional.cross_entropy(u, y, reduction="sum")


def gradient_sizes(network: ReLUNetwork, X: Array, Y: Array, losses: Sequence[str]) -> Gradients:
    """Sums of the magnitudes of the terms of the gradients; the rounding of the gradients is relative to these sums."""
    W, b, V, A, c = (np.abs(part) for part in _parts(network))
    inputs = np.column_stack([np.abs(X), np.ones(len(X))])
    hidden = np.abs(X) @ W.T + b
    slopes = hidden @ V.T + np.abs(X) @ A.T + c + np.abs(Y) + 1
    shared, back, own = [], [], []
    for task in tasks_of(losses):
        columns = list(task.outputs)
        alone = np.zeros_like(slopes)
        alone[:, columns] = slopes[:, columns]
        back.append(alone @ V)
        shared.append(back[-1].T @ inputs)
        own.append(np.concatenate([(alone.T @ part).ravel() for part in (hidden, np.abs(X))] + [alone.sum(axis=0)]))
    return Gradients(np.array(shared), np.array(back), np.array(own))


def _parts(network: ReLUNetwork) -> tuple[Array, ...]:
    return network.W, network.b, network.V, network.A, network.c


# --- weights ----------------------------------------------------------------------------------------------------------


def least_norm_complaints(weights: Array, vectors: Array) -> list[str]:
    """Check that weights are on the simplex and give the point of least norm in the hull of the rows, up to 1e-9."""
    if weights.shape != (len(vectors),) or not (np.all(weights >= 0) and abs(weights.sum() - 1) <= ROUNDING):
        return ["the weights are not on the simplex"]
    point = weights @ vectors
    shortfall = point @ point - np.min(vectors @ point)
    if shortfall > 1e-9 * np.max(np.sum(vectors**2, axis=1)):
        return ["the weights are not those of the point of least norm"]
    return []
