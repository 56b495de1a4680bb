"""Prove exact certificates for one input in Coq: the theorem about the data set that each of them holds.

    python -m proofs_checks.formal.prove CERTIFICATE.json ... [--save FILE.v]

A certificate (docs/exact_certificates.md) is rewritten as a Coq file that states what it claims: its network interpolates
with VV norm at most `upper`, no interpolating network costs less than `lower`, and connect-the-dots is, or is not, the only
solution. Coq then runs the checker of `Checker.v`, which is proved sound. The fields `unique_outputs`, `fewest_neurons` and
`band` are not looked at.

Exit codes: 0 proved, 1 not proved, 64 unreadable or of two inputs, 69 Coq is not installed.
"""

import argparse
import json
import re
import sys
import tempfile
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

from proofs_checks.formal.check import (
    NO_COQ,
    UNAVAILABLE,
    compile_file,
    find_coqc,
    other_axioms,
    parse_assumptions,
    source_files,
)

NOT_PROVED, UNREADABLE = 1, 64

_RATIONAL = re.compile(r"(-?[1-9][0-9]{0,3999}|0)(/[1-9][0-9]{0,3999})?")
_TEMPLATE = """From Coq Require Import QArith List.
Import ListNotations.
From Formal Require Import Checker Statement CheckerSound.
Open Scope Q_scope.

Definition rows : list row := [
  {rows}
].

Definition cert : certificate := {{|
  neurons := [
  {neurons}
  ];
  skip_row := {skip};
  offset_row := {offset};
  lower := {lower};
  upper := {upper};
  unique := {unique}
|}}.

Theorem data_set : proved {outputs} rows cert.
Proof. apply checker. vm_compute. reflexivity. Qed.

Print Assumptions data_set.
"""


class UnreadableCertificate(ValueError):
    """A file that is not a certificate of version 1 for one input."""


def _number(text: Any) -> str:
    """Write a rational of the certificate as Coq does."""
    if not isinstance(text, str) or not _RATIONAL.fullmatch(text):
        raise UnreadableCertificate(f"it holds {str(text)[:30]!r} where a rational belongs, written as text 'p' or 'p/q'")
    numerator, _, denominator = text.partition("/")
    return f"({numerator}#{denominator or 1})"


def _numbers(values: Any, name: str, length: int | None = None) -> list[str]:
    if not isinstance(values, list) or not values or length not in (None, len(values)):
        raise UnreadableCertificate(f"{name} must be a list of {length or 'some'} rationals")
    return [_number(value) for value in values]


def _rows(values: Any, name: str, length: int | None = None, width: int | None = None) -> list[list[str]]:
    if not isinstance(values, list) or length not in (None, len(values)):
        raise UnreadableCertificate(f"{name} must be a list of {length or 'some'} rows")
    return [_numbers(row, name, width) for row in values]


def _listed(numbers: list[str]) -> str:
    return f"[{'; '.join(numbers)}]"


def coq_source(content: Any) -> str:
    """Write the content of a certificate (parsed JSON) as a Coq file whose theorem is `data_set`.

    Raises
    ------
    UnreadableCertificate
        If the content is not that of a certificate of version 1 for one input.
    """
    if not isinstance(content, dict) or content.get("format") != "vvnorm exact certificate":
        raise UnreadableCertificate("it is no exact certificate")
    if type(content.get("version")) is not int or content["version"] != 1:
        raise UnreadableCertificate(f"it has version {str(content.get('version'))[:30]}; version 1 can be proved")
    inputs = _rows(content.get("inputs"), "inputs")
    if not inputs or any(len(row) != 1 for row in inputs):
        raise UnreadableCertificate("only certificates for one input can be proved in Coq")
    outputs = len(_rows(content.get("labels"), "labels", len(inputs))[0])
    labels = _rows(content["labels"], "labels", width=outputs)
    neurons = content.get("neurons")
    if not isinstance(neurons, list) or any(not isinstance(n, dict) or set(n) != {"w", "b", "v"} for n in neurons):
        raise UnreadableCertificate("neurons must be objects with the fields w, b, v")
    if not isinstance(content.get("unique"), bool):
        raise UnreadableCertificate("unique must be true or false")
    return _TEMPLATE.format(
        rows=";\n  ".join(f"({x}, {_listed(y)})" for (x,), y in zip(inputs, labels, strict=True)),
        neurons=";\n  ".join(
            f"({_numbers(n['w'], 'w', 1)[0]}, {_number(n['b'])}, {_listed(_numbers(n['v'], 'v', outputs))})"
            for n in neurons
        ),
        skip=_listed([entry for (entry,) in _rows(content.get("A"), "A", outputs, width=1)]),
        offset=_listed(_numbers(content.get("c"), "c", outputs)),
        lower=_number(content.get("lower")),
        upper=_number(content.get("upper")),
        unique=str(content["unique"]).lower(),
        outputs=outputs,
    )


