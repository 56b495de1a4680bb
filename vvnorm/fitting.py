"""Fits: data with a loss and lam times the VV norm, each with a proof of how close to optimal it is.

The objective of a function f is, everywhere in the toolkit,

    sum over present labels of weight * loss(f(x_i), y_i)  +  lam * VV(f),      squared loss: (f - y)^2 / 2.

With one input `fit` hands sorted data to `fits.dispatch` and wraps what comes back. The proof is made
when it is first asked for, by `vvnorm.verifier.line_fit`, so that fitting costs no more than the solver does. Labels in
C-contiguous float64, in memory or mapped from a file, are read where they are when the inputs are sorted, and never
copied; from a million on two threads read them, unless the environment variable OMP_NUM_THREADS asks for one. Several
inputs, and biases inside the norm, are for `vvnorm.solvers.multivariate`.
"""

import math
import os
import platform
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vvnorm._internal.deadline import OUT_OF_TIME, TIME_LIMIT, Deadline, as_time_limit
from vvnorm._internal.words import count, proof
from vvnorm.float64 import Origin, shifted_integers
from vvnorm.losses import Loss, as_losses, canonical_labels, minus_slopes
from vvnorm.network import ReLUNetwork
from vvnorm.piecewise import PiecewiseLinear
from vvnorm.solution import Solution
from vvnorm.solvers.array_kernels import fixed, is_sorted
from vvnorm.solvers.univariate.fits.constant_fit import fit_constant
from vvnorm.solvers.univariate.fits.dispatch import (
    Advance,
    KnotSolution,
    Problem,
    critical_lam,
    known_critical_lam,
    solve,
    with_constants,
)
from vvnorm.tolerances import GAP
from vvnorm.validation import (
    Array,
    as_count,
    as_inputs,
    as_labels,
    as_lams,
    as_positive,
    as_rounds,
    as_tolerance,
    as_weights,
)
from vvnorm.verifier.check import Rows, as_rows
from vvnorm.verifier.line_fit import FitCertificate, certify_fit
from vvnorm.verifier.verification import Verification

if TYPE_CHECKING:
    from vvnorm.solvers.multivariate.solution import FitProblem
    from vvnorm.solvers.reference import CurvatureFit

Data = ArrayLike | str | os.PathLike[str]
LossLike = str | Loss | Sequence[str | Loss]

_QUICK = 100_000  # labels; a `repr` of so many has them certified, which takes some milliseconds
_LARGE = 1_000_000  # labels; fewer are validated here, more in the solver's own pass
_DIVERGING = 1e-9 * math.log(2)  # mean logistic loss: margins of about 21, probabilities that are 0 or 1 to nine digits
_MUCH = 0.1  # a gap smaller by this factor shows that the weights are at fault
_LARGEST = np.finfo(np.float64).max
_METHOD = "knot generation"
_EXPONENTS = (
    1.0,
    0.5,
    0.0,
)  # see `vvnorm.solvers.reference.curvature_fit`, in the order of how often they reach the tolerance
_PROGRAM = "convex program (there is no skip connection)"
_AFTERWARDS = "convex program (knot generation had stopped)"
_POSED = 2000  # most labels of a fit that is tried again as a convex program
_SINGLE = "constant (one distinct input)"
_REACHED = "tolerance reached"
_NOT_PROVED = "rounding is the limit"


