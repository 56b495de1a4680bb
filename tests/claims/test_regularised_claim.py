"""What the claims `regularised` and `multi_objective` rest on, checked by other means."""

from dataclasses import replace

import numpy as np
import pytest

from proofs_checks import multi_objective, regularised
from proofs_checks.regularised import lam_max, lines, losses_by_output, negative_gradient
from vvnorm import ReLUNetwork, connect_the_dots
from vvnorm.claims import Instance
from vvnorm.solvers.reference import budgeted_fit, curvature_fit, dictionary_program
from vvnorm.verifier.check import certify_fit

SEEDS = range(4)


def squared(seed: int, T: int = 2, n: int = 12) -> dict:
    """Squared losses with weights, missing labels and repeated inputs."""
    rng = np.random.default_rng(seed)
    Y = regularised.with_gaps(rng.standard_normal((n, T)), rng)
    x = np.sort(np.append(rng.integers(1, n - 1, n - 2), [0, n - 1])) / n
    return {"x": x, "Y": Y, "weights": rng.uniform(0.5, 2, Y.shape), "losses": ("squared",) * T, "skip": True, "lam": 0.1}


def objective(instance: Instance, network: ReLUNetwork) -> float:
    return losses_by_output(instance, network(instance["x"])).sum() + instance["lam"] * network.vv_norm


# --- lam_max ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("T", [1, 3])
@pytest.mark.parametrize("seed", SEEDS)
def test_from_lam_max_on_the_lines_are_certified_and_just_below_they_are_beaten(seed: int, T: int) -> None:
    instance = squared(seed, T)
    critical, line = lam_max(instance), lines(instance)
    arguments = instance["x"], instance["Y"]
    above = certify_fit(line, *arguments, critical, weights=instance["weights"], dual=negative_gradient(instance, line))
    assert above.vv_norm == 0
    assert above.gap < 1e-12
    for share in (0.5, 0.9, 0.99):
        below = certify_fit(
            line, *arguments, share * critical, weights=instance["weights"], dual=negative_gradient(instance, line)
        )
        better = curvature_fit(*arguments, share * critical, weights=instance["weights"]).network
        assert better.vv_norm > 0
        assert objective({**instance, "lam": share * critical}, better) < below.objective * (1 - 1e-8)


# --- the finite problem -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
def test_kinks_between_the_data_points_gain_nothing(seed: int) -> None:
    instance = squared(seed) | {"weights": np.ones((12, 2))}
    points = np.unique(instance["x"])
    fine = np.unique(np.concatenate([points, *(points[:-1] + np.diff(points) * share for share in (0.2, 0.5, 0.8))]))
    values = [
        dictionary_program(instance["x"], instance["Y"], np.ones((len(kinks), 1)), -kinks, lam=instance["lam"]).value
        for kinks in (points[1:-1], fine)
    ]
    assert values[1] == pytest.approx(values[0], rel=1e-6)
    result = regularised.check(instance)
    f = connect_the_dots(points, result.certificate["values"])
    assert objective(instance, f) == pytest.approx(values[0], rel=1e-6)


@pytest.mark.parametrize("seed", SEEDS)
def test_no_network_near_a_random_one_beats_the_best(seed: int) -> None:
    instance, rng = squared(seed), np.random.default_rng(seed)
    best = connect_the_dots(np.unique(instance["x"]), regularised.check(instance).certificate["values"])
    least = objective(instance, best)
    for _ in range(200):
        moved = {name: getattr(best, name) for name in ("W", "b", "V", "A", "c")}
        scale = 10.0 ** rng.uniform(-6, 0)
        moved = {name: array + scale * rng.standard_normal(array.shape) for name, array in moved.items()}
        assert objective(instance, ReLUNetwork(**moved)) >= least * (1 - 1e-7)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_worse_point_under_truncated_losses_is_a_local_minimum(seed: int) -> None:
    instance, rng = regularised.draw_truncated(np.random.default_rng(seed)), np.random.default_rng(seed)
    result = regularised.check(instance)
    points, U = np.unique(instance["x"]), result.certificate["values"]
    here = objective(instance, connect_the_dots(points, U))
    assert objective(instance, connect_the_dots(points, result.certificate["better"])) < 0.95 * here
    for _ in range(200):
        step = 10.0 ** rng.uniform(-6, -1.5) * rng.standard_normal(U.shape)
        assert objective(instance, connect_the_dots(points, U + step)) >= here * (1 - 1e-7)


def test_a_residual_at_the_cut_is_refused() -> None:
    instance = regularised.draw_truncated(np.random.default_rng(0))
    result = regularised.check(instance)
    place = np.searchsorted(np.unique(instance["x"]), instance["x"][0])
    Y = instance["Y"].copy()
    Y[0] = result.certificate["values"][place] + regularised.cut_of(instance["losses"][0])
    assert any("at the cut" in text for text in regularised.recheck({**instance, "Y": Y}, result))


def test_a_dual_outside_its_domain_is_refused() -> None:
    seed = next(s for s in range(50) if "hinge" in regularised.draw(np.random.default_rng(s))["losses"])
    instance = regularised.draw(np.random.default_rng(seed))
    result = regularised.check(instance)
    dual = result.certificate["dual"].copy()
    dual[:, instance["losses"].index("hinge")] *= 1e3
    forged = replace(result, certificate={**result.certificate, "dual": dual})
    assert any("domain" in text for text in regularised.recheck(instance, forged))


# --- weighted sums ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
def test_the_weighted_sum_gives_back_the_losses_of_the_pareto_point(seed: int) -> None:
    instance = squared(seed, T=3) | {"x": np.linspace(0, 1, 12), "lam": 1.0}
    budgets = np.array([0.2, 0.4, 0.6]) * losses_by_output(instance, lines(instance)(instance["x"]))
    point, weights = budgeted_fit(instance["x"], instance["Y"], budgets, weights=instance["weights"])
    recovered = regularised.solve({**instance, "weights": instance["weights"] * weights})[0]
    np.testing.assert_allclose(losses_by_output(instance, recovered(instance["x"])), budgets, rtol=1e-4)
    assert recovered.vv_norm == pytest.approx(point.value, rel=1e-4)
    np.testing.assert_allclose(recovered(instance["x"]), point.values, atol=1e-3)


def test_in_a_dent_of_the_front_the_point_loses_for_every_weight() -> None:
    rng = np.random.default_rng(0)
    instance = multi_objective.draw_truncated(rng)
    result = multi_objective.check(instance)
    point, *rivals = result.certificate["objectives"]
    weights = 10.0 ** rng.uniform(-6, 6, (10000, len(point)))
    excess = 1 - np.minimum(weights @ rivals[0], weights @ rivals[1]) / (weights @ point)
    assert result.lower > 0.1
    assert excess.min() >= result.lower - 1e-6
    # Neither rival alone is better in every entry: the point is a Pareto point.
    assert all(np.any(rival > point) for rival in rivals)


def test_a_point_with_losses_other_than_asked_for_is_refused() -> None:
    instance = multi_objective.draw(np.random.default_rng(0))
    result = multi_objective.check(instance)
    tighter = {**instance, "budgets": instance["budgets"] * 0.9}
    assert any("bounds" in text for text in multi_objective.recheck(tighter, result))


def test_labels_that_may_be_cut_off_leave_a_dent_unproved() -> None:
    instance = multi_objective.draw_truncated(np.random.default_rng(0))
    result = multi_objective.check(instance)
    weights = instance["weights"].copy()
    weights[0, 0] = 1e-3
    assert any("cut off" in text for text in multi_objective.recheck({**instance, "weights": weights}, result))
