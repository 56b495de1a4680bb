"""The public function `interpolate`: the network of least VV norm through the data, with a certificate."""

import platform
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np
from numpy.typing import ArrayLike

from vvnorm._internal.deadline import as_time_limit
from vvnorm._internal.progress import rounds_shown
from vvnorm.float64 import Rows, shifted_integers
from vvnorm.results.interpolant import Interpolant
from vvnorm.solvers.univariate.interpolation.closed_form import connect_sorted
from vvnorm.tolerances import GAP
from vvnorm.validation import (
    Array,
    as_count,
    as_inputs,
    as_labels,
    as_rounds,
    as_tolerance,
    column_names,
    has_missing,
    require_two_points,
    sorted_univariate,
)
from vvnorm.verifier.check import certify_sorted

if TYPE_CHECKING:
    from vvnorm.results.infinite_auxiliary import InfiniteAuxiliary
    from vvnorm.results.multivariate import MultivariateSolution
    from vvnorm.solvers.reference import CurvatureSolution


@overload
def interpolate(
    X: ArrayLike,
    Y: ArrayLike,
    *,
    skip: bool = True,
    penalise_bias: bool = False,
    auxiliary: Literal["infinite"],
    tol: float = GAP,
    max_iter: int | None = None,
    time_limit: float | None = None,
    seed: int = 0,
    callback: Callable[[int, float, float], Any] | None = None,
    progress: bool = False,
) -> "InfiniteAuxiliary": ...


@overload
def interpolate(
    X: ArrayLike,
    Y: ArrayLike,
    *,
    skip: bool = True,
    penalise_bias: Literal[True],
    auxiliary: None = None,
    tol: float = GAP,
    max_iter: int | None = None,
    time_limit: float | None = None,
    seed: int = 0,
    callback: Callable[[int, float, float], Any] | None = None,
    progress: bool = False,
) -> "MultivariateSolution": ...


@overload
def interpolate(
    X: ArrayLike,
    Y: ArrayLike,
    *,
    skip: bool = True,
    penalise_bias: bool = False,
    auxiliary: None = None,
    tol: float = GAP,
    max_iter: int | None = None,
    time_limit: float | None = None,
    seed: int = 0,
    callback: Callable[[int, float, float], Any] | None = None,
    progress: bool = False,
) -> "Interpolant | MultivariateSolution": ...


@overload
def interpolate(
    X: ArrayLike,
    Y: ArrayLike,
    *,
    skip: bool = True,
    penalise_bias: bool = False,
    auxiliary: str | None = None,
    tol: float = GAP,
    max_iter: int | None = None,
    time_limit: float | None = None,
    seed: int = 0,
    callback: Callable[[int, float, float], Any] | None = None,
    progress: bool = False,
) -> "Interpolant | MultivariateSolution | InfiniteAuxiliary": ...


