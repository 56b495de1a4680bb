"""Rescaling a neuron does not change the function, and the balanced neuron has the least weight-decay penalty.

Claim. For every neuron and a > 0, (a w, a b, v / a) computes the same function, and min_a (||a w||^2 + ||v / a||^2) / 2 =
||w|| ||v||, reached where ||a w|| = ||v / a||. So the weight-decay penalty, minimised over all networks that compute one
function, is the VV norm.

Hypotheses. The activation is positively homogeneous (ReLU). The scales are positive.

Source. Yang et al., "PathProx" (arXiv 2210.03069); Shenouda, Parhi, Lee and Nowak (arXiv 2305.16534).

What breaks. softplus is not homogeneous. With a negative scale the neuron is active on the other side of its kink.

Certificate. The `balancing` scales, and the values `before` and `after` rescaling.
"""

import math
from collections.abc import Callable
from fractions import Fraction
from operator import mul
from typing import Any

import numpy as np
from numpy.typing import NDArray

from proofs_checks.rational import Interval, rational
from proofs_checks.support import real_instances
from proofs_checks.trust import EXACT, FORMAL, files
from vvnorm.claims import Claim, Instance, Result, Rung, Undecided, Verdict, conclude, interval_complaints
from vvnorm.solvers.univariate.interpolation import connect_the_dots
from vvnorm.tolerances import CLAIM as TOLERANCE
from vvnorm.tolerances import EPS
from vvnorm.verifier.exact.rationals import Matrix, Vector, as_matrix, integers, norm_squared, root_bounds

_ACTIVATIONS: dict[str, Callable[[NDArray[Any]], NDArray[Any]]] = {
    "relu": lambda z: np.maximum(z, 0),
    "softplus": lambda z: np.logaddexp(z, 0),
}
_ROUNDING = 1e3 * EPS  # of a sum of some dozens of terms, relative to the sum of their magnitudes


def draw(rng: np.random.Generator) -> Instance:
    """Draw a random ReLU network, points, and positive scales of any size."""
    d, T, K, n = (int(rng.integers(low, high)) for low, high in ((1, 4), (1, 6), (1, 20), (5, 15)))
    return {
        "activation": "relu",
        "W": rng.standard_normal((K, d)),
        "b": rng.standard_normal(K),
        "V": rng.standard_normal((T, K)) * 10.0 ** rng.uniform(-5, 5),
        "a": 10.0 ** rng.uniform(-3, 3, K),
        "X": rng.standard_normal((n, d)),
    }


def draw_softplus(rng: np.random.Generator) -> Instance:
    """Draw the same with softplus, which is not homogeneous."""
    return {**draw(rng), "activation": "softplus"}


def draw_negative_scale(rng: np.random.Generator) -> Instance:
    """Draw the same with a negative scale of the neuron of largest cost, which is then active on the other side."""
    instance = dict(draw(rng))
    weight = np.linalg.norm(instance["W"], axis=1) * np.linalg.norm(instance["V"], axis=0)
    instance["a"] = np.where(np.arange(len(weight)) == np.argmax(weight), -1.0, 1.0) * instance["a"]
    return instance


def check(instance: Instance) -> Result:
    """Compare values before and after rescaling, and the penalties at random and at balancing scales."""
    W, V, b, a = instance["W"], instance["V"], instance["b"], instance["a"]
    size_w, size_v = np.linalg.norm(W, axis=1), np.linalg.norm(V, axis=0)
    balancing = np.sqrt(size_v / size_w)
    before = _values(instance, W, b, V)
    after = _values(instance, W * a[:, None], b * a, V / a)
    vv_norm = float(size_w @ size_v)
    balanced = float(np.sum((balancing * size_w) ** 2 + (size_v / balancing) ** 2)) / 2
    penalty = float(np.sum((a * size_w) ** 2 + (size_v / a) ** 2)) / 2
    change = float(np.max(np.abs(after - before))) / _magnitude(instance)
    error = max(change, abs(balanced - vv_norm) / vv_norm, (vv_norm - penalty) / vv_norm)
    certificate = {"balancing": balancing, "before": before, "after": after}
    return conclude(CLAIMED, max(error - _ROUNDING, 0.0), error + _ROUNDING, certificate, method="direct evaluation")


