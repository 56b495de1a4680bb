"""`vvnorm figures`: compute, verify and draw the figures."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vvnorm.cli.exit_codes import INTERRUPTED, NOT_CERTIFIED, worst_exit_code
from vvnorm.cli.inputs import check_outputs
from vvnorm.cli.jobs import execution, load_usable
from vvnorm.cli.options import JobsOption, SeedOption
from vvnorm.cli.output import Progress, say

if TYPE_CHECKING:
    from vvnorm.plotting.runner import Drawn


def figures(
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="Figures; all by default.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Smaller computations.")] = False,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for pictures, numbers and captions.")] = Path(
        "figures_out"
    ),
    seed: SeedOption = 0,
    jobs: JobsOption = None,
    json: Annotated[
        Path | None,
        typer.Option(metavar="FILE.json", help="Write statements and verdicts of the figures drawn.", show_default=False),
    ] = None,
    style: Annotated[
        str, typer.Option(metavar="NAME", help="Look: screen; or paper, neurips, iclr, icml, aistats, jmlr, ieee.")
    ] = "screen",
) -> int:
    """Compute, verify and draw the figures."""
    from contextlib import ExitStack

    from vvnorm._internal.environment import environment
    from vvnorm._internal.files import write_json
    from vvnorm.plotting import figure_names, load_figure
    from vvnorm.plotting.canvas import as_style
    from vvnorm.plotting.runner import draw_figures

    check_outputs(json)
    as_style(style)
    scripts, unusable = load_usable(load_figure, names or figure_names())
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f"cannot make the folder {str(out)!r}: {error.strerror}") from None

    def show(drawn: "Drawn") -> None:
        if drawn.complaints:
            say("\n".join(f"{drawn.figure} is not drawn: {complaint}" for complaint in drawn.complaints))
        else:
            say(f"{drawn.figure}: {drawn.said}; {out / drawn.figure}.pdf, .svg and .png")

    with ExitStack() as stack:
        where = execution(stack, len(scripts), jobs, None)
        progress = stack.enter_context(Progress()).counted("figures")
        try:
            drawings = draw_figures(
                scripts, out, seed=seed, quick=quick, look=style, progress=progress, ended=show, **where
            )
        except KeyboardInterrupt:
            return INTERRUPTED
    if json:
        in_order = sorted(drawings, key=lambda drawn: [script.id for script in scripts].index(drawn.figure))
        made = {"seed": seed, "quick": quick, "style": style, "environment": environment()}
        write_json(json, {**made, "figures": [drawn.to_json() for drawn in in_order]})
    if any(drawn.complaints for drawn in drawings):
        return NOT_CERTIFIED
    return worst_exit_code({drawn.counts_as for drawn in drawings}, unusable)
