"""The verifier: judge a network, or check a certificate again. No solver is imported.

Each kind of problem has a module of its own, which states the bound and verifies it:

==================  =======================================  ============================================
problem             one input                                several inputs, or biases inside the norm
==================  =======================================  ============================================
interpolation       `vvnorm.verifier.line`                   `vvnorm.verifier.space`
regularised fits    `vvnorm.verifier.line_fit`               `vvnorm.verifier.space_fit`
==================  =======================================  ============================================

This module chooses among them, and holds the certificates that users see: records (`vvnorm.verifier.certificates`) that
can be checked again, saved and loaded.
"""

import os
from collections.abc import Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any, TypeVar, overload

import numpy as np
from numpy.typing import ArrayLike

from vvnorm._internal.drawing import draw_on
from vvnorm.float64 import Rows, read_dual
from vvnorm.losses import Loss
from vvnorm.network import ReLUNetwork, as_network
from vvnorm.piecewise import PiecewiseLinear
from vvnorm.tolerances import FLAT, GAP
from vvnorm.validation import Array, as_inputs
from vvnorm.verifier import line, line_fit
from vvnorm.verifier.budget import within_additions
from vvnorm.verifier.certificates import FitRecord, InterpolantRecord, differences
from vvnorm.verifier.flat_inputs import Subspace
from vvnorm.verifier.serialization import read_certificate, save_certificate

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class Certificate(InterpolantRecord):  # noqa: D101  # `help` shows the text of the record
    __doc__ = InterpolantRecord.__doc__

    def complaints(self, network: ReLUNetwork, X: ArrayLike, Y: ArrayLike, *, tol: float = GAP) -> list[str]:
        """Recompute everything from network, data and dual, and list what does not hold. An empty list is acceptance.

        Parameters
        ----------
        network : ReLUNetwork
            The network to which the certificate refers.
        X, Y : array-like
            The data it was made for.
        tol : float
            Largest relative gap and relative residual of an optimal interpolant.
        """
        network = as_network(network)
        try:
            with within_additions(self.additions):
                again = _judge_interpolant(network, X, Y, self.dual, self.skip, self.penalise_bias, self.subspace)
        except ValueError as error:
            return [str(error)]
        return _problems(self, again, X, tol, "network" if network.A.any() else None)

    def plot(self, ax: "Axes | None" = None, *, X: ArrayLike | None = None, dual: Rows | None = None) -> "Axes":
        """Draw the proof: the bound beside the value or, with the inputs, the responses of neurons to the dual array.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            By default those of a new pyplot figure.
        X : array-like, shape (N,) or (N, d), optional
            The inputs that the certificate was made for, one or two columns. The response of a neuron must stay below a
            bound, and reaches it where an optimal network may have neurons.
        dual : (N, T) array-like, optional
            The dual array that is drawn, by default the one held. Where a fit's own values make the proof, none is held;
            `solution.dual` has it.

        Returns
        -------
        matplotlib Axes

        Raises
        ------
        TypeError, ValueError
            If `ax` is no Axes; for other inputs, penalised biases, no dual array, or a value that is not finite.
        """
        return draw_on(self, ax, X=X, dual=dual)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Save to an `.npz` file (no pickle), whole or not at all.

        Raises
        ------
        ValueError
            If the name does not end in `.npz` or cannot be written.
        """
        save_certificate(self, path)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "Certificate":
        """Load what `save` wrote, bit for bit; nothing is proved before `complaints` is empty.

        Raises
        ------
        ValueError
            If the file is missing, damaged, or not a saved certificate of an interpolant.
        """
        return _loaded(path, Certificate, "a regularised fit: see FitCertificate.load")


class FitCertificate(FitRecord):  # noqa: D101
    __doc__ = FitRecord.__doc__

    def complaints(
        self,
        function: ReLUNetwork | PiecewiseLinear,
        X: ArrayLike,
        Y: ArrayLike,
        *,
        weights: ArrayLike | None = None,
        tol: float = GAP,
    ) -> list[str]:
        """Recompute everything from function, data and dual, and list what does not hold. An empty list is acceptance.

        Parameters
        ----------
        function : ReLUNetwork or PiecewiseLinear
            The function to which the certificate refers.
        X, Y, weights : array-like
            The data it was made for.
        tol : float
            Largest relative gap of an optimal fit.
        """
        function = function if isinstance(function, PiecewiseLinear) else as_network(function)
        try:
            with within_additions(self.additions):
                again = certify_fit(
                    function, X, Y, self.lam, loss=self.losses, weights=weights, skip=self.skip, dual=self.dual,
                    penalise_bias=self.penalise_bias, subspace=self.subspace,
                )  # fmt: skip
        except (TypeError, ValueError) as error:
            return [str(error)]
        return _problems(self, again, X, tol, "function" if _has_skip(function) else None)

    def plot(self, ax: "Axes | None" = None, *, X: ArrayLike | None = None, dual: Rows | None = None) -> "Axes":
        """Draw the proof: see `Certificate.plot`."""
        return draw_on(self, ax, X=X, dual=dual)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Save to an `.npz` file (no pickle), whole or not at all; see `Certificate.save`."""
        save_certificate(self, path)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "FitCertificate":
        """Load what `save` wrote, bit for bit; nothing is proved before `complaints` is empty.

        Raises
        ------
        ValueError
            If the file is missing, damaged, or not a saved certificate of a fit.
        """
        return _loaded(path, FitCertificate, "an interpolant: see Certificate.load")


