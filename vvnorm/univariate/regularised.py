"""The regularised problem in one dimension, for any of the losses: knot generation around a reduced problem.

    min over functions f of  sum over entries of weight * loss(f_t(x_i), y_it)  +  lam VV(f).

The solution is a connect-the-dots interpolant of its own fitted values (claim `regularised`); with the squared loss this is
group l1 trend filtering on an irregular grid. About (lam / lam_max)^(-2/3) knots are active, however many rows there are,
so the work is done on knots: solve the problem with jumps at few rows only (`vvnorm.univariate.reduced`, and
`vvnorm.univariate.many_knots` when lam is so small that they are not few), sweep the dual variable Z over all rows, add the
worst row of every segment, drop knots that are not used, until the gap is reached.

*Squared loss of complete labels* (`vvnorm.univariate.squared`) reads the labels once, and then works on blocks.
*Other losses, weights per entry, missing labels* (`vvnorm.univariate.general`): every round also replaces the losses by
their quadratic model at the current function, and reads all labels a few times.
*One distinct input* (`vvnorm.univariate.constant`) leaves nothing to generate: a constant per output.

The gap used for stopping is the solver's own. What is proved is said by `vvnorm.certify_regularised`, which shares no code
with this module.
"""

import time
from dataclasses import replace

from vvnorm.deadline import Deadline
from vvnorm.tolerances import GAP
from vvnorm.univariate.constant import fit_constant
from vvnorm.univariate.general import GeneralRounds
from vvnorm.univariate.problem import Found, Problem
from vvnorm.univariate.rounds import Advance
from vvnorm.univariate.squared import SquaredRounds

__all__ = ["Advance", "Found", "Problem", "critical_lam", "known_critical_lam", "solve"]


def _rounds(problem: Problem) -> SquaredRounds | GeneralRounds:
    """Data of the problem as its solver has them, made once."""
    problem = problem.solved
    kept = vars(problem)  # they go with the problem; a weak reference's callback would lose a Ctrl-C that meets it
    if "rounds" not in kept:
        per_row = problem.weights is None or problem.weights.shape[1] == 1
        squared = SquaredRounds(problem) if per_row and all(loss.name == "squared" for loss in problem.losses) else None
        kept["rounds"] = squared if squared and squared.complete else GeneralRounds(problem)
    rounds: SquaredRounds | GeneralRounds = kept["rounds"]
    return rounds


def critical_lam(problem: Problem, deadline: Deadline | None = None) -> float:
    """Smallest lam at which the best affine function is optimal (`lam_max`); 0 for one distinct input.

    Raises
    ------
    TimeoutError
        If it is not found by the deadline.
    """
    if problem.is_single:
        return 0.0
    rounds = _rounds(problem)
    with (deadline or Deadline()).raises(rounds.stop):
        found = rounds.lam_max
        if not rounds.knows_critical:
            raise TimeoutError("lambda_max was not found within time_limit; raise it")
    return found


def known_critical_lam(problem: Problem) -> float | None:
    """The same, if it has been found before."""
    return critical_lam(problem) if problem.is_single or _rounds(problem).knows_critical else None


def solve(
    problem: Problem,
    lam: float,
    *,
    tol: float = GAP,
    start: Found | None = None,
    deadline: Deadline | None = None,
    advance: Advance | None = None,
) -> Found:
    """Solve the regularised problem.

    Parameters
    ----------
    problem : Problem
        Data and losses.
    lam : float
        Strength of the penalty, positive.
    tol : float
        Relative duality gap at which to stop.
    start : Found, optional
        Solution at another lam, whose knots are taken over.
    deadline : Deadline, optional
        When to return the best function found so far; there is always one.
    advance : callable, optional
        Called after each round.

    Returns
    -------
    Found : with a larger gap than `tol` if double precision, or the limit of rounds or of time, allowed no more.
    """
    began = time.perf_counter()
    if problem.is_single:
        found = fit_constant(problem.solved)
        return replace(found, seconds=time.perf_counter() - began)
    rounds = _rounds(problem)
    with (deadline or Deadline()).raises(rounds.stop):
        state = rounds.run(rounds.in_units(lam), tol, start, advance)
        limited = bool(rounds.stop[0]) and state.gap > tol
    return rounds.found(state, time.perf_counter() - began, limited)
