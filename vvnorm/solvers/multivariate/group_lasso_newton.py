"""The master problem of column generation by Newton steps on one design weight per neuron.

Neuron k has columns b_gk at the points. A block g holds the outputs with the same present labels and the same weights. The
problem is

    min  sum_g ||B_g V_g - Z_g||^2 / 2 + lam sum_k ||v_k||          (lam = 0: sum_k ||v_k||  s.t.  B_g V_g = Z_g).

Since ||v|| = min over eta > 0 of (||v||^2 / eta + eta) / 2, its value is (for lam > 0 up to the factor lam) the minimum
over eta >= 0 of

    F(eta) = (sum_g tr Z_g' M_g^-1 Z_g + sum_k eta_k) / 2,          M_g = B_g diag(eta) B_g' + lam I.

F is smooth and convex. It has one variable per neuron, whatever the number of outputs. With L_g = M_g^-1 Z_g the best
weights are v_k = eta_k a_k, a_k = (b_gk' L_g)_g, and

    gradient (1 - ||a_k||^2) / 2,       Hessian  sum_g <a_gk, a_gj> b_gk' M_g^-1 b_gj.

A step minimises the quadratic model under eta >= 0 by block pivoting (J. J. Judice and F. M. Pires, Computers and
Operations Research 21, 1994), so that useless neurons get weight 0 exactly. The right-hand side is that of Newton's method
for the equations 1 / ||a_k|| = 1: ||a||^2 (||a|| - 1) in place of (||a||^2 - 1) / 2. To first order both are equal near the
solution, and for a single neuron 1 / ||a_k|| is linear in eta_k, so that one step suffices. If F does not fall, the plain
Newton step with backtracking is taken. A proximal term keeps the model definite; it moves no fixed point.

Far from the optimum, large models have a larger proximal term, which takes no more steps: their matrices are then
well-conditioned, so that block pivoting ends after a few exchanges, and that single precision suffices.

With one output the Hessian has rank n, and solutions may form a face; `group_lasso_ipm` has an interior-point method for
this case. For 2 to 100 outputs this module has the same accuracy and is 3 to 7 times faster.
"""

import math
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from vvnorm.network import row_norms
from vvnorm.solvers.multivariate.coordinate_descent import sweep
from vvnorm.solvers.multivariate.dense_blocks import MANY, Matrix, cholesky, routine, solve_lower, symmetric_product
from vvnorm.tolerances import EPS
from vvnorm.validation import Array

MOST_STEPS = 30
_HALVINGS = 12
_PATIENCE = 5  # pivoting steps without progress after which block pivoting is given up
_ATTEMPTS = tuple(
    (proximal, inverse, exact)
    for exact in (False, True)
    for proximal, inverse in ((1e-7, True), (1e-5, True), (1e-3, True), (1e-3, False))
)
"""Proximal terms, relative to the variable's curvature; whether the step is Newton's for 1 / ||a_k|| = 1; and whether the
model's exact minimiser is computed even if block pivoting cycles. This takes a hundred times as long; few steps need it."""
_SWEEPS = 40
_ROUGH = 1e-4  # gap above which large models are in single precision
_LARGEST = 1e-3  # proximal term of a large model far from the optimum
_SHARE = 0.03  # the same relative to the gap, nearer to it
_ZERO = {np.dtype(np.float64): 1e-10, np.dtype(np.float32): 1e-5}
"""Relative size of a model's gradient that is rounding, by precision."""
_FEW = 0.4  # largest change of a set of unknowns, relative to their number, for which the last factor serves again
_FLATTEST = 1e-12  # least curvature, relative to the largest one
_RIDGE = 1e-15  # added to M for lam = 0, relative to its trace, so that a Cholesky factor exists
_REVIVED = 1e-8  # least weight of a start at which M would be singular, relative to the largest weight
_MISSED = 1e-6  # relative residual of the constraint above which neurons do not span the targets
_SAME = 1e-13  # relative change of F that is rounding


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
    """Return the best lower bound that multiples theta L with theta * largest <= 1 prove, and its theta.

    `gain` is <L, Z>, `size` is ||L||^2.
    """
    if gain <= 0 or largest <= 0:
        return 0.0, 0.0
    theta = 1 / largest
    if lam == 0:
        return theta * gain, theta
    theta = min(theta, gain / (lam * size))
    return lam * theta * gain - (lam * theta) ** 2 * size / 2, theta


