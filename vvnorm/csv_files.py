"""CSV files, for all commands and for `load_dataset` and `load_task_data`.

The `csv` module splits lines into fields. The format is detected where the file determines it; otherwise an error asks for
it:

- *Encoding*: UTF-8, or UTF-16 or UTF-32 by its byte order mark.
- *Separator*: a comma, semicolon, tab or bar, whichever gives the first lines the same number of fields. (`csv.Sniffer`
  goes by characters, not fields: it takes the decimal commas of `0,5;1,5` for separators.)
- *Decimal mark*: a comma if the separator is not a comma, some number has a comma, no number has a point, and not every
  comma can be a separator of thousands (1,234).
- *Comment lines* begin with # and are skipped, with two exceptions. A comment right above numbers, with as many fields,
  is the header. A line with # below the header that has as many fields as a row is a row.
- *Missing labels*: an empty field, NaN, NA, N/A, #N/A, <NA> and null, in upper or lower case.

Numbers are rounded to float64. An integer that float64 cannot represent is refused, and so are two different inputs
with the same float64; the error names line and column. Lines are counted from 1, comments and empty lines included.
"""

import codecs
import csv
import io
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from vvnorm.float64 import EXACT, Array

_Row = tuple[int, bool, list[str]]  # number of its last line, whether it begins with #, its fields

MISSING = frozenset({"", "nan", "+nan", "-nan", "na", "n/a", "#n/a", "<na>", "null"})
"""Fields that stand for a missing label, in lower case."""

