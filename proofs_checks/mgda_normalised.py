"""MGDA on gradients that are divided by their norms or by their losses: every loss falls, and units do not matter.

Claim. Let x be the point of least norm in the convex hull of g_t / c_t, where g_t are the tasks' gradients and c_t is
||g_t|| ("l2") or L_t ("loss"). If x is not 0, a small step along -x lowers every loss, since <g_t, x> >= c_t ||x||^2. If
losses are measured in other units, L_t becomes s_t L_t and g_t becomes s_t g_t; x does not change. The tested quantity is
the larger of two: the distance of the unit directions x / ||x|| in both units, and the largest -<g_t, x> / (||g_t|| ||x||)
in either. It may be up to 1e-6.

Hypotheses. c_t is ||g_t|| or L_t. The weights of the gradients g_t are those of g_t / c_t, divided by c_t. 0 is not in the
hull; this does not depend on the c_t > 0.

Source. The normalisations are those of the code that O. Sener and V. Koltun published with "Multi-task learning as
multi-objective optimization" (arXiv 1810.04650; isl-org/MultiObjectiveOptimization). Its comment says that the paper does
not have them. The code weights the losses by the coefficients of g_t / c_t without dividing these by c_t. The statements
are new, and elementary.

What breaks. With c_t = 1 (plain MGDA) and c_t = L_t ||g_t|| ("loss+") every loss falls, too, but the direction depends on
the units. Without the division some loss may rise: for two gradients that are not parallel and "l2" the coefficients are
1/2 and 1/2, so that the step is that of the plain sum. The smallest example is g_1 = (1, 0), g_2 = (-2, 1), where the first
loss rises. If 0 is in the hull, x is 0 and has no direction.

Certificate. The `weights` (2, T) of the g_t in both units, of sum T. The recheck computes the c_t itself, checks that x has
least norm, and evaluates <g_t, x> in rational arithmetic.
"""

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np

from proofs_checks.support import exact_dot, fractions
from proofs_checks.task_gradients import (
    ROUNDING,
    autograd_gradients,
    least_norm_complaints,
    network_of,
    real_tasks,
    tasks_of,
)
from proofs_checks.trust import GRADIENTS, files
from vvnorm.claims import Claim, Instance, Result, Rung, Verdict, conclude, interval_complaints
from vvnorm.multitask.task_losses import task_losses
from vvnorm.tolerances import EPS
from vvnorm.validation import Array

CLAIMED = (-np.inf, 1e-6)

_UNIT_FREE = ("l2", "loss")
_STATIONARY = 1e-6  # a shorter x, relative to the longest g_t / c_t, may be rounding
_CLEAR = 0.05  # least ||x|| over the longest g_t / c_t, and least quantity of draws that break a hypothesis
_ATTEMPTS = 10000


# --- instances --------------------------------------------------------------------------------------------------------


def draw(rng: np.random.Generator) -> Instance:
    """Draw two to six gradients of any lengths with 0 outside their hull, losses, units, and a normalisation.

    Numbers are multiples of 1/64, and units are whole numbers, so that gradients are the same in both units, exactly.
    """
    return _where(lambda instance, clear: clear, rng, str(rng.choice(_UNIT_FREE)))


def draw_units_matter(rng: np.random.Generator) -> Instance:
    """Draw gradients for which plain MGDA, or "loss+", has another direction in other units."""
    return _where(lambda instance, clear: clear and _far(instance), rng, str(rng.choice(["none", "loss+"])))


def draw_undivided(rng: np.random.Generator) -> Instance:
    """Draw gradients for which some loss rises if the weights are not divided by c_t."""
    chosen = str(rng.choice(_UNIT_FREE))
    return _where(lambda instance, clear: clear and _rises(instance), rng, chosen, divided=False)


def draw_stationary(rng: np.random.Generator) -> Instance:
    """Draw gradients whose sum is 0."""
    instance = draw(rng)
    gradients = instance["gradients"].copy()
    gradients[-1] = -gradients[:-1].sum(axis=0)
    return {**instance, "gradients": gradients}


def _where(
    wanted: Callable[[Instance, bool], bool], rng: np.random.Generator, normalisation: str, divided: bool = True
) -> Instance:
    for _ in range(_ATTEMPTS):
        T, P = int(rng.integers(2, 7)), int(rng.integers(2, 20))
        gradients = (rng.integers(-128, 129, (T, P)) + rng.integers(-128, 129, P)) * rng.integers(1, 17, (T, 1)) / 64
        losses, units = rng.integers(1, 257, T) / 64, rng.integers(1, 101, T).astype(np.float64)
        instance: dict[str, Any] = {"gradients": gradients, "losses": losses, "units": units}
        instance |= {"normalisation": normalisation, "divided": divided}
        if np.all(gradients.any(axis=1)) and wanted(instance, _clear(instance)):
            return instance
    raise RuntimeError(f"no such gradients in {_ATTEMPTS} draws")


