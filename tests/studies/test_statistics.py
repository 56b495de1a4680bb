"""Intervals cover as often as they say, verdicts are as frequent as they should be, and bad numbers are refused."""

import math
from typing import Any

import numpy as np
import pytest
from scipy import stats

from vvnorm.claims import Verdict
from vvnorm.studies.statistics import Ratio, mean_interval, needed_sample, paired_ratio, ratio_from_moments, trend_ratio

RNG = np.random.default_rng


def skewed(rng: np.random.Generator, n: int, mean: float, deviation: float) -> np.ndarray:
    """Log-ratios with a long tail to one side: shifted gamma variables."""
    return mean + deviation * (rng.gamma(4.0, size=n) - 4) / 2


def ratios(logs: np.ndarray, seed: int, **options: Any) -> Ratio:
    baseline = np.exp(RNG([seed, 1]).standard_normal(len(logs)))
    return paired_ratio(baseline * np.exp(logs), baseline, **options)


# --- intervals --------------------------------------------------------------------------------------------------------


def test_it_is_the_geometric_mean_with_its_error_and_effect() -> None:
    logs = RNG(0).normal(-0.1, 0.3, 40)
    ratio = ratios(logs, 0)
    assert ratio.n == 40
    assert ratio.ratio == pytest.approx(stats.gmean(np.exp(logs)), rel=1e-12)
    assert ratio.standard_error == pytest.approx(ratio.ratio * stats.sem(logs), rel=1e-9)
    assert ratio.effect == pytest.approx(stats.ttest_1samp(logs, 0).statistic / math.sqrt(40), rel=1e-9)
    assert ratio.low < ratio.ratio < ratio.high


def test_the_interval_is_students_with_the_longer_tails_side_extended() -> None:
    """Against Johnson's (1978) first-order quantiles, from SciPy's moments and Student's interval."""
    for seed, n, draw in ((1, 60, RNG(1).normal), (2, 12, RNG(2).exponential), (3, 3, RNG(3).exponential)):
        logs = draw(size=n) - 0.5
        for sign, level in ((1, 0.95), (-1, 0.95), (1, 0.9975)):
            ratio = ratios(sign * logs, seed, confidence=level)
            student = stats.ttest_1samp(sign * logs, 0).confidence_interval(level)
            skewness = stats.skew(sign * logs, bias=False)
            assert ratio.skewness == pytest.approx(skewness, rel=1e-6)
            q = stats.t.ppf((1 + level) / 2, n - 1)
            more = 2 * abs(skewness) * (2 * q**2 + 1) / (6 * math.sqrt(n)) * stats.sem(logs)
            low, high = (student.low, student.high + more) if skewness > 0 else (student.low - more, student.high)
            assert np.log([ratio.low, ratio.high]) == pytest.approx([low, high], rel=1e-6)


