"""Exact shifts of inputs and labels leave values, proofs and gaps as they are."""

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import vvnorm
from vvnorm.network import ReLUNetwork
from vvnorm.verifier.check import certify_fit
from vvnorm.verifier.shifts import affine, offsets, shifted

LOSSES = {"squared": 1e-9, "huber:0.25": 1e-8, "one_class:0.3": 2e-7}  # what rounding of the bias costs is of first order
SHIFTS = [(0, 2.0**30), (2.0**30, 0), (2.0**30, -(2.0**30))]


def exact_data(d: int, T: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Multiples of 1 / 256, which shifts by 2^30 leave exact."""
    rng = np.random.default_rng(d + 10 * T)
    X = np.unique(rng.integers(0, 1000, (n, d)), axis=0) / 256
    Y = np.sin(2 * X.sum(axis=1))[:, None] * np.arange(1, T + 1) + 0.3 * rng.standard_normal((len(X), T))
    return X, np.round(256 * Y) / 256


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("T", [1, 3])
def test_fits_of_one_input(T: int, loss: str) -> None:
    X, Y = exact_data(1, T, 60)
    most, within = vvnorm.lambda_max(X, Y, loss=loss), LOSSES[loss]
    here = vvnorm.fit(X, Y, 0.01 * most, loss=loss)
    for x_shift, y_shift in SHIFTS:
        x, y = X + x_shift, Y + y_shift
        assert vvnorm.lambda_max(x, y, loss=loss) == pytest.approx(most, rel=1e-9)
        there = vvnorm.fit(x, y, 0.01 * most, loss=loss)
        assert there.value == pytest.approx(here.value, rel=within)
        assert there.gap <= here.gap + within
        assert there.verify()


@pytest.mark.parametrize("loss", ["squared", "huber:0.25", "interpolation"])
@pytest.mark.parametrize(("d", "T"), [(2, 1), (2, 3), (3, 1)])
def test_several_inputs(d: int, T: int, loss: str) -> None:
    X, Y = exact_data(d, T, 14 if d == 2 else 8)
    # Inputs less far: neurons point in any direction, so that their biases are rounded by a part of the shift.
    for x_shift, y_shift in ((0, 2.0**30), (2.0**20, -(2.0**30))):
        x, y, within = X + x_shift, Y + y_shift, 1e-8 if loss == "huber:0.25" else 1e-9
        if loss == "interpolation":
            here, there = vvnorm.interpolate(X, Y), vvnorm.interpolate(x, y)
        else:
            most = vvnorm.lambda_max(X, Y, loss=loss)
            assert vvnorm.lambda_max(x, y, loss=loss) == pytest.approx(most, rel=within)
            here, there = (vvnorm.fit(*data, 0.05 * most, loss=loss) for data in ((X, Y), (x, y)))
        assert there.value == pytest.approx(here.value, rel=within)
        assert there.gap <= here.gap + 1e-8
        assert there.verify()


@pytest.mark.parametrize("convention", [{"skip": False}, {"penalise_bias": True}])
def test_labels_in_other_conventions(convention: dict[str, Any]) -> None:
    X, Y = exact_data(2, 1, 10)
    most = vvnorm.lambda_max(X, Y, **convention)
    here, there = (vvnorm.fit(X, Y + level, 0.05 * most, **convention) for level in (0.0, 2.0**30))
    assert vvnorm.lambda_max(X, Y + 2.0**30, **convention) == pytest.approx(most, rel=1e-9)
    assert there.value == pytest.approx(here.value, rel=1e-9)
    assert there.gap <= here.gap + 1e-8
    assert there.verify()


def test_largest_lam_far_away() -> None:
    X, Y = exact_data(1, 2, 60)
    assert vvnorm.lambda_max(X, Y + 2.0**44) == pytest.approx(vvnorm.lambda_max(X, Y), rel=1e-12)
    assert vvnorm.lambda_max(X + 2.0**44, Y) == pytest.approx(vvnorm.lambda_max(X, Y), rel=1e-12)


@pytest.mark.parametrize("d", [1, 2])
def test_fronts(d: int) -> None:
    X, Y = exact_data(d, 2, 20 if d == 1 else 9)
    here, there = (vvnorm.pareto_front(x, y, 3.0, mixtures=3) for x, y in ((X, Y), (X + 2.0**20, Y + 2.0**30)))
    assert there.verify()
    np.testing.assert_allclose(there.mixtures, here.mixtures, rtol=1e-6)
    np.testing.assert_allclose(there.losses, here.losses, rtol=1e-5)  # each is known to its gap
    decimals = vvnorm.pareto_front(X, 0.1 * Y + 1e9, 3.0, mixtures=3)
    assert decimals.verify()


def test_infinitely_many_auxiliary_outputs() -> None:
    X, Y = exact_data(2, 1, 10)
    here, there = (vvnorm.interpolate(X, Y + level, auxiliary="infinite") for level in (0.0, 2.0**30))
    assert there.verify()
    np.testing.assert_allclose(there.network.A, here.network.A, rtol=1e-9)


def test_networks_that_are_not_optimal_are_no_better_far_away() -> None:
    X, Y = exact_data(2, 1, 10)
    rng = np.random.default_rng(0)
    f = ReLUNetwork(
        np.round(8 * rng.standard_normal((5, 2))) / 8, np.round(8 * rng.standard_normal(5)) / 8, np.ones((1, 5))
    )
    here = certify_fit(f, X, Y, 0.1)
    shift = 2.0**20
    g = ReLUNetwork(f.W, f.b - shift * f.W.sum(axis=1), f.V, c=[2.0**30])  # the same function, exactly
    there = certify_fit(g, X + shift, Y + 2.0**30, 0.1)
    assert there.objective == pytest.approx(here.objective, rel=1e-12)
    assert there.gap == pytest.approx(here.gap, rel=1e-9)
    assert here.gap > 0.1


# --- the shift itself, in rationals -----------------------------------------------------------------------------------


def test_only_what_is_exact_is_taken_off() -> None:
    far = 2.0**40 + np.array([0.5, 3.0, -2.0])
    values = np.column_stack([far, [1e9, 1e9 + 1, np.nan], [0.1, 0.2, 0.35], [2.0**60, 2.0**60 + 2.0**20, -1.0], -far])
    np.testing.assert_array_equal(offsets(values), [2.0**40 - 2, 1e9, 0, 0, -(2.0**40) + 2])
    off = values - offsets(values)
    for row, column in np.argwhere(~np.isnan(values)):
        assert Fraction(off[row, column]) == Fraction(values[row, column]) - Fraction(offsets(values)[column])


@pytest.mark.parametrize("seed", range(3))
def test_affine_functions_are_within_their_error(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, A = rng.standard_normal((20, 4)) * 1e6, rng.standard_normal((3, 4)) * 10.0 ** rng.integers(-8, 8, (3, 4))
    c = -(A @ x[0])
    values, error = affine(x, A, c)
    for i, t in np.ndindex(20, 3):
        exact = sum((Fraction(a) * Fraction(b) for a, b in zip(x[i], A[t], strict=True)), Fraction(c[t]))
        assert abs(Fraction(values[i, t]) - exact) <= Fraction(error[i, t])
    assert np.all(error[0] <= 1e-16 * np.sum(np.abs(A * x[0]), axis=1))  # where terms cancel


@pytest.mark.parametrize("seed", range(3))
def test_shifted_networks_are_within_their_errors(seed: int) -> None:
    rng = np.random.default_rng(seed)
    W, b, V, A, c = (rng.standard_normal(shape) for shape in ((6, 3), 6, (2, 6), (2, 3), 2))
    offset, level = 1e6 * rng.standard_normal(3), 1e9 * rng.standard_normal(2)
    f = ReLUNetwork(W, b - W @ offset, V, A, c - A @ offset + level)
    moved = shifted(f, offset, level)
    assert moved is not None
    for k in range(6):
        exact = sum((Fraction(w) * Fraction(o) for w, o in zip(W[k], offset, strict=True)), Fraction(f.b[k]))
        assert abs(Fraction(moved.network.b[k]) - exact) <= Fraction(moved.b_error[k]) <= Fraction(1, 10**9)
    for t in range(2):
        exact = sum((Fraction(a) * Fraction(o) for a, o in zip(A[t], offset, strict=True)), Fraction(f.c[t]))
        assert abs(Fraction(moved.network.c[t]) - exact + Fraction(level[t])) <= Fraction(moved.c_error[t])
    assert shifted(ReLUNetwork(1e307 * W, b, V, A, c), offset, level) is None
