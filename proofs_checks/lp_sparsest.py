"""For one output and p below a critical p*, the l^p path norm is least where the neurons are fewest.

Claim. Data of one input and one output have a p* > 0 such that for all 0 < p < p* the interpolant of least l^p path norm
sum_k |w_k v_k|^p has the fewest neurons of all interpolants, of least VV norm or not. That number is the sum of ceil(m / 2)
over runs of m curvatures of one sign.

Hypotheses. There is one output. p < p*, in the bounds that `Interpolant.critical_exponent` gives.

Source. Nakhleh and Nowak (arXiv 2505.21791), univariate part; bounds of p* from intervals of p, and the counterexample for
two outputs, are new.

What breaks. Above p* the best matching need not join as many points as possible: of the curvatures e, 1, 1, e with small e
it leaves both ends single. With two outputs the curvatures (a, 0), (a, b), (0, b) at x = 1, 2, 3 need three neurons in a
minimal-VV- norm interpolant, but two neurons interpolate, with kinks at 3/2 and 5/2. Among minimal-VV-norm interpolants the
claim `sparsest` holds for any number of outputs. The smallest such data have five points: with four, two curvatures that
are not aligned cannot be met by one kink.

Certificate. The `network`, and `witnesses`: points of which no two can share a kink of an interpolant of one output. A
curvature needs a kink of its sign between the neighbours of its point. So a kink serves at most two points, which are
neighbours of one sign. The jumps of the kinks span the curvatures, so the rank of the curvatures is a bound for any number
of outputs. Where a hypothesis is broken, an `other` interpolant with fewer neurons.
"""

from typing import Any

import numpy as np

from proofs_checks.path_norms import from_curvatures, gains, two_neuron_data
from proofs_checks.support import (
    aligned_neighbours,
    exact_curvatures,
    exact_rank,
    independence_complaints,
    independent_points,
    interpolant_of,
    pack,
    unpack,
)
from proofs_checks.trust import LINE, PATH_NORMS, files
from vvnorm.api.certification import certify
from vvnorm.claims import Claim, Instance, Result, Rung, Verdict, conclude, interval_complaints
from vvnorm.network import ReLUNetwork
from vvnorm.tolerances import CLAIM as TOLERANCE
from vvnorm.validation import Array

CLAIMED = (0.0, 0.0)


def draw(rng: np.random.Generator) -> Instance:
    """Draw integer curvatures of one output, in runs of up to six, and p from 0 to the critical one."""
    while True:
        data = from_curvatures(*_curvatures(rng), rng.integers(-3, 4, 1).astype(float))
        low, _ = interpolant_of(data["x"], data["Y"]).critical_exponent()
        if low > 0.02:  # decimal powers of smaller p differ too little to be compared in 50 digits
            return {**data, "p": float(rng.uniform(0.01, 0.99) * low)}


def _curvatures(rng: np.random.Generator) -> tuple[Array, Array]:
    runs = rng.integers(1, 7, int(rng.integers(1, 4)))
    signs = np.repeat((-1.0) ** np.arange(len(runs)), runs)
    sizes = rng.integers(1, 30, len(signs)) ** rng.integers(1, 3, len(signs))
    return np.cumsum(rng.integers(1, 4, len(signs) + 2)).astype(np.float64), (signs * sizes)[:, None]


def draw_above(rng: np.random.Generator) -> Instance:
    """Draw curvatures e, 1, 1, e (times an integer) and p above the critical one."""
    size = float(rng.integers(10, 40))
    curvatures = np.array([[1.0], [size], [size], [1.0]])
    data = from_curvatures(np.cumsum(rng.integers(1, 4, 6)).astype(np.float64), curvatures, [float(rng.integers(-3, 4))])
    _, high = interpolant_of(data["x"], data["Y"]).critical_exponent()
    return {**data, "p": float(high + rng.uniform(0.2, 0.9) * (1 - high))}


def draw_two_outputs(rng: np.random.Generator) -> Instance:
    """Draw data of two outputs that two neurons interpolate, and any p."""
    data, other = two_neuron_data(rng)
    return {**data, "p": float(rng.uniform(0.05, 0.95)), **pack("other", other)}


def check(instance: Instance) -> Result:
    """Count the neurons of the l^p minimiser beyond the fewest of all interpolants."""
    x, Y, p = instance["x"], instance["Y"], float(instance["p"])
    solution = interpolant_of(x, Y)
    network = solution.lp_minimiser(p)
    certificate: dict[str, Any] = {**pack("network", network), "witnesses": _witnesses(x, Y)}
    if "other.W" in instance:
        certificate |= pack("other", unpack("other", instance))
    elif network.n_neurons > len(certificate["witnesses"]):
        certificate |= pack("other", solution.sparsest())
    return conclude(CLAIMED, *_interval(x, Y, certificate), certificate, **solution.provenance)


