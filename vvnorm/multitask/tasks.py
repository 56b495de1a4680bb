"""Tasks: groups of outputs of one network with a loss; their labels and weights, and standardised inputs.

A task's loss L_t is the weighted sum of its loss over the samples that have a label for it. A sample may lack labels (NaN)
for any of the tasks. With the weights of `mean_weights`, L_t is the mean over the labelled samples.

*Multi-class.* The outputs of a task with loss `softmax` are scores of its classes, and its labels are one-hot rows
(`one_hot`). The loss of a sample is log sum_j exp(u_j) - <y, u>. The losses of `vvnorm.fit` are sums over outputs, so there
the same group of outputs takes `logistic`, each class against the rest; the classes share neurons in the same way.

*One class.* `one_class:nu` (`vvnorm.losses`) fits, for each x, the level below which a share nu of the scores lies. If the
normal samples have no scores (`with_background`), their score is 1, and points drawn around them have the score -1. The
fitted level is 1 where the normal samples are so dense that at most a share nu of all samples is background, and -1
elsewhere. This is level-set estimation as classification against a reference measure (I. Steinwart, D. Hush, C. Scovel, "A
classification framework for anomaly detection", JMLR 6, 2005). The one-class problem of B. Schoelkopf et al. (Neural
Computation 13, 2001) for the score itself has a trivial solution here: biases are free, so a constant network solves it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from vvnorm._internal.words import count, lines
from vvnorm.float64 import as_float64, without_mask
from vvnorm.losses import Loss, LossLike, as_losses, canonical_labels, loss_by_output
from vvnorm.network import ReLUNetwork
from vvnorm.validation import Array, as_count, as_generator, as_inputs, as_labels

SOFTMAX = "softmax"
"""Name of the loss of a multi-class task."""

_BACKGROUND_WIDTH = 0.1  # the background extends beyond the inputs' range on either side, by this part of the range


@dataclass(frozen=True)
class Task:
    """A group of outputs and their loss.

    Attributes
    ----------
    name : str
        Name in results.
    outputs : tuple of int
        Its columns of Y.
    loss : Loss, tuple of Loss, or "softmax"
        The loss of each of its outputs; a tuple if they differ; or "softmax" for all outputs together. Losses may be given
        by name.

    Examples
    --------
    >>> import vvnorm
    >>> tasks = [vvnorm.Task("sick", (0,), "logistic"), vvnorm.Task("weights", (1, 2), "squared")]
    >>> [task.outputs for task in tasks]
    [(0,), (1, 2)]
    """

    name: str
    outputs: tuple[int, ...]
    loss: LossLike = "squared"

    def __post_init__(self) -> None:
        columns = (self.outputs,) if isinstance(self.outputs, int | np.integer) else tuple(self.outputs)
        if not columns or any(isinstance(k, bool) or not isinstance(k, int | np.integer) or k < 0 for k in columns):
            raise ValueError(f"task {self.name!r} must have outputs, numbers of columns of Y; got {self.outputs!r}")
        object.__setattr__(self, "outputs", tuple(int(k) for k in columns))
        if self.is_multiclass:
            if len(columns) < 2:
                raise ValueError(f"task {self.name!r}: loss 'softmax' needs an output for each class, got {columns}")
            return
        try:
            losses = as_losses(self.loss, len(columns))
        except (TypeError, ValueError) as error:
            raise type(error)(f"task {self.name!r}: {error}, softmax") from None
        object.__setattr__(self, "loss", losses[0] if len(set(losses)) == 1 else losses)

    @property
    def is_multiclass(self) -> bool:
        """Whether its outputs are scores of classes."""
        return isinstance(self.loss, str) and self.loss == SOFTMAX

    @property
    def losses(self) -> tuple[Loss, ...]:
        """The loss of each output, of a task that is not multi-class."""
        assert not self.is_multiclass
        return as_losses(self.loss, len(self.outputs))


TaskLike = Task | int | Sequence[int]
"""A task, an output of Y, or a group of outputs."""


def as_tasks(tasks: Sequence[TaskLike] | None, loss: LossLike, outputs: int) -> tuple[Task, ...]:
    """Read a partition of the outputs into tasks. All public functions read their `tasks` here.

    Parameters
    ----------
    tasks : sequence of Task, int or sequence of int, or None
        `Task`s have their own losses. An output, or a group of outputs, stands for a task called "y0", or "y0+y1", with
        the losses in `loss`. None: every output is a task.
    loss : str, Loss or sequence of T of them
        One for all outputs, or one for each. If all tasks are `Task`s, it must be "squared", its default.
    outputs : int
        Number of outputs T; each belongs to one task.

    Raises
    ------
    TypeError, ValueError
        If the tasks are not such a partition.
    """
    if tasks is None:
        tasks = range(outputs)
    if isinstance(tasks, str | Mapping) or not isinstance(tasks, Sequence | np.ndarray) or len(tasks) == 0:
        raise TypeError(f"tasks must be a sequence of vvnorm.Task, of outputs or of groups of outputs, got {tasks!r}")
    if all(isinstance(task, Task) for task in tasks):
        if loss != "squared":
            raise ValueError(f"loss must be left out where tasks are given, which have their own; got {loss!r}")
        chosen: list[Task] = list(tasks)  # type: ignore[arg-type]  # all are tasks
    else:
        names = loss_by_output(loss, outputs)  # "softmax" is a name here
        chosen = [task if isinstance(task, Task) else _as_task(task, names) for task in tasks]
    _check_partition([column for task in chosen for column in task.outputs], outputs)
    if len({task.name for task in chosen}) < len(chosen):
        raise ValueError(f"tasks must have different names, got {', '.join(task.name for task in chosen)}")
    return tuple(chosen)


def _as_task(members: Any, losses: Sequence[str | Loss]) -> Task:
    """Read an output or a group of outputs as a task with the losses of these outputs."""
    group: Any = (members,) if isinstance(members, int | np.integer) else members
    if isinstance(group, str) or not isinstance(group, Sequence | np.ndarray) or len(group) == 0:
        raise TypeError(f"tasks: {members!r} is neither an output nor a group of outputs")
    columns = tuple(as_count(member, "an output in tasks") for member in group)
    for column in columns:
        _check_output(column, len(losses))
    own = [losses[column] for column in columns]
    if SOFTMAX in own and (len(own) < 2 or any(loss != SOFTMAX for loss in own)):
        raise ValueError("loss 'softmax' is of a group of outputs: give tasks=[Task(name, outputs, 'softmax'), ..]")
    return Task("+".join(f"y{column}" for column in columns), columns, SOFTMAX if SOFTMAX in own else own)


def _check_partition(named: list[int], outputs: int) -> None:
    for column in named:
        _check_output(column, outputs)
        if named.count(column) > 1:
            raise ValueError(f"tasks names output {column} more than once")
    if len(named) < outputs:
        raise ValueError(f"tasks leaves out output {min(set(range(outputs)) - set(named))}")


def _check_output(column: int, outputs: int) -> None:
    if column >= outputs:
        raise ValueError(f"tasks names output {column}, but Y has {count(outputs, 'output')}")


def task_labels(Y: Array, tasks: Sequence[Task]) -> Array:
    """Return the labels in the form that the losses take, (N, T); see `vvnorm.losses.canonical_labels`.

    Raises
    ------
    ValueError
        If a loss does not take a label, a classification task has one class only, or a task has no labels.
    """
    labels = np.array(without_mask(Y, "Y", allow_missing=True))
    for task in tasks:
        columns = list(task.outputs)
        block = labels[:, columns]
        if np.isnan(block).all():
            raise ValueError(f"task {task.name!r} has no label at all (every entry is NaN)")
        if task.is_multiclass:
            _check_one_hot(block, task)
            continue
        labels[:, columns] = canonical_labels(block, task.losses)
        for column, loss, given in zip(columns, task.losses, block.T, strict=True):
            present = given[~np.isnan(given)]
            if loss.name in ("logistic", "hinge") and len(np.unique(present)) < 2:
                raise ValueError(f"task {task.name!r} has one class only: every label of output {column} is {present[0]:g}")
    return labels


def _check_one_hot(block: Array, task: Task) -> None:
    missing = np.isnan(block)
    present = block[~missing.any(axis=1)]
    if np.any(missing.any(axis=1) != missing.all(axis=1)):
        raise ValueError(f"task {task.name!r}: a sample has labels for some of its classes only; all or none may be NaN")
    if np.any((present != 0) & (present != 1)) or np.any(present.sum(axis=1) != 1):
        raise ValueError(
            f"task {task.name!r}: loss 'softmax' takes one-hot rows of 0 and 1 (vvnorm.multitask.tasks.one_hot)"
        )
    if np.count_nonzero(present.any(axis=0)) < 2:
        raise ValueError(f"task {task.name!r} has one class only: number {int(np.argmax(present[0]))}")


def one_hot(labels: ArrayLike) -> tuple[Array, Array]:
    """Return class labels as one-hot rows; the row is NaN where the label is NaN.

    Parameters
    ----------
    labels : array-like, shape (N,)
        Classes, as any numbers.

    Returns
    -------
    rows : (N, C) array
        0 and 1.
    classes : (C,) array
        The classes of the columns, increasing.
    """
    column = as_float64(labels, "labels", allow_missing=True, distinct=True).ravel()
    classes = np.unique(column[~np.isnan(column)])
    rows = (column[:, None] == classes).astype(np.float64)
    rows[np.isnan(column)] = np.nan
    return rows, classes


def mean_weights(Y: Array, tasks: Sequence[Task]) -> Array:
    """Return weights (N, T) of the labels that make each task's loss a mean over its labelled samples, summed over outputs.

    `vvnorm.fit` and `vvnorm.train` take them as `weights`. Multiplying the columns of a task by a gives it the weight a.
    """
    present = ~np.isnan(without_mask(Y, "Y", allow_missing=True))
    weights = np.zeros(Y.shape)
    for task in tasks:
        for column in task.outputs:
            weights[:, column] = 1 / np.count_nonzero(present[:, column])
    return weights


# --- inputs -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Standardisation:
    """Inputs shifted and scaled, feature by feature: z = (x - mean) / scale.

    This changes the problem: the VV norm of a network of z differs from that of the same function of x. So nothing is
    standardised unless the caller does it.

    Attributes
    ----------
    mean : (d,) array
        Means, in the units of x.
    scale : (d,) array
        Standard deviations; 1 for a feature that is constant.

    Examples
    --------
    >>> import vvnorm
    >>> import numpy as np
    >>> X = np.array([[1.0, 200.0], [3.0, 400.0]])
    >>> vvnorm.Standardisation.of(X)(X)
    array([[-1., -1.],
           [ 1.,  1.]])
    """

    mean: Array
    scale: Array

    def __repr__(self) -> str:
        scales = f"scales from {float(np.min(self.scale)):.6g} to {float(np.max(self.scale)):.6g}"
        return lines(f"Standardisation: {count(len(self.mean), 'input')}, {scales}")

    @classmethod
    def of(cls, X: ArrayLike) -> "Standardisation":
        """Return the standardisation by mean and standard deviation of inputs (N, d)."""
        inputs = as_inputs(X)
        scale = inputs.std(axis=0)
        # The deviation of a constant feature is rounding.
        constant = scale <= 1e-12 * np.abs(inputs).max(axis=0)
        return cls(inputs.mean(axis=0), np.where(constant, 1.0, scale))

    def __call__(self, X: ArrayLike) -> Array:
        """Standardise inputs (n, d)."""
        inputs: Array = (as_inputs(X) - self.mean) / self.scale
        return inputs

    def undo(self, network: ReLUNetwork) -> ReLUNetwork:
        """Return the network of raw inputs that equals a given network of standardised inputs."""
        W, A = network.W / self.scale, network.A / self.scale
        return ReLUNetwork(W, network.b - W @ self.mean, network.V, A, network.c - A @ self.mean)


def background(X: Array, n: int, rng: np.random.Generator | int) -> Array:
    """Draw n points around inputs, (n, d): each feature is uniform on its range, extended by a tenth on either side."""
    rng = as_generator(rng)
    X = as_inputs(X)
    low, high = X.min(axis=0), X.max(axis=0)
    margin = _BACKGROUND_WIDTH * (high - low)
    points: Array = rng.uniform(low - margin, high + margin, (n, X.shape[1]))
    return points


def with_background(
    X: Array, Y: Array, column: int, rng: np.random.Generator | int, n: int | None = None
) -> tuple[Array, Array]:
    """Append background points, which are labelled -1 for one task and unlabelled for all others.

    Parameters
    ----------
    X : (N, d) array
        Inputs.
    Y : (N, T) array
        Labels; those in `column` are 1 for normal samples and NaN for others.
    column : int
        The output of the one-class task.
    rng : Generator or seed
    n : int, optional
        Number of points; by default as many as there are normal samples.

    Returns
    -------
    X, Y : (N + n, d) and (N + n, T) arrays
    """
    X, Y = as_inputs(X), as_labels(Y, len(X), allow_missing=True)
    normal = X[Y[:, column] == 1]
    points = background(normal, len(normal) if n is None else n, rng)
    labels = np.full((len(points), Y.shape[1]), np.nan)
    labels[:, column] = -1.0
    return np.vstack([X, points]), np.vstack([Y, labels])
