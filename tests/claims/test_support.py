"""What claims share: runs of curvatures that point the same way."""

import numpy as np
import pytest

from proofs_checks.support import independent_points, run_lengths


@pytest.mark.parametrize(
    ("labels", "lengths", "points"),
    [
        ([0, 1], [], []),  # no inner point
        ([0, 1, 2, 3], [], []),  # a line
        ([0, 1, 0], [1], [0]),
        ([0, 0, 1, 3, 6, 10], [4], [0, 2]),
        ([0, 0, 1, 1, 2, 4], [1, 1, 2], [0, 1, 2]),
        ([0, 0, 1, 2, 4], [1, 1], [0, 2]),  # a zero curvature ends a run
    ],
)
def test_runs_of_aligned_curvatures(labels: list[float], lengths: list[int], points: list[int]) -> None:
    x, Y = np.arange(float(len(labels))), np.array(labels, dtype=float)[:, None]
    assert run_lengths(x, Y) == lengths
    assert independent_points(x, Y).tolist() == points
