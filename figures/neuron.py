"""A multi-output ReLU neuron: one kink, shared by all outputs, at the cost |w| ||v||."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from vvnorm.api.certification import certify
from vvnorm.claims import Verdict
from vvnorm.network import ReLUNetwork
from vvnorm.plotting import COLOURS, FigureData, FigureScript, new_figure, rows

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_OUTPUT_COLOURS = ("blue", "red", "green")


def compute(seed: int, quick: bool) -> FigureData:
    """Make one neuron with three outputs, and certify that no network with its values costs less."""
    network = ReLUNetwork(np.array([[2.0]]), np.array([-1.0]), np.array([[0.8], [-0.5], [0.3]]))
    x = np.array([-0.5, 0.5, 1.5])
    complaints = certify(network, x, network(x)).complaints(network, x, network(x))
    t = np.linspace(x[0], x[-1], 201)
    values = {
        "t": t,
        "outputs": network(t),
        "kink": float(network.kinks[0][0]),
        "w": float(network.W[0, 0]),
        "b": float(network.b[0]),
        "v": network.V[:, 0],
        "cost": network.vv_norm,
    }
    return FigureData(values, Verdict.HOLDS if not complaints else Verdict.INCONCLUSIVE, complaints)


def plot(values: Mapping[str, Any]) -> "Figure":
    """Draw the neuron as a diagram on the left, and the functions that it adds to the outputs on the right."""
    figure = new_figure(6.4, 2.6)
    diagram, graph = figure.subplots(1, 2, width_ratios=(1.15, 1))
    _draw_diagram(diagram, values)
    for output, colour in enumerate(_OUTPUT_COLOURS):
        graph.plot(values["t"], values["outputs"][:, output], color=COLOURS[colour])
        graph.annotate(
            f"$v_{output + 1}\\,\\sigma(wx+b)$",
            (values["t"][-1], values["outputs"][-1, output]),
            xytext=(3, 0),
            textcoords="offset points",
            va="center",
            color=COLOURS[colour],
            annotation_clip=False,
        )
    graph.axvline(values["kink"], color=COLOURS["grey"], lw=0.8, ls=":")
    graph.annotate(
        "knot $-b/w$", (values["kink"], graph.get_ylim()[1]), xytext=(-4, -8), textcoords="offset points", ha="right"
    )
    graph.set(xlabel="$x$", ylabel="added to the outputs")
    return figure


def _draw_diagram(axes: "Axes", values: Mapping[str, Any]) -> None:
    axes.set(xlim=(-0.35, 3.6), ylim=(-1.5, 1.5), aspect="equal")
    axes.axis("off")
    arrow = {"arrowstyle": "-|>", "shrinkA": 13, "shrinkB": 13, "lw": 1.2}
    nodes = {"$x$": (0.0, 0.0), "$\\sigma$": (1.5, 0.0)}
    for output in range(3):
        nodes[f"$f_{output + 1}$"] = (3.1, 1.1 - 1.1 * output)
    for label, place in nodes.items():
        axes.plot(*place, "o", ms=22, mfc="white", mec=COLOURS["black"], mew=1.2)
        axes.annotate(label, place, ha="center", va="center", fontsize=11)
    axes.annotate("", (1.5, 0.0), (0.0, 0.0), arrowprops=arrow)
    axes.annotate(f"$w={values['w']:g}$", (0.75, 0.12), ha="center")
    axes.annotate(f"$b={values['b']:g}$", (1.5, -0.55), ha="center")
    for output, colour in enumerate(_OUTPUT_COLOURS):
        end = (3.1, 1.1 - 1.1 * output)
        axes.annotate("", end, (1.5, 0.0), arrowprops={**arrow, "color": COLOURS[colour], "lw": 1.6})
        axes.annotate(
            f"$v_{output + 1}={values['v'][output]:g}$",
            ((2.2, 0.78), (2.35, 0.13), (2.9, -0.52))[output],
            ha="center",
            color=COLOURS[colour],
        )
    axes.annotate(f"cost  $|w|\\,\\|v\\|_2={values['cost']:.3g}$", (0.75, -1.2), ha="center")


def table(values: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Return what the neuron adds to each output, against the input."""
    return rows(x=values["t"], **{f"output_{k + 1}": column for k, column in enumerate(values["outputs"].T)})


FIGURE = FigureScript(
    "neuron",
    r"a multi-output ReLU neuron has one kink for all outputs, at the cost $|w|\,\|v\|$",
    compute,
    plot,
    table,
    r"Left: the neuron with its weights. Right: what it adds to each output; the dotted line is the kink, at $x = -b/w$.",
)
