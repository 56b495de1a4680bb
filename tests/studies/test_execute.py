"""Running studies: every run once, whoever does it and whatever dies."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest
import stand_in
from sweeps import COMMAND, ENVIRONMENT, bare, go, study, wait_for_rows
from warm_processes import warm_context

from vvnorm._internal.executors import WorkerProcesses
from vvnorm.studies.execute import Tally, run_study
from vvnorm.studies.store import Store, code_version, load_rows


@pytest.fixture
def soon_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let worker processes be forks of one that has imported what they need; they are spawned in the other tests."""
    monkeypatch.setattr("vvnorm._internal.executors.multiprocessing", SimpleNamespace(get_context=lambda _: warm_context()))


# --- the same rows, whoever does them ---------------------------------------------------------------------------------


def test_rows_depend_on_the_configuration_alone(tmp_path: Path) -> None:
    what = study(tmp_path, seeds=20)
    tally, expected = go(tmp_path, what, "two")
    assert (tally.total, tally.done, tally.failed, tally.fresh) == (40, 40, 0, 40)
    assert {row["key"] for row in expected} == {run.key(code_version()) for run in what.runs}
    assert [row["gradient"] for row in expected] == [
        stand_in.perform(run)["gradient"] for row in expected for run in what.runs if run.key(code_version()) == row["key"]
    ]
    assert bare(go(tmp_path, what, "one", workers=1)[1]) == bare(expected)
    with ThreadPoolExecutor(3) as threads:
        assert bare(go(tmp_path, what, "threads", executor=threads)[1]) == bare(expected)
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as processes:
        assert bare(go(tmp_path, what, "processes", executor=processes)[1]) == bare(expected)


