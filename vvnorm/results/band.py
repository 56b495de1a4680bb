"""The band: the values that networks of nearly least cost can take at given points, for any number of inputs.

Let phi(s) be the least cost (of a fit: the least objective) of networks with f_t(x) = s. phi is convex, so the values s of
networks within a budget form an interval. Its ends are enclosed:

- *Outer ends* come from dual arrays. For interpolation the verifier bounds the cost of all networks that interpolate the
  data and have the label s at x; where that bound exceeds the budget, s is outside of the interval. For a fit it bounds the
  objective with a further label y of weight w at x. If this bound is L, networks within the budget C have
  w loss(f_t(x), y) >= L - C, which excludes the values near y. By convexity all values beyond are excluded as well.
- *Inner ends* are attained by networks within the budget.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vvnorm._internal.drawing import Displayed
from vvnorm._internal.words import count, lines
from vvnorm.losses import Loss
from vvnorm.network import ReLUNetwork
from vvnorm.results.coordinates import in_space, judged_dual
from vvnorm.tolerances import CLAIM, EPS
from vvnorm.validation import Array
from vvnorm.verifier.check import certify_fit, judge
from vvnorm.verifier.flat_inputs import Subspace
from vvnorm.verifier.space import exact_basis
from vvnorm.verifier.verification import Verification

_HULL: Final = 1e-9  # of the points' spread: how far a point of the hull may be from it

SIDES: Final = (-1, 1)
"""The lower and the upper end."""


def as_outputs(outputs: int | Sequence[int] | None, T: int) -> tuple[int, ...]:
    """Validate outputs: None for all, one, or several distinct ones."""
    if outputs is None:
        return tuple(range(T))
    chosen = [outputs] if isinstance(outputs, int | np.integer) else list(outputs)
    for t in chosen:
        if isinstance(t, bool) or not isinstance(t, int | np.integer) or not 0 <= t < T:
            raise ValueError(f"outputs must be numbers from 0 to {T - 1}, got {t!r}")
    if not chosen or len(set(chosen)) < len(chosen):
        raise ValueError(f"outputs must be one or more distinct numbers, got {outputs!r}")
    return tuple(int(t) for t in chosen)


@dataclass(frozen=True, eq=False)
class BandProblem:
    """The problem of a band: a solution, its data and its cost.

    Attributes
    ----------
    network, dual, X, Y, tol, lam, losses, weights, skip, penalise_bias
        As for `MultivariateSolution`; each point has a label.
    value : float
        Cost or objective of the network.
    """

    network: ReLUNetwork
    dual: Array
    X: Array
    Y: Array
    tol: float
    lam: float
    losses: tuple[Loss, ...]
    weights: Array | None
    skip: bool
    penalise_bias: bool
    value: float
    labels: Array | None = None
    """Labels of the fit, where `Y` are its fitted values."""

    @property
    def given(self) -> Array:
        """Labels as they were given."""
        return self.Y if self.labels is None else self.labels

    def fitted(self, values: Array) -> "BandProblem":
        """Return the problem of interpolating a fit's values (N, T); NaN = missing."""
        return replace(self, Y=values, labels=self.Y)

    @cached_property
    def shares(self) -> Array:
        """Weights (N, T), 0 where labels are missing."""
        given = np.broadcast_to(1.0 if self.weights is None else self.weights, self.Y.shape)
        return np.where(np.isnan(self.Y), 0.0, given)

    def label(self, x: Array, output: int) -> float:
        """Return the label that interpolation prescribes at a point; NaN if there is none."""
        if self.lam > 0:
            return math.nan
        known = self.Y[np.all(x == self.X, axis=1), output]
        known = known[~np.isnan(known)]
        return float(known[0]) if len(known) else math.nan

    def free(self, x: Array, output: int) -> bool:
        """Whether affine functions change the output at the point and at none of its labels, in exact arithmetic."""
        if not self.skip:
            return False
        rows = self.X[self.shares[:, output] > 0]
        points = np.vstack([rows, x])
        with_x = exact_basis(np.column_stack([np.ones(len(points)), points]))[0]
        return exact_basis(np.column_stack([np.ones(len(rows)), rows]))[0].shape[1] < with_x.shape[1]

    def judged(self, network: ReLUNetwork) -> tuple[float, float]:
        """Return a network's cost or objective, and its relative residual (0 for fits), as the verifier sees them."""
        options: dict[str, Any] = {"skip": self.skip, "penalise_bias": self.penalise_bias}
        if self.lam > 0:
            options |= {"loss": self.losses, "weights": self.weights, "dual": self.dual}
            return certify_fit(network, self.X, self.Y, self.lam, **options).objective, 0.0
        nothing = np.zeros(self.Y.shape)  # the bound is not used, and this dual array makes it quick
        record: Any = judge(network, self.X, self.Y, dual=nothing, **options)
        return record.vv_norm, record.relative_residual

    def bound(self, x: Array, output: int, label: float, weight: float, dual: Array) -> float:
        """Return the verifier's bound on cost or objective with one more label at a point."""
        X, Y = np.vstack([self.X, x]), np.vstack([self.Y, np.full(self.Y.shape[1], np.nan)])
        Y[-1, output] = label
        options: dict[str, Any] = {"skip": self.skip, "penalise_bias": self.penalise_bias}
        if self.lam > 0:
            weights = np.vstack([self.shares, np.zeros(self.Y.shape[1])])
            weights[-1, output] = weight
            options |= {"loss": self.losses, "weights": weights, "dual": dual}
            return certify_fit(self.network, X, Y, self.lam, **options).lower_bound
        return judge(self.network, X, Y, dual=judged_dual(X, dual, self.penalise_bias), **options).lower_bound


