"""Properties of all data sets and networks, whatever their sizes and scales."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vvnorm import certify, interpolate
from vvnorm.datasets import Dataset
from vvnorm.solvers.reference import dictionary_interpolation
from vvnorm.testing import interpolating_networks, networks, univariate_datasets


def value(data: Dataset) -> float:
    return interpolate(data.X, data.Y).value


@given(univariate_datasets())
def test_every_solution_is_proved(data: Dataset) -> None:
    solution = interpolate(data.X, data.Y)
    assert solution.verify()
    assert solution.lower_bound <= solution.value * (1 + 1e-14)
    assert np.array_equal(solution(data.X), data.Y)


@given(univariate_datasets(max_points=300, orders=40))
def test_every_solution_is_proved_at_forty_orders_of_magnitude(data: Dataset) -> None:
    solution = interpolate(data.X, data.Y)
    assert solution.verify()
    assert solution.gap < 1e-12


@given(univariate_datasets(outputs=3), st.integers(0, 1000))
def test_value_is_invariant_under_rotation_of_outputs(data: Dataset, seed: int) -> None:
    rotation, _ = np.linalg.qr(np.random.default_rng(seed).standard_normal((3, 3)))
    rotated = Dataset(data.X, data.Y @ rotation)
    # Rotating the labels rounds them, by an ulp of their size: slopes amplify that by 1 / h.
    scale = np.abs(data.Y).max() / np.diff(np.sort(data.X[:, 0])).min()
    assert value(rotated) == pytest.approx(value(data), rel=1e-9, abs=1e-14 * len(data) * scale)


@given(univariate_datasets(geometry="generic", orders=12), st.integers(-8, 8))
def test_value_is_invariant_under_shift_of_inputs(data: Dataset, eighths: int) -> None:
    x = data.X[:, 0]
    shift = eighths / 8 * (x.max() - x.min())
    moved = np.sort(x) + shift
    slopes = np.abs(np.diff(data.Y[np.argsort(x)], axis=0)).max() / np.diff(np.sort(x)).min() ** 2
    rounding = 1e-15 * (abs(shift) + np.abs(x).max()) * slopes * len(data)
    assert value(Dataset(moved[:, None], data.Y[np.argsort(x)])) == pytest.approx(value(data), rel=1e-9, abs=rounding)


@given(univariate_datasets(min_points=3), st.randoms(use_true_random=False))
def test_solution_does_not_depend_on_the_order_of_points(data: Dataset, random: object) -> None:
    order = list(range(len(data)))
    random.shuffle(order)  # type: ignore[attr-defined]
    shuffled = interpolate(data.X[order], data.Y[order])
    straight = interpolate(data.X, data.Y)
    assert shuffled.value == straight.value
    assert np.array_equal(shuffled(data.X), straight(data.X))
    assert shuffled.unique == straight.unique


@given(univariate_datasets(orders=8), st.integers(-60, 60), st.integers(-60, 60))
def test_value_scales_with_labels_and_inversely_with_inputs(data: Dataset, up: int, across: int) -> None:
    scaled = interpolate(data.X * 2.0**across, data.Y * 2.0**up)
    straight = interpolate(data.X, data.Y)
    assert scaled.value == straight.value * 2.0 ** (up - across)  # powers of two: exactly
    assert scaled.unique == straight.unique
    assert scaled.network.n_neurons == straight.network.n_neurons


@given(univariate_datasets(), st.permutations([0, 1, 2]))
def test_outputs_may_be_permuted(data: Dataset, order: list[int]) -> None:
    order = [t for t in order if t < data.Y.shape[1]]
    permuted = interpolate(data.X, data.Y[:, order])
    straight = interpolate(data.X, data.Y)
    assert permuted.value == pytest.approx(straight.value, rel=1e-14)
    assert permuted.unique_outputs.tolist() == straight.unique_outputs[order].tolist()


@given(univariate_datasets(max_points=8, orders=6))
def test_value_equals_the_optimum_of_the_convex_program(data: Dataset) -> None:
    solution = interpolate(data.X, data.Y)
    program = dictionary_interpolation(data.X, data.Y)
    scale = float(np.abs(data.Y).max()) / float(np.ptp(data.X))
    assert program.value == pytest.approx(solution.value, rel=1e-5, abs=1e-6 * scale + 1e-12)


@given(univariate_datasets(max_points=10), st.data())
def test_no_interpolating_network_costs_less(data: Dataset, drawn: st.DataObject) -> None:
    network = drawn.draw(interpolating_networks(data))
    assert interpolate(data.X, data.Y).lower_bound <= network.vv_norm * (1 + 1e-9)


@given(univariate_datasets(outputs=2, orders=0), networks(outputs=2, max_neurons=12, orders=6))
def test_no_network_costs_less_than_its_own_values_demand(data: Dataset, network: object) -> None:
    labels = network(data.X)  # type: ignore[operator]
    assert interpolate(data.X, labels).value <= network.vv_norm * (1 + 1e-9) + 1e-9 * np.abs(labels).max()  # type: ignore[attr-defined]


@given(univariate_datasets(outputs=2, orders=0), networks(outputs=2, max_neurons=12))
def test_certificates_of_any_network_are_consistent(data: Dataset, network: object) -> None:
    judged = certify(network, data.X, data.Y)
    assert judged.residual >= 0
    assert judged.excess >= 0
    assert judged.distance >= judged.residual
    assert judged.distance <= judged.distance_bound * (1 + 1e-9)
    assert judged.complaints(network, data.X, data.Y, tol=np.inf) == []  # type: ignore[arg-type]
