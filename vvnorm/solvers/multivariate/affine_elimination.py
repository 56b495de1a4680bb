"""From data to the reduced problem over all neurons, and back to a network and a dual array.

The reductions are exact: equal inputs become one point with summed weights and averaged labels; points are written in
coordinates of their affine hull, in units that are powers of two; affine functions are eliminated by an orthonormal
basis of their complement, for each group of outputs with the same weights; outputs are rotated to as few as the labels
span, which changes no norm.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from vvnorm._internal.units import power_of_two_above
from vvnorm.network import ReLUNetwork, row_norms
from vvnorm.solvers.multivariate.column_generation import ReducedGroup, ReducedLeastSquares
from vvnorm.solvers.multivariate.neuron_search import Neurons, NeuronSearch
from vvnorm.solvers.multivariate.spanning_tree_slopes import Slopes, orthogonal_complement
from vvnorm.tolerances import EPS, FLAT, LABEL_ROUNDING
from vvnorm.validation import Array

_SMALL = 1e-8  # outputs below this part of the largest output would lose their digits in its rounding


@dataclass(frozen=True)
class Convention:
    """The convention: whether there is a skip connection, and whether biases are penalised.

    Attributes
    ----------
    skip : bool
        Whether networks may have a skip connection.
    penalise_bias : bool
        Whether the cost of a neuron is ||(w, b)|| ||v||.
    """

    skip: bool = True
    penalise_bias: bool = False


class Inputs:
    """Distinct inputs, and coordinates for them.

    Parameters
    ----------
    X : (N, d) array
        Inputs; repeats allowed.
    convention : Convention
    seed : int
        Seed of inexact searches.
    merge : bool
        Whether equal inputs become one point.
    local_search : bool
        See `NeuronSearch`.
    """

    def __init__(
        self, X: Array, convention: Convention, seed: int = 0, *, merge: bool = True, local_search: bool = False
    ) -> None:  # fmt: skip
        self.convention, self.seed, self.all, self._local_search = convention, seed, X, local_search
        if merge:
            _, first, group = np.unique(X, axis=0, return_index=True, return_inverse=True)
        else:
            first = group = np.arange(len(X))
        order = np.argsort(first)  # distinct points in the order of their first rows
        place = np.empty(len(order), dtype=np.intp)
        place[order] = np.arange(len(order))
        self.first, self.group = first[order], place[group.ravel()]
        self.X: Array = X[self.first]
        self._vectors()

    def _vectors(self) -> None:
        """Coordinates: rows of X - centre (or of (X, 1)) are unit * P axes'."""
        if self.convention.penalise_bias:
            self.centre = np.zeros(self.X.shape[1] + 1)
            vectors = np.column_stack([self.X, np.ones(len(self.X))])
        else:
            self.centre = self.X.min(axis=0) / 2 + self.X.max(axis=0) / 2
            vectors = self.X - self.centre
        self.unit = power_of_two_above(float(np.max(np.abs(vectors), initial=0.0)))
        vectors = vectors / self.unit
        middle = 0.0 if self.convention.penalise_bias else vectors.mean(axis=0)
        _, s, axes = np.linalg.svd(vectors - middle, full_matrices=len(vectors) < vectors.shape[1])
        rank = max(1, int(np.sum(s > FLAT * len(vectors) * s[0])))
        while not self.convention.penalise_bias and rank < vectors.shape[1] and not _near(self.X, axes[:rank]):
            rank += 1
        full = rank == vectors.shape[1]
        self.axes: Array = np.eye(rank) if full else axes[:rank].T
        self.P: Array = vectors if full else vectors @ self.axes

    def __len__(self) -> int:
        return len(self.X)

    @property
    def merged(self) -> bool:
        """Whether some inputs became one point."""
        return len(self.X) < len(self.all)

    @property
    def flat(self) -> bool:
        """Whether the inputs lie in a proper affine subspace (up to rounding), which has its own coordinates."""
        return not self.convention.penalise_bias and len(self) > 1 and self.axes.shape[1] < self.X.shape[1]

    @property
    def coordinates(self) -> Array:
        """All inputs in coordinates of their affine hull, (N_all, r): rows of X are centre + coordinates axes'."""
        inside: Array = (self.P * self.unit)[self.group]
        return inside

    @cached_property
    def neuron_search(self) -> NeuronSearch:
        """The search for neurons over these inputs."""
        free = self.convention
        rng = np.random.default_rng(self.seed)
        return NeuronSearch(self.P, not free.penalise_bias, free.skip, rng, local_search=self._local_search)

    @cached_property
    def affine(self) -> Array:
        """Values (N, q) of a basis of the free functions: constants, and linear functions with a skip connection."""
        ones = np.ones((len(self), 1))
        if not self.convention.skip:
            return ones
        return np.hstack([ones, (self.X - self._middle) / self.unit])

    @cached_property
    def complement(self) -> Array:
        """Orthonormal basis (N, n) of the complement of the free functions."""
        return orthogonal_complement(self.affine)

    @cached_property
    def _middle(self) -> Array:
        return self.X.min(axis=0) / 2 + self.X.max(axis=0) / 2

    def summed(self, rows: Array) -> Array:
        """Return the sums of an array (N_all, ...) over equal inputs."""
        total = np.zeros((len(self), *rows.shape[1:]))
        np.add.at(total, self.group, rows)
        return total

    def directions(self, neurons: Neurons) -> tuple[Array, Array]:
        """Return W (K, d) and b (K,) in the caller's coordinates; ||w|| = 1, or ||(w, b)|| = 1."""
        w = neurons.w @ self.axes.T
        if self.convention.penalise_bias:
            return w[:, :-1], w[:, -1]
        return w, -np.einsum("kd,kd->k", w, self.X[neurons.anchor])

    def free_part(self, coefficients: Array) -> tuple[Array, Array]:
        """Return A (T, d) and c (T,) from coefficients (q, T) of `affine`."""
        T, d = coefficients.shape[1], self.X.shape[1]
        if not self.convention.skip:
            return np.zeros((T, d)), coefficients[0]
        A = coefficients[1:].T / self.unit
        return A, coefficients[0] - A @ self._middle


