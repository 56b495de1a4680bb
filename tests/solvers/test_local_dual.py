"""The dual array from affine fits of blocks of rows."""

import numpy as np
import pytest

from vvnorm import certify, fit
from vvnorm.losses import as_losses
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


def test_other_losses_have_none() -> None:
    x, Y = noisy_sines(20)
    assert local_dual(Problem(x, (Y > 0).astype(float), None, as_losses("logistic", 2)), 0.1, 1.0) is None
