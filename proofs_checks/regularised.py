"""The best fit under a loss plus lam VV is connect-the-dots of its own values, which solve a finite convex problem.

Claim. For d = 1 let F(U) = sum over present labels of weight * loss(u_i, y_i) + lam sum_i ||delta_i(U)||, for values U with
one row per distinct input. If U satisfies the optimality conditions of min F, then connect-the-dots of U has the objective
F(U), and no network has a smaller one. With the squared loss the best network is the least-squares line of each output,
with VV norm 0, from a value lam_max on that follows from these lines.

Hypotheses. The losses are convex. Networks have a skip connection. Labels may be missing or weighted, losses may differ
from output to output, and inputs may repeat with different labels.

Source. Nakhleh, Shenouda and Nowak (arXiv 2410.21696) for interpolation; with a loss, new. Connect-the-dots of U has the
least VV norm among the networks with the values U, namely sum_i ||delta_i(U)||. The optimality conditions ask for
multipliers R_i in -weight_i * (subdifferential of loss(., y_i) at u_i) that are orthogonal to affine functions, to which no
neuron with |w| = 1 responds by more than lam, and with sum_i <R_i, u_i> = lam sum_i ||delta_i(U)||. Convex losses lie above
their tangents, so every network f' has sum_i loss(f'(x_i)) + lam VV(f') >= F(U) + lam VV(f') - sum_i <R_i, f'(x_i)> >=
F(U).

What breaks. With a loss that is not convex, networks still reduce to their values, but the optimality conditions also hold
at local minima. With the squared loss cut off at c^2 / 2 the fits of two groups of labels are local minima, and the fit of
the smaller group is worse. Without a skip connection F counts a steep trend as free, while neurons must provide it.

Certificate. `values` U, and the `dual` array R, which proves that no values (near U, if the loss is not convex) make F
smaller. If the loss is not convex, the values of a `better` network. Without a skip connection, the best `network`, and the
dual array `bound` of the networks without one.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.special import expit

from proofs_checks.support import pack, total_curvature, unpack
from proofs_checks.trust import LINE_FIT, files
from vvnorm.api.fits import fit
from vvnorm.claims import Claim, Instance, Result, Rung, Verdict, conclude, interval_complaints
from vvnorm.datasets import builtin_dataset
from vvnorm.float64 import as_rows
from vvnorm.losses import NAMES, as_loss, canonical_labels
from vvnorm.network import ReLUNetwork
from vvnorm.solvers.univariate.interpolation import connect_the_dots
from vvnorm.tolerances import GAP
from vvnorm.validation import Array
from vvnorm.verifier.check import certify_fit

CLAIMED = (-GAP, GAP)
CUT = "truncated:"
"""Name of the loss min((u - y)^2, c^2) / 2, before its c: the one loss here that is not convex."""

_SOLVED = 1e-8  # relative gap that the solver is asked for, far inside the claimed interval
_ROUNDING = 1e-12
_WORSE = 1e-9
_OUTSIDE = 1e-6  # a solver's dual array may be this far outside its domain
_MARGIN = 1e-6  # relative: residuals this close to the cut do not tell which labels are cut off


# --- instances --------------------------------------------------------------------------------------------------------


def draw(rng: np.random.Generator) -> Instance:
    """Draw squared losses at any scale and lam up to 3 lam_max, or mixed losses; weights, gaps, repeated inputs."""
    n, T = int(rng.integers(6, 30)), int(rng.integers(1, 4))
    x = rng.random(n)
    x = np.sort(x if rng.random() < 0.5 else x[rng.integers(0, n, n)])
    x[0], x[-1] = 0, 1
    weights = rng.uniform(0.2, 3, (n, T)) if rng.random() < 0.5 else np.ones((n, T))
    if rng.random() < 0.5:
        x_scale, y_scale = 10.0 ** rng.uniform(-4, 4, 2)
        Y, losses = with_gaps(y_scale * rng.standard_normal((n, T)), rng), ("squared",) * T
        data = {"x": x * x_scale, "Y": Y, "weights": weights, "losses": losses, "skip": True}
        return data | {"lam": lam_max(data) * 10.0 ** rng.uniform(-3, 0.5)}
    Y, losses = mixed_losses(n, T, rng)
    lam = 10.0 ** rng.uniform(-2, 0.5)
    return {"x": x, "Y": Y, "weights": weights, "losses": losses, "lam": lam, "skip": True}


def mixed_losses(n: int, T: int, rng: np.random.Generator) -> tuple[Array, tuple[str, ...]]:
    """Draw labels of T outputs, some of them missing, and a random convex loss for each output."""
    Y, losses = rng.standard_normal((n, T)), tuple(_random_loss(rng) for _ in range(T))
    for t, loss in enumerate(losses):
        if loss in ("logistic", "hinge"):
            Y[:, t] = _mixed_classes(n, rng)
    return with_gaps(Y, rng), losses


def _random_loss(rng: np.random.Generator) -> str:
    name = NAMES[int(rng.integers(len(NAMES)))]
    parameter = {"huber": rng.uniform(0.2, 1.5), "one_class": rng.uniform(0.1, 0.9)}.get(name)
    return name if parameter is None else f"{name}:{parameter!r}"


def _mixed_classes(n: int, rng: np.random.Generator) -> Array:
    """Draw classes 0 and 1 that no line separates: otherwise no network attains the least logistic loss."""
    classes = rng.integers(0, 2, n).astype(np.float64)
    classes[[0, 1, -1]] = 0, 1, 0
    return classes


def with_gaps(Y: Array, rng: np.random.Generator) -> Array:
    """Remove a fifth of the inner labels, in one case of two."""
    missing = rng.random(Y.shape) < (0.2 if rng.random() < 0.5 else 0.0)
    missing[:2] = missing[-2:] = False
    return np.where(missing, np.nan, Y)


def draw_truncated(rng: np.random.Generator) -> Instance:
    """Draw two groups of labels at two levels that are far apart in units of c; the upper group is the smaller one."""
    n, T = int(rng.integers(8, 16)), int(rng.integers(1, 3))
    x, c = np.cumsum(rng.uniform(0.2, 1, n)), float(rng.uniform(0.5, 2))
    upper = np.concatenate([[0], 1 + np.sort(rng.permutation(n - 2)[: n // 2]), [n - 1]])
    noise = 0.2 * c * rng.uniform(-1, 1, (n + len(upper), T))
    levels = np.concatenate([np.zeros(n), np.full(len(upper), 10 * c)])
    Y, order = noise + levels[:, None], np.argsort(np.concatenate([x, x[upper]]), kind="stable")
    instance = {"x": np.concatenate([x, x[upper]])[order], "Y": Y[order], "weights": np.ones_like(Y), "skip": True}
    return instance | {"lam": 0.1 * c, "losses": (f"{CUT}{c!r}",) * T}


def draw_without_skip(rng: np.random.Generator) -> Instance:
    """Draw squared losses and labels with a trend steeper than their total curvature."""
    n, T = int(rng.integers(5, 15)), int(rng.integers(1, 4))
    x = np.cumsum(rng.uniform(0.2, 1, n))
    Y = rng.standard_normal((n, T))
    steep = 3 * total_curvature(x, Y) + 3
    data = {"x": x, "Y": Y + steep * (x - x[0])[:, None], "weights": np.ones((n, T)), "losses": ("squared",) * T}
    return data | {"lam": float(rng.uniform(0.1, 1)), "skip": False}


def is_convex(instance: Instance) -> bool:
    """Whether every output has a convex loss."""
    return not any(loss.startswith(CUT) for loss in instance["losses"])


# --- losses and lines -------------------------------------------------------------------------------------------------


def losses_by_output(instance: Instance, fitted: Array) -> Array:
    """Weighted sum of losses of fitted values (N, T), for each output; shape (T,)."""
    columns = zip(instance["losses"], fitted.T, instance["Y"].T, instance["weights"].T, strict=True)
    return np.array([w @ np.nan_to_num(_loss(name, u, y)) for name, u, y, w in columns])


def _loss(name: str, u: Array, y: Array) -> Array:
    """Evaluate a loss by its formula, without the library's code; classes are 0 and 1. NaN where the label is missing."""
    kind, _, parameter = name.partition(":")
    if kind == "logistic":
        return np.logaddexp(0.0, u) - y * u
    if kind == "hinge":
        return np.maximum(0.0, 1 - (2 * y - 1) * u)
    if kind == "one_class":
        nu = float(parameter)
        return np.where(u < y, nu * (y - u), (1 - nu) * (u - y)) + 0 * y
    square = (u - y) ** 2 / 2
    if kind == "huber":
        delta = float(parameter)
        return np.where(np.abs(u - y) > delta, delta * (np.abs(u - y) - delta / 2), square)
    return np.minimum(square, cut_of(name) ** 2 / 2) if name.startswith(CUT) else square


