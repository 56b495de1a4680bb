"""Two inputs in rational numbers: dual arrays, the test of cones, corrected networks."""

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from vvnorm import ReLUNetwork, interpolate
from vvnorm.verifier.exact import RationalNetwork, prove
from vvnorm.verifier.exact.corrected import affine_basis, affine_through, interpolating
from vvnorm.verifier.exact.dual_arrays import feasible_dual, moments, orthogonal, pairing, point_above
from vvnorm.verifier.exact.plane import cones
from vvnorm.verifier.exact.rationals import Matrix, as_matrix, norm_squared
from vvnorm.verifier.neuron_bound import neuron_bound

CROSS = [[0, 0], [1, 0], [0, 1], [1, 1], ["1/2", "1/2"]]


def orthogonal_array(seed: int, n: int, outputs: int) -> tuple[Matrix, Matrix]:
    """Points with small rational coordinates, some on a line, and a random array orthogonal to affine functions."""
    rng = np.random.default_rng(seed)
    points = sorted({(Fraction(int(a), 4), Fraction(int(b), 3)) for a, b in rng.integers(-5, 6, (n, 2))})
    array = as_matrix(rng.integers(-9, 10, (len(points), outputs)), "dual")
    return tuple(points), orthogonal(array, tuple(points), affine_basis(tuple(points)))


@pytest.mark.parametrize("seed", range(8))
def test_the_largest_response_is_that_of_the_float_path(seed: int) -> None:
    X, dual = orthogonal_array(seed, 4 + 2 * seed, 1 + seed % 3)
    assert not any(any(row) for row in moments(dual, X))
    largest = max(cone.largest for cone in cones(X, dual))
    bound = neuron_bound([[float(v) for v in x] for x in X], [[float(v) for v in row] for row in dual])
    assert largest == pytest.approx(bound, rel=1e-9)


@pytest.mark.parametrize("seed", range(8))
def test_arrays_are_accepted_up_to_a_largest_response_of_one_and_not_beyond(seed: int) -> None:
    X, dual = orthogonal_array(seed, 8, 1 + seed % 3)
    largest = Fraction(max(cone.largest for cone in cones(X, dual)))

    def scaled(factor: Fraction) -> Matrix:
        return tuple(tuple(entry * factor / largest for entry in row) for row in dual)

    assert point_above(X, scaled(1 - Fraction(1, 10**12))) is None
    above = scaled(1 + Fraction(1, 10**12))
    assert point_above(X, above) == next(cone.point for cone in cones(X, above) if not cone.within_one)


def test_no_neuron_responds_above_what_cones_allow() -> None:
    """Against the definition, at random rational neurons."""
    rng = np.random.default_rng(4)
    X, dual = orthogonal_array(11, 9, 2)
    dual = feasible_dual([[float(v) for v in row] for row in dual], X)
    closest = 0.0
    for _ in range(2000):
        w = tuple(Fraction(int(v)) for v in rng.integers(-99, 100, 2))
        kink = X[rng.integers(len(X))]
        b = -(w[0] * kink[0] + w[1] * kink[1]) + (Fraction(int(rng.integers(-9, 10)), 20) if rng.random() < 0.3 else 0)
        on = [max(w[0] * x + w[1] * y + b, Fraction(0)) for x, y in X]
        response = [sum((a * row[t] for a, row in zip(on, dual, strict=True)), Fraction(0)) for t in range(2)]
        assert norm_squared(response) <= norm_squared(w)
        if any(w):
            closest = max(closest, float(norm_squared(response) / norm_squared(w)))
    assert closest > 0.99


def test_cones_of_a_known_array_are_exact() -> None:
    """The cross: 1 at the corners, -4 in the middle; along a diagonal each corner's neuron responds with 1 / sqrt 2."""
    X = as_matrix(sorted(CROSS, key=lambda x: (Fraction(x[0]), Fraction(x[1]))), "X")
    dual = as_matrix([[1], [1], [-4], [1], [1]], "dual")
    assert max(cone.largest for cone in cones(X, dual)) == pytest.approx(1.0, abs=1e-15)
    assert point_above(X, dual) is None
    larger = tuple(tuple(entry * (1 + Fraction(1, 10**30)) for entry in row) for row in dual)
    assert point_above(X, larger) is not None
    assert pairing(dual, as_matrix([[0], [0], [-1], [0], [0]], "Y")) == 4


# --- networks ---