def _clear(instance: Instance) -> bool:
    """Whether 0 is far from the hull."""
    return all(np.linalg.norm(x) >= _CLEAR for x in _points(instance, _weights(instance)))


def _far(instance: Instance) -> bool:
    d, other = _directions(instance, _weights(instance))
    return float(np.linalg.norm(d - other)) >= _CLEAR


def _rises(instance: Instance) -> bool:
    d, gradients = _directions(instance, _weights(instance))[0], instance["gradients"]
    return float(np.min(gradients @ d / np.linalg.norm(gradients, axis=1))) <= -_CLEAR


# --- hypotheses -------------------------------------------------------------------------------------------------------


def _outside(instance: Instance) -> bool:
    """Whether some x has a positive inner product with every gradient, in rational arithmetic: 0 is outside the hull."""
    from vvnorm.multitask.least_norm import minimum_norm

    unit = instance["gradients"] / np.linalg.norm(instance["gradients"], axis=1, keepdims=True)
    x = [Fraction(value) for value in (minimum_norm(unit @ unit.T).weights @ unit).tolist()]
    return all(exact_dot(row, x) > 0 for row in fractions(instance["gradients"]))


# --- checking ---------------------------------------------------------------------------------------------------------


def check(instance: Instance) -> Result:
    """Let training choose the weights in both units, and compare the directions in double precision."""
    weights = _weights(instance)
    return conclude(CLAIMED, *_interval(instance, weights), {"weights": weights}, method="vvnorm.training.weighting")


def _weights(instance: Instance) -> Array:
    """Weights (2, T) of the gradients in both units, as training has them, of sum T."""
    from vvnorm.training.weighting import MGDA

    T = len(instance["losses"])
    weights = []
    for gradients, losses, sizes in _in_units(instance):
        rule = MGDA(instance["normalisation"]).start(1, T)
        chosen = rule(0, losses[None], (gradients @ gradients.T)[None])[0]
        weights.append(chosen if instance["divided"] else chosen * sizes)
    stacked = np.array(weights)
    scaled: Array = T * stacked / stacked.sum(axis=1, keepdims=True)
    return scaled


def _in_units(instance: Instance) -> list[tuple[Array, Array, Array]]:
    """Gradients, losses and c_t in the units of the instance, and in the others."""
    both = []
    for units in (np.ones(len(instance["units"])), instance["units"]):
        gradients, losses = instance["gradients"] * units[:, None], instance["losses"] * units
        norms = np.linalg.norm(gradients, axis=1)
        sizes = {"none": np.ones(len(norms)), "l2": norms, "loss": losses, "loss+": losses * norms}
        both.append((gradients, losses, sizes[instance["normalisation"]]))
    return both


def _shares(instance: Instance, weights: Array, sizes: Array) -> Array:
    """Coefficients of the g_t / c_t, of sum 1."""
    shares = weights * sizes if instance["divided"] else weights
    scaled: Array = shares / shares.sum()
    return scaled


def _points(instance: Instance, weights: Array) -> list[Array]:
    """The point x in both units, relative to the longest g_t / c_t."""
    points = []
    for row, (gradients, _, sizes) in zip(weights, _in_units(instance), strict=True):
        normalised = gradients / sizes[:, None]
        points.append(_shares(instance, row, sizes) @ normalised / np.linalg.norm(normalised, axis=1).max())
    return points


def _directions(instance: Instance, weights: Array) -> list[Array]:
    """Unit directions of the weighted sums of gradients in both units."""
    sums = [row @ gradients for row, (gradients, _, _) in zip(weights, _in_units(instance), strict=True)]
    return [total / np.linalg.norm(total) for total in sums]


def _interval(instance: Instance, weights: Array) -> tuple[float, float]:
    """Interval of the larger of the distance of directions and of the steepest ascent of a loss."""
    if min(np.linalg.norm(x) for x in _points(instance, weights)) <= _STATIONARY:
        return -np.inf, np.inf
    d, other = _directions(instance, weights)
    unit = instance["gradients"] / np.linalg.norm(instance["gradients"], axis=1, keepdims=True)
    value = max(float(np.linalg.norm(d - other)), float(-np.min(unit @ np.column_stack([d, other]))))
    sizes = [
        float(row @ np.linalg.norm(gradients, axis=1) / np.linalg.norm(row @ gradients))
        for row, (gradients, _, _) in zip(weights, _in_units(instance), strict=True)
    ]
    rounding = 4 * sum(instance["gradients"].shape) * EPS * sum(sizes)
    return value - rounding, value + rounding