SHAPES = {
    "normal": lambda rng, size: rng.standard_normal(size),
    "exponential": lambda rng, size: 1 - rng.exponential(size=size),
    "Student's t, 3 degrees of freedom": lambda rng, size: rng.standard_t(3, size),
    "one in ten five times as wide": lambda rng, size: rng.standard_normal(size) * rng.choice([1, 5], size, p=[0.9, 0.1]),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_intervals_of_a_dozen_data_sets_miss_no_more_often_than_they_say(shape: str) -> None:
    """2000 intervals at 95 %: three standard errors are 1.5 %. BCa intervals miss in 9 to 14 %, Student's in up to 9 %."""
    draws = SHAPES[shape](RNG(11), (2000, 12))
    low, high = np.array([(ratio.low, ratio.high) for row in draws for ratio in [paired_ratio(np.exp(row), np.ones(12))]]).T
    assert np.mean((low > 1) | (high < 1)) <= 0.05 + 0.015


@pytest.mark.parametrize(
    ("shape", "most"), [("normal", 0.05), ("Student's t, 3 degrees of freedom", 0.05), ("exponential", 0.14)]
)
def test_twenty_lines_of_a_dozen_data_sets_hold_together(shape: str, most: float) -> None:
    """1000 studies at 95 %, three standard errors added. With BCa intervals one or more of 20 lines miss in 35 to 50 %.

    Exponential log-ratios are a limit that is stated: 13 % (Student's intervals: 37 %).
    """
    draws = SHAPES[shape](RNG(12), (1000, 20, 12))
    level = paired_ratio(np.exp(draws[0, 0]), np.ones(12), comparisons=20).confidence
    assert level == pytest.approx(0.9975)
    low, high = mean_interval(draws, level)
    missed = np.mean(np.any((low > 0) | (high < 0), axis=1))
    assert missed <= most + 3 * math.sqrt(most * (1 - most) / 1000)


def test_many_data_sets_of_any_shape_are_covered_about_as_often_as_said() -> None:
    for draw in SHAPES.values():
        low, high = mean_interval(draw(RNG(13), (2000, 400)))
        assert 0.02 <= np.mean((low > 0) | (high < 0)) <= 0.065


def test_more_comparisons_widen_the_interval() -> None:
    logs = RNG(2).normal(0, 1, 30)
    widths = [ratio.high - ratio.low for k in (1, 10, 100) for ratio in [ratios(logs, 0, comparisons=k)]]
    assert widths[0] < widths[1] < widths[2]


def test_a_ratio_and_its_inverse_are_treated_alike_and_no_scale_matters() -> None:
    logs = RNG(3).exponential(size=20)
    ratio, inverse = ratios(logs, 4), ratios(-logs, 4)
    assert (1 / inverse.high, 1 / inverse.low) == pytest.approx((ratio.low, ratio.high), rel=1e-12)
    for unit in (1e-200, 1e200):
        low, high = mean_interval(unit * logs)
        assert (low / unit, high / unit) == pytest.approx((math.log(ratio.low), math.log(ratio.high)), rel=1e-9)


def test_the_interval_of_two_data_sets_is_students() -> None:
    ratio = paired_ratio([1.0, 2.0], [2.0, 1.0])
    q = math.tan(0.95 * math.pi / 2)  # of one degree of freedom
    assert (ratio.low, ratio.high) == pytest.approx((0.5**q, 2**q), rel=1e-9)
    assert ratio.skewness == 0


def test_data_sets_that_agree_say_nothing_of_others() -> None:
    """However small the part of data sets that differ, few may all agree: an interval of no width would miss them all."""
    ratio = paired_ratio([2.0, 4.0, 6.0], [4.0, 8.0, 12.0])
    assert (ratio.ratio, ratio.low, ratio.high) == (pytest.approx(0.5, rel=1e-14), 0, math.inf)
    assert ratio.effect == -math.inf
    assert (ratio.standard_error, ratio.skewness) == (0, 0)
    assert ratio.verdict((0, 0.98)) is Verdict.INCONCLUSIVE
    same = paired_ratio([2.0, 3.0], [2.0, 3.0])
    assert (same.ratio, same.low, same.high, same.effect) == (1, 0, math.inf, 0)
    assert np.all(np.isinf(mean_interval(np.ones((2, 5)))))
    assert np.all(np.isinf(mean_interval([0.1 + 0.2, 0.3])))  # up to rounding


def test_ties_have_the_interval_of_their_moments() -> None:
    """Eleven data sets that agree and one that does not: skewness sqrt(12), the largest there is."""
    logs = np.array([0.0] * 11 + [1.2])
    ratio, q = ratios(logs, 0), stats.t.ppf(0.975, 11)
    assert ratio.skewness == pytest.approx(math.sqrt(12), rel=1e-9)
    assert math.log(ratio.low) == pytest.approx(0.1 - q * 0.1, rel=1e-9)
    assert math.log(ratio.high) == pytest.approx(0.1 + (q + (2 * q**2 + 1) / 3) * 0.1, rel=1e-9)


def test_ends_beyond_float64_are_infinite() -> None:
    ratio = paired_ratio([1e200, 1e-200], [1.0, 1.0])
    assert (ratio.ratio, ratio.low, ratio.high) == (pytest.approx(1), 0, math.inf)


# --- verdicts ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mean", "verdict"),
    [(0.90, Verdict.SUPPORTED), (1.05, Verdict.NOT_SUPPORTED), (0.98, Verdict.INCONCLUSIVE)],
)
def test_verdicts_are_as_frequent_as_they_should_be(mean: float, verdict: Verdict) -> None:
    """Claimed: at most 0.98. At the end of the region nine of ten and more are INCONCLUSIVE; far from it none is wrong."""
    verdicts = [ratios(RNG([seed, 9]).normal(math.log(mean), 0.1, 50), seed).verdict((0, 0.98)) for seed in range(100)]
    assert np.mean([given is verdict for given in verdicts]) >= 0.88
    wrong = {Verdict.SUPPORTED: Verdict.NOT_SUPPORTED, Verdict.NOT_SUPPORTED: Verdict.SUPPORTED}
    assert wrong.get(verdict) not in verdicts


