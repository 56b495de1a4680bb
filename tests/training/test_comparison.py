"""Joint against separate networks: paired, with honest costs, and the study's lines and figures on top."""

import math

import numpy as np
import pytest

from vvnorm import Task
from vvnorm.multitask.task_data import TaskData, builtin_task_data, metric
from vvnorm.studies.statistics import ratio_from_moments
from vvnorm.training.comparison import JOINT, SAME_COST, SAME_WIDTH, compare, interval_of_mean, moments, split
from vvnorm.training.task_study import complaints_about, study_lines, verdict

QUICK = {"steps": 40, "width": 8, "seeds": 3}


def data(n=60, seed=0):
    """A number, a class with labels for two thirds, three classes, and normal samples without scores."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, 3)) * [1, 10, 0.1] + [0, 5, 1]
    side = (X[:, 0] > 0).astype(float)
    kind = np.eye(3)[rng.integers(0, 3, n)]
    normal = np.where(X[:, 1] < 12, 1.0, -1.0)
    truth = np.column_stack([np.abs(X[:, 0]), side, kind, normal])
    Y = np.column_stack([truth[:, 0], np.where(rng.random(n) < 0.7, side, np.nan), kind, np.where(normal == 1, 1, np.nan)])
    tasks = (
        Task("size", (0,)),
        Task("side", (1,), "logistic"),
        Task("kind", (2, 3, 4), "softmax"),
        Task("normal", (5,), "one_class:0.1"),
    )
    return TaskData(X, Y, truth, tasks, ("a", "b", "c"), "made up", background=(5,))


@pytest.fixture(scope="module")
def comparison():
    return compare(data(), weightings=("equal", "mgda_ub", (1.0, 2.0, 0.5, 1.0)), **QUICK)


def test_every_task_of_every_arrangement_and_seed_has_a_row(comparison):
    kinds = [(JOINT, "equal"), (JOINT, "mgda_ub"), (JOINT, "1,2,0.5,1"), (SAME_WIDTH, "equal"), (SAME_COST, "equal")]
    assert comparison.kinds == kinds
    assert len(comparison.rows) == 3 * 4 * len(kinds)
    assert all(math.isfinite(row["value"]) and row["loss"] >= 0 for row in comparison.rows)


def test_networks_take_raw_inputs_and_test_as_the_rows_say(comparison):
    for run, seed in enumerate(comparison.settings["seeds"]):
        chosen = split(comparison.data, seed, 0.3, True)
        raw = chosen.X_test * chosen.step.scale + chosen.step.mean
        values = comparison.networks["mgda_ub"][run](raw)
        for task in comparison.data.tasks:
            columns = list(task.outputs)
            expected = metric(task, values[:, columns], chosen.truth[:, columns])
            assert comparison.values(JOINT, "mgda_ub", task.name)[run] == pytest.approx(expected.value, rel=1e-6)


def test_splits_share_no_sample_and_background_is_half_the_one_class_loss():
    whole = data()
    chosen = split(whole, 4, 0.25, True)
    assert len(chosen.X_test) == 15
    raw = np.vstack([chosen.X_test, chosen.X[:45]]) * chosen.step.scale + chosen.step.mean
    np.testing.assert_allclose(np.sort(raw[:, 1]), np.sort(whole.X[:, 1]))
    assert chosen.X[:45].mean(axis=0) == pytest.approx(np.zeros(3), abs=1e-12)
    assert len(chosen.X) == 90
    assert np.isnan(chosen.Y[45:, :5]).all()
    assert chosen.weights.sum(axis=0) == pytest.approx(np.ones(6))
    assert chosen.weights[45:, 5].sum() == pytest.approx(0.5)
    assert not chosen.weights[np.isnan(chosen.Y)].any()
    assert np.array_equal(split(whole, 4, 0.25, False).step.scale, np.ones(3))


def test_costs_are_counted_and_equal_where_said(comparison):
    cost = {
        kind: next(row for row in comparison.rows if (row["arrangement"], row["weighting"]) == kind)
        for kind in comparison.kinds
    }
    joint, width, cheap = cost[JOINT, "equal"], cost[SAME_WIDTH, "equal"], cost[SAME_COST, "equal"]
    assert joint["multiply_adds"] == 8 * (3 + 6) + 6 * 3
    assert joint["parameters"] == 8 * (3 + 1) + 6 * (8 + 3 + 1)
    assert width["multiply_adds"] == 2 * (4 * 3 + 6) + 6 * 3
    assert cheap["multiply_adds"] <= joint["multiply_adds"]
    assert cheap["multiply_adds"] > joint["multiply_adds"] - (4 * 3 + 6)  # one neuron more for each would cost more


def test_summary_has_paired_gains_with_the_right_sign(comparison):
    lines = {(line["arrangement"], line["weighting"], line["task"]): line for line in comparison.summary()}
    own = comparison.values(SAME_WIDTH, "equal", "size")
    joint = comparison.values(JOINT, "equal", "size")
    line = lines[JOINT, "equal", "size"]
    assert line["metric"] == "RMSE"
    assert line["value"] == pytest.approx(joint.mean())
    assert line["gain"] == pytest.approx((own - joint).mean())
    assert line["gain_low"] < line["gain"] < line["gain_high"]
    assert lines[JOINT, "equal", "side"]["gain"] == pytest.approx(
        (comparison.values(JOINT, "equal", "side") - comparison.values(SAME_WIDTH, "equal", "side")).mean()
    )
    assert lines[SAME_WIDTH, "equal", "kind"]["gain"] == 0
    assert line["seeds"] == 3


def test_same_seeds_same_rows(comparison):
    again = compare(data(), weightings=("equal",), **QUICK)
    first = [row for row in comparison.rows if row["weighting"] == "equal"]
    for row, other in zip(first, again.rows, strict=True):
        assert row["value"] == pytest.approx(other["value"], rel=1e-9)


def test_intervals_of_gains_are_those_of_the_studies():
    gains = np.random.default_rng(0).exponential(size=10) - 0.5
    mean, deviation, skewness = moments(gains)
    low, high = interval_of_mean(gains, 0.99)
    ratio = ratio_from_moments(10, mean, deviation, skewness, 0.99)  # of the exponentials
    np.testing.assert_allclose(np.exp([mean, low, high]), [ratio.ratio, ratio.low, ratio.high])
    assert high - mean > mean - low > 0  # longer on the longer tail's side


@pytest.mark.parametrize("values", [[2.0], [2.0, 2.0, 2.0], [1.0, math.nan, 2.0]])
def test_values_that_tell_no_interval_have_none(values):
    assert np.isnan(interval_of_mean(np.array(values))).all()
    assert math.isnan(moments(np.array(values))[1])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"test_share": 1.0}, "test_share must lie between 0 and 1, got 1.0"),
        ({"width": 3}, "width must be at least 4, got 3"),
        ({"weightings": ("best",)}, "weighting 'best' is unknown"),
        ({"weightings": ((1.0, 2.0),)}, "got 2 for 4 tasks"),
        ({"batch_size": 5}, "has no label in batch"),
        ({"lam": -1.0}, "lam must be a non-negative finite number"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        compare(data(), **QUICK | {"steps": 200} | arguments)


def test_data_that_no_split_serves_are_named():
    X = np.arange(10.0)[:, None]
    Y = np.where(np.arange(10) == 3, 1.0, 0.0)[:, None]
    rare = TaskData(X, Y, Y, (Task("rare", (0,), "logistic"),), ("x",), "made up")
    with pytest.raises(ValueError, match="no split of 10 samples"):
        split(rare, 0, 0.999, True)


def test_study_lines_follow_from_their_intervals():
    lines = study_lines("linnerud", True)
    assert {line["data"] for line in lines} == {"linnerud"}
    assert [complaint for line in lines for complaint in complaints_about(line)] == []
    assert {line["verdict"] for line in lines if line["arrangement"] == SAME_WIDTH} == {"baseline"}
    better = {**lines[0], "gain": 1.0, "gain_low": 0.5, "gain_high": 2.0}
    assert verdict(better) == "better"
    assert complaints_about(better) != [] or lines[0]["verdict"] == "better"
    assert complaints_about({**lines[0], "gain_low": lines[0]["gain"] + 1}) != []
    assert builtin_task_data("linnerud").tasks[0].name in {line["task"] for line in lines}
