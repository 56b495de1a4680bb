"""Neurons of two outputs, trained with and without weight decay: where they lie, and which outputs use them.

Source: Shenouda, Parhi, Lee and Nowak, "Variation Spaces for Multi-Output Neural Networks" (arXiv 2305.16534), the
experiment on neuron sharing. Its setting is that of the authors' published notebook: 50 Gaussian points of the plane;
labels of a network with five neurons and two outputs, whose weights have torch's default distribution; 100 neurons, without
a skip connection; mean squared error plus 5e-5 sum_k ||(w_k, b_k)|| ||v_k||, minimised by proximal gradient steps, against
plain gradient descent on the error alone. An output uses a neuron if its weight is above 1e-3 for ||(w_k, b_k)|| = 1.

What differs. The notebook takes 1e6 steps of plain proximal gradient descent; here they are fewer and accelerated. Gradient
descent has momentum. Outputs have a free constant. The network trained with weight decay is compared with a certified lower
bound on the objective.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from vvnorm.api.certification import certify
from vvnorm.api.fits import fit
from vvnorm.claims import Verdict
from vvnorm.network import ReLUNetwork, row_norms
from vvnorm.plotting import COLOURS, FigureData, FigureScript, new_figure, rows
from vvnorm.validation import Array

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_TEACHER, _OUTPUTS = 5, 2
# Quick or not: points, neurons, steps with weight decay, and the factor of the norm beside the mean squared error.
_SETTING = {True: (12, 40, 500, 2e-3), False: (50, 100, 15000, 5e-5)}
_SHARE = 5  # without weight decay there are fewer steps by this factor: the error is small long before
_USED = 1e-3
_LEFT, _SHARED, _KEPT = 0.25, 0.75, 0.95  # with weight decay at most, of those at least; without at least
_GAP = 1e-3  # relative, of the certified optimum


def compute(seed: int, quick: bool) -> FigureData:
    """Draw points, train with and without weight decay, certify, and count the neurons that outputs use."""
    n, width, steps, penalty = _SETTING[quick]
    X, teacher = _problem(np.random.default_rng(seed), n)
    Y = teacher(X)
    lam = penalty * Y.size / 2
    optimum = fit(X, Y, lam=lam, skip=False, penalise_bias=True, tol=_GAP)
    networks = [_train(X, Y, lam, width, steps, seed), _train(X, Y, 0.0, width, steps // _SHARE, seed)]
    certificate = certify(networks[0], X, Y, dual=optimum.dual, lam=lam, skip=False, penalise_bias=True)
    used = [_weights(network) > _USED for network in networks]
    counts = np.array([[np.sum(u.any(axis=0)), np.sum(u.all(axis=0))] for u in used])
    (left, shared), (kept, _) = counts.tolist()
    seen = left <= _LEFT * width and shared >= _SHARED * left and kept >= _KEPT * width
    complaints = optimum.verify().problems
    values = {"places": [_places(network) for network in networks], "counts": counts, "gap": certificate.gap}
    return FigureData(values, Verdict.SUPPORTED if seen else Verdict.NOT_SUPPORTED, list(complaints))


def _problem(rng: np.random.Generator, n: int) -> tuple[Array, ReLUNetwork]:
    """Draw points and the network that makes their labels; torch draws weights from +-1 / sqrt(number of inputs)."""
    X = rng.standard_normal((n, 2))
    W, b = rng.uniform(-1, 1, (_TEACHER, 2)) / np.sqrt(2), rng.uniform(-1, 1, _TEACHER) / np.sqrt(2)
    return X, ReLUNetwork(W, b, rng.uniform(-1, 1, (_OUTPUTS, _TEACHER)) / np.sqrt(_TEACHER))


def _train(X: Array, Y: Array, lam: float, width: int, steps: int, seed: int) -> ReLUNetwork:
    from vvnorm.training import TrainingResult, train

    result = train(
        X, Y, lam=lam, seeds=[seed], width=width, steps=steps, optimizer="proximal" if lam else "sgd",
        initialisation="torch", schedule="constant", skip=False, penalise_bias=True, progress=False,
    )  # fmt: skip
    assert isinstance(result, TrainingResult)
    return result.networks[0]


def _weights(network: ReLUNetwork) -> Array:
    """Return the sizes (T, K) of the output weights for ||(w_k, b_k)|| = 1."""
    sizes: Array = np.abs(network.V) * row_norms(np.column_stack([network.W, network.b]))
    return sizes


def _places(network: ReLUNetwork) -> Array:
    """Return the angle of w, b / ||w||, and the two output weights of each neuron, (K, 4)."""
    angle = np.mod(np.arctan2(network.W[:, 1], network.W[:, 0]), 2 * np.pi)
    return np.column_stack([angle, network.b / row_norms(network.W), _weights(network).T])


def plot(values: Mapping[str, Any]) -> "Figure":
    """Draw the neurons of each output over direction and bias, with weight decay above and without below."""
    figure = new_figure(6.4, 4.6)
    grid = figure.subplots(2, 2, sharex=True, sharey=True)
    largest = max(place[:, 2:].max() for place in values["places"])
    for axes_row, places, title in zip(grid, values["places"], ("with", "without"), strict=True):
        for t, (axes, colour) in enumerate(zip(axes_row, ("blue", "orange"), strict=True)):
            used = places[:, 2 + t] > _USED
            axes.scatter(
                places[used, 0], places[used, 1], s=120 * places[used, 2 + t] / largest, color=COLOURS[colour], lw=0
            )
            axes.set_title(f"output {t + 1}, {title} weight decay: {np.sum(used)} neurons", loc="left")
            axes.set(xlim=(0, 2 * np.pi), ylim=(-3, 3))
    for axes in grid[1]:
        axes.set_xlabel("angle of $w$")
    for axes in grid[:, 0]:
        axes.set_ylabel(r"$b / \|w\|$")
    return figure


def table(values: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Return the neurons, and how many are in use."""
    lines = []
    for places, training in zip(values["places"], ("with weight decay", "without"), strict=True):
        lines += rows(training=training, angle=places[:, 0], b=places[:, 1], v_1=places[:, 2], v_2=places[:, 3])
    (left, both), (kept, kept_both) = values["counts"].tolist()
    lines += rows(training="counts, with weight decay", used=left, used_by_both=both, gap=values["gap"])
    lines += rows(training="counts, without", used=kept, used_by_both=kept_both)
    return lines


FIGURE = FigureScript(
    "shared_neurons",
    "with weight decay at most a quarter of the neurons is left, and most of these serve both outputs; without it all stay",
    compute,
    plot,
    table,
    "Neurons that an output uses, over direction and bias; the area of a marker is proportional to the output weight.",
)
