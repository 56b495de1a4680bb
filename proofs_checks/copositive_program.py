"""Fits of one input and several outputs are a convex program over sign patterns, with completely positive matrices.

Claim. Let Phi have the rows (x_i, 1), and let the vectors w with one pattern of active points, the diagonal D_p, lie in the
cone K_p. With the squared loss, the bias inside the norm and no skip connection, the least objective over all networks is
the least value of

    min  ||sum_p D_p Phi U_p + c - Y||^2 / 2 + lam sum_p (tr M_p + tr Z_p) / 2,   [[M_p, U_p], [U_p', Z_p]] >= 0,

where M_p is a sum of matrices u u' with u in K_p. If E_p has the edges of K_p as columns, this means M_p = E_p C_p E_p'
with a completely positive C_p. With one input there are two edges; a matrix of size 2 is completely positive if it is
positive semidefinite and has no negative entry. So the program is semidefinite here.

Hypotheses. All patterns are in the program. M_p is a sum of u u' with u in the cone of its pattern.

Source. Sahiner, Ergen, Pauly and Pilanci, "Vector-output ReLU neural network problems are copositive programs: convex
analysis of two layer networks and polynomial-time algorithms" (arXiv 2012.13329). The abstract and the introduction were
read; this form of the program is ours. A free constant is added, as this library's networks have one. With one output it
is the program of the claim `sign_patterns`.

Why. A neuron u v' with u in K_p is M = |v| / |u| u u', Z = |u| / |v| v v', of cost |u| |v|. Conversely let M = B B' with
columns in K_p. U has its columns in the range of B, so U = B R with R = B^+ U and R'R = U'M^+U <= Z. The neurons are the
columns of B with the rows of R as output weights; they cost at most (tr M + tr Z) / 2.

What breaks. With few patterns the program costs more. If M_p may be any positive semidefinite matrix, its part is the
nuclear norm of U_p. A neuron then need not be zero where its pattern says so, and the program costs less.

Certificate. The `network` of this library and its `dual` array; the neurons of the program, `inner` (P, 2, 2) and `outer`
(P, 2, T), two for each pattern. Each bounds the other, as in `sign_patterns`. The residual of the neurons bounds the
program from below: the largest response of a cone is that of an eigenvector or of an edge.
"""

import math
import warnings
from typing import Any

import numpy as np

from proofs_checks.gated_programs import number_of_patterns
from proofs_checks.support import evaluation_complaints, pack_evaluated, unpack
from proofs_checks.trust import GATED, SPACE_FIT, files
from vvnorm.api.fits import fit
from vvnorm.claims import Claim, Instance, Quick, Result, Rung, Verdict, conclude, interval_complaints
from vvnorm.tolerances import GAP
from vvnorm.validation import Array
from vvnorm.verifier.check import certify_fit

CLAIMED = (-GAP, GAP)
_SOLVED = GAP / 10  # relative gap that the library's solver is asked for
_PRECISION = 1e-9  # accuracy that the conic solver is asked for; bounds do not rely on it
_RANK = 1e-4  # a second neuron of a pattern that is shorter, relative to the first, is rounding of the conic solver


# --- instances --------------------------------------------------------------------------------------------------------


def draw(rng: np.random.Generator) -> Instance:
    """Draw 4 to 8 distinct points, two or three outputs, and a weight lam."""
    return _points(rng, int(rng.integers(4, 9)), int(rng.integers(2, 4)))


def draw_short(rng: np.random.Generator) -> Instance:
    """Draw 4 points and two outputs."""
    return _points(rng, 4, 2)


def draw_few_patterns(rng: np.random.Generator) -> Instance:
    """Draw points and a small lam; leave out all patterns but two: no point is active, and all are."""
    instance = _points(rng, 5, 2)
    patterns = instance["patterns"]
    return {**instance, "lam": instance["lam"] / 100, "patterns": patterns[np.ptp(patterns, axis=1) == 0]}


def draw_without_cones(rng: np.random.Generator) -> Instance:
    """Draw points, with gated neurons."""
    return {**_points(rng, 5, 2), "cones": False}


def _points(rng: np.random.Generator, n: int, T: int) -> dict[str, Any]:
    """Inputs that are multiples of 1/64, so that signs at edges are exact."""
    x = np.sort(rng.choice(257, n, replace=False) - 128.0) / 64
    Y = rng.standard_normal((n, T))
    instance = {"x": x, "Y": Y, "lam": 1.0, "patterns": _all_patterns(_features(x)), "cones": True}
    return {**instance, "lam": rng.uniform(0.1, 0.4) * _largest_response(instance, Y - Y.mean(axis=0))}


def _features(x: Array) -> Array:
    features: Array = np.column_stack([x, np.ones(len(x))])
    return features


