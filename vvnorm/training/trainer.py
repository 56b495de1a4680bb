"""The public function `train`: with the plain squared loss here, otherwise by `train_tasks`."""

import os
from collections.abc import Sequence

from numpy.typing import ArrayLike

from vvnorm.losses import LossLike
from vvnorm.multitask.tasks import TaskLike
from vvnorm.training.optimisers import Optimiser
from vvnorm.training.regression_problem import Initialisation
from vvnorm.training.regression_trainer import LamSchedule, RegressionOptions, train_on_squares
from vvnorm.training.result import TrainingResult
from vvnorm.training.task_trainer import TaskTraining, train_tasks
from vvnorm.training.torch_formulas import Penalty
from vvnorm.training.weighting import Weighting


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
) -> TrainingResult | TaskTraining:
    """Train one network for each learning rate, lam and seed, all at once.

    The objective is sum_i ||f(x_i) - y_i||^2 / 2 + lam R, where R is the path norm sum_k ||w_k|| ||v_k|| or the weight
    decay sum_k (||w_k||^2 + ||v_k||^2) / 2. Both have the same minimisers up to rescaling neurons (claim `rescaling`). A
    and c are free, and missing labels are left out of the sum. `docs/conventions.md` compares this with other libraries.
    For other losses, and for weights of labels or of tasks, `train` calls `train_tasks`, whose result has `certificates`,
    too.

    Parameters
    ----------
    X : array-like, shape (N,) or (N, d)
        Inputs, in any order; they may repeat.
    Y : array-like, shape (N,) or (N, T)
        Labels; NaN = missing.
    loss : str, Loss, or sequence of T of them
        The loss of all outputs, or one for each output.
    weights : array-like, shape (N,), (N, 1) or (N, T), optional
        Non-negative weights of the labels' losses.
    tasks : sequence of Task, int or sequence of int, optional
        `Task`s, which are groups of outputs with their losses; or outputs and groups of outputs, whose losses are given by
        `loss`.
    weighting : str, Weighting or sequence of float, optional
        How the losses of several tasks are weighted. If `loss`, `weights`, `tasks` or `weighting` is given, `train_tasks`
        trains, by Adam, with its own defaults. Parameters below that `train_tasks` does not have are then refused.
    width : int, optional
        Number of neurons K. The default is 4 (N - 1) for one input and 24 (N - 1) for several, at least 64 and at most 512.
        With several inputs kinks hardly change their directions, so that training with more neurons ends nearer to the
        optimum. Neurons whose final cost is 0 are left out of the result.
    lam : float or sequence of float, optional
        Weight of R, in label units times input units. The default is 1e-8 lam_max (in float32 1e-6 lam_max), where lam_max
        is the least lam whose minimiser is affine (for d > 1 a lower estimate of it). At the default, minimisers nearly
        interpolate, and `result.certificates` judges networks as interpolants; for a given lam it judges them as fits. With
        0 there is no penalty, so that any interpolant is a minimiser; 0 cannot be mixed with other values.
    seeds : int or sequence of int
        n means 0, .., n - 1. Each seed determines the initial network and the order of the mini-batches. Networks that are
        trained together do not influence each other.
    penalty : {"path_norm", "weight_decay"}
        The penalty R above.
    optimizer : {"adam", "sgd", "lbfgs", "proximal"}
        "sgd" has momentum 0.9 and minimises the objective as stated from the start. "proximal" keeps neurons normalised and
        soft-thresholds ||v_k||, so that it makes exact zeros; it is for the path norm only.
    initialisation : {"kinks", "balanced", "torch"}
        "kinks": kinks between neighbouring points. "torch": the default of torch's linear layers. "balanced": as "torch",
        with balanced neurons.
    steps : int
        Number of steps.
    lr : float or sequence of float, optional
        First learning rate. The default is 50 / steps, at most 0.02; for "sgd" it is 0.05, with mini-batches at most
        1 / width. "lbfgs" computes its own step sizes.
    lam_start : float, optional
        By default lam is lowered in a whitened metric first, see Notes. With a number (at least lam) the objective is as
        stated from the start, and lam falls geometrically from this number over the first 90 % of the steps.
    schedule : {"geometric", "constant"} or sequence of (int, float)
        With "constant" the objective is as stated from the start, at lam. With pairs of a step and a lam it is as stated,
        too; each lam holds from its step (the first is 0) to the step of the next pair, and the last is the lam of the
        result.
    batch_size : int, optional
        Points per step, for "adam" and "sgd". The default is all points for up to 2000 distinct points, and 1024 for more.
        With mini-batches the objective is as stated from the start.
    skip : bool
        Whether there is a skip connection; without one, A = 0.
    penalise_bias : bool
        Whether R has ||(w_k, b_k)|| in place of ||w_k||. Then R is not invariant under shifts of the inputs.
    polish : bool
        Afterwards solve for the output weights on the learned kinks, a convex problem (`vvnorm.training.reoptimisation`).
    prune : float
        Afterwards merge and remove neurons, while the function provably changes by at most this part of half the labels'
        range inside the data's bounding box. The cost never rises.
    exact : bool
        At the end make the networks interpolate to a relative residual of 1e-10: by the convex problem if `polish`, else by
        the least change of the output weights. `result.finish` has the costs.
    stop_gap : float
        Stop a run once its relative gap (`result.history["gap"]`) is at most this. 0: never.
    checkpoint : path-like, optional
        An `.npz` file with the state of the run. If it exists, the run resumes from it and ends with the same networks as
        without an interruption. Ctrl-C ends the run after the current step, with its state saved.
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
        If data or arguments are invalid; the message names them with their values.

    Warns
    -----
    RuntimeWarning
        If a run diverged (its last good state is kept), or an exact fit is impossible. If two inputs are closer than 3e-5
        of the distance between neighbours on a grid of as many points, there are two more reasons: a network that should
        interpolate, trained without mini-batches, misses a label by more than `vvnorm.tolerances.TRAINED` of half the
        labels' range; or a fit has twice the squared error of an affine function. The output weights are then solved for
        again, as by `polish`, and the warning states the remaining misfit. `result.notes` has the same texts.

    Notes
    -----
    Change of coordinates. Inputs are centred and divided by their root-mean-square radius. Labels are centred and scaled.
    Equal inputs are merged into one input with their mean label and total weight, and inputs without any label are left
    out. A and c are eliminated: at every step they are the least-squares solution for the current neurons, for each output
    on the points that have its label (with mini-batches, only at the end). The bias of neuron k is
    b_k = h_k beta_k - w_k.p_k with a fixed p_k between two neighbouring points and their distance h_k. These changes do not
    move a minimiser of the path norm. Weight decay applies to the weights in these coordinates, which has the same
    minimisers up to rescaling neurons. Results are mapped back and balanced; `result.settings` records the coordinates.

    The default continuation. The first 80 % of the steps minimise ||F - y||_M^2 / 2 + lam' sum_k ||w_k|| ||v_k|| for the
    values F at the points, where M = (G + (lam / lam_max) max(G))^(-1) whitens the loss by the kernel G of random neurons.
    There lam' / lam_max' falls geometrically from 0.3 (or lam / lam_max, if greater) to lam / lam_max. As lam falls to 0
    both metrics have the same limit, minimal-norm interpolation, but the plain metric is so badly conditioned that Adam
    often stops short of it. The remaining steps minimise the objective as stated, at the stated lam, with a lower learning
    rate, from balanced neurons if the penalty is weight decay. If lam is not small against lam_max, the two minimisers
    differ, and the last phase may need more steps. For more than 1000 distinct points the plain metric is used from the
    start, with lam falling from 0.3 lam_max.

    Learning rates are constant for the first half of a phase and then fall to 1/1000 along a cosine. Time and memory per
    step are of order S N (K (d + T) + N T) and S (N K + N^2), for S runs. Small problems run on one thread of torch,
    whatever its setting; the setting is restored. The global random states of NumPy and torch are not touched.

    Examples
    --------
    >>> import vvnorm
    >>> result = vvnorm.train([0, 1, 2, 3], [0, 1, 0, 1], seeds=4, steps=1000, progress=False)
    >>> round(result.best.vv_norm, 2)
    4.0
    """
    if loss != "squared" or not (weights is tasks is weighting is None):
        _refuse_for_tasks(
            optimizer=optimizer != "adam", lam_start=lam_start is not None, schedule=schedule != "geometric",
            penalise_bias=penalise_bias, polish=polish, prune=prune, exact=exact, stop_gap=stop_gap,
            checkpoint=checkpoint is not None,
        )  # fmt: skip
        return train_tasks(
            X, Y, tasks, loss=loss, weights=weights, weighting="equal" if weighting is None else weighting, width=width,
            lam=_one_for_tasks(lam, "lam"), seeds=seeds, penalty=penalty, initialisation=initialisation, steps=steps,
            lr=_one_for_tasks(lr, "lr"), batch_size=batch_size, skip=skip, dtype=dtype, device=device, progress=progress,
        )  # fmt: skip
    options = RegressionOptions(
        width=width, lam=lam, seeds=seeds, penalty=penalty, optimizer=optimizer, initialisation=initialisation, steps=steps,
        lr=lr, lam_start=lam_start, schedule=schedule, batch_size=batch_size, skip=skip, penalise_bias=penalise_bias,
        polish=polish, prune=prune, exact=exact, stop_gap=stop_gap, checkpoint=checkpoint,
        checkpoint_seconds=checkpoint_seconds, dtype=dtype, device=device, progress=progress,
    )  # fmt: skip
    return train_on_squares(X, Y, options)


def _refuse_for_tasks(**given: object) -> None:
    """Raise ValueError if an option was given that only training with the plain squared loss has."""
    for name, value in given.items():
        if value:
            raise ValueError(f"{name} is for the squared loss without weights; leave it out here")


def _one_for_tasks(value: float | Sequence[float] | None, name: str) -> float | None:
    if value is None or isinstance(value, int | float):
        return value
    raise TypeError(
        f"{name} must be one number for other losses than the squared one and for weighted tasks, got {value!r}"
    )
