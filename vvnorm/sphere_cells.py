"""The largest response of one neuron to a dual array for three inputs, cell by cell of the sphere of directions.

For one base point and vectors p_j in R^3 it is the maximum over ||w|| = 1 of ||sum_j L_j relu(w.p_j)||. The great circles
w.p_j = 0 cut the sphere into convex cells, and on the cone over each cell the vector is C w with one matrix C. So the
maximum lies on a great circle, or inside a cell, at the top right-singular vector of its C.

*On the great circles* it is what two inputs pose: w is orthogonal to p_j, so each p_k counts with its part orthogonal to
p_j only. Circles and base points come in pairs: w.p_j = 0 seen from x_i is the same circle as seen from x_j.

*Inside the cells.* It does not matter if the cells that are gone through include some that do not exist: the singular
vector must have the signs of its cell to count, and a value that counts is attained. It does not matter either if a cell is
missed whose maximum u lies within an angle h of a great circle: the quadratic |C w|^2 falls by a factor cos^2(h) at most on
the way to that circle, where all was looked at. Every other cell is met by a curve at height h over the circle nearest to
u, {w : w.p_j = sin(h) |p_j|}: above the foot of u on that circle, the curve is in the cell and at least h away from every
circle. So no sign that is used is in doubt by rounding, wherever the points lie and however many circles meet at one place.
"""

import math
from typing import Any, Final

import numba
import numpy as np

from vvnorm.neuron_bound import around, differences

HEIGHT: Final = 2.0**-20
"""Height h of the curves, an angle: far above rounding, while 1 / cos(h) - 1 is 5e-13."""

_PRUNING = 1e-7  # relative error of a top eigenvalue in closed form, far above its rounding where two nearly coincide
_TURNS = 12  # cycles of rotations: convergence is quadratic, five suffice


@numba.njit(cache=True, error_model="numpy")
def largest_response(X: Any, bases: Any, L: Any, mutual: bool, even: bool) -> float:
    """Bound the response over all directions and base points, from above but for rounding of its terms.

    Parameters
    ----------
    X : (N, 3) array; bases : (M, 3) array; L : (N, T) array
        Points, base points, and the vectors of the points.
    mutual : bool
        Whether the base points are the points.
    even : bool
        Whether w and -w need not be told apart.

    Returns
    -------
    float
        Too small by at most 2N + 32 roundings of sum_j ||L_j|| ||x_j - base||; too large by h^2.
    """
    P, lengths, Q = np.empty(X.shape), np.empty(len(X)), np.empty((len(X), 2))
    frame, best = np.empty((3, 3)), 0.0
    for i in range(len(bases)):
        differences(X, bases[i], P, lengths)
        for j in range(i + 1 if mutual else 0, len(X)):
            if lengths[j] > 0.0:
                _set_frame(P[j], lengths[j], frame)
                for k in range(len(X)):
                    Q[k, 0], Q[k, 1] = _dot3(frame[0], P[k]), _dot3(frame[1], P[k])
                best = max(best, around(Q, L, even))
    for i in range(len(bases)):
        differences(X, bases[i], P, lengths)
        for j in range(len(X)):
            if lengths[j] > 0.0:
                _set_frame(P[j], lengths[j], frame)
                best = max(best, _above(P, L, frame, even, best))
    return best * (1.0 + HEIGHT * HEIGHT)


@numba.njit(cache=True, error_model="numpy")
def _dot3(u: Any, v: Any) -> float:
    return u[0] * v[0] + u[1] * v[1] + u[2] * v[2]


@numba.njit(cache=True, error_model="numpy")
def _set_frame(p: Any, length: float, frame: Any) -> None:
    """Set the rows of `frame` to an orthonormal basis, the last along p."""
    n = frame[2]
    for k in range(3):
        n[k] = p[k] / length
    least = np.argmin(np.abs(n))
    a, b = (least + 1) % 3, (least + 2) % 3
    size = math.hypot(n[a], n[b])
    frame[0, least], frame[0, a], frame[0, b] = 0.0, -n[b] / size, n[a] / size
    for k in range(3):
        following, last = (k + 1) % 3, (k + 2) % 3
        frame[1, k] = n[following] * frame[0, last] - n[last] * frame[0, following]


