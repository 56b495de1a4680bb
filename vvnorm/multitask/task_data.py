"""Data sets of several tasks, built in or from CSV files, and the test metric of each task.

A data set has two arrays of labels: networks are trained on Y and tested against `truth`. They differ only for one-class
tasks whose normal samples have no scores. There Y marks the normal samples, and `truth` also marks the outliers, which no
network sees in training.

A task of a CSV file is written NAME=LOSS[:PARAMETER][:COLUMN[=VALUE]]:

===========================  ==========================================================================================
rad=squared:COL              numbers in column COL; likewise huber:COL and huber:DELTA:COL
diag=logistic:COL            two classes, numbers or words; likewise hinge. Of 0 and 1, or -1 and 1, 1 is positive; of
                             other classes the last in order is positive, and `TaskData.notes` says which
diag=logistic:COL=VALUE      VALUE is positive, everything else negative
kind=softmax:COL             classes, numbers or words, with an output for each, in order
normal=one-class:NU:COL      scores of normal samples in COL; NU is 0.1 by default
normal=one-class:NU:COL=VAL  rows with VAL are normal; others are outliers, used for testing only
normal=one-class:NU          all rows are normal
===========================  ==========================================================================================

The first part after the loss is read as a PARAMETER if it is a number. So if the name of a column is a number, a parameter
must precede it. `vvnorm.csv_files` says which cells are missing labels.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from vvnorm._internal.words import count, lines
from vvnorm.csv_files import (
    Column,
    CsvFormat,
    Table,
    column_names,
    is_number,
    read_classes,
    read_inputs,
    read_numbers,
    read_table,
    two_classes,
)
from vvnorm.float64 import as_float64
from vvnorm.losses import as_loss
from vvnorm.multitask.tasks import SOFTMAX, Task, as_tasks, one_hot, task_labels
from vvnorm.validation import Array, as_count, as_inputs, as_labels

__all__ = ["BUILTIN", "Metric", "TaskData", "builtin_task_data", "load_task_data", "metric"]

GRAMMAR = "NAME=LOSS[:PARAMETER][:COLUMN[=VALUE]]"

_CLASSES = ("logistic", "hinge")
_NU = 0.1  # nu of the one-class task of breast_cancer
_SHIFT = 2  # pixels between two overlaid digits of 8 x 8, as MultiMNIST's 8 between digits of 28 x 28


@dataclass(frozen=True, eq=False)
class TaskData:
    """Inputs and labels of several tasks, validated and read-only.

    Attributes
    ----------
    X : (N, d) array
        Inputs as given; nothing is standardised.
    Y : (N, T) array
        Labels to train on; NaN where a sample has none.
    truth : (N, T) array
        Labels to test against; NaN where unknown.
    tasks : tuple of Task
        Every column of Y belongs to one task.
    x_names : tuple of str
        Names of the inputs.
    source : str
        Where the data came from.
    background : tuple of int
        Columns of one-class tasks whose normal samples have no scores (`tasks.with_background`). There Y is 1 for normal
        samples and NaN for others, and the truth is 1 for normal samples and -1 for outliers.
    notes : tuple of str
        How labels of classes were coded.
    """

    X: Array
    Y: Array
    truth: Array
    tasks: tuple[Task, ...]
    x_names: tuple[str, ...]
    source: str
    background: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return lines(
            f"TaskData: {self.source}, {count(len(self.X), 'sample')}, {count(self.X.shape[1], 'input')}",
            f"tasks: {', '.join(f'{task.name} ({task.loss})' for task in self.tasks)}",
            f"inputs: {', '.join(self.x_names)}",
        )

    def __post_init__(self) -> None:
        X = as_inputs(self.X).copy()
        Y = as_labels(self.Y, len(X), allow_missing=True).copy()
        truth = as_labels(self.truth, len(X), "truth", allow_missing=True).copy()
        if truth.shape != Y.shape:
            raise ValueError(f"truth has shape {truth.shape}, Y has {Y.shape}")
        if len(self.x_names) != X.shape[1]:
            raise ValueError(f"x_names has {count(len(self.x_names), 'name')} for {count(X.shape[1], 'input')}")
        tasks = as_tasks(self.tasks, "squared", Y.shape[1])
        task_labels(Y, tasks)
        for column in self.background:
            _check_background(column, tasks, Y, truth)
        for name, values in (("X", X), ("Y", Y), ("truth", truth)):
            values.setflags(write=False)
            object.__setattr__(self, name, values)
        for name in ("tasks", "x_names", "background", "notes"):
            object.__setattr__(self, name, tuple(getattr(self, name)))

    def __len__(self) -> int:
        return len(self.X)


def _check_background(column: int, tasks: Sequence[Task], Y: Array, truth: Array) -> None:
    (task,) = (task for task in tasks if column in task.outputs) if 0 <= column < Y.shape[1] else (None,)
    if task is None or task.is_multiclass or any(loss.name != "one_class" for loss in task.losses):
        raise ValueError(f"background names column {column}, which is no output of a one-class task")
    if np.any(Y[~np.isnan(Y[:, column]), column] != 1):
        raise ValueError(f"task {task.name!r}: normal samples without scores are labelled 1, others NaN")
    if not np.isin(truth[~np.isnan(truth[:, column]), column], (-1, 1)).all():
        raise ValueError(f"task {task.name!r}: its truth is 1 for normal samples, -1 for outliers, NaN where unknown")


# --- metrics ----------------------------------------------------------------------------------------------------------


class Metric(NamedTuple):
    """The value of a metric, NaN where it is undefined."""

    name: str
    value: float
    higher_is_better: bool


def metric(task: Task, values: ArrayLike, truth: ArrayLike) -> Metric:
    """Compare the values of a task's outputs with its true labels; samples with unknown labels are left out.

    Parameters
    ----------
    task : Task
        Of m outputs.
    values, truth : array-like, shape (n, m)
        The outputs of a network, and the truth.

    Returns
    -------
    Metric
        Accuracy of the largest score for `softmax`; area under the ROC curve (AUC) for `logistic` and `hinge`, and for
        `one_class` where the truth is -1 and 1; root-mean-square error (RMSE), in label units, for `squared` and `huber`;
        mean pinball loss for `one_class` with scores. For several outputs of a task: the mean of their AUCs, or the error
        over all outputs. NaN if no true label is known, and for the AUC of a single class.
    """
    u, y = as_inputs(values, "values"), as_float64(truth, "truth", allow_missing=True)
    if u.shape != y.shape or u.shape[1] != len(task.outputs):
        raise ValueError(
            f"task {task.name!r} has {count(len(task.outputs), 'output')}; got values {u.shape} and truth {y.shape}"
        )
    known = ~np.isnan(y)
    if task.is_multiclass:
        rows = known.all(axis=1)
        return Metric("accuracy", _mean(u[rows].argmax(axis=1) == y[rows].argmax(axis=1)), True)
    loss = task.losses[0]
    if len(set(task.losses)) > 1:
        raise ValueError(f"task {task.name!r} has outputs of different losses, which are not tested together: split it")
    if loss.name in _CLASSES or (loss.name == "one_class" and np.isin(y[known], (-1, 1)).all()):
        return Metric("AUC", float(np.mean([_auc(u[k, t], y[k, t]) for t, k in enumerate(known.T)])), True)
    if loss.name == "one_class":
        return Metric("pinball loss", _mean(loss.value(u[known], y[known])), False)
    return Metric("RMSE", float(np.sqrt(_mean((u[known] - y[known]) ** 2))), False)


def _mean(values: Array) -> float:
    return float(np.mean(values)) if len(values) else float("nan")


def _auc(scores: Array, classes: Array) -> float:
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(classes == 1, scores)) if len(np.unique(classes)) == 2 else float("nan")


# --- built-in data ----------------------------------------------------------------------------------------------------


def builtin_task_data(name: str, seed: int = 0) -> TaskData:
    """Make a data set of several tasks from data that ship with scikit-learn.

    Parameters
    ----------
    name : {"breast_cancer", "digits_overlaid", "digits_multilabel", "linnerud"}
        "breast_cancer": 569 cell samples with three tasks: malignant or not (`logistic`); benign or not, learned from
        benign samples alone (`one_class`); the mean radius of the nuclei (`squared`). Inputs are the 21 measurements that
        do not measure size: perimeter, area, or other statistics of the radius would determine its mean by geometry.
        "digits_overlaid": 898 pictures of two digits, as in MultiMNIST. A picture has 10 x 10 pixels, with an 8 x 8 digit
        in the upper left corner and another in the lower right; where they overlap, the larger grey value in [0, 1] counts.
        The tasks are the two digits (`softmax`). All but one of scikit-learn's 1797 digits are used once, so that training
        and test pictures share no digit. "digits_multilabel": the same pictures; five tasks, whether the digits 0, 1, 2, 3,
        4 occur (`logistic`). "linnerud": weight, waist and pulse of 20 people from their results in three exercises
        (`squared`).
    seed : int
        Seed of the pairs of digits; the other data do not depend on it.

    Examples
    --------
    >>> import vvnorm
    >>> data = vvnorm.builtin_task_data("linnerud")
    >>> [task.name for task in data.tasks]
    ['weight', 'waist', 'pulse']
    """
    if name not in BUILTIN:
        raise ValueError(f"name must be one of {', '.join(BUILTIN)}, got {name!r}")
    return BUILTIN[name](as_count(seed, "seed"))


def _breast_cancer(seed: int) -> TaskData:
    from sklearn.datasets import load_breast_cancer

    data = load_breast_cancer()
    names = [str(name) for name in data.feature_names]
    kept = [k for k, name in enumerate(names) if not {"radius", "perimeter", "area"} & set(name.split())]
    benign, radius = data.target == 1, data.data[:, names.index("mean radius")]
    Y = np.column_stack([~benign, np.where(benign, 1.0, np.nan), radius])
    truth = np.column_stack([~benign, np.where(benign, 1.0, -1.0), radius])
    tasks = (Task("malignant", (0,), "logistic"), Task("benign", (1,), f"one_class:{_NU}"), Task("radius", (2,)))
    x_names = tuple(names[k] for k in kept)
    return TaskData(data.data[:, kept], Y, truth, tasks, x_names, "scikit-learn breast_cancer", background=(1,))


def _digits_overlaid(seed: int) -> TaskData:
    X, digits, x_names = _overlays(seed)
    Y = np.hstack([one_hot(digits[:, side])[0] for side in (0, 1)])
    tasks = (Task("left", tuple(range(10)), SOFTMAX), Task("right", tuple(range(10, 20)), SOFTMAX))
    return TaskData(X, Y, Y, tasks, x_names, f"scikit-learn digits, overlaid, seed {seed}")


def _digits_multilabel(seed: int) -> TaskData:
    X, digits, x_names = _overlays(seed)
    Y = np.column_stack([(digits == digit).any(axis=1) for digit in range(5)]).astype(np.float64)
    tasks = tuple(Task(f"has {digit}", (digit,), "logistic") for digit in range(5))
    return TaskData(X, Y, Y, tasks, x_names, f"scikit-learn digits, overlaid, seed {seed}")


def _overlays(seed: int) -> tuple[Array, Array, tuple[str, ...]]:
    """Return pictures of two digits, (N, 100), the digits, (N, 2), and the names of the pixels."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    count, side = len(digits.images) // 2, digits.images.shape[1]
    pairs = np.random.default_rng(seed).permutation(len(digits.images))[: 2 * count].reshape(count, 2)
    canvas = np.zeros((count, side + _SHIFT, side + _SHIFT))
    canvas[:, :side, :side] = digits.images[pairs[:, 0]]
    corner = canvas[:, _SHIFT:, _SHIFT:]
    np.maximum(corner, digits.images[pairs[:, 1]], out=corner)
    names = tuple(f"pixel {row},{column}" for row, column in np.ndindex(canvas.shape[1:]))
    return canvas.reshape(count, -1) / 16, digits.target[pairs], names


