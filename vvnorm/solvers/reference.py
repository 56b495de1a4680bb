"""Minimal-VV-norm networks as convex programs: an independent reference, and a solver if there is no closed form.

*Dictionary program.* With neurons relu(w_k.x + b_k) from a fixed dictionary the problem is a second-order cone program, for
any number of inputs: by homogeneity,

    min sum_k ||w_k|| ||v_k||   s.t.   sum_k v_k relu(w_k.x_i + b_k) + A x_i + c = y_i  for every present label.

With one input, kinks at the data points suffice, since the dual constraint is convex between them; a refinement shows that
further kinks change nothing. With a skip connection one orientation suffices, since relu(-z) = relu(z) - z. With several
inputs no finite dictionary is known to suffice; a certificate from the dual array shows whether it does.

*Curvature program.* The same problem in the values at the data. Its unknowns are rising and falling kinks
P_i + Q_i = delta_i at the inner points and the values of missing labels; without a skip connection a neuron that is active
at all the data has the slope a = s_1 + sum_i Q_i. The program is sparse and far better conditioned, and its multipliers are
the dual certificate. The cheapest network through given values is connect-the-dots. So fits with any convex loss, and fits
of least VV norm whose losses have budgets, are programs in the values, too.

CVXPY passes all programs to Clarabel. Solver and status are recorded, but only the certificate is trusted.

*Close inputs.* Clarabel fails for very close knots. In fits, inputs within a small part of the span of all inputs therefore
share one knot and one value. The certificate covers all labels, so its gap includes the cost of this. An interpolant must
follow all labels; `plain_interpolation` makes one without a solver.
"""

import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vvnorm._internal.deadline import TIME_LIMIT
from vvnorm._internal.words import count
from vvnorm.float64 import as_float64
from vvnorm.losses import Loss, fit_labels
from vvnorm.network import ReLUNetwork, row_norms
from vvnorm.solvers.univariate.interpolation.closed_form import ConnectTheDots, connect_sorted
from vvnorm.validation import (
    Array,
    as_count,
    as_generator,
    as_inputs,
    as_labels,
    as_non_negative,
    as_positive,
    sorted_univariate,
)

_USABLE = ("optimal", "optimal_inaccurate", "user_limit")
# Tighter than Clarabel can reach: it then reports an inaccurate optimum, whose gap is far below that of its defaults.
_STRICT = {"tol_gap_abs": 1e-12, "tol_gap_rel": 1e-12, "tol_feas": 1e-12}
_TOGETHER = (1e-9, 0.0, 1e-6)  # inputs of a fit closer than this part of the span share a knot; tried in this order
_NOISE = 1e-8  # curvatures of a fit below this part of their sum are solver noise, and are removed
_LEAST_TIME = 1e-3  # least time limit of the solver in seconds, so that it returns a point
_SNAP = 1e-6  # shares of a curvature closer than this to 0 or 1 are solver noise; either choice interpolates exactly


class SpanError(ValueError):
    """The inputs span more orders of magnitude than a program can represent."""


@dataclass(frozen=True, eq=False)
class DictionarySolution:
    """Solution of the dictionary program, as the solver returned it.

    Attributes
    ----------
    value : float
        The solver's optimal value, in the units of the VV norm (lam = 0) or of the squared labels (lam > 0). Not certified.
    network : ReLUNetwork
        The solver's network: for lam = 0 it interpolates to the solver's accuracy.
    dual : (N, T) array
        The multipliers Lambda of the labels, 0 where one is missing. They are orthogonal to affine functions (to constants,
        without a skip connection), and no neuron of the dictionary has a response ||sum_i Lambda_i relu(w.x_i + b)|| above
        its s. For lam = 0 their product with the labels is the value; for lam > 0 they are (Y - f(X)) / lam. With two
        inputs or more `vvnorm.certify` accepts them unchanged.
    provenance : dict
        Solver, status, versions, size of the dictionary, and the units the program was posed in.
    """

    value: float
    network: ReLUNetwork
    dual: Array
    provenance: dict[str, Any]


