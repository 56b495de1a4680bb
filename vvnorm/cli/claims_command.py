"""`vvnorm claims`: list claims, or show one."""

from typing import Annotated

import typer

from vvnorm.cli.exit_codes import OK, USAGE
from vvnorm.cli.jobs import load_usable
from vvnorm.cli.output import TextTable, say_wrapped


def list_claims(
    show: Annotated[str | None, typer.Option("--show", metavar="CLAIM", help="Show one claim in full.")] = None,
) -> int:
    """List the claims, or show one in full. On a terminal, statements are cut to one line."""
    from vvnorm.claims import claim_names, load_claim

    if show is None:
        table = TextTable("claim", "statement", "source")
        chosen, unusable = load_usable(load_claim, claim_names())
        for claim in chosen:
            table.row(claim.id, claim.statement, claim.source)
        table.show(one_line=True)
        return USAGE if unusable else OK
    claim = load_claim(show)
    low, high = claim.claimed
    say_wrapped(f"{claim.id} ({claim.kind}): {claim.statement}\nsource: {claim.source}")
    say_wrapped(f"tested: {claim.quantity}, claimed to lie in [{low:.6g}, {high:.6g}]")
    for name in claim.hypotheses:
        verdict, why = claim.on_violation[name]
        say_wrapped(f"hypothesis {name}; without it: {verdict}, {why}")
    for rung, rests_on in claim.belief().items():
        say_wrapped(f"{rung}: {rests_on}")
    if claim.not_exact:
        say_wrapped(f"not decided exactly: {claim.not_exact}")
    return OK