def _linnerud(seed: int) -> TaskData:
    from sklearn.datasets import load_linnerud

    data = load_linnerud()
    tasks = tuple(Task(name.lower(), (t,)) for t, name in enumerate(data.target_names))
    x_names = tuple(name.lower() for name in data.feature_names)
    return TaskData(data.data, data.target, data.target, tasks, x_names, "scikit-learn linnerud")


BUILTIN = {
    "breast_cancer": _breast_cancer,
    "digits_overlaid": _digits_overlaid,
    "digits_multilabel": _digits_multilabel,
    "linnerud": _linnerud,
}
"""All built-in data sets by name."""


# --- files ------------------------------------------------------------------------------------------------------------


class _Spec(NamedTuple):
    """A task as written: its name, its loss, and its column with an optional `=VALUE`."""

    text: str
    name: str
    loss: str
    target: str

    @property
    def kind(self) -> str:
        """The loss without its parameter."""
        return self.loss.partition(":")[0]


class _Labels(NamedTuple):
    """Labels and truth of one task, (N, m) each."""

    Y: Array
    truth: Array
    background: bool = False
    note: str = ""


def load_task_data(
    path: str | os.PathLike[str],
    specs: Sequence[str],
    x: str | Sequence[str] | None = None,
    *,
    sep: str | None = None,
    decimal: str | None = None,
    encoding: str | None = None,
    header: bool = True,
) -> TaskData:
    """Read a CSV file.

    Parameters
    ----------
    path : path-like
    specs : sequence of str
        Tasks, in the form that the docstring of this module describes.
    x : sequence of str, or str, optional
        Columns that are inputs, named as in `vvnorm.load_dataset`; by default all columns that no task names.
    sep, decimal, encoding, header
        The format of the file, if it cannot be detected; see `vvnorm.csv_files`.

    Raises
    ------
    ValueError
        If the file cannot be read, or a task cannot be trained on; the message names the task, or line and column.

    Examples
    --------
    >>> import vvnorm
    >>> import numpy as np
    >>> np.savetxt("study.csv", [[0, 0, 70], [1, 1, 68], [2, 1, 71]], "%d", ",", header="dose,cured,weight", comments="")
    >>> data = vvnorm.load_task_data("study.csv", ["health=logistic:cured", "size=squared:weight"])
    >>> [(task.name, task.outputs) for task in data.tasks]
    [('health', (0,)), ('size', (1,))]
    """
    if isinstance(specs, str) or not specs:
        raise ValueError(f"at least one task must be given, {GRAMMAR}")
    tasks = [_read_spec(text) for text in specs]
    names = [spec.name for spec in tasks]
    if repeated := [name for name in names if names.count(name) > 1]:
        raise ValueError(f"two tasks are called {repeated[0]!r}; they must have different names")
    table = read_table(Path(path), CsvFormat(sep, decimal, encoding, header))
    targets = [_target(spec, table) for spec in tasks]
    inputs = _input_names(x, table.names, {column: spec.name for spec, (column, _) in zip(tasks, targets, strict=True)})
    columns = table.columns([*inputs, *(name for name, _ in targets if name)])
    plain = [name for spec, (name, value) in zip(tasks, targets, strict=True) if name and not _of_classes(spec, value)]
    mark = table.decimal([columns[name] for name in (*inputs, *plain)])
    X = read_inputs(
        [columns[name] for name in inputs], mark, ", and inputs must be; x (--x) names the columns that are inputs"
    )
    parts = [
        _labels(spec, columns.get(name), value, len(X), mark) for spec, (name, value) in zip(tasks, targets, strict=True)
    ]
    for spec, labels, (column, _) in zip(tasks, parts, targets, strict=True):
        if np.isnan(labels.truth).all():
            raise ValueError(f"{table.file}: task {spec.name!r} has no label at all: column {column!r} is empty")
    try:
        return _assembled(X, tasks, parts, tuple(inputs), str(table.file))
    except ValueError as error:
        raise ValueError(f"{table.file}: {error}") from None


