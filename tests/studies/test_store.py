"""The store of a study: what is committed stays, and nothing is mixed."""

import csv
import math
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet
from stored_runs import RUNS, STUDY

from vvnorm.studies import store as module
from vvnorm.studies.run import INFINITE, Run
from vvnorm.studies.store import Store, code_version, export_rows, load_rows
from vvnorm.studies.study import Study


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "example.sqlite"


def fill(store: Store, runs: tuple[Run, ...] = RUNS) -> None:
    for run in runs:
        store.add(run, {"gradient": run.seed / 7, "neurons": 3 + run.seed, "status": "ok", "gap": None}, 0.25, "here:1")


def integrity(path: Path) -> str:
    connection = sqlite3.connect(path)
    try:
        return str(connection.execute("PRAGMA integrity_check").fetchone()[0])
    finally:
        connection.close()


def test_rows_come_back_as_they_were(path: Path) -> None:
    with Store(path, STUDY, code="v") as store:
        fill(store)
        rows = store.rows()
        assert store.finished() == {run.key("v") for run in RUNS}
        assert store.failures() == []
    assert load_rows(path) == rows
    assert len(rows) == len(RUNS)
    by_key = {row["key"]: row for row in rows}
    for run in RUNS:
        row = by_key[run.key("v")]
        assert (row["target"], row["inputs"], row["points"], row["seed"]) == ("noise", 2, 25, run.seed)
        assert (row["auxiliary"], row["sigma"], row["settings"]) == (run.auxiliary, run.sigma, '{"tol": 1e-06}')
        assert (row["gradient"], row["neurons"], row["status"], row["gap"]) == (run.seed / 7, 3 + run.seed, "ok", None)
        assert isinstance(row["neurons"], int)
        assert (row["seconds"], row["worker"]) == (0.25, "here:1")
        assert row["finished"].endswith("+00:00")


def test_order_is_that_of_the_configurations(path: Path, tmp_path: Path) -> None:
    mixed = list(RUNS)
    random.Random(1).shuffle(mixed)
    with Store(path, STUDY, code="v") as first, Store(tmp_path / "other.sqlite", STUDY, code="v") as second:
        fill(first)
        fill(second, tuple(mixed))
        keys = [[row["key"] for row in store.rows()] for store in (first, second)]
    assert keys[0] == keys[1]


def test_configuration_is_queryable(path: Path) -> None:
    with Store(path, STUDY) as store:
        fill(store)
        connection = sqlite3.connect(path)
        query = "SELECT auxiliary, count(*), max(neurons) FROM runs WHERE seed < 5 GROUP BY auxiliary ORDER BY 1"
        assert connection.execute(query).fetchall() == [(0, 5, 7), (4, 5, 7), (INFINITE, 5, 7)]
        assert connection.execute("SELECT count(*) FROM runs WHERE auxiliary = 9e999").fetchone() == (20,)
        connection.close()


def test_commits_are_synchronous_and_readers_are_let_in(path: Path) -> None:
    with Store(path, STUDY) as store:
        assert store._connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert store._connection.execute("PRAGMA synchronous").fetchone() == (2,)


def test_solvers_may_have_outcomes_of_their_own(path: Path) -> None:
    with Store(path, STUDY) as store:
        store.add(RUNS[0], {"gap": 1e-7}, 1.0, "w")
        store.add(RUNS[3], {"loss": 2.0, "order": "last"}, 1.0, "w")
        first, second = store.rows()
    assert (first["gap"], first["loss"], first["order"]) == (1e-7, None, None)
    assert (second["gap"], second["loss"], second["order"]) == (None, 2.0, "last")


def test_no_run_is_there_twice(path: Path) -> None:
    with Store(path, STUDY) as store:
        fill(store, RUNS[:1])
        with pytest.raises(OSError, match="UNIQUE"):
            fill(store, RUNS[:1])
        assert len(store.rows()) == 1


def test_failure_is_kept_until_a_later_try_succeeds(path: Path) -> None:
    with Store(path, STUDY) as store:
        store.add_failure(RUNS[0], "ValueError: no", "Traceback ...\nValueError: no", 0.5, "w")
        store.add_failure(RUNS[0], "ValueError: still no", "Traceback ...\nValueError: still no", 0.5, "w")
        (failure,) = store.failures()
        assert (failure["error"], failure["seed"]) == ("ValueError: still no", 0)
        assert failure["traceback"].startswith("Traceback")
        assert store.rows() == []
        fill(store, RUNS[:1])
        assert store.failures() == []


# --- refusals ---------------------------------------------------------------------------------------------------------


def test_store_with_runs_needs_resume(path: Path) -> None:
    with Store(path, STUDY):
        pass
    with Store(path, STUDY) as store:
        fill(store, RUNS[:2])
    with pytest.raises(ValueError, match=r"example.sqlite' has runs of this study already; use --resume"):
        Store(path, STUDY)
    with Store(path, STUDY, resume=True) as store:
        assert len(store.finished()) == 2


