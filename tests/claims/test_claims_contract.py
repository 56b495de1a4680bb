"""The contract every registered claim is held to, whoever wrote it."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from vvnorm._internal.files import plain
from vvnorm._internal.threads import single_threaded
from vvnorm.claims import (
    Case,
    CaseOutcome,
    Claim,
    Instance,
    Quick,
    Result,
    Verdict,
    cases,
    claim_names,
    control_complaints,
    decide,
    instance_of,
    load_claim,
    load_outcomes,
    run_claim,
)
from vvnorm.cli import main

CLAIMS = claim_names()
DRAWS = 2
SLOW = {
    "trained_networks", "trained_balance", "kinks_through_data", "two_squares",
    "interval_coverage", "catastrophic_overfitting", "recovered_teachers", "multivariate_stability",
    "multivariate_uniqueness", "gated_relaxation", "penalised_bias_uniqueness",
}  # fmt: skip
"""Claims that take seconds per draw: one draw is enough."""
SEED = {"trained_networks": 9, "solution_set": 4}
"""Seeds other than 0: with seven points training takes fewest steps; a witness of a solution set's end may have a first
neuron of weight 0, whose input weight proves nothing and may be changed."""
LONG: dict[str, str | None] = {
    "smoothness_mean_gradient": "noise",
    "smoothness_in_m": "noise",
    "smoothness_in_sigma": "large",
    "output_distance": "many_outputs",
    "error_at_test_points": "exact_labels",
    "representation_distance": None,
    "kernel_regime": None,
    "kernel_excess_in_tasks": None,
}
"""Claims whose every draw is dozens of certified networks. By default one draw of a quick run is checked: the shortest. It
breaks this hypothesis, or none. All the rest is checked with `pytest -m slow`. What these claims are made of is tested in
`test_auxiliary_outputs` and `test_multivariate_claims`; of kernels, all of `kernel_excess` is checked by default."""
LONG_EXAMPLES = {
    "diabetes by age with one Gaussian output", "diabetes by age with four Gaussian outputs", "parity of 5 bits",
}  # fmt: skip
"""Data on which networks are trained for longest, or that take longest to certify; others are checked by default."""


def draw(claim: Claim, seed: int) -> Instance:
    return claim.draw(np.random.default_rng(seed))


@pytest.fixture(params=CLAIMS, scope="module")
def claim(request: pytest.FixtureRequest) -> Claim:
    return load_claim(request.param)


@pytest.fixture(
    params=[pytest.param(name, marks=pytest.mark.slow) if name in LONG else name for name in CLAIMS], scope="module"
)
def solved(request: pytest.FixtureRequest) -> Claim:
    """A claim whose check is run."""
    return load_claim(request.param)


class Shown(NamedTuple):
    """Exit code of the command for one claim, and each instance with its outcome, read from the disk."""

    code: int
    outcomes: dict[str, tuple[Instance, CaseOutcome]]


def by_command(
    claim: Claim, folder: Path, *options: str, chosen: Callable[[Case], bool] = lambda case: True
) -> Shown:  # fmt: skip
    """Let `vvnorm verify` check a claim on one or a few draws, on one that breaks each hypothesis, and on real data."""
    draws = 1 if claim.id in SLOW or claim.id in LONG else DRAWS
    options = ("--draws", str(draws), "--seed", str(SEED.get(claim.id, 0)), *options)
    listed: list[Case] = []

    def some(*arguments: Any) -> list[Case]:
        listed[:] = filter(chosen, cases(*arguments))
        return listed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("vvnorm.claims.cases", some)
        with pytest.raises(SystemExit) as stop:
            main(["verify", claim.id, *options, "--jobs", "1", "--json", str(folder / "all.json")])
    outcomes = load_outcomes(folder / "all.certificates.sqlite")[claim.id]
    assert isinstance(stop.value.code, int)
    return Shown(stop.value.code, {case.label: (instance_of(claim, case), outcomes[case.label]) for case in listed})


@pytest.fixture(scope="module")
def shown(solved: Claim, tmp_path_factory: pytest.TempPathFactory) -> Shown:
    """A claim's quick run by the command, without the longest real data; full runs are made with `pytest -m slow`."""
    options = [] if solved.id in LONG else ["--quick"]
    chosen = lambda case: case.label not in LONG_EXAMPLES  # noqa: E731
    return by_command(solved, tmp_path_factory.mktemp("shown"), *options, chosen=chosen)


