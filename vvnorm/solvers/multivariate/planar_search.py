"""Exact search for the neurons with the largest responses to a dual array, for points in the plane.

Let p_j be the other points seen from a base point. The lines w.p_j = 0 cut the circle of directions w into arcs. On an arc
the response sum_j Lambda_j relu(w.p_j) is C'w with one matrix C, and from arc to arc C changes by a product of two vectors.
So does C C', which has three entries and determines ||C'w||. The largest response on an arc is at the top eigenvector of
C C' or at an end of the arc. All base points together take O(N^2 (T + log N)).
"""

import math
from typing import Any

import numpy as np

from vvnorm._internal.jit import inner, kernel
from vvnorm._internal.sorting import argsort
from vvnorm.solvers.array_kernels import ZERO


@inner()
def switches(P: Any, angle: Any, order: Any) -> int:
    """Sort the angles in (0, pi] at which the vectors P (N, 2) switch: the directions orthogonal to them.

    Sets `angle` and `order` (the vectors' indices) and returns their number; vectors p = 0 are left out.
    """
    count = ZERO
    theta = np.empty(len(P))
    for j in range(len(P)):
        if P[j, 0] != 0.0 or P[j, 1] != 0.0:
            theta[count] = math.atan2(P[j, 0] + 0.0, -P[j, 1])
            if theta[count] <= 0.0:  # a switch at angle 0 is part of the state just after it
                theta[count] += math.pi
            order[count] = j
            count += 1
    sorting = argsort(theta[:count])
    rows = np.empty(count, np.int64)
    for k in range(count):
        rows[k] = order[k]
    for k in range(count):
        angle[k], order[k] = min(theta[sorting[k]], math.pi), rows[sorting[k]]
    return count


@kernel()
def prepare(X: Any, first: int, last: int, angle: Any, order: Any, count: Any) -> None:
    """Call `switches` for the vectors from each of the points first..last-1 of X (N, 2) to all points.

    The arrays are (N, N), (N, N) and (N,); rows of other points stay as they are.
    """
    P = np.empty((len(X), 2))
    for i in range(first, last):
        _differences(X, i, P)
        count[i] = switches(P, angle[i], order[i])


@kernel()
def around(
    X: Any, L: Any, antipodal: bool, first: int, last: int, angle: Any, order: Any, count: Any,
    values: Any, directions: Any, through: Any,
) -> None:  # fmt: skip
    """Find the neuron of largest response with its kink through each of the points first..last-1 of X (N, 2).

    L is (N, T); `angle`, `order` and `count` are those of `prepare`. Sets `values` (N,) to the response, `directions`
    (N, 2) to w, `through` (N,) to a second point on its kink or -1; rows of other points stay as they are. If `antipodal`,
    w and -w have the same response, and one of them is searched.
    """
    N = len(X)
    P = np.empty((N, 2))
    value, peak, other = np.empty(4 * N + 4), np.empty(4 * N + 4), np.empty(4 * N + 4, np.int64)
    for i in range(first, last):
        _differences(X, i, P)
        best = rise(P, L, antipodal, angle[i], order[i], count[i], True, value, peak, other) - 1
        values[i], through[i] = value[best], other[best]
        directions[i, 0], directions[i, 1] = math.cos(peak[best]), math.sin(peak[best])


@kernel()
def along(P: Any, L: Any, antipodal: bool, values: Any, directions: Any, through: Any) -> int:
    """Do the same for the vectors P (N, 2) themselves, with a neuron's argument w.p; return the number of local maxima.

    The arrays have room for 4 N + 4 of them: the best of each arc and of each of its ends.
    """
    angle, order = np.empty(len(P)), np.empty(len(P), np.int32)
    count = switches(P, angle, order)
    peak = np.empty(len(values))
    n_maxima = rise(P, L, antipodal, angle, order, count, False, values, peak, through)
    for k in range(n_maxima):
        directions[k, 0], directions[k, 1] = math.cos(peak[k]), math.sin(peak[k])
    return n_maxima


@inner()
def _differences(X: Any, i: int, P: Any) -> None:
    for j in range(len(X)):
        P[j, 0], P[j, 1] = X[j, 0] - X[i, 0], X[j, 1] - X[i, 1]


