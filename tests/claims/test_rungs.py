"""The evidence that claims state is real: theorems exist, exact decisions decide, the trusted files run."""

import ast
import json
import math
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pytest
from commands import runner

from proofs_checks.formal import check as formal
from vvnorm import Verdict
from vvnorm.claims import Claim, Rung, Undecided, cases, claim_names, instance_of, load_claim, run_claim
from vvnorm.claims.check import decide_exactly
from vvnorm.claims.rungs import enclosed

ROOT = Path(__file__).parents[2]
CLAIMS = claim_names()
EXACT = [name for name in CLAIMS if load_claim(name).exact]
SLOW = {
    "trained_networks", "trained_balance", "kernel_regime", "kinks_through_data", "error_at_test_points", "output_distance",
    "representation_distance", "smoothness_in_m", "smoothness_in_sigma", "smoothness_mean_gradient", "interval_coverage",
    "mgda_bound", "two_squares", "recovered_teachers", "multivariate_uniqueness",
}  # fmt: skip
PROPOSES = ("vvnorm/_internal/", "vvnorm/api/", "vvnorm/results/", "vvnorm/solvers/", "vvnorm/claims/rungs.py")
"""Code whose results are checked by other code, so that it need not be trusted; but `certify` passes them on."""


@pytest.fixture(params=CLAIMS)
def claim(request: pytest.FixtureRequest) -> Claim:
    return load_claim(request.param)


def test_every_claim_names_what_has_to_be_trusted(claim: Claim) -> None:
    assert set(claim.trusted) == set(claim.rungs)
    assert (Rung.STATISTICAL in claim.rungs) is claim.statistical
    for files in claim.trusted.values():
        assert files
        assert [file for file in files if not (ROOT / file).is_file()] == []


def test_theorems_are_stated_proved_and_examined() -> None:
    named = {theorem for name in CLAIMS for theorem in load_claim(name).theorems}
    assert named
    assert named <= set(formal.stated_theorems())
    assert formal.unchecked_theorems() == []


def test_a_claim_says_why_it_is_not_decided_exactly_just_if_it_is_not(claim: Claim) -> None:
    assert (claim.exact is None) is bool(claim.not_exact)


@pytest.mark.parametrize("name", EXACT)
def test_instances_are_decided_exactly(name: str) -> None:
    """Drawn instances that meet the hypotheses are proved; those that break one are refuted, if they are decided."""
    claim = load_claim(name)
    decided = 0
    for case in cases(claim, 3, 5):
        said = decide_exactly(claim, instance_of(claim, case))
        if case.hypothesis == 0:
            assert said.get("verdict") is claim.confirmed, (case.label, said)
        elif case.hypothesis > 0 and "verdict" in said:
            decided += 1
            assert said["verdict"] is case.expected, (case.label, said)
    undecided = {"connect_the_dots_optimal", "sparsest", "sobolev", "lambda_max", "regularised"}
    assert decided or name in undecided  # what breaks their hypotheses is not rational, or has no skip connection


def entered(run: Callable[[], Any]) -> set[str]:
    """Files of this repository whose functions a call enters."""
    files: set[str] = set()

    def note(frame: FrameType, event: str, argument: Any) -> None:
        files.add(frame.f_code.co_filename)

    sys.setprofile(note)
    try:
        run()
    finally:
        sys.setprofile(None)
    folders = (str(ROOT / "vvnorm"), str(ROOT / "proofs_checks"))
    return {str(Path(file).relative_to(ROOT)) for file in files if file.startswith(folders)}


def untrusted(files: set[str], claim: Claim, rung: Rung) -> list[str]:
    ours = {file for file in files if not file.startswith(PROPOSES) or file == "vvnorm/api/certification.py"}
    return sorted(ours - set(claim.trusted[rung]))


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name for name in CLAIMS]
)  # fmt: skip
def test_rechecks_run_no_code_that_is_not_named(name: str) -> None:
    claim = load_claim(name)
    instance = (claim.quick.draw or claim.draw)(np.random.default_rng(0))
    result = claim.check(instance)
    rung = Rung.STATISTICAL if claim.statistical else Rung.CERTIFIED
    files = entered(lambda: claim.verify(instance, result))
    assert files
    assert untrusted(files, claim, rung) == []