@dataclass(frozen=True, eq=False)
class CurvatureSolution:
    """A network and a dual array from the output of the curvature program.

    Attributes
    ----------
    network : ReLUNetwork
        Interpolates the present labels up to rounding; its cost is an upper bound.
    dual : (N, T) array
        The dual array eta at the sorted data points, in the form that `vvnorm.certify` takes.
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
    """Solve the univariate interpolation problem over a dictionary of ReLU neurons that contains a solution.

    Parameters
    ----------
    X : array-like, shape (N,) or (N, 1)
        At least two distinct inputs.
    Y : array-like, shape (N,) or (N, T)
        Labels; NaN = missing, without a constraint.
    skip : bool
        Whether the skip connection A is free; otherwise A = 0. The output bias c is always free.
    refinement : int
        Number of extra kinks, evenly spaced, in each gap between data points.

    Returns
    -------
    DictionarySolution
        Its `dual` belongs to the sorted, merged inputs.

    Raises
    ------
    TypeError, ValueError
        For bad data.
    RuntimeError
        If the solver returns no usable point; the message has its status.

    Notes
    -----
    The matrix of the program is dense: about a second for N = 200, T = 5 and a minute for N = 1000, T = 5.
    """
    x, labels = _two_or_more(X, Y)
    refinement = as_count(refinement, "refinement")
    steps = np.arange(refinement + 1) / (refinement + 1)
    inner = (x[:-1, None] * (1 - steps) + x[1:, None] * steps).ravel()
    rising = inner[1:] if skip else inner
    falling = np.empty(0) if skip else np.append(inner[1:], x[-1])
    w = np.repeat([1.0, -1.0], [len(rising), len(falling)])
    return dictionary_program(x, labels, w[:, None], -w * np.concatenate([rising, falling]), skip=skip)


def dictionary_program(
    X: ArrayLike,
    Y: ArrayLike,
    W: ArrayLike,
    b: ArrayLike,
    *,
    lam: float = 0.0,
    skip: bool = True,
    penalise_bias: bool = False,
) -> DictionarySolution:
    """Train the output weights of given neurons, for any number of inputs.

    Solves, over V, A and c,

        min sum_k s_k ||v_k||  s.t.  f(x_i) = y_i for every present label                     (lam = 0),
        min 1/2 sum over present labels of (f(x_i) - y_i)^2 + lam sum_k s_k ||v_k||           (lam > 0),

    where f(x) = sum_k v_k relu(w_k.x + b_k) + A x + c and s_k is ||w_k||, or ||(w_k, b_k)||.

    Parameters
    ----------
    X : array-like, shape (N,) or (N, d)
        Inputs.
    Y : array-like, shape (N,) or (N, T)
        Labels; NaN = missing.
    W, b : array-like, shapes (K, d) and (K,)
        The neurons; K may be 0.
    lam : float
        Strength of the penalty; 0 interpolates.
    skip : bool
        Whether the skip connection A is free; otherwise A = 0. The output bias c is always free.
    penalise_bias : bool
        Whether s_k contains the bias. This cost depends on where the origin of the inputs is.

    Raises
    ------
    TypeError, ValueError
        For bad data or neurons, or a negative lam.
    RuntimeError
        If the solver returns no usable point (there is none if the neurons cannot interpolate); the message has its
        status.

    Notes
    -----
    The program is posed in units in which inputs and labels span about 1 and every neuron has s_k = 1
    (`provenance["units"]`); results are converted back.
    """
    import cvxpy as cp

    inputs = as_inputs(X)
    labels = as_labels(Y, len(inputs), allow_missing=True)
    as_non_negative(lam, "lam")
    W, b, sizes = _neurons(W, b, inputs.shape[1], penalise_bias)
    K, T = len(b), labels.shape[1]
    centre, reach = _middle_and_height(inputs)
    middle, height = _middle_and_height(labels)
    hidden = np.maximum(inputs @ W.T + b, 0.0) / sizes
    unit = float(np.max(hidden, initial=0.0)) or 1.0
    affine = np.column_stack([np.ones(len(inputs)), (inputs - centre) / reach])[:, : None if skip else 1]
    present = ~np.isnan(labels)
    targets = np.where(present, (labels - middle) / height, 0.0)

    # v_k = height / (unit s_k) times the variable; both terms of the regularised problem are divided by height^2.
    V, C = cp.Variable((max(K, 1), T)), cp.Variable((affine.shape[1], T))
    misfit = affine @ C + ((hidden / unit) @ V if K else 0.0) - targets
    cost = cp.sum(cp.norm(V, 2, axis=1))
    if lam > 0:
        strength = lam / height / unit
        error = cp.sum_squares(cp.multiply(present.astype(np.float64), misfit)) / 2
        provenance = _solve(problem := cp.Problem(cp.Minimize(error + strength * cost)))
        dual, value = -np.where(present, misfit.value, 0.0) / strength, float(problem.value) * height * height
    else:
        rows = [np.flatnonzero(present[:, output]) for output in range(T)]
        constraints = [misfit[row, output] == 0 for output, row in enumerate(rows)]
        provenance = _solve(cp.Problem(cp.Minimize(cost), constraints))
        dual, value = np.zeros_like(targets), float(row_norms(np.asarray(V.value)).sum()) * height / unit
        for output, row in enumerate(rows):
            dual[row, output] = -np.ravel(constraints[output].dual_value)
    affine_weights = np.asarray(C.value) * height
    A = affine_weights[1:].T / reach if skip else np.zeros((T, inputs.shape[1]))
    weights = np.asarray(V.value)[:K] * (height / unit) / sizes[:, None]
    network = ReLUNetwork(W, b, weights.T, A, affine_weights[0] + middle - A @ centre)
    provenance |= {"neurons": K, "units": {"x": unit, "y": height}}
    return DictionarySolution(value, network, dual / unit, provenance)


def plane_dictionary(X: ArrayLike, directions: int, rng: np.random.Generator | int) -> tuple[Array, Array]:
    """Return neurons whose kinks pass through data points: a dictionary for `dictionary_program` with two inputs or more.

    `directions` hyperplanes in random directions pass through every point. In the plane, the lines through any two points
    are added; in more dimensions, hyperplanes through random d-subsets of the points, as many as there are random
    directions in total.

    Parameters
    ----------
    X : array-like, shape (N, d), d >= 2
        Points.
    directions : int
        Number of random directions for each point.
    rng : numpy.random.Generator or int
        Source of randomness, or its seed.

    Returns
    -------
    W : (K, d) array, b : (K,) array
        Distinct neurons with ||w_k|| = 1. Each hyperplane has one of its two orientations, which suffices with a skip
        connection, since relu(-z) = relu(z) - z; without one, add (-W, -b).
    """
    points = np.unique(as_inputs(X), axis=0)
    n, d = points.shape
    if d < 2:
        raise ValueError("X has 1 column; planes need two input features or more")
    directions, generator = as_count(directions, "directions"), as_generator(rng)
    W = generator.standard_normal((n * directions, d))
    through = np.repeat(np.arange(n), directions)
    if d == 2:
        first, second = np.triu_indices(n, 1)
        normals = (points[second] - points[first]) @ np.array([[0.0, 1.0], [-1.0, 0.0]])
    else:
        subsets = [generator.permutation(n)[:d] for _ in range(n * directions if n >= d else 0)]
        first = np.array([subset[0] for subset in subsets], dtype=np.intp)
        normals = np.array([_normal(points[subset]) for subset in subsets]).reshape(-1, d)
    W, through = np.vstack([W, normals]), np.concatenate([through, first])
    W /= row_norms(W)[:, None]
    leading = W[np.arange(len(W)), np.argmax(W != 0, axis=1)]
    W *= np.sign(leading)[:, None]
    neurons = np.unique(np.column_stack([W, -np.einsum("kd,kd->k", W, points[through])]), axis=0)
    return neurons[:, :d], neurons[:, d]


def _normal(points: Array) -> Array:
    """Return the unit normal of a hyperplane through d points; any such normal if the hyperplane is not unique."""
    normal: Array = np.linalg.svd(points[1:] - points[0])[2][-1]
    return normal


def _neurons(W: ArrayLike, b: ArrayLike, d: int, penalise_bias: bool) -> tuple[Array, Array, Array]:
    """Check neurons; return W, b and s. Where s = 0 neurons are constant, which is free in c, and s is set to infinity."""
    checked = ReLUNetwork(W, b, np.zeros((1, np.size(b))))  # type: ignore[arg-type]  # it converts and checks
    if checked.n_inputs != d:
        raise ValueError(f"W has {count(checked.n_inputs, 'column')} but X has {d}")
    sizes = row_norms(np.column_stack([checked.W, checked.b]) if penalise_bias else checked.W)
    return checked.W, checked.b, np.where(sizes > 0, sizes, np.inf)


def curvature_interpolation(
    X: ArrayLike, Y: ArrayLike, *, skip: bool = True, time_limit: float | None = None
) -> CurvatureSolution:  # fmt: skip
    """Solve the interpolation problem in the values at the data points; for missing labels, or no skip connection.

    Parameters
    ----------
    X : array-like, shape (N,) or (N, 1)
        At least two distinct inputs.
    Y : array-like, shape (N,) or (N, T)
        Labels; NaN = missing, and then an unknown.
    skip : bool
        Whether the skip connection A is free; otherwise A = 0. The output bias c is always free.
    time_limit : float, optional
        Seconds after which the solver returns its best point so far.

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
    if n == 2 and skip:  # a line: there is nothing to minimise
        return plain_interpolation(x, labels)
    middle, height = _middle_and_height(labels)
    targets = (labels - middle) / height
    reach, per_gap = _reach_and_inverse_gaps(x)
    # Unknown values of missing labels, and the values at the data as an affine function of them.
    row, output = np.nonzero(np.isnan(targets))
    values = np.where(np.isnan(targets), 0.0, targets)
    if len(row):
        free = cp.Variable(len(row))
        place = coo_array((np.ones(len(row)), (row + n * output, np.arange(len(row)))), shape=(n * T, len(row)))
        values = values + cp.reshape(place @ free, (n, T), order="F")
    cost, constraints, P = _curvature_cost(values, per_gap, skip)
    end = None if time_limit is None else time.monotonic() + time_limit
    provenance = _solve(cp.Problem(cp.Minimize(cost), constraints), end)
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
    network = dots.network if skip else _without_skip(dots, P.value[: n - 2] * (height / reach))
    return CurvatureSolution(network, eta, dots, provenance)


