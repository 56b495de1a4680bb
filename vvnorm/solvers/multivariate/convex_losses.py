"""Fits with smooth losses.

Squared losses lead to a single reduced problem. So does Huber's loss, since it is the minimum of (u + e - y)^2 / 2 + delta
|e| over e: a penalised column for each label. The logistic loss is replaced, at the values of a network, by a parabola with
the same slope and curvature (Newton's method). The reduced problem over all neurons starts from the solution of its
predecessor. A line search along the step minimises the objective, where convexity bounds the cost in between. The first
network is the best affine function, so that no fit is worse.

*Parabolas.* Far on the wrong side of a class boundary the loss is nearly linear. The parabola with the loss's curvature
then has its minimum far away and far below 0, and a solution that is accurate relative to this minimum may be inaccurate
for the loss. So parabolas have at least the curvature slope^2 / (2 loss), with which they are not negative. The objective
of the reduced problem is then at most the true objective, and its relative accuracy is the accuracy of the fit.

The dual array of the least-squares problem is divided among equal inputs in proportion to curvature, and moved into the
conjugates' domains (towards the dual array of the best affine fit). It bounds the objective from below:

    sum over labels of  min_u [ weight * loss(u, y) + Lambda u ].
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from vvnorm._internal.deadline import TIME_LIMIT
from vvnorm._internal.units import power_of_two_above
from vvnorm.losses import Loss
from vvnorm.network import ReLUNetwork
from vvnorm.solvers.multivariate.affine_elimination import Convention, Inputs, Reduction
from vvnorm.solvers.multivariate.column_generation import Optimum, WarmStart, generate, in_units
from vvnorm.solvers.multivariate.neuron_search import OutOfTime
from vvnorm.tolerances import EPS
from vvnorm.validation import Array

SMOOTH = ("squared", "logistic", "huber")
_STEPS = 200
_INNER = 0.1  # accuracy of a least-squares problem, relative to the gap and to the progress of the last step
_LEAST_ACCURACY = 1e-2  # least accuracy of a least-squares problem, relative to the tolerance
_LEAST_PROGRESS = 1e-13
_CLOSE = 1e-3  # relative accuracy of the length of a step
_NEAREST = 1e-16  # a shorter step, relative to the full step, counts as none
_ARMIJO = 0.1  # a whole step is taken if it gains this part of the first-order gain
_FLAT = 1e-12  # least curvature of a logistic loss, relative to the largest weighted curvature of the output
_LEAST_PART = 1e-2  # least curvature after whole steps, relative to the curvature with which parabolas are not negative
_NOTHING = 1e-14  # mean logistic loss below which classes are separated: margins of 32
_SETTLED = 1e-24  # relative gain of the loss below which a search ends: values then change by 1e-12 relatively
_UNDERFLOW = 1e-300  # smaller losses count as 0
_MOVED = 0.5  # part of an entry's distance from the ends of its domain by which it may move
_ORTHOGONAL = 1e-12  # a smaller relative product of a dual array and a free function is rounding
_NARROWER = 0.2  # factor of the deltas of Huber losses from one level to the next
_NARROWEST = 1e-10  # a smaller delta, relative to the labels' spread, changes no digit of the best affine function
_ROUGH = 1e-3  # accuracy of a level, relative to its delta


@dataclass(frozen=True, eq=False)
class Data:
    """Labels by rows, for smooth losses; inputs may be equal.

    Attributes
    ----------
    points : Inputs
        Equal points are not merged where there is a Huber loss: a sum of such losses is not a Huber loss.
    Y : (N, T) array
        Canonical labels; NaN = missing.
    weights : (N, T) array
        0 where labels are missing.
    losses : tuple of T Loss
    """

    points: Inputs
    Y: Array
    weights: Array
    losses: tuple[Loss, ...]
    inside: Array | None = None
    """A feasible dual (N, T) inside the domains of all conjugates."""

    @property
    def direct(self) -> bool:
        """Whether the fit is equivalent to a single reduced problem."""
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
        """The reduced problem, up to lam, if all losses are squared."""
        if any(loss.name != "squared" for loss in self.losses):
            return None
        return replace(self.reduction(1.0, self.weights, np.nan_to_num(self.Y)), limits=None)

    @cached_property
    def affine_fit(self) -> "AffineFit":
        """The best affine fit."""
        return fit_affine(self)

    def with_inside(self, inside: Array) -> "Data":
        """The same data with a dual array inside the domains; the affine fit, which does not depend on it, is kept."""
        data = replace(self, inside=inside)
        data.__dict__["affine_fit"] = self.affine_fit
        return data

    def fitted(self, network: ReLUNetwork) -> Array:
        """Values (N, T) of a network."""
        return network(self.points.X)[self.points.group]

    def loss(self, U: Array) -> float:
        """Weighted sum of losses at values U (N, T)."""
        return float(sum(self.weights[:, t] @ loss.value(U[:, t], self.Y[:, t]) for t, loss in enumerate(self.losses)))


@dataclass(frozen=True, eq=False)
class Fitted:
    """A network, its objective, a dual array (N, T) by rows, and the history of the solver."""

    network: ReLUNetwork
    objective: float
    lower: float
    dual: Array
    optimum: Optimum | None
    """None for affine fits."""
    steps: int
    status: str
    history: Sequence[tuple[float, float]] = ()
    """Bounds on the objective: after each round, or after each step where there are logistic losses."""

    @property
    def gap(self) -> float:
        """(objective - lower) / objective."""
        return (self.objective - self.lower) / self.objective if self.objective > 0 else 0.0

    @property
    def start(self) -> WarmStart | None:
        """A start for a similar problem."""
        return None if self.optimum is None else self.optimum.start


def fit_losses(
    data: Data, lam: float, tol: float, start: WarmStart | None = None, *, max_iter: int | None = None, **options: Any
) -> Fitted:  # fmt: skip
    """Minimise the sum of losses plus lam times the cost.

    Parameters
    ----------
    data : Data
    lam : float
        Positive.
    tol : float
        Relative gap at which to stop.
    start : WarmStart, optional
        From a similar problem.
    max_iter : int, optional
        Most rounds of column generation, of all steps together.
    **options
        `deadline` of `generate`; `callback`, called after each round, or after each step
        where there are logistic losses, with the number of rounds and the bounds on the objective.
    """
    callback = options.pop("callback", None)
    if data.direct:
        options |= {"max_iter": max_iter, "callback": callback}
        trial = _parabolic_step(data, lam, np.nan_to_num(data.Y), tol, start, options)
        affine = _affine_network(data)
        objective = _objective(data, lam, affine)
        return trial if trial.objective <= objective else replace(trial, network=affine, objective=objective)
    data = data.with_inside(_inside(data, lam, options.get("deadline", np.inf)))
    best, accuracy, part, rounds = _affine_start(data, lam), _INNER, 1.0, 0
    for step in range(1, _STEPS + 1):
        options["max_iter"] = None if max_iter is None else max_iter - rounds
        values = data.fitted(best.network)
        trial = _parabolic_step(data, lam, values, accuracy * part, start, options, part)
        start, before = trial.start, best.objective
        rounds += 0 if trial.optimum is None else trial.optimum.rounds
        network, objective, whole = _advanced(data, lam, best, trial)
        part = max(part / 10, _LEAST_PART) if whole else min(10 * part, 1.0)
        dual, lower = max((best.dual, best.lower), (trial.dual, trial.lower), key=lambda pair: pair[1])
        history = [*best.history, (objective, min(lower, objective))]
        best = replace(trial, network=network, objective=objective, dual=dual, lower=lower, steps=step, history=history)
        if callback:
            callback(rounds, *history[-1])
        if best.gap <= tol or trial.status == TIME_LIMIT:
            return best
        if max_iter is not None and rounds >= max_iter:
            return replace(best, status="round limit")
        # The gain of a step must exceed the error of the next least-squares problem.
        progress = 1 - objective / before if before > 0 else 0.0
        if progress < _LEAST_PROGRESS and accuracy <= _LEAST_ACCURACY * tol:
            return replace(best, status="rounding is the limit")
        accuracy = max(_INNER * min(best.gap, max(progress, accuracy / 10)), _LEAST_ACCURACY * tol)
    return replace(best, status="step limit")


@dataclass(frozen=True, eq=False)
class AffineFit:
    """The best affine fit: coefficients (q, T), values (N, T), and the dual (N, T), minus the slopes of the losses."""

    coefficients: Array
    values: Array
    dual: Array


def fit_affine(data: Data) -> AffineFit:
    """Fit affine functions (constants, without a skip connection) by Newton steps, with line searches for logistic losses.

    Huber losses start with a delta so large that they are squared losses; delta then decreases to its value. Their
    parabolas are upper bounds, so that no line search is needed, for which differences of losses would have too few
    digits. Steps with them converge slowly, but soon have the minimiser's set of labels within delta. Then
    `_huber_minimiser` ends the search. A delta far below the labels' digits gives the absolute loss.
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
            for t in np.flatnonzero(np.isfinite(narrow)).tolist():
                minimiser = _huber_minimiser(level, ahead[:, t], t)
                if minimiser is not None:
                    coefficients_ahead[:, t] = minimiser
                    ahead[:, t] = data.points.affine[data.points.group] @ minimiser
            part = np.array([_part_of_output(level, values, ahead, t) if curved[t] else 1.0 for t in range(len(curved))])
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
    return AffineFit(coefficients, values, dual)


