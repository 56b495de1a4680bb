"""Interpolants and fits of several inputs, and what is returned for them.

These functions take validated arrays; the public ones are `vvnorm.interpolate`, `vvnorm.fit`, `vvnorm.fit_path` and
`vvnorm.lambda_max`.
"""

import math
import platform
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from vvnorm._internal.deadline import OUT_OF_TIME, TIME_LIMIT
from vvnorm._internal.threads import one_blas_thread
from vvnorm._internal.units import unit
from vvnorm._internal.words import count, proof
from vvnorm.float64 import Origin, counted_from
from vvnorm.losses import Loss, is_rounding, solvable
from vvnorm.network import ReLUNetwork, row_norms
from vvnorm.solution import Solution
from vvnorm.solvers.multivariate.affine_elimination import Convention, Inputs, Reduction
from vvnorm.solvers.multivariate.column_generation import Advance, Optimum, WarmStart, feasible_weights, generate, in_units
from vvnorm.solvers.multivariate.convex_losses import SMOOTH, Data, Fitted, best_affine, fit_losses, largest_response
from vvnorm.validation import Array, RepeatedInput, as_tolerance, is_empty, levels
from vvnorm.verifier.check import Certificate, convention_in_words, judge, label_units
from vvnorm.verifier.flat_inputs import Subspace
from vvnorm.verifier.line_fit import FitCertificate
from vvnorm.verifier.shifts import affine, misfits
from vvnorm.verifier.verification import Verification

_FOR_LAM_MAX = 0.1  # of a limit of time
_ROOM = 0.9  # of the cost that the tolerance leaves; the rest is for rounding
_FAR = 1e30  # times lam_max, or part of it: fits of lam beyond are those there, as far as float64 holds them
_STRAIGHT = 1e3  # times lam_max: where neurons of no use would cost much, the affine fit is taken at once
_NEGLIGIBLE = 1e-30  # of an output's largest weight: losses that count less show in no digit
_METHOD = "column generation"
_REACHED = "tolerance reached"
_LOOSER = 4e-8  # `vvnorm.verifier.neuron_bound` says 3e-8
_DIVERGING = 1e-9 * np.log(2)  # mean logistic loss: margins of about 21


