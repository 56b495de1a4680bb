"""Fits and interpolants over given neurons as conic programs, written down for Clarabel without a modelling language.

With features H (n, K) of neurons and affine features P (n, p) the fitted values are U = H V + P C. The program is

    minimise  sum_e share_e loss_e(U[row_e, output_e]) + lam sum_k ||V_k||   over V (K, T) and C (p, T),

where the sum over e is over the labels that are present, or

    minimise  sum_k ||V_k||   with  U[row_e, output_e] = label_e for all e.

Each loss is a few variables z with a linear or quadratic cost, so that U[row_e, output_e] = offset_e + linear(z): one
equation for each label, whose multiplier is the loss's derivative up to sign. No code is shared with the toolkit.

Nothing is taken from the solver on trust. The value is that of the network (V, C), computed in NumPy, and it must agree
with the solver's dual value. If it does not, or the solver fails, the program is solved again in other units and with other
settings (`_ATTEMPTS`), the best of which counts.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import clarabel
import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from vvnorm.validation import Array

ACCURATE = 1e-7
"""Excess of the network's value over the solver's dual value that is accepted, relative to the value."""

USABLE = 3e-6
"""The same, where no attempt is better: values 1e-5 above the optimum still stand out."""

FLOOR = 1e-8
"""Part of a problem's scale below which values are not told apart: with separated classes infima are 0."""

_TIGHT = {"tol_gap_abs": 1e-12, "tol_gap_rel": 1e-10, "tol_feas": 1e-10}
_ATTEMPTS: tuple[tuple[float, dict[str, Any]], ...] = (
    (1.0, _TIGHT),
    (100.0, _TIGHT),
    (0.01, _TIGHT),
    (1.0, _TIGHT | {"equilibrate_enable": False, "presolve_enable": False}),
    (1.0, _TIGHT | {"static_regularization_constant": 1e-10, "max_step_fraction": 0.9}),
    (1.0, _TIGHT | {"dynamic_regularization_eps": 1e-10, "dynamic_regularization_delta": 1e-6}),
    (1.0, _TIGHT | {"static_regularization_constant": 1e-7}),
    (1.0, {"tol_gap_abs": 1e-9, "max_step_fraction": 0.8, "max_iter": 500}),
)
"""A factor of the objective, and settings of Clarabel, in the order in which they are tried."""


class ProgramError(RuntimeError):
    """No attempt to solve a program was accurate."""


@dataclass(frozen=True)
class Labels:
    """Labels that are present, each with its row of features, output and share; losses are named by output.

    Attributes
    ----------
    rows, outputs : (m,) integer arrays
    values, shares : (m,) arrays
        Labels (of classes: 0 and 1), and weights of the losses.
    losses : sequence of T str, or None
        None for interpolation.
    """

    rows: NDArray[np.intp]
    outputs: NDArray[np.intp]
    values: Array
    shares: Array
    losses: Sequence[str] | None

    @classmethod
    def of(cls, Y: Array, place: NDArray[np.intp], losses: str | Sequence[str] | None, weights: Any) -> "Labels":
        """Collect the entries of Y (N, T) that are present and count; `place` (N,) says which row of features each has."""
        names = [losses] * Y.shape[1] if isinstance(losses, str) else losses
        shares = np.broadcast_to(1.0 if weights is None else weights, Y.shape)
        rows, outputs = np.nonzero(~np.isnan(Y) & (shares > 0))
        return cls(place[rows], outputs, Y[rows, outputs], shares[rows, outputs], names)

    def loss(self, U: Array) -> float:
        """Weighted sum of the losses of fitted values U (n, T)."""
        u, total = U[self.rows, self.outputs], 0.0
        for t, loss in enumerate(self.losses or ()):
            own = self.outputs == t
            total += float(self.shares[own] @ loss_of(loss, u[own], self.values[own]))
        return total

    def residual(self, U: Array) -> float:
        """Largest distance of fitted values U (n, T) from labels."""
        return float(np.abs(U[self.rows, self.outputs] - self.values).max())

    @property
    def scale(self) -> float:
        """Unit of values: the loss of each output's mean, or 1e-4 of the loss of 0 if that is larger.

        For interpolation the range of the labels, or 1e-4 of the largest. 1 where all of these are 0.
        """
        if self.losses is None:
            unit = max(float(np.ptp(self.values)), 1e-4 * float(np.abs(self.values).max()))
        else:
            n, T = self.rows.max() + 1, len(self.losses)
            mean = [self.values[self.outputs == t].mean() if np.any(self.outputs == t) else 0.0 for t in range(T)]
            unit = max(self.loss(np.tile(mean, (n, 1))), 1e-4 * self.loss(np.zeros((n, T))))
        return unit or 1.0


