"""How often confidence intervals of a mean miss it, by method, shape of the data and number of data.

Run with `python -m benchmarks.coverage` (150 s of processor time); it prints the tables of `docs/intervals.md`. Log-ratios
have mean 0 and one of these distributions:

- *normal*; *gamma 4*, of skewness 1; *exponential*, of skewness 2; *log-normal*, exp(Z) with Z standard normal, of skewness
  6;
- *t 3*, Student's with three degrees of freedom; *contaminated*: normal, with one in ten five times as wide.

All methods treat both signs alike, so mirror images of skewed distributions give the same rates. The methods are

- *BCa*: bias-corrected and accelerated bootstrap (Efron, 1987), the former method of `vvnorm.studies.statistics`;
- *Student*: from the t distribution;
- *bootstrap-t*: quantiles of the bootstrapped studentised mean;
- *both*: the smallest interval that contains Student's and the bootstrap-t interval;
- *ours*: `vvnorm.studies.statistics.mean_interval`;
- *signs*: a test, not an interval: whether random signs of the values reject the mean.

One set of resamples serves 250 data sets, so that bootstrap means are matrix products. Percentages have a standard error of
0.3 (for 5 %) or 0.08 (for 0.25 %). *length* is the mean length over that of Student's interval.
"""

import argparse
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.special import ndtr, ndtri, stdtrit

from vvnorm.studies.statistics import mean_interval
from vvnorm.validation import Array

Draw = Callable[[np.random.Generator, tuple[int, ...]], Array]
Ends = tuple[Array, Array]

