"""K neurons that are sampled by their cost approximate a function of the unit ball at the rate K^(-1/2), whatever d is.

Claim. Let f = sum_m c_m g_m with neurons g_m = v_m relu(w_m.x + b_m), ||w_m|| = ||v_m|| = 1, c_m > 0 of sum 1: a function
of VV norm at most 1. Draw K of the neurons with probabilities c_m, and let f_K be their mean. The root of the expected
mean squared distance of f_K to f falls as K^(-1/2), for 2, 10 and 100 inputs.

Hypothesis. Neurons are sampled in proportion to their cost.

Source. Shenouda, Parhi, Lee and Nowak (arXiv 2305.16534), the approximation rate; the argument by sampling is Maurey's. The
expected square is (sum_m c_m ||g_m||^2 - ||f||^2) / K, so some choice of K neurons is at least as near.

What breaks. The K most expensive neurons, with their own weights, leave out the rest: while K is small against the number
of neurons, the distance hardly falls.

Experiment. 12 functions, four for each number of inputs, of 400 neurons with exponential costs and 3 outputs; 100 Gaussian
points; K = 2, 8, 32, 128; 40 samples for each K. The slope of log distance in log K is fitted by least squares for each
function. The interval is the 99 % interval of its mean.

Certificate. `distances` (12, 4), which the recheck computes from the seeds, neuron by neuron.
"""

import math

import numpy as np

from proofs_checks.noise_risks import seeded
from proofs_checks.support import ABOUT_AVERAGES, mean_interval
from proofs_checks.trust import NETWORKS, NOISE_RISKS, STATISTICS, files
from vvnorm.claims import Claim, Instance, Result, Rung, Verdict, conclude, interval_complaints
from vvnorm.tolerances import CLAIM as TOLERANCE
from vvnorm.validation import Array

CLAIMED = (-0.55, -0.45)
SAMPLE = 12
SAMPLED, LARGEST = "sampled", "largest"

_INPUTS = (2, 10, 100)
_NEURONS, _OUTPUTS, _POINTS, _TIMES = 400, 3, 100, 40
_K = (2, 8, 32, 128)


def draw(rng: np.random.Generator) -> Instance:
    """Draw the seed of an experiment with sampled neurons."""
    return {"seed": int(rng.integers(2**31)), "choice": SAMPLED}


def draw_largest(rng: np.random.Generator) -> Instance:
    """Draw the seed of an experiment that takes the most expensive neurons."""
    return {**draw(rng), "choice": LARGEST}


def _function(instance: Instance, k: int) -> tuple[Array, Array, Array, list[Array]]:
    """Values of neurons at the points (N, M), output weights (M, T), costs (M,), and how often each neuron is drawn."""
    rng = seeded(instance, k)
    d = _INPUTS[k % len(_INPUTS)]
    W, V = (rng.standard_normal((_NEURONS, width)) for width in (d, _OUTPUTS))
    W, V = (A / np.linalg.norm(A, axis=1, keepdims=True) for A in (W, V))
    hidden = np.maximum(rng.standard_normal((_POINTS, d)) @ W.T + rng.standard_normal(_NEURONS), 0.0)
    costs = rng.exponential(size=_NEURONS)
    costs /= costs.sum()
    if instance["choice"] == SAMPLED:
        return hidden, V, costs, [rng.multinomial(K, costs, _TIMES) / K for K in _K]
    order = np.argsort(-costs)
    return hidden, V, costs, [np.where(np.isin(np.arange(_NEURONS), order[:K]), costs, 0.0)[None] for K in _K]


def check(instance: Instance) -> Result:
    """Sample, and measure the distances, by matrix products."""
    distances = np.zeros((SAMPLE, len(_K)))
    for k in range(SAMPLE):
        hidden, V, costs, weights = _function(instance, k)
        for j, drawn in enumerate(weights):
            apart = [hidden @ ((row - costs)[:, None] * V) for row in drawn]
            distances[k, j] = math.sqrt(float(np.mean([np.sum(f**2) / _POINTS for f in apart])))
    return conclude(CLAIMED, *_interval(distances), {"distances": distances}, statistical=True, method="sampling")


def _interval(distances: Array) -> tuple[float, float]:
    logs = np.log(np.array(_K)) - np.mean(np.log(_K))
    return mean_interval(np.log(distances) @ logs / (logs @ logs), SAMPLE)


def recheck(instance: Instance, result: Result) -> list[str]:
    """Compute every distance from inner products of neurons: ||sum_m e_m g_m||^2 = sum_mn e_m e_n <g_m, g_n>."""
    distances = result.certificate["distances"]
    if distances.shape != (SAMPLE, len(_K)) or not np.all(distances > 0):
        return [f"there must be positive distances of {SAMPLE} functions"]
    if complaints := interval_complaints(result, *_interval(distances), 0.0):
        return complaints
    for k in range(SAMPLE):
        hidden, V, costs, weights = _function(instance, k)
        products = (hidden.T @ hidden) * (V @ V.T) / _POINTS
        for j, drawn in enumerate(weights):
            apart = drawn - costs
            expected = math.sqrt(float(np.mean(np.einsum("rm,rm->r", apart @ products, apart))))
            if not abs(distances[k, j] - expected) <= TOLERANCE * expected:
                return [f"function {k}, K = {_K[j]}: the distance is {distances[k, j]!r}, not {expected!r}"]
    return []


CLAIM = Claim(
    id="approximation_rate",
    statement=(
        "K neurons, sampled in proportion to their cost, approximate a function of VV norm at most 1 in mean square at the "
        "rate K^(-1/2), for 2 to 100 inputs."
    ),
    formula=r"\bigl(E \lVert f - f_K \rVert^2\bigr)^{1/2} = C K^{-1/2}",
    source="Shenouda, Parhi, Lee and Nowak (arXiv 2305.16534), the approximation rate",
    kind="statistical",
    quantity="mean slope of the log distance in log K, 12 functions, K = 2 to 128",
    claimed=CLAIMED,
    hypotheses={"sampled_by_cost": lambda instance: instance["choice"] == SAMPLED},
    draw=draw,
    violate={"sampled_by_cost": draw_largest},
    on_violation={"sampled_by_cost": (Verdict.NOT_SUPPORTED, "a few of many neurons leave out most of the function")},
    check=check,
    recheck=recheck,
    draws=5,
    quick_draws=1,
    not_exact=ABOUT_AVERAGES,
    trusted={Rung.STATISTICAL: files("approximation_rate", NOISE_RISKS, NETWORKS, STATISTICS)},
)
