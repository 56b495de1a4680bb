"""Fits by networks of one output are a convex program over all sign patterns of the neurons at the points.

Claim. With the squared loss, the bias inside the norm and no skip connection, the least objective over all networks is the
least value of the program of `gated_programs`: one pair of vectors for each pattern of active points, in its cone.

Hypotheses. All patterns are in the program. Each vector lies in the cone of its pattern. (The points are in general
position, so that the number of patterns is known.)

Source. Pilanci and Ergen, "Neural networks are convex regularizers: exact polynomial-time convex optimization formulations
for two-layer networks" (arXiv 2002.10553). A free constant is added here, as this library's networks have one. Several
outputs are in the claim `copositive_program`.

What breaks. With few patterns the program costs more. Without the cones a neuron need not be zero where its pattern says
so, and the program costs less.

Certificate. The `network` of this library and its `dual` array; the `vectors` u and v of a conic solver, and their `norms`.
Each bounds the other: the network is a point of the program, and u and v are a network. The residual of u and v bounds the
program from below, with multipliers of the cones that the recheck computes itself. The dual array bounds all networks.
"""

import math
from typing import Any

import numpy as np

from proofs_checks.gated_programs import GatedProgram, all_patterns, number_of_patterns
from proofs_checks.support import evaluation_complaints, exact_rank, pack_evaluated, unpack
from proofs_checks.trust import GATED, SPACE_FIT, files
from vvnorm.api.fits import fit
from vvnorm.claims import Claim, Instance, Quick, Result, Rung, Verdict, conclude, interval_complaints
from vvnorm.network import ReLUNetwork
from vvnorm.tolerances import EPS, GAP
from vvnorm.validation import Array
from vvnorm.verifier.check import certify_fit

CLAIMED = (-GAP, GAP)
_SOLVED = GAP / 10  # relative gap that the solver is asked for


def draw(rng: np.random.Generator) -> Instance:
    """Draw 5 to 10 points of the plane in general position, one output, and a weight lam."""
    return _points(rng, int(rng.integers(5, 11)))


def draw_short(rng: np.random.Generator) -> Instance:
    """Draw 5 points."""
    return _points(rng, 5)


def draw_few_patterns(rng: np.random.Generator) -> Instance:
    """Draw points and a small lam; leave out all patterns but two: no point is active, and all are."""
    instance = draw_short(rng)
    patterns = instance["patterns"]
    return {**instance, "lam": instance["lam"] / 100, "patterns": patterns[np.ptp(patterns, axis=1) == 0]}


def draw_without_cones(rng: np.random.Generator) -> Instance:
    """Draw points, with gated neurons."""
    return {**draw_short(rng), "cones": False}


def _points(rng: np.random.Generator, n: int) -> dict[str, Any]:
    while True:
        X = rng.integers(-128, 129, (n, 2)) / 64
        features = np.column_stack([X, np.ones(n)])
        patterns = all_patterns(features)
        if len(patterns) == number_of_patterns(n, 3):
            break
    y = rng.standard_normal(n)
    lam = rng.uniform(0.02, 0.1) * float(np.linalg.norm(features.T @ np.abs(y - y.mean())))
    return {"X": X, "y": y, "lam": lam, "patterns": patterns, "cones": True}


def _all_there(instance: Instance) -> bool:
    """Whether there are as many patterns as points in general position have, and no others."""
    features = _features(instance)
    listed = {tuple(row) for row in instance["patterns"].tolist()}
    complete = len(listed) == number_of_patterns(len(features), 3)
    return complete and listed == {tuple(row) for row in all_patterns(features).tolist()}


def _features(instance: Instance) -> Array:
    X = instance["X"]
    features: Array = np.column_stack([X, np.ones(len(X))])
    if exact_rank(features) < features.shape[1]:
        raise ValueError("the points lie on a line")
    return features