SHAPES: dict[str, Draw] = {
    "normal": lambda rng, size: rng.standard_normal(size),
    "gamma 4": lambda rng, size: rng.gamma(4.0, size=size) - 4,
    "exponential": lambda rng, size: rng.exponential(size=size) - 1,
    "log-normal": lambda rng, size: np.exp(rng.standard_normal(size)) - math.exp(0.5),
    "t 3": lambda rng, size: rng.standard_t(3, size),
    "contaminated": lambda rng, size: rng.standard_normal(size) * np.where(rng.random(size) < 0.1, 5.0, 1.0),
}
SIZES = (8, 12, 20, 50, 100, 400)
LEVELS = (0.95, 0.9975)
METHODS = ("BCa", "Student", "bootstrap-t", "both", "ours", "signs")
LINES = 20  # read together, at 0.9975 each
_SHARED = 250  # data sets for which the same resamples serve


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=4000, help="data sets of each shape and number")
    parser.add_argument("--resamples", type=int, default=3999)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    print(line(["log-ratios", "n", "stated", *METHODS, "length"]) + "\n" + "|---" * (4 + len(METHODS)) + "|")
    for shape in SHAPES:
        for n in SIZES:
            for record in cell(shape, n, asked.draws, asked.resamples, asked.seed):
                numbers = [f"{record[name]:.2f}" for name in (*METHODS, "length")]
                print(line([shape, str(n), f"{record['stated']:g}", *numbers]), flush=True)
    print("\n" + line([f"{LINES} lines, n = 12", *METHODS]) + "\n" + "|---" * (1 + len(METHODS)) + "|")
    for shape in SHAPES:
        missed = together(shape, 12, asked.draws // 2, asked.resamples, asked.seed)
        print(line([shape, *(f"{100 * missed[name]:.1f}" for name in METHODS)]), flush=True)


def line(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def cell(shape: str, n: int, draws: int, resamples: int, seed: int) -> list[dict[str, Any]]:
    """Return the shares of intervals that miss, in percent, one record for each level."""
    rng = np.random.default_rng([seed, n, *map(ord, shape)])
    values = SHAPES[shape](rng, (draws, n))
    records = []
    for level, ends in intervals(values, resamples, rng).items():
        usual = np.mean(ends["Student"][1] - ends["Student"][0])
        missed = {name: 100 * np.mean((low > 0) | (high < 0)) for name, (low, high) in ends.items()}
        length = float(np.mean(ends["ours"][1] - ends["ours"][0]) / usual)
        records.append({"shape": shape, "n": n, "stated": round(100 * (1 - level), 9), **missed, "length": length})
    return records


def together(shape: str, n: int, studies: int, resamples: int, seed: int) -> dict[str, float]:
    """Share of studies in which one or more of 20 independent lines at 99.75 % miss."""
    rng = np.random.default_rng([seed, n, LINES, *map(ord, shape)])
    values = SHAPES[shape](rng, (studies * LINES, n))
    ends = intervals(values, resamples, rng, (0.9975,))[0.9975]
    return {
        name: float(np.mean(((low > 0) | (high < 0)).reshape(studies, LINES).any(axis=1)))
        for name, (low, high) in ends.items()
    }


# --- methods ----------------------------------------------------------------------------------------------------------


def intervals(
    values: Array, resamples: int, rng: np.random.Generator, levels: tuple[float, ...] = LEVELS
) -> dict[float, dict[str, Ends]]:
    """Ends of intervals of the rows' means by level and method; the test by signs as (0, 0) or, if it rejects, (1, 1)."""
    parts = [_of_some(values[k : k + _SHARED], resamples, rng, levels) for k in range(0, len(values), _SHARED)]
    return {
        level: {
            name: (np.concatenate([p[level][name][0] for p in parts]), np.concatenate([p[level][name][1] for p in parts]))
            for name in METHODS
        }
        for level in levels
    }


def _of_some(
    values: Array, resamples: int, rng: np.random.Generator, levels: tuple[float, ...]
) -> dict[float, dict[str, Ends]]:
    n = values.shape[1]
    mean, error = values.mean(axis=1), values.std(axis=1, ddof=1) / math.sqrt(n)
    off = values - mean[:, None]
    counts = rng.multinomial(n, np.full(n, 1 / n), resamples).astype(float)
    means = off @ counts.T / n
    variances = np.maximum(off**2 @ counts.T / n - means**2, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        studentised = np.nan_to_num(means / np.sqrt(variances / (n - 1)), nan=0.0)
    means.sort(axis=1)
    studentised.sort(axis=1)
    flipped = np.abs(values @ rng.choice([-1.0, 1.0], (resamples, n)).T / n)
    beyond = (1 + np.count_nonzero(flipped >= np.abs(mean)[:, None] * (1 - 1e-12), axis=1)) / (resamples + 1)
    by_level = {}
    for level in levels:
        tail, reach = (1 - level) / 2, stdtrit(n - 1, (1 + level) / 2) * error
        student = mean - reach, mean + reach
        upper, lower = (_at(studentised, np.full(len(values), part)) for part in (1 - tail, tail))
        bootstrap_t = mean - upper * error, mean - lower * error
        rejected = np.where(beyond <= 1 - level, 1.0, 0.0)
        by_level[level] = {
            "BCa": _bca(off, means, tail, mean),
            "Student": student,
            "bootstrap-t": bootstrap_t,
            "both": (np.minimum(student[0], bootstrap_t[0]), np.maximum(student[1], bootstrap_t[1])),
            "ours": mean_interval(values, level),
            "signs": (rejected, rejected),
        }
    return by_level


def _bca(off: Array, means: Array, tail: float, mean: Array) -> Ends:
    """BCa interval from deviations (N, n) and sorted bootstrap means of them (N, resamples)."""
    acceleration = (off**3).sum(axis=1) / (6 * (off**2).sum(axis=1) ** 1.5)
    bias = ndtri(((means < 0).mean(axis=1) + (means <= 0).mean(axis=1)) / 2)
    ends = []
    for part in (tail, 1 - tail):
        moved = bias + ndtri(part)
        ends.append(mean + _at(means, ndtr(bias + moved / (1 - acceleration * moved))))
    return ends[0], ends[1]


def _at(ordered: Array, parts: Array) -> Array:
    """Return the quantile of each row at its own probability."""
    place = np.clip(np.floor(parts * ordered.shape[1]).astype(int), 0, ordered.shape[1] - 1)
    quantiles: Array = np.take_along_axis(ordered, place[:, None], axis=1)[:, 0]
    return quantiles


if __name__ == "__main__":
    main()
