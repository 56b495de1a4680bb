"""In function space weighted sums of the task losses reach every Pareto point, although tasks compete for the VV norm.

Claim. For d = 1 let f be a Pareto point: f has the least VV norm among the networks whose loss L_t on task t is at most
e_t, for every t. Then there are weights mu_t >= 0 for which f minimises sum_t mu_t L_t + VV over all networks. (Some
network must have losses below all e_t. At e_t = 0 the squared loss is flat, and the interpolant is only the limit of
infinite weights.)

Hypotheses. Every task has a convex loss. Networks may have any width, and have a skip connection.

Source. Sener and Koltun (arXiv 1810.04650) object to weighted sums (scalarisation): tasks compete, so the Pareto front need
not be convex, and weighted sums miss its non-convex parts. The answer is new here, and standard for convex problems. Every
L_t and the least VV norm R(U) are convex in the network's values U at the data. So the multipliers of the bounds e_t are
such weights. The objection applies to parameters, and to losses that are not convex.

What breaks. Take squared losses that are cut off at c^2 / 2, and labels on a straight line except for one outlier in each
task. Lines have VV norm 0 and L_t slightly above c^2 / 2. The interpolant has L_t = 0 and the largest VV norm. Pareto
points with e_t below c^2 / 2 follow the outliers, so their VV norm is nearly that of the interpolant. Some mixture of the
objective vectors of lines and interpolant is smaller in every entry. So for every choice of weights, lines or the
interpolant have a smaller weighted sum.

Certificate. The weights mu (`weights`) and the `dual` array prove that no network whose losses are at most those of
connect-the-dots of `values` has less VV norm. For losses that are not convex: values of two `rivals`, the `shares` of their
mixture, and the `objectives` of all three.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from proofs_checks.regularised import (
    CUT,
    cut_of,
    domain_complaints,
    is_convex,
    lines,
    losses_by_output,
    mixed_losses,
    solve,
    uncut_losses,
    with_gaps,
)
from proofs_checks.support import real_instances, total_curvature
from proofs_checks.trust import LINE_FIT, REGULARISED, files
from vvnorm.claims import Claim, Instance, Result, Rung, Verdict, conclude, interval_complaints
from vvnorm.solvers.univariate.interpolation import connect_the_dots
from vvnorm.tolerances import GAP
from vvnorm.validation import Array
from vvnorm.verifier.check import FitCertificate, certify_fit

CLAIMED = (-GAP, GAP)
_REACHED = 1e-4  # relative difference of the point's losses to the bounds e_t: the accuracy of the solver
_ROUNDING = 1e-12


# --- instances --------------------------------------------------------------------------------------------------------


def draw(rng: np.random.Generator) -> Instance:
    """Draw two to four tasks at distinct inputs, with bounds e_t of 5 to 70 % of the loss of the best line."""
    from vvnorm.solvers.reference import curvature_fit

    n, T = int(rng.integers(6, 25)), int(rng.integers(2, 5))
    x, weights = np.cumsum(rng.uniform(0.1, 1, n)), rng.uniform(0.5, 2, (n, T))
    if rng.random() < 0.6:
        x_scale, y_scale = 10.0 ** rng.uniform(-4, 4, 2)
        Y, losses = with_gaps(y_scale * rng.standard_normal((n, T)), rng), ("squared",) * T
        instance: dict[str, Any] = {"x": x * x_scale, "Y": Y, "weights": weights, "losses": losses}
        line = lines(instance)
    else:
        Y, losses = mixed_losses(n, T, rng)
        instance = {"x": x, "Y": Y, "weights": weights, "losses": losses}
        # Labels are about 1, so at this lam no kink is worth its cost.
        line = curvature_fit(x, Y, 1e3 * n, loss=losses, weights=weights).network
    return instance | {"budgets": rng.uniform(0.05, 0.7, T) * losses_by_output(instance, line(instance["x"]))}


def draw_truncated(rng: np.random.Generator) -> Instance:
    """Draw two or three tasks on straight lines up to c / 20, with an outlier of 5 c or more each; bounds below c^2 / 2."""
    n, T = int(rng.integers(10, 20)), int(rng.integers(2, 4))
    x, c = np.cumsum(rng.uniform(0.3, 1, n)), float(rng.uniform(0.5, 2))
    Y = x[:, None] * rng.standard_normal(T) + 0.05 * c * rng.uniform(-1, 1, (n, T))
    Y[rng.integers(2, n - 2, T), np.arange(T)] += c * rng.uniform(5, 9, T) * rng.choice([-1, 1], T)
    budgets = rng.uniform(0.7, 0.95, T) * c * c / 2
    return {"x": x, "Y": Y, "weights": np.ones((n, T)), "losses": (f"{CUT}{c!r}",) * T, "budgets": budgets}


# --- checking ---------------------------------------------------------------------------------------------------------


def check(instance: Instance) -> Result:
    """Find a Pareto point under the bounds, take the multipliers as weights, and certify it for the weighted sum."""
    from vvnorm.solvers.reference import budgeted_fit

    x, Y, budgets, losses = instance["x"], instance["Y"], instance["budgets"], uncut_losses(instance)
    point, weights = budgeted_fit(x, Y, budgets, loss=losses, weights=instance["weights"])
    _, dual, provenance = solve({**instance, "weights": instance["weights"] * weights, "lam": 1.0, "skip": True})
    certificate = {"values": point.values, "weights": weights, "dual": dual}
    if not is_convex(instance):
        certificate |= _dent(instance, certificate)
    return conclude(CLAIMED, *_interval(instance, certificate), certificate, **provenance)


def _dent(instance: Instance, arrays: Mapping[str, Any]) -> dict[str, Array]:
    """Find the lines through all labels except outliers, the interpolant, and the lowest mixture of their objectives."""
    x, Y = instance["x"], instance["Y"]
    far = np.abs(lines(instance)(x) - Y)
    straight = lines({**instance, "Y": np.where(far < far.max(axis=0), Y, np.nan)})(x)
    rivals = np.stack([straight, Y])
    # Lines have VV norm 0, and the interpolant has loss 0. As the share of lines grows, losses grow and the VV norm falls.
    least = _least_objectives(instance, arrays, _proof(instance, arrays))
    worst_loss, cost = np.max(_objectives(instance, straight)[:-1] / least[:-1]), _objectives(instance, Y)[-1] / least[-1]
    share = cost / (worst_loss + cost)
    table = np.stack([_objectives(instance, U) for U in (arrays["values"], *rivals)])
    return {"rivals": rivals, "shares": np.array([share, 1 - share]), "objectives": table}


def _objectives(instance: Instance, U: Array) -> Array:
    """Loss of each task and least VV norm of networks with the values U (N, T); shape (T + 1,)."""
    return np.append(losses_by_output(instance, U), total_curvature(instance["x"], U))


def _proof(instance: Instance, arrays: Mapping[str, Any]) -> FitCertificate:
    """Certify connect-the-dots of the point's values for the weighted sum of the losses without cuts."""
    x, Y, U, weights = instance["x"], instance["Y"], arrays["values"], arrays["weights"]
    if U.shape != Y.shape or weights.shape != Y.shape[1:] or not np.all(weights >= 0):
        raise ValueError("values or weights do not fit the labels")
    factors = instance["weights"] * weights
    return certify_fit(connect_the_dots(x, U), x, Y, 1.0, loss=uncut_losses(instance), weights=factors, dual=arrays["dual"])