def _huber_minimiser(data: Data, values: Array, t: int) -> Array | None:
    """Return the coefficients (q,) of the best affine function of a Huber output, if values (N,) are close to its values.

    The loss is minimised as if the labels that are within delta of the values remained so, and the others remained on
    their sides: a linear problem. If they do remain so at its solution, this is a minimiser of the loss; else None. Also
    None if the labels within delta do not determine an affine function.
    """
    counts = data.weights[:, t] > 0
    free, y = data.points.affine[data.points.group][counts], data.Y[counts, t]
    omega, delta = data.weights[counts, t], data.losses[t].parameter
    side = np.where(np.abs(y - values[counts]) < delta, 0.0, np.sign(y - values[counts]))
    inside = side == 0
    if inside.sum() < free.shape[1]:
        return None
    root, middle = np.sqrt(omega[inside])[:, None], y[inside].mean()
    matrix, outer = root * free[inside], (delta * omega * side) @ free
    shift = np.linalg.lstsq(matrix.T, outer, rcond=None)[0]
    minimiser, _, rank, _ = np.linalg.lstsq(matrix, root[:, 0] * (y[inside] - middle) + shift, rcond=None)
    minimiser[0] += middle
    off = y - free @ minimiser
    if rank < free.shape[1] or not np.array_equal(np.where(np.abs(off) < delta, 0.0, np.sign(off)), side):
        return None
    return np.asarray(minimiser)


