"""Pictures of results, drawn by a module that results may not import.

Results may not import `vvnorm.plotting`, which lies above them. They ask for a picture here, and the registered module
draws it. The root of the package registers `vvnorm.plotting.objects`, which is imported with the first picture.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_ARTIST: list[str] = []


def register_artist(module: str) -> None:
    """Name the module that draws; it has the functions `draw_on(result, axes, **options)` and `as_html(result)`."""
    _ARTIST[:] = [module]


def draw_on(result: object, axes: "Axes | None", **options: Any) -> "Axes":
    """Draw a result on axes, or on those of a new pyplot figure; return the axes."""
    return import_module(_ARTIST[0]).draw_on(result, axes, **options)


class Displayed:
    """Base class of results that notebooks show with a small picture."""

    def _repr_html_(self) -> str:
        """Return what a notebook shows: the text of `repr` and, if it can be drawn, a small picture."""
        html: str = import_module(_ARTIST[0]).as_html(self)
        return html
