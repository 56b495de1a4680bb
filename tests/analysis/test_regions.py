"""Boxes, balls and hulls: uniform points, extents, and what they refuse."""

import itertools
import math

import numpy as np
import pytest
from scipy.spatial import ConvexHull, Delaunay

from vvnorm.analysis.regions import Ball, Box, Hull, Region, as_region

TRIANGLE = Hull([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])


def uniform_points(region: Region, rng: np.random.Generator, n: int = 40_000) -> np.ndarray:
    return region.points(rng.uniform(size=(n, region.n_uniforms)))


def some_hull(d: int, rng: np.random.Generator) -> Hull:
    return Hull(rng.standard_normal((3 * d + 5, d)) * rng.uniform(0.1, 10, d) + rng.standard_normal(d))


@pytest.mark.parametrize("d", [1, 2, 3, 5])
def test_points_of_a_box_have_its_moments(d: int, rng: np.random.Generator) -> None:
    low = rng.standard_normal(d)
    side = rng.uniform(0.1, 3, d)
    points = uniform_points(Box(low, low + side), rng)
    assert np.all((points >= low - 1e-12) & (points <= low + side + 1e-12))
    np.testing.assert_allclose(points.mean(axis=0), low + side / 2, atol=5 * side.max() / math.sqrt(12 * len(points)))
    np.testing.assert_allclose(points.var(axis=0), side**2 / 12, rtol=0.05)


@pytest.mark.parametrize("d", [1, 2, 3, 8])
def test_points_of_a_ball_have_its_moments(d: int, rng: np.random.Generator) -> None:
    centre = rng.standard_normal(d)
    away = (uniform_points(Ball(centre, 2.0), rng) - centre) / 2
    radii = np.linalg.norm(away, axis=1)
    assert radii.max() <= 1 + 1e-12
    for share in (0.1, 0.5, 0.9):  # of the volume
        assert np.mean(radii**d < share) == pytest.approx(share, abs=0.015)
    np.testing.assert_allclose(away.T @ away / len(away), np.eye(d) / (d + 2), atol=0.02)


@pytest.mark.parametrize("d", [1, 2, 3, 4])
def test_points_of_a_hull_fall_into_any_half_by_its_volume(d: int, rng: np.random.Generator) -> None:
    hull = some_hull(d, rng)
    points = uniform_points(hull, rng)
    cells = hull.X[Delaunay(hull.X).simplices] if d > 1 else np.array([[[hull.X.min()], [hull.X.max()]]])
    volumes = np.abs(np.linalg.det(cells[:, 1:] - cells[:, :1]))
    centroid = volumes @ cells.mean(axis=1) / volumes.sum()
    np.testing.assert_allclose(points.mean(axis=0), centroid, atol=5 * points.std(axis=0).max() / math.sqrt(len(points)))
    if d > 1:
        assert np.all(Delaunay(hull.X).find_simplex(points * (1 - 1e-9) + hull.centre * 1e-9) >= 0)
        for w in rng.standard_normal((3, d)):
            cut = np.median(hull.X @ w)
            above = [clipped_volume(cell, w, cut) for cell in cells]
            share = sum(above) * math.factorial(d) / volumes.sum()
            assert np.mean(points @ w > cut) == pytest.approx(share, abs=0.013)


def clipped_volume(corners: np.ndarray, w: np.ndarray, cut: float) -> float:
    """Volume of the part of a simplex where w.x > cut: the hull of its corners there and of its edges' crossings."""
    score = corners @ w - cut
    kept = list(corners[score >= 0])
    for i, j in itertools.combinations(range(len(corners)), 2):
        if score[i] * score[j] < 0:
            kept.append(corners[i] + (corners[j] - corners[i]) * score[i] / (score[i] - score[j]))
    return ConvexHull(np.array(kept), qhull_options="QJ Pp").volume if len(kept) > corners.shape[1] else 0.0


@pytest.mark.parametrize("d", [2, 3, 4, 5])
def test_the_simplices_of_a_grid_fill_its_hull(d: int) -> None:
    """On grids nearly all points lie on facets together; turned ones, up to rounding only."""
    grid = np.array(list(itertools.product(range(3), repeat=d)), dtype=float)
    for seed in range(4):
        turned = np.linalg.qr(np.random.default_rng(seed).standard_normal((d, d)))[0]
        hull = Hull(grid @ turned if seed else grid)
        volume = np.abs(np.linalg.det(hull._facets[0])).sum() / math.factorial(d) * abs(np.linalg.det(hull.basis))
        assert volume == pytest.approx(2**d, rel=1e-12)


@pytest.mark.parametrize("flat", [0, 1, 2])
def test_a_flat_hull_has_the_dimension_of_its_points_and_stays_flat(flat: int, rng: np.random.Generator) -> None:
    directions = rng.standard_normal((flat, 3))
    X = rng.standard_normal((9, flat)) @ directions + 100 * rng.standard_normal(3)
    hull = Hull(X)
    assert hull.dimension == flat
    away = uniform_points(hull, rng, 100) - X[0]
    rest = away - away @ np.linalg.pinv(directions) @ directions if flat else away
    assert np.abs(rest).max() < 1e-11


