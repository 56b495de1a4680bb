"""The benchmark of scheduling runs and reports its quantities; their values are not tested."""

from benchmarks.sweep import measure


def test_overhead_is_that_of_the_study() -> None:
    overhead, with_start, cpu = measure(0.02, 40, workers=1)
    assert -1 < overhead < with_start
    assert cpu > 0
