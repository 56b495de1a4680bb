"""Minimisers for noise labels: the sparsest overfits in L2 the more, the larger N; a Gaussian auxiliary output prevents it.

Source: Joshi, Vardi and Srebro, "Noisy interpolation learning with shallow univariate ReLU networks" (arXiv 2307.15396),
for another norm; claims `tempered_overfitting` and `catastrophic_overfitting`.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from proofs_checks.noise_risks import RANDOM, first_output, kinks_between, noise_data, risk_by_formula
from vvnorm.claims import Verdict
from vvnorm.network import ReLUNetwork
from vvnorm.piecewise import PiecewiseLinear
from vvnorm.plotting import COLOURS, FigureData, FigureScript, new_figure, rows
from vvnorm.solvers.univariate.interpolation import ConnectTheDots, band, connect, sample_minimisers, sparsest
from vvnorm.validation import Array

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_LIMIT = 2 / 3
_TEMPERED, _L1_BOUND, _GROWTH = 0.1, 1.25, 2.0
_AGREE = 1e-9  # largest relative difference between a risk by formula and from the function's values
_MOST_SAMPLED = 10_000  # random minimisers are drawn for at most so many points: weights of closer points lose digits
CURVES = {
    "connect-the-dots": "blue",
    "with auxiliary output": "black",
    "random minimiser": "orange",
    "sparsest": "green",
    "end of the band": "red",
}


def compute(seed: int, quick: bool) -> FigureData:
    """Take exact risks of five interpolants of the same noise, for N from 10 to a million, and their medians."""
    sizes = [10, 100, 1000, 10_000] if quick else [10, 100, 1000, 10_000, 100_000, 1_000_000]
    rng = np.random.default_rng(seed)
    medians = np.full((2, len(CURVES), len(sizes)), np.nan)
    complaints: list[str] = []
    for place, n in enumerate(sizes):
        sample = _sample(n, quick)
        risks = np.array([_risks(n, rng, complaints) for _ in range(sample)])
        medians[:, :, place] = np.median(risks, axis=0)
    names = list(CURVES)
    fewest, auxiliary = names.index("sparsest"), names.index("with auxiliary output")
    as_claimed = (
        abs(medians[1, auxiliary, -1] / _LIMIT - 1) < _TEMPERED
        and medians[1, fewest, -1] > _GROWTH * medians[1, fewest, 0]
        and np.nanmax(medians[0]) < _L1_BOUND
    )
    values = {"N": np.array(sizes), "medians": medians, "sample": np.array([_sample(n, quick) for n in sizes])}
    return FigureData(values, Verdict.SUPPORTED if as_claimed else Verdict.NOT_SUPPORTED, complaints)


def _sample(n: int, quick: bool) -> int:
    """Return the number of data sets of n points: many of few points, few of many points."""
    return int(np.clip((40_000 if quick else 400_000) // n, 1 if n > 100_000 else 5, 100 if quick else 400))


def _risks(n: int, rng: np.random.Generator, complaints: list[str]) -> Array:
    """Return the L1 and L2 risks of output 1 of the five interpolants of a random data set, shape (2, 5)."""
    x, Y = noise_data(rng, n, RANDOM, 2)
    single, double = connect(x, Y[:, :1]), connect(x, Y)
    functions = [
        PiecewiseLinear(x, Y[:, :1]),
        first_output(double, sparsest(double)),
        _random(single, rng) if n <= _MOST_SAMPLED else None,
        first_output(single, sparsest(single)),
        first_output(single, _all_tents(single)),
    ]
    risks = np.array([[np.nan if f is None else f.mean_power(q)[0] for f in functions] for q in (1, 2)])
    for q in (1, 2):
        expected = risk_by_formula(x, Y[:, 0], q)
        if not abs(risks[q - 1, 3] - expected) <= _AGREE * expected:
            complaints.append(f"N = {n}: the L{q} risk of the sparsest minimiser is {risks[q - 1, 3]}, not {expected}")
    if double.aligned.any():
        complaints.append(f"N = {n}: the minimiser with an auxiliary output is not unique")
    return risks


def _all_tents(dots: ConnectTheDots) -> ReLUNetwork:
    """Return a network with a kink in every gap where minimisers differ, where the band is widest; only kinks are used."""
    gap = np.flatnonzero(dots.aligned)
    share = dots.norms[gap + 1] / (dots.norms[gap] + dots.norms[gap + 1])
    kinks = dots.x[gap + 1] + share * (dots.x[gap + 2] - dots.x[gap + 1])
    return ReLUNetwork(np.ones((len(kinks), 1)), -kinks, np.ones((1, len(kinks))))


def _random(dots: ConnectTheDots, rng: np.random.Generator) -> PiecewiseLinear:
    """Draw a random minimiser, given by its values at data points and kinks."""
    x = dots.x
    network = sample_minimisers(dots, 1, rng)[0]
    inside = kinks_between(network, x)
    if not len(inside):
        return PiecewiseLinear(x, dots.Y)
    low, high = band(dots, inside)
    knots = np.concatenate([x, inside])
    values = np.concatenate([dots.Y, np.clip(network(inside), low, high)])
    order = np.argsort(knots, kind="stable")
    return PiecewiseLinear(knots[order], values[order])


def plot(values: Mapping[str, Any]) -> "Figure":
    """Draw median L1 risks on the left, median L2 risks on the right."""
    figure = new_figure(6.4, 2.8)
    for axes, medians, name in zip(figure.subplots(1, 2), values["medians"], ("$L_1$", "$L_2$"), strict=True):
        for (label, colour), line in zip(CURVES.items(), medians, strict=True):
            style = ":" if label == "with auxiliary output" else "-"
            axes.plot(values["N"], line, style, marker="o", ms=3, color=COLOURS[colour], label=label)
        axes.set_xscale("log")
        axes.set_ylim(0, None)
        axes.set_xlabel("points $N$")
        axes.set_title(f"median {name} risk", loc="left")
    axes.legend(loc="upper left", fontsize="small")
    return figure


def table(values: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Return the medians and the numbers of data sets."""
    lines: list[dict[str, Any]] = []
    for q, medians in enumerate(values["medians"], 1):
        for name, line in zip(CURVES, medians, strict=True):
            lines += rows(interpolant=name, q=q, N=values["N"], data_sets=values["sample"], median_risk=line)
    return lines


FIGURE = FigureScript(
    "overfitting",
    "the sparsest interpolant of least VV norm overfits noise catastrophically in $L_2$; an auxiliary output tempers it",
    compute,
    plot,
    table,
    "Labels are standard Gaussian noise at uniformly random inputs. Left: mean absolute error; right: mean squared error. "
    "Risks are exact integrals; lines are medians over data sets. The end of the band is, in each gap, as far from "
    "connect-the-dots as a minimiser can be. With one Gaussian auxiliary output the only minimiser is connect-the-dots, "
    "whose $L_2$ risk is 2/3 (dotted).",
)
