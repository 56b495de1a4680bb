"""The command line: what it prints and writes, its exit codes, and one line for everything a user can get wrong."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import XY, Command, Run, assert_refused, but_for_compiling, runner, strict

import vvnorm
from vvnorm import ReLUNetwork, Verdict, builtin_dataset, gaussian_auxiliary, interpolate, plotting
from vvnorm.claims import Claim, Result, claim_names, conclude, instances, load_claim, load_outcomes
from vvnorm.plotting import FIGURE_FILES, FigureData, FigureScript, new_figure

COMMAND = [sys.executable, "-m", "vvnorm.cli"]
ZIGZAG = {"x": [0, 1, 2, 3], "y": [0, 1, 0, 1]}  # one solution, of cost 4
BOWL = {"x": [0, 1, 2, 3, 4], "y": [0, 0, 1, 3, 6]}  # many solutions, of cost 3; two neurons are enough


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Run a command in an empty folder."""
    monkeypatch.chdir(tmp_path)

    return runner(capsys)


def write(name: str, columns: dict[str, list[Any]]) -> str:
    """Write a CSV file with one line per point; None is an empty field."""
    rows = zip(*columns.values(), strict=True)
    lines = [",".join("" if entry is None else str(entry) for entry in row) for row in rows]
    Path(name).write_text("\n".join([",".join(columns), *lines, ""]))
    return name


def files() -> set[str]:
    return set(os.listdir())


# --- solve ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("columns", "value", "unique", "neurons", "fewest"),
    [
        (ZIGZAG, 4, "yes", 2, 2),
        (BOWL, 3, "no: solutions differ in y", 3, 2),
        ({"x": [3, 1, 2], "y": [6, 2, 4]}, 0, "yes", 0, 0),
        ({"x": [0, 1], "y": [5, -5]}, 0, "yes", 0, 0),
        ({"x": [0, 1, 1, 2], "y": [0, 1, 1, 0]}, 2, "yes", 1, 1),
    ],
    ids=["unique", "many", "line", "two points", "equal repeats"],
)
def test_solve_prints_what_it_proved(
    run: Command, columns: dict[str, list[Any]], value: float, unique: str, neurons: int, fewest: int
) -> None:
    done = run("solve", write("data.csv", columns), *XY)
    assert (done.code, done.err) == (0, "")
    facts = done.facts
    assert float(facts["VV norm"]) == value
    assert value * (1 - 1e-9) <= float(facts["lower bound"]) <= value
    assert float(facts["relative gap"]) < 1e-9
    assert float(facts["relative residual"]) < 1e-12
    assert (facts["unique"], facts["neurons"], facts["fewest neurons"]) == (unique, str(neurons), str(fewest))
    assert facts["method"] == "closed form"
    assert done.out.endswith("certified: an independent verifier accepts the proof\n")


def test_solve_names_the_outputs_that_can_differ(run: Command) -> None:
    data = write("data.csv", {"x": BOWL["x"], "y": BOWL["y"], "line": BOWL["x"], "double": [2 * v for v in BOWL["y"]]})
    assert run("solve", data, "--x", "x", "--y", "y,line,double").facts["unique"] == "no: solutions differ in y, double"


def test_columns_may_be_named_one_by_one(run: Command) -> None:
    data = write("data.csv", {"x": [0, 1, 2, 3], "y": [0, 1, 0, 1], "z": [1, 0, 0, 2]})
    together = run("solve", data, "--x", "x", "--y", "y,z").facts
    assert together["data"] == "4 points, 2 outputs"
    assert run("solve", data, "--x", "x", "--y", "y", "--y", "z").facts == together
    assert_refused(run("solve", data, "--x", "x", "--y", "y", "--y", "w"), "'w'")


def test_certify_accepts_what_solve_saved_for_missing_labels(run: Command) -> None:
    data = write("data.csv", {"x": [0, 1, 2, 3, 4], "y": [1, "", 3, 1, 4], "z": [2, 1, 4, 2, 1]})
    columns = ("--x", "x", "--y", "y,z")
    assert run("solve", data, *columns, "--out", "net.npz").code == 0
    assert run("certify", "net.npz", data, *columns).code == 0


def test_version(run: Command) -> None:
    assert run("--version")[:2] == (0, f"vvnorm {vvnorm.__version__}\n")


def test_train_refuses_labels_whose_squares_overflow(run: Command) -> None:
    done = run("train", write("data.csv", {"x": [0, 1, 2], "y": [0, 1e300, 2]}), *XY)
    assert done.code == 64
    assert done.err.startswith("vvnorm: Y holds labels as large as 1e+300")


def test_solve_writes_network_plot_and_strict_json(run: Command) -> None:
    data = write("data.csv", BOWL)
    done = run("solve", data, *XY, "--out", "net.npz", "--plot", "plot.pdf", "--json", "all.json")
    assert done.code == 0
    assert files() == {"data.csv", "net.npz", "plot.pdf", "all.json"}
    network = ReLUNetwork.load("net.npz")
    np.testing.assert_allclose(network(BOWL["x"])[:, 0], BOWL["y"], atol=1e-12)
    assert Path("plot.pdf").read_bytes().startswith(b"%PDF")
    record = strict("all.json")
    assert (record["value"], record["points"], record["outputs"]) == (3, 5, 1)
    assert (record["unique"], record["unique_outputs"], record["fewest_neurons"]) == (False, [False], 2)
    assert record["complaints"] == []
    assert record["neurons"] == network.n_neurons == 3
    assert record["lower_bound"] <= 3
    assert record["provenance"]["method"] == "closed form"
    assert "data.csv" in record["source"]


@pytest.mark.parametrize(("suffix", "magic"), [("pdf", b"%PDF"), ("svg", b"<?xml"), ("png", b"\x89PNG")])
def test_solve_plots_every_format(run: Command, suffix: str, magic: bytes) -> None:
    assert run("solve", write("data.csv", BOWL), *XY, "--plot", f"plot.{suffix}").code == 0
    assert Path(f"plot.{suffix}").read_bytes().startswith(magic)


def test_existing_outputs_are_replaced(run: Command) -> None:
    Path("all.json").write_text("old")
    run("solve", write("data.csv", ZIGZAG), *XY, "--json", "all.json")
    assert strict("all.json")["value"] == 4


def test_solve_reads_npz_and_other_columns_may_hold_anything(run: Command) -> None:
    np.savez("data.npz", x=np.array(ZIGZAG["x"]), y=np.array(ZIGZAG["y"]), label=np.array(["a"]))
    assert run("solve", "data.npz", *XY).facts["VV norm"] == "4"
    data = write("data.csv", {"name": ["a", "b", "c", "d"], **ZIGZAG})
    assert run("solve", data, *XY).facts["VV norm"] == "4"


