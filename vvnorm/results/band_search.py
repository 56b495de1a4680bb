"""Search for the ends of a band, and proofs of them: see `vvnorm.results.band`.

The solver proposes networks and dual arrays; outer ends count only where the verifier confirms them.
"""

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from vvnorm._internal.words import count
from vvnorm.network import ReLUNetwork
from vvnorm.results.band import SIDES, Band, BandEnd, BandProblem, coordinates_in
from vvnorm.results.coordinates import in_space
from vvnorm.tolerances import EPS
from vvnorm.validation import Array, as_inputs
from vvnorm.verifier.flat_inputs import Subspace

if TYPE_CHECKING:
    from vvnorm.solvers.multivariate.extreme_values import Trial, ValueSearch

Progress = Callable[[int, int], object]
"""Called after each point with the number of points done and the number of all points."""

_PADS = (1e-7, 1e-5, 1e-3, 1e-1, 1.0, 10.0)  # of an outer end's distance: how far it may be moved until it is proved
_ROUNDING = 64 * EPS * 1e7  # the first pad then covers some roundings of labels


def as_outputs(outputs: int | Sequence[int] | None, T: int) -> tuple[int, ...]:
    """Validate outputs: None for all, one, or several distinct ones."""
    if outputs is None:
        return tuple(range(T))
    chosen = [outputs] if isinstance(outputs, int | np.integer) else list(outputs)
    for t in chosen:
        if isinstance(t, bool) or not isinstance(t, int | np.integer) or not 0 <= t < T:
            raise ValueError(f"outputs must be numbers from 0 to {T - 1}, got {t!r}")
    if not chosen or len(set(chosen)) < len(chosen):
        raise ValueError(f"outputs must be one or more distinct numbers, got {outputs!r}")
    return tuple(int(t) for t in chosen)


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


def make_band(
    problem: BandProblem,
    points: Array,
    outputs: tuple[int, ...],
    excess: float,
    progress: Progress | None,
    subspace: Subspace | None,
) -> Band:
    """Search for the ends and prove them; arguments are validated. Points that repeat are searched once."""
    maker = _Maker(problem, excess)
    where, inside = coordinates_in(subspace, points, problem.X)
    shape = (len(points), len(outputs), 2)
    inner, outer, ends = np.empty(shape), np.empty(shape), list[BandEnd]()
    seen: dict[bytes, int] = {}
    values = problem.network(where)[:, list(outputs)]
    for k, x in enumerate(where):
        same = seen.setdefault(points[k].tobytes(), k)
        if same < k:
            inner[k], outer[k] = inner[same], outer[same]
            ends += ends[same * 2 * len(outputs) : (same + 1) * 2 * len(outputs)]
        else:
            for j, t in enumerate(outputs):
                inner[k, j], outer[k, j], pair = maker.interval(x, t, bool(inside[k]))
                ends += pair
        if progress:
            progress(k + 1, len(where))
    if subspace is not None:
        values = in_space(problem.network, subspace)(points)[:, list(outputs)]
    return Band(points, outputs, excess, maker.budget, values, inner, outer, problem, tuple(ends), subspace)


class _Maker:
    """Makes intervals; keeps what the searches share."""

    def __init__(self, problem: BandProblem, excess: float) -> None:
        from vvnorm.solvers.multivariate import extreme_values as solver
        from vvnorm.solvers.multivariate.affine_elimination import Convention

        self.problem, self.excess, self._solver = problem, excess, solver
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
        self._point: Any = None
        self._steps: dict[int, float] = {}

    def interval(self, x: Array, output: int, inside: bool) -> tuple[Array, Array, list[BandEnd]]:
        """Inner ends, outer ends, and the evidence for both."""
        problem, nothing = self.problem, BandEnd(self.problem.network, None, math.nan, math.nan)
        label = problem.label(x, output)
        if not math.isnan(label):
            return np.full(2, label), np.full(2, label), [nothing, nothing]
        infinite = np.array([-math.inf, math.inf])
        if not inside or problem.free(x, output):
            return infinite, infinite, [nothing, nothing]
        search = self._search(x, output)
        inner, outer, ends = np.empty(2), infinite.copy(), []
        for place, side in enumerate(SIDES):
            extreme = search.end(side, self._steps[output])
            if extreme.step > 0:
                self._steps[output] = extreme.step
            network = mixture(extreme.low, extreme.high, extreme.part)
            inner[place] = network(x[None])[0, output]
            end = BandEnd(network, None, math.nan, math.nan)
            if extreme.outer is not None:
                trial = extreme.outer
                outer[place] = self._proved(x, output, side, search.value, trial)
                if math.isfinite(outer[place]):
                    end = end._replace(dual=trial.dual, label=trial.label, weight=trial.weight)
            ends.append(end)
        own = float(problem.network(x[None])[0, output])
        for place, side in enumerate(SIDES):
            if side * (own - inner[place]) > 0:
                inner[place], ends[place] = own, ends[place]._replace(network=problem.network)
        return inner, outer, ends

    def _search(self, x: Array, output: int) -> "ValueSearch":
        base, problem, solver = self._base, self.problem, self._solver
        value = float(base.network(x[None])[0, output])
        known: dict[str, Any] = {"network": base.network, "value": value, "cost": base.cost, "budget": self.budget}
        search: ValueSearch
        if problem.lam > 0:
            search = solver.FitValues(self._data, x, output, start=base.start, **known)
        else:
            if self._point is None or not np.array_equal(self._point.X[-1], x):
                self._point = solver.FurtherPoint(problem.X, problem.Y, x, self._convention)
            search = solver.InterpolantValues(self._point, output, start=base.start, **known)
        if output not in self._steps:
            self._steps[output] = search.first_step(max(self.excess, problem.tol))
        return search

    def _proved(self, x: Array, output: int, side: int, value: float, trial: "Trial") -> float:
        """Return an outer end that the verifier confirms, next to the solver's; infinite if there is none."""
        problem = self.problem
        if problem.lam > 0:
            bound = problem.bound(x, output, trial.label, trial.weight, trial.dual)
            lost = (bound - self.budget - 8 * EPS * bound) / trial.weight * (1 - 64 * EPS)
            end = self._solver.outer_value(problem.losses[output], lost, trial.label, side)
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
