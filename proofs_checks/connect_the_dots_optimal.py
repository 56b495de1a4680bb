"""The connect-the-dots interpolant has the least VV norm of all networks that interpolate data with one input.

Claim. For d = 1 the least VV norm of an interpolating network is R(D) = sum_i ||delta_i||, the cost of connect-the-dots.

Hypotheses. No label is missing. Networks have a skip connection.

Source. Nakhleh, Shenouda and Nowak (arXiv 2410.21696), Theorem 3.1. The proof by telescoping is new: the slope changes of
one neuron between data points are non-negative and sum to at most |w|. Hence the dual certificate eta(x_i) = delta_i /
||delta_i|| proves VV(f) >= sum_i <eta(x_i), delta_i> = R(D) for every interpolating f.

What breaks. With missing labels it is cheaper to let the outputs share kinks than to connect the points of each output
separately. Without a skip connection neurons must provide a steep trend, which costs.

Certificate. The `network`, and the `dual` array eta at the data points.
"""

from collections.abc import Iterator

import numpy as np

from proofs_checks.rational import Interval, as_line, least_cost, needs_skip, relative_difference
from proofs_checks.support import generic_data, pack, real_instances, total_curvature, unpack
from proofs_checks.trust import DUAL, EXACT, FORMAL, LINE, files
from vvnorm.api.certification import certify
from vvnorm.api.interpolation import interpolate
from vvnorm.claims import Claim, Instance, Result, Rung, Verdict, conclude, interval_complaints
from vvnorm.datasets import aligned_dataset, collinear_dataset
from vvnorm.float64 import as_rows
from vvnorm.tolerances import CLAIM as TOLERANCE
from vvnorm.validation import Array

CLAIMED = (-TOLERANCE, TOLERANCE)
_ROUNDING = 1e-12  # the network's weights are rounded: it interpolates labels a few roundings away


def draw(rng: np.random.Generator) -> Instance:
    """Draw complete labels, with a skip connection: mostly generic ones, sometimes aligned runs or points on a line."""
    kind = rng.random()
    if kind < 0.7:
        data = generic_data(rng, outputs=int(rng.integers(1, 6)))
    else:
        n, T = int(rng.integers(7, 20)), int(rng.integers(1, 5))
        made = aligned_dataset(n, T, rng, runs=(3, 2)) if kind < 0.95 else collinear_dataset(n, T, rng)
        data = {"x": made.X[:, 0], "Y": made.Y}
    return {**data, "skip": True}