def _read_spec(text: str) -> _Spec:
    name, _, rest = (part.strip() for part in text.partition("="))
    kind, _, target = (part.strip() for part in rest.partition(":"))
    if not name or not kind:
        raise ValueError(f"task {text!r} must be written {GRAMMAR}")
    loss = kind.replace("-", "_")
    first, _, further = target.partition(":")
    if loss in ("huber", "one_class") and is_number(first):
        loss, target = f"{loss}:{first.strip()}", further.strip()
    if loss != SOFTMAX:
        try:
            as_loss(loss)
        except ValueError as error:
            raise ValueError(f"task {name!r}: {error}{', softmax' if 'unknown' in str(error) else ''}") from None
    if not target and not loss.startswith("one_class"):
        raise ValueError(f"task {name!r}: loss {kind!r} needs a column of labels: {name}={rest.rstrip(':')}:COLUMN")
    return _Spec(text, name, loss, target)


def _target(spec: _Spec, table: Table) -> tuple[str, str | None]:
    """Return the column of a task, empty if it has none, and the value that counts as positive or normal."""
    if not spec.target:
        return "", None
    column, equals, value = spec.target.rpartition("=")
    asked = bool(equals) and spec.target not in table.names and spec.kind in (*_CLASSES, "one_class")
    column = column.strip() if asked else spec.target
    table.check_name(column)
    return column, value.strip() if asked else None


