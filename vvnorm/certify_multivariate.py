"""Certificates for networks of several inputs: the part of `vvnorm.certify` that is about points in space.

A dual certificate is an array Lambda (N, T). If it is orthogonal to every affine function on the present labels (to the
constants only, where networks have no skip connection), then pairing it with the values of any network leaves the neurons,

    sum_i <Lambda_i, f(x_i)> = sum_k <v_k, sum_i Lambda_i relu(w_k.x_i + b_k)> <= g sum_k ||w_k|| ||v_k||,

with g from `vvnorm.neuron_bound`. So an interpolating network costs at least <Lambda, Y> / g. With the biases inside
the norm, sum_k ||(w_k, b_k)|| ||v_k||, neurons are relu((w, b).(x, 1)) and g is that of `ray_bound`.

An array of floats is never exactly orthogonal, but it is known how far at most the nearest orthogonal one is: the basis of
the affine functions in `_Group` comes from exact arithmetic and is the identity on some of the points, so no combination of
its columns is shorter than the coefficients. That distance, times what it can do, is subtracted from <Lambda, Y> and added
to g.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vvnorm.certify import Certificate, Rows, _norms, _power_of_two, _scaled, _vv_norm
from vvnorm.data import Array, RepeatedInput, as_inputs, as_labels, require_two_points
from vvnorm.network import ReLUNetwork
from vvnorm.neuron_bound import neuron_bound, ray_bound
from vvnorm.tolerances import EPS

_BLOCK = 1 << 20  # entries of a hidden layer held at once


def certify_points(
    network: ReLUNetwork,
    X: ArrayLike,
    Y: ArrayLike,
    *,
    dual: Rows | None = None,
    skip: bool = True,
    penalise_bias: bool = False,
) -> Certificate:
    """Do what `vvnorm.certify.certify` does for several inputs; it is as valid for one."""
    x, y = as_inputs(X), as_labels(Y, allow_missing=True)
    if x.shape[1] != network.n_inputs:
        raise ValueError(f"X has {x.shape[1]} columns; the network has {network.n_inputs} inputs")
    y = as_labels(y, len(x), allow_missing=True)
    if y.shape[1] != network.n_outputs:
        raise ValueError(f"Y has {y.shape[1]} outputs, the network has {network.n_outputs}")
    _refuse_conflicts(x, y)
    require_two_points(x, "a certificate")
    x_unit, y_unit = _power_of_two(float(np.max(np.abs(x)))), _power_of_two(float(np.nanmax(np.abs(y))))
    x, y = x / x_unit, y / y_unit
    affine = _Affine(x, ~np.isnan(y), skip)
    Lambda = affine.orthogonal(affine.polar_factor(y) if dual is None else _checked_dual(dual, y.shape))
    bound = _Bound(affine, Lambda, x, penalise_bias, x_unit)
    bent, straight, rounding = evaluate(network, x, x_unit, y_unit)
    off = np.where(affine.present, bent + straight - y, 0.0)
    residual = float(np.max(_norms(off))) if np.isfinite(off).all() else math.inf
    if not skip:
        bent = bent + straight - network.c / y_unit
    at_least = np.array([bound.value(y), bound.value(bent, rounding)])
    lower, fit = (max(0.0, value) for value in _scaled(at_least, y_unit, x_unit).tolist())
    vv_norm = _vv_norm(network, penalise_bias)
    at_most = vv_norm * (1 + (network.n_outputs + network.n_inputs + 64) * EPS)
    spread = float(np.max(np.nanmax(y, axis=0) / 2 - np.nanmin(y, axis=0) / 2))
    return Certificate(
        residual=residual * y_unit,
        relative_residual=residual / spread if spread > 0 else (0.0 if residual == 0 else math.inf),
        vv_norm=vv_norm,
        lower_bound=lower,
        gap=(at_most - lower) / vv_norm if vv_norm > 0 else (0.0 if lower == 0 else -math.inf),
        excess=max(at_most - fit, 0.0),
        distance=math.nan,
        distance_bound=math.nan,
        skip=skip,
        dual=Lambda,
        penalise_bias=penalise_bias,
    )


def _refuse_conflicts(x: Array, y: Array) -> None:
    """Refuse labels that differ at one and the same point."""
    order = np.lexsort(x.T)
    x, y = x[order], y[order]
    first = np.flatnonzero(np.concatenate(([True], np.any(x[1:] != x[:-1], axis=1))))
    if len(first) == len(x):
        return
    low, high = np.fmin.reduceat(y, first, axis=0), np.fmax.reduceat(y, first, axis=0)
    differ = np.argwhere(high > low)
    if len(differ):
        group, output = differ[0]
        raise RepeatedInput.at(x[first[group]], low[group, output], high[group, output], int(output))


def _checked_dual(dual: Rows, shape: tuple[int, ...]) -> Array:
    if tuple(dual.shape) != shape:
        raise ValueError(f"dual has shape {tuple(dual.shape)}; the labels have shape {shape}")
    Lambda = np.array(dual[0 : shape[0]], dtype=np.float64)
    if not np.isfinite(Lambda).all():
        raise ValueError("dual holds NaN or infinity")
    return Lambda


# --- orthogonality to affine functions --------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Group:
    """Outputs whose labels are present at the same points, and the affine functions there.

    Attributes
    ----------
    rows, outputs : arrays of int
        These points and outputs.
    basis : (n, r) array
        Basis of the affine functions (the constants, without a skip connection), the identity on r of the n points.
    inverse : (r, n) array
        Its pseudo-inverse.
    """

    rows: NDArray[np.intp]
    outputs: NDArray[np.intp]
    basis: Array
    inverse: Array

    @property
    def place(self) -> tuple[NDArray[np.intp], ...]:
        """Index of these points and outputs in an (N, T) array."""
        return np.ix_(self.rows, self.outputs)

    def stray(self, part: Array) -> tuple[float, float]:
        """Return the norm of the part's products with the basis, and their rounding error."""
        rounding = (len(part) + 4) * EPS * float(np.linalg.norm(np.abs(self.basis).T @ np.abs(part)))
        return float(np.linalg.norm(self.basis.T @ part)), rounding


