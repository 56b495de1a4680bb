"""The benchmark of several tasks measures what it says, at a tiny size; how long things take is not tested."""

import numpy as np
import pytest

pytest.importorskip("torchjd")
from benchmarks import multitask


def test_our_gaps_and_steps_are_what_they_must_be(capsys):
    ratios, gaps, differences = multitask.measure(multitask.Size(8, 20, 4, 1, 2))
    printed = capsys.readouterr().out
    assert ratios["equal"] == 1
    assert set(ratios) == set(multitask.WEIGHTINGS)
    assert all(gap <= multitask.LARGEST_GAP for gap in gaps.values())
    assert max(differences["mgda", 2], differences["upgrad", 2], differences["upgrad", 3]) < 1e-12
    assert printed.count("(at most 1e-12: met)") == len(multitask.COUNTS)


def test_the_gap_is_that_of_the_weights():
    gram = np.array([[1.0, 0.0], [0.0, 4.0]])
    assert multitask.gap(gram, np.array([0.8, 0.2])) == pytest.approx(0, abs=1e-16)
    assert multitask.gap(gram, np.array([0.5, 0.5])) == pytest.approx((1.25 - 0.5) / 2)
