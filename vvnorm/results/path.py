"""Fits of the same data for several lam."""

from typing import TYPE_CHECKING, Any

from vvnorm._internal.drawing import Displayed, draw_on
from vvnorm._internal.words import count, lines

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class FitPath(Displayed, list[Any]):
    """The fits that `vvnorm.fit_path` returns: a list of them, in the order of `lams`, that can be drawn.

    Examples
    --------
    >>> import vvnorm
    >>> vvnorm.fit_path([0, 1, 2, 3], [0, 1, 0, 1], [10.0, 0.1])
    FitPath: 2 fits, 4 points, 1 input, 1 output
        lam 0.1 to 10
    """

    def __repr__(self) -> str:
        if not self:
            return "FitPath: 0 fits"
        (points, inputs), outputs = self[0].X.shape, self[0].Y.shape[1]
        lams = [fit.lam for fit in self]
        size = f"{count(points, 'point')}, {count(inputs, 'input')}, {count(outputs, 'output')}"
        return lines(f"FitPath: {count(len(self), 'fit')}, {size}", f"lam {min(lams):.6g} to {max(lams):.6g}")

    def plot(self, ax: "Axes | None" = None, *, what: str = "knots") -> "Axes":
        """Draw the path against lam, which falls from left to right.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            By default those of a new pyplot figure.
        what : str
            'knots': the knots of the fits (with several inputs, their numbers of neurons); 'trade-off': loss and VV norm,
            each relative to its largest value.

        Returns
        -------
        matplotlib Axes
        """
        return draw_on(self, ax, what=what)
