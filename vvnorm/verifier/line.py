"""Interpolants of one input: the bound on their cost, and how it is verified.

A dual certificate is a function eta on the real line, linear between data points and given by its values there, with
||eta|| <= 1 everywhere and eta = 0 from x_1 to the left and from x_N to the right. The curvatures of a neuron
v relu(w x + b) at the data, paired with eta, give at most |w| ||v||, since they telescope; affine functions give 0.
So every network with values f(x_i) at the data has

    VV(f) >= sum_i <eta(x_i), delta_i(f)>          (weak duality),

and for an interpolating network the right side depends on the labels only. Where a label is missing, eta of that output
is taken linear across the point, so that the label does not enter. Without a skip connection eta need not vanish at x_1,
but ||eta - eta(x_1)|| <= 1 is required as well (neurons that open to the left).

Compiled passes with their own arithmetic follow the network through the data (`vvnorm.verifier.line_kernels`).
"""

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike

from vvnorm._internal.words import count
from vvnorm.float64 import Rows, dual_rows
from vvnorm.losses import label_rounding
from vvnorm.network import ReLUNetwork, row_norms
from vvnorm.tolerances import EPS
from vvnorm.validation import Array, sorted_univariate
from vvnorm.verifier.arithmetic import fixed, power_of_two, scaled, vv_norm
from vvnorm.verifier.certificates import InterpolantRecord
from vvnorm.verifier.interpolants import finite_dual, relative_gap, relative_misfit, unresolved_outputs

_BLOCK = 1 << 15  # label entries followed at once


def judge_interpolant(
    network: ReLUNetwork, X: ArrayLike, Y: ArrayLike, *, dual: Rows | None, skip: bool
) -> InterpolantRecord:
    """Judge an interpolant of one input; see `vvnorm.verifier.check.judge`."""
    x, labels = sorted_univariate(X, Y)
    if len(x) < 2:
        raise ValueError(f"X has 1 distinct value ({float(x[0])!r}); a certificate needs two or more")
    if labels.shape[1] != network.n_outputs:
        raise ValueError(f"Y has {count(labels.shape[1], 'output')}, the network has {network.n_outputs}")
    return judge_sorted(network, x, labels, dual=dual, skip=skip)


def judge_sorted(network: ReLUNetwork, x: Array, Y: Array, *, dual: Rows | None, skip: bool) -> InterpolantRecord:
    """Judge with arrays that `sorted_univariate` returned; they are not checked again."""
    from vvnorm.verifier import line_kernels as kernel

    low, high = np.empty((2, Y.shape[1]))
    missing = kernel.ranges(fixed(Y), low, high) > 0
    filled = _filled(x, Y) if missing else Y
    eta = _own_dual(x, filled) if dual is None else dual
    if missing or dual is not None:
        eta = _checked_dual(eta, Y, x, missing, skip)
    T = Y.shape[1]
    x_unit = power_of_two(float(max(x[-1], -x[0])))
    y_unit = power_of_two(float(max(high.max(), -low.min())))
    totals, worst = _follow(network, x, Y, filled, eta, x_unit, y_unit)
    label_dual, fit_dual, scale = _dual_values(totals, eta, skip)
    if not math.isfinite(label_dual):
        raise ValueError("dual holds NaN or infinity, or its value for Y leaves the range of float64; rescale X or Y")
    cost = vv_norm(network)
    at_most = cost * (1 + (T + 64) * EPS)  # norms of T entries, partial sums of pairwise type
    lower, fit = (max(0.0, value) for value in scaled(np.array([label_dual, fit_dual]), y_unit, x_unit).tolist())
    residual = math.sqrt(totals[kernel.RESIDUAL]) * y_unit
    relative = relative_misfit(worst, low / y_unit, high / y_unit)
    if (lost := unresolved_outputs(low, high, y_unit)).any():
        few = judge_sorted(network.of_outputs(lost), x, Y[:, lost], dual=None, skip=skip)
        relative = max(relative, few.relative_residual)
    excess = max(at_most - fit, 0.0)
    distance = bound = math.nan
    if not missing:
        distance = max(residual, math.sqrt(totals[kernel.DISTANCE]) * y_unit)
        if skip:
            # The sweep pairs eta as given; scaled to ||eta|| <= 1, 1 - <eta_i, eta_{i+1}> is at least that over scale^2.
            sensitivity = float(totals[kernel.SENSITIVITY]) * scale * scale * x_unit
            bound = residual if excess == 0 else excess * sensitivity + residual
            bound = math.inf if math.isnan(bound) else bound  # ||eta|| or the residual left float64
    return InterpolantRecord(
        residual=residual,
        relative_residual=relative,
        vv_norm=cost,
        lower_bound=lower,
        gap=relative_gap(cost, at_most, lower, lambda: _rounding_cost(eta, x, Y, label_rounding(low, high)) / scale),
        excess=excess,
        distance=distance,
        distance_bound=bound,
        skip=skip,
        dual=eta,
    )


def _dual_values(totals: Array, eta: Rows, skip: bool) -> tuple[float, float, float]:
    """Return the values of the dual certificate for labels and fit, scaled to ||eta|| <= 1, rounded down, and the scale."""
    from vvnorm.verifier import line_kernels as kernel

    T = eta.shape[1]
    norm = math.sqrt(totals[kernel.DUAL_NORM])
    if not skip:
        first = dual_rows(eta, slice(0, 1))
        norm = max(norm, *(float(np.max(row_norms(block - first))) for _, _, block in _dual_blocks(eta)))
    scale = max(1.0, norm * (1 + (T + 4) * EPS))
    # Each product carries three roundings and the sum over outputs T more; sums over points are compensated.
    error = (T + 8) * EPS
    label, fit = (
        float(totals[value] + totals[value + kernel.TOTALS] - error * totals[size]) / scale
        for value, size in ((kernel.LABEL_DUAL, kernel.LABEL_SIZE), (kernel.FIT_DUAL, kernel.FIT_SIZE))
    )
    return label, fit, scale


