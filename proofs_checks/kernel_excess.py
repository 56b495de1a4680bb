"""The kernel solution of one task is nearly optimal for it in the network of all tasks, with a bound for finitely many.

Claim. Fix the neurons of a fit of T tasks, ||w_k|| = 1, and all output weights but those of task s. With b_k = ||v_{k,-s}||
task s alone minimises J(a) = sum_i (g(x_i) - y_is)^2 / 2 + lam sum_k sqrt(a_k^2 + b_k^2), where g has the output weights a.
Let a* minimise J, and let a' minimise the quadratic model H, in which sqrt(a_k^2 + b_k^2) is b_k + a_k^2 / (2 b_k). This is
kernel ridge regression on the learned features. Then 0 <= J(a') - J(a*) <= lam sum_k (a*_k)^4 / (8 b_k^3). The tested
quantity is the excess over this bound.

Hypotheses. Some other task has labels that are not all 0, so that other tasks share the neurons. The weights of the
quadratic model are those of the learned neurons, 1 / b_k.

Source. Nakhleh, Shenouda and Nowak (arXiv 2410.21696), Theorem 4.1: the excess tends to 0 with T. The bound for finite T is
new. It follows from b + a^2/(2b) - a^4/(8b^3) <= sqrt(a^2 + b^2) <= b + a^2/(2b), since then J(a') <= H(a') <= H(a*) and
H(a*) <= J(a*) + lam sum_k (a*_k)^4 / (8 b_k^3).

What breaks. Without other tasks no neuron is shared. Then the quadratic model forbids all neurons, and the bound is 0. With
equal weights in place of 1 / b_k the model changes, and with 48 tasks its excess is above the bound.

Certificate. The `network` of all tasks with the `dual` array of its fit; the weights of task s, `own`, that minimise J, and
the weights `kernel` that minimise H, each with its free part. Duality proves both minima.
"""

import math
from collections.abc import Mapping, Sequence
from decimal import Decimal, getcontext, localcontext
from typing import Any, NamedTuple

import numpy as np

from proofs_checks.support import pack, planar_instances, unpack
from proofs_checks.trust import SPACE_FIT, files
from vvnorm.analysis.feature_kernels import kernel_solution
from vvnorm.api.fits import fit, lambda_max
from vvnorm.claims import Claim, Instance, Result, Rung, Verdict, conclude, interval_complaints
from vvnorm.network import ReLUNetwork, row_norms
from vvnorm.tolerances import EPS, GAP
from vvnorm.validation import Array
from vvnorm.verifier.check import certify_fit

CLAIMED = (0.0, 1.0)

_SOLVED = 1e-8  # relative gap that the solver is asked for
_MINIMAL = 1e-10  # of the objective: gap of the minimisers of J and H
_FITTED = 1e-5  # of the objective: how far the network's weights, of a fit with a gap, may be from the minimum of J
_AGREES = 1e-5  # of the quantity: difference between double precision and 50 digits
_NEWTON_STEPS = 60
_DIGITS = 50
_ATTEMPTS = 20


class TaskProblem(NamedTuple):
    """The problem of one task: features (N, K), free columns (N, q), labels (N,), weights b and m (K,), lam.

    J has sqrt(a_k^2 + b_k^2), and H has b_k + a_k^2 / (2 m_k); m = b if the weights are those of the learned neurons.
    """

    features: Array
    free: Array
    labels: Array
    others: Array
    model: Array
    lam: float


def draw(rng: np.random.Generator) -> Instance:
    """Draw 8 to 14 Gaussian points in the plane, 2 to 32 Gaussian tasks, lam, and whether there is a skip connection."""
    return _drawn(rng, tasks=int(2 ** rng.integers(1, 6)))


def _drawn(rng: np.random.Generator, tasks: int) -> dict[str, Any]:
    n = int(rng.integers(8, 15))
    X, Y, skip = rng.standard_normal((n, 2)), rng.standard_normal((n, tasks)), bool(rng.integers(2))
    lam = float(rng.uniform(0.02, 0.2) * lambda_max(X, Y, skip=skip))
    return {"X": X, "Y": Y, "lam": lam, "skip": skip, "model": "learned"}


def draw_alone(rng: np.random.Generator) -> Instance:
    """Draw one task beside others whose labels are 0."""
    instance = _drawn(rng, tasks=3)
    return {**instance, "Y": instance["Y"] * np.array([1.0, 0.0, 0.0])}


