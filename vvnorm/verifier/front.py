"""The verifier of Pareto fronts: data of several tasks, witnesses of bounds, and the check of one point.

`vvnorm.multitask.pareto` defines points and gaps, and computes them; no solver is imported here. `vvnorm.verifier.check`
recomputes losses, costs and bounds from networks, data and dual arrays, and all recorded values are compared with them.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vvnorm._internal.words import count, lines
from vvnorm.losses import Loss, rounding_losses
from vvnorm.network import ReLUNetwork, row_norms
from vvnorm.piecewise import PiecewiseLinear
from vvnorm.tolerances import EPS
from vvnorm.validation import Array
from vvnorm.verifier.arithmetic import vv_norm
from vvnorm.verifier.budget import within_additions
from vvnorm.verifier.check import FitCertificate, certify_fit, output_losses
from vvnorm.verifier.flat_inputs import Subspace

ROUNDING = 1e-12  # relative rounding error of sums of losses and of costs
_STRAIGHT = 1e-8  # share of the loss of a constant; if the infimum of a loss is not attained, fits end at about 1e-10
_SMALL = 1e-4  # share of the loss of a constant; smaller losses are squares of differences that have lost digits


@dataclass(frozen=True, eq=False)
class FrontData:
    """Data of several tasks, and their losses.

    Attributes
    ----------
    X, Y : (N, d) and (N, T) arrays
        The data, in the caller's order; labels of classes in the form that the losses take.
    weights : (N, T) or (N, 1) array, or None
        Weights of the labels' losses.
    kinds : tuple of T Loss
        Loss of each output.
    tasks : tuple of tuples of int
        Outputs of each task.
    skip : bool
        Whether networks with a skip connection compete.
    """

    X: Array = field(repr=False)
    Y: Array = field(repr=False)
    weights: Array | None = field(repr=False)
    kinds: tuple[Loss, ...]
    tasks: tuple[tuple[int, ...], ...]
    skip: bool

    def __repr__(self) -> str:
        size = f"{count(len(self.X), 'point')}, {count(self.X.shape[1], 'input')}, {count(self.Y.shape[1], 'output')}"
        return lines(f"FrontData: {size}, {count(len(self.tasks), 'task')}")

    @cached_property
    def entry_weights(self) -> Array:
        """The weight of every label, 0 where it is missing; shape (N, T)."""
        given = np.ones((1, 1)) if self.weights is None else self.weights
        return np.where(np.isnan(self.Y), 0.0, np.broadcast_to(given, self.Y.shape))

    def task_losses(self, network: ReLUNetwork) -> Array:
        """Return the loss of each task, shape (tasks,), as the verifier computes it."""
        return self.by_task(self.output_losses(network)[0])

    def by_task(self, outputs: Array) -> Array:
        """Return the sums over the outputs of each task, shape (tasks,)."""
        return np.array([outputs[list(task)].sum() for task in self.tasks])

    def output_losses(self, network: ReLUNetwork) -> tuple[Array, Array]:
        """Return the loss of each output, and an upper bound on it that covers rounding, (T,) each."""
        return output_losses(network, self.X, self.Y, loss=self.kinds, weights=self.weights)

    @cached_property
    def constant_losses(self) -> Array:
        """The loss of each task if every output is the median of its labels, or 0 for classes; shape (tasks,)."""
        values = np.array([kind.name not in ("logistic", "hinge") for kind in self.kinds])
        level = np.where(values, np.nanmedian(np.where(self.entry_weights > 0, self.Y, np.nan), axis=0), 0.0)
        return self.task_losses(without_neurons(np.zeros((len(level), self.X.shape[1])), level))

    @cached_property
    def rounding(self) -> Array:
        """Losses of each output that rounding of the labels explains, (T,): `vvnorm.losses.rounding_losses`."""
        known = np.where(self.entry_weights > 0, self.Y, np.nan)
        ends = np.nanmin(known, axis=0), np.nanmax(known, axis=0)
        return rounding_losses(self.kinds, *ends, self.entry_weights.sum(axis=0))

    def fitted_by(self, line: ReLUNetwork) -> NDArray[np.bool_]:
        """Whether a function without neurons fits each task, with a loss far below that of a constant; (tasks,)."""
        if line.n_neurons or (line.A.any() and not self.skip):
            raise ValueError("the affine reference function has neurons, or a skip connection")
        return np.asarray(self.task_losses(line) <= _STRAIGHT * self.constant_losses)

    def price(self, task_weights: Array, lam: float, budget: float, value: float, straight: NDArray[np.bool_]) -> float:
        """Return the term of the budget C in the denominator of a gap: lam C, but at most the best affine function's loss.

        The affine function costs nothing, so a proved bound `value` on a.L + lam VV bounds its loss from below for every
        lam. If all tasks with a weight are `straight`, the loss of a constant takes its place.
        """
        affine_loss = max(value, 0.0)
        if straight[task_weights > 0].all():
            affine_loss = max(affine_loss, float(task_weights @ self.constant_losses))
        return min(lam * budget, affine_loss)

    def gap(self, task_weights: Array, network: ReLUNetwork, bound: float, price: float) -> float:
        """Return the gap of a network of loss a.L, for a proved lower bound on a.L and the `price` of the budget."""
        outputs, _ = self.weighted(task_weights)
        losses, at_most = self.output_losses(network)
        at_most = np.where(losses > 0, at_most, 0.0)
        if np.all((at_most <= self.rounding)[outputs]):
            return 0.0
        loss = float(task_weights @ self.by_task(at_most))
        return max(0.0, loss - bound) / (loss + price) if loss + price > 0 else 0.0

    def weighted(self, task_weights: Array) -> tuple[NDArray[np.intp], dict[str, Any]]:
        """Return the outputs whose tasks have a positive weight, and their options for `fit` and `certify_fit`."""
        shares = np.zeros(self.Y.shape[1])
        for share, task in zip(task_weights, self.tasks, strict=True):
            shares[list(task)] = share
        outputs = np.flatnonzero(shares > 0)
        options = {"loss": tuple(self.kinds[t] for t in outputs), "skip": self.skip}
        return outputs, options | {"weights": self.entry_weights[:, outputs] * shares[outputs]}

    def certify(self, task_weights: Array, witness: "DualWitness") -> FitCertificate:
        """Certify a witness for the weighted sum of losses, over the outputs whose tasks have a positive weight."""
        outputs, options = self.weighted(task_weights)
        with within_additions(witness.additions):
            return certify_fit(
                witness.function, self.X, self.Y[:, outputs], witness.lam, dual=witness.dual, subspace=witness.subspace,
                **options,
            )  # fmt: skip

    def largest_lam(self, task_weights: Array) -> float:
        """Return an upper bound on the least lam whose fit of the weighted losses is affine.

        At the best affine function the response of a neuron is at most the diameter of the points times the sum of
        |weight * loss'|. For squared and Huber losses the loss of the best constant bounds that sum.
        """
        outputs, options = self.weighted(task_weights)
        total = 0.0
        for t, weights in zip(outputs, options["weights"].T, strict=True):
            mass, slope = float(weights.sum()), 1.0
            if self.kinds[t].name in ("squared", "huber"):
                y = np.nan_to_num(self.Y[:, t])
                size = float(np.max(np.abs(y))) or 1.0
                y = y / size
                slope = size * math.sqrt(float(weights @ (y - weights @ y / mass) ** 2) / mass)
            total += mass * slope
        middle = self.X.min(axis=0) / 2 + self.X.max(axis=0) / 2
        return 2 * float(np.max(row_norms(self.X - middle))) * total or 1.0


@dataclass(frozen=True, eq=False)
class DualWitness:
    """The proof of a lower bound on a weighted sum of the tasks' losses plus lam times the VV norm, over all networks.

    Attributes
    ----------
    lam : float
        Weight of the VV norm.
    function : ReLUNetwork or PiecewiseLinear
        A fit at this lam, of the outputs whose tasks have a positive weight.
    dual : (N, T') array or None
        The dual array, in the order of the data; if None, `certify_fit` derives it from the function.
    additions, subspace
        As in `FitCertificate`.
    """

    lam: float
    function: ReLUNetwork | PiecewiseLinear = field(repr=False)
    dual: Any = field(repr=False)
    additions: int | None = None
    subspace: Subspace | None = None


def without_neurons(A: Array, c: Array) -> ReLUNetwork:
    """Return the affine function A x + c as a network."""
    return ReLUNetwork(np.zeros((0, A.shape[1])), np.zeros(0), np.zeros((len(c), 0)), A, c)


def point_complaints(
    data: FrontData,
    budget: float,
    task_weights: Array,
    network: ReLUNetwork,
    witness: DualWitness,
    straight: NDArray[np.bool_],
    recorded: Mapping[str, Any],
    tol: float,
) -> list[str]:
    """Return what is wrong with one point of a front; an empty list means that it is accepted.

    Parameters
    ----------
    data : FrontData
    budget : float
        The largest VV norm C that networks may have.
    task_weights : (tasks,) array
    network : ReLUNetwork
    witness : DualWitness
    straight : (tasks,) array of bool
        From `FrontData.fitted_by`.
    recorded : mapping
        The claimed `losses` (tasks,), `vv_norm`, `bound` and `gap`.
    tol : float
        Largest gap that is accepted.
    """
    try:
        losses = data.task_losses(network)
        proof = data.certify(task_weights, witness)
    except (TypeError, ValueError) as error:
        return [str(error)]
    if not np.isfinite(losses).all():
        return ["the network's losses leave the range of float64"]
    loss, cost = float(task_weights @ losses), vv_norm(network)
    price = data.price(task_weights, witness.lam, budget, proof.lower_bound, straight)
    bound = bound_at(budget, witness.lam, proof.lower_bound)
    gap = data.gap(task_weights, network, bound, price)
    rounding = data.by_task(data.rounding) / ROUNDING
    sizes = np.maximum(np.maximum(losses, _SMALL * data.constant_losses), rounding)
    size = max(loss + price, float(task_weights @ rounding))
    known = [(f"loss {t}", recorded["losses"][t], losses[t], sizes[t]) for t in range(len(losses))]
    known += [("VV norm", recorded["vv_norm"], cost, cost), ("bound", recorded["bound"], bound, loss + price)]
    known += [("gap", recorded["gap"], gap, 1.0), ("weighted loss", task_weights @ recorded["losses"], loss, size)]
    problems = [
        f"{name} is recorded as {float(claimed)!r} but is {float(actual)!r}"
        for name, claimed, actual, scale in known
        if not abs(claimed - actual) <= 100 * ROUNDING * scale
    ]
    if not cost <= budget * (1 + ROUNDING):
        problems.append(f"the network costs {cost!r}, more than {budget!r}")
    if not data.skip and network.A.any():
        problems.append("the network has a skip connection, but the front is of networks without one")
    if not gap <= tol:
        problems.append(f"gap {gap:.3g} exceeds {tol:.3g}: not proved to be on the front")
    return problems


def bound_at(budget: float, lam: float, value: float) -> float:
    """Return a lower bound on a.L at VV norms up to the budget, from one on a.L + lam VV over all networks."""
    spent = lam * budget
    return max(0.0, value - spent - 4 * EPS * (abs(value) + spent))
