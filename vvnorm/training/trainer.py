"""Training many networks on one data set at once, with the penalty lowered gradually."""

import math
import os
import platform
import time
import warnings
from collections.abc import Sequence
from itertools import pairwise, product
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from vvnorm.losses import LossLike
from vvnorm.multitask.tasks import TaskLike
from vvnorm.network import ReLUNetwork
from vvnorm.training.arguments import as_number, as_seeds, check_choice
from vvnorm.training.checkpoint import Checkpoint, fingerprint
from vvnorm.training.optimisers import ADAM_EPS, MEMORY, MOMENTUM, Optimiser, adam_betas
from vvnorm.training.placement import Placement, as_placement
from vvnorm.training.postprocess import finish
from vvnorm.training.regression_objective import Recipe, train_regression
from vvnorm.training.regression_problem import Initialisation, RegressionProblem, make_problem
from vvnorm.training.result import TrainingResult
from vvnorm.training.schedule import Schedule
from vvnorm.training.task_trainer import train_tasks
from vvnorm.training.torch_formulas import Penalty
from vvnorm.training.weighting import Weighting
from vvnorm.validation import Array, as_count, as_inputs, as_labels, has_missing, require_two_points

LamSchedule = Literal["geometric", "constant"] | Sequence[tuple[int, float]]

_LAM = {"float64": 1e-8, "float32": 1e-6}  # default lam / lam_max: the residual falls with it until rounding stops it
_LAM_START = 0.3  # where the default continuation starts, lam / lam_max
_WHITENED = 0.8  # part of the steps that the default takes in the whitened metric
_MOST_WHITENED = 1000  # points: the metric is a matrix of their number squared, for every run
_MOST_POLISHED = 4000  # points
_LEVELS = 40  # of lam, for an optimiser that remembers one objective
_LEAST_WIDTH, _MOST_WIDTH = 64, 512  # of the default
_FULL_BATCH, _BATCH = 2000, 1024  # up to so many points all are used in a step; beyond, so many
_LARGEST_LABEL = 1e150
_SAMPLED_RATE = 1.0  # over the width: at most, for SGD with mini-batches
_CHECKPOINT_FORMAT = 2  # raised when the contents of checkpoints change
_RATES = {"adam": 0.02, "sgd": 0.05, "proximal": 0.02}  # at most; falling with the number of steps but for SGD


class Run(NamedTuple):
    """What distinguishes one run of a call: its learning rate, lam and seed."""

    lr: float
    lam: float
    seed: int


