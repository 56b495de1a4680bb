"""A network for scikit-learn's digits, each hidden layer re-solved as a multi-task lasso: width and accuracy.

Source: Shenouda, Parhi, Lee and Nowak, "Variation Spaces for Multi-Output Neural Networks" (arXiv 2305.16534), the
compression of pretrained image networks; claim `lasso_width`. A layer's activations Phi are the features, and the inputs
Y = Phi V' of the next layer are the targets. The lasso min ||Phi U' - Y||^2 / 2 + lam sum_k ||u_k|| replaces V by a matrix
U with fewer nonzero columns, and neurons with a zero column are removed. Layers are compressed in order; features come from
the compressed network and targets from the original network.

"Many" neurons are a quarter of them here, and "little" accuracy is one percent. The statement is not supported for this
network: the lam that keeps the accuracy removes only an eighth of the neurons, since it also shrinks the other weights.
"""

import warnings
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from proofs_checks.lasso_width import active, lasso_gap, solve_lasso
from vvnorm.claims import Verdict
from vvnorm.network import row_norms
from vvnorm.plotting import COLOURS, FigureData, FigureScript, new_figure, rows
from vvnorm.validation import Array

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SETTING = {True: (400, 64, 60), False: (1100, 64, 150)}  # quick or not: training images, neurons of a layer, epochs
_TEST, _VALIDATION = 450, 200  # images; lam is chosen on the validation images
_IMAGES = 600  # largest number of training images in a lasso
_SHARES = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05)  # lam / lam_max; from lam_max on the lasso's solution is 0
_QUICK_SHARES = (0.005, 0.02)

Layer = tuple[Array, Array]
"""Weights (inputs, outputs) and biases (outputs,)."""

_TOLERANCE = 1e-5  # of the lasso's solver
_GAP = 1e-2  # relative gap of a lasso above which the figure is not drawn
_LITTLE, _MANY = 0.01, 0.25  # loss of accuracy that counts as little, and share of neurons that counts as many


def compute(seed: int, quick: bool) -> FigureData:
    """Train, compress with each lam, choose the largest lam that costs little accuracy on validation images, and test it.

    The verdict is about the chosen network, on images that were used neither for training nor for the choice.
    """
    from sklearn.datasets import load_digits
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier

    images, width, epochs = _SETTING[quick]
    X, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(seed).permutation(len(X))
    train, validation, test = order[:images], order[-_TEST - _VALIDATION : -_TEST], order[-_TEST:]
    X = X / 16
    model = MLPClassifier((width, width), alpha=1e-2, max_iter=epochs, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the number of epochs is fixed
        model.fit(X[train], labels[train])
    layers = list(zip(model.coefs_, model.intercepts_, strict=True))
    before = [_accuracy(layers, X[part], labels[part]) for part in (validation, test)]
    shares = _QUICK_SHARES if quick else _SHARES
    widths, accuracies = np.zeros((len(shares), 2), dtype=int), np.zeros((len(shares), 2))
    complaints: list[str] = []
    for i, share in enumerate(shares):
        smaller, widths[i], gap = compress(layers, X[train][:_IMAGES], share)
        accuracies[i] = [_accuracy(smaller, X[part], labels[part]) for part in (validation, test)]
        if gap > _GAP:
            complaints.append(f"lam = {share} lam_max: gap {gap:.1e}")
    allowed = np.flatnonzero(accuracies[:, 0] >= before[0] - _LITTLE)
    chosen = int(allowed[-1]) if len(allowed) else 0
    values = {"shares": np.array(shares), "widths": widths, "accuracies": accuracies[:, 1], "chosen": chosen}
    values |= {"width": width, "accuracy": before[1]}
    kept_accuracy = accuracies[chosen, 1] >= before[1] - _LITTLE
    smaller_network = widths[chosen].sum() <= (1 - _MANY) * 2 * width
    return FigureData(values, Verdict.SUPPORTED if kept_accuracy and smaller_network else Verdict.NOT_SUPPORTED, complaints)


def compress(layers: Sequence[Layer], X: Array, share: float) -> tuple[list[Layer], list[int], float]:
    """Re-solve every layer but the first; return the layers, the widths of the hidden ones, and the largest gap."""
    original, smaller, widths, largest = X, [layers[0]], [], 0.0
    for layer, (coefficients, bias) in pairwise(layers):
        original = _hidden([layer], original)
        features, targets = _hidden(smaller, X), original @ coefficients
        lam = share * float(row_norms(features.T @ targets).max())
        U = solve_lasso(features, targets, lam, _TOLERANCE)
        largest = max(largest, lasso_gap(features, targets, lam, U))
        kept = np.flatnonzero(row_norms(U.T) > 0)
        smaller[-1] = (smaller[-1][0][:, kept], smaller[-1][1][kept])
        smaller.append((U.T[kept], bias))
        widths.append(active(U))
    return smaller, widths, largest


def _hidden(layers: Sequence[Layer], X: Array) -> Array:
    for coefficients, bias in layers:
        X = np.maximum(X @ coefficients + bias, 0.0)
    return X


def _accuracy(layers: Sequence[Layer], X: Array, labels: Array) -> float:
    coefficients, bias = layers[-1]
    scores = _hidden(layers[:-1], X) @ coefficients + bias
    return float(np.mean(np.argmax(scores, axis=1) == labels))


def plot(values: Mapping[str, Any]) -> "Figure":
    """Draw the widths on the left, the accuracy on the right, against lam."""
    figure = new_figure(6.0, 2.4)
    width, accuracy = figure.subplots(1, 2)
    for layer, colour in enumerate(("blue", "red")):
        width.plot(
            values["shares"], values["widths"][:, layer], "o-", ms=3, color=COLOURS[colour], label=f"layer {layer + 1}"
        )
    width.axhline(values["width"], color=COLOURS["grey"], ls=":")
    accuracy.plot(values["shares"], values["accuracies"], "o-", ms=3, color=COLOURS["black"])
    accuracy.plot(
        *(values[name][values["chosen"]] for name in ("shares", "accuracies")), "o", ms=7, mfc="none", color=COLOURS["red"]
    )
    accuracy.axhline(values["accuracy"], color=COLOURS["grey"], ls=":")
    width.set(xscale="log", xlabel=r"$\lambda / \lambda_{\max}$", ylabel="neurons")
    accuracy.set(xscale="log", xlabel=r"$\lambda / \lambda_{\max}$", ylabel="accuracy")
    width.legend(fontsize="small")
    return figure


def table(values: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Return widths and accuracy; the first row is the network as it was trained."""
    return rows(
        share_of_lam_max=np.append(0.0, values["shares"]),
        layer_1=np.append(values["width"], values["widths"][:, 0]),
        layer_2=np.append(values["width"], values["widths"][:, 1]),
        accuracy=np.append(values["accuracy"], values["accuracies"]),
    )


FIGURE = FigureScript(
    "compression",
    "hidden layers of a network for digits, re-solved as multi-task lassos, lose many neurons and little accuracy",
    compute,
    plot,
    table,
    "Neurons of the two hidden layers, and accuracy on 450 images that were not used for training. Dotted: the network as "
    "it was trained. Ring: the lam chosen on 200 further images.",
    expected=Verdict.NOT_SUPPORTED,
    expected_quick=Verdict.NOT_SUPPORTED,
)
