"""Interpolants of several inputs: the bound on their cost, and how it is verified.

A dual certificate is an array Lambda (N, T) that is orthogonal to every affine function on the present labels (to the
constants only, where networks have no skip connection). So only the neurons of a network contribute to its pairing with
Lambda,

    sum_i <Lambda_i, f(x_i)> = sum_k <v_k, sum_i Lambda_i relu(w_k.x_i + b_k)> <= g sum_k ||w_k|| ||v_k||,

with g from `verifier.neuron_bound`, and an interpolating network costs at least <Lambda, Y> / g. With the biases inside
the norm, sum_k ||(w_k, b_k)|| ||v_k||, neurons are relu((w, b).(x, 1)), and `ray_bound` computes g.

A float64 array is never exactly orthogonal, but a nearby array is. The basis of the affine functions in `OutputGroup` comes
from exact arithmetic and is the identity on some of the points. At these points the products of the basis with Lambda are
subtracted, which makes the array orthogonal; the products are sums of exact products. The change of <Lambda, Y> is known,
and a bound on the change of g is added to g. Products with Y are exact as well: points at a distance h may have vectors of
size 1 / h in opposite directions, of which only the difference matters.

If Lambda is 0 in more than half of the rows, these rows are left out of the bound: a network that interpolates all labels
interpolates those of the other rows, too.
"""

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vvnorm._internal.words import count
from vvnorm.float64 import Rows, dual_rows
from vvnorm.losses import label_rounding, label_units
from vvnorm.network import ReLUNetwork, row_norms
from vvnorm.tolerances import EPS
from vvnorm.validation import Array, as_inputs, as_labels, refuse_conflicts, require_two_points
from vvnorm.verifier.arithmetic import power_of_two, scaled, two_product, vv_norm
from vvnorm.verifier.budget import is_bounded_by_norms, most_additions
from vvnorm.verifier.certificates import InterpolantRecord
from vvnorm.verifier.flat_inputs import Subspace
from vvnorm.verifier.interpolants import finite_dual, relative_gap, relative_misfit, unresolved_outputs
from vvnorm.verifier.laplacian_bound import dual_array
from vvnorm.verifier.neuron_bound import neuron_bound, ray_bound
from vvnorm.verifier.shifts import Shifted, affine, misfits, offsets, shifted

_NEGLIGIBLE = 1e-9  # of the label unit of an output: misfits with less rounding need no more digits
_BLOCK = 1 << 20  # entries of a hidden layer per block
_LEAST_WEIGHT = 1e-9  # of the largest row: smaller rows get this weight in corrections
_UNDERFLOW = 1e-290  # more than a product of entries may lose there, in units in which they are about 1


def judge_interpolant(
    network: ReLUNetwork,
    X: ArrayLike,
    Y: ArrayLike,
    *,
    dual: Rows | None = None,
    skip: bool = True,
    penalise_bias: bool = False,
    subspace: Subspace | None = None,
) -> InterpolantRecord:
    """Judge an interpolant of any number of inputs; see `vvnorm.verifier.check.judge`.

    With a `subspace` the bound refers to the nearest points in it (`vvnorm.verifier.flat_inputs`).
    """
    x, y = points_and_labels(network, X, Y)
    refuse_conflicts(x, y)
    require_two_points(x, "a certificate")
    places = None if subspace is None else flat_points(subspace, x, ~np.isnan(y), penalise_bias)
    offset, level, moved = centred(network, x, y, penalise_bias)
    labels, x, y = y, x - offset, y - level
    y_unit = power_of_two(float(np.nanmax(np.abs(y))))
    (x, x_unit), y = in_units(x), y / y_unit
    points, unit = (x, x_unit) if places is None else in_units(places)
    present, Lambda = ~np.isnan(y), np.zeros_like(y)
    given = None if dual is None else _checked_dual(dual, y.shape)
    some = None if given is None else used_rows(given, y)
    rows: Any = slice(None) if some is None else some
    free = AffineFunctions(points[rows], present[rows], skip)
    Lambda[rows] = free.orthogonal(_own_array(free, points, y, penalise_bias) if given is None else given[rows])
    bound = _Bound(free, Lambda[rows], points[rows], penalise_bias, unit)
    bent, straight, rounding = evaluate(moved, x, x_unit, y_unit)
    off = np.where(present, np.abs(bent + straight - y), 0.0)
    ends = np.nanmin(labels, axis=0), np.nanmax(labels, axis=0)
    if np.any(np.where(present, rounding, 0.0) > _NEGLIGIBLE * label_units(*ends) / y_unit):
        off = np.where(present, _misfits(network, X, labels, y_unit), 0.0)
    residual = float(np.max(row_norms(off))) if np.isfinite(off).all() else math.inf
    if not skip or subspace is not None:  # an affine function of X is not exactly affine in coordinates
        bent = bent + straight - moved.network.c / y_unit
    at_least = np.array([bound.value(y[rows]), bound.value(bent[rows], rounding[rows])]) / (
        1.0 if subspace is None else subspace.stretch
    )
    lower, fit = (max(0.0, value) for value in scaled(at_least, y_unit, unit).tolist())
    cost = vv_norm(network, penalise_bias)
    at_most = cost * (1 + (network.n_outputs + network.n_inputs + 64) * EPS)
    relative = relative_misfit(off.max(axis=0), ends[0] / y_unit, ends[1] / y_unit)
    if (lost := unresolved_outputs(*ends, y_unit)).any():
        nothing = np.zeros((len(x), int(lost.sum())))
        few = judge_interpolant(network.of_outputs(lost), X, labels[:, lost], dual=nothing, penalise_bias=penalise_bias)
        relative = max(relative, few.relative_residual)
    return InterpolantRecord(
        residual=residual * y_unit,
        relative_residual=relative,
        vv_norm=cost,
        lower_bound=lower,
        gap=relative_gap(cost, at_most, lower, lambda: bound.rounding(label_rounding(*ends), y_unit, unit)),
        excess=max(at_most - fit, 0.0),
        distance=math.nan,
        distance_bound=math.nan,
        skip=skip,
        dual=Lambda,
        penalise_bias=penalise_bias,
        additions=most_additions(),
        subspace=subspace,
    )


