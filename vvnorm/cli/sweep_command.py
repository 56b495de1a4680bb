"""`vvnorm sweep`: carry out the runs of a study."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vvnorm.cli.exit_codes import INTERRUPTED, NOT_CERTIFIED, OK
from vvnorm.cli.output import Progress, TextTable, duration, say

if TYPE_CHECKING:
    from vvnorm.studies.study import Study


def sweep(
    spec: Annotated[
        str, typer.Argument(metavar="STUDY|SPEC.toml", help="A recorded study, or a file.", show_default=False)
    ],
    store: Annotated[
        Path | None,
        typer.Option(metavar="FILE.sqlite", help="Store of the runs; NAME.sqlite by default.", show_default=False),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Only do the runs that the store lacks.")] = False,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes; by default one for each core.", show_default=False)
    ] = None,
    scheduler: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Run on this Dask cluster.", show_default=False)
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count the runs and estimate the time.")] = False,
    export: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Then write the runs to .csv or .parquet.", show_default=False)
    ] = None,
) -> int:
    """Carry out the runs of a study; each is stored as soon as it is done."""
    from contextlib import ExitStack

    from vvnorm._internal.threads import usable_cores
    from vvnorm.studies import experiment
    from vvnorm.studies.execute import run_study
    from vvnorm.studies.recorded import specification
    from vvnorm.studies.store import Store, check_export_path
    from vvnorm.studies.study import load_study

    if scheduler and (workers or dry_run):
        raise ValueError(f"--scheduler does not go with {'--workers' if workers else '--dry-run'}")
    if export and dry_run:
        raise ValueError("--export does not go with --dry-run, which writes nothing")
    if export:
        check_export_path(export)
    study = load_study(specification(spec))
    path = store or Path(f"{study.name}.sqlite")
    for note in study.notes:
        say(note)
    if dry_run:
        return say_estimate(study, path, workers or usable_cores())
    with ExitStack() as stack:
        kept = stack.enter_context(Store(path, study, resume=resume))
        executor = None
        if scheduler:
            from vvnorm.studies.cluster import cluster_executor

            executor = stack.enter_context(cluster_executor(scheduler, kept.code))
        advance = stack.enter_context(Progress()).study(study.name)
        try:
            tally = run_study(
                study, kept, perform=experiment.perform, executor=executor, workers=workers, progress=advance
            )  # fmt: skip
        except KeyboardInterrupt as stop:
            say(str(stop))
            return INTERRUPTED
        if export:
            kept.export(export)
        failures = kept.failures()
    say(f"{tally} in {path}")
    for failure in failures[:3]:
        say(f"failed: {failure['solver']}, {failure['target']}, seed {failure['seed']}: {failure['error']}")
    if failures:
        say(f"table failures of {path} has all {len(failures)} with tracebacks; --resume tries them again")
    return NOT_CERTIFIED if failures else OK


def say_estimate(study: "Study", path: Path, workers: int) -> int:
    """Print the number of runs of each kind, and an estimate of their time."""
    from collections import Counter

    from vvnorm._internal.words import count
    from vvnorm.studies import experiment
    from vvnorm.studies.store import load_rows
    from vvnorm.studies.time_estimate import estimate_time

    estimate = estimate_time(study, experiment.perform, load_rows(path) if path.exists() else ())
    counts = Counter((run.solver, run.target, run.inputs, run.points) for run in study.runs)
    seconds = dict.fromkeys(counts, 0.0)
    for run in study.runs:
        seconds[run.solver, run.target, run.inputs, run.points] += estimate.seconds[run.size]
    table = TextTable("solver", "target", "inputs", "points", "runs", "seconds")
    for kind, runs in sorted(counts.items()):
        table.row(*map(str, kind), str(runs), "?" if math.isnan(seconds[kind]) else f"{seconds[kind]:.3g}")
    table.show()
    if any(map(math.isnan, seconds.values())):
        say(f"{len(study.runs)} runs: the first, with loading and compiling, took too long to tell; try again")
        return OK
    about = "at least" if estimate.at_least else "about"
    total = sum(seconds.values()) / min(workers, len(study.runs))
    say(f"{len(study.runs)} runs: {about} {duration(total)} on {count(workers, 'process', 'processes')}")
    return OK
