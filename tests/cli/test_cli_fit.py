"""The commands that fit: `solve --lam` and `path`; the rest of the command line is in test_cli.py."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import XY, Command, assert_refused, runner, strict

from vvnorm import ReLUNetwork, builtin_dataset, fit, lambda_max

DATA = {
    "x": [0, 1, 1, 2, 3, 4, 5],
    "y": [0, 1, 3, 0, 2, 5, 1],
    "z": [0, 1, 0, 1, 1, 0, ""],
    "line": [3, 1, 1, -1, -3, -5, -7],
}


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Run a command in a folder that holds data.csv."""
    monkeypatch.chdir(tmp_path)
    rows = zip(*DATA.values(), strict=True)
    Path("data.csv").write_text("\n".join([",".join(DATA), *(",".join(map(str, row)) for row in rows), ""]))

    return runner(capsys)


# --- solve --lam ------------------------------------------------------------------------------------------------------


def test_solve_fits_and_prints_what_it_proved(run: Command) -> None:
    done = run("solve", "data.csv", *XY, "--lam", 0.5)
    assert (done.code, done.err) == (0, "")
    expected = fit(DATA["x"], DATA["y"], 0.5)
    facts = done.facts
    assert facts["data"] == "7 points, 1 output"  # repeats are kept
    assert float(facts["lam"]) == 0.5
    assert float(facts["lam / lam_max"]) == pytest.approx(0.5 / lambda_max(DATA["x"], DATA["y"]), rel=1e-3)
    assert float(facts["objective"]) == pytest.approx(expected.value, rel=1e-9)
    assert float(facts["loss"]) + 0.5 * float(facts["VV norm"]) == pytest.approx(expected.value, rel=1e-8)
    assert float(facts["lower bound"]) <= expected.value
    assert float(facts["relative gap"]) <= 1e-6
    assert facts["neurons"] == str(len(expected.knots))
    assert "loss squared" in facts["method"]
    assert done.out.endswith("certified: an independent verifier accepts the proof\n")


def test_solve_writes_network_plot_and_strict_json(run: Command) -> None:
    done = run("solve", "data.csv", *XY, "--lam", 0.5, "--out", "net.npz", "--plot", "fit.pdf", "--json", "fit.json")
    assert done.code == 0
    record = strict("fit.json")
    expected = fit(DATA["x"], DATA["y"], 0.5)
    assert record["complaints"] == []
    assert record["value"] == expected.value
    assert record["knots"] == expected.knots.tolist()
    assert record["y_names"] == ["y"]
    np.testing.assert_array_equal(ReLUNetwork.load("net.npz").V, expected.network.V)
    assert Path("fit.pdf").read_bytes().startswith(b"%PDF")


def test_relative_lam_is_in_units_of_lam_max(run: Command) -> None:
    run("solve", "data.csv", *XY, "--lam", 0.25, "--relative", "--json", "fit.json")
    record = strict("fit.json")
    assert record["lam"] == 0.25 * lambda_max(DATA["x"], DATA["y"]) == 0.25 * record["lam_max"]
    assert run("solve", "data.csv", *XY, "--lam", 1.01, "--relative").facts["neurons"] == "0"


@pytest.mark.parametrize(
    ("options", "losses"),
    [
        ((), ["squared", "squared"]),
        (("--loss", "huber:0.5"), ["huber:0.5", "huber:0.5"]),
        (("--loss", "z=logistic"), ["squared", "logistic"]),
        (("--loss", "one-class:0.2", "--loss", "z=hinge"), ["one_class:0.2", "hinge"]),
        (("--loss", "z=logistic", "--loss", "y=huber:2"), ["huber:2", "logistic"]),
    ],
)
def test_losses_of_all_outputs_or_of_one_and_missing_labels(
    run: Command, options: tuple[str, ...], losses: list[str]
) -> None:
    done = run("solve", "data.csv", "--x", "x", "--y", "y,z", "--lam", 0.1, *options, "--json", "fit.json")
    assert done.code == 0
    assert strict("fit.json")["losses"] == losses
    if len(set(losses)) == 2:
        assert f"y: {losses[0]}, z: {losses[1]}" in done.facts["method"]


def test_repeats_are_merged_only_if_asked(run: Command) -> None:
    assert_refused(run("solve", "data.csv", *XY), "repeats")
    done = run("solve", "data.csv", *XY, "--lam", 0.5, "--repeats", "average")
    assert done.facts["data"] == "6 points, 1 output"
    assert run("solve", "builtin:diabetes", "--lam", 0.1, "--relative").facts["data"] == "442 points, 1 output"


def test_a_tolerance_out_of_reach_is_not_certified(run: Command) -> None:
    done = run("solve", "data.csv", *XY, "--lam", 0.5, "--tol", 1e-300)
    assert done.code == 1
    assert "not certified: relative gap" in done.out


# --- path -------------------------------------------------------------------------------------------------------------