def loss_of(loss: str, u: Array, y: Array) -> Array:
    """Losses (m,) of fitted values and labels (m,)."""
    name, _, parameter = loss.partition(":")
    off, sign = u - y, 2 * y - 1
    if name == "squared":
        return off**2 / 2
    if name == "logistic":
        return np.logaddexp(0.0, -sign * u)
    if name == "hinge":
        return np.maximum(0.0, 1 - sign * u)
    if name == "huber":
        near = np.minimum(np.abs(off), float(parameter))
        return near * (np.abs(off) - near / 2)
    nu = float(parameter)
    return np.maximum(-nu * off, (1 - nu) * off)


@dataclass(frozen=True)
class Solved:
    """A network over the given neurons: output weights V (K, T), affine part C (p, T), value, and multipliers L (n, T).

    At an optimum ||H_k' L|| <= lam for each neuron k (1 for interpolation), with equality where V_k is not 0.
    """

    V: Array
    C: Array
    value: float
    L: Array


class _Conic:
    """Collects variables and constraints A z + slack = b, slack in cones."""

    def __init__(self) -> None:
        self.cost: list[Array] = []
        self.curvature: list[Array] = []
        self.triplets: list[tuple[Array, Array, Array]] = []
        self.right: list[Array] = []
        self.cones: list[Any] = []
        self.n_variables = self.n_rows = 0

    def variables(self, cost: Array, curvature: float | Array = 0.0) -> NDArray[np.intp]:
        """Add variables with costs c z + q z^2 / 2; return their columns."""
        first, self.n_variables = self.n_variables, self.n_variables + len(cost)
        self.cost.append(cost)
        self.curvature.append(np.broadcast_to(curvature, len(cost)))
        return np.arange(first, self.n_variables)

    def constrain(self, cones: list[Any], terms: Sequence[tuple[Any, Any, Any]], right: Array) -> None:
        """Add rows: terms are (local rows, columns, values), broadcast against each other."""
        for rows, columns, values in terms:
            spread = np.broadcast_arrays(np.add(rows, self.n_rows), columns, np.asarray(values, dtype=float))
            self.triplets.append(tuple(array.ravel() for array in spread))  # type: ignore[arg-type]
        self.right.append(right)
        self.cones += cones
        self.n_rows += len(right)

    def not_negative(self, columns: NDArray[np.intp]) -> None:
        """Add the constraints z >= 0."""
        count = len(columns)
        self.constrain([clarabel.NonnegativeConeT(count)], [(np.arange(count), columns, -1.0)], np.zeros(count))

    def solve(self, factor: float, changes: dict[str, Any]) -> Any:
        """Run Clarabel with the objective times a factor."""
        settings = clarabel.DefaultSettings()
        settings.verbose, settings.max_threads = False, 1
        for name, value in changes.items():
            setattr(settings, name, value)
        rows, columns, values = (np.concatenate(parts) for parts in zip(*self.triplets, strict=True))
        shape = (self.n_rows, self.n_variables)
        A = sparse.csc_matrix((values, (rows, columns)), shape=shape)
        P = sparse.diags(factor * np.concatenate(self.curvature), format="csc")
        cost = factor * np.concatenate(self.cost)
        return clarabel.DefaultSolver(P, cost, A, np.concatenate(self.right), self.cones, settings).solve()


def _loss_variables(conic: _Conic, loss: str, y: Array, share: Array) -> tuple[Array, list[tuple[Any, float]]]:
    """Add a loss of labels and shares (m,); return offsets and terms: fitted value = offset + sum of sign * variable."""
    name, _, parameter = loss.partition(":")
    m, free = len(y), np.zeros(len(y))
    if name == "squared":
        return y, [(conic.variables(free, share), 1.0)]
    if name == "huber":  # the error is quadratic up to delta, and the rest is linear
        rest = [conic.variables(share * float(parameter)) for _ in range(2)]
        for part in rest:
            conic.not_negative(part)
        return y, [(conic.variables(free, share), 1.0), (rest[0], 1.0), (rest[1], -1.0)]
    if name == "one_class":
        above, below = conic.variables(share * (1 - float(parameter))), conic.variables(share * float(parameter))
        conic.not_negative(above)
        conic.not_negative(below)
        return y, [(above, 1.0), (below, -1.0)]
    sign, u, each = 2 * y - 1, conic.variables(free), np.arange(m)
    lost = conic.variables(share)
    if name == "hinge":  # lost >= 0, lost >= 1 - sign u
        conic.not_negative(lost)
        margin = [(each, u, -sign), (each, lost, -1.0)]
        conic.constrain([clarabel.NonnegativeConeT(m)], margin, np.full(m, -1.0))
        return free, [(u, 1.0)]
    # exp(-lost) <= a, exp(-sign u - lost) <= b, a + b <= 1: then lost >= log(1 + exp(-sign u)).
    a, b = conic.variables(free), conic.variables(free)
    conic.constrain([clarabel.NonnegativeConeT(m)], [(each, a, 1.0), (each, b, 1.0)], np.ones(m))
    for power, bound in (([(3 * each, lost, 1.0)], a), ([(3 * each, lost, 1.0), (3 * each, u, sign)], b)):
        terms = [*power, (3 * each + 2, bound, -1.0)]
        conic.constrain([clarabel.ExponentialConeT()] * m, terms, np.tile([0.0, 1.0, 0.0], m))
    return free, [(u, 1.0)]


