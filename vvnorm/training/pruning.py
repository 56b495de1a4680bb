"""Pruning: neurons of a trained network are merged and removed within a proved bound on the change of the function."""

import numpy as np
from numpy.typing import ArrayLike

from vvnorm.losses import label_units
from vvnorm.network import ReLUNetwork, row_norms
from vvnorm.tolerances import EPS
from vvnorm.training.reoptimisation import checked_data, cost_of
from vvnorm.validation import Array, as_non_negative


def pruned(
    network: ReLUNetwork, X: ArrayLike, Y: ArrayLike, *, tol: float, skip: bool = True, penalise_bias: bool = False
) -> ReLUNetwork:
    """Merge and remove neurons while the function provably stays within tol on the bounding box of X.

    Parameters
    ----------
    network : ReLUNetwork
    X, Y : array-like, shapes (N, d) and (N, T)
        The data: the bounding box is that of X, and units are from Y.
    tol : float
        Largest change ||g(x) - f(x)||_2 of the function in the box, each output in units of half the range of its own
        labels (`vvnorm.losses.label_units`).
    skip, penalise_bias : bool
        As in `polish`.

    Returns
    -------
    ReLUNetwork
        Normalised (||w_k|| = 1), of no greater cost. Outside the box the function may change.

    Raises
    ------
    ValueError
        If data or tol are invalid.

    Notes
    -----
    Every step removes one neuron and changes the function by at most a computed bound. The step of least bound comes first,
    and the sum of all bounds is at most tol.

    *Removal.* On the box z = w.x + b lies in [lo, hi]. The affine function nearest to relu(z) on the box replaces the
    neuron and is added to A and c. Its error is -lo hi / (2 (hi - lo)), or 0 if the kink does not meet the box. Without a
    skip connection the nearest constant, of error hi / 2, is added to c.

    *Merging.* v_1 relu(z_1) + v_2 relu(z_2) becomes (v_1 + v_2) relu(m_1 z_1 + m_2 z_2) with
    m_i = ||v_i|| / (||v_1|| + ||v_2||). The cost does not rise, by the triangle inequality. With |z_1 - z_2| <= D on the
    box and u_i = v_i / ||v_i|| the function moves by at most

        D ||v_1|| ||v_2|| / (||v_1|| + ||v_2||) max(1, ||u_1 - u_2||):

    the second entry where both neurons are active; where one is active, the change is linear in (|z_1|, |z_2|) with
    |z_1| + |z_2| <= D, so that its norm is largest at a corner or where the new neuron switches. (If outputs have different
    units, the norms of u_1, u_2 and u_1 - u_2 in these units replace 1 and ||u_1 - u_2||.) With a skip connection a neuron
    may be reversed first: relu(z) = relu(-z) + z.
    """
    as_non_negative(tol, "tol")
    inputs, labels = checked_data(network, X, Y)
    unit = network.normalised()
    low, high = np.min(inputs, axis=0), np.max(inputs, axis=0)
    units = label_units(np.nanmin(labels, axis=0), np.nanmax(labels, axis=0))
    work = _Pruning(unit, low / 2 + high / 2, high / 2 - low / 2, units if units.any() else np.ones_like(units), skip)
    work.spend(tol if units.any() else 0.0)
    result = work.network()
    before, after = (cost_of(candidate, penalise_bias) for candidate in (unit, result))
    return result if after <= before * (1 + 64 * EPS) else unit


