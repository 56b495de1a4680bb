"""The least VV norm of a network that computes a function of one input is the total variation of its derivative.

Claim. Let f be continuous and piecewise linear with slope jumps J_1 .. J_M in R^T at the knots t_1 .. t_M. The least VV
norm of a network that computes f is sum_m ||J_m||.

Hypotheses. The knots are distinct. The affine part is free (skip connection).

Source. Shenouda, Parhi, Lee and Nowak (arXiv 2305.16534); for one output Savarese, Evron, Soudry and Srebro (arXiv
1902.05040).

What breaks. Two jumps at one knot may cancel, so that the sum of their norms is too large. Without a skip connection
neurons must provide the slope on the left.

Certificate. Upper bound: a `network` with one neuron per knot. Lower bound: a network that computes f interpolates its
values at the knots and at one point on either side of them, and the `dual` array eta(t_m) = J_m / ||J_m|| bounds all such
networks.
"""

from fractions import Fraction
from typing import Any

import numpy as np

from proofs_checks.rational import Interval, as_line, least_cost, needs_skip, norm, rational, relative_difference
from proofs_checks.support import pack, real_instances, unpack
from proofs_checks.trust import DUAL, EXACT, FORMAL, LINE, files
from vvnorm.api.certification import certify
from vvnorm.api.interpolation import interpolate
from vvnorm.claims import Claim, Instance, Result, Rung, Verdict, conclude, interval_complaints
from vvnorm.float64 import as_rows
from vvnorm.network import ReLUNetwork
from vvnorm.solvers.univariate.interpolation import connect_the_dots
from vvnorm.tolerances import CLAIM as TOLERANCE
from vvnorm.validation import Array
from vvnorm.verifier.exact.rationals import as_matrix

CLAIMED = (-TOLERANCE, TOLERANCE)
_ROUNDING = 1e-12  # the lower bound is about the values of f rounded to float64


def draw(rng: np.random.Generator) -> Instance:
    """Draw random jumps at knots that are at least 1/10 apart, and any affine part, with a skip connection."""
    M, T = int(rng.integers(1, 15)), int(rng.integers(1, 6))
    scale = 10.0 ** rng.uniform(-8, 8)
    return {
        "knots": np.cumsum(rng.uniform(0.1, 1.0, M)),
        "jumps": scale * rng.standard_normal((M, T)),
        "slope": scale * rng.standard_normal(T),
        "offset": scale * rng.standard_normal(T),
        "skip": True,
    }


def draw_repeated_knot(rng: np.random.Generator) -> Instance:
    """List one knot twice, the second time with minus half of its jump."""
    instance = dict(draw(rng))
    m = int(rng.integers(len(instance["knots"])))
    instance["knots"] = np.insert(instance["knots"], m, instance["knots"][m])
    instance["jumps"] = np.insert(instance["jumps"], m, -instance["jumps"][m] / 2, axis=0)
    return instance


def draw_without_skip(rng: np.random.Generator) -> Instance:
    """Draw a left slope larger than all jumps together, without a skip connection to provide it."""
    instance = dict(draw(rng))
    total = float(np.sum(np.linalg.norm(instance["jumps"], axis=1)))
    return {**instance, "slope": instance["slope"] + 3 * total + np.abs(instance["slope"]), "skip": False}


def check(instance: Instance) -> Result:
    """Bound the least cost of networks that compute f from both sides, relative to the sum of the jumps' norms."""
    network = _cheapest(instance)
    x = _points(instance)
    labels = _function(instance, x)
    dual = as_rows(interpolate(x, labels, skip=instance["skip"]).certificate.dual)
    judged = certify(network, x, labels, dual=dual, skip=instance["skip"])
    lower, upper = _interval(instance, judged.lower_bound, judged.vv_norm)
    return conclude(CLAIMED, lower, upper, {**pack("network", network), "dual": dual}, method="one neuron per knot")


def _cheapest(instance: Instance) -> ReLUNetwork:
    """Make one neuron per distinct knot; without a skip connection a pair of neurons provides the left slope."""
    knots, place = np.unique(instance["knots"], return_inverse=True)
    jumps = np.zeros((len(knots), instance["jumps"].shape[1]))
    np.add.at(jumps, place, instance["jumps"])
    w = np.ones(len(knots))
    slope, offset = instance["slope"], instance["offset"]
    if instance["skip"]:
        return ReLUNetwork(w[:, None], -knots, jumps.T, slope[:, None], offset)
    w, knots = np.append(w, [1.0, -1.0]), np.append(knots, [knots[0], knots[0]])
    V = np.vstack([jumps, slope, -slope]).T
    return ReLUNetwork(w[:, None], -w * knots, V, c=offset + slope * knots[0])


def _points(instance: Instance) -> Array:
    knots = np.unique(instance["knots"])
    return np.concatenate([[knots[0] - 1], knots, [knots[-1] + 1]])


def _function(instance: Instance, x: Array) -> Array:
    """Evaluate f by its definition: affine part plus one hinge per listed jump."""
    hinges = np.maximum(x[:, None] - instance["knots"], 0.0)
    values: Array = instance["offset"] + x[:, None] * instance["slope"] + hinges @ instance["jumps"]
    return values


