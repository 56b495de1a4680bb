"""Some minimal-VV-norm network has few neurons: at most one for each equation that it must satisfy.

Claim. Let N distinct points span R^d, with T outputs. Some interpolating network of least cost has at most n min(T, n)
neurons, n = N - 1 - d, and so fewer than N^2. With one output that is N - 1 - d.

Hypotheses. Networks have a skip connection. The points span R^d: they lie in no hyperplane.

Source. Shenouda, Parhi, Lee and Nowak (arXiv 2305.16534), the bound N^2. The sharper count is new, by Caratheodory's
theorem. Scale w_k to norm 1, and fix the directions of the v_k of some solution. Project values at the data to the
complement of affine functions, a space of dimension n; let b_k be the projected values of neuron k. The norms of the v_k
must satisfy that sum_k b_k v_k' equals the projected labels. These are linear equations in a space of dimension n min(T,
n), and the cost is linear in the norms, too. So a vertex has at most n min(T, n) positive norms.

What breaks. If fewer affine functions are free, the complement has more than N - 1 - d dimensions. Without a skip
connection only the constants are free. On points of a line only two of the d + 1 affine functions are independent. With few
points and several outputs no network has as few as n min(T, n) neurons: sum_k b_k v_k' has at most rank K, and the rank of
the labels is larger.

Certificate. The `network`, and the `dual` array that proves its cost minimal. The lower end of the interval is the rank of
the projected labels, in exact arithmetic. It holds for all interpolating networks.
"""

import math
from typing import Any

import numpy as np

from proofs_checks.support import exact_rank, optimal, pack, planar_instances, unpack
from proofs_checks.trust import NEURON_BOUND, SPACE, files
from vvnorm.api.certification import certify
from vvnorm.api.interpolation import interpolate
from vvnorm.claims import Claim, Instance, Result, Rung, Verdict, conclude, interval_complaints
from vvnorm.tolerances import GAP
from vvnorm.validation import Array

CLAIMED = (0.0, 1.0)

_SOLVED = GAP / 10  # relative gap that the solver is asked for; the rest of the gap is left for removing neurons


# --- instances --------------------------------------------------------------------------------------------------------


def draw(rng: np.random.Generator) -> Instance:
    """Draw 2 or 3 inputs, 1 to 6 outputs and up to 13 more points than there are independent affine functions.

    With probability 1 the points lie in no hyperplane. With more inputs the verifier's bound on all neurons is not always
    tight to 1e-6.
    """
    d, T = int(rng.choice([2, 2, 2, 3])), int(rng.integers(1, 7))
    N = d + 1 + int(rng.integers(1, 14 if d == 2 else 8))
    return {"X": rng.standard_normal((N, d)), "Y": rng.standard_normal((N, T)), "skip": True}


def draw_without_skip(rng: np.random.Generator) -> Instance:
    """Draw four points of the plane with three outputs: n = 1, but the labels have rank 3 beside the constants."""
    return {"X": rng.standard_normal((4, 2)), "Y": rng.standard_normal((4, 3)), "skip": False}


def draw_on_a_line(rng: np.random.Generator) -> Instance:
    """Draw four points on a line in the plane with three outputs: n = 1, but rank 2 beside affine functions."""
    t = np.cumsum(rng.integers(1, 5, 4)).astype(np.float64)
    direction = rng.choice([-2.0, -1.0, 1.0, 2.0], 2)
    return {"X": t[:, None] * direction, "Y": rng.standard_normal((4, 3)), "skip": True}


def _span(instance: Instance) -> bool:
    X = instance["X"]
    return exact_rank(np.column_stack([np.ones(len(X)), X])) == X.shape[1] + 1


# --- checking ---------------------------------------------------------------------------------------------------------


def check(instance: Instance) -> Result:
    """Find a solution, move to a vertex of the solutions with the same directions of output weights, count its neurons."""
    X, Y, skip = instance["X"], instance["Y"], instance["skip"]
    solution = interpolate(X, Y, skip=skip, tol=_SOLVED).sparsify(GAP)
    certificate = pack("network", solution.network) | {"dual": solution.dual}
    return conclude(CLAIMED, *_interval(instance, certificate), certificate, **solution.provenance)


def _interval(instance: Instance, arrays: Any) -> tuple[float, float]:
    """Interval of the least number of neurons of a solution over the bound."""
    X, Y, skip = instance["X"], instance["Y"], instance["skip"]
    network = unpack("network", arrays)
    shown = optimal(network, X, Y, arrays["dual"], skip=skip)
    bound = _bound(X, Y)
    return _rank(instance) / bound, (network.n_neurons if shown else math.inf) / bound


def _bound(X: Array, Y: Array) -> int:
    n = len(np.unique(X, axis=0)) - 1 - X.shape[1]
    return n * min(Y.shape[1], n)


def _rank(instance: Instance) -> int:
    """Rank of the labels beside the free functions; every neuron adds at most 1."""
    X, Y = instance["X"], instance["Y"]
    free = np.ones((len(X), 1))
    if instance["skip"]:
        free = np.hstack([free, X])
    return exact_rank(np.hstack([free, Y])) - exact_rank(free)


def recheck(instance: Instance, result: Result) -> list[str]:
    """Certify the network again, and count its neurons; the dual array must be the one of the certificate."""
    X, Y, skip, network = instance["X"], instance["Y"], instance["skip"], unpack("network", result.certificate)
    complaints = certify(network, X, Y, dual=result.certificate["dual"], skip=skip).complaints(network, X, Y, tol=GAP)
    lower, upper = _rank(instance) / _bound(X, Y), network.n_neurons / _bound(X, Y)
    return complaints + interval_complaints(result, lower, upper, 0.0)


def _examples() -> dict[str, Instance]:
    """Real data: two measures to one outcome for some patients; the outcomes of 20 people."""
    from sklearn.datasets import load_diabetes

    bunch = load_diabetes(scaled=False)
    X, first = np.unique(bunch.data[:30, 2:4], axis=0, return_index=True)
    X, Y = ((Z - Z.mean(axis=0)) / Z.std(axis=0) for Z in (X, bunch.target[first, None]))
    patients = {"diabetes (bmi and blood pressure to progression)": {"X": X, "Y": Y}}
    return {name: {**data, "skip": True} for name, data in (patients | planar_instances()).items()}


CLAIM = Claim(
    id="width",
    statement="Some minimal-VV-norm interpolant has at most n min(T, n) < N^2 neurons, where n = N - 1 - d.",
    formula=r"K \le n \min(T, n) < N^2, \qquad n = N - 1 - d",
    source="Shenouda, Parhi, Lee and Nowak (arXiv 2305.16534); the sharper count is new",
    kind="existence",
    quantity="least number of neurons of a minimal-VV-norm interpolant over n min(T, n)",
    claimed=CLAIMED,
    hypotheses={"skip_connection": lambda instance: bool(instance["skip"]), "points_span": _span},
    draw=draw,
    violate={"skip_connection": draw_without_skip, "points_span": draw_on_a_line},
    on_violation={
        "skip_connection": (Verdict.VIOLATED, "only constants are free, and the labels have a larger rank beside them"),
        "points_span": (Verdict.VIOLATED, "fewer affine functions differ on the points, and the labels' rank is larger"),
    },
    check=check,
    recheck=recheck,
    examples=_examples,
    draws=100,
    quick_draws=15,
    not_exact="minimisers of several inputs are known in floating point only: exact proofs enclose their cost alone",
    trusted={
        Rung.CERTIFIED: files("width", SPACE, NEURON_BOUND),
    },
)
