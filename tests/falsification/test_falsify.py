"""Searches for counterexamples: what they find, what they refuse, and how counterexamples are kept."""

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import Command, runner

import proofs_checks
import vvnorm
from vvnorm.claims import Claim, Instance, Result, Verdict, claim_names, conclude, load_claim
from vvnorm.falsification import (
    Basis,
    Counterexample,
    Decision,
    LineSpace,
    Variant,
    falsify,
    load_counterexample,
    load_variant,
    variant_names,
)
from vvnorm.falsification.data import exact_data, float_data, from_json, rationals, to_json
from vvnorm.falsification.discovery import variants_by_claim
from vvnorm.falsification.shrinking import shrink, size_of
from vvnorm.falsification.statement import statement_of

FOLDER = Path(proofs_checks.__file__).parent / "counterexamples"
FILES = sorted(FOLDER.glob("*.json"))
VARIANTS = [variant for variants in variants_by_claim().values() for variant in variants]
SLOW = {"complete_labels", "mgda_bound--without-same_batch", "mgda_bound--without-shared_parameters_only"}
"""Take seconds: for the first a solver completes hundreds of data sets, the others train a network."""


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Command:
    return runner(capsys)


# --- the repository's counterexamples and variants --------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", [pytest.param(path, marks=pytest.mark.slow if path.stem in SLOW else (), id=path.stem) for path in FILES]
)
def test_every_counterexample_of_the_repository_still_refutes(path: Path) -> None:
    kept = load_counterexample(path)
    decision = kept.replay()
    assert decision.refutes
    assert decision.basis is kept.basis
    assert decision.reason == kept.reason or kept.basis is not Basis.EXACT
    assert path.name == kept.file_name
    stated = load_variant(kept.statement) if kept.statement in variant_names() else load_claim(kept.claim)
    assert kept.text == stated.statement


def test_false_variants_of_many_claims_are_listed_and_have_counterexamples() -> None:
    false = [variant for variant in VARIANTS if variant.false]
    there = {path.stem for path in FILES}
    refuted = [variant for variant in false if variant.id in there]
    assert len(false) >= 60
    assert len(refuted) >= 0.95 * len(false)
    assert {"mgda_stationary", "mgda_bound", "neuron_sharing", "width", "two_squares"} <= {v.claim for v in refuted}


def test_no_claim_and_no_true_variant_has_a_counterexample() -> None:
    true = {variant.id for variant in VARIANTS if not variant.false}
    assert not true & {path.stem for path in FILES}


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.id)
def test_variants_belong_to_claims_and_exact_forms_have_their_hypotheses(variant: Variant) -> None:
    assert variant.claim in claim_names()
    if variant.id in claim_names():
        assert variant.claim == variant.id
        assert not variant.false
        assert list(variant.hypotheses) == list(load_claim(variant.claim).hypotheses)


@pytest.mark.parametrize(
    ("claim", "hypothesis"),
    [
        pytest.param(form.id, name, marks=pytest.mark.slow if name in SLOW else ())
        for form in VARIANTS
        if form.id == form.claim
        for name in form.hypotheses
    ],
)
def test_hypotheses_of_claims_about_one_input_are_needed(claim: str, hypothesis: str) -> None:
    found = falsify(claim, drop=hypothesis, seconds=10).counterexample
    assert found is not None
    assert found.basis is Basis.EXACT
    assert found.replay().refutes


# --- searches ---------------------------------------------------------------------------------------------------------


def test_the_smallest_data_that_need_the_alignment_condition() -> None:
    found = vvnorm.falsify("uniqueness", drop="no_aligned_neighbours", seconds=20)
    assert found.refuted
    assert found.counterexample is not None
    assert found.counterexample.data["x"].tolist() == [0, 1, 2, 3]
    assert found.counterexample.data["Y"].tolist() == [[0], [1], [1], [0]]
    assert "3/2" in str(found)


def test_a_claim_that_holds_is_not_refuted_and_the_search_says_how_hard_it_looked() -> None:
    found = falsify("uniqueness", seconds=0.5)
    assert not found.refuted
    assert found.effort.admitted > 10
    assert found.effort.covered
    assert "no counterexample to uniqueness" in str(found)


def test_the_same_seed_finds_the_same() -> None:
    once, again = (falsify("rescaling", drop="positive_scales", seconds=5, seed=3) for _ in range(2))
    assert once.counterexample is not None
    assert again.counterexample is not None
    assert to_json(once.counterexample.data) == to_json(again.counterexample.data)


def test_draws_refute_what_small_data_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    variant = replace(load_variant("unique_for_one_output"), space=LineSpace(outputs=(1,), points=(4, 4), top=1, widest=1))
    large = replace(variant, hypotheses={"large": lambda data: data["Y"].max() > 20, **variant.hypotheses})
    for installed in (True, False):
        monkeypatch.setattr("vvnorm.falsification.strategies.hypothesis_installed", lambda there=installed: there)
        found = falsify("uniqueness", variant=large, seconds=10)
        assert found.counterexample is not None
        assert found.effort.drawn > 0
        assert max(found.counterexample.data["Y"].ravel().tolist()) > 20


