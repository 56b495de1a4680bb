"""SQLite files of finished work: a process may be killed at any moment, and only one process at a time writes a file."""

import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar


class Database:
    """A file of rows, to be used in a `with` statement; a row is on disk once it is written.

    An empty file with the suffix `-lock` beside it keeps other processes out.

    Parameters
    ----------
    path : path-like
        Created if it does not exist.

    Raises
    ------
    ValueError
        If it cannot be written, is a file of another kind, or is in use.
    """

    kind: ClassVar[str]
    """Noun phrase for such a file, for messages."""
    application: ClassVar[int]
    """SQLite application id of such files; it changes with their tables."""
    purpose: ClassVar[str]
    """What a process does that has such a file open, for messages."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        if not self.path.absolute().parent.is_dir():
            raise ValueError(f"cannot write {str(self.path)!r}: the folder does not exist")
        if self.path.is_dir():
            raise ValueError(f"cannot write {str(self.path)!r}: it is a folder")
        self._lock = self._acquire_lock()
        try:
            with self._named_errors():
                self._connection = sqlite3.connect(self.path, timeout=60, isolation_level=None)
            try:
                with self._named_errors():
                    self._open()
            except BaseException:
                self._connection.close()
                raise
        except BaseException:
            self._lock.close()
            raise

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; its rows stay."""
        self._connection.close()
        self._lock.close()

    def _open(self) -> None:
        """Create the tables, or check that existing tables are of this kind."""
        execute = self._connection.execute
        empty = not execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if not empty and execute("PRAGMA application_id").fetchone()[0] != self.application:
            raise ValueError(f"{str(self.path)!r} is not {self.kind}")
        execute("PRAGMA journal_mode = WAL")
        # A commit returns when the row is on disk; with NORMAL a power failure could lose the last rows.
        execute("PRAGMA synchronous = FULL")
        execute("PRAGMA fullfsync = ON")
        if empty:
            with self._transaction():
                execute(f"PRAGMA application_id = {self.application}")
                self._create()

    def _create(self) -> None:
        """Make the tables."""
        raise NotImplementedError

    def _insert(self, table: str, row: Mapping[str, Any]) -> None:
        names = ", ".join(map(quoted, row))
        marks = ", ".join("?" * len(row))
        self._connection.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", tuple(row.values()))

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            # If the disk is full, SQLite has rolled back already.
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    @contextmanager
    def _named_errors(self) -> Iterator[None]:
        """Turn errors of SQLite into errors that name the file and say how to resume."""
        try:
            yield
        except sqlite3.OperationalError as error:
            full = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_FULL
            reason = "the disk is full" if full else str(error)
            raise OSError(f"cannot write {str(self.path)!r}: {reason}; finished runs are kept, --resume goes on") from None
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_NOTADB:
                raise ValueError(f"{str(self.path)!r} is not {self.kind}") from None
            raise OSError(f"cannot use {str(self.path)!r}: {error}") from None

    def _acquire_lock(self) -> sqlite3.Connection:
        """Keep other processes out until this process ends, even if it is killed.

        The lock is a second database: this works wherever SQLite works, and the first database stays free for readers.
        """
        try:
            lock = sqlite3.connect(f"{self.path}-lock", timeout=0, isolation_level=None)
        except sqlite3.OperationalError as error:
            raise ValueError(f"cannot write '{self.path}-lock': {error}") from None
        try:
            lock.execute("BEGIN EXCLUSIVE")
        except sqlite3.DatabaseError as error:
            lock.close()
            if error.sqlite_errorcode == sqlite3.SQLITE_BUSY:
                raise ValueError(f"{str(self.path)!r} is in use: another process is {self.purpose}") from None
            raise ValueError(f"cannot write '{self.path}-lock': {error}") from None
        return lock


@contextmanager
def reading(path: str | os.PathLike[str], kind: type[Database]) -> Iterator[sqlite3.Connection]:
    """Open a database to read it, also while it is in use.

    Raises
    ------
    ValueError
        If there is no such file, or it is not of this kind.
    """
    if not Path(path).is_file():
        raise ValueError(f"there is no store {os.fspath(path)!r}")
    connection = sqlite3.connect(f"{Path(path).absolute().as_uri()}?mode=ro", uri=True, timeout=60)
    try:
        if connection.execute("PRAGMA application_id").fetchone()[0] != kind.application:
            raise ValueError(f"{os.fspath(path)!r} is not {kind.kind}")
        yield connection
    except sqlite3.DatabaseError as error:
        raise ValueError(f"{os.fspath(path)!r} is not {kind.kind} ({error})") from None
    finally:
        connection.close()


def quoted(name: str) -> str:
    """Quote the name of a column for SQL."""
    return '"' + name.replace('"', '""') + '"'