def _least_objectives(instance: Instance, arrays: Mapping[str, Any], proof: FitCertificate) -> Array:
    """Lower bounds on the objectives of networks of least VV norm among those whose losses are at most the point's."""
    reached, weights = _objectives(instance, arrays["values"]), arrays["weights"]
    slack = proof.objective - proof.lower_bound
    return reached - slack / np.append(weights, 1.0)


def _interval(instance: Instance, arrays: Mapping[str, Any]) -> tuple[float, float]:
    """Interval of the tested quantity.

    For convex losses the upper end follows from the computed weights; the lower end is 0, since the point itself competes.
    Otherwise the lower end holds for all weights at once. If a mixture of two objective vectors is below the point's vector
    in every entry, its weighted sum is lower for all weights; and one of the two vectors is at least as low as the mixture.
    """
    proof = _proof(instance, arrays)
    if is_convex(instance):
        return -_ROUNDING, (proof.objective - proof.lower_bound) / proof.objective + _ROUNDING
    rivals = np.stack([_objectives(instance, U) for U in arrays["rivals"]])
    mixture = arrays["shares"] @ rivals
    return float(np.min(1 - mixture / _least_objectives(instance, arrays, proof))) - _ROUNDING, 1.0


def recheck(instance: Instance, result: Result) -> list[str]:
    """Certify point, weights and dual again, by the verifier alone; evaluate the rivals again."""
    arrays, budgets = result.certificate, instance["budgets"]
    complaints = interval_complaints(result, *_interval(instance, arrays), _ROUNDING)
    complaints += domain_complaints({**instance, "weights": instance["weights"] * arrays["weights"]}, arrays["dual"])
    reached = losses_by_output(instance, arrays["values"])
    if not np.all(np.abs(reached - budgets) <= _REACHED * budgets):
        complaints.append("the point's losses are not equal to the bounds of the instance")
    if not is_convex(instance):
        complaints += _dent_complaints(instance, arrays)
    return complaints


