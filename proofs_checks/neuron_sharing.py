"""In a minimal-VV-norm network of several outputs, each neuron serves all outputs or none.

Claim. For generic labels the output weights v_k of a minimal-VV-norm interpolant are zero or have no zero entry. The
penalty is ||v_k||_2, so a small weight for another output adds little to the cost of a neuron. In terms of the dual array
Lambda, v_k has the direction of the response sum_j Lambda_j relu(w_k.x_j + b_k), whose entries vanish for exceptional
labels only.

Hypotheses. The outputs are solved together, with one norm over all of them. The labels are generic: no output is an affine
function of the inputs, and the data are not a grid with an output that depends on one coordinate only.

Source. Shenouda, Parhi, Lee and Nowak (arXiv 2305.16534), neuron sharing.

What breaks. Solutions for each output alone, stacked into one network, share no neuron. An affine output needs no neuron.
On a grid, outputs that depend on one coordinate each are two problems with one input, and the network of least cost has
separate neurons for them.

Certificate. The network and the `dual` array that proves its cost minimal (or the cost of each output, if outputs are
solved alone).
"""

import math
from typing import Any

import numpy as np

from proofs_checks.support import evaluation_complaints, optimal, pack_evaluated, planar_instances, unpack
from proofs_checks.trust import SPACE, files
from vvnorm.api.certification import certify
from vvnorm.api.interpolation import interpolate
from vvnorm.claims import Claim, Instance, Result, Rung, Verdict, conclude, interval_complaints
from vvnorm.network import ReLUNetwork
from vvnorm.tolerances import EPS, GAP
from vvnorm.validation import Array

CLAIMED = (0.95, np.inf)
USED, UNUSED = 1e-6, 1e-8
"""An output uses a neuron if |v_kt| exceeds the first share of ||v_k||, and does not use it below the second. Between them
this is not decided: entries are known to about 1e-7. Entries that are 0 in exact arithmetic come out below 1e-8."""

_SOLVED = 1e-10  # relative gap that the solver is asked for: at 1e-8 entries are known to about 3e-6 only
_ROUNDING = 1e3 * EPS
_AFFINE = 1e-6  # an output whose residual from the best affine function is below this part of its range is affine


def draw(rng: np.random.Generator) -> Instance:
    """Draw Gaussian points in the plane or in space with two to eight Gaussian outputs, solved together."""
    n, T, d = int(rng.integers(8, 25)), int(rng.integers(2, 9)), int(rng.choice([2, 2, 2, 3]))
    n = n if d == 2 else min(n, 12)
    return {"X": rng.standard_normal((n, d)), "Y": rng.standard_normal((n, T)), "together": True}


def draw_alone(rng: np.random.Generator) -> Instance:
    """Draw the same, with each output solved alone."""
    return {**draw(rng), "together": False}


def draw_affine(rng: np.random.Generator) -> Instance:
    """Draw the same with an affine function of the inputs as the first output."""
    instance = dict(draw(rng))
    X, Y = instance["X"], np.array(instance["Y"])
    Y[:, 0] = X @ rng.standard_normal(X.shape[1]) + rng.standard_normal()
    return {**instance, "Y": Y}


def draw_separate(rng: np.random.Generator) -> Instance:
    """Draw an irregular grid, with one random output that depends on each coordinate."""
    sides = [np.cumsum(rng.uniform(0.5, 1, int(rng.integers(4, 6)))) for _ in range(2)]
    values = [rng.standard_normal(len(side)) for side in sides]
    X, Y = (np.stack(np.meshgrid(*of_both, indexing="ij"), axis=-1).reshape(-1, 2) for of_both in (sides, values))
    return {"X": X, "Y": Y, "together": True}


def _entangled(instance: Instance) -> bool:
    X, Y = instance["X"], instance["Y"]
    levels = [np.unique(column, return_inverse=True) for column in X.T]
    if len(X) < math.prod(len(values) for values, _ in levels):
        return True
    first = [np.unique(place, return_index=True)[1][place] for _, place in levels]
    return not any(np.array_equal(y[rows], y) for y in Y.T for rows in first)


def _generic(instance: Instance) -> bool:
    X, Y = instance["X"], instance["Y"]
    free = np.column_stack([X, np.ones(len(X))])
    rest = Y - free @ np.linalg.lstsq(free, Y, rcond=None)[0]
    return bool(np.all(np.abs(rest).max(axis=0) > _AFFINE * np.ptp(Y, axis=0)))


# --- checking ---------------------------------------------------------------------------------------------------------


def check(instance: Instance) -> Result:
    """Solve, and measure the share of the cost in neurons that serve all outputs."""
    X, Y = instance["X"], instance["Y"]
    solutions = [interpolate(X, Y[:, part], tol=_SOLVED) for part in _solved_together(instance)]
    network = _stacked([solution.network for solution in solutions])
    dual = np.hstack([solution.dual for solution in solutions])
    lower, upper = _interval(instance, network, dual)
    return conclude(CLAIMED, lower, upper, pack_evaluated(network, X) | {"dual": dual}, **solutions[0].provenance)