def cut_of(name: str) -> float:
    """The c of a truncated loss."""
    return float(name.removeprefix(CUT))


def uncut_losses(instance: Instance) -> list[str]:
    """Names of the losses, without their cuts."""
    return ["squared" if name.startswith(CUT) else name for name in instance["losses"]]


def lines(instance: Instance) -> ReLUNetwork:
    """Return the weighted least-squares lines through the present labels, as a network without neurons."""
    x, w = instance["x"], np.where(np.isnan(instance["Y"]), 0.0, instance["weights"])
    centre, reach = x.mean(), np.ptp(x)
    design = np.column_stack([(x - centre) / reach, np.ones_like(x)])
    coefficients = np.array(
        [
            np.linalg.lstsq(design * np.sqrt(w[:, t : t + 1]), np.nan_to_num(y) * np.sqrt(w[:, t]), rcond=None)[0]
            for t, y in enumerate(instance["Y"].T)
        ]
    )
    A = coefficients[:, :1] / reach
    return ReLUNetwork(np.empty((0, 1)), np.empty(0), np.empty((len(A), 0)), A, coefficients[:, 1] - A[:, 0] * centre)


def negative_gradient(instance: Instance, network: ReLUNetwork) -> Array:
    """Minus the derivative of smooth losses by the network's values, 0 where a label is missing; shape (N, T)."""
    fitted, gradients = network(instance["x"]), []
    for t, name in enumerate(uncut_losses(instance)):
        loss = as_loss(name)
        u, y = fitted[:, t], canonical_labels(instance["Y"][:, t : t + 1], [loss])[:, 0]
        if name == "logistic":
            gradients.append(y - expit(u))
        else:
            bound = loss.parameter if loss.name == "huber" else np.inf
            gradients.append(np.clip(y - u, -bound, bound))
    return np.nan_to_num(instance["weights"] * np.stack(gradients, axis=1))


