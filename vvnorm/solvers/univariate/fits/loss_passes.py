"""Passes over all labels, entry by entry, for any losses; `fits.block_summaries` has those for complete squared losses.

Every entry has a dual value: minus the weighted derivative of its loss. In a quadratic model of the losses at the current
function each entry has a negative gradient `neg_gradient` and a curvature `curvature`.

*Corners.* Hinge, one-class and Huber losses are, up to a linear term, the maximum of s m - bow s^2 / 2 over shares s in
[0, 1], with m affine in the fitted value (`fits.compiled_losses`). An interior-point method moves their dual values: with
slacks a, b > 0 and b - a = m - bow s, the equations s a = tau and (1 - s) b = tau are linearised together with everything
else, and tau goes to 0. So dual values are feasible for the exact loss at any time, and gaps refer to the exact loss.
"""

import math
from typing import Any

from vvnorm.losses import LOGISTIC, SQUARED
from vvnorm.solvers.array_kernels import ZERO, clear, copy, part, plain
from vvnorm.solvers.univariate.fits.compiled_losses import corner_form, corner_loss, fenchel_young_gap, smooth_loss

_SOLVES = 3  # one and two refinements
_ROUNDING = 1e-15  # relative accuracy of sums: terms that cancel to less count as 0


@plain()
def linearise(data: Any, f: Any, tau: float, slacks: Any, dual: Any, neg_gradient: Any, curvature: Any) -> Any:
    """Set dual, neg_gradient and curvature (N, T) at a piecewise linear function; return losses without and with corners.

    Parameters
    ----------
    data : tuple
        x (N,), Y (N, T), weights (N, T), (N, 1) or (0, 0) for ones, codes (T,) and parameters (T,) of the losses.
    f : tuple
        Rows of the knots (k,), values there (k, T), slopes between them (k - 1, T).
    tau : float
        Target of s a and (1 - s) b.
    slacks : (3, N, T) array
        s, a and b of entries with a corner; (3, 0, 0) if there are none.
    """
    x, Y, weights, codes, parameters = data
    rows, values, slopes = f
    smooth, cornered, last = 0.0, 0.0, len(rows) - 2
    for p in range(last + 1):
        for i in range(rows[p], len(x) if p == last else rows[p + 1]):
            off = x[i] - x[rows[p]]
            for t in range(Y.shape[1]):
                y, w = Y[i, t], weights[i, min(t, weights.shape[1] - 1)] if len(weights) else 1.0
                if y != y or w == 0.0:
                    dual[i, t], neg_gradient[i, t], curvature[i, t] = 0.0, 0.0, 0.0
                    continue
                u = values[p, t] + slopes[p, t] * off
                if codes[t] == SQUARED or codes[t] == LOGISTIC:
                    value, r, c = smooth_loss(codes[t], u, y)
                    smooth += w * value
                    dual[i, t], neg_gradient[i, t], curvature[i, t] = w * r, w * r, w * c
                    continue
                m, sign, bow, shift = corner_form(codes[t], parameters[t], u, y)
                s, a, b = slacks[0, i, t], slacks[1, i, t], slacks[2, i, t]
                c = 1.0 / (bow + b / (1.0 - s) + a / s)
                cornered += w * corner_loss(codes[t], parameters[t], u, y)
                dual[i, t] = w * (sign * s - shift)
                neg_gradient[i, t] = w * (sign * (s + c * (m - bow * s - tau / (1.0 - s) + tau / s)) - shift)
                curvature[i, t] = w * sign * sign * c
    return smooth, cornered


@plain()
def open_slacks(data: Any, f: Any, tau: Any, slacks: Any) -> None:
    """Start the interior-point method at s a = (1 - s) b = tau (T,), on its central path where there is no bow."""
    x, Y, _, codes, parameters = data
    rows, values, slopes = f
    for p in range(len(rows) - 1):
        for i in range(rows[p], len(x) if p == len(rows) - 2 else rows[p + 1]):
            for t in range(Y.shape[1]):
                if codes[t] == SQUARED or codes[t] == LOGISTIC or Y[i, t] != Y[i, t]:
                    continue
                u = values[p, t] + slopes[p, t] * (x[i] - x[rows[p]])
                m, _, bow, _ = corner_form(codes[t], parameters[t], u, Y[i, t])
                ratio = m / tau[t]
                q = math.sqrt(ratio * ratio + 4.0)
                small = (1.0 + 2.0 / (q + abs(ratio))) / (2.0 + q)  # of s and 1 - s, without cancellation
                s = 1.0 - small if ratio > 0.0 else small
                if bow > 0.0:
                    s = min(max(m / bow, 0.05), 0.95)
                slacks[0, i, t], slacks[1, i, t], slacks[2, i, t] = s, tau[t] / s, tau[t] / (1.0 - s)


