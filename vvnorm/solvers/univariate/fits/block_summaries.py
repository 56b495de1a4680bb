"""Squared losses on many rows: the data are summarised in blocks, and sweeps over the dual variable read few rows.

Rows are sorted by x. A block of consecutive rows keeps its weight, centroid, second moment, mean label, the slope of
its least-squares line, and the misfit to that line. Without reading a row, these determine for any function that is
linear on the block: its misfit; the sums of residuals that carry the dual variable Z (the double cumulative sum of the
residual) to the end of the block; and a bound on ||Z|| inside.

Inside a block, Z is the chord between its values at the ends of the block, minus a ripple, minus sum_j w_j l(x_j) g(x,
x_j), where l is the difference between the function and the block's own line, and g is Green's function of the interval
[a, b]. The ripple is sum_j w_j r_j g(x, x_j), where r are the residuals of the block's own line; it does not depend on
the function. Since g(x, u) <= g(u, u) = (u - a) (b - u) / (b - a), it lies between 0 and (b - a) / 4 and so within (b -
a) / 8 of a constant, and the residuals sum to 0. So the ripple is at most (b - a) / 8 sqrt(sum w) sqrt(sum w ||r||^2).

Groups of blocks are summarised in the same way. Single blocks of a group are read only if the bound of the group is too
large. For accuracy, labels are taken relative to a level and a line, and inputs relative to a centre.
"""

import math
from typing import Any

from vvnorm.solvers.array_kernels import ANY_ORDER, ZERO, clear, copy, part, plain

_FEW = 8  # outputs
GROUP = 16
"""Blocks in one group."""


@part()
def _above(y: float, level: float) -> float:
    """Subtract the level from a label: in a function of its own, since fastmath could subtract it from a sum instead."""
    return y - level


@part(fastmath=ANY_ORDER)
def _summarise_few(x: Any, Y: Any, level: Any, centre: float, start: int, stop: int, mean: Any, cross: Any) -> Any:
    """Do what `_summarise` does for a few outputs without weights, two at a time and in one pass relative to the first row.

    The speed is then limited by memory; with one output at a time, sums would wait for each other.
    """
    n, place, spread, scatter, T = float(stop - start), 0.0, 0.0, 0.0, Y.shape[1]
    for t in range(0, T, 2):
        u = min(t + 1, T - 1)  # the last output may be its own neighbour
        x0, y, v = x[start], Y[start, t], Y[start, u]
        place, spread, own, other, lever, lever_u, square, square_u = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
        for i in range(start, stop):
            off, a, b = x[i] - x0, Y[i, t] - y, Y[i, u] - v
            place, spread = place + off, spread + off * off
            own, lever, square = own + a, lever + off * a, square + a * a
            other, lever_u, square_u = other + b, lever_u + off * b, square_u + b * b
        mean[u], cross[u] = _above(v, level[u]) + other / n, lever_u - place * other / n
        mean[t], cross[t] = _above(y, level[t]) + own / n, lever - place * own / n
        left = max(square - own * own / n, 0.0)
        left_u = max(square_u - other * other / n, 0.0) if u > t else 0.0
        scatter += left + left_u + 0.0 * (square + square_u)  # the last term keeps NaN
    return n, (x[start] - centre) + place / n, max(spread - place * place / n, 0.0), scatter


@part(fastmath=ANY_ORDER)
def _summarise(
    x: Any, Y: Any, level: Any, weights: Any, centre: float, start: int, stop: int, mean: Any, cross: Any
) -> Any:  # fmt: skip
    """Return weight, centroid, second moment and scatter of rows start .. stop - 1; set mean and cross moments (T,)."""
    T = Y.shape[1]
    n, place, spread, scatter = 0.0, 0.0, 0.0, 0.0
    for t in range(T):
        mean[t] = 0.0
        cross[t] = 0.0
    for i in range(start, stop):
        w = weights[i] if len(weights) else 1.0
        n += w
        place += w * (x[i] - centre)
        for t in range(T):
            mean[t] += w * _above(Y[i, t], level[t])
    by = 1.0 / n if n > 0.0 else 0.0
    place *= by
    for t in range(T):
        mean[t] *= by
    for i in range(start, stop):
        w = weights[i] if len(weights) else 1.0
        off = (x[i] - centre) - place
        spread += w * off * off
        for t in range(T):
            above = _above(Y[i, t], level[t]) - mean[t]
            cross[t] += w * off * above
            scatter += w * above * above
    return n, place, spread, scatter


