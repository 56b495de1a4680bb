"""Things that packages register by name in an entry-point group: claims and figures."""

from importlib.metadata import EntryPoint, entry_points
from typing import TypeVar

Kind = TypeVar("Kind")


def names(group: str) -> list[str]:
    """Names registered in a group, each once."""
    return list(_entries(group))


def load(group: str, name: str, kind: type[Kind]) -> Kind:
    """Load what is registered under a name.

    Raises
    ------
    ValueError
        If nothing is (the message lists the names), or it cannot be imported, or is not of the right kind.
    """
    what = group.partition(".")[2].removesuffix("s")
    entries = _entries(group)
    if name not in entries:
        raise ValueError(f"there is no {what} named {name!r}; there are: {', '.join(entries)}")
    place = entries[name].value
    try:
        found = entries[name].load()
    except (ImportError, AttributeError) as error:
        raise ValueError(f"{what} {name!r} ({place}) cannot be loaded: {error}") from None
    if not isinstance(found, kind):
        raise ValueError(f"{what} {name!r} ({place}) is a {type(found).__name__}, not a {kind.__module__}.{kind.__name__}")
    return found


def _entries(group: str) -> dict[str, EntryPoint]:
    # The same distribution can be seen twice (an installed and a source copy); a name counts once.
    return {entry.name: entry for entry in entry_points(group=group)}