def _misfits(network: ReLUNetwork, X: ArrayLike, labels: Array, y_unit: float) -> Array:
    """Misfits in units of y, where plain sums lose too many digits; NaN beyond float64, and where labels are missing."""
    x, x_unit = in_units(as_inputs(X))
    V, A = scaled(network.V, x_unit, y_unit), scaled(network.A, x_unit, y_unit)
    with np.errstate(over="ignore", invalid="ignore"):
        moved = ReLUNetwork.trusted(network.W, network.b / x_unit, V, A, network.c / y_unit)
        return misfits(moved, x, labels / y_unit)


def points_and_labels(network: ReLUNetwork, X: ArrayLike, Y: ArrayLike) -> tuple[Array, Array]:
    """Read inputs (N, d) and labels (N, T), NaN = missing, of as many inputs and outputs as a network has."""
    x, labels = as_inputs(X), as_labels(Y, allow_missing=True)
    if x.shape[1] != network.n_inputs:
        raise ValueError(f"X has {count(x.shape[1], 'column')}; the network has {count(network.n_inputs, 'input')}")
    labels = as_labels(labels, len(x), allow_missing=True)
    if labels.shape[1] != network.n_outputs:
        raise ValueError(f"Y has {count(labels.shape[1], 'output')}, the network has {network.n_outputs}")
    return x, labels


def flat_points(subspace: Subspace, x: Array, present: NDArray[np.bool_], penalise_bias: bool) -> Array:
    """Return coordinates in a subspace; points with labels, as `present` (N, T), must lie in it up to rounding."""
    if penalise_bias:
        raise ValueError("with the bias inside the norm, coordinates in a subspace are another problem")
    return subspace.coordinates(x, present)


def in_units(x: Array) -> tuple[Array, float]:
    """Return inputs in units of a power of two in which no product leaves float64, and this unit."""
    unit = power_of_two(float(np.max(np.abs(x))))
    return x / unit, unit


def centred(network: ReLUNetwork, x: Array, y: Array, penalise_bias: bool) -> tuple[Array, Array, Shifted]:
    """Find exact offsets of inputs (if biases of neurons are free) and of labels, NaN = none, and shift the network."""
    offset = np.zeros(x.shape[1]) if penalise_bias else offsets(x)
    level = offsets(y)
    moved = shifted(network, offset, level)
    if moved is None:
        offset, level = np.zeros_like(offset), np.zeros_like(level)
        moved = Shifted(network, np.zeros(network.n_neurons), level)
    return offset, level, moved


def used_rows(dual: Rows, labels: Array) -> NDArray[np.intp] | None:
    """Return the rows in which a dual array (N, T) is not 0, if they are less than half and have labels of all outputs."""
    rows = np.flatnonzero(np.any(dual_rows(dual, slice(0, len(labels))), axis=1))
    if not 0 < 2 * len(rows) < len(labels) or np.isnan(labels[rows]).all(axis=0).any():
        return None
    return rows


