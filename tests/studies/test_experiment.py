"""Runs of a study: data depend on what they should, are paired, and outcomes agree with the parts they are made from."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from vvnorm import interpolate, mean_gradient_norm, train
from vvnorm.analysis.regions import Box
from vvnorm.studies.experiment import SETTINGS, TARGETS, auxiliary_labels, perform
from vvnorm.studies.run import INFINITE, Run
from vvnorm.studies.targets import TEST_POINTS

REAL = ("diabetes", "digits", "breast_cancer", "iris", "wine")
RUN = Run("noise", 2, 12, 2, 0.5, "gaussian", "certified", 3)


def same(a: Any, b: Any) -> bool:
    return bool(np.array_equal(a.X, b.X) and np.array_equal(a.y, b.y) and np.array_equal(a.X_test, b.X_test))


# --- targets ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize("d", [1, 5])
def test_a_data_set_is_valid_standardised_and_repeatable(name: str, d: int) -> None:
    target = TARGETS[name]
    d = min(d, target.inputs or d)
    sample = target.draw(d, 20, 4)
    assert sample.X.shape == (20, d)
    assert sample.y.shape == (20, 1)
    assert sample.X_test.shape == (min(TEST_POINTS, (target.points or 10**6) - 20), d) or d == 1
    assert len(np.unique(sample.X, axis=0)) == 20
    assert sample.y.mean() == pytest.approx(0, abs=1e-12)
    assert sample.y.std() == pytest.approx(1, rel=1e-12)
    assert (sample.truth is None) == (name == "noise")
    assert (sample.domain is None) == (name in REAL)
    if sample.truth is not None:
        assert sample.truth.shape == (len(sample.X_test),)
    assert same(sample, target.draw(d, 20, 4))
    assert not same(sample, target.draw(d, 20, 5))


@pytest.mark.parametrize("name", ["smooth", "teacher"])
def test_the_truth_is_what_labels_are_made_of(name: str) -> None:
    """With points so dense that neighbours have nearly the same value, labels and truths agree at neighbours."""
    sample = TARGETS[name].draw(1, 4000, 0)
    assert sample.truth is not None
    nearest = np.abs(sample.X_test - sample.X.T).argmin(axis=1)
    assert np.abs(sample.truth - sample.y[nearest, 0]).max() < 0.02


def test_a_teacher_is_piecewise_linear_with_at_most_four_kinks() -> None:
    sample = TARGETS["teacher"].draw(1, 400, 1)
    order = np.argsort(sample.X[:, 0])
    x, y = sample.X[order, 0], sample.y[order, 0]
    slopes = np.diff(y) / np.diff(x)
    assert np.sum(np.abs(np.diff(slopes)) > 1e-6) <= 2 * 4


@pytest.mark.parametrize("name", REAL)
def test_real_data_are_components_in_units_of_the_first_and_rows_do_not_repeat(name: str) -> None:
    target = TARGETS[name]
    assert target.inputs is not None
    assert target.points is not None
    sample = target.draw(2, target.points // 2, 0)
    rows = np.vstack([sample.X, sample.X_test])
    assert len(np.unique(rows, axis=0)) == len(rows) == min(target.points, target.points // 2 + TEST_POINTS)
    spread = rows.std(axis=0)
    assert spread[0] == pytest.approx(1, rel=0.05)
    assert spread[1] < spread[0]
    assert abs(np.corrcoef(rows.T)[0, 1]) < 0.05


@pytest.mark.parametrize("name", REAL)
def test_all_features_of_real_data_can_be_asked_for_and_no_more(name: str) -> None:
    target = TARGETS[name]
    assert target.inputs is not None
    assert target.points is not None
    assert target.draw(target.inputs, 100, 0).X.shape == (100, target.inputs)
    with pytest.raises(ValueError, match=f"inputs must be at most {target.inputs} for target {name!r}, got"):
        target.draw(target.inputs + 1, 100, 0)
    with pytest.raises(ValueError, match=f"points must be less than {target.points}, the samples of"):
        target.draw(2, target.points, 0)


@pytest.mark.parametrize(("inputs", "points", "seed"), [(0, 9, 0), (2, 2, 0), (2, 9, -1)])
def test_numbers_out_of_range_are_refused(inputs: int, points: int, seed: int) -> None:
    with pytest.raises(ValueError, match="must be at least"):
        TARGETS["noise"].draw(inputs, points, seed)


# --- pairing ----------------------------------------------------------------------------------------------------------


def test_auxiliary_labels_are_nested_in_m_scaled_by_sigma_and_signs_for_bernoulli() -> None:
    many = auxiliary_labels(replace(RUN, auxiliary=64, sigma=1.0))
    assert many.shape == (12, 64)
    for m in (1, 5, 33):
        assert np.array_equal(auxiliary_labels(replace(RUN, auxiliary=m, sigma=1.0)), many[:, :m])
    assert np.array_equal(auxiliary_labels(replace(RUN, auxiliary=5)), 0.5 * many[:, :5])
    coins = auxiliary_labels(replace(RUN, auxiliary=5, labels="bernoulli"))
    assert np.array_equal(coins, 0.5 * np.sign(many[:, :5]))
    assert auxiliary_labels(replace(RUN, auxiliary=0, sigma=0.0)).shape == (12, 0)
    assert auxiliary_labels(replace(RUN, auxiliary=INFINITE, sigma=0.0)).shape == (12, 0)


def test_auxiliary_labels_are_independent_of_the_first_output_and_differ_by_seed() -> None:
    runs = [replace(RUN, points=50, auxiliary=64, sigma=1.0, seed=seed) for seed in (0, 1)]
    first, second = (auxiliary_labels(run) for run in runs)
    assert first.mean() == pytest.approx(0, abs=0.06)
    assert first.std() == pytest.approx(1, abs=0.06)
    assert np.abs(np.corrcoef(first.ravel(), second.ravel())[0, 1]) < 0.07
    y = TARGETS["noise"].draw(2, 50, 0).y
    assert np.abs(y.T @ first / 50).max() < 0.6


# --- outcomes ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("m", [0, 2, INFINITE])
def test_a_certified_run_is_accepted_and_its_outcome_is_json(target: str, m: float) -> None:
    outcome = perform(replace(RUN, target=target, auxiliary=m, sigma=0.5 if m == 2 else 0.0))
    assert outcome["accepted"] is True
    assert outcome["certified_gap"] <= 1e-6
    assert outcome["residual"] <= 1e-6
    assert json.loads(json.dumps(outcome)) == outcome
    assert (outcome["test_error_mean"] is None) == (target == "noise")
    assert outcome["region"] == "hull"
    for name in ("output_distance", "representation_distance", "relative_representation_distance"):
        assert 0 < outcome[f"{name}_mean"] <= outcome[f"{name}_max"]
    assert outcome["mean_gradient"] <= outcome["max_gradient"] <= outcome["max_gradient_high"]


def test_outcomes_are_those_of_the_parts() -> None:
    outcome = perform(RUN)
    sample = TARGETS["noise"].draw(2, 12, 3)
    solution = interpolate(sample.X, np.hstack([sample.y, auxiliary_labels(RUN)]))
    f = solution.network
    # The solver adds up the cost of its network in another order than the network: they agree up to rounding.
    assert outcome["value"] == outcome["vv_norm"] == pytest.approx(solution.value, rel=1e-12)
    assert outcome["certified_gap"] == pytest.approx(solution.gap, abs=1e-12)
    assert outcome["neurons"] == f.n_neurons
    assert outcome["mean_gradient"] == pytest.approx(mean_gradient_norm(f, sample.X, exact=True).mean, rel=1e-12)
    centred = mean_gradient_norm(f, sample.X, exact=True, centred=True)
    assert outcome["centred_gradient"] == pytest.approx(centred.mean, rel=1e-12)
    box = mean_gradient_norm(f, Box([-1, -1], 1), exact=True)
    assert outcome["mean_gradient_domain"] == pytest.approx(box.mean, rel=1e-12)
    alone = perform(replace(RUN, auxiliary=0, sigma=0.0))
    assert alone["first_vv_norm"] == pytest.approx(alone["value"], rel=1e-12)
    assert alone["value"] < outcome["first_vv_norm"] < outcome["value"]


def test_the_same_run_gives_the_same_outcome_and_settings_are_used() -> None:
    first, again = perform(RUN), perform(RUN)
    assert {**first, "cpu_seconds": 0} == {**again, "cpu_seconds": 0}
    loose = perform(replace(RUN, settings={"tol": 0.1}))
    assert 1e-6 < loose["certified_gap"] <= 0.1
    assert loose["accepted"]
    hurried = perform(replace(RUN, points=40, settings={"time_limit": 1e-3}))
    assert not hurried["accepted"]
    assert hurried["certified_gap"] > 1e-6
    unproved = perform(replace(RUN, settings={"prove": False}))
    assert unproved["certified_gap"] is None
    assert not unproved["accepted"]
    assert 0 <= unproved["estimated_gap"] <= 1e-6
    assert unproved["mean_gradient"] == pytest.approx(first["mean_gradient"], rel=1e-12)


def test_the_limit_is_what_many_outputs_tend_to() -> None:
    def off(m: int, seed: int) -> float:
        limit, finite = (replace(RUN, auxiliary=a, sigma=s, seed=seed) for a, s in ((INFINITE, 0.0), (m, 1.0)))
        return abs(perform(finite)["mean_gradient"] / perform(limit)["mean_gradient"] - 1)

    few, many = (max(off(m, seed) for seed in range(3)) for m in (1, 1000))
    assert many < 0.03 < 0.05 < few


def test_relative_representation_distances_do_not_grow_with_the_size_of_all_labels() -> None:
    """A thousandfold sigma makes the whole network a thousand times as large."""
    small, large = (perform(replace(RUN, sigma=sigma)) for sigma in (1e3, 1e6))
    raw = large["representation_distance_mean"] / small["representation_distance_mean"]
    relative = large["relative_representation_distance_mean"] / small["relative_representation_distance_mean"]
    assert raw == pytest.approx(np.sqrt(1e3), rel=0.05)
    assert relative == pytest.approx(1, rel=0.05)


def test_one_input_has_the_closed_form() -> None:
    outcome = perform(replace(RUN, inputs=1))
    assert outcome["accepted"]
    assert outcome["estimated_gap"] <= 1e-9


@pytest.mark.parametrize(("d", "region"), [(3, "hull"), (8, "domain")])
def test_beyond_the_plane_means_come_with_intervals(d: int, region: str) -> None:
    outcome = perform(replace(RUN, inputs=d, settings={"prove": d == 3}))
    assert outcome["region"] == region
    assert outcome["mean_gradient_low"] < outcome["mean_gradient"] < outcome["mean_gradient_high"]
    assert outcome["accepted"] is (d == 3)
    assert outcome["estimated_gap"] <= 1e-6


def test_real_data_of_many_inputs_are_averaged_over_test_points() -> None:
    outcome = perform(replace(RUN, target="breast_cancer", inputs=8, settings={"prove": False}))
    assert outcome["region"] == "domain"
    assert outcome["mean_gradient"] == outcome["mean_gradient_domain"]
    assert 0 < outcome["centred_gradient"] < 0.9 * outcome["mean_gradient"]  # the affine part does most
    assert outcome["max_gradient_high"] is None
    assert all(type(value) in (bool, int, float, str, type(None)) for value in outcome.values())


def test_a_trained_run_is_certified_against_the_optimum() -> None:
    settings = {"width": 64, "steps": 300}
    outcome = perform(replace(RUN, solver="trained", settings=settings))
    sample = TARGETS["noise"].draw(2, 12, 3)
    Y = np.hstack([sample.y, auxiliary_labels(RUN)])
    best = interpolate(sample.X, Y)
    f = train(sample.X, Y, lam=None, seeds=[3], progress=False, **settings).networks[0]
    assert outcome["vv_norm"] == pytest.approx(f.vv_norm, rel=0.02)
    assert outcome["certified_gap"] == pytest.approx(1 - best.lower_bound / outcome["vv_norm"], abs=1e-6)
    assert outcome["excess"] > 1e-6
    polished = perform(replace(RUN, solver="trained", settings={**settings, "polish": True, "exact": True}))
    assert polished["residual"] < 1e-9
    assert 0 < polished["certified_gap"] < max(outcome["certified_gap"], 0.02)
    assert polished["accepted"] is (polished["certified_gap"] <= SETTINGS["trained"]["tol"])


def test_a_trained_run_is_compared_with_an_optimum_as_good_as_asked_for() -> None:
    settings = {"width": 32, "steps": 50, "prove": False}
    run = replace(RUN, inputs=4, points=12, solver="trained")
    best = perform(replace(run, settings=settings))
    close, hurried = (
        perform(replace(run, settings=settings | rough)) for rough in ({"optimum_tol": 0.01}, {"time_limit": 1e-9})
    )
    for quick in (close, hurried):
        assert quick["vv_norm"] == best["vv_norm"]
        assert quick["estimated_gap"] > best["estimated_gap"]
    assert (1 - close["estimated_gap"]) * (1 + 0.011) >= 1 - best["estimated_gap"]


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"target": "weather"}, "target must be one of noise, .* got 'weather'"),
        ({"solver": "guess"}, "solver must be one of certified, trained, got 'guess'"),
        ({"settings": {"steps": 5}}, "settings of solver certified are tol, prove, time_limit; got 'steps'"),
        ({"auxiliary": 1.5}, "auxiliary must be a whole number or infinite, got 1.5"),
        ({"auxiliary": -1}, "auxiliary must be a whole number or infinite, got -1"),
        ({"sigma": 0.0}, "sigma must be a positive finite number, got 0.0"),
        ({"labels": "poisson"}, "labels must be gaussian or bernoulli, got 'poisson'"),
        ({"solver": "trained", "auxiliary": INFINITE}, "the limit cannot be trained"),
    ],
)
def test_impossible_runs_are_refused_by_name(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        perform(replace(RUN, **change))