def draw_equal(rng: np.random.Generator) -> Instance:
    """Draw 48 tasks, and equal weights of the quadratic model for which the excess is above the bound."""
    for _ in range(_ATTEMPTS):
        instance = {**_drawn(rng, tasks=48), "model": "equal"}
        if check(instance).lower > CLAIMED[1]:
            return instance
    raise RuntimeError(f"equal weights never exceed the bound in {_ATTEMPTS} draws")


# --- checking ---------------------------------------------------------------------------------------------------------


def check(instance: Instance) -> Result:
    """Fit all tasks, solve the first task's problem and its quadratic model, and compare the excess with the bound."""
    X, Y, lam, skip = (instance[name] for name in ("X", "Y", "lam", "skip"))
    solution = fit(X, Y, lam, skip=skip, tol=_SOLVED)
    network, dual = normalised(solution.network), solution.dual
    problem = task_problem(network, X, Y[:, 0], lam, skip=skip, equal=instance["model"] == "equal")
    own = minimise_alone(problem, network.V[0])
    kernel = minimise_model(problem, network, X, skip=skip)
    parts = {"own": own, "own_free": free_part(problem, own), "kernel": kernel, "kernel_free": free_part(problem, kernel)}
    certificate = pack("network", network) | {"dual": dual} | parts
    return conclude(CLAIMED, *_interval(problem, certificate), certificate, **solution.provenance)


def normalised(network: ReLUNetwork) -> ReLUNetwork:
    """The same function with ||w_k|| = 1; neurons of w_k = 0 or v_k = 0 are left out."""
    size = row_norms(network.W)
    kept = (size > 0) & (row_norms(network.V.T) > 0)
    size = size[kept]
    return ReLUNetwork(
        network.W[kept] / size[:, None], network.b[kept] / size, network.V[:, kept] * size, network.A, network.c
    )


def task_problem(network: ReLUNetwork, X: Array, y: Array, lam: float, *, skip: bool, equal: bool = False) -> TaskProblem:
    """Return the problem of the first task, for a network with ||w_k|| = 1."""
    others = row_norms(network.V[1:].T)
    free = np.column_stack([np.ones(len(X)), X] if skip else [np.ones(len(X))])
    model = np.full_like(others, others.mean()) if equal and others.size else others
    return TaskProblem(np.maximum(X @ network.W.T + network.b, 0.0), free, y, others, model, lam)


def minimise_alone(problem: TaskProblem, start: Array) -> Array:
    """Minimise J by Newton's method from weights that are nearly optimal; neurons that no other task uses are kept."""
    rest = np.linalg.qr(problem.free, mode="complete")[0][:, problem.free.shape[1] :].T
    features, labels = rest @ problem.features, rest @ problem.labels
    a: Array = start
    for _ in range(_NEWTON_STEPS if np.all(problem.others > 0) else 0):
        length = np.hypot(a, problem.others)
        gradient = features.T @ (features @ a - labels) + problem.lam * a / length
        curvature = features.T @ features + np.diag(problem.lam * problem.others**2 / length**3)
        step = np.linalg.solve(curvature, gradient)
        slope, size, value = float(gradient @ step), 1.0, objective(problem, a)
        while objective(problem, a - size * step) > value - 0.25 * size * slope and size > EPS:
            size /= 2
        a = np.asarray(a - size * step, dtype=np.float64)
        if slope <= EPS**2 * value:
            break
    return a


def minimise_model(problem: TaskProblem, network: ReLUNetwork, X: Array, *, skip: bool) -> Array:
    """Minimise H: ridge regression on the features; neurons of weight 0 in the model get no output weight."""
    a: Array = np.zeros(len(problem.model))
    shared = problem.model > 0
    solved = kernel_solution(network, X, problem.labels, lam=problem.lam, skip=skip, weights=problem.model)
    a[shared] = solved.V[0]
    return a


def free_part(problem: TaskProblem, a: Array) -> Array:
    """Coefficients of the free columns that fit best beside the output weights a."""
    rest = problem.labels - problem.features @ a
    return np.asarray(np.linalg.lstsq(problem.free, rest, rcond=None)[0], dtype=np.float64)


def objective(problem: TaskProblem, a: Array) -> float:
    """J(a) at the best free part."""
    rest = problem.labels - problem.features @ a
    rest = rest - problem.free @ np.linalg.lstsq(problem.free, rest, rcond=None)[0]
    return float(rest @ rest / 2 + problem.lam * np.sum(np.hypot(a, problem.others)))


