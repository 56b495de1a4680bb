"""Five points: two minimisers and their mixtures, a knot that costs more, and what training finds with one and two outputs.

Source: Nakhleh, Shenouda and Nowak, "The Effects of Multi-Task Learning on ReLU Neural Network Functions" (arXiv
2410.21696), Figures 1 to 3, 5 and 6: one output has two different minimisers, whose mixtures are minimisers, too; the
connect-the-dots interpolant of three outputs; a knot between two points, which costs more than the straight piece there;
and five points with three trained networks of one output, and three of two outputs, of which the second is Gaussian. The
source's coordinates are not known to us.

What is certified: the cost of both minimisers, of their mean, and of the connect-the-dots interpolant is the least; with
the knot it is larger by a certified amount; distances of trained networks to the solution.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from vvnorm.api.certification import certify
from vvnorm.api.interpolation import interpolate
from vvnorm.claims import Verdict
from vvnorm.datasets import gaussian_auxiliary
from vvnorm.network import ReLUNetwork
from vvnorm.plotting import COLOURS, FigureData, FigureScript, new_figure, rows
from vvnorm.results.interpolant import Interpolant
from vvnorm.tolerances import GAP
from vvnorm.validation import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_X, _Y = np.array([0.0, 1.0, 2.0, 3.0, 4.0]), np.array([0.0, 1.0, 1.3, 0.9, -0.4])  # three changes of slope of one sign
_NETWORKS, _SIGMA = 3, 0.5
_NEAR, _COST = 0.03, 0.01  # as in figure uniqueness
_APART = 0.25  # least 1 - cos of neighbouring changes of slope, as there
_PIECE, _HEIGHT = 2, 0.3  # where the knot is, and how far it lies off the straight piece
_STEPS = {True: 400, False: 5000}


def compute(seed: int, quick: bool) -> FigureData:
    """Solve, certify, add a knot, and train."""
    rng = np.random.default_rng(seed)
    single = _solved(_Y)
    while True:
        double = _solved(gaussian_auxiliary(_Y, 1, _SIGMA, rng))
        if np.all(np.sum(double.dual[1:-2] * double.dual[2:-1], axis=1) <= 1 - _APART):
            break
    triple = _solved(np.column_stack([_Y, rng.standard_normal((len(_X), 2))]))
    sparse = single.sparsest()
    mean = _mean(single.network, sparse)
    bent = _with_knot(triple.network, _PIECE, _HEIGHT)
    complaints = [problem for solution in (single, double, triple) for problem in solution.verify().problems]
    for name, network in (("the sparsest solution", sparse), ("the mixture", mean)):
        complaints += [f"{name}: {problem}" for problem in certify(network, _X, _Y).complaints(network, _X, _Y, tol=GAP)]
    if single.unique or not double.unique:
        complaints.append("one output should have many solutions, and two outputs one")
    t = np.linspace(-0.3, 4.3, 461)
    values: dict[str, Any] = {
        "t": t, "minimisers": np.array([f(t)[:, 0] for f in (single.network, mean, sparse)]), "Y": triple.Y,
        "dots": triple(t), "bent": bent(t), "costs": np.array([triple.value, bent.vv_norm, triple.lower_bound]),
        "second": double.Y[:, 1],
    }  # fmt: skip
    distances = {}
    for name, solution in (("single", single), ("double", double)):
        values[name], distances[name], problems = _trained(solution, t, _STEPS[quick])
        complaints += [] if quick else problems
    costs_more = bent.vv_norm > (1 + GAP) * triple.value and np.allclose(bent(_X), triple.Y, atol=1e-12)
    found = max(distances["double"]) <= _NEAR and _spread(values["double"]) < _spread(values["single"])
    return FigureData(values, Verdict.SUPPORTED if costs_more and found else Verdict.INCONCLUSIVE, complaints)


def _solved(Y: Array) -> Interpolant:
    solution = interpolate(_X, Y)
    assert isinstance(solution, Interpolant)
    return solution


def _mean(f: ReLUNetwork, g: ReLUNetwork) -> ReLUNetwork:
    return ReLUNetwork(
        np.vstack([f.W, g.W]), np.append(f.b, g.b), np.hstack([f.V, g.V]) / 2, (f.A + g.A) / 2, (f.c + g.c) / 2
    )


def _with_knot(f: ReLUNetwork, piece: int, height: float) -> ReLUNetwork:
    """Add a tent over a piece between neighbouring points to the first output; knots at the same point become one."""
    left, right = _X[piece : piece + 2]
    knots = np.append(-f.b / f.W[:, 0], [left, (left + right) / 2, right])
    jumps = np.hstack([f.V * np.abs(f.W[:, 0]), np.zeros((f.n_outputs, 3))])
    jumps[0, -3:] += 2 * height / (right - left) * np.array([1.0, -2.0, 1.0])
    at, group = np.unique(np.round(knots, 12), return_inverse=True)
    merged = np.array([np.bincount(group, jump) for jump in jumps])
    turned = f.W[:, 0] < 0  # relu(-z) = relu(z) - z
    slope = f.A[:, 0] + f.V[:, turned] @ f.W[turned, 0]
    offset = f.c + f.V[:, turned] @ f.b[turned]
    return ReLUNetwork(np.ones((len(at), 1)), -at, merged, slope[:, None], offset)


def _trained(solution: Interpolant, t: Array, steps: int) -> tuple[Array, list[float], list[str]]:
    """Return first outputs of trained networks at t, relative distances to connect-the-dots, and complaints."""
    from figures.trained import interpolant_certificates
    from vvnorm.training import train

    result = train(solution.X, solution.Y, seeds=_NETWORKS, steps=steps, initialisation="torch", progress=False)
    certificates = interpolant_certificates(result)
    spread = float(np.ptp(solution.Y, axis=0).max())
    complaints = [
        f"seed {seed} ended {certificate.gap:.2%} from the optimum"
        for seed, certificate in zip(result.seeds, certificates, strict=True)
        if abs(certificate.gap) > _COST or certificate.relative_residual > _COST
    ]
    curves = np.array([network(t)[:, 0] for network in result.networks])
    return curves, [certificate.distance / spread for certificate in certificates], complaints


def _spread(curves: Array) -> float:
    return float(np.max(np.ptp(curves, axis=0)))


def plot(values: Mapping[str, Any]) -> "Figure":
    """Draw minimisers, three outputs with and without a knot, and trained networks."""
    figure = new_figure(7.2, 4.4)
    ((many, dots, knot), (alone, together, _)) = panels = figure.subplots(2, 3, sharex=True)
    panels[1, 2].set_axis_off()
    t = values["t"]
    names = ("connect-the-dots", "their mean", "sparsest")
    for curve, name, colour in zip(values["minimisers"], names, ("blue", "grey", "green"), strict=True):
        many.plot(t, curve, color=COLOURS[colour], label=name)
    many.legend(fontsize="small", loc="lower center")
    many.set_title("one output: minimisers", loc="left")
    for output, colour in zip(range(3), ("blue", "orange", "green"), strict=True):
        dots.plot(t, values["dots"][:, output], color=COLOURS[colour])
        dots.plot(_X, values["Y"][:, output], "o", ms=3, color=COLOURS[colour])
    dots.set_title(f"three outputs: cost {values['costs'][0]:.3f}", loc="left")
    knot.plot(t, values["dots"][:, 0], color=COLOURS["blue"], ls="--")
    knot.plot(t, values["bent"][:, 0], color=COLOURS["red"])
    knot.set_title(f"with a knot: cost {values['costs'][1]:.3f}", loc="left")
    for axes, name, title in ((alone, "single", "trained, one output"), (together, "double", "trained, two outputs")):
        axes.plot(t, values[name].T, color=COLOURS["orange"], lw=0.9)
        axes.plot(t, values["minimisers"][0], color=COLOURS["blue"], ls=":")
        axes.set_title(title, loc="left")
    for axes in (many, knot, alone, together):
        _points(axes)
    for axes in (alone, together, knot):
        axes.set_xlabel("$x$")
    return figure


def _points(axes: "Axes") -> None:
    axes.plot(_X, _Y, "o", ms=3, color=COLOURS["black"], zorder=5)
    axes.set_ylabel("output 1")


def table(values: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Return the points and all curves."""
    t = values["t"]
    lines = rows(curve="data", x=_X, output_1=_Y, output_2=values["Y"][:, 1], output_3=values["Y"][:, 2])
    lines += rows(curve="second output of the trained networks", x=_X, output_2=values["second"])
    for name, curve in zip(("connect-the-dots", "mean of both", "sparsest"), values["minimisers"], strict=True):
        lines += rows(curve=name, x=t, output_1=curve)
    for name, cost in (("dots", values["costs"][0]), ("bent", values["costs"][1])):
        first, second, third = values[name].T
        lines += rows(curve=f"three outputs, {name}", x=t, output_1=first, output_2=second, output_3=third, cost=cost)
    for name in ("single", "double"):
        for k, curve in enumerate(values[name]):
            lines += rows(curve=f"trained network {k}, {name}", x=t, output_1=curve)
    return lines


FIGURE = FigureScript(
    "five_points",
    "one output has several minimisers; a knot between two points costs more; with two outputs training finds one function",
    compute,
    plot,
    table,
    "Top: two minimisers of one output and their mean; the connect-the-dots interpolant of three outputs; its first output "
    "with a knot between two points. Bottom: first outputs of three trained networks each, of one and of two outputs; "
    "dotted: connect-the-dots.",
)
