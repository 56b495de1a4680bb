"""A Jacobian of full rank is not enough for MGDA-UB: for almost any gradients some such Jacobian makes a loss rise.

Claim. Let g_t be the gradients of two or more tasks in the hidden values Z, and x the point of least norm in their convex
hull. MGDA-UB moves the shared parameters against J'x, J = dZ/dtheta, since sum_t a_t grad_theta L_t = J'x. Let some g_t not
be a multiple of x. With w = x / ||x|| - g_t / ||g_t||, the Jacobian J = [I, k w] has full row rank, and for k large enough
<grad_theta L_t, J'x> = g_t'J J'x is negative: the loss of task t rises. The tested quantity is the least of these inner
products over the tasks, relative to ||J||^2 ||x|| max_t ||g_t||.

Hypotheses. Some gradient is not a multiple of x. J J' is not a multiple of the identity.

Source. Contradicts Sener and Koltun (arXiv 1810.04650), Theorem 1, part (b); the counterexamples are new. Smallest sizes:
two tasks, since for one x = g_1; two hidden values, since for one J J' is a positive number. With both two, g_1 = (1, 0),
g_2 = (0, 1) and J = [[1, 0], [-2, 1]] give J'x = (-1/2, 1/2) and <grad_theta L_1, J'x> = -1/2 (the example `smallest`).

What holds. J'x = 0 if and only if x = 0, so that MGDA-UB stops at Pareto stationary points only. If all eigenvalues of J J'
lie in [m, M], then g_t'J J'x >= (M + m) ||x||^2 / 2 - (M - m) ||g_t|| ||x|| / 2, so every loss falls if ||x|| (M + m) is
above max_t ||g_t|| (M - m), in particular if J J' is a multiple of the identity.

What breaks. If all gradients are multiples of x, or J J' is a multiple of the identity, every loss falls.

Certificate. The `weights` of x. The recheck works in rational numbers on the float64 gradients and Jacobian, and checks
that x is the point of least norm.
"""

from fractions import Fraction

import numpy as np

from proofs_checks.support import exact_dot, exact_rank, fractions
from proofs_checks.task_gradients import least_norm_complaints
from proofs_checks.trust import GRADIENTS, files
from vvnorm.claims import Claim, Instance, Result, Rung, Verdict, conclude, interval_complaints
from vvnorm.tolerances import EPS
from vvnorm.validation import Array

CLAIMED = (-np.inf, -1e-4)

_GAIN = 20.0  # k ||w||: how much longer than the others the direction w is made
_APART = 0.05  # least 1 - cos between x and the gradient whose loss rises, and least ||x|| over the longest gradient
_ATTEMPTS = 10000


def draw(rng: np.random.Generator) -> Instance:
    """Draw gradients (T, m) that do not all point one way and have 0 outside their hull, and a Jacobian (m, m + 1)."""
    for _ in range(_ATTEMPTS):
        T, m = int(rng.integers(2, 6)), int(rng.integers(2, 8))
        gradients = rng.standard_normal((T, m)) + rng.standard_normal(m)
        x = _weights(gradients) @ gradients
        sizes = np.linalg.norm(gradients, axis=1)
        cosines = gradients @ x / (sizes * max(float(np.linalg.norm(x)), EPS))
        if np.linalg.norm(x) >= _APART * sizes.max() and 1 - cosines.min() >= _APART:
            t = int(np.argmin(cosines))
            w = x / np.linalg.norm(x) - gradients[t] / sizes[t]
            jacobian = np.column_stack([np.eye(m), _GAIN * w / (w @ w) ** 0.5 / (1 - cosines[t]) ** 0.5])
            return {"gradients": gradients, "jacobian": jacobian}
    raise RuntimeError(f"no gradients that point apart in {_ATTEMPTS} draws")


def draw_parallel(rng: np.random.Generator) -> Instance:
    """Draw gradients that are positive multiples of one vector of small integers."""
    m = int(rng.integers(1, 8))
    direction = rng.integers(1, 9, m).astype(np.float64)
    jacobian = np.column_stack([np.eye(m), rng.integers(-9, 10, m)])
    return {"gradients": np.outer(rng.integers(1, 9, int(rng.integers(1, 6))), direction), "jacobian": jacobian}


def draw_identity(rng: np.random.Generator) -> Instance:
    """Draw a Jacobian with J J' a multiple of the identity: the identity's columns in any order, 3 times and 4 times."""
    instance = draw(rng)
    unit = np.eye(instance["gradients"].shape[1])
    return {**instance, "jacobian": np.hstack([3 * unit, 4 * rng.permutation(unit)])}


