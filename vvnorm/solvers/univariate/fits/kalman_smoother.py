"""The best piecewise linear function whose slope may jump at given knots, with a quadratic penalty: a Kalman smoother.

For given multipliers mu_i >= 0 the problem of `fits.newton_dense` needs, for every output, the minimiser of

    sum over segments of the misfit / 2  +  sum_i d_i^2 / (2 mu_i),         d_i the slope jump at knot a_i.

This is the smoothing problem of a state (value, slope) that moves along x and whose slope is disturbed at knot i with
variance mu_i. The data of a segment enter as two squares, n (f(centroid) - mean)^2 and sxx (slope - fitted slope)^2.
Information on the state is passed on in square-root form,

    alpha (slope + ratio * value - m1)^2 + beta (value - m0)^2.

A disturbance of the slope only changes alpha to alpha / (1 + mu alpha), so that neither mu = 0 (a knot not in use) nor
large mu lose digits. The jumps are d_i = mu_i z_i, where z_i is the dual variable at the knot. All costs are linear in the
number of knots. Quantities that do not depend on the labels are computed once for outputs that share their weights.
"""

import math
from typing import Any

from vvnorm.solvers.array_kernels import ANY_ORDER, ZERO, part


@part()
def _eliminate(rows: Any) -> None:
    """Rotate four rows to triangular form in the first two columns (coefficients of slope and value)."""
    for column in range(2):
        for i in range(column + 1, 4):
            lead, other = rows[column, column], rows[i, column]
            if other == 0.0:
                continue
            size = math.sqrt(lead * lead + other * other)  # units are such that squares are safe
            cosine, sine = lead / size, other / size
            for j in range(6):
                upper, lower = rows[column, j], rows[i, j]
                rows[column, j] = cosine * upper + sine * lower
                rows[i, j] = cosine * lower - sine * upper


