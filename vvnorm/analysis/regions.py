"""Regions of input space that measures average over: boxes, balls and convex hulls, each with the uniform distribution.

Every region is the affine image `centre + basis @ u` of a full-dimensional set of coordinates u between -1 and 1. A flat
region (a box with low = high in some input, the hull of points on a line) has fewer coordinates than inputs. Its uniform
distribution is taken in its own dimension.
"""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from vvnorm._internal.words import count, lines
from vvnorm.float64 import as_float64
from vvnorm.tolerances import EPS
from vvnorm.validation import Array, as_inputs, as_non_negative

_HULL_DIMENSIONS = 7  # a hull of 1000 points has 18,000 facets in 6 dimensions, and ten times as many in 8
_OVERLAP = 1e-9  # a larger relative excess of the simplices' volume over the hull's is not rounding
_BLOCK = 1 << 22  # entries of a matrix of scores held at once


class Region(ABC):
    """Base class of regions: sampling, extent and halfspaces. See `Box`, `Ball` and `Hull`.

    Attributes
    ----------
    centre : (d,) array
        A point inside.
    basis : (d, m) array
        Full column rank; its columns span the directions of the region.
    """

    centre: Array
    basis: Array

    @property
    def n_inputs(self) -> int:
        """Number of inputs d."""
        return len(self.centre)

    @property
    def dimension(self) -> int:
        """Dimension m of the region, at most d; 0 for a single point."""
        return self.basis.shape[1]

    @property
    def n_uniforms(self) -> int:
        """Number of uniform random numbers that `points` needs for each point."""
        return self.dimension + 1

    def points(self, uniforms: Array) -> Array:
        """Map independent uniform numbers in (0, 1), shape (n, n_uniforms), to uniform points, shape (n, d)."""
        return self.centre + self._coordinates(uniforms) @ self.basis.T

    @abstractmethod
    def _coordinates(self, uniforms: Array) -> Array:
        """Map uniform numbers to uniform coordinates u, shape (n, m)."""

    @abstractmethod
    def extent(self, W: Array) -> tuple[Array, Array]:
        """Return the least and the largest w.x over the region for each row w of W, up to rounding."""

    @abstractmethod
    def halfspaces(self) -> tuple[Array, Array] | None:
        """Return normals (E, m) and offsets (E,) with normals @ u + offsets >= 0 inside, or None for the unit ball."""


def _short(point: Array) -> str:
    return f"({', '.join(f'{value:.4g}' for value in point)})"


@dataclass(frozen=True, eq=False)
class Box(Region):
    """The points x with low <= x <= high, input by input.

    Parameters
    ----------
    low, high : array-like, shape (d,), or a number
        Finite, low <= high. A number stands for all inputs.

    Raises
    ------
    TypeError, ValueError
        If shapes disagree, an entry is not a finite real number, or low > high.

    Examples
    --------
    >>> import vvnorm
    >>> square = vvnorm.Box([-1, -1], [1, 1])
    >>> square.n_inputs
    2
    """

    low: Array
    high: Array

    def __repr__(self) -> str:
        return lines(f"Box: {count(len(self.low), 'input')}, centre {_short(self.centre)}")

    def __post_init__(self) -> None:
        low, high = (_vector(value, name) for value, name in ((self.low, "low"), (self.high, "high")))
        if len(low) != len(high) and 1 not in (len(low), len(high)):
            raise ValueError(f"low has {len(low)} entries and high has {len(high)}")
        low, high = (np.array(side) for side in np.broadcast_arrays(low, high))
        wrong = np.flatnonzero(low > high)
        if len(wrong):
            raise ValueError(
                f"low must not exceed high; input {wrong[0]} has low {low[wrong[0]]} and high {high[wrong[0]]}"
            )
        _keep(self, low=low, high=high)

    @cached_property
    def centre(self) -> Array:  # type: ignore[override]
        """The middle."""
        return self.low / 2 + self.high / 2

    @cached_property
    def basis(self) -> Array:  # type: ignore[override]
        """Half of each side that is not zero, by columns."""
        half = self.high / 2 - self.low / 2
        return np.diag(half)[:, half > 0]

    @property
    def n_uniforms(self) -> int:
        """Number of uniform random numbers that `points` needs for each point."""
        return self.dimension

    def _coordinates(self, uniforms: Array) -> Array:
        return 2 * uniforms - 1

    def extent(self, W: Array) -> tuple[Array, Array]:
        """Return the least and the largest w.x over the box for each row w of W."""
        middle, reach = W @ self.centre, np.abs(W @ self.basis).sum(axis=1)
        return middle - reach, middle + reach

    def halfspaces(self) -> tuple[Array, Array]:
        """Return the sides of the cube [-1, 1]^m."""
        identity = np.eye(self.dimension)
        return np.vstack([identity, -identity]), np.ones(2 * self.dimension)


