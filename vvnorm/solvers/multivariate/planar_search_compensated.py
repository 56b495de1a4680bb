"""The search of `planar_search` in compensated arithmetic, for points that are too close for plain sums.

Two points at distance h may have entries of size 1 / h and opposite sign in a dual array. While only one of the two is
active, the matrix C of an arc is as large as 1 / h; once both are, they nearly cancel. So C is kept here as a sum of exact
products with a remainder (Dekker 1971), in twice the digits, and C C' is recomputed on each arc. At the end of an arc the
kink passes through a point p_j, so that w is orthogonal to p_j. The product of w with the large part of C, which is
parallel to p_j, must vanish: it is computed in twice the digits as well.

Sources: T. J. Dekker, "A floating-point technique for extending the available precision", Numerische Mathematik 18, 1971;
D. E. Knuth, "The Art of Computer Programming", volume 2, 3rd edition, 1997, Section 4.2.2.
"""

import math
from typing import Any

import numpy as np

from vvnorm._internal.jit import inner, kernel

_SPLIT = 134217729.0  # 2^27 + 1: cuts a number into two of 26 bits (Dekker 1971)


@kernel()
def around(
    X: Any, L: Any, antipodal: bool, first: int, last: int, angle: Any, order: Any, count: Any,
    values: Any, directions: Any, through: Any,
) -> None:  # fmt: skip
    """Do what `planar_search.around` does."""
    N = len(X)
    P, rest = np.empty((N, 2)), np.empty((N, 2))
    value, peak, other = np.empty(4 * N + 4), np.empty(4 * N + 4), np.empty(4 * N + 4, np.int64)
    for i in range(first, last):
        for j in range(N):
            for c in range(2):
                P[j, c], rest[j, c] = sum_of(X[j, c], -X[i, c])
        best = rise(P, rest, L, antipodal, angle[i], order[i], count[i], True, value, peak, other) - 1
        values[i], through[i] = value[best], other[best]
        directions[i, 0], directions[i, 1] = math.cos(peak[best]), math.sin(peak[best])


@inner()
def rise(
    P: Any, rest: Any, L: Any, antipodal: bool, angle: Any, order: Any, count: int, rising: bool,
    values: Any, angles: Any, through: Any,
) -> int:  # fmt: skip
    """Do what `planar_search.rise` does, for vectors P + rest."""
    n_maxima, best = 0, -1.0
    C = np.empty((4, L.shape[1]))  # rows of C, then of its remainder
    for side in range(1 if antipodal else 2):
        turn = math.pi * side
        for t in range(C.shape[1]):
            C[0, t], C[1, t], C[2, t], C[3, t] = 0.0, 0.0, 0.0, 0.0
        for k in range(count):
            if _active(P[order[k], 0], P[order[k], 1], side):
                _add(C, P, rest, L, order[k], 1.0)
        low = 0.0
        for k in range(count + 1):
            high = angle[k] if k < count else math.pi
            xx, xy, yy = _grams(C)
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
                if k == 0 and xx > best:
                    values[n_maxima], angles[n_maxima], through[n_maxima] = math.sqrt(xx), turn, -1
                    n_maxima += 1
                    best = xx if rising else best
                square = _square_at(C, P, rest, order[k]) if k < count else xx
                if square > best:
                    values[n_maxima], angles[n_maxima] = math.sqrt(square), high + turn
                    through[n_maxima] = order[k] if k < count else -1
                    n_maxima += 1
                    best = square if rising else best
            if k < count:
                on = _active(P[order[k], 0], P[order[k], 1], side)
                _add(C, P, rest, L, order[k], -1.0 if on else 1.0)
            low = high
    return n_maxima


@inner()
def _active(x: float, y: float, side: int) -> bool:
    """Whether a neuron with direction just after angle 0 (or pi) is active at (x, y)."""
    positive = x > 0.0 or (x == 0.0 and y > 0.0)
    return positive if side == 0 else not positive


@inner()
def sum_of(a: float, b: float) -> tuple[float, float]:
    """Return a + b, rounded, and the rounding error (Knuth 1997)."""
    s = a + b
    c = s - a
    return s, (a - (s - c)) + (b - c)


@inner()
def product(a: float, b: float) -> tuple[float, float]:
    """Return a b, rounded, and the rounding error (Dekker 1971)."""
    p, s, t = a * b, _SPLIT * a, _SPLIT * b
    s, t = s - (s - a), t - (t - b)
    u, v = a - s, b - t
    return p, ((s * t - p) + s * v + u * t) + u * v


@inner()
def _add(C: Any, P: Any, rest: Any, L: Any, j: int, sign: float) -> None:
    """Switch the point j on or off."""
    for c in range(2):
        x, left = sign * P[j, c], sign * rest[j, c]
        for t in range(L.shape[1]):
            p, lost = product(x, L[j, t])
            C[c, t], more = sum_of(C[c, t], p)
            C[2 + c, t] += more + (lost + left * L[j, t])


@inner()
def _grams(C: Any) -> tuple[float, float, float]:
    """Entries xx, xy, yy of C C'."""
    xx, xy, yy = 0.0, 0.0, 0.0
    for t in range(C.shape[1]):
        x, y = C[0, t] + C[2, t], C[1, t] + C[3, t]
        xx += x * x
        xy += x * y
        yy += y * y
    return xx, xy, yy


@inner()
def _square_at(C: Any, P: Any, rest: Any, j: int) -> float:
    """Return ||w C||^2 for the unit vector w orthogonal to the point j."""
    x, y, total = P[j, 0], P[j, 1], 0.0
    for t in range(C.shape[1]):
        a, b = product(y, C[0, t])
        c, d = product(-x, C[1, t])
        s, e = sum_of(a, c)
        s += e + (b + d + (y * C[2, t] - x * C[3, t]) + (rest[j, 1] * C[0, t] - rest[j, 0] * C[1, t]))
        total += s * s
    return total / (x * x + y * y)
