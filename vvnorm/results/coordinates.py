"""Networks and dual arrays in the coordinates that the verifier reads them in."""

import numpy as np

from vvnorm.network import ReLUNetwork, row_norms
from vvnorm.validation import Array
from vvnorm.verifier.flat_inputs import Subspace
from vvnorm.verifier.shifts import affine


def judged_dual(X: Array, dual: Array, penalise_bias: bool) -> Array:
    """Return a dual array (N, T) of interpolation as the verifier reads it.

    For one input that is eta(t) = sum_j Lambda_j relu(x_j - t) at the sorted, distinct inputs.
    """
    if penalise_bias or X.shape[1] > 1:
        return dual
    t = np.unique(X)
    eta: Array = np.maximum(X.T - t[:, None], 0.0) @ dual
    return eta / (float(np.max(row_norms(eta))) or 1.0)  # the verifier scales down only


def in_space(f: ReLUNetwork, subspace: Subspace) -> ReLUNetwork:
    """Convert a network of subspace coordinates (x - centre) axes to a network of x."""
    W, A = f.W @ subspace.axes.T, f.A @ subspace.axes.T
    # Biases are rounded once, however far the centre is.
    (b,), (c,) = (affine(-subspace.centre[None], *line)[0] for line in ((W, f.b), (A, f.c)))
    return ReLUNetwork(W, b, f.V, A, c)
