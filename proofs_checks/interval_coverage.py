"""Confidence intervals of ratios contain the true ratio as often as they state.

Claim. Of 95 % intervals from 12 data sets with normally distributed log-ratios, 1 to 6 % miss the true mean.

Hypothesis. The data sets are independent.

Source. Student, "The probable error of a mean" (Biometrika 6, 1908). The claim tests `vvnorm.studies.statistics`, which
decides claims about averages and studies.

What breaks. Repeated data sets are counted as independent ones, and intervals are too short.

Certificate. Both `ends` of the interval of each of 4000 studies. The recheck counts the misses again; the interval of their
rate is that of Clopper and Pearson (Biometrika 26, 1934).
"""

import math
import statistics
from collections.abc import Mapping
from typing import Any

import numpy as np

from proofs_checks.support import CONFIDENCE
from proofs_checks.trust import STATISTICS, files
from vvnorm.claims import Claim, Instance, Result, Rung, Verdict, conclude, interval_complaints
from vvnorm.studies.statistics import paired_ratio
from vvnorm.validation import Array

CLAIMED = (0.01, 0.06)

_STUDIES, _SAMPLE, _COPIES = 4000, 12, 4
_LEVEL = 0.95
_SAME = 1e-9


def draw(rng: np.random.Generator) -> Instance:
    """Draw log-ratios (studies, 12), normal with a mean and standard deviation of any size."""
    mean, deviation = rng.normal(), 10.0 ** rng.uniform(-2, 0.5)
    return {"logs": rng.normal(mean, deviation, (_STUDIES, _SAMPLE)), "mean": float(mean)}


def draw_repeated(rng: np.random.Generator) -> Instance:
    """Draw the same with only three different data sets, each repeated four times."""
    instance = draw(rng)
    return {**instance, "logs": np.repeat(instance["logs"][:, : _SAMPLE // _COPIES], _COPIES, axis=1)}


def check(instance: Instance) -> Result:
    """Compute the interval of every study, and count those that miss the mean."""
    ratios = [paired_ratio(np.exp(logs), np.ones(_SAMPLE), confidence=_LEVEL) for logs in instance["logs"]]
    certificate = {"ends": np.log([(ratio.low, ratio.high) for ratio in ratios])}
    return conclude(CLAIMED, *_interval(instance, certificate), certificate, statistical=True)


def _interval(instance: Instance, arrays: Mapping[str, Any]) -> tuple[float, float]:
    """Confidence interval of the rate of misses."""
    from scipy.stats import binomtest

    low, high = arrays["ends"].T
    missed = int(np.sum(~((low <= instance["mean"]) & (instance["mean"] <= high))))
    interval = binomtest(missed, _STUDIES).proportion_ci(CONFIDENCE)
    return float(interval.low), float(interval.high)


def recheck(instance: Instance, result: Result) -> list[str]:
    """Count the misses again, and compute every interval again by the formula."""
    from scipy.stats import t as student

    ends: Array = result.certificate["ends"]
    complaints = interval_complaints(result, *_interval(instance, result.certificate), _SAME)
    if complaints:
        return complaints
    quantile = float(student.ppf((1 + _LEVEL) / 2, _SAMPLE - 1))
    again = np.array([_ends(logs, quantile) for logs in instance["logs"].tolist()])
    if ends.shape != again.shape or not np.allclose(ends, again, rtol=_SAME, atol=_SAME):
        return ["an interval does not follow from its study's data"]
    return []


def _ends(logs: list[float], quantile: float) -> tuple[float, float]:
    """Student's interval of the mean, extended on the side of the longer tail: the formula of `studies.statistics`."""
    n, mean = len(logs), statistics.fmean(logs)
    deviation = statistics.stdev(logs)
    skewness = sum((value - mean) ** 3 for value in logs) / deviation**3 * n / ((n - 1) * (n - 2))
    extension = 2 * (2 * quantile**2 + 1) / (6 * math.sqrt(n)) * skewness
    error = deviation / math.sqrt(n)
    return mean - error * (quantile + max(-extension, 0.0)), mean + error * (quantile + max(extension, 0.0))


def _independent(instance: Instance) -> bool:
    return bool(np.all(np.diff(np.sort(instance["logs"], axis=1), axis=1) > 0))


CLAIM = Claim(
    id="interval_coverage",
    statement=(
        "Of stated 95 % confidence intervals of a ratio from 12 data sets with normal log-ratios, 1 to 6 % miss the "
        "true ratio."
    ),
    formula=r"0.01 \le P\left( \rho \notin [\ell, u] \right) \le 0.06, \qquad [\ell, u] \text{ of stated level } 0.95",
    source="Student (Biometrika 6, 1908)",
    kind="statistical",
    quantity="rate of intervals that miss, over 4000 studies",
    claimed=CLAIMED,
    hypotheses={"independent_data_sets": _independent},
    draw=draw,
    violate={"independent_data_sets": draw_repeated},
    on_violation={
        "independent_data_sets": (
            Verdict.NOT_SUPPORTED,
            "repeated data sets are counted as independent, and intervals are too short",
        )
    },
    check=check,
    recheck=recheck,
    draws=5,
    quick_draws=1,
    not_exact="coverage is a frequency in simulations",
    trusted={
        Rung.STATISTICAL: files("interval_coverage", STATISTICS),
    },
)
