"""A light stand-in for what one run of a study does, in a module that worker processes can import."""

import hashlib
import os
import signal
import time
from types import SimpleNamespace
from typing import Any

from vvnorm.studies.run import Run

TARGETS = {
    "noise": SimpleNamespace(inputs=None, points=None),
    "smooth": SimpleNamespace(inputs=None, points=None),
    "failing": SimpleNamespace(inputs=None, points=None),
    "deadly": SimpleNamespace(inputs=None, points=None),
    "diabetes": SimpleNamespace(inputs=10, points=442),
}
SETTINGS: dict[str, dict[str, Any]] = {
    "certified": {"tol": 1e-6, "seconds": 0.0, "marks": ""},
    "trained": {"steps": 1000, "polish": True, "seconds": 0.0, "marks": ""},
}


def perform(run: Run) -> dict[str, float | int | str | None]:
    """Return numbers that the configuration decides; wait, fail, die, or leave a mark, as the run says."""
    if run.settings["marks"]:
        with open(run.settings["marks"], "a") as marks:
            marks.write(f"{run.key('')} {os.getpid()}\n")
    if run.target == "failing" and run.seed % 2:
        raise ArithmeticError(f"seed {run.seed} is odd")
    if run.target == "deadly" and run.seed == 1 and run.auxiliary == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(run.settings["seconds"])
    number = int(hashlib.sha256(run.key("").encode()).hexdigest()[:12], 16)
    return {"gradient": number / 2**48, "neurons": number % 50, "status": "ok", "gap": None}


def threads(run: Run) -> dict[str, float | int | str | None]:
    """Return how many threads numerical libraries would use, those that are loaded and those that come later."""
    import numpy as np
    from threadpoolctl import threadpool_info

    np.ones((3, 3)) @ np.ones((3, 3))
    pools = [pool["num_threads"] for pool in threadpool_info()]
    return {"pools": len(pools), "most": max(pools), "later": os.environ.get("OMP_NUM_THREADS")}


def odd_outcomes(run: Run) -> Any:
    """Return what a store cannot keep, a kind for each seed."""
    return [{"key": 1}, {"Worker": 1}, {"a b": 1}, {"x": 1, "X": 2}, {"x": [1]}, [1], {"x": 10**30}, {"ok": 1}][run.seed]