def best_affine(data: Data, lam: float) -> Fitted:
    """Return the best affine function, which is the fit for large lam."""
    network = _affine_network(data)
    dual, lower = _moved_into_domains(data, data.affine_fit.dual, lam)
    objective = _objective(data, lam, network)
    return Fitted(network, objective, min(lower, objective), dual, None, 1, "lam is far above lam_max")


def _part_of_output(data: Data, values: Array, ahead: Array, t: int) -> float:
    """Return the step length of one output that minimises the loss between values (N, T); 0 if the gain is negligible.

    Otherwise steps for separated classes would never end.
    """
    change, y, omega = ahead[:, t] - values[:, t], np.nan_to_num(data.Y[:, t]), data.weights[:, t]

    def slope(part: float) -> float:
        return -float((omega * change) @ data.losses[t].formulas.neg_gradient(values[:, t] + part * change, y))

    lost = float(omega @ data.losses[t].value(values[:, t], y))
    if lost <= _NOTHING * float(omega.sum()) or -slope(0.0) <= _SETTLED * lost:
        return 0.0
    return _step_length(slope)


def _affine_network(data: Data) -> ReLUNetwork:
    A, c = data.points.free_part(data.affine_fit.coefficients)
    return ReLUNetwork(np.zeros((0, A.shape[1])), np.zeros(0), np.zeros((len(c), 0)), A, c)


