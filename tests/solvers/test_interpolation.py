"""The univariate closed forms against exact arithmetic, linear programs and brute force."""

from fractions import Fraction
from itertools import combinations, pairwise, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import linprog

from vvnorm import ReLUNetwork, aligned_dataset, certify, connect_the_dots, interpolate, random_dataset
from vvnorm.datasets import Dataset
from vvnorm.solvers.univariate.interpolation import aligned_runs, connect
from vvnorm.testing import univariate_datasets

Array = NDArray[np.float64]

BOWL = (np.arange(5.0), np.array([0.0, 0.0, 1.0, 3.0, 6.0]))  # curvatures 1, 1, 1: one run of three


def exact_curvatures(data: Dataset) -> list[list[Fraction]]:
    order = np.argsort(data.X[:, 0])
    x = [Fraction(v) for v in data.X[order, 0].tolist()]
    Y = [[Fraction(v) for v in row] for row in data.Y[order].tolist()]
    slopes = [[(q - p) / (x[i + 1] - x[i]) for p, q in zip(Y[i], Y[i + 1], strict=True)] for i in range(len(x) - 1)]
    return [[q - p for p, q in zip(slopes[i], slopes[i + 1], strict=True)] for i in range(len(slopes) - 1)]


def exactly_aligned(u: list[Fraction], v: list[Fraction]) -> bool:
    """Non-zero, parallel and not opposite: all minors vanish and the product is positive."""
    minors = (u[i] * v[j] - u[j] * v[i] for i in range(len(u)) for j in range(i))
    return sum(a * b for a, b in zip(u, v, strict=True)) > 0 and not any(minors)


# --- connect-the-dots, value, uniqueness ------------------------------------------------------------------------------


@given(univariate_datasets())
def test_value_is_the_sum_of_exact_curvature_norms(data: Dataset) -> None:
    exact = sum(float(np.linalg.norm(np.array([float(v) for v in delta]))) for delta in exact_curvatures(data))
    assert connect(data.X, data.Y).value == pytest.approx(exact, rel=1e-12, abs=0)


@given(univariate_datasets(max_points=20))
def test_uniqueness_agrees_with_exact_arithmetic(data: Dataset) -> None:
    delta = exact_curvatures(data)
    aligned = [exactly_aligned(delta[i], delta[i + 1]) for i in range(len(delta) - 1)]
    solution = interpolate(data.X, data.Y)
    assert solution.dots.aligned.tolist() == aligned
    assert solution.unique is not any(aligned)
    moving = [any(a and delta[i][t] for i, a in enumerate(aligned)) for t in range(data.Y.shape[1])]
    assert solution.unique_outputs.tolist() == [not moves for moves in moving]


@pytest.mark.parametrize("runs", [(2,), (1, 3), (5,), (2, 2, 2), (4, 1, 3)])
@pytest.mark.parametrize("outputs", [1, 2, 4])
def test_aligned_runs_are_found(runs: tuple[int, ...], outputs: int) -> None:
    data = aligned_dataset(2 + sum(runs), outputs, np.random.default_rng(0), runs=runs)
    aligned = aligned_runs(connect(data.X, data.Y))
    assert (aligned[:, 1] - aligned[:, 0] + 1).tolist() == list(runs)


@pytest.mark.parametrize("slope", [3.0, 0.1, -1 / 3, 1e-2, 1e12])
@pytest.mark.parametrize("offset", [-1.0, 0.3, 1e3])
@pytest.mark.parametrize("n", [3, 11, 1000])
def test_a_line_computed_in_floating_point_needs_no_neurons(slope: float, offset: float, n: int) -> None:
    x = np.linspace(0, 1, n)
    solution = interpolate(x, np.column_stack([slope * x + offset, offset - slope * x]))
    assert solution.network.n_neurons == 0
    assert solution.value == 0
    assert solution.unique
    assert solution.verify()


def test_labels_that_barely_vary_are_not_moved_by_a_visible_part_of_their_range() -> None:
    x = np.linspace(0, 1, 11)
    y = 1e3 + 1e-8 * x  # an ulp of the labels is 1e-5 of their range: straightening would show as a residual
    solution = interpolate(x, y)
    assert solution.network.n_neurons > 0
    assert solution.verify()
    assert certify(solution.network, x, y).residual <= 1e-9 * np.ptp(y)


