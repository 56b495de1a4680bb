"""One output: many solutions. The same data with one Gaussian auxiliary output: one solution, which training finds.

Source: Nakhleh, Shenouda and Nowak (arXiv 2410.21696), Theorem 3.1.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from vvnorm.api.interpolation import interpolate
from vvnorm.claims import Verdict
from vvnorm.datasets import gaussian_auxiliary
from vvnorm.plotting import COLOURS, FigureData, FigureScript, new_figure, rows
from vvnorm.results.interpolant import Interpolant
from vvnorm.results.solution import Solution
from vvnorm.validation import Array

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_NEAR, _COST = 0.03, 0.01  # relative to the labels' range, and to R(D), as in the claim trained_networks
_APART = 0.25


def compute(seed: int, quick: bool) -> FigureData:
    """Solve, train and certify both problems.

    The auxiliary output is redrawn until neighbouring curvatures are apart (1 - cos >= 1/4), much as in the claim
    trained_networks. Nearly aligned curvatures would need longer training before the effect is visible.
    """
    rng = np.random.default_rng(seed)
    x = np.cumsum(rng.uniform(0.8, 1.0, 9))
    y = np.array([1.0, 0.1, 0.2, 1.1, 0.9, 0.0, -0.1, 0.6, 0.7])
    single = interpolate(x, y)
    while True:
        double = interpolate(x, gaussian_auxiliary(y, 1, 0.5, rng))
        dual = double.dual
        if np.all(np.sum(dual[1:-2] * dual[2:-1], axis=1) <= 1 - _APART):
            break
    assert isinstance(single, Interpolant)
    assert isinstance(double, Interpolant)
    t = np.linspace(x[0] - 0.3, x[-1] + 0.3, 2001)
    values: dict[str, Any] = {"t": t, "x": x, "y": y, "dots": single(t)[:, 0], "auxiliary": double.Y[:, 1]}
    values["low"], values["high"] = (side[:, 0] for side in single.band(t))
    values["sparsest"] = single.sparsest()(t)[:, 0]
    complaints = [*single.verify().problems, *double.verify().problems]
    if single.unique or not double.unique:
        complaints.append("the first problem should have many solutions, and the second a single solution")
    distances = {}
    for name, solution in (("single", single), ("double", double)):
        values[name], distances[name], problems = _trained(solution, t, 1000 if quick else 5000)
        complaints += problems
    as_claimed = max(distances["double"]) <= _NEAR < max(distances["single"])
    return FigureData(values, Verdict.HOLDS if as_claimed else Verdict.INCONCLUSIVE, complaints)


def _trained(solution: Solution, t: Array, steps: int) -> tuple[Array, list[float], list[str]]:
    """Return first outputs of trained networks at t (seeds, n), relative distances to connect-the-dots, and complaints."""
    from figures.trained import interpolant_certificates
    from vvnorm.training import train

    result = train(solution.X, solution.Y, seeds=6, steps=steps, progress=False)
    certificates = interpolant_certificates(result)
    spread = float(np.ptp(solution.Y, axis=0).max())
    complaints = [
        f"seed {seed} ended {certificate.gap:.2%} from the optimum, relative residual {certificate.relative_residual:.1e}"
        for seed, certificate in zip(result.seeds, certificates, strict=True)
        if abs(certificate.gap) > _COST or certificate.relative_residual > _COST
    ]
    curves = np.array([network(t)[:, 0] for network in result.networks])
    return curves, [certificate.distance / spread for certificate in certificates], complaints


def plot(values: Mapping[str, Any]) -> "Figure":
    """Draw the problem of one output above, and the first output of the problem of two outputs below."""
    figure = new_figure(6.4, 4.6)
    top, bottom = figure.subplots(2, 1, sharex=True, sharey=True)
    t = values["t"]
    top.fill_between(
        t, values["low"], values["high"], color=COLOURS["sky"], alpha=0.45, lw=0, label="band of all solutions"
    )
    for axes, name in ((top, "single"), (bottom, "double")):
        for k, curve in enumerate(values[name]):
            axes.plot(t, curve, color=COLOURS["orange"], lw=0.9, label="trained networks" if k == 0 else None)
    top.plot(t, values["sparsest"], color=COLOURS["green"], ls="--", label="sparsest solution")
    for axes in (top, bottom):
        axes.plot(t, values["dots"], color=COLOURS["blue"], lw=1.2, ls=(0, (1, 1)), label="connect-the-dots")
        axes.plot(values["x"], values["y"], "o", ms=4, color=COLOURS["black"], zorder=5)
        axes.set_ylabel("output 1")
        axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    top.set_title("one output: many solutions of least VV norm", loc="left")
    bottom.set_title("with one Gaussian auxiliary output: one solution", loc="left")
    bottom.set_xlabel("$x$")
    return figure


def table(values: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Return the points, the curves of output 1, and both ends of the band of all solutions."""
    t = values["t"]
    curves = {"connect-the-dots": values["dots"], "sparsest solution": values["sparsest"]}
    for name, title in (("single", "one output"), ("double", "with auxiliary output")):
        curves |= {f"trained network {k}, {title}": curve for k, curve in enumerate(values[name])}
    lines = rows(curve="data", x=values["x"], output_1=values["y"], auxiliary=values["auxiliary"])
    for name, curve in curves.items():
        lines += rows(curve=name, x=t, output_1=curve)
    return lines + rows(curve="band of all solutions", x=t, low=values["low"], high=values["high"])


FIGURE = FigureScript(
    "uniqueness",
    "a Gaussian auxiliary output makes connect-the-dots the only solution, and training finds it",
    compute,
    plot,
    table,
    "Top: one output. All interpolants of least VV norm lie in the band; thin lines are six trained networks. "
    "Bottom: the same output with one Gaussian auxiliary output, drawn so that neighbouring curvatures are not nearly "
    "aligned.",
)