@inner()
def rise(
    P: Any, L: Any, antipodal: bool, angle: Any, order: Any, count: int, rising: bool,
    values: Any, angles: Any, through: Any,
) -> int:  # fmt: skip
    """List the maxima over the arcs and the responses at their ends; if `rising`, only those above all previous ones.

    Arcs whose largest eigenvalue is below the best value are then skipped.
    """
    n_maxima, best = ZERO, -1.0
    C = np.empty((2, L.shape[1]))
    for side in range(1 if antipodal else 2):
        turn = math.pi * side
        xx, xy, yy = _begin(P, L, side, C)
        low = 0.0
        for k in range(count + 1):
            high = angle[k] if k < count else math.pi
            half = 0.5 * (xx - yy)
            top = 0.5 * (xx + yy) + math.sqrt(half * half + xy * xy)
            if top > best:
                peak = 0.5 * math.atan2(2.0 * xy, xx - yy)
                if peak < 0.0:
                    peak += math.pi
                if low < peak < high:
                    values[n_maxima], angles[n_maxima], through[n_maxima] = math.sqrt(max(top, 0.0)), peak + turn, -1
                    n_maxima += 1
                    best = top if rising else best
                for end in range(2):
                    theta = low if end == 0 else high
                    if end == 0 and k > 0:  # the end of the previous arc
                        continue
                    x, y = math.cos(theta), math.sin(theta)
                    square = max(xx * x * x + 2.0 * xy * x * y + yy * y * y, 0.0)
                    if square > best:
                        values[n_maxima], angles[n_maxima] = math.sqrt(square), theta + turn
                        through[n_maxima] = order[k] if end == 1 and k < count else -1
                        n_maxima += 1
                        best = square if rising else best
            if k < count:
                xx, xy, yy = _cross(P, L, order[k], side, C, xx, xy, yy)
            low = high
    return n_maxima


@inner()
def _active(x: float, y: float, side: int) -> bool:
    """Whether a neuron with direction just after angle 0 (or pi) is active at (x, y)."""
    positive = x > 0.0 or (x == 0.0 and y > 0.0)
    return positive if side == 0 else not positive


@inner(fastmath={"reassoc", "contract"})
def _begin(P: Any, L: Any, side: int, C: Any) -> tuple[float, float, float]:
    """Set C (2, T) for directions just after angle 0 (or pi); return the entries xx, xy, yy of C C'."""
    for t in range(C.shape[1]):
        C[0, t], C[1, t] = 0.0, 0.0
    for j in range(len(P)):
        x, y = P[j, 0], P[j, 1]
        if (x != 0.0 or y != 0.0) and _active(x, y, side):
            for t in range(C.shape[1]):
                C[0, t] += x * L[j, t]
                C[1, t] += y * L[j, t]
    xx, xy, yy = 0.0, 0.0, 0.0
    for t in range(C.shape[1]):
        xx += C[0, t] * C[0, t]
        xy += C[0, t] * C[1, t]
        yy += C[1, t] * C[1, t]
    return xx, xy, yy


@inner(fastmath={"reassoc", "contract"}, inline="always")
def _cross(
    P: Any, L: Any, j: int, side: int, C: Any, xx: float, xy: float, yy: float
) -> tuple[float, float, float]:  # fmt: skip
    """Update C and C C' where the point j is switched on or off."""
    sign = -1.0 if _active(P[j, 0], P[j, 1], side) else 1.0
    x, y = sign * P[j, 0], sign * P[j, 1]
    along_x, along_y, square = 0.0, 0.0, 0.0
    for t in range(L.shape[1]):
        along_x += C[0, t] * L[j, t]
        along_y += C[1, t] * L[j, t]
        square += L[j, t] * L[j, t]
    for t in range(L.shape[1]):
        C[0, t] += x * L[j, t]
        C[1, t] += y * L[j, t]
    xx += x * (2.0 * along_x + square * x)
    xy += x * along_y + y * along_x + square * x * y
    yy += y * (2.0 * along_y + square * y)
    return xx, xy, yy
