"""Time limits: they are kept everywhere, results have a valid bound and mention the limit, and progress is reported."""

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vvnorm import ReLUNetwork, certify, fit, fit_path, interpolate, lambda_max, pareto_front
from vvnorm._internal import memory
from vvnorm._internal.deadline import OUT_OF_TIME, Deadline
from vvnorm.solvers.multivariate.fits import FitProblem
from vvnorm.solvers.reference import curvature_fit
from vvnorm.solvers.univariate.fits import newton_banded, squared_loss
from vvnorm.verifier.check import Certificate

AT_ONCE = 1e-9


def noise(n: int, outputs: int = 1, seed: int = 0):
    rng = np.random.default_rng(seed)
    x = np.sort(rng.uniform(0, n / 10, n))
    return x, np.sin(x)[:, None] + 0.3 * rng.standard_normal((n, outputs))


# --- the deadline itself ----------------------------------------------------------------------------------------------


def test_a_flag_is_set_on_time_and_cleared() -> None:
    flag, began = np.zeros(1, np.int64), time.monotonic()
    with Deadline(0.05).raises(flag):
        while not flag[0] and time.monotonic() < began + 5:
            time.sleep(0.001)
        assert 0.05 <= time.monotonic() - began < 5
    assert flag[0] == 0
    with Deadline(AT_ONCE).raises(flag):
        assert flag[0] == 1
    with Deadline().raises(flag):
        assert flag[0] == 0
    assert (Deadline().left, Deadline(AT_ONCE).left, Deadline().passed) == (None, 0.0, False)
    assert Deadline().sooner(5).left is None
    assert 90 < Deadline(100).sooner(5).left <= 95


# --- one input --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("skip", [True, False])
@pytest.mark.parametrize("loss", ["squared", "huber:0.2"])
def test_a_fit_out_of_time_has_a_valid_bound_and_says_so(loss: str, skip: bool) -> None:
    x, Y = noise(60, 2)
    best = curvature_fit(x, Y, 0.01, loss=loss, skip=skip).value
    solution = fit(x, Y, 0.01, loss=loss, skip=skip, time_limit=AT_ONCE)
    assert solution.lower_bound <= best * (1 + 1e-9)
    assert solution.value >= best * (1 - 1e-6)
    if solution.gap > solution.tol:
        assert solution.solver["status"] == "time limit"
        assert solution.notes[0] == OUT_OF_TIME
        (problem,) = solution.verify().problems
        assert "not proved optimal" in problem
    assert solution.gap > solution.tol or not skip  # a millisecond may be enough for the convex program
    in_time = fit(x, Y, 0.01, loss=loss, skip=skip, time_limit=100)
    assert in_time.verify()
    assert in_time.value == pytest.approx(best, rel=1e-6)
    assert OUT_OF_TIME not in in_time.notes


def test_large_fits_end_on_time() -> None:
    x, Y = noise(100_000)
    fit(x[:50], Y[:50], 0.1)  # compiled before
    began = time.thread_time()
    solution = fit(x, Y, 1e-4, time_limit=0.5)
    assert time.thread_time() - began < 2
    assert solution.solver["status"] == "time limit"


def test_compiled_steps_end_on_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(newton_banded, "are_even", lambda h: False)  # dense matrices, thousands of knots
    monkeypatch.setattr(squared_loss, "max_dense_knots", lambda outputs: 10**6)
    x, Y = noise(1500)
    fit(x[:50], Y[:50], 0.1)
    began = time.thread_time()  # other processes take their part of the clock's time
    solution = fit(x, Y, 1e-7, time_limit=0.2)
    assert time.thread_time() - began < 2
    assert solution.solver["status"] == "time limit"
    assert 0 <= solution.lower_bound <= solution.value


@pytest.mark.parametrize("loss", ["squared", "huber:0.2"])
def test_progress_of_one_input_is_reported_and_changes_nothing(loss: str) -> None:
    x, Y = noise(300, 2)
    told: list[tuple[int, float, float]] = []
    solution = fit(x, Y, 0.02, loss=loss, callback=lambda *round_facts: told.append(round_facts))
    assert [number for number, _, _ in told] == list(range(1, len(told) + 1))
    assert len(told) >= solution.solver["rounds"] > 1
    assert all(lower <= upper for _, upper, lower in told)
    np.testing.assert_array_equal(solution.knot_solution.values, fit(x, Y, 0.02, loss=loss).knot_solution.values)


def test_part_of_the_time_is_kept_for_a_convex_program() -> None:
    """Uneven inputs and weights, a small lam: knot generation would take minutes, the program half a second."""
    rng = np.random.default_rng(0)
    x = np.cumsum(10.0 ** rng.normal(size=400))
    y = np.sin(7 * x / x[-1]) + 0.2 * rng.normal(size=400) > 0
    weights, told = 10.0 ** rng.normal(size=400), list[int]()
    lam = 1e-6 * lambda_max(x, y, loss="hinge", weights=weights)
    began = time.monotonic()
    solution = fit(x, y, lam, loss="hinge", weights=weights, time_limit=3, callback=lambda number, *_: told.append(number))
    assert time.monotonic() - began < 3 + 2  # other processes take their part of the clock's time
    assert solution.solver["method"] == "convex program (knot generation had stopped)"
    assert solution.gap < 0.1
    assert told == list(range(1, len(told) + 1))
    assert solution.lower_bound <= curvature_fit(x, y, lam, loss="hinge", weights=weights).value * (1 + 1e-6)


