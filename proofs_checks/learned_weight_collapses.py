"""Task weights that are learned by plain minimisation collapse to one task.

Claim. Let v(a) = min_f sum_t a_t L_t(f) + lam VV(f) for weights a on the simplex. As a minimum of functions that are linear
in a, v is concave, so its least value is at a vertex. Minimising over f and a together therefore gives all weight to the
task of least v(e_t), and ignores the others. At weights inside the simplex v is larger. Certified bounds say by how much:
lower bounds of fits at random weights, and upper bounds of fits of each task alone. Concavity does not depend on the class
of networks, and gradient descent ends at a vertex, too (figure `weights`).

Hypothesis. Nothing but the weighted sum is minimised.

Source. Well known for weights that are minimised over, and the reason for the method of Kendall, Gal and Cipolla (CVPR
2018, arXiv 1705.07115). The certified form is new.

What breaks. Homoscedastic uncertainty (Kendall, Gal and Cipolla) minimises sum_t L_t / (2 s_t^2) + log s_t + lam VV, where
a small weight a_t = 1 / (2 s_t^2) costs. Let inputs repeat with different labels. Then no function has losses below P_t >
0, the squared deviations from the means of repeats. If one task has 1e6 times the weight of any other, the objective is at
least T/2 + T/2 log(P_t / T) + (T - 1)/2 log 1e6, which is more than that of a fit with s_t^2 = L_t. (Where a network can
interpolate there is no minimum: as L_t and s_t go to 0 the objective falls without end, for any task.)

Certificate. Plain objective: `values` and `duals` at weights inside, `end_values` and `end_duals` of the tasks alone, and
the `bounds` that they prove. Uncertainty: `values` of the fit, its `losses` L_t and its `vv_norm`.
"""

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from proofs_checks.regularised import domain_complaints, lam_max, losses_by_output, mixed_losses, solve
from proofs_checks.support import real_instances, total_curvature
from proofs_checks.trust import LINE_FIT, REGULARISED, files
from vvnorm.claims import Claim, Instance, Result, Rung, Verdict, conclude, interval_complaints
from vvnorm.solvers.univariate.interpolation import connect_the_dots
from vvnorm.validation import Array
from vvnorm.verifier.check import certify_fit

CLAIMED = (0.0, np.inf)
_LEAST_SHARE = 0.1  # weights are inside the simplex if each is at least this
_COLLAPSED = 1e6  # under uncertainty weighting: one weight over any other
_ROUNDING = 1e-12


# --- instances --------------------------------------------------------------------------------------------------------


def draw(rng: np.random.Generator) -> Instance:
    """Draw two to four tasks of mixed losses at distinct inputs, and three random weight vectors."""
    n, T = int(rng.integers(8, 20)), int(rng.integers(2, 5))
    Y, losses = mixed_losses(n, T, rng)
    data = {"x": np.cumsum(rng.uniform(0.1, 1, n)), "Y": Y, "weights": np.ones((n, T)), "losses": losses}
    return data | {"lam": 10.0 ** rng.uniform(-1.5, 0), "shares": _shares(T, rng), "objective": "plain"}


def _shares(T: int, rng: np.random.Generator) -> Array:
    shares: Array = _LEAST_SHARE + (1 - T * _LEAST_SHARE) * rng.dirichlet(np.ones(T), 3)
    return shares


def draw_uncertainty(rng: np.random.Generator) -> Instance:
    """Draw squared losses with every input twice and noise of one to three units, under uncertainty weighting."""
    n, T = int(rng.integers(6, 15)), int(rng.integers(2, 5))
    x = np.repeat(np.cumsum(rng.uniform(0.3, 1, n)), 2)
    Y = (2 * np.sin(x)[:, None] + rng.standard_normal((2 * n, T))) * rng.uniform(1, 3, T)
    data = {"x": x, "Y": Y, "weights": np.ones_like(Y), "losses": ("squared",) * T}
    return data | {"lam": 0.03, "shares": np.ones((1, T)) / T, "objective": "uncertainty"}


# --- checking ---------------------------------------------------------------------------------------------------------


