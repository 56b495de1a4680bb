"""A bound on the largest response of one neuron from a graph on the points, for any number of inputs.

Let a_jk >= 0 be weights of the pairs of points, and S the graph's Laplacian: z' S z = sum a_jk (z_j - z_k)^2. A neuron's
argument at the points is q_j = w.x_j + b with ||w|| = 1, and relu(q) = (q + |q|) / 2. Since |q| changes between two points
by no more than q does,

    |q|' S |q| <= q' S q = w' X' S X w <= ||X' S X||        (spectral norms).

If the sum of the vectors Lambda_j is 0, the Cauchy-Schwarz inequality gives for every bias

    2 ||sum_j Lambda_j relu(q_j)|| <= ||Lambda' X|| + ||Lambda' S^+ Lambda||^(1/2) ||X' S X||^(1/2),

and the first term is 0 where networks have a skip connection. With equal weights this is the bound by norms. The best
weights and the best array Lambda form a semidefinite program, a relaxation of the dual problem: values at the points become
vectors whose distances are bounded by those of the arguments. Here weights are found by multiplicative steps, which raise
a_jk where Lambda needs the pair more than X' S X grows; any weights are valid.

A single base point 0, for neurons without a bias, is one more point, whose vector makes the sum 0.

*Worth.* For 40 uniform points and five outputs of noise the best array of this kind proves 0.47, 0.64 and 0.76 of the least
cost in 5, 10 and 20 dimensions, where branch and bound proves 0.16, 0.10 and 0.13 (docs/benchmarks.md).
"""

import math
from collections.abc import Callable
from typing import Final

import numpy as np

from vvnorm.network import row_norms
from vvnorm.tolerances import EPS
from vvnorm.validation import Array

STEPS: Final = 160
"""Multiplicative steps; more gain less than a per cent."""

WORK: Final = 4e9
"""Steps times the cube of the number of points, at most: seconds."""

_POWERS = 4.0, 64.0  # first and last exponent of the norms that stand for spectral norms; steps are damped by it
_LEAST = 1e-9  # least weight, relative to the mean: the graph stays connected
_NEAR = 1e-3  # of the mean square distance: nearer points begin with the weight of this distance
_NOTHING = 1e-12  # of the largest eigenvalue

_Need = Callable[[Array, float], tuple[float, Array]]


def response_bound(X: Array, L: Array, *, mutual: bool) -> float:
    """Bound the response over all directions and biases, or over all directions with the bias 0.

    Parameters
    ----------
    X : (N, d) array; L : (N, T) array
        Points and their vectors, in units in which both are about 1.
    mutual : bool
        Whether biases are free; the sum of the vectors must then be nearly 0. Otherwise the bias is 0.

    Returns
    -------
    float
        Rounding errors are added.
    """
    if not mutual:
        X, L = np.vstack([X, np.zeros(X.shape[1])]), np.vstack([L, -L.sum(axis=0)])
    centred = X - X.mean(axis=0)

    def need(S: Array, power: float) -> tuple[float, Array]:
        y = np.linalg.solve(S + np.trace(S) / len(S) ** 2, L)
        values, axes = np.linalg.eigh(L.T @ y)
        largest = max(float(values[-1]), 1e-300)
        share = np.maximum(values / largest, 0.0)
        return math.sqrt(largest), y @ (axes * share ** ((power - 1) / 2))

    return _certified(centred, L, _best_weights(centred, need))


def dual_array(X: Array, Y: Array) -> Array:
    """Return an array (N, T), orthogonal to affine functions up to rounding, with a large bound on the cost of labels Y.

    For given weights the best array has the singular vectors of S^(1/2) Y without its affine part, and equal singular
    values.
    """
    centred, labels = X - X.mean(axis=0), Y - Y.mean(axis=0)

    def parts(S: Array) -> tuple[Array, Array, Array]:
        moments = np.linalg.lstsq(centred.T @ S @ centred, centred.T @ (S @ labels), rcond=None)[0]
        rest = labels - centred @ moments
        values, axes = np.linalg.eigh(rest.T @ S @ rest)
        kept = values > _NOTHING * max(float(values[-1]), 1e-300)
        return rest, values[kept], axes[:, kept]

    def need(S: Array, _: float) -> tuple[float, Array]:
        rest, values, axes = parts(S)
        return 1 / max(float(np.sqrt(values).sum()), 1e-300), rest @ (axes * values**-0.25)

    S = _laplacian(_best_weights(centred, need))
    rest, values, axes = parts(S)
    array: Array = S @ (rest @ (axes / np.sqrt(values)) @ axes.T)
    return array


