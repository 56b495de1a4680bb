"""`vvnorm verify`: check claims."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vvnorm._internal.words import count
from vvnorm.cli.exit_codes import INTERRUPTED, NOT_CERTIFIED, worst_exit_code
from vvnorm.cli.formal_proofs import check_formal_proofs
from vvnorm.cli.inputs import check_outputs
from vvnorm.cli.jobs import execution, load_usable
from vvnorm.cli.options import JobsOption, SchedulerOption, SeedOption
from vvnorm.cli.output import Progress, TextTable, file_size, say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vvnorm.claims import Case, Claim, Report


def verify(
    claims: Annotated[list[str] | None, typer.Argument(metavar="[CLAIM]...", help="Claims; all by default.")] = None,
    draws: Annotated[int | None, typer.Option(min=1, help="Instances per claim.", show_default=False)] = None,
    seed: SeedOption = 0,
    quick: Annotated[bool, typer.Option("--quick", help="Few instances: one to two minutes on two cores.")] = False,
    json: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.json", help="Write all numbers, certificates to FILE.certificates.sqlite.", show_default=False
        ),
    ] = None,
    jobs: JobsOption = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Resume an interrupted run from its results beside --json.")
    ] = False,
    scheduler: SchedulerOption = None,
    exact: Annotated[
        bool, typer.Option("--exact", help="Decide each instance in rational numbers, too, where its claim can.")
    ] = False,
    formal: Annotated[
        bool, typer.Option("--formal", help="Check the Coq proofs of theorems on one input instead; needs Coq.")
    ] = False,
) -> int:
    """Check claims of the theory on random and on real data, with certificates."""
    if formal:
        if claims or draws or quick or json or jobs or resume or scheduler or exact:
            raise ValueError("--formal checks the Coq proofs, not claims: it goes with no claim and no other option")
        return check_formal_proofs()

    from contextlib import ExitStack

    from vvnorm._internal.environment import environment
    from vvnorm._internal.files import write_json
    from vvnorm.claims import cases, claim_names, load_claim
    from vvnorm.claims.results_file import Results, kept_beside
    from vvnorm.claims.runner import run_claims

    check_outputs(json)
    if resume and not json:
        raise ValueError("--resume needs --json: results are kept beside that file")

    def planned(name: str) -> "tuple[Claim, list[Case]]":
        claim = load_claim(name)
        return claim, cases(claim, draws or (claim.quick_draws if quick else claim.draws), seed, quick)

    plan, unusable = load_usable(planned, claims or claim_names())
    names = [(claim.id, ", ".join(claim.hypotheses)) for claim, _ in plan]
    decided = ["decided in rationals"] if exact else []
    table = TextTable("claim", "hypotheses", "draws", "worst margin", "verdict", *decided, "seconds", show_now=names)

    def show(report: "Report") -> None:
        margin, seconds = f"{report.worst_margin:.3g}", f"{report.seconds:.1f}"
        name, hypotheses = report.claim.id, ", ".join(report.claim.hypotheses)
        proved = [_proved(report)] if exact else []
        table.row(name, hypotheses, str(len(report.tested)), margin, str(report.verdict), *proved, seconds)

    files = None if json is None or (json.exists() and not json.is_file()) else kept_beside(json)
    with ExitStack() as stack:
        results = stack.enter_context(Results(files[0])) if files else None
        if results and not resume:
            results.keep_only(())
        where = execution(stack, sum(len(part) for _, part in plan), jobs, scheduler)
        progress = stack.enter_context(Progress()).counted("instances")
        try:
            reports = run_claims(plan, exact=exact, results=results, progress=progress, ended=show, **where)
        except KeyboardInterrupt as stop:
            say(str(stop))
            return INTERRUPTED
        _explain(reports)
        if exact:
            _explain_exact(reports)
        if json:
            made = {"seed": seed, "quick": quick, "environment": environment()}
            write_json(json, {**made, "claims": [report.to_json() for report in reports]})
        if json and files and results:
            results.finish(files[1])
            say(f"{json} has {file_size(json)}, {files[1]} with the certificates {file_size(files[1])}")
    if any(report.contradicted for report in reports):
        return NOT_CERTIFIED
    return worst_exit_code({report.verdict for report in reports}, unusable)


def _proved(report: "Report") -> str:
    """How many of the instances that meet the hypotheses exact arithmetic confirms."""
    if report.claim.exact is None:
        return "not exact"
    return f"PROVED {len(report.proved)} of {len(report.tested)}"


def _explain_exact(reports: "Sequence[Report]") -> None:
    """Say why instances were not decided in rational numbers, with the number of instances for each reason."""
    for report in reports:
        if report.claim.exact is None:
            say(f"{report.claim.id} is not decided exactly: {report.claim.not_exact or 'it has no exact check'}")
            continue
        reasons = Counter(outcome.exact["undecided"] for outcome in report.outcomes if "undecided" in outcome.exact)
        for reason, times in reasons.items():
            say(f"{report.claim.id}, {count(times, 'instance')} not decided exactly: {reason}")
    say("PROVED means: on that many instances rational arithmetic encloses the tested quantity in the claimed interval.")


def _explain(reports: "Sequence[Report]") -> None:
    """Print the outcomes that differ from the expected ones, and the meaning of verdicts."""
    for report in reports:
        for outcome in report.outcomes:
            if not outcome.as_expected:
                reason = "; ".join(outcome.complaints) or f"[{outcome.result.lower:.6g}, {outcome.result.upper:.6g}]"
                say(f"{report.claim.id}, {outcome.label}: {outcome.result.verdict}, not {outcome.expected}: {reason}")
    say("HOLDS means: checked on that many instances, each with a certificate that an independent verifier accepted.")
    if any(report.claim.statistical for report in reports):
        say("SUPPORTED means: each is an experiment whose confidence interval lies inside the claimed one.")