def _input_names(x: str | Sequence[str] | None, header: Sequence[str], labels: dict[str, str]) -> list[str]:
    if x is None:
        names = [name for name in header if name not in labels]
        if not names:
            raise ValueError("no column is left for inputs: the tasks name them all")
        return names
    names = column_names(x, header)
    if not names:
        raise ValueError("x must name at least one column of inputs")
    for name in names:
        if name in labels:
            raise ValueError(f"column {name!r} is used as input and as label of task {labels[name]!r}")
        if names.count(name) > 1:
            raise ValueError(f"x names column {name!r} twice")
    return names


def _of_classes(spec: _Spec, value: str | None) -> bool:
    """Return whether the column of a task holds classes, not numbers."""
    return spec.kind in (*_CLASSES, SOFTMAX) or value is not None


def _labels(spec: _Spec, column: Column | None, value: str | None, n: int, mark: str) -> _Labels:
    """Read the labels of one task from its column."""
    if column is None:
        ones = np.ones((n, 1))
        return _Labels(ones, ones, background=True)
    if _of_classes(spec, value):
        try:
            return _class_labels(spec, column, value)
        except ValueError as error:
            raise ValueError(f"{column.file}: task {spec.name!r}: {error}") from None
    numbers = read_numbers(column, mark)[:, None]
    return _Labels(numbers, numbers)


