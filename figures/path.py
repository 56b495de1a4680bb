"""The knots of fits of real data as lam falls; every fit on the path is proved optimal (claim `regularised`)."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from vvnorm._internal.words import count
from vvnorm.api.fits import fit_path, lambda_max
from vvnorm.claims import Verdict
from vvnorm.datasets import builtin_dataset
from vvnorm.plotting import COLOURS, FigureData, FigureScript, draw_knots, new_figure, rows
from vvnorm.results.univariate_fit import Fit

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SHOWN = (1.0, 0.1, 1e-2, 1e-4)  # lam / lam_max of the fits that are drawn
_GAP = 1e-6


def compute(seed: int, quick: bool) -> FigureData:
    """Fit disease progression to body-mass index along a path, repeated inputs kept; verify every fit.

    As lam falls the loss must not rise and the VV norm must not fall, up to the gaps; at lam_max there is no knot.
    """
    data = builtin_dataset("diabetes")
    largest = lambda_max(data.X, data.Y)
    ratios = np.union1d(np.geomspace(1e-4, 1.0, 25 if quick else 121), _SHOWN)[::-1]
    fits = [fit for fit in fit_path(data.X, data.Y, ratios * largest, tol=_GAP) if isinstance(fit, Fit)]
    complaints = [f"lam {fit.lam:.6g}: {complaint}" for fit in fits for complaint in fit.verify().problems]
    t = np.linspace(data.X.min(), data.X.max(), 2001)
    shown = [fits[int(np.flatnonzero(ratios == ratio)[0])] for ratio in _SHOWN]
    values = {
        "x": data.X[:, 0],
        "y": data.Y[:, 0],
        "t": t,
        "ratios": ratios,
        "knots": [fit.knots for fit in fits],
        "curves": np.column_stack([fit(t)[:, 0] for fit in shown]),
        "shown knots": [fit.knots for fit in shown],
        "shown values": [fit(fit.knots)[:, 0] for fit in shown],
    }
    lams, objectives, losses, norms = (np.array([getattr(f, n) for f in fits]) for n in ("lam", "value", "loss", "vv_norm"))
    # Two fits that are optimal up to their gaps may violate monotonicity by the sum of the gaps over the difference in lam.
    slack = _GAP * (objectives[1:] + objectives[:-1]) / (lams[:-1] - lams[1:])
    monotone = np.all(np.diff(norms) >= -slack) and np.all(np.diff(losses) <= lams[:-1] * slack)
    holds = bool(monotone) and not len(fits[0].knots) and len(fits[-1].knots) > 0
    return FigureData(values, Verdict.HOLDS if holds else Verdict.VIOLATED, complaints)


def plot(values: Mapping[str, Any]) -> "Figure":
    """Draw the knots against lam above, and the data with the fits at four marked values of lam below."""
    figure = new_figure(6.4, 5.6)
    top, bottom = figure.subplots(2, 1, height_ratios=(2, 3))
    draw_knots(top, values["ratios"], values["knots"])
    bottom.plot(values["x"], values["y"], ".", ms=4, color=COLOURS["grey"], mew=0)
    styles = (("black", ":", 1.6), ("green", "--", 1.6), ("orange", "-", 1.4), ("sky", "-", 0.7))
    for k, (ratio, (colour, dashes, width)) in enumerate(zip(_SHOWN, styles, strict=True)):
        top.axvline(ratio, color=COLOURS[colour], ls=dashes, lw=width, zorder=0)
        knots = count(len(values["shown knots"][k]), "knot")
        label = rf"$\lambda = {_power(ratio)}\lambda_{{\max}}$: {knots}"
        bottom.plot(
            values["t"], values["curves"][:, k], color=COLOURS[colour], ls=dashes, lw=width, zorder=4 - k, label=label
        )
    bottom.plot(
        values["shown knots"][2], values["shown values"][2], "D", ms=3.5, mfc="white", color=COLOURS["orange"], zorder=3
    )
    top.set(xlabel=r"$\lambda\,/\,\lambda_{\max}$", ylabel="knots, bmi")
    bottom.set(xlabel="bmi (kg/m$^2$)", ylabel="progression after a year")
    bottom.legend(loc="upper left")
    return figure


def _power(ratio: float) -> str:
    return "" if ratio == 1 else rf"10^{{{round(np.log10(ratio))}}}\,"


def table(values: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Return the data, the fits that are shown, and the knots of all fits."""
    lines = rows(kind="data", bmi=values["x"], progression=values["y"])
    for k, ratio in enumerate(_SHOWN):
        lines += rows(kind="fit", lam_over_lam_max=ratio, bmi=values["t"], progression=values["curves"][:, k])
    for ratio, knots in zip(values["ratios"], values["knots"], strict=True):
        lines += rows(kind="knot", lam_over_lam_max=ratio, bmi=knots)
    return lines


FIGURE = FigureScript(
    "path",
    r"as $\lambda$ falls the fit has more and more knots; every fit is proved optimal",
    compute,
    plot,
    table,
    r"Top: the knots of the fits against $\lambda$. Bottom: the data (diabetes, repeated inputs kept) and the fits at "
    r"the four values of $\lambda$ that are marked above; diamonds are the knots of one of them.",
)
