"""Pareto fronts: the best compromises between tasks that share one network of a given VV norm, with proofs.

The loss of a network f on task t is

    L_t(f) = sum over present labels of the task's outputs of weight * loss(f(x_i), y_i),

and its VV norm is at most a budget C. All L_t and VV are convex in the function. A network is Pareto optimal if no other
network is better in one task and no worse in the others. So every Pareto optimal network minimises sum_t a_t L_t subject to
VV <= C for some weights a >= 0 of the tasks (claim `multi_objective`). Such weights are called a mixture, and
`pareto_front` finds a point of the front for each mixture.

*The search.* The multiplier of the budget is a lam at which the fit with task weights a costs C. The cost of fits falls as
lam grows, so such a lam can be bracketed. The next lam comes in turn from the tangents of the dual function at both ends of
the bracket and from a power law through the costs there. Where fits are not unique, their cost may jump over C. Therefore
the point is a convex combination, in function space, of the two fits whose costs enclose C: a network that has the neurons
of both and costs C or less.

*The proof.* Suppose B is a certified lower bound, over all networks, on a.L + lam VV for some lam. Networks of cost V have

    a.L >= B - lam V.

At V = C this half-space contains the front; its boundary touches the front where the gap is 0. B comes from
`vvnorm.verifier.check.certify_fit`, which shares no code with the solver. The gap of a point is

    (a.L - bound) / (a.L + lam C),

where `bound` is the bound on a.L, and the denominator is the value of the weighted problem at C. That value is never above
the loss a.L of the best affine network, and, unlike a.L, it does not vanish where the budget suffices for interpolation.
(If an affine function fits all tasks of the mixture, or separates their classes so that the infimum of a logistic loss is
0, the loss of a constant replaces the affine loss.) To ensure this, `vvnorm.verifier.front` counts lam C only up to the
proved affine loss.

*Four and more inputs.* There no exact search over all neurons is affordable. The search then relies on the solver's
estimates, and a bound is proved only for the last fit of each mixture; `gaps` bounds its distance from the optimum.

*Time limit.* When time is over, the points of the remaining mixtures are the best affine function, with bounds of 0.

*Weakly Pareto optimal points.* Where a_t = 0, every network that is best for the other tasks minimises the weighted sum.
Here task t gets its best affine function (a constant, without a skip connection), which costs nothing. This is the limit of
a_t -> 0 if the best network of the other tasks is unique and uses up the budget. Otherwise the rest of the budget is not
spent on task t, and another network may be better in t and no worse in the others.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations, product
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vvnorm._internal.deadline import TIME_LIMIT, Deadline, as_time_limit
from vvnorm._internal.drawing import Displayed, draw_on
from vvnorm._internal.progress import steps_shown
from vvnorm._internal.words import count, lines
from vvnorm.api.fits import warm_fits
from vvnorm.api.interpolation import interpolate
from vvnorm.float64 import as_float64
from vvnorm.losses import LossLike, fit_labels
from vvnorm.multitask.tasks import TaskLike, as_tasks
from vvnorm.network import ReLUNetwork, row_norms
from vvnorm.results.univariate_fit import Fit
from vvnorm.solvers.univariate.fits.constant_fit import best_constant
from vvnorm.tolerances import GAP
from vvnorm.validation import (
    Array,
    as_count,
    as_inputs,
    as_labels,
    as_non_negative,
    as_tolerance,
)
from vvnorm.verifier.budget import additions_in, within_additions
from vvnorm.verifier.front import ROUNDING, DualWitness, FrontData, bound_at, point_complaints, without_neurons
from vvnorm.verifier.verification import Verification

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_TRIALS = 60  # largest number of fits for a mixture; two to ten are usual
_SHARE = 0.25  # part of the tolerance that the gap of a fit may use
_FIRST = 0.3  # first lam, relative to the largest possible one
_FAILED = 1e-3  # a fit with a larger gap is not used as an end of the bracket
_STEP = 8.0  # lam is divided by this while fits cost less than the budget
_FLAT = 1e-3  # relative to the largest lam; below it, a larger VV norm may not lower the losses further
_LEAST = 1e-13  # relative to the largest lam; below it, fits are determined by rounding
_FINEST = 1e-15  # accuracy of the share of two networks in a combination
_FAR = 1e6  # lam above this multiple of the largest useful lam is not tried
_TINIEST = 1e-270  # the first lam lies between this and its inverse, so that smaller ones remain in float64
_IMPOSSIBLE = 1e-6  # losses further below the proved bounds, relatively, cannot belong to a network of that cost


@dataclass(frozen=True, eq=False)
class ParetoFront(Displayed):
    """Points on the Pareto front of the task losses at a VV norm, one for each mixture, and half-spaces that contain it.

    Attributes
    ----------
    data : FrontData
        Data, losses and tasks.
    vv_norm : float
        The budget C.
    mixtures : (M, tasks) array
        Weights a of the tasks; each row sums to 1.
    networks : tuple of M ReLUNetwork
        One for each mixture; their VV norms are at most C.
    losses : (M, tasks) array
        Losses of the tasks. If a weight is 0, the point may be only weakly Pareto optimal.
    vv_norms : (M,) array
        VV norms of the networks.
    bounds : (M,) array
        Certified lower bounds on a.L for all networks of VV norm at most C.
    supports : tuple of M DualWitness
        The proofs of these bounds.
    gaps : (M,) array
        (a.L - bound) / (a.L + lam C), the distance of a.L from its bound relative to the value of the weighted problem; 0
        for 0 / 0, and where the losses are only rounding of labels. lam C is capped by `FrontData.price`.
    tol : float
        Largest gap that `verify` accepts.
    line : ReLUNetwork
        The best affine function of every task, up to the accuracy of the search.
    status : str
        Whether the time limit ended the search.
    """

    data: FrontData
    vv_norm: float
    mixtures: Array = field(repr=False)
    networks: tuple[ReLUNetwork, ...] = field(repr=False)
    losses: Array = field(repr=False)
    vv_norms: Array = field(repr=False)
    bounds: Array = field(repr=False)
    supports: tuple[DualWitness, ...] = field(repr=False)
    gaps: Array = field(repr=False)
    tol: float
    line: ReLUNetwork = field(repr=False)
    status: str = "all mixtures searched"

    def __len__(self) -> int:
        return len(self.networks)

    def __repr__(self) -> str:
        largest = float(np.max(self.gaps, initial=0.0))
        verdict = "certified" if largest <= self.tol else "not certified"
        best = ", ".join(f"{least:.6g} to {most:.6g}" for least, most in zip(*_ends(self.losses), strict=True))
        size = f"{count(len(self), 'mixture')} of {count(len(self.data.tasks), 'task')}"
        return lines(
            f"ParetoFront: {size} at VV norm {self.vv_norm:.6g}",
            f"losses {best}",
            f"relative gap at most {largest:.2g}: {verdict} to {self.tol:g}",
        )

    def plot(self, ax: "Axes | None" = None, *, tasks: tuple[int, int] = (0, 1)) -> "Axes":
        """Draw the losses of two tasks along the front and, if there are only two tasks, the region proved impossible.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            By default the axes of a new pyplot figure.
        tasks : pair of int
            The tasks on the two axes.

        Returns
        -------
        matplotlib Axes

        Raises
        ------
        TypeError, ValueError
            If `ax` is not an Axes, or there are no such tasks.
        """
        return draw_on(self, ax, tasks=tasks)

    # --- the proof ---

    def verify(self) -> Verification:
        """Recompute losses, costs and bounds from networks and duals with the verifier."""
        return Verification(tuple(self._problems()))

    def _problems(self) -> list[str]:
        M, S = len(self.networks), len(self.data.tasks)
        if M == 0:
            return ["the front has no points"]
        shapes = {"mixtures": (M, S), "losses": (M, S), "vv_norms": (M,), "bounds": (M,), "gaps": (M,)}
        problems = [
            f"{name} has shape {getattr(self, name).shape}, not {shape}"
            for name, shape in shapes.items()
            if getattr(self, name).shape != shape
        ]
        if problems or len(self.supports) != M:
            return problems or [f"there are {count(len(self.supports), 'support')} for {count(M, 'network')}"]
        if not np.all((self.mixtures >= 0) & (self.mixtures < np.inf)) or not self.mixtures.any(axis=1).all():
            return ["a mixture has a negative weight, or no positive one"]
        if not np.all(np.abs(self.mixtures.sum(axis=1) - 1) <= ROUNDING):
            return ["the weights of a mixture do not sum to 1"]
        try:
            straight = self.data.fitted_by(self.line)
        except (TypeError, ValueError) as error:
            return [str(error)]
        return [f"mixture {m}: {complaint}" for m in range(M) for complaint in self._complaints(m, straight)]

    def _complaints(self, m: int, straight: NDArray[np.bool_]) -> list[str]:
        names = {"losses": "losses", "vv_norm": "vv_norms", "bound": "bounds", "gap": "gaps"}
        recorded = {name: getattr(self, array)[m] for name, array in names.items()}
        point = self.mixtures[m], self.networks[m], self.supports[m]
        return point_complaints(self.data, self.vv_norm, *point, straight, recorded, self.tol)

    # --- other networks ---

    def excess(self, losses: ArrayLike, vv_norms: ArrayLike | None = None) -> tuple[Array, Array]:
        """Return the largest share by which all losses of other networks could be lowered together at the same VV norm.

        It is 1 - s, where s is the least factor for which s times the losses is not strictly below the front.

        Parameters
        ----------
        losses : array-like, shape (tasks,) or (n, tasks)
            Losses of the networks, in the units of `FrontData.task_losses`.
        vv_norms : array-like, shape () or (n,), optional
            VV norms of these networks; by default at most `vv_norm`.

        Returns
        -------
        lower, upper : (n,) arrays
            Certified interval: from below by convex combinations of the points of the front, from above by its supports.

        Raises
        ------
        TypeError, ValueError
            If losses or costs are not finite non-negative numbers, or if no network of that cost has losses so low.

        Notes
        -----
        A network that costs less than the budget is compared with the front at the budget, so that unspent budget counts as
        excess. A network of a larger cost V is compared at its own cost: the supports hold there, too, as a.L >= B - lam V,
        and the points of the front cost less. But the interval widens with V. For a sharp interval, trace the front at V.

        Examples
        --------
        >>> import vvnorm
        >>> front = vvnorm.pareto_front([0, 1, 2, 3], [[0, 1], [1, 1], [0, 0], [1, 2]], 2.0, mixtures=5)
        >>> lower, upper = front.excess(2 * front.losses[2])
        >>> round(float(lower[0]), 3), round(float(upper[0]), 3)
        (0.5, 0.5)
        """
        points = self._as_losses(losses)
        cost = np.full(len(points), self.vv_norm)
        if vv_norms is not None:
            given = as_labels(np.atleast_1d(as_float64(vv_norms, "vv_norms")), name="vv_norms")
            if given.shape not in ((len(points), 1), (1, 1)):
                raise ValueError(
                    f"vv_norms has shape {np.shape(vv_norms)}; there are losses of {count(len(points), 'network')}"
                )
            if given.min() < 0:
                raise ValueError(f"vv_norms holds {float(given.min())!r}; it must not be negative")
            cost = np.maximum(cost, given[:, 0])
        pairs = [self._interval(point, float(V)) for point, V in zip(points, cost, strict=True)]
        lower, upper = np.array(pairs).T
        return lower, upper

    def _as_losses(self, losses: ArrayLike) -> Array:
        S = len(self.data.tasks)
        raw = as_float64(losses, "losses")
        points = as_labels(raw[None] if raw.ndim == 1 else raw, name="losses")
        if points.shape[1] != S:
            raise ValueError(f"losses has {count(points.shape[1], 'column')}; there are {count(S, 'task')}")
        if points.min() < 0:
            raise ValueError(f"losses holds {float(points.min())!r}; it must not be negative")
        return points

    def _interval(self, point: Array, cost: float) -> tuple[float, float]:
        """Return bounds on 1 - s for one point."""
        lams = np.array([support.lam for support in self.supports])
        proved, reached = self.bounds + lams * (self.vv_norm - cost), self.mixtures @ point
        rounding = _IMPOSSIBLE * (reached + lams * self.vv_norm)
        if np.any(proved > reached + rounding):
            raise ValueError(f"losses {point.tolist()} are lower than any network's of VV norm {cost:.6g}")
        if not point.any():
            return 0.0, 0.0
        used = reached > 0
        least = min(1.0, max(0.0, float(np.max(proved[used] / reached[used]))))
        most = max(least, self._reachable(point))
        return 1.0 - most, 1.0 - least

    def _reachable(self, point: Array) -> float:
        """Return a factor s, at most 1, such that points of the front combine to losses of at most s times a point's."""
        from scipy.optimize import linprog

        positive = point > 0
        table = np.column_stack([self.losses[:, positive] / point[positive], self.losses[:, ~positive]]).T
        above = np.repeat([-1.0, 0.0], [positive.sum(), (~positive).sum()])
        M = len(self.networks)
        mixture = linprog(
            np.append(np.zeros(M), 1.0), A_ub=np.column_stack([table, above]), b_ub=np.zeros(len(table)),
            A_eq=np.append(np.ones(M), 0.0)[None], b_eq=[1.0],
        )  # fmt: skip
        if mixture.status != 0:  # with a loss of 0 there may be no such mixture; the point itself is reached
            return 1.0
        shares = np.maximum(mixture.x[:M], 0.0)
        mixed = table @ (shares / shares.sum())
        return min(1.0, float(mixed[above < 0].max())) if np.all(mixed[above == 0] <= 0) else 1.0


