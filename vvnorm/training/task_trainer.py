"""Training one network on several tasks at once, under a weighting of their losses."""

import platform
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, get_args

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from vvnorm._internal.drawing import Course, Trained
from vvnorm._internal.words import count, lines
from vvnorm.api.certification import certify
from vvnorm.api.fits import fit
from vvnorm.losses import Loss, LossLike
from vvnorm.multitask.tasks import Task, TaskLike, as_tasks, task_labels
from vvnorm.network import ReLUNetwork
from vvnorm.tolerances import TRAINED
from vvnorm.training.arguments import as_seeds, check_choice
from vvnorm.training.cross_validation import choose_weights
from vvnorm.training.execution import certification_bar
from vvnorm.training.near_inputs import merge_near, nearly_coincide
from vvnorm.training.placement import as_placement
from vvnorm.training.postprocess import interpolation_miss
from vvnorm.training.regression_problem import Initialisation
from vvnorm.training.task_objective import TaskPlan, TaskSamples, check_batches, train_side_by_side
from vvnorm.training.torch_formulas import Penalty
from vvnorm.training.weighting import Equal, Fixed, Grid, Weighting, as_weighting
from vvnorm.validation import (
    Array,
    as_count,
    as_inputs,
    as_labels,
    as_non_negative,
    as_positive,
    as_weights,
    counted_entries,
    require_two_points,
)
from vvnorm.verifier.check import FitCertificate

_WIDTH = 64  # number of neurons by default
_FULL_BATCH, _BATCH = 2000, 256  # up to 2000 samples every step uses all; beyond, 256
_RATE = 0.01  # first learning rate of Adam by default
_FIT_SECONDS = 10.0  # for an exact fit, where inputs nearly coincide
_LAM = 1e-3  # default lam, relative to the sum of the weights of a task's labels


