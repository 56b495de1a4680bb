"""The largest response of one neuron to a dual array in three dimensions or more, cell by cell of the sphere of directions.

For one base point and vectors p_j in R^d it is the maximum over ||w|| = 1 of ||sum_j L_j relu(w.p_j)||. The hyperplanes
w.p_j = 0 cut the sphere into convex cells. On the cone over a cell the sum is C w with one matrix C. So the maximum lies on
a hyperplane, or inside a cell, at the top right-singular vector of its C.

*On a hyperplane* w.p_j = 0 the problem has d - 1 dimensions: each p_k is replaced by its part orthogonal to p_j. The
recursion ends in two dimensions, on the circles of `verifier.planar_response`. The vectors of a subspace are computed from
those of the subspace before it, and rounded once. The rounded vectors are the data of a problem that is then solved
exactly. The hyperplane of the points x_i and x_j is the same for both as base points. In general the same subspace is
reached in several orders of its points; it is searched once, unless rounding moves it noticeably.

*Inside the cells.* Two kinds of errors in the enumeration are harmless. First, it may list cells that do not exist: a
singular vector counts only if it has the signs of its cell, and then its value is attained. Second, it may miss a cell
whose maximum u lies within an angle h of a hyperplane: on the way from u to that hyperplane |C w|^2 falls by a factor of
cos^2(h) at most, and the hyperplane itself is searched. In every other cell take the part where |w.p_j| >= sin(h) |p_j| for
all j; it contains u. At some point of this part, d - 2 of these conditions are equalities. Proof: as long as fewer
conditions are equalities, move along them. Either another condition becomes an equality, or all others stay strict however
far one moves; then the part contains whole curves. So every such cell meets one of the curves {w : w.p_j = +-sin(h) |p_j|
for j in S}, |S| = d - 2, at a point where all other hyperplanes are at height h or more. Rounding decides none of the signs
that are used, wherever the points lie and however many hyperplanes meet in one place. Many curves meet the same cell; a
table of signs tells whether it is new.

*Nearly dependent hyperplanes.* Let the part of a unit normal that is orthogonal to the other normals of S be shorter than
h/8. Then the product of w with this normal varies by h/4 at most where the other conditions of S hold. So its sign is
constant there, and S does not need it. Hence the unit normals of a set S that is needed span a volume of (h/8)^(|S| - 1) or
more. Sets of half that volume are still used. If the volume is 2^-32 or more, rounding moves the curve by less than h/4. In
up to five dimensions every set meets one of the two conditions. In more dimensions some set may meet neither; then the
result is infinity.
"""

import math
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from vvnorm._internal.jit import inner, kernel
from vvnorm._internal.sorting import argsort
from vvnorm._internal.threads import share
from vvnorm.network import row_norms
from vvnorm.tolerances import EPS
from vvnorm.validation import Array
from vvnorm.verifier.planar_response import ZERO, max_response_on_circle, zeros

HEIGHTS: Final = {3: 2.0**-20, 4: 2.0**-13}
"""Height h of the curves by dimension, far above rounding. They may miss a share 1 / cos(h) - 1 of at most 3e-8."""

_HEIGHT = 2.0**-12  # in more dimensions
_SURE = 2.0**-32  # volume from which a curve is known to 1e-5
_NOTHING = 64 * float(EPS)  # an orthogonal part below this share of a vector is rounding
_SAME = 2.0**-10  # volume from which subspaces computed in two orders differ by 1e-12 at most
_ROUNDING = 1e-12  # of the trace: more than rounding in a matrix and its eigenvalues
_TABLE = 1 << 24  # largest number of entries in the table of cells; cells without an entry may be examined again
_BLOCK = 64  # subspaces that threads share, all searched from the best value before them
_ATTEMPTS = 16
_CYCLES = 20  # of rotations: convergence is quadratic, and six suffice


def height(dimension: int) -> float:
    """Return the height of the curves in a number of dimensions."""
    return HEIGHTS.get(dimension, _HEIGHT)


def work(N: int, d: int, T: int, *, mutual: bool) -> float:
    """Estimate how long `largest_response` takes, in additions of float64 numbers (nanoseconds, roughly)."""
    total = 0.0
    for m in range(2, d + 1):
        given = d - m + 1 if mutual else d - m  # points on a subspace of m dimensions
        rest = max(N - given, 0)
        arcs = 2 * rest * (1 if m == 2 else math.comb(rest, m - 2) * 2 ** (m - 3))
        total += math.comb(N, given) * (7e4 + arcs * (250.0 + m * T))
    return total


