"""The command `sweep`: what it says, what it writes, and its exit codes."""

import csv
import os
import re
import sys
from importlib import import_module
from pathlib import Path

import pytest
import stand_in
from commands import Command, assert_refused, runner
from pyarrow import parquet
from sweeps import specify

import vvnorm.studies
from vvnorm.studies.store import load_rows
from vvnorm.studies.study import Study, load_study
from vvnorm.studies.time_estimate import estimate_time


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Run a command in an empty folder, where runs are the stand-in's."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(vvnorm.studies, "experiment", stand_in, raising=False)
    return runner(capsys)


def test_study_is_run_kept_and_exported(run: Command, tmp_path: Path) -> None:
    done = run("sweep", specify(tmp_path), "--workers", 2, "--export", "runs.csv")
    assert (done.code, done.out, done.err) == (0, "16 of 16 runs done in example.sqlite\n", "")
    rows = load_rows("example.sqlite")
    assert len(rows) == 16
    with open("runs.csv", newline="") as stream:
        assert [row["key"] for row in csv.DictReader(stream)] == [row["key"] for row in rows]
    done = run("sweep", specify(tmp_path), "--resume", "--export", "runs.parquet")
    assert (done.code, done.out, done.err) == (0, "16 of 16 runs done in example.sqlite\n", "")
    assert parquet.read_table("runs.parquet").num_rows == 16
    assert load_rows("example.sqlite") == rows