def test_a_network_that_misses_labels_is_corrected_at_little_cost() -> None:
    rng = np.random.default_rng(6)
    for d in (1, 2):
        X = rng.normal(size=(9, d))
        given = ReLUNetwork(rng.normal(size=(5, d)), rng.normal(size=5), rng.normal(size=(2, 5)))
        Y = given(X) + 1e-9 * rng.normal(size=(9, 2))
        points, labels = as_matrix(X, "X"), as_matrix(Y, "Y")
        corrected = interpolating(RationalNetwork.of(given), points, labels)
        assert corrected.misfits(points, labels) == tuple((0, 0) for _ in points)
        low, high = corrected.cost_bounds
        assert float(high - low) < 1e-30
        assert float(high) < given.vv_norm + 1e-5


def test_a_network_of_no_neurons_is_corrected_too() -> None:
    empty = ReLUNetwork(np.zeros((0, 2)), np.zeros(0), np.zeros((1, 0)))
    points, labels = as_matrix(CROSS, "X"), as_matrix([0, 0, 0, 0, 1], "Y")
    corrected = interpolating(RationalNetwork.of(empty), points, labels)
    assert not any(any(row) for row in corrected.misfits(points, labels))


def test_neurons_of_no_weight_are_read_as_constants() -> None:
    given = ReLUNetwork([[0.0, 0.0], [1.0, 0.0]], [2.0, 1.0], [[3.0, 0.0]], c=[1.0])
    rational = RationalNetwork.of(given)
    assert rational.neurons == ()
    assert rational.c == (7,)


def test_affine_labels_cost_nothing() -> None:
    points, labels = as_matrix(CROSS, "X"), as_matrix([[1, 0], [2, 0], [4, 0], [5, 0], [3, 0]], "Y")
    affine = affine_through(points, labels)
    assert affine is not None
    assert affine.A == ((1, 3), (0, 0))
    assert affine.c == (1, 0)
    assert affine_through(points, as_matrix([[1, 0], [2, 0], [4, 0], [5, 0], [3, 1]], "Y")) is None


# --- proofs ---


def given(case: str) -> tuple[Any, Any]:
    rng = np.random.default_rng(8)
    X, Y = rng.normal(size=(9, 2)), rng.normal(size=(9, 2))
    if case == "grid":
        X = np.array([[i, j] for i in range(3) for j in range(3)], float)
        Y = rng.integers(0, 2, (9, 1)).astype(float)
    elif case == "on a line":
        X = np.outer(np.arange(9.0), [1, 3])
    elif case == "repeated":
        X, Y = np.vstack([X, X[:2]]), np.vstack([Y, Y[:2]])
    elif case == "close":
        X[1] = X[0] + 1e-7
    elif case == "tiny and large":
        X, Y = X * 1e-8, Y * 1e9
    elif case == "far":
        X = X + 1000
    elif case == "affine":
        Y = np.round(X[:, :1] * 64) / 64
        X = np.column_stack([Y[:, 0], X[:, 1]])
    elif case == "two points":
        X, Y = X[:2], Y[:2]
    return X, Y


@pytest.mark.parametrize(
    "case", ["random", "grid", "on a line", "repeated", "close", "tiny and large", "far", "affine", "two points"]
)
def test_solutions_are_proved(case: str) -> None:
    solution = interpolate(*given(case))
    proof = prove(solution)
    assert proof.proved, str(proof)
    assert float(proof.lower) == pytest.approx(solution.lower_bound, rel=1e-7, abs=1e-12)
    assert float(proof.upper) == pytest.approx(solution.value, rel=1e-7, abs=1e-12)
    assert proof.misfit == pytest.approx(0.0, abs=1e-8 * max(1.0, float(np.abs(solution.Y).max())))


def test_a_network_that_is_far_from_optimal_is_not_proved_to_be() -> None:
    X, Y = given("random")
    solution = interpolate(X, Y)
    wasteful = ReLUNetwork(
        np.vstack([solution.network.W, [[1.0, 0.0], [-1.0, 0.0]]]),
        np.append(solution.network.b, [0.0, 0.0]),
        np.hstack([solution.network.V, [[1.0, -1.0], [0.0, 0.0]]]),
        solution.network.A - [[1.0, 0.0], [0.0, 0.0]],
        solution.network.c,
    )
    proof = prove(wasteful, X, Y, dual=solution.dual)
    assert not proof.proved
    assert "gap" in proof.problems[0]
    assert proof.certificate.problems() == []  # its bounds hold all the same
    assert float(proof.upper) == pytest.approx(solution.value + 2, rel=1e-6)
    assert prove(wasteful, X, Y, dual=solution.dual, tol=1).proved


def test_a_dual_array_of_nothing_proves_nothing() -> None:
    X, Y = given("random")
    proof = prove(interpolate(X, Y).network, X, Y, dual=np.zeros(Y.shape))
    assert not proof.proved
    assert proof.lower == 0
