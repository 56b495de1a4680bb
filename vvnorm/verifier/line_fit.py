"""Certificates of regularised fits of one input, and their verifier: no solver is imported.

The objective of a network f is

    P(f) = sum over present entries of omega_it loss_t(f_t(x_i), y_it) + lam VV(f).

A dual array R (N, T) bounds it for all networks. Let R be orthogonal to 1 and, with a skip connection, to x, nil on missing
entries and -R / omega where the conjugate of the loss is finite. One neuron pairs with it to at most
|w| ||v|| max ||Z||, where Z(a) = sum_j R_j relu(x_j - a), so if ||Z|| <= lam everywhere, then for every g

    P(g) >= sum omega loss(g) + sum <R_i, g(x_i)> >= -sum omega loss*(-R / omega).

Z is linear between data points, and by the orthogonality Z(a) = sum_j R_j relu(a - x_j); without a skip connection both are
bounded. What is left open for f is a sum of terms none of which is negative:

    gap = sum [omega loss(u) + omega loss*(-R / omega) + R u] + lam VV(f) - sum over kinks <jump of slope, Z(kink)>.

*The dual array.* Unless one is given, R begins as -omega loss'(u), the right one at an optimum of a smooth loss. Then
phi (alpha + beta x) is taken from it, phi >= 0 being how much an entry can move inside its domain, to make it orthogonal to
affine functions; and it is scaled until ||Z|| <= lam. Where an output would leave its domain, its R is 0, which proves that
its losses are not negative.

*Rounding.* Numbers that sums cancel in are double-doubles. The R of the code is so orthogonal up to some 1e-30; the R that
the bound is about is that less phi (alpha' + beta' x), with exact alpha' and beta' that are never computed, but bounded:
by `drift`, a bound on |alpha' + beta' x| over the data. What drift can do to Z and to the gap is added, and so are the
rounding errors of all the rest.

*Objectives that are nothing but rounding.* Labels that lie on a line lie there up to rounding only, and then the objective
of the line is a sum of squared roundings: no digit of it is known, nor of a gap relative to it. Let

    F_t = sum_i omega_it max loss_t(y_it + e, y_it) over |e| <= rounding of output t's labels

(`vvnorm.losses.rounding_losses`; it depends on labels, weights and losses alone). This is what output t of an exact affine
function can lose because the labels next to it were rounded. If in each output f loses F_t or less, lam VV(f) included,

    sum_i omega_it loss_t(f_t(x_i), y_it) + lam VV(f) <= F_t    for all t,

then the gap is called 0. What is proved then is 0 <= P(g) for all networks g and P(f) <= sum F_t: no network is better than
f by more than what labels that were rounded from those of an affine function make it lose. As every output must keep to
its own F_t, labels of one cannot excuse another, and in all other cases F_t plays no part.
"""

import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vvnorm._internal.words import count, lines, proof
from vvnorm.losses import Loss, as_losses, canonical_labels, label_power, rounding_losses
from vvnorm.network import ReLUNetwork, as_network
from vvnorm.piecewise import PiecewiseLinear
from vvnorm.tolerances import EPS, GAP
from vvnorm.validation import Array, as_inputs, as_labels, as_positive, as_weights
from vvnorm.verifier.check import (
    Rows,
    _agree,
    _fixed,
    _power_of_two,
    _scaled,
    _vv_norm,
    about,
    as_rows,
    convention_in_words,
    dual_rows,
    if_flat,
    read_dual,
)
from vvnorm.verifier.flat_inputs import Subspace

_BLOCK = 1 << 18  # label entries handed to compiled code at once
_FOLLOWED = 1 << 10  # and followed at once there: they stay in the fastest cache
_TINY = 2.0**-100  # a few roundings of a double-double
_LOST = 2.0**-1060  # what the products that leave float64 at its small end sum up to at most, in units that are about 1
_SAFE = 2.0**100  # units are beyond this: squares of products of an input, a label and a weight must not leave float64
_LEAST = 2.0**-1000  # strengths and parameters below this, in these units, have no room left for products
_INSIDE = 1 - 2.0**-50  # keeps a scaled dual array off the far end of its domain
_ROOM = 0.9  # part of its room that a dual array may be moved by
_DRIFT = 2.0**-20  # part of its room that a dual array may still have to be moved by, unknown which way
_NUDGES = 40
_SHRINK = 1 - 2.0**-30
_DAMPING = 1e-12
_NUMBERS = ("objective", "loss", "vv_norm", "lower_bound", "gap")


