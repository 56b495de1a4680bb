"""Recorded studies: specifications (TOML) and tables of their results (CSV), which are part of the package."""

from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

FOLDER: Traversable = files(__name__)


def study_names() -> list[str]:
    """Names of the studies whose specifications are recorded."""
    return sorted(entry.name.removesuffix(".toml") for entry in FOLDER.iterdir() if entry.name.endswith(".toml"))


def specification(study: str) -> Path:
    """Find the specification of a study.

    Parameters
    ----------
    study : str
        The path of a TOML file, or the name of a recorded study.

    Raises
    ------
    ValueError
        If it is neither a path nor a name; the message lists the names.
    """
    path = Path(study)
    if path.is_file() or path.suffix or len(path.parts) > 1:
        return path
    if study not in study_names():
        raise ValueError(f"there is no study {study!r}; there are: {', '.join(study_names())}; or name a TOML file")
    return Path(str(FOLDER / f"{study}.toml"))


def table(name: str) -> Path:
    """Return the path of a recorded table: the summary of the study of this name, or `tasks` for `vvnorm tasks`."""
    return Path(str(FOLDER / f"{name}.csv"))
