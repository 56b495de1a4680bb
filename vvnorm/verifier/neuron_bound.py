"""The largest response of one neuron to a dual array: an upper bound that is proved, for any number of inputs.

For points x_1..x_N and an array Lambda (N, T) the quantity is

    g = max over i and ||w||_2 = 1 of || sum_j Lambda_j relu(w.(x_j - x_i)) ||_2 .

If Lambda' 1 = 0 (and Lambda' X = 0, where networks have a skip connection), it bounds the response to every neuron
relu(w.x + b) with ||w|| = 1: as a function of b the vector is piecewise linear and constant far out, so its norm is largest
at a breakpoint b = -w.x_i. Then no network with values Y at the points costs less than <Lambda, Y> / g.

Where the bias is part of the norm, neurons are relu(w.p) with p = (x, 1) and ||w|| = 1: the same with one base point, 0.

*Up to two inputs, exact up to rounding.* The lines w.(x_j - x_i) = 0 cut the circle into arcs, on each of which the vector
is C w with one matrix C. Its norm is largest at an end of the arc or at the top right-singular vector of C. Where points
are close to each other, large terms may cancel: then it is done in twice the digits (`vvnorm.verifier.careful_circle`).

*More inputs, exact up to 3e-8 per dimension.* The hyperplanes w.(x_j - x_i) = 0 cut the sphere into cells, on which it is
again C w, and these are gone through one by one: `cell_enumeration`. There are about N^d of them, all points together.

*Where these are too many, branch and bound.* On the cap of unit vectors within an angle a of a centre, each relu(t) is
replaced by a linear function alpha t with alpha in [0, 1]: 0 or 1 where the sign of t = w.(x_j - x_i) is the same all
over it. What is left over, relu(t) - alpha t, is never negative. So it only helps the bound where Lambda_j points against
the response (a concave kink), and there alpha is free: it is chosen to make the response stationary at the centre. Hence
the bound is exact up to O(a^2) where it matters, at maxima, whether they are smooth or at kinks.
"""

import heapq
import math
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike

from vvnorm._internal.jit import inner, kernel
from vvnorm.network import row_norms
from vvnorm.tolerances import EPS
from vvnorm.validation import Array, as_count, as_inputs, as_labels
from vvnorm.verifier.budget import EXACT_WORK, most_additions

WORK: Final = 1e9
"""Additions of numbers that branch and bound makes at most: seconds."""

CELLS: Final = 2_000_000
"""Most cells that branch and bound looks at, whatever the budget; one costs about 3 N T d additions."""

TOLERANCE: Final = 1e-7
"""Relative distance from the maximum at which branch and bound stops if the cells have not run out before."""

_EPS = float(EPS)
_UNDERFLOW = 1e-150  # squares below float64 are lost; in units in which inputs and Lambda are about 1
_SUBSPACES = 1e-11  # error per dimension of a response in a subspace that is known up to rounding (`sphere_cells`)
_NOTICEABLE = 1e-9  # of the bound: rounding above which sums are made again, in twice the digits
_AT_ONCE = 1 << 16  # distances between points that are held at once
_STRAY = 1e-9  # of ||Lambda' X|| relative to its terms, up to which w and -w are looked at together


def neuron_bound(X: ArrayLike, Lambda: ArrayLike, *, budget: int | None = None) -> float:
    """Bound max over i and ||w|| = 1 of ||sum_j Lambda_j relu(w.(x_j - x_i))|| from above.

    Parameters
    ----------
    X : array-like, shape (N,) or (N, d)
        Points; repeated ones are allowed.
    Lambda : array-like, shape (N,) or (N, T)
        One vector per point.
    budget : int, optional
        Three inputs or more: how many additions of numbers may be made, as estimated beforehand. Fewer give the same or a
        larger bound. By default all cells are gone through where that takes no more than `EXACT_WORK`; else branch and
        bound makes `WORK`.

    Returns
    -------
    float
        In units of Lambda times units of X; rounding errors are added. It exceeds the maximum by rounding only up to three
        inputs (or points in a space of three dimensions), beyond by at most `TOLERANCE` unless the budget is too small.

    Raises
    ------
    TypeError, ValueError
        For arrays that are not finite real numbers or do not match; for a negative budget.
    """
    return _response(X, Lambda, budget, mutual=True)