_SEPARATORS = (",", ";", "\t", "|")
_MARKS = (  # UTF-32 first: its byte order mark begins with that of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SAMPLE = 200  # rows from which the separator is detected
_SMALLEST = 2.0**-1022  # below, float64 has fewer digits
_TOLD_APART = 15  # different decimal numbers of at most so many digits are different in float64
_DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+([eE][+-]?\d+)?")
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")
_INTEGER = re.compile(r"[+-]?\d+")


@dataclass(frozen=True)
class CsvFormat:
    """The format of a CSV file; a field that is None is detected from the file.

    Attributes
    ----------
    sep : str, optional
        The character between fields; `tab` (or backslash and t) is the tabulator.
    decimal : {".", ","}, optional
        The decimal mark.
    encoding : str, optional
        Any encoding that Python knows.
    header : bool
        Whether there is a header line; without one, columns are called 1, 2, .. by their place.
    """

    sep: str | None = None
    decimal: str | None = None
    encoding: str | None = None
    header: bool = True

    def __post_init__(self) -> None:
        sep = {"tab": "\t", "\\t": "\t"}.get(str(self.sep), self.sep)
        if sep is not None and (not isinstance(sep, str) or len(sep) != 1 or sep in '"\r\n'):
            raise ValueError(f"sep (--sep) must be one character other than a quote, or tab; got {self.sep!r}")
        if self.decimal not in (None, ".", ","):
            raise ValueError(f"decimal (--decimal) must be a point or a comma, got {self.decimal!r}")
        if self.encoding is not None:
            try:
                codecs.lookup(self.encoding)
            except (LookupError, TypeError, ValueError):
                raise ValueError(f"encoding (--encoding) {self.encoding!r} is unknown") from None
        object.__setattr__(self, "sep", sep)


class Column(NamedTuple):
    """A column: its fields, stripped, and the lines they are on."""

    file: Path
    name: str
    texts: list[str]
    lines: list[int]

    def place(self, row: "int | np.integer[Any]") -> str:
        """Describe where a field is, for messages."""
        return f"{self.file}: line {self.lines[row]}, column {self.name!r}"


@dataclass(frozen=True, eq=False)
class Table:
    """A CSV file whose header has been read; its rows are read once.

    Attributes
    ----------
    file : Path
    names : tuple of str
        Names of the columns, in order.
    format : CsvFormat
        The format, with the separator that was given or detected.
    """

    file: Path
    names: tuple[str, ...]
    format: CsvFormat
    _rows: Iterator[tuple[int, list[str]]] = field(repr=False)

    def check_name(self, name: str) -> None:
        """Raise a ValueError unless there is just one column of that name."""
        if self.names.count(name) != 1:
            problem = "more than one column" if name in self.names else "no column"
            hint = (
                "; a file without a header line needs header=False (--no-header)" if all(map(is_number, self.names)) else ""
            )
            hint = hint if self.format.header else ""
            raise ValueError(f"{self.file}: {problem} named {name!r}; there are: {', '.join(self.names)}{hint}")

    def columns(self, names: Iterable[str]) -> dict[str, Column]:
        """Read columns by name."""
        lines: list[int] = []
        chosen: dict[str, Column] = {}
        for name in names:
            self.check_name(name)
            chosen[name] = Column(self.file, name, [], lines)
        kept = [(column.texts, self.names.index(name)) for name, column in chosen.items()]
        for line, row in self._rows:
            lines.append(line)
            for texts, place in kept:
                texts.append(row[place].strip())
        if not lines:
            raise ValueError(f"{self.file}: there is a header but no data")
        return chosen

    def decimal(self, columns: Sequence[Column]) -> str:
        """Return the decimal mark of columns of numbers.

        Raises
        ------
        ValueError
            If the fields do not determine it.
        """
        if self.format.decimal or self.format.sep == ",":
            return self.format.decimal or "."
        first: str | None = None
        thousands = True
        for column in columns:
            for row, text in enumerate(column.texts):
                if "," in text and _DECIMAL_COMMA.fullmatch(text):
                    first = first or f"{column.place(row)}: {text!r}"
                    thousands = thousands and bool(_THOUSANDS.fullmatch(text))
        if first is None:
            return "."
        if any("." in text and is_number(text) for column in columns for text in column.texts):
            raise ValueError(f"{first} has a comma, other numbers have a point; decimal (--decimal) says which mark counts")
        if thousands:
            raise ValueError(
                f"{first} may be a decimal or thousands; decimal (--decimal) says which mark is the decimal one"
            )
        return ","


def read_table(path: Path, how: CsvFormat) -> Table:
    """Open a CSV file and read its header.

    Raises
    ------
    ValueError
        If the file cannot be read, is empty or is not CSV. Rows that are longer or shorter than the header are refused
        later, when they are read.
    """
    text = _decoded(path, how.encoding)
    sep = how.sep or _separator(path, text)
    names, rows = _header(path, _records(path, text, sep), how.header)
    return Table(
        path, names, CsvFormat(sep, how.decimal, how.encoding, how.header), _checked(path, names, rows, how.header)
    )


def column_names(given: str | Sequence[str], existing: Sequence[str]) -> list[str]:
    """Return column names: a text that is not the name of a column is split at commas, except inside quotes.

    Examples
    --------
    >>> from vvnorm.csv_files import column_names
    >>> column_names(["a,b", 'c,"d,e"'], ["a,b", "c", "d,e"])
    ['a,b', 'c', 'd,e']
    """
    column_list: list[str] = []
    for text in [given] if isinstance(given, str) else given:
        if not isinstance(text, str):
            raise TypeError(f"columns are named by text, got {text!r}")
        if text.strip() in existing:
            column_list.append(text.strip())
        else:
            column_list += [name.strip() for name in next(csv.reader([text], skipinitialspace=True), []) if name.strip()]
    return column_list


# --- from bytes to rows -----------------------------------------------------------------------------------------------


def _decoded(path: Path, encoding: str | None) -> str:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ValueError(f"cannot read {str(path)!r}: {error.strerror or error}") from None
    if encoding is None:
        encoding = next((name for mark, name in _MARKS if content.startswith(mark)), "utf-8-sig")
        name = "UTF-8" if encoding == "utf-8-sig" else encoding.upper()
        advice = f"it is not {name} text; encoding (--encoding) says what it is"
    else:
        advice = f"it is not text of encoding {encoding}"
    try:
        return content.decode(encoding).removeprefix("\ufeff")
    except (UnicodeError, LookupError):  # LookupError: the codec is not an encoding of text
        raise ValueError(f"cannot read {str(path)!r}: {advice}") from None


class _CsvLines:
    """Lines of a text, counted from 1; `first` is the first line of a row."""

    def __init__(self, text: str) -> None:
        self._stream, self.number, self.first = io.StringIO(text, newline=""), 0, ""

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._stream)
        self.number += 1
        self.first = self.first or line
        return line


def _records(path: Path, text: str, sep: str) -> Iterator[_Row]:
    lines = _CsvLines(text)
    try:
        for row in csv.reader(lines, delimiter=sep, strict=True):
            first, lines.first = lines.first, ""
            if row:
                yield lines.number, first.startswith("#"), row
    except csv.Error as error:
        raise ValueError(f"{path}: line {lines.number} is not valid CSV: {error}") from None