def test_store_may_be_elsewhere(run: Command, tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    done = run("sweep", specify(tmp_path, seeds=1), "--store", "kept/here.sqlite", "--workers", 1)
    assert (done.code, done.out) == (0, "2 of 2 runs done in kept/here.sqlite\n")
    assert not Path("example.sqlite").exists()


def test_failed_runs_are_told_and_tried_again(run: Command, tmp_path: Path) -> None:
    spec = specify(tmp_path, target='"noise", "failing"')
    for arguments in ((spec,), (spec, "--resume")):
        done = run("sweep", *arguments, "--workers", 1)
        assert (done.code, done.err) == (1, "")
        first, *errors, last = done.out.splitlines()
        assert first == "24 of 32 runs done, 8 failed in example.sqlite"
        assert errors == [
            f"failed: certified, failing, seed {seed}: ArithmeticError: seed {seed} is odd" for seed in (1, 3, 5)
        ]
        assert last == "table failures of example.sqlite has all 8 with tracebacks; --resume tries them again"


def test_dry_run_counts_and_estimates_and_writes_nothing(run: Command, tmp_path: Path) -> None:
    spec = specify(tmp_path, seeds=50, seconds=0.05)
    before = set(os.listdir())
    done = run("sweep", spec, "--dry-run", "--workers", 2)
    assert (done.code, done.err) == (0, "")
    (row,) = done.rows
    assert (row["solver"], row["target"], row["inputs"], row["points"], row["runs"]) == (
        "certified",
        "noise",
        "2",
        "25",
        "100",
    )
    assert 5 <= float(row["seconds"]) < 50
    assert re.search(r"^100 runs: about \S+ s on 2 processes$", done.out, re.M)
    assert set(os.listdir()) == before


def test_dry_run_says_so_where_it_only_knows_a_bound(run: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vvnorm.studies.time_estimate.LIMIT", 0.1)
    done = run("sweep", specify(tmp_path, seconds=1), "--dry-run", "--workers", 1)
    assert re.search(r"^16 runs: at least \S+ s on 1 process$", done.out, re.M), done.out


def test_time_to_load_and_compile_is_no_bound_on_a_run(
    run: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vvnorm.studies.time_estimate.FIRST_LIMIT", 0.5)
    done = run("sweep", specify(tmp_path, seconds=30), "--dry-run", "--workers", 1)
    assert [row["seconds"] for row in done.rows] == ["?"]
    assert re.search(r"^16 runs: .* took too long to tell; try again$", done.out, re.M), done.out


def test_estimate_takes_the_times_that_a_store_has(run: Command, tmp_path: Path) -> None:
    spec = specify(tmp_path, seeds=3, seconds=0.1)
    run("sweep", spec, "--workers", 1)
    study = load_study(spec, stand_in)
    rows = load_rows("example.sqlite")
    estimate = estimate_time(study, lambda run: {}, rows)  # nothing is run: this function could not be sent
    assert estimate.at_least == frozenset()
    assert set(estimate.seconds) == {each.size for each in study.runs}
    for seconds in estimate.seconds.values():
        assert min(row["seconds"] for row in rows) <= seconds <= max(row["seconds"] for row in rows)
    done = run("sweep", spec, "--dry-run")
    assert done.code == 0
    assert float(done.rows[0]["seconds"]) == pytest.approx(sum(row["seconds"] for row in rows), rel=0.01)


def test_recorded_study_is_found_by_its_name(run: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vvnorm.studies, "experiment", import_module("vvnorm.studies.experiment"))
    estimated: list[Study] = []
    monkeypatch.setattr("vvnorm.cli.sweep_command.say_estimate", lambda study, *_: estimated.append(study) or 0)
    assert run("sweep", "certified_2d", "--dry-run").code == 0
    assert [study.name for study in estimated] == ["certified_2d"]


def test_what_is_left_out_is_said(run: Command, tmp_path: Path) -> None:
    spec = specify(tmp_path, seeds=1)
    text = spec.read_text().replace("[0, 1]", '[0, "infinite"]').replace("['certified']", "['certified', 'trained']")
    spec.write_text(text)
    done = run("sweep", spec, "--workers", 1)
    assert done.code == 0
    assert done.out.splitlines() == [
        f"{spec}, line 5: the limit of infinitely many outputs is not trained",
        "3 of 3 runs done in example.sqlite",
    ]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), ("SPEC",)),
        (("none",), ("no study 'none'; there are: centred_2d, centred_real, ",)),
        (("none.toml",), ("cannot read 'none.toml'", "No such file")),
        (("study.toml", "--workers", "0"), ("--workers",)),
        (("study.toml", "--export", "runs.xlsx"), (".csv or .parquet", "runs.xlsx")),
        (("study.toml", "--export", "none/runs.csv"), ("the folder does not exist",)),
        (("study.toml", "--store", "none/a.sqlite"), ("none/a.sqlite", "the folder does not exist")),
        (("study.toml", "--store", "study.toml"), ("'study.toml' is not a store of a study",)),
        (("study.toml", "--scheduler", "tcp://127.0.0.1:1", "--workers", "2"), ("--scheduler", "--workers")),
        (("study.toml", "--scheduler", "tcp://127.0.0.1:1", "--dry-run"), ("--scheduler", "--dry-run")),
        (("study.toml", "--dry-run", "--store", "study.toml"), ("'study.toml' is not a store",)),
        (("study.toml", "--dry-run", "--export", "runs.csv"), ("--export does not go with --dry-run",)),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_bad_use_is_one_line(run: Command, tmp_path: Path, arguments: tuple[str, ...], words: tuple[str, ...]) -> None:
    specify(tmp_path, seeds=1)
    assert_refused(run("sweep", *arguments), *words)
    assert set(os.listdir()) <= {"study.toml", "study.toml-lock"}


def test_bad_specification_is_one_line_that_names_it(run: Command, tmp_path: Path) -> None:
    spec = specify(tmp_path)
    spec.write_text(spec.read_text().replace("seeds = 8", "seeds = -8"))
    assert_refused(run("sweep", spec), "study.toml, line 12: grid.seeds = -8: must be a whole number from 1")
    assert os.listdir() == ["study.toml"]


def test_second_start_needs_resume(run: Command, tmp_path: Path) -> None:
    spec = specify(tmp_path, seeds=1)
    assert run("sweep", spec, "--workers", 1).code == 0
    assert_refused(run("sweep", spec), "'example.sqlite' has runs of this study already; use --resume to go on")
    assert_refused(
        run("sweep", specify(tmp_path, seeds=2), "--resume"), "is the store of study 'example'", "choose another --store"
    )


def test_full_disk_is_one_line(run: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from vvnorm.studies.store import Store

    prepare = Store._open

    def small(store: Store) -> None:
        prepare(store)
        store._connection.execute("PRAGMA max_page_count = 12")

    monkeypatch.setattr(Store, "_open", small)
    assert_refused(
        run("sweep", specify(tmp_path, seeds=200)), "cannot write 'example.sqlite': the disk is full", "--resume goes on"
    )
    kept = len(load_rows("example.sqlite"))
    assert 0 < kept < 400
    monkeypatch.setattr(Store, "_open", prepare)
    assert run("sweep", tmp_path / "study.toml", "--resume").out == "400 of 400 runs done in example.sqlite\n"


def test_specifications_load_no_heavy_library(run: Command, tmp_path: Path) -> None:
    import subprocess

    spec = specify(tmp_path, seeds=1)
    code = (
        "import stand_in, sys; from vvnorm.studies.study import Study, load_study; from vvnorm.studies.store import Store\n"
        "import vvnorm.studies.execute\n"
        f"study = load_study({str(spec)!r}, stand_in); Store('a.sqlite', study).close()\n"
        "print(sorted({'numpy', 'torch', 'cvxpy', 'numba', 'pyarrow', 'distributed'} & set(sys.modules)))"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