def train(
    X: ArrayLike,
    Y: ArrayLike,
    *,
    loss: LossLike = "squared",
    weights: ArrayLike | None = None,
    tasks: Sequence[TaskLike] | None = None,
    weighting: str | Weighting | Sequence[float] | None = None,
    width: int | None = None,
    lam: float | Sequence[float] | None = None,
    seeds: int | Sequence[int] = 1,
    penalty: Penalty = "path_norm",
    optimizer: Optimiser = "adam",
    initialisation: Initialisation = "kinks",
    steps: int = 5000,
    lr: float | Sequence[float] | None = None,
    lam_start: float | None = None,
    schedule: LamSchedule = "geometric",
    batch_size: int | None = None,
    skip: bool = True,
    penalise_bias: bool = False,
    polish: bool = False,
    prune: float = 0.0,
    exact: bool = False,
    stop_gap: float = 0.0,
    checkpoint: str | os.PathLike[str] | None = None,
    checkpoint_seconds: float = 10.0,
    dtype: str = "float64",
    device: str = "cpu",
    progress: bool = True,
) -> Any:  # which kind of training depends on what is asked
    """Train one network for each learning rate, lam and seed, all at once.

    The objective is sum_i ||f(x_i) - y_i||^2 / 2 + lam R, where R is the path norm sum_k ||w_k|| ||v_k|| or the weight
    decay sum_k (||w_k||^2 + ||v_k||^2) / 2. Both have the same minimisers up to rescaling neurons (claim `rescaling`);
    A and c are free. `docs/conventions.md` compares this with other libraries. Other losses, missing labels, weights of
    labels or of tasks: see `train_tasks`, which this calls then; its result has `certificates` as well.

    Parameters
    ----------
    X : array-like, shape (N,) or (N, d)
        Inputs, in any order; they may repeat.
    Y : array-like, shape (N,) or (N, T)
        Labels; NaN = missing.
    loss : str, Loss, or sequence of T of them
        Of all outputs, or one each.
    weights : array-like, shape (N,), (N, 1) or (N, T), optional
        Non-negative weights of the labels' losses.
    tasks : sequence of Task, int or sequence of int, optional
        Groups of outputs with their losses, in place of `loss`; or outputs and groups of outputs, whose losses are those
        that `loss` says.
    weighting : str, Weighting or sequence of float, optional
        How the losses of several tasks are weighted. Where this or one of the three before is given, or labels are missing,
        `train_tasks` does the training, by Adam; of the parameters below those that it has hold then, with its defaults.
    width : int, optional
        Number of neurons K; by default 4 (N - 1), for several inputs 24 (N - 1), at least 64 and at most 512. With several
        inputs kinks hardly turn towards where they are wanted: with more of them training ends nearer to the optimum.
        Neurons that end with no cost are left out of the result.
    lam : float or sequence of float, optional
        In label units times input units. By default 1e-8 lam_max (in float32 1e-6), where lam_max is the least lam whose
        minimiser is affine (for d > 1 a lower estimate of it): then minimisers nearly interpolate, and networks are judged
        as interpolants; where lam is given, as fits. See `result.lam` and `result.certificates`. 0 trains without penalty,
        and alone: any interpolant will do.
    seeds : int or sequence of int
        n means 0, .., n - 1. Each seed alone fixes where its network starts and in which order it meets the points of
        mini-batches; what else is trained beside it changes nothing.
    penalty : {"path_norm", "weight_decay"}
        R above.
    optimizer : {"adam", "sgd", "lbfgs", "proximal"}
        "sgd" has momentum 0.9 and takes the objective as stated throughout. "proximal" keeps neurons normalised and
        soft-thresholds ||v_k||, so that it makes exact zeros; it minimises the path norm only.
    initialisation : {"kinks", "balanced", "torch"}
        Kinks between neighbouring points; or the default of torch's linear layers, as it is or with balanced neurons.
    steps : int
        Number of steps.
    lr : float or sequence of float, optional
        First learning rate: 50 / steps by default, at most 0.02, and 0.05 for "sgd", with mini-batches at most 1 / width.
        "lbfgs" finds its own.
    lam_start : float, optional
        By default lam is lowered in a whitened metric first, see Notes. A number (at least lam) means: the objective
        as stated throughout, with lam lowered geometrically from this value over the first 90 % of the steps.
    schedule : {"geometric", "constant"} or sequence of (int, float)
        "constant": the objective as stated throughout, at lam. Pairs of a step and a lam: the objective as stated, lam
        constant from each step (the first is 0) to the next; the last one is lam.
    batch_size : int, optional
        Points per step, for "adam" and "sgd". By default all up to 2000 distinct points, and 1024 beyond. Mini-batches
        take the objective as stated throughout.
    skip : bool
        Whether there is a skip connection; without one, A = 0.
    penalise_bias : bool
        Whether R has ||(w_k, b_k)|| in place of ||w_k||. Not invariant under shifts of the inputs.
    polish : bool
        Re-solve the output weights on the learned kinks afterwards, a convex problem (`vvnorm.training.polish`).
    prune : float
        Merge and drop neurons afterwards, as long as the function moves by at most this part of half the labels' range
        inside the data's bounding box; the cost never rises.
    exact : bool
        Make the networks interpolate to a relative residual of 1e-10 in the end: by the convex problem if polished, else
        by the least change of the output weights. `result.finish` has what it costs.
    stop_gap : float
        Stop a run once its relative gap (`result.history["gap"]`) is at most this. 0: never.
    checkpoint : path-like, optional
        An `.npz` file that holds the state of the run. If it exists the run goes on from it, to the same networks as if it
        had never been interrupted. Ctrl-C then ends the run at the next step, with its state saved.
    checkpoint_seconds : float
        Least time between two checkpoints.
    dtype : {"float64", "float32"}
        Precision of the training; networks come back in float64.
    device : str
        A torch device.
    progress : bool
        Whether to show a progress bar, on interactive terminals only.

    Returns
    -------
    TrainingResult, or TaskTraining from `train_tasks`.

    Raises
    ------
    TypeError, ValueError
        For bad data or arguments, named with their values.

    Warns
    -----
    RuntimeWarning
        If a run diverged (its last good state is kept), or an exact fit is out of reach. Where two inputs are closer than
        3e-5 of the distance between neighbours on a grid of as many: if a network that is to interpolate, without
        mini-batches, misses a label by more than `vvnorm.tolerances.TRAINED` of half the labels' range, or if a fit has
        twice the squared error of an affine function. Its output weights are then solved for again, as by `polish`, and
        the warning says what is still missing. `result.notes` says the same.

    Notes
    -----
    Change of coordinates. Inputs are centred and divided by their root-mean-square radius, labels are centred and
    scaled, and equal inputs are merged into one with their mean label and weight. A and c are eliminated: at every step
    they are the least-squares ones for the neurons at hand (with mini-batches, only at the end). The bias of neuron k is
    written b_k = h_k beta_k - w_k.p_k with a fixed p_k between two neighbouring points and their distance h_k. None of
    this moves a minimiser of the path norm; weight decay is that of the weights in these coordinates, which has the same
    minimisers up to rescaling neurons. Results are mapped back, balanced; `result.settings` records the coordinates.

    The default continuation. The first 80 % of the steps minimise ||F - y||_M^2 / 2 + lam' sum_k ||w_k|| ||v_k|| for
    the values F at the points, where M = (G + (lam / lam_max) max(G))^(-1) whitens the loss by the kernel G of random
    neurons. There lam' / lam_max' falls geometrically from 0.3 (or lam / lam_max, if greater) to lam / lam_max. As lam
    falls to 0 both metrics have the same limit, minimal-norm interpolation, but the plain one is so badly conditioned
    that Adam often stops short of it. The remaining steps minimise the objective as stated, at the stated lam, with a
    lower learning rate, starting from balanced neurons if the penalty is weight decay. For lam that is not small against
    lam_max the two minimisers differ, and the last phase may need more steps. Beyond 1000 distinct points the plain
    metric is used throughout, from 0.3 lam_max down.

    Learning rates are constant for the first half of a phase and then fall to 1/1000 along a cosine. Time and memory
    per step are S N (K (d + T) + N T) and S (N K + N^2), for S runs. Small problems run on one thread of
    torch, whatever it is set to; the setting is restored. Neither NumPy's nor torch's global random state is
    touched.

    Examples
    --------
    >>> result = train([0, 1, 2, 3], [0, 1, 0, 1], seeds=4, progress=False)
    >>> round(result.best.vv_norm, 2)
    4.0
    """
    began = time.perf_counter()
    if (
        loss != "squared"
        or not (weights is tasks is weighting is None)
        or has_missing(as_labels(Y, len(as_inputs(X)), allow_missing=True))
    ):
        _refuse_for_tasks(
            optimizer=optimizer != "adam",
            lam_start=lam_start is not None,
            schedule=schedule != "geometric",
            penalise_bias=penalise_bias,
            polish=polish,
            prune=prune,
            exact=exact,
            stop_gap=stop_gap,
            checkpoint=checkpoint is not None,
        )
        return train_tasks(
            X, Y, tasks, loss=loss, weights=weights, weighting="equal" if weighting is None else weighting, width=width,
            lam=_one_for_tasks(lam, "lam"), seeds=seeds, penalty=penalty, initialisation=initialisation, steps=steps,
            lr=_one_for_tasks(lr, "lr"), batch_size=batch_size, skip=skip, dtype=dtype, device=device, progress=progress,
        )  # fmt: skip
    inputs, labels = _checked_data(X, Y, exact=exact)
    problem = make_problem(inputs, labels, skip=bool(skip), penalise_bias=bool(penalise_bias))
    n, d = problem.z.shape
    width = _default_width(n, d) if width is None else as_count(width, "width", 1)
    steps = as_count(steps, "steps", 1)
    check_choice(penalty, "penalty", get_args(Penalty))
    check_choice(optimizer, "optimizer", get_args(Optimiser))
    check_choice(initialisation, "initialisation", get_args(Initialisation))
    placement = as_placement(dtype, device)
    batch = _as_batch(batch_size, n, optimizer)
    _check_conflicts(penalty, optimizer, lr)
    stop_gap, prune = as_number(stop_gap, "stop_gap"), as_number(prune, "prune")
    path = _as_checkpoint(checkpoint)
    if (polish or exact) and n > _MOST_POLISHED:
        raise ValueError(f"polish and exact hold matrices of N x N: at most {_MOST_POLISHED} distinct points, X has {n}")

    lam_max = 0.0 if problem.is_affine else problem.lam_max * problem.x_unit * problem.y_unit
    lams = _as_lams(lam, schedule, _LAM[dtype] * lam_max, steps)
    rates = [math.nan] if optimizer not in _RATES else _as_rates(lr, optimizer, steps, batch, width)
    runs = [Run(*run) for run in product(rates, lams, as_seeds(seeds))]
    run_rates, run_lams = np.array([run.lr for run in runs]), np.array([run.lam for run in runs])
    whitened = optimizer != "sgd" and batch is None and n <= _MOST_WHITENED and 0.0 not in lams
    plan = _schedule(run_lams, run_rates, lam_start, schedule, lam_max, steps, whitened, optimizer)
    settings = {
        "width": width, "penalty": penalty, "optimizer": optimizer, "initialisation": initialisation, "steps": steps,
        "batch_size": batch, "skip": bool(skip), "penalise_bias": bool(penalise_bias), "stop_gap": stop_gap, "dtype": dtype,
        "device": str(placement.device), "lam_max": lam_max, **_record(plan, lam_max, optimizer),
    }  # fmt: skip
    if plan is None:
        networks, history, notes = _affine(problem, run_lams)
    else:
        pieces = {"runs": runs, "pieces": plan.pieces, "format": _CHECKPOINT_FORMAT}
        owner = fingerprint(inputs, labels, settings | pieces)
        state = Checkpoint(path, as_number(checkpoint_seconds, "checkpoint_seconds"), owner)
        recipe = Recipe(optimizer, penalty, batch, stop_gap)
        networks, history, notes = _trained(problem, runs, plan, recipe, placement, state, settings, progress)
    tiny = lam is None and isinstance(schedule, str)
    interpolates = (exact or tiny or not run_lams.all()) and _differing_labels(inputs, labels) is None
    networks, stages, more = finish(
        networks, inputs, labels, run_lams, bool(skip), bool(penalise_bias),
        interpolate=interpolates and batch is None, polish=polish, prune=prune, exact=exact,
    )  # fmt: skip
    notes = (*notes, *more)
    for note in notes:
        warnings.warn(note, RuntimeWarning, stacklevel=2)
    settings |= {"polish": bool(polish), "prune": prune, "exact": bool(exact), **_provenance(problem)}
    settings["judged_as"] = "interpolant" if interpolates else "fit"
    settings["seconds"] = time.perf_counter() - began
    run_seeds = tuple(run.seed for run in runs)
    return TrainingResult(networks, run_seeds, run_lams, run_rates, history, stages, notes, settings, inputs, labels)