@numba.njit(cache=True, error_model="numpy")
def _above(P: Any, L: Any, frame: Any, even: bool, best: float) -> float:
    """Largest response inside the cells at height h over a great circle, and inside those opposite to them.

    The curve is w(t) = cos(h) (cos(t) e1 + sin(t) e2) + sin(h) n, with e1, e2, n the rows of `frame`; on it w.p_k is
    a cos(t - phi) + c, positive where |t - phi| < acos(-c / a).
    """
    N, T = L.shape
    at, row, count = np.empty(2 * N), np.empty(2 * N, np.int64), 0
    active = np.empty(N, np.bool_)
    here, there = np.zeros((3, T)), np.zeros((3, T))
    for k in range(N):
        x, y, c = _dot3(frame[0], P[k]), _dot3(frame[1], P[k]), math.sin(HEIGHT) * _dot3(frame[2], P[k])
        a = math.cos(HEIGHT) * math.hypot(x, y)
        active[k] = c > 0.0
        if abs(c) < a and abs(c / a) < 1.0:
            phi, half = math.atan2(y, x), math.acos(-c / a)
            for turn in (-half, half):
                t = phi + turn
                at[count] = t + 2.0 * math.pi if t < -math.pi else (t - 2.0 * math.pi if t >= math.pi else t)
                row[count] = k
                count += 1
            active[k] = at[count - 1] < at[count - 2]  # at t = -pi, if it goes off before it goes on
        if active[k] or not even:
            _add3(here if active[k] else there, L[k], P[k], 1.0)
    order = np.argsort(at[:count])
    best = _inside(P, active, here, there, even, best)
    for place in order:
        k = row[place]
        sign = -1.0 if active[k] else 1.0
        _add3(here, L[k], P[k], sign)
        if not even:
            _add3(there, L[k], P[k], -sign)
        active[k] = not active[k]
        best = _inside(P, active, here, there, even, best)
    return best


@numba.njit(cache=True, error_model="numpy")
def _add3(C: Any, vector: Any, p: Any, sign: float) -> None:
    for k in range(3):
        factor = sign * p[k]
        for t in range(len(vector)):
            C[k, t] += factor * vector[t]


@numba.njit(cache=True, error_model="numpy")
def _inside(P: Any, active: Any, here: Any, there: Any, even: bool, best: float) -> float:
    """Raise `best` to the maximum of a cell, and of the one opposite, if it is larger and inside."""
    G, w = np.empty((3, 3)), np.empty(3)
    for side in range(1 if even else 2):
        _gram(here if side == 0 else there, G)
        if _exceeds(G, best * best):
            top = _top_eigenvector(G, w)
            if top > best * best and _belongs(P, active, w):
                best = math.sqrt(top)
    return best


@numba.njit(cache=True, fastmath={"reassoc"})
def _gram(C: Any, G: Any) -> None:
    """Set G to C C'."""
    for k in range(3):
        for m in range(k + 1):
            total = 0.0
            for t in range(C.shape[1]):
                total += C[k, t] * C[m, t]
            G[k, m] = G[m, k] = total


@numba.njit(cache=True, error_model="numpy")
def _exceeds(G: Any, level: float) -> bool:
    """Whether the largest eigenvalue of G may exceed a level; by the closed form, rounded up."""
    trace = G[0, 0] + G[1, 1] + G[2, 2]
    if trace <= level:
        return False
    q = trace / 3.0
    x, y, z = G[0, 0] - q, G[1, 1] - q, G[2, 2] - q
    a, b, c = G[0, 1], G[0, 2], G[1, 2]
    p = math.sqrt((x * x + y * y + z * z + 2.0 * (a * a + b * b + c * c)) / 6.0)
    if p <= _PRUNING * q:
        return True
    r = (x * (y * z - c * c) - a * (a * z - c * b) + b * (a * c - y * b)) / (2.0 * p * p * p)
    return q + 2.0 * p * math.cos(math.acos(min(max(r, -1.0), 1.0)) / 3.0) > level - _PRUNING * trace


@numba.njit(cache=True, error_model="numpy")
def _top_eigenvector(G: Any, w: Any) -> float:
    """Largest eigenvalue of a symmetric 3 x 3 matrix, and a unit eigenvector, by Jacobi rotations; G is destroyed."""
    V = np.eye(3)
    for _ in range(_TURNS):
        if G[0, 1] == 0.0 and G[0, 2] == 0.0 and G[1, 2] == 0.0:
            break
        for k in range(3):
            p, q = (0, 1) if k == 0 else ((0, 2) if k == 1 else (1, 2))
            if abs(G[p, q]) <= 1e-20 * math.sqrt(abs(G[p, p] * G[q, q])):
                G[p, q] = G[q, p] = 0.0
                continue
            ratio = (G[q, q] - G[p, p]) / (2.0 * G[p, q])
            tangent = math.copysign(1.0, ratio) / (abs(ratio) + math.hypot(1.0, ratio))
            c = 1.0 / math.hypot(1.0, tangent)
            s = tangent * c
            for m in range(3):
                G[p, m], G[q, m] = c * G[p, m] - s * G[q, m], s * G[p, m] + c * G[q, m]
            for m in range(3):
                G[m, p], G[m, q] = c * G[m, p] - s * G[m, q], s * G[m, p] + c * G[m, q]
                V[m, p], V[m, q] = c * V[m, p] - s * V[m, q], s * V[m, p] + c * V[m, q]
    best = 0
    for k in range(1, 3):
        if G[k, k] > G[best, best]:
            best = k
    for m in range(3):
        w[m] = V[m, best]
    return G[best, best]


@numba.njit(cache=True, error_model="numpy")
def _belongs(P: Any, active: Any, w: Any) -> bool:
    """Whether w or -w lies in the closed cell in which exactly the `active` products are positive."""
    same, opposite = True, True
    for k in range(len(P)):
        s = _dot3(P[k], w)
        if s != 0.0:
            if (s > 0.0) == active[k]:
                opposite = False
            else:
                same = False
            if not (same or opposite):
                return False
    return True