def _own_array(free: "AffineFunctions", points: Array, y: Array, penalise_bias: bool) -> Array:
    """Return a dual array (N, T) for interpolation, by a graph on the points where all labels are known and biases free."""
    polar = free.polar_factor(y)
    if penalise_bias or np.isnan(y).any() or not polar.any() or is_bounded_by_norms(*points.shape):
        return polar
    return dual_array(points, y)


def _checked_dual(dual: Rows, shape: tuple[int, ...]) -> Array:
    if tuple(dual.shape) != shape:
        raise ValueError(f"dual has shape {tuple(dual.shape)}; the labels have shape {shape}")
    return finite_dual(dual)


# --- orthogonality to affine functions --------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class OutputGroup:
    """Outputs whose labels are present at the same points, and the affine functions there.

    Attributes
    ----------
    rows, outputs : arrays of int
        These points and outputs.
    functions : (n, q) array
        Values of the constant 1, and of the coordinates with a skip connection: exact.
    basis : (n, r) array
        Basis of their combinations, the identity on r of the n points.
    pivots : (r,) array of int
        Those points.
    change : (q, r) array
        The basis is functions @ change; both are rounded in the end only.
    inverse : (r, n) array
        Its pseudo-inverse.
    """

    rows: NDArray[np.intp]
    outputs: NDArray[np.intp]
    functions: Array
    basis: Array
    pivots: NDArray[np.intp]
    change: Array
    inverse: Array

    @property
    def place(self) -> tuple[NDArray[np.intp], ...]:
        """Index of these points and outputs in an (N, T) array."""
        return np.ix_(self.rows, self.outputs)

    def moment_norm(self, part: Array) -> tuple[float, float]:
        """Return the norm of the part's products with the basis, and their rounding error."""
        rounding = (len(part) + 4) * EPS * float(np.linalg.norm(np.abs(self.basis).T @ np.abs(part)))
        return float(np.linalg.norm(self.basis.T @ part)), rounding

    def correction(self, part: Array) -> tuple[Array, Array]:
        """Return the numbers (r, t) to subtract at the pivots to make the part orthogonal, and bounds on their rounding."""
        products = exact_products(self.functions, part)
        rounding = (len(self.change) + 4) * EPS * (np.abs(self.change).T @ np.abs(products))
        return self.change.T @ products, rounding

    def refined(self, part: Array) -> Array:
        """Reduce the rounding in the orthogonality of a part, by changes to the rows with the smallest rounding."""
        correction = self.correction(part)[0]
        while correction.any():
            size = row_norms(part)
            scales = 1 / np.maximum(size + _LEAST_WEIGHT * float(size.max()), _UNDERFLOW)[:, None]
            trial = part - scales * np.linalg.lstsq(self.basis.T * scales.T, correction, rcond=None)[0]
            rest = self.correction(trial)[0]
            if not np.linalg.norm(rest) < 0.5 * np.linalg.norm(correction):
                break
            part, correction = trial, rest
        return part


class AffineFunctions:
    """The affine functions at the points x (N, d), output by output where labels are `present` (N, T)."""

    def __init__(self, x: Array, present: NDArray[np.bool_], skip: bool) -> None:
        self.present = present
        self.groups = []
        patterns, member = np.unique(present, axis=1, return_inverse=True)
        for index, pattern in enumerate(patterns.T):
            rows = np.flatnonzero(pattern)
            functions = np.column_stack([np.ones(len(rows)), x[rows]] if skip else [np.ones(len(rows))])
            basis, pivots, change = exact_basis(functions)
            outputs = np.flatnonzero(member.ravel() == index)
            inverse = np.asarray(np.linalg.pinv(basis), dtype=np.float64)
            self.groups.append(OutputGroup(rows, outputs, functions, basis, pivots, change, inverse))

    def orthogonal(self, array: Array) -> Array:
        """Make an array orthogonal up to rounding, 0 where labels are missing, its largest entry between 1/2 and 1.

        An array that it returned before stays the same, bit for bit.
        """
        array = _unit_size(np.where(self.present, array, 0.0))
        for group in self.groups:
            part = array[group.place]
            nothing = 8 * (len(part) + 4) * EPS * float(np.max(np.abs(part), initial=0.0))
            for _ in range(5):
                norm, rounding = group.moment_norm(part)
                if norm <= 8 * rounding:
                    break
                part = part - group.basis @ (group.inverse @ part)
            # The rounding errors of an affine array depend on the BLAS kernels in use, and are no dual array.
            array[group.place] = group.refined(part) if np.max(np.abs(part), initial=0.0) > nothing else 0.0
        return _unit_size(array)

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
        """Return the polar factor U V' of the labels without affine part; its pairing with them is their nuclear norm."""
        remainder, rounding = self.remainder(labels)
        U, s, Vt = np.linalg.svd(remainder, full_matrices=False)
        kept = s > np.linalg.norm(rounding)
        factor: Array = U[:, kept] @ Vt[kept]
        return factor


