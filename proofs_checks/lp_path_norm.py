"""For one output, some minimal-VV-norm interpolant has the least l^p path norm of all interpolants, for every 0 < p < 1.

Claim. The l^p path norm of a network is sum_k (||w_k|| ||v_k||)^p. For one input and one output, no interpolating network
with a skip connection has a smaller one than a minimal-VV-norm interpolant in which certain neighbours of one sign share a
kink. These neighbours are the pairs of a matching of largest gain: joining curvatures a and b gains
|a|^p + |b|^p - |a + b|^p.

Hypotheses. There is one output. 0 < p < 1.

Source. Nakhleh and Nowak (arXiv 2505.21791), univariate part; that the minimiser is a matching, found in O(N) with a dual
certificate, and the counterexamples for two outputs are new.

What breaks. With two outputs there are counterexamples with four points. Curvatures (a, 0) and (a, e) with small e have one
minimal-VV-norm interpolant, of two neurons. A kink of jump (2 a, 0) between the points and a kink of jump (0, e) at the
second point cost less. With three points the statement holds for any number of outputs, so four is the smallest number.
Curvatures (a, 0), (a, b), (0, b) need two neurons in place of three. For p > 1 two equal halves of a neuron cost less.

Certificate. The `network`, and `weights` z >= 0 of the inner points. z_k + z_{k+1} is at least the gain of joining k and k
+ 1. So no matching gains more than sum_k z_k, so the least l^p path norm is at least sum_k |delta_k|^p - sum_k z_k. Where a
hypothesis is broken, an `other` interpolant of smaller l^p path norm.

Why matchings suffice: see `vvnorm.solvers.univariate.interpolation.path_norm`. With at most seven points the recheck lists
all interpolants whose slopes at points are slopes of chords, and takes their cost from its definition.
"""

from decimal import Decimal
from typing import Any

import numpy as np

from proofs_checks.path_norms import from_curvatures, gains, least_by_enumeration, path_norm, two_neuron_data
from proofs_checks.support import interpolant_of, pack, unpack
from proofs_checks.trust import LINE, PATH_NORMS, files
from vvnorm.api.certification import certify
from vvnorm.claims import Claim, Instance, Result, Rung, Verdict, conclude, interval_complaints
from vvnorm.datasets import aligned_dataset
from vvnorm.network import ReLUNetwork
from vvnorm.solvers.univariate.interpolation import matching_weights
from vvnorm.tolerances import CLAIM as TOLERANCE
from vvnorm.validation import Array

CLAIMED = (-TOLERANCE, TOLERANCE)
_ROUNDING = 1e-12  # of weights in float64 and of their powers, relative to the l^p path norm
_MOST_ENUMERATED = 7


def draw(rng: np.random.Generator) -> Instance:
    """Draw integer data of one output, with runs of one sign in two of three cases, and p."""
    p = float(rng.uniform(0.05, 0.95))
    if rng.random() < 1 / 3:
        n = int(rng.integers(4, 13))
        return {"x": np.cumsum(rng.integers(1, 5, n)) * 1.0, "Y": rng.integers(-9, 10, (n, 1)) * 1.0, "p": p}
    runs = [int(length) for length in rng.integers(1, 6, int(rng.integers(1, 4)))]
    data = aligned_dataset(2 + sum(runs), 1, rng, runs=runs)
    return {"x": data.X[:, 0], "Y": data.Y, "p": p}


def draw_two_outputs(rng: np.random.Generator) -> Instance:
    """Draw one of the two counterexamples of the docstring, with a p at which it is one."""
    if rng.random() < 0.5:
        data, other = two_neuron_data(rng)
    else:
        a, e = float(rng.integers(60, 90)), float(rng.integers(1, 4))
        slope = rng.integers(-3, 4, 2).astype(float)
        data = from_curvatures(np.arange(4.0), [(a, 0.0), (a, e)], slope)
        other = ReLUNetwork(np.ones((2, 1)), np.array([-1.5, -2.0]), np.diag([2 * a, e]), slope[:, None])
    return {**data, "p": float(rng.uniform(0.2, 0.6)), **pack("other", other)}


def draw_convex(rng: np.random.Generator) -> Instance:
    """Draw integer data with a curvature, and p > 1; the other network has all neurons of connect-the-dots twice."""
    while True:
        instance = draw(rng)
        solution = interpolant_of(instance["x"], instance["Y"])
        if solution.value > 0:
            break
    f = solution.network
    twice = ReLUNetwork(np.repeat(f.W, 2, axis=0), np.repeat(f.b, 2), np.repeat(f.V / 2, 2, axis=1), f.A, f.c)
    return {**instance, "p": float(rng.uniform(1.2, 2.0)), **pack("other", twice)}


