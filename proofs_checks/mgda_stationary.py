"""The point of least norm in the hull of the tasks' gradients is 0, or a step against it lowers every loss.

Claim. Let x = sum_t a_t g_t be the point of least norm in the convex hull of the tasks' gradients. Then <g_t, x> >= ||x||^2
for every task. So either x = 0, and no direction lowers all losses to first order (Pareto stationarity), or a step along -x
lowers every loss. The tested quantity is the largest violation of an inequality, relative to the product of the norms of
the shortest and the longest gradient. It may be up to 1e-12. Accordingly a point counts as stationary if ||x|| is at most
1e-6 times the geometric mean of the two norms. Instances are random gradients of up to 40 tasks, with and without 0 in
their hull, and gradients of networks, random or trained by MGDA.

Hypotheses. The weights are those of the point of least norm. Every task's gradient is in the hull. The inner products are
those of the gradients in the parameters that are moved.

Source. Desideri, "Multiple-gradient descent algorithm" (Comptes Rendus Mathematique 350, 2012); Sener and Koltun (arXiv
1810.04650).

What breaks. Under equal weights some loss rises, and so does the loss of a task that was left out. MGDA-UB takes its
weights from inner products of gradients in the hidden layer's values. With these weights some loss may rise, even if the
Jacobian of the hidden values has full row rank: then sum_t a_t grad_theta L_t is 0 only at Pareto stationary points, but a
step against it need not lower every loss. The verifier accepts a violation only if some <g_t, x> is negative in exact
arithmetic.

Certificate. The `gradients` and the `weights`; for networks, the `network` too.
"""

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from proofs_checks.support import exact_dot, exact_rank, fractions, pack_all, unpack_all
from proofs_checks.task_gradients import (
    ROUNDING,
    autograd_gradients,
    draw_tasks,
    gradient_sizes,
    least_norm_complaints,
    library_gradients,
    network_of,
    real_tasks,
)
from proofs_checks.trust import GRADIENTS, files
from vvnorm.claims import Claim, Instance, Result, Rung, Verdict, conclude, interval_complaints
from vvnorm.tolerances import EPS
from vvnorm.validation import Array

CLAIMED = (-np.inf, 1e-12)
_STATIONARY = Fraction(1, 10**6)  # the square root of the claimed 1e-12
_ATTEMPTS = 10000  # one network in some dozens has all neurons active, and for most of these some loss rises
_OPPOSED = 0.02  # least cosine between x and minus the gradient of a loss that rises, in violating draws


# --- instances --------------------------------------------------------------------------------------------------------


def draw(rng: np.random.Generator) -> Instance:
    """Draw gradients of a random or trained network, or random vectors of any lengths, with and without 0 in their hull."""
    if rng.random() < 0.4:
        return _with_rule(draw_tasks(rng, steps=40 * int(rng.integers(2))))
    T = int(rng.integers(2, 41))
    gradients = rng.standard_normal((T, int(rng.integers(2, 60)))) + rng.choice([0.0, 0.5]) * rng.standard_normal()
    return _with_rule({"gradients": gradients * 10.0 ** rng.uniform(-1, 1, (T, 1))})


def _with_rule(instance: dict[str, Any]) -> dict[str, Any]:
    tasks = len(instance["gradients"] if "gradients" in instance else instance["losses"])
    return {**instance, "rule": "least norm", "in_hull": np.ones(tasks, dtype=bool), "products_of": "parameters"}


def draw_equal(rng: np.random.Generator) -> Instance:
    """Draw equal weights, and one task whose gradient is opposed to the others and longer than all of them together."""
    T, P = int(rng.integers(2, 10)), int(rng.integers(10, 40))
    gradients = rng.standard_normal((T, P)) + 2 * rng.standard_normal(P)
    gradients[0] = -3 * gradients[1:].sum(axis=0)
    return {**_with_rule({"gradients": gradients}), "rule": "equal"}


def draw_left_out(rng: np.random.Generator) -> Instance:
    """Draw gradients, and leave one that is opposed to the others out of the hull."""
    instance = draw_equal(rng)
    return {**instance, "rule": "least norm", "in_hull": np.arange(len(instance["in_hull"])) > 0}


