"""In a network trained for several outputs together, a neuron serves all of them or none.

Claim. For generic labels the output weights v_k of a minimal-VV-norm network are zero or have all entries non-zero: since
the penalty is ||v_k||_2, a neuron that one output pays for is nearly free for the others. Tested on trained networks in two
dimensions: nearly all of the cost lies in neurons of which every output uses some part.

Hypotheses. The outputs are trained together, with one norm over all of them. The labels are generic: no output is an affine
function of the inputs.

Source. [VV] Shenouda et al. (arXiv 2305.16534), neuron sharing.

What breaks. Networks trained for each output alone, stacked into one, share nothing. An affine output needs no neuron.
"""

import math
from typing import Any

import numpy as np

from proofs_checks.support import evaluation_complaints, pack_evaluated, rechecked, unpack
from vvnorm.claims import Claim, Instance, Result, Verdict, conclude, interval_complaints
from vvnorm.data import Array
from vvnorm.network import ReLUNetwork
from vvnorm.tolerances import EPS

CLAIMED = (0.95, np.inf)
PART = 1e-5
"""An output uses a neuron if |v_kt| is more than this part of ||v_k||: by chance one of its entries is less in one
neuron of 30000. Adam leaves entries without use at about 1e-6."""

RESIDUAL = 0.01
"""Networks with a larger residual, relative to half the labels' range, are not trained and show nothing."""

_STEPS, _RATE = 2000, 0.02
_ROUNDING = 1e3 * EPS
_AFFINE = 1e-6  # an output whose residual from the best affine function is below this part of its range is affine


def draw(rng: np.random.Generator) -> Instance:
    """Gaussian points in the plane with three or four Gaussian outputs, trained together."""
    n, T = int(rng.integers(10, 16)), int(rng.integers(3, 5))
    return {"X": rng.standard_normal((n, 2)), "Y": rng.standard_normal((n, T)), "together": True}


def draw_alone(rng: np.random.Generator) -> Instance:
    """The same, each output trained alone."""
    return {**draw(rng), "together": False}


def draw_affine(rng: np.random.Generator) -> Instance:
    """The same with an affine function of the inputs as the first output."""
    instance = dict(draw(rng))
    Y = np.array(instance["Y"])
    Y[:, 0] = instance["X"] @ rng.standard_normal(2) + rng.standard_normal()
    return {**instance, "Y": Y}


def _generic(instance: Instance) -> bool:
    X, Y = instance["X"], instance["Y"]
    free = np.column_stack([X, np.ones(len(X))])
    rest = Y - free @ np.linalg.lstsq(free, Y, rcond=None)[0]
    return bool(np.all(np.abs(rest).max(axis=0) > _AFFINE * np.ptp(Y, axis=0)))


def check(instance: Instance) -> Result:
    """Train, then measure the part of the cost that lies in neurons which serve all outputs."""
    from vvnorm.training import train

    X, Y = instance["X"], instance["Y"]
    outputs = [slice(None)] if instance["together"] else [slice(t, t + 1) for t in range(Y.shape[1])]
    results = [train(X, Y[:, t], steps=_STEPS, lr=_RATE, progress=False) for t in outputs]
    network = results[0].best if instance["together"] else _stacked([result.best for result in results])
    lower, upper = _interval(network, X, Y)
    settings = results[0].settings | {"networks": len(results)}
    return conclude(CLAIMED, lower, upper, pack_evaluated(network, X), **settings)


def _stacked(networks: list[ReLUNetwork]) -> ReLUNetwork:
    """Return one network whose outputs are those of networks of one output."""
    V = np.zeros((len(networks), sum(f.n_neurons for f in networks)))
    first = 0
    for t, f in enumerate(networks):
        V[t, first : first + f.n_neurons] = f.V[0]
        first += f.n_neurons
    W, b, A, c = (np.concatenate([getattr(f, name) for f in networks]) for name in ("W", "b", "A", "c"))
    return ReLUNetwork(W, b, V, A, c)


def _interval(network: ReLUNetwork, X: Array, Y: Array) -> tuple[float, float]:
    """Interval of the shared part of the cost; nothing is known of it unless the network fits."""
    misfit = np.max(np.linalg.norm(network(X) - Y, axis=1)) / (np.ptp(Y, axis=0).max() / 2)
    if misfit > RESIDUAL or network.vv_norm == 0:
        return 0.0, 1.0
    v = np.linalg.norm(network.V, axis=0)
    cost = np.linalg.norm(network.W, axis=1) * v
    serves_all = np.all(np.abs(network.V) > PART * v, axis=0)
    share = float(cost[serves_all].sum() / cost.sum())
    return share - _ROUNDING, share + _ROUNDING


def recheck(instance: Instance, result: Result) -> list[str]:
    """Evaluate the network and its costs again, neuron by neuron, with exact sums."""
    network, X, Y = unpack("network", result.certificate), instance["X"], instance["Y"]
    found = evaluation_complaints(result.certificate, X)
    worst = max(math.dist(f, y) for f, y in zip(result.certificate["values"].tolist(), Y.tolist(), strict=True))
    if worst > RESIDUAL * max(max(column) - min(column) for column in Y.T.tolist()) / 2:
        found.append(f"the network does not fit: it misses a row of labels by {worst:.3g}")
    costs, shared = [], []
    for w, v in zip(network.W.tolist(), network.V.T.tolist(), strict=True):
        costs.append(math.hypot(*w) * math.hypot(*v))
        if min(map(abs, v)) > PART * math.hypot(*v):
            shared.append(costs[-1])
    share = math.fsum(shared) / (math.fsum(costs) or math.nan)
    return found + interval_complaints(result, share - _ROUNDING, share + _ROUNDING, 4 * _ROUNDING)


def _examples() -> dict[str, Instance]:
    """Real data: weight and waist of 20 people to their three exercises, standardised."""
    from sklearn.datasets import load_linnerud

    bunch = load_linnerud()
    X, Y = ((Z - Z.mean(axis=0)) / Z.std(axis=0) for Z in (bunch.target[:, :2], bunch.data))
    _, first = np.unique(X, axis=0, return_index=True)
    keep: Any = np.sort(first)
    return {"linnerud (weight and waist to three exercises)": {"X": X[keep], "Y": Y[keep], "together": True}}


CLAIM = Claim(
    id="neuron_sharing",
    statement="in networks trained for several outputs together, a neuron serves all of them or none",
    source="[VV]",
    kind="bound",
    quantity="part of the VV norm that lies in neurons which every output uses",
    claimed=CLAIMED,
    hypotheses={"trained_together": lambda instance: bool(instance["together"]), "generic_labels": _generic},
    draw=draw,
    violate={"trained_together": draw_alone, "generic_labels": draw_affine},
    on_violation={
        "trained_together": (Verdict.VIOLATED, "each output has neurons of its own"),
        "generic_labels": (Verdict.VIOLATED, "an affine output needs no neuron"),
    },
    check=check,
    recheck=rechecked(recheck),
    examples=_examples,
    draws=6,
    quick_draws=2,
)
