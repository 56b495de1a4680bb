"""Fits with smooth losses.

Squared losses make one reduced problem. So does Huber's loss, since it is min over e of (u + e - y)^2 / 2 + delta |e|: a
penalised column for each label. The logistic loss is replaced, at fitted values U, by the parabola of its own slope and
curvature (Newton), and the reduced problem over all neurons is solved from where the last one ended. The step goes as far
towards its solution as lowers the objective most, costs in between being bounded by convexity.

The dual of the least-squares problem, shared among equal inputs by curvature and moved into the conjugates' domains
(towards that of the best affine fit), bounds the objective from below:

    sum over labels of  min_u [ weight * loss(u, y) + Lambda u ].
"""

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import entr, expit

from vvnorm.data import Array
from vvnorm.deadline import TIME_LIMIT
from vvnorm.losses import Loss
from vvnorm.multivariate.generation import Optimum, Start, generate
from vvnorm.multivariate.neurons import OutOfTime
from vvnorm.multivariate.problem import Convention, Points, Reduction
from vvnorm.network import ReLUNetwork
from vvnorm.tolerances import EPS

SMOOTH = ("squared", "logistic", "huber")
_STEPS = 200
_INNER = 0.1  # of the gap, and of the last progress: how accurately a least-squares problem is solved
_LEAST_ACCURACY = 1e-2  # of the asked tolerance
_LEAST_PROGRESS = 1e-13
_CLOSE = 1e-3  # part of a step up to which its length is found
_FLAT = 1e-9  # least curvature of the logistic loss
_NARROWER = 0.2  # what the deltas of Huber losses are multiplied by, from level to level
_NARROWEST = 1e-10  # of the labels' spread: a delta below shows in no digit of a best affine function
_ROUGH = 1e-3  # of the delta of a level: how accurately it is solved


@dataclass(frozen=True, eq=False)
class Data:
    """Labels by rows, equal inputs allowed; losses are smooth.

    Attributes
    ----------
    points : Points
        Not merged where there is a Huber loss: a sum of such losses is none.
    Y : (N, T) array
        Canonical labels; NaN = missing.
    weights : (N, T) array
        0 where labels are missing.
    losses : tuple of T Loss
    """

    points: Points
    Y: Array
    weights: Array
    losses: tuple[Loss, ...]
    inside: Array | None = None
    """A feasible dual (N, T) inside the domains of all conjugates."""

    @property
    def direct(self) -> bool:
        """Whether one reduced problem is all there is to solve."""
        return not any(loss.name == "logistic" for loss in self.losses)

    @property
    def limits(self) -> Array:
        """Largest size (N, T) of weight * loss', where that is bounded by Huber's loss; inf elsewhere."""
        limits = np.full(self.Y.shape, np.inf)
        for t, loss in enumerate(self.losses):
            if loss.name == "huber":
                limits[:, t] = loss.parameter * self.weights[:, t]
        return limits

    def reduction(self, lam: float, curvature: Array, targets: Array) -> Reduction:
        """The least-squares problem with curvatures and targets (N, T) of parabolas, at distinct points."""
        weights = self.points.summed(curvature)
        labels = np.divide(
            self.points.summed(curvature * targets), weights, out=np.zeros_like(weights), where=weights > 0
        )  # fmt: skip
        constant = float(np.sum(curvature * (targets - labels[self.points.group]) ** 2)) / 2
        limits = self.limits if lam > 0 else None
        return Reduction(self.points, weights, labels, lam, constant, limits)

    @cached_property
    def squared(self) -> Reduction | None:
        """The one reduced problem, but for lam, where all losses are squared."""
        if any(loss.name != "squared" for loss in self.losses):
            return None
        return replace(self.reduction(1.0, self.weights, np.nan_to_num(self.Y)), limits=None)

    @cached_property
    def straight(self) -> "Straight":
        """The best affine fit."""
        return fit_affine(self)

    def loss(self, U: Array) -> float:
        """Weighted sum of losses at values U (N, T)."""
        return float(sum(self.weights[:, t] @ loss.value(U[:, t], self.Y[:, t]) for t, loss in enumerate(self.losses)))


@dataclass(frozen=True, eq=False)
class Fitted:
    """A network, its objective, a dual array (N, T) by rows, and how they came about."""

    network: ReLUNetwork
    objective: float
    lower: float
    dual: Array
    optimum: Optimum | None
    """None for affine fits."""
    steps: int
    status: str

    @property
    def gap(self) -> float:
        """(objective - lower) / objective."""
        return (self.objective - self.lower) / self.objective if self.objective > 0 else 0.0

    @property
    def start(self) -> Start | None:
        """For a similar problem."""
        return None if self.optimum is None else self.optimum.start


