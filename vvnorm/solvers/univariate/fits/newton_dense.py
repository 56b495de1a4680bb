"""The problem with kinks at few given knots, solved by Newton steps on one multiplier per knot.

    min over piecewise linear C of  misfit(C) / 2 + lam sum_i ||d_i||,     d_i in R^T the slope jump at knot i.

Since lam ||d|| = min over mu > 0 of (||d||^2 / mu + lam^2 mu) / 2, this is the minimum over mu >= 0 of

    F(mu) = min_C [ misfit(C) / 2 + sum_i ||d_i||^2 / (2 mu_i) ] + lam^2 sum_i mu_i / 2,

which is smooth and convex, with one variable per knot for any number of outputs. A Kalman smoother
(`fits.kalman_smoother`) solves the inner minimum and returns the dual variables z_i, with d_i = mu_i z_i. With
A = (P + diag(mu))^-1, where P is the matrix of the dual problem, F has the

    gradient (lam^2 - ||z_i||^2) / 2,      Hessian A_ij <z_i, z_j>  (summed over groups of outputs that share weights).

Every iterate is feasible for the primal problem, and z is feasible for the dual problem once it is scaled into the ball of
radius lam; so the duality gap is known at every step. A step minimises the quadratic model under mu >= 0 exactly, by block
pivoting. Its right-hand side is ||z||^2 (||z|| / lam - 1) instead of (||z||^2 - lam^2) / 2. The two agree to first order
near the solution; but the former is Newton's step for 1 / ||z_i|| = 1 / lam, which is nearly linear in mu_i, so the step is
also good far from the solution (the device of More and Sorensen, SIAM Journal on Scientific and Statistical Computing 4,
1983, for trust regions). If F does not fall, the plain Newton step with backtracking is taken. The first multipliers come
from a few steps mu <- mu ||z|| / lam, which lower F and take one solve each. They start from large multipliers, close to
the fit without a penalty.

Measured: 2 steps for each new set of knots, and gaps of 1e-13 with hundreds of knots on irregular grids.
"""

import math
from typing import Any

import numpy as np

from vvnorm.solvers.array_kernels import ANY_ORDER, ZERO, clear, copy, part
from vvnorm.solvers.univariate.fits.kalman_smoother import backward, carry_labels, forward, sensitivity

WARM_UP = 8
"""Steps mu <- mu ||z|| / lam before the first Newton step."""
LOOSE = 1e6
"""Initial multiplier, in units of 1 / alpha, where alpha is the stiffness of the data at the knot against a slope jump."""
_FREE, _BOLD, _BACK, _PLAIN = np.arange(4)  # kinds of points at which `newton_solve` solves; no literals: see `ZERO`
_RIDGE = 1e-12  # knots without data between them make the Hessian singular
_CLOSE = 0.5  # distance of a knot to one neighbour, relative to its distance to the other
PIVOTS = 60
"""Largest number of pivots; block pivoting takes 2 to 10. After more, its result is still a step that F judges."""


@part(fastmath=ANY_ORDER)
def _dot(u: Any, v: Any, start: int, stop: int) -> float:
    total = 0.0
    for t in range(start, stop):
        total += u[t] * v[t]
    return total


@part()
def cholesky(M: Any, start: int, end: int, stop: Any) -> None:
    """Overwrite rows start .. end - 1 of the lower triangle of M by those of its Cholesky factor; earlier rows are done.

    A pivot lost to rounding is made large. Once stop[0] is set, the remaining rows are not changed.
    """
    for i in range(start, end):
        if stop[0] != 0:
            return
        floor = 1e-15 * M[i, i]
        for j in range(i + 1):  # one call of `_dot`: each is compiled in again
            left = M[i, j] - _dot(M[i], M[j], 0, j)
            M[i, j] = left / M[j, j] if j < i else math.sqrt(left) if left > floor else 1e100


@part()
def substitute(M: Any, m: int, v: Any) -> None:
    """Overwrite v (m,) by the solution of L L' x = v."""
    for i in range(m):
        v[i] = (v[i] - _dot(M[i], v, 0, i)) / M[i, i]
    for i in range(m - 1, -1, -1):
        v[i] /= M[i, i]
        for j in range(i):
            v[j] -= M[i, j] * v[i]


