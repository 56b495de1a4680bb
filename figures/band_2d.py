"""Maps of the band for two inputs: how far the values of networks of nearly least cost can differ at each point.

At each point of a grid two dual arrays prove how far output 1 can move while the cost stays within 1 + 1e-6 times that of
the solution (`MultivariateSolution.band`): all minimisers lie inside. Upper row: the eight vertices of two squares
(Nakhleh, Shenouda and Nowak, arXiv 2410.21696, Figure 4), with label 0 on the outer and 1 on the inner one. Lower row:
eight Gaussian points and labels. Columns: the label alone; with four Gaussian auxiliary outputs; and in the limit of
infinitely many. By rotation invariance this limit is the problem whose labels are an orthonormal basis of all labels. The
first basis vector is the label without its affine part, divided by its norm.

The verdict is about the squares: with the label alone the band must be as wide as the range of the labels somewhere, and
in the limit it must be at most a tenth as wide everywhere.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from vvnorm.api.interpolation import interpolate
from vvnorm.claims import Verdict
from vvnorm.datasets import gaussian_auxiliary, two_squares
from vvnorm.plotting import COLOURS, FigureData, FigureScript, new_figure, rows
from vvnorm.results.multivariate import MultivariateSolution
from vvnorm.validation import Array

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_AUXILIARY, _SIGMA = 4, 0.5  # of the labels' range
_POINTS = 8
_SIDE, _QUICK_SIDE = 9, 3  # cells along each side of the map
_CLOSER = 0.1
_DATA = ("two squares", "random points")
_PROBLEMS = ("one output", f"{_AUXILIARY} auxiliary outputs", "infinitely many")
_LEAST = 1e-4  # smaller widths have the darkest colour


def compute(seed: int, quick: bool) -> FigureData:
    """Search and verify the bands; a quick run has fewer cells."""
    rng = np.random.default_rng(seed)
    squares, random = two_squares(), rng.standard_normal((_POINTS, 2))
    data = ((squares.X, squares.Y[:, 0]), (random, rng.standard_normal(_POINTS)))
    values: dict[str, Any] = {"X": [X for X, _ in data], "edges": [], "centres": [], "lower": [], "upper": []}
    complaints: list[str] = []
    for X, y in data:
        edges = np.linspace(X.min(axis=0), X.max(axis=0), (_QUICK_SIDE if quick else _SIDE) + 1)
        middle = (edges[1:] + edges[:-1]) / 2
        centres = np.stack(np.meshgrid(*middle.T), axis=-1).reshape(-1, 2)
        values["edges"].append(edges)
        values["centres"].append(centres)
        spread = float(np.ptp(y))
        for labels, factor, (level, *slopes) in _problems(X, y, rng):
            solution = interpolate(X, labels)
            assert isinstance(solution, MultivariateSolution)
            band = solution.band(centres, outputs=0)
            complaints += [*solution.verify().problems, *band.verify().problems]
            ends = band.outer[:, 0] * factor + (level + centres @ np.array(slopes))[:, None]
            values["lower"].append(ends[:, 0] / spread)
            values["upper"].append(ends[:, 1] / spread)
    widest = [float(np.max(high - low)) for low, high in zip(values["lower"], values["upper"], strict=True)]
    values["widest"] = np.array(widest)
    holds = widest[0] >= 1 and widest[2] <= _CLOSER
    return FigureData(values, Verdict.HOLDS if holds else Verdict.VIOLATED, complaints)


def _problems(X: Array, y: Array, rng: np.random.Generator) -> list[tuple[Array, float, Array]]:
    """Return labels (N, T), factor and coefficients (3,) of each problem: label = factor * output 1 + affine function."""
    with_auxiliary = np.column_stack([y, gaussian_auxiliary(y, _AUXILIARY, _SIGMA * float(np.ptp(y)), rng)[:, 1:]])
    affine = np.column_stack([np.ones(len(X)), X])
    coefficients = np.linalg.lstsq(affine, y, rcond=None)[0]
    gaussian = rng.standard_normal((len(X), len(X) - affine.shape[1] - 1))
    Q, R = np.linalg.qr(np.column_stack([affine, y - affine @ coefficients, gaussian]))
    factor = float(R[affine.shape[1], affine.shape[1]])  # negative where the basis vector has the opposite direction
    no_change = 1.0, np.zeros(affine.shape[1])
    limit = Q[:, affine.shape[1] :] * np.sign(factor), abs(factor), coefficients
    return [(y[:, None], *no_change), (with_auxiliary, *no_change), limit]


def plot(values: Mapping[str, Any]) -> "Figure":
    """Draw six maps on one scale, a row for each data set."""
    from matplotlib.colors import LogNorm

    figure = new_figure(7.2, 4.6)
    axes = figure.subplots(2, 3)
    scale = LogNorm(_LEAST, max(1.0, float(values["widest"].max())))
    for k, panel in enumerate(axes.flat):
        row, edges = k // 3, values["edges"][k // 3]
        width = np.maximum(values["upper"][k] - values["lower"][k], _LEAST).reshape(len(edges) - 1, -1)
        drawn = panel.pcolormesh(*edges.T, width, norm=scale, cmap="cividis", rasterized=True)
        panel.plot(*values["X"][row].T, ls="", marker="o", ms=3.5, mfc=COLOURS["orange"], mec=COLOURS["black"], mew=0.6)
        panel.set_title(f"({'abcdef'[k]}) {_PROBLEMS[k % 3]}\nwidest {values['widest'][k]:.2g}")
        panel.set(aspect="equal", xlabel="$x_1$" if row else "", ylabel="" if k % 3 else f"{_DATA[row]}\n$x_2$")
    figure.colorbar(drawn, ax=axes, label="width of the band / range of the labels", extend="min")
    return figure


def table(values: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Return the points, and by panel both ends of the band at each cell's centre, divided by the labels' range."""
    lines: list[Mapping[str, Any]] = []
    for name, X in zip(_DATA, values["X"], strict=True):
        lines += rows(panel=f"points of {name}", x_1=X[:, 0], x_2=X[:, 1])
    for k, (low, high) in enumerate(zip(values["lower"], values["upper"], strict=True)):
        centres = values["centres"][k // 3]
        lines += rows(panel="abcdef"[k], x_1=centres[:, 0], x_2=centres[:, 1], lower=low, upper=high)
    return lines


FIGURE = FigureScript(
    "band_2d",
    "on two squares one output leaves a band as wide as the labels' range, infinitely many auxiliary outputs hardly any",
    compute,
    plot,
    table,
    "Width of the band of output 1 at an excess of 1e-6, divided by the range of the labels. Two dual arrays prove it at "
    "the centre of each cell. (a) to (c): two squares. (d) to (f): random points. Columns: no, four and infinitely many "
    "Gaussian auxiliary outputs. The excess is relative to the cost of all outputs. Therefore, where output 1 alone has a "
    "unique minimiser, it may move more with auxiliary outputs.",
)