@pytest.mark.usefixtures("soon_there")
def test_nothing_is_done_twice(tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    what = study(tmp_path, marks=marks)
    first, rows = go(tmp_path, what)
    again, same = go(tmp_path, what)
    assert (first.fresh, again.fresh, again.done) == (16, 0, 16)
    assert rows == same
    assert set(Counter(line.split()[0] for line in marks.read_text().splitlines()).values()) == {1}


@pytest.mark.usefixtures("soon_there")
def test_two_processes_share_the_work(tmp_path: Path) -> None:
    _, rows = go(tmp_path, study(tmp_path, seconds=0.2, seeds=10))
    workers = Counter(row["worker"] for row in rows)
    assert len(workers) == 2
    assert min(workers.values()) >= 5


class Recorder(Executor):
    """Threads that record how many jobs they have at once."""

    def __init__(self) -> None:
        self.inner = ThreadPoolExecutor(2)
        self.flying: set[Future[Any]] = set()
        self.most = 0

    def submit(self, function: Callable[..., Any], /, *args: Any, **options: Any) -> Future[Any]:
        future = self.inner.submit(function, *args, **options)
        self.flying.add(future)
        self.most = max(self.most, sum(not job.done() for job in self.flying))
        return future


@pytest.mark.parametrize("seconds", [0.002, 0.3])
def test_few_runs_are_sent_ahead(tmp_path: Path, seconds: float) -> None:
    recorder = Recorder()
    what = study(tmp_path, seeds=50 if seconds < 0.1 else 5, seconds=seconds)
    tally, _ = go(tmp_path, what, executor=recorder)
    assert tally.done == len(what.runs) == len(recorder.flying)
    assert recorder.most <= 4
    recorder.inner.shutdown()


@pytest.mark.usefixtures("soon_there")
def test_progress_is_told_after_each_run(tmp_path: Path) -> None:
    told: list[Tally] = []
    go(tmp_path, study(tmp_path, seeds=4, target='"failing"'), progress=told.append)
    assert [tally.done + tally.failed for tally in told] == list(range(9))
    assert (told[0].rate, told[0].left) == (0, float("inf"))
    assert told[-1].left == 0
    assert told[4].left == pytest.approx(told[4].seconds)
    assert str(told[-1]) == "4 of 8 runs done, 4 failed"


def test_workers_use_one_thread_each(tmp_path: Path) -> None:
    _, rows = go(tmp_path, study(tmp_path), perform=stand_in.threads)
    assert {(row["most"], row["later"]) for row in rows} == {(1, "1")}
    assert min(row["pools"] for row in rows) >= 1
    assert "VECLIB_MAXIMUM_THREADS" not in os.environ
    with ThreadPoolExecutor(1) as threads:
        _, rows = go(tmp_path, study(tmp_path), "inside", executor=threads, perform=stand_in.threads)
    assert "VECLIB_MAXIMUM_THREADS" not in os.environ


# --- failures ---------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("soon_there")
def test_failing_runs_are_recorded_and_tried_again(tmp_path: Path) -> None:
    what = study(tmp_path, target='"noise", "failing"')
    for attempt in range(2):
        with Store(tmp_path / "store.sqlite", what, resume=True) as store:
            tally = run_study(what, store, perform=stand_in.perform, workers=2)
            failures, rows = store.failures(), store.rows()
        assert (tally.done, tally.failed, tally.fresh) == (24, 8, 8 if attempt else 32)
        assert len(rows) == 24
        assert [(failure["target"], failure["seed"] % 2) for failure in failures] == [("failing", 1)] * 8
        assert failures[0]["error"] == f"ArithmeticError: seed {failures[0]['seed']} is odd"
        assert "stand_in.py" in failures[0]["traceback"]
    with Store(tmp_path / "store.sqlite", what, resume=True) as store, ThreadPoolExecutor(2) as threads:
        mended = run_study(what, store, perform=lambda run: {"gradient": 0.5}, executor=threads)
        assert (mended.done, mended.failed, store.failures()) == (32, 0, [])


@pytest.mark.usefixtures("soon_there")
def test_outcomes_that_cannot_be_kept_are_failures(tmp_path: Path) -> None:
    what = study(tmp_path)
    with Store(tmp_path / "store.sqlite", what) as store:
        tally = run_study(what, store, perform=stand_in.odd_outcomes, workers=1)
        errors = {failure["seed"]: failure["error"] for failure in store.failures()}
    assert (tally.done, tally.failed) == (2, 14)
    assert errors == {
        0: "ValueError: an outcome cannot be named 'key'",
        1: "ValueError: an outcome cannot be named 'Worker'",
        2: "ValueError: an outcome cannot be named 'a b'",
        3: "ValueError: an outcome cannot be named 'x'",
        4: "TypeError: outcome 'x' is a list, not a number, text or None",
        5: "TypeError: a run returns a mapping of outcomes, got list",
        6: "ValueError: outcome 'x' has more than 64 bits",
    }


@pytest.mark.usefixtures("soon_there")
def test_run_that_kills_its_worker_is_given_up_and_the_others_go_on(tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    what = study(tmp_path, target='"noise", "deadly"', marks=marks)
    with Store(tmp_path / "store.sqlite", what) as store:
        tally = run_study(what, store, perform=stand_in.perform, workers=2)
        (failure,) = store.failures()
        assert len(store.rows()) == 31
    assert (tally.done, tally.failed) == (31, 1)
    assert (failure["target"], failure["seed"], failure["auxiliary"]) == ("deadly", 1, 1)
    assert failure["error"] == "its worker died each of 3 times, without a traceback"
    (deadly,) = (run for run in what.runs if (run.target, run.seed, run.auxiliary) == ("deadly", 1, 1))
    tries = Counter(line.split()[0] for line in marks.read_text().splitlines())
    assert tries[deadly.key("")] == 3


def test_worker_that_is_killed_is_replaced(tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    what = study(tmp_path, seeds=10, seconds=0.1, marks=marks)
    killed: list[int] = []

    def kill_one(tally: Tally) -> None:
        if tally.fresh in (3, 9):
            killed.append(int(marks.read_text().split()[-1]))
            os.kill(killed[-1], signal.SIGKILL)

    tally, rows = go(tmp_path, what, progress=kill_one)
    assert len(killed) == 2
    assert (tally.done, tally.failed) == (20, 0)
    assert len({row["key"] for row in rows}) == len(rows) == 20
    assert len({line.split()[1] for line in marks.read_text().splitlines()}) >= 3


def test_broken_executor_that_is_not_ours_ends_the_study(tmp_path: Path) -> None:
    what = study(tmp_path, target='"deadly"', seeds=40)
    processes = ProcessPoolExecutor(2, mp_context=get_context("spawn"))
    with pytest.raises(OSError, match=r"the executor is broken .* of 80 runs done; --resume goes on"):
        go(tmp_path, what, executor=processes)
    processes.shutdown()
    assert len(load_rows(tmp_path / "store.sqlite")) < 80


@pytest.mark.usefixtures("soon_there")
def test_function_that_cannot_be_sent_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"workers cannot do runs .*pickle"):
        go(tmp_path, study(tmp_path), perform=lambda run: {})


@pytest.mark.usefixtures("soon_there")
def test_workers_with_other_code_are_refused(tmp_path: Path) -> None:
    what = study(tmp_path)
    with Store(tmp_path / "store.sqlite", what, code="0.0+other") as store:
        with pytest.raises(OSError, match=r"has code .*this study runs 0\.0\+other") as error:
            run_study(what, store, perform=stand_in.perform, workers=1)
        assert code_version() in str(error.value)
        assert store.rows() == []


@pytest.mark.usefixtures("soon_there")
def test_full_disk_ends_the_study_and_its_workers(tmp_path: Path) -> None:
    what = study(tmp_path, seeds=200)
    with Store(tmp_path / "store.sqlite", what) as store:
        store._connection.execute("PRAGMA max_page_count = 12")
        with pytest.raises(OSError, match="the disk is full; finished runs are kept, --resume goes on"):
            run_study(what, store, perform=stand_in.perform, workers=2)
        assert 0 < len(store.rows()) < 400


def test_worker_processes_can_be_stopped_at_once() -> None:
    began = time.monotonic()
    with WorkerProcesses(2) as processes:
        calls = [processes.submit(time.sleep, 60) for _ in range(2)]
        processes.stop()
    assert all(isinstance(call.exception(), Exception) for call in calls)
    assert time.monotonic() - began < 30


# --- interruption -----------------------------------------------------------------------------------------------------


def sweep(folder: Path, *options: str) -> subprocess.Popen[str]:
    """Start the command in a process of its own."""
    command = [sys.executable, "-W", "error", "-c", COMMAND, "sweep", folder / "study.toml", "--workers", "2", *options]
    return subprocess.Popen(
        command,
        cwd=folder,
        env=ENVIRONMENT,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_study_says_how_far_it_is_and_goes_on(tmp_path: Path, number: signal.Signals) -> None:
    what = study(tmp_path, seconds=0.05, seeds=30)
    process = sweep(tmp_path)
    wait_for_rows(tmp_path, 5)
    # Ctrl-C reaches all processes of a terminal.
    os.killpg(process.pid, number) if number == signal.SIGINT else process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    done = len(load_rows(tmp_path / "example.sqlite"))
    assert 5 <= done < 60
    assert (out, err) == (f"{done} of 60 runs done; --resume goes on\n", "vvnorm: interrupted\n")
    rest = sweep(tmp_path, "--resume")
    out, err = rest.communicate(timeout=120)
    assert (rest.returncode, out, err) == (0, "60 of 60 runs done in example.sqlite\n", "")
    assert {row["key"] for row in load_rows(tmp_path / "example.sqlite")} == {run.key(code_version()) for run in what.runs}


@pytest.mark.parametrize("kills", [2, pytest.param(8, marks=pytest.mark.slow)])
def test_killed_study_goes_on_and_leaves_no_workers_behind(kills: int, tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    what = study(tmp_path, seconds=0.02, seeds=60, marks=marks)
    chance = Random(7)
    before: set[str] = set()
    for _ in range(kills):
        process = sweep(tmp_path, "--resume")
        wait_for_rows(tmp_path, len(before) + 1)
        time.sleep(chance.uniform(0, 0.2))
        process.kill()
        process.communicate()
        connection = sqlite3.connect(tmp_path / "example.sqlite")
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        connection.close()
        keys = {row["key"] for row in load_rows(tmp_path / "example.sqlite")}
        assert before < keys
        before = keys
    end = time.monotonic() + 30
    workers = {int(line.split()[1]) for line in marks.read_text().splitlines() if len(line.split()) == 2}
    while any(Path(f"/proc/{worker}").exists() for worker in workers) and time.monotonic() < end:
        time.sleep(0.1)
    assert not [worker for worker in workers if Path(f"/proc/{worker}").exists()]
    rest = sweep(tmp_path, "--resume")
    out, _ = rest.communicate(timeout=120)
    assert (rest.returncode, out) == (0, "120 of 120 runs done in example.sqlite\n")
    rows = load_rows(tmp_path / "example.sqlite")
    assert Counter(row["key"] for row in rows) == {run.key(code_version()): 1 for run in what.runs}
    with ThreadPoolExecutor(2) as threads:
        assert bare(go(tmp_path, what, "undisturbed", executor=threads)[1]) == bare(rows)


@pytest.mark.usefixtures("soon_there")
def test_in_another_thread_signals_are_left_alone(tmp_path: Path) -> None:
    what = study(tmp_path, seeds=2)
    tallies: list[Tally] = []
    thread = threading.Thread(target=lambda: tallies.append(go(tmp_path, what, workers=1)[0]))
    thread.start()
    thread.join()
    assert tallies[0].done == 4
