"""Fits of one input against the convex program and against one pass over memory; and how reliably they are certified.

Run with `python -m benchmarks.trend` (some ten minutes, most of them for the convex programs; `--quick`: one minute,
without the large ones). Labels are sin(6 pi x + t) plus Gaussian noise of 0.3. Inputs are sorted, independent and uniform,
so that gaps differ by orders of magnitude (`--regular`: a regular grid). lam is 0.3 and 0.01 of lam_max.

- *ours*: `vvnorm.fit` from raw arrays to a relative gap of 1e-8, compiled before; *certificate*: the proof by other code,
  made afterwards; *gap*: the result of that proof, repeated. What compiling adds to the first calls is measured in a
  process of its own, with an empty cache.
- *Clarabel*: min 1/2 ||Y - U||^2 + lam sum_i ||(D U)_i|| in CVXPY with a sparse D and default tolerances, from raw arrays;
  *solver* is the part that Clarabel itself reports. Where it fails, as it does for large N on irregular grids, slopes
  become unknowns of their own, which is better conditioned, and only that is timed (*posed*). *excess* is the objective of
  its U over our certified lower bound, minus 1. It runs once where it takes long, and not beyond some 5e5 labels.
- *np.diff*: `np.diff(Y, 2, axis=0)`, in turns with ours. It has one thread; with `--threads 0` two of ours read the labels.

Times are the best of several, all in one process; *faster* is Clarabel (wall) over ours, */np.diff* is ours over np.diff.
`--rows` chooses among NxT (any; `1000x4@1e-6`: at that part of lam_max, without a goal), `mixed` (three outputs with
squared and one with logistic loss), `path` (20 lam from lam_max to lam_max / 1000, against as many separate fits),
`corners` (how often small random mixtures of losses with corners are certified), `small` (how often and how fast fits at
1e-6 to 1e-3 lam_max are certified, on seven kinds of grids, up to 10000 rows) and `compile`; `--rows` alone leaves all of
them out.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cvxpy as cp
import numpy as np
import scipy.sparse as sp

from benchmarks.measuring import conclude, progress, timed
from vvnorm import fit, fit_path, lambda_max
from vvnorm._internal.environment import environment
from vvnorm._internal.threads import single_threaded
from vvnorm.losses import as_losses
from vvnorm.results.univariate_fit import Fit
from vvnorm.tolerances import GAP
from vvnorm.validation import Array
from vvnorm.verifier.check import certify_fit

TOL = 1e-8
RATIOS = (0.3, 0.01)  # lam / lam_max
OTHER = ("path", "corners", "small", "compile")  # not lines of the table
SIZES = ("100x1", "1000x4", "1000x128", "1e4x4", "1e4x32", "1e5x4", "1e6x1", "1e6x32", "1e6x128", "1e7x3")
ROWS = (*SIZES, "mixed", "1000x4@1e-6", "3000x4@1e-6", *OTHER)
QUICK = ("100x1", "1000x4", "1e4x4", "1e5x4", "1e6x1", "mixed", "path")
PROTOTYPE = {
    "100x1": "28-50x",
    "1000x4": "25-257x",
    "1000x128": "145-8300x",
    "1e4x4": "190-1390x",
    "1e4x32": "600-14500x",
    "1e5x4": "1120-17000x",
    "1e6x1": "20-35 diff",
    "1e6x32": "0.6-1.8 diff",
    "1e6x128": "0.4-1.1 diff",
    "mixed": "13-32 ms",
}

CORNERS = ("hinge", "one_class:0.3", "one_class:0.05", "huber:0.5", "huber:0.05")
CORNER_RATIOS = (0.5, 0.1, 0.01, 1e-3, 1e-4)
GRIDS = ("uniform", "regular", "heavy tails", "repeated", "clustered", "decades", "far")

Record = dict[str, Any]


@dataclass(frozen=True)
class FitEffort:
    """How long to measure."""

    seconds: float  # per line, for ours
    peer_labels: float  # beyond these there is no convex program
    peer_once: float  # beyond these there is one only
    path_rounds: int


FULL, BRIEF = FitEffort(1.0, 5e5, 5e4, 5), FitEffort(0.1, 5e4, 5e3, 1)


# --- data -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class FitTask:
    """A data set and its losses."""

    name: str
    x: Array
    Y: Array
    losses: tuple[str, ...]

    def fit(self, lam: float) -> Fit:
        """Fit it with `vvnorm.fit`."""
        return fit(self.x, self.Y, lam, loss=self.losses, tol=TOL)

    def gap(self, fitted: Fit) -> float:
        """Certify a fit by the independent code, from the data given here."""
        dual, lam = fitted.knot_solution.dual, fitted.lam
        return certify_fit(fitted.function, self.x, self.Y, lam, loss=self.losses, dual=dual).gap

    @property
    def lam_max(self) -> float:
        """The least lam whose fit is a line."""
        return lambda_max(self.x, self.Y, loss=self.losses)


def make(name: str, regular: bool = False) -> FitTask:
    """Make the data set called `mixed`, or NxT."""
    N, T = (2000, 4) if name == "mixed" else (int(float(size)) for size in name.split("x"))
    x, Y = waves(N, T, 0.3, np.random.default_rng(0), regular)
    if name != "mixed":
        return FitTask(name, x, Y, ("squared",) * T)
    Y[:, -1] = Y[:, -1] > 0
    return FitTask(name, x, Y, ("squared",) * (T - 1) + ("logistic",))


def waves(N: int, T: int, noise: float, rng: np.random.Generator, regular: bool = False) -> tuple[Array, Array]:
    x = np.linspace(0, 1, N) if regular else np.sort(rng.random(N))
    Y = rng.standard_normal((N, T))
    Y *= noise
    for t in range(T):
        Y[:, t] += np.sin(6 * np.pi * x + t)
    return x, Y


# --- the sides --------------------------------------------------------------------------------------------------------


def ours(task: FitTask, lam: float, seconds: float) -> Record:
    """Time fit, certificate and np.diff in turns."""
    _ = task.fit(lam).certificate  # compile, or load what was compiled
    best, began, rounds = np.full(3, np.inf), time.perf_counter(), 0
    while rounds < 3 or (rounds < 100 and time.perf_counter() - began < seconds):
        fitting, fitted = timed(partial(task.fit, lam))
        proving, certificate = timed(partial(getattr, fitted, "certificate"))
        differencing, _ = timed(lambda: np.diff(task.Y, 2, axis=0))
        best, rounds = np.minimum(best, (fitting, proving, differencing)), rounds + 1
    return {
        **dict(zip(("ours", "certificate", "diff"), best.tolist(), strict=True)),
        "rounds": rounds,
        "knots": len(fitted.knots),
        "gap": task.gap(fitted),
        "objective": certificate.objective,
        "lower_bound": certificate.lower_bound,
        "over_diff": float(best[0] / best[2]),
    }


def clarabel(task: FitTask, lam: float, lower_bound: float, rounds: int, threads: int) -> Record:
    """Time the convex program, and evaluate the objective of its result."""
    for posed in ("D", "slopes"):
        runs = [timed(partial(program, task, lam, threads, posed)) for _ in range(rounds)]
        seconds, (status, solver, U) = min(runs, key=lambda run: run[0])
        if U is not None:
            break
    excess = None if U is None else objective(task, lam, U) / lower_bound - 1
    return {"clarabel": seconds, "solver": solver, "posed": posed, "status": status, "excess": excess}


def program(task: FitTask, lam: float, threads: int, posed: str = "D") -> tuple[str, float | None, Array | None]:
    """Pose and solve it; return status, the solver's seconds and fitted values."""
    (N, T), U, constraints = task.Y.shape, cp.Variable(task.Y.shape), []
    if posed == "D":
        jumps = differences(task.x) @ U
    else:
        S = cp.Variable((N - 1, T))
        jumps, constraints = S[1:] - S[:-1], [U[1:] - U[:-1] - sp.diags_array(np.diff(task.x)) @ S == 0]
    smooth = [t for t, loss in enumerate(task.losses) if loss == "logistic"]
    squared = [t for t, loss in enumerate(task.losses) if loss == "squared"]
    off = U[:, squared] - task.Y[:, squared] if smooth else U - task.Y
    cost = cp.sum_squares(off) / 2 + lam * cp.sum(cp.norm(jumps, 2, axis=1))
    for t in smooth:
        cost += cp.sum(cp.logistic(U[:, t]) - cp.multiply(task.Y[:, t], U[:, t]))
    problem = cp.Problem(cp.Minimize(cost), constraints)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # an inaccurate solution: the status says so
        try:
            problem.solve(solver=cp.CLARABEL, max_threads=threads)
        except cp.error.SolverError:
            return "failed", None, None
    return problem.status, problem.solver_stats.solve_time, U.value


