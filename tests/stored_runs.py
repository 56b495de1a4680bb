"""A study for tests of stores, in a module that a process imports in no time."""

from vvnorm.studies.run import INFINITE, Run
from vvnorm.studies.study import Study

RUNS = tuple(
    Run("noise", 2, 25, auxiliary, 0.0 if auxiliary in (0, INFINITE) else 0.1, "gaussian", "certified", seed, {"tol": 1e-6})
    for seed in range(20)
    for auxiliary in (0, 4, INFINITE)
)
STUDY = Study("example", RUNS)
