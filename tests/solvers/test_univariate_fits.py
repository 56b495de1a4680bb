"""The solver of the regularised problem: gaps judged by the independent verifier, equivalences, and the convex program."""

import gc
import math
import os
import signal
import subprocess
import sys
import weakref
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import vvnorm
from vvnorm import Fit, fit, fit_path, lambda_max
from vvnorm.losses import as_losses
from vvnorm.solvers.reference import curvature_fit
from vvnorm.solvers.univariate.fits import loss_passes, squared_loss
from vvnorm.solvers.univariate.fits.dispatch import KnotSolution, Problem, critical_lam, solve
from vvnorm.testing import univariate_datasets

Array = NDArray[np.float64]
LOSSES = ("squared", "logistic", "hinge", "huber:0.5", "one_class:0.2")
CLASSES = ("logistic", "hinge")
SPACINGS = ("uniform", "regular", "heavy", "grid", "clustered", "far")


def spaced(kind: str, n: int, rng: np.random.Generator) -> Array:
    """Sorted inputs, at least two of them distinct."""
    x = {
        "uniform": lambda: np.sort(rng.uniform(0, 1, n)),
        "regular": lambda: np.arange(n) / n,
        "heavy": lambda: np.sort(rng.standard_cauchy(n)),
        "grid": lambda: np.sort(rng.integers(0, max(3, n // 3), n).astype(np.float64)),
        "clustered": lambda: np.cumsum(10.0 ** rng.uniform(-6, 0, n)),
        "decades": lambda: np.cumsum(10.0 ** rng.uniform(-6, 6, n)),
        "far": lambda: 1e9 + np.sort(rng.uniform(0, 1000, n)),
    }[kind]()
    if x[0] == x[-1]:
        x[-1] += 1
    return x


def neighbours(n: int) -> Array:
    """Floats in a row, one ulp apart."""
    x = np.ones(n)
    for i in range(1, n):
        x[i] = np.nextafter(x[i - 1], 2)
    return x


def waves(x: Array, outputs: int, rng: np.random.Generator) -> Array:
    """Noisy waves over ranks, so that close inputs have different labels too."""
    t = np.arange(len(x)) / len(x)
    return np.sin(9 * t[:, None] + np.arange(outputs)) + 0.3 * rng.standard_normal((len(x), outputs))


def sample(losses: tuple[str, ...], n: int, seed: int, spacing: str = "uniform") -> tuple[Array, Array]:
    """Labels as the losses want them; classes that no line separates."""
    rng = np.random.default_rng(seed)
    x = spaced(spacing, n, rng)
    Y = waves(x, len(losses), rng)
    for t, loss in enumerate(losses):
        if loss in CLASSES:
            Y[:, t] = Y[:, t] > 0
            Y[:4, t], Y[-4:, t] = [0, 1, 1, 0], [1, 0, 0, 1]
    return x, Y


def assert_proved(x: Array, Y: Array, lam: float, *, tol: float = 1e-8, **options) -> Fit:
    """Fit, and have the gap certified."""
    solution = fit(x, Y, lam, tol=tol, **options)
    assert solution.gap <= tol, (solution.gap, solution.knot_solution.gap)
    assert solution.verify()
    assert solution.notes in (
        [],
        ["float64 weights cannot represent the fit: the certificate is about its knots and values"],
    )
    return solution


def honest(solution: Fit) -> None:
    """Check that a gap, however large, is owned up to."""
    assert 0 <= solution.gap <= 1
    assert solution.lower_bound <= solution.value
    assert bool(solution.verify()) == (solution.gap <= solution.tol)
    said = ("proved optimal to a relative gap", "no network is optimal")
    assert any(words in note for note in solution.notes for words in said) == (solution.gap > solution.tol)


# --- squared losses: gaps ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize(("n", "outputs"), [(5, 2), (12, 512), (40, 1), (40, 40), (300, 5), (1000, 1)])
@pytest.mark.parametrize("ratio", [0.5, 1e-2])
def test_gaps_of_squared_losses_are_certified(spacing: str, n: int, outputs: int, ratio: float) -> None:
    rng = np.random.default_rng(n)
    x = spaced(spacing, n, rng)
    Y = waves(x, outputs, rng)
    solution = assert_proved(x, Y, ratio * lambda_max(x, Y))
    assert solution.knot_solution.gap <= 1e-8
    assert set(solution.knots) <= set(x[1:-1])


@pytest.mark.parametrize(("n", "outputs"), [(5, 2), (12, 512), (40, 1), (300, 5)])
@pytest.mark.parametrize("ratio", [0.5, 1e-2])
def test_spacings_over_twelve_decades_may_cost_a_digit_or_two_and_say_so(n: int, outputs: int, ratio: float) -> None:
    rng = np.random.default_rng(n)
    x = spaced("decades", n, rng)
    Y = waves(x, outputs, rng)
    solution = fit(x, Y, ratio * lambda_max(x, Y), tol=1e-8)
    honest(solution)
    assert solution.gap <= 1e-6


@pytest.mark.parametrize("spacing", ["uniform", "regular", "grid"])
@pytest.mark.parametrize("ratio", [3.0, 1.001, 0.999, 1e-3, 1e-4, 1e-6])
def test_gaps_over_the_whole_range_of_lam(spacing: str, ratio: float) -> None:
    rng = np.random.default_rng(3)
    x = spaced(spacing, 100, rng)
    Y = waves(x, 2, rng)
    solution = assert_proved(x, Y, ratio * lambda_max(x, Y), tol=1e-8 if ratio > 1e-5 else 1e-6)
    assert (len(solution.knots) == 0) == (ratio > 1)
    assert (solution.vv_norm == 0) == (ratio > 1)


@pytest.mark.parametrize(
    ("spacing", "outputs", "ratio", "weighted"),
    [("uniform", 1, 0.01, False), ("grid", 2, 0.3, False), ("far", 1, 1e-3, False), ("heavy", 2, 0.1, True)],
)
def test_a_million_rows_are_proved(spacing: str, outputs: int, ratio: float, weighted: bool) -> None:
    rng = np.random.default_rng(len(spacing))
    x = spaced(spacing, squared_loss._MANY, rng)
    Y, weights = waves(x, outputs, rng), 10.0 ** rng.uniform(-2, 1, (len(x), 1)) if weighted else None
    solution = fit(x, Y, ratio * lambda_max(x, Y, weights=weights), weights=weights, tol=1e-8)
    assert solution.knot_solution.gap <= 1e-8
    assert solution.gap <= 2e-8


@pytest.mark.parametrize("n", [2, 3, 4])
@pytest.mark.parametrize("outputs", [1, 5])
@pytest.mark.parametrize("ratio", [2.0, 0.5, 1e-6])
def test_two_three_and_four_points(n: int, outputs: int, ratio: float) -> None:
    rng = np.random.default_rng(n)
    x, Y = np.sort(rng.uniform(0, 1, n)), rng.standard_normal((n, outputs))
    if n == 2:
        solution = fit(x, Y, ratio)
        np.testing.assert_allclose(solution(x), Y, atol=1e-14)
        assert (len(solution.knots), solution.vv_norm) == (0, 0)
    else:
        solution = assert_proved(x, Y, ratio * lambda_max(x, Y))
        assert solution.value == pytest.approx(curvature_fit(x, Y, solution.lam).value, rel=1e-6)


@pytest.mark.parametrize("x", [[0, 0, 1], [0, 1, 1], [0, 0, 1, 1], [-1, -1, -1, 2, 2]])
def test_two_distinct_inputs_are_fitted_by_a_line_through_their_means(x: list[float]) -> None:
    """No lam makes a difference, and certainly not one as small as the rounding of lam_max."""
    for seed in range(5):
        Y = np.random.default_rng(seed).standard_normal((len(x), 40))
        assert lambda_max(x, Y) < 1e-12
        for lam in (1.0, 1e-6, 1e-16):
            solution = assert_proved(x, Y, lam)
            assert len(solution.knots) == 0
            for place in set(x):
                np.testing.assert_allclose(solution([place])[0], Y[np.array(x) == place].mean(axis=0), atol=1e-12)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("smooth", [False, True])
@pytest.mark.parametrize(("n", "outputs"), [(12, 1), (300, 3), (3000, 1), (30_000, 2)])
def test_lam_max_is_the_largest_dual_variable_of_the_line(n: int, outputs: int, smooth: bool, weighted: bool) -> None:
    """Wherever its row stands in a block, among steep neighbours or flat ones."""
    for seed in range(4):
        rng = np.random.default_rng([seed, n])
        x, noise = np.sort(rng.uniform(0, 1, n)), rng.standard_normal((n, outputs))
        Y = np.cumsum(noise, axis=0) if smooth else noise
        w = rng.uniform(0.1, 10, (n, 1)) if weighted else np.ones((n, 1))
        line = np.column_stack([np.ones(n), x - x.mean()])
        off = w * (Y - line @ np.linalg.lstsq(np.sqrt(w) * line, np.sqrt(w) * Y, rcond=None)[0])
        Z = np.cumsum(np.cumsum(off, axis=0)[:-1] * np.diff(x)[:, None], axis=0)
        weights = w if weighted else None
        assert lambda_max(x, Y, weights=weights) == pytest.approx(np.linalg.norm(Z, axis=1).max(), rel=1e-9)


INTERRUPTED = """
import signal
import numpy as np
from vvnorm import fit, lambda_max

rng = np.random.default_rng(0)
x = np.sort(rng.random(400))
Y = np.sin(9 * x)[:, None] + 0.3 * rng.standard_normal((400, 2))
lam = 1e-3 * lambda_max(x, Y)
expected = fit(x, Y, lam).knot_solution
signal.signal(signal.SIGALRM, signal.default_int_handler)
hits = 0
for delay in rng.uniform(1e-4, 5e-3, 300):
    try:
        signal.setitimer(signal.ITIMER_REAL, delay)
        fit(x, Y, lam)
        signal.setitimer(signal.ITIMER_REAL, 0)
    except KeyboardInterrupt:
        hits += 1
np.testing.assert_array_equal(fit(x, Y, lam).knot_solution.jumps, expected.jumps)
print(hits)
"""


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timers that raise signals")
def test_ctrl_c_at_any_moment_is_an_exception_and_the_next_fit_is_right() -> None:
    """Compiled code that returns named tuples ends the process: Python code makes them, and that is interrupted."""
    done = subprocess.run([sys.executable, "-c", INTERRUPTED], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    assert int(done.stdout) > 30


@pytest.mark.parametrize(("n", "outputs"), [(5001, 3), (5001, 40), (17, 1)])
def test_two_threads_read_labels_as_one_does(n: int, outputs: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    x = spaced("uniform", n, rng)
    problem = Problem(x, waves(x, outputs, rng), None, as_losses("squared", outputs))
    monkeypatch.setattr(squared_loss, "usable_threads", lambda: 2)
    monkeypatch.setattr(squared_loss, "_SHARED", n * outputs + 1)
    alone = squared_loss.SquaredRounds(problem)
    monkeypatch.setattr(squared_loss, "_SHARED", 1)
    shared = squared_loss.SquaredRounds(problem)
    assert alone.scatter == shared.scatter
    for first, second in zip((alone.line, *alone.blocks), (shared.line, *shared.blocks), strict=True):
        np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("loss", LOSSES)
def test_fits_bend_below_lam_max_and_not_above(loss: str) -> None:
    rng = np.random.default_rng(8)
    x, Y = np.sort(rng.uniform(0, 1, 300)), rng.integers(0, 2, (300, 2)).astype(float)
    Y[rng.random(Y.shape) < 0.1] = np.nan
    critical = lambda_max(x, Y, loss=loss)
    assert len(fit(x, Y, 1.001 * critical, loss=loss).knots) == 0
    assert len(fit(x, Y, 0.995 * critical, loss=loss, tol=1e-9).knots) > 0


@pytest.mark.parametrize("loss", LOSSES[1:])
def test_two_distinct_inputs_leave_nothing_to_bend_for_any_loss(loss: str) -> None:
    x, Y = np.array([0, 0, 2, 2, 2.0]), np.array([1, 0, 1, 0, 1.0])
    assert lambda_max(x, Y, loss=loss) == 0
    for lam in (1.0, 1e-16):
        assert len(assert_proved(x, Y, lam, loss=loss, tol=1e-6).knots) == 0


@pytest.mark.parametrize(
    ("x_scale", "y_scale"), [(1e-150, 1.0), (1e150, 1.0), (1.0, 1e-150), (1.0, 1e150), (1e-100, 1e100)]
)
@pytest.mark.parametrize("ratio", [0.3, 1e-3])
def test_scales_of_inputs_and_labels_carry_over(x_scale: float, y_scale: float, ratio: float) -> None:
    """If x is scaled by a and Y by b, lam scales by a b: then so does the function, and the objective by b^2."""
    rng = np.random.default_rng(5)
    x = spaced("uniform", 50, rng)
    Y = waves(x, 2, rng)
    lam = ratio * lambda_max(x, Y)
    once = assert_proved(x, Y, lam)
    assert lambda_max(x * x_scale, Y * y_scale) == pytest.approx(lam / ratio * (x_scale * y_scale), rel=1e-9)
    again = assert_proved(x * x_scale, Y * y_scale, lam * (x_scale * y_scale))
    np.testing.assert_allclose(again(x * x_scale) / y_scale, once(x), atol=1e-3)
    assert again.value / y_scale / y_scale == pytest.approx(once.value, rel=2e-8)
    by_two = assert_proved(8 * x, Y / 4, 2 * lam)
    np.testing.assert_array_equal(by_two.knot_solution.kinks, 8 * once.knot_solution.kinks)
    np.testing.assert_array_equal(by_two.knot_solution.jumps, once.knot_solution.jumps / 32)


@pytest.mark.parametrize("n", [3, 5, 40, 300])
@pytest.mark.parametrize("ratio", [0.3, 1e-3])
def test_inputs_an_ulp_apart_are_fitted_or_the_gap_is_owned_up_to(n: int, ratio: float) -> None:
    """Multiplying and adding in float64 loses what such inputs differ by; the certificate says how much."""
    x = neighbours(n)
    Y = waves(x, 2, np.random.default_rng(n))
    solution = fit(x, Y, ratio * lambda_max(x, Y), tol=1e-8)
    honest(solution)
    assert solution.gap < 0.5
    # The same data where float64 has room.
    spread = fit((x - 1) * 2.0**52, Y, solution.lam * 2.0**52)
    assert solution.lower_bound <= spread.value * (1 + 1e-9)
    assert spread.lower_bound <= solution.value * (1 + 1e-9)


@pytest.mark.parametrize("kind", ["constant", "line"])
@pytest.mark.parametrize("spacing", ["uniform", "regular", "heavy", "far"])
@pytest.mark.parametrize("ratio", [1e-3, 1.0])
def test_labels_on_a_line_cost_nothing_but_rounding(kind: str, spacing: str, ratio: float) -> None:
    """What is left is rounding, of which relative gaps mean nothing: the fit then owns up to one of 1."""
    rng = np.random.default_rng(2)
    x = spaced(spacing, 60, rng)
    Y = np.full((60, 2), 3.7) if kind == "constant" else 1 + (x[:, None] - x[0]) / (x[-1] - x[0]) * [1, 2]
    solution = fit(x, Y, ratio)
    honest(solution)
    rounding = 64 * 2.0**-52 * (np.abs(Y).max() + np.abs(solution.network.A).max() * np.abs(x).max())  # of f(0), too
    assert solution.value <= 60 * rounding**2
    np.testing.assert_allclose(solution(x), Y, rtol=1e-10)
    assert solution.vv_norm * (x[-1] - x[0]) < 1e-8


@pytest.mark.parametrize("ratio", [0.1, 1e-3, 1e-5])
def test_a_signal_with_two_bends_is_found_with_few_more(ratio: float) -> None:
    x = np.arange(200) / 200
    Y = np.column_stack([np.abs(x - 0.3), np.abs(x - 0.3) + np.maximum(x - 0.6, 0)])
    solution = assert_proved(x, Y, ratio * lambda_max(x, Y), tol=1e-6)
    jumps = np.linalg.norm(solution.knot_solution.jumps, axis=1)
    assert 2 <= np.sum(jumps > 1e-3 * jumps.max()) <= 6  # a gap of 1e-6 leaves room for many small ones
    if ratio < 1e-4:
        far = np.min(np.abs(solution.knots[:, None] - [0.3, 0.6]), axis=1) > 0.011
        assert jumps[far].sum() < 0.01 * jumps.sum()


@settings(max_examples=40)
@given(univariate_datasets(min_points=3, max_points=30, geometry="generic"), st.floats(-4, 0.4))
def test_gaps_at_all_scales_and_spacings(data, exponent: float) -> None:
    lam = 10.0**exponent * lambda_max(data.X, data.Y)
    assert_proved(data.X[:, 0], data.Y, lam, tol=1e-6)


# --- weights and missing labels ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["rows", "rows and zeros", "entries", "entries and zeros", "missing"])
@pytest.mark.parametrize("spacing", ["uniform", "regular", "grid", "clustered"])
@pytest.mark.parametrize("ratio", [0.3, 1e-2])
def test_gaps_with_weights_and_missing_labels(kind: str, spacing: str, ratio: float) -> None:
    rng = np.random.default_rng(11)
    n, T = 80, 3
    x = spaced(spacing, n, rng)
    Y = waves(x, T, rng)
    weights = 10.0 ** rng.uniform(-2, 2, n if "rows" in kind else (n, T))
    if "zeros" in kind:
        weights[rng.random(weights.shape) < 0.3] = 0.0
    if kind == "missing":
        Y[rng.random(Y.shape) < 0.3] = np.nan
        weights = None
    solution = assert_proved(x, Y, ratio * lambda_max(x, Y, weights=weights), weights=weights)
    if spacing in ("uniform", "regular"):
        assert solution.value == pytest.approx(curvature_fit(x, Y, solution.lam, weights=weights).value, rel=3e-6)


@pytest.mark.parametrize(
    "how", ["first output missing", "second output missing", "rows of weight 0", "entries of weight 0"]
)
@pytest.mark.parametrize("losses", [("squared",) * 2, ("one_class:0.3", "hinge"), ("huber:0.5", "logistic")])
@pytest.mark.parametrize("ratio", [0.3, 1e-2])
def test_knots_without_data_on_their_left(how: str, losses: tuple[str, str], ratio: float) -> None:
    """Some of the first knots lie there: jumps in outputs without labels cost nothing, and mean nothing."""
    x, Y = sample(losses, 60, seed=52, spacing="regular")
    weights, hidden = None, x < x[25]
    if "missing" in how:
        Y[hidden, 0 if "first" in how else 1] = np.nan
    elif "rows" in how:
        weights = np.where(hidden, 0.0, 1.0)
    else:
        weights = np.where(hidden[:, None], 0.0, [1.0, 2.0])
    assert_proved(x, Y, ratio * lambda_max(x, Y, loss=losses, weights=weights), loss=losses, weights=weights, tol=1e-6)


@pytest.mark.parametrize("losses", [("squared",) * 2, *[(loss,) for loss in LOSSES[1:]], LOSSES])
def test_weight_two_is_an_entry_twice_and_weight_zero_a_missing_one(losses: tuple[str, ...]) -> None:
    x, Y = sample(losses, 40, seed=4)
    rng = np.random.default_rng(4)
    weights = rng.integers(1, 3, Y.shape).astype(np.float64)
    twice = np.vstack([Y, np.where(weights == 2, Y, np.nan)])
    lam = 0.1 * lambda_max(x, Y, loss=losses)
    assert same_value(fit(x, Y, lam, loss=losses, weights=weights), fit(np.tile(x, 2), twice, lam, loss=losses))
    rows = rng.integers(1, 4, 40)
    repeated = np.repeat(x, rows), np.repeat(Y, rows, axis=0)
    assert same_value(fit(x, Y, lam, loss=losses, weights=rows), fit(*repeated, lam, loss=losses))
    hidden = rng.random(Y.shape) < 0.2
    hidden[[0, -1]] = False
    without = fit(x, np.where(hidden, np.nan, Y), lam, loss=losses)
    assert same_value(fit(x, Y, lam, loss=losses, weights=np.where(hidden, 0.0, 1.0)), without)


def same_value(first: Fit, second: Fit) -> bool:
    """Whether both are certified, and their objectives agree as closely as the gaps say."""
    assert first.verify()
    assert second.verify()
    return abs(first.value - second.value) <= (first.gap + second.gap + 1e-12) * max(first.value, second.value)


# --- equivalences -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("losses", [(loss,) for loss in LOSSES] + [LOSSES, ("squared", "hinge"), ("logistic",) * 3])
@pytest.mark.parametrize("ratio", [0.5, 0.02])
def test_values_are_those_of_the_convex_program(losses: tuple[str, ...], ratio: float) -> None:
    x, Y = sample(losses, 30, seed=len(losses))
    lam = ratio * lambda_max(x, Y, loss=losses)
    solution = assert_proved(x, Y, lam, loss=losses, tol=1e-6)
    assert solution.value == pytest.approx(curvature_fit(x, Y, lam, loss=losses).value, rel=3e-6)


def test_the_order_of_rows_is_nothing_and_that_of_outputs_is_theirs() -> None:
    rng = np.random.default_rng(0)
    x, Y = sample(LOSSES, 60, seed=1)
    order, outputs = rng.permutation(60), rng.permutation(5)
    lam = 0.1 * lambda_max(x, Y, loss=LOSSES)
    once = fit(x, Y, lam, loss=LOSSES)
    again = fit(x[order], Y[order], lam, loss=LOSSES)
    np.testing.assert_array_equal(once.knot_solution.values, again.knot_solution.values)
    turned = fit(x, Y[:, outputs], lam, loss=[LOSSES[t] for t in outputs])
    assert same_value(once, turned)


def test_outputs_can_be_rotated() -> None:
    rng = np.random.default_rng(1)
    x, Y = sample(("squared",) * 4, 80, seed=2)
    Q = np.linalg.qr(rng.standard_normal((4, 4)))[0]
    lam = 0.05 * lambda_max(x, Y)
    assert lambda_max(x, Y @ Q.T) == pytest.approx(lam / 0.05, rel=1e-10)
    once, turned = assert_proved(x, Y, lam, tol=1e-10), assert_proved(x, Y @ Q.T, lam, tol=1e-10)
    np.testing.assert_allclose(turned(x), once(x) @ Q.T, atol=1e-4)
    assert same_value(once, turned)


@pytest.mark.parametrize("weighted", [False, True])
def test_shifts_of_inputs_and_affine_functions_on_labels_change_the_affine_part_only(weighted: bool) -> None:
    x, Y = sample(("squared",) * 2, 80, seed=3)
    weights = np.random.default_rng(3).uniform(0.1, 2, Y.shape) if weighted else None
    lam = 0.05 * lambda_max(x, Y, weights=weights)
    once = assert_proved(x, Y, lam, weights=weights)
    moved = assert_proved(x + 5.0, Y, lam, weights=weights)
    line = 3 + np.outer(x, [-20.0, 7.0])
    lifted = assert_proved(x, Y + line, lam, weights=weights)
    assert moved.value == pytest.approx(once.value, rel=2e-8)
    assert lifted.value == pytest.approx(once.value, rel=2e-8)
    assert lifted.vv_norm == pytest.approx(once.vv_norm, rel=1e-4)
    np.testing.assert_allclose(moved(x + 5.0), once(x), atol=1e-3)
    np.testing.assert_allclose(lifted(x) - line, once(x), atol=1e-3)


@pytest.mark.parametrize("losses", [(loss,) for loss in LOSSES] + [LOSSES])
def test_warm_starts_are_as_good_as_cold_ones(losses: tuple[str, ...]) -> None:
    x, Y = sample(losses, 60, seed=6)
    lams = np.array([1.5, 0.5, 0.1, 0.02]) * lambda_max(x, Y, loss=losses)
    for warm in fit_path(x, Y, lams, loss=losses):
        assert same_value(warm, fit(x, Y, warm.lam, loss=losses))


def test_a_start_from_any_other_lam_does_no_harm() -> None:
    x, Y = sample(("squared", "squared"), 60, seed=7)
    problem = Problem(x, Y, None, as_losses("squared", 2))
    lams = critical_lam(problem) * np.array([2.0, 0.1, 1e-3])
    starts = [solve(problem, lam) for lam in lams]
    for lam in lams:
        cold = solve(problem, lam, tol=1e-9)
        for start in starts:
            warm = solve(problem, lam, tol=1e-9, start=start)
            assert isinstance(warm, KnotSolution)
            assert warm.gap <= 1e-9
            np.testing.assert_allclose(
                np.interp(x, warm.knots, warm.values[:, 0]), np.interp(x, cold.knots, cold.values[:, 0]), atol=1e-3
            )


@pytest.mark.parametrize("losses", [(loss,) for loss in LOSSES] + [LOSSES, ("squared",) * 3])
@pytest.mark.parametrize("spacing", ["uniform", "regular"])
def test_lambda_max_is_where_bending_begins(losses: tuple[str, ...], spacing: str) -> None:
    x, Y = sample(losses, 40, seed=8, spacing=spacing)
    critical = lambda_max(x, Y, loss=losses)
    above, below = (assert_proved(x, Y, factor * critical, loss=losses, tol=1e-6) for factor in (1.0001, 0.99))
    assert (above.vv_norm, len(above.knots)) == (0, 0)
    assert below.vv_norm > 0
    assert above.lam_max == below.lam_max == critical


@pytest.mark.parametrize("losses", [("squared",), LOSSES])
def test_the_same_call_gives_the_same_bits(losses: tuple[str, ...]) -> None:
    x, Y = sample(losses, 60, seed=9)
    lam = 0.03 * lambda_max(x, Y, loss=losses)
    first, second = (fit(x, Y, lam, loss=losses).knot_solution for _ in range(2))
    for name in ("kinks", "jumps", "slope", "value", "knots", "values"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))
    assert (first.gap, first.rounds, first.steps) == (second.gap, second.rounds, second.steps)


@pytest.mark.parametrize("weighted", [False, True])
def test_room_for_knots_grows_without_a_trace(weighted: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    x = spaced("uniform", 400, rng)
    Y = np.sin(20 * x[:, None] + np.arange(2)) + 0.3 * rng.standard_normal((400, 2))
    weights = rng.uniform(0.5, 2, (400, 1)) if weighted else None
    lams = [lambda_max(x, Y, weights=weights) * 10.0**-k for k in range(1, 5)]
    ample = fit_path(x, Y, lams, weights=weights)
    monkeypatch.setattr("vvnorm.solvers.univariate.fits.squared_loss._KNOTS", 2)
    for first, second in zip(ample, fit_path(x, Y, lams, weights=weights), strict=True):
        assert (first.knot_solution.rounds, first.knot_solution.steps) == (
            second.knot_solution.rounds,
            second.knot_solution.steps,
        )
        np.testing.assert_array_equal(first.knots, second.knots)
        np.testing.assert_array_equal(first.knot_solution.jumps, second.knot_solution.jumps)
        np.testing.assert_array_equal(first.knot_solution.values, second.knot_solution.values)


def test_what_is_found_is_one_function_said_in_three_ways() -> None:
    x, Y = sample(("squared", "huber:0.5"), 60, seed=10)
    solution = solve(Problem(x, Y, None, as_losses(["squared", "huber:0.5"], 2)), 0.1)
    np.testing.assert_array_equal(solution.knots, np.concatenate([x[:1], solution.kinks, x[-1:]]))
    assert solution.centre == x[0]
    bends = np.maximum(solution.knots[:, None] - solution.kinks, 0) @ solution.jumps
    np.testing.assert_allclose(
        solution.value + (solution.knots - solution.centre)[:, None] * solution.slope + bends, solution.values, atol=1e-10
    )
    assert solution.rounds >= 1
    assert solution.seconds > 0


# --- other losses -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("n", [20, 100, 300])
@pytest.mark.parametrize("ratio", [0.3, 0.01])
def test_gaps_of_each_loss_on_a_regular_grid(loss: str, n: int, ratio: float) -> None:
    x, Y = sample((loss,), n, seed=n, spacing="regular")
    assert_proved(x, Y, ratio * lambda_max(x, Y, loss=loss), loss=loss, tol=1e-6)


@pytest.mark.parametrize("seed", range(12))
def test_gaps_of_mixed_losses_on_a_regular_grid(seed: int) -> None:
    rng = np.random.default_rng(seed)
    losses = tuple(rng.choice(LOSSES, rng.integers(2, 5)).tolist())
    x, Y = sample(losses, int(rng.integers(20, 150)), seed, "regular")
    weights = None if seed % 2 else 10.0 ** rng.uniform(-1, 1, Y.shape)
    lam = 10.0 ** rng.uniform(-2, 0) * lambda_max(x, Y, loss=losses, weights=weights)
    assert_proved(x, Y, lam, loss=losses, weights=weights, tol=1e-6)


@pytest.mark.parametrize("loss", CLASSES)
@pytest.mark.parametrize("n", [6, 40, 300])
def test_separated_classes_end_soon_and_are_said_to_be(loss: str, n: int) -> None:
    """There is no logistic minimiser, or one of no cost at all for hinge."""
    x, y = np.arange(float(n)), (np.arange(n) >= n // 2).astype(np.float64)
    solution = fit(x, y, 0.1, loss=loss)
    honest(solution)
    assert solution.value < 1e-8 * n
    assert solution.knot_solution.rounds < 100
    assert np.all((solution(x)[:, 0] > 0) == (y > 0))
    assert any("separates its classes" in note for note in solution.notes) == (loss == "logistic")


@pytest.mark.parametrize("loss", CLASSES)
@pytest.mark.parametrize("lam", [0.01, 1.0])
def test_classes_that_touch_at_one_input_are_proved(loss: str, lam: float) -> None:
    """A steep line through x = 4: what is left is the loss there, 2 log 2 for logistic and 2 for hinge."""
    x, y = np.array([0, 1, 2, 3, 4, 4, 5, 6, 7.0]), np.array([0, 0, 0, 0, 0, 1, 1, 1, 1.0])
    solution = assert_proved(x, y, lam, loss=loss, tol=1e-6)
    assert solution.value == pytest.approx(2 * math.log(2) if loss == "logistic" else 2, rel=1e-6)


def test_dual_variables_at_the_ends_of_their_domain_are_proved() -> None:
    x, y = np.array([0, 1, 2, 3, 3, 4, 8, 15]) / 15, [0, 1, 1, 0, 0, 0, 0, 0]
    solution = assert_proved(x, np.array(y, dtype=np.float64), 0.5, loss="hinge", tol=1e-6)
    assert solution.value == pytest.approx(4, rel=1e-6)
    assert solution.gap <= 2 * solution.knot_solution.gap + 1e-12


def test_dual_values_of_separated_hinge_labels_are_zero_however_close_to_it_the_iteration_ends() -> None:
    """Only the labels at x = 5, and at x = -3, are not separated: the sums of the others must vanish exactly."""
    x, y = [2, 3, 5, 5, 5, 5, 3, 4, -1], [0, 0, 1, 1, 1, 0, 0, 0, 0]
    weights = [
        [0.6327429162739009], [0.6990039557851816], [1.012007527019894], [0.2714659148532565], [3.174005534681002],
        [2.581999354065621], [0.20801812181704993], [0.9918752632580428], [7.008751124740525],
    ]  # fmt: skip
    solution = fit(x, y, 0.018, loss="hinge", weights=weights)
    assert solution.verify()
    assert solution.value == pytest.approx(2 * 2.581999354065621, rel=1e-6)
    x, nan = [-2, -1, -4, -3, -5, -3, -1, 5, -3, -2, -2], np.nan
    Y = [
        [nan, 2], [0, nan], [1, -2], [1, 3], [1, -3], [nan, -3], [0, 1], [0, nan], [0, 0], [nan, 3], [0, -3],
    ]  # fmt: skip
    weights = [
        [2.22, 2.38], [0.383, 2.51], [2.89, 0.284], [3.32, 5.07], [7.35, 0.632], [4.73, 0.219], [2.05, 2.7], [2.44, 3.44],
        [0.292, 5.02], [0.162, 2.61], [1.75, 0.349],
    ]  # fmt: skip
    for tol in (1e-4, 1e-6, 1e-8):
        assert fit(x, Y, 0.82, loss=["hinge", "one_class:0.2"], weights=weights, tol=tol).gap <= tol


def test_a_steep_line_beside_other_outputs_is_proved() -> None:
    """Hinge labels that touch at x = 3 take a slope of 1e4: what makes their dual array orthogonal is as steep."""
    x = np.array([0, 0, 0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 4, 4.0])
    scores = waves(x, 2, np.random.default_rng(0))
    classes = np.array([[np.nan] * 8 + [1, 1, 1, 1, 0, 0, 0]]).T
    Y, losses = np.column_stack([scores, classes]), ("one_class:1", "one_class:0.1", "hinge")
    weights = np.random.default_rng(1).uniform(0.2, 2, (15, 1))
    for ratio in (0.5, 0.1, 0.01):
        solution = assert_proved(
            x, Y, ratio * lambda_max(x, Y, loss=losses, weights=weights), loss=losses, weights=weights, tol=1e-6
        )
        assert solution.gap <= 2 * solution.knot_solution.gap + 1e-12


@pytest.mark.parametrize("seed", [76, 232, 398])
def test_patience_is_for_when_the_objective_is_back_from_where_corners_begin(seed: int) -> None:
    """From the line, whose objective is low, the method rises threefold, and takes a dozen rounds to return."""
    rng, losses = np.random.default_rng(seed), ("one_class:0.9", "huber:0.5")
    x = np.sort(rng.integers(0, 17, 50)).astype(np.float64)
    Y = np.sin(9 * np.arange(50)[:, None] / 50 + np.arange(2)) + 0.4 * rng.standard_normal((50, 2))
    weights = 10.0 ** rng.uniform(-3, 1, Y.shape)
    solution = fit(x, Y, 1e-4 * lambda_max(x, Y, loss=losses, weights=weights), loss=losses, weights=weights)
    honest(solution)
    assert solution.gap <= 1e-4


def second_sums(x: Array, R: Array, at: Array) -> Array:
    """Sum over x_i < a of (a - x_i) R_i, by its definition."""
    return np.maximum(at[:, None] - x, 0).astype(np.longdouble) @ R.astype(np.longdouble)


@pytest.mark.parametrize("seed", range(40))
def test_balanced_dual_values_have_the_sums_that_are_asked_for(seed: int) -> None:
    """What is asked for can be had: sums of other dual values with the same curvatures, up to factors of 1e12."""
    rng = np.random.default_rng(seed)
    n, T, decades = int(rng.integers(3, 60)), int(rng.integers(1, 4)), (0, 3, 6)[seed % 3]
    x = np.sort(rng.integers(0, 2 * n, n) / n if seed % 2 else rng.uniform(0, 1, n))
    curvature = 10.0 ** rng.uniform(-decades, decades, (n, T)) * (rng.random((n, T)) < 0.7)
    curvature[rng.integers(n, size=2)] = 1.0
    dual = rng.standard_normal((n, T)) * (curvature > 0)
    others = np.searchsorted(x, rng.choice(x, int(rng.integers(0, 6))))
    rows = np.unique(np.concatenate([[0], others, [np.searchsorted(x, x[-1])]]))
    # g is a line less what takes the sums of all, and the moments, away: then Z vanishes at both ends.
    wanted = np.zeros_like(dual)
    for t in range(T):
        A = np.column_stack([np.ones(n), x - x.mean()])
        trial = dual[:, t] + curvature[:, t] * np.interp(x, x[rows], rng.standard_normal(len(rows)) * 1e-3)
        wanted[:, t] = trial - curvature[:, t] * (
            A @ np.linalg.lstsq(A.T @ (curvature[:, [t]] * A), A.T @ trial, rcond=None)[0]
        )
    z = second_sums(x, wanted, x[rows]).astype(np.float64)
    out, grid, work = np.empty_like(dual), np.empty(len(rows), np.int64), np.empty((12, len(rows)))
    loss_passes.restore_moments(x, rows, z, dual, curvature, out, grid, work)
    scale = (np.abs(dual) + np.abs(wanted)).sum(axis=0)
    assert (np.abs(second_sums(x, out, x[rows])[1:-1] - z[1:-1]) <= 1e-9 * scale).all()
    assert (np.abs(out.sum(axis=0)) <= 1e-12 * scale).all()
    assert (np.abs(x @ out) <= 1e-12 * scale).all()
    assert not out[curvature == 0].any()


@pytest.mark.parametrize("ratio", [1e-3, 1e-4])
@pytest.mark.parametrize("seed", range(10))
def test_losses_with_corners_are_proved_at_small_lam(ratio: float, seed: int) -> None:
    """Weights over four decades, uneven inputs and missing labels: rounding must not reach the dual values' sums."""
    rng = np.random.default_rng(seed)
    x = np.cumsum(10.0 ** rng.uniform(-4, 0, 50))
    losses = tuple(rng.permutation(["one_class:0.05", "huber:0.05", "hinge", "logistic"])[: 1 + seed % 4])
    Y = np.sin(9 * x / x[-1])[:, None] + 0.4 * rng.standard_normal((50, len(losses)))
    for t, loss in enumerate(losses):
        if loss in CLASSES:
            Y[:, t] = Y[:, t] > 0
    Y[rng.random(Y.shape) < 0.1] = np.nan
    weights = 10.0 ** rng.uniform(-3, 1, Y.shape)
    assert_proved(x, Y, ratio * lambda_max(x, Y, loss=losses, weights=weights), loss=losses, weights=weights, tol=1e-5)


# --- compilation ------------------------------------------------------------------------------------------------------


def test_nothing_is_compiled_at_import_and_kernels_are_cached_on_disk(tmp_path: Path) -> None:
    start = (
        "import numba.core.event as event, numpy as np\n"
        "with event.install_recorder('numba:compile') as seen:\n"
        "    import {}\n"
        "    from vvnorm.solvers.univariate.fits.knot_selection import dual_totals\n"
        "sizes = dual_totals(np.ones((4, 1)), np.zeros((4, 1)), np.zeros(3, dtype=np.int64), np.zeros(3))[0]\n"
        "stats = dual_totals.stats\n"
        "print(len(seen.buffer), sum(stats.cache_hits.values()), sum(stats.cache_misses.values()), sizes)\n"
    )
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path), "PYTHONPATH": str(Path(vvnorm.__file__).parents[1])}
    everything = (
        "vvnorm.solvers.univariate.fits.dispatch, vvnorm.verifier.line_fit_kernels, vvnorm.estimators, vvnorm.api.fits"
    )
    runs = [
        subprocess.run(
            [sys.executable, "-c", start.format(modules)], env=environment, capture_output=True, text=True, check=True
        ).stdout.split()
        for modules in (everything, "vvnorm.solvers.univariate.fits.dispatch")
    ]
    assert runs == [["0", "0", "1", "2.0"], ["0", "1", "0", "2.0"]]
    assert list(tmp_path.rglob("*.nbi"))


def test_what_is_made_of_a_problem_goes_with_it() -> None:
    for losses in (("squared",), ("huber",)):
        x, Y = sample(losses, 40, seed=3)
        problem = Problem(x, Y, None, as_losses(losses, 1))
        solve(problem, 0.1)
        gone = weakref.ref(problem)
        del problem
        gc.collect()
        assert gone() is None
