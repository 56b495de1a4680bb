"""Claims: what they are, how verdicts follow from certified intervals, discovery, and running them.

A claim is one module (of `proofs_checks`, or of a user's package) with a `CLAIM`. It draws instances that meet all its
hypotheses and instances that break exactly one, checks an instance to a certified interval of one tested quantity, and
verifies such a result independently. The verdict is a function of the interval alone.

An instance of a statistical claim is a whole experiment, a stated number of draws; its interval is a confidence
interval, and its verdicts are SUPPORTED and NOT_SUPPORTED in place of HOLDS and VIOLATED.
"""

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vvnorm._internal import plugins as registry
from vvnorm._internal.words import lines
from vvnorm.verifier.verification import Verification

Instance = Mapping[str, Any]
"""One case of a claim: arrays, numbers and words by name."""

GROUP = "vvnorm.claims"

KINDS = ("equality", "bound", "existence", "uniqueness", "for all seeds", "statistical", "counterexample")
"""What a claim may be; verdicts of statistical ones have other names."""


class Verdict(StrEnum):
    """What a check found. The last two stand in statistical claims for the first two."""

    HOLDS = "HOLDS"
    VIOLATED = "VIOLATED"
    INCONCLUSIVE = "INCONCLUSIVE"
    SUPPORTED = "SUPPORTED"
    NOT_SUPPORTED = "NOT_SUPPORTED"


@dataclass(frozen=True, eq=False)
class Result:
    """The outcome of checking one instance.

    Attributes
    ----------
    verdict : Verdict
        What the interval says against the claimed one.
    lower, upper : float
        Certified interval of the tested quantity; a confidence interval if the claim is statistical.
    certificate : mapping of str to array
        What proves the interval; enough for `Claim.verify`.
    provenance : mapping
        Solver, versions, options, status, seconds.
    """

    verdict: Verdict
    lower: float
    upper: float
    certificate: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        return lines(f"Result: {self.verdict}, [{self.lower:.6g}, {self.upper:.6g}]")

    def to_json(self) -> dict[str, Any]:
        """Return the result as what JSON knows; `from_json` restores it."""
        from vvnorm._internal.files import plain

        arrays = {
            name: {"dtype": str(array.dtype), "shape": list(array.shape), "values": plain(array.ravel())}
            for name, array in self.certificate.items()
        }
        bounds = {"lower": plain(self.lower), "upper": plain(self.upper)}
        return {"verdict": str(self.verdict), **bounds, "certificate": arrays, "provenance": plain(self.provenance)}

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> "Result":
        """Restore what `to_json` returned; arrays come back bit for bit."""
        arrays = {
            name: np.array([float(v) if isinstance(v, str) else v for v in array["values"]], dtype=array["dtype"])
            .reshape(array["shape"])
            for name, array in record["certificate"].items()
        }  # fmt: skip
        return cls(Verdict(record["verdict"]), float(record["lower"]), float(record["upper"]), arrays, record["provenance"])


def _no_instances() -> Mapping[str, Instance]:
    return {}