def pareto_front(
    X: ArrayLike,
    Y: ArrayLike,
    vv_norm: float,
    *,
    loss: LossLike = "squared",
    weights: ArrayLike | None = None,
    tasks: Sequence[TaskLike] | None = None,
    mixtures: int | ArrayLike = 21,
    skip: bool = True,
    tol: float = GAP,
    time_limit: float | None = None,
    seed: int = 0,
    callback: Callable[[int, Array, float], object] | None = None,
    progress: bool = False,
) -> ParetoFront:
    """Trace the Pareto front of the task losses, over all networks of at most a given VV norm, with proofs.

    Parameters
    ----------
    X : array-like, shape (N,) or (N, d)
        Inputs in any order.
    Y : array-like, shape (N,) or (N, T)
        Labels; NaN = missing.
    vv_norm : float
        The budget, not negative; 0 for affine functions (constants without a skip connection).
    loss, weights, skip
        As in `fit`. With several inputs losses are `squared`, `logistic` or `huber`.
    tasks : sequence of Task, int or sequence of int, optional
        The tasks, or the outputs of each; each output belongs to one task. By default every output is a task. `Task`s have
        their own losses, and `loss` is left out.
    mixtures : int or array-like, shape (M, tasks)
        Weights of the tasks' losses; not negative, and not all 0 in one row. A number M stands for a grid of at most M
        mixtures: all shares k / n that sum to 1, n as large as M allows, and the equal mixture if each of these has a 0.
        In a grid each loss is measured in units of the best affine function's. For two tasks the shares of the first are
        evenly spaced, from 1 down to 0.
    tol : float
        Gap to reach for each mixture (see `ParetoFront.gaps`), and up to which `verify` accepts it.
    time_limit : float, optional
        Seconds for the whole front, shared equally by the remaining mixtures. If they are too few, `status` of the front
        says so; then gaps are larger, and bounds may be 0.
    seed : int
        For several inputs; as in `fit`.
    callback : callable, optional
        Called after each mixture with its number, from 1, the losses of the tasks and the gap.
    progress : bool
        Whether to show a progress bar, in interactive terminals and notebooks only.

    Returns
    -------
    ParetoFront
        A gap above `tol` is not an error: `gaps` has it, and `verify` does not accept the front.

    Raises
    ------
    TypeError, ValueError
        If data or loss (see `fit`), budget, tasks or mixtures are invalid.

    Examples
    --------
    >>> import vvnorm
    >>> front = vvnorm.pareto_front([0, 1, 2, 3], [[0, 1], [1, 1], [0, 0], [1, 2]], 2.0, mixtures=5)
    >>> front.losses.shape, bool(front.verify())
    ((5, 2), True)
    """
    budget, tol, deadline = as_non_negative(vv_norm, "vv_norm"), as_tolerance(tol), Deadline(as_time_limit(time_limit))
    data = _task_data(X, Y, loss, weights, tasks, skip)
    search = _FrontSearch(data, budget, tol, as_count(seed, "seed"), deadline)
    table = _as_mixtures(mixtures, search.units)
    points, guess = [], _FIRST
    with steps_shown("tracing the front", len(table), callback, progress) as ended:
        for number, task_weights in enumerate(table, 1):
            left = deadline.left
            search.deadline = deadline if left is None else Deadline(left / (len(table) - number + 1))
            point, guess = search.point(task_weights, guess)
            points.append(point)
            ended(number, point.losses, point.gap)
    return ParetoFront(
        data,
        budget,
        mixtures=table,
        networks=tuple(point.network for point in points),
        losses=np.array([point.losses for point in points]),
        vv_norms=np.array([point.network.vv_norm for point in points]),
        bounds=np.array([point.bound for point in points]),
        supports=tuple(point.support for point in points),
        gaps=np.array([point.gap for point in points]),
        tol=tol,
        line=search.line,
        status=TIME_LIMIT if any(point.timed_out for point in points) else "all mixtures searched",
    )