def domain_complaints(instance: Instance, dual: Array) -> list[str]:
    """Name outputs whose dual array leaves the domain of the loss: the verifier would silently move it back."""
    complaints = []
    for t, name in enumerate(uncut_losses(instance)):
        loss = as_loss(name)
        if loss.name == "squared":
            continue
        y, w = canonical_labels(instance["Y"][:, t : t + 1], [loss])[:, 0], instance["weights"][:, t]
        low, high = {
            "huber": (-loss.parameter, loss.parameter),
            "one_class": (loss.parameter - 1, loss.parameter),
            "logistic": (y - 1, y),
            "hinge": (np.minimum(y, 0), np.maximum(y, 0)),
        }[loss.name]
        width = np.where(np.isnan(y), 0.0, _OUTSIDE * w)
        if not np.all((dual[:, t] >= np.nan_to_num(w * low) - width) & (dual[:, t] <= np.nan_to_num(w * high) + width)):
            complaints.append(f"the dual of output {t} leaves the domain of its loss")
    return complaints


def lam_max(instance: Instance) -> float:
    """Least lam at which lines are optimal (squared loss): the largest response of a neuron to their residuals."""
    x = instance["x"]
    hidden = np.maximum(x[:, None] - np.unique(x)[1:-1], 0.0)
    return float(np.linalg.norm(hidden.T @ negative_gradient(instance, lines(instance)), axis=1).max(initial=0.0))


# --- checking ---------------------------------------------------------------------------------------------------------


def check(instance: Instance) -> Result:
    """Solve, and bound the optima of the finite problem and of all networks from both sides."""
    points = np.unique(instance["x"])
    if is_convex(instance):
        network, dual, provenance = _optimum(instance)
        certificate = {"values": network(points), "dual": dual}
    else:
        minima = _local_minima(instance)
        (better, *_), (worse, dual, provenance) = sorted(minima, key=lambda minimum: _objective(instance, minimum[0]))
        certificate = {"values": worse(points), "dual": dual, "better": better(points)}
    if not instance["skip"]:
        best, bound, _ = solve(instance)
        certificate |= {**pack("network", best), "bound": bound}
    return conclude(CLAIMED, *_interval(instance, certificate), certificate, **provenance)


FittedNetwork = tuple[ReLUNetwork, Array, Mapping[str, Any]]
"""A network, its dual array and the provenance of both."""


