"""The sparsest minimal-VV-norm interpolant has sum over aligned runs of ceil(m / 2) neurons.

Claim. Cut the inner points with non-zero curvature into maximal aligned runs, of lengths m. Some minimiser has sum ceil(m /
2) neurons, and none has fewer.

Hypothesis. Networks have a skip connection.

Source. Debarre, Denoyelle, Unser and Fageot (arXiv 2003.10112), for one output; run by run for any T, new.

What breaks. Without a skip connection even points on a line need a neuron.

Certificate. Upper bound: a `network` that is a minimiser with that many neurons. Lower bound: `witnesses`, points with
non-zero curvature of which no two can be served by one kink. A kink of a minimiser serves one point, or two neighbours
whose curvatures are aligned, so there are at least as many kinks as witnesses. Alignment is decided in rational arithmetic.
"""

from fractions import Fraction

import numpy as np

from proofs_checks.rational import Interval, as_line, needs_skip, require_minimiser
from proofs_checks.support import (
    generic_data,
    independence_complaints,
    independent_points,
    interpolant_of,
    pack,
    real_instances,
    run_lengths,
    unpack,
)
from proofs_checks.trust import EXACT, LINE, files
from vvnorm.api.certification import certify
from vvnorm.claims import Claim, Instance, Result, Rung, Verdict, conclude, interval_complaints
from vvnorm.datasets import aligned_dataset, collinear_dataset
from vvnorm.network import ReLUNetwork
from vvnorm.tolerances import CLAIM as TOLERANCE
from vvnorm.validation import Array

CLAIMED = (0.0, 0.0)


def draw(rng: np.random.Generator) -> Instance:
    """Draw mostly integer data with aligned runs of random lengths, else generic data; with a skip connection."""
    if rng.random() < 0.25:
        return {**generic_data(rng, outputs=int(rng.integers(1, 4))), "skip": True}
    runs = [int(length) for length in rng.integers(1, 6, int(rng.integers(1, 5)))]
    data = aligned_dataset(2 + sum(runs), int(rng.integers(1, 4)), rng, runs=runs)
    return {"x": data.X[:, 0], "Y": data.Y, "skip": True}


def draw_without_skip(rng: np.random.Generator) -> Instance:
    """Draw points on a line that is not horizontal, without a skip connection."""
    while True:
        data = collinear_dataset(int(rng.integers(2, 10)), int(rng.integers(1, 4)), rng)
        if np.ptp(data.Y, axis=0).any():
            return {"x": data.X[:, 0], "Y": data.Y, "skip": False}


def check(instance: Instance) -> Result:
    """Compare the neurons of the sparsest solution, and the witnesses, with the formula."""
    x, Y = instance["x"], instance["Y"]
    solution = interpolant_of(x, Y)
    if instance["skip"]:
        network, witnesses = solution.sparsest(), independent_points(x, Y)
        fewest = len(witnesses)
    else:
        # The line itself, as one neuron that is active at all data. A constant does not suffice, since the labels vary.
        slope = (Y[-1] - Y[0]) / (x[-1] - x[0])
        network = ReLUNetwork(np.ones((1, 1)), -x[:1], slope[:, None], c=Y[0])
        witnesses, fewest = np.empty(0, dtype=np.int64), 1
    formula = _formula(x, Y)
    certificate = {**pack("network", network), "witnesses": witnesses}
    return conclude(CLAIMED, fewest - formula, network.n_neurons - formula, certificate, **solution.provenance)


def _formula(x: Array, Y: Array) -> int:
    """Sum over runs of ceil(m / 2)."""
    return sum((length + 1) // 2 for length in run_lengths(x, Y))


def recheck(instance: Instance, result: Result) -> list[str]:
    """Certify the network as a minimiser, count its neurons, and check that no kink can serve two witnesses."""
    x, Y = instance["x"], instance["Y"]
    network, witnesses = unpack("network", result.certificate), result.certificate["witnesses"]
    judged = certify(network, x, Y)
    if not judged.relative_residual <= TOLERANCE:
        return [f"the network does not interpolate: relative residual {judged.relative_residual:.3g}"]
    if not network.V.any(axis=0).all() or not network.W.any(axis=1).all():
        return ["the network has neurons with zero weights"]
    if instance["skip"]:
        if judged.shortcomings(TOLERANCE):
            return [f"the network is not a minimiser: relative gap {judged.gap:.3g}"]
        if complaints := independence_complaints(x, Y, witnesses):
            return complaints
        fewest = len(witnesses)
    else:
        if network.A.any():
            return ["the network has a skip connection"]
        if len(witnesses):
            return ["points on a line have no witnesses"]
        fewest = int(bool(np.ptp(Y, axis=0).any()))
    formula = _formula(x, Y)
    return interval_complaints(result, fewest - formula, network.n_neurons - formula, 0.0)


def exact(instance: Instance) -> Interval:
    """Count the neurons of a rational minimiser, and inner points of which no two can share a kink of a minimiser."""
    needs_skip(instance)
    line = as_line(instance["x"], instance["Y"])
    require_minimiser(fewest := line.sparsest, line)
    chosen = last = 0  # the number of such points, and the place of the last one
    for i, (delta, ratio) in enumerate(zip(line.curvatures, (None, *line.ratios), strict=False), 1):
        if any(delta) and not (ratio is not None and last == i - 1):
            chosen, last = chosen + 1, i
    formula = sum((length + 1) // 2 for length in line.runs)
    return Fraction(chosen - formula), Fraction(len(fewest.neurons) - formula)


CLAIM = Claim(
    id="sparsest",
    statement=(
        "For one input, the fewest neurons of a minimal-VV-norm interpolant are the sum of ceil(m / 2) over its aligned "
        "runs of m points."
    ),
    formula=(
        r"\min \{ K : f \text{ a minimiser with } K \text{ neurons} \} = \sum_{\mathrm{runs}} \left\lceil "
        r"\frac{m}{2} \right\rceil"
    ),
    source="Debarre, Denoyelle, Unser and Fageot (arXiv 2003.10112); vector form new",
    kind="equality",
    quantity="fewest neurons minus the formula",
    claimed=CLAIMED,
    hypotheses={"skip_connection": lambda instance: bool(instance["skip"])},
    draw=draw,
    violate={"skip_connection": draw_without_skip},
    on_violation={"skip_connection": (Verdict.VIOLATED, "a sloping line needs a neuron")},
    check=check,
    recheck=recheck,
    examples=lambda: {name: {**data, "skip": True} for name, data in real_instances().items()},
    draws=200,
    quick_draws=20,
    exact=exact,
    trusted={
        Rung.PROVED: files("sparsest", EXACT),
        Rung.CERTIFIED: files("sparsest", LINE),
    },
)
