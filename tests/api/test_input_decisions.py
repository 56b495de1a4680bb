"""Unusual input: the same behaviour in every public function, and errors that name the argument or option of the caller."""

import re
from pathlib import Path

import numpy as np
import pytest
from commands import Command, runner

import vvnorm
from vvnorm.datasets import Dataset
from vvnorm.multitask.task_data import TaskData
from vvnorm.multitask.tasks import Task
from vvnorm.network import ReLUNetwork
from vvnorm.training.comparison import compare
from vvnorm.validation import RepeatedInput

SAME = [[1.0], [1.0], [1.0]]
Y = [2.0, 2.0, 2.0]
MIXED = [0.0, 1.0, 2.0]


def network(d: int) -> ReLUNetwork:
    return ReLUNetwork(np.ones((1, d)), [0.0], [[1.0]])


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    monkeypatch.chdir(tmp_path)
    return runner(capsys)


# --- one distinct input -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("d", [1, 2])
def test_one_distinct_input_is_not_interpolated_trained_or_judged(d: int) -> None:
    X, f = np.repeat(SAME, d, axis=1), network(d)
    message = r"X has 1 distinct (value \(1.0\)|point \(1.0, 1.0\)); .* two or more"
    calls = [
        lambda: vvnorm.interpolate(X, Y),
        lambda: vvnorm.interpolate(X[:1], Y[:1]),
        lambda: vvnorm.interpolate(X, Y, skip=False),
        lambda: vvnorm.interpolate(X, Y, penalise_bias=True),
        lambda: vvnorm.certify(f, X, Y),
        lambda: vvnorm.certify(f, X, Y, penalise_bias=True),
        lambda: vvnorm.train(X, Y, steps=1, progress=False),
        lambda: vvnorm.train_tasks(X, MIXED, steps=1, progress=False),
        lambda: vvnorm.train(X, MIXED, loss="huber", steps=1, progress=False),
        lambda: vvnorm.VVNormInterpolator().fit(X, Y),
    ]
    for call in calls:
        with pytest.raises(ValueError, match=message):
            call()


@pytest.mark.parametrize("d", [1, 2])
def test_one_distinct_input_is_fitted_by_a_constant(d: int) -> None:
    X = np.repeat(SAME, d, axis=1)
    for weights, mean in ((None, 1.0), ([1.0, 1.0, 2.0], 1.25)):
        solution = vvnorm.fit(X, MIXED, 0.3, weights=weights)
        shares = np.ones(3) if weights is None else np.array(weights)
        assert solution(X)[0, 0] == pytest.approx(mean)
        assert solution.value == pytest.approx(float(shares @ (np.array(MIXED) - mean) ** 2) / 2)
        assert solution.network.vv_norm == 0
        assert solution.verify()
    assert vvnorm.lambda_max(X, MIXED) == 0


def test_tasks_whose_training_rows_have_one_distinct_input_are_refused() -> None:
    tasks = (Task("t", (0,)),)
    labels = np.arange(8.0)[:, None]
    data = TaskData(np.ones((8, 2)), labels, labels, tasks, ("a", "b"), "here")
    with pytest.raises(ValueError, match=r"no split of 8 samples .*: X has 1 distinct point .* training needs two or more"):
        compare(data, seeds=1, steps=1)


def test_commands_refuse_one_distinct_input_in_one_line(run: Command) -> None:
    Path("data.csv").write_text("x,z,y\n1,1,0\n1,1,1\n1,1,2\n")
    network(2).save("net.npz")
    for x in ("x", "x,z"):
        for command in (("solve", "--repeats", "average"), ("train", "--repeats", "average", "--out", "new.npz")):
            done = run(command[0], "data.csv", "--x", x, "--y", "y", *command[1:])
            assert (done.code, done.out) == (64, "")
            assert re.fullmatch(
                r"vvnorm: X has 1 distinct (value|point) [^\n]* needs? two or more\n|.*two or more\n", done.err
            )
        done = run("tasks", "data.csv", "--x", x, "--task", "t=squared:y", "--quick")
        assert (done.code, done.out) == (64, "")
        assert re.fullmatch(r"vvnorm: [^\n]*1 distinct [^\n]*\n", done.err)
        assert run("solve", "data.csv", "--x", x, "--y", "y", "--lam", 1).code == 0
    assert not Path("new.npz").exists()


# --- no lam at all ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("d", [1, 2])
@pytest.mark.parametrize("lams", [[], (), np.array([])])
def test_no_lam_is_refused(d: int, lams: object) -> None:
    X = np.random.default_rng(0).standard_normal((6, d))
    for call in (
        lambda: vvnorm.fit_path(X, X[:, 0], lams),
        lambda: vvnorm.VVNormRegressorCV(lams=lams).fit(X, X[:, 0] ** 2),
    ):
        with pytest.raises(ValueError, match="lams must hold at least one lam"):
            call()
    for bad, kind in ((0, ValueError), (True, TypeError)):
        with pytest.raises(kind, match="lams must be"):
            vvnorm.VVNormRegressorCV(lams=bad).fit(X, X[:, 0] ** 2)


