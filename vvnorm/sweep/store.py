"""Where a study keeps its runs: one SQLite file that survives being killed at any moment.

Tables: `study` (one row: name, fingerprint and code version), `runs` (one row for each finished run, under its key, with a
column for each part of its configuration and for each outcome) and `failures` (runs that raised, until a later try
succeeds). `sqlite3 FILE.sqlite 'SELECT auxiliary, count(*) FROM runs GROUP BY auxiliary'` and the like work at any time,
also while a study runs. Infinitely many auxiliary outputs are an infinite number, which SQL writes 9e999.
"""

import csv
import hashlib
import io
import json
import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import vvnorm
from vvnorm.files import atomic_write
from vvnorm.sweep.run import Run
from vvnorm.sweep.study import Study

Row = dict[str, Any]
Outcome = Mapping[str, float | int | str | None]

_APPLICATION = 0x76766E31  # "vvn1": what the file is, and the version of its tables
_CONFIGURATION = {
    "target": "TEXT", "inputs": "INTEGER", "points": "INTEGER", "auxiliary": "NUMERIC", "sigma": "REAL", "labels": "TEXT",
    "solver": "TEXT", "seed": "INTEGER", "settings": "TEXT",
}  # fmt: skip
_CIRCUMSTANCES = {"seconds": "REAL", "worker": "TEXT", "finished": "TEXT"}
RESERVED = frozenset({"key", *_CONFIGURATION, *_CIRCUMSTANCES})
"""Columns that an outcome cannot be named after."""
_ORDER = "target, inputs, points, solver, settings, labels, auxiliary, sigma, seed, key"


@cache
def code_version() -> str:
    """Version of the package, and a hash of its sources: runs of different versions are never put together."""
    root = Path(vvnorm.__file__).parent
    digest = hashlib.sha256()
    for name in sorted(path.relative_to(root).as_posix() for path in root.rglob("*.py")):
        digest.update(f"{name}\n".encode() + (root / name).read_bytes() + b"\0")
    return f"{vvnorm.__version__}+{digest.hexdigest()[:16]}"


