"""The interval of values that one output takes at one point while the cost stays within a budget. Nothing is proved here.

Let phi(s) be the least cost (of a fit: the least objective) of networks with f_t(x) = s that solve the given problem
otherwise. phi is convex, so {s : phi(s) <= budget} is an interval. Each trial solves a problem with one more point: for
interpolation x has the label s; for fits it has a label beyond all others, and the weight w. Either way a trial yields a
network, hence a point on or above the graph of phi, and a dual array, hence a function below phi:

- interpolation: phi(s) >= <Lambda, Y> + Lambda_x s for all s, an affine function;
- fits: phi(s) >= L - w loss(s, y) for all s, where L bounds the objective with the further label y of weight w.

Where the lower function meets the budget is an outer end. Mixtures of a network below the budget and one above attain the
inner end: the cost of a mixture is at most the mean of the costs. Trials move along the power law through the last ones.
"""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vvnorm._internal.threads import one_blas_thread
from vvnorm.losses import Loss
from vvnorm.network import ReLUNetwork
from vvnorm.solvers.multivariate.affine_elimination import Convention, Inputs, Reduction
from vvnorm.solvers.multivariate.column_generation import ReducedGroup, WarmStart, feasible_weights, generate
from vvnorm.solvers.multivariate.convex_losses import cost
from vvnorm.solvers.multivariate.fits import FitProblem
from vvnorm.solvers.multivariate.interpolation import dual_by_rows, merged_labels
from vvnorm.solvers.multivariate.neuron_search import Neurons
from vvnorm.solvers.multivariate.spanning_tree_slopes import Slopes
from vvnorm.tolerances import EPS
from vvnorm.validation import Array, levels

_TRIALS = 12  # most trials for an end
_TIGHT = 0.03  # the search ends when inner and outer end differ by less, relative to the outer end's distance
_ACCURACY = 0.04  # gap of a trial, relative to the budget less the solution's cost
_FINEST, _COARSEST = 1e-10, 1e-5  # bounds on the relative gap of a trial
_SHRINK = 1 - 1e-9  # of mixtures: they stay within the budget after rounding
_BEYOND = 1.01  # trials aim at an excess slightly over the budget: then one trial gives both ends
_LEAST_EXCESS_OF_BUDGET = 1e-9  # a smaller one is the solver's rounding
_FURTHEST = 8.0  # factor from one trial to the next, at most
_USUAL = 0.3  # first step, in standard deviations of labels, for an excess of `_AT`
_AT = 1e-3
_ROUNDING = 16 * EPS  # of costs, relative
_LEAST_EXCESS = 1e-12
_STEEPEST = 30.0  # logistic loss: larger fitted values count as this one


@dataclass(frozen=True, eq=False)
class Trial:
    """The solution of a problem with one more label.

    Attributes
    ----------
    step : float
        What the search varies: the distance of the label from the solution's value; for fits the label's weight.
    value : float
        f_t(x).
    cost : float
        Cost or objective of the network, without the further label's loss.
    outer : float
        No network within the budget has a value beyond, as the solver sees it.
    network : ReLUNetwork
    dual : (N + 1, T) array
        By rows of the data, then the further point.
    label, weight : float
        Of the further point; the weight is 1 for interpolation.
    """

    step: float
    value: float
    cost: float
    outer: float
    network: ReLUNetwork
    dual: Array
    label: float
    weight: float


@dataclass(frozen=True, eq=False)
class Extreme:
    """One end of the interval: below `part` of `high` and the rest of `low` attains the inner end.

    Attributes
    ----------
    low, high : ReLUNetwork
    part : float
        Weight of `high`, from 0 to 1.
    outer : Trial or None
        The trial with the best outer end; None if none has any.
    trials : int
    step : float
        The last step: a first one for a similar search.
    """

    low: ReLUNetwork
    high: ReLUNetwork
    part: float
    outer: Trial | None
    trials: int
    step: float


class Base(NamedTuple):
    """A solution without a further point, its cost or objective, its dual array, and what similar problems start from."""

    network: ReLUNetwork
    cost: float
    dual: Array
    start: WarmStart | None