def test_auxiliary_outputs_depend_on_seed_and_sigma_and_nothing_else(run: Command) -> None:
    data = write("data.csv", BOWL)
    saved = {}
    for name, seed, sigma in (("a", 7, 0.5), ("again", 7, 0.5), ("seed", 8, 0.5), ("sigma", 7, 5)):
        done = run("solve", data, *XY, "--aux", 2, "--sigma", sigma, "--seed", seed, "--out", f"{name}.npz")
        assert done.facts["unique"] == "yes"
        saved[name] = ReLUNetwork.load(f"{name}.npz")(BOWL["x"])
        np.testing.assert_allclose(saved[name], gaussian_auxiliary(BOWL["y"], 2, sigma, seed), atol=1e-12)
    assert Path("a.npz").read_bytes() == Path("again.npz").read_bytes()
    assert not np.allclose(saved["a"][:, 1:], saved["seed"][:, 1:])
    np.testing.assert_allclose(saved["sigma"][:, 1:], 10 * saved["a"][:, 1:])


@pytest.mark.parametrize("name", ["diabetes", "linnerud"])
@pytest.mark.parametrize("policy", ["average", "first"])
def test_builtin_data_need_no_columns_but_a_policy_for_repeats(run: Command, name: str, policy: str) -> None:
    assert_refused(run("solve", f"builtin:{name}"), "repeats", "average", "first")
    done = run("solve", f"builtin:{name}", "--repeats", policy, "--json", "all.json")
    data = builtin_dataset(name).merged(policy)
    assert done.code == 0
    record = strict("all.json")
    assert (record["points"], record["outputs"]) == data.Y.shape
    assert record["value"] == interpolate(data.X, data.Y).value


@pytest.mark.parametrize(("policy", "value"), [("average", 4), ("first", 2)])
def test_repeats_are_merged_as_asked(run: Command, policy: str, value: float) -> None:
    data = write("data.csv", {"x": [0, 1, 2, 1], "y": [0, 1, 0, 3]})
    assert float(run("solve", data, *XY, "--repeats", policy).facts["VV norm"]) == value


def test_missing_labels_go_to_the_convex_program_which_says_so(run: Command) -> None:
    data = write("data.csv", {"x": [0, 1, 2, 3, 4], "y": [0, 0, None, 3, 6], "z": ["nan", 2, 0, 1, 1]})
    done = run("solve", data, "--x", "x", "--y", "y,z", "--plot", "plot.png", "--json", "all.json")
    assert done.code == 0
    assert "convex program (labels are missing" in done.facts["method"]
    assert "unique" not in done.facts
    record = strict("all.json")
    assert record["provenance"]["solver"] == "CLARABEL"
    assert "unique" not in record
    assert record["gap"] < 1e-6


@pytest.mark.parametrize("scale", ["e300", "e-300"])
def test_labels_of_any_size_are_solved(run: Command, scale: str) -> None:
    data = write("data.csv", {"x": ZIGZAG["x"], "y": [f"{label}{scale}" for label in ZIGZAG["y"]]})
    done = run("solve", data, *XY, "--out", "net.npz", "--plot", "plot.svg", "--json", "all.json")
    assert (done.code, done.err) == (0, "")
    assert strict("all.json")["value"] == pytest.approx(float(f"4{scale}"), rel=1e-14)


@pytest.mark.parametrize("start", [1.0, -3.0, 1e-300, 1e6, 1e300])
def test_inputs_an_ulp_apart_give_the_right_value_or_say_that_no_network_holds_it(run: Command, start: float) -> None:
    x = [start]
    for _ in range(5):
        x.append(float(np.nextafter(x[-1], np.inf)))
    unit = Fraction(x[1]) - Fraction(x[0])
    y = [float(unit * label) for label in (0, 1, 0, 0, 2, 1)]  # slopes of moderate size, exact at any start
    slopes = [(Fraction(y[i + 1]) - Fraction(y[i])) / (Fraction(x[i + 1]) - Fraction(x[i])) for i in range(5)]
    value = float(sum(abs(slopes[i + 1] - slopes[i]) for i in range(4)))
    done = run("solve", write("data.csv", {"x": [repr(v) for v in x], "y": [repr(v) for v in y]}), *XY)
    assert done.code in (0, 1)
    assert done.err == ""
    assert float(done.facts["VV norm"]) == pytest.approx(value, rel=1e-9)
    assert ("not certified: " in done.out) == (done.code == 1)


def test_inputs_that_no_network_in_float64_can_resolve_are_not_certified(run: Command) -> None:
    done = run("solve", write("data.csv", {"x": [-8e307, 0, 1, 8e307], "y": [0, 1, 2, 5]}), *XY, "--out", "net.npz")
    assert (done.code, done.err) == (1, "")
    assert "not certified: relative residual" in done.out


def test_a_hundred_thousand_rows_are_solved(run: Command) -> None:
    rng = np.random.default_rng(0)
    n = 100_000
    x, Y = np.cumsum(rng.uniform(0.5, 1, n)), rng.standard_normal((n, 2))
    data = write("data.csv", {"x": x.tolist(), "y": Y[:, 0].tolist(), "z": Y[:, 1].tolist()})
    done = run("solve", data, "--x", "x", "--y", "y,z", "--out", "net.npz", "--json", "all.json")
    assert done.code == 0
    assert strict("all.json")["value"] == pytest.approx(interpolate(x, Y).value, rel=1e-12)


def test_a_tolerance_that_cannot_be_met_is_not_certified(run: Command) -> None:
    done = run("solve", write("data.csv", BOWL), *XY, "--tol", 1e-300)
    assert done.code == 1
    assert "not certified: relative gap" in done.out


# --- certify ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("extra", [(), ("--aux", 3, "--sigma", 0.1, "--seed", 5)], ids=["labels", "with auxiliary"])
def test_certify_accepts_what_solve_saved(run: Command, extra: tuple[object, ...]) -> None:
    data = write("data.csv", BOWL)
    run("solve", data, *XY, *extra, "--out", "net.npz")
    done = run("certify", "net.npz", data, *XY, *extra, "--json", "all.json")
    assert (done.code, done.err) == (0, "")
    assert done.out.endswith("certified: an independent verifier accepts the proof\n")
    record = strict("all.json")
    assert record["complaints"] == []
    assert record["gap"] < 1e-9
    assert float(done.facts["VV norm"]) == pytest.approx(record["vv_norm"], rel=1e-9)


