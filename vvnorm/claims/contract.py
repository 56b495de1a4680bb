"""The contract of claims: a claim states, draws, checks and rechecks instances of one statement.

A claim is one module (of `proofs_checks`, or of a user's package) with a `CLAIM`. It draws instances that meet all its
hypotheses, and instances that violate exactly one. It checks an instance: the result is a certified interval of one tested
quantity. It verifies such a result independently. The verdict follows from the interval alone (`vvnorm.claims.verdict`).

An instance of a statistical claim is a whole experiment, a stated number of draws. Its interval is a confidence interval,
and its verdicts are SUPPORTED and NOT_SUPPORTED in place of HOLDS and VIOLATED.
"""

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vvnorm._internal.drawing import Displayed
from vvnorm._internal.files import plain
from vvnorm._internal.words import file_list, lines
from vvnorm.claims.rungs import Rung
from vvnorm.claims.verdict import Verdict, decide
from vvnorm.verifier.verification import Verification

Instance = Mapping[str, Any]
"""One instance of a claim: arrays, numbers and words by name."""


KINDS = ("equality", "bound", "existence", "uniqueness", "for all seeds", "statistical", "counterexample")
"""Kinds of claims; statistical claims have verdicts of their own."""


@dataclass(frozen=True, eq=False)
class Result(Displayed):
    """The outcome of checking one instance.

    Attributes
    ----------
    verdict : Verdict
        Verdict on the interval, compared with the claimed one.
    lower, upper : float
        Certified interval of the tested quantity; a confidence interval if the claim is statistical.
    certificate : mapping of str to array
        Proof of the interval, which `Claim.verify` checks.
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
        """Return the result in plain values for JSON; `from_json` restores it."""
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


@dataclass(frozen=True)
class Quick:
    """Shorter instances that replace the long instances of a claim in a quick run.

    Attributes
    ----------
    draw : rng -> instance, optional
        Draw an instance that meets all hypotheses; by default as in a full run.
    violate : mapping of str to (rng -> instance)
        For some hypotheses, draw an instance that violates exactly this one.
    examples : collection of str, optional
        Names of the real data of a quick run; by default all.
    """

    draw: Callable[[np.random.Generator], Instance] | None = None
    violate: Mapping[str, Callable[[np.random.Generator], Instance]] = field(default_factory=dict)
    examples: Collection[str] | None = None


@dataclass(frozen=True, eq=False)
class Claim(Displayed):
    """One claim of the theory, with the code that tests it and shows why its hypotheses are needed.

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
        Draw an instance that meets all hypotheses.
    violate : mapping of str to (rng -> instance)
        For each hypothesis, draw an instance that violates exactly this hypothesis.
    on_violation : mapping of str to (Verdict, why)
        For each hypothesis, the verdict expected on such an instance, and the reason.
    check : instance -> Result
        Compute the certified interval of the quantity.
    recheck : (instance, result) -> list of complaints
        Recompute the interval from the certificate, with code that shares nothing with the solver of `check`.
    examples : () -> mapping of str to instance
        Real data, whether or not they meet the hypotheses.
    draws, quick_draws : int
        How many instances a full and a quick run draw.
    quick : Quick
        Shorter instances of a quick run.
    formula : str
        The statement as a formula in LaTeX, for documents; none if empty.
    exact : instance -> (lower, upper), optional
        Enclose the tested quantity in rational arithmetic. Raises `vvnorm.claims.Undecided` where it cannot.
    not_exact : str
        Without `exact`: the reason why there is no exact check.
    theorems : mapping of str to str
        Names of machine-checked theorems, and the part of the claim that each proves.
    trusted : mapping of Rung to tuple of str
        For each rung that the claim stands on, the files whose code or statements have to be trusted.
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
    quick: Quick = Quick()
    formula: str = ""
    exact: Callable[[Instance], tuple[Fraction | float, Fraction | float]] | None = None
    not_exact: str = ""
    theorems: Mapping[str, str] = field(default_factory=dict)
    trusted: Mapping[Rung, tuple[str, ...]] = field(default_factory=dict)

    def __repr__(self) -> str:
        return lines(f"Claim {self.id}: {self.kind}", self.statement, f"source: {self.source}")

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"kind of claim {self.id!r} must be one of {', '.join(KINDS)}, got {self.kind!r}")
        if self.exact is not None and self.not_exact:
            raise ValueError(f"claim {self.id!r} has both 'exact' and 'not_exact', which says why there is none")
        if other := [str(rung) for rung in self.trusted if rung not in self.rungs]:
            raise ValueError(f"'trusted' of claim {self.id!r} names a rung on which it does not stand: {other[0]}")

    @property
    def rungs(self) -> tuple[Rung, ...]:
        """The rungs on which the claim stands, strongest first."""
        stands = {
            Rung.MACHINE_CHECKED: bool(self.theorems),
            Rung.PROVED: self.exact is not None,
            Rung.CERTIFIED: not self.statistical,
            Rung.STATISTICAL: self.statistical,
        }
        return tuple(rung for rung, there in stands.items() if there)

    def belief(self) -> dict[str, str]:
        """Return for each rung, by its name, the evidence and the files that have to be trusted."""
        said = {
            Rung.MACHINE_CHECKED: "; ".join(f"theorem {name}: {part}" for name, part in self.theorems.items()),
            Rung.PROVED: "`vvnorm verify --exact` encloses the tested quantity in rational arithmetic",
            Rung.CERTIFIED: "`vvnorm verify` certifies an interval, and other code recomputes it",
            Rung.STATISTICAL: "`vvnorm verify` computes a confidence interval of the tested quantity",
        }
        files = {rung: file_list(self.trusted.get(rung, ())) or "files that the claim does not name" for rung in self.rungs}
        return {str(rung): f"{said[rung]}. To be trusted: {files[rung]}" for rung in self.rungs}

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
        """Return the names of the hypotheses that the instance violates."""
        return [name for name, holds in self.hypotheses.items() if not holds(instance)]

    def verify(self, instance: Instance, result: Result) -> Verification:
        """Check that the verdict follows from the interval, and the interval from the certificate.

        An error that a damaged certificate raises in `recheck` is a problem of the result, too.
        """
        if math.isnan(result.lower) or math.isnan(result.upper) or result.lower > result.upper:
            return Verification((f"[{result.lower}, {result.upper}] is not an interval",))
        problems = []
        if result.verdict is not decide(result.lower, result.upper, self.claimed, statistical=self.statistical):
            problems.append(f"verdict {result.verdict} does not follow from [{result.lower}, {result.upper}]")
        try:
            problems += self.recheck(instance, result)
        except (KeyError, ValueError, TypeError, IndexError) as error:
            problems.append(f"the certificate is damaged: {error}")
        return Verification(tuple(problems))


def conclude(
    claimed: tuple[float, float],
    lower: float,
    upper: float,
    certificate: Mapping[str, NDArray[Any]],
    *,
    statistical: bool = False,
    **provenance: Any,
) -> Result:
    """Return the result with the verdict that follows from an interval."""
    verdict = decide(lower, upper, claimed, statistical=statistical)
    return Result(verdict, float(lower), float(upper), certificate, provenance)


def interval_complaints(result: Result, lower: float, upper: float, slack: float) -> list[str]:
    """Compare a recorded interval with a recomputed one, up to an absolute slack for different roundings."""
    return [
        f"{name} is recorded as {recorded!r}; recomputed it is {actual!r}"
        for name, recorded, actual in (("lower", result.lower, lower), ("upper", result.upper, upper))
        if not (recorded == actual or abs(recorded - actual) <= slack)
    ]
