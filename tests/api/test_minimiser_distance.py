"""Distances of networks to every minimiser: bounds hold, agree with one input's, and notice tampering."""

import pickle
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import vvnorm

Array = np.ndarray


def data(N: int, T: int, seed: int = 0, d: int = 2) -> tuple[Array, Array]:
    rng = np.random.default_rng(seed)
    return rng.standard_normal((N, d)), rng.standard_normal((N, T))


AT = np.array([[0.2, 0.1], [0.5, -0.4]])


@pytest.mark.parametrize("lam", [0.0, 0.1])
def test_networks_of_nearly_least_cost(lam: float) -> None:
    X, Y = data(8, 2)
    solution = vvnorm.fit(X, Y, lam) if lam else vvnorm.interpolate(X, Y)
    wide = solution.band(AT, 1e-2, outputs=[1])
    f = wide.network(0, 1, 1)
    distance = solution.distance_to_minimisers(AT, f, outputs=[1])
    assert distance.verify(), distance.verify().problems
    assert 5e-3 < distance.excess <= 1e-2 + 1e-5
    finer = (vvnorm.fit(X, Y, lam, tol=1e-9) if lam else vvnorm.interpolate(X, Y, tol=1e-9))(AT)[:, 1:]
    true = np.abs(f(AT)[:, 1:] - finer)
    assert np.all(distance.lower <= true + 1e-6)
    assert np.all(true <= distance.upper + 1e-6)
    assert distance.lower[0, 0] > 0.9 * distance.upper[0, 0] > 0
    # The excess alone bounds the distance, too: network and minimisers lie in the band of that excess.
    assert np.all(distance.upper <= wide.width)
    own = solution.distance_to_minimisers(AT, outputs=1)
    assert own.excess < 1e-5
    assert np.all(own.upper < distance.upper[0, 0])
    again = own.of(f)
    assert np.array_equal(again.upper, distance.upper)
    assert again.excess == distance.excess


def test_two_minimisers_are_both_within_the_bound() -> None:
    squares = vvnorm.two_squares()
    solution = vvnorm.interpolate(squares.X, squares.Y)
    first, second = solution.contacts.pair()
    distance = solution.distance_to_minimisers([[0, 0]], first)
    assert abs(first([[0, 0]]) - second([[0, 0]])) <= distance.upper
    assert distance.lower <= 1e-9
    assert distance.upper > 0.5


def test_one_input_agrees_with_the_stability_bound() -> None:
    rng = np.random.default_rng(1)
    t, Y = np.cumsum(rng.uniform(0.2, 1, 7)), rng.standard_normal((7, 2))
    solution, at = vvnorm.interpolate(t, Y), np.array([1.0, 2.0, 3.0])
    f = vvnorm.interpolate(np.append(t, 1.0), np.vstack([Y, solution([1.0]) + 0.02])).network
    distance = solution.distance_to_minimisers(at, f)
    assert distance.verify()
    assert distance.excess == pytest.approx(f.vv_norm / solution.value - 1)
    assert np.allclose(distance.norms, np.linalg.norm(f(at) - solution(at), axis=1))
    assert np.all(distance.norms <= solution.distance_bound(at, distance.excess * solution.value) + 1e-12)
    columns = vvnorm.interpolate(t[:, None] * [0.6, 0.8], Y, tol=1e-9)
    lifted = vvnorm.ReLUNetwork(f.W @ [[0.6, 0.8]], f.b, f.V, f.A @ [[0.6, 0.8]], f.c)
    general = columns.distance_to_minimisers(at[:, None] * [0.6, 0.8], lifted)
    assert np.abs(general.upper - distance.upper).max() < 1e-3
    assert np.all(general.upper >= distance.upper - 1e-9)


def test_minimisers_of_one_input_differ() -> None:
    dataset = vvnorm.collinear_dataset(8, 1, 0)
    solution = vvnorm.interpolate(dataset.X, dataset.Y)
    lower, upper = solution.band(solution.X[:-1, 0] / 2 + solution.X[1:, 0] / 2)
    distance = solution.distance_to_minimisers(solution.X[:-1, 0] / 2 + solution.X[1:, 0] / 2)
    assert np.array_equal(distance.minimisers, np.stack([lower, upper], axis=2))
    assert np.all(distance.upper >= (upper - lower) / 2)


def test_networks_that_miss_labels_and_points_without_bound() -> None:
    X, Y = data(6, 1)
    solution = vvnorm.interpolate(X, Y)
    f = solution.network
    shifted = vvnorm.ReLUNetwork(f.W, f.b, f.V, f.A, f.c + 1)
    distance = solution.distance_to_minimisers([X[2], [9.0, 9.0]], shifted)
    assert np.isnan(distance.excess)
    assert distance.upper[0] == pytest.approx(1)
    assert distance.lower[0] == pytest.approx(1)
    assert distance.verify()
    assert distance.record()["excess"] is None
    line = vvnorm.interpolate(X[:, :1] * [1.0, 2.0], Y)
    free = line.distance_to_minimisers([[0.0, 1.0]])
    assert free.upper.tolist() == [[np.inf]]
    assert free.record()["upper"] == [[None]]


