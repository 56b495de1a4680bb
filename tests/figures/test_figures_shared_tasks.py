"""Stand-ins for image benchmarks: generated scenes, units, and verdicts that follow from intervals."""

from itertools import pairwise

import numpy as np
import pytest

from figures import normalised_gradients, shared_tasks
from vvnorm.claims import Verdict
from vvnorm.training.comparison import compare


def test_a_box_hides_the_ground_and_what_stands_behind_it() -> None:
    place = np.array([[0.0, 0.5], [0.0, -0.1], [0.0, -0.3], [0.9, -0.3], [0.0, 0.05]])
    foot, left, wide, high = np.array([[-0.4, -0.2], [-0.5, -0.5], [1.0, 1.0], [0.2, 0.3]])
    kind, near = shared_tasks._look(place, foot, left, wide, high)
    assert kind.tolist() == [0, 2, 2, 1, 2]
    assert near == pytest.approx([0, 0.2, 0.4, 0.3, 0.2])


def test_scenes_are_the_same_for_the_same_seed_and_have_one_class_each() -> None:
    data, again = shared_tasks.scene_data(3), shared_tasks.scene_data(3)
    assert np.array_equal(data.X, again.X)
    assert np.all(data.Y[:, :3].sum(axis=1) == 1)
    assert set(np.argmax(data.Y[:, :3], axis=1).tolist()) == {0, 1, 2}


@pytest.mark.parametrize(
    ("sums", "mgda", "expected"),
    [
        ((-0.2, -0.1), (0.0, 0.1), Verdict.SUPPORTED),
        ((-0.2, -0.1), (-0.3, -0.2), Verdict.NOT_SUPPORTED),
        ((0.1, 0.2), (0.0, 0.1), Verdict.NOT_SUPPORTED),
        ((-0.1, 0.1), (0.0, 0.1), Verdict.INCONCLUSIVE),
        ((-0.2, -0.1), (-0.1, 0.1), Verdict.INCONCLUSIVE),
    ],
)
def test_the_verdict_needs_intervals_on_one_side(
    sums: tuple[float, float], mgda: tuple[float, float], expected: Verdict
) -> None:
    intervals = np.array([[sums, sums], [mgda, mgda]])
    gains = np.concatenate([intervals.mean(axis=2, keepdims=True), intervals], axis=2)
    assert shared_tasks._verdict(gains) is expected


def test_in_tenths_only_the_numbers_of_depths_change() -> None:
    data, tenths = shared_tasks.scene_data(3), normalised_gradients.tenths_data(3)
    assert np.array_equal(tenths.X, data.X)
    assert np.array_equal(tenths.Y, data.Y * [1, 1, 1, 10])
    assert np.array_equal(tenths.truth, data.truth * [1, 1, 1, 10])


def test_each_normalisation_and_task_has_a_gain_over_plain_mgda_ub() -> None:
    data = shared_tasks.scene_data(0)
    rules = ("mgda_ub", "mgda_ub:l2", "mgda_ub:loss", "mgda_ub:loss+")
    done = compare(data, weightings=rules, seeds=2, steps=3, batch_size=128, separate=False)
    lines = normalised_gradients._lines("scene", done, 0.95)
    assert [(line["normalisation"], line["task"]) for line in lines] == [
        (name, task) for name in ("l2", "loss", "loss+") for task in ("class", "depth")
    ]
    for line in lines:
        sign = 1 if line["task"] == "class" else -1  # accuracy, and a root-mean-square error
        assert line["gain"] == pytest.approx(sign * (line["value"] - line["plain"]) / line["plain"])
        assert line["low"] <= line["gain"] <= line["high"]
    for first, second in pairwise(lines):
        if first["task"] == "class":
            assert first["share"] + second["share"] == pytest.approx(1)


@pytest.mark.parametrize(
    ("intervals", "expected"),
    [
        ([(0.0, 0.1), (0.1, 0.2)], Verdict.SUPPORTED),
        ([(-0.1, 0.1), (0.1, 0.2)], Verdict.INCONCLUSIVE),
        ([(0.0, 0.1), (-0.2, -0.1)], Verdict.NOT_SUPPORTED),
    ],
)
def test_a_normalisation_that_makes_a_task_worse_refutes(intervals: list[tuple[float, float]], expected: Verdict) -> None:
    assert normalised_gradients._verdict(np.array(intervals)) is expected
