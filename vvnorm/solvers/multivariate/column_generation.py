"""Column generation: alternate between the master problem over few neurons and the search over all neurons.

Each round solves the master problem to a tenth of the gap and then searches for the neurons with the largest responses to
its dual array. While that array is infeasible, the search also takes points between it and the best feasible array
(in-out stabilisation: W. Ben-Ameur, J. Neto, "Acceleration of cutting-plane and column generation algorithms", Networks 49,
2007): these are closer to the optimum and give better bounds. Neurons whose response exceeds 1 are added, at most one for
each base point and search. Neurons of weight 0 are removed, but only when the gap has halved since the last removal, so
that rounds cannot cycle.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vvnorm._internal.callbacks import RoundCallback
from vvnorm.network import row_norms
from vvnorm.solvers.multivariate import reweighting
from vvnorm.solvers.multivariate.degenerate_masters import attained, solve_degenerate
from vvnorm.solvers.multivariate.dense_blocks import product
from vvnorm.solvers.multivariate.group_lasso_ipm import group_lasso, least_change
from vvnorm.solvers.multivariate.group_lasso_newton import (
    MOST_STEPS,
    DesignBlock,
    DesignState,
    evaluate,
    scaled_bound,
    solve_design,
)
from vvnorm.solvers.multivariate.neuron_search import Neurons, NeuronSearch, OutOfTime
from vvnorm.solvers.multivariate.spanning_tree_slopes import Slopes
from vvnorm.validation import Array

_PAIRS = 24  # in the plane: number of kinks through two points, per point, that are tried at the start
_FEWER_PAIRS = 8  # the same number, if reweighting follows
_BEST = 4  # number of these, per point, that are kept
_START = 2  # number of random neurons at the start, per base point
_MOST = 16  # the same, if fewer do not span the labels
_ROUNDS = 300
_LOCAL_ROUNDS = 100  # round limit if the search is local
_LOOSE = 0.1  # accuracy of the master problem relative to the gap
_FEW_STEPS = 8  # Newton steps after which a master problem of interpolation counts as degenerate
_WARM = 1e-2  # the same in the first round, if it starts from a similar problem
_TIGHTER = 1e-2  # factor of the accuracy after a round without new neurons
_TIGHTEST = 1e-4  # product of these factors at which the limit is rounding
_LITTLE = 1e-8  # small lam for a singular M, relative to the lam that changes the bound by 100 %
_BETWEEN = (0.5, 0.1)  # weights of the master's dual array in combinations with the best feasible one
_VIOLATED = 1e-9  # excess above which a response counts as above 1
_IDLE = 0.98  # neurons of weight 0 with smaller responses are dropped
_WORTH = 0.3  # interior-point method: neurons with eta below this times (1 - ||a||) mean(eta) are dropped
_MISSED = 1e-12  # largest relative distance of the targets from the span of the neurons that counts as rounding
_WARM_UP = 8  # multiplicative steps eta <- eta ||a|| at the start
_HALVING = 4  # the same before the half of the kinks through pairs with least weight is dropped
_ALMOST_ONE = 1e-3  # the targets are nearly one output if their second singular value is relatively smaller
_AGAIN = 2  # multiplicative steps when starting from a similar problem
_CHEAP = 2e6  # up to this `work` every round has an exact search; beyond, only bounds that would end the solve have one
_TRIES = 3  # rounds end after this number of local searches without a new neuron


class ReducedGroup(NamedTuple):
    """A group of outputs with labels at the same points and with equal weights, after elimination of the affine part.

    Attributes
    ----------
    rows : (m,) array of int
        Points with labels.
    outputs : (t,) array of int
    basis : (m, n) array
        sqrt(weight) times an orthonormal basis of the complement of affine functions.
    Z : (n, r) array
        Targets, rotated.
    rotation : (t, r) array
        Orthonormal; labels are Z rotation' in the basis.
    spikes : (n, m) array
        Extra columns of a single output, with the same penalty as neurons.
    slopes : Slopes or None
        For interpolation: the equations are for slopes between neighbours, and the basis belongs to the slopes.
    """

    rows: NDArray[np.intp]
    outputs: NDArray[np.intp]
    basis: Array
    Z: Array
    rotation: Array
    spikes: Array
    slopes: Slopes | None = None

    def columns(self, neuron_search: NeuronSearch, neurons: Neurons) -> Array:
        """Columns (n, K) of neurons."""
        if self.slopes is not None:
            return self.slopes.reduced_neurons(neuron_search, self.rows, neurons)
        return product(self.basis.T, neuron_search.features(neurons)[self.rows])


@dataclass(frozen=True, eq=False)
class ReducedLeastSquares:
    """A weighted least-squares (lam > 0) or interpolation (lam = 0) problem over all neurons."""

    neuron_search: NeuronSearch
    output_groups: Sequence[ReducedGroup]
    lam: float
    constant: float = 0.0
    """Constant term of the objective."""

    @property
    def rank(self) -> int:
        """Number of outputs after rotation."""
        return sum(group.Z.shape[1] for group in self.output_groups)

    @property
    def affine(self) -> bool:
        """Whether an affine function attains the least objective for every lam."""
        return self.rank == 0

    @cached_property
    def much_like_one_output(self) -> bool:
        """Whether there is one output after rotation, or one output is much larger than the others.

        The Hessian of the design form then has nearly low rank, solutions fill a face, and Newton's method is slow.
        """
        if len(self.output_groups) > 1:
            return False
        size = np.linalg.svd(self.output_groups[0].Z, compute_uv=False)
        return len(size) == 1 or bool(size[1] < _ALMOST_ONE * size[0])

    def columns(self, neurons: Neurons) -> list[Array]:
        """One matrix (n, K) for each group of outputs."""
        return [group.columns(self.neuron_search, neurons) for group in self.output_groups]

    def lifted(self, duals: Sequence[Array]) -> Array:
        """A dual as an array (N, rank) over the points."""
        N = len(self.neuron_search.P)
        parts = []
        for group, L in zip(self.output_groups, duals, strict=True):
            part = np.zeros((N, L.shape[1]))
            part[group.rows] = group.basis @ L
            parts.append(part)
        return np.hstack(parts)

    def fits(self, duals: Sequence[Array]) -> bool:
        """Whether dual arrays of another problem have the shapes of this problem's dual arrays."""
        return [L.shape for L in duals] == [group.Z.shape for group in self.output_groups]

    def gain_and_size(self, duals: Sequence[Array]) -> tuple[float, float]:
        """<L, Z> and ||L||^2."""
        gain = sum(float(np.vdot(L, group.Z)) for L, group in zip(duals, self.output_groups, strict=True))
        return gain, sum(float(np.vdot(L, L)) for L in duals)

    @cached_property
    def spikes(self) -> list[Array]:
        """The spikes of all groups, (n, m) each with the same m: zero where they belong to another group."""
        counts = [group.spikes.shape[1] for group in self.output_groups]
        starts = np.concatenate([[0], np.cumsum(counts)])
        padded = []
        for group, start, count in zip(self.output_groups, starts, counts, strict=False):
            columns = np.zeros((len(group.Z), starts[-1]))
            columns[:, start : start + count] = group.spikes
            padded.append(columns)
        return padded

    def bound(self, duals: Sequence[Array], largest: float) -> tuple[float, float]:
        """Lower bound on the objective from a dual and the largest response to it, and the dual's best multiple."""
        for S, L in zip(self.spikes, duals, strict=True):
            largest = max(largest, float(np.max(row_norms(S.T @ L), initial=0.0)))
        bound, theta = scaled_bound(*self.gain_and_size(duals), largest, self.lam)
        return bound + self.constant, theta