@dataclass(frozen=True, eq=False)
class FitCertificate:
    """What is proved about one regularised fit.

    Attributes
    ----------
    objective : float
        loss + lam * vv_norm.
    loss : float
        Weighted sum of losses over present labels.
    vv_norm : float
        The function's cost, sum_k ||w_k|| ||v_k||.
    lower_bound : float
        No network has a smaller objective; rounding errors are subtracted.
    gap : float
        (objective - lower_bound) / objective, computed without that cancellation: at an optimum it is far below the
        rounding of either number. 0 for 0 / 0, and for an objective that is nothing but rounding of the labels.
    lam : float
        The regularisation.
    losses : tuple of T Loss
        One per output.
    skip : bool
        Whether networks with a skip connection compete.
    dual : (N, T) array-like or None
        The dual array that was given, by rows in the caller's order.
    penalise_bias : bool
        Whether the cost is sum_k ||(w_k, b_k)|| ||v_k||.
    additions : int or None
        Most additions that the bound of a neuron's response may take (`verifier.neuron_bound`), for several inputs; None as
        by default.
    subspace : Subspace or None
        Points that lie in an affine subspace up to rounding only: what the bound is about (`flat_inputs`). All else
        is about the points as they are. None: the bound is about them, too.
    """

    objective: float
    loss: float
    vv_norm: float
    lower_bound: float
    gap: float
    lam: float
    losses: tuple[Loss, ...]
    skip: bool
    dual: Rows | None = field(repr=False)
    penalise_bias: bool = False
    additions: int | None = None
    subspace: Subspace | None = None

    def __repr__(self) -> str:
        losses = ", ".join(dict.fromkeys(map(str, self.losses)))
        return lines(
            f"FitCertificate: lam {self.lam:.6g}" + convention_in_words(self.skip, self.penalise_bias) + f", {losses}",
            proof("objective", self.objective, self.lower_bound, self.gap),
            f"loss {self.loss:.6g}, VV norm {self.vv_norm:.6g}",
            *about(self.subspace),
            "complaints(function, X, Y) checks it again",
        )

    def numbers(self) -> dict[str, float | bool]:
        """All that is neither array nor loss, by name."""
        return {name: getattr(self, name) for name in (*_NUMBERS, "lam", "skip", "penalise_bias")}

    def complaints(
        self,
        function: ReLUNetwork | PiecewiseLinear,
        X: ArrayLike,
        Y: ArrayLike,
        *,
        weights: ArrayLike | None = None,
        tol: float = GAP,
    ) -> list[str]:
        """Recompute everything from function, data and dual; say what does not hold. An empty list is acceptance.

        Parameters
        ----------
        function : ReLUNetwork or PiecewiseLinear
            What the certificate is about.
        X, Y, weights : array-like
            The data it was made for.
        tol : float
            Largest relative gap of an optimal fit.
        """
        from vvnorm.verifier.budget import within_additions

        function = function if isinstance(function, PiecewiseLinear) else as_network(function)
        try:
            with within_additions(self.additions):
                again = certify_fit(
                    function, X, Y, self.lam, loss=self.losses, weights=weights, skip=self.skip, dual=self.dual,
                    penalise_bias=self.penalise_bias, subspace=self.subspace,
                )  # fmt: skip
        except (TypeError, ValueError) as error:
            return [str(error)]
        found = [
            f"{name} is recorded as {recorded!r} but is {actual!r}"
            for name in _NUMBERS
            if not _agree(recorded := getattr(self, name), actual := getattr(again, name), again._size(name))
        ]
        found += again.shortcomings(tol)
        if not self.skip and _has_skip(function):
            found.append("the function has a skip connection, but the bound is on networks without one")
        return found + if_flat(X, self.subspace) if found else []

    def shortcomings(self, tol: float) -> list[str]:
        """Say why the numbers are not those of an optimal fit, up to a relative gap."""
        return [] if abs(self.gap) <= tol else [f"relative gap {self.gap:.3g} exceeds {tol:.3g}: not proved optimal"]

    def save(self, path: str | os.PathLike[str]) -> None:
        """Save to an `.npz` file (no pickle), whole or not at all; see `vvnorm.verifier.check.Certificate.save`."""
        from vvnorm.verifier.serialization import save_certificate

        save_certificate(self, path)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "FitCertificate":
        """Load what `save` wrote, bit for bit; nothing is proved before `complaints` is empty.

        Raises
        ------
        ValueError
            If the file is missing, damaged, or not a saved certificate of a fit.
        """
        from vvnorm.verifier.serialization import load_certificate

        found = load_certificate(path)
        if not isinstance(found, cls):
            raise ValueError(f"{str(path)!r} holds the certificate of an interpolant: see Certificate.load")
        return found

    def _size(self, name: str) -> float:
        """Scale against which two computations of a number are compared."""
        return {"gap": 1.0, "vv_norm": self.vv_norm}.get(name, self.objective)


def _has_skip(function: ReLUNetwork | PiecewiseLinear) -> bool:
    """Whether a function has a skip connection; one given by values has, unless it is constant on the left."""
    if isinstance(function, ReLUNetwork):
        return bool(function.A.any())
    return bool(np.any(function.values[0] != function.values[1]))


