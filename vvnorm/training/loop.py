"""The training loop: all runs as one program, with records, early stopping, divergence and checkpoints."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from vvnorm.training.bounds import GapEstimate
from vvnorm.training.checkpoint import Checkpoint, held_interrupts
from vvnorm.training.objective import Objective, Penalty, dense_metric, plain_metric, sampled_metric
from vvnorm.training.optimisers import Optimiser, make_stepper
from vvnorm.training.problem import Problem, Start
from vvnorm.training.schedule import Schedule
from vvnorm.validation import Array

_RECORDS, _SAMPLED_RECORDS = 200, 20  # of a run; a record of mini-batches costs a pass over all data
_CHECK = 25  # steps between two looks for divergence, at most
_LARGEST = 1e8  # of a parameter in training coordinates, where all are of order 1

Report = Callable[[int, dict[str, float]], None]


@dataclass(frozen=True)
class Recipe:
    """How the runs are trained, apart from their schedule.

    Attributes
    ----------
    optimiser : {"adam", "sgd", "lbfgs", "proximal"}
        What moves the parameters.
    penalty : {"path_norm", "weight_decay"}
        What lam multiplies; in the whitened metric it is the path norm.
    batch_size : int or None
        Points per step; None means all.
    stop_gap : float
        A run ends when its relative gap is at most this; 0 means never.
    """

    optimiser: Optimiser
    penalty: Penalty
    batch_size: int | None
    stop_gap: float


@dataclass(frozen=True)
class Outcome:
    """What the loop found, for S runs and R records.

    Attributes
    ----------
    neurons : list of (W, b, V)
        In training coordinates, float64.
    history : dict of arrays
        As in `TrainingResult`.
    stopped : (S,) int array
        The step at which a run's gap was small enough, or -1.
    diverged : (S,) int array
        The step at which a run was found to have left the range of numbers, or -1; its last good state is kept.
    """

    neurons: list[tuple[Array, Array, Array]]
    history: dict[str, NDArray[Any]]
    stopped: NDArray[np.int64]
    diverged: NDArray[np.int64]

    def first(self) -> "Outcome":
        """Return what was found for the first run."""
        history = {name: values if name == "step" else values[:, :1] for name, values in self.history.items()}
        return Outcome(self.neurons[:1], history, self.stopped[:1], self.diverged[:1])


def optimise(
    problem: Problem,
    starts: list[Start],
    seeds: list[int],
    schedule: Schedule,
    recipe: Recipe,
    like: torch.Tensor,
    report: Report,
    checkpoint: Checkpoint,
) -> Outcome:
    """Train S networks at once.

    Parameters
    ----------
    problem : Problem
        Data in training coordinates, not affine.
    starts : list of Start
        Where each network starts.
    seeds : list of int
        Of each network: they order the points of its mini-batches.
    schedule : Schedule
        lam and learning rates.
    recipe : Recipe
        Optimiser, penalty, batches, when to stop.
    like : torch.Tensor
        Its dtype and device are used.
    report : callable
        Called with the step and the means of what was recorded, at every record.
    checkpoint : Checkpoint
        Where the state is kept.
    """
    if len(starts) == 1:
        # A batch of one takes other paths through torch, whose rounding differs: it is trained as two.
        schedule, starts, seeds = schedule.twice(), starts * 2, seeds * 2
        return optimise(problem, starts, seeds, schedule, recipe, like, report, checkpoint).first()
    loop = _Loop(problem, starts, seeds, schedule, recipe, like)
    with held_interrupts(checkpoint.path is not None) as interrupts:
        loop.restore(checkpoint.load())
        while not loop.done and not interrupts:
            if loop.step in loop.records or loop.step % _CHECK == 0:
                loop.look_for_divergence()
            if loop.step in loop.records:
                report(loop.step, loop.record())
            if checkpoint.due():
                checkpoint.save(loop.state())
            loop.advance()
        if loop.done:
            loop.look_for_divergence()
            report(loop.step, loop.record())
        checkpoint.save(loop.state())
    if interrupts:
        raise KeyboardInterrupt
    return loop.outcome()


class _Loop:
    """The state of all runs between two steps, and how it advances; optimisers see it as their `Landscape`."""

    def __init__(
        self,
        problem: Problem,
        starts: list[Start],
        seeds: list[int],
        schedule: Schedule,
        recipe: Recipe,
        like: torch.Tensor,
    ) -> None:
        self.problem, self.seeds, self.schedule, self.recipe, self.like = problem, seeds, schedule, recipe, like
        # The label unit makes y of unit size in the first metric, and both metrics get one lam_max, so that the
        # parameters and the optimiser's memory remain valid when the plain metric takes over.
        n, S = len(problem.z), len(starts)
        whitening = _for_each(schedule.end, problem.whitening) if schedule.whitened else None
        if whitening is None:
            size = np.full(S, np.sum(problem.y * problem.projected(problem.y)) / n)
            self.correlation = np.full(S, problem.lam_max / n)
        else:
            size = np.einsum("nt,snm,mt->s", problem.y, whitening, problem.y) / (n - problem.affine.shape[1])
            self.correlation = _for_each(
                schedule.end, lambda end: problem.largest_correlation(problem.whitening(end) @ problem.y)
            )
        self.unit, self.scale = np.sqrt(size), self.correlation / problem.lam_max
        self.sampled = recipe.batch_size is not None
        self.objective = Objective(problem, starts, self.unit, affine=self.sampled, like=like)
        self.whitened = None if whitening is None else dense_metric(whitening, like)
        if self.sampled:  # a batch's sum of squares stands for that of all points
            self.weights = torch.from_numpy(problem.counts).to(like)
            self.share = torch.from_numpy(self.scale * n / int(recipe.batch_size or n)).to(like)[:, None]
        self.plain = plain_metric(problem, self.scale, like)
        self.estimate = GapEstimate(problem, schedule.end * problem.lam_max, whitening)

        self.step = 0
        self.flat = self.objective.start.clone()
        self.kept = self.flat.clone()
        self.stopped, self.diverged = np.full(S, -1), np.full(S, -1)
        self.stepper = make_stepper(recipe.optimiser, self.flat, schedule)
        count = _SAMPLED_RECORDS if self.sampled else _RECORDS
        self.records = set(np.linspace(0, schedule.steps, count + 1).round().astype(int).tolist())
        self.rows: dict[str, list[NDArray[Any]]] = {name: [] for name in ("step", *_RECORDED)}
        self.epoch = -1  # that self.orders belong to
        self._aim()

    @property
    def held(self) -> NDArray[np.bool_]:
        """Which runs move no more."""
        held: NDArray[np.bool_] = (self.stopped >= 0) | (self.diverged >= 0)
        return held

    @property
    def done(self) -> bool:
        """Whether no run moves any more."""
        return self.step >= self.schedule.steps or bool(self.held.all())

    # --- one step ---

    def advance(self) -> None:
        """Move all runs by one step."""
        if self.step == self.schedule.whitened > 0 and self.recipe.penalty == "weight_decay":
            self.objective.balance(self.objective.views(self.flat))
        self._aim()
        self.stepper.step(self, self.schedule.rate(self.step))
        self.step += 1

    def _aim(self) -> None:
        """Set the objective of the current step."""
        early = self.step < self.schedule.whitened
        ratio = self.schedule.ratio(self.step)
        if self.step in (0, self.schedule.whitened) or self.schedule.jumps(self.step):
            self.stepper.forget()
        self.lam = torch.from_numpy(ratio * self.correlation / self.unit).to(self.like)
        self.penalty: Penalty = "path_norm" if early else self.recipe.penalty
        self.metric = self.whitened if early and self.whitened is not None else self.plain
        self.batch = None
        if self.sampled:
            self.batch = torch.from_numpy(self._batch()).to(self.like.device)
            self.metric = sampled_metric(self.weights[self.batch] * self.share)

    def _batch(self) -> NDArray[np.int64]:
        """Return the points of this step, (S, n): every epoch goes through all points in an order of its own."""
        n, size = len(self.problem.z), int(self.recipe.batch_size or 0)
        per_epoch = n // size
        epoch, turn = divmod(self.step, per_epoch)
        if epoch != self.epoch:
            self.epoch = epoch
            orders = [np.random.default_rng([seed, epoch, 1]).permutation(n).astype(np.int32) for seed in self.seeds]
            self.orders = np.stack(orders)
        return self.orders[:, turn * size : (turn + 1) * size].astype(np.int64)

    def evaluate(self, flat: torch.Tensor, gradient: torch.Tensor | None = None, *, penalised: bool = True) -> torch.Tensor:
        """Return the objective of the current step; see `vvnorm.training.optimisers.Landscape`."""
        penalty = self.penalty if penalised else None
        return self.objective.evaluate(flat, self.metric, self.lam, penalty, self.batch, gradient)

    # --- looking ---

    def record(self) -> dict[str, float]:
        """Add a record, hold the runs whose gap is small enough, and return the means over runs."""
        problem, unit = self.problem, self.unit
        at = self.objective.views(self._shown())
        values = _numpy(self.objective.values(at)) * unit[:, None, None]
        loss = np.sum(problem.without_affine(values - problem.y) ** 2, axis=(1, 2)) / 2 + problem.scatter
        cost = _numpy(self.objective.penalty(at, "path_norm")) * unit
        found = {
            "lam": self.schedule.ratio(self.step) * problem.lam_max * (problem.x_unit * problem.y_unit),
            "loss": loss * problem.y_unit**2,
            "vv_norm": cost * (problem.y_unit / problem.x_unit),
            "gap": self.estimate.gap(values, loss, cost, lambda: _numpy(self.objective.unit_neurons(at))),
            "excess": self.estimate.excess(values, cost),
        }
        if self.rows["step"] and self.rows["step"][-1] == self.step:  # recorded before an interruption
            for rows in self.rows.values():
                rows.pop()
        self.rows["step"].append(np.array(self.step))
        for name in _RECORDED:
            self.rows[name].append(found[name])
        enough = (found["gap"] <= self.recipe.stop_gap) & ~self.held
        if self.recipe.stop_gap > 0 and enough.any():
            self.kept[enough] = self.flat[enough]
            self.stopped[enough] = self.step
        return {name: float(np.mean(found[name])) for name in _RECORDED}

    def look_for_divergence(self) -> None:
        """Keep the state of healthy runs; put runs that left the range of numbers back to their last healthy state."""
        healthy = _numpy(self.flat.abs().amax(1)) < _LARGEST  # not for NaN
        moving = ~self.held
        self.diverged[moving & ~healthy] = self.step
        good = torch.from_numpy(moving & healthy).to(self.like.device)[:, None]
        if self.step % _CHECK == 0:  # seldom, since a run that grows without bound looks healthy for some steps
            self.kept = torch.where(good, self.flat, self.kept)
        self.flat.copy_(torch.where(good, self.flat, self.kept))

    def _shown(self) -> torch.Tensor:
        """The parameters that count: of held runs, what was kept."""
        held = torch.from_numpy(self.held).to(self.like.device)[:, None]
        return torch.where(held, self.kept, self.flat)

    # --- state and outcome ---

    def state(self) -> dict[str, NDArray[Any]]:
        """Return all that `restore` needs."""
        tensors = {"flat": self.flat, "kept": self.kept}
        tensors |= {f"{_STEPPER}{name}": value for name, value in self.stepper.state().items()}
        arrays = {name: value.cpu().numpy() for name, value in tensors.items()}
        arrays |= {f"{_HISTORY}{name}": np.array(values) for name, values in self.rows.items()}
        return arrays | {
            "step": np.array(self.step),
            "stopped": self.stopped,
            "diverged": self.diverged,
            "bound": self.estimate.best,
        }

    def restore(self, state: dict[str, NDArray[Any]] | None) -> None:
        """Continue from a saved state, if there is one."""
        if state is None:
            return
        tensors = {name: torch.from_numpy(value).to(self.like.device) for name, value in state.items()}
        self.flat.copy_(tensors["flat"])
        self.kept = tensors["kept"]
        self.step, self.stopped, self.diverged = int(state["step"]), state["stopped"], state["diverged"]
        self.estimate.best = state["bound"]
        self.rows = {name: list(state[f"{_HISTORY}{name}"]) for name in self.rows}
        self.stepper.restore({k.removeprefix(_STEPPER): v for k, v in tensors.items() if k.startswith(_STEPPER)})

    def outcome(self) -> Outcome:
        """Return what was found."""
        at = self.objective.views(self._shown())
        parts = (_numpy(at.W), _numpy(self.objective.bias(at)), _numpy(at.V) * self.unit[:, None, None])
        history = {name: np.array(values) for name, values in self.rows.items()}
        return Outcome(list(zip(*parts, strict=True)), history, self.stopped, self.diverged)


_RECORDED = ("lam", "loss", "vv_norm", "gap", "excess")
_STEPPER, _HISTORY = "stepper.", "history."


def _for_each(values: Array, function: Callable[[float], Any]) -> Array:
    """Return function(v) for every entry, stacked; equal values are computed once."""
    distinct, place = np.unique(values, return_inverse=True)
    found: Array = np.stack([function(float(value)) for value in distinct])[place]
    return found


def _numpy(values: torch.Tensor) -> Array:
    array: Array = values.double().cpu().numpy()
    return array