def _optimum(instance: Instance) -> FittedNetwork:
    """The best network with a skip connection, and its dual array: from lam_max on least-squares lines."""
    if set(instance["losses"]) == {"squared"} and instance["lam"] >= lam_max(instance):
        network = lines(instance)
        return network, negative_gradient(instance, network), {"method": "least-squares lines"}
    return solve({**instance, "skip": True})


def solve(instance: Instance) -> FittedNetwork:
    """Fit with the losses without cuts. If the certificate has no dual array, it is minus the gradient of the loss."""
    losses, weights = uncut_losses(instance), instance["weights"]
    solution = fit(
        instance["x"], instance["Y"], instance["lam"], loss=losses, weights=weights, skip=instance["skip"], tol=_SOLVED
    )
    dual = solution.certificate.dual
    return (
        solution.network,
        negative_gradient(instance, solution.network) if dual is None else as_rows(dual),
        solution.provenance,
    )


def _local_minima(instance: Instance) -> list[FittedNetwork]:
    """Find local minima under truncated losses: fits of the labels in the lower and in the upper half of their range.

    Labels that a fit cuts off are left out of the next fit, until the set of labels does not change any more.
    """
    Y = instance["Y"]
    upper = np.nanmin(Y, axis=0) + np.nanmax(Y, axis=0) < 2 * Y
    minima = []
    for kept in (~upper, upper):
        for _ in range(100):
            result = solve({**instance, "Y": np.where(kept, Y, np.nan)})
            before, kept = kept, ~_cut_off(instance, result[0](instance["x"]))
            if np.array_equal(before & ~np.isnan(Y), kept & ~np.isnan(Y)):
                break
        minima.append(result)
    return minima


def _cut_off(instance: Instance, fitted: Array, margin: float = 0.0) -> Any:
    """Which labels lie beyond the cut (1 + margin) of their loss; shape (N, T)."""
    cuts = np.array([cut_of(name) if name.startswith(CUT) else np.inf for name in instance["losses"]])
    return np.abs(fitted - instance["Y"]) > cuts * (1 + margin)


def _objective(instance: Instance, network: ReLUNetwork) -> float:
    return float(losses_by_output(instance, network(instance["x"])).sum()) + instance["lam"] * network.vv_norm


def _interval(instance: Instance, arrays: Mapping[str, Any]) -> tuple[float, float]:
    """Interval of (least of F, near U if F is not convex, minus least objective of any network) / F(U).

    Under a truncated loss F is, near U, the convex F of the labels that are not cut off plus a constant.
    """
    x, Y, lam, skip = (instance[name] for name in ("x", "Y", "lam", "skip"))
    points, place = np.unique(x, return_inverse=True)
    U, losses, weights = arrays["values"], uncut_losses(instance), instance["weights"]
    if U.shape != (len(points), Y.shape[1]):
        raise ValueError(f"values have shape {U.shape}")
    at_most = float(losses_by_output(instance, U[place]).sum()) + lam * total_curvature(points, U)
    cut = _cut_off(instance, U[place])
    constant = float(losses_by_output({**instance, "weights": weights * cut}, U[place]).sum())
    labels = np.where(cut, np.nan, Y)
    own = connect_the_dots(points, U)
    near = certify_fit(own, x, labels, lam, loss=losses, weights=weights, dual=arrays["dual"])
    if not is_convex(instance):
        best_bound, best_objective = 0.0, _objective(instance, connect_the_dots(points, arrays["better"]))
    elif skip:
        best_bound, best_objective = near.lower_bound, near.objective
    else:
        best = unpack("network", arrays)
        again = certify_fit(best, x, Y, lam, loss=losses, weights=weights, skip=False, dual=arrays["bound"])
        best_bound, best_objective = again.lower_bound, again.objective
    lower, upper = near.lower_bound + constant - best_objective, at_most - best_bound
    return lower / at_most - _ROUNDING, upper / at_most + _ROUNDING


def recheck(instance: Instance, result: Result) -> list[str]:
    """Certify values, network and dual arrays again, by the verifier alone."""
    arrays = result.certificate
    if not instance["skip"] and np.any(arrays["network.A"]):
        return ["the network has a skip connection"]
    lower, upper = _interval(instance, arrays)
    fitted = arrays["values"][np.unique(instance["x"], return_inverse=True)[1]]
    if np.any(_cut_off(instance, fitted, -_MARGIN) != _cut_off(instance, fitted, _MARGIN)):
        return ["a residual lies at the cut of its loss, so nothing is proved about values nearby"]
    complaints = domain_complaints(instance, arrays["dual"]) + interval_complaints(result, lower, upper, _ROUNDING)
    return complaints + _worse_complaints(instance, arrays)


