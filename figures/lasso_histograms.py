"""Active neurons of random multi-task lassos, against the product of the ranks of features and targets.

Source: Shenouda, Parhi, Lee and Nowak, "Variation Spaces for Multi-Output Neural Networks" (arXiv 2305.16534), the
experiment on the multi-task lasso; claim `lasso_width`. The setting is that of the authors' published notebook: Gaussian
features and targets, 10 outputs, 500 neurons, 10 to 40 points; and 20 points, 200 neurons, features that are products of
Gaussian matrices of rank 2 to 20, and targets that are a Gaussian map of the features to as many outputs as the rank. The
notebook solves 100 problems of each kind for the interpolant of least norm; here there are twelve, and lam is a twentieth
of the least lam whose solution is 0: with a smaller one coordinate descent takes minutes.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from proofs_checks.lasso_width import active, lasso_gap, solve_lasso, vertex
from vvnorm.claims import Verdict
from vvnorm.network import row_norms
from vvnorm.plotting import COLOURS, FigureData, FigureScript, new_figure, rows
from vvnorm.tolerances import GAP
from vvnorm.validation import Array

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_OUTPUTS = 10
_FULL = tuple((n, n, 500, _OUTPUTS) for n in (10, 20, 30, 40))  # points, rank, neurons, outputs
_LOW = tuple((20, rank, 200, rank) for rank in (2, 5, 10, 20))
_QUICK = ((10, 10, 100, _OUTPUTS), (20, 2, 200, 2))
_SAMPLE = {True: 2, False: 12}
_SHRINK = 0.05  # lam / lam_max


def compute(seed: int, quick: bool) -> FigureData:
    """Solve random problems of each size and rank, and count the active neurons before and after the linear program."""
    settings, sample = np.array(_QUICK if quick else _FULL + _LOW), _SAMPLE[quick]
    rng = np.random.default_rng(seed)
    solved, reduced, bounds = (np.zeros((len(settings), sample), dtype=int) for _ in range(3))
    gaps = np.zeros((len(settings), sample))
    complaints: list[str] = []
    for i, (n, rank, neurons, outputs) in enumerate(settings.tolist()):
        for j in range(sample):
            features, targets = _problem(rng, n, rank, neurons, outputs)
            lam = _SHRINK * float(row_norms(features.T @ targets).max())
            V = solve_lasso(features, targets, lam)
            least = vertex(features, targets, lam, V)
            gaps[i, j] = lasso_gap(features, targets, lam, least)
            if gaps[i, j] > GAP:
                complaints.append(f"{n} points, rank {rank}: gap {gaps[i, j]:.1e}")
            solved[i, j], reduced[i, j] = active(V), active(least)
            bounds[i, j] = np.linalg.matrix_rank(features) * np.linalg.matrix_rank(targets)
    values = {"settings": settings, "solved": solved, "reduced": reduced, "bounds": bounds, "gaps": gaps}
    return FigureData(values, Verdict.HOLDS if np.all(reduced <= bounds) else Verdict.VIOLATED, complaints)


def _problem(rng: np.random.Generator, n: int, rank: int, neurons: int, outputs: int) -> tuple[Array, Array]:
    """Draw features (n, neurons) of this rank, and targets (n, outputs): free, or a map of features of low rank."""
    if rank == n and outputs == _OUTPUTS:
        return rng.standard_normal((n, neurons)), rng.standard_normal((n, outputs))
    features = rng.standard_normal((n, rank)) @ rng.standard_normal((rank, neurons))
    return features, features @ rng.standard_normal((neurons, outputs))


def plot(values: Mapping[str, Any]) -> "Figure":
    """Draw one histogram of active neurons for each kind of problem, and the bound."""
    settings = values["settings"]
    figure = new_figure(7.2, 2.2 * -(-len(settings) // 4))
    panels = figure.subplots(-(-len(settings) // 4), min(4, len(settings)), squeeze=False).ravel()
    for axes, (n, rank, *_), counts, bounds in zip(panels, settings, values["reduced"], values["bounds"], strict=True):
        step = max(1, int(bounds.max()) // 50)
        edges = np.arange(counts.min(), counts.max() + 1 + step, step) - 0.5
        axes.hist(counts, bins=edges, color=COLOURS["blue"])
        axes.axvline(bounds.max(), color=COLOURS["red"], ls="--")
        axes.set_title(f"N = {n}, rank {rank}", loc="left")
        axes.set(xlabel="active neurons", xlim=(0, None))
    return figure


def table(values: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Return the counts, one row for each problem."""
    settings, sample = values["settings"], values["reduced"].shape[1]
    return rows(
        points=np.repeat(settings[:, 0], sample),
        rank=np.repeat(settings[:, 1], sample),
        neurons=np.repeat(settings[:, 2], sample),
        outputs=np.repeat(settings[:, 3], sample),
        active_as_solved=values["solved"].ravel(),
        active_at_vertex=values["reduced"].ravel(),
        bound=values["bounds"].ravel(),
        relative_gap=values["gaps"].ravel(),
    )


FIGURE = FigureScript(
    "lasso_histograms",
    "random multi-task lassos use no more neurons than the product of the ranks of features and targets",
    compute,
    plot,
    table,
    "Numbers of active neurons of certified solutions. Top: Gaussian features and targets. Bottom: features of low rank. "
    "Dashed: the product of the ranks.",
)
