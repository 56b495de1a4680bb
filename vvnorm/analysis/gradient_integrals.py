"""Exact integrals and maxima of a network's gradient over regions of one or two dimensions.

On such a region the gradient of one output is constant between the kinks, which are points of a segment or lines in a
plane. The cells of the lines need not be built: by the divergence theorem the integral of a function that is constant on
cells is a sum over the sides of the cells,

    int phi(g(u)) du = 1/2 sum over cells, sum over their sides of phi(g_cell) (distance of the side's line from 0) length,

and along one line the gradient changes by a known step where another line crosses. This takes O(K^2 (log K + d)) time for
K neurons and O(K d) memory per line; NumPy treats a block of lines at once.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vvnorm.analysis.regions import Region
from vvnorm.network import ReLUNetwork, row_norms
from vvnorm.tolerances import EPS, KINK
from vvnorm.validation import Array

_REACH = 2.0  # coordinates of a region lie between -1 and 1
_BLOCK = 1 << 16  # crossings of lines held at once


@dataclass(frozen=True, eq=False)
class Sides:
    """Some sides of cells, line by line (or arcs of one circle); some may be empty, of length 0.

    Attributes
    ----------
    weights : (n, m) array
        int phi(g(u)) du is the sum of weights * phi(gradients) over all sides of all cells. They have either sign.
    lengths : (n, m) array
        Lengths of the sides in coordinates of the region, whose size is about 1.
    gradients : (n, m, d) array
        Gradients in the cells.
    """

    weights: Array
    lengths: Array
    gradients: Array

    @property
    def norms(self) -> Array:
        """Norms of the gradients, (n, m)."""
        return row_norms(self.gradients.reshape(-1, self.gradients.shape[-1])).reshape(self.lengths.shape)


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
        # [z > 0] = 1 - [-z > 0] except on the kink.
        sign = _orientation(normals)
        base = base + jumps[sign < 0].sum(axis=0)
        return cls(base, jumps * sign[:, None], normals * sign[:, None], offsets * sign)

    def without(self, kinks: NDArray[np.bool_]) -> "GradientSteps":
        """Return the gradient without these kinks, which do not cut the region: their neurons stay as they are at u = 0."""
        base = self.base + self.jumps[kinks & (self.offsets > 0)].sum(axis=0)
        return GradientSteps(base, self.jumps[~kinks], self.normals[~kinks], self.offsets[~kinks])

    def with_merged_kinks(self) -> "GradientSteps":
        """Merge kinks that are equal up to the tolerance `KINK` into the kink of largest jump.

        Otherwise rounding would make cells between such kinks, and would order the kinks differently along each line, so
        that the sums over sides would be wrong.
        """
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import connected_components
        from scipy.spatial import cKDTree

        K = len(self.offsets)
        if K == 0:
            return self
        kinks = np.column_stack([self.normals, self.offsets])
        # Signs may differ: near the end of the half-circle, one of two almost equal normals may have been turned.
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
            yield Sides(np.ones((1, 1)), np.ones((1, 1)), (self.base + self.jumps[on].sum(axis=0))[None, None])
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
        low, high = ends[normals[:, 0] > 0].max(keepdims=True), ends[normals[:, 0] < 0].min(keepdims=True)
        kinks = -self.offsets[None]  # all normals are 1
        lengths, gradients = self._walk(low, high, kinks, np.ones(kinks.shape), kinks <= low)
        return Sides(lengths, lengths, gradients)

    def _in_disc(self) -> Iterator[Sides]:
        steps = self.without(np.abs(self.offsets) > 1 - KINK)  # tangents cut nothing off
        half = np.sqrt((1 - steps.offsets) * (1 + steps.offsets))
        lines = _KinkLines(steps.normals, steps.offsets)
        for some in _blocks(0, len(half), len(half)):
            yield from steps._along(some, lines.crossings(some), -half[some], half[some])
        # Neuron k is on along the arc of half-angle `width` round its normal. Angles are in (0, 2 pi]: the walk
        # ignores kinks at its start, and `on` is the state just after the start.
        middle = np.arctan2(steps.normals[:, 1], steps.normals[:, 0])
        width = np.arctan2(half, -steps.offsets)
        enter, leave = (
            np.where(angle > 0, angle, 2 * np.pi) for angle in np.mod([middle - width, middle + width], 2 * np.pi)
        )
        twice = GradientSteps(steps.base, np.vstack([steps.jumps] * 2), np.empty((0, 2)), np.empty(0))
        signs = np.repeat([1.0, -1.0], len(half))
        on = np.append(enter > leave, np.zeros(len(half), dtype=bool))
        places = np.append(enter, leave)[None]
        arcs, gradients = twice._walk(np.zeros(1), np.full(1, 2 * np.pi), places, signs[None], on[None])
        yield Sides(arcs / 2, arcs, gradients)

    def _in_polygon(self, normals: Array, offsets: Array) -> Iterator[Sides]:
        from scipy.spatial import cKDTree

        edges = np.column_stack([normals, offsets])
        kinks = np.column_stack([self.normals, self.offsets])
        near, _ = cKDTree(np.vstack([edges, -edges])).query(kinks, distance_upper_bound=KINK)
        steps = self.without(np.isfinite(near))  # kinks along an edge cut nothing off
        # Edges are treated like kinks, so that all results agree on the side of an edge on which a nearby kink lies.
        K, inside = len(steps.offsets), _orientation(normals)
        lines = _KinkLines(
            np.vstack([steps.normals, normals * inside[:, None]]), np.append(steps.offsets, offsets * inside)
        )
        total = len(lines.offsets)
        for some in (*_blocks(0, K, total), *_blocks(K, total, total)):
            met = lines.crossings(some)
            start, end = _chords(met.part(slice(K, None)), inside, np.arange(K, total) != some[:, None])
            long = start < end
            some, met, start, end = some[long], met.part(slice(K), long), start[long], end[long]
            if len(some) and some[0] < K:
                yield from steps._along(some, met, start, end)
            elif len(some):
                lengths, gradients = steps._walk(start, end, met.at, met.turns, met.state(start))
                yield Sides((offsets[some - K] / 2)[:, None] * lengths, lengths, gradients)

    def _along(self, some: NDArray[np.intp], met: "_Crossings", start: Array, end: Array) -> Iterator[Sides]:
        """Yield the sides of cells along chords of kinks, first where the kink's own neuron is off, then where it is on."""
        lengths, gradients = self._walk(start, end, met.at, met.turns, met.state(start))
        half = (self.offsets[some] / 2)[:, None]
        yield Sides(-half * lengths, lengths, gradients)
        yield Sides(half * lengths, lengths, gradients + self.jumps[some][:, None])

    def _walk(
        self, start: Array, end: Array, at: Array, turns: Array, on: NDArray[np.bool_]
    ) -> tuple[Array, Array]:  # fmt: skip
        """Return lengths and gradients along n paths on which neuron j turns on (+1) or off (-1) at the place at_j.

        Parameters
        ----------
        start, end : (n,) arrays
        at, turns : (n, K) arrays
        on : (n, K) array of bool
            Neurons that are on at the start; those with turns_j = 0 or at_j outside keep their state.

        Returns
        -------
        (n, K + 1) and (n, K + 1, d) arrays; where fewer neurons turn, the last lengths are 0.
        """
        turning = (at > start[:, None]) & (at < end[:, None]) & (turns != 0)
        place = np.where(turning, at, end[:, None])
        order = np.argsort(place, axis=1, kind="stable")
        place = np.take_along_axis(place, order, axis=1)
        steps = np.take_along_axis(np.where(turning, turns, 0.0), order, axis=1)
        gradients = np.empty((len(start), at.shape[1] + 1, self.jumps.shape[1]))
        gradients[:, 0] = self.base + on @ self.jumps
        np.multiply(self.jumps[order], steps[..., None], out=gradients[:, 1:])
        np.cumsum(gradients, axis=1, out=gradients)
        return np.diff(place, axis=1, prepend=start[:, None], append=end[:, None]), gradients


