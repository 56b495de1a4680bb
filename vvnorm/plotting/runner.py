"""Draws many figures in several processes."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from vvnorm import plotting
from vvnorm.claims.verdict import Verdict
from vvnorm.plotting.scripts import FigureScript
from vvnorm.studies.execute import run_jobs
from vvnorm.studies.store import code_version


@dataclass(frozen=True)
class FigureJob:
    """A figure to draw, with the folder for its files."""

    figure: str
    folder: Path
    seed: int
    quick: bool
    look: str = "screen"

    def key(self, code: str) -> str:
        """Return the name of the figure."""
        return self.figure


@dataclass(frozen=True)
class Drawn:
    """The outcome of a figure script.

    Attributes
    ----------
    figure, statement, caption : str
        The figure's name, its statement, and the description of its panels; formulas between dollar signs.
    verdict : Verdict
    expected : Verdict or None
        None: any verdict that confirms the figure's statement.
    complaints : list of str
        Reasons why the figure was not drawn; empty if it was drawn.
    seconds : float
        Computing time.
    """

    figure: str
    statement: str
    caption: str
    verdict: Verdict
    expected: Verdict | None
    complaints: list[str]
    seconds: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """Return it in plain values for JSON."""
        return asdict(self) | {"verdict": str(self.verdict), "expected": self.expected and str(self.expected)}

    @property
    def counts_as(self) -> Verdict:
        """The verdict. If a verdict is expected: SUPPORTED if the verdict is as expected, else NOT_SUPPORTED."""
        if self.expected is None:
            return self.verdict
        return Verdict.SUPPORTED if self.verdict is self.expected else Verdict.NOT_SUPPORTED

    @property
    def said(self) -> str:
        """The verdict in words."""
        if self.expected is None:
            return str(self.verdict)
        return f"{self.verdict}, as expected" if self.verdict is self.expected else f"{self.verdict}, not {self.expected}"


def draw_job(job: FigureJob) -> Drawn:
    """Draw one figure in this process."""
    script = plotting.load_figure(job.figure)
    data = plotting.draw_figure(script, job.folder, seed=job.seed, quick=job.quick, look=job.look)
    expected = script.expected_quick if job.quick else script.expected
    return Drawn(job.figure, script.statement, script.caption, data.verdict, expected, data.complaints)


class FigureLedger:
    """The outcomes of several figures: the ledger that `run_jobs` fills."""

    advice = ""

    def __init__(self, ended: Callable[[Drawn], None]) -> None:
        self.code, self.ended = code_version(), ended
        self.drawn: list[Drawn] = []

    def finished(self) -> Sequence[str]:
        """Return no names: figures are always drawn anew."""
        return ()

    def add(self, job: FigureJob, outcome: Drawn, seconds: float, worker: str) -> None:
        """Keep the outcome of a figure."""
        self.drawn.append(replace(outcome, seconds=seconds))
        self.ended(self.drawn[-1])

    def add_failure(self, job: FigureJob, error: str, traceback: str, seconds: float, worker: str) -> None:
        """Count a figure whose script raised an error as inconclusive."""
        self.add(job, Drawn(job.figure, "", "", Verdict.INCONCLUSIVE, None, [f"it failed: {error}"]), seconds, worker)


def draw_figures(
    scripts: Sequence[FigureScript],
    folder: Path,
    *,
    seed: int = 0,
    quick: bool = False,
    look: str = "screen",
    ended: Callable[[Drawn], None] = lambda drawn: None,
    **where: Any,
) -> list[Drawn]:
    """Draw figures as `vvnorm.plotting.draw_figure` does; `where` has options of `vvnorm.studies.execute.run_jobs`."""
    ledger = FigureLedger(ended)
    run_jobs([FigureJob(script.id, folder, seed, quick, look) for script in scripts], ledger, perform=draw_job, **where)
    return ledger.drawn
