"""Executors on a running Dask cluster."""

import logging
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from typing import Any

from vvnorm.studies.store import code_version

CONNECT_SECONDS = 10
"""Seconds to wait for a scheduler and its first worker."""


@contextmanager
def cluster_executor(address: str, code: str) -> Iterator[Executor]:
    """Connect to a scheduler and check its workers.

    If a worker dies, the others do its runs. Workers that join later do runs, too, but the queue of submitted runs does not
    grow with them.

    Parameters
    ----------
    address : str
        Such as tcp://127.0.0.1:8786.
    code : str
        Code version that the workers must have.

    Raises
    ------
    ValueError
        If dask.distributed is not installed, nothing answers at the address, or it has no workers with this code.
    """
    try:
        from distributed import Client
    except ImportError:
        raise ValueError("--scheduler needs dask.distributed: pip install 'vvnorm[cluster]'") from None
    # Dask logs a lost connection in several places; the error below says the same.
    for part in ("distributed", "distributed.client"):
        logging.getLogger(part).setLevel(logging.CRITICAL)
    try:
        client = Client(address, timeout=CONNECT_SECONDS)
    except (OSError, ValueError) as error:
        raise ValueError(f"no scheduler answers at {address!r}: {error}") from None
    try:
        _check_workers(client, address, code)
        executor: Any = client.get_executor(pure=False)
        executor.slots = 2 * sum(client.nthreads().values())
        executor.has_workers = lambda: bool(client.nthreads())
        yield executor
    finally:
        client.close(timeout=2)


def _check_workers(client: Any, address: str, code: str) -> None:
    try:
        client.wait_for_workers(1, timeout=CONNECT_SECONDS)
    except TimeoutError:
        raise ValueError(f"the scheduler at {address!r} has no workers") from None
    try:
        versions = client.run(code_version)
    except Exception as error:
        raise ValueError(f"the workers at {address!r} cannot load vvnorm: {type(error).__name__}: {error}") from None
    for worker, version in sorted(versions.items()):
        if version != code:
            raise ValueError(
                f"worker {worker} has code {version}, this is {code}: their runs are not mixed, install the same version"
            )
