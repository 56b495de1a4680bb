"""Mean gradient norm of output 1 as a ratio: with auxiliary outputs to without, by their number and standard deviation.

Filled markers are certified minimal-VV-norm interpolants in the plane, from the studies `noise_2d` and `certified_2d`:
geometric means of paired ratios over data sets, with simultaneous intervals. The limit of infinitely many outputs is solved
for, not extrapolated. Open markers are trained networks, in the plane on the first twelve of the same data sets
(`trained_2d`, `trained_real_2d`). The last five panels have ten and more inputs. Their filled markers are solutions that
column generation found by local search (`searched_10d`, `searched_real`, `searched_digits`): no useful bound can be proved,
and gaps are estimates. Their open markers are from `trained_10d`.

The quick figure does a few runs itself, for one target.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from figures.recorded import Line, complaints_about, recorded, select, small_study
from vvnorm.claims import Verdict
from vvnorm.plotting import COLOURS, FigureData, FigureScript, new_figure
from vvnorm.studies.run import INFINITE, Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MEASURE = "mean_gradient"
_TARGETS = {
    "noise": "noise",
    "smooth": "smooth target",
    "teacher": "ReLU teacher",
    "diabetes": "diabetes, 2 components",
    "breast_cancer": "breast cancer, 2 components",
    "digits": "digits, 2 components",
}
_STUDIES = (
    *("noise_2d", "certified_2d", "trained_2d", "trained_real_2d"),
    *("searched_10d", "trained_10d", "searched_real", "searched_digits"),
)
_REAL = {  # study and target with many inputs
    ("searched_real", "diabetes"): "diabetes, d = 10",
    ("searched_real", "breast_cancer"): "breast cancer, d = 30",
    ("searched_digits", "digits"): "digits, d = 32",
}
_LOOKS = {0.1: ("sky", "s", ":"), 1.0: ("blue", "o", "-"), 10.0: ("orange", "^", "--")}
_LIMIT_AT = 256  # position of the limit m = inf on the axis of m
_STATED = {"target": "noise", "auxiliary": 16, "sigma": 1.0, "labels": "gaussian"}
_BRIEF = (8, 12)  # data sets and points of a quick figure


def compute(seed: int, quick: bool) -> FigureData:
    """Read the recorded studies, or do a small study."""
    panels: list[dict[str, Any]] = []
    complaints: list[str] = []
    if quick:
        lines = select(small_study(_brief_runs(seed)), measure=MEASURE, kind="ratio")
        complaints += [complaint for line in lines for complaint in complaints_about(line)]
        panels.append({"title": "noise, a few data sets", "certified": lines, "trained": []})
    else:
        ratios = {}
        for study in _STUDIES:
            lines, objections = recorded(study)
            ratios[study] = select(lines, measure=MEASURE, kind="ratio", labels="gaussian")
            complaints += objections
        for target, title in _TARGETS.items():
            trained = select([*ratios["trained_2d"], *ratios["trained_real_2d"]], target=target, solver="trained")
            certified = select(ratios["noise_2d" if target == "noise" else "certified_2d"], target=target)
            panels.append({"title": title, "certified": certified, "trained": trained})
        for target in ("noise", "smooth"):
            searched, trained = (select(ratios[study], target=target) for study in ("searched_10d", "trained_10d"))
            panels.append({"title": f"{_TARGETS[target]}, d = 10", "certified": searched, "trained": trained})
        for (study, target), title in _REAL.items():
            panels.append({"title": title, "certified": select(ratios[study], target=target), "trained": []})
    (stated,) = select(panels[0]["certified"], **_STATED)
    return FigureData({"panels": panels}, Verdict(stated["verdict"]), complaints)


def _brief_runs(seed: int) -> Iterable[Run]:
    data_sets, points = _BRIEF
    for k in range(data_sets):
        for m, sigma in ((0, 0.0), (1, 1.0), (16, 1.0), (INFINITE, 0.0)):
            yield Run("noise", 2, points, m, sigma, "gaussian", "certified", data_sets * seed + k)


def plot(values: Mapping[str, Any]) -> "Figure":
    """Draw a panel for each target, three in a row."""
    panels = values["panels"]
    columns = min(3, len(panels))
    rows = -(-len(panels) // columns)
    figure = new_figure(1.2 + 1.9 * columns, 0.6 + 1.9 * rows)
    grid = figure.subplots(rows, columns, sharex=True, sharey="row", squeeze=False)
    for axes, panel in zip(grid.ravel(), panels, strict=False):
        axes.axhline(1, color=COLOURS["grey"], lw=0.7, zorder=0)
        for sigma, (colour, marker, dashes) in _LOOKS.items():
            look: dict[str, Any] = {"color": COLOURS[colour], "marker": marker, "ms": 4}
            draw_ratios(axes, select(panel["certified"], sigma=sigma), ls=dashes, label=rf"$\sigma = {sigma:g}$", **look)
            draw_ratios(axes, select(panel["trained"], sigma=sigma), ls="", mfc="white", **look)
        draw_ratios(axes, select(panel["certified"], auxiliary=INFINITE), color=COLOURS["black"], marker="*", ms=7, ls="")
        axes.set_title(panel["title"])
        axes.set_xscale("log", base=2)
        axes.set_xticks([1, 4, 16, 64, _LIMIT_AT], ["1", "4", "16", "64", r"$\infty$"])
        axes.minorticks_off()
    for axes in grid.ravel()[len(panels) :]:
        axes.set_axis_off()
    for column in grid.T:
        lowest = [axes for axes in column if axes.axison][-1]
        lowest.set_xlabel("auxiliary outputs $m$")
        lowest.tick_params(labelbottom=True)
    for axes in grid[:, 0]:
        axes.set_ylabel("mean $\\|\\nabla f_1\\|$,\nratio to $m = 0$")
    handles, labels = grid[0, 0].get_legend_handles_labels()
    kinds = {"filled: minimiser": "o", r"$m = \infty$, solved for": "*"}
    if any(panel["trained"] for panel in panels):
        kinds["open: trained network"] = "o"
    for label, marker in kinds.items():
        look = {"mfc": "white"} if label.startswith("open") else {}
        handles += grid[0, 0].plot([], [], marker, color=COLOURS["black"], ms=7 if marker == "*" else 4, **look)
        labels.append(label)
    figure.legend(handles, labels, loc="outside lower center", ncols=3)
    return figure


def draw_ratios(axes: "Axes", lines: Iterable[Line], shift: float = 1.0, **look: Any) -> None:
    """Draw ratios with their intervals against m times the factor `shift`; a line joins all but the limit."""
    ordered = sorted(lines, key=lambda line: line["auxiliary"])
    finite, limits = ([line for line in ordered if (line["auxiliary"] < INFINITE) is part] for part in (True, False))
    for part, changed in ((finite, {}), (limits, {"ls": ""} | ({"label": None} if finite else {}))):
        if part:
            at = [min(line["auxiliary"], _LIMIT_AT) * shift for line in part]
            spread = [[line["ratio"] - line["low"] for line in part], [line["high"] - line["ratio"] for line in part]]
            axes.errorbar(at, [line["ratio"] for line in part], spread, elinewidth=0.8, **(look | changed))


def table(values: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Return the lines of the studies that are drawn, by panel."""
    return [
        {"panel": panel["title"], "networks": "trained" if kind == "trained" else "minimisers", **line}
        for panel in values["panels"]
        for kind in ("certified", "trained")
        for line in panel[kind]
    ]


FIGURE = FigureScript(
    "gradient_norm",
    "for noise, sixteen Gaussian auxiliary outputs of the same size make the interpolant smoother by 2 % or more in the "
    "mean",
    compute,
    plot,
    table,
    r"Ratio of the mean of $\|\nabla f_1\|$ over the hull of the data with $m$ Gaussian outputs of standard deviation "
    r"$\sigma$ (relative to output 1) to the same mean without: geometric means over data sets, "
    "with simultaneous intervals. Filled markers: minimisers, certified in the plane; for ten and more inputs "
    "found by local search, with estimated gaps. Stars: infinitely many outputs. Open markers: trained networks.",
)
