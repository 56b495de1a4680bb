"""Many claims and figures at once: results do not depend on processes, are kept as they arrive, and hide no failure."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from commands import Command, runner, strict
from figure_files import drawn_by_command

from vvnorm import Verdict, claims
from vvnorm._internal.executors import InProcess
from vvnorm.claims import cases, claim_names, instance_of, load_claim, load_outcomes
from vvnorm.claims.runner import run_claims
from vvnorm.plotting import figure_names
from vvnorm.studies.execute import Tally

PLUGIN = """
import os, time
import numpy as np
from vvnorm.claims import Claim, Verdict, conclude
from vvnorm.plotting import FigureData, FigureScript, new_figure

def make(id, kind="bound", check=None, draw=lambda rng: {"value": rng.random()}, **options):
    def look(instance):
        value = float(instance["value"])
        with open(os.environ["MARKS"], "a") as marks:
            marks.write(f"{id} {value}\\n")
        time.sleep(float(os.environ.get("SECONDS", 0)))
        return conclude((0.0, 1.0), value, value, {"value": np.array([value])})
    def recheck(instance, result):
        return [] if result.certificate["value"][0] == instance["value"] else ["another value"]
    return Claim(
        id, "a number is in [0, 1]", "here", kind, "a number", (0.0, 1.0), {"drawn": lambda instance: True},
        draw, {}, {}, check or look, recheck, **options,
    )

def fail(*_):
    raise ArithmeticError("it\\ncannot")

def figure(id, verdict, **options):
    return FigureScript(
        id, "a line", lambda seed, quick: FigureData({}, verdict), lambda values: new_figure(1, 1),
        lambda values: [{"a": 1.0}], "Drawn.", **options
    )