def _separator(path: Path, text: str) -> str:
    """Return the separator that gives the first rows equally many fields, two or more; if several do, most numbers."""
    best, most = ",", (False, -1.0)
    for sep in _SEPARATORS:
        rows: list[list[str]] = []
        with suppress(ValueError):  # not CSV: the error is raised when all rows are read
            rows.extend(row for _, marked, row in islice(_records(path, text, sep), _SAMPLE) if not marked)
        if not rows:
            continue
        counts = {len(row) for row in rows}
        fields = [text for row in rows[1:] or rows for text in row]
        regular = len(counts) == 1 and len(rows[0]) > 1
        score = (regular, sum(map(_is_entry, fields)) / len(fields) if regular else float(len(rows[0]) - 1))
        if score > most:
            best, most = sep, score
    return best


def _header(path: Path, records: Iterator[_Row], header: bool) -> tuple[tuple[str, ...], Iterator[_Row]]:
    """Return the names of the columns and the rows below them."""
    comment: list[str] = []
    line, row = 0, []
    for line, marked, fields in records:  # noqa: B007  # `line` is used after the loop
        if not marked:
            row = fields
            break
        comment = fields
    if not header and row:
        return tuple(str(k + 1) for k in range(len(row))), chain([(line, False, row)], records)
    if comment and (not row or (len(comment) == len(row) > 1 and any(map(_is_entry, row)))):
        names = [name.strip() for name in comment]
        if names[0].startswith("# "):
            names[0] = names[0].lstrip("# ")
        return tuple(names), chain([(line, False, row)] if row else [], records)
    if not row:
        raise ValueError(f"{path}: the file is empty")
    return tuple(name.strip() for name in row), records


def _checked(path: Path, names: Sequence[str], rows: Iterator[_Row], header: bool) -> Iterator[tuple[int, list[str]]]:
    """Yield rows with as many fields as the header; a line with # that has another number of fields is a comment."""
    comment, marks = "", False
    for line, marked, row in rows:
        if len(row) == len(names):
            marks = marks or marked
            yield line, row
            continue
        text = f"{path}: line {line} has {len(row)} fields, {'the header' if header else 'the first row'} has {len(names)}"
        if not marked:
            raise ValueError(text)
        comment = comment or text
    if comment and marks:
        raise ValueError(comment)


# --- from fields to numbers -------------------------------------------------------------------------------------------


def is_number(text: str) -> bool:
    """Whether a field is a number with or without a decimal point; Python's spelling 1_000 does not count."""
    try:
        float(text)
    except ValueError:
        return False
    return "_" not in text


def _is_entry(text: str) -> bool:
    """Whether a field may stand in a column of numbers."""
    text = text.strip()
    return is_number(text) or text.lower() in MISSING or bool(_DECIMAL_COMMA.fullmatch(text))


def read_inputs(columns: Sequence[Column], decimal: str, hint: str = "") -> Array:
    """Read columns of inputs, (N, d). No input may be missing, and different inputs must have different float64 numbers.

    Raises
    ------
    ValueError
        The message names line and column; `hint` is added to it where a field is not a number.
    """
    X = np.column_stack([read_numbers(column, decimal, hint) for column in columns])
    for column, values in zip(columns, X.T, strict=True):
        for row in np.flatnonzero(np.isnan(values)):
            raise ValueError(f"{column.place(row)}: an input is missing; only labels may be")
        small = np.flatnonzero(np.abs(values) < _SMALLEST)  # where float64 has few digits, or none
        if max(map(len, column.texts)) > _TOLD_APART or any(re.search("[1-9]", column.texts[row]) for row in small):
            _refuse_merged(column, values, decimal)
    return X


def read_numbers(column: Column, decimal: str, hint: str = "") -> Array:
    """Read a column of labels, (N,), with NaN where a label is missing.

    Raises
    ------
    ValueError
        The message names line and column; `hint` is added to it where a field is not a number.
    """
    texts = [_with_point(text) for text in column.texts] if decimal == "," else column.texts
    try:
        numbers = np.array(list(map(float, texts)))  # quick, if all fields are numbers
        plain = not any("_" in text for text in texts)
    except ValueError:
        plain = False
    if not plain:
        numbers = np.array([_number(column, row, text, hint) for row, text in enumerate(texts)])
    for row in np.flatnonzero(np.abs(numbers) >= EXACT):
        text, value = column.texts[row], float(numbers[row])
        if math.isinf(value):
            raise ValueError(f"{column.place(row)}: {text!r} is not finite in float64")
        if _INTEGER.fullmatch(text) and int(text) != value:
            raise ValueError(
                f"{column.place(row)}: float64 cannot hold the integer {text} (nearest: {int(value)}); subtract an offset "
                "from the column"
            )
    return numbers


