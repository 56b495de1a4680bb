"""The maximum over the sphere, cell by cell, against search, branch and bound, and what makes cells degenerate."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from vvnorm.neuron_bound import neuron_bound, ray_bound

Array = NDArray[np.float64]
KINDS = ("generic", "lattice", "repeated", "planes", "clustered", "nearly flat", "cube")


def cloud(kind: str, n: int, T: int, seed: int, *, skip: bool = True) -> tuple[Array, Array]:
    """Points in space, in general position or not, and a dual array."""
    rng = np.random.default_rng([n, T, seed])
    X = rng.standard_normal((n, 3))
    if kind == "lattice":
        X = rng.integers(-1, 2, (n, 3)).astype(float)
    elif kind == "repeated":
        X = X[rng.integers(0, n, n)]
    elif kind == "planes":  # two planes, and lines in them
        X[: n // 2, 2], X[n // 2 :, 0], X[: n // 3, 1] = 0.0, 1.0, 0.5
    elif kind == "clustered":
        X *= 10.0 ** rng.integers(-5, 1, (n, 1))
    elif kind == "nearly flat":
        X[:, 2] *= 1e-9
    elif kind == "cube":
        X = np.array(list(itertools.product([-1.0, 1.0], repeat=3)))[rng.permutation(8)[:n]]
    basis = np.column_stack([np.ones(len(X)), X]) if skip else np.ones((len(X), 1))
    L = rng.standard_normal((len(X), T))
    return X, L - basis @ np.linalg.lstsq(basis, L, rcond=None)[0]


def response(P: Array, L: Array, W: Array) -> Array:
    """Responses to directions, base point 0."""
    return np.linalg.norm(np.maximum(W @ P.T, 0) @ L, axis=1)


def search(P: Array, L: Array) -> float:
    """Largest response that is found: at all vertices, and by ascent from many directions and great circles."""
    rng = np.random.default_rng(0)
    vertices = np.array([np.cross(p, q) for p, q in itertools.combinations(P, 2)])
    W = np.vstack([vertices, -vertices, rng.standard_normal((500, 3))])
    # Each start free, and held to one great circle.
    normals = np.vstack([np.zeros((1, 3)), P])
    W = np.repeat(W, len(normals), axis=0)
    n = np.tile(normals / np.maximum(np.linalg.norm(normals, axis=1), 1e-300)[:, None], (len(W) // len(normals), 1))
    best = 0.0
    for _ in range(60):
        W = W - np.sum(W * n, axis=1)[:, None] * n
        size = np.linalg.norm(W, axis=1)
        W, n = W[size > 1e-9] / size[size > 1e-9, None], n[size > 1e-9]
        if not len(W):
            break
        S = W @ P.T
        F = np.maximum(S, 0) @ L
        best = max(best, float(np.linalg.norm(F, axis=1).max()))
        W = ((S > 0) * (F @ L.T)) @ P
    return best


@pytest.mark.parametrize("skip", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_it_is_the_largest_response_that_a_search_finds(kind: str, skip: bool) -> None:
    for seed in range(4):
        X, L = cloud(kind, 7, 1 + seed, seed, skip=skip)
        found = max(search(X - x, L) for x in X)
        terms = max(float(np.linalg.norm(L, axis=1) @ np.linalg.norm(X - x, axis=1)) for x in X)
        assert found * (1 - 1e-13) <= neuron_bound(X, L) <= found * (1 + 1e-9) + 1e-12 * terms
        found = search(X, L)
        assert found * (1 - 1e-13) <= ray_bound(X, L) <= found * (1 + 1e-9) + 1e-12 * terms


@pytest.mark.parametrize("kind", KINDS)
def test_branch_and_bound_agrees(kind: str) -> None:
    X, L = cloud(kind, 6, 2, 0)
    for bound, cells in ((neuron_bound, 4 * len(X) ** 3), (ray_bound, 4 * len(X) ** 2)):
        exact, bounded = bound(X, L), bound(X, L, budget=cells - 1)
        assert exact <= bounded * (1 + 1e-12)
        assert bound(X, L, budget=cells) == exact
    mid = neuron_bound(np.pad(X, ((0, 0), (0, 1))), L, budget=100_000)  # the same points, seen in four dimensions
    assert mid == pytest.approx(neuron_bound(X, L), rel=1e-9)


def test_a_maximum_inside_a_cell_is_found_wherever_the_cell_is() -> None:
    # relu(t) - relu(-t) = t: the response grows linearly towards one direction, which lies inside its cell.
    rng = np.random.default_rng(0)
    for _ in range(20):
        u = rng.standard_normal(3)
        u /= np.linalg.norm(u)
        P = np.vstack([u, -u, 0.01 * rng.standard_normal((5, 3))])
        L = np.zeros((7, 1))
        L[:2, 0] = [1.0, -1.0]
        L[2:, 0] = 1e-6
        bound = ray_bound(P, L)
        W = u + 1e-4 * rng.standard_normal((2000, 3))
        W /= np.linalg.norm(W, axis=1)[:, None]
        assert max(1.0, response(P, L, W).max()) <= bound <= 1 + 1e-6


@pytest.mark.parametrize(("n", "d", "T"), [(6, 2, 1), (9, 2, 4), (5, 3, 2), (6, 4, 2)])
def test_no_ray_responds_more(n: int, d: int, T: int) -> None:
    rng = np.random.default_rng([n, d, T])
    for _ in range(3):
        P, L = rng.standard_normal((n, d)), rng.standard_normal((n, T))
        W = rng.standard_normal((20_000, d))
        W /= np.linalg.norm(W, axis=1)[:, None]
        seen = response(P, L, W).max()
        assert seen <= ray_bound(P, L) <= seen * (1.05 if d < 4 else 1.2)


@given(st.sampled_from(KINDS), st.integers(2, 8), st.integers(1, 3), st.integers(0, 1000), st.booleans())
def test_rotation_shift_scale_and_order_change_nothing(kind: str, n: int, T: int, seed: int, skip: bool) -> None:
    X, L = cloud(kind, n, T, seed, skip=skip)
    rng = np.random.default_rng(seed)
    rotation, _ = np.linalg.qr(rng.standard_normal((3, 3)))
    outputs, _ = np.linalg.qr(rng.standard_normal((T, T)))
    order = rng.permutation(len(X))
    scale = float(np.linalg.norm(L, axis=1).sum()) * float(np.ptp(X, axis=0).max() + 1e-300)
    expected = neuron_bound(X, L)
    same = pytest.approx(expected, rel=1e-11, abs=1e-11 * scale)
    assert neuron_bound(X @ rotation, L) == same
    assert neuron_bound(X + np.ptp(X) * rng.standard_normal(3), L) == same
    assert neuron_bound(X[order], L[order] @ outputs) == same
    assert neuron_bound(X * 3e7, L * 1e-9) == pytest.approx(expected * 3e-2, rel=1e-11, abs=1e-12 * scale)
    rays = ray_bound(X, L)
    assert ray_bound(X[order] @ rotation, L[order] @ outputs) == pytest.approx(
        rays, rel=1e-11, abs=1e-11 * float(np.linalg.norm(L, axis=1) @ np.linalg.norm(X, axis=1) + 1e-300)
    )


def test_points_an_ulp_apart_do_no_harm() -> None:
    X, L = cloud("cube", 8, 2, 0)
    rng = np.random.default_rng(0)
    expected = neuron_bound(X, L)
    for _ in range(5):
        moved = X * (1 + 2.0**-52 * rng.integers(-2, 3, X.shape))
        assert neuron_bound(moved, L) == pytest.approx(expected, rel=1e-12)
    twice = np.vstack([X, X * (1 + 2.0**-52)])
    assert neuron_bound(twice, np.vstack([L / 2, L / 2])) == pytest.approx(expected, rel=1e-12)


def test_nothing_and_next_to_nothing() -> None:
    assert ray_bound(np.zeros((3, 3)), np.ones((3, 1))) == 0
    assert ray_bound(np.eye(3), np.zeros((3, 1))) == 0
    assert ray_bound(np.eye(3)[:1], [[2.0]]) == pytest.approx(2, rel=1e-12)
    assert ray_bound([[3.0]], [[2.0]]) == pytest.approx(6, rel=1e-12)
    assert ray_bound(np.ones((1, 3)), np.ones((1, 5))) == pytest.approx(math.sqrt(15), rel=1e-12)
