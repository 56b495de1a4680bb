"""The catalogue of all claims in Markdown, written from the claims themselves.

`python -m proofs_checks.catalogue > docs/claims.md` renews the committed page; `tests/test_readme.py` compares the two.
"""

import inspect
import re
import sys
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import proofs_checks
from vvnorm.claims import Claim, claim_names, load_claim

_INTRODUCTION = """\
# Claims

Written by `python -m proofs_checks.catalogue` from the modules of `proofs_checks/`; do not edit. `vvnorm verify CLAIM`
checks a claim. [verification.md](verification.md) explains verdicts and how to add a claim.

**Notation.** A network has d inputs, T outputs and K neurons: f(x) = sum_k v_k relu(w_k.x + b_k) + A x + c. Its VV norm is
VV(f) = sum_k ‖w_k‖ ‖v_k‖. There are N data points. With one input, f_D is connect-the-dots, the piecewise linear
interpolant; delta_i is its change of slope at point i, and R(D) = sum_i ‖delta_i‖ its cost. An *aligned run* is a stretch
of neighbouring points whose delta_i are non-zero and point the same way. A *minimiser* is an interpolating network of least
VV norm.

**What to believe.** Evidence comes in four kinds, here called rungs, strongest first:

- *machine-checked*: Coq has checked a proof for all instances; where it proves a part of the statement only, that is said;
- *proved per instance* (`vvnorm verify --exact`): rational arithmetic encloses the tested quantity of each instance;
- *certified in floating point*: float64 encloses the tested quantity, and other code computes the interval again;
- *statistical*: a confidence interval.

A claim may stand on several rungs. For each it names the files that one has to trust. These files rest on Python; those of
the last two rungs also rest on NumPy, SciPy, Numba and the processor.
"""

_HEADS = (
    r"^(Claim|Hypothes[ie]s|Source|Vector form|Why|What holds|What breaks|Near misses|Experiment|Certificate"
    r"|Why matchings suffice)\."
)


def catalogue() -> str:
    """Return the page: an overview of all claims, and a section for each."""
    ours = {module.name for module in iter_modules(proofs_checks.__path__)}
    claims = [load_claim(name) for name in sorted(ours.intersection(claim_names()))]
    overview = [
        f"| [{claim.id}](#{claim.id}) | {_cell(claim.statement)} | {claim.confirmed} | {', '.join(claim.rungs)} |"
        for claim in claims
    ]
    table = "\n".join(["| claim | statement | expected | stands on |", "|---|---|---|---|", *overview])
    return "\n".join([_INTRODUCTION, table, *map(_section, claims)])


def _section(claim: Claim) -> str:
    low, high = claim.claimed
    shorter = "; shorter ones" if claim.quick.draw or claim.quick.violate else ""
    instances = f"{claim.draws} drawn ({claim.quick_draws} with `--quick`{shorter}), {len(claim.examples())} from real data"
    rows = [
        ("statement", claim.statement),
        ("source", claim.source),
        ("kind", claim.kind),
        ("tested quantity", claim.quantity),
        ("claimed interval", f"[{low:.6g}, {high:.6g}]"),
        ("instances", instances),
        ("expected verdict", str(claim.confirmed)),
        *(_broken(claim, hypothesis) for hypothesis in claim.hypotheses),
        *claim.belief().items(),
        *([("not decided exactly", claim.not_exact)] if claim.not_exact else []),
    ]
    table = [f"| {name} | {_cell(text)} |" for name, text in rows]
    return "\n".join(["", f"## {claim.id}", "", *_formula(claim), "| | |", "|---|---|", *table, "", _prose(claim)])


def _formula(claim: Claim) -> list[str]:
    return [f"$${claim.formula}$$", ""] if claim.formula else []


def _broken(claim: Claim, hypothesis: str) -> tuple[str, str]:
    verdict, why = claim.on_violation[hypothesis]
    kept = Path(proofs_checks.__file__).parent / "counterexamples" / f"{claim.id}--without-{hypothesis}.json"
    needed = f"; needed: counterexample `{kept.name}`" if kept.exists() else ""
    return f"without `{hypothesis}`", f"{verdict}: {why}{needed}"


def _prose(claim: Claim) -> str:
    """The docstring of the claim's module, with the first word of each part in bold."""
    text = inspect.getdoc(import_module(f"proofs_checks.{claim.id}")) or ""
    return re.sub(_HEADS, r"**\1.**", _norms(text), flags=re.MULTILINE).replace("<", r"\<")


def _cell(text: str) -> str:
    return _norms(text).replace("|", r"\|")


def _norms(text: str) -> str:
    return text.replace("||", "‖")


if __name__ == "__main__":
    sys.stdout.write(catalogue() + "\n")
