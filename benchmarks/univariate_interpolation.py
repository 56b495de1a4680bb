"""Exact interpolation of one input against the convex program and against one pass over memory.

Run with `python -m benchmarks.univariate_interpolation` (about a minute and a half; `--quick` leaves out the slow program).
Timings alternate between the two sides and each ratio is of medians, so that a drift in the machine's speed affects both
sides.
"""

import argparse
import statistics
import tracemalloc

import numpy as np

from benchmarks.measuring import timed
from vvnorm import interpolate
from vvnorm.solvers.reference import dictionary_interpolation


def against_differences(N: int, T: int, rounds: int) -> None:
    """Interpolate with certificate, in multiples of np.diff(Y, 2, axis=0)."""
    rng = np.random.default_rng(0)
    x, Y = np.sort(rng.random(N)), rng.standard_normal((N, T))
    ours, peer = [], []
    for _ in range(rounds):
        peer.append(timed(lambda: np.diff(Y, 2, axis=0))[0])
        seconds, solution = timed(lambda: interpolate(x, Y))
        ours.append(seconds)
        gap = solution.gap
        del solution
    tracemalloc.start()
    interpolate(x, Y)
    memory = tracemalloc.get_traced_memory()[1] / Y.nbytes
    tracemalloc.stop()
    ratio = statistics.median(ours) / statistics.median(peer)
    print(
        f"N = {N:.0e}, T = {T:2}: interpolate {statistics.median(ours):.3f} s, np.diff(Y, 2, axis=0) "
        f"{statistics.median(peer):.3f} s, ratio {ratio:.2f}; memory {memory:.2f} x Y; relative gap {gap:.1e}"
    )


def against_program(N: int, T: int) -> None:
    """Interpolate with certificate, against CVXPY and Clarabel over a ReLU dictionary."""
    rng = np.random.default_rng(0)
    x, Y = np.linspace(0, 1, N), rng.standard_normal((N, T))
    ours, solution = min((timed(lambda: interpolate(x, Y)) for _ in range(5)), key=lambda pair: pair[0])
    peer, program = timed(lambda: dictionary_interpolation(x, Y))
    print(
        f"N = {N}, T = {T}: interpolate {ours * 1e3:.2f} ms, program {peer:.1f} s, ratio {peer / ours:.0f}; "
        f"values differ by {abs(program.value / solution.value - 1):.1e} relative ({program.provenance['status']})"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="leave out the program at N = 1000")
    quick = parser.parse_args().quick
    interpolate([0.0, 1.0, 2.0], [[0.0], [1.0], [0.0]])  # compile, or load what was compiled
    against_differences(10**6, 32, rounds=7)
    against_differences(10**6, 1, rounds=7)
    against_program(200, 5)
    if not quick:
        against_program(1000, 5)


if __name__ == "__main__":
    main()