def _affine_start(data: Data, lam: float) -> Fitted:
    """Return the best affine function with the bound from its dual array, moved into the domains."""
    assert data.inside is not None
    network = _affine_network(data)
    objective, (dual, lower) = _objective(data, lam, network), _moved_into_domains(data, data.inside, lam)
    return Fitted(network, objective, min(lower, objective), dual, None, 0, "")


def _inside(data: Data, lam: float, deadline: float) -> Array:
    """Return the dual array (N, T) of the best affine functions of logistic outputs, scaled to be feasible for lam."""
    inside: Array = data.affine_fit.dual * [loss.name == "logistic" for loss in data.losses]
    return inside * min(1.0, lam / max(largest_response(data.points, inside, deadline), 1e-300))


def _widened(loss: Loss, width: float) -> Loss:
    return replace(loss, parameter=max(width, loss.parameter)) if loss.name == "huber" else loss


def _widths(data: Data, spread: float) -> list[float]:
    """Least deltas of one level after the other, for labels of that spread."""
    least = min((loss.parameter for loss in data.losses if loss.name == "huber"), default=math.inf)
    width, widths = spread, []
    while width > max(least, _NARROWEST * spread):
        widths.append(width)
        width *= _NARROWER
    return [*widths, _NARROWEST * spread]


def _corrected(data: Data, dual: Array, inside: NDArray[np.bool_], t: int) -> Array:
    """Make the dual (N,) of a Huber output orthogonal to the free functions by moving entries that are inside its domain.

    For a small delta these entries are differences of labels and fitted values with few correct digits.
    """
    free, limit = data.points.affine[data.points.group], data.losses[t].parameter * data.weights[:, t]
    for _ in range(2):
        missing = free.T @ dual
        dual = dual.copy()
        dual[inside] -= np.linalg.lstsq(free[inside].T, missing, rcond=None)[0]
    return np.clip(dual, -limit, limit)


def largest_response(points: Inputs, dual: Array, deadline: float = np.inf) -> float:
    """Return the largest response of a neuron to a dual array (N, T) by rows; a lower bound at the deadline."""
    if points.complement.shape[1] == 0:  # affine functions attain all values, so that an orthogonal dual array is 0
        return 0.0
    size = power_of_two_above(float(np.max(np.abs(dual), initial=0.0)))  # squares must stay in float64
    at_points = points.summed(dual / size)
    if at_points.shape[1] > len(at_points):
        at_points = np.asarray(np.linalg.qr(at_points.T, mode="r")).T
    neuron_search = points.neuron_search
    try:
        _, responses = neuron_search.search(at_points, exact=neuron_search.exact(at_points.shape[1]), deadline=deadline)
    except OutOfTime:
        _, responses = neuron_search.search(at_points, exact=False)
    return float(np.max(responses, initial=0.0)) * points.unit * size


def _advanced(data: Data, lam: float, best: Fitted, trial: Fitted) -> tuple[ReLUNetwork, float, bool]:
    """Minimise the objective between the best network and the trial.

    Returns the network, its objective, and whether the whole step was taken.
    """
    values, ahead = data.fitted(best.network), data.fitted(trial.network)
    dearer = lam * (cost(trial.network, data.points.convention) - cost(best.network, data.points.convention))

    def slope(part: float) -> float:
        """Derivative of an upper bound: by convexity costs between two networks are at most interpolated linearly."""
        return float(np.sum(_slopes(data, values + part * (ahead - values)) * (ahead - values))) + dearer

    if trial.objective <= best.objective + _ARMIJO * min(slope(0.0), 0.0):
        return trial.network, trial.objective, True
    between = _between(best.network, trial.network, _step_length(slope))
    objective = _objective(data, lam, between)
    if trial.objective <= min(objective, best.objective):
        return trial.network, trial.objective, False
    return (between, objective, False) if objective < best.objective else (best.network, best.objective, False)


def _between(f: ReLUNetwork, g: ReLUNetwork, part: float) -> ReLUNetwork:
    """Return (1 - part) f + part g; neurons of both networks are merged."""
    W, V = np.vstack([f.W, g.W]), np.hstack([(1 - part) * f.V, part * g.V])
    kinks, place = np.unique(np.column_stack([W, np.concatenate([f.b, g.b])]), axis=0, return_inverse=True)
    joined = np.zeros((len(kinks), len(V)))
    np.add.at(joined, place.ravel(), V.T)
    A, c = (1 - part) * f.A + part * g.A, (1 - part) * f.c + part * g.c
    return ReLUNetwork(kinks[:, :-1], kinks[:, -1], joined.T, A, c)


