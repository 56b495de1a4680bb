"""Data sets of several tasks: built-in ones, CSV files, what is refused, and metrics."""

import math
from pathlib import Path

import numpy as np
import pytest

from vvnorm.losses import Loss
from vvnorm.multitask.task_data import BUILTIN, TaskData, builtin_task_data, load_task_data, metric
from vvnorm.multitask.tasks import Task

TABLE = """\
id,a,b,kind,diag,score,flag
1,0.5,1,cat,M,2.5,1
2,1.5,0,dog,B,,0
3,0.25,2,cat,B,1,1
4,-1,3,eel,M,0.5,
5,2,1,,B,-1,0
"""
INPUTS = ("a", "b")


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "table.csv"
    path.write_text(TABLE, encoding="utf-8")
    return path


# --- built-in data ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "shape", "outputs"),
    [
        ("breast_cancer", (569, 21), 3),
        ("digits_overlaid", (898, 100), 20),
        ("digits_multilabel", (898, 100), 5),
        ("linnerud", (20, 3), 3),
    ],
)
def test_builtin_data_have_their_shapes_and_are_the_same_every_time(
    name: str, shape: tuple[int, int], outputs: int
) -> None:
    data, again = builtin_task_data(name, 3), builtin_task_data(name, 3)
    assert (data.X.shape, data.Y.shape, data.truth.shape) == (shape, (shape[0], outputs), (shape[0], outputs))
    assert len(data) == shape[0]
    np.testing.assert_array_equal(data.X, again.X)
    np.testing.assert_array_equal(data.Y, again.Y)
    assert not data.X.flags.writeable


def test_unknown_builtin_data_are_named() -> None:
    with pytest.raises(ValueError, match=f"name must be one of {', '.join(BUILTIN)}, got 'iris'"):
        builtin_task_data("iris")


def test_breast_cancer_learns_benign_samples_alone_and_no_size() -> None:
    data = builtin_task_data("breast_cancer")
    malignant, benign, radius = data.truth.T
    assert data.background == (1,)
    np.testing.assert_array_equal(np.where(malignant == 1, -1, 1), benign)
    np.testing.assert_array_equal(data.Y[:, 1], np.where(benign == 1, 1.0, np.nan))
    assert np.count_nonzero(malignant) == 212
    assert 6 < radius.min() < radius.max() < 29
    assert not any(word in name for name in data.x_names for word in ("radius", "perimeter", "area"))


def test_overlaid_digits_are_two_digits_each_used_once() -> None:
    from sklearn.datasets import load_digits

    data, labels = builtin_task_data("digits_overlaid"), builtin_task_data("digits_multilabel")
    images = load_digits().images.reshape(-1, 64)
    pictures = data.X.reshape(-1, 10, 10)
    assert (data.X.min(), data.X.max()) == (0, 1)
    assert np.all(data.Y.sum(axis=1) == 2)
    # What no other digit covers is the digit itself: the first two rows are of the left one.
    top = {tuple(image[:16]) for image in images / 16}
    assert all(tuple(picture[:2, :8].ravel()) in top for picture in pictures)
    assert not pictures[:, :2, 8:].any()
    np.testing.assert_array_equal(labels.X, data.X)
    left, right = data.Y[:, :10].argmax(axis=1), data.Y[:, 10:].argmax(axis=1)
    for digit in range(5):
        np.testing.assert_array_equal(labels.Y[:, digit] == 1, (left == digit) | (right == digit))
    assert not np.array_equal(builtin_task_data("digits_overlaid", 1).X, data.X)
    # 1797 is odd: the pictures hold all digits but one, as often as there are.
    counts = np.bincount(load_digits().target) - data.Y[:, :10].sum(axis=0) - data.Y[:, 10:].sum(axis=0)
    assert sorted(counts) == [0] * 9 + [1]


# --- files ------------------------------------------------------------------------------------------------------------


