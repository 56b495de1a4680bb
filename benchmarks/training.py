"""Training against plain PyTorch: steps per second, results in equal time, and the excess that training must reach.

Run with `python -m benchmarks.training` (a quarter of an hour; `--quick`: a few minutes, with shorter runs, whose excess is
larger). Everything runs on one thread. Timings of steps alternate between the sides and each ratio is of medians, so that a
drift in the machine's speed affects both sides.

In the comparison at equal time every method gets as many seconds in total as `vvnorm.train` takes for its 8 seeds with its
defaults; polishing adds what is printed. The peers have the width and the skip connection of ours, torch's own
initialisation and automatic differentiation:

- *constant-lam Adam*, with the weight decay in the loss, on raw data and on standardised inputs and labels;
- *PathProx*, after Yang et al. (arXiv 2210.03069): a step of SGD or Adam on the loss, then every w_k is normalised and
  ||v_k|| is lowered by lr lam.

Both run as one program for 8 seeds, as ours does. The best setting also runs as a plain loop over 8 runs of an eighth of
the time each, which is how such training is mostly written, and, for d = 1, as one program for five times the time. lam is
that of ours, or a multiple of it. `vvnorm.train` with constant lam shows what lowering lam gradually contributes.

Excess: VV norm over the least cost of the values that the network has at the data, minus 1. A network that fits badly can
have any excess. So the relative residual, max |f - y| over the labels' range, is printed beside it; if it is large, the
excess means nothing.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from unittest.mock import patch

import numpy as np
import torch

from benchmarks.measuring import timed
from vvnorm import ReLUNetwork, certify, interpolate, train
from vvnorm.solvers.reference import dictionary_program, plane_dictionary
from vvnorm.training import regression_objective
from vvnorm.training.reoptimisation import polish
from vvnorm.validation import Array

SEEDS = 8
FITS = 1e-2  # relative residual up to which an excess is compared
LEAST = 1e-9  # an excess below it counts as that in ratios: the reference is no better
SLACK = 5e-4  # to which the convex program's optimum must be known

Limits = tuple[float, float, float, float]
NONE: Limits = (np.inf,) * 4


@dataclass(frozen=True)
class TrainingTask:
    """A data set and what training must reach on it.

    `least` is the least cost of interpolating values at its inputs; `slack` is how far, relative, its value for the labels
    may lie above the truth (0 for closed forms). `must` is the excess to be reached: trained median and worst, polished
    median and worst.
    """

    name: str
    X: Array
    Y: Array
    least: Callable[[Array], float]
    slack: float
    must: Limits

    def excess(self, network: ReLUNetwork) -> float:
        """Return VV norm / least cost of the fitted values - 1; infinite if training diverged."""
        if self.residual(network) > 1:
            return np.inf
        least = self.least(network(self.X))
        return network.vv_norm / least - 1 if least > 0 else np.inf

    def residual(self, network: ReLUNetwork) -> float:
        """Return max |f - y| over the labels' range."""
        return float(np.max(np.abs(network(self.X) - self.Y)) / np.ptp(self.Y))


def line(N: int, T: int, seed: int, must: Limits) -> TrainingTask:
    """Make Gaussian labels on a jittered grid."""
    rng = np.random.default_rng(seed)
    x = (np.arange(N) + rng.uniform(-0.3, 0.3, N)) / (N - 1)
    return TrainingTask(
        f"d = 1, N = {N}, T = {T}", x, rng.standard_normal((N, T)), lambda Y: interpolate(x, Y).value, 0.0, must
    )


def plane(N: int, T: int, seed: int, must: Limits) -> TrainingTask:
    """Make Gaussian labels at uniform points of a square; the reference is the convex program over lines through points.

    Beside the lines through two points there are some through each, in random directions: as many as a small certified gap
    takes.
    """
    rng = np.random.default_rng(seed)
    X, Y = rng.uniform(-1, 1, (N, 2)), rng.standard_normal((N, T))
    for directions in (20, 40, 80, 160):
        W, b = plane_dictionary(X, directions, 0)
        optimum = dictionary_program(X, Y, W, b)
        slack = certify(optimum.network, X, Y, dual=optimum.dual).gap
        if slack <= SLACK:
            break

    def least(values: Array) -> float:
        if np.max(np.abs(values - Y)) <= 1e-6 * np.ptp(Y):
            return optimum.value
        try:
            return dictionary_program(X, values, W, b).value
        except RuntimeError:  # values far from any data's
            return 0.0

    return TrainingTask(f"d = 2, N = {N}, T = {T}", X, Y, least, slack, must)