def check(instance: Instance) -> Result:
    """Fit at weights inside and each task alone; under uncertainty weighting, fit with weights near its optimal ones."""
    T = instance["Y"].shape[1]
    if instance["objective"] == "plain":
        fits = [solve(problem) for problem in _problems(instance)]
        values = [network(instance["x"]) for network, _, _ in fits]
        duals = [dual for _, dual, _ in fits]
        certificate = {
            "end_values": np.hstack(values[:T]),
            "end_duals": np.hstack(duals[:T]),
            "values": np.stack(values[T:]),
            "duals": np.stack(duals[T:]),
        }
        certificate["bounds"] = _bounds(instance, certificate)
        return conclude(CLAIMED, *_plain_interval(T, certificate["bounds"]), certificate, **fits[0][2])
    points = np.unique(instance["x"])
    noise = _least_losses(instance)
    network, _, provenance = solve({**instance, "weights": np.ones_like(instance["Y"]) / (2 * noise), "skip": True})
    certificate = {
        "values": network(points),
        "losses": losses_by_output(instance, network(instance["x"])),
        "vv_norm": np.array([network.vv_norm]),
    }
    return conclude(CLAIMED, *_uncertainty_interval(instance, noise, certificate), certificate, **provenance)


def _problems(instance: Instance) -> Iterator[dict[str, Any]]:
    """The problems to fit: each task alone, as the others have no weight; then all tasks at the weights inside."""
    for t, loss in enumerate(instance["losses"]):
        alone = {name: instance[name][:, t : t + 1] for name in ("Y", "weights")}
        yield {**instance, **alone, "losses": (loss,), "skip": True}
    for share in instance["shares"]:
        yield {**instance, "weights": instance["weights"] * share, "skip": True}


def _bounds(instance: Instance, arrays: Mapping[str, NDArray[Any]]) -> Array:
    """Lower and upper bounds on v at the vertices, then at the weights inside; shape (T + J, 2)."""
    x, T = instance["x"], instance["Y"].shape[1]
    shape = (len(instance["shares"]), len(x), T)
    if any(arrays[name].shape != shape or arrays[f"end_{name}"].shape != shape[1:] for name in ("values", "duals")):
        raise ValueError("values or duals do not fit the labels")
    pairs = [(arrays["end_values"][:, t : t + 1], arrays["end_duals"][:, t : t + 1]) for t in range(T)]
    pairs += list(zip(arrays["values"], arrays["duals"], strict=True))
    bounds = []
    for problem, (U, dual) in zip(_problems(instance), pairs, strict=True):
        convention = {"loss": problem["losses"], "weights": problem["weights"]}
        proof = certify_fit(connect_the_dots(x, U), x, problem["Y"], instance["lam"], dual=dual, **convention)
        bounds.append((proof.lower_bound, proof.objective))
    return np.array(bounds)


def _plain_interval(T: int, bounds: Array) -> tuple[float, float]:
    """Interval of the least value of 1 - min_t v(e_t) / v(a) over the weights a inside."""
    ends, inside = bounds[:T], bounds[T:]
    with np.errstate(divide="ignore", invalid="ignore"):  # a bound of 0 proves nothing
        lower, upper = 1 - ends[:, 1].min() / inside[:, 0].min(), 1 - ends[:, 0].min() / inside[:, 1].min()
    return float(lower) - _ROUNDING, float(upper) + _ROUNDING


def _least_losses(instance: Instance) -> Array:
    """P_t: half the squared deviations from the means of repeats; shape (T,)."""
    points, place = np.unique(instance["x"], return_inverse=True)
    means = np.stack([instance["Y"][place == i].mean(axis=0) for i in range(len(points))])
    least: Array = np.sum((instance["Y"] - means[place]) ** 2, axis=0) / 2
    return least


def _uncertainty_interval(instance: Instance, noise: Array, arrays: Mapping[str, NDArray[Any]]) -> tuple[float, float]:
    """Interval of (least objective without collapse) - (least objective of collapsed weights).

    Weights have collapsed to task t if a_u <= a_t / 1e6 for all other tasks u. The lower bound on their objective uses the
    least possible log s_u, L_u >= 0, L_t >= P_t and VV >= 0. Its minimum over a_t is at a_t = T / (2 P_t). The upper bound
    uses the losses of the fit.
    """
    losses, cost = arrays["losses"], instance["lam"] * float(arrays["vv_norm"][0])
    T = len(noise)
    if not (noise.min() > 0 and losses.max() < _COLLAPSED * losses.min()):
        return -np.inf, np.inf
    logarithms = (T - 1) / 2 * math.log(_COLLAPSED)  # of the s_u of the other tasks, relative to s_t
    at_most = np.sum(1 + np.log(losses)) / 2 + cost
    at_least = np.sum(1 + np.log(noise)) / 2
    others = losses + (losses.sum() - losses) / _COLLAPSED
    collapsed_at_most = np.min(T / 2 + T / 2 * np.log(others / T)) + logarithms + cost
    collapsed_at_least = np.min(T / 2 + T / 2 * np.log(noise / T)) + logarithms
    return float(at_least - collapsed_at_most) - _ROUNDING, float(at_most - collapsed_at_least) + _ROUNDING