def ray_bound(P: ArrayLike, Lambda: ArrayLike, *, budget: int | None = None) -> float:
    """Bound max over ||w|| = 1 of ||sum_j Lambda_j relu(w.p_j)|| from above.

    Parameters
    ----------
    P : array-like, shape (N,) or (N, d)
        Vectors, such as (x_j, 1).
    Lambda, budget
        As for `neuron_bound`.

    Returns
    -------
    float
        As for `neuron_bound`.

    Raises
    ------
    TypeError, ValueError
        As for `neuron_bound`.
    """
    return _response(P, Lambda, budget, mutual=False)


def _response(X: ArrayLike, Lambda: ArrayLike, budget: int | None, *, mutual: bool) -> float:
    """Bound the response: the base points are the points themselves (`mutual`), or 0 alone."""
    points = as_inputs(X)
    weights = as_labels(Lambda, len(points), "Lambda")
    most = most_additions() if budget is None else as_count(budget, "budget")
    low, high = (points.min(axis=0), points.max(axis=0)) if mutual else (0.0, np.abs(points).max(axis=0))
    reach = float(np.max(np.divide(high, 2) - np.divide(low, 2)))
    if reach == 0 or not weights.any():
        return 0.0
    x_exponent, exponent = math.frexp(reach)[1], math.frexp(float(np.abs(weights).max()))[1]
    points, weights = np.ldexp(points, -x_exponent), np.ldexp(weights, -exponent)
    bound = _bound(points, points if mutual else np.zeros((1, points.shape[1])), weights, most)
    with np.errstate(over="ignore"):
        scaled = float(np.ldexp(bound, x_exponent + exponent))
    return math.nextafter(scaled, math.inf)


def _bound(X: Array, bases: Array, L: Array, budget: int | None) -> float:
    """Do the work of `_response` in units in which X spans about 1 and the largest entry of L is about 1."""
    sizes = row_norms(L)
    Z, origins, lost = (X, bases, 0.0) if X.shape[1] <= 2 else _own_dimensions(X, bases)
    if Z.shape[1] == 1:
        Z, origins = (np.pad(values, ((0, 0), (0, 1))) for values in (Z, origins))
    (N, d), T = Z.shape, L.shape[1]
    if T > N and d > 2:  # the outputs may be rotated: what counts are the products <Lambda_j, Lambda_k>
        L = np.asarray(np.linalg.qr(L.T, mode="r")).T
    Z, origins, L = (np.ascontiguousarray(values) for values in (Z, origins, L))
    bound = circle(Z, origins, L) if d == 2 else _in_space(Z, origins, L, sizes, budget)
    # Sums of up to 2N terms of that size, each a product that carries a few roundings; norms of T entries.
    terms = _most_terms(Z, origins, sizes)
    rounding = (2 * N + 64) * EPS * terms
    if d == 2 and rounding > _NOTICEABLE * bound:  # large terms cancel: points are close to each other
        from vvnorm.verifier import careful_circle

        careful, rest = careful_circle.circle(Z, origins, L), (8 * N + 64) * EPS * EPS * terms
        bound, rounding = (careful, rest) if careful + rest < bound + rounding else (bound, rounding)
    rotated = N * T * EPS if T > N and d > 2 else 0.0
    return bound * (1 + (T + 16) * EPS + rotated) + rounding + lost * float(sizes.sum()) + N * _UNDERFLOW


