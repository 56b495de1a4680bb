"""The convex problem over a fixed, finite set of neurons (the master problem of column generation).

With one column b_k in R^n per neuron and targets Z (n, T), over output weights V (K, T) with rows v_k,

    min  ||B V - Z||^2 / 2 + lam sum_k ||v_k||     (lam > 0),
    min  sum_k ||v_k||   s.t.   B V = Z            (lam = 0).

*Design form.* ||v|| = min over eta > 0 of (||v||^2 / eta + eta) / 2. With G = sum_k eta_k b_k b_k', M = G + lam I and
L = M^{-1} Z the best weights are v_k = eta_k a_k, a_k = L'b_k, and the problem becomes one in K positive numbers eta,
however many outputs there are. It is solved when

    M L = Z,   s_k = (1 - ||a_k||^2) / 2 >= 0,   eta_k >= 0,   s_k eta_k = 0.

*Interior point.* Newton's method on these equations with s_k eta_k = mu > 0, mu lowered by predictor and corrector. All
equations are quadratic in (eta, L), so the corrector's second-order terms are exact. Scaled by sqrt(eta) the matrix is
diag(s) + (A A') o P, where P is the orthogonal projection onto the span of the rows of diag(sqrt(eta)) B' (shrunk if
lam > 0). A QR factorisation yields P with entries of at most 1 even where G is singular to working precision, as it is
for clustered neurons.

*Bounds.* After the iteration, the value is recomputed from V, and the lower bound from the dual array L, scaled so that
max_k ||L'b_k|| <= 1. They do not rely on the iteration.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import lapack

from vvnorm._internal.threads import one_blas_thread
from vvnorm._internal.words import count
from vvnorm.float64 import as_float64
from vvnorm.network import row_norms
from vvnorm.tolerances import EPS
from vvnorm.validation import Array, as_non_negative

_MAX_STEPS = 100
_PATIENCE = 8  # after this number of steps without a smaller gap, rounding counts as the limit
_TO_BOUNDARY = 0.99  # largest step, as a part of the step to the boundary of eta > 0 and ||a_k|| < 1
_FIRST_NORM = 0.9  # max ||a_k|| at the start
_FLOOR = 0.1  # least eta of a warm start, relative to the mean: closer to the boundary steps may become very short
_RANKS = (1e-9, 1e-12, 1e-15)  # relative size below which singular values count as 0, tried in turn
_SETTLED = 0.01  # linear programs are solved to this part of the tolerance; if they end above, rounding is the limit
_HOPELESS = 0.1  # a linear program with a larger gap is not used further
_FEASIBLE = 1e-12  # largest relative distance from Z to the range of B that counts as rounding


@dataclass(frozen=True, eq=False)
class MasterSolution:
    """A minimiser over a finite set of neurons, with bounds that do not rely on the solver.

    Attributes
    ----------
    V : (K, T) array
        Output weights. For lam = 0, B V = Z up to rounding: about 1e-12 (||Z|| + max_k ||b_k|| sum_k ||v_k||).
    dual : (n, T) array
        L with max_k ||b_k'L|| <= 1 up to rounding; for lam > 0 it is close to (Z - B V) / lam.
    value : float
        The objective at V: an upper bound.
    lower_bound : float
        The dual objective at `dual`, a lower bound for these columns; lam = 0: <L, Z>; lam > 0:
        lam <L, Z> - lam^2 ||L||^2 / 2.
    gap : float
        (value - lower_bound) / value; 0 for 0 / 0. If lam = 0 and B is nearly singular in float64, rounding of L and V
        limits it (1e-6 where cond(B) is 1e12), and may make it negative.
    iterations : int
        Interior-point steps.
    eta : (K,) array
        Design weights, in units of V: a warm start for a similar problem. Near zero for unused neurons.
    """

    V: Array
    dual: Array
    value: float
    lower_bound: float
    gap: float
    iterations: int
    eta: Array


def group_lasso(
    B: ArrayLike,
    Z: ArrayLike,
    lam: float = 0.0,
    *,
    tol: float = 1e-9,
    eta: ArrayLike | None = None,
    deadline: float = math.inf,
) -> MasterSolution:
    """Minimise ||B V - Z||^2 / 2 + lam sum_k ||v_k||, or for lam = 0 sum_k ||v_k|| subject to B V = Z.

    Parameters
    ----------
    B : array-like, shape (n, K)
        One column per neuron; columns may repeat, vanish, or be nearly dependent.
    Z : array-like, shape (n, T)
        Targets.
    lam : float
        Non-negative, in units of B times units of Z.
    tol : float
        Relative gap at which to stop. Rounding may stop the iteration earlier; `gap` is the gap reached.
    eta : array-like, shape (K,), optional
        Warm start: `eta` of a similar problem.
    deadline : float
        Value of time.monotonic() after which no further step begins.

    Returns
    -------
    MasterSolution

    Raises
    ------
    ValueError
        If shapes disagree, an entry is not finite, lam < 0, or lam = 0 and no V has B V = Z; the message has the distance.

    Notes
    -----
    About K^3 / 3 + K^2 (n + T) operations per step, 10 to 25 steps. Minimisers need not be unique; this one is central.
    """
    columns, targets, start = _checked(B, Z, lam, eta)
    b_unit = float(np.max(row_norms(columns.T), initial=0.0)) or 1.0
    z_unit = float(row_norms(targets.reshape(1, -1))[0]) or 1.0
    z, rotation = _rotated(targets / z_unit)
    plain = _GroupLasso(columns / b_unit, z, lam / b_unit / z_unit, np.full(len(z), lam / b_unit / z_unit))
    reach = float(np.max(row_norms(plain.B.T @ z), initial=0.0))
    if not z.any() or (lam > 0 and reach <= plain.lam):
        dual, v, weights, steps = z / (plain.lam or 1.0), np.zeros((columns.shape[1], z.shape[1])), plain.B[0] * 0.0, 0
    else:
        with one_blas_thread():
            dual, v, weights, steps = _solve(plain, tol, None if start is None else start * (b_unit / z_unit), deadline)
    value = plain.value(v)
    bound, dual = plain.feasible(dual)
    objective_unit = z_unit / b_unit if lam == 0 else z_unit * z_unit
    return MasterSolution(
        V=v @ rotation.T * (z_unit / b_unit),
        dual=dual @ rotation.T / b_unit,
        value=value * objective_unit,
        lower_bound=bound * objective_unit,
        gap=(value - bound) / value if value > 0 else 0.0,
        iterations=steps,
        eta=weights * (z_unit / b_unit),
    )


def least_change(B: Array, residual: Array, weights: Array) -> Array:
    """Return the D of least sum_k ||d_k||^2 / weights_k for which ||B D - residual|| is least.

    Parameters
    ----------
    B : (n, K) array
    residual : (n, T) array
    weights : (K,) array
        Non-negative; a column of weight 0 is not changed.

    Returns
    -------
    (K, T) array.
    """
    root = np.sqrt(weights / (np.max(weights, initial=0.0) or 1.0))[:, None]
    return root * np.linalg.lstsq(B * root.T, residual, rcond=len(root) * EPS)[0]


# --- preparation ------------------------------------------------------------------------------------------------------


def _checked(B: ArrayLike, Z: ArrayLike, lam: float, eta: ArrayLike | None) -> tuple[Array, Array, Array | None]:
    columns, targets = as_float64(B, "B"), as_float64(Z, "Z")
    if columns.ndim != 2 or targets.ndim != 2 or len(columns) != len(targets) or 0 in targets.shape:
        raise ValueError(f"B must be (n, K) and Z (n, T) with n, T >= 1, got {columns.shape} and {targets.shape}")
    for name, value in (("B", columns), ("Z", targets)):
        if not np.isfinite(value).all():
            raise ValueError(f"{name} holds {value[~np.isfinite(value)][0]}; it must be finite")
    as_non_negative(lam, "lam")
    if eta is None:
        return columns, targets, None
    start = as_float64(eta, "eta")
    if start.shape != (columns.shape[1],) or not np.all(start >= 0):
        raise ValueError(f"eta must hold {columns.shape[1]} non-negative numbers, got shape {start.shape}")
    return columns, targets, start


def _rotated(Z: Array) -> tuple[Array, Array]:
    """Return Z R and R with orthonormal columns, Z R R' = Z: norms of rows are the same, and outputs at most n."""
    n, T = Z.shape
    if n >= T:
        return Z, np.eye(T)
    R, triangle = np.linalg.qr(Z.T)
    return triangle.T, R