@dataclass(frozen=True, eq=False)
class TaskTraining(Trained):
    """S networks trained on the same tasks, one for each seed; what `train_tasks` returns.

    Attributes
    ----------
    networks : list of ReLUNetwork
        Balanced, float64, in the caller's units.
    tasks : tuple of Task
    weighting : Weighting
        As trained; `Grid` has been replaced by the `Fixed` weights chosen.
    seeds : tuple of int
    lam : float
        Weight of the VV norm.
    history : dict of arrays
        Recorded R times. 'step' (R,). 'vv_norm' (R, S). 'losses' (R, S, tasks): unweighted, of all samples. 'weights'
        (R, S, tasks): means over the steps since the previous record; the first record has the weights of the first step.
        'stationarity' (R, S): the least norm in the convex hull of the gradients of all losses, and of VV if lam > 0, in
        all parameters, divided by the norm of the longest gradient at the start. It is 0 exactly at Pareto stationary
        points.
    choice : dict of arrays
        The shares that `Grid` tried, 'shares' (M, tasks), and their 'score' (M,): the mean over folds of the validation
        loss, divided by the loss of the best constants. Empty for other weightings.
    notes : tuple of str
        What went wrong or is worth knowing.
    settings : dict
        Hyper-parameters, versions and seconds, as plain numbers and words.
    X, Y, weights : (N, d), (N, T) and (N, T) arrays
        The data; NaN = missing, and weight 0 there.
    """

    networks: list[ReLUNetwork]
    tasks: tuple[Task, ...]
    weighting: Weighting
    seeds: tuple[int, ...]
    lam: float
    history: dict[str, NDArray[Any]] = field(repr=False)
    choice: dict[str, Array] = field(repr=False)
    notes: tuple[str, ...]
    settings: dict[str, Any] = field(repr=False)
    X: Array = field(repr=False)
    Y: Array = field(repr=False)
    weights: Array = field(repr=False)

    def certificates(self, *, time_limit: float | None = None, progress: bool = True) -> list[FitCertificate]:
        """Certify how far every network is from the least weighted sum of losses plus lam times the VV norm.

        Parameters
        ----------
        time_limit : float, optional
            Seconds for each; see `vvnorm.certify`.
        progress : bool
            Whether to show a progress bar, on interactive terminals only.

        Raises
        ------
        ValueError
            For lam = 0, for the loss softmax, and for weightings other than `Equal` and `Fixed`: they change the objective
            during training.
        """
        if not isinstance(self.weighting, Equal | Fixed):
            raise ValueError(
                f"weighting {self.weighting.name!r} changed during training, so no single objective can be certified"
            )
        if self.lam == 0 or any(task.is_multiclass for task in self.tasks):
            raise ValueError("lam is 0" if self.lam == 0 else "the verifier does not know the loss 'softmax'")
        losses, shares = _of_outputs(self.tasks, self.weighting, self.Y.shape[1])
        options: dict[str, Any] = {"loss": losses, "weights": self.weights * shares, "skip": self.settings["skip"]}
        judged = []
        with certification_bar(len(self.networks), progress) as (solving, ended):
            for network in self.networks:
                limits: dict[str, Any] = {"time_limit": time_limit, "callback": solving}
                judged.append(certify(network, self.X, self.Y, lam=self.lam, **options, **limits))
                ended()
        return judged

    def __repr__(self) -> str:
        best, run = self.best, self.best_run
        values = ", ".join(f"{task.name} {loss:.4g}" for task, loss in zip(self.tasks, self.losses[run], strict=True))
        size = f"{count(len(self.networks), 'network')} of {count(len(self.tasks), 'task')}"
        return lines(
            f"TaskTraining: {size}, weighting {self.weighting.name}, "
            f"{count(self.settings['steps'], 'step')}, lam {self.lam:.6g}",
            f"best: seed {self.seeds[run]}, VV norm {best.vv_norm:.6g}, {count(best.n_neurons, 'neuron')}; not certified",
            f"its losses: {values}",
            f"{count(len(self.notes), 'note')}: {self.notes[0]}" if self.notes else "",
        )

    def course(self) -> Course:
        """Return the losses of the best network's tasks."""
        names = tuple(task.name for task in self.tasks)
        return Course("loss", self.history["step"], self.history["losses"][:, self.best_run], names)

    @property
    def losses(self) -> Array:
        """The losses of the tasks at the end, (S, tasks)."""
        last: Array = self.history["losses"][-1]
        return last

    @property
    def stationarity(self) -> Array:
        """The measure of Pareto stationarity at the end, (S,); see `history`."""
        last: Array = self.history["stationarity"][-1]
        return last

    @property
    def best_run(self) -> int:
        """The index of the network with the least sum of losses and lam VV."""
        return int(np.argmin(self.losses.sum(axis=1) + self.lam * self.history["vv_norm"][-1]))

    @property
    def best(self) -> ReLUNetwork:
        """The network with the least sum of losses and lam VV."""
        return self.networks[self.best_run]


