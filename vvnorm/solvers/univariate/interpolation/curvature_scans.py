"""Compiled passes over univariate data, fused so that each function reads the rows once.

Compiled at first use and cached on disk; nothing is compiled at import.
"""

import math
from typing import Any

import numpy as np

from vvnorm._internal.jit import inner, kernel
from vvnorm.tolerances import LABEL_ROUNDING

_ROUNDING = float(LABEL_ROUNDING)


@kernel()
def scan(x: Any, Y: Any, norms: Any, cosines: Any, steepest: Any, flat: Any) -> None:
    """Compute norms, cosines and steepest slopes in one pass over sorted data.

    Parameters
    ----------
    x : (N,) array, increasing
    Y : (N, T) array
    norms : (N - 2,) array, output
        Norms of the curvatures.
    cosines : (N - 3,) array, output
        Cosines between neighbouring curvatures; 0 where one of them is zero.
    steepest : (T,) array, output
        Largest |slope| of each output.
    flat : (T,) array of int, output
        Number of curvatures of each output that may be rounding of labels and inputs.
    """
    n, T = Y.shape
    slope, last_slope = np.zeros(T), np.zeros(T)
    delta, last_delta = np.zeros(T), np.zeros(T)
    previous_gap = 1.0
    for i in range(n - 1):
        gap = x[i + 1] - x[i]
        for t in range(T):
            slope[t] = (Y[i + 1, t] - Y[i, t]) / gap
        for t in range(T):
            steepest[t] = max(steepest[t], abs(slope[t]))
        if i > 0:
            for t in range(T):
                delta[t] = slope[t] - last_slope[t]
            lever = abs(x[i]) * (1.0 / gap + 1.0 / previous_gap)
            for t in range(T):
                wobble = (abs(Y[i + 1, t]) + abs(Y[i, t])) / gap + (abs(Y[i, t]) + abs(Y[i - 1, t])) / previous_gap
                wobble += lever * (abs(slope[t]) + abs(last_slope[t]))
                flat[t] += abs(delta[t]) <= _ROUNDING * wobble
            square = _dot(delta, delta)
            risky = not (1e-280 < square < 1e280)
            norms[i - 1] = _scaled_norm(delta) if risky else math.sqrt(square)
            if i > 1:
                if risky or not (1e-280 < norms[i - 2] * norms[i - 2] < 1e280):
                    cosines[i - 2] = _scaled_cosine(delta, last_delta)
                else:
                    cosines[i - 2] = _dot(delta, last_delta) / (norms[i - 1] * norms[i - 2])
        slope, last_slope = last_slope, slope
        delta, last_delta = last_delta, delta
        previous_gap = gap


@inner(fastmath={"reassoc"})
def _dot(u: Any, v: Any) -> float:
    """Sum of products in any order, which lets it be computed several terms at a time."""
    total = 0.0
    for t in range(len(u)):
        total += u[t] * v[t]
    return total


@kernel()
def exact_jumps(x: Any, Y: Any, magic: Any, jumps: Any) -> None:
    """Fill `jumps` (N - 2, T) with differences of slopes rounded by adding and subtracting `magic` (T,)."""
    n, T = Y.shape
    last = np.zeros(T)
    for i in range(n - 1):
        gap = x[i + 1] - x[i]
        for t in range(T):
            slope = ((Y[i + 1, t] - Y[i, t]) / gap + magic[t]) - magic[t]
            if i > 0:
                jumps[i - 1, t] = slope - last[t]
            last[t] = slope


@kernel()
def unit_curvatures(x: Any, Y: Any, norms: Any, start: int, out: Any) -> None:
    """Fill `out` (m, T) with curvature over norm at the inner points start .. start + m - 1; zero where the norm is."""
    m, T = out.shape
    last = np.zeros(T)
    for i in range(start, start + m + 1):
        gap = x[i + 1] - x[i]
        for t in range(T):
            slope = (Y[i + 1, t] - Y[i, t]) / gap
            if i > start:
                out[i - start - 1, t] = slope - last[t]
            last[t] = slope
        if i > start:
            size = norms[i - 1]
            for t in range(T):
                out[i - start - 1, t] = out[i - start - 1, t] / size if size > 0.0 else 0.0


@inner()
def _scaled_norm(v: Any) -> float:
    largest = 0.0
    for t in range(len(v)):
        if not abs(v[t]) <= largest:  # NaN gets through
            largest = abs(v[t])
    if largest == 0.0 or not largest < np.inf:
        return largest
    square = 0.0
    for t in range(len(v)):
        square += (v[t] / largest) ** 2
    return largest * math.sqrt(square)


@inner()
def _scaled_cosine(u: Any, v: Any) -> float:
    a, b = _scaled_norm(u), _scaled_norm(v)
    if a == 0.0 or b == 0.0 or not (a < np.inf and b < np.inf):
        return 0.0
    product = 0.0
    for t in range(len(u)):
        product += (u[t] / a) * (v[t] / b)
    return product