@dataclass(frozen=True, eq=False, repr=False)
class MultivariateSolution(Solution):
    """An interpolant (lam = 0) or a fit of points in several dimensions, with its certificate.

    Attributes
    ----------
    network : ReLUNetwork
    dual : (N, T) array
        Lambda, by rows of X: what the certificate is made from.
    X, Y : (N, d) and (N, T) arrays
        The data in the caller's order, classes as the losses read them.
    tol : float
        Relative gap (and residual) up to which `verify` accepts.
    lam : float
        0 for interpolation.
    losses : tuple of T Loss
    weights : (N, T) array or None
    skip, penalise_bias : bool
        Whether networks with a skip connection compete; whether the cost of a neuron is ||(w, b)|| ||v||.
    history : list of (upper, lower) pairs
        Bounds on the objective after each round of column generation (each step, where there are logistic losses), as the
        solver saw them: the lower ones are estimates where `provenance["bounds"]` says so.
    provenance : mapping
        Method, status, rounds, versions, seconds, and notes.
    lam_max : float or None
        The least lam whose fit is affine, as far as the search goes; None for interpolation, or if there was no time.
    """

    network: ReLUNetwork
    dual: Array = field(repr=False)
    X: Array = field(repr=False)
    Y: Array = field(repr=False)
    tol: float
    lam: float
    losses: tuple[Loss, ...] = field(repr=False)
    weights: Array | None = field(repr=False)
    skip: bool
    penalise_bias: bool
    history: list[tuple[float, float]] = field(repr=False)
    provenance: Mapping[str, Any] = field(repr=False)
    lam_max: float | None = None
    within: "MultivariateSolution | None" = field(default=None, repr=False)
    """For inputs that lie in an affine subspace up to rounding: the solution in coordinates there."""
    subspace: Subspace | None = field(default=None, repr=False)
    """That subspace. The certificate's bound is about points in it; residual, losses and cost are `network`'s at X."""
    origin: Origin | None = None

    # --- the proof ---

    @cached_property
    def certificate(self) -> Certificate | FitCertificate:
        """Primal and dual side of the proof."""
        options: dict[str, Any] = {"dual": self._judged_dual, "skip": self.skip, "penalise_bias": self.penalise_bias}
        options["subspace"] = self.subspace
        if self.lam > 0:
            options |= {"lam": self.lam, "loss": self.losses, "weights": self.weights}
        found = judge(self.network, self.X, self.Y, **options)
        if self.lam == 0 or found.gap <= self.tol:
            return found
        # Where classes are separated, the verifier's own dual array may be better than the solver's.
        own = judge(self.network, self.X, self.Y, **{**options, "dual": None})
        return min(found, own, key=lambda one: one.gap)

    @property
    def _judged_dual(self) -> Array:
        """The dual as the verifier reads it: for interpolation with one input, eta(t) = sum_j Lambda_j relu(x_j - t)."""
        if self.lam > 0 or self.penalise_bias or self.X.shape[1] > 1:
            return self.dual
        t = np.unique(self.X)
        eta: Array = np.maximum(self.X.T - t[:, None], 0.0) @ self.dual
        return eta / (float(np.max(row_norms(eta))) or 1.0)  # the verifier scales down only

    @property
    def value(self) -> float:
        """What was minimised: the network's cost, or its losses plus lam times that."""
        certificate = self.certificate
        return certificate.vv_norm if isinstance(certificate, Certificate) else certificate.objective

    @property
    def vv_norm(self) -> float:
        """The network's cost, without the factor lam."""
        return self.certificate.vv_norm

    def verify(self) -> Verification:
        """Check the certificate with code that shares nothing with the solver."""
        certificate = self.certificate
        options: dict[str, Any] = {"tol": self.tol}
        if isinstance(certificate, FitCertificate):
            options["weights"] = self.weights
        return Verification(tuple(certificate.complaints(self.network, self.X, self.Y, **options)))

    def sparse(self, tol: float | None = None) -> "MultivariateSolution":
        """Return a solution with few neurons and the same values at the points.

        Parameters
        ----------
        tol : float, optional
            Relative gap that it may have; by default the solution's own `tol`.

        Returns
        -------
        MultivariateSolution
            With one output and a skip connection it has at most N - 1 - d neurons; see `solvers.multivariate.sparsify`.
        """
        from vvnorm.solvers.multivariate.sparsify import sparse_network

        if self.within is not None:
            assert self.subspace is not None
            inside = self.within.sparse(tol)
            return replace(self, network=_raised(inside.network, self.subspace), within=inside)
        tol = self.tol if tol is None else as_tolerance(tol)
        convention = Convention(self.skip, self.penalise_bias)
        room = max(self.lower_bound / (1 - tol) - self.value, 0.0) * _ROOM / (self.lam or 1.0)
        network = sparse_network(self.network, Inputs(self.X, convention), self.vv_norm + room)
        return replace(self, network=network)

    # --- values ---

    def __call__(self, X: ArrayLike) -> Array:
        """Evaluate at X, shape (n, d); shape (n, T)."""
        return np.empty((0, self.Y.shape[1])) if is_empty(X) else self.network(counted_from(X, self.origin))

    def _at(self, x: Array) -> Array:
        return self.network(x)

    # --- words ---

    @property
    def notes(self) -> list[str]:
        """What to know before using it; usually nothing. Certifies it."""
        found = list(self.provenance["notes"])
        if self.provenance["status"] == TIME_LIMIT:
            found.append(OUT_OF_TIME)
        if not self.gap <= self.tol:
            found.append(f"proved optimal to a relative gap of {self.gap:.2g} only, not {self.tol:.2g}")
        return found

    def _setting(self) -> str:
        if self.lam == 0:
            return ", interpolant" + convention_in_words(self.skip, self.penalise_bias)
        losses = ", ".join(dict.fromkeys(map(str, self.losses)))
        return f", lam {self.lam:.6g}, {losses}" + convention_in_words(self.skip, self.penalise_bias)

    def _state(self) -> tuple[str, ...]:
        made = vars(self).get("certificate")
        if made is None:
            if not self.history:
                return ("not certified yet: see verify()",)
            upper, lower = self.history[-1]
            gap = (upper - lower) / upper if upper > 0 else 0.0
            what = "VV norm" if self.lam == 0 else "objective"
            return (
                f"{what} {upper:.6g}, relative gap {gap:.2g}, as the solver sees them",
                "not certified yet: see verify()",
            )
        if isinstance(made, Certificate):
            return (proof("VV norm", made.vv_norm, made.lower_bound, made.gap, self.tol, made.relative_residual),)
        return (
            proof("objective", made.objective, made.lower_bound, made.gap, self.tol),
            f"loss {made.loss:.6g}, VV norm {made.vv_norm:.6g}",
        )

    def record(self) -> dict[str, Any]:
        """What was found, as plain numbers and words: for JSON."""
        certificate = self.certificate
        if isinstance(certificate, Certificate):
            special: dict[str, Any] = {"residual": certificate.residual, "relative_residual": certificate.relative_residual}
        else:
            losses = [str(loss) for loss in self.losses]
            special = {"lam": self.lam, "lam_max": self.lam_max, "losses": losses, "loss": certificate.loss}
        return {
            "points": len(self.X),
            "inputs": self.X.shape[1],
            "outputs": self.Y.shape[1],
            "value": self.value,
            "vv_norm": self.vv_norm,
            "lower_bound": self.lower_bound,
            "gap": self.gap,
            **special,
            "neurons": self.network.n_neurons,
            "skip": self.skip,
            "penalise_bias": self.penalise_bias,
            "notes": self.notes,
            **self._origin(),
            "provenance": {name: value for name, value in self.provenance.items() if name != "notes"},
        }

    def summary_lines(self, y_names: Sequence[str] = ()) -> list[tuple[str, str]]:
        """Names and words, a pair per line."""
        record = self.record()
        lines = [
            ("data", _size(record)),
            ("method", f"{record['provenance']['method']}, {count(record['provenance']['rounds'], 'round')}"),
        ]
        if self.lam > 0:
            names = y_names or [str(t) for t in range(len(self.losses))]
            same = len(set(self.losses)) == 1
            named = ", ".join(f"{name}: {loss}" for name, loss in zip(names, self.losses, strict=True))
            lines += [("loss", str(self.losses[0]) if same else named), ("lam", f"{self.lam:.10g}")]
            lines += [("objective", f"{self.value:.10g}"), ("losses", f"{record['loss']:.10g}")]
        lines += [("VV norm", f"{self.vv_norm:.10g}"), ("lower bound", f"{self.lower_bound:.10g}")]
        lines += [("relative gap", f"{self.gap:.2g}")]
        if self.lam == 0:
            lines += [("relative residual", f"{record['relative_residual']:.2g}")]
        return [*lines, ("neurons", str(record["neurons"])), *(("note", note) for note in self.notes)]


