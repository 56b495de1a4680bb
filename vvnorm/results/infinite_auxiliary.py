"""The solution in the limit of infinitely many auxiliary outputs."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from vvnorm._internal.words import count
from vvnorm.float64 import Origin, counted_from
from vvnorm.network import ReLUNetwork, row_norms
from vvnorm.results.multivariate import MultivariateSolution
from vvnorm.results.solution import Solution
from vvnorm.tolerances import FLAT
from vvnorm.validation import Array
from vvnorm.verifier.check import Certificate
from vvnorm.verifier.space import judge_interpolant
from vvnorm.verifier.verification import Verification

if TYPE_CHECKING:
    from vvnorm.verifier.exact import Proof

_ORTHONORMAL = 1e-9  # times the number of points: products of basis functions that are rounding


@dataclass(frozen=True, eq=False, repr=False)
class InfiniteAuxiliary(Solution):
    """The limit of the minimal-VV-norm interpolants as the number of Gaussian auxiliary outputs tends to infinity.

    Attributes
    ----------
    network : ReLUNetwork
        Interpolates the labels.
    design : MultivariateSolution
        The interpolant of an orthonormal basis of labels, which fixes neurons and kernel, with its certificate.
    X, Y : (N, d) and (N, T) arrays
        The data.
    tol : float
        Relative gap of the design, and relative residual, up to which `verify` accepts.
    provenance : mapping
        Provenance of the design.
    """

    network: ReLUNetwork
    design: MultivariateSolution = field(repr=False)
    X: Array = field(repr=False)
    Y: Array = field(repr=False)
    tol: float
    provenance: Mapping[str, Any] = field(repr=False)
    origin: Origin | None = None
    x_names: tuple[str, ...] = field(default=(), repr=False)
    y_names: tuple[str, ...] = field(default=(), repr=False)

    @property
    def certificate(self) -> Certificate:
        """Certificate of the design."""
        certificate = self.design.certificate
        assert isinstance(certificate, Certificate)
        return certificate

    @property
    def value(self) -> float:
        """Cost of the design: the cost of all auxiliary outputs together, per unit of their standard deviation."""
        return self.design.value

    @property
    def vv_norm(self) -> float:
        """Cost of the network."""
        f = self.network
        return f.vv_norm_with_bias if self.design.penalise_bias else f.vv_norm

    @property
    def eta(self) -> Array:
        """Weights (K,) of the kernel, of neurons with ||w|| = 1 (or ||(w, b)|| = 1)."""
        f = self.design.network
        sizes = row_norms(np.column_stack([f.W, f.b])) if self.design.penalise_bias else row_norms(f.W)
        return sizes * row_norms(f.V.T)

    def __call__(self, X: ArrayLike) -> Array:
        """Evaluate at X, shape (n, d); shape (n, T)."""
        return self.network(counted_from(X, self.origin))

    def _at(self, x: Array) -> Array:
        return self.network(x)

    def verify(self) -> Verification:
        """Check the design's labels and certificate, that the network interpolates, and that its output weights follow."""
        problems = [*self.design.verify().problems, *self._complaints_about_labels()]
        # Only the residual matters, so any dual array will do.
        judged = judge_interpolant(self.network, self.X, self.Y, dual=np.zeros(self.Y.shape), skip=self.design.skip)
        if not judged.relative_residual <= self.tol:
            problems.append(
                f"relative residual {judged.relative_residual:.3g} exceeds {self.tol:.3g}: it does not interpolate"
            )
        if not self.design.skip and self.network.A.any():
            problems.append("the network has a skip connection, but the design has none")
        f, g = self.network, self.design.network
        same = f.n_neurons == g.n_neurons and np.array_equal(f.W, g.W) and np.array_equal(f.b, g.b)
        combined = np.linalg.lstsq(g.V.T, f.V.T, rcond=None)[0] if same and f.n_neurons else np.zeros((g.n_outputs, 1))
        if not same or not np.all(row_norms((g.V.T @ combined - f.V.T).T) <= self.tol * row_norms(f.V)):
            problems.append("the network is not a combination of the design's outputs")
        return Verification(tuple(problems))

    def prove(self, *, tol: float | None = None, band_at: Iterable[Any] = ()) -> "Proof":
        """Raise ValueError: the proof is about infinitely many outputs."""
        raise ValueError("exact proofs do not cover solutions for infinitely many auxiliary outputs")

    def _complaints_about_labels(self) -> list[str]:
        """Check that the labels of the design are an orthonormal basis of the complement of functions without cost."""
        points, basis = self.design.X, self.design.Y
        if not np.array_equal(np.unique(points, axis=0), np.unique(self.X, axis=0)):
            return ["the design is about other points"]
        away = points - points.mean(axis=0)
        unit = float(np.max(np.abs(away))) or 1.0
        free = np.column_stack([np.ones(len(points)), away / unit] if self.design.skip else [np.ones(len(points))])
        axes, s, _ = np.linalg.svd(free, full_matrices=False)
        inside = np.hstack([axes[:, s > FLAT * len(points) * s[0]], basis])
        square = inside.shape == (len(points), len(points))
        if square and np.abs(inside.T @ inside - np.eye(len(points))).max() <= _ORTHONORMAL * len(points):
            return []
        return ["the design's labels are not an orthonormal basis of the complement of the functions without cost"]

    def _setting(self) -> str:
        return ", beside infinitely many; of the design:"

    def _state(self) -> tuple[str, ...]:
        return self.design._state()

    def _details(self) -> dict[str, Any]:
        return self.design._details()

    def record(self) -> dict[str, Any]:
        """Return the numbers and texts that describe the design, and the number of outputs, in types that JSON has."""
        return {**self.design.record(), **self._origin(), "outputs": self.Y.shape[1], "auxiliary": "infinite"}

    def summary_lines(self, y_names: Sequence[str] = ()) -> list[tuple[str, str]]:
        """Return (name, text) for each line of the summary."""
        del y_names
        return [
            ("labels", f"{count(self.Y.shape[1], 'output')}, and infinitely many auxiliary ones"),
            *self.design.summary_lines()[1:],
        ]
