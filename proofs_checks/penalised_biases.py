"""With biases inside the norm, joining two aligned neighbours into one kink is cheaper, for any number of outputs.

Claim. If biases count, a neuron with kink t and jump J costs at least sqrt(1 + t^2) ||J||, and a function costs the
integral of sqrt(1 + x^2) against |f''|. If two neighbouring curvatures are aligned, the sparsest minimal-VV-norm
interpolant costs strictly less than connect-the-dots, so that connect-the-dots is no minimiser of this cost.

Hypotheses. Some neighbouring curvatures are aligned. Biases count.

Source. Boursier and Flammarion, "Penalising the biases in norm regularisation enforces sparsity" (arXiv 2303.01353), for
one output, where the minimiser is unique. For several outputs the statement is new.

Why. A pair of aligned curvatures is replaced by one kink at its centre of mass, and sqrt(1 + t^2) is strictly convex. Where
no two neighbours are aligned, the sparsest minimal-VV-norm interpolant is connect-the-dots. (The claim does not say whether
it is then a minimiser of this cost: kinks of several outputs may move where no two are aligned.)

What breaks. Without aligned neighbours there is nothing to join. If biases are free both interpolants cost R(D).

Certificate. Both networks, `dots` and `joined`, of which the recheck adds up the costs kink by kink.
"""

import math
from typing import Any

import numpy as np

from proofs_checks.support import aligned_neighbours, pack, unpack
from proofs_checks.trust import LINE, files
from vvnorm.api.certification import certify
from vvnorm.claims import Claim, Instance, Result, Rung, Verdict, conclude, interval_complaints
from vvnorm.datasets import aligned_dataset
from vvnorm.network import ReLUNetwork
from vvnorm.solvers.univariate.interpolation import connect, sparsest
from vvnorm.tolerances import CLAIM as TOLERANCE

CLAIMED = (-np.inf, -TOLERANCE)
_ROUNDING = 1e-13  # of sums of a dozen positive costs, relative to their sum


def draw(rng: np.random.Generator) -> Instance:
    """Draw integer data about 0 with aligned runs, of one to three outputs."""
    return _draw(rng, [int(length) for length in rng.integers(2, 5, int(rng.integers(1, 3)))])


def _draw(rng: np.random.Generator, runs: list[int]) -> dict[str, Any]:
    data = aligned_dataset(2 + sum(runs), int(rng.integers(1, 4)), rng, runs=runs)
    x = data.X[:, 0]
    return {"x": x - np.round(np.mean(x)), "Y": data.Y, "penalised": True}


def draw_unaligned(rng: np.random.Generator) -> Instance:
    """Draw runs of one point only."""
    while True:
        instance = _draw(rng, [1] * int(rng.integers(2, 6)))
        if not any(aligned_neighbours(instance["x"], instance["Y"])):
            return instance


def draw_free_biases(rng: np.random.Generator) -> Instance:
    """Draw aligned runs; biases cost nothing."""
    return {**draw(rng), "penalised": False}


def check(instance: Instance) -> Result:
    """Compare the costs of the sparsest minimal-VV-norm interpolant and of connect-the-dots."""
    dots = connect(instance["x"], instance["Y"])
    certificate = {**pack("dots", dots.network), **pack("joined", sparsest(dots))}
    networks = [unpack(name, certificate) for name in ("dots", "joined")]
    first, second = (f.vv_norm_with_bias if instance["penalised"] else f.vv_norm for f in networks)
    change = second / first - 1
    return conclude(CLAIMED, change - _ROUNDING, change + _ROUNDING, certificate, method="closed form")


def _cost_by_kinks(f: ReLUNetwork, penalised: bool) -> float:
    """Sum over neurons of sqrt(1 + t^2) ||J||, or of ||J||, from the kink t and the jump J of each."""
    kinks, jumps = -f.b / f.W[:, 0], np.abs(f.W[:, 0]) * f.V
    weights = [math.hypot(1.0, t) if penalised else 1.0 for t in kinks.tolist()]
    return math.fsum(weight * math.hypot(*jump) for weight, jump in zip(weights, jumps.T.tolist(), strict=True))


def recheck(instance: Instance, result: Result) -> list[str]:
    """Certify both networks as minimal-VV-norm interpolants, and add up their costs kink by kink."""
    costs = []
    for name in ("dots", "joined"):
        network = unpack(name, result.certificate)
        judged = certify(network, instance["x"], instance["Y"])
        if judged.shortcomings(TOLERANCE):
            return [f"{name} is not a minimal-VV-norm interpolant: gap {judged.gap:.3g}"]
        costs.append(_cost_by_kinks(network, instance["penalised"]))
    change = costs[1] / costs[0] - 1
    return interval_complaints(result, change - _ROUNDING, change + _ROUNDING, 4 * _ROUNDING)


CLAIM = Claim(
    id="penalised_biases",
    statement=(
        "For one input and biases inside the norm, joining aligned neighbours into one kink costs strictly less than "
        "connect-the-dots, for any number of outputs."
    ),
    formula=r"\int \sqrt{1 + x^2} \, d|f_{\mathrm{sparsest}}''| < \int \sqrt{1 + x^2} \, d|f_D''|",
    source="Boursier and Flammarion (arXiv 2303.01353), for one output; several outputs new",
    kind="bound",
    quantity="cost with biases of the sparsest minimal-VV-norm interpolant over that of connect-the-dots, minus 1",
    claimed=CLAIMED,
    hypotheses={
        "aligned_neighbours": lambda instance: any(aligned_neighbours(instance["x"], instance["Y"])),
        "biases_penalised": lambda instance: bool(instance["penalised"]),
    },
    draw=draw,
    violate={"aligned_neighbours": draw_unaligned, "biases_penalised": draw_free_biases},
    on_violation={
        "aligned_neighbours": (Verdict.VIOLATED, "there is nothing to join"),
        "biases_penalised": (Verdict.VIOLATED, "both interpolants cost R(D)"),
    },
    check=check,
    recheck=recheck,
    draws=200,
    quick_draws=20,
    not_exact="costs are sums of square roots",
    trusted={Rung.CERTIFIED: files("penalised_biases", LINE)},
)
