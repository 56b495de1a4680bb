"""Problems with several inputs as conic programs over enumerated neurons, without the toolkit.

The response of a neuron to multipliers L (N, T) is ||sum_j L_j relu(w.x_j + b)||. For fixed w it is, as a function of b,
the norm of a piecewise linear function, and so largest where the kink passes through some point x_i. There it is ||sum_j
L_j relu(w.p_j)|| with p_j = x_j - x_i. With biases inside the norm p_j is (x_j, 1), and there is no x_i. The hyperplanes
orthogonal to the p_j cut space into cones. On each cone the same p_j are active, and the response is ||M w|| with one
matrix M. It is largest on some face of the cone, at the top right-singular vector of M restricted to the span of that face.
So a finite list of neurons suffices, which `Cones` makes from all faces of all cones.

Clarabel solves the program over some neurons (`benchmarks.neuron_programs`). The neurons that respond most to its
multipliers are added, and the program is solved again. After each round a lower bound is known: the dual value of the
multipliers, scaled down until every response is within its limit. Rounds end when the value exceeds the largest lower bound
by at most 5e-7 of the value. They also end when no response exceeds its limit by more than 1e-7; the value may then exceed
the bound by at most 3e-6 of the value, which is due to Clarabel.
"""

import itertools
import math

import numpy as np
from numpy.typing import NDArray

from benchmarks.neuron_programs import FLOOR, USABLE, Labels, ProgramError, Solved, solve_over_neurons
from vvnorm.validation import Array

_ZERO = 1e-9  # relative: products below are 0
_ACCURATE = 1e-7  # response above the allowed one that is left
_NEAR = 5e-7  # excess of the value over the bound, relative to the value, at which rounds end
_ROUNDS = 60
_FIRST = 100  # neurons to begin with, at most
_JOIN = 30  # neurons that join at most at once
_IDLE = 0.9  # neurons that respond by less than this part of what is allowed may leave
_PART = 0.3  # of the excess over the bound: accuracy of the program over some neurons


def cells(Z: Array) -> NDArray[np.bool_]:
    """Which rows of Z (n, m) have a positive product, (cones, n), for each cone into which their hyperplanes cut R^m."""
    n, live = len(Z), np.flatnonzero(np.linalg.norm(Z, axis=1) > _ZERO)
    if not len(live):
        return np.zeros((1, n), dtype=bool)
    if Z.shape[1] == 1:
        return np.unique(np.concatenate([Z.T > _ZERO, Z.T < -_ZERO]), axis=0)
    _, s, Vt = np.linalg.svd(Z[live])
    rank = int(np.sum(s > _ZERO * s[0]))
    rows = Z[live] @ Vt[:rank].T
    rows /= np.linalg.norm(rows, axis=1)[:, None]
    chosen = np.array(list(itertools.combinations(range(len(rows)), rank - 1)), dtype=np.intp)
    _, s, Vt = np.linalg.svd(rows[chosen].reshape(len(chosen), rank - 1, rank))
    regular = s[:, -1] > _ZERO if rank > 1 else np.ones(1, dtype=bool)
    chosen, axes = chosen[regular], Vt[regular]
    rays = np.concatenate([axes[:, -1], -axes[:, -1]])  # cones meet in them
    side = rays @ rows.T
    through = np.abs(side) < _ZERO
    # The hyperplanes through a ray cut what is near it. Those of a choice do so in every way, if there are no others.
    simple = through.sum(axis=1) == rank - 1
    signs = np.array(list(itertools.product((False, True), repeat=rank - 1)), dtype=bool)
    on = np.repeat((side > 0)[simple, None], len(signs), axis=1)
    np.put_along_axis(
        on, np.tile(chosen, (2, 1))[simple, None], np.broadcast_to(signs, (simple.sum(), *signs.shape)), axis=2
    )
    patterns = [on.reshape(-1, len(rows))]
    for k in np.flatnonzero(~simple).tolist():
        near = cells(rows[through[k]] @ axes[k % len(axes), :-1].T)
        others = np.repeat((side[k] > 0)[None], len(near), axis=0)
        others[:, through[k]] = near
        patterns.append(others)
    result = np.zeros((sum(map(len, patterns)), n), dtype=bool)
    result[:, live] = np.concatenate(patterns)
    return np.unique(result, axis=0)


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
        bases = [np.column_stack([X, np.ones(len(X))])] if bias else [X - point for point in X]
        faces = [(base, *face) for base, P in enumerate(bases) for face in self._faces_of(P)]
        self._kinds = [
            self._joined([face for face in faces if face[1].shape[1] == m]) for m in range(1, bases[0].shape[1] + 1)
        ]

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
                faces.append((span, within, cells(within)))
        return faces

    def _joined(self, faces: list[tuple[int, Array, Array, NDArray[np.bool_]]]) -> tuple[Array, Array, NDArray[np.intp]]:
        """Faces of one dimension m: spans (F, D, m); points that count, or 0, (F, N, m); base points (F,)."""
        counts = [len(on) for *_, on in faces]
        spans = np.repeat([span for _, span, _, _ in faces], counts, axis=0)
        active = np.concatenate([on[:, :, None] * within for _, _, within, on in faces])
        return spans, active, np.repeat([base for base, *_ in faces], counts)

    def responding(self, L: Array) -> tuple[Array, Array, Array]:
        """Return neurons W (K, d), b (K,) and their responses to L (N, T); the largest response is among them."""
        W, b = [], []
        for spans, active, base in self._kinds:
            top = np.linalg.svd(L.T @ active, full_matrices=False)[2][:, 0]
            w = np.einsum("fdm,fm->fd", spans, top)
            w, at = np.concatenate([w, -w]), np.tile(base, 2)
            W.append(w[:, :-1] if self.bias else w)
            b.append(w[:, -1] if self.bias else -np.einsum("fd,fd->f", w, self.X[at]))
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
    best: Solved | None = None
    bound, excess, dropped_at = -math.inf, 1.0, math.inf
    for _ in range(_ROUNDS):
        solved = solve_over_neurons(cones.features(W, b), affine, labels, outputs, lam, _PART * max(_NEAR, excess))
        best = solved if best is None or solved.value < best.value else best
        new_W, new_b, responses = cones.responding(solved.L)
        bound = max(bound, solved.dual_value(labels, float(responses.max()), allowed))
        excess = (best.value - bound) / best.value if best.value > FLOOR * labels.scale else 0.0
        order = np.argsort(-responses)[:_JOIN]
        order = order[responses[order] > allowed * (1 + _ACCURATE)]
        if excess <= _NEAR or (not len(order) and excess <= USABLE):
            return best
        if excess < dropped_at / 2:  # which keeps rounds from going in a circle
            used = np.linalg.norm(cones.features(W, b).T @ solved.L, axis=1) > _IDLE * allowed
            W, b, dropped_at = W[used], b[used], excess
        W, b = np.vstack([W, new_W[order]]), np.concatenate([b, new_b[order]])
    if best is not None and excess <= USABLE:
        return best
    raise ProgramError(f"neurons keep joining at an excess of {excess:.1e}")
