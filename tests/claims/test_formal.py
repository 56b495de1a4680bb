"""The machine-checked proofs: no hole, every theorem that the README names exists; where Coq is installed, all compiles.

Certificates are proved in Coq; tampered ones are not.
"""

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import runner

from proofs_checks.formal import check, prove
from vvnorm.verifier.exact import prove as prove_exactly

README = (check.FOLDER / "README.md").read_text(encoding="utf-8")


def named_theorems() -> list[str]:
    return re.findall(r"^\| `(\w+)` \|", README, flags=re.MULTILINE)


def test_no_proof_has_a_hole() -> None:
    assert check.source_files()
    assert check.forbidden_words() == []


def test_every_statement_has_a_theorem_whose_assumptions_are_printed() -> None:
    assert check.unchecked_theorems() == []


def test_the_readme_names_every_theorem_and_no_other() -> None:
    assert sorted(named_theorems()) == sorted(check.stated_theorems())


def test_the_readme_says_where_each_theorem_is_proved() -> None:
    for name, file in re.findall(r"^\| `(\w+)` \|.*\| `(\w+\.v)` \|$", README, flags=re.MULTILINE):
        assert f"Theorem {name} : {name}_statement." in (check.FOLDER / file).read_text(encoding="utf-8")
    assert len(named_theorems()) == README.count(".v` |\n")


def copy_of_proofs(tmp_path: Path) -> Path:
    return Path(shutil.copytree(check.FOLDER, tmp_path / "formal"))


@pytest.mark.parametrize(
    "hole",
    [
        "Lemma l : 0 = 1.\nAdmitted.",
        "Axiom l : 0 = 1.",
        "Parameter l : 0 = 1.",
        "Lemma l : 0 = 1. Proof. admit. Abort.",
        "Unset Guard Checking.",
    ],
)
def test_a_hole_is_found(tmp_path: Path, hole: str) -> None:
    folder = copy_of_proofs(tmp_path)
    with (folder / "Vectors.v").open("a", encoding="utf-8") as file:
        file.write(f"(* a comment (* nested *) *)\n{hole}\n")
    assert len(check.forbidden_words(folder)) == 1


def test_comments_may_use_the_forbidden_words(tmp_path: Path) -> None:
    folder = copy_of_proofs(tmp_path)
    with (folder / "Vectors.v").open("a", encoding="utf-8") as file:
        file.write("(* no Axiom (* and nothing *) Admitted *)\n")
    assert check.forbidden_words(folder) == []


def test_a_statement_without_a_theorem_is_found(tmp_path: Path) -> None:
    folder = copy_of_proofs(tmp_path)
    with (folder / "Statement.v").open("a", encoding="utf-8") as file:
        file.write("Definition more_statement : Prop := True.\n")
    assert len(check.unchecked_theorems(folder)) == 3


def test_a_file_that_is_not_compiled_is_found(tmp_path: Path) -> None:
    folder = copy_of_proofs(tmp_path)
    (folder / "More.v").write_text("", encoding="utf-8")
    assert check.unchecked_theorems(folder) == ["More.v is not in _CoqProject"]


def test_assumptions_are_read_from_what_coq_prints() -> None:
    source = "Print Assumptions one. (* Print Assumptions none. *) Print Assumptions two."
    output = "one : s\n  : s\nAxioms:\nA.b : forall P,\n  c\nD.e\n  : f\nClosed under the global context\n"
    assert check.parse_assumptions(source, output) == {"one": ["A.b", "D.e"], "two": []}
    with pytest.raises(ValueError, match="2 theorems were to be examined, and Coq answered for 1"):
        check.parse_assumptions(source, "Axioms:\nA.b : c\n")


def test_without_coq_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert check.main(["--install"]) == 69
    assert "apt-get install coq" in capsys.readouterr().err


X = ["0", "0.1", "0.3", "0.7", "1"]
Y = [["1", "0"], ["0", "2"], ["2", "1"], ["5", "5"], ["1/3", "2"]]


@pytest.fixture
def content(tmp_path: Path) -> dict[str, Any]:
    prove_exactly(None, X, Y).save(tmp_path / "proof.json")
    return prove.read_certificate(tmp_path / "proof.json")


