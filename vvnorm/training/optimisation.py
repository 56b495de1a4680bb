"""The training loop: Adam on all seeds at once, with gradients written out by hand."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from vvnorm.data import Array
from vvnorm.training.problem import Kinks, Problem

Penalty = Literal["path_norm", "weight_decay"]

ADAM_EPS = 1e-5
"""Damping: a gradient below it, in units of unit labels, takes a proportionally smaller step."""

_LAM_SHARE = 0.9  # of the annealing, after which lam is constant
_HOLD = 0.5  # of a phase, after which the learning rate falls
_LAST_RATE = 1e-3  # part of the learning rate at the end of a phase
_TINY = 1e-12  # added to norms, so that the penalty's gradient at 0 is 0
_RECORDS = 200


@dataclass(frozen=True)
class Schedule:
    """The value of lam, as a multiple of lam_max, and the learning rate at every step.

    Attributes
    ----------
    steps : int
        In total.
    whitened : int
        How many of them, from the start, are taken in the whitened metric with the path norm; may be 0.
    start, end : float
        First and last lam / lam_max.
    lr, last_lr : float
        Learning rates at which the first phase and, if the first one is whitened, the second phase begin.
    """

    steps: int
    whitened: int
    start: float
    end: float
    lr: float
    last_lr: float

    @property
    def annealed(self) -> int:
        """Length of the first phase."""
        return self.whitened or self.steps

    def ratio(self, step: int) -> float:
        """Return lam / lam_max: geometric over the first 90 % of the first phase, then constant."""
        return float(self.start * (self.end / self.start) ** min(1.0, step / (_LAM_SHARE * self.annealed)))

    def rate(self, step: int) -> float:
        """Return the learning rate: in each phase constant for the first half, then a cosine to nearly zero."""
        if step < self.annealed:
            lr, done = self.lr, step / self.annealed
        else:
            lr, done = self.last_lr, (step - self.annealed) / (self.steps - self.annealed)
        fall = max(0.0, (done - _HOLD) / (1 - _HOLD))
        return lr * (_LAST_RATE + (1 - _LAST_RATE) * (1 + math.cos(math.pi * fall)) / 2)


class Parameters:
    """The neurons of S networks in one flat tensor, each neuron in coordinates of its own.

    The bias is b = h beta - w.p: beta moves the kink by about h beta, so one step size suits close points and distant
    ones. The tensors `W` (S, K, d), `beta` (S, K) and `V` (S, T, K) are views of `flat`.
    """

    def __init__(self, flat: torch.Tensor, d: int, K: int, T: int) -> None:
        S, a, b = len(flat), K * d, K * d + K
        self.W, self.beta, self.V = flat[:, :a].view(S, K, d), flat[:, a:b], flat[:, b:].view(S, T, K)

    def balance(self) -> None:
        """Rescale every neuron to ||w_k|| = ||v_k||, which changes no function."""
        w, v = self.W.norm(dim=2), self.V.norm(dim=1)
        factor = torch.where((w > 0) & (v > 0), (v / w).sqrt(), 1.0)
        self.W.mul_(factor[:, :, None])
        self.beta.mul_(factor)
        self.V.div_(factor[:, None, :])


class Objective:
    """Loss and penalty of S networks, as functions of their parameters.

    Parameters
    ----------
    problem : Problem
        Data in training coordinates.
    kinks : list of Kinks
        One per network.
    label_unit : float
        The networks' outputs are in units of this many `problem.y_unit`.
    like : torch.Tensor
        Its dtype and device are used.
    """

    def __init__(self, problem: Problem, kinks: list[Kinks], label_unit: float, like: torch.Tensor) -> None:
        self.z = torch.from_numpy(np.repeat(problem.z[None], len(kinks), axis=0)).to(like)
        self.y = torch.from_numpy(problem.y / label_unit).to(like)
        self.h = torch.from_numpy(np.stack([k.h for k in kinks])).to(like)
        self.p = torch.from_numpy(np.stack([k.p for k in kinks])).to(like)

    def bias(self, at: Parameters) -> torch.Tensor:
        """Return the biases b, (S, K)."""
        return at.beta * self.h - (at.W * self.p).sum(2)

    def hidden(self, at: Parameters) -> torch.Tensor:
        """Return the values of the neurons at the points, (S, N, K)."""
        return torch.baddbmm(self.bias(at)[:, None, :], self.z, at.W.mT).relu()

    def loss(self, at: Parameters, root: torch.Tensor) -> torch.Tensor:
        """Return ||root (F - y)||^2 / 2, shape (S,), for a root of the metric, (S, N, N): exact where F - y is affine."""
        return torch.bmm(root, torch.bmm(self.hidden(at), at.V.mT) - self.y).square().sum((1, 2)) / 2

    def penalty(self, at: Parameters, penalty: Penalty) -> torch.Tensor:
        """Return the penalty, shape (S,)."""
        if penalty == "weight_decay":
            return (at.W.square().sum((1, 2)) + at.V.square().sum((1, 2))) / 2
        return (at.W.norm(dim=2) * at.V.norm(dim=1)).sum(1)

    def gradient(self, at: Parameters, metric: torch.Tensor, lam: float, penalty: Penalty, out: Parameters) -> None:
        """Write the gradient of loss + lam penalty into `out`: three times the speed of automatic differentiation."""
        hidden = self.hidden(at)
        by_values = torch.bmm(metric, torch.bmm(hidden, at.V.mT).sub_(self.y))
        out.V.copy_(torch.bmm(by_values.mT, hidden))
        by_input = torch.bmm(by_values, at.V).mul_(hidden > 0)
        by_bias = by_input.sum(1)
        torch.mul(by_bias, self.h, out=out.beta)
        out.W.copy_(torch.bmm(by_input.mT, self.z)).addcmul_(by_bias[:, :, None], self.p, value=-1)
        if penalty == "weight_decay":
            out.W.add_(at.W, alpha=lam)
            out.V.add_(at.V, alpha=lam)
        else:
            w, v = at.W.norm(dim=2).add_(_TINY), at.V.norm(dim=1).add_(_TINY)
            out.W.addcmul_(at.W, (v / w)[:, :, None], value=lam)
            out.V.addcmul_(at.V, (w / v)[:, None, :], value=lam)


def optimise(
    problem: Problem,
    kinks: list[Kinks],
    V: Array,
    schedule: Schedule,
    penalty: Penalty,
    like: torch.Tensor,
    report: Callable[[int, float, float], None],
) -> tuple[list[tuple[Array, Array, Array]], dict[str, NDArray[Any]]]:
    """Train S networks at once.

    Parameters
    ----------
    problem : Problem
        Data in training coordinates, not affine.
    kinks : list of Kinks
        Where the neurons of each network start.
    V : (S, T, K) array
        Output weights at the start, in the label unit chosen here.
    schedule : Schedule
        lam and learning rates.
    penalty : {"path_norm", "weight_decay"}
        What lam multiplies in the last phase.
    like : torch.Tensor
        Its dtype and device are used.
    report : callable
        Called with (step, mean loss, mean VV norm), in the caller's units, at every record.

    Returns
    -------
    neurons : list of (W, b, V)
        In training coordinates, float64.
    history : dict of arrays
        As in `TrainingResult`.
    """
    S, T, K = V.shape
    # The label unit makes y of unit size in the whitened metric, and both metrics get one lam_max, so that the parameters
    # and the state of Adam remain valid when the plain metric takes over.
    whitened = problem.whitening(schedule.end)
    correlation = problem.largest_correlation(whitened)
    unit = math.sqrt(float(np.sum(problem.y * (whitened @ problem.y))) / (len(problem.z) - problem.affine.shape[1]))
    scale = correlation / problem.lam_max
    first, plain, residual_map = (
        torch.from_numpy(matrix).to(like).expand(S, -1, -1).contiguous()
        for matrix in (whitened, problem.projection * scale, problem.residual_map)
    )
    objective = Objective(problem, kinks, unit, like)
    W = np.stack([k.w for k in kinks])
    flat = torch.from_numpy(np.hstack([W.reshape(S, -1), np.zeros((S, K)), V.reshape(S, -1)])).to(like)
    flat.grad = torch.zeros_like(flat)
    at, gradient = Parameters(flat, W.shape[2], K, T), Parameters(flat.grad, W.shape[2], K, T)
    adam = _adam(flat, schedule)

    rows = []
    records = set(np.linspace(0, schedule.steps, _RECORDS + 1).round().astype(int).tolist())
    for step in range(schedule.steps + 1):
        ratio = schedule.ratio(step)
        if step in records:
            loss = (_numpy(objective.loss(at, residual_map)) * unit**2 + problem.scatter) * problem.y_unit**2
            vv_norm = _numpy(objective.penalty(at, "path_norm")) * (unit * problem.y_unit / problem.x_unit)
            rows.append((step, ratio * problem.lam_max * problem.x_unit * problem.y_unit, loss, vv_norm))
            report(step, float(np.mean(loss)), float(np.mean(vv_norm)))
        if step == schedule.steps:
            break
        if step == schedule.whitened and step > 0 and penalty == "weight_decay":
            at.balance()
        early = step < schedule.whitened
        lam = ratio * correlation / unit
        objective.gradient(at, first if early else plain, lam, "path_norm" if early else penalty, gradient)
        adam.param_groups[0]["lr"] = schedule.rate(step)
        adam.step()
    steps, lams, losses, vv_norms = zip(*rows, strict=True)
    history = {"step": np.array(steps), "lam": np.array(lams), "loss": np.array(losses), "vv_norm": np.array(vv_norms)}
    return list(zip(_numpy(at.W), _numpy(objective.bias(at)), _numpy(at.V) * unit, strict=True)), history


def _adam(flat: torch.Tensor, schedule: Schedule) -> torch.optim.Adam:
    """Return Adam whose second-moment memory spans the whole run, in the fused form where torch has one."""
    options = {"lr": schedule.lr, "betas": (0.9, 1 - 1 / schedule.steps), "eps": ADAM_EPS}
    try:
        return torch.optim.Adam([flat], fused=True, **options)
    except RuntimeError:
        return torch.optim.Adam([flat], **options)


def _numpy(values: torch.Tensor) -> Array:
    array: Array = values.double().cpu().numpy()
    return array
