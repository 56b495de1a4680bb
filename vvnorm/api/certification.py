"""The public function `certify`: it bounds how far a network is from the optimum.

The verifier accepts any dual array and calls no solver. If the caller gives no dual array, this module computes the optimal
one with a solver, unless that would take long. The verifier then judges it and its own dual array, and the certificate with
the smaller gap is returned. This module takes no part in judging.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final, overload

from numpy.typing import ArrayLike

from vvnorm._internal.callbacks import RoundCallback
from vvnorm._internal.deadline import as_time_limit
from vvnorm._internal.progress import rounds_shown
from vvnorm._internal.words import count
from vvnorm.api.large_problems import dual_from_singular_values
from vvnorm.api.limits import MAX_POINTS, MAX_PROGRAM_LABELS
from vvnorm.float64 import Rows
from vvnorm.losses import LossLike, fit_labels
from vvnorm.network import ReLUNetwork, as_network
from vvnorm.piecewise import PiecewiseLinear
from vvnorm.validation import Array, as_inputs, as_labels, as_positive, has_missing
from vvnorm.verifier.budget import additions_in, is_bounded_by_norms, within_additions
from vvnorm.verifier.check import Certificate, FitCertificate, judge

_TOL: Final = 1e-7  # tighter than the tolerance for judging networks


@overload
def certify(
    network: ReLUNetwork,
    X: ArrayLike,
    Y: ArrayLike,
    *,
    dual: Rows | None = None,
    skip: bool = True,
    penalise_bias: bool = False,
    time_limit: float | None = None,
    callback: RoundCallback | None = None,
    progress: bool = False,
) -> Certificate: ...


@overload
def certify(
    network: ReLUNetwork | PiecewiseLinear,
    X: ArrayLike,
    Y: ArrayLike,
    *,
    dual: Rows | None = None,
    skip: bool = True,
    penalise_bias: bool = False,
    lam: float,
    loss: LossLike = "squared",
    weights: ArrayLike | None = None,
    time_limit: float | None = None,
    callback: RoundCallback | None = None,
    progress: bool = False,
) -> FitCertificate: ...


def certify(
    network: ReLUNetwork | PiecewiseLinear,
    X: ArrayLike,
    Y: ArrayLike,
    *,
    dual: Rows | None = None,
    skip: bool = True,
    penalise_bias: bool = False,
    lam: float = 0.0,
    loss: LossLike = "squared",
    weights: ArrayLike | None = None,
    time_limit: float | None = None,
    callback: RoundCallback | None = None,
    progress: bool = False,
) -> Certificate | FitCertificate:
    """Certify how close a network is to a minimal-VV-norm interpolant, or to the best regularised fit.

    Parameters
    ----------
    network : ReLUNetwork or torch module
        Any network, however made. A torch module is read by `ReLUNetwork.from_torch`. With lam > 0 also a PiecewiseLinear.
    X : array-like, shape (N,) or (N, d)
        Inputs in any order; for lam = 0 at least two distinct ones.
    Y : array-like, shape (N,) or (N, T)
        Labels; NaN = missing.
    dual : (N, T) array-like, optional
        A dual array; any array gives a valid bound. By default a solver computes the optimal dual array, also with missing
        labels, without a skip connection and with any loss. The better of the bounds from it and from the verifier's own
        dual array is used, so the gap is the distance to the global optimum. For many points in several inputs, where the
        solver would take long, only the verifier's own array is used: its bound is valid, but seldom near the optimum. For
        more than 2000 points (two inputs: 10000) an array from singular values of at most 10000 rows is used
        (`vvnorm.api.large_problems`); its bound is valid, and far from the optimum unless lam is large.

        With lam = 0 and one input: eta at the sorted, merged inputs; it is scaled to ||eta|| <= 1. The verifier's own array
        is the unit curvature of the labels, which is optimal when no label is missing and there is a skip connection.
        With lam = 0 and several inputs: Lambda in the order of X; it is projected, and its scale does not matter. The
        verifier's own array is the best one for a bound by a graph on the points (`vvnorm.verifier.laplacian_bound`). Where
        labels are missing, or biases inside the norm, it is the polar factor of the labels without their affine part.
        With lam > 0: R in the order of X; see `vvnorm.certify_fit`.
    skip : bool
        Whether networks with a skip connection compete. False gives the (higher) bound for networks with A = 0. A network
        with A != 0 does not compete then: it may cost less than the bound, and `complaints` says so.
    penalise_bias : bool
        Whether the cost is sum_k ||(w_k, b_k)|| ||v_k|| instead of sum_k ||w_k|| ||v_k||; `dual` then has the form for
        several inputs, also for one input.
    lam : float
        Weight of the VV norm in a fit; 0 for interpolation.
    loss, weights
        Losses and weights of labels in a fit; see `vvnorm.certify_fit`.
    time_limit : float, optional
        Approximate limit in seconds. The solver, if it is called, takes at most half of it, and the proof the rest. The
        bound stays valid, but may be further from the optimum.
    callback : callable, optional
        Called after each round of the solver with its number and the bounds on the solver's objective.
    progress : bool
        Whether to show a progress bar, in interactive terminals and notebooks only.

    Returns
    -------
    Certificate, or for lam > 0 a FitCertificate.
        For a torch module its `assumptions` say how it was read, and what it is compared with.

    Raises
    ------
    TypeError, ValueError
        If the data are invalid, or network and data disagree in inputs or outputs.

    Examples
    --------
    >>> import vvnorm
    >>> network = vvnorm.ReLUNetwork(W=[[1.0], [1.0]], b=[0.0, -1.0], V=[[1.0, -2.0]])
    >>> certificate = vvnorm.certify(network, [0, 1, 2], [0, 1, 0])
    >>> certificate.vv_norm, round(certificate.lower_bound, 6), round(certificate.gap, 6)
    (3.0, 2.0, 0.333333)
    """
    read = network if isinstance(network, PiecewiseLinear) else as_network(network)
    options: dict[str, Any] = {"lam": lam, "loss": loss, "weights": weights, "skip": skip, "penalise_bias": penalise_bias}
    with rounds_shown("solving for the optimum", callback, progress) as ended:
        certificate = _certify(read, X, Y, dual, as_time_limit(time_limit), ended, options)
    if isinstance(read, PiecewiseLinear) or read is network:
        return certificate
    return replace(certificate, assumptions=_assumptions(read, skip, penalise_bias, lam))


def _certify(
    network: ReLUNetwork | PiecewiseLinear,
    X: ArrayLike,
    Y: ArrayLike,
    dual: Rows | None,
    seconds: float | None,
    callback: RoundCallback | None,
    options: dict[str, Any],
) -> Certificate | FitCertificate:
    if dual is not None and seconds is None:
        return judge(network, X, Y, dual=dual, **options)
    with within_additions(None if seconds is None else additions_in(seconds / 4)):  # up to two proofs are made
        if dual is not None:
            return judge(network, X, Y, dual=dual, **options)
        effort: dict[str, Any] = {"time_limit": None if seconds is None else seconds / 2, "callback": callback}
        return best_certificate(network, X, Y, lambda: optimal_dual(X, Y, **options, **effort), **options)


def _assumptions(network: ReLUNetwork, skip: bool, penalise_bias: bool, lam: float) -> tuple[str, ...]:
    """Say how a torch module was read, what it costs, and which networks it is compared with."""
    has_skip = bool(network.A.any())
    neurons = count(network.n_neurons, "neuron")
    said = [f"the module is V relu(W x + b) + A x + c: {neurons}, {'a' if has_skip else 'no'} skip connection"]
    neuron = "||(w, b)|| ||v||" if penalise_bias else "||w|| ||v||, biases are free"
    said.append(f"a neuron costs {neuron}; output biases and skip connections cost nothing")
    if skip and not has_skip:
        said.append("it is compared with networks that have a skip connection; skip=False leaves these out")
    met = (
        f"losses are summed over labels, plus {lam:.6g} times the cost" if lam else "labels are to be met exactly (lam = 0)"
    )
    return (*said, met)


def best_certificate(
    network: ReLUNetwork | PiecewiseLinear,
    X: ArrayLike,
    Y: ArrayLike,
    propose: Callable[[], Rows | None],
    *,
    lam: float = 0.0,
    penalise_bias: bool = False,
    **options: Any,
) -> Certificate | FitCertificate:
    """Return the better of the certificates from the verifier's own dual array and from a proposed one.

    Interpolants of several inputs, and fits of very many points, are judged with the proposed array
    alone: the verifier's own array takes as long and is seldom as good.

    Parameters
    ----------
    propose : callable
        Returns a dual array, or None; called once, after the arguments have been checked.

    Other parameters and errors are those of `vvnorm.certify`.
    """

    def judged(dual: Rows | None) -> Certificate | FitCertificate:
        return judge(network, X, Y, dual=dual, lam=lam, penalise_bias=penalise_bias, **options)

    if lam == 0 and (network.n_inputs != 1 or penalise_bias):
        return judged(propose())
    if is_bounded_by_norms(*as_inputs(X).shape) and (dual := propose()) is not None:
        return judged(dual)
    own, dual = judged(None), propose()
    return own if dual is None else min(own, judged(dual), key=lambda certificate: certificate.gap)


def optimal_dual(
    X: ArrayLike,
    Y: ArrayLike,
    *,
    lam: float = 0.0,
    loss: LossLike = "squared",
    weights: ArrayLike | None = None,
    skip: bool = True,
    penalise_bias: bool = False,
    time_limit: float | None = None,
    callback: RoundCallback | None = None,
) -> Rows | None:
    """Return the optimal dual array (N, T), in the form that `vvnorm.certify` takes.

    None if no solver provides one, if computing it would take long, or if the verifier's own array is optimal: for
    interpolants of one input with a skip connection and all labels.

    Parameters
    ----------
    X : array-like, shape (N, d)
    Y : array-like, shape (N, T)
        NaN = missing.
    lam, loss, weights, skip, penalise_bias
        As for `vvnorm.certify`.
    time_limit : float, optional
        Seconds after which the solver's best dual array so far is returned.
    callback : callable, optional
        Called after each round of the solver.
    """
    effort = {"time_limit": time_limit, "callback": callback}
    try:
        inputs = as_inputs(X)
        labels = as_labels(Y, len(inputs), allow_missing=True)
        if inputs.shape[1] == 1 and not penalise_bias:
            return _on_a_line(inputs, labels, lam, loss, weights, skip, effort)
        return _in_space(inputs, labels, lam, loss, weights, skip, penalise_bias, effort)
    except (ValueError, RuntimeError):  # the verifier reports what is wrong with the data
        return None


def _on_a_line(
    inputs: Array,
    labels: Array,
    lam: float,
    loss: LossLike,
    weights: ArrayLike | None,
    skip: bool,
    effort: dict[str, Any],
) -> Rows | None:
    from vvnorm.api.fits import fit
    from vvnorm.api.interpolation import interpolate

    if lam == 0 and skip and not has_missing(labels):
        return None
    if (lam == 0 or not skip) and labels.size > MAX_PROGRAM_LABELS:
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
    loss: LossLike,
    weights: ArrayLike | None,
    skip: bool,
    penalise_bias: bool,
    effort: dict[str, Any],
) -> Rows | None:
    from vvnorm.api.multivariate import interpolate_points
    from vvnorm.solvers.multivariate.affine_elimination import Convention
    from vvnorm.solvers.multivariate.fits import FitProblem, searched_exactly

    convention = Convention(skip, penalise_bias)
    if is_bounded_by_norms(*inputs.shape):
        labels, shares, losses = fit_labels(labels, loss, weights)
        if any(loss.name != "squared" for loss in losses):
            return None
        return dual_from_singular_values(inputs, labels, shares, lam if lam == 0 else as_positive(lam), skip=skip)
    if len(inputs) > MAX_POINTS or not searched_exactly(inputs, labels.shape[1], convention):
        return None
    if lam == 0:
        return interpolate_points(inputs, labels, convention, _TOL, **effort).dual
    labels, shares, losses = fit_labels(labels, loss, weights)
    problem = FitProblem(inputs, labels, shares, losses, convention)
    return problem.solve(as_positive(lam), _TOL, **effort)[0].dual
