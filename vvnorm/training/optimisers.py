"""Optimisers that move S runs at once; each run moves as it would alone.

Adam and SGD with momentum are torch's: they work entry by entry. L-BFGS and the proximal method are written here, since
they need inner products, step sizes and restarts of each run separately, which torch does not offer.

Sources:

- Adam: D. P. Kingma, J. Ba, ICLR 2015, arXiv 1412.6980.
- L-BFGS: D. C. Liu, J. Nocedal, "On the limited memory BFGS method for large scale optimization", Mathematical
  Programming 45, 1989.
- The proximal method follows L. Yang, J. Zhang, J. Shenouda, D. Papailiopoulos, K. Lee, R. D. Nowak, "PathProx: a proximal
  gradient algorithm for weight decay regularized deep neural networks", arXiv 2210.03069. The acceleration follows
  A. Beck, M. Teboulle (SIAM Journal on Imaging Sciences 2, 2009), with the restarts of B. O'Donoghue, E. Candes
  (Foundations of Computational Mathematics 15, 2015).
"""

from typing import Literal, Protocol

import numpy as np
import torch
from torch.optim.adam import adam
from torch.optim.sgd import sgd

from vvnorm.training.regression_model import RegressionModel, RegressionParameters
from vvnorm.training.schedule import Schedule
from vvnorm.training.torch_formulas import column_norms

Optimiser = Literal["adam", "sgd", "lbfgs", "proximal"]

ADAM_EPS = 1e-5
"""Adam's damping: a gradient smaller than this, for labels of unit size, makes a proportionally smaller step."""

MOMENTUM = 0.9
MEMORY = 10
"""Number of pairs of a move and a gradient change that L-BFGS remembers."""

_HALVINGS = 12  # largest number of halvings of the step in a line search
_SUFFICIENT = 1e-4  # Armijo's constant: a step must reach this part of the decrease that the gradient predicts
_GROW, _SHRINK = 1.1, 0.5  # factors of the proximal step size after an accepted and a refused step
_ROUNDING = 1e4  # rounding error of a loss, in units of the machine precision, for labels of unit size


class Landscape(Protocol):
    """The objective at the current step, as optimisers use it."""

    lam: torch.Tensor
    model: RegressionModel

    def evaluate(self, flat: torch.Tensor, gradient: torch.Tensor | None = None, *, penalised: bool = True) -> torch.Tensor:
        """Return the objective at `flat`, (S,), and write its gradient; without the penalty if not `penalised`."""


class Stepper(Protocol):
    """An optimiser with its memory."""

    def step(self, landscape: Landscape, rates: np.ndarray) -> None:
        """Move all runs by one step; rates (S,) are the learning rates."""

    def forget(self) -> None:
        """Drop the memory of an objective that has changed."""

    def state(self) -> dict[str, torch.Tensor]:
        """Return the memory by name, for a checkpoint."""

    def restore(self, state: dict[str, torch.Tensor]) -> None:
        """Restore the memory that `state` returned."""


def make_stepper(name: Optimiser, flat: torch.Tensor, schedule: Schedule) -> Stepper:
    """Return an optimiser that moves `flat`, (S, P), in place; runs of equal learning rates must be neighbours."""
    if name in ("adam", "sgd"):
        return _Torch(name, flat, schedule)
    return _LBFGS(flat) if name == "lbfgs" else _Proximal(flat, schedule)


