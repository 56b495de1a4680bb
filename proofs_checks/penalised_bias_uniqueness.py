"""With biases inside the norm, one output has one cheapest interpolant, and several outputs may have infinitely many.

Claim. Let R be the least of sum_k ||(w_k, b_k)|| ||v_k|| over interpolants of one input and one output, with a free skip
connection. Two interpolants that cost at most (1 + 1e-9) R differ by at most 0.3 % of the labels' range in the middle of
any gap between neighbouring inputs. So minimisers agree there, up to that.

Hypothesis. There is one output.

Source. Boursier and Flammarion, "Penalising the biases in norm regularisation enforces sparsity" (arXiv 2303.01353): the
minimiser is unique for one output. That several outputs break it is new.

Why. A function costs the integral of sqrt(1 + t^2) against |f''|. The response g of a dual array is linear between
neighbouring inputs, and all kinks of minimisers are where ||g(t)|| = sqrt(1 + t^2). For one output this is a line and a
strictly convex curve, which meet once in a gap at most.

What breaks. For two outputs g(t) = (1, t) has ||g(t)|| = sqrt(1 + t^2) in the whole gap. There a measure m of kinks with
jumps (1, t) dm(t) changes values at the data only by its moments m_0, m_1 and m_2, and costs m_0 + m_2. So all measures
with these three moments are equally cheap. For x = -2, -1, 1, 2 and Y = (0, 0), (0, 0), (4, -1), (8, -1) the least cost is
5, and kinks at -1/2 and 1/2, with jumps (2, -1) and (2, 1), are as cheap as three kinks at -1, 0 and 1. Such data are no
exception: with four inputs of two outputs, all data near to these have as many minimisers. With free biases it is the other
way round: further outputs make the minimiser unique (claim `uniqueness`).

Certificate. The first of the three `networks`, a solution, with its `dual`. The other two attain the lower and upper end of
an interval of values of the first output at the `place`, within the budget. The `arrays` prove that no value beyond `outer`
(2,) is within the budget: the recheck asks the verifier for a bound on the cost of interpolants with that value.
"""

from typing import Any

import numpy as np

from proofs_checks.support import interpolates, pack_all, unpack_all
from proofs_checks.trust import NEURON_BOUND, SPACE, files
from vvnorm.api.certification import certify
from vvnorm.api.interpolation import interpolate
from vvnorm.claims import Claim, Instance, Quick, Result, Rung, Verdict, conclude, interval_complaints
from vvnorm.network import ReLUNetwork
from vvnorm.tolerances import EPS
from vvnorm.validation import Array

CLAIMED = (0.0, 0.003)
EXCESS = 1e-9
"""How much more than the least a network may cost. Distances are about its root times the labels' range."""

_SOLVED = 1e-10  # relative gap that the solver is asked for, well below the excess
_ROUNDING = 1e-12  # of values of networks, relative to the labels' range


# --- instances --------------------------------------------------------------------------------------------------------


def draw(rng: np.random.Generator, most: int = 6) -> Instance:
    """Draw four to six integer inputs about 0, and labels of one output that are not affine."""
    while True:
        n = int(rng.integers(4, most + 1))
        x = np.sort(rng.choice(np.arange(-4.0, 5.0), n, replace=False))
        Y = rng.integers(-3, 4, (n, 1)).astype(np.float64)
        if np.ptp(np.diff(Y[:, 0]) / np.diff(x)) > 0:
            gap = int(rng.integers(n - 1))
            return {"x": x, "Y": Y, "place": (x[gap : gap + 1] + x[gap + 1 : gap + 2]) / 2}


def draw_small(rng: np.random.Generator) -> Instance:
    """Draw four inputs."""
    return draw(rng, 4)


def draw_two_outputs(rng: np.random.Generator) -> Instance:
    """Draw two lines whose difference has the moments of three kinks in the gap about 0, in rotated and shifted outputs."""
    inner, outer = rng.uniform(1, 2, 2), rng.uniform(0.3, 1, 2)
    x = np.array([-inner[0] - outer[0], -inner[0], inner[1], inner[1] + outer[1]])
    kinks, masses = np.array([x[1], rng.uniform(-0.5, 0.5), x[2]]), rng.uniform(0.5, 1, 3)
    m0, m1, m2 = (float(np.sum(masses * kinks**k)) for k in range(3))
    angle = rng.uniform(-0.5, 0.5)  # so that the first output takes part in the movement
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    right = np.outer(np.maximum(x, 0), [m0, m1]) - np.outer(x > 0, [m1, m2])
    return {"x": x, "place": (x[1:2] + x[2:3]) / 2, "Y": right @ rotation.T + rng.standard_normal(2)}