def test_every_kind_of_task_is_read(table: Path) -> None:
    specs = [
        "diag=logistic:diag=M",
        "size=huber:0.5:score",
        "kind=softmax:kind",
        "benign=one-class:0.2:diag=B",
        "level=one_class:score",
        "flag=hinge:flag",
        "any=one-class:0.3",
    ]
    data = load_task_data(table, specs, INPUTS)
    assert [str(task.loss) for task in data.tasks] == [
        "logistic", "huber:0.5", "softmax", "one_class:0.2", "one_class:0.1", "hinge", "one_class:0.3",
    ]  # fmt: skip
    assert [task.outputs for task in data.tasks] == [(0,), (1,), (2, 3, 4), (5,), (6,), (7,), (8,)]
    nan = np.nan
    np.testing.assert_array_equal(data.X, [[0.5, 1], [1.5, 0], [0.25, 2], [-1, 3], [2, 1]])
    np.testing.assert_array_equal(data.Y[:, 0], [1, 0, 0, 1, 0])
    np.testing.assert_array_equal(data.Y[:, 1], [2.5, nan, 1, 0.5, -1])
    np.testing.assert_array_equal(data.Y[:, 2:5], [[1, 0, 0], [0, 1, 0], [1, 0, 0], [0, 0, 1], [nan] * 3])
    np.testing.assert_array_equal(data.Y[:, 5], [nan, 1, 1, nan, 1])
    np.testing.assert_array_equal(data.truth[:, 5], [-1, 1, 1, -1, 1])
    np.testing.assert_array_equal(data.Y[:, 6], data.Y[:, 1])
    np.testing.assert_array_equal(data.Y[:, 7], [1, 0, 1, nan, 0])
    np.testing.assert_array_equal(data.truth[:, 8], np.ones(5))
    assert data.background == (5, 8)
    assert data.notes == ("diag: M is positive, B negative", "kind: the outputs are scores of cat, dog, eel")
    assert (data.x_names, data.source) == (INPUTS, str(table))


def test_columns_that_no_task_names_are_inputs(table: Path) -> None:
    data = load_task_data(table, ["diag=logistic:diag", "kind=softmax:kind", "s=squared:score", "f=logistic:flag"])
    assert data.x_names == ("id", "a", "b")
    assert data.notes[0] == "diag: M is positive, B negative"  # the last in order


def test_numbers_that_are_no_usual_classes_are_ordered_as_numbers(tmp_path: Path) -> None:
    path = tmp_path / "n.csv"
    path.write_text("x,c,two\n1,10,2\n2,9,1.0\n3,10.0,1\n4,,nan\n5,100,2\n")
    data = load_task_data(path, ["c=softmax:c", "two=logistic:two", "ten=hinge:c=10"], ["x"])
    np.testing.assert_array_equal(data.Y[:, :3], [[0, 1, 0], [1, 0, 0], [0, 1, 0], [np.nan] * 3, [0, 0, 1]])
    np.testing.assert_array_equal(data.Y[:, 3], [1, 0, 0, np.nan, 1])
    np.testing.assert_array_equal(data.Y[:, 4], [1, 0, 1, np.nan, 0])
    assert data.notes[1:] == ("two: 2 is positive, 1 negative", "ten: 10 is positive, 9, 100 negative")


def test_names_of_columns_may_hold_what_the_grammar_uses(tmp_path: Path) -> None:
    path = tmp_path / "n.csv"
    path.write_text("x,a:b,c=1,0.5\n1,3,1,2\n2,4,0,5\n3,1,1,1\n")
    data = load_task_data(path, ["s=squared:a:b", "c=logistic:c=1", "h=huber:1:0.5"])
    np.testing.assert_array_equal(data.Y, [[3, 1, 2], [4, 0, 5], [1, 1, 1]])


