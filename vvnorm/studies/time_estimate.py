"""Estimates the time of a study from a few of its runs."""

import math
import time
from collections.abc import Iterable, Mapping
from statistics import fmean
from typing import NamedTuple

from vvnorm._internal.executors import WorkerProcesses
from vvnorm.studies.execute import Perform, perform_job
from vvnorm.studies.run import Run
from vvnorm.studies.store import Row, code_version
from vvnorm.studies.study import Study

Size = tuple[str, int, int, float]
"""The size of a run, `Run.size`."""

FIRST_LIMIT, LIMIT = 120.0, 3.0
"""Most seconds for the first run of a solver, which loads and compiles (half a minute on idle cores if nothing is compiled
yet), and for all other runs of that solver together."""


class TimeEstimate(NamedTuple):
    """Seconds of a run of each size (NaN if unknown), and the sizes for which this is only a lower bound."""

    seconds: Mapping[Size, float]
    at_least: frozenset[Size]


def estimate_time(study: Study, perform: Perform, rows: Iterable[Row] = ()) -> TimeEstimate:
    """Time one run of each size that has no rows in the store, the smallest first, for a few seconds in total.

    When no time is left, the other sizes are estimated by the slowest known size of their solver. If the first run of a
    solver does not end in time, its times stay unknown: loading and compiling may have taken most of the time.

    Parameters
    ----------
    study, perform
        As for `vvnorm.studies.execute.run_study`.
    rows : iterable of dict
        Finished runs, as of `vvnorm.studies.store.load_rows`.
    """
    times: dict[Size, list[float]] = {}
    for row in rows:
        times.setdefault((row["solver"], row["inputs"], row["points"], float(row["auxiliary"])), []).append(row["seconds"])
    wanted: dict[str, dict[Size, Run]] = {}
    for run in sorted(study.runs, key=lambda run: run.points * run.inputs * (1 + min(run.auxiliary, run.points))):
        wanted.setdefault(run.solver, {}).setdefault(run.size, run)
    seconds: dict[Size, float] = {}
    at_least: set[Size] = set()
    for sizes in wanted.values():
        seconds |= {size: fmean(times[size]) for size in sizes if size in times}
        lacking = {size: run for size, run in sizes.items() if size not in times}
        measured, longest = _measure(lacking, perform)
        seconds |= measured
        slowest = max([*longest, *(seconds[size] for size in sizes if size in seconds)], default=math.nan)
        at_least |= lacking.keys() - measured.keys()
        seconds |= dict.fromkeys(lacking.keys() - measured.keys(), slowest)
    return TimeEstimate(seconds, frozenset(at_least))


def _measure(runs: Mapping[Size, Run], perform: Perform) -> tuple[dict[Size, float], list[float]]:
    """Time runs in one process while time is left; also return the seconds of a run that was stopped, if any."""
    measured: dict[Size, float] = {}
    limit = FIRST_LIMIT
    with WorkerProcesses(1) as process:
        # The smallest run comes twice, since the first call loads and compiles.
        for number, (size, run) in enumerate([*list(runs.items())[:1], *runs.items()]):
            began = time.monotonic()
            call = process.submit(perform_job, perform, run, code_version(), "")
            try:
                measured[size] = call.result(timeout=max(0.0, limit)).seconds
            except TimeoutError:
                process.stop()
                return measured, [time.monotonic() - began] if number else []
            limit = LIMIT if number == 0 else limit - (time.monotonic() - began)
    return measured, []
