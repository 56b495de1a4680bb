"""The machine-checked proofs: no hole, every theorem that the README names exists; where Coq is installed, all compiles."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from proofs_checks.formal import check

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


needs_coq = pytest.mark.skipif(shutil.which("coqc") is None, reason="Coq is not installed")


@needs_coq
@pytest.mark.slow
def test_all_theorems_are_proved() -> None:
    done = subprocess.run(
        ["make", "formal"], cwd=check.FOLDER.parent.parent, capture_output=True, text=True, timeout=180, check=False
    )
    assert done.returncode == 0, done.stderr
    assert [name for name in check.stated_theorems() if f"{name}: proved" not in done.stdout] == []


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
