"""The search for a counterexample: it enumerates small data, smallest first, then tries draws, then shrinks."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from vvnorm._internal.drawing import Displayed
from vvnorm._internal.progress import steps_shown
from vvnorm._internal.words import count, lines
from vvnorm.claims import Claim
from vvnorm.falsification.counterexample import Counterexample
from vvnorm.falsification.data import Data
from vvnorm.falsification.discovery import exact_form, load_variant, nearest_claim
from vvnorm.falsification.shrinking import shrink, size_of
from vvnorm.falsification.statement import Decision, Statement, Variant, statement_of
from vvnorm.falsification.strategies import INSTALL, SearchEnded, hypothesis_installed, search_draws
from vvnorm.validation import as_count, as_positive

SHARE_OF_SMALL_DATA = 0.6
"""Share of the time for small data, if there are draws as well."""

_MOST_REJECTED = {"small": 50_000, "drawn": 2_000}
"""A phase ends after this number of data if none is admitted: then the hypotheses admit none, or hardly any."""


@dataclass
class Effort:
    """The effort of a search.

    Attributes
    ----------
    covered : list of str
        Families of small data whose members were all examined.
    small, drawn : int
        Numbers of small data and of draws that were examined.
    admitted : int
        Number of these that met the hypotheses.
    undecided : int
        Number of admitted data for which the conclusion could not be decided.
    seconds : float
        Computing time.
    """

    covered: list[str] = field(default_factory=list)
    small: int = 0
    drawn: int = 0
    admitted: int = 0
    undecided: int = 0
    seconds: float = 0.0

    def __str__(self) -> str:
        parts = [count(self.small, "small data set", "small data sets"), count(self.drawn, "draw")]
        text = f"{' and '.join(parts)}, {self.admitted} of them admitted"
        text += f", {self.undecided} undecided" if self.undecided else ""
        if self.covered:
            text += f"; complete: {count(len(self.covered), 'family', 'families')} up to {self.covered[-1]}"
        return f"{text}; {self.seconds:.3g} s"


@dataclass(frozen=True, eq=False)
class Falsification(Displayed):
    """The outcome of a search.

    Attributes
    ----------
    claim, statement, dropped, text : str
        See `Counterexample`.
    counterexample : Counterexample or None
        Shrunk; None if there is none.
    effort : Effort
    notes : tuple of str
        Hints, such as a package to install.
    """

    claim: str
    statement: str
    dropped: str | None
    text: str
    counterexample: Counterexample | None
    effort: Effort
    notes: tuple[str, ...] = ()

    @property
    def refuted(self) -> bool:
        """Whether there is a counterexample."""
        return self.counterexample is not None

    def __repr__(self) -> str:
        head, *rest = str(self).splitlines()
        return lines(f"Falsification: {head}", "; ".join(rest[: -1 - len(self.notes)]), f"searched: {self.effort}")

    def __str__(self) -> str:
        name = f"{self.statement} without {self.dropped}" if self.dropped else self.statement
        head = str(self.counterexample) if self.counterexample else f"no counterexample to {name}"
        return "\n".join([head, f"searched: {self.effort}", *self.notes])


def falsify(
    claim: str | Claim,
    *,
    drop: str | None = None,
    variant: str | Variant | None = None,
    seconds: float = 60.0,
    seed: int = 0,
    callback: Callable[[str], object] = lambda label: None,
    progress: bool = False,
) -> Falsification:
    """Search for the smallest counterexample to a claim, to a claim without one hypothesis, or to a variant of a claim.

    Parameters
    ----------
    claim : str or Claim
        Id of a registered claim, or a claim.
    drop : str, optional
        Leave out this hypothesis: a counterexample then violates it, meets all others, and shows that it is needed.
    variant : str or Variant, optional
        Search this variant of the claim instead.
    seconds : float
        Length of the search in seconds of computing time, so that the outcome does not depend on other programs. Shrinking
        may take half as long again, and a single check of a claim is not interrupted.
    seed : int
        Seed of the draws.
    callback : callable
        Called with the description of each family of small data that is complete.
    progress : bool
        Whether to show a progress bar, in interactive terminals and notebooks only.

    Returns
    -------
    Falsification
        With a counterexample, or the effort of the search.

    Raises
    ------
    ValueError
        If there is no such claim, hypothesis or variant, the variant belongs to another claim, or it contradicts itself.

    Examples
    --------
    >>> import vvnorm
    >>> example = vvnorm.falsify("uniqueness", drop="no_aligned_neighbours").counterexample
    >>> example.basis, len(example.data["x"])
    (<Basis.EXACT: 'exact rationals'>, 4)
    """
    limit, seed = as_positive(seconds, "seconds"), as_count(seed, "seed")
    judged = nearest_claim(claim) if isinstance(claim, str) else claim
    chosen = load_variant(variant) if isinstance(variant, str) else variant
    if chosen is not None and chosen.claim != judged.id:
        raise ValueError(f"variant {chosen.id!r} varies claim {chosen.claim!r}, not {judged.id!r}")
    statement = statement_of(judged, chosen if chosen is not None else exact_form(judged.id), drop)
    with steps_shown(f"searching for counterexamples to {statement.id}", None, callback, progress) as completed:
        search = _CounterexampleSearch(statement, limit, seed, completed)
        search.run()
    if chosen is not None and not search.effort.admitted:
        names = ", ".join(statement.hypotheses)
        searched = f"{search.effort.small} small data sets and {search.effort.drawn} draws"
        raise ValueError(f"variant {chosen.id!r} contradicts itself: none of {searched} meets {names}")
    return search.outcome()


class _CounterexampleSearch:
    """One search: its effort, and the simplest counterexample so far."""

    def __init__(self, statement: Statement, seconds: float, seed: int, callback: Callable[[str], object]) -> None:
        self.statement, self.seconds, self.seed, self.callback = statement, seconds, seed, callback
        self.effort = Effort()
        self.refuting: tuple[Data, Decision] | None = None
        self.longest = 0.0  # seconds of a decision
        self.began = time.process_time()

    @property
    def axes(self) -> dict[str, str] | None:
        space = self.statement.space
        return None if space is None else dict(space.axes)

    def run(self) -> None:
        """Search until there is a shrunk counterexample, or time is up."""
        space, draws = self.statement.space, self.statement.draws
        if space is not None:
            draws = (*draws, space.draw)
            self._search_small_data(self.began + SHARE_OF_SMALL_DATA * self.seconds)
        if self.refuting is None:
            search_draws(draws, self.axes, self._refuted_by_draw, self.seed, self.began + self.seconds)
        if self.refuting is not None:
            until = time.process_time() + self.seconds / 2 - self.longest  # no step begins that would take too long
            smallest = shrink(self.refuting[0], self._still_refutes, self.axes, until)
            if smallest is not self.refuting[0]:
                self.refuting = (smallest, self.statement.decide(smallest))
        self.effort.seconds = time.process_time() - self.began

    def _search_small_data(self, until: float) -> None:
        assert self.statement.space is not None
        for shell in self.statement.space.shells():
            for data in shell.members:
                self.effort.small += 1
                if self._refutes(data) or time.process_time() > until or self._admits_nothing("small"):
                    return
            self.effort.covered.append(shell.description)
            self.callback(shell.description)

    def _admits_nothing(self, phase: str) -> bool:
        return not self.effort.admitted and getattr(self.effort, phase) >= _MOST_REJECTED[phase]

    def _refuted_by_draw(self, data: Data) -> bool:
        self.effort.drawn += 1
        if self._admits_nothing("drawn"):
            raise SearchEnded
        return self._refutes(data)

    def _refutes(self, data: Data) -> bool:
        """Examine data, and keep the simplest data that refute."""
        if not self.statement.admits(data):
            return False
        self.effort.admitted += 1
        began = time.process_time()
        decision = self.statement.decide(data)
        self.longest = max(self.longest, time.process_time() - began)
        self.effort.undecided += decision.holds is None
        if decision.refutes and (self.refuting is None or size_of(data) < size_of(self.refuting[0])):
            self.refuting = (data, decision)
        return decision.refutes

    def _still_refutes(self, data: Data) -> bool:
        return self.statement.refuted_by(data) is not None

    def outcome(self) -> Falsification:
        """Return the outcome of the search."""
        statement, counterexample = self.statement, None
        words = (statement.claim, statement.id, statement.dropped, statement.text)
        if self.refuting is not None:
            data, decision = self.refuting
            counterexample = Counterexample(*words, data, decision.basis, decision.reason)
        notes = (INSTALL,) if self.effort.drawn and not hypothesis_installed() else ()
        return Falsification(*words, counterexample, self.effort, notes)