# --- arguments --------------------------------------------------------------------------------------------------------


def _refuse_for_tasks(**given: object) -> None:
    """Raise ValueError if an option was given that only training with the plain squared loss has."""
    for name, value in given.items():
        if value:
            raise ValueError(f"{name} is for the squared loss with all labels and no weights; leave it out here")


def _one_for_tasks(value: float | Sequence[float] | None, name: str) -> float | None:
    if value is None or isinstance(value, int | float):
        return value
    raise TypeError(
        f"{name} must be one number for other losses than the squared one and for weighted tasks, got {value!r}"
    )


def _checked_data(X: ArrayLike, Y: ArrayLike, *, exact: bool) -> tuple[Array, Array]:
    inputs = as_inputs(X).copy()
    labels = as_labels(Y, len(inputs)).copy()
    require_two_points(inputs, "training")
    if np.abs(labels).max() > _LARGEST_LABEL:
        raise ValueError(f"Y holds labels as large as {np.abs(labels).max():.3g}: their squares leave float64; rescale Y")
    if exact and (row := _differing_labels(inputs, labels)) is not None:
        at = inputs[row].tolist()
        raise ValueError(f"Y has different labels at the input {at}: no network interpolates them exactly")
    return inputs, labels


def _differing_labels(inputs: Array, labels: Array) -> int | None:
    """A row whose labels are not those of another row of the same input; None if there is none."""
    _, first, group = np.unique(inputs, axis=0, return_index=True, return_inverse=True)
    differs = np.flatnonzero(np.any(labels != labels[first[group.reshape(-1)]], axis=1))
    return int(differs[0]) if len(differs) else None