@plain()
def step_slacks(
    data: Any, old: Any, new: Any, tau: float, slacks: Any, neg_gradient: Any, curvature: Any, length: float
) -> Any:
    """Take the linearised step of s, a, b from function `old` towards `new`, or compute its largest length.

    With `length` = 0 nothing is changed. Returns the longest step that keeps s, 1 - s, a, b positive (at most 1), the mean
    of s a and (1 - s) b, and for losses without corners the linear and the quadratic term of their model for the full step.
    """
    x, Y, weights, codes, parameters = data
    rows = old[0]
    longest, total, count, linear, quadratic = 1.0, 0.0, 0, 0.0, 0.0
    for p in range(len(rows) - 1):
        for i in range(rows[p], len(x) if p == len(rows) - 2 else rows[p + 1]):
            off = x[i] - x[rows[p]]
            for t in range(Y.shape[1]):
                w = weights[i, min(t, weights.shape[1] - 1)] if len(weights) else 1.0
                if Y[i, t] != Y[i, t] or w == 0.0:
                    continue
                move = (new[1][p, t] - old[1][p, t]) + (new[2][p, t] - old[2][p, t]) * off
                if codes[t] == SQUARED or codes[t] == LOGISTIC:
                    linear -= neg_gradient[i, t] * move
                    quadratic += 0.5 * curvature[i, t] * move * move
                    continue
                u = old[1][p, t] + old[2][p, t] * off
                m, sign, bow, _ = corner_form(codes[t], parameters[t], u, Y[i, t])
                s, a, b = slacks[0, i, t], slacks[1, i, t], slacks[2, i, t]
                ds = (m - sign * move - bow * s - tau / (1.0 - s) + tau / s) / (bow + b / (1.0 - s) + a / s)
                da, db = (tau - a * ds) / s - a, (tau + b * ds) / (1.0 - s) - b
                if length > 0.0:
                    s, a, b = s + length * ds, a + length * da, b + length * db
                    slacks[0, i, t], slacks[1, i, t], slacks[2, i, t] = s, a, b
                else:
                    longest = min(longest, -s / ds if ds < 0.0 else (1.0 - s) / ds if ds > 0.0 else 1.0)
                    longest = min(longest, -a / da if da < 0.0 else 1.0, -b / db if db < 0.0 else 1.0)
                total += a * s + b * (1.0 - s)
                count += 2
    return longest, total / max(count, 1), linear, quadratic


@plain()
def segment_sums(
    data: Any, floor: float, f: Any, neg_gradient: Any, curvature: Any, sums: Any, mean: Any, fitted: Any
) -> None:
    """Quadratic model of the losses on every segment, around a function that is linear there.

    Sets `sums` (3, T, k - 1) to weight, centroid from the left end and second moment, `mean` and `fitted` (k - 1, T) to the
    model's best value at the centroid and its best slope. Curvature is at least `floor` times the entry's weight.
    """
    x, Y, weights = data[:3]
    rows, values, slopes = f
    last, T = len(rows) - 2, Y.shape[1]
    for p in range(last + 1):
        start, stop = rows[p], len(x) if p == last else rows[p + 1]
        for t in range(T):
            n, place, force = 0.0, 0.0, 0.0
            for i in range(start, stop):
                w = weights[i, min(t, weights.shape[1] - 1)] if len(weights) else 1.0
                c = max(curvature[i, t], floor * w) if Y[i, t] == Y[i, t] else 0.0
                n += c
                place += c * (x[i] - x[start])
                force += neg_gradient[i, t]
            place = place / n if n > 0.0 else 0.0
            spread, torque = 0.0, 0.0
            for i in range(start, stop):
                w = weights[i, min(t, weights.shape[1] - 1)] if len(weights) else 1.0
                c = max(curvature[i, t], floor * w) if Y[i, t] == Y[i, t] else 0.0
                off = (x[i] - x[start]) - place
                spread += c * off * off
                torque += neg_gradient[i, t] * off
            sums[0, t, p], sums[1, t, p], sums[2, t, p] = n, place, spread
            mean[p, t] = values[p, t] + slopes[p, t] * place + (force / n if n > 0.0 else 0.0)
            fitted[p, t] = slopes[p, t] + (torque / spread if spread > 0.0 else 0.0)


