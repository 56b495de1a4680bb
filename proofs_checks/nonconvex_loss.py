"""Under a loss that is not convex, too, some best network of one input connects its own values at the points.

Claim. Let the loss of a point be min(||f(x_i) - y_i||^2, c^2) / 2, which is not convex. The least objective, losses plus
lam VV(f), over all networks is that of the connect-the-dots interpolant of some values U at the points.

Hypothesis. Networks have a skip connection.

Source. Nakhleh, Shenouda and Nowak (arXiv 2410.21696), Remark 1: a loss sees the values at the points only, and
connect-the-dots has the least cost among all functions with these values. This does not use that the loss is convex.

What breaks. Without a skip connection networks pay for a trend of the labels, and the problem for values, whose cost is the
sum of norms of curvatures, has a smaller least value.

Certificate. Labels are either kept, with the squared loss, or cut off, with loss c^2 / 2: the truncated loss is the least
over both. So a lower bound is the least over all 2^N sets of kept points of certified lower bounds of convex fits. `duals`
(2^N, N, T) has their dual arrays, `bounds` the bounds, `sizes` checksums, and `values` (N, T) the values of the best fit.
"""

import math
from typing import Any

import numpy as np

from proofs_checks.support import total_curvature
from proofs_checks.trust import LINE_FIT, files
from vvnorm.api.fits import fit
from vvnorm.claims import Claim, Instance, Quick, Result, Rung, Verdict, conclude, interval_complaints
from vvnorm.solvers.univariate.interpolation import connect_the_dots
from vvnorm.tolerances import GAP
from vvnorm.validation import Array
from vvnorm.verifier.check import certify_fit

CLAIMED = (-GAP, GAP)
_SOLVED = GAP / 100  # relative gap that the solver is asked for


def draw(rng: np.random.Generator) -> Instance:
    """Draw 5 to 7 points with one or two outputs, of which one or two points are outliers."""
    return _outliers(rng, int(rng.integers(5, 8)))


def draw_short(rng: np.random.Generator) -> Instance:
    """Draw 5 points."""
    return _outliers(rng, 5)


def _outliers(rng: np.random.Generator, n: int) -> dict[str, Any]:
    T, c = int(rng.integers(1, 3)), float(rng.uniform(0.5, 2))
    x, Y = np.cumsum(rng.uniform(0.2, 1, n)), rng.standard_normal((n, T))
    far = rng.permutation(n)[: int(rng.integers(1, 3))]
    Y[far] += c * rng.uniform(2, 6, (len(far), 1))
    return {"x": x, "Y": Y, "cut": c, "lam": float(c * rng.uniform(0.02, 0.3)), "skip": True}


def draw_without_skip(rng: np.random.Generator) -> Instance:
    """Draw three points whose trend is steeper than their total curvature, without a skip connection."""
    instance = _outliers(rng, 3)
    x, Y = instance["x"], instance["Y"]
    return {**instance, "Y": Y + (3 * total_curvature(x, Y) + 3) * (x - x[0])[:, None], "skip": False}


def _sets(n: int) -> Any:
    """All sets of points, (2^n, n) of bool."""
    return (np.arange(2**n)[:, None] >> np.arange(n)) % 2 == 1


def check(instance: Instance) -> Result:
    """Fit every set of kept points, and take the best of the fits."""
    x, Y, lam, skip = instance["x"], instance["Y"], instance["lam"], instance["skip"]
    sets = _sets(len(x))
    duals, least, best = np.zeros((len(sets), *Y.shape)), math.inf, Y
    for kept, dual in zip(sets, duals, strict=True):
        if _needed(kept, skip):
            network = fit(x[kept], Y[kept], lam, skip=skip, tol=_SOLVED).network
            dual[kept] = Y[kept] - network(x[kept])  # minus the gradient of the squared loss
            values = (network if skip else fit(x[kept], Y[kept], lam, tol=_SOLVED).network)(x)
        else:
            values = _free_values(x, Y, kept)
        if (objective := _objective(instance, values)) < least:
            least, best = objective, values
    certificate = {"values": best, "duals": duals, "bounds": _bounds(instance, duals), "sizes": _sizes(duals)}
    return conclude(CLAIMED, *_interval(instance, certificate), certificate, method="fits of all sets of points")


def _needed(kept: Any, skip: bool) -> bool:
    """Whether a set has to be fitted: two points lie on a line, which is free with a skip connection."""
    return bool(kept.sum() > (2 if skip else 1))


