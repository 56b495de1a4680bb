"""The least cost of a finite network's function is the sum of its neurons' costs, once neurons with equal kinks are merged.

Claim. Let f(x) = sum_k v_k relu(w_k.x + b_k) + A x + c with d inputs, and let the hyperplanes w_k.x + b_k = 0 be distinct.
No network that computes f on all of R^d has a VV norm below sum_k ||w_k|| ||v_k||. So merging neurons with equal
hyperplanes makes every network minimal for its function, though not for its data.

Hypotheses. The hyperplanes are distinct. There is a skip connection.

Source. Ongie, Willett, Soudry and Srebro, "A function space view of bounded norm infinite width ReLU nets: the multivariate
case" (arXiv 1910.01635), the R-norm of a finite network, for one output and any width; several outputs follow Shenouda,
Parhi, Lee and Nowak (arXiv 2305.16534). For finite networks the proof is elementary. Across a point of the hyperplane of
neuron k alone, the gradient of f jumps by v_k w_k'. In any other network of f the neurons with this hyperplane have the sum
of their v w' as jump, up to signs. So their costs are at least ||v_k|| ||w_k||, by the triangle inequality.

What breaks. Two neurons of one hyperplane may cancel each other. Without a skip connection neurons must provide the slope
f'(inf) + f'(-inf) along each line n, and a neuron provides v w.n of it, so the cost is at least the length of that slope.

Certificate. A `network` of f, from merging a redundant one, and for each of its hyperplanes a point on it (`points`). The
norms of second differences of f across the hyperplanes are summed, over steps of half the distance to the nearest other
hyperplane. Without a skip connection instead the `line` n.
"""

from typing import Any

import numpy as np

from proofs_checks.support import pack, unpack
from proofs_checks.trust import NETWORKS, files
from vvnorm.claims import Claim, Instance, Result, Rung, Verdict, conclude, interval_complaints
from vvnorm.network import ReLUNetwork, row_norms
from vvnorm.tolerances import CLAIM as TOLERANCE
from vvnorm.tolerances import EPS
from vvnorm.validation import Array

CLAIMED = (-TOLERANCE, TOLERANCE)
_ROUNDING = 1e-11  # of second differences over steps of 1e-3 and more, relative to the values
_CANDIDATES = 64  # random points on a hyperplane, of which the one farthest from the others is taken


# --- instances --------------------------------------------------------------------------------------------------------


def draw(rng: np.random.Generator) -> Instance:
    """Draw 1 to 12 neurons of 2 to 5 inputs and 1 to 4 outputs, and for each a share for a neuron of opposite direction."""
    d, K, T = int(rng.integers(2, 6)), int(rng.integers(1, 13)), int(rng.integers(1, 5))
    return {
        "W": rng.standard_normal((K, d)),
        "b": rng.standard_normal(K),
        "V": rng.standard_normal((T, K)),
        "A": rng.standard_normal((T, d)),
        "c": rng.standard_normal(T),
        "opposite": rng.uniform(-1, 2, K),
        "skip": True,
    }


def draw_repeated(rng: np.random.Generator) -> Instance:
    """Repeat a neuron's hyperplane with half of its output weights, negative."""
    instance = draw(rng)
    parts = {"W": instance["W"][:1], "b": instance["b"][:1], "opposite": instance["opposite"][:1]}
    joined = {name: np.concatenate([instance[name], part]) for name, part in parts.items()}
    return {**instance, **joined, "V": np.hstack([instance["V"], -instance["V"][:, :1] / 2])}


def draw_without_skip(rng: np.random.Generator) -> Instance:
    """Draw an affine part whose slope is larger than the cost, without a skip connection to provide it."""
    instance = draw(rng)
    return {**instance, "A": instance["A"] * (3 + _formula(instance) / np.linalg.norm(instance["A"])), "skip": False}


def _formula(instance: Instance) -> float:
    return float(np.sum(row_norms(instance["W"]) * row_norms(instance["V"].T)))


def _distinct(instance: Instance) -> bool:
    sizes = row_norms(instance["W"])
    if not sizes.all():  # a constant neuron has no kink
        return False
    units = np.column_stack([instance["W"], instance["b"]]) / sizes[:, None]
    alike = [min(np.abs(p - q).max(), np.abs(p + q).max()) for i, p in enumerate(units) for q in units[:i]]
    return min(alike, default=1.0) > TOLERANCE


# --- checking ---------------------------------------------------------------------------------------------------------


def check(instance: Instance) -> Result:
    """Merge a redundant network; measure jumps of gradients, or the slopes at infinity."""
    network = _redundant(instance).simplified()
    if instance["skip"]:
        witness = {"points": _witnesses(network)}
    else:
        network = _without_skip(network)
        slopes = np.linalg.svd(2 * instance["A"] + instance["V"] @ instance["W"])[2]
        witness = {"line": slopes[0]}
    certificate = pack("network", network) | witness
    return conclude(CLAIMED, *_interval(instance, certificate), certificate, method="merged neurons")


def _redundant(instance: Instance) -> ReLUNetwork:
    """Give a share of each neuron to one of opposite direction: relu(z) = relu(-z) + z."""
    W, b, V, share = (instance[name] for name in ("W", "b", "V", "opposite"))
    both = np.hstack([V * (1 - share), V * share])
    A, c = instance["A"] + (V * share) @ W, instance["c"] + (V * share) @ b
    return ReLUNetwork(np.vstack([W, -W]), np.append(b, -b), both, A, c)