def plain_interpolation(x: Array, labels: Array, *, skip: bool = True) -> CurvatureSolution:
    """Interpolate without a solver, at more than the least cost, with a dual array that bounds the excess.

    Missing labels are interpolated linearly between their neighbours. Without a skip connection neurons rise right of the
    least steep segment and fall left of it: their cost is the curvature plus the slope of that segment.

    Parameters
    ----------
    x : (N,) array
        Two inputs or more, strictly increasing.
    labels : (N, T) array
        NaN = missing.
    skip : bool
        As in `curvature_interpolation`.
    """
    filled = labels.copy()
    for column in filled.T:
        known = ~np.isnan(column)
        column[~known] = np.interp(x[~known], x[known], column[known])
    dots = connect_sorted(x, filled)
    network = dots.network
    if not skip:
        level = int(np.argmin(row_norms(dots.slopes(0, len(x) - 1))))
        rising = dots.curvatures(0, len(x) - 2)
        rising[:level] = 0.0
        network = _without_skip(dots, rising)
    return CurvatureSolution(network, dots.dual[:], dots, {"solver": "none", "status": "no solver was used"})


@dataclass(frozen=True, eq=False)
class CurvatureFit:
    """A fit made from the output of a program in the values at the data points.

    Attributes
    ----------
    value : float
        The solver's optimal value: of loss plus lam times the VV norm, or of the VV norm where losses have budgets. Not
        certified.
    network : ReLUNetwork
        Connect-the-dots of the fitted values (as a function; without a skip connection its trend is made of neurons).
    x : (M,) array
        The distinct inputs, increasing.
    values : (M, T) array
        Fitted values there; curvatures that are solver noise have been removed.
    dual : (N, T) array
        The multipliers R of the fitted values, in the caller's order, 0 where there is no loss: -weight * loss'(value)
        where the loss has a derivative, a subgradient elsewhere. Up to the solver's accuracy they are orthogonal to
        affine functions (to constants, without a skip connection).
    provenance : dict
        Solver, status, versions, and the units the program was posed in.
    """

    value: float
    network: ReLUNetwork
    x: Array
    values: Array
    dual: Array
    provenance: dict[str, Any]


