"""Newton steps from banded equations: the same as from the Hessian, and fits that cannot tell the difference."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.linalg import LinAlgError

from vvnorm import fit, fit_path, lambda_max
from vvnorm.solvers.univariate.fits import any_loss, newton_banded, newton_dense, squared_loss

Array = NDArray[np.float64]

GOES_ON = np.zeros(1, np.int64)  # nobody asks for an end


def problem(k: int, groups: int, outputs: int, seed: int) -> tuple[Any, NDArray[np.int64], Array, Array]:
    """Segments, offsets of groups, multipliers (some zero) and dual variables at k knots, some of them close together."""
    rng = np.random.default_rng(seed)
    h = 10.0 ** rng.uniform(-2, 0, k - 1)
    n, share = rng.integers(1, 9, (groups, k - 1)).astype(float), rng.uniform(0, 1, (groups, k - 1))
    segments = (h, n, share * h, n * rng.uniform(0, 0.1, n.shape) * h * h)
    mu = rng.uniform(0, 1, k) * rng.integers(0, 2, k)
    mu[[0, -1]] = 0
    z = rng.standard_normal((k, outputs))
    z[[0, -1]] = 0
    return segments, np.linspace(0, outputs, groups + 1).astype(np.int64), mu, z


def hessian(segments: Any, offsets: NDArray[np.int64], mu: Array, z: Array) -> Array:
    """A_ij <z_i, z_j> at the inner knots, A = (P + diag(mu))^-1, P = D G^-1 D', from matrices of hat functions."""
    h, k = segments[0], len(mu)
    D = np.zeros((k - 2, k))
    for i in range(k - 2):
        D[i, i : i + 3] = 1 / h[i], -1 / h[i] - 1 / h[i + 1], 1 / h[i + 1]
    H = np.zeros((k - 2, k - 2))
    for g in range(len(offsets) - 1):
        n, centroid, sxx = (sums[g] for sums in segments[1:])
        G = np.zeros((k, k))
        for p in range(k - 1):
            at, slope = np.array([1 - centroid[p] / h[p], centroid[p] / h[p]]), np.array([-1, 1]) / h[p]
            G[p : p + 2, p : p + 2] += n[p] * np.outer(at, at) + sxx[p] * np.outer(slope, slope)
        A = np.linalg.inv(D @ np.linalg.solve(G, D.T) + np.diag(mu[1:-1]))
        inner = z[1:-1, offsets[g] : offsets[g + 1]]
        H += A * (inner @ inner.T)
    return H