# --- checking ---------------------------------------------------------------------------------------------------------


def check(instance: Instance) -> Result:
    """Search the values at the place of all interpolants that cost at most (1 + 1e-9) R."""
    x, Y = instance["x"], instance["Y"]
    solution = interpolate(x, Y, penalise_bias=True, tol=_SOLVED)
    band = solution.band(instance["place"], EXCESS, outputs=0)
    blank = np.zeros((len(x) + 1, Y.shape[1]))  # proves nothing: where the search has no end
    certificate = {
        "dual": solution.dual,
        **pack_all("networks", [solution.network, *(end.network for end in band.ends)]),
        "outer": band.outer[0, 0],
        "arrays": np.stack([blank if end.dual is None else end.dual for end in band.ends]),
    }
    return conclude(CLAIMED, *_interval(instance, certificate), certificate, **solution.provenance)


def _interval(instance: Instance, arrays: Any) -> tuple[float, float]:
    """Interval of the largest distance between values of two of the interpolants, over the labels' range."""
    low, high = (f(instance["place"])[0, 0] for f in unpack_all("networks", arrays)[1:])
    outer, unit = arrays["outer"], float(np.ptp(instance["Y"], axis=0).max())
    return max(float(high - low) / unit - _ROUNDING, 0.0), float(outer[1] - outer[0]) / unit + _ROUNDING


def recheck(instance: Instance, result: Result) -> list[str]:
    """Certify the solution and the costs of the two networks, and prove both outer ends again."""
    x, Y, arrays = instance["x"], instance["Y"], result.certificate
    solution, *networks = unpack_all("networks", arrays)
    judged = certify(solution, x, Y, penalise_bias=True, dual=arrays["dual"])
    if judged.shortcomings(EXCESS):
        return [f"the solution is not certified: gap {judged.gap:.3g}"]
    budget = (1 + EXCESS) * solution.vv_norm_with_bias
    for f in networks:
        if not (f.vv_norm_with_bias <= budget * (1 + 64 * EPS) and interpolates(f, x, Y)):
            return [f"a network costs {f.vv_norm_with_bias!r}, more than the budget {budget!r}, or does not interpolate"]
    for end, dual in zip(arrays["outer"].tolist(), arrays["arrays"], strict=True):
        if not _least_cost(instance, solution, end, dual) > budget:
            return [f"no proof that the value {end!r} costs more than the budget"]
    return interval_complaints(result, *_interval(instance, arrays), _ROUNDING)


def _least_cost(instance: Instance, f: ReLUNetwork, value: float, dual: Array) -> float:
    """Return the verifier's bound on the cost of interpolants with a value of the first output at the place."""
    row = np.full((1, instance["Y"].shape[1]), np.nan)
    row[0, 0] = value
    x, Y = np.append(instance["x"], instance["place"]), np.vstack([instance["Y"], row])
    return certify(f, x, Y, penalise_bias=True, dual=dual).lower_bound


CLAIM = Claim(
    id="penalised_bias_uniqueness",
    statement=(
        "For one input, one output and biases inside the norm, all interpolants of nearly least cost agree. For two "
        "outputs they need not."
    ),
    formula=(
        r"\sum_k \lVert (w_k, b_k) \rVert \lVert v_k \rVert \le (1 + 10^{-9}) R \text{ for } f \text{ and } h "
        r"\quad \Rightarrow \quad \lvert f - h \rvert \le 0.003 \, (\max y - \min y)"
    ),
    source="Boursier and Flammarion (arXiv 2303.01353), for one output; several outputs new",
    kind="bound",
    quantity="largest distance of two interpolants of nearly least cost in the middle of a gap, over the labels' range",
    claimed=CLAIMED,
    hypotheses={"one_output": lambda instance: instance["Y"].shape[1] == 1},
    draw=draw,
    violate={"one_output": draw_two_outputs},
    on_violation={"one_output": (Verdict.VIOLATED, "kinks may move if their moments stay, at the same cost")},
    check=check,
    recheck=recheck,
    draws=15,
    quick_draws=2,
    quick=Quick(draw=draw_small),
    not_exact="the costs of neurons are square roots",
    trusted={Rung.CERTIFIED: files("penalised_bias_uniqueness", SPACE, NEURON_BOUND)},
)
