"""From a solution in floating point to a proof in rational numbers."""

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Protocol

from vvnorm.float64 import as_rows
from vvnorm.network import ReLUNetwork
from vvnorm.tolerances import GAP
from vvnorm.verifier.exact.certificate import ExactCertificate, save_exact_certificate
from vvnorm.verifier.exact.corrected import interpolating
from vvnorm.verifier.exact.dual_arrays import feasible_dual, pairing
from vvnorm.verifier.exact.fit_proof import fit_certificate
from vvnorm.verifier.exact.line import ExactLine, distinct_points
from vvnorm.verifier.exact.rational_network import RationalNetwork
from vvnorm.verifier.exact.rationals import Matrix, as_matrix, as_rational, to_float


class HasProof(Protocol):
    """The parts of a solution that `prove` reads; `vvnorm.interpolate` returns such solutions."""

    @property
    def network(self) -> ReLUNetwork:
        """The network."""

    @property
    def certificate(self) -> Any:
        """The certificate, with its dual array and its conventions."""

    @property
    def X(self) -> Any:
        """The inputs, (N, d)."""

    @property
    def Y(self) -> Any:
        """The labels, (N, T)."""


@dataclass(frozen=True)
class Proof:
    """The outcome of `prove`.

    Attributes
    ----------
    certificate : ExactCertificate
        Data, network, dual array and bounds in rational numbers, all of which were derived again.
    problems : tuple of str
        What fails. It is empty if the optimum is proved to lie within `tol` of the network's cost, and the given network
        misses no label by more than `tol` times half the range of the output. The certificate's bounds hold in any case.
    tol : Fraction
        Relative gap up to which bounds count as a proof of optimality.
    misfit : float
        The largest distance of the given network from a label, which its correction removed; 0 if it interpolated exactly.
    line : ExactLine or None
        One input: curvatures, band and stability bounds of the data.
    """

    certificate: ExactCertificate
    problems: tuple[str, ...]
    tol: Fraction = field(repr=False)
    misfit: float
    line: ExactLine | None = field(default=None, repr=False)

    @property
    def proved(self) -> bool:
        """Whether nothing fails."""
        return not self.problems

    @property
    def lower(self) -> Fraction:
        """No interpolant costs less; no fit has a smaller objective."""
        return self.certificate.lower

    @property
    def upper(self) -> Fraction:
        """The certificate's network interpolates and costs no more, or is a fit whose objective is no larger."""
        return self.certificate.upper

    @property
    def gap(self) -> Fraction:
        """(upper - lower) / upper; 0 for 0 / 0."""
        return self.certificate.gap

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the certificate as JSON, for `check_certificate.py`, whole or not at all.

        Raises
        ------
        ValueError
            If something fails, so that nothing is proved, or the file cannot be written.
        """
        if self.problems:
            raise ValueError(f"there is no proof to save: {self.problems[0]}")
        save_exact_certificate(self.certificate, path)

    def __str__(self) -> str:
        low, high = to_float(self.lower), to_float(self.upper)
        head = "PROVED" if self.proved else "NOT PROVED"
        bounds = f"{head}: {low:.15g} <= optimum <= {high:.15g}, relative gap {to_float(self.gap):.2g}"
        return "\n".join([bounds, *self.problems])


def prove(
    subject: "HasProof | ReLUNetwork | None" = None,
    X: Any = None,
    Y: Any = None,
    *,
    dual: Any = None,
    lam: Any = None,
    tol: float | Fraction = GAP,
    band_at: Iterable[Any] = (),
) -> Proof:
    """Bound the least VV norm of an interpolant, or the least objective of a fit, in rational arithmetic.

    The objective of a fit is sum_i ||f(x_i) - y_i||^2 / 2 + lam VV(f).

    Parameters
    ----------
    subject : Solution, ReLUNetwork or None
        A solution brings its data and its dual array, and a fit its `lam`. A network comes with `X` and `Y`, and with
        `dual` for two inputs; an interpolant may miss the labels a little, and is corrected until it interpolates. None,
        for one input: connect-the-dots.
    X : list or array, shape (N,) or (N, d), d = 1 or 2
        Numbers, read exactly: a float as its rational value, text as a decimal number.
    Y : list or array, shape (N,) or (N, T)
        Labels, none missing.
    dual : array, shape (N, T)
        Lambda, by rows of X, for two inputs; it need not be exact. Fits do not need it if the network is nearly optimal.
    lam : number or text, optional
        Judge the network as a fit with the squared loss, and with this weight of the VV norm, read exactly.
    tol : float or Fraction
        Relative gap up to which the bounds count as a proof of optimality. A given network may miss labels by this share of
        half the range of their output.
    band_at : iterable of numbers
        One input: points at which the certificate also states the range of minimal-VV-norm interpolants.

    Returns
    -------
    Proof
        With rational bounds lower <= optimum <= upper, and a list of what fails.

    Raises
    ------
    TypeError, ValueError
        For data that are not finite numbers, that no network interpolates, or of more than two inputs; for fits with other
        losses or weights, and for networks without a skip connection or with penalised biases, which exact proofs do not
        cover.

    Examples
    --------
    >>> from vvnorm.verifier.exact import prove
    >>> proof = prove(None, ["0", "1", "2", "3"], ["0", "0.1", "0", "0.1"])
    >>> proof.proved, proof.certificate.unique
    (True, True)
    """
    network = subject
    if X is None and subject is not None and not isinstance(subject, ReLUNetwork):
        X, Y, network = subject.X, subject.Y, subject.network
        dual, lam = _dual_and_lam(subject)
        if len(X[0]) == 1 and lam is None:
            network = None  # it is connect-the-dots in floating point, which is computed again in rational numbers
    if X is None or Y is None:
        raise ValueError("X and Y are needed where no solution is given")
    if network is not None and not isinstance(network, ReLUNetwork):
        raise TypeError(f"exact proofs are about ReLU networks, got {type(network).__name__}")
    points, labels = as_matrix(X, "X"), as_matrix(Y, "Y")
    if len(points[0]) not in (1, 2):
        raise ValueError(f"X has {len(points[0])} columns; exact proofs are for one or two inputs")
    if network is not None and (network.n_inputs, network.n_outputs) != (len(points[0]), len(labels[0])):
        raise ValueError(f"the network has {network.n_inputs} inputs and {network.n_outputs} outputs; the data have others")
    limit = Fraction(tol)
    if lam is not None:
        return _prove_fit(network, points, labels, lam, dual, limit)
    inputs, values = distinct_points(points, labels)
    if len(inputs[0]) == 1:
        return _prove_on_a_line(ExactLine(tuple(x for (x,) in inputs), values), network, limit, band_at)
    if network is None or dual is None:
        raise ValueError("two inputs need a network and its dual array, or a solution")
    return _prove_in_the_plane(inputs, values, network, _merged(points, inputs, dual, len(values[0])), limit)


def _prove_fit(network: ReLUNetwork | None, points: Matrix, labels: Matrix, lam: Any, dual: Any, tol: Fraction) -> Proof:
    if network is None:
        raise ValueError("a fit needs a network, or a solution")
    if len(points) != len(labels):
        raise ValueError(f"X has {len(points)} rows and Y has {len(labels)}")
    if len(points) < 2:
        raise ValueError("X has 1 row; exact proofs need two or more")
    strength = as_rational(lam, "lam")
    if strength <= 0:
        raise ValueError(f"lam must be positive, got {lam}")
    rows: Any = as_rows(dual) if hasattr(dual, "shape") else dual
    certificate = fit_certificate(RationalNetwork.of(network), points, labels, strength, rows)
    return _judged(certificate, tol, [Fraction(0)] * len(labels[0]))


def _prove_on_a_line(line: ExactLine, network: ReLUNetwork | None, tol: Fraction, band_at: Iterable[Any]) -> Proof:
    inputs = tuple((x,) for x in line.inputs)
    if network is None:
        interpolant, misfits = line.network, [Fraction(0)] * len(line.labels[0])
    else:
        interpolant, misfits = _interpolant(network, inputs, line.labels)
    certificate = ExactCertificate(
        inputs,
        line.labels,
        interpolant,
        line.bounds[0],
        interpolant.cost_bounds[1],
        unique=line.unique,
        unique_outputs=line.unique_outputs,
        fewest_neurons=line.fewest_neurons,
        band=line.band(band_at),
    )
    return _judged(certificate, tol, misfits, line)


def _prove_in_the_plane(inputs: Matrix, labels: Matrix, network: ReLUNetwork, dual: Any, tol: Fraction) -> Proof:
    weights = feasible_dual(dual, inputs)
    interpolant, misfits = _interpolant(network, inputs, labels)
    certificate = ExactCertificate(
        inputs, labels, interpolant, pairing(weights, labels), interpolant.cost_bounds[1], weights
    )
    return _judged(certificate, tol, misfits)


def _interpolant(network: ReLUNetwork, inputs: Matrix, labels: Matrix) -> tuple[RationalNetwork, list[Fraction]]:
    """Return a rational interpolant near a network, and the largest misfit of the network in each output."""
    given = RationalNetwork.of(network)
    misfits = [max(map(abs, column)) for column in zip(*given.misfits(inputs, labels), strict=True)]
    return interpolating(given, inputs, labels), misfits


def _judged(
    certificate: ExactCertificate, tol: Fraction, misfits: list[Fraction], line: ExactLine | None = None
) -> Proof:  # fmt: skip
    problems = certificate.problems()
    problems += [
        f"misfit: the given network misses a label of output {t} by {to_float(misfit):.3g}"
        for t, (misfit, size) in enumerate(zip(misfits, _label_sizes(certificate.labels), strict=True))
        if misfit > tol * size
    ]
    misfit = to_float(max(misfits))
    if certificate.gap > tol:
        problems.append(f"gap: {to_float(certificate.gap):.3g} is above {to_float(tol):.3g}")
    return Proof(certificate, tuple(problems), tol, misfit, line)


def _label_sizes(labels: Matrix) -> list[Fraction]:
    """Return half the range of each output.

    For a constant output it is the size of its label, but at most half the largest range of the other outputs, if any of
    them varies. Half the largest range also replaces 0.
    """
    columns = list(zip(*labels, strict=True))
    halves = [(max(column) - min(column)) / 2 for column in columns]
    largest = max(halves) or max(abs(column[0]) for column in columns)
    return [half or min(abs(column[0]) or largest, largest) for half, column in zip(halves, columns, strict=True)]


def _dual_and_lam(solution: HasProof) -> tuple[Any, Any]:
    """The dual array of a solution, by rows of its data, and the lam of a fit; only of kinds that exact proofs cover."""
    certificate = solution.certificate
    if not hasattr(certificate, "dual"):
        raise ValueError(f"exact proofs do not cover a {type(solution).__name__}")
    if not certificate.skip or certificate.penalise_bias:
        raise ValueError("exact proofs are for networks with a skip connection and without a penalty on biases")
    if not hasattr(certificate, "losses"):
        return certificate.dual, None
    if any(str(loss) != "squared" for loss in certificate.losses) or getattr(solution, "weights", None) is not None:
        raise ValueError("exact proofs of fits are for the squared loss without weights")
    dual, order = certificate.dual, getattr(solution, "order", None)
    rows = None if dual is None else as_rows(dual)
    return (rows if rows is None or order is None else rows[order]), certificate.lam


def _merged(points: Matrix, inputs: Matrix, dual: Any, n_outputs: int) -> list[list[float]]:
    """Add the rows of a dual array that belong to one point."""
    rows = [[float(value) for value in row] for row in dual]
    if len(rows) != len(points) or any(len(row) != n_outputs for row in rows):
        raise ValueError(f"dual must be {len(points)} rows of {n_outputs} numbers, like Y")
    place = {point: k for k, point in enumerate(inputs)}
    totals = [[0.0] * n_outputs for _ in inputs]
    for point, row in zip(points, rows, strict=True):
        totals[place[point]] = [a + b for a, b in zip(totals[place[point]], row, strict=True)]
    return totals
