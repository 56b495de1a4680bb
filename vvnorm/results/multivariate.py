"""Interpolants and fits of several inputs, or with biases inside the norm."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from vvnorm._internal.words import convention_in_words, count, proof
from vvnorm.float64 import Origin, counted_from
from vvnorm.losses import Loss, all_separated
from vvnorm.network import ReLUNetwork, as_network
from vvnorm.results.band import Band, BandProblem
from vvnorm.results.contacts import Contacts, make_contacts
from vvnorm.results.coordinates import in_space, judged_dual
from vvnorm.results.minimiser_distance import MinimiserDistance, check_sizes, distance_by_band
from vvnorm.results.solution import Solution, losses_in_words
from vvnorm.tolerances import GAP
from vvnorm.validation import Array, as_tolerance, is_empty
from vvnorm.verifier.check import Certificate, FitCertificate, judge
from vvnorm.verifier.flat_inputs import Subspace
from vvnorm.verifier.verification import Verification

_LARGE = 0.01  # gap of an interpolant above which the verifier's own dual array is tried as well
_ROOM = 0.9  # part of the cost that the tolerance allows; the rest is for rounding


@dataclass(frozen=True, eq=False, repr=False)
class MultivariateSolution(Solution):
    """An interpolant (lam = 0) or a fit of points in several dimensions, with its certificate.

    Attributes
    ----------
    network : ReLUNetwork
    dual : (N, T) array
        The dual array Lambda of the certificate, by rows of X.
    X, Y : (N, d) and (N, T) arrays
        The data in the caller's order; classes are coded as the losses need them.
    tol : float
        Largest relative gap (and residual) that `verify` accepts.
    lam : float
        0 for interpolation.
    losses : tuple of T Loss
    weights : (N, T) array or None
    skip, penalise_bias : bool
        Whether networks with a skip connection compete; whether the cost of a neuron is ||(w, b)|| ||v||.
    history : list of (upper, lower) pairs
        The solver's bounds on the objective after each round of column generation (each step for logistic losses); lower
        bounds are estimates if `provenance["bounds"]` says so.
    provenance : mapping
        Method, status, rounds, versions, seconds, and notes.
    lam_max : float or None
        The least lam whose fit is affine; a lower bound if the search was not exact. None for interpolation, or if time was
        over.
    """

    network: ReLUNetwork
    dual: Array = field(repr=False)
    X: Array = field(repr=False)
    Y: Array = field(repr=False)
    tol: float
    lam: float
    losses: tuple[Loss, ...] = field(repr=False)
    weights: Array | None = field(repr=False)
    skip: bool
    penalise_bias: bool
    history: list[tuple[float, float]] = field(repr=False)
    provenance: Mapping[str, Any] = field(repr=False)
    lam_max: float | None = None
    within: "MultivariateSolution | None" = field(default=None, repr=False)
    """For inputs that lie in an affine subspace up to rounding: the solution in coordinates of the subspace."""
    subspace: Subspace | None = field(default=None, repr=False)
    """That subspace. The certificate's bound is for points in it; residual, losses and cost are for `network` at X."""
    origin: Origin | None = None
    x_names: tuple[str, ...] = field(default=(), repr=False)
    y_names: tuple[str, ...] = field(default=(), repr=False)

    # --- the proof ---

    @cached_property
    def certificate(self) -> Certificate | FitCertificate:
        """Primal and dual side of the proof."""
        from_solver = self._judge(self.network)
        if from_solver.gap <= (_LARGE if self.lam == 0 else self.tol):
            return from_solver
        # Where classes are separated, and where too many cells leave a bound by a graph on the points, the verifier's own
        # dual array may be better than the solver's.
        own = self._judge(self.network, own=True)
        return min(from_solver, own, key=lambda certificate: certificate.gap)

    def _judge(self, network: ReLUNetwork, own: bool = False) -> Certificate | FitCertificate:
        """Certify a network with the solution's dual array, or with the verifier's own."""
        options: dict[str, Any] = {"skip": self.skip, "penalise_bias": self.penalise_bias, "subspace": self.subspace}
        if self.lam > 0:
            options |= {"lam": self.lam, "loss": self.losses, "weights": self.weights}
        return judge(network, self.X, self.Y, dual=None if own else self._judged_dual, **options)

    @property
    def _judged_dual(self) -> Array:
        """The dual array for the verifier."""
        return self.dual if self.lam > 0 else judged_dual(self.X, self.dual, self.penalise_bias)

    @property
    def value(self) -> float:
        """The objective: the network's cost, or its losses plus lam times its cost."""
        certificate = self.certificate
        return certificate.vv_norm if isinstance(certificate, Certificate) else certificate.objective

    @property
    def vv_norm(self) -> float:
        """The network's cost, without the factor lam."""
        return self.certificate.vv_norm

    def verify(self) -> Verification:
        """Check the certificate with code that shares nothing with the solver."""
        certificate = self.certificate
        options: dict[str, Any] = {"tol": self.tol}
        if isinstance(certificate, FitCertificate):
            options["weights"] = self.weights
        return Verification(tuple(certificate.complaints(self.network, self.X, self.Y, **options)))

    def sparsify(self, gap: float | None = None) -> Self:
        """Return a solution with few neurons and the same values at the points.

        Parameters
        ----------
        gap : float, optional
            Relative gap that is allowed; by default the solution's `tol`.

        Returns
        -------
        MultivariateSolution
            With one output and a skip connection at most N - 1 - d neurons; see `solvers.multivariate.sparsify`.
        """
        from vvnorm.solvers.multivariate.affine_elimination import Convention, Inputs
        from vvnorm.solvers.multivariate.sparsify import sparse_network

        if self.within is not None:
            assert self.subspace is not None
            inside = self.within.sparsify(gap)
            return replace(self, network=in_space(inside.network, self.subspace), within=inside)
        gap = self.tol if gap is None else as_tolerance(gap, "gap")
        convention = Convention(self.skip, self.penalise_bias)
        allowance = max(self.lower_bound / (1 - gap) - self.value, 0.0) * _ROOM / (self.lam or 1.0)
        network = sparse_network(self.network, Inputs(self.X, convention), self.vv_norm + allowance)
        return replace(self, network=network)

    # --- other networks of nearly least cost ---

    def band(
        self,
        points: ArrayLike,
        excess: float = GAP,
        outputs: int | Sequence[int] | None = None,
        *,
        progress: bool = False,
        jobs: int = 1,
    ) -> Band:
        """Enclose the values that networks of nearly least cost take at points.

        For each point and output: the interval of the values f_t(x) of all networks f that interpolate the data (for a fit:
        of all networks) and whose cost (for a fit: objective) is at most 1 + excess times the solution's. Outer ends are
        proved by dual arrays, inner ends attained by networks. Where the minimiser is unique the width falls like the root
        of the excess, or faster.

        Parameters
        ----------
        points : array-like, shape (n, d)
            Anywhere, outside of the data's hull as well; repeated points are searched once.
        excess : float
            Finite and not negative. Ends cannot be told from the solution's value where it is far below the solution's gap.
        outputs : int or sequence of int, optional
            By default all.
        progress : bool
            Whether to show a progress bar, in interactive terminals and notebooks only.
        jobs : int
            Number of processes that share the points; the numbers do not depend on it. With more than one, a script needs
            `if __name__ == "__main__":` around its calls, as `multiprocessing` says.

        Returns
        -------
        Band

        Raises
        ------
        ValueError
            For points that are not finite numbers (n, d); an excess that is negative or not finite; outputs that the
            solution does not have; less than one process.

        Examples
        --------
        >>> import vvnorm
        >>> corners = [[0, 0], [0, 1], [1, 0], [1, 1]]
        >>> band = vvnorm.interpolate(corners, [0, 1, 1, 0]).band([[0.5, 0.5]])
        >>> band.values.round(3), bool(band.inner_width > 0.9), bool(band.verify())
        (array([[0.5]]), True, True)
        """
        from vvnorm.results.band_search import band_of

        about = self if self.within is None or not self.skip else self.within
        subspace = self.subspace if about is not self else None
        x = counted_from(points, self.origin)
        return band_of(about._band_problem(), x, excess, outputs, subspace, progress=progress, jobs=jobs)

    def distance_to_minimisers(
        self,
        points: ArrayLike,
        network: ReLUNetwork | None = None,
        outputs: int | Sequence[int] | None = None,
        *,
        progress: bool = False,
        jobs: int = 1,
    ) -> MinimiserDistance:
        """Bound how far a network is from every minimiser at points.

        Minimisers lie in the band of excess `tol`: a smaller `tol` of the solution encloses them more closely.

        Parameters
        ----------
        points : array-like, shape (n, d)
            Anywhere, outside of the data's hull as well.
        network : ReLUNetwork or torch module, optional
            Any network, such as a trained one; it need not meet the labels. By default the solution's own: then the bound
            says how far minimisers can be from the solution.
        outputs, progress, jobs
            As for `band`.

        Returns
        -------
        MinimiserDistance

        Raises
        ------
        TypeError, ValueError
            As `band`; for a network of other numbers of inputs or outputs.
        """
        chosen = self.network if network is None else as_network(network)
        check_sizes(chosen, self.X.shape[1], self.Y.shape[1])
        band = self.band(points, self.tol, outputs, progress=progress, jobs=jobs)
        return distance_by_band(chosen, band, self, self._judge)

    @cached_property
    def contacts(self) -> Contacts:
        """The neurons that minimisers can have, and whether there is one minimiser; for one or two dimensions.

        Solves the problem once more, to a tighter tolerance.

        Raises
        ------
        ValueError
            For more inputs, without a skip connection, with penalised biases, and for fits with Huber losses.

        Examples
        --------
        >>> import vvnorm
        >>> corners = [[0, 0], [0, 1], [1, 0], [1, 1]]
        >>> contacts = vvnorm.interpolate(corners, [0, 1, 1, 0]).contacts
        >>> len(contacts), contacts.independent
        (2, False)
        """
        about = self if self.within is None else self.within
        return make_contacts(about._band_problem(), self.subspace)

    def _band_problem(self) -> BandProblem:
        weights = None if self.weights is None else np.broadcast_to(self.weights, self.Y.shape)
        known = np.any(~np.isnan(self.Y) & (True if weights is None else weights > 0), axis=1)
        weights = None if weights is None else weights[known]
        return BandProblem(
            network=self.network, dual=self.dual[known], X=self.X[known], Y=self.Y[known], tol=self.tol, lam=self.lam,
            losses=self.losses, weights=weights, skip=self.skip, penalise_bias=self.penalise_bias, value=self.value,
        )  # fmt: skip

    # --- values ---

    def __call__(self, X: ArrayLike) -> Array:
        """Evaluate at X, shape (n, d); shape (n, T)."""
        return np.empty((0, self.Y.shape[1])) if is_empty(X) else self.network(counted_from(X, self.origin))

    def _at(self, x: Array) -> Array:
        return self.network(x)

    @property
    def _unattained(self) -> bool:
        separable = self.lam > 0 and not self.network.n_neurons
        return separable and all_separated(self.losses, self._at(self.X), self.Y)

    # --- words ---

    @property
    def notes(self) -> list[str]:
        """Warnings about the solution, usually none. They need the certificate, which is made if necessary."""
        return [*self.provenance["notes"], *self._proof_notes()]

    def _setting(self) -> str:
        if self.lam == 0:
            return ", interpolant" + convention_in_words(self.skip, self.penalise_bias)
        losses = ", ".join(dict.fromkeys(map(str, self.losses)))
        return f", lam {self.lam:.6g}, {losses}" + convention_in_words(self.skip, self.penalise_bias)

    def _state(self) -> tuple[str, ...]:
        made = vars(self).get("certificate")
        if made is None:
            if not self.history:
                return ("not certified yet: see verify()",)
            upper, lower = self.history[-1]
            gap = (upper - lower) / upper if upper > 0 else 0.0
            what = "VV norm" if self.lam == 0 else "objective"
            return (
                f"{what} {upper:.6g}, relative gap {gap:.2g}, as the solver sees them",
                "not certified yet: see verify()",
            )
        if isinstance(made, Certificate):
            return (proof("VV norm", made.vv_norm, made.lower_bound, made.gap, self.tol, made.relative_residual),)
        return (
            proof("objective", made.objective, made.lower_bound, made.gap, self.tol),
            f"loss {made.loss:.6g}, VV norm {made.vv_norm:.6g}",
        )

    def _details(self) -> dict[str, Any]:
        certificate = self.certificate
        if isinstance(certificate, Certificate):
            special: dict[str, Any] = {"residual": certificate.residual, "relative_residual": certificate.relative_residual}
        else:
            losses = [str(loss) for loss in self.losses]
            special = {"lam": self.lam, "lam_max": self.lam_max, "losses": losses, "loss": certificate.loss}
        return {
            "inputs": self.X.shape[1],
            "vv_norm": self.vv_norm,
            **special,
            "neurons": self.network.n_neurons,
            "skip": self.skip,
            "penalise_bias": self.penalise_bias,
            "notes": self.notes,
        }

    def summary_lines(self, y_names: Sequence[str] = ()) -> list[tuple[str, str]]:
        """Return (name, text) for each line of the summary."""
        record = self.record()
        lines = [
            ("data", _size(record)),
            ("method", f"{record['provenance']['method']}, {count(record['provenance']['rounds'], 'round')}"),
        ]
        if self.lam > 0:
            lines += [("loss", losses_in_words(self.losses, y_names)), ("lam", f"{self.lam:.10g}")]
            lines += [("objective", f"{self.value:.10g}"), ("losses", f"{record['loss']:.10g}")]
        lines += self._bound_lines()
        if self.lam == 0:
            lines += [("relative residual", f"{record['relative_residual']:.2g}")]
        return [*lines, ("neurons", str(record["neurons"])), *(("note", note) for note in self.notes)]


def _size(record: Mapping[str, Any]) -> str:
    return ", ".join(count(record[f"{noun}s"], noun) for noun in ("point", "input", "output"))