def differences(x: Array) -> sp.csr_array:
    """Return the matrix D of slope jumps at inner points."""
    per_gap = 1 / np.diff(x)
    bands = [per_gap[:-1], -per_gap[:-1] - per_gap[1:], per_gap[1:]]
    return sp.diags_array(bands, offsets=[0, 1, 2], shape=(len(x) - 2, len(x)), format="csr")


def objective(task: FitTask, lam: float, U: Array) -> float:
    kinds = as_losses(task.losses, len(task.losses))
    loss = sum(float(np.sum(kind.value(u, y))) for kind, u, y in zip(kinds, U.T, task.Y.T, strict=True))
    return loss + lam * float(np.linalg.norm(differences(task.x) @ U, axis=1).sum())


# --- lines of the table -----------------------------------------------------------------------------------------------


def goal(task: FitTask) -> tuple[str, float]:
    """Return how much faster than Clarabel a fit should be, or how long it may take in multiples of np.diff."""
    N, T = task.Y.shape
    if task.name == "mixed":
        return "", 0.0
    if N * T >= 3e7:
        return "diff", 1.5
    if N >= 1e6 and T <= 4:
        return "diff", 5.0
    if N >= 1e3 and T >= 4:
        return "clarabel", 1000.0 if N >= 1e5 else 500.0 if N >= 1e4 else 100.0
    return ("clarabel", 28.0) if task.name == "100x1" else ("", 0.0)