def _solved_together(instance: Instance) -> list[slice]:
    """The groups of outputs that are solved together."""
    T = instance["Y"].shape[1]
    return [slice(0, T)] if instance["together"] else [slice(t, t + 1) for t in range(T)]


def _stacked(networks: list[ReLUNetwork]) -> ReLUNetwork:
    """Return one network whose outputs are those of the networks, one after another."""
    V = np.zeros((sum(f.n_outputs for f in networks), sum(f.n_neurons for f in networks)))
    row = column = 0
    for f in networks:
        V[row : row + f.n_outputs, column : column + f.n_neurons] = f.V
        row, column = row + f.n_outputs, column + f.n_neurons
    W, b, A, c = (np.concatenate([getattr(f, name) for f in networks]) for name in ("W", "b", "A", "c"))
    return ReLUNetwork(W, b, V, A, c)


def _problems(instance: Instance, network: ReLUNetwork, dual: Array) -> Any:
    """Yield network, labels and dual array of each problem; a neuron belongs to the problems whose outputs it serves."""
    for part in _solved_together(instance):
        used = np.any(network.V[part] != 0, axis=0)
        own = ReLUNetwork(network.W[used], network.b[used], network.V[part][:, used], network.A[part], network.c[part])
        yield own, instance["Y"][:, part], dual[:, part]


def _interval(instance: Instance, network: ReLUNetwork, dual: Array) -> tuple[float, float]:
    """Interval of the shared share of the cost; (0, 1) unless the cost is proved minimal."""
    if not all(optimal(f, instance["X"], Y, part) for f, Y, part in _problems(instance, network, dual)):
        return 0.0, 1.0
    v = np.linalg.norm(network.V, axis=0)
    cost = np.linalg.norm(network.W, axis=1) * v
    least, most = (float(cost[np.all(np.abs(network.V) > part * v, axis=0)].sum() / cost.sum()) for part in (USED, UNUSED))
    return max(least - _ROUNDING, 0.0), min(most + _ROUNDING, 1.0)


def recheck(instance: Instance, result: Result) -> list[str]:
    """Certify again, and compute the costs again, neuron by neuron, with exact sums."""
    network, dual, X = unpack("network", result.certificate), result.certificate["dual"], instance["X"]
    if dual.shape != instance["Y"].shape:
        return [f"the dual has shape {dual.shape}"]
    complaints = evaluation_complaints(result.certificate, X)
    for f, Y, part in _problems(instance, network, dual):
        complaints += certify(f, X, Y, dual=part).complaints(f, X, Y, tol=GAP)
    costs, surely, perhaps = [], [0.0], [0.0]
    for w, v in zip(network.W.tolist(), network.V.T.tolist(), strict=True):
        costs.append(math.hypot(*w) * math.hypot(*v))
        least = min(map(abs, v)) / (math.hypot(*v) or 1.0)
        surely.append(costs[-1] * (least > USED))
        perhaps.append(costs[-1] * (least > UNUSED))
    total = math.fsum(costs) or math.nan
    lower, upper = max(math.fsum(surely) / total - _ROUNDING, 0.0), min(math.fsum(perhaps) / total + _ROUNDING, 1.0)
    return complaints + interval_complaints(result, lower, upper, 4 * _ROUNDING)


CLAIM = Claim(
    id="neuron_sharing",
    statement="In a minimal-VV-norm interpolant of several generic outputs, each neuron serves all outputs or none.",
    formula=r"\text{for each neuron } k: \quad v_{kt} \ne 0 \text{ for all } t, \text{ or } v_k = 0",
    source="Shenouda, Parhi, Lee and Nowak (arXiv 2305.16534)",
    kind="bound",
    quantity="share of the VV norm in neurons that every output uses",
    claimed=CLAIMED,
    hypotheses={
        "solved_together": lambda instance: bool(instance["together"]),
        "generic_labels": _generic,
        "coordinates_entangled": _entangled,
    },
    draw=draw,
    violate={"solved_together": draw_alone, "generic_labels": draw_affine, "coordinates_entangled": draw_separate},
    on_violation={
        "solved_together": (Verdict.VIOLATED, "each output has neurons of its own"),
        "generic_labels": (Verdict.VIOLATED, "an affine output needs no neuron"),
        "coordinates_entangled": (Verdict.VIOLATED, "each output needs kinks across its own coordinate only"),
    },
    check=check,
    recheck=recheck,
    examples=lambda: {name: {**data, "together": True} for name, data in planar_instances().items()},
    draws=100,
    quick_draws=8,
    not_exact="minimisers of several inputs are known in floating point only: exact proofs enclose their cost alone",
    trusted={
        Rung.CERTIFIED: files("neuron_sharing", SPACE),
    },
)
