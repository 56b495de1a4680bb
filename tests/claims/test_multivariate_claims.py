"""What the claims about several inputs rest on, checked by other means."""

from dataclasses import replace

import numpy as np
import pytest

from proofs_checks import kernel_regime, kinks_through_data, two_squares, width
from proofs_checks.support import exact_rank, hull_points, kernel_interpolant, mean_interval, optimal, pack_all, unpack_all
from vvnorm import ReLUNetwork, interpolate
from vvnorm.analysis.feature_kernels import kernel_solution
from vvnorm.claims import Verdict, load_claim
from vvnorm.network import row_norms

SEEDS = range(4)


def random_network(rng: np.random.Generator, K: int, d: int = 2, T: int = 3) -> ReLUNetwork:
    shapes = ((K, d), (K,), (T, K), (T, d), (T,))
    return ReLUNetwork(*(rng.standard_normal(shape) for shape in shapes))


def test_one_output_of_many_data_sets_is_certified_at_the_first_try() -> None:
    claim = load_claim("smoothness_mean_gradient")
    place = 1 + list(claim.violate).index("many_outputs")
    seed = [0, *(ord(letter) for letter in claim.id), 0, place]
    instance = claim.violate["many_outputs"](np.random.default_rng(seed))
    solution = interpolate(instance["X"][15], instance["Y"][15, :, :1], tol=1e-7)  # the master problem jammed at 1e-4
    assert solution.provenance["status"] == "tolerance reached"
    assert solution.verify()


# --- what they share --------------------------------------------------------------------------------------------------


def test_packed_networks_come_back_whatever_their_sizes() -> None:
    rng = np.random.default_rng(0)
    networks = [random_network(rng, K) for K in (4, 0, 7, 1)]
    restored = unpack_all("some", pack_all("some", networks))
    for f, g in zip(networks, restored, strict=True):
        assert all(np.array_equal(getattr(f, name), getattr(g, name)) for name in ("W", "b", "V", "A", "c"))


def test_packed_networks_that_do_not_add_up_are_refused() -> None:
    rng = np.random.default_rng(0)
    arrays = pack_all("some", [random_network(rng, 4), random_network(rng, 2)])
    for name in ("some.W", "some.A", "some.c", "some.neurons"):
        with pytest.raises(ValueError, match="some has"):
            unpack_all("some", {**arrays, name: arrays[name][1:]})
    with pytest.raises(ValueError, match="some has"):
        unpack_all("some", {**arrays, "some.neurons": np.array([7, -1])})
    for name in ("some.b", "some.checksums"):
        with pytest.raises(ValueError, match="checksums"):
            unpack_all("some", {**arrays, name: arrays[name] * (1 + 1e-9)})


@pytest.mark.parametrize("seed", SEEDS)
def test_the_exact_rank_is_that_of_numpy_where_nothing_is_close(seed: int) -> None:
    rng = np.random.default_rng(seed)
    left, right = rng.integers(-3, 4, (7, 4)), rng.integers(-3, 4, (4, 5))
    product = (left @ right).astype(np.float64)
    assert exact_rank(product) == np.linalg.matrix_rank(product)


def test_the_exact_rank_sees_what_rounding_hides() -> None:
    tilted = np.array([[1.0, 1.0], [1.0, 1.0 + 2.0**-52]])
    assert np.linalg.matrix_rank(tilted) == 1
    assert exact_rank(tilted) == 2
    assert exact_rank(np.array([[0.1, 0.2], [0.2, 0.4]])) == 1
    assert exact_rank(np.zeros((3, 2))) == 0


@pytest.mark.parametrize("seed", SEEDS)
def test_two_ways_to_the_kernel_solution_agree(seed: int) -> None:
    rng = np.random.default_rng(seed)
    X, y, f = rng.standard_normal((12, 2)), rng.standard_normal(12), random_network(rng, 40)
    weights = rng.uniform(0.1, 2, 40)
    points = rng.standard_normal((50, 2))
    f_size = row_norms(f.W)
    interpolant = kernel_interpolant(f, X, y, weights)
    other = kernel_solution(f, X, y, weights=weights)
    assert interpolant(points) == pytest.approx(other(points), rel=1e-7, abs=1e-7)
    assert row_norms(interpolant.W) == pytest.approx(np.ones(40))
    assert interpolant.b == pytest.approx(f.b / f_size)


def test_a_kernel_that_cannot_interpolate_is_refused() -> None:
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((12, 2)), rng.standard_normal(12)
    with pytest.raises(ValueError, match="does not interpolate"):
        kernel_interpolant(random_network(rng, 4), X, y, np.ones(4))


