"""Mean gradient norm of output 1 with and without the free affine part, as ratios: with 16 auxiliary outputs to without.

The affine part of a network costs nothing. With few points per input it does most of the interpolation, and hides what the
neurons do. So the mean of ||grad f_1|| stands beside the mean of ||grad f_1 - its mean||, which does not see it. Ratios are
geometric means over data sets, with simultaneous intervals, from recorded studies:

- `minimisers_without_affine`: certified interpolants in the plane (`centred_2d`) and, for real data with more inputs,
  solutions that column generation found by local search (`centred_real`; gaps are estimates).
- `trained_without_affine`: networks trained with weight decay as Nakhleh, Shenouda and Nowak (arXiv 2410.21696) say of
  their figures (`centred_trained`).

Quick figures do a few runs themselves.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from figures.recorded import Line, complaints_about, recorded, select, small_study
from vvnorm.claims import Verdict
from vvnorm.plotting import COLOURS, FigureData, FigureScript, new_figure
from vvnorm.studies.run import Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MEASURES = {"mean_gradient": ("blue", "o", "whole gradient"), "centred_gradient": ("red", "s", "without its mean")}
_STUDIES = {"certified": ("centred_2d", "centred_real"), "trained": ("centred_trained",)}
_BRIEF = {"certified": (8, 12), "trained": (2, 10)}  # quick figure: data sets and points
_BRIEF_TRAINING = {"width": 20, "steps": 40, "lam": 1e-3, "penalty": "weight_decay", "prove": True, "tol": 1.0}


def compute(seed: int, quick: bool, *, solver: str) -> FigureData:
    """Read the recorded studies, or do a small study."""
    complaints: list[str] = []
    if quick:
        lines = list(small_study(_brief_runs(seed, solver)))
        complaints += [complaint for line in lines for complaint in complaints_about(line)]
    else:
        lines = []
        for study in _STUDIES[solver]:
            read, objections = recorded(study)
            lines += read
            complaints += objections
    lines = [line for name in _MEASURES for line in select(lines, measure=name, kind="ratio")]
    (stated,) = select(lines, target="noise", measure="centred_gradient")
    return FigureData({"lines": lines}, Verdict(stated["verdict"]), complaints)


def _brief_runs(seed: int, solver: str) -> Iterable[Run]:
    data_sets, points = _BRIEF[solver]
    settings = {} if solver == "certified" else _BRIEF_TRAINING
    for k in range(data_sets):
        for m, sigma in ((0, 0.0), (16, 1.0)):
            yield Run("noise", 2, points, m, sigma, "gaussian", solver, data_sets * seed + k, settings)


def plot(values: Mapping[str, Any]) -> "Figure":
    """Draw one row for each target, with both ratios and their intervals."""
    lines: Sequence[Line] = values["lines"]
    kinds = list(dict.fromkeys((line["target"], line["inputs"]) for line in lines))
    figure = new_figure(5.4, 1.2 + 0.3 * len(kinds))
    axes = figure.subplots()
    axes.axvline(1, color=COLOURS["grey"], lw=0.7, zorder=0)
    for shift, (name, (colour, marker, label)) in zip((-0.14, 0.14), _MEASURES.items(), strict=True):
        chosen = select(lines, measure=name)
        at = [kinds.index((line["target"], line["inputs"])) + shift for line in chosen]
        ratio = [line["ratio"] for line in chosen]
        spread = [[line["ratio"] - line["low"] for line in chosen], [line["high"] - line["ratio"] for line in chosen]]
        axes.errorbar(ratio, at, xerr=spread, fmt=marker, ms=4, elinewidth=0.8, color=COLOURS[colour], label=label)
    names = [f"{target.replace('_', ' ')}, d = {inputs}" for target, inputs in kinds]
    axes.set(yticks=range(len(kinds)), yticklabels=names, xlabel="ratio, 16 auxiliary outputs to none", xscale="log")
    ticks = (0.5, 0.7, 1, 1.4, 2)
    axes.set_xticks(ticks, list(map(str, ticks)))
    axes.minorticks_off()
    axes.set_ylim(len(kinds) - 0.5, -0.5)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


def table(values: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Return the lines that are drawn."""
    return [dict(line) for line in values["lines"]]


_CAPTION = (
    r"Ratio of the mean of $\|\nabla f_1\|$ (circles), and of the same without the mean gradient (squares), with 16 "
    "Gaussian outputs of the first output's standard deviation to without: geometric means over data sets, simultaneous "
    "intervals. "
)
MINIMISERS = FigureScript(
    "minimisers_without_affine",
    "for noise, sixteen Gaussian outputs make the interpolant smoother by 2 % or more without its affine part, too",
    partial(compute, solver="certified"),
    plot,
    table,
    f"{_CAPTION}Minimisers, certified in the plane; beyond found by local search, with estimated gaps.",
)
TRAINED = FigureScript(
    "trained_without_affine",
    "for noise, sixteen Gaussian outputs make trained networks smoother by 2 % or more without their affine part, too",
    partial(compute, solver="trained"),
    plot,
    table,
    f"{_CAPTION}Networks of 800 neurons, trained with weight decay.",
    expected=Verdict.INCONCLUSIVE,  # 0.93, 0.85 to 0.99
    expected_quick=Verdict.INCONCLUSIVE,
)
