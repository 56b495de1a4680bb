"""Regularised fits of several inputs, or with biases inside the norm: the bound on their objective, and its verification.

The objective of a network f is

    P(f) = sum over present entries of omega_it loss_t(f_t(x_i), y_it) + lam VV(f).

Let R (N, T) be 0 on missing entries and orthogonal to every affine function on the present labels (to the constants only,
where networks have no skip connection). Let g bound the response of a neuron to R (`verifier.neuron_bound`). Then
sum <R_i, f(x_i)> <= g VV(f), so for every theta >= 0 with theta g <= lam and every network

    P(f) >= sum omega loss(f) + theta sum <R_i, f(x_i)> >= D(theta) = -sum omega loss*(-theta R / omega),

where the conjugate loss* is finite on an interval only, unless the loss is squared. D is concave; theta maximises it.

*The dual array.* Unless R is given, it begins as -omega loss'(f), which is the optimal dual array at an optimum of a smooth
loss. Entries are clipped to their domains. To make R orthogonal, omega phi a is subtracted, where a is an affine function
and phi >= 0 is how far an entry can move inside its domain. If that leaves the domain, the output's R is replaced by the
closest array that is orthogonal after clipping. If that fails, it is replaced by 0, which proves that losses are
not negative.

*Rows of zeros.* If R is 0 in more than half of the rows, these are left out of the bound: losses are not negative, so the
least objective of the other rows is at most the least objective of all rows.

*Rounding.* The computed R is orthogonal up to rounding only. The bound is about R - omega phi a', where the affine function
a' is never computed, but bounded on the data by `drift`, and in the root of sum omega phi a'^2 by `energy`. The second
bound is the sharper one where a' is large only at entries with a small phi. The largest effect of a' is subtracted from
the bound. Constants are subtracted from inputs and labels where that is exact (`vvnorm.verifier.shifts`). An objective that
is at most the rounding of the labels has the gap 0, as `vvnorm.verifier.line_fit` explains.

*Arrays at the ends of their domain.* phi is 0 at an end, so an array with nearly all entries there cannot be made
orthogonal. First, entries next to 0 or to an end are set to it. If R is then exactly orthogonal, which rational arithmetic
decides, it is used as it is, and a' is 0. Otherwise R is replaced by s R with s slightly below 1, which makes phi positive
where R is not 0.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vvnorm.float64 import Rows, dual_rows
from vvnorm.losses import Loss, fit_labels, label_power
from vvnorm.network import ReLUNetwork, row_norms
from vvnorm.piecewise import PiecewiseLinear
from vvnorm.tolerances import EPS
from vvnorm.validation import Array, as_positive
from vvnorm.verifier.arithmetic import power_of_two, scaled, vv_norm
from vvnorm.verifier.budget import most_additions
from vvnorm.verifier.certificates import FitRecord
from vvnorm.verifier.fits import DRIFT_ALLOWED, INSIDE, MARGIN_USED, dual_of_shape, is_label_rounding
from vvnorm.verifier.flat_inputs import Subspace
from vvnorm.verifier.losses import CLASSES, domain_margins, highest, loss_values, lowest, minus_slopes, steepest
from vvnorm.verifier.shifts import Shifted
from vvnorm.verifier.space import (
    AffineFunctions,
    OutputGroup,
    centred,
    evaluate,
    exact_basis,
    flat_points,
    is_orthogonal,
    largest_response,
    points_and_labels,
    reach,
    used_rows,
)
from vvnorm.verifier.units import SAFE, Units

_SHRINKS = (1 - 2.0**-30, 1 - 2.0**-24)  # the second one for arrays with nearly all entries at an end of their domain
_MOVED = 1e-6  # outputs whose dual array was moved by a larger share of its margin are bounded in a second way, too
_NEXT_TO = 1e-7  # entries nearer to 0 or an end, relative to their domain, may be set to it to keep a dual array feasible
_ROUNDED = 2.0**-40  # the same share, tried first: only entries that are rounding are set to 0
_NUDGES = 60
_GOLDEN = (math.sqrt(5) - 1) / 2

_Column = tuple[Array, Array, float, float, float]  # one output's r and margin, (N,) each; moved, drift and energy


def judge_fit(
    network: ReLUNetwork | PiecewiseLinear,
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
) -> FitRecord:
    """Judge a regularised fit of any number of inputs; parameters are those of `vvnorm.verifier.check.certify_fit`.

    Returns
    -------
    FitRecord
        Its `gap` is computed from objective and bound, with rounding of about 1e-13. It is 0 for an objective that is at
        most the rounding of the labels.

    Raises
    ------
    TypeError, ValueError
        For bad data, naming it; if network and data disagree in inputs or outputs.
    """
    data = _read(network, X, Y, loss, weights, penalise_bias)
    strength, given = as_positive(lam), None if dual is None else dual_of_shape(dual, data.labels.shape)
    entries = bounding = data.entries(data.x - data.offset, strength, skip)
    if subspace is not None:
        bounding = data.entries(flat_points(subspace, data.x, entries.present, penalise_bias), strength, skip)
    proposed: Rows | None = given
    if given is not None and subspace is None and (rows := used_rows(given, data.labels)) is not None:
        part = data.entries(data.x - data.offset, strength, skip, rows)
        if part.units == entries.units:
            bounding, proposed = part, dual_rows(given, slice(0, len(data.x)))[rows]
    fitted, rounding = entries.follow(data.moved)
    cost = vv_norm(data.network, penalise_bias)
    losses, slack, outputs = entries.loss(fitted, rounding)
    value = _sum(losses)
    penalty = entries.lam * float(scaled(np.array(cost), entries.units.x, entries.units.y))
    objective = value + penalty
    if not math.isfinite(entries.units.objective(objective)):
        raise ValueError("the objective leaves the range of float64; rescale X, Y or weights")
    lower = bounding.lower_bound(
        entries.minus_slope(fitted) if proposed is None else bounding.read(proposed), penalise_bias
    )
    lower /= 1.0 if subspace is None else subspace.stretch
    at_most = objective * (1 + (network.n_outputs + network.n_inputs + 64) * EPS) + slack
    nothing = objective == 0 or entries.is_rounding(outputs, penalty, data.labels)
    return FitRecord(
        objective=entries.units.objective(objective),
        loss=entries.units.objective(value),
        vv_norm=cost,
        lower_bound=entries.units.objective(lower),
        gap=0.0 if nothing else min((at_most - lower) / objective, 1.0),
        lam=strength,
        losses=data.losses,
        skip=skip,
        dual=given,
        penalise_bias=penalise_bias,
        additions=most_additions(),
        subspace=subspace,
    )


def output_losses(
    network: ReLUNetwork | PiecewiseLinear,
    X: ArrayLike,
    Y: ArrayLike,
    loss: str | Loss | Sequence[str | Loss],
    weights: ArrayLike | None,
) -> tuple[Array, Array]:
    """Return weighted sums of losses of each output; see `vvnorm.verifier.check.output_losses`."""
    data = _read(network, X, Y, loss, weights, False)
    entries = data.entries(data.x - data.offset, None, True)
    terms, _, bounds = entries.loss(*entries.follow(data.moved))
    sums = np.array([_sum(column) for column in terms.T])
    losses, at_most = (np.array([entries.units.objective(value) for value in totals]) for totals in (sums, bounds))
    return losses, np.where(np.isfinite(losses), at_most, np.inf)


@dataclass(frozen=True, eq=False)
class _Points:
    """A network and data, checked. `moved` is the network shifted by `offset` (d,) and `level` (T,)."""

    network: ReLUNetwork
    x: Array
    labels: Array
    shares: Array | None
    losses: tuple[Loss, ...]
    offset: Array
    level: Array
    moved: Shifted

    def entries(self, points: Array, lam: float | None, skip: bool, rows: NDArray[np.intp] | None = None) -> "_Entries":
        """Return the labels minus their level at some points, in units; of some rows only, if given."""
        labels, shares = self.labels - self.level, self.shares
        if rows is not None:
            points, labels = points[rows], labels[rows]
            shares = None if shares is None else np.broadcast_to(shares, self.labels.shape)[rows]
        return _Entries(points, labels, shares, self.losses, lam, skip)


def _read(
    network: ReLUNetwork | PiecewiseLinear,
    X: ArrayLike,
    Y: ArrayLike,
    loss: str | Loss | Sequence[str | Loss],
    weights: ArrayLike | None,
    penalise_bias: bool,
) -> _Points:
    """Check a network and data, and subtract offsets that cause no rounding."""
    if not isinstance(network, ReLUNetwork):
        raise TypeError(f"fits of several inputs, or with the bias inside the norm, are ReLUNetworks; got {network!r}")
    x, labels = points_and_labels(network, X, Y)
    labels, shares, losses = fit_labels(labels, loss, weights)
    known = labels.copy()  # classes are not shifted
    known[:, [loss.name in CLASSES for loss in losses]] = np.nan
    return _Points(network, x, labels, shares, losses, *centred(network, x, known, penalise_bias))


@dataclass(frozen=True, eq=False)
class _Feasible:
    """A dual array per unit of weight, in its domain and nearly orthogonal, with a bound on what it lacks.

    Attributes
    ----------
    r, margin : (N, T) arrays
        The array, and how far its entries can move inside their domains.
    drift : (T,) array
        The array is orthogonal after subtracting margin times an affine function a' of at most this size.
    energy : (T,) array
        Bound on the root of sum omega margin a'^2.
    improvable : (T,) array of bool
        Outputs for which the closest array may give a better bound: r is 0, or was moved far from the given array.
    """

    r: Array
    margin: Array
    drift: Array
    energy: Array
    improvable: NDArray[np.bool_]

    def movements(self, omega: Array) -> Array:
        """Bound omega margin |a'|, (N, T): the distance of the entries of omega r from those of an orthogonal array."""
        share = np.sqrt(omega * self.margin)
        return share * np.minimum(share * self.drift, self.energy)

    def total_movement(self, omega: Array) -> Array:
        """Bound the sums of the movements, (T,); those of squares are bounded by the energy (Cauchy and Schwarz)."""
        share = np.sqrt((omega * self.margin).sum(axis=0))
        moved: Array = share * np.minimum(share * self.drift, self.energy) * (1 + len(omega) * EPS)
        return moved


