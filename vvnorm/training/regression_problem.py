"""Regression with the squared loss in training coordinates, and the initial neurons.

Points are centred and divided by their root-mean-square radius, and equal points are merged. The affine part of the
network costs nothing and is eliminated: for fixed neurons the best A and c solve a least-squares problem. The remaining
loss is <F - y, P (F - y)> / 2 in the values F of the neurons at the points, where the (N, N) matrix P projects the affine
functions out. With missing labels, every output has its own matrix P, which is 0 at the points without its label.
Everything here is float64 and NumPy.

With the bias inside the penalty, a neuron's size is ||(w, b)|| in the caller's coordinates, times x_unit: the root of
||w||^2 + (x_unit b - w.centre)^2 for w and b in these coordinates. Otherwise it is ||w||.
"""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np
from scipy.spatial import cKDTree

from vvnorm.network import ReLUNetwork
from vvnorm.tolerances import EPS, LABEL_ROUNDING
from vvnorm.validation import Array

Initialisation = Literal["kinks", "balanced", "torch"]

_DIRECTIONS = 256  # most directions tried for lam_max if d > 1
_SORTED = 1 << 25  # labels that are sorted for it, at most: with more labels there are fewer directions
_KERNEL_NEURONS = 512  # at least; four per point if that is more
_KERNEL_FLOOR = 1e-13  # least damping; smaller eigenvalues of the kernel are rounding
_OUTPUT_SIZE = 0.1  # ||v_k|| at the start, where kinks are drawn at the data


@dataclass(frozen=True, eq=False)
class InitialNeurons:
    """The initial neurons of one network, v relu(w.(z - p) + h beta).

    Attributes
    ----------
    w : (K, d) array
        Input weights.
    beta : (K,) array
        Bias coordinates: b = h beta - w.p. A change of beta moves the kink by about h beta / ||w||, so that the same step
        size suits close points and distant points.
    V : (T, K) array
        Output weights.
    p : (K, d) array
        A fixed point for each neuron, near its kink.
    h : (K,) array
        A fixed length for each neuron: the distance of the two data points between which its kink passes.
    """

    w: Array
    beta: Array
    V: Array
    p: Array
    h: Array