def _written(H: Array, P: Array, labels: Labels, outputs: int, lam: float | None) -> tuple[_Conic, NDArray[np.intp]]:
    """Write the program down; return it with the rows of its equations, one for each label in order."""
    conic, (K, T), p = _Conic(), (H.shape[1], outputs), P.shape[1]
    V = conic.variables(np.zeros(K * T)).reshape(K, T)
    C = conic.variables(np.zeros(p * T)).reshape(p, T)
    sizes = conic.variables(np.full(K, 1.0 if lam is None else lam))
    each = np.arange(K)
    if T == 1:
        both = [(each, V[:, 0], 1.0), (each, sizes, -1.0), (K + each, V[:, 0], -1.0), (K + each, sizes, -1.0)]
        conic.constrain([clarabel.NonnegativeConeT(2 * K)] if K else [], both, np.zeros(2 * K))
    else:
        start = each * (T + 1)
        norms = [(start, sizes, -1.0), (start[:, None] + 1 + np.arange(T), V, -1.0)]
        conic.constrain([clarabel.SecondOrderConeT(T + 1)] * K, norms, np.zeros(K * (T + 1)))
    equations = np.zeros(len(labels.rows), dtype=np.intp)
    for t in range(T):
        own = np.flatnonzero(labels.outputs == t)
        if not len(own):
            continue
        y, share, local = labels.values[own], labels.shares[own], np.arange(len(own))
        offset, terms = (y, []) if labels.losses is None else _loss_variables(conic, labels.losses[t], y, share)
        equations[own] = conic.n_rows + local
        rows = labels.rows[own]
        values = [(local[:, None], V[:, t], H[rows]), (local[:, None], C[:, t], P[rows])]
        linear = [(local, columns, -sign) for columns, sign in terms]
        conic.constrain([clarabel.ZeroConeT(len(own))], [*values, *linear], offset)
    return conic, equations


def solve_over_neurons(H: Array, P: Array, labels: Labels, outputs: int, lam: float | None) -> Solved:
    """Solve a fit, or an interpolation with lam None, over given neurons.

    Parameters
    ----------
    H : (n, K) array
        Values of neurons of norm 1 at the inputs.
    P : (n, p) array
        Features that cost nothing.
    labels : Labels
    outputs : int
        T.
    lam : float or None

    Raises
    ------
    ProgramError
        If no attempt is accurate.
    """
    (n, K), p, T = H.shape, P.shape[1], outputs
    conic, equations = _written(H, P, labels, T, lam)
    unit = max(1.0, float(labels.shares.max())) if lam is not None else 1.0
    best, least = None, math.inf
    scale = labels.scale
    for factor, changes in _ATTEMPTS:
        solution = conic.solve(factor / unit, changes)
        z = np.array(solution.x)
        if not np.all(np.isfinite(z)):
            continue
        V, C = z[: K * T].reshape(K, T), z[K * T : (K + p) * T].reshape(p, T)
        cost = float(np.linalg.norm(V, axis=1).sum())
        U = H @ V + P @ C
        value = cost if lam is None else labels.loss(U) + lam * cost
        if lam is None and labels.residual(U) > ACCURATE * scale:
            continue
        excess = abs(value - solution.obj_val_dual * unit / factor)
        if excess < least:
            L = np.zeros((n, T))
            np.add.at(L, (labels.rows, labels.outputs), np.array(solution.z)[equations] * unit / factor)
            best, least = Solved(V, C, value, L), excess
            if least <= ACCURATE * value or value <= FLOOR * scale:
                return best
    if best and least <= USABLE * best.value:
        return best
    raise ProgramError(f"the best attempt is {least:.1e} off its dual value, of {best.value if best else math.nan:.6e}")
