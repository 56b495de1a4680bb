"""Fits and interpolants over given neurons as conic programs, written down for Clarabel without a modelling language.

With features H (n, K) of neurons and affine features P (n, p) the fitted values are U = H V + P C. The program is

    minimise  sum_e share_e loss_e(U[row_e, output_e]) + lam sum_k ||V_k||   over V (K, T) and C (p, T),

where the sum over e is over the labels that are present, or

    minimise  sum_k ||V_k||   with  U[row_e, output_e] = label_e for all e.

Each loss is a few variables z with a linear or quadratic cost, so that U[row_e, output_e] = offset_e + linear(z): one
equation for each label, whose multiplier is the loss's derivative up to sign. No code is shared with the toolkit.

Nothing is taken from the solver on trust. The value is that of the network (V, C), and it must agree with a dual value of
the multipliers. Both are computed in NumPy. For multipliers L with P' L = 0 whose responses ||H_k' L|| are at most lam
it is -sum_e share_e loss_e*(L_e / share_e), with the conjugates of the losses (for interpolation -<L, labels>, and 1 in
place of lam). The solver's multipliers are made orthogonal to P, and scaled until the responses are small enough. If the
values do not agree, or the solver fails, the program is solved again in other units and with other settings (`_ATTEMPTS`),
the best of which counts.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import clarabel
import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.special import xlogy

from vvnorm.validation import Array

ACCURATE = 1e-7
"""Excess of the network's value over the dual value that is accepted, relative to the value."""

USABLE = 3e-6
"""The same, where no attempt is better: values 1e-5 above the optimum still stand out."""

FLOOR = 1e-8
"""Part of a problem's scale below which values are not told apart: with separated classes infima are 0."""

