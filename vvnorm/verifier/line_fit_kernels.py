"""The compiled passes behind `vvnorm.verifier.line_fit`: sorted univariate data, any function, any loss.

`walk` passes over the rows up to three times. Each time it follows the function from data point to data point in
double-double arithmetic and sets up the dual array. Then `_moments` sums its products with affine functions, `_pairings`
computes the response Z of neurons to it, or `_gaps` adds up the duality gap entry by entry (for squared losses without a
given dual array the sums of `_moments` give that gap). `vvnorm.verifier.losses` has the formulas of losses and conjugates.

A row of the dual array is R = omega r, with r per unit of weight. Per entry, off = u - y (off = u for classes).
"""

import math
from typing import Any, NamedTuple

from vvnorm._internal.jit import part, plain
from vvnorm.losses import HINGE, LOGISTIC
from vvnorm.verifier.double_double import add, add_product, affine, fma, times, two_product, two_sum
from vvnorm.verifier.losses import entry_gap, entry_minus_slope, into_domain, scaled_entry

MOMENTS, PAIRINGS, GAPS = range(3)
_NOTHING = 2.0**-50  # of a domain: after a shift, entries of classes closer to 0 differ from 0 by rounding only
_outer, _inner = plain(), part()


class Curve(NamedTuple):
    """A function of one input: neurons that bend inside the data, by kink; or, with w empty, knots b and values V.

    w : (K,) or (0,); b : (K,); V : (K, T); at : kinks in order, rounded to nearest, with an infinite one at the end. For
    functions given by values the first entry of `at` is not looked at.
    """

    w: Any
    b: Any
    V: Any
    at: Any


class Line(NamedTuple):
    """The linear piece of the function that the pass has reached.

    place : (2,), where `value` is taken, and the next kink; value, slope : (2, T), double-double; size : (T,), the largest
    magnitudes met on the way, which bound the rounding errors.
    """

    place: Any
    value: Any
    slope: Any
    size: Any


class Spec(NamedTuple):
    """How outputs are judged, (T,) arrays.

    code, parameter : of the loss; regression : 0 for classes, else 1; shift, (2, T) : shift[0] + shift[1] (x - centre) is
    taken from the dual array, which is then put into its domain; alpha, beta : alpha + beta (x - centre), times the margin
    there, is taken from it after that; keep : 0 if that array is to be 0, else 1.
    """

    code: Any
    parameter: Any
    regression: Any
    shift: Any
    alpha: Any
    beta: Any
    keep: Any


class FitRows(NamedTuple):
    """A block of data: x (n,), labels (n, T), weights (n, 1) or (n, T), dual array (n, T) or (n, 0) for the default."""

    x: Any
    Y: Any
    weights: Any
    dual: Any


class Frame(NamedTuple):
    """How to look at the data.

    plain : all losses are squared, and no dual array is given; hard : margins are 1 unless they are 0; shrink : factor of
    the dual array, once it is in its domain; reach : x_N - x_1; centre : somewhere in between.
    """

    plain: bool
    hard: bool
    shrink: float
    reach: float
    centre: float


class Sums(NamedTuple):
    """Sums over the rows.

    total : (2, 2, T), sum R and sum R (x - centre), double-double.
    powers : (3, 2, P), sum phi (x - centre)^j with phi = omega margin, double-double; P = T, or 1 if outputs agree.
    support : (2, T), least and largest x where R or phi is not 0.
    first : (T,) or (0,), an approximation of sum R x: without a skip connection ||Z + first|| is bounded, too.
    last : (2,), x of the row before and its next kink; at first those of the first row.
    S, Z : (2, T), sums of R and of R_j relu(x - x_j), double-double.
    size : (T,), sum |R|.
    paired : (5,), the largest ||Z||^2 and ||Z + first||^2, the sum of pairings, its low part, and its sum of magnitudes.
    gap : (7, T), sum omega loss and its low part; sum omega (loss + loss*(-theta r) + theta r u) and its low part; its
    sensitivity to R and to u, in units of omega; sum phi.
    """

    total: Any
    powers: Any
    support: Any
    first: Any
    last: Any
    S: Any
    Z: Any
    size: Any
    paired: Any
    gap: Any


class Block(NamedTuple):
    """Values at a block of rows; arrays may be longer than the block.

    off, r : (2, n, T), double-double; omega, and margin, how far r may move : (n, T); passed : (n,), the next kink.
    """

    off: Any
    r: Any
    omega: Any
    margin: Any
    passed: Any