def fit_losses(
    data: Data, lam: float, tol: float, start: Start | None = None, *, max_iter: int | None = None, **options: Any
) -> Fitted:  # fmt: skip
    """Minimise the sum of losses plus lam times the cost.

    Parameters
    ----------
    data : Data
    lam : float
        Positive.
    tol : float
        Relative gap at which to stop.
    start : Start, optional
        From a similar problem.
    max_iter : int, optional
        Most rounds of column generation, of all steps together.
    **options
        `deadline` and `advance` of `vvnorm.multivariate.generation.generate`.
    """
    if not data.direct:
        straight = data.straight
        inside = straight.dual * [loss.name == "logistic" for loss in data.losses]
        largest = largest_response(data.points, inside, options.get("deadline", np.inf))
        data = replace(data, inside=inside * min(1.0, lam / max(largest, 1e-300)))
        values, price = straight.values, 0.0
    else:
        values, price = np.nan_to_num(data.Y), np.inf
    best, accuracy, gap, rounds = None, _INNER, 1.0, 0
    for step in range(1, _STEPS + 1):
        options["max_iter"] = None if max_iter is None else max_iter - rounds
        trial = _parabolic_step(data, lam, values, tol if data.direct else accuracy, start, options)
        start = trial.start
        rounds += 0 if trial.optimum is None else trial.optimum.rounds
        if best is None or trial.objective < best.objective:
            dual, lower = (best.dual, best.lower) if best and best.lower > trial.lower else (trial.dual, trial.lower)
            best = replace(trial, dual=dual, lower=lower, steps=step)
        elif trial.lower > best.lower:
            best = replace(best, dual=trial.dual, lower=trial.lower, steps=step)
        gap = best.gap
        if gap <= tol or data.direct:
            return best
        if trial.status == TIME_LIMIT:
            return replace(best, status=trial.status)
        if max_iter is not None and rounds >= max_iter:
            return replace(best, status="round limit")
        ahead = trial.network(data.points.X)[data.points.group]
        price_ahead = lam * cost(trial.network, data.points.convention)
        part = _step_length(data, values, price, ahead, price_ahead)
        before = data.loss(values) + price
        values, price = values + part * (ahead - values), price + part * (price_ahead - price)
        # What a step gains must show above the inaccuracy of the next one.
        progress = 1 - (data.loss(values) + price) / before if before > 0 else 0.0
        if progress < _LEAST_PROGRESS and accuracy <= _LEAST_ACCURACY * tol:
            return replace(best, status="rounding is the limit")
        accuracy = max(_INNER * min(gap, max(progress, accuracy / 10)), _LEAST_ACCURACY * tol)
    assert best is not None
    return replace(best, status="step limit")


@dataclass(frozen=True, eq=False)
class Straight:
    """The best affine fit: coefficients (q, T), values (N, T), and the dual (N, T), minus the slopes of the losses."""

    coefficients: Array
    values: Array
    dual: Array


def fit_affine(data: Data) -> Straight:
    """Fit affine functions (constants, without a skip connection) by Newton steps, with line searches for logistic losses.

    Huber losses begin as squared ones, and their delta falls to what it is to be. Their parabolas lie above them, so that
    no line search is needed, for which differences of losses would have too few digits. What is left at the end of deltas
    far below the labels' digits is the absolute loss.
    """
    coefficients = np.zeros((data.points.affine.shape[1], data.Y.shape[1]))
    values = np.zeros(data.Y.shape)
    curved = np.array([loss.name == "logistic" for loss in data.losses])
    spread = float(np.max(np.nanmax(data.Y, axis=0) - np.nanmin(data.Y, axis=0), where=~curved, initial=0.0))
    size = np.where(curved, 1.0, np.nanmax(np.abs(data.Y), axis=0))
    level = data
    for width in _widths(data, spread):
        level = replace(data, losses=tuple(_widened(loss, width) for loss in data.losses))
        narrow = np.array([loss.parameter if loss.name == "huber" else math.inf for loss in level.losses])
        for _ in range(_STEPS):
            curvature, targets = _parabolas(level, values)
            coefficients_ahead = level.reduction(0.0, curvature, targets).best_affine()
            ahead = (data.points.affine @ coefficients_ahead)[data.points.group]
            searched = _step_length(level, values, 0.0, np.where(curved, ahead, values), 0.0) if curved.any() else 1.0
            part = np.where(curved, searched, 1.0)
            change = np.max(np.abs(part * (ahead - values)), axis=0)
            coefficients = coefficients + part * (coefficients_ahead - coefficients)
            values = values + part * (ahead - values)
            largest = size + np.max(np.abs(values), axis=0)
            if np.all(change <= np.maximum(np.minimum(1e-12 * largest, _ROUGH * narrow), 4 * EPS * largest)):
                break
    curvature, targets = _parabolas(level, values)
    dual = curvature * (targets - values)
    for t, loss in enumerate(data.losses):
        if loss.name == "huber":
            inside = np.abs(np.nan_to_num(data.Y[:, t]) - values[:, t]) < level.losses[t].parameter
            dual[:, t] = _corrected(level, dual[:, t], inside & (data.weights[:, t] > 0), t)
            dual[:, t] *= loss.parameter / level.losses[t].parameter
    return Straight(coefficients, values, dual)