def test_store_with_failures_only_needs_resume(path: Path) -> None:
    with Store(path, STUDY) as store:
        store.add_failure(RUNS[0], "no", "no", 0.5, "w")
    with pytest.raises(ValueError, match="--resume"):
        Store(path, STUDY)


@pytest.mark.parametrize("resume", [False, True])
def test_store_of_another_study_or_code_is_refused(path: Path, resume: bool) -> None:
    with Store(path, STUDY, code="1+aa") as store:
        fill(store, RUNS[:2])
    before = load_rows(path)
    other = Study("example", RUNS[:-1])
    for study, code in ((other, "1+aa"), (STUDY, "1+bb"), (replace(STUDY, name="second"), "1+aa")):
        with pytest.raises(ValueError, match="is the store of study 'example'") as error:
            Store(path, study, code=code, resume=resume)
        said = str(error.value)
        for words in (STUDY.fingerprint[:12], study.fingerprint[:12], "1+aa", code, f"'{study.name}'", "not mixed"):
            assert words in said
    assert load_rows(path) == before


def test_store_in_use_is_refused(path: Path) -> None:
    with Store(path, STUDY) as store:
        with pytest.raises(ValueError, match="in use: another process is running this study"):
            Store(path, STUDY, resume=True)
        fill(store, RUNS[:1])
        assert len(load_rows(path)) == 1
    with Store(path, STUDY, resume=True) as store:
        assert len(store.rows()) == 1


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: path.write_text("a,b\n1,2\n" * 200), "is not a store of a study"),
        (lambda path: sqlite3.connect(path).executescript("CREATE TABLE runs (a)").close(), "is not a store of a study"),
        (lambda path: path.mkdir(), "is a folder"),
    ],
    ids=["text", "other database", "folder"],
)
def test_other_files_are_refused_and_left_alone(path: Path, make: Callable[[Path], Any], said: str) -> None:
    make(path)
    before = path.read_bytes() if path.is_file() else b""
    with pytest.raises(ValueError, match=said):
        Store(path, STUDY, resume=True)
    assert before == (path.read_bytes() if path.is_file() else b"")


def test_lock_that_cannot_be_made_is_refused(path: Path) -> None:
    Path(f"{path}-lock").mkdir()
    with pytest.raises(ValueError, match=r"cannot write '.*example.sqlite-lock': unable to open database file"):
        Store(path, STUDY)
    assert not path.exists()


def test_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="the folder does not exist"):
        Store(tmp_path / "none" / "a.sqlite", STUDY)


def test_reading_needs_a_store(path: Path) -> None:
    with pytest.raises(ValueError, match="there is no store"):
        load_rows(path)
    path.write_text("text " * 300)
    with pytest.raises(ValueError, match="is not a store"):
        load_rows(path)


def test_code_version_changes_with_any_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "vvnorm"
    (package / "part").mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "part" / "solver.py").write_text("tol = 1\n")
    (package / "notes.txt").write_text("no code")
    versions = []
    for change in (lambda: None, lambda: (package / "notes.txt").write_text("still none"), lambda: None):
        change()
        monkeypatch.setattr(module, "PACKAGE", package)
        versions.append(code_version.__wrapped__())
    (package / "part" / "solver.py").write_text("tol = 2\n")
    versions.append(code_version.__wrapped__())
    (package / "part" / "solver.py").rename(package / "part" / "master.py")
    versions.append(code_version.__wrapped__())
    assert versions[0] == versions[1] == versions[2]
    assert len(set(versions)) == 3


# --- killed and full --------------------------------------------------------------------------------------------------

WRITER = """
import sys
from stored_runs import RUNS, STUDY
from vvnorm.studies.store import Store
with Store(sys.argv[1], STUDY, code="v", resume=True) as store:
    done = store.finished()
    print("begin", flush=True)
    for run in RUNS:
        if run.key("v") not in done:
            # Long rows, so that a kill falls into the middle of a write.
            store.add(run, {"text": f"{run.seed}" * 200000, f"column_{run.seed}": 1}, 0.1, "w")
            print(run.key("v"), flush=True)
"""


