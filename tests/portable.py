"""The default tests under the settings of the numerical libraries that this processor supports.

    python tests/portable.py [--each | --settings NAME ...] [--resume]

The order in which a library adds up numbers, and so the last digits of the sum, depend on its kernels for the processor, on
the width of its vectors and on its threads. A test may pass with some of them and fail with others. Each setting here is an
environment. Before the tests a small program runs in it and says what the libraries really use: a setting that has no
effect, or that ends the program since the processor lacks its instructions, is skipped and said to be.

Settings of different libraries do not exclude one another, so one run of the tests tries several of them. Each kernel of
OpenBLAS has a run. The other settings are spread over these runs: each is there in at least one run and absent in at least
one. Tests that fail in a run, or are skipped in some runs only, run again by themselves under each single setting, and the
report says which setting breaks them. `--each` makes a run of all tests for each single setting instead, which takes two to
three times as long. `--settings` takes names of settings, each for a run; `A+B` is both in one run.

The result of each run is written when the run ends, into `out/portable`. `--resume` takes over the results there that came
to an end, as long as the sources are the same.

Exit code: 0 if all tests pass in all runs, 1 if not.
"""

import argparse
import hashlib
import itertools
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
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

ROOT = Path(__file__).parents[1]

OUT = ROOT / "out" / "portable"

NOTHING = "nothing set"
"""Name of the run without any setting."""


@dataclass(frozen=True)
class Setting:
    """An environment, and a function that says what is not as wanted in what `probe` found there, or nothing."""

    name: str
    environment: dict[str, str]
    amiss: Callable[[dict[str, Any]], str]

    @property
    def library(self) -> str:
        """What is set. Two settings of the same library exclude each other."""
        return self.name.partition("-")[0]


