"""Two inputs: the solution for noise alone, output 1 with Gaussian auxiliary outputs, and the difference of the two.

Both networks are trained, polished and certified to be nearly minimal in VV norm. The difference is drawn on a scale of its
own. Means of the gradient's norm over the points' hull are exact. The figure shows two solutions of one data set and claims
no more; `smooth_example` shows certified minimisers, and `gradient_norm` averages over data sets.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from figures.surfaces import draw_map, draw_relief, hull_mesh, surface, surface_rows
from vvnorm._internal.words import count
from vvnorm.analysis.measures import mean_gradient_norm
from vvnorm.analysis.regions import Hull
from vvnorm.claims import Verdict
from vvnorm.datasets import gaussian_auxiliary
from vvnorm.network import ReLUNetwork
from vvnorm.plotting import FigureData, FigureScript, new_figure
from vvnorm.validation import Array

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_COLUMNS, _ROWS = 5, 4  # of the jittered grid of points
_AUXILIARY = 8
_GAP, _FIT = 0.03, 1e-8  # largest certified relative gap and residual of a network that counts as a solution here
_LEVELS = 13


def compute(seed: int, quick: bool) -> FigureData:
    """Train with 1 output and with 9, certify the best network of each, and check the certificates."""
    rng = np.random.default_rng(seed)
    X = np.stack(np.meshgrid(np.linspace(-0.9, 0.9, _COLUMNS), np.linspace(-0.9, 0.9, _ROWS)), axis=-1).reshape(-1, 2)
    X = X + rng.uniform(-0.1, 0.1, X.shape)
    y = rng.standard_normal(len(X))
    mesh = hull_mesh(X)
    values: dict[str, Any] = {"X": X, "y": y, "mesh": mesh}
    complaints: list[str] = []
    solved = True
    for name, labels in (("single", y[:, None]), ("multi", gaussian_auxiliary(y, _AUXILIARY, float(y.std()), rng))):
        network, gap, fits, problems = _trained(X, labels, quick)
        complaints += [f"{count(labels.shape[1], 'output')}, {complaint}" for complaint in problems]
        solved &= fits and gap <= _GAP
        slope = mean_gradient_norm(network, Hull(X), exact=True).mean
        values |= {f"{name} surface": surface(network, mesh), f"{name} gap": gap, f"{name} slope": slope}
    return FigureData(values, Verdict.HOLDS if solved else Verdict.INCONCLUSIVE, complaints)


def _trained(X: Array, Y: Array, quick: bool) -> tuple[ReLUNetwork, float, bool, list[str]]:
    """Return the network of least certified gap, that gap, whether it interpolates, and complaints."""
    from figures.trained import interpolant_certificates
    from vvnorm.training import train

    result = train(X, Y, seeds=2 if quick else 4, steps=600 if quick else 4000, polish=True, exact=True, progress=False)
    pairs = zip(result.networks, interpolant_certificates(result), strict=True)
    network, certificate = min(pairs, key=lambda pair: pair[1].gap)
    fits = certificate.relative_residual <= _FIT
    return network, certificate.gap, fits, certificate.complaints(network, X, Y, tol=np.inf)


def plot(values: Mapping[str, Any]) -> "Figure":
    """Draw output 1 of both as surfaces and maps on one scale, and their difference on its own scale on the right."""
    figure = new_figure(7.6, 4.6)
    X, y, mesh = values["X"], values["y"], values["mesh"]
    surfaces = [values["single surface"], values["multi surface"]]
    limits = min(s.min() for s in surfaces), max(s.max() for s in surfaces)
    for k, (name, heights) in enumerate(zip(("single", "multi"), surfaces, strict=True)):
        relief = figure.add_subplot(2, 3, k + 1, projection="3d", computed_zorder=False)
        drawn = draw_relief(relief, mesh, heights, X, y, limits)
        relief.set_title(f"{_HEADINGS[k]}\ncertified gap {100 * values[f'{name} gap']:.2g} %", y=1.07)
        plane = figure.add_subplot(2, 3, k + 4)
        draw_map(plane, mesh, heights, X, np.linspace(*limits, _LEVELS))
        plane.set(ylabel="$x_2$" if k == 0 else None)
        plane.set_title(f"mean $\\|\\nabla f_1\\|$ over the hull:\n{values[f'{name} slope']:.3f}")
    beside = figure.add_subplot(2, 3, 3)
    beside.set_axis_off()
    figure.colorbar(drawn, ax=beside, location="left", label="output 1")
    change = surfaces[1] - surfaces[0]
    reach = float(np.max(np.abs(change))) or 1.0
    plane = figure.add_subplot(2, 3, 6)
    drawn = draw_map(plane, mesh, change, X, np.linspace(-reach, reach, _LEVELS), "PuOr")
    plane.set_title(f"second minus first:\nat most {reach:.2f}")
    figure.colorbar(drawn, ax=plane, label="difference of output 1", ticks=[-reach, 0, reach], format="%.2f")
    return figure


_HEADINGS = ("one output", f"with {_AUXILIARY} Gaussian outputs")


def table(values: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Return both surfaces over the hull with their mean gradient norms and certified gaps, and the points."""
    surfaces = {heading: values[f"{name} surface"] for heading, name in zip(_HEADINGS, ("single", "multi"), strict=True)}
    numbers = {"mean_gradient_norm": "slope", "gap": "gap"}
    others = {column: [values[f"{name} {key}"] for name in ("single", "multi")] for column, key in numbers.items()}
    return surface_rows(values["mesh"], surfaces, values["X"], values["y"], **others)


FIGURE = FigureScript(
    "smooth2d",
    "interpolants of two inputs of nearly least VV norm, alone and with Gaussian auxiliary outputs, on the same labels",
    compute,
    plot,
    table,
    "Trained and polished networks with certified gaps, over the hull of the points: surfaces, and maps below them on the "
    r"same scale; right: the difference of the two, on its own scale. The mean of $\|\nabla f_1\|$ is over the hull, "
    "uniformly, and exact.",
)