@part(fastmath=ANY_ORDER)
def _join(total: Any, mean: Any, cross: Any, n: float, place: float, spread: float, new_mean: Any, new_cross: Any) -> None:
    """Add one summary to another: `total` holds weight, centroid and second moment."""
    joint = total[0] + n
    if n == 0.0:
        return
    share, apart = n / joint, place - total[1]
    lever = total[0] * share * apart
    total[0] = joint
    total[1] += share * apart
    total[2] += spread + lever * apart
    for t in range(len(mean)):
        above = new_mean[t] - mean[t]
        mean[t] += share * above
        cross[t] += new_cross[t] + lever * above


@part(fastmath=ANY_ORDER)
def _block_step(block: Any, begin: float, end: float, origin: float, at: Any, m: Any, c: Any, Z: Any, S: Any) -> Any:
    """Carry Z and S over a block, or a group; return its misfit, ||Z||^2 at its end, and a bound on ||Z|| inside.

    `at` (2, T) holds value and slope of the function at the segment's left end, `origin`. All inputs are relative to the
    centre: sums with it would lose digits of inputs far from 0.
    """
    n, place, spread, h = block[0], block[1], block[2], end - begin
    off, back, left, right, apart, tilted = place - origin, end - place, 0.0, 0.0, 0.0, 0.0
    for t in range(len(Z)):
        above = m[t] - (at[0, t] + at[1, t] * off)
        tilt = c[t] - at[1, t] * spread
        left += Z[t] * Z[t]
        Z[t] += h * S[t] + (n * above * back - tilt)
        S[t] += n * above
        right += Z[t] * Z[t]
        apart += above * above
        tilted += tilt * tilt
    tilted = tilted / spread if spread > 0.0 else 0.0
    lever = max(n * (place - begin) * back - spread, 0.0) / h if h > 0.0 else 0.0
    line_part = math.sqrt(apart) * lever + math.sqrt(tilted * lever * 0.25 * h)
    return block[3] + n * apart + tilted, right, math.sqrt(max(left, right)) + block[4] + line_part