class _Entries:
    """Labels, weights and losses, in units of powers of two in which no product leaves float64; 0 where missing."""

    def __init__(
        self, x: Array, Y: Array, weights: Array | None, losses: Sequence[Loss], lam: float | None, skip: bool
    ) -> None:
        omega = np.broadcast_to(1.0 if weights is None else weights, Y.shape)
        self.present = ~np.isnan(Y)
        omega = np.where(self.present, omega, 0.0)
        self.skip = skip
        power = label_power(losses)
        self.units = units = Units(
            x=power_of_two(float(np.max(np.abs(x))), SAFE),
            y=power_of_two(float(np.nanmax(np.abs(Y))), SAFE) if power else 1.0,
            w=power_of_two(float(omega.max()), SAFE),
            power=power,
        )
        self.x = x / units.x
        self.y = np.where(self.present, Y, 0.0) / units.y
        self.omega = omega / units.w
        self.lam = math.nan if lam is None else units.strength(lam)
        self.losses = losses = units.losses(losses)
        self.columns = {loss: np.array([t for t, other in enumerate(losses) if other == loss]) for loss in losses}
        self.bounded = np.array([loss.name != "squared" for loss in losses])
        self.low, self.high = self._by_loss(lowest, self.y), self._by_loss(highest, self.y)

    @cached_property
    def affine(self) -> AffineFunctions:
        """The affine functions at the points."""
        return AffineFunctions(self.x, self.present, self.skip)

    def _by_loss(self, rule: Callable[..., Array], *arrays: Array) -> Array:
        """Apply rule(loss, parts of arrays..) to the outputs of each loss."""
        result = np.zeros(self.y.shape)
        for loss, columns in self.columns.items():
            result[:, columns] = rule(loss, *(array[:, columns] for array in arrays))
        return result

    # --- the network ---

    def follow(self, moved: Shifted) -> tuple[Array, Array]:
        """Values at the points (N, T), and a bound on their rounding errors."""
        bent, straight, rounding = evaluate(moved, self.x, self.units.x, self.units.y)
        with np.errstate(invalid="ignore", over="ignore"):
            return bent + straight, rounding

    def loss(self, fitted: Array, rounding: Array) -> tuple[Array, float, Array]:
        """Weighted losses (N, T), a bound on the rounding in their sum, and bounds from above on outputs' losses (T,)."""
        with np.errstate(invalid="ignore", over="ignore"):
            values = self._by_loss(loss_values, fitted, self.y)
            slopes = self._by_loss(steepest, fitted, self.y, rounding)
            doubt = slopes * (rounding + 2 * EPS * (np.abs(fitted) + np.abs(self.y))) + 16 * EPS * values
            terms = np.where(self.present, self.omega * values, 0.0)
            doubts = np.where(self.present, self.omega * doubt, 0.0)
        if not (np.isfinite(terms).all() and np.isfinite(doubts).all()):
            return np.full(terms.shape, np.inf), math.inf, np.full(terms.shape[1], np.inf)
        outputs = (terms + doubts).sum(axis=0) * (1 + 1e-9)
        return terms, float(doubts.sum()) * (1 + 1e-9), outputs

    def is_rounding(self, outputs: Array, penalty: float, labels: Array) -> bool:
        """Whether the objective is at most the rounding of the labels, as `vvnorm.verifier.line_fit` defines it.

        `labels` (N, T) are in the caller's units, as they are; `outputs` (T,) bound the losses.
        """
        known = np.where(self.present, labels, np.nan) / self.units.y
        ends = np.nanmin(known, axis=0), np.nanmax(known, axis=0)
        return is_label_rounding(self.losses, outputs, penalty, *ends, self.omega.sum(axis=0))

    # --- the dual array ---

    def minus_slope(self, fitted: Array) -> Array:
        """Return -loss' at the fitted values."""
        return np.where(self.present, self._by_loss(minus_slopes, fitted, self.y), 0.0)

    def read(self, dual: Rows) -> Array:
        """Read a dual array in the caller's units, per unit of weight."""
        raw = dual_rows(dual, slice(0, len(self.x)))
        if not np.isfinite(raw).all():
            raise ValueError("dual holds NaN or infinity")
        scaled = self.units.dual(raw)
        with np.errstate(over="ignore"):
            r = np.divide(scaled, self.omega, out=np.zeros_like(scaled), where=self.present)
        return np.clip(r, -1e300, 1e300)

    def lower_bound(self, r: Array, penalise_bias: bool) -> float:
        """Return a lower bound on the objective of every network from a dual array per unit of weight; not negative."""
        feasible = self._feasible(r, 1.0)
        best = self._value(feasible, penalise_bias)
        if feasible.improvable.any():
            nudged = r.copy()
            for group in self.affine.groups:
                for t in group.outputs[feasible.improvable[group.outputs]]:
                    nudged[group.rows, t] = self._nudged(group, r[group.rows, t], t)
            for shrink in _SHRINKS:
                best = max(best, self._value(self._feasible(nudged, shrink), penalise_bias))
        return max(best, 0.0)

    def _feasible(self, r: Array, shrink: float) -> _Feasible:
        """Bring a dual array into its domain and make it orthogonal there."""
        before = r
        r = np.clip(np.clip(r, self.low, self.high) * np.where(self.bounded, shrink, 1.0), self.low, self.high)
        margin = self._by_loss(domain_margins, r, self.low, self.high)
        moved, drift, energy = np.zeros((3, r.shape[1]))
        for group in self.affine.groups:
            outputs = group.outputs
            r[group.place], moved[outputs], drift[outputs], energy[outputs] = _orthogonal(
                group.basis, r[group.place], self.omega[group.place], margin[group.place], self.bounded[outputs]
            )
            lost = self._lost(moved, drift) & r.any(axis=0)
            for t in outputs[lost[outputs]].tolist():
                given = np.clip(before[:, t], self.low[:, t], self.high[:, t])
                r[:, t], margin[:, t], moved[t], drift[t], energy[t] = self._restored(group, given, t)
        lost = self._lost(moved, drift) & r.any(axis=0)
        nothing = lost | ~r.any(axis=0)
        r, drift, energy = (np.where(nothing, 0.0, part) for part in (r, drift, energy))
        return _Feasible(r, margin, drift, energy, self.bounded & (lost | (moved > _MOVED)))

    def _lost(self, moved: Array | float, drift: Array | float) -> NDArray[np.bool_]:
        """Whether the margin of each output is too small for the functions subtracted so far and those still to come."""
        return ~(
            (drift <= np.where(self.bounded, DRIFT_ALLOWED, 1e300)) & (moved <= np.where(self.bounded, MARGIN_USED, 1e300))
        )

    def _restored(self, group: OutputGroup, r: Array, t: int) -> _Column:
        """Return a feasible array of one output near r, if there is one: with entries at ends, or on fewer points.

        Points are left out where r is next to 0; if that does not suffice, where omega r is far below its largest value.
        With weights over many orders of magnitude the others have no margin that counts beside the rounding of that value.
        """
        if (exact := self._at_ends(group, r, t)) is not None:
            return exact
        for share in (_ROUNDED, _NEXT_TO):
            column = self._on_support(np.where(np.abs(r) <= self._next_to(t, share), 0.0, r), t)
            if not self._lost(column[2], column[3])[t]:
                return column
        size = np.abs(self.omega[:, t] * r)
        return self._on_support(np.where(size <= _NEXT_TO * size.max(), 0.0, r), t)

    def _next_to(self, t: int, share: float = _NEXT_TO) -> Array:
        """Return how near to 0 or to an end of their domain an output's entries may be set to it, (N,)."""
        largest = np.maximum(np.abs(self.low[:, t]), np.abs(self.high[:, t]))
        return share * np.where(self.bounded[t], largest, 0.0)

    def _at_ends(self, group: OutputGroup, r: Array, t: int) -> _Column | None:
        """Set entries next to 0 or to an end of their domain to it, and return the array if it is orthogonal exactly.

        The array that must be orthogonal is omega r, rounded: `_value` uses it, and keeps it inside the domain.
        """
        near = self._next_to(t)
        for end in (np.zeros_like(r), self.low[:, t], self.high[:, t]):
            r = np.where(np.abs(r - end) <= near, end, r)
        if not is_orthogonal(group.functions, (self.omega[:, t] * r)[group.rows]):
            return None
        return r, np.zeros_like(r), 0.0, 0.0, 0.0

    def _on_support(self, r: Array, t: int) -> _Column:
        """Make an output orthogonal on the points where r is not 0.

        Entries of separated classes are next to 0, and have been set to 0. On the remaining points affine functions may
        span fewer dimensions, for example on one repeated point, so the correction is computed from these points alone.

        Returns
        -------
        r, margin : (N,) arrays
        moved, drift, energy : float
            As `_orthogonal` has them.
        """
        loss, columns = self.losses[t], slice(t, t + 1)
        margin = np.where(r == 0, 0.0, domain_margins(loss, r, self.low[:, t], self.high[:, t]))
        rows = np.flatnonzero(r)
        if not len(rows):
            return r, margin, 0.0, 0.0, 0.0
        functions = np.column_stack([np.ones(len(rows)), self.x[rows]] if self.skip else [np.ones(len(rows))])
        basis, omega = exact_basis(functions)[0], self.omega[rows, columns]
        taken, *sizes = _orthogonal(basis, r[rows, None], omega, margin[rows, None], self.bounded[columns])
        r[rows] = taken[:, 0]
        moved, drift, energy = (float(size[0]) for size in sizes)
        return r, margin, moved, drift, energy

    def _nudged(self, group: OutputGroup, r: Array, t: int) -> Array:
        """Find the closest array of one output that is orthogonal and in its domain, by damped Newton steps.

        It is r minus an affine function, clipped to the domain; the steps find the function.
        """
        B, omega = group.basis, self.omega[group.rows, t]
        low, high = self.low[group.rows, t], self.high[group.rows, t]
        metric = B.T @ (omega[:, None] * B)
        best, trial, least, damping = r, np.zeros(B.shape[1]), math.inf, 1e-12
        shift, force, curvature = trial, trial, metric
        for _ in range(_NUDGES):
            cut = np.clip(r - B @ trial, low, high)
            push = B.T @ (omega * cut)
            size = float(np.linalg.norm(push))
            if size < least:
                free = (cut > low) & (cut < high)
                best, shift, force, least = cut, trial, push, size
                curvature = B.T @ ((omega * free)[:, None] * B)
                damping = max(damping * 0.01, 1e-12)
            else:
                damping *= 100
            if damping > 1e4 or least == 0:
                break
            trial = shift + np.linalg.lstsq(curvature + damping * metric, force, rcond=None)[0]
        return best

    # --- the bound ---

    def _value(self, feasible: _Feasible, penalise_bias: bool) -> float:
        """Return a lower bound on the maximum of D over theta."""
        R = self.omega * feasible.r
        if not R.any():
            return 0.0
        moving = float(np.linalg.norm(feasible.total_movement(self.omega)))
        response = largest_response(self.x, R, penalise_bias, self.units.x)
        response += 1.01 * reach(self.x, penalise_bias, self.units.x) * moving
        response += response * 8 * EPS
        most = INSIDE if self.bounded.any() else math.inf
        most = min(most, self.lam / response) if response > 0 else min(most, 1.0)
        target = _Target(self, feasible)
        theta = _maximum(lambda theta: target.value(theta)[0], most)
        value, doubt = target.value(theta, with_error=True)
        return value - doubt if math.isfinite(value - doubt) else 0.0


