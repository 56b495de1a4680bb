"""The store of a study: an SQLite file of its finished runs, which stay if the study is killed at any moment.

The table `study` has one row: name, fingerprint and code version. The table `runs` has a row for each finished run, under
its key, with a column for each part of its configuration and for each outcome. The table `failures` has the runs that
raised an error, until a later attempt succeeds. Queries such as
`sqlite3 FILE.sqlite 'SELECT auxiliary, count(*) FROM runs GROUP BY auxiliary'` work at any time, also while a study runs.
Infinitely many auxiliary outputs are the infinite number, which SQL writes 9e999.
"""

import hashlib
import json
import os
import sqlite3
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from vvnorm import __version__
from vvnorm._internal.files import atomic_write, columns_of, csv_content
from vvnorm.studies.database import Database, quoted, reading
from vvnorm.studies.run import Run
from vvnorm.studies.study import Study

PACKAGE = Path(__file__).parents[1]
"""The folder of the library's sources."""

Row = dict[str, Any]
RunOutcome = Mapping[str, float | int | str | None]

_CONFIGURATION = {
    "target": "TEXT", "inputs": "INTEGER", "points": "INTEGER", "auxiliary": "NUMERIC", "sigma": "REAL", "labels": "TEXT",
    "solver": "TEXT", "seed": "INTEGER", "settings": "TEXT",
}  # fmt: skip
_CIRCUMSTANCES = {"seconds": "REAL", "worker": "TEXT", "finished": "TEXT"}
RESERVED = frozenset({"key", *_CONFIGURATION, *_CIRCUMSTANCES})
"""Names of columns that no outcome may have."""
_ORDER = "target, inputs, points, solver, settings, labels, auxiliary, sigma, seed, key"


@cache
def code_version() -> str:
    """Return the version of the package with a hash of its sources; runs of different code versions are never mixed."""
    return f"{__version__}+{sources(PACKAGE)}"


def sources(place: Path) -> str:
    """Return a hash of a module's file, or of all modules in a package's folder."""
    root, files = (place, place.rglob("*.py")) if place.is_dir() else (place.parent, [place])
    digest = hashlib.sha256()
    for name in sorted(path.relative_to(root).as_posix() for path in files):
        digest.update(f"{name}\n".encode() + (root / name).read_bytes() + b"\0")
    return digest.hexdigest()[:16]


class Store(Database):
    """The store of a study, open for writing by this process alone; use it in a `with` statement.

    Parameters
    ----------
    path : path-like
        The database file, created if it does not exist. An empty file with the suffix `-lock` keeps other processes out.
    study : Study
        The study whose runs it has.
    resume : bool
        Whether the file may have runs already.
    code : str, optional
        Code version; by default the version of the running code.

    Raises
    ------
    ValueError
        If the file is of another kind, belongs to another study or code version, is in use, or has runs without `resume`.
    """

    kind, purpose = "a store of a study", "running this study"
    application = 0x76766E31  # "vvn1"
    advice = "; --resume goes on"

    def __init__(
        self, path: str | os.PathLike[str], study: Study, *, resume: bool = False, code: str | None = None
    ) -> None:  # fmt: skip
        self.study, self.code, self.resume = study, code_version() if code is None else code, resume
        super().__init__(path)

    def finished(self) -> set[str]:
        """Keys of the runs that are done."""
        return {key for (key,) in self._connection.execute("SELECT key FROM runs")}

    def add(self, run: Run, outcome: RunOutcome, seconds: float, worker: str) -> None:
        """Write a finished run and delete its earlier failure, in one transaction.

        Raises
        ------
        OSError
            If the disk is full or fails.
        """
        row = self._row(run, seconds, worker) | dict(outcome)
        with self._named_errors(), self._transaction():
            columns = {name for _, name, *_ in self._connection.execute("PRAGMA table_info(runs)")}
            for name in outcome:
                if name not in columns:
                    self._connection.execute(f"ALTER TABLE runs ADD COLUMN {quoted(name)}")
            self._insert("runs", row)
            self._connection.execute("DELETE FROM failures WHERE key = ?", (row["key"],))

    def add_failure(self, run: Run, error: str, traceback: str, seconds: float, worker: str) -> None:
        """Write that a run failed; this replaces an earlier failure of it."""
        row = self._row(run, seconds, worker) | {"error": error, "traceback": traceback}
        with self._named_errors(), self._transaction():
            self._connection.execute("DELETE FROM failures WHERE key = ?", (row["key"],))
            self._insert("failures", row)

    def rows(self) -> list[Row]:
        """Finished runs; see `load_rows`."""
        return _rows(self._connection, "runs")

    def failures(self) -> list[Row]:
        """Runs whose last attempt failed, with `error` and `traceback`, in the order of `rows`."""
        return _rows(self._connection, "failures")

    def export(self, path: str | os.PathLike[str]) -> None:
        """Write the finished runs to a table; see `export_rows`."""
        export_rows(self.rows(), path)

    @property
    def _description(self) -> Row:
        return {"name": self.study.name, "fingerprint": self.study.fingerprint, "code": self.code}

    def _open(self) -> None:
        super()._open()
        (recorded,) = _rows(self._connection, "study")
        if recorded != self._description:
            raise ValueError(
                f"{str(self.path)!r} is the store of {_signature(recorded)}; this is {_signature(self._description)}: "
                "their runs are not mixed, choose another --store"
            )
        count = "SELECT (SELECT count(*) FROM runs) + (SELECT count(*) FROM failures)"
        if not self.resume and self._connection.execute(count).fetchone()[0]:
            raise ValueError(f"{str(self.path)!r} has runs of this study already; use --resume to go on")

    def _create(self) -> None:
        columns = ", ".join(f"{name} {kind} NOT NULL" for name, kind in (_CONFIGURATION | _CIRCUMSTANCES).items())
        execute = self._connection.execute
        execute("CREATE TABLE study (name TEXT NOT NULL, fingerprint TEXT NOT NULL, code TEXT NOT NULL)")
        execute(f"CREATE TABLE runs (key TEXT PRIMARY KEY, {columns})")
        execute(f"CREATE TABLE failures (key TEXT PRIMARY KEY, {columns}, error TEXT NOT NULL, traceback TEXT NOT NULL)")
        self._insert("study", self._description)

    def _row(self, run: Run, seconds: float, worker: str) -> Row:
        configuration = run.configuration()
        configuration["auxiliary"] = run.auxiliary
        configuration["settings"] = json.dumps(configuration["settings"], sort_keys=True)
        finished = datetime.now(UTC).isoformat(timespec="milliseconds")
        return {"key": run.key(self.code), **configuration, "seconds": seconds, "worker": worker, "finished": finished}