def _problems(
    certificate: InterpolantRecord | FitRecord,
    again: InterpolantRecord | FitRecord,
    X: ArrayLike,
    tol: float,
    skips: str | None,
) -> list[str]:
    """Compare a certificate with its recomputation; `skips` names a function that has a skip connection, else None."""
    problems = [*differences(certificate, again), *again.shortcomings(tol)]
    if skips and not certificate.skip:
        problems.append(f"the {skips} has a skip connection, but the bound is on networks without one")
    return problems + _if_flat(X, certificate.subspace) if problems else []


_Kind = TypeVar("_Kind", Certificate, FitCertificate)


def _loaded(path: str | os.PathLike[str], kind: type[_Kind], other: str) -> _Kind:
    """Load a certificate of one kind; the error for the other kind says `other`."""
    certificate = load_certificate(path)
    if not isinstance(certificate, kind):
        raise ValueError(f"{str(path)!r} holds the certificate of {other}")
    return certificate


def load_certificate(path: str | os.PathLike[str]) -> Certificate | FitCertificate:
    """Load a certificate of either kind; numbers and arrays come back bit for bit.

    Raises
    ------
    ValueError
        If the file is missing, damaged, or not a saved certificate; it names the file.
    """
    return _certificate(read_certificate(path))


@overload
def _certificate(record: InterpolantRecord) -> Certificate: ...


@overload
def _certificate(record: FitRecord) -> FitCertificate: ...


def _certificate(record: InterpolantRecord | FitRecord) -> Certificate | FitCertificate:
    """Make a record into the certificate that users see."""
    values: dict[str, Any] = {part.name: getattr(record, part.name) for part in fields(record)}
    return Certificate(**values) if isinstance(record, InterpolantRecord) else FitCertificate(**values)


def judge(
    network: ReLUNetwork | PiecewiseLinear,
    X: ArrayLike,
    Y: ArrayLike,
    *,
    dual: Rows | None = None,
    skip: bool = True,
    penalise_bias: bool = False,
    lam: float = 0.0,
    loss: str | Loss | Sequence[str | Loss] = "squared",
    weights: ArrayLike | None = None,
    subspace: Subspace | None = None,
) -> Certificate | FitCertificate:
    """Judge a network as an interpolant (lam = 0) or as a regularised fit (lam > 0). No solver is asked.

    Parameters
    ----------
    network, X, Y, skip, penalise_bias, lam, loss, weights
        As for `vvnorm.certify`.
    dual : (N, T) array-like, optional
        A dual certificate; any array gives a valid bound. By default the verifier makes its own.
    subspace : Subspace, optional
        A subspace in which the points lie up to rounding. The bound refers to the nearest points in it
        (`vvnorm.verifier.flat_inputs`).

    Returns
    -------
    Certificate, or for lam > 0 a FitCertificate.

    Raises
    ------
    TypeError, ValueError
        For bad data; if network and data disagree in inputs or outputs.
    """
    if isinstance(lam, bool) or lam != 0:
        return certify_fit(
            network, X, Y, lam, loss=loss, weights=weights, skip=skip, dual=dual, penalise_bias=penalise_bias,
            subspace=subspace,
        )  # fmt: skip
    if loss != "squared" or weights is not None:
        raise ValueError("loss and weights are for regularised fits: interpolation (lam = 0) has neither")
    return _judge_interpolant(network, X, Y, dual, skip, penalise_bias, subspace)


def _judge_interpolant(
    network: ReLUNetwork | PiecewiseLinear,
    X: ArrayLike,
    Y: ArrayLike,
    dual: Rows | None,
    skip: bool,
    penalise_bias: bool,
    subspace: Subspace | None = None,
) -> Certificate:
    if not isinstance(network, ReLUNetwork):
        raise TypeError("a PiecewiseLinear is judged as a regularised fit only: pass lam > 0")
    dual = None if dual is None else read_dual(dual)
    if network.n_inputs != 1 or penalise_bias or subspace is not None:
        from vvnorm.verifier import space

        options: dict[str, Any] = {"skip": skip, "penalise_bias": penalise_bias, "subspace": subspace}
        return _certificate(space.judge_interpolant(network, X, Y, dual=dual, **options))
    return _certificate(line.judge_interpolant(network, X, Y, dual=dual, skip=skip))


def certify_sorted(network: ReLUNetwork, x: Array, Y: Array, *, dual: Rows | None, skip: bool) -> Certificate:
    """Judge an interpolant of one input with arrays that `sorted_univariate` returned; they are not checked again."""
    return _certificate(line.judge_sorted(network, x, Y, dual=dual, skip=skip))