def interpolate(
    X: ArrayLike,
    Y: ArrayLike,
    *,
    skip: bool = True,
    penalise_bias: bool = False,
    auxiliary: str | None = None,
    tol: float = GAP,
    max_iter: int | None = None,
    time_limit: float | None = None,
    seed: int = 0,
    callback: Callable[[int, float, float], Any] | None = None,
    progress: bool = False,
) -> "Interpolant | MultivariateSolution | InfiniteAuxiliary":
    """Find the minimal-VV-norm interpolant of data, with a proof of optimality.

    Parameters
    ----------
    X : array-like, shape (N,) or (N, d)
        Inputs in any order, at least two distinct ones; repeats with equal labels are merged. Integers that float64 cannot
        represent are taken relative to an `origin` of the solution (`Solution`).
    Y : array-like, shape (N,) or (N, T)
        Labels, NaN = missing. Missing labels of one input leave no closed form; a convex program is solved instead. If its
        solver fails, for example for inputs that are very close, a suboptimal interpolant is returned, with its gap.
    skip : bool
        Whether the network may have a skip connection. Without one there is no closed form.
    penalise_bias : bool
        Whether the cost of a neuron is ||(w, b)|| ||v||, in place of ||w|| ||v||.
    auxiliary : None or 'infinite'
        'infinite': the limit of infinitely many Gaussian auxiliary outputs (`vvnorm.InfiniteAuxiliary`).
    tol : float
        Largest relative gap and residual that `verify` accepts; with several inputs also the gap at which to stop.
    max_iter : int, optional
        Most rounds of column generation, for several inputs. By default 300, or 100 where an exact search over all neurons
        would take too long (from some dozens of points with four inputs, or ten with seven).
    time_limit : float, optional
        Seconds after which the best network so far is returned with its bound; the certificate takes additional time.
    seed : int
        Seed of the first neurons and of inexact searches, for several inputs.
    callback : callable, optional
        Called after each round with its number and the bounds on the cost. For several inputs.
    progress : bool
        Whether to show a progress bar, in interactive terminals and notebooks only. For several inputs.

    Returns
    -------
    Interpolant
        For one input: the closed form, and the set of all solutions.
    MultivariateSolution
        For several inputs, or biases inside the norm. Its gap may be above `tol`: see `gap` and `verify`.
    InfiniteAuxiliary
        For `auxiliary="infinite"`.

    Raises
    ------
    TypeError, ValueError
        If data are invalid (see `vvnorm.validation`), labels differ at one input, there is only one distinct input, or
        slopes exceed the range of float64.

    Examples
    --------
    >>> import vvnorm
    >>> solution = vvnorm.interpolate([0, 1, 2, 3], [0, 1, 0, 1])
    >>> solution.value, solution.unique, bool(solution.verify())
    (4.0, True, True)
    """
    tol, limit, seed = as_tolerance(tol), as_time_limit(time_limit), as_count(seed, "seed")
    rounds, names = as_rounds(max_iter), (column_names(X), column_names(Y))
    if auxiliary not in (None, "infinite"):
        raise ValueError(f"auxiliary must be None or 'infinite', got {auxiliary!r}")
    if not penalise_bias:  # a shift changes problems with penalised biases
        X, origin = shifted_integers(X)
        if origin is not None:
            given: dict[str, Any] = {"skip": skip, "auxiliary": auxiliary, "tol": tol, "max_iter": rounds}
            solution = interpolate(X, Y, **given, time_limit=limit, seed=seed, callback=callback, progress=progress)
            return replace(solution, origin=origin).named(*names)
    inputs = as_inputs(X)
    if inputs.shape[1] > 1 or penalise_bias or auxiliary:
        from vvnorm.api.multivariate import interpolate_infinite, interpolate_points
        from vvnorm.solvers.multivariate.affine_elimination import Convention

        labels = as_labels(Y, len(inputs), allow_missing=True)
        require_two_points(inputs, "an interpolant")
        solve = interpolate_infinite if auxiliary else interpolate_points
        convention = Convention(bool(skip), bool(penalise_bias))
        with rounds_shown("interpolating", callback, progress) as ended:
            options: dict[str, Any] = {"max_iter": rounds, "time_limit": limit, "seed": seed, "callback": ended}
            return solve(inputs, labels, convention, tol, **options).named(*names)
    return _interpolate_one_input(X, Y, skip, tol, limit).named(*names)


def _interpolate_one_input(X: ArrayLike, Y: ArrayLike, skip: bool, tol: float, limit: float | None) -> Interpolant:
    began = time.perf_counter()
    x, labels = sorted_univariate(X, Y)
    missing = has_missing(labels)
    if skip and not missing:
        dots = connect_sorted(x, labels)
        network = dots.network
        dual: Rows = dots.dual
        provenance: dict[str, Any] = {"method": "closed form"}
    else:
        optimum = _by_program(x, labels, skip, tol, limit)
        reason = "labels are missing" if missing else "there is no skip connection"
        provenance = {"method": f"convex program ({reason}, so no closed form)", **optimum.provenance}
        dots, network, dual = optimum.dots, optimum.network, optimum.dual
    certificate = certify_sorted(network, x, labels, dual=dual, skip=skip)
    provenance |= {"numpy": np.__version__, "python": platform.python_version()}
    provenance["seconds"] = time.perf_counter() - began
    return Interpolant(network, certificate, x[:, None], labels, tol, provenance, dots)


def _by_program(x: Array, labels: Array, skip: bool, tol: float, limit: float | None) -> "CurvatureSolution":
    """Interpolate by a convex program, or by `plain_interpolation` where that is no worse or the program fails."""
    from vvnorm.solvers.reference import SpanError, curvature_interpolation, plain_interpolation

    try:
        optimum = curvature_interpolation(x, labels, skip=skip, time_limit=limit)
    except (RuntimeError, SpanError) as error:
        plain = plain_interpolation(x, labels, skip=skip)
        return replace(plain, provenance={**plain.provenance, "status": str(error)})
    judged = certify_sorted(optimum.network, x, labels, dual=optimum.dual, skip=skip)
    if not judged.shortcomings(tol):
        return optimum
    plain = plain_interpolation(x, labels, skip=skip)
    other = certify_sorted(plain.network, x, labels, dual=plain.dual, skip=skip)
    best = plain if other.vv_norm <= judged.vv_norm or judged.relative_residual > tol else optimum
    dual = plain.dual if other.lower_bound > judged.lower_bound else optimum.dual
    return replace(best, dual=dual, provenance=optimum.provenance)
