"""Exact and local search for the neurons with the largest response to a dual array, in three or more dimensions.

*Exact search.* Seen from a base point, the hyperplanes w.p_j = 0 cut the sphere of directions into cells and their
faces. On each face the response sum_j Lambda_j relu(w.p_j) is C'w with one matrix C, so a maximum inside a face is a
top eigenvector of C C' on the subspace of the face. For a set S of D - 2 points, the directions with w.p_s = 0 for all
s in S form a great circle. A sweep along it meets arcs, and each arc is the edge of 3^(D-2) faces: every point of S is
active, inactive, or on the kink. All circles together meet every face if points are in general position, so the search
is exact. It takes O(N^D 3^(D-2) T) for all base points. Many arcs are edges of the same face: a table of faces tells
whether one is new. A new face is skipped if C C' has no eigenvalue above the square of the best value so far.

*Local search.* Where an exact search would take too long, ascent steps follow great circles: from the current direction
along the gradient to the largest response on the whole circle. If that point is a kink of the response, orthogonal to some
p_s, the next circle stays orthogonal to p_s. If the gradient vanishes among such directions, circles that leave one of the
kinks are tried, and then other base points. The result, a maximum inside a face or at a vertex, is a neuron; it gives no
bound.
"""

import math
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vvnorm._internal.jit import inner, kernel
from vvnorm._internal.sorting import argsort
from vvnorm.solvers.array_kernels import ZERO, clear, copy
from vvnorm.solvers.multivariate.planar_search import rise, switches
from vvnorm.solvers.multivariate.planar_search_compensated import product, sum_of

_SWEEPS = 40  # at most, of Jacobi's eigenvalue method; it takes 5 or 6
_STEPS = 300  # at most, of a local search from one start; it takes ten or twenty
_GAIN = 1e-9  # relative gain below which a step is the last one
_FLAT = 1e-6  # gradients shorter than this part of the response count as 0; they could gain its square
_EIGENVALUE_ROUNDING = 1e-12  # of the trace: more than rounding in the test whether eigenvalues are below a bar
_ROUNDING = 1e-9  # relative: a vector with a smaller remainder lies in the span of the others
_TABLE = 1 << 21  # largest number of entries in the table of faces; faces without an entry may be examined again
_ATTEMPTS = 8  # at a place for a face in the table


@kernel()
def search_all(
    P: Any, L: Any, antipodal: bool, careful: bool, base: int, slots: int, seen: Any, marks: Any, values: Any,
    directions: Any, through: Any,
) -> None:  # fmt: skip
    """Sweep every great circle of the vectors P (N, D) seen from a base point (-1: none); see `tables` for seen and marks.

    Updates the best results: values (slots,), directions (slots, D), through (slots, D - 1). A set S belongs to the slot
    of its first member, or, if `slots` is 0 or more, to that slot. If `careful`, sums C have a remainder term, and C C' is
    recomputed on each arc, since close points may have large rows of L that cancel.
    """
    N, D = P.shape
    S, members = np.empty(D - 2, np.int64), np.empty(D - 2, np.int64)
    for k in range(D - 2):
        S[k] = k
    others = np.empty(N, np.int64)
    count = ZERO
    for j in range(N):
        if j != base:
            others[count] = j
            count += 1
    while True:
        for k in range(D - 2):
            members[k] = others[S[k]]
        slot = slots if slots >= 0 else members[0]
        _sweep(P, L, antipodal, careful, base, members, slot, seen, marks, values, directions, through)
        k = D - 3
        while k >= 0 and S[k] == count - (D - 2) + k:
            k -= 1
        if k < 0:
            return
        S[k] += 1
        for m in range(k + 1, D - 2):
            S[m] = S[m - 1] + 1


