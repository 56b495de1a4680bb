"""Writing files so that a result is either complete on disk or absent."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any


@contextmanager
def atomic_write(path: str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    """Open a binary file that appears under its name only once it is whole.

    Parameters
    ----------
    path : path-like
        Final name. Its folder must exist. An existing file is replaced in one step, or kept if anything fails.

    Yields
    ------
    file object opened for binary writing, in the same folder.

    Raises
    ------
    ValueError
        If the folder does not exist or cannot be written to.
    """
    target = Path(path)
    try:
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    except OSError as error:
        raise ValueError(f"cannot write {str(target)!r}: {error.strerror}") from None
    try:
        with os.fdopen(handle, "wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(name, 0o666 & ~_umask())
        os.replace(name, target)
    except IsADirectoryError:
        raise ValueError(f"cannot write {str(target)!r}: it is a folder") from None
    finally:
        with suppress(FileNotFoundError):
            os.unlink(name)


def write_json(path: str | os.PathLike[str], value: Any) -> None:
    """Write `value` as JSON, whole or not at all; NaN and infinities are written as Python's json does."""
    import json

    text = json.dumps(value, indent=1, default=_plain)
    with atomic_write(path) as stream:
        stream.write(text.encode() + b"\n")


def _plain(value: Any) -> Any:
    """Turn NumPy scalars and arrays into what json knows."""
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} is not JSON serialisable")


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
