"""Dual arrays for more points of several inputs than a solver can search: from singular values of residuals.

The response of neurons to an array R without affine part is at most ||R||_2 ||C||_2 / 2, where C holds the inputs minus
their mean (`vvnorm.verifier.neuron_bound`). Among the R for which this is at most lam, the bound

    <R, Y> - ||R||^2 / 2

on a fit is largest if R has the singular vectors of the residual of the best affine fit, and its singular values cut off at
2 lam / ||C||_2. Among the R for which it is 1, <R, Y> is largest, the residual's nuclear norm, if all singular values are
equal. Both are far from the optimum unless lam is large, but valid. At most `MOST_ROWS` rows are used, drawn at random with
a fixed seed; R is 0 in the others.
"""

import math
from typing import Final

import numpy as np

from vvnorm.validation import Array

MOST_ROWS: Final = 10_000
"""The verifier makes an array of so many rows orthogonal, in exact arithmetic, in two seconds."""


def dual_from_singular_values(X: Array, Y: Array, weights: Array | None, lam: float, *, skip: bool) -> Array | None:
    """Return a dual array (N, T) for squared losses (lam > 0) or for interpolation (lam = 0).

    Parameters
    ----------
    X, Y : (N, d), (N, T) arrays
        NaN = missing.
    weights : array that broadcasts to (N, T), or None
    lam : float
    skip : bool
        Whether networks have a skip connection.

    Returns
    -------
    (N, T) array, or None if an output has no label in the rows drawn.
    """
    rows = np.arange(len(X))
    if len(X) > MOST_ROWS:
        rows = np.sort(np.random.default_rng(0).choice(len(X), MOST_ROWS, replace=False))
    x, y = X[rows] - X[rows].mean(axis=0), Y[rows]
    present = ~np.isnan(y)
    if not present.any(axis=0).all():
        return None
    share = np.where(present, 1.0 if weights is None else np.broadcast_to(weights, Y.shape)[rows], 0.0)
    functions = np.column_stack([np.ones(len(rows)), x]) if skip else np.ones((len(rows), 1))
    residual = np.zeros(y.shape)
    for t in range(y.shape[1]):
        root, known = np.sqrt(share[:, t]), present[:, t]
        target = np.where(known, y[:, t], 0.0)
        affine = np.linalg.lstsq(root[:, None] * functions, root * target, rcond=None)[0]
        residual[:, t] = share[:, t] * (target - functions @ affine)
    U, s, Vt = np.linalg.svd(residual, full_matrices=False)
    spread = float(np.linalg.norm(x, 2))
    most = 2 * lam / spread if lam and spread else math.inf
    kept = s > len(rows) * np.finfo(float).eps * s[0]
    sizes = np.where(kept, np.minimum(s, most) if lam else 1.0, 0.0)
    dual = np.zeros(Y.shape)
    dual[rows] = np.where(present, (U * sizes) @ Vt, 0.0)
    return dual
