"""Convex programs over sign patterns, in place of networks: patterns, solutions, bounds. Shared by two claims.

A neuron relu(Phi w) of features Phi (N, m) is D Phi w, where the diagonal D has the pattern of its active rows, and w lies
in the cone (2 D - I) Phi w >= 0. So a network of one output is a point of the program

    min  ||sum_i D_i Phi (u_i - v_i) + c - y||^2 / 2 + lam sum_i (||u_i|| + ||v_i||),  u_i, v_i in the cone of pattern i,

and a point of the program is a network (Pilanci and Ergen, arXiv 2002.10553). Without the cones it is a program of gated
neurons, a relaxation if all patterns are in it.
"""

from dataclasses import dataclass
from itertools import combinations
from math import comb
from typing import Any

import numpy as np
from scipy import sparse
from scipy.optimize import nnls

from vvnorm.network import row_norms
from vvnorm.validation import Array

_PRECISION = 1e-10
"""Accuracy that the conic solver is asked for; bounds do not rely on it."""


def all_patterns(features: Array) -> Array:
    """All patterns of active rows, (P, N) of 0 and 1, for rows in R^3 in general position.

    Every region of directions has an edge, which is orthogonal to two rows. The regions at an edge differ in the signs of
    these two rows, and all four combinations occur.
    """
    patterns = set()
    for i, j in combinations(range(len(features)), 2):
        edge = np.sign(features @ np.cross(features[i], features[j]))
        for side in (edge, -edge):
            for signs in ((1, 1), (1, -1), (-1, 1), (-1, -1)):
                side[[i, j]] = signs
                patterns.add(tuple((side > 0).astype(int).tolist()))
    return np.array(sorted(patterns), dtype=np.float64)


def number_of_patterns(n: int, m: int) -> int:
    """Number of patterns of n rows in general position in R^m (T. M. Cover, IEEE Trans. Electronic Computers 14, 1965)."""
    return 2 * sum(comb(n - 1, k) for k in range(m))


@dataclass(frozen=True)
class GatedProgram:
    """The program above.

    Attributes
    ----------
    features : (N, m) array
    y : (N,) array
    lam : float
    patterns : (P, N) array
    cones : bool
        Whether u_i and v_i have to lie in the cones.
    constant : bool
        Whether there is a free constant c.
    """

    features: Array
    y: Array
    lam: float
    patterns: Array
    cones: bool
    constant: bool

    def solve(self) -> tuple[Array, Array]:
        """Solve the program: u and v, (P, m).

        Clarabel is called itself: for such small programs CVXPY would take ten times as long as the solver. Variables are
        all u_i and v_i, bounds t on their norms, the residual and c.
        """
        import clarabel

        m, n = self.features.shape[1], len(self.y)
        vectors = 2 * len(self.patterns)
        gated = np.hstack([pattern[:, None] * self.features for pattern in self.patterns])
        constant = np.full((n, 1), float(self.constant))
        equations = sparse.hstack([gated, -gated, sparse.csc_matrix((n, vectors)), sparse.identity(n), constant])
        norms = sparse.hstack([_norm_cones(vectors, m), sparse.csc_matrix((vectors * (m + 1), n + 1))])
        rows, right, cones = [equations, norms], [self.y, np.zeros(vectors * (m + 1))], [clarabel.ZeroConeT(n)]
        cones += [clarabel.SecondOrderConeT(m + 1)] * vectors
        if self.cones:
            sides = sparse.block_diag([-self._cone(pattern) for pattern in self.patterns] * 2)
            rows.append(sparse.hstack([sides, sparse.csc_matrix((vectors * n, vectors + n + 1))]))
            right.append(np.zeros(vectors * n))
            cones.append(clarabel.NonnegativeConeT(vectors * n))
        squares = np.concatenate([np.zeros(vectors * (m + 1)), np.ones(n), [0.0]])
        linear = np.concatenate([np.zeros(vectors * m), np.full(vectors, self.lam), np.zeros(n + 1)])
        data = (sparse.diags(squares, format="csc"), linear, sparse.vstack(rows, format="csc"), np.concatenate(right))
        solution = np.array(clarabel.DefaultSolver(*data, cones, _settings()).solve().x)
        u, v = solution[: vectors * m].reshape(2, -1, m)
        return u, v

    def residual(self, u: Array, v: Array) -> Array:
        """Labels minus the gated fit with the best constant, (N,)."""
        return self._centred(self.y - np.sum(self.patterns * ((u - v) @ self.features.T), axis=0))

    def network_residual(self, u: Array, v: Array) -> Array:
        """Labels minus the network with weights u_i and -v_i and the best constant, (N,)."""
        hidden = [np.maximum(self.features @ w.T, 0.0).sum(axis=1) for w in (u, v)]
        return self._centred(self.y - hidden[0] + hidden[1])

    def _centred(self, rest: Array) -> Array:
        return rest - rest.mean() if self.constant else rest

    def objective(self, rest: Array, u: Array, v: Array) -> float:
        """Half the squared residual, plus lam times the norms."""
        return float(rest @ rest) / 2 + self.lam * float(row_norms(u).sum() + row_norms(v).sum())

    def lower_bound(self, rest: Array) -> float:
        """Bound the program from below by a residual, scaled until no response exceeds lam.

        For w in a cone H w >= 0 and any z >= 0, g.w <= (g + H'z).w <= ||g + H'z|| ||w||. The z of the least norm is
        computed here; any other would give a bound, too.
        """
        dual = self._centred(rest)
        largest = max(self._response(pattern, sign * dual) for pattern in self.patterns for sign in (1.0, -1.0))
        dual = dual * min(1.0, self.lam / max(largest, 1e-300))
        return float(dual @ self.y) - float(dual @ dual) / 2

    def _response(self, pattern: Array, dual: Array) -> float:
        """Bound on the response of neurons of length 1 with this pattern."""
        gradient = self.features.T @ (pattern * dual)
        if self.cones:
            cone = self._cone(pattern)
            gradient = gradient + cone.T @ np.maximum(nnls(cone.T, -gradient)[0], 0.0)
        return float(np.linalg.norm(gradient))

    def _cone(self, pattern: Array) -> Array:
        rows: Array = (2 * pattern - 1)[:, None] * self.features
        return rows


def _norm_cones(vectors: int, m: int) -> Any:
    """Rows of (t_i, w_i) for each vector, as functions of all w, then all t, with the sign that Clarabel has."""
    rows = np.arange(vectors * (m + 1)).reshape(vectors, m + 1)
    columns = np.column_stack([vectors * m + np.arange(vectors), np.arange(vectors * m).reshape(vectors, m)])
    return sparse.csc_matrix((-np.ones(rows.size), (rows.ravel(), columns.ravel())), (rows.size, rows.size))


def _settings() -> Any:
    import clarabel

    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = _PRECISION
    return settings
