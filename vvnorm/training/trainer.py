"""Training many networks on one data set by Adam, with the penalty lowered gradually."""

import math
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, get_args

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from vvnorm.certify import Certificate, certify
from vvnorm.data import Array, as_count, as_inputs, as_labels, has_missing
from vvnorm.network import ReLUNetwork
from vvnorm.training.optimisation import ADAM_EPS, Penalty, Schedule, optimise
from vvnorm.training.problem import Kinks, Problem, make_problem

_LAM = 1e-6  # default lam / lam_max
_LAM_START = 0.3  # where the default continuation starts, lam / lam_max
_WHITENED = 0.8  # part of the steps that the default takes in the whitened metric
_OUTPUT_SIZE = 0.1  # ||v_k|| at the start
_PARALLEL_WORK = 1 << 23  # products per step from which more than one thread pays
_LARGEST_LABEL = 1e150
_DTYPES = {"float64": torch.float64, "float32": torch.float32}


@dataclass(frozen=True, eq=False)
class TrainingResult:
    """Networks trained on one data set from different seeds.

    Attributes
    ----------
    networks : list of ReLUNetwork
        One per seed: balanced (||w_k|| = ||v_k||), float64, in the caller's coordinates.
    seeds : tuple of int
        In the order of the networks.
    history : dict of arrays
        What was recorded every 1/200 of the run, R times in all, for S seeds: 'step' (R,); 'lam' (R,), in the caller's
        units (in the whitened metric: the lam of equal lam / lam_max); 'loss' (R, S), sum of squares / 2 in squared
        label units, with the best affine part; 'vv_norm' (R, S), in label units per input unit. One record only if the
        data are affine.
    lam : float
        Of the objective; in label units times input units.
    settings : dict
        Hyper-parameters, change of coordinates, lam_max, versions and seconds, as plain numbers, words and lists.
    X, Y : (N, d) and (N, T) arrays
        The data.
    """

    networks: list[ReLUNetwork]
    seeds: tuple[int, ...]
    history: dict[str, NDArray[Any]] = field(repr=False)
    lam: float
    settings: dict[str, Any] = field(repr=False)
    X: Array = field(repr=False)
    Y: Array = field(repr=False)

    @cached_property
    def objectives(self) -> Array:
        """Sum of squares / 2 plus lam VV of every network, shape (S,)."""
        losses = [float(np.sum((network(self.X) - self.Y) ** 2)) / 2 for network in self.networks]
        return np.array(losses) + self.lam * np.array([network.vv_norm for network in self.networks])

    @property
    def best(self) -> ReLUNetwork:
        """The network of least objective."""
        return self.networks[int(np.argmin(self.objectives))]

    def certificates(self) -> list[Certificate]:
        """Certify every network as a minimal-VV-norm interpolant of the data.

        Raises
        ------
        ValueError
            For several input features, one distinct input only, or labels that differ at one input.
        """
        return [certify(network, self.X, self.Y, skip=self.settings["skip"]) for network in self.networks]


