"""A neuron does not have least norm on its own labels if its weight leaves the span of its active points' differences.

Claim. Let y_i = relu(w.x_i + b). If w is no linear combination of differences of points with w.x_i + b > 0, some network
without skip connection interpolates y and costs less than ||w||. For points in general position this is so if d or fewer
points are active. So a minimiser recovers such a teacher only if more than d points are active.

Hypotheses. The weight leaves the span. No point lies on the kink w.x + b = 0.

Source. New. It concerns Section 7.3 of Nakhleh, Shenouda and Nowak (arXiv 2410.21696), where networks of one task recover
teachers that are single neurons. Let P w be the projection of w to the span, and r = w - P w. Along w - t r, with b changed
so that one active point keeps its value, all active points keep theirs. The inactive points are inactive for small t, since
none lies on the kink. And ||w - t r||^2 = ||P w||^2 + (1 - t)^2 ||r||^2 falls.

What breaks. Let x_i be active and x_j not, or active, too, with x_i - x_j = s w, s > 0, and w.x_j + b >= 0. Then labels
differ by ||w|| ||x_i - x_j||. No network of cost C changes faster than C ||x_i - x_j||, so the teacher has least norm. Both
violating draws have such points: two active ones, so that w is in the span; or one active, and one on the kink.

Certificate. A `network` with one neuron, and a `dual` array (N,): 0, or 1 / ||x_i - x_j|| at a point x_i and the opposite
at x_j. A neuron (w', b') of length 1 responds to such an array by (relu(w'.x_i + b') - relu(w'.x_j + b')) / ||x_i - x_j||,
at most 1. So the array proves that no interpolant costs less than sum_i dual_i y_i.
"""

from typing import Any

import numpy as np

from proofs_checks.support import exact_dot, exact_rank, fractions, interpolates, pack, unpack
from proofs_checks.trust import NETWORKS, files
from vvnorm.claims import Claim, Instance, Result, Rung, Verdict, conclude, interval_complaints
from vvnorm.network import ReLUNetwork
from vvnorm.tolerances import CLAIM as TOLERANCE
from vvnorm.tolerances import EPS
from vvnorm.validation import Array

CLAIMED = (0.0, 1 - TOLERANCE)
_ROUNDING = 1e3 * EPS  # of projections and norms of at most five numbers, relative to the teacher's cost


# --- instances --------------------------------------------------------------------------------------------------------


def draw(rng: np.random.Generator) -> Instance:
    """Draw points with small rational coordinates, at most as many active ones as inputs; redraw until hypotheses hold."""
    while True:
        d = int(rng.integers(2, 6))
        instance = _teacher(rng, d, int(rng.integers(1, d + 1)))
        if _outside_span(instance) and _off_the_kink(instance):
            return instance


def draw_aligned_pair(rng: np.random.Generator) -> Instance:
    """Draw points of which two active ones differ by a multiple of the weight."""
    while True:
        instance = _teacher(rng, int(rng.integers(2, 6)), 1)
        active = int(np.argmax(preactivations(instance)))
        X = np.vstack([instance["X"], instance["X"][active] + rng.integers(1, 9) / 8 * instance["w"]])
        moved = {**instance, "X": X}
        if not _outside_span(moved) and _off_the_kink(moved):
            return moved


def draw_on_the_kink(rng: np.random.Generator) -> Instance:
    """Draw points of which one lies on the kink, and an active one differs from it by a multiple of the weight."""
    while True:
        instance = _teacher(rng, int(rng.integers(2, 6)), 1)
        X, w = instance["X"].copy(), instance["w"]
        active, kink = int(np.argmax(preactivations(instance))), int(np.argmin(preactivations(instance)))
        X[kink] = X[active] - rng.integers(1, 9) / 8 * w
        moved = {"X": X, "w": w, "b": float(-X[kink] @ w)}
        if _outside_span(moved) and np.sum(preactivations(moved) > 0) <= len(w):
            return moved


def _teacher(rng: np.random.Generator, d: int, active: int) -> dict[str, Any]:
    """Draw d + 2 to 20 points, and a neuron on whose side `active` of them lie; all numbers are multiples of 1/128."""
    X = rng.integers(-128, 129, (int(rng.integers(d + 2, 21)), d)) / 64
    w = np.where(rng.random(d) < 0.5, -1.0, 1.0) * rng.integers(1, 5, d)
    heights = np.sort(X @ w)
    return {"X": X, "w": w, "b": -float(heights[-active] + heights[-active - 1]) / 2}


def preactivations(instance: Instance) -> Array:
    """Return w.x_i + b for all points, (N,)."""
    z: Array = instance["X"] @ instance["w"] + instance["b"]
    return z


def _outside_span(instance: Instance) -> bool:
    """Whether w is no combination of differences of active points, in rational arithmetic."""
    X, w = instance["X"], instance["w"]
    differences = _differences(X[np.array(_signs(instance)) > 0])
    return exact_rank(np.vstack([differences, w])) > exact_rank(differences)


def _off_the_kink(instance: Instance) -> bool:
    return all(_signs(instance))


def _signs(instance: Instance) -> list[int]:
    """Sides of the points, in rational arithmetic: 1 if active, -1 if not, 0 on the kink."""
    ((*w, b),) = fractions(np.append(instance["w"], instance["b"])[None])
    heights = [exact_dot(w, x) + b for x in fractions(instance["X"])]
    return [(z > 0) - (z < 0) for z in heights]