def _class_labels(spec: _Spec, column: Column, value: str | None) -> _Labels:
    """Read classes, which are numbers or words; if a value is given, whether they equal it."""
    classes, name = read_classes(column), column.name
    if spec.kind == SOFTMAX:
        if len(classes.values) < 2:
            raise ValueError(f"column {name!r} has one class only: {classes.named or 'it is empty'}")
        rows, _ = one_hot(classes.places)
        return _Labels(rows, rows, note=f"{spec.name}: the outputs are scores of {classes.named}")
    chosen = None if value is None else classes.place(value)
    if value is not None and chosen is None:
        raise ValueError(f"no row has {value!r} in column {name!r}; there are: {classes.named}")
    if spec.kind == "one_class":
        truth = np.where(np.isnan(classes.places), np.nan, np.where(classes.places == chosen, 1.0, -1.0))[:, None]
        return _Labels(np.where(truth == 1, 1.0, np.nan), truth, background=True)
    if value is None and len(classes.values) > 2:
        many = f"column {name!r} has {count(len(classes.values), 'class', 'classes')} ({classes.named})"
        raise ValueError(f"{many}; say {name}=VALUE, which is positive")
    labels, positive = two_classes(name, classes, chosen)
    if positive is None:
        return _Labels(labels[:, None], labels[:, None])
    others = ", ".join(classes.shown(k) for k in range(min(8, len(classes.values))) if k != positive)
    note = f"{spec.name}: {classes.shown(positive)} is positive, {others} negative"
    return _Labels(labels[:, None], labels[:, None], note=note)


def _assembled(X: Array, specs: list[_Spec], parts: list[_Labels], x_names: tuple[str, ...], source: str) -> TaskData:
    tasks, background, start = [], [], 0
    for spec, labels in zip(specs, parts, strict=True):
        width = labels.Y.shape[1]
        tasks.append(Task(spec.name, tuple(range(start, start + width)), spec.loss))
        background += [start] if labels.background else []
        start += width
    Y, truth = (np.hstack([getattr(labels, which) for labels in parts]) for which in ("Y", "truth"))
    notes = tuple(labels.note for labels in parts if labels.note)
    return TaskData(X, Y, truth, tuple(tasks), x_names, source, tuple(background), notes)
