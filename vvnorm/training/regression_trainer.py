"""Training with the plain squared loss: checks of the options, values of lam and learning rates, the runs, the result."""

import math
import os
import platform
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from vvnorm.network import ReLUNetwork
from vvnorm.training.arguments import as_seeds, check_choice
from vvnorm.training.checkpoint import Checkpoint, fingerprint
from vvnorm.training.optimisers import ADAM_EPS, MEMORY, MOMENTUM, Optimiser, adam_betas
from vvnorm.training.placement import Placement, as_placement
from vvnorm.training.postprocess import finish
from vvnorm.training.regression_objective import Recipe, train_regression
from vvnorm.training.regression_problem import Initialisation, RegressionProblem, make_problem
from vvnorm.training.reoptimisation import MOST_POINTS
from vvnorm.training.result import TrainingResult
from vvnorm.training.schedule import Schedule
from vvnorm.training.torch_formulas import Penalty
from vvnorm.validation import (
    Array,
    RepeatedInput,
    as_count,
    as_inputs,
    as_labels,
    as_non_negative,
    as_positive,
    merged_points,
    require_two_points,
)

LamSchedule = Literal["geometric", "constant"] | Sequence[tuple[int, float]]

_LAM = {"float64": 1e-8, "float32": 1e-6}  # default lam / lam_max; for smaller values rounding dominates the residual
_LAM_START = 0.3  # lam / lam_max at the start of the default continuation
_WHITENED = 0.8  # part of the steps in the whitened metric, by default
_MOST_WHITENED = 1000  # points N; the metric is an N x N matrix for every run, and with missing labels for every output
_LEVELS = 40  # values of lam for L-BFGS, whose memory belongs to one objective
_LEAST_WIDTH, _MOST_WIDTH = 64, 512  # of the default
_FULL_BATCH, _BATCH = 2000, 1024  # a step uses all points up to 2000, and 1024 points otherwise
_LARGEST_LABEL = 1e150
_SAMPLED_RATE = 1.0  # largest default learning rate, times the width, of SGD with mini-batches
_CHECKPOINT_FORMAT = 2  # raised when the contents of checkpoints change
_RATES = {"adam": 0.02, "sgd": 0.05, "proximal": 0.02}  # largest default learning rates


class RegressionRun(NamedTuple):
    """Learning rate, lam and seed of one run of a call."""

    lr: float
    lam: float
    seed: int


@dataclass(frozen=True)
class RegressionOptions:
    """The options of `vvnorm.train` for the plain squared loss, as the caller gave them and not yet checked."""

    width: int | None
    lam: float | Sequence[float] | None
    seeds: int | Sequence[int]
    penalty: Penalty
    optimizer: Optimiser
    initialisation: Initialisation
    steps: int
    lr: float | Sequence[float] | None
    lam_start: float | None
    schedule: LamSchedule
    batch_size: int | None
    skip: bool
    penalise_bias: bool
    polish: bool
    prune: float
    exact: bool
    stop_gap: float
    checkpoint: str | os.PathLike[str] | None
    checkpoint_seconds: float
    dtype: str
    device: str
    progress: bool


def train_on_squares(X: ArrayLike, Y: ArrayLike, options: RegressionOptions) -> TrainingResult:
    """Train one network for each learning rate, lam and seed; `vvnorm.train` calls it."""
    began = time.perf_counter()
    skip, penalise_bias, exact = bool(options.skip), bool(options.penalise_bias), bool(options.exact)
    inputs, labels = _checked_data(X, Y, exact=exact)
    problem = make_problem(inputs, labels, skip=skip, penalise_bias=penalise_bias)
    settings, placement = _checked_settings(options, problem)
    path, prune = _as_checkpoint(options.checkpoint), as_non_negative(options.prune, "prune")
    runs = _runs(options, settings)
    run_rates, run_lams = np.array([run.lr for run in runs]), np.array([run.lam for run in runs])
    plan = _schedule(run_lams, run_rates, options, settings, problem)
    settings |= _record(plan, settings)
    if plan is None:
        networks, history, notes = _affine(problem, run_lams)
    else:
        owner = settings | {"runs": runs, "pieces": plan.pieces, "format": _CHECKPOINT_FORMAT}
        seconds = as_non_negative(options.checkpoint_seconds, "checkpoint_seconds")
        checkpoint = Checkpoint(path, seconds, fingerprint(inputs, labels, owner))
        networks, history, notes = _trained(problem, runs, plan, settings, placement, checkpoint, options.progress)
    default_lam = options.lam is None and isinstance(options.schedule, str)
    interpolates = (exact or default_lam or not run_lams.all()) and _differing_labels(inputs, labels) is None
    networks, stages, stage_notes = finish(
        networks, inputs, labels, run_lams, skip, penalise_bias,
        interpolate=interpolates and settings["batch_size"] is None, polish=options.polish, prune=prune, exact=exact,
    )  # fmt: skip
    notes = (*notes, *stage_notes)
    for note in notes:
        warnings.warn(note, RuntimeWarning, stacklevel=3)
    settings |= {"polish": bool(options.polish), "prune": prune, "exact": exact, **_provenance(problem)}
    settings["judged_as"] = "interpolant" if interpolates else "fit"
    settings["seconds"] = time.perf_counter() - began
    seeds = tuple(run.seed for run in runs)
    return TrainingResult(networks, seeds, run_lams, run_rates, history, stages, notes, settings, inputs, labels)


