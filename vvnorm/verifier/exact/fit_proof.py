"""Fits with the squared loss: bounds on their least objective, in rational numbers.

The objective of a network f is sum_i ||f(x_i) - y_i||^2 / 2 + lam VV(f). Integer square roots bound the objective of a
given network from above. A dual array whose responses are at most lam bounds the objective of every network from below
(`vvnorm.verifier.exact.dual_arrays`). At the optimum this array consists of the residuals Y - f(X).
"""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from vvnorm.verifier.exact.certificate import ExactCertificate
from vvnorm.verifier.exact.dual_arrays import feasible_dual, fit_bound
from vvnorm.verifier.exact.rational_network import RationalNetwork
from vvnorm.verifier.exact.rationals import Matrix


def fit_certificate(
    network: RationalNetwork, X: Matrix, Y: Matrix, lam: Fraction, dual: Sequence[Sequence[Any]] | None
) -> ExactCertificate:
    """Bound the least objective of fits by a network and the best of some dual arrays.

    Parameters
    ----------
    network : RationalNetwork
        Any network; it needs no correction.
    X, Y : N rows of 1 or 2, and of T Fraction
        In any order; inputs may repeat, with other labels or the same.
    lam : Fraction
        Positive.
    dual : N rows of T numbers, or None
        By rows of X; the network's residuals are tried, too, and an array of zeros.

    Raises
    ------
    ValueError
        If `dual` is not N rows of T finite numbers.
    """
    if dual is not None and (len(dual) != len(X) or any(len(row) != len(Y[0]) for row in dual)):
        raise ValueError(f"dual must be {len(X)} rows of {len(Y[0])} numbers, like Y")
    order = sorted(range(len(X)), key=lambda i: (X[i], Y[i]))
    inputs, labels = tuple(X[i] for i in order), tuple(Y[i] for i in order)
    drafts: list[Sequence[Sequence[Any]]] = [network.misfits(inputs, labels), [[0] * len(row) for row in labels]]
    if dual is not None:
        drafts.append([dual[i] for i in order])
    arrays = [feasible_dual(draft, inputs, lam) for draft in drafts]
    lower, best = max((fit_bound(array, labels), k) for k, array in enumerate(arrays))
    upper = network.fit_objective(inputs, labels, lam)
    return ExactCertificate(inputs, labels, network, lower, upper, arrays[best], lam=lam)