def recheck(instance: Instance, result: Result) -> list[str]:
    """Certify all fits again by the verifier alone; under uncertainty weighting, add up losses and costs again."""
    arrays, T = result.certificate, instance["Y"].shape[1]
    if instance["objective"] == "uncertainty":
        return _uncertainty_complaints(instance, result)
    bounds = _bounds(instance, arrays)
    complaints = interval_complaints(result, *_plain_interval(T, bounds), _ROUNDING)
    if arrays["bounds"].shape != bounds.shape or not np.allclose(arrays["bounds"], bounds, rtol=_ROUNDING, atol=0):
        complaints.append("the bounds do not follow from values and duals")
    duals = [arrays["end_duals"][:, t : t + 1] for t in range(T)] + list(arrays["duals"])
    for problem, dual in zip(_problems(instance), duals, strict=True):
        complaints += domain_complaints(problem, dual)
    return complaints


def _uncertainty_complaints(instance: Instance, result: Result) -> list[str]:
    arrays, complaints = result.certificate, []
    points = sorted(set(instance["x"].tolist()))
    groups = [instance["Y"][instance["x"] == point].T.tolist() for point in points]
    U, T = arrays["values"], instance["Y"].shape[1]
    if U.shape != (len(points), T):
        return [f"values have shape {U.shape}"]
    losses, noise = np.zeros(T), np.zeros(T)
    for t in range(T):
        labels = [group[t] for group in groups]
        losses[t] = math.fsum((u - y) ** 2 for u, ys in zip(U[:, t].tolist(), labels, strict=True) for y in ys) / 2
        noise[t] = math.fsum((y - math.fsum(ys) / len(ys)) ** 2 for ys in labels for y in ys) / 2
    cost = np.array([total_curvature(np.array(points), U)])
    for name, values in (("losses", losses), ("vv_norm", cost)):
        if arrays[name].shape != values.shape or not np.allclose(arrays[name], values, rtol=1e-9, atol=0):
            complaints.append(f"{name} does not match the values")
    exact = {"losses": losses, "vv_norm": cost}
    return complaints + interval_complaints(result, *_uncertainty_interval(instance, noise, exact), 1e-9)


def _examples() -> dict[str, Instance]:
    """Real data with two outputs or more, standardised, at lam = lam_max / 20."""
    instances: dict[str, Instance] = {}
    for name, data in real_instances(lambda T: T > 1).items():
        Y, rng = (data["Y"] - data["Y"].mean(axis=0)) / data["Y"].std(axis=0), np.random.default_rng(0)
        T = Y.shape[1]
        instance = {"x": data["x"], "Y": Y, "weights": np.ones_like(Y), "losses": ("squared",) * T}
        instances[name] = {**instance, "lam": lam_max(instance) / 20, "shares": _shares(T, rng), "objective": "plain"}
    return instances


CLAIM = Claim(
    id="learned_weight_collapses",
    statement=(
        "If the weights a_t of the tasks are minimised over together with the network in sum_t a_t L_t + lam VV, one task "
        "gets all the weight."
    ),
    formula=(
        r"\min_{a \in \Delta} \min_f \sum_t a_t L_t(f) + \lambda \mathrm{VV}(f) = \min_t \min_f L_t(f) + "
        r"\lambda \mathrm{VV}(f)"
    ),
    source="well known; the certified form is new",
    kind="bound",
    quantity=(
        "1 - (least value over collapsed weights) / (least value at weights inside); under uncertainty weighting the "
        "difference of the two logarithmic objectives"
    ),
    claimed=CLAIMED,
    hypotheses={"plain_objective": lambda instance: instance["objective"] == "plain"},
    draw=draw,
    violate={"plain_objective": draw_uncertainty},
    on_violation={
        "plain_objective": (Verdict.VIOLATED, "small weights cost log s_t, so that every collapse has a larger objective"),
    },
    check=check,
    recheck=recheck,
    examples=_examples,
    draws=60,
    quick_draws=10,
    not_exact="it compares fits under many weights and losses; exact proofs cover one fit under the squared loss",
    trusted={
        Rung.CERTIFIED: files("learned_weight_collapses", LINE_FIT, REGULARISED),
    },
)
