"""The compiled sweep behind `vvnorm.verifier.line`: one pass over sorted univariate data and the kinks of any network.

It follows the network from data point to data point in double-double arithmetic (about 32 digits), so that its own rounding
is negligible beside that of the solver. It imports no solver, and does not depend on how networks or dual certificates are
made.
"""

from typing import Any

import numpy as np

from vvnorm._internal.jit import inner, kernel
from vvnorm.verifier.double_double import add, add_product, affine, fma, two_product, two_sum

# Indices of the running totals.
RESIDUAL, LABEL_DUAL, LABEL_SIZE, FIT_DUAL, FIT_SIZE, DUAL_NORM, DISTANCE, SENSITIVITY = range(8)
TOTALS = 8


@kernel()
def ranges(Y: Any, low: Any, high: Any) -> int:
    """Set `low` and `high` (T,) to the range of each column, missing entries apart; return how many are missing."""
    missing = 0
    for t in range(len(low)):
        low[t], high[t] = np.inf, -np.inf
    for i in range(Y.shape[0]):
        for t in range(Y.shape[1]):
            y = Y[i, t]
            missing += y != y
            low[t] = y if y < low[t] else low[t]
            high[t] = y if y > high[t] else high[t]
    return missing


@kernel()
def start(x0: float, w: Any, b: Any, V: Any, A: Any, c: Any, value: Any, slope: Any, to_come: Any) -> None:
    """Put the sweep at the first data point.

    Sets `value` and `slope` (2, T, double-double) to the network's value at x0 and its slope there, not counting the
    neurons that bend at x0 itself; marks in `to_come` (K,) the neurons that bend at x0 or to its right.
    """
    for t in range(len(c)):
        p, e = two_product(A[t], x0)
        value[0, t], value[1, t] = add(p, e, c[t], 0.0)
        slope[0, t], slope[1, t] = A[t], 0.0
    for k in range(len(b)):
        z, z_low = affine(w[k], b[k], x0)
        to_come[k] = z <= 0.0 if w[k] > 0.0 else (w[k] < 0.0 and z >= 0.0)
        if z > 0.0 or (z == 0.0 and w[k] < 0.0):
            _add_line(z, z_low, w[k], V[k], value, slope)


@inner()
def _add_line(z: float, z_low: float, w: float, v: Any, value: Any, slope: Any) -> None:
    """Add v (z + w (x - x_j)) to a line given by value at x_j and slope."""
    add_product(w, 0.0, v, slope)
    if z != 0.0:
        add_product(z, z_low, v, value)


@inner()
def _distance_squared(line: Any, slope: Any, left: Any, right: Any, h: float, step: float) -> float:
    """||line - chord||^2 at x_j + step, the chord joining the labels left and right over a gap h."""
    square = 0.0
    for t in range(len(left)):
        chord = (right[t] - left[t]) / h
        off = (line[0, t] - left[t]) + line[1, t] + ((slope[0, t] - chord) + slope[1, t]) * step
        square += off * off
    return square