@dataclass(frozen=True, eq=False)
class RegressionProblem:
    """Data in training coordinates.

    Attributes
    ----------
    z : (N, d) array
        Distinct points, (x - centre) / x_unit; sorted if d = 1.
    counts : (N, 1) or (N, T) array
        Number of labels at each distinct point: one column for all outputs if no label is missing, else one per output.
    y : (N, T) array
        (Mean label - y_centre) / y_unit; 0 where there is no label.
    scatter : float
        Sum of squares / 2 of the labels around the mean at their point, in squared y_unit; this part of the loss is the
        same for all networks.
    label_rounding : float
        Rounding error of y.
    centre : (d,) array
        In the caller's units.
    y_centre : (T,) array
        In the caller's units.
    x_unit, y_unit : float
        Positive.
    skip : bool
        Whether A is free; otherwise it is zero.
    penalise_bias : bool
        Whether a neuron's size includes its bias.
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
    penalise_bias: bool
    affine: Array = field(init=False, repr=False)
    """For each column of the counts an (N, r) matrix, orthonormal with these weights, whose columns span the functions
    without cost. Matrices of rank below r are filled up with zero columns."""

    def __post_init__(self) -> None:
        free, bases = self._free, []
        for root in np.sqrt(self.counts).T:
            U, size, _ = np.linalg.svd(root[:, None] * free, full_matrices=False)
            bases.append(np.where(size > 1e-12 * size[0], U, 0.0))
        rank = max(int(np.sum(np.any(basis, axis=0))) for basis in bases)
        object.__setattr__(self, "affine", np.stack([basis[:, :rank] for basis in bases]))

    @property
    def complete(self) -> bool:
        """Whether no label is missing."""
        return self.counts.shape[1] == 1

    @property
    def _free(self) -> Array:
        """Values of a basis of the functions without cost, (N, d + 1) or (N, 1)."""
        return np.column_stack([self.z, np.ones(len(self.z))]) if self.skip else np.ones((len(self.z), 1))

    def without_affine(self, values: Array) -> Array:
        """Return the residual of values, (..., N, T), from their best affine fit, each row times the root of its count."""
        rows: Array = np.sqrt(self.counts) * values
        if self.complete:
            basis = self.affine[0]
            return rows - basis @ (basis.T @ rows)
        return rows - np.einsum("tnr,...rt->...nt", self.affine, np.einsum("tnr,...nt->...rt", self.affine, rows))

    def projected(self, values: Array) -> Array:
        """Return P values, for values of shape (..., N, T)."""
        rows: Array = np.sqrt(self.counts) * self.without_affine(values)
        return rows

    def per_label(self, rows: Array) -> Array:
        """Return rows, (..., N, T), divided by the counts; 0 where there is no label."""
        share: Array = np.divide(rows, self.counts, out=np.zeros_like(rows), where=self.counts > 0)
        return share

    @cached_property
    def is_affine(self) -> bool:
        """Whether the best affine (without skip: constant) function fits up to rounding."""
        residual = self.per_label(self.projected(self.y))
        return bool(np.max(np.abs(residual)) <= len(self.z) * self.label_rounding)

    @cached_property
    def lam_max(self) -> float:
        """The least lam, in these coordinates, for which the minimiser is the best affine fit."""
        return self.largest_correlation(self.projected(self.y))

    def sizes(self, W: Array, b: Array) -> Array:
        """Return the sizes of neurons with input weights W, (..., K, d), and biases b, (..., K)."""
        squares = np.sum(W**2, axis=-1)
        if self.penalise_bias:
            squares = squares + (self.x_unit * b - W @ self.centre) ** 2
        sizes: Array = np.sqrt(squares)
        return sizes

    def largest_correlation(self, residual: Array) -> float:
        """Return the largest ||sum_j r_j relu(w.z_j + b)|| over neurons of size 1, for a residual r, (N, T).

        For fixed w the vector inside the norm is piecewise linear in b with kinks at -w.z_j, so that the maximum is at some
        kink. The value is exact for d = 1. For d > 1, or with the bias inside the size, it is a lower estimate from fixed
        directions.
        """
        d = self.z.shape[1]
        half = (
            np.ones((1, 1))
            if d == 1
            else np.random.default_rng(0).standard_normal((min(_DIRECTIONS, max(8, _SORTED // residual.size)) // 2, d))
        )
        half /= np.linalg.norm(half, axis=1, keepdims=True)
        best = 0.0
        for w in np.vstack([half, -half]):
            height = self.z @ w
            order = np.argsort(-height)
            top, r = height[order], residual[order]
            sums = np.cumsum(r * top[:, None], axis=0) - top[:, None] * np.cumsum(r, axis=0)
            sizes = self.sizes(np.broadcast_to(w, (len(top), d)), -top)
            best = max(best, float(np.max(np.linalg.norm(sums, axis=1) / sizes)))
        return best

    def whitening(self, damping: float) -> Array:
        """Return (G + damping max(G))^(-1), up to scale, with the affine functions projected out.

        G is the kernel of neurons drawn at random from a fixed seed, and max(G) its largest eigenvalue. The plain loss has
        a condition number of order N^4, and worse for close points. In this metric without damping the loss has nearly the
        same curvature along all functions; with infinite damping it is the plain loss.

        Returns
        -------
        (1, N, N) or (T, N, N) array
            One matrix for each column of the counts, with rows and columns of 0 where there is no label.
        """
        w, p, _ = self._draw_kinks(max(_KERNEL_NEURONS, 4 * len(self.z)), np.random.default_rng(0))
        height = self.z @ w.T - np.sum(w * p, axis=1)
        neurons, spectra = np.maximum(np.hstack([height, -height]), 0.0), []
        for counts, basis in zip(self.counts.T, self.affine, strict=True):
            rows = np.sqrt(counts)[:, None] * neurons
            rows = rows - basis @ (basis.T @ rows)
            size, U = np.linalg.eigh(rows @ rows.T)
            nil = int(np.sum(np.any(basis, axis=0)) + np.sum(counts == 0))
            spectra.append((size[nil:], np.sqrt(counts)[:, None] * U[:, nil:]))
        largest = max(float(np.max(size, initial=0.0)) for size, _ in spectra)
        return np.stack([(U / (size / largest + max(damping, _KERNEL_FLOOR))) @ U.T for size, U in spectra])

    def start(self, width: int, initialisation: Initialisation, rng: np.random.Generator) -> InitialNeurons:
        """Draw the initial neurons of one network.

        "kinks": unit directions, kinks between neighbouring points, output weights of random directions and the same small
        length. "torch": the uniform distributions of `torch.nn.Linear`, in these coordinates. "balanced": as "torch", with
        each neuron rescaled so that its size equals the norm of its output weights.
        """
        d, T = self.z.shape[1], self.y.shape[1]
        if initialisation == "kinks":
            w, p, h = self._draw_kinks(width, rng)
            V = rng.standard_normal((T, width))
            return InitialNeurons(w, np.zeros(width), _OUTPUT_SIZE * V / np.linalg.norm(V, axis=0), p, h)
        w, b = rng.uniform(-1, 1, (width, d)) / np.sqrt(d), rng.uniform(-1, 1, width) / np.sqrt(d)
        V = rng.uniform(-1, 1, (T, width)) / np.sqrt(width)
        if initialisation == "balanced":
            factor = np.sqrt(np.linalg.norm(V, axis=0) / self.sizes(w, b))
            w, b, V = w * factor[:, None], b * factor, V / factor
        return InitialNeurons(w, b, V, np.zeros((width, d)), np.ones(width))

    def _draw_kinks(self, width: int, rng: np.random.Generator) -> tuple[Array, Array, Array]:
        """Draw hyperplanes w.(z - p) = 0 that pass between neighbouring points, and the distances h of these points.

        For d = 1 the gaps take turns, each with both orientations. For d > 1 the points take turns, and a random hyperplane
        passes through a random point of the segment from the point to one of its 2d nearest neighbours. If there are more
        points than kinks to draw, the points are thinned out first, so that kinks are spread over all the data.
        """
        d = self.z.shape[1]
        points = self._thinned(width // 2 + 2 if d == 1 else max(width, 2 * d + 1))
        n, turn = len(points), np.arange(width)
        if d == 1:
            start = turn // 2 % (n - 1)
            end = start + 1
            w = np.where(turn % 2 == 0, 1.0, -1.0)[:, None]
        else:
            start = turn % n
            _, neighbours = cKDTree(points).query(points, k=min(n, 1 + 2 * d))
            end = neighbours[start, 1 + rng.integers(neighbours.shape[1] - 1, size=width)]
            w = rng.standard_normal((width, d))
            w /= np.linalg.norm(w, axis=1, keepdims=True)
        step = points[end] - points[start]
        p = points[start] + rng.random((width, 1)) * step
        return w, p, np.linalg.norm(step, axis=1)

    def _thinned(self, most: int) -> Array:
        """Return at most `most` points, evenly spaced in their order."""
        n = len(self.z)
        return self.z if n <= most else self.z[np.linspace(0, n - 1, most).round().astype(int)]

    def network(self, W: Array, b: Array, V: Array) -> ReLUNetwork:
        """Return the network with these neurons and the best affine part, balanced, in the caller's coordinates.

        Parameters
        ----------
        W, b, V : (K, d), (K,) and (T, K) arrays
            Neurons in training coordinates. Neurons of cost below rounding are left out: on the data they are affine.
        """
        used = self.sizes(W, b) * np.linalg.norm(V, axis=0) > EPS
        W, b, V = W[used], b[used], V[:, used]
        residual, free = self.y - ReLUNetwork(W, b, V)(self.z), self._free
        coefficients = np.empty((free.shape[1], len(V)))
        for column, root in enumerate(np.sqrt(self.counts).T[:, :, None]):
            outputs = slice(None) if self.complete else slice(column, column + 1)
            coefficients[:, outputs] = np.linalg.lstsq(root * free, root * residual[:, outputs], rcond=1e-12)[0]
        A = coefficients[:-1].T if self.skip else np.zeros((len(V), self.z.shape[1]))
        # Neurons are balanced before the units enter, which are then split evenly: this avoids overflow and underflow.
        if self.penalise_bias:
            factor = np.sqrt(np.linalg.norm(V, axis=0) / self.sizes(W, b))
            unit = ReLUNetwork(W * factor[:, None], b * factor, V / factor, A, coefficients[-1])
        else:
            unit = ReLUNetwork(W, b, V, A, coefficients[-1]).balanced()
        scale = np.sqrt(self.y_unit) / np.sqrt(self.x_unit)
        W, V = unit.W * scale, unit.V * scale
        b = unit.b * (np.sqrt(self.y_unit) * np.sqrt(self.x_unit)) - W @ self.centre
        A = unit.A * (self.y_unit / self.x_unit)
        return ReLUNetwork(W, b, V, A, unit.c * self.y_unit + self.y_centre - A @ self.centre)


def make_problem(X: Array, Y: Array, *, skip: bool, penalise_bias: bool = False) -> RegressionProblem:
    """Bring validated data, (N, d) and (N, T), into training coordinates; points without a label (NaN) are left out."""
    labelled = ~np.all(np.isnan(Y), axis=1)
    X, Y = X[labelled], Y[labelled]
    points, group = np.unique(X, axis=0, return_inverse=True)
    group = group.reshape(-1)
    centre, z, x_unit = _centred(points)
    radius = float(np.sqrt(np.mean(np.sum(z**2, axis=1)))) or 1.0
    y_centre, labels, y_unit = _centred(Y)
    present = ~np.isnan(labels)
    y, counts = np.zeros((len(points), Y.shape[1])), np.zeros((len(points), Y.shape[1]))
    np.add.at(y, group, np.where(present, labels, 0.0))
    np.add.at(counts, group, present)
    y /= np.maximum(counts, 1.0)
    if present.all():
        counts = counts[:, :1]
    return RegressionProblem(
        z=z / radius,
        counts=counts,
        y=y,
        scatter=float(np.nansum((labels - y[group]) ** 2)) / 2,
        label_rounding=float(np.nanmax(np.abs(Y))) / y_unit * LABEL_ROUNDING,
        centre=centre,
        y_centre=y_centre,
        x_unit=x_unit * radius,
        y_unit=y_unit,
        skip=skip,
        penalise_bias=penalise_bias,
    )


def _centred(rows: Array) -> tuple[Array, Array, float]:
    """Return the mean row, (rows - mean) / unit, and the unit: the largest deviation in magnitude, or 1 if all are 0.

    Missing entries (NaN) do not count, and stay missing.
    """
    centre = np.nansum(rows / np.sum(~np.isnan(rows), axis=0), axis=0)
    deviation = rows - centre
    unit = float(np.nanmax(np.abs(deviation))) or 1.0
    return centre, deviation / unit, unit
