"""Input and output of the solvers of the regularised problem."""

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
        Labels in the coding of the losses (`vvnorm.losses.canonical_labels`); NaN = missing.
    weights : (N, T) or (N, 1) array, optional
        Weights of the entries, not negative; None: all are 1.
    losses : tuple of Loss
        One for each output, as the caller named it.
    order : (N,) array of int, or None
        Index of each row in the caller's data; None if these were sorted.
    """

    x: Array
    Y: Array
    weights: Array | None
    losses: tuple[Loss, ...]
    order: NDArray[np.intp] | None = None

    @cached_property
    def single(self) -> NDArray[np.bool_]:
        """Whether all labels of an output with a positive weight are at one distinct input; shape (T,).

        Such labels determine no slope, and the best fit of the output is a constant: see `fits.constant_fit`.
        """
        single = np.full(self.Y.shape[1], self.x[0] == self.x[-1])
        if not single.all():  # an output with labels in its first and last rows has two inputs
            ends = self._counts(slice(0, 1)) & self._counts(slice(len(self.x) - 1, len(self.x)))
            for t in np.flatnonzero(~ends[0]):
                rows = np.flatnonzero(self._counts(slice(None), slice(t, t + 1)))
                single[t] = not len(rows) or self.x[rows[0]] == self.x[rows[-1]]
        return single

    def _counts(self, rows: slice, outputs: slice = slice(None)) -> NDArray[np.bool_]:
        """Whether each entry is a label with a positive weight."""
        counts = ~np.isnan(self.Y[rows, outputs])
        if self.weights is None:
            return counts
        return counts & (self.weights[rows, outputs if self.weights.shape[1] > 1 else slice(None)] > 0)

    @property
    def is_single(self) -> bool:
        """Whether the labels of each output are at one distinct input: the best fit is then constant."""
        return bool(self.single.all())

    def part(self, outputs: NDArray[np.bool_]) -> "Problem":
        """Return the problem of some of the outputs."""
        weights = self.weights if self.weights is None or self.weights.shape[1] == 1 else self.weights[:, outputs]
        losses = tuple(loss for loss, chosen in zip(self.losses, outputs, strict=True) if chosen)
        return Problem(self.x, np.ascontiguousarray(self.Y[:, outputs]), weights, losses, self.order)

    @cached_property
    def several(self) -> "Problem":
        """The problem of the outputs with labels at two or more distinct inputs; `self` if these are all outputs."""
        return self.part(~self.single) if self.single.any() else self

    @cached_property
    def solved(self) -> "Problem":
        """An equivalent problem with losses that suit the solvers: see `vvnorm.losses.solvable`."""
        losses, weights = solvable(self.losses, self.Y, self.weights)
        return self if losses == self.losses else Problem(self.x, self.Y, weights, losses, self.order)


@dataclass(frozen=True, eq=False)
class KnotSolution:
    """A piecewise linear function, described by its kinks.

    Attributes
    ----------
    kinks : (K,) array
        Kinks, increasing; each is an input.
    jumps : (K, T) array
        Jumps of the slope at the kinks.
    slope, value : (T,) arrays
        Slope left of all kinks, and value at `centre`, the first input.
    centre : float
        The first input.
    knots, values : (K + 2,) and (K + 2, T) arrays
        First input, kinks and last input, and the values there; a single knot if there is one distinct input.
    dual : (N, T) array or None
        Dual variable of each entry, rows sorted, for losses with corners. For smooth losses it is minus the derivative.
    gap : float
        The solver's own estimate of the relative duality gap; it is not certified.
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