def best_affine(data: Data, lam: float) -> Fitted:
    """Return the best affine function as the fit that it is for large lam."""
    A, c = data.points.free_part(data.straight.coefficients)
    network = ReLUNetwork(np.zeros((0, A.shape[1])), np.zeros(0), np.zeros((len(c), 0)), A, c)
    dual, lower = _moved_into_domains(data, data.straight.dual, lam)
    objective = data.loss(network(data.points.X)[data.points.group])
    return Fitted(network, objective, min(lower, objective), dual, None, 1, "lam is far above lam_max")


def _widened(loss: Loss, width: float) -> Loss:
    return replace(loss, parameter=max(width, loss.parameter)) if loss.name == "huber" else loss


def _widths(data: Data, spread: float) -> list[float]:
    """Least deltas of one level after the other, for labels of that spread."""
    least = min((loss.parameter for loss in data.losses if loss.name == "huber"), default=math.inf)
    width, found = spread, []
    while width > max(least, _NARROWEST * spread):
        found.append(width)
        width *= _NARROWER
    return [*found, _NARROWEST * spread]


def _corrected(data: Data, dual: Array, inside: NDArray[np.bool_], t: int) -> Array:
    """Make the dual (N,) of a Huber output orthogonal to the free functions by moving entries that are inside its domain.

    Where delta is small they are differences of labels and fitted values that have lost their digits.
    """
    free, limit = data.points.affine[data.points.group], data.losses[t].parameter * data.weights[:, t]
    for _ in range(2):
        missing = free.T @ dual
        dual = dual.copy()
        dual[inside] -= np.linalg.lstsq(free[inside].T, missing, rcond=None)[0]
    return np.clip(dual, -limit, limit)


def largest_response(points: Points, dual: Array, deadline: float = np.inf) -> float:
    """Largest response of a neuron to a dual (N, T) by rows, as far as the search goes until the deadline."""
    if points.complement.shape[1] == 0:  # free functions have any values, and a dual at a right angle to them is 0
        return 0.0
    size = math.ldexp(1.0, math.frexp(float(np.max(np.abs(dual), initial=0.0)))[1])  # squares must stay in float64
    at_points = points.summed(dual / size)
    if at_points.shape[1] > len(at_points):
        at_points = np.asarray(np.linalg.qr(at_points.T, mode="r")).T
    cloud = points.cloud
    try:
        _, responses = cloud.search(at_points, exact=cloud.exact(at_points.shape[1]), deadline=deadline)
    except OutOfTime:
        _, responses = cloud.search(at_points, exact=False)
    return float(np.max(responses, initial=0.0)) * points.unit * size


def _step_length(data: Data, values: Array, price: float, ahead: Array, price_ahead: float) -> float:
    """Part of the way to go. Costs are convex: on the way it is at most the same part of the way between the two prices."""

    def objective(part: float) -> float:
        return data.loss(values + part * (ahead - values)) + price + part * (price_ahead - price)

    here, there = objective(0.0), objective(1.0)
    if there <= min(here, objective(1.0 - _CLOSE)):  # convex: lower nowhere before
        return 1.0
    found = minimize_scalar(objective, bounds=(0.0, 1.0), method="bounded", options={"xatol": _CLOSE})
    if there <= min(here, float(found.fun)):
        return 1.0
    return float(found.x) if found.fun < here else 0.0


