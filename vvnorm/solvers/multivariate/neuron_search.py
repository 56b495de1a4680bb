"""Neurons over given points, and the search for the neurons with the largest responses to a dual array.

With a free bias, the response of a neuron is largest where its kink passes through a point: relu(w.(x - x_i)). With the
bias inside the norm, neurons are relu(w.x + b) with ||(w, b)|| = 1, that is relu(w.p) for the lifted point p = (x, 1).
Both are the same search over unit vectors w, for vectors p_j: points seen from each base point, or lifted points as
they are.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from vvnorm._internal.threads import share
from vvnorm.network import row_norms
from vvnorm.solvers.multivariate import exact_search, kink_arguments, planar_search, planar_search_compensated
from vvnorm.validation import Array

_APART = 1e-6  # neurons with kinks through the same points are equal if their unit vectors differ by less
_JITTER = 1e-11  # relative perturbation of points before cells are enumerated, which needs general position
_EXACT = 1e10  # largest `work` of an affordable exact search: some ten seconds
_SHARED = 5e6  # `work` from which threads share a search
_SORTING = 8  # outputs of a search in the plane that takes as long as sorting the angles
_BLOCK = 16  # base points that they share between two looks at the clock
_LOCAL_STARTS = 1  # number of local searches from random neurons for each base point, if the search is not exact
_BATCH = 32  # random starts, and as many hints, between two checks of the number of neurons above the threshold
_CLIMB = 200.0  # passes over the data, about, of a local search: some twenty circles
_ENOUGH = 32  # number of neurons above the threshold at which a local search ends
_JITTER_BETWEEN = 1e-8  # points are moved by at most this part of the distance to the nearest point
_CLOSE = 1e-4  # if points are closer than this part of their radius, sums have twice the digits
_NEGLIGIBLE = 1e-9  # a |w.p| below this part of |p| is rounding


class OutOfTime(Exception):
    """Raised by an exact search at its deadline."""


@dataclass(frozen=True, eq=False)
class Neurons:
    """K neurons.

    Attributes
    ----------
    w : (K, D) array
        Unit vectors.
    anchor : (K,) array of int
        Base point, which lies on the kink; -1 for lifted points.
    through : (K, D - 1) array of int
        Further points on the kink; -1 = none.
    """

    w: Array
    anchor: NDArray[np.int64]
    through: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.w)

    def __getitem__(self, rows: NDArray[np.intp] | NDArray[np.bool_] | slice) -> "Neurons":
        return Neurons(self.w[rows], self.anchor[rows], self.through[rows])

    @staticmethod
    def joined(parts: "Sequence[Neurons]") -> "Neurons":
        """Concatenate several sets of neurons."""
        return Neurons(
            np.vstack([part.w for part in parts]),
            np.concatenate([part.anchor for part in parts]),
            np.vstack([part.through for part in parts]),
        )


class NeuronSearch:
    """N points as vectors in R^D, and the search over the neurons on them.

    Parameters
    ----------
    P : (N, D) array
        Points, or lifted points.
    anchored : bool
        Whether biases are free, so that kinks pass through points.
    antipodal : bool
        Whether affine functions are free, so that w and -w are one neuron.
    rng : numpy.random.Generator
        Generator of inexact searches.
    local_search : bool
        Whether to search locally in three and more dimensions even where an exact search is affordable.
    """

    def __init__(
        self, P: Array, anchored: bool, antipodal: bool, rng: np.random.Generator, *, local_search: bool = False
    ) -> None:  # fmt: skip
        self.P, self.anchored, self.antipodal, self._rng = np.ascontiguousarray(P), anchored, antipodal, rng
        N, self.dimension = P.shape
        self._local = local_search and self.dimension > 2
        self._bases = np.sort(np.unique(P, axis=0, return_index=True)[1]) if anchored else np.array([-1])
        self._planar = P if self.dimension == 2 else np.column_stack([P[:, :1], np.zeros(N)])
        far = np.minimum(_JITTER * np.max(np.abs(P), initial=0.0), _JITTER_BETWEEN * self._nearest)
        self._moved = np.ascontiguousarray(P + far[:, None] * np.random.default_rng(0).standard_normal(P.shape))

    @cached_property
    def close(self) -> bool:
        """Whether some points are so close to each other that sums need twice the digits."""
        return float(np.min(self._nearest)) < _CLOSE * float(np.max(np.ptp(self.P, axis=0)))

    @cached_property
    def _nearest(self) -> Array:
        """Distance of each point (N,) from the nearest other point; infinite if there is none."""
        points, group = np.unique(self.P, axis=0, return_inverse=True)
        distance: Array = np.full(len(points), np.inf)
        if len(points) > 1:
            distance = cKDTree(points).query(points, k=2)[0][:, 1]
        return distance[group.ravel()]

    # --- values ---

    def features(self, neurons: Neurons) -> Array:
        """relu(w.p) for all points and neurons, (N, K); exactly 0 where the kink passes."""
        values = self._arguments(neurons, np.arange(len(self.P))) if self.close else self.P @ neurons.w.T
        if self.anchored and not self.close:
            values -= np.einsum("kd,kd->k", self.P[neurons.anchor], neurons.w)
        if self.anchored:
            values[neurons.anchor, np.arange(len(neurons))] = 0.0
        for column in neurons.through.T:
            on = np.flatnonzero(column >= 0)
            values[column[on], on] = 0.0
        features: Array = np.maximum(values, 0.0)
        return features

    def rises(self, neurons: Neurons, start: NDArray[np.intp], stop: NDArray[np.intp]) -> Array:
        """Differences of the neurons' values between pairs of points, (len(start), K), accurate for close points, too."""
        if not self.close:
            features = self.features(neurons)
            return np.asarray(features[stop] - features[start])
        before, after = self._arguments(neurons, start), self._arguments(neurons, stop)
        rises = np.maximum(after, 0.0) - np.maximum(before, 0.0)
        # If a neuron is on at both ends, differences of points are exact for close points, but differences of arguments
        # are not.
        along = (self.P[stop] - self.P[start]) @ neurons.w.T
        accurate: Array = np.where((before > 0) & (after > 0), along, rises)
        return accurate

    def _arguments(self, neurons: Neurons, rows: NDArray[np.intp]) -> Array:
        """w.p for some points and all neurons, (len(rows), K), by the difference to the nearest point on the kink."""
        on = np.column_stack([*([neurons.anchor] if self.anchored else []), neurons.through])
        values = np.empty((len(rows), len(neurons)))
        self._shared(
            lambda first, last: kink_arguments.arguments(self.P, rows, neurons.w, on, first, last, values),
            len(rows),
            float(values.size * on.size / max(len(on), 1) * self.dimension),
        )
        return values

    # --- search ---

    def work(self, outputs: int) -> float:
        """Approximate number of multiplications of an exact search."""
        N, D = self.P.shape
        if D <= 2:
            return 6.0 * len(self._bases) * N * outputs
        circles = len(self._bases) * math.comb(max(N - 1, 0), D - 2)
        return 3.0 ** (D - 2) * circles * N * (2 * D * outputs + D**3)

    def exact(self, outputs: int) -> bool:
        """Whether an exact search is affordable (always in the plane) and not excluded by `local_search`."""
        return self.dimension <= 2 or (not self._local and self.work(outputs) <= _EXACT)

    def random(self, each: int) -> Neurons:
        """Draw random neurons, this many for each base point (or point)."""
        N, D = self.P.shape
        anchor = np.repeat(self._bases, each) if self.anchored else np.full(N * each, -1)
        w = self._rng.standard_normal((len(anchor), D))
        if not self.anchored:  # kinks through the points rather than far from all of them
            other = np.repeat(self.P, each, axis=0)
            w -= other * (np.einsum("kd,kd->k", w, other) / np.einsum("kd,kd->k", other, other))[:, None]
        w /= np.maximum(row_norms(w), 1e-300)[:, None]
        return Neurons(w, anchor, np.full((len(anchor), D - 1), -1))

    def through_pairs(self, each: int) -> Neurons:
        """Return neurons in the plane whose kinks pass through two points: all, or about `each` for every point."""
        i, j = (self._bases[side] for side in np.triu_indices(len(self._bases), 1))
        if len(i) > each * len(self._bases):
            some = np.sort(self._rng.choice(len(i), each * len(self._bases), replace=False))
            i, j = i[some], j[some]
        return self._kinks(i, j)

    def through_point(self, point: int) -> Neurons:
        """Neurons on anchored points in the plane whose kinks pass through one point and any other."""
        others = self._bases[self._bases != point]
        return self._kinks(np.full(len(others), point), others)

    def _kinks(self, i: NDArray[np.int64], j: NDArray[np.int64]) -> Neurons:
        """Neurons whose kinks pass through points i and j (K,), on either side where that matters."""
        step = self.P[j] - self.P[i]
        w = np.column_stack([-step[:, 1], step[:, 0]]) / row_norms(step)[:, None]
        neurons = Neurons(w, i, j[:, None])
        return neurons if self.antipodal else Neurons.joined([neurons, Neurons(-w, i, j[:, None])])

    def search(
        self,
        dual: Array,
        *,
        exact: bool,
        hints: Neurons | None = None,
        bar: float = np.inf,
        floor: float = 0.0,
        deadline: float = np.inf,
    ) -> tuple[Neurons, Array]:
        """Find neurons with large responses to a dual array.

        Parameters
        ----------
        dual : (N, R) array
            Orthogonal to the free functions.
        exact : bool
            Whether the neuron of largest response must be among them.
        hints : Neurons, optional
            Neurons with large responses to a similar array, from which local searches start.
        bar : float
            Threshold: a local search ends early once many neurons have a larger response.
        floor : float
            Responses up to this value are of no interest: an exact search in three and more dimensions skips them.
        deadline : float
            Value of time.monotonic() at which an exact search in three and more dimensions ends.

        Returns
        -------
        Neurons, and the norms of their responses; of an exact search at most one for each base point (or first point on
        the kink). A kink may occur several times, and miss its points by rounding; see `distinct` and `straightened`.

        Raises
        ------
        OutOfTime
        """
        L = np.ascontiguousarray(dual)
        if self.dimension <= 2:
            return self._search_plane(L)
        neurons = self._search_faces(L, floor, deadline) if exact else self._local_search(L, hints, bar)
        neurons = self.straightened(neurons)
        return neurons, row_norms(self.features(neurons).T @ L)

    def _search_plane(self, L: Array) -> tuple[Neurons, Array]:
        N = len(self.P)
        if self.anchored:
            values, w, through = np.empty(N), np.empty((N, 2)), np.empty(N, np.int64)
            kernel, switches = planar_search_compensated if self.close else planar_search, self._switches

            def look(first: int, last: int) -> None:  # each point writes its own results
                kernel.around(self._planar, L, self.antipodal, first, last, *switches, values, w, through)

            self._shared(look, N, self.work(L.shape[1]))
            rows, anchor = self._bases, self._bases
        else:
            capacity = 4 * N + 4
            values, w, through = np.empty(capacity), np.empty((capacity, 2)), np.empty(capacity, np.int64)
            count = planar_search.along(self._planar, L, self.antipodal, values, w, through)
            rows, anchor = np.arange(count), np.full(count, -1)
        D = self.dimension
        if D == 1:  # the second coordinate is 0 for all points: directions are w = 1 and w = -1
            rows, anchor = rows[np.abs(w[rows, 0]) > 0.5], anchor[np.abs(w[rows, 0]) > 0.5]
            return Neurons(np.sign(w[rows, :1]), anchor, np.empty((len(rows), 0), np.int64)), values[rows]
        return Neurons(w[rows], anchor, through[rows, None]), values[rows]

    @cached_property
    def _switches(self) -> tuple[Array, NDArray[np.int32], NDArray[np.int64]]:
        """Sorted angles at which points switch, for each base point. They do not depend on the dual array."""
        N = len(self.P)
        angle, order, count = np.empty((N, N)), np.empty((N, N), np.int32), np.empty(N, np.int64)
        self._shared(
            lambda first, last: planar_search.prepare(self._planar, first, last, angle, order, count),
            N,
            self.work(_SORTING),
        )
        return angle, order, count

    def _search_faces(self, L: Array, floor: float, deadline: float) -> Neurons:
        N, D = self.P.shape
        values, w, through = np.full(N, floor), np.zeros((N, D)), np.full((N, D - 1), -1)

        def look(first: int, start: int, stop: int) -> None:
            for base in self._bases[first + start : first + stop]:  # each writes its own results
                P, slot = self._seen_from(base), base if self.anchored else -1
                seen, marks = exact_search.tables(N, D, base, self.antipodal)
                exact_search.search_all(P, L, self.antipodal, self.close, base, slot, seen, marks, values, w, through)

        for first in range(0, len(self._bases), _BLOCK):
            if time.monotonic() > deadline:
                raise OutOfTime
            size = min(_BLOCK, len(self._bases) - first)
            self._shared(partial(look, first), size, self.work(L.shape[1]))
        rows = np.flatnonzero(values > floor)
        anchor = rows if self.anchored else np.full(len(rows), -1)
        return Neurons(w[rows], anchor, through[rows])

    @staticmethod
    def _shared(task: Callable[[int, int], None], size: int, work: float) -> None:
        """Call `task(first, last)` for all numbers below `size`, on all threads if the work is worth it."""
        if work < _SHARED:
            task(0, size)
        else:
            share(task, size)

    def _local_search(self, L: Array, hints: Neurons | None, bar: float) -> Neurons:
        """Search locally from random neurons and from hints of large response, until enough neurons exceed `bar`."""
        starts = [self.random(_LOCAL_STARTS)]
        if hints is not None:
            most = np.argsort(-row_norms(self.features(hints).T @ L), kind="stable")[: len(starts[0])]
            starts.append(hints[most])
        neurons, above = [], 0
        for first in range(0, len(starts[0]), _BATCH):
            batch = Neurons.joined([part[first : first + _BATCH] for part in starts])
            values, anchor, w, through = np.empty(len(batch)), batch.anchor.copy(), batch.w.copy(), batch.through.copy()

            def climb(
                start: int, stop: int, anchor: Any = anchor, values: Any = values, w: Any = w, through: Any = through
            ) -> None:
                part = slice(start, stop)
                exact_search.local_search(
                    self._moved, L, self.antipodal, anchor[part], values[part], w[part], through[part]
                )

            self._shared(climb, len(batch), _CLIMB * len(batch) * self.P.size * L.shape[1])
            neurons.append(Neurons(w, anchor, through)[values > 0])
            above += int(np.sum(values > bar))
            if above >= _ENOUGH:
                break
        return Neurons.joined(neurons)

    def _seen_from(self, base: int) -> Array:
        return self._moved - self._moved[base] if base >= 0 else self._moved

    def straightened(self, neurons: Neurons) -> Neurons:
        """Move kinks so that they pass through their points exactly; the search moved points, or rounded angles."""
        w, through = neurons.w.copy(), neurons.through.copy()
        bent = np.flatnonzero(np.any(through >= 0, axis=1))
        if self.dimension == 2:
            p = self.P[through[bent, 0]] - (self.P[neurons.anchor[bent]] if self.anchored else 0.0)
            across = np.column_stack([-p[:, 1], p[:, 0]])
            w[bent] = across * np.copysign(1 / row_norms(p), np.einsum("kd,kd->k", across, w[bent]))[:, None]
            return Neurons(w, neurons.anchor, through)
        for pattern in np.unique(through >= 0, axis=0):
            rows, columns = np.flatnonzero(np.all((through >= 0) == pattern, axis=1)), np.flatnonzero(pattern)
            if len(columns) == 0:
                continue
            points = through[np.ix_(rows, columns)]
            p = self._along_kink(neurons.anchor[rows], points)
            along = np.einsum("kmd,kd->km", p, w[rows])
            straight = w[rows] - np.einsum("kdm,km->kd", np.linalg.pinv(p, rcond=1e-6), along)
            w[rows] = straight / row_norms(straight)[:, None]
            missed = np.abs(np.einsum("kmd,kd->km", p, w[rows])) > _NEGLIGIBLE
            through[np.ix_(rows, columns)] = np.where(missed, -1, points)
        return Neurons(w, neurons.anchor, through)

    def _along_kink(self, anchor: NDArray[np.int64], points: NDArray[np.int64]) -> Array:
        """Return unit vectors (K, m, D) to points (K, m) on kinks, each from the nearest previous one (or the origin)."""
        rows, D = np.arange(len(points)), self.dimension
        on = [self.P[anchor] if self.anchored else np.zeros((len(points), D))]
        vectors = np.empty((*points.shape, D))
        for place, column in enumerate(points.T):
            away = self.P[column][:, None] - np.stack(on, axis=1)
            distance = row_norms(away.reshape(-1, D)).reshape(away.shape[:2])
            nearest = np.argmin(distance, axis=1)
            vectors[:, place] = away[rows, nearest] / np.maximum(distance[rows, nearest], 1e-300)[:, None]
            on.append(self.P[column])
        return vectors

    def distinct(self, neurons: Neurons) -> Neurons:
        """Drop repeated neurons: a search yields a kink through two points from both of them."""
        kink = np.sort(np.column_stack([neurons.anchor, neurons.through]), axis=1)
        incomplete = np.sum(kink >= 0, axis=1) < self.dimension - (0 if self.anchored else 1)
        largest = np.argmax(np.abs(neurons.w), axis=1)[:, None]
        side = np.take_along_axis(np.sign(neurons.w), largest, axis=1)
        # Enough points determine a kink, up to its orientation.
        w = np.where(incomplete[:, None], np.round(neurons.w * (side if self.antipodal else 1.0) / _APART), 0.0)
        key = np.column_stack([kink, 0 * side if self.antipodal else side, w])
        return neurons[np.sort(np.unique(key, axis=0, return_index=True)[1])]
