"""Active neurons of random multi-task lassos, against the product of the ranks of features and targets.

Source: Shenouda, Parhi, Lee and Nowak, "Variation Spaces for Multi-Output Neural Networks" (arXiv 2305.16534), the
experiment on the multi-task lasso: 10 outputs, 500 neurons, 10 to 40 points, ranks 2 to 20; claim `lasso_width`. The
distribution and lam are not known to us. Here features and targets are products of Gaussian matrices, and lam is a
twentieth of the least lam whose solution is 0.
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

_OUTPUTS, _NEURONS = 10, 500
_POINTS, _RANKS, _SAMPLE = (10, 20, 40), (2, 5, 10, 20), 12
_QUICK_POINTS, _QUICK_RANKS, _QUICK_SAMPLE = (10, 20), (2, 5), 2
_SHRINK = 0.05  # lam / lam_max


def compute(seed: int, quick: bool) -> FigureData:
    """Solve random problems of each size and rank, and count the active neurons before and after the linear program."""
    points, ranks = (_QUICK_POINTS, _QUICK_RANKS) if quick else (_POINTS, _RANKS)
    sample = _QUICK_SAMPLE if quick else _SAMPLE
    settings = np.array([(n, rank) for n in points for rank in ranks if rank <= n])
    rng = np.random.default_rng(seed)
    solved, reduced, bounds = (np.zeros((len(settings), sample), dtype=int) for _ in range(3))
    gaps = np.zeros((len(settings), sample))
    complaints: list[str] = []
    for i, (n, rank) in enumerate(settings.tolist()):
        for j in range(sample):
            features, targets = _problem(rng, n, rank)
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


def _problem(rng: np.random.Generator, n: int, rank: int) -> tuple[Array, Array]:
    """Draw features (n, 500) and targets (n, 10) of this rank, or of the largest possible rank."""
    features = rng.standard_normal((n, rank)) @ rng.standard_normal((rank, _NEURONS))
    inner = min(rank, _OUTPUTS)
    return features, rng.standard_normal((n, inner)) @ rng.standard_normal((inner, _OUTPUTS))


def plot(values: Mapping[str, Any]) -> "Figure":
    """Draw one histogram of active neurons for each rank, and the bound."""
    settings, reduced = values["settings"], values["reduced"]
    ranks = np.unique(settings[:, 1])
    figure = new_figure(6.4, 2.4)
    for axes, rank in zip(figure.subplots(1, len(ranks), squeeze=False)[0], ranks, strict=True):
        chosen = settings[:, 1] == rank
        counts = reduced[chosen].ravel()
        axes.hist(counts, bins=np.arange(counts.min(), counts.max() + 2) - 0.5, color=COLOURS["blue"])
        axes.axvline(values["bounds"][chosen].max(), color=COLOURS["red"], ls="--")
        axes.set_title(f"rank {rank}", loc="left")
        axes.set(xlabel="active neurons", xlim=(0, None))
    return figure


def table(values: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Return the counts, one row for each problem."""
    settings, sample = values["settings"], values["reduced"].shape[1]
    return rows(
        points=np.repeat(settings[:, 0], sample),
        rank=np.repeat(settings[:, 1], sample),
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
    "Numbers of active neurons of certified solutions, 500 neurons and 10 outputs, all numbers of points together. Dashed: "
    "the product of the ranks.",
)
