"""What other programs can do on the same problems, judged by the same verifier; writes a page.

Run with `make benchmark`, or `python -m benchmarks.comparison [--write FILE.md]`. Programs that are not installed
are listed as such (extra `benchmark`). Every program returns a function; the objective of each is computed by
`vvnorm.certify_fit`; the excess is over the certified lower bound on the optimum. Times are processor time on one
thread, the least of up to three runs, so that other work on the machine matters little. Each program has a process of its
own. There it first solves the problem of the first few points, so that imports and compiling are not counted; then the
process ends after a limit of processor time. All of it takes at most a quarter of an hour.
"""

import argparse
import os
import platform
import resource
import time
import timeit
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import torch

import vvnorm
from vvnorm.network import ReLUNetwork
from vvnorm.piecewise import PiecewiseLinear
from vvnorm.validation import Array
from vvnorm.verifier.check import certify_fit

_SHORT = 5.0  # seconds; what takes longer runs once
_LIMIT = 60  # seconds of processor time for a program and a problem
_FEW = 8  # points of the problem that a program solves first
_STEPS = 3000
_GATES = 300
_GRID = 20_001


@dataclass(frozen=True)
class PosedProblem:
    """Data, lam, and the convention: without a skip connection biases are penalised, too."""

    name: str
    X: Array
    Y: Array
    lam: float
    skip: bool = True

    @property
    def convention(self) -> dict[str, bool]:
        """Options of `fit` and `certify_fit`."""
        return {"skip": self.skip, "penalise_bias": not self.skip}

    def few(self) -> "PosedProblem":
        """Return the problem of the first few points."""
        return replace(self, X=self.X[:_FEW], Y=self.Y[:_FEW])

    def objective(self, function: Any) -> float:
        """Return the objective of a function, as the verifier computes it."""
        return certify_fit(function, self.X, self.Y, self.lam, **self.convention).objective


def problems() -> tuple[PosedProblem, ...]:
    """Noisy curves of one input with three outputs; the plane with two; the plane in the convention of scnn."""
    rng = np.random.default_rng(0)
    x = np.sort(rng.uniform(0, 1, 200))[:, None]
    curves = np.sin(6 * np.pi * x + np.arange(3)) + 0.3 * rng.standard_normal((200, 3))
    X = rng.standard_normal((40, 2))
    Y = np.column_stack([np.sin(2 * X[:, 0]), X[:, 0] * X[:, 1]]) + 0.1 * rng.standard_normal((40, 2))
    return (
        PosedProblem("one input, 200 points, 3 outputs", x, curves, 0.01 * vvnorm.lambda_max(x, curves)),
        PosedProblem("two inputs, 40 points, 2 outputs", X, Y, 0.05 * vvnorm.lambda_max(X, Y)),
        PosedProblem("two inputs, 40 points, 1 output, no skip, biases penalised", X, Y[:, :1], 0.5, skip=False),
    )


# --- the programs: each returns a function whose objective is judged --------------------------------------------------


def by_vvnorm(problem: PosedProblem) -> Any:
    """`vvnorm.fit`: column generation or Newton steps to a certified gap of 1e-6."""
    return vvnorm.fit(problem.X, problem.Y, problem.lam, **problem.convention).network


def by_cvxpy(problem: PosedProblem) -> Any:
    """CVXPY with Clarabel. One input: the finite program. The plane: over 400 random neurons through data points."""
    import cvxpy as cp

    features, W, b = _dictionary(problem)
    V, affine = cp.Variable((features.shape[1], problem.Y.shape[1])), cp.Variable((3, problem.Y.shape[1]))
    free = np.column_stack([np.ones(len(problem.X)), problem.X, np.zeros(len(problem.X))])[:, :3]
    loss = cp.sum_squares(problem.Y - features @ V - free @ affine) / 2
    cp.Problem(cp.Minimize(loss + problem.lam * cp.sum(cp.norm(V, 2, axis=1)))).solve(solver=cp.CLARABEL)
    d = problem.X.shape[1]
    return ReLUNetwork(W, b, V.value.T, affine.value[1 : 1 + d].T, affine.value[0])