def _size(record: Mapping[str, Any]) -> str:
    return ", ".join(count(record[f"{noun}s"], noun) for noun in ("point", "input", "output"))


def searched_exactly(X: Array, outputs: int) -> bool:
    """Whether an exact search over all neurons is affordable for so many outputs at points X (N, d)."""
    return Inputs(X, Convention()).neuron_search.exact(min(outputs, len(X)))


# --- interpolation ----------------------------------------------------------------------------------------------------


def interpolate_points(
    X: Array,
    Y: Array,
    convention: Convention,
    tol: float,
    *,
    max_iter: int | None = None,
    time_limit: float | None = None,
    seed: int = 0,
    advance: Advance | None = None,
) -> MultivariateSolution:
    """Find the interpolant of least cost of labels Y (N, T), NaN = missing, at points X (N, d)."""
    began = time.perf_counter()
    known = ~np.isnan(Y).all(axis=1)
    if not known.all():  # a point without a label asks for nothing, and is no place for a kink
        effort: dict[str, Any] = {"max_iter": max_iter, "time_limit": time_limit, "seed": seed, "advance": advance}
        inside = interpolate_points(X[known], Y[known], convention, tol, **effort)
        dual = np.zeros(Y.shape)
        dual[known] = inside.dual
        return replace(inside, X=X, Y=Y, dual=dual)
    points = Inputs(X, convention, seed)
    if points.flat:
        inside = interpolate_points(
            points.coordinates, Y, convention, tol, max_iter=max_iter, time_limit=time_limit, seed=seed, advance=advance
        )  # fmt: skip
        return _lifted(inside, points)
    level = levels(Y)
    weights, labels = _merged_labels(points, Y)
    labels = np.where(weights > 0, labels - level, 0.0)
    reduction = Reduction(points, weights, labels, 0.0)
    squares = reduction.squares
    if squares.affine:
        network = reduction.network(squares.neuron_search.random(1)[:0], [])
        at_points, history, facts = np.zeros_like(labels), [], _facts(None)
    else:
        with one_blas_thread():
            options: dict[str, Any] = {
                "deadline": _deadline(time_limit),
                "advance": in_units(advance, reduction.objective_unit),
            }
            # What the verifier adds for rounding shows where points are close to each other.
            wanted = tol / 2 if squares.neuron_search.close else _target(tol, points)
            optimum = generate(squares, wanted, max_iter=max_iter, **options)
            network = reduction.network(optimum.neurons, feasible_weights(squares, optimum))
        at_points, history, facts = reduction.dual(optimum.duals), optimum.history, _facts(optimum)
    present = 1.0 - np.isnan(Y)
    share = present / np.maximum(points.summed(present), 1.0)[points.group]  # equal inputs share their point's dual
    dual = at_points[points.group] * share
    unit = reduction.objective_unit
    facts["seconds"] = time.perf_counter() - began
    return _judged(
        MultivariateSolution(
            network.raised(level), dual, X, Y, tol, 0.0, (Loss("squared"),) * Y.shape[1], None,
            convention.skip, convention.penalise_bias,
            [(upper * unit, lower * unit) for upper, lower in history], facts,
        ),
        points,
    )  # fmt: skip


