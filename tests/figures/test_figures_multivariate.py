"""Figures about the certified optimum in several dimensions: what they state is computed again from their data."""

from pathlib import Path

import numpy as np
import pytest
from figure_files import drawn_by_command

from figures import band_2d, gap, kinks, two_squares
from vvnorm.api.interpolation import interpolate
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


def test_the_map_of_the_band_has_the_widths_of_the_problems(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(band_2d, "_QUICK_SIDE", 1)  # one cell for each problem
    values = drawn_by_command("band_2d", tmp_path, monkeypatch, "--quick").values
    width = [(high - low).item() for low, high in zip(values["lower"], values["upper"], strict=True)]
    data, centre = squares(), [[0.0, 0.0]]
    assert values["centres"][0].tolist() == centre
    assert width[0] == pytest.approx(1, abs=1e-3)
    assert max(width[1:3]) < 0.02
    limit = interpolate(data.X, data.Y, auxiliary="infinite", tol=1e-8)
    assert values["lower"][2] - 1e-6 <= limit(centre)[0, 0] <= values["upper"][2] + 1e-6


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