@dataclass(frozen=True, eq=False)
class Reduction:
    """A weighted least-squares (or interpolation) problem on points, and its reduced form.

    Attributes
    ----------
    points : Inputs
    weights : (N, T) array
        Non-negative; 0 = no label.
    labels : (N, T) array
        Arbitrary where the weight is 0.
    lam : float
        0 for interpolation.
    constant : float
        Constant term of the objective.
    limits : (N, T) array, optional
        Where finite, the largest slope of the loss, beyond which it is linear (Huber's loss). For lam > 0.
    """

    points: Inputs
    weights: Array
    labels: Array
    lam: float
    constant: float = 0.0
    limits: Array | None = None

    def at(self, lam: float) -> "Reduction":
        """Return the same problem for another lam; parts that do not depend on lam are shared. `limits` must be None."""
        assert self.limits is None
        other = replace(self, lam=lam)
        other.__dict__.update(label_unit=self.label_unit, weight_unit=self.weight_unit, _output_groups=self._output_groups)
        return other

    def with_labels(self, labels: Array, output_groups: list[ReducedGroup]) -> "Reduction":
        """Return the same problem for other labels (N, T) in the same unit, whose groups are known."""
        other = replace(self, labels=labels)
        other.__dict__.update(label_unit=self.label_unit, weight_unit=self.weight_unit, _output_groups=output_groups)
        return other

    @cached_property
    def present(self) -> NDArray[np.bool_]:
        """Where there are labels."""
        return self.weights > 0

    @cached_property
    def label_unit(self) -> float:
        """Power of two near the largest label without its mean."""
        values = np.where(self.present, self.labels, np.nan)
        half = np.nanmax(values, axis=0) / 2 - np.nanmin(values, axis=0) / 2
        return power_of_two_above(float(np.max(half)))

    @cached_property
    def weight_unit(self) -> float:
        """The largest weight."""
        return float(self.weights.max())

    @cached_property
    def objective_unit(self) -> float:
        """The caller's objective divided by the reduced objective."""
        if self.lam == 0:
            return self.label_unit / self.points.unit
        return self.weight_unit * self.label_unit * self.label_unit

    @cached_property
    def reduced_problem(self) -> ReducedLeastSquares:
        """The reduced problem."""
        return ReducedLeastSquares(
            self.points.neuron_search, self._output_groups, self.reduced_lam, self.constant / self.objective_unit
        )

    @cached_property
    def _output_groups(self) -> list[ReducedGroup]:
        limits = np.full(self.labels.shape, np.inf) if self.limits is None else self.limits
        bounded: NDArray[np.bool_] = np.any(np.isfinite(limits), axis=0)
        # An output with its own penalised columns is a separate group.
        key = np.vstack([self.weights, np.where(bounded, 1.0 + np.arange(len(bounded)), 0.0)])
        alike, member = np.unique(key, axis=1, return_inverse=True)
        member = member.ravel()
        groups = []
        for number, weights in enumerate(alike[:-1].T):
            rows, outputs = np.flatnonzero(weights > 0), np.flatnonzero(member == number)
            root = np.sqrt(weights[rows] / self.weight_unit)[:, None]
            complement = orthogonal_complement(root * self.points.affine[rows])
            labels = self.labels[np.ix_(rows, outputs)]
            labels = root * ((labels - labels.mean(axis=0)) / self.label_unit)
            Z, rotation = _rotated(complement.T @ labels, labels)
            basis, slopes = root * complement, None
            if self.lam == 0:
                slopes = Slopes.of(self.points.P[rows], self.points.affine[rows, 1:])
                basis, Z = slopes.basis, slopes.reduced(self.labels[np.ix_(rows, outputs)] / self.label_unit) @ rotation
            spikes = np.empty((basis.shape[1], 0))
            if self.limits is not None and bounded[outputs[0]]:
                spikes = basis.T / self._spike_scale(rows, outputs).T
            groups.append(ReducedGroup(rows, outputs, basis, Z, rotation, spikes, slopes))
        return [group for group in groups if group.Z.shape[1]]

    def _spike_scale(self, rows: NDArray[np.intp], outputs: NDArray[np.intp]) -> Array:
        """Return the cost (m, 1) of an unfitted part of a label, relative to the cost of a neuron of the same size."""
        assert self.limits is not None
        return self.limits[np.ix_(rows, outputs)] / (self.weight_unit * self.label_unit * self.reduced_lam)

    @cached_property
    def reduced_lam(self) -> float:
        """Lam of the reduced problem."""
        return self.lam / self.points.unit / self.label_unit / self.weight_unit

    def network(self, neurons: Neurons, V: Sequence[Array], spikes: Sequence[Array] = ()) -> ReLUNetwork:
        """Return the network of these neurons with output weights V (K, r) for each group, and the best affine part.

        `spikes` (m, r), for each group, are parts of the labels that are not fitted.
        """
        W, b = self.points.directions(neurons)
        output = np.zeros((len(neurons), self.labels.shape[1]))
        for part, group in zip(V, self.reduced_problem.output_groups, strict=True):
            output[:, group.outputs] = part @ group.rotation.T
        output *= self.label_unit / self.points.unit
        used = np.any(output != 0, axis=1)
        features = self.points.neuron_search.features(neurons[used]) * self.points.unit
        rest = self.labels - features @ output[used]
        for part, group in zip(spikes, self.reduced_problem.output_groups, strict=False):
            if len(part):
                at = np.ix_(group.rows, group.outputs)
                rest[at] -= self.label_unit * (part @ group.rotation.T) / self._spike_scale(group.rows, group.outputs)
        A, c = self.points.free_part(self._fitted(rest))
        return ReLUNetwork(W[used], b[used], output[used].T, A, c)

    def best_affine(self) -> Array:
        """Coefficients (q, T) of the affine functions nearest to the labels."""
        return self._fitted(self.labels)

    def _fitted(self, values: Array) -> Array:
        """Coefficients (q, T) of the affine functions nearest to values (N, T), weights considered."""
        coefficients = np.empty((self.points.affine.shape[1], values.shape[1]))
        alike, member = np.unique(self.weights, axis=1, return_inverse=True)
        for number, weights in enumerate(alike.T):
            outputs = np.flatnonzero(member.ravel() == number)
            root = np.sqrt(weights / self.weight_unit)[:, None]
            middle = np.mean(values[np.ix_(weights > 0, outputs)], axis=0)  # constants come out exactly
            right = np.where(root > 0, root * (values[:, outputs] - middle), 0.0)
            fitted = np.linalg.lstsq(root * self.points.affine, right, rcond=len(root) * EPS)[0]
            fitted[0] += middle
            coefficients[:, outputs] = fitted
        return coefficients

    def dual(self, duals: Sequence[Array]) -> Array:
        """Return the dual array Lambda (N, T); for lam > 0 it is close to weight * (label - fitted value)."""
        total = np.zeros(self.labels.shape)
        for L, group in zip(duals, self.reduced_problem.output_groups, strict=True):
            total[np.ix_(group.rows, group.outputs)] = group.basis @ L @ group.rotation.T
        return total * (self.reduced_problem.lam * self.weight_unit * self.label_unit if self.lam > 0 else 1.0)


