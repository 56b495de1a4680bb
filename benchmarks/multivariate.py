"""Certified optima over all neurons for two and more inputs, against other methods; and how reliably they are certified.

Run with `python -m benchmarks.multivariate` (some twenty minutes; `--quick`: a minute, without the large rows). Points are
uniform in [-1, 1]^d. Labels are Gaussian, or those of a random network of K neurons in rows dxNxTxK. Everything runs in one
process, on one thread unless `--all-cores` is given. Times are the best of several, after a first call that compiles. CPU
time is printed beside wall time, which other programs inflate.

- Rows dxNxT: *ours* is `vvnorm.interpolate` to a relative gap of 1e-6; *certificate* is the proof by other code, from the
  data given here; *gap* is the result of that proof; *GB* is the most memory of the process so far. *Clarabel* is the
  convex program over a dense dictionary: the lines through any two points (in more dimensions, planes through some of the
  points) and 20 random ones through each point. It runs for at most 2e4 output weights, since it takes minutes beyond.
  *excess* is the cost of its network over our certified lower bound, minus 1: what the dictionary lacks, and what the
  solver leaves. *met* compares CPU times, the certificate included, with the goal; with `--all-cores`, where threads share
  the work, wall times. `--largest` adds a row of ten minutes.
- Rows `adam`: the objective loss + lam VV norm at lam = lam_max / 100, by `vvnorm.fit`, and by Adam with constant weight
  decay from torch's initialisation (`vvnorm.train` without its improvements): the best of 4 seeds in the time that the
  certified fit takes, in 10 and in 100 times that. Excess over our lower bound, as above.
- Rows `scnn`: pilancilab's `pyscnn` (optional: `pip install pyscnn`) solves the same problem for one output and biases
  inside the norm, over all activation patterns. Its convention is matched as in docs/conventions.md: it has no free output
  bias, so it gets the labels minus ours. Measured are its own solver (*AL*) and the program that it gives to SCS. Excess as
  above, of the network that it returns.
- Row `path`: 20 lam from lam_max to lam_max / 1000, each fit started from its neighbour, against the fit at the last of
  them.
- Row `random`: instances in the plane with up to 40 points and 30 outputs, half of them on grids, with many points on one
  line and repeated coordinates, some with repeated points. The row counts those that the verifier accepts at 1e-6.
"""

import argparse
import resource
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.measuring import conclude, measured, progress
from vvnorm import certify, fit, fit_path, interpolate, lambda_max, train
from vvnorm._internal.environment import environment
from vvnorm._internal.threads import single_threaded
from vvnorm.network import row_norms
from vvnorm.solvers.reference import dictionary_program, plane_dictionary
from vvnorm.validation import Array

TOL = 1e-6
SIZES = (
    *(f"2x{N}x{T}" for N in (20, 50, 100, 200) for T in (1, 5, 20, 100)),
    "2x500x5", "2x1000x5",
    *(f"3x{N}x{T}" for N in (15, 25, 50) for T in (1, 5)),
    "3x100x5", "3x200x5", "4x10x1", "4x30x5", "5x25x5",
    "2x40x3x5", "2x100x3x10", "2x400x3x30", "3x60x3x8",
)  # fmt: skip
LARGEST = ("2x2000x5",)  # takes ten minutes
OTHER = ("adam", "scnn", "path", "random")  # not lines of the first table
ROWS = (*SIZES, *OTHER)
QUICK = (*(f"2x{N}x{T}" for N in (20, 50, 100) for T in (1, 20)), "3x15x1", *OTHER)
ADAM, SCNN, PATHS = ("2x20x1", "2x50x5", "2x100x5", "3x25x1"), (10, 15, 20), ("2x50x1", "2x50x5", "2x100x5")
PROTOTYPE = {
    "2x20x1": 0.05, "2x20x5": 0.05, "2x20x20": 0.05, "2x20x100": 0.05, "2x50x1": 0.3, "2x50x5": 0.16, "2x50x20": 0.28,
    "2x50x100": 0.38, "2x100x1": 2.0, "2x100x5": 0.6, "2x100x20": 1.5, "2x100x100": 2.3, "2x200x1": 25.0, "2x200x5": 12.0,
    "2x200x20": 16.0, "2x200x100": 29.0, "3x15x1": 1.0, "3x25x5": 6.0, "4x10x1": 16.0,
}  # fmt: skip
"""Seconds that a prototype took on another machine."""
GOAL = {
    "2x50": 0.2, "2x100": 1.5, "2x200": 15.0, "2x500": 10.0, "2x1000": 60.0, "2x2000": 600.0, "3x25": 1.0, "3x50": 1.5,
    "3x100": 15.0, "3x200": 180.0, "4x30": 20.0, "5x25": 60.0,
}  # fmt: skip
"""Seconds, the certificate included."""
MOST_GIGABYTES = 8.0  # of any row

