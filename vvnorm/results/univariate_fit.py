"""The solution of a regularised fit with one input.

The certificate is made on first access, so that fitting costs only the solver's time.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vvnorm._internal.words import count, proof
from vvnorm.float64 import Origin, Rows, as_rows, counted_from
from vvnorm.losses import Loss, all_separated, neg_gradients, separation_notes
from vvnorm.network import ReLUNetwork, as_network
from vvnorm.piecewise import PiecewiseLinear
from vvnorm.results.band import Band, BandProblem
from vvnorm.results.minimiser_distance import MinimiserDistance, check_sizes, distance_by_band
from vvnorm.results.solution import Solution, losses_in_words
from vvnorm.solvers.multivariate.convex_losses import SMOOTH
from vvnorm.solvers.univariate.fits.dispatch import KnotSolution
from vvnorm.tolerances import EPS, GAP
from vvnorm.validation import Array
from vvnorm.verifier.arithmetic import two_product, two_sum
from vvnorm.verifier.check import FitCertificate, certify_fit
from vvnorm.verifier.verification import Verification

REACHED: Final = "tolerance reached"
NOT_PROVED: Final = "rounding is the limit"

_QUICK = 100_000  # labels; up to this many `repr` makes the certificate, which takes some milliseconds
_ROUNDINGS = 2.0  # roundings of a knot, of a value and of its terms
_MUCH = 0.1  # if knots and values have a gap smaller by this factor, rounding of the weights is the cause


def _affine(x: Array, slopes: Array, offsets: Array) -> tuple[Array, Array]:
    """Return slopes x + offsets as a float64 number and its rounding error, so that no digits are lost by cancellation."""
    product, lost = two_product(np.broadcast_to(x, (len(x), len(slopes))), slopes)
    total, rest = two_sum(product, offsets)
    return total, rest + lost


@dataclass(frozen=True, eq=False, repr=False)
class Fit(Solution):
    """A regularised fit with its certificate.

    Attributes
    ----------
    network : ReLUNetwork
        One neuron per kink. Where float64 weights are too coarse it is less accurate than the fit itself: see `function`.
    X, Y : (N, 1) and (N, T) arrays
        The data, sorted by input, repeats kept; classes are coded as the losses need them. They may be the caller's own
        arrays: do not change those before the certificate is made.
    tol : float
        Relative gap up to which `verify` accepts.
    lam : float
        Weight of the VV norm.
    losses : tuple of T Loss
        One per output.
    weights : None, (N, T) or (N, 1) array
        Weights of the labels, by rows of Y.
    skip : bool
        Whether networks with a skip connection compete.
    lam_max : float or None
        The least lam whose fit is a line, 0 for one distinct input. None without a skip connection, or if time was over
        before.
    knot_solution : KnotSolution
        The solver's result: kinks, slopes, knots and values; its dual array is by rows of X.
    solver : mapping
        Method, status, effort, versions and seconds.
    order : (N,) array of int, or None
        Positions of the rows of X and Y in the data given to `fit`; None if those were sorted.
    """

    network: ReLUNetwork = field(repr=False)
    X: Array = field(repr=False)
    Y: Array = field(repr=False)
    tol: float
    lam: float
    losses: tuple[Loss, ...]
    weights: Array | None = field(repr=False)
    skip: bool
    lam_max: float | None
    knot_solution: KnotSolution = field(repr=False)
    solver: Mapping[str, Any] = field(repr=False)
    order: NDArray[np.intp] | None = field(default=None, repr=False)
    origin: Origin | None = None
    x_names: tuple[str, ...] = field(default=(), repr=False)
    y_names: tuple[str, ...] = field(default=(), repr=False)

    # --- the proof ---

    @cached_property
    def certificate(self) -> FitCertificate:
        """Primal and dual side of the proof, for the data in the order given to `fit`; made on first access.

        Its dual array is by rows of those data. It is None if the proof uses the dual array that follows from the function:
        see `dual`.
        """
        certificate = self._judged[1]
        return certificate if certificate.dual is None else replace(certificate, dual=self._as_given(certificate.dual))

    @property
    def dual(self) -> Array:
        """The dual array R of the optimum, (N, T), by rows of the data as they were given to `fit`.

        It proves a bound on the objective of any network: pass it to `vvnorm.certify` as `dual`.
        """
        return self._as_given(self._dual_rows)

    @property
    def _dual_rows(self) -> Rows:
        """The dual array by rows of X."""
        if self.knot_solution.dual is not None and self._judged[1].dual is not None:
            return self.knot_solution.dual
        with np.errstate(over="ignore"):
            return neg_gradients(self.losses, self._at(self.X[:, 0]), self.Y, self.weights)

    def _as_given(self, rows: Rows) -> Array:
        """Put rows in the order of X into the order of the data given."""
        array = as_rows(rows)
        if self.order is None:
            return array
        given = np.empty_like(array)
        given[self.order] = array
        return given

    @property
    def function(self) -> ReLUNetwork | PiecewiseLinear:
        """The certified function: the network, or knots and values if float64 weights cannot represent the fit."""
        return self._judged[0]

    @cached_property
    def _judged(self) -> tuple[ReLUNetwork | PiecewiseLinear, FitCertificate]:
        certificate = self._certify(self.network)
        if certificate.gap <= self.tol or not self._bends_inside:
            return self.network, certificate
        other = self._certify(self._pieces)
        return (self._pieces, other) if other.gap <= max(self.tol, _MUCH * certificate.gap) else (self.network, certificate)

    def _certify(self, function: ReLUNetwork | PiecewiseLinear) -> FitCertificate:
        """Certify a function with the solver's dual array; if its gap exceeds `tol`, try the verifier's own array, too."""
        options: dict[str, Any] = {"loss": self.losses, "weights": self.weights, "skip": self.skip}
        certificate = certify_fit(function, self.X, self.Y, self.lam, dual=self.knot_solution.dual, **options)
        if self.knot_solution.dual is None or certificate.gap <= self.tol:
            return certificate
        return min(certificate, certify_fit(function, self.X, self.Y, self.lam, **options), key=lambda made: made.gap)

    @property
    def _bends_inside(self) -> bool:
        """Whether knots and values determine the fit; without a skip connection there may be kinks at the end points."""
        return self.skip and len(self.knot_solution.knots) > 1

    @cached_property
    def _pieces(self) -> PiecewiseLinear:
        return PiecewiseLinear(self.knot_solution.knots, self.knot_solution.values)

    def verify(self) -> Verification:
        """Check the certificate with code that shares nothing with the solver."""
        options: dict[str, Any] = {"weights": self.weights, "tol": self.tol}
        problems = self._judged[1].complaints(self.function, self.X, self.Y, **options)
        if not problems and self._bends_inside and self.function is self.network:  # calls evaluate knots and values
            short = self._certify(self._pieces).shortcomings(self.tol)
            if short and not self._calls_return_the_network:
                problems += [f"as knots and values: {words}" for words in short]
        return Verification(tuple(problems))

    @property
    def _calls_return_the_network(self) -> bool:
        """Whether the values at the knots are those of the network, up to the rounding of knots and values themselves.

        Far from 0 float64 has no values that are nearer to the optimum: inputs or labels shifted by 2^30 are rounded to
        2e-7, which costs more than the tolerance.
        """
        f, x = self.network, self.knot_solution.knots[:, None]
        (inside, lost), affine = _affine(x, f.W[:, 0], f.b), _affine(x, f.A[:, 0], f.c)
        active = np.maximum(inside + lost, 0.0)
        values = active @ f.V.T + affine[1] + affine[0]
        steepest = np.abs(f.V) @ np.abs(f.W[:, 0]) + np.abs(f.A[:, 0])
        allowed = active @ np.abs(f.V).T + np.abs(values) + np.abs(affine[0]) + np.abs(x) * steepest
        return bool(np.all(np.abs(self.knot_solution.values - values) <= _ROUNDINGS * EPS * allowed))

    # --- other functions of nearly least objective ---

    def band(
        self,
        points: ArrayLike,
        excess: float = GAP,
        outputs: int | Sequence[int] | None = None,
        *,
        progress: bool = False,
        jobs: int = 1,
    ) -> Band:
        """Enclose the values that networks of nearly least objective take at points, shape (n,).

        The search is that for several inputs: `MultivariateSolution.band` describes it, its arguments and its errors. It is
        for some hundreds of labels with squared, Huber or logistic losses.

        Raises
        ------
        ValueError
            As there; for losses with a corner (hinge, one-class).

        Examples
        --------
        >>> import vvnorm
        >>> band = vvnorm.fit([0, 1, 2, 3], [0, 1, 1, 0], 0.1).band([1.5])
        >>> bool(band.width >= band.inner_width), bool(band.verify())
        (True, True)
        """
        from vvnorm.results.band_search import band_of

        for loss in self.losses:
            if loss.name not in SMOOTH:
                raise ValueError(f"loss {str(loss)!r} has a corner; bands of fits are for {', '.join(SMOOTH)}")
        x = counted_from(points, self.origin)
        return band_of(self._band_problem(), x, excess, outputs, progress=progress, jobs=jobs)

    def distance_to_minimisers(
        self,
        points: ArrayLike,
        network: ReLUNetwork | None = None,
        outputs: int | Sequence[int] | None = None,
        *,
        progress: bool = False,
        jobs: int = 1,
    ) -> MinimiserDistance:
        """Bound how far a network is from every minimiser at points, shape (n,).

        Minimisers lie in the `band` of excess `tol`; arguments and errors are those of
        `MultivariateSolution.distance_to_minimisers`.
        """
        chosen = self.network if network is None else as_network(network)
        check_sizes(chosen, 1, self.Y.shape[1])
        band = self.band(points, self.tol, outputs, progress=progress, jobs=jobs)
        return distance_by_band(chosen, band, self, self._judge)

    def _judge(self, network: ReLUNetwork) -> FitCertificate:
        """Certify any network with the solution's dual array."""
        options: dict[str, Any] = {"loss": self.losses, "weights": self.weights, "skip": self.skip}
        return certify_fit(network, self.X, self.Y, self.lam, dual=self._dual_rows, **options)

    def _band_problem(self) -> BandProblem:
        weights = None if self.weights is None else np.broadcast_to(self.weights, self.Y.shape)
        known = np.any(~np.isnan(self.Y) & (True if weights is None else weights > 0), axis=1)
        return BandProblem(
            network=self.network, dual=as_rows(self._dual_rows)[known], X=self.X[known], Y=self.Y[known], tol=self.tol,
            lam=self.lam, losses=self.losses, weights=None if weights is None else weights[known], skip=self.skip,
            penalise_bias=False, value=self._judge(self.network).objective,
        )  # fmt: skip

    # --- numbers ---

    @property
    def value(self) -> float:
        """The objective, loss + lam * vv_norm: an upper bound on the minimum."""
        return self.certificate.objective

    @property
    def objective(self) -> float:
        """The same as `value`."""
        return self.value

    @property
    def loss(self) -> float:
        """The weighted sum of losses."""
        return self.certificate.loss

    @property
    def vv_norm(self) -> float:
        """The VV norm, without the factor lam."""
        return self.certificate.vv_norm

    @property
    def knots(self) -> Array:
        """Kinks of the fit, increasing; shape (K,)."""
        return self.knot_solution.kinks

    def _at(self, x: Array) -> Array:
        return self._pieces(x) if self._bends_inside else self.network(x)

    @cached_property
    def _unattained(self) -> bool:  # made once
        return not self.network.n_neurons and all_separated(self.losses, self._at(self.X[:, 0]), self.Y)

    # --- words ---

    @cached_property
    def notes(self) -> list[str]:
        """Warnings about the fit, usually none. They need the certificate, which is made if necessary."""
        notes = self._proof_notes()
        if self.function is not self.network:
            notes.append("float64 weights cannot represent the fit: the certificate is about its knots and values")
        if any(loss.name == "logistic" for loss in self.losses):
            notes += separation_notes(self.losses, self._at(self.X[:, 0]), self.Y, ~np.isnan(self.Y))
        return notes

    @cached_property
    def provenance(self) -> Mapping[str, Any]:  # type: ignore[override]  # made on first access, since it is certified
        """How the fit was computed (`solver`), and which parts of it are certified."""
        if self.function is self.network:
            certified = "the network"
        else:
            certified = "knots and values; float64 weights cannot represent the fit"
        if self.gap <= self.tol:
            return {**self.solver, "certified": certified}
        # The solver's claim that the tolerance is reached needs the certificate's confirmation.
        status = NOT_PROVED if self.solver["status"] == REACHED else self.solver["status"]
        return {**self.solver, "status": status, "certified": f"{certified}, to a relative gap of {self.gap:.2g} only"}

    @property
    def _solver_facts(self) -> Mapping[str, Any]:
        return self.solver

    def _setting(self) -> str:
        relative = f" ({self.lam / self.lam_max:.3g} lam_max)" if self.lam_max else ""
        return f", lam {self.lam:.6g}{relative}, " + ", ".join(dict.fromkeys(map(str, self.losses)))

    def _state(self) -> tuple[str, ...]:
        if "_judged" not in vars(self) and self.Y.size > _QUICK:
            return (f"relative gap {self.knot_solution.gap:.2g} as the solver sees it; not certified yet: see verify()",)
        made = self._judged[1]
        return (
            proof("objective", made.objective, made.lower_bound, made.gap, self.tol),
            f"loss {made.loss:.6g}, VV norm {made.vv_norm:.6g}",
        )

    def _details(self) -> dict[str, Any]:
        return {
            "lam": self.lam,
            "lam_max": self.lam_max,
            "losses": [str(loss) for loss in self.losses],
            "loss": self.loss,
            "vv_norm": self.vv_norm,
            "neurons": self.function.n_neurons,
            "knots": self.knots.tolist(),
            "notes": self.notes,
        }

    def summary_lines(self, y_names: Sequence[str] = ()) -> list[tuple[str, str]]:
        """Return (name, text) for each line of the summary; outputs without names are numbered."""
        relative = [("lam / lam_max", f"{self.lam / self.lam_max:.4g}")] if self.lam_max else []
        return [
            ("data", f"{count(len(self.X), 'point')}, {count(self.Y.shape[1], 'output')}"),
            ("method", f"{self.solver['method']}, loss {losses_in_words(self.losses, y_names)}"),
            ("lam", f"{self.lam:.10g}"),
            *relative,
            ("objective", f"{self.value:.10g}"),
            ("loss", f"{self.loss:.10g}"),
            *self._bound_lines(),
            ("neurons", str(self.function.n_neurons)),
            *(("note", note) for note in self.notes),
        ]
