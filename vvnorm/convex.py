"""Minimal-VV-norm interpolation as plain convex programs: the independent reference, and the way where no closed form is.

*Dictionary program.* By homogeneity a neuron of one input is v relu(x - t) or v relu(t - x). With the kinks t taken from a
fixed dictionary the problem is a second-order cone program,

    min sum_k ||v_k||_2   s.t.   sum_k v_k phi_k(x_i) + A x_i + c = y_i  for every present label.

A kink at every data point suffices, since the dual constraint is convex between them; a refinement lets one see that it
changes nothing. With a skip connection one orientation is enough, since relu(t - x) = relu(x - t) - (x - t).

*Curvature program.* The same problem in the values at the data: rising and falling kinks P_i + Q_i = delta_i at the inner
points, a slope a = s_1 + sum_i Q_i left for a neuron that is on over all the data (no skip connection), and values of
missing labels as unknowns. It is sparse, far better conditioned, and its multipliers are the dual certificate itself.

CVXPY hands both to Clarabel. Solver and status are recorded and never trusted: what counts is the certificate.
"""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from vvnorm.data import Array, as_count, sorted_univariate
from vvnorm.network import ReLUNetwork, row_norms
from vvnorm.univariate.interpolation import ConnectTheDots, connect_sorted

_USABLE = ("optimal", "optimal_inaccurate", "user_limit")
_SNAP = 1e-6  # shares of a curvature closer than this to 0 or 1 are solver noise; either choice interpolates exactly


@dataclass(frozen=True, eq=False)
class DictionarySolution:
    """What the dictionary program returned, as it is.

    Attributes
    ----------
    value : float
        The solver's optimal value, in the units of the VV norm. Not certified.
    network : ReLUNetwork
        The solver's network: it interpolates to the solver's accuracy.
    provenance : dict
        Solver, status, versions, size of the dictionary, and the units the program was posed in.
    """

    value: float
    network: ReLUNetwork
    provenance: dict[str, Any]


@dataclass(frozen=True, eq=False)
class CurvatureSolution:
    """A network and a dual certificate made from the curvature program's output.

    Attributes
    ----------
    network : ReLUNetwork
        Interpolates the present labels up to rounding; its cost is an upper bound.
    dual : (N, T) array
        The dual certificate eta at the sorted data points, as `vvnorm.certify` takes it.
    dots : ConnectTheDots
        Connect-the-dots of the labels, missing ones replaced by the program's values.
    provenance : dict
        Solver, status, versions.
    """

    network: ReLUNetwork
    dual: Array
    dots: ConnectTheDots
    provenance: dict[str, Any]


def dictionary_interpolation(X: ArrayLike, Y: ArrayLike, *, skip: bool = True, refinement: int = 0) -> DictionarySolution:
    """Solve the interpolation problem over a dictionary of ReLU neurons.

    Parameters
    ----------
    X : array-like, shape (N,) or (N, 1)
        At least two distinct inputs.
    Y : array-like, shape (N,) or (N, T)
        Labels; NaN = missing, and then no constraint.
    skip : bool
        Whether the skip connection A is free; otherwise A = 0. The output bias c is always free.
    refinement : int
        Number of extra kinks, evenly spaced, in each gap between data points.

    Raises
    ------
    TypeError, ValueError
        For bad data.
    RuntimeError
        If the solver returns no usable point; the message has its status.

    Notes
    -----
    The program is posed in units in which inputs and labels span about 1 (`provenance["units"]`); value and network are
    converted back. Its matrix is dense: about a second for N = 200, T = 5 and a minute for N = 1000, T = 5.
    """
    import cvxpy as cp

    x, labels = _two_or_more(X, Y)
    refinement = as_count(refinement, "refinement")
    centre, reach = x[0] / 2 + x[-1] / 2, x[-1] / 2 - x[0] / 2
    middle, height = _middle_and_height(labels)
    z, targets = (x - centre) / reach, (labels - middle) / height
    inner = z[:-1, None] + np.diff(z)[:, None] * np.arange(refinement + 1) / (refinement + 1)
    rising = inner.ravel()[1:] if skip else inner.ravel()
    falling = np.empty(0) if skip else np.append(inner.ravel()[1:], z[-1])
    t = np.concatenate([rising, falling])
    w = np.repeat([1.0, -1.0], [len(rising), len(falling)])
    hidden = np.maximum(w * (z[:, None] - t), 0.0)
    affine = np.column_stack([np.ones_like(z), z])[:, : 2 if skip else 1]

    T = labels.shape[1]
    V, C = cp.Variable((max(len(t), 1), T)), cp.Variable((affine.shape[1], T))
    fit = affine @ C + (hidden @ V if len(t) else 0.0)
    present = [np.flatnonzero(~np.isnan(targets[:, output])) for output in range(T)]
    constraints = [fit[rows, output] == targets[rows, output] for output, rows in enumerate(present)]
    provenance = _solve(cp.Problem(cp.Minimize(cp.sum(cp.norm(V, 2, axis=1))), constraints))
    weights = np.asarray(V.value)[: len(t)] * (height / reach)
    affine_weights = np.asarray(C.value) * height
    A = affine_weights[1] / reach if skip else np.zeros(T)
    c = affine_weights[0] + middle - A * centre
    network = ReLUNetwork(w[:, None], -w * (centre + reach * t), weights.T, A[:, None], c)
    value = float(row_norms(np.asarray(V.value)).sum()) * height / reach
    return DictionarySolution(value, network, provenance | {"neurons": len(t), "units": {"x": reach, "y": height}})


