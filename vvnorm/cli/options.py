"""Options that several commands share."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class RepeatsPolicy(StrEnum):
    """Policies for different labels at one input."""

    error = "error"
    average = "average"
    first = "first"


class AuxiliaryName(StrEnum):
    """Limits of auxiliary outputs."""

    infinite = "infinite"


DataArgument = Annotated[
    str,
    typer.Argument(
        metavar="DATA", help="CSV or NPZ file, or builtin:diabetes (_age), builtin:linnerud.", show_default=False
    ),
]
XOption = Annotated[
    list[str] | None, typer.Option("--x", metavar="COL[,COL]", help="Input column(s); repeatable.", show_default=False)
]
YOption = Annotated[
    list[str] | None, typer.Option("--y", metavar="COL[,COL]", help="Label column(s); repeatable.", show_default=False)
]
SepOption = Annotated[
    str | None,
    typer.Option("--sep", metavar="CHAR", help="CSV: the field separator, such as ; or tab.", show_default="detected"),
]
DecimalOption = Annotated[
    str | None, typer.Option("--decimal", metavar="CHAR", help="CSV: the decimal mark, . or ,", show_default="detected")
]
EncodingOption = Annotated[
    str | None,
    typer.Option("--encoding", metavar="NAME", help="CSV: such as latin-1.", show_default="UTF-8, or detected"),
]
HeaderOption = Annotated[
    bool, typer.Option("--header/--no-header", help="CSV: whether the first line names the columns; else they are 1, 2, ..")
]
RepeatsOption = Annotated[RepeatsPolicy, typer.Option("--repeats", help="What to do with different labels at one input.")]
AuxOption = Annotated[int, typer.Option("--aux", metavar="M", min=0, help="Append M Gaussian auxiliary outputs.")]
SigmaOption = Annotated[float, typer.Option("--sigma", help="Standard deviation of the auxiliary outputs, in label units.")]
SeedOption = Annotated[int, typer.Option("--seed", min=0, help="Seed of all random numbers.")]
OutOption = Annotated[Path | None, typer.Option("--out", metavar="NET.npz", help="Save the network.", show_default=False)]
PlotOption = Annotated[
    Path | None, typer.Option("--plot", metavar="FILE", help="Draw to .pdf, .svg or .png.", show_default=False)
]
JsonOption = Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write all numbers.", show_default=False)]
TolOption = Annotated[float, typer.Option("--tol", help="Largest relative gap and residual that count as optimal.")]
SkipOption = Annotated[bool, typer.Option(help="Whether networks with a skip connection compete.")]
BiasOption = Annotated[bool, typer.Option("--penalise-bias", help="Put the biases inside the norm.")]
LimitOption = Annotated[
    float | None,
    typer.Option(
        metavar="SECONDS",
        help="Time limit of each solve: then take the best so far, with its bound. Proofs take at most as long.",
        show_default=False,
    ),
]
SaveOption = Annotated[Path | None, typer.Option(metavar="FILE.npz", help="Save the certificate made.", show_default=False)]
JobsOption = Annotated[
    int | None, typer.Option("--jobs", min=1, help="Processes; by default one for each core.", show_default=False)
]
SchedulerOption = Annotated[
    str | None, typer.Option("--scheduler", metavar="ADDRESS", help="Run on this Dask cluster.", show_default=False)
]
LossOption = Annotated[
    list[str] | None,
    typer.Option(
        "--loss",
        metavar="[COL=]NAME",
        help="squared, logistic, hinge, huber:DELTA or one-class:NU, of all outputs or of one; repeatable.",
        show_default=False,
    ),
]
