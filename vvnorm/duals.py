"""Where a dual array comes from when a network of several inputs is to be certified and none is given.

The verifier judges any dual array alike; this module asks the solver for a good one, and leaves it out where that would
take long. Nothing here takes part in judging.
"""

from collections.abc import Sequence
from typing import Final

from numpy.typing import ArrayLike

from vvnorm.data import Array, as_inputs, as_labels, as_strength, as_weights
from vvnorm.losses import Loss, as_losses, canonical_labels

POINTS: Final = 300
"""Most points for which the solver is asked: in the plane that takes some seconds."""

_TOL: Final = 1e-7  # tighter than what networks are judged by


def optimal_dual(
    X: ArrayLike,
    Y: ArrayLike,
    *,
    lam: float = 0.0,
    loss: str | Loss | Sequence[str | Loss] = "squared",
    weights: ArrayLike | None = None,
    skip: bool = True,
    penalise_bias: bool = False,
) -> Array | None:
    """Return a dual array (N, T) of the optimum, by rows of X; None where it would take long or the solver has none.

    Parameters
    ----------
    X : array-like, shape (N, d)
    Y : array-like, shape (N, T)
        NaN = missing.
    lam, loss, weights, skip, penalise_bias
        As for `vvnorm.certify`.
    """
    from vvnorm.multivariate.problem import Convention, Points
    from vvnorm.multivariate.solution import FitProblem, interpolate_points

    convention = Convention(skip, penalise_bias)
    try:
        inputs = as_inputs(X)
        labels = as_labels(Y, len(inputs), allow_missing=True)
        if len(inputs) > POINTS or not Points(inputs, convention).cloud.exact(min(labels.shape)):
            return None
        if lam == 0:
            return interpolate_points(inputs, labels, convention, _TOL).dual
        losses = as_losses(loss, labels.shape[1])
        shares = as_weights(weights, labels.shape)
        problem = FitProblem(inputs, canonical_labels(labels, losses), shares, losses, convention)
        return problem.fit(as_strength(lam), _TOL)[0].dual
    except ValueError:
        return None