class _Torch:
    """torch's Adam or SGD with momentum; runs of the same learning rate share an optimiser."""

    def __init__(self, name: Optimiser, flat: torch.Tensor, schedule: Schedule) -> None:
        self.flat, self.gradient = flat, torch.zeros_like(flat)
        change = (np.diff(schedule.lr) != 0) | (np.diff(schedule.last_lr) != 0)
        self.first = [0, *(np.flatnonzero(change) + 1).tolist()]
        self.parts = [slice(*ends) for ends in zip(self.first, [*self.first[1:], len(flat)], strict=True)]
        self.optimisers = [
            Adam([flat[part]], betas=adam_betas(schedule), eps=ADAM_EPS) if name == "adam" else _Momentum(flat[part])
            for part in self.parts
        ]

    def step(self, landscape: Landscape, rates: np.ndarray) -> None:
        landscape.evaluate(self.flat, self.gradient)
        for optimiser, part in zip(self.optimisers, self.parts, strict=True):
            optimiser.step([self.gradient[part]], float(rates[part.start]))

    def forget(self) -> None:
        pass  # the memory consists of averages over past gradients, which remain useful

    def state(self) -> dict[str, torch.Tensor]:
        return {
            f"{index}.{name}": value
            for index, optimiser in enumerate(self.optimisers)
            for name, (value,) in optimiser.memory.items()
        }

    def restore(self, state: dict[str, torch.Tensor]) -> None:
        for index, optimiser in enumerate(self.optimisers):
            for name, value in state.items():
                if name.startswith(f"{index}."):
                    optimiser.memory[name.partition(".")[2]] = [value]


def adam_betas(schedule: Schedule) -> tuple[float, float]:
    """Return Adam's decay rates: in the whitened metric the second moments are remembered over the whole run."""
    return 0.9, (1 - 1 / schedule.steps if schedule.whitened else 0.999)


class Adam:
    """torch's Adam in its functional form, fused where torch has that; the tensors are moved in place.

    `torch.optim.Adam` takes the same steps, but the first optimiser object of a process loads torch's compiler, which takes
    3 s and is not needed here.
    """

    def __init__(
        self, tensors: list[torch.Tensor], *, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8
    ) -> None:
        self.tensors, self.betas, self.eps = tensors, betas, eps
        self.fused = _has_fused_adam(tensors[0])
        # The fused form counts steps on the tensors' device, the other form in the processor's memory.
        device = tensors[0].device if self.fused else torch.device("cpu")
        self.memory = {
            "step": [torch.zeros((), dtype=torch.float32, device=device) for _ in tensors],
            "exp_avg": [torch.zeros_like(tensor) for tensor in tensors],
            "exp_avg_sq": [torch.zeros_like(tensor) for tensor in tensors],
        }

    def step(self, gradients: list[torch.Tensor], lr: float) -> None:
        """Take a step at a learning rate."""
        averages, squares, counts = (self.memory[name] for name in ("exp_avg", "exp_avg_sq", "step"))
        _adam(self.tensors, gradients, averages, squares, counts, self.fused, lr=lr, betas=self.betas, eps=self.eps)


def _adam(
    tensors: list[torch.Tensor],
    gradients: list[torch.Tensor],
    averages: list[torch.Tensor],
    squares: list[torch.Tensor],
    counts: list[torch.Tensor],
    fused: bool,
    *,
    lr: float,
    betas: tuple[float, float],
    eps: float,
) -> None:
    adam(
        tensors, gradients, averages, squares, [], counts, fused=fused or None, amsgrad=False, lr=lr, beta1=betas[0],
        beta2=betas[1], weight_decay=0.0, eps=eps, maximize=False,
    )  # fmt: skip


def _has_fused_adam(sample: torch.Tensor) -> bool:
    """Whether torch has a fused form for tensors of this type and device: some devices have none."""
    tensor, gradient, average, square = ([torch.zeros_like(sample[:1])] for _ in range(4))
    count = [torch.zeros((), dtype=torch.float32, device=sample.device)]
    try:
        _adam(tensor, gradient, average, square, count, True, lr=1.0, betas=(0.9, 0.999), eps=1.0)
    except RuntimeError:
        return False
    return True


class _Momentum:
    """torch's SGD with momentum in its functional form, for the same reason as `Adam`."""

    def __init__(self, tensor: torch.Tensor) -> None:
        self.tensor = tensor
        self.memory: dict[str, list[torch.Tensor]] = {}  # empty before the first step

    def step(self, gradients: list[torch.Tensor], lr: float) -> None:
        """Take a step at a learning rate."""
        buffers: list[torch.Tensor | None] = [*self.memory.get("momentum_buffer", [None])]
        sgd(
            [self.tensor], gradients, buffers, weight_decay=0.0, momentum=MOMENTUM, lr=lr, dampening=0.0, nesterov=False,
            maximize=False,
        )  # fmt: skip
        self.memory["momentum_buffer"] = [buffer for buffer in buffers if buffer is not None]


