"""Fits of one input: the result of knot generation as a `Fit`, with other solvers where its gap exceeds the tolerance."""

import math
import platform
import time
from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import numpy as np

from vvnorm._internal.callbacks import RoundCallback
from vvnorm._internal.deadline import TIME_LIMIT, Deadline
from vvnorm.api.limits import MAX_POINTS
from vvnorm.losses import DIVERGING
from vvnorm.network import ReLUNetwork
from vvnorm.results.univariate_fit import REACHED, Fit
from vvnorm.solvers.univariate.fits.constant_fit import fit_constant
from vvnorm.solvers.univariate.fits.dispatch import (
    KnotSolution,
    Problem,
    dual_values,
    known_critical_lam,
    solve,
    with_constants,
)
from vvnorm.solvers.univariate.fits.local_dual import local_dual
from vvnorm.validation import as_inputs

if TYPE_CHECKING:
    from vvnorm.solvers.reference import CurvatureFit

_LARGEST = np.finfo(np.float64).max
_METHOD = "knot generation"
_EXPONENTS = (1.0, 0.5, 0.0)
"""Exponents of `vvnorm.solvers.reference.curvature_fit`, those that reach the tolerance most often first."""
_PROGRAM = "convex program (there is no skip connection)"
_AFTERWARDS = "convex program (knot generation had stopped)"
_FOR_BOUND = 0.2  # part of a time limit that is kept for bounds from parts of the data, up to `_ASCENT_AFTERWARDS`
_FOR_PROGRAM = 0.5  # part of the rest that is kept for a convex program, if knot generation is far from the optimum by then
_PER_LABEL = 5e-4  # seconds; a program that has less time per label ends with nothing of use (3000 labels: 1.5 s)
_ASCENT = 0.1  # seconds, at least, for improving the bound of a fit that hit its time limit
_LOOSE = 1e-2  # relative gap above which fits of parts of the data may give a better bound
_ASCENT_AFTERWARDS = 5.0  # the same, at most: 6000 labels take 2 s
_POSED = 2000  # most labels of a fit that is retried as a convex program
_POSED_IF_LOOSE = 10_000  # the same, if the gap is above `_LOOSE`: 3000 labels take 5 to 20 s, and end at 4e-5 to 7e-2
_SINGLE = "constant (one distinct input)"


def fit_line(
    problem: Problem,
    lam: float,
    tol: float,
    skip: bool,
    start: KnotSolution | None = None,
    deadline: Deadline | None = None,
    callback: RoundCallback | None = None,
) -> Fit:
    """Fit one input by knot generation; call other solvers if it ends above `tol`, or without a skip connection.

    A deadline is kept by all of them together: part of the time is for the bound, and for up to 10,000 labels part of it
    for a convex program, unless knot generation is near the optimum by then.
    """
    deadline = deadline or Deadline()
    before_bound = deadline.sooner(min(_FOR_BOUND * (deadline.left or 0.0), _ASCENT_AFTERWARDS))
    if not (skip or problem.is_single):
        return _with_local_dual(_fit_without_skip(problem, lam, tol, before_bound), problem, lam, deadline)
    first = before_bound
    if deadline.left is not None and problem.Y.size <= _POSED_IF_LOOSE:
        first = before_bound.sooner(_FOR_PROGRAM * (before_bound.left or 0.0))
    knots = solve(problem, lam, tol=tol, start=start, deadline=first, callback=callback)
    fit = _fit_of(knots, problem, lam, tol, skip)
    if problem.is_single or knots.gap <= tol:
        return fit
    if problem.Y.size <= _POSED or (knots.gap > _LOOSE and problem.Y.size <= _POSED_IF_LOOSE):
        fit = _retry_as_program(fit, problem, lam, tol, before_bound)
    if knots.limited and not before_bound.passed and fit.gap > tol:
        told = None if callback is None else partial(_numbered_from, callback, knots.rounds)
        more = solve(problem, lam, tol=tol, start=knots, deadline=before_bound, callback=told)
        effort = {name: getattr(knots, name) + getattr(more, name) for name in ("rounds", "steps", "seconds")}
        knots = replace(more, **effort)
        fit = _combine(fit, _fit_of(knots, problem, lam, tol, skip))
    if first is not before_bound and fit.gap <= tol:
        return fit
    return _with_local_dual(fit, problem, lam, deadline) if knots.limited or knots.gap > _LOOSE else fit