def _all_patterns(features: Array) -> Array:
    """All patterns (P, N) of distinct points: next to the two directions at a right angle to each point."""
    patterns = set()
    for i, (x, one) in enumerate(features):
        for edge in (np.array([one, -x]), np.array([-one, x])):
            side = np.sign(features @ edge)
            for sign in (1, -1):
                side[i] = sign
                patterns.add(tuple((side > 0).astype(int).tolist()))
    return np.array(sorted(patterns), dtype=np.float64)


def _all_there(instance: Instance) -> bool:
    """Whether all patterns are listed, and no others."""
    features = _features(instance["x"])
    listed = {tuple(row) for row in instance["patterns"].tolist()}
    complete = len(listed) == number_of_patterns(len(features), 2)
    return complete and listed == {tuple(row) for row in _all_patterns(features).tolist()}


# --- the program ------------------------------------------------------------------------------------------------------


def _edges(features: Array, pattern: Array) -> Array:
    """The two unit vectors that span the cone of a pattern, as columns (2, 2)."""
    normals = np.column_stack([features[:, 1], -features[:, 0]])
    candidates = np.vstack([normals, -normals])
    inside = np.all(((2 * pattern - 1)[:, None] * features) @ candidates.T >= 0, axis=0)
    edges = candidates[inside]
    if len(edges) != 2:
        raise ValueError(f"pattern {pattern.astype(int).tolist()} has {len(edges)} edges, not two")
    return (edges / np.linalg.norm(edges, axis=1, keepdims=True)).T


def _solve(instance: Instance) -> tuple[Array, Array]:
    """Solve the program: two neurons for each pattern, `inner` (P, 2, 2) and `outer` (P, 2, T)."""
    import cvxpy as cp

    features, Y = _features(instance["x"]), instance["Y"]
    T, total, limits = Y.shape[1], np.ones((len(Y), 1)) @ cp.Variable((1, Y.shape[1])), []
    parts = [cp.Variable((2 + T, 2 + T), PSD=True) for _ in instance["patterns"]]
    for pattern, part in zip(instance["patterns"], parts, strict=True):
        total = total + (pattern[:, None] * features) @ part[:2, 2:]
        if instance["cones"]:
            first, second = np.linalg.inv(_edges(features, pattern))
            limits.append(first @ part[:2, :2] @ second >= 0)  # C_p is positive semidefinite anyway
    cost = sum(cp.trace(part) for part in parts) / 2
    problem = cp.Problem(cp.Minimize(cp.sum_squares(total - Y) / 2 + instance["lam"] * cost), limits)
    options = dict.fromkeys(("tol_gap_abs", "tol_gap_rel", "tol_feas"), _PRECISION)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Solution may be inaccurate", UserWarning)  # bounds judge it
        problem.solve(solver=cp.CLARABEL, **options)
    neurons = [_neurons(instance, *each) for each in zip(instance["patterns"], parts, strict=True)]
    inner, outer = (np.array(each) for each in zip(*neurons, strict=True))
    return inner, outer


def _neurons(instance: Instance, pattern: Array, part: Any) -> tuple[Array, Array]:
    """Two neurons whose products u v' add up to U_p."""
    moment, product = part.value[:2, :2], part.value[:2, 2:]
    if instance["cones"]:
        edges = _edges(_features(instance["x"]), pattern)
        inverse = np.linalg.inv(edges)
        inner = _completely_positive(inverse @ moment @ inverse.T) @ edges.T
        return inner, np.linalg.pinv(inner.T, rcond=_RANK) @ product
    left, sizes, right = np.linalg.svd(product, full_matrices=False)
    return (left * np.sqrt(sizes)).T, right * np.sqrt(sizes)[:, None]


def _completely_positive(matrix: Array) -> Array:
    """Rows c >= 0, (2, 2), with sum c c' = the matrix, whose rounding errors below 0 are set to 0."""
    C = np.maximum((matrix + matrix.T) / 2, 0.0)
    p = int(np.argmax(np.diag(C)))
    rows = np.zeros((2, 2))
    if C[p, p] > 0:
        rows[0, p], rows[0, 1 - p] = math.sqrt(C[p, p]), C[0, 1] / math.sqrt(C[p, p])
        rows[1, 1 - p] = math.sqrt(max(C[1 - p, 1 - p] - rows[0, 1 - p] ** 2, 0.0))
    return rows


def _largest_response(instance: Instance, dual: Array) -> float:
    """Largest ||dual' D_p Phi u|| over all patterns and unit vectors u, in their cones or anywhere."""
    features = _features(instance["x"])
    largest = 0.0
    for pattern in instance["patterns"]:
        response = (pattern[:, None] * dual).T @ features
        top = np.linalg.eigh(response.T @ response)[1][:, -1]
        if instance["cones"]:
            edges = _edges(features, pattern)
            shares = np.linalg.inv(edges) @ top
            if np.ptp(np.sign(shares)) == 2:  # the eigenvector and its negative are outside
                largest = max(largest, *(float(np.linalg.norm(response @ edge)) for edge in edges.T))
                continue
        largest = max(largest, float(np.linalg.norm(response @ top)))
    return largest


