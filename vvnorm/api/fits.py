"""The public functions `fit`, `fit_path` and `lambda_max`: fits with a loss and lam times the VV norm, certified.

The objective of a function f is, everywhere in the toolkit,

    sum over present labels of weight * loss(f(x_i), y_i)  +  lam * VV(f),      squared loss: (f - y)^2 / 2.

With one input `fit` passes sorted data to `vvnorm.solvers.univariate.fits`. A million labels or more are read by two
threads, unless the environment variable OMP_NUM_THREADS is 1. Several inputs, and biases inside the norm, are solved by
`vvnorm.solvers.multivariate`.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike

from vvnorm._internal.deadline import Deadline, as_time_limit
from vvnorm._internal.progress import rounds_shown, steps_shown
from vvnorm.api.fit_data import Data, has_several_inputs, opened, read_problem, without_origin
from vvnorm.api.univariate_fits import fit_line
from vvnorm.float64 import Origin
from vvnorm.losses import LossLike, fit_labels
from vvnorm.results.path import FitPath
from vvnorm.results.univariate_fit import Fit
from vvnorm.solvers.univariate.fits.dispatch import critical_lam
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
    column_names,
)

if TYPE_CHECKING:
    from vvnorm.results.multivariate import MultivariateSolution
    from vvnorm.solvers.multivariate.fits import FitProblem


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
    callback: Callable[[int, float, float], object] | None = None,
    progress: bool = False,
) -> "Fit | MultivariateSolution":
    """Fit data: minimise the sum of losses plus lam times the VV norm, with a proof of the gap.

    Parameters
    ----------
    X : array-like, shape (N,) or (N, d), or the path of a .npy file
        Inputs in any order. Repeated inputs are kept: each of their labels counts. One distinct input is fitted by a
        constant. Integers that float64 cannot represent are taken relative to an `origin` of the fit (`vvnorm.Solution`).
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
        Whether the network may have a skip connection. For one input, fits without one need slow convex programs.
    penalise_bias : bool
        Whether the cost of a neuron is ||(w, b)|| ||v||, in place of ||w|| ||v||.
    tol : float
        Relative gap to reach, and the largest one that `verify` accepts.
    max_iter : int, optional
        Most rounds of column generation, for several inputs. By default 300, or 100 where an exact search over all neurons
        would take too long (from some dozens of points with four inputs, or ten with seven).
    time_limit : float, optional
        Seconds after which the best network so far is returned with its bound, and a note in `notes`. Compiling and making
        the certificate take additional time.
    seed : int
        Seed of the first neurons and of inexact searches, for several inputs.
    callback : callable, optional
        Called after each round with its number and the bounds on the current objective, in the solver's units.
    progress : bool
        Whether to show a progress bar, in interactive terminals and notebooks only.

    Returns
    -------
    Fit
        For one input.
    MultivariateSolution
        For several inputs, or biases inside the norm; losses are `squared`, `logistic` or `huber` then.

    A gap above `tol` is not an error: `gap` is its size, and `verify` does not accept the fit.

    Raises
    ------
    TypeError, ValueError
        If data (see `vvnorm.validation`), lam, loss, labels or weights are invalid.
    MemoryError
        If labels must be copied (sorted, converted, recoded) and their copy does not fit into memory.

    Examples
    --------
    >>> import vvnorm
    >>> line = vvnorm.fit([0, 1, 2, 3], [0, 1, 0, 1], lam=10.0)
    >>> bent = vvnorm.fit([0, 1, 2, 3], [0, 1, 0, 1], lam=0.1)
    >>> len(line.knots), len(bent.knots), bool(bent.verify())
    (0, 2, True)
    """
    strength, tol, limit, seed = as_positive(lam), as_tolerance(tol), as_time_limit(time_limit), as_count(seed, "seed")
    deadline = Deadline(limit)
    rounds, names = as_rounds(max_iter), (column_names(X), column_names(Y))
    (X, origin), Y = without_origin(X, penalise_bias), opened(Y, "Y")
    with rounds_shown("fitting", callback, progress) as ended:
        if penalise_bias or has_several_inputs(X):
            from vvnorm.api.multivariate import fit_points

            points = _read_points(X, Y, loss, weights, skip, penalise_bias, seed)
            effort: dict[str, Any] = {"max_iter": rounds, "time_limit": limit, "callback": ended}
            solution: Any = fit_points(points, strength, tol, **effort)[0]
        else:
            problem = read_problem(X, Y, loss, weights)
            solution = fit_line(problem, strength, tol, skip, deadline=deadline, callback=ended)
    return _with_origin(origin, solution).named(*names)


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
    callback: Callable[[Any], object] | None = None,
    progress: bool = False,
) -> FitPath:
    """Fit the same data for several lam, each fit starting from its neighbour of larger lam.

    All other parameters, and the errors, are those of `fit`.

    Parameters
    ----------
    lams : sequence of float
        Positive numbers, in any order; at least one.
    max_iter, time_limit : optional
        Rounds and seconds for each fit.
    callback : callable, optional
        Called with each fit when it is computed, from the largest lam to the smallest.
    progress : bool
        Whether to show a progress bar, in interactive terminals and notebooks only.

    Returns
    -------
    FitPath
        A list of Fit, or of MultivariateSolution, in the order of `lams`, that can be drawn.

    Examples
    --------
    >>> import vvnorm
    >>> path = vvnorm.fit_path([0, 1, 2, 3], [0, 1, 0, 1], lams=[1.0, 0.1, 0.01])
    >>> [len(fit.knots) for fit in path]
    [0, 2, 2]
    """
    strengths = as_lams(lams)
    limits: dict[str, Any] = {"tol": tol, "max_iter": max_iter, "time_limit": time_limit, "seed": seed}
    fit_next = warm_fits(X, Y, loss=loss, weights=weights, skip=skip, penalise_bias=penalise_bias, **limits)
    fits, start = {}, None
    with steps_shown("fitting", len(strengths), callback, progress) as ended:
        for place in sorted(range(len(strengths)), key=lambda i: -strengths[i]):
            fits[place], start = fit_next(strengths[place], start)
            ended(fits[place])
    return FitPath(fits[place] for place in range(len(strengths)))


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
    """Prepare data for fits whose lam are not known beforehand.

    All other parameters, and the errors, are those of `fit`.

    Parameters
    ----------
    local_search : bool
        Whether neurons of three and more inputs (two, with biases inside the norm) are found by local search even where an
        exact search over all neurons is affordable. It is many times faster, but may miss neurons and so stop above `tol`.

    Returns
    -------
    callable : (lam, start, [seconds]) -> (fit, next start)
        A start is None, or the start that was returned with another fit of the same inputs and number of outputs. Seconds
        replace `time_limit`.
    """
    tol, rounds, limit = as_tolerance(tol), as_rounds(max_iter), as_time_limit(time_limit)
    seed, names = as_count(seed, "seed"), (column_names(X), column_names(Y))
    (X, origin), Y = without_origin(X, penalise_bias), opened(Y, "Y")
    if penalise_bias or has_several_inputs(X):
        from vvnorm.api.multivariate import fit_points

        points = _read_points(X, Y, loss, weights, skip, penalise_bias, seed, local_search)

        def fit_next(lam: float, start: Any, seconds: float | None = limit) -> tuple[Any, Any]:
            solution, next_start = fit_points(points, lam, tol, start=start, max_iter=rounds, time_limit=seconds)
            return _with_origin(origin, solution).named(*names), next_start or start

        return fit_next
    problem = read_problem(X, Y, loss, weights)

    def fit_sorted(lam: float, start: Any, seconds: float | None = limit) -> tuple[Any, Any]:
        solution = fit_line(problem, lam, tol, skip, start, Deadline(seconds))
        return _with_origin(origin, solution).named(*names), solution.knot_solution

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

    With too many points in three or more dimensions for an exact search, or for one within `time_limit` seconds, the
    result is a lower bound.

    Raises
    ------
    TimeoutError
        For one input, if the best affine function is not computed within `time_limit`: then there is no bound.

    Examples
    --------
    >>> import vvnorm
    >>> largest = vvnorm.lambda_max([0, 1, 2, 3], [0, 1, 0, 1])
    >>> [len(vvnorm.fit([0, 1, 2, 3], [0, 1, 0, 1], lam=part * largest).knots) for part in (1.01, 0.99)]
    [0, 2]
    """
    deadline = Deadline(as_time_limit(time_limit))
    (X, _), Y = without_origin(X, penalise_bias), opened(Y, "Y")
    if penalise_bias or not skip or has_several_inputs(X):
        return _read_points(X, Y, loss, weights, skip, penalise_bias, 0).largest_lam(deadline.end)
    return critical_lam(read_problem(X, Y, loss, weights), deadline)


def _read_points(
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
    from vvnorm.solvers.multivariate.fits import FitProblem

    inputs = as_inputs(X)
    labels = as_labels(Y, len(inputs), allow_missing=True)
    labels, shares, losses = fit_labels(labels, loss, weights)
    convention = Convention(bool(skip), bool(penalise_bias))
    return FitProblem(inputs, labels, shares, losses, convention, seed, local_search=local_search)


def _with_origin(origin: Origin | None, solution: Any) -> Any:
    return solution if origin is None else replace(solution, origin=origin)