@part()
def solve_nnqp(
    H: Any, b: Any, chosen: Any, v: Any, factor: Any, x: Any, place: Any, turn: Any, stop: Any
) -> None:  # fmt: skip
    """Set v to the minimiser of v'Hv / 2 - b'v over v >= 0, starting from the guess `chosen` of where v > 0.

    Block principal pivoting (Judice and Pires, Computers and Operations Research 21, 1994): all variables of wrong sign
    change sides at once; when that stops helping, only one of them does. The factor has the variables in the order in which
    they entered, so it stays valid up to the first variable that leaves. Scratch: factor (m + 2, m), x (m,), place (m,) of
    int, turn (m,) of bool. All arrays but b may be larger. Once stop[0] is set, v is meaningless.
    """
    m = len(b)
    fewest, patience, scale = m + 1, ZERO + 3, 0.0
    size = valid = ZERO
    for i in range(m):
        scale = max(scale, abs(b[i]))
        if chosen[i]:
            place[size] = i
            size += 1
    for _ in range(PIVOTS):
        for r in range(valid, size):
            for j in range(r + 1):
                factor[r, j] = H[place[r], place[j]]
        cholesky(factor, valid, size, stop)
        if stop[0] != 0:
            return
        clear(v)
        for r in range(size):
            x[r] = b[place[r]]
        substitute(factor, size, x)
        for r in range(size):
            v[place[r]] = x[r]
        wrong, last = ZERO, ZERO - 1
        for i in range(m):
            turn[i] = v[i] < 0.0 if chosen[i] else b[i] - _dot(H[i], v, 0, m) > 1e-10 * scale
            if turn[i]:
                wrong += 1
                last = i
        if wrong == 0:
            return
        if wrong < fewest:
            fewest, patience = wrong, 3
        else:
            patience -= 1
        stay, valid = ZERO, size
        for r in range(size):
            i = place[r]
            if turn[i] and (patience >= 0 or i == last):
                chosen[i] = False
                valid = min(valid, r)
            else:
                place[stay] = i
                stay += 1
        size = stay
        for i in range(m):
            if turn[i] and v[i] >= 0.0 and (patience >= 0 or i == last):
                chosen[i] = True
                place[size] = i
                size += 1
    for i in range(m):
        v[i] = max(v[i], 0.0)


@part()
def evaluate(segments: Any, labels: Any, offsets: Any, mu: Any, work: Any, z: Any, values: Any, first: Any) -> float:
    """Solve the inner minimum for multipliers mu: set z, values and `first`; return the misfit plus sum ||d||^2 / mu."""
    h, n, centroid, sxx = segments
    info, carry, weights, m1, m0, rows = work
    total = 0.0
    for g in range(len(offsets) - 1):
        low, high = offsets[g], offsets[g + 1]
        forward(h, n[g], centroid[g], sxx[g], mu, info[g], carry[g], weights, rows)
        total += carry_labels(weights[: len(h)], labels[0], labels[1], low, high, m1, m0)
        backward(h, mu, info[g], m1, m0, low, high, z, values, first)
    return total


@part()
def gap_of(misfit: float, residual_floor: float, lam: float, mu: Any, z: Any, norms: Any) -> float:
    """Return the duality gap at these multipliers; set the norms of z."""
    largest, penalty, paid = 0.0, 0.0, 0.0
    for i in range(len(mu)):
        norms[i] = math.sqrt(_dot(z[i], z[i], 0, z.shape[1]))
        largest = max(largest, norms[i])
        penalty += mu[i] * norms[i]
        paid += mu[i] * norms[i] * norms[i]
    theta = min(1.0, lam / largest) if largest > 0.0 else 1.0
    square = misfit - paid + residual_floor
    short = 1.0 - theta
    return 0.5 * short * short * square + lam * penalty - theta * paid


@part(fastmath=ANY_ORDER)
def _add_products(z: Any, used: Any, low: int, high: int, A: Any, afresh: bool, H: Any) -> None:
    """Add A_ij <z_i, z_j> over outputs low .. high - 1 to the lower triangle of H (m, m), or set it to that.

    Four products at a time take half as long as one by one. Near the diagonal some of the four are the same.
    """
    for i in range(len(used)):
        for j in range(0, i + 1, 4):
            j1, j2, j3 = min(j + 1, i), min(j + 2, i), min(j + 3, i)
            u, a, b, c, d = z[used[i]], z[used[j]], z[used[j1]], z[used[j2]], z[used[j3]]
            s, s1, s2, s3 = 0.0, 0.0, 0.0, 0.0
            for t in range(low, high):
                s += u[t] * a[t]
                s1 += u[t] * b[t]
                s2 += u[t] * c[t]
                s3 += u[t] * d[t]
            s, s1, s2, s3 = s * A[i, j], s1 * A[i, j1], s2 * A[i, j2], s3 * A[i, j3]
            if not afresh:
                s, s1, s2, s3 = s + H[i, j], s1 + H[i, j1], s2 + H[i, j2], s3 + H[i, j3]
            H[i, j], H[i, j1], H[i, j2], H[i, j3] = s, s1, s2, s3