Losses = str | Loss | Sequence[str | Loss]


def curvature_fit(
    X: ArrayLike,
    Y: ArrayLike,
    lam: float,
    *,
    loss: Losses = "squared",
    weights: ArrayLike | None = None,
    skip: bool = True,
    time_limit: float | None = None,
    exponent: float = 1.0,
) -> CurvatureFit:
    """Minimise, over all networks, the sum over present labels of weight * loss(f(x_i), y_i) plus lam * VV(f).

    Parameters
    ----------
    X : array-like, shape (N,) or (N, 1)
        At least two distinct inputs; repeated inputs may have different labels.
    Y : array-like, shape (N,) or (N, T)
        Labels; NaN = missing, and then no loss.
    lam : float
        Strength of the penalty, positive.
    loss : str, Loss, or sequence with one per output
        See `vvnorm.losses`.
    weights : array-like, shape (N,), (N, 1) or (N, T), optional
        Finite non-negative factors of the losses, 1 by default; not all 0 for any output.
    skip : bool
        Whether the skip connection A is free; otherwise A = 0. The output bias c is always free.
    time_limit : float, optional
        Seconds after which the solver returns its best point so far.
    exponent : float
        The solver minimises losses / strength^exponent + strength^(1 - exponent) * cost, with lam in the program's units as
        the strength, if that is below 1: its tolerances are absolute, and a small lam makes the whole objective small.

    Raises
    ------
    TypeError, ValueError
        For bad data, losses, weights or lam.
    RuntimeError
        If the solver returns no usable point; the message has its status.

    Notes
    -----
    If a line separates the classes of a logistic loss, the infimum of the objective is not attained, since slopes are free;
    then the solver stops at some point far away.
    """
    import cvxpy as cp

    lam, end = as_positive(lam), None if time_limit is None else time.monotonic() + time_limit
    for together in _TOGETHER:
        try:
            program = _FitProgram(X, Y, loss, weights, skip, together)
            strength = lam / (program.reach * program.height * program.heaviest)
            factor = max(min(strength, 1.0), np.finfo(np.float64).tiny) ** -exponent
            objective = factor * sum(program.losses) + factor * strength * program.cost
            problem = cp.Problem(cp.Minimize(objective), program.constraints)
            provenance = _solve_strictly(problem, end)
        except (RuntimeError, SpanError):
            if together == _TOGETHER[-1]:
                raise
            continue
        break
    size = program.height * program.heaviest / factor
    return program.fit(float(problem.value) * size * program.height, size, provenance)