@dataclass(frozen=True, eq=False)
class Claim:
    """One claim of the theory, with everything needed to test it and to show what its hypotheses are for.

    Attributes
    ----------
    id : str
        Name; the module's name.
    statement, source : str
        The claim in our own words, and where it comes from.
    kind : str
        One of `KINDS`.
    quantity : str
        The number that is tested.
    claimed : (float, float)
        The closed interval that the claim says the quantity lies in; an end may be infinite.
    hypotheses : mapping of str to predicate
        Each decides, from the instance alone, whether the hypothesis is met.
    draw : rng -> instance
        An instance that meets all hypotheses.
    violate : mapping of str to (rng -> instance)
        For each hypothesis, an instance that breaks exactly that one.
    on_violation : mapping of str to (Verdict, why)
        What then happens.
    check : instance -> Result
        Find the certified interval.
    recheck : (instance, result) -> list of complaints
        Recompute the interval from the certificate, with code that shares nothing with `check`'s solver.
    examples : () -> mapping of str to instance
        Real data, whether or not they meet the hypotheses.
    draws, quick_draws : int
        How many instances a full and a quick run draw.
    """

    id: str
    statement: str
    source: str
    kind: str
    quantity: str
    claimed: tuple[float, float]
    hypotheses: Mapping[str, Callable[[Instance], bool]]
    draw: Callable[[np.random.Generator], Instance]
    violate: Mapping[str, Callable[[np.random.Generator], Instance]]
    on_violation: Mapping[str, tuple[Verdict, str]]
    check: Callable[[Instance], Result]
    recheck: Callable[[Instance, Result], list[str]]
    examples: Callable[[], Mapping[str, Instance]] = _no_instances
    draws: int = 50
    quick_draws: int = 10

    def __repr__(self) -> str:
        return lines(f"Claim {self.id}: {self.kind}", self.statement, f"source: {self.source}")

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"kind of claim {self.id!r} must be one of {', '.join(KINDS)}, got {self.kind!r}")

    @property
    def statistical(self) -> bool:
        """Whether intervals are confidence intervals."""
        return self.kind == "statistical"

    @property
    def confirmed(self) -> Verdict:
        """The verdict where the interval lies inside the claimed one."""
        return Verdict.SUPPORTED if self.statistical else Verdict.HOLDS

    @property
    def refuted(self) -> Verdict:
        """The verdict where the interval lies outside the claimed one."""
        return Verdict.NOT_SUPPORTED if self.statistical else Verdict.VIOLATED

    def broken(self, instance: Instance) -> list[str]:
        """Name the hypotheses that the instance does not meet."""
        return [name for name, holds in self.hypotheses.items() if not holds(instance)]

    def verify(self, instance: Instance, result: Result) -> Verification:
        """Check that the verdict follows from the interval, and the interval from the certificate."""
        if math.isnan(result.lower) or math.isnan(result.upper) or result.lower > result.upper:
            return Verification((f"[{result.lower}, {result.upper}] is not an interval",))
        found = []
        if result.verdict is not decide(result.lower, result.upper, self.claimed, statistical=self.statistical):
            found.append(f"verdict {result.verdict} does not follow from [{result.lower}, {result.upper}]")
        return Verification((*found, *self.recheck(instance, result)))


def decide(lower: float, upper: float, claimed: tuple[float, float], *, statistical: bool = False) -> Verdict:
    """Judge an interval: HOLDS inside the claimed one, VIOLATED outside it, INCONCLUSIVE across its end.

    A statistical claim is SUPPORTED or NOT_SUPPORTED instead.
    """
    if claimed[0] <= lower and upper <= claimed[1]:
        return Verdict.SUPPORTED if statistical else Verdict.HOLDS
    if upper < claimed[0] or lower > claimed[1]:
        return Verdict.NOT_SUPPORTED if statistical else Verdict.VIOLATED
    return Verdict.INCONCLUSIVE


def conclude(
    claimed: tuple[float, float],
    lower: float,
    upper: float,
    certificate: Mapping[str, NDArray[Any]],
    *,
    statistical: bool = False,
    **provenance: Any,
) -> Result:
    """Make the result that an interval implies."""
    verdict = decide(lower, upper, claimed, statistical=statistical)
    return Result(verdict, float(lower), float(upper), certificate, provenance)


def interval_complaints(result: Result, lower: float, upper: float, slack: float) -> list[str]:
    """Compare a recorded interval with a recomputed one, up to an absolute slack for different roundings."""
    return [
        f"{name} is recorded as {recorded!r}; recomputed it is {actual!r}"
        for name, recorded, actual in (("lower", result.lower, lower), ("upper", result.upper, upper))
        if not (recorded == actual or abs(recorded - actual) <= slack)
    ]


# --- discovery --------------------------------------------------------------------------------------------------------


def claim_names() -> list[str]:
    """Names of all claims that installed packages register in the entry-point group `vvnorm.claims`."""
    return registry.names(GROUP)


def load_claim(name: str) -> Claim:
    """Load one claim; ValueError lists the names if there is none of that name."""
    return registry.load(GROUP, name, Claim)


