"""For parity on a cube of four or more inputs, no function of one direction has least cost.

Claim. Let X be the 2^d corners of a cube {-1, 1}^d, and let the label of a corner be the product of its coordinates. Then
for d >= 4 the least VV norm of an interpolant is smaller than that of any interpolant phi(w.x), with one direction w.

Hypothesis. There are at least four inputs.

Source. Ardeshir, Hsu and Sanford, "Intrinsic dimensionality and generalization properties of the R-norm inductive bias"
(arXiv 2206.05317): interpolants of least cost are multivariate, although functions of one direction fit the data. There the
statement is about rates, d for the least cost and d^(3/2) in one direction. The exact values are new:

- In one direction the least cost is 2 (d - 1) sqrt(d). Flip signs of coordinates until w >= 0, ||w|| = 1. No w_i is 0, as
  labels of corners that differ in x_i only differ. Flip the coordinates from -1 to 1 in some order: w.x rises by 2 w_i at
  each step, and labels alternate, so slopes are +-1/w_i, and the curvature between two steps is 1/w_i + 1/w_j. The mean
  over all orders of the total is 2 (1 - 1/d) sum_i 1/w_i, at least 2 (d - 1) sqrt(d). Equal w_i attain it.
- The mean over all sign vectors s of prod(s) relu((s.x - t) / sqrt(d)), t = 0 or -1 with the parity of d, is a multiple of
  parity on the corners. Scaled to the labels it costs 2^(d-1) sqrt(d) / binom(d - 2, floor(d/2) - 1). For d = 2 to 5
  certificates show that no network costs less. So the ratio of both costs is 1, 1, 2/3 and 2/3. It is 8/15 for d = 6 and 7.

What breaks. With two or three inputs the cheapest function of one direction is a network of least cost.

Certificate. The `network` of all sign vectors. For the lower end the `dual` array, a multiple of the labels, where
`bounded` asks for it: the verifier's bound on all neurons takes 0.1 s for d = 4 and 17 s for d = 5. Otherwise the lower end
is 0. The recheck makes data of one input from the direction of equal w_i, and sums their exact curvatures.
"""

import itertools
import math
from typing import Any

import numpy as np

from proofs_checks.support import interpolates, pack, total_curvature, unpack
from proofs_checks.trust import NEURON_BOUND, SPACE, files
from vvnorm.api.certification import certify
from vvnorm.claims import Claim, Instance, Quick, Result, Rung, Verdict, conclude, interval_complaints
from vvnorm.network import ReLUNetwork
from vvnorm.tolerances import CLAIM as TOLERANCE
from vvnorm.tolerances import EPS
from vvnorm.validation import Array

CLAIMED = (0.0, 1 - TOLERANCE)
_ROUNDING = 1e3 * EPS  # of sums of up to 128 equal terms, relative to the cost


def draw(rng: np.random.Generator) -> Instance:
    """Draw a cube of 4, 6 or 7 inputs, of any size and place, and labels of any size."""
    d = int(rng.choice([4, 6, 7]))
    return _cube(d, rng, bounded=d == 4)


def draw_small(rng: np.random.Generator) -> Instance:
    """Draw a cube of 2 or 3 inputs."""
    return _cube(int(rng.integers(2, 4)), rng, bounded=True)


def _cube(d: int, rng: np.random.Generator, *, bounded: bool) -> dict[str, Any]:
    side = 2.0 ** rng.integers(-10, 11)
    centre = side * rng.integers(-4, 5, d)
    return {"centre": centre, "side": side, "size": 2.0 ** rng.integers(-10, 11), "bounded": bounded}


def corners(d: int) -> Array:
    """All sign vectors, (2^d, d)."""
    return np.array(list(itertools.product([-1.0, 1.0], repeat=d)))


def _data(instance: Instance) -> tuple[Array, Array]:
    signs = corners(len(instance["centre"]))
    return instance["centre"] + instance["side"] / 2 * signs, instance["size"] * np.prod(signs, axis=1, keepdims=True)