def imported(file: str) -> set[str]:
    """Files of the package from which a file imports something."""
    found: set[str] = set()
    for node in ast.walk(ast.parse((ROOT / file).read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            places = (node.module, *(f"{node.module}.{name.name}" for name in node.names))
            found |= {f"{place.replace('.', '/')}.py" for place in places}
    return {file for file in found if (ROOT / file).is_file()}


def is_compiled(file: str) -> bool:
    return re.search(r"^@(kernel|inner|part|plain)\(", (ROOT / file).read_text(), re.MULTILINE) is not None


def test_compiled_code_that_named_files_call_is_named(claim: Claim) -> None:
    for files in claim.trusted.values():
        called = {
            file for name in files if name.startswith("vvnorm/verifier") for file in imported(name) if is_compiled(file)
        }
        assert called <= set(files)


def test_the_bound_over_all_neurons_rests_on_compiled_code() -> None:
    assert {file for file in imported("vvnorm/verifier/cell_enumeration.py") if is_compiled(file)} == {
        "vvnorm/_internal/sorting.py", "vvnorm/verifier/planar_response.py",
    }  # fmt: skip


@pytest.mark.parametrize("name", EXACT)
def test_exact_decisions_run_no_code_that_is_not_named(name: str) -> None:
    claim = load_claim(name)
    assert claim.exact
    exact, instance = claim.exact, claim.draw(np.random.default_rng(0))
    files = entered(lambda: exact(instance))
    assert f"proofs_checks/{name}.py" in files
    assert untrusted(files, claim, Rung.PROVED) == []


# --- contradictions, and what users see ---


def changed(exact: Callable[[Any], tuple[Fraction | float, Fraction | float]]) -> Claim:
    return replace(load_claim("connect_the_dots_optimal"), exact=exact, examples=dict)


def test_a_contradiction_is_a_complaint_that_names_the_instance() -> None:
    report = run_claim(changed(lambda instance: (Fraction(1), Fraction(2))), draws=1, exact=True)
    (outcome,) = report.tested
    assert report.contradicted == [outcome]
    assert report.verdict is Verdict.INCONCLUSIVE
    assert outcome.complaints == ["rational arithmetic says VIOLATED, [1, 2]; floating point HOLDS"]
    assert report.proved == []


def test_an_interval_across_the_end_of_the_claimed_one_contradicts_nothing_and_proves_nothing() -> None:
    report = run_claim(changed(lambda instance: (Fraction(0), np.inf)), draws=1, exact=True)
    assert report.tested[0].complaints == []
    assert (report.contradicted, report.proved) == ([], [])


def test_undecided_instances_say_why() -> None:
    def refuse(instance: Any) -> tuple[Fraction, Fraction]:
        raise Undecided("it is too long")

    report = run_claim(changed(refuse), draws=1, exact=True)
    assert report.tested[0].exact == {"undecided": "it is too long"}
    assert report.verdict is Verdict.HOLDS


def test_trust_in_rungs_that_a_claim_does_not_stand_on_is_refused() -> None:
    claim = load_claim("mgda_bound")
    with pytest.raises(ValueError, match="names a rung on which it does not stand: proved per instance"):
        replace(claim, trusted={**claim.trusted, Rung.PROVED: ("a.py",)})
    with pytest.raises(ValueError, match="both 'exact' and 'not_exact'"):
        replace(claim, exact=lambda instance: (Fraction(0), Fraction(0)))


@pytest.mark.parametrize(
    "value", [Fraction(1, 3), Fraction(-1, 3), Fraction(1, 2), Fraction(10**400), -np.inf, Fraction(0)]
)
def test_rational_intervals_are_rounded_outwards(value: Fraction | float) -> None:
    low, high = enclosed(value, value)
    assert low <= value <= high
    assert math.nextafter(low, math.inf) >= high


def test_the_command_proves_and_its_json_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "found.json"
    names = ["uniqueness", "mgda_stationary"]
    code, printed, _ = runner(capsys)("verify", *names, "--draws", 2, "--exact", "--jobs", 1, "--json", path)
    assert code == 0
    assert "PROVED 4 of 4" in printed  # two draws and two real data sets
    assert "mgda_stationary is not decided exactly: gradients come from automatic differentiation" in printed
    unique, gradients = json.loads(path.read_text())["claims"]
    assert unique["proved"] == unique["instances"] == 4
    assert list(unique["rungs"]) == ["machine-checked", "proved per instance", "certified in floating point"]
    for outcome in unique["outcomes"]:
        exact = outcome["provenance"]["exact"]
        assert exact["verdict"] == outcome["expected"]
        assert exact["lower"] <= exact["upper"]
    assert gradients["not_exact"]
    assert all(outcome["provenance"]["exact"]["undecided"] for outcome in gradients["outcomes"])


def test_the_command_fails_where_floating_and_exact_verdicts_contradict_each_other(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import vvnorm.claims

    wrong = changed(lambda instance: (Fraction(1), Fraction(2)))
    monkeypatch.setattr(vvnorm.claims, "load_claim", lambda name: wrong)
    code, printed, _ = runner(capsys)("verify", wrong.id, "--draws", 1, "--exact", "--jobs", 1)
    assert code == 1
    assert f"{wrong.id}, draw 0: HOLDS, not HOLDS: rational arithmetic says VIOLATED" in printed


def test_claims_show_what_to_believe(capsys: pytest.CaptureFixture[str]) -> None:
    command = runner(capsys)
    shown = " ".join(command("claims", "--show", "uniqueness").out.split())
    assert "machine-checked: theorem uniqueness: the whole statement and its converse. To be trusted: proofs_" in shown
    assert "proved per instance: " in shown
    assert "not decided exactly: gradients come from" in command("claims", "--show", "mgda_bound").out