# --- running ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Outcome:
    """One instance of a run: what was expected of it, what was found, and what the verifier says.

    Attributes
    ----------
    label : str
        "draw 3", "without skip_connection 0", or the name of real data.
    expected : Verdict
    result : Result
    complaints : list of str
        The verifier's; a result with complaints counts for nothing.
    """

    label: str
    expected: Verdict
    result: Result
    complaints: list[str]

    @property
    def as_expected(self) -> bool:
        """Whether an accepted result has the expected verdict."""
        return not self.complaints and self.result.verdict is self.expected


@dataclass(frozen=True, eq=False)
class Report:
    """A claim's run: the verdict over all instances that meet the hypotheses, and every outcome."""

    claim: Claim
    outcomes: list[Outcome]
    seed: int
    seconds: float

    @property
    def verdict(self) -> Verdict:
        """Confirmed only if every instance is, every result is accepted, and every broken hypothesis fails as declared.

        One accepted refutation refutes the claim; anything else is INCONCLUSIVE.
        """
        confirmed, refuted = self.claim.confirmed, self.claim.refuted
        if any(o.result.verdict is refuted and o.expected is confirmed and not o.complaints for o in self.outcomes):
            return refuted
        return confirmed if all(o.as_expected for o in self.outcomes) else Verdict.INCONCLUSIVE

    @property
    def tested(self) -> list[Outcome]:
        """Outcomes of instances that meet all hypotheses."""
        return [outcome for outcome in self.outcomes if outcome.expected is self.claim.confirmed]

    @property
    def worst_margin(self) -> float:
        """Least distance of a certified interval from the end of the claimed one, relative to that end where it is not 0.

        Near 1: no deviation is visible. 0: on the edge, which for integers is equality. Negative: not inside.
        """
        return min((_margin(o.result, self.claim.claimed) for o in self.tested), default=math.nan)

    def to_json(self) -> dict[str, Any]:
        """Return everything but the certificates, which are long, as what JSON knows."""
        from vvnorm._internal.files import plain

        return {
            "claim": self.claim.id,
            "statement": self.claim.statement,
            "verdict": str(self.verdict),
            "seed": self.seed,
            "seconds": self.seconds,
            "instances": len(self.tested),
            "worst_margin": plain(self.worst_margin),
            "outcomes": [
                {
                    "instance": outcome.label,
                    "expected": str(outcome.expected),
                    "complaints": outcome.complaints,
                    "verdict": str(outcome.result.verdict),
                    "lower": plain(outcome.result.lower),
                    "upper": plain(outcome.result.upper),
                    "provenance": plain(outcome.result.provenance),
                }
                for outcome in self.outcomes
            ],
        }


def _margin(result: Result, claimed: tuple[float, float]) -> float:
    low, high = claimed
    inside = ((result.lower - low, low), (high - result.upper, high))
    return min((margin / (abs(end) or 1.0) for margin, end in inside if math.isfinite(end)), default=math.inf)


@dataclass(frozen=True)
class Case:
    """An instance by name: whoever has the claim draws the same one.

    Attributes
    ----------
    claim, label : str
        Of the claim, and of the instance: "draw 3", "without skip_connection 0", or the name of real data.
    expected : Verdict
    hypothesis : int
        0: it meets all hypotheses; k: it breaks the k-th; -1: real data.
    index : int
        Among those alike.
    seed : int
        Of the run.
    """

    claim: str
    label: str
    expected: Verdict
    hypothesis: int
    index: int
    seed: int