@pytest.fixture
def checked(shown: Shown) -> list[tuple[Instance, Result]]:
    """Instances that meet all hypotheses, with their results."""
    return [
        (instance, outcome.result) for label, (instance, outcome) in shown.outcomes.items() if label.startswith("draw ")
    ]


@pytest.fixture
def violated(solved: Claim, shown: Shown) -> dict[str, tuple[Instance, Result]]:
    """For each hypothesis, an instance that breaks it, with its result."""
    places = {hypothesis: shown.outcomes[f"without {hypothesis} 0"] for hypothesis in solved.violate}
    return {hypothesis: (instance, outcome.result) for hypothesis, (instance, outcome) in places.items()}


def test_states_claim_hypotheses_and_source(claim: Claim) -> None:
    assert all((claim.statement, claim.source, claim.quantity, claim.hypotheses))
    assert claim.id in CLAIMS
    assert set(claim.violate) == set(claim.on_violation) == set(claim.hypotheses)
    assert all(why for _, why in claim.on_violation.values())
    assert claim.claimed[0] <= claim.claimed[1]


def test_shorter_instances_of_quick_runs_meet_and_break_the_same_hypotheses(claim: Claim) -> None:
    for seed in range(5):
        if claim.quick.draw:
            assert claim.broken(claim.quick.draw(np.random.default_rng(seed))) == []
        for hypothesis, violate in claim.quick.violate.items():
            assert claim.broken(violate(np.random.default_rng(seed))) == [hypothesis]
    assert set(claim.quick.violate) <= set(claim.violate)
    if claim.quick.examples is not None:
        assert claim.quick.examples
        assert set(claim.quick.examples) <= set(claim.examples())


def test_hypotheses_hold_on_many_draws(claim: Claim) -> None:
    for seed in range(8):
        assert claim.broken(draw(claim, seed)) == [], seed


def test_the_command_confirms_it_and_what_it_kept_is_accepted_again(solved: Claim, shown: Shown) -> None:
    assert shown.code == 0
    for label, (instance, outcome) in shown.outcomes.items():
        broken = solved.broken(instance)
        assert outcome.result.verdict is (solved.on_violation[broken[0]][0] if broken else solved.confirmed), label
        assert outcome.as_expected
        assert solved.verify(instance, outcome.result), label
        assert broken == [] if label.startswith("draw ") else len(broken) <= 1


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in CLAIMS if name not in LONG])
def test_the_command_confirms_a_full_run(name: str, tmp_path: Path) -> None:
    claim = load_claim(name)
    shown = by_command(claim, tmp_path, chosen=lambda case: case.label not in LONG_EXAMPLES)
    assert (shown.code, len(shown.outcomes) > len(claim.violate)) == (0, True)


@pytest.mark.parametrize("name", sorted(LONG))
def test_the_command_judges_a_draw_of_a_long_claim(name: str, tmp_path: Path) -> None:
    label = f"without {LONG[name]} 0" if LONG[name] else "draw 0"
    shown = by_command(load_claim(name), tmp_path, "--quick", chosen=lambda case: case.label == label)
    ((instance, outcome),) = shown.outcomes.values()
    assert outcome.as_expected
    assert outcome.result.verdict is (Verdict.NOT_SUPPORTED if LONG[name] else Verdict.SUPPORTED)
    assert load_claim(name).broken(instance) == [hypothesis for hypothesis in [LONG[name]] if hypothesis]


@pytest.mark.slow
@pytest.mark.parametrize("label", sorted(LONG_EXAMPLES))
def test_long_real_data_hold_or_fail_as_declared(label: str, tmp_path: Path) -> None:
    shown = by_command(load_claim("trained_networks"), tmp_path, chosen=lambda case: case.label == label)
    assert (shown.code, list(shown.outcomes)) == (0, [label])