def _target(tol: float, points: Inputs) -> float:
    """Gap to ask of the solver for the verifier to prove `tol`: its bound on neurons is looser, in each dimension."""
    return max(tol - _LOOSER * points.P.shape[1], tol / 2)


def _judged(solution: MultivariateSolution, points: Inputs) -> MultivariateSolution:
    """Take back a status that the certificate does not confirm; where points are close, or the gap is tiny, it may not."""
    unsure = points.neuron_search.close or _target(solution.tol, points) == solution.tol / 2
    if not (unsure and solution.provenance["status"].startswith(_REACHED)):
        return solution
    certificate = solution.certificate
    if not certificate.shortcomings(solution.tol):
        return solution
    judged = replace(solution, provenance={**solution.provenance, "status": "rounding is the limit"})
    judged.__dict__["certificate"] = certificate
    return judged


def _lifted(inside: MultivariateSolution, points: Inputs) -> MultivariateSolution:
    """A solution in coordinates of the points' affine hull, as one in the caller's."""
    subspace = Subspace(points.centre, points.axes)
    where = f"an affine subspace of {count(points.axes.shape[1], 'dimension')} up to rounding"
    note = f"X lies in {where}; the certificate's bound is about coordinates there"
    provenance = {**inside.provenance, "notes": [*inside.provenance["notes"], note]}
    network = _raised(inside.network, subspace)
    with np.errstate(over="ignore", invalid="ignore"):
        off = np.max(misfits(network, points.all, inside.network(inside.X)), axis=0)
    if not np.all(off <= inside.tol * label_units(np.nanmin(inside.Y, axis=0), np.nanmax(inside.Y, axis=0))):
        provenance["status"] = "rounding is the limit"  # such weights are not for float64
    return replace(inside, network=network, X=points.all, provenance=provenance, within=inside, subspace=subspace)