def cases(claim: Claim, draws: int, seed: int) -> list[Case]:
    """List the instances of a run: draws, a tenth as many (at least one) that break each hypothesis, and real data.

    Draw i depends on the seed, the claim's name and i only, so that a longer run repeats a shorter one.
    """
    found = [Case(claim.id, f"draw {i}", claim.confirmed, 0, i, seed) for i in range(draws)]
    for k, hypothesis in enumerate(claim.violate, 1):
        expected = claim.on_violation[hypothesis][0]
        labels = [f"without {hypothesis} {i}" for i in range(max(1, draws // 10))]
        found += [Case(claim.id, label, expected, k, i, seed) for i, label in enumerate(labels)]
    try:
        examples = _examples(claim).items()
    except Exception as error:  # whatever a claim of somebody else raises
        raise registry.Unusable(f"claim {claim.id!r} has no real data: {type(error).__name__}: {error}") from error
    for i, (label, instance) in enumerate(examples):
        broken = claim.broken(instance)
        if len(broken) <= 1:
            expected = claim.on_violation[broken[0]][0] if broken else claim.confirmed
            found.append(Case(claim.id, label, expected, -1, i, seed))
    return found


def instance_of(claim: Claim, case: Case) -> Instance:
    """Draw the instance of a case, or take it from real data."""
    if case.hypothesis < 0:
        return _examples(claim)[case.label]
    place = [case.seed, *map(ord, claim.id), case.index]
    if case.hypothesis == 0:
        return claim.draw(np.random.default_rng(place))
    return list(claim.violate.values())[case.hypothesis - 1](np.random.default_rng([*place, case.hypothesis]))


def instances(claim: Claim, draws: int, seed: int) -> Iterator[tuple[str, Verdict, Instance]]:
    """Yield label, expected verdict and instance of each case; see `cases`."""
    for case in cases(claim, draws, seed):
        yield case.label, case.expected, instance_of(claim, case)


@lru_cache(maxsize=4)
def _examples(claim: Claim) -> Mapping[str, Instance]:
    return claim.examples()


def run_case(claim: Claim, case: Case) -> Outcome:
    """Check one instance and verify the result."""
    instance = instance_of(claim, case)
    started = time.perf_counter()
    result = claim.check(instance)
    provenance = {**result.provenance, "seconds": time.perf_counter() - started}
    result = replace(result, provenance=provenance)
    complaints = list(claim.verify(instance, result).problems) or control_complaints(claim, instance, result, case.index)
    return Outcome(case.label, case.expected, result, complaints)


def control_complaints(claim: Claim, instance: Instance, result: Result, turn: int) -> list[str]:
    """Change a certificate and complain if the verifier accepts it: one that accepts everything shows nothing.

    Instances take turns in which array of the certificate is changed: by the factor -3/2, from 0 to the largest number in
    any array, integers by 1000. A smaller change may leave a certificate that proves as much, and is accepted rightly.
    """
    arrays = [name for name, array in result.certificate.items() if array.size]
    if not arrays:
        return []
    name = arrays[turn % len(arrays)]
    changed = _changed(result.certificate[name], [result.certificate[other] for other in arrays])
    forged = replace(result, certificate={**result.certificate, name: changed})
    if not claim.verify(instance, forged):
        return []
    return [f"negative control: the verifier accepts a certificate whose {name!r} was changed"]


def _changed(array: NDArray[Any], all_arrays: list[NDArray[Any]]) -> NDArray[Any]:
    if np.issubdtype(array.dtype, np.integer):
        return array + 1000
    if array.any():
        return -1.5 * array
    sizes = [float(np.max(np.abs(other), where=np.isfinite(other), initial=0.0)) for other in all_arrays]
    return np.full_like(array, max(sizes) or 1.0)


def run_claim(
    claim: Claim, *, draws: int | None = None, seed: int = 0, advance: Callable[[str], None] = lambda label: None
) -> Report:
    """Check a claim on drawn and on real instances, one after another; `vvnorm.verification` spreads many of them.

    Parameters
    ----------
    claim : Claim
        The claim.
    draws : int, optional
        Number of instances that meet the hypotheses; the claim's own number by default. For each hypothesis a tenth as
        many (at least one) that break it are checked too.
    seed : int
        Everything drawn depends on it.
    advance : callable
        Told the label of each instance when it is done, for a progress bar.
    """
    began = time.perf_counter()
    outcomes = []
    for case in cases(claim, claim.draws if draws is None else draws, seed):
        outcomes.append(run_case(claim, case))
        advance(case.label)
    return Report(claim, outcomes, seed, time.perf_counter() - began)
