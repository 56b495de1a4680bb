"""A bound on the largest response of one neuron if the sphere has too many cells: branch and bound over caps.

Take the cap of unit vectors within an angle a of a centre. Each relu(t), t = w.(x_j - x_i), is replaced by a linear
function alpha t with alpha in [0, 1]. If t has one sign on the whole cap, alpha is 0 or 1, and the replacement is exact.
Otherwise relu(t) - alpha t is never negative. It raises the bound only if Lambda_j points against the response (a concave
kink). There alpha is free, and is chosen to make the response stationary at the centre. Hence the bound is exact up to
O(a^2) near maxima, whether they are smooth or at kinks.

*Where it is needed.* For standard normal inputs with d = 4, N = 90 and two outputs, the enumeration of all cells takes 6e10
additions, more than the default budget. There branch and bound proves fits at 0.9 and 0.5 lambda_max optimal up to 0.3 %
and 10 %, in a minute; the closed form alone (`_closed_form`) is 19 times the maximum. Dual arrays of interpolants respond
alike in many directions, and branch and bound proves little for them: 1.2 times the maximum for d = 4, N = 40, and twice
the maximum for d = 5, N = 25, where all cells are enumerated anyway.
"""

import heapq
import math
from typing import Any, Final

import numpy as np

from vvnorm._internal.jit import inner, kernel
from vvnorm.network import row_norms
from vvnorm.tolerances import EPS
from vvnorm.validation import Array

WORK: Final = 1e9
"""Additions of numbers that branch and bound makes at most: seconds."""

CELLS: Final = 2_000_000
"""Largest number of cells that branch and bound examines, whatever the budget; a cell costs about 3 N T d additions."""

TOLERANCE: Final = 1e-7
"""Relative distance from the maximum at which branch and bound stops, unless it reaches its number of cells before."""

_ODD = 1e-9  # of ||Lambda' X|| relative to its terms, up to which w and -w are examined together


def response_bound(
    X: Array, bases: Array, L: Array, sizes: Array, budget: float | None, cap: float = math.inf
) -> float:  # fmt: skip
    """Bound the response over all directions and base points, by branch and bound from a closed form.

    Parameters
    ----------
    X : (N, d) array; bases : (M, d) array; L : (N, T) array
        Points, base points, and the vectors of the points.
    sizes : (N,) array
        Norms of these vectors.
    budget : float or None
        Additions of numbers that may be made; None for `WORK`.
    cap : float
        A bound that is known.
    """
    (N, d), T = X.shape, L.shape[1]
    cells = min(CELLS, int((WORK if budget is None else budget) / (3 * X.size * T)))
    caps, odd_parts = np.array([_closed_form(X - base, L, sizes) for base in bases]).T.copy()
    caps = np.minimum(caps, cap)
    slack = 32 * (N + T + d) * EPS
    spectral = float(np.linalg.norm(L, 2))
    antipodal = odd_parts <= _ODD * caps
    bound = search(X, bases, L, sizes, spectral, caps, antipodal, slack, TOLERANCE, cells)
    # Only one of w and -w was examined where ||Lambda' P|| is nearly 0: their responses differ by that norm.
    return float(bound + np.max(odd_parts, where=antipodal, initial=0.0)) * (1 + slack)


def _closed_form(P: Array, L: Array, sizes: Array) -> tuple[float, float]:
    """Return a bound on ||sum_j L_j relu(w.p_j)|| for all ||w|| = 1, and ||L' P||.

    Since 2 relu(t) = t + |t| and || |P w| || = ||P w||, the response is at most (||L' P|| + ||D L|| ||D^-1 P||) / 2 for any
    diagonal D > 0, in spectral norms. The bound is the better one of D = 1 and the D that makes the rows of both matrices
    equally long.
    """
    lengths = row_norms(P)
    away = (lengths > 0) & (sizes > 0)
    if not away.any():
        return 0.0, 0.0
    P, L, lengths, sizes = P[away], L[away], lengths[away], sizes[away]
    odd_part = float(np.linalg.norm(L.T @ P))
    root = np.sqrt(lengths / sizes)[:, None]
    pairs = ((L, P), (L * root, P / root))
    spectral = [float(np.linalg.norm(left, 2) * np.linalg.norm(right, 2)) for left, right in pairs]
    return min((odd_part + min(spectral)) / 2, float(sizes @ lengths)), odd_part


