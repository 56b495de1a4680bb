"""The bound on one neuron's response against brute force, and its symmetries."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from vvnorm.verifier.branch_and_bound import TOLERANCE, bound_on_cell, response_bound
from vvnorm.verifier.neuron_bound import neuron_bound

Array = NDArray[np.float64]


def balanced(X: Array, Lambda: Array, *, skip: bool = True) -> Array:
    """Lambda made orthogonal to affine functions, or to constants only."""
    basis = np.column_stack([np.ones(len(X)), X]) if skip else np.ones((len(X), 1))
    return Lambda - basis @ np.linalg.lstsq(basis, Lambda, rcond=None)[0]


def draw(N: int, d: int, T: int, seed: int = 0, *, skip: bool = True) -> tuple[Array, Array]:
    rng = np.random.default_rng([N, d, T, seed])
    X = rng.standard_normal((N, d))
    return X, balanced(X, rng.standard_normal((N, T)), skip=skip)


def responses(X: Array, Lambda: Array, W: Array) -> float:
    """Largest response over all base points and the given directions."""
    W = W / np.linalg.norm(W, axis=1)[:, None]
    return max(float(np.linalg.norm(np.maximum(W @ (X - x).T, 0) @ Lambda, axis=1).max()) for x in X)


def circle(X: Array, Lambda: Array, count: int = 20_000) -> float:
    """Brute force over angles, the critical ones among them."""
    differences = (X[:, None] - X).reshape(-1, 2)
    differences = differences[differences.any(axis=1)]
    critical = np.arctan2(differences[:, 1], differences[:, 0]) + math.pi / 2
    angles = np.concatenate([np.linspace(0, 2 * math.pi, count), critical])
    return responses(X, Lambda, np.column_stack([np.cos(angles), np.sin(angles)]))


def search(X: Array, Lambda: Array, starts: int) -> float:
    """Largest response found by shrinking random search around the best of random directions."""
    rng = np.random.default_rng(0)
    d = X.shape[1]
    best, size = rng.standard_normal((starts, d)), 1.0
    while size > 1e-4:
        W = np.vstack(
            [best, best[:, None].repeat(40, axis=1).reshape(-1, d) + size * rng.standard_normal((40 * len(best), d))]
        )
        W /= np.linalg.norm(W, axis=1)[:, None]
        values = [np.linalg.norm(np.maximum(W @ (X - x).T, 0) @ Lambda, axis=1) for x in X]
        best = W[np.argsort(-np.max(values, axis=0), kind="stable")[:20]]
        size *= 0.7
    return float(np.max(values))


@pytest.mark.parametrize("skip", [True, False])
@pytest.mark.parametrize(("N", "T"), [(2, 1), (3, 2), (6, 1), (12, 4), (15, 20)])
def test_in_the_plane_it_is_the_maximum_over_all_angles(N: int, T: int, skip: bool) -> None:
    for seed in range(3):
        X, Lambda = draw(N, 2, T, seed, skip=skip)
        bound, expected = neuron_bound(X, Lambda), circle(X, Lambda)
        assert expected <= bound <= expected * (1 + 1e-6) + 1e-13


@pytest.mark.parametrize("T", [1, 3])
def test_on_a_line_it_is_the_maximum_over_both_directions(T: int) -> None:
    X, Lambda = draw(9, 1, T)
    expected = responses(X, Lambda, np.array([[1.0], [-1.0]]))
    assert expected <= neuron_bound(X, Lambda) <= expected * (1 + 1e-12)
    assert neuron_bound(X[:, 0], Lambda) == neuron_bound(X, Lambda)


@pytest.mark.parametrize("skip", [True, False])
@pytest.mark.parametrize(("N", "d", "T"), [(5, 3, 1), (8, 3, 2), (12, 3, 15), (7, 4, 2), (6, 5, 2)])
def test_in_space_it_is_within_its_tolerance_of_the_maximum(N: int, d: int, T: int, skip: bool) -> None:
    X, Lambda = draw(N, d, T, skip=skip)
    bound, expected = neuron_bound(X, Lambda), search(X, Lambda, 2000)
    assert expected <= bound <= expected * (1 + 5e-3)  # what the random search may miss


@pytest.mark.parametrize("kind", ["generic", "grid", "clustered"])
@pytest.mark.parametrize("d", [3, 4])
def test_no_direction_responds_more_in_space(d: int, kind: str) -> None:
    for seed in range(4):
        rng = np.random.default_rng([d, seed])
        n = int(rng.integers(2, 8))
        X = rng.standard_normal((n, d)) if kind != "grid" else rng.integers(-1, 2, (n, d)).astype(float)
        if kind == "clustered":  # differences that point into the middle of cells, and some far smaller than others
            X *= 10.0 ** rng.integers(-4, 1, (n, 1))
        Lambda = balanced(X, rng.standard_normal((n, 2)), skip=bool(seed % 2))
        assert neuron_bound(X, Lambda, budget=20_000) >= search(X, Lambda, 300) - 1e-12


@pytest.mark.parametrize("d", [2, 3, 5])
def test_the_bound_of_a_cell_holds_all_over_it(d: int) -> None:
    rng = np.random.default_rng(d)
    for _ in range(150):
        n, T = int(rng.integers(1, 9)), int(rng.integers(1, 4))
        P, L = rng.standard_normal((n, d)), rng.standard_normal((n, T))
        # A dyadic box on a random face of the cube, and a difference that points into it.
        width = 2.0 ** -rng.integers(0, 6)
        u = (2 * rng.integers(0, 1 / width, d) + 1) * width - 1
        face = int(rng.integers(d))
        u[face], widths = rng.choice([-1, 1]), np.full(d, width)
        widths[face] = 0
        P[0] = u + widths * rng.uniform(-1, 1, d)
        sizes = np.linalg.norm(L, axis=1)
        upper, value = bound_on_cell(P, np.linalg.norm(P, axis=1), L, sizes, np.linalg.norm(L, 2), u, widths, 1e-13)
        W = u + widths * np.concatenate([rng.uniform(-1, 1, (300, d)), rng.choice([-1, 1], (100, d))])
        W /= np.linalg.norm(W, axis=1)[:, None]
        seen = np.linalg.norm(np.maximum(W @ P.T, 0) @ L, axis=1).max()
        assert seen <= upper * (1 + 1e-9)
        assert value <= np.linalg.norm(P, 2) * np.linalg.norm(L, 2) * (1 + 1e-12)
        if width == 1 / 32 and d == 3:
            assert upper <= seen + 0.5 * float(sizes @ np.linalg.norm(P, axis=1)) * width


def test_a_known_maximum_is_met_within_the_tolerance() -> None:
    # Values of |t| along one axis, and nothing else: the response to that direction is the largest, 1.
    for d in (3, 4, 6):
        X = np.zeros((3 + d, d))
        X[:3, 0] = [-1.0, 0.0, 1.0]
        X[3:] = 0.1 * np.eye(d)
        Lambda = np.zeros((3 + d, 1))
        Lambda[:3, 0] = [1.0, -2.0, 1.0]
        assert 1 <= neuron_bound(X, Lambda) <= 1 + 2 * TOLERANCE


def test_points_in_a_plane_in_space_are_as_in_the_plane() -> None:
    X, Lambda = draw(12, 2, 3)
    frame, _ = np.linalg.qr(np.random.default_rng(0).standard_normal((6, 6)))
    expected = neuron_bound(X, Lambda)
    assert neuron_bound(X @ frame[:2] + frame[2], Lambda) == pytest.approx(expected, rel=1e-11)
    assert neuron_bound(X[:, :1] @ frame[:1], Lambda) == pytest.approx(neuron_bound(X[:, :1], Lambda), rel=1e-11)


def test_more_outputs_than_points_change_nothing() -> None:
    rotation, _ = np.linalg.qr(np.random.default_rng(0).standard_normal((30, 30)))
    for d in (2, 3):
        X, Lambda = draw(8, d, 2)
        assert neuron_bound(X, Lambda @ rotation[:2]) == pytest.approx(neuron_bound(X, Lambda), rel=2 * TOLERANCE)


@pytest.mark.parametrize(("N", "d"), [(10, 3), (8, 5), (15, 8)])
def test_a_smaller_budget_gives_the_same_or_a_larger_bound(N: int, d: int) -> None:
    X, Lambda = draw(N, d, 3)
    bounds = [neuron_bound(X, Lambda, budget=budget) for budget in (0, 10**4, 10**5, 10**6, 10**7, 3 * 10**7)]
    assert bounds == sorted(bounds, reverse=True)
    assert bounds[-1] < bounds[0] or d == 8  # there the bound by a graph is the best one at any budget
    sizes = np.linalg.norm(Lambda, axis=1)
    less, more = (response_bound(X, X, Lambda, sizes, budget) for budget in (0, 3 * 10**7))
    assert more < less
    assert bounds[-1] >= search(X, Lambda, 1000)
    spectral = max(np.linalg.norm(X - x, 2) for x in X) * np.linalg.norm(Lambda, 2) / 2
    assert bounds[0] <= spectral * (1 + 1e-9)


# --- symmetries -------------------------------------------------------------------------------------------------------


@st.composite
def clouds(draw: st.DrawFn) -> tuple[Array, Array]:
    """Points in the plane with ties: generic, on a grid, repeated, collinear."""
    n, T, seed = draw(st.integers(2, 9)), draw(st.integers(1, 3)), draw(st.integers(0, 2**16))
    rng = np.random.default_rng(seed)
    kind = draw(st.sampled_from(["generic", "grid", "repeated", "collinear", "clustered"]))
    if kind == "generic":
        X = rng.standard_normal((n, 2))
    elif kind == "grid":
        X = rng.integers(-2, 3, (n, 2)).astype(float)
    elif kind == "repeated":
        X = rng.standard_normal((n, 2))[rng.integers(0, n, n)]
    elif kind == "collinear":
        X = rng.integers(-9, 10, (n, 1)) * np.array([3.0, -7.0])
    else:
        X = rng.standard_normal((n, 2)) * 10.0 ** rng.integers(-6, 1, (n, 1))
    return X, balanced(X, rng.standard_normal((n, T)), skip=draw(st.booleans()))


@given(clouds())
def test_no_direction_responds_more_wherever_points_lie(cloud: tuple[Array, Array]) -> None:
    X, Lambda = cloud
    expected = circle(X, Lambda, 2000) if np.ptp(X, axis=0).any() else 0.0
    scale = float(np.linalg.norm(Lambda, axis=1).sum()) * float(np.ptp(X, axis=0).max())
    assert expected * (1 - 1e-13) <= neuron_bound(X, Lambda) <= expected * (1 + 1e-5) + 1e-12 * scale


@given(clouds(), st.integers(0, 1000))
def test_it_does_not_change_under_rotations_shifts_and_permutations(cloud: tuple[Array, Array], seed: int) -> None:
    X, Lambda = cloud
    rng = np.random.default_rng(seed)
    expected = neuron_bound(X, Lambda)
    scale = float(np.linalg.norm(Lambda, axis=1).sum()) * float(np.ptp(X, axis=0).max() + 1e-300)
    same = pytest.approx(expected, rel=1e-12, abs=1e-12 * scale)
    rotation, _ = np.linalg.qr(rng.standard_normal((2, 2)))
    outputs, _ = np.linalg.qr(rng.standard_normal((Lambda.shape[1], Lambda.shape[1])))
    order = rng.permutation(len(X))
    assert neuron_bound(X @ rotation, Lambda) == same
    assert neuron_bound(X + np.ptp(X) * rng.standard_normal(2), Lambda) == same
    assert neuron_bound(X, Lambda @ outputs) == same
    assert neuron_bound(X[order], Lambda[order]) == same


@given(clouds(), st.integers(-500, 500), st.integers(-500, 500))
def test_powers_of_two_only_scale_it(cloud: tuple[Array, Array], across: int, up: int) -> None:
    X, Lambda = cloud
    expected = math.ldexp(neuron_bound(X, Lambda), across + up)
    assert neuron_bound(np.ldexp(X, across), np.ldexp(Lambda, up)) == pytest.approx(expected, rel=1e-15, abs=5e-324)


@given(st.integers(0, 1000), st.floats(-150, 150), st.floats(-150, 150))
@settings(max_examples=15)
def test_in_space_scale_rotation_and_order_matter_within_the_tolerance_only(seed: int, across: float, up: float) -> None:
    X, Lambda = draw(6, 3, 2, seed)
    rng = np.random.default_rng(seed)
    rotation, _ = np.linalg.qr(rng.standard_normal((3, 3)))
    order = rng.permutation(6)
    moved = (10.0**across) * (X @ rotation + 1)[order]
    expected = neuron_bound(X, Lambda) * 10.0**across * 10.0**up
    assert neuron_bound(moved, 10.0**up * Lambda[order]) == pytest.approx(expected, rel=2 * TOLERANCE)


@pytest.mark.parametrize("unit", [1e-300, 1e-150, 1e150, 1e300])
def test_it_never_vanishes_by_underflow(unit: float) -> None:
    X, Lambda = draw(6, 2, 2)
    assert neuron_bound(unit * X, Lambda) == pytest.approx(unit * neuron_bound(X, Lambda), rel=1e-12)
    assert neuron_bound(1e-300 * X, 1e-300 * Lambda) > 0
    assert neuron_bound(1e300 * X, 1e300 * Lambda) == math.inf


def test_points_that_differ_by_an_ulp_are_told_apart_or_bounded() -> None:
    X = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 2.0**-52], [1.0 + 2.0**-52, 0.0], [0.5, 1e-300]])
    Lambda = balanced(X, np.random.default_rng(0).standard_normal((5, 2)), skip=False)
    expected = circle(X, Lambda)
    assert expected <= neuron_bound(X, Lambda) <= expected * (1 + 1e-7)


# --- edges ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("d", [1, 2, 3, 4])
def test_nothing_responds_to_nothing(d: int) -> None:
    X = np.arange(4.0 * d).reshape(4, d) ** 2
    assert neuron_bound(X, np.zeros((4, 2))) == 0
    assert neuron_bound(X[:1], [[1.0]]) == 0
    assert neuron_bound(np.ones((4, d)), np.ones((4, 1))) == 0


@pytest.mark.parametrize(
    ("ask", "error", "message"),
    [
        (lambda: neuron_bound(np.eye(2), np.zeros((3, 1))), ValueError, "Lambda has 3 rows"),
        (lambda: neuron_bound(np.eye(2), [[np.nan], [0.0]]), ValueError, "Lambda holds nan"),
        (lambda: neuron_bound([[np.inf, 0.0]], [[1.0]]), ValueError, "X holds inf"),
        (lambda: neuron_bound(np.eye(2), [["1"], ["2"]]), TypeError, "Lambda must hold real numbers"),
        (lambda: neuron_bound(np.eye(2), np.eye(2), budget=-1), ValueError, "budget"),
        (lambda: neuron_bound(np.eye(2), np.eye(2), budget=1.5), TypeError, "budget"),
    ],
)
def test_bad_arguments_are_named(ask, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        ask()
