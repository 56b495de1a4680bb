"""MGDA-UB's bound: gradients in the hidden layer's values bound gradients in the shared parameters.

Claim. Let theta = (W, b) be the shared parameters of a network with one hidden layer, H its hidden values at a batch, and a
>= 0 weights of the tasks. Then ||sum_t a_t grad_theta L_t||^2 <= ||dH/dtheta||^2 ||sum_t a_t grad_H L_t||^2. The Jacobian
is block diagonal over neurons: the block of neuron k has the rows (x_i, 1) of the samples where it is active. ||dH/dtheta||
is the largest singular value of any block. So a small weighted gradient in H implies a small weighted gradient in theta.
The gradient in H costs one backward pass for all tasks, down to the heads. The claim is tested with random weights and with
the weights of MGDA-UB, on random networks and on networks that MGDA-UB trained.

Hypotheses. theta acts through H only. Both gradients are taken at the same samples.

Source. Sener and Koltun, "Multi-task learning as multi-objective optimization" (arXiv 1810.04650), the upper bound before
Theorem 1.

What breaks. The heads' own parameters change the losses at fixed H: with small output weights the gradient in H is small,
while theirs is not. A batch that is already fitted has no gradient in H, whatever the gradients of another batch are.

Certificate. The `network` and `weights`, the weighted gradients in theta (`gradient`) and in H (`hidden`), and the largest
singular value of each block (`gains`).
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from proofs_checks.support import pack_all, unpack_all
from proofs_checks.task_gradients import (
    ROUNDING,
    Gradients,
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
from vvnorm.network import ReLUNetwork
from vvnorm.validation import Array

CLAIMED = (0.0, 1.0)


# --- instances --------------------------------------------------------------------------------------------------------


def draw(rng: np.random.Generator) -> Instance:
    """Draw tasks of mixed losses at one batch; half of the networks are trained, half of the weights are MGDA-UB's."""
    instance = draw_tasks(rng, steps=30 * int(rng.integers(2)))
    share = rng.dirichlet(np.ones(len(instance["losses"])))
    return _at_one_batch(instance, share if rng.random() < 0.5 else np.empty(0))


def _at_one_batch(instance: dict[str, Any], share: Array) -> dict[str, Any]:
    """Use all samples for both gradients; an empty share stands for the weights of MGDA-UB."""
    samples = np.arange(len(instance["X"]))
    return {**instance, "shares": share, "includes_heads": False, "batch": samples, "batch_of_hidden": samples}


def draw_with_heads(rng: np.random.Generator) -> Instance:
    """Draw a random network with small output weights, and count the heads' parameters as shared."""
    return {**draw(rng), "steps": 0, "head_scale": 1e-3, "includes_heads": True}


def draw_two_batches(rng: np.random.Generator) -> Instance:
    """Take gradients in H at samples whose labels are fitted up to 1e-4, and gradients in theta at other samples."""
    tasks = _at_one_batch(draw_tasks(rng, steps=0, losses=["squared"] * int(rng.integers(2, 5))), np.empty(0))
    X, Y, half = tasks["X"], tasks["Y"].copy(), len(tasks["X"]) // 2
    Y[half:] = network_of(tasks, "mgda_ub")(X[half:]) + 1e-4 * Y[half:]
    return {**tasks, "Y": Y, "batch": np.arange(half), "batch_of_hidden": np.arange(half, len(X))}


# --- checking ---------------------------------------------------------------------------------------------------------


def check(instance: Instance) -> Result:
    """Compare both sides, with the gradients that training uses."""
    from vvnorm.multitask.least_norm import minimum_norm

    network, losses = network_of(instance, "mgda_ub"), instance["losses"]
    (X, Y), (X_hidden, Y_hidden) = _batches(instance)
    here = library_gradients(network, X, Y, losses)
    there = library_gradients(network, X_hidden, Y_hidden, losses).hidden.reshape(len(losses), -1)
    weights = instance["shares"] if instance["shares"].size else minimum_norm(there @ there.T).weights
    rows = np.column_stack([X_hidden, np.ones(len(X_hidden))])
    active = X_hidden @ network.W.T + network.b > 0
    gains = np.array([np.linalg.norm(rows[on], 2) if on.any() else 0.0 for on in active.T])
    certificate = {
        "weights": weights,
        "gradient": weights @ _rows(here, instance),
        "hidden": weights @ there,
        "gains": gains,
        **pack_all("network", [network]),
    }
    return conclude(CLAIMED, *_interval(instance, network, certificate), certificate, method="direct evaluation")


def _batches(instance: Instance) -> list[tuple[Array, Array]]:
    """Inputs and labels of the samples for the gradients in theta, and of those for the gradients in H."""
    return [(instance["X"][rows], instance["Y"][rows]) for rows in (instance["batch"], instance["batch_of_hidden"])]


def _rows(gradients: Gradients, instance: Instance) -> Array:
    """Gradients in theta, (T, P)."""
    shared = gradients.shared.reshape(len(gradients.shared), -1)
    return np.hstack([shared, gradients.own]) if instance["includes_heads"] else shared


