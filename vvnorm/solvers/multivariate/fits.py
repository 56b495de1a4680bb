"""Fits of several inputs by column generation, from validated arrays; results are not certified here."""

import math
import time
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np

from vvnorm._internal.callbacks import RoundCallback
from vvnorm._internal.deadline import TIME_LIMIT
from vvnorm._internal.threads import one_blas_thread
from vvnorm._internal.units import unit
from vvnorm.losses import Loss, is_rounding, separation_notes, solvable
from vvnorm.network import ReLUNetwork
from vvnorm.solvers.multivariate.affine_elimination import Convention, Inputs
from vvnorm.solvers.multivariate.column_generation import WarmStart, in_units
from vvnorm.solvers.multivariate.convex_losses import (
    SMOOTH,
    Data,
    Fitted,
    best_affine,
    cost,
    fit_losses,
    largest_response,
)
from vvnorm.solvers.multivariate.interpolation import (
    PointsSolution,
    check_memory,
    deadline_after,
    in_doubt,
    most_points_in_memory,
    provenance_of,
    target_gap,
)
from vvnorm.tolerances import EPS
from vvnorm.validation import Array, levels

_FOR_LAM_MAX = 0.1  # part of a time limit for lam_max
_FAR = 1e30  # lam further than this factor from lam_max is replaced by the limit: float64 cannot tell the fits apart
_CANCELLED = 4 * EPS  # relative to sum |R_ij| times the extent of the inputs: a smaller response is rounding
_STRAIGHT = 1e3  # relative to lam_max; for larger lam the affine fit is returned at once
_RATE = 1e8  # cubes of numbers of points per second: matrices of all pairs are decomposed
_LEAST_POINTS = 50  # of a part of the data
_MIXTURES = np.linspace(0.0, 1.0, 9)  # of the best affine function and a network
_NARROW = 3e-9  # dual values are misfits over delta; for a smaller delta than this part of the labels they are rounding
_FAR_LABELS = 1e6  # labels further from 0, relative to their spread, may be too coarse for the tolerance
_UNEVEN = 1e6  # ratio of an output's weights beyond which a logistic dual array may lack the room to be made orthogonal
_VANISHING = 1e-6  # a logistic objective below this part of the weights is that of classes that are nearly separated
_NEGLIGIBLE = 1e-30  # a loss below this part of an output's largest weight changes no digit


def searched_exactly(X: Array, outputs: int, convention: Convention | None = None) -> bool:
    """Whether an exact search over all neurons is affordable for this number of outputs at points X (N, d)."""
    return Inputs(X, convention or Convention()).neuron_search.exact(min(outputs, len(X)))


