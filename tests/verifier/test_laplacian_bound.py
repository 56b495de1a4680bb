"""The bound by a graph on the points: never below a response, whatever the weights, and far better than that by norms."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import vvnorm
from vvnorm.verifier import laplacian_bound
from vvnorm.verifier.branch_and_bound import response_bound
from vvnorm.verifier.budget import within_additions
from vvnorm.verifier.neuron_bound import neuron_bound, ray_bound

Array = NDArray[np.float64]


def cloud(kind: str, N: int, d: int, T: int) -> tuple[Array, Array]:
    """Points in units of 1, and a dual array that is orthogonal to constants."""
    rng = np.random.default_rng([N, d, T])
    X = rng.uniform(-1, 1, (N, d))
    if kind == "clustered":
        X[: N // 2] *= 1e-6
    elif kind == "repeated":
        X = X[rng.integers(0, N // 2, N)]
    elif kind == "far":
        X += 100.0
    elif kind == "flat":
        X[:, -1] *= 1e-12
    L = rng.standard_normal((N, T))
    if kind == "zeros":
        L[: N // 2] = 0.0
    return X / np.abs(X).max(), L - L.mean(axis=0)


def responses(X: Array, L: Array) -> Array:
    """Norms of the responses of many neurons with kinks through points."""
    rng = np.random.default_rng(0)
    W, base = rng.standard_normal((3000, X.shape[1])), rng.integers(0, len(X), 3000)
    W /= np.linalg.norm(W, axis=1)[:, None]
    products = X @ W.T
    return np.linalg.norm(L.T @ np.maximum(products - products[base, np.arange(3000)], 0.0), axis=0)


@pytest.mark.parametrize("steps", [0, 3, 160])
@pytest.mark.parametrize("kind", ["generic", "clustered", "repeated", "far", "flat", "zeros"])
def test_no_neuron_responds_more_for_any_weights(kind: str, steps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(laplacian_bound, "STEPS", steps)
    for d, T in ((3, 2), (6, 1)):
        X, L = cloud(kind, 14, d, T)
        bound = laplacian_bound.response_bound(X, L, mutual=True)
        assert responses(X, L).max() <= bound < np.inf
        if d == 3:
            assert neuron_bound(X, L) * (1 - 1e-7) <= bound


@pytest.mark.parametrize("kind", ["generic", "clustered", "far"])
def test_neurons_without_a_bias_respond_no_more(kind: str) -> None:
    X, _ = cloud(kind, 12, 3, 1)
    L = np.random.default_rng(5).standard_normal((12, 2))
    assert ray_bound(X, L) * (1 - 1e-7) <= laplacian_bound.response_bound(X, L, mutual=False) < np.inf


def test_equal_weights_are_the_bound_by_norms() -> None:
    X, L = cloud("generic", 10, 4, 2)
    centred, a = X - X.mean(axis=0), 1.0 - np.eye(10)
    by_norms = np.linalg.norm(L.T @ centred) + np.linalg.norm(L, 2) * np.linalg.norm(centred, 2)
    assert laplacian_bound._certified(centred, L, a / a.sum()) == pytest.approx(by_norms / 2, rel=1e-9)


def test_the_best_array_proves_much_more_than_norms_and_branch_and_bound() -> None:
    rng = np.random.default_rng(2)
    X, Y = rng.uniform(-1, 1, (40, 10)), rng.standard_normal((40, 5))
    array = laplacian_bound.dual_array(X, Y)
    affine = np.column_stack([np.ones(40), X])
    assert np.abs(affine.T @ array).max() <= 1e-12 * np.abs(array).sum()
    proved = float(np.vdot(array, Y)) / laplacian_bound.response_bound(X, array, mutual=True)
    rest = Y - affine @ np.linalg.lstsq(affine, Y, rcond=None)[0]
    norms = 2 * np.linalg.norm(rest, "nuc") / np.linalg.norm(X - X.mean(axis=0), 2)
    cells = response_bound(X, X, array, np.linalg.norm(array, axis=1), 1e6)
    assert proved > 2 * norms
    assert proved > 2 * float(np.vdot(array, Y)) / cells


@pytest.mark.parametrize("options", [{}, {"lam": 0.2}])
def test_bounds_where_no_search_is_made_are_below_the_optimum(options: dict[str, Any]) -> None:
    rng = np.random.default_rng(3)
    X, Y = rng.uniform(-1, 1, (11, 4)), rng.standard_normal((11, 2))
    best = vvnorm.fit(X, Y, 0.2) if options else vvnorm.interpolate(X, Y)
    assert best.verify()
    with within_additions(1):
        own = vvnorm.certify(best.network, X, Y, dual=best.dual, **options)
        assert own.lower_bound <= best.value
        assert own.gap < 0.8
        assert vvnorm.verifier.check.judge(best.network, X, Y, **options).gap < 0.6


def test_an_interpolant_found_by_local_search_has_the_better_of_two_bounds() -> None:
    rng = np.random.default_rng(4)
    X, Y = rng.uniform(-1, 1, (24, 9)), rng.standard_normal((24, 2))
    with within_additions(1_000_000):
        solution = vvnorm.interpolate(X, Y, max_iter=8)
        solvers = vvnorm.certify(solution.network, X, Y, dual=solution.dual)
        assert solution.gap < 0.8 * solvers.gap
        assert not solution.verify()
        assert not solution.certificate.complaints(solution.network, X, Y, tol=0.5)


def test_affine_labels_have_no_array() -> None:
    X, _ = cloud("generic", 9, 3, 1)
    assert not laplacian_bound.dual_array(X, np.zeros((9, 2))).any()
