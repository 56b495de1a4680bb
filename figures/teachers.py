"""Single-neuron teachers, one task at a time and all at once: certified optima, and trained networks.

Source: Nakhleh, Shenouda and Nowak, "The Effects of Multi-Task Learning on ReLU Neural Network Functions" (arXiv
2410.21696), Section 7.3 and Figures 8 to 10: 25 teachers, d = 5, N = 20. Their distributions are not known to us. Here
inputs are standard Gaussian; a teacher is relu(w.x), w uniform on the unit sphere. Networks have no skip connection.
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

_SETTING = {True: (2, 10, 6, 1), False: (5, 20, 25, 2)}  # quick or not: inputs, points, teachers, teachers trained alone
_TRAINING = {True: (60, 1000), False: (150, 3000)}  # neurons and steps
_GAP = 1e-3  # relative gap of optima
_RESIDUAL = 1e-3  # largest relative residual of a trained network that counts as an interpolant
_TEST_POINTS = 4000
_STEP = 0.1  # distance of the points between which gradients are compared; neighbouring kinks count as one


def compute(seed: int, quick: bool) -> FigureData:
    """Solve for each teacher alone and for all together, certify, train, and compare with the teachers."""
    d, n, T, trained_alone = _SETTING[quick]
    rng = np.random.default_rng(seed)
    X, W = rng.standard_normal((n, d)), rng.standard_normal((T, d))
    W /= np.linalg.norm(W, axis=1, keepdims=True)
    Y, test = np.maximum(X @ W.T, 0.0), rng.standard_normal((_TEST_POINTS, d))
    complaints: list[str] = []
    costs, alone = np.zeros((T, 2)), np.zeros((T, 3))
    trained = np.full((trained_alone, 3), np.nan)
    for t in range(T):
        solution = interpolate(X, Y[:, t], skip=False, tol=_GAP)
        costs[t] = solution.certificate.lower_bound, solution.value
        alone[t] = _measures(solution.network, 0, W[t], test)
        if solution.certificate.gap > 2 * _GAP:
            complaints.append(f"teacher {t}: gap {solution.certificate.gap:.1e}")
        if t < trained_alone:
            network = _train(X, Y[:, t], quick, seed)
            residual = float(np.max(np.abs(network(X)[:, 0] - Y[:, t])) / np.ptp(Y[:, t]))
            trained[t] = network.vv_norm, residual, _measures(network, 0, W[t], test)[0]
    joint = interpolate(X, Y, skip=False, tol=_GAP)
    together = np.array([_measures(joint.network, t, W[t], test) for t in range(T)])
    together_trained = _train(X, Y, quick, seed)
    certificate = certify(together_trained, X, Y, dual=joint.dual, skip=False)
    if joint.certificate.gap > 2 * _GAP:
        complaints.append(f"all teachers: gap {joint.certificate.gap:.1e}")
    if certificate.relative_residual > _RESIDUAL:
        complaints.append(f"the network trained on all teachers has residual {certificate.relative_residual:.1e}")
    values = {
        "costs": costs, "alone": alone, "together": together, "trained": trained, "teacher_gradient": 0.5,
        "joint_cost": np.array([joint.certificate.lower_bound, joint.value, together_trained.vv_norm]),
        "pattern": np.abs(together_trained.V) / np.linalg.norm(together_trained.V, axis=0),
    }  # fmt: skip
    spread = bool(np.all(together[:, 2] < 1))
    return FigureData(values, Verdict.SUPPORTED if spread else Verdict.NOT_SUPPORTED, complaints)


def _train(X: Array, Y: Array, quick: bool, seed: int) -> ReLUNetwork:
    from vvnorm.training import TrainingResult, train

    width, steps = _TRAINING[quick]
    result = train(X, Y, skip=False, seeds=[seed], width=width, steps=steps, progress=False)
    assert isinstance(result, TrainingResult)
    return result.networks[0]


def _measures(network: ReLUNetwork, output: int, w: Array, test: Array) -> tuple[float, float, float]:
    """Return the mean distance to the teacher, the gradient's mean length and its largest change, at Gaussian points."""
    distance = float(np.mean(np.abs(network(test)[:, output] - np.maximum(test @ w, 0.0))))
    before, after = (_gradients(network, output, at) for at in (test, test + _STEP * w))
    lengths, changes = np.linalg.norm(before, axis=1), np.linalg.norm(after - before, axis=1)
    return distance, float(lengths.mean()), float(changes.max())


def _gradients(network: ReLUNetwork, output: int, X: Array) -> Array:
    gradients: Array = ((X @ network.W.T + network.b > 0) * network.V[output]) @ network.W
    return gradients


def plot(values: Mapping[str, Any]) -> "Figure":
    """Draw least costs and distances to teachers, changes and lengths of gradients, and the pattern of output weights."""
    figure = new_figure(7.0, 2.6)
    least, smooth, pattern = figure.subplots(1, 3)
    order = np.argsort(values["costs"][:, 1])
    for name, colour, marker in (("alone", "blue", "o"), ("together", "red", "s")):
        least.plot(1e3 * (values["costs"][:, 1] - 1), values[name][:, 0], marker, ms=3, color=COLOURS[colour], label=name)
        smooth.plot(values[name][order, 2], values[name][order, 1], marker, ms=3, color=COLOURS[colour])
    least.axvline(0.0, color=COLOURS["grey"], ls=":", lw=0.8)
    least.set(xlabel=r"1000 (least cost alone $-$ 1)", ylabel="mean distance to the teacher")
    least.legend(fontsize="small", loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=2, columnspacing=1.0)
    smooth.plot(1.0, values["teacher_gradient"], "*", ms=8, color=COLOURS["black"])
    smooth.set(xlabel="largest change of gradient", ylabel="mean length of the gradient")
    pattern.imshow(values["pattern"], aspect="auto", cmap="Greys", vmin=0, vmax=1, interpolation="nearest")
    pattern.set(xlabel="neuron", ylabel="task")
    return figure


def table(values: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Return bounds on the least cost and all measures, one row for each teacher."""
    names = ("distance", "gradient", "largest_change")
    columns = {
        f"{kind}_{name}": values[kind][:, k] for kind in ("alone", "together") for k, name in enumerate(names)
    }  # fmt: skip
    lower, upper = values["costs"].T
    return rows(teacher=np.arange(len(lower)), least_cost_lower=lower, least_cost_upper=upper, **columns)


FIGURE = FigureScript(
    "teachers",
    "trained on all single-neuron teachers at once, a network bends less sharply than each teacher",
    compute,
    plot,
    table,
    "Left: certified upper bound on the least cost of each task alone (a teacher costs 1) against the mean distance "
    "of the optimum to the teacher, alone and in the optimum of all tasks. Middle: largest change of the gradient "
    "over a step of 0.1 along the teacher's weight, and mean length of the gradient, at Gaussian points; the star is "
    "a teacher. Right: output weights of a network trained on all tasks, each column divided by its norm.",
)