Record = dict[str, Any]


@dataclass(frozen=True)
class MultivariateEffort:
    """How much to measure."""

    seconds: float  # per line, for ours
    most_weights: float  # K T up to which there is a convex program
    directions: int  # random lines through each point in its dictionary
    adam: tuple[int, ...]  # multiples of our time
    lines: int  # of `adam`, `scnn` and `path`
    instances: int


FULL, BRIEF = MultivariateEffort(3.0, 2e4, 20, (1, 10, 100), 4, 1000), MultivariateEffort(0.2, 4e3, 5, (1, 10), 1, 100)


def best(task: Callable[[], Any], seconds: float, most: int = 20) -> tuple[float, float, Any]:
    """Least wall and CPU seconds of several calls, and the last result."""
    least, began, rounds = np.full(2, np.inf), time.perf_counter(), 0
    while rounds == 0 or (rounds < most and time.perf_counter() - began < seconds):
        *times, result = measured(task)
        least, rounds = np.minimum(least, times), rounds + 1
    return float(least[0]), float(least[1]), result


@dataclass(frozen=True, eq=False)
class MultivariateTask:
    """A data set."""

    name: str
    X: Array
    Y: Array


def make(name: str) -> MultivariateTask:
    """Make the data set called dxNxT, of noise, or dxNxTxK, of the values of a network of K neurons."""
    d, N, T, *neurons = (int(size) for size in name.split("x"))
    rng = np.random.default_rng([0, d, N, T, *neurons])
    X = rng.uniform(-1, 1, (N, d))
    if not neurons:
        return MultivariateTask(name, X, rng.standard_normal((N, T)))
    features = np.maximum(X @ rng.standard_normal((d, *neurons)) + rng.uniform(-0.5, 0.5, neurons), 0.0)
    return MultivariateTask(name, X, features @ rng.standard_normal((*neurons, T)))


# --- interpolation ----------------------------------------------------------------------------------------------------


def ours(task: MultivariateTask, seconds: float) -> Record:
    """Time interpolation and its certificate."""
    wall, cpu, solution = best(lambda: interpolate(task.X, task.Y, tol=TOL), seconds)
    proving, proving_cpu, certificate = best(
        partial(certify, solution.network, task.X, task.Y, dual=solution.dual), seconds / 5
    )
    return {
        "ours": wall,
        "cpu": cpu,
        "certificate": proving,
        "seconds": wall + proving,
        "cpu_seconds": cpu + proving_cpu,
        "gigabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6,  # of this process so far
        "rounds": solution.provenance["rounds"],
        "neurons": solution.network.n_neurons,
        "gap": certificate.gap,
        "residual": certificate.relative_residual,
        "lower_bound": certificate.lower_bound,
        "complaints": certificate.complaints(solution.network, task.X, task.Y, tol=TOL),
    }


def clarabel(task: MultivariateTask, lower_bound: float, effort: MultivariateEffort) -> Record:
    """Time the convex program over a dense dictionary, and judge its network."""
    if task.X.size * task.Y.shape[1] > effort.most_weights:  # the dictionary has more neurons than there are points
        return {}
    dictionary = plane_dictionary(task.X, effort.directions, np.random.default_rng(0))
    if len(dictionary[1]) * task.Y.shape[1] > effort.most_weights:
        return {}
    try:
        wall, cpu, solution = measured(partial(dictionary_program, task.X, task.Y, *dictionary))
    except RuntimeError:  # the solver gives up on labels of a small network
        return {"dictionary": len(dictionary[1]), "status": "failed"}
    return {
        "dictionary": len(dictionary[1]),
        "clarabel": wall,
        "clarabel_cpu": cpu,
        "status": solution.provenance["status"],
        "excess": solution.network.vv_norm / lower_bound - 1,
        "clarabel_residual": float(np.max(np.abs(solution.network(task.X) - task.Y)) / np.ptp(task.Y) * 2),
    }