def _follow(
    network: ReLUNetwork, x: Array, Y: Array, filled: Array, eta: Rows, x_unit: float, y_unit: float
) -> tuple[Array, Array]:
    """Sweep over the data in blocks, in units of powers of two in which no product leaves float64.

    Returns
    -------
    totals : array
        See `vvnorm.verifier.line_kernels`.
    worst : (T,) array
        Largest misfit of each output.
    """
    from vvnorm.verifier import line_kernels as kernel

    T = Y.shape[1]
    w, b, V = network.W[:, 0], network.b, network.V.T
    A, c = scaled(network.A[:, 0], x_unit, y_unit), scaled(network.c, 1.0, y_unit)
    if x_unit != 1 or y_unit != 1:
        # Neuron by neuron: w x + b = x_unit (w x' + b / x_unit), and that factor goes to v.
        x, Y, filled, b, V = x / x_unit, Y / y_unit, filled / y_unit, b / x_unit, scaled(V, x_unit, y_unit)
        if not np.all(x[1:] > x[:-1]):
            raise ValueError("X spans more orders of magnitude than float64 can hold in one unit; rescale parts of it")
    value, slope, totals = np.zeros((2, T)), np.zeros((2, T)), np.zeros(2 * kernel.TOTALS)
    to_come = np.zeros(len(b), dtype=np.bool_)
    kernel.start(x[0], fixed(w), fixed(b), fixed(V), fixed(A), fixed(c), value, slope, to_come)
    kinks = np.full(len(b), np.inf)
    np.divide(-b, w, out=kinks, where=to_come)
    if not to_come.all() or np.any(kinks[1:] < kinks[:-1]):
        order = np.argsort(kinks, kind="stable")[: int(to_come.sum())]
        w, b, V, kinks = w[order], b[order], V[order], kinks[order]
    w, b, V, kinks = (fixed(array) for array in (w, b, V, kinks))
    passed, worst = 0, np.zeros(T)
    for start, stop, block in _dual_blocks(eta):
        rows = slice(start, stop)
        passed = kernel.sweep(
            fixed(x[rows]), fixed(Y[rows]), fixed(filled[rows]), fixed(block), w, b, V, kinks, passed,
            value, slope, totals, worst,
        )  # fmt: skip
    return totals, worst


def _rounding_cost(eta: Rows, x: Array, Y: Array, off: Array) -> float:
    """Bound how much changes of the labels by `off` (T,) change the bound: sum of |Lambda_it| off_t over present labels.

    The bound is 0 if it leaves float64; then rounding excuses nothing.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        rise = np.diff(dual_rows(eta, slice(0, len(x))), axis=0) / np.diff(x)[:, None]
        Lambda = np.diff(rise, axis=0, prepend=0.0, append=0.0)
        cost = float(np.sum(np.where(np.isnan(Y), 0.0, np.abs(Lambda)) * off))
    return cost if math.isfinite(cost) else 0.0


def _dual_blocks(eta: Rows) -> Iterator[tuple[int, int, Array]]:
    """Yield blocks of rows of a dual certificate; each begins with the last row of the previous block."""
    n, T = eta.shape
    step = max(16, _BLOCK // T)
    for start in range(0, n - 1, step):
        stop = min(start + step + 1, n)
        yield start, stop, dual_rows(eta, slice(start, stop))


def _own_dual(x: Array, Y: Array) -> Array:
    """Return the unit curvatures of the labels, zero at both ends: the verifier's own form of the closed-form optimum."""
    eta = np.zeros_like(Y)
    with np.errstate(over="ignore", invalid="ignore"):
        slope = np.diff(Y, axis=0) / np.diff(x)[:, None]
        delta = np.diff(slope, axis=0)
    delta[~np.isfinite(delta).all(axis=1)] = 0.0  # slopes beyond float64 have no direction; any eta is valid
    size = row_norms(delta)
    np.divide(delta, size[:, None], out=eta[1:-1], where=size[:, None] > 0)
    return eta


def _checked_dual(dual: Rows, Y: Array, x: Array, missing: bool, skip: bool) -> Rows:
    """Refuse a dual certificate of the wrong shape, and change it so that it meets the conditions of weak duality."""
    if tuple(dual.shape) != Y.shape:
        raise ValueError(f"dual has shape {tuple(dual.shape)}; sorted and merged, the labels have shape {Y.shape}")
    if not missing and skip:
        ends = np.vstack([dual_rows(dual, slice(0, 1)), dual_rows(dual, slice(len(Y) - 1, len(Y)))])
        if not np.any(ends):
            return dual
    eta = finite_dual(dual)
    for t in range(Y.shape[1]):
        present = np.flatnonzero(~np.isnan(Y[:, t]))
        if skip:
            eta[present[0], t] = 0.0
        eta[present[-1], t] = 0.0
        # np.interp keeps the end values beyond the present labels, as weak duality requires.
        eta[:, t] = np.interp(x, x[present], eta[present, t])
    return eta


def _filled(x: Array, Y: Array) -> Array:
    """Fill in missing labels on the line between their present neighbours; their weight in the bound is 0."""
    filled = np.empty_like(Y)
    for t in range(Y.shape[1]):
        present = ~np.isnan(Y[:, t])
        filled[:, t] = np.interp(x, x[present], Y[present, t])
    return filled