def by_skglm(problem: PosedProblem) -> Any:
    """skglm `MultiTaskLasso` on the same neurons; affine functions are projected out first. At most 50 x 1000 epochs."""
    from skglm import MultiTaskLasso

    features, W, b = _dictionary(problem)
    free = np.column_stack([np.ones(len(problem.X)), problem.X])
    Q, _ = np.linalg.qr(free)
    inside, labels = (values - Q @ (Q.T @ values) for values in (features, problem.Y))
    model = MultiTaskLasso(alpha=problem.lam / len(labels), fit_intercept=False, tol=1e-8, max_iter=50, max_epochs=1000)
    V = np.asarray(model.fit(np.asfortranarray(inside), labels).coef_)
    affine = np.linalg.lstsq(free, problem.Y - features @ V.T, rcond=None)[0]
    return ReLUNetwork(W, b, V, affine[1:].T, affine[0])


def by_torch(problem: PosedProblem) -> Any:
    """Plain PyTorch: Adam on the sum of losses plus weight decay, 100 neurons and a skip connection, 3000 steps."""
    module, X, Y = _module(problem)
    optimiser = torch.optim.Adam(module.parameters(), lr=0.01)
    for _ in range(_STEPS):
        optimiser.zero_grad()
        (torch.sum((module(X) - Y) ** 2) / 2 + problem.lam / 2 * _decay(module)).backward()
        optimiser.step()
    return ReLUNetwork.from_torch(module)


def by_proximal(problem: PosedProblem) -> Any:
    """`vvnorm.train` with its proximal optimizer, 100 neurons, 5000 steps; PathProx itself is not a package."""
    trained = vvnorm.train(
        problem.X, problem.Y, lam=problem.lam, width=100, optimizer="proximal", progress=False, **problem.convention
    )
    return trained.networks[0]


