"""Errors for unknown names: they give the nearest known name."""

from collections.abc import Iterable
from difflib import get_close_matches


def refuse_unknown(kind: str, name: str, known: Iterable[str], where: str = "") -> None:
    """Raise ValueError if a name is not known; the message gives the nearest in any case of letters, or lists all."""
    names = {each.lower(): each for each in sorted(known)}
    if name in names.values():
        return
    near = get_close_matches(name.lower(), names, n=1, cutoff=0.5)
    plural = "hypotheses" if kind == "hypothesis" else f"{kind}s"
    hint = f"the nearest is {names[near[0]]!r}" if near else f"{plural} are: {', '.join(names.values()) or 'none'}"
    raise ValueError(f"there is no {kind} {name!r}{f' {where}' if where else ''}; {hint}")
