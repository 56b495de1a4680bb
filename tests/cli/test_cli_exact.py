"""`--exact` of `solve` and `certify`: bounds proved in rational numbers, and certificates that the script accepts."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from commands import Command, runner, strict

from vvnorm import check_certificate

CHECKER = check_certificate.__file__
LINE = "x,y,z\n0,0.1,0\n0.1,0.2,1\n0.3,0.1,2\n0.2,0.5,0\n"


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Command:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "line.csv").write_text(LINE)
    (tmp_path / "comma.csv").write_text(LINE.replace(",", ";").replace(".", ","))
    rng = np.random.default_rng(1)
    rows = [",".join(f"{value:.3f}" for value in row) for row in rng.normal(size=(8, 4))]
    (tmp_path / "plane.csv").write_text("\n".join(["a,b,c,y", *rows]))
    return runner(capsys)


def checked(*arguments: str) -> int:
    done = subprocess.run([sys.executable, "-I", "-S", str(CHECKER), *arguments], capture_output=True, check=False)
    return done.returncode


@pytest.mark.parametrize("file", ["line.csv", "comma.csv"])
def test_one_input_is_proved_for_the_decimals_of_the_file(file: str, run: Command) -> None:
    done = run("solve", file, "--x", "x", "--y", "y,z", "--exact", "--save-certificate", "a.json", "--json", "b.json")
    assert done.code == 0
    assert "least VV norm" in done.facts["exact bounds"]
    assert json.loads(Path("a.json").read_text())["inputs"] == [["0"], ["1/10"], ["1/5"], ["3/10"]]
    assert strict("b.json")["exact"]["problems"] == []
    assert checked("a.json") == 0
    assert checked("a.json", "line.csv") == 0


def test_two_inputs_are_proved_and_certified(run: Command) -> None:
    options = ("plane.csv", "--x", "a,b", "--y", "c,y", "--exact", "--save-certificate")
    assert run("solve", *options, "a.json", "--out", "net.npz").code == 0
    assert run("certify", "net.npz", *options, "b.json").code == 0
    for name in ("a.json", "b.json"):
        assert checked(name, "plane.csv") == 0


def test_a_network_that_is_not_optimal_is_not_proved(run: Command) -> None:
    assert run("solve", "line.csv", "--x", "x", "--y", "y", "--out", "net.npz").code == 0
    done = run("certify", "net.npz", "line.csv", "--x", "x", "--y", "z", "--exact", "--save-certificate", "a.json")
    assert done.code == 1
    assert "misfit" in done.out
    assert not Path("a.json").exists()


@pytest.mark.parametrize(
    "options",
    [
        ("--lam", "0.1", "--loss", "huber:1"),
        ("--lam", "0.1", "--loss", "y=hinge"),
        ("--no-skip",),
        ("--penalise-bias",),
        ("--auxiliary", "infinite"),
        ("--save-certificate", "a.npz"),
    ],
)
def test_what_exact_proofs_do_not_cover_is_refused(options: tuple[str, ...], run: Command) -> None:
    done = run("solve", "line.csv", "--x", "x", "--y", "y", "--exact", *options)
    assert done.code == 64
    assert len(done.err.splitlines()) == 1


@pytest.mark.parametrize("file", ["line.csv", "plane.csv"])
def test_fits_are_proved_and_their_certificates_checked(file: str, run: Command) -> None:
    x = "x" if file == "line.csv" else "a,b"
    solved = run(
        "solve", file, "--x", x, "--y", "y", "--lam", "0.1", "--exact", "--save-certificate", "a.json", "--out", "f.npz"
    )
    assert solved.code == 0
    assert "<= least objective <=" in solved.out
    content = strict("a.json")
    assert (content["version"], content["lam"]) == (2, "1/10")  # the decimal number that was typed
    judged = run("certify", "f.npz", file, "--x", x, "--y", "y", "--lam", "0.1", "--exact", "--json", "f.json")
    assert judged.code == 0
    assert strict("f.json")["exact"]["problems"] == []


def test_three_inputs_and_missing_labels_are_refused(run: Command) -> None:
    assert run("solve", "plane.csv", "--x", "a,b,c", "--y", "y", "--exact").code == 64
    Path("holes.csv").write_text("x,y\n0,0\n1,\n2,3\n3,1\n")
    done = run("solve", "holes.csv", "--x", "x", "--y", "y", "--exact", "--save-certificate", "a.json")
    assert done.code == 64
    assert len(done.err.splitlines()) == 1
    assert not Path("a.json").exists()


def test_appended_outputs_are_taken_as_floats(run: Command) -> None:
    done = run("solve", "line.csv", "--x", "x", "--y", "y", "--aux", "1", "--exact", "--save-certificate", "a.json")
    assert done.code == 0
    assert checked("a.json") == 0