def _raised(f: ReLUNetwork, subspace: Subspace) -> ReLUNetwork:
    """A network of coordinates in a subspace as one of the space: x has the coordinates (x - centre) axes."""
    W, A = f.W @ subspace.axes.T, f.A @ subspace.axes.T
    # Biases are rounded once, however far the centre is.
    (b,), (c,) = (affine(-subspace.centre[None], *line)[0] for line in ((W, f.b), (A, f.c)))
    return ReLUNetwork(W, b, f.V, A, c)


def _merged_labels(points: Inputs, Y: Array) -> tuple[Array, Array]:
    """Presence (1 or 0) and labels at distinct points.

    Raises
    ------
    ValueError
        If labels at one point differ.
    """
    shape = (len(points), Y.shape[1])
    low, high = np.full(shape, np.inf), np.full(shape, -np.inf)
    np.minimum.at(low, points.group, np.where(np.isnan(Y), np.inf, Y))
    np.maximum.at(high, points.group, np.where(np.isnan(Y), -np.inf, Y))
    differ = np.argwhere(high > low)
    if len(differ):
        point, output = differ[0]
        raise RepeatedInput.at(points.X[point], low[point, output], high[point, output], int(output))
    present = high >= low
    return present.astype(np.float64), np.where(present, low, 0.0)


# --- fits -------------------------------------------------------------------------------------------------------------


