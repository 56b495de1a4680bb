"""Interpolants and fits of several inputs: results of the solver as solutions, with a status that the verifier confirms."""

from dataclasses import replace
from typing import Any

import numpy as np

from vvnorm._internal.words import count
from vvnorm.losses import Loss, label_units
from vvnorm.results.coordinates import in_space
from vvnorm.results.infinite_auxiliary import InfiniteAuxiliary
from vvnorm.results.multivariate import MultivariateSolution
from vvnorm.solvers.multivariate.affine_elimination import Convention, Inputs
from vvnorm.solvers.multivariate.column_generation import WarmStart
from vvnorm.solvers.multivariate.fits import FitProblem
from vvnorm.solvers.multivariate.infinite import InfiniteLimit
from vvnorm.solvers.multivariate.interpolation import PointsSolution, solve_interpolation
from vvnorm.validation import Array
from vvnorm.verifier.flat_inputs import Subspace
from vvnorm.verifier.shifts import misfits


def interpolate_points(X: Array, Y: Array, convention: Convention, tol: float, **options: Any) -> MultivariateSolution:
    """Find the interpolant of least cost of labels Y (N, T), NaN = missing, at points X (N, d).

    Parameters
    ----------
    options
        Those of `vvnorm.solvers.multivariate.interpolation.solve_interpolation`.
    """
    known = ~np.isnan(Y).all(axis=1)
    if not known.all():  # a point without labels imposes no condition
        inside = interpolate_points(X[known], Y[known], convention, tol, **options)
        dual = np.zeros(Y.shape)
        dual[known] = inside.dual
        return replace(inside, X=X, Y=Y, dual=dual)
    solved = solve_interpolation(X, Y, convention, tol, **options)
    return _solution(solved, Y, convention, tol, 0.0, (Loss("squared"),) * Y.shape[1], None)


def interpolate_infinite(X: Array, Y: Array, convention: Convention, tol: float, **options: Any) -> InfiniteAuxiliary:
    """Find the limit of infinitely many auxiliary outputs for labels Y (N, T).

    Parameters
    ----------
    options
        Those of `vvnorm.solvers.multivariate.interpolation.solve_interpolation`.

    Raises
    ------
    ValueError
        For missing labels; labels that differ at one point; points on which every label is affine.
    """
    limit = InfiniteLimit(X, Y, convention)
    design = interpolate_points(limit.points.X, limit.basis, convention, tol, **options)
    return InfiniteAuxiliary(limit.network(design.network), design, X, Y, tol, design.provenance)


def fit_points(
    problem: FitProblem, lam: float, tol: float, **options: Any
) -> tuple[MultivariateSolution, WarmStart | None]:
    """Return a fit, and a start for fits with similar lam.

    Parameters
    ----------
    options
        Those of `FitProblem.solve`.
    """
    solved, start = problem.solve(lam, tol, **options)
    return _solution(solved, problem.Y, problem.convention, tol, lam, problem.losses, problem.weights), start


def _solution(
    solved: PointsSolution,
    Y: Array,
    convention: Convention,
    tol: float,
    lam: float,
    losses: tuple[Loss, ...],
    weights: Array | None,
) -> MultivariateSolution:
    solution = MultivariateSolution(
        network=solved.network,
        dual=solved.dual,
        X=solved.X,
        Y=Y,
        tol=tol,
        lam=lam,
        losses=losses,
        weights=weights,
        skip=convention.skip,
        penalise_bias=convention.penalise_bias,
        history=solved.history,
        provenance=solved.provenance,
        lam_max=solved.lam_max,
    )
    if solved.in_doubt:
        solution = _confirmed(solution)
    return solution if solved.space is None else _lifted(solution, solved.space)


def _confirmed(solution: MultivariateSolution) -> MultivariateSolution:
    """Replace the status "tolerance reached" if the certificate does not confirm it."""
    certificate = solution.certificate
    if not certificate.shortcomings(solution.tol):
        return solution
    judged = replace(solution, provenance={**solution.provenance, "status": "rounding is the limit"})
    judged.__dict__["certificate"] = certificate
    return judged


def _lifted(inside: MultivariateSolution, points: Inputs) -> MultivariateSolution:
    """Convert a solution in coordinates of the points' affine hull to the caller's coordinates."""
    subspace = Subspace(points.centre, points.axes)
    where = f"an affine subspace of {count(points.axes.shape[1], 'dimension')} up to rounding"
    note = f"X lies in {where}; the certificate's bound is about coordinates there"
    provenance = {**inside.provenance, "notes": [*inside.provenance["notes"], note]}
    network = in_space(inside.network, subspace)
    with np.errstate(over="ignore", invalid="ignore"):
        off = np.max(misfits(network, points.all, inside.network(inside.X)), axis=0)
    if not np.all(off <= inside.tol * label_units(np.nanmin(inside.Y, axis=0), np.nanmax(inside.Y, axis=0))):
        provenance["status"] = "rounding is the limit"  # float64 cannot represent these weights
    return replace(inside, network=network, X=points.all, provenance=provenance, within=inside, subspace=subspace)