Run = tuple[Setting, ...]
"""Settings of different libraries."""


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
    known = []
    for core in CORES.get(ALIASES.get(platform.machine(), platform.machine()), ()):
        known.append(Setting(f"openblas-{core}".lower(), {"OPENBLAS_CORETYPE": core}, _wants_core(core)))
    without = {"NPY_DISABLE_CPU_FEATURES": " ".join(plain["features"])}
    generic = {"NUMBA_CPU_NAME": "generic", "NUMBA_CACHE_DIR": str(cache)}
    known += [
        Setting("numpy-baseline", without, lambda seen: _unless(not seen["features"], "numpy uses", seen["features"])),
        # MKL is torch's library for matrices where there is one.
        Setting(
            "torch-default",
            {"ATEN_CPU_CAPABILITY": "default", "MKL_CBWR": "COMPATIBLE"},
            lambda seen: _unless(seen["torch"] in ("DEFAULT", "NO AVX"), "torch uses", seen["torch"]),
        ),
        Setting("numba-generic", generic, lambda seen: _unless(seen["numba"] == "generic", "numba uses", seen["numba"])),
    ]
    return known + [
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


def covering(known: Sequence[Setting]) -> list[Run]:
    """Return few runs in which each setting occurs, and is absent, at least once.

    The library with the most settings has one run for each. The other settings of a run are those that bring most single
    settings and pairs that no earlier run has. So the second run is the opposite of the first one where a library has two
    values.
    """
    values: dict[str, list[Setting | None]] = {}
    for setting in known:
        values.setdefault(setting.library, []).append(setting)
    for several in values.values():
        if len(several) == 1:
            several.append(None)  # without it
    if not values:
        return []
    longest = max(values, key=lambda library: len(values[library]))
    others = {library: several for library, several in values.items() if library != longest}
    seen: set[frozenset[tuple[str, str]]] = set()
    runs = []
    for first in values[longest]:
        rows = [{longest: first, **dict(zip(others, rest, strict=True))} for rest in itertools.product(*others.values())]
        row = max(rows, key=lambda row: len(_parts(row) - seen))
        seen |= _parts(row)
        runs.append(tuple(setting for setting in row.values() if setting))
    return runs


def _parts(row: dict[str, Setting | None]) -> set[frozenset[tuple[str, str]]]:
    values = [(library, setting.name if setting else "") for library, setting in row.items()]
    return {frozenset(pair) for pair in itertools.combinations_with_replacement(values, 2)}


def name_of(run: Run) -> str:
    """Return the names of the settings, joined by plus signs."""
    return "+".join(setting.name for setting in run) or NOTHING


def environment(run: Run, known: Iterable[str]) -> dict[str, str]:
    """Return this process's environment, without what other settings set."""
    kept = {name: value for name, value in os.environ.items() if name not in known}
    return kept | {name: value for setting in run for name, value in setting.environment.items()}


def look(variables: dict[str, str]) -> tuple[dict[str, Any] | None, str]:
    """Run `probe` in an environment; return what it found, or why it found nothing."""
    done = subprocess.run([sys.executable, __file__, "--probe"], env=variables, capture_output=True, text=True)
    if done.returncode < 0:
        return None, f"the processor does not support it (signal {-done.returncode})"
    if done.returncode:
        return None, (done.stderr.strip().splitlines() or ["no word"])[-1]
    return json.loads(done.stdout), ""


# --- runs -------------------------------------------------------------------------------------------------------------


def run(variables: dict[str, str], report: Path, tests: Sequence[str] = ()) -> Outcome:
    """Run tests in an environment, all default ones if none are named."""
    began = time.monotonic()
    command = [sys.executable, "-m", "pytest", f"--junitxml={report}", *tests]
    code = subprocess.run(command, env=variables, cwd=ROOT).returncode
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


def sources() -> str:
    """Return a digest of all that the tests' results depend on in this repository."""
    digest = hashlib.sha256()
    folders = ("vvnorm", "proofs_checks", "figures", "benchmarks", "tests", "docs")
    files = [path for folder in folders for path in (ROOT / folder).rglob("*") if path.is_file()]
    kept = {".py", ".md", ".toml", ".csv", ".txt", ".v", ".json"}
    for path in sorted(path for path in [*files, *ROOT.glob("*")] if path.suffix in kept and path.is_file()):
        digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def prepare(folder: Path, resume: bool) -> None:
    """Empty the folder of results, unless they are to be taken over and are those of these sources."""
    state = folder / "sources"
    if resume and state.exists() and state.read_text() == sources():
        return
    if resume and folder.exists():
        print("the sources are others than those of the results there are: all runs begin anew", flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    state.write_text(sources())


class Runs:
    """Runs of tests, each written into a folder when it has ended, and not done again if it is there."""

    def __init__(self, folder: Path, known: Iterable[str]) -> None:
        self.folder = folder
        self.known = set(known)

    def possible(self, settings: Run, skipped: dict[str, str]) -> bool:
        """Tell whether these settings have their effect together; if not, add to `skipped` why."""
        seen, why = look(environment(settings, self.known))
        if seen is not None:
            why = "; ".join(filter(None, (setting.amiss(seen) for setting in settings)))
        if why:
            skipped[name_of(settings)] = why
        return not why

    def outcome(self, settings: Run, tests: Sequence[str] = ()) -> Outcome:
        """Return the outcome of these tests under these settings."""
        kind = hashlib.sha256("\n".join(tests).encode()).hexdigest()[:12] if tests else "all"
        stem = f"{name_of(settings)}.{kind}".replace(" ", "-")
        record = self.folder / f"{stem}.json"
        if record.exists():
            return Outcome(**json.loads(record.read_text()))
        words = " ".join(f"{name}={value}" for setting in settings for name, value in setting.environment.items())
        print(f"--- {name_of(settings)}: {words}", flush=True)
        outcome = run(environment(settings, self.known), self.folder / f"{stem}.xml", tests)
        if not outcome.trouble:  # a run that did not come to its end is not a result
            record.write_text(json.dumps(asdict(outcome)))
        return outcome


# --- report -----------------------------------------------------------------------------------------------------------


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


def culprits(test: str, runs: dict[str, Outcome], again: dict[str, Outcome]) -> str:
    """Say which setting breaks a test; `again` has its results by itself, by the name of the run."""
    where = {
        result: [name for name, outcome in again.items() if outcome.results.get(test, "not run") == result]
        for result in ("failed", "skipped", "not run")
    }
    alone = [name for name in where["failed"] if "+" not in name and name != NOTHING]
    failed = ", ".join(name for name, outcome in runs.items() if outcome.results.get(test) == "failed")
    if NOTHING in where["failed"]:
        return f"{test}: fails with {NOTHING}"
    if alone:
        return f"{test}: fails with {', '.join(alone)}"
    if where["failed"]:
        return f"{test}: fails only with settings together: {', '.join(where['failed'])}"
    if where["not run"]:
        return f"{test}: failed in {failed or 'no run'} and did not run by itself with {', '.join(where['not run'])}"
    if failed:
        return f"{test}: failed in {failed} and passes by itself"
    return f"{test}: skipped with {', '.join(where['skipped']) or 'no setting by itself'}"


def summary(outcomes: dict[str, Outcome], skipped: dict[str, str]) -> list[str]:
    """Return the lines of a table of runs."""
    lines = [f"{'passed':>8}{'failed':>8}{'seconds':>9}  settings"]
    for name, outcome in outcomes.items():
        counts = f"{outcome.count('passed'):>8}{outcome.count('failed'):>8}{outcome.seconds:>9.0f}"
        lines.append(f"{counts}  {name}{': ' if outcome.trouble else ''}{outcome.trouble}")
    return lines + [f"{name} skipped: {why}" for name, why in skipped.items()]


def chosen(names: Iterable[str], known: Iterable[Setting]) -> list[Run]:
    """Return the runs of these names, in which plus signs join settings.

    Raises
    ------
    ValueError
        If there is no setting of a name, or two settings exclude each other.
    """
    by_name = {setting.name: setting for setting in known}
    runs = []
    for name in names:
        for part in name.split("+"):
            if part not in by_name:
                raise ValueError(f"no setting {part!r}; there are: {', '.join(by_name)}")
        run = tuple(by_name[part] for part in name.split("+"))
        if len({setting.library for setting in run}) < len(run):
            raise ValueError(f"{name!r} sets the same library twice")
        runs.append(run)
    return runs


def explain(runs: Runs, outcomes: dict[str, Outcome], covered: Iterable[Run], single: Iterable[Setting]) -> list[str]:
    """Run the tests that fail, or are skipped in some runs only, by themselves; return a line for each."""
    results: dict[str, set[str]] = {}
    for outcome in outcomes.values():
        for test, result in outcome.results.items():
            results.setdefault(test, set()).add(result)
    tests = sorted(test for test, kinds in results.items() if "failed" in kinds or len(kinds) > 1)
    if not tests:
        return []
    again = {
        name_of(setting_run): runs.outcome(setting_run, tests)
        for setting_run in [(), *((setting,) for setting in single), *covered]
    }
    return [culprits(test, outcomes, again) for test in tests]


def parse(arguments: list[str] | None) -> tuple[argparse.ArgumentParser, argparse.Namespace]:
    """Return the parser and the options."""
    parser = argparse.ArgumentParser(description="Run the default tests under several settings of numerical libraries.")
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--each", action="store_true", help="one run for each single setting")
    group.add_argument("--settings", nargs="+", metavar="NAME", help="only these, each for a run; A+B is both in one run")
    parser.add_argument("--resume", action="store_true", help="go on where an earlier call was interrupted")
    parser.add_argument("--probe", action="store_true", help=argparse.SUPPRESS)
    return parser, parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Run the tests in the settings asked for; return the exit code."""
    parser, options = parse(arguments)
    if options.probe:
        print(json.dumps(probe()))
        return 0
    cache = OUT / "numba"
    known = {name for setting in settings({"features": []}, cache) for name in setting.environment}
    plain, why = look(environment((), known))
    if plain is None:
        parser.error(f"the libraries do not load: {why}")
    every = settings(plain, cache)
    skipped: dict[str, str] = {}
    try:
        wanted = chosen(options.settings or [setting.name for setting in every], every)
    except ValueError as error:
        parser.error(str(error))
    prepare(OUT, options.resume)
    runs = Runs(OUT, known)
    try:
        if options.each or options.settings:
            outcomes = {name_of(run): runs.outcome(run) for run in wanted if runs.possible(run, skipped)}
            lines = differences(outcomes)
        else:
            single = [setting for setting in every if runs.possible((setting,), skipped)]
            covered = [run for run in covering(single) if runs.possible(run, skipped)]
            outcomes = {name_of(run): runs.outcome(run) for run in covered}
            lines = explain(runs, outcomes, covered, single)
    except KeyboardInterrupt:
        print("interrupted; --resume takes over the runs that have ended")
        return 130
    print(*summary(outcomes, skipped), *lines, sep="\n")
    return int(any(outcome.trouble or outcome.count("failed") for outcome in outcomes.values()) or not outcomes)


if __name__ == "__main__":
    sys.exit(main())
