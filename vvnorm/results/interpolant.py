"""The solution of interpolation with one input."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vvnorm._internal.words import count, proof
from vvnorm.float64 import Origin, as_rows, counted_from
from vvnorm.losses import Loss
from vvnorm.network import ReLUNetwork, as_network, row_norms
from vvnorm.results.band import BandProblem, as_outputs
from vvnorm.results.minimiser_distance import MinimiserDistance, check_sizes, distance_by_band, measured
from vvnorm.results.solution import Solution, one_column
from vvnorm.solvers.univariate import interpolation as univariate
from vvnorm.tolerances import EPS
from vvnorm.validation import Array, as_count, as_generator, as_inputs, as_non_negative, as_tolerance
from vvnorm.verifier.check import Certificate, certify_sorted
from vvnorm.verifier.verification import Verification


@dataclass(frozen=True, eq=False, repr=False)
class Interpolant(Solution):
    """A minimal-VV-norm interpolant with its certificate.

    Attributes
    ----------
    network : ReLUNetwork
        The interpolant. For inputs spaced by a few ulp far from 0 its float64 weights leave a large residual, which
        `verify` reports; calling the solution always interpolates.
    certificate : Certificate
        Primal and dual side of the proof.
    X, Y : (N, 1) and (N, T) arrays
        The data, sorted, equal inputs merged.
    tol : float
        Largest relative gap and residual that `verify` accepts.
    provenance : mapping
        Method, solver, status, versions and seconds.
    """

    network: ReLUNetwork
    certificate: Certificate
    X: Array = field(repr=False)
    Y: Array = field(repr=False)
    tol: float
    provenance: Mapping[str, Any]
    dots: univariate.ConnectTheDots = field(repr=False)
    """The connect-the-dots interpolant of the labels, with missing labels replaced by values of the solution."""
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
        """The dual array in the form that `vvnorm.certify` takes."""
        return as_rows(self.certificate.dual)

    def _at(self, x: Array) -> Array:
        return self.dots(x)

    def verify(self) -> Verification:
        """Check the certificate with code that shares nothing with the solver."""
        problems = self.certificate.complaints(self.network, self.X, self.Y, tol=self.tol)
        return Verification((*problems, *self._complaints_about_dots()))

    def _complaints_about_dots(self) -> list[str]:
        """Check `dots`, whose values a call returns, against the data and the VV norm."""
        x, values, labels = self.dots.x, self.dots.Y, self.Y
        missing = np.isnan(labels)
        if not np.array_equal(x, self.X[:, 0]) or not np.array_equal(np.where(missing, values, labels), values):
            return ["the function by which it is evaluated is not connect-the-dots of the data"]
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
        """Whether this is the only minimal-VV-norm interpolant, decided up to rounding of the data.

        The criterion is Theorem 3.1 of Nakhleh, Shenouda and Nowak ("The Effects of Multi-Task Learning on ReLU Neural
        Network Functions", arXiv 2410.21696): other solutions exist if and only if neighbouring curvatures are aligned.
        False: some are aligned up to a few roundings of inputs and labels, as for decimal numbers that are aligned exactly.
        True: none are aligned for any data within half an ulp of X and Y. None: neither holds, since inputs are too
        close or too far from 0 for float64. Curvatures that half an ulp may have caused count as zero.
        """
        dots = self._known()
        if dots.aligned.any():
            return False
        return None if self._doubtful.any() else True

    @cached_property
    def unique_outputs(self) -> NDArray[np.bool_]:
        """For each output, whether all minimal-VV-norm interpolants agree in it; shape (T,).

        The criterion is that of `unique`; False also where `unique` is None.
        """
        dots = self._known()
        return ~univariate.moving_outputs(dots, dots.aligned | self._doubtful)

    @cached_property
    def _doubtful(self) -> NDArray[np.bool_]:
        return univariate.doubtful(self._known())

    def band(self, t: ArrayLike) -> tuple[Array, Array]:
        """Return the least and the largest values of minimal-VV-norm interpolants at t, shape (n,): two arrays (n, T).

        Examples
        --------
        >>> import vvnorm
        >>> solution = vvnorm.interpolate([0, 1, 2, 3], [0, 0, 1, 3])
        >>> lower, upper = solution.band([0.5, 1.5])
        >>> lower[:, 0], upper[:, 0]
        (array([0., 0.]), array([0. , 0.5]))
        """
        return univariate.band(self._known(), one_column(counted_from(t, self.origin), "t"))

    def sample(self, n: int, rng: np.random.Generator | int) -> list[ReLUNetwork]:
        """Draw n random minimal-VV-norm interpolants."""
        return univariate.sample_minimisers(self._known(), as_count(n, "n"), as_generator(rng))

    def sparsest(self) -> ReLUNetwork:
        """Return a minimal-VV-norm interpolant with the fewest neurons.

        Curvatures that are aligned up to rounding of the data count as aligned (see `unique`): the network then attains the
        labels and the least VV norm up to that rounding. If `unique` is None, fewer neurons may suffice.
        """
        return univariate.sparsest(self._known())

    def lp_minimiser(self, p: float) -> ReLUNetwork:
        """Return the minimal-VV-norm interpolant of least l^p path norm sum_k (||w_k|| ||v_k||)^p, 0 < p < 1, in O(N).

        For one output no other interpolant has a smaller l^p path norm (Nakhleh and Nowak, "Global minimizers of
        l^p-regularized objectives yield the sparsest ReLU networks", arXiv 2505.21791). For several outputs some may: claim
        `lp_path_norm`. Alignment is decided as in `sparsest`.

        Raises
        ------
        ValueError
            If p is not a number between 0 and 1, or the solution set is not known in closed form.
        """
        return univariate.lp_minimiser(self._known(), as_tolerance(p, "p"))

    def critical_exponent(self) -> tuple[float, float]:
        """Bound the largest p* such that for all 0 < p < p* `lp_minimiser` has the fewest neurons.

        Returns
        -------
        lower, upper : float
            lower <= p* <= upper, usually 1e-9 apart; upper is 1 if no p < 1 is known at which `lp_minimiser` has more
            neurons. For one output the fewest neurons are over all interpolants, for several outputs over
            minimal-VV-norm ones.
        """
        return univariate.critical_exponent(self._known())

    def sparsify(self, gap: float | None = None) -> Self:
        """Return the solution with the network of `sparsest`, certified again; its gap is the same: `gap` has no effect."""
        del gap
        network = self.sparsest()
        return replace(self, network=network, certificate=self._judge(network))

    def distance_bound(self, t: ArrayLike, excess: float) -> Array:
        """Bound the distance at t, shape (n,), of any interpolant with VV norm at most R(D) + excess; shape (n,).

        This is the claim `stability` in its sharpest form at each point; see `interpolation.stability`. The distance is the
        Euclidean norm over outputs, in label units; it is infinite where minimisers differ.
        """
        return univariate.distance_bound(
            self._known(), one_column(counted_from(t, self.origin), "t"), as_non_negative(excess, "excess")
        )

    def distance_to_minimisers(
        self,
        t: ArrayLike,
        network: ReLUNetwork | None = None,
        outputs: int | Sequence[int] | None = None,
        *,
        progress: bool = False,
        jobs: int = 1,
    ) -> MinimiserDistance:
        """Bound how far a network is from every minimal-VV-norm interpolant at t, shape (n,).

        The bound is attained where the solution set is known in closed form. With missing labels or without a skip
        connection, minimisers are enclosed by a band of excess `tol`, as for several inputs.

        Parameters
        ----------
        t : array-like, shape (n,)
        network : ReLUNetwork or torch module, optional
            Any network, such as a trained one; it need not meet the labels. By default the solution's own.
        outputs : int or sequence of int, optional
            By default all.
        progress, jobs
            As for `MultivariateSolution.band`; without effect for closed forms.

        Returns
        -------
        MinimiserDistance

        Raises
        ------
        TypeError, ValueError
            For points that are not finite numbers, outputs that the solution does not have, and a network of other numbers
            of inputs or outputs.
        """
        chosen = self.network if network is None else as_network(network)
        check_sizes(chosen, 1, self.Y.shape[1])
        if not self.closed_form:
            from vvnorm.results.band_search import band_of

            x = counted_from(t, self.origin)
            band = band_of(self._band_problem(), x, self.tol, outputs, progress=progress, jobs=jobs)
            return distance_by_band(chosen, band, self, self._judge)
        selected, x = as_outputs(outputs, self.Y.shape[1]), as_inputs(counted_from(t, self.origin), "t")
        ends = self._ends(one_column(x, "t")[:, None])
        return measured(chosen, x, selected, ends[:, list(selected)], self, self._judge, enclose=self._ends)

    def _band_problem(self) -> BandProblem:
        known = ~np.isnan(self.Y).all(axis=1)
        made = self.certificate
        return BandProblem(
            network=self.network, dual=np.zeros(self.Y[known].shape), X=self.X[known], Y=self.Y[known], tol=self.tol,
            lam=0.0, losses=(Loss("squared"),) * self.Y.shape[1], weights=None, skip=made.skip, penalise_bias=False,
            value=made.vv_norm,
        )  # fmt: skip

    def _ends(self, x: Array) -> Array:
        """Least and largest values of minimisers at x, (n, 1); (n, T, 2)."""
        return np.stack(univariate.band(self._known(), x[:, 0]), axis=2)

    def _judge(self, network: ReLUNetwork) -> Certificate:
        """Certify a network with the solution's dual array."""
        made = self.certificate
        return certify_sorted(network, self.X[:, 0], self.Y, dual=made.dual, skip=made.skip)

    def _known(self) -> univariate.ConnectTheDots:
        if not self.closed_form:
            raise ValueError(
                f"the set of all solutions is known for closed forms only; the method here was: {self.provenance['method']}"
            )
        return self.dots

    # --- words ---

    def _setting(self) -> str:
        return f", {self.provenance['method']}"

    def _state(self) -> tuple[str, ...]:
        made = self.certificate
        return (proof("VV norm", self.value, made.lower_bound, made.gap, self.tol, made.relative_residual),)

    def _details(self) -> dict[str, Any]:
        record: dict[str, Any] = {
            "residual": self.certificate.residual,
            "relative_residual": self.certificate.relative_residual,
            "neurons": self.network.n_neurons,
        }
        if self.closed_form:
            record["unique"] = self.unique
            record["unique_outputs"] = self.unique_outputs.tolist()
            runs = univariate.aligned_runs(self.dots)
            record["fewest_neurons"] = int(np.sum((runs[:, 1] - runs[:, 0] + 2) // 2))
        return record

    def summary_lines(self, y_names: Sequence[str] = ()) -> list[tuple[str, str]]:
        """Return (name, text) for each line of the summary; outputs without names are numbered."""
        record = self.record()
        lines = [
            ("data", f"{count(record['points'], 'point')}, {count(record['outputs'], 'output')}"),
            ("method", str(record["provenance"]["method"])),
            *self._bound_lines(),
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