class _Crossings(NamedTuple):
    """Where lines cross some lines, (n, L) arrays.

    Attributes
    ----------
    at : array
        Place along the line, from the point nearest to 0, in the direction (-n_y, n_x).
    turns : array
        1 if the line crosses to the positive side of the other there, -1 if to the negative, 0 if they are parallel.
    above : array of bool
        For parallel lines, whether the line lies on the positive side of the other.
    """

    at: Array
    turns: Array
    above: NDArray[np.bool_]

    def part(self, others: slice, some: NDArray[np.bool_] | slice = slice(None)) -> "_Crossings":
        """Return the crossings of the lines `some` with the lines `others`."""
        return _Crossings(self.at[some, others], self.turns[some, others], self.above[some, others])

    def state(self, place: Array) -> NDArray[np.bool_]:
        """Whether each line is on the positive sides of the others just after its place (n,)."""
        return np.where(self.turns == 0, self.above, (self.turns > 0) == (self.at <= place[:, None]))


@dataclass(frozen=True, eq=False)
class _KinkLines:
    """Lines n.u + b = 0 in the plane, |n| = 1, the first entry of n that is not zero positive.

    Rounding decides where nearly parallel lines cross. The sums over sides stay right if both lines agree on the
    crossing, so every result here is symmetric in the two lines, to the last bit.
    """

    normals: Array
    offsets: Array

    def crossings(self, some: NDArray[np.intp]) -> _Crossings:
        """Return where all lines cross some of them."""
        (x, y), b = self.normals.T, self.offsets
        own_x, own_y, own_b = x[some, None], y[some, None], b[some, None]
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            turn = own_x * y - own_y * x
            px, py = (b * own_y - own_b * y) / turn, (own_b * x - b * own_x) / turn
            met = np.isfinite(px) & np.isfinite(py)
            at = np.where(met, own_x * py - own_y * px, 0.0)
        apart = b - own_b * np.sign(own_x * x + own_y * y)
        above = ~met & ((apart > 0) | ((apart == 0) & (np.arange(len(b)) > some[:, None])))
        return _Crossings(at, np.where(met, np.sign(turn), 0.0), above)