def _without_skip(network: ReLUNetwork) -> ReLUNetwork:
    """Provide the affine part by two neurons for each input."""
    d = network.n_inputs
    W = np.vstack([network.W, np.eye(d), -np.eye(d)])
    V = np.hstack([network.V, network.A, -network.A])
    return ReLUNetwork(W, np.append(network.b, np.zeros(2 * d)), V, c=network.c)


def _witnesses(network: ReLUNetwork) -> Array:
    """A point on each hyperplane, far from the others, (K, d)."""
    rng = np.random.default_rng(0)
    points = np.zeros_like(network.W)
    for k, (w, b) in enumerate(zip(network.W, network.b, strict=True)):
        tries = rng.standard_normal((_CANDIDATES, network.n_inputs))
        tries -= np.outer((tries @ w + b) / (w @ w), w)
        points[k] = tries[np.argmax(_steps(network, tries, np.full(_CANDIDATES, k)))]
    return points


def _steps(network: ReLUNetwork, points: Array, own: Any) -> Array:
    """Half the distance of each point to the nearest hyperplane but its own, at most 1."""
    away = np.abs(points @ network.W.T + network.b) / row_norms(network.W)
    away[np.arange(len(points)), own] = 2.0
    steps: Array = np.min(away, axis=1) / 2
    return np.minimum(steps, 1.0)


def _interval(instance: Instance, arrays: Any) -> tuple[float, float]:
    """Interval of the least cost, relative to the sum over the neurons of the instance."""
    network, formula = unpack("network", arrays), _formula(instance)
    if instance["skip"]:
        normals = network.W / row_norms(network.W)[:, None]
        steps = _steps(network, arrays["points"], np.arange(network.n_neurons))
        ends = [network(arrays["points"] + side * steps[:, None] * normals) for side in (-1, 0, 1)]
        lower = float(np.sum(row_norms(ends[0] - 2 * ends[1] + ends[2]) / steps))
    else:
        n = arrays["line"]
        lower = float(np.linalg.norm((2 * instance["A"] + instance["V"] @ instance["W"]) @ n) / np.linalg.norm(n))
    return lower / formula - 1 - _ROUNDING, network.vv_norm / formula - 1 + _ROUNDING


def recheck(instance: Instance, result: Result) -> list[str]:
    """Compare the network with f, hyperplane by hyperplane, and see that each second difference crosses one hyperplane."""
    arrays = result.certificate
    network = unpack("network", arrays)
    if complaints := _other_function(instance, network):
        return complaints
    if not instance["skip"]:
        if network.A.any():
            return ["the network has a skip connection"]
        return interval_complaints(result, *_interval(instance, arrays), 0.0)
    points = arrays["points"]
    if points.shape != network.W.shape:
        return ["there must be a point for each neuron"]
    beside = np.abs(np.sum(points * network.W, axis=1) + network.b) / row_norms(network.W)
    if not np.all(beside <= 1e3 * EPS * (1 + row_norms(points))):
        return ["a point lies beside its hyperplane"]
    return interval_complaints(result, *_interval(instance, arrays), 0.0)


def _other_function(instance: Instance, network: ReLUNetwork) -> list[str]:
    """Compare at 200 random points, some of them far away, with a sum neuron by neuron."""
    rng = np.random.default_rng(1)
    X = rng.standard_normal((200, network.n_inputs)) * 10.0 ** rng.integers(-1, 3, (200, 1))
    values = X @ instance["A"].T + instance["c"]
    for w, b, v in zip(instance["W"], instance["b"], instance["V"].T, strict=True):
        values = values + np.maximum(X @ w + b, 0.0)[:, None] * v
    size = 1 + np.abs(values).max(axis=1, keepdims=True)
    return [] if np.all(np.abs(network(X) - values) <= TOLERANCE * size) else ["the network does not compute f"]


CLAIM = Claim(
    id="finite_network_cost",
    statement=(
        "No network that computes the function of a finite network on all of R^d costs less than that network does, once "
        "its neurons with equal kinks are merged."
    ),
    formula=r"\min_{g = f} \mathrm{VV}(g) = \sum_k \lVert w_k \rVert \lVert v_k \rVert",
    source="Ongie, Willett, Soudry and Srebro (arXiv 1910.01635); several outputs: arXiv 2305.16534",
    kind="equality",
    quantity="(least VV norm of a network of f - sum of the neurons' costs) / sum of the neurons' costs",
    claimed=CLAIMED,
    hypotheses={"distinct_hyperplanes": _distinct, "skip_connection": lambda instance: bool(instance["skip"])},
    draw=draw,
    violate={"distinct_hyperplanes": draw_repeated, "skip_connection": draw_without_skip},
    on_violation={
        "distinct_hyperplanes": (Verdict.VIOLATED, "neurons of one hyperplane cancel in part"),
        "skip_connection": (Verdict.VIOLATED, "neurons must provide the slopes at infinity, and cost more"),
    },
    check=check,
    recheck=recheck,
    draws=100,
    quick_draws=20,
    not_exact="norms of gradients' jumps are irrational; they are measured as second differences in floating point",
    trusted={Rung.CERTIFIED: files("finite_network_cost", NETWORKS)},
)
