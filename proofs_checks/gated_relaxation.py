"""For Gaussian inputs, neurons with random gates cost less than ReLU networks by a factor below 2.5 on average.

Claim. Let p be the least objective of networks without biases of 3 Gaussian inputs, with squared loss and weight decay, and
q the least value of the program of `gated_programs` without cones, whose patterns are those of 4 N random directions. Then
the geometric mean of p / q lies between 1 and 2.5.

Hypothesis. There are 4 N random gates, more than there are points.

Source. Kim and Pilanci, "Convex relaxations of ReLU neural networks approximate global optima in polynomial time" (arXiv
2402.03625): the ratio is at most a multiple of sqrt(log N) with high probability, for inputs whose number grows with N. The
constant was not read. Here the ratio itself is measured, at a fixed number of inputs, where all patterns can be listed:
about 1.6 at N = 8 to 12.

What breaks. With a single gate the program is no relaxation: it lacks patterns that the network uses, and costs more.

Experiment. 30 data sets (10 in a quick run) of N = 10 (6) points; Gaussian labels; lam is a tenth of ||Phi'y||. Both values
are enclosed. The interval is the 99 % interval of the mean log ratio, as a ratio.

Certificate. `u`, `v` from the program with all patterns and cones, `gated_u`, `gated_v` from that with random gates.
"""

import math
from typing import Any

import numpy as np

from proofs_checks.gated_programs import GatedProgram, all_patterns
from proofs_checks.noise_risks import seeded
from proofs_checks.support import ABOUT_AVERAGES, mean_interval
from proofs_checks.trust import GATED, NOISE_RISKS, STATISTICS, files
from vvnorm.claims import Claim, Instance, Quick, Result, Rung, Verdict, conclude, interval_complaints
from vvnorm.tolerances import GAP
from vvnorm.validation import Array

CLAIMED = (1.0, 2.5)
_INPUTS = 3


def draw(rng: np.random.Generator) -> Instance:
    """Draw the seed of an experiment with 30 data sets of 10 points and 40 gates each."""
    return {"seed": int(rng.integers(2**31)), "points": 10, "gates": 40, "sample": 30}


def draw_short(rng: np.random.Generator) -> Instance:
    """Draw the seed of an experiment with 10 data sets of 6 points and 24 gates each."""
    return {"seed": int(rng.integers(2**31)), "points": 6, "gates": 24, "sample": 10}


def draw_one_gate(rng: np.random.Generator) -> Instance:
    """Draw the seed of an experiment with one gate."""
    return {**draw_short(rng), "gates": 1}


def _programs(instance: Instance, k: int) -> tuple[GatedProgram, GatedProgram]:
    """The exact program of data set k, and the one with random gates."""
    rng = seeded(instance, k)
    features, y = (rng.standard_normal(shape) for shape in ((instance["points"], _INPUTS), (instance["points"],)))
    gates = (rng.standard_normal((instance["gates"], _INPUTS)) @ features.T > 0).astype(np.float64)
    lam = 0.1 * float(np.linalg.norm(features.T @ y))
    exact = GatedProgram(features, y, lam, all_patterns(features), cones=True, constant=False)
    return exact, GatedProgram(features, y, lam, gates, cones=False, constant=False)


def check(instance: Instance) -> Result:
    """Solve both programs for each data set."""
    solved = [[program.solve() for program in _programs(instance, k)] for k in range(instance["sample"])]
    names = (("u", "v"), ("gated_u", "gated_v"))
    certificate = {
        name: np.stack([pairs[i][j] for pairs in solved]) for i, both in enumerate(names) for j, name in enumerate(both)
    }
    return conclude(CLAIMED, *_interval(instance, certificate), certificate, statistical=True, method="conic programs")


def _interval(instance: Instance, arrays: Any) -> tuple[float, float]:
    ratios = np.zeros((instance["sample"], 2))
    for k in range(instance["sample"]):
        exact, gated = _programs(instance, k)
        (lower, upper), (below, above) = _network_value(exact, arrays, k), _gated_value(gated, arrays, k)
        ratios[k] = lower / above, upper / below
    if not np.all(ratios[:, 1] - ratios[:, 0] <= GAP * ratios[:, 1]):
        return 0.0, math.inf
    low, high = mean_interval(np.log(ratios.mean(axis=1)), instance["sample"])
    return math.exp(low), math.exp(high)


def _network_value(program: GatedProgram, arrays: Any, k: int) -> tuple[float, float]:
    """Interval of the least objective of a network; the vectors are its neurons."""
    u, v = arrays["u"][k], arrays["v"][k]
    upper = program.objective(program.network_residual(u, v), u, v)
    return program.lower_bound(program.residual(u, v)), upper


def _gated_value(program: GatedProgram, arrays: Any, k: int) -> tuple[float, float]:
    u, v = arrays["gated_u"][k], arrays["gated_v"][k]
    rest: Array = program.residual(u, v)
    return program.lower_bound(rest), program.objective(rest, u, v)


def recheck(instance: Instance, result: Result) -> list[str]:
    """Enclose all values again."""
    exact, gated = (len(program.patterns) for program in _programs(instance, 0))
    for name, patterns in (("u", exact), ("v", exact), ("gated_u", gated), ("gated_v", gated)):
        if result.certificate[name].shape != (instance["sample"], patterns, _INPUTS):
            return [f"{name} must have shape {(instance['sample'], patterns, _INPUTS)}"]
    return interval_complaints(result, *_interval(instance, result.certificate), 0.0)


CLAIM = Claim(
    id="gated_relaxation",
    statement=(
        "With 4 N random gates, gated neurons cost less than ReLU networks of 3 Gaussian inputs, by a factor below 2.5."
    ),
    formula=r"1 \le \exp \operatorname{E} \log (p / q) \le 2.5",
    source="about a theorem of Kim and Pilanci (arXiv 2402.03625); the measured ratio is new",
    kind="statistical",
    quantity="geometric mean of the least objective of networks over that of gated neurons",
    claimed=CLAIMED,
    hypotheses={"many_gates": lambda instance: instance["gates"] >= 4 * instance["points"]},
    draw=draw,
    violate={"many_gates": draw_one_gate},
    on_violation={
        "many_gates": (Verdict.NOT_SUPPORTED, "with one gate most patterns are missing, and the value is higher")
    },
    check=check,
    recheck=recheck,
    draws=2,
    quick_draws=1,
    quick=Quick(draw=draw_short),
    not_exact=ABOUT_AVERAGES,
    trusted={Rung.STATISTICAL: files("gated_relaxation", GATED, NOISE_RISKS, STATISTICS)},
)