def _solve(plain: "_GroupLasso", tol: float, start: Array | None, deadline: float) -> tuple[Array, Array, Array, int]:
    """Return a dual, V, eta and the number of steps.

    For lam = 0 the constraint is imposed on as few directions of R^n as suffice for Z, since directions in which all
    columns are tiny would spoil the accuracy of the others.

    Raises
    ------
    ValueError
        If lam = 0 and no V has B V = Z.
    """
    U, size, _ = np.linalg.svd(plain.B, full_matrices=plain.B.shape[0] > plain.B.shape[1])
    size = np.append(size, np.zeros(len(U) - len(size)))
    if plain.lam > 0:
        C = (U / np.hypot(size, np.sqrt(plain.lam))).T
        return _solve_in(C, plain, tol, start, deadline)
    for cut in _RANKS:
        keep = size > cut * size[0]
        distance = float(np.linalg.norm(plain.Z - U[:, keep] @ (U[:, keep].T @ plain.Z)))
        if distance <= _FEASIBLE:
            optimum = _solve_in((U[:, keep] / size[keep]).T, plain, tol, start, deadline)
            missed, cost = float(np.linalg.norm(plain.Z - plain.B @ optimum[1])), float(np.sum(row_norms(optimum[1])))
            if cut == _RANKS[-1] or missed <= _FEASIBLE * (1 + cost):
                return optimum
    raise ValueError(
        f"no V has B V = Z: the {count(plain.B.shape[1], 'column')} have rank {np.sum(keep)}, and Z lies off their span by "
        f"{distance:.2g} of its norm"
    )


