"""With five or more outputs and two inputs, most kinks pass through two data points.

Claim. Let d = 2, with 30 points and T >= 5 outputs. Neurons whose kink w_k.x + b_k = 0 passes through two data points or
more carry at least 0.8 of the VV norm of the minimal-VV-norm interpolant, on average over data sets.

Hypotheses. There are five outputs or more, and twenty points or more.

Source. New. In some solution each kink passes through a data point. This is a theorem: for fixed w the response to the dual
array is largest at a breakpoint in b. On an arc of directions w between those of two pairs of points the squared response
is a quadratic form w' M w. Its maximum may lie inside the arc. With more outputs it lies more often at an end of the arc,
where the kink passes through a second point.

What breaks. With one output M has rank 1, and the maximum lies inside an arc more often. With few points the arcs are wide.

Experiment. 32 data sets; the interval is the 99 % interval of the mean share of the VV norm. Effect and sample size were
set after a pilot of 60 to 200 other data sets of each kind. The mean is 0.93 for 5 outputs, 0.95 for 10 and 0.96 for 20
(0.59 for one), with a long tail down to 0.2 from pairs of points that almost coincide. A kink that passes within 1e-9 of a
point, relative to the points' extent, counts as passing through it; all other kinks stay 1e-6 away. In a quick run
experiments with one output have 16 data sets.

Certificate. Each network with the dual array that proves its cost minimal. Solutions need not be unique: the claim is about
the solutions that the solver returns.
"""

import math
from typing import Any

import numpy as np

from proofs_checks.auxiliary_outputs import smaller
from proofs_checks.support import ABOUT_AVERAGES, all_optimal, mean_interval, solve_all, unpack_all
from proofs_checks.trust import NEURON_BOUND, SPACE, STATISTICS, files
from vvnorm.claims import Claim, Instance, Quick, Result, Rung, Verdict, conclude, interval_complaints
from vvnorm.network import ReLUNetwork
from vvnorm.validation import Array

CLAIMED = (0.8, np.inf)
SAMPLE = 32
LEAST_OUTPUTS, LEAST_POINTS = 5, 20

_POINTS, _FEW = 30, 6
_THROUGH = 1e-9
_SOLVED = 1e-8  # relative gap that the solver is asked for
_ROUNDING = 1e-12


def draw(rng: np.random.Generator) -> Instance:
    """Draw Gaussian points X (sample, n, 2) with 5, 10 or 20 Gaussian outputs Y (sample, n, T)."""
    return _gaussian(rng, _POINTS, int(rng.choice([LEAST_OUTPUTS, 10, 20])))


def draw_one_output(rng: np.random.Generator, sample: int = SAMPLE) -> Instance:
    """Draw the same with one output."""
    return _gaussian(rng, _POINTS, 1, sample)


def draw_few_points(rng: np.random.Generator) -> Instance:
    """Draw six points with ten outputs."""
    return _gaussian(rng, _FEW, 10)


def _gaussian(rng: np.random.Generator, n: int, T: int, sample: int = SAMPLE) -> Instance:
    return {"X": rng.standard_normal((sample, n, 2)), "Y": rng.standard_normal((sample, n, T))}


# --- checking ---------------------------------------------------------------------------------------------------------


def check(instance: Instance) -> Result:
    """Solve for every data set, and measure the share of the cost in neurons whose kinks pass through two points."""
    certificate, certified, provenance = solve_all("network", instance["X"], instance["Y"], _SOLVED)
    networks = unpack_all("network", certificate)
    numbers = {"neurons": sum(f.n_neurons for f in networks), "neurons_through_two": 0}
    if certified:
        through = [_through_two(f, X) for f, X in zip(networks, instance["X"], strict=True)]
        numbers["neurons_through_two"] = sum(int(np.sum(two)) for two in through)
        shares = np.array([_share(f, two) for f, two in zip(networks, through, strict=True)])
        lower, upper = mean_interval(shares, _planned(instance))
    else:
        lower, upper = 0.0, 1.0
    return conclude(CLAIMED, lower, upper, certificate, statistical=True, **provenance, **numbers)


def _planned(instance: Instance) -> int:
    """Return the number of data sets below which the interval is infinite."""
    return int(instance.get("planned", SAMPLE))


def _through_two(f: ReLUNetwork, X: Array) -> Any:
    """Whether the kink of each neuron passes through two points or more, shape (K,)."""
    distance = np.abs(f.W @ X.T + f.b[:, None]) / np.linalg.norm(f.W, axis=1)[:, None]
    return np.sum(distance <= _THROUGH * np.ptp(X, axis=0).max(), axis=1) >= 2


def _share(f: ReLUNetwork, two: Any) -> float:
    cost = np.linalg.norm(f.W, axis=1) * np.linalg.norm(f.V, axis=0)
    return float(cost[two].sum() / cost.sum())


def recheck(instance: Instance, result: Result) -> list[str]:
    """Certify every network again, and add up the costs of its kinks one by one, with exact sums."""
    if not all_optimal("network", result.certificate, instance["X"], instance["Y"]):
        return ["a network is not certified"]
    shares = []
    for network, X in zip(unpack_all("network", result.certificate), instance["X"].tolist(), strict=True):
        reach = _THROUGH * max(max(column) - min(column) for column in zip(*X, strict=True))
        costs, through = [], []
        for w, b, v in zip(network.W.tolist(), network.b.tolist(), network.V.T.tolist(), strict=True):
            costs.append(math.hypot(*w) * math.hypot(*v))
            if sum(abs(math.fsum([w[0] * x[0], w[1] * x[1], b])) <= reach * math.hypot(*w) for x in X) >= 2:
                through.append(costs[-1])
        shares.append(math.fsum(through) / math.fsum(costs))
    return interval_complaints(result, *mean_interval(np.array(shares), _planned(instance)), _ROUNDING)


CLAIM = Claim(
    id="kinks_through_data",
    statement=(
        "With two inputs and five or more outputs, kinks through two data points carry at least 80 % of the VV norm of the "
        "minimal-VV-norm interpolant, on average."
    ),
    formula=(
        r"\sum_{k \in S} \lVert w_k \rVert \lVert v_k \rVert \ge 0.8 \, \mathrm{VV}(f), \qquad S = \{ k : w_k "
        r"\cdot x_i + b_k = 0 \text{ for two points } x_i \}"
    ),
    source="new",
    kind="statistical",
    quantity="mean share of the VV norm in neurons whose kinks pass through two data points, over 32 data sets",
    claimed=CLAIMED,
    hypotheses={
        "several_outputs": lambda instance: instance["Y"].shape[2] >= LEAST_OUTPUTS,
        "many_points": lambda instance: instance["X"].shape[1] >= LEAST_POINTS,
    },
    draw=draw,
    violate={"several_outputs": draw_one_output, "many_points": draw_few_points},
    on_violation={
        "several_outputs": (
            Verdict.NOT_SUPPORTED,
            "with one output kinks pass through one point, and often through no second one",
        ),
        "many_points": (Verdict.NOT_SUPPORTED, "with few points the arcs between the directions of their pairs are wide"),
    },
    check=check,
    recheck=recheck,
    draws=4,
    quick_draws=1,
    quick=Quick(violate={"several_outputs": smaller(draw_one_output, 16)}),
    not_exact=ABOUT_AVERAGES,
    trusted={
        Rung.STATISTICAL: files("kinks_through_data", SPACE, NEURON_BOUND, STATISTICS),
    },
)
