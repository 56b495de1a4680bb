"""Data sets: generators, auxiliary labels, and loading from files and from real data."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vvnorm._internal.files import read_npz
from vvnorm._internal.words import count, lines
from vvnorm.csv_files import (
    Column,
    CsvFormat,
    Table,
    column_names,
    read_classes,
    read_inputs,
    read_numbers,
    read_table,
    two_classes,
)
from vvnorm.validation import (
    Array,
    Repeats,
    as_count,
    as_generator,
    as_inputs,
    as_labels,
    as_matrix,
    as_positive,
    merged_points,
    sorted_univariate,
)

_NO_COLUMN = "x and y must each name at least one column"
_BUILTIN = ("diabetes", "diabetes_age", "linnerud")
_BUILTIN_PREFIX = "builtin:"


# --- the data set -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Dataset:
    """Inputs and labels, validated, read-only, in the caller's order.

    Attributes
    ----------
    X : (N, d) array
        Inputs.
    Y : (N, T) array
        Labels; NaN = missing.
    x_names, y_names : tuples of str
        Column names, `x0, x1, ..` and `y0, y1, ..` if none are known.
    source : str
        Where the data came from.
    notes : tuple of str
        How labels of two classes were coded.
    """

    X: Array
    Y: Array
    x_names: tuple[str, ...] = ()
    y_names: tuple[str, ...] = ()
    source: str = field(default="arrays")
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        X = as_inputs(self.X).copy()
        Y = as_labels(self.Y, len(X), allow_missing=True).copy()
        for values, names, letter in ((X, self.x_names, "x"), (Y, self.y_names, "y")):
            values.setflags(write=False)
            given = tuple(names) or tuple(f"{letter}{i}" for i in range(values.shape[1]))
            if len(given) != values.shape[1]:
                raise ValueError(f"{letter}_names has {count(len(given), 'name')} for {count(values.shape[1], 'column')}")
            object.__setattr__(self, f"{letter}_names", given)
        object.__setattr__(self, "X", X)
        object.__setattr__(self, "Y", Y)

    def __len__(self) -> int:
        return len(self.X)

    def __repr__(self) -> str:
        names = ", ".join(self.x_names), ", ".join(self.y_names)
        return lines(f"Dataset: {count(len(self), 'point')}, {self.source}", f"x: {names[0]}", f"y: {names[1]}")

    def with_auxiliary(self, Y: ArrayLike) -> "Dataset":
        """Return the same inputs with labels `Y`, whose first columns are the labels of this data set."""
        labels = as_labels(Y, len(self), allow_missing=True)
        extra = labels.shape[1] - self.Y.shape[1]
        names = self.y_names + tuple(f"auxiliary{i + 1}" for i in range(extra))
        return Dataset(self.X, labels, self.x_names, names, f"{self.source}, {extra} auxiliary outputs", self.notes)

    def merged(self, repeats: Repeats) -> "Dataset":
        """Return the data set with repeated inputs merged by the policy; see `sorted_univariate`. One feature is sorted."""
        if self.X.shape[1] == 1:
            x, Y = sorted_univariate(self.X, self.Y, repeats=repeats)
            X = x[:, None]
        else:
            X, Y = merged_points(self.X, self.Y, repeats)
        return Dataset(X, Y, self.x_names, self.y_names, f"{self.source}, repeated x: {repeats}", self.notes)


# --- auxiliary labels -------------------------------------------------------------------------------------------------


def gaussian_auxiliary(Y: ArrayLike, m: int, sigma: float, rng: np.random.Generator | int) -> Array:
    """Append m independent Gaussian outputs to the labels.

    Parameters
    ----------
    Y : array-like, shape (N,) or (N, T)
        Primary labels.
    m : int
        Number of auxiliary outputs.
    sigma : float
        Their standard deviation, in units of the labels; positive.
    rng : numpy.random.Generator or int
        Source of randomness, or its seed.

    Returns
    -------
    (N, T + m) array.

    Examples
    --------
    >>> import vvnorm
    >>> x, y = [0, 1, 2, 3, 4], [0, 1, 1.5, 1, 0]
    >>> labels = vvnorm.gaussian_auxiliary(y, m=1, sigma=1.0, rng=0)
    >>> vvnorm.interpolate(x, y).unique, vvnorm.interpolate(x, labels).unique
    (False, True)
    """
    labels, scale = as_labels(Y, allow_missing=True), as_positive(sigma, "sigma")
    return np.hstack([labels, scale * as_generator(rng).standard_normal((len(labels), as_count(m, "m")))])


def bernoulli_auxiliary(Y: ArrayLike, m: int, rng: np.random.Generator | int) -> Array:
    """Append m independent fair-coin outputs (0 or 1) to the labels; see `gaussian_auxiliary`.

    Examples
    --------
    >>> import vvnorm
    >>> vvnorm.bernoulli_auxiliary([0.5, 1.5, 2.5], m=2, rng=0).shape
    (3, 3)
    """
    labels = as_labels(Y, allow_missing=True)
    coins = as_generator(rng).integers(0, 2, (len(labels), as_count(m, "m")))
    return np.hstack([labels, coins.astype(np.float64)])


# --- generators -------------------------------------------------------------------------------------------------------

Spacing = Literal["uniform", "normal", "regular", "clustered"]


def random_dataset(
    n: int,
    outputs: int,
    rng: np.random.Generator | int,
    *,
    spacing: Spacing = "uniform",
    x_scale: float = 1.0,
    y_scale: float = 1.0,
) -> Dataset:
    """Draw distinct univariate inputs and standard Gaussian labels.

    Parameters
    ----------
    n, outputs : int
        Number of points (at least 2) and of outputs.
    rng : numpy.random.Generator or int
        Source of randomness.
    spacing : {"uniform", "normal", "regular", "clustered"}
        Distribution of the inputs; "clustered" draws gaps over six orders of magnitude.
    x_scale, y_scale : float
        Factors on inputs and labels, for data sets at any scale.

    Examples
    --------
    >>> import vvnorm
    >>> data = vvnorm.random_dataset(n=5, outputs=2, rng=0)
    >>> data.X.shape, data.Y.shape
    ((5, 1), (5, 2))
    """
    generator = as_generator(rng)
    n, outputs = as_count(n, "n", 2), as_count(outputs, "outputs", 1)
    if spacing == "regular":
        x = np.linspace(0.0, 1.0, n)
    elif spacing == "clustered":
        x = np.cumsum(10.0 ** generator.uniform(-6, 0, n))
    elif spacing in ("uniform", "normal"):
        x = np.sort(generator.random(n) if spacing == "uniform" else generator.standard_normal(n))
    else:
        raise ValueError(f"spacing must be uniform, normal, regular or clustered, got {spacing!r}")
    return Dataset(x_scale * x[:, None], y_scale * generator.standard_normal((n, outputs)), source=f"random {spacing}")


def collinear_dataset(n: int, outputs: int, rng: np.random.Generator | int) -> Dataset:
    """Draw points on one line per output, exactly: all numbers are small integers, so every curvature is zero.

    Examples
    --------
    >>> import vvnorm
    >>> data = vvnorm.collinear_dataset(n=5, outputs=2, rng=0)
    >>> vvnorm.interpolate(data.X, data.Y).value
    0.0
    """
    generator = as_generator(rng)
    x = np.cumsum(generator.integers(1, 9, as_count(n, "n", 2))).astype(np.float64)
    slope, offset = generator.integers(-8, 9, (2, as_count(outputs, "outputs", 1)))
    return Dataset(x[:, None], x[:, None] * slope + offset, source="collinear")


def aligned_dataset(n: int, outputs: int, rng: np.random.Generator | int, *, runs: Sequence[int] = (2,)) -> Dataset:
    """Draw data whose curvatures form aligned runs of the given lengths, exactly (integer arithmetic).

    Parameters
    ----------
    n : int
        Number of points; at least 2 + sum of the run lengths.
    outputs : int
        Number of outputs T.
    rng : numpy.random.Generator or int
        Source of randomness.
    runs : sequence of int
        Lengths of consecutive maximal runs of aligned curvatures; knots after them form runs of length 1.

    Notes
    -----
    Neighbouring runs have directions that differ, so the runs are maximal. All labels are integers well below 2^53.

    Examples
    --------
    >>> import vvnorm
    >>> data = vvnorm.aligned_dataset(n=6, outputs=2, rng=0, runs=[2])
    >>> vvnorm.interpolate(data.X, data.Y).unique
    False
    """
    generator = as_generator(rng)
    n, outputs = as_count(n, "n", 2), as_count(outputs, "outputs", 1)
    lengths = [as_count(length, "runs", 1) for length in runs]
    lengths += [1] * (n - 2 - sum(lengths))
    if sum(lengths) != n - 2:
        raise ValueError(f"runs of total length {sum(lengths)} do not fit {n - 2} inner points")
    curvatures = []
    previous = np.zeros(outputs, dtype=np.int64)
    for length in lengths:
        direction = _new_direction(previous, generator)
        curvatures += [int(size) * direction for size in generator.integers(1, 5, length)]
        previous = direction
    gaps = 2 ** generator.integers(0, 3, n - 1)
    x = np.concatenate(([0], np.cumsum(gaps)))
    start = generator.integers(-3, 4, outputs)
    slopes = np.vstack([start, start + np.cumsum(curvatures, axis=0)]) if curvatures else start[None]
    Y = np.vstack([np.zeros(outputs, dtype=np.int64), np.cumsum(gaps[:, None] * slopes, axis=0)])
    return Dataset(x[:, None].astype(np.float64), Y.astype(np.float64), source=f"aligned runs {tuple(lengths)}")


def _new_direction(previous: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    """Draw a non-zero integer vector that is not a positive multiple of `previous`."""
    while True:
        direction = rng.integers(-3, 4, len(previous))
        cosine_gap = np.linalg.norm(direction) * np.linalg.norm(previous) - direction @ previous
        if direction.any() and (not previous.any() or cosine_gap > 1e-9):
            return direction


def two_squares(m: int = 0, rng: np.random.Generator | int = 0) -> Dataset:
    """Return the eight vertices of two centred squares, with m Bernoulli(1/2) auxiliary outputs.

    The outer square has side 2 and labels 0, the inner square has side 1 and labels 1. The data are those of figure 4 in
    J. Nakhleh, J. Shenouda, R. Nowak, "The Effects of Multi-Task Learning on ReLU Neural Network Functions", 2024,
    arXiv 2410.21696.

    Examples
    --------
    >>> import vvnorm
    >>> data = vvnorm.two_squares(m=3)
    >>> data.X.shape, data.Y.shape
    ((8, 2), (8, 4))
    """
    corners = np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
    labels = np.repeat([[0.0], [1.0]], 4, axis=0)
    data = Dataset(np.vstack([corners, corners / 2]), labels, source="two squares")
    return data.with_auxiliary(bernoulli_auxiliary(labels, m, rng)) if as_count(m, "m") else data


# --- files and real data ----------------------------------------------------------------------------------------------


def builtin_dataset(name: str) -> Dataset:
    """Load real data that ships with scikit-learn, untouched.

    Parameters
    ----------
    name : {"diabetes", "diabetes_age", "linnerud"}
        "diabetes": body-mass index (kg/m^2) to disease progression after a year, 442 patients, many with equal
        index. "diabetes_age": the same with age in years as input; its means are a series of 58 points.
        "linnerud": sit-ups done to weight, waist and pulse of 20 people, some with equal counts.

    Returns
    -------
    Dataset
        Repeated inputs are kept; `Dataset.merged` merges them.

    Examples
    --------
    >>> import vvnorm
    >>> vvnorm.builtin_dataset("linnerud").Y.shape
    (20, 3)
    """
    if name not in _BUILTIN:
        raise ValueError(f"name must be one of {', '.join(_BUILTIN)}, got {name!r}")
    from sklearn import datasets

    if name != "linnerud":
        bunch = datasets.load_diabetes(scaled=False)
        column = "bmi" if name == "diabetes" else "age"
        inputs = bunch.data[:, [bunch.feature_names.index(column)]]
        return Dataset(inputs, bunch.target, (column,), ("progression",), "scikit-learn diabetes")
    bunch = datasets.load_linnerud()
    return Dataset(bunch.data[:, 1:2], bunch.target, ("situps",), ("weight", "waist", "pulse"), "scikit-learn linnerud")


def open_dataset(
    source: str,
    x: Sequence[str],
    y: Sequence[str],
    csv: CsvFormat,
    has_classes: Callable[[str], bool] = lambda name: False,
) -> Dataset:
    """Load built-in data by `builtin:NAME`, or columns of a CSV or NPZ file.

    Parameters
    ----------
    source : str
        `builtin:` and a name of `builtin_dataset`, or the name of a file.
    x, y : sequences of str
        As for `load_dataset`; empty for built-in data.
    csv : CsvFormat
        Format of a CSV file.
    has_classes : callable
        Says whether a label column of a CSV file holds two classes.

    Raises
    ------
    ValueError
        As `load_dataset`; if built-in data are given columns or a format.
    """
    if is_builtin(source):
        if x or y:
            raise ValueError("x (--x) and y (--y) belong to files; built-in data have their columns")
        refuse_format(csv)
        return builtin_dataset(builtin_name(source))
    if not x or not y:
        raise ValueError(f"{'y (--y)' if x else 'x (--x)'} must name the column(s) of {source!r} to use")
    if Path(source).suffix == ".npz":
        return load_dataset(source, x, y, **asdict(csv))
    table = read_table(Path(source), csv)
    return table_dataset(table, x, y, [name for name in column_names(y, table.names) if has_classes(name)])


def is_builtin(source: str) -> bool:
    """Whether a source of data is `builtin:NAME` and not a file."""
    return source.startswith(_BUILTIN_PREFIX)


def builtin_name(source: str) -> str:
    """Return NAME of `builtin:NAME`."""
    return source.removeprefix(_BUILTIN_PREFIX)


def refuse_format(csv: CsvFormat) -> None:
    """Refuse a format of CSV files for built-in data."""
    if csv != CsvFormat():
        raise ValueError(
            "sep (--sep), decimal (--decimal), encoding (--encoding) and header=False (--no-header) belong to CSV files, "
            "not to built-in data"
        )


def load_dataset(
    path: str | os.PathLike[str],
    x: str | Sequence[str],
    y: str | Sequence[str],
    *,
    classes: Sequence[str] = (),
    sep: str | None = None,
    decimal: str | None = None,
    encoding: str | None = None,
    header: bool = True,
) -> Dataset:
    """Load columns by name from a CSV file or from the arrays of an NPZ file.

    Parameters
    ----------
    path : path-like
        `.npz` is read as NPZ (never pickle), anything else as CSV.
    x, y : sequences of str, or str for one
        Names of the input and the label columns, all different. A text that is not the name of a column is split at commas
        ('dose,age'). In NPZ files a name stands for an array of shape (N,) or (N, k).
    classes : sequence of str
        Label columns of CSV files that hold two classes, words or numbers: the last one in order becomes 1 and the other
        0, with an entry in `notes`. Classes 0 and 1, or -1 and 1, are not changed.
    sep, decimal, encoding, header
        The format of a CSV file, if it cannot be detected; see `vvnorm.csv_files`, also for missing labels.

    Raises
    ------
    ValueError
        If the file cannot be read or is damaged, a column is missing or named twice, or a field is not a number. The
        message names the file and, where possible, line (from 1, with header and comments) and column.

    Examples
    --------
    >>> import vvnorm
    >>> import numpy as np
    >>> np.savez("trial.npz", dose=[0, 1, 2], response=[1.0, 2.5, 2.0])
    >>> vvnorm.load_dataset("trial.npz", x="dose", y="response").Y[:, 0]
    array([1. , 2.5, 2. ])
    """
    if not len(x) or not len(y):
        raise ValueError(_NO_COLUMN)
    file, how = Path(path), CsvFormat(sep, decimal, encoding, header)
    if file.suffix != ".npz":
        return table_dataset(read_table(file, how), x, y, classes)
    if how != CsvFormat() or classes:
        raise ValueError(f"{file}: sep, decimal, encoding, header and classes are for CSV files")
    arrays = read_npz(file)
    x, y = _names(x, y, list(arrays))
    columns = _npz_columns(file, arrays, [*x, *y])
    inputs, labels = columns[: len(x)], columns[len(x) :]
    x_names = tuple(name for name, column in zip(x, inputs, strict=True) for _ in range(column.shape[1]))
    y_names = tuple(name for name, column in zip(y, labels, strict=True) for _ in range(column.shape[1]))
    try:
        return Dataset(np.hstack(inputs), np.hstack(labels), x_names, y_names, str(file))
    except (TypeError, ValueError) as error:
        raise ValueError(f"{file}: {error}") from None


def table_dataset(table: Table, x: str | Sequence[str], y: str | Sequence[str], classes: Sequence[str] = ()) -> Dataset:
    """Read a data set from an open CSV file; parameters and errors are those of `load_dataset`."""
    x, y = _names(x, y, table.names)
    columns = table.columns([*x, *y])
    mark = table.decimal([column for name, column in columns.items() if name not in classes])
    X = read_inputs([columns[name] for name in x], mark)
    labels, notes = [], []
    for name in y:
        if name in classes:
            values, note = _read_two_classes(columns[name])
            notes += [note] if note else []
        else:
            values = read_numbers(columns[name], mark)
        if np.isnan(values).all():
            raise ValueError(f"{table.file}: column {name!r} has no label at all")
        labels.append(values)
    return Dataset(X, np.column_stack(labels), tuple(x), tuple(y), str(table.file), tuple(notes))


def _read_two_classes(column: Column) -> tuple[Array, str]:
    """Return labels of two classes, and a note on their coding if it changes the labels."""
    classes = read_classes(column)
    try:
        values, positive = two_classes(column.name, classes)
    except ValueError as error:
        raise ValueError(f"{column.file}: {error}") from None
    if positive is None:
        return values, ""
    return values, f"{column.name}: {classes.shown(positive)} is 1, {classes.shown(1 - positive)} is 0"


def _names(x: str | Sequence[str], y: str | Sequence[str], existing: Sequence[str]) -> tuple[list[str], list[str]]:
    """Names of inputs and labels, all different."""
    inputs, labels = column_names(x, existing), column_names(y, existing)
    if not inputs or not labels:
        raise ValueError(_NO_COLUMN)
    for name in inputs:
        if name in labels:
            raise ValueError(f"column {name!r} is named as input and as label")
    for letter, names in (("x", inputs), ("y", labels)):
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"{letter} names column {name!r} twice")
    return inputs, labels


def _npz_columns(file: Path, arrays: Mapping[str, NDArray[Any]], names: Sequence[str]) -> list[Array]:
    for name in names:
        if name not in arrays:
            raise ValueError(f"{file}: no array named {name!r}; there are: {', '.join(arrays)}")
    try:
        columns = [as_matrix(arrays[name], f"{file}: array {name!r}") for name in names]
    except TypeError as error:
        raise ValueError(str(error)) from None
    for name, column in zip(names, columns, strict=True):
        if len(column) != len(columns[0]):
            raise ValueError(f"{file}: array {name!r} has {count(len(column), 'row')}, {names[0]!r} has {len(columns[0])}")
    return columns