def _fit_of(knots: KnotSolution, problem: Problem, lam: float, tol: float, skip: bool) -> Fit:
    """Return the result of knot generation as a fit."""
    stopped = TIME_LIMIT if knots.limited else f"stopped at a relative gap of {knots.gap:.2g}"
    solver = {
        "method": _SINGLE if problem.is_single else _METHOD,
        "status": REACHED if knots.gap <= tol else stopped,
        "rounds": knots.rounds,
        "steps": knots.steps,
        **_versions(),
        "seconds": knots.seconds,
    }
    # The solver has computed lam_max, unless time was over before.
    lam_max = known_critical_lam(problem) if skip else None
    fields = _fields(problem, tol, lam)
    return Fit(_network_of(knots), **fields, skip=skip, lam_max=lam_max, knot_solution=knots, solver=solver)


def _numbered_from(callback: RoundCallback, before: int, number: int, upper: float, lower: float) -> None:
    callback(before + number, upper, lower)


def _is_time_for_program(problem: Problem, deadline: Deadline) -> bool:
    return deadline.left is None or deadline.left >= _PER_LABEL * problem.Y.size


def _with_local_dual(fit: Fit, problem: Problem, lam: float, deadline: Deadline) -> Fit:
    """Bound a fit that time ended, or that has a large gap, by fits of parts of the data, if that bound is better."""
    knots = fit.knot_solution
    if not knots.limited and (fit.gap <= _LOOSE or fit.value < DIVERGING * problem.Y.size):
        return fit
    seconds = _ASCENT_AFTERWARDS if deadline.left is None else max(_ASCENT, deadline.left)
    dual = local_dual(problem, lam, seconds, dual_values(problem, knots))
    if dual is None:
        return fit
    other = replace(fit, knot_solution=replace(knots, dual=dual))
    return other if knots.dual is None else _combine(fit, other)  # the verifier's own dual array is tried in any case


def _retry_as_program(fit: Fit, problem: Problem, lam: float, tol: float, deadline: Deadline) -> Fit:
    """Retry as a convex program where knot generation ends above `tol`, unless classes are separated."""
    if not _is_time_for_program(problem, deadline):
        return fit
    import cvxpy  # noqa: F401  # takes seconds the first time, which must not count as the program's

    for exponent in _EXPONENTS[: None if problem.Y.size <= _POSED else 1]:
        if fit.gap <= tol or fit.value < DIVERGING * problem.Y.size or not _is_time_for_program(problem, deadline):
            break
        began = time.perf_counter()
        try:
            result = _solve_program(problem.several, lam, exponent, True, deadline)
        except (RuntimeError, ValueError):  # ValueError: the range of the inputs is too large for the program
            continue
        knots = with_constants(problem, _read_program(result, fit.knot_solution.seconds + time.perf_counter() - began))
        network = result.network if problem.several is problem else _network_of(knots)
        solver = {**fit.solver, **result.provenance, "method": _AFTERWARDS, "seconds": knots.seconds}
        fit = _combine(fit, replace(fit, network=network, knot_solution=knots, solver=solver))
    return fit


def _fit_without_skip(problem: Problem, lam: float, tol: float, deadline: Deadline) -> Fit:
    """Fit by convex programs with several exponents until one reaches `tol`, and then by column generation.

    The result has the best function and the best dual array. If all fail, or time is over, a constant may be the best.
    """
    constant = _constant_fit(problem, lam, tol, "a constant is the best fit")
    if constant.gap <= tol:
        return constant
    best: Fit | None = None
    reason = TIME_LIMIT
    attempts: list[Callable[[Deadline], CurvatureFit | None]]
    attempts = [
        *(partial(_solve_program, problem, lam, exponent, False) for exponent in _EXPONENTS),
        partial(_generate_neurons, problem, lam, tol),
    ]
    for attempt in attempts:
        if best is not None and (best.gap <= tol or deadline.left == 0):
            break
        began = time.perf_counter()
        try:
            result = attempt(deadline)
        except RuntimeError as error:
            reason = f"{error}; the fit is a constant"
            continue
        if result is None:
            continue
        knots = _read_program(result, time.perf_counter() - began)
        solver = {"method": _PROGRAM, **result.provenance, **_versions(), "seconds": knots.seconds}
        fields = _fields(problem, tol, lam)
        best = _combine(best, Fit(result.network, **fields, skip=False, lam_max=None, knot_solution=knots, solver=solver))
    if best is not None and best.solver["status"] != TIME_LIMIT:
        return best
    return _constant_fit(problem, lam, tol, reason) if best is None or constant.value <= best.value else best