def check(instance: Instance) -> Result:
    """Solve both problems."""
    solution = fit(instance["X"], instance["y"], instance["lam"], skip=False, penalise_bias=True, tol=_SOLVED)
    vectors = np.stack(_program(instance).solve())
    certificate = pack_evaluated(solution.network, instance["X"]) | {"dual": np.asarray(solution.certificate.dual)}
    certificate |= {"vectors": vectors, "norms": np.linalg.norm(vectors, axis=2)}
    return conclude(CLAIMED, *_interval(instance, certificate), certificate, **solution.provenance)


def _program(instance: Instance) -> GatedProgram:
    options = {name: instance[name] for name in ("y", "lam", "patterns", "cones")}
    return GatedProgram(features=_features(instance), constant=True, **options)


def _interval(instance: Instance, arrays: Any) -> tuple[float, float]:
    """Interval of the relative difference of the program's value to the least objective of networks."""
    X, y, lam, program = instance["X"], instance["y"], instance["lam"], _program(instance)
    network = unpack("network", arrays)
    u, v = arrays["vectors"]
    dual = arrays["dual"]
    bound = certify_fit(network, X, y[:, None], lam, skip=False, penalise_bias=True, dual=dual).lower_bound
    own = _objective(network, X, y, lam)
    rest = program.residual(u, v)
    if not instance["cones"]:
        above, least = program.objective(rest, u, v), own
    elif _all_there(instance):
        above, least = own, program.objective(program.network_residual(u, v), u, v)
    else:  # a constant is in every program
        above, least = float(np.sum((y - y.mean()) ** 2)) / 2, own
    return program.lower_bound(rest) / least - 1, above / bound - 1 if bound > 0 else math.inf


def _objective(network: ReLUNetwork, X: Array, y: Array, lam: float) -> float:
    rest = y - network(X)[:, 0]
    return float(rest @ rest) / 2 + lam * network.vv_norm_with_bias


def recheck(instance: Instance, result: Result) -> list[str]:
    """Bound both problems again."""
    network = unpack("network", result.certificate)
    if network.A.any():
        return ["the network has a skip connection"]
    vectors, norms = result.certificate["vectors"], result.certificate["norms"]
    if vectors.shape != (2, len(instance["patterns"]), 3) or norms.shape != vectors.shape[:2]:
        return ["there must be two vectors for each pattern, and their norms"]
    complaints = evaluation_complaints(result.certificate, instance["X"])
    if not np.all(np.abs(norms - np.sqrt(np.sum(vectors**2, axis=2))) <= 1e3 * EPS * norms):
        complaints.append("the norms are not those of the vectors")
    return complaints + interval_complaints(result, *_interval(instance, result.certificate), 0.0)


CLAIM = Claim(
    id="sign_patterns",
    statement="Fits by networks of one output have the least value of a convex program over all sign patterns.",
    formula=(
        r"\min_f \tfrac12 \lVert f(X) - y \rVert^2 + \lambda \sum_k \lVert (w_k, b_k) \rVert |v_k| = \min_{u_i, v_i} "
        r"\tfrac12 \lVert \sum_i D_i \Phi (u_i - v_i) + c - y \rVert^2 + \lambda \sum_i (\lVert u_i \rVert + "
        r"\lVert v_i \rVert)"
    ),
    source="Pilanci and Ergen (arXiv 2002.10553)",
    kind="equality",
    quantity="(least value of the program - least objective of networks) / least objective of networks",
    claimed=CLAIMED,
    hypotheses={"all_patterns": _all_there, "cones": lambda instance: bool(instance["cones"])},
    draw=draw,
    violate={"all_patterns": draw_few_patterns, "cones": draw_without_cones},
    on_violation={
        "all_patterns": (Verdict.VIOLATED, "with two of 22 patterns the program costs more"),
        "cones": (Verdict.VIOLATED, "gated neurons cost less than those that are zero where they are not active"),
    },
    check=check,
    recheck=recheck,
    draws=40,
    quick_draws=3,
    quick=Quick(draw=draw_short),
    not_exact="minimisers with Euclidean norms are irrational in general",
    trusted={Rung.CERTIFIED: files("sign_patterns", SPACE_FIT, GATED)},
)