def _values(instance: Instance, W: NDArray[Any], b: NDArray[Any], V: NDArray[Any]) -> NDArray[Any]:
    return _ACTIVATIONS[instance["activation"]](instance["X"] @ W.T + b) @ V.T


def _magnitude(instance: Instance) -> float:
    """Magnitude of the terms that are summed, to which rounding is relative."""
    hidden = np.abs(instance["X"]) @ np.abs(instance["W"]).T + np.abs(instance["b"])
    return float(np.max(hidden @ np.abs(instance["V"]).T))


def recheck(instance: Instance, result: Result) -> list[str]:
    """Recompute values one neuron at a time with exact sums, and check that the scales balance every neuron."""
    W, b, V, a, X = (instance[name].tolist() for name in ("W", "b", "V", "a", "X"))
    scale = _magnitude(instance)
    act = (
        (lambda z: max(z, 0.0))
        if instance["activation"] == "relu"
        else (lambda z: max(z, 0.0) + math.log1p(math.exp(-abs(z))))
    )
    before, after = np.zeros((len(X), len(V))), np.zeros((len(X), len(V)))
    for i, point in enumerate(X):
        z = [math.fsum([*(p * q for p, q in zip(point, w, strict=True)), bias]) for w, bias in zip(W, b, strict=True)]
        for t, row in enumerate(V):
            before[i, t] = math.fsum(v * act(s) for v, s in zip(row, z, strict=True))
            after[i, t] = math.fsum(v / k * act(k * s) for v, s, k in zip(row, z, a, strict=True))
    complaints = [
        f"{name} does not match the network"
        for name, values in (("before", before), ("after", after))
        if not np.allclose(result.certificate[name], values, rtol=0, atol=_ROUNDING * scale)
    ]
    s = result.certificate["balancing"]
    size_w = np.array([math.hypot(*w) for w in W])
    size_v = np.array([math.hypot(*column) for column in zip(*V, strict=True)])
    if s.shape != size_w.shape or not np.allclose(s * size_w, size_v / s, rtol=1e-12, atol=0):
        return [*complaints, "the scales do not balance the neurons"]
    vv_norm = math.fsum(size_w * size_v)
    balanced = math.fsum((s * size_w) ** 2 + (size_v / s) ** 2) / 2
    penalty = math.fsum((np.array(a) * size_w) ** 2 + (size_v / np.array(a)) ** 2) / 2
    change = float(np.max(np.abs(after - before))) / scale
    error = max(change, abs(balanced - vv_norm) / vv_norm, (vv_norm - penalty) / vv_norm)
    return complaints + interval_complaints(result, max(error - _ROUNDING, 0.0), error + _ROUNDING, 4 * _ROUNDING)


def exact(instance: Instance) -> Interval:
    """Evaluate both networks in rational numbers; enclose norms, and the least penalty by nearby rational scales."""
    if instance["activation"] != "relu":
        raise Undecided("the activation's values are not rational")
    W, b, V = as_matrix(instance["W"], "W"), rational(instance["b"]), as_matrix(instance["V"].T, "V")
    scales, X = rational(instance["a"]), as_matrix(instance["X"], "X")
    low = high = penalty = balanced = Fraction(0)
    for w, v, a in zip(W, V, scales, strict=True):
        sizes = norm_squared(w), norm_squared(v)
        cost = root_bounds(sizes[0] * sizes[1])
        near = root_bounds(cost[0] / sizes[0])[0]  # the best scale is the root of ||v|| / ||w||
        low, high = low + cost[0], high + cost[1]
        penalty += (a**2 * sizes[0] + sizes[1] / a**2) / 2
        balanced += (near**2 * sizes[0] + sizes[1] / near**2) / 2
    change = _relative_change(W, b, V, scales, X)
    least = max(change, (low - penalty) / high, Fraction(0))
    return least, max(change, (high - penalty) / low, (max(balanced, high) - low) / low)


