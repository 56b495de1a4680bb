"""Shared by the verifiers of interpolants for one and for several inputs: relative misfits, relative gaps, dual arrays."""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from vvnorm.float64 import Rows, dual_rows
from vvnorm.losses import label_units
from vvnorm.validation import Array

_SMALLEST = 2.0**-1000  # smaller differences of labels, in units of the largest label, leave no digits for misfits


def relative_misfit(worst: Array, low: Array, high: Array) -> float:
    """Return the largest misfit of all outputs, each in units of its own labels (`vvnorm.losses.label_units`).

    Parameters
    ----------
    worst : (T,) array
        The largest misfit of each output.
    low, high : (T,) arrays
        Range of the labels of each output. Where the unit is 0, any misfit counts as infinite.
    """
    unit = label_units(low, high)
    with np.errstate(divide="ignore", over="ignore"):
        ratios = np.divide(worst, unit, out=np.where(worst > 0, np.inf, 0.0), where=unit > 0)
    return float(np.max(np.where(np.isnan(ratios), np.inf, ratios)))


def unresolved_outputs(low: Array, high: Array, unit: float) -> NDArray[np.bool_]:
    """Whether the labels of each output differ too little, relative to the largest label, for misfits in float64."""
    return np.asarray((high > low) & (high / unit / 2 - low / unit / 2 < _SMALLEST))


def relative_gap(vv_norm: float, at_most: float, lower: float, rounding: Callable[[], float]) -> float:
    """Return (at_most - lower) / vv_norm, where a negative difference is reduced by the rounding of the labels.

    Labels are known up to `vvnorm.losses.label_rounding` only, and the bound is linear in them. `rounding()` returns how
    much lower the bound is for the least favourable labels within that rounding.
    """
    short = lower - at_most
    if short > 0:
        short = max(short - rounding(), 0.0)
    if short == 0:
        return 0.0
    return -short / vv_norm if vv_norm > 0 else -math.inf


def finite_dual(dual: Rows) -> Array:
    """Return all rows of a dual array as a new array, and refuse NaN and infinity."""
    values = np.array(dual_rows(dual, slice(0, dual.shape[0])))
    if not np.isfinite(values).all():
        raise ValueError("dual holds NaN or infinity")
    return values
