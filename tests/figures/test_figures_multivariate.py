"""Figures about the certified optimum in several dimensions: what they state is computed again from their data."""

import numpy as np
import pytest

from figures import gap, kinks, two_squares
from vvnorm.datasets import two_squares as squares
from vvnorm.network import ReLUNetwork


@pytest.mark.parametrize("seed", [1, 2])
def test_the_squares_surfaces_go_through_the_points_and_differ_as_stated(seed):
    values = two_squares.compute(seed, True).values
    side, surfaces = values["side"], values["surfaces"]
    for (a, b), label in zip(values["X"], values["y"], strict=True):
        column, row = (int(np.argmin(np.abs(side - place))) for place in (a, b))  # the points are on the grid
        assert [surface[row, column] for surface in surfaces] == pytest.approx([label] * 6, abs=1e-6)
    assert values["apart"] == pytest.approx([1.5, 0.75, 0.75], abs=1e-4)
    assert values["costs"][:3] == pytest.approx([4] * 3, rel=1e-6)
    np.testing.assert_allclose(surfaces[2], (surfaces[0] + surfaces[1]) / 2, atol=1e-12)
    assert values["together"].max() < 0.05


def test_a_kernel_solution_that_is_not_of_least_norm_is_found():
    X, y = squares().X, squares().Y
    rng = np.random.default_rng(0)
    f = ReLUNetwork(rng.standard_normal((30, 2)), rng.standard_normal(30), rng.standard_normal((4, 30)))
    good = two_squares.kernel_solution(f, X, y)
    assert two_squares._kernel_complaints(good, f, X, y) == []
    hidden = np.column_stack([np.maximum(X @ good.W.T + good.b, 0), X, np.ones(len(X))])
    null = np.linalg.svd(hidden)[2][-1]
    worse = ReLUNetwork(good.W, good.b, good.V + null[:30], good.A + null[30:32], good.c + null[32:])
    assert two_squares._kernel_complaints(worse, f, X, y) == ["the kernel solution is not of least norm"]
    off = ReLUNetwork(good.W, good.b, good.V, good.A, good.c + 0.1)
    assert two_squares._kernel_complaints(off, f, X, y) == ["the kernel solution does not interpolate"]


def test_kinks_are_counted_and_weighed_as_stated():
    values = kinks.compute(1, True).values
    X = values["X"]
    for lines, cost, two, share in zip(values["lines"], values["cost"], values["two"], values["share"], strict=True):
        near = np.array([sum(abs(w @ x + b) < 1e-8 for x in X) for w, b in zip(lines[:, :2], lines[:, 2], strict=True)])
        np.testing.assert_array_equal(near >= 2, two)
        assert cost.sum() == pytest.approx(1)
        assert share == pytest.approx(cost[near >= 2].sum())
    assert len(values["lines"][0]) <= len(X) - 3  # a vertex, for one output


def test_bounds_never_cross_and_meet():
    data = gap.compute(1, True)
    columns = (data.values[name] for name in ("upper", "lower", "gap", "certified"))
    for upper, lower, difference, certified in zip(*columns, strict=True):
        assert np.all(np.diff(upper) <= 0)
        assert np.all(np.diff(lower) >= 0)
        assert np.all(lower <= upper)
        assert difference[-1] <= 2e-6
        assert 0 <= certified <= 1e-6


def test_a_bound_that_contradicts_the_certificate_is_a_complaint(monkeypatch):
    def wrong(X, Y, **options):
        solution = gap_interpolate(X, Y, **options)
        solution.history[0] = (solution.value / 2, 0.0)
        return solution

    gap_interpolate = gap.interpolate
    monkeypatch.setattr(gap, "interpolate", wrong)
    complaints = gap.compute(0, True).complaints
    assert len(complaints) == 4
    assert all("contradicts the certificate" in complaint for complaint in complaints)
