"""Search for the ends of a band, and proofs of them: see `vvnorm.results.band`.

The solver proposes networks and dual arrays; outer ends count only where the verifier confirms them. The ends at a point
depend on this point alone, so that processes can share the points.
"""

import math
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from vvnorm._internal.executors import WorkerProcesses
from vvnorm._internal.progress import steps_shown
from vvnorm._internal.words import count
from vvnorm.network import ReLUNetwork
from vvnorm.results.band import SIDES, Band, BandEnd, BandProblem, as_outputs, coordinates_in
from vvnorm.results.coordinates import in_space
from vvnorm.solvers.multivariate import extreme_values as solver
from vvnorm.solvers.multivariate.affine_elimination import Convention
from vvnorm.tolerances import EPS
from vvnorm.validation import Array, as_count, as_inputs
from vvnorm.verifier.flat_inputs import Subspace

_PADS = (1e-7, 1e-5, 1e-3, 1e-1, 1.0, 10.0)  # of an outer end's distance: how far it may be moved until it is proved
_ROUNDING = 64 * EPS * 1e7  # the first pad then covers some roundings of labels


def as_excess(excess: float) -> float:
    """Validate an excess: finite and not negative."""
    is_number = isinstance(excess, int | float | np.integer | np.floating) and not isinstance(excess, bool)
    if not (is_number and 0 <= excess < math.inf):
        raise ValueError(f"excess must be a non-negative finite number, got {excess!r}")
    return float(excess)


def as_band_points(points: ArrayLike, d: int) -> Array:
    """Validate points (n, d)."""
    x = as_inputs(points, "points")
    if x.shape[1] != d:
        raise ValueError(f"points has {count(x.shape[1], 'column')}; the solution has {count(d, 'input')}")
    return x


def band_of(
    problem: BandProblem,
    points: ArrayLike,
    excess: float,
    outputs: int | Sequence[int] | None,
    subspace: Subspace | None = None,
    *,
    progress: bool,
    jobs: int,
) -> Band:
    """Make the band of a problem at a caller's points (n, d); other arguments are those of `MultivariateSolution.band`."""
    level, chosen, processes = as_excess(excess), as_outputs(outputs, problem.Y.shape[1]), as_count(jobs, "jobs", 1)
    x = as_band_points(points, (problem.X if subspace is None else subspace.axes).shape[1 if subspace is None else 0])
    return make_band(problem, x, chosen, level, subspace, progress=progress, jobs=processes)


class _Place(NamedTuple):
    """A point in coordinates of the problem, and whether it lies in the subspace of the data."""

    x: Array
    inside: bool


class _Intervals(NamedTuple):
    """The results at a point: inner and outer ends (m, 2), and the evidence by output and side."""

    inner: Array
    outer: Array
    ends: list[BandEnd]


def make_band(
    problem: BandProblem,
    points: Array,
    outputs: tuple[int, ...],
    excess: float,
    subspace: Subspace | None,
    *,
    progress: bool = False,
    jobs: int = 1,
) -> Band:
    """Search for the ends and prove them; arguments are validated. Points that repeat are searched once."""
    maker = _Maker(problem, excess, outputs)
    where, inside = coordinates_in(subspace, points, problem.X)
    places = {x.tobytes(): _Place(*place) for x, *place in zip(points, where, inside.tolist(), strict=True)}
    made: dict[bytes, _Intervals] = {}
    with steps_shown("searching the band", len(places), None, progress) as ended:
        for x, intervals in _each(maker, places, jobs):
            made[x] = intervals
            ended()
    by_point = [made[x.tobytes()] for x in points]
    inner, outer = (np.array([ends[side] for ends in by_point]) for side in (0, 1))
    values = (problem.network(where) if subspace is None else in_space(problem.network, subspace)(points))[:, list(outputs)]
    evidence = tuple(end for intervals in by_point for end in intervals.ends)
    return Band(points, outputs, excess, maker.budget, values, inner, outer, problem, evidence, subspace)


def _each(maker: "_Maker", places: dict[bytes, _Place], jobs: int) -> Iterator[tuple[bytes, _Intervals]]:
    """Yield the results at each place, in the order in which the searches end."""
    if min(jobs, len(places)) == 1:
        yield from ((x, maker.at(place)) for x, place in places.items())
        return
    waiting, running = deque(places.items()), dict[Future[_Intervals], bytes]()
    with WorkerProcesses(min(jobs, len(places))) as processes:
        try:
            while waiting or running:
                while waiting and len(running) < processes.slots:
                    x, place = waiting.popleft()
                    running[processes.submit(maker.at, place)] = x
                for call in wait(running, return_when=FIRST_COMPLETED).done:
                    yield running.pop(call), call.result()
        except BaseException:
            processes.stop()
            raise


