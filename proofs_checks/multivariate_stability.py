"""An interpolant of nearly least cost stays inside a band around the minimisers, for any number of inputs.

Claim. Let f interpolate labels at points of the plane, with VV(f) <= (1 + e) R. Let f* be a minimiser, x any point, and let
Lambda be a dual array for the data and one more label at x, in the first output: orthogonal to affine functions, with a
response of at most 1 for every neuron. Then f_1(x) lies between the points where <Lambda, Y> + Lambda_x s = (1 + e) R, one
for an array with Lambda_x < 0 and one for an array with Lambda_x > 0. So its distance from f*_1(x) is at most that of the
end on its side.

Hypothesis. f interpolates.

Source. New; for one input claim `stability` has the bound in closed form. Proof: pairing the array with the values of f at
the data and at x leaves its neurons, so <Lambda, Y> + Lambda_x f_1(x) <= VV(f). The least cost of interpolants with
f_1(x) = s is convex in s, so all values beyond an end are excluded with it.

What breaks. A shifted network costs as much, and is far away.

Certificate. The `solution` with its `dual`, which prove R; `ends`, and the `arrays` that prove them: the verifier's bound
on the cost of interpolants that have the end's value at x exceeds the cost of f. The networks that are drawn are cheapest
for a value at x, or at x and at another point, so that they come close to the ends.
"""

import math
from typing import Any

import numpy as np

from proofs_checks.support import optimal, pack, planar_instances, unpack
from proofs_checks.trust import NEURON_BOUND, SPACE, files
from vvnorm.api.certification import certify
from vvnorm.api.interpolation import interpolate
from vvnorm.claims import Claim, Instance, Quick, Result, Rung, Verdict, conclude, interval_complaints
from vvnorm.network import ReLUNetwork
from vvnorm.results.multivariate import MultivariateSolution
from vvnorm.tolerances import EPS, GAP
from vvnorm.validation import Array

_SLACK = 1e-6  # relative; the ratio is computed from values with a rounding of some 1e-12
CLAIMED = (0.0, 1.0 + _SLACK)
_SOLVED = GAP / 10  # relative gap that the solver is asked for
_LEAST_EXCESS = 1e-5  # a band of a smaller excess is about the solver's gap


# --- instances --------------------------------------------------------------------------------------------------------


def draw(rng: np.random.Generator, most: int = 9) -> Instance:
    """Draw data, a point, and the cheapest interpolant that is off there, mostly there alone."""
    T = int(rng.integers(1, 4))
    N = int(rng.integers(5, most + 1))
    X, Y = rng.standard_normal((N, 2)), rng.standard_normal((N, T))
    return _moved(X, Y, rng, float(10.0 ** rng.uniform(-2, 0)))


def draw_small(rng: np.random.Generator) -> Instance:
    """Draw the same with five points."""
    return draw(rng, 5)


def draw_shifted(rng: np.random.Generator) -> Instance:
    """Shift an interpolant that is little off by twice the labels' range, which does not change its cost."""
    X, Y = rng.standard_normal((5, 2)), rng.standard_normal((5, 2))
    instance = _moved(X, Y, rng, 1e-2)
    f = unpack("network", instance)
    return {**instance, **pack("network", ReLUNetwork(f.W, f.b, f.V, f.A, f.c + 2 * np.ptp(Y, axis=0).max()))}


def _moved(X: Array, Y: Array, rng: np.random.Generator, distance: float) -> Instance:
    """Interpolate with the first output moved by a distance, in standard deviations, at one or two further points."""
    count = 1 if rng.random() < 0.7 else 2
    weights = rng.dirichlet(np.ones(len(X)), count)
    points, rows = weights @ X, np.full((count, Y.shape[1]), np.nan)
    rows[:, 0] = weights @ Y[:, 0]
    near = interpolate(X, Y)(points)[:, 0]
    rows[:, 0] = near + distance * Y[:, 0].std() * rng.choice([-1.0, 1.0], count)
    network = interpolate(np.vstack([X, points]), np.vstack([Y, rows])).network
    return {"X": X, "Y": Y, "point": points[0], **pack("network", network)}


def _interpolates(instance: Instance) -> bool:
    X, Y = instance["X"], instance["Y"]
    return bool(np.max(np.abs(unpack("network", instance)(X) - Y)) <= GAP * np.ptp(Y, axis=0).max())


# --- checking ---------------------------------------------------------------------------------------------------------