def test_points_of_a_hull_lie_in_it_and_fill_it() -> None:
    corners = np.array([[0.0, 0.0], [2.0, 0.0], [0.0, 2.0]])
    points = hull_points(corners)
    assert points.shape == (256, 2)
    assert np.all(points >= 0)
    assert np.all(points.sum(axis=1) <= 2)
    assert points.mean(axis=0) == pytest.approx(corners.mean(axis=0), abs=0.02)
    assert np.array_equal(points, hull_points(corners))


def test_the_interval_of_a_mean_covers_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    means = [mean_interval(rng.standard_normal(12) + 3, 12) for _ in range(4000)]
    missed = np.mean([not low <= 3 <= high for low, high in means])
    assert 0.002 < missed < 0.012  # for normal data the interval is longer than Student's, which misses 0.01


def test_a_sample_smaller_than_stated_tells_nothing() -> None:
    assert mean_interval(np.full(11, 2.0), 12) == (-np.inf, np.inf)
    assert mean_interval(np.append(np.full(11, 2.0), np.inf), 12) == (-np.inf, np.inf)
    assert mean_interval(np.full(12, 2.0), 12) == (-np.inf, np.inf)  # values that agree say nothing of others


# --- width ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [6, 10, 16])
def test_one_output_needs_at_most_a_neuron_for_each_equation(n: int) -> None:
    rng = np.random.default_rng(n)
    X, Y = rng.standard_normal((n, 2)), rng.standard_normal((n, 1))
    solution = interpolate(X, Y, tol=1e-7)
    sparse = solution.sparsify(1e-6)
    assert sparse.verify()
    assert sparse.network.n_neurons <= n - 3
    assert sparse.value == pytest.approx(solution.value, rel=1e-6)


def test_a_network_with_more_neurons_is_not_recorded_as_one_with_fewer() -> None:
    instance = width.draw(np.random.default_rng(0))
    result = width.check(instance)
    f = width.unpack("network", result.certificate)
    split = ReLUNetwork(np.vstack([f.W, f.W[:1]]), np.append(f.b, f.b[0]), np.hstack([f.V, f.V[:, :1] / 2]), f.A, f.c)
    halved = split.V.copy()
    halved[:, 0] /= 2
    more = ReLUNetwork(split.W, split.b, halved, f.A, f.c)
    assert optimal(more, instance["X"], instance["Y"], result.certificate["dual"])
    forged = replace(result, certificate={**result.certificate, **width.pack("network", more)})
    assert any("upper" in complaint for complaint in width.recheck(instance, forged))


# --- experiments ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("module", [kernel_regime, kinks_through_data])
def test_an_experiment_of_fewer_data_sets_is_inconclusive(module: object) -> None:
    claim = module.CLAIM  # type: ignore[attr-defined]
    instance = {name: array[:5] for name, array in claim.draw(np.random.default_rng(0)).items()}
    result = claim.check(instance)
    assert result.verdict is Verdict.INCONCLUSIVE
    assert claim.verify(instance, result)


def test_kinks_through_points_are_told_from_kinks_beside_them() -> None:
    X = np.array([[0.0, 0.0], [1.0, 2.0], [3.0, 1.0]])
    W = np.array([[2.0, -1.0], [2.0, -1.0], [1.0, 0.0]])
    f = ReLUNetwork(5 * W, 5 * np.array([0.0, 1e-6, 0.0]), np.array([[1.0, 2.0, -4.0]]))
    through = kinks_through_data._through_two(f, X)
    assert through.tolist() == [True, False, False]
    cost = np.array([5**0.5, 2 * 5**0.5, 4.0])
    assert kinks_through_data._share(f, through) == pytest.approx(cost[0] / cost.sum())


# --- two squares ------------------------------------------------------------------------------------------------------


def test_both_minimisers_of_two_squares_cost_four_and_differ_by_all_of_the_labels_range() -> None:
    instance = two_squares.draw(np.random.default_rng(0))
    result = two_squares.check(instance)
    X, y = instance["X"], instance["Y"][0, :, :1]
    first, second = (two_squares.unpack(name, result.certificate) for name in ("first", "second"))
    for f in (first, second):
        assert f.vv_norm == pytest.approx(4, rel=1e-6)
        assert optimal(f, X, y, None)  # the labels without their affine part are a dual, and nothing of the solver's
    edges = np.array([[1.0, 0.0], [0.0, 1.0]])
    assert np.abs(first(edges) - second(edges)).max() == pytest.approx(1, abs=1e-5)


def test_a_quarter_turn_is_seen() -> None:
    rng = np.random.default_rng(0)
    assert two_squares.CLAIM.broken(two_squares.draw(rng)) == []
    assert two_squares.CLAIM.broken(two_squares.draw_uneven(rng)) == ["quarter_turn"]