@dataclass(frozen=True, eq=False, repr=False)
class Fit(Solution):
    """A regularised fit with its certificate.

    Attributes
    ----------
    network : ReLUNetwork
        One neuron per kink. Beyond the reach of float64 weights it is less accurate than the fit itself: see `function`.
    X, Y : (N, 1) and (N, T) arrays
        The data, sorted by input, repeats kept, classes as the losses read them. They may be the caller's own arrays:
        changing those before the certificate is made changes what it is about.
    tol : float
        Relative gap up to which `verify` accepts.
    lam : float
        Weight of the VV norm.
    losses : tuple of T Loss
        One per output.
    weights : None, (N, T) or (N, 1) array
        Weights of the labels, sorted as they are.
    skip : bool
        Whether networks with a skip connection compete.
    lam_max : float or None
        The least lam whose fit is a line, 0 for one distinct input; not computed without a skip connection, or where
        time was over before.
    found : Found
        What the solver returned: kinks, slopes, knots and values; its dual array is by rows of X.
    solver : mapping
        How it was found: method, status, effort, versions, seconds.
    order : (N,) array of int, or None
        Where the rows of X and Y stood in what was given to `fit`; None if that was sorted.
    """

    network: ReLUNetwork = field(repr=False)
    X: Array = field(repr=False)
    Y: Array = field(repr=False)
    tol: float
    lam: float
    losses: tuple[Loss, ...]
    weights: Array | None = field(repr=False)
    skip: bool
    lam_max: float | None
    found: KnotSolution = field(repr=False)
    solver: Mapping[str, Any] = field(repr=False)
    order: NDArray[np.intp] | None = field(default=None, repr=False)
    origin: Origin | None = None

    # --- the proof ---

    @cached_property
    def certificate(self) -> FitCertificate:
        """Primal and dual side of the proof, about the data as they were given to `fit`; made on first access.

        Its dual array is by rows of those data. It is None where that which follows from the function is the proof's: see
        `dual`.
        """
        certificate = self._judged[1]
        return certificate if certificate.dual is None else replace(certificate, dual=self._as_given(certificate.dual))

    @property
    def dual(self) -> Array:
        """The dual array R of the optimum, (N, T), by rows of the data as they were given to `fit`.

        It proves a bound on the objective of any network: pass it to `vvnorm.certify` as `dual`.
        """
        if self.found.dual is not None and self._judged[1].dual is not None:
            return self._as_given(self.found.dual)
        with np.errstate(over="ignore"):
            return self._as_given(minus_slopes(self.losses, self._at(self.X[:, 0]), self.Y, self.weights))

    def _as_given(self, rows: Rows) -> Array:
        """Put rows that are sorted as X is into the order of the data given."""
        array = as_rows(rows)
        if self.order is None:
            return array
        given = np.empty_like(array)
        given[self.order] = array
        return given

    @property
    def function(self) -> ReLUNetwork | PiecewiseLinear:
        """What the certificate is about: the network, or knots and values where only these hold the fit in float64."""
        return self._judged[0]

    @cached_property
    def _judged(self) -> tuple[ReLUNetwork | PiecewiseLinear, FitCertificate]:
        certificate = self._certify(self.network)
        if certificate.gap <= self.tol or not self._bends_inside:
            return self.network, certificate
        other = self._certify(self._pieces)
        return (self._pieces, other) if other.gap <= max(self.tol, _MUCH * certificate.gap) else (self.network, certificate)

    def _certify(self, function: ReLUNetwork | PiecewiseLinear) -> FitCertificate:
        """Judge a function by the solver's dual array or, where that falls short, by the verifier's own if it is better."""
        options: dict[str, Any] = {"loss": self.losses, "weights": self.weights, "skip": self.skip}
        found = certify_fit(function, self.X, self.Y, self.lam, dual=self.found.dual, **options)
        if self.found.dual is None or found.gap <= self.tol:
            return found
        return min(found, certify_fit(function, self.X, self.Y, self.lam, **options), key=lambda one: one.gap)

    @property
    def _bends_inside(self) -> bool:
        """Whether knots and values say it all; without a skip connection the network may bend at the ends of the data."""
        return self.skip and len(self.found.knots) > 1

    @cached_property
    def _pieces(self) -> PiecewiseLinear:
        return PiecewiseLinear(self.found.knots, self.found.values)

    def verify(self) -> Verification:
        """Check the certificate with code that shares nothing with the solver."""
        options: dict[str, Any] = {"weights": self.weights, "tol": self.tol}
        return Verification(tuple(self._judged[1].complaints(self.function, self.X, self.Y, **options)))

    # --- numbers ---

    @property
    def value(self) -> float:
        """The objective, loss + lam * vv_norm: an upper bound on the least."""
        return self.certificate.objective

    @property
    def objective(self) -> float:
        """The same as `value`."""
        return self.value

    @property
    def loss(self) -> float:
        """The weighted sum of losses."""
        return self.certificate.loss

    @property
    def vv_norm(self) -> float:
        """The VV norm, without the factor lam."""
        return self.certificate.vv_norm

    @property
    def knots(self) -> Array:
        """Where the fit bends, increasing; shape (K,)."""
        return self.found.kinks

    def _at(self, x: Array) -> Array:
        return self._pieces(x) if self._bends_inside else self.network(x)

    # --- words ---

    @cached_property
    def notes(self) -> list[str]:
        """What to know before using the fit; usually nothing. Certifies it."""
        found = [OUT_OF_TIME] if self.solver["status"] == TIME_LIMIT else []
        if not self.gap <= self.tol:
            found.append(f"proved optimal to a relative gap of {self.gap:.2g} only, not {self.tol:.2g}")
        if self.function is not self.network:
            found.append("float64 weights cannot represent the fit: the certificate is about its knots and values")
        outputs = [t for t, loss in enumerate(self.losses) if loss.name == "logistic"]
        fitted = self._at(self.X[:, 0]) if outputs else np.empty((0, 0))
        for t in outputs:
            labels = self.Y[:, t]
            if np.sum(self.losses[t].value(fitted[:, t], labels)) < _DIVERGING * np.count_nonzero(~np.isnan(labels)):
                found.append(
                    f"output {t} separates its classes: its fitted values diverge as lam falls, here to 21 and more"
                )
        return found

    @cached_property
    def provenance(self) -> Mapping[str, Any]:  # type: ignore[override]  # made on first access, since it is certified
        """How the fit was found (`solver`), and what of it is certified."""
        if self.function is self.network:
            certified = "the network"
        else:
            certified = "knots and values; float64 weights cannot represent the fit"
        if self.gap <= self.tol:
            return {**self.solver, "certified": certified}
        # What the solver has seen closed, and no proof confirms, is not.
        status = _NOT_PROVED if self.solver["status"] == _REACHED else self.solver["status"]
        return {**self.solver, "status": status, "certified": f"{certified}, to a relative gap of {self.gap:.2g} only"}

    def _setting(self) -> str:
        relative = f" ({self.lam / self.lam_max:.3g} lam_max)" if self.lam_max else ""
        return f", lam {self.lam:.6g}{relative}, " + ", ".join(dict.fromkeys(map(str, self.losses)))

    def _state(self) -> tuple[str, ...]:
        if "_judged" not in vars(self) and self.Y.size > _QUICK:
            return (f"relative gap {self.found.gap:.2g} as the solver sees it; not certified yet: see verify()",)
        made = self._judged[1]
        return (
            proof("objective", made.objective, made.lower_bound, made.gap, self.tol),
            f"loss {made.loss:.6g}, VV norm {made.vv_norm:.6g}",
        )

    def record(self) -> dict[str, Any]:
        """What was found, as plain numbers and words: for JSON."""
        return {
            "points": len(self.X),
            "outputs": self.Y.shape[1],
            "lam": self.lam,
            "lam_max": self.lam_max,
            "losses": [str(loss) for loss in self.losses],
            "value": self.value,
            "loss": self.loss,
            "vv_norm": self.vv_norm,
            "lower_bound": self.lower_bound,
            "gap": self.gap,
            "neurons": self.function.n_neurons,
            "knots": self.knots.tolist(),
            "notes": self.notes,
            **self._origin(),
            "provenance": dict(self.provenance),
        }

    def summary_lines(self, y_names: Sequence[str] = ()) -> list[tuple[str, str]]:
        """Names and words, a pair per line; outputs are called by their names, or by number where none are given."""
        names = y_names or [str(t) for t in range(len(self.losses))]
        same = len(set(self.losses)) == 1
        losses = (
            str(self.losses[0]) if same else ", ".join(f"{n}: {one}" for n, one in zip(names, self.losses, strict=True))
        )
        relative = [("lam / lam_max", f"{self.lam / self.lam_max:.4g}")] if self.lam_max else []
        return [
            ("data", f"{count(len(self.X), 'point')}, {count(self.Y.shape[1], 'output')}"),
            ("method", f"{self.solver['method']}, loss {losses}"),
            ("lam", f"{self.lam:.10g}"),
            *relative,
            ("objective", f"{self.value:.10g}"),
            ("loss", f"{self.loss:.10g}"),
            ("VV norm", f"{self.vv_norm:.10g}"),
            ("lower bound", f"{self.lower_bound:.10g}"),
            ("relative gap", f"{self.gap:.2g}"),
            ("neurons", str(self.function.n_neurons)),
            *(("note", note) for note in self.notes),
        ]


