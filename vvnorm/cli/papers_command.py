"""`vvnorm papers`: verdicts on the statements and figures of papers."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vvnorm.cli.exit_codes import INTERRUPTED, OK, exit_code
from vvnorm.cli.inputs import check_outputs
from vvnorm.cli.jobs import execution
from vvnorm.cli.options import JobsOption, SeedOption
from vvnorm.cli.output import Progress, TextTable, say

if TYPE_CHECKING:
    from vvnorm.papers import Chosen, RowOutcome
    from vvnorm.papers.runner import PaperRun


def papers(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[PAPER[:ROW]]...", help="Papers such as MT, rows such as MT:theorem-3.1; all by default."),
    ] = None,
    listed: Annotated[bool, typer.Option("--list", help="List the rows, and run nothing.")] = False,
    quick: Annotated[bool, typer.Option("--quick", help="Few instances, small figures: about three minutes.")] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="DIR", help="Folder for a page of each paper in HTML and Markdown.", show_default=False
        ),
    ] = None,
    json: Annotated[Path | None, typer.Option(metavar="FILE.json", help="Write all numbers.", show_default=False)] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Resume an interrupted run from its results in --out DIR.")
    ] = False,
    seed: SeedOption = 0,
    jobs: JobsOption = None,
) -> int:
    """Test the statements and figures of papers; each row has a verdict from its claims and figures."""
    from vvnorm.papers import choose

    chosen = choose(names or ())
    if listed:
        return _list(chosen)
    check_outputs(json)
    if resume and not out:
        raise ValueError("--resume needs --out: results are kept in that folder")
    if out:
        from vvnorm.papers.pages import check_can_render

        check_can_render()
        _make_folder(out)
    run = _run_rows(chosen, out, seed=seed, quick=quick, jobs=jobs, resume=resume)
    if run is None:
        return INTERRUPTED
    outcomes = run.outcomes()
    if json:
        from vvnorm._internal.files import write_json

        write_json(json, {"seed": seed, "quick": quick, "rows": [outcome.to_json() for outcome in outcomes]})
    if out:
        from vvnorm.papers.pages import write_pages

        pages = write_pages(outcomes, out, out / "figures", seed=seed, quick=quick)
        say(f"{pages[len(pages) // 2 - 1]}, {pages[-1]}")
    _explain(run)
    verdicts = {report.verdict for report in run.reports.values()} | {drawn.counts_as for drawn in run.drawn.values()}
    return exit_code(verdicts) if verdicts else OK


def _list(chosen: "list[Chosen]") -> int:
    table = TextTable("row", "name", "what it says", "tested by")
    for paper, row in chosen:
        table.row(f"{paper.id}:{row.id}", row.name, row.says, ", ".join(row.tested_by) or f"not tested: {row.reason}")
    table.show()
    return OK


def _make_folder(folder: Path) -> None:
    try:
        (folder / "figures").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f"cannot make the folder {str(folder)!r}: {error.strerror}") from None


def _run_rows(
    chosen: "list[Chosen]", out: Path | None, *, seed: int, quick: bool, jobs: int | None, resume: bool
) -> "PaperRun | None":
    """Run claims and figures, show each row when it is decided, and return the run; None if it was interrupted."""
    from contextlib import ExitStack
    from tempfile import TemporaryDirectory

    from vvnorm.claims.results_file import Results
    from vvnorm.papers.runner import PaperRun

    names = [(f"{paper.id}:{row.id}", ", ".join(row.tested_by)) for paper, row in chosen]
    table = TextTable("row", "tested by", "verdict", show_now=names)

    def show(outcome: "RowOutcome") -> None:
        verdict = "not tested" if outcome.verdict is None else str(outcome.verdict)
        table.row(outcome.name, ", ".join(outcome.row.tested_by), verdict)

    run = PaperRun(chosen, seed=seed, quick=quick, ended=show)
    with ExitStack() as stack:
        results = stack.enter_context(Results(out / "results.sqlite")) if out else None
        if results and not resume:
            results.keep_only(())
        folder = out / "figures" if out else Path(stack.enter_context(TemporaryDirectory()))
        progress = stack.enter_context(Progress())
        where = execution(stack, run.instances + len(run.scripts), jobs, None)
        try:
            run.check_claims(results, progress=progress.counted("instances"), **where)
            run.draw(folder, progress=progress.counted("figures"), **where)
        except KeyboardInterrupt as stop:
            say(str(stop))
            return None
    return run


def _explain(run: "PaperRun") -> None:
    """Print claims and figures with unexpected outcomes; for a single row, print its claims and figures in full."""
    from vvnorm.papers.contract import interval_of

    for report in run.reports.values():
        if len(run.chosen) == 1:
            (low, high), (lower, upper) = report.claim.claimed, interval_of(report)
            say(f"{report.claim.id}: {report.verdict} on {len(report.tested)} instances: {report.claim.statement}")
            say(f"  {report.claim.quantity}: [{lower:.4g}, {upper:.4g}], claimed [{low:.4g}, {high:.4g}]")
        for outcome in report.outcomes:
            if not outcome.as_expected:
                why = "; ".join(outcome.complaints) or f"[{outcome.result.lower:.6g}, {outcome.result.upper:.6g}]"
                say(f"{report.claim.id}, {outcome.label}: {outcome.result.verdict}, not {outcome.expected}: {why}")
    for drawn in run.drawn.values():
        if drawn.complaints or len(run.chosen) == 1:
            say(f"figure {drawn.figure}: {'; '.join(drawn.complaints) or drawn.said}")
    if len(run.chosen) == 1 and run.chosen[0].row.differs:
        say(f"what differs: {run.chosen[0].row.differs}")
