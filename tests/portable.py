"""The default tests, once per setting of the numerical libraries that this processor supports.

    python tests/portable.py [--settings NAME ...]

The order in which a library adds up numbers, and so the last digits of the sum, depend on its kernels for the processor, on
the width of its vectors and on its threads. A test may pass with some of them and fail with others. Each setting here is an
environment. Before the tests a small program runs in it and says what the libraries really use: a setting that has no
effect, or that ends the program since the processor lacks its instructions, is skipped and said to be.

Exit code: 0 if all tests pass in all settings, 1 if not.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

CORES = {
    "x86_64": ("Prescott", "Nehalem", "Sandybridge", "Haswell", "Zen", "SkylakeX", "Cooperlake", "SapphireRapids"),
    "aarch64": ("ARMV8", "CORTEXA57", "NEOVERSEN1", "NEOVERSEV1", "NEOVERSEN2", "ARMV8SVE"),
}
"""Kernels of OpenBLAS by processor, the oldest first."""

ALIASES = {"AMD64": "x86_64", "arm64": "aarch64", "katmai": "prescott"}
"""Other names: builds of OpenBLAS that have one set of kernels for several old processors report the oldest of these."""

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


@dataclass(frozen=True)
class Setting:
    """An environment, and a function that says what is not as wanted in what `probe` found there, or nothing."""

    name: str
    environment: dict[str, str]
    amiss: Callable[[dict[str, Any]], str]


@dataclass(frozen=True)
class Outcome:
    """What became of each test, and what is wrong with the run as a whole, or nothing."""

    results: dict[str, str]
    seconds: float
    trouble: str

    def count(self, result: str) -> int:
        """Count the tests with this result."""
        return list(self.results.values()).count(result)


# --- settings ---------------------------------------------------------------------------------------------------------


def probe() -> dict[str, Any]:
    """Say what the libraries of this process use, after some work that needs the kernels."""
    import numba
    import numpy as np
    import scipy.linalg
    import torch
    from numpy._core import _multiarray_umath as umath
    from threadpoolctl import threadpool_info

    A = np.random.default_rng(0).standard_normal((100, 100))
    for matrix in (A, A.astype(np.float32)):
        (matrix @ matrix, matrix @ matrix[0], np.exp(matrix).sum(), np.linalg.svd(matrix), scipy.linalg.qr(matrix))
        torch.from_numpy(matrix) @ torch.from_numpy(matrix)
    pools = threadpool_info()
    blas = [pool for pool in pools if pool["internal_api"] == "openblas"]
    return {
        "cores": [pool["architecture"] for pool in blas],
        "features": [name for name in umath.__cpu_dispatch__ if umath.__cpu_features__[name]],
        "torch": torch.backends.cpu.get_cpu_capability(),
        "numba": numba.config.CPU_NAME or "native",
        "threads": sorted({pool["num_threads"] for pool in pools} | {torch.get_num_threads()}),
    }


def settings(plain: dict[str, Any], cache: Path) -> list[Setting]:
    """Return all settings for a processor like this; `plain` is what `probe` finds without any of them."""
    found = []
    for core in CORES.get(ALIASES.get(platform.machine(), platform.machine()), ()):
        found.append(Setting(f"openblas-{core}".lower(), {"OPENBLAS_CORETYPE": core}, _wants_core(core)))
    without = {"NPY_DISABLE_CPU_FEATURES": " ".join(plain["features"])}
    generic = {"NUMBA_CPU_NAME": "generic", "NUMBA_CACHE_DIR": str(cache)}
    found += [
        Setting("numpy-baseline", without, lambda seen: _unless(not seen["features"], "numpy uses", seen["features"])),
        # MKL is torch's library for matrices where there is one.
        Setting(
            "torch-default",
            {"ATEN_CPU_CAPABILITY": "default", "MKL_CBWR": "COMPATIBLE"},
            lambda seen: _unless(seen["torch"] in ("DEFAULT", "NO AVX"), "torch uses", seen["torch"]),
        ),
        Setting("numba-generic", generic, lambda seen: _unless(seen["numba"] == "generic", "numba uses", seen["numba"])),
    ]
    return found + [
        Setting(f"threads-{count}", dict.fromkeys(THREADS, str(count)), _wants_threads(count)) for count in (1, 2)
    ]


def _wants_core(core: str) -> Callable[[dict[str, Any]], str]:
    wanted = core.lower()

    def amiss(seen: dict[str, Any]) -> str:
        cores = {ALIASES.get(core.lower(), core.lower()) for core in seen["cores"]}
        return _unless(cores == {wanted}, "OpenBLAS uses", seen["cores"])

    return amiss


def _wants_threads(count: int) -> Callable[[dict[str, Any]], str]:
    return lambda seen: _unless(seen["threads"] == [count], "numbers of threads:", seen["threads"])


def _unless(right: bool, words: str, seen: Any) -> str:
    names = ", ".join(map(str, dict.fromkeys(seen))) if isinstance(seen, list) else str(seen)
    return "" if right else f"{words} {names or 'nothing of the kind'}"


def environment(setting: dict[str, str], known: Iterable[str]) -> dict[str, str]:
    """Return this process's environment, without what other settings set."""
    return {name: value for name, value in os.environ.items() if name not in known} | setting


