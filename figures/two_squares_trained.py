"""The two squares, trained: networks of one output differ, those of 101 outputs agree; beside the certified optimum.

Source: Nakhleh, Shenouda and Nowak, "The Effects of Multi-Task Learning on ReLU Neural Network Functions" (arXiv
2410.21696), Figures 4 and 7: eight vertices of two squares, 800 neurons, lam = 1e-3; one output alone, or with 100 fair
coins as further outputs. The source's optimiser, initialisation and number of steps are not known to us: here Adam, torch's
default, 1500 steps, the path norm (as weight decay, for balanced neurons), and a skip connection. At constant lam networks
of 101 outputs are 50 % from their optimum after 2000 steps; so lam is lowered to its value. Each network is certified as a
fit for the same lam. The verdict compares largest differences on a grid between networks: for three draws of the coins they
have to be at most a fifth of those between three networks of one output. (The certified optima of figure `two_squares`,
which differ as much as possible, are compared with a tenth.)
"""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from vvnorm.api.certification import certify
from vvnorm.api.fits import fit
from vvnorm.claims import Verdict
from vvnorm.datasets import two_squares
from vvnorm.network import ReLUNetwork
from vvnorm.plotting import COLOURS, FigureData, FigureScript, new_figure, rows
from vvnorm.validation import Array

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_LAM, _COINS, _NETWORKS = 1e-3, 100, 3
_TRAINING = {True: (100, 10, 50), False: (800, 100, 1500)}  # quick or not: neurons, coins, steps
_CLOSER = 0.2
_GAP = 0.05  # largest relative gap of a trained network
_REACH, _SHOWN = 1.25, 51


def compute(seed: int, quick: bool) -> FigureData:
    """Train, solve, certify, and compare on a grid."""
    width, coins, steps = _TRAINING[quick]
    side = np.linspace(-_REACH, _REACH, _SHOWN)
    grid = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    surfaces, gaps, complaints = [], [], list[str]()
    for number in (0, coins):
        for k in range(_NETWORKS):
            draw = _NETWORKS * seed + k
            data = two_squares(number, draw)
            network = _train(data.X, data.Y, width, steps, draw)
            if k == 0 or number:  # one output: the same problem each time
                optimum = fit(data.X, data.Y, lam=_LAM)
                complaints += optimum.verify().problems
            gap = certify(network, data.X, data.Y, dual=optimum.dual, lam=_LAM).gap
            surfaces.append(network(grid)[:, 0].reshape(_SHOWN, _SHOWN))
            gaps.append(gap)
        surfaces.append(optimum(grid)[:, 0].reshape(_SHOWN, _SHOWN))
        gaps.append(optimum.gap)
    apart, together = (_distances(part) for part in (surfaces[:_NETWORKS], surfaces[_NETWORKS + 1 : -1]))
    values = {
        "X": data.X, "side": side, "surfaces": np.array(surfaces), "gaps": np.array(gaps), "apart": apart,
        "together": together, "coins": coins,
    }  # fmt: skip
    return FigureData(values, _verdict(values), complaints)


def _verdict(values: Mapping[str, Any]) -> Verdict:
    """Compare the differences; networks that are far from their optimum do not count."""
    if values["gaps"].max() > _GAP:
        return Verdict.INCONCLUSIVE
    near = values["together"].max() <= _CLOSER * values["apart"].max()
    return Verdict.SUPPORTED if near else Verdict.NOT_SUPPORTED


def _train(X: Array, Y: Array, width: int, steps: int, seed: int) -> ReLUNetwork:
    from vvnorm.training import TrainingResult, train

    result = train(
        X, Y, lam=_LAM, seeds=[seed], width=width, steps=steps, initialisation="torch", progress=False,
    )  # fmt: skip
    assert isinstance(result, TrainingResult)
    return result.networks[0]


def _distances(surfaces: Sequence[Array]) -> Array:
    """Largest differences on the grid between any two surfaces."""
    return np.array([np.max(np.abs(a - b)) for a, b in combinations(surfaces, 2)])


def plot(values: Mapping[str, Any]) -> "Figure":
    """Draw the trained networks and the optimum, for one output above and with coins below."""
    figure = new_figure(7.2, 3.9)
    side, surfaces = values["side"], values["surfaces"]
    low, high = surfaces.min(), surfaces.max()
    panels = figure.subplots(2, _NETWORKS + 1, sharex=True, sharey=True)
    for k, (axes, surface, gap) in enumerate(zip(panels.ravel(), surfaces, values["gaps"], strict=True)):
        drawn = axes.contourf(side, side, surface, levels=np.linspace(low, high, 21), cmap="cividis")
        axes.plot(*values["X"].T, "o", ms=3, mfc=COLOURS["orange"], mec=COLOURS["black"], mew=0.5)
        row, column = divmod(k, _NETWORKS + 1)
        what = "optimum" if column == _NETWORKS else f"trained {column + 1}"
        axes.set_title(f"{what}\ngap {100 * gap:.2g} %", loc="left")
        axes.set_aspect("equal")
        if column == 0:
            axes.set_ylabel(f"1 + {values['coins']} outputs" if row else "1 output")
    figure.colorbar(drawn, ax=panels, shrink=0.7, label="output 1")
    return figure


def table(values: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Return all surfaces over the grid, by panel, with the gaps."""
    across, up = np.meshgrid(values["side"], values["side"])
    lines = []
    for k, (surface, gap) in enumerate(zip(values["surfaces"], values["gaps"], strict=True)):
        lines += rows(panel=k, x_1=across, x_2=up, output_1=surface, gap=gap)
    return lines


FIGURE = FigureScript(
    "two_squares_trained",
    "trained with 100 fair-coin outputs, networks nearly agree in output 1; trained on one output they differ",
    compute,
    plot,
    table,
    "Output 1 of trained networks, and of the certified optimum for the same $\\lambda = 10^{-3}$. Top: one "
    "output, three initial networks. Bottom: with fair coins, three draws; the optimum is for the last draw. Gaps are "
    "relative to certified lower bounds.",
    expected_quick=Verdict.INCONCLUSIVE,  # after few steps no network is near its optimum
)
