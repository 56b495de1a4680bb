"""Statements about data, which a search tries to refute: claims, claims without a hypothesis, and variants of claims."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np

from vvnorm._internal.names import refuse_unknown
from vvnorm._internal.words import lines
from vvnorm.claims import Claim, Verdict
from vvnorm.falsification.data import Data, exact_data, float_data
from vvnorm.falsification.spaces import DataSpace

Predicate = Callable[[Data], bool]
Draw = Callable[[np.random.Generator], Data]


class Basis(StrEnum):
    """The basis of a decision."""

    EXACT = "exact rationals"
    CERTIFIED = "certified interval"
    STATISTICAL = "confidence interval"


@dataclass(frozen=True)
class Decision:
    """Whether the conclusion of a statement holds for one data set.

    Attributes
    ----------
    holds : bool or None
        None if it could not be decided; such data do not count.
    basis : Basis
    reason : str
        One sentence: the comparison and its outcome.
    """

    holds: bool | None
    basis: Basis
    reason: str

    @property
    def refutes(self) -> bool:
        """Whether the conclusion is decided to fail."""
        return self.holds is False


def exactly(holds: bool, reason: str) -> Decision:
    """Return a decision that was made in rational arithmetic."""
    return Decision(bool(holds), Basis.EXACT, reason)


@dataclass(frozen=True, eq=False)
class Variant:
    """A statement that varies a claim, or a claim itself in a form that is decided for single data sets.

    Register it in the entry-point group `vvnorm.variants` under its id. If the id is a claim's, `falsify` searches this
    form of the claim, which is decided in rational arithmetic, in place of the claim's own check; the names of its
    hypotheses are then those of the claim.

    Attributes
    ----------
    id : str
        Name, unlike those of all other variants.
    claim : str
        The claim that it varies.
    statement : str
        The statement, in one sentence.
    false : bool
        Whether it is known to be false, so that a search should refute it.
    hypotheses : mapping of str to predicate
        Each decides from data whether it is met.
    decide : data -> Decision
        Decide whether the conclusion holds; called only for data that meet the hypotheses.
    space : DataSpace
        Where small data and random data come from.
    claim_draws : bool
        Whether draws of the claim are tried, too. They must then have the same names.
    """

    id: str
    claim: str
    statement: str
    false: bool
    hypotheses: Mapping[str, Predicate]
    decide: Callable[[Data], Decision]
    space: DataSpace
    claim_draws: bool = True

    def __repr__(self) -> str:
        return lines(f"Variant {self.id} of {self.claim}: {'false' if self.false else 'true'}", self.statement)


@dataclass(frozen=True, eq=False)
class Statement:
    """A statement that a search tries to refute.

    Attributes
    ----------
    id, claim, text : str
        Id of the claim or variant; id of its claim; the statement in words.
    hypotheses : mapping of str to predicate
    dropped : str or None
        The dropped hypothesis: only data that violate it, and meet all others, are admitted.
    decide : data -> Decision
    space : DataSpace or None
        None: the data are those of the draws only.
    draws : tuple of (rng -> data)
        Draws of the claim.
    """

    id: str
    claim: str
    text: str
    hypotheses: Mapping[str, Predicate]
    dropped: str | None
    decide: Callable[[Data], Decision]
    space: DataSpace | None
    draws: tuple[Draw, ...]

    def __str__(self) -> str:
        return f"{self.id} without {self.dropped}" if self.dropped else self.id

    def admits(self, data: Data) -> bool:
        """Whether the data meet all hypotheses but the dropped one, and violate that one."""
        try:
            if self.space is not None and not (self.space.axes.keys() <= data.keys() and self.space.contains(data)):
                return False
            with np.errstate(divide="raise", invalid="raise"):
                return all(bool(met(data)) is (name != self.dropped) for name, met in self.hypotheses.items())
        except Exception:  # a hypothesis may raise any error for data that the claim never draws: it is not defined there
            return False

    def refuted_by(self, data: Data) -> Decision | None:
        """Return the decision if the data are admitted and the conclusion fails; None otherwise."""
        if not self.admits(data):
            return None
        decision = self.decide(data)
        return decision if decision.refutes else None


def statement_of(claim: Claim, variant: Variant | None, drop: str | None) -> Statement:
    """Return the statement of a claim or of a variant, with a hypothesis dropped.

    Parameters
    ----------
    claim : Claim
    variant : Variant or None
        A variant of the claim; for the claim itself, its exact form, if there is one.
    drop : str or None
        Name of the hypothesis to drop.

    Raises
    ------
    ValueError
        If there is no such hypothesis.
    """
    if variant is None:
        hypotheses: Mapping[str, Predicate] = {name: _on_floats(met) for name, met in claim.hypotheses.items()}
    else:
        hypotheses = variant.hypotheses
    named = claim.id if variant is None else variant.id
    if drop is not None:
        refuse_unknown("hypothesis", drop, hypotheses, f"of {named}")
    draws = _draws(claim, variant, drop)
    if variant is None:
        return Statement(claim.id, claim.id, claim.statement, hypotheses, drop, _by_check(claim), None, draws)
    text = variant.statement
    return Statement(variant.id, claim.id, text, hypotheses, drop, variant.decide, variant.space, draws)


def _draws(claim: Claim, variant: Variant | None, drop: str | None) -> tuple[Draw, ...]:
    """Return the draws of the claim that may be admitted; draws that violate a hypothesis only for a dropped one."""
    if variant is not None and not variant.claim_draws:
        return ()
    if drop is not None and drop in claim.violate and (variant is None or variant.id == claim.id):
        return (_exactly_drawn(claim.violate[drop]),)
    own = [claim.draw]
    if variant is not None and variant.id != claim.id:
        own += claim.violate.values()
    return tuple(map(_exactly_drawn, own))


def _exactly_drawn(draw: Callable[[np.random.Generator], Mapping[str, Any]]) -> Draw:
    return lambda rng: exact_data(draw(rng))


def _on_floats(met: Callable[[Mapping[str, Any]], bool]) -> Predicate:
    return lambda data: bool(met(float_data(data)))


def _by_check(claim: Claim) -> Callable[[Data], Decision]:
    """Decide by the claim's own check: its certified interval, if the claim's recheck accepts it."""
    basis = Basis.STATISTICAL if claim.statistical else Basis.CERTIFIED

    def decide(data: Data) -> Decision:
        instance = float_data(data)
        try:
            with np.errstate(divide="raise", invalid="raise"):  # data that divide by zero are degenerate and show nothing
                result = claim.check(instance)
                problems = claim.verify(instance, result).problems
        except Exception as error:  # a claim may raise any error for data that it never draws
            return Decision(None, basis, f"the check failed: {type(error).__name__}: {error}")
        said = f"{claim.quantity}: [{result.lower:.6g}, {result.upper:.6g}]"
        said += f", claimed to lie in [{claim.claimed[0]:.6g}, {claim.claimed[1]:.6g}]"
        if problems:
            return Decision(None, basis, f"{said}; refused: {problems[0]}")
        holds = None if result.verdict is Verdict.INCONCLUSIVE else result.verdict is claim.confirmed
        return Decision(holds, basis, said)

    return decide