def _best_weights(centred: Array, need: _Need) -> Array:
    """Return weights (N, N) with a small product of ||X' S X||^(1/2) and the number that `need` returns.

    `need(S, power)` also returns rows (N, r) whose squared distances say how much the number falls with each weight.
    """
    N = len(centred)
    squares = _squared_distances(centred)
    a = 1 / np.maximum(squares, _NEAR * float(squares.mean()))
    best, kept, steps = math.inf, _usable(a), int(min(STEPS, WORK / N**3))
    for step in range(steps):
        power = _POWERS[0] * (_POWERS[1] / _POWERS[0]) ** (step / STEPS)
        a = _usable(a)
        S = _laplacian(a)
        values, axes = np.linalg.eigh(centred.T @ S @ centred)
        number, rows = need(S, power)
        if number * math.sqrt(max(float(values[-1]), 0.0)) < best:
            best, kept = number * math.sqrt(max(float(values[-1]), 0.0)), a
        share = np.maximum(values / values[-1], 0.0) ** ((power - 1) / 2)
        cost = _squared_distances(centred @ (axes * share))
        gain = _squared_distances(rows)
        if not gain.any():  # nothing to respond to
            break
        a = a * (gain / np.maximum(cost, _NOTHING * float(cost.max()))) ** (1 / power)
    return kept


def _usable(a: Array) -> Array:
    """Return symmetric weights of sum 1, none of them nearly 0, and 0 on the diagonal."""
    a = np.minimum(a, a.T)
    np.fill_diagonal(a, 0.0)
    a = np.maximum(a / float(a.sum()), _LEAST / a.size)
    np.fill_diagonal(a, 0.0)
    return a


def _laplacian(a: Array) -> Array:
    S = -a
    np.fill_diagonal(S, a.sum(axis=1))
    return S


def _squared_distances(rows: Array) -> Array:
    """Squared distances (N, N) of rows, up to rounding."""
    products = rows @ rows.T
    squares = np.diagonal(products)
    return np.maximum(squares[:, None] + squares - 2 * products, 0.0)


def _certified(centred: Array, L: Array, a: Array) -> float:
    """Evaluate the bound for given weights, rounding included.

    With y = S^+ Lambda up to rounding and r = Lambda - S y, ||S^(+1/2) Lambda|| is at most ||S^(1/2) y|| + ||r|| / s, where
    s^2 = N min a is at most the smallest eigenvalue of S but 0: S minus min a times the Laplacian of equal weights is that
    of a graph, too. Products of three matrices have the error (4N + 64) EPS of the product of their norms.
    """
    N, S = len(L), _laplacian(a)
    unit, size = (4 * N + 64) * EPS, 2 * float(a.sum(axis=1).max())  # ||S|| and ||(|S|)|| are at most `size`
    least = N * float(a[~np.eye(N, dtype=bool)].min())
    y = np.linalg.solve(S + np.trace(S) / N**2, L)
    r = L - S @ y
    rest = float(np.linalg.norm(r - r.mean(axis=0))) + unit * (size * float(np.linalg.norm(y)) + float(np.linalg.norm(L)))
    stretch = math.sqrt(_largest(y, S, unit * size)) + rest / math.sqrt(least)
    spread = math.sqrt(_largest(centred, S, unit * size))
    odd = float(np.linalg.norm(L.T @ centred)) + unit * float(np.linalg.norm(L)) * float(np.linalg.norm(centred))
    sums = float(np.linalg.norm(L.sum(axis=0))) + unit * float(row_norms(L).sum())
    far = float(row_norms(centred).max())
    return (odd + stretch * spread + 3 * far * sums) / 2 * (1 + 64 * EPS)


def _largest(Z: Array, S: Array, unit: float) -> float:
    """Bound the largest eigenvalue of Z' S Z from above."""
    rounding = unit * float(np.linalg.norm(Z)) ** 2
    return max(float(np.linalg.eigvalsh(Z.T @ (S @ Z))[-1]), 0.0) + 2 * rounding
