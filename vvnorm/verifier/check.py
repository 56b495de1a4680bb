"""Certificates of optimality for interpolation, and their verifier.

The verifier judges networks and dual certificates however they were made: it imports no solver. This module holds what is
common to all numbers of inputs and the case of one input; `vvnorm.verifier.space` holds the case of several.

*One input.* It follows the network through the data with arithmetic of its own (`line_kernels`). A dual certificate
is a function eta on the real line, linear between data points and given by its values there, with ||eta|| <= 1 everywhere
and eta = 0 from x_1 to the left and from x_N to the right. For one neuron v relu(w x + b) the curvatures of its values at
the data, paired with eta, give at most |w| ||v||, since they telescope; affine functions give 0. So every network with
values f(x_i) at the data has

    VV(f) >= sum_i <eta(x_i), delta_i(f)>          (weak duality),

and for an interpolating network the right side depends on the labels only. Where a label is missing, eta of that output
is taken linear across the point, so that the label does not enter. Without a skip connection eta need not vanish at x_1,
but ||eta - eta(x_1)|| <= 1 is required as well (neurons that open to the left).

*Several inputs.* A dual certificate is an array Lambda with one vector per data point, orthogonal to affine functions, and
VV(f) >= sum_i <Lambda_i, f(x_i)> / g, where g bounds the response of one neuron (`vvnorm.verifier.neuron_bound`).
"""

import math
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vvnorm._internal.words import count, lines, proof
from vvnorm.float64 import as_float64
from vvnorm.losses import label_rounding
from vvnorm.network import ReLUNetwork, as_network
from vvnorm.tolerances import EPS, FLAT, GAP
from vvnorm.validation import Array, as_inputs, sorted_univariate

if TYPE_CHECKING:
    from vvnorm.losses import Loss
    from vvnorm.piecewise import PiecewiseLinear
    from vvnorm.verifier.flat_inputs import Subspace
    from vvnorm.verifier.line_fit import FitCertificate

_BLOCK = 1 << 15  # label entries followed at once
_SMALLEST = 2.0**-1000  # differences of labels below this, in units of the largest label, leave no digits for misfits
_SAFE = 2.0**200  # magnitudes beyond this, or below its inverse, are scaled so that no product leaves float64


class Rows(Protocol):
    """An (N, T) array, or anything that gives blocks of its rows when sliced."""

    shape: tuple[int, ...]

    def __getitem__(self, rows: slice, /) -> Array:
        """Rows of the array."""


