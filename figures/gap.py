"""The gap between the bounds on the least VV norm, after each round of column generation.

Each round adds neurons, which lowers the cost of the best interpolant. It also bounds the responses of all neurons to the
dual array, which raises the lower bound. The figure shows the solver's best bounds up to each round. The verifier certifies
the last network. Every bound must agree with the certificate: no lower bound may exceed the certified network's cost, and
no upper bound may be below the certified lower bound.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from vvnorm.api.interpolation import interpolate
from vvnorm.claims import Verdict
from vvnorm.plotting import COLOURS, FigureData, FigureScript, new_figure, rows
from vvnorm.results.multivariate import MultivariateSolution

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_TOL = 1e-6
_SIZES = ((2, 20, 1), (2, 50, 5), (2, 100, 20), (3, 25, 1))  # inputs, points, outputs
_BRIEF = ((2, 20, 1), (2, 40, 5), (2, 40, 20), (3, 15, 1))
_ROUNDING = 1e-12
_LOOKS = (("blue", "-", "o"), ("orange", "--", "s"), ("green", "-.", "^"), ("purple", ":", "D"))


def compute(seed: int, quick: bool) -> FigureData:
    """Solve for uniform points in the cube and Gaussian labels, in four sizes."""
    rng = np.random.default_rng(seed)
    values: dict[str, Any] = {"sizes": _BRIEF if quick else _SIZES, "upper": [], "lower": [], "gap": [], "certified": []}
    complaints: list[str] = []
    for d, N, T in values["sizes"]:
        solution = interpolate(rng.uniform(-1, 1, (N, d)), rng.standard_normal((N, T)), tol=_TOL)
        assert isinstance(solution, MultivariateSolution)
        name = f"d = {d}, N = {N}, T = {T}"
        complaints += [f"{name}: {complaint}" for complaint in solution.verify().problems]
        upper, lower = np.array(solution.history).T
        rounding = _ROUNDING * solution.value
        if np.any(lower > solution.value + rounding) or np.any(upper < solution.lower_bound - rounding):
            complaints.append(f"{name}: a bound of some round contradicts the certificate")
        # In each round the best bound so far, relative to the certified cost.
        values["upper"].append(np.minimum.accumulate(upper) / solution.value)
        values["lower"].append(np.maximum.accumulate(lower) / solution.value)
        values["gap"].append(1 - values["lower"][-1] / values["upper"][-1])
        values["certified"].append(solution.gap)
    closed = max(values["certified"]) <= _TOL
    return FigureData(values, Verdict.HOLDS if closed else Verdict.INCONCLUSIVE, complaints)


def plot(values: Mapping[str, Any]) -> "Figure":
    """Draw both bounds above, the gap between them below, and the certified gaps as stars."""
    figure = new_figure(6.4, 4.8)
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(2, 3))
    for k, (d, N, T) in enumerate(values["sizes"]):
        colour, dashes, marker = _LOOKS[k]
        upper, lower, gap = (values[name][k] for name in ("upper", "lower", "gap"))
        rounds = np.arange(1, len(upper) + 1)
        look: dict[str, Any] = {"color": COLOURS[colour], "ls": dashes, "marker": marker, "ms": 3, "lw": 1.1}
        top.plot(rounds, upper, **look)
        top.plot(rounds, lower, **look)
        bottom.plot(rounds, np.maximum(gap, 1e-16), label=f"$d = {d}$, $N = {N}$, $T = {T}$", **look)
        bottom.plot(rounds[-1], max(values["certified"][k], 1e-16), "*", ms=10, mec="white", mew=0.5, color=COLOURS[colour])
    top.axhline(1, color=COLOURS["grey"], lw=0.7, zorder=0)
    top.set(ylabel="bounds / certified cost", ylim=(0, 2.5))
    bottom.axhline(_TOL, color=COLOURS["grey"], lw=0.7, zorder=0)
    bottom.plot([], [], "*", ms=8, color=COLOURS["black"], ls="", label="by the verifier")
    bottom.set(yscale="log", xlabel="round", ylabel="relative gap")
    bottom.legend(loc="lower left")
    return figure


def table(values: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Return the bounds after each round over the certified cost, and the certified gap."""
    lines: list[Mapping[str, Any]] = []
    for k, (d, N, T) in enumerate(values["sizes"]):
        upper, lower, gap = (values[name][k] for name in ("upper", "lower", "gap"))
        lines += rows(
            inputs=d, points=N, outputs=T, round=np.arange(1, len(upper) + 1), upper=upper, lower=lower, gap=gap,
            certified_gap=values["certified"][k],
        )  # fmt: skip
    return lines


FIGURE = FigureScript(
    "gap",
    "column generation closes the bounds on the least VV norm to a relative gap of $10^{-6}$, which the verifier confirms",
    compute,
    plot,
    table,
    "Points uniform in the cube, Gaussian labels. Top: cost of the best interpolant so far and best lower bound, divided "
    "by the certified cost. Bottom: the relative gap between the two; stars are the gaps that the verifier confirms.",
)
