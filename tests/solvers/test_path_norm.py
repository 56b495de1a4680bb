"""The l^p path norm of one input: least of all, with its bounds, and refused where it makes no sense."""

import numpy as np
import pytest

import vvnorm
from proofs_checks.path_norms import from_curvatures, least_by_enumeration, path_norm


def test_it_is_the_least_of_all_slopes_of_chords() -> None:
    rng = np.random.default_rng(3)
    for _ in range(25):
        n, p = int(rng.integers(4, 8)), float(rng.uniform(0.1, 0.9))
        x = np.cumsum(rng.integers(1, 4, n)) * 1.0
        Y = rng.integers(-4, 5, (n, 1)) * 1.0 if rng.random() < 0.5 else (x[:, None] - 5) ** 2
        network = vvnorm.interpolate(x, Y).lp_minimiser(p)
        assert path_norm(network, p) == pytest.approx(least_by_enumeration(x, Y, p), rel=1e-12)
        assert vvnorm.certify(network, x, Y).gap < 1e-12


@pytest.mark.parametrize(
    ("curvatures", "critical"), [([1, 10, 10, 1], 0.43691067), ([1, 1, 1, 1], 1), ([1, 10, 10], 1), ([2, -1, 3], 1)]
)
def test_the_critical_exponent_lies_in_its_bounds(curvatures: list[float], critical: float) -> None:
    solution = vvnorm.interpolate(**columns(np.array(curvatures, dtype=float)[:, None]))
    low, high = solution.critical_exponent()
    assert low - 1e-7 <= critical <= high + 1e-7
    assert low == pytest.approx(critical, abs=1e-7)
    assert solution.lp_minimiser(0.99 * low).n_neurons == solution.sparsest().n_neurons
    if high < 1:
        assert solution.lp_minimiser(high + 1e-6).n_neurons > solution.sparsest().n_neurons


def test_several_outputs_join_kinks_of_one_direction_only() -> None:
    data = columns(np.array([[3.0, 4.0], [6.0, 8.0], [-1.0, 2.0]]))
    network = vvnorm.interpolate(**data).lp_minimiser(0.5)
    assert network.n_neurons == 2
    assert vvnorm.certify(network, data["X"], data["Y"]).gap < 1e-12


def columns(curvatures: np.ndarray) -> dict[str, np.ndarray]:
    data = from_curvatures(np.arange(len(curvatures) + 2.0), curvatures, np.zeros(curvatures.shape[1]))
    return {"X": data["x"], "Y": data["Y"]}


@pytest.mark.parametrize("p", [0, 1, -0.5, 2, float("nan"), "half", None])
def test_an_exponent_that_is_none_is_refused(p: object) -> None:
    solution = vvnorm.interpolate([0.0, 1, 2], [0.0, 1, 0])
    with pytest.raises(ValueError, match="p must lie between 0 and 1"):
        solution.lp_minimiser(p)


def test_two_and_three_points_and_a_line_have_nothing_to_join() -> None:
    for y in ([0.0, 1.0], [0.0, 1.0, 0.0], [0.0, 1.0, 2.0, 3.0, 4.0]):
        solution = vvnorm.interpolate(np.arange(float(len(y))), y)
        assert solution.lp_minimiser(0.5).n_neurons == solution.sparsest().n_neurons
        assert solution.critical_exponent() == (1.0, 1.0)