@part()
def _hessian(segments: Any, offsets: Any, mu: Any, work: Any, z: Any, used: Any, seen: Any, A: Any, H: Any) -> None:
    """Set H (m, m) to the Hessian of F in the multipliers of the knots `used`; scratch: seen (m + 2, m), A (m, m).

    All arrays but `used` may be larger.
    """
    h, info, carry = segments[0], work[0], work[1]
    for g in range(len(offsets) - 1):
        sensitivity(h, mu, info[g], carry[g], used, seen, A)
        _add_products(z, used, offsets[g], offsets[g + 1], A, g == 0, H)
    for i in range(len(used)):
        H[i, i] *= 1.0 + _RIDGE
        for j in range(i):
            H[j, i] = H[i, j]


@part()
def _replace_neighbours(h: Any, mu: Any, used: Any, chosen: Any) -> None:
    """Guess that a new knot close to another knot replaces it."""
    for j in range(len(used)):
        i = used[j]
        if mu[i] == 0.0:
            near = -1 if h[i - 1] < h[i] else 1
            if mu[i + near] > 0.0 and min(h[i - 1], h[i]) < _CLOSE * max(h[i - 1], h[i]):
                chosen[j], chosen[j + near] = True, False


@part()
def _start_loosely(info: Any, groups: int, mu: Any) -> None:
    """Set the multipliers (k,) of inner knots to `LOOSE` / alpha; `info` is that of the smoother for multipliers of 0."""
    for i in range(1, len(mu) - 1):
        stiffness = 0.0
        for g in range(groups):
            stiffness = max(stiffness, info[g, i, 0])
        # Left of a knot there may be no data; no output needs a kink there.
        mu[i] = LOOSE / stiffness if stiffness > 0.0 else 0.0


@part()
def _candidates(mu: Any, norms: Any, lam: float, used: Any, chosen: Any) -> int:
    """Set `used` to the inner knots whose multiplier is or should be positive, `chosen` to whether it is; count them."""
    m = ZERO
    for i in range(1, len(mu) - 1):
        if mu[i] > 0.0 or norms[i] > lam:
            used[m], chosen[m] = i, mu[i] > 0.0
            m += 1
    return m


@part()
def _right_hand_side(H: Any, mu: Any, norms: Any, lam: float, used: Any, bold: bool, b: Any) -> None:
    """Set b so that the quadratic model at mu is v'Hv / 2 - b'v over the multipliers v of the knots `used`."""
    for j in range(len(used)):
        size = norms[used[j]]
        b[j] = size * size * (size / lam - 1.0) if bold and size > lam else 0.5 * (size * size - lam * lam)
        for other in range(len(used)):
            b[j] += H[j, other] * mu[used[other]]


@part()
def _step_towards(mu: Any, v: Any, used: Any, length: float, trial: Any) -> None:
    """Set the multipliers `trial` of the knots `used` to mu, moved by a part `length` of the way to v."""
    for j in range(len(used)):
        trial[used[j]] = mu[used[j]] + length * (v[j] - mu[used[j]])


@part()
def _penalised(misfit: float, lam: float, mu: Any) -> float:
    """Return misfit + lam^2 sum of mu, which Newton's method minimises."""
    for i in range(len(mu)):
        misfit += lam * lam * mu[i]
    return misfit