@plain()
def restore_moments(x: Any, rows: Any, z: Any, dual: Any, curvature: Any, out: Any, grid: Any, work: Any) -> None:
    """Change dual values so that their double cumulative sum Z has given values at some rows, and vanishes at both ends.

    Dual values of a solution have these sums up to rounding, which large curvatures amplify. For every output the change is
    curvature times the function g that is linear between the rows and has the right sums against hat functions there. It
    comes from least squares in square-root form (as in `fits.kalman_smoother`, since curvatures differ by factors of 1e16),
    with refinement. Between rows without entries of an output its Z is always straight.

    Parameters
    ----------
    x : (N,) array, dual, curvature : (N, T) arrays
        Inputs, dual values and curvatures.
    rows : (k,) array, z : (k, T) array
        Rows, the first and the last input among them, and Z there.
    out : (N, T) array
        Set to the new dual values.
    grid : (k,) array of int, work : (12, k) array
        Scratch.
    """
    for t in range(dual.shape[1]):
        for i in range(len(x)):
            out[i, t] = dual[i, t]
        count = _reached(x, rows, curvature, t, grid)
        if count > 1:
            _factor(x, rows, curvature, t, grid[:count], work)
            for _ in range(_SOLVES):
                if _shift(x, rows, z, curvature, t, grid[:count], work, out):
                    break


@part()
def _reached(x: Any, rows: Any, curvature: Any, t: int, grid: Any) -> int:
    """Set `grid` to indices of rows whose hat functions have two or more entries with curvature; return their number."""
    count, last, open_left = ZERO, len(rows) - 1, ZERO
    for q in range(last + 1):
        inside, here = ZERO, ZERO
        for i in range(rows[q], rows[q + 1] if q < last else len(x)):
            if curvature[i, t] > 0.0:
                here += 1
                inside += x[i] > x[rows[q]]
        if here + open_left > 0:
            grid[count] = q
            count += 1
        open_left = inside
    if count == 1:
        grid[1] = max(grid[0], 1)
        grid[0] = grid[1] - 1
        count += 1
    return count


@part()
def _factor(x: Any, rows: Any, curvature: Any, t: int, grid: Any, work: Any) -> None:
    """Rotate the weighted hat functions of output t to triangular form.

    The entries of a segment give two rows: root of weight times the value at the centroid, and root of second moment times
    the slope. `work` is set to both roots, the centroid (from the left end), the diagonal and the superdiagonal, and
    cosines and sines of three rotations.
    """
    last, carry = len(grid) - 1, 0.0
    for q in range(last):
        start, stop = _between(x, rows, grid, q)
        n, place, spread = _weigh(x, curvature, t, start, stop)
        a, b, h = math.sqrt(n), math.sqrt(spread), x[rows[grid[q + 1]]] - x[rows[grid[q]]]
        right, tilt = a * (place / h), b / h
        c, s, pivot = _rotation(carry, a * ((h - place) / h))
        above, first = s * right, c * right
        C, S, pivot = _rotation(pivot, -tilt)
        above, second = C * above + S * tilt, C * tilt - S * above
        work[0, q], work[1, q], work[2, q], work[3, q], work[4, q] = a, b, place, pivot, above
        work[5, q], work[6, q], work[7, q], work[8, q] = c, s, C, S
        work[9, q], work[10, q], carry = _rotation(first, second)
        if carry <= _ROUNDING * math.sqrt(right * right + tilt * tilt):
            carry = 0.0
    work[3, last] = carry


@part()
def _between(x: Any, rows: Any, grid: Any, q: int) -> tuple[int, int]:
    """Return the range of rows from one of the grid to the next; the last range includes the right end."""
    return rows[grid[q]], len(x) if q == len(grid) - 2 else rows[grid[q + 1]]


@part()
def _weigh(x: Any, curvature: Any, t: int, start: int, stop: int) -> tuple[float, float, float]:
    """Weight, centroid (from the first row) and second moment of the curvatures of output t."""
    n, place, spread = 0.0, 0.0, 0.0
    for i in range(start, stop):
        n += curvature[i, t]
        place += curvature[i, t] * (x[i] - x[start])
    place = place / n if n > 0.0 else 0.0
    for i in range(start, stop):
        off = (x[i] - x[start]) - place
        spread += curvature[i, t] * off * off
    return n, place, spread


@part()
def _rotation(pivot: float, other: float) -> tuple[float, float, float]:
    """Cosine and sine that turn (pivot, other) to (size, 0), and the size."""
    if other == 0.0 and pivot >= 0.0:
        return 1.0, 0.0, pivot
    size = math.sqrt(pivot * pivot + other * other)
    return pivot / size, other / size, size