def _most_terms(X: Array, bases: Array, sizes: Array) -> float:
    """The largest sum_j sizes_j ||x_j - z|| over the base points z, some at a time so that NumPy does the loops."""
    step, most = max(1, _AT_ONCE // len(X)), 0.0
    for first in range(0, len(bases), step):
        away = X - bases[first : first + step, None]
        distances = row_norms(away.reshape(-1, X.shape[1])).reshape(away.shape[:2])
        most = max(most, float(np.max(distances @ sizes)))
    return most


def _in_space(X: Array, bases: Array, L: Array, sizes: Array, budget: float | None) -> float:
    """Do the work of `_bound` for three dimensions or more."""
    from vvnorm.verifier.cell_enumeration import largest_response, work

    (N, d), T, mutual = X.shape, L.shape[1], len(bases) > 1
    terms = [float(sizes @ row_norms(X - base)) for base in bases]
    if work(N, d, T, mutual=mutual) <= (EXACT_WORK if budget is None else budget):
        stray = max(float(np.linalg.norm(L.T @ (X - base))) for base in bases)
        even = stray <= 1e-13 * max(terms)
        # Where w and -w were not told apart, their responses differ by that.
        bound = largest_response(X, bases, L, mutual=mutual, even=even) + even * stray
        if math.isfinite(bound):
            return bound + (d - 3) * _SUBSPACES * max(terms)
    cells = min(CELLS, int((WORK if budget is None else budget) / (3 * X.size * T)))
    return _on_sphere(X, bases, L, sizes, cells)


def _own_dimensions(X: Array, bases: Array) -> tuple[Array, Array, float]:
    """Coordinates of points and base points within their affine hull, and by how much at most differences have moved."""
    centre = bases.mean(axis=0)
    centred = X - centre
    _, s, axes = np.linalg.svd(centred, full_matrices=False)
    rounding = 64 * len(X) * EPS
    rank = max(1, int(np.sum(s > rounding * s[0])))
    if rank == X.shape[1]:
        return X, bases, 0.0
    rest = float(s[rank]) if rank < len(s) else 0.0
    frame = axes[:rank].T
    return centred @ frame, (bases - centre) @ frame, 2 * rest + rounding * float(s[0])


# --- two inputs -------------------------------------------------------------------------------------------------------


@kernel()
def circle(X: Any, bases: Any, L: Any) -> float:
    """Largest response over all base points (M, 2) and the whole circle of directions; X (N, 2), L (N, T)."""
    P, best = np.empty(X.shape), 0.0
    for i in range(len(bases)):
        for j in range(len(X)):
            P[j, 0], P[j, 1] = X[j, 0] - bases[i, 0], X[j, 1] - bases[i, 1]
        best = max(best, around(P, L, False))
    return best


@kernel()
def around(P: Any, L: Any, even: bool) -> float:
    """Largest ||sum_j L_j relu(w.p_j)|| over the circle of directions w, over one half of it if `even`.

    P (N, 2), L (N, T).
    """
    N, T = L.shape
    theta, Q, rows = np.empty(N), np.empty((N, 2)), np.empty(N, np.int64)
    here, there = np.zeros((2, T)), np.zeros((2, T))  # C for w, and minus C for -w
    best, count = 0.0, 0
    for j in range(N):
        x, y = P[j, 0], P[j, 1]
        if x == 0.0 and y == 0.0:
            continue
        # Active just before the angle 0, or turned round: then the angle at which it switches is in [0, pi).
        active = x > 0.0 or (x == 0.0 and y < 0.0)
        sign = 1.0 if active else -1.0
        Q[count, 0], Q[count, 1], rows[count] = sign * x, sign * y, j
        theta[count] = math.atan2(sign * y, sign * x) + 0.5 * math.pi
        _add(here if active else there, L[j], x, y)
        count += 1
    order = np.argsort(theta[:count])
    low = 0.0
    for k in range(count + 1):
        if k < count:
            q = Q[order[k]]
            size = math.hypot(q[0], q[1])
            high, wx, wy = theta[order[k]], -q[1] / size, q[0] / size
        else:
            high, wx, wy = math.pi, -1.0, 0.0
        best = max(best, _largest_on_arc(here, low, high, wx, wy))
        if not even:
            best = max(best, _largest_on_arc(there, low, high, wx, wy))
        if k < count:
            # What was active switches off on this side and on at the opposite one, or the other way round.
            _add(here, L[rows[order[k]]], -q[0], -q[1])
            _add(there, L[rows[order[k]]], q[0], q[1])
        low = high
    return best


@inner()
def _add(C: Any, vector: Any, x: float, y: float) -> None:
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
    for turn in (-math.pi, 0.0, math.pi):
        if low - 1e-14 <= peak + turn <= high + 1e-14:
            return math.sqrt(max(square, 0.5 * (xx + yy) + math.hypot(0.5 * (xx - yy), xy)))
    return math.sqrt(square)


# --- more inputs ------------------------------------------------------------------------------------------------------


def _on_sphere(X: Array, bases: Array, L: Array, sizes: Array, budget: int) -> float:
    """Branch and bound from closed forms that hold for every direction."""
    N, T = L.shape
    caps, strays = np.array([_closed_form(X - base, L, sizes) for base in bases]).T.copy()
    slack = 32 * (N + T + X.shape[1]) * EPS
    spectral = float(np.linalg.norm(L, 2))
    even = strays <= _STRAY * caps
    bound = sphere(X, bases, L, sizes, spectral, caps, even, slack, TOLERANCE, budget)
    # By symmetry only one of w and -w was looked at where ||Lambda' P|| is nearly 0: their responses differ by that.
    return float(bound + np.max(strays, where=even, initial=0.0)) * (1 + slack)


def _closed_form(P: Array, L: Array, sizes: Array) -> tuple[float, float]:
    """A bound on ||sum_j L_j relu(w.p_j)|| for all ||w|| = 1, and ||L' P||.

    Since 2 relu(t) = t + |t| and || |P w| || = ||P w||, it is (||L' P|| + ||D L|| ||D^-1 P||) / 2 for any diagonal D > 0,
    in spectral norms; D = 1 and the D that makes rows of both matrices equally long are tried.
    """
    lengths = row_norms(P)
    away = (lengths > 0) & (sizes > 0)
    if not away.any():
        return 0.0, 0.0
    P, L, lengths, sizes = P[away], L[away], lengths[away], sizes[away]
    stray = float(np.linalg.norm(L.T @ P))
    root = np.sqrt(lengths / sizes)[:, None]
    pairs = ((L, P), (L * root, P / root))
    spectral = [float(np.linalg.norm(left, 2) * np.linalg.norm(right, 2)) for left, right in pairs]
    return min((stray + min(spectral)) / 2, float(sizes @ lengths)), stray


@kernel()
def sphere(
    X: Any, bases: Any, L: Any, sizes: Any, spectral: float, caps: Any, even: Any, slack: float, tolerance: float,
    budget: int,
) -> float:  # fmt: skip
    """Best-first branch and bound over cells of the sphere of directions, for all base points at once.

    Parameters
    ----------
    X : (N, d) array; bases : (M, d) array; L : (N, T) array; sizes : (N,) array
        Points, base points, the vectors of the points, and the norms of those.
    spectral : float
        Spectral norm of L.
    caps : (M,) array
        A bound for each base point.
    even : (M,) array of bool
        Whether w and -w need not be told apart there.
    slack : float
        Relative rounding error of squared norms.
    tolerance : float
        Relative distance between bound and incumbent at which to stop.
    budget : int
        Number of cells that may be looked at.

    Notes
    -----
    A cell is the cone over a box on the surface of the cube [-1, 1]^d: its centre u, the half-widths of its edges (0 along
    its face) and its base point. Cells are bisected along the longest edge. The bound after any number of cells is the
    largest one left, which can only fall: a cell never gets a larger bound than the one it is part of.
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
        whole = _dot(widths[cell], widths[cell]) == 0.0
        children = (d if even[places[cell]] else 2 * d) if whole else 2
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
                centres[place, k], widths[place, k] = u[k], 1.0 if whole else width[k]
            if whole:
                centres[place, child % d] = 1.0 if child < d else -1.0
                widths[place, child % d] = 0.0
            else:
                widths[place, edge] = 0.5 * width[edge]
                centres[place, edge] += widths[place, edge] if child else -widths[place, edge]
            upper, value = look(P, lengths, L, sizes, spectral, centres[place], widths[place], slack)
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
def look(
    P: Any, lengths: Any, L: Any, sizes: Any, spectral: float, u: Any, width: Any, slack: float
) -> tuple[float, float]:  # fmt: skip
    """Bound the response on one cell from above, and find a value that is attained (in the cell or near it).

    P (N, d) holds the differences to the base point and `lengths` their norms; `spectral` is the spectral norm of L.
    """
    (N, d), T = P.shape, L.shape[1]
    angle, size = _radius(u, width), math.sqrt(_dot(u, u))
    w, s, response, pull = np.empty(d), np.empty(N), np.empty(T), np.empty(N)
    for k in range(d):
        w[k] = u[k] / size
    value = _climb(P, L, w, 8 if angle > 0.2 else 1)
    _times(P, w, s)
    above, below, alpha = np.empty(N), np.empty(N), np.empty(N)
    _ranges(lengths, s, angle, slack, above, below)
    for j in range(N):  # to begin with, the slope of the chord of relu over the range
        alpha[j] = above[j] / (above[j] + below[j]) if above[j] > 0.0 else 0.0
    _respond(alpha, s, L, response, pull)
    if _make_stationary(P, lengths, s, w, above, below, pull, alpha):
        _respond(alpha, s, L, response, pull)
        value = max(value, _value_at_kinks(P, L, w, alpha))
    top, norm = _quadratic_on_cap(P, L, alpha, w, response, angle, slack)
    for j in range(N):
        above[j] = max((1.0 - alpha[j]) * above[j], alpha[j] * below[j])
    drift = 2.0 * math.sin(0.5 * angle) * norm
    square = _with_rest(above, L, sizes, spectral, pull, drift, top)
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
def _with_rest(R: Any, L: Any, sizes: Any, spectral: float, pull: Any, drift: float, top: float) -> float:
    """Bound ||C v + e||^2 given ||C v||^2 <= top, where e = sum_j r_j Lambda_j is any sum with 0 <= r_j <= R_j."""
    middle, size = np.empty(L.shape[1]), min(_dot(R, sizes), math.sqrt(_dot(R, R)) * spectral)
    _combine(R, L, middle)
    # Half of the largest rest is known, and only the deviation from it is bounded.
    apart = math.sqrt(top) + min(size, 0.5 * (size + math.sqrt(_dot(middle, middle))))
    # Else term by term: ||C v||^2 + sum_j r_j (2 <Lambda_j, C v> + <Lambda_j, e>), and C v is near the response.
    square = top
    for j in range(len(R)):
        square += R[j] * max(0.0, 2.0 * (pull[j] + drift * sizes[j]) + sizes[j] * size)
    return min(square, apart * apart)


@inner()
def _respond(alpha: Any, s: Any, L: Any, response: Any, pull: Any) -> None:
    """Set `response` to sum_j alpha_j s_j Lambda_j, and `pull` to its products with the Lambda_j."""
    response[:] = 0.0
    for j in range(len(s)):
        if alpha[j] != 0.0:
            for t in range(len(response)):
                response[t] += alpha[j] * s[j] * L[j, t]
    _times(L, response, pull)


@inner()
def _radius(u: Any, width: Any) -> float:
    """Return an angle that no direction of the cell is further away from its centre."""
    size, half, along = math.sqrt(_dot(u, u)), math.sqrt(_dot(width, width)), 0.0
    for k in range(len(u)):
        along += abs(u[k]) * width[k] / size
    angle = math.asin(half / size) if half < size else 0.5 * math.pi
    if along < size:  # every point of the box has at least the component size - along in the direction of the centre
        angle = min(angle, math.atan(half / (size - along)))
    return angle * (1.0 + 1e-12)


@inner()
def _make_stationary(
    P: Any, lengths: Any, s: Any, w: Any, above: Any, below: Any, pull: Any, alpha: Any
) -> bool:  # fmt: skip
    """Choose `alpha` at concave kinks in the cell so that the tangential gradient is small; return if any changed."""
    d, changed = len(w), False
    gradient = np.empty(d)
    _combine(alpha * pull, P, gradient)
    _remove(gradient, w)
    for _ in range(4):
        moved = False
        for j in range(len(s)):
            square = lengths[j] * lengths[j]
            across = square - s[j] * s[j]
            if pull[j] >= 0.0 or above[j] == 0.0 or below[j] == 0.0 or across <= 1e-12 * square:
                continue
            # The gradient is tangential, so its product with p_j is that with the tangential part of p_j.
            best = min(max(alpha[j] - _dot(gradient, P[j]) / (pull[j] * across), 0.0), 1.0)
            if best != alpha[j]:
                step = (best - alpha[j]) * pull[j]
                for k in range(d):
                    gradient[k] += step * (P[j, k] - s[j] * w[k])
                alpha[j] = best
                moved = changed = True
        if not moved:
            break
    return changed


@inner()
def _value_at_kinks(P: Any, L: Any, w: Any, alpha: Any) -> float:
    """Response at the direction nearest to w that lies on (the first d - 1 of) the kinks with 0 < alpha < 1."""
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
    return _climb(P, L, v, 1)


@inner()
def _climb(P: Any, L: Any, start: Any, steps: int) -> float:
    """Largest response met in so many steps of the power method, the direction `start` being the first."""
    N, T = L.shape
    w, s, active, response, pull = start.copy(), np.empty(N), np.empty(N), np.empty(T), np.empty(N)
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
        _respond(active, s, L, response, pull)
        value = math.sqrt(_dot(response, response))
        if value <= best * (1.0 + 1e-6):
            break
        best = value
        for j in range(N):
            active[j] *= pull[j]
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
