"""The dual array from affine fits of blocks of rows."""

import numpy as np
import pytest

from vvnorm import certify, fit, lambda_max
from vvnorm.api import univariate_fits
from vvnorm.losses import as_losses
from vvnorm.solvers.univariate.fits import any_loss
from vvnorm.solvers.univariate.fits.local_dual import local_dual
from vvnorm.solvers.univariate.fits.problem import Problem
from vvnorm.validation import Array


def noisy_sines(n: int) -> tuple[Array, Array]:
    rng = np.random.default_rng(0)
    x = np.sort(rng.random(n))
    return x, np.column_stack([np.sin(12 * x), np.cos(5 * x)]) + 0.2 * rng.standard_normal((n, 2))


@pytest.mark.parametrize(("lam", "share"), [(1e-1, 0.9), (1e-3, 0.9), (1e-5, 0.4)])
@pytest.mark.parametrize("missing", [False, True])
def test_the_bound_is_near_the_optimum_of_noisy_labels(lam: float, share: float, missing: bool) -> None:
    x, Y = noisy_sines(300)
    rng, weights = np.random.default_rng(1), None
    if missing:
        Y[rng.random(Y.shape) < 0.3], weights = np.nan, 0.1 + rng.random(Y.shape)
    best = fit(x, Y, lam, weights=weights)
    dual = local_dual(Problem(x, Y, weights, as_losses("squared", 2)), lam, 10.0)
    assert dual is not None
    bound = certify(best.network, x, Y, lam=lam, weights=weights, dual=dual).lower_bound
    assert share * best.value <= bound <= best.value


def test_slopes_of_huber_losses_keep_to_delta() -> None:
    x, Y = noisy_sines(200)
    dual = local_dual(Problem(x, Y, None, as_losses("huber:0.2", 2)), 0.01, 10.0)
    assert dual is not None
    assert np.abs(dual).max() <= 0.2
    assert np.abs(dual.sum(axis=0)).max() <= 1e-12
    assert np.abs(x @ dual).max() <= 1e-12
    best = fit(x, Y, 0.01, loss="huber:0.2")
    assert 0.6 * best.value <= certify(best.network, x, Y, lam=0.01, loss="huber:0.2", dual=dual).lower_bound <= best.value


@pytest.mark.parametrize(("x_unit", "y_unit"), [(1.0, 1.0), (1e100, 1.0), (1.0, 1e150)])
def test_fits_that_time_cuts_short_have_a_bound_in_any_unit(x_unit: float, y_unit: float) -> None:
    x, Y = noisy_sines(3000)
    lam = 1e-3 * x_unit * y_unit
    limited = fit(x * x_unit, Y * y_unit, lam, time_limit=1e-9)
    assert any("time_limit ended the search" in note for note in limited.notes)
    sure = fit(x, Y, 1e-3)
    assert 0.85 * sure.value <= limited.lower_bound / y_unit**2 <= sure.value * (1 + 1e-9)


LOSSES = ("huber:0.1", "logistic", "hinge", "one_class:0.3")


def uneven(loss: str, n: int = 150) -> tuple[Array, Array, Array]:
    """Spacings over six decades, a third of the labels missing, weights over two decades."""
    rng = np.random.default_rng(3)
    x = np.sort(np.append(rng.random(n // 2), rng.standard_normal(n - n // 2) ** 3))
    Y = np.column_stack([np.sin(12 * x), np.cos(5 * x)]) + 0.3 * rng.standard_t(2, (n, 2))
    if loss in ("logistic", "hinge"):
        Y = np.where(Y > 0, 1.0, -1.0)
    Y[rng.random(Y.shape) < 1 / 3] = np.nan
    return x, Y, 10 ** rng.uniform(-1, 1, Y.shape)


@pytest.mark.parametrize("loss", LOSSES)
def test_the_bound_is_near_the_optimum_for_losses_with_bounded_slopes(loss: str) -> None:
    x, Y, weights = uneven(loss)
    lam = 1e-3 * lambda_max(x, Y, loss=loss, weights=weights)
    best = fit(x, Y, lam, loss=loss, weights=weights)
    assert best.gap < 1e-3
    problem = Problem(best.X[:, 0], best.Y, best.weights, best.losses)
    options = {"loss": loss, "weights": weights}
    for given in (None, best.dual):
        dual = local_dual(problem, lam, 10.0, given)
        bound = certify(best.network, x, Y, lam=lam, dual=dual, **options).lower_bound
        assert (0.6 if given is None else 0.99) * best.value <= bound <= best.value * (1 + 1e-12)


@pytest.mark.parametrize("loss", LOSSES)
def test_a_solver_that_stops_far_from_the_optimum_leaves_a_bound(loss: str, monkeypatch: pytest.MonkeyPatch) -> None:
    x, Y, weights = uneven(loss)
    lam = 1e-3 * lambda_max(x, Y, loss=loss, weights=weights)
    sure = fit(x, Y, lam, loss=loss, weights=weights)
    monkeypatch.setattr(any_loss, "ROUNDS", 1)
    monkeypatch.setattr(univariate_fits, "_POSED", 0)  # no convex program
    monkeypatch.setattr(univariate_fits, "_POSED_IF_LOOSE", 0)
    stopped = fit(x, Y, lam, loss=loss, weights=weights)
    assert stopped.gap > 1e-2
    assert 0.5 * sure.value <= stopped.lower_bound <= sure.value * (1 + 1e-12)


def test_labels_too_many_for_a_retry_are_posed_as_a_program_if_the_gap_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    x, Y, weights = uneven("hinge", 60)
    monkeypatch.setattr(any_loss, "ROUNDS", 1)
    monkeypatch.setattr(univariate_fits, "_POSED", 0)
    assert fit(x, Y, 0.1, loss="hinge", weights=weights).gap < 1e-5


@pytest.mark.parametrize("skip", [True, False])
def test_outputs_with_one_distinct_input_and_repeats_have_a_bound(skip: bool) -> None:
    x = np.repeat(np.arange(30.0), 2)
    Y = np.column_stack([np.sin(x), np.where(x == 3, np.arange(60.0), np.nan)])
    dual = local_dual(Problem(x, Y, None, as_losses("huber:0.5", 2)), 0.1, 10.0)
    best = fit(x, Y, 0.1, loss="huber:0.5", skip=skip)
    bound = certify(best.network, x, Y, lam=0.1, loss="huber:0.5", skip=skip, dual=dual).lower_bound
    assert (0.8 if skip else 0.3) * best.value <= bound <= best.value * (1 + 1e-12)