def read_certificate(path: Path) -> dict[str, Any]:
    """Read the JSON object in a file; numbers must be text, so a JSON float is refused.

    Raises
    ------
    UnreadableCertificate
        If the file cannot be read or holds no JSON.
    """

    def refuse(text: str) -> None:
        raise UnreadableCertificate(f"it holds the number {text[:30]}; numbers are written as text, 'p' or 'p/q'")

    try:
        content: dict[str, Any] = json.loads(path.read_bytes(), parse_float=refuse, parse_constant=refuse)
    except UnreadableCertificate:
        raise
    except (OSError, ValueError, RecursionError) as error:
        raise UnreadableCertificate(" ".join(str(error).split())[:200]) from None
    return content


def prove(coqc: str, source: str, library: Path) -> str | None:
    """Let Coq check the file that `coq_source` wrote; return None if its theorem is proved, else the reason why not.

    Parameters
    ----------
    coqc : str
        Path of the compiler.
    source : str
        The Coq file.
    library : Path
        Folder with the compiled files of this folder.
    """
    path = library / "DataSet.v"
    path.write_text(source, encoding="utf-8")
    try:
        assumptions = parse_assumptions(source, compile_file(coqc, path, library))
    except RuntimeError as error:
        rejected = 'Unable to unify "true" with "false"' in " ".join(str(error).split())
        return "the checker rejects the certificate" if rejected else str(error)
    return "; ".join(other_axioms(assumptions)) or None


def compile_library(coqc: str, place: Path) -> None:
    """Compile the files that data sets need in the folder `place`."""
    for path in source_files():
        if path.name not in ("Rescaling.v", "Example.v", "Assumptions.v"):
            compile_file(coqc, path, place)


def _claim(content: dict[str, Any]) -> str:
    bounds = (Fraction(content[name]) for name in ("lower", "upper"))
    lower, upper = (Decimal(bound.numerator) / Decimal(bound.denominator) for bound in bounds)
    only = "the only solution" if content["unique"] else "not the only solution"
    return f"{lower:.12g} <= optimum <= {upper:.12g} (rounded here); connect-the-dots is {only}"


def main(arguments: list[str] | None = None) -> int:
    """Prove the certificates that are named, and return the exit code."""
    parser = argparse.ArgumentParser(description="Prove exact certificates for one input in Coq.")
    parser.add_argument("certificates", metavar="CERTIFICATE.json", nargs="+", type=Path)
    parser.add_argument("--save", metavar="FILE.v", type=Path, help="keep the Coq file (with one certificate)")
    options = parser.parse_args(arguments)
    if options.save and len(options.certificates) > 1:
        parser.error("--save goes with one certificate")
    sources = {}
    for path in options.certificates:
        try:
            content = read_certificate(path)
            sources[path] = coq_source(content), _claim(content)
        except UnreadableCertificate as error:
            print(f"{path}: unreadable: {error}", file=sys.stderr)
            return UNREADABLE
    if options.save:
        options.save.write_text(next(iter(sources.values()))[0], encoding="utf-8")
    coqc = find_coqc(install=False)
    if coqc is None:
        print(NO_COQ, file=sys.stderr)
        return UNAVAILABLE
    failed = False
    with tempfile.TemporaryDirectory() as place:
        compile_library(coqc, Path(place))
        for name, (source, claim) in sources.items():
            problem = prove(coqc, source, Path(place))
            print(f"{name}: NOT PROVED: {problem}" if problem else f"{name}: PROVED in Coq: {claim}")
            failed |= problem is not None
    return NOT_PROVED if failed else 0


if __name__ == "__main__":
    sys.exit(main())