def tasks(seed: int) -> list[TrainingTask]:
    return [
        line(12, 3, seed, (0.003, 0.01, 0.0005, 0.002)),
        line(20, 5, seed, (0.02, np.inf, 0.002, np.inf)),
        plane(20, 5, seed, (0.03, np.inf, 0.005, np.inf)),
    ]


# --- peers ------------------------------------------------------------------------------------------------------------


class Net(torch.nn.Module):
    """A network as it is usually written, with torch's initialisation."""

    def __init__(self, d: int, width: int, T: int) -> None:
        super().__init__()
        self.hidden, self.out = torch.nn.Linear(d, width), torch.nn.Linear(width, T)
        self.skip = torch.nn.Linear(d, T, bias=False)

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """Evaluate at X, (N, d)."""
        return self.out(torch.relu(self.hidden(X))) + self.skip(X)

    def weights(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """W, b and V."""
        return self.hidden.weight, self.hidden.bias, self.out.weight

    def parts(self) -> list[tuple[Array, ...]]:
        """W, b, V, A and c."""
        return [tuple(p.detach().numpy() for p in (*self.weights(), self.skip.weight, self.out.bias))]


class Stack(torch.nn.Module):
    """Several such networks as one tensor program."""

    def __init__(self, nets: list[Net]) -> None:
        super().__init__()
        parts = ([net.get_parameter(name).detach() for net in nets] for name in _NAMES)
        self.W, self.b, self.V, self.c, self.A = (torch.nn.Parameter(torch.stack(part)) for part in parts)

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """Evaluate all at X, (N, d)."""
        X = X.expand(len(self.W), -1, -1)
        hidden = torch.relu(torch.baddbmm(self.b[:, None], X, self.W.mT))
        return torch.baddbmm(self.c[:, None], hidden, self.V.mT) + torch.bmm(X, self.A.mT)

    def weights(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """W, b and V of all."""
        return self.W, self.b, self.V

    def parts(self) -> list[tuple[Array, ...]]:
        """W, b, V, A and c of each."""
        return list(zip(*(p.detach().numpy() for p in (self.W, self.b, self.V, self.A, self.c)), strict=True))


_NAMES = ("hidden.weight", "hidden.bias", "out.weight", "out.bias", "skip.weight")
Model = Net | Stack


def nets(task: TrainingTask, width: int, count: int) -> list[Net]:
    made = []
    for seed in range(count):
        torch.manual_seed(seed)
        made.append(Net(1 if task.X.ndim == 1 else task.X.shape[1], width, task.Y.shape[1]))
    return made


@dataclass(frozen=True)
class PeerCoordinates:
    """Coordinates in which a peer trains: inputs and labels minus a centre, over a unit."""

    task: TrainingTask
    standardised: bool

    @property
    def inputs(self) -> tuple[Array, Array, float]:
        """Inputs in these coordinates, their centre and their unit."""
        return self._moved(self.task.X.reshape(len(self.task.X), -1))

    @property
    def labels(self) -> tuple[Array, Array, float]:
        """Labels in these coordinates, their centre and their unit."""
        return self._moved(self.task.Y)

    def _moved(self, rows: Array) -> tuple[Array, Array, float]:
        if not self.standardised:
            return rows, np.zeros(rows.shape[1]), 1.0
        middle, unit = rows.mean(axis=0), float(rows.std())
        return (rows - middle) / unit, middle, unit

    def back(self, W: Array, b: Array, V: Array, A: Array, c: Array) -> ReLUNetwork | None:
        """Return the network for the original data; None if training diverged."""
        if not all(np.isfinite(part).all() for part in (W, b, V, A, c)):
            return None
        (_, x_middle, x_unit), (_, y_middle, y_unit) = self.inputs, self.labels
        W, A = W / x_unit, A * (y_unit / x_unit)
        return ReLUNetwork(W, b - W @ x_middle, V * y_unit, A, c * y_unit + y_middle - A @ x_middle)


@dataclass(frozen=True)
class TorchPeer:
    """One way to train. `penalty` is the term in the loss, if any; `threshold`: whether PathProx's update follows."""

    name: str
    optimiser: Callable[[Any], torch.optim.Optimizer]
    lr: float
    lam: float
    penalty: str | None = None
    threshold: bool = False
    standardised: bool = False

    def stepper(self, model: Model, frame: PeerCoordinates) -> Callable[[], None]:
        """Return a function that makes one step."""
        optimiser = self.optimiser(model.parameters())
        (inputs, _, x_unit), (labels, _, y_unit) = frame.inputs, frame.labels
        X, Y, lam = torch.from_numpy(inputs), torch.from_numpy(labels), self.lam / (x_unit * y_unit)

        def step() -> None:
            optimiser.zero_grad()
            loss = (model(X) - Y).square().sum() / 2
            W, b, V = model.weights()
            if self.penalty == "weight_decay":
                loss = loss + lam * (W.square().sum() + V.square().sum()) / 2
            elif self.penalty == "path_norm":
                loss = loss + lam * (W.norm(dim=-1) * V.norm(dim=-2)).sum()
            loss.backward()
            optimiser.step()
            if self.threshold:
                shrink(W, b, V, self.lr * lam)

        return step


@torch.no_grad()
def shrink(W: torch.Tensor, b: torch.Tensor, V: torch.Tensor, by: float) -> None:
    """Normalise every w_k, then soft-threshold every ||v_k||."""
    size = W.norm(dim=-1).clamp_min(1e-12)
    W /= size[..., None]
    b /= size
    V *= size[..., None, :]
    V *= (1 - by / V.norm(dim=-2, keepdim=True).clamp_min(1e-100)).clamp_min(0)


def for_seconds(step: Callable[[], None], seconds: float) -> int:
    """Repeat a step for the given time; return how often."""
    end, count = time.perf_counter() + seconds, 0
    while time.perf_counter() < end:
        step()
        count += 1
    return count


# --- 1. throughput ----------------------------------------------------------------------------------------------------


def throughput(steps: int, peer_steps: int, rounds: int) -> None:
    """Time 64 runs of N = 20, T = 3, width 100."""
    task, runs, width = line(20, 3, 0, NONE), 64, 100
    lam = train(task.X, task.Y, steps=1, progress=False).lam
    frame = PeerCoordinates(task, standardised=False)

    def ours(penalty: str) -> float:
        seconds, _ = timed(
            lambda: train(task.X, task.Y, width=width, seeds=runs, steps=steps, penalty=penalty, progress=False)
        )
        return seconds / steps

    def loop(penalty: str | None, adam: Callable[[Any], torch.optim.Optimizer]) -> float:
        peer = TorchPeer("", adam, 1e-3, lam, penalty)
        models = nets(task, width, runs)

        def train_all() -> None:
            for model in models:
                step = peer.stepper(model, frame)
                for _ in range(peer_steps):
                    step()

        return timed(train_all)[0] / peer_steps

    adam = torch.optim.Adam
    sides: dict[str, tuple[str, Callable[[], float]]] = {
        "vvnorm.train, path norm": ("path_norm", lambda: ours("path_norm")),
        "vvnorm.train, weight decay": ("weight_decay", lambda: ours("weight_decay")),
        "loop, path norm in the loss": ("path_norm", lambda: loop("path_norm", partial(adam, lr=1e-3))),
        "loop, weight decay in the loss": ("weight_decay", lambda: loop("weight_decay", partial(adam, lr=1e-3))),
        "loop, Adam(weight_decay=lam)": (
            "weight_decay",
            lambda: loop(None, partial(adam, lr=1e-3, weight_decay=lam)),
        ),
        "loop, Adam(weight_decay=lam, fused=True)": (
            "weight_decay",
            lambda: loop(None, partial(adam, lr=1e-3, weight_decay=lam, fused=True)),
        ),
    }
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, (_, side) in sides.items():
            seconds[name].append(side())
    median = {name: statistics.median(values) for name, values in seconds.items()}
    mine = {penalty: median[name] for name, (penalty, _) in list(sides.items())[:2]}
    print(f"1. One step of {runs} runs: N = 20, T = 3, width {width}, float64, one thread; median of {rounds} rounds")
    print(f"   (ours over {steps} steps with setup, records and results; loops over {peer_steps} steps of all runs)")
    for name, (penalty, _) in sides.items():
        ratio = f"{median[name] / mine[penalty]:6.1f} x ours" if name.startswith("loop") else ""
        print(f"   {name:42} {median[name] * 1e3:8.2f} ms {ratio}")


def wide(width: int, steps: int) -> None:
    """Time one wide network in mini-batches of 1024 of 3000 points, ten inputs and outputs, in CPU time."""
    rng, lam = np.random.default_rng(0), 50.0
    X = rng.standard_normal((3000, 10))
    task = TrainingTask("wide", X, np.sin(X @ rng.standard_normal((10, 10))), lambda _: 0.0, 0.0, NONE)
    (net,), rows = nets(task, width, 1), torch.Generator().manual_seed(0)
    optimiser, inputs, labels = (
        torch.optim.Adam(net.parameters(), fused=True),
        torch.from_numpy(X),
        torch.from_numpy(task.Y),
    )

    def ours(count: int) -> None:
        train(X, task.Y, width=width, lam=lam, steps=count, batch_size=1024, progress=False)

    def plain(count: int) -> None:
        for _ in range(count):
            batch = torch.randint(len(X), (1024,), generator=rows)
            optimiser.zero_grad()
            W, _, V = net.weights()
            loss = (net(inputs[batch]) - labels[batch]).square().sum() / 2 * (len(X) / 1024)
            (loss + lam * (W.norm(dim=-1) * V.norm(dim=-2)).sum()).backward()
            optimiser.step()

    def seconds(side: Callable[[int], None]) -> float:
        times = []
        for count in (1, 1, 1 + steps):  # the first call loads and compiles
            began = time.process_time()
            side(count)
            times.append(time.process_time() - began)
        return (times[2] - times[1]) / steps

    with (
        patch.object(regression_objective, "_LARGE_RECORD", 0),
        patch.object(regression_objective, "_SHARE_OF_RECORDS", 0.0),
    ):
        mine, theirs = seconds(ours), seconds(plain)
    times = f"{1e3 * mine:.0f} ms a step, plain loop {1e3 * theirs:.0f} ms"
    print(f"   one network of width {width}: {times}: {theirs / mine:.2f} x")


# --- 2. equal time ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ResultRow:
    """What one method reached."""

    name: str
    seconds: float
    steps: int
    excess: list[float]
    residual: list[float]

    @property
    def median(self) -> float:
        """Median excess."""
        return statistics.median(self.excess)

    @property
    def fits(self) -> bool:
        """Whether most networks fit well enough for the excess to have a meaning."""
        return statistics.median(self.residual) <= FITS

    def line(self) -> str:
        """All results in words."""
        return (
            f"   {self.name:56} {self.seconds:5.1f} s {self.steps:6} steps   excess {self.median:9.2e} median "
            f"{max(self.excess):9.2e} worst   residual {statistics.median(self.residual):7.1e} median "
            f"{max(self.residual):7.1e} worst"
        )


def judged(name: str, task: TrainingTask, seconds: float, steps: int, networks: Sequence[ReLUNetwork | None]) -> ResultRow:
    excess, residual = ([np.inf if f is None else of(f) for f in networks] for of in (task.excess, task.residual))
    return ResultRow(name, seconds, steps, excess, residual)


def better(rows: list[ResultRow]) -> ResultRow:
    """Return the row of least median excess among those that fit; if none fits, the row of least residual."""
    fitting = [row for row in rows if row.fits]
    if fitting:
        return min(fitting, key=lambda row: row.median)
    return min(rows, key=lambda row: statistics.median(row.residual))


def equal_time(task: TrainingTask, steps: int, longer: float) -> None:
    """Give every method the time that ours takes, and the peers' best setting also `longer` times that, if not 0."""
    ours = partial(train, task.X, task.Y, seeds=SEEDS, progress=False)
    budget, result = timed(lambda: ours(steps=steps))
    width, lam = result.settings["width"], result.lam
    extra, polished = timed(lambda: [polish(f, task.X, task.Y, lam).network for f in result.networks])
    proximal, constant = partial(ours, optimizer="proximal"), partial(ours, schedule="constant", lam=lam)
    brief = max(steps // 20, 1)
    count = max(1, round(brief * budget / timed(lambda: proximal(steps=brief))[0]))
    seconds, other = timed(lambda: proximal(steps=count))
    own = [
        judged("vvnorm.train", task, budget, steps, result.networks),
        judged("vvnorm.train, polish", task, budget + extra, steps, polished),
        judged("vvnorm.train, proximal", task, seconds, count, other.networks),
    ]
    alone = []
    for options in ({}, {"initialisation": "torch"}):
        seconds, other = timed(lambda options=options: constant(steps=steps, **options))
        name = ", ".join(["vvnorm.train, constant lam", *(f"{value} start" for value in options.values())])
        alone.append(judged(name, task, seconds, steps, other.networks))
    print(f"   {task.name}, width {width}, lam {lam:.2e}, reference known to {task.slack:.0e}")
    for row in (*own, *alone):
        print(row.line())
    families = (
        [
            _adam(lr, lam, times, standardised)
            for lr, times, standardised in ((1e-3, 1, False), (1e-2, 1, False), (1e-2, 1, True), (1e-2, 1000, True))
        ],
        [
            _pathprox(optimiser, lr, lam, standardised)
            for optimiser, lr, standardised in (
                ("SGD", 1e-4, False),
                ("Adam", 1e-3, False),
                ("Adam", 1e-2, False),
                ("Adam", 1e-2, True),
            )
        ],
    )
    for family in families:
        batched = [in_a_batch(peer, task, width, budget) for peer in family]
        best = better(batched)
        looped = in_a_loop(family[batched.index(best)], task, width, budget)
        for row in (*batched, looped):
            print(row.line())
        if longer:
            print(in_a_batch(family[batched.index(best)], task, width, longer * budget).line())
        for row in (best, looped):
            note = "" if row.fits else f"; but it does not fit (residual {statistics.median(row.residual):.0e})"
            ratios = ", ".join(f"{row.median / max(mine.median, LEAST):.2g} x {mine.name}" for mine in own)
            print(f"   -> median excess of {row.name}: {ratios}{note}")
    print()


def _adam(lr: float, lam: float, times: float, standardised: bool) -> TorchPeer:
    words = f"Adam, lr {lr:g}" + (f", lam x {times}" if times != 1 else "") + (", standardised" if standardised else "")
    adam = partial(torch.optim.Adam, lr=lr, fused=True)
    return TorchPeer(words, adam, lr, times * lam, "weight_decay", standardised=standardised)


def _pathprox(optimiser: str, lr: float, lam: float, standardised: bool) -> TorchPeer:
    words = f"PathProx with {optimiser}, lr {lr:g}" + (", standardised" if standardised else "")
    make = partial(getattr(torch.optim, optimiser), lr=lr, fused=True)
    return TorchPeer(words, make, lr, lam, threshold=True, standardised=standardised)


def in_a_batch(peer: TorchPeer, task: TrainingTask, width: int, seconds: float) -> ResultRow:
    model, frame = Stack(nets(task, width, SEEDS)), PeerCoordinates(task, peer.standardised)
    steps = for_seconds(peer.stepper(model, frame), seconds)
    return judged(f"{peer.name}, batched", task, seconds, steps, [frame.back(*parts) for parts in model.parts()])


def in_a_loop(peer: TorchPeer, task: TrainingTask, width: int, seconds: float) -> ResultRow:
    models, frame = nets(task, width, SEEDS), PeerCoordinates(task, peer.standardised)
    steps = [for_seconds(peer.stepper(model, frame), seconds / SEEDS) for model in models]
    networks = [frame.back(*parts) for model in models for parts in model.parts()]
    return judged(f"{peer.name}, loop", task, seconds, round(statistics.median(steps)), networks)


# --- 3. what must be reached ------------------------------------------------------------------------------------------


def must_reach(data_seeds: int) -> None:
    """Train 16 seeds with the defaults."""
    print("3. Excess of vvnorm.train with its defaults, 16 seeds; in brackets what must be reached")
    print("   (d = 2: over a certified lower bound, the optimum of the convex program less its certified gap)")
    for seed in range(data_seeds):
        for task in tasks(seed):
            seconds, result = timed(lambda task=task: train(task.X, task.Y, seeds=16, progress=False))
            networks = [polish(f, task.X, task.Y, result.lam).network for f in result.networks]
            reached: list[float] = []
            for stage in (result.networks, networks):
                excess = [task.excess(network) for network in stage]
                reached += [(1 + value) * (1 + task.slack) - 1 for value in (statistics.median(excess), max(excess))]
            residual = max(task.residual(network) for network in (*result.networks, *networks))
            columns = ", ".join(
                f"{name} {value:.4%}" + (f" ({must:.2%})" if np.isfinite(must) else "")
                for name, value, must in zip(_STAGES, reached, task.must, strict=True)
            )
            met = residual <= 1e-4 and all(value <= must for value, must in zip(reached, task.must, strict=True))
            print(
                f"   {task.name}, data {seed}: {columns}; residual {residual:.1e} (1e-04); {seconds:.0f} s; "
                f"{'reached' if met else 'NOT REACHED'}"
            )


_STAGES = ("trained median", "worst", "polished median", "worst")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer rounds, fewer steps and one data set each")
    quick = parser.parse_args().quick
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)
    interpolate([0.0, 1.0, 2.0], [[0.0], [1.0], [0.0]])  # compile, or load what was compiled
    throughput(*((500, 10, 3) if quick else (1000, 20, 5)))
    wide(512, 30)
    wide(4096, 6)
    print(f"\n2. Equal time for {SEEDS} seeds")
    for task in tasks(0):
        equal_time(task, 500 if quick else 5000, 0 if quick or task.X.ndim == 2 else 5)
    must_reach(1 if quick else 3)


if __name__ == "__main__":
    main()