@kernel()
def search(
    X: Any, bases: Any, L: Any, sizes: Any, spectral: float, caps: Any, antipodal: Any, slack: float, tolerance: float,
    budget: int,
) -> float:  # fmt: skip
    """Best-first branch and bound over cells of the sphere of directions, for all base points at once.

    A cell is the cone over a box on the surface of the cube [-1, 1]^d. It has a centre u, half-widths of its edges (0 along
    its face) and a base point. Cells are bisected along the longest edge. The result after any number of cells is the
    largest bound of the remaining cells. It can only fall: no cell gets a larger bound than its parent.

    Parameters
    ----------
    X, bases, L, sizes : (N, d), (M, d), (N, T), (N,) arrays
        Points, base points, the vectors of the points, and the norms of these vectors.
    spectral : float
        Spectral norm of L.
    caps, antipodal : (M,) arrays
        A bound for each base point, and whether w and -w have the same response there.
    slack : float
        Relative rounding error of squared norms.
    tolerance : float
        Relative distance between bound and incumbent at which to stop.
    budget : int
        Number of cells that may be examined.
    """
    (N, d), M = X.shape, len(bases)
    centres, widths = np.zeros((M + budget, d)), np.zeros((M + budget, d))
    places = np.zeros(M + budget, np.int64)
    heap = [(-caps[0], 0)]
    for i in range(M):
        places[i] = i
        if i > 0:
            heapq.heappush(heap, (-caps[i], i))
    P, lengths, base = np.empty((N, d)), np.empty(N), -1
    cells, best, settled = 0, 0.0, 0.0
    while len(heap) > 0:
        bound, cell = heap[0]
        bound = -bound
        undivided = _dot(widths[cell], widths[cell]) == 0.0
        children = (d if antipodal[places[cell]] else 2 * d) if undivided else 2
        if bound <= best * (1.0 + tolerance) or cells + children > budget:
            return max(bound, settled)
        heapq.heappop(heap)
        if places[cell] != base:
            base = places[cell]
            differences(X, bases[base], P, lengths)
        u, width = centres[cell].copy(), widths[cell].copy()
        edge = np.argmax(width)
        for child in range(children):
            # The first child takes the place of its parent.
            place = cell if child == 0 else M + cells
            cells += 1
            places[place] = base
            for k in range(d):
                centres[place, k], widths[place, k] = u[k], 1.0 if undivided else width[k]
            if undivided:
                centres[place, child % d] = 1.0 if child < d else -1.0
                widths[place, child % d] = 0.0
            else:
                widths[place, edge] = 0.5 * width[edge]
                centres[place, edge] += widths[place, edge] if child else -widths[place, edge]
            upper, value = bound_on_cell(P, lengths, L, sizes, spectral, centres[place], widths[place], slack)
            upper = min(upper, bound)
            best = max(best, value)
            if upper <= best * (1.0 + tolerance):
                settled = max(settled, upper)
            else:
                heapq.heappush(heap, (-upper, place))
    return settled


@inner()
def differences(X: Any, base: Any, P: Any, lengths: Any) -> None:
    """Set P to x_j - base and `lengths` to their norms."""
    for j in range(len(X)):
        for k in range(X.shape[1]):
            P[j, k] = X[j, k] - base[k]
        lengths[j] = math.sqrt(_dot(P[j], P[j]))


@inner(fastmath={"reassoc"})
def _dot(u: Any, v: Any) -> float:
    total = 0.0
    for k in range(len(u)):
        total += u[k] * v[k]
    return total


@inner()
def _times(M: Any, v: Any, out: Any) -> None:
    """Set `out` to M v."""
    for j in range(len(M)):
        out[j] = _dot(M[j], v)


@inner()
def _combine(weights: Any, M: Any, out: Any) -> None:
    """Set `out` to the sum of the rows of M with these weights."""
    out[:] = 0.0
    for j in range(len(M)):
        if weights[j] != 0.0:
            for k in range(len(out)):
                out[k] += weights[j] * M[j, k]


@inner()
def _remove(v: Any, w: Any) -> None:
    """Make v orthogonal to the unit vector w."""
    along = _dot(v, w)
    for k in range(len(v)):
        v[k] -= along * w[k]