@pytest.mark.parametrize(
    ("specs", "x", "message"),
    [
        ([], None, "at least one task must be given, NAME=LOSS"),
        (["diag"], None, "task 'diag' must be written NAME=LOSS"),
        (["=squared:a"], None, "must be written"),
        (["d=square:a"], None, "task 'd': loss 'square' is unknown; there are .*one_class, softmax"),
        (["d=squared"], None, "task 'd': loss 'squared' needs a column of labels: d=squared:COLUMN"),
        (["d=one-class:0"], INPUTS, r"task 'd': nu of loss 'one_class' must lie in \(0, 1\]"),
        (["d=one-class:1.5:score"], INPUTS, r"nu of loss 'one_class' must lie in \(0, 1\], got 1.5"),
        (["d=huber:-1:a"], None, "task 'd': delta of loss 'huber' must be a positive"),
        (["d=squared:a", "d=squared:b"], None, "two tasks are called 'd'"),
        (["d=squared:c"], None, "no column named 'c'; there are: id, a, b"),
        (["d=squared:score=1"], None, "no column named 'score=1'"),
        (["d=squared:a"], ["b", "q"], "no column named 'q'"),
        (["d=squared:a"], ["a", "b"], "column 'a' is used as input and as label of task 'd'"),
        (["d=squared:a"], ["b", "b"], "x names column 'b' twice"),
        (["d=squared:a"], [], "x must name at least one"),
        (["d=squared:a"], None, r"line 2, column 'kind': 'cat' is not a number, and inputs must be; x \(--x\)"),
        (["d=squared:a"], ["b", "score"], "line 3, column 'score': an input is missing"),
        (["d=squared:kind"], INPUTS, "line 2, column 'kind': 'cat' is not a number"),
        (["d=one-class:kind"], INPUTS, "line 2, column 'kind': 'cat' is not a number"),
        (["d=logistic:kind"], INPUTS, r"task 'd': column 'kind' has 3 classes \(cat, dog, eel\); say kind=VALUE"),
        (["d=logistic:diag=C"], INPUTS, "task 'd': no row has 'C' in column 'diag'; there are: B, M"),
        (["d=one-class:diag=C"], INPUTS, "task 'd': no row has 'C' in column 'diag'"),
    ],
)
def test_bad_tasks_are_refused(table: Path, specs: list[str], x: list[str] | None, message: str) -> None:
    with pytest.raises(ValueError, match=message) as error:
        load_task_data(table, specs, x)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "spec", "message"),
    [
        ("x,y\n1,1\n2,1\n", "d=logistic:y", "n.csv: task 'd' has one class only: every label of output 0 is 1"),
        ("x,y\n1,M\n2,M\n", "d=hinge:y", "n.csv: task 'd': column 'y' has one class only: M"),
        ("x,y\n1,M\n2,M\n", "d=logistic:y=M", "column 'y' has one class only: M"),
        ("x,y\n1,M\n2,\n", "d=softmax:y", "column 'y' has one class only: M"),
        ("x,y\n1,\n2,\n", "d=squared:y", "task 'd' has no label at all: column 'y' is empty"),
        ("x,y\n1,\n2,\n", "d=logistic:y", "task 'd' has no label at all: column 'y' is empty"),
        ("x,y\n1,3\ninf,2\n", "d=squared:y", "n.csv: line 3, column 'x': 'inf' is not finite"),
        ("x,y\n1,inf\n2,2\n", "d=squared:y", "n.csv: line 2, column 'y': 'inf' is not finite"),
        ("x,y\n", "d=squared:y", "there is a header but no data"),
        ("y\n1\n", "d=squared:y", "no column is left for inputs"),
        ("x,y,y\n1,2,3\n", "d=squared:y", "more than one column named 'y'"),
        ("x,y\n1\n", "d=squared:y", "line 2 has 1 fields, the header has 2"),
        ("", "d=squared:y", "the file is empty"),
    ],
)
def test_bad_files_are_refused(tmp_path: Path, text: str, spec: str, message: str) -> None:
    path = tmp_path / "n.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=message) as error:
        load_task_data(path, [spec])
    assert "\n" not in str(error.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"cannot read .*none\.csv': No such file"):
        load_task_data(tmp_path / "none.csv", ["d=squared:y"])