def _worse_complaints(instance: Instance, arrays: Mapping[str, Any]) -> list[str]:
    """Certify a function far from these values, and compare its objective, gap and losses with their formulas."""
    points, place = np.unique(instance["x"], return_inverse=True)
    U = arrays["values"] + np.ptp(arrays["values"], axis=0) + 1
    losses, weights = uncut_losses(instance), instance["weights"]
    worse = certify_fit(
        connect_the_dots(points, U), instance["x"], instance["Y"], instance["lam"], loss=losses, weights=weights,
        dual=arrays["dual"],
    )  # fmt: skip
    uncut = {**instance, "losses": tuple(losses)}
    loss = float(losses_by_output(uncut, U[place]).sum())
    objective = loss + instance["lam"] * total_curvature(points, U)
    kinds = [as_loss(name) for name in losses]
    columns = zip(kinds, U[place].T, canonical_labels(instance["Y"], kinds).T, weights.T, strict=True)
    evaluated = sum(float(w @ kind.value(u, y)) for kind, u, y, w in columns)
    expected = (
        ("objective", worse.objective, objective),
        ("gap", worse.gap, 1 - worse.lower_bound / objective),
        ("loss by vvnorm.losses", evaluated, loss),
    )
    return [
        f"the {name} of a worse function is {said!r}, and should be {right!r}"
        for name, said, right in expected
        if not abs(said - right) <= _WORSE * abs(right)
    ]


def _examples() -> dict[str, Instance]:
    """Real data with their repeated inputs as they are: 442 patients, and 20 people with a loss of each kind."""
    instances = {}
    for label, name in (("diabetes (bmi to progression)", "diabetes"), ("diabetes by age", "diabetes_age")):
        data = builtin_dataset(name)
        order = np.argsort(data.X[:, 0], kind="stable")
        Y = data.Y[order]
        instances[label] = {"x": data.X[order, 0], "Y": Y, "weights": np.ones_like(Y), "losses": ("squared",), "skip": True}
        instances[label]["lam"] = 0.05 * lam_max(instances[label])
    data = builtin_dataset("linnerud")
    order = np.argsort(data.X[:, 0], kind="stable")
    Y = ((data.Y - data.Y.mean(axis=0)) / data.Y.std(axis=0))[order]
    losses = ("squared", "huber:0.5", "logistic")
    Y[:, 2] = Y[:, 2] > 0
    people = {"x": data.X[order, 0], "Y": Y, "weights": np.ones_like(Y), "losses": losses, "lam": 0.3, "skip": True}
    return instances | {"linnerud (sit-ups to weight, waist, and whether the pulse is high)": people}


CLAIM = Claim(
    id="regularised",
    statement=(
        "For one input and convex losses, the network that minimises the losses plus lam VV is connect-the-dots of its own "
        "values, which solve a finite convex problem."
    ),
    formula=(
        r"\min_f \sum_i \ell(f(x_i), y_i) + \lambda \mathrm{VV}(f) = \min_{z_1, \dots, z_N} \sum_i \ell(z_i, "
        r"y_i) + \lambda \sum_{i=2}^{N-1} \lVert \delta_i(z) \rVert"
    ),
    source="Nakhleh, Shenouda and Nowak (arXiv 2410.21696) for interpolation; with a loss, new",
    kind="equality",
    quantity="(least of the finite problem - least objective of any network) / least of the finite problem",
    claimed=CLAIMED,
    hypotheses={"convex_loss": is_convex, "skip_connection": lambda instance: bool(instance["skip"])},
    draw=draw,
    violate={"convex_loss": draw_truncated, "skip_connection": draw_without_skip},
    on_violation={
        "convex_loss": (
            Verdict.VIOLATED,
            "the optimality conditions hold at a local minimum, and a better network is shown",
        ),
        "skip_connection": (Verdict.VIOLATED, "the finite problem counts the trend as free, while neurons must provide it"),
    },
    check=check,
    recheck=recheck,
    examples=_examples,
    draws=100,
    quick_draws=15,
    not_exact="exact proofs of fits are for the squared loss, full labels and no weights (`vvnorm solve --lam L --exact`)",
    trusted={
        Rung.CERTIFIED: files("regularised", LINE_FIT),
    },
)