@part()
def _shift(x: Any, rows: Any, z: Any, curvature: Any, t: int, grid: Any, work: Any, out: Any) -> bool:
    """Add to the dual values `out` of output t the change that brings Z to z, to the accuracy of one solve.

    Returns whether no change was needed.
    """
    last, before, outside, y, size, most = len(grid) - 1, 0.0, 0.0, 0.0, 0.0, 0.0
    for q in range(last + 1):  # `before`: slope of z on the left; `outside`: moment of the entries there
        moment, after, inside = outside, 0.0, 0.0
        if q < last:
            start, stop = _between(x, rows, grid, q)
            h = x[rows[grid[q + 1]]] - x[start]
            by = 1.0 / h
            for i in range(start, stop):
                share = (x[i] - x[start]) * by
                size += abs(out[i, t])
                inside += out[i, t] * share
                moment += out[i, t] * (1.0 - share)
            after = ((z[grid[q + 1], t] if q + 1 < last else 0.0) - (z[grid[q], t] if q > 0 else 0.0)) / h
        excess = moment - (after - before)
        most = max(most, abs(excess))
        if q > 0:
            excess -= work[4, q - 1] * y
        y = excess / work[3, q] if work[3, q] > 0.0 else 0.0
        work[11, q] = y
        before, outside = after, inside
    if most <= _ROUNDING * size:
        return True
    carried = y
    for q in range(last - 1, -1, -1):
        first, second, p = work[9, q] * carried, work[10, q] * carried, work[11, q]
        c, s = work[7, q], work[8, q]
        carried, slope = c * p - s * second, s * p + c * second
        c, s = work[5, q], work[6, q]
        carried, value = c * carried - s * first, s * carried + c * first
        value = value / work[0, q] if work[0, q] > 0.0 else 0.0
        slope = slope / work[1, q] if work[1, q] > 0.0 else 0.0
        start, stop = _between(x, rows, grid, q)
        for i in range(start, stop):
            out[i, t] -= curvature[i, t] * (value + slope * ((x[i] - x[start]) - work[2, q]))
    return False


@plain()
def sweep(x: Any, rows: Any, dual: Any, threshold: float, Z_knots: Any, worst: Any, sizes: Any, scratch: Any) -> None:
    """Follow the dual variable Z, the double cumulative sum of dual values; see `fits.block_summaries.sweep`.

    `scratch` is (2, T).
    """
    N, T = dual.shape
    last = len(rows) - 2
    Z, S = scratch[0], scratch[1]
    clear(Z)
    clear(S)
    here, end = x[0], x[N - 1]
    for p in range(last + 1):
        origin, best = x[rows[p]], threshold
        worst[p] = -1
        for i in range(rows[p], N if p == last else rows[p + 1]):
            norm, step = 0.0, x[i] - here
            for t in range(T):
                Z[t] += step * S[t]
                S[t] += dual[i, t]
                norm += Z[t] * Z[t]
            here = x[i]
            if i == rows[p]:
                copy(Z, Z_knots[p])
            if norm > best and origin < x[i] < end:  # at both ends Z is 0 up to rounding
                best = norm
                worst[p] = i
        sizes[p] = best
    copy(Z, Z_knots[last + 1])


@plain()
def misfit(data: Any, f: Any, dual: Any, balanced: Any, theta: float, gaps: Any) -> float:
    """Set `gaps` (2, T) to the Fenchel-Young gaps, summed per output, of theta * balanced and of 0.

    Returns the sum of the gaps of the dual values themselves at corners.
    """
    x, Y, weights, codes, parameters = data
    rows, values, slopes = f
    at_corners, last = 0.0, len(rows) - 2
    clear(gaps[0])
    clear(gaps[1])
    for p in range(last + 1):
        for i in range(rows[p], len(x) if p == last else rows[p + 1]):
            off = x[i] - x[rows[p]]
            for t in range(Y.shape[1]):
                y, w = Y[i, t], weights[i, min(t, weights.shape[1] - 1)] if len(weights) else 1.0
                if y != y or w == 0.0:
                    continue
                u = values[p, t] + slopes[p, t] * off
                r = theta * balanced[i, t] / w
                gaps[0, t] += w * fenchel_young_gap(codes[t], parameters[t], u, y, r)
                if codes[t] != SQUARED and codes[t] != LOGISTIC:
                    at_corners += w * fenchel_young_gap(codes[t], parameters[t], u, y, dual[i, t] / w)
                    gaps[1, t] += w * corner_loss(codes[t], parameters[t], u, y)
                else:
                    gaps[1, t] += w * smooth_loss(codes[t], u, y)[0]
    return at_corners
