"""What bounds are worth where an exact search over all neurons ends: gaps of interpolants and fits in 5 to 20 dimensions.

Run with `python -m benchmarks.bounds` (some ten minutes on one thread; `--quick`: a minute). Points are uniform in
[-1, 1]^d, and the five outputs are Gaussian noise, for which bounds are worst. The network is the one that `vvnorm` returns
after local search, so gaps hold both its excess and what the bound lacks.

- *gap* is that of the solution's certificate. *array* says whose dual array proves it: the solver's or the verifier's own.
- *response* says what bounds the response of a neuron: the enumeration of all *cells*, *branch and bound*, or a *graph* on
  the points (`vvnorm.verifier.laplacian_bound`), which takes milliseconds.
- *norms* is the gap of the bound by norms: twice the nuclear norm of the labels without their affine part over the spectral
  norm of the centred inputs. It was the bound for many points only.
- *solver's array* is the gap that the solver's dual array proves.
- *gates* is the least gap that gated neurons can prove (Kim and Pilanci, arXiv 2402.03625): neurons whose pattern of active
  points need not fit their weights. Their program bounds the cost from below only if it has all patterns, and these are too
  many. With random ones its value is no bound, but the value with all of them is no larger. Each gate has its kink through
  a point, since gates with free biases would make every interpolant free.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.measuring import conclude, measured, progress
from vvnorm import certify, fit, interpolate, lambda_max
from vvnorm._internal.environment import environment
from vvnorm._internal.threads import single_threaded
from vvnorm.validation import Array
from vvnorm.verifier.budget import EXACT_WORK, within_additions
from vvnorm.verifier.cell_enumeration import work

OUTPUTS = 5
DIMENSIONS, POINTS = (5, 8, 10, 20), (40, 100)
QUICK = ((5, 12), (8, 20), (20, 40))
SHARES = (0.0, 0.1, 0.5)  # of lambda_max; 0: interpolation
SECONDS = 60.0  # limit of a solver
GATES = 4  # random gates for each point
MOST_GATED = 400  # largest N d of a program with gates: minutes beyond
COLUMNS = (
    ("d", "d", 3, "d"), ("N", "N", 4, "d"), ("lam / lam_max", "share", 13, "g"), ("value", "value", 9, ".4g"),
    ("bound", "bound", 9, ".4g"), ("gap", "gap", 8, ".2g"), ("array", "array", 8, "s"), ("response", "response", 16, "s"),
    ("norms", "norms", 8, ".2g"), ("solver's array", "solvers", 14, ".2g"), ("gates", "gates", 6, ".2g"),
    ("CPU s", "cpu", 6, ".1f"), ("proof CPU s", "proof_cpu", 11, ".1f"),
)  # fmt: skip


def bound_row(d: int, N: int, share: float, seconds: float) -> dict[str, Any]:
    """Solve a problem in at most so many seconds, and measure its bound."""
    rng = np.random.default_rng([0, d, N, OUTPUTS])
    X, Y = rng.uniform(-1, 1, (N, d)), rng.standard_normal((N, OUTPUTS))
    lam = share and share * lambda_max(X, Y)
    options: dict[str, Any] = {"lam": lam} if lam else {}
    _, cpu, solution = measured(
        lambda: fit(X, Y, lam, time_limit=seconds) if lam else interpolate(X, Y, time_limit=seconds)
    )
    _, proof_cpu, certificate = measured(lambda: solution.certificate)
    solvers = certify(solution.network, X, Y, dual=solution.dual, **options)
    with within_additions(1):  # neither cells nor branch and bound
        quick = certify(solution.network, X, Y, dual=certificate.dual, **options)
    cells = work(N, d, OUTPUTS, mutual=True) <= EXACT_WORK
    return {
        "d": d,
        "N": N,
        "share": share,
        "value": solution.value,
        "bound": certificate.lower_bound,
        "gap": certificate.gap,
        "array": "solver's" if solvers.gap <= certificate.gap else "own",
        "response": "cells" if cells else "graph" if quick.gap <= certificate.gap else "branch and bound",
        "norms": None if lam else 1 - bound_by_norms(X, Y) / solution.value,
        "solvers": solvers.gap,
        "gates": None if lam or N * d > MOST_GATED else 1 - gated_value(X, Y, GATES * N, rng) / solution.value,
        "cpu": cpu,
        "proof_cpu": proof_cpu,
    }


def bound_by_norms(X: Array, Y: Array) -> float:
    """Return twice the nuclear norm of the labels without affine part, over the spectral norm of the centred inputs."""
    centred = X - X.mean(axis=0)
    affine = np.column_stack([np.ones(len(X)), X])
    rest = Y - affine @ np.linalg.lstsq(affine, Y, rcond=None)[0]
    return 2 * float(np.linalg.norm(rest, "nuc") / np.linalg.norm(centred, 2))


def gated_value(X: Array, Y: Array, gates: int, rng: np.random.Generator) -> float:
    """Return the least cost of an interpolant by an affine function and gated neurons with random gates.

    A gate has a base point x_i and a direction g. Its neuron is (x - x_i)'W where (x - x_i)'g > 0 and 0 elsewhere; it costs
    the nuclear norm of W (d, T).
    """
    import cvxpy as cp

    N, d = X.shape
    affine = cp.Variable((d + 1, Y.shape[1]))
    weights = [cp.Variable((d, Y.shape[1])) for _ in range(gates)]
    values = np.column_stack([np.ones(N), X]) @ affine
    for W, base in zip(weights, rng.integers(N, size=gates), strict=True):
        seen = X - X[base]
        values += (seen * (seen @ rng.standard_normal(d) > 0)[:, None]) @ W
    program = cp.Problem(cp.Minimize(sum(cp.normNuc(W) for W in weights)), [values == Y])
    return float(program.solve(solver=cp.SCS, eps=1e-5, max_iters=20000))


def row_text(row: dict[str, Any]) -> str:
    """Return a line of the table."""
    cells = (format(row[key], form) if row[key] is not None else "-" for _, key, _, form in COLUMNS)
    return "  ".join(f"{cell:>{width}}" for cell, (_, _, width, _) in zip(cells, COLUMNS, strict=True))


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table of bounds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a few small sizes")
    parser.add_argument("--rows", nargs="*", metavar="dxN", help="sizes, such as 10x40")
    parser.add_argument("--shares", nargs="*", type=float, default=SHARES, help="lam over lambda_max; 0 interpolates")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="limit of a solver (60)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all numbers")
    options = parser.parse_args(arguments)
    sizes = QUICK if options.quick else [(d, N) for N in POINTS for d in DIMENSIONS]
    if options.rows is not None:
        sizes = [(int(d), int(N)) for d, N in (row.split("x") for row in options.rows)]
    rows: list[dict[str, Any]] = []
    print("  ".join(f"{heading:>{width}}" for heading, _, width, _ in COLUMNS))
    with single_threaded(), progress(len(sizes) * len(options.shares)) as advance:
        for share in options.shares:
            for d, N in sizes:
                rows.append(bound_row(d, N, share, options.seconds))
                print(row_text(rows[-1]), flush=True)
                advance(f"{d}x{N}")
    conclude({"environment": environment(), "rows": rows}, options.json)


if __name__ == "__main__":
    main()
