"""Compile the Coq proofs of this folder and check what they rest on.

    python -m proofs_checks.formal.check        (or: make formal)

Needs Coq 8.16 or later (`coqc`) and Python's standard library, nothing else. Compiled files go to a temporary folder.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

FOLDER = Path(__file__).resolve().parent

ALLOWED_AXIOMS = frozenset(
    {
        "ClassicalDedekindReals.sig_forall_dec",
        "ClassicalDedekindReals.sig_not_dec",
        "FunctionalExtensionality.functional_extensionality_dep",
    }
)
"""The three axioms on which Coq's standard library builds the real numbers. No proof here may use another."""

UNAVAILABLE = 69
"""Exit code where Coq is not installed."""

NO_COQ = "Coq is not installed. Install it (Debian, Ubuntu: apt-get install coq; macOS: brew install coq)."

FORBIDDEN = (
    r"\b(?:Admitted|admit|give_up|Axioms?|Parameters?|Conjectures?|bypass_check)\b"
    r"|\bUnset\s+(?:Guard|Positivity|Universe)\b|\bDeclare\s+ML\b|\bLoad\b"
)
"""Words that would let a proof have a hole, or that would switch off a check of Coq."""


def source_files(folder: Path = FOLDER) -> list[Path]:
    """Return the Coq files in the order of compilation, as `_CoqProject` lists them."""
    names = [line for line in (folder / "_CoqProject").read_text(encoding="utf-8").split() if line.endswith(".v")]
    return [folder / name for name in names]


def without_comments(text: str) -> str:
    """Return Coq source without its comments, which may be nested."""
    kept, depth = [], 0
    for piece in re.split(r"(\(\*|\*\))", text):
        if piece == "(*":
            depth += 1
        elif piece == "*)":
            depth -= 1
        elif depth == 0:
            kept.append(piece)
    return " ".join(kept)


def forbidden_words(folder: Path = FOLDER) -> list[str]:
    """Return one sentence per forbidden word in the sources (comments do not count)."""
    return [
        f"{path.name} contains '{word}'"
        for path in sorted(folder.glob("*.v"))
        for word in re.findall(FORBIDDEN, without_comments(path.read_text(encoding="utf-8")))
    ]


def stated_theorems(folder: Path = FOLDER) -> list[str]:
    """Return the names X for which `Statement.v` defines a proposition X_statement."""
    text = without_comments((folder / "Statement.v").read_text(encoding="utf-8"))
    return re.findall(r"\bDefinition\s+(\w+)_statement\s*:\s*Prop\b", text)


def unchecked_theorems(folder: Path = FOLDER) -> list[str]:
    """Return one sentence per statement that is not proved by a theorem, or whose theorem is not examined."""
    sources = {path.name: without_comments(path.read_text(encoding="utf-8")) for path in source_files(folder)}
    examined = sources["Assumptions.v"]
    problems = [f"{path.name} is not in _CoqProject" for path in folder.glob("*.v") if path.name not in sources]
    for name in stated_theorems(folder):
        if not any(re.search(rf"\bTheorem\s+{name}\s*:\s*{name}_statement\s*\.", text) for text in sources.values()):
            problems.append(f"no theorem {name} proves {name}_statement")
        if not re.search(rf"\bCheck\s*\(\s*{name}\s*:\s*Formal\.Statement\.{name}_statement\s*\)\s*\.", examined):
            problems.append(f"Assumptions.v does not check that {name} proves {name}_statement")
        if not re.search(rf"\bPrint\s+Assumptions\s+{name}\s*\.", examined):
            problems.append(f"Assumptions.v does not print the assumptions of {name}")
    return problems


def parse_assumptions(source: str, output: str) -> dict[str, list[str]]:
    """Return the axioms that each theorem uses.

    Parameters
    ----------
    source : str
        Text of `Assumptions.v`.
    output : str
        What `coqc` printed when it compiled that file.

    Returns
    -------
    dict of str to list of str
        For each theorem in a `Print Assumptions` command, the full names of its axioms.

    Raises
    ------
    ValueError
        If the output does not hold one answer per command.
    """
    theorems = re.findall(r"\bPrint\s+Assumptions\s+(\w+)\s*\.", without_comments(source))
    answers = re.split(r"^(Axioms:|Closed under the global context)[^\n]*$", output, flags=re.MULTILINE)[1:]
    if len(answers) != 2 * len(theorems):
        raise ValueError(f"{len(theorems)} theorems were to be examined, and Coq answered for {len(answers) // 2}")
    # Each axiom begins a line with its name; its type continues on lines that are indented.
    return {
        theorem: re.findall(r"^(\S+)(?:\s*$|\s+:)", text, flags=re.MULTILINE)
        for theorem, text in zip(theorems, answers[1::2], strict=True)
    }


def other_axioms(assumptions: dict[str, list[str]]) -> list[str]:
    """Return one sentence per theorem and axiom that is not allowed."""
    return [
        f"{theorem} uses the axiom {axiom}"
        for theorem, axioms in assumptions.items()
        for axiom in axioms
        if axiom not in ALLOWED_AXIOMS
    ]


def compile_file(coqc: str, path: Path, place: Path) -> str:
    """Compile one Coq file in the folder `place`, which holds what it imports, and return what Coq printed.

    Raises
    ------
    RuntimeError
        If the file does not compile; the message is Coq's.
    """
    if path.parent != place:
        shutil.copy(path, place)
    command = [coqc, "-q", "-Q", ".", "Formal", path.name]
    done = subprocess.run(command, cwd=place, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{path.name} does not compile:\n{done.stdout}{done.stderr}")
    return done.stdout


def find_coqc(install: bool) -> str | None:
    """Return the path of `coqc`; install Coq by apt-get first if it is missing, `install` is set and the user is root."""
    if not shutil.which("coqc") and install and shutil.which("apt-get") and os.geteuid() == 0:
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for command in (["apt-get", "update", "-qq"], ["apt-get", "install", "-y", "-qq", "coq"]):
            subprocess.run(command, env=environment, stdout=sys.stderr, check=False)
    return shutil.which("coqc")


def problems_of_proofs(coqc: str, folder: Path = FOLDER) -> list[str]:
    """Check the proofs, print each theorem with its axioms, and return what is wrong: one sentence per problem."""
    problems = forbidden_words(folder) + unchecked_theorems(folder)
    try:
        with tempfile.TemporaryDirectory() as place:
            printed = [compile_file(coqc, path, Path(place)) for path in source_files(folder)]
        assumptions = parse_assumptions((folder / "Assumptions.v").read_text(encoding="utf-8"), printed[-1])
    except (RuntimeError, ValueError) as error:
        return [*problems, str(error)]
    for theorem, axioms in assumptions.items():
        print(f"{theorem}: proved; uses {', '.join(axioms) or 'no axiom'}")
    return problems + other_axioms(assumptions)


def main(arguments: list[str] | None = None) -> int:
    """Run the check and return the exit code: 0 proved, 1 a problem, 69 (unavailable) if Coq is missing."""
    parser = argparse.ArgumentParser(description="Compile the Coq proofs and check their assumptions.")
    parser.add_argument("--install", action="store_true", help="install Coq by apt-get if it is missing (needs root)")
    coqc = find_coqc(parser.parse_args(arguments).install)
    if coqc is None:
        print(NO_COQ, file=sys.stderr)
        return UNAVAILABLE
    problems = problems_of_proofs(coqc)
    for problem in problems:
        print(f"problem: {problem}", file=sys.stderr)
    if not problems:
        print(f"All {len(stated_theorems())} theorems are proved, with no axiom but those of Coq's real numbers.")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