def _unit_size(array: Array) -> Array:
    """Scale an array by a power of two so that its largest entry is between 1/2 and 1."""
    scaled: Array = np.ldexp(array, -math.frexp(float(np.max(np.abs(array))))[1])
    return scaled


def exact_basis(functions: Array) -> tuple[Array, NDArray[np.intp], Array]:
    """Basis (n, r) of the span of functions (n, q), the identity on r rows; these rows; and its combinations (q, r).

    Gauss-Jordan elimination of the columns in integers, without fractions (Bareiss): all divisions are exact, and every
    pivot column ends with the same integer at its pivot. So r is the true rank, however flat the points lie. Only the
    results are rounded.
    """
    n, scaled = len(functions), [_integers(column) for column in functions.T.tolist()]
    M = np.array([column for column, _ in scaled], dtype=object).T
    M = np.vstack([M, np.diag(np.array([unit for _, unit in scaled], dtype=object))])
    last, used, pivots = 1, [], []
    for q in range(M.shape[1]):
        p = max(range(n), key=lambda row: abs(M[row, q]))
        pivot = M[p, q]
        if pivot == 0:
            continue
        for other in range(M.shape[1]):
            if other != q:
                M[:, other] = (pivot * M[:, other] - M[p, other] * M[:, q]) // last
        last = pivot
        used.append(q)
        pivots.append(p)
    results = np.asarray(M[:, used] / last, dtype=np.float64)
    return results[:n], np.array(pivots, dtype=np.intp), results[n:]


