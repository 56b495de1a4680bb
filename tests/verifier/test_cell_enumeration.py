"""The maximum over the sphere, cell by cell, against search, branch and bound, and what makes cells degenerate."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import vvnorm
from vvnorm.verifier.branch_and_bound import TOLERANCE
from vvnorm.verifier.cell_enumeration import height, inside_cells, table, work
from vvnorm.verifier.neuron_bound import neuron_bound, ray_bound

Array = NDArray[np.float64]
KINDS = ("generic", "lattice", "repeated", "planes", "clustered", "nearly flat", "cube")


def cloud(kind: str, n: int, T: int, seed: int, *, d: int = 3, skip: bool = True) -> tuple[Array, Array]:
    """Points in space, in general position or not, and a dual array."""
    rng = np.random.default_rng([n, T, seed])
    X = rng.standard_normal((n, d))
    if kind == "lattice":
        X = rng.integers(-1, 2, (n, d)).astype(float)
    elif kind == "repeated":
        X = X[rng.integers(0, n, n)]
    elif kind == "planes":  # two planes, and lines in them
        X[: n // 2, 2], X[n // 2 :, 0], X[: n // 3, 1] = 0.0, 1.0, 0.5
    elif kind == "clustered":
        X *= 10.0 ** rng.integers(-5, 1, (n, 1))
    elif kind == "nearly flat":
        X[:, 2] *= 1e-9
    elif kind == "cube":
        X = np.array(list(itertools.product([-1.0, 1.0], repeat=d)))[rng.permutation(2**d)[:n]]
    basis = np.column_stack([np.ones(len(X)), X]) if skip else np.ones((len(X), 1))
    L = rng.standard_normal((len(X), T))
    return X, L - basis @ np.linalg.lstsq(basis, L, rcond=None)[0]


def response(P: Array, L: Array, W: Array) -> Array:
    """Responses to directions, base point 0."""
    return np.linalg.norm(np.maximum(W @ P.T, 0) @ L, axis=1)


def flats(P: Array, count: int) -> Array:
    """Orthonormal bases of the subspaces orthogonal to so many of the vectors, for each choice: (choices, d, d - count)."""
    P = P[P.any(axis=1)]
    if count == 0 or count > len(P):
        return np.eye(P.shape[1])[None][: 1 - min(count, 1)]
    normals = np.array(list(itertools.combinations(P / np.linalg.norm(P, axis=1)[:, None], count)))
    return np.swapaxes(np.linalg.svd(normals)[2][:, count:], 1, 2)


def search(P: Array, L: Array, starts: int = 40) -> float:
    """Largest response that is found: at all vertices, and by ascent from many directions, free or held to kinks."""
    rng, d, best = np.random.default_rng(0), P.shape[1], 0.0
    for count in range(d):
        for frame in flats(P, count):
            Q = P @ frame  # its rows are the vectors in this subspace
            if d - count == 1:
                best = max(best, float(response(Q, L, np.array([[1.0], [-1.0]])).max()))
                continue
            W = rng.standard_normal((starts if count else 10 * starts, d - count))
            for _ in range(30):
                size = np.linalg.norm(W, axis=1)
                W = W[size > 1e-9] / size[size > 1e-9, None]
                if not len(W):
                    break
                S = W @ Q.T
                F = np.maximum(S, 0) @ L
                best = max(best, float(np.linalg.norm(F, axis=1).max()))
                W = ((S > 0) * (F @ L.T)) @ Q
    return best


def vertices(P: Array, L: Array) -> float:
    """Largest response at the directions orthogonal to d - 1 of the vectors."""
    W = flats(P, P.shape[1] - 1)[:, :, 0]
    return float(max(response(P, L, W).max(initial=0.0), response(P, L, -W).max(initial=0.0)))


@pytest.mark.parametrize("skip", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_it_is_the_largest_response_that_a_search_finds(kind: str, skip: bool) -> None:
    for seed in range(2):
        X, L = cloud(kind, 7, 1 + 2 * seed, seed, skip=skip)
        largest = max(search(X - x, L, 20) for x in X)
        terms = max(float(np.linalg.norm(L, axis=1) @ np.linalg.norm(X - x, axis=1)) for x in X)
        assert largest * (1 - 1e-13) <= neuron_bound(X, L) <= largest * (1 + 1e-9) + 1e-12 * terms
        largest = search(X, L)
        assert largest * (1 - 1e-13) <= ray_bound(X, L) <= largest * (1 + 1e-9) + 1e-12 * terms


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("d", "skip"),
    [(4, True), (4, False), (5, True), pytest.param(5, False, marks=pytest.mark.slow)],  # 5 inputs: nothing is new but time
)
def test_beyond_three_dimensions_as_well(d: int, kind: str, skip: bool) -> None:
    X, L = cloud(kind, 7, 2, d, d=d, skip=skip)
    for largest, bound in ((max(search(X - x, L, 10) for x in X), neuron_bound(X, L)), (search(X, L, 30), ray_bound(X, L))):
        terms = float(np.linalg.norm(L, axis=1).sum()) * float(np.abs(X).max()) * 2 * d
        # Ascent slows down where two singular values nearly coincide.
        assert largest * (1 - 1e-13) <= bound <= largest * (1 + 1e-5) + 1e-10 * terms


@pytest.mark.slow
def test_six_dimensions_and_what_rounding_leaves_in_doubt() -> None:
    for kind in ("generic", "lattice", "clustered"):
        X, L = cloud(kind, 9, 2, 0, d=6)
        largest = max(search(X - x, L, 2) for x in X)
        assert largest * (1 - 1e-13) <= neuron_bound(X, L) <= largest * (1 + 1e-6)
    # Four of the vectors leave one another less and less, down to 2e-13: if that is nothing cannot be told.
    P = np.eye(6)[[0, 0, 0, 0, 1, 2, 3, 4, 5]] + 0.3
    P[1:4] = P[0] + np.array([2e-4, 2e-4, 2e-4])[:, None] * np.random.default_rng(0).standard_normal((3, 6))
    assert inside_cells(P, np.ones((9, 1)), height(6), False, table(9, 6), 0.0) == math.inf
    assert search(P, np.ones((9, 1)), 2) <= ray_bound(P, np.ones((9, 1)), budget=10**7)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("d", [3, 4])
def test_branch_and_bound_agrees(d: int, kind: str) -> None:
    X, L = cloud(kind, 6, 2, 0, d=d)
    for bound, mutual in ((neuron_bound, True), (ray_bound, False)):
        all_cells = math.ceil(work(6, d, 2, mutual=mutual))
        exact, bounded = bound(X, L), bound(X, L, budget=all_cells // 2)
        assert exact <= bounded * (1 + TOLERANCE)
        assert bound(X, L, budget=all_cells) == exact
    raised = neuron_bound(np.pad(X, ((0, 0), (0, 1))), L)  # the same points, seen in one dimension more
    assert raised == pytest.approx(neuron_bound(X, L), rel=1e-9)


@pytest.mark.parametrize("d", [3, 4, 5, 6])
def test_a_maximum_inside_a_cell_is_found_wherever_the_cell_is(d: int) -> None:
    # relu(t) - relu(-t) = t: the response grows linearly towards one direction, which lies inside its cell.
    rng = np.random.default_rng(d)
    for seed in range(20):
        u = rng.standard_normal(d)
        u /= np.linalg.norm(u)
        P = np.vstack([u, -u, 0.01 * rng.standard_normal((7, d))])
        if seed % 2:  # hyperplanes close to the direction on all sides: the cell is small
            P[2:] -= np.outer(P[2:] @ u, u) * (1 - 10.0 ** -rng.integers(1, 4))
        L = np.zeros((9, 1))
        L[:2, 0] = [1.0, -1.0]
        L[2:, 0] = 1e-6
        bound = ray_bound(P, L)
        W = u + 1e-4 * rng.standard_normal((2000, d))
        W /= np.linalg.norm(W, axis=1)[:, None]
        assert max(1.0, response(P, L, W).max()) <= bound <= 1 + 1e-6


@pytest.mark.parametrize(("N", "d", "T"), [(10, 4, 1), (9, 4, 3), (8, 5, 1)])
def test_at_optimal_duals_the_bound_is_attained(N: int, d: int, T: int) -> None:
    rng = np.random.default_rng([N, d, T])
    X, Y = rng.standard_normal((N, d)), rng.standard_normal((N, T))
    L = np.asarray(vvnorm.interpolate(X, Y).dual)
    best = max(search(X - x, L, 20) for x in X)
    assert best <= neuron_bound(X, L) <= best * (1 + TOLERANCE)


@pytest.mark.parametrize("T", [1, 6])
def test_at_optimal_duals_with_biases_inside_the_norm_too(T: int) -> None:
    rng = np.random.default_rng(T)
    X, Y = rng.standard_normal((16, 3)), rng.standard_normal((16, T))
    P, L = np.column_stack([X, np.ones(16)]), np.asarray(vvnorm.interpolate(X, Y, penalise_bias=True).dual)
    best = max(vertices(P, L), search(P, L, 20))
    assert best <= ray_bound(P, L) <= best * (1 + TOLERANCE)


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


@given(st.sampled_from(KINDS), st.integers(4, 5), st.integers(1, 3), st.integers(0, 1000), st.booleans())
@settings(max_examples=25)
def test_beyond_three_dimensions_they_change_nothing_but_the_tolerance(
    kind: str, d: int, T: int, seed: int, skip: bool
) -> None:
    X, L = cloud(kind, d + 3, T, seed, d=d, skip=skip)
    rng = np.random.default_rng(seed)
    rotation, _ = np.linalg.qr(rng.standard_normal((d, d)))
    order = rng.permutation(len(X))
    scale = float(np.linalg.norm(L, axis=1).sum()) * float(np.ptp(X, axis=0).max() + 1e-300)
    expected = neuron_bound(X, L)
    same = pytest.approx(expected, rel=TOLERANCE, abs=1e-10 * scale)
    assert neuron_bound(X @ rotation + np.ptp(X) * rng.standard_normal(d), L) == same
    assert neuron_bound(X[order] * 3e7, L[order] * 1e-9) == pytest.approx(expected * 3e-2, rel=TOLERANCE, abs=1e-11 * scale)
    W = rng.standard_normal((3000, d))
    W /= np.linalg.norm(W, axis=1)[:, None]
    assert max(max(response(X - x, L, W).max(), vertices(X - x, L)) for x in X) <= expected + 1e-13 * scale


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