@_outer
def survey(labels: Any, largest: Any, missing: Any) -> None:
    """Raise `largest` (L,) to the largest |label|, and add to `missing` (L,) how many are missing.

    `labels` are the rows of Y, one behind the other; L is a multiple of the number of outputs.
    """
    for start in range(0, len(labels), len(largest)):
        for j in range(min(len(largest), len(labels) - start)):
            size = abs(labels[start + j])
            largest[j] = size if size > largest[j] else largest[j]
            missing[j] += 1.0 if size != size else 0.0


# --- the function -----------------------------------------------------------------------------------------------------


@_outer
def kinks(w: Any, b: Any, x0: float, high: Any, low: Any) -> None:
    """Set kinks -b / w (K,), double-double, of neurons that bend at x0 or to its right; infinite for others."""
    for k in range(len(b)):
        high[k], low[k] = math.inf, 0.0
        z, _ = affine(w[k], b[k], x0)
        if (w[k] > 0.0 and z <= 0.0) or (w[k] < 0.0 and z >= 0.0):
            high[k] = -b[k] / w[k]
            if abs(high[k]) < math.inf:
                low[k] = -fma(high[k], w[k], b[k]) / w[k]


@_outer
def begin_network(w: Any, b: Any, V: Any, A: Any, c: Any, x0: float, reach: float, line: Any) -> None:
    """Put the line at the first data point; neurons that bend there are yet to come. `reach` is x_N - x_1."""
    line.place[0], line.place[1] = x0, 0.0
    for t in range(len(c)):
        p, e = two_product(A[t], x0)
        line.value[0, t], line.value[1, t] = add(p, e, c[t], 0.0)
        line.slope[0, t], line.slope[1, t] = A[t], 0.0
        line.size[t] = abs(p) + abs(c[t]) + abs(A[t]) * reach
    for k in range(len(b)):
        z, z_low = affine(w[k], b[k], x0)
        if z > 0.0 or (z == 0.0 and w[k] < 0.0):
            add_product(w[k], 0.0, V[k], line.slope)
            add_product(z, z_low, V[k], line.value)
            for t in range(len(c)):
                line.size[t] += abs(V[k, t]) * (abs(w[k]) * (reach + abs(x0)) + abs(b[k]))


@_outer
def begin_pieces(curve: Any, x0: float, reach: float, line: Any) -> None:
    """Put the line on the piece that ends at the first data point or holds it."""
    k = 0
    while k + 2 < len(curve.b) and curve.b[k + 1] < x0:
        k += 1
    line.place[0], line.place[1] = curve.b[k], k + 1
    for t in range(curve.V.shape[1]):
        line.value[0, t], line.value[1, t] = curve.V[k, t], 0.0
        line.slope[0, t], line.slope[1, t] = _slope(curve, k, t)
        line.size[t] = abs(curve.V[k, t]) + abs(line.slope[0, t]) * (reach + abs(x0 - curve.b[k]))


@_inner
def _slope(curve: Any, k: int, t: int) -> tuple[float, float]:
    """Slope of the piece from knot k to the next, for functions given by values."""
    rise, rise_low = two_sum(curve.V[k + 1, t], -curve.V[k, t])
    run, run_low = two_sum(curve.b[k + 1], -curve.b[k])
    slope = rise / run
    return two_sum(slope, (fma(-slope, run, rise) + (rise_low - slope * run_low)) / run)


@_inner
def _jump(curve: Any, k: int, t: int) -> float:
    """Jump of the slope at knot k, for functions given by values."""
    before, before_low = _slope(curve, k - 1, t)
    after, after_low = _slope(curve, k, t)
    jump, low = add(after, after_low, -before, -before_low)
    return jump + low


@_outer
def slope_variation(curve: Any) -> float:
    """Return the total variation of the slope, for functions given by values."""
    total, low = 0.0, 0.0
    for k in range(1, len(curve.b) - 1):
        square = 0.0
        for t in range(curve.V.shape[1]):
            square += _jump(curve, k, t) ** 2
        total, e = two_sum(total, math.sqrt(square))
        low += e
    return total + low


@_inner
def is_passed(curve: Any, k: int, x: float) -> bool:
    """Whether kink k lies to the left of x, which is not to the left of the rounded kink."""
    if x > curve.at[k] or len(curve.w) == 0:
        return x > curve.at[k]
    ahead, _ = affine(curve.w[k], curve.b[k], x)
    return ahead > 0.0 if curve.w[k] > 0.0 else ahead < 0.0


