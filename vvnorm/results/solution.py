"""The base class of all solutions: a network with a certificate of its gap to the optimum."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from typing import TYPE_CHECKING, Any, Final, Self

import numpy as np
from numpy.typing import ArrayLike

from vvnorm._internal.deadline import OUT_OF_TIME, TIME_LIMIT
from vvnorm._internal.drawing import Displayed, draw_on
from vvnorm._internal.words import count, lines
from vvnorm.float64 import Origin, counted_from
from vvnorm.losses import Loss
from vvnorm.network import ReLUNetwork
from vvnorm.validation import Array, as_points, is_empty
from vvnorm.verifier.verification import Verification

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from vvnorm.verifier.exact import Proof

UNATTAINED: Final = "the infimum is 0 and not attained"


class Solution(Displayed, ABC):
    """A network with a certificate of its gap to the optimum; `vvnorm.interpolate` and `vvnorm.fit` return solutions.

    Attributes
    ----------
    network : ReLUNetwork
        The solution as a network.
    certificate
        Primal and dual side of the proof.
    X, Y : (N, d) and (N, T) arrays
        The data; sorted, for one input.
    tol : float
        Largest relative gap that `verify` accepts.
    provenance : mapping
        Method, solver, status, versions and seconds.
    origin : tuple of int, or None
        Integers that float64 cannot represent (such as times in nanoseconds) have this origin subtracted exactly, column by
        column: `X`, `network` and the certificate are about the differences. Calling the solution subtracts it, too. None
        for all other inputs.
    x_names, y_names : tuple of str
        Names of inputs and outputs: the columns of the data frames that were given, else empty.
    """

    network: ReLUNetwork
    certificate: Any
    X: Array
    Y: Array
    tol: float
    provenance: Mapping[str, Any]
    origin: Origin | None = None
    x_names: tuple[str, ...] = ()
    y_names: tuple[str, ...] = ()

    @property
    @abstractmethod
    def value(self) -> float:
        """The objective of the network: an upper bound on the minimum."""

    @property
    @abstractmethod
    def vv_norm(self) -> float:
        """VV norm of the network."""

    @property
    def lower_bound(self) -> float:
        """Certified lower bound on the objective of every network."""
        return float(self.certificate.lower_bound)

    @property
    def gap(self) -> float:
        """(value - lower_bound) / value; 0 for 0 / 0."""
        return float(self.certificate.gap)

    @property
    def status(self) -> str:
        """Why the solver stopped, as the solver reports it; it is not part of the proof.

        `UNATTAINED` where an affine function separates all classes of a logistic fit, so that no network is optimal.
        """
        return UNATTAINED if self._unattained else str(self._solver_facts.get("status", self._solver_facts["method"]))

    @property
    def rounds(self) -> int:
        """Number of rounds of the solver; 0 for closed forms."""
        return int(self._solver_facts.get("rounds", 0))

    @property
    def _unattained(self) -> bool:
        """Whether the infimum is 0 and no network attains it."""
        return False

    @property
    def _solver_facts(self) -> Mapping[str, Any]:
        """The solver's report, available without certifying."""
        return self.provenance

    def __call__(self, X: ArrayLike) -> Array:
        """Evaluate the solution at X, shape (n,) or (n, 1), from its knots and values; shape (n, T)."""
        if is_empty(X):
            return np.empty((0, self.Y.shape[1]))
        return self._at(one_column(counted_from(X, self.origin)))

    @abstractmethod
    def _at(self, x: Array) -> Array:
        """Evaluate at x, shape (n,) and finite."""

    @abstractmethod
    def verify(self) -> Verification:
        """Check the certificate with code that shares nothing with the solver."""

    def prove(self, *, tol: float | None = None, band_at: Iterable[Any] = ()) -> "Proof":
        """Prove the bounds in rational arithmetic, for one or two inputs: see `vvnorm.verifier.exact.prove`.

        Parameters
        ----------
        tol : float, optional
            Relative gap up to which the bounds count as a proof; by default `tol` of the solution.
        band_at : iterable of numbers
            Interpolants of one input: points at which the certificate states the range of minimal-VV-norm interpolants.

        Raises
        ------
        ValueError
            If exact proofs do not cover the solution: more than two inputs, missing or weighted labels, a loss other
            than the squared one, no skip connection, or penalised biases.
        """
        from vvnorm.verifier.exact import prove

        return prove(self, tol=self.tol if tol is None else tol, band_at=band_at)

    def sparsify(self, gap: float | None = None) -> Self:
        """Return a solution with few neurons, the same values at the data and a relative gap of at most `gap`.

        Raises
        ------
        ValueError
            If solutions of this class cannot be sparsified.
        """
        raise ValueError(f"a solution of kind {type(self).__name__} cannot be sparsified")

    def _proof_notes(self) -> list[str]:
        """Return notes on a time limit and on a gap above `tol`; they need the certificate."""
        notes = [OUT_OF_TIME] if self._solver_facts["status"] == TIME_LIMIT else []
        if self._unattained:
            notes.append(
                "no network is optimal: an affine function separates all classes, and larger multiples of it lose ever "
                f"less, down to 0; here {self.value:.2g} is left"
            )
        elif not self.gap <= self.tol:
            notes.append(f"proved optimal to a relative gap of {self.gap:.2g} only, not {self.tol:.2g}")
        return notes

    def _origin(self) -> dict[str, Any]:
        """The entry of `record` for the origin."""
        return {} if self.origin is None else {"origin": list(self.origin)}

    def named(self, x_names: Sequence[str], y_names: Sequence[str]) -> Self:
        """Return the same solution whose inputs and outputs have other names; what is certified stays certified."""
        twin = copy(self)
        twin.__dict__.update(x_names=tuple(x_names), y_names=tuple(y_names))
        return twin

    def plot(self, ax: "Axes | None" = None, *, output: int | str | None = None) -> "Axes":
        """Draw the solution on one pair of axes.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            By default those of a new pyplot figure.
        output : int or str, optional
            Number or name of the output to draw. By default up to six outputs of one input, each in its colour; with
            several inputs the first output.

        Returns
        -------
        matplotlib Axes
            One input: data, solution, knots, and the band of all solutions where they are several. Two: the function as
            colours, with its kinks and the data. More: fitted values against labels.

        Raises
        ------
        TypeError, ValueError
            If `ax` is no Axes or there is no such output; for interpolants of more than two inputs, and numbers that are
            too large for axes.
        """
        return draw_on(self, ax, output=output)

    def __repr__(self) -> str:
        points, size = count(len(self.X), "point"), f"{count(self.Y.shape[1], 'output')}"
        head = f"{type(self).__name__}: {points}, {count(self.X.shape[1], 'input')}, {size}"
        return lines(head + self._setting(), *self._state(), f"network: {count(self.network.n_neurons, 'neuron')}")

    @abstractmethod
    def _setting(self) -> str:
        """Describe the problem, for the first line of `repr`."""

    @abstractmethod
    def _state(self) -> tuple[str, ...]:
        """State value, gap and verdict as far as they are known without long computations."""

    def record(self) -> dict[str, Any]:
        """Return the numbers and texts that describe the solution, in types that JSON has."""
        return {
            "points": len(self.X),
            "outputs": self.Y.shape[1],
            "value": self.value,
            "lower_bound": self.lower_bound,
            "gap": self.gap,
            **self._details(),
            **self._origin(),
            "provenance": {name: value for name, value in self.provenance.items() if name != "notes"},
        }

    @abstractmethod
    def _details(self) -> dict[str, Any]:
        """The entries of `record` that only this class of solutions has."""

    def summary(self) -> str:
        """Describe the solution in a few lines."""
        lines = [] if self.origin is None else [("inputs", f"counted from {', '.join(map(str, self.origin))}")]
        return "\n".join(f"{name:>18}  {text}" for name, text in [*lines, *self.summary_lines(self.y_names)])

    def _bound_lines(self) -> list[tuple[str, str]]:
        """Lines of the summary on the VV norm and the proved bound."""
        return [
            ("VV norm", f"{self.vv_norm:.10g}"),
            ("lower bound", f"{self.lower_bound:.10g}"),
            ("relative gap", f"{self.gap:.2g}"),
        ]

    @abstractmethod
    def summary_lines(self, y_names: Sequence[str] = ()) -> list[tuple[str, str]]:
        """Return (name, text) for each line of the summary; outputs without names are numbered."""


def losses_in_words(losses: Sequence[Loss], names: Sequence[str]) -> str:
    """Name the loss if all outputs have the same one, else the loss of each output."""
    if len(set(losses)) == 1:
        return str(losses[0])
    names = names or [str(t) for t in range(len(losses))]
    return ", ".join(f"{name}: {loss}" for name, loss in zip(names, losses, strict=True))


def one_column(t: ArrayLike, name: str = "X") -> Array:
    """Return the points t, shape (n,) or (n, 1), as an array (n,); ValueError for several columns."""
    return as_points(t, 1, "the solution", name)[:, 0]