def _interval(instance: Instance, lower: float, upper: float) -> tuple[float, float]:
    claimed = float(np.sum(np.linalg.norm(instance["jumps"], axis=1)))
    return (lower - claimed) / claimed - _ROUNDING, (upper - claimed) / claimed + _ROUNDING


def recheck(instance: Instance, result: Result) -> list[str]:
    """Check that the network computes f on the whole line, and certify it with the recorded dual array."""
    network = unpack("network", result.certificate)
    if not instance["skip"] and network.A.any():
        return ["the network has a skip connection"]
    # Two piecewise linear functions agree if they agree at all kinks of both, between these, and beyond on both sides.
    kinks = np.sort(np.concatenate([network.kinks[0], np.asarray(instance["knots"])]))
    probes = np.concatenate(
        [kinks, (kinks[1:] + kinks[:-1]) / 2, [kinks[0] - 1, kinks[0] - 2, kinks[-1] + 1, kinks[-1] + 2]]
    )
    size: Any = np.abs(instance["jumps"]).sum() + np.abs(instance["slope"]).sum() + np.abs(instance["offset"]).max()
    reach = 1 + np.abs(probes).max()
    if not np.allclose(_dense(network, probes), _function(instance, probes), rtol=0, atol=1e-12 * size * reach):
        return ["the network does not compute f"]
    x = _points(instance)
    again = certify(network, x, _function(instance, x), dual=result.certificate["dual"], skip=instance["skip"])
    return interval_complaints(result, *_interval(instance, again.lower_bound, again.vv_norm), 1e-13)


def _dense(network: ReLUNetwork, x: Array) -> Array:
    """Evaluate by the definition of a network."""
    hidden = np.maximum(x[:, None] * network.W[:, 0] + network.b, 0.0)
    values: Array = hidden @ network.V.T + x[:, None] * network.A[:, 0] + network.c
    return values


def _examples() -> dict[str, Instance]:
    """Connect-the-dots of real data as the function."""
    instances: dict[str, Instance] = {}
    for name, data in real_instances().items():
        f = connect_the_dots(data["x"], data["Y"])
        instances[name] = {"knots": -f.b, "jumps": f.V.T, "slope": f.A[:, 0], "offset": f.c, "skip": True}
    return instances


def exact(instance: Instance) -> Interval:
    """Enclose the least cost of interpolants of f at its knots and beside them; connect-the-dots attains it."""
    needs_skip(instance)
    knots, slope, offset = rational(instance["knots"]), rational(instance["slope"]), rational(instance["offset"])
    jumps = as_matrix(instance["jumps"], "jumps")
    points = [min(knots) - 1, *sorted(set(knots)), max(knots) + 1]
    values = [[c + t * s for c, s in zip(offset, slope, strict=True)] for t in points]
    for knot, jump in zip(knots, jumps, strict=True):
        for t, value in zip(points, values, strict=True):
            if t > knot:
                value[:] = [entry + (t - knot) * step for entry, step in zip(value, jump, strict=True)]
    line = as_line(points, values)
    norms = [norm(jump) for jump in jumps]
    claimed = sum((low for low, _ in norms), Fraction(0)), sum((high for _, high in norms), Fraction(0))
    return relative_difference(least_cost(line), claimed)


CLAIM = Claim(
    id="representational_cost",
    statement=(
        "The least VV norm of a network that computes f, a function of one input, is the total variation of f', sum_m "
        "||J_m||."
    ),
    formula=r"\min_{g = f} \mathrm{VV}(g) = \sum_m \lVert J_m \rVert, \qquad J_m = f'(t_m^+) - f'(t_m^-)",
    source="Shenouda, Parhi, Lee and Nowak (arXiv 2305.16534)",
    kind="equality",
    quantity="(least VV norm - sum_m ||J_m||) / sum_m ||J_m||",
    claimed=CLAIMED,
    hypotheses={
        "distinct_knots": lambda instance: len(np.unique(instance["knots"])) == len(instance["knots"]),
        "skip_connection": lambda instance: bool(instance["skip"]),
    },
    draw=draw,
    violate={"distinct_knots": draw_repeated_knot, "skip_connection": draw_without_skip},
    on_violation={
        "distinct_knots": (Verdict.VIOLATED, "jumps at one knot add up before their norm is taken"),
        "skip_connection": (Verdict.VIOLATED, "neurons must provide the slope on the left"),
    },
    check=check,
    recheck=recheck,
    examples=_examples,
    draws=200,
    quick_draws=20,
    exact=exact,
    theorems={
        "lower_bound": "no network with f's values at and beside its knots costs less",
        "attained": "connect-the-dots of these values, which is f, costs as much",
    },
    trusted={
        Rung.MACHINE_CHECKED: FORMAL,
        Rung.PROVED: files("representational_cost", EXACT, DUAL),
        Rung.CERTIFIED: files("representational_cost", LINE),
    },
)
