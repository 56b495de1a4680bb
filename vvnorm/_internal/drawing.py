"""Pictures of results, drawn by a module that results may not import.

Results may not import `vvnorm.plotting`, which lies above them. They ask for a picture here, and the registered module
draws it. The root of the package registers `vvnorm.plotting.objects`, which is imported with the first picture.
"""

from abc import ABC, abstractmethod
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

_ARTIST: list[str] = []


def register_artist(module: str) -> None:
    """Name the module that draws; it has the functions `draw_on(result, axes, **options)` and `as_html(result)`."""
    _ARTIST[:] = [module]


def draw_on(result: object, axes: "Axes | None", **options: Any) -> "Axes":
    """Draw a result on axes, or on those of a new pyplot figure; return the axes."""
    return import_module(_ARTIST[0]).draw_on(result, axes, **options)


class Displayed:
    """Base class of results that notebooks show as text with, if there is one, a small picture."""

    def _repr_html_(self) -> str:
        """Return what a notebook shows: the text of `repr` and, if it can be drawn, a small picture."""
        html: str = import_module(_ARTIST[0]).as_html(self)
        return html


class Course(NamedTuple):
    """A number recorded during training, for several curves."""

    name: str
    steps: "NDArray[np.int64]"
    """(R,)"""
    values: "NDArray[np.float64]"
    """(R, curves)"""
    labels: tuple[str, ...] = ()
    """Names of the curves; none for networks that differ in their seeds only."""


class Trained(Displayed, ABC):
    """Base class of trained networks: their picture shows how training went."""

    @abstractmethod
    def course(self) -> Course:
        """Return the recorded number that the picture shows."""

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draw how training went: relative gaps of all networks, or losses of the best network's tasks, by step.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            By default those of a new pyplot figure.

        Returns
        -------
        matplotlib Axes
        """
        return draw_on(self, ax)
