"""The words of all output: one name for each number, and counts in singular and plural."""

from typing import Final

_NAMES: Final = {"vv_norm": "VV norm", "gap": "relative gap"}


def name_of(number: str) -> str:
    """Return what a number is called in tables and summaries: `vv_norm` is the VV norm, `gap` the relative gap."""
    return _NAMES.get(number, number.replace("_", " "))


def count(number: int, noun: str, plural: str = "") -> str:
    """Return a number with its noun: 1 output, 2 outputs; `plural` where an s does not make it."""
    return f"{number} {noun if number == 1 else plural or noun + 's'}"