class _LBFGS:
    """Limited-memory BFGS with a backtracking line search."""

    def __init__(self, flat: torch.Tensor) -> None:
        self.flat = flat
        self.forget()

    def forget(self) -> None:
        S, P = self.flat.shape
        self.moves = self.flat.new_zeros(MEMORY, S, P)
        self.changes = self.flat.new_zeros(MEMORY, S, P)
        self.inverse = self.flat.new_zeros(MEMORY, S)  # 1 / <move, change>; 0 if there is no pair
        self.value = self.flat.new_empty(0)  # empty: unknown
        self.gradient = torch.zeros_like(self.flat)

    def state(self) -> dict[str, torch.Tensor]:
        return {name: getattr(self, name) for name in ("moves", "changes", "inverse", "value", "gradient")}

    def restore(self, state: dict[str, torch.Tensor]) -> None:
        for name, value in state.items():
            setattr(self, name, value)

    def step(self, landscape: Landscape, rates: np.ndarray) -> None:
        if not len(self.value):
            self.value = landscape.evaluate(self.flat, self.gradient)
        direction = self._direction()
        slope = (direction * self.gradient).sum(1)
        downhill = (slope < 0)[:, None]
        direction = torch.where(downhill, direction, -self.gradient)
        slope = torch.where(downhill[:, 0], slope, -self.gradient.square().sum(1))
        fresh = (self.inverse == 0).all(0)
        length = torch.where(fresh, 0.1 / direction.norm(dim=1).clamp_min(1e-100), 1.0)
        reached, value, moved = self._search(landscape, direction, slope, length)
        gradient = torch.zeros_like(self.gradient)
        landscape.evaluate(reached, gradient)
        self._remember(reached - self.flat, gradient - self.gradient, moved)
        self.flat.copy_(reached)
        self.gradient, self.value = gradient, value

    def _direction(self) -> torch.Tensor:
        """Return the search direction by the two-loop recursion (Liu and Nocedal, 1989)."""
        direction = -self.gradient
        factors = []
        for move, change, inverse in reversed(list(zip(self.moves, self.changes, self.inverse, strict=True))):
            factor = (inverse * (move * direction).sum(1))[:, None]
            factors.append(factor)
            direction = direction - factor * change
        last = self.inverse[-1]
        scale = torch.where(last > 0, 1 / (last * self.changes[-1].square().sum(1)).clamp_min(1e-100), 1.0)
        direction = direction * scale[:, None]
        pairs = zip(self.moves, self.changes, self.inverse, reversed(factors), strict=True)
        for move, change, inverse, factor in pairs:
            direction = direction + move * (factor - (inverse * (change * direction).sum(1))[:, None])
        return direction

    def _search(
        self, landscape: Landscape, direction: torch.Tensor, slope: torch.Tensor, length: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Halve each run's step until its objective falls sufficiently; if no step does, the run keeps its parameters."""
        reached, value = self.flat.clone(), self.value.clone()
        moved = torch.zeros_like(value, dtype=torch.bool)
        for _ in range(_HALVINGS):
            trial = self.flat + length[:, None] * direction
            there = landscape.evaluate(trial)
            accepted = ~moved & (there <= self.value + _SUFFICIENT * length * slope)
            reached = torch.where(accepted[:, None], trial, reached)
            value = torch.where(accepted, there, value)
            moved |= accepted
            if bool(moved.all()):
                break
            length = torch.where(moved, length, length / 2)
        return reached, value, moved

    def _remember(self, move: torch.Tensor, change: torch.Tensor, moved: torch.Tensor) -> None:
        product = (move * change).sum(1)
        useful = product > 1e-10 * move.norm(dim=1) * change.norm(dim=1)
        self.moves = torch.cat([self.moves[1:], move[None]])
        self.changes = torch.cat([self.changes[1:], change[None]])
        self.inverse = torch.cat([self.inverse[1:], torch.where(useful, 1 / product, 0.0)[None]])
        self.inverse[:, ~moved] = 0.0  # no descent along this direction: restart


class _Proximal:
    """Accelerated proximal gradient in the output weights of neurons of size 1, and Adam in their kinks.

    PathProx takes a gradient step, normalises the neurons and soft-thresholds ||v_k||. For fixed kinks the problem in V is
    convex, and smooth apart from the norms. So each run has momentum, which restarts if it points against the step, and its
    own step size, which is halved if the loss exceeds its quadratic model. The kinks need another rule, since the loss
    bends sharply where a kink meets a data point, and the best kinks are at data points: they take Adam's bounded steps.
    """

    def __init__(self, flat: torch.Tensor, schedule: Schedule) -> None:
        self.flat = flat
        self.betas = adam_betas(schedule)
        self.size = flat.new_ones(len(flat))
        self.first, self.second = torch.zeros_like(flat), torch.zeros_like(flat)
        self.count = flat.new_zeros(1)
        self.forget()

    def forget(self) -> None:
        self.before = self.flat.clone()
        self.age = self.flat.new_ones(len(self.flat))

    def state(self) -> dict[str, torch.Tensor]:
        names = ("before", "age", "size", "first", "second", "count")
        return {name: getattr(self, name) for name in names}

    def restore(self, state: dict[str, torch.Tensor]) -> None:
        for name, value in state.items():
            setattr(self, name, value)

    def step(self, landscape: Landscape, rates: np.ndarray) -> None:
        views = landscape.model.views
        older = (1 + (1 + 4 * self.age.square()).sqrt()) / 2
        ahead, gradient = self.flat.clone(), torch.zeros_like(self.flat)
        V, before = views(self.flat).V, views(self.before).V
        views(ahead).V.add_(((self.age - 1) / older)[:, None, None] * (V - before))
        loss = landscape.evaluate(ahead, gradient, penalised=False)
        trial = ahead.clone()
        at, slope = views(trial), views(gradient).V
        at.V.addcmul_(slope, self.size[:, None, None], value=-1)
        _soft_threshold(at, self.size * landscape.lam)
        move = at.V - views(ahead).V
        model = loss + (slope * move).sum((1, 2)) + move.square().sum((1, 2)) / (2 * self.size)
        rounding = _ROUNDING * torch.finfo(loss.dtype).eps * (1 + loss)
        accepted = landscape.evaluate(trial, penalised=False) <= model + rounding
        against = (move * (at.V - V)).sum((1, 2)) < 0
        onwards = accepted & ~against
        at.V.copy_(torch.where(accepted[:, None, None], at.V, V))
        self.before = torch.where(onwards[:, None], self.flat, trial)
        self.age = torch.where(onwards, older, 1.0)
        self.size = self.size * torch.where(accepted, _GROW, _SHRINK)
        self._move_kinks(at, views(self._adam(gradient)), rates)
        landscape.model.normalise(at)
        self.flat.copy_(trial)

    def _adam(self, gradient: torch.Tensor) -> torch.Tensor:
        """Return Adam's direction for all parameters."""
        self.count = self.count + 1
        beta1, beta2 = self.betas
        self.first.lerp_(gradient, 1 - beta1)
        self.second.mul_(beta2).addcmul_(gradient, gradient, value=1 - beta2)
        step = self.first / (1 - beta1**self.count)
        return step / ((self.second / (1 - beta2**self.count)).sqrt() + ADAM_EPS)

    @staticmethod
    def _move_kinks(at: RegressionParameters, direction: RegressionParameters, rates: np.ndarray) -> None:
        rate = torch.from_numpy(rates).to(at.beta)[:, None]
        at.W.addcmul_(direction.W, rate[:, :, None], value=-1)
        at.beta.addcmul_(direction.beta, rate, value=-1)


def _soft_threshold(at: RegressionParameters, by: torch.Tensor) -> None:
    """Shorten every v_k by `by`, (S,), or to 0."""
    norm = column_norms(at.V)
    at.V.mul_((1 - by[:, None] / norm.clamp_min(1e-100)).clamp_min(0.0)[:, None, :])