# --- the search -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Trial:
    """A fit at one lam, of the outputs whose tasks have a positive weight.

    Attributes
    ----------
    lam, loss, cost : float
        a.L and the VV norm are `loss` and `cost`.
    network : ReLUNetwork
    support : DualWitness or None
        The proof of `value`, if there is one.
    value : float
        Lower bound on a.L + lam VV over all networks; an estimate where there is no proof.
    dual : array or None
        The dual array for a proof, if there is no proof yet.
    """

    lam: float
    loss: float
    cost: float
    network: ReLUNetwork
    support: DualWitness | None
    value: float
    dual: Any = None

    def bound(self, budget: float) -> float:
        """Return the lower bound on a.L over all networks that cost the budget or less."""
        return bound_at(budget, self.lam, self.value)


@dataclass(frozen=True, eq=False)
class _Point:
    """The point of the front for one mixture; `timed_out` says that the time limit ended its search."""

    network: ReLUNetwork
    losses: Array
    bound: float
    support: DualWitness
    gap: float
    timed_out: bool


class _FrontSearch:
    """The search for the points of a front: data, budget, tolerance, and the best affine function of every task.

    Attributes
    ----------
    line : ReLUNetwork
        The best affine functions of all tasks in one network without neurons (constants, without a skip connection).
    line_losses : (tasks,) array
        Its losses: the front at budget 0.
    straight : (tasks,) array of bool
        The tasks that an affine function fits; also those whose classes a hyperplane separates, where the infimum of the
        loss is not attained.
    units : (tasks,) array
        The losses of the affine functions; for straight tasks the losses of constants.
    """

    def __init__(self, data: FrontData, budget: float, tol: float, seed: int, deadline: Deadline) -> None:
        self.data, self.budget, self.tol, self.deadline = data, budget, tol, deadline
        self.limits: dict[str, Any] = {"tol": max(tol * _SHARE, ROUNDING), "seed": seed}
        T, d = data.Y.shape[1], data.X.shape[1]
        A, c = np.zeros((T, d)), np.zeros(T)
        for alone in np.eye(len(data.tasks)):
            outputs, fit_next = self._fits(alone)
            fitted = fit_next(2 * data.largest_lam(alone), None, deadline.left)[0].network
            A[outputs], c[outputs] = fitted.A, fitted.c
        self.line = without_neurons(A, c)
        self.line_losses = data.task_losses(self.line)
        if not np.isfinite(self.line_losses).all():
            raise ValueError("the losses of tasks leave the range of float64; rescale Y or weights")
        constant, self.straight = data.constant_losses, data.fitted_by(self.line)
        self.units = np.where(self.straight, np.where(constant > 0, constant, 1.0), self.line_losses)

    def _fits(self, task_weights: Array) -> tuple[NDArray[np.intp], Any]:
        outputs, options = self.data.weighted(task_weights)
        return outputs, warm_fits(self.data.X, self.data.Y[:, outputs], **options, **self.limits)

    def point(self, task_weights: Array, guess: float) -> tuple[_Point, float]:
        """Find the point of a mixture.

        `guess` is the lam to begin with, relative to the largest possible one. The second value returned is a guess for the
        next mixture.
        """
        outputs, fit_next = self._fits(task_weights)
        top = self.data.largest_lam(task_weights)
        loss = float(task_weights @ self.line_losses)
        # By convexity a VV norm of C lowers the loss by lam C or more. Where the loss nearly vanishes, any lam will do.
        gain = float(task_weights @ self.units) if self.straight[task_weights > 0].all() else loss
        most = min(gain / self.budget, _FAR * top) if self.budget > 0 else 2 * top
        if not _TINIEST < most < 1 / _TINIEST:
            raise ValueError(
                f"vv_norm = {self.budget!r} is too far from the scale of X, Y and weights for float64; rescale them"
            )
        under = _Trial(most, loss, 0.0, self.line.of_outputs(outputs), None, -math.inf)
        over: _Trial | None = None
        best, last, start, lam = under, under, None, most * (guess if self.budget > 0 else 1.0)
        chosen, floor_tried, same, failed, timed_out = self._complete(under.network, outputs), False, 0, 0, False
        for _ in range(_TRIALS):
            if self.deadline.passed:
                timed_out = True
                break
            solution, start = fit_next(lam, start, self.deadline.left)
            new, gap = self._trial(solution, lam, task_weights, outputs)
            best = self._better(new, best)
            if gap > _FAILED:
                failed += 1
                lam = math.sqrt(lam * (under.lam if failed % 2 == 0 else lam / _STEP if over is None else over.lam))
                continue
            within = new.cost <= self.budget
            same = same + 1 if same and within == (last.cost <= self.budget) else 1
            under, over, last = (new, over, new) if within else (under, new, new)
            network = under.network if over is None else self._between(under.network, over.network)
            # Fits at very small lam may be less accurate than those before.
            chosen = min(chosen, self._complete(network, outputs), key=lambda trial: self._loss(task_weights, trial))
            if self._gap(task_weights, chosen, best) <= self.tol:
                break
            lam = _next_lam(under, over, self.budget, last, same)
            if lam < _LEAST * most or not (over is None or over.lam < lam < under.lam):
                break
            if over is None and self.budget > 0 and lam < _FLAT * most and not floor_tried:
                floor_tried = True
                if (floor := self._floor(task_weights, outputs)) is not None:
                    best = self._better(floor, best)
                    # The next mixture begins where fits are accurate.
                    network = self._complete(floor.network, outputs)
                    return self._finished(task_weights, network, self._proved(best, task_weights)), under.lam / most
        point = self._finished(task_weights, chosen, self._proved(best, task_weights), timed_out=timed_out)
        return point, min(best.lam / most, 1.0)

    def _trial(self, solution: Any, lam: float, task_weights: Array, outputs: NDArray[np.intp]) -> tuple[_Trial, float]:
        """Return a fit as a trial, and its gap: proved, or estimated by the solver where no proof is affordable."""
        estimate = solution.provenance.get("estimated_gap") if not isinstance(solution, Fit) else None
        network = solution.network
        if estimate is None:
            with within_additions(additions_in(self.deadline.left)):
                made = solution.certificate
            support = DualWitness(lam, getattr(solution, "function", network), made.dual, made.additions, made.subspace)
            return _Trial(lam, made.loss, network.vv_norm, network, support, made.lower_bound), solution.gap
        loss, cost = self._loss(task_weights, self._filled(network, outputs)), network.vv_norm
        return _Trial(lam, loss, cost, network, None, (loss + lam * cost) * (1 - estimate), solution.dual), estimate

    def _proved(self, trial: _Trial, task_weights: Array) -> _Trial:
        """Return the trial with a bound that the verifier proved; the trivial bound where there is no time."""
        if trial.support is not None:
            return trial
        dual, additions = trial.dual, additions_in(self.deadline.left)
        if dual is None or additions == 0:
            dual = np.zeros((len(self.data.X), trial.network.n_outputs))
        support = DualWitness(trial.lam, trial.network, dual, additions)
        return replace(trial, support=support, value=self.data.certify(task_weights, support).lower_bound)

    def _better(self, trial: _Trial, best: _Trial) -> _Trial:
        """Return the trial of the higher bound."""
        return max(best, trial, key=lambda candidate: (candidate.bound(self.budget), candidate.value))

    def _gap(self, task_weights: Array, network: ReLUNetwork, best: _Trial) -> float:
        price = self.data.price(task_weights, best.lam, self.budget, best.value, self.straight)
        return self.data.gap(task_weights, network, best.bound(self.budget), price)

    def _loss(self, task_weights: Array, network: ReLUNetwork) -> float:
        return float(task_weights @ self.data.task_losses(network))

    def _finished(self, task_weights: Array, network: ReLUNetwork, best: _Trial, *, timed_out: bool = False) -> _Point:
        assert best.support is not None
        losses, gap = self.data.task_losses(network), self._gap(task_weights, network, best)
        return _Point(network, losses, best.bound(self.budget), best.support, gap, timed_out and gap > self.tol)

    # --- networks ---

    def _between(self, under: ReLUNetwork, over: ReLUNetwork) -> ReLUNetwork:
        """Return the convex combination of two networks whose VV norm is the budget."""
        from scipy.optimize import brentq

        # Equal neurons are merged: then the combination costs less than the mean of both costs.
        ends = under.normalised(), over.normalised()
        rows = np.vstack([np.column_stack([end.W, end.b]) for end in ends])
        neurons, place = np.unique(rows, axis=0, return_inverse=True)
        V = np.zeros((2, len(neurons), under.n_outputs))
        np.add.at(
            V, (np.repeat([0, 1], [end.n_neurons for end in ends]), place.reshape(-1)), np.vstack([e.V.T for e in ends])
        )

        def excess(share: float) -> float:
            return float(np.sum(row_norms((1 - share) * V[0] + share * V[1]))) - self.budget

        share = brentq(excess, 0.0, 1.0, xtol=_FINEST) if excess(0.0) < 0 < excess(1.0) else 0.0
        mix = (1 - share, share)
        A, c = (sum(part * getattr(end, name) for part, end in zip(mix, ends, strict=True)) for name in "Ac")
        return ReLUNetwork(neurons[:, :-1], neurons[:, -1], (mix[0] * V[0] + mix[1] * V[1]).T, A, c)

    def _complete(self, network: ReLUNetwork, outputs: NDArray[np.intp]) -> ReLUNetwork:
        """Return a network of all outputs, affine in those without a weight; rounding above the budget is scaled away."""
        whole = self._filled(network, outputs)
        V, A, c = whole.V.copy(), whole.A, whole.c
        while (cost := ReLUNetwork(network.W, network.b, V, A, c).vv_norm) > self.budget:
            V *= self.budget / cost * (1 - 2.0**-52)
        return ReLUNetwork(network.W, network.b, V, A, c)

    def _filled(self, network: ReLUNetwork, outputs: NDArray[np.intp]) -> ReLUNetwork:
        """Return a network of all outputs, affine in those without a weight."""
        V, A, c = np.zeros((self.line.n_outputs, network.n_neurons)), self.line.A.copy(), self.line.c.copy()
        V[outputs], A[outputs], c[outputs] = network.V, network.A, network.c
        return ReLUNetwork(network.W, network.b, V, A, c)

    def _floor(self, task_weights: Array, outputs: NDArray[np.intp]) -> _Trial | None:
        """Return a network that minimises the loss at every input, if its cost is within the budget; else None.

        More VV norm lowers no loss then. Dual values that sum to 0 at every input prove it: they are feasible for any lam.
        """
        options = self.data.weighted(task_weights)[1]
        places, where = np.unique(self.data.X, axis=0, return_inverse=True)
        values, dual = np.full((len(places), len(outputs)), np.nan), np.zeros((len(self.data.X), len(outputs)))
        for place, t in product(range(len(places)), range(len(outputs))):
            rows = np.flatnonzero((where.reshape(-1) == place) & (options["weights"][:, t] > 0))
            if len(rows):
                y, shares = self.data.Y[rows, outputs[t]], options["weights"][rows, t]
                values[place, t], dual[rows, t], attained = best_constant(y, shares, options["loss"][t])
                if not attained:
                    return None
        try:
            network: ReLUNetwork = interpolate(places, values, skip=self.data.skip).network
        except (ValueError, RuntimeError):  # one input only, or no such network without a skip connection
            return None
        if network.vv_norm > self.budget * (1 + ROUNDING):
            return None
        loss = self._loss(task_weights, self._complete(network, outputs))
        lam = self.limits["tol"] * loss / self.budget or np.finfo(float).eps * self.data.largest_lam(task_weights)
        support = DualWitness(lam, network, dual)
        certificate = self.data.certify(task_weights, support)
        return _Trial(lam, certificate.loss, network.vv_norm, network, support, certificate.lower_bound)


