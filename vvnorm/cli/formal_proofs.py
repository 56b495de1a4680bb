"""The machine-checked proofs, for `vvnorm verify --formal`."""

import subprocess
import sys

from vvnorm.cli.exit_codes import INCONCLUSIVE, NOT_CERTIFIED, OK
from vvnorm.cli.output import say

CHECKER = "proofs_checks.formal.check"
"""The program that compiles the Coq proofs. It imports nothing of vvnorm, and runs in a process of its own."""

_EXIT_CODES = {0: OK, 69: INCONCLUSIVE}


def check_formal_proofs() -> int:
    """Let Coq check the proofs, show what the checker prints, and return the exit code; 2 if Coq is not installed."""
    command = [sys.executable, "-P", "-m", CHECKER]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as checker:
        for line in checker.stdout or ():
            say(line.rstrip("\n"))
    return _EXIT_CODES.get(checker.returncode, NOT_CERTIFIED)