def certify_fit(
    function: ReLUNetwork | PiecewiseLinear,
    X: ArrayLike,
    Y: ArrayLike,
    lam: float,
    *,
    loss: str | Loss | Sequence[str | Loss] = "squared",
    weights: ArrayLike | None = None,
    skip: bool = True,
    dual: Rows | ArrayLike | None = None,
    penalise_bias: bool = False,
    subspace: Subspace | None = None,
) -> FitCertificate:
    """Say how close a function is to the least regularised objective, with proof.

    Parameters
    ----------
    function : ReLUNetwork or PiecewiseLinear
        Any function, however made.
    X : array-like, shape (N,) or (N, 1)
        Inputs in any order, repeats allowed. Sorted inputs need no copy of the labels.
    Y : array-like, shape (N,) or (N, T)
        Labels; NaN = missing.
    lam : float
        Regularisation, positive.
    loss : name, Loss, or a sequence with one per output
        See `vvnorm.losses`.
    weights : array-like, shape (N,) or (N, T), optional
        Non-negative weight of each sample or each entry, 1 by default.
    skip : bool
        Whether networks with a skip connection compete.
    dual : (N, T) array-like, optional
        A dual array R in the order of X; any array gives a valid bound. The default serves smooth losses; at an optimum of
        `hinge` or `one_class` many fitted values lie on the corner of the loss, and only the solver knows R there.
    penalise_bias : bool
        Whether the cost is sum_k ||(w_k, b_k)|| ||v_k|| instead of sum_k ||w_k|| ||v_k||; for networks only.
    subspace : Subspace, optional
        For networks of points that lie in it up to rounding: the bound is about the points next to them there.

    Returns
    -------
    FitCertificate

    Raises
    ------
    TypeError, ValueError
        For bad data, naming it; if function and data disagree in outputs.
    """
    if not isinstance(function, ReLUNetwork | PiecewiseLinear):
        raise TypeError(f"function must be a ReLUNetwork or a PiecewiseLinear, got {type(function).__name__}")
    inputs = as_inputs(X)
    if inputs.shape[1] != 1 or function.n_inputs != 1 or penalise_bias or subspace is not None:
        from vvnorm.verifier.space_fit import certify_fit_points

        return certify_fit_points(
            function, inputs, Y, lam, loss=loss, weights=weights, skip=skip, dual=dual, penalise_bias=penalise_bias,
            subspace=subspace,
        )  # fmt: skip
    labels, losses = _labels_and_losses(function, Y, len(inputs), loss)
    strength = as_positive(lam)
    given = None if dual is None else dual_of_shape(dual, labels.shape)
    data = _Data(inputs[:, 0], labels, as_weights(weights, labels.shape), given, losses)
    fit = _Fit(function, data, strength, losses, skip)
    judged = fit.judge()
    objective = judged.loss + judged.penalty
    lower = max(0.0, objective * (1 - (labels.shape[1] + 64) * EPS) - judged.slack - judged.gap)
    value = data.in_objective_units(objective)
    if not math.isfinite(value) or math.isnan(judged.gap):
        raise ValueError("the objective leaves the range of float64; rescale X, Y or weights")
    return FitCertificate(
        objective=value,
        loss=data.in_objective_units(judged.loss),
        vv_norm=fit.vv_norm,
        lower_bound=data.in_objective_units(lower),
        gap=0.0 if fit.is_rounding(judged) else min(float(judged.gap) / objective, 1.0),  # 0 is a lower bound, too
        lam=strength,
        losses=losses,
        skip=skip,
        dual=given,
    )


def output_losses(
    function: ReLUNetwork | PiecewiseLinear,
    X: ArrayLike,
    Y: ArrayLike,
    *,
    loss: str | Loss | Sequence[str | Loss] = "squared",
    weights: ArrayLike | None = None,
) -> tuple[Array, Array]:
    """Weighted sums of losses of each output, as the verifier sees them.

    Parameters
    ----------
    function, X, Y, loss, weights
        As for `certify_fit`.

    Returns
    -------
    losses, at_most : (T,) arrays
        The sums, and bounds on them from above, rounding errors included; not finite beyond the range of float64.

    Raises
    ------
    TypeError, ValueError
        For bad data.
    """
    inputs = as_inputs(X)
    if inputs.shape[1] != 1 or function.n_inputs != 1:
        from vvnorm.verifier.space_fit import output_losses_of_points

        return output_losses_of_points(function, inputs, Y, loss, weights)
    labels, losses = _labels_and_losses(function, Y, len(inputs), loss)
    data = _Data(inputs[:, 0], labels, as_weights(weights, labels.shape), None, losses)
    found = _Fit(function, data, None, losses, True).output_losses()
    lost, at_most = (np.array([data.in_objective_units(one) for one in sums]) for sums in found)
    return lost, np.where(np.isfinite(lost), at_most, np.inf)


def _labels_and_losses(
    function: ReLUNetwork | PiecewiseLinear, Y: ArrayLike, n: int, loss: str | Loss | Sequence[str | Loss]
) -> tuple[Array, tuple[Loss, ...]]:
    """Labels (n, T) as the losses read them, and losses, one for each of the function's outputs."""
    labels = as_labels(Y, n, allow_missing=True)
    if labels.shape[1] != function.n_outputs:
        raise ValueError(f"Y has {count(labels.shape[1], 'output')}, the function has {function.n_outputs}")
    losses = as_losses(loss, labels.shape[1])
    return canonical_labels(labels, losses), losses


def dual_of_shape(dual: Rows | ArrayLike, shape: tuple[int, ...]) -> Rows:
    """Read a dual array of a given shape; its entries are looked at block by block."""
    rows = read_dual(dual)
    if isinstance(rows, np.ndarray) and rows.ndim == 1:
        rows = rows[:, None]
    if tuple(rows.shape) != shape:
        raise ValueError(f"dual has shape {tuple(rows.shape)}; the labels have shape {shape}")
    return rows