def draw_missing_labels(rng: np.random.Generator) -> Instance:
    """Draw two or more outputs; one of them lacks a third of its inner labels, where the others have kinks."""
    instance = dict(draw_generic(rng))
    Y = instance["Y"].copy()
    inner = rng.permutation(np.arange(1, len(Y) - 1))
    Y[inner[: max(1, len(inner) // 3)], int(rng.integers(Y.shape[1]))] = np.nan
    return {**instance, "Y": Y}


def draw_without_skip(rng: np.random.Generator) -> Instance:
    """Draw labels with a trend steeper than their total curvature, so that the kinks they need anyway cannot provide it."""
    instance = dict(draw_generic(rng))
    x, Y = instance["x"], instance["Y"]
    steep = 3 * total_curvature(x, Y) + np.abs(np.diff(Y, axis=0) / np.diff(x)[:, None]).max()
    return {**instance, "Y": Y + steep * (x - x[0])[:, None], "skip": False}


def draw_generic(rng: np.random.Generator) -> Instance:
    """Draw complete generic labels of two or more outputs, with a skip connection, at moderate scales."""
    n = int(rng.integers(5, 15))
    x = np.cumsum(rng.uniform(0.2, 1, n))
    return {"x": x, "Y": rng.standard_normal((n, int(rng.integers(2, 5)))), "skip": True}


def connecting_cost(x: Array, Y: Array) -> float:
    """Compute R(D), with the curvatures of each output taken over its own present labels."""
    if not np.isnan(Y).any():
        return total_curvature(x, Y)
    filled = np.column_stack([np.interp(x, x[~np.isnan(column)], column[~np.isnan(column)]) for column in Y.T])
    return float(np.sum(np.linalg.norm(np.diff(np.diff(filled, axis=0) / np.diff(x)[:, None], axis=0), axis=1)))


def check(instance: Instance) -> Result:
    """Bound the least cost from both sides, by a network and a dual certificate, relative to R(D)."""
    solution = interpolate(instance["x"], instance["Y"], skip=instance["skip"])
    certificate = {**pack("network", solution.network), "dual": as_rows(solution.certificate.dual)}
    lower, upper = _interval(instance, solution.lower_bound, solution.value)
    return conclude(CLAIMED, lower, upper, certificate, **solution.provenance)


def _interval(instance: Instance, lower: float, upper: float) -> tuple[float, float]:
    cost = connecting_cost(instance["x"], instance["Y"])
    unit = cost if cost > 0 else 1.0
    return (lower - cost) / unit - _ROUNDING, (upper - cost) / unit + _ROUNDING


def recheck(instance: Instance, result: Result) -> list[str]:
    """Certify the network and the dual array again; they must give the recorded interval.

    A dual array proves a bound if its norm is at most 1 and it is 0 at both ends. The verifier must scale and shift other
    arrays accordingly. Arrays that violate these conditions are tried as well, and must not prove too large a bound.
    """
    network = unpack("network", result.certificate)
    if not instance["skip"] and network.A.any():
        return ["the network has a skip connection"]
    again = certify(network, instance["x"], instance["Y"], dual=result.certificate["dual"], skip=instance["skip"])
    if not again.relative_residual <= TOLERANCE:
        return [f"the network does not interpolate: relative residual {again.relative_residual:.3g}"]
    if again.lower_bound == 0 and result.certificate["dual"].any():
        return ["the dual array is not 0, but proves no bound"]
    for false in _false_duals(instance, result.certificate["dual"]):
        bound = certify(network, instance["x"], instance["Y"], dual=false, skip=instance["skip"]).lower_bound
        if not bound <= again.vv_norm * (1 + TOLERANCE):
            return [f"an invalid dual array proves {bound!r}, but the network costs {again.vv_norm!r}"]
    lower, upper = _interval(instance, again.lower_bound, again.vv_norm)
    return interval_complaints(result, lower, upper, 1e-13)


def _false_duals(instance: Instance, dual: Array) -> Iterator[Array]:
    """Arrays that are no valid dual arrays: three times too long, or with the last slope's direction at the end."""
    yield 3 * dual
    step = np.nan_to_num(instance["Y"][-1] - instance["Y"][-2])
    for sign in (-1.0, 1.0):
        yield np.vstack([dual[:-1], sign * step / (np.linalg.norm(step) or 1.0)])


def exact(instance: Instance) -> Interval:
    """Enclose the tested quantity: by a rational dual array from below, and by connect-the-dots from above."""
    needs_skip(instance)
    line = as_line(instance["x"], instance["Y"])
    return relative_difference(least_cost(line), line.bounds)


CLAIM = Claim(
    id="connect_the_dots_optimal",
    statement="For one input, no interpolating network has a smaller VV norm than connect-the-dots, whose VV norm is R(D).",
    formula=r"\min_{f(x_i) = y_i} \mathrm{VV}(f) = \mathrm{VV}(f_D) = R(D) = \sum_{i=2}^{N-1} \lVert \delta_i \rVert",
    source="Nakhleh, Shenouda and Nowak (arXiv 2410.21696), Theorem 3.1",
    kind="equality",
    quantity="(least VV norm - R(D)) / R(D)",
    claimed=CLAIMED,
    hypotheses={
        "complete_labels": lambda instance: not np.isnan(instance["Y"]).any(),
        "skip_connection": lambda instance: bool(instance["skip"]),
    },
    draw=draw,
    violate={"complete_labels": draw_missing_labels, "skip_connection": draw_without_skip},
    on_violation={
        "complete_labels": (
            Verdict.VIOLATED,
            "outputs that share kinks cost less than connecting the points of each output separately",
        ),
        "skip_connection": (Verdict.VIOLATED, "neurons must provide the trend, which costs"),
    },
    check=check,
    recheck=recheck,
    examples=lambda: {name: {**data, "skip": True} for name, data in real_instances().items()},
    draws=200,
    quick_draws=20,
    exact=exact,
    theorems={
        "connect_the_dots_optimal": "the whole statement, for networks of any finite width",
    },
    trusted={
        Rung.MACHINE_CHECKED: FORMAL,
        Rung.PROVED: files("connect_the_dots_optimal", EXACT, DUAL),
        Rung.CERTIFIED: files("connect_the_dots_optimal", LINE),
    },
)
