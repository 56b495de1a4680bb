"""`vvnorm summary`: compare the runs of a study, with intervals and verdicts."""

from pathlib import Path
from typing import Annotated

import typer

from vvnorm.cli.exit_codes import OK
from vvnorm.cli.output import TextTable, say


def summary(
    store: Annotated[Path, typer.Argument(metavar="STORE.sqlite", help="A study's store.", show_default=False)],
    measure: Annotated[str, typer.Option(metavar="NAME", help="The measure whose lines are shown.")] = "mean_gradient",
    estimated: Annotated[
        float | None,
        typer.Option(metavar="GAP", help="Runs count by estimates of their gap, not by certificates.", show_default=False),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE.csv", help="Write the lines of all measures.", show_default=False)
    ] = None,
) -> int:
    """Summarise the runs of a study: ratios to runs without auxiliary outputs, trends in their number, and verdicts."""
    from vvnorm.studies.store import load_code, load_rows
    from vvnorm.studies.summary import MEASURES, summarise, write_lines

    if measure not in MEASURES:
        raise ValueError(f"--measure {measure!r} is not one of {', '.join(MEASURES)}")
    if estimated is not None and not estimated > 0:
        raise ValueError(f"--estimated must be positive, got {estimated}")
    rows = load_rows(store)
    lines = summarise(rows, measures=MEASURES if out else (measure,), estimated=estimated)
    table = TextTable("solver", "target", "d", "labels", "sigma", "m", "n", "ratio", "interval", "verdict")
    for line in lines:
        if line["measure"] == measure:
            m = "trend" if line["kind"] == "trend" else f"{line['auxiliary']:g}"
            named = [str(line[name]) for name in ("solver", "target", "inputs", "labels", "sigma")]
            has_ratio = line["ratio"] is not None
            ratio = f"{line['ratio']:.4f}" if has_ratio else ""
            interval = f"[{line['low']:.4f}, {line['high']:.4f}]" if has_ratio else ""
            table.row(*named, m, str(line["n"]), ratio, interval, str(line["verdict"] or ""))
    table.show()
    if not rows:
        say("no run is done yet")
    elif estimated is None and not any(row["accepted"] for row in rows):
        say("no run has a certificate that was accepted; --estimated GAP lets runs count by estimates of their gap")
    if out:
        write_lines(out, lines, code=load_code(store))
    return OK
