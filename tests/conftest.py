"""Settings that every test shares."""

import gc
import os
import sys
from collections.abc import Iterator

# Modules and asserts that pytest has rewritten are compiled once. Container images often forbid it; then each test process
# rewrites 4000 asserts, and each of the hundred processes that tests begin compiles the whole package.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

os.environ.setdefault("MPLBACKEND", "Agg")
if "PYTEST_XDIST_WORKER" in os.environ:  # as many processes as cores: threads of each would wait for each other
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

sys.dont_write_bytecode = False
# Derandomised: a failure on one machine is a failure on all. More examples: HYPOTHESIS_PROFILE=thorough pytest ...
settings.register_profile(
    "quick", derandomize=True, deadline=None, max_examples=30, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("thorough", settings.get_profile("quick"), derandomize=False, max_examples=2000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))


def pytest_collectstart() -> None:
    """Modules and tests are there to stay: searching them for garbage took a fifth of the time of collection."""
    gc.disable()


def pytest_collection_finish() -> None:
    """Search only what tests make for garbage."""
    gc.freeze()
    gc.enable()


@pytest.fixture
def rng() -> np.random.Generator:
    """Return a generator with a fixed seed."""
    return np.random.default_rng(20241021)


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Of what is not about bounds: in many inputs a bound or an exact search takes seconds; here it takes milliseconds."""
    from vvnorm.verifier.budget import within_additions

    monkeypatch.setattr("vvnorm.solvers.multivariate.neuron_search._EXACT", 1e6)
    with within_additions(1_000_000):
        yield
