"""Networks trained with weight decay end balanced: ||w_k|| = ||v_k|| for every neuron, so that the penalty is the VV norm.

Claim. At a stationary point of loss + (lam / 2) sum_k (||w_k||^2 + ||v_k||^2) every neuron is balanced: the rescaling (a w,
a b, v / a) changes no function, so the penalty alone must be stationary along it (claim `rescaling`). This is tested on
networks that torch trained from its own unbalanced initialisation, with free biases: the penalty exceeds the VV norm by at
most 1 %. Adam takes 3000 steps; in a quick run and on real data 2000, and in a quick run 1000 with decay on one layer. (A
pilot of 7 networks: an excess of at most 0.4 % after 1500 steps, and of 74 % after 1000 with decay on one layer.)

Hypothesis. Weight decay is applied to both layers.

Source. Yang et al., "PathProx" (arXiv 2210.03069), Section 3; Shenouda, Parhi, Lee and Nowak (arXiv 2305.16534).

What breaks. With decay on the output weights only, these shrink and the input weights grow.

Certificate. The network, the pre-activations of its neurons and its values at the data.
"""

import math
from functools import partial

import numpy as np

from proofs_checks.support import evaluation_complaints, pack_evaluated, real_instances, unpack
from proofs_checks.trust import LINE, files
from vvnorm.claims import Claim, Instance, Quick, Result, Rung, Verdict, conclude, interval_complaints
from vvnorm.network import ReLUNetwork
from vvnorm.tolerances import EPS
from vvnorm.validation import Array

CLAIMED = (-np.inf, 0.01)

_WIDTH, _STEPS, _FEW_STEPS, _FEWEST_STEPS, _RATE = 12, 3000, 2000, 1000, 0.02
_DECAY = 0.1  # lam, for labels and inputs of unit size; neurons that are active at all data take 1 / lam steps to vanish
_USED = 0.1  # training must lower the loss of the best affine fit by at least this share, so that neurons are in use
_ROUNDING = 1e3 * EPS


def draw(rng: np.random.Generator, steps: int = _STEPS) -> Instance:
    """Draw Gaussian inputs of one or two features and one to three Gaussian outputs, with decay on both layers."""
    n, d, T = int(rng.integers(8, 16)), int(rng.integers(1, 3)), int(rng.integers(1, 4))
    X, Y = rng.standard_normal((n, d)), rng.standard_normal((n, T))
    return {"X": X, "Y": Y, "decay": np.array([1.0, 1.0]), "seed": int(rng.integers(2**31)), "steps": steps}


def draw_output_only(rng: np.random.Generator, steps: int = _STEPS) -> Instance:
    """Draw the same with decay on the output weights only."""
    return {**draw(rng, steps), "decay": np.array([0.0, 1.0])}


def check(instance: Instance) -> Result:
    """Train with plain torch, and compare the penalty with the VV norm."""
    network = _train(instance)
    lower, upper = _interval(network, instance["X"], instance["Y"])
    certificate = pack_evaluated(network, instance["X"])
    return conclude(CLAIMED, lower, upper, certificate, method="torch.optim.Adam", steps=instance["steps"], lam=_DECAY)


def _train(instance: Instance) -> ReLUNetwork:
    """Run Adam from torch's own initialisation, with a learning rate that falls to zero; no step balances the neurons."""
    import torch

    from vvnorm.training import ReLUModule, to_network
    from vvnorm.training.optimisers import Adam  # torch's own in functional form: its optimiser objects load a compiler

    X, Y = torch.from_numpy(instance["X"]), torch.from_numpy(instance["Y"])
    first, second = (float(part) * _DECAY / 2 for part in instance["decay"])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(instance["seed"])
        module = ReLUModule(X.shape[1], _WIDTH, Y.shape[1])
    parameters = list(module.parameters())
    adam = Adam(parameters)
    for rate in _RATE * (1 + np.cos(np.pi * np.arange(instance["steps"]) / instance["steps"])) / 2:
        loss = (module(X) - Y).square().sum() / 2
        penalty = first * module.hidden.weight.square().sum() + second * module.output.weight.square().sum()
        gradients = list(torch.autograd.grad(loss + penalty, parameters))
        with torch.no_grad():
            adam.step(gradients, float(rate))
    return to_network(module)


