"""Distance of trained networks to connect-the-dots against the proved bound (claim `stability`, new)."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from vvnorm._internal.words import count
from vvnorm.claims import Verdict
from vvnorm.datasets import random_dataset
from vvnorm.plotting import COLOURS, FigureData, FigureScript, new_figure, rows

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_OUTPUTS = {2: ("blue", "o"), 3: ("orange", "s"), 5: ("green", "^")}


def compute(seed: int, quick: bool) -> FigureData:
    """Train for few and many steps on random data of 2, 3 and 5 outputs, certify every network, check each certificate."""
    from figures.trained import interpolant_certificates
    from vvnorm.training import train

    rng = np.random.default_rng(seed)
    lengths = (100, 300) if quick else (100, 200, 400, 800, 1600, 3200)
    points, complaints = [], []
    for outputs in _OUTPUTS:
        for _ in range(1 if quick else 3):
            data = random_dataset(int(rng.integers(6, 11)), outputs, rng)
            spread = float(np.ptp(data.Y, axis=0).max())
            for steps in lengths:
                result = train(data.X, data.Y, seeds=4, steps=steps, progress=False)
                for network, certificate in zip(result.networks, interpolant_certificates(result), strict=True):
                    complaints += certificate.complaints(network, data.X, data.Y, tol=np.inf)
                    points.append((outputs, certificate.distance_bound / spread, certificate.distance / spread))
    outputs, bound, distance = np.array(points).T
    below = bool(np.all(distance <= bound))
    values = {"outputs": outputs, "bound": bound, "distance": distance}
    return FigureData(values, Verdict.HOLDS if below else Verdict.VIOLATED, complaints)


def plot(values: Mapping[str, Any]) -> "Figure":
    """Draw distance against bound, with the line above which no network may lie."""
    figure = new_figure(4.4, 3.6)
    axes = figure.subplots()
    shown = np.isfinite(values["bound"]) & (values["distance"] > 0)
    for outputs, (colour, marker) in _OUTPUTS.items():
        own = shown & (values["outputs"] == outputs)
        axes.plot(
            values["bound"][own], values["distance"][own], marker, ms=4, mfc="none", color=COLOURS[colour],
            label=f"{count(outputs, 'output')}",
        )  # fmt: skip
    ends = np.array([values["distance"][shown].min(), values["bound"][shown].max()])
    axes.plot(ends, ends, color=COLOURS["black"], lw=1, label="distance = bound")
    axes.set(xscale="log", yscale="log", xlabel="proved bound / label range", ylabel="measured distance / label range")
    axes.legend(loc="upper left")
    return figure


def table(values: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Return bound and distance of every network, relative to the range of the labels."""
    return rows(outputs=values["outputs"].astype(int), distance_bound=values["bound"], distance=values["distance"])


FIGURE = FigureScript(
    "stability",
    "no trained network is farther from connect-the-dots than the bound from its excess cost",
    compute,
    plot,
    table,
    "Each marker is a network trained for 100 to 3200 steps on random data with one input: the largest distance of its "
    "values to connect-the-dots, against the bound that follows from its cost. No marker may lie above the line.",
)
