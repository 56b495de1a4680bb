"""Cases: the instances of a run by name, so that every process that has the claim draws the same ones."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from vvnorm._internal.plugins import Unusable
from vvnorm.claims.contract import Claim, Instance
from vvnorm.claims.verdict import Verdict


@dataclass(frozen=True)
class Case:
    """An instance by name: every process that has the claim draws the same one.

    Attributes
    ----------
    claim, label : str
        Id of the claim; name of the instance: "draw 3", "without skip_connection 0", or the name of real data.
    expected : Verdict
    hypothesis : int
        0: it meets all hypotheses; k: it breaks the k-th hypothesis; -1: real data.
    index : int
        Number among the cases of the same kind.
    seed : int
        Seed of the run.
    quick : bool
        Whether it is one of the claim's shorter instances for quick runs (`vvnorm.claims.Quick`).
    """

    claim: str
    label: str
    expected: Verdict
    hypothesis: int
    index: int
    seed: int
    quick: bool = False


def cases(claim: Claim, draws: int, seed: int, quick: bool = False) -> list[Case]:
    """List the instances of a run: draws, a tenth as many (at least one) that break each hypothesis, and real data.

    Draw i depends on the seed, the claim's name and i only, so a longer run repeats a shorter one. The claim's shorter
    instances for quick runs (`vvnorm.claims.Quick`) are the only exception.
    """
    shorter = quick and claim.quick.draw is not None
    cases_of_claim = [Case(claim.id, f"draw {i}", claim.confirmed, 0, i, seed, shorter) for i in range(draws)]
    for k, hypothesis in enumerate(claim.violate, 1):
        expected = claim.on_violation[hypothesis][0]
        labels = [f"without {hypothesis} {i}" for i in range(max(1, draws // 10))]
        shorter = quick and hypothesis in claim.quick.violate
        cases_of_claim += [Case(claim.id, label, expected, k, i, seed, shorter) for i, label in enumerate(labels)]
    try:
        examples = _examples(claim).items()
    except Exception as error:  # claims of other packages may raise any error
        raise Unusable(f"claim {claim.id!r} has no real data: {type(error).__name__}: {error}") from error
    for i, (label, instance) in enumerate(examples):
        if quick and claim.quick.examples is not None and label not in claim.quick.examples:
            continue
        broken = claim.broken(instance)
        if len(broken) <= 1:
            expected = claim.on_violation[broken[0]][0] if broken else claim.confirmed
            cases_of_claim.append(Case(claim.id, label, expected, -1, i, seed))
    return cases_of_claim


def instance_of(claim: Claim, case: Case) -> Instance:
    """Draw the instance of a case, or take it from real data."""
    if case.hypothesis < 0:
        return _examples(claim)[case.label]
    key = [case.seed, *map(ord, claim.id), case.index]
    if case.hypothesis == 0:
        draw = claim.quick.draw if case.quick and claim.quick.draw else claim.draw
        return draw(np.random.default_rng(key))
    hypothesis = list(claim.violate)[case.hypothesis - 1]
    violate = (claim.quick.violate if case.quick else claim.violate)[hypothesis]
    return violate(np.random.default_rng([*key, case.hypothesis]))


def instances(claim: Claim, draws: int, seed: int) -> Iterator[tuple[str, Verdict, Instance]]:
    """Yield label, expected verdict and instance of each case; see `cases`."""
    for case in cases(claim, draws, seed):
        yield case.label, case.expected, instance_of(claim, case)


@lru_cache(maxsize=4)
def _examples(claim: Claim) -> Mapping[str, Instance]:
    return claim.examples()