def test_interval_and_verdict_agree() -> None:
    ratio = Ratio(50, 0.95, 0.93, 0.97, 0.95, 0.01, -1.0, 0.0)
    assert ratio.verdict((0, 0.98)) is Verdict.SUPPORTED
    assert ratio.verdict((0, 0.96)) is Verdict.INCONCLUSIVE
    assert ratio.verdict((0, 0.92)) is Verdict.NOT_SUPPORTED


# --- trends -----------------------------------------------------------------------------------------------------------


def test_a_trend_is_the_factor_per_doubling() -> None:
    levels = np.array([1.0, 4.0, 16.0, 64.0])
    scale = RNG(0).uniform(1, 5, 10)[:, None]
    trend = trend_ratio(scale * levels ** math.log2(0.9), levels)
    assert trend.ratio == pytest.approx(0.9, rel=1e-12)
    reversed_levels = trend_ratio(scale * levels[::-1] ** math.log2(0.9), levels[::-1])
    assert reversed_levels.ratio == pytest.approx(0.9, rel=1e-12)


def test_slopes_are_those_of_least_squares() -> None:
    levels = np.array([1.0, 2.0, 8.0, 32.0])
    values = np.exp(RNG(1).standard_normal((15, 4)))
    slopes = [stats.linregress(np.log2(levels), np.log2(row)).slope for row in values]
    assert math.log2(trend_ratio(values, levels).ratio) == pytest.approx(np.mean(slopes), rel=1e-9)


def test_a_trend_is_found_without_one_as_often_as_the_level_says_and_agrees_with_pages_test() -> None:
    levels = np.array([1.0, 4.0, 16.0, 64.0])

    def intervals_and_p(step: float) -> tuple[np.ndarray, np.ndarray]:
        excluded, small = [], []
        for seed in range(120):
            logs = RNG([seed, 3]).normal(0, 0.1, (30, 4)) + step * np.log2(levels)
            trend = trend_ratio(np.exp(logs), levels, confidence=0.9)
            excluded.append(trend.high < 1)
            small.append(stats.page_trend_test(-logs, method="asymptotic").pvalue < 0.05)
        return np.array(excluded), np.array(small)

    excluded, small = intervals_and_p(0.0)
    assert excluded.mean() <= 0.11  # 5 % one-sided, three standard errors
    assert small.mean() <= 0.11
    excluded, small = intervals_and_p(-0.02)
    assert excluded.mean() > 0.9
    assert excluded.mean() >= small.mean() - 0.05


# --- sample size ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("deviation", "effect"), [(0.1, 0.05), (0.3, -0.1), (1.0, 2.0)])
def test_the_needed_sample_has_the_power_and_one_fewer_has_not(deviation: float, effect: float) -> None:
    n = needed_sample(deviation, effect)

    def power(n: int) -> float:
        samples = RNG(n).normal(effect, deviation, (20_000, n))
        bounds = stats.ttest_1samp(samples, 0, axis=1).confidence_interval()
        return float(np.mean((bounds.low > 0) | (bounds.high < 0)))

    assert power(n) >= 0.89
    assert n == 2 or power(n - 1) <= 0.91


def test_the_needed_sample_grows_with_deviation_power_and_confidence() -> None:
    n = needed_sample(0.2, 0.05)
    assert n < needed_sample(0.4, 0.05)
    assert n < needed_sample(0.2, 0.05, power=0.99)
    assert n < needed_sample(0.2, 0.05, confidence=0.999)
    assert n == needed_sample(0.2, -0.05)
    assert needed_sample(1e-9, 1.0) == 2