@kernel()
def local_search(P: Any, L: Any, antipodal: bool, bases: Any, values: Any, directions: Any, through: Any) -> None:
    """Search locally from K neurons with these base points (-1: none), directions (K, D) and kinks, `through` (K, D - 1).

    All three are replaced by those of the local maxima, and `values` (K,) is set to the responses.
    """
    D, seen, v = P.shape[1], np.empty(P.shape), np.empty(P.shape[1])
    for start in range(len(bases)):
        base, w, kink = bases[start], directions[start], through[start]
        _look_from(P, base, seen)
        values[start] = _uphill(seen, L, base, kink, w, v)
        for _ in range(_STEPS):
            before = values[start]
            _uphill(seen, L, base, kink, w, v)
            if _tangent(seen, kink, -1, w, v) > _FLAT * before:
                values[start] = _along(seen, L, antipodal, base, kink, -1, w, v, before)
            for k in range(D - 1):
                if values[start] > before * (1.0 + _GAIN):
                    break
                if kink[k] >= 0:
                    copy(seen[kink[k]], v)
                    if _tangent(seen, kink, k, w, v) > 0.0:
                        values[start] = _along(seen, L, antipodal, base, kink, k, w, v, before)
            if base >= 0 and not values[start] > before * (1.0 + _GAIN):
                other, value = _slide(seen, L, w)
                if value > before * (1.0 + _GAIN):
                    base, values[start] = other, value
                    bases[start] = base
                    _forget(kink)
                    _look_from(P, base, seen)
            if not values[start] > before * (1.0 + _GAIN):
                break


@inner()
def _look_from(P: Any, base: int, seen: Any) -> None:
    for j in range(len(P)):
        for c in range(P.shape[1]):
            seen[j, c] = P[j, c] - P[base, c] if base >= 0 else P[j, c]


@inner()
def _forget(kink: Any) -> None:
    """Set all points of a kink to none."""
    for k in range(len(kink)):
        kink[k] = -1


@inner()
def _slide(P: Any, L: Any, w: Any) -> tuple[int, float]:
    """Find the base point from which the direction w has the largest response, and that response."""
    N, T = L.shape
    along, total, weighted = np.empty(N), np.zeros(T), np.zeros(T)
    for j in range(N):
        along[j] = -_dot(P[j], w)
    best, place, order = -1.0, -1, argsort(along)
    for i in range(N):
        j, square = order[i], 0.0
        value = -along[j]
        for t in range(T):
            square += (weighted[t] - value * total[t]) ** 2
        if square > best:
            best, place = square, j
        for t in range(T):
            total[t] += L[j, t]
            weighted[t] += value * L[j, t]
    return place, math.sqrt(best)


@inner()
def _uphill(P: Any, L: Any, base: int, kink: Any, w: Any, v: Any) -> float:
    """Set v to the gradient at w of the response without the points on the kink, and return the response."""
    (N, D), T = P.shape, L.shape[1]
    response, active = np.zeros(T), np.zeros(N)
    for j in range(N):
        along = _dot(P[j], w)
        if along > 0.0 and not _taken(j, base, kink, -1):
            active[j] = 1.0
            for t in range(T):
                response[t] += along * L[j, t]
    value = math.sqrt(_dot(response, response))
    clear(v)
    for j in range(N):
        if active[j] > 0.0 and value > 0.0:
            weight = _dot(L[j], response) / value
            for c in range(D):
                v[c] += weight * P[j, c]
    return value


@inner()
def _taken(j: int, base: int, kink: Any, leave: int) -> bool:
    """Whether point j is left out: it is the base point, or on the kink and not at the place `leave`."""
    taken = j == base
    for k in range(len(kink)):
        taken = taken or (j == kink[k] and k != leave)
    return taken


@inner()
def _tangent(P: Any, kink: Any, leave: int, w: Any, v: Any) -> float:
    """Make v a unit vector orthogonal to w and to the points on the kink, except the one at the place `leave`.

    Returns its length before it is normalised; 0 if only rounding was left.
    """
    D = len(w)
    length, basis = math.sqrt(_dot(v, v)), np.empty((D + 1, D))
    copy(w, basis[0])
    used = 1
    for k in range(D - 1):
        if kink[k] >= 0 and k != leave and used < D and _append(P[kink[k]], basis, used) > 0.0:
            used += 1
    left = _append(v, basis, used) if used < D else 0.0
    if not left > _ROUNDING:
        return 0.0
    copy(basis[used], v)
    return left * length


