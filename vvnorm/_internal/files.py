"""Files that are written completely or not at all, and archives of arrays that are read completely or refused."""

import csv
import io
import json
import math
import os
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

_DAMAGE = (zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error)
_DEVICES = (Path("/dev"), Path("/dev/fd"))


@contextmanager
def atomic_write(path: str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    """Open a binary file that appears under its name only once it is whole.

    Parameters
    ----------
    path : path-like
        Final name. Its folder must exist. An existing file is replaced in one step, or kept if anything fails. A pipe
        or a device (`/dev/stdout`) is not replaced but written to.

    Yields
    ------
    file object opened for binary writing, in the same folder.

    Raises
    ------
    ValueError
        If the folder does not exist or cannot be written to.
    """
    target = Path(path)
    if target.exists() and not target.is_dir() and (target.parent in _DEVICES or not target.is_file()):
        try:
            with target.open("ab") as stream:
                yield stream
        except BrokenPipeError:
            raise ValueError(f"cannot write {str(target)!r}: nobody reads it") from None
        return
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
    """Write `value` as strict JSON, whole or not at all; `plain` converts arrays and infinities."""
    text = json.dumps(plain(value), indent=1, allow_nan=False)
    with atomic_write(path) as stream:
        stream.write(text.encode() + b"\n")


def write_csv(path: str | os.PathLike[str], rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows as CSV, whole or not at all.

    Parameters
    ----------
    path : path-like
        The file's name.
    rows : sequence of mappings
        Numbers and texts by column name. The header has the columns of all rows, in order of appearance; a value that a row
        lacks is an empty field. Numbers are written with enough digits to be read back exactly.

    Raises
    ------
    ValueError
        If there are no rows, or the file cannot be written.
    """
    if not rows:
        raise ValueError("rows is empty: nothing to write")
    with atomic_write(path) as stream:
        stream.write(csv_content(rows))


def csv_content(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Return the content of a CSV file of rows; see `write_csv`."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns_of(rows), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def columns_of(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the names of the columns of all rows, in order of appearance."""
    return list(dict.fromkeys(name for row in rows for name in row))


def plain(value: Any) -> Any:
    """Convert mappings, sequences, NumPy values and text to the types of strict JSON.

    Arrays become nested lists; NaN and infinities, which JSON lacks, become "nan", "inf" and "-inf", which `float` reads.
    """
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"{type(value).__name__} {value!r} cannot be written as JSON")


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current


def read_npz(file: str | os.PathLike[str]) -> "dict[str, NDArray[Any]]":
    """Read every array of an NPZ file into memory, refusing pickles and damaged files with a ValueError."""
    import numpy as np  # not above: scheduling studies needs files, but no arrays

    try:
        with open(file, "rb") as stream:  # np.load leaves a damaged file open
            archive = np.load(stream, allow_pickle=False)
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise ValueError("it is a single array")
            with archive:
                return {name: archive[name] for name in archive.files}
    except OSError as error:
        raise ValueError(f"cannot read {str(file)!r}: {error.strerror or error}") from None
    except (*_DAMAGE, EOFError, ValueError, KeyError, TypeError, NotImplementedError, RuntimeError) as error:
        raise ValueError(f"{str(file)!r} is not a whole NPZ file: {error}") from None