@dataclass(frozen=True, eq=False)
class Ball(Region):
    """The points within a radius of a centre.

    Parameters
    ----------
    centre : array-like, shape (d,), or a number
        Finite.
    radius : float
        Finite and not negative.

    Raises
    ------
    TypeError, ValueError
        If an entry is not a finite real number or the radius is negative.

    Examples
    --------
    >>> import vvnorm
    >>> disc = vvnorm.Ball([0, 0], 2.0)
    >>> disc.dimension
    2
    """

    centre: Array
    radius: float

    def __repr__(self) -> str:
        return lines(f"Ball: {count(len(self.centre), 'input')}, radius {self.radius:.6g}, centre {_short(self.centre)}")

    def __post_init__(self) -> None:
        _keep(self, centre=_vector(self.centre, "centre"))
        object.__setattr__(self, "radius", as_non_negative(self.radius, "radius"))

    @cached_property
    def basis(self) -> Array:  # type: ignore[override]
        """The radius in every direction."""
        d = len(self.centre)
        return self.radius * np.eye(d) if self.radius > 0 else np.empty((d, 0))

    def _coordinates(self, uniforms: Array) -> Array:
        from scipy.special import ndtri

        m = self.dimension
        directions = ndtri(uniforms[:, :m])
        length = np.linalg.norm(directions, axis=1, keepdims=True)
        length[length == 0] = 1.0
        return directions / length * uniforms[:, m:] ** (1 / max(m, 1))

    def extent(self, W: Array) -> tuple[Array, Array]:
        """Return the least and the largest w.x over the ball for each row w of W."""
        middle, reach = W @ self.centre, np.linalg.norm(W @ self.basis, axis=1)
        return middle - reach, middle + reach

    def halfspaces(self) -> tuple[Array, Array] | None:
        """Return the interval [-1, 1] for one dimension, None for more."""
        return (np.array([[1.0], [-1.0]]), np.ones(2)) if self.dimension == 1 else None