class _Pruning:
    """The neurons of a normalised network, which are merged and removed one by one."""

    def __init__(self, unit: ReLUNetwork, middle: Array, half: Array, units: Array, skip: bool) -> None:
        self.W, self.b, self.V, self.A, self.c = (a.copy() for a in (unit.W, unit.b, unit.V.T, unit.A, unit.c))
        self.middle, self.half, self.units, self.skip = middle, half, units, skip
        K = len(self.b)
        self.alive = np.ones(K, dtype=bool)
        # bounds[i, j]: merging i < j; bounds[i, i]: removing i.
        self.bounds, self.opposite = np.full((K, K), np.inf), np.zeros((K, K), dtype=bool)
        for i in range(K):
            self._assess(i)

    def spend(self, budget: float) -> None:
        """Take steps, in the order of their bounds, while the sum of the bounds is within the budget."""
        while self.alive.any():
            i, j = divmod(int(np.argmin(self.bounds)), len(self.b))
            if not self.bounds[i, j] <= budget:
                return
            budget -= float(self.bounds[i, j])
            if i == j:
                self._remove(i)
            else:
                self._merge(i, j)

    def network(self) -> ReLUNetwork:
        """Return the remaining network."""
        on = self.alive
        return ReLUNetwork(self.W[on], self.b[on], self.V[on].T, self.A, self.c).normalised()

    def _range(self, w: Array, b: Array) -> tuple[Array, Array]:
        """Return the middle of w.x + b over the box and half its range; w is (..., d)."""
        return w @ self.middle + b, np.abs(w) @ self.half

    def _assess(self, i: int) -> None:
        """Bound all steps that involve neuron i."""
        size = row_norms(self.V)
        with np.errstate(divide="ignore", invalid="ignore"):
            u = self.V / size[:, None] / self.units
            far, alone = row_norms(u - u[i]), row_norms(u)
            weight = np.maximum(far, np.maximum(alone, alone[i])) / (1 / size + 1 / size[i])
        same, turned = (
            np.add(*map(np.abs, self._range(self.W[i] - sign * self.W, self.b[i] - sign * self.b))) for sign in (1, -1)
        )
        opposite = (turned < same) & self.skip
        bound = np.where(self.alive, weight * np.where(opposite, turned, same), np.inf)
        for row, column in ((i, slice(i + 1, None)), (slice(None, i), i)):
            others = column if row == i else row
            self.bounds[row, column], self.opposite[row, column] = bound[others], opposite[others]
        self.bounds[i, i] = row_norms(self.V[i : i + 1] / self.units)[0] * self._affine(i)[2]

    def _affine(self, i: int) -> tuple[float, float, float]:
        """Return slope, offset and error of the best replacement slope z + offset of relu(z) over the box."""
        middle, half = self._range(self.W[i], self.b[i])
        lo, hi = float(middle - half), float(middle + half)
        if hi <= 0:
            return 0.0, 0.0, 0.0
        if not self.skip:
            return 0.0, hi / 2, hi / 2 if lo < 0 else np.inf
        if lo >= 0:
            return 1.0, 0.0, 0.0
        slope, error = hi / (hi - lo), -lo * (hi / (hi - lo)) / 2
        return slope, error, error

    def _remove(self, i: int) -> None:
        slope, offset, _ = self._affine(i)
        self._add_affine(self.V[i], slope * self.W[i], slope * self.b[i] + offset)
        self._delete(i)

    def _merge(self, i: int, j: int) -> None:
        if self.opposite[i, j]:
            self._add_affine(self.V[j], self.W[j], self.b[j])
            self.W[j], self.b[j] = -self.W[j], -self.b[j]
        share = row_norms(self.V[[i, j]])
        share /= share.sum()
        w, b = share @ self.W[[i, j]], share @ self.b[[i, j]]
        v = self.V[i] + self.V[j]
        self._delete(j)
        size = float(row_norms(w[None])[0])
        if size == 0 or not v.any():
            self._add_affine(v, np.zeros_like(w), max(float(b), 0.0))
            self._delete(i)
        else:
            self.W[i], self.b[i], self.V[i] = w / size, b / size, v * size
            self._assess(i)

    def _add_affine(self, v: Array, w: Array, b: float) -> None:
        self.A += np.outer(v, w)
        self.c += v * b

    def _delete(self, i: int) -> None:
        self.alive[i] = False
        self.bounds[i], self.bounds[:, i] = np.inf, np.inf