_TIGHT = {"tol_gap_abs": 1e-12, "tol_gap_rel": 1e-10, "tol_feas": 1e-10}
_ATTEMPTS: tuple[tuple[float, dict[str, Any]], ...] = (
    (1.0, {"tol_gap_abs": 1e-10, "tol_gap_rel": 1e-9, "tol_feas": 1e-9}),
    (0.01, {"tol_gap_abs": 1e-11, "tol_gap_rel": 1e-9, "tol_feas": 1e-9}),
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

    def orthogonal(self, multipliers: Array, P: Array) -> Array:
        """Make multipliers (m,) orthogonal to affine features P (n, p); only those inside their domains change."""
        taken = multipliers.copy()
        for t in np.unique(self.outputs):
            own = self.outputs == t
            features, z, share = P[self.rows[own]], multipliers[own], self.shares[own]
            if self.losses is None or self.losses[t] == "squared":
                weights, ends = share, (-math.inf, math.inf)
                part = z
            else:
                low, high = slopes_of(self.losses[t], self.values[own])
                ends = (share * low, share * high)
                part = np.clip(z, *ends)
                weights = np.minimum(part - ends[0], ends[1] - part)
            gram = features.T @ (weights[:, None] * features)
            step = weights * (features @ np.linalg.lstsq(gram, features.T @ part, rcond=None)[0])
            taken[own] = np.clip(part - step, *ends)
        return taken

    def dual_value(self, multipliers: Array, drift: float) -> float:
        """Value of multipliers (m,) inside their domains, minus `drift`, a bound on the effect of missing orthogonality."""
        if self.losses is None:
            return float(-(multipliers @ self.values)) - drift
        total = 0.0
        for t, loss in enumerate(self.losses):
            own = self.outputs == t
            slopes = multipliers[own] / self.shares[own]
            total -= float(self.shares[own] @ conjugate_of(loss, slopes, self.values[own]))
        return total - drift

    def by_row(self, multipliers: Array, shape: tuple[int, int]) -> Array:
        """Add up the multipliers (m,) of each row of features and each output."""
        L = np.zeros(shape)
        np.add.at(L, (self.rows, self.outputs), multipliers)
        return L

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


def slopes_of(loss: str, y: Array) -> tuple[Array, Array]:
    """Least and largest slopes (m,) of a loss other than the squared one."""
    name, _, parameter = loss.partition(":")
    if name in ("logistic", "hinge"):
        return -y, 1 - y
    size = float(parameter)
    ends = (-size, size) if name == "huber" else (-size, 1 - size)
    return np.full(len(y), ends[0]), np.full(len(y), ends[1])


def conjugate_of(loss: str, slopes: Array, y: Array) -> Array:
    """Conjugates sup_u (slope u - loss(u)) of losses (m,) at slopes that occur."""
    name = loss.partition(":")[0]
    if name in ("squared", "huber"):
        return slopes * y + slopes**2 / 2
    part = np.clip((1 - 2 * y) * slopes, 0.0, 1.0)  # of a class's largest slope
    if name == "logistic":
        return xlogy(part, part) + xlogy(1 - part, 1 - part)
    return -part if name == "hinge" else slopes * y


@dataclass(frozen=True)
class Solved:
    """A network over the given neurons.

    At an optimum ||H_k' L|| <= lam for each neuron k (1 for interpolation), with equality where V_k is not 0.

    Attributes
    ----------
    V, C : (K, T) and (p, T) arrays
        Output weights, and the affine part.
    value : float
    L : (n, T) array
        Multipliers, orthogonal to the affine features but for `drift`.
    multipliers : (m,) array
        The same, label by label.
    drift : float
        What the affine part of a network such as this can add to its pairing with the multipliers.
    """

    V: Array
    C: Array
    value: float
    L: Array
    multipliers: Array
    drift: float

    def dual_value(self, labels: Labels, response: float, allowed: float) -> float:
        """Lower bound on the values of all networks whose neurons respond to L by at most `response`."""
        scale = min(1.0, allowed / response) if response > 0 else 1.0
        return labels.dual_value(scale * self.multipliers, scale * self.drift)


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


def solve_over_neurons(
    H: Array, P: Array, labels: Labels, outputs: int, lam: float | None, accurate: float = ACCURATE
) -> Solved:
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
    accurate : float
        Excess of the value over the dual value, relative to the value, at which no further attempt is made.

    Raises
    ------
    ProgramError
        If no attempt is accurate.
    """
    conic, equations = _written(H, P, labels, outputs, lam)
    unit = max(1.0, float(labels.shares.max())) if lam is not None else 1.0
    best, least = None, math.inf
    scale = labels.scale
    for factor, changes in _ATTEMPTS:
        solution = conic.solve(factor / unit, changes)
        z, multipliers = np.array(solution.x), np.array(solution.z)[equations] * unit / factor
        if not (np.all(np.isfinite(z)) and np.all(np.isfinite(multipliers))):
            continue
        solved = _read(z, multipliers, H, P, labels, outputs, lam)
        if solved is None:
            continue
        response = float(np.max(np.linalg.norm(H.T @ solved.L, axis=1), initial=0.0))
        excess = solved.value - solved.dual_value(labels, response, 1.0 if lam is None else lam)
        if excess < least:
            best, least = solved, excess
            if least <= accurate * solved.value or solved.value <= FLOOR * scale:
                return best
    if best and least <= max(USABLE, accurate) * best.value:
        return best
    raise ProgramError(f"the best attempt is {least:.1e} off its dual value, of {best.value if best else math.nan:.6e}")


def _read(
    z: Array, multipliers: Array, H: Array, P: Array, labels: Labels, outputs: int, lam: float | None
) -> Solved | None:
    """Read a solver's variables and multipliers; None for a network that does not interpolate."""
    (n, K), p, T = H.shape, P.shape[1], outputs
    V, C = z[: K * T].reshape(K, T), z[K * T : (K + p) * T].reshape(p, T)
    cost, U = float(np.linalg.norm(V, axis=1).sum()), H @ V + P @ C
    if lam is None and labels.residual(U) > ACCURATE * labels.scale:
        return None
    value = cost if lam is None else labels.loss(U) + lam * cost
    kept = labels.orthogonal(multipliers, P)
    L = labels.by_row(kept, (n, T))
    return Solved(V, C, value, L, kept, float(np.sum(np.abs(P.T @ L) * np.abs(C))))