def test_a_line_in_decimals_needs_no_neurons() -> None:
    x = [0.1, 0.2, 0.3, 0.4, 0.7, 1.1, 10.3]
    y = [0.3, 0.6, 0.9, 1.2, 2.1, 3.3, 30.9]
    solution = interpolate(x, y)
    assert (solution.network.n_neurons, solution.value) == (0, 0.0)


@pytest.mark.parametrize("n", [11, 101])
def test_a_corner_computed_in_floating_point_needs_one_neuron(n: int) -> None:
    x = np.linspace(0, 1, n)
    solution = interpolate(x, np.abs(x - x[n // 3]))
    assert solution.network.n_neurons == 1
    assert solution.value == pytest.approx(2, rel=1e-12)


def test_a_densely_sampled_sine_is_not_flattened() -> None:
    x = np.linspace(0, 2 * np.pi, 200_001)
    solution = interpolate(x, np.sin(x))
    assert solution.value == pytest.approx(4, rel=1e-6)  # the total variation of cos over a period
    assert np.max(np.abs(solution.network(x)[:, 0] - np.sin(x))) < 1e-12


@pytest.mark.parametrize("direction", [(0.6, 0.8), (1 / 3, -1 / 7), (np.pi, np.e)])
def test_alignment_survives_the_rounding_of_an_irrational_direction(direction: tuple[float, float]) -> None:
    x = np.array([0.0, 0.7, 1.1, 2.3, 3.0, 4.4])
    solution = interpolate(x, np.outer(x**2 + 0.1 * x, direction) + np.outer(x, [1.3, -0.2]))
    assert not solution.unique
    assert not solution.unique_outputs.any()


def test_an_output_that_does_not_bend_with_the_run_is_unique() -> None:
    x, y = BOWL
    solution = interpolate(x, np.column_stack([y, 2 * x + 1]))
    assert solution.unique_outputs.tolist() == [False, True]


def test_opposite_curvatures_are_not_aligned() -> None:
    assert interpolate([0, 1, 2, 3], [[0, 0], [1, 2], [0, 0], [1, 2]]).unique


def test_a_flat_point_between_aligned_curvatures_makes_the_solution_unique() -> None:
    assert interpolate([0, 1, 2, 3, 4], [1, 0, 0, 0, 1]).unique
    assert not interpolate([0, 1, 2, 3], [1, 0, 0, 1]).unique


def test_slopes_on_one_grid_keep_a_long_network_exact() -> None:
    rng = np.random.default_rng(0)
    x, Y = np.arange(200_000.0), rng.standard_normal((200_000, 2))
    network = connect_the_dots(x, Y)
    assert certify(network, x, Y).relative_residual < 1e-11
    assert np.max(np.abs(network(x) - Y)) < 1e-10


# --- band, samples ----------------------------------------------------------------------------------------------------


def extreme_value(x: Array, y: Array, t: float, sign: int) -> float:
    """Largest (sign 1) or least (-1) value at t of a minimiser, by a linear program over neurons with kinks at x and t."""
    kinks = np.append(x[1:-1], t)
    features = np.maximum(np.append(x, t)[:, None] - kinks, 0.0)
    affine = np.column_stack([np.append(x, t), np.ones(len(x) + 1)])
    K = len(kinks)
    matrix = np.hstack([features, -features, affine])
    delta = np.diff(np.diff(y) / np.diff(x))
    solved = linprog(
        -sign * matrix[-1],
        A_ub=np.concatenate([np.ones(2 * K), np.zeros(2)])[None],
        b_ub=[np.abs(delta).sum() * (1 + 1e-9)],
        A_eq=matrix[:-1],
        b_eq=y,
        bounds=[(0, None)] * (2 * K) + [(None, None)] * 2,
    )
    assert solved.status == 0
    return -sign * float(solved.fun)


@pytest.mark.parametrize("seed", range(6))
def test_band_is_what_linear_programming_says(seed: int) -> None:
    rng = np.random.default_rng(seed)
    data = aligned_dataset(9, 1, rng, runs=(3, 2))
    x, y = data.X[:, 0], data.Y[:, 0]
    points = rng.uniform(x[0], x[-1], 8)
    lower, upper = interpolate(x, y).band(points)
    for t, low, high in zip(points.tolist(), lower[:, 0], upper[:, 0], strict=True):
        scale = np.ptp(y)
        assert extreme_value(x, y, t, -1) == pytest.approx(low, abs=1e-6 * scale)
        assert extreme_value(x, y, t, 1) == pytest.approx(high, abs=1e-6 * scale)


@given(univariate_datasets(geometry="aligned", min_points=4, max_points=14), st.integers(0, 1000))
def test_sampled_minimisers_interpolate_at_the_same_cost_inside_the_band(data: Dataset, seed: int) -> None:
    solution = interpolate(data.X, data.Y)
    x = solution.X[:, 0]
    scale = float(np.abs(data.Y).max()) or 1.0
    for network in solution.sample(2, seed):
        judged = certify(network, data.X, data.Y)
        assert judged.gap < 1e-12
        assert judged.relative_residual < 1e-10
        kinks = network.kinks[0]
        probes = np.concatenate([x, kinks[(kinks > x[0]) & (kinks < x[-1])]])
        lower, upper = solution.band(probes)
        values = network(probes)
        assert np.all(values >= lower - 1e-10 * scale)
        assert np.all(values <= upper + 1e-10 * scale)


def test_samples_differ_where_the_solution_is_not_unique_and_only_there() -> None:
    several = interpolate(*BOWL)
    t = np.linspace(1.1, 2.9, 20)
    curves = np.array([network(t)[:, 0] for network in several.sample(10, 0)])
    assert np.ptp(curves, axis=0).max() > 0.05
    single = interpolate([0, 1, 2, 3], [0, 1, 0, 1])
    assert all(np.allclose(network(t), single(t), rtol=0, atol=1e-14) for network in single.sample(5, 0))


@pytest.mark.parametrize("outputs", [1, 3])
def test_samples_come_close_to_both_ends_of_the_band(outputs: int) -> None:
    data = aligned_dataset(6, outputs, np.random.default_rng(1), runs=(3,))
    solution = interpolate(data.X, data.Y)
    x = solution.X[:, 0]
    t = np.array([(x[1] + x[2]) / 2])
    lower, upper = solution.band(t)
    values = np.array([network(t)[0] for network in solution.sample(400, 0)])
    width = upper[0] - lower[0]
    assert np.all(values.min(axis=0) <= lower[0] + 0.1 * width + 1e-12)
    assert np.all(values.max(axis=0) >= upper[0] - 0.1 * width - 1e-12)


def test_band_has_no_width_outside_the_data_at_data_points_and_off_runs() -> None:
    solution = interpolate(*BOWL)
    t = np.array([-3.0, 0.0, 0.5, 1.0, 2.0, 3.0, 3.5, 4.0, 9.0])
    lower, upper = solution.band(t)
    assert np.array_equal(lower, upper)
    assert np.allclose(lower, solution(t))


# --- sparsest ---------------------------------------------------------------------------------------------------------


def fewest_by_brute_force(x: Array, y: Array) -> int:
    """Least number of kinks of an interpolant of least cost (T = 1), by trying every way of placing kinks into gaps.

    A kink in the gap between inner points k and k + 1, with any position and mass, adds p >= 0 to the one curvature and
    q >= 0 to the other, both times one sign; kinks of one sign in a gap merge at no cost, and kinks outside the inner
    points only add cost. So: choose gaps (a gap may also serve one point only) and signs, and solve for p, q.
    """
    delta = np.diff(np.diff(y) / np.diff(x))
    m = len(delta)
    cost = np.abs(delta).sum()
    gaps = [(k, k + 1) for k in range(m - 1)] or [(0, 0)]
    for count in range(m + 1):
        for chosen in combinations(range(len(gaps)), min(count, len(gaps))):
            if count > len(gaps):
                return count
            for signs in product((1, -1), repeat=count):
                columns = np.zeros((m, 2 * count))
                for j, (gap, sign) in enumerate(zip(chosen, signs, strict=True)):
                    columns[gaps[gap][0], 2 * j] += sign
                    columns[gaps[gap][1], 2 * j + 1] += sign
                if count == 0:
                    if not delta.any():
                        return 0
                    continue
                solved = linprog(np.ones(2 * count), A_eq=columns, b_eq=delta)
                if solved.status == 0 and solved.fun <= cost * (1 + 1e-9):
                    return count
    return m


@pytest.mark.parametrize("seed", range(25))
def test_brute_force_finds_nothing_sparser(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(3, 9))
    x = np.cumsum(rng.integers(1, 4, n)).astype(float)
    y = rng.integers(-3, 4, n).astype(float)
    network = interpolate(x, y).sparsest()
    judged = certify(network, x, y)
    assert network.n_neurons == fewest_by_brute_force(x, y)
    assert judged.gap < 1e-12
    assert judged.relative_residual < 1e-12


@given(univariate_datasets(geometry="aligned", min_points=4, max_points=20))
def test_sparsest_has_the_predicted_number_of_neurons_at_the_least_cost(data: Dataset) -> None:
    solution = interpolate(data.X, data.Y)
    network = solution.sparsest()
    delta = exact_curvatures(data)
    predicted, length = 0, 0
    for i, here in enumerate(delta):
        length = (length + 1 if i and exactly_aligned(delta[i - 1], here) else 1) if any(here) else 0
        predicted += length % 2  # every odd member of a run brings a neuron
    judged = certify(network, data.X, data.Y)
    assert network.n_neurons == predicted == solution.record()["fewest_neurons"]
    assert judged.gap < 1e-12
    assert judged.relative_residual < 1e-10


# --- stability --------------------------------------------------------------------------------------------------------


def moved(x: Array, Y: Array, gap: int, tau: float, size: float) -> tuple[ReLUNetwork, float]:
    """Move a little curvature, in the direction of eta, from both ends of a gap to the fraction tau of it: (network, t)."""
    dots = connect(x, Y)
    delta = dots.curvatures(0, len(x) - 2)
    eta = (1 - tau) * dots.dual[gap : gap + 1][0] + tau * dots.dual[gap + 1 : gap + 2][0]
    v = size * np.linalg.norm(delta, axis=1).min() * eta / np.linalg.norm(eta)
    jumps = np.vstack([np.zeros(Y.shape[1]), delta, np.zeros(Y.shape[1])])
    jumps[gap] -= (1 - tau) * v
    jumps[gap + 1] -= tau * v
    t = float(x[gap] + tau * (x[gap + 1] - x[gap]))
    knots, jumps = np.append(x, t), np.vstack([jumps, v])
    slope = dots.slopes(0, 1)[0]
    used = jumps.any(axis=1)
    return ReLUNetwork(np.ones((used.sum(), 1)), -knots[used], jumps[used].T, slope[:, None], Y[0] - slope * x[0]), t


@pytest.mark.parametrize("outputs", [2, 3, 6])
@pytest.mark.parametrize("tau", [0.1, 0.5, 0.8])
def test_stability_bound_is_nearly_attained_in_every_inner_gap(outputs: int, tau: float) -> None:
    rng = np.random.default_rng(outputs)
    x, Y = np.cumsum(rng.uniform(0.5, 1, 8)), rng.standard_normal((8, outputs))
    solution = interpolate(x, Y)
    for gap in range(1, 6):
        network, t = moved(x, Y, gap, tau, 1e-4)
        distance = float(np.linalg.norm(network([t]) - solution([t])))
        (bound,) = solution.distance_bound([t], network.vv_norm - solution.dots.value)
        assert 0.99 * bound < distance <= bound * (1 + 1e-6)


@pytest.mark.parametrize("flat", ["left", "right"])
def test_stability_bound_is_nearly_attained_next_to_a_flat_point(flat: str) -> None:
    x = np.arange(6.0)
    y = np.array([0.0, 1.0, 0.0, 0.0, 0.0, 1.0]) if flat == "left" else np.array([1.0, 0.0, 0.0, 0.0, 1.0, 0.0])
    y = y[:, None] * np.array([[1.0, 0.5]])
    # Inner curvatures: the gap [2, 3] (or its mirror image) has a curvature at one end and none at the other.
    gap, tau = (2, 0.25) if flat == "left" else (2, 0.75)
    solution = interpolate(x, y)
    t = x[gap] + tau
    u = solution.certificate.dual[gap : gap + 2].sum(axis=0)
    assert np.linalg.norm(u) == pytest.approx(1)
    s = tau if solution.certificate.dual[gap : gap + 1].any() else 1 - tau
    (bound,) = solution.distance_bound([t], 1e-3)
    assert bound == pytest.approx(1e-3 * (1 - s) / 2)


@given(univariate_datasets(geometry="generic", min_points=3, max_points=10, orders=6), st.data())
def test_stability_bound_is_never_exceeded(data: Dataset, drawn: st.DataObject) -> None:
    from vvnorm.testing import interpolating_networks

    network = drawn.draw(interpolating_networks(data))
    solution = interpolate(data.X, data.Y)
    x = solution.X[:, 0]
    margin = x[-1] - x[0]
    t = np.concatenate([np.linspace(x[0] - margin, x[-1] + margin, 61), network.kinks[0]])
    t = t[(t >= x[0] - margin) & (t <= x[-1] + margin)]
    excess = max(network.vv_norm * (1 + 1e-12) - solution.lower_bound, 0.0)
    distance = np.linalg.norm(network(t) - solution(t), axis=1)
    rounding = 1e-9 * (np.abs(data.Y).max() + solution.dots.steepest.max() * margin)
    assert np.all(distance <= solution.distance_bound(t, excess) * (1 + 1e-9) + rounding)


def test_stability_bound_is_at_most_that_of_the_theory() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        data = random_dataset(10, 3, rng)
        solution = interpolate(data.X, data.Y)
        x, dual = solution.X[:, 0], solution.certificate.dual[0:10]
        for i in range(9):
            h = x[i + 1] - x[i]
            theory = h / (1 - dual[i] @ dual[i + 1])
            bound = solution.distance_bound(x[i] + h * np.linspace(0.01, 0.99, 25), 1.0)
            assert np.all(bound <= theory * (1 + 1e-9))


def test_stability_bound_is_infinite_in_aligned_gaps_zero_at_data_and_linear_outside() -> None:
    x, y = BOWL
    bound = interpolate(x, y).distance_bound([-2.0, 0.0, 0.5, 1.5, 2.0, 2.5, 3.5, 4.0, 7.0], 0.1)
    assert bound == pytest.approx([0.2, 0.0, 0.05, np.inf, 0.0, np.inf, 0.05, 0.0, 0.3])
    assert interpolate(x, y).distance_bound([0.5, 1.5], 0.0).tolist() == [0.0, np.inf]


# --- alignment of decimal data ------------------------------------------------------------------------------------------


def decimal_data(rng: np.random.Generator, decimals: int, centre: int) -> tuple[list[Fraction], list[list[Fraction]]]:
    """Inputs of some decimals near a centre and integer labels, with curvatures in few directions; exact."""
    n, T, unit = int(rng.integers(4, 9)), int(rng.integers(1, 4)), 10**decimals
    x = [Fraction(centre * unit + int(v), unit) for v in np.sort(rng.choice(100, n, replace=False))]
    directions, slope = rng.integers(-3, 4, (2, T)), rng.integers(-60, 61, T)
    Y = [[Fraction(int(v)) for v in rng.integers(-50, 51, T)]]
    for low, high in pairwise(x):
        Y.append([y + int(s) * (high - low) * unit for y, s in zip(Y[-1], slope, strict=True)])
        slope = slope + int(rng.integers(-2, 4)) * directions[int(rng.integers(2))]
    return x, Y


def exact_solution_set(x: list[Fraction], Y: list[list[Fraction]]) -> tuple[bool, int, list[bool]]:
    """Whether the solution is unique, the fewest neurons, and which outputs are unique, in rational numbers."""
    slopes = [[(b - a) / (high - low) for a, b in zip(*two, strict=True)]
              for (low, high), two in zip(pairwise(x), pairwise(Y), strict=True)]  # fmt: skip
    bends = [[b - a for a, b in zip(*two, strict=True)] for two in pairwise(slopes)]

    aligned, run, neurons = [exactly_aligned(*two) for two in pairwise(bends)], 0, 0
    for curvature, joined in zip(bends, [False, *aligned], strict=True):
        run = run + 1 if joined else 1
        neurons += any(curvature) and run % 2
    moving = [any(a and u[t] for a, u in zip(aligned, bends[:-1], strict=True)) for t in range(len(Y[0]))]
    return not any(aligned), int(neurons), [not moves for moves in moving]


@pytest.mark.parametrize(("decimals", "centre"), [(1, 0), (1, 1000), (2, 20000), (1, 10**6)])
def test_decimal_data_are_aligned_as_their_decimals_are(decimals: int, centre: int) -> None:
    for seed in range(20):
        x, Y = decimal_data(np.random.default_rng(seed), decimals, centre)
        solution = interpolate([float(v) for v in x], [[float(v) for v in row] for row in Y])
        sparse = solution.sparsest()
        assert (solution.unique, sparse.n_neurons, solution.unique_outputs.tolist()) == exact_solution_set(x, Y)
        assert certify(sparse, solution.X, solution.Y).relative_residual < 1e-8
        assert sparse.vv_norm == pytest.approx(solution.value, rel=1e-9)


@pytest.mark.parametrize("scale", [1, 10])
def test_the_unit_of_decimal_inputs_does_not_matter(scale: int) -> None:
    x = np.array([9984, 10001, 10028, 10037, 10064]) * scale / 10
    solution = interpolate(x, [[0, 1], [-153, -50], [-396, -131], [-450, -77], [-531, 328]])
    assert solution.unique is False
    assert solution.sparsest().n_neurons == 1


def test_what_rounding_decides_is_told_as_such() -> None:
    """Steps of 0.1 at 10^8 are known to 1e-7: whatever is said for sure is right, and some of it cannot be said."""
    told = []
    for seed in range(50):
        x, Y = decimal_data(np.random.default_rng(seed), 1, 10**8)
        solution = interpolate([float(v) for v in x], [[float(v) for v in row] for row in Y])
        unique, _, outputs = exact_solution_set(x, Y)
        told.append(solution.unique)
        assert solution.unique in (unique, None)
        assert not np.any(solution.unique_outputs & ~np.array(outputs))
        if solution.unique is None:
            assert "cannot be told" in solution.summary()
            assert solution.record()["unique"] is None
    assert set(told) == {True, False, None}


def test_curvatures_apart_by_more_than_half_an_ulp_explains_are_unique() -> None:
    """Directions 1e-6 apart, next to 0 or in integers near 10^6: nothing that rounding could make."""
    for shift in (0, 10**6):
        x = np.arange(4.0) + shift
        assert interpolate(x, [[0, 0], [0, 0], [1, 1], [3, 3 + 1e-6]]).unique is True
        assert interpolate(x, [[0, 0], [0, 0], [1, 1], [3, 3]]).unique is False


def test_an_output_of_small_labels_beside_one_of_large_ones_is_judged_by_its_own_size() -> None:
    """Both curvatures point along (1e9, 1): output 1 moves by as much of its range as output 0 does."""
    x, labels = np.arange(4.0), np.array([0.0, 0.0, 1.0, 3.0])
    solution = interpolate(x, np.column_stack([1e9 * labels, labels]))
    assert (solution.unique, solution.unique_outputs.tolist()) == (False, [False, False])
    lower, upper = solution.band([1.5])
    assert (upper - lower)[0, 1] == pytest.approx(0.5, rel=1e-6)
    still = interpolate(x, np.column_stack([1e9 * labels, [0.0, 0.0, 1.0, 0.0]]))
    assert still.unique is True  # directions 3e-9 apart, and labels of output 1 are known to 1e-16
