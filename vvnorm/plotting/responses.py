"""Curves of the responses of neurons to a dual array; the neurons of an optimal network reach the bound.

A curve is a picture, not a proof; `vvnorm.verifier` proves the bound.
"""

import numpy as np

from vvnorm.float64 import Rows, as_rows
from vvnorm.network import row_norms
from vvnorm.validation import Array
from vvnorm.verifier.certificates import FitRecord, InterpolantRecord

_ANGLES = 721  # every half degree
_WORK = 2**22  # entries of an array of responses that is computed at once


def responses(certificate: InterpolantRecord | FitRecord, X: Array, given: Rows | None) -> tuple[Array, Array, float]:
    """Return neurons, the norms over outputs of their responses to the dual array, and the bound.

    Parameters
    ----------
    certificate : certificate
        The certificate of an interpolant or of a fit.
    X : (N, d) array
        The inputs of the certified problem, in the caller's order; one or two columns.
    given : (N, T) array-like or None
        The dual array.

    Returns
    -------
    neurons, sizes : (n,) arrays
        For one input, knots and the norms of their responses, which are convex in between. For two inputs, angles of the
        weights in degrees, and the largest norms over all biases.
    bound : float
        1 for interpolants, lam for fits.

    Raises
    ------
    ValueError
        For more inputs, penalised biases, inputs of another problem, or no dual array.
    """
    if given is None:
        raise ValueError("the certificate holds no dual array, since it follows from the function: pass `dual`")
    if certificate.penalise_bias or X.shape[1] > 2:
        raise ValueError("responses are drawn for one or two inputs whose biases are not penalised")
    dual, fit = as_rows(given), isinstance(certificate, FitRecord)
    x = np.unique(X[:, 0]) if X.shape[1] == 1 and not fit else X
    if len(dual) != len(x):
        raise ValueError(f"X has {len(x)} rows; the dual array has {len(dual)}")
    if X.shape[1] == 2:
        places = np.linspace(0.0, 360.0, _ANGLES)
        sizes = _over_angles(X, dual, np.deg2rad(places))
    elif fit:
        places = np.unique(x)
        sizes = row_norms(np.maximum(x[:, 0] - places[:, None], 0.0) @ dual)
    else:
        places, sizes = x, row_norms(dual)
    largest = float(sizes.max()) or 1.0
    if isinstance(certificate, FitRecord):
        return places, sizes, certificate.lam
    return places, sizes / (largest if X.shape[1] == 2 else max(largest, 1.0)), 1.0


def _over_angles(X: Array, dual: Array, angles: Array) -> Array:
    """Return max_i ||sum_j dual_j relu(w.(x_j - x_i))|| for each w = (cos, sin)."""
    along = X @ np.stack([np.cos(angles), np.sin(angles)])
    sizes = np.zeros(len(angles))
    step = max(1, _WORK // len(X) ** 2)
    for start in range(0, len(angles), step):
        part = along[:, start : start + step].T
        active = np.maximum(part[:, None, :] - part[:, :, None], 0.0)  # (angles, bases, points)
        sizes[start : start + step] = np.linalg.norm(active @ dual, axis=2).max(axis=1)
    return sizes
