"""Measures agree with closed forms, with each other and with brute force, and depend on the function only."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vvnorm import ReLUNetwork, sup_distance
from vvnorm.analysis import measures
from vvnorm.analysis.measures import function_distance, max_gradient_norm, mean_gradient_norm, single_output
from vvnorm.analysis.regions import Ball, Box, Hull, Region
from vvnorm.testing import networks


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
    distance = sup_distance(f, g, low, high)
    assert distance == pytest.approx(exact, rel=1e-12)
    assert distance >= distances(f, g, np.linspace(low, high, 10_001)).max() * (1 - 1e-12)
    assert distance == sup_distance(g, f, low, high)


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


# --- averages over regions --------------------------------------------------------------------------------------------


def planar_network(rng: np.random.Generator, neurons: int, inputs: int = 2, outputs: int = 1) -> ReLUNetwork:
    W, b = rng.standard_normal((neurons, inputs)), rng.standard_normal(neurons)
    V, A = rng.standard_normal((outputs, neurons)), rng.standard_normal((outputs, inputs))
    return ReLUNetwork(W, b, V, A, rng.standard_normal(outputs))


def regions(d: int) -> list[Region]:
    corners = np.vstack([np.zeros(d), np.diag(np.arange(1.0, d + 1))])
    return [Box(-np.ones(d), 2), Ball(np.full(d, 0.3), 1.5), Hull(corners)]


def grid_mean(f: ReLUNetwork, output: int, side: int = 1500) -> float:
    """Mean of the gradient norm over [-1, 2]^2 by the midpoint rule."""
    line = -1 + 3 * (np.arange(side) + 0.5) / side
    points = np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2)
    active = (points @ f.W.T + f.b > 0).astype(float)
    gradient = f.A[output] + active @ (f.V[output][:, None] * f.W)
    return float(np.linalg.norm(gradient, axis=1).mean())


@pytest.mark.parametrize("region", regions(2), ids=lambda region: type(region).__name__)
@pytest.mark.parametrize("neurons", [1, 8, 60])
def test_sampling_agrees_with_the_exact_mean(region: Region, neurons: int) -> None:
    f = planar_network(np.random.default_rng(neurons), neurons, outputs=3)
    exact = mean_gradient_norm(f, region, 2, exact=True)
    assert (exact.low, exact.high, exact.n, exact.method) == (exact.mean, exact.mean, 0, "exact")
    sampled = mean_gradient_norm(f, region, 2, n=1 << 16)
    assert sampled.n == 1 << 16
    assert sampled.mean == pytest.approx(exact.mean, rel=2e-3)
    assert sampled.low <= sampled.mean <= sampled.high <= sampled.low + 0.02 * sampled.mean


@pytest.mark.parametrize("region", regions(2), ids=lambda region: type(region).__name__)
def test_the_centred_mean_does_not_see_the_affine_part_and_how_neurons_are_turned(region: Region) -> None:
    f = planar_network(np.random.default_rng(3), 9)
    exact = mean_gradient_norm(f, region, exact=True, centred=True).mean
    assert mean_gradient_norm(f, region, n=1 << 14, centred=True).mean == pytest.approx(exact, rel=5e-3)
    turned = ReLUNetwork(-f.W, -f.b, f.V, f.A + f.V @ f.W + [[7.0, -2.0]], f.c + f.V @ f.b)
    assert mean_gradient_norm(turned, region, exact=True, centred=True).mean == pytest.approx(exact, rel=1e-9)
    affine = ReLUNetwork(np.zeros((0, 2)), np.zeros(0), np.zeros((1, 0)), [[3.0, 4.0]], [1.0])
    assert mean_gradient_norm(affine, region, exact=True).mean == pytest.approx(5.0)
    assert mean_gradient_norm(affine, region, exact=True, centred=True).mean <= 1e-12


def test_the_centred_mean_of_one_neuron_is_known() -> None:
    """The gradient is w on the share p of the square and 0 elsewhere: the mean of ||g - p w|| is 2 p (1 - p) ||w||."""
    f = ReLUNetwork([[3.0, 0.0]], [1.5], [[1.0]])  # active for x_1 > -1/2
    assert mean_gradient_norm(f, Box([-1, -1], [1, 1]), exact=True, centred=True).mean == pytest.approx(2 * 0.75 * 0.25 * 3)


@pytest.mark.parametrize("output", [0, 1])
def test_the_exact_mean_is_the_limit_of_a_grid(output: int) -> None:
    f = planar_network(np.random.default_rng(5), 12, outputs=2)
    assert mean_gradient_norm(f, Box([-1, -1], 2), output, exact=True).mean == pytest.approx(grid_mean(f, output), rel=1e-3)


def test_intervals_cover_the_exact_mean_as_often_as_they_say() -> None:
    """200 networks, intervals of 90 %: fewer than 166 or more than 193 has a chance below 1 in 300 on either side."""
    covered = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        f, region = planar_network(rng, 15), regions(2)[seed % 3]
        estimate = mean_gradient_norm(f, region, n=1024, rng=rng, confidence=0.9)
        covered += estimate.low <= mean_gradient_norm(f, region, exact=True).mean <= estimate.high
    assert 166 <= covered <= 193


def test_more_points_and_less_confidence_narrow_the_interval() -> None:
    f, box = planar_network(np.random.default_rng(1), 20), Box([-1, -1], 1)

    def width(**options: float) -> float:
        estimate = mean_gradient_norm(f, box, **options)  # type: ignore[arg-type]
        return estimate.high - estimate.low

    assert width(n=1 << 16) < width() / 3
    assert width(confidence=0.5) < width() / 2 < width(confidence=0.999)


@pytest.mark.parametrize(("n", "used"), [(1, 16), (16, 16), (17, 32), (4096, 4096), (4097, 8192)])
def test_the_number_of_points_is_rounded_up(n: int, used: int) -> None:
    assert mean_gradient_norm(planar_network(np.random.default_rng(0), 3), Box([0, 0], 1), n=n).n == used


@pytest.mark.parametrize("region", regions(3), ids=lambda region: type(region).__name__)
def test_same_seed_same_result(region: Region) -> None:
    f, g = (planar_network(np.random.default_rng(seed), 9, inputs=3) for seed in (0, 1))
    calls: list[Callable[[Any], object]] = [
        lambda rng: mean_gradient_norm(f, region, rng=rng),
        lambda rng: function_distance(f, g, region, rng=rng),
        lambda rng: max_gradient_norm(f, region, n=16, rng=rng),
    ]
    for call in calls:
        assert call(3) == call(np.random.default_rng(3))
    for call in calls[:2]:
        assert call(3) != call(4)


@pytest.mark.parametrize("d", [1, 2, 3, 6])
def test_affine_functions_have_one_gradient(d: int, rng: np.random.Generator) -> None:
    f = ReLUNetwork(np.empty((0, d)), [], np.empty((2, 0)), rng.standard_normal((2, d)))
    size = pytest.approx(float(np.linalg.norm(f.A[1])), rel=1e-13)
    for region in regions(d):
        mean, largest = mean_gradient_norm(f, region, 1, n=64), max_gradient_norm(f, region, 1, n=64)
        assert (mean.mean, mean.low, mean.high, largest.low, largest.high) == (size, size, size, size, size)
        if d <= 2:
            assert mean_gradient_norm(f, region, 1, exact=True).mean == size


@pytest.mark.parametrize("t", [-1.0, -0.25, 0.0, 0.8])
def test_one_neuron_has_closed_forms(t: float) -> None:
    """On where x > t, with slope 3."""
    f = ReLUNetwork([[2.0, 0.0]], [-2 * t], [[1.5]])
    cap = np.arccos(t) - t * np.sqrt(1 - t**2)
    halves = {
        Box([-1, -1], [1, 5]): (1 - t) / 2,
        Ball([0, 0], 1): cap / np.pi,
        Hull([[-1, 0], [1, 1], [1, -1]]): 1 - ((t + 1) / 2) ** 2,
    }
    for region, share in halves.items():
        assert mean_gradient_norm(f, region, exact=True).mean == pytest.approx(3 * share, rel=1e-13)
        assert mean_gradient_norm(f, region).mean == pytest.approx(3 * share, abs=0.02)
        assert max_gradient_norm(f, region).low == pytest.approx(3, rel=1e-14)
    space = ReLUNetwork([[2.0, 0.0, 0.0]], [-2 * t], [[1.5]])
    cap3 = (1 - t) ** 2 * (2 + t) / 4  # of the volume of the ball
    assert mean_gradient_norm(space, Ball(np.zeros(3), 1)).mean == pytest.approx(3 * cap3, abs=0.02)


@given(f=networks(inputs=2, outputs=2), seed=st.integers(0, 99))
@settings(max_examples=20)  # each on all regions, exactly and sampled
def test_gradients_depend_on_the_function_only(f: ReLUNetwork, seed: int) -> None:
    """Not on the scaling or order of neurons, nor on the order of outputs."""
    rng = np.random.default_rng(seed)
    size, order = 2.0 ** rng.integers(-9, 9, f.n_neurons), rng.permutation(f.n_neurons)
    W, b, V = (f.W * size[:, None])[order], (f.b * size)[order], (f.V / size)[:, order]
    other = ReLUNetwork(W, b, V[::-1], f.A[::-1], f.c[::-1])
    for region in regions(2):
        for options in ({"exact": True}, {"n": 64}):
            mean = mean_gradient_norm(f, region, 0, **options).mean  # type: ignore[arg-type]
            assert mean_gradient_norm(other, region, 1, **options).mean == pytest.approx(mean, rel=1e-10, abs=1e-10)  # type: ignore[arg-type]
        largest = max_gradient_norm(f, region, 0).low
        assert max_gradient_norm(other, region, 1).low == pytest.approx(largest, rel=1e-10, abs=1e-10)


@pytest.mark.parametrize("d", [2, 3, 4])
def test_rotating_the_inputs_changes_nothing_in_a_ball(d: int, rng: np.random.Generator) -> None:
    f = planar_network(rng, 20, inputs=d)
    Q = np.linalg.qr(rng.standard_normal((d, d)))[0]
    turned = ReLUNetwork(f.W @ Q, f.b, f.V, f.A @ Q, f.c)
    ball, options = Ball(np.zeros(d), 1.5), {"exact": True} if d == 2 else {"n": 1 << 16}
    a, b = (mean_gradient_norm(h, ball, **options) for h in (f, turned))  # type: ignore[arg-type]
    assert (
        a.mean == pytest.approx(b.mean, rel=1e-12) if d == 2 else abs(a.mean - b.mean) < (a.high - a.low) + (b.high - b.low)
    )
    a, b = (max_gradient_norm(h, ball) for h in (f, turned))  # type: ignore[assignment]
    assert a.high == pytest.approx(b.high, rel=1e-12)


@pytest.mark.parametrize(
    "X", [[[0.5, 0.2]], [[0.5, 0.2]] * 3, [[0, 0], [1, 2]], [[0, 0], [1, 2], [-1, -2], [2, 4]]], ids=str
)
def test_points_in_a_line_or_at_one_place_are_a_region(X: list[list[float]], rng: np.random.Generator) -> None:
    f = planar_network(rng, 6)
    exact = mean_gradient_norm(f, X, exact=True).mean
    assert mean_gradient_norm(f, X).mean == pytest.approx(exact, rel=5e-3)
    assert max_gradient_norm(f, X).low >= exact * (1 - 1e-12)


@pytest.mark.parametrize("d", [3, 5, 10])
@pytest.mark.parametrize("seed", range(4))
def test_every_gradient_lies_below_the_upper_bound(d: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    f = planar_network(rng, 12, inputs=d)
    box = Box(-np.ones(d), 2)
    largest = max_gradient_norm(f, box, n=256)
    assert largest.method == "sampling and a bound"
    assert largest.n == 256
    seen = np.linalg.norm(f.gradient(rng.uniform(-1, 2, (50_000, d)))[:, 0], axis=1).max()
    assert largest.low <= largest.high
    assert seen <= largest.high <= np.linalg.norm(f.A) + np.sum(np.linalg.norm(f.W, axis=1) * np.abs(f.V[0]))


def test_the_upper_bound_is_sharp_where_no_neuron_or_one_switches(rng: np.random.Generator) -> None:
    A, w, v = rng.standard_normal((1, 4)), rng.standard_normal((1, 4)), [[2.0]]
    for b, gradients in ((100.0, [A + 2 * w]), (-100.0, [A]), (0.0, [A, A + 2 * w])):
        for sign in (1, -1):  # the largest is where the jump and the rest point one way
            f = ReLUNetwork(w, [b], v, A * sign)
            bound = max_gradient_norm(f, Ball(np.zeros(4), 1))
            largest = max(np.linalg.norm(sign * A + (g - A)) for g in gradients)
            assert bound.low == pytest.approx(largest, rel=1e-12)
            assert bound.high >= largest
            if len(gradients) == 1:
                assert bound.high == pytest.approx(largest, rel=1e-12)
    aligned = ReLUNetwork(w, [0.0], v, w)
    bound = max_gradient_norm(aligned, Ball(np.zeros(4), 1))
    assert bound.high == pytest.approx(bound.low, rel=1e-12)


# --- distances of functions and of points -----------------------------------------------------------------------------


@pytest.mark.parametrize("d", [1, 2, 4])
def test_the_distance_of_functions_agrees_with_random_points(d: int, rng: np.random.Generator) -> None:
    f, g = planar_network(rng, 15, d, outputs=3), planar_network(rng, 4, d, outputs=3)
    for region in regions(d):
        distance = function_distance(f, g, region, 2, n=1 << 14)
        gaps = (f(points := region.points(rng.uniform(size=(1 << 16, region.n_uniforms)))) - g(points))[:, 2]
        assert distance.rms.mean == pytest.approx(np.sqrt(np.mean(gaps**2)), rel=0.03)
        assert distance.rms.low <= distance.rms.mean <= distance.rms.high <= distance.sup
        assert distance.sup == pytest.approx(np.abs(gaps).max(), rel=0.15)
        assert distance.rms.n == 1 << 14
        if d == 1:
            low, high = region.centre - region.basis[:, 0], region.centre + region.basis[:, 0]
            assert distance.sup <= sup_distance(single_output(f, 2), single_output(g, 2), *low, *high) * (1 + 1e-12)


def test_a_linear_difference_has_a_closed_form() -> None:
    f = ReLUNetwork(np.ones((1, 2)), [0.0], [[1.0]], [[3.0, 0.0]], [1.0])
    g = ReLUNetwork(np.ones((1, 2)), [0.0], [[1.0]], [[0.0, 0.0]], [1.0])
    distance = function_distance(f, g, Box([-1, -1], [1, 1]))
    assert distance.rms.mean == pytest.approx(np.sqrt(3), rel=1e-4)
    assert distance.sup == pytest.approx(3, rel=1e-2)
    zero = function_distance(f, f, Box([-1, -1], [1, 1]))
    assert (zero.rms.mean, zero.rms.low, zero.rms.high, zero.sup) == (0, 0, 0, 0)


def test_a_network_of_one_output_is_compared_by_that() -> None:
    f = planar_network(np.random.default_rng(0), 5, outputs=3)
    for t in range(3):
        for pair in ((f, single_output(f, t)), (single_output(f, t), f)):
            assert function_distance(*pair, Box([0, 0], 1), t).sup < 1e-14
    assert function_distance(f, single_output(f, 0), Box([0, 0], 1), 1).sup > 1e-3


@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_distances_of_functions_neither_overflow_nor_vanish(scale: float) -> None:
    f, g = (ReLUNetwork([[1.0]], [0.0], [[a * scale]]) for a in (1, 3))
    assert function_distance(f, g, Box(0, 1)).rms.mean == pytest.approx(scale * 2 / np.sqrt(3), rel=1e-3)


def test_points_are_compared_with_the_nearest_in_each_space() -> None:
    rng = np.random.default_rng(0)
    f, train, test = planar_network(rng, 7, outputs=3), rng.standard_normal((30, 2)), rng.standard_normal((50, 2))
    distances = measures.test_train_distances(f, train, test, truth=lambda X: X[:, 0], output=1)
    near = train[np.argmin(np.linalg.norm(test[:, None] - train, axis=2), axis=1)]
    sizes, lengths = np.linalg.norm(f.V, axis=0), np.linalg.norm(f.W, axis=1)

    def hidden(X: np.ndarray) -> np.ndarray:
        return np.maximum(X @ f.W.T + f.b, 0) / lengths * np.sqrt(sizes * lengths)

    expected = {
        "output": np.abs(f(test) - f(near))[:, 1],
        "representation": np.linalg.norm(hidden(test) - hidden(near), axis=1),
        "error": np.abs(f(test)[:, 1] - test[:, 0]),
    }
    assert list(distances) == list(expected)
    for name, values in expected.items():
        assert distances[name] == {
            "mean": pytest.approx(values.mean(), rel=1e-12),
            "max": pytest.approx(values.max(), rel=1e-12),
        }


def test_no_truth_no_error_and_any_form_of_truth_will_do() -> None:
    f, X = planar_network(np.random.default_rng(0), 4, outputs=2), np.random.default_rng(1).standard_normal((6, 2))
    assert list(measures.test_train_distances(f, X, X)) == ["output", "representation"]
    for truth in (f, f(X), f(X)[:, 1], f(X)[:, 1:], lambda X: f(X)[:, 1], f(X)[:, 1].tolist()):
        distances = measures.test_train_distances(f, X, X, truth=truth, output=1)
        assert distances["error"] == {"mean": 0, "max": 0}
        assert distances["output"] == distances["representation"] == {"mean": 0, "max": 0}


def test_of_equally_near_points_the_first_counts() -> None:
    f = ReLUNetwork([[1.0, 0.0]], [0.0], [[1.0]], [[0.0, 1.0]])
    around = np.array([[0.0, 0.1], [0.1, 0.0], [0.0, -0.1], [-0.1, 0.0]]) * 3
    for k in range(4):
        train = np.vstack([np.roll(around, -k, axis=0), np.tile(around, (20, 1))])
        distances = measures.test_train_distances(f, train, [[0.0, 0.0]])
        assert distances["output"]["max"] == abs(f(train[:1])[0, 0])


@given(f=networks(inputs=2, orders=6), seed=st.integers(0, 99))
def test_representations_do_not_depend_on_how_neurons_are_written(f: ReLUNetwork, seed: int) -> None:
    """Neither on their scaling, nor on their order, nor on being split into copies."""
    rng = np.random.default_rng(seed)
    train, test = rng.standard_normal((5, 2)), rng.standard_normal((4, 2))
    parts = rng.uniform(0.1, 0.9, f.n_neurons)
    size, order = 2.0 ** rng.integers(-9, 9, 2 * f.n_neurons), rng.permutation(2 * f.n_neurons)
    W, b = np.vstack([f.W, f.W]) * size[:, None], np.tile(f.b, 2) * size
    V = np.hstack([f.V * parts, f.V * (1 - parts)]) / size
    split = ReLUNetwork(W[order], b[order], V[:, order], f.A, f.c)
    a, b_ = (measures.test_train_distances(h, train, test)["representation"] for h in (f, split))
    assert a["max"] == pytest.approx(b_["max"], rel=1e-9, abs=1e-12)
    assert a["mean"] == pytest.approx(b_["mean"], rel=1e-9, abs=1e-12)


def test_distances_of_points_scale_with_the_inputs() -> None:
    f, X = ReLUNetwork([[1.0]], [0.0], [[1.0]]), np.array([0.0, 1.0, 3.0])
    for scale in (1e-200, 1e200):
        distances = measures.test_train_distances(f, X * scale, [2.4 * scale])
        assert distances["output"]["max"] == pytest.approx(0.6 * scale, rel=1e-12)


# --- wrong arguments --------------------------------------------------------------------------------------------------

NET = ReLUNetwork([[1.0, 0.0, 0.0]], [0.0], [[1.0], [2.0]])
CUBE = Box(np.zeros(3), 1)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: mean_gradient_norm("net", CUBE), TypeError, "f must be a ReLUNetwork, got str"),  # type: ignore[arg-type]
        (lambda: mean_gradient_norm(NET, CUBE, 2), ValueError, "output must be less than 2, .* got 2"),
        (lambda: mean_gradient_norm(NET, CUBE, -1), ValueError, "output must be at least 0, got -1"),
        (lambda: mean_gradient_norm(NET, CUBE, 0.5), TypeError, "output must be a whole number, got 0.5"),  # type: ignore[arg-type]
        (lambda: mean_gradient_norm(NET, CUBE, n=0), ValueError, "n must be at least 1, got 0"),
        (lambda: mean_gradient_norm(NET, CUBE, rng=None), TypeError, "rng must be"),  # type: ignore[arg-type]
        (lambda: mean_gradient_norm(NET, CUBE, confidence=1), ValueError, "confidence must lie between 0 and 1, got 1"),
        (lambda: mean_gradient_norm(NET, CUBE, confidence="1"), ValueError, "confidence must lie between 0 and 1, got '1'"),  # type: ignore[arg-type]
        (lambda: mean_gradient_norm(NET, CUBE, exact=True), ValueError, "at most two dimensions, this one has 3"),
        (lambda: mean_gradient_norm(NET, Box(0, 1)), ValueError, "region has 1 input; the network has 3"),
        (lambda: max_gradient_norm(NET, [[0, np.inf, 0]]), ValueError, "region holds inf"),
        (lambda: max_gradient_norm(NET, CUBE, 7), ValueError, "output must be less than 2"),
        (lambda: function_distance(NET, 3, CUBE), TypeError, "g must be a ReLUNetwork, got int"),  # type: ignore[arg-type]
        (lambda: function_distance(NET, NET, CUBE, 2), ValueError, "output must be less than 2"),
        (lambda: function_distance(NET, ReLUNetwork([[1.0]], [0.0], [[1.0]]), CUBE), ValueError, "3 inputs and g has 1"),
        (lambda: measures.test_train_distances(NET, [[0, 0]], [[0, 0, 0]]), ValueError, "X_train has 2 columns"),
        (lambda: measures.test_train_distances(NET, [[0, 0, 0]], [1, 2]), ValueError, "X_test has 1 column"),
        (lambda: measures.test_train_distances(NET, [[0, 0, 0]], [[0, 0, np.nan]]), ValueError, "X_test holds nan"),
        (lambda: measures.test_train_distances(NET, *[[[0, 0, 0]]] * 2, truth=[1, 2]), ValueError, "truth has 2 rows"),
        (
            lambda: measures.test_train_distances(NET, *[[[0, 0, 0]]] * 2, truth=[[1, 2, 3]]),
            ValueError,
            "truth has 3 columns",
        ),
        (lambda: measures.test_train_distances(NET, *[[[0, 0, 0]]] * 2, output=2), ValueError, "output must be less"),
    ],
)
def test_what_makes_no_sense_is_refused(call: Callable[[], object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()


def test_a_hull_of_too_many_dimensions_names_the_alternatives(rng: np.random.Generator) -> None:
    f = ReLUNetwork(np.ones((1, 12)), [0.0], [[1.0]])
    with pytest.raises(ValueError, match=r"region is the hull of 40 points in 12 dimensions.*Box or a Ball"):
        mean_gradient_norm(f, rng.standard_normal((40, 12)))
    flat = rng.standard_normal((40, 3)) @ rng.standard_normal((3, 12))
    assert mean_gradient_norm(f, flat, n=64).mean > 0
