"""What `verify` and `figures` share: what is registered, and where it runs."""

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import ExitStack


def load_usable(load: "Callable[[str], Any]", names: list[str]) -> tuple[list[Any], bool]:
    """Load claims or figures; those that are registered but cannot be used are named, and hide no others."""
    from vvnorm._internal.plugins import Unusable

    found, unusable = [], False
    for name in dict.fromkeys(names):
        try:
            found.append(load(name))
        except Unusable as error:
            print(f"vvnorm: {' '.join(str(error).split())}", file=sys.stderr)
            unusable = True
    return found, unusable


def execution(stack: "ExitStack", count: int, jobs: int | None, scheduler: str | None) -> dict[str, Any]:
    """Options that say where so many jobs are done: on a cluster, in processes, or in this one."""
    from vvnorm._internal.threads import single_threaded, usable_cores
    from vvnorm.studies.executors import InProcess
    from vvnorm.studies.store import code_version

    if scheduler:
        from vvnorm.studies.cluster import cluster_executor

        if jobs:
            raise ValueError("--scheduler does not go with --jobs")
        return {"executor": stack.enter_context(cluster_executor(scheduler, code_version()))}
    workers = min(jobs or usable_cores(), count)
    if workers > 1:
        return {"workers": workers}
    stack.enter_context(single_threaded())  # as in worker processes, so that numbers are the same
    return {"executor": InProcess()}
