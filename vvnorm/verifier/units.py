"""Units of regularised fits: powers of two in which no product of an input, a label and a weight leaves float64."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from vvnorm.losses import Loss
from vvnorm.validation import Array
from vvnorm.verifier.arithmetic import exponent

SAFE: Final = 2.0**100
"""Magnitudes beyond this, or below its inverse, need a unit: squares of products must not leave float64 either."""

_LEAST = 2.0**-1000  # products with smaller strengths and parameters, in these units, may leave float64


@dataclass(frozen=True)
class Units:
    """Units of inputs, labels and weights, and the power of the labels' unit that losses are in (`label_power`)."""

    x: float
    y: float
    w: float
    power: int

    def objective(self, value: float) -> float:
        """Turn part of an objective back into the caller's units."""
        with np.errstate(over="ignore", under="ignore"):
            return float(np.ldexp(value, self.power * exponent(self.y) + exponent(self.w)))

    def dual(self, dual: Array) -> Array:
        """Turn dual values, weights times derivatives of losses, from the caller's units."""
        with np.errstate(over="ignore", under="ignore"):
            scaled: Array = np.ldexp(dual, (1 - self.power) * exponent(self.y) - exponent(self.w))
        return scaled

    def strength(self, lam: float) -> float:
        """Turn lam from the caller's units; its unit is that of weights times derivatives of losses times inputs.

        Raises
        ------
        ValueError
            If it leaves float64 there.
        """
        with np.errstate(over="ignore", under="ignore"):
            scaled = float(np.ldexp(lam, (1 - self.power) * exponent(self.y) - exponent(self.w) - exponent(self.x)))
        if not _LEAST < scaled < math.inf:
            raise ValueError(f"lam = {lam!r} is too far from the scale of X, Y and weights for float64; rescale them")
        return scaled

    def losses(self, losses: Sequence[Loss]) -> tuple[Loss, ...]:
        """Return the losses of labels in these units; their values are in units of the label unit's power.

        Raises
        ------
        ValueError
            If a delta is so small beside the labels that losses leave float64.
        """
        scaled = []
        for loss in losses:
            if loss.name != "huber":
                scaled.append(loss)
                continue
            with np.errstate(over="ignore", under="ignore"):
                delta = float(np.ldexp(loss.parameter, -exponent(self.y)))
            if delta < _LEAST:
                raise ValueError(f"delta = {loss.parameter!r} of loss 'huber' is too far from the scale of Y for float64")
            # A delta beyond float64 becomes the largest number; no misfit with a finite loss reaches it.
            scaled.append(Loss("huber", min(delta, np.finfo(np.float64).max)))
        return tuple(scaled)