@part()
def forward(h: Any, n: Any, centroid: Any, sxx: Any, mu: Any, info: Any, carry: Any, weights: Any, rows: Any) -> None:
    """Pass information on the state from the first knot to the last: the part that does not depend on labels.

    Parameters
    ----------
    h, n, centroid, sxx : (k - 1,) arrays
        Length of each segment; weight, centroid (from the segment's left end) and second moment of its data.
    mu : (k,) array
        Multipliers at the knots; those of the two ends are not used.
    info : (k, 3) array
        Set to alpha, ratio and beta at each knot, left of its jump.
    carry : (k - 1, 4) array
        Set to the matrix that takes (m1, m0) across each segment, row by row.
    weights : (k - 1, 4, 4) array
        Set to the coefficients of (m1, m0, mean, fitted slope) in m1, m0 and two residuals at the segment's right end.
    rows : (4, 6) array
        Scratch.
    """
    for j in range(3):
        info[0, j] = 0.0
    for p in range(len(h)):
        alpha, ratio, beta, step = info[p, 0], info[p, 1], info[p, 2], h[p]
        # Square roots of weights, in the order of `weights`' columns; the state is taken to the segment's right end.
        a, b, c, d = math.sqrt(alpha / (1.0 + mu[p] * alpha)), math.sqrt(beta), math.sqrt(n[p]), math.sqrt(sxx[p])
        for i in range(4):
            for j in range(6):
                rows[i, j] = 0.0
        rows[0, 0], rows[0, 1], rows[0, 2] = a * (1.0 - step * ratio), a * ratio, a
        rows[1, 0], rows[1, 1], rows[1, 3] = -b * step, b, b
        rows[2, 0], rows[2, 1], rows[2, 4] = c * (centroid[p] - step), c, c
        rows[3, 0], rows[3, 5] = d, d
        size = math.sqrt(a * ratio * a * ratio + beta + n[p])
        _eliminate(rows)
        slope, value = rows[0, 0], rows[1, 1]
        if abs(value) <= 1e-15 * size:
            value = 0.0  # data at a single input do not determine the line
        by_slope = 1.0 / slope if slope != 0.0 else 0.0
        by_value = 1.0 / value if value != 0.0 else 0.0
        info[p + 1, 0], info[p + 1, 1], info[p + 1, 2] = slope * slope, rows[0, 1] * by_slope, value * value
        for i in range(4):
            by = by_slope if i == 0 else by_value if i == 1 else 1.0
            for j in range(4):
                weights[p, i, j] = rows[i, 2 + j] * by
        for i in range(4):
            carry[p, i] = weights[p, i // 2, i % 2]


@part(fastmath=ANY_ORDER)
def carry_labels(weights: Any, mean: Any, fitted: Any, low: int, high: int, m1: Any, m0: Any) -> float:
    """Set m1 and m0 (k, T) at the knots for outputs low .. high - 1; return the least misfit over all states."""
    misfit = 0.0
    for t in range(low, high):
        m1[0, t] = 0.0
        m0[0, t] = 0.0
    for p in range(len(weights)):
        w = weights[p]
        for t in range(low, high):
            a, b, c, d = m1[p, t], m0[p, t], mean[p, t], fitted[p, t]
            for i in range(4):
                carried = w[i, 0] * a + w[i, 1] * b + w[i, 2] * c + w[i, 3] * d
                if i == 0:
                    m1[p + 1, t] = carried
                elif i == 1:
                    m0[p + 1, t] = carried
                else:
                    misfit += carried * carried
    return misfit


@part()
def backward(h: Any, mu: Any, info: Any, m1: Any, m0: Any, low: int, high: int, z: Any, values: Any, first: Any) -> None:
    """Set dual variables z and values (k, T) at the knots, and value and slope at the first knot, `first` (2, T)."""
    last = len(mu) - 1
    for t in range(low, high):
        first[0, t] = m0[last, t]
        first[1, t] = m1[last, t] - info[last, 1] * m0[last, t]
        z[last, t] = 0.0
        values[last, t] = first[0, t]
    for p in range(last - 1, -1, -1):
        flexible = mu[p] * info[p, 0]
        alpha = info[p, 0] / (1.0 + flexible)
        for t in range(low, high):
            first[0, t] -= h[p] * first[1, t]
            values[p, t] = first[0, t]
            left = m1[p, t] - info[p, 1] * first[0, t]
            z[p, t] = alpha * (first[1, t] - left)
            if p > 0:
                # The slope on the left as a mean, not as a difference, since it may be small where a jump is large.
                first[1, t] = (first[1, t] + flexible * left) / (1.0 + flexible)


@part()
def sensitivity(h: Any, mu: Any, info: Any, carry: Any, used: Any, seen: Any, out: Any) -> None:
    """Set `out` (m, m) to -dz_i / dd_j for a jump that is imposed at knot j, knots i and j in `used` (m,).

    Of `seen` (m + 2, m), scratch, row i holds m1 at knot used[i], right of its jump, for the jump at used[j], j <= i.
    It is the inverse of P + diag(mu), where P is the matrix of the dual problem; symmetric and positive definite.
    """
    k, m = len(mu), len(used)
    value, slope, place = seen[m], seen[m + 1], ZERO
    for i in range(m + 2):
        for j in range(m):
            seen[i, j] = 0.0
    for p in range(k - 1):
        if place < m and used[place] == p:
            slope[place] = 1.0
            for j in range(place + 1):
                seen[place, j] = slope[j]
            place += 1
        a, b, c, d = carry[p, 0], carry[p, 1], carry[p, 2], carry[p, 3]
        for j in range(place):
            m1, m0 = slope[j], value[j]
            slope[j] = a * m1 + b * m0
            value[j] = c * m1 + d * m0
    for j in range(m):
        slope[j] -= info[k - 1, 1] * value[j]
    place = m - 1
    for p in range(k - 2, -1, -1):
        for j in range(m):
            value[j] -= h[p] * slope[j]
        if place >= 0 and used[place] == p:
            alpha = info[p, 0] / (1.0 + mu[p] * info[p, 0])
            for j in range(m):
                dual = alpha * (slope[j] + info[p, 1] * value[j] - seen[place, j])
                out[place, j] = -dual
                slope[j] -= mu[p] * dual
            slope[place] -= 1.0
            place -= 1