def excess_and_bound(problem: TaskProblem, own: Array, kernel: Array) -> tuple[float, float]:
    """J(kernel) - J(own), and the bound on it: lam sum_k own_k^4 / (8 b_k^3) over neurons that other tasks use."""
    residuals = [problem.features @ a + problem.free @ free_part(problem, a) - problem.labels for a in (kernel, own)]
    loss = (residuals[0] + residuals[1]) @ (residuals[0] - residuals[1]) / 2
    lengths = np.hypot(kernel, problem.others) + np.hypot(own, problem.others)
    # The difference of two square roots without cancellation; 0 where both are 0.
    change = np.divide((kernel - own) * (kernel + own), lengths, out=np.zeros_like(own), where=lengths > 0)
    shared = problem.others > 0
    bound = problem.lam * np.sum(own[shared] ** 4 / (8 * problem.others[shared] ** 3))
    return float(loss + problem.lam * np.sum(change)), float(bound)


def _interval(problem: TaskProblem, arrays: Mapping[str, Any]) -> tuple[float, float]:
    """Interval of the excess over the bound; infinite if the bound is 0 and the excess is not."""
    excess, bound = excess_and_bound(problem, arrays["own"], arrays["kernel"])
    slack = _MINIMAL * objective(problem, arrays["own"])
    if bound == 0:
        return (math.inf, math.inf) if excess > slack else (0.0, math.inf if problem.features.any() else 0.0)
    return max(excess - slack, 0.0) / bound, max(excess + slack, 0.0) / bound


# --- rechecking -------------------------------------------------------------------------------------------------------


def recheck(instance: Instance, result: Result) -> list[str]:
    """Certify the network again, and evaluate J, H, their dual bounds and the bound on the excess with 50 digits."""
    X, Y, lam, skip = (instance[name] for name in ("X", "Y", "lam", "skip"))
    arrays = result.certificate
    network = unpack("network", arrays)
    if not skip and np.any(network.A):
        return ["the network has a skip connection"]
    if not np.all(np.abs(row_norms(network.W) - 1) <= 4 * EPS):
        return ["an input weight does not have norm 1"]
    if not certify_fit(network, X, Y, lam, skip=skip, dual=arrays["dual"]).gap <= GAP:
        return ["the network is not certified"]
    problem = task_problem(network, X, Y[:, 0], lam, skip=skip, equal=instance["model"] == "equal")
    with localcontext() as context:
        context.prec = _DIGITS
        exact = ExactProblem(problem)
        complaints = exact.complaints(arrays, network.V[0])
        if complaints or not network.n_neurons:
            return complaints
        low, high = _interval(problem, arrays)
        value = exact.ratio(arrays)
    if not low <= value <= high:
        complaints.append(f"the interval does not contain {value!r}")
    return complaints + interval_complaints(result, low, high, _AGREES * max(1.0, min(abs(high), 1e300)))


