"""What the solvers of the regularised problem take and give."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from vvnorm.losses import Loss, solvable
from vvnorm.validation import Array


@dataclass(frozen=True, eq=False)
class Problem:
    """Data and losses.

    Attributes
    ----------
    x : (N,) array
        Inputs, non-decreasing. Repeats need no merging.
    Y : (N, T) array
        Labels as the losses read them (`vvnorm.losses.canonical_labels`); NaN = missing.
    weights : (N, T) or (N, 1) array, optional
        Weights of the entries, not negative; ones by default.
    losses : tuple of Loss
        One for each output, as the caller named it.
    order : (N,) array of int, or None
        Where the rows stood in the caller's data; None if those were sorted.
    """

    x: Array
    Y: Array
    weights: Array | None
    losses: tuple[Loss, ...]
    order: NDArray[np.intp] | None = None

    @cached_property
    def single(self) -> NDArray[np.bool_]:
        """Which outputs have all their labels, those without a weight left out, at one distinct input; shape (T,).

        No slope is determined by those; the rest of the output is best left constant, see `fits.constant_fit`.
        """
        single = np.full(self.Y.shape[1], self.x[0] == self.x[-1])
        if not single.all():  # complete data are told by their first and last rows
            ends = self._counts(slice(0, 1)) & self._counts(slice(len(self.x) - 1, len(self.x)))
            for t in np.flatnonzero(~ends[0]):
                rows = np.flatnonzero(self._counts(slice(None), slice(t, t + 1)))
                single[t] = not len(rows) or self.x[rows[0]] == self.x[rows[-1]]
        return single

    def _counts(self, rows: slice, outputs: slice = slice(None)) -> NDArray[np.bool_]:
        """Which entries are labels with a weight."""
        counts = ~np.isnan(self.Y[rows, outputs])
        if self.weights is None:
            return counts
        return counts & (self.weights[rows, outputs if self.weights.shape[1] > 1 else slice(None)] > 0)

    @property
    def is_single(self) -> bool:
        """Whether there is one distinct input, or one for each output: constants are the best fit then."""
        return bool(self.single.all())

    def part(self, outputs: NDArray[np.bool_]) -> "Problem":
        """The problem of some outputs alone."""
        weights = self.weights if self.weights is None or self.weights.shape[1] == 1 else self.weights[:, outputs]
        losses = tuple(loss for loss, chosen in zip(self.losses, outputs, strict=True) if chosen)
        return Problem(self.x, np.ascontiguousarray(self.Y[:, outputs]), weights, losses, self.order)

    @cached_property
    def several(self) -> "Problem":
        """The problem of the outputs with labels at two distinct inputs or more, which is this one if all have."""
        return self.part(~self.single) if self.single.any() else self

    @cached_property
    def solved(self) -> "Problem":
        """The problem with the same solutions that solvers take: see `vvnorm.losses.solvable`."""
        losses, weights = solvable(self.losses, self.Y, self.weights)
        return self if losses == self.losses else Problem(self.x, self.Y, weights, losses, self.order)


@dataclass(frozen=True, eq=False)
class KnotSolution:
    """A piecewise linear function, by its kinks.

    Attributes
    ----------
    kinks : (K,) array
        Where it bends, increasing; all of them are inputs.
    jumps : (K, T) array
        Slope jumps there.
    slope, value : (T,) arrays
        Slope left of all kinks, and value at `centre`, the first input.
    centre : float
        The first input.
    knots, values : (K + 2,) and (K + 2, T) arrays
        First input, kinks and last input, and the function there; one knot if there is one distinct input.
    dual : (N, T) array or None
        Dual variable of each entry, rows sorted, where losses have corners; otherwise minus their derivative is one.
    gap : float
        Relative duality gap as the solver sees it; not a proof.
    rounds, steps : int
        Rounds of knot generation, and Newton steps in them.
    seconds : float
        Time taken.
    limited : bool
        Whether a time limit ended the search.
    """

    kinks: Array
    jumps: Array
    slope: Array
    value: Array
    centre: float
    knots: Array
    values: Array
    dual: Array | None
    gap: float
    rounds: int
    steps: int
    seconds: float
    limited: bool = False
