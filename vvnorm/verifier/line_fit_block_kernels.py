"""The compiled passes behind `vvnorm.verifier.line_fit_blocks`: sums over blocks of rows, for squared losses.

A block of rows lies on one linear piece of the function. Its sums are taken 64 rows and one output at a time. A number that
is added is split into a multiple of a unit, whose sums are exact, and a rest of at most 2^-49 times the largest sum
(S. M. Rump, T. Ogita, S. Oishi, SIAM J. Sci. Comput. 31, 2008, Algorithm 3.1). Sums of rests are rounded. So any order of
the additions is as good as another, and the compiler may use vectors.
"""

import math
from typing import Any, NamedTuple

from vvnorm._internal.jit import part, plain
from vvnorm.verifier.double_double import add, fma, times, two_product, two_sum
from vvnorm.verifier.line_fit_kernels import is_passed, pair_kink, pass_kink

CHUNK = 64  # rows whose sums are taken at once
_outer, _inner, _summing = plain(), part(), part(fastmath={"reassoc"})


class Blocks(NamedTuple):
    """Blocks of rows, and the function on them.

    start : (G + 1,), first rows; passed : (G,), the first kink to the right of the first row; value, slope : (2, G, T),
    double-double, the function at the first row and its slope.
    """

    start: Any
    passed: Any
    value: Any
    slope: Any


class Moments(NamedTuple):
    """Sums over the rows of each block; h = x - x_first, rounded, and off = f(x_first) + slope h - y.

    steps : (2, 2, G), sums of h and h^2, double-double in the second axis.
    off : (2, 2, G, T), sums of -off and -off h, double-double in the second axis.
    loss : (2, G, T), sums of off^2 / 2 and their low parts; size, largest : (G, T), sums of |off|, and bounds on |y|.
    """

    steps: Any
    off: Any
    loss: Any
    size: Any
    largest: Any