def load_rows(path: str | os.PathLike[str]) -> list[Row]:
    """Read the finished runs of a store, also while it is in use.

    Returns
    -------
    list of dict
        Configuration, outcomes, seconds, worker, time finished and key, sorted by configuration.

    Raises
    ------
    ValueError
        If there is no such file, or it is not a store.
    """
    return _read(path, "runs")


def load_code(path: str | os.PathLike[str]) -> str:
    """Read the code version of the runs in a store; errors are those of `load_rows`."""
    return str(_read(path, "study")[0]["code"])


def _read(path: str | os.PathLike[str], table: str) -> list[Row]:
    with reading(path, Store) as connection:
        return _rows(connection, table)


def export_rows(rows: list[Row], path: str | os.PathLike[str]) -> None:
    """Write rows as a table to a .csv or .parquet file, completely or not at all.

    Missing outcomes become empty fields; infinitely many auxiliary outputs become `inf`.

    Raises
    ------
    ValueError
        If the file name has another suffix, or pyarrow, which writes Parquet, is not installed.
    """
    check_export_path(path)
    content = csv_content(rows) if Path(path).suffix == ".csv" else _parquet_content(rows)
    with atomic_write(path) as stream:
        stream.write(content)


def check_export_path(path: str | os.PathLike[str]) -> None:
    """Raise the errors that `export_rows` would raise for this file name."""
    suffix = Path(path).suffix
    if suffix not in (".csv", ".parquet"):
        raise ValueError(f"runs are exported to .csv or .parquet, got {os.fspath(path)!r}")
    if suffix == ".parquet" and find_spec("pyarrow") is None:
        raise ValueError("Parquet needs pyarrow: pip install 'vvnorm[data]'")
    if not Path(path).absolute().parent.is_dir():
        raise ValueError(f"cannot write {os.fspath(path)!r}: the folder does not exist")


def _parquet_content(rows: list[Row]) -> bytes:
    import pyarrow
    from pyarrow import parquet

    sink = pyarrow.BufferOutputStream()
    parquet.write_table(pyarrow.table({name: [row.get(name) for row in rows] for name in columns_of(rows)}), sink)
    return sink.getvalue().to_pybytes()


def _rows(connection: sqlite3.Connection, table: str) -> list[Row]:
    """Return rows as mappings: configuration, outcomes, circumstances, key."""
    order = "" if table == "study" else f" ORDER BY {_ORDER}"
    cursor = connection.execute(f"SELECT * FROM {table}{order}")
    names = [name for name, *_ in cursor.description]
    last = [*_CIRCUMSTANCES, "key"]
    names_in_order = [name for name in names if name not in last] + [name for name in last if name in names]
    records = [dict(zip(names, values, strict=True)) for values in cursor]
    return [{name: row[name] for name in names_in_order} for row in records]


def _signature(study: Row) -> str:
    return f"study {study['name']!r} (specification {study['fingerprint'][:12]}) of code {study['code']}"
