"""Stand-ins for image benchmarks: generated scenes, and verdicts that follow from intervals."""

import numpy as np
import pytest

from figures import shared_tasks
from vvnorm.claims import Verdict


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
