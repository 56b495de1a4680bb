"""Wording of all output: names of numbers, counts in singular and plural, and the sentence about a proof."""

from collections.abc import Iterable
from typing import Final

_WIDTH: Final = 118
_NAMES: Final = {"vv_norm": "VV norm", "gap": "relative gap"}


def name_of(number: str) -> str:
    """Return the name of a number in tables and summaries: `vv_norm` is the VV norm, `gap` the relative gap."""
    return _NAMES.get(number, number.replace("_", " "))


def count(number: int, noun: str, plural: str = "") -> str:
    """Return a number with its noun: 1 output, 2 outputs; `plural` if it is not the noun with an s."""
    return f"{number} {noun if number == 1 else plural or noun + 's'}"


def file_list(files: Iterable[str]) -> str:
    """Return names of files, those of one folder and kind together: vvnorm/{losses, network}.py."""
    folders: dict[tuple[str, str], list[str]] = {}
    for file in files:
        folder, _, name = file.rpartition("/")
        stem, _, kind = name.rpartition(".")
        folders.setdefault((folder, kind), []).append(stem)
    together = {place: f"{{{', '.join(names)}}}" if len(names) > 1 else names[0] for place, names in folders.items()}
    return ", ".join(f"{folder}/{names}.{kind}" for (folder, kind), names in together.items())


def lines(*texts: str) -> str:
    """Join the lines of a `repr`, all but the first indented, none longer than a terminal is wide."""
    return "\n    ".join(text if len(text) <= _WIDTH else text[: _WIDTH - 4] + " ..." for text in texts if text)


def proof(
    what: str, value: float, lower: float, gap: float, tol: float | None = None, residual: float | None = None
) -> str:
    """State a value with its lower bound and gap, and, if `tol` is given, whether it is certified to that tolerance.

    Costs and losses are not negative, so 0 is not called a bound on a positive value.
    """
    bound = "no lower bound but 0" if lower == 0 and gap >= 1 else f"lower bound {lower:.6g}"
    parts = [f"{what} {value:.6g}", bound, f"relative gap {gap:.2g}"]
    if residual is not None:
        parts.append(f"relative residual {residual:.2g}")
    if tol is None:
        return ", ".join(parts)
    certified = abs(gap) <= tol and (residual is None or residual <= tol)
    return ", ".join(parts) + (": certified" if certified else ": not certified") + f" to {tol:g}"


def convention_in_words(skip: bool, penalise_bias: bool) -> str:
    """Describe how a convention differs from the usual one; the usual one gives an empty text."""
    return ("" if skip else ", no skip connection") + (", biases inside the norm" if penalise_bias else "")
