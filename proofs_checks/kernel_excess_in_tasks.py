"""The excess of the kernel solution falls with the number of tasks, and so do the two quantities that it rests on.

Claim. In fits of T exchangeable tasks, ||w_k|| = 1, measure for the first task s: the excess J(a') - J(a*) of the kernel
ridge solution in the task's own objective (claim `kernel_excess`); the largest |v_ks| / ||v_{k,-s}|| over neurons; and how
far ||v_{k,-s}|| depends on which task s is, as (largest - least) / mean over s, averaged over neurons by their cost. Each
falls as T grows from 4 to 64: the mean of m(64) / (m(4) + m(64)) over data sets is at most 0.3; without a change it is 1/2.
In a pilot the medians at T = 4, 16, 64 were 0.015, 7e-4, 2e-5 (excess), 1.4, 0.55, 0.24 (ratio) and 0.44, 0.15, 0.05.

Hypothesis. The tasks are exchangeable. What is tested is that their labels are of comparable size.

Source. Nakhleh, Shenouda and Nowak (arXiv 2410.21696), Theorem 4.1, which says that the excess tends to 0, and two
facts that it rests on: one task's weight of a neuron is small against all others' together, and leaving one task out hardly
changes that size. For independent tasks |v_ks| / ||v_{k,-s}|| is of the order of T^(-1/2), which gives a share of 1/5.

What breaks. A task whose labels are 300 times as large as the others' has larger weights than all others together.

Experiment. 8 data sets of 8 points in the plane, lam = 0.3, no skip connection, as in the source. The same points and first
labels are used for both T. The interval is the 99 % interval of the mean for the measure that falls least. Effect and
sample size were set after a pilot of 40 other data sets.

Certificate. Each network with the dual array of its fit.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import minimize

from proofs_checks.kernel_excess import (
    TaskProblem,
    excess_and_bound,
    minimise_alone,
    minimise_model,
    normalised,
    task_problem,
)
from proofs_checks.many_tasks import are_comparable, draw_many_tasks, with_dominant_task
from proofs_checks.support import ABOUT_AVERAGES, mean_interval, pack_all, unpack_all
from proofs_checks.trust import EXCESS, SPACE_FIT, STATISTICS, files
from vvnorm.api.fits import fit
from vvnorm.claims import Claim, Instance, Result, Rung, Verdict, conclude, interval_complaints
from vvnorm.network import ReLUNetwork, row_norms
from vvnorm.tolerances import EPS, GAP
from vvnorm.validation import Array
from vvnorm.verifier.check import certify_fit

CLAIMED = (-np.inf, 0.3)
TASKS = (4, 64)
SAMPLE = 8
LAM = 0.3

_POINTS = 8
_SOLVED = 1e-7  # relative gap that the solver is asked for
_ROUNDING = 1e-3  # of a share: what a quasi-Newton method leaves


class _NetworkAndInputs(NamedTuple):
    """A network with ||w_k|| = 1, and the inputs of its data."""

    network: ReLUNetwork
    X: Array


def draw(rng: np.random.Generator) -> Instance:
    """Draw data sets whose tasks are all alike."""
    return draw_many_tasks(rng, SAMPLE, _POINTS, max(TASKS))


def draw_dominant(rng: np.random.Generator) -> Instance:
    """Draw the same with much larger labels of the first task."""
    return with_dominant_task(draw(rng))


# --- checking ---------------------------------------------------------------------------------------------------------


def check(instance: Instance) -> Result:
    """Fit every data set with every number of tasks, and measure."""
    certificate: dict[str, Any] = {}
    for T in TASKS:
        solutions = [fit(X, Y[:, :T], LAM, skip=False, tol=_SOLVED) for X, Y in _data(instance)]
        certificate |= pack_all(f"tasks{T}", [normalised(solution.network) for solution in solutions])
        certificate[f"dual{T}"] = np.stack([solution.dual for solution in solutions])
    measures = _measures(instance, certificate, _excess)
    medians = np.median(measures, axis=1).tolist()
    interval = _interval(measures)
    return conclude(CLAIMED, *interval, certificate, statistical=True, **solutions[0].provenance, medians=medians)


def _data(instance: Instance) -> list[tuple[Array, Array]]:
    return list(zip(instance["X"], instance["Y"], strict=True))


def _measures(
    instance: Instance, arrays: Mapping[str, Any], excess: Callable[[TaskProblem, _NetworkAndInputs], float]
) -> Array:
    """Excess, ratio and spread, shape (numbers of tasks, sample, 3); infinite if a network is not certified."""
    measured = np.full((len(TASKS), len(instance["X"]), 3), np.inf)
    for i, T in enumerate(TASKS):
        networks, duals = unpack_all(f"tasks{T}", arrays), arrays[f"dual{T}"]
        for j, (network, (X, Y), dual) in enumerate(zip(networks, _data(instance), duals, strict=True)):
            if network.A.any() or not certify_fit(network, X, Y[:, :T], LAM, skip=False, dual=dual).gap <= GAP:
                return np.full_like(measured, np.inf)
            measured[i, j] = _measure(network, X, Y[:, 0], excess)
    return measured


def _measure(network: ReLUNetwork, X: Array, y: Array, excess: Callable[[TaskProblem, _NetworkAndInputs], float]) -> Array:
    problem = task_problem(network, X, y, LAM, skip=False)
    sizes = np.sqrt(np.sum(network.V**2, axis=0) - network.V**2)  # ||v_{k,-s}||, tasks s by neurons k
    spread = np.average(np.ptp(sizes, axis=0) / sizes.mean(axis=0), weights=row_norms(network.V.T))
    return np.array([excess(problem, _NetworkAndInputs(network, X)), np.max(np.abs(network.V[0]) / problem.others), spread])


def _excess(problem: TaskProblem, place: _NetworkAndInputs) -> float:
    own = minimise_alone(problem, place.network.V[0])
    return excess_and_bound(problem, own, minimise_model(problem, place.network, place.X, skip=False))[0]


def _excess_again(problem: TaskProblem, place: _NetworkAndInputs) -> float:
    """The same from a least-squares problem with penalty rows, a quasi-Newton method, and a difference of objectives."""
    penalty = np.diag(np.sqrt(problem.lam / problem.others))
    nothing = np.zeros((len(penalty), problem.free.shape[1]))
    rows = np.block([[problem.features, problem.free], [penalty, nothing]])
    right = np.append(problem.labels, np.zeros(len(penalty)))
    kernel = np.linalg.lstsq(rows, right, rcond=None)[0][: len(penalty)]

    def value_and_gradient(a: Array) -> tuple[float, Array]:
        residual = problem.features @ a - problem.labels
        residual = residual - residual.mean()  # the free part is a constant
        length = np.hypot(a, problem.others)
        value = residual @ residual / 2 + problem.lam * length.sum()
        return float(value), problem.features.T @ residual + problem.lam * a / length

    options = {"maxiter": 10000, "maxfun": 20000, "ftol": EPS, "gtol": 1e-9}
    least = minimize(value_and_gradient, place.network.V[0], jac=True, method="L-BFGS-B", options=options)
    return value_and_gradient(kernel)[0] - float(least.fun)


def _interval(measures: Array) -> tuple[float, float]:
    """Interval of the mean of m(64) / (m(4) + m(64)), the largest over the three measures."""
    if not np.all(np.isfinite(measures)):
        return -np.inf, np.inf
    few, many = measures
    shares = many / np.maximum(few + many, np.finfo(np.float64).tiny)
    lower, upper = np.max([mean_interval(column, SAMPLE) for column in shares.T], axis=0)
    return float(lower), float(upper)


def recheck(instance: Instance, result: Result) -> list[str]:
    """Certify every network again, and find the excess by other methods."""
    measures = _measures(instance, result.certificate, _excess_again)
    if not np.all(np.isfinite(measures)):
        return ["a network is not certified"]
    return interval_complaints(result, *_interval(measures), _ROUNDING)


CLAIM = Claim(
    id="kernel_excess_in_tasks",
    statement=(
        "As the number of exchangeable tasks grows from 4 to 64, the excess of a task's kernel ridge solution falls, "
        "and so do |v_ks| / ||v_{k,-s}|| and the dependence of ||v_{k,-s}|| on s."
    ),
    formula=r"J(a') - J(a^*) \to 0, \quad \max_k \frac{|v_{ks}|}{\lVert v_{k,-s} \rVert} \to 0 \quad (T \to \infty)",
    source="Nakhleh, Shenouda and Nowak (arXiv 2410.21696), Theorem 4.1",
    kind="statistical",
    quantity="mean over 8 data sets of m(64) / (m(4) + m(64)), for the measure m of the three that falls least",
    claimed=CLAIMED,
    hypotheses={"comparable_tasks": are_comparable},
    draw=draw,
    violate={"comparable_tasks": draw_dominant},
    on_violation={
        "comparable_tasks": (Verdict.NOT_SUPPORTED, "the large task has larger weights than all others together")
    },
    check=check,
    recheck=recheck,
    draws=3,
    quick_draws=1,
    not_exact=ABOUT_AVERAGES,
    trusted={Rung.STATISTICAL: files("kernel_excess_in_tasks", EXCESS, SPACE_FIT, STATISTICS)},
)