def test_every_fit_of_a_path_has_its_time() -> None:
    x, Y = noise(200)
    fits = fit_path(x, Y, [1.0, 0.1, 0.01], time_limit=AT_ONCE)
    assert [solution.solver["status"] for solution in fits] == ["time limit"] * 3
    assert all(solution.verify() for solution in fit_path(x, Y, [1.0, 0.1], time_limit=100))


def test_lambda_max_is_found_in_time_or_not_at_all() -> None:
    x, Y = noise(100)
    assert lambda_max(x, Y, time_limit=AT_ONCE) == lambda_max(x, Y)  # of squared losses all that takes is one reading
    with pytest.raises(TimeoutError, match="lambda_max was not found within time_limit; raise it"):
        lambda_max(x, Y, loss="huber:0.2", time_limit=AT_ONCE)
    assert lambda_max(x, Y, loss="huber:0.2", time_limit=100) == lambda_max(x, Y, loss="huber:0.2")
    assert fit(x, Y, 0.1, loss="huber:0.2", time_limit=AT_ONCE).lam_max is None


def test_an_interpolant_out_of_time_still_interpolates() -> None:
    x, Y = noise(40, 2)
    Y[::3, 0] = np.nan
    best = interpolate(x, Y)
    solution = interpolate(x, Y, time_limit=AT_ONCE)
    assert solution.certificate.relative_residual < 1e-9
    assert solution.lower_bound <= best.value * (1 + 1e-9)
    assert solution.value >= best.value * (1 - 1e-6)


# --- thousands of knots, some of them close -----------------------------------------------------------------------------


def test_a_few_close_pairs_of_knots_are_no_obstacle() -> None:
    gaps = np.random.default_rng(0).exponential(size=100_000)  # as of inputs drawn at random
    assert gaps.min() < 5e-5 * gaps.mean()
    assert newton_banded.are_even(gaps)
    clusters = np.tile([1e-6, 1e-6, 1e-6, 1.0], 1000)
    assert not newton_banded.are_even(clusters)


def test_thousands_of_knots_with_a_close_pair_are_certified_soon() -> None:
    x = np.arange(5000.0)
    x[2500] = x[2499] + 1e-6
    y = np.sin(x) + 0.2 * np.random.default_rng(0).standard_normal(5000)
    solution = fit(x, y, 0.01, time_limit=60)
    assert solution.verify()
    assert len(solution.knots) > 2000


# --- several inputs ---------------------------------------------------------------------------------------------------


def cloud(n: int, inputs: int, seed: int = 0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, inputs))
    return X, np.column_stack([np.abs(X[:, 0]) + 0.1 * rng.standard_normal(n), np.maximum(X[:, 1], 0) - X[:, 0]])


def test_lambda_max_of_several_inputs_is_a_lower_bound_when_time_is_over() -> None:
    X, Y = cloud(12, 4)
    largest = lambda_max(X, Y)
    assert 0 < lambda_max(X, Y, time_limit=AT_ONCE) <= largest
    assert lambda_max(X, Y, time_limit=100) == largest


def test_a_proof_made_in_little_time_is_valid_and_can_be_repeated(tmp_path: Path) -> None:
    X, Y = cloud(12, 4)
    network = interpolate(X, Y, max_iter=3).network
    whole, quick = certify(network, X, Y), certify(network, X, Y, time_limit=1e-3)
    assert quick.lower_bound <= whole.lower_bound
    assert quick.additions == 125_000
    assert all("not proved optimal" in complaint for complaint in quick.complaints(network, X, Y))
    quick.save(tmp_path / "quick.npz")
    again = Certificate.load(tmp_path / "quick.npz")
    assert (again.additions, again.lower_bound) == (quick.additions, quick.lower_bound)
    assert all("not proved optimal" in complaint for complaint in again.complaints(network, X, Y))
    forged = replace(quick, lower_bound=quick.vv_norm, gap=0.0)
    assert any("lower_bound is recorded" in complaint for complaint in forged.complaints(network, X, Y))


def test_certify_ends_its_solver_and_reports_its_rounds() -> None:
    x, Y = noise(100_000)
    line = ReLUNetwork(np.zeros((0, 1)), np.zeros(0), np.zeros((1, 0)), c=[0.0])
    certify(line, x[:50], Y[:50], lam=0.1)  # compiled before
    began, told = time.thread_time(), []
    judged = certify(line, x, Y, lam=1e-4, time_limit=1, callback=lambda *round_facts: told.append(round_facts))
    assert time.thread_time() - began < 4
    assert 0 <= judged.lower_bound <= judged.objective
    assert told