class ValueSearch(ABC):
    """Ends of the interval of one output at one point.

    Parameters
    ----------
    network : ReLUNetwork
        The solution.
    value, cost, budget : float
        Its value at the point, its cost or objective, and the largest cost allowed.
    """

    def __init__(self, network: ReLUNetwork, value: float, cost: float, budget: float) -> None:
        self.network, self.value, self.cost, self.budget = network, value, cost, budget
        self.start: WarmStart | None = None

    steps_are_distances = False

    @abstractmethod
    def trial(self, step: float, side: int) -> Trial:
        """Solve the problem with one more label, above (side 1) or below (side -1) the solution's value."""

    @abstractmethod
    def first_step(self, excess: float) -> float:
        """Return a typical first step for a relative excess."""

    def end(self, side: int, first: float) -> Extreme:
        """Search for an end; `first` is the first step."""
        spare = max(self.budget - self.cost, _LEAST_EXCESS_OF_BUDGET * self.budget)
        inside, inner, outside, best = 0.0, (self.network, self.network, 0.0), math.inf, None
        reach, step, trials, last = 0.0, first, 0, None
        low = self.network, 0.0, self.cost
        while True:
            trials += 1
            trial = self.trial(step, side)
            away, excess = side * (trial.value - self.value), trial.cost - self.cost
            if side * (trial.outer - self.value) < (math.inf if best is None else side * (best.outer - self.value)):
                best = trial
            if trial.cost <= self.budget * (1 + _ROUNDING):
                if away >= reach:
                    reach, inner = away, (trial.network, trial.network, 0.0)
                if away >= low[1]:
                    low = trial.network, away, trial.cost
            else:
                part = _SHRINK * (self.budget - low[2]) / (trial.cost - low[2])
                if low[1] + part * (away - low[1]) > reach:
                    reach, inner = low[1] + part * (away - low[1]), (low[0], trial.network, part)
            inside, outside = (max(inside, step), outside) if excess <= spare else (inside, min(outside, step))
            furthest = math.inf if best is None else side * (best.outer - self.value)
            if reach >= (1 - _TIGHT) * furthest or spare <= 0 or trials == _TRIALS:
                break
            # Where steps are distances, none need go beyond the outer end: at it, excess and budget nearly agree.
            most = min(outside, furthest) if self.steps_are_distances else outside
            step, last = self._next(step, excess, spare, last, inside, most), (step, excess)
        return Extreme(*inner, best, trials, step)

    @staticmethod
    def _next(
        step: float, excess: float, spare: float, last: tuple[float, float] | None, inside: float, outside: float
    ) -> float:
        """Next step, from the power law through the last two trials; between the steps that bracket the end."""
        power = 2.0
        if last is not None and excess > 0 and last[1] > 0 and step != last[0] and excess != last[1]:
            power = min(max(math.log(excess / last[1]) / math.log(step / last[0]), 1.0), 4.0)
        factor = _FURTHEST if excess <= 0 else (_BEYOND * spare / excess) ** (1 / power)
        ahead = step * min(max(factor, 1 / _FURTHEST), _FURTHEST)
        if inside < ahead < outside:
            return ahead
        if inside < outside < step:
            return outside
        return math.sqrt(inside * outside) if inside > 0 else outside / 2


def accuracy(spare: float, total: float) -> float:
    """Return the relative gap of a trial: a small part of the spare cost, relative to the total."""
    return min(max(_ACCURACY * spare / total, _FINEST), _COARSEST) if total > 0 else _COARSEST


def usual_distance(labels: Array, excess: float) -> float:
    """Return a typical change of an output with these labels (NaN = missing) for a relative excess."""
    spread = float(np.nanstd(labels)) or float(np.nanmax(np.abs(labels))) or 1.0
    return _USUAL * spread * math.sqrt(max(excess, _LEAST_EXCESS) / _AT)


# --- interpolation ----------------------------------------------------------------------------------------------------


class FurtherPoint:
    """Data and one more point, at which one output at a time has a label.

    Parameters
    ----------
    X, Y : (N, d) and (N, T) arrays
        NaN = missing; each point has a label.
    x : (d,) array
    convention : Convention
    """

    def __init__(self, X: Array, Y: Array, x: Array, convention: Convention) -> None:
        self.X, self.Y = np.vstack([X, x]), np.vstack([Y, np.full(Y.shape[1], np.nan)])
        self.points = Inputs(self.X, convention)
        self.level = levels(Y)
        self._slopes: dict[bytes, Slopes] = {}

    @property
    def place(self) -> int:
        """Index of the point among distinct points."""
        return int(self.points.group[-1])

    def rows(self, output: int) -> NDArray[np.intp]:
        """Distinct points at which the output has a label, the further one included."""
        present = self.points.summed(1.0 - np.isnan(self.Y[:, output]))
        present[self.place] = 1.0
        return np.flatnonzero(present)

    def slopes(self, output: int) -> Slopes:
        """Slopes between these points."""
        rows = self.rows(output)
        if rows.tobytes() not in self._slopes:
            self._slopes[rows.tobytes()] = Slopes.of(self.points.P[rows], self.points.affine[rows, 1:])
        return self._slopes[rows.tobytes()]

    def effect(self, output: int) -> Array:
        """Return the label 1 at the point less its best affine function, (n, 1)."""
        return self.slopes(output).reduced((self.rows(output) == self.place)[:, None].astype(np.float64))


