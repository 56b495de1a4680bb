"""The training loop: moves all runs together, keeps records, stops finished runs and restores diverged runs.

It trains a `TrainingObjective`: regression with the squared loss (`regression_objective`) or several tasks
(`task_objective`). The objective knows the networks, their data and how a step moves them. The loop knows nothing about
networks: it sees records, and parameters whose leading axis is the runs.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from vvnorm._internal.interrupts import held_signals
from vvnorm.training.checkpoint import Checkpoint
from vvnorm.training.execution import Report, progress_bar, threads_for
from vvnorm.training.placement import as_array

_CHECK = 25  # largest number of steps between two checks for divergence
_LARGEST = 1e8  # a run with a larger parameter has diverged; in training coordinates parameters are of order 1
_HISTORY, _PARAMETERS, _KEPT = "history.", "parameters.", "kept."  # prefixes of names in a checkpoint

Record = Mapping[str, NDArray[Any]]
"""Quantities by name, each an array whose first axis is the S runs."""


class TrainingObjective(ABC):
    """S networks that are trained together, and how one step moves them.

    Attributes
    ----------
    parameters : list of tensors
        Each of shape (S, ...); `advance` changes them in place.
    recorded : tuple of str
        The names of the quantities that `measure` returns.
    """

    parameters: list[torch.Tensor]
    recorded: tuple[str, ...]

    @abstractmethod
    def advance(self, step: int) -> None:
        """Move all runs by one step; `step` counts from 0."""

    @abstractmethod
    def measure(self, step: int) -> Record:
        """Return the recorded quantities of the current parameters, before the given step."""

    def reached(self, record: Record) -> NDArray[np.bool_]:
        """Return which runs need no more training, judged by a record; shape (S,). By default no run."""
        return np.zeros(len(self.parameters[0]), dtype=bool)

    @abstractmethod
    def progress(self, record: Record) -> Mapping[str, float]:
        """Return means over the runs for the progress bar; see `vvnorm.training.execution.Report`."""

    def state(self) -> dict[str, NDArray[Any]]:
        """Return the objective's memory beside its parameters, for a checkpoint. By default there is none."""
        return {}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:  # noqa: B027 (nothing to do by default)
        """Restore the memory that `state` returned; the mapping may hold other entries too."""


@dataclass(frozen=True)
class RunLog:
    """The history of S runs, with R records.

    Attributes
    ----------
    history : dict of arrays
        'step' (R,), and every recorded quantity, (R, S, ...).
    stopped : (S,) int array
        The step at which the objective called a run finished, or -1.
    diverged : (S,) int array
        The step at which a parameter was too large or not a number, or -1; the run's last good state is kept.
    """

    history: dict[str, NDArray[Any]]
    stopped: NDArray[np.int64]
    diverged: NDArray[np.int64]

    def first(self) -> "RunLog":
        """Return the log of the first run alone."""
        history = {name: values if name == "step" else values[:, :1] for name, values in self.history.items()}
        return RunLog(history, self.stopped[:1], self.diverged[:1])

    def divergences(self, seeds: Sequence[int], settings: Sequence[str]) -> tuple[str, ...]:
        """Return one sentence for each run that diverged, with its seed and settings."""
        return tuple(
            f"seed {seed} diverged by step {step} ({chosen}); its last good state is kept"
            for step, seed, chosen in zip(self.diverged, seeds, settings, strict=True)
            if step >= 0
        )


def run_loop(
    objective: TrainingObjective,
    steps: int,
    *,
    records: int,
    work: int,
    progress: bool,
    checkpoint: Checkpoint | None = None,
) -> RunLog:
    """Train all runs of an objective.

    Parameters
    ----------
    objective : TrainingObjective
        Its parameters are changed in place; in the end they are the result.
    steps : int
        Number of steps.
    records : int
        Number of records after the first one, evenly spaced over the steps; at most one per step.
    work : int
        Approximate number of products per step, which determines the number of threads.
    progress : bool
        Whether to show a progress bar, on interactive terminals only.
    checkpoint : Checkpoint, optional
        The file in which the state is saved, and from which training continues.

    Raises
    ------
    KeyboardInterrupt
        If Ctrl-C was pressed; with a checkpoint the state was saved after a whole step.
    """
    loop = TrainingLoop(objective, steps, records)
    # Gradients are written out. Without the bookkeeping of automatic differentiation a step takes a sixth less.
    with torch.inference_mode(), progress_bar(steps, progress) as report, threads_for(work):
        loop.run(report, checkpoint or Checkpoint.nowhere())
    return loop.log()