def _next_lam(under: _Trial, over: _Trial | None, budget: float, last: _Trial, same: int) -> float:
    """Return a lam at which the cost may equal the budget, strictly between those of two trials whose costs enclose it.

    `last` is the previous trial. `same` says how many trials in a row were on its side of the budget.
    """
    if over is None:
        return under.lam / _STEP
    if under.cost > 0 and same % 3:  # a power law; after several trials on one side, a longer step to pass the budget
        part = math.log(budget / over.cost) / math.log(under.cost / over.cost)
        lam = over.lam * (under.lam / over.lam) ** part
        lam *= (lam / last.lam) ** (same - 1)
    else:  # where both networks have the same a.L + lam VV: there the cost jumps, if it does
        lam = (under.loss - over.loss) / (over.cost - under.cost)
    return lam if over.lam < lam < under.lam else math.sqrt(over.lam * under.lam)


def _ends(losses: Array) -> tuple[list[float], list[float]]:
    """Return the least and the largest loss of each task."""
    return losses.min(axis=0, initial=math.inf).tolist(), losses.max(axis=0, initial=0.0).tolist()


# --- arguments --------------------------------------------------------------------------------------------------------


def _task_data(
    X: ArrayLike, Y: ArrayLike, loss: LossLike, weights: ArrayLike | None, tasks: Sequence[TaskLike] | None, skip: bool
) -> FrontData:
    inputs = as_inputs(X)
    labels = as_labels(Y, len(inputs), allow_missing=True)
    chosen = as_tasks(tasks, loss, labels.shape[1])
    if multiclass := [task.name for task in chosen if task.is_multiclass]:
        raise ValueError(f"task {multiclass[0]!r}: the verifier does not know the loss 'softmax'; use 'logistic'")
    kinds = dict(pair for task in chosen for pair in zip(task.outputs, task.losses, strict=True))
    losses = tuple(kinds[t] for t in range(labels.shape[1]))
    labels, shares, _ = fit_labels(labels, losses, weights)
    return FrontData(inputs, labels, shares, losses, tuple(task.outputs for task in chosen), bool(skip))


