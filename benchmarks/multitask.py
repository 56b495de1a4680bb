"""Several tasks in one network: the cost of a step by weighting; our point of least norm and our steps against torchjd's.

Run with `python -m benchmarks.multitask` (a minute or two; `--quick`: fewer repetitions). Everything runs on one thread of
one process. Timings are of CPU time and alternate between the sides, and each ratio is of medians, so that a drift in the
machine's speed affects both sides.

1. *Steps*: one network with a squared, a logistic and a Huber loss, full batches; each weighting over the plain sum of
   losses.
2. *Least norm*: `vvnorm.multitask.least_norm` and torchjd's `MGDAWeighting` with its defaults, on inner products of random
   vectors whose lengths differ up to a hundredfold, half of them with a common part. The gap is computed here, in extended
   precision: a bound on half of ||x||^2 - (least norm)^2, over the product of the norms of the shortest and the longest
   vector. The excess is that of torchjd's ||x||^2 over ours.
3. *torchjd*: the same network as its users write it (`mtl_backward`, `jac_to_grad`, fused Adam), at the same weights and
   batch. The gradient in the shared parameters is compared at every step, and the time of whole steps.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torchjd.aggregation import MGDA, Aggregator, MGDAWeighting, UPGrad
from torchjd.autojac import jac_to_grad, mtl_backward

from vvnorm._internal.threads import single_threaded
from vvnorm.multitask.least_norm import minimum_norm
from vvnorm.multitask.tasks import Task
from vvnorm.training.loop import TrainingLoop
from vvnorm.training.optimisers import Adam
from vvnorm.training.placement import as_placement
from vvnorm.training.task_objective import TaskObjective, TaskPlan, TaskSamples
from vvnorm.training.weighting import as_weighting
from vvnorm.validation import Array

SLOWEST, LARGEST_GAP = 2.0, 1e-12  # what MGDA-UB's step over the plain one, and our gap, must reach
WEIGHTINGS = ("equal", "learned", "uncertainty", "alternating", "mgda_ub", "mgda", "gradnorm", "upgrad")
LOSSES = ("squared", "logistic", "huber:1")
COUNTS = (2, 3, 10, 40)


@dataclass(frozen=True)
class Size:
    """The sizes that are timed: numbers of neurons, samples and features, of repetitions, and of steps in each."""

    width: int
    batch: int
    d: int
    rounds: int
    steps: int


def loop(size: Size, weighting: str, tasks: int) -> TrainingLoop:
    """Make the training of one network, without penalty."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((size.batch, size.d))
    Y = np.column_stack([X[:, 0] ** 2, X[:, 1] + rng.standard_normal(size.batch) > 0, rng.standard_normal(size.batch)])
    samples = TaskSamples(X, Y[:, :tasks], np.ones((size.batch, tasks)))
    chosen = [Task(f"{t}", (t,), LOSSES[t]) for t in range(tasks)]
    plan = TaskPlan(10**6, 1e-3, 0.0, None, size.width, as_placement("float64", "cpu"))
    objective = TaskObjective([samples], chosen, [as_weighting(weighting, tasks)], [0], plan)
    return TrainingLoop(objective, plan.steps, 1)


def in_turn(sides: dict[str, Callable[[], None]], rounds: int, repeats: int) -> dict[str, float]:
    """Return median CPU seconds of one call of each side, `repeats` calls at a time, after a first time that is dropped."""
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds + 1):
        for name, side in sides.items():
            began = time.process_time()
            for _ in range(repeats):
                side()
            seconds[name].append((time.process_time() - began) / repeats)
    return {name: statistics.median(values[1:]) for name, values in seconds.items()}


def goal(met: bool) -> str:
    return "met" if met else "not met"


# --- 1. steps ---------------------------------------------------------------------------------------------------------


