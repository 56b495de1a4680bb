"""Falsification: the search for counterexamples to claims, to claims without a hypothesis, and to variants of claims.

- `data`: data in rational numbers, and their form in JSON;
- `statement`: statements to refute (`Statement`), decisions on single data (`Decision`), variants of claims (`Variant`);
- `spaces`: small data, which are enumerated, and random data;
- `strategies`: data drawn through Hypothesis, where it is installed;
- `shrinking`: the smallest readable counterexample;
- `counterexample`: counterexamples as files that are read and decided again;
- `discovery`: variants that installed packages register;
- `search`: `falsify`;
- `audit`: the search for all claims, hypotheses and variants.

A counterexample meets the hypotheses (except for a dropped one), and the conclusion is decided to fail: in rational
arithmetic, by a certified interval that an independent recheck accepts, or by a confidence interval.
"""

from vvnorm.falsification.audit import AuditRow, audit_rows, run_audit
from vvnorm.falsification.counterexample import Counterexample, load_counterexample
from vvnorm.falsification.discovery import GROUP, load_variant, variant_names
from vvnorm.falsification.search import Effort, Falsification, falsify
from vvnorm.falsification.spaces import DataSpace, LineSpace, ListedSpace, Shell
from vvnorm.falsification.statement import Basis, Decision, Statement, Variant

__all__ = [
    "GROUP",
    "AuditRow",
    "Basis",
    "Counterexample",
    "DataSpace",
    "Decision",
    "Effort",
    "Falsification",
    "LineSpace",
    "ListedSpace",
    "Shell",
    "Statement",
    "Variant",
    "audit_rows",
    "falsify",
    "load_counterexample",
    "load_variant",
    "run_audit",
    "variant_names",
]
