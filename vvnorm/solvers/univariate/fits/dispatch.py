"""Fits of one input: choose the solver for a problem, and treat outputs with labels at a single input separately.

    min over functions f of  sum over entries of weight * loss(f_t(x_i), y_it)  +  lam VV(f).

The solution is the connect-the-dots interpolant of its own fitted values (claim `regularised`). With the squared loss the
problem is group l1 trend filtering on an irregular grid. About (lam / lam_max)^(-2/3) knots are active, for any number of
rows, so the solvers work on knots (see `vvnorm.solvers.univariate.fits` for the three parts of the method).

- `fits.squared_loss`: squared losses of complete labels. The labels are read once; then blocks of rows suffice.
- `fits.any_loss`: other losses, weights per entry, missing labels. Every round replaces the losses by their quadratic model
  at the current function and reads all labels a few times.
- `fits.constant_fit`: one distinct input. The fit is a constant per output. An output that has labels at one input only is
  constant, too: a line through any value there costs nothing, so the other outputs are fitted without this one.

The gap that stops the iteration is the solver's own estimate. `vvnorm.verifier.line_fit`, which shares no code with this
module, proves a bound.
"""

import time
from dataclasses import replace

import numpy as np

from vvnorm._internal.callbacks import RoundCallback
from vvnorm._internal.deadline import Deadline
from vvnorm.losses import neg_gradients
from vvnorm.piecewise import PiecewiseLinear
from vvnorm.solvers.univariate.fits.any_loss import GeneralRounds
from vvnorm.solvers.univariate.fits.constant_fit import fit_constant
from vvnorm.solvers.univariate.fits.problem import KnotSolution, Problem
from vvnorm.solvers.univariate.fits.squared_loss import SquaredRounds
from vvnorm.tolerances import GAP
from vvnorm.validation import Array

__all__ = ["KnotSolution", "Problem", "critical_lam", "dual_values", "known_critical_lam", "solve", "with_constants"]


def _rounds(problem: Problem) -> SquaredRounds | GeneralRounds:
    """Return the solver of the problem with its data; it is made once."""
    problem = problem.solved
    kept = vars(problem)  # stored in the problem: a Ctrl-C during the callback of a weak reference would be lost
    if "rounds" not in kept:
        per_row = problem.weights is None or problem.weights.shape[1] == 1
        squared = SquaredRounds(problem) if per_row and all(loss.name == "squared" for loss in problem.losses) else None
        kept["rounds"] = squared if squared and squared.complete else GeneralRounds(problem)
    rounds: SquaredRounds | GeneralRounds = kept["rounds"]
    return rounds


def critical_lam(problem: Problem, deadline: Deadline | None = None) -> float:
    """Smallest lam at which the best affine function is optimal (`lam_max`); 0 for one distinct input per output.

    Raises
    ------
    TimeoutError
        If the deadline comes first.
    """
    if problem.is_single:
        return 0.0
    rounds = _rounds(problem.several)
    with (deadline or Deadline()).raises(rounds.stop):
        lam_max = rounds.lam_max
        if not rounds.knows_critical:
            raise TimeoutError("lambda_max was not found within time_limit; raise it")
    return lam_max


def known_critical_lam(problem: Problem) -> float | None:
    """Return `critical_lam` if it is known already, else None."""
    return critical_lam(problem) if problem.is_single or _rounds(problem.several).knows_critical else None


def solve(
    problem: Problem,
    lam: float,
    *,
    tol: float = GAP,
    start: KnotSolution | None = None,
    deadline: Deadline | None = None,
    callback: RoundCallback | None = None,
) -> KnotSolution:
    """Solve the regularised problem.

    Parameters
    ----------
    problem : Problem
        Data and losses.
    lam : float
        Strength of the penalty, positive.
    tol : float
        Relative duality gap at which to stop.
    start : KnotSolution, optional
        Solution at another lam; its knots are the first knots.
    deadline : Deadline, optional
        The time at which to return the best function. The first round is always finished.
    callback : callable, optional
        Called after each round.

    Returns
    -------
    KnotSolution : its gap exceeds `tol` if rounding, or the limit of rounds or of time, ended the rounds early.
    """
    began = time.perf_counter()
    if problem.is_single:
        solution = fit_constant(problem.solved)
        return replace(solution, seconds=time.perf_counter() - began)
    rounds, alone = _rounds(problem.several), problem.single
    if start is not None and alone.any():
        start = replace(start, jumps=start.jumps[:, ~alone], slope=start.slope[~alone], value=start.value[~alone])
    with (deadline or Deadline()).raises(rounds.stop):
        state = rounds.run(rounds.in_units(lam), tol, start, callback)
        limited = bool(rounds.stop[0]) and state.gap > tol
    solution = rounds.solution(state, time.perf_counter() - began, limited)
    return with_constants(problem, solution)


def with_constants(problem: Problem, solution: KnotSolution) -> KnotSolution:
    """Add to the solution the outputs whose labels are at a single input, which are constants."""
    alone, solved = problem.single, problem.solved
    if not alone.any():
        return solution
    constant, dual = fit_constant(solved.part(alone)), None
    if constant.dual is not None or solution.dual is not None:
        dual = np.empty(solved.Y.shape)
        dual[:, ~alone] = dual_values(problem.several.solved, solution)
        dual[:, alone] = dual_values(solved.part(alone), constant)

    def both(others: Array, values: Array | float) -> Array:
        every = np.empty((*others.shape[:-1], len(alone)))
        every[..., ~alone], every[..., alone] = others, values
        return every

    return replace(
        solution,
        jumps=both(solution.jumps, 0.0),
        slope=both(solution.slope, 0.0),
        value=both(solution.value, constant.value),
        values=both(solution.values, constant.value),
        dual=dual,
    )


def dual_values(problem: Problem, solution: KnotSolution) -> Array:
    """Return the dual array (N, T) of a solution; for losses without corners it follows from the fitted values."""
    if solution.dual is not None:
        return solution.dual
    fitted = PiecewiseLinear(solution.knots, solution.values)(problem.x) if len(solution.knots) > 1 else solution.values
    return neg_gradients(problem.losses, fitted, problem.Y, problem.weights)
