"""What a solution is, those of the interpolation problem, and the one function that finds these."""

import math
import platform
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vvnorm._internal.deadline import as_time_limit
from vvnorm._internal.words import count, lines, proof
from vvnorm.float64 import Origin, counted_from, shifted_integers
from vvnorm.network import ReLUNetwork
from vvnorm.solvers.univariate import interpolation as univariate
from vvnorm.tolerances import GAP
from vvnorm.validation import (
    Array,
    as_count,
    as_generator,
    as_inputs,
    as_labels,
    as_rounds,
    as_tolerance,
    has_missing,
    is_empty,
    require_two_points,
    sorted_univariate,
)
from vvnorm.verifier.check import Certificate, Rows, certify_sorted
from vvnorm.verifier.verification import Verification

if TYPE_CHECKING:
    from vvnorm.solvers.reference import CurvatureSolution


class Solution(ABC):
    """A network with a proof of how close to optimal it is; what `interpolate` and `vvnorm.fit` return.

    Attributes
    ----------
    network : ReLUNetwork
        The solution as a network.
    certificate
        Primal and dual side of the proof.
    X, Y : (N, d) and (N, T) arrays
        The data; sorted, for one input.
    tol : float
        Relative gap up to which `verify` accepts.
    provenance : mapping
        How it was found: method, solver, status, versions, seconds.
    origin : tuple of int, or None
        Integers that float64 cannot hold (such as times in nanoseconds) are counted from here, exactly, column by column:
        `X`, `network` and the certificate are about the differences. Calling the solution takes the origin off by itself.
        None for all other inputs, which are taken as they are.
    """

    network: ReLUNetwork
    certificate: Any
    X: Array
    Y: Array
    tol: float
    provenance: Mapping[str, Any]
    origin: Origin | None = None

    @property
    @abstractmethod
    def value(self) -> float:
        """What was minimised: an upper bound on the least."""

    @property
    def lower_bound(self) -> float:
        """Proved lower bound on `value` for every network."""
        return float(self.certificate.lower_bound)

    @property
    def gap(self) -> float:
        """(value - lower_bound) / value; 0 for 0 / 0."""
        return float(self.certificate.gap)

    def __call__(self, X: ArrayLike) -> Array:
        """Evaluate the solution at X, shape (n,) or (n, 1), from its knots and values; shape (n, T)."""
        if is_empty(X):
            return np.empty((0, self.Y.shape[1]))
        return self._at(_one_column(counted_from(X, self.origin)))

    @abstractmethod
    def _at(self, x: Array) -> Array:
        """Evaluate at x, shape (n,) and finite."""

    @abstractmethod
    def verify(self) -> Verification:
        """Check the certificate with code that shares nothing with the solver."""

    def _origin(self) -> dict[str, Any]:
        """What a record says of the origin."""
        return {} if self.origin is None else {"origin": list(self.origin)}

    def __repr__(self) -> str:
        points, size = count(len(self.X), "point"), f"{count(self.Y.shape[1], 'output')}"
        head = f"{type(self).__name__}: {points}, {count(self.X.shape[1], 'input')}, {size}"
        return lines(head + self._setting(), *self._state(), f"network: {count(self.network.n_neurons, 'neuron')}")

    @abstractmethod
    def _setting(self) -> str:
        """What was solved, for the first line of `repr`."""

    @abstractmethod
    def _state(self) -> tuple[str, ...]:
        """What is known without computing anything that takes long: value, gap and verdict."""

    @abstractmethod
    def record(self) -> dict[str, Any]:
        """What was found, as plain numbers and words: for JSON."""

    def summary(self) -> str:
        """Describe the solution in a few lines."""
        lines = [] if self.origin is None else [("inputs", f"counted from {', '.join(map(str, self.origin))}")]
        return "\n".join(f"{name:>18}  {text}" for name, text in [*lines, *self.summary_lines()])

    @abstractmethod
    def summary_lines(self, y_names: Sequence[str] = ()) -> list[tuple[str, str]]:
        """Names and words, a pair per line; outputs are called by their names, or by number where none are given."""


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
        How it was found: method, solver, status, versions, seconds.
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

    @property
    def value(self) -> float:
        """VV norm of the network: an upper bound on the least cost."""
        return self.certificate.vv_norm

    def _at(self, x: Array) -> Array:
        return self.dots(x)

    def verify(self) -> Verification:
        """Check the certificate with code that shares nothing with the solver."""
        return Verification(tuple(self.certificate.complaints(self.network, self.X, self.Y, tol=self.tol)))

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
        return univariate.band(self._known(), _one_column(counted_from(t, self.origin), "t"))

    def sample(self, n: int, rng: np.random.Generator | int) -> list[ReLUNetwork]:
        """Draw n random minimal-VV-norm interpolants."""
        return univariate.sample_minimisers(self._known(), as_count(n, "n"), as_generator(rng))

    def sparsest(self) -> ReLUNetwork:
        """Return a minimal-VV-norm interpolant with the fewest neurons.

        Curvatures that point one way up to rounding of the data count as aligned (see `unique`): the network then meets
        the labels, and the least VV norm, up to that rounding. Where `unique` is None fewer neurons may do.
        """
        return univariate.sparsest(self._known())

    def distance_bound(self, t: ArrayLike, excess: float) -> Array:
        """Bound the distance at t, shape (n,), of any interpolant with VV norm at most R(D) + excess; shape (n,).

        The claim `stability`, at each point in its sharpest form: see `interpolation.stability`. The distance is
        the Euclidean norm over outputs, in label units; inf where minimisers differ.
        """
        if not (isinstance(excess, int | float | np.integer | np.floating) and 0 <= excess < math.inf):
            raise ValueError(f"excess must be a non-negative finite number, got {excess!r}")
        return univariate.distance_bound(self._known(), _one_column(counted_from(t, self.origin), "t"), float(excess))

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
        """What was found, as plain numbers and words: for JSON."""
        found: dict[str, Any] = {
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
            found["unique"] = self.unique
            found["unique_outputs"] = self.unique_outputs.tolist()
            runs = univariate.aligned_runs(self.dots)
            found["fewest_neurons"] = int(np.sum((runs[:, 1] - runs[:, 0] + 2) // 2))
        return found | self._origin() | {"provenance": dict(self.provenance)}

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


def interpolate(
    X: ArrayLike,
    Y: ArrayLike,
    *,
    skip: bool = True,
    penalise_bias: bool = False,
    auxiliary: str | None = None,
    tol: float = GAP,
    max_iter: int | None = None,
    time_limit: float | None = None,
    seed: int = 0,
    advance: Callable[[int, float, float], Any] | None = None,
) -> Any:  # which kind of solution depends on the data
    """Find the minimal-VV-norm interpolant of data, with a proof that it is one.

    Parameters
    ----------
    X : array-like, shape (N,) or (N, d)
        Inputs in any order, at least two distinct ones; repeats with equal labels are merged. Integers that float64 cannot
        hold are counted from an `origin` of the solution (`Solution`).
    Y : array-like, shape (N,) or (N, T)
        Labels, NaN = missing. With one input there is no closed form then, and a convex program is solved. Where its solver
        fails, as for inputs that are very close, a plain interpolant is returned, with its gap.
    skip : bool
        Whether the network may have a skip connection. Without one there is no closed form either.
    penalise_bias : bool
        Whether the cost of a neuron is ||(w, b)|| ||v||, in place of ||w|| ||v||.
    auxiliary : None or 'infinite'
        'infinite': the limit of infinitely many Gaussian auxiliary outputs (`vvnorm.solvers.multivariate.infinite`).
    tol : float
        Relative gap and residual up to which the solution's `verify` accepts it; with several inputs also where to stop.
    max_iter : int, optional
        Most rounds of column generation, for several inputs. By default 300, or 100 where an exact search over all neurons
        would take too long (from some dozens of points with four inputs, or ten with seven).
    time_limit : float, optional
        Seconds after which the best network so far is returned, with its bound; making the certificate comes on top.
    seed : int
        Of the first neurons, and of searches that are not exact. For several inputs.
    advance : callable, optional
        Called after each round with its number and the bounds on the cost. For several inputs.

    Returns
    -------
    Interpolant
        For one input: the closed form, and all that is known about other solutions.
    MultivariateSolution
        For several inputs, or biases inside the norm. Its gap may be above `tol`: see `gap` and `verify`.
    InfiniteAuxiliary
        For that limit.

    Raises
    ------
    TypeError, ValueError
        For bad data (see `vvnorm.validation`); labels that differ at one input; one distinct input only;
        slopes beyond the range of float64.

    Examples
    --------
    >>> solution = interpolate([0, 1, 2, 3], [0, 1, 0, 1])
    >>> solution.value, solution.unique, bool(solution.verify())
    (4.0, True, True)
    """
    tol, limit, seed = as_tolerance(tol), as_time_limit(time_limit), as_count(seed, "seed")
    rounds = as_rounds(max_iter)
    if auxiliary not in (None, "infinite"):
        raise ValueError(f"auxiliary must be None or 'infinite', got {auxiliary!r}")
    if not penalise_bias:  # where the biases count, a shift is another problem
        X, origin = shifted_integers(X)
        if origin is not None:
            given: dict[str, Any] = {"skip": skip, "auxiliary": auxiliary, "tol": tol, "max_iter": rounds}
            found = interpolate(X, Y, **given, time_limit=limit, seed=seed, advance=advance)
            return replace(found, origin=origin)
    inputs = as_inputs(X)
    if inputs.shape[1] > 1 or penalise_bias or auxiliary:
        from vvnorm.solvers.multivariate.affine_elimination import Convention
        from vvnorm.solvers.multivariate.infinite import interpolate_infinite
        from vvnorm.solvers.multivariate.solution import interpolate_points

        labels = as_labels(Y, len(inputs), allow_missing=True)
        require_two_points(inputs, "an interpolant")
        solve = interpolate_infinite if auxiliary else interpolate_points
        options: dict[str, Any] = {"max_iter": rounds, "time_limit": limit, "seed": seed, "advance": advance}
        return solve(inputs, labels, Convention(bool(skip), bool(penalise_bias)), tol, **options)
    return _interpolate_one_input(X, Y, skip, tol, limit)


def _interpolate_one_input(X: ArrayLike, Y: ArrayLike, skip: bool, tol: float, limit: float | None) -> Interpolant:
    began = time.perf_counter()
    x, labels = sorted_univariate(X, Y)
    missing = has_missing(labels)
    if skip and not missing:
        dots = univariate.closed_form.connect_sorted(x, labels)
        network = dots.network
        dual: Rows = dots.dual
        provenance: dict[str, Any] = {"method": "closed form"}
    else:
        found = _by_program(x, labels, skip, tol, limit)
        reason = "labels are missing" if missing else "there is no skip connection"
        provenance = {"method": f"convex program ({reason}, so no closed form)", **found.provenance}
        dots, network, dual = found.dots, found.network, found.dual
    certificate = certify_sorted(network, x, labels, dual=dual, skip=skip)
    provenance |= {"numpy": np.__version__, "python": platform.python_version()}
    provenance["seconds"] = time.perf_counter() - began
    return Interpolant(network, certificate, x[:, None], labels, tol, provenance, dots)


def _by_program(x: Array, labels: Array, skip: bool, tol: float, limit: float | None) -> "CurvatureSolution":
    """Interpolate by a convex program; or plainly where that is no worse, or the program has no solution."""
    from vvnorm.solvers.reference import SpanError, curvature_interpolation, plain_interpolation

    try:
        found = curvature_interpolation(x, labels, skip=skip, time_limit=limit)
    except (RuntimeError, SpanError) as error:
        plain = plain_interpolation(x, labels, skip=skip)
        return replace(plain, provenance={**plain.provenance, "status": str(error)})
    judged = certify_sorted(found.network, x, labels, dual=found.dual, skip=skip)
    if not judged.shortcomings(tol):
        return found
    plain = plain_interpolation(x, labels, skip=skip)
    other = certify_sorted(plain.network, x, labels, dual=plain.dual, skip=skip)
    best = plain if other.vv_norm <= judged.vv_norm or judged.relative_residual > tol else found
    dual = plain.dual if other.lower_bound > judged.lower_bound else found.dual
    return replace(best, dual=dual, provenance=found.provenance)


def _one_column(t: ArrayLike, name: str = "X") -> Array:
    values = as_inputs(t, name)
    if values.shape[1] != 1:
        raise ValueError(f"{name} has {count(values.shape[1], 'column')}; the solution has one input")
    return values[:, 0]
