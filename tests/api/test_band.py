"""The band of several inputs: ends against brute force, inner inside outer, and proofs that notice tampering."""

from dataclasses import replace
from typing import Any

import cvxpy as cp
import numpy as np
import pytest

import vvnorm
from vvnorm._internal.executors import InProcess
from vvnorm.results.band import Band

Array = np.ndarray


def data(N: int, d: int, T: int, seed: int = 0) -> tuple[Array, Array]:
    rng = np.random.default_rng(seed)
    return rng.standard_normal((N, d)), rng.standard_normal((N, T))


def dictionary(X: Array, angles: int) -> tuple[Array, Array]:
    """Unit directions and biases of neurons in the plane with kinks through the points: all angles, and pairs of points."""
    turns = np.pi * np.arange(angles) / angles
    w = np.column_stack([np.cos(turns), np.sin(turns)])
    W, b = np.repeat(w, len(X), axis=0), -(w @ X.T).ravel()
    i, j = np.triu_indices(len(X), 1)
    across = (X[j] - X[i])[:, ::-1] * [1, -1]
    across /= np.linalg.norm(across, axis=1)[:, None]
    return np.vstack([W, across]), np.append(b, -np.sum(across * X[i], axis=1))


def brute_force(X: Array, Y: Array, x: Array, budget: float, lam: float = 0.0) -> tuple[float, float]:
    """Least and largest f_1(x) over a dense dictionary: attained, so inside of the true ends."""
    W, b = dictionary(np.vstack([X, x]), 120)
    features, at_x = np.maximum(X @ W.T + b, 0), np.maximum(W @ x + b, 0)
    V, A, c = cp.Variable((len(W), Y.shape[1])), cp.Variable((2, Y.shape[1])), cp.Variable((1, Y.shape[1]))
    values = features @ V + X @ A + np.ones((len(X), 1)) @ c
    paid = cp.sum(cp.norm(V, 2, axis=1))
    within = [paid <= budget, values == Y] if lam == 0 else [cp.sum_squares(values - Y) / 2 + lam * paid <= budget]
    target = (at_x @ V + x @ A + c[0])[0]
    low, high = (cp.Problem(kind(target), within).solve(solver=cp.CLARABEL) for kind in (cp.Minimize, cp.Maximize))
    return float(low), float(high)


def well_formed(band: Band, tight: float = 0.9) -> None:
    assert np.all(band.outer[..., 0] <= band.inner[..., 0])
    assert np.all(band.inner[..., 0] <= band.values + 1e-9)
    assert np.all(band.values - 1e-9 <= band.inner[..., 1])
    assert np.all(band.inner[..., 1] <= band.outer[..., 1])
    assert np.all(band.inner_width >= tight * band.width)
    assert band.verify(), band.verify().problems


@pytest.mark.parametrize(("N", "T", "lam"), [(7, 2, 0.0), (8, 1, 0.0), (6, 2, 0.1)])
def test_ends_agree_with_brute_force(N: int, T: int, lam: float) -> None:
    X, Y = data(N, 2, T)
    solution = vvnorm.fit(X, Y, lam) if lam else vvnorm.interpolate(X, Y)
    x = np.array([0.3, -0.2])
    band = solution.band([x], 0.02, outputs=0)
    well_formed(band)
    low, high = brute_force(X, Y, x, band.budget, lam)
    outer = band.outer[0, 0]
    slack = 1e-6 * (outer[1] - outer[0])
    assert outer[0] - slack <= low <= high <= outer[1] + slack
    assert high - low >= 0.95 * (outer[1] - outer[0])