@pytest.mark.parametrize(
    ("network", "word"),
    [
        (ReLUNetwork([[1.0]], [-1.0], [[1.0]]), "does not interpolate"),
        (ReLUNetwork([[1.0]] * 4, [-1.0, -2.0, -0.5, -0.5], [[-2.0, 2.0, 1.0, -1.0]], [[1.0]]), "not proved optimal"),
    ],
    ids=["other values", "other cost"],
)
def test_certify_rejects_another_network(run: Command, network: ReLUNetwork, word: str) -> None:
    network.save("net.npz")
    done = run("certify", "net.npz", write("data.csv", ZIGZAG), *XY, "--json", "all.json")
    assert done.code == 1
    assert f"{word}\n" in done.out
    assert any(word in complaint for complaint in strict("all.json")["complaints"])


def test_certify_writes_infinities_as_strict_json(run: Command) -> None:
    data = write("data.csv", BOWL)
    run("solve", data, *XY, "--out", "net.npz")
    ReLUNetwork([[1.0]], [0.0], [[9.0]]).save("other.npz")
    run("certify", "other.npz", data, *XY, "--json", "all.json")
    assert float(strict("all.json")["distance_bound"]) == np.inf


@pytest.mark.parametrize(
    ("network", "words"),
    [
        (ReLUNetwork(np.ones((1, 2)), [0.0], [[1.0]]), ("2 inputs",)),
        (ReLUNetwork([[1.0]], [0.0], np.ones((3, 1))), ("1 output", "3")),
    ],
    ids=["inputs", "outputs"],
)
def test_certify_refuses_a_network_of_another_shape(run: Command, network: ReLUNetwork, words: tuple[str, ...]) -> None:
    network.save("net.npz")
    assert_refused(run("certify", "net.npz", write("data.csv", ZIGZAG), *XY), *words)


# --- train ------------------------------------------------------------------------------------------------------------


def test_train_certifies_every_seed_and_writes_all_files(run: Command) -> None:
    data = write("data.csv", ZIGZAG)
    outputs = ("--out", "net.npz", "--plot", "plot.pdf", "--json", "all.json")
    done = run("train", data, *XY, "--seeds", 3, "--seed", 5, "--steps", 50, "--width", 9, *outputs)
    assert (done.code, done.err) == (1, "")  # fifty steps are not enough
    assert files() == {"data.csv", "net.npz", "plot.pdf", "all.json"}
    assert [row["seed"] for row in done.rows] == ["5", "6", "7"]
    assert all(float(row["distance"]) <= float(row["distance bound"]) for row in done.rows)
    record = strict("all.json")
    assert [entry["seed"] for entry in record["runs"]] == [5, 6, 7]
    assert record["lam"] > 0
    assert any(ReLUNetwork.load("net.npz").vv_norm == pytest.approx(entry["vv_norm"]) for entry in record["runs"])
    certified = run("certify", "net.npz", data, *XY)
    assert certified.code == 1


def test_train_depends_on_its_seed_only(run: Command) -> None:
    data = write("data.csv", ZIGZAG)
    tables = [run("train", data, *XY, "--seeds", 2, "--seed", seed, "--steps", 20).out for seed in (1, 1, 2)]
    assert tables[0] == tables[1]
    assert tables[0].splitlines()[2] == tables[2].splitlines()[1]  # seed 2 is seed 2, whatever else is trained with it


@pytest.mark.parametrize("penalty", ["path_norm", "weight_decay"])
def test_train_takes_either_penalty_and_several_inputs(run: Command, penalty: str) -> None:
    data = write("data.csv", {"x": [0, 1, 0, 1], "u": [0, 0, 1, 1], "y": [0, 1, 1, 0]})
    command = ("train", data, "--x", "x,u", "--y", "y", "--seeds", 2, "--steps", 20, "--width", 6)
    done = run(*command, "--penalty", penalty, "--out", "net.npz")
    assert done.code == 1  # nor are twenty
    assert list(done.rows[0]) == ["seed", "VV norm", "lower bound", "relative gap", "relative residual"]
    assert ReLUNetwork.load("net.npz").n_inputs == 2
    before = files()
    assert_refused(run(*command, "--plot", "plot.pdf", "--out", "other.npz"), "--plot", "x, u")
    assert files() == before


def test_train_finishes_exactly_and_goes_on_from_its_checkpoint(run: Command) -> None:
    data = write("data.csv", {"x": [0, 1, 2, 3, 4], "y": [0, 1, 0, 2, 1]})
    command = ("train", data, *XY, "--seeds", 2, "--steps", 300, "--width", 24, "--checkpoint", "state.npz")
    done = run(*command, "--polish", "--exact", "--prune", 1e-6, "--tol", 0.05, "--json", "out.json")
    assert done.code == 0
    assert all(float(row["relative residual"]) < 1e-10 for row in done.rows)
    record = json.loads(Path("out.json").read_text())
    assert list(record["finish"]) == ["trained", "polished", "pruned", "exact"]
    assert record["notes"] == []
    again = run(*command, "--polish", "--exact", "--prune", 1e-6, "--tol", 0.05)
    assert again.out == done.out
    assert_refused(run(*command, "--lr", 0.5), "checkpoint", "other data or settings")


def test_train_says_what_could_not_be_done(run: Command) -> None:
    data = write("data.csv", {"x": [0, 1, 2, 3, 4, 5], "y": [0, 1, 0, 2, 1, 4]})
    done = run("train", data, *XY, "--seeds", 1, "--steps", 20, "--width", 1, "--exact")
    assert done.code == 2
    assert "network 0 could not be made to fit exactly" in done.out
    assert done.rows


@pytest.mark.parametrize(
    "options",
    [
        ("--optimizer", "proximal"),
        ("--optimizer", "lbfgs"),
        ("--optimizer", "sgd", "--schedule", "constant", "--lr", 0.01),
        ("--initialisation", "torch", "--batch-size", 3),
        ("--no-skip",),
        ("--penalise-bias", "--lam", 0.1),
        ("--lam-start", 1.0, "--dtype", "float32"),
    ],
)
def test_train_takes_every_recipe(run: Command, options: tuple[object, ...]) -> None:
    data = write("data.csv", {"x": [0, 1, 2, 3, 4], "y": [0, 1, 0, 2, 1]})
    done = run("train", data, *XY, "--seeds", 2, "--steps", 30, "--width", 8, *options)
    noted = "solved for again (polish)" in done.out
    assert done.code == (2 if noted else 0 if done.out.splitlines()[-1].startswith("certified: ") else 1)
    assert len(done.rows) == 2