class BandEnd(NamedTuple):
    """The evidence for one end.

    Attributes
    ----------
    network : ReLUNetwork
        Attains the inner end.
    dual : (N + 1, T) array or None
        Proves the outer end; None where it is infinite or a label.
    label, weight : float
        For fits: the further label that the dual array is about, and its weight.
    """

    network: ReLUNetwork
    dual: Array | None
    label: float
    weight: float


@dataclass(frozen=True, eq=False, repr=False)
class Band(Displayed):
    """The values that networks within a budget take at points: intervals with outer ends proved and inner ends attained.

    The budget is (1 + excess) times the solution's cost (for fits: its objective). All networks that solve the problem
    within (1 + excess) times the least cost are among these, minimisers in particular.

    Attributes
    ----------
    points : (n, d) array
    outputs : tuple of m int
    excess : float
    budget : float
        Largest cost (objective) allowed.
    values : (n, m) array
        The solution's own values.
    inner, outer : (n, m, 2) arrays
        Lower and upper ends. All values between the inner ends are taken, none beyond the outer ends is. Equal to the label
        where there is one; infinite where affine functions move the value freely. An outer end is infinite as well where
        no bound was proved.
    """

    points: Array
    outputs: tuple[int, ...]
    excess: float
    budget: float
    values: Array
    inner: Array
    outer: Array
    problem: BandProblem = field(repr=False)
    ends: tuple[BandEnd, ...] = field(repr=False)
    """By point, output and side."""
    subspace: Subspace | None = field(default=None, repr=False)
    """For inputs in an affine subspace: the problem is about coordinates there."""

    @property
    def width(self) -> Array:
        """Distance between the outer ends, (n, m)."""
        return self._between(self.outer)

    @property
    def inner_width(self) -> Array:
        """Distance between the inner ends, (n, m)."""
        return self._between(self.inner)

    @staticmethod
    def _between(ends: Array) -> Array:
        width: Array = ends[..., 1] - ends[..., 0]
        return width

    @cached_property
    def outside(self) -> NDArray[np.bool_]:
        """Which of the points lie outside of the hull of the points with labels, (n,), up to 1e-9 of their spread."""
        where, inside = self._coordinates()
        return np.array([not (on and in_hull(x, self.problem.X)) for x, on in zip(where, inside, strict=True)])

    def network(self, point: int, output: int, side: int) -> ReLUNetwork:
        """Return the network that attains an inner end.

        Parameters
        ----------
        point, output : int
            Row of `points`, and one of `outputs`.
        side : int
            -1 for the lower end, 1 for the upper end.

        Raises
        ------
        ValueError
            For a point, output or side that the band does not have; for an infinite end.
        """
        if not -len(self.points) <= point < len(self.points):
            raise ValueError(f"point must be a row of the band's {count(len(self.points), 'point')}, got {point!r}")
        if output not in self.outputs or side not in SIDES:
            raise ValueError(f"output must be one of {self.outputs} and side -1 or 1, got {output!r} and {side!r}")
        place = point % len(self.points), self.outputs.index(output), (side + 1) // 2
        if not math.isfinite(self.inner[place]):
            raise ValueError(f"output {output} is free at point {point}: its band has no end there")
        network = self.ends[int(np.ravel_multi_index(place, self.inner.shape))].network
        return network if self.subspace is None else in_space(network, self.subspace)

    # --- the proof ---

    def verify(self) -> Verification:
        """Check both ends of every interval with the verifier: no solver is asked."""
        problem, problems = self.problem, []
        value, residual = problem.judged(problem.network)
        if abs(value - problem.value) > CLAIM * value or residual > problem.tol:
            problems.append(f"the solution's value is recorded as {problem.value!r}, but is {value!r}")
        if not (self.excess >= 0 and abs(self.budget - (1 + self.excess) * value) <= CLAIM * value):
            problems.append(f"the budget {self.budget!r} is not (1 + {self.excess!r}) times the value {value!r}")
        where, inside = self._coordinates()
        for k, j in np.ndindex(self.values.shape):
            problems += [
                f"point {k}, output {self.outputs[j]}: {text}" for text in self._complaints(k, j, where[k], bool(inside[k]))
            ]
        return Verification(tuple(problems))

    def _coordinates(self) -> tuple[Array, NDArray[np.bool_]]:
        return coordinates_in(self.subspace, self.points, self.problem.X)

    def _complaints(self, k: int, j: int, x: Array, inside: bool) -> Iterator[str]:
        """List the problems of an interval."""
        inner, outer, t = self.inner[k, j], self.outer[k, j], self.outputs[j]
        label = self.problem.label(x, t)
        if not math.isnan(label):
            if not (np.all(inner == label) and np.all(outer == label)):
                yield f"the ends are {inner} and {outer}, not the label {label!r}"
            return
        if not inside or self.problem.free(x, t):
            if not (np.isinf(inner).all() and np.isinf(outer).all()):
                yield f"the value is free, but the ends are {inner} and {outer}"
            return
        if not outer[0] <= inner[0] <= inner[1] <= outer[1]:
            yield f"the inner ends {inner} are not inside the outer ends {outer}"
        for side, end in zip(SIDES, self._pair(k, j), strict=True):
            yield from self._inner_complaints(end, x, t, inner[(side + 1) // 2])
            if math.isfinite(beyond := outer[(side + 1) // 2]) and not self._excluded(end, x, t, side, beyond):
                yield f"the outer end {beyond!r} is not proved"

    def _pair(self, k: int, j: int) -> Sequence[BandEnd]:
        first = 2 * (k * len(self.outputs) + j)
        return self.ends[first : first + 2]

    def _inner_complaints(self, end: BandEnd, x: Array, output: int, inner: float) -> Iterator[str]:
        cost, residual = self.problem.judged(end.network)
        value = float(end.network(x[None])[0, output])
        if not abs(value - inner) <= CLAIM * (abs(inner) + float(np.nanmax(np.abs(self.problem.Y[:, output])))):
            yield f"the network has the value {value!r}, not the inner end {inner!r}"
        if not residual <= self.problem.tol:
            yield f"the network of the inner end {inner!r} misses the labels by {residual:.3g}"
        if not cost <= self.budget * (1 + 64 * EPS):
            yield f"the network of the inner end {inner!r} costs {cost!r}, more than the budget {self.budget!r}"

    def _excluded(self, end: BandEnd, x: Array, output: int, side: int, value: float) -> bool:
        """Whether the dual array proves that no network within the budget has this value or a value beyond it."""
        if end.dual is None:
            return False
        if self.problem.lam == 0:
            return self.problem.bound(x, output, value, 1.0, end.dual) > self.budget
        bound = self.problem.bound(x, output, end.label, end.weight, end.dual)
        lost = float(self.problem.losses[output].value(np.array([value]), np.array([end.label]))[0])
        near = self.problem.losses[output].name == "logistic" or side * (end.label - value) >= 0
        return near and end.weight * lost * (1 + 16 * EPS) <= bound - self.budget - 4 * EPS * bound

    # --- words ---

    def __repr__(self) -> str:
        n, m = self.values.shape
        return lines(
            f"Band: {count(n, 'point')}, {count(m, 'output')}, excess {self.excess:.3g}, budget {self.budget:.6g}",
            f"widths {np.min(self.width):.3g} to {np.max(self.width):.3g}, attained {np.min(self.inner_width):.3g} to "
            f"{np.max(self.inner_width):.3g}",
            outside_in_words(int(self.outside.sum())),
            "verify() checks it again",
        )

    def record(self) -> dict[str, Any]:
        """Return numbers in types that JSON has; ends that are infinite are null."""
        return {
            "excess": self.excess,
            "budget": self.budget,
            "points": self.points.tolist(),
            "outputs": list(self.outputs),
            "values": self.values.tolist(),
            "inner": null_for_infinite(self.inner),
            "outer": null_for_infinite(self.outer),
            "outside_of_hull": self.outside.tolist(),
        }


def outside_in_words(number: int) -> str:
    """Say how many points lie outside of the data's hull; empty if none does."""
    return f"{count(number, 'point lies', 'points lie')} outside of the data's hull" if number else ""


def in_hull(x: Array, X: Array) -> bool:
    """Whether a point (d,) is a mixture of the rows of X, by the least distance from their hull."""
    from scipy.optimize import nnls

    away = (X - x) / (float(np.max(np.ptp(X, axis=0))) or 1.0)
    # A mixture with weights c >= 0: away' c = 0 and sum c = 1; the residual is small only if x is next to the hull.
    missed = nnls(np.vstack([away.T, np.ones(len(X))]), np.append(np.zeros(X.shape[1]), 1.0), maxiter=30 * len(X) + 100)[1]
    return bool(missed <= _HULL)


def null_for_infinite(array: Array) -> list[Any]:
    """Return numbers as nested lists with None where they are infinite: for JSON."""
    entries: list[Any] = np.where(np.isfinite(array), array.astype(object), np.array(None)).tolist()
    return entries


def coordinates_in(subspace: Subspace | None, points: Array, X: Array) -> tuple[Array, NDArray[np.bool_]]:
    """Coordinates of points beside data X (in coordinates of the subspace), and which of the points lie in it."""
    if subspace is None:
        return points, np.ones(len(points), dtype=bool)
    data = subspace.centre + X @ subspace.axes.T
    where, inside = np.zeros((len(points), X.shape[1])), np.ones(len(points), dtype=bool)
    for k, x in enumerate(points):
        try:
            where[k] = subspace.coordinates(np.vstack([data, x]), np.ones((len(data) + 1, 1), dtype=bool))[-1]
        except ValueError:
            inside[k] = False
    return where, inside
