"""Checking: one case or a whole claim in this process, with a negative control of the verifier."""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vvnorm.claims.case import Case, cases, instance_of
from vvnorm.claims.contract import Claim, Instance, Result
from vvnorm.claims.report import CaseOutcome, Report
from vvnorm.claims.rungs import Undecided, disagree, enclosed
from vvnorm.claims.verdict import decide


def run_case(claim: Claim, case: Case, exact: bool = False) -> CaseOutcome:
    """Check one instance and verify the result; with `exact` decide it in rational arithmetic, too."""
    instance = instance_of(claim, case)
    started = time.perf_counter()
    result = claim.check(instance)
    provenance = {**result.provenance, "seconds": time.perf_counter() - started}
    result = replace(result, provenance=provenance)
    complaints = list(claim.verify(instance, result).problems) or control_complaints(claim, instance, result, case.index)
    if exact:
        said = decide_exactly(claim, instance)
        result = replace(result, provenance={**provenance, "exact": said})
        if "verdict" in said and disagree(said["verdict"], result.verdict):
            interval = f"[{said['lower']:.6g}, {said['upper']:.6g}]"
            complaints.append(f"rational arithmetic says {said['verdict']}, {interval}; floating point {result.verdict}")
    return CaseOutcome(case.label, case.expected, result, complaints)


def decide_exactly(claim: Claim, instance: Instance) -> dict[str, Any]:
    """Enclose the tested quantity of an instance in rational arithmetic, and judge it.

    Returns
    -------
    dict
        `verdict`, decided from the rational interval, and `lower` and `upper`, the interval rounded outwards to float64; or
        `undecided`, the reason why there is no such interval.
    """
    if claim.exact is None:
        return {"undecided": claim.not_exact or "the claim has no exact check"}
    began = time.perf_counter()
    try:
        lower, upper = claim.exact(instance)
    except Undecided as reason:
        return {"undecided": str(reason)}
    verdict = decide(lower, upper, claim.claimed, statistical=claim.statistical)
    low, high = enclosed(lower, upper)
    return {"verdict": verdict, "lower": low, "upper": high, "seconds": time.perf_counter() - began}


def control_complaints(claim: Claim, instance: Instance, result: Result, turn: int) -> list[str]:
    """Change a certificate, and complain if the verifier accepts the change.

    `turn` selects the array that is changed, so instances take turns. The array is multiplied by -3/2; integers are
    increased by 1000, and zeros are set to the largest number of any array. After a smaller change a certificate may still
    prove the same, so the verifier may rightly accept it.
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
    claim: Claim,
    *,
    draws: int | None = None,
    seed: int = 0,
    exact: bool = False,
    callback: Callable[[str], None] = lambda label: None,
) -> Report:
    """Check a claim on drawn and on real instances, one after another; `vvnorm.claims.runner` checks many in parallel.

    Parameters
    ----------
    claim : Claim
        The claim.
    draws : int, optional
        Number of instances that meet the hypotheses; by default that of the claim. For each hypothesis, a tenth as many
        (at least one) that violate it are checked, too.
    seed : int
        Seed of all draws.
    exact : bool
        Decide each instance in rational arithmetic, too; `CaseOutcome.exact` holds the outcome.
    callback : callable
        Called with the label of each instance when it is done, for a progress bar.
    """
    began = time.perf_counter()
    outcomes = []
    for case in cases(claim, claim.draws if draws is None else draws, seed):
        outcomes.append(run_case(claim, case, exact))
        callback(case.label)
    return Report(claim, outcomes, seed, time.perf_counter() - began)