def line(task: MultivariateTask, effort: MultivariateEffort, all_cores: bool = False) -> Record:
    (N, d), T = task.X.shape, task.Y.shape[1]
    record = {"name": task.name, "d": d, "N": N, "T": T, **ours(task, effort.seconds)}
    record |= clarabel(task, record["lower_bound"], effort)
    if "clarabel" in record:
        record["faster"] = record["clarabel_cpu"] / record["cpu"]
    record["prototype"], goal = PROTOTYPE.get(task.name), GOAL.get(f"{d}x{N}") if task.name == f"{d}x{N}x{T}" else None
    took = record["seconds" if all_cores else "cpu_seconds"]
    met = not record["complaints"] and record["gigabytes"] <= MOST_GIGABYTES and goal is not None and took <= goal
    return record | {"goal": goal, "met": None if goal is None else met}


COLUMNS: tuple[tuple[str, str, int, Callable[[Any], str]], ...] = (
    ("row", "name", 10, str),
    ("ours s", "ours", 7, "{:.3f}".format),
    ("CPU s", "cpu", 7, "{:.3f}".format),
    ("certificate s", "certificate", 13, "{:.4f}".format),
    ("rounds", "rounds", 6, str),
    ("neurons", "neurons", 7, str),
    ("gap", "gap", 7, "{:.0e}".format),
    ("GB", "gigabytes", 4, "{:.1f}".format),
    ("dictionary", "dictionary", 10, str),
    ("Clarabel s", "clarabel", 10, "{:.2f}".format),
    ("CPU s", "clarabel_cpu", 7, "{:.2f}".format),
    ("status", "status", 10, lambda status: status.removeprefix("optimal_")),
    ("excess", "excess", 8, "{:.1e}".format),
    ("faster", "faster", 7, "{:.1f}x".format),
    ("prototype s", "prototype", 11, "{:g}".format),
    ("goal s", "goal", 6, "{:g}".format),
    ("met", "met", 3, lambda met: "yes" if met else "NO"),
)


def shown(record: Record) -> str:
    cells = ((key, width, form(record[key]) if record.get(key) is not None else "-") for _, key, width, form in COLUMNS)
    return "  ".join(f"{cell:>{width}}" for _, width, cell in cells)


# --- Adam -------------------------------------------------------------------------------------------------------------


def adam(name: str, effort: MultivariateEffort) -> Record:
    """Compare objectives after equal and longer times."""
    task = make(name)
    lam = lambda_max(task.X, task.Y) / 100
    wall, cpu, solution = best(lambda: fit(task.X, task.Y, lam, tol=TOL), effort.seconds)
    excess = {}
    _plain(task, lam, 10)
    per_step = measured(lambda: _plain(task, lam, 200))[0] / 200
    for multiple in effort.adam:
        steps = max(round(multiple * wall / per_step), 1)
        seconds, _, result = measured(partial(_plain, task, lam, steps))
        least = float(np.min(result.objectives)) / solution.lower_bound - 1
        excess[str(multiple)] = {"steps": steps, "seconds": seconds, "excess": least}
    return {"name": name, "lam": lam, "ours": wall, "cpu": cpu, "gap": solution.gap, "adam": excess}


def _plain(task: MultivariateTask, lam: float, steps: int) -> Any:
    """Adam with constant weight decay, 4 seeds."""
    return train(
        task.X, task.Y, lam=lam, schedule="constant", initialisation="torch", seeds=4, steps=steps, lr=0.01, progress=False
    )  # fmt: skip


def say_adam(record: Record) -> str:
    longer = ", ".join(
        f"{run['excess']:.1e} in {multiple} x the time ({run['steps']} steps)" for multiple, run in record["adam"].items()
    )
    head = f"Adam, {record['name']}, lam = lam_max / 100: ours {record['ours']:.3f} s (CPU {record['cpu']:.3f} s)"
    return f"{head}, gap {record['gap']:.0e}; Adam's excess {longer}"