def _default_width(n: int, d: int) -> int:
    return min(max(_LEAST_WIDTH, (4 if d == 1 else 24) * (n - 1)), _MOST_WIDTH)


def _as_numbers(values: float | Sequence[float], name: str, *, positive: bool) -> list[float]:
    """Return one number, or several distinct ones, as a list."""
    if not isinstance(values, Sequence | np.ndarray) or isinstance(values, str):
        return [as_number(values, name, positive=positive)]
    chosen = [as_number(value, f"every entry of {name}", positive=positive) for value in values]
    if not chosen or len(set(chosen)) < len(chosen):
        raise ValueError(f"{name} must hold distinct values, at least one; got {values!r}")
    return chosen


def _as_lams(lam: float | Sequence[float] | None, schedule: LamSchedule, default: float, steps: int) -> list[float]:
    if isinstance(schedule, str):
        lams = [default] if lam is None else _as_numbers(lam, "lam", positive=False)
        if len(lams) > 1 and 0.0 in lams:
            raise ValueError(f"lam = 0 trains in another way than a positive lam: call train for it alone; got {lam!r}")
        return lams
    if lam is not None:
        raise ValueError(f"lam must be left out when schedule lists the values of lam, got {lam!r}")
    if not isinstance(schedule, Sequence):
        raise TypeError(f"schedule must be geometric, constant or a list of (step, lam), got {schedule!r}")
    pairs: list[Any] = list(schedule)
    if not pairs or any(not isinstance(pair, Sequence) or isinstance(pair, str) or len(pair) != 2 for pair in pairs):
        raise ValueError(f"schedule must be geometric, constant or a list of (step, lam), got {schedule!r}")
    firsts = [as_count(first, "every step of schedule") for first, _ in pairs]
    if firsts[0] != 0 or any(later <= first for first, later in pairwise(firsts)):
        raise ValueError(f"the steps of schedule must begin with 0 and increase, got {firsts}")
    if firsts[-1] >= steps:
        raise ValueError(f"the steps of schedule must be below steps = {steps}, got {firsts[-1]}")
    return [[as_number(value, "every lam of schedule") for _, value in pairs][-1]]