def test_each_violating_draw_breaks_only_its_hypothesis(claim: Claim) -> None:
    for hypothesis, violate in claim.violate.items():
        for seed in range(5):
            assert claim.broken(violate(np.random.default_rng(seed))) == [hypothesis]


def test_a_tampered_certificate_is_rejected(
    solved: Claim, checked: list[tuple[Instance, Result]], violated: dict[str, tuple[Instance, Result]]
) -> None:
    for instance, result in [checked[0], *violated.values()]:
        for name, array in result.certificate.items():
            if not array.size:
                continue
            for damaged in tampered(array):
                forged = replace(result, certificate={**result.certificate, name: damaged})
                assert not solved.verify(instance, forged), name


def tampered(array: np.ndarray) -> list[np.ndarray]:
    """The array with its largest entry made 3 % larger, and with a row lost."""
    changed = array.copy()
    place = np.unravel_index(np.argmax(np.abs(array)), array.shape)
    if np.issubdtype(array.dtype, np.integer):
        changed[place] += 1
    else:
        changed[place] += 0.03 * abs(changed[place]) or 1.0
    return [changed, array[1:]]


def test_a_certificate_of_another_instance_is_rejected(solved: Claim, checked: list[tuple[Instance, Result]]) -> None:
    other = draw(solved, 1000)
    assert not solved.verify(other, checked[0][1])


def test_tampered_bounds_and_verdicts_are_rejected(
    solved: Claim, checked: list[tuple[Instance, Result]], violated: dict[str, tuple[Instance, Result]]
) -> None:
    lenient = replace(solved, recheck=lambda instance, result: [])
    for instance, result in [checked[0], *violated.values()]:
        for forged in contradictions(solved, result):  # rejected without a look at the certificate
            assert not lenient.verify(instance, forged), (forged.lower, forged.upper, forged.verdict)
        for forged in forgeries(solved, result):
            assert not solved.verify(instance, forged), (forged.lower, forged.upper, forged.verdict)


def contradictions(claim: Claim, result: Result) -> list[Result]:
    """Results with a verdict that does not follow from the interval, and with intervals that are none."""
    forged = [replace(result, verdict=verdict) for verdict in Verdict if verdict is not result.verdict]
    return forged + [moved(claim, result, *interval) for interval in ((np.nan, np.nan), (1.0, 0.0))]


def forgeries(claim: Claim, result: Result) -> list[Result]:
    """Results with bounds moved to get another verdict."""
    high = claim.claimed[1]
    intervals = {(high + 1, high + 2), (high, high), (high, high + 1)}  # all the same if high is infinite
    return [moved(claim, result, *interval) for interval in sorted(intervals - {(result.lower, result.upper)})]


def moved(claim: Claim, result: Result, lower: float, upper: float) -> Result:
    """The result with another interval and the verdict that follows from it."""
    verdict = decide(lower, upper, claimed=claim.claimed, statistical=claim.statistical)
    return replace(result, lower=lower, upper=upper, verdict=verdict)


def test_same_seed_same_result(solved: Claim, checked: list[tuple[Instance, Result]]) -> None:
    instance, first = checked[0]
    with single_threaded():  # as the command did
        again = solved.check(instance)
    assert (again.verdict, again.lower, again.upper) == (first.verdict, first.lower, first.upper)
    assert set(again.certificate) == set(first.certificate)
    for name, array in again.certificate.items():
        assert np.array_equal(array, first.certificate[name]), name


def test_json_round_trip_is_exact(solved: Claim, checked: list[tuple[Instance, Result]]) -> None:
    instance, result = checked[0]
    restored = Result.from_json(json.loads(json.dumps(result.to_json(), allow_nan=False)))
    assert (restored.verdict, restored.lower, restored.upper) == (result.verdict, result.lower, result.upper)
    assert restored.provenance == json.loads(json.dumps(plain(result.provenance)))
    for name, array in result.certificate.items():
        assert restored.certificate[name].dtype == array.dtype
        assert np.array_equal(restored.certificate[name], array)
    assert solved.verify(instance, restored)