@inner()
def _along(
    P: Any, L: Any, antipodal: bool, base: int, kink: Any, leave: int, w: Any, v: Any, value: float
) -> float:  # fmt: skip
    """Go to the largest response on the great circle through w and v, if it is above `value`; return it, or `value`.

    The circle leaves the point at the place `leave` (-1: none) of the kink, and may meet another one at its maximum.
    """
    N, D = P.shape
    Q = np.zeros((N, 2))
    for j in range(N):
        if not _taken(j, base, kink, leave):
            Q[j, 0], Q[j, 1] = _dot(P[j], w), _dot(P[j], v)
    if leave >= 0:
        Q[kink[leave], 0] = 0.0
    angle, order = np.empty(N), np.empty(N, np.int32)
    count = switches(Q, angle, order)
    values, peak, last = np.empty(4 * N + 4), np.empty(4 * N + 4), np.empty(4 * N + 4, np.int64)
    best = rise(Q, L, antipodal, angle, order, count, True, values, peak, last) - 1
    if not values[best] > value * (1.0 + _GAIN):
        return value
    a, b = math.cos(peak[best]), math.sin(peak[best])
    for c in range(D):
        w[c] = a * w[c] + b * v[c]
    size = math.sqrt(_dot(w, w))
    for c in range(D):
        w[c] /= size
    place = leave
    if leave >= 0:
        kink[leave] = -1
    for k in range(D - 1):
        if kink[k] < 0:
            place = k
    if last[best] >= 0 and place >= 0:
        kink[place] = last[best]
    return float(values[best])


@inner()
def _switches(P: Any, u: Any, v: Any, base: int, S: Any, x: Any, y: Any, switch: Any, rows: Any) -> int:
    """Set x, y to the points' coordinates, and `switch` to the angles at which points `rows` switch; return how many do.

    The point `base` and the points S lie on every kink: their coordinates are set to 0, and they have no angle.
    """
    count = ZERO
    for j in range(len(P)):
        x[j], y[j] = _dot(P[j], u), _dot(P[j], v)
        taken = j == base
        for s in S:
            taken = taken or j == s
        if taken or (x[j] == 0.0 and y[j] == 0.0):
            x[j], y[j] = 0.0, 0.0
            continue
        theta = math.atan2(x[j] + 0.0, -y[j])
        switch[count], rows[count] = theta if theta > 0.0 else theta + math.pi, j
        count += 1
    return count


@inner()
def _sweep(
    P: Any, L: Any, antipodal: bool, careful: bool, base: int, S: Any, slot: int, seen: Any, marks: Any,
    values: Any, directions: Any, through: Any,
) -> None:  # fmt: skip
    """Sweep the great circle orthogonal to the points S, and the faces next to it."""
    (N, D), T = P.shape, L.shape[1]
    basis = np.empty((D, D))  # rows: an orthonormal basis of span(P_S), then u and v of the circle
    if not _complete(P, S, basis):
        return
    u, v = basis[D - 2], basis[D - 1]
    x, y, switch, rows = np.empty(N), np.empty(N), np.empty(N), np.empty(N, np.int64)
    count = _switches(P, u, v, base, S, x, y, switch, rows)
    # A point that lies on the whole circle by chance has no side there, and a face has no mark.
    marked = count == N - len(S) - (1 if base >= 0 else 0)
    everything = _mark_of(marks, rows[:count]) ^ _mark_of(marks, S)
    order = argsort(switch[:count])
    C, rest, M, w = np.empty((D, T)), np.empty((D, T)), np.empty((D, D)), np.empty(D)
    sign = np.empty(N)
    for side in range(1 if antipodal else 2):
        _begin(P, L, x, y, side, careful, C, rest, M, sign)
        mark, low = np.uint64(0), 0.0
        for j in range(N):
            if sign[j] > 0.0:
                mark ^= marks[j, 0]
        for k in range(count + 1):
            high = switch[order[k]] if k < count else math.pi
            xx, xy, yy = _form(M, u, u), _form(M, u, v), _form(M, v, v)
            top, square = 0.5 * (xx + yy) + math.hypot(0.5 * (xx - yy), xy), -1.0
            if careful or top > values[slot] * values[slot]:
                peak = 0.5 * math.atan2(2.0 * xy, xx - yy)
                if peak < 0.0:
                    peak += math.pi
                angle, last = (peak, -1) if low < peak < high else (high, rows[order[k]] if k < count else -1)
                a, b = math.cos(angle), math.sin(angle)
                square = xx * a * a + 2.0 * xy * a * b + yy * b * b
            if careful:
                for c in range(D):
                    w[c] = a * u[c] + b * v[c]
                square = _square_at(C, rest, w)
            if square > values[slot] * values[slot] * (1.0 + 1e-12):
                turn = 1.0 if side == 0 else -1.0
                values[slot] = math.sqrt(square)
                for c in range(D):
                    directions[slot, c] = turn * (a * u[c] + b * v[c])
                for c in range(D - 2):
                    through[slot, c] = S[c]
                through[slot, D - 2] = last
            _faces(
                P, L, S, basis, C, rest, M, sign, antipodal, mark, everything, marked, seen, marks, slot, values,
                directions, through, w,
            )  # fmt: skip
            if k < count:
                j = rows[order[k]]
                mark ^= marks[j, 0]
                if careful:
                    sign[j] = -sign[j]
                    _add(P[j], L[j], sign[j], C, rest)
                    _gram(C, rest, M)
                else:
                    _cross(P[j], L[j], j, C, M, sign)
            low = high


