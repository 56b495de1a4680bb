"""Without a skip connection a function of one input costs max(int |f''|, |f'(-inf) + f'(inf)|), if it has one output.

Claim. Let f be continuous and piecewise linear with slope jumps J_m at knots t_m, and S = f'(-inf) + f'(inf). The least VV
norm of a network without skip connection (with a free output bias) that computes f is max(sum_m |J_m|, |S|).

Hypotheses. There is one output. There is no skip connection.

Source. Savarese, Evron, Soudry and Srebro, "How do infinite width bounded norm networks look in function space?" (arXiv
1902.05040). The vector form is new.

Vector form. At knot m the neurons that open to the right and to the left have output weights (J_m + D_m) / 2 and (J_m -
D_m) / 2. The D_m sum to S. So the least cost is the minimum of sum_m (||J_m + D_m|| + ||J_m - D_m||) / 2 over such D_m. By
duality it is the maximum over mu in R^T of <mu, S> + sum_m max {<nu, J_m> : ||nu + mu|| <= 1, ||nu - mu|| <= 1}. For one
output this is the formula above. For several outputs it is at least max(sum_m ||J_m||, ||S||), and can be larger.

What breaks. With two outputs, all J_m along one axis and S along the other, the least cost is sqrt((sum_m ||J_m||)^2 +
||S||^2). With a skip connection the cost is sum_m |J_m|, which is less where |S| is larger.

Certificate. Upper bound: a `network`. Lower bound: `mu` (T,) and `nu` (M, T) as above. A neuron of direction +-1 at knot m
with output weight v adds v to J_m and +-v to D_m. So it adds <nu_m +- mu, v> <= ||v|| to the bound. A neuron with its kink
elsewhere adds <+-mu, v>, and ||mu|| <= 1. With a skip connection S is free, so mu must be 0.
"""

from typing import Any

import numpy as np

from proofs_checks.support import pack, unpack
from proofs_checks.trust import files
from vvnorm.claims import Claim, Instance, Result, Rung, Verdict, conclude, interval_complaints
from vvnorm.network import ReLUNetwork
from vvnorm.tolerances import CLAIM as TOLERANCE
from vvnorm.tolerances import EPS
from vvnorm.validation import Array

CLAIMED = (-TOLERANCE, TOLERANCE)
_ROUNDING = 1e3 * EPS  # of sums over at most a dozen knots, relative to the cost


def draw(rng: np.random.Generator) -> Instance:
    """Draw random jumps of one output at knots that are at least 1/10 apart, and a slope on the left of any size."""
    M = int(rng.integers(1, 12))
    scale = 10.0 ** rng.uniform(-6, 6)
    return {
        "knots": np.cumsum(rng.uniform(0.1, 1.0, M)) - 2,
        "jumps": scale * rng.standard_normal((M, 1)),
        "slope": scale * 3 * rng.standard_normal(1),
        "offset": scale * rng.standard_normal(1),
        "skip": False,
    }


def draw_two_outputs(rng: np.random.Generator) -> Instance:
    """Draw jumps of output 1 only, with slopes of output 1 that cancel, and a slope of output 2."""
    instance = draw(rng)
    jumps, offset = instance["jumps"], np.repeat(instance["offset"], 2)
    slope = np.array([-np.sum(jumps) / 2, float(np.sum(np.abs(jumps))) * rng.uniform(0.2, 0.8)])
    return {**instance, "jumps": np.column_stack([jumps, 0 * jumps]), "slope": slope, "offset": offset}


def draw_with_skip(rng: np.random.Generator) -> Instance:
    """Draw a slope on the left larger than all jumps together, with a skip connection that provides it."""
    instance = draw(rng)
    slope = instance["slope"] + 3 * np.sum(np.abs(instance["jumps"])) + np.abs(instance["slope"])
    return {**instance, "slope": slope, "skip": True}


def check(instance: Instance) -> Result:
    """Bound the least cost from both sides, relative to the formula."""
    jumps, S = instance["jumps"], _slopes_at_infinity(instance)
    sizes = np.linalg.norm(jumps, axis=1)
    total = float(sizes.sum())
    unit = jumps / sizes[:, None]
    if instance["skip"]:
        mu, nu = np.zeros_like(S), unit
    elif len(S) == 1:
        outside = float(np.abs(S[0]) > total)
        mu, nu = outside * np.sign(S), (1 - outside) * unit
    else:
        root = float(np.hypot(total, np.linalg.norm(S)))
        mu, nu = S / root, unit * (total / root)
    certificate = {**pack("network", _cheapest(instance, S, sizes / total)), "mu": mu, "nu": nu}
    return conclude(CLAIMED, *_interval(instance, certificate), certificate, method="two neurons per knot")


def _slopes_at_infinity(instance: Instance) -> Array:
    sums: Array = 2 * instance["slope"] + np.sum(instance["jumps"], axis=0)
    return sums


