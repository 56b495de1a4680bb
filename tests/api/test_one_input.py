"""Fits and interpolants of one input in degenerate cases: labels at a single input, few points, other conventions."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray

import vvnorm.api.univariate_fits
from vvnorm import fit, fit_path, interpolate, lambda_max
from vvnorm.api.fits import warm_fits

Array = NDArray[np.float64]
nan = math.nan

# --- outputs with labels at one input only ----------------------------------------------------------------------------


def test_labels_at_one_of_two_inputs_are_fitted_by_their_mean() -> None:
    solution = fit([0.5, 0.5, 0.2], [0.2, 2.1, nan], 0.05, weights=[3.7, 1.8, 6.9])
    mean = (3.7 * 0.2 + 1.8 * 2.1) / 5.5
    assert solution.value == pytest.approx(3.7 * (0.2 - mean) ** 2 / 2 + 1.8 * (2.1 - mean) ** 2 / 2, rel=1e-12)
    assert solution.value == pytest.approx(2.185690909, rel=1e-9)
    assert solution.verify()
    np.testing.assert_allclose(solution([-10.0, 0.2, 0.5, 10.0]), np.full((4, 1), mean), rtol=1e-12)
    assert solution.lam_max == lambda_max([0.5, 0.5, 0.2], [0.2, 2.1, nan], weights=[3.7, 1.8, 6.9]) == 0


@pytest.mark.parametrize(
    ("loss", "constant", "lost"),
    [
        ("squared", 1.25, 3 * 0.25**2 / 2 + 0.75**2 / 2),  # labels 1 with weight 3 and 2 with weight 1
        ("huber:0.5", 7 / 6, 3 * (1 / 6) ** 2 / 2 + 0.5 * (5 / 6 - 0.25)),  # 3 (c - 1) = 0.5, as 2 - c exceeds 0.5
        ("one_class:0.2", 1.0, 0.2),  # the quantile
    ],
)
@pytest.mark.parametrize("beside", ["squared", "hinge"])
def test_an_output_with_labels_at_one_input_leaves_the_others_alone(
    loss: str, constant: float, lost: float, beside: str
) -> None:
    """The objective is the constant's loss, by hand, plus the objective of the other output fitted alone."""
    x = np.array([0.0, 1.0, 1.0, 2.0, 3.0])
    other = np.array([0.3, 1.0, 1.0, 0.0, 1.5]) if beside == "squared" else np.array([0.0, 1.0, 1.0, 0.0, 1.0])
    Y = np.column_stack([[nan, 1.0, 2.0, nan, nan], other])
    weights = np.column_stack([[1.0, 3.0, 1.0, 1.0, 1.0], np.ones(5)])
    both = fit(x, Y, 0.1, loss=[loss, beside], weights=weights)
    alone = fit(x, other, 0.1, loss=beside)
    assert both.verify()
    assert both.gap < 1e-6
    assert both.value == pytest.approx(alone.value + lost, rel=1e-6)
    np.testing.assert_allclose(both([-5.0, 0.0, 1.0, 9.0])[:, 0], constant, rtol=1e-9)
    assert both.lam_max == pytest.approx(alone.lam_max, rel=1e-9)


def test_labels_without_a_weight_do_not_count() -> None:
    """Only the labels at 1 have a weight in output 0, so the output is their mean everywhere."""
    weights = [[0, 1], [2, 1], [6, 1], [0, 1]]
    solution = fit([0, 1, 1, 2], [[50, 0], [0, 1], [4, 1], [-9, 3]], 0.2, weights=weights)
    assert solution.verify()
    np.testing.assert_allclose(solution([-1.0, 0.0, 2.0, 7.0])[:, 0], 3.0, rtol=1e-12)
    rows = fit([0, 1, 1, 2], [50, 0, 4, -9], 0.2, weights=[0, 2, 6, 0])
    assert (rows.value, bool(rows.verify())) == (pytest.approx(12.0, rel=1e-12), True)
    np.testing.assert_allclose(rows([-1.0, 0.0, 2.0, 7.0])[:, 0], 3.0, rtol=1e-12)


def test_fits_of_a_path_start_from_each_other_beside_such_an_output() -> None:
    rng = np.random.default_rng(0)
    x = np.repeat(np.arange(8.0), 2)
    Y = np.column_stack([rng.standard_normal(16), np.where(x == 3, rng.standard_normal(16), nan), np.sin(x)])
    lams = [1.0, 0.1, 0.01]
    path = fit_path(x, Y, lams)
    rest = fit_path(x, Y[:, [0, 2]], lams)
    lost = float(np.var(Y[6:8, 1]))  # of two labels: half the sum of squares about their mean
    for beside, alone in zip(path, rest, strict=True):
        assert beside.verify()
        assert beside.value == pytest.approx(alone.value + lost, rel=1e-6)
    fit_next = warm_fits(x, Y)
    _, start = fit_next(0.1, None)
    assert fit_next(0.01, start)[0].value == pytest.approx(path[2].value, rel=1e-6)