def _step_length(slope: Callable[[float], float]) -> float:
    """Return the minimiser in [0, 1] of a convex function, from its derivative."""
    if slope(1.0) <= 0:
        return 1.0
    above = 1.0
    while slope(above / 10) > 0:
        above /= 10
        if above < _NEAREST:
            return 0.0
    return float(brentq(slope, above / 10, above, xtol=_CLOSE * above))


def _parabolic_step(
    data: Data, lam: float, values: Array, tol: float, start: WarmStart | None, options: Any, part: float = 1.0
) -> Fitted:  # fmt: skip
    """Minimise with the parabolas at these values (N, T) in place of the losses; `part` as in `_parabolas`."""
    curvature, targets = _parabolas(data, values, part, split=True)
    reduction = data.squared.at(lam) if data.squared else data.reduction(lam, curvature, targets)
    reduced_problem = reduction.reduced_problem
    if reduced_problem.affine:
        optimum, status = None, "tolerance reached"
        network, at_points = (
            reduction.network(reduced_problem.neuron_search.random(1)[:0], []),
            np.zeros(reduction.labels.shape),
        )
    else:
        options = {**options, "callback": in_units(options.get("callback"), reduction.objective_unit)}
        optimum = generate(reduced_problem, tol, start=start, **options)
        network, at_points = reduction.network(optimum.neurons, optimum.V, optimum.spikes), reduction.dual(optimum.duals)
        status = optimum.status
    group = data.points.group
    share = np.divide(curvature, reduction.weights[group], out=np.zeros_like(curvature), where=curvature > 0)
    dual = curvature * (targets - reduction.labels[group]) + share * at_points[group]
    dual, lower = _moved_into_domains(data, dual, lam)
    objective = _objective(data, lam, network)
    unit = reduction.objective_unit
    history = [] if optimum is None else [(upper * unit, lower * unit) for upper, lower in optimum.history]
    return Fitted(network, objective, min(lower, objective), dual, optimum, 1, status, history)


def _objective(data: Data, lam: float, network: ReLUNetwork) -> float:
    return data.loss(data.fitted(network)) + lam * cost(network, data.points.convention)


def cost(network: ReLUNetwork, convention: Convention) -> float:
    """Sum of ||w|| ||v||, or of ||(w, b)|| ||v||."""
    return network.vv_norm_with_bias if convention.penalise_bias else network.vv_norm


def _parabolas(data: Data, values: Array, part: float = 1.0, *, split: bool = False) -> tuple[Array, Array]:
    """Return curvatures, weights included, and minimisers of parabolas that touch the losses at values (N, T).

    Those of logistic losses have the loss's own curvature, but at least this part of the curvature with which they are not
    negative: their lowest values are at least (1 - 1 / part) times the loss. If `split`, the Huber loss is left to the
    reduced problem, which needs its parabola only.
    """
    curvature, targets = np.empty_like(values), np.empty_like(values)
    for t, loss in enumerate(data.losses):
        u, y = values[:, t], np.nan_to_num(data.Y[:, t])
        slope, h = -loss.formulas.neg_gradient(u, y), np.ones_like(u)
        if loss.name == "logistic":
            positive = slope * (slope / np.maximum(2 * loss.value(u, y), _UNDERFLOW))
            h = np.maximum(loss.formulas.curvature(u, y), part * positive)
            least = _FLAT * float(np.max(data.weights[:, t] * h))
            h = np.maximum(h, np.divide(least, data.weights[:, t], out=np.ones_like(u), where=data.weights[:, t] > 0))
        elif loss.name == "huber":
            off = np.abs(u - y)
            if split:
                slope = u - y
            else:
                h = np.divide(loss.parameter, off, out=h, where=off > loss.parameter)
        curvature[:, t], targets[:, t] = data.weights[:, t] * h, u - slope / h
    return curvature, targets