def by_torchjd(problem: PosedProblem) -> Any:
    """torchjd: UPGrad combines the gradients of the outputs' losses; a quarter of the steps, each is a program."""
    from torchjd.aggregation import UPGrad
    from torchjd.autojac import backward, jac_to_grad

    module, X, Y = _module(problem)
    optimiser, combine = torch.optim.Adam(module.parameters(), lr=0.01), UPGrad()
    for _ in range(_STEPS // 4):
        optimiser.zero_grad()
        penalty = problem.lam / 2 * _decay(module) / Y.shape[1]
        losses = torch.sum((module(X) - Y) ** 2, dim=0) / 2 + penalty
        backward(losses)
        jac_to_grad(module.parameters(), combine)
        optimiser.step()
    return ReLUNetwork.from_torch(module)


def by_kernel_ridge(problem: PosedProblem) -> Any:
    """scikit-learn `KernelRidge`, RBF kernel: the best of 25 settings by our objective. One input only."""
    from sklearn.kernel_ridge import KernelRidge

    t = np.unique(np.concatenate([problem.X[:, 0], np.linspace(*problem.X[[0, -1], 0], _GRID)]))
    fits = []
    for gamma in (10.0, 30.0, 100.0, 300.0, 1000.0):
        for alpha in (1e-3, 1e-2, 0.1, 1.0, 10.0):
            model = KernelRidge(kernel="rbf", alpha=alpha, gamma=gamma).fit(problem.X, problem.Y)
            fits.append(PiecewiseLinear(t, model.predict(t[:, None])))
    return min(fits, key=problem.objective)


def by_scnn(problem: PosedProblem) -> Any:
    """scnn (`pyscnn`), ReLU program with `NeuronGL1` over 300 random gates, float64; see conventions.md for its c."""
    from scnn.metrics import Metrics
    from scnn.models import ConvexReLU
    from scnn.optimize import optimize_model
    from scnn.regularizers import NeuronGL1
    from scnn.solvers import AL

    c = vvnorm.fit(problem.X, problem.Y, problem.lam, **problem.convention).network.c
    N = len(problem.X)
    inputs = np.column_stack([problem.X, np.ones(N)])
    gates = np.random.default_rng(0).standard_normal((inputs.shape[1], _GATES))
    model = ConvexReLU(gates, c=1, bias=False)
    trained, _ = optimize_model(
        model, AL(model), Metrics(), inputs, problem.Y - c, regularizer=NeuronGL1(problem.lam / N),
        unitize_data=False, dtype="float64",
    )  # fmt: skip
    first, second = trained.parameters
    return ReLUNetwork(first[:, :-1], first[:, -1], second, c=c)


def _dictionary(problem: PosedProblem) -> tuple[Array, Array, Array]:
    """Features (N, K) of neurons with ||w|| = 1, and their W, b: all that matter for one input, random ones for more."""
    rng = np.random.default_rng(1)
    if problem.X.shape[1] == 1:
        b = -problem.X[1:-1, 0]
        W = np.ones((len(b), 1))
    else:
        angles = rng.uniform(0, 2 * np.pi, 400)
        W = np.column_stack([np.cos(angles), np.sin(angles)])
        b = -np.sum(W * problem.X[rng.integers(0, len(problem.X), 400)], axis=1)
    return np.maximum(problem.X @ W.T + b, 0), W, b


class _Network(torch.nn.Module):
    """100 neurons and a skip connection."""

    def __init__(self, d: int, T: int) -> None:
        super().__init__()
        self.hidden, self.output, self.skip = torch.nn.Linear(d, 100), torch.nn.Linear(100, T), torch.nn.Linear(d, T)

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        return self.output(torch.relu(self.hidden(X))) + self.skip(X)


def _module(problem: PosedProblem) -> tuple[Any, Any, Any]:
    torch.manual_seed(0)
    network = _Network(problem.X.shape[1], problem.Y.shape[1]).double()
    return network, torch.from_numpy(problem.X), torch.from_numpy(problem.Y)


def _decay(module: Any) -> Any:
    return torch.sum(module.hidden.weight**2) + torch.sum(module.output.weight**2)


Solver = Callable[[PosedProblem], Any]

PROGRAMS: tuple[tuple[str, str, Solver, tuple[int, ...]], ...] = (
    ("vvnorm", "vvnorm", by_vvnorm, (0, 1, 2)),
    ("CVXPY with Clarabel", "cvxpy", by_cvxpy, (0, 1)),
    ("skglm MultiTaskLasso", "skglm", by_skglm, (0, 1)),
    ("PyTorch, Adam and weight decay", "torch", by_torch, (0, 1)),
    ("PathProx-style training", "vvnorm", by_proximal, (0, 1, 2)),
    ("torchjd UPGrad", "torchjd", by_torchjd, (0, 1)),
    ("scikit-learn KernelRidge", "scikit-learn", by_kernel_ridge, (0,)),
    ("scnn", "pyscnn", by_scnn, (2,)),
)
"""Name, distribution, function, and the numbers of the problems that it can pose."""


def measure(problem: PosedProblem, solve: Solver) -> tuple[float, float]:
    """Return the least processor time of up to three runs, and the objective."""
    functions: list[Any] = []
    timer = timeit.Timer(lambda: functions.append(solve(problem)), timer=time.process_time)
    calls, total = timer.autorange()  # the clock may tick every 10 ms only: many calls of what is quick
    repeated = timer.repeat(2, calls) if total < _SHORT else []
    return min([total, *repeated]) / calls, problem.objective(functions[-1])


def limited(number: int, name: str) -> tuple[float, float] | str:
    """Measure a program on a problem in a process of its own; return what `measure` does, or what went wrong."""
    context = get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(target=_send_measurement, args=(number, name, sender))
    child.start()
    sender.close()
    try:
        waiting = receiver.poll(10 * _LIMIT)  # seconds on the clock: a program may wait for something
        answer: tuple[float, float] | str = receiver.recv() if waiting else "waits without end"
    except EOFError:  # the process was ended
        answer = f"not done after {_LIMIT} s"
    child.kill()
    child.join()
    return answer


def _send_measurement(number: int, name: str, sender: Connection) -> None:
    """Send the measurement; the system ends the process at the limit."""
    torch.set_num_threads(1)
    problem = problems()[number]
    [solve] = [solve for known, _, solve, _ in PROGRAMS if known == name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # other programs' warnings
        try:
            solve(problem.few())
            end = int(time.process_time()) + _LIMIT
            resource.setrlimit(resource.RLIMIT_CPU, (end, end))
            sender.send(measure(problem, solve))
        except Exception as error:  # whatever another program raises is its result
            sender.send(f"fails: {type(error).__name__}")


def tables() -> list[str]:
    """Return the lines of the page's tables, one for each problem."""
    lines = []
    for number, problem in enumerate(problems()):
        fit = vvnorm.fit(problem.X, problem.Y, problem.lam, tol=1e-8, **problem.convention)
        assert fit.gap <= 1e-6, "the optimum must be certified"
        lines += [
            f"## {problem.name[0].upper()}{problem.name[1:]}",
            "",
            f"lam = {problem.lam:.4g}; {CONVENTION[problem.skip]}.",
        ]
        lines += ["", "| program | processor time / vvnorm's | excess over the optimum |", "|---|---|---|"]
        unit = 0.0
        for name, package, _, posed in PROGRAMS:
            measured = "does not pose this problem" if number not in posed else _missing(package) or limited(number, name)
            if isinstance(measured, str):
                lines.append(f"| {name} | | {measured} |")
            else:
                seconds, objective = measured
                unit = unit or seconds
                ratio = f"1 ({seconds:.2g} s)" if name == "vvnorm" else f"{seconds / unit:.2g}"
                lines.append(f"| {name} | {ratio} | {max(objective / fit.lower_bound - 1, 0.0):.1e} |")
            print(lines[-1], flush=True)
        lines.append("")
    return lines


def _missing(package: str) -> str:
    """Say that a package is not installed; an empty text if it is."""
    try:
        version(package)
    except PackageNotFoundError:
        return "not installed"
    return ""


CONVENTION = {
    True: "skip connection and biases are free",
    False: "no skip connection, biases inside the norm: scnn's convention",
}


def page() -> str:
    """Return the page in Markdown."""
    packages = dict.fromkeys(package for _, package, _, _ in PROGRAMS)
    versions = [f"{package} {_missing(package) or version(package)}" for package in packages]
    head = [
        "# Beside other programs",
        "",
        "The same problems, sum of squared losses / 2 plus lam times the VV norm, given to other programs. One verifier",
        "judges all: the excess is relative to the certified lower bound on the optimum over all networks.",
        "",
        f"Written by `make benchmark` on {date.today()}: {platform.machine()}, {os.cpu_count()} cores, one thread, at most",
        f"{_LIMIT} s of processor time each, Python {platform.python_version()}; {', '.join(versions)}.",
        "",
    ]
    notes = ["## What each does", ""]
    for name, _, solve, _ in PROGRAMS:
        notes.append(f"- **{name}**: {(solve.__doc__ or '').strip()}")
    notes += [
        "- **statsmodels** has no penalty that groups outputs by neuron; it poses none of these problems.",
        "",
        "In the plane a program over a fixed dictionary only approaches the optimum over all neurons, and does not know",
        "how far it is.",
    ]
    return "\n".join([*head, *tables(), *notes]) + "\n"


def main() -> None:
    """Print the page, or write it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path, help="write the page to this file")
    target = parser.parse_args().write
    torch.set_num_threads(1)
    text = page()
    if target:
        target.write_text(text, encoding="utf-8")
    else:
        print(text)


if __name__ == "__main__":
    main()