# --- repeated inputs --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("d", [1, 2])
def test_advice_on_repeated_inputs_is_something_that_can_be_done(d: int) -> None:
    X, y = np.repeat([[0.0], [1.0], [2.0], [1.0]], d, axis=1), [0.0, 1.0, 0.0, 3.0]
    X[:, -1] *= [1, 1, 3, 1]
    for call in (lambda: vvnorm.interpolate(X, y), lambda: vvnorm.certify(network(d), X, y)):
        with pytest.raises(RepeatedInput, match=r"X repeats the (value 1.0|point \(1.0, 1.0\)) with different") as error:
            call()
        assert "repeats=" not in str(error.value)
    assert "Dataset(X, Y).merged('average')" in str(error.value)
    merged = Dataset(X, y).merged("average")
    np.testing.assert_array_equal(merged.Y[:, 0], [0, 2, 0])
    np.testing.assert_array_equal(merged.X, X[:3])
    assert vvnorm.interpolate(merged.X, merged.Y).verify()
    assert vvnorm.fit(X, y, 0.1).verify()


def test_merged_points_keep_their_order_and_missing_labels_give_way() -> None:
    X = [[2, 0], [1, 1], [2, 0], [0, 5], [1, 1], [2, 0]]
    Y = [[np.nan, 1], [4, 2], [6, 1], [0, np.nan], [4, np.nan], [9, 1]]
    merged = Dataset(X, Y).merged("first")
    np.testing.assert_array_equal(merged.X, [[2, 0], [1, 1], [0, 5]])
    np.testing.assert_array_equal(merged.Y, [[6, 1], [4, 2], [0, np.nan]])
    np.testing.assert_array_equal(Dataset(X, Y).merged("average").Y[0], [7.5, 1])
    with pytest.raises(RepeatedInput, match=r"point \(2.0, 0.0\) with different labels \(6.0 and 9.0 in output 0\)"):
        Dataset(X, Y).merged("error")
    with pytest.raises(ValueError, match="repeats must be one of error, average, first, got 'last'"):
        Dataset(X, Y).merged("last")


# --- the command line -------------------------------------------------------------------------------------------------

COLUMNS = ("--x", "x", "--y", "y")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("solve", *COLUMNS), "X repeats the value 1.0 with different labels (0.0 and 3.0 in output 0); --repeats average"),
        (("certify", "net.npz", *COLUMNS), "X repeats the value 1.0 with different labels"),
        (("solve", "--x", "x,y", "--y", "z"), "X repeats the point (1.0, 3.0) with different labels"),
        (("solve", "--x", "x,y", "--y", "z", "--auxiliary", "infinite"), "X repeats the point (1.0, 3.0) with different"),
        (("solve", *COLUMNS, "--sep", "xy"), "--sep must be one character other than a quote, or tab; got 'xy'"),
        (("path", *COLUMNS, "--decimal=;"), "--decimal must be a point or a comma, got ';'"),
        (("train", *COLUMNS, "--encoding", "utf-9"), "--encoding 'utf-9' is unknown"),
        (("tasks", "--task", "t=squared:y", "--x", "w"), "; --x names the columns that are inputs"),
        (("solve", *COLUMNS, "--lam", "1", "--time-limit", "-1"), "--time-limit must be positive, got -1.0"),
        (("solve", *COLUMNS, "--lam", "-1"), "--lam must be a positive finite number, got -1.0"),
        (("train", *COLUMNS, "--repeats", "first", "--lam", "-1"), "--lam must be a non-negative finite number"),
        (
            ("solve", *COLUMNS, "--repeats", "first", "--aux", "1", "--sigma", "0"),
            "--sigma must be a positive finite number",
        ),
        (("path", "--x", "x", "--y", "line"), "whatever lam is; solve --lam, without --relative, finds it"),
        (("solve", "--x", "0", "--y", "1"), "no column named '0'; there are: x, y, z, w, line"),
    ],
)
def test_messages_name_options_and_hold_no_python(run: Command, arguments: tuple[str, ...], message: str) -> None:
    Path("data.csv").write_text("x,y,z,w,line\n0,1,0,a,0\n1,3,1,b,2\n1,0,1,c,2\n1,3,2,d,2\n3,1,1,e,6\n")
    network(1).save("net.npz")
    place = 2 if arguments[0] == "certify" else 1
    done = run(*arguments[:place], "data.csv", *arguments[place:])
    assert (done.code, done.out) == (64, "")
    assert message in done.err
    assert re.search(r"\w=(True|False|None|['\"(\[])|\(--|merged|Dataset", done.err) is None
    assert done.err.count("\n") == 1
