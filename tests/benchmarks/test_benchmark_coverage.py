"""The simulation behind the choice of intervals counts misses by the methods that it names."""

import numpy as np
import pytest
from scipy import stats

from benchmarks.coverage import METHODS, cell, intervals, together


def test_methods_are_those_of_scipy() -> None:
    values = np.random.default_rng(0).exponential(size=(3, 15))
    interval = intervals(values, 9999, np.random.default_rng(1), (0.95,))[0.95]
    for k, row in enumerate(values):
        student = stats.ttest_1samp(row, 0).confidence_interval()
        assert [end[k] for end in interval["Student"]] == pytest.approx([student.low, student.high], rel=1e-9)
        options = {"n_resamples": 9999, "method": "BCa", "rng": np.random.default_rng(2)}
        bca = stats.bootstrap((row,), np.mean, **options).confidence_interval
        assert [end[k] for end in interval["BCa"]] == pytest.approx([bca.low, bca.high], abs=0.1 * (bca.high - bca.low))
        assert interval["bootstrap-t"][1][k] > student.high  # the longer tail's side


def test_the_bootstrap_taken_before_misses_too_often_and_what_is_taken_does_not() -> None:
    """Of 1000 intervals at 95 %: three standard errors are 2.1 %."""
    record, simultaneous = cell("t 3", 12, 1000, 499, 0)
    assert {*METHODS} < record.keys()
    assert (record["stated"], simultaneous["stated"]) == (5, 0.25)
    assert record["BCa"] > 5 + 2.1 > record["ours"]
    missed = together("t 3", 12, 100, 999, 0)
    assert missed["BCa"] > 0.2
    assert missed["ours"] <= 0.05 + 3 * (0.05 * 0.95 / 100) ** 0.5