def test_kill_in_the_middle_of_a_write_loses_no_row_that_was_committed(path: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    chance = random.Random(5)
    told: set[str] = set()
    kills = 0
    for _ in range(10):
        writer = subprocess.Popen([sys.executable, "-c", WRITER, path], env=environment, stdout=subprocess.PIPE, text=True)
        assert writer.stdout is not None
        assert writer.stdout.readline() == "begin\n"
        time.sleep(chance.uniform(0, 0.05))
        writer.send_signal(signal.SIGKILL)
        told |= set(writer.stdout.read().split())
        writer.stdout.close()
        kills += writer.wait() == -signal.SIGKILL
        assert integrity(path) == "ok"
        rows = load_rows(path)
        assert told <= {row["key"] for row in rows}
        for row in rows:
            assert row["text"] == f"{row['seed']}" * 200000
            assert row[f"column_{row['seed']}"] == 1
    assert kills >= 3
    subprocess.run([sys.executable, "-c", WRITER, path], env=environment, stdout=subprocess.DEVNULL, check=True)
    assert {row["key"] for row in load_rows(path)} == {run.key("v") for run in RUNS}


def test_kill_while_a_store_is_made_leaves_one_that_can_be_used(path: Path) -> None:
    code = (
        "import sys; from stored_runs import STUDY; from vvnorm.studies.store import Store\n"
        "print('begin', flush=True)\n"
        "Store(sys.argv[1], STUDY, code='v')"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    for wait in (0, 0.002, 0.005):
        maker = subprocess.Popen([sys.executable, "-c", code, path], env=environment, stdout=subprocess.PIPE)
        assert maker.stdout is not None
        maker.stdout.readline()
        time.sleep(wait)
        maker.kill()
        maker.wait()
        maker.stdout.close()
        with Store(path, STUDY, code="v") as store:
            assert store.rows() == []
        for name in path.parent.iterdir():
            name.unlink()


def test_full_database_ends_with_one_line_and_keeps_what_is_done(path: Path) -> None:
    with Store(path, STUDY) as store:
        fill(store, RUNS[:5])
        pages = store._connection.execute("PRAGMA page_count").fetchone()[0]
        store._connection.execute(f"PRAGMA max_page_count = {pages + 2}")
        with pytest.raises(
            OSError, match=r"cannot write '.*example.sqlite': the disk is full; finished runs are kept"
        ) as error:
            fill(store, RUNS[5:])
        assert "\n" not in str(error.value)
        kept = store.rows()
        assert 5 <= len(kept) < len(RUNS)
    assert integrity(path) == "ok"
    with Store(path, STUDY, resume=True) as store:
        assert store.rows() == kept
        fill(store, tuple(run for run in RUNS if run.key(store.code) not in store.finished()))
        assert len(store.rows()) == len(RUNS)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a file system of 400 kB, where that is allowed."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = shutil.which("mount") and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", disk], capture_output=True
    )
    if not mounted or mounted.returncode != 0:
        pytest.skip("mounting a file system is not allowed here")
    yield disk
    subprocess.run(["umount", disk], check=True)


def test_full_disk_ends_with_one_line_and_keeps_what_is_done(small_disk: Path) -> None:
    path = small_disk / "example.sqlite"
    with Store(path, STUDY) as store:
        told = []

        def add_all() -> None:
            for run in RUNS:
                store.add(run, {"text": "x" * 20000}, 0.1, "w")
                told.append(run)

        with pytest.raises(OSError, match=r"cannot write .*: the disk is full; finished runs are kept, --resume goes on"):
            add_all()
        added = len(told)
        assert 0 < added < len(RUNS)
        assert len(store.rows()) == added
    assert integrity(path) == "ok"
    assert len(load_rows(path)) == added


# --- export -----------------------------------------------------------------------------------------------------------


def test_csv_and_parquet_hold_the_rows(path: Path, tmp_path: Path) -> None:
    with Store(path, STUDY) as store:
        fill(store)
        rows = store.rows()
        store.export(tmp_path / "runs.csv")
        store.export(tmp_path / "runs.parquet")
    with open(tmp_path / "runs.csv", newline="") as stream:
        records = list(csv.DictReader(stream))
    assert list(records[0]) == list(rows[0])
    for line, row in zip(records, rows, strict=True):
        assert {name: "" if value is None else str(value) for name, value in row.items()} == line
        assert float(line["auxiliary"]) == row["auxiliary"]
    assert {line["auxiliary"] for line in records} == {"0", "4", "inf"}
    table = parquet.read_table(tmp_path / "runs.parquet").to_pylist()
    assert table == [dict(row, auxiliary=float(row["auxiliary"])) for row in rows]
    assert sorted(name.name for name in tmp_path.iterdir() if "runs" in name.name) == ["runs.csv", "runs.parquet"]


def test_export_of_nothing_is_a_table_without_rows(path: Path, tmp_path: Path) -> None:
    with Store(path, STUDY) as store:
        store.export(tmp_path / "runs.csv")
        store.export(tmp_path / "runs.parquet")
    assert (tmp_path / "runs.csv").read_text() == "\n"
    assert parquet.read_table(tmp_path / "runs.parquet").num_rows == 0


def test_export_says_what_it_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match=r"to \.csv or \.parquet, got '.*runs.xlsx'"):
        export_rows([], tmp_path / "runs.xlsx")
    with pytest.raises(ValueError, match="the folder does not exist"):
        export_rows([], tmp_path / "none" / "runs.csv")
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"pip install 'vvnorm\[data\]'"):
        export_rows([], tmp_path / "runs.parquet")


def test_infinite_and_missing_numbers_survive(path: Path, tmp_path: Path) -> None:
    with Store(path, STUDY) as store:
        store.add(RUNS[0], {"low": -math.inf, "high": math.inf, "none": math.nan}, 0.1, "w")
        store.export(tmp_path / "runs.csv")
        (row,) = store.rows()
    assert (row["low"], row["high"], row["none"]) == (-math.inf, math.inf, None)
    (line,) = csv.DictReader((tmp_path / "runs.csv").read_text().splitlines())
    assert (line["low"], line["high"], line["none"]) == ("-inf", "inf", "")