def budgeted_fit(
    X: ArrayLike,
    Y: ArrayLike,
    budgets: ArrayLike,
    *,
    loss: Losses = "squared",
    weights: ArrayLike | None = None,
    skip: bool = True,
) -> tuple[CurvatureFit, Array]:
    """Minimise VV(f) over all networks whose loss on output t, summed over present labels, is at most budgets[t].

    Parameters
    ----------
    X, Y, loss, weights, skip
        As in `curvature_fit`.
    budgets : array-like, shape (T,)
        Positive. Repeated inputs with different labels can make them impossible to keep.

    Returns
    -------
    fit : CurvatureFit
        Its dual is that of the weighted sum below.
    multipliers : (T,) array
        Non-negative; the fit also minimises sum_t multipliers[t] * loss_t + VV(f).

    Raises
    ------
    TypeError, ValueError
        For bad data, losses, weights or budgets.
    RuntimeError
        If the solver returns no usable point (there is none if no network meets the budgets); the message has its status.
    """
    import cvxpy as cp

    program = _FitProgram(X, Y, loss, weights, skip)
    limits = as_float64(budgets, "budgets")
    if limits.shape != (program.outputs,) or not np.all((limits > 0) & (limits < np.inf)):
        raise ValueError(f"budgets must hold {program.outputs} positive finite numbers, got {budgets!r}")
    limits = limits / program.height**2 / program.heaviest
    kept = [loss_ - limit <= 0 for loss_, limit in zip(program.losses, limits.tolist(), strict=True)]
    problem = cp.Problem(cp.Minimize(program.cost), program.constraints + kept)
    provenance = _solve_strictly(problem)
    multipliers = np.array([float(np.ravel(constraint.dual_value)[0]) for constraint in kept])
    multipliers = np.maximum(multipliers, 0.0) / (program.heaviest * program.height * program.reach)
    return program.fit(float(problem.value) * program.height / program.reach, 1 / program.reach, provenance), multipliers