class WarmStart(NamedTuple):
    """A start: the neurons of a similar problem, their design weights, and its best dual."""

    neurons: Neurons
    eta: Array
    duals: list[Array]


@dataclass(frozen=True, eq=False)
class Optimum:
    """Result of column generation.

    Attributes
    ----------
    neurons : Neurons
    V : list of (K, r) arrays
        Output weights, for each group of outputs.
    spikes : list of (m, r) arrays
        Weights of the group's spikes.
    eta : (K + m,) array
        Design weights of the neurons, then of the spikes.
    duals : list of (n, r) arrays
        The best feasible dual.
    upper, lower : float
        The objective, and its lower bound, which is an estimate unless `proved`.
    proved : bool
        Whether the bound comes from an exact search (up to rounding).
    rounds : int
    history : list of (upper, lower) pairs
        One pair per round. Lower bounds before the last may be estimates in three and more dimensions; all are estimates
        where no exact search is affordable.
    status : str
    """

    neurons: Neurons
    V: list[Array]
    spikes: list[Array]
    eta: Array
    duals: list[Array]
    upper: float
    lower: float
    proved: bool
    rounds: int
    history: list[tuple[float, float]] = field(repr=False)
    status: str
    start: WarmStart = field(repr=False)
    """For a similar problem: all neurons at the end."""

    @property
    def gap(self) -> float:
        """(upper - lower) / upper."""
        return (self.upper - self.lower) / self.upper if self.upper > 0 else 0.0


