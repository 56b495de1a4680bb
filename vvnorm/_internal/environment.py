"""The machine and the versions that a record was made with."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

_PACKAGES = ("vvnorm", "numpy", "scipy", "numba", "torch", "cvxpy", "clarabel", "scikit-learn", "matplotlib")


def environment() -> dict[str, Any]:
    """Say what computes here: versions of Python and of the packages that numbers depend on, processor, cores.

    Returns
    -------
    dict
        `versions` (mapping of name to version), `system`, `processor` (architecture) and `cores`.
    """
    versions = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:  # a source tree that is on the path but not installed
            versions[package] = "not installed"
    system = f"{platform.system()} {platform.release()}"
    return {"versions": versions, "system": system, "processor": platform.machine(), "cores": os.cpu_count()}