def check(instance: Instance) -> Result:
    """Bound the network's l^p path norm minus the least one of all interpolants, relative to the former."""
    x, Y, p = instance["x"], instance["Y"], float(instance["p"])
    solution = interpolant_of(x, Y)
    certificate: dict[str, Any]
    if _bounded(Y, p):
        network = solution.lp_minimiser(p)
        largest = float(solution.dots.norms.max(initial=0.0))
        certificate = {"weights": matching_weights(solution.dots, p) * largest**p}
    else:
        network, certificate = solution.lp_minimiser(p) if p < 1 else solution.network, {}
    certificate |= pack("network", network)
    if "other.W" in instance:
        certificate |= pack("other", unpack("other", instance))
    lower, upper = _interval(x, Y, p, certificate)
    return conclude(CLAIMED, lower, upper, certificate, **solution.provenance)


def _bounded(Y: Array, p: float) -> bool:
    """Whether the weights bound the cost of all interpolants."""
    return Y.shape[1] == 1 and p < 1


def _interval(x: Array, Y: Array, p: float, arrays: Any) -> tuple[float, float]:
    cost = path_norm(unpack("network", arrays), p)
    if cost == 0:
        return 0.0, 0.0
    other = path_norm(unpack("other", arrays), p) if "other.W" in arrays else cost
    least = 0.0
    if _bounded(Y, p):
        least = float(sum(gains(x, Y, p)[0]) - sum(map(Decimal, arrays["weights"].tolist())))
    lower, upper = (cost - other) / cost - _ROUNDING, (cost - least) / cost + _ROUNDING
    return lower, max(upper, lower)


def recheck(instance: Instance, result: Result) -> list[str]:
    """Certify the network, check the weights with exact curvatures, enumerate if points are few, and compare the costs."""
    x, Y, p, arrays = instance["x"], instance["Y"], float(instance["p"]), result.certificate
    judged = certify(unpack("network", arrays), x, Y)
    if judged.shortcomings(TOLERANCE):
        return [f"the network is not a minimiser: gap {judged.gap:.3g}, residual {judged.relative_residual:.3g}"]
    if "other.W" in arrays:
        residual = certify(unpack("other", arrays), x, Y).relative_residual
        if not residual <= TOLERANCE:
            return [f"the other network does not interpolate: relative residual {residual:.3g}"]
    if _bounded(Y, p) and (complaints := _complaints_about_weights(x, Y, p, arrays)):
        return complaints
    lower, upper = _interval(x, Y, p, arrays)
    return interval_complaints(result, lower, upper, _ROUNDING)


def _complaints_about_weights(x: Array, Y: Array, p: float, arrays: Any) -> list[str]:
    weights = [Decimal(z) for z in arrays["weights"].tolist()]
    if len(weights) != len(x) - 2 or any(z < 0 for z in weights):
        return ["there must be one weight z >= 0 for each inner point"]
    powers, joined = gains(x, Y, p)
    slack = Decimal(_ROUNDING) * max(powers)
    if any(weights[k] + weights[k + 1] < gain - slack for k, gain in enumerate(joined)):
        return ["the weights of two neighbours are smaller than what joining them gains"]
    if len(x) > _MOST_ENUMERATED:
        return []
    cost, least = path_norm(unpack("network", arrays), p), least_by_enumeration(x, Y, p)
    if not abs(cost - least) <= TOLERANCE * cost:
        return [f"the l^p path norm is {cost!r}, the least by enumeration {least!r}"]
    return []


CLAIM = Claim(
    id="lp_path_norm",
    statement=(
        "For one input and one output and 0 < p < 1, a minimal-VV-norm interpolant has the least l^p path norm of all "
        "interpolants: a matching of neighbours says which share a kink."
    ),
    source="Nakhleh and Nowak (arXiv 2505.21791); matching, certificate and counterexamples for two outputs new",
    formula=r"\min_{f(x_i) = y_i} \sum_k |w_k v_k|^p = \sum_i |\delta_i|^p - \max_{M} \sum_{(i, i+1) \in M} "
    r"\left( |\delta_i|^p + |\delta_{i+1}|^p - |\delta_i + \delta_{i+1}|^p \right)",
    kind="equality",
    quantity="(l^p path norm of the best minimal-VV-norm interpolant - least one of all interpolants) / the former",
    claimed=CLAIMED,
    hypotheses={
        "one_output": lambda instance: instance["Y"].shape[1] == 1,
        "p_below_1": lambda instance: 0 < instance["p"] < 1,
    },
    draw=draw,
    violate={"one_output": draw_two_outputs, "p_below_1": draw_convex},
    on_violation={
        "one_output": (Verdict.VIOLATED, "kinks between points may point in other directions than the curvatures there"),
        "p_below_1": (Verdict.VIOLATED, "two equal halves of a neuron cost less than the neuron"),
    },
    check=check,
    recheck=recheck,
    draws=100,
    quick_draws=10,
    not_exact="sums of p-th powers are not rational; 60 decimal digits of them are used",
    trusted={Rung.CERTIFIED: files("lp_path_norm", LINE, PATH_NORMS)},
)