def _as_rates(
    lr: float | Sequence[float] | None, optimizer: Optimiser, steps: int, batch: int | None, width: int
) -> list[float]:
    if lr is not None:
        return _as_numbers(lr, "lr", positive=True)
    if optimizer == "sgd":
        # The affine functions, to which neurons add up, are in mini-batches: their curvature grows with the width.
        return [_RATES["sgd"] if batch is None else min(_RATES["sgd"], _SAMPLED_RATE / width)]
    return [min(50 / steps, _RATES[optimizer])]


def _as_batch(batch_size: int | None, n: int, optimizer: Optimiser) -> int | None:
    sampling = optimizer in ("adam", "sgd")
    if batch_size is None:
        return _BATCH if sampling and n > _FULL_BATCH else None
    size = as_count(batch_size, "batch_size", 1)
    if not sampling:
        raise ValueError(f"batch_size belongs to adam and sgd; {optimizer} needs all points at every step, got {size}")
    return size if size < n else None


def _check_conflicts(penalty: Penalty, optimizer: Optimiser, lr: Any) -> None:
    if optimizer == "proximal" and penalty != "path_norm":
        raise ValueError(f"penalty must be path_norm for the proximal optimizer, got {penalty!r}")
    if optimizer not in _RATES and lr is not None:
        raise ValueError(f"lr must be left out: {optimizer} finds its own step sizes; got {lr!r}")


def _as_checkpoint(path: str | os.PathLike[str] | None) -> Path | None:
    if path is None:
        return None
    if not isinstance(path, str | os.PathLike):
        raise TypeError(f"checkpoint must be a path, got {path!r}")
    if Path(path).suffix != ".npz":
        raise ValueError(f"checkpoint must end in .npz, got {str(path)!r}")
    if not Path(path).absolute().parent.is_dir():
        raise ValueError(f"cannot write checkpoint {str(path)!r}: the folder does not exist")
    return Path(path)


