"""Exact means and maxima of gradients against cells that are built one by one, by clipping."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vvnorm import ReLUNetwork
from vvnorm.analysis.gradient_integrals import max_norm, mean_norm
from vvnorm.analysis.regions import Ball, Box, Hull
from vvnorm.testing import networks

SQUARE = np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])


def random_network(rng: np.random.Generator, neurons: int, inputs: int = 2) -> ReLUNetwork:
    W, b, V = rng.standard_normal((neurons, inputs)), rng.standard_normal(neurons), rng.standard_normal((1, neurons))
    return ReLUNetwork(W, b, V, rng.standard_normal((1, inputs)))


def clip(polygon: np.ndarray, w: np.ndarray, b: float) -> np.ndarray:
    """Return the part of a convex polygon, corners in order, where w.x + b >= 0 (Sutherland-Hodgman)."""
    here, after = polygon @ w + b, np.roll(polygon, -1, axis=0)
    there = np.roll(here, -1)
    crosses = here * there < 0
    share = np.divide(here, here - there, out=np.zeros_like(here), where=crosses)
    corners = np.stack([polygon, polygon + (after - polygon) * share[:, None]], axis=1)
    return corners[np.column_stack([here >= 0, crosses])]


def area(polygon: np.ndarray) -> float:
    if len(polygon) < 3:
        return 0.0
    (x, y), (p, q) = (polygon - polygon[0]).T, (np.roll(polygon, -1, axis=0) - polygon[0]).T
    return float(abs(np.sum(x * q - y * p)) / 2)


def cells(f: ReLUNetwork, polygon: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Areas of the cells and the norms of their gradients; cells that are too small to be any are left out."""
    parts = [polygon]
    for w, b in zip(f.W, f.b, strict=True):
        halves = (clip(part, sign * w, sign * b) for part in parts for sign in (1, -1)) if w.any() else parts
        parts = [half for half in halves if area(half) > 1e-14]
    norms = [np.linalg.norm(f.gradient(part.mean(axis=0)[None])[0, 0]) for part in parts]
    return np.array([area(part) for part in parts]), np.array(norms)


def ordered(X: np.ndarray) -> np.ndarray:
    """Corners of the hull in order."""
    from scipy.spatial import ConvexHull

    return X[ConvexHull(X).vertices]


