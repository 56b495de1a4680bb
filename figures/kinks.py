"""Kinks in the plane of solutions with one output and with twenty (claim `kinks_through_data`).

Both networks interpolate the same 25 points with certified least VV norm and few neurons; for one output the network is a
vertex of the set of solutions. A kink is the line where a neuron becomes active. Its line width is the neuron's share of
the cost, with a visible minimum. This is one data set: the verdict only says in which of the two solutions kinks through
two points have the larger share. The claim is about many data sets.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from vvnorm._internal.words import count
from vvnorm.api.interpolation import interpolate
from vvnorm.claims import Verdict
from vvnorm.network import ReLUNetwork, row_norms
from vvnorm.plotting import COLOURS, FigureData, FigureScript, new_figure, rows
from vvnorm.validation import Array

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_POINTS, _OUTPUTS = 25, (1, 20)
_THROUGH = 1e-9  # distance, relative to the points' extent, up to which a kink passes through a point
_GAP = 1e-8
_WIDEST, _THINNEST = 4.0, 0.25  # line widths in points


def compute(seed: int, quick: bool) -> FigureData:
    """Solve for one output and for twenty with the same first output; `quick` changes nothing."""
    del quick
    rng = np.random.default_rng(seed)
    X, Y = rng.uniform(-1, 1, (_POINTS, 2)), rng.standard_normal((_POINTS, max(_OUTPUTS)))
    values: dict[str, Any] = {"X": X, "outputs": _OUTPUTS, "lines": [], "cost": [], "two": [], "share": []}
    complaints: list[str] = []
    for outputs in _OUTPUTS:
        solution = interpolate(X, Y[:, :outputs], tol=_GAP).sparsify()
        complaints += [f"{count(outputs, 'output')}: {complaint}" for complaint in solution.verify().problems]
        lines, cost = _kinks(solution.network)
        two = np.sum(np.abs(lines[:, :2] @ X.T + lines[:, 2:]) <= _THROUGH * np.ptp(X, axis=0).max(), axis=1) >= 2
        values["lines"].append(lines)
        values["cost"].append(cost / cost.sum())
        values["two"].append(two)
        values["share"].append(float(cost[two].sum() / cost.sum()))
    few, many = values["share"]
    return FigureData(values, Verdict.HOLDS if few < many else Verdict.VIOLATED, complaints)


def _kinks(f: ReLUNetwork) -> tuple[Array, Array]:
    """Return kinks as rows (w, b) with ||w|| = 1, shape (K, 3), and their costs, shape (K,)."""
    size = row_norms(f.W)
    return np.column_stack([f.W, f.b]) / size[:, None], size * row_norms(f.V.T)


def plot(values: Mapping[str, Any]) -> "Figure":
    """Draw the kinks of one output left and of twenty right; solid lines pass through two points, dashed ones do not."""
    figure = new_figure(6.4, 3.7)
    widest = max(cost.max() for cost in values["cost"])
    panels = zip(values["outputs"], values["lines"], values["cost"], values["two"], values["share"], strict=True)
    for axes, (outputs, lines, costs, two, share) in zip(figure.subplots(1, 2, sharey=True), panels, strict=True):
        for (a, b, c), cost, through in sorted(zip(lines, costs, two, strict=True), key=lambda kink: -kink[1]):
            colour, dashes = (COLOURS["blue"], "-") if through else (COLOURS["orange"], (0, (3, 1.5)))
            width = max(_WIDEST * cost / widest, _THINNEST)
            axes.axline((-c * a, -c * b), (-c * a - b, -c * b + a), color=colour, ls=dashes, lw=width)
        axes.plot(*values["X"].T, "o", ms=4, color=COLOURS["black"], mec="white", mew=0.7, zorder=3)
        axes.set(xlim=(-1.1, 1.1), ylim=(-1.1, 1.1), aspect="equal", xticks=(-1, 0, 1), yticks=(-1, 0, 1), xlabel="$x_1$")
        axes.set_title(
            f"{count(outputs, 'output')}, {count(len(lines), 'neuron')}:\n{100 * share:.0f} % of the cost, "
            f"{np.count_nonzero(two)} kinks through two points"
        )
        axes.plot([], [], color=COLOURS["blue"], label="through two points")
        axes.plot([], [], color=COLOURS["orange"], ls=(0, (3, 1.5)), label="through fewer")
    figure.axes[0].set_ylabel("$x_2$")
    figure.legend(
        *figure.axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2, title="width: share of cost"
    )
    return figure


def table(values: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Return each kink as the line w_1 x_1 + w_2 x_2 + b = 0 with its share of the cost, and the points."""
    table_rows = rows(kind="point", x_1=values["X"][:, 0], x_2=values["X"][:, 1])
    for outputs, lines, cost, two in zip(*(values[name] for name in ("outputs", "lines", "cost", "two")), strict=True):
        w_1, w_2, b = lines.T
        table_rows += rows(kind="kink", outputs=outputs, w_1=w_1, w_2=w_2, b=b, part_of_cost=cost, through_two_points=two)
    return table_rows


FIGURE = FigureScript(
    "kinks",
    "kinks through two data points have a larger share of the cost of an interpolant with 20 outputs than with one output",
    compute,
    plot,
    table,
    "A kink is the line where a neuron becomes active; its width is the neuron's share of the cost. Solid lines pass "
    "through two or more data points, dashed ones through fewer. One data set.",
)