def steps(size: Size) -> dict[str, float]:
    """Print the step of every weighting over that of the plain sum; return the ratios."""
    median = in_turn({name: loop(size, name, 3).advance for name in WEIGHTINGS}, size.rounds, size.steps)
    plain = median["equal"]
    print(f"1. One step, width {size.width}, 3 tasks, batch {size.batch}, d = {size.d}; plain sum: {1e3 * plain:.2f} ms")
    ratios = {name: seconds / plain for name, seconds in median.items()}
    for name, ratio in ratios.items():
        must = f"  (at most {SLOWEST:g}: {goal(ratio <= SLOWEST)})" if name == "mgda_ub" else ""
        print(f"   {name:12} {ratio:6.2f} x{must}")
    return ratios


# --- 2. the point of least norm ---------------------------------------------------------------------------------------


def products(tasks: int, count: int) -> list[Array]:
    """Make inner products of random vectors of very different lengths."""
    rng = np.random.default_rng(tasks)
    made = []
    for i in range(count):
        vectors = rng.standard_normal((tasks, 60)) + (i % 2) * rng.standard_normal(60)
        vectors *= 10 ** rng.uniform(-1, 1, (tasks, 1))
        made.append(vectors @ vectors.T)
    return made


def gap(gram: Array, weights: Array) -> float:
    """Return ||x||^2 - min_t <g_t, x> over the product of the least and the largest norm."""
    G, a = gram.astype(np.longdouble), weights.astype(np.longdouble)
    along = G @ (a / a.sum())
    norms = np.sqrt(np.diag(G))
    return float((a @ along / a.sum() - along.min()) / (norms.min() * norms.max()))


def least_norm(size: Size) -> dict[int, float]:
    """Print times, gaps and excess; return our worst gaps."""
    print("2. Point of least norm: torchjd's time over ours, worst gaps, and how much longer torchjd's point is (squared)")
    worst = {}
    theirs = MGDAWeighting()
    for tasks in COUNTS:
        grams = products(tasks, 4 * size.rounds)
        tensors = [torch.from_numpy(gram) for gram in grams]
        median = in_turn(
            {
                "ours": lambda grams=grams: [minimum_norm(gram) for gram in grams],
                "torchjd": lambda tensors=tensors: [theirs(gram) for gram in tensors],
            },
            size.rounds,
            1,
        )
        pairs = [(minimum_norm(gram).weights, theirs(gram_).numpy()) for gram, gram_ in zip(grams, tensors, strict=True)]
        gaps = [
            [gap(gram, weights) for gram, weights in zip(grams, side, strict=True)] for side in zip(*pairs, strict=True)
        ]
        excess = [(b @ G @ b) / (a @ G @ a) - 1 for G, (a, b) in zip(grams, pairs, strict=True)]
        worst[tasks] = max(gaps[0])
        ours, peer = (median[name] / len(grams) for name in ("ours", "torchjd"))
        met = goal(worst[tasks] <= LARGEST_GAP)
        parity = f"; weights differ by {max(np.abs(a - b).max() for a, b in pairs):.0e}" if tasks == 2 else ""
        print(
            f"   {tasks:2} tasks: {1e6 * ours:4.0f} us, {peer / ours:4.0f} x; gap {worst[tasks]:.0e} (at most "
            f"{LARGEST_GAP:g}: {met}), torchjd {max(gaps[1]):.0e}; excess median {statistics.median(excess):.0e}, worst "
            f"{max(excess):.0e}{parity}"
        )
    return worst


# --- 3. torchjd's step ------------------------------------------------------------------------------------------------


