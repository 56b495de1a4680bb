"""`vvnorm audit`: search for counterexamples to all claims, hypothesis by hypothesis, and to their variants."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vvnorm.cli.exit_codes import INCONCLUSIVE, INTERRUPTED, NOT_CERTIFIED, OK
from vvnorm.cli.inputs import check_outputs
from vvnorm.cli.jobs import execution
from vvnorm.cli.options import JobsOption, JsonOption, SeedOption
from vvnorm.cli.output import Progress, TextTable, say

if TYPE_CHECKING:
    from vvnorm.falsification.audit import AuditOutcome


def audit(
    claims: Annotated[list[str] | None, typer.Argument(metavar="[CLAIM]...", help="Claims; all by default.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Short searches: about a minute on two cores.")] = False,
    seed: SeedOption = 0,
    json: JsonOption = None,
    save: Annotated[
        Path | None,
        typer.Option("--save", metavar="FOLDER", help="Save each counterexample in this folder.", show_default=False),
    ] = None,
    jobs: JobsOption = None,
) -> int:
    """Search for counterexamples to claims, to claims without a hypothesis, and to variants.

    Exit code 0: all is as expected; 1: a claim or a true variant is refuted; 2: a hypothesis is not shown to be needed, or
    a false variant stands.
    """
    from contextlib import ExitStack

    from vvnorm._internal.files import write_json
    from vvnorm.falsification.audit import audit_rows, outcome_record, run_audit
    from vvnorm.falsification.discovery import nearest_claim

    check_outputs(json)
    if save and not save.is_dir():
        raise ValueError(f"save {str(save)!r} is not a folder")
    for name in claims or ():
        nearest_claim(name)
    rows = audit_rows(claims, quick=quick, seed=seed)
    table = TextTable("claim", "searched", "verdict", "why", show_now=[(row.claim, row.name) for row in rows])
    seen: list[AuditOutcome] = []

    def show(outcome: "AuditOutcome") -> None:
        seen.append(outcome)
        row, counterexample = outcome.row, outcome.counterexample
        searched = {"claim": "the claim", "hypothesis": f"without {row.name}", "variant": f"variant {row.name}"}[row.kind]
        table.row(row.claim, searched, outcome.verdict, outcome.explanation)
        if save and counterexample:
            counterexample.save(save / counterexample.file_name)
        if json:
            write_json(json, {"seed": seed, "complete": len(seen) == len(rows), "rows": list(map(outcome_record, seen))})

    with ExitStack() as stack:
        where = execution(stack, len(rows), jobs, None)
        progress = stack.enter_context(Progress()).counted("searches")
        try:
            outcomes = run_audit(rows, progress=progress, ended=show, **where)
        except KeyboardInterrupt as stop:
            say(str(stop))
            return INTERRUPTED
    _summarise(outcomes)
    return _exit_code(outcomes)


def _summarise(outcomes: "list[AuditOutcome]") -> None:
    hypotheses = [outcome for outcome in outcomes if outcome.row.kind == "hypothesis" and outcome.row.seconds]
    false = [outcome for outcome in outcomes if outcome.row.kind == "variant" and outcome.row.false]
    others = [outcome for outcome in outcomes if not outcome.row.false and outcome.row.seconds]
    needed = sum(outcome.counterexample is not None for outcome in hypotheses)
    fell = sum(outcome.counterexample is not None for outcome in false)
    stand = sum(outcome.as_expected for outcome in others)
    say(f"{needed} of {len(hypotheses)} hypotheses are needed, {fell} of {len(false)} false variants are refuted,")
    say(f"{stand} of {len(others)} claims and true variants stand.")
    skipped = sum(not outcome.row.seconds for outcome in outcomes)
    if skipped:
        say(f"{skipped} were not searched; without --quick they are.")


def _exit_code(outcomes: "list[AuditOutcome]") -> int:
    wrong = [outcome for outcome in outcomes if not outcome.as_expected]
    if any(outcome.counterexample for outcome in wrong):
        return NOT_CERTIFIED
    return INCONCLUSIVE if wrong else OK
