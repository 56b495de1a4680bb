"""Arithmetic that the verifiers share: scaling by powers of two, error-free sums and products, the cost of a network."""

import math

import numpy as np

from vvnorm.network import ReLUNetwork, row_norms
from vvnorm.validation import Array

_BLOCK = 1 << 15  # output weights per block
_SAFE = 2.0**200  # magnitudes beyond this, or below its inverse, are scaled so that no product leaves float64
_SPLIT = 2.0**27 + 1  # splits a number in two of 26 digits


def power_of_two(size: float, safe: float = _SAFE) -> float:
    """Return a unit for magnitudes: 1 if they are safe to multiply, else the power of two next to them."""
    if size == 0 or 1 / safe < size < safe:
        return 1.0
    return math.ldexp(1.0, exponent(size))


def exponent(size: float) -> int:
    """Return the exponent of the power of two next to a positive number from below."""
    return math.frexp(size)[1] - 1


def scaled(values: Array, up: float, down: float) -> Array:
    """Compute values * up / down for powers of two, where up / down itself may leave float64."""
    with np.errstate(over="ignore", under="ignore"):
        product: Array = np.ldexp(values, exponent(up) - exponent(down))
    return product


def fixed(array: Array) -> Array:
    """Return a contiguous read-only view, so that compiled passes are compiled for one kind of array only."""
    view = np.ascontiguousarray(array).view()
    view.setflags(write=False)
    return view


def vv_norm(network: ReLUNetwork, penalise_bias: bool = False) -> float:
    """Return the network's cost, sum_k ||w_k|| ||v_k|| or sum_k ||(w_k, b_k)|| ||v_k||, in blocks of neurons."""
    parts = []
    step = max(16, _BLOCK // network.n_outputs)
    for start in range(0, network.n_neurons, step):
        rows = slice(start, start + step)
        w = network.W[rows]
        if penalise_bias:
            w = np.column_stack([w, network.b[rows]])
        sizes = np.abs(w[:, 0]) if w.shape[1] == 1 else row_norms(w)
        parts.append(float(sizes @ row_norms(network.V[:, rows].T)))
    return math.fsum(parts)


def two_sum(a: Array, b: Array) -> tuple[Array, Array]:
    """Return a + b, rounded, and the exact rounding error (Knuth, The Art of Computer Programming 2, 4.2.2)."""
    s = a + b
    z = s - a
    return s, (a - (s - z)) + (b - z)


def two_product(a: Array, b: Array) -> tuple[Array, Array]:
    """Return a b, rounded, and the rounding error, exact unless numbers leave float64 (Dekker, Numer. Math. 18, 1971)."""
    p = a * b
    (a_high, a_low), (b_high, b_low) = _halves(a), _halves(b)
    return p, a_low * b_low - (((p - a_high * b_high) - a_low * b_high) - a_high * b_low)


def _halves(a: Array) -> tuple[Array, Array]:
    t = _SPLIT * a
    high = t - (t - a)
    return high, a - high
