"""The distance between two univariate networks is exact."""

import numpy as np
import pytest

from vvnorm import ReLUNetwork, sup_distance


def random_network(rng: np.random.Generator, neurons: int, outputs: int) -> ReLUNetwork:
    W, b = rng.standard_normal((neurons, 1)), rng.standard_normal(neurons)
    V, A, c = rng.standard_normal((outputs, neurons)), rng.standard_normal((outputs, 1)), rng.standard_normal(outputs)
    return ReLUNetwork(W, b, V, A, c)


def distances(f: ReLUNetwork, g: ReLUNetwork, t: np.ndarray) -> np.ndarray:
    """Distance at each t, by the definition of a network and not by its pieces."""
    values = [np.maximum(np.outer(t, h.W[:, 0]) + h.b, 0) @ h.V.T + np.outer(t, h.A[:, 0]) + h.c for h in (f, g)]
    return np.linalg.norm(values[0] - values[1], axis=1)


@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("neurons", [(0, 0), (0, 4), (1, 1), (7, 30)])
@pytest.mark.parametrize("seed", range(3))
def test_it_is_the_maximum_over_kinks_and_above_a_dense_grid(outputs: int, neurons: tuple[int, int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    f, g = (random_network(rng, count, outputs) for count in neurons)
    low, high = np.sort(rng.uniform(-2, 2, 2))
    kinks = np.concatenate([-h.b / h.W[:, 0] for h in (f, g)])
    exact = distances(f, g, np.append(kinks[(low < kinks) & (kinks < high)], [low, high])).max()
    found = sup_distance(f, g, low, high)
    assert found == pytest.approx(exact, rel=1e-12)
    assert found >= distances(f, g, np.linspace(low, high, 10_001)).max() * (1 - 1e-12)
    assert found == sup_distance(g, f, low, high)


def test_equal_functions_are_at_distance_zero_and_a_point_is_an_interval() -> None:
    f = random_network(np.random.default_rng(0), 5, 2)
    shifted = ReLUNetwork(f.W, f.b, f.V, f.A, f.c + np.array([3.0, 4.0]))
    assert sup_distance(f, f, -9, 9) == 0
    assert sup_distance(f, shifted, -9, 9) == pytest.approx(5, rel=1e-12)
    assert sup_distance(f, shifted, 1, 1) == pytest.approx(5, rel=1e-12)


def test_a_kink_outside_the_interval_does_not_count() -> None:
    f, zero = ReLUNetwork([[1.0]], [-2.0], [[1.0]]), ReLUNetwork([[1.0]], [0.0], [[0.0]])
    assert sup_distance(f, zero, 0, 2) == 0
    assert sup_distance(f, zero, 0, 5) == 3


@pytest.mark.parametrize("scale", [1e-300, 1e-160, 1e160, 1e300])
def test_no_scale_overflows_or_underflows(scale: float) -> None:
    f, g = (ReLUNetwork([[1.0]], [0.0], [[a * scale], [b * scale]]) for a, b in ((3, 4), (0, 0)))
    assert sup_distance(f, g, -1, 2) == pytest.approx(10 * scale, rel=1e-14)


@pytest.mark.parametrize(
    ("low", "high"), [(1.0, 0.0), (np.nan, 1.0), (0.0, np.nan), (-np.inf, 0.0), (0.0, np.inf)], ids=str
)
def test_an_interval_that_is_empty_or_endless_is_refused(low: float, high: float) -> None:
    f = ReLUNetwork([[1.0]], [0.0], [[1.0]])
    with pytest.raises(ValueError, match="finite with low <= high"):
        sup_distance(f, f, low, high)


@pytest.mark.parametrize(
    ("inputs", "outputs"), [((1, 1), (1, 2)), ((1, 2), (1, 1)), ((2, 1), (1, 1)), ((2, 2), (1, 1))], ids=str
)
def test_networks_that_do_not_fit_are_refused(inputs: tuple[int, int], outputs: tuple[int, int]) -> None:
    f, g = (ReLUNetwork(np.ones((1, d)), [0.0], np.ones((T, 1))) for d, T in zip(inputs, outputs, strict=True))
    with pytest.raises(ValueError, match="one input and equal outputs"):
        sup_distance(f, g, 0, 1)
