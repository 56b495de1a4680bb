"""Huber losses from the absolute loss to the squared one: deltas far below and far beyond the labels."""

import cvxpy as cp
import numpy as np
import pytest
from commands import XY, runner
from exact_fits import fractions
from scipy.optimize import linprog

from vvnorm import fit, fit_path, lambda_max, pareto_front
from vvnorm.losses import Loss, as_losses, solvable
from vvnorm.verifier.neuron_bound import neuron_bound

FAR = ("huber:1e3", "huber:1e12", "huber:1e16", "huber:1e300")


def data(d, n=24):
    rng = np.random.default_rng(5)
    X = rng.random((n, d))
    return X, np.sin(7 * X[:, 0]) + 0.2 * rng.standard_normal(n)


def exact_lam_max(x, y):
    """Largest |Z| of the least-squares line, in fractions."""
    at, label = fractions(x), fractions(y)
    n = len(at)
    mean, level = sum(at) / n, sum(label) / n
    slope = sum((a - mean) * (b - level) for a, b in zip(at, label, strict=True)) / sum((a - mean) ** 2 for a in at)
    r = [b - level - slope * (a - mean) for a, b in zip(at, label, strict=True)]
    return float(max(abs(sum(q * max(a - knot, 0) for q, a in zip(r, at, strict=True))) for knot in at))


@pytest.mark.parametrize("loss", FAR)
def test_beyond_all_labels_lam_max_is_that_of_squared_losses(loss):
    x, y = data(1)
    assert lambda_max(x, y, loss=loss) == pytest.approx(exact_lam_max(x, y), rel=1e-12)
    X, y = data(2)
    assert lambda_max(X, y, loss=loss) == pytest.approx(lambda_max(X, y), rel=1e-12)
    assert lambda_max(x, y, loss=loss, skip=False) == pytest.approx(lambda_max(x, y, skip=False), rel=1e-12)


@pytest.mark.parametrize("loss", FAR)
@pytest.mark.parametrize("d", [1, 2])
def test_beyond_all_labels_fits_are_those_of_squared_losses(d, loss):
    X, y = data(d, 12)
    lam = 0.1 * lambda_max(X, y)
    squared, huber = fit(X, y, lam), fit(X, y, lam, loss=loss)
    assert huber.value == pytest.approx(squared.value, rel=1e-12)
    assert huber.vv_norm == pytest.approx(squared.vv_norm, rel=1e-9)
    assert huber.losses == as_losses(loss, 1)
    assert huber.verify()


def test_beyond_all_labels_paths_and_fronts_are_those_of_squared_losses():
    x, y = data(1, 12)
    lams = [0.5, 0.05]
    for huber, squared in zip(fit_path(x, y, lams, loss="huber:1e16"), fit_path(x, y, lams), strict=True):
        assert huber.value == pytest.approx(squared.value, rel=1e-12)
    Y = np.column_stack([y, y[::-1]])
    fronts = [pareto_front(x, Y, 2.0, mixtures=3, loss=loss) for loss in ("squared", "huber:1e16")]
    assert fronts[1].losses == pytest.approx(fronts[0].losses, rel=1e-6)
    assert fronts[1].verify()


def test_beyond_all_labels_cross_validation_chooses_what_squared_losses_choose():
    estimators = pytest.importorskip("vvnorm.estimators")
    X, y = data(1)
    squared = estimators.VVNormRegressorCV(5).fit(X, y)
    huber = estimators.VVNormRegressorCV(5, loss="huber:1e20").fit(X, y)
    assert huber.lams_ == pytest.approx(squared.lams_, rel=1e-12)
    assert huber.lam_ == pytest.approx(squared.lam_, rel=1e-12)


