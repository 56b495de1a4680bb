"""Processes that begin in milliseconds: forked from a server that has imported what they need, and has no threads."""

import multiprocessing
import os
from functools import cache
from importlib import import_module
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

PRELOADED = (
    "distributed", "distributed.cli.dask_scheduler", "distributed.cli.dask_worker", "stand_in", "vvnorm.studies.execute",
    "vvnorm.claims", "vvnorm._internal.executors", "threadpoolctl", "concurrent.futures.process",
)  # fmt: skip


@cache
def warm_context() -> ForkServerContext:
    """Processes of this context have imported `PRELOADED`; they share nothing else with this process."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(PRELOADED))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(Path(__file__).parent))
        first = context.Process()
        first.start()
        first.join()
    return context


def dask_process(kind: str, options: list[str], folder: Path, log: Path, environment: dict[str, str]) -> BaseProcess:
    """Begin `dask scheduler` or `dask worker` in a process of its own."""
    process = warm_context().Process(target=_dask, args=(kind, options, folder, log, environment), daemon=True)
    process.start()
    return process


def _dask(kind: str, options: list[str], folder: Path, log: Path, environment: dict[str, str]) -> None:
    import dask.config

    os.chdir(folder)
    os.environ.update(environment)
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for standard in (1, 2):
        os.dup2(output, standard)
    dask.config.refresh()
    import_module(f"distributed.cli.{kind}").main(options)