class _Data:
    """Rows in the order of x, block by block, in units of powers of two in which no product leaves float64."""

    def __init__(self, x: Array, Y: Array, weights: Array | None, dual: Rows | None, losses: Sequence[Loss]) -> None:
        from vvnorm.verifier import line_fit_kernels as kernel

        self.order = None if bool(np.all(x[1:] >= x[:-1])) else np.argsort(x, kind="stable")
        self.x = x if self.order is None else x[self.order]
        self.Y, self.weights, self.shape, self.power = Y, weights, Y.shape, label_power(losses)
        self.block_rows = min(len(x), max(16, _BLOCK // Y.shape[1]))
        self.dual: Any = dual if dual is None or self.order is None else as_rows(dual)
        self.x_unit = self.y_unit = self.w_unit = 1.0
        self.largest, self.total = np.zeros(Y.shape[1]), np.zeros(Y.shape[1])
        complete = True
        for rows in self.blocks():
            complete &= kernel.survey(rows.Y, rows.weights, self.largest, self.total)
        for t in np.flatnonzero(self.total == 0):
            raise ValueError(f"weights: every label of output {t} has weight 0")
        self.uniform = complete and weights is None  # all outputs have the same weights
        self.x_unit = _power_of_two(float(max(self.x[-1], -self.x[0])), _SAFE)
        if self.power:
            self.y_unit = _power_of_two(float(self.largest.max()), _SAFE)
        if weights is not None:
            self.w_unit = _power_of_two(float(weights.max()), _SAFE)
        self.x = self.x / self.x_unit if self.x_unit != 1 else self.x
        self.largest, self.total = self.largest / self.y_unit, self.total / self.w_unit

    def blocks(self) -> Iterator[Any]:
        """Blocks of rows for the kernel."""
        from vvnorm.verifier import line_fit_kernels as kernel

        n = self.shape[0]
        for start in range(0, n, self.block_rows):
            rows = slice(start, min(start + self.block_rows, n))
            chosen: Any = rows if self.order is None else self.order[rows]
            x = self.x[rows]
            weights = np.ones((len(x), 1)) if self.weights is None else self.weights[chosen] / self.w_unit
            Y = self.Y[chosen] if self.y_unit == 1 else self.Y[chosen] / self.y_unit
            dual = np.empty((len(x), 0))
            if self.dual is not None:
                dual = _dual_in_units(dual_rows(self.dual, chosen), self.y_unit, self.w_unit, self.power)
                if not np.isfinite(dual).all():
                    raise ValueError("dual holds NaN or infinity")
            yield kernel.Rows(_fixed(x), _fixed(Y), _fixed(weights), _fixed(dual))

    def ranges(self) -> tuple[Array, Array]:
        """Least and largest of the labels with a weight, (T,) each."""
        low, high = np.full(self.shape[1], np.inf), np.full(self.shape[1], -np.inf)
        for rows in self.blocks():
            Y = np.where(rows.weights > 0, rows.Y, np.nan)
            low, high = np.fmin(low, np.fmin.reduce(Y)), np.fmax(high, np.fmax.reduce(Y))
        return low, high

    def in_objective_units(self, value: float) -> float:
        """Turn part of an objective back into the caller's units."""
        return _objective_in_units(value, self.y_unit, self.w_unit, self.power)


def _objective_in_units(value: float, y_unit: float, w_unit: float, power: int) -> float:
    """Turn part of an objective, in units of weights and of this power of labels, into the caller's."""
    with np.errstate(over="ignore", under="ignore"):
        return float(np.ldexp(value, power * _exponent(y_unit) + _exponent(w_unit)))


def _dual_in_units(dual: Array, y_unit: float, w_unit: float, power: int) -> Array:
    """Turn dual values, weights times derivatives of losses, from the caller's units."""
    with np.errstate(over="ignore", under="ignore"):
        scaled: Array = np.ldexp(dual, (1 - power) * _exponent(y_unit) - _exponent(w_unit))
    return scaled


def _exponent(unit: float) -> int:
    """Exponent of a power of two."""
    return math.frexp(unit)[1] - 1


def _strength_in_units(lam: float, x_unit: float, y_unit: float, w_unit: float, power: int) -> float:
    """Lam in units of inputs, weights and derivatives of losses.

    Raises
    ------
    ValueError
        If it leaves float64 there.
    """
    with np.errstate(over="ignore", under="ignore"):
        scaled = float(np.ldexp(lam, (1 - power) * _exponent(y_unit) - _exponent(w_unit) - _exponent(x_unit)))
    if not _LEAST < scaled < math.inf:
        raise ValueError(f"lam = {lam!r} is too far from the scale of X, Y and weights for float64; rescale them")
    return scaled


def _losses_in_units(losses: Sequence[Loss], y_unit: float) -> tuple[Loss, ...]:
    """Losses of labels in units of `y_unit`; what they are worth is in units of its square then.

    Raises
    ------
    ValueError
        If a delta is so small beside the labels that losses leave float64.
    """
    found = []
    for one in losses:
        if one.name == "huber":
            with np.errstate(over="ignore", under="ignore"):
                delta = float(np.ldexp(one.parameter, -_exponent(y_unit)))
            if delta < _LEAST:
                raise ValueError(f"delta = {one.parameter!r} of loss 'huber' is too far from the scale of Y for float64")
            # No misfit whose loss is a number of float64 reaches the delta that the largest one stands for.
            one = Loss("huber", min(delta, np.finfo(np.float64).max))
        found.append(one)
    return tuple(found)


@dataclass(frozen=True)
class _Judged:
    """Parts of an objective, what is left open, and the rounding of the objective, in the data's units.

    `outputs` (T,) are bounds from above on the losses of each output.
    """

    loss: float
    penalty: float
    gap: float
    slack: float
    outputs: Array


@dataclass(frozen=True)
class _Projection:
    """What is taken from the dual array, (T,) each, and what it takes to take more.

    Attributes
    ----------
    alpha, beta
        alpha + beta (x - centre) is taken.
    first
        About sum R x afterwards; 0 with a skip connection.
    mean
        About the mean of x under phi.
    gram : (3, T) array
        Sums of phi, phi (x - mean), phi (x - mean)^2.
    single
        Whether R lives at one x, so that orthogonality to constants is all that is asked.
    moments : (2, T) array
        Sums of R and R (x - centre) before.
    totals : (7, T) array
        Sums of squared losses, with their low parts, and in row 4 twice those of |residuals|; zero for other losses.
    """

    alpha: Array
    beta: Array
    first: Array
    mean: Array
    gram: Array
    single: NDArray[np.bool_]
    moments: Array
    totals: Array


class _Fit:
    """One function on one data set, followed pass by pass."""

    def __init__(
        self, function: ReLUNetwork | PiecewiseLinear, data: _Data, lam: float | None, losses: Sequence[Loss], skip: bool
    ) -> None:
        self.data, self.skip, self.shrink = data, skip, 1.0
        self.reach = float(data.x[-1] - data.x[0])
        self.centre = float(data.x[0] / 2 + data.x[-1] / 2)
        units = data.x_unit, data.y_unit, data.w_unit, data.power
        self.lam = math.nan if lam is None else _strength_in_units(lam, *units)
        self.losses = losses = _losses_in_units(losses, data.y_unit)
        self.plain = data.dual is None and all(one.name == "squared" for one in losses)
        self.codes = np.array([one.code for one in losses])
        self.parameters = np.array([one.parameter for one in losses])
        self.regression = np.array([float(one.name not in ("logistic", "hinge")) for one in losses])
        self.bounded = np.array([one.name != "squared" for one in losses])
        # An affine function above this would move the dual array out of its domain.
        self.steepest = np.array([{"huber": one.parameter, "squared": np.inf}.get(one.name, 1.0) for one in losses])
        self.limit = _ROOM * self.steepest
        if isinstance(function, ReLUNetwork):
            self._begin_network(function)
        else:
            self._begin_pieces(function)

    # --- the function ---

    def _begin_network(self, network: ReLUNetwork) -> None:
        from vvnorm.verifier import line_fit_kernels as kernel

        data = self.data
        x_unit, y_unit = data.x_unit, data.y_unit
        # Neuron by neuron: w x + b = x_unit (w x' + b / x_unit), and that factor goes to v.
        w, b = _fixed(network.W[:, 0]), _fixed(network.b / x_unit)
        V = _fixed(_scaled(network.V, x_unit, y_unit).T)
        A, c = _scaled(network.A[:, 0], x_unit, y_unit), _scaled(network.c, 1.0, y_unit)
        self.begin = self._blank()
        kernel.begin_network(w, b, V, A, c, data.x[0], self.reach, self.begin)
        high, low = np.empty(len(b)), np.empty(len(b))
        kernel.kinks(w, b, data.x[0], high, low)
        order = np.lexsort((low, high))
        order = order[np.isfinite(high[order])]
        at = np.append(high[order], np.inf)
        self.curve = kernel.Curve(_fixed(w[order]), _fixed(b[order]), _fixed(V[order]), _fixed(at))
        self.vv_norm = _vv_norm(network)
        self.scaled_norm = float(_scaled(np.array(self.vv_norm), x_unit, y_unit))

    def _begin_pieces(self, function: PiecewiseLinear) -> None:
        from vvnorm.verifier import line_fit_kernels as kernel

        data = self.data
        knots, values = function.knots / data.x_unit, function.values / data.y_unit
        if not np.all(knots[1:] > knots[:-1]):
            raise ValueError("knots span more orders of magnitude than float64 can hold in one unit; rescale X")
        at = np.append(knots[:-1], np.inf)
        self.curve = kernel.Curve(_fixed(np.empty(0)), _fixed(knots), _fixed(values), _fixed(at))
        self.begin = self._blank()
        kernel.begin_pieces(self.curve, data.x[0], self.reach, self.begin)
        self.scaled_norm = float(kernel.turning(self.curve))
        self.vv_norm = float(_scaled(np.array(self.scaled_norm), data.y_unit, data.x_unit))

    def _blank(self) -> Any:
        from vvnorm.verifier import line_fit_kernels as kernel

        T = self.data.shape[1]
        return kernel.Line(np.zeros(2), np.zeros((2, T)), np.zeros((2, T)), np.zeros(T))

    def _walk(
        self, step: int, spec: Any, *, theta: float = 1.0, hard: bool = False, opening: Array | None = None
    ) -> tuple[Any, Any]:
        """Follow the function through the data; return what was added up, and the piece at the end."""
        from vvnorm.verifier import line_fit_kernels as kernel

        T = self.data.shape[1]
        size = min(self.data.block_rows, max(4, _FOLLOWED // T))
        line = kernel.Line(*(part.copy() for part in self.begin))
        block = kernel.Block(
            np.empty((2, size, T)),
            np.empty((2, size, T)),
            np.empty((size, T)),
            np.empty((size, T)),
            np.empty(size, np.intp),
        )
        sums = kernel.Sums(
            total=np.zeros((2, 2, T)),
            powers=np.zeros((3, 2, 1 if self.plain and self.data.uniform else T)),
            support=np.repeat([[np.inf], [-np.inf]], T, axis=1),
            opening=np.empty(0) if opening is None else opening,
            last=np.array([self.data.x[0], self.begin.place[1]]),
            S=np.zeros((2, T)),
            Z=np.zeros((2, T)),
            size=np.zeros(T),
            paired=np.zeros(5),
            open=np.zeros((7, T)),
        )
        frame = kernel.Frame(self.plain, hard, 1.0 if hard else self.shrink, self.reach, self.centre)
        for rows in self.data.blocks():
            kernel.walk(step, rows, self.curve, line, spec, frame, theta, block, sums)
        return sums, line

    # --- the passes ---

    def judge(self) -> _Judged:
        """Make the dual array, scale it until it is feasible, and add up what it leaves open.

        A dual array that lost an output, or nearly so, is tried once more from the closest one that is orthogonal, a little
        smaller: that leaves room at the far ends of its domain.
        """
        nowhere = np.zeros((2, self.data.shape[1]))
        with np.errstate(over="ignore", invalid="ignore"):  # what leaves float64 proves nothing
            judged, uneasy = self._judge(nowhere)
            if uneasy.any():
                shift = self._nudge(uneasy)
                self.shrink = _SHRINK
                judged = min(judged, self._judge(shift)[0], key=lambda one: one.gap)
        return judged

    def is_rounding(self, judged: _Judged) -> bool:
        """Whether the objective is 0, or nothing but rounding of the labels: see the top of this module."""
        if judged.loss + judged.penalty == 0:
            return True
        losses = judged.outputs + judged.penalty * (1 + (len(judged.outputs) + 64) * EPS)
        size, total = self.data.largest, self.data.total
        if not np.all(losses <= rounding_losses(self.losses, -size, size, total)):  # which costs nothing
            return False
        return bool(np.all(losses <= rounding_losses(self.losses, *self.data.ranges(), total)))

    def _judge(self, shift: Array) -> tuple[_Judged, NDArray[np.bool_]]:
        """Judge the dual array less `shift`; say which outputs are lost, or may be judged too harshly."""
        from vvnorm.verifier import line_fit_kernels as kernel

        T = self.data.shape[1]
        projection = self._projection(shift)
        at_ends = np.abs([projection.alpha + projection.beta * (end - self.centre) for end in self.data.x[[0, -1]]])
        largest = at_ends.max(axis=0)
        keep = (largest <= self.limit).astype(np.float64)
        while True:
            spec = self._spec(shift, projection, keep)
            pairing, norm, drift, piece = self._pairing(spec, projection, projection.first * keep)
            lost = ~(drift <= np.where(self.bounded, _DRIFT * self.limit, np.finfo(float).max)) & (keep > 0)
            if not lost.any():
                break
            keep[lost] = 0.0
        most = _INSIDE if self.bounded.any() else 1.0
        theta = most if norm * most <= self.lam else min(most, self.lam / norm * (1 - 4 * EPS))
        if self.plain:
            totals = projection.totals.copy()
            # (off + theta r)^2 / 2 for r = -off - a, added up, is the first line and theta times the second; a is affine.
            away, used = 1.0 - theta, keep > 0
            totals[2] = np.where(used, away * away, 1.0) * (totals[0] + totals[1])
            totals[3] = np.where(used, theta * self._affine_part(projection, theta, largest), 0.0)
            totals[4] += projection.gram[0] * largest
            totals[5], totals[6] = totals[4], projection.gram[0]
        else:
            totals = self._walk(kernel.GAPS, spec, theta=theta)[0].open
        loss = math.fsum(totals[:2].ravel())
        penalty = self.lam * self.scaled_norm
        off = self._value_doubt(piece)
        # Where u is off by e, a loss and what theta R leaves open are off by at most (slope + min(e, steepest)) e.
        slack = float(totals[5] @ off + 4 * self.data.total @ (off * np.minimum(off, self.steepest)))
        slack += (float(self.data.total.sum()) + self.data.Y.size) * _LOST
        drifted = float(totals[4] @ drift + 16 * totals[6] @ drift**2)
        open_entries = math.fsum(totals[2:4].ravel()) * (1 + 2.0**-42) + slack + drifted + 2.0**-60 * (loss + penalty)
        paired = theta * pairing
        open_kinks = penalty * (1 + (T + 64) * EPS) - paired + 4 * EPS * abs(paired)
        moved = largest > 1e-6 * self.limit if self.data.dual is not None else np.zeros(T, dtype=np.bool_)
        outputs = self._losses_at_most(totals, off)
        return _Judged(loss, penalty, open_entries + open_kinks, slack, outputs), self.bounded & ((keep == 0) | moved)

    def _value_doubt(self, piece: Any) -> Array:
        """Bound how far computed values of the function are off, (T,); `piece` is the last one."""
        sizes = piece.size + self.data.largest + (1 - self.regression)
        doubt: Array = (4 * len(self.curve.b) + 64) * _TINY * sizes + _LOST
        return doubt

    def _losses_at_most(self, totals: Array, off: Array) -> Array:
        """Bound the losses of each output from above, (T,), by sums and sensitivities `totals` of values off by `off`."""
        moved = totals[5] * off + 4 * self.data.total * off * np.minimum(off, self.steepest)
        lost = (self.data.total + self.data.shape[0]) * _LOST
        bound: Array = (totals[0] + totals[1]) * (1 + 2.0**-42) + moved + lost
        return bound

    def output_losses(self) -> tuple[Array, Array]:
        """Losses of each output, and bounds on them from above, (T,) each."""
        from vvnorm.verifier import line_fit_kernels as kernel

        zero = np.zeros(self.data.shape[1])
        blank = _Projection(zero, zero, zero, zero, np.zeros((3, len(zero))), zero > 0, zero, zero)
        with np.errstate(over="ignore", invalid="ignore"):
            sums, piece = self._walk(kernel.GAPS, self._spec(np.zeros((2, len(zero))), blank, zero), theta=0.0)
            return sums.open[0] + sums.open[1], self._losses_at_most(sums.open, self._value_doubt(piece))

    def _affine_part(self, projection: _Projection, theta: float, largest: Array) -> Array:
        """Bound the sum of (1 - theta) R a + theta omega a^2 / 2, a = alpha + beta (x - centre), |a| <= `largest`."""
        p, cross, spread = projection.gram
        alpha, beta = projection.alpha, projection.beta
        parts = np.array([alpha, beta]) * projection.moments
        middle = alpha + beta * (projection.mean - self.centre)
        square = p * middle * middle + 2.0 * np.abs(cross * middle * beta) + spread * beta * beta
        paired = parts.sum(axis=0) + 8 * EPS * np.abs(parts).sum(axis=0)
        bound: Array = (1.0 - theta) * paired + 0.5 * theta * square
        return bound + 16 * EPS * p * largest * largest

    def _nudge(self, wanted: NDArray[np.bool_]) -> Array:
        """Find for some outputs what to shift the dual array by, to be orthogonal to affine functions once in its domain.

        That is the projection to the closest such array, by damped Newton steps in two variables; entries at the ends of
        their domain, which have no room for what `_projection` takes, may leave them.
        """
        from vvnorm.verifier import line_fit_kernels as kernel

        shift, zero = np.zeros((2, len(wanted))), np.zeros(len(wanted))
        blank = _Projection(zero, zero, zero, zero, np.zeros((3, len(wanted))), zero > 0, zero, zero)
        lever = self.reach * self.reach / 4 if self.reach > 0 else 1.0  # of one distinct input there is no moment
        metric = np.array([self.data.total, self.data.total * lever])
        damping = np.where(wanted, _DAMPING, np.inf)
        trial, least = shift, np.full(len(wanted), np.inf)
        slope, curvature = np.zeros((2, len(wanted))), np.zeros((3, len(wanted)))
        for _ in range(_NUDGES):
            sums = self._walk(kernel.MOMENTS, self._spec(trial, blank, np.ones(len(wanted))), hard=True)[0]
            force = sums.total.sum(axis=1)
            size = (force * force / metric).sum(axis=0)
            better = wanted & (size < least)
            shift = np.where(better, trial, shift)
            slope, curvature = np.where(better, force, slope), np.where(better, sums.powers.sum(axis=1), curvature)
            least = np.where(better, size, least)
            damping = np.where(better, np.maximum(damping * 0.01, _DAMPING), damping * 100)
            wanted = wanted & (damping < 1e4) & (least > 0)
            if not wanted.any():
                break
            a, b, c = curvature[0] + damping * metric[0], curvature[1], curvature[2] + damping * metric[1]
            with np.errstate(invalid="ignore", over="ignore"):
                step = np.array([c * slope[0] - b * slope[1], a * slope[1] - b * slope[0]]) / (a * c - b * b)
            trial = np.where(wanted, shift + step, shift)
        return shift

    def _spec(self, shift: Array, projection: _Projection, keep: Array) -> Any:
        from vvnorm.verifier import line_fit_kernels as kernel

        return kernel.Spec(self.codes, self.parameters, self.regression, shift, projection.alpha, projection.beta, keep)

    def _projection(self, shift: Array) -> _Projection:
        """Find what makes the dual array orthogonal to affine functions."""
        from vvnorm.verifier import line_fit_kernels as kernel

        T, zero = self.data.shape[1], np.zeros(self.data.shape[1])
        blank = _Projection(zero, zero, zero, zero, np.zeros((3, T)), zero > 0, zero, zero)
        sums, _ = self._walk(kernel.MOMENTS, self._spec(shift, blank, np.ones(T)))
        if not (np.isfinite(sums.total).all() and np.isfinite(sums.powers).all()):
            raise ValueError("the function's values leave the range of float64; rescale X, Y or weights")
        shared = self.plain and self.data.uniform
        powers, support = np.broadcast_to(sums.powers, (3, 2, T)), sums.support
        single = np.full(T, self.reach == 0) if shared else ~(support[0] < support[1])
        least = (self.data.shape[0] + 16) * 2.0**-90 * self.reach * self.reach
        parts = [
            _solve(sums.total[:, :, t], powers[:, :, t], self.centre, self.skip and not single[t], least) for t in range(T)
        ]
        alpha, beta, first, mean, *gram = np.array(parts).T.copy()
        moments = sums.total.sum(axis=1)
        return _Projection(alpha, beta, first * (not self.skip), mean, np.array(gram), single, moments, sums.open)

    def _pairing(self, spec: Any, projection: _Projection, opening: Array) -> tuple[float, float, Array, Any]:
        """Bound from below what R pairs with the function, and from above ||Z|| and drift (T,); and the last piece."""
        from vvnorm.verifier import line_fit_kernels as kernel

        n, T = self.data.shape
        sums, line = self._walk(kernel.PAIRINGS, spec, opening=None if self.skip else opening)
        S, Z, size, totals = sums.S, sums.Z, sums.size, sums.paired
        error = (n + 16) * (_TINY * size + _LOST)
        first = -Z.sum(axis=0) if not self.skip else np.zeros(T)
        drift = self._drift(projection, S.sum(axis=0), Z.sum(axis=0), error)
        drift[size == 0] = 0.0
        with np.errstate(invalid="ignore", over="ignore"):
            unsure = float(np.linalg.norm(error * self.reach + drift * projection.gram[0] * self.reach))
            # Products may have left float64 at its small end.
            norm = math.sqrt(max(totals[0], totals[1]) + T * _LOST) * (1 + (T + 4) * EPS) + unsure
            if not self.skip:
                norm += float(np.linalg.norm(first - opening)) + 4 * EPS * float(np.linalg.norm(opening))
            slope = line.slope.sum(axis=0)
            rounding = (T + 16) * EPS * (totals[4] + float(np.abs(first) @ np.abs(slope)))
            rounding += unsure * (
                self.scaled_norm * (1 + (T + 64) * EPS) + (0 if self.skip else float(np.linalg.norm(slope)))
            )
            rounding += (self.scaled_norm + len(self.curve.b) * T) * _LOST
        return float(totals[2] + totals[3] + first @ slope) - rounding, norm, drift, line

    def _drift(self, projection: _Projection, S: Array, Z: Array, error: Array) -> Array:
        """Bound |alpha' + beta' x| over the data for the affine function that R is still to lose."""
        p, cross, square = np.abs(projection.gram)
        x = self.data.x
        zeroth = np.abs(S) + error
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            constant = zeroth / p
            if not self.skip:
                return 1.001 * constant
            far = np.maximum(np.abs(x[-1] - projection.mean), np.abs(x[0] - projection.mean))
            first = np.abs(x[-1] - projection.mean) * zeroth + np.abs(Z) + error * self.reach
            determinant = p * square - cross * cross
            alpha, beta = (zeroth * square + cross * first) / determinant, (p * first + cross * zeroth) / determinant
            both = np.where(determinant > p * square / 2, alpha + beta * far, np.inf)
        return 1.001 * np.where(projection.single, constant, both)


def _solve(sums: Array, powers: Array, centre: float, linear: bool, least: float) -> tuple[float, ...]:
    """Find alpha and beta with R - phi (alpha + beta (x - centre)) orthogonal to 1 and, if `linear`, to x.

    Parameters
    ----------
    sums : (2, 2) array
        sum R and sum R (x - centre), double-double.
    powers : (3, 2) array
        sum phi (x - centre)^j.
    centre : float
    linear : bool
    least : float
        A variance of x below it is rounding.

    Returns
    -------
    alpha, beta, sum R x afterwards, mean of x, and sums of phi (x - mean)^j for j = 0, 1, 2.
    """
    r, rx = (Fraction(high) + Fraction(low) for high, low in sums.tolist())
    p, px, pxx = (Fraction(high) + Fraction(low) for high, low in powers.tolist())
    if p <= 0:
        return 0.0, 0.0, float(rx), centre, 0.0, 0.0, 0.0
    mean = centre + float(px / p)
    d = Fraction(mean) - Fraction(centre)
    cross, square = px - d * p, pxx - 2 * d * px + d * d * p
    beta = Fraction(0)
    if linear and square > least * p:
        beta = (p * rx - px * r) / (p * pxx - px * px)
    alpha = (r - px * beta) / p
    first = rx - alpha * px - beta * pxx
    return float(alpha), float(beta), float(first), mean, float(p), float(cross), float(square)
