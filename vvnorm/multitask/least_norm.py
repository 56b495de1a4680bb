"""The point of least norm in the convex hull of vectors, from their inner products.

For the gradients of several losses it is, up to sign, the direction of MGDA (J.-A. Desideri, "Multiple-gradient descent
algorithm (MGDA) for multiobjective optimization", Comptes Rendus Mathematique 350, 2012), and its norm measures Pareto
stationarity.

The method is that of P. Wolfe, "Finding the nearest point in a polytope", Mathematical Programming 11, 1976. It keeps a set
of affinely independent vectors and the point x of least norm in their affine hull. It adds the vector with the least inner
product with x, and drops vectors whose weight would become negative. It ends after finitely many steps, and is exact up to
rounding. The returned gap does not rely on the method: every point p of the hull satisfies
||p||^2 >= 2 <p, x> - ||x||^2 >= 2 min_t <g_t, x> - ||x||^2. So the square of the least norm is at most
2 (||x||^2 - min_t <g_t, x>) below ||x||^2.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from vvnorm._internal.jit import kernel, part
from vvnorm.float64 import as_float64
from vvnorm.tolerances import EPS
from vvnorm.validation import Array

_ROUNDING = 64 * EPS  # rounding error of an inner product of unit vectors that the stopping rule allows, for any T


@dataclass(frozen=True, eq=False)
class MinimumNorm:
    """A point of a convex hull, and its distance from the point of least norm.

    Attributes
    ----------
    weights : (T,) array
        Weights of the vectors: none negative, of sum 1.
    norm : float
        Norm of the point.
    gap : float
        ||x||^2 - min_t <g_t, x> divided by the product of the norms of the shortest and the longest vector: 0 at the
        optimum, up to rounding. The dividend is at least half of ||x||^2 - (least norm)^2.
    """

    weights: Array
    norm: float
    gap: float


def minimum_norm(gram: ArrayLike) -> MinimumNorm:
    """Find the point of least norm in the convex hull of T vectors.

    Parameters
    ----------
    gram : array-like, shape (T, T)
        Inner products of the vectors.

    Returns
    -------
    MinimumNorm

    Raises
    ------
    ValueError
        If the matrix is not square and finite, or has a negative diagonal entry.

    Examples
    --------
    >>> from vvnorm.multitask.least_norm import minimum_norm
    >>> minimum_norm([[1.0, 0.0], [0.0, 4.0]]).weights
    array([0.8, 0.2])
    """
    G = np.ascontiguousarray(as_float64(gram, "gram"))
    if G.ndim != 2 or G.shape[0] != G.shape[1] or not len(G):
        raise ValueError(f"gram must be a square matrix of inner products, got shape {G.shape}")
    if not np.isfinite(G).all():
        raise ValueError(f"gram holds {float(G[~np.isfinite(G)][0])!r}; it must be finite")
    if np.diag(G).min() < 0:
        raise ValueError(f"gram has the diagonal entry {float(np.diag(G).min())!r}; squared norms are not negative")
    weights = minimum_norm_weights(G[None])[0]
    along = G @ weights
    square, unit = float(weights @ along), float(np.sqrt(np.diag(G).min()) * np.sqrt(np.diag(G).max()))
    gap = max(0.0, square - float(along.min()))
    return MinimumNorm(weights, float(np.sqrt(max(0.0, square))), gap / unit if unit > 0 else 0.0)


def minimum_norm_weights(grams: Array) -> Array:
    """Return the weights of the points of least norm, (S, T), for S matrices of inner products, (S, T, T)."""
    weights: Array = _stack(np.ascontiguousarray(grams))
    return weights


@kernel()
def _stack(grams: Any) -> Any:
    weights = np.zeros(grams.shape[:2])
    for s in range(len(grams)):
        _wolfe(grams[s], weights[s])
    return weights


@part(_nrt=True)
def _wolfe(G: Any, weights: Any) -> None:
    """Write the weights of the point of least norm."""
    T = len(G)
    first = 0
    for t in range(T):
        if G[t, t] < G[first, first]:
            first = t
    weights[first] = 1.0
    unit = G[first, first]
    if not unit > 0:  # a vector is 0; NaN ends here too
        return
    chosen, factor = np.zeros(T, np.int64), np.zeros((T, T + 1))
    trial, along = np.zeros(T), np.zeros(T)
    chosen[0], size = first, 1
    for _ in range(100 * T):
        square, lowest = _look(G, weights, along)
        # Differences of <g_t, x> below this are rounding.
        slack = _ROUNDING * np.sqrt(max(square, 0.0)) * np.sqrt(G[lowest, lowest]) + EPS * EPS * unit
        if along[lowest] >= square - slack or _contains(chosen, size, lowest):
            return
        chosen[size] = lowest
        size += 1
        size = _settle(G, chosen, size, weights, trial, factor)


@part(_nrt=True)
def _look(G: Any, weights: Any, along: Any) -> Any:
    """Write <g_t, x>; return ||x||^2 and the t for which it is least."""
    T = len(G)
    square, lowest = 0.0, 0
    for t in range(T):
        along[t] = 0.0
        for s in range(T):
            along[t] += G[t, s] * weights[s]
        square += weights[t] * along[t]
        if along[t] < along[lowest]:
            lowest = t
    return square, lowest


@part(_nrt=True)
def _contains(chosen: Any, size: int, t: int) -> bool:
    contained = False
    for i in range(size):
        contained |= chosen[i] == t
    return contained


@part(_nrt=True)
def _settle(G: Any, chosen: Any, size: int, weights: Any, trial: Any, factor: Any) -> int:
    """Move to the point of least norm in the affine hull of the chosen vectors; drop those whose weight reaches 0."""
    while True:
        if not _affine_minimum(G, chosen, size, trial, factor):
            return size - 1  # the added vector depends affinely on the others, up to rounding
        step = 1.0
        for i in range(size):
            if trial[i] <= 0.0:
                here = weights[chosen[i]]
                step = min(step, here / (here - trial[i])) if here > trial[i] else 0.0
        total, kept = 0.0, 0
        for i in range(size):
            t = chosen[i]
            weight = weights[t] + step * (trial[i] - weights[t])
            if weight > 0.0 and not (step < 1.0 and trial[i] <= 0.0 and weight <= EPS * abs(trial[i])):
                weights[t] = weight
                chosen[kept] = t
                kept += 1
                total += weight
            else:
                weights[t] = 0.0
        for i in range(kept):
            weights[chosen[i]] /= total
        if step >= 1.0:
            return kept
        size = kept


@part(_nrt=True)
def _affine_minimum(G: Any, chosen: Any, size: int, solution: Any, factor: Any) -> bool:
    """Write the weights, of sum 1, of the point of least norm in the affine hull; False if the vectors are dependent.

    The weights are (G / unit + 1 1')^-1 1 up to a factor. This matrix is regular if and only if the vectors are affinely
    independent, whereas G is singular if the affine hull contains 0. It is solved by Cholesky's method, after rows and
    columns are scaled to a unit diagonal.
    """
    unit = G[chosen[0], chosen[0]]
    for i in range(size):
        unit = min(unit, G[chosen[i], chosen[i]])
    for i in range(size):
        scale = np.sqrt(G[chosen[i], chosen[i]] / unit + 1.0)
        factor[i, size] = 1.0 / scale
        for j in range(i + 1):
            other = np.sqrt(G[chosen[j], chosen[j]] / unit + 1.0)
            factor[i, j] = (G[chosen[i], chosen[j]] / unit + 1.0) / (scale * other)
    for i in range(size):
        solution[i] = factor[i, size]
    for i in range(size):
        for j in range(i + 1):
            entry = factor[i, j]
            for k in range(j):
                entry -= factor[i, k] * factor[j, k]
            if i > j:
                factor[i, j] = entry / factor[j, j]
            elif entry > size * EPS:
                factor[i, i] = np.sqrt(entry)
            else:
                return False
        for j in range(i):
            solution[i] -= factor[i, j] * solution[j]
        solution[i] /= factor[i, i]
    total = 0.0
    for i in range(size - 1, -1, -1):
        for j in range(i + 1, size):
            solution[i] -= factor[j, i] * solution[j]
        solution[i] /= factor[i, i]
    for i in range(size):
        solution[i] *= factor[i, size]
        total += solution[i]
    for i in range(size):
        solution[i] /= total
    return True