def _solve_in(
    C: Array, plain: "_GroupLasso", tol: float, start: Array | None, deadline: float
) -> tuple[Array, Array, Array, int]:
    """Solve in the coordinates C (r, n): C B and the ridge lam C C', a diagonal matrix, have rows of about unit size."""
    ridge = plain.lam * np.einsum("ij,ij->i", C, C)
    problem = _GroupLasso(C @ plain.B, C @ plain.Z, plain.lam, ridge)
    eta, dual, steps = _interior_point(problem, tol, start, deadline)
    factors = problem.factors(eta)
    V = problem.weights(eta, factors.solve(problem.Z))
    for _ in range(2 if plain.lam == 0 else 0):  # refinement of the constraint
        V = V + problem.weights(eta, factors.solve(C @ (plain.Z - plain.B @ V)))
    return C.T @ dual, V, eta, steps


@dataclass(frozen=True, eq=False)
class _GroupLasso:
    """The problem in coordinates of R^n in which lam I has become the diagonal matrix `ridge`."""

    B: Array
    Z: Array
    lam: float
    ridge: Array  # (n,); zeros for lam = 0

    def weights(self, eta: Array, L: Array) -> Array:
        """V = diag(eta) B'L."""
        return eta[:, None] * (self.B.T @ L)

    def value(self, V: Array) -> float:
        """The objective at V; for lam = 0 its cost."""
        cost = float(np.sum(row_norms(V)))
        if self.lam == 0:
            return cost
        return self.lam * (float(np.sum((self.B @ V - self.Z) ** 2 / self.ridge[:, None])) / 2 + cost)

    def feasible(self, L: Array) -> tuple[float, Array]:
        """Return the dual objective of the best feasible multiple of L, and that multiple."""
        largest = float(np.max(row_norms(self.B.T @ L), initial=0.0))
        gain, size = float(np.sum(L * self.Z)), float(np.sum(self.ridge[:, None] * L * L))
        factor = 1 / largest if largest > 0 else np.inf
        if size > 0:
            factor = min(factor, gain / size)
        if not np.isfinite(factor):
            return 0.0, np.zeros_like(L)
        return (self.lam or 1.0) * factor * (gain - factor * size / 2), factor * L

    def factors(self, eta: Array) -> "_Factors":
        """Factorise M = G + diag(ridge)."""
        root = np.sqrt(eta)
        tall = self.B.T * root[:, None]
        if self.lam > 0:
            tall = np.vstack([tall, np.diag(np.sqrt(self.ridge))])
        # LAPACK is called directly: for small matrices SciPy's wrappers take longer than the factorisation.
        rank = min(tall.shape)
        reflections, tau, *_ = lapack.dgeqrf(tall)
        R = np.triu(reflections[:rank])
        Q = lapack.dorgqr(reflections[:, :rank], tau)[0]
        diagonal, least = np.einsum("ii->i", R), EPS**2 * float(np.max(np.abs(R)))
        diagonal[np.abs(diagonal) < least] = least  # zero up to rounding: any small number serves
        return _Factors(root, Q[: len(eta)], R)