@_inner
def pass_kink(curve: Any, line: Any, reach: float) -> None:
    """Go on to the piece behind the next kink."""
    k = int(line.place[1])
    if len(curve.w) == 0:
        line.place[0] = curve.b[k]
        for t in range(curve.V.shape[1]):
            line.value[0, t], line.value[1, t] = curve.V[k, t], 0.0
            line.slope[0, t], line.slope[1, t] = _slope(curve, k, t)
    else:
        sign = 1.0 if curve.w[k] > 0.0 else -1.0
        z, z_low = affine(curve.w[k], curve.b[k], line.place[0])
        add_product(abs(curve.w[k]), 0.0, curve.V[k], line.slope)
        add_product(sign * z, sign * z_low, curve.V[k], line.value)
    for t in range(curve.V.shape[1]):
        line.size[t] = max(line.size[t], abs(line.value[0, t]) + abs(line.slope[0, t]) * reach)
    line.place[1] = k + 1


@_inner
def _follow(rows: Any, line: Any, regression: Any, start: int, stop: int, off: Any, omega: Any) -> None:
    """Set rows of `off` and `omega`, all on the line's piece; missing entries get weight 0."""
    xs, Y, weights, value, slope, anchor = rows.x, rows.Y, rows.weights, line.value, line.slope, line.place[0]
    T = Y.shape[1]
    for i in range(start, stop):
        h, h_low = two_sum(xs[i], -anchor)
        for t in range(T):
            p = slope[0, t] * h
            e = fma(slope[0, t], h, -p) + (slope[1, t] * h + slope[0, t] * h_low)
            off[0, i, t], off[1, i, t] = add(value[0, t], value[1, t], p, e)
        for t in range(T):
            label = Y[i, t] * regression[t] if Y[i, t] == Y[i, t] else 0.0
            off[0, i, t], off[1, i, t] = add(off[0, i, t], off[1, i, t], -label, 0.0)
    for i in range(start, stop):
        if weights.shape[1] == 1:
            for t in range(T):
                omega[i, t] = weights[i, 0] if Y[i, t] == Y[i, t] else 0.0
        else:
            for t in range(T):
                omega[i, t] = weights[i, t] if Y[i, t] == Y[i, t] else 0.0


# --- the dual array ---------------------------------------------------------------------------------------------------


@_inner
def _follow_all(rows: Any, curve: Any, line: Any, spec: Any, frame: Any, block: Any) -> None:
    """Follow the function over a few rows; set `off`, `omega` and `passed`."""
    # Separate loops, each over few arrays: with more arrays the compiler no longer checks that they do not overlap, and
    # does not vectorise. For the same reason high and low parts are stored in separate blocks.
    xs, at, passed = rows.x, curve.at, block.passed
    n, k, stop = len(xs), int(line.place[1]), 0
    for start in range(n):
        if start < stop:  # this row lies on the piece of the rows before, and is done
            continue
        while xs[start] >= at[k] and is_passed(curve, k, xs[start]):
            pass_kink(curve, line, frame.reach)
            k += 1
        stop = start
        while stop < n and not (xs[stop] >= at[k] and is_passed(curve, k, xs[stop])):
            passed[stop] = k
            stop += 1
        _follow(rows, line, spec.regression, start, stop, block.off, block.omega)


@_inner
def _negate(n: int, off: Any, r: Any, margin: Any) -> None:
    """Set r to -off, which is -loss' for squared losses, and the margin to 1."""
    for i in range(n):
        for t in range(margin.shape[1]):
            margin[i, t] = 1.0
        for t in range(margin.shape[1]):
            r[0, i, t] = -off[0, i, t]
        for t in range(margin.shape[1]):
            r[1, i, t] = -off[1, i, t]


@_inner
def _correct(xs: Any, spec: Any, frame: Any, r: Any, margin: Any) -> None:
    """Take alpha + beta (x - centre), times the margin, from the dual array, and set it to 0 where `keep` is 0."""
    alpha, beta, keep, centre = spec.alpha, spec.beta, spec.keep, frame.centre
    n, T, lost, bent = len(xs), len(keep), 0, 0
    for t in range(T):
        lost += keep[t] == 0.0
        bent += alpha[t] != 0.0 or beta[t] != 0.0
    if bent:
        for i in range(n):
            d = xs[i] - centre
            for t in range(T):
                r[0, i, t], r[1, i, t] = add(r[0, i, t], r[1, i, t], -margin[i, t] * (alpha[t] + beta[t] * d), 0.0)
    if lost:
        for i in range(n):
            for t in range(T):
                r[0, i, t] *= keep[t]
                r[1, i, t] *= keep[t]