@pytest.mark.parametrize("neurons", [0, 1, 2, 7, 25])
@pytest.mark.parametrize("seed", range(4))
def test_polygons_agree_with_their_cells(neurons: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    f, X = random_network(rng, neurons), rng.standard_normal((12, 2)) * [3, 0.5] + [1, 0]
    areas, norms = cells(f, ordered(X))
    assert mean_norm(f, Hull(X)) == pytest.approx(areas @ norms / areas.sum(), rel=1e-11)
    assert max_norm(f, Hull(X)) == pytest.approx(norms[areas > 1e-9].max(), rel=1e-12)


@given(f=networks(inputs=2, outputs=1, max_neurons=9), shift=st.sampled_from([0.0, 0.5, 1e-3]))
def test_no_coincidence_of_kinks_harms(f: ReLUNetwork, shift: float) -> None:
    """Weights in eighths make dead, repeated, opposite, parallel and concurrent kinks, and kinks along the edges."""
    areas, norms = cells(f, SQUARE + shift)
    box = Box([shift - 1, shift - 1], [shift + 1, shift + 1])
    scale = 1 + np.abs(f.A).sum() + np.abs(f.V) @ np.abs(f.W).sum(axis=1)
    assert mean_norm(f, box) == pytest.approx(areas @ norms / areas.sum(), abs=1e-11 * float(scale[0]))
    assert max_norm(f, box) == pytest.approx(norms[areas > 1e-11].max(), abs=1e-11 * float(scale[0]))


@given(f=networks(inputs=2, outputs=1, max_neurons=9), data=st.data())
def test_no_concurrence_harms_in_a_disc(f: ReLUNetwork, data: st.DataObject) -> None:
    """All kinks through one point, which is inside, on the circle or outside."""
    x = np.array([data.draw(st.sampled_from([0.0, 0.25, 1.0])), data.draw(st.sampled_from([0.0, 2.0]))])
    g = ReLUNetwork(f.W, -f.W @ x, f.V, f.A, f.c)
    angle = np.arange(4096) * (2 * np.pi / 4096)
    areas, norms = cells(g, np.column_stack([np.cos(angle), np.sin(angle)]))
    scale = 1 + float(norms.max())
    assert mean_norm(g, Ball([0, 0], 1)) == pytest.approx(areas @ norms / areas.sum(), abs=1e-5 * scale)
    assert max_norm(g, Ball([0, 0], 1)) == pytest.approx(norms[areas > 1e-5].max(), rel=1e-11, abs=1e-11)


@pytest.mark.parametrize("neurons", [0, 1, 6, 30])
def test_a_disc_is_the_limit_of_its_polygons(neurons: int, rng: np.random.Generator) -> None:
    f = random_network(rng, neurons)
    angle = np.arange(1500) * (2 * np.pi / 1500)
    polygon = np.array([0.3, -0.2]) + 1.3 * np.column_stack([np.cos(angle), np.sin(angle)])
    disc = Ball([0.3, -0.2], 1.3)
    assert mean_norm(f, disc) == pytest.approx(mean_norm(f, Hull(polygon)), rel=1e-5)
    assert max_norm(f, disc) == pytest.approx(max_norm(f, Hull(polygon)), rel=1e-12)


@pytest.mark.parametrize("noise", [0.0, 1e-16, 1e-15, 1e-14, 1e-13, 1e-12])
def test_copies_of_neurons_that_differ_by_rounding_count_as_one(noise: float) -> None:
    for seed in range(5):
        rng = np.random.default_rng(seed)
        f, share = random_network(rng, 12), rng.standard_normal((4, 12))
        turned = rng.uniform(size=(4, 12)) < 0.5
        # relu(z) = relu(-z) + z: a turned copy adds its slope to the skip connection.
        sign, size = np.where(turned, -1.0, 1.0).ravel(), np.exp(rng.standard_normal(48))
        W = np.vstack([f.W] * 4) * (1 + noise * rng.standard_normal((48, 2)))
        b = np.tile(f.b, 4) * (1 + noise * rng.standard_normal(48))
        A = f.A + (share * turned).sum(axis=0) @ f.W
        copies = ReLUNetwork(W * (sign * size)[:, None], b * sign * size, share.ravel()[None] / size, A)
        g = ReLUNetwork(f.W, f.b, share.sum(axis=0)[None], f.A)
        for region in (Box([-1, -2], [2, 1]), Ball([0, 0], 1.5), Hull([[-1, -1], [2, 0], [0, 2]])):
            assert mean_norm(copies, region) == pytest.approx(mean_norm(g, region), rel=1e-12 + 50 * noise)
            assert max_norm(copies, region) == pytest.approx(max_norm(g, region), rel=1e-12 + 50 * noise)


def test_horizontal_kinks_turned_by_rounding_count_as_one() -> None:
    """Their normals sit at both ends of the half-circle of directions."""
    f = ReLUNetwork([[1e-17, 1.0], [-1e-17, 1.0], [1e-13, -1.0]], [0.0, 0.0, 0.0], [[5.0, -5.0, 1.0]])
    assert max_norm(f, Box([-1, -1], [1, 1])) == pytest.approx(1, rel=1e-9)
    assert mean_norm(f, Box([-1, -1], [1, 1])) == pytest.approx(0.5, rel=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_kinks_through_data_points_and_along_the_sides_of_their_hull(seed: int) -> None:
    """As in solutions of data with two inputs: many kinks meet in each point, up to rounding."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((7, 2))
    pairs = [(i, j) for i in range(7) for j in range(i)]
    W = np.array([[X[i, 1] - X[j, 1], X[j, 0] - X[i, 0]] for i, j in pairs]) * rng.choice([-1, 1], (len(pairs), 1))
    b = np.array([-w @ X[i] for w, (i, _) in zip(W, pairs, strict=True)])
    f = ReLUNetwork(W, b, rng.standard_normal((1, len(pairs))))
    areas, norms = cells(f, ordered(X))
    assert mean_norm(f, Hull(X)) == pytest.approx(areas @ norms / areas.sum(), rel=1e-9)
    assert max_norm(f, Hull(X)) == pytest.approx(norms[areas > 1e-9].max(), rel=1e-12)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("angle", [0, np.pi / 2, np.pi, 3 * np.pi / 2, 1.0])
@pytest.mark.parametrize("noise", [0, 1e-16, -1e-16])
def test_a_kink_along_the_boundary_cuts_nothing_off(angle: float, sign: int, noise: float) -> None:
    w = np.array([np.cos(angle), np.sin(angle)])
    f = ReLUNetwork([sign * w], [sign * (1 + noise)], [[2.0]])
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    for region in (Ball([0, 0], 1), Hull(SQUARE @ turn)):
        inside = 2 if sign > 0 else 0
        assert mean_norm(f, region) == pytest.approx(inside, abs=1e-12)
        assert max_norm(f, region) == pytest.approx(inside, abs=1e-12)


@pytest.mark.parametrize("w", [[1.0, 2.0], [1.0, -2.0], [-1.0, 2.0], [-1.0, -2.0], [0.0, 1.0], [0.0, -1.0]], ids=str)
def test_a_kink_that_leaves_a_disc_where_angles_begin(w: list[float]) -> None:
    """Through (1, 0), at angle 0, where rounding may put it on either side."""
    f = ReLUNetwork([w], [-w[0]], [[1.0]])
    t = w[0] / np.hypot(*w)  # distance of the kink from the centre, positive if it is on beyond
    share = (np.arccos(t) - t * np.sqrt(1 - t**2)) / np.pi
    assert mean_norm(f, Ball([0, 0], 1)) == pytest.approx(share * np.hypot(*w), rel=1e-12)


@pytest.mark.parametrize("points", [[[0, 0], [2, 1]], [[1, 1], [3, 3], [2, 2]], [[-1, 0.5], [1, 0.5]]], ids=str)
def test_a_segment_in_the_plane_is_cut_at_its_kinks(points: list[list[float]], rng: np.random.Generator) -> None:
    f = random_network(rng, 15)
    start, end = np.min(points, axis=0), np.max(points, axis=0)
    places = (np.arange(200_000) + 0.5) / 200_000
    norms = np.linalg.norm(f.gradient(start + places[:, None] * (end - start))[:, 0], axis=1)
    assert mean_norm(f, Hull(points)) == pytest.approx(norms.mean(), rel=1e-3)
    assert max_norm(f, Hull(points)) == pytest.approx(norms.max(), rel=1e-12)


def test_a_flat_region_measures_the_full_gradient() -> None:
    """On the plane z = 1/2 of space the gradient still has its entry along z."""
    f = ReLUNetwork([[1.0, 0, 0], [0, 0, 1.0]], [0.0, 0.0], [[3.0, 4.0]])
    plane = Box([-1, -1, 0.5], [1, 1, 0.5])
    assert mean_norm(f, plane) == pytest.approx((5 + 4) / 2, rel=1e-14)
    assert max_norm(f, plane) == pytest.approx(5, rel=1e-14)
    assert mean_norm(f, Box([-1, 3, -1], [2, 3, -1])) == pytest.approx(3 * 2 / 3, rel=1e-14)  # a segment
    assert mean_norm(f, Hull([[1.0, 0, 2.0]])) == 5  # a point


def test_one_input_is_cut_at_its_kinks(rng: np.random.Generator) -> None:
    f = random_network(rng, 20, inputs=1)
    t, _, slopes = f.kinks
    inner = t[(t > -1) & (t < 2)]
    ends = np.concatenate([[-1], inner, [2]])
    sizes = np.abs(slopes[np.searchsorted(t, (ends[1:] + ends[:-1]) / 2), 0])
    for region in (Box(-1, 2), Ball(0.5, 1.5), Hull([0.0, 2.0, -1.0])):
        assert mean_norm(f, region) == pytest.approx(sizes @ np.diff(ends) / 3, rel=1e-12)
        assert max_norm(f, region) == pytest.approx(sizes.max(), rel=1e-12)


@pytest.mark.parametrize("scale", [1e-150, 1e-6, 1e6, 1e150])
def test_the_unit_of_the_inputs_does_not_matter(scale: float, rng: np.random.Generator) -> None:
    f = random_network(rng, 10)
    wide = ReLUNetwork(f.W / scale, f.b, f.V * scale, f.A)
    for small, large in (
        (Box([-1, 0], [2, 3]), Box([-scale, 0], [2 * scale, 3 * scale])),
        (Ball([1, 0], 1), Ball([scale, 0], scale)),
    ):
        assert mean_norm(wide, large) == pytest.approx(mean_norm(f, small), rel=1e-9)
    corners = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 2.0]])
    assert mean_norm(wide, Hull(corners * scale)) == pytest.approx(mean_norm(f, Hull(corners)), rel=1e-9)


def test_a_needle_is_measured_as_well_as_a_square(rng: np.random.Generator) -> None:
    """Coordinates of a box are scaled input by input."""
    f = random_network(rng, 10)
    needle = ReLUNetwork(f.W * [1, 1e9], f.b, f.V, f.A)
    areas, _ = cells(f, SQUARE)
    mids = needle_gradients(f, needle)
    assert mean_norm(needle, Box([-1, -1e-9], [1, 1e-9])) == pytest.approx(areas @ mids / areas.sum(), rel=1e-11)


def needle_gradients(f: ReLUNetwork, needle: ReLUNetwork) -> np.ndarray:
    """Norms of the gradients of the needle's network in the order of the cells of f in the square."""
    parts = [SQUARE]
    for w, b in zip(f.W, f.b, strict=True):
        parts = [half for part in parts for sign in (1, -1) if area(half := clip(part, sign * w, sign * b)) > 1e-14]
    middles = np.array([part.mean(axis=0) for part in parts]) * [1, 1e-9]
    return np.linalg.norm(needle.gradient(middles)[:, 0], axis=1)


@pytest.mark.parametrize("region", [Box([-1, -1], [1, 1]), Ball([0, 0], 1)], ids=["box", "disc"])
def test_hundreds_of_neurons_take_no_time(region: Box | Ball, rng: np.random.Generator) -> None:
    """300 lines have 20 thousand cells here; clipping them one by one would take minutes."""
    f = random_network(rng, 300)
    points = region.points(rng.uniform(size=(100_000, region.n_uniforms)))
    norms = np.linalg.norm(f.gradient(points)[:, 0], axis=1)
    assert mean_norm(f, region) == pytest.approx(norms.mean(), abs=5 * norms.std() / np.sqrt(len(norms)))
    assert norms.max() * (1 - 1e-12) <= max_norm(f, region) <= norms.max() * 1.1