@dataclass(frozen=True, eq=False)
class Certificate:
    """What is proved about one network on one data set.

    Attributes
    ----------
    residual : float
        max_i ||f(x_i) - y_i||_2 over present labels, in label units.
    relative_residual : float
        The largest of all outputs: max_i |f_t(x_i) - y_it| over half the range of the output's own labels, 0 for 0 / 0.
        Labels that are all alike have no range: what counts in its place says `label_units`.
    vv_norm : float
        The network's cost, sum_k ||w_k|| ||v_k||.
    lower_bound : float
        No network that interpolates the labels costs less; rounding errors are subtracted.
    gap : float
        (vv_norm - lower_bound) / vv_norm, rounding of the cost included. Negative if the network is cheaper than
        interpolation allows, which it can be only by not interpolating, by more than rounding of the labels explains.
    excess : float
        vv_norm minus what the same dual certificate proves for networks with this network's values at the data: how far
        above the least cost of its own fit the network can be. Never negative.
    distance : float
        sup over [x_1, x_N] of ||f(x) - f_D(x)||_2, the distance to connect-the-dots; exact, since it is reached at a data
        point or at a kink. NaN where labels are missing, and for several inputs.
    distance_bound : float
        What the stability claim guarantees for it: excess * max_i h_i / (1 - <eta_i, eta_{i+1}>) + residual. Infinite if
        neighbouring curvatures are aligned; NaN where labels are missing, without a skip connection, and for several
        inputs.
    skip : bool
        Whether networks with a skip connection compete.
    dual : (N, T) array-like
        One input: eta at the sorted, merged data points, by rows. Several inputs: Lambda, orthogonal to affine functions,
        by rows in the caller's order, its largest entry between 1/2 and 1.
    penalise_bias : bool
        Whether the cost is sum_k ||(w_k, b_k)|| ||v_k||; dual, distance and distance_bound are then as for several inputs.
    additions : int or None
        Most additions that the bound of a neuron's response may take (`verifier.neuron_bound`), for several inputs; None as
        by default.
    subspace : Subspace or None
        Points that lie in an affine subspace up to rounding only: what the bound is about (`flat_inputs`). All else
        is about the points as they are. None: the bound is about them, too.
    """

    residual: float
    relative_residual: float
    vv_norm: float
    lower_bound: float
    gap: float
    excess: float
    distance: float
    distance_bound: float
    skip: bool
    dual: Rows = field(repr=False)
    penalise_bias: bool = False
    additions: int | None = None
    subspace: "Subspace | None" = None

    def __repr__(self) -> str:
        return lines(
            "Certificate of an interpolant" + convention_in_words(self.skip, self.penalise_bias),
            proof("VV norm", self.vv_norm, self.lower_bound, self.gap, residual=self.relative_residual),
            f"excess {self.excess:.3g}, distance {self.distance:.3g}, distance bound {self.distance_bound:.3g}",
            *about(self.subspace),
            "complaints(network, X, Y) checks it again",
        )

    def numbers(self) -> dict[str, float | bool]:
        """All that is not an array, by name."""
        return {name: getattr(self, name) for name in _NUMBERS} | {
            "skip": self.skip,
            "penalise_bias": self.penalise_bias,
        }

    def complaints(self, network: ReLUNetwork, X: ArrayLike, Y: ArrayLike, *, tol: float = GAP) -> list[str]:
        """Recompute everything from network, data and dual; say what does not hold. An empty list is acceptance.

        Parameters
        ----------
        network : ReLUNetwork
            The network that the certificate is about.
        X, Y : array-like
            The data it was made for.
        tol : float
            Largest relative gap and relative residual of an optimal interpolant.
        """
        from vvnorm.verifier.budget import within_additions

        network = as_network(network)
        try:
            with within_additions(self.additions):
                again = _judge_interpolant(network, X, Y, self.dual, self.skip, self.penalise_bias, self.subspace)
        except ValueError as error:
            return [str(error)]
        found = [
            f"{name} is recorded as {recorded!r} but is {actual!r}"
            for name in _NUMBERS
            if not _agree(recorded := getattr(self, name), actual := getattr(again, name), again._size(name))
        ]
        found += again.shortcomings(tol)
        if not self.skip and network.A.any():
            found.append("the network has a skip connection, but the bound is on networks without one")
        return found + if_flat(X, self.subspace) if found else []

    def shortcomings(self, tol: float) -> list[str]:
        """Say why the numbers are not those of a minimal interpolant, up to a relative gap and residual."""
        found = []
        if not self.relative_residual <= tol:
            found.append(f"relative residual {self.relative_residual:.3g} exceeds {tol:.3g}: it does not interpolate")
        if not self.gap <= tol:
            found.append(f"relative gap {self.gap:.3g} exceeds {tol:.3g}: not proved optimal")
        if self.gap < -tol and not found:
            below = f"relative gap {self.gap:.3g} is below {-tol:.3g}"
            found.append(f"{below}: it costs less than the labels allow, so it misses them")
        return found

    def save(self, path: str | os.PathLike[str]) -> None:
        """Save to an `.npz` file (no pickle), whole or not at all.

        Raises
        ------
        ValueError
            If the name does not end in `.npz` or cannot be written.
        """
        from vvnorm.verifier.serialization import save_certificate

        save_certificate(self, path)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "Certificate":
        """Load what `save` wrote, bit for bit; nothing is proved before `complaints` is empty.

        Raises
        ------
        ValueError
            If the file is missing, damaged, or not a saved certificate of an interpolant.
        """
        from vvnorm.verifier.serialization import load_certificate

        found = load_certificate(path)
        if not isinstance(found, cls):
            raise ValueError(f"{str(path)!r} holds the certificate of a regularised fit: see FitCertificate.load")
        return found

    def _size(self, name: str) -> float:
        """Scale against which two computations of a number are compared."""
        if name in ("gap", "relative_residual"):
            return 1.0
        return self.vv_norm if name in ("vv_norm", "lower_bound", "excess") else 0.0