@_outer
def outline(x: Any, curve: Any, line: Any, reach: float, most: int, blocks: Any) -> int:
    """Divide the rows into blocks of at most `most` rows, each on one piece, and set `blocks`; return their number."""
    n, k, start, count = len(x), int(line.place[1]), 0, 0
    while start < n:
        while x[start] >= curve.at[k] and is_passed(curve, k, x[start]):
            pass_kink(curve, line, reach)
            k += 1
        stop = min((start // most + 1) * most, n)
        if x[stop - 1] >= curve.at[k]:
            low, high = start, stop
            while low < high:  # the first row at or behind the rounded kink
                middle = (low + high) // 2
                if x[middle] >= curve.at[k]:
                    high = middle
                else:
                    low = middle + 1
            while low < stop and not is_passed(curve, k, x[low]):
                low += 1
            stop = low
        h, h_low = two_sum(x[start], -line.place[0])
        for t in range(line.value.shape[1]):
            rise, rise_low = times(line.slope[0, t], line.slope[1, t], h, h_low)
            at, at_low = add(line.value[0, t], line.value[1, t], rise, rise_low)
            blocks.value[0, count, t], blocks.value[1, count, t] = at, at_low
            blocks.slope[0, count, t], blocks.slope[1, count, t] = line.slope[0, t], line.slope[1, t]
        blocks.start[count], blocks.passed[count] = start, k
        start, count = stop, count + 1
    blocks.start[count] = n
    return count


# --- sums of each block -----------------------------------------------------------------------------------------------


@_inner
def _split(unit: float, value: float) -> tuple[float, float]:
    """Split a number, exactly, into a rounded part, whose sums up to unit / 4 are exact, and a rest below 2^-52 unit."""
    high = (unit + value) - unit
    return high, value - high


@_inner
def _off(h: float, y: float, value: float, value_low: float, slope: float, slope_low: float) -> float:
    """Compute value + slope h - y with hardly more than one rounding, relative to the difference."""
    p = slope * h
    e = fma(slope, h, -p)
    u, f = two_sum(value, p)
    return (u - y) + (f + e + (value_low + slope_low * h))


@_summing
def _step_sums(h: Any, n: int, width: float) -> tuple[float, float, float, float]:
    """Sum h and h^2, 0 <= h <= width, each as the exact sum of its high parts and the sum of its rests."""
    step, rest, square, square_rest = 0.0, 0.0, 0.0, 0.0
    for i in range(n):
        high, low = _split(8.0 * CHUNK * width, h[i])
        step += high
        rest += low
        p, e = two_product(h[i], h[i])
        high, low = _split(8.0 * CHUNK * width * width, p)
        square += high
        square_rest += low + e
    return step, rest, square, square_rest


@_summing
def _magnitude(y: Any, n: int) -> float:
    """Bound sum |y| from above."""
    size = 0.0
    for i in range(n):
        size += abs(y[i])
    return size * (1.0 + 2.0**-40)


@_summing
def _chunk_sums(
    h: Any, y: Any, n: int, value: float, value_low: float, slope: float, slope_low: float, unit: float, turn_unit: float
) -> tuple[float, float, float, float, float, float]:
    """Sum off^2 / 2, |off|, y and y h; the latter two as exact sums of their high parts, and sums of their rests."""
    square, size, label, label_rest, turn, turn_rest = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for i in range(n):
        off = _off(h[i], y[i], value, value_low, slope, slope_low)
        square += 0.5 * off * off
        size += abs(off)
        high, low = _split(unit, y[i])
        label += high
        label_rest += low
        p, e = two_product(y[i], h[i])
        high, low = _split(turn_unit, p)
        turn += high
        turn_rest += low + e
    return square, size, label, label_rest, turn, turn_rest


@_outer
def summarise(x: Any, Y: Any, blocks: Any, first: int, last: int, work: Any, sums: Any) -> None:
    """Set the moments of some blocks, each independently of the others.

    Parameters
    ----------
    x, Y : (N,), (N, T) arrays
    blocks : Blocks
    first, last : int
        The blocks.
    work : (2, CHUNK) array
    sums : Moments
    """
    h, y = work[0], work[1]
    for g in range(first, last):
        start, stop = blocks.start[g], blocks.start[g + 1]
        width = x[stop - 1] - x[start]
        sums.steps[:, :, g] = 0.0
        sums.off[:, :, g] = 0.0
        sums.loss[:, g] = 0.0
        sums.size[g] = 0.0
        sums.largest[g] = 0.0
        for row in range(start, stop, CHUNK):
            n = min(CHUNK, stop - row)
            for i in range(n):
                h[i] = x[row + i] - x[start]
            step, rest, square, square_rest = _step_sums(h, n, width)
            sums.steps[0, 0, g], sums.steps[0, 1, g] = add(sums.steps[0, 0, g], sums.steps[0, 1, g], step, rest)
            sums.steps[1, 0, g], sums.steps[1, 1, g] = add(sums.steps[1, 0, g], sums.steps[1, 1, g], square, square_rest)
            for t in range(Y.shape[1]):
                for i in range(n):
                    y[i] = Y[row + i, t]
                largest = _magnitude(y, n)
                square, size, label, rest, turn, turn_rest = _chunk_sums(
                    h, y, n, blocks.value[0, g, t], blocks.value[1, g, t], blocks.slope[0, g, t], blocks.slope[1, g, t],
                    8.0 * largest, 8.0 * largest * width,
                )  # fmt: skip
                sums.loss[0, g, t], e = two_sum(sums.loss[0, g, t], square)
                sums.loss[1, g, t] += e
                sums.size[g, t] += size
                sums.largest[g, t] = max(sums.largest[g, t], largest)
                sums.off[0, 0, g, t], sums.off[0, 1, g, t] = add(sums.off[0, 0, g, t], sums.off[0, 1, g, t], label, rest)
                sums.off[1, 0, g, t], sums.off[1, 1, g, t] = add(
                    sums.off[1, 0, g, t], sums.off[1, 1, g, t], turn, turn_rest
                )
        _less_function(float(stop - start), blocks, sums, g)


@_inner
def _less_function(n: float, blocks: Any, sums: Any, g: int) -> None:
    """Turn sums of y and y h into sums of -off and -off h."""
    steps, off, value, slope = sums.steps, sums.off, blocks.value, blocks.slope
    for t in range(off.shape[3]):
        for j in range(2):
            a, a_low = (n, 0.0) if j == 0 else (steps[0, 0, g], steps[0, 1, g])
            p, p_low = times(value[0, g, t], value[1, g, t], a, a_low)
            q, q_low = times(slope[0, g, t], slope[1, g, t], steps[j, 0, g], steps[j, 1, g])
            u, u_low = add(p, p_low, q, q_low)
            off[j, 0, g, t], off[j, 1, g, t] = add(off[j, 0, g, t], off[j, 1, g, t], -u, -u_low)


# --- sums of all blocks -----------------------------------------------------------------------------------------------


@_outer
def collect(x: Any, blocks: Any, moments: Any, centre: float, total: Any, powers: Any, gap: Any) -> None:
    """Add up the moments about `centre`: see `total`, `powers` and rows 0, 1 and 4 of `gap` in `line_fit_kernels.Sums`."""
    for g in range(len(blocks.passed)):
        n = float(blocks.start[g + 1] - blocks.start[g])
        d, d_low = two_sum(x[blocks.start[g]], -centre)
        near, near_low = times(n, 0.0, d, d_low)
        first, first_low = add(moments.steps[0, 0, g], moments.steps[0, 1, g], near, near_low)
        # sum (h + d)^2 = sum h^2 + d (sum h + sum (h + d))
        both, both_low = add(first, first_low, moments.steps[0, 0, g], moments.steps[0, 1, g])
        far, far_low = times(d, d_low, both, both_low)
        second, second_low = add(far, far_low, moments.steps[1, 0, g], moments.steps[1, 1, g])
        powers[0, 0, 0], powers[0, 1, 0] = add(powers[0, 0, 0], powers[0, 1, 0], n, 0.0)
        powers[1, 0, 0], powers[1, 1, 0] = add(powers[1, 0, 0], powers[1, 1, 0], first, first_low)
        powers[2, 0, 0], powers[2, 1, 0] = add(powers[2, 0, 0], powers[2, 1, 0], second, second_low)
        for t in range(gap.shape[1]):
            r, r_low = moments.off[0, 0, g, t], moments.off[0, 1, g, t]
            total[0, 0, t], total[0, 1, t] = add(total[0, 0, t], total[0, 1, t], r, r_low)
            p, p_low = times(r, r_low, d, d_low)
            p, p_low = add(p, p_low, moments.off[1, 0, g, t], moments.off[1, 1, g, t])
            total[1, 0, t], total[1, 1, t] = add(total[1, 0, t], total[1, 1, t], p, p_low)
            gap[0, t], e = two_sum(gap[0, t], moments.loss[0, g, t])
            gap[1, t] += e + moments.loss[1, g, t]
            gap[4, t] += 2.0 * moments.size[g, t]


@_outer
def respond(
    x: Any,
    blocks: Any,
    curve: Any,
    moments: Any,
    centre: float,
    alpha: Any,
    beta: Any,
    S: Any,
    Z: Any,
    at: Any,
    paired: Any,
) -> None:
    """Follow the response of neurons to R = -off - (alpha + beta (x - centre)) from block to block; pair it with kinks.

    Parameters
    ----------
    x, blocks, curve, moments, centre
        As in `summarise` and `collect`.
    alpha, beta : (T,) arrays
    S, Z : (2, T) arrays
        At first 0: at the end, sums of R and of R_j relu(x_N - x_j), double-double.
    at : (2, G + 1, T) array
        S and Z at the first rows of all blocks, that row's R not included, and at the last row; rounded.
    paired : (5,) array
        See `line_fit_kernels.Sums`.
    """
    count = len(blocks.passed)
    for g in range(count):
        start, stop = blocks.start[g], blocks.start[g + 1]
        if g > 0:
            for k in range(blocks.passed[g - 1], blocks.passed[g]):
                pair_kink(curve, k, x[start], S, Z, paired)
        n, step, step_low = float(stop - start), moments.steps[0, 0, g], moments.steps[0, 1, g]
        d, d_low = two_sum(x[start], -centre)
        width, width_low = two_sum(x[min(stop, len(x) - 1)], -x[start])
        near, near_low = times(n, 0.0, d, d_low)
        one, one_low = add(step, step_low, near, near_low)  # sum of x - centre
        far, far_low = times(d, d_low, step, step_low)
        two, two_low = add(far, far_low, moments.steps[1, 0, g], moments.steps[1, 1, g])  # sum of (x - centre) h
        for t in range(len(alpha)):
            at[0, g, t], at[1, g, t] = S[0, t], Z[0, t]
            a, a_low = times(alpha[t], 0.0, n, 0.0)
            b, b_low = times(beta[t], 0.0, one, one_low)
            a, a_low = add(a, a_low, b, b_low)
            r, r_low = add(moments.off[0, 0, g, t], moments.off[0, 1, g, t], -a, -a_low)
            a, a_low = times(alpha[t], 0.0, step, step_low)
            b, b_low = times(beta[t], 0.0, two, two_low)
            a, a_low = add(a, a_low, b, b_low)
            turn, turn_low = add(moments.off[1, 0, g, t], moments.off[1, 1, g, t], -a, -a_low)
            S_next, S_low = add(S[0, t], S[1, t], r, r_low)
            rise, rise_low = times(S_next, S_low, width, width_low)
            rise, rise_low = add(rise, rise_low, -turn, -turn_low)
            Z[0, t], Z[1, t] = add(Z[0, t], Z[1, t], rise, rise_low)
            S[0, t], S[1, t] = S_next, S_low
    for t in range(len(alpha)):
        at[0, count, t], at[1, count, t] = S[0, t], Z[0, t]


@_outer
def largest_responses(
    x: Any,
    Y: Any,
    blocks: Any,
    value: Any,
    slope: Any,
    at: Any,
    chosen: Any,
    first: int,
    last: int,
    work: Any,
    largest: Any,
) -> None:
    """Set `largest` (C,) to the largest squared response at the rows of some of the chosen blocks.

    Parameters
    ----------
    x, Y, blocks, at
        As in `respond`.
    value, slope : (C, T) arrays
        What is subtracted from the labels for R: value + slope h.
    chosen : (C,) array
        Numbers of the blocks.
    first, last : int
        Which of them.
    work : (2, T) array
    """
    S, Z = work[0], work[1]
    for c in range(first, last):
        g, most = chosen[c], 0.0
        start = blocks.start[g]
        for t in range(len(S)):
            S[t], Z[t] = 0.0, 0.0
        for i in range(start, blocks.start[g + 1]):
            h, step = x[i] - x[start], x[i] - x[max(i - 1, start)]
            square = 0.0
            for t in range(Y.shape[1]):
                Z[t] += S[t] * step
                S[t] += Y[i, t] - (value[c, t] + slope[c, t] * h)
                response = (at[1, g, t] + at[0, g, t] * h) + Z[t]
                square += response * response
            most = max(most, square if square == square else math.inf)
        largest[c] = most