# --- fronts -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("inputs", [1, 2, 5])
def test_a_front_out_of_time_has_valid_bounds_and_says_so(inputs: int) -> None:
    X, Y = cloud(14, max(inputs, 2))
    X = X[:, :inputs]
    told: list[int] = []
    hurried = pareto_front(X, Y, 0.5, mixtures=3, time_limit=AT_ONCE, callback=lambda number, *_: told.append(number))
    assert (hurried.status, told) == ("time limit", [1, 2, 3])
    assert all("not proved to be on the front" in complaint for complaint in hurried.verify().problems)
    if inputs < 5:
        whole = pareto_front(X, Y, 0.5, mixtures=hurried.mixtures, tol=1e-4)
        assert (whole.status, bool(whole.verify())) == ("all mixtures searched", True)
        best = np.einsum("ms,ms->m", whole.mixtures, whole.losses)
        assert np.all(hurried.bounds <= best * (1 + 1e-9))
        assert np.all(np.einsum("ms,ms->m", hurried.mixtures, hurried.losses) >= whole.bounds * (1 - 1e-9))


@pytest.mark.slow  # that such a front ends in time, with valid bounds, is checked by default above
def test_a_front_in_five_inputs_is_found_where_its_bound_is_out_of_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    fits, solve = [], FitProblem.solve

    def counted(*arguments: Any, **options: Any) -> Any:
        fits.append(solve(*arguments, **options))
        return fits[-1]

    monkeypatch.setattr(FitProblem, "solve", counted)
    X, Y = cloud(14, 5)
    front = pareto_front(X, Y, 0.5, mixtures=[[0.5, 0.5]], tol=1e-3)
    assert front.status == "all mixtures searched"
    assert len(fits) <= 15
    assert front.vv_norms[0] == pytest.approx(0.5, rel=1e-6)
    loss = front.losses[0].sum() / 2
    assert 0 <= front.bounds[0] <= loss
    # The price at which the budget is spent, by another way: no fit at half or twice of it does better for its price.
    for factor in (0.5, 1.0, 2.0):
        lam = factor * front.supports[0].lam
        other = fit(X, Y, 2 * lam, tol=1e-3)
        best = (other.certificate.loss + 2 * lam * other.vv_norm) / 2
        assert loss + lam * 0.5 >= best * (1 - 2e-3)
        assert factor != 1 or loss + lam * 0.5 == pytest.approx(best, rel=5e-3)


def test_too_many_points_for_the_time_are_fitted_in_part(monkeypatch: pytest.MonkeyPatch) -> None:
    """The network is no worse than an affine one, and the bound, from some rows, holds for all."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((90, 2))
    Y = np.column_stack([np.abs(X[:, 0]), X[:, 1] ** 2]) + 0.05 * rng.standard_normal((90, 2))
    Y[rng.random(Y.shape) < 0.3], weights = np.nan, 10 ** rng.uniform(-1, 1, (90, 1))
    options: dict[str, Any] = {"loss": ["huber:0.1", "squared"], "weights": weights}
    whole, line = fit(X, Y, 0.5, **options), fit(X, Y, 1e6, **options)
    monkeypatch.setattr("vvnorm.solvers.multivariate.fits._RATE", 1.0)
    part = fit(X, Y, 0.5, time_limit=30, **options)
    assert part.provenance["status"] == "time limit"
    assert "there was no time for all points: 50 of 90 were fitted" in part.notes
    assert whole.value <= part.value <= line.value * (1 + 1e-9)
    assert 0.2 * whole.value < part.lower_bound <= whole.value
    assert part.gap > part.tol
    assert not part.verify()
    assert part.history[-1] == pytest.approx((part.value, part.lower_bound), rel=1e-5)


def test_points_whose_matrices_exceed_the_memory_are_refused_or_fitted_in_part(monkeypatch: pytest.MonkeyPatch) -> None:
    """24 matrices of all pairs of 90 points take 1.56 MB, those of 60 points 0.7 MB."""
    rng = np.random.default_rng(0)
    X, options = rng.standard_normal((90, 2)), {"tol": 1e-3}
    y = np.abs(X[:, 0]) + 0.05 * rng.standard_normal(90)
    monkeypatch.setattr(memory, "available", lambda: 0.7e6)
    words = "90 points of several inputs take about 0.00156 GB, and 0.0007 GB of memory are available"
    with pytest.raises(MemoryError, match=words + "; with a time_limit a random part of them is fitted"):
        fit(X, y, 0.5, **options)
    with pytest.raises(MemoryError, match=words):
        interpolate(X, y, **options)
    part = fit(X, y, 0.5, time_limit=30, **options)
    assert "there was no memory for all points: 60 of 90 were fitted" in part.notes
    assert fit(X, X @ [1.0, 2.0], 0.5, **options).value == pytest.approx(0, abs=1e-20), "a plane needs no matrices"
    monkeypatch.setattr(memory, "available", lambda: 1.6e6)
    whole = fit(X, y, 0.5, **options)
    assert part.lower_bound <= whole.value <= part.value