def _parabolic_step(
    data: Data, lam: float, values: Array, tol: float, start: Start | None, options: Any
) -> Fitted:  # fmt: skip
    """Minimise with the parabolas at these values (N, T) in place of the losses."""
    curvature, targets = _parabolas(data, values, split=True)
    reduction = data.squared.at(lam) if data.squared else data.reduction(lam, curvature, targets)
    squares = reduction.squares
    if squares.affine:
        optimum, status = None, "tolerance reached"
        network, at_points = reduction.network(squares.cloud.random(1)[:0], []), np.zeros(reduction.labels.shape)
    else:
        optimum = generate(squares, tol, start=start, **options)
        network, at_points = reduction.network(optimum.neurons, optimum.V, optimum.spikes), reduction.dual(optimum.duals)
        status = optimum.status
    group = data.points.group
    share = np.divide(curvature, reduction.weights[group], out=np.zeros_like(curvature), where=curvature > 0)
    dual = curvature * (targets - reduction.labels[group]) + share * at_points[group]
    dual, lower = _moved_into_domains(data, dual, lam)
    objective = data.loss(network(data.points.X)[group]) + lam * cost(network, data.points.convention)
    return Fitted(network, objective, min(lower, objective), dual, optimum, 1, status)


def cost(network: ReLUNetwork, convention: Convention) -> float:
    """Sum of ||w|| ||v||, or of ||(w, b)|| ||v||."""
    return network.vv_norm_with_bias if convention.penalise_bias else network.vv_norm


def _parabolas(data: Data, values: Array, *, split: bool = False) -> tuple[Array, Array]:
    """Curvatures, weights included, and lowest points of parabolas that touch the losses at values (N, T).

    If `split`, the Huber loss is left to the reduced problem, which needs its parabola only.
    """
    curvature, targets = np.empty_like(values), np.empty_like(values)
    for t, loss in enumerate(data.losses):
        u, y = values[:, t], np.nan_to_num(data.Y[:, t])
        if loss.name == "logistic":
            h, slope = np.maximum(expit(u) * expit(-u), _FLAT), np.where(y > 0, -expit(-u), expit(u))
        elif loss.name == "huber" and not split:
            off = np.abs(u - y)
            h = np.divide(loss.parameter, off, out=np.ones_like(off), where=off > loss.parameter)
            slope = np.clip(u - y, -loss.parameter, loss.parameter)
        else:
            h, slope = np.ones_like(u), u - y
        curvature[:, t], targets[:, t] = data.weights[:, t] * h, u - slope / h
    return curvature, targets


def _moved_into_domains(data: Data, dual: Array, lam: float) -> tuple[Array, float]:
    """Move a dual (N, T) into the conjugates' domains, and return the bound on the objective that it gives.

    Each output goes as far towards the dual inside as it must: where classes are separated, that is all the way. Mixed in
    different parts, outputs may together respond by more than lam, though both duals do not; then all is shrunk, since 0 is
    in all domains.
    """
    present = data.weights > 0
    per_weight = np.divide(1.0, data.weights, out=np.zeros_like(dual), where=present)
    ratio, inside = dual * per_weight, (0.0 if data.inside is None else data.inside) * per_weight
    parts = np.zeros(len(data.losses))  # that the dual inside must have, so that all entries are within their domains
    for t, loss in enumerate(data.losses):
        low, high = _domain(loss, np.nan_to_num(data.Y[:, t]))
        out, within = ratio[:, t], inside[:, t]
        beyond = np.maximum(out - high, low - out)
        with np.errstate(divide="ignore", invalid="ignore"):
            needed = np.where(beyond > 0, beyond / np.abs(out - within), 0.0)
        parts[t] = np.max(needed)
    parts = np.minimum(parts * (1 + 4 * EPS), 1.0)
    ratio = (1 - parts) * ratio + parts * inside
    if np.ptp(parts) > 0:
        ratio *= min(1.0, lam / max(largest_response(data.points, ratio * data.weights), 1e-300))
    lower = 0.0
    for t, loss in enumerate(data.losses):
        on = present[:, t]
        lower += float(data.weights[on, t] @ _least(loss, ratio[on, t], data.Y[on, t]))
    return ratio * data.weights, lower


def _domain(loss: Loss, y: Array) -> tuple[Array, Array]:
    """Least and largest -loss'."""
    if loss.name == "logistic":
        return y - 1, y
    size = np.full(len(y), loss.parameter if loss.name == "huber" else np.inf)
    return -size, size


def _least(loss: Loss, slope: Array, y: Array) -> Array:
    """Return min over u of loss(u, y) + slope * u."""
    if loss.name == "logistic":
        p = np.clip(y - slope, 0.0, 1.0)
        return np.asarray(entr(p) + entr(1 - p))
    return np.asarray(slope * y - slope * slope / 2)
