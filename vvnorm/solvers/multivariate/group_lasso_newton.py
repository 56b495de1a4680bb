"""The master problem of column generation by Newton steps on one design weight per neuron.

For neurons with columns b_k and for blocks g of outputs (those whose labels are present, and weighted, alike) the
problem

    min  sum_g ||B_g V_g - Z_g||^2 / 2 + lam sum_k ||v_k||          (lam = 0: sum_k ||v_k||  s.t.  B_g V_g = Z_g)

becomes, since ||v|| = min over eta > 0 of (||v||^2 / eta + eta) / 2, the minimum over eta >= 0 of

    F(eta) = (sum_g tr Z_g' M_g^-1 Z_g + sum_k eta_k) / 2,          M_g = B_g diag(eta) B_g' + lam I,

(times lam, if it is not 0), smooth and convex in as many scalars as there are neurons, however many outputs. With L_g =
M_g^-1 Z_g the best weights are v_k = eta_k a_k, a_k = (b_gk' L_g)_g, and

    gradient (1 - ||a_k||^2) / 2,       Hessian  sum_g <a_gk, a_gj> b_gk' M_g^-1 b_gj.

A step minimises the quadratic model under eta >= 0 by block pivoting (Judice and Pires, Computers and Operations
Research 21, 1994), so that neurons of no use get weight 0 exactly. Its right-hand side is ||a||^2 (||a|| - 1) in place
of (||a||^2 - 1) / 2: to first order the same near the solution, but Newton's step for 1 / ||a_k|| = 1, and with a
single neuron 1 / ||a_k|| is linear in eta_k. If F does not fall, the plain Newton step with backtracking is taken. A
proximal term keeps the model definite; it moves no fixed point.

With one output the Hessian has rank n, and solutions may form a face; `group_lasso_ipm` has an interior-point method for
this case. For 2 to 100 outputs this module has the same accuracy and is 3 to 7 times faster.
"""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack
from scipy.optimize import nnls

from vvnorm.network import row_norms
from vvnorm.tolerances import EPS
from vvnorm.validation import Array

_STEPS = 30
_HALVINGS = 12
_PATIENCE = 5  # pivoting steps without progress after which block pivoting is given up
_ATTEMPTS = ((1e-7, True), (1e-5, True), (1e-3, True), (1e-3, False))
"""Proximal terms, relative to the variable's curvature, and whether the step is Newton's for 1 / ||a_k|| = 1."""
_FLATTEST = 1e-12  # least curvature, relative to the largest one
_RIDGE = 1e-15  # added to M for lam = 0, relative to its trace, so that a Cholesky factor exists
_MISSED = 1e-6  # relative residual of the constraint above which neurons do not span the targets
_ALIKE = 1e-13  # relative change of F that is rounding


class DesignBlock(NamedTuple):
    """One group of outputs: columns B (n, K) and targets Z (n, r)."""

    B: Array
    Z: Array