@pytest.mark.parametrize(("groups", "outputs"), [(1, 1), (1, 3), (2, 2), (3, 5)])
@pytest.mark.parametrize("k", [3, 4, 12])
@pytest.mark.parametrize("seed", range(3))
def test_steps_are_those_of_the_hessian(k: int, groups: int, outputs: int, seed: int) -> None:
    segments, offsets, mu, z = problem(k, groups, outputs, seed)
    model = newton_banded._Model(segments, offsets, 1.0, mu, z, np.linalg.norm(z, axis=1), GOES_ON)
    H, rng = hessian(segments, offsets, mu, z), np.random.default_rng(seed)
    chosen = np.zeros(k, bool)
    chosen[1:-1] = rng.integers(0, 2, k - 2)
    g = rng.standard_normal(k)
    step, response = model._step(chosen, g)
    expected, inside = -mu, chosen[1:-1]
    if inside.any():
        other = H[np.ix_(inside, ~inside)] @ -mu[1:-1][~inside]
        expected[chosen] = np.linalg.solve(H[np.ix_(inside, inside)], g[chosen] - other)
    np.testing.assert_allclose(step, expected, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(response[1:-1], H @ step[1:-1], rtol=1e-6, atol=1e-9 * np.abs(H).max())


@pytest.mark.parametrize("bold", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_the_models_minimum_has_no_way_down(bold: bool, seed: int) -> None:
    segments, offsets, mu, z = problem(20, 2, 3, seed)
    norms = np.linalg.norm(z, axis=1)
    model = newton_banded._Model(segments, offsets, 1.0, mu, z, norms, GOES_ON)
    v, H = model.minimum(bold=bold)[1:-1], hessian(segments, offsets, mu, z)
    g = 0.5 * (norms**2 - 1)
    if bold:
        g = np.where(norms > 1, norms**2 * (norms - 1), g)
    slope = (H @ (v - mu[1:-1]) - g[1:-1])[model.used[1:-1]]
    at = v[model.used[1:-1]]
    assert np.all(v >= 0)
    assert np.all(v[~model.used[1:-1]] == 0)
    assert np.all(np.abs(slope[at > 0]) < 1e-7)
    assert np.all(slope[at == 0] > -1e-7)


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many knots are more than 210."""
    for module in (squared_loss, any_loss, newton_dense):
        monkeypatch.setattr(module, "max_dense_knots", lambda outputs: 210)


def data(outputs: int) -> tuple[Array, Array]:
    rng = np.random.default_rng(outputs)
    x = np.sort(rng.uniform(0, 1, 400))
    return x, np.sin(9 * x[:, None] + np.arange(outputs)) + 0.3 * rng.standard_normal((400, outputs))


@pytest.mark.parametrize("outputs", [1, 3])
def test_fits_with_many_knots_are_certified_and_the_same(outputs: int, request: pytest.FixtureRequest) -> None:
    x, Y = data(outputs)
    lam = 2e-6 * lambda_max(x, Y)
    dense = fit(x, Y, lam, tol=1e-8)
    request.getfixturevalue("few")
    banded = fit(x, Y, lam, tol=1e-8)
    assert len(banded.knots) > 210
    assert banded.verify()
    assert banded.value == pytest.approx(dense.value, rel=2e-8)
    np.testing.assert_allclose(banded(x), dense(x), atol=1e-4)


@pytest.mark.parametrize(("n", "outputs", "ratio"), [(600, 1, 1e-7), (1500, 3, 1e-6), (1000, 1, 1e-7)])
@pytest.mark.parametrize("weighted", [False, True])
def test_tiny_lam_starts_on_all_rows_and_is_certified(n: int, outputs: int, ratio: float, weighted: bool) -> None:
    rng = np.random.default_rng(n)
    x = np.sort(rng.uniform(0, 1, n))
    Y = np.sin(9 * x[:, None] + np.arange(outputs)) + 0.3 * rng.standard_normal((n, outputs))
    weights = rng.uniform(0.1, 10, (n, 1)) if weighted else None
    solution = fit(x, Y, ratio * lambda_max(x, Y, weights=weights), weights=weights, tol=1e-7)
    assert n > len(solution.knots) > newton_dense.max_dense_knots(outputs)
    assert solution.knot_solution.steps < 30
    assert solution.verify()


@pytest.mark.parametrize(("seed", "weighted"), [(7, False), (13, False), (9, True), (15, True), (21, True)])
def test_pivots_settle_where_knots_that_are_close_take_turns(seed: int, weighted: bool) -> None:
    """Some of these ended at gaps of 0.01 to 0.8 after up to two minutes; the last one found no room for its best knots."""
    rng, n = np.random.default_rng(seed), 2376
    x = 1e9 + np.sort(rng.uniform(0, 1000, n))
    y = np.sin(9 * np.arange(n) / n) + 0.3 * rng.standard_normal(n)
    weights = 10.0 ** rng.uniform(-2, 1, (n, 1)) if weighted else None
    solution = fit(x, y, 1.1e-6 * lambda_max(x, y, weights=weights), weights=weights)
    assert solution.gap <= 1e-6
    assert solution.knot_solution.rounds <= 20


@pytest.mark.parametrize(("x_scale", "y_scale"), [(1e-50, 1e50), (1e50, 1e-50), (1e100, 1e100)])
@pytest.mark.usefixtures("few")
def test_units_do_not_matter(x_scale: float, y_scale: float) -> None:
    x, Y = data(1)
    lam = 2e-6 * lambda_max(x, Y)
    solution = fit(x * x_scale, Y * y_scale, lam * (x_scale * y_scale), tol=1e-8)
    assert len(solution.knots) > 210
    assert solution.verify()


@pytest.mark.parametrize("loss", ["huber:0.5", "squared"])
@pytest.mark.usefixtures("few")
def test_other_losses_and_missing_labels_have_many_knots_too(loss: str) -> None:
    x, Y = data(2)
    Y[::7, 0] = np.nan
    solution = fit(x, Y, 1e-5 * lambda_max(x, Y, loss=loss), loss=loss, tol=1e-6)
    assert len(solution.knots) > 210
    assert solution.verify()


@pytest.mark.usefixtures("few")
def test_paths_go_through_many_knots_and_back_to_their_starts() -> None:
    x, Y = data(1)
    critical = lambda_max(x, Y)
    fits = fit_path(x, Y, [critical * ratio for ratio in (1e-2, 3e-6, 1e-5, 0.3)], tol=1e-7)
    assert max(len(solution.knots) for solution in fits) > 210
    assert all(solution.verify() for solution in fits)


@pytest.mark.usefixtures("few")
def test_where_equations_are_singular_multipliers_are_scaled_and_the_objective_falls(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise LinAlgError("singular")

    x, Y = data(1)
    lam = 2e-6 * lambda_max(x, Y)
    seen: list[float] = []
    state = newton_banded._state

    def watched(*arguments: Any) -> tuple[float, float]:
        misfit, gap = state(*arguments)
        if not np.isnan(misfit):
            seen.append(misfit + lam**2 * arguments[4].sum())
        return misfit, gap

    monkeypatch.setattr(newton_banded, "solve_banded", refuse)
    monkeypatch.setattr(newton_banded, "_state", watched)
    monkeypatch.setattr(squared_loss, "ROUNDS", 4)
    solution = fit(x, Y, lam)
    assert len(seen) > 50
    assert seen[1] < seen[0]
    assert 0 <= solution.gap < 1


def test_matrices_of_all_pairs_are_made_for_few_knots_only() -> None:
    workspace = newton_dense.make_workspace(50_000, 1, 1, newton_dense.max_dense_knots(1))
    assert sum(array.nbytes for array in (*workspace[0], *workspace[1:])) < 50e6


def test_where_knots_are_uneven_dense_matrices_are_used(few: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("banded equations of uneven knots")

    monkeypatch.setattr(newton_banded, "_Model", refuse)
    rng = np.random.default_rng(0)
    x = np.cumsum(10.0 ** rng.uniform(-7, 0, 600))
    Y = np.sin(np.arange(600) / 60)[:, None] + 0.3 * rng.standard_normal((600, 3))
    solution = fit(x, Y, 1e-6 * lambda_max(x, Y))
    assert solution.verify()
