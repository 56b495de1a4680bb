"""`vvnorm report`: one HTML file about all claims, or about one data set."""

from pathlib import Path
from typing import Annotated

import typer

from vvnorm.cli import options as shared
from vvnorm.cli.exit_codes import INTERRUPTED, NOT_CERTIFIED, OK
from vvnorm.cli.figures_command import figures
from vvnorm.cli.inputs import load_data
from vvnorm.cli.output import file_size, say
from vvnorm.cli.verify_command import verify
from vvnorm.csv_files import CsvFormat

DataArgument = Annotated[
    str | None, typer.Argument(metavar="[DATA]", help="CSV or NPZ file; by default the report is on the theory.")
]
ResultsOption = Annotated[
    Path, typer.Option("--results", metavar="DIR", help="Results of verify and figures; missing ones are computed there.")
]
ReportOption = Annotated[Path, typer.Option("--out", metavar="FILE.html", help="The page.")]
QuickOption = Annotated[bool, typer.Option("--quick", help="Compute missing results with few instances.")]
LamOption = Annotated[float | None, typer.Option(help="Fit with this lam; by default interpolate.", show_default=False)]
NetworksOption = Annotated[int, typer.Option("--seeds", min=0, help="Networks to train on the data.")]
StepsOption = Annotated[int, typer.Option(min=1, help="Steps of training.")]


def report(
    data: DataArgument = None,
    x: shared.XOption = None,
    y: shared.YOption = None,
    sep: shared.SepOption = None,
    decimal: shared.DecimalOption = None,
    encoding: shared.EncodingOption = None,
    header: shared.HeaderOption = True,
    lam: LamOption = None,
    aux: shared.AuxOption = 0,
    sigma: shared.SigmaOption = 1.0,
    seeds: NetworksOption = 4,
    steps: StepsOption = 5000,
    repeats: shared.RepeatsOption = shared.RepeatsPolicy.error,
    time_limit: shared.LimitOption = None,
    results: ResultsOption = Path("out"),
    quick: QuickOption = False,
    seed: shared.SeedOption = 0,
    jobs: shared.JobsOption = None,
    out: ReportOption = Path("report.html"),
) -> int:
    """Write one HTML file on all claims and figures, or on your own data."""
    _check_output(out)
    if data is None:
        return _on_theory(results, out, quick, seed, jobs)
    from vvnorm.reporting.dataset import data_report
    from vvnorm.reporting.page import render, write

    csv = CsvFormat(sep, decimal, encoding, header)
    dataset = load_data(data, x, y, csv, aux, sigma, seed, repeats, fit=lam is not None)
    made = data_report(dataset, Path(data).name, lam=lam, seeds=seeds, steps=steps, seed=seed, time_limit=time_limit)
    write(out, render("data.html", made))
    say("\n".join(made.sentences))
    say(f"{out} has {file_size(out)}")
    return OK if made.verification else NOT_CERTIFIED


def _check_output(out: Path) -> None:
    if out.suffix not in (".html", ".htm"):
        raise ValueError(f"--out must end in .html, got {str(out)!r}")
    if not out.absolute().parent.is_dir():
        raise ValueError(f"cannot write {str(out)!r}: the folder does not exist")


def _on_theory(results: Path, out: Path, quick: bool, seed: int, jobs: int | None) -> int:
    """Compute missing results into the folder, then write the page."""
    from vvnorm._internal.words import count
    from vvnorm.reporting.page import render, write
    from vvnorm.reporting.theory import theory_report

    results.mkdir(parents=True, exist_ok=True)
    record, drawings = results / "verify.json", results / "figures.json"
    if not record.exists() and verify(seed=seed, quick=quick, json=record, jobs=jobs, resume=True) == INTERRUPTED:
        return INTERRUPTED
    if not drawings.exists() and figures(None, quick, results / "figures", seed, jobs, drawings) == INTERRUPTED:
        return INTERRUPTED
    content = theory_report(results)
    write(out, render("theory.html", content))
    unexpected = len(content.unconfirmed) + sum(not card.as_expected for card in content.figures)
    shown = f"{count(len(content.claims), 'claim')}, {count(len(content.figures), 'figure')}"
    say(f"{out} has {file_size(out)}: {shown}, {unexpected} not as expected")
    return NOT_CERTIFIED if unexpected else OK