# --- scnn -------------------------------------------------------------------------------------------------------------


def scnn(N: int) -> Record:
    """Solve scnn's problem with both of its solvers and with ours."""
    rng = np.random.default_rng([N, 3])
    X = rng.uniform(-1, 1, (N, 2))
    y = np.sin(3 * X[:, :1]) + 0.3 * rng.standard_normal((N, 1))
    lam = lambda_max(X, y, skip=False, penalise_bias=True) / 10
    wall, cpu, solution = best(lambda: fit(X, y, lam, skip=False, penalise_bias=True, tol=TOL), 1.0)
    lifted, target, gates = np.column_stack([X, np.ones(N)]), y - solution.network.c, all_gates(X)
    record: Record = {"N": N, "lam": lam, "ours": wall, "cpu": cpu, "gap": solution.gap, "gates": gates.shape[1]}
    for name in ("AL", "SCS"):
        seconds, _, (W, v) = measured(partial(scnn_network, name, lifted, target, lam / N, gates))
        misfit = np.maximum(lifted @ W.T, 0.0) @ v - target[:, 0]
        objective = float(misfit @ misfit / 2 + lam * row_norms(W) @ np.abs(v))
        record[name] = {"seconds": seconds, "excess": objective / solution.lower_bound - 1}
    return record


