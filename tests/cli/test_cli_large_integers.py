"""Columns of integers that float64 cannot hold: every command refuses them in a line, or keeps classes apart."""

from pathlib import Path

import pytest
from commands import Command, assert_refused, runner

from vvnorm import ReLUNetwork

TASKS = ("--task", "p=squared:a", "--task", "q=squared:b")
COMMANDS = {
    "solve": ("--y", "a"),
    "path": ("--y", "a"),
    "train": ("--y", "a"),
    "certify": ("--y", "a"),
    "tasks": TASKS,
}


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    monkeypatch.chdir(tmp_path)
    ReLUNetwork(W=[[1.0]], b=[0.0], V=[[1.0]], A=[[0.0]], c=[0.0]).save("net.npz")
    return runner(capsys)


def write(start: int, step: int, decimals: str = "") -> None:
    rows = [f"{start + step * i}{decimals},{i % 2},{i * i % 3},{2**53 + i % 2}" for i in range(8)]
    Path("data.csv").write_text("\n".join(["t,a,b,id", *rows]) + "\n", encoding="utf-8")


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("start", "step", "decimals", "words"),
    [
        (1_700_000_000_000_000_001, 100, "", "line 2, column 't': float64 cannot hold the integer 1700000000000000001"),
        (10**30, 1, "", "line 2, column 't': float64 cannot hold the integer 1000000000000000000000000000000"),
        (1_700_000_000_000_000_000, 100, ".5", "line 3, column 't': 1700000000000000100.5 is not 1700000000000000000.5"),
    ],
    ids=["nanoseconds", "ids", "decimals"],
)
def test_inputs_are_refused(run: Command, command: str, start: int, step: int, decimals: str, words: str) -> None:
    write(start, step, decimals)
    network = ("net.npz",) if command == "certify" else ()
    assert_refused(run(command, *network, "data.csv", "--x", "t", *COMMANDS[command]), words)


def test_class_numbers_stay_apart(run: Command) -> None:
    write(0, 1)
    solved = run("solve", "data.csv", "--x", "t", "--y", "id", "--loss", "logistic", "--lam", 0.1)
    assert solved.facts["labels"] == "id: 9007199254740993 is 1, 9007199254740992 is 0"
    small = ("--steps", 2, "--seeds", 1, "--width", 4, "--weighting", "equal")
    trained = run("tasks", "data.csv", "--x", "t", "--task", "id=softmax:id", "--task", "p=squared:a", *small)
    assert trained.facts["labels"] == "id: the outputs are scores of 9007199254740992, 9007199254740993"