@inner()
def _faces(
    P: Any, L: Any, S: Any, basis: Any, C: Any, rest: Any, M: Any, sign: Any, antipodal: bool, mark: Any, everything: Any,
    marked: bool, seen: Any, marks: Any, slot: int, values: Any, directions: Any, through: Any, w: Any,
) -> None:  # fmt: skip
    """Look for maxima inside the faces next to an arc of the circle: every point of S is on, off or on the kink.

    `mark` is that of the points that are on along the arc, and `everything` that of all points.
    """
    D, m = P.shape[1], len(S)
    state, gram, part, span = np.empty(m, np.int64), np.empty((D, D)), np.empty(C.shape), np.empty((D, D))
    total = ZERO + 1
    for _ in range(m):
        total *= 3
    for code in range(1, total):
        digits, free = code, ZERO
        for k in range(m):
            state[k] = digits % 3  # 0: on the kink, 1: on, 2: off
            digits //= 3
            free += state[k] > 0
        on, face, opposite = False, mark, mark ^ everything
        for k in range(m):
            on = on or state[k] == 1
            if state[k] == 1:
                face ^= marks[S[k], 0]
                opposite ^= marks[S[k], 0]
            elif state[k] == 0:
                face ^= marks[S[k], 1]
                opposite ^= marks[S[k], 0] ^ marks[S[k], 1]
        if marked and not _is_new(seen, min(face, opposite) if antipodal else face):
            continue
        if on:
            for c in range(D):
                for t in range(C.shape[1]):
                    part[c, t] = C[c, t] + rest[c, t]
            for k in range(m):
                if state[k] == 1:
                    for c in range(D):
                        for t in range(C.shape[1]):
                            part[c, t] += P[S[k], c] * L[S[k], t]
            for c in range(D):
                for e in range(c + 1):
                    gram[c, e] = _dot(part[c], part[e])
                    gram[e, c] = gram[c, e]
        else:
            for c in range(D):
                copy(M[c], gram[c])
        bar = values[slot] * values[slot] * (1.0 + 1e-12)
        trace = 0.0
        for c in range(D):
            trace += gram[c, c]
        if trace <= bar or _below(gram, bar - _EIGENVALUE_ROUNDING * trace, span):
            continue
        square = _top(P, S, state, free, basis, gram, w)
        if square > bar and _belongs(P, S, state, sign, w):
            values[slot] = math.sqrt(square)
            copy(w, directions[slot])
            _forget(through[slot])
            place = ZERO
            for k in range(m):
                if state[k] == 0:
                    through[slot, place] = S[k]
                    place += 1