def fit(
    X: Data,
    Y: Data,
    lam: float,
    *,
    loss: LossLike = "squared",
    weights: ArrayLike | None = None,
    skip: bool = True,
    penalise_bias: bool = False,
    tol: float = GAP,
    max_iter: int | None = None,
    time_limit: float | None = None,
    seed: int = 0,
    advance: Callable[[int, float, float], object] | None = None,
) -> Any:  # which kind of fit depends on the data
    """Fit data: minimise the sum of losses plus lam times the VV norm, with a proof of the gap.

    Parameters
    ----------
    X : array-like, shape (N,) or (N, d), or the path of a .npy file
        Inputs in any order. Repeats are kept: each of their labels counts. One distinct input is fitted by a constant.
        Integers that float64 cannot hold are counted from an `origin` of the fit (`vvnorm.solution.Solution`).
    Y : array-like, shape (N,) or (N, T), or the path of a .npy file
        Labels, NaN = missing. Files are mapped into memory and read in place; so is any C-contiguous float64 array if
        the inputs are sorted.
    lam : float
        Weight of the VV norm; positive.
    loss : str, Loss, or sequence of T of them
        `squared`, `logistic`, `hinge`, `huber:delta` or `one_class:nu` (`vvnorm.losses`), one for all outputs or one each.
    weights : array-like, shape (N,), (N, 1) or (N, T), optional
        Non-negative weights of the labels' losses.
    skip : bool
        Whether the network may have a skip connection. Without one, for one input, slow convex programs are solved.
    penalise_bias : bool
        Whether the cost of a neuron is ||(w, b)|| ||v||, in place of ||w|| ||v||.
    tol : float
        Relative gap to reach, and up to which the fit's `verify` accepts it.
    max_iter : int, optional
        Most rounds of column generation, for several inputs. By default 300, or 100 where an exact search over all neurons
        would take too long (from some dozens of points with four inputs, or ten with seven).
    time_limit : float, optional
        Seconds after which the best network so far is returned, with its bound; `notes` say so. Compiling and making the
        certificate come on top.
    seed : int
        Of the first neurons, and of searches that are not exact. For several inputs.
    advance : callable, optional
        Called after each round with its number and the bounds on what is minimised then, in units of the solver's own.

    Returns
    -------
    Fit
        For one input.
    MultivariateSolution
        For several inputs, or biases inside the norm; losses are `squared`, `logistic` or `huber` then.

    A gap above `tol` is no error: `gap` says how large it is, `verify` does not accept the fit.

    Raises
    ------
    TypeError, ValueError
        For bad data (see `vvnorm.validation`), lam, loss, labels or weights.
    MemoryError
        If labels must be copied (sorted, converted, recoded) and their copy does not fit into memory.

    Examples
    --------
    >>> line = fit([0, 1, 2, 3], [0, 1, 0, 1], lam=10.0)
    >>> bent = fit([0, 1, 2, 3], [0, 1, 0, 1], lam=0.1)
    >>> len(line.knots), len(bent.knots), bool(bent.verify())
    (0, 2, True)
    """
    strength, tol, limit, seed = as_positive(lam), as_tolerance(tol), as_time_limit(time_limit), as_count(seed, "seed")
    deadline = Deadline(limit)
    rounds = as_rounds(max_iter)
    (X, origin), Y = _shifted(X, penalise_bias), _opened(Y, "Y")
    if penalise_bias or _several_inputs(X):
        points = _points(X, Y, loss, weights, skip, penalise_bias, seed)
        return _from(origin, points.fit(strength, tol, max_iter=rounds, time_limit=limit, advance=advance)[0])
    problem = _problem(X, Y, loss, weights)
    return _from(origin, _fitted(problem, strength, tol, skip, deadline=deadline, advance=advance))