def _rotated(Z: Array, labels: Array) -> tuple[Array, Array]:
    """Return Z R and R with orthonormal columns, whose number is the rank of Z above rounding of the labels.

    Small outputs are rotated among themselves: their digits would be lost in the rounding of large ones, and a network must
    fit each output to its own accuracy.
    """
    sizes = np.max(np.abs(labels), axis=0)
    parts, left = [], np.flatnonzero((sizes > 0) & (Z.size > 0))
    while len(left):
        large = sizes[left] > _SMALL * sizes[left].max()
        outputs, left = left[large], left[~large]
        U, s, Rt = np.linalg.svd(Z[:, outputs], full_matrices=False)
        keep = s > LABEL_ROUNDING * float(np.linalg.norm(labels[:, outputs]))
        rotation = np.zeros((Z.shape[1], int(keep.sum())))
        rotation[outputs] = Rt[keep].T
        parts.append((U[:, keep] * s[keep], rotation))
    if not parts:
        return np.empty((len(Z), 0)), np.empty((Z.shape[1], 0))
    return np.hstack([part for part, _ in parts]), np.hstack([rotation for _, rotation in parts])


def _near(X: Array, axes: Array) -> bool:
    """Whether points (n, d) lie near a subspace with axes (r, d), relative to their distances from a central point.

    Rounding is relative to a point's distance, or to the median distance. The numerical rank of all points would be
    relative only to the farthest point.
    """
    away = X - X[np.argmin(row_norms(X - np.median(X, axis=0)))]
    reach = row_norms(away)
    if not reach.any():
        return True
    off = row_norms(away - away @ axes.T @ axes)
    least = FLAT * len(X) * math.sqrt(X.shape[1]) * np.maximum(reach, np.median(reach[reach > 0]))
    return bool(np.all(off <= least))