# --- interior point ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Factors:
    """M = R'R by the QR factorisation of diag(sqrt(eta)) B', extended by the square root of the ridge."""

    root: Array  # (K,) sqrt(eta)
    Q: Array  # (K, n): sqrt(eta_k) b_k'M^{-1} b_j sqrt(eta_j) are the entries of Q Q'
    R: Array  # (n, n)

    def solve(self, rows: Array) -> Array:
        """Return M^{-1} rows."""
        half = lapack.dtrtrs(self.R, rows, trans=1)[0]
        solved: Array = lapack.dtrtrs(self.R, half)[0]
        return solved


def _interior_point(problem: _GroupLasso, tol: float, start: Array | None, deadline: float) -> tuple[Array, Array, int]:
    """Return eta, a dual L and the number of steps; the problem is in units of about 1.

    A warm start may be so far from the central path that steps become ever shorter before M L = Z holds: then the iteration
    restarts from equal weights. With one output the problem is a linear program, which takes a tenth of the time; if
    rounding stops it early, the general iteration continues.
    """
    if problem.lam == 0 and problem.Z.shape[1] == 1:
        eta, L, gap, steps = _linear(problem, tol, *_start(problem, start), deadline)
        if gap <= tol:
            return eta, L, steps
        start = None if gap > _HOPELESS else eta
    eta, L, gap, steps = _followed(problem, tol, start, deadline)
    if gap > tol and start is not None and time.monotonic() < deadline:
        again = _followed(problem, tol, None, deadline)
        steps += again[3]
        if again[2] < gap:
            eta, L = again[:2]
    return eta, L, steps


