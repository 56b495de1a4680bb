"""Two inputs and noise labels: output 1 alone, with Gaussian auxiliary outputs, and in the limit of infinitely many.

All three networks are certified minimal-VV-norm interpolants of the same labels, drawn as in the studies
(`vvnorm.studies.targets`). Means of the gradient's norm over the points' hull are exact, and the panels show this hull.
This is a single data set; the figure `gradient_norm` shows averages.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from figures.surfaces import draw_map, draw_relief, hull_mesh, surface, surface_rows
from vvnorm.analysis.measures import mean_gradient_norm
from vvnorm.analysis.regions import Hull
from vvnorm.api.interpolation import interpolate
from vvnorm.claims import Verdict
from vvnorm.plotting import FigureData, FigureScript, new_figure
from vvnorm.studies.experiment import auxiliary_labels
from vvnorm.studies.run import INFINITE, Run
from vvnorm.studies.targets import TARGETS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_TARGET, _POINTS, _BRIEF_POINTS = "noise", 25, 15
_AUXILIARY = (0, 16, INFINITE)
_TOL = 1e-6
_LEVELS = 13


def compute(seed: int, quick: bool) -> FigureData:
    """Solve for three numbers of auxiliary outputs and certify each solution."""
    points = _BRIEF_POINTS if quick else _POINTS
    sample = TARGETS[_TARGET].draw(2, points, seed)
    mesh = hull_mesh(sample.X)
    values: dict[str, Any] = {"X": sample.X, "y": sample.y[:, 0], "mesh": mesh, "auxiliary": _AUXILIARY}
    complaints: list[str] = []
    surfaces, slopes, gaps = [], [], []
    for m in _AUXILIARY:
        Y = sample.y
        if m != INFINITE:
            Y = np.hstack([Y, auxiliary_labels(Run(_TARGET, 2, points, m, float(m > 0), "gaussian", "certified", seed))])
        solution = interpolate(sample.X, Y, tol=_TOL, auxiliary="infinite" if m == INFINITE else None)
        complaints += [f"m = {m}: {complaint}" for complaint in solution.verify().problems]
        surfaces.append(surface(solution.network, mesh))
        slopes.append(mean_gradient_norm(solution.network, Hull(sample.X), exact=True).mean)
        gaps.append(solution.gap)
    values |= {"surfaces": surfaces, "slopes": np.array(slopes), "gaps": np.array(gaps)}
    smoother = slopes[0] > max(slopes[1:])
    return FigureData(values, Verdict.HOLDS if smoother else Verdict.VIOLATED, complaints)


def plot(values: Mapping[str, Any]) -> "Figure":
    """Draw surfaces from one viewpoint on one scale, and maps below them."""
    figure = new_figure(7.2, 5.0)
    X, y, mesh, surfaces = (values[name] for name in ("X", "y", "mesh", "surfaces"))
    limits = min(s.min() for s in surfaces), max(s.max() for s in surfaces)
    for k, (m, heights) in enumerate(zip(values["auxiliary"], surfaces, strict=True)):
        relief = figure.add_subplot(2, 3, k + 1, projection="3d", computed_zorder=False)
        drawn = draw_relief(relief, mesh, heights, X, y, limits)
        relief.set_title(_heading(m), y=1.07)
        plane = figure.add_subplot(2, 3, k + 4)
        draw_map(plane, mesh, heights, X, np.linspace(*limits, _LEVELS))
        plane.set(ylabel="$x_2$" if k == 0 else None)
        plane.set_title(f"mean $\\|\\nabla f_1\\|$ over the hull:\n{values['slopes'][k]:.3f}")
    figure.colorbar(drawn, ax=figure.axes, shrink=0.5, label="output 1")
    return figure


def _heading(m: float) -> str:
    if m == INFINITE:
        return "with infinitely many"
    return f"with {m:g} Gaussian outputs" if m else "one output"


def table(values: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Return the surfaces over the hull with their mean gradient norms and certified gaps, and the points."""
    surfaces = dict(zip(map(_heading, values["auxiliary"]), values["surfaces"], strict=True))
    numbers = {"mean_gradient_norm": values["slopes"], "gap": values["gaps"]}
    return surface_rows(values["mesh"], surfaces, values["X"], values["y"], **numbers)


FIGURE = FigureScript(
    "smooth_example",
    "on this data set of noise, output 1 is smoother with Gaussian auxiliary outputs than alone",
    compute,
    plot,
    table,
    "Certified interpolants of the same labels of output 1, over the hull of the points: surfaces, and maps below them on "
    r"the same scale. The mean of $\|\nabla f_1\|$ is over the hull, uniformly, and exact.",
)