def test_path_tabulates_certified_fits(run: Command) -> None:
    done = run("path", "data.csv", *XY, "--lams", 7, "--from", 1.5, "--json", "path.json", "--plot", "path.svg")
    assert (done.code, done.err) == (0, "")
    assert done.out.endswith("certified: an independent verifier accepts the proof\n")
    ratios = [float(row["lam / lam_max"]) for row in done.rows]
    np.testing.assert_allclose(ratios, np.geomspace(1.5, 1e-4, 7), rtol=1e-5)
    assert list(done.rows[0]) == ["lam", "lam / lam_max", "objective", "loss", "VV norm", "knots", "relative gap"]
    assert done.rows[0]["knots"] == "0"
    norms = [float(row["VV norm"]) for row in done.rows]
    assert norms == sorted(norms)
    for row in done.rows:
        assert float(row["objective"]) == pytest.approx(fit(DATA["x"], DATA["y"], float(row["lam"])).value, rel=1e-4)
        assert float(row["relative gap"]) <= 1e-6
    record = strict("path.json")
    assert [line["complaints"] for line in record["fits"]] == [[]] * 7
    assert [str(len(line["knots"])) for line in record["fits"]] == [row["knots"] for row in done.rows]
    assert Path("path.svg").read_bytes().startswith(b"<?xml")


def test_path_takes_losses_and_one_lam(run: Command) -> None:
    options = ("--x", "x", "--y", "y,z", "--loss", "z=logistic", "--lams", 1, "--from", 0.1, "--json", "path.json")
    assert run("path", "data.csv", *options).code == 0
    (fit,) = strict("path.json")["fits"]
    assert fit["losses"] == ["squared", "logistic"]
    assert fit["lam"] == pytest.approx(0.1 * fit["lam_max"], rel=1e-9)


def test_path_of_built_in_data_keeps_repeats(run: Command) -> None:
    done = run("path", "builtin:diabetes", "--lams", 5, "--to", 1e-3, "--json", "path.json")
    assert done.code == 0
    assert strict("path.json")["fits"][0]["points"] == len(builtin_dataset("diabetes"))


def test_a_path_that_is_not_certified_says_where(run: Command) -> None:
    done = run("path", "data.csv", *XY, "--lams", 2, "--tol", 1e-300)
    assert done.code == 1
    assert re.search(r"not certified: lam \S+: relative gap", done.out)


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("solve", *XY, "--lam", 0), ("lam must be",)),
        (("solve", *XY, "--lam", -1), ("lam must be",)),
        (("solve", *XY, "--lam", "nan"), ("lam must be",)),
        (("solve", *XY, "--lam", "much"), ("--lam",)),
        (("solve", *XY, "--lam", 0, "--relative"), ("lam must be",)),
        (("solve", *XY, "--relative"), ("--relative needs --lam",)),
        (("solve", *XY, "--loss", "squared"), ("--loss needs --lam",)),
        (("solve", *XY, "--lam", 1, "--loss", "cubic"), ("loss 'cubic' is unknown", "huber")),
        (("solve", *XY, "--lam", 1, "--loss", "z=hinge"), ("no output 'z'", "there are: y")),
        (("solve", *XY, "--lam", 1, "--loss", "y=hinge", "--loss", "y=squared"), ("'y' twice",)),
        (("solve", *XY, "--lam", 1, "--loss", "hinge", "--loss", "squared"), ("'hinge' and 'squared'", "COL=NAME")),
        (("solve", *XY, "--lam", 1, "--loss", "logistic"), ("data.csv", "column 'y' has", "classes takes two")),
        (("solve", *XY, "--lam", 1, "--tol", 2), ("tol must lie between 0 and 1",)),
        (("solve", "--x", "x,z", "--y", "y", "--lam", 1), ("data.csv",)),
        (("solve", *XY, "--lam", 1, "--auxiliary", "infinite"), ("--auxiliary", "--lam")),
        (("solve", *XY, "--lam", 1, "--sparse"), ("--sparse goes with",)),
        (("solve", "--x", "x,y", "--y", "z", "--lam", 1, "--loss", "hinge"), ("loss 'hinge' has a corner",)),
        (("path", "--x", "x,y", "--y", "line"), ("lam_max is 0: an affine function",)),
        (("path", "--x", "x", "--y", "line"), ("lam_max is 0",)),
        (("solve", "--x", "x", "--y", "line", "--lam", 1, "--relative"), ("lam_max is 0",)),
        (("path", *XY, "--from", 0), ("--from must be a positive finite number",)),
        (("path", *XY, "--to", "inf"), ("--to must be a positive finite number",)),
        (("path", *XY, "--lams", 0), ("--lams",)),
        (("path", *XY, "--plot", "path.jpg"), ("must end in",)),
        (("path", *XY, "--json", "none/path.json"), ("the folder does not exist",)),
        (("path",), ("--x must name",)),
    ],
)
def test_bad_input_is_one_line(run: Command, arguments: tuple[Any, ...], words: tuple[str, ...]) -> None:
    command, *options = arguments
    assert_refused(run(command, "data.csv", *options), *words)
