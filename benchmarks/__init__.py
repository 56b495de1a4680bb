"""Timings beside other programs, measured in one process, as ratios. `docs/benchmarks.md` has the results."""