def judged(record: Record, kind: str, limit: float) -> Record:
    """Whether the goal is met, by a certified fit and against a peer that returned a result."""
    if not kind:
        return {"goal": None, "met": None}
    certified = record["gap"] <= TOL
    if kind == "diff":
        return {"goal": f"<= {limit:g} diff", "met": certified and record["over_diff"] <= limit}
    faster = record.get("faster")
    return {"goal": f">= {limit:g}x", "met": None if faster is None else certified and faster >= limit}


def line(task: FitTask, ratio: float, effort: FitEffort, threads: int) -> Record:
    lam = ratio * task.lam_max
    record = {"name": task.name, "N": len(task.x), "T": task.Y.shape[1], "ratio": ratio, "lam": lam}
    record |= ours(task, lam, effort.seconds)
    if task.Y.size <= effort.peer_labels:
        record |= clarabel(task, lam, record["lower_bound"], 1 if task.Y.size > effort.peer_once else 3, threads)
        record["faster"] = record["clarabel"] / record["ours"] if record["excess"] is not None else None
    if ratio not in RATIOS:
        return record
    return record | judged(record, *goal(task)) | {"prototype": PROTOTYPE.get(task.name)}


COLUMNS: tuple[tuple[str, str, int, Callable[[Any], str]], ...] = (
    ("row", "name", 8, str),
    ("lam", "ratio", 5, "{:g}".format),
    ("knots", "knots", 5, str),
    ("ours ms", "ours", 8, lambda s: f"{1e3 * s:.2f}"),
    ("certificate ms", "certificate", 14, lambda s: f"{1e3 * s:.2f}"),
    ("gap", "gap", 7, "{:.0e}".format),
    ("Clarabel s", "clarabel", 10, "{:.3f}".format),
    ("solver s", "solver", 8, "{:.3f}".format),
    ("posed", "posed", 6, str),
    ("status", "status", 10, lambda status: status.removeprefix("optimal_")),
    ("excess", "excess", 8, "{:.0e}".format),
    ("faster", "faster", 8, "{:.0f}x".format),
    ("np.diff ms", "diff", 10, lambda s: f"{1e3 * s:.3f}"),
    ("/np.diff", "over_diff", 8, "{:.2f}".format),
    ("goal", "goal", 11, str),
    ("met", "met", 3, lambda met: "yes" if met else "NO"),
    ("prototype", "prototype", 12, str),
)