class _Affine:
    """The affine functions at the points x (N, d), output by output where labels are `present` (N, T)."""

    def __init__(self, x: Array, present: NDArray[np.bool_], skip: bool) -> None:
        self.present = present
        self.groups = []
        patterns, member = np.unique(present, axis=1, return_inverse=True)
        for index, pattern in enumerate(patterns.T):
            rows = np.flatnonzero(pattern)
            basis = _exact_basis(x[rows]) if skip else np.ones((len(rows), 1))
            outputs = np.flatnonzero(member.ravel() == index)
            self.groups.append(_Group(rows, outputs, basis, np.asarray(np.linalg.pinv(basis), dtype=np.float64)))

    def orthogonal(self, array: Array) -> Array:
        """Make an array orthogonal up to rounding, 0 where labels are missing, its largest entry between 1/2 and 1.

        What it returns it leaves as it is, bit for bit.
        """
        array = _unit_size(np.where(self.present, array, 0.0))
        for group in self.groups:
            part = array[group.place]
            for _ in range(5):
                stray, rounding = group.stray(part)
                if stray <= 8 * rounding:
                    break
                part = part - group.basis @ (group.inverse @ part)
            array[group.place] = part
        return _unit_size(array)

    def distance(self, array: Array) -> float:
        """Bound the distance from an array to the nearest one that is orthogonal exactly (Frobenius norm)."""
        return math.hypot(*(sum(group.stray(array[group.place])) for group in self.groups))

    def remainder(self, values: Array) -> tuple[Array, Array]:
        """Subtract an affine function from each output, near the best; 0 where labels are missing.

        Returns
        -------
        remainder, rounding : (N, T) arrays
            The difference and a bound on the rounding errors in it.
        """
        remainder, rounding = np.zeros_like(values), np.zeros_like(values)
        for group in self.groups:
            part = values[group.place]
            part = part - part.mean(axis=0)
            coefficients = group.inverse @ part
            remainder[group.place] = part - group.basis @ coefficients
            size = np.abs(part) + np.abs(group.basis) @ np.abs(coefficients)
            rounding[group.place] = (len(coefficients) + 4) * EPS * size
        return remainder, rounding

    def polar_factor(self, labels: Array) -> Array:
        """Polar factor U V' of the labels without their affine part: pairing it with them gives their nuclear norm."""
        remainder, rounding = self.remainder(labels)
        U, s, Vt = np.linalg.svd(remainder, full_matrices=False)
        kept = s > np.linalg.norm(rounding)
        factor: Array = U[:, kept] @ Vt[kept]
        return factor


def _unit_size(array: Array) -> Array:
    """Scale an array by a power of two so that its largest entry is between 1/2 and 1."""
    scaled: Array = np.ldexp(array, -math.frexp(float(np.max(np.abs(array))))[1])
    return scaled


def _exact_basis(x: Array) -> Array:
    """Basis (n, r) of the affine functions at points (n, d), the identity on r of them; only rounded in the end.

    Gauss-Jordan elimination of the columns of (1, x) in integers, without fractions (Bareiss): all divisions are exact, and
    every pivot column ends with the same integer at its pivot. So r is the true rank, however flat the points lie.
    """
    columns = np.hstack([np.ones((len(x), 1)), x])
    M = np.array([_integers(column) for column in columns.T.tolist()], dtype=object).T
    last, used = 1, []
    for q in range(M.shape[1]):
        p = max(range(len(M)), key=lambda row: abs(M[row, q]))
        pivot = M[p, q]
        if pivot == 0:
            continue
        for other in range(M.shape[1]):
            if other != q:
                M[:, other] = (pivot * M[:, other] - M[p, other] * M[:, q]) // last
        last = pivot
        used.append(q)
    return np.asarray(M[:, used] / last, dtype=np.float64)


