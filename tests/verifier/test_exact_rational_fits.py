"""Certificates of fits of one input against exact arithmetic, at ratios of parameter, label, weight and lam far apart."""

from fractions import Fraction

import mpmath
import numpy as np
import pytest
from exact_fits import dual_bound, objective
from hypothesis import given, settings
from hypothesis import strategies as st

from vvnorm import fit
from vvnorm.losses import as_loss
from vvnorm.piecewise import PiecewiseLinear
from vvnorm.verifier.check import certify_fit

NAMES = ("squared", "huber", "hinge", "one_class", "logistic")
ROUNDING = 66 * 2.0**-52  # of an objective, as the verifier states it for one output


def as_number(value):
    """A fraction as a number of 60 digits."""
    return mpmath.mpf(value.numerator) / value.denominator if isinstance(value, Fraction) else value


@st.composite
def cases(draw):
    """Data, loss, lam and weights with magnitudes far apart, and a function near or far from the best."""
    name = draw(st.sampled_from(NAMES))
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    order = draw(st.sampled_from([0, 3, 12, 60, -60]))
    n = draw(st.integers(3, 9))
    x = np.sort(rng.random(n)) * 10.0 ** draw(st.sampled_from([0, 40, -40]))
    scale = 1.0 if name in ("hinge", "logistic") else 10.0**order
    y = scale * (np.sin(7 * np.arange(n)) + 0.2 * rng.standard_normal(n))
    if name in ("hinge", "logistic"):
        y = np.where(y > 0, 1.0, -1.0 if name == "hinge" else 0.0)
    parameter = {"huber": scale * 10.0 ** draw(st.sampled_from([0, -1, -6, -12, -30, -100, 6, 30])), "one_class": 0.3}
    loss = as_loss(f"{name}:{parameter[name]!r}" if name in parameter else name)
    spread = draw(st.sampled_from([0, 2, 12]))
    weights = 10.0 ** (rng.uniform(-spread, spread, n) + draw(st.sampled_from([0, 40, -40])))
    reach = scale * scale if name == "squared" else min(loss.parameter, scale) * scale if name == "huber" else scale
    lam = weights.max() * x[-1] * reach / scale * 10.0 ** draw(st.floats(-9, 1))
    pieces = PiecewiseLinear(x, y + scale * 10.0 ** draw(st.sampled_from([0, -1, -4, -12])) * rng.standard_normal(n))
    return loss, x, y, float(lam), weights, pieces


def assert_valid(judged, exact, bound):
    """Objectives are right to the rounding that is allowed for; no bound is above what is possible, nor a gap too small."""
    with mpmath.workdps(60):
        exact, bound = as_number(exact), as_number(bound)
        assert abs(mpmath.mpf(judged.objective) - exact) <= ROUNDING * exact
        assert mpmath.mpf(judged.lower_bound) <= bound
        assert mpmath.mpf(judged.gap) * exact * (1 + ROUNDING) >= exact - bound


@settings(max_examples=150)
@given(cases(), st.sampled_from(["own", "exact", "half", "noise"]), st.integers(0, 2**16))
def test_certificates_of_any_function_hold_in_exact_arithmetic(case, kind, seed):
    loss, x, y, lam, weights, pieces = case
    rng = np.random.default_rng(seed)
    flat = PiecewiseLinear(x[[0, -1]], np.repeat(np.median(y), 2) if loss.name not in ("hinge", "logistic") else [0, 0])
    costs = [objective(function, x, y, lam, loss, weights) for function in (pieces, flat)]
    noise = rng.standard_normal(len(x)) * weights * 10.0 ** rng.uniform(-9, 9)
    dual = {"own": None, "exact": 0 * noise, "half": weights * 0.5, "noise": noise}[kind]
    for function, cost in zip((pieces, flat), costs, strict=True):
        assert_valid(certify_fit(function, x, y, lam, loss=loss, weights=weights, dual=dual), cost, min(costs))


@pytest.mark.parametrize(
    "loss", ["squared", "hinge", "one_class:0.2", *(f"huber:{10.0**k!r}" for k in (-12, -6, -1, 1, 9))]
)
@pytest.mark.parametrize("scale", [1.0, 1e12])
def test_what_fits_claim_is_what_their_arrays_prove(loss, scale):
    rng = np.random.default_rng(3)
    x = np.sort(rng.random(30))
    y = np.sin(7 * x) + 0.2 * rng.standard_normal(30)
    loss = as_loss(loss)
    lam = 0.02 * min(loss.parameter, 1.0) if loss.name == "huber" else 0.02
    if loss.name == "hinge":
        y = np.where(y > 0, 1.0, -1.0)
    elif loss.name in ("squared", "huber"):
        y, lam = y * scale, lam * scale
        loss = as_loss(f"huber:{loss.parameter * scale!r}") if loss.name == "huber" else loss
    else:
        y = y * scale
    fitted = fit(x, y, lam, loss=loss)
    exact = objective(fitted.function, x, y, lam, loss)
    dual = fitted.knot_solution.dual if fitted.knot_solution.dual is not None else y - fitted(x)[:, 0]
    bound = dual_bound(dual, x, y, lam, loss)
    assert abs(Fraction(fitted.value) - exact) <= Fraction(ROUNDING) * exact
    assert Fraction(fitted.lower_bound) <= exact
    # Both bounds are proved; they are made from the same array, by rules of their own.
    assert fitted.gap == pytest.approx(float((exact - bound) / exact), rel=0.1, abs=1e-12)
    assert fitted.gap <= 1e-6