_NUMBERS = ("residual", "relative_residual", "vv_norm", "lower_bound", "gap", "excess", "distance", "distance_bound")


def about(subspace: "Subspace | None") -> list[str]:
    """Say what a bound is about if that is not the points as they are."""
    if subspace is None:
        return []
    size = count(subspace.axes.shape[1], "dimension")
    return [f"the bound is about the points in an affine subspace of {size} that X lies in up to rounding"]


def convention_in_words(skip: bool, penalise_bias: bool) -> str:
    """Say what is unusual about a convention; nothing about the usual one."""
    return ("" if skip else ", no skip connection") + (", biases inside the norm" if penalise_bias else "")


def if_flat(X: ArrayLike, subspace: "Subspace | None") -> list[str]:
    """Say what a rejected certificate may be about if the points lie in a subspace up to rounding."""
    if subspace is not None:
        return []
    x = as_inputs(X)
    s = np.linalg.svd(x - x.mean(axis=0), compute_uv=False)
    dimensions = int(np.sum(s > FLAT * len(x) * s[0]))
    if dimensions == x.shape[1] or dimensions == 0:
        return []
    return [
        f"X lies in an affine subspace of {dimensions} dimensions up to rounding: a certificate about coordinates there, "
        "as solutions for such points have, is not about X, of which rounding is a part; have another made for X"
    ]


def _agree(recorded: float, actual: float, size: float) -> bool:
    if math.isnan(actual) or math.isinf(actual):
        return recorded == actual or (math.isnan(actual) and math.isnan(recorded))
    return abs(recorded - actual) <= 64 * EPS * size + 1e-9 * abs(actual)


def judge(
    network: "ReLUNetwork | PiecewiseLinear",
    X: ArrayLike,
    Y: ArrayLike,
    *,
    dual: Rows | None = None,
    skip: bool = True,
    penalise_bias: bool = False,
    lam: float = 0.0,
    loss: "str | Loss | Sequence[str | Loss]" = "squared",
    weights: ArrayLike | None = None,
    subspace: "Subspace | None" = None,
) -> "Certificate | FitCertificate":
    """Judge a network as an interpolant (lam = 0) or as a regularised fit (lam > 0). No solver is asked.

    Parameters
    ----------
    network, X, Y, skip, penalise_bias, lam, loss, weights
        As for `vvnorm.certify`.
    dual : (N, T) array-like, optional
        A dual certificate; any array gives a valid bound. By default the verifier makes its own.
    subspace : Subspace, optional
        A subspace that the points lie in up to rounding: the bound is about the points next to them there
        (`vvnorm.verifier.flat_inputs`).

    Returns
    -------
    Certificate, or for lam > 0 a FitCertificate.

    Raises
    ------
    TypeError, ValueError
        For bad data; if network and data disagree in inputs or outputs.
    """
    if isinstance(lam, bool) or lam != 0:
        from vvnorm.verifier.line_fit import certify_fit

        return certify_fit(
            network, X, Y, lam, loss=loss, weights=weights, skip=skip, dual=dual, penalise_bias=penalise_bias,
            subspace=subspace,
        )  # fmt: skip
    if loss != "squared" or weights is not None:
        raise ValueError("loss and weights are for regularised fits: interpolation (lam = 0) has neither")
    return _judge_interpolant(network, X, Y, dual, skip, penalise_bias, subspace)


def _judge_interpolant(
    network: "ReLUNetwork | PiecewiseLinear",
    X: ArrayLike,
    Y: ArrayLike,
    dual: Rows | None,
    skip: bool,
    penalise_bias: bool,
    subspace: "Subspace | None" = None,
) -> Certificate:
    if not isinstance(network, ReLUNetwork):
        raise TypeError("a PiecewiseLinear is judged as a regularised fit only: pass lam > 0")
    dual = None if dual is None else read_dual(dual)
    if network.n_inputs != 1 or penalise_bias or subspace is not None:
        from vvnorm.verifier.space import certify_points

        return certify_points(network, X, Y, dual=dual, skip=skip, penalise_bias=penalise_bias, subspace=subspace)
    x, labels = sorted_univariate(X, Y)
    if len(x) < 2:
        raise ValueError(f"X has 1 distinct value ({float(x[0])!r}); a certificate needs two or more")
    if labels.shape[1] != network.n_outputs:
        raise ValueError(f"Y has {count(labels.shape[1], 'output')}, the network has {network.n_outputs}")
    return certify_sorted(network, x, labels, dual=dual, skip=skip)


