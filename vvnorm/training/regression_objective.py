"""Regression with the squared loss as an objective of the training loop: all runs on one data set.

In the first phase the loss may be in a whitened metric, which is better conditioned (notes of
`vvnorm.training.trainer.train`). The second phase minimises the objective as stated.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from vvnorm.training.batches import Batches
from vvnorm.training.bounds import GapEstimate, applied
from vvnorm.training.checkpoint import Checkpoint
from vvnorm.training.loop import Record, RunLog, TrainingObjective, run_loop
from vvnorm.training.optimisers import Optimiser, make_stepper
from vvnorm.training.placement import Placement, as_array
from vvnorm.training.regression_model import RegressionModel, dense_metric, plain_metric, sampled_metric
from vvnorm.training.regression_problem import InitialNeurons, RegressionProblem
from vvnorm.training.schedule import Schedule
from vvnorm.training.torch_formulas import Penalty
from vvnorm.validation import Array

_RECORDS, _SAMPLED_RECORDS = 200, 20  # number of records; with mini-batches a record costs an extra pass over all data
_APART = 1 << 20  # products of one network in a step with mini-batches, from which it is computed apart from the others
_LARGE_RECORD = 1 << 30  # products of one network in a record, from which records are counted as work
_SHARE_OF_RECORDS = 0.15  # of the work of the steps, whose products are three times those of a record of as many rows
_STEPPER = "stepper."  # prefix of the optimiser's memory in a checkpoint

Neurons = tuple[Array, Array, Array]
"""W (K, d), b (K,) and V (T, K) in training coordinates, float64."""


@dataclass(frozen=True)
class Recipe:
    """How the runs are trained, apart from their schedule.

    Attributes
    ----------
    optimiser : {"adam", "sgd", "lbfgs", "proximal"}
        The optimiser.
    penalty : {"path_norm", "weight_decay"}
        The penalty that lam multiplies; in the whitened metric it is the path norm.
    batch_size : int or None
        Points per step; None means all.
    stop_gap : float
        A run stops when its relative gap is at most this; 0 means never.
    """

    optimiser: Optimiser
    penalty: Penalty
    batch_size: int | None
    stop_gap: float


def train_regression(
    problem: RegressionProblem,
    starts: list[InitialNeurons],
    seeds: list[int],
    schedule: Schedule,
    recipe: Recipe,
    placement: Placement,
    *,
    progress: bool,
    checkpoint: Checkpoint,
) -> tuple[list[Neurons], RunLog]:
    """Train S networks on one data set at once.

    Parameters
    ----------
    problem : RegressionProblem
        Data in training coordinates; not affine.
    starts : list of S InitialNeurons
        The initial neurons of each network.
    seeds : list of S int
        They fix the order of the points in the mini-batches of each run.
    schedule : Schedule
        lam and learning rates.
    recipe : Recipe
        Optimiser, penalty, batches and the gap at which to stop.
    placement : Placement
        Precision and device.
    progress : bool
        Whether to show a progress bar.
    checkpoint : Checkpoint
        The file in which the state is saved.

    Returns
    -------
    neurons : list of S (W, b, V)
        Neurons in training coordinates.
    log : RunLog
        Its history holds 'step', 'lam', 'loss', 'vv_norm', 'gap' and 'excess', as in `TrainingResult`.
    """
    points, (width, d) = recipe.batch_size or len(problem.z), starts[0].w.shape
    products, alone = width * (d + problem.y.shape[1]), len(starts) == 1
    apart = recipe.batch_size is not None and points * products >= _APART
    single = alone and not apart
    if single:
        # torch computes a batch of size 1 by other routines, whose rounding differs: a single run is trained twice.
        schedule, starts, seeds = schedule.twice(), starts * 2, seeds * 2
    objective = RegressionObjective(problem, starts, seeds, schedule, recipe, placement, apart=apart)
    records = _SAMPLED_RECORDS if recipe.batch_size else _RECORDS
    if apart and len(problem.z) * products >= _LARGE_RECORD:
        records = max(1, min(records, int(_SHARE_OF_RECORDS * schedule.steps * points / len(problem.z))))
    log = run_loop(
        objective,
        schedule.steps,
        records=records,
        work=(1 if alone else len(starts)) * points * products,
        progress=progress,
        checkpoint=checkpoint,
    )
    neurons = objective.neurons()
    return (neurons[:1], log.first()) if single else (neurons, log)


class RegressionObjective(TrainingObjective):
    """S runs on one data set; the optimiser sees them as its `vvnorm.training.optimisers.Landscape`."""

    recorded = ("lam", "loss", "vv_norm", "gap", "excess")

    def __init__(
        self,
        problem: RegressionProblem,
        starts: list[InitialNeurons],
        seeds: list[int],
        schedule: Schedule,
        recipe: Recipe,
        placement: Placement,
        *,
        apart: bool = False,
    ) -> None:
        self.problem, self.schedule, self.recipe, self.placement = problem, schedule, recipe, placement
        # The label unit makes y of unit size in the first metric, and both metrics have the same lam_max. So the parameters
        # and the optimiser's memory stay valid when the plain metric replaces the whitened metric.
        n, S = len(problem.z), len(starts)
        whitening = _for_each(schedule.end, problem.whitening) if schedule.whitened else None
        if whitening is None:
            size = np.full(S, np.sum(problem.y * problem.projected(problem.y)) / n)
            self.correlation = np.full(S, problem.lam_max / n)
        else:
            size = np.sum(problem.y * applied(whitening, problem.y), axis=(1, 2)) / (n - problem.affine.shape[2])
            self.correlation = _for_each(
                schedule.end, lambda end: problem.largest_correlation(applied(problem.whitening(end), problem.y))
            )
        self.unit, self.scale = np.sqrt(size), self.correlation / problem.lam_max
        self.batches = None if recipe.batch_size is None else Batches(n, recipe.batch_size, seeds)
        self.model = RegressionModel(
            problem, starts, self.unit, affine=self.batches is not None, placement=placement, apart=apart
        )
        self.whitened = None if whitening is None else dense_metric(whitening, placement)
        if self.batches is not None:  # the sum of squares of a batch is scaled up to all points
            self.weights = placement.tensor(problem.counts)
            self.share = placement.tensor(self.scale * n / self.batches.size)[:, None, None]
        self.plain = plain_metric(problem, self.scale, placement)
        self.estimate = GapEstimate(problem, schedule.end * problem.lam_max, whitening)
        self.flat = self.model.start.clone()
        self.parameters = [self.flat]
        self.stepper = make_stepper(recipe.optimiser, self.flat, schedule)

    # --- one step ---

    def advance(self, step: int) -> None:
        """Move all runs by one step."""
        if step == self.schedule.whitened > 0 and self.recipe.penalty == "weight_decay":
            self.model.balance(self.model.views(self.flat))
        self.aim(step)
        self.stepper.step(self, self.schedule.rate(step))

    def aim(self, step: int) -> None:
        """Set lam, penalty, metric and mini-batch for a step."""
        early = step < self.schedule.whitened
        ratio = self.schedule.ratio(step)
        if step in (0, self.schedule.whitened) or self.schedule.jumps(step):
            self.stepper.forget()
        self.lam = self.placement.tensor(ratio * self.correlation / self.unit)
        self.penalty: Penalty = "path_norm" if early else self.recipe.penalty
        self.metric = self.whitened if early and self.whitened is not None else self.plain
        self.batch = None
        if self.batches is not None:
            self.batch = torch.from_numpy(self.batches.rows(step)).to(self.placement.device)
            self.metric = sampled_metric(self.weights[self.batch] * self.share)

    def evaluate(self, flat: torch.Tensor, gradient: torch.Tensor | None = None, *, penalised: bool = True) -> torch.Tensor:
        """Return the objective of the current step; see `vvnorm.training.optimisers.Landscape`."""
        penalty = self.penalty if penalised else None
        return self.model.evaluate(flat, self.metric, self.lam, penalty, self.batch, gradient)

    # --- records ---

    def measure(self, step: int) -> Record:
        """Return lam, loss, cost, gap and excess of all runs, in the caller's units, (S,) each."""
        problem, unit = self.problem, self.unit
        at = self.model.views(self.flat)
        values = as_array(self.model.values(at)) * unit[:, None, None]
        loss = np.sum(problem.without_affine(values - problem.y) ** 2, axis=(1, 2)) / 2 + problem.scatter
        cost = as_array(self.model.penalty(at, "path_norm")) * unit
        return {
            "lam": self.schedule.ratio(step) * problem.lam_max * (problem.x_unit * problem.y_unit),
            "loss": loss * problem.y_unit**2,
            "vv_norm": cost * (problem.y_unit / problem.x_unit),
            "gap": self.estimate.gap(values, loss, cost, lambda: as_array(self.model.unit_neurons(at))),
            "excess": self.estimate.excess(values, cost),
        }

    def reached(self, record: Record) -> NDArray[np.bool_]:
        """Return which runs have a gap of at most `stop_gap`."""
        small: NDArray[np.bool_] = (record["gap"] <= self.recipe.stop_gap) & (self.recipe.stop_gap > 0)
        return small

    def progress(self, record: Record) -> Mapping[str, float]:
        """Return means over the runs."""
        return {name: float(np.mean(record[name])) for name in self.recorded}

    # --- state ---

    def state(self) -> dict[str, NDArray[Any]]:
        """Return the optimiser's memory and the best bounds so far."""
        memory = {f"{_STEPPER}{name}": value.cpu().numpy() for name, value in self.stepper.state().items()}
        return memory | {"bound": self.estimate.best}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Restore the memory that `state` returned."""
        self.estimate.best = state["bound"]
        memory = {name: value for name, value in state.items() if name.startswith(_STEPPER)}
        self.stepper.restore(
            {
                name.removeprefix(_STEPPER): torch.from_numpy(value).to(self.placement.device)
                for name, value in memory.items()
            }
        )

    def neurons(self) -> list[Neurons]:
        """Return the neurons of every run."""
        at = self.model.views(self.flat)
        parts = as_array(at.W), as_array(self.model.bias(at)), as_array(at.V) * self.unit[:, None, None]
        return list(zip(*parts, strict=True))


def _for_each(values: Array, function: Callable[[float], Any]) -> Array:
    """Return function(v) for every entry, stacked; equal values are computed once."""
    distinct, place = np.unique(values, return_inverse=True)
    stacked: Array = np.stack([function(float(value)) for value in distinct])[place]
    return stacked