def look(variables: dict[str, str]) -> tuple[dict[str, Any] | None, str]:
    """Run `probe` in an environment; return what it found, or why it found nothing."""
    done = subprocess.run([sys.executable, __file__, "--probe"], env=variables, capture_output=True, text=True)
    if done.returncode < 0:
        return None, f"the processor does not support it (signal {-done.returncode})"
    if done.returncode:
        return None, (done.stderr.strip().splitlines() or ["no word"])[-1]
    return json.loads(done.stdout), ""


# --- runs -------------------------------------------------------------------------------------------------------------


def run(variables: dict[str, str], report: Path) -> Outcome:
    """Run the default tests in an environment."""
    began = time.monotonic()
    command = [sys.executable, "-m", "pytest", f"--junitxml={report}"]
    code = subprocess.run(command, env=variables, cwd=Path(__file__).parents[1]).returncode
    results = read(report) if report.exists() else {}
    trouble = "" if code == 0 or (code == 1 and "failed" in results.values()) else f"pytest ended with code {code}"
    return Outcome(results, time.monotonic() - began, trouble)


def read(report: Path) -> dict[str, str]:
    """Return passed, failed or skipped for every test of a JUnit file."""
    results: dict[str, str] = {}
    for case in ElementTree.parse(report).iter("testcase"):
        kinds = {child.tag for child in case}
        result = "failed" if kinds & {"failure", "error"} else "skipped" if "skipped" in kinds else "passed"
        name = f"{case.get('classname', '').replace('.', '/')}.py::{case.get('name')}"
        if results.get(name) != "failed":  # a test may be reported again, with an error of its teardown
            results[name] = result
    return results


def differences(outcomes: dict[str, Outcome]) -> list[str]:
    """Return a line for each test that does not pass (or is not skipped) in all settings alike."""
    lines = []
    for test in sorted({test for outcome in outcomes.values() for test in outcome.results}):
        where: dict[str, list[str]] = {}
        for name, outcome in outcomes.items():
            where.setdefault(outcome.results.get(test, "not run"), []).append(name)
        if len(where) > 1 or "failed" in where:
            parts = [f"{result} in {', '.join(names)}" for result, names in sorted(where.items()) if result != "passed"]
            lines.append(f"{test}: {'; '.join(parts)}")
    return lines


def summary(outcomes: dict[str, Outcome], skipped: dict[str, str]) -> list[str]:
    """Return the lines of a table of settings."""
    lines = [f"{'setting':<24}{'passed':>8}{'failed':>8}{'seconds':>9}"]
    for name, outcome in outcomes.items():
        counts = f"{outcome.count('passed'):>8}{outcome.count('failed'):>8}{outcome.seconds:>9.0f}"
        lines.append(f"{name:<24}{counts}  {outcome.trouble}".rstrip())
    return lines + [f"{name:<24} skipped: {why}" for name, why in skipped.items()]


def chosen(names: list[str] | None, known: list[Setting]) -> list[Setting]:
    """Return the settings of these names, all by default.

    Raises
    ------
    ValueError
        If there is none of a name.
    """
    for name in names or []:
        if name not in {setting.name for setting in known}:
            raise ValueError(f"no setting {name!r}; there are: {', '.join(setting.name for setting in known)}")
    return [setting for setting in known if not names or setting.name in names]


def main(arguments: list[str] | None = None) -> int:
    """Run the tests in the settings asked for; return the exit code."""
    parser = argparse.ArgumentParser(description="Run the default tests under several settings of numerical libraries.")
    parser.add_argument("--settings", nargs="+", metavar="NAME", help="some of them; all by default")
    parser.add_argument("--probe", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.probe:
        print(json.dumps(probe()))
        return 0
    outcomes: dict[str, Outcome] = {}
    skipped: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as folder:
        every = settings({"features": []}, Path(folder) / "numba")
        known = {name for setting in every for name in setting.environment}
        plain, why = look(environment({}, known))
        if plain is None:
            parser.error(f"the libraries do not load: {why}")
        every = settings(plain, Path(folder) / "numba")
        try:
            wanted = chosen(options.settings, every)
        except ValueError as error:
            parser.error(str(error))
        for setting in wanted:
            variables = environment(setting.environment, known)
            found, why = look(variables)
            why = why if found is None else setting.amiss(found)
            if why:
                skipped[setting.name] = why
                continue
            print(f"--- {setting.name}: {' '.join(f'{k}={v}' for k, v in setting.environment.items())}", flush=True)
            outcomes[setting.name] = run(variables, Path(folder) / f"{setting.name}.xml")
    print(*summary(outcomes, skipped), *differences(outcomes), sep="\n")
    return int(any(outcome.trouble or outcome.count("failed") for outcome in outcomes.values()) or not outcomes)


if __name__ == "__main__":
    sys.exit(main())