class ExactProblem:
    """The problem of one task with its numbers as decimals of 50 digits."""

    def __init__(self, problem: TaskProblem) -> None:
        assert getcontext().prec == _DIGITS
        self.rows = [_decimals(row) for row in np.hstack([problem.features, problem.free])]
        self.labels, self.others, self.model = map(_decimals, (problem.labels, problem.others, problem.model))
        self.lam, self.neurons = Decimal(problem.lam), len(problem.others)

    def residual(self, a: Sequence[Decimal], free: Sequence[Decimal]) -> list[Decimal]:
        """y - g(x) at the points."""
        return [y - _dot(row, [*a, *free]) for y, row in zip(self.labels, self.rows, strict=True)]

    def alone(self, a: Sequence[Decimal], r: Sequence[Decimal]) -> Decimal:
        """J at weights a with residual r."""
        return _dot(r, r) / 2 + self.lam * sum((p * p + q * q).sqrt() for p, q in zip(a, self.others, strict=True))

    def responses(self, r: Sequence[Decimal]) -> list[Decimal]:
        """Inner products of the residual with all features and free columns."""
        return [_dot(column, r) for column in zip(*self.rows, strict=True)]

    def below_alone(self, r: Sequence[Decimal]) -> Decimal:
        """Lower bound on J from a dual point, scaled into its domain."""
        products = self.responses(r)[: self.neurons]
        factor = min([Decimal(1), *(self.lam / abs(z) for z in products if z)])
        scaled = [factor * value for value in r]
        rest = [max(1 - (factor * z / self.lam) ** 2, Decimal(0)).sqrt() for z in products]
        return _dot(scaled, self.labels) - _dot(scaled, scaled) / 2 + self.lam * _dot(self.others, rest)

    def gap_of_model(self, a: Sequence[Decimal], r: Sequence[Decimal]) -> Decimal:
        """H minus its dual bound; weights of neurons that the model forbids have to be 0."""
        if any(p for p, m in zip(a, self.model, strict=True) if not m):
            return Decimal("Infinity")
        pairs = zip(a, self.responses(r)[: self.neurons], self.model, strict=True)
        terms = [self.lam * p * p / (2 * m) + m * z * z / (2 * self.lam) for p, z, m in pairs if m]
        return _dot(r, r) - _dot(r, self.labels) + sum(terms, Decimal(0))

    def complaints(self, arrays: Mapping[str, Any], fitted: Array) -> list[str]:
        """What is wrong with the minimisers of J and H."""
        problems = []
        own, free, kernel, kernel_free = (_decimals(arrays[name]) for name in ("own", "own_free", "kernel", "kernel_free"))
        r, s = self.residual(own, free), self.residual(kernel, kernel_free)
        value, small = self.alone(own, r), Decimal(_MINIMAL)
        size = _dot(self.labels, self.labels) + value
        for name, rest in (("own", r), ("kernel", s)):
            if any(abs(z) > small * size for z in self.responses(rest)[self.neurons :]):
                problems.append(f"the free part beside {name!r} is not the best")
        if all(self.others) and not value - self.below_alone(r) <= small * value:
            problems.append("'own' does not minimise the task's objective")
        if not self.gap_of_model(kernel, s) <= small * value:
            problems.append("'kernel' does not minimise the quadratic model")
        weights = _decimals(fitted)
        if not abs(self.alone(weights, self.residual(weights, free)) - value) <= Decimal(_FITTED) * size:
            problems.append("'own' is far from the network's weights")
        return problems

    def ratio(self, arrays: Mapping[str, Any]) -> float:
        """The excess over the bound; infinite if the bound is 0."""
        own, free, kernel, kernel_free = (_decimals(arrays[name]) for name in ("own", "own_free", "kernel", "kernel_free"))
        excess = self.alone(kernel, self.residual(kernel, kernel_free)) - self.alone(own, self.residual(own, free))
        bound = self.lam * sum(p**4 / (8 * q**3) for p, q in zip(own, self.others, strict=True) if q)
        return float(excess / bound) if bound else math.inf


def _decimals(values: Array) -> list[Decimal]:
    return [Decimal(value) for value in np.asarray(values).tolist()]


def _dot(u: Sequence[Decimal], v: Sequence[Decimal]) -> Decimal:
    return sum((p * q for p, q in zip(u, v, strict=True)), Decimal(0))


def _examples() -> dict[str, Instance]:
    """Real data: three exercises as tasks."""
    instances: dict[str, Instance] = {}
    for name, data in planar_instances().items():
        lam = 0.1 * float(lambda_max(data["X"], data["Y"]))
        instances[name] = {**data, "lam": lam, "skip": True, "model": "learned"}
    return instances


CLAIM = Claim(
    id="kernel_excess",
    statement=(
        "With the other tasks' weights fixed, the kernel ridge solution of a task exceeds the least of its objective by at "
        "most lam sum_k v_ks^4 / (8 ||v_{k,-s}||^3)."
    ),
    formula=(
        r"0 \le J(a') - J(a^*) \le \lambda \sum_k \frac{(a^*_k)^4}{8 \lVert v_{k,-s} \rVert^3}, \quad J(a) = \frac12 "
        r"\sum_i (g_a(x_i) - y_{is})^2 + \lambda \sum_k \sqrt{a_k^2 + \lVert v_{k,-s} \rVert^2}"
    ),
    source="Nakhleh, Shenouda and Nowak (arXiv 2410.21696), Theorem 4.1; the bound for finitely many tasks is new",
    kind="bound",
    quantity="(J(a') - J(a*)) / (lam sum_k (a*_k)^4 / (8 b_k^3))",
    claimed=CLAIMED,
    hypotheses={
        "other_tasks": lambda instance: bool(np.any(instance["Y"][:, 1:])),
        "learned_weights": lambda instance: instance["model"] == "learned",
    },
    draw=draw,
    violate={"other_tasks": draw_alone, "learned_weights": draw_equal},
    on_violation={
        "other_tasks": (Verdict.VIOLATED, "no neuron is shared, so the quadratic model forbids all, and the bound is 0"),
        "learned_weights": (Verdict.VIOLATED, "with equal weights the excess of the model is above the bound"),
    },
    check=check,
    recheck=recheck,
    examples=_examples,
    draws=60,
    quick_draws=10,
    not_exact="minimisers of sums of square roots are not rational; the recheck has 50 digits",
    trusted={Rung.CERTIFIED: files("kernel_excess", SPACE_FIT)},
)
