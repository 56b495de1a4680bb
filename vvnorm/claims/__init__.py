"""Claims of the theory, their checks and their verdicts.

- `contract`: what a claim is (`Claim`) and what its check returns (`Result`);
- `rungs`: the kinds of evidence for a claim, from machine-checked to statistical;
- `verdict`: where the verdict on an instance is decided (`decide`);
- `case`: the instances of a run by name; each process draws them again;
- `check`: one case, or a whole claim, in this process;
- `report`: outcomes of all cases, and where the verdict on the whole claim is decided (`Report.verdict`);
- `runner`: many claims, over processes or a cluster;
- `results_file`: results and certificates on disk;
- `discovery`: claims that installed packages register.
"""

from vvnorm.claims.case import Case, cases, instance_of, instances
from vvnorm.claims.check import control_complaints, run_case, run_claim
from vvnorm.claims.contract import KINDS, Claim, Instance, Quick, Result, conclude, interval_complaints
from vvnorm.claims.discovery import GROUP, claim_names, load_claim
from vvnorm.claims.report import CaseOutcome, Report
from vvnorm.claims.results_file import load_outcomes
from vvnorm.claims.rungs import Rung, Undecided
from vvnorm.claims.verdict import Verdict, decide

__all__ = [
    "GROUP",
    "KINDS",
    "Case",
    "CaseOutcome",
    "Claim",
    "Instance",
    "Quick",
    "Report",
    "Result",
    "Rung",
    "Undecided",
    "Verdict",
    "cases",
    "claim_names",
    "conclude",
    "control_complaints",
    "decide",
    "instance_of",
    "instances",
    "interval_complaints",
    "load_claim",
    "load_outcomes",
    "run_case",
    "run_claim",
]