def fit_path(
    X: Data,
    Y: Data,
    lams: Sequence[float] | Array,
    *,
    loss: LossLike = "squared",
    weights: ArrayLike | None = None,
    skip: bool = True,
    penalise_bias: bool = False,
    tol: float = GAP,
    max_iter: int | None = None,
    time_limit: float | None = None,
    seed: int = 0,
    advance: Callable[[Any], object] | None = None,
) -> list[Any]:
    """Fit the same data for several lam, each fit starting from its neighbour of larger lam.

    Parameters
    ----------
    lams : sequence of float
        Positive numbers, in any order; at least one.
    max_iter, time_limit : optional
        Rounds and seconds for each fit.
    advance : callable, optional
        Called with each fit as it is found, from the largest lam to the smallest.

    Other parameters and errors are those of `fit`.

    Returns
    -------
    list of Fit, or of MultivariateSolution : in the order of `lams`.
    """
    strengths = as_lams(lams)
    limits: dict[str, Any] = {"tol": tol, "max_iter": max_iter, "time_limit": time_limit, "seed": seed}
    fit_next = warm_fits(X, Y, loss=loss, weights=weights, skip=skip, penalise_bias=penalise_bias, **limits)
    fits, start = {}, None
    for place in sorted(range(len(strengths)), key=lambda i: -strengths[i]):
        fits[place], start = fit_next(strengths[place], start)
        if advance:
            advance(fits[place])
    return [fits[place] for place in range(len(strengths))]