def draw_hidden(rng: np.random.Generator) -> Instance:
    """Draw weights from gradients in H for which some loss rises, although the Jacobian of H has full row rank.

    The rank is full if every neuron is active at all samples, and the samples are affinely independent.
    """
    for _ in range(_ATTEMPTS):
        drawn = draw_tasks(rng, steps=0, losses=["squared"] * int(rng.integers(2, 5)))
        d = int(rng.integers(3, 6))
        X = rng.standard_normal((3, d))
        instance = _with_rule({**drawn, "X": X, "Y": 3 * drawn["Y"][:3], "width": int(rng.integers(2, 5))})
        network = network_of(instance, "equal")
        if np.all(X @ network.W.T + network.b > 0):
            instance |= {"products_of": "hidden values"}
            gradients = autograd_gradients(network, X, instance["Y"], instance["losses"])
            vectors = gradients.shared.reshape(len(gradients.shared), -1)
            point = _weights(instance, vectors, gradients.hidden.reshape(len(vectors), -1)) @ vectors
            cosines = vectors @ point / np.linalg.norm(vectors, axis=1) / np.linalg.norm(point)
            if np.min(cosines) < -_OPPOSED and exact_rank(np.column_stack([X, np.ones(len(X))])) == len(X):
                return instance
    raise RuntimeError(f"no loss rises in {_ATTEMPTS} random networks")


# --- checking ---------------------------------------------------------------------------------------------------------


def check(instance: Instance) -> Result:
    """Compute the point of least norm, and by how much the inequalities fail, in double precision."""
    certificate: dict[str, NDArray[Any]] = {}
    if "gradients" in instance:
        vectors = hidden = instance["gradients"]
    else:
        network = network_of(instance, "mgda")
        gradients = library_gradients(network, instance["X"], instance["Y"], instance["losses"])
        vectors, hidden = (part.reshape(len(part), -1) for part in (gradients.shared, gradients.hidden))
        certificate = pack_all("network", [network])
    certificate |= {"gradients": vectors, "weights": _weights(instance, vectors, hidden)}
    return conclude(CLAIMED, *_interval(certificate), certificate, method="vvnorm.multitask.least_norm")


def _weights(instance: Instance, vectors: Array, hidden: Array) -> Array:
    from vvnorm.multitask.least_norm import minimum_norm

    weights = np.zeros(len(vectors))
    if instance["rule"] == "equal":
        return weights + 1 / len(vectors)
    rows = (vectors if instance["products_of"] == "parameters" else hidden)[instance["in_hull"]]
    weights[instance["in_hull"]] = minimum_norm(rows @ rows.T).weights
    return weights


def _interval(arrays: Mapping[str, NDArray[Any]]) -> tuple[float, float]:
    """Interval of max_t (||x||^2 - <g_t, x>) over the product of the least and the largest norm."""
    vectors, weights = arrays["gradients"], arrays["weights"]
    point, size = weights @ vectors, weights @ np.abs(vectors)
    products = vectors @ point
    lengths = np.linalg.norm(vectors, axis=1)
    unit = float(np.min(lengths) * np.max(lengths))
    if not unit > 0:
        return -np.inf, np.inf
    rounding = 2 * sum(vectors.shape) * EPS * float(np.max(np.abs(vectors) @ size)) / unit
    shortfall = float(point @ point - np.min(products)) / unit
    return shortfall - rounding, shortfall + rounding


def recheck(instance: Instance, result: Result) -> list[str]:
    """Compute the gradients again by automatic differentiation, and decide the alternative in exact arithmetic."""
    arrays = result.certificate
    vectors, weights = arrays["gradients"], arrays["weights"]
    complaints, hidden = _gradient_complaints(instance, arrays)
    complaints += _weight_complaints(instance, weights, hidden)
    rows, shares = fractions(vectors), list(map(Fraction, weights.tolist()))
    point = [exact_dot(shares, column) for column in zip(*rows, strict=True)]
    products, squares = [exact_dot(row, point) for row in rows], [exact_dot(row, row) for row in rows]
    square = exact_dot(point, point)
    unit = float(min(squares)) ** 0.5 * float(max(squares)) ** 0.5
    shortfall = float(square - min(products)) / unit
    if not result.lower <= shortfall <= result.upper:
        complaints.append(f"the interval does not contain {shortfall!r}")
    complaints += interval_complaints(result, *_interval(arrays), 1e-3 * CLAIMED[1])
    stationary = square * square <= _STATIONARY**4 * min(squares) * max(squares)
    if result.verdict is Verdict.HOLDS and not (min(products) > 0 or stationary):
        complaints.append("the point is not 0, but some loss does not fall")
    if result.verdict is Verdict.VIOLATED and not min(products) < 0:
        complaints.append("no loss rises")
    return complaints