def _witnesses(x: Array, Y: Array) -> Any:
    """Points of which no two can share a kink; none for several outputs, where one kink may serve any two neighbours."""
    return independent_points(x, Y) if Y.shape[1] == 1 else np.empty(0, dtype=np.int64)


def _interval(x: Array, Y: Array, arrays: Any) -> tuple[float, float]:
    """Neurons beyond the fewest: these are at most the other network's, at least the witnesses and the curvatures' rank."""
    neurons = unpack("network", arrays).n_neurons
    fewest = unpack("other", arrays).n_neurons if "other.W" in arrays else neurons
    rank = exact_rank(np.array(exact_curvatures(x, Y), dtype=float))
    return neurons - fewest, neurons - max(len(arrays["witnesses"]), rank)


def recheck(instance: Instance, result: Result) -> list[str]:
    """Certify the networks, check the witnesses exactly, and compare all ways to join neighbours at this p."""
    x, Y, p, arrays = instance["x"], instance["Y"], float(instance["p"]), result.certificate
    network, witnesses = unpack("network", arrays), arrays["witnesses"]
    judged = certify(network, x, Y)
    if judged.shortcomings(TOLERANCE) or not _counts(network):
        return [f"the network is not a minimiser: gap {judged.gap:.3g}, residual {judged.relative_residual:.3g}"]
    if "other.W" in arrays:
        other = unpack("other", arrays)
        if not (certify(other, x, Y).relative_residual <= TOLERANCE and _counts(other)):
            return ["the other network does not interpolate"]
    if complaints := independence_complaints(x, Y, witnesses):
        return complaints
    aligned = aligned_neighbours(x, Y)
    if any(j > 0 and aligned[j - 1] and j - 2 not in witnesses for j in witnesses):
        return ["a witness is neither the first point of a run nor two points after another witness"]
    if Y.shape[1] > 1 and len(witnesses):
        return ["with several outputs one kink may serve any two neighbours"]
    expected = _neurons_of_best_matching(x, Y, p)
    if network.n_neurons != expected:
        return [f"the network has {network.n_neurons} neurons, the best matching by enumeration {expected}"]
    return interval_complaints(result, *_interval(x, Y, arrays), 0.0)


def _counts(network: ReLUNetwork) -> bool:
    """Whether all weights of the neurons are non-zero, so that their number is what it seems."""
    return bool(network.V.any(axis=0).all() and network.W.any(axis=1).all())


def _neurons_of_best_matching(x: Array, Y: Array, p: float) -> int:
    """Kinks of the matching of most gain, from a list of all matchings, made run by run."""
    powers, joined = gains(x, Y, p)
    total, k = 0, 0
    while k < len(powers):
        end = k
        while end < len(joined) and joined[end] > 0:
            end += 1
        if powers[k]:
            matchings = _matchings(joined[k:end])
            total += end - k + 1 - max(matchings)[1]
        k = end + 1
    return total


def _matchings(values: list[Any]) -> list[tuple[Any, int]]:
    """Gain and number of pairs of every matching of a path whose edges have these gains."""
    if not values:
        return [(0, 0)]
    joined = [(gain + values[0], pairs + 1) for gain, pairs in _matchings(values[2:])]
    return _matchings(values[1:]) + joined


def _below_critical(instance: Instance) -> bool:
    return bool(instance["p"] < interpolant_of(instance["x"], instance["Y"]).critical_exponent()[0])


CLAIM = Claim(
    id="lp_sparsest",
    statement=(
        "For one input and one output there is a p* such that for 0 < p < p* the interpolant of least l^p path norm has "
        "the fewest neurons of all interpolants."
    ),
    source="Nakhleh and Nowak (arXiv 2505.21791); bounds of p* and the counterexample for two outputs new",
    formula=r"\operatorname*{arg\,min}_{f(x_i) = y_i} \sum_k |w_k v_k|^p \subseteq "
    r"\operatorname*{arg\,min}_{f(x_i) = y_i} K \quad (0 < p < p^*)",
    kind="equality",
    quantity="neurons of the interpolant of least l^p path norm minus the fewest of all interpolants",
    claimed=CLAIMED,
    hypotheses={
        "one_output": lambda instance: instance["Y"].shape[1] == 1,
        "p_below_critical": _below_critical,
    },
    draw=draw,
    violate={"one_output": draw_two_outputs, "p_below_critical": draw_above},
    on_violation={
        "one_output": (Verdict.VIOLATED, "two neurons may serve three points, each two of them"),
        "p_below_critical": (Verdict.VIOLATED, "small curvatures at the ends of a run are not joined"),
    },
    check=check,
    recheck=recheck,
    draws=100,
    quick_draws=10,
    not_exact="the critical p is a root of sums of powers, which are not rational",
    trusted={Rung.CERTIFIED: files("lp_sparsest", LINE, PATH_NORMS)},
)