@dataclass(frozen=True, eq=False)
class Hull(Region):
    """The convex hull of points.

    Parameters
    ----------
    X : array-like, shape (N, d), or (N,) when d = 1
        Finite. Points may be repeated or lie inside the hull.

    Raises
    ------
    TypeError, ValueError
        If an entry is not a finite real number or there is no point.

    Notes
    -----
    Points that lie in an affine subspace up to rounding are taken to lie in it. Sampling is exact: the hull is divided into
    simplices with one inner point and a facet (Qhull) each. Sampling a hull of more than 7 dimensions raises ValueError.

    Examples
    --------
    >>> import vvnorm
    >>> segment = vvnorm.Hull([[0, 0], [1, 1], [2, 2]])
    >>> segment.n_inputs, segment.dimension
    (2, 1)
    """

    X: Array

    def __repr__(self) -> str:
        return lines(f"Hull: of {count(len(self.X), 'point')} of {count(self.X.shape[1], 'input')}")

    def __post_init__(self) -> None:
        _keep(self, X=as_inputs(self.X, "region").copy())

    @cached_property
    def _frame(self) -> tuple[Array, Array, Array]:
        """Centre, basis and coordinates of the points. The basis has their principal axes; the largest coordinate is 1."""
        scale = float(np.max(np.abs(self.X))) or 1.0
        points = self.X / scale
        centre = points.mean(axis=0)
        _, s, axes = np.linalg.svd(points - centre, full_matrices=False)
        axes = axes[s > max(points.shape) * EPS * np.linalg.norm(points)]
        along = (points - centre) @ axes.T
        size = np.max(np.abs(along), axis=0)
        return scale * centre, axes.T * (scale * size), along / size

    @property
    def centre(self) -> Array:  # type: ignore[override]
        """The mean of the points."""
        return self._frame[0]

    @property
    def basis(self) -> Array:  # type: ignore[override]
        """The principal axes of the points."""
        return self._frame[1]

    @cached_property
    def _facets(self) -> tuple[Array, Array, Array]:
        """Corners (S, m, m) of simplices that cover the facets; normals (F, m) and offsets (F,) of their halfspaces."""
        u, m = self._frame[2], self.dimension
        if m == 1:
            ends = np.array([u.min(), u.max()])
            return ends[:, None, None], np.array([[1.0], [-1.0]]), np.abs(ends)
        if m > _HULL_DIMENSIONS:
            raise ValueError(
                f"region is the hull of {len(u)} points in {m} dimensions, which has too many facets beyond "
                f"{_HULL_DIMENSIONS} dimensions; take a Box or a Ball instead"
            )
        from scipy.spatial import ConvexHull, QhullError

        try:
            hull = ConvexHull(u)
            corners = u[hull.simplices]
            # Rounding may divide facets of many points (grids) into overlapping simplices. Joggled points have none.
            volume = np.abs(np.linalg.det(corners)).sum() / math.factorial(m)
            if abs(volume - hull.volume) > _OVERLAP * hull.volume:
                corners = u[ConvexHull(u, qhull_options="QJ").simplices]
        except QhullError as error:
            raise ValueError(f"region: Qhull cannot build the hull of these {len(u)} points: {error}") from None
        return corners, -hull.equations[:, :-1], -hull.equations[:, -1]

    def _coordinates(self, uniforms: Array) -> Array:
        m = self.dimension
        if m == 0:
            return np.empty((len(uniforms), 0))
        corners = self._facets[0]
        share = np.cumsum(np.abs(np.linalg.det(corners)))
        simplex = np.searchsorted(share, uniforms[:, 0] * share[-1], side="right")
        simplex = np.minimum(simplex, len(share) - 1)
        # Gaps between sorted uniforms are uniform barycentric coordinates; the last corner is the origin.
        gaps = np.diff(np.sort(uniforms[:, 1:], axis=1), axis=1, prepend=0.0)
        return np.einsum("nj,njm->nm", gaps, corners[simplex])

    def extent(self, W: Array) -> tuple[Array, Array]:
        """Return the least and the largest w.x over the points for each row w of W."""
        low, high = np.full(len(W), np.inf), np.full(len(W), -np.inf)
        step = max(1, _BLOCK // max(1, len(W)))
        for i in range(0, len(self.X), step):
            scores = self.X[i : i + step] @ W.T
            low, high = np.minimum(low, scores.min(axis=0)), np.maximum(high, scores.max(axis=0))
        return low, high

    def halfspaces(self) -> tuple[Array, Array]:
        """Return the halfspaces of the facets."""
        return self._facets[1:]


def as_region(region: Region | ArrayLike, n_inputs: int) -> Region:
    """Validate a region of a network's inputs; an array stands for the convex hull of its rows.

    Raises
    ------
    TypeError, ValueError
        If it is not a region, or has another number of inputs than the network.
    """
    checked = region if isinstance(region, Region) else Hull(region)  # type: ignore[arg-type]
    if checked.n_inputs != n_inputs:
        raise ValueError(f"region has {count(checked.n_inputs, 'input')}; the network has {n_inputs}")
    return checked


def _vector(value: ArrayLike, name: str) -> Array:
    column = as_inputs(np.atleast_1d(as_float64(value, name)), name)
    if column.shape[1] != 1:
        raise ValueError(f"{name} must be one list of numbers, got shape {np.shape(value)}")
    return column[:, 0].copy()


def _keep(region: Region, **arrays: Array) -> None:
    for name, array in arrays.items():
        array.setflags(write=False)
        object.__setattr__(region, name, array)
