"""Studies on a Dask cluster: a real scheduler and workers in processes of their own, over loopback."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
import stand_in
from commands import runner
from sweeps import COMMAND, ENVIRONMENT, bare, go, specify, study, wait_for_rows
from warm_processes import dask_process

import vvnorm
from vvnorm.claims import load_outcomes
from vvnorm.studies.cluster import cluster_executor
from vvnorm.studies.execute import Tally, run_study
from vvnorm.studies.store import Store, code_version, load_rows

LOCAL = ("--host", "127.0.0.1", "--no-dashboard")


class Cluster:
    """A scheduler on a free port and its workers."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.contact = folder, folder / "scheduler.json"
        self.workers: list[BaseProcess | subprocess.Popen[bytes]] = []
        self.scheduler = self.start("dask_scheduler", "--port", "0", "--scheduler-file", str(self.contact))
        try:
            # It is there before it is written.
            self.wait(lambda: self.contact.exists() and self.contact.read_text().rstrip().endswith("}"))
        except BaseException:
            self.stop()
            raise
        self.address = str(json.loads(self.contact.read_text())["address"])

    def start(self, kind: str, *options: str, path: str | None = None) -> BaseProcess | subprocess.Popen[bytes]:
        """Begin a process; one with another path for imports is no fork of any that has imported something."""
        log = self.folder / f"{kind}{len(self.workers)}.log"
        log.touch()
        if path is None:
            return dask_process(kind, [*LOCAL, *options], self.folder, log, ENVIRONMENT)
        command = [sys.executable, "-m", f"distributed.cli.{kind}", *LOCAL, *options]
        with open(log, "wb") as stream:
            return subprocess.Popen(
                command, cwd=self.folder, env=ENVIRONMENT | {"PYTHONPATH": path}, stdout=stream, stderr=stream
            )

    def add_worker(self, path: str | None = None) -> None:
        options = ("--scheduler-file", str(self.contact), "--nthreads", "1", "--no-nanny")
        self.workers.append(self.start("dask_worker", *options, path=path))
        log = self.folder / f"dask_worker{len(self.workers) - 1}.log"
        self.wait(lambda: "Registered to" in log.read_text())

    def wait(self, there: Callable[[], bool]) -> None:
        end = time.monotonic() + 60
        while not there():
            assert time.monotonic() < end, [log.read_text()[-500:] for log in self.folder.glob("*.log")]
            time.sleep(0.05)

    def stop(self) -> None:
        for process in (*self.workers, self.scheduler):
            process.kill()
            process.join() if isinstance(process, BaseProcess) else process.wait()


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    folder = tmp_path / "cluster"
    folder.mkdir()
    made = Cluster(folder)
    yield made
    made.stop()