def largest_response(X: Array, bases: Array, L: Array, *, mutual: bool, antipodal: bool) -> float:
    """Bound the response over all directions and base points, from above but for rounding of its terms.

    Parameters
    ----------
    X : (N, d) array; bases : (M, d) array; L : (N, T) array
        Points, base points, and the vectors of the points, d >= 3.
    mutual : bool
        Whether the base points are the points.
    antipodal : bool
        Whether w and -w have the same response.

    Returns
    -------
    float
        Too small by rounding only: 2N + 32 roundings of sum_j ||L_j|| ||x_j - base||, and 1e-11 (d - 3) times this sum.
        Infinite if rounding leaves cells in doubt.
    """
    best, factor, d = 0.0, 1.0, X.shape[1]  # the curves may miss the maximum by this factor
    L = np.ascontiguousarray(L)
    for m in range(2, d + 1):  # small subspaces first: cells of others are skipped if their bound is below the best value
        subspaces = _all_subspaces(X, bases, m, mutual)
        while block := list(islice(subspaces, _BLOCK)):
            best = max(best, float(np.max(_searched(block, L, antipodal, best))))
        factor *= 1.0 / math.cos(height(m)) if m > 2 else 1.0
    return best * factor


def _searched(subspaces: Sequence[Array], L: Array, antipodal: bool, best: float) -> Array:
    """Search subspaces on all threads, each from the same `best`, so that results do not depend on the number of threads.

    Returns the larger one of `best` and the largest response in each subspace.
    """
    values = np.empty(len(subspaces))

    def search(first: int, last: int) -> None:
        for k in range(first, last):
            Q = subspaces[k]
            if (m := Q.shape[1]) == 2:
                values[k] = max(best, max_response_on_circle(Q, L, antipodal))
            else:
                kept = Q.any(axis=1)
                values[k] = inside_cells(Q[kept], L[kept], height(m), antipodal, table(int(kept.sum()), m), best)

    share(search, len(subspaces))
    return values


def _all_subspaces(X: Array, bases: Array, m: int, mutual: bool) -> Iterator[Array]:
    """Yield the parts (N, m) of all vectors in each subspace of m dimensions, as seen from all base points."""
    visited = set[frozenset[int]]()
    for i, base in enumerate(bases):
        P = X - base
        yield from _subspaces(P, row_norms(P), m, frozenset({i}) if mutual else frozenset(), 1.0, visited)


def _subspaces(
    Q: Array, lengths: Array, m: int, points: frozenset[int], volume: float, visited: set[frozenset[int]]
) -> Iterator[Array]:
    """Yield the parts of the vectors in the subspaces of m dimensions of a subspace.

    Parameters
    ----------
    Q : (N, d) array
        The parts of the vectors in the subspace.
    lengths : (N,) array
        Norms of the vectors.
    m : int
        Dimensions, at most d.
    points : frozenset of int
        Points on the subspace, as seen from the base point.
    volume : float
        Volume that the unit normals of the subspace span.
    visited : set
        Points of the subspaces whose search has begun.
    """
    if Q.shape[1] == m:
        yield np.ascontiguousarray(Q)
        return
    for j, left in enumerate(row_norms(Q).tolist()):
        if left == 0:
            continue
        inner_points, inner_volume = points | {j}, volume * left / float(lengths[j])
        # Other orders of the points lead to the same subspace, up to rounding.
        if inner_volume >= _SAME:
            if inner_points in visited:
                continue
            visited.add(inner_points)
        yield from _subspaces(_orthogonal_parts(Q, lengths, j), lengths, m, inner_points, inner_volume, visited)


@kernel()
def _orthogonal_parts(Q: Any, lengths: Any, j: int) -> Any:
    """Return the parts of all rows orthogonal to row j, with one coordinate less (by a reflection); rounding becomes 0."""
    N, m = Q.shape
    v, parts, size = np.empty(m), np.empty((N, m - 1)), math.sqrt(_dot(Q[j], Q[j]))
    for i in range(m):
        v[i] = Q[j, i] / size
    sign = math.copysign(1.0, v[m - 1])
    v[m - 1] += sign
    half = sign * v[m - 1]  # half the square of v
    for k in range(N):
        along, square = _dot(Q[k], v) / half, 0.0
        for i in range(m - 1):
            parts[k, i] = Q[k, i] - along * v[i]
            square += parts[k, i] ** 2
        if k == j or square <= (_NOTHING * lengths[k]) ** 2:
            for i in range(m - 1):
                parts[k, i] = 0.0
    return parts