@plain(nogil=True)
def compress(
    x: Any,
    Y: Any,
    weights: Any,
    centre: float,
    size: int,
    moments: Any,
    means: Any,
    crosses: Any,
    line: Any,
    total: Any,
    first: int,
    last: int,
    all_read: bool,
) -> float:
    """Summarise the rows in blocks of `size`, relative to the least-squares line.

    Several threads may read the rows: each calls this function for some blocks, and a last call follows when all are read.

    Parameters
    ----------
    x : (N,) array, Y : (N, T) array, weights : (N,) or (0,) array
        Rows; no weights are weights of one.
    centre : float
        Origin of the centroids, and of the line.
    moments : (B, 5) array
        Set to weight, centroid, second moment, misfit to the block's own least-squares line, and a bound on its ripple.
    means, crosses : (B, T) arrays
        Set to mean label and cross moment sum w (x - centroid) (y - mean), both relative to the line.
    line : (3, T) array
        Set to the line's value at the centre, and its slope; the third row is the level that is subtracted from the labels
        first.
    total : (3,) array
        Set to weight, centroid and second moment of all rows.
    first, last : int
        The blocks first .. last - 1 are read.
    all_read : bool
        Whether all blocks are read after this call. If not, the summaries are not yet relative to the line.

    Returns
    -------
    float : the misfit inside the blocks, when all are read; not finite if a label is not.
    """
    T, misfit, sound = Y.shape[1], 0.0, 0.0
    few = T <= _FEW and not len(weights)
    for b in range(first, last):
        stop = min((b + 1) * size, len(x))
        if few:
            n, place, spread, scatter = _summarise_few(x, Y, line[2], centre, b * size, stop, means[b], crosses[b])
        else:
            n, place, spread, scatter = _summarise(x, Y, line[2], weights, centre, b * size, stop, means[b], crosses[b])
        explained = 0.0
        for t in range(T):
            explained += crosses[b, t] * crosses[b, t]
        off = max(scatter - explained / spread, 0.0) if spread > 0.0 else scatter
        ripple = 0.125 * (x[stop - 1] - x[b * size]) * math.sqrt(n * off)
        moments[b, 0], moments[b, 1], moments[b, 2], moments[b, 3], moments[b, 4] = n, place, spread, off, ripple
    if not all_read:
        return 0.0
    clear(total)
    clear(line[0])
    clear(line[1])
    count = -(-len(x) // size)
    for b in range(count):
        misfit += moments[b, 3]
        for t in range(T):
            sound += 0.0 * means[b, t]
        _join(total, line[0], line[1], moments[b, 0], moments[b, 1], moments[b, 2], means[b], crosses[b])
    for t in range(T):
        slope = line[1, t] / total[2] if total[2] > 0.0 else 0.0
        line[0, t] -= slope * total[1]
        line[1, t] = slope
    for b in range(count):
        for t in range(T):
            means[b, t] -= line[0, t] + line[1, t] * moments[b, 1]
            crosses[b, t] -= line[1, t] * moments[b, 2]
    return misfit + sound


@plain()
def group(x: Any, centre: float, size: int, moments: Any, means: Any, crosses: Any, scratch: Any) -> None:
    """Summarise groups of blocks like blocks, behind those in the same arrays; the arguments are those of `compress`.

    Misfits are sums of non-negative terms, and bounds on ripples follow from a walk over the blocks; the bound for one
    large block would be larger by the square of their number. `scratch` is (4, T).
    """
    at, Z, S, blocks = scratch[0:2], scratch[2], scratch[3], -(-len(x) // size)
    for g in range(blocks, len(moments)):
        whole, mean, cross, off, ripple = moments[g], means[g], crosses[g], 0.0, 0.0
        first = (g - blocks) * GROUP
        for row in (whole, mean, cross, Z, S):
            clear(row)
        for b in range(first, first + GROUP):
            _join(whole, mean, cross, moments[b, 0], moments[b, 1], moments[b, 2], means[b], crosses[b])
        start, last = x[first * size] - centre, (first + GROUP) * size - 1
        for t in range(len(mean)):
            at[1, t] = cross[t] / whole[2] if whole[2] > 0.0 else 0.0
            at[0, t] = mean[t] + at[1, t] * (start - whole[1])
        for b in range(first, first + GROUP):
            begin, end = x[b * size] - centre, x[min((b + 1) * size, last)] - centre
            square, _, inside = _block_step(moments[b], begin, end, start, at, means[b], crosses[b], Z, S)
            off, ripple = off + square, max(ripple, inside)
        whole[3], whole[4] = off, ripple


@part()
def segment_summaries(data: Any, blocks: Any, rows: Any, segments: Any, mean: Any, fitted: Any, scratch: Any) -> None:
    """Summarise the rows between knots.

    Parameters
    ----------
    data : tuple
        x (N,), Y (N, T), weights, centre, block size and line (3, T).
    blocks : tuple
        The results of `compress`.
    rows : (k,) array
        Rows of the knots; segment p has the rows rows[p] .. rows[p + 1] - 1, the last one also those from its right end on.
    segments : tuple of arrays
        Set to lengths (k - 1,), weights, centroids from the left end and second moments, each (1, k - 1).
    mean, fitted : (k - 1, T) arrays
        Set to the mean label and the least-squares slope, relative to the line.
    scratch : (4, T + 3) array
        Scratch.
    """
    x, Y, weights, centre, size, line = data
    moments, means, crosses = blocks
    h, weight, centroid, second = segments
    T, last, count = Y.shape[1], len(rows) - 2, -(-len(x) // size)
    total, cross, nothing = scratch[0], scratch[1], scratch[3]
    clear(nothing)
    for p in range(last + 1):
        row, stop, here = rows[p], len(x) if p == last else rows[p + 1], mean[p]
        clear(total)
        clear(here)
        clear(cross)
        while row < stop:
            b = row // size
            group, until = count + b // GROUP, min(b * size + size, len(x))
            if row % (GROUP * size) == 0 and group < len(moments) and row + GROUP * size <= stop:
                b, until = group, row + GROUP * size
            n, place, spread, m, c = moments[b, 0], moments[b, 1], moments[b, 2], means[b], crosses[b]
            if until > stop or row % size > 0:  # read this block row by row
                until, n, place, spread, m, c = row + 1, 1.0, x[row] - centre, 0.0, scratch[2], nothing
                if len(weights):
                    n = weights[row]
                for t in range(T):
                    m[t] = (Y[row, t] - line[2, t]) - (line[0, t] + line[1, t] * place)
            _join(total, here, cross, n, place, spread, m, c)
            row = until
        h[p] = x[rows[p + 1]] - x[rows[p]]
        weight[0, p], centroid[0, p], second[0, p] = total[0], total[1] - (x[rows[p]] - centre), total[2]
        for t in range(T):
            fitted[p, t] = cross[t] / total[2] if total[2] > 0.0 else 0.0


@part(fastmath=ANY_ORDER)
def _row_step(y: Any, level: Any, at: Any, step: float, off: float, w: float, Z: Any, S: Any) -> Any:
    """Carry Z over the gap to a row and add the row's residual to S; return squares of ||Z|| there and of the residual."""
    size, square = 0.0, 0.0
    for t in range(len(Z)):
        Z[t] += step * S[t]
        size += Z[t] * Z[t]
        r = _above(y[t], level[t]) - (at[0, t] + at[1, t] * off)
        S[t] += w * r
        square += w * r * r
    return size, square


@part(fastmath=ANY_ORDER)
def _carry(step: float, Z: Any, S: Any) -> float:
    size = 0.0
    for t in range(len(Z)):
        Z[t] += step * S[t]
        size += Z[t] * Z[t]
    return size


@part()
def _scan(data: Any, at: Any, origin: float, here: float, start: int, stop: int, Z: Any, S: Any, extremes: Any) -> Any:
    """Carry Z and S from `here` over rows start .. stop - 1; return their misfit, and the largest ||Z||^2 with its row."""
    x, Y, weights, level = data[0], data[1], data[2], data[5][2]
    misfit, best, worst = 0.0, extremes[0], extremes[1]
    for i in range(start, stop):
        w = weights[i] if len(weights) else 1.0
        norm, square = _row_step(Y[i], level, at, x[i] - here, x[i] - origin, w, Z, S)
        here = x[i]
        misfit += square
        if norm > best and x[i] > origin:
            best, worst = norm, i
    return misfit, (best, worst)


@part()
def _walk(
    data: Any,
    blocks: Any,
    function: Any,
    origin: float,
    here: float,
    start: int,
    stop: int,
    depth: int,
    Z: Any,
    S: Any,
    reach: Any,
    bounds: Any,
    extremes: Any,
) -> Any:
    """Carry Z and S over blocks, in as large steps as their bounds allow, and check ||Z|| at the ends of steps.

    A group or block is open if ||Z||^2 may exceed the threshold inside. The first walk takes groups as a whole, and sets
    `reach` to the bound on ||Z|| inside each; the second enters open groups; the third reads the rows of open blocks.

    Returns
    -------
    The input of Z; the misfit, for the first walk; the largest ||Z||^2 and its row; the largest squares of the entries of
    `reach` that were set, for groups and for blocks.
    """
    x, centre, size = data[0], data[3], data[4]
    moments, means, crosses = blocks
    N, misfit, best, worst, groups_reach, blocks_reach = len(x), 0.0, extremes[0], extremes[1], 0.0, 0.0
    count, row = -(-N // size), start
    while row < stop:
        b = row // size
        group, until = count + b // GROUP, min(row + size, N)
        bar = best + bounds[1] * (best - bounds[0])
        grouped = row % (GROUP * size) == 0 and group < len(moments) and row + GROUP * size <= stop
        if grouped and (depth == 1 or reach[group] * reach[group] <= bar):
            b, until = group, row + GROUP * size
        elif depth == 3 and reach[b] * reach[b] > bar:
            _, (best, worst) = _scan(data, function[1], origin, here, row, until, Z, S, (best, worst))
            row, here = until, x[until - 1]
            continue
        begin, end = x[row], x[until] if until < N else x[N - 1]
        _carry(begin - here, Z, S)
        square, size_there, reach[b] = _block_step(
            moments[b], begin - centre, end - centre, origin - centre, function[0], means[b], crosses[b], Z, S
        )
        row, here = until, end
        if depth == 3:
            continue
        misfit += square
        if size_there > best and until < stop and end > origin:
            best, worst = size_there, until
        if b >= count:
            groups_reach = max(groups_reach, reach[b])
        else:
            blocks_reach = max(blocks_reach, reach[b])
    return here, misfit, (best, worst), (groups_reach * groups_reach, blocks_reach * blocks_reach)


@part()
def _copy_rows(source: Any, target: Any) -> None:
    for i in range(len(source)):
        for t in range(source.shape[1]):
            target[i, t] = source[i, t]


@part()
def sweep(
    data: Any,
    blocks: Any,
    rows: Any,
    values: Any,
    slopes: Any,
    threshold: float,
    search_tolerance: float,
    Z_knots: Any,
    worst: Any,
    sizes: Any,
    reach: Any,
    scratch: Any,
) -> float:
    """Follow the dual variable Z of a piecewise linear function; return the function's misfit sum w ||y - f||^2.

    Parameters
    ----------
    data, blocks, rows
        As in `segment_summaries`.
    values : (k, T) array, slopes : (k - 1, T) array
        The function at the knots and on the segments, relative to the line.
    threshold : float
        Square of a norm: rows are not read where ||Z||^2 is provably below it.
    search_tolerance : float
        Rows are not read either where ||Z||^2 exceeds the largest square seen in the segment by at most this part of its
        excess over `threshold`.
    Z_knots : (k, T) array
        Set to Z at the knots.
    worst, sizes : (k - 1,) arrays
        Set to the row strictly inside each segment where ||Z|| is largest, up to the tolerance, and to ||Z||^2 there; to -1
        and `threshold` if it is nowhere larger.
    reach : (B,) array, scratch : (8, T) array
        Scratch.
    """
    x, Y, _, centre, size, line = data
    N, T = Y.shape
    last = len(rows) - 2
    state, kept, function = scratch[0:2], scratch[2:4], (scratch[4:6], scratch[6:8])
    Z, S = state[0], state[1]
    clear(Z)
    clear(S)
    here, before, misfit = x[0], x[0], 0.0
    for p in range(last + 2):
        row, origin = rows[p], x[rows[p]]
        _carry(origin - here, Z, S)
        copy(Z, Z_knots[p])
        if p > last:
            break
        stop, extremes = N if p == last else rows[p + 1], (threshold, ZERO - 1)
        for t in range(T):  # the function relative to the line, for blocks, and itself, for rows
            function[0][0, t], function[0][1, t] = values[p, t], slopes[p, t]
            function[1][0, t] = values[p, t] + (line[0, t] + line[1, t] * (origin - centre))
            function[1][1, t] = slopes[p, t] + line[1, t]
        start = min(-(-row // size) * size, stop)
        end = stop if stop == N else max(stop // size * size, start)
        here = origin
        groups_reach, blocks_reach = 0.0, 0.0
        # Rows up to the first full block, walks over the blocks, remaining rows.
        for piece in range(5):
            begin, until = (row, start) if piece == 0 else (end, stop) if piece == 4 else (start, end)
            if begin >= until:
                continue
            if piece == 0 or piece == 4:
                square, extremes = _scan(data, function[1], origin, here, begin, until, Z, S, extremes)
                misfit += square
                here = x[until - 1]
                continue
            bars, bar = (threshold, search_tolerance), extremes[0] + search_tolerance * (extremes[0] - threshold)
            if piece == 1:
                _copy_rows(state, kept)
                before = here
            elif (piece == 2 and groups_reach > bar) or (piece == 3 and blocks_reach > bar):
                _copy_rows(kept, state)
            else:
                continue
            here, square, extremes, (reached, blocks_reached) = _walk(
                data, blocks, function, origin, before, start, end, piece, Z, S, reach, bars, extremes
            )
            if piece == 1:
                misfit += square
                groups_reach = reached
            blocks_reach = max(blocks_reach, blocks_reached)
        sizes[p], worst[p] = extremes
    return misfit