def scnn_network(
    solver: str, lifted: Array, target: Array, lam: float, gates: Array, unitize: bool = False
) -> tuple[Array, Array]:
    """Return the first and second layer of scnn, computed in float64; `unitize` scales columns to length 1 first."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from scnn.metrics import Metrics
        from scnn.models import ConvexReLU
        from scnn.optimize import optimize_model
        from scnn.regularizers import NeuronGL1
        from scnn.solvers import AL, CVXPYSolver

        model = ConvexReLU(gates)
        method = AL(model) if solver == "AL" else CVXPYSolver(model, "scs", {"eps": 1e-8})
        network, _ = optimize_model(
            model, method, Metrics(), lifted, target, regularizer=NeuronGL1(lam), unitize_data=unitize, dtype="float64"
        )  # fmt: skip
    W, v = (np.asarray(values, dtype=np.float64) for values in network.get_parameters())
    return W, v[0]


def all_gates(X: Array) -> Array:
    """Vectors (3, K) that cut points (N, 2) in general position, with a one appended, in every possible way.

    Every activation pattern has a line through two points at its border: both points are put on either side of it.
    """
    first, second = np.triu_indices(len(X), 1)
    along = X[second] - X[first]
    normal = along @ np.array([[0.0, 1.0], [-1.0, 0.0]]) / row_norms(along)[:, None]
    lines = np.column_stack([normal, -np.einsum("kd,kd->k", normal, X[first])])
    ones = np.ones(len(first))
    through = np.stack([np.column_stack([X[first], ones]), np.column_stack([X[second], ones])], axis=1)
    nudges = np.linalg.pinv(through) @ np.array([[1.0, 1.0, -1.0, -1.0], [1.0, -1.0, 1.0, -1.0]])  # (pairs, 3, 4)
    gates = np.concatenate([sign * lines[:, :, None] + 1e-7 * nudges for sign in (1.0, -1.0)])
    columns: Array = gates.transpose(1, 0, 2).reshape(3, -1)
    patterns = np.column_stack([X, np.ones(len(X))]) @ columns > 0
    return columns[:, np.unique(patterns, axis=1, return_index=True)[1]]


def say_scnn(record: Record) -> str:
    theirs = ", ".join(
        f"{name} {record[name]['seconds']:.2f} s, excess {record[name]['excess']:.1e}" for name in ("AL", "SCS")
    )
    head = f"scnn, N = {record['N']}, {record['gates']} patterns, lam = lam_max / 10: ours {record['ours']:.3f} s"
    return f"{head} (CPU {record['cpu']:.3f} s), gap {record['gap']:.0e}; {theirs}"


# --- path and reliability ---------------------------------------------------------------------------------------------


def path(name: str, lams: int = 20) -> Record:
    """Time a path of fits against its last fit alone."""
    task = make(name)
    grid = lambda_max(task.X, task.Y) * np.geomspace(1, 1e-3, lams)
    last, last_cpu, _ = best(lambda: fit(task.X, task.Y, grid[-1], tol=TOL), 1.0)
    alone, _, _ = measured(lambda: [fit(task.X, task.Y, lam, tol=TOL) for lam in grid])
    wall, cpu, fits = measured(lambda: fit_path(task.X, task.Y, grid, tol=TOL))
    record = {"name": name, "lams": lams, "path": wall, "path_cpu": cpu, "one": last, "one_cpu": last_cpu, "alone": alone}
    return record | {"ratio": cpu / last_cpu, "gap": max(fit.gap for fit in fits)}


def say_path(record: Record) -> str:
    return (
        f"path of {record['lams']} lam, {record['name']}: {record['path']:.2f} s (CPU {record['path_cpu']:.2f} s), "
        f"its last fit {record['one']:.2f} s (CPU {record['one_cpu']:.2f} s), "
        f"ratio of CPU times {record['ratio']:.1f}; fits by themselves {record['alone']:.2f} s; "
        f"worst gap {record['gap']:.0e}"
    )


@dataclass(frozen=True, eq=False)
class Instance:
    """A random instance, made again from its seed."""

    seed: int
    kind: str
    X: Array
    Y: Array


def instance(seed: int) -> Instance:
    """Up to 40 points and 30 outputs; odd seeds: on a grid, coarse enough that lines hold many points."""
    rng = np.random.default_rng([seed, 4])
    T = int(rng.integers(1, 31))
    if seed % 2:
        side = rng.integers(2, 9, size=2)
        cells = rng.permutation(int(side.prod()))[: int(rng.integers(4, 41))]
        X = np.column_stack(np.unravel_index(cells, side)).astype(np.float64) * rng.choice([1.0, 0.1, 1 / 3])
        kind = "grid"
    else:
        X, kind = rng.uniform(-1, 1, (int(rng.integers(4, 41)), 2)), "uniform"
    Y = rng.standard_normal((len(X), T)) if rng.random() < 0.7 else rng.integers(0, 2, (len(X), T)).astype(np.float64)
    if rng.random() < 0.2:  # some points twice, with the same labels
        again = rng.integers(0, len(X), size=3)
        X, Y, kind = np.vstack([X, X[again]]), np.vstack([Y, Y[again]]), f"{kind}, repeats"
    return Instance(seed, kind, X, Y)


def judged(given: Instance) -> Record:
    """Solve an instance, and verify it again from the data given here."""
    wall, _, solution = measured(lambda: interpolate(given.X, given.Y, tol=TOL))
    record = {"seed": given.seed, "kind": given.kind, "N": len(given.X), "T": given.Y.shape[1], "seconds": wall}
    if solution.within is not None:  # all points in one line: the proof is about coordinates there
        return record | {"gap": solution.gap, "complaints": list(solution.verify().problems)}
    certificate = certify(solution.network, given.X, given.Y, dual=solution.dual)
    return record | {
        "gap": certificate.gap,
        "complaints": certificate.complaints(solution.network, given.X, given.Y, tol=TOL),
    }


def reliability(count: int, advance: Callable[[], None]) -> Record:
    """Solve random instances; return how many are accepted, the worst and slowest, and all that are not."""
    records = []
    for seed in range(count):
        try:
            records.append(judged(instance(seed)))
        except Exception as error:  # a crash is a failure like any other, and must not end the count
            given = instance(seed)
            said = [f"{type(error).__name__}: {error}"]
            records.append(
                {"seed": seed, "kind": given.kind, "N": len(given.X), "T": given.Y.shape[1], "gap": np.inf, "seconds": 0.0}
                | {"complaints": said}
            )
        advance()
    missed = [record for record in records if record["complaints"]]
    return {
        "instances": count,
        "accepted": count - len(missed),
        "worst": max(records, key=lambda record: record["gap"]),
        "slowest": max(records, key=lambda record: record["seconds"]),
        "missed": missed,
    }


def say_reliability(record: Record) -> str:
    def named(line: Record) -> str:
        return f"seed {line['seed']} ({line['kind']}, N = {line['N']}, T = {line['T']})"

    worst, slowest = record["worst"], record["slowest"]
    head = f"accepted at {TOL:g} by the verifier: {record['accepted']} of {record['instances']} random instances; "
    head += f"worst gap {worst['gap']:.1e}, {named(worst)}; slowest {slowest['seconds']:.2f} s, {named(slowest)}"
    return "\n".join([head, *(f"   {named(missed)}: {'; '.join(missed['complaints'])}" for missed in record["missed"])])


# --- running ----------------------------------------------------------------------------------------------------------


def machine() -> Record:
    return {"environment": environment(), "tol": TOL}


def sections(
    rows: Sequence[str], effort: MultivariateEffort, all_cores: bool
) -> Iterator[tuple[str, Callable[[], Record], Callable[[Record], str]]]:
    """Yield what to measure: name, measurement, and the text of its result."""
    for name in rows:
        if name not in OTHER:
            yield "rows", partial(line, make(name), effort, all_cores), shown
    if "adam" in rows:
        for name in ADAM[: effort.lines]:
            yield "adam", partial(adam, name, effort), say_adam
    if "scnn" in rows and find_spec("scnn"):
        for N in SCNN[: effort.lines]:
            yield "scnn", partial(scnn, N), say_scnn
    if "path" in rows:
        for name in PATHS[: effort.lines]:
            yield "path", partial(path, name), say_path


def run(rows: Sequence[str], effort: MultivariateEffort, all_cores: bool = False) -> Record:
    """Measure and print line by line."""
    result: Record = {**machine(), "effort": asdict(effort), **{name: [] for name in ("rows", "adam", "scnn", "path")}}
    parts, instances = list(sections(rows, effort, all_cores)), effort.instances if "random" in rows else 0
    warm_up()
    if set(rows) - set(OTHER):
        print("  ".join(f"{heading:>{width}}" for heading, _, width, _ in COLUMNS))
    with progress(len(parts) + instances) as advance:
        for name, task, say in parts:
            result[name].append(task())
            print(say(result[name][-1]), flush=True)
            advance(name)
        if "scnn" in rows and not result["scnn"]:
            print("scnn is not installed (pip install pyscnn): its rows are left out", flush=True)
        if instances:
            result["random"] = reliability(instances, lambda: advance("random"))
            print(say_reliability(result["random"]))
    return result


def warm_up() -> None:
    """Compile, or load compiled code, and load the peer's solver."""
    for name in ("2x6x1", "2x6x2", "3x7x1", "4x8x1"):
        task = make(name)
        solution = interpolate(task.X, task.Y)
        certify(solution.network, task.X, task.Y, dual=solution.dual)
    fit(task.X, task.Y, 0.1)
    dictionary_program(task.X, task.Y, *plane_dictionary(task.X, 20, 0))


