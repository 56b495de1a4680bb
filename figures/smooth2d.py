"""Two inputs: the solution for noisy labels alone, and output 1 of the solution with Gaussian auxiliary labels beside them.

Both networks are trained, polished and certified to be nearly minimal in their VV norm. What the auxiliary labels do to
output 1, if anything, is for the eye and the mean gradient norm to say: the figure shows two solutions of one data set and
claims no more.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from figures.surfaces import draw_map, draw_relief, surface
from vvnorm.claims import Verdict
from vvnorm.data import Array, gaussian_auxiliary
from vvnorm.network import ReLUNetwork, row_norms
from vvnorm.plotting import FigureData, FigureScript, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_COLUMNS, _ROWS = 5, 4  # of the jittered grid of points
_AUXILIARY = 3
_NOISE = 0.3
_GAP, _FIT = 0.03, 1e-8  # largest certified relative gap and relative residual of what is called a solution here
_SAMPLES = 1 << 14
_SHOWN = 81
_LEVELS = 13


def compute(seed: int, quick: bool) -> FigureData:
    """Train with 1 output and with 4; certify the best network of each, twice."""
    rng = np.random.default_rng(seed)
    X = np.stack(np.meshgrid(np.linspace(-0.9, 0.9, _COLUMNS), np.linspace(-0.9, 0.9, _ROWS)), axis=-1).reshape(-1, 2)
    X = X + rng.uniform(-0.1, 0.1, X.shape)
    y = np.sin(2.5 * X[:, 0]) * np.cos(2 * X[:, 1]) + _NOISE * rng.standard_normal(len(X))
    side = np.linspace(-1, 1, _SHOWN)
    samples = rng.uniform(-1, 1, (_SAMPLES, 2))
    values: dict[str, Any] = {"X": X, "y": y, "side": side}
    complaints: list[str] = []
    solved = True
    for name, labels in (("single", y[:, None]), ("multi", gaussian_auxiliary(y, _AUXILIARY, float(y.std()), rng))):
        network, gap, fits, found = _trained(X, labels, quick)
        complaints += [f"{labels.shape[1]} outputs, {complaint}" for complaint in found]
        solved &= fits and gap <= _GAP
        slopes = row_norms(network.gradient(samples)[:, 0])
        values |= {f"{name} surface": surface(network, side), f"{name} gap": gap, f"{name} outputs": labels.shape[1]}
        values |= {f"{name} slope": slopes.mean(), f"{name} error": slopes.std() / np.sqrt(_SAMPLES)}
    return FigureData(values, Verdict.HOLDS if solved else Verdict.INCONCLUSIVE, complaints)


def _trained(X: Array, Y: Array, quick: bool) -> tuple[ReLUNetwork, float, bool, list[str]]:
    """Return the network of least certified gap, that gap, whether it interpolates, and complaints."""
    from vvnorm.training import train

    result = train(X, Y, seeds=4, steps=1000 if quick else 4000, polish=True, exact=True, progress=False)
    pairs = zip(result.networks, result.certificates(), strict=True)
    network, certificate = min(pairs, key=lambda pair: pair[1].gap)
    fits = certificate.relative_residual <= _FIT
    return network, certificate.gap, fits, certificate.complaints(network, X, Y, tol=np.inf)


def plot(values: Mapping[str, Any]) -> "Figure":
    """Output 1 of both with the points: surfaces, from one place on one scale, and maps."""
    figure = new_figure(6.4, 5.8)
    X, y, side = values["X"], values["y"], values["side"]
    surfaces = [values["single surface"], values["multi surface"]]
    limits = min(s.min() for s in surfaces), max(s.max() for s in surfaces)
    for k, (name, heights) in enumerate(zip(("single", "multi"), surfaces, strict=True)):
        relief = figure.add_subplot(2, 2, k + 1, projection="3d", computed_zorder=False)
        drawn = draw_relief(relief, side, heights, X, y, limits)
        outputs = values[f"{name} outputs"]
        heading = "one output" if outputs == 1 else f"output 1 of {outputs}; the others: Gaussian labels"
        relief.set_title(f"{heading}\ncertified gap {100 * values[f'{name} gap']:.2g} %", y=1.07)
        plane = figure.add_subplot(2, 2, k + 3)
        draw_map(plane, side, heights, X, np.linspace(*limits, _LEVELS))
        plane.set(ylabel="$x_2$" if k == 0 else None)
        plane.set_title(rf"mean $\|\nabla f_1\|$: {values[f'{name} slope']:.3f} $\pm$ {values[f'{name} error']:.3f}")
    figure.colorbar(drawn, ax=figure.axes, shrink=0.5, label="output 1")
    return figure


FIGURE = FigureScript(
    "smooth2d",
    "interpolants of two inputs of nearly least VV norm, alone and with Gaussian auxiliary outputs, on the same labels",
    compute,
    plot,
)
