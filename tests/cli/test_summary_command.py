"""The command `summary`: what it says of a store, what it writes, and what it refuses."""

from pathlib import Path

import numpy as np
import pytest
from commands import Command, runner

from vvnorm.studies.run import INFINITE
from vvnorm.studies.store import Store
from vvnorm.studies.study import load_study
from vvnorm.studies.summary import read_rows

SPECIFICATION = """name = "example"
[grid]
target = "noise"
inputs = 2
points = 25
auxiliary = [0, 4, 16, "infinite"]
solver = "certified"
seeds = 12
"""


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    monkeypatch.chdir(tmp_path)
    return runner(capsys)


@pytest.fixture
def store(tmp_path: Path) -> str:
    """A store in which the gradient is about 0.8 times as large with outputs; of one data set no run is accepted."""
    spec, rng = tmp_path / "spec.toml", np.random.default_rng(0)
    spec.write_text(SPECIFICATION)
    study = load_study(spec)
    with Store(tmp_path / "runs.sqlite", study, code="1+abc") as kept:
        for run in study.runs:
            gradient = (0.8 if run.auxiliary else 1.0) * float(np.exp(0.05 * rng.standard_normal()))
            accepted = int(run.seed > 0)
            outcome = {"accepted": accepted, "certified_gap": 1e-7, "estimated_gap": 1e-7, "residual": 1e-12}
            kept.add(run, {**outcome, "mean_gradient": gradient, "max_gradient": 2 * gradient}, 0.1, "here")
    return "runs.sqlite"


def test_ratios_and_verdicts_are_shown(run: Command, store: str) -> None:
    done = run("summary", store)
    assert (done.code, done.err) == (0, "")
    header, *lines = [line.split("\t") for line in done.out.splitlines()]
    assert header == ["solver", "target", "d", "labels", "sigma", "m", "n", "ratio", "interval", "verdict"]
    assert [line[5] for line in lines] == ["inf", "4", "16", "trend"]
    assert all(line[6] == "11" for line in lines)  # the data set that is not certified is left out
    for line in lines[:3]:
        assert 0.75 < float(line[7]) < 0.85
        assert line[9] == "SUPPORTED"
    assert lines[3][9] != "SUPPORTED"  # more outputs make no difference here


def test_lines_of_all_measures_are_written_with_the_code_version(run: Command, store: str) -> None:
    done = run("summary", store, "--out", "summary.csv", "--measure", "max_gradient")
    assert done.code == 0
    written = read_rows("summary.csv")
    assert {line["measure"] for line in written} == {"mean_gradient", "max_gradient"}
    assert {line["code"] for line in written} == {"1+abc"}
    assert {line["auxiliary"] for line in written} == {4, 16, INFINITE, None}


def test_estimates_let_runs_count_that_were_not_accepted(run: Command, store: str) -> None:
    done = run("summary", store, "--estimated", 1e-3)
    assert {line.split("\t")[6] for line in done.out.splitlines()[1:]} == {"12"}


def test_a_store_of_which_nothing_counts_says_why(run: Command, store: str, tmp_path: Path) -> None:
    study = load_study(tmp_path / "spec.toml")
    with Store(tmp_path / "new.sqlite", study, code="1+abc") as kept:
        assert run("summary", "new.sqlite").out.splitlines()[-1] == "no run is done yet"
        outcome = {"accepted": 0, "certified_gap": None, "estimated_gap": 1e-4, "residual": 1e-12, "mean_gradient": 1.0}
        for of_study in study.runs:
            kept.add(of_study, outcome, 0.1, "here")
    assert "--estimated GAP" in run("summary", "new.sqlite").out.splitlines()[-1]
    assert "--estimated" not in run("summary", "new.sqlite", "--estimated", 1e-3).out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nothing.sqlite",), "there is no store 'nothing.sqlite'"),
        (("spec.toml",), "'spec.toml' is not a store of a study"),
        (("runs.sqlite", "--measure", "beauty"), "'beauty' is not one of mean_gradient"),
        (("runs.sqlite", "--estimated", "0"), "--estimated must be positive, got 0"),
        (("runs.sqlite", "--out", "no/where.csv"), "cannot write 'no/where.csv'"),
    ],
)
def test_what_cannot_be_summarised_is_said_in_one_line(
    run: Command, store: str, arguments: tuple[str, ...], words: str
) -> None:  # fmt: skip
    done = run("summary", *arguments)
    assert done.code == 64
    assert words in done.err
    assert done.err.count("\n") == 1