# --- the rules themselves, on a claim made for it ---------------------------------------------------------------------


def coin_claim(**changes: Any) -> Claim:
    """Claims that a drawn number, recorded as its own certificate, is at most 1."""

    def check(instance: Instance) -> Result:
        value = float(instance["value"])
        return Result(decide(value, value, (-np.inf, 1.0)), value, value, {"value": np.array([value])})

    claim = Claim(
        id="coin",
        statement="value <= 1",
        source="here",
        kind="bound",
        quantity="value",
        claimed=(-np.inf, 1.0),
        hypotheses={"small": lambda instance: instance["value"] <= 1},
        draw=lambda rng: {"value": rng.random()},
        violate={"small": lambda rng: {"value": 1.5 + rng.random()}},
        on_violation={"small": (Verdict.VIOLATED, "it is large")},
        check=check,
        recheck=lambda instance, result: [] if result.certificate["value"][0] == instance["value"] else ["another value"],
    )
    return replace(claim, **changes)


@pytest.mark.parametrize(
    ("lower", "upper", "verdict"),
    [
        (0, 1, Verdict.HOLDS),
        (0.2, 0.4, Verdict.HOLDS),
        (-0.1, 0.5, Verdict.INCONCLUSIVE),
        (0.5, 1.1, Verdict.INCONCLUSIVE),
        (-1, 2, Verdict.INCONCLUSIVE),
        (1.1, 2, Verdict.VIOLATED),
        (-2, -0.1, Verdict.VIOLATED),
        (0, np.inf, Verdict.INCONCLUSIVE),
    ],
)
def test_verdict_follows_from_the_interval_alone(lower: float, upper: float, verdict: Verdict) -> None:
    assert decide(lower, upper, (0.0, 1.0)) is verdict


def test_a_run_holds_when_all_is_as_declared() -> None:
    report = run_claim(coin_claim(), draws=20)
    assert report.verdict is Verdict.HOLDS
    assert len(report.tested) == 20
    assert len(report.outcomes) == 22
    assert 0 <= report.worst_margin < 1


def test_one_accepted_counterexample_makes_a_run_violated() -> None:
    claim = coin_claim(draw=lambda rng: {"value": 3.0 if rng.random() < 0.2 else 0.5})
    assert run_claim(claim, draws=40).verdict is Verdict.VIOLATED


def test_a_rejected_certificate_proves_nothing_either_way() -> None:
    rejecting = {"recheck": lambda instance, result: ["no"]}
    assert run_claim(coin_claim(**rejecting), draws=3).verdict is Verdict.INCONCLUSIVE
    assert run_claim(coin_claim(draw=lambda rng: {"value": 3.0}, **rejecting), draws=3).verdict is Verdict.INCONCLUSIVE


def test_a_verifier_that_accepts_everything_shows_nothing() -> None:
    report = run_claim(coin_claim(recheck=lambda instance, result: []), draws=3)
    assert report.verdict is Verdict.INCONCLUSIVE
    assert report.tested[0].complaints == ["negative control: the verifier accepts a certificate whose 'value' was changed"]


@pytest.mark.parametrize(
    ("array", "changed"), [([1.0, -2.0], [-1.5, 3.0]), ([0.0, 0.0], [1.0, 1.0]), ([3, 0], [1003, 1000])]
)
def test_instances_take_turns_in_what_their_negative_control_changes(array: list[float], changed: list[float]) -> None:
    seen: list[Mapping[str, np.ndarray]] = []

    def recheck(instance: Instance, result: Result) -> list[str]:
        seen.append(result.certificate)
        return ["no"]

    claim = coin_claim(recheck=recheck)
    result = Result(Verdict.HOLDS, 0.5, 0.5, {"none": np.empty(0), "first": np.array(array), "second": np.array([1.0])})
    for turn in range(2):
        assert control_complaints(claim, {}, result, turn) == []
    assert [list(arrays["first"]) for arrays in seen] == [changed, array]
    assert [list(arrays["second"]) for arrays in seen] == [[1.0], [-1.5]]


