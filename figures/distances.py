"""Three readings of the distance between test and training points, each as a ratio: with auxiliary outputs to without.

The networks are certified minimal-VV-norm interpolants in the plane, from the studies `noise_2d` and `certified_2d`.
Auxiliary outputs have the standard deviation of output 1. Each test point is paired with the nearest training point. The
first reading is the distance between the two values of output 1. The second is the distance between hidden activations,
relative to the root-mean-square distance between training points, since activations grow with the number of outputs. The
third is the test error, which is not defined for noise. The upper row shows means over test points, the lower row maxima.

The quick figure does a few runs itself, too few for a verdict.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from figures.gradient_norm import draw_ratios
from figures.recorded import Line, complaints_about, recorded, select, small_study
from vvnorm.claims import Verdict
from vvnorm.plotting import COLOURS, FigureData, FigureScript, new_figure
from vvnorm.studies.run import INFINITE, Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_READINGS = {
    "output_distance": "output distance",
    "relative_representation_distance": "representation distance",
    "test_error": "test error",
}
_KINDS = ("mean", "max")
_LOOKS = {
    "noise": ("black", "o", "-"),
    "smooth": ("blue", "s", "--"),
    "teacher": ("green", "D", "-."),
    "diabetes": ("orange", "^", ":"),
}
_STATED = {
    ("output_distance_mean", "noise"): Verdict.SUPPORTED,
    ("relative_representation_distance_mean", "noise"): Verdict.NOT_SUPPORTED,
    ("test_error_mean", "smooth"): Verdict.NOT_SUPPORTED,
}
"""The figure's statement asserts these verdicts on 'the measure falls by 2 % or more with sixteen Gaussian outputs'."""
_BRIEF = (3, 12)  # data sets and points of a quick figure


def compute(seed: int, quick: bool) -> FigureData:
    """Read the recorded studies, or do a small one."""
    if quick:
        lines = small_study(_brief_runs(seed))
        complaints = [complaint for line in lines for complaint in complaints_about(line)]
    else:
        noise, complaints = recorded("noise_2d")
        all_targets, other_complaints = recorded("certified_2d")
        lines = [*noise, *(line for line in all_targets if line["target"] != "noise")]
        complaints += other_complaints
    shown = [
        line
        for line in select(lines, kind="ratio", labels="gaussian")
        if line["sigma"] in (0.0, 1.0) and line["target"] in _LOOKS
    ]
    return FigureData({"lines": shown}, _verdict(shown), complaints)


def _verdict(lines: Sequence[Line]) -> Verdict:
    """Decide whether the study's verdicts are the asserted ones."""
    verdicts = set()
    for (measure, target), verdict in _STATED.items():
        (line,) = select(lines, measure=measure, target=target, auxiliary=16)
        verdicts.add("as stated" if line["verdict"] == verdict else line["verdict"])
    if verdicts == {"as stated"}:
        return Verdict.SUPPORTED
    return Verdict.INCONCLUSIVE if Verdict.INCONCLUSIVE in verdicts else Verdict.NOT_SUPPORTED


def _brief_runs(seed: int) -> Iterable[Run]:
    data_sets, points = _BRIEF
    for k in range(data_sets):
        for target in ("noise", "smooth"):
            for m, sigma in ((0, 0.0), (1, 1.0), (16, 1.0), (INFINITE, 0.0)):
                yield Run(target, 2, points, m, sigma, "gaussian", "certified", data_sets * seed + k)


def plot(values: Mapping[str, Any]) -> "Figure":
    """Draw a column for each reading, and a line for each target."""
    figure = new_figure(6.8, 4.6)
    grid = figure.subplots(2, 3, sharex=True)
    for row, kind in zip(grid, _KINDS, strict=True):
        for axes, (reading, title) in zip(row, _READINGS.items(), strict=True):
            axes.axhline(1, color=COLOURS["grey"], lw=0.7, zorder=0)
            for k, (target, (colour, marker, dashes)) in enumerate(_LOOKS.items()):
                lines = select(values["lines"], measure=f"{reading}_{kind}", target=target)
                draw_ratios(
                    axes, lines, 1.15 ** (k - 1.5), color=COLOURS[colour], marker=marker, ms=4, ls=dashes, label=target
                )
            axes.set_xscale("log", base=2)
            axes.set_xticks([1, 4, 16, 64, 256], ["1", "4", "16", "64", r"$\infty$"])
            axes.minorticks_off()
            if kind == "mean":
                axes.set_title(title)
            else:
                axes.set_xlabel("auxiliary outputs $m$")
        row[0].set_ylabel(f"{kind}, ratio to $m = 0$")
    handles, labels = grid[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(_LOOKS))
    return figure


def table(values: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Return the lines of the studies that are drawn."""
    measures = [f"{reading}_{kind}" for reading in _READINGS for kind in _KINDS]
    return [line for line in values["lines"] if line["measure"] in measures]


FIGURE = FigureScript(
    "distances",
    "for noise, sixteen Gaussian auxiliary outputs lower the mean distance between outputs at test and training points by "
    "2 % or more; they lower neither the distance between activations nor the test error of a smooth target by as much",
    compute,
    plot,
    table,
    "Certified interpolants in the plane: ratio of each measure with $m$ Gaussian outputs to the same measure without, "
    "as geometric means over data sets with simultaneous intervals. Top: means over test points; "
    "bottom: maxima.",
    expected_quick=Verdict.INCONCLUSIVE,
)
