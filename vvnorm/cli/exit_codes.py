"""Exit codes: what a command tells the shell."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vvnorm.claims import Verdict


OK, NOT_CERTIFIED, INCONCLUSIVE, USAGE, INTERRUPTED = 0, 1, 2, 64, 130
"""Certified or verified; refuted or not certified; neither; usage or bad input; stopped by the user."""


def exit_code(verdicts: "set[Verdict]") -> int:
    """0 if all are confirmed, 1 if one is refuted, 2 for anything else."""
    from vvnorm.claims import Verdict

    if verdicts & {Verdict.VIOLATED, Verdict.NOT_SUPPORTED}:
        return NOT_CERTIFIED
    return OK if verdicts and verdicts <= {Verdict.HOLDS, Verdict.SUPPORTED} else INCONCLUSIVE


def worst_exit_code(verdicts: "set[Verdict]", unusable: bool) -> int:
    """Exit code of verdicts, and of something that could not be used."""
    code = exit_code(verdicts)
    return USAGE if unusable and code != NOT_CERTIFIED else code
