"""Duality gaps of runs during training: bounds on the distance of the objective from its optimum, at the final lam.

For any Lambda (N, T) with Lambda'1 = 0 (and Lambda'z = 0 with a skip connection) and
||sum_j Lambda_j relu(w.z_j + b)|| <= 1 for all neurons of size 1, every network has VV >= <Lambda, f>, so

    loss + lam VV >= lam <Lambda, y> - (lam^2 / 2) sum_j ||Lambda_j||^2 / n_j.

With one input, Lambda comes from the unit curvatures of the labels or of the fitted values (claim
`connect_the_dots_optimal`), and the bound is valid up to rounding. With several inputs, Lambda is the residual, divided by
the largest response over finitely many neurons: random neurons and the network's own. Then the bound is an estimate, and
the gap is mostly too small; it only decides when runs stop. With missing labels the bound is an estimate, too. The gap uses
the best bound so far. Certificates are made after training, by other code.
"""

from collections.abc import Callable

import numpy as np

from vvnorm.training.regression_problem import RegressionProblem
from vvnorm.validation import Array

_NEURONS = 1024  # random neurons for an estimate of the largest response
_MOST_POINTS = 1000  # distinct points; for more there are no estimates


class GapEstimate:
    """Relative gaps of S runs.

    Parameters
    ----------
    problem : RegressionProblem
        Data in training coordinates.
    lam : (S,) array
        Final lam of each run, in training coordinates.
    whitening : (S, P, N, N) array or None
        If given, residuals in this metric (`RegressionProblem.whitening`) are tried as dual arrays, too.
    """

    def __init__(self, problem: RegressionProblem, lam: Array, whitening: Array | None) -> None:
        self.problem, self.lam, self.whitening = problem, lam, whitening
        self.h = np.diff(problem.z, axis=0)
        self.in_closed_form = problem.z.shape[1] == 1 and problem.skip and not problem.penalise_bias
        self.proved = self.in_closed_form and problem.complete
        self.possible = self.proved or len(problem.z) <= _MOST_POINTS
        if self.proved:
            self.from_labels = self._bound(self._from_curvatures(problem.y), np.ones(1))
        elif self.possible:
            self.neurons = self._neurons()
        self.best = np.zeros(len(lam))

    def gap(self, values: Array, loss: Array, cost: Array, own_neurons: Callable[[], Array]) -> Array:
        """Return the relative gaps, (S,); NaN if unknown.

        Parameters
        ----------
        values : (S, N, T) array
            Values of the neurons' sum at the points.
        loss, cost : (S,) arrays
            Sum of squares / 2 with the best affine part, and VV norm.
        own_neurons : callable
            Returns the values of each network's neurons, scaled to size 1, at the points, (S, N, K).
        """
        if not self.possible:
            return np.full(len(loss), np.nan)
        if self.proved:
            candidates = [self.from_labels, self._bound(self._from_curvatures(values), np.ones(1))]
        else:
            residual, neurons = self.problem.y - values, own_neurons()
            duals = [self.problem.projected(residual)]
            if self.whitening is not None:
                duals.append(applied(self.whitening, residual))
            candidates = [self._bound(dual, self._largest(dual, neurons)) for dual in duals]
        self.best = np.max([self.best, *candidates], axis=0)
        objective = loss + self.lam * cost
        gap: Array = np.divide(objective - self.best, objective, out=np.zeros(len(loss)), where=objective > 0)
        return gap

    def excess(self, values: Array, cost: Array) -> Array:
        """Return VV / R - 1, (S,), where R is the least cost of the values; NaN unless d = 1 with a skip connection."""
        if not self.in_closed_form:
            return np.full(len(cost), np.nan)
        least = np.linalg.norm(self._curvatures(values), axis=-1).sum(axis=-1)
        excess: Array = np.divide(cost, least, out=np.ones(len(cost)), where=least > 0) - 1
        return excess

    def _bound(self, dual: Array, largest: Array) -> Array:
        """Return the largest lower bound on the objective among those of all multiples of a dual array, (S,)."""
        linear = np.sum(dual * self.problem.y, axis=(-2, -1))
        square = np.sum(self.problem.per_label(dual**2), axis=(-2, -1))
        scale = np.minimum(self.lam / np.maximum(largest, 1e-300), linear / np.maximum(square, 1e-300))
        scale = np.maximum(scale, 0.0)
        bound: Array = scale * linear - scale**2 * square / 2
        return bound

    def _curvatures(self, values: Array) -> Array:
        slopes = np.diff(values, axis=-2) / self.h
        delta: Array = np.diff(slopes, axis=-2)
        return delta

    def _from_curvatures(self, values: Array) -> Array:
        """Apply the transposed curvature map to the unit curvatures of values; shape (..., N, T)."""
        delta = self._curvatures(values)
        norm = np.linalg.norm(delta, axis=-1, keepdims=True)
        h = self.h
        rounding = 4 * self.problem.label_rounding * (1 / h[:-1] + 1 / h[1:])
        eta = np.divide(delta, norm, out=np.zeros_like(delta), where=norm > rounding)
        if eta.ndim == 2:
            self._fill_straight_pieces(eta)
        dual = np.zeros_like(values)
        dual[..., :-2, :] += eta / h[:-1]
        dual[..., 1:-1, :] -= eta / h[:-1] + eta / h[1:]
        dual[..., 2:, :] += eta / h[1:]
        return dual

    def _fill_straight_pieces(self, eta: Array) -> None:
        """Interpolate eta linearly where the labels have no curvature: as feasible as 0, with a smaller dual array."""
        z, curved = self.problem.z[:, 0], np.any(eta != 0, axis=1)
        knots = np.concatenate([z[:1], z[1:-1][curved], z[-1:]])
        for output in eta.T:
            output[:] = np.interp(z[1:-1], knots, np.concatenate([[0.0], output[curved], [0.0]]))

    def _neurons(self) -> Array:
        """Return the values of random neurons of size 1 at the points, (N, M)."""
        start = self.problem.start(_NEURONS, "kinks", np.random.default_rng(1))
        b = -np.sum(start.w * start.p, axis=1)
        W, b = np.vstack([start.w, -start.w]), np.append(b, -b)
        return np.maximum(self.problem.z @ W.T + b, 0.0) / self.problem.sizes(W, b)

    def _largest(self, dual: Array, own: Array) -> Array:
        largest: Array = np.max(
            [np.linalg.norm(np.swapaxes(dual, -1, -2) @ neurons, axis=-2).max(axis=-1) for neurons in (self.neurons, own)],
            axis=0,
        )
        return largest


def applied(matrices: Array, values: Array) -> Array:
    """Return the products of matrices (..., 1, N, N) with values (..., N, T), or of (..., T, N, N) with each output."""
    if matrices.shape[-3] == 1:
        product: Array = matrices[..., 0, :, :] @ values
        return product
    return np.einsum("...tnm,...mt->...nt", matrices, values)