def train_tasks(
    X: ArrayLike,
    Y: ArrayLike,
    tasks: Sequence[TaskLike] | None = None,
    *,
    loss: LossLike = "squared",
    weights: ArrayLike | None = None,
    weighting: str | Weighting | Sequence[float] = "equal",
    width: int | None = None,
    lam: float | None = None,
    seeds: int | Sequence[int] = 1,
    penalty: Penalty = "path_norm",
    initialisation: Initialisation = "kinks",
    steps: int = 2000,
    lr: float | None = None,
    batch_size: int | None = None,
    skip: bool = True,
    dtype: str = "float64",
    device: str = "cpu",
    progress: bool = True,
) -> TaskTraining:
    """Train networks whose neurons all tasks share: minimise sum_t a_t L_t + lam VV, with a_t chosen by a weighting.

    Parameters
    ----------
    X : array-like, shape (N,) or (N, d)
        Inputs. Features of different units: see `vvnorm.multitask.tasks.Standardisation`, which is applied by the caller.
    Y : array-like, shape (N,) or (N, T)
        Labels; NaN = missing. Samples may have labels for some tasks only.
    tasks : sequence of Task, int or sequence of int, optional
        Groups of outputs with their losses; or outputs and groups of outputs, with the losses that `loss` says. By default
        every output is a task.
    loss : str, Loss, or sequence of T of them
        Of all outputs, or one each; left out where `tasks` are `Task`s.
    weights : array-like, shape (N,), (N, 1) or (N, T), optional
        Non-negative weights of the labels' losses, all 1 by default: L_t is a sum, as in `vvnorm.fit`.
        `vvnorm.multitask.tasks.mean_weights` makes it a mean.
    weighting : str, Weighting or sequence of float
        See `vvnorm.training.weighting`.
    width : int, optional
        Number of neurons K; 64 by default.
    lam : float, optional
        Weight of the VV norm; by default 1e-3 times the mean over the tasks of the sum of their weights.
    seeds : int or sequence of int
        n means 0, .., n - 1. Each seed fixes where its network starts, and the order of mini-batches.
    penalty : {"path_norm", "weight_decay"}
        The form in which VV is minimised.
    initialisation : {"kinks", "balanced", "torch"}
        As in `vvnorm.train`.
    steps : int
        Number of steps of Adam.
    lr : float, optional
        First learning rate, 0.01 by default; it falls to 0 along a cosine.
    batch_size : int, optional
        By default all samples up to 2000, and 256 beyond.
    skip : bool
        Whether there is a skip connection; without one, A = 0.
    dtype, device : str
        Of the training; networks come back in float64.
    progress : bool
        Whether to show a progress bar, on interactive terminals only.

    Returns
    -------
    TaskTraining

    Raises
    ------
    TypeError, ValueError
        Before any training: for bad data or arguments, a task of one class only, or without a label in some batch.
    ModuleNotFoundError
        For the weighting "upgrad" without torchjd.

    Warns
    -----
    RuntimeWarning
        If a run diverged; its last good state is kept. If two inputs nearly coincide: they are closer than 3e-5 of the
        spacing of a grid of as many points, which Adam cannot separate. Inputs whose labels agree to 1e-6 of half their
        range were then merged: weights are added, and a label that only one of them has is kept. Where labels do not agree,
        a warning names the networks that end far from the optimum. For lam = 0 these are networks that miss labels of a
        squared loss by more than `vvnorm.tolerances.TRAINED` of half their range. For lam > 0 (weightings `Equal` and
        `Fixed`) these are networks whose objective exceeds the objective of `vvnorm.fit` by more than this part. `notes`
        has the same texts.

    Examples
    --------
    >>> import vvnorm
    >>> labels = [[0, 1], [1, 0], [0, 1], [1, 0]]
    >>> training = vvnorm.train_tasks([0, 1, 2, 3], labels, seeds=2, steps=50, progress=False)
    >>> training.losses.shape  # networks, tasks
    (2, 2)
    """
    began = time.perf_counter()
    inputs = as_inputs(X)
    raw = as_labels(Y, len(inputs), allow_missing=True)
    require_two_points(inputs, "training")
    chosen = as_tasks(tasks, loss, raw.shape[1])
    raw, given_weights = counted_entries(raw, as_weights(weights, raw.shape))
    labels = task_labels(raw, chosen)
    rule = as_weighting(weighting, len(chosen))
    label_weights = np.broadcast_to(1.0 if given_weights is None else given_weights, raw.shape) * ~np.isnan(raw)
    check_choice(penalty, "penalty", get_args(Penalty))
    check_choice(initialisation, "initialisation", get_args(Initialisation))
    placement = as_placement(dtype, device)
    width, steps = as_count(_WIDTH if width is None else width, "width", 1), as_count(steps, "steps", 1)
    numbers = as_seeds(seeds)
    lam = _default_lam(label_weights, chosen) if lam is None else as_non_negative(lam, "lam")
    batch = _batch(batch_size, len(inputs))
    lr = as_positive(_RATE if lr is None else lr, "lr")
    samples, choice = TaskSamples(inputs, labels, label_weights), dict[str, Array]()
    merged: tuple[str, ...] = ()
    if nearly_coincide(inputs):
        samples, merged = _merged(samples)
        batch = None if batch is not None and batch >= len(samples.X) else batch
    plan = TaskPlan(steps, lr, lam, batch, width, placement, penalty, initialisation, bool(skip))
    if isinstance(rule, Grid):
        check_batches(samples.weights, chosen, plan, numbers)
        rule, choice = choose_weights(samples, chosen, rule, plan, numbers[0], progress=progress)
    runs = len(numbers)
    networks, history, notes = train_side_by_side([samples] * runs, chosen, [rule] * runs, numbers, plan, progress=progress)
    comparable = lam == 0 or (isinstance(rule, Equal | Fixed) and not any(task.is_multiclass for task in chosen))
    notes = merged + notes
    if comparable and nearly_coincide(samples.X):
        ends = (history["losses"][-1], history["vv_norm"][-1])
        notes += _misses(networks, ends, TaskSamples(inputs, raw, label_weights), chosen, rule, lam, bool(skip))
    for note in notes:
        warnings.warn(note, RuntimeWarning, stacklevel=2)
    settings = {
        "weighting": rule.name, "width": width, "penalty": penalty, "initialisation": initialisation, "steps": steps,
        "lr": lr, "batch_size": batch, "skip": bool(skip), "dtype": dtype, "device": str(placement.device),
        "torch": str(torch.__version__), "numpy": np.__version__, "python": platform.python_version(),
        "seconds": time.perf_counter() - began,
    }  # fmt: skip
    return TaskTraining(
        networks, chosen, rule, numbers, lam, history, choice, notes, settings, inputs, raw, label_weights
    )  # fmt: skip


