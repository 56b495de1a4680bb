"""Convex programs at the kinks of a trained network: the best output weights, and an exact fit.

For fixed kinks the output weights, A and c solve a convex problem, a group lasso
(`vvnorm.solvers.multivariate.group_lasso_ipm`). A and c are not penalised. They are eliminated by an orthonormal complement
Q of the affine functions on the data: with B = Q' Phi and Z = Q' Y, for the matrix Phi of the neurons' values, the
constraint is B V = Z, or the loss ||B V - Z||^2 / 2. A neuron with ||w_k|| = 1 costs ||v_k||, or ||v_k|| ||(w_k, b_k)|| if
the bias is penalised; then the columns of B are divided by ||(w_k, b_k)||. With missing labels, each group of outputs that
are labelled at the same points has its own Q, B and Z, and the problem is solved by Newton's method on design weights
(`vvnorm.solvers.multivariate.group_lasso_newton`).

Nothing here imports torch.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vvnorm._internal.deadline import Deadline, as_time_limit
from vvnorm._internal.threads import one_blas_thread
from vvnorm._internal.words import count
from vvnorm.losses import label_units
from vvnorm.network import ReLUNetwork, row_norms
from vvnorm.solvers.multivariate.group_lasso_ipm import group_lasso, least_change
from vvnorm.solvers.multivariate.group_lasso_newton import DesignBlock, evaluate, solve_design
from vvnorm.tolerances import EPS
from vvnorm.validation import Array, RepeatedInput, as_inputs, as_labels, merged_points

MOST_POINTS = 4000
"""Most distinct points for which `polish` and `exact_fit` are offered: they hold matrices of N x N."""

_EXACT = 1e-10  # relative residual that counts as interpolation
_NEGLIGIBLE = 1e-6  # neurons of smaller cost, relative to the most expensive neuron, are left out if the others suffice
_FLOORS = (0.0, 1e-6, 1e-3, 1.0)  # least weights of neurons in an exact fit, relative to the mean, in the order tried
_RANK = 1e-12  # singular values below this part of the largest count as 0
_WARM_UP = 8  # multiplicative steps eta <- eta ||a|| before Newton's


@dataclass(frozen=True, eq=False)
class ReoptimisedNetwork:
    """A network with the best output weights on its kinks.

    Attributes
    ----------
    network : ReLUNetwork
        Balanced (||w_k|| = ||v_k||), in the caller's coordinates.
    value_before, value_after : float
        For lam > 0 the objective, sum of squares / 2 + lam cost, before and after; for lam = 0 the cost, in label units per
        input unit.
    lower_bound : float
        No network with these kinks has a smaller value (up to rounding).
    dual : (N, T) array
        Lambda with Lambda'1 = 0, Lambda'X = 0 if there is a skip connection, and max over these kinks of
        ||sum_j Lambda_j relu(w.x_j + b)|| / size = 1 (Lambda = 0 if the labels are affine). For lam = 0, <Lambda, Y>
        divided by the same maximum over all neurons is a lower bound on the cost of every interpolating network. Entries of
        missing labels are 0.
    residual : float
        Largest misfit |f_t(x_i) - y_it| relative to half the range of output t's labels (`vvnorm.losses.label_units`).
    kept : bool
        Whether the given network was at least as good, and is returned.
    """

    network: ReLUNetwork
    value_before: float
    value_after: float
    lower_bound: float
    dual: Array = field(repr=False)
    residual: float
    kept: bool


def polish(
    network: ReLUNetwork,
    X: ArrayLike,
    Y: ArrayLike,
    lam: float = 0.0,
    *,
    skip: bool = True,
    penalise_bias: bool = False,
    tol: float = 1e-9,
    time_limit: float | None = None,
) -> ReoptimisedNetwork:
    """Solve for the output weights, A and c at fixed kinks, to the global optimum.

    Parameters
    ----------
    network : ReLUNetwork
        Its kinks are used, also those of neurons with zero output weights.
    X, Y : array-like, shapes (N, d) and (N, T)
        The data, in any order. NaN = missing label.
    lam : float
        Positive: minimise sum_i ||f(x_i) - y_i||^2 / 2 + lam cost; in label units times input units. 0: the least cost of
        exact interpolation.
    skip : bool
        Whether A is free; otherwise A = 0. c is always free.
    penalise_bias : bool
        Whether the cost is sum_k ||(w_k, b_k)|| ||v_k|| instead of sum_k ||w_k|| ||v_k||.
    tol : float
        Relative gap of the convex program.
    time_limit : float, optional
        Seconds after which the best output weights so far are taken.

    Returns
    -------
    ReoptimisedNetwork
        The given network if its value is no greater (and if it interpolates, for lam = 0). Otherwise neurons that cost less
        than 1e-6 of the most expensive neuron are left out, and the problem is solved again for the others, if this raises
        the value relatively by at most tol.

    Raises
    ------
    ValueError
        For bad data; if lam = 0 and these kinks cannot interpolate, or labels differ at one input.
    """
    problem, deadline = _fixed_kinks(network, X, Y, skip, penalise_bias), Deadline(as_time_limit(time_limit))
    if lam == 0:
        problem.refuse_differing_labels()
    every = np.ones(len(problem.size), dtype=bool)
    solution = problem.solve(every, lam, tol, deadline)
    used, best = _without_negligible(problem, solution, lam, tol, deadline)
    V = np.zeros_like(problem.V)
    V[used] = best.V
    polished = problem.network(V)
    before, after = (problem.value(candidate, lam) for candidate in (network, polished))
    allowed = skip or not network.A.any()
    kept = allowed and before <= after and (lam > 0 or problem.is_fitted_by(network))
    if kept:
        polished, after = network.balanced(), before
    largest = problem.largest_response(solution.duals) or 1.0
    return ReoptimisedNetwork(
        network=polished,
        value_before=before,
        value_after=after,
        lower_bound=solution.lower_bound,
        dual=problem.dual(solution.duals) / largest,
        residual=problem.residual(polished),
        kept=kept,
    )


def exact_fit(
    network: ReLUNetwork, X: ArrayLike, Y: ArrayLike, *, skip: bool = True, penalise_bias: bool = False
) -> ReLUNetwork:
    """Change the output weights as little as possible so that the network interpolates.

    Parameters
    ----------
    network : ReLUNetwork
    X, Y : array-like, shapes (N, d) and (N, T)
        The data, in any order. NaN = missing label.
    skip, penalise_bias : bool
        As in `polish`.

    Returns
    -------
    ReLUNetwork
        Balanced, with a residual of each output below 1e-10 of half the range of its labels (or their rounding).

    Raises
    ------
    ValueError
        For bad data, labels that differ at one input, or kinks that cannot interpolate.

    Notes
    -----
    For cost-normalised weights the change minimises sum_k ||change of v_k||^2 / ||v_k||. So it is largest for neurons of
    large weight, neurons of zero weight keep it, and to first order the cost hardly rises. If such a change cannot make the
    network interpolate, weights below a floor are replaced by the floor. A and c are free.
    """
    problem = _fixed_kinks(network, X, Y, skip, penalise_bias)
    problem.refuse_differing_labels()
    norms = row_norms(problem.V)
    mean = float(np.mean(norms)) if norms.any() else 1.0
    for floor in _FLOORS:
        weights = np.maximum(norms, floor * mean)
        V = problem.V
        for _ in range(3):  # repeated to reduce rounding errors
            V = V + problem.least_change(V, weights)
        fitted = problem.network(V)
        if problem.is_fitted_by(fitted):
            return fitted
    raise ValueError(problem.cannot_interpolate())


def _without_negligible(
    problem: "_FixedKinks", solution: "_BestWeights", lam: float, tol: float, deadline: Deadline
) -> tuple[NDArray[np.bool_], "_BestWeights"]:
    """Leave out neurons of negligible cost if this does not raise the value; return which are used, and their solution."""
    cost = row_norms(solution.V)
    used = cost > _NEGLIGIBLE * np.max(cost, initial=0.0)
    try:
        fewer = problem.solve(used, lam, tol, deadline)
    except ValueError:  # the others cannot interpolate
        fewer = None
    if fewer is not None and fewer.value <= solution.value * (1 + tol):
        return used, fewer
    return np.ones(len(cost), dtype=bool), solution


# --- neurons on data --------------------------------------------------------------------------------------------------


class _BestWeights(NamedTuple):
    """Output weights V (K, T), times size, their value, a dual array (n, t) for each block, and the lower bound."""

    V: Array
    duals: list[Array]
    value: float
    lower_bound: float


class _Block(NamedTuple):
    """Outputs that are labelled at the same points, the affine part eliminated."""

    rows: NDArray[np.intp]
    outputs: NDArray[np.intp]
    Q: Array  # (rows, n)
    B: Array  # (n, K)
    Z: Array  # (n, outputs)


@dataclass(frozen=True, eq=False)
class _FixedKinks:
    """Neurons with ||w_k|| = 1 on data, the affine part eliminated."""

    X: Array
    Y: Array
    W: Array  # (K, d)
    b: Array  # (K,)
    size: Array  # (K,) cost of a neuron with ||v_k|| = 1
    V: Array  # (K, T) output weights of the network given, times size
    blocks: list[_Block]
    frame: Array  # (N, 1 or 1 + d) the affine functions 1 and (x - centre) / radius
    centre: Array
    radius: float
    skip: bool
    penalise_bias: bool

    @cached_property
    def units(self) -> Array:
        """The units of the outputs' misfits, (T,): half the range of the labels, or their size if all are equal."""
        units = label_units(np.nanmin(self.Y, axis=0), np.nanmax(self.Y, axis=0))
        return units if units.any() else np.full(len(units), float(np.nanmax(np.abs(self.Y))) or 1.0)

    def misfits(self, network: ReLUNetwork) -> Array:
        """Return the largest relative misfit of each output, (T,)."""
        misfits: Array = np.nanmax(np.abs(network(self.X) - self.Y), axis=0) / self.units
        return misfits

    def residual(self, network: ReLUNetwork) -> float:
        """Return the largest relative misfit."""
        return float(np.max(self.misfits(network)))

    def is_fitted_by(self, network: ReLUNetwork) -> bool:
        """Whether misfits count as interpolation: up to 1e-10, or up to rounding of the data."""
        rounding = np.nanmax(np.abs(self.Y), axis=0) / self.units + float(np.max(np.abs(self.X))) / self.radius
        return bool(np.all(self.misfits(network) <= _EXACT + 64 * EPS * rounding))

    def value(self, network: ReLUNetwork, lam: float) -> float:
        """Return the objective, or the cost if lam = 0."""
        cost = cost_of(network, self.penalise_bias)
        return cost if lam == 0 else float(np.nansum((network(self.X) - self.Y) ** 2)) / 2 + lam * cost

    def solve(self, used: NDArray[np.bool_], lam: float, tol: float, deadline: Deadline) -> _BestWeights:
        """Solve the convex program with some of the neurons."""
        if all(len(block.Z) == 0 for block in self.blocks):  # every data set is affine
            return _BestWeights(np.zeros_like(self.V[used]), [block.Z for block in self.blocks], 0.0, 0.0)
        try:
            if len(self.blocks) > 1:
                return _solve_blocks(self.blocks, used, lam, tol, deadline)
            optimum = group_lasso(self.blocks[0].B[:, used], self.blocks[0].Z, lam, tol=tol, deadline=deadline.end)
            return _BestWeights(optimum.V, [optimum.dual], optimum.value, optimum.lower_bound)
        except ValueError as error:
            if lam == 0:
                raise ValueError(self.cannot_interpolate()) from error
            raise

    def least_change(self, V: Array, weights: Array) -> Array:
        """Return the least change of V, (K, T), that brings every block nearest to its targets; small for small weights."""
        change = np.zeros_like(V)
        for block in self.blocks:
            change[:, block.outputs] = least_change(block.B, block.Z - block.B @ V[:, block.outputs], weights)
        return change

    def dual(self, duals: Sequence[Array]) -> Array:
        """Return the dual arrays of the blocks as one, (N, T); 0 where there is no label."""
        total = np.zeros(self.Y.shape)
        for block, own in zip(self.blocks, duals, strict=True):
            total[np.ix_(block.rows, block.outputs)] = block.Q @ own
        return total

    def largest_response(self, duals: Sequence[Array]) -> float:
        """Return the largest response of a neuron to the dual arrays of the blocks."""
        responses = np.hstack([block.B.T @ own for block, own in zip(self.blocks, duals, strict=True)])
        return float(np.max(row_norms(responses), initial=0.0))

    def network(self, V: Array) -> ReLUNetwork:
        """Return the balanced network with output weights V / size and the best A and c."""
        weights = V / self.size[:, None]
        residual = self.Y - np.maximum(self.X @ self.W.T + self.b, 0.0) @ weights
        coefficients = np.empty((self.frame.shape[1], V.shape[1]))
        for block in self.blocks:
            own = residual[np.ix_(block.rows, block.outputs)]
            coefficients[:, block.outputs] = np.linalg.lstsq(self.frame[block.rows], own, rcond=_RANK)[0]
        A = np.zeros((V.shape[1], self.X.shape[1]))
        if self.skip:
            A[:] = coefficients[1:].T / self.radius
        return ReLUNetwork(self.W, self.b, weights.T, A, coefficients[0] - A @ self.centre).balanced()

    def refuse_differing_labels(self) -> None:
        """Raise ValueError if labels differ at one input."""
        try:
            merged_points(self.X, self.Y, "error")
        except RepeatedInput as error:
            raise ValueError(f"labels differ at one input: {error.fact}; no network interpolates them") from None

    def cannot_interpolate(self) -> str:
        """Return the reason why these kinks cannot interpolate."""
        ranks = [int(np.linalg.matrix_rank(block.B)) if block.B.size else 0 for block in self.blocks]
        rank, worst = min(zip(ranks, self.blocks, strict=True), key=lambda pair: pair[0] - len(pair[1].Z))
        return (
            f"the network's {count(len(self.b), 'neuron')} cannot interpolate these "
            f"{count(len(worst.rows), 'point')}: beside the affine part "
            f"their kinks have rank {rank}, but rank {len(worst.Z)} is needed to fit any labels; use a greater width"
        )