class InterpolantValues(ValueSearch):
    """Ends for interpolants: see `ValueSearch`.

    Parameters
    ----------
    point : FurtherPoint
    output : int
    network, value, cost, budget
        As for `ValueSearch`.
    start : WarmStart, optional
        Of the problem without the point.
    """

    steps_are_distances = True

    def __init__(
        self,
        point: FurtherPoint,
        output: int,
        network: ReLUNetwork,
        value: float,
        cost: float,
        budget: float,
        start: WarmStart | None,
    ) -> None:
        super().__init__(network, value, cost, budget)
        self.point, self.output = point, output
        self._effect = point.effect(output)
        self.start = None if start is None else started(start, point.points)

    @cached_property
    def _reduction(self) -> Reduction:
        """Return the problem at the solution's value. The output's weight differs, so that it is a separate group."""
        point, t = self.point, self.output
        Y = point.Y.copy()
        Y[-1, t] = self.value
        weights, labels = merged_labels(point.points, Y)
        labels = np.where(weights > 0, labels - point.level, 0.0)
        weights[:, t] *= 2.0
        return Reduction(point.points, weights, labels, 0.0)

    @cached_property
    def _groups(self) -> tuple[list[ReducedGroup], ReducedGroup]:
        """Return the other outputs, and this output at the solution's value, even if its labels are affine there."""
        base, t = self._reduction, self.output
        others = [group for group in base.reduced_problem.output_groups if t not in group.outputs]
        rows, slopes = self.point.rows(t), self.point.slopes(t)
        Z = slopes.reduced(base.labels[rows, t : t + 1] / base.label_unit)
        own = ReducedGroup(rows, np.array([t]), slopes.basis, Z, np.eye(1), np.empty((len(Z), 0)), slopes)
        return others, own

    def first_step(self, excess: float) -> float:
        """Return the usual distance."""
        return usual_distance(self.point.Y[:, self.output], excess)

    def _at(self, value: float) -> Reduction:
        base, (others, own) = self._reduction, self._groups
        labels = base.labels.copy()
        labels[self.point.place, self.output] += value - self.value
        moved = own._replace(Z=own.Z + (value - self.value) / base.label_unit * self._effect)
        return base.with_labels(labels, [*others, moved])

    def trial(self, step: float, side: int) -> Trial:
        """Solve with the label at a distance `step`."""
        point, value = self.point, self.value + side * step
        reduction = self._at(value)
        problem = reduction.reduced_problem
        with one_blas_thread():
            optimum = generate(problem, accuracy(self.budget - self.cost, self.budget), start=self.start)
        self.start = optimum.start
        network = reduction.network(optimum.neurons, feasible_weights(problem, optimum)).raised(point.level)
        Y = point.Y.copy()
        Y[-1, self.output] = value
        dual = dual_by_rows(point.points, reduction.dual(optimum.duals), Y)
        own_cost = cost(network, point.points.convention)
        lower, slope = optimum.lower * reduction.objective_unit, side * dual[-1, self.output] / point.points.unit
        outer = value + side * (self.budget - lower) / slope if slope > 0 else side * math.inf
        return Trial(step, value, own_cost, outer, network, dual, value, 1.0)


def started(neurons: WarmStart, points: Inputs) -> WarmStart | None:
    """Neurons of a problem without the last point, and kinks through that point; None if coordinates differ."""
    search, K = points.neuron_search, len(neurons.neurons)
    if neurons.neurons.w.shape[1] != points.P.shape[1]:
        return None
    planar = search.anchored and search.dimension == 2
    new = search.through_point(int(points.group[-1])) if planar else search.random(1)
    eta = neurons.eta[:K]
    small = 1e-3 * float(eta.mean())
    return WarmStart(Neurons.joined([neurons.neurons, new]), np.append(eta, np.full(len(new), small)), neurons.duals)


def base_interpolant(X: Array, Y: Array, convention: Convention, tol: float) -> Base | None:
    """Solve the problem without a further point; None where labels are affine, or the points lie in a subspace."""
    points = Inputs(X, convention)
    if points.flat:
        return None
    weights, labels = merged_labels(points, Y)
    reduction = Reduction(points, weights, np.where(weights > 0, labels - levels(Y), 0.0), 0.0)
    if reduction.reduced_problem.affine:
        return None
    with one_blas_thread():
        optimum = generate(reduction.reduced_problem, tol)
    network = reduction.network(optimum.neurons, feasible_weights(reduction.reduced_problem, optimum)).raised(levels(Y))
    dual = dual_by_rows(points, reduction.dual(optimum.duals), Y) / points.unit
    return Base(network, cost(network, convention), dual, optimum.start)