def check(instance: Instance) -> Result:
    """Search the band of the network's excess, and compare its distance from the solution with that of the end."""
    X, Y, x = instance["X"], instance["Y"], instance["point"]
    solution = interpolate(X, Y, tol=_SOLVED)
    assert isinstance(solution, MultivariateSolution)
    network = solution.network.balanced()  # so that the largest weight is that of a neuron that matters
    budget = _budget(unpack("network", instance), network)
    band = solution.band(x[None], budget / solution.value - 1, outputs=0)
    certificate = pack("solution", network) | {"dual": solution.dual, "ends": band.outer[0, 0]}
    blank = np.zeros((len(X) + 1, Y.shape[1]))  # proves nothing: where the search has no end
    certificate["arrays"] = np.stack([blank if end.dual is None else end.dual for end in band.ends])
    return conclude(CLAIMED, *_interval(instance, certificate), certificate, **solution.provenance, excess=band.excess)


def _budget(f: ReLUNetwork, solution: ReLUNetwork) -> float:
    """What networks in the band may cost: as much as f, but more than the solver's gap above the solution."""
    return max(f.vv_norm * (1 + 64 * EPS), solution.vv_norm * (1 + _LEAST_EXCESS))


def _interval(instance: Instance, arrays: Any) -> tuple[float, float]:
    """Interval of the distance of f from the solution over that of the end on its side."""
    x, ends = instance["point"][None], arrays["ends"]
    middle = float(unpack("solution", arrays)(x)[0, 0])
    value = float(unpack("network", instance)(x)[0, 0])
    ratio = abs(value - middle) / abs(float(ends[int(value > middle)]) - middle)
    return ratio * (1 - _SLACK / 2), ratio * (1 + _SLACK / 2)


def recheck(instance: Instance, result: Result) -> list[str]:
    """Certify the solution, and prove both ends again: interpolants with an end's value at x cost more than f."""
    X, Y, x, arrays = instance["X"], instance["Y"], instance["point"], result.certificate
    solution, f, ends = unpack("solution", arrays), unpack("network", instance), arrays["ends"].tolist()
    if not optimal(solution, X, Y, arrays["dual"]):
        return ["the solution is not certified"]
    if not ends[0] <= _value(solution, x) <= ends[1]:
        return ["the solution is not between the ends"]
    rows = np.full((1, Y.shape[1]), np.nan)
    for end, dual in zip(ends, arrays["arrays"], strict=True):
        rows[0, 0] = end
        made = certify(f, np.vstack([X, x]), np.vstack([Y, rows]), dual=dual)
        if not made.lower_bound > _budget(f, solution):
            return [f"no proof that interpolants with the value {end!r} cost more than f"]
    away = abs(_value(f, x) - _value(solution, x)) / abs(
        ends[int(_value(f, x) > _value(solution, x))] - _value(solution, x)
    )
    return interval_complaints(result, away * (1 - _SLACK / 2), away * (1 + _SLACK / 2), _SLACK / 10)


def _value(f: ReLUNetwork, x: Array) -> float:
    """f_1(x), term by term with an exact sum."""
    hidden = [max(math.fsum([*(w * x).tolist(), b]), 0.0) for w, b in zip(f.W, f.b.tolist(), strict=True)]
    return math.fsum([*(f.V[0] * hidden).tolist(), *(f.A[0] * x).tolist(), float(f.c[0])])


def _examples() -> dict[str, Instance]:
    """Real data of two inputs and three outputs: eight people."""
    ((name, data),) = planar_instances().items()
    return {f"{name}, eight people": _moved(data["X"][:8], data["Y"][:8], np.random.default_rng(0), 0.1)}


CLAIM = Claim(
    id="multivariate_stability",
    statement=(
        "For two inputs, an interpolant of VV norm (1 + e) R differs from a minimiser at a point by at most the distance "
        "to the end of the band of excess e, which two dual arrays prove."
    ),
    formula=(
        r"\mathrm{VV}(f) \le (1 + e) R(D) \quad \Rightarrow \quad \lvert f_1(x) - f^*_1(x) \rvert \le "
        r"\lvert s - f^*_1(x) \rvert, \qquad \langle \Lambda, Y \rangle + \Lambda_x s = (1 + e) R(D)"
    ),
    source="new",
    kind="bound",
    quantity="distance from the minimiser over the distance of the band's end",
    claimed=CLAIMED,
    hypotheses={"interpolates": _interpolates},
    draw=draw,
    violate={"interpolates": draw_shifted},
    on_violation={"interpolates": (Verdict.VIOLATED, "a shifted network costs as much, but is far away")},
    check=check,
    recheck=recheck,
    examples=_examples,
    draws=40,
    quick_draws=2,
    quick=Quick(draw=draw_small),
    not_exact="minimisers of several inputs are known in floating point only: exact proofs enclose their cost alone",
    trusted={
        Rung.CERTIFIED: files("multivariate_stability", SPACE, NEURON_BOUND),
    },
)