def _linear(
    problem: _GroupLasso, tol: float, eta: Array, L: Array, deadline: float
) -> tuple[Array, Array, float, int]:  # fmt: skip
    """Solve the case of one output and lam = 0 by Mehrotra's method, from eta > 0 and L = M^{-1} Z.

    The linear program is: least sum_k (u_k + w_k) s.t. B (u - w) = Z, u, w >= 0. Its slacks are 1 - a_k and 1 + a_k, and
    its central path is that of the design form, eta = u + w. Newton's equations have n unknowns, not K.

    Source: S. Mehrotra, "On the implementation of a primal-dual interior point method", SIAM Journal on Optimization 2,
    1992.
    """
    B, z = problem.B, problem.Z[:, 0]
    a = B.T @ L[:, 0]
    x, s = np.concatenate([eta * (1 + a), eta * (1 - a)]) / 2, np.concatenate([1 - a, 1 + a])
    if not s.min() > 0:
        return eta, L, np.inf, 0
    both, y = np.hstack([B, -B]), L[:, 0]
    best, gap = (eta, L), np.inf
    for step in range(_MAX_STEPS):
        weights = x / s
        M = (both * weights) @ both.T
        factor, failed = lapack.dpotrf(M, clean=0)
        missing, mu = z - both @ x, float(x @ s) / len(x)
        if failed:
            break
        d_y = lapack.dpotrs(factor, missing + both @ x)[0]
        d_s = -(d_y @ both)
        d_x = -x - weights * d_s
        primal, dual = _reach(x, d_x), _reach(s, d_s)
        after = float((x + primal * d_x) @ (s + dual * d_s)) / len(x)
        complement = max(after / mu, 0.0) ** 3 * mu - d_x * d_s
        d_y = lapack.dpotrs(factor, missing + both @ (x - complement / s))[0]
        d_s = -(d_y @ both)
        d_x = complement / s - x - weights * d_s
        primal, dual = (min(1.0, _TO_BOUNDARY * _reach(*pair)) for pair in ((x, d_x), (s, d_s)))
        x, s, y = x + primal * d_x, s + dual * d_s, y + dual * d_y
        if not (np.isfinite(y).all() and x.min() > 0 and s.min() > 0):
            break
        cost, bound = float(x.sum()), float(y @ z)
        late = time.monotonic() > deadline
        if cost - bound > tol * cost and step < _MAX_STEPS - 1 and not late:
            continue
        eta = x[: len(eta)] + x[len(eta) :]
        bound, dual_now = problem.feasible(y[:, None])
        value = problem.value(problem.weights(eta, problem.factors(eta).solve(problem.Z)))
        if (value - bound) / value < gap:
            best, gap = (eta, dual_now), (value - bound) / value
        elif cost - bound < _SETTLED * tol * cost:
            break
        if gap <= tol or late:
            break
    return *best, gap, step + 1


def _reach(values: Array, change: Array) -> float:
    """Largest step, at most 1 / _TO_BOUNDARY, that keeps values >= 0."""
    least = float(np.min(change / values))
    return min(1 / _TO_BOUNDARY, -1 / least) if least < 0 else 1 / _TO_BOUNDARY


def _followed(problem: _GroupLasso, tol: float, start: Array | None, deadline: float) -> tuple[Array, Array, float, int]:
    """Follow the central path; return eta, a dual L, the relative gap and the number of steps."""
    eta, L = _start(problem, start)
    best_eta, best_L, upper, lower, idle = eta, L, np.inf, -np.inf, 0
    for step in range(_MAX_STEPS + 1):
        factors = problem.factors(eta)
        exact = factors.solve(problem.Z)
        value = problem.value(problem.weights(eta, exact))
        bound, dual = max((problem.feasible(candidate) for candidate in (L, exact)), key=lambda pair: pair[0])
        idle = 0 if value < upper or bound > lower else idle + 1
        if value < upper:
            upper, best_eta = value, eta
        if bound > lower:
            lower, best_L = bound, dual
        if upper - lower <= tol * upper or idle == _PATIENCE or step == _MAX_STEPS or time.monotonic() > deadline:
            break
        eta, L = _advance(problem, eta, L, factors)
        if not (np.min(eta) > 0 and np.isfinite(eta).all() and np.isfinite(L).all()):
            break
    return best_eta, best_L, (upper - lower) / upper if upper > 0 else 0.0, step


def _start(problem: _GroupLasso, start: Array | None) -> tuple[Array, Array]:
    """Return eta > 0 and L = M^{-1} Z with max ||a_k|| <= _FIRST_NORM, or close to it."""
    K = problem.B.shape[1]
    eta = np.ones(K) if start is None or not start.any() else np.maximum(start, _FLOOR * np.mean(start))
    for _ in range(64):
        L = problem.factors(eta).solve(problem.Z)
        excess = float(np.max(row_norms(problem.B.T @ L))) / _FIRST_NORM
        if excess <= 1 + EPS**0.5:
            break
        eta = eta * excess
    return eta, L


