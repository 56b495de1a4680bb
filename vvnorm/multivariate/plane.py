"""The neurons that respond most to a dual array, exactly, for points in the plane.

For a base point the lines w.p_j = 0 cut the circle of directions w into arcs, p_j being the other points seen from it. On
an arc the response sum_j Lambda_j relu(w.p_j) is C'w with one matrix C, and C changes by a product of two vectors from
arc to arc. So is C C', of which ||C'w|| needs no more than three entries, and the largest response on the arc is at its
top eigenvector or at an end. All base points together take O(N^2 (T + log N)).
"""

import math
from typing import Any

import numba
import numpy as np


@numba.njit(cache=True, error_model="numpy")
def around(X: Any, L: Any, symmetric: bool, values: Any, directions: Any, through: Any) -> None:
    """Find the neuron of largest response with its kink through each of the points X (N, 2); L is (N, T).

    Sets `values` (N,) to the response, `directions` (N, 2) to w, `through` (N,) to a second point on its kink or -1.
    If `symmetric`, w and -w respond alike and one of them is looked at.
    """
    N = len(X)
    P = np.empty((N, 2))
    value, angle, other = np.empty(4 * N + 4), np.empty(4 * N + 4), np.empty(4 * N + 4, np.int64)
    for i in range(N):
        for j in range(N):
            P[j, 0], P[j, 1] = X[j, 0] - X[i, 0], X[j, 1] - X[i, 1]
        count = _sweep(P, L, symmetric, value, angle, other)
        best = 0
        for k in range(1, count):
            if value[k] > value[best]:
                best = k
        values[i], through[i] = value[best], other[best]
        directions[i, 0], directions[i, 1] = math.cos(angle[best]), math.sin(angle[best])


@numba.njit(cache=True, error_model="numpy")
def along(P: Any, L: Any, symmetric: bool, values: Any, directions: Any, through: Any) -> int:
    """Do the same for vectors P (N, 2) as they are, w.p being a neuron's argument; return the number of local maxima.

    The arrays have room for 4 N + 4 of them: the best of each arc and of each of its ends.
    """
    angle = np.empty(len(values))
    count = _sweep(P, L, symmetric, values, angle, through)
    for k in range(count):
        directions[k, 0], directions[k, 1] = math.cos(angle[k]), math.sin(angle[k])
    return count


@numba.njit(cache=True, error_model="numpy")
def _sweep(P: Any, L: Any, symmetric: bool, values: Any, angles: Any, through: Any) -> int:
    """List the maxima over the arcs and the responses at their ends; vectors p = 0 take no part."""
    N, T = L.shape
    switch, rows, count = np.empty(N), np.empty(N, np.int64), 0
    for j in range(N):
        if P[j, 0] != 0.0 or P[j, 1] != 0.0:
            # The angle of a right angle to p_j, above 0 and up to pi: what switches at 0 has done so just after it.
            theta = math.atan2(P[j, 0] + 0.0, -P[j, 1])
            if theta <= 0.0:
                theta += math.pi
            switch[count], rows[count] = min(theta, math.pi), j
            count += 1
    order = np.argsort(switch[:count])
    found = 0
    C = np.empty((2, T))
    for side in range(1 if symmetric else 2):
        turn = math.pi * side
        xx, xy, yy = _begin(P, L, side, C)
        low = 0.0
        for k in range(count + 1):
            high = switch[order[k]] if k < count else math.pi
            peak = 0.5 * math.atan2(2.0 * xy, xx - yy)
            if peak < 0.0:
                peak += math.pi
            if low < peak < high:
                square = 0.5 * (xx + yy) + math.hypot(0.5 * (xx - yy), xy)
                values[found], angles[found], through[found] = math.sqrt(square), peak + turn, -1
                found += 1
            if k == 0 or k == count:
                values[found], through[found] = math.sqrt(max(xx, 0.0)), -1
                angles[found] = turn if k == 0 else math.pi + turn
                found += 1
            if k < count:
                j = rows[order[k]]
                x, y = math.cos(high), math.sin(high)
                square = xx * x * x + 2.0 * xy * x * y + yy * y * y
                values[found], angles[found], through[found] = math.sqrt(max(square, 0.0)), high + turn, j
                found += 1
                xx, xy, yy = _cross(P[j], L[j], side, C, xx, xy, yy)
            low = high
    return found


@numba.njit(cache=True, error_model="numpy")
def _active(p: Any, side: int) -> bool:
    """Whether a neuron with direction just after angle 0 (or pi) is active at p."""
    positive = p[0] > 0.0 or (p[0] == 0.0 and p[1] > 0.0)
    return positive if side == 0 else not positive


@numba.njit(cache=True, error_model="numpy", fastmath={"reassoc", "contract"})
def _begin(P: Any, L: Any, side: int, C: Any) -> tuple[float, float, float]:
    """Set C (2, T) for directions just after angle 0 (or pi); return the entries xx, xy, yy of C C'."""
    C[:] = 0.0
    for j in range(len(P)):
        if (P[j, 0] != 0.0 or P[j, 1] != 0.0) and _active(P[j], side):
            for t in range(C.shape[1]):
                C[0, t] += P[j, 0] * L[j, t]
            for t in range(C.shape[1]):
                C[1, t] += P[j, 1] * L[j, t]
    xx, xy, yy = 0.0, 0.0, 0.0
    for t in range(C.shape[1]):
        xx += C[0, t] * C[0, t]
        xy += C[0, t] * C[1, t]
        yy += C[1, t] * C[1, t]
    return xx, xy, yy


@numba.njit(cache=True, error_model="numpy", fastmath={"reassoc", "contract"})
def _cross(p: Any, vector: Any, side: int, C: Any, xx: float, xy: float, yy: float) -> tuple[float, float, float]:
    """Update C and C C' where the point p is switched on or off."""
    sign = -1.0 if _active(p, side) else 1.0
    x, y = sign * p[0], sign * p[1]
    along_x, along_y, square = 0.0, 0.0, 0.0
    for t in range(len(vector)):
        along_x += C[0, t] * vector[t]
        along_y += C[1, t] * vector[t]
        square += vector[t] * vector[t]
    for t in range(len(vector)):
        C[0, t] += x * vector[t]
    for t in range(len(vector)):
        C[1, t] += y * vector[t]
    xx += x * (2.0 * along_x + square * x)
    xy += x * along_y + y * along_x + square * x * y
    yy += y * (2.0 * along_y + square * y)
    return xx, xy, yy
