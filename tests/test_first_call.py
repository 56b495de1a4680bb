"""The first fit, compiled by two processes: for the types used in the end, and nothing depends on the other one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import vvnorm
from vvnorm.threads import usable_cores
from vvnorm.univariate import first_call

FIRST_FIT = """
import numpy as np
from vvnorm import fit
from vvnorm.univariate import first_call, squared

found = fit(np.arange(40.0), np.sin(np.arange(40.0)), 0.3)
assert found.gap <= 1e-6
hits = lambda kernel: sum(kernel.stats.cache_hits.values())
assert len(squared._generate.signatures) == 1
for kernel, signature in first_call._solver() + first_call._sweeps():
    assert kernel.signatures == [signature], kernel
    print(kernel.__name__, hits(kernel))
"""


@pytest.mark.skipif(usable_cores() < 2, reason="one core compiles alone")
def test_the_first_fit_takes_the_solver_from_the_other_process(tmp_path: Path) -> None:
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path), "PYTHONPATH": str(Path(vvnorm.__file__).parents[1])}
    command = [sys.executable, "-W", "error", "-c", FIRST_FIT]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    hits = dict(line.split() for line in done.stdout.splitlines())
    assert hits == {
        "improve": "1",
        "next_knots": "1",
        "segment_summaries": "0",
        "sweep": "0",
        "complete": "0",
        "tally": "0",
        "first_knots": "0",
        "where_it_bends": "0",
    }


def test_the_solver_runs_where_compilation_is_switched_off() -> None:
    code = "import numpy as np, vvnorm; print(vvnorm.fit(np.arange(9.0), np.arange(9.0) % 2, 0.1).found.gap <= 1e-6)"
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1", "PYTHONPATH": str(Path(vvnorm.__file__).parents[1])}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert (done.stdout, done.returncode) == ("True\n", 0), done.stderr


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Commands of the processes that are started, in a process that has not begun."""
    commands: list[list[str]] = []

    class Process:
        def __init__(self, command: list[str], **_: object) -> None:
            commands.append(command)
            self.waited = False

        def wait(self, timeout: float) -> None:
            self.waited = True

    monkeypatch.setattr(first_call, "_begun", False)
    monkeypatch.setattr(first_call, "_other", None)
    monkeypatch.delenv(first_call._MARK, raising=False)
    monkeypatch.setattr(first_call.subprocess, "Popen", Process)
    monkeypatch.setattr(first_call.atexit, "register", lambda _: None)
    monkeypatch.setattr(first_call, "usable_cores", lambda: 2)
    monkeypatch.setattr(first_call, "_is_cached", lambda: False)
    return commands


def test_one_other_process_is_started_and_waited_for(started: list[list[str]]) -> None:
    first_call.begin()
    first_call.begin()
    assert [command[0] for command in started] == [sys.executable]
    other = first_call._other
    first_call.finish(squared=False)
    assert vars(other)["waited"]
    assert first_call._other is None
    first_call.begin()
    assert len(started) == 1


@pytest.mark.parametrize(("name", "value"), [("usable_cores", 1), ("_is_cached", True)])
def test_a_lone_core_and_a_full_cache_need_no_other_process(
    started: list[list[str]], monkeypatch: pytest.MonkeyPatch, name: str, value: int
) -> None:
    monkeypatch.setattr(first_call, name, lambda: value)
    first_call.begin()
    assert not started
    assert first_call._other is None


def test_the_other_process_starts_none_itself(started: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(first_call._MARK, "1")
    first_call.begin()
    assert not started


def test_a_program_without_an_interpreter_of_its_own_compiles_alone(
    started: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", None)
    first_call.begin()
    assert not started


def test_a_process_that_hangs_is_not_waited_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    hanging = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    monkeypatch.setattr(first_call, "_other", hanging)
    monkeypatch.setattr(first_call, "_PATIENCE", 0.1)
    first_call.finish(squared=False)
    assert hanging.wait(timeout=10) != 0
    assert first_call._other is None


def test_a_process_that_cannot_start_is_done_without(started: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError

    monkeypatch.setattr(first_call.subprocess, "Popen", refuse)
    first_call.begin()
    first_call.finish(squared=True)
    assert first_call._other is None


def test_a_solver_older_than_its_source_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, cached = tmp_path / "reduced.py", tmp_path / "reduced.improve-1.py311.nbi"
    source.touch()
    stats = type("Stats", (), {"cache_path": str(tmp_path)})
    kernel = type("Kernel", (), {"stats": stats})
    monkeypatch.setattr(first_call, "reduced", type("Module", (), {"__file__": str(source), "improve": kernel}))
    assert not first_call._is_cached()
    cached.touch()
    os.utime(source, (1, 1))
    assert first_call._is_cached()
    os.utime(cached, (0, 0))
    assert not first_call._is_cached()
