"""The solution of interpolation with one input."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vvnorm._internal.words import count, proof
from vvnorm.float64 import Origin, as_rows, counted_from
from vvnorm.network import ReLUNetwork, row_norms
from vvnorm.results.solution import Solution, one_column
from vvnorm.solvers.univariate import interpolation as univariate
from vvnorm.tolerances import EPS
from vvnorm.validation import Array, as_count, as_generator
from vvnorm.verifier.check import Certificate, certify_sorted
from vvnorm.verifier.verification import Verification


@dataclass(frozen=True, eq=False, repr=False)
class Interpolant(Solution):
    """A minimal-VV-norm interpolant with its certificate.

    Attributes
    ----------
    network : ReLUNetwork
        The interpolant. Beyond the reach of float64 weights (inputs spaced by a few ulp far from 0) its residual is
        large, and `verify` says so; calling the solution always interpolates.
    certificate : Certificate
        Primal and dual side of the proof.
    X, Y : (N, 1) and (N, T) arrays
        The data, sorted, equal inputs merged.
    tol : float
        Relative gap and residual up to which `verify` accepts.
    provenance : mapping
        How the solver computed it: method, solver, status, versions, seconds.
    """

    network: ReLUNetwork
    certificate: Certificate
    X: Array = field(repr=False)
    Y: Array = field(repr=False)
    tol: float
    provenance: Mapping[str, Any]
    dots: univariate.ConnectTheDots = field(repr=False)
    """Connect-the-dots of the labels, missing ones replaced by the solution's own values."""
    origin: Origin | None = None
    x_names: tuple[str, ...] = field(default=(), repr=False)
    y_names: tuple[str, ...] = field(default=(), repr=False)

    @property
    def value(self) -> float:
        """VV norm of the network: an upper bound on the least cost."""
        return self.certificate.vv_norm

    @property
    def vv_norm(self) -> float:
        """The same as `value`."""
        return self.value

    @property
    def dual(self) -> Array:
        """The dual array, as `vvnorm.certify` takes it."""
        return as_rows(self.certificate.dual)

    def _at(self, x: Array) -> Array:
        return self.dots(x)

    def verify(self) -> Verification:
        """Check the certificate with code that shares nothing with the solver."""
        problems = self.certificate.complaints(self.network, self.X, self.Y, tol=self.tol)
        return Verification((*problems, *self._complaints_about_dots()))

    def _complaints_about_dots(self) -> list[str]:
        """Say what is wrong with the values that a call returns: those of connect-the-dots, not the network's."""
        x, values, labels = self.dots.x, self.dots.Y, self.Y
        missing = np.isnan(labels)
        if not np.array_equal(x, self.X[:, 0]) or not np.array_equal(np.where(missing, values, labels), values):
            return ["connect-the-dots, by which it is evaluated, is not that of the data"]
        if not missing.any():
            return []
        slopes = np.diff(values, axis=0) / np.diff(x)[:, None]
        turning = float(row_norms(np.diff(slopes, axis=0)).sum())
        at_most = self.certificate.vv_norm * (1 + self.tol) + 8 * EPS * float(row_norms(slopes).sum())
        if turning <= at_most:
            return []
        return [f"connect-the-dots, by which it is evaluated, turns by {turning!r}; that is more than the VV norm"]

    # --- all solutions (closed form only) ---

    @property
    def closed_form(self) -> bool:
        """Whether the solution is connect-the-dots of the data, so that the whole solution set is known."""
        return bool(self.provenance["method"] == "closed form")

    @cached_property
    def unique(self) -> bool | None:
        """Whether there is no other minimal-VV-norm interpolant ([MT], Theorem 3.1), decided up to rounding of the data.

        False: neighbouring curvatures point one way up to a few roundings of inputs and labels, as decimal numbers do that
        are aligned exactly. True: none do for any data within half an ulp of X and Y, so the numbers may have been read in
        decimals. None where neither holds: data are too close, or too far from 0, for float64 to tell. Curvatures that half
        an ulp may have made count as none: they leave no freedom beyond rounding.
        """
        dots = self._known()
        if dots.aligned.any():
            return False
        return None if self._doubtful.any() else True

    @cached_property
    def unique_outputs(self) -> NDArray[np.bool_]:
        """For each output, whether all minimal-VV-norm interpolants agree in it; shape (T,).

        Decided as `unique` is; False as well where it cannot be told.
        """
        dots = self._known()
        return ~univariate.moving_outputs(dots, dots.aligned | self._doubtful)

    @cached_property
    def _doubtful(self) -> NDArray[np.bool_]:
        return univariate.doubtful(self._known())

    def band(self, t: ArrayLike) -> tuple[Array, Array]:
        """Range of the values that minimal-VV-norm interpolants take at t, shape (n,): lower and upper, (n, T)."""
        return univariate.band(self._known(), one_column(counted_from(t, self.origin), "t"))

    def sample(self, n: int, rng: np.random.Generator | int) -> list[ReLUNetwork]:
        """Draw n random minimal-VV-norm interpolants."""
        return univariate.sample_minimisers(self._known(), as_count(n, "n"), as_generator(rng))

    def sparsest(self) -> ReLUNetwork:
        """Return a minimal-VV-norm interpolant with the fewest neurons.

        Curvatures that point one way up to rounding of the data count as aligned (see `unique`): the network then meets
        the labels, and the least VV norm, up to that rounding. Where `unique` is None fewer neurons may do.
        """
        return univariate.sparsest(self._known())

    def lp_minimiser(self, p: float) -> ReLUNetwork:
        """Return the minimal-VV-norm interpolant of least l^p path norm sum_k (||w_k|| ||v_k||)^p, 0 < p < 1, in O(N).

        For one output no interpolant at all has a smaller one (Nakhleh and Nowak, arXiv 2505.21791). For several outputs
        others may: claim `lp_path_norm`. Alignment is decided as in `sparsest`.

        Raises
        ------
        ValueError
            If p is not a number between 0 and 1, or the solution set is not known in closed form.
        """
        if not (isinstance(p, int | float | np.integer | np.floating) and 0 < p < 1):
            raise ValueError(f"p must be a number between 0 and 1, both excluded, got {p!r}")
        return univariate.lp_minimiser(self._known(), float(p))

    def critical_exponent(self) -> tuple[float, float]:
        """Bounds of the largest p* such that for all 0 < p < p* `lp_minimiser` has the fewest neurons.

        Returns
        -------
        lower, upper : float
            lower <= p* <= upper, usually 1e-9 apart; upper is 1 where no p is known at which other minimisers are better.
            For one output it is the fewest neurons of all interpolants, for several of all minimal-VV-norm ones.
        """
        return univariate.critical_exponent(self._known())

    def sparsify(self, gap: float | None = None) -> Self:
        """Return the solution with the network of `sparsest`, certified anew; the gap stays, so `gap` has no effect."""
        del gap
        network, made = self.sparsest(), self.certificate
        certificate = certify_sorted(network, self.X[:, 0], self.Y, dual=made.dual, skip=made.skip)
        return replace(self, network=network, certificate=certificate)

    def distance_bound(self, t: ArrayLike, excess: float) -> Array:
        """Bound the distance at t, shape (n,), of any interpolant with VV norm at most R(D) + excess; shape (n,).

        The claim `stability`, at each point in its sharpest form: see `interpolation.stability`. The distance is
        the Euclidean norm over outputs, in label units; inf where minimisers differ.
        """
        if not (isinstance(excess, int | float | np.integer | np.floating) and 0 <= excess < math.inf):
            raise ValueError(f"excess must be a non-negative finite number, got {excess!r}")
        return univariate.distance_bound(self._known(), one_column(counted_from(t, self.origin), "t"), float(excess))

    def _known(self) -> univariate.ConnectTheDots:
        if not self.closed_form:
            raise ValueError(
                f"the set of all solutions is known in closed form only; this one came from: {self.provenance['method']}"
            )
        return self.dots

    # --- words ---

    def _setting(self) -> str:
        return f", {self.provenance['method']}"

    def _state(self) -> tuple[str, ...]:
        made = self.certificate
        return (proof("VV norm", self.value, made.lower_bound, made.gap, self.tol, made.relative_residual),)

    def record(self) -> dict[str, Any]:
        """Return the numbers and words that describe the solution, in types that JSON has."""
        record: dict[str, Any] = {
            "points": len(self.X),
            "outputs": self.Y.shape[1],
            "value": self.value,
            "lower_bound": self.lower_bound,
            "gap": self.gap,
            "residual": self.certificate.residual,
            "relative_residual": self.certificate.relative_residual,
            "neurons": self.network.n_neurons,
        }
        if self.closed_form:
            record["unique"] = self.unique
            record["unique_outputs"] = self.unique_outputs.tolist()
            runs = univariate.aligned_runs(self.dots)
            record["fewest_neurons"] = int(np.sum((runs[:, 1] - runs[:, 0] + 2) // 2))
        return record | self._origin() | {"provenance": dict(self.provenance)}

    def summary_lines(self, y_names: Sequence[str] = ()) -> list[tuple[str, str]]:
        """Names and words, a pair per line; outputs are called by their names, or by number where none are given."""
        record = self.record()
        lines = [
            ("data", f"{count(record['points'], 'point')}, {count(record['outputs'], 'output')}"),
            ("method", str(record["provenance"]["method"])),
            ("VV norm", f"{record['value']:.10g}"),
            ("lower bound", f"{record['lower_bound']:.10g}"),
            ("relative gap", f"{record['gap']:.2g}"),
            ("relative residual", f"{record['relative_residual']:.2g}"),
            ("neurons", str(record["neurons"])),
        ]
        if "unique" in record:
            names = y_names or range(record["outputs"])
            free = ", ".join(str(name) for name, unique in zip(names, record["unique_outputs"], strict=True) if not unique)
            known = {
                True: "yes",
                False: f"no: solutions differ in {free}",
                None: "cannot be told: rounding of the data decides",
            }
            unique = known[record["unique"]]
            lines += [("unique", unique), ("fewest neurons", str(record["fewest_neurons"]))]
        return lines