def test_a_certificate_is_rewritten_for_coq(content: dict[str, Any]) -> None:
    source = prove.coq_source(content)
    assert "((3#10), [(2#1); (1#1)]);" in source
    assert "((1#1), [(1#3); (2#1)])\n]." in source
    assert f"lower := ({content['lower'].replace('/', '#')});" in source
    assert "unique := true" in source
    assert "Theorem data_set : proved 2 rows cert." in source


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"format": "another"}, "it is no exact certificate"),
        ({"version": 2}, "it has version 2"),
        ({"version": True}, "it has version True"),
        ({"inputs": [["0", "1"]] * 5}, "only certificates for one input"),
        ({"inputs": []}, "only certificates for one input"),
        ({"labels": [["0", "1"]] * 4}, "labels must be a list of 5 rows"),
        ({"labels": [["0", "1"]] * 4 + [["0"]]}, "labels must be a list of 2 rationals"),
        ({"neurons": [{"w": ["1"]}]}, "neurons must be objects"),
        ({"neurons": [{"w": ["1"], "b": "0", "v": ["1"]}]}, "v must be a list of 2 rationals"),
        ({"A": [["1"]]}, "A must be a list of 2 rows"),
        ({"c": None}, "c must be a list of 2 rationals"),
        ({"lower": 1}, "it holds '1' where a rational belongs"),
        ({"lower": "1). Admitted. ("}, "where a rational belongs"),
        ({"lower": "1/0"}, "where a rational belongs"),
        ({"upper": "9" * 4001}, "where a rational belongs"),
        ({"unique": 1}, "unique must be true or false"),
    ],
)
def test_what_is_no_certificate_for_one_input_is_unreadable(
    content: dict[str, Any], change: dict[str, Any], problem: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "changed.json"
    path.write_text(json.dumps({**content, **change}), encoding="utf-8")
    assert prove.main([str(path)]) == 64
    assert problem in capsys.readouterr().err


@pytest.mark.parametrize("text", ["", "{", "[]", "1.5", "NaN", '{"lower": 0.5}', "[" * 10**5])
def test_what_is_no_json_object_is_unreadable(text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "broken.json"
    path.write_text(text, encoding="utf-8")
    assert prove.main([str(path)]) == 64
    assert capsys.readouterr().err.count("\n") == 1
    assert prove.main([str(tmp_path / "missing.json")]) == 64


def test_without_coq_nothing_is_proved(content: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert prove.main([str(tmp_path / "proof.json"), "--save", str(tmp_path / "proof.v")]) == 69
    assert (tmp_path / "proof.v").read_text(encoding="utf-8") == prove.coq_source(content)


def test_verify_formal_without_coq_is_inconclusive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    done = runner(capsys)("verify", "--formal")
    assert done.code == 2
    assert done.out == f"{check.NO_COQ}\n"


def test_verify_formal_takes_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    for more in (("uniqueness",), ("--draws", 3), ("--quick",), ("--json", "all.json")):
        done = runner(capsys)("verify", "--formal", *more)
        assert done.code == 64
        assert "--formal checks the Coq proofs" in done.err


needs_coq = pytest.mark.skipif(shutil.which("coqc") is None, reason="Coq is not installed")


@needs_coq
@pytest.mark.slow
def test_all_theorems_are_proved() -> None:
    done = subprocess.run(
        ["make", "formal"], cwd=check.FOLDER.parent.parent, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stderr
    assert [name for name in check.stated_theorems() if f"{name}: proved" not in done.stdout] == []


@needs_coq
@pytest.mark.slow
def test_verify_formal_checks_the_proofs(capsys: pytest.CaptureFixture[str]) -> None:
    done = runner(capsys)("verify", "--formal")
    assert done.code == 0
    assert done.out.count(": proved; uses ") == len(check.stated_theorems()) + 1  # the example's


@needs_coq
@pytest.mark.slow
@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ("Variable v : forall D f, valid D -> interpolates f D -> cost D <= vv_norm (outputs D) f.", "uses the axiom"),
        ("Lemma v : 0 = 1. Proof. lra. Qed.", "does not compile"),
    ],
)
def test_another_axiom_and_a_failing_proof_are_problems(tmp_path: Path, statement: str, problem: str) -> None:
    folder = copy_of_proofs(tmp_path)
    path = folder / "LowerBound.v"
    text = path.read_text(encoding="utf-8")
    text = text.replace("Theorem lower_bound", f"{statement}\nTheorem lower_bound")
    path.write_text(text.replace("now apply cost_below_vv_norm", "now apply v"), encoding="utf-8")
    coqc = shutil.which("coqc")
    assert coqc is not None
    assert any(problem in line for line in check.problems_of_proofs(coqc, folder))


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("library")
    coqc = shutil.which("coqc")
    assert coqc is not None
    prove.compile_library(coqc, place)
    return place


def reason(content: dict[str, Any], library: Path) -> str | None:
    coqc = shutil.which("coqc")
    assert coqc is not None
    return prove.prove(coqc, prove.coq_source(content), library)


@needs_coq
@pytest.mark.slow
@pytest.mark.parametrize("seed", range(8))
def test_true_certificates_are_proved_in_coq(seed: int, library: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(seed)
    n, outputs = int(rng.integers(2, 9)), int(rng.integers(1, 4))
    x = [str(value) for value in np.sort(rng.choice(100, n, replace=False))]
    y = [[str(value) for value in row] for row in rng.integers(-3, 4, (n, outputs))]  # aligned neighbours are frequent
    proof = (
        prove_exactly(None, x, y)
        if seed % 2
        else prove_exactly(None, np.sort(rng.random(n)), rng.normal(size=(n, outputs)))
    )
    proof.save(tmp_path / "proof.json")
    assert reason(prove.read_certificate(tmp_path / "proof.json"), library) is None


def shift(text: str) -> str:
    numerator, _, denominator = text.partition("/")
    return f"{int(numerator) + 1}/{denominator or 1}"


TAMPERINGS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "lower": lambda c: c.update(lower=shift(c["upper"])),
    "upper": lambda c: c.update(upper=f"{int(c['lower'].partition('/')[0]) - 1}/{c['lower'].partition('/')[2] or 1}"),
    "unique": lambda c: c.update(unique=not c["unique"]),
    "inputs": lambda c: c["inputs"].reverse(),
    "one input": lambda c: c["inputs"][2].__setitem__(0, "31/100"),
    "labels": lambda c: c["labels"][1].__setitem__(0, "1/1000000"),
    "w": lambda c: c["neurons"][0]["w"].__setitem__(0, shift(c["neurons"][0]["w"][0])),
    "b": lambda c: c["neurons"][1].update(b=shift(c["neurons"][1]["b"])),
    "v": lambda c: c["neurons"][2]["v"].__setitem__(1, shift(c["neurons"][2]["v"][1])),
    "A": lambda c: c["A"][1].__setitem__(0, shift(c["A"][1][0])),
    "c": lambda c: c["c"].__setitem__(0, shift(c["c"][0])),
    "no neurons": lambda c: c["neurons"].clear(),
    "one point": lambda c: (c["inputs"].__delitem__(slice(1, None)), c["labels"].__delitem__(slice(1, None))),
}


@needs_coq
@pytest.mark.slow
@pytest.mark.parametrize("name", TAMPERINGS)
def test_tampered_certificates_are_rejected(name: str, content: dict[str, Any], library: Path) -> None:
    TAMPERINGS[name](content)
    assert reason(content, library) == "the checker rejects the certificate"


@needs_coq
@pytest.mark.slow
def test_a_statement_that_is_redefined_elsewhere_is_a_problem(tmp_path: Path) -> None:
    folder = copy_of_proofs(tmp_path)
    path = folder / "LowerBound.v"
    text, theorem, _ = path.read_text(encoding="utf-8").partition("Theorem lower_bound : lower_bound_statement.")
    easy = f"Definition lower_bound_statement : Prop := True.\n{theorem}\nProof. exact I. Qed.\n"
    path.write_text(text + easy, encoding="utf-8")
    listed = "-Q . Formal\nChecker.v\nStatement.v\nVectors.v\nOneNeuron.v\nLowerBound.v\nAssumptions.v\n"
    (folder / "_CoqProject").write_text(listed, encoding="utf-8")
    examined = (
        "From Formal Require Import Statement LowerBound.\nCheck (lower_bound : Formal.Statement.lower_bound_statement).\n"
    )
    (folder / "Assumptions.v").write_text(examined, encoding="utf-8")
    coqc = shutil.which("coqc")
    assert coqc is not None
    assert any("Assumptions.v does not compile" in line for line in check.problems_of_proofs(coqc, folder))
