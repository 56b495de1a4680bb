"""Two squares: one output leaves several solutions; auxiliary outputs select the kernel solution.

The example is Figure 4 of Nakhleh, Shenouda and Nowak (arXiv 2410.21696): the eight vertices of two centred squares, with
labels 0 on the outer and 1 on the inner square. The upper row shows interpolants of least VV norm of this label alone. The
set of solutions is convex, and symmetries of the squares map it to itself. So a solution, its quarter turn, and the mean of
both are solutions; each is certified separately. The lower row shows output 1 of the solution with 100 fair coins as
further labels, for two draws of the coins. Its last panel is the kernel solution, for the kernel that the network of the
first draw has learned. The verdict is whether the functions of the lower row differ from each other by at most a tenth of
the least distance between two functions of the upper row.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from vvnorm._internal.words import count
from vvnorm.analysis.feature_kernels import feature_kernel, kernel_solution
from vvnorm.api.certification import certify
from vvnorm.api.interpolation import interpolate
from vvnorm.claims import Verdict
from vvnorm.datasets import two_squares
from vvnorm.network import ReLUNetwork
from vvnorm.plotting import COLOURS, FigureData, FigureScript, new_figure, rows
from vvnorm.tolerances import GAP
from vvnorm.validation import Array

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_COINS = 100
_CLOSER = 0.1  # the lower row differs by at most this share of the least distance in the upper row
_REACH, _SHOWN = 1.25, 81
_QUARTER = np.array([[0.0, -1.0], [1.0, 0.0]])
_TICKS = (-1, 0, 1)


def compute(seed: int, quick: bool) -> FigureData:
    """Solve, certify and compare on a grid; `quick` changes nothing."""
    del quick
    squares = two_squares()
    X, y = squares.X, squares.Y
    above, complaints = _alone(X, y, seed)
    below, more = _with_coins(X, y, seed)
    side = np.linspace(-_REACH, _REACH, _SHOWN)
    grid = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    surfaces = [f(grid)[:, 0] for f in (*above, *below)]
    apart, together = _distances(surfaces[:3]), _distances(surfaces[3:])
    values = {
        "X": X,
        "y": y[:, 0],
        "side": side,
        "surfaces": [surface.reshape(_SHOWN, _SHOWN) for surface in surfaces],
        "neurons": [f.n_neurons for f in (*above, *below)],
        "costs": [f.vv_norm for f in (*above, *below)],
        "apart": apart,
        "together": together,
        "coins": _COINS,
    }
    holds = together.max() <= _CLOSER * apart.min()
    return FigureData(values, Verdict.HOLDS if holds else Verdict.VIOLATED, complaints + more)


def _alone(X: Array, y: Array, seed: int) -> tuple[list[ReLUNetwork], list[str]]:
    """Return three solutions for the single label, and complaints about them."""
    solution = interpolate(X, y, seed=seed)
    f = solution.sparsify().network
    turned = ReLUNetwork(f.W @ _QUARTER, f.b, f.V, f.A @ _QUARTER, f.c)
    mean = ReLUNetwork(
        np.vstack([f.W, turned.W]), np.append(f.b, turned.b), np.hstack([f.V, turned.V]) / 2, (f.A + turned.A) / 2, f.c
    )
    networks = [f, turned, mean]
    return networks, [
        f"solution {k}: {complaint}"
        for k, network in enumerate(networks)
        for complaint in certify(network, X, y, dual=solution.dual).complaints(network, X, y, tol=GAP)
    ]


def _with_coins(X: Array, y: Array, seed: int) -> tuple[list[ReLUNetwork], list[str]]:
    """Return output 1 of two solutions with coins, the kernel solution for the first, and complaints about them."""
    networks, complaints = [], []
    for draw in (2 * seed, 2 * seed + 1):
        data = two_squares(_COINS, draw)
        solution = interpolate(data.X, data.Y)
        complaints += [f"coins of seed {draw}: {complaint}" for complaint in solution.verify().problems]
        networks.append(solution.network)
    kernel = kernel_solution(networks[0], X, y)
    complaints += _kernel_complaints(kernel, networks[0], X, y)  # the solver is not trusted here either
    firsts = [f.of_outputs(slice(1)) for f in networks]
    return [*firsts, kernel], complaints


def _kernel_complaints(g: ReLUNetwork, f: ReLUNetwork, X: Array, y: Array) -> list[str]:
    """Check that g interpolates and that sum_k v_k^2 / weights_k is least.

    It is least if and only if v_k = weights_k sum_i alpha_i relu(w_k.x_i + b_k) for multipliers alpha orthogonal to affine
    functions.
    """
    weights = feature_kernel(f).weights
    hidden = np.maximum(X @ g.W.T + g.b, 0.0)
    affine = np.column_stack([np.ones(len(X)), X])
    equations = np.vstack([(hidden * np.sqrt(weights)).T, affine.T])
    target = np.append(g.V[0] / np.sqrt(weights), np.zeros(affine.shape[1]))
    alpha = np.linalg.lstsq(equations, target, rcond=None)[0]
    complaints = []
    if np.max(np.abs(g(X) - y)) > GAP:
        complaints.append("the kernel solution does not interpolate")
    if np.linalg.norm(equations @ alpha - target) > GAP * np.linalg.norm(target):
        complaints.append("the kernel solution is not of least norm")
    return complaints


def _distances(surfaces: Sequence[Array]) -> Array:
    """Largest differences on the grid between surfaces 0 and 1, 0 and 2, and 1 and 2."""
    return np.array([np.max(np.abs(surfaces[i] - surfaces[j])) for i, j in ((0, 1), (0, 2), (1, 2))])


def plot(values: Mapping[str, Any]) -> "Figure":
    """Draw six surfaces from one viewpoint on one scale."""
    figure = new_figure(7.2, 5.4)
    across, up = np.meshgrid(values["side"], values["side"])
    low, high = min(s.min() for s in values["surfaces"]), max(s.max() for s in values["surfaces"])
    apart, together = values["apart"], values["together"]
    coins = f"output 1 of 1 + {values['coins']},\n"
    titles = (
        "one output:\na solution",
        f"its quarter turn,\nat most {apart[0]:.2g} from (a)",
        f"the mean of both,\n{min(apart[1:]):.2g} from each",
        f"{coins}coins of draw 1",
        f"{coins}draw 2: {together[0]:.1g} from (d)",
        f"kernel solution,\nkernel of (d): {together[1]:.1g} from (d)",
    )
    for k, (surface, title) in enumerate(zip(values["surfaces"], titles, strict=True)):
        axes = figure.add_subplot(2, 3, k + 1, projection="3d", computed_zorder=False)
        drawn = axes.plot_surface(
            across, up, surface, cmap="cividis", vmin=low, vmax=high, rcount=_SHOWN, ccount=_SHOWN, lw=0,
            antialiased=False, rasterized=True, zorder=1,
        )  # fmt: skip
        (points,) = axes.plot(
            values["X"][:, 0], values["X"][:, 1], values["y"], ls="", marker="o", ms=3.5, mfc=COLOURS["orange"],
            mec=COLOURS["black"], mew=0.6, zorder=2,
        )  # fmt: skip
        points.set_in_layout(False)  # its position is not known before it is drawn
        axes.set(xlim=(-_REACH, _REACH), ylim=(-_REACH, _REACH), zlim=(low, high), xticks=_TICKS, yticks=_TICKS)
        axes.set_xlabel("$x_1$", labelpad=-8)
        axes.set_ylabel("$x_2$", labelpad=-8)
        axes.tick_params(pad=-2)
        axes.view_init(elev=30, azim=-55)
        axes.set_box_aspect((1, 1, 0.75), zoom=1.1)
        neurons = values["neurons"][k]
        axes.set_title(f"({'abcdef'[k]}) {title}\n{count(neurons, 'neuron')}, VV norm {values['costs'][k]:.3f}", y=1.0)
    figure.colorbar(drawn, ax=figure.axes, shrink=0.5, label="value")
    return figure


def table(values: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Return the surfaces over the grid, by panel, and the points."""
    across, up = np.meshgrid(values["side"], values["side"])
    lines = rows(panel="points", x_1=values["X"][:, 0], x_2=values["X"][:, 1], output_1=values["y"])
    for panel, surface, cost in zip("abcdef", values["surfaces"], values["costs"], strict=True):
        lines += rows(panel=panel, x_1=across, x_2=up, output_1=surface, vv_norm=cost)
    return lines


FIGURE = FigureScript(
    "two_squares",
    "one output has several solutions of least VV norm; with 100 fair-coin outputs it is nearly the kernel solution",
    compute,
    plot,
    table,
    "(a) to (c): three interpolants of the label alone, all of least VV norm. (d) and (e): output 1 with 100 fair coins, "
    "for two draws of them. (f): interpolation with the kernel of the features that (d) has learned. Distances are "
    "the largest on the grid shown.",
)
