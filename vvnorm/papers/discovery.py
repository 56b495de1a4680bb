"""Papers that installed packages register in the entry-point group `vvnorm.papers`, and rows by name."""

from collections.abc import Sequence
from typing import NamedTuple

from vvnorm._internal import plugins
from vvnorm._internal.names import refuse_unknown
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
    refuse_unknown("paper", name, paper_names())
    return plugins.load(GROUP, name, Paper, "vvnorm.papers.Paper")


def choose(names: Sequence[str] = ()) -> list[Chosen]:
    """Return the rows that names stand for, each once; all by default.

    "MT" stands for a whole paper, "MT:theorem-3.1" for the row of that id or, if there is none, for its parts, such as
    theorem-3.1-unique.

    Raises
    ------
    ValueError
        If there is no such paper or row; the message names the nearest.
    """
    chosen: dict[tuple[str, str], Chosen] = {}
    for name in names or paper_names():
        short, _, row = name.partition(":")
        paper = load_paper(short)
        rows = [each for each in paper.rows if ":" not in name or each.id == row]
        rows = rows or [each for each in paper.rows if each.id.startswith(f"{row}-")]
        if not rows:
            refuse_unknown("row", row, [each.id for each in paper.rows], f"of {short}")
        chosen |= {(paper.id, each.id): Chosen(paper, each) for each in rows}
    return list(chosen.values())
