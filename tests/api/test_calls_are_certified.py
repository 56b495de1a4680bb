"""`verify` checks the values that a call of the solution returns, not only its network."""

from dataclasses import replace

import numpy as np
import pytest

import vvnorm

X, Y = np.arange(6.0), np.array([[0.0, 1.0, 0.0, 1.0, 3.0, 1.0], [1.0, np.nan, 2.0, 0.0, 0.0, 1.0]]).T


@pytest.mark.parametrize("loss", ["squared", "huber:0.5"])
def test_a_fit_with_other_values_is_refused(loss: str) -> None:
    fit = vvnorm.fit(X, Y, 0.05, loss=loss)
    assert fit.verify()
    other = replace(fit, knot_solution=replace(fit.knot_solution, values=fit.knot_solution.values + 0.1))
    assert not np.allclose(other([2.5]), fit([2.5]))
    assert any("as knots and values: relative gap" in words for words in other.verify().problems)


@pytest.mark.parametrize(("x_shift", "y_shift"), [(0.0, 2.0**30), (2.0**30, 0.0), (2.0**30, -(2.0**30))])
def test_far_from_0_a_fit_with_other_values_is_refused_beyond_rounding(x_shift: float, y_shift: float) -> None:
    """There a knot or a value is rounded to 2e-7, and a call may be off by that times the slope, but by no more."""
    rng = np.random.default_rng(1)
    x = np.unique(rng.integers(0, 1000, 60)) / 256
    y = np.round(256 * (np.sin(2 * x) + 0.3 * rng.standard_normal(len(x)))) / 256
    fit = vvnorm.fit(x + x_shift, y + y_shift, 0.03, loss="huber:0.25")
    assert fit.verify()
    values = fit.knot_solution.values.copy()
    values[len(values) // 2] += 1e-5
    assert not replace(fit, knot_solution=replace(fit.knot_solution, values=values)).verify()


def test_an_interpolant_with_other_values_is_refused() -> None:
    for labels in (Y[:, 0], Y):
        solution = vvnorm.interpolate(X, labels)
        assert solution.verify()
        other = replace(solution, dots=replace(solution.dots, Y=solution.dots.Y + 0.1))
        assert any("is not connect-the-dots of the data" in words for words in other.verify().problems)
        moved = replace(solution, dots=replace(solution.dots, x=solution.dots.x + 0.1))
        assert any("is not connect-the-dots of the data" in words for words in moved.verify().problems)


def test_an_interpolant_that_fills_missing_labels_otherwise_is_refused() -> None:
    solution = vvnorm.interpolate(X, Y)
    filled = solution.dots.Y.copy()
    filled[1, 1] += 5
    other = replace(solution, dots=replace(solution.dots, Y=filled))
    assert any("more than the VV norm" in words for words in other.verify().problems)


def test_an_interpolant_that_had_a_gap_of_1e_5() -> None:
    Y = [[3.0, 1.0], [-1.0, 0.0], [3.0, 1.0], [np.nan, 2.0]]
    solution = vvnorm.interpolate([1.0, -5.0, 3.0, 6.0], Y, penalise_bias=True, skip=False)
    assert solution.gap <= 1e-8
    assert solution.verify()


@pytest.mark.parametrize("skip", [True, False])
def test_a_limit_whose_design_has_other_labels_is_refused(skip: bool) -> None:
    """Any interpolant with enough outputs combines to the labels; only that of an orthonormal basis is the limit."""
    rng = np.random.default_rng(0)
    points, labels = rng.standard_normal((7, 2)), rng.standard_normal((7, 1))
    limit = vvnorm.interpolate(points, labels, auxiliary="infinite", skip=skip)
    assert limit.verify()
    stretch = np.diag(np.arange(1.0, limit.design.Y.shape[1] + 1))
    other = vvnorm.interpolate(points, limit.design.Y @ stretch, skip=skip)
    z = np.linalg.lstsq(other.Y, labels - labels.mean(axis=0), rcond=None)[0]
    rest = labels - other.network(points) @ z
    free = np.linalg.lstsq(np.column_stack([np.ones(7), points] if skip else [np.ones(7)]), rest, rcond=None)[0]
    A = z.T @ other.network.A + (free[1:].T if skip else 0.0)
    f = vvnorm.ReLUNetwork(other.network.W, other.network.b, z.T @ other.network.V, A, z.T @ other.network.c + free[0])
    assert np.allclose(f(points), labels)
    forged = replace(limit, network=f, design=other)
    assert forged.verify().problems == (
        "the design's labels are not an orthonormal basis of the complement of the functions without cost",
    )
    elsewhere = replace(limit, design=replace(limit.design, X=limit.design.X + 1))
    assert "the design is about other points" in elsewhere.verify().problems


def test_a_front_without_points_is_refused() -> None:
    front = vvnorm.pareto_front(X, Y, 2.0, mixtures=3)
    assert front.verify()
    nothing = {"networks": (), "supports": (), "mixtures": front.mixtures[:0], "losses": front.losses[:0]}
    nothing |= {"vv_norms": front.vv_norms[:0], "bounds": front.bounds[:0], "gaps": front.gaps[:0]}
    assert replace(front, **nothing).verify().problems == ("the front has no points",)