def _merged(samples: TaskSamples) -> tuple[TaskSamples, tuple[str, ...]]:
    """Merge inputs that nearly coincide where their labels agree, and say how many."""
    merged = TaskSamples(*merge_near(*samples))
    if len(merged.X) == len(samples.X):
        return samples, ()
    words = f"{count(len(samples.X), 'sample')} were trained as {len(merged.X)}"
    return merged, (f"inputs that nearly coincide and whose labels agree were merged: {words}",)


def _of_outputs(tasks: Sequence[Task], weighting: Weighting, outputs: int) -> tuple[list[Loss], Array]:
    """Return the loss of each output, and the weight of its task."""
    losses, shares = [Loss("squared")] * outputs, np.ones(outputs)
    for number, task in enumerate(tasks):
        for output, loss in zip(task.outputs, task.losses, strict=True):
            losses[output] = loss
            shares[output] = weighting.weights[number] if isinstance(weighting, Fixed) else 1.0
    return losses, shares


def _misses(
    networks: Sequence[ReLUNetwork],
    ends: tuple[Array, Array],
    samples: TaskSamples,
    tasks: Sequence[Task],
    weighting: Weighting,
    lam: float,
    skip: bool,
) -> tuple[str, ...]:
    """Name the networks that end far from the optimum; `ends` are the losses, (S, tasks), and VV norms, (S,)."""
    losses, shares = _of_outputs(tasks, weighting, samples.Y.shape[1])
    where = "where inputs nearly coincide"
    if lam == 0:
        values = np.array([loss.name == "squared" for loss in losses])
        values[[output for task in tasks if task.is_multiclass for output in task.outputs]] = False
        if not values.any():
            return ()
        missed = [interpolation_miss(f.of_outputs(values), samples.X, samples.Y[:, values]) for f in networks]
        advice = "vvnorm.interpolate needs no training"
        return tuple(f"network {index} {miss}, {where}; {advice}" for index, miss in enumerate(missed) if miss)
    task_weights = np.array(weighting.weights if isinstance(weighting, Fixed) else [1.0] * len(tasks))
    options: dict[str, Any] = {"loss": losses, "weights": samples.weights * shares, "skip": skip}
    least = fit(samples.X, samples.Y, lam, time_limit=_FIT_SECONDS, **options).value
    more = (ends[0] @ task_weights + lam * ends[1]) / max(least, np.finfo(float).tiny) - 1
    return tuple(
        f"the objective of network {index} exceeds the objective of vvnorm.fit by {100 * excess:.2g} %, {where}"
        for index, excess in enumerate(more.tolist())
        if excess > TRAINED
    )


def _default_lam(weights: Array, tasks: Sequence[Task]) -> float:
    return _LAM * float(np.mean([weights[:, list(task.outputs)].sum() for task in tasks]))


def _batch(batch_size: int | None, n: int) -> int | None:
    if batch_size is None:
        return _BATCH if n > _FULL_BATCH else None
    size = as_count(batch_size, "batch_size", 1)
    return size if size < n else None
