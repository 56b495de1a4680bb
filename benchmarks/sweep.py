"""The cost of scheduling studies, measured with runs that only wait.

Run with `python -m benchmarks.sweep` (a minute). Runs sleep for a given time, so that other programs on the machine do not
count as cost. They are kept in a store in a temporary folder, each in a synchronous transaction.

- *overhead*: processes times the time from the first run's end to the last's, over the seconds in runs, minus 1.
- *with start*: the same from the start of the study, which includes the start of the processes.
- *CPU per run*: of the process that schedules and writes.
"""

import argparse
import tempfile
import time
from pathlib import Path

from vvnorm.studies.execute import Tally, run_study
from vvnorm.studies.run import Run
from vvnorm.studies.store import RunOutcome, Store
from vvnorm.studies.study import Study

GOAL = 0.05
SIZES = {0.01: 2000, 0.1: 400, 1.0: 40}  # seconds of a run, and how many


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, default=2)
    workers = parser.parse_args().workers
    print(f"goal from 0.1 s on: {GOAL:.0%}")
    print(f"{'seconds':>8} {'runs':>6} {'overhead':>9} {'with start':>11} {'CPU per run':>12}")
    for seconds, count in SIZES.items():
        overhead, whole, cpu = measure(seconds, count, workers)
        met = "" if seconds < 0.1 else "met" if overhead <= GOAL else "not met"
        print(f"{seconds:8g} {count:6d} {overhead:9.1%} {whole:11.1%} {1e3 * cpu:9.2f} ms  {met}", flush=True)


def measure(seconds: float, count: int, workers: int) -> tuple[float, float, float]:
    """Return the overhead without and with the start of processes, and CPU seconds per run."""
    runs = tuple(Run("noise", 2, 25, 0, 0.0, "gaussian", "certified", seed, {"seconds": seconds}) for seed in range(count))
    study = Study("benchmark", runs)
    times: list[float] = []

    def note(_: Tally) -> None:
        times.append(time.perf_counter())

    with tempfile.TemporaryDirectory() as folder, Store(Path(folder) / "benchmark.sqlite", study) as store:
        began, cpu = time.perf_counter(), time.process_time()
        run_study(study, store, perform=nap, workers=workers, progress=note)
        whole, cpu = time.perf_counter() - began, time.process_time() - cpu
        inside = sum(row["seconds"] for row in store.rows())
    # The tally comes once before the first run; the runs that ended with the first are not in what followed it.
    steady = times[-1] - times[1]
    return workers * steady / (inside * (count - workers) / count) - 1, workers * whole / inside - 1, cpu / count


def nap(run: Run) -> RunOutcome:
    """Do nothing for as long as the run says."""
    time.sleep(run.settings["seconds"])
    return {"gradient": float(run.seed)}


if __name__ == "__main__":
    main()