def _blocks(first: int, last: int, width: int) -> list[NDArray[np.intp]]:
    """Split the indices from first to last - 1 into blocks; a block times the width has at most about `_BLOCK` entries."""
    step = max(1, _BLOCK // max(width, 1))
    return [np.arange(i, min(i + step, last)) for i in range(first, last, step)]


def _orientation(normals: Array) -> Array:
    """Sign of the first entry of each row that is not zero; 1 if all are."""
    return np.where(np.sign(normals) @ 0.5 ** np.arange(normals.shape[1]) < 0, -1.0, 1.0)


def _chords(met: _Crossings, inside: Array, others: NDArray[np.bool_]) -> tuple[Array, Array]:
    """Return where each line enters and leaves a polygon.

    `met` has the crossings with the lines through the edges, `inside` the side of each edge on which the polygon lies, and
    `others` marks edges that are not the line itself. If a line does not meet the polygon, its end is not after its start.
    """
    turns = np.where(others, met.turns * inside, 0.0)
    beside = np.any(others & (turns == 0) & (met.above != (inside > 0)), axis=1)
    start = np.where(turns > 0, met.at, -np.inf).max(axis=1)
    end = np.where(turns < 0, met.at, np.inf).min(axis=1)
    return np.where(beside, 0.0, start), np.where(beside, 0.0, end)


def mean_norm(f: ReLUNetwork, region: Region) -> float:
    """Return the mean of the gradient's norm over a region of at most two dimensions (one output)."""
    total = size = 0.0
    for sides in _all_sides(f, region):
        total += float(np.sum(sides.weights * sides.norms))
        size += float(sides.weights.sum())
    return total / size


def mean_gradient(f: ReLUNetwork, region: Region) -> Array:
    """Return the mean (d,) of the gradient over a region of at most two dimensions (one output)."""
    total, size = np.zeros(f.n_inputs), 0.0
    for sides in _all_sides(f, region):
        total += np.tensordot(sides.weights, sides.gradients, 2)
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
            largest = max(largest, float(sides.norms[seen].max()))
    return largest


def _all_sides(f: ReLUNetwork, region: Region) -> Iterator[Sides]:
    steps = GradientSteps.of(f, region)
    return steps.without(np.abs(steps.offsets) > _REACH).with_merged_kinks().sides(region)