def _gradient_complaints(instance: Instance, arrays: Mapping[str, Any]) -> tuple[list[str], Array]:
    """Return complaints, and the gradients from whose inner products the weights come."""
    vectors = arrays["gradients"]
    if "gradients" in instance:
        same = np.array_equal(vectors, instance["gradients"])
        return [] if same else ["the gradients are not those of the instance"], vectors
    (network,) = unpack_all("network", arrays)
    data = (instance["X"], instance["Y"], instance["losses"])
    expected, sizes = autograd_gradients(network, *data), gradient_sizes(network, *data).shared
    actual = expected.shared.reshape(len(expected.shared), -1)
    matches = vectors.shape == actual.shape and np.all(np.abs(vectors - actual) <= ROUNDING * sizes.reshape(actual.shape))
    complaints = [] if matches else ["the gradients are not those of the network"]
    of_parameters = instance["products_of"] == "parameters"
    return complaints, vectors if of_parameters else expected.hidden.reshape(len(vectors), -1)


def _weight_complaints(instance: Instance, weights: Array, vectors: Array) -> list[str]:
    in_hull = instance["in_hull"]
    if weights.shape != in_hull.shape or np.any(weights[~in_hull]):
        return ["a task that was left out has weight"]
    if instance["rule"] == "equal":
        return [] if np.array_equal(weights, np.full(len(weights), 1 / len(weights))) else ["the weights are not equal"]
    return least_norm_complaints(weights[in_hull], vectors[in_hull])


def _examples() -> dict[str, Instance]:
    """Tumours and digits, after training by MGDA."""
    return {name: _with_rule(instance) for name, instance in real_tasks().items()}


CLAIM = Claim(
    id="mgda_stationary",
    statement=(
        "The point x of least norm in the convex hull of the tasks' gradients is either 0 or such that a small step along "
        "-x lowers every loss."
    ),
    formula=(
        r"x = \mathrm{argmin} \{ \lVert g \rVert : g \in \mathrm{conv} \{ g_1, \dots, g_T \} \} \quad "
        r"\Rightarrow \quad \langle g_t, x \rangle \ge \lVert x \rVert^2 \text{ for all } t"
    ),
    source="Desideri (Comptes Rendus Mathematique 350, 2012); Sener and Koltun (arXiv 1810.04650)",
    kind="bound",
    quantity="max_t (||x||^2 - <g_t, x>) over the product of the norms of the shortest and the longest gradient",
    claimed=CLAIMED,
    hypotheses={
        "least_norm": lambda instance: instance["rule"] == "least norm",
        "every_task": lambda instance: bool(np.all(instance["in_hull"])),
        "gradients_in_parameters": lambda instance: instance["products_of"] == "parameters",
    },
    draw=draw,
    violate={"least_norm": draw_equal, "every_task": draw_left_out, "gradients_in_parameters": draw_hidden},
    on_violation={
        "least_norm": (Verdict.VIOLATED, "under equal weights one task outweighs the others, whose losses rise"),
        "every_task": (Verdict.VIOLATED, "the loss of the task that was left out rises"),
        "gradients_in_parameters": (
            Verdict.VIOLATED,
            "with the weights of MGDA-UB some loss rises, although the Jacobian has full rank",
        ),
    },
    check=check,
    recheck=recheck,
    examples=_examples,
    draws=60,
    quick_draws=10,
    not_exact="gradients come from automatic differentiation in floating point",
    trusted={
        Rung.CERTIFIED: files("mgda_stationary", GRADIENTS),
    },
)
