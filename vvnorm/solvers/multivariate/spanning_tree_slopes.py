"""Slopes along a spanning tree: equations of interpolation that stay independent for points that are close to each other.

Values at two points at distance h differ by h times a slope, for labels and neurons alike. So the equations of two
close points are nearly equal, and a matrix with these rows loses about -log10(h) digits (twice as many if it is squared).
Slopes are of order 1. The tree of least total length joins close points first. The N - 1 slopes along its edges, which lie
in [-1, 1] for neurons of unit size, determine the N values up to a constant.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from vvnorm.network import row_norms
from vvnorm.solvers.multivariate.dense_blocks import product
from vvnorm.solvers.multivariate.neuron_search import Neurons, NeuronSearch
from vvnorm.tolerances import EPS
from vvnorm.validation import Array

_FLAT = 64 * EPS  # times m: relative size of singular values below which functions are dependent


@dataclass(frozen=True, eq=False)
class Slopes:
    """Edges of the minimum spanning tree of m points, and the complement of the slopes of free functions along them.

    Attributes
    ----------
    start, stop : (m - 1,) arrays of int
        Points that the edges join.
    lengths : (m - 1,) array
    complement : (m - 1, n) array
        Orthonormal basis of the complement of the slopes of free functions.
    """

    start: NDArray[np.intp]
    stop: NDArray[np.intp]
    lengths: Array
    complement: Array

    @classmethod
    def of(cls, P: Array, linear: Array) -> "Slopes":
        """Edges for distinct points (m, D), at which constants and functions of values `linear` (m, q) are free."""
        start, stop = spanning_tree(P)
        lengths = row_norms(P[stop] - P[start])
        return cls(start, stop, lengths, orthogonal_complement((linear[stop] - linear[start]) / lengths[:, None]))

    def reduced(self, values: Array) -> Array:
        """Slopes of values (m, T) without those of free functions, (n, T)."""
        slopes: Array = self.complement.T @ ((values[self.stop] - values[self.start]) / self.lengths[:, None])
        return slopes

    def reduced_neurons(self, neuron_search: NeuronSearch, rows: NDArray[np.intp], neurons: Neurons) -> Array:
        """Return reduced slopes of neurons at the points `rows`, (n, K)."""
        rises = neuron_search.rises(neurons, rows[self.start], rows[self.stop])
        return product(self.complement.T, rises / self.lengths[:, None])

    @cached_property
    def basis(self) -> Array:
        """The transposed matrix of `reduced`, (m, n)."""
        total, weights = np.zeros((len(self.start) + 1, self.complement.shape[1])), self.complement / self.lengths[:, None]
        np.add.at(total, self.stop, weights)
        np.subtract.at(total, self.start, weights)
        return total


def spanning_tree(P: Array) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the ends of the edges of the minimum spanning tree of points (m, D), by Prim's algorithm.

    Source: R. C. Prim, "Shortest connection networks and some generalizations", Bell System Technical Journal 36, 1957.
    SciPy's function treats distances below 1e-8 as missing edges.
    """
    m = len(P)
    start, stop = np.zeros((2, max(m - 1, 0)), dtype=np.intp)
    nearest, distance, last = np.zeros(m, dtype=np.intp), np.full(m, np.inf), 0
    outside = np.arange(m) > 0
    for edge in range(m - 1):
        seen = row_norms(P - P[last])
        closer = outside & (seen < distance)
        nearest[closer], distance[closer] = last, seen[closer]
        last = int(np.argmin(np.where(outside, distance, np.inf)))
        start[edge], stop[edge], outside[last] = nearest[last], last, False
    return start, stop


def orthogonal_complement(functions: Array) -> Array:
    """Return an orthonormal basis (m, n) of the orthogonal complement of the columns."""
    if functions.size == 0:
        return np.eye(len(functions))
    U, s, _ = np.linalg.svd(functions)
    rank = int(np.sum(s > _FLAT * len(functions) * s[0]))
    complement: Array = U[:, rank:]
    return complement
