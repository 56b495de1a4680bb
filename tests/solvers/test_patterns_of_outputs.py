"""Several inputs and outputs whose labels are missing, or bounded, in different patterns: values of conic programs.

The programs hold all neurons that can respond most, found by enumerating the cones of each point's arrangement
(`benchmarks.cone_programs`).
"""

import numpy as np
import pytest
from numpy.typing import NDArray

from vvnorm import fit, interpolate
from vvnorm.solvers.multivariate.group_lasso_newton import solve_nnqp

Array = NDArray[np.float64]
nan = np.nan

MISSING = (
    [[-3, 0], [0, 0], [0, 2], [0, 3], [2, -2], [2, 1], [3, 3]],
    [[nan, 0], [-1, nan], [0, nan], [2, -1], [-2, nan], [1, 1], [-2, -1]],
)
BOUNDED = (
    [[-3, -3], [-3, 1], [-1, 0], [1, 2], [2, -2], [2, 2], [3, -1]],
    [[2, 2], [1, -1], [3, -1], [-2, 1], [-3, 1], [-1, -2], [-1, 2]],
)


@pytest.mark.parametrize("seed", range(3))
def test_missing_labels_leave_the_value_to_no_seed(seed: int) -> None:
    solution = interpolate(*MISSING, seed=seed)
    assert solution.value == pytest.approx(4.4248951, rel=1e-6)
    assert solution.gap <= 1e-6
    assert solution.verify()


@pytest.mark.parametrize("seed", range(3))
def test_bounded_slopes_leave_the_value_to_no_seed(seed: int) -> None:
    solution = fit(*BOUNDED, 0.7, loss="huber:1", seed=seed)
    assert solution.value == pytest.approx(5.8322426, rel=1e-6)
    assert solution.gap <= 1e-6
    assert solution.verify()


def test_fewer_neurons_than_labels_still_have_a_dual() -> None:
    """Three outputs that are labelled at 2, 4 and 2 of 4 points, and only two neurons in use: M is singular."""
    X = [[-3, -3], [-3, 2], [3, -2], [1, 1]]
    Y = [[nan, -3, nan], [-1, 2, 0], [3, 2, nan], [1, -3, 3]]
    solution = interpolate(X, Y, skip=False, penalise_bias=True)
    assert solution.value == pytest.approx(3.2667142, rel=1e-6)
    assert solution.gap <= 1e-6
    assert solution.verify()


def test_a_label_that_hardly_weighs_does_not_hold_the_others_up() -> None:
    """What it is missed by costs 1e-9 of what others cost, so its column is 1e9 times as large."""
    X = [[1, -2], [-3, 2], [-1, 3], [3, -3], [1, 0], [0, 3], [2, -3]]
    Y = np.array([
        [0.42, -0.88, -0.87], [-0.32, -2.72, -1.31], [-0.46, -1, 1.61], [-0.86, 1.17, -0.56], [-0.52, 0.82, -0.09],
        [-2.2, 0.42, 0.75], [-1.29, -0.84, -0.53],
    ])  # fmt: skip
    weights = [0.17, 0.022, 3.4, 2.6e-9, 3, 0.24, 0.94]
    solution = fit(X, Y, 0.21, loss="huber:0.5", weights=weights)
    assert solution.value == pytest.approx(0.36085074, rel=1e-6)
    assert solution.gap <= 1e-6
    assert solution.provenance["rounds"] <= 20


@pytest.mark.parametrize("guess", [53, 60, 91, 156, 169, 192])
def test_pivoting_that_goes_round_in_circles_still_ends_at_the_minimum(guess: int) -> None:
    """The conditions of optimality are all there is to check: the problem is convex."""
    rng = np.random.default_rng(guess)
    A = np.abs(rng.standard_normal((12, 3)))
    H, b = A @ A.T + 1e-3 * np.eye(12), rng.standard_normal(12)
    v, _ = solve_nnqp(H, b, rng.random(12) < 0.5)
    assert v is not None
    slope = H @ v - b
    assert v.min() >= 0
    assert slope.min() >= -1e-9
    assert abs(slope @ v) <= 1e-9 * max(v.max(), 1)