def recheck(instance: Instance, result: Result) -> list[str]:
    """Check that x has least norm in both units, and that every loss falls, in rational arithmetic."""
    weights = result.certificate["weights"]
    T = len(instance["losses"])
    if weights.shape != (2, T) or np.any(np.abs(weights.sum(axis=1) - T) > ROUNDING * T):
        return [f"the weights must be two rows of {T} numbers of sum {T}"]
    complaints = []
    rises = False
    for row, (gradients, _, sizes) in zip(weights, _in_units(instance), strict=True):
        complaints += least_norm_complaints(_shares(instance, row, sizes), gradients / sizes[:, None])
        shares, rows = [Fraction(value) for value in row.tolist()], fractions(gradients)
        x = [exact_dot(shares, column) for column in zip(*rows, strict=True)]
        rises = rises or not all(exact_dot(each, x) > 0 for each in rows)
    if result.verdict is Verdict.HOLDS and rises:
        complaints.append("some loss does not fall")
    if result.verdict is Verdict.VIOLATED and instance["divided"] and rises:
        complaints.append("some loss rises, though the weights are divided")
    return complaints + interval_complaints(result, *_interval(instance, weights), 1e-9)


def _examples() -> dict[str, Instance]:
    """Networks on tumours and digits, and the smallest example in which a loss rises without the division."""
    examples: dict[str, Instance] = {
        f"{name}, {normalisation}": {**_network_gradients(data), "normalisation": normalisation, "divided": True}
        for (name, data), normalisation in zip(real_tasks().items(), _UNIT_FREE, strict=True)
    }
    smallest = {"gradients": np.array([[1.0, 0.0], [-2.0, 1.0]]), "losses": np.ones(2), "units": np.ones(2)}
    return {**examples, "smallest, not divided": {**smallest, "normalisation": "l2", "divided": False}}


def _network_gradients(data: dict[str, Any]) -> dict[str, Any]:
    """Gradients and losses of a random network of two tasks; the second loss in a unit of 1/64."""
    network = network_of({**data, "steps": 0}, "equal")
    gradients = autograd_gradients(network, data["X"], data["Y"], data["losses"]).shared
    losses = task_losses(network(data["X"]), data["Y"], np.ones(data["Y"].shape), tasks_of(data["losses"]))
    return {"gradients": gradients.reshape(len(gradients), -1), "losses": losses, "units": np.array([1.0, 64.0])}


CLAIM = Claim(
    id="mgda_normalised",
    statement=(
        "MGDA on gradients divided by their norms, or by their losses, lowers every loss, and its direction does not "
        "depend on the units of the losses."
    ),
    formula=(
        r"x = \mathrm{argmin} \{ \lVert z \rVert : z \in \mathrm{conv} \{ g_t / c_t \} \} \quad \Rightarrow \quad "
        r"\langle g_t, x \rangle \ge c_t \lVert x \rVert^2; \quad c_t \in \{ \lVert g_t \rVert, L_t \}"
    ),
    source="new; normalisations of the code published with Sener and Koltun (arXiv 1810.04650)",
    kind="bound",
    quantity="the larger of ||d - d'|| and max_t -<g_t, d> / ||g_t||; d and d' are the unit directions in two units",
    claimed=CLAIMED,
    hypotheses={
        "unit_free": lambda instance: instance["normalisation"] in _UNIT_FREE,
        "divided": lambda instance: bool(instance["divided"]),
        "not_stationary": _outside,
    },
    draw=draw,
    violate={"unit_free": draw_units_matter, "divided": draw_undivided, "not_stationary": draw_stationary},
    on_violation={
        "unit_free": (Verdict.VIOLATED, "plain MGDA, and loss+, have another direction in other units"),
        "divided": (
            Verdict.VIOLATED,
            "coefficients of normalised gradients, applied to the gradients themselves, raise a loss",
        ),
        "not_stationary": (Verdict.INCONCLUSIVE, "the point of least norm is 0, which has no direction"),
    },
    check=check,
    recheck=recheck,
    examples=_examples,
    draws=60,
    quick_draws=20,
    not_exact="norms of gradients are irrational in general; that every loss falls is rechecked in rational numbers",
    trusted={Rung.CERTIFIED: files("mgda_normalised", GRADIENTS)},
)
