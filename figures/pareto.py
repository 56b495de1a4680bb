"""The Pareto front of two tasks at one VV norm, on real data, and trained networks beside it.

Each point of the front minimises a weighted sum of the two losses within the budget, with a proof. Each proof is a line
below which no network of that VV norm lies. So the true front runs between the polygon of the points and the envelope of
the lines. Networks trained under each weighting are drawn over it. Each is compared with the front at the budget, or at its
own VV norm if that is larger.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from vvnorm.claims import Verdict
from vvnorm.datasets import builtin_dataset
from vvnorm.multitask.pareto import ParetoFront, pareto_front
from vvnorm.network import ReLUNetwork
from vvnorm.plotting import COLOURS, FigureData, FigureScript, new_figure, rows
from vvnorm.validation import Array

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_TASKS = ("waist", "pulse")
_BUDGET = 6.0  # standard deviations of the labels per standard deviation of the input
_TOL = 1e-6
_SEEDS = 5
_CONVEX = 1e-4  # relative: slopes of chords may decrease by this, since points are on the front up to the gap only
_LOOKS = (("orange", "o"), ("green", "s"), ("purple", "^"), ("sky", "D"), ("red", "v"), ("blue", "P"), ("black", "X"))

WEIGHTINGS = {
    "equal": "sum of losses",
    "learned": "learned",
    "uncertainty": "uncertainty",
    "gradnorm": "GradNorm",
    "mgda": "MGDA",
    "mgda_ub": "MGDA-UB",
}


def trained_networks(front: ParetoFront, weighting: str, seed: int, quick: bool) -> Sequence[ReLUNetwork]:
    """Train under a weighting of mean losses, at the lam for which the minimiser of the plain sum costs the budget."""
    from vvnorm.multitask.tasks import as_tasks, mean_weights
    from vvnorm.training import train_tasks

    support = pareto_front(front.data.X, front.data.Y, front.vv_norm, mixtures=[[0.5, 0.5]]).supports[0]
    steps, seeds = (500, 2) if quick else (5000, _SEEDS)
    chosen = [seed * _SEEDS + k for k in range(seeds)]
    means = mean_weights(front.data.Y, as_tasks(None, "squared", 2))
    options: dict[str, Any] = {"lam": 2 * support.lam / len(means), "seeds": chosen, "steps": steps, "progress": False}
    return train_tasks(front.data.X, front.data.Y, weights=means, weighting=weighting, **options).networks


def compute(seed: int, quick: bool) -> FigureData:
    """Trace the front of waist and pulse against sit-ups (linnerud), standardised; train networks, and certify all."""
    data = builtin_dataset("linnerud")
    columns = [data.y_names.index(name) for name in _TASKS]
    x, Y = _standardised(data.X), _standardised(data.Y[:, columns])
    front = pareto_front(x, Y, _BUDGET, mixtures=9 if quick else 41, tol=_TOL)
    complaints = list(front.verify().problems)
    trained = {
        label: judge_networks(front, trained_networks(front, name, seed, quick)) for name, label in WEIGHTINGS.items()
    }
    values = {
        "mixtures": front.mixtures,
        "losses": front.losses,
        "bounds": front.bounds,
        "gaps": front.gaps,
        "vv_norm": front.vv_norm,
        "trained": trained,
    }
    return FigureData(values, Verdict.HOLDS if _is_front(front) else Verdict.VIOLATED, complaints)


def judge_networks(front: ParetoFront, networks: Sequence[ReLUNetwork]) -> dict[str, Array]:
    """Return the losses of networks (`points`, (n, 2)), their `vv_norms` (n,), and their certified `excess` (n, 2)."""
    points = np.array([front.data.task_losses(network) for network in networks])
    costs = np.array([network.vv_norm for network in networks])
    return {"points": points, "vv_norms": costs, "excess": np.column_stack(front.excess(points, costs))}


def _standardised(values: Array) -> Array:
    return np.asarray((values - values.mean(axis=0)) / values.std(axis=0))


def _is_front(front: ParetoFront) -> bool:
    """Whether all points are certified, decreasing and convex; the end points may be only weakly Pareto optimal."""
    first, second = front.losses[1:-1].T
    slopes = np.diff(second) / np.diff(first)
    falls = np.all(np.diff(first) > 0) and np.all(np.diff(second) < 0)
    return bool(np.all(front.gaps <= _TOL) and falls and np.all(np.diff(slopes) >= -_CONVEX * np.abs(slopes[1:])))


def envelope(mixtures: Array, bounds: Array, first: Array) -> Array:
    """Return the least loss of task 2 that the proofs allow at given losses of task 1; inf if they allow none."""
    inner = mixtures[:, 1] > 0
    lines = (bounds[inner, None] - mixtures[inner, :1] * first) / mixtures[inner, 1:]
    ends = bounds[~inner] / mixtures[~inner, 0]
    return np.where(first < np.max(ends, initial=0.0), np.inf, lines.max(axis=0))


def plot(values: Mapping[str, Any]) -> "Figure":
    """Draw the impossible region, the front and trained networks; losses are divided by those of the best lines."""
    losses = values["losses"]
    unit = np.array([losses[-1, 0], losses[0, 1]])  # at each end of the front one task is fitted by its best line
    figure = new_figure(4.8, 5.4)
    axes = figure.subplots()
    low, high = _ends(values, unit)
    first = np.union1d(np.linspace(low[0], high[0], 2001), losses[:, 0] / unit[0])
    proved = envelope(values["mixtures"] * unit, values["bounds"], first)
    axes.fill_between(
        first, low[1], np.minimum(proved, high[1]), color=COLOURS["grey"], alpha=0.25, lw=0,
        label=f"proved impossible at VV norm {values['vv_norm']:g}",
    )  # fmt: skip
    axes.plot(*(losses / unit).T, "-", lw=1, color=COLOURS["blue"], marker=".", ms=5, label="front, certified")
    for k, ((label, networks), (colour, marker)) in enumerate(zip(values["trained"].items(), _LOOKS, strict=False)):
        # If networks of several weightings coincide, the first weighting is drawn on top, and smaller.
        look = {"color": COLOURS[colour], "marker": marker, "ms": 4 + 0.6 * k, "zorder": 3 + len(_LOOKS) - k}
        _draw_trained(axes, label, networks, unit, values["vv_norm"], look)
    if any(np.any(networks["vv_norms"] > values["vv_norm"]) for networks in values["trained"].values()):
        label = f"open markers: VV norm above {values['vv_norm']:g}; the grey region does not apply to these"
        axes.plot([], [], "o", ls="", ms=5, mfc="none", color=COLOURS["grey"], label=label)
    names = [f"loss on {name} / loss of a line" for name in _TASKS]
    axes.set(xlabel=names[0], ylabel=names[1], xlim=(low[0], high[0]), ylim=(low[1], high[1]))
    figure.legend(loc="outside lower center", fontsize="small")
    return figure


def _ends(values: Mapping[str, Any], unit: Array) -> tuple[Array, Array]:
    """Return the limits of the axes, which enclose the front, the losses of the lines, and trained networks."""
    shown = [values["losses"], *(networks["points"] for networks in values["trained"].values())]
    reached = np.vstack([np.ones((1, 2)), *(points / unit for points in shown)])
    return reached.min(axis=0) - 0.03, reached.max(axis=0) + 0.03


def _draw_trained(
    axes: Any, label: str, networks: Mapping[str, Array], unit: Array, budget: float, look: Mapping[str, Any]
) -> None:
    """Draw networks within the budget filled and others open; the legend has the median of their excess losses."""
    points, within = networks["points"] / unit, networks["vv_norms"] <= budget
    lower, upper = np.median(networks["excess"], axis=0)
    text = f"{label} (VV norm {np.median(networks['vv_norms']):.1f}): {lower:.1%} to {upper:.1%} above the front"
    for chosen, face in ((within, look["color"]), (~within, "none")):
        axes.plot(*points[chosen].T, ls="", mfc=face, **look)
    axes.plot([], [], ls="", label=text, **look)


def table(values: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Return points of the front with mixtures and bounds, and trained networks with VV norms and certified excess."""
    names = [f"loss_{name}" for name in _TASKS]
    weights = [f"weight_{name}" for name in _TASKS]
    lines = rows(
        kind="front", **dict(zip(names, values["losses"].T, strict=True)), vv_norm=values["vv_norm"],
        **dict(zip(weights, values["mixtures"].T, strict=True)), lower_bound=values["bounds"], gap=values["gaps"],
    )  # fmt: skip
    for label, trained in values["trained"].items():
        lower, upper = trained["excess"].T
        lines += rows(
            kind=f"trained, {label}", **dict(zip(names, trained["points"].T, strict=True)), vv_norm=trained["vv_norms"],
            excess_at_least=lower, excess_at_most=upper,
        )  # fmt: skip
    return lines


FIGURE = FigureScript(
    "pareto",
    "the certified Pareto front of two tasks' losses at one VV norm, and trained networks beside it",
    compute,
    plot,
    table,
    "Losses on two tasks (linnerud data), each divided by the loss of the best line. Grey: proved impossible for networks "
    "within the budget of VV norm. Markers: networks trained under each weighting of the losses; the legend gives the "
    "median of their excess above the front. Open markers: VV norm above the budget, so that the grey region does not "
    "apply.",
)