def test_a_box_may_be_flat_and_a_ball_a_point(rng: np.random.Generator) -> None:
    box = Box([0, 1, 2], [1, 1, 5])
    assert box.dimension == 2
    assert np.all(uniform_points(box, rng, 50)[:, 1] == 1)
    assert Ball([1.0, 2.0], 0).dimension == 0
    assert np.all(uniform_points(Ball([1.0, 2.0], 0), rng, 5) == [1, 2])


@pytest.mark.parametrize("region", [Box([-1, 0, 3], [2, 0, 4]), Ball([1, -2, 0], 1.5)], ids=["box", "ball"])
def test_extents_are_sharp(region: Region, rng: np.random.Generator) -> None:
    W = rng.standard_normal((6, 3))
    low, high = region.extent(W)
    scores = uniform_points(region, rng) @ W.T
    assert np.all((scores >= low - 1e-12) & (scores <= high + 1e-12))
    np.testing.assert_allclose(scores.min(axis=0), low, atol=0.5)
    np.testing.assert_allclose(scores.max(axis=0), high, atol=0.5)


def test_extents_of_a_hull_are_those_of_its_points_however_many(rng: np.random.Generator) -> None:
    X, W = rng.standard_normal((3000, 2)), rng.standard_normal((3000, 2))
    low, high = Hull(X).extent(W)
    # Products of blocks of rows may round otherwise than one product of them all.
    np.testing.assert_allclose(low, np.min(X @ W.T, axis=0), rtol=1e-14)
    np.testing.assert_allclose(high, np.max(X @ W.T, axis=0), rtol=1e-14)


@pytest.mark.parametrize("region", [Box([-1, 0], [2, 5]), TRIANGLE], ids=["box", "hull"])
def test_halfspaces_hold_inside_and_one_fails_outside(region: Region, rng: np.random.Generator) -> None:
    normals, offsets = region.halfspaces()  # type: ignore[misc]
    inverse = np.linalg.pinv(region.basis)
    inside = (uniform_points(region, rng, 500) - region.centre) @ inverse.T
    assert np.all(inside @ normals.T + offsets >= -1e-12)
    outside = 3 * inside[np.max(np.abs(inside), axis=1) > 0.7]
    assert np.all(np.min(outside @ normals.T + offsets, axis=1) < 0)


def test_numbers_stand_for_all_inputs_and_arrays_for_hulls() -> None:
    assert Box(0, [1, 2]).n_inputs == 2
    assert Box(-1, 1).n_inputs == Ball(0.5, 1).n_inputs == 1
    assert isinstance(as_region([[0, 0], [1, 1], [1, 0]], 2), Hull)
    assert as_region([0.0, 2.0, 1.0], 1).dimension == 1
    assert as_region(TRIANGLE, 2) is TRIANGLE


def test_regions_keep_their_own_read_only_copies() -> None:
    X = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    for array in (Hull(X).X, Ball(X[0], 1).centre, Box(X[0], X[0] + 1).low, Box(X[0], X[0] + 1).high):
        assert not array.flags.writeable
        assert not np.shares_memory(array, X)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Box([0, 2], [1, 1]), ValueError, "input 1 has low 2.0 and high 1.0"),
        (lambda: Box([0, 0], [1, 1, 1]), ValueError, "low has 2 entries and high has 3"),
        (lambda: Box(np.nan, 1), ValueError, "low holds nan"),
        (lambda: Box(0, np.inf), ValueError, "high holds inf"),
        (lambda: Box([[0, 1], [0, 1]], 1), ValueError, r"low must be one list of numbers, got shape \(2, 2\)"),
        (lambda: Box("a", 1), TypeError, "low must hold real numbers"),
        (lambda: Ball([0, 0], -1), ValueError, "radius must be a non-negative finite number, got -1"),
        (lambda: Ball([0, 0], np.nan), ValueError, "radius .* got nan"),
        (lambda: Ball([0, 0], "1"), TypeError, "radius must be a number, got '1'"),
        (lambda: Ball([0, np.inf], 1), ValueError, "centre holds inf"),
        (lambda: Hull([]), ValueError, "region is empty"),
        (lambda: Hull([[0, np.nan]]), ValueError, "region holds nan"),
        (lambda: as_region("box", 2), TypeError, "region must hold real numbers"),
        (lambda: as_region(Box(0, 1), 2), ValueError, "region has 1 input; the network has 2"),
        (lambda: Hull(np.eye(9)).points(np.full((1, 9), 0.5)), ValueError, "8 dimensions.*take a Box or a Ball"),
    ],
)
def test_what_is_no_region_is_refused(make, error: type[Exception], message: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(error, match=message):
        make()