def row(name: str) -> str:
    """Check the name of a row."""
    if name not in OTHER:
        d, N, T, *neurons = (int(size) for size in name.split("x"))
        if not (d >= 2 and d + 1 < N and T >= 1 and len(neurons) <= 1 and min(neurons, default=1) >= 1):
            raise ValueError(name)
    return name


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small rows only, and fewer repetitions")
    parser.add_argument("--rows", nargs="*", type=row, metavar="ROW", help=f"dxNxT, dxNxTxK, {', '.join(OTHER)}")
    parser.add_argument("--all-cores", action="store_true", help="let threads share the work")
    parser.add_argument("--largest", action="store_true", help=f"also {', '.join(LARGEST)}")
    parser.add_argument("--instances", type=int, metavar="COUNT", help="random instances (1000; quick: 100)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all numbers")
    options = parser.parse_args(arguments)
    effort = BRIEF if options.quick else FULL
    if options.instances is not None:
        effort = MultivariateEffort(**{**asdict(effort), "instances": options.instances})
    rows = options.rows if options.rows is not None else QUICK if options.quick else ROWS
    with nullcontext() if options.all_cores else single_threaded():
        result = run([*rows, *(LARGEST if options.largest else ())], effort, options.all_cores)
    conclude(result, options.json)


if __name__ == "__main__":
    main()