def _differences(points: Array) -> Array:
    return points[1:] - points[:1]


# --- checking ---------------------------------------------------------------------------------------------------------


def cheaper_neuron(X: Array, w: Array, b: float) -> tuple[Array, float]:
    """Shrink the neuron (w, b) with the same values at the points X (N, d) as far as all inactive points stay inactive.

    Returns
    -------
    w, b
        The neuron itself if its weight lies in the span of differences of active points.
    """
    z = X @ w + b
    active, inactive = X[z > 0], X[z <= 0]
    _, sizes, rows = np.linalg.svd(_differences(active), full_matrices=False)
    basis = rows[sizes > _ROUNDING * max(sizes, default=0.0)]
    outside = w - basis.T @ (basis @ w)
    if not len(active) or np.linalg.norm(outside) <= _ROUNDING * np.linalg.norm(w):
        return w, b
    rates = (active[0] - inactive) @ outside  # of the inactive points' pre-activations in t
    rises = rates > 0
    t = min([1.0, *(-z[z <= 0][rises] / rates[rises])])
    moved = w - t * outside
    return moved, float(b + t * (outside @ active[0]))


def witness(X: Array, z: Array, w: Array) -> tuple[int, int] | None:
    """Find points i, j with z_i > z_j >= 0 whose difference is a multiple of w, up to rounding; None if there are none."""
    for i in np.flatnonzero(z > 0).tolist():
        gaps = X[i] - X
        lengths = np.linalg.norm(gaps, axis=1) * np.linalg.norm(w)
        fits = (z >= 0) & (z < z[i]) & (gaps @ w >= (1 - _ROUNDING) * lengths)
        if fits.any():
            return i, int(np.argmax(fits))
    return None


def check(instance: Instance) -> Result:
    """Take the projected neuron as upper bound, and two points along the weight, if there are any, as lower bound."""
    X, w = instance["X"], instance["w"]
    weight, bias = cheaper_neuron(X, w, instance["b"])
    network = ReLUNetwork(weight[None], np.array([bias]), np.ones((1, 1)))
    dual, pair = np.zeros(len(X)), witness(X, preactivations(instance), w)
    if pair is not None:
        dual[list(pair)] = np.array([1.0, -1.0]) / np.linalg.norm(X[pair[0]] - X[pair[1]])
    certificate = {**pack("network", network), "dual": dual}
    return conclude(CLAIMED, *_interval(instance, certificate), certificate, method="projection of the weight")


def _interval(instance: Instance, arrays: Any) -> tuple[float, float]:
    """Interval of the least cost of an interpolant over that of the teacher."""
    size = float(np.linalg.norm(instance["w"]))
    lower = float(arrays["dual"] @ np.maximum(preactivations(instance), 0.0)) / size
    return max(0.0, lower - _ROUNDING), unpack("network", arrays).vv_norm / size + _ROUNDING


def recheck(instance: Instance, result: Result) -> list[str]:
    """Check that the network interpolates without a skip connection, and that the array is one of the two kinds."""
    arrays, X = result.certificate, instance["X"]
    network, dual = unpack("network", arrays), arrays["dual"]
    labels = np.maximum(preactivations(instance), 0.0)[:, None]
    if network.A.any() or not interpolates(network, X, labels):
        return ["the network has a skip connection, or does not interpolate"]
    if dual.shape != (len(X),):
        return [f"the dual array must have {len(X)} entries"]
    at = np.flatnonzero(dual)
    if len(at) not in (0, 2):
        return ["the dual array must have two entries other than 0, or none"]
    if len(at) == 2:
        apart = float(np.linalg.norm(X[at[0]] - X[at[1]]))
        if dual.sum() != 0 or abs(abs(dual[at[0]]) * apart - 1) > 8 * EPS:
            return ["the dual array must be the inverse distance of two points, and its opposite"]
    return interval_complaints(result, *_interval(instance, arrays), 0.0)


CLAIM = Claim(
    id="single_neuron_teacher",
    statement=(
        "A single neuron costs more than the cheapest network with its values at the points, if its weight leaves the span "
        "of the differences of its active points: in general position, if at most d points are active."
    ),
    formula=(
        r"w \notin \operatorname{span}\{x_i - x_j : w \cdot x_i + b > 0,\ w \cdot x_j + b > 0\} "
        r"\;\Rightarrow\; \min \mathrm{VV} < \lVert w \rVert"
    ),
    source="new; about the teachers of Nakhleh, Shenouda and Nowak (arXiv 2410.21696), Section 7.3",
    kind="bound",
    quantity="least cost of an interpolant without skip connection over the teacher's",
    claimed=CLAIMED,
    hypotheses={"outside_span": _outside_span, "off_the_kink": _off_the_kink},
    draw=draw,
    violate={"outside_span": draw_aligned_pair, "off_the_kink": draw_on_the_kink},
    on_violation={
        "outside_span": (Verdict.VIOLATED, "labels of two active points along the weight differ as much as a cost allows"),
        "off_the_kink": (Verdict.VIOLATED, "so do labels of an active point and of one on the kink"),
    },
    check=check,
    recheck=recheck,
    draws=100,
    quick_draws=20,
    not_exact="the cheaper neuron is a projection in floating point; the hypotheses are decided in rational arithmetic",
    trusted={Rung.CERTIFIED: files("single_neuron_teacher", NETWORKS)},
)