def train(
    X: ArrayLike,
    Y: ArrayLike,
    *,
    width: int | None = None,
    lam: float | None = None,
    seeds: int | Sequence[int] = 1,
    penalty: Penalty = "path_norm",
    steps: int = 5000,
    lr: float | None = None,
    lam_start: float | None = None,
    skip: bool = True,
    dtype: str = "float64",
    device: str = "cpu",
    progress: bool = True,
) -> TrainingResult:
    """Train one network per seed, all at once, by Adam.

    The objective is sum_i ||f(x_i) - y_i||^2 / 2 + lam R, where R is the path norm sum_k ||w_k|| ||v_k|| or the weight
    decay sum_k (||w_k||^2 + ||v_k||^2) / 2. Both have the same minimisers up to rescaling neurons (claim `rescaling`);
    A and c are free.

    Parameters
    ----------
    X : array-like, shape (N,) or (N, d)
        Inputs, in any order; they may repeat.
    Y : array-like, shape (N,) or (N, T)
        Labels, none missing.
    width : int, optional
        Number of neurons K; max(64, 4 (N - 1)) by default. Neurons that end with no cost are left out of the result.
    lam : float, optional
        Positive; in label units times input units. By default 1e-6 lam_max, where lam_max is the least lam whose
        minimiser is affine (for d > 1 a lower estimate of it): then minimisers nearly interpolate. See `result.lam`.
    seeds : int or sequence of int
        n means 0, .., n - 1. Each seed alone fixes where its network starts.
    penalty : {"path_norm", "weight_decay"}
        R above.
    steps : int
        Number of steps of Adam.
    lr : float, optional
        First learning rate; 50 / steps by default, at most 0.02.
    lam_start : float, optional
        By default lam is lowered in a whitened metric first, see Notes. A number (at least lam) means: the objective
        as stated throughout, with lam lowered geometrically from this value over the first 90 % of the steps;
        lam_start = lam keeps it constant.
    skip : bool
        Whether there is a skip connection; without one, A = 0.
    dtype : {"float64", "float32"}
        Precision of the training; networks come back in float64.
    device : str
        A torch device.
    progress : bool
        Whether to show a progress bar, on interactive terminals only.

    Returns
    -------
    TrainingResult

    Raises
    ------
    TypeError, ValueError
        For bad data or arguments, named with their values.

    Notes
    -----
    Change of coordinates. Inputs are centred and divided by their root-mean-square radius, labels are centred and
    scaled, and equal inputs are merged into one with their mean label and weight. A and c are eliminated: at every step
    they are the least-squares ones for the neurons at hand. The bias of neuron k is written b_k = h_k beta_k - w_k.p_k
    with a fixed p_k between two neighbouring points and their distance h_k. None of this moves a minimiser of the path
    norm; weight decay is that of the weights in these coordinates, which has the same minimisers up to rescaling
    neurons. Results are mapped back, balanced; `result.settings` records the coordinates.

    The default continuation. The first 80 % of the steps minimise ||F - y||_M^2 / 2 + lam' sum_k ||w_k|| ||v_k|| for
    the values F at the points, where M = (G + (lam / lam_max) max(G))^(-1) whitens the loss by the kernel G of random
    neurons. There lam' / lam_max' falls geometrically from 0.3 (or lam / lam_max, if greater) to lam / lam_max. As lam
    falls to 0 both metrics have the same limit, minimal-norm interpolation, but the plain one is so badly conditioned
    that Adam often stops short of it. The remaining steps minimise the objective as stated, at the stated lam, with a
    lower learning rate, starting from balanced neurons if the penalty is weight decay. For lam that is not small against
    lam_max the two minimisers differ, and the last phase may need more steps.

    Learning rates are constant for the first half of a phase and then fall to 1/1000 along a cosine. Time and memory
    per step are S N (K (d + T) + N T) and S (N K + N^2), for S seeds. Small problems run on one thread of
    torch, whatever it is set to; the setting is restored. Neither NumPy's nor torch's global random state is
    touched.

    Examples
    --------
    >>> result = train([0, 1, 2, 3], [0, 1, 0, 1], seeds=4, progress=False)
    >>> round(result.best.vv_norm, 2)
    4.0
    """
    began = time.perf_counter()
    inputs = as_inputs(X).copy()
    labels = as_labels(Y, len(inputs), allow_missing=True).copy()
    if has_missing(labels):
        row, column = np.argwhere(np.isnan(labels))[0]
        raise ValueError(f"Y: labels are missing (NaN at row {row}, column {column}); training needs them all")
    if np.abs(labels).max() > _LARGEST_LABEL:
        raise ValueError(f"Y holds labels as large as {np.abs(labels).max():.3g}: their squares leave float64; rescale Y")
    chosen = _as_seeds(seeds)
    steps = as_count(steps, "steps", 1)
    width = max(64, 4 * (len(inputs) - 1)) if width is None else as_count(width, "width", 1)
    lr = min(50 / steps, 0.02) if lr is None else _as_positive(lr, "lr")
    _check_choice(penalty, "penalty", get_args(Penalty))
    like = _tensor_kind(dtype, device)

    problem = make_problem(inputs, labels, skip=bool(skip))
    lam_max = 0.0 if problem.is_affine else problem.lam_max * problem.x_unit * problem.y_unit
    lam = _LAM * lam_max if lam is None else _as_positive(lam, "lam")
    schedule = _schedule(lam, lam_start, lam_max, steps, lr)
    if schedule is None:
        networks, history = _affine(problem, len(chosen), lam)
    else:
        starts = [_start(problem, width, np.random.default_rng(seed)) for seed in chosen]
        kinks, V = [kink for kink, _ in starts], np.stack([v for _, v in starts])
        work = len(chosen) * len(problem.z) * width * (inputs.shape[1] + labels.shape[1])
        with _progress_bar(steps, progress) as report, _threads_for(work):
            neurons, history = optimise(problem, kinks, V, schedule, penalty, like, report)
        networks = [problem.network(*neuron) for neuron in neurons]
    settings = {
        "width": width,
        "penalty": penalty,
        "steps": steps,
        "lr": lr,
        "skip": bool(skip),
        "dtype": dtype,
        "device": str(like.device),
        "lam_max": lam_max,
        **_record(schedule, lam_max),
        **_provenance(problem),
        "seconds": time.perf_counter() - began,
    }
    return TrainingResult(networks, chosen, history, lam, settings, inputs, labels)


# --- arguments --------------------------------------------------------------------------------------------------------