def _integers(column: list[float]) -> list[int]:
    """Multiply floats by the least power of two that makes them all integers."""
    ratios = [value.as_integer_ratio() for value in column]
    unit = max(denominator for _, denominator in ratios)
    return [numerator * (unit // denominator) for numerator, denominator in ratios]


# --- the bound --------------------------------------------------------------------------------------------------------


class _Bound:
    """What Lambda (N, T), as `_Affine.orthogonal` made it, proves about networks with given values at the points."""

    def __init__(self, affine: _Affine, Lambda: Array, x: Array, penalise_bias: bool, x_unit: float) -> None:
        self._affine, self._Lambda = affine, Lambda
        self._distance = affine.distance(Lambda)
        # Moving Lambda moves the response by at most sum_j ||change_j|| ||x_j - x_i||.
        self._response = (
            largest_response(x, Lambda, penalise_bias, x_unit)
            + 1.01 * math.sqrt(len(x)) * reach(x, penalise_bias, x_unit) * self._distance
        )

    def value(self, values: Array, error: Array | float = 0.0) -> float:
        """Least cost of networks with these values (N, T), known up to the given error; from below, maybe negative."""
        if self._response == 0:
            return 0.0
        with np.errstate(over="ignore", invalid="ignore"):
            remainder, rounding = self._affine.remainder(values)
            error = np.where(self._affine.present, error + rounding, 0.0)
            products = self._Lambda * remainder
            doubt = float(np.sum(np.abs(self._Lambda) * error) + 4 * EPS * np.sum(np.abs(products)))
            doubt += self._distance * float(np.linalg.norm(remainder) + np.linalg.norm(error))
            if not math.isfinite(doubt):
                return 0.0
            value = (math.fsum(products.ravel().tolist()) - doubt * (1 + 1e-9)) / self._response
        return value - 4 * EPS * abs(value)


def reach(x: Array, penalise_bias: bool, x_unit: float) -> float:
    """Bound ||x_j - x_i||, or ||(x_j, 1)|| with the bias inside the norm, in units x_unit."""
    if penalise_bias:
        return 1.01 * float(np.max(_norms(_with_one(x, x_unit))))
    return 2.01 * float(np.max(_norms(x - (x.min(axis=0) / 2 + x.max(axis=0) / 2))))


def _with_one(x: Array, x_unit: float) -> Array:
    """Points (x, 1), in units x_unit."""
    return np.column_stack([x, np.full(len(x), 1 / x_unit)])


def largest_response(x: Array, Lambda: Array, penalise_bias: bool, x_unit: float) -> float:
    """Bound the response of a neuron of ||w|| = 1, or of ||(w, b)|| = 1, at the points x_unit * x; in units x_unit."""
    points = _with_one(x, x_unit) if penalise_bias else x
    return _remembered(points.tobytes(), points.shape, Lambda.tobytes(), Lambda.shape, penalise_bias)


@lru_cache(maxsize=4)
def _remembered(
    points: bytes, points_shape: tuple[int, int], Lambda: bytes, shape: tuple[int, int], penalise_bias: bool
) -> float:
    """Remember the bound of the last few duals: many networks are judged by one, and it may take seconds."""
    bound = ray_bound if penalise_bias else neuron_bound
    return bound(np.frombuffer(points).reshape(points_shape), np.frombuffer(Lambda).reshape(shape))


def evaluate(network: ReLUNetwork, x: Array, x_unit: float, y_unit: float) -> tuple[Array, Array, Array]:
    """Values (N, T) at x_unit * x in units of y: of the neurons, of the rest, and a bound on their rounding errors."""
    W, b, V = network.W.T, network.b / x_unit, _scaled(network.V.T, x_unit, y_unit)
    A = _scaled(network.A.T, x_unit, y_unit)
    bent, size = np.empty((2, len(x), network.n_outputs))
    step = max(16, _BLOCK // max(network.n_neurons, 1))
    with np.errstate(over="ignore", invalid="ignore"):
        for start in range(0, len(x), step):
            rows = slice(start, start + step)
            bent[rows] = np.maximum(x[rows] @ W + b, 0.0) @ V
            size[rows] = (np.abs(x[rows]) @ np.abs(W) + np.abs(b)) @ np.abs(V)
        straight = x @ A + network.c / y_unit
        size += np.abs(x) @ np.abs(A) + np.abs(network.c / y_unit)
    return bent, straight, (network.n_neurons + network.n_inputs + 8) * EPS * size
