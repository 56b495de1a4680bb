"""Papers: a row for each statement and figure of a paper, and the claims and figures that test it.

- `contract`: papers, rows, and the decision on a row (`verdict_on`);
- `toml_file`: rows are data, read from one TOML file for each paper;
- `discovery`: papers that installed packages register, and rows by name;
- `runner`: the claims and figures of some rows, each run once;
- `pages`: one page for each paper, in HTML and in Markdown.
"""

from vvnorm.papers.contract import Paper, Row, RowOutcome, verdict_on
from vvnorm.papers.discovery import GROUP, Chosen, choose, load_paper, paper_names
from vvnorm.papers.toml_file import read_paper

__all__ = [
    "GROUP",
    "Chosen",
    "Paper",
    "Row",
    "RowOutcome",
    "choose",
    "load_paper",
    "paper_names",
    "read_paper",
    "verdict_on",
]
