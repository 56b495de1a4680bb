"""What the claims about auxiliary outputs rest on, checked by other means."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from proofs_checks import auxiliary_outputs as shared
from proofs_checks import (
    error_at_test_points,
    output_distance,
    representation_distance,
    smoothness_in_m,
    smoothness_in_sigma,
    smoothness_mean_gradient,
)
from proofs_checks.auxiliary_outputs import Comparison, is_random, points, sparse_networks, with_gaussian
from proofs_checks.support import mean_interval
from vvnorm import ReLUNetwork, interpolate
from vvnorm.claims import Instance, Verdict, decide

PAIRS = [
    (shared.mean_gradient, shared.mean_gradient_along_lines, 1e-9),
    (shared.output_distance, shared.output_distance_again, 1e-12),
    (shared.representation_distance, shared.representation_distance_again, 1e-12),
    (shared.error_at_test_points, shared.error_at_test_points_again, 1e-12),
]


def experiment(seed: int, sample: int = 3, outputs: tuple[int, int] = (1, 4)) -> Instance:
    rng = np.random.default_rng(seed)
    X, X_test = points(rng, sample, 12), points(rng, sample, 40)
    y, truth = sparse_networks(rng, X, X_test)
    Y = with_gaussian(rng, y, outputs[1] - 1, 1.0)
    return {"X": X, "Y": Y, "outputs": np.array(outputs), "X_test": X_test, "truth": truth}


@pytest.mark.parametrize(("measure", "again", "rounding"), PAIRS)
@pytest.mark.parametrize("seed", range(3))
def test_two_ways_to_measure_agree(measure: shared.Measure, again: shared.Measure, rounding: float, seed: int) -> None:
    instance = experiment(seed)
    for index in range(3):
        f = interpolate(instance["X"][index], instance["Y"][index]).network
        assert again(f, instance, index) == pytest.approx(measure(f, instance, index), rel=rounding)


def test_the_mean_along_lines_is_that_of_a_network_known_in_closed_form() -> None:
    """Slope 2 right of x = 0.5 in the unit square and 1 left of it; one neuron on everywhere, and one level kink."""
    corners = np.array([[[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [0.4, 0.3]]])
    f = ReLUNetwork([[1.0, 0.0], [0.5, 0.0]], [-0.5, 9.0], [[1.0, 1.0]], [[0.5, 0.0]])
    assert shared.mean_gradient_along_lines(f, {"X": corners}, 0) == pytest.approx(1.5, rel=1e-12)
    level = ReLUNetwork([[0.0, -1.0]], [0.25], [[3.0]])
    assert shared.mean_gradient_along_lines(level, {"X": corners}, 0) == pytest.approx(0.75, rel=1e-12)


def test_means_over_points_that_lie_on_edges_and_in_thin_hulls_agree() -> None:
    """Steep strips that are nearly level, points on the hull's edges: nothing falls between lines."""
    rng = np.random.default_rng(0)
    for X in (
        np.array([[0.0, 0.0], [1.0, 0.0], [2.0, 0.0], [2.0, 1.0], [1.0, 1.0], [0.0, 1.0], [0.0, 0.5], [0.3, 0.2]]),
        rng.standard_normal((12, 2)) * [1.0, 1e-4],
        rng.standard_normal((12, 2)) @ [[1.0, 1.0], [0.0, 1e-3]],
        np.array([[0.0, 0.0], [1.0, 1e-3], [0.5, 2.0]]),
    ):
        f = ReLUNetwork(rng.standard_normal((9, 2)) * [1e-3, 1], rng.uniform(-1e-3, 1e-3, 9), rng.standard_normal((1, 9)))
        cell_by_cell = shared.mean_gradient(f, {"X": X[None]}, 0)
        assert shared.mean_gradient_along_lines(f, {"X": X[None]}, 0) == pytest.approx(cell_by_cell, rel=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_noise_is_random_and_what_networks_compute_is_not(seed: int) -> None:
    rng = np.random.default_rng(seed)
    X = points(rng, 32)
    (y,) = sparse_networks(rng, X)
    assert is_random(X, rng.standard_normal((32, 25, 1)))
    assert is_random(X, 100 * rng.standard_normal((32, 25, 4)) + 5)
    assert not is_random(X, y[..., None])


def test_sparse_networks_are_standardised_and_have_few_kinks() -> None:
    rng = np.random.default_rng(0)
    X = points(rng, 4, 60)
    line = np.stack([np.linspace(-1, 1, 401), np.zeros(401)], axis=1)
    y, along = sparse_networks(rng, X, np.broadcast_to(line, (4, 401, 2)), neurons=3)
    assert np.allclose(y.mean(axis=1), 0)
    assert np.allclose(y.std(axis=1), 1)
    bends = np.abs(np.diff(along, 2, axis=1)) > 1e-9
    assert np.all(bends.sum(axis=1) <= 2 * 3)


def test_the_interval_is_that_of_the_log_ratios() -> None:
    instance = experiment(0, sample=6)
    comparison = Comparison((0.0, 1.0), 6, shared.mean_gradient, shared.mean_gradient_along_lines, 1e-9)
    result = comparison.check(instance)
    logs = []
    for X, Y in zip(instance["X"], instance["Y"], strict=True):
        few, many = (interpolate(X, Y[:, :T], tol=1e-7).network for T in (1, 4))
        logs.append(math.log(shared.mean_gradient(many, {"X": [X]}, 0) / shared.mean_gradient(few, {"X": [X]}, 0)))
    low, high = mean_interval(np.array(logs), 6)
    assert (result.lower, result.upper) == pytest.approx((math.exp(low), math.exp(high)), rel=1e-9)
    assert comparison.recheck(instance, result) == []


def test_another_number_of_data_sets_can_be_planned() -> None:
    comparison = Comparison((0.0, 1.0), 7, shared.mean_gradient, shared.mean_gradient_along_lines, 1e-9)
    instance = shared.smaller(lambda rng, sample: experiment(0, sample), 3)(np.random.default_rng(0))
    result = comparison.check(instance)
    assert 0 < result.lower < result.upper < math.inf
    assert comparison.recheck(instance, result) == []
    fewer = {name: array if name in ("outputs", "planned") else array[:2] for name, array in instance.items()}
    assert comparison.check(fewer).upper == math.inf


def test_fewer_data_sets_than_stated_say_nothing() -> None:
    comparison = Comparison((0.0, 1.0), 7, shared.mean_gradient, shared.mean_gradient_along_lines, 1e-9)
    result = comparison.check(experiment(0, sample=6))
    assert (result.lower, result.upper) == (0, math.inf)


MODULES = [
    smoothness_mean_gradient,
    smoothness_in_m,
    smoothness_in_sigma,
    output_distance,
    representation_distance,
    error_at_test_points,
]


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.CLAIM.id)
def test_experiments_are_of_the_stated_size_and_violations_break_one_hypothesis(module: Any) -> None:
    claim = module.CLAIM
    for seed in range(5):
        instance = claim.draw(np.random.default_rng(seed))
        few, many = instance["outputs"]
        assert instance["Y"].shape == (module.SAMPLE, 25, many)
        assert few < many
        assert claim.broken(instance) == []
        for hypothesis, violate in claim.violate.items():
            broken = violate(np.random.default_rng(seed))
            assert claim.broken(broken) == [hypothesis]
            assert len(broken["X"]) == module.SAMPLE
            assert "planned" not in broken
        for violate in claim.quick.violate.values():
            quick = violate(np.random.default_rng(seed))
            assert len(quick["X"]) == len(quick["Y"]) == quick["planned"] < module.SAMPLE


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.CLAIM.id)
def test_an_experiment_of_fewer_data_sets_is_inconclusive_and_damage_is_seen(module: Any) -> None:
    claim = module.CLAIM
    drawn = claim.draw(np.random.default_rng(0))
    instance = {name: array if name == "outputs" else array[:3] for name, array in drawn.items()}
    result = claim.check(instance)
    assert result.verdict is Verdict.INCONCLUSIVE
    assert claim.verify(instance, result)
    for name, array in result.certificate.items():
        damaged = array.copy()
        damaged[(0,) * array.ndim] += 1
        assert not claim.verify(instance, replace(result, certificate={**result.certificate, name: damaged})), name
    for lower, upper in (claim.claimed, (1.0, 1.0)):
        forged = replace(result, lower=lower, upper=upper, verdict=decide(lower, upper, claim.claimed, statistical=True))
        assert not claim.verify(instance, forged)
