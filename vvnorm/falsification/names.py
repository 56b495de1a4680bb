"""Messages that name the nearest of what there is."""

from collections.abc import Iterable
from difflib import get_close_matches


def refuse_unknown(kind: str, name: str, known: Iterable[str], where: str = "") -> None:
    """Raise ValueError if a name is not known, and name the nearest, or all."""
    names = sorted(known)
    if name in names:
        return
    near = get_close_matches(name, names, n=1, cutoff=0.5)
    plural = "hypotheses" if kind == "hypothesis" else f"{kind}s"
    hint = f"the nearest is {near[0]!r}" if near else f"{plural} are: {', '.join(names) or 'none'}"
    raise ValueError(f"there is no {kind} {name!r}{f' {where}' if where else ''}; {hint}")