def test_train_judges_fits_where_labels_differ_at_one_input(run: Command) -> None:
    data = write("data.csv", {"x": [0, 1, 0, 1, 1], "u": [0, 0, 1, 1, 1], "y": [0, 1, 1, 0, 2]})
    done = run("train", data, "--x", "x,u", "--y", "y", "--seeds", 1, "--steps", 20, "--width", 6)
    assert done.code == 1
    assert float(done.rows[0]["lower bound"]) == pytest.approx(1.0, rel=1e-6)  # the two labels' loss
    assert "not certified: relative gap " in done.out


# --- figures ----------------------------------------------------------------------------------------------------------


def test_figures_writes_pictures_and_a_record(run: Command) -> None:
    done = run("figures", "--quick", "neuron", "--out", "deep/folder", "--json", "figures.json")
    assert done.code == 0
    assert done.out.startswith("neuron: HOLDS; ")
    record = json.loads(Path("figures.json").read_text())
    (figure,) = record["figures"]
    assert (record["seed"], record["quick"], figure["figure"], figure["verdict"]) == (0, True, "neuron", "HOLDS")
    assert figure["statement"] == plotting.load_figure("neuron").statement
    assert record["environment"]["versions"]["numpy"] == np.__version__
    assert {file.name for file in Path("deep/folder").iterdir()} == {f"neuron{end}" for end in FIGURE_FILES}


@pytest.mark.parametrize(
    ("verdicts", "code"),
    [
        ({"a": Verdict.HOLDS}, 0),
        ({"a": Verdict.HOLDS, "b": Verdict.INCONCLUSIVE}, 2),
        ({"a": Verdict.VIOLATED, "b": Verdict.HOLDS}, 1),
        ({"a": Verdict.VIOLATED, "b": Verdict.INCONCLUSIVE}, 1),
        ({"a": "it is bent", "b": Verdict.INCONCLUSIVE}, 1),
        ({"a": "it is bent"}, 1),
        ({"a": Verdict.SUPPORTED, "b": Verdict.HOLDS}, 0),
        ({"a": Verdict.SUPPORTED, "b": Verdict.NOT_SUPPORTED}, 1),
    ],
    ids=str,
)
def test_figures_exit_with_the_worst_of_their_verdicts(
    run: Command, monkeypatch: pytest.MonkeyPatch, verdicts: dict[str, Any], code: int
) -> None:
    def script(name: str) -> FigureScript:
        good = isinstance(verdicts[name], Verdict)
        data = FigureData({}, verdicts[name] if good else Verdict.HOLDS, [] if good else [verdicts[name]])
        return FigureScript(name, "a", lambda *_: data, lambda _: new_figure(1, 1), lambda _: [{"a": 1.0}], "b")

    monkeypatch.setattr("vvnorm.plotting.figure_names", lambda: list(verdicts))
    monkeypatch.setattr("vvnorm.plotting.load_figure", script)
    done = run("figures", "--out", "folder", "--jobs", 1)
    assert done.code == code
    drawn = {name for name, verdict in verdicts.items() if isinstance(verdict, Verdict)}
    assert {file.name for file in Path("folder").iterdir()} == {f"{name}{end}" for name in drawn for end in FIGURE_FILES}
    assert done.out.count("is not drawn: it is bent") == len(verdicts) - len(drawn)


# --- verify and claims ------------------------------------------------------------------------------------------------


