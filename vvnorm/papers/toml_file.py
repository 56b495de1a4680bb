"""Papers as data: one TOML file for each paper, checked when it is read."""

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from vvnorm.papers.contract import Paper, Row

_LISTS = ("claims", "figures", "contradicted_by")
_KEY = re.compile(r"[a-z0-9][a-z0-9.-]*")


def read_paper(path: str | os.PathLike[str]) -> Paper:
    """Read a paper from a TOML file: the fields of `Paper`, and a table `[[row]]` with the fields of each `Row`.

    Raises
    ------
    ValueError
        If the file is not TOML, a field is missing, unknown or of another type, an id occurs twice, or a row has neither a
        test nor a reason, or both.
    """
    path = Path(path)
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path.name}: not a TOML file: {error}") from None
    tables = content.pop("row", [])
    rows = tuple(_row(path.name, table) for table in tables)
    ids = [row.id for row in rows]
    if repeated := sorted({name for name in ids if ids.count(name) > 1}):
        raise ValueError(f"{path.name}: row {repeated[0]!r} occurs twice")
    values = _checked(path.name, content, {field.name for field in fields(Paper)} - {"rows"})
    return Paper(**values, rows=rows)


def _row(file: str, table: Mapping[str, Any]) -> Row:
    where = f"{file}, row {table.get('id', '?')!r}"
    optional = {"differs": "", "reason": "", "verified": False, **{name: [] for name in _LISTS}}
    values = _checked(where, {**optional, **table}, {field.name for field in fields(Row)})
    lists: dict[str, Any] = {name: tuple(values[name]) for name in _LISTS}
    row = Row(**{**values, **lists})
    if not _KEY.fullmatch(row.id):
        raise ValueError(f"{where}: id must be small letters, digits, dots and hyphens")
    if bool(row.tested_by) == bool(row.reason):
        raise ValueError(f"{where}: a row has either claims or figures, or a reason why nothing tests it")
    return row


def _checked(where: str, table: Mapping[str, Any], expected: set[str]) -> dict[str, Any]:
    if unknown := sorted(table.keys() - expected):
        raise ValueError(f"{where}: {unknown[0]} is not a field; fields are {', '.join(sorted(expected))}")
    if missing := sorted(expected - table.keys()):
        raise ValueError(f"{where}: {missing[0]} is missing")
    for name, value in table.items():
        if name in _LISTS:
            good = isinstance(value, list) and all(isinstance(item, str) for item in value)
        else:
            good = isinstance(value, bool if name == "verified" else str)
        if not good:
            raise ValueError(f"{where}: {name} is {value!r}, which has another type")
    return dict(table)