def shown(record: Record) -> str:
    cells = ((key, width, form(record[key]) if record.get(key) is not None else "-") for _, key, width, form in COLUMNS)
    return "  ".join(f"{cell:>{width}}" for _, width, cell in cells)


# --- path, compilation, reliability -----------------------------------------------------------------------------------


def path(regular: bool, rounds: int) -> Record:
    """Time 20 fits, each started from its neighbour, in turns with separate fits."""
    task = make("1e4x4", regular)
    lams = task.lam_max * np.logspace(0, -3, 20)
    task.fit(lams[-1])  # compile, or load what was compiled
    best = np.full(2, np.inf)
    for _ in range(rounds):
        warm, fits = timed(lambda: fit_path(task.x, task.Y, lams, loss=task.losses, tol=TOL))
        cold, _ = timed(lambda: [task.fit(lam) for lam in lams])
        best = np.minimum(best, (warm, cold))
    seconds = dict(zip(("path", "fits"), best.tolist(), strict=True))
    return {"N": len(task.x), "T": task.Y.shape[1], "lams": len(lams), **seconds, "gap": max(map(task.gap, fits))}


def first_calls() -> None:
    """Print, as JSON, the times of the first and of the second calls in this process."""
    seconds = {}
    for name in ("1000x4", "mixed"):
        task = make(name)
        for call in ("first", "second"):
            seconds[f"{name}, fit, {call}"], fitted = timed(partial(task.fit, 10.0))
            seconds[f"{name}, certificate, {call}"], _ = timed(partial(getattr, fitted, "certificate"))
    print(json.dumps(seconds))


def compilation() -> Record:
    """Measure first calls with an empty cache."""
    with tempfile.TemporaryDirectory() as cache:
        command = [sys.executable, "-c", "from benchmarks.trend import first_calls; first_calls()"]
        environment, root = {**os.environ, "NUMBA_CACHE_DIR": cache}, Path(__file__).parents[1]
        done = subprocess.run(command, env=environment, cwd=root, check=True, capture_output=True, text=True)
    return dict(json.loads(done.stdout))


def reliability(runs: int, advance: Callable[[], None]) -> Record:
    """Fit random data on irregular grids; return those whose gap the independent code finds above the tolerance."""
    records = []
    for seed in range(runs):
        rng = np.random.default_rng([seed, 1])
        N, T = round(10 ** rng.uniform(1, 4)), int(rng.choice([1, 2, 3, 5, 12, 40]))
        noise, ratio = float(rng.choice([0.0, 0.01, 0.1, 0.3, 1.0, 10.0])), float(10 ** rng.uniform(-4, 0))
        task = FitTask(f"{N}x{T}", *waves(N, T, noise, rng), ("squared",) * T)
        seconds, fitted = timed(partial(task.fit, ratio * task.lam_max))
        record = {"seed": seed, "N": N, "T": T, "noise": noise, "ratio": ratio, "knots": len(fitted.knots)}
        records.append(record | {"gap": task.gap(fitted), "solver_gap": fitted.knot_solution.gap, "seconds": seconds})
        advance()
    missed = [record for record in records if not record["gap"] <= TOL]
    worst = max(record["gap"] for record in records)
    return {"runs": runs, "reached": runs - len(missed), "worst": worst, "missed": missed, "all": records}