def _free_values(x: Array, Y: Array, kept: Any) -> Array:
    """Values (n, T) of the line through two kept points, or of a constant: they cost nothing."""
    if kept.sum() < 2:
        return np.broadcast_to(Y[kept][0] if kept.any() else Y.mean(axis=0), Y.shape).copy()
    (x0, x1), (first, last) = x[kept], Y[kept]
    line: Array = first + np.outer((x - x0) / (x1 - x0), last - first)
    return line


def _objective(instance: Instance, values: Array) -> float:
    """Losses of values, plus lam times the cost of connect-the-dots."""
    squares = np.minimum(np.sum((values - instance["Y"]) ** 2, axis=1), instance["cut"] ** 2)
    return float(squares.sum()) / 2 + instance["lam"] * total_curvature(instance["x"], values)


def _bounds(instance: Instance, duals: Array) -> Array:
    """For each set, a lower bound on the objectives of networks, if these points are kept and the others cut off."""
    x, Y, lam, skip = instance["x"], instance["Y"], instance["lam"], instance["skip"]
    sets = _sets(len(x))
    bounds: Array = np.sum(~sets, axis=1) * instance["cut"] ** 2 / 2
    for i, (kept, dual) in enumerate(zip(sets, duals, strict=True)):
        if _needed(kept, skip):
            function = connect_the_dots(x[kept], Y[kept])
            bounds[i] += certify_fit(function, x[kept], Y[kept], lam, skip=skip, dual=dual[kept]).lower_bound
    return bounds


def _sizes(duals: Array) -> Array:
    """Sum of magnitudes of each dual array: a checksum, since the part along affine functions changes no bound."""
    sizes: Array = np.sum(np.abs(duals), axis=(1, 2))
    return sizes


def _interval(instance: Instance, arrays: Any) -> tuple[float, float]:
    """Interval of (least over values - least over networks) / least over values."""
    least, bound = _objective(instance, arrays["values"]), float(np.min(arrays["bounds"]))
    if instance["skip"]:
        return (bound - least) / least, (least - bound) / least
    flat = _objective(instance, np.broadcast_to(instance["Y"].mean(axis=0), instance["Y"].shape))
    return -flat / least, (least - bound) / least


def recheck(instance: Instance, result: Result) -> list[str]:
    """Bound all networks again, set by set."""
    arrays, n = result.certificate, len(instance["x"])
    if arrays["values"].shape != instance["Y"].shape or arrays["duals"].shape != (2**n, *instance["Y"].shape):
        return ["values or duals have another shape"]
    if not np.array_equal(arrays["sizes"], _sizes(arrays["duals"])):
        return ["the dual arrays do not match their sizes"]
    bounds = _bounds(instance, arrays["duals"])
    if arrays["bounds"].shape != bounds.shape or not np.array_equal(arrays["bounds"], bounds):
        return ["the bounds are not those of the dual arrays"]
    return interval_complaints(result, *_interval(instance, arrays), 0.0)


CLAIM = Claim(
    id="nonconvex_loss",
    statement="Under a truncated squared loss, too, some best network of one input connects its own values at the points.",
    formula=r"\min_f \sum_i \ell(f(x_i), y_i) + \lambda \mathrm{VV}(f) = \min_U \sum_i \ell(u_i, y_i) + \lambda \sum_i "
    r"\lVert \delta_i(U) \rVert, \quad \ell(u, y) = \tfrac12 \min(\lVert u - y \rVert^2, c^2)",
    source="Nakhleh, Shenouda and Nowak (arXiv 2410.21696), Remark 1",
    kind="equality",
    quantity="(least objective of connect-the-dots - least objective of any network) / least objective of connect-the-dots",
    claimed=CLAIMED,
    hypotheses={"skip_connection": lambda instance: bool(instance["skip"])},
    draw=draw,
    violate={"skip_connection": draw_without_skip},
    on_violation={"skip_connection": (Verdict.VIOLATED, "neurons must provide the trend, which is free for values")},
    check=check,
    recheck=recheck,
    draws=30,
    quick_draws=2,
    quick=Quick(draw=draw_short),
    not_exact="exact proofs cover one fit under the squared loss; here 2^N of them are compared",
    trusted={Rung.CERTIFIED: files("nonconvex_loss", LINE_FIT)},
)