def _fixed_kinks(network: ReLUNetwork, X: ArrayLike, Y: ArrayLike, skip: bool, penalise_bias: bool) -> _FixedKinks:
    inputs, labels = checked_data(network, X, Y)
    norm = row_norms(network.W)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        has_kink = (norm > 0) & np.isfinite(network.b / norm)
    norm = norm[has_kink]
    W, b = network.W[has_kink] / norm[:, None], network.b[has_kink] / norm
    size = np.hypot(1.0, b) if penalise_bias else np.ones(len(b))

    centre = np.mean(inputs, axis=0)
    radius = float(np.max(np.abs(inputs - centre))) or 1.0
    frame = np.column_stack([np.ones(len(inputs)), (inputs - centre) / radius])[:, : None if skip else 1]
    height = inputs @ W.T + b
    hidden = np.maximum(height, 0.0)
    if skip:  # relu(z) and relu(-z) differ by an affine function; the smaller one loses fewer digits
        hidden = np.where(
            np.sum(hidden, axis=0) <= np.sum(np.maximum(-height, 0.0), axis=0), hidden, np.maximum(-height, 0.0)
        )
    else:  # neurons that are active at all points: drop the constant
        hidden = np.where(np.all(height > 0, axis=0), (inputs - centre) @ W.T, hidden)
    return _FixedKinks(
        X=inputs,
        Y=labels,
        W=W,
        b=b,
        size=size,
        V=network.V.T[has_kink] * (norm * size)[:, None],
        blocks=_blocks(frame, hidden / size, labels),
        frame=frame,
        centre=centre,
        radius=radius,
        skip=skip,
        penalise_bias=penalise_bias,
    )


