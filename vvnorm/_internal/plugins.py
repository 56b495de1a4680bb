"""Plug-ins: claims and figures, which packages register by name in an entry-point group."""

import os
import sys
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from typing import TypeVar

Kind = TypeVar("Kind")


def names(group: str) -> list[str]:
    """Names registered in a group, each once."""
    return list(_entries(group))


class Unusable(ValueError):
    """A registered plug-in that cannot be loaded."""


def load(group: str, name: str, kind: type[Kind], public: str) -> Kind:
    """Load the plug-in that is registered under a name; its `id` must be the same name.

    Parameters
    ----------
    group, name : str
        Entry-point group, and name in it.
    kind : type
        Class that the plug-in must be an instance of.
    public : str
        Public name of the class, for messages.

    Raises
    ------
    ValueError
        If nothing is registered under the name; the message lists the names.
    Unusable
        If the plug-in cannot be imported, is not an instance of `kind`, has another id, or is registered twice.
    """
    what = group.partition(".")[2].removesuffix("s")
    entries = _entries(group)
    if name not in entries:
        raise ValueError(f"there is no {what} named {name!r}; there are: {', '.join(entries)}")
    first, *duplicates = entries[name]
    if duplicates:
        places = ", ".join(entry.value for entry in entries[name])
        raise Unusable(f"{what} {name!r} is registered more than once: {places}")
    try:
        loaded = first.load()
    except (Exception, SystemExit) as error:  # a module of another package may raise anything
        prefix = "" if isinstance(error, ImportError | AttributeError) else f"{type(error).__name__}: "
        raise Unusable(f"{what} {name!r} ({first.value}) cannot be loaded: {prefix}{error}") from error
    if not isinstance(loaded, kind):
        raise Unusable(f"{what} {name!r} ({first.value}) is a {type(loaded).__name__}, not a {public}")
    own = getattr(loaded, "id", name)
    if own != name:
        raise Unusable(f"{what} {name!r} ({first.value}) has the id {own!r}: register it under its id")
    return loaded


def module(group: str, name: str) -> str | None:
    """Name of the module that something is registered from; None if nothing is registered under the name."""
    entries = _entries(group).get(name)
    return None if entries is None else entries[0].module


def _entries(group: str) -> dict[str, list[EntryPoint]]:
    """Entry points by name; equal entry points (of an installed and of a source copy) count once."""
    return _entries_of(group, tuple((folder, _changed(folder)) for folder in sys.path))


@lru_cache(maxsize=8)
def _entries_of(group: str, folders: tuple[tuple[str, int], ...]) -> dict[str, list[EntryPoint]]:
    """Read the metadata of all packages; this takes 20 ms, so it is repeated only after a folder has changed."""
    entries: dict[str, dict[str, EntryPoint]] = {}
    for entry in entry_points(group=group):
        entries.setdefault(entry.name, {})[entry.value] = entry
    return {name: list(places.values()) for name, places in entries.items()}


def _changed(folder: str) -> int:
    """Return when a package was last installed into a folder or removed from it, in nanoseconds; 0 without a folder."""
    try:
        return os.stat(folder or os.curdir).st_mtime_ns
    except OSError:
        return 0