@kernel()
def bound_on_cell(
    P: Any, lengths: Any, L: Any, sizes: Any, spectral: float, u: Any, width: Any, slack: float
) -> tuple[float, float]:  # fmt: skip
    """Bound the response on one cell from above, and find a value that is attained in the cell or near it.

    P (N, d) holds the differences to the base point and `lengths` their norms; `spectral` is the spectral norm of L.
    """
    (N, d), T = P.shape, L.shape[1]
    angle, size = _radius(u, width), math.sqrt(_dot(u, u))
    w, s, response, slopes = np.empty(d), np.empty(N), np.empty(T), np.empty(N)
    for k in range(d):
        w[k] = u[k] / size
    value = _local_search(P, L, w, 8 if angle > 0.2 else 1)
    _times(P, w, s)
    above, below, alpha = np.empty(N), np.empty(N), np.empty(N)
    _ranges(lengths, s, angle, slack, above, below)
    for j in range(N):  # to begin with, the slope of the chord of relu over the range
        alpha[j] = above[j] / (above[j] + below[j]) if above[j] > 0.0 else 0.0
    _respond(alpha, s, L, response, slopes)
    if _make_stationary(P, lengths, s, w, above, below, slopes, alpha):
        _respond(alpha, s, L, response, slopes)
        value = max(value, _value_at_kinks(P, L, w, alpha))
    top, norm = _quadratic_on_cap(P, L, alpha, w, response, angle, slack)
    for j in range(N):
        above[j] = max((1.0 - alpha[j]) * above[j], alpha[j] * below[j])
    drift = 2.0 * math.sin(0.5 * angle) * norm
    square = _with_rest(above, L, sizes, spectral, slopes, drift, top)
    return math.sqrt(square + slack * _dot(lengths, sizes) ** 2), value


@inner()
def _ranges(lengths: Any, s: Any, angle: float, slack: float, above: Any, below: Any) -> None:
    """Enclose each v.p_j, for all unit v within the angle of w, in [-below_j, above_j], where w.p_j = s_j."""
    sine, cosine = math.sin(angle), math.cos(angle)
    for j in range(len(s)):
        square = lengths[j] * lengths[j]
        across = math.sqrt(max(square - s[j] * s[j], 0.0) + slack * square) * sine
        # Where p_j itself, or its opposite, points into the cap, the range reaches its length.
        inside = lengths[j] * (cosine - slack)
        above[j] = lengths[j] if s[j] >= inside else max(across + s[j] * cosine, 0.0)
        below[j] = lengths[j] if -s[j] >= inside else max(across - s[j] * cosine, 0.0)


@inner()
def _with_rest(R: Any, L: Any, sizes: Any, spectral: float, slopes: Any, drift: float, top: float) -> float:
    """Bound ||C v + e||^2 given ||C v||^2 <= top, where e = sum_j r_j Lambda_j is any sum with 0 <= r_j <= R_j."""
    middle, size = np.empty(L.shape[1]), min(_dot(R, sizes), math.sqrt(_dot(R, R)) * spectral)
    _combine(R, L, middle)
    # e is half of sum_j R_j Lambda_j, which is known, plus a deviation, which is bounded.
    apart = math.sqrt(top) + min(size, 0.5 * (size + math.sqrt(_dot(middle, middle))))
    # Or term by term: ||C v||^2 + sum_j r_j (2 <Lambda_j, C v> + <Lambda_j, e>), where C v is near the response.
    square = top
    for j in range(len(R)):
        square += R[j] * max(0.0, 2.0 * (slopes[j] + drift * sizes[j]) + sizes[j] * size)
    return min(square, apart * apart)


@inner()
def _respond(alpha: Any, s: Any, L: Any, response: Any, slopes: Any) -> None:
    """Set `response` to sum_j alpha_j s_j Lambda_j, and `slopes` to its products with the Lambda_j."""
    response[:] = 0.0
    for j in range(len(s)):
        if alpha[j] != 0.0:
            for t in range(len(response)):
                response[t] += alpha[j] * s[j] * L[j, t]
    _times(L, response, slopes)


@inner()
def _radius(u: Any, width: Any) -> float:
    """Return a bound on the angle between the centre of the cell and its directions."""
    size, half, along = math.sqrt(_dot(u, u)), math.sqrt(_dot(width, width)), 0.0
    for k in range(len(u)):
        along += abs(u[k]) * width[k] / size
    angle = math.asin(half / size) if half < size else 0.5 * math.pi
    if along < size:  # every point of the box has at least the component size - along in the direction of the centre
        angle = min(angle, math.atan(half / (size - along)))
    return angle * (1.0 + 1e-12)