def toy_claim(lower: float, upper: float, *, complaints: tuple[str, ...] = (), id: str = "toy") -> Claim:
    """Make a claim that a number lies in [0, 1], whose check finds the given interval."""
    arrays = {"value": np.array([lower, upper, np.nan]), "count": np.array([1, 2])}

    def check(instance: Any) -> Result:
        return conclude((0, 1), lower, upper, arrays)

    def recheck(instance: Any, result: Result) -> list[str]:
        same = all(np.array_equal(result.certificate[name], array, equal_nan=True) for name, array in arrays.items())
        return list(complaints) if same else ["changed"]

    return Claim(
        id, "a number is in [x_1, x_N]", "[new]", "bound", "a number", (0, 1), {"drawn": lambda instance: True},
        lambda rng: {"value": rng.random()}, {}, {}, check, recheck,
    )  # fmt: skip


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Make some claims the only ones that are registered."""

    def only(*claims: Claim) -> None:
        monkeypatch.setattr("vvnorm.claims.claim_names", lambda: [claim.id for claim in claims])
        monkeypatch.setattr("vvnorm.claims.load_claim", {claim.id: claim for claim in claims}.__getitem__)

    return only


HOLDS, VIOLATED = toy_claim(0.2, 0.3), toy_claim(1.5, 1.75, id="violated")
ACROSS, REJECTED = toy_claim(0.5, 1.5, id="across"), toy_claim(0.2, 0.3, complaints=("tampered",), id="rejected")


@pytest.mark.parametrize(
    ("claims", "code"),
    [
        ((HOLDS,), 0),
        ((VIOLATED,), 1),
        ((ACROSS,), 2),
        ((REJECTED,), 2),
        ((HOLDS, ACROSS), 2),
        ((ACROSS, VIOLATED, HOLDS), 1),
        ((), 2),
    ],
    ids=["holds", "violated", "inconclusive", "rejected", "one inconclusive", "one violated", "nothing"],
)
def test_verify_exits_with_the_worst_verdict(
    run: Command, install: Callable[..., None], claims: tuple[Claim, ...], code: int
) -> None:
    install(*claims)
    done = run("verify", "--draws", 3, "--json", "all.json", "--jobs", 1)
    assert (done.code, done.err) == (code, "")
    assert [(row["claim"], row["draws"]) for row in done.rows] == [(claim.id, "3") for claim in claims]
    recorded = strict("all.json")["claims"]
    assert files() == {"all.json", "all.certificates.sqlite"}
    assert [entry["verdict"] for entry in recorded] == [row["verdict"] for row in done.rows]
    for claim in claims:
        failed = f"{claim.id}, draw 0: " in done.out
        assert failed == (claim is not HOLDS)
    kept = load_outcomes("all.certificates.sqlite")
    for entry in recorded:
        for outcome in entry["outcomes"]:
            result = kept[entry["claim"]][outcome["instance"]].result
            assert (str(result.verdict), result.lower, result.upper) == tuple(
                outcome[name] for name in ("verdict", "lower", "upper")
            )
            assert Result.from_json(result.to_json()).to_json() == result.to_json()


def test_verify_says_what_it_found_instead(run: Command, install: Callable[..., None]) -> None:
    install(VIOLATED, REJECTED)
    out = run("verify", "--draws", 1, "--jobs", 1).out
    assert "violated, draw 0: VIOLATED, not HOLDS: [1.5, 1.75]\n" in out
    assert "rejected, draw 0: HOLDS, not HOLDS: tampered\n" in out


@pytest.mark.parametrize("name", ["connect_the_dots_optimal", "uniqueness", "stability"])
def test_results_on_disk_are_accepted_again_by_the_claims_verifier(run: Command, name: str) -> None:
    done = run("verify", name, "--draws", 3, "--seed", 4, "--json", "all.json", "--jobs", 1)
    assert done.code == 0
    record = strict("all.json")
    (entry,) = record["claims"]
    assert (record["seed"], entry["claim"], entry["verdict"]) == (4, name, "HOLDS")
    claim = load_claim(name)
    cases = list(instances(claim, 3, 4))
    assert [outcome["instance"] for outcome in entry["outcomes"]] == [label for label, *_ in cases]
    kept = load_outcomes("all.certificates.sqlite")[name]
    for outcome, (label, expected, instance) in zip(entry["outcomes"], cases, strict=True):
        result = kept[label].result
        assert claim.verify(instance, result)
        assert outcome["complaints"] == kept[label].complaints == []
        assert outcome["expected"] == expected == result.verdict == outcome["verdict"]
        (place, array), *_ = result.certificate.items()
        forged = replace(result, certificate={**result.certificate, place: array * 1.1 + 1e-3})
        assert not claim.verify(instance, forged)


def test_verify_with_one_seed_finds_the_same_twice_and_more_draws_repeat_fewer(run: Command) -> None:
    def outcomes(seed: int, draws: int) -> list[Any]:
        run("verify", "rescaling", "--draws", draws, "--seed", seed, "--json", "all.json", "--jobs", 1)
        recorded = strict("all.json")["claims"][0]["outcomes"]
        for outcome in recorded:
            del outcome["provenance"]["seconds"]
        return recorded

    first = outcomes(1, 3)
    assert outcomes(1, 3) == first
    assert outcomes(1, 5)[:3] == first[:3]
    assert outcomes(2, 1)[0] != first[0]


def test_verify_quick_runs_the_quick_number_of_draws(run: Command, install: Callable[..., None]) -> None:
    install(HOLDS)
    assert run("verify", "--jobs", 1, "--quick").rows[0]["draws"] == str(HOLDS.quick_draws)
    assert run("verify", "--jobs", 1).rows[0]["draws"] == str(HOLDS.draws)
    assert run("verify", "--jobs", 1, "--quick", "--draws", 2).rows[0]["draws"] == "2"


def test_claims_lists_every_claim_with_statement_and_source(run: Command) -> None:
    rows = run("claims").rows
    assert [row["claim"] for row in rows] == claim_names()
    assert all(row["statement"] and row["source"] for row in rows)


@pytest.mark.parametrize("name", claim_names())
def test_a_claim_is_shown_with_its_statement_range_and_hypotheses(run: Command, name: str) -> None:
    done, claim = run("claims", "--show", name), load_claim(name)
    assert done.code == 0
    assert done.out.startswith(f"{name} ({claim.kind}): {claim.statement}\nsource: {claim.source}\n")
    assert f"claimed to lie in [{claim.claimed[0]:.6g}, {claim.claimed[1]:.6g}]" in done.out
    lines = [line.split(";")[0] for line in done.out.splitlines()[3:]]
    assert [line for line in lines if line.startswith("hypothesis ")] == [f"hypothesis {h}" for h in claim.hypotheses]
    for rung, rests_on in claim.belief().items():
        assert f"\n{rung}: {rests_on}" in done.out


def test_a_table_on_a_terminal_shows_brackets_as_they_are(
    run: Command, install: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    install(HOLDS)
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    out = run("claims").out
    assert "a number is in [x_1, x_N]" in out
    assert "[new]" in out
    assert "\t" not in out


def test_claims_fit_a_terminal(run: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    listed = run("claims").out.splitlines()
    assert len(listed) == len(claim_names()) + 4  # a claim takes one line; the head and three rules
    for claim in map(load_claim, claim_names()):
        lines = run("claims", "--show", claim.id).out.splitlines()
        assert max(map(len, lines)) <= 80
        assert " ".join(claim.statement.split()) in " ".join(" ".join(lines).split())
    assert max(map(len, listed[3:])) <= 80  # the head has codes for bold letters


# --- help and usage ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [(), ("--help",)], ids=["nothing", "--help"])
def test_help_lists_every_command(run: Command, arguments: tuple[str, ...]) -> None:
    done = run(*arguments)
    assert (done.code, done.err) == (0, "")
    for command in ("verify", "claims", "solve", "certify", "train", "figures"):
        assert re.search(rf"^  {command} ", done.out, re.MULTILINE)


@pytest.mark.parametrize("command", ["verify", "claims", "solve", "certify", "train", "figures"])
def test_every_command_has_its_own_help(run: Command, command: str) -> None:
    done = run(command, "--help")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(f"Usage: vvnorm {command} ")


def test_solve_names_its_options_in_the_help(run: Command) -> None:
    out = run("solve", "--help").out
    for option in ("--x", "--y", "--aux", "--sigma", "--seed", "--repeats", "--tol", "--out", "--plot", "--json"):
        assert option in out


# --- bad input --------------------------------------------------------------------------------------------------------

BAD_FILES: dict[str, tuple[bytes, tuple[str, ...]]] = {
    "empty": (b"", ("bad.csv", "empty")),
    "blank lines": (b"\n\n", ("bad.csv", "empty")),
    "header only": (b"x,y\n", ("bad.csv", "no data")),
    "one point": (b"x,y\n1,2\n", ("1 distinct value",)),
    "one distinct point": (b"x,y\n1,2\n1,2\n", ("1 distinct value",)),
    "nan in x": (b"x,y\n0,1\nnan,2\n", ("bad.csv", "line 3, column 'x': an input is missing")),
    "inf in x": (b"x,y\n0,1\n1,2\n-inf,2\n", ("bad.csv", "line 4, column 'x': '-inf' is not finite")),
    "missing x": (b"x,y\n0,1\n,2\n", ("bad.csv", "line 3, column 'x': an input is missing")),
    "inf in y": (b"x,y\n0,1\n1,inf\n", ("bad.csv", "line 3, column 'y': 'inf' is not finite")),
    "x beyond float64": (b"x,y\n0,1\n1e999,2\n", ("bad.csv", "line 3, column 'x': '1e999' is not finite")),
    "no label at all": (b"x,y\n0,\n1,nan\n", ("bad.csv", "column 'y' has no label at all")),
    "repeated x": (b"x,y\n0,1\n1,2\n1,3\n", ("repeats the value 1.0", "2.0 and 3.0", "--repeats average, or first")),
    "id": (b"x,y\n0,1\n9007199254740993,2\n", ("line 3, column 'x'", "9007199254740993", "9007199254740992")),
    "digits": (b"x,y\n1.00000000000000001,1\n1,2\n", ("line 3, column 'x': 1 is not 1.00000000000000001 on line 2",)),
    "thousands": (b"x;y\n0;1,000\n1;2,500\n", ("line 2, column 'y': '1,000'", "--decimal")),
    "two marks": (b"x;y\n0;1,5\n1;2.5\n", ("line 2, column 'y': '1,5'", "--decimal")),
    "short line": (b"x,y\n0,1\n1\n", ("bad.csv", "line 3", "1 fields")),
    "long line": (b"x,y\n0,1\n1,2,3\n", ("bad.csv", "line 3", "3 fields")),
    "text": (b"x,y\n0,1\n1,abc\n", ("bad.csv", "line 3", "'y'", "'abc'")),
    "decimal comma": (b'x,y\n0,1\n1,"2,5"\n', ("bad.csv", "line 3", "'2,5'")),
    "open quote": (b'x,y\n0,1\n1,"2', ("bad.csv", "line 3")),
    "no such column": (b"x,z\n0,1\n1,2\n", ("bad.csv", "no column named 'y'", "x, z")),
    "column twice": (b"x,y,y\n0,1,2\n1,2,3\n", ("bad.csv", "more than one column named 'y'")),
    "binary": (bytes(range(256)), ("bad.csv",)),
    "zeros": (b"x,y\n0,1\n\0,2\n", ("bad.csv", "line 3")),
    "latin-1": ("x,y\n0,1\n1,\xb5\n".encode("latin-1"), ("bad.csv", "not UTF-8", "--encoding")),
    "no header": (b"0,1\n1,2\n", ("bad.csv", "no column named 'x'", "there are: 0, 1", "--no-header")),
}
OUTPUTS = ("--out", "net.npz", "--plot", "plot.pdf", "--json", "all.json")


@pytest.mark.parametrize("kind", BAD_FILES)
@pytest.mark.parametrize("command", ["solve", "certify", "train"])
def test_a_bad_file_is_one_line_and_leaves_no_output(run: Command, command: str, kind: str) -> None:
    content, words = BAD_FILES[kind]
    Path("bad.csv").write_bytes(content)
    ReLUNetwork([[1.0]], [0.0], [[1.0]]).save("saved.npz")
    before = files()
    if command == "certify":
        done = run("certify", "saved.npz", "bad.csv", *XY, *OUTPUTS[-2:])
    else:
        done = run(command, "bad.csv", *XY, *OUTPUTS)
    assert_refused(done, *words)
    assert files() == before


def test_slopes_beyond_float64_are_refused_by_solve_and_judged_by_certify(run: Command) -> None:
    data = write("data.csv", {"x": [0, 1e-9, 2], "y": [-1e308, 1e308, 0]})
    assert_refused(run("solve", data, *XY, *OUTPUTS), "slope", "x = 1e-09")
    assert files() == {"data.csv"}
    ReLUNetwork([[1.0]], [0.0], [[1.0]]).save("net.npz")
    done = run("certify", "net.npz", data, *XY)
    assert (done.code, done.err) == (1, "")


def test_a_file_that_is_absent_a_folder_or_not_whole_is_refused_by_name(run: Command) -> None:
    data = write("data.csv", ZIGZAG)
    ReLUNetwork([[1.0]], [0.0], [[1.0]]).save("net.npz")
    np.savez("data.npz", x=np.arange(4.0), y=np.arange(4.0))
    np.savez("objects.npz", x=np.array([{}]), y=np.arange(1.0))
    np.savez("shapes.npz", x=np.arange(4.0), y=np.arange(3.0), s=np.array(["a", "b", "c", "d"]))
    for whole, part in (("net.npz", "part.npz"), ("data.npz", "piece.npz")):
        content = Path(whole).read_bytes()
        Path(part).write_bytes(content[: len(content) // 2])
    Path("flipped.npz").write_bytes(Path("data.npz").read_bytes().replace(b"\x93NUMPY", b"\x93NUMPX"))
    Path("folder").mkdir()
    before = files()
    for name in ("absent.csv", "absent.npz", "folder", "piece.npz", "flipped.npz", "objects.npz", "net.npz", "shapes.npz"):
        assert_refused(run("solve", name, *XY, *OUTPUTS), name)
    assert_refused(run("solve", "shapes.npz", "--x", "x", "--y", "s", *OUTPUTS), "shapes.npz", "'s'")
    for name in ("absent.npz", "folder", "part.npz", "data.npz", "data.csv"):
        assert_refused(run("certify", name, data, *XY, "--json", "all.json"), name)
    assert files() == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nothing",), ("nothing",)),
        (("--nothing",), ("--nothing",)),
        (("solve",), ("DATA",)),
        (("solve", "data.csv"), ("--x", "data.csv")),
        (("solve", "data.csv", "--x", "x"), ("--y", "data.csv")),
        (("solve", "data.csv", "--x", "x", "--y", ","), ("name at least one column",)),
        (("solve", "data.csv", *XY, "--time-limit", 0), ("--time-limit must be positive",)),
        (("solve", "data.csv", *XY, "--time-limit", "soon"), ("--time-limit",)),
        (("solve", "data.csv", *XY, "--auxiliary", "many"), ("--auxiliary", "many")),
        (("solve", "data.csv", *XY, "--save-certificate", "proof.json"), ("--save-certificate must end in .npz",)),
        (("solve", "data.csv", *XY, "--nothing"), ("--nothing",)),
        (("solve", "data.csv", *XY, "more.csv"), ("more.csv",)),
        (("solve", "data.csv", *XY, "--aux", -1), ("--aux",)),
        (("solve", "data.csv", *XY, "--aux", "many"), ("--aux",)),
        (("solve", "data.csv", *XY, "--aux", 10**15), ("array",)),
        (("solve", "data.csv", *XY, "--aux", 1, "--sigma", 0), ("sigma", "0")),
        (("solve", "data.csv", *XY, "--aux", 1, "--sigma", "nan"), ("sigma", "nan")),
        (("solve", "data.csv", *XY, "--seed", -1), ("--seed",)),
        (("solve", "data.csv", *XY, "--repeats", "median"), ("--repeats", "median")),
        (("solve", "data.csv", *XY, "--tol", 0), ("tol", "0")),
        (("solve", "data.csv", *XY, "--tol", "nan"), ("tol", "nan")),
        (("solve", "builtin:nothing"), ("diabetes", "nothing")),
        (("solve", "builtin:diabetes", *XY), ("--x and --y",)),
        (("certify", "net.npz"), ("DATA",)),
        (("certify", "net.npz", "data.csv", *XY, "--tol", "inf"), ("--tol", "inf")),
        (("certify", "net.npz", "data.csv", *XY, "--tol", -1), ("--tol", "-1")),
        (("train", "data.csv", *XY, "--lam", -1), ("lam", "-1")),
        (("train", "data.csv", *XY, "--lam", "nan"), ("lam", "nan")),
        (("train", "data.csv", *XY, "--width", 0), ("--width",)),
        (("train", "data.csv", *XY, "--seeds", 0), ("--seeds",)),
        (("train", "data.csv", *XY, "--steps", 0), ("--steps",)),
        (("train", "data.csv", *XY, "--penalty", "ridge"), ("--penalty", "ridge")),
        (("verify", "nothing"), ("'nothing'", "uniqueness")),
        (("verify", "rescaling", "nothing"), ("'nothing'", "uniqueness")),
        (("verify", "--draws", 0), ("--draws",)),
        (("verify", "--draws", 1.5), ("--draws",)),
        (("claims", "--show", "nothing"), ("'nothing'", "uniqueness")),
        (("figures", "nothing"), ("'nothing'", "neuron")),
        (("figures", "neuron", "--style", "nature"), ("'nature'", "icml")),
        (("figures", "neuron", "nothing", "--out", "folder"), ("'nothing'",)),
        (("figures", "neuron", "--out", "data.csv"), ("data.csv",)),
        (("figures", "neuron", "--out", "data.csv/below"), ("data.csv/below",)),
    ],
    ids=lambda value: " ".join(map(str, value)) if isinstance(value, tuple) else None,
)
def test_bad_usage_is_one_line_and_leaves_no_output(
    run: Command, arguments: tuple[object, ...], words: tuple[str, ...]
) -> None:
    write("data.csv", ZIGZAG)
    ReLUNetwork([[1.0]], [0.0], [[1.0]]).save("net.npz")
    before = files()
    done = run(*arguments)
    assert_refused(done, *words)
    assert done.out == ""
    assert files() == before


@pytest.mark.parametrize(
    ("option", "name", "words"),
    [
        ("--out", "net.pkl", ("--out", ".npz")),
        ("--out", "net", ("--out", ".npz")),
        ("--plot", "plot.jpg", (".pdf", "plot.jpg")),
        ("--plot", "plot", (".pdf", "'plot'")),
        ("--out", "nowhere/net.npz", ("nowhere", "folder does not exist")),
        ("--plot", "nowhere/plot.pdf", ("nowhere", "folder does not exist")),
        ("--json", "nowhere/all.json", ("nowhere", "folder does not exist")),
        ("--json", "data.csv/all.json", ("data.csv", "folder does not exist")),
        ("--json", "folder", ("folder", "it is a folder")),
        ("--out", "folder.npz", ("folder.npz", "it is a folder")),
        ("--json", ".", ("it is a folder",)),
    ],
)
@pytest.mark.parametrize("command", ["solve", "train"])
def test_an_output_that_cannot_be_written_is_refused_before_any_work(
    run: Command, command: str, option: str, name: str, words: tuple[str, ...]
) -> None:
    write("data.csv", ZIGZAG)
    for folder in ("folder", "folder.npz"):
        Path(folder).mkdir()
    before = files()
    done = run(command, "data.csv", *XY, *OUTPUTS, option, name)
    assert_refused(done, *words)
    assert done.out == ""
    assert files() == before


def test_verify_and_certify_refuse_an_unusable_json_file_before_any_work(run: Command) -> None:
    data = write("data.csv", ZIGZAG)
    run("solve", data, *XY, "--out", "net.npz")
    for command in (("verify",), ("certify", "net.npz", data, *XY)):
        done = run(*command, "--json", "nowhere/all.json")
        assert_refused(done, "nowhere")
        assert done.out == ""


@pytest.fixture
def unwritable(tmp_path: Path) -> Iterator[Path]:
    """A folder that this user cannot write to."""
    if os.geteuid() == 0:  # nothing is closed to the superuser but the kernel's own
        yield Path("/proc")
        return
    folder = tmp_path / "closed"
    folder.mkdir(mode=0o500)
    yield folder
    folder.chmod(0o700)


def test_an_unwritable_folder_is_refused(run: Command, unwritable: Path) -> None:
    data = write("data.csv", ZIGZAG)
    for option, name in (("--out", "net.npz"), ("--plot", "plot.pdf"), ("--json", "all.json")):
        assert_refused(run("solve", data, *XY, option, unwritable / name), name)
    assert_refused(run("figures", "--quick", "neuron", "--out", unwritable / "sub"), "sub")
    assert not (unwritable / "all.json").exists()


def test_a_solver_that_fails_is_one_line_and_not_certified(run: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("the convex program ended with status 'none'\nand no solution")

    monkeypatch.setattr(
        "vvnorm.api.interpolation.interpolate", fail
    )  # a program that fails by itself has a plain interpolant to fall back on
    done = run("solve", write("gaps.csv", {"x": [0, 1, 2], "y": [0, None, 1]}), *XY, *OUTPUTS)
    assert done.code == 1
    assert done.err == "vvnorm: the convex program ended with status 'none' and no solution\n"
    assert files() == {"gaps.csv"}


def test_a_full_disk_leaves_no_output(run: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    data = write("data.csv", ZIGZAG)
    monkeypatch.setattr(os, "fsync", full)
    assert_refused(run("solve", data, *XY, *OUTPUTS), "No space left")
    assert files() == {"data.csv"}


# --- missing labels and limits of time ------------------------------------------------------------------------------------


def test_training_takes_missing_labels_and_judges_by_those_there_are(run: Command) -> None:
    data = write("gaps.csv", {"x": [0, 1, 2, 3, 4], "y": [0, 1, None, 1, 0], "z": [1, None, 0, 1, 2]})
    columns = ("--x", "x", "--y", "y,z")
    done = run("train", data, *columns, "--seeds", 2, "--steps", 3, "--lam", 0.1, "--out", "net.npz", "--json", "all.json")
    assert done.code == 1
    assert "some labels are missing" in done.out
    assert "not certified: relative gap" in done.out
    again = run("train", data, *columns, "--seeds", 2, "--steps", 200, "--lam", 0.1, "--tol", 0.99)
    assert again.code == 0
    assert "certified: the best network" in again.out
    rows = json.loads(Path("all.json").read_text())["runs"]
    assert [row["seed"] for row in rows] == [0, 1]
    assert all(0 <= row["lower_bound"] <= row["objective"] for row in rows)
    polished = run(
        "train", data, *columns, "--steps", 200, "--lam", 0.1, "--polish", "--plot", "net.pdf", "--time-limit", 9
    )
    assert polished.code == 0
    assert Path("net.pdf").stat().st_size > 0
    assert_refused(run("train", data, *columns, "--time-limit", 0), "--time-limit must be positive")


def test_limits_of_time_on_the_command_line(run: Command) -> None:
    data = write("data.csv", ZIGZAG)
    limit = ("--time-limit", 1e-9)
    done = run("solve", data, *XY, "--lam", 0.01, *limit, "--out", "net.npz")
    assert done.code == 1
    assert "time_limit ended the search" in done.out
    assert run("certify", "net.npz", data, *XY, "--lam", 0.01, *limit).code == 1
    assert run("certify", "net.npz", data, *XY, "--lam", 0.01, "--time-limit", 100).code == 1
    assert run("path", data, *XY, "--lams", 3, *limit).code == 1
    assert run("solve", data, *XY, "--lam", 0.01, "--time-limit", 100).code == 0


# --- interruption -----------------------------------------------------------------------------------------------------


def interrupt(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("target", "command"),
    [
        ("vvnorm.datasets.read_table", ("solve", "data.csv", *XY, *OUTPUTS)),
        ("vvnorm.api.interpolation.interpolate", ("solve", "data.csv", *XY, *OUTPUTS)),
        ("vvnorm.training.train", ("train", "data.csv", *XY, *OUTPUTS)),
        ("vvnorm.claims.run_case", ("verify", "rescaling", "--json", "all.json", "--jobs", "1")),
        ("numpy.savez", ("solve", "data.csv", *XY, *OUTPUTS)),
        ("vvnorm._internal.files.os.replace", ("solve", "data.csv", *XY, *OUTPUTS)),
        ("vvnorm.plotting.draw_figure", ("figures", "neuron", "--out", ".", "--jobs", "1")),
    ],
    ids=lambda value: value if isinstance(value, str) else value[0],
)
@pytest.mark.parametrize("existing", [False, True])
def test_an_interrupted_run_leaves_files_as_they_were(
    run: Command, monkeypatch: pytest.MonkeyPatch, target: str, command: tuple[str, ...], existing: bool
) -> None:
    write("data.csv", ZIGZAG)
    for name in ("net.npz", "plot.pdf", "all.json", "neuron.pdf") if existing else ():
        Path(name).write_text("old")
    before = {name: Path(name).read_bytes() for name in files()}
    monkeypatch.setattr(target, interrupt)
    done = run(*command)
    assert (done.code, done.err) == (130, "vvnorm: interrupted\n")
    kept = {name for name in files() if name.startswith("all.part.sqlite")}  # what --resume goes on with
    assert {name: Path(name).read_bytes() for name in files() - kept} == before


def test_an_interrupt_after_half_a_file_leaves_the_old_one(run: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def half(stream: Any, **_: object) -> None:
        stream.write(b"half")
        stream.flush()
        raise KeyboardInterrupt

    data = write("data.csv", ZIGZAG)
    Path("net.npz").write_text("old")
    monkeypatch.setattr(np, "savez", half)
    assert run("solve", data, *XY, "--out", "net.npz").code == 130
    assert files() == {"data.csv", "net.npz"}
    assert Path("net.npz").read_text() == "old"


def test_ctrl_c_while_reading_ends_the_process_with_130(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "data.csv")
    # A process begun in the background by a shell ignores the signal; here it must not.
    code = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); from vvnorm.cli import main; main()"
    command = [sys.executable, "-c", code, "solve", "data.csv", *XY, *OUTPUTS]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=-1, stderr=-1, text=True)
    try:
        with (tmp_path / "data.csv").open("w"):  # opens once the command has begun to read
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert (process.returncode, out, err) == (130, "", "vvnorm: interrupted\n")
    assert [file.name for file in tmp_path.iterdir()] == ["data.csv"]


# --- as a process, and in pipes ---------------------------------------------------------------------------------------


def shell(*arguments: object, stdin: str | None = None, folder: Path | None = None) -> Run:
    done = subprocess.run(
        [*COMMAND, *map(str, arguments)], input=stdin, cwd=folder, capture_output=True, text=True, timeout=120
    )
    return Run(done.returncode, done.stdout, but_for_compiling(done.stderr))


def test_data_can_come_from_a_pipe(tmp_path: Path) -> None:
    done = shell("solve", "/dev/stdin", *XY, "--json", "all.json", stdin="x,y\n0,0\n1,1\n2,0\n3,1\n", folder=tmp_path)
    assert (done.code, done.err) == (0, "")
    assert done.facts["VV norm"] == "4"
    assert strict(tmp_path / "all.json")["value"] == 4


def test_a_bad_file_has_code_64_and_no_traceback_as_a_process_too(tmp_path: Path) -> None:
    assert_refused(shell("solve", "absent.csv", *XY, folder=tmp_path), "absent.csv")


def test_json_to_a_pipe_is_written_and_the_pipe_stays_a_pipe(run: Command) -> None:
    os.mkfifo("pipe")
    received: list[str] = []
    reader = threading.Thread(target=lambda: received.append(Path("pipe").read_text()))
    reader.start()
    assert run("solve", write("data.csv", ZIGZAG), *XY, "--json", "pipe").code == 0
    reader.join(timeout=30)
    assert json.loads(received[0])["value"] == 4
    assert Path("pipe").is_fifo()


def test_a_reader_that_leaves_changes_neither_files_nor_exit_code(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("x,y\n0,0\n1,1\n2,0\n3,1\n")
    command = [*COMMAND, "solve", "data.csv", *XY, "--json", "all.json"]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=-1, stderr=-1)
    assert process.stdout is not None
    process.stdout.close()  # before the first line is printed
    assert process.stderr is not None
    assert but_for_compiling(process.stderr.read().decode()) == ""
    process.stderr.close()
    assert process.wait(timeout=60) == 0
    assert strict(tmp_path / "all.json")["value"] == 4


def test_the_installed_script_is_the_same_command(tmp_path: Path) -> None:
    script = Path(sys.executable).with_name("vvnorm")
    if not script.exists():
        pytest.skip("the package is not installed")
    done = subprocess.run([script], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, shell("--help").out)
