"""The front's point for task weights a has the least weighted loss a.L of all networks of VV norm C or less.

Claim. For weights a of the tasks let f be the point that `vvnorm.pareto_front` finds for the budget C. No network of VV
norm C or less has a smaller a.L than f, up to the gap.

Hypothesis. The point itself costs C or less.

Source. Lagrangian duality: a fit at any lam > 0 proves a.L >= (its objective) - lam C for all these networks. The setting
is taken from Sener and Koltun (arXiv 1810.04650).

What breaks. Points that cost more have smaller losses: the front for twice the budget lies below.

Certificate. For each of the instance's `mixtures` a: `values` of the point at the inputs, its `losses` and `vv_norms`, and
the values of a rival in `rivals`, the front's point for C (the same point if the hypothesis is met). The `duals` of fits at
`lams` prove the `bounds`. Losses are computed by their formulas, costs from exact curvatures.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from proofs_checks.regularised import domain_complaints, losses_by_output, mixed_losses, solve
from proofs_checks.support import total_curvature
from proofs_checks.trust import LINE_FIT, REGULARISED, files
from vvnorm.claims import Claim, Instance, Result, Rung, Verdict, conclude, interval_complaints
from vvnorm.multitask.pareto import pareto_front
from vvnorm.solvers.univariate.interpolation import connect_the_dots
from vvnorm.tolerances import GAP
from vvnorm.validation import Array
from vvnorm.verifier.check import certify_fit

CLAIMED = (-GAP, GAP)

_MIXTURES = 3
_SOLVED = 1e-7
_ROUNDING = 1e-9
_SAME = 1e-7  # relative difference between two computations of losses and costs


def draw(rng: np.random.Generator) -> Instance:
    """Draw two or three tasks at distinct inputs, positive weights, a budget of 10 to 50 % of the interpolant's cost."""
    n, T = int(rng.integers(6, 16)), int(rng.integers(2, 4))
    x, weights = np.cumsum(rng.uniform(0.1, 1, n)), rng.uniform(0.5, 2, (n, T))
    Y, losses = mixed_losses(n, T, rng)
    if rng.random() < 0.5:
        Y, losses = rng.standard_normal((n, T)), ("squared",) * T
    budget = float(rng.uniform(0.1, 0.5)) * total_curvature(x, np.nan_to_num(Y))
    mixtures = rng.dirichlet(np.ones(T), _MIXTURES) * 0.7 + 0.3 / T
    return {"x": x, "Y": Y, "weights": weights, "losses": losses, "mixtures": mixtures, "budget": budget, "spent": 1.0}


def draw_costly(rng: np.random.Generator) -> Instance:
    """Draw the same with squared losses, and take the front's points for twice the budget."""
    instance = draw(rng)
    Y = rng.standard_normal(instance["Y"].shape)
    budget = 0.2 * total_curvature(instance["x"], Y)
    return {**instance, "Y": Y, "losses": ("squared",) * Y.shape[1], "budget": budget, "spent": 2.0}


# --- checking ---------------------------------------------------------------------------------------------------------


def check(instance: Instance) -> Result:
    """Trace the front, and prove a bound for each mixture by a fit at the lam that the front found."""
    x, Y, budget, spent = (instance[name] for name in ("x", "Y", "budget", "spent"))
    options: dict[str, Any] = {"loss": list(instance["losses"]), "weights": instance["weights"], "tol": _SOLVED}
    front, rivals = (pareto_front(x, Y, c, mixtures=instance["mixtures"], **options) for c in (spent * budget, budget))
    lams = np.array([support.lam for support in rivals.supports])
    certificate = {
        "mixtures": front.mixtures,
        "values": np.stack([network(x) for network in front.networks]),
        "losses": front.losses,
        "vv_norms": front.vv_norms,
        "rivals": np.stack([network(x) for network in rivals.networks]),
        "lams": lams,
        "duals": np.stack([solve(_weighted(instance, *pair))[1] for pair in zip(front.mixtures, lams, strict=True)]),
    }
    certificate["bounds"], deviations = _judged(instance, certificate)
    return conclude(CLAIMED, *_interval(deviations), certificate)


