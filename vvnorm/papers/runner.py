"""Runs the claims and figures of some rows; each runs once, even if it tests several rows."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from vvnorm.claims.case import cases
from vvnorm.claims.discovery import load_claim
from vvnorm.claims.report import Report
from vvnorm.claims.results_file import Results
from vvnorm.claims.runner import run_claims
from vvnorm.papers.contract import RowOutcome
from vvnorm.papers.discovery import Chosen
from vvnorm.plotting.runner import Drawn, draw_figures
from vvnorm.plotting.scripts import FigureScript, load_figure

QUICK_DRAWS = 4
"""Most instances of a claim in a quick run: claims together then take about two minutes on two cores."""


class PaperRun:
    """The claims and figures of some rows, in the order in which rows name them first.

    Parameters
    ----------
    chosen : sequence of Chosen
        The rows.
    seed : int
        Of all draws and figures.
    quick : bool
        Draw few instances and small figures.
    ended : callable
        Called with the outcome of each row when its last claim or figure has ended; rows without a test come first.
    """

    def __init__(self, chosen: Sequence[Chosen], *, seed: int, quick: bool, ended: Callable[[RowOutcome], None]) -> None:
        self.chosen, self.seed, self.quick, self.ended = chosen, seed, quick, ended
        claims = dict.fromkeys(name for _, row in chosen for name in (*row.claims, *row.contradicted_by))
        loaded = [load_claim(name) for name in claims]
        self.plan = [(claim, cases(claim, self._draws(claim.quick_draws, claim.draws), seed, quick)) for claim in loaded]
        figures = dict.fromkeys(name for _, row in chosen for name in row.figures)
        self.scripts: list[FigureScript] = [load_figure(name) for name in figures]
        self.reports: dict[str, Report] = {}
        self.drawn: dict[str, Drawn] = {}
        self._waiting = list(chosen)

    def _draws(self, quick: int, full: int) -> int:
        return min(quick, QUICK_DRAWS) if self.quick else full

    @property
    def instances(self) -> int:
        """Number of instances of all claims."""
        return sum(len(part) for _, part in self.plan)

    def check_claims(self, results: Results | None, **where: Any) -> None:
        """Check the claims; `where` has options of `vvnorm.studies.execute.run_jobs`."""
        self._tell()
        run_claims(self.plan, results=results, ended=self._take_report, **where)

    def draw(self, folder: Path, **where: Any) -> None:
        """Draw the figures to a folder; `where` has options of `vvnorm.studies.execute.run_jobs`."""
        draw_figures(self.scripts, folder, seed=self.seed, quick=self.quick, ended=self._take_figure, **where)

    def outcomes(self) -> list[RowOutcome]:
        """Return the outcomes of all rows, in their order, once everything has ended."""
        return [RowOutcome(paper, row, self.reports, self.drawn) for paper, row in self.chosen]

    def _take_report(self, report: Report) -> None:
        self.reports[report.claim.id] = report
        self._tell()

    def _take_figure(self, drawn: Drawn) -> None:
        self.drawn[drawn.figure] = drawn
        self._tell()

    def _tell(self) -> None:
        there = {*self.reports, *(f"figure {name}" for name in self.drawn)}
        waiting = []
        for paper, row in self._waiting:
            needed = {*row.claims, *row.contradicted_by, *(f"figure {name}" for name in row.figures)}
            if needed <= there:
                self.ended(RowOutcome(paper, row, self.reports, self.drawn))
            else:
                waiting.append(Chosen(paper, row))
        self._waiting = waiting