def _blocks(frame: Array, columns: Array, labels: Array) -> list[_Block]:
    """Eliminate the affine part, which `frame` spans, from neurons' values (N, K) and labels (N, T), NaN = missing."""
    patterns, member = np.unique(~np.isnan(labels), axis=1, return_inverse=True)
    blocks = []
    for number, present in enumerate(patterns.T):
        rows, outputs = np.flatnonzero(present), np.flatnonzero(member.reshape(-1) == number)
        U, spread, _ = np.linalg.svd(frame[rows])
        Q = U[:, np.sum(spread > _RANK * spread[0]) :]
        own = labels[np.ix_(rows, outputs)]
        blocks.append(_Block(rows, outputs, Q, Q.T @ columns[rows], Q.T @ (own - np.mean(own, axis=0))))
    return blocks


def _solve_blocks(
    blocks: Sequence[_Block], used: NDArray[np.bool_], lam: float, tol: float, deadline: Deadline
) -> _BestWeights:
    """Solve the convex program of several blocks with some of the neurons.

    ValueError if lam = 0 and the neurons do not span the targets.
    """
    b_unit = max(float(np.max(row_norms(block.B.T), initial=0.0)) for block in blocks) or 1.0
    z_unit = float(np.sqrt(sum(np.sum(block.Z**2) for block in blocks))) or 1.0
    scaled = [DesignBlock(block.B[:, used] / b_unit, block.Z / z_unit) for block in blocks]
    level, eta = lam / b_unit / z_unit, np.ones(int(used.sum()))
    with one_blas_thread():
        for _ in range(_WARM_UP):
            state = evaluate(scaled, level, eta)
            if state is None:
                raise ValueError("the neurons do not span the targets")
            eta = eta * state.norms
        state, _ = solve_design(scaled, level, tol, eta, deadline.end)
    if not np.isfinite(state.value):
        raise ValueError("the neurons do not span the targets")
    V = np.zeros((len(state.eta), sum(len(block.outputs) for block in blocks)))
    for block, response in zip(blocks, state.A, strict=True):
        V[:, block.outputs] = state.eta[:, None] * response
    bound, share = state.lower_bound(float(np.max(state.norms, initial=0.0)))
    unit = z_unit / b_unit if lam == 0 else z_unit**2
    duals = [share / b_unit * own for own in state.duals]
    return _BestWeights(V * (z_unit / b_unit), duals, state.value * unit, bound * unit)


def checked_data(network: ReLUNetwork, X: ArrayLike, Y: ArrayLike) -> tuple[Array, Array]:
    """Return inputs (N, d) and labels (N, T), NaN = missing; ValueError if they do not fit the network."""
    inputs = as_inputs(X)
    labels = as_labels(Y, len(inputs), allow_missing=True)
    if (inputs.shape[1], labels.shape[1]) != (network.n_inputs, network.n_outputs):
        raise ValueError(
            f"the network has {count(network.n_inputs, 'input')} and "
            f"{count(network.n_outputs, 'output')}; X has {count(inputs.shape[1], 'column')} "
            f"and Y {labels.shape[1]}"
        )
    return inputs, labels


def cost_of(network: ReLUNetwork, penalise_bias: bool) -> float:
    """Return the VV norm of a network, with the biases inside it if they are penalised."""
    return network.vv_norm_with_bias if penalise_bias else network.vv_norm
