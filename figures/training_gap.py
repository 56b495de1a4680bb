"""Training with constant lam stops far above the least VV norm; training with lam lowered gradually reaches it.

So does the proximal method with lam lowered gradually. With one input, the least VV norm of a network with given values at
the data is known exactly. So the excess of the trained network over it is exact at every step, whether or not the network
fits the labels yet. Once the residual is negligible, this is the excess over the least VV norm of an interpolant.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from vvnorm.api.certification import certify
from vvnorm.api.interpolation import interpolate
from vvnorm.claims import Verdict
from vvnorm.network import ReLUNetwork
from vvnorm.plotting import COLOURS, FigureData, FigureScript, new_figure, rows
from vvnorm.validation import Array

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_POINTS, _OUTPUTS, _SEEDS = 12, 3, 6
_COST, _FIT = 0.01, 1e-3  # largest relative gap and residual of a network that counts as a minimal-norm interpolant here
_FLOOR = 1e-15  # least excess drawn: rounding
_METHODS: dict[str, tuple[str, dict[str, Any], str, Any]] = {
    "constant": ("constant $\\lambda$", {"schedule": "constant"}, "orange", "--"),
    "continuation": ("$\\lambda$ lowered gradually", {}, "blue", "-"),
    "proximal": ("the same, proximal", {"optimizer": "proximal"}, "green", (0, (4, 1, 1, 1))),
}


def compute(seed: int, quick: bool) -> FigureData:
    """Train by three methods from the same kinks, polish, certify every network, and check each certificate.

    Networks trained at constant lam need not interpolate, since some lose kinks that interpolation needs. Their excess
    refers to the least cost of their own values at the data, which the closed form certifies.
    """
    from figures.trained import interpolant_certificates
    from vvnorm.training import train
    from vvnorm.training.reoptimisation import polish

    rng = np.random.default_rng(seed)
    x = (np.arange(_POINTS) + rng.uniform(-0.3, 0.3, _POINTS)) / (_POINTS - 1)
    Y = rng.standard_normal((_POINTS, _OUTPUTS))
    values: dict[str, Any] = {}
    ends: dict[str, Array] = {}
    complaints: list[str] = []
    near = True
    for name, (_, options, _, _) in _METHODS.items():
        result = train(x, Y, seeds=_SEEDS, steps=600 if quick else 5000, progress=False, **options)
        certificates = interpolant_certificates(result)
        polished = [polish(network, x, Y, result.lam).network for network in result.networks]
        if name != "constant":
            near &= all(abs(c.gap) <= _COST and c.relative_residual <= _FIT for c in certificates)
        complaints += [
            f"{name}, {complaint}"
            for pair in zip(result.networks + polished, certificates + [certify(f, x, Y) for f in polished], strict=True)
            for complaint in pair[1].complaints(pair[0], x, Y, tol=np.inf)
        ]
        values["steps"] = result.history["step"]
        values[f"{name} excess"] = result.history["excess"]
        values[f"{name} residual"] = np.sqrt(2 * result.history["loss"] / Y.size) / np.ptp(Y)
        ends[name], problems = _excess(result.networks, x)
        values[f"{name} polished"], polished_problems = _excess(polished, x)
        complaints += [f"{name}, {complaint}" for complaint in problems + polished_problems]
    gradual = np.append(ends["continuation"], ends["proximal"])
    holds = near and bool(np.max(gradual) < np.min(ends["constant"]))
    return FigureData(values, Verdict.HOLDS if holds else Verdict.INCONCLUSIVE, complaints)


def _excess(networks: list[ReLUNetwork], x: Array) -> tuple[Array, list[str]]:
    """Return the relative excess of networks over the least cost of their own values at x, and complaints."""
    excess: list[float] = []
    complaints: list[str] = []
    for network in networks:
        least = interpolate(x, network(x))
        complaints += least.verify().problems
        excess.append(network.vv_norm / least.value - 1)
    return np.array(excess), complaints


def plot(values: Mapping[str, Any]) -> "Figure":
    """Draw the excess of the VV norm above and the residual below, against steps; diamonds are polished networks."""
    figure = new_figure(5.6, 4.8)
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    steps = values["steps"]
    for k, (name, (label, _, colour, dashes)) in enumerate(_METHODS.items()):
        for axes, quantity in ((top, "excess"), (bottom, "residual")):
            curves = np.maximum(values[f"{name} {quantity}"], _FLOOR)
            axes.fill_between(steps, curves.min(axis=1), curves.max(axis=1), color=COLOURS[colour], alpha=0.25, lw=0)
            axes.plot(steps, np.median(curves, axis=1), color=COLOURS[colour], ls=dashes, label=label)
        gaps = np.maximum(values[f"{name} polished"], _FLOOR)
        middle = np.median(gaps)
        top.errorbar(
            steps[-1] * (1.03 + 0.02 * k), middle, [[middle - gaps.min()], [gaps.max() - middle]], fmt="D", ms=4, lw=1,
            color=COLOURS[colour],
        )  # fmt: skip
    top.plot([], [], "D", ms=4, color=COLOURS["black"], label="polished")
    top.fill_between([], [], color=COLOURS["grey"], alpha=0.4, lw=0, label=f"range of {_SEEDS} seeds")
    top.set(yscale="log", ylabel="VV norm above the least\nfor the fitted values, relative")
    bottom.set(yscale="log", ylabel="root-mean-square residual\n/ label range", xlabel="step")
    figure.legend(*top.get_legend_handles_labels(), loc="outside upper center", ncols=3, columnspacing=1.2)
    return figure


def table(values: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Return excess and residual of every seed at every recorded step, and the excess after polishing."""
    lines: list[Mapping[str, Any]] = []
    for name in _METHODS:
        excess, seeds = values[f"{name} excess"], np.arange(_SEEDS)
        lines += rows(
            training=name, seed=seeds, step=np.asarray(values["steps"])[:, None], excess=excess,
            residual=values[f"{name} residual"],
        )  # fmt: skip
        lines += rows(training=f"{name}, polished", seed=seeds, excess=values[f"{name} polished"])
    return lines


FIGURE = FigureScript(
    "training_gap",
    r"lowering $\lambda$ gradually trains to the least VV norm of an interpolant; constant $\lambda$ stops above it",
    compute,
    plot,
    table,
    "Lines are medians over six seeds, bands reach from the least to the greatest. Top: the relative excess of the VV norm "
    "over the least VV norm for the network's own values at the data; diamonds: after polishing the output weights. "
    "Bottom: how well the labels are fitted.",
)
