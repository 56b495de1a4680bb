"""How far a network is from the optimum: where a dual array comes from when none is given.

The verifier judges any dual array alike. This module asks the solver for that of the optimum, leaves it out where that
would take long, and takes the better of the proofs from it and from the verifier's own dual array. `vvnorm.certify`, the
command line and training all come here. Nothing here takes part in judging.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from numpy.typing import ArrayLike

from vvnorm._internal.deadline import as_time_limit
from vvnorm.losses import Loss, as_losses, canonical_labels
from vvnorm.network import ReLUNetwork
from vvnorm.validation import Array, as_inputs, as_labels, as_strength, as_weights, has_missing
from vvnorm.verifier.check import Certificate, Rows, judge
from vvnorm.verifier.line_fit import FitCertificate
from vvnorm.verifier.neuron_bound import additions_in, within_additions

if TYPE_CHECKING:
    from vvnorm.piecewise import PiecewiseLinear

POINTS: Final = 300
"""Most points of several inputs for which the solver is asked: in the plane that takes some seconds."""

PROGRAM_LABELS: Final = 100_000
"""Most labels of one input for which a convex program is solved, where there is no skip connection or, in interpolation,
where labels are missing: that takes up to half a minute."""

Advance = Callable[[int, float, float], object]

_TOL: Final = 1e-7  # tighter than what networks are judged by


def certify_against_optimum(
    network: "ReLUNetwork | PiecewiseLinear",
    X: ArrayLike,
    Y: ArrayLike,
    *,
    dual: Rows | None = None,
    lam: float = 0.0,
    loss: str | Loss | Sequence[str | Loss] = "squared",
    weights: ArrayLike | None = None,
    skip: bool = True,
    penalise_bias: bool = False,
    time_limit: float | None = None,
    advance: Advance | None = None,
) -> Certificate | FitCertificate:
    """Judge a network by the best dual array that is known; parameters and errors are those of `vvnorm.certify`."""
    options: dict[str, Any] = {"lam": lam, "loss": loss, "weights": weights, "skip": skip, "penalise_bias": penalise_bias}
    seconds = as_time_limit(time_limit)
    effort: dict[str, Any] = {"time_limit": None if seconds is None else seconds / 2, "advance": advance}
    with within_additions(None if seconds is None else additions_in(seconds / 4)):  # there may be two proofs
        if dual is not None:
            return judge(network, X, Y, dual=dual, **options)
        return best_certificate(network, X, Y, lambda: optimal_dual(X, Y, **options, **effort), **options)


def best_certificate(
    network: "ReLUNetwork | PiecewiseLinear",
    X: ArrayLike,
    Y: ArrayLike,
    propose: Callable[[], Rows | None],
    *,
    lam: float = 0.0,
    penalise_bias: bool = False,
    **options: Any,
) -> Certificate | FitCertificate:
    """Return the better of the proofs from the verifier's own dual array and from the proposed one, if there is one.

    Interpolants of several inputs are judged by the proposed one alone: the verifier's own array, which does not depend on
    the network, takes as long and is seldom as good.

    Parameters
    ----------
    propose : callable
        Returns a dual array, or None; called once arguments have been found to be good.

    Other parameters and errors are those of `vvnorm.certify`.
    """

    def judged(dual: Rows | None) -> Certificate | FitCertificate:
        return judge(network, X, Y, dual=dual, lam=lam, penalise_bias=penalise_bias, **options)

    if lam == 0 and (network.n_inputs != 1 or penalise_bias):
        return judged(propose())
    own, dual = judged(None), propose()
    return own if dual is None else min(own, judged(dual), key=lambda certificate: certificate.gap)


def optimal_dual(
    X: ArrayLike,
    Y: ArrayLike,
    *,
    lam: float = 0.0,
    loss: str | Loss | Sequence[str | Loss] = "squared",
    weights: ArrayLike | None = None,
    skip: bool = True,
    penalise_bias: bool = False,
    time_limit: float | None = None,
    advance: Advance | None = None,
) -> Rows | None:
    """Return the dual array (N, T) of the optimum, as `vvnorm.certify` takes it.

    None where the solver has none, where finding it would take long, and where the verifier's own is optimal: in closed
    form, for interpolants of one input with a skip connection and all labels.

    Parameters
    ----------
    X : array-like, shape (N, d)
    Y : array-like, shape (N, T)
        NaN = missing.
    lam, loss, weights, skip, penalise_bias
        As for `vvnorm.certify`.
    time_limit : float, optional
        Seconds after which the solver's best dual array so far is returned.
    advance : callable, optional
        Called after each round of the solver.
    """
    effort = {"time_limit": time_limit, "advance": advance}
    try:
        inputs = as_inputs(X)
        labels = as_labels(Y, len(inputs), allow_missing=True)
        if inputs.shape[1] == 1 and not penalise_bias:
            return _on_a_line(inputs, labels, lam, loss, weights, skip, effort)
        return _in_space(inputs, labels, lam, loss, weights, skip, penalise_bias, effort)
    except (ValueError, RuntimeError):  # what is wrong with the data, the verifier says
        return None


def _on_a_line(
    inputs: Array,
    labels: Array,
    lam: float,
    loss: str | Loss | Sequence[str | Loss],
    weights: ArrayLike | None,
    skip: bool,
    effort: dict[str, Any],
) -> Rows | None:
    from vvnorm.fitting import fit
    from vvnorm.solution import interpolate

    if lam == 0 and skip and not has_missing(labels):
        return None
    if (lam == 0 or not skip) and labels.size > PROGRAM_LABELS:
        return None
    if lam == 0:
        eta: Rows = interpolate(inputs, labels, skip=skip, **effort).certificate.dual
        return eta
    dual: Rows = fit(inputs, labels, lam, loss=loss, weights=weights, skip=skip, tol=_TOL, **effort).dual
    return dual


def _in_space(
    inputs: Array,
    labels: Array,
    lam: float,
    loss: str | Loss | Sequence[str | Loss],
    weights: ArrayLike | None,
    skip: bool,
    penalise_bias: bool,
    effort: dict[str, Any],
) -> Rows | None:
    from vvnorm.solvers.multivariate.reduction import Convention, Points
    from vvnorm.solvers.multivariate.solution import FitProblem, interpolate_points

    convention = Convention(skip, penalise_bias)
    if len(inputs) > POINTS or not Points(inputs, convention).cloud.exact(min(labels.shape)):
        return None
    if lam == 0:
        return interpolate_points(inputs, labels, convention, _TOL, **effort).dual
    losses = as_losses(loss, labels.shape[1])
    shares = as_weights(weights, labels.shape)
    problem = FitProblem(inputs, canonical_labels(labels, losses), shares, losses, convention)
    return problem.fit(as_strength(lam), _TOL, **effort)[0].dual
