"""The largest response of one neuron in the plane where points are close to each other, in twice the digits.

Two points at a distance h may have vectors of size 1 / h in a dual array, in nearly opposite directions. Only the
difference of the vectors matters, but the rounding errors of `vvnorm.verifier.planar_response` grow with their size. This
module takes the same steps in numbers a + b, |b| <= EPS |a|, of twice the digits, wherever terms cancel:

- Differences of points are exact: the rounded difference and its rounding error (Knuth 1997).
- The order in which points are switched is that of exact angles: sorted in float64, and neighbours then exchanged by the
  sign of their cross product, which is known to 16 EPS^2 of their sizes. If this does not decide the order of two points,
  they lie on one line through the base point up to that error.
- C is a sum of products with remainders (Dekker 1971). Each of up to 2N terms that are added rounds by 4 EPS^2 of the sum
  of all their sizes at most.
- At the end of an arc w is at a right angle to a point q of the data, and w C is made from C and q before it is rounded.

On an arc ||w C||^2 = a + r cos 2 (t - peak), so it is largest at an end unless the peak is on the arc. C, rounded, yields
a, r and peak up to 4 EPS a, 4 EPS a and D = 4 EPS a / r. If the peak is off by more than the allowed 1e-14, r < a / 10.
Then the loss is at most 2 r D^2 and at most 2 r, so at most 8 EPS a, while the value at an end is at least 0.9 a.

So the result, times 1 + (T + 16) EPS, is too small by (8N + 64) EPS^2 sum_j ||Lambda_j|| ||x_j - x_i|| at most.

Sources: D. E. Knuth, "The Art of Computer Programming", volume 2, 3rd edition, 1997, Section 4.2.2; T. J. Dekker, "A
floating-point technique for extending the available precision", Numerische Mathematik 18, 1971.
"""

import math
from typing import Any

import numpy as np

from vvnorm._internal.jit import inner, kernel
from vvnorm._internal.sorting import argsort
from vvnorm.verifier.double_double import two_product, two_sum


@kernel()
def largest_response(X: Any, bases: Any, L: Any) -> float:
    """Return the largest response over all base points (M, 2) and all directions; X (N, 2), L (N, T)."""
    P, R, best = np.empty(X.shape), np.empty(X.shape), 0.0
    for i in range(len(bases)):
        for j in range(len(X)):
            for c in range(2):
                P[j, c], R[j, c] = two_sum(X[j, c], -bases[i, c])
        best = max(best, _max_response_on_circle(P, R, L))
    return best


@inner()
def _max_response_on_circle(P: Any, R: Any, L: Any) -> float:
    """Largest ||sum_j L_j relu(w.(P_j + R_j))|| over the circle of directions w."""
    (N, T), count = L.shape, 0
    rows, theta = np.empty(N, np.int64), np.empty(N)
    here, there = np.zeros((4, T)), np.zeros((4, T))  # C and its remainder for w, and minus those for -w
    for j in range(N):
        x, y = P[j, 0], P[j, 1]
        if x == 0.0 and y == 0.0:
            continue
        # Vectors that are not active just before the angle 0 are negated: then all switch at angles in [0, pi).
        active = x > 0.0 or (x == 0.0 and y < 0.0)
        _add(here if active else there, P, R, L, j, 1.0)
        if not active:
            for c in range(2):
                P[j, c], R[j, c] = -P[j, c], -R[j, c]
        rows[count], theta[count] = j, math.atan2(P[j, 1], P[j, 0]) + 0.5 * math.pi
        count += 1
    order = argsort(theta[:count])
    _settle(order, rows, P, R)
    best, low = 0.0, 0.0
    for k in range(count + 1):
        j = rows[order[k]] if k < count else -1
        high = theta[order[k]] if k < count else math.pi
        best = max(best, _largest_on_arc(here, low, high, P, R, j), _largest_on_arc(there, low, high, P, R, j))
        if k < count:
            # The vector switches off for w and on for -w, or the other way round; in both cases the negated vector is
            # subtracted for w and added for -w.
            _add(here, P, R, L, j, -1.0)
            _add(there, P, R, L, j, 1.0)
        low = high
    return best


@inner()
def _settle(order: Any, rows: Any, P: Any, R: Any) -> None:
    """Sort rows that are nearly sorted by angle, by the signs of cross products."""
    for k in range(1, len(order)):
        m = k
        while m > 0 and _cross(P, R, rows[order[m]], rows[order[m - 1]]) > 0.0:
            order[m], order[m - 1] = order[m - 1], order[m]
            m -= 1


@inner()
def _cross(P: Any, R: Any, i: int, j: int) -> float:
    """Cross product of two points."""
    a, b = two_product(P[i, 0], P[j, 1])
    c, d = two_product(-P[i, 1], P[j, 0])
    s, e = two_sum(a, c)
    more = P[i, 0] * R[j, 1] - P[i, 1] * R[j, 0] + (R[i, 0] * P[j, 1] - R[i, 1] * P[j, 0])
    return s + (e + (b + d + more))


@inner()
def _add(C: Any, P: Any, R: Any, L: Any, j: int, sign: float) -> None:
    for c in range(2):
        x, rest = sign * P[j, c], sign * R[j, c]
        for t in range(L.shape[1]):
            p, lost = two_product(x, L[j, t])
            s, more = two_sum(C[c, t], p)
            C[c, t], C[2 + c, t] = two_sum(s, C[2 + c, t] + (more + (lost + rest * L[j, t])))


@inner()
def _largest_on_arc(C: Any, low: float, high: float, P: Any, R: Any, j: int) -> float:
    """Largest ||w C|| over the arc of angles [low, high], its lower end apart; at the other w is at a right angle to j."""
    xx, xy, yy, square = 0.0, 0.0, 0.0, 0.0
    for t in range(C.shape[1]):
        x, y = C[0, t] + C[2, t], C[1, t] + C[3, t]
        xx += x * x
        xy += x * y
        yy += y * y
        if j >= 0:
            a, b = two_product(P[j, 1], C[0, t])
            c, d = two_product(-P[j, 0], C[1, t])
            s, e = two_sum(a, c)
            more = P[j, 1] * C[2, t] - P[j, 0] * C[3, t] + (R[j, 1] * C[0, t] - R[j, 0] * C[1, t])
            s += e + (b + d + more)
            square += s * s
    square = xx if j < 0 else square / (P[j, 0] * P[j, 0] + P[j, 1] * P[j, 1])
    peak = 0.5 * math.atan2(2.0 * xy, xx - yy)
    for turn in (-math.pi, 0.0, math.pi):
        if low - 1e-14 <= peak + turn <= high + 1e-14:
            return math.sqrt(max(square, 0.5 * (xx + yy) + math.hypot(0.5 * (xx - yy), xy)))
    return math.sqrt(square)