# --- checking ---------------------------------------------------------------------------------------------------------


def check(instance: Instance) -> Result:
    """Solve both problems."""
    X = instance["x"][:, None]
    solution = fit(X, instance["Y"], instance["lam"], skip=False, penalise_bias=True, tol=_SOLVED)
    inner, outer = _solve(instance)
    certificate = pack_evaluated(solution.network, X) | {"dual": np.asarray(solution.certificate.dual)}
    certificate |= {"inner": inner, "outer": outer}
    return conclude(CLAIMED, *_interval(instance, certificate), certificate, **solution.provenance)


def _interval(instance: Instance, arrays: Any) -> tuple[float, float]:
    """Interval of the relative difference of the program's value to the least objective of networks."""
    x, Y, lam = (instance[name] for name in ("x", "Y", "lam"))
    network, inner, outer = unpack("network", arrays), arrays["inner"], arrays["outer"]
    bound = certify_fit(
        network, x[:, None], Y, lam, skip=False, penalise_bias=True, dual=arrays["dual"]
    ).lower_bound  # fmt: skip
    own = _objective(Y - network(x[:, None]), network.vv_norm_with_bias, lam)
    values = inner @ _features(x).T
    rest = _centred(Y - np.einsum("pi,pki,pkt->it", instance["patterns"], values, outer))
    cost = float(np.sum(np.linalg.norm(inner, axis=2) * np.linalg.norm(outer, axis=2)))
    if not instance["cones"]:
        above, least = _objective(rest, cost, lam), own
    elif _all_there(instance):
        above, least = own, _objective(_centred(Y - np.einsum("pki,pkt->it", np.maximum(values, 0.0), outer)), cost, lam)
    else:  # a constant is in every program
        above, least = _objective(_centred(Y), 0.0, lam), own
    below = rest * min(1.0, lam / max(_largest_response(instance, rest), 1e-300))
    lower = float(np.sum(below * Y)) - float(np.sum(below**2)) / 2
    return lower / least - 1, above / bound - 1 if bound > 0 else math.inf


def _centred(rest: Array) -> Array:
    """The residual of the best constant."""
    centred: Array = rest - rest.mean(axis=0)
    return centred


def _objective(rest: Array, cost: float, lam: float) -> float:
    return float(np.sum(rest**2)) / 2 + lam * cost


def recheck(instance: Instance, result: Result) -> list[str]:
    """Bound both problems again."""
    if unpack("network", result.certificate).A.any():
        return ["the network has a skip connection"]
    P, T = len(instance["patterns"]), instance["Y"].shape[1]
    if (result.certificate["inner"].shape, result.certificate["outer"].shape) != ((P, 2, 2), (P, 2, T)):
        return ["there must be two neurons for each pattern"]
    complaints = evaluation_complaints(result.certificate, instance["x"][:, None])
    return complaints + interval_complaints(result, *_interval(instance, result.certificate), 0.0)


CLAIM = Claim(
    id="copositive_program",
    statement=(
        "Fits by networks of one input and several outputs have the least value of a convex program over all sign "
        "patterns, with a completely positive matrix for each."
    ),
    formula=(
        r"\min_f \tfrac12 \lVert f(X) - Y \rVert^2 + \lambda \sum_k \lVert (w_k, b_k) \rVert \lVert v_k \rVert = "
        r"\min \tfrac12 \lVert \sum_p D_p \Phi U_p + c - Y \rVert^2 + \tfrac{\lambda}{2} \sum_p (\operatorname{tr} M_p + "
        r"\operatorname{tr} Z_p), \quad [M_p, U_p; U_p^\top, Z_p] \succeq 0, \ "
        r"M_p \in \mathrm{conv} \{ u u^\top : u \in K_p \}"
    ),
    source="Sahiner, Ergen, Pauly and Pilanci (arXiv 2012.13329); Pilanci and Ergen (arXiv 2002.10553)",
    kind="equality",
    quantity="(least value of the program - least objective of networks) / least objective of networks",
    claimed=CLAIMED,
    hypotheses={"all_patterns": _all_there, "cones": lambda instance: bool(instance["cones"])},
    draw=draw,
    violate={"all_patterns": draw_few_patterns, "cones": draw_without_cones},
    on_violation={
        "all_patterns": (Verdict.VIOLATED, "with two of ten patterns the program costs more"),
        "cones": (Verdict.VIOLATED, "gated neurons cost less than those that are zero where they are not active"),
    },
    check=check,
    recheck=recheck,
    draws=20,
    quick_draws=3,
    quick=Quick(draw=draw_short),
    not_exact="minimisers with Euclidean norms are irrational in general",
    trusted={Rung.CERTIFIED: files("copositive_program", SPACE_FIT, GATED)},
)