def tables(N: int, D: int, base: int, antipodal: bool) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Return what `search_all` needs to recognise faces: an empty table, and marks (N, 2) of the points."""
    return np.zeros(_table_size(N - int(base >= 0), D, antipodal), np.uint64), _marks(N)


@lru_cache(4)
def _marks(N: int) -> NDArray[np.uint64]:
    """Random numbers (N, 2): the mark of a face is the sum, bit by bit, of those of its points that are on, or on the kink.

    That two of a million faces have the same mark, so that one is missed, has a probability of 1e-7; the verifier knows no
    marks.
    """
    # The generator splitmix64 (Steele, Lea and Flood, OOPSLA 2014)
    state = np.arange(1, 2 * N + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    z = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return (z ^ (z >> np.uint64(31))).reshape(N, 2)


@inner()
def _mark_of(marks: Any, points: Any) -> Any:
    """Mark of points that are on."""
    mark = np.uint64(0)
    for j in points:
        mark ^= marks[j, 0]
    return mark


def _table_size(n: int, D: int, antipodal: bool) -> int:
    """Return a power of two above the number of faces around a base point, within limits."""
    vertices = 1.0 if antipodal else 2.0
    for k in range(D - 1):
        vertices *= (n - k) / (k + 1)
    size = 64
    while size < vertices * 2.0 ** (D - 1) and size < _TABLE:
        size *= 2
    return size


@inner()
def _is_new(seen: Any, mark: Any) -> bool:
    """Whether a face is not in the table. If so, it is added, unless it finds no place."""
    unit = np.uint64(1)
    last = np.uint64(len(seen)) - unit
    for attempt in range(_ATTEMPTS):
        place = (mark + np.uint64(attempt)) & last
        if seen[place] == mark:
            return False
        if seen[place] == np.uint64(0):
            seen[place] = mark
            return True
    return True


@inner()
def _below(gram: Any, bar: float, factor: Any) -> bool:
    """Whether all eigenvalues of `gram` are below `bar`: then bar - gram has a Cholesky factor, which is overwritten."""
    D = len(gram)
    for c in range(D):
        for e in range(c + 1):
            rest = (bar if c == e else 0.0) - gram[c, e]
            for k in range(e):
                rest -= factor[c, k] * factor[e, k]
            if c == e and rest <= 0.0:
                return False
            factor[c, e] = math.sqrt(rest) if c == e else rest / factor[e, e]
    return True


@inner()
def _top(P: Any, S: Any, state: Any, free: int, basis: Any, gram: Any, w: Any) -> float:
    """Largest eigenvalue of `gram` on the face's subspace; sets w to its unit vector."""
    D, m = len(w), len(S)
    size = 2 + free
    span = np.empty((D, D))  # an orthonormal basis of the points on the kink, then one of the face
    used = ZERO
    for k in range(m):
        if state[k] == 0:
            _append(P[S[k]], span, used)
            used += 1
    for k in range(D - 1, -1, -1):  # the circle's vectors first, then those of span(P_S)
        if used < D and _append(basis[k], span, used) > 1e-6:
            used += 1
    first = D - size
    small, vectors = np.empty((size, size)), np.empty((size, size))
    for a in range(size):
        for b in range(a + 1):
            small[a, b] = _form(gram, span[first + a], span[first + b])
            small[b, a] = small[a, b]
    best = _jacobi(small, vectors)
    for c in range(D):
        w[c] = 0.0
        for a in range(size):
            w[c] += vectors[a, best] * span[first + a, c]
    return small[best, best]


@inner()
def _belongs(P: Any, S: Any, state: Any, sign: Any, w: Any) -> bool:
    """Whether w or -w lies in the face; turns w so that it does."""
    for side in range(2):
        turn, inside = 1.0 - 2.0 * side, True
        for k in range(len(S)):
            if state[k] > 0:
                value = turn * _dot(P[S[k]], w)
                inside = inside and (value > 0.0 if state[k] == 1 else value < 0.0)
        j = ZERO
        while inside and j < len(sign):
            inside = sign[j] == 0.0 or turn * sign[j] * _dot(P[j], w) > 0.0
            j += 1
        if inside:
            for c in range(len(w)):
                w[c] *= turn
            return True
    return False


@inner()
def _begin(
    P: Any, L: Any, x: Any, y: Any, side: int, careful: bool, C: Any, rest: Any, M: Any, sign: Any
) -> None:  # fmt: skip
    """Set C (with a remainder, if `careful`), M = C C' and the signs of w.p_j for directions just after angle 0 (or pi).

    The sign 0 marks points that are left out.
    """
    D, T = C.shape
    for c in range(D):
        clear(C[c])
        clear(rest[c])
    for j in range(len(P)):
        if x[j] == 0.0 and y[j] == 0.0:
            sign[j] = 0.0
            continue
        positive = x[j] > 0.0 or (x[j] == 0.0 and y[j] > 0.0)
        sign[j] = 1.0 if positive == (side == 0) else -1.0
        if sign[j] > 0.0 and careful:
            _add(P[j], L[j], 1.0, C, rest)
        elif sign[j] > 0.0:
            for c in range(D):
                for t in range(T):
                    C[c, t] += P[j, c] * L[j, t]
    _gram(C, rest, M)


@inner()
def _gram(C: Any, rest: Any, M: Any) -> None:
    """Set M to C C'."""
    for c in range(len(C)):
        for e in range(c + 1):
            total = 0.0
            for t in range(C.shape[1]):
                total += (C[c, t] + rest[c, t]) * (C[e, t] + rest[e, t])
            M[c, e], M[e, c] = total, total


@inner()
def _add(p: Any, vector: Any, sign: float, C: Any, rest: Any) -> None:
    """Add a product to C and its rounding error to the remainder."""
    for c in range(len(p)):
        for t in range(len(vector)):
            term, lost = product(sign * p[c], vector[t])
            C[c, t], more = sum_of(C[c, t], term)
            rest[c, t] += more + lost