@part()
def newton_solve(
    segments: Any,
    labels: Any,
    offsets: Any,
    lam: float,
    residual_floor: float,
    target_gap: float,
    limit: int,
    mu: Any,
    z: Any,
    values: Any,
    first: Any,
    workspace: Any,
) -> tuple[int, float]:
    """Solve the problem on given knots.

    Parameters
    ----------
    segments : tuple of arrays
        Lengths (k - 1,); weights, centroids (from the left end) and second moments, each (G, k - 1), one row for every
        group of outputs that share their weights.
    labels : tuple of two (k - 1, T) arrays
        Mean label of each segment, and least-squares slope inside it.
    offsets : (G + 1,) array
        Group g has the outputs offsets[g] .. offsets[g + 1] - 1.
    lam : float
        Strength of the penalty.
    residual_floor : float
        Misfit that no function linear on the segments, continuous or not, can avoid.
    target_gap : float
        Duality gap at which to stop.
    limit : int
        Largest number of steps; 0 for more knots than `max_dense_knots`.
    mu : (k,) array
        Start, and result: multipliers; zero at both ends.
    z, values : (k, T) arrays, or larger ones, first : (2, T) array
        Set to the dual variables, to the function's values, and to its value and slope at the first knot.
    workspace : tuple
        What `make_workspace` returns, for k knots or more. Its last array holds one number: once this is not 0, the
        function returns with the state of the last step and its gap.

    Returns
    -------
    int, float : number of steps; duality gap of the problem on these knots.
    """
    work, vectors, squares, places, marks, stop = workspace
    k = len(mu)
    norms, trial, x, b, v = vectors[0], vectors[1, :k], vectors[2], vectors[3], vectors[4]
    H, A, factor, used, place, chosen, turn = squares[0], squares[1], squares[2], places[0], places[1], marks[0], marks[1]
    copy(mu, trial)
    m, step, warm, length, before, gap = ZERO, ZERO, ZERO - 1, 1.0, np.inf, np.inf
    kind = _FREE
    # One loop with one solve in it: every call of a kernel is compiled in again.
    while True:
        misfit = evaluate(segments, labels, offsets, trial, work, z, values, first)
        total = _penalised(misfit, lam, trial)
        if total > before * (1.0 + 1e-12):
            if kind == _BOLD:  # back to the point of its sensitivities, for a plain step
                copy(mu, trial)
                kind = _BACK
                continue
            if kind == _PLAIN and length > 1e-3:
                length *= 0.5
                _step_towards(mu, v, used[:m], length, trial)
                continue
        if kind != _BACK:
            copy(trial, mu)
            gap = gap_of(misfit, residual_floor, lam, mu, z, norms)
            if warm > 0:
                warm -= 1
                for i in range(k):
                    trial[i] *= norms[i] / lam
                continue
            if gap <= target_gap or step == limit or stop[0] != 0:
                return step, gap
            if warm < 0 and total == misfit:
                warm = WARM_UP
                _start_loosely(work[0], len(offsets) - 1, trial)
                continue
            warm, before = 0, total
            step += 1
            m = _candidates(mu, norms, lam, used, chosen)
            if step == 1:
                _replace_neighbours(segments[0], mu, used[:m], chosen)
            _hessian(segments, offsets, mu, work, z, used[:m], factor, A, H)
        elif stop[0] != 0:  # the state is that of the last multipliers again
            return step, gap
        kind, length = _PLAIN if kind == _BACK else _BOLD, 1.0
        _right_hand_side(H, mu, norms, lam, used[:m], kind == _BOLD, b)
        solve_nnqp(H, b[:m], chosen, v, factor, x, place, turn, stop)
        for j in range(m):  # the whole step, without rounding
            trial[used[j]] = v[j]
        if stop[0] != 0:
            copy(mu, trial)
            kind = _BACK


def max_dense_knots(outputs: int) -> int:
    """Return the largest number of knots for `newton_solve`; for more, `fits.newton_banded` is faster and smaller."""
    return 300 + 150 * outputs


def make_workspace(k: int, outputs: int, groups: int, dense: int, stop: Any = None) -> tuple[Any, ...]:
    """Return arrays for `newton_solve` to work in: k knots, outputs in groups that share their weights.

    Newton steps are possible for up to `dense` knots. `stop`, (1,) of int64, ends them once it is not 0
    (`vvnorm._internal.deadline`).
    """
    stop = np.zeros(1, np.int64) if stop is None else stop
    dense = min(k, dense)
    # info, carry, weights, m1, m0 and rows of the smoother
    work = (
        np.empty((groups, k, 3)),
        np.empty((groups, k - 1, 4)),
        np.empty((k - 1, 4, 4)),
        np.empty((k, outputs)),
        np.empty((k, outputs)),
        np.empty((4, 6)),
    )
    squares = np.empty((3, dense + 2, dense))
    return work, np.empty((5, k)), squares, np.empty((2, k), np.int64), np.empty((2, k), np.bool_), stop
