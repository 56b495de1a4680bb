"""Offsets of inputs and labels, subtracted exactly.

Biases are free, so a constant that is added to the inputs, or to the labels of an output, changes neither the cost of a
network nor its fit. In float64 it does: next to 2^30, numbers of size 1 keep only 23 binary digits, and bounds on rounding
grow. So the constant is subtracted again, if no entry is rounded. The network f becomes

    f(x + offset) - level = sum_k v_k relu(w_k.x + (b_k + w_k.offset)) + A x + (c + A offset - level),

the same function of shifted inputs, in exact arithmetic. Here the new biases are computed as double-doubles by error-free
products and sums (T. J. Dekker, Numer. Math. 18, 1971; D. E. Knuth, The Art of Computer Programming 2, 4.2.2) and rounded
once. An m-fold sum in such arithmetic is off by less than (2 m)^2 EPS^2 of the sum of its terms' magnitudes.
"""

from dataclasses import dataclass

import numpy as np

from vvnorm.network import ReLUNetwork
from vvnorm.tolerances import EPS
from vvnorm.validation import Array
from vvnorm.verifier.arithmetic import two_product, two_sum


def offsets(values: Array) -> Array:
    """Return a number for each column of (N, k) values that can be subtracted without rounding; shape (k,). NaN is ignored.

    It is the entry of least magnitude if all others are nearer to it than to 0. Otherwise it is 0.
    """
    offsets_of_columns = np.zeros(values.shape[1])
    for k, column in enumerate(values.T):
        known = column[~np.isnan(column)]
        if not len(known):
            continue
        least = known[np.argmin(np.abs(known))]
        with np.errstate(over="ignore", invalid="ignore"):
            off, low = two_sum(known, -least)
        if np.all(low == 0) and np.max(np.abs(off)) < abs(least):
            offsets_of_columns[k] = least
    return offsets_of_columns


@dataclass(frozen=True, eq=False)
class Shifted:
    """A network as a function of inputs x - offset, minus a level.

    Attributes
    ----------
    network : ReLUNetwork
        With the new biases b and c, rounded.
    b_error, c_error : (K,) and (T,) arrays
        Bounds on the errors of b and c.
    """

    network: ReLUNetwork
    b_error: Array
    c_error: Array


def shifted(network: ReLUNetwork, offset: Array, level: Array) -> Shifted | None:
    """Shift a network; None if its new biases leave float64.

    Parameters
    ----------
    network : ReLUNetwork
        Of d inputs and T outputs.
    offset : (d,) array
        Taken off the inputs.
    level : (T,) array
        Taken off the outputs.
    """
    W, A = network.W, network.A
    if not (offset.any() or level.any()):
        return Shifted(network, np.zeros(len(W)), np.zeros(len(A)))
    with np.errstate(over="ignore", invalid="ignore"):
        b, b_error = affine(offset[None], W, network.b)
        c, c_error = affine(np.append(offset, 1.0)[None], np.column_stack([A, -level]), network.c)
    if not (np.isfinite(b).all() and np.isfinite(b_error).all() and np.isfinite(c).all() and np.isfinite(c_error).all()):
        return None
    return Shifted(ReLUNetwork.trusted(W, b[0], network.V, A, c[0]), b_error[0], c_error[0])


def affine(x: Array, A: Array, c: Array) -> tuple[Array, Array]:
    """Evaluate A x + c with hardly more than one rounding.

    Parameters
    ----------
    x : (n, d) array
    A : (T, d) array
    c : (T,) array

    Returns
    -------
    values, error : (n, T) arrays
        The values, and bounds on their errors.
    """
    high, low, error = affine_in_parts(x, A, c)
    values = high + low
    return values, EPS * np.abs(values) + error


def affine_in_parts(x: Array, A: Array, c: Array) -> tuple[Array, Array, Array]:
    """Evaluate A x + c as high + low, (n, T) each, and bound the error; arguments are those of `affine`."""
    high, low = np.tile(c, (len(x), 1)), np.zeros((len(x), len(c)))
    size = np.abs(high)
    for k in range(x.shape[1]):
        product, rest = two_product(x[:, k, None], A[:, k])
        high, carried = two_sum(high, product)
        low = low + (rest + carried)
        size = size + np.abs(product)
    high, low = two_sum(high, low)
    return high, low, (2 * x.shape[1] + 4) ** 2 * EPS * EPS * size


def misfits(network: ReLUNetwork, x: Array, y: Array) -> Array:
    """Bound |f(x) - y| from above, (n, T), with hardly more than the rounding of the result.

    The pre-activations z and the sum over neurons are double-doubles. Products with weights are complete, since weights
    have no low part. relu changes by at most as much as z.
    """
    z, z_low, z_error = affine_in_parts(x, network.W, network.b)
    on = z > 0
    z, z_low = np.where(on, z, 0.0), np.where(on, z_low, 0.0)
    high, low, error = affine_in_parts(x, network.A, network.c)
    size = np.abs(high)
    for k, v in enumerate(network.V.T):
        product, rest = two_product(z[:, k, None], v)
        high, carried = two_sum(high, product)
        low = low + (rest + carried + z_low[:, k, None] * v)
        size = size + np.abs(product)
    off, carried = two_sum(high, -y)
    low = low + carried
    error = error + (2 * network.n_neurons + 8) ** 2 * EPS * EPS * (size + np.abs(y)) + z_error @ np.abs(network.V.T)
    bound: Array = np.abs(off + low) * (1 + 4 * EPS) + error
    return bound