def _as_mixtures(mixtures: Any, units: Array) -> Array:
    """Read or make mixtures, (M, tasks); every row sums to 1."""
    S = len(units)
    if np.isscalar(mixtures):
        table = _lattice(as_count(mixtures, "mixtures", S), S) / units  # type: ignore[arg-type]  # it says what is wrong
    else:
        table = as_labels(mixtures, name="mixtures")
        if table.shape[1] != S:
            raise ValueError(f"mixtures has shape {table.shape}; there are {count(S, 'task')}")
    if table.min() < 0:
        row, column = np.unravel_index(int(np.argmin(table)), table.shape)
        raise ValueError(f"mixtures holds {float(table.min())!r} at row {row}, column {column}; it must not be negative")
    largest = table.max(axis=1, keepdims=True)
    for row in np.flatnonzero(largest == 0):
        raise ValueError(f"mixtures are all 0 at row {row}")
    table = table / largest
    return np.asarray(table / table.sum(axis=1, keepdims=True))


def _lattice(most: int, S: int) -> Array:
    """Return all vectors of S multiples of 1 / n that sum to 1, with the largest n for which there are at most `most`."""
    n = 1
    while S > 1 and math.comb(n + S, S - 1) <= most:
        n += 1
    # Stars and bars: S - 1 bars among n stars, whose numbers between bars are the multiples.
    bars = np.array([(-1, *places, n + S - 1) for places in combinations(range(n + S - 1), S - 1)])
    shares = (np.diff(bars, axis=1) - 1) / n
    if n < S:
        shares = np.vstack([shares, np.full(S, 1 / S)])
    return np.asarray(shares[::-1])