@dataclass(frozen=True, eq=False)
class DesignState:
    """An iterate of Newton's method: weights eta (K,) >= 0 and derived quantities.

    Attributes
    ----------
    blocks : sequence of DesignBlock
    lam : float
    eta : (K,) array
    factors : list of (n_g, n_g) arrays
        Lower Cholesky factors of M_g.
    duals : list of (n_g, r_g) arrays
        L_g.
    ridges : list of float
        Numbers added to the diagonals of M_g.
    """

    blocks: Sequence[DesignBlock]
    lam: float
    eta: Array
    factors: list[Array]
    duals: list[Array]
    ridges: list[float]

    @cached_property
    def A(self) -> list[Array]:
        """a_gk as rows, (K, r_g) each."""
        return [block.B.T @ L for block, L in zip(self.blocks, self.duals, strict=True)]

    @cached_property
    def norms(self) -> Array:
        """||a_k||, (K,)."""
        return row_norms(np.hstack(self.A))

    @cached_property
    def gain(self) -> float:
        """<L, Z>."""
        return float(sum(np.vdot(L, block.Z) for block, L in zip(self.blocks, self.duals, strict=True)))

    @cached_property
    def size(self) -> float:
        """||L||^2."""
        return float(sum(np.vdot(L, L) for L in self.duals))

    @property
    def merit(self) -> float:
        """F, times two."""
        return self.gain + float(self.eta.sum())

    @property
    def value(self) -> float:
        """The objective at V = diag(eta) A: an upper bound; infinite if the neurons do not span the targets."""
        cost = float(self.eta @ self.norms)
        if self.lam > 0:
            return self.lam * (self.lam * self.size / 2 + cost)
        return cost if self._spans else math.inf

    @property
    def _spans(self) -> bool:
        """Whether the residual of the constraint due to the ridge, ridge * L, is rounding."""
        return all(
            ridge * float(np.linalg.norm(L)) <= _MISSED * float(np.linalg.norm(block.Z))
            for ridge, L, block in zip(self.ridges, self.duals, self.blocks, strict=True)
        )

    def lower_bound(self, largest: float) -> tuple[float, float]:
        """Return the dual objective of the best multiple of L given the largest response to it, and that multiple."""
        return scaled_bound(self.gain, self.size, largest, self.lam)


def scaled_bound(gain: float, size: float, largest: float, lam: float) -> tuple[float, float]:
    """Best lower bound theta L gives, theta * largest <= 1, and theta; gain = <L, Z>, size = ||L||^2."""
    if gain <= 0 or largest <= 0:
        return 0.0, 0.0
    theta = 1 / largest
    if lam == 0:
        return theta * gain, theta
    theta = min(theta, gain / (lam * size))
    return lam * theta * gain - (lam * theta) ** 2 * size / 2, theta


def solve_design(
    blocks: Sequence[DesignBlock], lam: float, tol: float, eta: Array, deadline: float = math.inf
) -> tuple[DesignState, float]:  # fmt: skip
    """Minimise over the design weights.

    Parameters
    ----------
    blocks : sequence of DesignBlock
    lam : float
    tol : float
        Relative gap, over these neurons, at which to stop.
    eta : (K,) array
        Start; for lam = 0 its neurons must span the targets.
    deadline : float
        Value of time.monotonic() after which no further step begins.

    Returns
    -------
    DesignState
        The iterate of smallest F.
    float
        Its relative gap over these neurons; above `tol` if rounding stopped the iteration.
    """
    state = evaluate(blocks, lam, eta)
    if state is None:
        raise np.linalg.LinAlgError("the neurons do not span the targets")
    for _ in range(_STEPS):
        if _gap(state) <= tol or time.monotonic() > deadline:
            break
        after = _improved(state)
        if after is None:
            break
        state = after
    return state, _gap(state)


def evaluate(blocks: Sequence[DesignBlock], lam: float, eta: Array) -> DesignState | None:
    """The state at eta; None where M is singular."""
    used = np.flatnonzero(eta > 0)
    factors, duals, ridges = [], [], []
    for B, Z in blocks:
        root = B[:, used] * np.sqrt(eta[used])
        M = root @ root.T
        ridge = lam if lam > 0 else _RIDGE * max(float(np.trace(M)), 1e-300)
        M[np.diag_indices(len(M))] += ridge
        factor, failed = lapack.dpotrf(M, lower=1, clean=1, overwrite_a=1)
        if failed:
            return None
        factors.append(factor)
        duals.append(lapack.dpotrs(factor, Z, lower=1)[0])
        ridges.append(ridge)
    return DesignState(blocks, lam, eta, factors, duals, ridges)


def _gap(state: DesignState) -> float:
    value = state.value
    bound, _ = state.lower_bound(float(np.max(state.norms, initial=0.0)))
    if value == math.inf:
        return 1.0
    return (value - bound) / value if value > 0 else 0.0


