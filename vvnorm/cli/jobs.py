"""Loads registered claims or figures, and chooses the executor that `verify` and `figures` run them on."""

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import ExitStack


def load_usable(load: "Callable[[str], Any]", names: list[str]) -> tuple[list[Any], bool]:
    """Load claims or figures; print the names of those that cannot be loaded, and return whether there are any."""
    from vvnorm._internal.plugins import Unusable

    loaded, unusable = [], False
    for name in dict.fromkeys(names):
        try:
            loaded.append(load(name))
        except Unusable as error:
            print(f"vvnorm: {' '.join(str(error).split())}", file=sys.stderr)
            unusable = True
    return loaded, unusable


def execution(stack: "ExitStack", count: int, jobs: int | None, scheduler: str | None) -> dict[str, Any]:
    """Return options of `run_jobs` for this many jobs: a cluster, a number of processes, or this process."""
    from vvnorm._internal.executors import InProcess
    from vvnorm._internal.threads import single_threaded, usable_cores
    from vvnorm.studies.store import code_version

    if scheduler:
        from vvnorm.studies.cluster import cluster_executor

        if jobs:
            raise ValueError("--scheduler does not go with --jobs")
        return {"executor": stack.enter_context(cluster_executor(scheduler, code_version()))}
    workers = min(jobs or usable_cores(), count)
    if workers > 1:
        return {"workers": workers}
    stack.enter_context(single_threaded())  # as worker processes are, so that results agree
    return {"executor": InProcess()}