@pytest.fixture(scope="module")
def kept_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster of one worker for tests that leave it as it is."""
    made = Cluster(tmp_path_factory.mktemp("cluster"))
    try:
        made.add_worker()
        yield made
    finally:
        made.stop()


def command(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", COMMAND, "sweep", folder / "study.toml", *options],
        cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, timeout=120,
    )  # fmt: skip


def test_study_survives_a_worker_that_is_killed(tmp_path: Path, cluster: Cluster) -> None:
    cluster.add_worker()
    cluster.add_worker()
    marks = tmp_path / "marks"
    what = study(tmp_path, seeds=30, seconds=0.05, marks=marks)
    victims: list[int] = []

    def kill_one(tally: Tally) -> None:
        if tally.fresh == 12:
            victims.append(cluster.workers[0].pid)
            cluster.workers[0].kill()

    with Store(tmp_path / "store.sqlite", what) as store, cluster_executor(cluster.address, store.code) as executor:
        tally = run_study(what, store, perform=stand_in.perform, executor=executor, progress=kill_one)
        rows = store.rows()
    assert (tally.done, tally.failed, len(victims)) == (60, 0, 1)
    assert Counter(row["key"] for row in rows) == {run.key(code_version()): 1 for run in what.runs}
    workers = Counter(int(row["worker"].rpartition(":")[2]) for row in rows)
    assert set(workers) == {worker.pid for worker in cluster.workers}
    assert workers[cluster.workers[1].pid] > workers[victims[0]]
    assert bare(go(tmp_path, what, "alone", workers=1)[1]) == bare(rows)


def test_run_that_kills_its_workers_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ENVIRONMENT, "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES", "0")
    cluster = Cluster(tmp_path)
    try:
        for _ in range(4):
            cluster.add_worker()
        what = study(tmp_path, target='"deadly"', seeds=6, seconds=0.05)
        with Store(tmp_path / "store.sqlite", what) as store, cluster_executor(cluster.address, store.code) as executor:
            # One call at a time, so that no run is lost with another one's worker.
            executor.slots = 1  # type: ignore[attr-defined]
            tally = run_study(what, store, perform=stand_in.perform, executor=executor)
            (failure,) = store.failures()
    finally:
        cluster.stop()
    assert (tally.done, tally.failed) == (11, 1)
    assert (failure["seed"], failure["auxiliary"]) == (1, 1)
    assert failure["error"] == "its worker died each of 3 times, without a traceback"
    assert "KilledWorker" in failure["traceback"]


def test_cluster_without_workers_is_given_up(
    tmp_path: Path, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    monkeypatch.setattr("vvnorm.studies.execute.NO_WORKERS_SECONDS", 2)
    cluster.add_worker()
    what = study(tmp_path, seeds=30, seconds=0.1)

    def kill(tally: Tally) -> None:
        if tally.fresh == 6:
            cluster.workers[0].kill()

    with Store(tmp_path / "store.sqlite", what) as store:
        with (
            pytest.raises(OSError, match=r"all workers are gone; \d+ of 60 runs done; --resume goes on"),
            cluster_executor(cluster.address, store.code) as executor,
        ):
            run_study(what, store, perform=stand_in.perform, executor=executor, progress=kill)
        assert 6 <= len(store.rows()) < 60


def test_lost_scheduler_ends_with_one_line_and_keeps_what_is_done(tmp_path: Path, cluster: Cluster) -> None:
    cluster.add_worker()
    what = study(tmp_path, seeds=30, seconds=0.2)

    def lose(tally: Tally) -> None:
        if tally.fresh == 6:
            cluster.scheduler.kill()

    began = time.monotonic()
    with Store(tmp_path / "store.sqlite", what) as store:
        with (
            pytest.raises(OSError, match=r"the scheduler is lost, .*; \d+ of 60 runs done; --resume goes on"),
            cluster_executor(cluster.address, store.code) as executor,
        ):
            run_study(what, store, perform=stand_in.perform, executor=executor, progress=lose)
        kept = len(store.rows())
    assert 6 <= kept < 60
    assert time.monotonic() - began < 60
    assert go(tmp_path, what)[0].done == 60


def test_command_on_a_cluster(tmp_path: Path, kept_cluster: Cluster) -> None:
    specify(tmp_path)
    done = command(tmp_path, "--scheduler", kept_cluster.address)
    assert (done.returncode, done.stdout, done.stderr) == (0, "16 of 16 runs done in example.sqlite\n", "")
    assert {row["worker"].rpartition(":")[2] for row in load_rows(tmp_path / "example.sqlite")} == {
        str(kept_cluster.workers[0].pid)
    }


def test_claims_on_a_cluster(tmp_path: Path, kept_cluster: Cluster, capsys: pytest.CaptureFixture[str]) -> None:
    outcomes = {}
    for name, options in {"there": ("--scheduler", kept_cluster.address), "here": ("--jobs", "1")}.items():
        done = runner(capsys)("verify", "rescaling", "--draws", 3, "--json", tmp_path / f"{name}.json", *options)
        assert (done.code, done.err) == (0, "")
        outcomes[name] = load_outcomes(tmp_path / f"{name}.certificates.sqlite")["rescaling"]
    assert outcomes["there"].keys() == outcomes["here"].keys()
    for label, outcome in outcomes["there"].items():
        other = outcomes["here"][label].result
        assert (outcome.result.lower, outcome.result.upper) == (other.lower, other.upper)
        for part, array in outcome.result.certificate.items():
            assert array.tobytes() == other.certificate[part].tobytes()


@pytest.mark.slow  # the study of `test_lost_scheduler_ends_with_one_line`, and a command that prints its error
def test_command_whose_scheduler_is_lost(tmp_path: Path, cluster: Cluster) -> None:
    cluster.add_worker()
    specify(tmp_path, seeds=100, seconds=0.1)
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND, "sweep", tmp_path / "study.toml", "--scheduler", cluster.address],
        cwd=tmp_path, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    store = tmp_path / "example.sqlite"
    wait_for_rows(tmp_path, 3)
    cluster.scheduler.kill()
    out, err = process.communicate(timeout=60)
    assert process.returncode == 64
    kept = len(load_rows(store))
    assert (out, err) == (
        "",
        f"vvnorm: the scheduler is lost, or has cancelled runs; {kept} of 200 runs done; --resume goes on\n",
    )


def test_workers_with_other_code_are_refused(tmp_path: Path, cluster: Cluster) -> None:
    other = tmp_path / "other"
    shutil.copytree(Path(vvnorm.__file__).parent, other / "vvnorm", ignore=shutil.ignore_patterns("__pycache__"))
    with open(other / "vvnorm" / "tolerances.py", "a") as source:
        source.write("# Another version.\n")
    cluster.add_worker()
    cluster.add_worker(path=f"{other}{os.pathsep}{ENVIRONMENT['PYTHONPATH']}")
    specify(tmp_path)
    done = command(tmp_path, "--scheduler", cluster.address)
    assert done.returncode == 64
    assert done.stderr.startswith("vvnorm: worker tcp://127.0.0.1:")
    assert done.stderr.count("\n") == 1
    assert f"this is {code_version()}" in done.stderr
    assert load_rows(tmp_path / "example.sqlite") == []


def test_worker_with_other_code_that_comes_later_ends_the_study(tmp_path: Path, cluster: Cluster) -> None:
    cluster.add_worker()
    what = study(tmp_path)
    with Store(tmp_path / "store.sqlite", what, code="0+other") as store:
        with (
            pytest.raises(OSError, match=rf"has code {code_version().replace('+', '.')}, this study runs 0.other"),
            cluster_executor(cluster.address, code_version()) as executor,
        ):
            run_study(what, store, perform=stand_in.perform, executor=executor)
        assert store.rows() == []


def test_scheduler_without_workers_is_refused(tmp_path: Path, cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vvnorm.studies.cluster.CONNECT_SECONDS", 1)
    with pytest.raises(ValueError, match="has no workers"), cluster_executor(cluster.address, code_version()):
        pass


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "nonsense://x", "127.0.0.1:99999"])
def test_no_scheduler_is_one_line(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vvnorm.studies.cluster.CONNECT_SECONDS", 1)
    with pytest.raises(ValueError, match="no scheduler answers at") as error:
        cluster_executor(address, code_version()).__enter__()
    assert "\n" not in str(error.value)


def test_missing_dask_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ValueError, match=r"pip install 'vvnorm\[cluster\]'"):
        cluster_executor("tcp://127.0.0.1:1", code_version()).__enter__()