class TorchjdPeer:
    """One network as torchjd's users write it, with a head for each task, at the weights of a loop."""

    def __init__(self, of: TrainingLoop, aggregator: Aggregator) -> None:
        assert isinstance(of.objective, TaskObjective)
        self.of, self.aggregator = of.objective, aggregator
        self.parts = [part.clone().requires_grad_() for part in self._given()]
        self.shared, own = self.parts[:2], self.parts[2:]
        self.heads = [own[first : first + 3] for first in range(0, len(own), 3)]
        self.adam = torch.optim.Adam(self.parts, lr=1e-3, fused=True)

    def _given(self) -> list[torch.Tensor]:
        W, b, V, A, c = (tensor[0] for tensor in self.of.at.tensors)
        return [W, b, *(part for head in zip(V, A, c, strict=True) for part in head)]

    @torch.no_grad()
    def take(self) -> None:
        """Copy the loop's weights, and clear gradients."""
        for mine, part in zip(self.parts, self._given(), strict=True):
            mine.copy_(part)
        self.adam.zero_grad()

    def gradient(self) -> None:
        """Compute all gradients."""
        z, y, model = self.of.z[0], self.of.labels[0], self.of.model
        features = torch.relu(torch.addmm(self.shared[1], z, self.shared[0].T))
        losses = []
        for t, (v, a, c) in enumerate(self.heads):
            u = (features @ v + z @ a + c) * model.unit[0, t] + model.centre[0, t]
            losses.append(self._loss(LOSSES[t], u, y[:, t]))
        mtl_backward(losses, features, tasks_params=self.heads, shared_params=self.shared)
        jac_to_grad(self.shared, self.aggregator)

    @staticmethod
    def _loss(name: str, u: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        if name == "squared":
            return torch.nn.functional.mse_loss(u, y, reduction="sum") / 2
        if name == "logistic":
            return torch.nn.functional.binary_cross_entropy_with_logits(u, y, reduction="sum")
        return torch.nn.functional.huber_loss(u, y, reduction="sum")

    def step(self) -> None:
        """Make a step."""
        self.adam.zero_grad()
        self.gradient()
        self.adam.step()


class Recording(Adam):
    """Adam that keeps the gradients of its last step."""

    gradients: list[torch.Tensor]

    def step(self, gradients: list[torch.Tensor], lr: float) -> None:
        """Make a step."""
        self.gradients = gradients
        super().step(gradients, lr)


def difference(size: Size, weighting: str, aggregator: Aggregator, tasks: int) -> float:
    """Largest relative difference of the shared gradients along our training."""
    ours = loop(size, weighting, tasks)
    peer, worst = TorchjdPeer(ours, aggregator), 0.0
    recording = Recording(peer.of.at.tensors)
    peer.of.optimisers = [recording]
    for _ in range(5 * size.steps):
        peer.take()
        peer.gradient()
        ours.advance()
        # Our weights sum to the number of tasks, and gradients are in units of the first loss.
        mine = [gradient[0] * peer.of.unit / tasks for gradient in recording.gradients[:2]]
        theirs = [part.grad for part in peer.shared]
        off, whole = (sum(float(part.square().sum()) for part in parts) for parts in (_minus(mine, theirs), theirs))
        worst = max(worst, (off / whole) ** 0.5)
    return worst


def _minus(a: Sequence[torch.Tensor], b: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    return [value - other for value, other in zip(a, b, strict=True)]


def against_torchjd(size: Size) -> dict[tuple[str, int], float]:
    """Print time ratios and differences; return these."""
    print("3. Steps of torchjd over ours, and the largest relative difference of the shared gradient along our training")
    measured = {}
    for weighting, aggregator in (("mgda", MGDA()), ("upgrad", UPGrad())):
        for tasks in (2, 3):
            ours = loop(size, weighting, tasks)
            sides = {"ours": ours.advance, "torchjd": TorchjdPeer(ours, aggregator).step}
            if weighting == "mgda":
                sides["ours, mgda_ub"] = loop(size, "mgda_ub", tasks).advance
            median = in_turn(sides, size.rounds, size.steps)
            measured[weighting, tasks] = difference(size, weighting, aggregator, tasks)
            mine, peer = median["ours"], median["torchjd"]
            bound = f" ({peer / median['ours, mgda_ub']:.2f} x MGDA-UB)" if weighting == "mgda" else ""
            print(
                f"   {weighting:6} {tasks} tasks: {1e3 * mine:.2f} ms, {peer / mine:5.2f} x{bound}; difference "
                f"{measured[weighting, tasks]:.0e}"
            )
    return measured


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer repetitions")
    quick = parser.parse_args(arguments).quick
    measure(Size(256, 256, 30, *((5, 5) if quick else (25, 20))))


def measure(size: Size) -> tuple[dict[str, float], dict[int, float], dict[tuple[str, int], float]]:
    """Print everything, measured on one thread; return ratios, gaps and differences."""
    with single_threaded():
        return steps(size), least_norm(size), against_torchjd(size)


if __name__ == "__main__":
    main()