def test_trained_networks() -> None:
    X, Y = data(6, 1)
    for lam in (None, 0.1):
        result = vvnorm.train(X, Y, lam=lam, steps=30, seeds=range(2), width=12, exact=lam is None)
        distances = result.distances_to_minimisers(AT[:1])
        gaps = [certificate.gap for certificate in result.certificates(progress=False)]
        assert [d.excess for d in distances] == pytest.approx([gap / (1 - gap) for gap in gaps], rel=1e-4, abs=1e-7)
        solution = vvnorm.fit(X, Y, lam) if lam else vvnorm.interpolate(X, Y)
        for network, d in zip(result.networks, distances, strict=True):
            assert d.network is network
            assert np.abs(network(AT[:1]) - solution(AT[:1])) <= d.upper + 1e-9
            assert d.verify()
    line = vvnorm.train(X[:, 0], Y, lam=0.1, steps=5, seeds=1)
    (distance,) = line.distances_to_minimisers([0.0])
    assert np.abs(line.networks[0]([0.0]) - vvnorm.fit(X[:, 0], Y, 0.1)([0.0])) <= distance.upper
    assert len(vvnorm.train(X[:, 0], Y, steps=5, seeds=2).distances_to_minimisers([0.0])) == 2


@pytest.mark.parametrize("kind", ["fit", "huber", "fit without skip", "missing labels", "without skip"])
def test_one_input_without_closed_form_has_the_band_of_two_columns(kind: str) -> None:
    t, Y = np.array([0.3, -1.0, 1.4, 0.9, 2.0, -0.2]), data(6, 2)[1]
    if kind == "missing labels":
        Y[1, 0] = Y[4, 1] = np.nan
    options: dict[str, Any] = {"skip": not kind.endswith("skip")}
    if kind == "huber":
        options |= {"loss": "huber:0.5", "weights": np.arange(1.0, 7.0)}
    make: Any = vvnorm.fit if kind in ("fit", "huber", "fit without skip") else vvnorm.interpolate
    options |= {"lam": 0.1} if make is vvnorm.fit else {}
    at, unit = np.array([0.1]), np.array([[0.6, 0.8]])
    solution, columns = make(t, Y, **options), make(t[:, None] * unit, Y, **options)
    other = vvnorm.ReLUNetwork([[1.0]], [-0.5], [[1.0], [0.5]], [[0.2], [0.1]], [0.3, 0.0])
    lifted = vvnorm.ReLUNetwork(other.W @ unit, other.b, other.V, other.A @ unit, other.c)
    distance = solution.distance_to_minimisers(at, other, outputs=[0])
    general = columns.distance_to_minimisers(at[:, None] * unit, lifted, outputs=[0])
    assert distance.verify(), distance.verify().problems
    assert distance.band is not None
    assert np.abs(distance.upper - general.upper).max() < 1e-2
    assert np.all(np.abs(other(at) - make(t, Y, tol=1e-9, **options)(at))[:, :1] <= distance.upper)
    own = distance.of(solution.network)
    assert own.excess <= 1e-6
    assert own.upper.max() < 1e-2
    assert not replace(distance, values=distance.values * (1 + 1e-6)).verify()


def test_bands_of_losses_with_a_corner_are_refused() -> None:
    solution = vvnorm.fit([0, 1, 2, 3], [0, 1, 1, 0], 0.1, loss="hinge")
    with pytest.raises(ValueError, match="loss 'hinge' has a corner; bands of fits are for squared, logistic, huber"):
        solution.distance_to_minimisers([0.5])


@pytest.mark.parametrize("columns", [1, 2])
def test_the_last_digits_of_another_processor_are_accepted(columns: int) -> None:
    X, Y = data(6, 1)
    solution = vvnorm.interpolate(X[:, :columns], Y)
    distance = pickle.loads(pickle.dumps(solution.distance_to_minimisers(AT[:1, :columns])))
    elsewhere = replace(distance, values=distance.values * (1 + 2.0**-50))
    if columns == 1:  # the closed form is evaluated again; the ends of a band are stored
        elsewhere = replace(elsewhere, minimisers=distance.minimisers * (1 - 2.0**-50))
    assert not np.array_equal(elsewhere.values, distance.values)
    assert elsewhere.verify()
    assert not replace(distance, values=distance.values * (1 + 1e-6)).verify()
    assert not replace(distance, minimisers=distance.minimisers * (1 + 1e-6)).verify()


def test_tampering_is_noticed() -> None:
    X, Y = data(6, 1)
    for solution, points in (
        (vvnorm.interpolate(X, Y), AT[:1]),
        (vvnorm.interpolate(X[:, 0], Y), [0.1]),
        (vvnorm.fit(X[:, 0], Y, 0.1), [0.1]),
    ):
        distance = solution.distance_to_minimisers(points)
        assert distance.verify()
        assert not replace(distance, values=distance.values + 1).verify()
        assert not replace(distance, minimisers=distance.minimisers * 1.001).verify()
        assert not replace(distance, excess=0.1).verify()
        assert not replace(distance, points=distance.points + 0.1).verify()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            (AT, vvnorm.ReLUNetwork([[1.0]], [0.0], [[1.0]])),
            "network has 1 input and 1 output; the solution has 2 inputs and",
        ),
        ((AT, None, 3), "outputs must be numbers from 0 to 0, got 3"),
        (([[0.0]],), "points has 1 column; the solution has 2 inputs"),
        (([[0.0, np.inf]],), "points"),
    ],
)
def test_bad_arguments(arguments: Any, message: str) -> None:
    solution = vvnorm.interpolate(*data(5, 1))
    with pytest.raises(ValueError, match=message):
        solution.distance_to_minimisers(*arguments)
    with pytest.raises(TypeError, match="network must be a ReLUNetwork or a torch module, got str"):
        solution.distance_to_minimisers(AT, "net")