def warm_fits(
    X: Data,
    Y: Data,
    *,
    loss: LossLike = "squared",
    weights: ArrayLike | None = None,
    skip: bool = True,
    penalise_bias: bool = False,
    tol: float = GAP,
    max_iter: int | None = None,
    time_limit: float | None = None,
    seed: int = 0,
    local_search: bool = False,
) -> Callable[..., tuple[Any, Any]]:
    """Prepare data to be fitted for lam that are not known beforehand.

    Parameters
    ----------
    local_search : bool
        Whether neurons of three and more inputs (two, with biases inside the norm) are found by climbing even where an
        exact search over all is affordable: many times faster, and `tol` is reached as far as climbing finds neurons.

    Other parameters and errors are those of `fit`.

    Returns
    -------
    callable : (lam, start, [seconds]) -> (fit, next start)
        A start is None, or what came with another fit of these inputs and so many outputs. Seconds take the place of
        `time_limit`.
    """
    tol, rounds, limit = as_tolerance(tol), as_rounds(max_iter), as_time_limit(time_limit)
    seed = as_count(seed, "seed")
    (X, origin), Y = _shifted(X, penalise_bias), _opened(Y, "Y")
    if penalise_bias or _several_inputs(X):
        points = _points(X, Y, loss, weights, skip, penalise_bias, seed, local_search)

        def fit_points(lam: float, start: Any, seconds: float | None = limit) -> tuple[Any, Any]:
            found, ahead = points.fit(lam, tol, start=start, max_iter=rounds, time_limit=seconds)
            return _from(origin, found), ahead or start

        return fit_points
    problem = _problem(X, Y, loss, weights)

    def fit_sorted(lam: float, start: Any, seconds: float | None = limit) -> tuple[Any, Any]:
        found = _fitted(problem, lam, tol, skip, start, Deadline(seconds))
        return _from(origin, found), found.found

    return fit_sorted


def lambda_max(
    X: Data,
    Y: Data,
    *,
    loss: LossLike = "squared",
    weights: ArrayLike | None = None,
    skip: bool = True,
    penalise_bias: bool = False,
    time_limit: float | None = None,
) -> float:
    """Return the least lam whose fit is affine (constant without a skip connection); parameters and errors as for `fit`.

    With more points in three or more dimensions than an exact search can take, or than are searched within `time_limit`
    seconds, it is the largest found, a lower bound.

    Raises
    ------
    TimeoutError
        For one input, if the best affine function is not found within `time_limit`: nothing is known then.
    """
    deadline = Deadline(as_time_limit(time_limit))
    (X, _), Y = _shifted(X, penalise_bias), _opened(Y, "Y")
    if penalise_bias or not skip or _several_inputs(X):
        return _points(X, Y, loss, weights, skip, penalise_bias, 0).largest_lam(deadline.end)
    return critical_lam(_problem(X, Y, loss, weights), deadline)