GOOD, SLOW, FAILING, REFUTED = make("good"), make("slow"), make("failing", check=fail), make(
    "refuted", check=lambda instance: conclude((0.0, 1.0), 2.0, 2.0, {"value": np.array([instance["value"]])})
)
NO_DATA = make("no_data", examples=fail)
GOOD_FIGURE, NEGATIVE = figure("fine", Verdict.HOLDS), Verdict.NOT_SUPPORTED
KNOWN = figure("known", Verdict.NOT_SUPPORTED, expected=NEGATIVE, expected_quick=Verdict.INCONCLUSIVE)
CHANGED = figure("changed", Verdict.SUPPORTED, expected=NEGATIVE)
WEAKER = figure("weaker", Verdict.INCONCLUSIVE, expected=NEGATIVE)
BENT = FigureScript("bent", "a line", fail, fail, fail, "Bent.")
"""
CLAIMS = {
    "good": "plugin:GOOD", "slow": "plugin:SLOW", "failing": "plugin:FAILING", "refuted": "plugin:REFUTED",
    "no_data": "plugin:NO_DATA", "other_id": "plugin:GOOD", "no_claim": "plugin:PLACE", "nowhere": "plugin_nowhere:CLAIM",
    "odd_kind": "plugin_odd:CLAIM", "broken": "plugin_broken:CLAIM", "rescaling": "plugin:GOOD",
}  # fmt: skip
FIGURES = {
    "fine": "plugin:GOOD_FIGURE", "known": "plugin:KNOWN", "changed": "plugin:CHANGED", "weaker": "plugin:WEAKER",
    "bent": "plugin:BENT", "other_figure": "plugin:GOOD_FIGURE", "nowhere": "plugin_nowhere:FIGURE",
}  # fmt: skip
UNUSABLE = {
    "other_id": "claim 'other_id' (plugin:GOOD) has the id 'good'",
    "no_claim": "claim 'no_claim' (plugin:PLACE) cannot be loaded: module 'plugin' has no attribute 'PLACE'",
    "nowhere": "claim 'nowhere' (plugin_nowhere:CLAIM) cannot be loaded: No module named 'plugin_nowhere'",
    "odd_kind": "cannot be loaded: ValueError: kind of claim 'odd_kind' must be one of equality, ",
    "broken": "claim 'broken' (plugin_broken:CLAIM) cannot be loaded: SyntaxError: ",
    "rescaling": "claim 'rescaling' is registered more than once: ",
}


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Run a command in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return runner(capsys)


@pytest.fixture
def plugin(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package of somebody else, with claims and figures of which some are wrong; where its checks leave marks."""
    place = tmp_path_factory.mktemp("plugin")
    (place / "plugin.py").write_text(PLUGIN)
    (place / "plugin_odd.py").write_text('from plugin import make\nCLAIM = make("odd_kind", kind="statisical")\n')
    (place / "plugin_broken.py").write_text("CLAIM = (\n")
    (place / "plugin-1.dist-info").mkdir()
    (place / "plugin-1.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: plugin\nVersion: 1\n")
    groups = {"vvnorm.claims": CLAIMS, "vvnorm.figures": FIGURES}
    lines = (
        f"[{group}]\n" + "".join(f"{name} = {where}\n" for name, where in entries.items())
        for group, entries in groups.items()
    )
    (place / "plugin-1.dist-info" / "entry_points.txt").write_text("\n".join(lines))
    monkeypatch.syspath_prepend(place)
    monkeypatch.setenv("PYTHONPATH", f"{place}{os.pathsep}{Path(__file__).parents[1]}")
    monkeypatch.setenv("MARKS", str(place / "marks"))
    for name in ("plugin", "plugin_odd"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return place / "marks"


def bare(path: str) -> Any:
    """Return the results of a run without their times."""
    results = strict(path)
    for claim in results["claims"]:
        del claim["seconds"]
        for outcome in claim["outcomes"]:
            outcome["provenance"].pop("seconds", None)
    return results


# --- everything once, as the two commands do it -----------------------------------------------------------------------


ELSEWHERE = {"pareto", "weights", "band_2d"}
"""Figures drawn by the command in the tests of their data: `test_figures_pareto`, `test_figures_tasks`,
`test_figures_multivariate`."""


@pytest.mark.parametrize("name", sorted(set(figure_names()) - ELSEWHERE))
def test_every_figure_is_drawn_by_the_command(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = drawn_by_command(name, tmp_path, monkeypatch, "--quick")
    few = {"joint_or_separate", "distances", "two_digits", "scene"}  # a quick one does too few runs to tell
    few |= {"two_squares_trained", "trained_without_affine", "normalised_gradients"}
    assert (data.verdict is Verdict.INCONCLUSIVE) == (name in few)


# --- where it is found ------------------------------------------------------------------------------------------------


def test_two_processes_find_the_numbers_of_one(run: Command) -> None:
    chosen = ("rescaling", "uniqueness")  # others load torch in each process
    for jobs in (1, 2):
        assert run("verify", *chosen, "--draws", 2, "--json", f"{jobs}.json", "--jobs", jobs).code == 0
    assert bare("1.json") == bare("2.json")
    alone, shared = (load_outcomes(f"{jobs}.certificates.sqlite") for jobs in (1, 2))
    assert {name: set(outcomes) for name, outcomes in alone.items()} == {
        name: set(outcomes) for name, outcomes in shared.items()
    }
    for name, outcomes in alone.items():
        for label, outcome in outcomes.items():
            other = shared[name][label].result.certificate
            assert outcome.result.certificate.keys() == other.keys()
            for part, array in outcome.result.certificate.items():
                assert array.tobytes() == other[part].tobytes(), (name, label, part)


def test_progress_counts_real_data_and_ends_at_the_total() -> None:
    claim = load_claim("uniqueness")
    plan = [(claim, cases(claim, 3, 0))]
    labels = [case.label for case in plan[0][1]]
    assert len(labels) > 3 + len(claim.violate)  # there are real data
    told: list[Tally] = []
    (report,) = run_claims(plan, executor=InProcess(), progress=told.append)
    assert {tally.total for tally in told} == {len(labels)}
    assert told[-1].done == len(labels)
    assert [outcome.label for outcome in report.outcomes] == labels


def test_a_claim_is_shown_before_the_next_one_is_checked(
    run: Command, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    printed: dict[str, str] = {}

    def look(claim: Any, case: Any, exact: bool) -> Any:
        printed.setdefault(claim.id, "")
        printed[claim.id] += capsys.readouterr().out
        return check(claim, case, exact)

    check = claims.run_case
    monkeypatch.setattr(claims, "run_case", look)
    run("verify", "rescaling", "uniqueness", "--draws", 1, "--jobs", 1)
    first, second = printed
    assert [line.split("\t")[0] for line in printed[first].splitlines()] == ["claim"]
    assert [line.split("\t")[0] for line in printed[second].splitlines()] == [first]


# --- going on ---------------------------------------------------------------------------------------------------------


def interrupted_after(count: int, monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """Interrupt the check after so many; return what counts those since."""
    done, check = [0], claims.run_case

    def look(claim: Any, case: Any, exact: bool) -> Any:
        if done[0] == count:
            raise KeyboardInterrupt
        done[0] += 1
        return check(claim, case, exact)

    monkeypatch.setattr(claims, "run_case", look)
    return lambda: done[0]


def test_an_interrupted_run_goes_on_and_ends_with_the_same_file(run: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    command = ("verify", "rescaling", "uniqueness", "--draws", 3, "--jobs", 1, "--json")
    assert run(*command, "whole.json").code == 0
    with monkeypatch.context() as patch:
        interrupted_after(5, patch)
        done = run(*command, "parts.json")
        assert (done.code, done.err) == (130, "vvnorm: interrupted\n")
        assert "5 of " in done.out
        assert "--resume goes on" in done.out
    assert not Path("parts.json").exists()
    with monkeypatch.context() as patch:
        count = interrupted_after(10**9, patch)
        done = run(*command, "parts.json", "--resume")
        assert done.code == 0
        assert count() == sum(len(claim["outcomes"]) for claim in strict("whole.json")["claims"]) - 5
    assert bare("parts.json") == bare("whole.json")
    assert {path.name for path in Path().iterdir()} == {
        f"{name}{end}" for name in ("whole", "parts") for end in (".json", ".certificates.sqlite")
    }
    with monkeypatch.context() as patch:  # nothing is left to go on with
        count = interrupted_after(10**9, patch)
        assert run(*command, "parts.json", "--resume").code == 0
        assert count() > 5


def test_other_code_and_runs_without_resume_begin_anew(run: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    command = ("verify", "rescaling", "--draws", 3, "--jobs", 1, "--json", "all.json")

    def checked(*options: object) -> int:
        with monkeypatch.context() as patch:
            count = interrupted_after(3, patch)
            run(*command, *options)
            return count()

    assert checked() == 3
    assert checked() == 3
    assert checked("--seed", 1, "--resume") == 3  # none of these instances is there
    monkeypatch.setattr("vvnorm.claims.runner.sources_of", lambda claim: "other")
    assert checked("--resume") == 3
    assert run(*command, "--resume").code == 0
    assert len(load_outcomes("all.certificates.sqlite")["rescaling"]) == len(strict("all.json")["claims"][0]["outcomes"])


def test_a_killed_run_goes_on(run: Command, plugin: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = ("verify", "slow", "--draws", "12", "--json", "all.json")
    options = ("--jobs", "1")
    environment = os.environ | {"SECONDS": "0.3"}
    process = subprocess.Popen([sys.executable, "-m", "vvnorm.cli", *command, *options], env=environment)
    until = time.monotonic() + 100
    while not (plugin.exists() and len(plugin.read_text().splitlines()) >= 3) and time.monotonic() < until:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = len(plugin.read_text().splitlines())
    assert 3 <= before < 12
    assert not Path("all.json").exists()
    assert run(*command, "--resume", *options).code == 0
    marks = plugin.read_text().splitlines()
    assert len(set(marks)) == 12
    assert len(marks) <= 13  # at most the one that was going on is done again
    assert [outcome["verdict"] for outcome in strict("all.json")["claims"][0]["outcomes"]] == ["HOLDS"] * 12


def test_two_runs_do_not_write_one_file(run: Command) -> None:
    from vvnorm.claims.results_file import Results

    with Results(Path("all.part.sqlite")):
        done = run("verify", "rescaling", "--draws", 1, "--jobs", 1, "--json", "all.json")
    assert done.code == 64
    assert done.err.startswith("vvnorm: 'all.part.sqlite' is in use: ")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--resume",), "--resume needs --json"),
        (("--jobs", 2, "--scheduler", "tcp://127.0.0.1:1"), "--scheduler does not go with --jobs"),
        (("--jobs", 0), "--jobs"),
    ],
)
def test_options_that_do_not_go_together_are_refused(run: Command, options: tuple[object, ...], words: str) -> None:
    done = run("verify", "rescaling", *options)
    assert done.code == 64
    assert words in done.err
    assert done.err.count("\n") == 1


# --- certificates on disk ---------------------------------------------------------------------------------------------


def test_a_tampered_file_of_results_is_refused(run: Command) -> None:
    done = run("verify", "sparsest", "--draws", 2, "--json", "all.json", "--jobs", 1)
    assert done.code == 0
    path, claim = "all.certificates.sqlite", load_claim("sparsest")
    assert f"{path} with the certificates" in done.out
    assert os.path.getsize("all.json") < 20_000
    for case in cases(claim, 2, 0):
        outcome = load_outcomes(path)["sparsest"][case.label]
        assert claim.verify(instance_of(claim, case), outcome.result)
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE results SET lower = lower + 1, upper = upper + 1 WHERE label = 'draw 0'")
        (content,) = connection.execute("SELECT certificate FROM results WHERE label = 'draw 1'").fetchone()
    (case, *_) = cases(claim, 2, 0)
    assert not claim.verify(instance_of(claim, case), load_outcomes(path)["sparsest"]["draw 0"].result)
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE results SET certificate = ? WHERE label = 'draw 1'", (content[:-200],))
    with pytest.raises(ValueError, match="a certificate is damaged"):
        load_outcomes(path)
    for name in ("all.json", "nothing.sqlite"):
        with pytest.raises(ValueError, match=r"file of results of claims|there is no store"):
            load_outcomes(name)


# --- what is wrong is named -------------------------------------------------------------------------------------------


def test_claims_that_cannot_be_used_are_named_and_hide_no_others(run: Command, plugin: Path) -> None:
    done = run("verify", "good", *UNUSABLE, "no_data", "--draws", 2, "--jobs", 1)
    assert done.code == 64
    assert [(row["claim"], row["verdict"]) for row in done.rows] == [("good", "HOLDS")]
    lines = done.err.splitlines()
    assert len(lines) == len(UNUSABLE) + 1
    for line, words in zip(lines, [*UNUSABLE.values(), "claim 'no_data' has no real data: ArithmeticError: "], strict=True):
        assert line.startswith("vvnorm: claim '")
        assert words in line
    assert run("verify", "refuted", "nowhere", "--draws", 1, "--jobs", 1).code == 1


def test_a_list_of_claims_names_those_that_cannot_be_used(run: Command, plugin: Path) -> None:
    done = run("claims")
    assert done.code == 64
    assert [row["claim"] for row in done.rows] == [name for name in claim_names() if name not in UNUSABLE]
    assert len(done.err.splitlines()) == len(UNUSABLE)
    shown = run("claims", "--show", "other_id")
    assert (shown.code, shown.err.count("\n")) == (64, 1)


def test_a_check_that_fails_is_named_and_the_others_go_on(run: Command, plugin: Path) -> None:
    done = run("verify", "failing", "good", "--draws", 2, "--jobs", 1, "--json", "all.json")
    assert done.code == 2
    assert {row["claim"]: row["verdict"] for row in done.rows} == {"failing": "INCONCLUSIVE", "good": "HOLDS"}
    assert "failing, draw 1: INCONCLUSIVE, not HOLDS: it failed: ArithmeticError: it cannot\n" in done.out
    assert done.err == ""


@pytest.mark.parametrize(
    ("name", "quick", "words", "code"),
    [
        ("fine", False, "fine: HOLDS; ", 0),
        ("known", False, "known: NOT_SUPPORTED, as expected; ", 0),
        ("known", True, "known: NOT_SUPPORTED, not INCONCLUSIVE; ", 1),
        ("changed", False, "changed: SUPPORTED, not NOT_SUPPORTED; ", 1),
        ("weaker", False, "weaker: INCONCLUSIVE, not NOT_SUPPORTED; ", 1),
    ],
)
def test_a_known_verdict_is_expected_and_a_changed_one_is_not(
    run: Command, plugin: Path, name: str, quick: bool, words: str, code: int
) -> None:
    done = run("figures", name, *(["--quick"] if quick else []))
    assert done.code == code
    assert done.out.startswith(words)


def test_figures_that_cannot_be_drawn_are_named_and_hide_no_others(run: Command, plugin: Path) -> None:
    done = run("figures", "other_figure", "nowhere", "fine", "--out", "folder")
    assert done.code == 64
    assert done.out.startswith("fine: HOLDS; ")
    assert len(done.err.splitlines()) == 2
    done = run("figures", "bent", "fine", "--jobs", 2, "--out", "folder")
    assert done.code == 1
    assert sorted(line.partition(";")[0] for line in done.out.splitlines()) == [
        "bent is not drawn: it failed: ArithmeticError: it cannot", "fine: HOLDS",
    ]  # fmt: skip