class _Maker:
    """Makes intervals; holds what all points share."""

    def __init__(self, problem: BandProblem, excess: float, outputs: tuple[int, ...]) -> None:
        self.problem, self.excess, self.outputs = problem, excess, outputs
        self.budget = (1 + excess) * problem.value
        self._convention = Convention(problem.skip, problem.penalise_bias)
        tol = solver.accuracy(max(excess, problem.tol) * problem.value, problem.value)
        if problem.lam > 0:
            self._data = solver.FitData(problem.X, problem.Y, problem.shares, problem.losses, problem.lam, self._convention)
            base: Any = self._data.base(tol)
        else:
            base = solver.base_interpolant(problem.X, problem.Y, self._convention, tol)
        own = solver.Base(problem.network, problem.value, problem.dual, None if base is None else base.start)
        self._base = base if base is not None and base.cost < problem.value else own

    def at(self, place: _Place) -> _Intervals:
        """Search the intervals of all outputs at a point."""
        x, problem = place.x, self.problem
        inner, outer, ends = np.empty((len(self.outputs), 2)), np.empty((len(self.outputs), 2)), list[BandEnd]()
        nothing = BandEnd(problem.network, None, math.nan, math.nan)
        point: solver.FurtherPoint | None = None
        factor = 1.0  # of usual first steps: labels near the point restrain all outputs alike
        for j, t in enumerate(self.outputs):
            label = problem.label(x, t)
            if not math.isnan(label):
                inner[j] = outer[j] = label
                ends += [nothing, nothing]
            elif not place.inside or problem.free(x, t):
                inner[j] = outer[j] = -math.inf, math.inf
                ends += [nothing, nothing]
            else:
                if point is None and problem.lam == 0:
                    point = solver.FurtherPoint(problem.X, problem.Y, x, self._convention)
                search = self._search(x, t, point)
                inner[j], outer[j], pair, factor = self._interval(search, x, t, factor)
                ends += pair
        return _Intervals(inner, outer, ends)

    def _interval(
        self, search: solver.ValueSearch, x: Array, output: int, factor: float
    ) -> tuple[Array, Array, list[BandEnd], float]:
        """Inner ends, outer ends, the evidence for both, and the last step in units of the usual first one."""
        usual = search.first_step(max(self.excess, self.problem.tol))
        inner, outer, ends = np.empty(2), np.array([-math.inf, math.inf]), []
        for place, side in enumerate(SIDES):
            extreme = search.end(side, factor * usual)
            if extreme.step > 0:
                factor = extreme.step / usual
            network = mixture(extreme.low, extreme.high, extreme.part)
            inner[place] = network(x[None])[0, output]
            end = BandEnd(network, None, math.nan, math.nan)
            if extreme.outer is not None:
                trial = extreme.outer
                outer[place] = self._proved(x, output, side, search.value, trial)
                if math.isfinite(outer[place]):
                    end = end._replace(dual=trial.dual, label=trial.label, weight=trial.weight)
            ends.append(end)
        own = float(self.problem.network(x[None])[0, output])
        for place, side in enumerate(SIDES):
            if side * (own - inner[place]) > 0:
                inner[place], ends[place] = own, ends[place]._replace(network=self.problem.network)
        return inner, outer, ends, factor

    def _search(self, x: Array, output: int, point: solver.FurtherPoint | None) -> solver.ValueSearch:
        base = self._base
        value = float(base.network(x[None])[0, output])
        known: dict[str, Any] = {"network": base.network, "value": value, "cost": base.cost, "budget": self.budget}
        if point is None:
            return solver.FitValues(self._data, x, output, start=base.start, **known)
        return solver.InterpolantValues(point, output, start=base.start, **known)

    def _proved(self, x: Array, output: int, side: int, value: float, trial: solver.Trial) -> float:
        """Return an outer end that the verifier confirms, next to the solver's; infinite if there is none."""
        problem = self.problem
        if problem.lam > 0:
            bound = problem.bound(x, output, trial.label, trial.weight, trial.dual)
            lost = (bound - self.budget - 8 * EPS * bound) / trial.weight * (1 - 64 * EPS)
            end = solver.outer_value(problem.losses[output], lost, trial.label, side)
            return end + side * 8 * EPS * (abs(end) + abs(trial.label)) if math.isfinite(end) else side * math.inf
        distance, size = abs(trial.outer - value), abs(value) + float(np.nanmax(np.abs(problem.Y[:, output])))
        for pad in _PADS:
            end = trial.outer + side * pad * (distance + _ROUNDING * size)
            if problem.bound(x, output, end, 1.0, trial.dual) > self.budget:
                return end
        return side * math.inf


def mixture(low: ReLUNetwork, high: ReLUNetwork, part: float) -> ReLUNetwork:
    """The network (1 - part) low + part high."""
    if part == 0:
        return low
    rest = 1 - part
    return ReLUNetwork(
        np.vstack([low.W, high.W]),
        np.append(low.b, high.b),
        np.hstack([rest * low.V, part * high.V]),
        rest * low.A + part * high.A,
        rest * low.c + part * high.c,
    )
