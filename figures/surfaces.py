"""How one output of a function of two inputs is drawn: as a surface over the points, and as a map."""

from typing import TYPE_CHECKING, Any

import numpy as np

from vvnorm.data import Array
from vvnorm.network import ReLUNetwork
from vvnorm.plotting import COLOURS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_POINTS: dict[str, Any] = {
    "ls": "",
    "marker": "o",
    "ms": 3.5,
    "mfc": COLOURS["orange"],
    "mec": COLOURS["black"],
    "mew": 0.6,
    "clip_on": False,
}


def surface(network: ReLUNetwork, side: Array) -> Array:
    """Values of output 1 on a square grid, (n, n); rows along the second input."""
    points = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    values: Array = network(points)[:, 0].reshape(len(side), len(side))
    return values


def draw_relief(axes: Any, side: Array, values: Array, X: Array, y: Array, limits: tuple[float, float]) -> Any:
    """Draw a surface with the points on three-dimensional axes; return what a colour bar needs."""
    across, up = np.meshgrid(side, side)
    low, high = limits
    drawn = axes.plot_surface(
        across, up, values, cmap="cividis", vmin=low, vmax=high, rcount=len(side), ccount=len(side), lw=0,
        antialiased=False, rasterized=True, zorder=1,
    )  # fmt: skip
    (shown,) = axes.plot(X[:, 0], X[:, 1], y, zorder=2, **_POINTS)
    shown.set_in_layout(False)  # before it is drawn its place is not known
    ends, ticks = (side[0], side[-1]), _ticks(side)
    axes.set(xlim=ends, ylim=ends, zlim=limits, xticks=ticks, yticks=ticks)
    axes.set_xlabel("$x_1$", labelpad=-6)
    axes.set_ylabel("$x_2$", labelpad=-6)
    axes.tick_params(axis="x", pad=-2)
    axes.tick_params(axis="y", pad=-2)
    axes.view_init(elev=32, azim=-60)
    axes.set_box_aspect((1, 1, 0.75), zoom=1.15)
    return drawn


def draw_map(axes: "Axes", side: Array, values: Array, X: Array, levels: Array) -> None:
    """Draw level sets with the points."""
    across, up = np.meshgrid(side, side)
    axes.contourf(across, up, values, levels, cmap="cividis", vmin=levels[0], vmax=levels[-1])
    axes.contour(across, up, values, levels, colors="white", linewidths=0.4, linestyles="solid")
    axes.plot(X[:, 0], X[:, 1], **_POINTS)
    axes.set(aspect="equal", xticks=_ticks(side), yticks=_ticks(side), xlabel="$x_1$")


def _ticks(side: Array) -> tuple[float, float, float]:
    return side[0], (side[0] + side[-1]) / 2, side[-1]
