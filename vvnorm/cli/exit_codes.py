"""Exit codes of commands."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vvnorm.claims import Verdict


OK, NOT_CERTIFIED, INCONCLUSIVE, USAGE, INTERRUPTED = 0, 1, 2, 64, 130
"""Certified or verified; refuted or not certified; neither; usage or bad input; stopped by the user."""


def exit_code(verdicts: "set[Verdict]") -> int:
    """Return 0 if all verdicts confirm, 1 if one refutes, 2 otherwise."""
    from vvnorm.claims import Verdict

    if verdicts & {Verdict.VIOLATED, Verdict.NOT_SUPPORTED}:
        return NOT_CERTIFIED
    return OK if verdicts and verdicts <= {Verdict.HOLDS, Verdict.SUPPORTED} else INCONCLUSIVE


def worst_exit_code(verdicts: "set[Verdict]", unusable: bool) -> int:
    """Return the exit code of verdicts; 64 if something could not be loaded, unless a verdict refutes."""
    code = exit_code(verdicts)
    return USAGE if unusable and code != NOT_CERTIFIED else code