# --- fits -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class FitData:
    """A fit's problem: data (N, d), (N, T), weights (N, T), losses, lam and convention."""

    X: Array
    Y: Array
    weights: Array
    losses: tuple[Loss, ...]
    lam: float
    convention: Convention

    def objective(self, network: ReLUNetwork) -> float:
        """Losses of a network, plus lam times its cost."""
        U, present = network(self.X), self.weights > 0
        columns = zip(self.losses, self.weights.T, U.T, np.nan_to_num(self.Y).T, present.T, strict=True)
        lost = sum(float(w[on] @ loss.value(u[on], y[on])) for loss, w, u, y, on in columns)
        return lost + self.lam * cost(network, self.convention)

    def base(self, tol: float) -> "Base":
        """Solve it."""
        network, dual, _, start = self.solve(tol, None)
        return Base(network, self.objective(network), dual, start)

    def with_label(self, x: Array, output: int, label: float, weight: float) -> "FitData":
        """The data and one more point, with a label in one output."""
        Y, weights = np.full((2, 1, self.Y.shape[1]), np.nan)
        Y[0, output], weights[0] = label, 0.0
        weights[0, output] = weight
        X = np.vstack([self.X, x])
        return replace(self, X=X, Y=np.vstack([self.Y, Y]), weights=np.vstack([self.weights, weights]))

    def solve(self, tol: float, start: WarmStart | None) -> tuple[ReLUNetwork, Array, float, WarmStart | None]:
        """Return a network, a dual array, the solver's lower bound on the objective, and a start."""
        problem = FitProblem(self.X, self.Y, self.weights, self.losses, self.convention)
        solved, start = problem.solve(self.lam, tol, start=start)
        network = solved.network
        if (space := solved.space) is not None:  # the points lie in a subspace, and the network takes coordinates there
            W, A = network.W @ space.axes.T, network.A @ space.axes.T
            network = ReLUNetwork(W, network.b - W @ space.centre, network.V, A, network.c - A @ space.centre)
            start = None
        return network, solved.dual, solved.history[-1][1] if solved.history else 0.0, start


class FitValues(ValueSearch):
    """Ends for fits: see `ValueSearch`; the further label is beyond all others, and its weight is varied."""

    def __init__(
        self,
        data: FitData,
        x: Array,
        output: int,
        network: ReLUNetwork,
        value: float,
        cost: float,
        budget: float,
        start: WarmStart | None,
    ) -> None:
        super().__init__(network, value, cost, budget)
        self.data, self.x, self.output, self.start = data, x, output, start
        self.loss = data.losses[output]

    def first_step(self, excess: float) -> float:
        """Return the weight that moves the output by the usual distance, if the objective is quadratic."""
        slope = abs(self.label(1) - self.value)
        if self.loss.name == "logistic":
            slope = 1 / (1 + math.exp(min(abs(self.value), _STEEPEST)))
        elif self.loss.name == "huber":
            slope = min(slope, self.loss.parameter)
        known = np.where(self.data.weights[:, self.output] > 0, self.data.Y[:, self.output], np.nan)
        return 2 * max(self.budget - self.cost, _FINEST * self.budget) / (slope * usual_distance(known, excess))

    def label(self, side: int) -> float:
        """Return the further label on a side: a class, or a label that is beyond all others."""
        if self.loss.name == "logistic":
            return float(side > 0)
        known = self.data.Y[self.data.weights[:, self.output] > 0, self.output]
        return self.value + side * (float(np.ptp(known)) + float(np.max(np.abs(known - self.value))) or 1.0)

    def trial(self, step: float, side: int) -> Trial:
        """Solve with a further label of weight `step`."""
        label = self.label(side)
        data = self.data.with_label(self.x, self.output, label, step)
        total = self.budget + step * self._lost(self.value, label)
        network, dual, lower, self.start = data.solve(accuracy(self.budget - self.cost, total), self.start)
        value = float(network(self.x[None])[0, self.output])
        outer = outer_value(self.loss, (lower - self.budget) / step, label, side)
        return Trial(step, value, self.data.objective(network), outer, network, dual, label, step)

    def _lost(self, value: float, label: float) -> float:
        return float(self.loss.value(np.array([value]), np.array([label]))[0])


def outer_value(loss: Loss, lost: float, label: float, side: int) -> float:
    """Return the value below a label (above it for side -1) at which the loss is `lost`; infinite if there is none."""
    if not lost > 0:
        return side * math.inf
    if loss.name == "squared":
        return label - side * math.sqrt(2 * lost)
    if loss.name == "huber":
        delta = loss.parameter
        return label - side * (math.sqrt(2 * lost) if lost <= delta * delta / 2 else lost / delta + delta / 2)
    # log(1 + exp(-side s)) = lost
    return -side * (lost + math.log(-math.expm1(-lost)))