def test_the_solver_s_gap_is_the_proof_s_where_outputs_have_few_labels() -> None:
    """Two knots and both ends ask more of the dual values of output 1 than its three labels can give."""
    x = [-2.2819621438112163, 2.3689730345039486, 6.695291526492079, -3.081174948025933, 0.34370062607458607]
    Y = [[-3, 2, 1], [nan, -2, 1], [3, 3, 0], [nan, nan, 1], [2, nan, nan]]
    solution = fit(x, Y, 0.0036, loss="huber:0.5")
    assert solution.value == pytest.approx(0.01141694, rel=1e-6)  # of a conic program
    assert solution.gap == pytest.approx(solution.knot_solution.gap, rel=1e-3, abs=1e-9)
    assert solution.verify()


def test_a_program_takes_over_where_knot_generation_stops() -> None:
    """Heavy classes that contradict each other at one input; and output 0 has labels at one input only."""
    x = [4.2, 5.4, 0.8, 0.8, 4.2, 0.0, 0.0, 5.4, 4.2, 0.0, 4.2, 5.4]
    Y = np.column_stack([[nan] * 5 + [0, 1, nan, nan, 1, nan, nan], [1, 1, 0, 0, 0, 1, 1, 1, 1, 1, 0, 0]])
    weights = [9.5, 6.3, 0.06, 0.69, 22.5, 0.36, 18.2, 0.36, 9.0, 16.0, 6.1, 16.2]
    solution = fit(x, Y, 0.0014, loss="logistic", weights=weights)
    assert solution.value == pytest.approx(47.38604032, rel=1e-7)  # of a conic program
    assert solution.gap < 1e-6
    assert solution.verify()
    np.testing.assert_allclose(solution([-9.0, 0.0, 5.0])[:, 0], math.log((18.2 + 16) / 0.36), rtol=1e-9)


@pytest.mark.parametrize(("seed", "points", "outputs", "lam"), [(4, 44, 3, 4e-6), (14, 13, 3, 3e-6), (49, 7, 2, 5e-8)])
def test_quantiles_at_small_lam_are_proved(seed: int, points: int, outputs: int, lam: float) -> None:
    rng = np.random.default_rng(seed)
    x = np.sort(rng.uniform(0, 3, points))
    Y = np.sin(3 * x[:, None] + np.arange(outputs)) + 0.3 * rng.standard_normal((points, outputs))
    solution = fit(x, Y, lam, loss="one_class:0.2")
    assert solution.gap < 1e-6
    assert solution.verify()


# --- biases inside the norm, and two points -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("x", "y", "lam", "value"),
    [
        ([-5, -3, -2, 2, 3], [0, 1, 3, -2, 3], 0.01, 0.25436430),
        ([-3, -2, -1, 1, 4], [0, 1, -2, -1, 3], 0.1, 1.12757787),
    ],
)
def test_biases_inside_the_norm_reach_the_programs_value(x: list[float], y: list[float], lam: float, value: float) -> None:
    solution = fit(x, y, lam, penalise_bias=True)
    assert solution.value == pytest.approx(value, rel=1e-6)
    assert solution.verify()


def test_interpolants_with_biases_inside_the_norm_are_certified() -> None:
    solution = interpolate([-3, 1, 3], [[-1, 1], [-2, 1], [-3, -2]], penalise_bias=True)
    assert solution.certificate.lower_bound == pytest.approx(1.92353841, rel=1e-6)  # of a conic program
    assert solution.verify()


@pytest.mark.parametrize(
    ("x", "Y"), [([3, 2], [[-1.47, -0.276], [1.37, 0.773]]), ([6, 2], [[0.85, 0.56, -0.01], [1.57, 1.15, 1.41]])]
)
def test_two_points_at_which_first_neurons_may_be_zero_are_interpolated(x: list[float], Y: list[list[float]]) -> None:
    for seed in range(40):
        assert interpolate(x, Y, penalise_bias=True, skip=False, seed=seed).verify()