def _weighted(instance: Instance, mixture: Array, lam: float) -> dict[str, Any]:
    """The weighted sum of the task losses plus lam VV, as an instance of the claim `regularised`."""
    return {**instance, "weights": instance["weights"] * mixture, "lam": float(lam), "skip": True}


def _judged(instance: Instance, arrays: Mapping[str, Any]) -> tuple[Array, Array]:
    """Lower bounds on a.L (M,), and intervals (M, 2) of (a.L of the point - least a.L) / (least objective)."""
    x, bounds, deviations = instance["x"], [], []
    for a, lam, dual, U, V in zip(*(arrays[name] for name in _BY_MIXTURE), strict=True):
        problem = _weighted(instance, a, lam)
        convention = {"loss": list(problem["losses"]), "weights": problem["weights"]}
        proof = certify_fit(connect_the_dots(x, V), x, problem["Y"], problem["lam"], dual=dual, **convention)
        reached, rival = (float(a @ losses_by_output(instance, values)) for values in (U, V))
        bounds.append(max(0.0, proof.lower_bound - lam * instance["budget"]))
        deviations.append(((reached - rival) / proof.objective, (reached - bounds[-1]) / proof.objective))
    return np.array(bounds), np.array(deviations)


def _interval(deviations: Array) -> tuple[float, float]:
    """Interval of the mixture with the largest deviation."""
    lower, upper = deviations[np.argmax(np.abs(deviations.sum(axis=1)))]
    return float(lower) - _ROUNDING, float(upper) + _ROUNDING


_BY_MIXTURE = ("mixtures", "lams", "duals", "values", "rivals")


def recheck(instance: Instance, result: Result) -> list[str]:
    """Certify all bounds again by the verifier alone; compute losses and costs again."""
    arrays, x, budget = result.certificate, instance["x"], instance["budget"]
    bounds, deviations = _judged(instance, arrays)
    complaints = interval_complaints(result, *_interval(deviations), _ROUNDING)
    losses = np.stack([losses_by_output(instance, U) for U in arrays["values"]])
    costs = np.array([total_curvature(x, U) for U in arrays["values"]])
    expected = {"mixtures": instance["mixtures"], "losses": losses, "vv_norms": costs, "bounds": bounds}
    for name, values in expected.items():
        if arrays[name].shape != values.shape or np.any(np.abs(arrays[name] - values) > _SAME * np.abs(values).max()):
            complaints.append(f"{name} do not follow from the rest of the certificate")
    for name, most in (("values", instance["spent"] * budget), ("rivals", budget)):
        if max(total_curvature(x, U) for U in arrays[name]) > most * (1 + _SAME):
            complaints.append(f"a point of {name} costs more than {most!r}")
    for a, lam, dual in zip(arrays["mixtures"], arrays["lams"], arrays["duals"], strict=True):
        complaints += domain_complaints(_weighted(instance, a, lam), dual)
    return complaints


CLAIM = Claim(
    id="pareto_front",
    statement=(
        "No network of VV norm C or less has a smaller weighted sum of task losses than the point of the Pareto front."
    ),
    formula=r"\sum_t a_t L_t(f_{a,C}) = \min_{\mathrm{VV}(f) \le C} \sum_t a_t L_t(f)",
    source="Lagrangian duality; setting of Sener and Koltun (arXiv 1810.04650)",
    kind="equality",
    quantity="(weighted loss of the front's point - least one at VV norm C) / least objective at the front's lam",
    claimed=CLAIMED,
    hypotheses={"within_budget": lambda instance: bool(instance["spent"] <= 1)},
    draw=draw,
    violate={"within_budget": draw_costly},
    on_violation={"within_budget": (Verdict.VIOLATED, "networks of larger VV norm have smaller losses")},
    check=check,
    recheck=recheck,
    draws=50,
    quick_draws=3,
    not_exact="it compares fits under many weights and losses; exact proofs cover one fit under the squared loss",
    trusted={
        Rung.CERTIFIED: files("pareto_front", LINE_FIT, REGULARISED),
    },
)