def test_without_hypothesis_the_search_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vvnorm.falsification.search.hypothesis_installed", lambda: False)
    monkeypatch.setattr("vvnorm.falsification.strategies.hypothesis_installed", lambda: False)
    assert "vvnorm[testing]" in str(falsify("sparsest", seconds=0.2))


def coin(recheck: Any = lambda instance, result: []) -> Claim:
    """A user's claim: a number is at most 1; the other entries do not matter."""

    def check(instance: Instance) -> Result:
        value = float(instance["value"])
        return conclude((-np.inf, 1.0), value, value, {"value": np.array([value])})

    return Claim(
        id="coin", statement="value <= 1", source="here", kind="bound", quantity="value", claimed=(-np.inf, 1.0),
        hypotheses={"small": lambda instance: instance["value"] <= 1, "many": lambda instance: len(instance["others"]) > 1},
        draw=lambda rng: {"value": rng.random(), "others": rng.random(5)},
        violate={
            "small": lambda rng: {"value": 1.5 + rng.random(), "others": rng.random(5)},
            "many": lambda rng: {"value": rng.random(), "others": rng.random(1)},
        },
        on_violation={"small": (Verdict.VIOLATED, "it is large"), "many": (Verdict.HOLDS, "it does not matter")},
        check=check, recheck=recheck,
    )  # fmt: skip


def test_a_claim_of_a_user_is_searched_by_its_own_draws_and_shrunk() -> None:
    found = falsify(coin(), drop="small", seconds=2).counterexample
    assert found is not None
    assert found.basis is Basis.CERTIFIED
    assert found.data["value"] == 2
    assert found.data["others"].tolist() == [0, 0]
    assert not falsify(coin(), drop="many", seconds=0.2).refuted
    assert not falsify(coin(), seconds=0.2).refuted


def test_data_for_which_a_hypothesis_is_not_defined_are_not_admitted() -> None:
    """Draws are reduced to small numbers, so that a hypothesis that divides by a drawn number meets 0."""
    claim = coin()
    hypotheses = {**claim.hypotheses, "small": lambda instance: 1 / Fraction(float(instance["value"])) >= 1}
    assert not falsify(replace(claim, hypotheses=hypotheses), seconds=0.3).refuted
    found = falsify(replace(claim, hypotheses=hypotheses), drop="small", seconds=2).counterexample
    assert found is not None
    assert found.data["value"] == 2


def test_what_the_recheck_refuses_is_no_counterexample() -> None:
    found = falsify(coin(recheck=lambda instance, result: ["no"]), drop="small", seconds=0.3)
    assert not found.refuted
    assert found.effort.undecided == found.effort.admitted > 0


def test_a_check_longer_than_the_search_is_made_once() -> None:
    checked = []

    def slow(instance: Instance) -> Result:
        checked.append(instance)
        began = time.process_time()
        while time.process_time() < began + 0.1:
            pass
        return coin().check(instance)

    assert falsify(replace(coin(), check=slow), drop="small", seconds=0.05).refuted
    assert len(checked) == 1


def test_what_divides_by_zero_does_not_violate_a_hypothesis() -> None:
    """0 / 0 is NaN, and NaN is not at most 1."""
    hypotheses = {"small": lambda instance: np.divide(instance["value"], instance["others"].sum()) <= 1}
    claim = replace(coin(), hypotheses=hypotheses)
    statement = statement_of(claim, None, "small")
    assert not statement.admits({"value": Fraction(0), "others": rationals([0, 0])})
    assert statement.admits({"value": Fraction(2), "others": rationals([1, 0])})


def test_shrinking_keeps_what_matters() -> None:
    data = {"x": rationals([Fraction(1, 3), 2, 7, 9]), "Y": rationals([[5, 1], [7, Fraction(22, 7)], [8, 3], [9, 4]])}
    small = shrink(data, lambda tried: tried["Y"].size > 0 and max(tried["Y"].ravel()) >= 4, {"x": "n", "Y": "nt"})
    assert size_of(small) < size_of(data)
    assert small["Y"].tolist() == [[4]]
    assert len(small["x"]) == 1


def test_small_data_are_listed_once() -> None:
    for outputs in (1, 2):
        space = LineSpace(outputs=(outputs,), points=(3, 3), top=2, widest=2)
        listed = [json.dumps(to_json(data)) for shell in space.shells() for data in shell.members]
        assert len(set(listed)) == len(listed) > 20
        assert all(space.contains(from_json(json.loads(text))) for text in listed)


# --- files ------------------------------------------------------------------------------------------------------------


def one() -> Counterexample:
    found = falsify("uniqueness", variant="unique_for_one_output", seconds=5).counterexample
    assert found is not None
    return found