def certify_fit(
    function: ReLUNetwork | PiecewiseLinear,
    X: ArrayLike,
    Y: ArrayLike,
    lam: float,
    *,
    loss: str | Loss | Sequence[str | Loss] = "squared",
    weights: ArrayLike | None = None,
    skip: bool = True,
    dual: Rows | ArrayLike | None = None,
    penalise_bias: bool = False,
    subspace: Subspace | None = None,
) -> FitCertificate:
    """Prove how close the objective of a function is to the least one of a regularised fit.

    Parameters
    ----------
    function : ReLUNetwork or PiecewiseLinear
        Any function, however made.
    X : array-like, shape (N,) or (N, 1)
        Inputs in any order, repeats allowed. Sorted inputs need no copy of the labels.
    Y : array-like, shape (N,) or (N, T)
        Labels; NaN = missing.
    lam : float
        Regularisation, positive.
    loss : name, Loss, or a sequence with one per output
        See `vvnorm.losses`.
    weights : array-like, shape (N,) or (N, T), optional
        Non-negative weight of each sample or each entry, 1 by default.
    skip : bool
        Whether networks with a skip connection compete.
    dual : (N, T) array-like, optional
        A dual array R in the order of X; any array gives a valid bound. The default suits smooth losses. At an optimum of
        `hinge` or `one_class` many fitted values lie on the corner of the loss, where the function does not determine R.
    penalise_bias : bool
        Whether the cost is sum_k ||(w_k, b_k)|| ||v_k|| instead of sum_k ||w_k|| ||v_k||; for networks only.
    subspace : Subspace, optional
        A subspace in which the points lie up to rounding; for networks only. The bound refers to the nearest points in it.

    Returns
    -------
    FitCertificate

    Raises
    ------
    TypeError, ValueError
        For bad data, naming it; if function and data disagree in outputs.

    Examples
    --------
    >>> import vvnorm
    >>> zero = vvnorm.PiecewiseLinear([0, 1], [0, 0])
    >>> vvnorm.certify_fit(zero, [0, 1, 2], [0, 1, 0], lam=0.1)
    FitCertificate: lam 0.1, squared
        objective 0.5, lower bound 0.17, relative gap 0.66
        loss 0.5, VV norm 0
        complaints(function, X, Y) checks it again
    """
    if not isinstance(function, ReLUNetwork | PiecewiseLinear):
        raise TypeError(f"function must be a ReLUNetwork or a PiecewiseLinear, got {type(function).__name__}")
    inputs = as_inputs(X)
    if inputs.shape[1] != 1 or function.n_inputs != 1 or penalise_bias or subspace is not None:
        from vvnorm.verifier import space_fit

        return _certificate(
            space_fit.judge_fit(
                function, inputs, Y, lam, loss=loss, weights=weights, skip=skip, dual=dual, penalise_bias=penalise_bias,
                subspace=subspace,
            )
        )  # fmt: skip
    return _certificate(line_fit.judge_fit(function, inputs, Y, lam, loss=loss, weights=weights, skip=skip, dual=dual))


def output_losses(
    function: ReLUNetwork | PiecewiseLinear,
    X: ArrayLike,
    Y: ArrayLike,
    *,
    loss: str | Loss | Sequence[str | Loss] = "squared",
    weights: ArrayLike | None = None,
) -> tuple[Array, Array]:
    """Return the weighted sum of losses of each output, as the verifier computes it.

    Parameters
    ----------
    function, X, Y, loss, weights
        As for `certify_fit`.

    Returns
    -------
    losses, at_most : (T,) arrays
        The sums, and bounds on them from above, rounding errors included; not finite beyond the range of float64.

    Raises
    ------
    TypeError, ValueError
        For bad data.
    """
    inputs = as_inputs(X)
    if inputs.shape[1] != 1 or function.n_inputs != 1:
        from vvnorm.verifier import space_fit

        return space_fit.output_losses(function, inputs, Y, loss, weights)
    return line_fit.output_losses(function, inputs, Y, loss, weights)


def _has_skip(function: ReLUNetwork | PiecewiseLinear) -> bool:
    """Whether a function has a skip connection; one given by values has, unless it is constant on the left."""
    if isinstance(function, ReLUNetwork):
        return bool(function.A.any())
    return bool(np.any(function.values[0] != function.values[1]))


def _if_flat(X: ArrayLike, subspace: Subspace | None) -> list[str]:
    """Explain a rejected certificate whose points lie in a subspace up to rounding."""
    if subspace is not None:
        return []
    x = as_inputs(X)
    _, s, axes = np.linalg.svd(x - x.mean(axis=0), full_matrices=False)
    dimensions = int(np.sum(s > FLAT * len(x) * s[0]))
    if dimensions == x.shape[1] or dimensions == 0:
        return []
    try:
        Subspace(x.mean(axis=0), axes[:dimensions].T).coordinates(x, np.ones((len(x), 1), dtype=bool))
    except ValueError:
        return []
    return [
        f"X lies in an affine subspace of {dimensions} dimensions up to rounding: solutions for such points have "
        "certificates about coordinates in the subspace, which do not hold for X itself; make a certificate for X"
    ]