class FitProblem:
    """Data to fit for one lam or several.

    Parameters
    ----------
    X, Y : (N, d) and (N, T) arrays
        Labels are canonical; NaN = missing.
    weights : array that broadcasts to (N, T), or None
    losses : tuple of T Loss
        Smooth ones.
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
        self.losses, self.weights = losses, weights
        losses, shares = solvable(losses, Y, weights)
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
        # Powers of two in which losses, squares of labels, do not leave float64.
        self._w_unit, self._y_unit = unit(float(share.max())), 1.0
        self._level = np.where([loss.name == "logistic" for loss in losses], 0.0, levels(Y))
        if all(loss.name in ("squared", "huber") for loss in losses):
            self._y_unit = unit(float(np.max(np.abs(Y - self._level), where=share > 0, initial=0.0)))
            losses = tuple(replace(loss, parameter=loss.parameter / self._y_unit) for loss in losses)
        self.data = Data(points, (Y - self._level) / self._y_unit, share / self._w_unit, losses)
        self._found: float | None = None  # lam_max in the units of `data`

    @property
    def lam_max(self) -> float:
        """The least lam whose fit is affine (constant without a skip connection), as far as the search goes.

        Raises
        ------
        ValueError
            If it leaves float64.
        """
        return self.largest_lam()

    def largest_lam(self, deadline: float = np.inf) -> float:
        """Return the same, or a lower bound on it if there is a deadline, as of time.monotonic(), and it comes first."""
        critical = self._critical(deadline)
        with np.errstate(over="ignore", under="ignore"):
            found = critical * self._y_unit * self._w_unit
        if not (0 < found < math.inf) and critical > 0:
            raise ValueError("lam_max leaves the range of float64; rescale X, Y or weights")
        return found

    def _critical(self, deadline: float = np.inf) -> float:
        """The same in the units of `data`."""
        if self._found is not None:
            return self._found
        with one_blas_thread():
            data = self.data
            found = 0.0 if self._is_affine else largest_response(data.points, data.affine_fit.dual, deadline)
        if time.monotonic() <= deadline:
            self._found = found
        return found

    @cached_property
    def _is_affine(self) -> bool:
        """Whether the best affine fit misses the labels by their rounding only."""
        data = self.data
        columns = zip(data.losses, data.weights.T, data.affine_fit.values.T, data.Y.T, strict=True)
        lost = [weights @ loss.value(u, y) for loss, weights, u, y in columns]
        with np.errstate(over="ignore"):
            return is_rounding(data.losses, self.Y / self._y_unit, data.weights, np.array(lost))

    def fit(
        self,
        lam: float,
        tol: float,
        *,
        start: WarmStart | None = None,
        max_iter: int | None = None,
        time_limit: float | None = None,
        advance: Advance | None = None,
    ) -> tuple[MultivariateSolution, WarmStart | None]:
        """Return the fit, and what to start a fit for a similar lam with."""
        began, deadline = time.perf_counter(), _deadline(time_limit)
        with one_blas_thread():
            objective_unit = self._w_unit * self._y_unit * self._y_unit
            options: dict[str, Any] = {"deadline": deadline, "advance": in_units(advance, objective_unit)}
            # Where time is short, lam_max may have a small part of it.
            critical = self._critical(_deadline(None if time_limit is None else _FOR_LAM_MAX * time_limit))
            strength = self._in_units(lam, critical)
            if self._is_affine:
                status = "labels are affine but for rounding: the cost is 0"
                found = replace(best_affine(self.data, strength), dual=np.zeros_like(self.data.Y), status=status)
            elif strength > _STRAIGHT * critical > 0 and self._found is not None:
                found = best_affine(self.data, strength)
            else:
                target = _target(tol, self.data.points)
                found = fit_losses(self.data, strength, target, start, max_iter=max_iter, **options)
        facts = _facts(found.optimum) | {"status": found.status, "steps": found.steps}
        facts["notes"] = facts["notes"] + self._separated(found)
        if found.optimum is not None and not found.optimum.proved:
            facts["estimated_gap"] = found.gap
        facts["seconds"] = time.perf_counter() - began
        history = [(upper * objective_unit, lower * objective_unit) for upper, lower in found.history]
        lam_max = None if self._found is None and time.monotonic() > deadline else self.largest_lam(deadline)
        free = self.convention
        f, unit = found.network, self._y_unit
        network = f if unit == 1 else ReLUNetwork(f.W, f.b, f.V * unit, f.A * unit, f.c * unit)
        solution = MultivariateSolution(
            network.raised(self._level), found.dual * unit * self._w_unit, self.X, self.Y, tol, lam, self.losses,
            self.weights, free.skip, free.penalise_bias, history, facts, lam_max,
        )  # fmt: skip
        solution = _judged(solution, self.data.points)
        return solution if self._outside is None else _lifted(solution, self._outside), found.start

    def _in_units(self, lam: float, critical: float) -> float:
        """Turn a caller's lam into the units of `data`; one out of all proportion becomes one that can be computed with.

        Its fit is the affine one, or next to an interpolant.
        """
        with np.errstate(over="ignore", under="ignore"):
            scaled = float(np.float64(lam) / self._y_unit / self._w_unit)
        critical = critical or self.data.points.unit
        return min(max(scaled, critical / _FAR), critical * _FAR)

    def _separated(self, found: Fitted) -> list[str]:
        """Say which outputs have classes that are separated so well that fitted values diverge as lam falls."""
        fitted = found.network(self.X)  # of classes, which have no level
        notes = []
        for t, loss in enumerate(self.data.losses):
            count = np.count_nonzero(self.data.weights[:, t])
            if loss.name == "logistic" and np.sum(loss.value(fitted[:, t], self.Y[:, t])) < _DIVERGING * count:
                notes.append(
                    f"output {t} separates its classes: its fitted values diverge as lam falls, here to 21 and more"
                )
        return notes


# --- facts ------------------------------------------------------------------------------------------------------------


def _facts(optimum: Optimum | None) -> dict[str, Any]:
    """Provenance of a solution."""
    notes = []
    if optimum is None:
        facts: dict[str, Any] = {"method": "affine function", "status": "labels are affine: the cost is 0", "rounds": 0}
    else:
        bounds = "proved by exact searches" if optimum.proved else "estimates: no neuron found by climbing refutes them"
        facts = {"method": _METHOD, "status": optimum.status, "rounds": optimum.rounds, "bounds": bounds}
        if not optimum.proved:
            notes.append("an exact search over all neurons would take too long: found by climbing, bounded otherwise")
    return {**facts, "numpy": np.__version__, "python": platform.python_version(), "notes": notes}


def _deadline(time_limit: float | None) -> float:
    return np.inf if time_limit is None else time.monotonic() + time_limit