def _number(column: Column, row: int, text: str, hint: str) -> float:
    if is_number(text):
        return float(text)
    if text.lower() in MISSING:
        return math.nan
    raise ValueError(f"{column.place(row)}: {column.texts[row]!r} is not a number{hint}")


def _with_point(text: str) -> str:
    """Replace the decimal comma by a point, and a point by ?, so that a number with a point is refused."""
    return text.replace(".", "?").replace(",", ".")


def _refuse_merged(column: Column, values: Array, decimal: str) -> None:
    """Refuse two fields that are different decimal numbers with the same float64."""
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    seen: dict[float, int] = {}
    for row in np.flatnonzero(count[place.reshape(-1)] > 1):
        first = seen.setdefault(float(values[row]), int(row))
        here, there = (Decimal(column.texts[k].replace(decimal, ".")) for k in (row, first))
        if here != there:
            raise ValueError(
                f"{column.place(row)}: {column.texts[row]} is not {column.texts[first]} on line {column.lines[first]}, "
                f"but is the same number in float64, {float(values[row])!r}; subtract an offset from the column"
            )


# --- from fields to classes -------------------------------------------------------------------------------------------


class Classes(NamedTuple):
    """The classes of a column, sorted: numbers if every field is a number, else words.

    Attributes
    ----------
    places : (N,) array
        For each row the index of its class, NaN where the class is missing.
    values : list of Decimal, or of str
    """

    places: Array
    values: list[Any]

    @property
    def are_words(self) -> bool:
        """Whether the classes are words."""
        return bool(self.values) and isinstance(self.values[0], str)

    @property
    def named(self) -> str:
        """The first eight classes, for messages."""
        return ", ".join(map(self.shown, range(min(8, len(self.values))))) + (", .." if len(self.values) > 8 else "")

    def shown(self, place: int) -> str:
        """Return the class at an index as text."""
        value = self.values[place]
        if isinstance(value, str):
            return value
        text = f"{value:f}"
        return (text.rstrip("0").rstrip(".") if "." in text else text) if len(text) <= 25 else f"{float(value):g}"

    def place(self, text: str) -> int | None:
        """Return the index of the class that a text names, or None."""
        wanted: Any = Decimal(text) if self.values and not self.are_words and is_number(text) else text
        return self.values.index(wanted) if wanted in self.values else None


def read_classes(column: Column) -> Classes:
    """Read a column of classes."""
    known = [text.lower() not in MISSING for text in column.texts]
    present = [text for text, there in zip(column.texts, known, strict=True) if there]
    read: Any = Decimal if all(map(is_number, present)) else str
    values = sorted({read(text) for text in present})
    number = {value: float(k) for k, value in enumerate(values)}
    pairs = zip(column.texts, known, strict=True)
    return Classes(np.array([number[read(text)] if there else math.nan for text, there in pairs]), values)


def two_classes(name: str, classes: Classes, positive: int | None = None) -> tuple[Array, int | None]:
    """Return labels (N,) of two classes, and the index of the positive class.

    Numbers 0 and 1, or -1 and 1, are left as they are; the index is then None. Otherwise the class with index `positive`,
    by default the last, gets the label 1 and all other classes get 0.

    Raises
    ------
    ValueError
        If there are more than two classes and `positive` is None, or fewer than two.
    """
    count = len(classes.values)
    if positive is None:
        if count > 2:
            raise ValueError(f"column {name!r} has {count} classes ({classes.named}); a loss of classes takes two")
        if set(classes.values) <= {0, 1} or set(classes.values) <= {-1, 1}:
            return np.array([math.nan if math.isnan(k) else float(classes.values[int(k)]) for k in classes.places]), None
        positive = 1
    if count < 2:
        raise ValueError(f"column {name!r} has one class only: {classes.named}")
    return np.where(np.isnan(classes.places), math.nan, classes.places == positive), positive
