"""Continuous piecewise linear functions of one input, by their values: an immutable value object.

Weights in float64 cannot represent every such function: with close knots, slopes and their jumps lose the digits that the
values have. A fit with thousands of knots is therefore kept by its values.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from vvnorm._internal.words import count, lines
from vvnorm.validation import Array, as_inputs, as_labels, as_points, is_empty

_FLAT = 1e-4  # relative change of a piece at which the series errs by 1e-16 and the difference by 1e-12


@dataclass(frozen=True, eq=False)
class PiecewiseLinear:
    """The function that joins values at knots by straight lines and continues its end pieces.

    Parameters
    ----------
    knots : (k,) array
        Strictly increasing, k >= 2.
    values : (k, T) array, or (k,) for one output
        Values at the knots.

    Raises
    ------
    TypeError, ValueError
        If shapes disagree, knots do not increase, or an entry is not a finite real number.

    Notes
    -----
    Arrays are float64 and read-only; the function keeps its own copies.

    Examples
    --------
    >>> import vvnorm
    >>> hat = vvnorm.PiecewiseLinear([0, 1, 2], [0, 1, 0])
    >>> hat([0.5, 1.0, 3.0])[:, 0]
    array([ 0.5,  1. , -1. ])
    """

    knots: Array
    values: Array

    def __post_init__(self) -> None:
        knots = as_inputs(self.knots, "knots")
        if knots.shape[1] != 1:
            raise ValueError(f"knots must be one list of numbers, got shape {knots.shape}")
        values = as_labels(self.values, len(knots), "values")
        knots = knots[:, 0]
        if len(knots) < 2:
            raise ValueError(f"knots must be two or more, got {len(knots)}")
        falls = np.flatnonzero(knots[1:] <= knots[:-1])
        if len(falls):
            i = int(falls[0])
            raise ValueError(f"knots must increase; knot {i} is {float(knots[i])!r}, the next is {float(knots[i + 1])!r}")
        for name, array in (("knots", np.array(knots)), ("values", np.array(values, order="C"))):
            array.setflags(write=False)
            object.__setattr__(self, name, array)

    def __repr__(self) -> str:
        size = f"{count(len(self.knots), 'knot')} from {self.knots[0]:.6g} to {self.knots[-1]:.6g}"
        return lines(f"PiecewiseLinear: {size}, {count(self.n_outputs, 'output')}, VV norm {self.vv_norm:.6g}")

    @property
    def n_inputs(self) -> int:
        """Number of inputs: 1."""
        return 1

    @property
    def n_outputs(self) -> int:
        """Number of outputs T."""
        return self.values.shape[1]

    @property
    def n_neurons(self) -> int:
        """Neurons of the same function as a network: one for every knot but the first and the last."""
        return len(self.knots) - 2

    @property
    def vv_norm(self) -> float:
        """The sum of the norms of the slope's jumps, in output units per input unit."""
        return float(np.sum(np.linalg.norm(np.diff(self._slopes(), axis=0), axis=1)))

    def mean_power(self, q: float) -> Array:
        """Mean of |f_t|^q over [knots[0], knots[-1]] for each output, shape (T,), exact up to rounding, q >= 1.

        With values minus those of a truth that is linear between the knots it is the L_q risk under uniform inputs.

        Raises
        ------
        ValueError
            If q is not a finite number of at least 1.
        """
        if not (isinstance(q, int | float | np.integer | np.floating) and 1 <= q < np.inf):
            raise ValueError(f"q must be a finite number of at least 1, got {q!r}")
        h = np.diff(self.knots) / (self.knots[-1] - self.knots[0])
        middle, half = (self.values[1:] + self.values[:-1]) / 2, np.diff(self.values, axis=0) / 2
        size = np.maximum(np.abs(middle), np.abs(half))
        m, d = (np.divide(part, size, out=np.zeros_like(part), where=size > 0) for part in (middle, half))
        powers = [np.sign(m + s * d) * np.abs(m + s * d) ** (q + 1) for s in (1, -1)]
        # A piece that hardly changes would lose digits in the difference; the series errs by less than (d / m)^4.
        series = np.abs(m) ** q + q * (q - 1) / 6 * d**2
        flat = np.abs(d) < _FLAT
        means = np.where(flat, series, (powers[0] - powers[1]) / (2 * (q + 1) * np.where(flat, 1.0, d)))
        total: Array = h @ (means * size**q)
        return total

    def __call__(self, X: ArrayLike) -> Array:
        """Evaluate the function.

        Parameters
        ----------
        X : array-like, shape (n,) or (n, 1)
            Inputs.

        Returns
        -------
        (n, T) array.
        """
        if is_empty(X):
            return np.empty((0, self.n_outputs))
        x = as_points(X, 1, "the function")[:, 0]
        piece = np.clip(np.searchsorted(self.knots, x, side="right") - 1, 0, len(self.knots) - 2)
        # From the nearer end of the piece, so that knots return their own values.
        nearest = piece + (x - self.knots[piece] > self.knots[piece + 1] - x)
        return self.values[nearest] + self._slopes()[piece] * (x - self.knots[nearest])[:, None]

    def _slopes(self) -> Array:
        slopes: Array = np.diff(self.values, axis=0) / np.diff(self.knots)[:, None]
        return slopes