def test_networks_attain_the_inner_ends() -> None:
    X, Y = data(8, 2, 3)
    solution = vvnorm.interpolate(X, Y)
    band = solution.band([[0.1, 0.2], [4.0, -1.0]], 1e-4)
    well_formed(band)
    for k, t, side in ((0, 2, -1), (1, 0, 1)):
        network = band.network(k, t, side)
        assert np.abs(network(X) - Y).max() < 1e-9
        assert solution.value < network.vv_norm <= band.budget * (1 + 1e-12)
        assert network(band.points[k : k + 1])[0, t] == pytest.approx(band.inner[k, t, (side + 1) // 2], abs=1e-9)


@pytest.mark.parametrize("sets", [10, pytest.param(100, marks=pytest.mark.slow)])
def test_one_input_as_two_columns(sets: int) -> None:
    rng = np.random.default_rng(3)
    for trial in range(sets):
        t, y = np.cumsum(rng.uniform(0.2, 1, 6)), rng.standard_normal(6)
        at = rng.uniform(t[0], t[-1], 1)
        exact = np.column_stack(vvnorm.interpolate(t, y).band(at))
        columns = np.array([[1.0, 0.0], [0.6, 0.8]][trial % 2])
        solution = vvnorm.interpolate(t[:, None] * columns, y)
        band = solution.band(at[:, None] * columns, 1e-7)
        assert band.verify()
        assert np.all(band.outer[:, 0, 0] <= exact[:, 0] + 1e-9)
        assert np.all(band.outer[:, 0, 1] >= exact[:, 1] - 1e-9)
        assert np.all(np.abs(band.outer[:, 0] - exact) <= 1e-4)
        assert np.all(np.abs(band.inner[:, 0] - exact) <= 1e-4 + 0.04 * np.ptp(exact, axis=1)[:, None])


def test_two_squares() -> None:
    squares = vvnorm.two_squares()
    wide = vvnorm.interpolate(squares.X, squares.Y).band([[0, 0]], 1e-6)
    well_formed(wide)
    assert wide.width == pytest.approx(1.0, abs=1e-3)  # values from 1 to 2 at the centre
    joint = vvnorm.two_squares(20, 0)
    narrow = vvnorm.interpolate(joint.X, joint.Y).band([[0, 0]], 1e-6, outputs=0)
    well_formed(narrow)
    assert narrow.width < 0.1


@pytest.mark.parametrize(
    "case",
    ["skip", "bias", "missing", "space", "affine", "an affine output", "simplex", "grid", "collinear"],
)  # fmt: skip
def test_kinds_of_data(case: str) -> None:
    X, Y = data(7, 3 if case == "space" else 2, 2, seed=1)
    options: dict[str, Any] = {"skip": {"skip": False}, "bias": {"penalise_bias": True}}.get(case, {})
    if case == "missing":
        Y[3, 0], Y[5] = np.nan, np.nan
    if case == "affine":
        Y = X + 1
    if case == "an affine output":
        Y[:, 0] = X[:, 0]
    if case == "simplex":
        X, Y = X[:3], Y[:3]
    if case == "grid":
        X, Y = np.stack(np.meshgrid(np.arange(3.0), np.arange(2.0)), axis=-1).reshape(-1, 2), Y[:6]
    if case == "collinear":
        X = X[:, :1] * [1.0, 2.0]
    x = X[:1] / 2 + X[1:2] / 2
    band = vvnorm.interpolate(X, Y, **options).band(x, 1e-4, outputs=0)
    well_formed(band, 0.9 if band.width[0, 0] > 1e-9 else 0.0)
    if case in ("affine", "simplex"):
        assert np.all(band.width < 1e-12)


@pytest.mark.parametrize("loss", ["squared", "huber:0.5", "logistic"])
def test_fits(loss: str) -> None:
    X, Y = data(8, 2, 2)
    Y = (Y > 0) * 1.0 if loss == "logistic" else Y
    weights = np.linspace(0.5, 1.5, 8)[:, None]
    solution = vvnorm.fit(X, Y, 0.1, loss=loss, weights=weights)
    band = solution.band([X[2] + 0.1], 1e-2, outputs=[1])
    well_formed(band)
    assert np.isfinite(band.outer).all()


def random_problem(rng: np.random.Generator) -> tuple[vvnorm.MultivariateSolution, Array]:
    """A small interpolant or fit of any convention, and two points, inside or outside of the hull."""
    N, T = int(rng.integers(3, 8)), int(rng.integers(1, 4))
    X, Y = rng.standard_normal((N, 2)), rng.standard_normal((N, T))
    if rng.random() < 0.3:
        X = np.round(X)  # repeated and collinear points
        _, first = np.unique(X, axis=0, return_index=True)
        X, Y = X[first], Y[first]
    Y[rng.random(Y.shape) < 0.1] = np.nan
    Y[:2] = rng.standard_normal((2, T))
    options = {"skip": bool(rng.random() < 0.8), "penalise_bias": bool(rng.random() < 0.2)}
    is_fit = (
        rng.random() < 0.3 and len(X) > 4
    )  # fewer labels are fitted by affine functions, and nothing but rounding is left
    fitted = vvnorm.fit(X, Y, 0.1, **options) if is_fit else vvnorm.interpolate(X, Y, **options)
    assert isinstance(fitted, vvnorm.MultivariateSolution)
    return fitted, rng.standard_normal((2, 2)) * 2


@pytest.mark.parametrize("seed", [0, 1, 2, *(pytest.param(k, marks=pytest.mark.slow) for k in range(3, 60))])
def test_inner_ends_are_inside_outer_ends_and_both_are_verified(seed: int) -> None:
    rng = np.random.default_rng(seed)
    solution, points = random_problem(rng)
    band = solution.band(points, float(10.0 ** rng.uniform(-6, -1)), outputs=0)
    well_formed(band, 0.0)
    more = solution.band(points, 2 * band.excess, outputs=0)
    assert np.all((more.inner_width >= 0.9 * band.inner_width) | np.isinf(band.inner_width))


def test_points_outside_of_the_hull_are_told() -> None:
    X, Y = data(6, 2, 1)
    band = vvnorm.interpolate(X, Y).band([X.mean(axis=0), [9.0, 9.0], X[3], X[:2].mean(axis=0)])
    assert band.outside.tolist() == [False, True, False, False]
    assert "1 point lies outside of the data's hull" in repr(band)
    assert band.record()["outside_of_hull"] == band.outside.tolist()
    line = vvnorm.interpolate(X[:, :1] * [1.0, 2.0], Y).band([[0.0, 0.0], [0.0, 1.0]])
    assert line.outside.tolist() == [False, True]
    assert "outside" not in repr(vvnorm.interpolate(X, Y).band(X[:1]))


def test_labels_free_points_and_repeats() -> None:
    X, Y = data(6, 2, 2)
    points = [X[2], [0.2, 0.1], [0.2, 0.1]]
    band = vvnorm.interpolate(X, Y).band(points, 1e-5, outputs=[1])
    assert np.all(band.inner[0] == Y[2, 1])
    assert np.all(band.outer[0] == Y[2, 1])
    assert np.array_equal(band.outer[1], band.outer[2])
    assert band.verify()
    line = vvnorm.interpolate(X[:, :1] * [1.0, 2.0], Y)
    free = line.band([[0.0, 1.0]], outputs=0)  # off the line affine functions change the value and no label
    assert free.outer[0, 0].tolist() == [-np.inf, np.inf]
    assert free.verify()
    assert free.record()["outer"] == [[[None, None]]]
    with pytest.raises(ValueError, match="output 0 is free at point 0"):
        free.network(0, 0, 1)


@pytest.mark.parametrize("processes", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_processes_share_the_points_and_a_bar_advances(
    processes: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    if not processes:  # the same calls without processes, which take seconds to start
        monkeypatch.setattr("vvnorm.results.band_search.WorkerProcesses", lambda slots: InProcess())
    solution = vvnorm.interpolate(*data(5, 2, 2))
    points = [[0.2, 0.1], [5.0, 1.0], [0.2, 0.1]]
    alone = solution.band(points, 1e-4)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr("rich.console.Console.is_terminal", True)
    shared = solution.band(points, 1e-4, jobs=2, progress=True)
    assert "searching the band" in capsys.readouterr().err
    reverse = solution.band(points[::-1], 1e-4)
    for name in ("inner", "outer", "values"):
        assert np.array_equal(getattr(alone, name), getattr(shared, name))
        assert np.array_equal(getattr(alone, name), getattr(reverse, name)[::-1])
    assert shared.verify()


def test_tampering_is_noticed() -> None:
    X, Y = data(7, 2, 2)
    for solution in (vvnorm.interpolate(X, Y), vvnorm.fit(X, Y, 0.1)):
        band = solution.band([[0.1, 0.2]], 1e-4, outputs=0)
        assert band.verify()
        width, ends = float(band.width[0, 0]), band.ends
        moved = np.array([[[0.05, 0.0]]]) * width
        assert not replace(band, outer=band.outer + moved).verify()
        assert not replace(band, outer=band.outer - moved[..., ::-1]).verify()
        assert not replace(band, inner=band.inner - 0.01 * moved).verify()
        assert not replace(band, budget=band.budget * (1 + 1e-5)).verify()
        assert not replace(band, excess=1e-5).verify()
        assert not replace(band, ends=(ends[0]._replace(dual=None), ends[1])).verify()
        assert not replace(band, ends=(ends[0]._replace(dual=ends[1].dual), ends[1])).verify()
        assert not replace(band, ends=(ends[0]._replace(network=ends[1].network), ends[1])).verify()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([[0, 0]], -1.0), "excess must be a non-negative finite number, got -1.0"),
        (([[0, 0]], float("nan")), "excess must be a non-negative finite number, got nan"),
        (([[0, 0]], True), "excess must be a non-negative finite number, got True"),
        (([[0, 0]], 1e-6, 2), "outputs must be numbers from 0 to 1, got 2"),
        (([[0, 0]], 1e-6, [0, 0]), r"outputs must be one or more distinct numbers, got \[0, 0\]"),
        (([[0, 0, 0]],), "points has 3 columns; the solution has 2 inputs"),
        (([[0, np.nan]],), "points"),
    ],
)
def test_bad_arguments(arguments: Any, message: str) -> None:
    solution = vvnorm.interpolate(*data(5, 2, 2))
    with pytest.raises(ValueError, match=message):
        solution.band(*arguments)
    with pytest.raises(ValueError, match="jobs must be at least 1, got 0"):
        solution.band([[0, 0]], jobs=0)