@inner()
def _square_at(C: Any, rest: Any, w: Any) -> float:
    """||C'w||^2."""
    total = 0.0
    for t in range(C.shape[1]):
        value, left = 0.0, 0.0
        for c in range(len(w)):
            term, lost = product(w[c], C[c, t])
            value, more = sum_of(value, term)
            left += more + (lost + w[c] * rest[c, t])
        total += (value + left) ** 2
    return total


@inner(fastmath={"reassoc", "contract"})
def _cross(p: Any, vector: Any, j: int, C: Any, M: Any, sign: Any) -> None:
    """Switch the point p on or off."""
    D, T = C.shape
    step, square = -sign[j], 0.0
    sign[j] = step
    for t in range(T):
        square += vector[t] * vector[t]
    along = np.empty(D)
    for c in range(D):
        along[c] = 0.0
        for t in range(T):
            along[c] += C[c, t] * vector[t]
    for c in range(D):
        for t in range(T):
            C[c, t] += step * p[c] * vector[t]
    for c in range(D):
        for e in range(D):
            M[c, e] += step * (p[c] * along[e] + along[c] * p[e]) + square * p[c] * p[e]


@inner()
def _complete(P: Any, S: Any, basis: Any) -> bool:
    """Fill the rows of `basis` with orthonormal vectors, the first of them spanning P_S; False if P_S is dependent."""
    D = basis.shape[1]
    used = ZERO
    for s in S:
        if _append(P[s], basis, used) < 1e-12:
            return False
        used += 1
    axis = np.empty(D)
    while used < D:
        longest, best = -1.0, ZERO
        for c in range(D):
            left = 1.0
            for k in range(used):
                left -= basis[k, c] * basis[k, c]
            if left > longest:
                longest, best = left, c
        clear(axis)
        axis[best] = 1.0
        _append(axis, basis, used)
        used += 1
    return True


@inner()
def _append(p: Any, basis: Any, used: int) -> float:
    """Append p, orthogonalised, to an orthonormal basis; return its length before normalisation, relative to p."""
    D = basis.shape[1]
    length = math.sqrt(_dot(p, p))
    if length == 0.0:
        return 0.0
    for c in range(D):
        basis[used, c] = p[c] / length
    for k in range(2 * used):
        along = _dot(basis[used], basis[k % used])
        for c in range(D):
            basis[used, c] -= along * basis[k % used, c]
    left = math.sqrt(_dot(basis[used], basis[used]))
    if left > 0.0:
        for c in range(D):
            basis[used, c] /= left
    return left


@inner(fastmath={"reassoc", "contract"})
def _dot(u: Any, v: Any) -> float:
    total = 0.0
    for k in range(len(u)):
        total += u[k] * v[k]
    return total


@inner()
def _form(M: Any, u: Any, v: Any) -> float:
    total = 0.0
    for c in range(len(u)):
        total += u[c] * _dot(M[c], v)
    return total


@inner()
def _jacobi(M: Any, V: Any) -> int:
    """Diagonalise the symmetric matrix M by rotations, V its eigenvectors as columns; return the place of the largest."""
    n = len(M)
    for a in range(n):
        clear(V[a])
        V[a, a] = 1.0
    for _ in range(_SWEEPS):
        off, whole = 0.0, 0.0
        for a in range(n):
            whole += M[a, a] * M[a, a]
            for b in range(a):
                off += M[a, b] * M[a, b]
        if off <= 1e-30 * whole:
            break
        for a in range(1, n):
            for b in range(a):
                if M[a, b] == 0.0:
                    continue
                tau = 0.5 * (M[b, b] - M[a, a]) / M[a, b]
                t = (1.0 if tau >= 0.0 else -1.0) / (abs(tau) + math.sqrt(1.0 + tau * tau))
                c = 1.0 / math.sqrt(1.0 + t * t)
                s = t * c
                for k in range(n):
                    M[k, a], M[k, b] = c * M[k, a] - s * M[k, b], s * M[k, a] + c * M[k, b]
                for k in range(n):
                    M[a, k], M[b, k] = c * M[a, k] - s * M[b, k], s * M[a, k] + c * M[b, k]
                for k in range(n):
                    V[k, a], V[k, b] = c * V[k, a] - s * V[k, b], s * V[k, a] + c * V[k, b]
    best = ZERO
    for a in range(1, n):
        if M[a, a] > M[best, best]:
            best = a
    return best