def _improved(state: DesignState) -> DesignState | None:
    """One Newton step; None if F does not fall."""
    candidates = np.flatnonzero((state.eta > 0) | (state.norms > 1))
    H = _hessian(state, candidates)
    eta, norms = state.eta[candidates], state.norms[candidates]
    # Columns may differ in size by many orders of magnitude, and curvatures by their squares: each variable has its own
    # unit.
    curvatures, added = np.diagonal(H) + _FLATTEST * float(np.max(np.diagonal(H), initial=0.0)), 0.0
    for proximal, bold in _ATTEMPTS:
        H[np.diag_indices(len(H))] += (proximal - added) * curvatures
        added = proximal
        right = norms**2 * (norms - 1) if bold else (norms**2 - 1) / 2
        ahead = solve_nnqp(H, right + H @ eta, (eta > EPS * eta.max()) | (norms > 1))
        if ahead is None:
            continue
        for halving in range(1 if bold else _HALVINGS):
            after = state.eta.copy()
            after[candidates] = np.maximum(eta + 0.5**halving * (ahead - eta), 0.0)
            candidate = evaluate(state.blocks, state.lam, after)
            if candidate is not None and _better(candidate, state):
                return candidate
    return None


def _better(candidate: DesignState, state: DesignState) -> bool:
    """Whether F has fallen; near the minimum, where F is constant up to rounding, whether the gap has."""
    if candidate.merit < state.merit * (1 - _ALIKE):
        return True
    return candidate.merit < state.merit * (1 + _ALIKE) and _gap(candidate) < _gap(state) / 2


def _hessian(state: DesignState, candidates: NDArray[np.intp]) -> Array:
    H = np.zeros((len(candidates), len(candidates)))
    for block, A, factor in zip(state.blocks, state.A, state.factors, strict=True):
        half = lapack.dtrtrs(factor, block.B[:, candidates], lower=1)[0]
        products = half.T @ half
        products *= A[candidates] @ A[candidates].T
        H += products
    return H


def solve_nnqp(H: Array, b: Array, chosen: NDArray[np.bool_]) -> Array | None:
    """Minimise v'Hv / 2 - b'v over v >= 0, starting from the guess `chosen` of where v > 0; H (m, m) positive definite.

    Block pivoting may cycle, even for well-conditioned H. Then the active-set method of C. L. Lawson and R. J. Hanson
    ("Solving least squares problems", 1974) takes over, which ends for every H: with H = R'R the problem is
    min ||R v - R'^-1 b|| over v >= 0. Returns None if rounding keeps it from ending.
    """
    scale = float(np.max(np.abs(b), initial=0.0))
    v, fewest, patience = np.zeros(len(b)), len(b) + 1, _PATIENCE
    while True:
        v[:] = 0.0
        inside = np.flatnonzero(chosen)
        if len(inside):
            v[inside] = _solve(H[np.ix_(inside, inside)], b[inside])
        wrong = np.where(chosen, v < 0, b - H @ v > 1e-10 * scale)
        count = int(wrong.sum())
        if count == 0:
            return v
        patience = _PATIENCE if count < fewest else patience - 1
        fewest = min(fewest, count)
        if patience < 0:
            return _by_active_set(H, b)
        chosen = chosen ^ wrong


def _by_active_set(H: Array, b: Array) -> Array | None:
    R, failed = lapack.dpotrf(H, clean=1)
    if failed:
        return None
    try:
        minimiser: Array = nnls(R, lapack.dtrtrs(R, b, trans=1)[0])[0]
    except RuntimeError:  # too many exchanges
        return None
    return minimiser


def _solve(H: Array, b: Array) -> Array:
    ridge = 0.0
    while True:
        M = H.copy()
        M[np.diag_indices(len(M))] *= 1 + ridge
        factor, failed = lapack.dpotrf(M, lower=1, overwrite_a=1)
        if not failed:
            x: Array = lapack.dpotrs(factor, b, lower=1)[0]
            return x
        ridge = max(10 * ridge, 16 * EPS)
        if ridge > 1:
            return np.zeros_like(b)