def certify_sorted(network: ReLUNetwork, x: Array, Y: Array, *, dual: Rows | None, skip: bool) -> Certificate:
    """Do what `judge` does with arrays that `sorted_univariate` returned; they are not looked through again."""
    from vvnorm.verifier import line_kernels as kernel

    low, high = np.empty((2, Y.shape[1]))
    missing = kernel.ranges(_fixed(Y), low, high) > 0
    filled = _filled(x, Y) if missing else Y
    eta = _own_dual(x, filled) if dual is None else dual
    if missing or dual is not None:
        eta = _checked_dual(eta, Y, x, missing, skip)
    T = Y.shape[1]
    x_unit = _power_of_two(float(max(x[-1], -x[0])))
    y_unit = _power_of_two(float(max(high.max(), -low.min())))
    totals, worst = _follow(network, x, Y, filled, eta, x_unit, y_unit)
    label_dual, fit_dual, scale = _dual_values(totals, eta, skip)
    if not math.isfinite(label_dual):
        raise ValueError("dual holds NaN or infinity, or its value for Y leaves the range of float64; rescale X or Y")
    vv_norm = _vv_norm(network)
    at_most = vv_norm * (1 + (T + 64) * EPS)  # norms of T entries, partial sums of pairwise type
    lower, fit = (max(0.0, value) for value in _scaled(np.array([label_dual, fit_dual]), y_unit, x_unit).tolist())
    residual = math.sqrt(totals[kernel.RESIDUAL]) * y_unit
    relative = relative_misfit(worst, low / y_unit, high / y_unit)
    if (lost := out_of_sight(low, high, y_unit)).any():
        few = certify_sorted(_some_outputs(network, lost), x, Y[:, lost], dual=None, skip=skip)
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
    return Certificate(
        residual=residual,
        relative_residual=relative,
        vv_norm=vv_norm,
        lower_bound=lower,
        gap=relative_gap(vv_norm, at_most, lower, lambda: _rounding_cost(eta, x, Y, label_rounding(low, high)) / scale),
        excess=excess,
        distance=distance,
        distance_bound=bound,
        skip=skip,
        dual=eta,
    )


def _dual_values(totals: Array, eta: Rows, skip: bool) -> tuple[float, float, float]:
    """Values of the dual certificate for labels and fit, scaled to ||eta|| <= 1 and rounded down; and that scale."""
    from vvnorm.verifier import line_kernels as kernel

    T = eta.shape[1]
    norm = math.sqrt(totals[kernel.DUAL_NORM])
    if not skip:
        first = dual_rows(eta, slice(0, 1))
        norm = max(norm, *(float(np.max(_norms(block - first))) for _, _, block in _dual_blocks(eta)))
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
    A, c = _scaled(network.A[:, 0], x_unit, y_unit), _scaled(network.c, 1.0, y_unit)
    if x_unit != 1 or y_unit != 1:
        # Neuron by neuron: w x + b = x_unit (w x' + b / x_unit), and that factor goes to v.
        x, Y, filled, b, V = x / x_unit, Y / y_unit, filled / y_unit, b / x_unit, _scaled(V, x_unit, y_unit)
        if not np.all(x[1:] > x[:-1]):
            raise ValueError("X spans more orders of magnitude than float64 can hold in one unit; rescale parts of it")
    value, slope, totals = np.zeros((2, T)), np.zeros((2, T)), np.zeros(2 * kernel.TOTALS)
    to_come = np.zeros(len(b), dtype=np.bool_)
    kernel.start(x[0], _fixed(w), _fixed(b), _fixed(V), _fixed(A), _fixed(c), value, slope, to_come)
    kinks = np.full(len(b), np.inf)
    np.divide(-b, w, out=kinks, where=to_come)
    if not to_come.all() or np.any(kinks[1:] < kinks[:-1]):
        order = np.argsort(kinks, kind="stable")[: int(to_come.sum())]
        w, b, V, kinks = w[order], b[order], V[order], kinks[order]
    w, b, V, kinks = (_fixed(array) for array in (w, b, V, kinks))
    passed, worst = 0, np.zeros(T)
    for start, stop, block in _dual_blocks(eta):
        rows = slice(start, stop)
        passed = kernel.sweep(
            _fixed(x[rows]), _fixed(Y[rows]), _fixed(filled[rows]), _fixed(block), w, b, V, kinks, passed,
            value, slope, totals, worst,
        )  # fmt: skip
    return totals, worst


