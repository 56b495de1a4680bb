"""Interpolants of several inputs by column generation, from validated arrays; results are not certified here."""

import math
import platform
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from vvnorm._internal import memory
from vvnorm._internal.callbacks import RoundCallback
from vvnorm._internal.threads import one_blas_thread
from vvnorm.network import ReLUNetwork, row_norms
from vvnorm.solvers.multivariate.affine_elimination import Convention, Inputs, Reduction
from vvnorm.solvers.multivariate.column_generation import Optimum, feasible_weights, generate, in_units
from vvnorm.validation import Array, levels, refuse_conflicts

REACHED: Final = "tolerance reached"

_METHOD = "column generation"
_MATRICES = 24  # N x N matrices that the solver holds at once: 6000 points take 7 GB
_APART = 2.0**-45  # distance, relative to the spread, from which the solver's slopes between two points have digits left
_LOOSER = 4e-8  # `vvnorm.verifier.neuron_bound` says 3e-8


@dataclass(frozen=True, eq=False)
class PointsSolution:
    """The result of a solver for points in several dimensions, without a certificate.

    Attributes
    ----------
    network : ReLUNetwork
    dual : (N, T) array
        Dual array, by rows of X.
    X : (N, d) array
        The points that were solved for: those given or, if these lie in an affine subspace, their coordinates there.
    history : list of (upper, lower) pairs
        The solver's bounds on the objective after each round.
    provenance : mapping
        Method, status, rounds, versions, seconds, and notes.
    in_doubt : bool
        Whether the status "tolerance reached" needs confirmation by a certificate: points are close to each other, or the
        gap is tiny.
    lam_max : float or None
        For a fit: the least lam whose fit is affine, or a lower bound; None if time was over.
    space : Inputs or None
        The points given, if they lie in an affine subspace.
    """

    network: ReLUNetwork
    dual: Array
    X: Array
    history: list[tuple[float, float]]
    provenance: Mapping[str, Any]
    in_doubt: bool
    lam_max: float | None = None
    space: Inputs | None = None


def solve_interpolation(
    X: Array,
    Y: Array,
    convention: Convention,
    tol: float,
    *,
    max_iter: int | None = None,
    time_limit: float | None = None,
    seed: int = 0,
    callback: RoundCallback | None = None,
) -> PointsSolution:
    """Find the interpolant of least cost of labels Y (N, T), NaN = missing, at points X (N, d) with a label each."""
    began = time.perf_counter()
    points = _told_apart(Inputs(X, convention, seed), Y)
    if points.flat:
        inside = solve_interpolation(
            points.coordinates, Y, convention, tol, max_iter=max_iter, time_limit=time_limit, seed=seed, callback=callback
        )
        return replace(inside, space=points)
    check_memory(len(points), "")
    level = levels(Y)
    weights, labels = merged_labels(points, Y)
    labels = np.where(weights > 0, labels - level, 0.0)
    reduction = Reduction(points, weights, labels, 0.0)
    reduced_problem = reduction.reduced_problem
    if reduced_problem.affine:
        network = reduction.network(reduced_problem.neuron_search.random(1)[:0], [])
        at_points, history, facts = np.zeros_like(labels), [], provenance_of(None)
    else:
        with one_blas_thread():
            options: dict[str, Any] = {
                "deadline": deadline_after(time_limit),
                "callback": in_units(callback, reduction.objective_unit),
            }
            # For close points, the verifier's allowance for rounding matters.
            wanted = tol / 2 if reduced_problem.neuron_search.close else target_gap(tol, points)
            optimum = generate(reduced_problem, wanted, max_iter=max_iter, **options)
            network = reduction.network(optimum.neurons, feasible_weights(reduced_problem, optimum))
        at_points, history, facts = reduction.dual(optimum.duals), optimum.history, provenance_of(optimum)
    unit = reduction.objective_unit
    facts["seconds"] = time.perf_counter() - began
    return PointsSolution(
        network=network.raised(level),
        dual=dual_by_rows(points, at_points, Y),
        X=X,
        history=[(upper * unit, lower * unit) for upper, lower in history],
        provenance=facts,
        in_doubt=in_doubt(facts, tol, points),
    )


