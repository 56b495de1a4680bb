"""Exact integrals and maxima of a network's gradient over regions of one or two dimensions.

On such a region the gradient of one output is constant between the kinks, which are points of a segment or lines in a
plane. The cells of the lines need not be built: by the divergence theorem the integral of a function that is constant on
cells is a sum over the sides of the cells,

    int phi(g(u)) du = 1/2 sum over cells, sum over their sides of phi(g_cell) (distance of the side's line from 0) length,

and walking along one line the gradient changes by a known step at every other line. That takes O(K^2 (log K + d)) for K
neurons and O(K d) memory at a time.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vvnorm.data import Array
from vvnorm.network import ReLUNetwork, row_norms
from vvnorm.regions import Region
from vvnorm.tolerances import EPS, KINK

_REACH = 2.0  # coordinates of a region lie between -1 and 1


@dataclass(frozen=True, eq=False)
class Sides:
    """Some sides of cells: all on one line, or all arcs of one circle.

    Attributes
    ----------
    weights : (n,) array
        int phi(g(u)) du is the sum of weights * phi(gradients) over all sides of all cells. They have either sign.
    lengths : (n,) array
        Of the sides, in coordinates of the region, whose size is about 1.
    gradients : (n, d) array
        Of the cells.
    """

    weights: Array
    lengths: Array
    gradients: Array


@dataclass(frozen=True, eq=False)
class GradientSteps:
    """The gradient of one output in coordinates u of a region: g(u) = base + sum_k jumps_k [normals_k.u + offsets_k > 0].

    Attributes
    ----------
    base : (d,) array
    jumps : (K, d) array
        Gradients are with respect to the inputs x, whatever the coordinates.
    normals : (K, m) array
        Of length 1, the first entry that is not zero positive.
    offsets : (K,) array
    """

    base: Array
    jumps: Array
    normals: Array
    offsets: Array

    @classmethod
    def of(cls, f: ReLUNetwork, region: Region) -> "GradientSteps":
        """Restrict the gradient of a network of one output to a region."""
        jumps, base = f.V[0][:, None] * f.W, f.A[0]
        normals, offsets = f.W @ region.basis, f.W @ region.centre + f.b
        normals[np.abs(normals) <= f.n_inputs * EPS * (np.abs(f.W) @ np.abs(region.basis))] = 0.0
        size = row_norms(normals)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            normals, scaled = normals / size[:, None], offsets / size
        bends = np.isfinite(scaled)  # else the neuron is on or off all over the region
        base = base + jumps[~bends & (offsets > 0)].sum(axis=0)
        jumps, normals, offsets = jumps[bends], normals[bends], scaled[bends]
        # [z > 0] = 1 - [-z > 0] but on the kink.
        sign = _orientation(normals)
        base = base + jumps[sign < 0].sum(axis=0)
        return cls(base, jumps * sign[:, None], normals * sign[:, None], offsets * sign)

    def without(self, kinks: NDArray[np.bool_]) -> "GradientSteps":
        """Return the field of a region that these kinks do not cut: their neurons are in it as they are at u = 0."""
        base = self.base + self.jumps[kinks & (self.offsets > 0)].sum(axis=0)
        return GradientSteps(base, self.jumps[~kinks], self.normals[~kinks], self.offsets[~kinks])

    def merged(self) -> "GradientSteps":
        """Return a field in which kinks that are equal up to the tolerance `KINK` are one, that of the largest jump.

        Between such kinks there would be cells that rounding makes, and rounding decides their order differently for each
        pair of them, which no sum over sides survives.
        """
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import connected_components
        from scipy.spatial import cKDTree

        K = len(self.offsets)
        if K == 0:
            return self
        kinks = np.column_stack([self.normals, self.offsets])
        # Either way round: of two almost equal normals near the end of the half-circle one may have been turned.
        pairs = cKDTree(np.vstack([kinks, -kinks])).query_pairs(KINK, output_type="ndarray") % K
        graph = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(K, K))
        count, group = connected_components(graph, directed=False)
        falling = np.argsort(-row_norms(self.jumps), kind="stable")
        chosen = falling[np.unique(group[falling], return_index=True)[1]]
        sign = np.sign(np.sum(self.normals * self.normals[chosen][group], axis=1))
        jumps = np.zeros((count, self.jumps.shape[1]))
        np.add.at(jumps, group, self.jumps * sign[:, None])
        base = self.base + self.jumps[sign < 0].sum(axis=0)
        return GradientSteps(base, jumps, self.normals[chosen], self.offsets[chosen])

    def sides(self, region: Region) -> Iterator[Sides]:
        """Yield the sides of all cells of a region of at most two dimensions."""
        boundary = region.halfspaces() if region.dimension else None
        if region.dimension == 0:
            on = self.offsets > 0
            yield Sides(np.ones(1), np.ones(1), (self.base + self.jumps[on].sum(axis=0))[None])
        elif region.dimension == 1:
            assert boundary is not None
            yield self._intervals(*boundary)
        elif boundary is None:
            yield from self._in_disc()
        else:
            yield from self._in_polygon(*boundary)

    def _intervals(self, normals: Array, offsets: Array) -> Sides:
        """Pieces of a segment; its boundary is given like that of a polygon."""
        ends = -offsets / normals[:, 0]
        low, high = ends[normals[:, 0] > 0].max(), ends[normals[:, 0] < 0].min()
        kinks = -self.offsets  # all normals are 1
        lengths, gradients = self._walk(low, high, kinks, np.ones(len(kinks)), kinks <= low)
        return Sides(lengths, lengths, gradients)

    def _in_disc(self) -> Iterator[Sides]:
        steps = self.without(np.abs(self.offsets) > 1 - KINK)  # tangents cut nothing off
        half = np.sqrt((1 - steps.offsets) * (1 + steps.offsets))
        lines = _Lines(steps.normals, steps.offsets)
        for k, reach in enumerate(half):
            yield from steps._along(lines, k, -reach, reach)
        # Neuron k is on along the arc of half-angle `width` round its normal. Angles are in (0, 2 pi]: the walk takes what
        # lies at its start for past, and `on` is the state just after it.
        middle = np.arctan2(steps.normals[:, 1], steps.normals[:, 0])
        width = np.arctan2(half, -steps.offsets)
        enter, leave = (
            np.where(angle > 0, angle, 2 * np.pi) for angle in np.mod([middle - width, middle + width], 2 * np.pi)
        )
        twice = GradientSteps(steps.base, np.vstack([steps.jumps] * 2), np.empty((0, 2)), np.empty(0))
        signs = np.repeat([1.0, -1.0], len(half))
        on = np.append(enter > leave, np.zeros(len(half), dtype=bool))
        arcs, gradients = twice._walk(0.0, 2 * np.pi, np.append(enter, leave), signs, on)
        yield Sides(arcs / 2, arcs, gradients)

    def _in_polygon(self, normals: Array, offsets: Array) -> Iterator[Sides]:
        from scipy.spatial import cKDTree

        edges = np.column_stack([normals, offsets])
        kinks = np.column_stack([self.normals, self.offsets])
        near, _ = cKDTree(np.vstack([edges, -edges])).query(kinks, distance_upper_bound=KINK)
        steps = self.without(np.isfinite(near))  # kinks along an edge cut nothing off
        # The edges are lines among the others, so that all agree on the side on which a kink near an edge is.
        K, inside = len(steps.offsets), _orientation(normals)
        lines = _Lines(np.vstack([steps.normals, normals * inside[:, None]]), np.append(steps.offsets, offsets * inside))
        for k in range(len(lines.offsets)):
            at, turns, above = lines.crossings(k)
            others = np.arange(K, len(at)) != k
            start, end = _chord(at[K:][others], (turns[K:] * inside)[others], (above[K:] == (inside > 0))[others])
            if not start < end:
                continue
            if k < K:
                yield from steps._along(lines, k, start, end)
            else:
                lengths, gradients = steps._walk(start, end, at[:K], turns[:K], _state(at, turns, above, start)[:K])
                yield Sides(offsets[k - K] / 2 * lengths, lengths, gradients)

    def _along(self, lines: "_Lines", k: int, start: float, end: float) -> Iterator[Sides]:
        """Yield the sides of cells along the chord of kink k, first where neuron k is off, then where it is on."""
        K = len(self.offsets)
        at, turns, above = lines.crossings(k)
        lengths, gradients = self._walk(start, end, at[:K], turns[:K], _state(at, turns, above, start)[:K])
        yield Sides(-self.offsets[k] / 2 * lengths, lengths, gradients)
        yield Sides(self.offsets[k] / 2 * lengths, lengths, gradients + self.jumps[k])

    def _walk(self, start: float, end: float, at: Array, turns: Array, on: NDArray[np.bool_]) -> tuple[Array, Array]:
        """Return lengths and gradients along a path on which neuron j turns on (+1) or off (-1) at the place at_j.

        Neurons that are on at the start are marked; neurons with turns_j = 0 or at_j outside keep their state.
        """
        inner = np.flatnonzero((at > start) & (at < end) & (turns != 0))
        inner = inner[np.argsort(at[inner], kind="stable")]
        gradients = np.empty((len(inner) + 1, self.jumps.shape[1]))
        gradients[0] = self.base + self.jumps[on].sum(axis=0)
        np.multiply(self.jumps[inner], turns[inner, None], out=gradients[1:])
        np.cumsum(gradients, axis=0, out=gradients)
        return np.diff(at[inner], prepend=start, append=end), gradients


@dataclass(frozen=True, eq=False)
class _Lines:
    """Lines n.u + b = 0 in the plane, |n| = 1, the first entry of n that is not zero positive.

    Where nearly parallel lines cross is a matter of rounding; the sums over sides stay right as long as both lines agree on
    it. So every answer here is symmetric in the two lines, to the last bit.
    """

    normals: Array
    offsets: Array

    def crossings(self, k: int) -> tuple[Array, Array, NDArray[np.bool_]]:
        """Return where the others cross line k.

        Returns
        -------
        at : (L,) array
            Place along line k, from the point nearest to 0, in the direction (-n_y, n_x).
        turns : (L,) array
            1 if line k crosses to the positive side of the other there, -1 if to the negative, 0 if they are parallel.
        above : (L,) array
            For parallel lines, whether line k lies on the positive side of the other.
        """
        (x, y), b = self.normals.T, self.offsets
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            turn = x[k] * y - y[k] * x
            px, py = (b * y[k] - b[k] * y) / turn, (b[k] * x - b * x[k]) / turn
            met = np.isfinite(px) & np.isfinite(py)
            at = np.where(met, x[k] * py - y[k] * px, 0.0)
        apart = b - b[k] * np.sign(x * x[k] + y * y[k])
        above = ~met & ((apart > 0) | ((apart == 0) & (np.arange(len(b)) > k)))
        return at, np.where(met, np.sign(turn), 0.0), above


def _orientation(normals: Array) -> Array:
    """Sign of the first entry of each row that is not zero; 1 if all are."""
    return np.where(np.sign(normals) @ 0.5 ** np.arange(normals.shape[1]) < 0, -1.0, 1.0)


def _state(at: Array, turns: Array, above: NDArray[np.bool_], place: float) -> NDArray[np.bool_]:
    """Whether a line is on the positive sides of the others just after the place."""
    return np.where(turns == 0, above, (turns > 0) == (at <= place))


def _chord(at: Array, turns: Array, inside: NDArray[np.bool_]) -> tuple[float, float]:
    """Return the ends of a line's part in a polygon from where its edges' lines enter (+1) and leave (-1) it."""
    if not np.all(inside[turns == 0]):
        return 0.0, 0.0
    return float(at[turns > 0].max()), float(at[turns < 0].min())


def mean_norm(f: ReLUNetwork, region: Region) -> float:
    """Return the mean of the gradient's norm over a region of at most two dimensions (one output)."""
    total = size = 0.0
    for sides in _all_sides(f, region):
        total += float(sides.weights @ row_norms(sides.gradients))
        size += float(sides.weights.sum())
    return total / size


def max_norm(f: ReLUNetwork, region: Region) -> float:
    """Return the largest gradient norm over the cells of a region of at most two dimensions (one output).

    Cells with no side longer than `KINK` do not count: rounding makes such cells where several kinks meet in a point.
    """
    largest = 0.0
    for sides in _all_sides(f, region):
        seen = sides.lengths > KINK
        if seen.any():
            largest = max(largest, float(row_norms(sides.gradients[seen]).max()))
    return largest


def _all_sides(f: ReLUNetwork, region: Region) -> Iterator[Sides]:
    steps = GradientSteps.of(f, region)
    return steps.without(np.abs(steps.offsets) > _REACH).merged().sides(region)