def relative_misfit(worst: Array, low: Array, high: Array) -> float:
    """Judge the largest misfit of each output, (T,), by its own labels: the largest of these over their `label_units`.

    Nothing but no misfit is good enough where the unit is 0.
    """
    unit = label_units(low, high)
    with np.errstate(divide="ignore", over="ignore"):
        ratios = np.divide(worst, unit, out=np.where(worst > 0, np.inf, 0.0), where=unit > 0)
    return float(np.max(np.where(np.isnan(ratios), np.inf, ratios)))


def label_units(low: Array, high: Array) -> Array:
    """What misfits of each output are measured by, (T,): half the range of its own labels, `low` to `high`.

    Labels that are all alike have no range. Their size counts in its place, or half the largest range of the others if that
    is less or they are all 0. So the unit is 0 where all labels of all outputs are alike.
    """
    half = high / 2 - low / 2
    largest = float(half.max())
    size = np.where(low == 0, largest, np.minimum(np.abs(low), largest))
    return np.where(half > 0, half, size)


def out_of_sight(low: Array, high: Array, unit: float) -> NDArray[np.bool_]:
    """Say which outputs have labels that differ by so little, in units of the largest, that float64 holds no misfit."""
    return np.asarray((high > low) & (high / unit / 2 - low / unit / 2 < _SMALLEST))


def _some_outputs(network: ReLUNetwork, outputs: NDArray[np.bool_]) -> ReLUNetwork:
    return ReLUNetwork.trusted(network.W, network.b, network.V[outputs], network.A[outputs], network.c[outputs])


def relative_gap(vv_norm: float, at_most: float, lower: float, rounding: Callable[[], float]) -> float:
    """(at_most - lower) / vv_norm; below 0 only by what is left of it once `rounding`, of the labels, is taken off.

    Labels are known up to `vvnorm.losses.label_rounding` only. The bound is linear in them, so it is lower by what that
    can make of it, for the labels within their rounding for which it is least.
    """
    short = lower - at_most
    if short > 0:
        short = max(short - rounding(), 0.0)
    if short == 0:
        return 0.0
    return -short / vv_norm if vv_norm > 0 else -math.inf


def _rounding_cost(eta: Rows, x: Array, Y: Array, off: Array) -> float:
    """Most that changes of the labels by `off` (T,) make of the bound: the sum of |Lambda_it| off_t over present labels.

    0, which is no excuse for anything, where that leaves float64.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        rise = np.diff(dual_rows(eta, slice(0, len(x))), axis=0) / np.diff(x)[:, None]
        Lambda = np.diff(rise, axis=0, prepend=0.0, append=0.0)
        cost = float(np.sum(np.where(np.isnan(Y), 0.0, np.abs(Lambda)) * off))
    return cost if math.isfinite(cost) else 0.0


def _dual_blocks(eta: Rows) -> Iterator[tuple[int, int, Array]]:
    """Blocks of rows of a dual certificate; each begins with the last row of the one before."""
    n, T = eta.shape
    step = max(16, _BLOCK // T)
    for start in range(0, n - 1, step):
        stop = min(start + step + 1, n)
        yield start, stop, dual_rows(eta, slice(start, stop))


def _fixed(array: Array) -> Array:
    """A contiguous read-only view: the compiled sweep then meets one kind of array only."""
    view = np.ascontiguousarray(array).view()
    view.setflags(write=False)
    return view


def _scaled(values: Array, up: float, down: float) -> Array:
    """Compute values * up / down for powers of two, where up / down itself may leave float64."""
    with np.errstate(over="ignore", under="ignore"):
        scaled: Array = np.ldexp(values, math.frexp(up)[1] - math.frexp(down)[1])
    return scaled


def _power_of_two(size: float, safe: float = _SAFE) -> float:
    """1 for magnitudes that are safe to multiply, else the power of two next to them."""
    if size == 0 or 1 / safe < size < safe:
        return 1.0
    return math.ldexp(1.0, math.frexp(size)[1] - 1)


def _own_dual(x: Array, Y: Array) -> Array:
    """Unit curvatures of the labels, zero at both ends: the verifier's own computation of the closed form."""
    eta = np.zeros_like(Y)
    with np.errstate(over="ignore", invalid="ignore"):
        slope = np.diff(Y, axis=0) / np.diff(x)[:, None]
        delta = np.diff(slope, axis=0)
    delta[~np.isfinite(delta).all(axis=1)] = 0.0  # any eta is valid; slopes beyond float64 have no direction
    size = _norms(delta)
    np.divide(delta, size[:, None], out=eta[1:-1], where=size[:, None] > 0)
    return eta


