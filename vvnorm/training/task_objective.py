"""Several tasks as an objective of the training loop: S networks side by side, each on samples of its own.

A step follows the weighted sum of the tasks' gradients and the gradient of lam times the penalty, by Adam. A weighting
(`vvnorm.training.weighting`) chooses the weights of the tasks at every step.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from vvnorm.multitask.least_norm import minimum_norm_weights
from vvnorm.multitask.tasks import Task
from vvnorm.network import ReLUNetwork
from vvnorm.training.batches import Batches
from vvnorm.training.loop import Record, TrainingObjective, run_loop
from vvnorm.training.optimisers import Adam
from vvnorm.training.placement import Placement, as_array
from vvnorm.training.regression_problem import Initialisation
from vvnorm.training.task_model import Coordinates, TaskModel, TaskParameters, initial_neurons
from vvnorm.training.torch_formulas import Penalty
from vvnorm.training.weighting import Alternating, Fixed, Weighting, WeightingRule
from vvnorm.validation import Array


class TaskSamples(NamedTuple):
    """The samples that one network is trained on, validated.

    Attributes
    ----------
    X : (N, d) array
        Inputs.
    Y : (N, T) array
        Labels in the coding of the losses; NaN where missing.
    weights : (N, T) array
        Weights of the labels' losses; 0 where a label is missing.
    """

    X: Array
    Y: Array
    weights: Array


@dataclass(frozen=True)
class TaskPlan:
    """How networks of several tasks are trained, apart from their samples and weightings.

    Attributes
    ----------
    steps : int
    lr : float
        First learning rate of Adam.
    lam : float
        Weight of the penalty.
    batch_size : int or None
        Samples per step; None means all.
    width : int
        Number of neurons K.
    placement : Placement
        Precision and device.
    penalty : {"path_norm", "weight_decay"}
        The penalty that lam multiplies.
    initialisation : {"kinks", "balanced", "torch"}
        Initialisation of the neurons.
    skip : bool
        Whether there is a skip connection.
    records : int
        Number of records after the first one, at most; a record costs a pass over all samples.
    """

    steps: int
    lr: float
    lam: float
    batch_size: int | None
    width: int
    placement: Placement
    penalty: Penalty = "path_norm"
    initialisation: Initialisation = "kinks"
    skip: bool = True
    records: int = 100

    def rate(self, step: int) -> float:
        """Return the learning rate of a step: it falls to 0 along a cosine."""
        return self.lr * (1 + math.cos(math.pi * step / self.steps)) / 2


def train_side_by_side(
    samples: Sequence[TaskSamples],
    tasks: Sequence[Task],
    weightings: Sequence[Weighting],
    seeds: Sequence[int],
    plan: TaskPlan,
    *,
    progress: bool = False,
) -> tuple[list[ReLUNetwork], dict[str, NDArray[Any]], tuple[str, ...]]:
    """Train S networks at once, each on its own samples.

    Parameters
    ----------
    samples : sequence of S TaskSamples
        All of one shape.
    tasks : sequence of Task
    weightings : sequence of S Weighting
        All `Fixed`, or all the same.
    seeds : sequence of S int
    plan : TaskPlan
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    networks, history, notes
        As in `TaskTraining`.

    Raises
    ------
    ValueError
        If a task has no label in some mini-batch.
    """
    for part, seed in zip(samples, seeds, strict=True):
        check_batches(part.weights, tasks, plan, [seed])
    objective = TaskObjective(samples, tasks, weightings, seeds, plan)
    n, inputs_and_outputs = len(samples[0].X), samples[0].X.shape[1] + samples[0].Y.shape[1]
    work = len(samples) * (plan.batch_size or n) * plan.width * inputs_and_outputs
    log = run_loop(objective, plan.steps, records=min(plan.records, plan.steps), work=work, progress=progress)
    history = log.history
    history["weights"][0] = history["weights"][min(1, len(history["weights"]) - 1)]
    notes = log.divergences(seeds, [f"lr = {plan.lr:g}, lam = {plan.lam:g}"] * len(seeds))
    return objective.networks(), history, notes


class TaskObjective(TrainingObjective):
    """S networks of several tasks. Parameters are those of `train_side_by_side`."""

    recorded = ("vv_norm", "stationarity", "losses", "weights")

    def __init__(
        self,
        samples: Sequence[TaskSamples],
        tasks: Sequence[Task],
        weightings: Sequence[Weighting],
        seeds: Sequence[int],
        plan: TaskPlan,
    ) -> None:
        coordinates = [Coordinates.of(X, np.where(weights > 0, Y, np.nan), tasks) for X, Y, weights in samples]
        self.model = TaskModel(tasks, coordinates, plan.penalty, plan.skip, plan.placement)
        self.plan, self.weighting = plan, weightings[0]
        self.z = self._stacked([(part.X - at.x_centre) / at.x_unit for part, at in zip(samples, coordinates, strict=True)])
        self.labels = self._stacked([np.nan_to_num(part.Y) for part in samples])
        self.label_weights = self._stacked([part.weights for part in samples])
        (n, d), outputs = samples[0].X.shape, samples[0].Y.shape[1]
        self.batches = None if plan.batch_size is None else Batches(n, plan.batch_size, seeds)
        starts = [
            initial_neurons(part.X, outputs, at, plan.width, plan.initialisation, seed)
            for part, at, seed in zip(samples, coordinates, seeds, strict=True)
        ]
        W, b, V = (self._stacked(list(part)) for part in zip(*starts, strict=True))
        zeros = plan.placement.zeros
        self.at = TaskParameters(W, b, V, zeros(len(samples), outputs, d), zeros(len(samples), outputs))
        self.parameters = self.at.tensors
        # Gradients are divided by the loss at the start, since Adam's damping has a unit.
        self.unit = self._on_all_samples()[0].sum(1).clamp_min(np.finfo(np.float32).tiny)
        self.rule = _rule_of(weightings, len(tasks))
        optimisers = len(tasks) if isinstance(self.weighting, Alternating) else 1
        self.optimisers = [Adam(self.at.tensors) for _ in range(optimisers)]
        self.longest: Array | None = None  # squared length of the longest gradient at the start
        self.used: list[Array] = []  # weights of the tasks since the last record

    def _stacked(self, rows: Sequence[Array]) -> torch.Tensor:
        return self.plan.placement.tensor(np.stack(rows))

    # --- one step ---

    def advance(self, step: int) -> None:
        """Move all networks by one step."""
        z, labels, label_weights = self._batch(step)
        hidden = self.model.hidden(self.at, z)
        losses, slopes = self.model.losses(self.model.outputs(self.at, z, hidden), labels, label_weights)
        gradients = self._weighted(step, z, hidden, losses, slopes)
        by_W, by_V = self.model.penalty_gradient(self.at)
        turn = step % len(self.optimisers)
        if len(self.optimisers) > 1:
            # The other tasks' rows of V stay fixed: Adam's steps along the penalty alone would be as long as those
            # along a loss.
            by_V = by_V * (self.model.owner == turn)[:, None]
        gradients[0] += self.plan.lam * by_W
        gradients[2] += self.plan.lam * by_V
        scaled = [gradient / self.unit.reshape(-1, *[1] * (gradient.ndim - 1)) for gradient in gradients]
        self.optimisers[turn].step(scaled, self.plan.rate(step))

    def _batch(self, step: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return the samples of a step; their weights are scaled to stand for all samples."""
        if self.batches is None:
            return self.z, self.labels, self.label_weights
        rows = torch.from_numpy(self.batches.rows(step)).to(self.plan.placement.device)[..., None]
        z, labels, weights = (torch.take_along_dim(all_, rows, 1) for all_ in (self.z, self.labels, self.label_weights))
        return z, labels, weights * (self.batches.n / self.batches.size)

    def _weighted(
        self, step: int, z: torch.Tensor, hidden: torch.Tensor, losses: torch.Tensor, slopes: torch.Tensor
    ) -> list[torch.Tensor]:
        """Return the gradients of the weighted sum of losses in all parameters, without the penalty."""
        model, kind = self.model, self.weighting.gradients
        if kind == "parameters":
            each = model.shared(z, hidden, model.representation(self.at, slopes))
            weights = self._task_weights(step, losses, sum(_inner_products(part) for part in each))
            shared = [torch.einsum("st,st...->s...", weights, part) for part in each]
            weighted = slopes * model.per_output(weights)
        else:
            gram = model.products(self.at, slopes) if kind == "representation" else None
            weighted = slopes * model.per_output(self._task_weights(step, losses, gram))
            shared = [part[:, 0] for part in model.shared(z, hidden, torch.bmm(weighted, self.at.V)[:, None])]
        return [*shared, *model.own(z, hidden, slopes if self.weighting.own_losses else weighted)]

    def _task_weights(self, step: int, losses: torch.Tensor, gram: torch.Tensor | None) -> torch.Tensor:
        weights = self.rule(step, as_array(losses), None if gram is None else as_array(gram))
        self.used.append(weights)
        return self.plan.placement.tensor(weights)

    # --- records ---

    def measure(self, step: int) -> Record:
        """Return VV norms and stationarity, (S,), and losses and mean weights of the tasks, (S, tasks)."""
        losses, hidden, slopes = self._on_all_samples()
        weights = np.mean(self.used, axis=0) if self.used else np.full(losses.shape, np.nan)
        self.used = []
        return {
            "vv_norm": as_array(self.model.vv_norm(self.at)),
            "stationarity": self._stationarity(hidden, slopes),
            "losses": as_array(losses),
            "weights": weights,
        }

    def progress(self, record: Record) -> Mapping[str, float]:
        """Return means over the networks."""
        return {"loss": float(record["losses"].sum(axis=1).mean()), "vv_norm": float(record["vv_norm"].mean())}

    def _on_all_samples(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return the losses of all samples, (S, tasks), hidden layers and slopes."""
        hidden = self.model.hidden(self.at, self.z)
        values = self.model.outputs(self.at, self.z, hidden)
        losses, slopes = self.model.losses(values, self.labels, self.label_weights)
        return losses, hidden, slopes

    def _stationarity(self, hidden: torch.Tensor, slopes: torch.Tensor) -> Array:
        """Return the measure of Pareto stationarity, (S,).

        It is the least norm in the convex hull of the gradients of all losses and, if lam > 0, of VV, divided by the norm
        of the longest gradient at the start.
        """
        model, lam = self.model, self.plan.lam
        shared = model.shared(self.z, hidden, model.representation(self.at, slopes))
        gram = sum(_inner_products(part) for part in shared)
        own = model.own(self.z, hidden, slopes)
        for t, columns in enumerate(model.columns):
            gram[:, t, t] += sum(part[:, columns].square().sum(tuple(range(1, part.ndim))) for part in own)
        if lam > 0:
            by_W, by_V = model.penalty_gradient(self.at)
            across = torch.einsum("stkd,skd->st", shared[0], by_W)
            mixed = own[0] * by_V
            across += torch.stack([mixed[:, columns].sum((1, 2)) for columns in model.columns], dim=1)
            corner = (by_W.square().sum((1, 2)) + by_V.square().sum((1, 2)))[:, None, None]
            gram = torch.cat([torch.cat([gram, across[..., None]], 2), torch.cat([across[:, None], corner], 2)], 1)
        products = as_array(gram)
        weights = minimum_norm_weights(products)
        least = np.einsum("st,stu,su->s", weights, products, weights)
        if self.longest is None:
            self.longest = np.maximum(np.diagonal(products, axis1=1, axis2=2).max(axis=1), np.finfo(np.float64).tiny)
        relative: Array = np.sqrt(np.maximum(least, 0) / self.longest)
        return relative

    def networks(self) -> list[ReLUNetwork]:
        """Return the networks in the caller's units."""
        return [self.model.network(self.at, run) for run in range(len(self.at.W))]


def check_batches(weights: Array, tasks: Sequence[Task], plan: TaskPlan, seeds: Sequence[int]) -> None:
    """Raise ValueError if a task has no label in some batch of the whole training, before it begins."""
    n, size = len(weights), plan.batch_size
    if size is None:
        return
    labelled = np.stack([(weights[:, list(task.outputs)] > 0).any(axis=1) for task in tasks], axis=1)
    batches = Batches(n, size, seeds)
    for seed in seeds:
        for epoch in range(math.ceil(plan.steps / batches.per_epoch)):
            batch_has_label = labelled[batches.epoch_rows(seed, epoch)].any(axis=1)
            if not batch_has_label.all():
                batch, t = np.argwhere(~batch_has_label)[0]
                raise ValueError(
                    f"task {tasks[t].name!r} has no label in batch {epoch * batches.per_epoch + batch} of seed {seed}; "
                    f"batch_size {size} is too small for its {np.count_nonzero(labelled[:, t])} labels among {n} samples"
                )


def _rule_of(weightings: Sequence[Weighting], tasks: int) -> WeightingRule:
    """Return one rule for all networks; fixed weights may differ between networks."""
    first = weightings[0]
    if not isinstance(first, Fixed):
        return first.start(len(weightings), tasks)
    weights = np.concatenate([weighting.start(1, tasks)(0, np.empty((1, tasks)), None) for weighting in weightings])
    return lambda step, losses, gram: weights


def _inner_products(gradients: torch.Tensor) -> torch.Tensor:
    """Return the inner products (S, m, m) of m gradients per network, (S, m, ...)."""
    flat = gradients.flatten(2)
    return torch.bmm(flat, flat.mT)