class _FitProgram:
    """Losses and cost of a fit as CVXPY expressions, in units in which inputs, labels and weights are at most about 1.

    Labels of classes have no unit; if one output has such labels, no labels are scaled.
    """

    def __init__(
        self,
        X: ArrayLike,
        Y: ArrayLike,
        loss: Losses,
        weights: ArrayLike | None,
        skip: bool,
        together: float = 0.0,
    ) -> None:
        import cvxpy as cp

        inputs = as_inputs(X)
        if inputs.shape[1] != 1:
            raise ValueError(
                f"X has {count(inputs.shape[1], 'column')}; the univariate theory needs exactly one input feature"
            )
        labels = as_labels(Y, len(inputs), allow_missing=True)
        self.outputs, self.skip = labels.shape[1], skip
        labels, checked, kinds = fit_labels(labels, loss, weights)
        factors = np.ones_like(labels) if checked is None else np.broadcast_to(checked, labels.shape)
        self.heaviest = float(factors.max())
        self.x, place = np.unique(inputs[:, 0], return_inverse=True)
        if len(self.x) < 2:
            raise ValueError(f"X has 1 distinct value ({float(self.x[0])!r}); a fit is determined by two or more")
        if together:
            first = _spread_rows(self.x, together * float(self.x[-1] - self.x[0]))
            self.x, place = self.x[first], np.searchsorted(first, place.ravel(), side="right") - 1
        self.reach, per_gap = _reach_and_inverse_gaps(self.x)
        self.middle, self.height = _middle_and_height(labels)
        classes = np.array([kind.name in ("logistic", "hinge") for kind in kinds])
        self.middle = np.where(classes, 0.0, self.middle)
        self.height = 1.0 if classes.any() else self.height
        targets = (labels - self.middle) / self.height

        self._present = ~np.isnan(labels)
        self._values = cp.Variable((len(self.x), self.outputs))
        self.cost, self.constraints, self._rising = _curvature_cost(self._values, per_gap, skip)
        # Copies of the values, label by label: for any loss the multipliers of these equalities are the dual array.
        self._ties, self.losses = [], []
        for t, kind in enumerate(kinds):
            rows = np.flatnonzero(self._present[:, t])
            fitted = cp.Variable(len(rows))
            self._ties.append(fitted - self._values[place[rows], t] == 0)
            losses = _loss_expression(kind, fitted, targets[rows, t], self.height)
            self.losses.append((factors[rows, t] / self.heaviest) @ losses)
        self.constraints += self._ties

    def fit(self, value: float, dual_unit: float, provenance: dict[str, Any]) -> CurvatureFit:
        """Make the fit from the solved program; `value` is in the caller's units."""
        values = _straightened(self.x, self._values.value * self.height + self.middle)
        dots = connect_sorted(self.x, values)
        rising = self._rising.value[: len(self.x) - 2] * (self.height / self.reach)
        network = dots.network if self.skip else _without_skip(dots, rising)
        dual = np.zeros(self._present.shape)
        for t, tie in enumerate(self._ties):
            dual[self._present[:, t], t] = tie.dual_value * dual_unit
        provenance |= {"units": {"x": self.reach, "y": self.height}}
        return CurvatureFit(value, network, self.x, values, dual, provenance)


def _spread_rows(x: Array, apart: float) -> NDArray[np.intp]:
    """Return rows of increasing inputs that are further than `apart` from each other, chosen greedily."""
    rows, row = [0], 0
    while (row := int(np.searchsorted(x, x[row] + apart, side="right"))) < len(x):
        rows.append(row)
    return np.array(rows)


def _loss_expression(loss: Loss, fitted: Any, labels: Array, unit: float) -> Any:
    """Losses of fitted values, one per label, over unit^2; both values and labels are in that unit."""
    import cvxpy as cp

    off = fitted - labels
    if loss.name == "squared":
        return cp.square(off) / 2
    if loss.name == "huber":
        return cp.huber(off, loss.parameter / unit) / 2
    if loss.name == "one_class":
        return cp.maximum(-loss.parameter * off, (1 - loss.parameter) * off) / unit
    if loss.name == "logistic":
        return cp.logistic(fitted) - cp.multiply(labels, fitted)
    return cp.pos(1 - cp.multiply(labels, fitted))


def _straightened(x: Array, values: Array) -> Array:
    """Return values (M, T) without curvatures that are solver noise."""
    dots = connect_sorted(x, values)
    bends = np.concatenate([[True], dots.norms > _NOISE * dots.value, [True]])
    return np.column_stack([np.interp(x, x[bends], column[bends]) for column in values.T])


