"""Pages: one for each paper, in HTML and in Markdown, with an index. Needs jinja2, the extra `report`."""

import os
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from vvnorm import __version__
from vvnorm._internal import plugins
from vvnorm._internal.files import atomic_write
from vvnorm.claims.discovery import GROUP as CLAIMS
from vvnorm.papers.contract import RowOutcome, interval_of

FORMS = ("html", "md")
"""Endings of the pages that are written for each paper."""


def check_can_render() -> None:
    """Raise ValueError if jinja2 is not installed."""
    if find_spec("jinja2") is None:
        raise ValueError("--out writes pages, which needs jinja2: pip install 'vvnorm[report]'")


def write_pages(outcomes: Sequence[RowOutcome], folder: Path, figures: Path, *, seed: int, quick: bool) -> list[Path]:
    """Write a page for each paper and an index, in each form, and return their paths.

    Parameters
    ----------
    outcomes : sequence of RowOutcome
        Rows of one or more papers; a page has the rows that are given.
    folder, figures : Path
        Where the pages go, and where the figures' files lie.
    seed, quick
        Seed and length of the runs, which the pages state.

    Raises
    ------
    ValueError
        If jinja2 is not installed, or the folder cannot be written to.
    """
    check_can_render()
    papers: dict[str, list[RowOutcome]] = {}
    for outcome in outcomes:
        papers.setdefault(outcome.paper.id, []).append(outcome)
    made = f"vvnorm {__version__}, seed {seed}{', quick' if quick else ''}"
    written = []
    for form in FORMS:
        environment = _environment(form)
        summaries = []
        for rows in papers.values():
            paper = rows[0].paper
            cells = [_cells(outcome, folder, figures) for outcome in rows]
            values = {"paper": paper, "rows": cells, "made": made, "counts": _counts(rows), "form": form}
            written.append(_write(folder / f"{paper.id}.{form}", environment.get_template(f"paper.{form}").render(values)))
            summaries.append({"paper": paper, "counts": _counts(rows)})
        index = environment.get_template(f"index.{form}").render({"papers": summaries, "made": made, "form": form})
        written.append(_write(folder / f"index.{form}", index))
    return written


def _environment(form: str) -> Any:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("vvnorm.papers"), autoescape=form == "html", undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip
    environment.filters["cell"] = _cell
    return environment


def _write(path: Path, text: str) -> Path:
    with atomic_write(path) as stream:
        stream.write(text.encode())
    return path


def _cells(outcome: RowOutcome, folder: Path, figures: Path) -> dict[str, Any]:
    """The texts and links of one row."""
    row = outcome.row
    return {
        "row": row,
        "name": outcome.name,
        "verdict": "not tested" if outcome.verdict is None else str(outcome.verdict),
        "claims": [_claim(outcome, name, folder) for name in (*row.claims, *row.contradicted_by)],
        "figures": [_figure(outcome, name, folder, figures) for name in row.figures],
    }


def _claim(outcome: RowOutcome, name: str, folder: Path) -> dict[str, Any]:
    report = outcome.reports[name]
    (low, high), (lower, upper) = report.claim.claimed, interval_of(report)
    return {
        "name": name,
        "link": _module(name, folder),
        "opposed": name in outcome.row.contradicted_by,
        "statement": report.claim.statement,
        "verdict": str(report.verdict),
        "instances": len(report.tested),
        "quantity": report.claim.quantity,
        "claimed": f"[{low:.4g}, {high:.4g}]",
        "interval": f"[{lower:.4g}, {upper:.4g}]",
    }


def _figure(outcome: RowOutcome, name: str, folder: Path, figures: Path) -> dict[str, Any]:
    drawn = outcome.drawn[name]
    link = "" if drawn.complaints else os.path.relpath(figures / f"{name}.png", folder)
    return {"name": name, "link": link, "verdict": str(drawn.verdict), "complaints": drawn.complaints}


def _module(claim: str, folder: Path) -> str:
    """Path from the pages to the file of a claim's module."""
    module = plugins.module(CLAIMS, claim)
    spec = None if module is None else find_spec(module)
    return "" if spec is None or spec.origin is None else os.path.relpath(spec.origin, folder)


def _counts(rows: Iterable[RowOutcome]) -> dict[str, int]:
    """Count the rows with each verdict, in the order of first appearance."""
    return Counter("not tested" if outcome.verdict is None else str(outcome.verdict) for outcome in rows)


def _cell(text: str) -> str:
    """Escape characters with a meaning in Markdown tables."""
    return re.sub(r"([\\|*_<>`\[\]])", r"\\\1", " ".join(text.split()))