@inner()
def _make_stationary(
    P: Any, lengths: Any, s: Any, w: Any, above: Any, below: Any, slopes: Any, alpha: Any
) -> bool:  # fmt: skip
    """Choose `alpha` at concave kinks in the cell so that the tangential gradient is small; return whether any changed."""
    d, changed = len(w), False
    gradient = np.empty(d)
    _combine(alpha * slopes, P, gradient)
    _remove(gradient, w)
    for _ in range(4):
        moved = False
        for j in range(len(s)):
            square = lengths[j] * lengths[j]
            across = square - s[j] * s[j]
            if slopes[j] >= 0.0 or above[j] == 0.0 or below[j] == 0.0 or across <= 1e-12 * square:
                continue
            # The gradient is tangential, so its product with p_j is that with the tangential part of p_j.
            best = min(max(alpha[j] - _dot(gradient, P[j]) / (slopes[j] * across), 0.0), 1.0)
            if best != alpha[j]:
                step = (best - alpha[j]) * slopes[j]
                for k in range(d):
                    gradient[k] += step * (P[j, k] - s[j] * w[k])
                alpha[j] = best
                moved = changed = True
        if not moved:
            break
    return changed


@inner()
def _value_at_kinks(P: Any, L: Any, w: Any, alpha: Any) -> float:
    """Return the response at the direction nearest to w that lies on the first d - 1 kinks with 0 < alpha < 1."""
    d, count = len(w), 0
    basis, v = np.empty((d, d)), w.copy()
    for j in range(len(alpha)):
        if 0.0 < alpha[j] < 1.0 and count < d - 1:
            p = P[j].copy()
            length = math.sqrt(_dot(p, p))
            for k in range(2 * count):
                _remove(p, basis[k % count])
            size = math.sqrt(_dot(p, p))
            if size > 1e-6 * length:
                for k in range(d):
                    basis[count, k] = p[k] / size
                count += 1
    for k in range(2 * count):
        _remove(v, basis[k % count])
    return _local_search(P, L, v, 1)


@inner()
def _local_search(P: Any, L: Any, start: Any, steps: int) -> float:
    """Return the largest response in some steps of the power method, the first of them at the direction `start`."""
    N, T = L.shape
    w, s, active, response, slopes = start.copy(), np.empty(N), np.empty(N), np.empty(T), np.empty(N)
    best = 0.0
    for _ in range(steps):
        size = math.sqrt(_dot(w, w))
        if size == 0.0:
            break
        for k in range(len(w)):
            w[k] /= size
        _times(P, w, s)
        for j in range(N):
            active[j] = 1.0 if s[j] > 0.0 else 0.0
        _respond(active, s, L, response, slopes)
        value = math.sqrt(_dot(response, response))
        if value <= best * (1.0 + 1e-6):
            break
        best = value
        for j in range(N):
            active[j] *= slopes[j]
        _combine(active, P, w)
    return best


@inner()
def _quadratic_on_cap(
    P: Any, L: Any, alpha: Any, w: Any, response: Any, angle: float, slack: float
) -> tuple[float, float]:  # fmt: skip
    """Bound ||C v||^2 over unit v within the angle of w, C = sum_j alpha_j Lambda_j p_j'; and bound ||C|| (spectral).

    `response` is C w.
    """
    d, T = len(w), L.shape[1]
    C, gradient = np.zeros((d, T)), np.empty(d)
    for j in range(len(P)):
        if alpha[j] != 0.0:
            for k in range(d):
                factor = alpha[j] * P[j, k]
                for t in range(T):
                    C[k, t] += factor * L[j, t]
    trace, whole = 0.0, 0.0  # of G = C' C (as a map of inputs): trace and squared Frobenius norm
    for k in range(d):
        for other in range(k):
            whole += 2.0 * _dot(C[k], C[other]) ** 2
        square = _dot(C[k], C[k])
        whole += square * square
        trace += square
    _times(C, response, gradient)
    _remove(gradient, w)
    here, slope = _dot(response, response), math.sqrt(_dot(gradient, gradient))
    # Top eigenvalue of the block of G tangential to w, from trace and Frobenius norm (Wolkowicz and Styan).
    m, part = d - 1, max(trace - here, 0.0)
    scatter = max(whole - 2.0 * slope * slope - here * here - part * part / m, 0.0) + slack * whole
    block = min(part / m + math.sqrt((m - 1) / m * scatter), part) + slack * trace
    # On the great circle through w and the worst tangent the square is centre + radius cos(2 angle - peak).
    centre, half = 0.5 * (here + block), 0.5 * (here - block)
    radius, peak = math.hypot(half, slope), math.atan2(slope, half)
    top = centre + radius * (1.0 if peak <= 2.0 * angle else math.cos(2.0 * angle - peak))
    return top + slack * trace, math.sqrt(centre + radius)