def _several_inputs(X: Any) -> bool:
    try:
        shape = np.shape(X)
    except ValueError:  # ragged, which is refused by name later
        return False
    return len(shape) == 2 and shape[1] > 1


def _points(
    X: Any,
    Y: Any,
    loss: LossLike,
    weights: ArrayLike | None,
    skip: bool,
    penalise_bias: bool,
    seed: int,
    local_search: bool = False,
) -> "FitProblem":
    """Validate data of several inputs."""
    from vvnorm.solvers.multivariate.affine_elimination import Convention
    from vvnorm.solvers.multivariate.solution import FitProblem

    inputs = as_inputs(X)
    labels = as_labels(Y, len(inputs), allow_missing=True)
    losses = as_losses(loss, labels.shape[1])
    shares = as_weights(weights, labels.shape)
    convention = Convention(bool(skip), bool(penalise_bias))
    return FitProblem(inputs, canonical_labels(labels, losses), shares, losses, convention, seed, local_search=local_search)


# --- solving ----------------------------------------------------------------------------------------------------------


def _fitted(
    problem: Problem,
    lam: float,
    tol: float,
    skip: bool,
    start: KnotSolution | None = None,
    deadline: Deadline | None = None,
    advance: Advance | None = None,
) -> Fit:
    if not (skip or problem.is_single):
        return _fitted_without_skip(problem, lam, tol, deadline or Deadline())
    found = solve(problem, lam, tol=tol, start=start, deadline=deadline, advance=advance)
    stopped = TIME_LIMIT if found.limited else f"stopped at a relative gap of {found.gap:.2g}"
    solver = {
        "method": _SINGLE if problem.is_single else _METHOD,
        "status": _REACHED if found.gap <= tol else stopped,
        "rounds": found.rounds,
        "steps": found.steps,
        **_versions(),
        "seconds": found.seconds,
    }
    # The solver has come across lam_max, unless there was no time for it.
    lam_max = known_critical_lam(problem) if skip else None
    fit = Fit(_network(found), **_fields(problem, tol, lam), skip=skip, lam_max=lam_max, found=found, solver=solver)
    if found.gap <= tol or found.limited or problem.is_single or problem.Y.size > _POSED:
        return fit
    return _posed(fit, problem, lam, tol, deadline or Deadline())


def _posed(fit: Fit, problem: Problem, lam: float, tol: float, deadline: Deadline) -> Fit:
    """Where knot generation stops short of `tol`, try convex programs, too; not where classes are separated."""
    for exponent in _EXPONENTS:
        if fit.gap <= tol or fit.value < _DIVERGING * problem.Y.size or deadline.left == 0:
            break
        began = time.perf_counter()
        try:
            result = _by_program(problem.several, lam, exponent, True, deadline)
        except (RuntimeError, ValueError):  # a span that no program holds is one
            continue
        found = with_constants(problem, _found(result, fit.found.seconds + time.perf_counter() - began))
        network = result.network if problem.several is problem else _network(found)
        solver = {**fit.solver, **result.provenance, "method": _AFTERWARDS, "seconds": found.seconds}
        fit = _better(fit, replace(fit, network=network, found=found, solver=solver))
    return fit


