"""Master problems of interpolation whose optimum uses fewer neurons than there are equations.

Labels that are values of a small network are an example. The matrix M of `group_lasso_newton` is then singular at the
optimum, dual arrays are not unique, and Newton's steps wander. With a small lam > 0 the problem

    min  sum_g ||B_g V_g - Z_g||^2 / (2 lam) + sum_k ||v_k||

is smooth. Its dual array L is the maximiser of <L, Z> - lam ||L||^2 / 2 over the same feasible set as for lam = 0. So its
bound <L, Z> is below the optimum by at most lam ||L_0||^2 / 2, where L_0 is the smallest optimal dual array for lam = 0.
Its weights V miss the targets by lam L; the change of least weighted size that corrects them makes them feasible, and the
cost rises by a multiple of lam.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from vvnorm.network import row_norms
from vvnorm.solvers.multivariate.dense_blocks import routine
from vvnorm.solvers.multivariate.group_lasso_newton import DesignBlock, DesignState, evaluate, solve_design
from vvnorm.validation import Array

_PART = 0.1  # of the tolerance: the relative change of the bound by lam, and the accuracy of the smooth problem
_TIMES = 2  # number of values of lam, each a tenth of the one before
_ENOUGH = 5  # times the tolerance: the largest gap that is accepted
_NEAR = (0.9, 0.0)  # only neurons with responses above this part of the largest take part in the correction; tried in turn
_FEASIBLE = 1e-12  # largest relative distance from the targets that counts as rounding


class DegenerateOptimum(NamedTuple):
    """Weights V that attain the targets, and the state of the smooth problem, whose duals bound the optimum from below."""

    V: list[Array]
    state: DesignState


def solve_degenerate(
    blocks: Sequence[DesignBlock], tol: float, ratio: float, eta: Array, deadline: float
) -> DegenerateOptimum | None:  # fmt: skip
    """Minimise sum_k ||v_k|| s.t. B_g V_g = Z_g; return None if the gap over these neurons stays far above `tol`.

    Parameters
    ----------
    blocks : sequence of DesignBlock
    tol : float
        Relative gap.
    ratio : float
        <L, Z> / ||L||^2 for a nearly optimal dual array: a lam of this size would change the bound by 50 %.
    eta : (K,) array
        Start.
    deadline : float
        Value of time.monotonic() after which no further step begins.
    """
    for attempt in range(_TIMES):
        state, _ = solve_design(blocks, _PART * tol * ratio / 10**attempt, _PART * tol, eta, deadline)
        V = _feasible(state)
        if V is not None:
            value = float(np.sum(row_norms(np.hstack(V))))
            if value - state.gain / float(state.norms.max()) <= _ENOUGH * tol * value:
                return DegenerateOptimum(V, state)
        eta = state.eta
    return None


def _feasible(state: DesignState) -> list[Array] | None:
    """Return weights near those of a smooth problem that attain the targets; None if its neurons do not span them."""
    largest, used = float(state.norms.max()), state.eta > 0
    V = [state.eta[:, None] * A for A in state.A]
    for near in _NEAR:
        taking_part = used | (state.norms >= near * largest)
        corrected = attained(state.blocks, V, np.where(taking_part, state.eta + float(np.mean(state.eta[used])), 0.0))
        if corrected is not None:
            return corrected
    return None


def attained(blocks: Sequence[DesignBlock], V: Sequence[Array], weights: Array) -> list[Array] | None:
    """Add to V the change of least sum_k ||d_k||^2 / weights_k that attains the targets.

    None if the neurons of positive weight do not span them. A ridge would hide that they miss a little noise.
    """
    metric = evaluate(blocks, 0.0, weights)
    if metric is None:
        return None
    corrected = []
    for (B, Z), factor, part in zip(blocks, metric.factors, V, strict=True):
        for _ in range(2):  # the second time corrects rounding
            part = part + weights[:, None] * (B.T @ routine("potrs", factor)(factor, Z - B @ part, lower=1)[0])
        if not float(np.linalg.norm(Z - B @ part)) <= _FEASIBLE * float(np.linalg.norm(Z)):
            return None
        corrected.append(part)
    return corrected
