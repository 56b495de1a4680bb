"""The training problem in the coordinates in which it is trained.

Points are centred and divided by their root-mean-square radius, equal points are merged, and the affine part of the
network, which costs nothing, is eliminated: for fixed neurons the best A and c are a least-squares problem. What remains
is the loss ||F - y||_P^2 / 2 = <F - y, P (F - y)> / 2 in the values F of the neurons at the points, where the (N, N)
matrix P projects the affine functions out. Everything here is float64 and NumPy.
"""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from vvnorm.data import Array
from vvnorm.network import ReLUNetwork
from vvnorm.tolerances import EPS, LABEL_ROUNDING

_DIRECTIONS = 256  # directions tried for lam_max when d > 1
_KERNEL_NEURONS = 512  # at least; four per point beyond that
_KERNEL_FLOOR = 1e-13  # least damping: eigenvalues of the kernel below it are rounding


@dataclass(frozen=True, eq=False)
class Kinks:
    """Where neurons start: the hyperplanes w.(z - p) = 0.

    Attributes
    ----------
    w : (K, d) array
        Unit directions.
    p : (K, d) array
        A point of each hyperplane.
    h : (K,) array
        Local length: distance of the data points between which the hyperplane passes.
    """

    w: Array
    p: Array
    h: Array


@dataclass(frozen=True, eq=False)
class Problem:
    """Data in training coordinates.

    Attributes
    ----------
    z : (N, d) array
        Distinct points, (x - centre) / x_unit; sorted if d = 1.
    counts : (N,) array
        How many of the caller's points each one stands for.
    y : (N, T) array
        (Mean label - y_centre) / y_unit.
    scatter : float
        Sum of squares / 2 of labels around their point's mean, in squared y_unit: a part of the loss that no network
        changes.
    label_rounding : float
        Accuracy to which y is known.
    centre : (d,) array
        In the caller's units.
    y_centre : (T,) array
        In the caller's units.
    x_unit, y_unit : float
        Positive.
    skip : bool
        Whether A is free; otherwise it is zero.
    """

    z: Array
    counts: Array
    y: Array
    scatter: float
    label_rounding: float
    centre: Array
    y_centre: Array
    x_unit: float
    y_unit: float
    skip: bool
    affine: Array = field(init=False, repr=False)  # (N, r), orthonormal in the counts: spans what costs nothing

    def __post_init__(self) -> None:
        free = np.column_stack([self.z, np.ones(len(self.z))]) if self.skip else np.ones((len(self.z), 1))
        U, size, _ = np.linalg.svd(np.sqrt(self.counts)[:, None] * free, full_matrices=False)
        object.__setattr__(self, "affine", U[:, size > 1e-12 * size[0]])

    @cached_property
    def residual_map(self) -> Array:
        """Maps F - y, (N, T), to what the best affine part leaves of it, each row times the root of its count; (N, N)."""
        root = np.sqrt(self.counts)
        return (np.eye(len(root)) - self.affine @ self.affine.T) * root

    @cached_property
    def projection(self) -> Array:
        """The matrix P of the loss, (N, N)."""
        return self.residual_map.T @ self.residual_map

    @cached_property
    def is_affine(self) -> bool:
        """Whether the best affine (without skip: constant) function fits as well as rounding lets it."""
        residual = self.projection @ self.y / self.counts[:, None]
        return bool(np.max(np.abs(residual)) <= len(self.z) * self.label_rounding)

    @cached_property
    def lam_max(self) -> float:
        """Least lam, in these coordinates, whose minimiser is the best affine fit."""
        return self.largest_correlation(self.projection)

    def largest_correlation(self, metric: Array) -> float:
        """Return the largest ||sum_j r_j relu(w.z_j + b)|| over unit w and all b, where r = metric y.

        The function of b is the norm of a piecewise linear one with kinks at -w.z_j, so only those are tried. Exact for
        d = 1; for d > 1 a lower estimate from fixed random directions.
        """
        residual = metric @ self.y
        d = self.z.shape[1]
        half = np.ones((1, 1)) if d == 1 else np.random.default_rng(0).standard_normal((_DIRECTIONS // 2, d))
        half /= np.linalg.norm(half, axis=1, keepdims=True)
        best = 0.0
        for w in np.vstack([half, -half]):
            height = self.z @ w
            order = np.argsort(-height)
            top, r = height[order], residual[order]
            sums = np.cumsum(r * top[:, None], axis=0) - top[:, None] * np.cumsum(r, axis=0)
            best = max(best, float(np.max(np.linalg.norm(sums, axis=1))))
        return best

    def whitening(self, damping: float) -> Array:
        """Return (G + damping max(G))^(-1), up to scale, where the affine functions are projected out; (N, N).

        G is the kernel of neurons drawn at random from a fixed seed, max(G) its largest eigenvalue. Without damping the
        loss in this metric has nearly the same curvature along all functions, where the plain loss has a condition
        number of order N^4 and worse for close points; with infinite damping it is the plain loss.
        """
        n, free = len(self.z), self.affine.shape[1]
        kinks = self.draw_kinks(max(_KERNEL_NEURONS, 4 * n), np.random.default_rng(0))
        height = self.z @ kinks.w.T - np.sum(kinks.w * kinks.p, axis=1)
        root = np.sqrt(self.counts)[:, None]
        neurons = root * np.maximum(np.hstack([height, -height]), 0.0)
        neurons -= self.affine @ (self.affine.T @ neurons)
        size, U = np.linalg.eigh(neurons @ neurons.T)
        size, U = size[free:], root * U[:, free:]
        whitening: Array = (U / (size / size[-1] + max(damping, _KERNEL_FLOOR))) @ U.T
        return whitening

    def draw_kinks(self, width: int, rng: np.random.Generator) -> Kinks:
        """Draw starting hyperplanes that pass between neighbouring points; needs two distinct points.

        For d = 1 the gaps take turns, each with both orientations. For d > 1 a random hyperplane passes through a random
        point of the segment from a point (they take turns) to one of its 2d nearest neighbours.
        """
        n, d = self.z.shape
        turn = np.arange(width)
        if d == 1:
            start = turn // 2 % (n - 1)
            end = start + 1
            w = np.where(turn % 2 == 0, 1.0, -1.0)[:, None]
        else:
            start = turn % n
            squares = np.sum(self.z**2, axis=1)
            distance = squares[:, None] + squares - 2 * self.z @ self.z.T
            np.fill_diagonal(distance, -np.inf)
            neighbours = np.argsort(distance, axis=1, kind="stable")[:, 1 : 1 + 2 * d]
            end = neighbours[start, rng.integers(neighbours.shape[1], size=width)]
            w = rng.standard_normal((width, d))
            w /= np.linalg.norm(w, axis=1, keepdims=True)
        step = self.z[end] - self.z[start]
        p = self.z[start] + rng.random((width, 1)) * step
        return Kinks(w, p, np.linalg.norm(step, axis=1))

    def network(self, W: Array, b: Array, V: Array) -> ReLUNetwork:
        """Return the network with these neurons and the best affine part, balanced, in the caller's coordinates.

        Parameters
        ----------
        W, b, V : (K, d), (K,) and (T, K) arrays
            Neurons in training coordinates. Those of cost below rounding are left out: on the data they are affine.
        """
        bends = np.linalg.norm(W, axis=1) * np.linalg.norm(V, axis=0) > EPS
        W, b, V = W[bends], b[bends], V[:, bends]
        root = np.sqrt(self.counts)[:, None]
        values = np.maximum(self.z @ W.T + b, 0.0) @ V.T
        free = np.column_stack([self.z, np.ones(len(self.z))]) if self.skip else np.ones((len(self.z), 1))
        coefficients = np.linalg.lstsq(root * free, root * (self.y - values), rcond=1e-12)[0]
        A = coefficients[:-1].T if self.skip else np.zeros((len(V), self.z.shape[1]))
        # Balanced before the units come in, which are then split evenly: no product leaves float64 that need not.
        unit = ReLUNetwork(W, b, V, A, coefficients[-1]).balanced()
        scale = np.sqrt(self.y_unit) / np.sqrt(self.x_unit)
        W, V = unit.W * scale, unit.V * scale
        b = unit.b * (np.sqrt(self.y_unit) * np.sqrt(self.x_unit)) - W @ self.centre
        A = unit.A * (self.y_unit / self.x_unit)
        return ReLUNetwork(W, b, V, A, unit.c * self.y_unit + self.y_centre - A @ self.centre)


def make_problem(X: Array, Y: Array, *, skip: bool) -> Problem:
    """Bring validated data, (N, d) and (N, T), into training coordinates."""
    points, group, counts = np.unique(X, axis=0, return_inverse=True, return_counts=True)
    centre, z, x_unit = _centred(points)
    radius = float(np.sqrt(np.mean(np.sum(z**2, axis=1)))) or 1.0
    y_centre, labels, y_unit = _centred(Y)
    y = np.zeros((len(points), Y.shape[1]))
    np.add.at(y, group.reshape(-1), labels)
    y /= counts[:, None]
    return Problem(
        z=z / radius,
        counts=counts.astype(np.float64),
        y=y,
        scatter=float(np.sum((labels - y[group.reshape(-1)]) ** 2)) / 2,
        label_rounding=float(np.max(np.abs(Y))) / y_unit * LABEL_ROUNDING,
        centre=centre,
        y_centre=y_centre,
        x_unit=x_unit * radius,
        y_unit=y_unit,
        skip=skip,
    )


def _centred(rows: Array) -> tuple[Array, Array, float]:
    """Return the mean row, the rows minus it over a unit, and that unit: the largest entry in magnitude, or 1."""
    centre = np.sum(rows / len(rows), axis=0)
    deviation = rows - centre
    unit = float(np.max(np.abs(deviation))) or 1.0
    return centre, deviation / unit, unit