class _Master(NamedTuple):
    eta: Array
    V: list[Array]
    duals: list[Array]  # feasible for the neurons of the master problem
    value: float
    norms: Array  # of the responses to these duals


def generate(
    problem: ReducedLeastSquares,
    tol: float,
    *,
    start: WarmStart | None = None,
    max_iter: int | None = None,
    deadline: float = np.inf,
    callback: RoundCallback | None = None,
) -> Optimum:
    """Minimise over all neurons.

    Parameters
    ----------
    problem : ReducedLeastSquares
        Its optimum must not be affine.
    tol : float
        Relative gap at which to stop.
    start : WarmStart, optional
        From a similar problem.
    max_iter : int, optional
        Most rounds; by default 300, or 100 where no exact search is affordable.
    deadline : float
        Value of time.monotonic() after which the best iterate is returned.
    callback : callable, optional
        Called after each round with its number and the bounds; the lower one is an estimate where no exact search is
        affordable.
    """
    generation = _Generation(problem, tol, start)
    return generation.run(max_iter or (_ROUNDS if generation.exact else _LOCAL_ROUNDS), deadline, callback)


class _Generation:
    eta: Array

    def __init__(self, problem: ReducedLeastSquares, tol: float, start: WarmStart | None) -> None:
        self.problem, self.tol = problem, tol
        self.interior = problem.lam == 0 and problem.much_like_one_output
        search = problem.neuron_search
        self.reweighted = start is None and search.anchored and search.dimension == 2 and len(search.P) >= reweighting.MANY
        if start is None:
            self._begin()
        else:
            K, spikes = len(start.neurons), problem.spikes[0].shape[1]
            eta = start.eta if len(start.eta) == K + spikes else np.append(start.eta[:K], np.zeros(spikes))
            self._set(start.neurons, problem.columns(start.neurons), eta)
            self._warm_up(_AGAIN)
        self.best: tuple[Neurons, _Master] | None = None
        self.centre = start.duals if start is not None and problem.fits(start.duals) else None
        self.feasible: list[Array] | None = None
        self.loose = _LOOSE if start is None else _WARM
        self.upper, self.lower, self.dropped_at, self.tight = np.inf, -np.inf, 1.0, 1.0
        self.exact = problem.neuron_search.exact(problem.rank)
        self.degenerate = False
        self.proved: tuple[float, list[Array]] | None = None  # a bound from an exact search, and its dual

    def _begin(self) -> None:
        """Choose neurons that span the targets and take a few steps eta <- eta ||a||, each of which takes one solve.

        In the plane, kinks through two points need half the rounds of random neurons. Otherwise the neurons are random.

        Raises
        ------
        ValueError
            If even many neurons do not span the targets: some points are too close to each other.
        """
        problem, each = self.problem, _START
        if problem.neuron_search.anchored and problem.neuron_search.dimension == 2 and self._begin_with_pairs():
            return
        while each <= _MOST:
            neurons = problem.neuron_search.random(each)
            eta = np.ones(len(neurons) + problem.spikes[0].shape[1])
            self._set(neurons, problem.columns(neurons), eta)
            if self._warm_up(_WARM_UP):
                return
            each *= 2
        raise ValueError("X: random neurons do not span the labels; some points are too close to each other for float64")

    def _begin_with_pairs(self) -> bool:
        """Start with the best of the kinks through two points; return False if these do not span the targets."""
        problem = self.problem
        each, least = _FEWER_PAIRS if self.reweighted else _PAIRS, _BEST * len(problem.neuron_search.P)
        neurons = problem.neuron_search.through_pairs(each)
        self._set(neurons, problem.columns(neurons), np.ones(len(neurons) + problem.spikes[0].shape[1]))
        while len(self.neurons) > least and self._warm_up(_HALVING):
            K = len(self.neurons)
            best = np.sort(np.argsort(-self.eta[:K], kind="stable")[: max(K // 2, least)])
            eta = np.append(self.eta[best], self.eta[K:])
            self._set(self.neurons[best], [B[:, best] for B in self.columns], eta)
        return len(neurons) > 0 and self._warm_up(_WARM_UP)

    def _warm_up(self, steps: int) -> bool:
        """Take steps eta <- eta ||a||, one solve each; return False if the neurons do not span the targets."""
        for _ in range(steps):
            state = self._roughly()
            if state is None or not np.isfinite(state.value):
                return False
            self.eta = self.eta * state.norms
        return True

    def _roughly(self) -> DesignState | None:
        """Return the state at the present weights; in single precision, where that suffices, if reweighting follows."""
        blocks, lam = self._blocks, self.problem.lam
        state = evaluate(blocks, lam, self.eta, np.float32) if self.reweighted else None
        return evaluate(blocks, lam, self.eta) if state is None else state

    def _reweight(self, deadline: float) -> bool:
        """Alternate reweighting with searches (`reweighting`); return whether the neurons span the targets.

        They may not, if few neurons attain the optimum: weights of the others vanish.
        """
        problem = self.problem
        for search in range(reweighting.SEARCHES + 1):
            last = search == reweighting.SEARCHES
            for _ in range(reweighting.LAST if last else reweighting.STEPS):
                state = self._roughly()
                if state is None or time.monotonic() > deadline:
                    return state is not None and bool(np.isfinite(state.value))
                self.eta = self.eta * state.norms**reweighting.POWER
                duals, norms = state.duals, state.norms[: len(self.neurons)]
            eta = self.eta[: len(norms)]
            if last:
                heaviest = eta > reweighting.LEAST * float(np.mean(eta))
                if not self._enough(heaviest):
                    return self._enough(np.ones_like(heaviest))
                self._keep(heaviest)
                return True
            self._keep(reweighting.heavy(eta, len(problem.neuron_search.P)) | (norms > 1))
            neurons, responses = problem.neuron_search.search(problem.lifted(duals), exact=True)
            new = self._fresh(neurons[responses > reweighting.ABOVE])
            eta = self.eta[: len(self.neurons)]
            stay, new, weights = reweighting.renewed(self.neurons, eta, new, len(problem.neuron_search.P))
            self._keep(stay)
            self._add(new, weights)
        return True

    def _enough(self, keep: NDArray[np.bool_]) -> bool:
        """Whether these neurons (K,) suffice for the constraint of an interpolation problem."""
        if self.problem.lam > 0:
            return True
        if self.interior:
            return self._spans(keep)
        blocks, weights = self._blocks, np.where(keep, self.eta + float(np.mean(self.eta)), 0.0)
        nothing = [np.zeros((len(weights), block.Z.shape[1])) for block in blocks]
        return attained(blocks, nothing, weights) is not None

    @property
    def _blocks(self) -> list[DesignBlock]:
        parts = zip(self.columns, self.problem.spikes, self.problem.output_groups, strict=True)
        return [DesignBlock(np.hstack([B, S]) if S.size else B, group.Z) for B, S, group in parts]

    def _set(self, neurons: Neurons, columns: list[Array], eta: Array) -> None:
        self.neurons, self.columns, self.eta = neurons, columns, eta

    @property
    def gap(self) -> float:
        return (self.upper - max(self.lower, 0.0)) / self.upper if self.upper > 0 else 0.0

    def run(self, max_iter: int, deadline: float, callback: RoundCallback | None) -> Optimum:
        history: list[tuple[float, float]] = []
        status, silent, round_ = "round limit", 0, 0
        if self.reweighted and not self._reweight(deadline):
            self.reweighted = False
            self._begin()
        for round_ in range(1, max_iter + 1):
            master = self._master(deadline)
            try:
                new_neurons = self._ask(master, deadline)
                if self.gap <= self.tol and self.exact:
                    new_neurons = self._confirm(deadline) or new_neurons
            except OutOfTime:
                new_neurons = None
            history.append((self.upper, min(max(self.lower, 0.0), self.upper)))
            if callback:
                callback(round_, *history[-1])
            if self.gap <= self.tol and (self.proved is not None or not self.exact):
                status = "tolerance reached" if self.exact else "tolerance reached, estimated by local search"
                break
            if time.monotonic() > deadline:
                status = "time limit"
                break
            if new_neurons is None:
                self.tight *= _TIGHTER
                silent += 1
                if self.tight < _TIGHTEST or (not self.exact and silent == _TRIES):
                    status = "rounding is the limit" if self.exact else "local search finds no better neuron"
                    break
                continue
            silent, self.tight = 0, 1.0
            self._drop(master)
            self._add(new_neurons, np.zeros(len(new_neurons)))
            if not self.exact:
                self._corrected()
        return self._optimum(round_, history, status)

    def _optimum(self, rounds: int, history: list[tuple[float, float]], status: str) -> Optimum:
        """Return the best network, and the proved dual arrays or else those of the last search."""
        assert self.best is not None
        neurons, master = self.best
        if self.feasible is None:  # every search hit the deadline
            self.lower, self.feasible = self.problem.constant, [np.zeros_like(L) for L in master.duals]
        if self.exact and self.proved is not None:
            self.lower, self.feasible = self.proved
        return Optimum(
            neurons,
            [V[: len(neurons)] for V in master.V],
            self._spike_weights(neurons, master.V),
            master.eta,
            self.feasible,
            self.upper,
            min(max(self.lower, 0.0), self.upper),
            self.exact and self.proved is not None,
            rounds,
            history,
            status,
            WarmStart(self.neurons, self.eta, self.feasible),
        )

    def _spike_weights(self, neurons: Neurons, V: list[Array]) -> list[Array]:
        """Return the weights (m, r) of each group's spikes."""
        counts = np.cumsum([len(neurons), *(group.spikes.shape[1] for group in self.problem.output_groups)])
        return [part[start:stop] for part, start, stop in zip(V, counts[:-1], counts[1:], strict=True)]

    # --- the master problem ---

    def _master(self, deadline: float) -> _Master:
        tol = max(_LOOSE * self.gap * self.tight, _LOOSE * self.tol) if np.isfinite(self.upper) else self.loose
        master = self._by_interior_point(tol, deadline) if self.interior else self._by_newton(tol, deadline)
        self.eta = master.eta
        if master.value < self.upper:
            self.upper, self.best = master.value, (self.neurons, master)
        return master

    def _by_newton(self, tol: float, deadline: float) -> _Master:
        problem, blocks = self.problem, self._blocks
        if self.degenerate:
            master = self._degenerate_master(tol, deadline)
            if master is None and self._solvable(deadline):
                master = self._by_interior_point(tol, deadline)
            if master is not None:
                return master
        few = problem.lam == 0 and not self.degenerate
        most_steps = _FEW_STEPS if few else MOST_STEPS
        state, reached = solve_design(blocks, problem.lam, tol, self.eta, deadline, most_steps=most_steps)
        if few and reached > tol:  # Newton's steps wander where fewer neurons are in use than there are equations
            self.degenerate, self.eta = True, state.eta
            return self._by_newton(tol, deadline)
        if reached > 2 * tol and self._solvable(deadline):
            return self._by_interior_point(tol, deadline)
        dual = self._smallest_dual(state, tol, deadline) if reached > tol and problem.lam == 0 else state
        _, theta = dual.lower_bound(max(float(dual.norms.max()), 1e-300))
        duals = [theta * L for L in dual.duals]
        V = [state.eta[:, None] * A for A in state.A]
        return _Master(state.eta, V, duals, state.value + problem.constant, theta * dual.norms)

    def _solvable(self, deadline: float) -> bool:
        """Whether the interior-point method has one block, targets that the neurons span, and time."""
        if len(self.columns) > 1 or time.monotonic() > deadline:
            return False
        return self.problem.lam > 0 or self._spans(np.ones(len(self.neurons), dtype=np.bool_))

    def _degenerate_master(self, tol: float, deadline: float) -> _Master | None:
        """Solve a master problem of interpolation by `degenerate_masters`; None if that does not reach the tolerance.

        A problem is treated so after its first master problem that took many Newton steps.
        """
        blocks = self._blocks
        if self.feasible is not None:
            gain, size = self.problem.gain_and_size(self.feasible)
        else:
            state = evaluate(blocks, 0.0, self.eta)
            if state is None:
                return None
            gain, size = state.gain, state.size
        optimum = solve_degenerate(blocks, tol, gain / size, self.eta, deadline) if gain > 0 else None
        if optimum is None:
            return None
        norms, value = optimum.state.norms, float(np.sum(row_norms(np.hstack(optimum.V))))
        theta = 1 / float(norms.max())
        duals = [theta * L for L in optimum.state.duals]
        return _Master(optimum.state.eta, optimum.V, duals, value + self.problem.constant, theta * norms)

    def _smallest_dual(self, state: DesignState, tol: float, deadline: float) -> DesignState:
        """Return a state with a better dual of an interpolation problem than `state`, if there is one.

        If fewer neurons are in use than the rank of the labels, as at degenerate optima, M is singular and the dual
        array is not unique. A small lam selects the smallest one, whose bound is too low by at most the factor
        `_LITTLE` / 2.
        """
        if not state.gain > 0:
            return state
        lam = _LITTLE * state.gain / state.size
        other, _ = solve_design(state.blocks, lam, _LOOSE * tol, state.eta, deadline)
        largest, others = float(state.norms.max()), float(other.norms.max())
        return other if other.gain * largest > state.gain * others else state

    def _by_interior_point(self, tol: float, deadline: float) -> _Master:
        ((B, Z),) = self._blocks
        optimum = group_lasso(B, Z, self.problem.lam, tol=tol, eta=self.eta, deadline=deadline)
        # Its dual is within lam for lam > 0; here duals respond with at most 1.
        return _Master(
            optimum.eta, [optimum.V], [optimum.dual], optimum.value + self.problem.constant, row_norms(B.T @ optimum.dual)
        )  # fmt: skip

    # --- the search ---

    def _ask(self, master: _Master, deadline: float) -> Neurons | None:
        """Search for neurons with responses above 1, and update the bound."""
        candidates = [master.duals]
        centre = self.centre if self.feasible is None else self.feasible
        if centre is not None and self.exact:  # otherwise bounds are only estimates, which do not justify three searches
            candidates += [
                [part * new + (1 - part) * old for new, old in zip(master.duals, centre, strict=True)] for part in _BETWEEN
            ]
        new_neurons = []
        for duals in candidates:
            neurons, responses, exact = self._search(self.problem.lifted(duals), deadline)
            largest = max(float(np.max(responses, initial=0.0)), 1e-300)
            bound, theta = self.problem.bound(duals, largest)
            feasible = [theta * L for L in duals]
            if bound > self.lower or self.feasible is None:
                self.lower, self.feasible = bound, feasible
            if exact and (self.proved is None or bound > self.proved[0]):
                self.proved = bound, feasible
            more = responses > 1 + _VIOLATED
            if more.any():
                new_neurons.append(neurons[more])
            if largest <= 1 + _VIOLATED or time.monotonic() > deadline:
                break
        return self._fresh(Neurons.joined(new_neurons)) if new_neurons else None

    def _fresh(self, candidates: Neurons) -> Neurons:
        neuron_search = self.problem.neuron_search
        return neuron_search.distinct(neuron_search.straightened(candidates))

    def _confirm(self, deadline: float) -> Neurons | None:
        """Replace the estimated bound by a bound from an exact search; return the neurons that refute the estimate."""
        assert self.feasible is not None
        if self.proved is not None and self.proved[0] >= self.lower:
            return None
        lifted = self.problem.lifted(self.feasible)
        neurons, responses = self.problem.neuron_search.search(lifted, exact=True, floor=1.0, deadline=deadline)
        bound, theta = self.problem.bound(self.feasible, float(np.max(responses, initial=1.0)))
        confirmed = bound, [theta * L for L in self.feasible]
        if self.proved is None or bound > self.proved[0]:
            self.proved = confirmed
        self.lower, self.feasible = self.proved
        more = responses > 1 + _VIOLATED
        return self._fresh(neurons[more]) if more.any() else None

    def _corrected(self) -> None:
        """Correct the estimated bound by the neurons that have joined since."""
        assert self.feasible is not None
        responses = [B.T @ L for B, L in zip(self.columns, self.feasible, strict=True)]
        largest = float(np.max(row_norms(np.hstack(responses)), initial=0.0))
        if largest > 1:
            self.lower, theta = self.problem.bound(self.feasible, largest)
            self.feasible = [theta * L for L in self.feasible]

    def _search(self, dual: Array, deadline: float) -> tuple[Neurons, Array, bool]:
        neuron_search, rank = self.problem.neuron_search, self.problem.rank
        if neuron_search.dimension <= 2 or (self.exact and neuron_search.work(rank) <= _CHEAP):
            return *neuron_search.search(dual, exact=True, deadline=deadline), True
        bar = 1 + _LOOSE * max(self.gap, self.tol)
        hints = self.neurons[self.eta[: len(self.neurons)] > 0]
        return *neuron_search.search(dual, exact=False, hints=hints, bar=bar), False

    # --- neurons come and go ---

    def _drop(self, master: _Master) -> None:
        if self.gap > 0.5 * self.dropped_at:
            return
        K = len(self.neurons)
        eta, norms = master.eta[:K], master.norms[:K]
        if self.interior:
            keep = eta > _WORTH * (1 - norms) * np.mean(eta)
            if self.problem.lam == 0 and not self._spans(keep):
                return
        else:
            keep = np.any(np.hstack(master.V)[:K] != 0, axis=1) | (norms > _IDLE)
            if self.degenerate and not self._enough(keep):
                return
        self._keep(keep)
        self.dropped_at = self.gap

    def _keep(self, keep: NDArray[np.bool_]) -> None:
        """Drop the neurons that are not to be kept (K,)."""
        eta = np.append(self.eta[: len(keep)][keep], self.eta[len(keep) :])
        self._set(self.neurons[keep], [B[:, keep] for B in self.columns], eta)

    def _spans(self, keep: NDArray[np.bool_]) -> bool:
        """Whether the targets of the only group are linear combinations of these neurons."""
        B, Z = self.columns[0][:, keep], self.problem.output_groups[0].Z
        missed = Z - B @ np.linalg.lstsq(B, Z, rcond=None)[0]
        return float(np.linalg.norm(missed)) <= _MISSED * float(np.linalg.norm(Z))

    def _add(self, new_neurons: Neurons, weights: Array) -> None:
        columns = [np.hstack(pair) for pair in zip(self.columns, self.problem.columns(new_neurons), strict=True)]
        eta = np.concatenate([self.eta[: len(self.neurons)], weights, self.eta[len(self.neurons) :]])
        self._set(Neurons.joined([self.neurons, new_neurons]), columns, eta)


def in_units(callback: RoundCallback | None, unit: float) -> RoundCallback | None:
    """Return a callback that multiplies the bounds by `unit` and passes them on to `callback`; None for None."""
    return callback and (lambda round_, upper, lower: callback(round_, upper * unit, lower * unit))


def feasible_weights(problem: ReducedLeastSquares, optimum: Optimum) -> list[Array]:
    """Return output weights corrected for a small violation of the constraint of lam = 0.

    A violation that is rounding is left as it is: nearly dependent neurons would make a large correction of it.
    """
    if problem.lam > 0:
        return optimum.V
    weights = []
    for V, B, group in zip(optimum.V, problem.columns(optimum.neurons), problem.output_groups, strict=True):
        for _ in range(2):
            missed = group.Z - B @ V
            if np.linalg.norm(missed) > _MISSED * np.linalg.norm(group.Z):
                V = V + least_change(B, missed, optimum.eta[: len(V)])
        weights.append(V)
    return weights
