"""Minimal-VV-norm networks as plain convex programs: the independent reference, and the way where no closed form is.

*Dictionary program.* With the neurons relu(w_k.x + b_k) taken from a fixed dictionary the problem is a second-order cone
program, for any number of inputs: by homogeneity,

    min sum_k ||w_k|| ||v_k||   s.t.   sum_k v_k relu(w_k.x_i + b_k) + A x_i + c = y_i  for every present label.

With one input a kink at every data point suffices, since the dual constraint is convex between them; a refinement lets one
see that it changes nothing. With a skip connection one orientation is enough, since relu(-z) = relu(z) - z. With several
inputs no finite dictionary is known beforehand to suffice; that one does is seen from the certificate made of its dual.

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

from vvnorm.data import Array, as_count, as_generator, as_inputs, as_labels, sorted_univariate
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
        The solver's optimal value, in the units of the VV norm (lam = 0) or of the squared labels (lam > 0). Not certified.
    network : ReLUNetwork
        The solver's network: for lam = 0 it interpolates to the solver's accuracy.
    dual : (N, T) array
        The multipliers Lambda of the labels, 0 where one is missing. They are orthogonal to affine functions (to constants,
        without a skip connection), and no neuron of the dictionary has a response ||sum_i Lambda_i relu(w.x_i + b)|| above
        its s. For lam = 0 their product with the labels is the value; for lam > 0 they are (Y - f(X)) / lam. With two
        inputs or more `vvnorm.certify` takes them as they are.
    provenance : dict
        Solver, status, versions, size of the dictionary, and the units the program was posed in.
    """

    value: float
    network: ReLUNetwork
    dual: Array
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
    """Solve the univariate interpolation problem over a dictionary of ReLU neurons that is sure to contain a solution.

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
    if not (isinstance(lam, int | float | np.integer | np.floating) and 0 <= lam < np.inf):
        raise ValueError(f"lam must be a non-negative finite number, got {lam!r}")
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
    """Neurons whose kinks pass through data points: a dictionary for `dictionary_program` with two inputs or more.

    Through every point go `directions` hyperplanes in random directions. To these come, in the plane, the lines through any
    two points; in more dimensions, the hyperplanes through as many random d-subsets of the points as there are random
    directions in all.

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
        Neurons with ||w_k|| = 1, none of them twice. Each hyperplane has one of its two orientations, which is enough with
        a skip connection, since relu(-z) = relu(z) - z; without one, take (-W, -b) as well.
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
    """Unit normal of a hyperplane through d points; one of them, if they lie in less than a hyperplane."""
    normal: Array = np.linalg.svd(points[1:] - points[0])[2][-1]
    return normal


def _neurons(W: ArrayLike, b: ArrayLike, d: int, penalise_bias: bool) -> tuple[Array, Array, Array]:
    """Check neurons; return W, b and s. Where s = 0 neurons are constant, which is free in c, and s is set to infinity."""
    checked = ReLUNetwork(W, b, np.zeros((1, np.size(b))))  # type: ignore[arg-type]  # it converts and checks
    if checked.n_inputs != d:
        raise ValueError(f"W has {checked.n_inputs} columns but X has {d}")
    sizes = row_norms(np.column_stack([checked.W, checked.b]) if penalise_bias else checked.W)
    return checked.W, checked.b, np.where(sizes > 0, sizes, np.inf)


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
    """Middle of each column's range, and half the largest range: the unit of labels, or of inputs."""
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