def _interval(network: ReLUNetwork, X: Array, Y: Array) -> tuple[float, float]:
    """Interval of penalty / VV norm - 1; (0, inf) unless the neurons lower the loss."""
    free = np.column_stack([X, np.ones(len(X))])
    affine = np.sum((Y - free @ np.linalg.lstsq(free, Y, rcond=None)[0]) ** 2)
    if not np.sum((network(X) - Y) ** 2) < (1 - _USED) * affine:
        return 0.0, np.inf
    w, v = np.linalg.norm(network.W, axis=1), np.linalg.norm(network.V, axis=0)
    excess = float((w @ w + v @ v) / 2 / (w @ v) - 1)
    return max(excess - _ROUNDING, 0.0), excess + _ROUNDING


def recheck(instance: Instance, result: Result) -> list[str]:
    """Compute penalty and VV norm again with exact sums."""
    network = unpack("network", result.certificate)
    complaints = evaluation_complaints(result.certificate, instance["X"])
    lower, upper = _interval(network, instance["X"], instance["Y"])
    if not math.isfinite(upper):
        return [
            *complaints,
            "the network's neurons do not lower the loss",
            *interval_complaints(result, lower, upper, 4 * _ROUNDING),
        ]
    w = [math.hypot(*row) for row in network.W.tolist()]
    v = [math.hypot(*column) for column in network.V.T.tolist()]
    penalty = math.fsum([*(s * s for s in w), *(s * s for s in v)]) / 2
    excess = penalty / math.fsum(s * r for s, r in zip(w, v, strict=True)) - 1
    return complaints + interval_complaints(result, max(excess - _ROUNDING, 0.0), excess + _ROUNDING, 4 * _ROUNDING)


def _examples() -> dict[str, Instance]:
    """Real data of three outputs, standardised."""
    (data,) = real_instances(outputs=lambda T: T == 3).values()
    X, Y = ((Z - Z.mean(axis=0)) / Z.std(axis=0) for Z in (data["x"][:, None], data["Y"]))
    return {
        "linnerud (sit-ups to 3 outputs)": {"X": X, "Y": Y, "decay": np.array([1.0, 1.0]), "seed": 0, "steps": _FEW_STEPS}
    }


CLAIM = Claim(
    id="trained_balance",
    statement=(
        "Networks trained with weight decay end balanced: their penalty sum_k (||w_k||^2 + ||v_k||^2) / 2 equals the "
        "VV norm."
    ),
    formula=(
        r"\tfrac{1}{2} \sum_k \left( \lVert w_k \rVert^2 + \lVert v_k \rVert^2 \right) = \sum_k \lVert w_k "
        r"\rVert \, \lVert v_k \rVert"
    ),
    source="Yang et al., PathProx (arXiv 2210.03069), Section 3; Shenouda, Parhi, Lee and Nowak (arXiv 2305.16534)",
    kind="equality",
    quantity="weight-decay penalty over VV norm, minus 1",
    claimed=CLAIMED,
    hypotheses={"decay_on_both_layers": lambda instance: bool(np.all(instance["decay"] == 1.0))},
    draw=draw,
    violate={"decay_on_both_layers": draw_output_only},
    on_violation={"decay_on_both_layers": (Verdict.VIOLATED, "the output weights shrink, and the input weights grow")},
    check=check,
    recheck=recheck,
    examples=_examples,
    draws=6,
    quick_draws=1,
    quick=Quick(
        draw=partial(draw, steps=_FEW_STEPS),
        violate={"decay_on_both_layers": partial(draw_output_only, steps=_FEWEST_STEPS)},
    ),
    not_exact="training is a floating-point computation",
    trusted={
        Rung.CERTIFIED: files("trained_balance", LINE),
    },
)
