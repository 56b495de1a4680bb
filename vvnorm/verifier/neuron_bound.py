"""The largest response of one neuron to a dual array: an upper bound that is proved, for any number of inputs.

For points x_1..x_N and an array Lambda (N, T) the quantity is

    g = max over i and ||w||_2 = 1 of || sum_j Lambda_j relu(w.(x_j - x_i)) ||_2 .

If Lambda' 1 = 0 (and Lambda' X = 0, where networks have a skip connection), it bounds the response to every neuron
relu(w.x + b) with ||w|| = 1: as a function of b the vector is piecewise linear and constant far out, so its norm is largest
at a breakpoint b = -w.x_i. Then no network with values Y at the points costs less than <Lambda, Y> / g.

Where the bias is part of the norm, neurons are relu(w.p) with p = (x, 1) and ||w|| = 1: the same with one base point, 0.

How the maximum over the directions w is bounded depends on the dimension of the space that the points span:

- one or two dimensions: exact up to rounding, arc by arc of the circle (`vvnorm.verifier.planar_response`); in twice the
  digits if large terms cancel because points are close to each other (`vvnorm.verifier.planar_response_precise`);
- more dimensions: exact up to 3e-8 per dimension, cell by cell of the sphere (`vvnorm.verifier.cell_enumeration`), with
  about N^d cells for all base points together;
- more dimensions and too many cells: branch and bound (`vvnorm.verifier.branch_and_bound`) from the better one of its
  closed form and a bound from a graph on the points (`vvnorm.verifier.laplacian_bound`);
- too many points (`is_bounded_by_norms`): by norms. With c_j = x_j - mean and p_j = w.(x_j - x_i),
  relu(p) = (p + |p|) / 2. The variance of |p_j| is at most that of p_j, so with m the mean of |p_j|

      2 g <= ||Lambda' C|| + ||Lambda||_2 ||C||_2 + 3 max ||c_i|| ||Lambda' 1||,

  by Cauchy and Schwarz for sum_j Lambda_j (|p_j| - m). At an optimum this is larger than g by far; it is quick and valid.
"""

import math

import numpy as np
from numpy.typing import ArrayLike

from vvnorm.network import row_norms
from vvnorm.tolerances import EPS
from vvnorm.validation import Array, as_count, as_inputs, as_labels
from vvnorm.verifier import branch_and_bound, cell_enumeration, laplacian_bound, planar_response, planar_response_precise
from vvnorm.verifier.budget import EXACT_WORK, is_bounded_by_norms, most_additions

_UNDERFLOW = 1e-150  # squares below float64 are lost; in units in which inputs and Lambda are about 1
_SUBSPACES = 1e-11  # error per dimension of a response in a subspace that is known up to rounding (`cell_enumeration`)
_NOTICEABLE = 1e-9  # of the bound: above this rounding, sums are computed again in twice the digits
_AT_ONCE = 1 << 16  # distances between points per block


def neuron_bound(X: ArrayLike, Lambda: ArrayLike, *, budget: int | None = None) -> float:
    """Bound max over i and ||w|| = 1 of ||sum_j Lambda_j relu(w.(x_j - x_i))|| from above.

    Parameters
    ----------
    X : array-like, shape (N,) or (N, d)
        Points; repeated ones are allowed.
    Lambda : array-like, shape (N,) or (N, T)
        One vector per point.
    budget : int, optional
        Three inputs or more: the allowed number of additions, as estimated beforehand. Fewer additions give the same or a
        larger bound. By default all cells are enumerated if that takes no more than `EXACT_WORK` additions; otherwise
        branch and bound makes `branch_and_bound.WORK` additions.

    Returns
    -------
    float
        In units of Lambda times units of X; rounding errors are added. For up to three inputs (or points in a space of
        three dimensions) it exceeds the maximum by rounding only. For more inputs it exceeds the maximum by a share of at
        most `branch_and_bound.TOLERANCE`, unless the budget is too small.

    Raises
    ------
    TypeError, ValueError
        For arrays that are not finite real numbers or do not match; for a negative budget.
    """
    return _response(X, Lambda, budget, mutual=True)


def ray_bound(P: ArrayLike, Lambda: ArrayLike, *, budget: int | None = None) -> float:
    """Bound max over ||w|| = 1 of ||sum_j Lambda_j relu(w.p_j)|| from above.

    Parameters
    ----------
    P : array-like, shape (N,) or (N, d)
        Vectors, such as (x_j, 1).
    Lambda, budget
        As for `neuron_bound`.

    Returns
    -------
    float
        As for `neuron_bound`.

    Raises
    ------
    TypeError, ValueError
        As for `neuron_bound`.
    """
    return _response(P, Lambda, budget, mutual=False)


def _response(X: ArrayLike, Lambda: ArrayLike, budget: int | None, *, mutual: bool) -> float:
    """Bound the response: the base points are the points themselves (`mutual`), or 0 alone."""
    points = as_inputs(X)
    weights = as_labels(Lambda, len(points), "Lambda")
    most = most_additions() if budget is None else as_count(budget, "budget")
    low, high = (points.min(axis=0), points.max(axis=0)) if mutual else (0.0, np.abs(points).max(axis=0))
    reach = float(np.max(np.divide(high, 2) - np.divide(low, 2)))
    if reach == 0 or not weights.any():
        return 0.0
    x_exponent, exponent = math.frexp(reach)[1], math.frexp(float(np.abs(weights).max()))[1]
    points, weights = np.ldexp(points, -x_exponent), np.ldexp(weights, -exponent)
    bound = _bound(points, points if mutual else np.zeros((1, points.shape[1])), weights, most)
    with np.errstate(over="ignore"):
        scaled = float(np.ldexp(bound, x_exponent + exponent))
    return math.nextafter(scaled, math.inf)


