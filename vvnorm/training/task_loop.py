"""The training loop of several tasks: all networks side by side, with records and divergence."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from vvnorm.multitask.least_norm import minimum_norm_weights
from vvnorm.multitask.tasks import Task
from vvnorm.network import ReLUNetwork
from vvnorm.training.arguments import progress_bar, threads_for
from vvnorm.training.objective import Penalty
from vvnorm.training.optimisers import make_adam
from vvnorm.training.problem import Initialisation
from vvnorm.training.task_model import Coordinates, TaskModel, Weights, start
from vvnorm.training.weighting import Alternating, Fixed, Rule, Weighting
from vvnorm.validation import Array

_RECORDED = ("step", "vv_norm", "stationarity", "losses", "weights")
_LARGEST = 1e8  # of a parameter in training coordinates, where all are of order 1


@dataclass(frozen=True)
class Plan:
    """How the networks are trained, apart from their data.

    Attributes
    ----------
    steps : int
    lr : float
        First learning rate of Adam.
    lam : float
        Weight of the penalty.
    batch_size : int or None
        Samples per step; None means all.
    records : int
        How often at most the losses of all samples are recorded.
    """

    steps: int
    lr: float
    lam: float
    batch_size: int | None
    records: int = 100

    def rate(self, step: int) -> float:
        """Learning rate of a step: it falls to 0 along a cosine."""
        return self.lr * (1 + math.cos(math.pi * step / self.steps)) / 2


def train_side_by_side(
    data: Sequence[tuple[Array, Array, Array]],
    tasks: Sequence[Task],
    weightings: Sequence[Weighting],
    seeds: Sequence[int],
    plan: Plan,
    *,
    width: int,
    penalty: Penalty,
    initialisation: Initialisation,
    skip: bool,
    like: torch.Tensor,
    progress: bool = False,
) -> tuple[list[ReLUNetwork], dict[str, NDArray[Any]], tuple[str, ...]]:
    """Train S networks at once, each on its own data.

    Parameters
    ----------
    data : sequence of S (X, Y, weights)
        Validated inputs (N, d), labels as the losses read them (N, T) with NaN where missing, and entry weights (N, T), 0
        there. All of one shape.
    tasks : sequence of Task
    weightings : sequence of S Weighting
        All `Fixed`, or all one.
    seeds : sequence of S int
    plan : Plan
    width, penalty, initialisation, skip, like
        As `TaskModel` and `train_tasks` take them.
    progress : bool
        Whether to show a bar.

    Returns
    -------
    networks, history, notes
        As in `TaskTraining`.
    """
    for (_, _, entry), seed in zip(data, seeds, strict=True):
        check_batches(entry, tasks, plan, [seed])
    loop = _Loop(data, tasks, weightings, seeds, plan, width, penalty, initialisation, skip, like)
    work = len(data) * (plan.batch_size or len(data[0][0])) * width * (data[0][0].shape[1] + data[0][1].shape[1])
    with progress_bar(plan.steps, progress) as report, threads_for(work):
        while loop.step < plan.steps:
            if loop.step in loop.records:
                report(loop.step, loop.record())
            loop.advance()
        report(loop.step, loop.record())
    return loop.outcome()


class _Loop:
    """The state of all networks between two steps."""

    def __init__(
        self,
        data: Sequence[tuple[Array, Array, Array]],
        tasks: Sequence[Task],
        weightings: Sequence[Weighting],
        seeds: Sequence[int],
        plan: Plan,
        width: int,
        penalty: Penalty,
        initialisation: Initialisation,
        skip: bool,
        like: torch.Tensor,
    ) -> None:
        places = [Coordinates.of(X, np.where(w > 0, Y, np.nan), tasks) for X, Y, w in data]
        self.model = TaskModel(tasks, places, penalty, skip, like)
        self.plan, self.seeds, self.weighting = plan, seeds, weightings[0]
        self.z = self._tensor([(X - at.x_centre) / at.x_unit for (X, _, _), at in zip(data, places, strict=True)])
        self.labels = self._tensor([np.nan_to_num(Y) for _, Y, _ in data])
        self.entry = self._tensor([w for _, _, w in data])
        outputs, (n, d) = data[0][1].shape[1], data[0][0].shape
        self.n = n
        starts = [
            start(X, outputs, at, width, initialisation, seed)
            for (X, _, _), at, seed in zip(data, places, seeds, strict=True)
        ]
        W, b, V = (self._tensor(list(part)) for part in zip(*starts, strict=True))
        self.at = Weights(W, b, V, torch.zeros(len(data), outputs, d).to(like), torch.zeros(len(data), outputs).to(like))
        self.unit = self._looked()[1].sum(1).clamp_min(np.finfo(np.float32).tiny)  # of losses: Adam damps gradients
        self.rule = _rule_of(weightings, len(tasks))
        count = len(tasks) if isinstance(self.weighting, Alternating) else 1
        self.optimisers = [make_adam(self.at.tensors, lr=plan.lr) for _ in range(count)]
        self.step, self.epoch = 0, -1
        self.longest: Array | None = None  # squared length of the longest gradient at the start
        self.records = set(np.linspace(0, plan.steps, min(plan.records, plan.steps) + 1).round().astype(int).tolist())
        self.rows: dict[str, list[NDArray[Any]]] = {
            name: [] for name in ("step", "vv_norm", "stationarity", "losses", "weights")
        }
        self.used: list[Array] = []  # weights since the last record
        self.kept, self.diverged = [tensor.clone() for tensor in self.at.tensors], np.full(len(data), -1)

    def _tensor(self, rows: Sequence[Array]) -> torch.Tensor:
        return torch.from_numpy(np.stack(rows)).to(self.model.like)

    # --- one step ---

    def advance(self) -> None:
        """Move all networks by one step."""
        z, labels, entry = self._batch()
        hidden = self.model.hidden(self.at, z)
        losses, slopes = self.model.losses(self.model.outputs(self.at, z, hidden), labels, entry)
        gradients = self._weighted(z, hidden, losses, slopes)
        by_W, by_V = self.model.penalty_gradient(self.at)
        turn = self.step % len(self.optimisers)
        if len(self.optimisers) > 1:
            # The rows of other tasks rest: of the penalty alone Adam would make steps as long as of a loss.
            by_V = by_V * (self.model.owner == turn)[:, None]
        gradients[0] += self.plan.lam * by_W
        gradients[2] += self.plan.lam * by_V
        optimiser = self.optimisers[turn]
        for tensor, gradient in zip(self.at.tensors, gradients, strict=True):
            tensor.grad = gradient / self.unit.reshape(-1, *[1] * (gradient.ndim - 1))
        optimiser.param_groups[0]["lr"] = self.plan.rate(self.step)
        optimiser.step()
        self.step += 1

    def _weighted(
        self, z: torch.Tensor, hidden: torch.Tensor, losses: torch.Tensor, slopes: torch.Tensor
    ) -> list[torch.Tensor]:
        """Gradients of the weighted sum of losses in all parameters, without the penalty."""
        model, kind = self.model, self.weighting.gradients
        if kind == "parameters":
            each = model.shared(z, hidden, model.representation(self.at, slopes))
            weights = self._weights(losses, sum(_inner_products(part) for part in each))
            shared = [torch.einsum("st,st...->s...", weights, part) for part in each]
            weighted = slopes * model.per_output(weights)
        else:
            weights = self._weights(losses, model.products(self.at, slopes) if kind == "representation" else None)
            weighted = slopes * model.per_output(weights)
            shared = [part[:, 0] for part in model.shared(z, hidden, torch.bmm(weighted, self.at.V)[:, None])]
        return [*shared, *model.own(z, hidden, slopes if self.weighting.own_losses else weighted)]

    def _weights(self, losses: torch.Tensor, gram: torch.Tensor | None) -> torch.Tensor:
        found = self.rule(self.step, _numpy(losses), None if gram is None else _numpy(gram))
        self.used.append(found)
        return torch.from_numpy(found).to(self.model.like)

    def _batch(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Samples of this step; their weights stand for those of all samples."""
        size = self.plan.batch_size
        if size is None:
            return self.z, self.labels, self.entry
        epoch, turn = divmod(self.step, self.n // size)
        if epoch != self.epoch:
            self.epoch, self.orders = epoch, np.stack([_order(seed, epoch, self.n) for seed in self.seeds])
        chosen = torch.from_numpy(self.orders[:, turn * size : (turn + 1) * size]).to(self.model.like.device)
        z, labels, entry = (torch.take_along_dim(rows, chosen[..., None], 1) for rows in (self.z, self.labels, self.entry))
        return z, labels, entry * (self.n / size)

    # --- looking ---

    def record(self) -> dict[str, float]:
        """Add a record; put networks that left the range of numbers back to their last good state."""
        self._look_for_divergence()
        (hidden, slopes), losses = self._looked()
        cost = self.model.penalty_value(self.at)
        found = {
            "step": np.array(self.step),
            "vv_norm": _numpy(cost),
            "stationarity": self._stationarity(hidden, slopes),
            "losses": _numpy(losses),
            "weights": np.mean(self.used, axis=0) if self.used else np.full(losses.shape, np.nan),
        }
        self.used = []
        for name, values in found.items():
            self.rows[name].append(values)
        return {"loss": float(losses.sum(1).mean()), "vv_norm": float(cost.mean()), "excess": math.nan, "gap": math.nan}

    def _looked(self) -> tuple[tuple[torch.Tensor, torch.Tensor], torch.Tensor]:
        """What gradients need, and the losses of all samples, (S, tasks)."""
        hidden = self.model.hidden(self.at, self.z)
        values = self.model.outputs(self.at, self.z, hidden)
        losses, slopes = self.model.losses(values, self.labels, self.entry)
        return (hidden, slopes), losses

    def _stationarity(self, hidden: torch.Tensor, slopes: torch.Tensor) -> Array:
        """Least norm in the hull of the gradients of losses and, if penalised, VV, over the longest at the start; (S,)."""
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
        products = _numpy(gram)
        weights = minimum_norm_weights(products)
        least = np.einsum("st,stu,su->s", weights, products, weights)
        if self.longest is None:
            self.longest = np.maximum(np.diagonal(products, axis1=1, axis2=2).max(axis=1), np.finfo(np.float64).tiny)
        relative: Array = np.sqrt(np.maximum(least, 0) / self.longest)
        return relative

    def _look_for_divergence(self) -> None:
        sizes = torch.stack([tensor.abs().flatten(1).amax(1) for tensor in self.at.tensors]).amax(0)
        healthy = _numpy(sizes) < _LARGEST  # not for NaN
        self.diverged[(self.diverged < 0) & ~healthy] = self.step
        good = torch.from_numpy(self.diverged < 0).to(self.model.like.device)
        for tensor, kept in zip(self.at.tensors, self.kept, strict=True):
            kept.copy_(torch.where(good.reshape(-1, *[1] * (kept.ndim - 1)), tensor, kept))
            tensor.copy_(kept)

    def outcome(self) -> tuple[list[ReLUNetwork], dict[str, NDArray[Any]], tuple[str, ...]]:
        """Return networks, history and notes."""
        plan, networks = self.plan, [self.model.network(self.at, run) for run in range(len(self.seeds))]
        self.rows["weights"][0] = self.rows["weights"][min(1, len(self.rows["weights"]) - 1)]
        notes = tuple(
            f"seed {seed} diverged by step {step} (lr = {plan.lr:g}, lam = {plan.lam:g}); its last good state is kept"
            for seed, step in zip(self.seeds, self.diverged, strict=True)
            if step >= 0
        )
        return networks, {name: np.array(rows) for name, rows in self.rows.items()}, notes


def check_batches(entry: Array, tasks: Sequence[Task], plan: Plan, seeds: Sequence[int]) -> None:
    """Raise ValueError if a task has no label in some batch of the whole training, before it begins."""
    n, size = len(entry), plan.batch_size
    if size is None:
        return
    has = np.stack([(entry[:, list(task.outputs)] > 0).any(axis=1) for task in tasks], axis=1)
    per_epoch = n // size
    for seed in seeds:
        for epoch in range(math.ceil(plan.steps / per_epoch)):
            batches = has[_order(seed, epoch, n)[: per_epoch * size]].reshape(per_epoch, size, -1).any(axis=1)
            if not batches.all():
                turn, t = np.argwhere(~batches)[0]
                raise ValueError(
                    f"task {tasks[t].name!r} has no label in batch {epoch * per_epoch + turn} of seed {seed}; "
                    f"batch_size {size} is too small for its {np.count_nonzero(has[:, t])} labels among {n} samples"
                )


def _order(seed: int, epoch: int, n: int) -> NDArray[np.int64]:
    """The order in which an epoch goes through all samples."""
    return np.random.default_rng([seed, epoch, 1]).permutation(n)


def _rule_of(weightings: Sequence[Weighting], tasks: int) -> Rule:
    """One rule for all networks; those of fixed weights may differ."""
    first = weightings[0]
    if not isinstance(first, Fixed):
        return first.start(len(weightings), tasks)
    weights = np.concatenate([weighting.start(1, tasks)(0, np.empty((1, tasks)), None) for weighting in weightings])
    return lambda step, losses, gram: weights


def _inner_products(rows: torch.Tensor) -> torch.Tensor:
    """Inner products of the tasks' gradients, (S, m, m), for rows (S, m, ..)."""
    flat = rows.flatten(2)
    return torch.bmm(flat, flat.mT)


def _numpy(values: torch.Tensor) -> Array:
    array: Array = values.double().cpu().numpy()
    return array