def _sizes(instance: Instance, network: ReLUNetwork, weights: Array) -> tuple[Array, Array]:
    """Magnitudes of the terms that the weighted gradients in theta and in H are sums of."""
    (X, Y), (X_hidden, Y_hidden) = _batches(instance)
    here = gradient_sizes(network, X, Y, instance["losses"])
    there = gradient_sizes(network, X_hidden, Y_hidden, instance["losses"]).hidden
    return weights @ _rows(here, instance), weights @ there.reshape(len(weights), -1)


def _interval(instance: Instance, network: ReLUNetwork, arrays: Mapping[str, NDArray[Any]]) -> tuple[float, float]:
    """Interval of the left side over the right side."""
    sizes = _sizes(instance, network, arrays["weights"])
    left, right = (float(np.linalg.norm(arrays[name])) for name in ("gradient", "hidden"))
    gain = float(np.max(arrays["gains"]))
    if not (left > 0 and right > 0 and gain > 0):
        return 0.0, np.inf
    error = ROUNDING * (1 + float(np.linalg.norm(sizes[0])) / left + float(np.linalg.norm(sizes[1])) / right)
    if error > 0.1:
        return 0.0, np.inf
    ratio = (left / (gain * right)) ** 2
    return ratio * (1 - 4 * error), ratio * (1 + 4 * error)  # (1 + e)^2 / (1 - e')^2 for e + e' <= 0.1


def recheck(instance: Instance, result: Result) -> list[str]:
    """Compute the gradients again by automatic differentiation, and the blocks' norms from their inner products."""
    arrays, losses = result.certificate, instance["losses"]
    (network,), weights = unpack_all("network", arrays), arrays["weights"]
    (X, Y), (X_hidden, Y_hidden) = _batches(instance)
    here = autograd_gradients(network, X, Y, losses)
    there = autograd_gradients(network, X_hidden, Y_hidden, losses).hidden.reshape(len(losses), -1)
    if instance["shares"].size:
        complaints = [] if np.array_equal(weights, instance["shares"]) else ["the weights are not those of the instance"]
    else:
        complaints = least_norm_complaints(weights, there)
    rows = np.hstack([X_hidden, np.ones((len(X_hidden), 1))])
    on = (X_hidden @ network.W.T + network.b > 0).astype(np.float64)
    products = np.einsum("ik,ij,il->kjl", on, rows, rows)
    gains = np.sqrt(np.maximum(np.linalg.eigvalsh(products)[:, -1], 0))
    sizes = _sizes(instance, network, weights)
    expected = (
        ("gradient", weights @ _rows(here, instance), sizes[0]),
        ("hidden", weights @ there, sizes[1]),
        ("gains", gains, np.max(gains)),
    )
    for name, values, size in expected:
        if arrays[name].shape != values.shape or not np.all(np.abs(arrays[name] - values) <= ROUNDING * size):
            complaints.append(f"{name} does not match the network")
    lower, upper = _interval(instance, network, arrays)
    return complaints + interval_complaints(result, lower, upper, ROUNDING * max(1.0, upper))


def _examples() -> dict[str, Instance]:
    """Tumours and digits, with the weights of MGDA-UB."""
    return {name: _at_one_batch(instance, np.empty(0)) for name, instance in real_tasks().items()}


CLAIM = Claim(
    id="mgda_bound",
    statement=(
        "MGDA-UB bounds gradients in the shared parameters theta by gradients in the hidden values H: "
        "||sum_t a_t grad_theta L_t||^2 <= ||dH/dtheta||^2 ||sum_t a_t grad_H L_t||^2."
    ),
    formula=(
        r"\left\lVert \sum_t a_t \nabla_\theta L_t \right\rVert^2 \le \left\lVert \frac{\partial H}{\partial "
        r"\theta} \right\rVert^2 \, \left\lVert \sum_t a_t \nabla_H L_t \right\rVert^2"
    ),
    source="Sener and Koltun (arXiv 1810.04650), before Theorem 1",
    kind="bound",
    quantity="left side over right side",
    claimed=CLAIMED,
    hypotheses={
        "shared_parameters_only": lambda instance: not instance["includes_heads"],
        "same_batch": lambda instance: np.array_equal(instance["batch"], instance["batch_of_hidden"]),
    },
    draw=draw,
    violate={"shared_parameters_only": draw_with_heads, "same_batch": draw_two_batches},
    on_violation={
        "shared_parameters_only": (Verdict.VIOLATED, "the heads' parameters change the losses at fixed H"),
        "same_batch": (Verdict.VIOLATED, "the gradient of a fitted batch says nothing about that of another batch"),
    },
    check=check,
    recheck=recheck,
    examples=_examples,
    draws=60,
    quick_draws=4,
    not_exact="gradients come from automatic differentiation in floating point",
    trusted={
        Rung.CERTIFIED: files("mgda_bound", GRADIENTS),
    },
)
