"""How results draw themselves, though the layer that draws lies above them.

Results may not import `vvnorm.plotting`. They ask for a figure here, and the module that is registered as the artist draws
it: the root of the package registers `vvnorm.plotting.objects`. It is imported with the first figure.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_ARTIST: list[str] = []


def register_artist(module: str) -> None:
    """Name the module that draws: it has the functions `draw_on(thing, axes, **options)` and `as_html(thing)`."""
    _ARTIST[:] = [module]


def draw_on(thing: object, axes: "Axes | None", **options: Any) -> "Axes":
    """Draw a result on axes, or on those of a new pyplot figure; return the axes."""
    return import_module(_ARTIST[0]).draw_on(thing, axes, **options)


class Displayed:
    """Base class of results that notebooks show with a small picture."""

    def _repr_html_(self) -> str:
        """Return what a notebook shows: the words of `repr`, and a small picture where one can be drawn."""
        html: str = import_module(_ARTIST[0]).as_html(self)
        return html