def test_a_violating_draw_that_holds_makes_a_run_inconclusive() -> None:
    claim = coin_claim(violate={"small": lambda rng: {"value": 0.5}})
    assert run_claim(claim, draws=3).verdict is Verdict.INCONCLUSIVE


def experiment(value: float) -> Claim:
    """The coin claim as a statistical one, on this value only; nothing is known of NaN."""

    def check(instance: Instance) -> Result:
        lower, upper = (-np.inf, np.inf) if np.isnan(instance["value"]) else (instance["value"],) * 2
        verdict = decide(lower, upper, (-np.inf, 1.0), statistical=True)
        return Result(verdict, lower, upper, {"value": np.array([instance["value"]])})

    return coin_claim(
        kind="statistical",
        check=check,
        draw=lambda rng: {"value": value},
        on_violation={"small": (Verdict.NOT_SUPPORTED, "it is large")},
        recheck=lambda instance, result: (
            [] if np.array_equal(result.certificate["value"], [instance["value"]], equal_nan=True) else ["another value"]
        ),
    )


@pytest.mark.parametrize(
    ("value", "verdict", "code"),
    [(0.5, Verdict.SUPPORTED, 0), (3.0, Verdict.NOT_SUPPORTED, 1), (np.nan, Verdict.INCONCLUSIVE, 2)],
)
def test_a_statistical_claim_is_never_said_to_hold_or_to_be_violated(
    value: float, verdict: Verdict, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim = experiment(value)
    report = run_claim(claim, draws=2)
    assert report.verdict is verdict
    assert len(report.tested) == 2
    assert {outcome.result.verdict for outcome in report.tested} == {verdict}
    for wrong in (Verdict.HOLDS, Verdict.VIOLATED):
        assert not claim.verify({"value": value}, replace(report.tested[0].result, verdict=wrong))
    monkeypatch.setattr("vvnorm.claims.load_claim", lambda name: claim)
    with pytest.raises(SystemExit) as exit_:
        main(["verify", "coin", "--draws", "2", "--jobs", "1"])
    assert exit_.value.code == code


def test_a_longer_run_repeats_a_shorter_one() -> None:
    short, long = run_claim(coin_claim(), draws=3, seed=5), run_claim(coin_claim(), draws=6, seed=5)
    assert [o.result.lower for o in short.tested] == [o.result.lower for o in long.tested[:3]]
    assert [o.result.lower for o in run_claim(coin_claim(), draws=3, seed=6).tested] != [
        o.result.lower for o in short.tested
    ]


def test_a_quick_run_takes_the_shorter_instances_that_a_claim_states() -> None:
    real = {"one": {"value": 0.25}, "other": {"value": 0.125}}
    claim = coin_claim(
        examples=lambda: real,
        quick=Quick(lambda rng: {"value": -rng.random()}, {"small": lambda rng: {"value": 100.0}}, {"other"}),
    )
    values = {
        quick: {case.label: instance_of(claim, case)["value"] for case in cases(claim, 2, 0, quick)}
        for quick in (True, False)
    }
    assert values[True]["draw 1"] == -values[False]["draw 1"]
    assert values[True]["without small 0"] == 100
    assert 1.5 <= values[False]["without small 0"] <= 2.5
    assert values[True].keys() == values[False].keys() - {"one"}
    same = [cases(coin_claim(), 2, 0, quick) for quick in (True, False)]
    assert same[0] == same[1]  # nothing is shorter where nothing is stated


def test_an_unknown_claim_is_named() -> None:
    with pytest.raises(ValueError, match=r"no claim named 'nonsense'; there are: .*uniqueness"):
        load_claim("nonsense")


def test_every_claim_module_is_registered_under_its_file_name() -> None:
    from pathlib import Path

    import proofs_checks

    shared = {
        "__init__", "catalogue", "support", "auxiliary_outputs", "task_gradients", "path_norms", "noise_risks", "rational",
        "gated_programs",
        "trust", "many_tasks",
    }  # fmt: skip
    modules = {path.stem for path in Path(proofs_checks.__file__).parent.glob("*.py")} - shared
    assert modules <= set(CLAIMS)
    assert all(load_claim(name).id == name for name in modules)
