"""The command `tasks`: what it trains, prints and writes, and what it refuses before any training."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import Command, Run, assert_refused, runner, strict

from vvnorm import ReLUNetwork, load_task_data
from vvnorm.multitask.task_data import metric
from vvnorm.training import comparison
from vvnorm.training.comparison import split

TASKS = ("--task", "diag=logistic:diag=M", "--task", "rad=squared:rad", "--task", "normal=one-class:0.2:diag=B")
SMALL = ("--seeds", 2, "--width", 6, "--steps", 20)
FILES = ("--json", "all.json", "--plot", "plot.svg")


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Run a command in a folder that holds data.csv: inputs of different units, a diagnosis in words, gaps in a number."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((50, 2))
    lines = ["a,b,diag,rad"]
    for a, b in np.round(rows, 3):
        lines.append(f"{a},{100 * b:.1f},{'M' if a + b > 0.5 else 'B'},{'' if abs(b) < 0.1 else round(abs(a), 3)}")
    Path("data.csv").write_text("\n".join(lines) + "\n")
    return runner(capsys)


def tables(run: Run) -> list[list[dict[str, str]]]:
    """Tables printed one after the other, each begun by a line whose first field is `networks`."""
    tables: list[list[dict[str, str]]] = []
    header: list[str] = []
    for line in run.out.splitlines():
        cells = line.split("\t")
        if cells[0] == "networks":
            header = cells
            tables.append([])
        elif len(cells) > 1:
            tables[-1].append(dict(zip(header, cells, strict=True)))
    return tables


def test_a_file_is_learned_and_everything_written_agrees(run: Command) -> None:
    weightings = ("--weighting", "mgda-ub", "--weighting", "1,2,0.5")
    done = run("tasks", "data.csv", *TASKS, *SMALL, *weightings, "--out", "nets", *FILES)
    assert (done.code, done.err) == (0, "")
    assert done.facts["data"] == "data.csv: 50 samples, 2 inputs"
    assert done.facts["tasks"] == "diag (logistic), rad (squared), normal (one_class:0.2)"
    assert done.facts["labels"] == "diag: M is positive, B negative"
    assert done.facts["inputs"].startswith("standardised")
    tested, cost = tables(done)
    record = strict("all.json")
    kinds = [
        ("joint", "mgda_ub"),
        ("joint", "1,2,0.5"),
        ("separate, same width", "equal"),
        ("separate, same cost", "equal"),
    ]
    assert [(row["networks"], row["weighting"]) for row in cost] == kinds
    assert len(tested) == len(record["summary"]) == 4 * 3
    assert len(record["rows"]) == 2 * 4 * 3
    for row, line in zip(tested, record["summary"], strict=True):
        assert (row["task"], row["metric"]) == (line["task"], line["metric"])
        assert float(row["value"]) == pytest.approx(line["value"], rel=1e-3)
        assert bool(row["gain"]) == (line["arrangement"] != "separate_width")
    assert int(cost[0]["multiply-adds"]) == 6 * (2 + 3) + 3 * 2
    assert Path("plot.svg").read_text().startswith("<?xml")
    assert sorted(path.name for path in Path("nets").iterdir()) == ["1,2,0.5.npz", "mgda_ub.npz"]
    for weighting, saved in record["saved"].items():
        rows = [r for r in record["rows"] if (r["weighting"], r["seed"]) == (weighting, saved["seed"])]
        check_saved(ReLUNetwork.load(saved["file"]), saved["seed"], {row["task"]: row["value"] for row in rows})


def check_saved(network: ReLUNetwork, seed: int, values: dict[str, float]) -> None:
    """A saved network takes inputs as they come, and tests as the rows of its seed say."""
    data = load_task_data("data.csv", TASKS[1::2])
    chosen = split(data, seed, 0.3, True)
    outputs = network(chosen.X_test * chosen.step.scale + chosen.step.mean)
    for t, task in enumerate(data.tasks):
        assert metric(task, outputs[:, [t]], chosen.truth[:, [t]]).value == pytest.approx(values[task.name], rel=1e-6)


def test_the_best_network_is_the_one_of_least_training_objective(run: Command) -> None:
    run("tasks", "data.csv", *TASKS, *SMALL, "--weighting", "equal", "--out", "net.npz", "--json", "all.json")
    record = strict("all.json")
    objective: dict[int, float] = {}
    for row in record["rows"]:
        if row["arrangement"] == "joint":
            share = record["settings"]["lam"] * row["vv_norm"] / 3
            objective[row["seed"]] = objective.get(row["seed"], 0.0) + row["loss"] + share
    assert record["saved"] == {"equal": {"file": "net.npz", "seed": min(objective, key=lambda seed: objective[seed])}}
    assert ReLUNetwork.load("net.npz").n_outputs == 3


def test_options_reach_the_comparison(run: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, Any] = {}
    whole = comparison.compare

    def compare(data: Any, **options: Any) -> Any:
        seen.update(options)
        small = {"seeds": 1, "width": 3, "steps": 2}
        return whole(data, **(options | small))

    monkeypatch.setattr(comparison, "compare", compare)
    assert run("tasks", "builtin:linnerud", "--quick", "--steps", 7, "--seed", 4).code == 0
    assert (list(seen["seeds"]), seen["width"], seen["steps"], seen["standardise"]) == ([4, 5, 6], 32, 7, True)
    assert seen["weightings"] == ["equal", "uncertainty", "mgda_ub"]
    done = run(
        "tasks", "data.csv", *TASKS, "--x", "b", "--lam", 0.5, "--batch-size", 20, "--no-standardise", "--weighting", "mgda"
    )
    assert (done.code, done.facts["inputs"]) == (0, "as they come")
    assert (list(seen["seeds"]), seen["width"], seen["steps"]) == ([0, 1, 2, 3, 4], 64, 1000)
    assert (seen["lam"], seen["batch_size"], seen["standardise"]) == (0.5, 20, False)
    # One seed: there are means, but no intervals.
    assert all(row["value"] and not row["95 % interval"] for row in tables(done)[0])


def test_a_metric_without_outliers_is_left_empty(run: Command) -> None:
    tasks = ("--task", "all=one-class:0.1", "--task", "rad=squared:rad")
    done = run("tasks", "data.csv", "--x", "a,b", *tasks, *SMALL, "--weighting", "equal", *FILES)
    assert (done.code, done.err) == (0, "")
    assert {row["task"]: bool(row["value"]) for row in tables(done)[0]} == {"all": False, "rad": True}
    assert strict("all.json")["summary"][0]["value"] == "nan"


def test_an_interrupt_leaves_nothing(run: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, calls = comparison.train_side_by_side, []

    def interrupted(*arguments: Any, **options: Any) -> Any:
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return whole(*arguments, **options)

    monkeypatch.setattr(comparison, "train_side_by_side", interrupted)
    done = run("tasks", "data.csv", *TASKS, *SMALL, "--out", "nets", *FILES)
    assert (done.code, done.out, done.err) == (130, "", "vvnorm: interrupted\n")
    assert len(calls) == 2
    assert [path.name for path in Path().iterdir()] == ["data.csv"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("builtin:iris",), ["breast_cancer", "'iris'"]),
        (("builtin:linnerud", "--task", "a=squared:b"), ["--task belongs to files"]),
        (("builtin:linnerud", "--x", "a"), ["--x belongs to files"]),
        (("data.csv",), ["--task must say", "'data.csv'"]),
        (("none.csv", *TASKS), ["none.csv"]),
        (("data.csv", *TASKS, "--x", "a,rad"), ["'rad' is used as input and as label of task 'rad'"]),
        (("data.csv", "--task", "n=one-class:0:diag=B"), ["nu of loss 'one_class' must lie in (0, 1]"]),
        (("data.csv", "--task", "n=cubic:rad"), ["'cubic' is unknown"]),
        (("data.csv", *TASKS, "--weighting", "best"), ["'best' is unknown", "mgda_ub"]),
        (("data.csv", *TASKS, "--weighting", "1,x"), ["'1,x'"]),
        (("data.csv", *TASKS, "--weighting", "1,2"), ["2 for 3 tasks"]),
        (("data.csv", *TASKS, "--weighting", "1,-2,1"), ["non-negative"]),
        (("data.csv", *TASKS, "--weighting", "0,0,0"), ["not all be 0"]),
        (("data.csv", *TASKS, "--weighting", "mgda-ub", "--weighting", "mgda_ub"), ["mgda_ub twice"]),
        (("data.csv", *TASKS, "--width", 2), ["width must be at least 3"]),
        (("data.csv", *TASKS, "--lam", -1), ["lam"]),
        (("data.csv", *TASKS, "--batch-size", 1, "--steps", 50), ["has no label in batch", "batch_size 1"]),
        (("data.csv", *TASKS, "--out", "net.npz"), ["one file", "3 weightings"]),
        (("data.csv", *TASKS, "--out", "data.csv"), ["must be a folder"]),
        (("data.csv", *TASKS, "--out", "no/nets"), ["'no/nets'"]),
        (("data.csv", *TASKS, "--out", "no/net.npz"), ["'no/net.npz'"]),
        (("data.csv", *TASKS, "--plot", "plot.gif"), [".pdf"]),
        (("data.csv", *TASKS, "--json", "no/all.json"), ["'no/all.json'"]),
    ],
)
def test_bad_input_is_one_line_and_trains_nothing(
    run: Command, monkeypatch: pytest.MonkeyPatch, arguments: tuple[object, ...], words: list[str]
) -> None:
    def trains(*_: Any, **__: Any) -> None:
        raise AssertionError("it must not train")

    monkeypatch.setattr("vvnorm.training.loop.TrainingLoop", trains)
    assert_refused(run("tasks", *arguments), *words, silent=True)
