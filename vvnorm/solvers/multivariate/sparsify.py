"""Reduce the number of neurons of a network and keep its values at the points.

Fix the directions of the output weights, v_k = m_k u_k with ||u_k|| = 1 and m_k >= 0. The constraint B V = Z on the
values at the points (without their affine part) is then linear in m, and so is the cost: a vertex of that linear program
has at most as many neurons as there are equations, n times the number of outputs, and costs no more. With one output and
a skip connection this number is n = N - 1 - d. With several outputs the neurons of least cost are then left out, some at a
time, while the others attain the values within the given cost.
"""

from typing import Final

import numpy as np
from scipy.optimize import linprog

from vvnorm.network import ReLUNetwork, row_norms
from vvnorm.solvers.multivariate.affine_elimination import Inputs, Reduction
from vvnorm.solvers.multivariate.group_lasso_ipm import least_change
from vvnorm.solvers.multivariate.group_lasso_newton import DesignBlock, solve_design
from vvnorm.validation import Array

_SMALLEST: Final = 1e-9  # weights of a vertex below this part of the largest one count as 0
_ACCURATE: Final = 1e-8  # relative accuracy to which the problem over the neurons left is solved
_SHARE: Final = 0.25  # part of the neurons that is left out first


def sparse_network(network: ReLUNetwork, points: Inputs, most: float) -> ReLUNetwork:
    """Return a network with the same values at the points, few neurons, and a cost of at most `most`.

    Parameters
    ----------
    network : ReLUNetwork
        Normalised to ||w|| = 1 (or ||(w, b)|| = 1).
    points : Inputs
    most : float
        At least the network's cost.
    """
    values = network(points.X)
    features = np.maximum(points.X @ network.W.T + network.b, 0.0)
    B, V = points.complement.T @ features, network.V.T
    unit = float(np.max(row_norms(B.T), initial=0.0))
    if unit == 0:
        return network
    Z = B @ V
    thin = vertex(B, Z, V)
    if len(Z) > 1 and Z.shape[1] > 1:
        thin = _thinned(B / unit, Z / unit, thin, most)
    used = np.any(thin != 0, axis=1)
    thin = thin + least_change(B * used, Z - B @ thin, row_norms(thin))
    if float(np.sum(row_norms(thin))) > most:
        return network
    rest = Reduction(points, np.ones(values.shape), values - features @ thin, 0.0)
    A, c = points.free_part(rest.best_affine())
    return ReLUNetwork(network.W[used], network.b[used], thin[used].T, A, c)


def _thinned(B: Array, Z: Array, V: Array, most: float) -> Array:
    """Leave out neurons of least cost, a quarter of them at first, fewer if the cost rises too much."""
    _, singular, rotation = np.linalg.svd(Z, full_matrices=False)
    rotation = rotation[singular > 1e-12 * singular[0]].T
    target, kept = Z @ rotation, np.flatnonzero(row_norms(V))
    best, out = V, int(_SHARE * len(kept))
    while out > 0:
        order = kept[np.argsort(row_norms(best[kept]), kind="stable")]
        trial = np.sort(order[out:])
        eta = row_norms(best[trial])
        weights = _solved(DesignBlock(B[:, trial], target), np.maximum(eta, 1e-3 * eta.mean()))
        if weights is not None and float(np.sum(row_norms(weights))) <= most:
            best = np.zeros_like(V)
            best[trial] = weights @ rotation.T
            kept = np.flatnonzero(row_norms(best))
            out = min(out, int(_SHARE * len(kept)))
        else:
            out //= 2
    return best


def _solved(block: DesignBlock, eta: Array) -> Array | None:
    """Return the output weights of least cost, or None if the neurons do not span the targets."""
    try:
        state, _ = solve_design([block], 0.0, _ACCURATE, eta)
    except np.linalg.LinAlgError:
        return None
    if not np.isfinite(state.value):
        return None
    weights: Array = state.eta[:, None] * state.A[0]
    return weights


def vertex(B: Array, Z: Array, V: Array) -> Array:
    """Return weights of no larger cost with B V' = Z and at most as many non-zero rows as equations.

    Parameters
    ----------
    B : (n, K) array
    Z : (n, r) array
    V : (K, r) array
        With B V = Z.

    Returns
    -------
    (K, r) array; rows are multiples of those of V.
    """
    sizes = row_norms(V)
    used = np.flatnonzero(sizes > 0)
    directions = V[used] / sizes[used, None]
    equations = np.einsum("nk,kr->nrk", B[:, used], directions).reshape(-1, len(used))
    scale = row_norms(equations)
    kept = scale > 0
    program = linprog(
        np.ones(len(used)),
        A_eq=equations[kept] / scale[kept, None],
        b_eq=Z.ravel()[kept] / scale[kept],
        method="highs-ds",
        options={"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10},
    )
    if program.x is None:
        return V
    m = np.where(program.x > _SMALLEST * np.max(program.x), program.x, 0.0)
    thin = np.zeros_like(V)
    thin[used] = m[:, None] * directions
    return thin
