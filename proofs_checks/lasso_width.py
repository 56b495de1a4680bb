"""A multi-task lasso has a solution with at most as many active neurons as the product of two ranks.

Claim. Given features Phi (N, K) and targets Y (N, T), minimise ||Phi V' - Y||^2 / 2 + lam sum_k ||v_k|| over V (T, K). Some
solution has at most rank(Phi) rank(Y) columns v_k other than 0.

Hypothesis. The penalty is the sum of norms. The alternative here is half the sum of squared norms.

Source. Shenouda, Parhi, Lee and Nowak (arXiv 2305.16534): the bound on the width of a layer, whose input features are Phi,
and whose outputs Y are kept. At a solution v_k = t_k u_k, with u_k = (Y - Phi V')'phi_k / lam, and the fit Phi V' is the
same for all solutions. So solutions are the t >= 0 with sum_k t_k phi_k u_k' = Phi V', and their sum is the same. The fit
lies in a space of dimension rank(Phi) rank(Y). A vertex of these t has no more positive entries than that dimension.

What breaks. With squared norms the solution is unique, and it uses all neurons.

Certificate. `V` (T, K). The gap is that of the dual point Y - Phi V', scaled until no ||Z'phi_k|| exceeds lam. The lower
end counts the fewest neurons of a solution. For at most 11 neurons, as in the source's exhaustive search, the recheck goes
through all smaller sets of neurons: with `directions` (T, K) from the dual point, none of them yields the fit. Otherwise
the lower end is 1 neuron. With squared norms the optimality condition is linear, and all neurons count.
"""

from itertools import combinations
from typing import Any

import numpy as np
from scipy.optimize import linprog, nnls

from proofs_checks.support import exact_rank
from proofs_checks.trust import files
from vvnorm.claims import Claim, Instance, Result, Rung, Verdict, conclude, interval_complaints
from vvnorm.network import row_norms
from vvnorm.tolerances import GAP
from vvnorm.validation import Array

CLAIMED = (0.0, 1.0)
NORMS, SQUARES = "norms", "squares"

_FEW = 11  # neurons up to which all sets are tried, as in the source
_LIVE = 1e-6  # a neuron is in use if ||v_k|| is more than this part of the largest
_BELOW = 1e-3  # ||Z'phi_k|| may be below lam by this part of it for a neuron that may be active
_MISFIT = 1e-5  # relative distance to the fit above which a set of neurons does not yield it


# --- instances --------------------------------------------------------------------------------------------------------


def draw(rng: np.random.Generator) -> Instance:
    """Draw 3 points, 2 outputs and 7 to 11 neurons; or 5 to 12 points, 2 to 4 outputs, 20 to 60 neurons and low ranks."""
    if rng.random() < 0.5:
        return _problem(rng, 3, int(rng.integers(7, 12)), 2, 3)
    n = int(rng.integers(5, 13))
    return _problem(rng, n, int(rng.integers(20, 61)), int(rng.integers(2, 5)), int(rng.integers(2, 5)))


def _problem(rng: np.random.Generator, n: int, neurons: int, outputs: int, rank: int) -> dict[str, Any]:
    features, targets = random_features(rng, n, neurons, outputs, rank)
    lam = rng.uniform(0.02, 0.3) * float(row_norms(features.T @ targets).max())
    return {"features": features, "targets": targets, "lam": lam, "penalty": NORMS}


def random_features(rng: np.random.Generator, n: int, neurons: int, outputs: int, rank: int) -> tuple[Array, Array]:
    """Draw features of this rank and targets, by products of matrices of small integers, so that ranks are exact."""
    thin = rng.integers(-9, 10, (n, min(n, rank))).astype(np.float64)
    features = thin @ rng.integers(-9, 10, (thin.shape[1], neurons)).astype(np.float64)
    return features, rng.integers(-9, 10, (n, outputs)).astype(np.float64)


def draw_squares(rng: np.random.Generator) -> Instance:
    """Draw 3 points, 2 outputs and 7 to 11 neurons with squared norms; rank 1, so that the bound is 2."""
    return {**_problem(rng, 3, int(rng.integers(7, 12)), 2, 1), "penalty": SQUARES}


# --- checking ---------------------------------------------------------------------------------------------------------


def check(instance: Instance) -> Result:
    """Solve, move to a vertex of the solutions, and count its neurons."""
    features, targets, lam = instance["features"], instance["targets"], instance["lam"]
    if instance["penalty"] == SQUARES:
        V = np.linalg.solve(features.T @ features + lam * np.eye(features.shape[1]), features.T @ targets).T
        certificate = {"V": V}
    else:
        V = vertex(features, targets, lam, solve_lasso(features, targets, lam))
        certificate = {"V": V, "directions": _directions(features, targets, lam, V)}
    return conclude(CLAIMED, *_interval(instance, certificate), certificate, method="coordinate descent, linear program")


def solve_lasso(features: Array, targets: Array, lam: float, tol: float = 1e-14) -> Array:
    """Solve the lasso by scikit-learn's coordinate descent, up to a gap of tol ||Y||^2; V (T, K)."""
    from sklearn.linear_model import MultiTaskLasso

    model = MultiTaskLasso(alpha=lam / len(features), fit_intercept=False, tol=tol, max_iter=200_000)
    V: Array = model.fit(features, targets).coef_
    return V