def _slopes(data: Data, values: Array) -> Array:
    """Derivatives (N, T) of the weighted losses at values (N, T)."""
    columns = zip(data.losses, values.T, np.nan_to_num(data.Y).T, strict=True)
    return -data.weights * np.column_stack([loss.formulas.neg_gradient(u, y) for loss, u, y in columns])


def _moved_into_domains(data: Data, dual: Array, lam: float) -> tuple[Array, float]:
    """Move a dual (N, T) into the conjugates' domains, and return the bound on the objective that it gives.

    The better of two ways is used. In the first, each output moves towards the dual array inside as far as necessary; for
    separated classes this is the whole way. In the second, parts outside are cut off, and entries inside compensate for
    them; this moves less if the dual array inside is itself at an end of a domain.
    """
    present = data.weights > 0
    per_weight = np.divide(1.0, data.weights, out=np.zeros_like(dual), where=present)
    ratio, inside = dual * per_weight, (0.0 if data.inside is None else data.inside) * per_weight
    domains = [loss.formulas.domain(np.nan_to_num(y)) for loss, y in zip(data.losses, data.Y.T, strict=True)]
    low, high = (np.where(present, np.column_stack(ends), 0.0) for ends in zip(*domains, strict=True))
    beyond = np.maximum(ratio - high, low - ratio)
    if not (beyond > 0).any():
        return dual, _bound(data, ratio)
    moved = _towards(data, ratio, inside, beyond, lam)
    lower = _bound(data, moved)
    cut = _cut_off(data, ratio, low, high)
    if cut is not None and _bound(data, cut) > lower:
        cut = _within(data, cut, lam)
        if _bound(data, cut) > lower:
            moved, lower = cut, _bound(data, cut)
    return moved * data.weights, lower


def _towards(data: Data, ratio: Array, inside: Array, beyond: Array, lam: float) -> Array:
    """Move a dual array per weight (N, T), `beyond` its domains, towards the array inside, each output as far as necessary.

    Since outputs move by different parts, a neuron's response may exceed lam although it does not for both arrays. Then the
    array is scaled down, since 0 is in all domains.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        needed = np.where(beyond > 0, beyond / np.abs(ratio - inside), 0.0)
    parts = np.minimum(np.max(needed, axis=0) * (1 + 4 * EPS), 1.0)
    mixed: Array = (1 - parts) * ratio + parts * inside
    return _within(data, mixed, lam) if np.ptp(parts) > 0 else mixed


def _cut_off(data: Data, ratio: Array, low: Array, high: Array) -> Array | None:
    """Clip a dual array per weight (N, T) at the ends of its domains, and make it orthogonal to the free functions again.

    Each entry moves by an affine function times its distance from the nearest end. None if the move is too large.
    """
    cut, B = np.clip(ratio, low, high), data.points.affine[data.points.group]
    for t in np.flatnonzero(np.any(cut != ratio, axis=0)):
        omega = data.weights[:, t]
        for _ in range(2):
            missing, distance = B.T @ (omega * cut[:, t]), np.minimum(cut[:, t] - low[:, t], high[:, t] - cut[:, t])
            part = B @ np.linalg.lstsq(B.T @ ((omega * distance)[:, None] * B), missing, rcond=EPS)[0]
            if not np.max(np.abs(part)) <= _MOVED:
                return None
            cut[:, t] -= part * distance
        if np.any(np.abs(B.T @ (omega * cut[:, t])) > _ORTHOGONAL * (np.abs(B).T @ (omega * np.abs(cut[:, t])))):
            return None
    return cut


def _within(data: Data, ratio: Array, lam: float) -> Array:
    """Shrink a dual per weight (N, T) until no neuron responds by more than lam."""
    return ratio * min(1.0, lam / max(largest_response(data.points, ratio * data.weights), 1e-300))


def _bound(data: Data, ratio: Array) -> float:
    """Lower bound on the objective from a dual per weight (N, T) in its domains."""
    total = 0.0
    for loss, omega, r, y in zip(data.losses, data.weights.T, ratio.T, data.Y.T, strict=True):
        counts = omega > 0
        total += float(omega[counts] @ loss.formulas.neg_conjugate(r[counts], y[counts]))
    return total