def mixture(rng: np.random.Generator) -> tuple[Array, Array, Array, list[str], float]:
    """Draw a small problem with a loss with corners: inputs, labels (some missing), weights, losses, lam / lam_max."""
    N, T = int(rng.integers(6, 81)), int(rng.integers(1, 5))
    grids = (
        lambda: rng.uniform(0, 1, N),
        lambda: rng.integers(0, max(3, N // 3), N).astype(float),
        lambda: np.cumsum(10.0 ** rng.uniform(-4, 0, N)),
        lambda: rng.standard_t(2, N),
    )
    x = np.sort(grids[rng.integers(4)]())
    losses = [str(name) for name in rng.choice((*CORNERS, "squared", "logistic"), T)]
    losses[0] = losses[0] if losses[0] in CORNERS else str(rng.choice(CORNERS))
    place = (x - x[0]) / (np.ptp(x) or 1.0)
    Y = np.sin((2 + 5 * np.arange(T)) * place[:, None] + np.arange(T)) + 0.4 * rng.standard_normal((N, T))
    for t, loss in enumerate(losses):
        if loss in ("logistic", "hinge"):
            Y[:, t] = rng.random(N) < 0.5 + 0.35 * np.sin(6 * place)
            Y[:2, t] = 0, 1
    Y[2:][rng.random((N - 2, T)) < 0.1] = np.nan
    return x, Y, 10.0 ** rng.uniform(-3, 1, (N, T)), losses, float(rng.choice(CORNER_RATIOS))


def corners(runs: int) -> list[Record]:
    """Fit mixtures to the default tolerance; the gaps are those that the independent code finds."""
    records = []
    for seed in range(runs):
        x, Y, weights, losses, ratio = mixture(np.random.default_rng([seed, 2]))
        lam = ratio * lambda_max(x, Y, loss=losses, weights=weights)
        if lam > 0:
            fitted = fit(x, Y, lam, loss=losses, weights=weights)
            records.append(
                {"seed": seed, "losses": losses, "ratio": ratio, "gap": fitted.gap, "solver_gap": fitted.knot_solution.gap}
            )
    return records


def grid(kind: str, N: int, rng: np.random.Generator) -> Array:
    """Draw sorted inputs whose distances may differ by orders of magnitude."""
    drawn: dict[str, Callable[[], Array]] = {
        "uniform": lambda: np.sort(rng.uniform(0, 1, N)),
        "regular": lambda: np.arange(N) / N,
        "heavy tails": lambda: np.sort(rng.standard_cauchy(N)),
        "repeated": lambda: np.sort(rng.integers(0, max(3, N // 3), N).astype(float)),
        "clustered": lambda: np.cumsum(10.0 ** rng.uniform(-6, 0, N)),
        "decades": lambda: np.cumsum(10.0 ** rng.uniform(-6, 6, N)),
        "far": lambda: 1e9 + np.sort(rng.uniform(0, 1000, N)),
    }
    return drawn[kind]()


def small(runs: int) -> list[Record]:
    """Fit squared losses at small lam, to the default tolerance, on all kinds of grids in turn; a third is weighted."""
    records = []
    for seed in range(runs):
        rng = np.random.default_rng([seed, 3])
        N, T, ratio = int(10 ** rng.uniform(2, 4)), int(rng.choice([1, 2, 4, 8])), float(10 ** rng.uniform(-6, -3))
        kind = GRIDS[seed % len(GRIDS)]
        x = grid(kind, N, rng)
        Y = np.sin(9 * np.arange(N)[:, None] / N + np.arange(T)) + 0.3 * rng.standard_normal((N, T))
        weights = 10.0 ** rng.uniform(-2, 1, (N, 1)) if seed % 3 == 0 else None
        lam = ratio * lambda_max(x, Y, weights=weights)
        seconds, fitted = timed(partial(fit, x, Y, lam, weights=weights))
        records.append({"seed": seed, "grid": kind, "ratio": ratio, "gap": fitted.gap, "seconds": seconds})
    return records


# --- words and files --------------------------------------------------------------------------------------------------


def say_path(record: Record) -> str:
    N, T, warm, cold = record["N"], record["T"], 1e3 * record["path"], 1e3 * record["fits"]
    return (
        f"path of {record['lams']} lam, N = {N}, T = {T}: {warm:.1f} ms, fits by themselves {cold:.1f} ms, "
        f"ratio {cold / warm:.2f}; worst gap {record['gap']:.0e}"
    )


def say_compilation(record: Record) -> str:
    calls = [key.removesuffix(", first") for key in record if key.endswith(", first")]
    words = (f"{call} {record[f'{call}, first']:.1f} s (then {record[f'{call}, second'] * 1e3:.1f} ms)" for call in calls)
    return f"first calls with nothing compiled, imports of the solver included: {'; '.join(words)}"


def say_corners(records: Sequence[Record]) -> str:
    words = []
    for ratio in CORNER_RATIOS:
        gaps = [record["gap"] for record in records if record["ratio"] == ratio]
        if gaps:
            words.append(
                f"{sum(gap <= GAP for gap in gaps)} of {len(gaps)} at {ratio:g} lam_max (worst gap {max(gaps):.0e})"
            )
    return f"losses with corners, certified to {GAP:g}: {', '.join(words)}"


def say_small(records: Sequence[Record]) -> str:
    words = []
    for kind in GRIDS:
        of_kind = [record for record in records if record["grid"] == kind]
        if of_kind:
            certified = sum(record["gap"] <= GAP for record in of_kind)
            gap, slowest = (max(record[key] for record in of_kind) for key in ("gap", "seconds"))
            words.append(f"{kind} {certified} of {len(of_kind)} (worst gap {gap:.0e}, slowest {slowest:.1f} s)")
    return f"small lam, certified to {GAP:g}: {', '.join(words)}"


def say_reliability(record: Record) -> str:
    lines = [
        f"   seed {missed['seed']}: N = {missed['N']}, T = {missed['T']}, noise {missed['noise']:g}, "
        f"lam / lam_max {missed['ratio']:.1e}, {missed['knots']} knots: "
        f"gap {missed['gap']:.1e} (solver's own {missed['solver_gap']:.1e})"
        for missed in record["missed"]
    ]
    head = (
        f"certified to {TOL:g} on irregular grids: {record['reached']} of {record['runs']}; worst gap {record['worst']:.1e}"
    )
    return "\n".join([head, *lines])


def machine(threads: int, regular: bool) -> Record:
    return {
        "environment": environment(),
        "threads": threads,
        "grid": "regular" if regular else "i.i.d. uniform",
        "tol": TOL,
    }


def run(rows: Sequence[str], runs: int, effort: FitEffort, threads: int, regular: bool) -> Record:
    """Measure and print line by line."""
    result = {**machine(threads, regular), "rows": []}
    tables = [name for name in rows if name not in OTHER]
    cells = [(name, ratio) for name in tables for ratio in ratios(name)]
    with progress(len(cells) + len(rows) - len(tables) + runs) as advance:
        if tables:
            program(make("30x2"), 1.0, threads)  # load the solver
            print("  ".join(f"{heading:>{width}}" for heading, _, width, _ in COLUMNS))
        for name in tables:
            task = make(name.partition("@")[0], regular)
            for ratio in ratios(name):
                result["rows"].append(line(task, ratio, effort, threads))
                print(shown(result["rows"][-1]), flush=True)
                advance(name)
            del task  # before the next one is made
        if "path" in rows:
            result["path"] = path(regular, effort.path_rounds)
            print(say_path(result["path"]), flush=True)
            advance("path")
        if "corners" in rows:
            result["corners"] = corners(runs)
            print(say_corners(result["corners"]), flush=True)
            advance("corners")
        if "small" in rows:
            result["small"] = small(runs)
            print(say_small(result["small"]), flush=True)
            advance("small")
        if "compile" in rows:
            result["compile"] = compilation()
            print(say_compilation(result["compile"]), flush=True)
            advance("compile")
        if runs:
            result["reliability"] = reliability(runs, lambda: advance("reliability"))
            print(say_reliability(result["reliability"]))
    return result


def ratios(name: str) -> tuple[float, ...]:
    """Parts of lam_max at which a row is measured."""
    at = name.partition("@")[2]
    return (float(at),) if at else RATIOS


def row(name: str) -> str:
    """Check the name of a row."""
    if name not in (*OTHER, "mixed"):
        N, T = (float(size) for size in name.partition("@")[0].split("x"))
        if not (N >= 3 and T >= 1 and min(ratios(name)) > 0):
            raise ValueError(name)
    return name


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small programs only, and fewer repetitions")
    parser.add_argument(
        "--rows", nargs="*", type=row, metavar="ROW", help="NxT, NxT@RATIO, mixed, path, corners, small, compile"
    )
    parser.add_argument("--reliability", type=int, metavar="RUNS", help="random runs on irregular grids (400; quick: 40)")
    parser.add_argument("--regular", action="store_true", help="put inputs on a regular grid")
    parser.add_argument("--threads", type=int, choices=(0, 1), default=1, help="1 for all sides (default), or 0: no limit")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all numbers")
    options = parser.parse_args(arguments)
    rows = options.rows if options.rows is not None else QUICK if options.quick else ROWS
    runs = options.reliability if options.reliability is not None else 40 if options.quick else 400
    with single_threaded() if options.threads else nullcontext():
        result = run(rows, runs, BRIEF if options.quick else FULL, options.threads, options.regular)
    conclude(result, options.json)


if __name__ == "__main__":
    main()