def _solve_program(problem: Problem, lam: float, exponent: float, skip: bool, deadline: Deadline) -> "CurvatureFit":
    from vvnorm.solvers.reference import curvature_fit

    solved = problem.solved
    options: dict[str, Any] = {"weights": solved.weights, "skip": skip, "time_limit": deadline.left}
    return curvature_fit(problem.x, problem.Y, lam, loss=solved.losses, exponent=exponent, **options)


def _generate_neurons(problem: Problem, lam: float, tol: float, deadline: Deadline) -> "CurvatureFit | None":
    """Fit by the solver for several inputs, if the points are few and it has the losses; else return None."""
    from vvnorm.api.multivariate import fit_points
    from vvnorm.solvers.multivariate.affine_elimination import Convention
    from vvnorm.solvers.multivariate.fits import FitProblem
    from vvnorm.solvers.reference import CurvatureFit

    x = np.unique(problem.x)
    if len(x) > MAX_POINTS or any(loss.name not in ("squared", "huber", "logistic") for loss in problem.losses):
        return None
    convention = Convention(skip=False, penalise_bias=False)
    points = FitProblem(as_inputs(problem.x), problem.Y, problem.weights, problem.losses, convention)
    made = fit_points(points, lam, tol, time_limit=deadline.left)[0]
    provenance = {"method": "column generation (there is no skip connection)", "status": made.provenance["status"]}
    return CurvatureFit(math.nan, made.network, x, made.network(x), made.dual, provenance)


def _combine(first: Fit | None, second: Fit) -> Fit:
    """Return the fit of the lower value, with the dual array of the higher lower bound."""
    if first is None:
        return second
    best = min(first, second, key=lambda fit: fit.value)
    tighter = max(first, second, key=lambda fit: fit.lower_bound)
    dual = tighter.knot_solution.dual
    return best if best is tighter else replace(best, knot_solution=replace(best.knot_solution, dual=dual))


def _constant_fit(problem: Problem, lam: float, tol: float, status: str) -> Fit:
    """Return the best constant as a fit without a skip connection."""
    knots = replace(fit_constant(problem.solved), gap=math.nan)
    solver = {"method": _PROGRAM, "status": status, **_versions(), "seconds": knots.seconds}
    return Fit(
        _network_of(knots), **_fields(problem, tol, lam), skip=False, lam_max=None, knot_solution=knots, solver=solver
    )


def _read_program(result: "CurvatureFit", seconds: float) -> KnotSolution:
    """Convert a convex program's network to the record of knot generation; neurons that share a kink are merged."""
    t, _, slopes = result.network.kinks
    jumps = np.diff(slopes, axis=0)
    bends = jumps.any(axis=1)
    kinks, first = np.unique(t[bends], return_index=True)
    return KnotSolution(
        kinks=kinks,
        jumps=np.add.reduceat(jumps[bends], first),
        slope=slopes[0],
        centre=float(result.x[0]),
        value=result.values[0],
        knots=result.x,
        values=result.values,
        dual=result.dual,
        gap=math.nan,
        rounds=0,
        steps=0,
        seconds=seconds,
    )


def _fields(problem: Problem, tol: float, lam: float) -> dict[str, Any]:
    data = {"X": problem.x[:, None], "Y": problem.Y, "losses": problem.losses, "weights": problem.weights}
    return {**data, "order": problem.order, "tol": tol, "lam": lam}


@cache
def _versions() -> dict[str, str]:
    return {"numpy": np.__version__, "python": platform.python_version()}


def _network_of(knots: KnotSolution) -> ReLUNetwork:
    """Return the network with neurons relu(x - a_k), slope jumps as output weights, and the line left of all kinks."""
    offset = knots.value.astype(np.longdouble) - knots.slope.astype(np.longdouble) * knots.centre
    if not np.abs(offset).max() <= _LARGEST:
        raise ValueError("X lies too far from 0 for slopes as steep as these: f(0) leaves float64; shift or rescale X")
    W, c = np.ones((len(knots.kinks), 1)), offset.astype(np.float64)
    return ReLUNetwork.trusted(W, -knots.kinks, knots.jumps.T, knots.slope[:, None], c)
