"""The file of results that `vvnorm verify --json` keeps, with certificates that can be verified again: `load_outcomes`."""

import io
import json
import math
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from vvnorm.claims.contract import Result
from vvnorm.claims.report import CaseOutcome
from vvnorm.claims.verdict import Verdict
from vvnorm.studies.database import Database, reading

Row = dict[str, Any]


_COLUMNS = {
    "claim": "TEXT NOT NULL", "label": "TEXT NOT NULL", "expected": "TEXT NOT NULL", "verdict": "TEXT NOT NULL",
    "lower": "REAL", "upper": "REAL", "complaints": "TEXT NOT NULL", "provenance": "TEXT NOT NULL", "certificate": "BLOB",
    "seconds": "REAL NOT NULL",
}  # fmt: skip


class Results(Database):
    """Results of claims in a file: one row for each instance, its certificate as a compressed NPZ file."""

    kind, purpose = "a file of results of claims", "verifying"
    application = 0x76766331  # "vvc1"

    def finished(self) -> dict[str, Row]:
        """Rows by key, without their certificates."""
        names = ["key", *(name for name in _COLUMNS if name != "certificate")]
        rows = self._connection.execute(f"SELECT {', '.join(names)} FROM results")
        return {values[0]: dict(zip(names, values, strict=True)) for values in rows}

    def add(self, key: str, row: Row) -> None:
        """Write a result."""
        with self._named_errors(), self._transaction():
            self._insert("results", {"key": key, **row})

    def keep_only(self, keys: Iterable[str]) -> None:
        """Delete all other results."""
        others = [(key,) for key in self.finished().keys() - set(keys)]
        with self._named_errors(), self._transaction():
            self._connection.executemany("DELETE FROM results WHERE key = ?", others)

    def finish(self, path: Path) -> None:
        """Close the file and give it its final name."""
        with self._named_errors():
            self._connection.execute("PRAGMA journal_mode = DELETE")  # one file, which can be read without writing
        self.close()
        os.replace(self.path, path)
        Path(f"{self.path}-lock").unlink(missing_ok=True)

    def _create(self) -> None:
        columns = ", ".join(f"{name} {kind}" for name, kind in _COLUMNS.items())
        self._connection.execute(f"CREATE TABLE results (key TEXT PRIMARY KEY, {columns})")


def kept_beside(path: Path) -> tuple[Path, Path]:
    """Return the names of the files of results that belong to a JSON file: during the run, and after it."""
    return path.with_suffix(".part.sqlite"), path.with_suffix(".certificates.sqlite")


def load_outcomes(path: str | os.PathLike[str]) -> dict[str, dict[str, CaseOutcome]]:
    """Read the results of claims that `vvnorm verify --json` kept, with their certificates.

    Returns
    -------
    dict of dict of CaseOutcome
        By claim and instance. `Claim.verify` judges a result again, on the instance that `vvnorm.claims.instances` draws.

    Raises
    ------
    ValueError
        If there is no such file, or it is something else or damaged.
    """
    outcomes: dict[str, dict[str, CaseOutcome]] = {}
    with reading(path, Results) as connection:
        names = ", ".join(_COLUMNS)
        for values in connection.execute(f"SELECT {names} FROM results ORDER BY rowid"):
            row = dict(zip(_COLUMNS, values, strict=True))
            outcomes.setdefault(row["claim"], {})[row["label"]] = outcome_of(row)
    return outcomes


def outcome_of(row: Row) -> CaseOutcome:
    """Return the outcome that a row records."""
    lower, upper = (math.nan if row[name] is None else row[name] for name in ("lower", "upper"))
    certificate = {} if row.get("certificate") is None else _unpacked(row["certificate"])
    result = Result(Verdict(row["verdict"]), lower, upper, certificate, json.loads(row["provenance"]))
    return CaseOutcome(row["label"], Verdict(row["expected"]), result, json.loads(row["complaints"]))


def packed(arrays: Mapping[str, Any]) -> bytes:
    """Return the arrays of a certificate as a compressed NPZ file."""
    stream = io.BytesIO()
    np.savez_compressed(stream, allow_pickle=False, **arrays)
    return stream.getvalue()


def _unpacked(content: bytes) -> dict[str, Any]:
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            return dict(arrays)
    except Exception as error:
        raise ValueError(f"a certificate is damaged: {error}") from None
