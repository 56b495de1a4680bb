"""The answer of `verify()`."""

from dataclasses import dataclass
from typing import Final

from vvnorm._internal.drawing import Displayed
from vvnorm._internal.words import lines

_SHOWN: Final = 3


@dataclass(frozen=True, repr=False)
class Verification(Displayed):
    """The verifier's answer about a result: it is true if the result is accepted.

    Attributes
    ----------
    problems : tuple of str
        A sentence for each reason why the result is not accepted; empty if it is.

    Examples
    --------
    >>> import vvnorm
    >>> solution = vvnorm.interpolate([0, 1, 2], [0, 1, 0])
    >>> solution.verify()
    Verification: accepted
    >>> vvnorm.Verification(("relative residual 2 exceeds 1e-06: it does not interpolate",))
    Verification: not accepted
        relative residual 2 exceeds 1e-06: it does not interpolate
    """

    problems: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return not self.problems

    def __repr__(self) -> str:
        more = len(self.problems) - _SHOWN
        shown = (*self.problems[:_SHOWN], f"and {more} more" if more > 0 else "")
        return lines(f"Verification: {'accepted' if self else 'not accepted'}", *shown)