def check(instance: Instance) -> Result:
    """Average a neuron over all sign vectors, scale it, and compare its cost with that of one direction."""
    X, Y = _data(instance)
    network = _average_of_neurons(instance, X, Y)
    certificate = pack("network", network) | ({"dual": Y.copy()} if instance["bounded"] else {})
    return conclude(CLAIMED, *_interval(instance, certificate), certificate, method="one neuron per sign vector")


def _average_of_neurons(instance: Instance, X: Array, Y: Array) -> ReLUNetwork:
    signs, half = corners(X.shape[1]), instance["side"] / 2
    threshold = -float(X.shape[1] % 2)
    b = -signs @ instance["centre"] - half * threshold
    v = Y.T / len(Y)
    values = np.maximum(X[0] @ signs.T + b, 0.0) @ v[0]
    return ReLUNetwork(signs, b, v * (Y[0, 0] / values))


def _interval(instance: Instance, arrays: Any) -> tuple[float, float]:
    """Interval of the least cost over the least in one direction."""
    d = len(instance["centre"])
    direction = 4 * (d - 1) * math.sqrt(d) * instance["size"] / instance["side"]
    network, lower = unpack("network", arrays), 0.0
    if instance["bounded"]:
        lower = certify(network, *_data(instance), dual=arrays["dual"]).lower_bound / direction
    return max(0.0, lower - _ROUNDING), network.vv_norm / direction + _ROUNDING


def recheck(instance: Instance, result: Result) -> list[str]:
    """Evaluate the network, and compute the cost in one direction from exact curvatures of its data of one input."""
    X, Y = _data(instance)
    d = X.shape[1]
    if not interpolates(unpack("network", result.certificate), X, Y):
        return ["the network does not interpolate"]
    sums, first = np.unique(corners(d).sum(axis=1), return_index=True)
    direction = total_curvature(sums, Y[first]) * 2 * math.sqrt(d) / instance["side"]
    lower, upper = _interval(instance, result.certificate)
    claimed = 4 * (d - 1) * math.sqrt(d) * instance["size"] / instance["side"]
    complaints = interval_complaints(result, lower, upper, 0.0)
    if abs(direction - claimed) > _ROUNDING * claimed:
        complaints.append(f"the cost in one direction is {direction!r}, not {claimed!r}")
    return complaints


def _examples() -> dict[str, Instance]:
    """Cubes of side 2 around 0."""
    return {f"parity of {d} bits": {"centre": np.zeros(d), "side": 2.0, "size": 1.0, "bounded": True} for d in (2, 3, 4, 5)}


CLAIM = Claim(
    id="parity",
    statement="For parity on a cube of at least four inputs no function of one direction has the least VV norm.",
    formula=(
        r"\min_f \mathrm{VV}(f) \le \frac{2^{d-1} \sqrt d}{\binom{d-2}{\lfloor d/2 \rfloor - 1}} < 2 (d-1) \sqrt d "
        r"= \min_{f = \phi(w \cdot x)} \mathrm{VV}(f), \quad d \ge 4"
    ),
    source="Ardeshir, Hsu and Sanford (arXiv 2206.05317); exact values new",
    kind="bound",
    quantity="least VV norm of an interpolant over the least of a function of one direction",
    claimed=CLAIMED,
    hypotheses={"at_least_four_inputs": lambda instance: len(instance["centre"]) >= 4},
    draw=draw,
    violate={"at_least_four_inputs": draw_small},
    on_violation={
        "at_least_four_inputs": (Verdict.VIOLATED, "the cheapest function of one direction is certified to cost least"),
    },
    check=check,
    recheck=recheck,
    examples=_examples,
    draws=20,
    quick_draws=4,
    quick=Quick(examples=("parity of 2 bits", "parity of 3 bits", "parity of 4 bits")),
    not_exact="sqrt(d) is irrational, and bounds on all neurons of four inputs are in floating point",
    trusted={Rung.CERTIFIED: files("parity", SPACE, NEURON_BOUND)},
)