class FitProblem:
    """Data to fit for one lam or several.

    Parameters
    ----------
    X, Y : (N, d) and (N, T) arrays
        Labels are canonical; NaN = missing.
    weights : array that broadcasts to (N, T), or None
    losses : tuple of T Loss
        Smooth losses.
    convention : Convention
    seed : int
    local_search : bool
        See `NeuronSearch`.

    Raises
    ------
    ValueError
        For losses with a corner.
    """

    def __init__(
        self,
        X: Array,
        Y: Array,
        weights: Array | None,
        losses: tuple[Loss, ...],
        convention: Convention,
        seed: int = 0,
        *,
        local_search: bool = False,
    ) -> None:
        for loss in losses:
            if loss.name not in SMOOTH:
                raise ValueError(f"loss {loss.name!r} has a corner; with several inputs there are {', '.join(SMOOTH)}")
        self.losses, self.weights, self._seed = losses, weights, seed
        losses, shares = solvable(losses, Y, weights, _NARROW)
        replaced = any(loss.name == "huber" and loss != given for loss, given in zip(losses, self.losses, strict=True))
        options = {"merge": all(loss.name != "huber" for loss in losses), "local_search": local_search}
        points = Inputs(X, convention, seed, **options)
        self._outside = points if points.flat else None
        if points.flat:
            X, points = points.coordinates, Inputs(points.coordinates, convention, seed, **options)
        self.X, self.Y, self.convention = X, Y, convention
        share = np.broadcast_to(np.ones((1, 1)) if shares is None else shares, Y.shape)
        share = np.where(np.isnan(Y), 0.0, share)
        bounded = np.array([loss.name != "squared" for loss in losses])
        share = np.where(bounded & (share < _NEGLIGIBLE * share.max(axis=0)), 0.0, share)
        # Units, powers of two, in which losses, squares of labels, do not leave float64.
        self._w_unit, self._y_unit = unit(float(share.max())), 1.0
        self._level = np.where([loss.name == "logistic" for loss in losses], 0.0, levels(Y))
        spread = np.nanmax(Y, axis=0) / 2 - np.nanmin(Y, axis=0) / 2
        self._unsure = replaced or bool(np.any(np.abs(self._level) > _FAR_LABELS * spread))
        least = np.min(share, axis=0, where=share > 0, initial=np.inf)
        uneven = [loss.name == "logistic" for loss in losses] & (share.max(axis=0) > _UNEVEN * least)
        self._unsure |= bool(np.any(uneven))
        if all(loss.name in ("squared", "huber") for loss in losses):
            self._y_unit = unit(float(np.max(np.abs(Y - self._level), where=share > 0, initial=0.0)))
            losses = tuple(replace(loss, parameter=loss.parameter / self._y_unit) for loss in losses)
        self.data = Data(points, (Y - self._level) / self._y_unit, share / self._w_unit, losses)
        self._found: float | None = None  # lam_max in the units of `data`

    @property
    def lam_max(self) -> float:
        """The least lam whose fit is affine (constant without a skip connection); a lower bound if the search is not exact.

        Raises
        ------
        ValueError
            If it leaves float64.
        """
        return self.largest_lam()

    def largest_lam(self, deadline: float = np.inf) -> float:
        """Return `lam_max`, or a lower bound on it if the deadline, a value of time.monotonic(), ends the search."""
        critical = self._critical(deadline)
        with np.errstate(over="ignore", under="ignore"):
            largest = critical * self._y_unit * self._w_unit
        if not (0 < largest < math.inf) and critical > 0:
            raise ValueError("lam_max leaves the range of float64; rescale X, Y or weights")
        return largest

    def _critical(self, deadline: float = np.inf) -> float:
        """Return `largest_lam` in the units of `data`."""
        if self._found is not None:
            return self._found
        with one_blas_thread():
            data = self.data
            critical = 0.0 if self._is_affine else largest_response(data.points, data.affine_fit.dual, deadline)
        if time.monotonic() <= deadline:
            self._found = critical
        return critical

    @cached_property
    def _is_affine(self) -> bool:
        """Whether the residuals of the best affine fit are rounding of the labels."""
        data = self.data
        columns = zip(data.losses, data.weights.T, data.affine_fit.values.T, data.Y.T, strict=True)
        lost = [weights @ loss.value(u, y) for loss, weights, u, y in columns]
        with np.errstate(over="ignore"):
            return is_rounding(data.losses, self.Y / self._y_unit, data.weights, np.array(lost))

    def solve(
        self,
        lam: float,
        tol: float,
        *,
        start: WarmStart | None = None,
        max_iter: int | None = None,
        time_limit: float | None = None,
        callback: RoundCallback | None = None,
    ) -> tuple[PointsSolution, WarmStart | None]:
        """Return the fit, and a start for a fit with a similar lam; if time is short for all points, fit some of them.

        Raises
        ------
        MemoryError
            Without a time limit, if the matrices of all pairs of points do not fit into memory.
        """
        effort: dict[str, Any] = {"max_iter": max_iter, "time_limit": time_limit, "callback": callback}
        most, short_of = len(self.X), "time"
        if time_limit is not None:
            in_time, in_memory = int((_RATE * time_limit) ** (1 / 3)), most_points_in_memory()
            most, short_of = max(_LEAST_POINTS, min(in_time, in_memory)), "time" if in_time <= in_memory else "memory"
        elif not self._is_affine:
            check_memory(len(self.data.points), "; with a time_limit a random part of them is fitted, with a bound for all")
        if len(self.X) > most and not self._is_affine:
            return self._solve_in_part(lam, tol, most, short_of, effort), None
        return self._solve_whole(lam, tol, start=start, **effort)

    def _solve_whole(
        self,
        lam: float,
        tol: float,
        *,
        start: WarmStart | None = None,
        max_iter: int | None,
        time_limit: float | None,
        callback: RoundCallback | None,
    ) -> tuple[PointsSolution, WarmStart | None]:
        began, deadline = time.perf_counter(), deadline_after(time_limit)
        with one_blas_thread():
            objective_unit = self._w_unit * self._y_unit * self._y_unit
            options: dict[str, Any] = {"deadline": deadline, "callback": in_units(callback, objective_unit)}
            # With a time limit, lam_max gets a small part of the time.
            critical = self._critical(deadline_after(None if time_limit is None else _FOR_LAM_MAX * time_limit))
            strength = self._in_units(lam, critical)
            if self._is_affine:
                status = "labels are affine but for rounding: the cost is 0"
                fitted = replace(best_affine(self.data, strength), dual=np.zeros_like(self.data.Y), status=status)
            elif self._found is not None and (strength > _STRAIGHT * critical > 0 or self._is_rounding(critical)):
                fitted = best_affine(self.data, strength)
            else:
                target = target_gap(tol, self.data.points)
                fitted = fit_losses(self.data, strength, target, start, max_iter=max_iter, **options)
        facts = provenance_of(fitted.optimum) | {"status": fitted.status, "steps": fitted.steps}
        facts["notes"] = facts["notes"] + self._separated(fitted)
        if fitted.optimum is not None and not fitted.optimum.proved:
            facts["estimated_gap"] = fitted.gap
        facts["seconds"] = time.perf_counter() - began
        history = [(upper * objective_unit, lower * objective_unit) for upper, lower in fitted.history]
        lam_max = None if self._found is None and time.monotonic() > deadline else self.largest_lam(deadline)
        f, unit = fitted.network, self._y_unit
        network = f if unit == 1 else ReLUNetwork(f.W, f.b, f.V * unit, f.A * unit, f.c * unit)
        solved = PointsSolution(
            network=network.raised(self._level),
            dual=fitted.dual * unit * self._w_unit,
            X=self.X,
            history=history,
            provenance=facts,
            in_doubt=in_doubt(facts, tol, self.data.points, self._unsure or self._vanishes(fitted)),
            lam_max=lam_max,
            space=self._outside,
        )
        return solved, fitted.start

    def _solve_in_part(self, lam: float, tol: float, most: int, short_of: str, effort: dict[str, Any]) -> PointsSolution:
        """Fit as many rows as there is time and memory for, and return the best mixture of that fit with the affine one.

        Losses are not negative, so a bound on the objective of some rows holds for all: its dual array is 0 elsewhere.
        """
        began = time.perf_counter()
        rows = np.sort(np.random.default_rng(self._seed).choice(len(self.X), most, replace=False))
        for t in np.flatnonzero(np.isnan(self.Y[rows]).all(axis=0)):  # every output has a label
            rows = np.union1d(rows, np.flatnonzero(~np.isnan(self.Y[:, t]))[:1])
        weights = None if self.weights is None else np.broadcast_to(self.weights, self.Y.shape)[rows]
        part = FitProblem(self.X[rows], self.Y[rows], weights, self.losses, self.convention, self._seed)
        solved, _ = part._solve_whole(lam, tol, **effort)
        network, unit = solved.network, self._y_unit
        line = best_affine(self.data, self._in_units(lam, 0.0)).network
        A, c = line.A * unit, line.c * unit + self._level

        def mixed(share: float) -> ReLUNetwork:
            some = slice(None) if share else slice(0)
            hidden = network.W[some], network.b[some], share * network.V[:, some]
            return ReLUNetwork(*hidden, share * network.A + (1 - share) * A, share * network.c + (1 - share) * c)

        shares = _MIXTURES if solved.space is None else _MIXTURES[:1]
        best = min((mixed(share) for share in shares), key=lambda f: self._objective(f, lam))
        dual = np.zeros(self.Y.shape)
        dual[rows] = solved.dual
        upper, lower = self._objective(best, lam), solved.history[-1][1] if solved.history else 0.0
        note = f"there was no {short_of} for all points: {len(rows)} of {len(self.X)} were fitted"
        facts = {**solved.provenance, "status": TIME_LIMIT, "notes": [*solved.provenance["notes"], note]}
        facts["seconds"] = time.perf_counter() - began
        history = [*solved.history[:-1], (upper, min(lower, upper))]
        return PointsSolution(best, dual, self.X, history, facts, in_doubt=False, space=self._outside)

    def _objective(self, network: ReLUNetwork, lam: float) -> float:
        """Objective of a network, in the caller's units."""
        values, shares = network(self.X), np.broadcast_to(1.0 if self.weights is None else self.weights, self.Y.shape)
        with np.errstate(invalid="ignore", over="ignore"):
            each = [loss.value(u, y) for loss, u, y in zip(self.losses, values.T, self.Y.T, strict=True)]
            return float(np.nansum(shares * np.column_stack(each))) + lam * cost(network, self.convention)

    def _in_units(self, lam: float, critical: float) -> float:
        """Convert a caller's lam to the units of `data`; an extremely large or small lam is replaced by one within float64.

        The fit of such a lam is affine, or nearly an interpolant.
        """
        with np.errstate(over="ignore", under="ignore"):
            scaled = float(np.float64(lam) / self._y_unit / self._w_unit)
        critical = critical or self.data.points.unit
        return min(max(scaled, critical / _FAR), critical * _FAR)

    def _is_rounding(self, critical: float) -> bool:
        """Whether a lam_max is the rounding of the affine fit's dual array: then the affine fit is best for every lam."""
        size = float(np.abs(self.data.affine_fit.dual).sum()) * self.data.points.unit
        return critical <= _CANCELLED * size

    def _vanishes(self, result: Fitted) -> bool:
        """Whether the objective is so small that logistic losses have lost their digits."""
        classes = [loss.name == "logistic" for loss in self.data.losses]
        upper = result.history[-1][0] if result.history else math.inf
        return bool(upper < _VANISHING * self.data.weights[:, classes].sum())

    def _separated(self, result: Fitted) -> list[str]:
        """List outputs whose classes are so well separated that fitted values diverge as lam falls."""
        fitted = result.network(self.X)  # of classes, which have no level
        return separation_notes(self.data.losses, fitted, self.Y, self.data.weights)