def _cheapest(instance: Instance, S: Array, share: Array) -> ReLUNetwork:
    """Make neurons to the right and to the left at each knot, D_m in proportion to the sizes of jumps."""
    knots, jumps = instance["knots"], instance["jumps"]
    ones = np.ones(len(knots))
    if instance["skip"]:
        return ReLUNetwork(ones[:, None], -knots, jumps.T, instance["slope"][:, None], instance["offset"])
    D = share[:, None] * S
    right, left = (jumps + D) / 2, (jumps - D) / 2
    W, b = np.append(ones, -ones)[:, None], np.append(-knots, knots)
    # At the first knot f is offset + slope t, and the neurons of later knots that open to the left are active.
    level = instance["offset"] + instance["slope"] * knots[0] - (knots - knots[0]) @ left
    return ReLUNetwork(W, b, np.vstack([right, left]).T, c=level)


def _interval(instance: Instance, arrays: Any) -> tuple[float, float]:
    S, jumps = _slopes_at_infinity(instance), instance["jumps"]
    formula = max(float(np.sum(np.linalg.norm(jumps, axis=1))), float(np.linalg.norm(S)))
    lower = float(arrays["mu"] @ S + np.sum(arrays["nu"] * jumps))
    upper = unpack("network", arrays).vv_norm
    return (lower - formula) / formula - _ROUNDING, (upper - formula) / formula + _ROUNDING


def recheck(instance: Instance, result: Result) -> list[str]:
    """Check that the network computes f on the whole line and that the bound is one, and compare both with the formula."""
    arrays, knots = result.certificate, instance["knots"]
    network, mu, nu = unpack("network", arrays), arrays["mu"], arrays["nu"]
    if not instance["skip"] and network.A.any():
        return ["the network has a skip connection"]
    if not set(network.kinks[0].tolist()) <= set(knots.tolist()):
        return ["the network has kinks elsewhere"]
    # Both are linear between the knots and beyond them.
    probes = np.concatenate([knots, [knots[0] - 1, knots[0] - 2, knots[-1] + 1, knots[-1] + 2]])
    hinges = np.maximum(probes[:, None] - knots, 0.0)
    values = instance["offset"] + probes[:, None] * instance["slope"] + hinges @ instance["jumps"]
    hidden = np.maximum(probes[:, None] * network.W[:, 0] + network.b, 0.0)
    computed = hidden @ network.V.T + probes[:, None] * network.A[:, 0] + network.c
    size = (1 + np.abs(probes).max()) * (np.abs(network.V).sum() + np.abs(instance["slope"]).max())
    size += np.abs(network.c).max()
    if not np.max(np.abs(values - computed)) <= _ROUNDING * size:
        return ["the network does not compute f"]
    if mu.shape != instance["slope"].shape or nu.shape != instance["jumps"].shape:
        return ["mu and nu must have the shapes of the slope and of the jumps"]
    if max(np.linalg.norm(nu + s * mu, axis=1).max() for s in (1, -1)) > 1 + 8 * EPS or np.linalg.norm(mu) > 1 + 8 * EPS:
        return ["nu + mu or nu - mu is longer than 1"]
    if instance["skip"] and mu.any():
        return ["with a skip connection mu must be 0"]
    return interval_complaints(result, *_interval(instance, arrays), _ROUNDING)


CLAIM = Claim(
    id="cost_without_skip",
    statement=(
        "For one input and one output, the least VV norm of a network without skip connection that computes f is "
        "max(int |f''|, |f'(-inf) + f'(inf)|)."
    ),
    formula=r"\min \mathrm{VV} = \max \left( \int |f''|, \; |f'(-\infty) + f'(\infty)| \right)",
    source="Savarese, Evron, Soudry and Srebro (arXiv 1902.05040); vector form new",
    kind="equality",
    quantity="(least VV norm without skip connection - formula) / formula",
    claimed=CLAIMED,
    hypotheses={
        "one_output": lambda instance: instance["jumps"].shape[1] == 1,
        "no_skip_connection": lambda instance: not instance["skip"],
    },
    draw=draw,
    violate={"one_output": draw_two_outputs, "no_skip_connection": draw_with_skip},
    on_violation={
        "one_output": (
            Verdict.VIOLATED,
            "slopes at infinity that are orthogonal to the jumps cost more than the larger of the two",
        ),
        "no_skip_connection": (Verdict.VIOLATED, "the skip connection provides the slopes at infinity"),
    },
    check=check,
    recheck=recheck,
    draws=200,
    quick_draws=20,
    not_exact="its bounds are sums in floating point; there is no version in rational arithmetic",
    trusted={Rung.CERTIFIED: files("cost_without_skip", ("vvnorm/network.py", "vvnorm/float64.py"))},
)
