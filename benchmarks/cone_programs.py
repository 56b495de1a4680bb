"""Problems with several inputs as conic programs over enumerated neurons, without the toolkit.

The response of a neuron to multipliers L (N, T) is ||sum_j L_j relu(w.x_j + b)||. For fixed w it is, as a function of b,
the norm of a piecewise linear function, and so largest where the kink passes through some point x_i. There it is ||sum_j
L_j relu(w.p_j)|| with p_j = x_j - x_i. With biases inside the norm p_j is (x_j, 1), and there is no x_i. The hyperplanes
orthogonal to the p_j cut space into cones. On each cone the same p_j are active, and the response is ||M w|| with one
matrix M. It is largest on some face of the cone, at the top right-singular vector of M restricted to the span of that face.
So a finite list of neurons suffices, which `Cones` makes from all faces of all cones.

Clarabel solves the program over some neurons (`benchmarks.neuron_programs`). The neurons that respond most to its
multipliers are added, until no response exceeds what is allowed by more than 1e-7. The optimum over all networks is smaller
by at most that share.
"""

import itertools

import numpy as np
from numpy.typing import NDArray

from benchmarks.neuron_programs import Labels, ProgramError, Solved, solve_over_neurons
from vvnorm.validation import Array

_ZERO = 1e-9  # relative: products below are 0
_ACCURATE = 1e-7  # response above the allowed one that is left
_ROUNDS = 60
_FIRST = 100  # neurons to begin with, at most
_JOIN = 30  # neurons that join at most at once


def cells(Z: Array) -> set[tuple[bool, ...]]:
    """Which rows of Z (n, m) have a positive product, for each cone into which their hyperplanes cut R^m."""
    live = np.flatnonzero(np.linalg.norm(Z, axis=1) > _ZERO)
    if not len(live):
        return {(False,) * len(Z)}
    _, s, Vt = np.linalg.svd(Z[live])
    rank = int(np.sum(s > _ZERO * s[0]))
    rows = Z[live] @ Vt[:rank].T
    rows /= np.linalg.norm(rows, axis=1)[:, None]
    patterns: set[tuple[bool, ...]] = set()
    for chosen in itertools.combinations(range(len(rows)), rank - 1):
        _, s, Vt = np.linalg.svd(rows[list(chosen)].reshape(rank - 1, rank))
        if rank > 1 and s[-1] < _ZERO:
            continue
        for ray in (Vt[-1], -Vt[-1]):  # cones meet in it; the hyperplanes through it cut what is near it
            side = rows @ ray
            through = np.abs(side) < _ZERO
            near = cells(rows[through] @ Vt[:-1].T) if through.any() else {()}
            for signs in near:
                on = np.zeros(len(Z), dtype=bool)
                on[live] = side > 0
                on[live[through]] = signs
                patterns.add(tuple(on.tolist()))
    return patterns


class Cones:
    """All faces of the cones of a set of points.

    Parameters
    ----------
    X : (N, d) array
        Distinct points.
    bias : bool
        Whether biases are inside the norm.
    """

    def __init__(self, X: Array, bias: bool) -> None:
        self.X, self.bias = X, bias
        self._bases = [np.column_stack([X, np.ones(len(X))])] if bias else [X - point for point in X]
        self._faces = [self._faces_of(P) for P in self._bases]

    def _faces_of(self, P: Array) -> list[tuple[Array, Array, NDArray[np.bool_]]]:
        """Spans of faces (D, m), the points in their coordinates (N, m), and which count there (cones, N)."""
        D = P.shape[1]
        live = np.flatnonzero(np.linalg.norm(P, axis=1) > _ZERO)
        faces = []
        for size in range(D):
            for orthogonal in itertools.combinations(live.tolist(), size):
                _, s, Vt = np.linalg.svd(P[list(orthogonal)].reshape(size, D))
                if size and s[-1] < _ZERO * s[0]:
                    continue
                span = Vt[size:].T
                within = P @ span
                within[np.abs(within) < _ZERO * np.abs(P).max()] = 0.0
                faces.append((span, within, np.array(sorted(cells(within)))))
        return faces

    def responding(self, L: Array) -> tuple[Array, Array, Array]:
        """Return neurons W (K, d), b (K,) and their responses to L (N, T); the largest response is among them."""
        W, b = [], []
        for base, faces in enumerate(self._faces):
            tops = []
            for span, within, on in faces:
                M = np.einsum("cj,jt,jm->ctm", on, L, within)
                top = np.linalg.svd(M)[2][:, 0] @ span.T
                tops += [top, -top]
            w = np.vstack(tops)
            W.append(w[:, :-1] if self.bias else w)
            b.append(w[:, -1] if self.bias else -w @ self.X[base])
        weights, biases = np.vstack(W), np.concatenate(b)
        return weights, biases, np.linalg.norm(self.features(weights, biases).T @ L, axis=1)

    def features(self, W: Array, b: Array) -> Array:
        """relu(w.x + b) for all points and neurons, (N, K); values within rounding of 0 are 0."""
        values = self.X @ W.T + b
        return np.where(values > 1e-12 * (1 + np.abs(self.X).max()), values, 0.0)


def solve(X: Array, labels: Labels, outputs: int, lam: float | None, *, skip: bool, bias: bool) -> Solved:
    """Solve a fit, or an interpolation with lam None, of distinct points X (N, d) over all networks.

    Raises
    ------
    ProgramError
        If neurons keep joining, or the solver fails.
    """
    cones, allowed = Cones(X, bias), 1.0 if lam is None else lam
    rng = np.random.default_rng(0)
    affine = np.column_stack([np.ones(len(X)), X] if skip else [np.ones(len(X))])
    W, b, _ = cones.responding(rng.standard_normal((len(X), outputs)))
    some = rng.permutation(len(W))[:_FIRST]
    W, b = W[some], b[some]
    for _ in range(_ROUNDS):
        solved = solve_over_neurons(cones.features(W, b), affine, labels, outputs, lam)
        new_W, new_b, responses = cones.responding(solved.L)
        order = np.argsort(-responses)[:_JOIN]
        order = order[responses[order] > allowed * (1 + _ACCURATE)]
        if not len(order):
            return solved
        W, b = np.vstack([W, new_W[order]]), np.concatenate([b, new_b[order]])
    raise ProgramError("neurons keep joining")