def _advance(problem: _GroupLasso, eta: Array, L: Array, factors: _Factors) -> tuple[Array, Array]:
    """Take one step of predictor and corrector."""
    B, A = problem.B, problem.B.T @ L
    s = np.maximum((1 - np.einsum("ij,ij->i", A, A)) / 2, EPS**2)
    mu = float(eta @ s) / len(eta)
    missing = problem.Z - B @ (eta[:, None] * A) - problem.ridge[:, None] * L
    newton = _newton_solver(A, s, factors)

    def direction(complement: Array, missing: Array, curvature: Array | float) -> tuple[Array, Array]:
        """Return the changes of eta and L that change s_k eta_k by `complement`; `curvature` is -ds_k of second order."""
        drift = factors.solve(missing)
        neg_gradient = np.einsum("ij,ij->i", A, B.T @ drift) + curvature
        d_eta = factors.root * newton(complement / factors.root + factors.root * neg_gradient)
        return d_eta, drift - factors.solve(B @ (d_eta[:, None] * A))

    d_eta, d_L = direction(-s * eta, missing, 0.0)
    d_A = B.T @ d_L
    reach = _longest(eta, A, d_eta, d_A)
    curvature = np.einsum("ij,ij->i", d_A, d_A) / 2
    d_s = -np.einsum("ij,ij->i", A, d_A) - curvature
    after = float(np.maximum(eta + reach * d_eta, 0) @ np.maximum(s + reach * d_s, 0)) / len(eta)
    centring = float(np.clip(after / mu, 1e-3, 1.0)) ** 3 if reach > 0.1 else 0.5
    d_eta, d_L = direction(
        centring * mu - s * eta - reach**2 * d_eta * d_s,
        missing - reach**2 * (B @ (d_eta[:, None] * d_A)),
        reach**2 * curvature,
    )
    step = min(1.0, _TO_BOUNDARY * _longest(eta, A, d_eta, B.T @ d_L))
    return eta + step * d_eta, L + step * d_L


def _newton_solver(A: Array, s: Array, factors: _Factors) -> Callable[[Array], Array]:
    """Return the solver of (diag(s) + (A A') o (Q Q')) x = y."""
    matrix = (A @ A.T) * (factors.Q @ factors.Q.T)
    diagonal = np.einsum("ii->i", matrix)
    diagonal += s
    for ridge in (
        0.0,
        *(EPS * 10.0 ** np.arange(12)),
    ):  # the matrix is at most about 1 in size, and positive but for rounding
        diagonal += ridge
        factor, failed = lapack.dpotrf(matrix, clean=0)
        if not failed:
            return lambda y: lapack.dpotrs(factor, y)[0]
    return lambda y: np.full_like(y, np.nan)  # ends the iteration


def _longest(eta: Array, A: Array, d_eta: Array, d_A: Array) -> float:
    """Return the largest step, at most 1 / _TO_BOUNDARY, that keeps eta >= 0 and every ||a_k|| <= 1."""
    # ||a + t d||^2 = 1 at t = c / (b + sqrt(b^2 + q c)) with b = a.d, q = ||d||^2, c = 1 - ||a||^2.
    b, q = np.einsum("ij,ij->i", A, d_A), np.einsum("ij,ij->i", d_A, d_A)
    c = np.maximum(1 - np.einsum("ij,ij->i", A, A), EPS**2)
    root = np.sqrt(b * b + q * c)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        to_sphere = np.where(b > 0, c / (b + root), (root - b) / q)
        to_zero = np.where(d_eta < 0, -eta / d_eta, np.inf)
    return float(min(1 / _TO_BOUNDARY, np.nanmin(to_sphere, initial=np.inf), np.min(to_zero)))