def _weights(gradients: Array) -> Array:
    from vvnorm.multitask.least_norm import minimum_norm

    return minimum_norm(gradients @ gradients.T).weights


# --- hypotheses -------------------------------------------------------------------------------------------------------


def _apart(instance: Instance) -> bool:
    """Whether two gradients are linearly independent, in rational arithmetic: then not all are multiples of x."""
    return exact_rank(instance["gradients"]) > 1


def _unequal(instance: Instance) -> bool:
    rows = fractions(instance["jacobian"])
    size = exact_dot(rows[0], rows[0])
    return any(exact_dot(u, v) != (size if u is v else 0) for u in rows for v in rows)


# --- checking ---------------------------------------------------------------------------------------------------------


def check(instance: Instance) -> Result:
    """Compute the inner products in double precision."""
    weights = _weights(instance["gradients"])
    return conclude(CLAIMED, *_interval(instance, weights), {"weights": weights}, method="vvnorm.multitask.least_norm")


def _interval(instance: Instance, weights: Array) -> tuple[float, float]:
    gradients, jacobian = instance["gradients"], instance["jacobian"]
    x = weights @ gradients
    unit = float(np.linalg.norm(jacobian, 2) ** 2 * np.linalg.norm(x) * np.linalg.norm(gradients, axis=1).max())
    least = float(np.min(gradients @ (jacobian @ (jacobian.T @ x)))) / unit
    sizes = np.abs(gradients) @ (np.abs(jacobian) @ (np.abs(jacobian).T @ (weights @ np.abs(gradients))))
    rounding = 4 * sum(jacobian.shape + gradients.shape) * EPS * float(sizes.max()) / unit
    return least - rounding, least + rounding


def recheck(instance: Instance, result: Result) -> list[str]:
    """Check that x has least norm and J full rank, and evaluate the inner products in rational arithmetic."""
    weights = result.certificate["weights"]
    complaints = least_norm_complaints(weights, instance["gradients"])
    if complaints:
        return complaints
    rows, jacobian = fractions(instance["gradients"]), fractions(instance["jacobian"])
    if exact_rank(instance["jacobian"]) < len(jacobian):
        complaints.append("the Jacobian does not have full row rank")
    shares = [Fraction(value) for value in weights.tolist()]
    x = [exact_dot(shares, column) for column in zip(*rows, strict=True)]
    moved = [exact_dot(x, column) for column in zip(*jacobian, strict=True)]
    products = [exact_dot([exact_dot(row, column) for column in zip(*jacobian, strict=True)], moved) for row in rows]
    if result.verdict is Verdict.HOLDS and not min(products) < 0:
        complaints.append("no loss rises")
    if result.verdict is Verdict.VIOLATED and not min(products) > 0:
        complaints.append("some loss does not fall")
    return complaints + interval_complaints(result, *_interval(instance, weights), 1e-9)


def _examples() -> dict[str, Instance]:
    """The smallest counterexample: two tasks, two hidden values, two parameters, small integers."""
    return {"smallest": {"gradients": np.eye(2), "jacobian": np.array([[1.0, 0.0], [-2.0, 1.0]])}}


CLAIM = Claim(
    id="mgda_ub_full_rank",
    statement=(
        "If the tasks' gradients in the hidden values do not all point one way, some Jacobian of full row rank makes a "
        "loss rise along the direction of MGDA-UB."
    ),
    formula=r"\exists J,\ \operatorname{rank} J = \dim Z: \quad \min_t \langle J^\top g_t, J^\top x \rangle < 0",
    source="new; contradicts Sener and Koltun (arXiv 1810.04650), Theorem 1, part (b)",
    kind="counterexample",
    quantity="min_t <grad_theta L_t, J'x> over ||J||^2 ||x|| max_t ||g_t||",
    claimed=CLAIMED,
    hypotheses={"gradients_apart": _apart, "unequal_gains": _unequal},
    draw=draw,
    violate={"gradients_apart": draw_parallel, "unequal_gains": draw_identity},
    on_violation={
        "gradients_apart": (Verdict.VIOLATED, "gradients that are multiples of x have g_t'J J'x = c_t ||J'x||^2 > 0"),
        "unequal_gains": (Verdict.VIOLATED, "J J' = c I gives g_t'J J'x = c g_t'x >= c ||x||^2 > 0"),
    },
    check=check,
    recheck=recheck,
    examples=_examples,
    draws=60,
    quick_draws=20,
    not_exact="the point of least norm comes from floating point; what follows from it is rechecked in rational numbers",
    trusted={Rung.CERTIFIED: files("mgda_ub_full_rank", GRADIENTS)},
)