@inner(fastmath={"reassoc"})
def _dot(u: Any, v: Any) -> float:
    total = 0.0
    for k in range(len(u)):
        total += u[k] * v[k]
    return total


# --- the cells of one subspace ----------------------------------------------------------------------------------------


@kernel()
def inside_cells(Q: Any, L: Any, height: float, antipodal: bool, seen: Any, best: float) -> float:
    """Raise `best` to the largest maximum inside a cell; Q (N, m) with m >= 3, no row 0. `seen` is a `table` of cells.

    Goes through the sets S by index, and through the sides of their hyperplanes. Of two opposite curves it takes one, and
    examines the cells on this curve together with the opposite cells.
    """
    (N, m), depth = Q.shape, Q.shape[1] - 2
    rest, normals, along = np.empty((depth + 1, N, m)), np.empty((m, m)), np.empty((N, depth))
    for k in range(N):
        size = math.sqrt(_dot(Q[k], Q[k]))
        for i in range(m):
            rest[0, k, i] = Q[k, i] / size
    chosen, volumes, heights = np.empty(depth, np.int64), np.empty(depth + 1), np.empty(depth)
    chosen[0], volumes[0] = -1, 1.0
    space, level = np.empty((3, m, m)), ZERO
    while level >= 0:
        chosen[level] += 1
        k = chosen[level]
        if k >= N:
            level -= 1
            continue
        volume = volumes[level] * math.sqrt(_dot(rest[level, k], rest[level, k]))
        if volume < 0.5 * (0.125 * height) ** level:
            continue
        if volume < _SURE:
            return math.inf
        _add_normal(rest, normals, along, level, k)
        if level == depth - 1:
            _complete(normals)
        for pattern in range(1 << level):
            left = _heights(along, chosen, level, pattern, height, heights)
            if left <= 0.0:
                continue
            radius, given = math.sqrt(left), level + 1
            if given < depth:
                if _crossed(rest[given], along, heights, level, radius):
                    continue
                radius = 0.0  # the rest lies in one cell
            best = _along_curve(Q, L, normals, heights, radius, chosen[:given], pattern, antipodal, seen, space, best)
        if level < depth - 1:
            level += 1
            volumes[level], chosen[level] = volume, k
    return best


@inner()
def _add_normal(rest: Any, normals: Any, along: Any, level: int, k: int) -> None:
    """Extend the orthonormal `normals` by vector k; set components `along` it, and the rest of each unit vector."""
    N, m = rest.shape[1:]
    n = normals[level]
    for i in range(m):
        n[i] = rest[level, k, i]
    _orthonormalise(normals, level)
    for j in range(N):
        along[j, level] = _dot(rest[level, j], n)
        for i in range(m):
            rest[level + 1, j, i] = 0.0 if j == k else rest[level, j, i] - along[j, level] * n[i]


@inner()
def _orthonormalise(frame: Any, row: int) -> float:
    """Make a row orthogonal to those before, and a unit vector; return the share of its norm that was left."""
    v = frame[row]
    size = math.sqrt(_dot(v, v))
    for _ in range(2):
        for other in range(row):
            part = _dot(frame[other], v)
            for i in range(len(v)):
                v[i] -= part * frame[other, i]
    left = math.sqrt(_dot(v, v))
    for i in range(len(v)):
        v[i] /= left
    return left / size


@inner()
def _complete(frame: Any) -> None:
    """Set the last two rows so that all are orthonormal."""
    m = len(frame)
    for row in range(m - 2, m):
        # The axis with the smallest part in the span of the rows so far.
        best, least = ZERO, math.inf
        for i in range(m):
            held = 0.0
            for other in range(row):
                held += frame[other, i] ** 2
            if held < least:
                best, least = i, held
        for i in range(m):
            frame[row, i] = 1.0 if i == best else 0.0
        _orthonormalise(frame, row)


@inner()
def _heights(along: Any, chosen: Any, level: int, pattern: int, height: float, heights: Any) -> float:
    """Solve for the components along the normals on a curve, the first side positive; return 1 minus their squares."""
    left = 1.0
    for i in range(level + 1):
        k = chosen[i]
        value = -height if i > 0 and (pattern >> (i - 1)) & 1 else height
        for other in range(i):
            value -= heights[other] * along[k, other]
        heights[i] = value / along[k, i]
        left -= heights[i] * heights[i]
    return left


@inner()
def _crossed(rest: Any, along: Any, heights: Any, level: int, radius: float) -> bool:
    """Whether a hyperplane crosses the sphere of this radius around the point with these components along the normals."""
    for k in range(len(rest)):
        offset = 0.0
        for i in range(level + 1):
            offset += heights[i] * along[k, i]
        if abs(offset) <= radius * math.sqrt(_dot(rest[k], rest[k])):
            return True
    return False