def _told_apart(points: Inputs, Y: Array) -> Inputs:
    """Move points that coordinates cannot tell apart to one place, where their labels agree.

    Raises
    ------
    ValueError
        If labels differ at two points whose coordinates are equal.
    """
    from scipy.spatial import cKDTree

    P = points.P
    spread = np.median(row_norms(P - np.median(P, axis=0)))  # a point far out does not bring the others together
    pairs = cKDTree(P).query_pairs(_APART * spread, output_type="ndarray")
    if not len(pairs):
        return points
    present, labels = merged_labels(points, Y)
    leader = np.arange(len(points))
    for one, other in pairs[np.lexsort(pairs.T[::-1])].tolist():
        both = (present[one] > 0) & (present[other] > 0)
        if np.array_equal(labels[one, both], labels[other, both]):
            if leader[other] == other and leader[one] == one:
                leader[other] = one
                labels[one] = np.where(present[one] > 0, labels[one], labels[other])
                present[one] = np.maximum(present[one], present[other])
        elif np.array_equal(P[one], P[other]):
            first, second = points.first[[one, other]].tolist()
            raise ValueError(
                f"X[{first}] and X[{second}] have different labels, but are too close to each other for float64: their "
                "difference is lost when the centre of the inputs is subtracted"
            )
    return Inputs(points.X[leader][points.group], points.convention, points.seed)


def check_memory(n: int, advice: str) -> None:
    """Raise MemoryError if the matrices of all pairs of n points do not fit into memory, before any is made."""
    needed, available = _MATRICES * 8.0 * n * n, memory.available()
    if needed > available:
        has = f"{memory.size(available)} of memory are available"
        raise MemoryError(
            f"matrices of all pairs of {n} points of several inputs take about {memory.size(needed)}, and {has}{advice}"
        )


def most_points_in_memory() -> int:
    """Return the largest number of points for which `check_memory` does not raise."""
    available = memory.available()
    return int(math.sqrt(available / (_MATRICES * 8.0))) if math.isfinite(available) else sys.maxsize


def target_gap(tol: float, points: Inputs) -> float:
    """Return the gap that the solver must reach so that the verifier, whose bound on neurons is looser, proves `tol`."""
    return max(tol - _LOOSER * points.P.shape[1], tol / 2)


def in_doubt(provenance: Mapping[str, Any], tol: float, points: Inputs, unsure: bool = False) -> bool:
    """Whether the status "tolerance reached" needs confirmation by a certificate; `unsure` are other reasons for it."""
    unsure = unsure or points.neuron_search.close or target_gap(tol, points) == tol / 2
    return bool(unsure and provenance["status"].startswith(REACHED))


def merged_labels(points: Inputs, Y: Array) -> tuple[Array, Array]:
    """Presence (1 or 0) and labels at distinct points.

    Raises
    ------
    ValueError
        If labels at one point differ.
    """
    refuse_conflicts(points.all, Y)
    shape = (len(points), Y.shape[1])
    low, high = np.full(shape, np.inf), np.full(shape, -np.inf)
    np.minimum.at(low, points.group, np.where(np.isnan(Y), np.inf, Y))
    np.maximum.at(high, points.group, np.where(np.isnan(Y), -np.inf, Y))
    present = high >= low
    return present.astype(np.float64), np.where(present, low, 0.0)


def dual_by_rows(points: Inputs, at_points: Array, Y: Array) -> Array:
    """Return a dual array at distinct points by rows of labels Y (N, T), NaN = missing; equal inputs share their entry."""
    present = 1.0 - np.isnan(Y)
    share: Array = present / np.maximum(points.summed(present), 1.0)[points.group]
    return at_points[points.group] * share


def provenance_of(optimum: Optimum | None) -> dict[str, Any]:
    """Provenance of a solution."""
    notes = []
    if optimum is None:
        facts: dict[str, Any] = {"method": "affine function", "status": "labels are affine: the cost is 0", "rounds": 0}
    else:
        bounds = "proved by exact searches" if optimum.proved else "estimates: local search refutes none of them"
        facts = {"method": _METHOD, "status": optimum.status, "rounds": optimum.rounds, "bounds": bounds}
        if not optimum.proved:
            notes.append("an exact search over all neurons would take too long: local search, and bounds by other means")
    return {**facts, "numpy": np.__version__, "python": platform.python_version(), "notes": notes}


def deadline_after(time_limit: float | None) -> float:
    """Return the value of time.monotonic() at which a limit in seconds ends; infinity without a limit."""
    return np.inf if time_limit is None else time.monotonic() + time_limit
