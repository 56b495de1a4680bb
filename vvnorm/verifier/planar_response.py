"""The largest response of one neuron in the plane: exact, up to rounding.

For one base point and vectors p_j in the plane it is the maximum over ||w|| = 1 of ||sum_j L_j relu(w.p_j)||. The lines
w.p_j = 0 cut the circle of directions into arcs, on each of which the sum is w C with one matrix C. On an arc its norm is
largest at an end, or at the top left-singular vector of C.

`vvnorm.verifier.neuron_bound` uses this for two inputs, and `vvnorm.verifier.cell_enumeration` for planes in more inputs.
Where large terms cancel, `vvnorm.verifier.planar_response_precise` does the same in twice the digits.
"""

import math
from typing import Any

import numpy as np

from vvnorm._internal.jit import inner, inside, kernel
from vvnorm._internal.sorting import argsort

ZERO: Any = np.int64(0)
"""Start value of counters: the literal 0 has a type of its own, for which numba would compile functions once more."""


@kernel()
def largest_response(X: Any, bases: Any, L: Any) -> float:
    """Return the largest response over all base points (M, 2) and all directions; X (N, 2), L (N, T)."""
    P, best = np.empty(X.shape), 0.0
    for i in range(len(bases)):
        for j in range(len(X)):
            P[j, 0], P[j, 1] = X[j, 0] - bases[i, 0], X[j, 1] - bases[i, 1]
        best = max(best, _max_response_on_circle(P, L, False))
    return best


@kernel()
def max_response_on_circle(P: Any, L: Any, antipodal: bool) -> float:
    """Return the largest ||sum_j L_j relu(w.p_j)|| over unit vectors w.

    Parameters
    ----------
    P : (N, 2) array
        The vectors p_j.
    L : (N, T) array
        The vectors of the dual array.
    antipodal : bool
        Whether w and -w have the same response, so that half of the circle suffices.
    """
    N, T = L.shape
    theta, Q, rows = np.empty(N), np.empty((N, 2)), np.empty(N, np.int64)
    here, there = zeros(P.shape[1], T), zeros(P.shape[1], T)  # C for w, and minus C for -w
    best, count = 0.0, ZERO
    for j in range(N):
        x, y = P[j, 0], P[j, 1]
        if x == 0.0 and y == 0.0:
            continue
        # Vectors that are not active just before the angle 0 are negated: then all switch at angles in [0, pi).
        active = x > 0.0 or (x == 0.0 and y < 0.0)
        sign = 1.0 if active else -1.0
        Q[count, 0], Q[count, 1], rows[count] = sign * x, sign * y, j
        theta[count] = math.atan2(sign * y, sign * x) + 0.5 * math.pi
        _add(here if active else there, L[j], x, y)
        count += 1
    order = argsort(theta[:count])
    low = 0.0
    for k in range(count + 1):
        if k < count:
            q = Q[order[k]]
            size = math.hypot(q[0], q[1])
            high, wx, wy = theta[order[k]], -q[1] / size, q[0] / size
        else:
            high, wx, wy = math.pi, -1.0, 0.0
        best = max(best, _largest_on_arc(here, low, high, wx, wy))
        if not antipodal:
            best = max(best, _largest_on_arc(there, low, high, wx, wy))
        if k < count:
            # The vector switches off for w and on for -w, or the other way round.
            _add(here, L[rows[order[k]]], -q[0], -q[1])
            _add(there, L[rows[order[k]]], q[0], q[1])
        low = high
    return best


_max_response_on_circle = inside(max_response_on_circle)


@inner()
def zeros(rows: int, columns: int) -> Any:
    """Return an array of zeros; the function of numba would be one more to compile."""
    C = np.empty((rows, columns))
    for i in range(rows):
        for t in range(columns):
            C[i, t] = 0.0
    return C


@inner()
def _add(C: Any, vector: Any, x: float, y: float) -> None:
    """Add the outer product of (x, y) and a vector to C."""
    for t in range(len(vector)):
        C[0, t] += vector[t] * x
    for t in range(len(vector)):
        C[1, t] += vector[t] * y


@inner(fastmath={"reassoc"})
def _grams(C: Any, wx: float, wy: float) -> tuple[float, float, float, float]:
    """Entries xx, xy, yy of C C' and ||w C||^2."""
    xx, xy, yy, square = 0.0, 0.0, 0.0, 0.0
    for t in range(C.shape[1]):
        x, y = C[0, t], C[1, t]
        value = wx * x + wy * y
        xx += x * x
        xy += x * y
        yy += y * y
        square += value * value
    return xx, xy, yy, square


@inner()
def _largest_on_arc(C: Any, low: float, high: float, wx: float, wy: float) -> float:
    """Largest ||w C|| over the arc of angles [low, high], its lower end apart; w = (wx, wy) at the upper end."""
    xx, xy, yy, square = _grams(C, wx, wy)
    peak = 0.5 * math.atan2(2.0 * xy, xx - yy)
    for turn in range(-1, 2):
        if low - 1e-14 <= peak + turn * math.pi <= high + 1e-14:
            return math.sqrt(max(square, 0.5 * (xx + yy) + math.hypot(0.5 * (xx - yy), xy)))
    return math.sqrt(square)