def test_beyond_all_labels_the_command_says_what_it_says_of_squared_losses(tmp_path, capsys):
    x, y = data(1, 12)
    path = tmp_path / "data.csv"
    path.write_text("x,y\n" + "".join(f"{a!r},{b!r}\n" for a, b in zip(x[:, 0].tolist(), y.tolist(), strict=True)))
    run = runner(capsys)
    huber, squared = (run("solve", path, *XY, "--lam", "0.05", "--loss", loss) for loss in ("huber:1e16", "squared"))
    assert huber.code == squared.code == 0
    assert {name: huber.facts[name] for name in ("objective", "VV norm", "lam / lam_max")} == {
        name: squared.facts[name] for name in ("objective", "VV norm", "lam / lam_max")
    }


def test_a_delta_between_the_misfits_is_kept():
    y = np.array([[0.0], [1.0], [np.nan], [3.0]])
    # No misfit of a best fit exceeds the root of the squares' sum around the middle of the range.
    most = np.sqrt(1.5**2 + 0.5**2 + 1.5**2)
    for delta, name in ((1.01 * most, "squared"), (0.99 * most, "huber")):
        assert solvable((Loss("huber", delta),), y, None)[0][0].name == name
    # A label of little weight may be missed by more.
    light = np.array([[1.0], [1.0], [1.0], [1e-6]])
    assert solvable((Loss("huber", 1e3),), y, light)[0][0].name == "huber"
    assert solvable((Loss("huber", 1e4),), y, light)[0][0].name == "squared"


@pytest.mark.parametrize("delta", [1e-6, 1e-12, 1e-17, 1e-100])
@pytest.mark.parametrize("d", [1, 2])
def test_below_all_misfits_lam_max_is_that_of_absolute_losses(d, delta):
    X, y = data(d)
    free = np.column_stack([np.ones(len(X)), X])
    # The best dual of absolute losses is the solution of a linear program.
    dual = linprog(-y, A_eq=free.T, b_eq=np.zeros(d + 1), bounds=[(-1, 1)] * len(X)).x
    assert lambda_max(X, y, loss=f"huber:{delta}") / delta == pytest.approx(neuron_bound(X, dual[:, None]), rel=1e-4)


@pytest.mark.parametrize("d", [1, 2])
def test_below_all_misfits_fits_are_those_of_absolute_losses(d):
    X, y = data(d, 10)
    other = fit(X, y, 0.02 * 1e-9, loss="huber:1e-9")
    for delta in (1e-12, 1e-17, 1e-100):
        solution = fit(X, y, 0.02 * delta, loss=f"huber:{delta}")
        assert solution.gap <= (1e-6 if delta >= 1e-17 else 1e-3), delta
        assert solution.value / delta == pytest.approx(other.value / 1e-9, rel=2e-6), delta


@pytest.mark.parametrize("delta", [1e-6, 1e-2, 0.1, 0.5, 3.0])
@pytest.mark.parametrize("skip", [True, False])
def test_a_fit_above_lam_max_is_the_affine_function_that_a_conic_program_finds(delta, skip):
    """Huber's loss is the least (y - u - e)^2 / 2 + delta |e|; the minimiser's residuals show that it is one."""
    rng = np.random.default_rng(3)
    X, Y, weights = rng.standard_normal((14, 2)), rng.standard_normal((14, 2)), 10 ** rng.uniform(-1, 1, (14, 2))
    solution = fit(X, Y, 1e6, loss=f"huber:{delta}", weights=weights, skip=skip)
    u = cp.Variable((3 if skip else 1, 2))
    free = np.column_stack([np.ones(14), X])[:, : u.shape[0]]
    problem = cp.Problem(cp.Minimize(cp.sum(cp.multiply(weights, cp.huber(Y - free @ u, delta))) / 2))
    problem.solve(solver="CLARABEL")
    assert solution.vv_norm == 0
    assert solution.value == pytest.approx(problem.value, rel=1e-7)
    slopes = weights * np.clip(Y - solution.network(X), -delta, delta)
    rounding = 1e-15 * np.sum(weights)  # of values near 1
    assert np.max(np.abs(free.T @ slopes)) <= 1e-12 * np.max(np.abs(slopes)) + rounding