class TrainingLoop:
    """The state of all runs between two steps."""

    def __init__(self, objective: TrainingObjective, steps: int, records: int) -> None:
        runs = len(objective.parameters[0])
        self.objective, self.steps, self.step = objective, steps, 0
        self.records = set(np.linspace(0, steps, records + 1).round().astype(int).tolist())
        self.kept = [tensor.clone() for tensor in objective.parameters]
        self.stopped, self.diverged = np.full(runs, -1), np.full(runs, -1)
        self.rows: dict[str, list[NDArray[Any]]] = {name: [] for name in ("step", *objective.recorded)}

    @property
    def held(self) -> NDArray[np.bool_]:
        """Which runs have stopped or diverged."""
        held: NDArray[np.bool_] = (self.stopped >= 0) | (self.diverged >= 0)
        return held

    @property
    def done(self) -> bool:
        """Whether all steps are done or no run moves any more."""
        return self.step >= self.steps or bool(self.held.all())

    def run(self, report: Report, checkpoint: Checkpoint) -> None:
        """Continue from the checkpoint, if there is one, to the end or to an interruption."""
        with held_signals(checkpoint.path is not None) as interrupts:
            self.restore(checkpoint.load())
            while not self.done and not interrupts:
                if self.step in self.records or self.step % _CHECK == 0:
                    self.restore_diverged()
                if self.step in self.records:
                    report(self.step, self.record())
                if checkpoint.due():
                    checkpoint.save(self.state())
                self.advance()
            if self.done:
                self.restore_diverged()
                report(self.step, self.record())
            checkpoint.save(self.state())
        if interrupts:
            raise KeyboardInterrupt

    def advance(self) -> None:
        """Move all runs by one step."""
        self.objective.advance(self.step)
        self.step += 1

    def restore_diverged(self) -> None:
        """Save the state of good runs; put stopped and diverged runs back to their saved state."""
        parameters = self.objective.parameters
        sizes = torch.stack([tensor.abs().flatten(1).amax(1) for tensor in parameters]).amax(0)
        healthy = as_array(sizes) < _LARGEST  # False for NaN
        moving = ~self.held
        self.diverged[moving & ~healthy] = self.step
        good = moving & healthy
        # Not at every record: a run that grows without bound looks healthy for some steps.
        saved = self.step % _CHECK == 0
        if good.all():
            if saved:
                self.kept = [tensor.clone() for tensor in parameters]
            return
        for tensor, kept in zip(parameters, self.kept, strict=True):
            mask = torch.from_numpy(good).to(tensor.device).reshape(-1, *[1] * (tensor.ndim - 1))
            if saved:
                kept.copy_(torch.where(mask, tensor, kept))
            tensor.copy_(torch.where(mask, tensor, kept))

    def record(self) -> Mapping[str, float]:
        """Add a record and hold the runs that need no more training; return means over the runs."""
        measured = self.objective.measure(self.step)
        if self.rows["step"] and self.rows["step"][-1] == self.step:  # recorded before an interruption
            for rows in self.rows.values():
                rows.pop()
        self.rows["step"].append(np.array(self.step))
        for name in self.objective.recorded:
            self.rows[name].append(measured[name])
        reached = self.objective.reached(measured) & ~self.held
        if reached.any():
            for tensor, kept in zip(self.objective.parameters, self.kept, strict=True):
                kept[reached] = tensor[reached]
            self.stopped[reached] = self.step
        return self.objective.progress(measured)

    def state(self) -> dict[str, NDArray[Any]]:
        """Return the arrays that `restore` reads."""
        parameters = enumerate(zip(self.objective.parameters, self.kept, strict=True))
        arrays: dict[str, NDArray[Any]] = {}
        for index, (tensor, kept) in parameters:
            arrays[f"{_PARAMETERS}{index}"], arrays[f"{_KEPT}{index}"] = tensor.cpu().numpy(), kept.cpu().numpy()
        arrays |= {f"{_HISTORY}{name}": np.array(values) for name, values in self.rows.items()}
        arrays |= {"step": np.array(self.step), "stopped": self.stopped, "diverged": self.diverged}
        return arrays | self.objective.state()

    def restore(self, state: Mapping[str, NDArray[Any]] | None) -> None:
        """Continue from a saved state, if there is one."""
        if state is None:
            return
        for index, (tensor, kept) in enumerate(zip(self.objective.parameters, self.kept, strict=True)):
            tensor.copy_(torch.from_numpy(state[f"{_PARAMETERS}{index}"]))
            kept.copy_(torch.from_numpy(state[f"{_KEPT}{index}"]))
        self.step, self.stopped, self.diverged = int(state["step"]), state["stopped"], state["diverged"]
        self.rows = {name: list(state[f"{_HISTORY}{name}"]) for name in self.rows}
        self.objective.restore(state)

    def log(self) -> RunLog:
        """Return the history of all runs."""
        return RunLog({name: np.array(values) for name, values in self.rows.items()}, self.stopped, self.diverged)