def test_data_survive_their_file_exactly(tmp_path: Path) -> None:
    data = {
        "numbers": rationals([[Fraction(1, 3), None], [-2, 0]]), "empty": np.empty((0, 2), dtype=object), "flag": True,
        "word": "relu", "words": ("a", "b"), "one": Fraction(-7, 2), "count": 3, "mask": np.array([True, False]),
        "places": np.array([[1, 2]]),
    }  # fmt: skip
    restored = from_json(json.loads(json.dumps(to_json(data))))
    assert list(restored) == list(data)
    for name, value in data.items():
        assert type(restored[name]) is type(value)
        assert np.array_equal(restored[name], value), name
    floats = {"x": np.array([0.1, np.nan]), "t": 0.1}
    back = float_data(exact_data(floats))
    assert back["t"] == 0.1
    assert np.array_equal(back["x"], floats["x"], equal_nan=True)


def damaged(text: str) -> Iterator[tuple[str, str]]:
    """Damaged files, each with a word of its error message."""
    record = json.loads(text)
    yield text[: len(text) // 2], "truncated"
    yield "[1, 2]", "format"
    yield json.dumps({**record, "version": 2}), "version is 2"
    yield json.dumps({**record, "claim": "sparsest"}), "about claim 'sparsest'"
    yield json.dumps({**record, "data": {"x": [0.5, 1.0]}}), "floats"
    yield json.dumps({**record, "data": {"x": [["0"], ["1", "2"]]}}), "lengths"
    yield json.dumps({**record, "data": {"x": "1" * 10**6}}), "at most"
    yield json.dumps({key: value for key, value in record.items() if key != "reason"}), "reason"


def test_damaged_files_are_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "one.json"
    one().save(path)
    assert load_counterexample(path, "uniqueness").replay().refutes
    for text, word in damaged(path.read_text()):
        path.write_text(text)
        with pytest.raises(ValueError, match=word) as caught:
            load_counterexample(path, "uniqueness")
        assert "\n" not in str(caught.value)
    with pytest.raises(ValueError, match="cannot read"):
        load_counterexample(tmp_path / "none.json")


def test_data_that_do_not_meet_the_hypotheses_are_refused(tmp_path: Path) -> None:
    kept = one()
    other = Counterexample(kept.claim, kept.statement, None, kept.text, {"x": kept.data["x"][::-1], "Y": kept.data["Y"]},
                           kept.basis, kept.reason)  # fmt: skip
    with pytest.raises(ValueError, match="do not meet the hypotheses of"):
        other.replay()


# --- the command line and bad input -----------------------------------------------------------------------------------


def test_falsify_shows_and_saves_a_counterexample(run: Command, tmp_path: Path) -> None:
    path = tmp_path / "found.json"
    ran = run("falsify", "uniqueness", "--drop", "no_aligned_neighbours", "--seconds", "10", "--save", str(path))
    assert ran.code == 1
    assert "x: 0 1 2 3" in ran.out
    assert "exact rationals" in ran.out
    assert load_counterexample(path).replay().refutes
    assert run("falsify", "uniqueness", "--seconds", "0.2").code == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["falsify", "uniquenes"], "the nearest is 'uniqueness'"),
        (["falsify", "uniqueness", "--drop", "no_aligned"], "the nearest is 'no_aligned_neighbours'"),
        (["falsify", "uniqueness", "--drop", "zzz"], "hypotheses are: no_aligned_neighbours"),
        (["falsify", "uniqueness", "--variant", "unique_for_one"], "the nearest is 'unique_for_one_output'"),
        (["falsify", "sparsest", "--variant", "unique_for_one_output"], "varies claim 'uniqueness'"),
        (["falsify", "uniqueness", "--seconds", "0"], "--seconds must be a positive finite number"),
        (["audit", "uniquenes"], "the nearest is 'uniqueness'"),
        (["audit", "--save", "/nonexistent/folder"], "is not a folder"),
    ],
)
def test_bad_input_is_said_in_one_line(run: Command, arguments: list[str], said: str) -> None:
    ran = run(*arguments)
    assert ran.code == 64
    assert said in ran.err
    assert ran.err.count("\n") == 1


def test_a_variant_that_contradicts_itself_is_said() -> None:
    never = {"long": lambda data: len(data["x"]) > 3, "short": lambda data: len(data["x"]) < 3}
    variant = Variant("both", "uniqueness", "nothing", True, never, lambda data: Decision(None, Basis.EXACT, ""),
                      LineSpace(outputs=(1,), points=(2, 4), top=1, widest=1))  # fmt: skip
    with pytest.raises(ValueError, match=r"'both' contradicts itself: none of .* meets long, short"):
        falsify("uniqueness", variant=variant, seconds=0.5)


def test_an_audit_of_one_claim(run: Command, tmp_path: Path) -> None:
    path = tmp_path / "audit.json"
    ran = run("audit", "rescaling", "--quick", "--jobs", "1", "--json", str(path), "--save", str(tmp_path))
    assert ran.code == 0, ran.out
    record = json.loads(path.read_text())
    assert record["complete"]
    verdicts = {(row["kind"], row["name"]): row["verdict"] for row in record["rows"]}
    assert verdicts["claim", "rescaling"] == "stands"
    assert verdicts["hypothesis", "positive_scales"] == "needed"
    assert verdicts["variant", "rescaling_for_hard_sigmoid"] == "refuted"
    assert verdicts["variant", "rescaling_for_leaky_relu"] == "stands"
    assert load_counterexample(tmp_path / "rescaling--without-positive_scales.json").replay().refutes