# --- the object -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"truth": np.ones((2, 2))}, r"truth has shape \(2, 2\), Y has \(2, 1\)"),
        ({"x_names": ()}, "x_names has 0 names for 1 input"),
        ({"tasks": (Task("t", (1,)),)}, "tasks names output 1, but Y has 1 output"),
        ({"tasks": (Task("t", (0,), "logistic"),)}, "task 't' has one class only"),
        ({"background": (1,)}, "background names column 1, which is no output of a one-class task"),
        ({"tasks": (Task("t", (0,)),)}, "background names column 0, which is no output of a one-class task"),
        ({"Y": [[1], [-1]]}, "normal samples without scores are labelled 1, others NaN"),
        ({"truth": [[1], [0]]}, "task 't': its truth is 1 for normal samples"),
    ],
)
def test_inconsistent_data_are_refused(change: dict[str, object], message: str) -> None:
    whole: dict[str, object] = {
        "X": [[0.0], [1.0]],
        "Y": [[1.0], [1.0]],
        "truth": [[1.0], [-1.0]],
        "tasks": (Task("t", (0,), "one_class"),),
        "x_names": ("x",),
        "source": "here",
        "background": (0,),
    }
    TaskData(**whole)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=message):
        TaskData(**(whole | change))  # type: ignore[arg-type]


# --- metrics ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", ["logistic", "hinge", "one_class:0.1"])
def test_auc_is_the_share_of_pairs_in_order(loss: str) -> None:
    rng = np.random.default_rng(0)
    u, y = rng.standard_normal(40), np.where(rng.random(40) < 0.4, 1.0, -1.0)
    y[:3] = np.nan
    pairs = u[y == 1][:, None] - u[y == -1]
    auc = metric(Task("t", (0,), loss), u[:, None], y[:, None])
    assert (auc.name, auc.higher_is_better) == ("AUC", True)
    assert auc.value == pytest.approx(np.mean(pairs > 0), abs=1e-15)


def test_rmse_pinball_and_accuracy() -> None:
    u, y = np.array([[1.0], [2.0], [5.0]]), np.array([[1.0], [4.0], [np.nan]])
    for loss in ("squared", "huber:0.5"):
        assert metric(Task("t", (0,), loss), u, y) == ("RMSE", pytest.approx(math.sqrt(2)), False)
    expected = Loss("one_class", 0.25).value(u[:2], y[:2]).mean()
    assert metric(Task("t", (0,), "one_class:0.25"), u, y) == ("pinball loss", pytest.approx(expected), False)
    scores = [[0.1, 0.7, 0.2], [0.5, 0.4, 0.1], [0.0, 0.0, 1.0]]
    truth = [[0, 1, 0], [0, 1, 0], [np.nan] * 3]
    assert metric(Task("t", (0, 1, 2), "softmax"), scores, truth) == ("accuracy", 0.5, True)


@pytest.mark.parametrize(
    ("loss", "truth", "name"),
    [
        ("logistic", [1.0, 1.0], "AUC"),
        ("one_class", [1.0, 1.0], "AUC"),
        ("logistic", [np.nan, np.nan], "AUC"),
        ("squared", [np.nan, np.nan], "RMSE"),
    ],
)
def test_a_metric_that_is_undefined_is_nan(loss: str, truth: list[float], name: str) -> None:
    value = metric(Task("t", (0,), loss), np.array([[0.0], [1.0]]), np.reshape(truth, (2, 1)))
    assert value.name == name
    assert math.isnan(value.value)


def test_shapes_that_differ_are_refused() -> None:
    with pytest.raises(ValueError, match=r"task 't' has 1 output; got values \(2, 1\) and truth \(3, 1\)"):
        metric(Task("t", (0,)), np.zeros((2, 1)), np.zeros((3, 1)))