@kernel()
def sweep(
    x: Any, Y: Any, labels: Any, eta: Any, w: Any, b: Any, V: Any, kinks: Any, k: int, value: Any, slope: Any, totals: Any,
    worst: Any,
) -> int:  # fmt: skip
    """Follow the network over a block of data points and add what it contributes to `totals`.

    Parameters
    ----------
    x : (n,) array
        Data points of the block, increasing. The last one is the first of the next block.
    Y, labels : (n, T) arrays
        Labels with NaN where they are missing, and with missing ones filled in linearly.
    eta : (n, T) array
        The dual certificate at the data points.
    w, b, V, kinks : (K,), (K,), (K, T), (K,) arrays
        The neurons that bend inside the data, ordered by kink, and their kinks, rounded.
    k : int
        The first neuron not passed yet; what is returned is the first not passed at x[-1].
    value, slope : (2, T) arrays
        The network's value at x[0] and its slope there, double-double; left as they are at x[-1].
    totals : (TOTALS,) array
        Running totals; see the indices above.
    worst : (T,) array
        Running largest misfit of each output.
    """
    n, T = Y.shape
    line = np.empty((2, T))
    turn, rise, fit_rise = np.empty(T), np.empty(T), np.empty(T)
    for j in range(n):
        square = _misfit(value, Y[j], rise, worst)
        totals[RESIDUAL] = max(totals[RESIDUAL], square if square == square else np.inf)  # NaN: overflow
        if j == n - 1:
            totals[DUAL_NORM] = max(totals[DUAL_NORM], _dot(eta[j], eta[j]))
            break
        h, h_low = two_sum(x[j + 1], -x[j])
        for t in range(T):
            line[0, t], line[1, t] = value[0, t], value[1, t]
        while k < len(b):
            # Each neuron that bends at x_j or before x_{j+1} adds its whole line, seen from x_j.
            sign = 1.0 if w[k] > 0.0 else -1.0
            ahead, _ = affine(w[k], b[k], x[j + 1])
            if sign * ahead <= 0.0:
                break
            here, here_low = affine(w[k], b[k], x[j])
            if here != 0.0:
                step = min(max(kinks[k] - x[j], 0.0), h)
                far = _distance_squared(line, slope, labels[j], labels[j + 1], h, step)
                totals[DISTANCE] = max(totals[DISTANCE], far if far == far else np.inf)
            _add_line(sign * here, sign * here_low, abs(w[k]), V[k], line, slope)
            k += 1
        _advance(line, slope, h, h_low, value, fit_rise)
        for t in range(T):
            turn[t] = eta[j + 1, t] - eta[j, t]
        for t in range(T):
            rise[t] = (labels[j + 1, t] - labels[j, t]) * turn[t]
        for t in range(T):
            fit_rise[t] *= turn[t]
        dual, dual_size, fit, fit_size = _sums(rise, fit_rise)
        norm, product, turned = _products(eta[j], eta[j + 1], turn)
        _accumulate(totals, LABEL_DUAL, -dual / h)
        _accumulate(totals, FIT_DUAL, -fit / h)
        totals[LABEL_SIZE] += dual_size / h
        totals[FIT_SIZE] += fit_size / h
        totals[DUAL_NORM] = max(totals[DUAL_NORM], norm)
        # 1 - <eta_j, eta_{j+1}>, from below, also where the two nearly agree.
        apart = max(0.5 * turned, 1.0 - product - 1e-15 * (T + 4))
        totals[SENSITIVITY] = max(totals[SENSITIVITY], h / apart if apart > 0.0 else np.inf)
    return k


@inner()
def _misfit(value: Any, y: Any, off: Any, worst: Any) -> float:
    """||value - y||^2 over present labels; raises `worst` to their misfits, infinite for NaN; `off` is scratch."""
    for t in range(len(y)):
        off[t] = (value[0, t] - y[t]) + value[1, t]
    for t in range(len(y)):
        off[t] = off[t] if y[t] == y[t] else 0.0
    for t in range(len(y)):
        size = abs(off[t])
        worst[t] = max(worst[t], size if size == size else np.inf)
    return _dot(off, off)


@inner()
def _advance(line: Any, slope: Any, h: float, h_low: float, value: Any, rise: Any) -> None:
    """Set `rise` to line + slope (h + h_low) - value, and then `value` to line + slope (h + h_low)."""
    for t in range(len(rise)):
        p = slope[0, t] * h
        e = fma(slope[0, t], h, -p) + (slope[1, t] * h + slope[0, t] * h_low)
        high, low = add(line[0, t], line[1, t], p, e)
        rise[t] = (high - value[0, t]) + (low - value[1, t])
        value[0, t], value[1, t] = high, low


@inner(fastmath={"reassoc"})
def _dot(u: Any, v: Any) -> float:
    """Sum products in any order, so that the compiler can vectorise the loop; likewise below."""
    total = 0.0
    for t in range(len(u)):
        total += u[t] * v[t]
    return total


@inner(fastmath={"reassoc"})
def _sums(u: Any, v: Any) -> tuple[float, float, float, float]:
    """Sums of entries and of their magnitudes, for two arrays."""
    u_sum, u_size, v_sum, v_size = 0.0, 0.0, 0.0, 0.0
    for t in range(len(u)):
        u_sum += u[t]
        u_size += abs(u[t])
        v_sum += v[t]
        v_size += abs(v[t])
    return u_sum, u_size, v_sum, v_size


@inner(fastmath={"reassoc"})
def _products(u: Any, v: Any, w: Any) -> tuple[float, float, float]:
    """<u, u>, <u, v> and <w, w>."""
    uu, uv, ww = 0.0, 0.0, 0.0
    for t in range(len(u)):
        uu += u[t] * u[t]
        uv += u[t] * v[t]
        ww += w[t] * w[t]
    return uu, uv, ww


@inner()
def _accumulate(totals: Any, index: int, term: float) -> None:
    """Add to a total whose low part is kept TOTALS places further on."""
    totals[index], e = two_sum(totals[index], term)
    totals[index + TOTALS] += e