def _relative_change(W: Matrix, b: Vector, V: Matrix, scales: Vector, X: Matrix) -> Fraction:
    """Largest change of a value under rescaling, relative to the magnitude of the terms that are summed; V by neurons."""
    points, _ = integers([(*x, Fraction(1)) for x in X])  # all in units that the ratio does not depend on
    neurons, _ = integers([(*w, bias) for w, bias in zip(W, b, strict=True)])
    outputs, _ = integers(V)
    change, size = Fraction(0), 0
    for x in points:
        moved, terms = [Fraction(0)] * len(V[0]), [0] * len(V[0])
        for w, v, a in zip(neurons, outputs, scales, strict=True):
            height = sum(map(mul, w, x))
            step = Fraction(max(a.numerator * height, 0), a.numerator) - max(height, 0)
            bound = sum(abs(p * q) for p, q in zip(w, x, strict=True))
            terms = [entry + abs(weight) * bound for entry, weight in zip(terms, v, strict=True)]
            if step:
                moved = [entry + weight * step for entry, weight in zip(moved, v, strict=True)]
        change, size = max(change, *map(abs, moved)), max(size, *terms)
    return change / size


CLAIMED = (-math.inf, TOLERANCE)


def _examples() -> dict[str, Instance]:
    """Connect-the-dots of real data, every neuron rescaled at random."""
    instances: dict[str, Instance] = {}
    for name, data in real_instances().items():
        network = connect_the_dots(data["x"], data["Y"])
        scales = 10.0 ** np.random.default_rng(0).uniform(-3, 3, network.n_neurons)
        parts = {"W": network.W, "b": network.b, "V": network.V}
        instances[name] = {"activation": "relu", **parts, "a": scales, "X": data["x"][:, None]}
    return instances


CLAIM = Claim(
    id="rescaling",
    statement=(
        "Rescaling a neuron to (a w, a b, v / a), a > 0, does not change the function; over a its weight-decay penalty has "
        "the minimum ||w|| ||v||."
    ),
    formula=(
        r"\min_{a > 0} \tfrac{1}{2} \left( \lVert a w \rVert^2 + \lVert v / a \rVert^2 \right) = \lVert w "
        r"\rVert \, \lVert v \rVert"
    ),
    source="Yang et al., PathProx (arXiv 2210.03069); Shenouda, Parhi, Lee and Nowak (arXiv 2305.16534)",
    kind="equality",
    quantity="largest relative change of values under rescaling, or of the balanced penalty against the VV norm",
    claimed=CLAIMED,
    hypotheses={
        "homogeneous_activation": lambda instance: instance["activation"] == "relu",
        "positive_scales": lambda instance: bool(np.all(instance["a"] > 0)),
    },
    draw=draw,
    violate={"homogeneous_activation": draw_softplus, "positive_scales": draw_negative_scale},
    on_violation={
        "homogeneous_activation": (Verdict.VIOLATED, "softplus(a z) / a is not softplus(z)"),
        "positive_scales": (
            Verdict.VIOLATED,
            "with a negative scale the neuron is active on the other side of its kink",
        ),
    },
    check=check,
    recheck=recheck,
    examples=_examples,
    draws=200,
    quick_draws=20,
    exact=exact,
    theorems={
        "rescaling": "values and VV norm do not change, for one input",
        "weight_decay_penalty": "the penalty is at least the VV norm, for one input",
        "balancing": "some scales attain it, for one input",
    },
    trusted={
        Rung.MACHINE_CHECKED: FORMAL,
        Rung.PROVED: files("rescaling", EXACT),
        Rung.CERTIFIED: files("rescaling"),
    },
)
