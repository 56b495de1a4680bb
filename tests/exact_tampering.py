"""Exact certificates made wrong in one place: every field, in every way that a file can be wrong."""

import copy
import json
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

from vvnorm.verifier.exact.certificate import digest

_HARMLESS = {("neurons", "swapped"), ("band", "swapped"), ("band", "shortened"), ("band", "repeated"), ("band", "empty")}
"""Changes that leave a true certificate of the same data: another order of neurons, other points of the band."""


def _numbers(text: str) -> Iterator[tuple[str, Any]]:
    """Yield replacements of a rational number."""
    value = Fraction(text)
    yield "nudged up", str(value + Fraction(1, 10**40))
    yield "nudged down", str(value - Fraction(1, 10**40))
    yield "negated", str(-value)
    yield "zero", "0"
    yield "doubled", str(2 * value)
    yield "inverted", str(1 / value) if value else "1"
    yield "float", float(value)
    yield "decimal", "0.5"
    yield "integer", 1
    yield "unreduced", f"{2 * value.numerator}/{2 * value.denominator}"
    yield "signed", f"+{text}"
    yield "exponent", f"{text}e1"
    yield "empty", ""
    yield "word", "nan"
    yield "null", None
    yield "long", "9" * 5000
    yield "division by zero", "1/0"


def _flags(value: bool) -> Iterator[tuple[str, Any]]:
    yield "negated", not value
    yield "number", int(value)
    yield "word", str(value).lower()
    yield "null", None


def _counts(value: int) -> Iterator[tuple[str, Any]]:
    yield "more", value + 1
    yield "fewer", value - 1
    yield "flag", bool(value)
    yield "word", str(value)
    yield "float", float(value)
    yield "null", None


def _lists(values: list[Any]) -> Iterator[tuple[str, Any]]:
    yield "shortened", values[:-1]
    yield "repeated", [*values, *values[-1:]]
    yield "swapped", [*values[1:2], *values[:1], *values[2:]]
    yield "empty", []
    yield "nested", [values]
    yield "word", "0"
    yield "null", None


def _objects(record: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for key in record:
        yield f"without {key}", {name: value for name, value in record.items() if name != key}
    yield "with more", {**record, "more": "0"}


def _texts(text: str) -> Iterator[tuple[str, Any]]:
    yield "longer", f"{text}."
    yield "null", None


def _changes(key: str, value: Any) -> Iterator[tuple[str, Any]]:
    if key in ("format", "sha256"):
        return _texts(value)
    if isinstance(value, bool):
        return _flags(value)
    if isinstance(value, int):
        return _counts(value)
    if isinstance(value, str):
        return _numbers(value)
    return _lists(value) if isinstance(value, list) else _objects(value)


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    yield path, value
    if isinstance(value, dict | list):
        for key, entry in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _places(entry, (*path, key))


def tampered(content: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield a name and a changed certificate for every place and every kind of change, sealed anew."""
    for path, value in _places(content):
        for kind, other in _changes(str(path[0]) if path else "", value):
            if (path and (path[0], kind) in _HARMLESS and len(path) == 1) or (
                other == value and type(other) is type(value)
            ):
                continue
            if not path:
                changed = other
            else:
                changed = copy.deepcopy(content)
                holder: Any = changed
                for key in path[:-1]:
                    holder = holder[key]
                holder[path[-1]] = other
            if path != ("sha256",) and "sha256" in changed:
                changed["sha256"] = digest(changed)
            yield f"{'.'.join(map(str, path))} {kind}", changed


def write(content: Any, path: Path) -> Path:
    """Write a certificate, true or not."""
    path.write_text(json.dumps(content))
    return path