@_inner
def _choose(rows: Any, spec: Any, frame: Any, off: Any, omega: Any, r: Any, margin: Any) -> None:
    """Set r to the given dual array or to -loss', inside its domain, and `margin`."""
    Y, dual, shift = rows.Y, rows.dual, spec.shift
    for i in range(Y.shape[0]):
        d = rows.x[i] - frame.centre
        for t in range(Y.shape[1]):
            r[0, i, t], r[1, i, t], margin[i, t] = 0.0, 0.0, 0.0
            if omega[i, t] > 0.0:
                code, parameter = spec.code[t], spec.parameter[t]
                sign = 1.0 if Y[i, t] > 0.0 else -1.0
                if dual.shape[1]:
                    high = dual[i, t] / omega[i, t]
                    low = fma(-high, omega[i, t], dual[i, t]) / omega[i, t]
                else:
                    high, low = entry_minus_slope(code, parameter, sign, off[0, i, t], off[1, i, t])
                if shift[0, t] != 0.0 or shift[1, t] != 0.0:
                    high, low = add(high, low, -(shift[0, t] + shift[1, t] * d), 0.0)
                high, low, free = into_domain(code, parameter, sign, high, low)
                if frame.shrink != 1.0:
                    high, low = scaled_entry(frame.shrink, high, low)
                    if abs(high) < _NOTHING and code in (HINGE, LOGISTIC):
                        high, low = 0.0, 0.0
                    high, low, free = into_domain(code, parameter, sign, high, low)
                r[0, i, t], r[1, i, t], margin[i, t] = high, low, free
                if frame.hard:
                    margin[i, t] = 1.0 if margin[i, t] > 0.0 else 0.0


# --- the passes -------------------------------------------------------------------------------------------------------


@_outer
def walk(step: int, rows: Any, curve: Any, line: Any, spec: Any, frame: Any, theta: float, block: Any, sums: Any) -> None:
    """Follow the function over rows, in blocks of the size of `block`, and take one of the three steps on each block."""
    size = len(block.passed)
    for start in range(0, len(rows.x), size):
        stop = min(start + size, len(rows.x))
        part = FitRows(rows.x[start:stop], rows.Y[start:stop], rows.weights[start:stop], rows.dual[start:stop])
        _follow_all(part, curve, line, spec, frame, block)
        _choose(part, spec, frame, block.off, block.omega, block.r, block.margin)
        _correct(part.x, spec, frame, block.r, block.margin)
        if step == MOMENTS:
            _moments(part.x, block, frame, sums)
        elif step == PAIRINGS:
            _pairings(part.x, block, curve, sums)
        else:
            _gaps(part.Y, block, spec, theta, sums.gap)


@_outer
def walk_plain(step: int, rows: Any, curve: Any, line: Any, spec: Any, frame: Any, block: Any, sums: Any) -> None:
    """Take one of the first two steps where `frame.plain` is set: in a kernel of its own, since the others' is large."""
    size = len(block.passed)
    for start in range(0, len(rows.x), size):
        stop = min(start + size, len(rows.x))
        part = FitRows(rows.x[start:stop], rows.Y[start:stop], rows.weights[start:stop], rows.dual[start:stop])
        _follow_all(part, curve, line, spec, frame, block)
        _negate(len(part.x), block.off, block.r, block.margin)
        _correct(part.x, spec, frame, block.r, block.margin)
        if step == MOMENTS:
            _moments(part.x, block, frame, sums)
        else:
            _pairings(part.x, block, curve, sums)


@_inner
def _moments(x: Any, block: Any, frame: Any, sums: Any) -> None:
    """Add up the dual array and its margin against 1, x - centre, and the latter's square; squared losses if `plain`."""
    powers, support, gap = sums.powers, sums.support, sums.gap
    total, torque = sums.total[0], sums.total[1]
    for i in range(len(x)):
        omega, margin, off, r, r_low = block.omega[i], block.margin[i], block.off[0, i], block.r[0, i], block.r[1, i]
        d, d_low = two_sum(x[i], -frame.centre)
        _add_products(omega, 1.0, 0.0, r, r_low, total)
        _add_products(omega, d, d_low, r, r_low, torque)
        if frame.plain:
            for t in range(len(omega)):
                gap[0, t], e = two_sum(gap[0, t], omega[t] * (0.5 * off[t] * off[t]))
                gap[1, t] += e
            for t in range(len(omega)):
                gap[4, t] += 2.0 * omega[t] * abs(off[t])
        for t in range(powers.shape[2]):
            a, a_low = omega[t] * margin[t], 0.0
            if a != 0.0 or (omega[t] > 0.0 and r[t] != 0.0):
                support[0, t] = min(support[0, t], x[i])
                support[1, t] = max(support[1, t], x[i])
            for j in range(3):
                powers[j, 0, t], powers[j, 1, t] = add(powers[j, 0, t], powers[j, 1, t], a, a_low)
                a, a_low = times(a, a_low, d, d_low)