def _as_seeds(seeds: int | Sequence[int]) -> tuple[int, ...]:
    if not isinstance(seeds, Sequence | np.ndarray) or isinstance(seeds, str):
        return tuple(range(as_count(seeds, "seeds", 1)))
    chosen = tuple(as_count(seed, "every entry of seeds") for seed in seeds)
    if not chosen:
        raise ValueError(f"seeds must not be empty, got {seeds!r}")
    return chosen


def _as_positive(value: float, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise TypeError(f"{name} must be a number, got {value!r}")
    if not 0 < value < math.inf:
        raise ValueError(f"{name} must be positive and finite, got {value!r}")
    return float(value)


def _check_choice(value: Any, name: str, choices: Sequence[str]) -> None:
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(choices)}, got {value!r}")


def _tensor_kind(dtype: str, device: str) -> torch.Tensor:
    """Return an empty tensor of that dtype on that device."""
    _check_choice(dtype, "dtype", tuple(_DTYPES))
    try:
        return torch.empty(0, dtype=_DTYPES[dtype], device=device)
    except (RuntimeError, AssertionError, TypeError) as error:
        reason = str(error).partition("\n")[0]
        raise ValueError(f"device {device!r} is not available for dtype {dtype!r}: {reason}") from None


def _schedule(lam: float, lam_start: float | None, lam_max: float, steps: int, lr: float) -> Schedule | None:
    """Return the schedule in multiples of lam_max, or None where lam_max is 0: affine data need no training."""
    if lam_start is not None and _as_positive(lam_start, "lam_start") < lam:
        raise ValueError(f"lam_start must be at least lam = {lam!r}, got {lam_start!r}")
    if lam_max == 0:
        return None
    end = lam / lam_max
    if lam_start is not None:
        return Schedule(steps, 0, lam_start / lam_max, end, lr, lr)
    # The larger lam, the farther its minimiser is from that in the whitened metric, and the better conditioned.
    last_lr = 0.3 * lr * min(end, 1.0) ** 0.25
    return Schedule(steps, round(_WHITENED * steps), max(_LAM_START, end), end, lr, last_lr)


# --- parts of a run ---------------------------------------------------------------------------------------------------


def _start(problem: Problem, width: int, rng: np.random.Generator) -> tuple[Kinks, Array]:
    """Draw where one network starts: its kinks, and output weights (T, K) of random directions and one length."""
    kinks = problem.draw_kinks(width, rng)
    V = rng.standard_normal((problem.y.shape[1], width))
    return kinks, _OUTPUT_SIZE * V / np.linalg.norm(V, axis=0)


def _affine(problem: Problem, n_seeds: int, lam: float) -> tuple[list[ReLUNetwork], dict[str, NDArray[Any]]]:
    """Return networks without neurons, and their history, for data that an affine function fits."""
    d, T = problem.z.shape[1], problem.y.shape[1]
    network = problem.network(np.zeros((0, d)), np.zeros(0), np.zeros((T, 0)))
    history = {
        "step": np.array([0]),
        "lam": np.array([lam]),
        "loss": np.full((1, n_seeds), problem.scatter * problem.y_unit**2),
        "vv_norm": np.zeros((1, n_seeds)),
    }
    return [network] * n_seeds, history


@contextmanager
def _threads_for(work: int) -> Iterator[None]:
    """Run small problems on one thread of torch, then give its threads back.

    Threads that wait for each other a few times per step cost more than they save below some millions of products, and
    10 to 50 times more than that when other processes share the cores (measured: 2 s became 90 s).
    """
    threads = torch.get_num_threads()
    try:
        if work < _PARALLEL_WORK:
            torch.set_num_threads(1)
        yield
    finally:
        torch.set_num_threads(threads)


@contextmanager
def _progress_bar(steps: int, wanted: bool) -> Iterator[Callable[[int, float, float], None]]:
    """Yield what reports progress; it draws a bar if wanted and if someone watches."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    bar = Progress(
        *Progress.get_default_columns(), console=console, transient=True, disable=not (wanted and console.is_interactive)
    )
    with bar:
        task = bar.add_task("training", total=steps)

        def report(step: int, loss: float, vv_norm: float) -> None:
            bar.update(task, completed=step, description=f"step {step}  loss {loss:.3g}  VV norm {vv_norm:.6g}")

        yield report


def _record(schedule: Schedule | None, lam_max: float) -> dict[str, Any]:
    """Return what a schedule settled, as plain numbers."""
    if schedule is None:
        return {"trained": False}
    return {
        "trained": True,
        "whitened_steps": schedule.whitened,
        "last_lr": schedule.last_lr,
        "lam_start": schedule.start * lam_max,
        "betas": [0.9, 1 - 1 / schedule.steps],
        "eps": ADAM_EPS,
    }


def _provenance(problem: Problem) -> dict[str, Any]:
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