@inner()
def _along_curve(
    Q: Any, L: Any, frame: Any, heights: Any, radius: float, chosen: Any, pattern: int, antipodal: bool, seen: Any,
    space: Any, best: float,
) -> float:  # fmt: skip
    """Examine all cells along a curve, and the cells opposite to them.

    The curve is w(t) = sum_i heights_i n_i + radius (cos(t) e1 + sin(t) e2); the n_i, e1 and e2 are the rows of `frame`.
    On it w.q_k is a cos(t - phi) + c, positive where |t - phi| < acos(-c / a). With radius 0 the curve is a point, which
    lies in one cell.
    """
    (N, m), T = Q.shape, L.shape[1]
    at, row, count = np.empty(2 * N), np.empty(2 * N, np.int64), ZERO
    active, sides = np.empty(N, np.bool_), np.empty(N, np.int64)
    C, opposite, point = zeros(m, T), zeros(m, T), np.empty(m)
    for k in range(N):
        sides[k] = 0
    for i in range(m):
        point[i] = 0.0
    for i in range(len(chosen)):
        sides[chosen[i]] = -1 if i > 0 and (pattern >> (i - 1)) & 1 else 1
        for other in range(m):
            point[other] += heights[i] * frame[i, other]
    for k in range(N):
        x, y, c = radius * _dot(frame[m - 2], Q[k]), radius * _dot(frame[m - 1], Q[k]), _dot(point, Q[k])
        a = math.hypot(x, y)
        active[k] = c > 0.0
        if sides[k] != 0:
            active[k] = sides[k] > 0
        elif abs(c) < a and abs(c / a) < 1.0:
            phi, half = math.atan2(y, x), math.acos(-c / a)
            for end in range(2):
                t = phi - half if end == 0 else phi + half
                at[count] = t + 2.0 * math.pi if t < -math.pi else (t - 2.0 * math.pi if t >= math.pi else t)
                row[count] = k
                count += 1
            active[k] = at[count - 1] < at[count - 2]  # at t = -pi, if it is switched off before it is switched on
        if active[k] or not antipodal:
            _add(C if active[k] else opposite, L[k], Q[k], 1.0)
    order, word = argsort(at[:count]), _signs(active)
    for place in range(-1, count):
        if place >= 0:
            k = row[order[place]]
            sign = -1.0 if active[k] else 1.0
            _add(C, L[k], Q[k], sign)
            if not antipodal:
                _add(opposite, L[k], Q[k], -sign)
            active[k] = not active[k]
            word[k >> 6] ^= np.uint64(1) << np.uint64(k & 63)
        if _is_new(seen, word, N):
            best = _inside(Q, active, C, opposite, antipodal, space, best)
    return best


# --- table of examined cells -------------------------------------------------------------------------------------------


