"""Papers that installed packages register in the entry-point group `vvnorm.papers`, and rows by name."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import NamedTuple

from vvnorm._internal import plugins
from vvnorm.papers.contract import Paper, Row

GROUP = "vvnorm.papers"


class Chosen(NamedTuple):
    """A row to run, with its paper."""

    paper: Paper
    row: Row


def paper_names() -> list[str]:
    """Names of all papers that installed packages register in the entry-point group `vvnorm.papers`."""
    return plugins.names(GROUP)


def load_paper(name: str) -> Paper:
    """Load one paper; ValueError names the nearest if there is none of that name."""
    _refuse_unknown("paper", name, paper_names())
    return plugins.load(GROUP, name, Paper, "vvnorm.papers.Paper")


def choose(names: Sequence[str] = ()) -> list[Chosen]:
    """Return the rows that names stand for, each once; all by default.

    "MT" stands for a whole paper, "MT:theorem-3.1" for the row of that id, or for its parts, such as theorem-3.1-unique.

    Raises
    ------
    ValueError
        If there is no such paper or row; the message names the nearest.
    """
    chosen: dict[tuple[str, str], Chosen] = {}
    for name in names or paper_names():
        short, _, row = name.partition(":")
        paper = load_paper(short)
        rows = [each for each in paper.rows if ":" not in name or f"{each.id}-".startswith(f"{row}-")]
        if not rows:
            _refuse_unknown(f"row of {short}", row, [each.id for each in paper.rows])
        chosen |= {(paper.id, each.id): Chosen(paper, each) for each in rows}
    return list(chosen.values())


def _refuse_unknown(what: str, name: str, known: Iterable[str]) -> None:
    by_small = {each.lower(): each for each in known}
    if name in by_small.values():
        return
    near = get_close_matches(name.lower(), by_small, n=1, cutoff=0.0)
    advice = f"; the nearest is {by_small[near[0]]!r}" if near else ""
    raise ValueError(f"there is no {what} {name!r}{advice}")