def _dent_complaints(instance: Instance, arrays: Mapping[str, Any]) -> list[str]:
    complaints = []
    if not (np.all(arrays["shares"] >= 0) and abs(arrays["shares"].sum() - 1) <= _ROUNDING):
        complaints.append("the shares are negative or do not sum to 1")
    table = np.stack([_objectives(instance, U) for U in (arrays["values"], *arrays["rivals"])])
    size = np.max(table, axis=0)
    if arrays["objectives"].shape != table.shape or not np.all(np.abs(arrays["objectives"] - table) <= _ROUNDING * size):
        complaints.append("the objectives do not match the values")
    cuts = np.array([cut_of(name) for name in instance["losses"]])
    if np.any(table[0, :-1] >= np.min(instance["weights"], axis=0) * cuts**2 / 2):
        complaints.append("the bounds allow labels to be cut off, so the point need not be a Pareto point")
    return complaints


def _examples() -> dict[str, Instance]:
    """Real data with two outputs or more; each bound is half the loss of the best line."""
    instances: dict[str, Instance] = {}
    for name, data in real_instances(lambda T: T > 1).items():
        instance = {**data, "weights": np.ones_like(data["Y"]), "losses": ("squared",) * data["Y"].shape[1]}
        budgets = losses_by_output(instance, lines(instance)(data["x"])) / 2
        instances[name] = {**instance, "budgets": budgets}
    return instances


CLAIM = Claim(
    id="multi_objective",
    statement=(
        "For convex task losses, every Pareto point of the losses and the VV norm minimises a weighted sum of them "
        "over all networks."
    ),
    formula=(
        r"f \text{ Pareto optimal for } (L_1, \dots, L_T, \mathrm{VV}) \quad \Rightarrow \quad f \in "
        r"\mathrm{argmin} \sum_t a_t L_t + \lambda \mathrm{VV} \text{ for some } (a, \lambda) \ge 0"
    ),
    source="answers an objection of Sener and Koltun (arXiv 1810.04650); new",
    kind="existence",
    quantity="least over all weights of (weighted sum at the Pareto point - least one) / weighted sum at the point",
    claimed=CLAIMED,
    hypotheses={"convex_losses": is_convex},
    draw=draw,
    violate={"convex_losses": draw_truncated},
    on_violation={
        "convex_losses": (
            Verdict.VIOLATED,
            "for every choice of weights one of two other networks has a smaller weighted sum",
        ),
    },
    check=check,
    recheck=recheck,
    examples=_examples,
    draws=60,
    quick_draws=10,
    not_exact="it compares fits under many weights and losses; exact proofs cover one fit under the squared loss",
    trusted={
        Rung.CERTIFIED: files("multi_objective", LINE_FIT, REGULARISED),
    },
)