def _integers(column: list[float]) -> tuple[list[int], int]:
    """Multiply floats by the least power of two that makes all of them integers; return that power, too."""
    ratios = [value.as_integer_ratio() for value in column]
    unit = max(denominator for _, denominator in ratios)
    return [numerator * (unit // denominator) for numerator, denominator in ratios], unit


# --- the bound --------------------------------------------------------------------------------------------------------


class _Bound:
    """Bounds that Lambda (N, T) from `AffineFunctions.orthogonal` proves for networks with given values at the points."""

    def __init__(self, affine: AffineFunctions, Lambda: Array, x: Array, penalise_bias: bool, x_unit: float) -> None:
        self._affine, self._Lambda = affine, Lambda
        self._corrections = [group.correction(Lambda[group.place]) for group in affine.groups]
        # Subtracting the corrections moves the response by at most the sum of their rows times ||x_j - x_i||.
        rows = [row_norms(np.abs(correction) + error) for correction, error in self._corrections]
        moved = math.hypot(*(float(np.sum(norms)) for norms in rows))
        self._response = largest_response(x, Lambda, penalise_bias, x_unit) + 1.01 * reach(x, penalise_bias, x_unit) * moved

    def value(self, values: Array, error: Array | float = 0.0) -> float:
        """Bound the cost of networks with these values (N, T) from below; the values are known up to the given error."""
        if self._response == 0:
            return 0.0
        with np.errstate(over="ignore", invalid="ignore"):
            values = np.where(self._affine.present, values, 0.0)
            error = np.where(self._affine.present, error, 0.0)
            terms = list(two_product(self._Lambda, values))
            doubt = float(np.sum(np.abs(self._Lambda) * error)) + self._Lambda.size * _UNDERFLOW
            for group, (correction, rounding) in zip(self._affine.groups, self._corrections, strict=True):
                at = values[group.place][group.pivots], error[group.place][group.pivots]
                terms.append(-correction * at[0])
                doubt += float(np.sum((rounding + 4 * EPS * np.abs(correction)) * np.abs(at[0])))
                doubt += float(np.sum((rounding + np.abs(correction)) * at[1]))
            if not (math.isfinite(doubt) and all(np.isfinite(part).all() for part in terms)):
                return 0.0
            total = math.fsum(np.concatenate([part.ravel() for part in terms]).tolist())
            value = (total - doubt * (1 + 1e-9)) / self._response
        return value - 4 * EPS * abs(value)

    def rounding(self, off: Array, y_unit: float, x_unit: float) -> float:
        """Bound the change of the bound if the values change by `off` (T,); both in the caller's units."""
        Lambda = np.abs(self._Lambda)
        for group, (correction, _) in zip(self._affine.groups, self._corrections, strict=True):
            Lambda[np.ix_(group.rows[group.pivots], group.outputs)] += np.abs(correction)
        if self._response == 0:
            return 0.0
        cost = float(scaled(np.array(np.sum(Lambda * (off / y_unit)) / self._response), y_unit, x_unit))
        return cost if math.isfinite(cost) else 0.0


def exact_products(A: Array, B: Array) -> Array:
    """A' B for arrays (n, q) and (n, t) in units of about 1, each entry rounded once."""
    products = np.empty((A.shape[1], B.shape[1]))
    for q, column in enumerate(A.T):
        parts = np.concatenate(two_product(column[:, None], B))
        products[q] = [math.fsum(terms) for terms in parts.T.tolist()]
    return products


def is_orthogonal(A: Array, b: Array) -> bool:
    """Whether a vector (n,) is orthogonal to each column of an array (n, q), in rational arithmetic."""
    if exact_products(A, b[:, None]).any():
        return False  # most vectors are not, and this is quick; products that leave float64 make it say 0 too often
    entries = [(Fraction(value), row) for value, row in zip(b.tolist(), A.tolist(), strict=True) if value]
    return not any(sum(value * Fraction(row[q]) for value, row in entries) for q in range(A.shape[1]))


def reach(x: Array, penalise_bias: bool, x_unit: float) -> float:
    """Bound ||x_j - x_i||, or ||(x_j, 1)|| with the bias inside the norm, in units x_unit."""
    if penalise_bias:
        return 1.01 * float(np.max(row_norms(_with_one(x, x_unit))))
    return 2.01 * float(np.max(row_norms(x - (x.min(axis=0) / 2 + x.max(axis=0) / 2))))


def _with_one(x: Array, x_unit: float) -> Array:
    """Points (x, 1), in units x_unit."""
    return np.column_stack([x, np.full(len(x), 1 / x_unit)])


def largest_response(x: Array, Lambda: Array, penalise_bias: bool, x_unit: float) -> float:
    """Bound the response of a neuron of ||w|| = 1, or of ||(w, b)|| = 1, at the points x_unit * x; in units x_unit.

    Points where Lambda is 0 add nothing to any response, and are left out.
    """
    used = Lambda.any(axis=1)
    if not used.any():
        return 0.0
    if not used.all():
        x, Lambda = x[used], Lambda[used]
    points = _with_one(x, x_unit) if penalise_bias else x
    return _remembered(points.tobytes(), points.shape, Lambda.tobytes(), Lambda.shape, penalise_bias, most_additions())


@lru_cache(maxsize=4)
def _remembered(
    points: bytes,
    points_shape: tuple[int, int],
    Lambda: bytes,
    shape: tuple[int, int],
    penalise_bias: bool,
    additions: int | None,
) -> float:
    """Bound the response, and remember the last bounds: they may take seconds, and many networks share a dual array."""
    bound = ray_bound if penalise_bias else neuron_bound
    return bound(np.frombuffer(points).reshape(points_shape), np.frombuffer(Lambda).reshape(shape), budget=additions)


def evaluate(moved: Shifted, x: Array, x_unit: float, y_unit: float) -> tuple[Array, Array, Array]:
    """Return values (N, T) at x_unit * x in units of y: of the neurons and of the rest; and bounds on their rounding."""
    network = moved.network
    W, b, V = network.W.T, network.b / x_unit, scaled(network.V.T, x_unit, y_unit)
    A, c, b_error = scaled(network.A, x_unit, y_unit), network.c / y_unit, moved.b_error / x_unit
    bent, size = np.empty((2, len(x), network.n_outputs))
    step = max(16, _BLOCK // max(network.n_neurons, 1))
    with np.errstate(over="ignore", invalid="ignore"):
        for start in range(0, len(x), step):
            rows = slice(start, start + step)
            bent[rows] = np.maximum(x[rows] @ W + b, 0.0) @ V
            size[rows] = (np.abs(x[rows]) @ np.abs(W) + np.abs(b)) @ np.abs(V)
        straight, error = affine(x, A, c)
        error = error + moved.c_error / y_unit + b_error @ np.abs(V)
        return bent, straight, (network.n_neurons + network.n_inputs + 8) * EPS * size + error