def _checked_dual(dual: Rows, Y: Array, x: Array, missing: bool, skip: bool) -> Rows:
    """Refuse a dual certificate of the wrong shape; force what weak duality needs of it."""
    if tuple(dual.shape) != Y.shape:
        raise ValueError(f"dual has shape {tuple(dual.shape)}; sorted and merged, the labels have shape {Y.shape}")
    if not missing and skip:
        ends = np.vstack([dual_rows(dual, slice(0, 1)), dual_rows(dual, slice(len(Y) - 1, len(Y)))])
        if not np.any(ends):
            return dual
    eta = np.array(dual_rows(dual, slice(0, len(Y))))
    if not np.isfinite(eta).all():
        raise ValueError("dual holds NaN or infinity")
    for t in range(Y.shape[1]):
        present = np.flatnonzero(~np.isnan(Y[:, t]))
        if skip:
            eta[present[0], t] = 0.0
        eta[present[-1], t] = 0.0
        # np.interp keeps the end values beyond the present labels, as weak duality wants.
        eta[:, t] = np.interp(x, x[present], eta[present, t])
    return eta


def _filled(x: Array, Y: Array) -> Array:
    """Labels with missing ones on the line between their present neighbours; their weight in the bound is nil."""
    filled = np.empty_like(Y)
    for t in range(Y.shape[1]):
        present = ~np.isnan(Y[:, t])
        filled[:, t] = np.interp(x, x[present], Y[present, t])
    return filled


def _norms(rows: Array) -> Array:
    """Norms of rows, scaled row by row so that nothing overflows."""
    largest = np.max(np.abs(rows), axis=1, initial=0.0)
    unit = np.divide(rows, largest[:, None], out=np.zeros_like(rows), where=largest[:, None] > 0)
    norms: Array = largest * np.sqrt(np.sum(unit * unit, axis=1))
    return norms


def _vv_norm(network: ReLUNetwork, penalise_bias: bool = False) -> float:
    """The network's cost, in blocks of neurons."""
    K, T = network.n_neurons, network.n_outputs
    parts = []
    step = max(16, _BLOCK // T)
    for start in range(0, K, step):
        v = network.V[:, start : start + step].T
        with np.errstate(over="ignore", under="ignore"):
            squares = np.einsum("kt,kt->k", v, v)
        safe = bool(np.all((squares > 1e-280) & (squares < 1e280)))
        w = network.W[start : start + step]
        if penalise_bias:
            w = np.column_stack([w, network.b[start : start + step]])
        sizes = np.abs(w[:, 0]) if w.shape[1] == 1 else _norms(w)
        parts.append(float(sizes @ (np.sqrt(squares) if safe else _norms(v))))
    return math.fsum(parts)


def as_rows(dual: Any) -> NDArray[np.float64]:
    """All rows of a dual certificate as one array."""
    return dual_rows(dual, slice(0, dual.shape[0]))


def read_dual(dual: Any) -> Rows:
    """Read a dual certificate. What gives its rows when sliced is looked at row by row.

    Raises
    ------
    TypeError
        If it does not hold real numbers.
    """
    if isinstance(dual, np.ndarray) or not hasattr(dual, "shape"):
        return as_float64(dual, "dual")
    rows: Rows = dual
    return rows


def dual_rows(dual: Rows, rows: slice) -> NDArray[np.float64]:
    """Some rows of a dual certificate, in float64: in their own arithmetic integers wrap round, and the bound is wrong.

    Raises
    ------
    TypeError
        If they are not real numbers.
    """
    return as_float64(dual[rows], "dual")
