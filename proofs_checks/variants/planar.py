"""Shared by variants about two inputs: small data in the plane, solutions with certificates, and bounds proved exactly."""

from collections.abc import Iterator
from itertools import combinations, product
from typing import Any

import numpy as np

from vvnorm.api.interpolation import interpolate
from vvnorm.falsification import ListedSpace
from vvnorm.falsification.data import Data, float_data, rationals
from vvnorm.verifier.exact import Proof, prove

GAP = 1e-6
"""Relative gap up to which a solution counts as minimal."""


def solve(data: Data, output: int | None = None) -> Any:
    """Return the minimal-VV-norm interpolant of all outputs, or of one of them."""
    floats = float_data(data)
    return interpolate(floats["X"], floats["Y"] if output is None else floats["Y"][:, [output]], tol=1e-8)


def proof_of(data: Data, output: int | None = None) -> Proof:
    """Prove bounds on the least VV norm in rational arithmetic."""
    solution = solve(data, output)
    Y = data["Y"] if output is None else data["Y"][:, [output]]
    return prove(solution.network, data["X"].tolist(), Y.tolist(), dual=solution.certificate.dual)


def _points(n: int, side: int) -> Iterator[np.ndarray]:
    """Yield one set of n grid points of each class of translates, with points on both axes and not all on a line."""
    for chosen in combinations(product(range(side + 1), repeat=2), n):
        points = np.array(chosen)
        if points.min(axis=0).tolist() == [0, 0] and np.linalg.matrix_rank(points - points[0]) == 2:
            yield points


def _members(n: int, T: int, side: int) -> Iterator[Data]:
    for points in _points(n, side):
        for labels in product((0, 1), repeat=n * T):
            Y = np.array(labels, dtype=object).reshape(n, T)
            if all(len(set(column)) > 1 for column in Y.T.tolist()):
                yield {"X": rationals(points), "Y": rationals(Y)}


def planar_space(outputs: int, sizes: tuple[tuple[int, int], ...] = ((4, 1), (5, 2), (6, 2))) -> ListedSpace:
    """Return the space of data with integer points in squares and labels 0 or 1.

    Parameters
    ----------
    outputs : int
    sizes : tuple of (number of points, side of the square)
    """

    def random(rng: np.random.Generator) -> Data:
        n = int(rng.integers(5, 9))
        grid = np.array(list(product(range(6), repeat=2)))
        points = grid[rng.choice(len(grid), n, replace=False)]
        return {"X": rationals(points), "Y": rationals(rng.integers(0, 4, (n, outputs)).astype(object))}

    families = [
        (f"N = {n}, T = {outputs}, points in a square of side {side}, labels 0 or 1",
         lambda n=n, side=side: _members(n, outputs, side))
        for n, side in sizes
    ]  # fmt: skip
    return ListedSpace(families, random, {"X": "nd", "Y": "nt"}, _fits)


def _fits(data: Data) -> bool:
    """Whether there are four or more distinct points that do not lie on a line."""
    X = np.array(data["X"].tolist(), dtype=float)
    if X.ndim != 2 or X.shape[1:] != (2,) or len(X) < 4 or data["Y"].size == 0:
        return False
    return len({tuple(row) for row in X.tolist()}) == len(X) and bool(np.linalg.matrix_rank(X - X[0]) == 2)