class Store:
    """The store of a study, open for writing by this process alone; use it in a `with` statement.

    Parameters
    ----------
    path : path-like
        The database file, made if it is not there. Beside it lies an empty file, `-lock`, by which others are kept out.
    study : Study
        Whose runs these are.
    resume : bool
        Whether to go on if there are runs already.
    code : str, optional
        Code version, that of the running code by default.

    Raises
    ------
    ValueError
        If the file is something else, belongs to another study or code version, is in use, or has runs without `resume`.
    """

    def __init__(
        self, path: str | os.PathLike[str], study: Study, *, resume: bool = False, code: str | None = None
    ) -> None:  # fmt: skip
        self.path, self.study, self.code = Path(path), study, code_version() if code is None else code
        if not self.path.absolute().parent.is_dir():
            raise ValueError(f"cannot write {str(self.path)!r}: the folder does not exist")
        if self.path.is_dir():
            raise ValueError(f"cannot write {str(self.path)!r}: it is a folder")
        self._lock = _lock(self.path)
        try:
            with self._understood():
                self._connection = sqlite3.connect(self.path, timeout=60, isolation_level=None)
            try:
                with self._understood():
                    self._prepare(resume)
            except BaseException:
                self._connection.close()
                raise
        except BaseException:
            self._lock.close()
            raise

    def __enter__(self) -> "Store":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; what is in it stays."""
        self._connection.close()
        self._lock.close()

    def finished(self) -> set[str]:
        """Keys of the runs that are done."""
        return {key for (key,) in self._connection.execute("SELECT key FROM runs")}

    def add(self, run: Run, outcome: Outcome, seconds: float, worker: str) -> None:
        """Write a finished run, and forget that it failed before: all of it or nothing.

        Raises
        ------
        OSError
            If the disk is full or fails.
        """
        row = self._row(run, seconds, worker) | dict(outcome)
        with self._understood(), self._transaction():
            have = {name for _, name, *_ in self._connection.execute("PRAGMA table_info(runs)")}
            for name in outcome:
                if name not in have:
                    self._connection.execute(f"ALTER TABLE runs ADD COLUMN {_quoted(name)}")
            self._insert("runs", row)
            self._connection.execute("DELETE FROM failures WHERE key = ?", (row["key"],))

    def add_failure(self, run: Run, error: str, traceback: str, seconds: float, worker: str) -> None:
        """Write that a run failed, in place of what an earlier try left."""
        row = self._row(run, seconds, worker) | {"error": error, "traceback": traceback}
        with self._understood(), self._transaction():
            self._connection.execute("DELETE FROM failures WHERE key = ?", (row["key"],))
            self._insert("failures", row)

    def rows(self) -> list[Row]:
        """Finished runs; see `load_rows`."""
        return _rows(self._connection, "runs")

    def failures(self) -> list[Row]:
        """Runs whose last try failed, with `error` and `traceback`, in the order of `rows`."""
        return _rows(self._connection, "failures")

    def export(self, path: str | os.PathLike[str]) -> None:
        """Write the finished runs to a table; see `export_rows`."""
        export_rows(self.rows(), path)

    def _prepare(self, resume: bool) -> None:
        """Make the tables, or check that those there are are ours."""
        execute = self._connection.execute
        empty = not execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if not empty and execute("PRAGMA application_id").fetchone()[0] != _APPLICATION:
            raise ValueError(f"{str(self.path)!r} is not a store of a study")
        execute("PRAGMA journal_mode = WAL")
        # A commit returns once the row is on the disk: with NORMAL a loss of power could take the last ones back.
        execute("PRAGMA synchronous = FULL")
        execute("PRAGMA fullfsync = ON")
        mine = {"name": self.study.name, "fingerprint": self.study.fingerprint, "code": self.code}
        if empty:
            self._create(mine)
            return
        (theirs,) = _rows(self._connection, "study")
        if theirs != mine:
            raise ValueError(
                f"{str(self.path)!r} is the store of {_signature(theirs)}; this is {_signature(mine)}: "
                "their runs are not mixed, choose another --store"
            )
        if not resume and execute("SELECT (SELECT count(*) FROM runs) + (SELECT count(*) FROM failures)").fetchone()[0]:
            raise ValueError(f"{str(self.path)!r} has runs of this study already; use --resume to go on")

    def _create(self, study: Row) -> None:
        columns = ", ".join(f"{name} {kind} NOT NULL" for name, kind in (_CONFIGURATION | _CIRCUMSTANCES).items())
        with self._transaction():
            execute = self._connection.execute
            execute(f"PRAGMA application_id = {_APPLICATION}")
            execute("CREATE TABLE study (name TEXT NOT NULL, fingerprint TEXT NOT NULL, code TEXT NOT NULL)")
            execute(f"CREATE TABLE runs (key TEXT PRIMARY KEY, {columns})")
            execute(
                f"CREATE TABLE failures (key TEXT PRIMARY KEY, {columns}, error TEXT NOT NULL, traceback TEXT NOT NULL)"
            )
            self._insert("study", study)

    def _row(self, run: Run, seconds: float, worker: str) -> Row:
        configuration = run.configuration()
        configuration["auxiliary"] = run.auxiliary
        configuration["settings"] = json.dumps(configuration["settings"], sort_keys=True)
        finished = datetime.now(UTC).isoformat(timespec="milliseconds")
        return {"key": run.key(self.code), **configuration, "seconds": seconds, "worker": worker, "finished": finished}

    def _insert(self, table: str, row: Row) -> None:
        names = ", ".join(map(_quoted, row))
        marks = ", ".join("?" * len(row))
        self._connection.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", tuple(row.values()))

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            # A full disk has rolled back already.
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    @contextmanager
    def _understood(self) -> Iterator[None]:
        """Turn errors of SQLite about the file into errors that say which file and what to do."""
        try:
            yield
        except sqlite3.OperationalError as error:
            full = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_FULL
            said = "the disk is full" if full else str(error)
            raise OSError(f"cannot write {str(self.path)!r}: {said}; finished runs are kept, --resume goes on") from None
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_NOTADB:
                raise ValueError(f"{str(self.path)!r} is not a store of a study") from None
            raise OSError(f"cannot use {str(self.path)!r}: {error}") from None


def load_rows(path: str | os.PathLike[str]) -> list[Row]:
    """Read the finished runs of a store, also while it is in use.

    Returns
    -------
    list of dict
        Configuration, outcomes, seconds, worker, time finished and key, in an order that only the configurations decide.

    Raises
    ------
    ValueError
        If there is no such file, or it is not a store.
    """
    return _read(path, "runs")


def load_code(path: str | os.PathLike[str]) -> str:
    """Read which code version made the runs of a store; errors are those of `load_rows`."""
    return str(_read(path, "study")[0]["code"])


def _read(path: str | os.PathLike[str], table: str) -> list[Row]:
    if not Path(path).is_file():
        raise ValueError(f"there is no store {os.fspath(path)!r}")
    connection = sqlite3.connect(f"{Path(path).absolute().as_uri()}?mode=ro", uri=True, timeout=60)
    try:
        if connection.execute("PRAGMA application_id").fetchone()[0] != _APPLICATION:
            raise ValueError(f"{os.fspath(path)!r} is not a store of a study")
        return _rows(connection, table)
    except sqlite3.DatabaseError as error:
        raise ValueError(f"{os.fspath(path)!r} is not a store of a study ({error})") from None
    finally:
        connection.close()


def export_rows(rows: list[Row], path: str | os.PathLike[str]) -> None:
    """Write rows as a table to a file that ends in .csv or .parquet, whole or not at all.

    Missing outcomes are empty fields, infinitely many auxiliary outputs `inf`.

    Raises
    ------
    ValueError
        If the name ends otherwise, or pyarrow, which writes Parquet, is not installed.
    """
    check_export_path(path)
    write = _write_csv if Path(path).suffix == ".csv" else _write_parquet
    names = list(dict.fromkeys(name for row in rows for name in row))
    content = write(names, rows)
    with atomic_write(path) as stream:
        stream.write(content)


def check_export_path(path: str | os.PathLike[str]) -> None:
    """Raise what `export_rows` would raise, before the runs are done."""
    suffix = Path(path).suffix
    if suffix not in (".csv", ".parquet"):
        raise ValueError(f"runs are exported to .csv or .parquet, got {os.fspath(path)!r}")
    if suffix == ".parquet" and find_spec("pyarrow") is None:
        raise ValueError("Parquet needs pyarrow: pip install 'vvnorm[data]'")
    if not Path(path).absolute().parent.is_dir():
        raise ValueError(f"cannot write {os.fspath(path)!r}: the folder does not exist")


def _write_csv(names: list[str], rows: list[Row]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([[row.get(name) for name in names] for row in rows])
    return text.getvalue().encode()


def _write_parquet(names: list[str], rows: list[Row]) -> bytes:
    import pyarrow
    from pyarrow import parquet

    sink = pyarrow.BufferOutputStream()
    parquet.write_table(pyarrow.table({name: [row.get(name) for row in rows] for name in names}), sink)
    return sink.getvalue().to_pybytes()


def _rows(connection: sqlite3.Connection, table: str) -> list[Row]:
    """Rows as mappings: configuration, outcomes, circumstances, key."""
    order = "" if table == "study" else f" ORDER BY {_ORDER}"
    cursor = connection.execute(f"SELECT * FROM {table}{order}")
    names = [name for name, *_ in cursor.description]
    last = [*_CIRCUMSTANCES, "key"]
    names_in_order = [name for name in names if name not in last] + [name for name in last if name in names]
    found = [dict(zip(names, values, strict=True)) for values in cursor]
    return [{name: row[name] for name in names_in_order} for row in found]


def _lock(path: Path) -> sqlite3.Connection:
    """Keep other studies out until this process ends, however it ends.

    A second database serves as the lock, since that works wherever SQLite does, while its own locks have to stay free for
    readers between two rows.
    """
    try:
        lock = sqlite3.connect(f"{path}-lock", timeout=0, isolation_level=None)
    except sqlite3.OperationalError as error:
        raise ValueError(f"cannot write '{path}-lock': {error}") from None
    try:
        lock.execute("BEGIN EXCLUSIVE")
    except sqlite3.DatabaseError as error:
        lock.close()
        if error.sqlite_errorcode == sqlite3.SQLITE_BUSY:
            raise ValueError(f"{str(path)!r} is in use: another process is running this study") from None
        raise ValueError(f"cannot write '{path}-lock': {error}") from None
    return lock


def _signature(study: Row) -> str:
    return f"study {study['name']!r} (specification {study['fingerprint'][:12]}) of code {study['code']}"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
