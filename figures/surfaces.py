"""Drawing one output of a function of two inputs over the hull of the points, as a surface and as a map."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from vvnorm.network import ReLUNetwork
from vvnorm.plotting import COLOURS, rows
from vvnorm.validation import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SIDE, _EDGE = 81, 41  # points of the mesh along each side of the square around the hull, and along each edge of the hull
_MARGIN = 0.05  # around the hull, relative to its extent
_POINTS: dict[str, Any] = {
    "ls": "",
    "marker": "o",
    "ms": 3.5,
    "mfc": COLOURS["orange"],
    "mec": COLOURS["black"],
    "mew": 0.6,
    "clip_on": False,
}


def outline(X: Array) -> Array:
    """Return the hull's corners counterclockwise, with the first one repeated at the end, shape (n + 1, 2)."""
    from scipy.spatial import ConvexHull

    corners = X[ConvexHull(X).vertices]
    return np.vstack([corners, corners[:1]])


def hull_mesh(X: Array) -> Array:
    """Return the points (n, 2) at which a function is drawn over the hull of X: a grid inside, and points on its edges.

    Nothing is drawn outside the hull, since the gradient is averaged over the hull.
    """
    edge = outline(X)
    along = np.linspace(0, 1, _EDGE)[:-1, None]
    border = (edge[:-1, None] + along * np.diff(edge, axis=0)[:, None]).reshape(-1, 2)
    sides = [np.linspace(low, high, _SIDE) for low, high in zip(X.min(axis=0), X.max(axis=0), strict=True)]
    grid = np.stack(np.meshgrid(*sides), axis=-1).reshape(-1, 2)
    sides_of_hull, offsets = np.diff(edge, axis=0), grid[:, None] - edge[:-1]
    inside = np.all(sides_of_hull[:, 0] * offsets[..., 1] - sides_of_hull[:, 1] * offsets[..., 0] > 1e-9, axis=1)
    return np.vstack([grid[inside], border])


def surface(network: ReLUNetwork, mesh: Array) -> Array:
    """Evaluate output 1 on a mesh, shape (n,)."""
    values: Array = network(mesh)[:, 0]
    return values


def draw_relief(axes: Any, mesh: Array, heights: Array, X: Array, y: Array, limits: tuple[float, float]) -> Any:
    """Draw a surface over the hull and the points on three-dimensional axes; return the artist for a colour bar."""
    drawn = axes.plot_trisurf(
        *mesh.T, heights, cmap="cividis", vmin=limits[0], vmax=limits[1], lw=0, antialiased=False, rasterized=True, zorder=1
    )
    (shown,) = axes.plot(X[:, 0], X[:, 1], y, zorder=2, **_POINTS)
    shown.set_in_layout(False)  # its position is not known before it is drawn
    (low, high), ticks = _frame(X)
    axes.set(xlim=(low, high), ylim=(low, high), zlim=limits, xticks=ticks, yticks=ticks)
    axes.set_xlabel("$x_1$", labelpad=-6)
    axes.set_ylabel("$x_2$", labelpad=-6)
    axes.tick_params(axis="x", pad=-2)
    axes.tick_params(axis="y", pad=-2)
    axes.view_init(elev=32, azim=-60)
    axes.set_box_aspect((1, 1, 0.75), zoom=1.15)
    return drawn


def draw_map(axes: "Axes", mesh: Array, heights: Array, X: Array, levels: Array, colours: str = "cividis") -> Any:
    """Draw level sets over the hull, its outline and the points; return the artist for a colour bar."""
    drawn = axes.tricontourf(*mesh.T, heights, levels, cmap=colours, vmin=levels[0], vmax=levels[-1])
    axes.tricontour(*mesh.T, heights, levels, colors="white", linewidths=0.4, linestyles="solid")
    axes.plot(*outline(X).T, color=COLOURS["black"], lw=0.8)
    axes.plot(X[:, 0], X[:, 1], **_POINTS)
    (low, high), ticks = _frame(X)
    axes.set(aspect="equal", xlim=(low, high), ylim=(low, high), xticks=ticks, yticks=ticks, xlabel="$x_1$")
    return drawn


def surface_rows(
    mesh: Array, surfaces: Mapping[str, Array], X: Array, y: Array, **others: Any
) -> Sequence[Mapping[str, Any]]:
    """Return the rows of a table: the points, and the surfaces by name, each with its entry of the other columns."""
    lines = rows(surface="points", x_1=X[:, 0], x_2=X[:, 1], output_1=y)
    for k, (name, heights) in enumerate(surfaces.items()):
        own = {column: entries[k] for column, entries in others.items()}
        lines += rows(surface=name, x_1=mesh[:, 0], x_2=mesh[:, 1], output_1=heights, **own)
    return lines


def _frame(X: Array) -> tuple[tuple[float, float], tuple[float, float, float]]:
    """Return limits of both axes around the points, and ticks at round numbers."""
    margin = _MARGIN * float(np.ptp(X))
    low, high = float(X.min()) - margin, float(X.max()) + margin
    reach = float(np.floor(2 * min(-low, high)) / 2)
    ticks = (-reach, 0.0, reach) if reach > 0 else (low, (low + high) / 2, high)
    return (low, high), ticks