def _schedule(
    lams: Array,
    rates: Array,
    lam_start: float | None,
    schedule: LamSchedule,
    lam_max: float,
    steps: int,
    whitened: bool,
    optimizer: Optimiser,
) -> Schedule | None:
    """Return the schedule in multiples of lam_max, or None where lam_max is 0: affine data need no training."""
    if isinstance(schedule, str):
        check_choice(schedule, "schedule", ("geometric", "constant"))
    stated = schedule != "geometric" or 0.0 in lams
    if lam_start is not None:
        if stated:
            raise ValueError(f"lam_start belongs to the geometric schedule and positive lam, got lam_start = {lam_start!r}")
        if as_number(lam_start, "lam_start", positive=True) < lams.max():
            raise ValueError(f"lam_start must be at least lam = {float(lams.max())!r}, got {lam_start!r}")
    if lam_max == 0:
        return None
    end = lams / lam_max
    levels = _LEVELS if optimizer == "lbfgs" else 0
    pieces = () if isinstance(schedule, str) else tuple((int(step), value / lam_max) for step, value in schedule)
    if stated:
        return Schedule(steps, 0, end, end, rates, rates, pieces)
    if lam_start is not None:
        return Schedule(steps, 0, np.full_like(end, lam_start / lam_max), end, rates, rates, (), levels)
    # The larger lam, the farther its minimiser is from that in the whitened metric, and the better conditioned.
    start = np.maximum(_LAM_START, end)
    if not whitened:
        return Schedule(steps, 0, start, end, rates, rates, (), levels)
    last_rates = 0.3 * rates * np.minimum(end, 1.0) ** 0.25
    return Schedule(steps, round(_WHITENED * steps), start, end, rates, last_rates, (), levels)


# --- parts of a run ---------------------------------------------------------------------------------------------------


def _affine(problem: RegressionProblem, lams: Array) -> tuple[list[ReLUNetwork], dict[str, NDArray[Any]], tuple[str, ...]]:
    """Return networks without neurons, and their history, for data that an affine function fits."""
    d, T = problem.z.shape[1], problem.y.shape[1]
    network = problem.network(np.zeros((0, d)), np.zeros(0), np.zeros((T, 0)))
    nothing = np.zeros((1, len(lams)))
    history: dict[str, NDArray[Any]] = {"step": np.array([0]), "lam": lams[None]}
    history |= {
        "loss": nothing + problem.scatter * problem.y_unit**2,
        "vv_norm": nothing,
        "gap": nothing,
        "excess": nothing,
    }
    return [network] * len(lams), history, ()


def _trained(
    problem: RegressionProblem,
    runs: list[Run],
    schedule: Schedule,
    recipe: Recipe,
    placement: Placement,
    checkpoint: Checkpoint,
    settings: dict[str, Any],
    progress: bool,
) -> tuple[list[ReLUNetwork], dict[str, NDArray[Any]], tuple[str, ...]]:
    """Train all runs; return networks, history and notes, and add to the settings where runs stopped."""
    width, initialisation = settings["width"], settings["initialisation"]
    starts = [problem.start(width, initialisation, np.random.default_rng(run.seed)) for run in runs]
    seeds = [run.seed for run in runs]
    neurons, log = train_regression(
        problem, starts, seeds, schedule, recipe, placement, progress=progress, checkpoint=checkpoint
    )
    settings["stopped"] = log.stopped.tolist()
    common = ", ".join(
        f"{name} = {settings[name]}" for name in ("optimizer", "penalty", "initialisation", "width", "dtype")
    )
    notes = log.divergences(seeds, [f"lr = {run.lr:.3g}, lam = {run.lam:.3g}, {common}" for run in runs])
    return [problem.network(*parts) for parts in neurons], log.history, notes


def _record(schedule: Schedule | None, lam_max: float, optimizer: Optimiser) -> dict[str, Any]:
    """Return what a schedule settled, as plain numbers."""
    if schedule is None:
        return {"trained": False}
    own: dict[str, dict[str, Any]] = {
        "adam": {"betas": list(adam_betas(schedule)), "eps": ADAM_EPS},
        "sgd": {"momentum": MOMENTUM},
        "lbfgs": {"memory": MEMORY, "levels": schedule.levels},
        "proximal": {},
    }
    return {
        "trained": True,
        "whitened_steps": schedule.whitened,
        "lr": np.unique(schedule.lr).tolist(),
        "last_lr": np.unique(schedule.last_lr).tolist(),
        "lam_start": float(schedule.ratio(0).max()) * lam_max,
        **own[optimizer],
    }


def _provenance(problem: RegressionProblem) -> dict[str, Any]:
    """Return coordinates and versions."""
    return {
        "coordinates": {
            "x_centre": problem.centre.tolist(),
            "x_unit": problem.x_unit,
            "y_centre": problem.y_centre.tolist(),
            "y_unit": problem.y_unit,
        },
        "torch": str(torch.__version__),
        "numpy": np.__version__,
        "python": platform.python_version(),
    }