def vertex(features: Array, targets: Array, lam: float, V: Array) -> Array:
    """Move to a solution with the same fit of which no neuron can be left out, by a linear program in the t_k."""
    u = _directions(features, targets, lam, V)
    candidates = np.flatnonzero(np.linalg.norm(u, axis=0) > 1 - _BELOW)
    columns, fit = _columns(features, u, candidates), (features @ V.T).ravel()
    basis = np.linalg.svd(columns, full_matrices=False)
    kept = basis[0][:, basis[1] > 1e-10 * basis[1][0]]
    solution = linprog(np.ones(len(candidates)), A_eq=kept.T @ columns, b_eq=kept.T @ fit, method="highs-ds")
    if solution.x is None:
        return V
    moved = np.zeros_like(V)
    moved[:, candidates] = u[:, candidates] * solution.x
    return moved


def _directions(features: Array, targets: Array, lam: float, V: Array) -> Array:
    u: Array = (targets - features @ V.T).T @ features / lam
    return u


def _columns(features: Array, directions: Array, neurons: Any) -> Array:
    """phi_k u_k' of some neurons as columns, (N T, M)."""
    columns: Array = np.stack([np.outer(features[:, k], directions[:, k]).ravel() for k in neurons], axis=1)
    return columns


def lasso_gap(features: Array, targets: Array, lam: float, V: Array) -> float:
    """Relative duality gap of V; the dual objective is (||Y||^2 - ||Y - Z||^2) / 2 for ||Z'phi_k|| <= lam."""
    residual = targets - features @ V.T
    Z = residual * min(1.0, lam / max(float(row_norms(features.T @ residual).max()), 1e-300))
    primal = float(np.sum(residual**2)) / 2 + lam * float(row_norms(V.T).sum())
    return (primal - float(np.sum(targets**2) - np.sum((targets - Z) ** 2)) / 2) / primal


def active(V: Array) -> int:
    """Return the number of neurons in use."""
    sizes = row_norms(V.T)
    return int(np.sum(sizes > _LIVE * sizes.max()))


def _interval(instance: Instance, arrays: Any) -> tuple[float, float]:
    """Interval of the fewest neurons of a solution over the bound."""
    features, targets, lam, V = instance["features"], instance["targets"], instance["lam"], arrays["V"]
    bound = exact_rank(features) * exact_rank(targets)
    if instance["penalty"] == SQUARES:
        slope = features.T @ (features @ V.T - targets) + lam * V.T
        solved = np.linalg.norm(slope) <= GAP * np.linalg.norm(features.T @ targets)
        return (active(V) / bound if solved else 0.0), (V.shape[1] if solved else np.inf) / bound
    upper = active(V) if lasso_gap(features, targets, lam, V) <= GAP else np.inf
    fewest = _fewest(features, V, arrays["directions"]) if features.shape[1] <= _FEW else 1
    return min(fewest, upper) / bound, upper / bound


def _fewest(features: Array, V: Array, directions: Array) -> int:
    """Fewest neurons whose t_k >= 0 yield the fit, by trying all sets."""
    fit = (features @ V.T).ravel()
    candidates = np.flatnonzero(np.linalg.norm(directions, axis=0) > 1 - _BELOW)
    for size in range(1, active(V)):
        for chosen in combinations(candidates.tolist(), size):
            if nnls(_columns(features, directions, chosen), fit)[1] <= _MISFIT * np.linalg.norm(fit):
                return size
    return active(V)


def recheck(instance: Instance, result: Result) -> list[str]:
    """Check shapes and directions, and compute gap and counts again."""
    features, targets, lam = instance["features"], instance["targets"], instance["lam"]
    V = result.certificate["V"]
    if V.shape != (targets.shape[1], features.shape[1]):
        return [f"V has shape {V.shape}"]
    if instance["penalty"] == NORMS:
        expected = _directions(features, targets, lam, V)
        given = result.certificate["directions"]
        if given.shape != expected.shape or np.max(np.abs(given - expected)) > GAP:
            return ["the directions are not those of the residual"]
    return interval_complaints(result, *_interval(instance, result.certificate), 0.0)


CLAIM = Claim(
    id="lasso_width",
    statement="A multi-task lasso has a solution with at most rank(Phi) rank(Y) active neurons.",
    formula=r"K \le \operatorname{rank}(\Phi) \operatorname{rank}(Y)",
    source="Shenouda, Parhi, Lee and Nowak (arXiv 2305.16534), the bound on the width of a layer",
    kind="existence",
    quantity="fewest active neurons of a solution over rank(Phi) rank(Y)",
    claimed=CLAIMED,
    hypotheses={"sum_of_norms": lambda instance: instance["penalty"] == NORMS},
    draw=draw,
    violate={"sum_of_norms": draw_squares},
    on_violation={"sum_of_norms": (Verdict.VIOLATED, "the only minimiser with squared norms uses all neurons")},
    check=check,
    recheck=recheck,
    draws=40,
    quick_draws=8,
    not_exact="the fit of a lasso is irrational in general; gaps and counts are in floating point, ranks are exact",
    trusted={Rung.CERTIFIED: files("lasso_width", ("vvnorm/network.py",))},
)