# --- checks of the options --------------------------------------------------------------------------------------------


def _checked_settings(options: RegressionOptions, problem: RegressionProblem) -> tuple[dict[str, Any], Placement]:
    """Return the settings as plain values with defaults filled in, and the placement."""
    (n, d), optimizer = problem.z.shape, options.optimizer
    width = _default_width(n, d) if options.width is None else as_count(options.width, "width", 1)
    steps = as_count(options.steps, "steps", 1)
    check_choice(options.penalty, "penalty", get_args(Penalty))
    check_choice(optimizer, "optimizer", get_args(Optimiser))
    check_choice(options.initialisation, "initialisation", get_args(Initialisation))
    placement = as_placement(options.dtype, options.device)
    batch = _as_batch(options.batch_size, n, optimizer)
    _check_conflicts(options.penalty, optimizer, options.lr)
    if (options.polish or options.exact) and n > MOST_POINTS:
        raise ValueError(f"polish and exact hold matrices of N x N: at most {MOST_POINTS} distinct points, X has {n}")
    settings = {
        "width": width,
        "penalty": options.penalty,
        "optimizer": optimizer,
        "initialisation": options.initialisation,
        "steps": steps,
        "batch_size": batch,
        "skip": problem.skip,
        "penalise_bias": problem.penalise_bias,
        "stop_gap": as_non_negative(options.stop_gap, "stop_gap"),
        "dtype": options.dtype,
        "device": str(placement.device),
        "lam_max": 0.0 if problem.is_affine else problem.lam_max * problem.x_unit * problem.y_unit,
    }
    return settings, placement


def _runs(options: RegressionOptions, settings: dict[str, Any]) -> list[RegressionRun]:
    """Return the runs: one for each learning rate, lam and seed, seeds fastest."""
    steps, default = settings["steps"], _LAM[settings["dtype"]] * settings["lam_max"]
    lams = _as_lams(options.lam, options.schedule, default, steps)
    rates = [math.nan]
    if options.optimizer in _RATES:
        rates = _as_rates(options.lr, options.optimizer, steps, settings["batch_size"], settings["width"])
    return [RegressionRun(*run) for run in product(rates, lams, as_seeds(options.seeds))]


def _checked_data(X: ArrayLike, Y: ArrayLike, *, exact: bool) -> tuple[Array, Array]:
    inputs = as_inputs(X).copy()
    labels = as_labels(Y, len(inputs), allow_missing=True).copy()
    require_two_points(inputs, "training")
    if (largest := float(np.nanmax(np.abs(labels)))) > _LARGEST_LABEL:
        raise ValueError(f"Y holds labels as large as {largest:.3g}: their squares leave float64; rescale Y")
    if exact and (repeated := _differing_labels(inputs, labels)) is not None:
        raise ValueError(f"{repeated.fact}: no network interpolates them exactly")
    return inputs, labels


def _differing_labels(inputs: Array, labels: Array) -> RepeatedInput | None:
    """Return the error about labels that differ at an input; None if there are none."""
    try:
        merged_points(inputs, labels, "error")
    except RepeatedInput as error:
        return error
    return None


def _default_width(n: int, d: int) -> int:
    return min(max(_LEAST_WIDTH, (4 if d == 1 else 24) * (n - 1)), _MOST_WIDTH)


