"""`vvnorm falsify`: search for a counterexample."""

from pathlib import Path
from typing import Annotated

import typer

from vvnorm.cli.exit_codes import INCONCLUSIVE, NOT_CERTIFIED
from vvnorm.cli.inputs import check_outputs
from vvnorm.cli.options import SeedOption
from vvnorm.cli.output import Progress, say


def falsify_claim(
    claim: Annotated[str, typer.Argument(metavar="CLAIM", help="The claim.", show_default=False)],
    drop: Annotated[
        str | None, typer.Option("--drop", metavar="HYPOTHESIS", help="Leave out this hypothesis.", show_default=False)
    ] = None,
    variant: Annotated[
        str | None, typer.Option("--variant", metavar="NAME", help="Search this variant instead.", show_default=False)
    ] = None,
    seconds: Annotated[float, typer.Option("--seconds", metavar="S", help="How long to search.")] = 60.0,
    seed: SeedOption = 0,
    save: Annotated[
        Path | None,
        typer.Option("--save", metavar="FILE.json", help="Save the counterexample as data.", show_default=False),
    ] = None,
) -> int:
    """Search for the smallest counterexample to a claim, to it without a hypothesis, or to a variant of it.

    Exit code 1: refuted; 2: no counterexample was seen.
    """
    from vvnorm.falsification import falsify

    check_outputs(save)
    with Progress() as progress:
        advance = progress.rounds("families of small data")
        rounds = iter(range(10**9))
        result = falsify(
            claim,
            drop=drop,
            variant=variant,
            seconds=seconds,
            seed=seed,
            callback=lambda _: advance(next(rounds), 0.0, 0.0),
        )
    say(result.text)
    say(str(result))
    if result.counterexample is None:
        return INCONCLUSIVE
    if save:
        result.counterexample.save(save)
    return NOT_CERTIFIED