def solve_design(
    blocks: Sequence[DesignBlock],
    lam: float,
    tol: float,
    eta: Array,
    deadline: float = math.inf,
    *,
    most_steps: int = MOST_STEPS,
) -> tuple[DesignState, float]:
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
    most_steps : int

    Returns
    -------
    DesignState
        The iterate of smallest F.
    float
        Its relative gap over these neurons; above `tol` if rounding stopped the iteration.
    """
    state = evaluate(blocks, lam, eta)
    if state is None:  # neurons whose weights have nearly vanished may be needed again
        state = evaluate(blocks, lam, np.maximum(eta, _REVIVED * float(eta.max())))
    if state is None:
        raise np.linalg.LinAlgError("the neurons do not span the targets")
    for _ in range(most_steps):
        if _gap(state) <= tol or time.monotonic() > deadline:
            break
        improved = _improved(state)
        if improved is None:
            break
        state = improved
    return state, _gap(state)


def evaluate(
    blocks: Sequence[DesignBlock], lam: float, eta: Array, precision: type[np.floating[Any]] = np.float64
) -> DesignState | None:  # fmt: skip
    """Return the state at eta, computed in this precision; None if M is singular."""
    used = slice(None) if np.all(eta > 0) else np.flatnonzero(eta > 0)
    factors, duals, ridges = [], [], []
    for B, Z in blocks:
        M = symmetric_product((B[:, used].astype(precision, copy=False) * np.sqrt(eta[used], dtype=precision)).T)
        ridge = lam if lam > 0 else _RIDGE * float(np.trace(M))
        M[np.diag_indices(len(M))] += ridge
        factor = cholesky(M.T)
        if factor is None:
            return None
        factors.append(factor)
        duals.append(
            routine("potrs", factor)(factor, Z.astype(precision, copy=False), lower=1)[0].astype(np.float64, copy=False)
        )
        ridges.append(ridge)
    return DesignState(blocks, lam, eta, factors, duals, ridges)


def _gap(state: DesignState) -> float:
    value = state.value
    bound, _ = state.lower_bound(float(np.max(state.norms, initial=0.0)))
    if value == math.inf:
        return 1.0
    return (value - bound) / value if value > 0 else 0.0


def _improved(state: DesignState) -> DesignState | None:
    """Return the state after a Newton step; None if F does not fall."""
    candidates, gap = np.flatnonzero((state.eta > 0) | (state.norms > 1)), _gap(state)
    if len(candidates) < MANY:
        return _stepped(state, candidates, _ATTEMPTS)
    first = (max(min(_SHARE * gap, _LARGEST), _ATTEMPTS[0][0]), True, False)
    if gap > _ROUGH:
        with np.errstate(over="ignore", invalid="ignore"):  # too large for single precision: no step
            improved = _stepped(state, candidates, [first], np.float32)
        if improved is not None:
            return improved
    return _stepped(state, candidates, [first, *_ATTEMPTS])


def _stepped(
    state: DesignState,
    candidates: NDArray[np.intp],
    attempts: Iterable[tuple[float, bool, bool]],
    precision: type[np.floating[Any]] = np.float64,
) -> DesignState | None:
    """Do the same with a model of this precision in some of the variables, by the first attempt that succeeds."""
    H = _hessian(state, candidates, precision)
    eta, norms = state.eta[candidates], state.norms[candidates]
    # Columns may differ in size by many orders of magnitude, and curvatures by their squares: each variable has its own
    # unit.
    curvatures, added = np.diagonal(H) + _FLATTEST * float(np.max(np.diagonal(H), initial=0.0)), 0.0
    solved: set[tuple[float, bool]] = set()
    for proximal, inverse, exact in attempts:
        if (proximal, inverse) in solved:
            continue
        H[np.diag_indices(len(H))] += (proximal - added) * curvatures
        added = proximal
        right = norms**2 * (norms - 1) if inverse else (norms**2 - 1) / 2
        target = right.astype(precision) + H @ eta.astype(precision)
        guess = (eta > EPS * eta.max()) | (norms > 1) if len(H) < MANY else _guess(H, target, eta)
        minimiser, pivoted = solve_nnqp(H, target, guess, exact=exact)
        solved |= {(proximal, inverse)} if pivoted else set()
        if minimiser is None:
            continue
        for halving in range(1 if inverse else _HALVINGS):
            trial = state.eta.copy()
            trial[candidates] = np.maximum(eta + 0.5**halving * (minimiser - eta), 0.0)
            candidate = evaluate(state.blocks, state.lam, trial)
            if candidate is not None and _better(candidate, state):
                return candidate
    return None


def _better(candidate: DesignState, state: DesignState) -> bool:
    """Whether F has fallen; near the minimum, where F is constant up to rounding, whether the gap has."""
    if candidate.merit < state.merit * (1 - _SAME):
        return True
    return candidate.merit < state.merit * (1 + _SAME) and _gap(candidate) < _gap(state) / 2


def _hessian(state: DesignState, candidates: NDArray[np.intp], precision: type[np.floating[Any]]) -> Matrix:
    def rounded(A: Array) -> Matrix:
        return A.astype(precision, copy=False)

    parts = (
        symmetric_product(solve_lower(rounded(factor), rounded(block.B[:, candidates])), rounded(A[candidates]))
        for block, A, factor in zip(state.blocks, state.A, state.factors, strict=True)
    )
    H = next(parts)
    for part in parts:
        H += part
    return H


def _guess(H: Matrix, b: Matrix, eta: Array) -> NDArray[np.bool_]:
    """Guess where the minimiser v >= 0 of v'Hv / 2 - b'v is positive, for a large H (m, m).

    By coordinate descent from eta, in single precision: a sweep takes as long as reading H.
    """
    unit, size, single = 1.0, float(np.max(eta)), H
    if H.dtype == np.float64:
        unit = float(np.max(np.diagonal(H)))
        single = np.divide(H, unit, out=np.empty(H.shape, np.float32), casting="same_kind")
    v = (eta / size).astype(np.float32)
    sweep(single, (b / (unit * size)).astype(np.float32), v, _SWEEPS)
    return v > 0


def solve_nnqp(H: Matrix, b: Matrix, chosen: NDArray[np.bool_], *, exact: bool = True) -> tuple[Matrix | None, bool]:
    """Minimise v'Hv / 2 - b'v over v >= 0, starting from the guess `chosen` of where v > 0; H (m, m) positive definite.

    Block pivoting may cycle, even for well-conditioned H. Then the active-set method of C. L. Lawson and R. J. Hanson
    ("Solving least squares problems", 1974) takes over, which ends for every H: with H = R'R the problem is
    min ||R v - R'^-1 b|| over v >= 0.

    Returns
    -------
    v : (m,) array or None
        None if rounding keeps the active-set method from ending. If pivoting cycles and `exact` is False: a point v >= 0
        with few wrong signs.
    pivoted : bool
        Whether block pivoting has ended.
    """
    scale = float(np.max(np.abs(b), initial=0.0))
    nearest, fewest, patience, equations = np.zeros(len(b)), len(b) + 1, _PATIENCE, None
    while patience >= 0:
        if equations is None or not equations.near(chosen):
            equations = _Equations(H, b, chosen)
        for v, gradient in equations.solutions(chosen):
            wrong = np.where(chosen, v < 0, gradient > _ZERO[H.dtype] * scale)
            count = int(wrong.sum())
            if count > 0 and len(H) >= MANY:  # large models: signs are exchanged before solutions are refined
                break
        if count == 0:
            return v, True
        patience -= 1
        if count < fewest:
            nearest, fewest, patience = v, count, _PATIENCE
        chosen = chosen ^ wrong
    if exact:
        return _by_active_set(H, b), False
    v = np.maximum(nearest, 0.0)
    if len(H) >= MANY:  # then the step falls short of the minimum by little
        sweep(H, b, v, _SWEEPS)
    return v, False


class _Equations:
    """Equations H_SS v_S = b_S for sets S that differ in a few places from a first set, whose factor serves all of them.

    U holds the columns of H for the indices that join the set, and unit vectors for the indices that leave it. D is the
    block of H for the indices that join, and 0 for those that leave. Then the solution z of
    (D - U' H_0^-1 U) z = c - U' H_0^-1 b_0 holds the new unknowns, and H_0^-1 (b_0 - U z) the old ones. One step of
    refinement removes the rounding of this elimination. With H_0 = L_0 L_0', the rows u' L_0^-T and their products are
    kept: sets that follow each other differ by few indices.
    """

    def __init__(self, H: Matrix, b: Matrix, chosen: NDArray[np.bool_]) -> None:
        self._H, self._b, self._first = H, b, chosen
        self._rows = np.flatnonzero(chosen)
        self._place = np.cumsum(chosen) - 1
        self._factor = _factor(H, self._rows)
        self._known = np.full(len(b), -1)  # row of each index that joined or left before
        self._W, self._products = np.empty((0, len(self._rows)), H.dtype), np.empty((0, 0), H.dtype)

    def near(self, chosen: NDArray[np.bool_]) -> bool:
        """Whether the set differs from the first one in so few places that a new factor would take longer."""
        return self._factor is not None and int(np.sum(chosen ^ self._first)) <= _FEW * len(self._rows)

    def solutions(self, chosen: NDArray[np.bool_]) -> Iterator[tuple[Matrix, Matrix]]:
        """Yield v (m,), 0 outside the set, and b - H v; then for other sets than the first the same after refinement.

        In single precision the first solution is accurate enough for what it is used for.
        """
        v = np.zeros_like(self._b)
        if self._factor is None:
            yield v, self._b
            return
        changed = np.flatnonzero(chosen ^ self._first)
        self._eliminate(changed)
        known, joined = self._known[changed], chosen[changed]
        schur = self._H[np.ix_(changed, changed)] * (joined[:, None] & joined)
        schur -= self._products[np.ix_(known, known)]
        rest = self._b
        for _ in range(1 if len(changed) == 0 or self._H.dtype == np.float32 else 2):
            v = v + self._solved(rest, changed, joined, schur)
            rest = self._b - self._H @ v
            yield v, rest

    def _eliminate(self, changed: NDArray[np.intp]) -> None:
        """Add the rows u' L_0^-T of indices that join or leave for the first time."""
        fresh = changed[self._known[changed] < 0]
        if len(fresh) == 0:
            return
        U = self._H[np.ix_(self._rows, fresh)]
        for k in np.flatnonzero(self._first[fresh]):
            U[:, k] = 0.0
            U[self._place[fresh[k]], k] = 1.0
        assert self._factor is not None
        rows = solve_lower(self._factor, U).T
        mixed = self._W @ rows.T
        self._products = np.block([[self._products, mixed], [mixed.T, rows @ rows.T]])
        self._known[fresh] = len(self._W) + np.arange(len(fresh))
        self._W = np.vstack([self._W, rows])

    def _solved(
        self, right: Matrix, changed: NDArray[np.intp], joined: NDArray[np.bool_], schur: Matrix
    ) -> Matrix:  # fmt: skip
        """Solve for a right-hand side (m,)."""
        v, solve = np.zeros_like(right), routine("trtrs", right)
        half = solve(self._factor, right[self._rows], lower=1)[0]
        if len(changed):
            known = self._known[changed]
            z = routine("sysv", schur)(schur, np.where(joined, right[changed], 0.0) - (self._W @ half)[known])[2]
            weights = np.zeros(len(self._W), right.dtype)
            weights[known] = z
            half = half - weights @ self._W
        v[self._rows] = solve(self._factor, half, lower=1, trans=1)[0]
        if len(changed):
            v[changed] = np.where(joined, z, 0.0)
        return v


def _by_active_set(H: Matrix, b: Matrix) -> Array | None:
    R, failed = routine("potrf", H)(H, clean=1)
    if failed:
        return None
    try:
        minimiser: Array = nnls(R, routine("trtrs", R)(R, b, trans=1)[0])[0]
    except RuntimeError:  # too many exchanges
        return None
    return minimiser


def _factor(H: Matrix, rows: NDArray[np.intp]) -> Matrix | None:
    """Return the lower Cholesky factor of some rows and columns of H, with the least ridge that it needs.

    None if there are no rows, or H is not positive.
    """
    ridge = 0.0
    while len(rows) and ridge <= 1:
        M = H[np.ix_(rows, rows)].T  # in Fortran order LAPACK makes no copy of its own
        M[np.diag_indices(len(M))] *= 1 + ridge
        factor = cholesky(M)
        if factor is not None:
            return factor
        ridge = max(10 * ridge, 16 * float(np.finfo(H.dtype).eps))
    return None