@pytest.mark.parametrize("skip", [True, False])
def test_two_points_with_a_label_missing_cost_nothing_but_a_slope(skip: bool) -> None:
    solution = interpolate([-3, -2], [[nan, -2], [-3, 3]], skip=skip)
    assert solution.value == pytest.approx(0 if skip else 5, rel=1e-9, abs=0)
    assert solution.verify()
    np.testing.assert_allclose(solution([-3.0, -2.0, 10.0])[:, 0], -3, rtol=1e-12)
    np.testing.assert_allclose(solution([-3.0, -2.0])[:, 1], [-2, 3], rtol=1e-12)


@pytest.mark.parametrize(
    ("x", "Y", "lam", "value"),
    [
        ([4, 2, 4, 4, 4], [1, 0, 1, 0, 1], 0.81, -3 * math.log(3 / 4) - math.log(1 / 4)),
        (
            [-2, -1, -2, -2, 5],
            [[1, 1, 0], [0, 1, 0], [0, 1, 1], [0, 0, 0], [0, 1, 0]],
            0.0038,
            -3 * math.log(1 / 3) - 6 * math.log(2 / 3),
        ),
        ([1, 2, -4, 1, 4], [[0, 1, nan], [1, nan, 1], [nan, 0, 0], [1, 1, 1], [1, 0, 0]], 0.0092, 1.5274347),
    ],
)
def test_classes_separated_but_for_one_input_are_proved(x: list[float], Y: Array, lam: float, value: float) -> None:
    """If a line separates all labels but those of one input, the loss at this input is the whole loss."""
    solution = fit(x, Y, lam, loss="logistic", penalise_bias=True)
    assert solution.value == pytest.approx(value, rel=1e-6)
    assert solution.gap < 1e-6
    assert solution.verify()


def test_the_proof_of_a_fit_survives_an_output_separated_but_for_one_input() -> None:
    """Output 2 is all 1 at -4, all 0 at 5, and both at -3: its dual values at -4 and 5 are 0, and rounding leaves 1e-24."""
    Y = [[0, 1, 1], [0, 0, 0], [0, 1, 1], [0, 1, 0], [1, 0, 1]]
    solution = fit([-4, -3, -4, 5, -3], Y, 0.21, loss="logistic")
    assert solution.value == pytest.approx(4.61843335, rel=1e-8)  # of a conic program
    assert solution.gap < 1e-6
    assert solution.verify()


# --- no skip connection, small lam ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seed", "points", "outputs", "loss", "lam", "value"),
    [  # values of a conic program over data points whose objective is brought to about 1
        (17, 45, 3, "logistic", 1.7e-5, 0.275684019),
        (17, 45, 3, "logistic", 1.7e-6, 0.0368621021),
        (13, 54, 3, "hinge", 2.8e-6, 0.0132649323),
        (16, 34, 2, "huber:0.3", 2.0e-6, 0.00296622807),
        (4, 44, 3, "one_class:0.2", 2.7e-6, 0.00774368248),
    ],
)
def test_fits_without_a_skip_connection_reach_the_optimum_at_small_lam(
    seed: int, points: int, outputs: int, loss: str, lam: float, value: float
) -> None:
    rng = np.random.default_rng(seed)
    x = np.sort(rng.uniform(0, 3, points))
    Y = np.sin(3 * x[:, None] + np.arange(outputs)) + 0.3 * rng.standard_normal((points, outputs))
    Y = (Y > 0).astype(np.float64) if loss in ("logistic", "hinge") else Y
    solution = fit(x, Y, lam, loss=loss, skip=False)
    assert solution.value == pytest.approx(value, rel=1e-6)
    assert solution.gap < 1e-6
    assert solution.verify()


def test_where_no_program_reaches_the_tolerance_neurons_are_generated(monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.linspace(0, 3, 20)
    y = np.sin(3 * x)
    expected = fit(x, y, 1e-4, skip=False)
    monkeypatch.setattr(vvnorm.api.univariate_fits, "_EXPONENTS", ())
    solution = fit(x, y, 1e-4, skip=False)
    assert solution.value == pytest.approx(expected.value, rel=2e-6)
    assert solution.verify()
    assert "column generation" in solution.solver["method"]
    assert not solution.network.A.any()


@pytest.mark.parametrize("loss", ["hinge", "squared", "huber:1", "one_class:0.3"])
def test_without_a_skip_connection_what_a_constant_fits_is_fitted_by_one(loss: str) -> None:
    solution = fit([1, 2, -4], [1, 1, 1], 1.2, loss=loss, skip=False)
    assert (solution.value, solution.gap, solution.network.n_neurons, bool(solution.verify())) == (0, 0, 0, True)