def curvature_interpolation(X: ArrayLike, Y: ArrayLike, *, skip: bool = True) -> CurvatureSolution:
    """Solve the interpolation problem in the values at the data points; for missing labels, or no skip connection.

    Parameters
    ----------
    X : array-like, shape (N,) or (N, 1)
        At least two distinct inputs.
    Y : array-like, shape (N,) or (N, T)
        Labels; NaN = missing, and then an unknown.
    skip : bool
        Whether the skip connection A is free; otherwise A = 0. The output bias c is always free.

    Raises
    ------
    TypeError, ValueError
        For bad data.
    RuntimeError
        If the solver returns no usable point; the message has its status.
    """
    import cvxpy as cp
    from scipy.sparse import coo_array

    x, labels = _two_or_more(X, Y)
    n, T = labels.shape
    middle, height = _middle_and_height(labels)
    targets = (labels - middle) / height
    with np.errstate(all="ignore"):
        reach = x[-1] - x[0]
        per_gap = reach / np.diff(x)
    if not np.isfinite(per_gap).all():
        raise ValueError(
            "X spans more orders of magnitude than the convex program can hold in one unit; rescale parts of it"
        )
    # Unknown values of missing labels, and the values at the data as an affine function of them.
    row, output = np.nonzero(np.isnan(targets))
    values = np.where(np.isnan(targets), 0.0, targets)
    if len(row):
        free = cp.Variable(len(row))
        place = coo_array((np.ones(len(row)), (row + n * output, np.arange(len(row)))), shape=(n * T, len(row)))
        values = values + cp.reshape(place @ free, (n, T), order="F")
    slopes = cp.multiply(np.repeat(per_gap[:, None], T, axis=1), values[1:] - values[:-1])
    P, Q = cp.Variable((max(n - 2, 1), T)), cp.Variable((max(n - 2, 1), T))
    constraints = [P + Q - (slopes[1:] - slopes[:-1]) == 0] if n > 2 else [P == 0, Q == 0]
    cost = cp.sum(cp.norm(P, 2, axis=1))
    if skip:
        constraints.append(Q == 0)
    else:
        a = cp.Variable(T)
        constraints.append(a - (slopes[0] + cp.sum(Q, axis=0)) == 0)
        cost += cp.sum(cp.norm(Q, 2, axis=1)) + cp.norm(a)
    provenance = _solve(cp.Problem(cp.Minimize(cost), constraints))
    if len(row):
        filled = labels.copy()
        filled[row, output] = free.value * height + middle[output]
    else:
        filled = labels
    dots = connect_sorted(x, filled)
    eta = np.zeros((n, T))
    if n > 2:
        eta[1:-1] = -np.asarray(constraints[0].dual_value).reshape(n - 2, T)
    if not skip:
        eta[0] = -np.ravel(constraints[-1].dual_value)
    network = dots.network if skip else _without_skip(dots, np.asarray(P.value)[: n - 2] * (height / reach))
    return CurvatureSolution(network, eta, dots, provenance)


def _without_skip(dots: ConnectTheDots, rising: Array) -> ReLUNetwork:
    """Build the network that interpolates exactly with the given rising share of each curvature, A = 0."""
    n = len(dots.x)
    delta, first = dots.curvatures(0, n - 2), dots.slopes(0, 1)[0]
    size = dots.norms[:, None]
    rising = np.where(row_norms(rising)[:, None] <= _SNAP * size, 0.0, rising)
    rising = np.where(row_norms(delta - rising)[:, None] <= _SNAP * size, delta, rising)
    falling = delta - rising
    always = first + falling.sum(axis=0)
    V = np.vstack([always[None], rising, falling])
    knots = np.concatenate([dots.x[:-1], dots.x[1:-1]])
    w = np.repeat([1.0, -1.0], [n - 1, n - 2])
    c = dots.Y[0] - (dots.x[1:-1] - dots.x[0]) @ falling
    used = row_norms(V) > 0
    return ReLUNetwork(w[used, None], -(w * knots)[used], V[used].T, c=c)


def _two_or_more(X: ArrayLike, Y: ArrayLike) -> tuple[Array, Array]:
    x, labels = sorted_univariate(X, Y)
    if len(x) < 2:
        raise ValueError(f"X has 1 distinct value ({float(x[0])!r}); an interpolant is determined by two or more")
    return x, labels


def _middle_and_height(labels: Array) -> tuple[Array, float]:
    """Middle of each output's range, and half the largest range: the unit of labels."""
    low, high = np.nanmin(labels, axis=0), np.nanmax(labels, axis=0)
    return low / 2 + high / 2, float(np.max(high / 2 - low / 2)) or 1.0


def _solve(problem: Any) -> dict[str, Any]:
    """Run Clarabel; return solver, status and version, or raise if there is no point at all."""
    import cvxpy as cp

    with warnings.catch_warnings():
        # An inaccurate solution is judged by its certificate, not by the solver's word.
        warnings.simplefilter("ignore", UserWarning)
        try:
            problem.solve(solver=cp.CLARABEL)
        except cp.error.SolverError as error:
            raise RuntimeError(f"the convex program could not be solved: {error}") from None
    if problem.status not in _USABLE or any(variable.value is None for variable in problem.variables()):
        raise RuntimeError(f"the convex program ended with status {problem.status!r} and no solution")
    return {"solver": "CLARABEL", "status": problem.status, "cvxpy": cp.__version__}