def table(N: int, m: int) -> NDArray[np.uint64]:
    """Return an empty table of cells of N vectors in m dimensions.

    Its number of rows is a power of two of at least twice the number of pairs of opposite cells, within limits.
    """
    cells, term = 0.0, 1.0
    for k in range(m):
        cells += term
        term *= max(N - 1 - k, 0) / (k + 1)
    size = 4
    while size < 2.0 * cells and size < _TABLE:
        size *= 2
    return np.zeros((size, (N + 63) // 64), np.uint64)


@inner()
def _signs(active: Any) -> Any:
    """Pack signs into words of 64 bits."""
    word = np.empty((len(active) + 63) // 64, np.uint64)
    for k in range(len(word)):
        word[k] = 0
    for k in range(len(active)):
        if active[k]:
            word[k >> 6] |= np.uint64(1) << np.uint64(k & 63)
    return word


@inner()
def _is_new(seen: Any, word: Any, N: int) -> bool:
    """Whether neither a cell nor the opposite cell is in the hash table. If so, it is added, unless it finds no place.

    Both are represented by the cell on the positive side of vector 0, so no entry in use is all 0.
    """
    unit, key = np.uint64(1), np.uint64(0)
    flip = np.uint64(0) if word[0] & unit else ~np.uint64(0)
    last = ~np.uint64(0) >> np.uint64(63 - (N - 1) % 64)
    for i in range(len(word)):
        bits = (word[i] ^ flip) & (last if i == len(word) - 1 else ~np.uint64(0))
        key = (key ^ bits) * np.uint64(0x9E3779B97F4A7C15)
        key ^= key >> np.uint64(29)
    size = np.uint64(len(seen))
    for attempt in range(_ATTEMPTS):
        entry, same = seen[(key + np.uint64(attempt)) & (size - unit)], True
        if entry[0] == 0:
            for i in range(len(word)):
                entry[i] = (word[i] ^ flip) & (last if i == len(word) - 1 else ~np.uint64(0))
            return True
        for i in range(len(word)):
            same = same and entry[i] == (word[i] ^ flip) & (last if i == len(word) - 1 else ~np.uint64(0))
        if same:
            return False
    return True


# --- one cell ---------------------------------------------------------------------------------------------------------


@inner()
def _add(C: Any, vector: Any, q: Any, sign: float) -> None:
    for k in range(len(q)):
        factor = sign * q[k]
        for t in range(len(vector)):
            C[k, t] += factor * vector[t]


@inner()
def _inside(Q: Any, active: Any, C: Any, opposite: Any, antipodal: bool, space: Any, best: float) -> float:
    """Raise `best` to the maximum of a cell and of the opposite cell, if it is larger and lies inside.

    `space` holds three matrices that are overwritten.
    """
    G = space[0]
    for side in range(1 if antipodal else 2):
        _gram(C if side == 0 else opposite, G)
        if _exceeds(G, best * best, space[1]):
            top = _top_eigenvector(G, space[1], space[2, 0])
            if top > best * best and _belongs(Q, active, space[2, 0]):
                best = math.sqrt(top)
    return best


@inner(fastmath={"reassoc"})
def _gram(C: Any, G: Any) -> None:
    """Set G to C C'."""
    for k in range(len(C)):
        for i in range(k + 1):
            total = 0.0
            for t in range(C.shape[1]):
                total += C[k, t] * C[i, t]
            G[k, i] = G[i, k] = total


@inner()
def _exceeds(G: Any, level: float, factor: Any) -> bool:
    """Whether the largest eigenvalue of G may exceed a level; it does not if level - G has a Cholesky factor."""
    m, trace = len(G), 0.0
    for k in range(m):
        trace += G[k, k]
    if trace <= level:
        return False
    level -= _ROUNDING * trace
    for k in range(m):
        pivot = level - G[k, k]
        for i in range(k):
            pivot -= factor[k, i] * factor[k, i]
        if pivot <= 0.0:
            return True
        factor[k, k] = math.sqrt(pivot)
        for other in range(k + 1, m):
            entry = -G[other, k]
            for i in range(k):
                entry -= factor[other, i] * factor[k, i]
            factor[other, k] = entry / factor[k, k]
    return False


@inner()
def _top_eigenvector(G: Any, V: Any, w: Any) -> float:
    """Largest eigenvalue of a symmetric matrix, and a unit eigenvector, by Jacobi rotations; G and V are overwritten."""
    m = len(G)
    for i in range(m):
        for k in range(m):
            V[i, k] = 1.0 if i == k else 0.0
    for _ in range(_CYCLES):
        rotated = False
        for p in range(m - 1):
            for q in range(p + 1, m):
                if abs(G[p, q]) <= 1e-20 * math.sqrt(abs(G[p, p] * G[q, q])):
                    G[p, q] = G[q, p] = 0.0
                    continue
                rotated = True
                ratio = (G[q, q] - G[p, p]) / (2.0 * G[p, q])
                tangent = math.copysign(1.0, ratio) / (abs(ratio) + math.hypot(1.0, ratio))
                c = 1.0 / math.hypot(1.0, tangent)
                s = tangent * c
                for i in range(m):
                    G[p, i], G[q, i] = c * G[p, i] - s * G[q, i], s * G[p, i] + c * G[q, i]
                for i in range(m):
                    G[i, p], G[i, q] = c * G[i, p] - s * G[i, q], s * G[i, p] + c * G[i, q]
                    V[i, p], V[i, q] = c * V[i, p] - s * V[i, q], s * V[i, p] + c * V[i, q]
        if not rotated:
            break
    best = ZERO
    for k in range(1, m):
        if G[k, k] > G[best, best]:
            best = k
    for i in range(m):
        w[i] = V[i, best]
    return G[best, best]


@inner()
def _belongs(Q: Any, active: Any, w: Any) -> bool:
    """Whether w or -w lies in the closed cell in which exactly the `active` products are positive."""
    same, opposite = True, True
    for k in range(len(Q)):
        s = _dot(Q[k], w)
        if s != 0.0:
            if (s > 0.0) == active[k]:
                opposite = False
            else:
                same = False
            if not (same or opposite):
                return False
    return True