def _bound(X: Array, bases: Array, L: Array, budget: int | None) -> float:
    """Do the work of `_response` in units in which X spans about 1 and the largest entry of L is about 1."""
    mutual = len(bases) > 1
    if is_bounded_by_norms(len(X), X.shape[1]) and (mutual or X.shape[1] > 2):  # rays in the plane are sorted
        return _by_norms(X, L, mutual=mutual)
    sizes = row_norms(L)
    Z, origins, lost = (X, bases, 0.0) if X.shape[1] <= 2 else _own_dimensions(X, bases)
    if Z.shape[1] == 1:
        Z, origins = (np.pad(values, ((0, 0), (0, 1))) for values in (Z, origins))
    (N, d), T = Z.shape, L.shape[1]
    if T > N and d > 2:  # the response depends on the products <Lambda_j, Lambda_k> only, so outputs may be rotated
        L = np.asarray(np.linalg.qr(L.T, mode="r")).T
    Z, origins, L = (np.ascontiguousarray(values) for values in (Z, origins, L))
    bound = planar_response.largest_response(Z, origins, L) if d == 2 else _in_space(Z, origins, L, sizes, budget)
    # Sums of up to 2N terms, each a product with a few roundings; norms of T entries.
    terms = _most_terms(Z, origins, sizes)
    rounding = (2 * N + 64) * EPS * terms
    if d == 2 and rounding > _NOTICEABLE * bound:  # large terms cancel: points are close to each other
        precise, rest = planar_response_precise.largest_response(Z, origins, L), (8 * N + 64) * EPS * EPS * terms
        bound, rounding = (precise, rest) if precise + rest < bound + rounding else (bound, rounding)
    rotated = N * T * EPS if T > N and d > 2 else 0.0
    return bound * (1 + (T + 16) * EPS + rotated) + rounding + lost * float(sizes.sum()) + N * _UNDERFLOW


def _by_norms(X: Array, L: Array, *, mutual: bool) -> float:
    """Bound the response by spectral norms; in the units of `_bound`."""
    centred = X - X.mean(axis=0) if mutual else X
    sums = float(np.linalg.norm(L.sum(axis=0))) if mutual else 0.0  # the one base point is 0
    far = float(np.max(row_norms(centred)))
    twice = float(np.linalg.norm(L.T @ centred)) + _spectral_norm(L) * _spectral_norm(centred) + 3 * far * sums
    rounding = (8 * len(X) + 64) * EPS * (float(np.linalg.norm(L)) * float(np.linalg.norm(centred)))
    rounding += (8 * len(X) + 64) * EPS * (1 + far) * float(row_norms(L).sum())
    return (twice / 2 + rounding) * (1 + 64 * EPS) + len(X) * _UNDERFLOW


def _spectral_norm(A: Array) -> float:
    """Bound the spectral norm of an array (N, k) from above, by an eigenvalue of the smaller Gram matrix."""
    gram = A.T @ A if A.shape[1] <= len(A) else A @ A.T
    rounding = (4 * max(A.shape) + 64) * EPS * float(np.trace(gram))
    return math.sqrt(max(float(np.linalg.eigvalsh(gram)[-1]), 0.0) + rounding)


def _most_terms(X: Array, bases: Array, sizes: Array) -> float:
    """Return the largest sum_j sizes_j ||x_j - z|| over the base points z, computed in blocks of base points."""
    step, most = max(1, _AT_ONCE // len(X)), 0.0
    for first in range(0, len(bases), step):
        away = X - bases[first : first + step, None]
        distances = row_norms(away.reshape(-1, X.shape[1])).reshape(away.shape[:2])
        most = max(most, float(np.max(distances @ sizes)))
    return most


def _in_space(X: Array, bases: Array, L: Array, sizes: Array, budget: float | None) -> float:
    """Do the work of `_bound` for three dimensions or more."""
    (N, d), T, mutual = X.shape, L.shape[1], len(bases) > 1
    terms = [float(sizes @ row_norms(X - base)) for base in bases]
    if cell_enumeration.work(N, d, T, mutual=mutual) <= (EXACT_WORK if budget is None else budget):
        odd_part = max(float(np.linalg.norm(L.T @ (X - base))) for base in bases)
        antipodal = odd_part <= 1e-13 * max(terms)
        # If only one of w and -w was examined, their responses differ by the odd part.
        bound = cell_enumeration.largest_response(X, bases, L, mutual=mutual, antipodal=antipodal) + antipodal * odd_part
        if math.isfinite(bound):
            return bound + (d - 3) * _SUBSPACES * max(terms)
    cap = laplacian_bound.response_bound(X, L, mutual=mutual)
    return min(branch_and_bound.response_bound(X, bases, L, sizes, budget, cap), cap)


def _own_dimensions(X: Array, bases: Array) -> tuple[Array, Array, float]:
    """Return coordinates of points and base points in their affine hull, and a bound on the change of differences."""
    centre = bases.mean(axis=0)
    centred = X - centre
    _, s, axes = np.linalg.svd(centred, full_matrices=False)
    rounding = 64 * len(X) * EPS
    rank = max(1, int(np.sum(s > rounding * s[0])))
    if rank == X.shape[1]:
        return X, bases, 0.0
    rest = float(s[rank]) if rank < len(s) else 0.0
    frame = axes[:rank].T
    return centred @ frame, (bases - centre) @ frame, 2 * rest + rounding * float(s[0])
