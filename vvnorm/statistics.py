"""Ratios of positive measures over paired data sets: intervals, effect sizes, trends, verdicts, sample sizes.

Ratios are geometric means: differences of logarithms are averaged over data sets, so that each counts alike whatever its
scale, and a ratio and its inverse are treated alike. Intervals are bootstrapped over data sets (BCa), since log-ratios of
measures have no known distribution.

Several comparisons that are read together get simultaneous intervals by Bonferroni's inequality: each of k has level
1 - (1 - confidence) / k. So an interval and the verdict that follows from it never disagree, and the chance that any of the
k intervals misses is at most 1 - confidence, whatever their dependence.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from vvnorm.claims import Verdict, decide
from vvnorm.data import Array, as_count
from vvnorm.tolerances import EPS
from vvnorm.validation import as_float64

__all__ = ["Ratio", "needed_sample", "paired_ratio", "trend_ratio"]

_RESAMPLES = 9999
_TAIL = 50  # resamples beyond either end of an interval, at least: its end is then known to a seventh of that tail
_BLOCK = 1 << 20  # numbers resampled at once
_MOST_DATA_SETS = 1_000_000


@dataclass(frozen=True)
class Ratio:
    """A geometric mean of ratios over data sets.

    Attributes
    ----------
    n : int
        Data sets.
    ratio : float
    low, high : float
        Confidence interval.
    confidence : float
        Level of this interval alone.
    standard_error : float
        Of the ratio, by the delta method: ratio times standard deviation of the log-ratios / sqrt(n).
    effect : float
        Mean of the log-ratios divided by their standard deviation, the paired standardised difference; infinite if all
        agree and are not 0.
    """

    n: int
    ratio: float
    low: float
    high: float
    confidence: float
    standard_error: float
    effect: float

    def verdict(self, region: tuple[float, float]) -> Verdict:
        """SUPPORTED if the interval lies inside the claimed region, NOT_SUPPORTED outside it, INCONCLUSIVE across its end.

        The region is to be stated before the data: (0, 0.98) claims a decrease by 2 % or more.
        """
        return decide(self.low, self.high, region, statistical=True)


def paired_ratio(
    values: ArrayLike,
    baseline: ArrayLike,
    *,
    rng: np.random.Generator,
    confidence: float = 0.95,
    comparisons: int = 1,
) -> Ratio:
    """Compare a measure with its baseline on the same data sets.

    Parameters
    ----------
    values, baseline : array-like, shape (n,)
        Positive numbers, by data sets, n >= 2.
    rng : numpy.random.Generator
        For the bootstrap.
    confidence : float
        Of all comparisons together, in (0, 1).
    comparisons : int
        Number of them that are read together.

    Raises
    ------
    TypeError, ValueError
        If an argument is none of these.
    """
    after, before = (_logarithms(numbers, name, 1) for numbers, name in ((values, "values"), (baseline, "baseline")))
    if len(after) != len(before):
        raise ValueError(f"values has {len(after)} data sets and baseline has {len(before)}; they must be paired")
    return _geometric_mean(after - before, rng, confidence, comparisons)


def trend_ratio(
    values: ArrayLike,
    levels: ArrayLike,
    *,
    rng: np.random.Generator,
    confidence: float = 0.95,
    comparisons: int = 1,
) -> Ratio:
    """Estimate by what factor a measure changes when a level is doubled.

    Parameters
    ----------
    values : array-like, shape (n, k)
        Positive numbers, by data sets (n >= 2) and levels (k >= 2).
    levels : array-like, shape (k,)
        Positive and different, for instance numbers of auxiliary outputs.
    rng, confidence, comparisons
        As for `paired_ratio`.

    Returns
    -------
    Ratio
        Geometric mean over data sets of 2^slope, with the least-squares slope of log2(values) on log2(levels).

    Notes
    -----
    Slopes rather than a test of ranks (Page's): they say how strong a trend is, with an interval to hold against a stated
    effect, so that a trend too small to matter is not SUPPORTED however many data sets there are; and unlike ranks they
    do not give equal weight to steps between levels of very different size.

    Raises
    ------
    TypeError, ValueError
        If an argument is none of these.
    """
    logs, at = _logarithms(values, "values", 2), _logarithms(levels, "levels", 1) / math.log(2)
    if logs.shape[1] != len(at):
        raise ValueError(f"values has {logs.shape[1]} columns and there are {len(at)} levels")
    if len(np.unique(at)) < len(at):
        raise ValueError(f"levels must be different, got {np.asarray(levels).tolist()}")
    centred = at - at.mean()
    return _geometric_mean(logs @ centred / (centred @ centred), rng, confidence, comparisons)


def needed_sample(deviation: float, effect: float, *, confidence: float = 0.95, power: float = 0.9) -> int:
    """Return how many data sets show an effect.

    Parameters
    ----------
    deviation : float
        Standard deviation of the log-ratios, as a pilot found it; positive.
    effect : float
        Distance of the expected log-ratio from the end of the claimed region; not 0.
    confidence : float
        Of the two-sided interval.
    power : float
        Probability that the interval excludes the end.

    Returns
    -------
    int
        For Student's interval and normal log-ratios; intervals by bootstrap need about as many.

    Raises
    ------
    TypeError, ValueError
        If an argument is none of these, or more than a million data sets are needed.
    """
    from scipy.stats import nct, t

    for value, name in ((deviation, "deviation"), (effect, "effect")):
        if isinstance(value, bool) or not isinstance(value, int | float | np.floating):
            raise TypeError(f"{name} must be a number, got {value!r}")
    if not 0 < deviation < math.inf:
        raise ValueError(f"deviation must be positive and finite, got {deviation!r}")
    if not 0 < abs(effect) < math.inf:
        raise ValueError(f"effect must be finite and not 0, got {effect!r}")
    level, wanted = _share(confidence, "confidence"), _share(power, "power")

    def reaches(n: int) -> bool:
        quantile = float(t.ppf((1 + level) / 2, n - 1))
        return bool(nct.sf(quantile, n - 1, abs(effect) / deviation * math.sqrt(n)) >= wanted)

    high = 2
    while not reaches(high):
        high *= 2
        if high > _MOST_DATA_SETS:
            raise ValueError(f"an effect of {effect!r} needs more than {_MOST_DATA_SETS} data sets")
    low = high // 2  # too few, or the least number there is
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if reaches(middle) else (middle, high)
    return high


# --- parts ------------------------------------------------------------------------------------------------------------


def _geometric_mean(logs: Array, rng: np.random.Generator, confidence: float, comparisons: int) -> Ratio:
    """The exponential of the mean of logarithms (n,), with its interval."""
    if not isinstance(rng, np.random.Generator):
        raise TypeError(f"rng must be a numpy.random.Generator, got {rng!r}")
    level = 1 - (1 - _share(confidence, "confidence")) / as_count(comparisons, "comparisons", 1)
    mean, deviation = float(logs.mean()), float(logs.std(ddof=1))
    if deviation <= len(logs) * EPS * max(1.0, abs(mean)):  # all data sets agree up to rounding
        effect = 0.0 if abs(mean) <= EPS else math.copysign(math.inf, mean)
        return Ratio(len(logs), math.exp(mean), math.exp(mean), math.exp(mean), level, 0.0, effect)
    low, high = _bootstrap(logs, rng, level)
    error = math.exp(mean) * deviation / math.sqrt(len(logs))
    return Ratio(len(logs), math.exp(mean), math.exp(low), math.exp(high), level, error, mean / deviation)


def _bootstrap(logs: Array, rng: np.random.Generator, level: float) -> tuple[float, float]:
    """BCa interval of the mean."""
    from scipy.stats import bootstrap

    resamples = max(_RESAMPLES, math.ceil(2 * _TAIL / (1 - level)))
    found = bootstrap(
        (logs,), np.mean, n_resamples=resamples, batch=max(1, _BLOCK // len(logs)), confidence_level=level,
        method="BCa", random_state=rng,
    ).confidence_interval  # fmt: skip
    return float(found.low), float(found.high)


def _logarithms(numbers: ArrayLike, name: str, dimensions: int) -> Array:
    """Logarithms of positive numbers: at least two rows, in as many dimensions as said."""
    try:
        array = as_float64(numbers, name)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{name} must hold real numbers in {dimensions} dimensions: {error}") from None
    if array.ndim != dimensions:
        raise ValueError(f"{name} must have {dimensions} dimensions, got shape {array.shape}")
    if min(array.shape) < 2:
        raise ValueError(f"{name} has shape {array.shape}: an interval needs two or more of each")
    wrong = np.argwhere(~((array > 0) & np.isfinite(array)))
    if len(wrong):
        place = tuple(int(i) for i in wrong[0])
        raise ValueError(f"{name} holds {array[place]} at {place}; ratios need positive finite numbers")
    return np.log(array)


def _share(value: float, name: str) -> float:
    if not (isinstance(value, int | float | np.floating) and 0 < value < 1):
        raise ValueError(f"{name} must lie between 0 and 1, got {value!r}")
    return float(value)
