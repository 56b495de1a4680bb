"""Counterexamples as files: written as JSON with rational numbers as text, read strictly, and decided again."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from vvnorm._internal.files import write_json
from vvnorm._internal.words import lines
from vvnorm.falsification.data import Data, from_json, shown, to_json
from vvnorm.falsification.discovery import exact_form, load_variant, nearest_claim
from vvnorm.falsification.statement import Basis, Decision, Statement, statement_of

FORMAT: Final = "vvnorm counterexample"
VERSION: Final = 1
_TEXTS: Final = ("claim", "statement", "text", "basis", "reason")


@dataclass(frozen=True, eq=False)
class Counterexample:
    """Data that refute a statement.

    Attributes
    ----------
    claim, statement, dropped, text : str
        Id of the claim; id of the statement, a variant or the claim itself; the dropped hypothesis, or None; the statement
        in words.
    data : mapping
        In rational numbers; see `vvnorm.falsification.data`.
    basis, reason : Basis, str
        On what the decision rests that the conclusion fails, and the reason.
    """

    claim: str
    statement: str
    dropped: str | None
    text: str
    data: Data
    basis: Basis
    reason: str

    def __repr__(self) -> str:
        return lines(f"Counterexample to {self.name}, by {self.basis}", *shown(self.data), self.reason)

    def __str__(self) -> str:
        return "\n".join([f"counterexample to {self.name} ({self.basis})", *shown(self.data), f"why: {self.reason}"])

    @property
    def name(self) -> str:
        """The statement in words: "uniqueness without no_aligned_neighbours"."""
        return f"{self.statement} without {self.dropped}" if self.dropped else self.statement

    @property
    def file_name(self) -> str:
        """Name of its file in a folder of counterexamples."""
        return f"{self.statement}--without-{self.dropped}.json" if self.dropped else f"{self.statement}.json"

    def replay(self) -> Decision:
        """Decide again, from the data alone.

        Raises
        ------
        ValueError
            If the statement is not registered, or the data do not meet its hypotheses.
        """
        claim = nearest_claim(self.claim)
        variant = exact_form(self.claim) if self.statement == self.claim else load_variant(self.statement)
        statement: Statement = statement_of(claim, variant, self.dropped)
        if not statement.admits(self.data):
            raise ValueError(f"the data do not meet the hypotheses of {self.name}")
        return statement.decide(self.data)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the counterexample as JSON, whole or not at all."""
        head = {"format": FORMAT, "version": VERSION, "claim": self.claim, "statement": self.statement}
        rest = {"dropped": self.dropped, "text": self.text, "basis": str(self.basis), "reason": self.reason}
        write_json(path, {**head, **rest, "data": to_json(self.data)})


def load_counterexample(path: str | os.PathLike[str], claim: str | None = None) -> Counterexample:
    """Read a counterexample.

    Parameters
    ----------
    path : path-like
    claim : str, optional
        The claim that it must belong to.

    Raises
    ------
    ValueError
        If there is no such file, it is truncated, of another version, of another claim, or holds floats for rationals.
    """
    try:
        record = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"cannot read {str(path)!r}: {error.strerror or error}") from None
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{str(path)!r} is truncated or not JSON: {error}") from None
    try:
        return _read(record, claim)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{str(path)!r} is not a counterexample of version {VERSION}: {error}") from None


def _read(record: Any, claim: str | None) -> Counterexample:
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        raise ValueError(f"its format is not {FORMAT!r}")
    if record.get("version") != VERSION or isinstance(record["version"], bool):
        raise ValueError(f"its version is {record.get('version')!r}")
    expected = {"format", "version", *_TEXTS, "dropped", "data"}
    if set(record) != expected:
        raise ValueError(f"it lacks or adds {', '.join(sorted(expected ^ set(record)))}")
    if any(not isinstance(record[name], str) for name in _TEXTS) or not isinstance(record["dropped"], str | None):
        raise ValueError("claim, statement, dropped, text, basis and reason are text")
    if claim is not None and record["claim"] != claim:
        raise ValueError(f"it is about claim {record['claim']!r}, not {claim!r}")
    data, basis = from_json(record["data"]), Basis(record["basis"])
    about, statement, dropped, text = (record[name] for name in ("claim", "statement", "dropped", "text"))
    return Counterexample(about, statement, dropped, text, data, basis, record["reason"])