def _curvature_cost(values: Any, per_gap: Array, skip: bool) -> tuple[Any, list[Any], Any]:
    """Least VV norm of a network with the given values at the data, as an expression.

    Returns
    -------
    cost, constraints
        In the unit of 1 / per_gap. The first constraint's multipliers are the dual certificate at the inner points, the
        last one's its value at the first point, if there is no skip connection.
    rising
        The part of each curvature that rising neurons provide.
    """
    import cvxpy as cp

    n, T = values.shape
    slopes = cp.multiply(np.repeat(per_gap[:, None], T, axis=1), values[1:] - values[:-1])
    rising, falling = cp.Variable((max(n - 2, 1), T)), cp.Variable((max(n - 2, 1), T))
    # Write a - b == 0: multipliers are the dual array, and those of a == b and b == a have opposite signs.
    constraints = [rising + falling - (slopes[1:] - slopes[:-1]) == 0] if n > 2 else [rising == 0, falling == 0]
    cost = cp.sum(cp.norm(rising, 2, axis=1))
    if skip:
        constraints.append(falling == 0)
    else:
        always = cp.Variable(T)
        constraints.append(always - (slopes[0] + cp.sum(falling, axis=0)) == 0)
        cost += cp.sum(cp.norm(falling, 2, axis=1)) + cp.norm(always)
    return cost, constraints, rising


def _reach_and_inverse_gaps(x: Array) -> tuple[float, Array]:
    """Span of sorted distinct inputs, and the inverses of their gaps in that unit."""
    with np.errstate(all="ignore"):
        reach = x[-1] - x[0]
        per_gap = reach / np.diff(x)
    if not np.isfinite(per_gap).all():
        raise SpanError(
            "X spans more orders of magnitude than the convex program can hold in one unit; rescale parts of it"
        )
    return float(reach), per_gap


def _without_skip(dots: ConnectTheDots, rising: Array) -> ReLUNetwork:
    """Build the network that interpolates exactly with the given rising share of each curvature, A = 0."""
    n = len(dots.x)
    delta, first = dots.curvatures(0, n - 2), dots.slopes(0, 1)[0]
    size = dots.norms[:, None]
    # Where the curvature is 0, the two shares would only be an expensive slope.
    rising = np.where((size == 0) | (row_norms(rising)[:, None] <= _SNAP * size), 0.0, rising)
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
    """Middle of each column's range, and half the largest range: the unit of labels, or of inputs."""
    low, high = np.nanmin(labels, axis=0), np.nanmax(labels, axis=0)
    return low / 2 + high / 2, float(np.max(high / 2 - low / 2)) or 1.0


def _solve_strictly(problem: Any, end: float | None = None) -> dict[str, Any]:
    """Solve with tighter tolerances than `_solve`, if possible."""
    try:
        return _solve(problem, end, **_STRICT)
    except RuntimeError:
        return _solve(problem, end)


def _solve(problem: Any, end: float | None = None, **options: float) -> dict[str, Any]:
    """Run Clarabel with options; return solver, status and version, or raise RuntimeError if it returns no point.

    `end` is the value of time.monotonic() at which to stop.
    """
    import cvxpy as cp

    if end is not None:
        problem.get_problem_data(cp.CLARABEL)  # CVXPY caches it, so that the time below is the solver's alone
        options["time_limit"] = max(end - time.monotonic(), _LEAST_TIME)

    with warnings.catch_warnings():
        # An inaccurate solution is judged by its certificate, not by the solver's status.
        warnings.simplefilter("ignore", UserWarning)
        try:
            problem.solve(solver=cp.CLARABEL, **options)
        except cp.error.SolverError as error:
            # CVXPY advises other solvers and its verbose option, which our callers do not have.
            reason = str(error).split(". Try another solver")[0]
            raise RuntimeError(f"the convex program could not be solved: {reason}") from None
    if problem.status not in _USABLE or any(variable.value is None for variable in problem.variables()):
        raise RuntimeError(f"the convex program ended with status {problem.status!r} and no solution")
    over = problem.status == "user_limit" and end is not None and time.monotonic() >= end
    return {"solver": "CLARABEL", "status": TIME_LIMIT if over else problem.status, "cvxpy": cp.__version__}