class _Target:
    """D as a function of theta: its sums, and bounds on their rounding."""

    def __init__(self, entries: _Entries, feasible: _Feasible) -> None:
        omega, names = entries.omega, np.array([loss.name for loss in entries.losses])
        # Labels minus an affine function: R pairs with them to the same number, with less rounding.
        with np.errstate(over="ignore", invalid="ignore"):
            rest, error = entries.affine.remainder(entries.y)
        logistic, hinge = names == "logistic", names == "hinge"
        R, play = omega * feasible.r, feasible.movements(omega)
        line = R * rest
        line_doubt = np.abs(R) * error + play * (np.abs(rest) + error) + 8 * EPS * np.abs(line)
        line[:, hinge], line_doubt[:, hinge] = np.abs(R[:, hinge]), (play + 8 * EPS * np.abs(R))[:, hinge]
        line[:, logistic], line_doubt[:, logistic] = 0.0, 0.0
        curved = (names == "squared") | (names == "huber")
        square = np.where(curved, 0.5 * R * feasible.r, 0.0)
        square_doubt = (
            np.where(curved, play * (np.abs(feasible.r) + feasible.margin * feasible.drift), 0.0) + 8 * EPS * square
        )
        self._line, self._line_doubt = _sum(line), float(line_doubt.sum())
        self._square, self._square_doubt = _sum(square), float(square_doubt.sum())
        self._wrong = np.abs(feasible.r[:, logistic])
        self._weight = omega[:, logistic]
        self._drift = feasible.drift[logistic]

    def value(self, theta: float, *, with_error: bool = False) -> tuple[float, float]:
        """Return D(theta) and, if `with_error`, a bound on its rounding."""
        parts, doubt = [theta * self._line, -theta * theta * self._square], 0.0
        if self._wrong.size:
            s = theta * self._wrong
            with np.errstate(divide="ignore", invalid="ignore"):
                rest = np.where(s < 1, -np.log1p(-s), 0.0)
                entropy = np.where(s > 0, -s * np.log(s), 0.0) + (1 - s) * rest
            parts.append(_sum(self._weight * entropy) if with_error else float(np.sum(self._weight * entropy)))
            # An entry moves by at most its margin times drift, which is at most 10 s (1 - s) drift, and s has an error of a
            # few roundings. The slope of the entropy is |log(s / (1 - s))|; it grows by less than 1e-4 on the way, since
            # drift is below 1e-6. s (1 - s) times the slope is at most the entropy, and so is s (1 - s) itself.
            doubt = float(np.sum(self._weight * (11 * self._drift * entropy + 16 * EPS * (entropy + s * rest))))
        if with_error:
            doubt += theta * self._line_doubt + theta * theta * self._square_doubt
            doubt += 16 * EPS * sum(abs(part) for part in parts)
        return math.fsum(parts), doubt * (1 + 1e-9)


