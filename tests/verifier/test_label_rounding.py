"""Labels that are affine but for rounding: what is proved of their fits, and that nothing else is excused."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from commands import runner

import vvnorm
from vvnorm.network import ReLUNetwork
from vvnorm.tolerances import LABEL_ROUNDING
from vvnorm.verifier.check import certify_fit

LOSSES = ("squared", "huber:0.1", "one_class:0.3")
LINES = {
    "tenths": 0.1 * np.arange(8),
    "three outputs": np.column_stack([0.1 * np.arange(8), 0.3 * np.arange(8) - 7, 1e9 * np.arange(8) / 3]),
    "far from 0": 0.1 * np.arange(8) + 1e9,
    "constant but for one rounding": np.where(np.arange(8) % 2, 0.1, np.nextafter(0.1, 1)),
    "a label is missing": np.where(np.arange(8) == 3, np.nan, 0.1 * np.arange(8)),
}
PLANE = np.array([[0.1, 0.7], [0.3, 0.2], [0.9, 0.6], [0.4, 0.8], [0.25, 0.35], [0.6, 0.1], [0.8, 0.9]])


def exact_loss(loss: str, u: Fraction, y: Fraction) -> Fraction:
    off, parameter = u - y, Fraction(loss.partition(":")[2] or "1")
    if loss == "squared":
        return off * off / 2
    if loss.startswith("huber"):
        near = min(abs(off), parameter)
        return near * (abs(off) - near / 2)
    return max(-parameter * off, (1 - parameter) * off)


def lost_exactly(network: ReLUNetwork, X: np.ndarray, Y: np.ndarray, loss: str) -> list[Fraction]:
    """Losses of a network without neurons, output by output, in rationals."""
    assert network.n_neurons == 0
    lost = [Fraction(0)] * Y.shape[1]
    for x, labels in zip(X.tolist(), Y.tolist(), strict=True):
        for t, y in enumerate(labels):
            if y == y:
                u = sum((Fraction(a) * Fraction(b) for a, b in zip(network.A[t].tolist(), x, strict=True)), Fraction(0))
                lost[t] += exact_loss(loss, u + Fraction(float(network.c[t])), Fraction(y))
    return lost


def largest_rounding(loss: str, Y: np.ndarray) -> list[Fraction]:
    """What labels lose if each is moved by `LABEL_ROUNDING` of the largest, in rationals."""
    changes = []
    for column in Y.T:
        off = Fraction(LABEL_ROUNDING) * Fraction(float(np.nanmax(np.abs(column))))
        each = max(exact_loss(loss, off, Fraction(0)), exact_loss(loss, -off, Fraction(0)))
        changes.append(each * int(np.sum(~np.isnan(column))))
    return changes


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("labels", LINES)
def test_labels_on_a_line_are_fitted_by_it_and_proved(labels: str, loss: str) -> None:
    x, Y = np.arange(8.0), LINES[labels]
    assert vvnorm.lambda_max(x, Y, loss=loss) == 0
    for lam in (0.1, 1e-9):
        fit = vvnorm.fit(x, Y, lam, loss=loss)
        assert fit.gap == 0
        assert fit.verify()
        assert (fit.lam_max, fit.vv_norm, len(fit.knots)) == (0, 0, 0)
        lost = lost_exactly(fit.network, fit.X, fit.Y, loss)
        assert all(part <= most for part, most in zip(lost, largest_rounding(loss, fit.Y), strict=True))


@pytest.mark.parametrize("convention", [{}, {"penalise_bias": True}])
@pytest.mark.parametrize("loss", LOSSES[:2])
@pytest.mark.parametrize("level", [0.7, 1e9])
def test_labels_on_a_plane_are_fitted_by_it_and_proved(level: float, loss: str, convention: dict[str, bool]) -> None:
    labels = 0.1 * PLANE[:, 0] - 0.3 * PLANE[:, 1] + level
    Y = np.column_stack([labels, -2e5 * labels])
    assert vvnorm.lambda_max(PLANE, Y, loss=loss, **convention) == 0
    fit = vvnorm.fit(PLANE, Y, 0.1, loss=loss, **convention)
    assert fit.gap == 0
    assert fit.verify()
    assert fit.vv_norm == 0
    lost = lost_exactly(fit.network, PLANE, Y, loss)
    assert all(part <= most for part, most in zip(lost, largest_rounding(loss, Y), strict=True))


def line(A: list[float], c: list[float], d: int = 1) -> ReLUNetwork:
    T = len(c)
    return ReLUNetwork(np.zeros((0, d)), np.zeros(0), np.zeros((T, 0)), np.reshape(A, (T, d)), np.array(c))


def judged(network: ReLUNetwork, x: np.ndarray, Y: np.ndarray, lam: float = 0.1) -> float:
    """Gap in one dimension, which that of the same data in the plane must not be far below."""
    gap = certify_fit(network, x, Y, lam).gap
    wide = ReLUNetwork(
        np.pad(network.W, ((0, 0), (0, 1))), network.b, network.V, np.pad(network.A, ((0, 0), (0, 1))), network.c
    )
    plane = np.column_stack([x, np.arange(len(x)) % 3])
    assert certify_fit(wide, plane, Y, lam).gap >= min(gap, 0.1) / 2
    return gap


def test_a_line_that_is_off_by_more_than_rounding_is_not_excused() -> None:
    x = np.arange(8.0)
    assert judged(line([0.1], [0.0]), x, 0.1 * x) == 0
    assert judged(line([0.1 * (1 + 1e-13)], [0.0]), x, 0.1 * x) > 0.5
    assert judged(line([0.1], [1e-13]), x, 0.1 * x) > 0.5


def test_a_bend_that_is_more_than_rounding_is_not_excused() -> None:
    x = np.arange(8.0)
    bent = ReLUNetwork(np.ones((1, 1)), np.array([-3.0]), np.array([[1e-17]]), np.array([[0.1]]), np.zeros(1))
    assert judged(bent, x, 0.1 * x) > 0.5


def test_large_labels_of_one_output_do_not_excuse_another() -> None:
    x = np.arange(8.0)
    large, small = 1e9 * x / 3, np.sin(x)
    Y = np.column_stack([large, 1e-8 * small])
    assert judged(line([1e9 / 3, 0.0], [0.0, 0.0]), x, Y) > 1e-3
    Y = np.column_stack([np.full(8, 1e9), small])
    f = vvnorm.interpolate(x, small).network
    # Neurons that cancel cost something for nothing, but less than what rounds the other output.
    W, b, V = np.ones((len(f.W) + 2, 1)), np.append(f.b, [-3.5, -3.5]), np.append(f.V[0], [9.0, -9.0])
    wasteful = ReLUNetwork(W, b, np.vstack([0 * V, V]), np.vstack([[0.0], f.A]), np.append(1e9, f.c))
    assert judged(line([0.0, 0.0], [1e9, 0.0]), x, Y) > 0.01
    assert judged(wasteful, x, Y, 1e-14) > 0.1


def test_integers_far_from_zero_are_no_rounding() -> None:
    x, steps = np.arange(8.0), np.array([0.0, 3.0, 1.0, 2.0, 0.0, 1.0, 3.0, 2.0])
    Y = 2.0**50 + steps
    assert vvnorm.lambda_max(x, Y) == pytest.approx(vvnorm.lambda_max(x, steps), rel=1e-12)
    assert judged(line([0.0], [2.0**50]), x, Y, 1e-3) > 0.1


def test_labels_without_weight_do_not_count_as_large() -> None:
    x = np.arange(8.0)
    Y, weights = 0.1 * x, np.ones(8)
    Y[7], weights[7] = 1e9, 0.0
    assert certify_fit(line([0.1], [0.0]), x, Y, 0.1, weights=weights).gap == 0
    assert certify_fit(line([0.1], [1e-12]), x, Y, 0.1, weights=weights).gap > 0.5
    assert vvnorm.fit(x, Y, 0.1, weights=weights).verify()


def test_paths_estimators_and_fronts_accept_such_labels() -> None:
    x, y = np.arange(12.0), 0.1 * np.arange(12)
    assert [solution.gap for solution in vvnorm.fit_path(x, y, [1.0, 0.1, 1e-6])] == [0, 0, 0]
    for model in (vvnorm.VVNormRegressor(lam=0.1), vvnorm.VVNormRegressorCV(cv=3)):
        model.fit(x[:, None], y)
        assert model.solution_.verify()
        assert model.solution_.gap == 0
    for budget in (0.0, 1.0):
        front = vvnorm.pareto_front(x, np.column_stack([y, 0.3 * x - 7]), budget, mixtures=3)
        assert front.verify()
        assert not front.gaps.any()


def test_the_command_line_certifies_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command, file = runner(capsys), tmp_path / "line.csv"
    file.write_text("x,z,y\n" + "".join(f"{i},{i % 3},{0.1 * i!r}\n" for i in range(8)))
    for inputs in (("--x", "x"), ("--x", "x", "--x", "z")):
        solved = command("solve", file, *inputs, "--y", "y", "--lam", 0.1)
        assert solved.code == 0, solved
        assert solved.facts["relative gap"] == "0"
        path = command("path", file, *inputs, "--y", "y")
        assert (path.code, path.out) == (64, "")
        assert "lam_max is 0" in path.err