def test_an_experiment_of_the_needed_sample_supports_as_often_as_promised() -> None:
    """End of the region 0.98, true ratio 0.93: 90 % power, and the interval keeps it but for its extension."""
    n = needed_sample(0.1, math.log(0.93 / 0.98))
    verdicts = [ratios(RNG([seed, 5]).normal(math.log(0.93), 0.1, n), seed).verdict((0, 0.98)) for seed in range(150)]
    assert np.mean([given is Verdict.SUPPORTED for given in verdicts]) >= 0.8


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "baseline", "error", "words"),
    [
        ([1.0], [1.0], ValueError, "values has shape \\(1,\\): an interval needs two or more"),
        ([], [], ValueError, "needs two or more"),
        ([1.0, math.nan], [1.0, 1.0], ValueError, "values holds nan at \\(1,\\)"),
        ([1.0, 2.0], [0.0, 1.0], ValueError, "baseline holds 0.0 at \\(0,\\); ratios need positive"),
        ([1.0, -2.0], [1.0, 1.0], ValueError, "values holds -2.0"),
        ([1.0, math.inf], [1.0, 1.0], ValueError, "values holds inf"),
        ([1.0, 2.0], [1.0, 2.0, 3.0], ValueError, "2 data sets and baseline has 3"),
        ([[1.0, 2.0]], [1.0, 2.0], ValueError, "values must have 1 dimensions"),
        (["a", "b"], [1.0, 2.0], TypeError, "values must hold real numbers"),
    ],
)
def test_numbers_that_have_no_ratio_are_refused(values: Any, baseline: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        paired_ratio(values, baseline)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"confidence": 1.0}, ValueError, "confidence must lie between 0 and 1, got 1.0"),
        ({"comparisons": 0}, ValueError, "comparisons must be at least 1, got 0"),
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, Any], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        paired_ratio([1.0, 2.0], [2.0, 3.0], **options)


@pytest.mark.parametrize(
    ("values", "error", "words"),
    [
        ([1.0], ValueError, r"values has shape \(1,\): an interval needs two or more"),
        (3.0, ValueError, r"values has shape \(\)"),
        (np.ones((2, 0)), ValueError, "needs two or more"),
        ([1.0, math.nan], ValueError, "values must be finite, got nan"),
        ([1.0, math.inf], ValueError, "values must be finite, got inf"),
        (["a", "b"], TypeError, "values"),
    ],
)
def test_values_that_have_no_mean_interval_are_refused(values: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        mean_interval(values)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"n": 1}, "n must be at least 2, got 1"),
        ({"deviation": -0.1}, "deviation must be finite and no deviation negative, got -0.1"),
        ({"skewness": math.nan}, "skewness must be finite"),
        ({"confidence": 95}, "confidence must lie between 0 and 1, got 95"),
    ],
)
def test_moments_of_no_data_are_refused(changed: dict[str, Any], words: str) -> None:
    moments = {"n": 12, "mean": 0.1, "deviation": 0.2, "skewness": 0.3, "confidence": 0.95}
    with pytest.raises(ValueError, match=words):
        ratio_from_moments(**(moments | changed))


def test_moments_give_the_interval_of_the_data() -> None:
    logs = RNG(6).exponential(size=12)
    ratio = ratios(logs, 0, comparisons=20)
    again = ratio_from_moments(12, logs.mean(), logs.std(ddof=1), stats.skew(logs, bias=False), 0.9975)
    for name, value in vars(ratio).items():
        assert getattr(again, name) == pytest.approx(value, rel=1e-9)


def test_levels_that_make_no_trend_are_refused() -> None:
    values = np.ones((3, 2))
    with pytest.raises(ValueError, match="levels must be different"):
        trend_ratio(values, [4.0, 4.0])
    with pytest.raises(ValueError, match=r"levels holds 0\.0"):
        trend_ratio(values, [0.0, 4.0])
    with pytest.raises(ValueError, match="2 columns and there are 3 levels"):
        trend_ratio(values, [1.0, 2.0, 4.0])


@pytest.mark.parametrize(
    ("deviation", "effect", "error", "words"),
    [
        (0.0, 0.1, ValueError, "deviation must be a positive finite number"),
        (math.nan, 0.1, ValueError, "deviation must be a positive finite number"),
        (0.1, 0.0, ValueError, "effect must be finite and not 0"),
        (0.1, "x", TypeError, "effect must be a number"),
        (1.0, 1e-9, ValueError, "needs more than 1000000 data sets"),
    ],
)
def test_sizes_that_need_no_or_endless_samples_are_refused(
    deviation: Any, effect: Any, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        needed_sample(deviation, effect)