def _sum(array: Array) -> float:
    return math.fsum(array.ravel().tolist()) if np.isfinite(array).all() else math.nan


def _maximum(value: Callable[[float], float], most: float) -> float:
    """Return nearly the maximiser of a concave function on [0, most] with value(0) = 0; `most` may be infinite."""
    if math.isinf(most):
        most = 1.0
        while value(2 * most) > value(most) and most < 1e100:
            most *= 2
        most *= 2
    # If the response is at most rounding, the largest theta is far beyond the maximiser.
    while value(most / 4) >= value(most / 2) and most > 1e-100:
        most /= 2
    if value(most) >= value(most * (1 - 1e-6)):
        return most
    low, high = 0.0, most
    left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
    at_left, at_right = value(left), value(right)
    while high - low > 1e-9 * most:
        if at_left >= at_right:
            high, right, at_right = right, left, at_left
            left = high - _GOLDEN * (high - low)
            at_left = value(left)
        else:
            low, left, at_left = left, right, at_right
            right = low + _GOLDEN * (high - low)
            at_right = value(right)
    return left if at_left >= at_right else right


def _orthogonal(
    B: Array, r: Array, omega: Array, margin: Array, bounded: NDArray[np.bool_]
) -> tuple[Array, Array, Array, Array]:
    """Subtract margin times a function in the span of B (n, width) from each output, so that omega r is orthogonal to B.

    Returns
    -------
    r : (n, T) array
    moved : (T,) array
        Largest value of the function; infinite if there is none, or if it exceeds the margin of a bounded entry.
    drift : (T,) array
        Bound on the largest value of the function a' that exact arithmetic would still subtract.
    energy : (T,) array
        Bound on the root of sum omega margin a'^2. In the basis a' has the coefficients G^-1 m, where m are the moments and
        G is the Gram matrix; so the sum is m' G^-1 m, at most the square of m over the least eigenvalue of G.
    """
    n, width = B.shape
    gram = np.einsum("ni,nt,nj->tij", B, omega * margin, B)
    scales, axes = np.linalg.eigh(gram)
    least = scales[:, 0] - (n + width + 16) * EPS * np.einsum("nt,n->t", omega * margin, (B * B).sum(axis=1))
    far = float(np.max(row_norms(B)))
    taken, moments = np.zeros((width, r.shape[1])), np.zeros(r.shape[1])
    for _ in range(5):
        now = r - margin * (B @ taken)
        residual = B.T @ (omega * now)
        rounding = (n + 8) * EPS * np.linalg.norm(np.abs(B).T @ (omega * np.abs(now)), axis=0)
        moments = np.linalg.norm(residual, axis=0) + rounding
        if np.all((moments <= 8 * rounding) | (least <= 0)):
            break
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            step = np.einsum("tij,tj,tkj,kt->it", axes, 1 / scales, axes, residual)
        taken = taken + np.where((least > 0) & np.isfinite(step).all(axis=0), step, 0.0)
        taken = np.where(bounded & (np.abs(B @ taken).max(axis=0) > 1), 0.0, taken)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        drift = np.where(moments == 0, 0.0, np.where(least > 0, 1.01 * far * moments / least, np.inf))
        energy = np.where(moments == 0, 0.0, np.where(least > 0, 1.01 * moments / np.sqrt(least), np.inf))
    return r - margin * (B @ taken), np.abs(B @ taken).max(axis=0), drift, energy