@_inner
def _add_products(omega: Any, a: float, a_low: float, r: Any, r_low: Any, total: Any) -> None:
    """Add (a + a_low) omega (r + r_low) to a double-double array."""
    for t in range(len(omega)):
        b, b_low = two_product(omega[t], a)
        b_low += omega[t] * a_low
        p = b * r[t]
        e = fma(b, r[t], -p) + (b * r_low[t] + b_low * r[t])
        total[0, t], total[1, t] = add(total[0, t], total[1, t], p, e)


@_inner
def _pairings(x: Any, block: Any, curve: Any, sums: Any) -> None:
    """Follow S = sum of R up to x and Z = sum_j R_j relu(x - x_j); pair each kink's jump of slope with Z at the kink."""
    last, first, S, Z, size, totals = sums.last, sums.first, sums.S, sums.Z, sums.size, sums.paired
    for i in range(len(x)):
        if x[i] > last[0]:
            for k in range(int(last[1]), block.passed[i]):
                pair_kink(curve, k, last[0], S, Z, totals)
            h, h_low = two_sum(x[i], -last[0])
            for t in range(len(size)):
                p = S[0, t] * h
                e = fma(S[0, t], h, -p) + (S[1, t] * h + S[0, t] * h_low)
                Z[0, t], Z[1, t] = add(Z[0, t], Z[1, t], p, e)
            square = 0.0
            for t in range(len(size)):
                square += Z[0, t] * Z[0, t]
            totals[0] = max(totals[0], square)
        square = 0.0
        for t in range(len(first)):
            square += (Z[0, t] + first[t]) ** 2
        totals[1] = max(totals[1], square)
        last[0], last[1] = x[i], block.passed[i]
        omega, r, r_low = block.omega[i], block.r[0, i], block.r[1, i]
        _add_products(omega, 1.0, 0.0, r, r_low, S)
        for t in range(len(size)):
            size[t] += omega[t] * abs(r[t])


@_inner
def pair_kink(curve: Any, k: int, x: float, S: Any, Z: Any, totals: Any) -> None:
    """Add the pairing of kink k, at or behind the data point x and before the next, with Z there."""
    if len(curve.w):
        a, sign = abs(curve.w[k]), -1.0 if curve.w[k] > 0.0 else 1.0
        g, g_low = affine(sign * curve.w[k], sign * curve.b[k], x)
    else:
        a = 1.0
        g, g_low = two_sum(curve.b[k], -x)
    total, magnitude = 0.0, 0.0
    for t in range(curve.V.shape[1]):
        jump = curve.V[k, t] if len(curve.w) else _jump(curve, k, t)
        near, near_low = times(a, 0.0, Z[0, t], Z[1, t])
        rise, rise_low = times(g, g_low, S[0, t], S[1, t])
        term = jump * add(near, near_low, rise, rise_low)[0]
        total += term
        magnitude += abs(term)
    totals[2], e = two_sum(totals[2], total)
    totals[3] += e
    totals[4] += magnitude


@_inner
def _gaps(Y: Any, block: Any, spec: Any, theta: float, totals: Any) -> None:
    """Add up the losses and the duality gap of theta R, for each output."""
    for i in range(len(Y)):
        off, r, omega, margin = block.off, block.r, block.omega[i], block.margin[i]
        for t in range(len(omega)):
            if omega[t] > 0.0:
                loss, gap, by_r, by_u = entry_gap(
                    spec.code[t],
                    spec.parameter[t],
                    1.0 if Y[i, t] > 0.0 else -1.0,
                    off[0, i, t],
                    off[1, i, t],
                    theta,
                    r[0, i, t],
                    r[1, i, t],
                )
                totals[0, t], e = two_sum(totals[0, t], omega[t] * loss)
                totals[1, t] += e
                totals[2, t], e = two_sum(totals[2, t], omega[t] * gap)
                totals[3, t] += e
                totals[4, t] += omega[t] * by_r
                totals[5, t] += omega[t] * by_u
                totals[6, t] += omega[t] * margin[t]