def _fitted_without_skip(problem: Problem, lam: float, tol: float, deadline: Deadline) -> Fit:
    """Fit by a convex program, posed anew where it ends short of `tol`, and by column generation where all of them do.

    The best function is put together with the best dual array. Where all fails, or time is over, a constant may be best.
    """
    constant = _constant(problem, lam, tol, "a constant is the best fit")
    if constant.gap <= tol:
        return constant
    best: Fit | None = None
    reason = TIME_LIMIT
    attempts: list[Callable[[Deadline], CurvatureFit | None]]
    attempts = [
        *(partial(_by_program, problem, lam, exponent, False) for exponent in _EXPONENTS),
        partial(_by_points, problem, lam, tol),
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
        found = _found(result, time.perf_counter() - began)
        solver = {"method": _PROGRAM, **result.provenance, **_versions(), "seconds": found.seconds}
        fields = _fields(problem, tol, lam)
        best = _better(best, Fit(result.network, **fields, skip=False, lam_max=None, found=found, solver=solver))
    if best is not None and best.solver["status"] != TIME_LIMIT:
        return best
    return _constant(problem, lam, tol, reason) if best is None or constant.value <= best.value else best


def _by_program(problem: Problem, lam: float, exponent: float, skip: bool, deadline: Deadline) -> "CurvatureFit":
    from vvnorm.solvers.reference import curvature_fit

    solved = problem.solved
    options: dict[str, Any] = {"weights": solved.weights, "skip": skip, "time_limit": deadline.left}
    return curvature_fit(problem.x, problem.Y, lam, loss=solved.losses, exponent=exponent, **options)


def _by_points(problem: Problem, lam: float, tol: float, deadline: Deadline) -> "CurvatureFit | None":
    """Fit as several inputs are, where few enough and with such losses: by generating neurons."""
    from vvnorm.api.limits import MAX_POINTS
    from vvnorm.solvers.reference import CurvatureFit

    x = np.unique(problem.x)
    if len(x) > MAX_POINTS or any(loss.name not in ("squared", "huber", "logistic") for loss in problem.losses):
        return None
    points = _points(problem.x, problem.Y, problem.losses, problem.weights, False, False, 0)
    made = points.fit(lam, tol, time_limit=deadline.left)[0]
    provenance = {"method": "column generation (there is no skip connection)", "status": made.provenance["status"]}
    return CurvatureFit(math.nan, made.network, x, made.network(x), made.dual, provenance)


def _better(one: Fit | None, other: Fit) -> Fit:
    """The fit of the lower value, with the dual array of the one that proves more."""
    if one is None:
        return other
    best = min(one, other, key=lambda fit: fit.value)
    sure = max(one, other, key=lambda fit: fit.lower_bound)
    return best if best is sure else replace(best, found=replace(best.found, dual=sure.found.dual))


def _constant(problem: Problem, lam: float, tol: float, status: str) -> Fit:
    """Return the best constant as a fit without a skip connection."""
    found = replace(fit_constant(problem.solved), gap=math.nan)
    solver = {"method": _PROGRAM, "status": status, **_versions(), "seconds": found.seconds}
    return Fit(_network(found), **_fields(problem, tol, lam), skip=False, lam_max=None, found=found, solver=solver)


def _found(result: "CurvatureFit", seconds: float) -> KnotSolution:
    """Read the convex program's network as the solver would have returned it: two neurons may share a kink there."""
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


def _network(found: KnotSolution) -> ReLUNetwork:
    """Neurons relu(x - a_k) with the slope jumps as output weights, and the line left of all kinks."""
    offset = found.value.astype(np.longdouble) - found.slope.astype(np.longdouble) * found.centre
    if not np.abs(offset).max() <= _LARGEST:
        raise ValueError("X lies too far from 0 for slopes as steep as these: f(0) leaves float64; shift or rescale X")
    W, c = np.ones((len(found.kinks), 1)), offset.astype(np.float64)
    return ReLUNetwork.trusted(W, -found.kinks, found.jumps.T, found.slope[:, None], c)


# --- data -------------------------------------------------------------------------------------------------------------


def _problem(X: Data, Y: Data, loss: LossLike, weights: ArrayLike | None) -> Problem:
    """Validate, sort and recode; what is in order already is passed on as it is."""
    x, in_order = _inputs(X)
    given = Y
    labels = _labels(given, len(x))
    losses = as_losses(loss, labels.shape[1])
    shares, order = as_weights(weights, labels.shape), None
    if not in_order:
        if isinstance(given, np.memmap) and labels.nbytes > _available_memory() / 4:
            raise ValueError(
                f"X is not sorted, and Y is a file of {_size(labels.nbytes)}, too large to be sorted in memory; "
                "sort the file by X, or pass fewer rows"
            )
        _check_room(labels.size, "sorted")
        order = np.argsort(x, kind="stable")
        x, labels = x[order], labels[order]
        shares = None if shares is None else shares[order]
    return Problem(x, _recoded(labels, losses), shares, losses, order)


def _inputs(X: Any) -> tuple[Array, bool]:
    """Inputs as a contiguous (N,) array, and whether they do not decrease. In order between finite ends, all are finite."""
    if _has_no_mask(X) and X.dtype == np.float64 and X.size == len(X) >= _LARGE:
        x = np.ascontiguousarray(X.reshape(-1))
        if is_sorted(fixed(x)) and np.isfinite(x[[0, -1]]).all():
            return x, True
    inputs = as_inputs(X)
    x = np.ascontiguousarray(inputs[:, 0])
    return x, bool(is_sorted(fixed(x)))


def _opened(data: Data, name: str) -> Any:
    """Map a .npy file into memory; anything else passes through."""
    if not isinstance(data, str | os.PathLike):
        return data
    try:
        return np.lib.format.open_memmap(data, mode="r")
    except OSError as error:
        raise ValueError(f"{name}: cannot read {str(data)!r}: {error.strerror or error}") from None
    except ValueError as error:
        raise ValueError(f"{name}: {str(data)!r} is not a .npy file of numbers: {error}") from None


def _shifted(X: Data, penalise_bias: bool) -> tuple[Any, Origin | None]:
    """Inputs, and what was taken off them; where the biases count, a shift is another problem."""
    given = _opened(X, "X")
    return (given, None) if penalise_bias else shifted_integers(given)


def _from(origin: Origin | None, found: Any) -> Any:
    return found if origin is None else replace(found, origin=origin)


def _labels(Y: Any, n: int) -> Array:
    """Labels as a C-contiguous (N, T) float64 array, which is Y itself if it is one.

    A large array of that kind is not scanned: the solver names what is not finite when it reads the labels. Only one whose
    first row is incomplete, so that an output may lack all labels, or that has the wrong shape, takes the long way.
    """
    if _has_no_mask(Y):
        in_place = Y.dtype == np.float64 and Y.flags.c_contiguous
        if in_place and Y.ndim in (1, 2) and Y.size >= _LARGE and len(Y) == n and np.isfinite(Y[0]).all():
            return np.asarray(Y.reshape(n, -1))
        if not in_place:
            _check_room(Y.size, "converted to C-contiguous float64")
    return np.ascontiguousarray(as_labels(Y, n, allow_missing=True))


def _has_no_mask(array: Any) -> bool:
    """Whether it is an array that may be read in place as it is."""
    return isinstance(array, np.ndarray) and not isinstance(array, np.ma.MaskedArray)


def _recoded(labels: Array, losses: tuple[Loss, ...]) -> Array:
    foreign = {"logistic": -1.0, "hinge": 0.0}
    for t, loss in enumerate(losses):
        if loss.name in foreign and labels.nbytes > _available_memory() and np.any(labels[:, t] == foreign[loss.name]):
            _check_room(labels.size, f"recoded for loss {loss.name!r}")
    return canonical_labels(labels, losses)


def _check_room(entries: int, why: str) -> None:
    needed, available = 8 * entries, _available_memory()
    if needed > available:
        raise MemoryError(
            f"Y would take {_size(needed)} when {why}, and {_size(available)} of memory are available; a file of sorted "
            "C-contiguous float64 labels (.npy) is mapped into memory and read in place"
        )


def _size(number: float) -> str:
    return f"{number / 1e9:.3g} GB"


def _available_memory() -> float:
    """Bytes of memory that can still be had; infinite where the system does not say."""
    try:
        found = re.search(r"^MemAvailable:\s+(\d+) kB", Path("/proc/meminfo").read_text(encoding="ascii"), re.MULTILINE)
    except OSError:
        found = None
    return 1024 * float(found[1]) if found else math.inf