def _as_numbers(values: float | Sequence[float], name: str, check: Callable[[float, str], float]) -> list[float]:
    """Return one number, or several distinct numbers, as a list."""
    if not isinstance(values, Sequence | np.ndarray) or isinstance(values, str):
        return [check(values, name)]
    chosen = [check(value, f"every entry of {name}") for value in values]
    if not chosen or len(set(chosen)) < len(chosen):
        raise ValueError(f"{name} must hold distinct values, at least one; got {values!r}")
    return chosen


def _as_lams(lam: float | Sequence[float] | None, schedule: LamSchedule, default: float, steps: int) -> list[float]:
    if isinstance(schedule, str):
        lams = [default] if lam is None else _as_numbers(lam, "lam", as_non_negative)
        if len(lams) > 1 and 0.0 in lams:
            raise ValueError(f"lam = 0 trains in another way than a positive lam: call train for each; got {lam!r}")
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
    return [[as_non_negative(value, "every lam of schedule") for _, value in pairs][-1]]


def _as_rates(
    lr: float | Sequence[float] | None, optimizer: Optimiser, steps: int, batch: int | None, width: int
) -> list[float]:
    if lr is not None:
        return _as_numbers(lr, "lr", as_positive)
    if optimizer == "sgd":
        # With mini-batches affine functions are not eliminated: sums of neurons represent them, with a curvature that
        # grows with the width.
        return [_RATES["sgd"] if batch is None else min(_RATES["sgd"], _SAMPLED_RATE / width)]
    return [min(50 / steps, _RATES[optimizer])]


def _as_batch(batch_size: int | None, n: int, optimizer: Optimiser) -> int | None:
    sampling = optimizer in ("adam", "sgd")
    if batch_size is None:
        return _BATCH if sampling and n > _FULL_BATCH else None
    size = as_count(batch_size, "batch_size", 1)
    if not sampling:
        raise ValueError(f"batch_size is for adam and sgd; {optimizer} needs all points at every step, got {size}")
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
    lams: Array, rates: Array, options: RegressionOptions, settings: dict[str, Any], problem: RegressionProblem
) -> Schedule | None:
    """Return the schedule in multiples of lam_max; None if lam_max is 0, since affine data need no training."""
    lam_start, schedule, optimizer = options.lam_start, options.schedule, options.optimizer
    lam_max, steps = settings["lam_max"], settings["steps"]
    affordable = problem.counts.shape[1] * len(problem.z) ** 2 <= _MOST_WHITENED**2
    whitened = optimizer != "sgd" and settings["batch_size"] is None and affordable and 0.0 not in lams
    if isinstance(schedule, str):
        check_choice(schedule, "schedule", ("geometric", "constant"))
    stated = schedule != "geometric" or 0.0 in lams
    if lam_start is not None:
        if stated:
            raise ValueError(f"lam_start is for the geometric schedule and positive lam, got lam_start = {lam_start!r}")
        if as_positive(lam_start, "lam_start") < lams.max():
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
    # For large lam the minimisers in the two metrics differ more, and the plain problem is better conditioned.
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
    runs: list[RegressionRun],
    schedule: Schedule,
    settings: dict[str, Any],
    placement: Placement,
    checkpoint: Checkpoint,
    progress: bool,
) -> tuple[list[ReLUNetwork], dict[str, NDArray[Any]], tuple[str, ...]]:
    """Train all runs; return networks, history and notes, and record in the settings at which steps runs stopped."""
    width, initialisation = settings["width"], settings["initialisation"]
    starts = [problem.start(width, initialisation, np.random.default_rng(run.seed)) for run in runs]
    seeds = [run.seed for run in runs]
    recipe = Recipe(settings["optimizer"], settings["penalty"], settings["batch_size"], settings["stop_gap"])
    neurons, log = train_regression(
        problem, starts, seeds, schedule, recipe, placement, progress=progress, checkpoint=checkpoint
    )
    settings["stopped"] = log.stopped.tolist()
    common = ", ".join(
        f"{name} = {settings[name]}" for name in ("optimizer", "penalty", "initialisation", "width", "dtype")
    )
    notes = log.divergences(seeds, [f"lr = {run.lr:.3g}, lam = {run.lam:.3g}, {common}" for run in runs])
    return [problem.network(*parts) for parts in neurons], log.history, notes


def _record(schedule: Schedule | None, settings: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of a schedule as plain numbers."""
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
        "lam_start": float(schedule.ratio(0).max()) * settings["lam_max"],
        **own[settings["optimizer"]],
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
