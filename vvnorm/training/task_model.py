"""Networks of several tasks during training: their outputs, the gradient of every task's loss, and the penalty.

S networks are trained side by side; every array has a leading axis for them. Inputs are centred and divided by their
root-mean-square radius. Output t is unit_t (V_t relu(W z + b) + A_t z + c_t) + centre_t. For numeric labels, unit and
centre are their standard deviation and mean; for classes they are 1 and 0. This is another parametrisation of the same
networks: the penalty is that of the network in the caller's units.

Gradients are computed by explicit formulas. The losses depend on the shared parameters only through the values H = relu(Z)
of the hidden layer. The gradient of L_t with respect to H is D_t V_t, where D_t holds the derivatives of the loss on the
batch. So a weighting needs only one thin matrix product per task.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from vvnorm.multitask.tasks import Task
from vvnorm.network import ReLUNetwork
from vvnorm.training.placement import Placement
from vvnorm.training.regression_problem import Initialisation, make_problem
from vvnorm.training.torch_formulas import Penalty, path_norm, path_norm_factors, separate_losses, softmax_loss
from vvnorm.validation import Array

_TINY = 1e-30  # added to norms that are divided by


@dataclass(frozen=True, eq=False)
class Coordinates:
    """The change of coordinates of one data set; all values are in the caller's units.

    Attributes
    ----------
    x_centre : (d,) array
        Mean input.
    x_unit : float
        Root-mean-square distance of the inputs from x_centre.
    y_centre, y_unit : (T,) arrays
        Centre and unit of each output.
    """

    x_centre: Array
    x_unit: float
    y_centre: Array
    y_unit: Array

    @classmethod
    def of(cls, X: Array, Y: Array, tasks: Sequence[Task]) -> "Coordinates":
        """Return the coordinates for inputs (N, d) and labels (N, T); NaN = missing."""
        centre = X.mean(axis=0)
        radius = float(np.sqrt(np.mean(np.sum((X - centre) ** 2, axis=1)))) or 1.0
        y_centre, y_unit = np.zeros(Y.shape[1]), np.ones(Y.shape[1])
        for task in tasks:
            columns = [] if task.is_multiclass else _of_numbers(task)
            if columns:
                y_centre[columns] = np.nanmean(Y[:, columns], axis=0)
                deviation = np.nanstd(Y[:, columns], axis=0)
                y_unit[columns] = np.where(deviation > 0, deviation, 1.0)
        return cls(centre, radius, y_centre, y_unit)


@dataclass(eq=False)
class TaskParameters:
    """The parameters of S networks.

    Attributes
    ----------
    W, b : (S, K, d) and (S, K) tensors
        Shared by all tasks.
    V, A, c : (S, T, K), (S, T, d) and (S, T) tensors
        Row t belongs to output t alone.
    """

    W: torch.Tensor
    b: torch.Tensor
    V: torch.Tensor
    A: torch.Tensor
    c: torch.Tensor

    @property
    def tensors(self) -> list[torch.Tensor]:
        """All parameters, the shared ones first."""
        return [self.W, self.b, self.V, self.A, self.c]


def initial_neurons(
    X: Array, outputs: int, at: Coordinates, width: int, initialisation: Initialisation, seed: int
) -> tuple[Array, Array, Array]:
    """Draw the initial neurons of one network in training coordinates: W (K, d), b (K,) and V (T, K)."""
    z = (X - at.x_centre) / at.x_unit
    problem = make_problem(z, np.zeros((len(z), outputs)), skip=True)
    first = problem.start(width, initialisation, np.random.default_rng(seed))
    w = first.w / problem.x_unit
    return w, -np.sum(first.w * first.p, axis=1) + first.h * first.beta - w @ problem.centre, first.V


class TaskModel:
    """Outputs, losses, gradients and penalties of S networks.

    Parameters
    ----------
    tasks : sequence of Task
    coordinates : list of Coordinates
        The coordinates of each network's data.
    penalty : {"path_norm", "weight_decay"}
        The penalty that lam multiplies.
    skip : bool
        Whether A is free; otherwise it stays 0.
    placement : Placement
        Precision and device.
    """

    def __init__(
        self,
        tasks: Sequence[Task],
        coordinates: list[Coordinates],
        penalty: Penalty,
        skip: bool,
        placement: Placement,
    ) -> None:
        self.tasks, self.coordinates, self.penalty, self.skip = tuple(tasks), coordinates, penalty, skip
        self.placement = placement
        self.columns = [_columns(task.outputs, placement.device) for task in tasks]
        self.unit, self.centre = (self._rows([getattr(at, name) for at in coordinates]) for name in ("y_unit", "y_centre"))
        self.x_unit = self._rows([np.array([at.x_unit]) for at in coordinates])
        owner = np.empty(sum(len(task.outputs) for task in tasks), dtype=np.int64)
        for t, task in enumerate(tasks):
            owner[list(task.outputs)] = t
        self.owner = torch.from_numpy(owner).to(placement.device)
        self.members = torch.nn.functional.one_hot(self.owner, len(self.tasks)).to(self.unit)

    def _rows(self, rows: Sequence[Array]) -> torch.Tensor:
        return self.placement.tensor(np.stack(rows))

    # --- forward ---

    def hidden(self, at: TaskParameters, z: torch.Tensor) -> torch.Tensor:
        """Return the values of the hidden layer, (S, n, K), at z, (S, n, d)."""
        return torch.baddbmm(at.b[:, None, :], z, at.W.mT).relu()

    def outputs(self, at: TaskParameters, z: torch.Tensor, hidden: torch.Tensor) -> torch.Tensor:
        """Return the outputs in the caller's units, (S, n, T)."""
        values = torch.baddbmm(at.c[:, None, :], hidden, at.V.mT)
        if self.skip:
            values = values + torch.bmm(z, at.A.mT)
        return values * self.unit[:, None, :] + self.centre[:, None, :]

    def losses(
        self, values: torch.Tensor, labels: torch.Tensor, weights: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the losses of the tasks, (S, tasks), and their slopes in the units of the outputs, (S, n, T).

        Parameters
        ----------
        values, labels, weights : (S, n, T) tensors
            Weights are 0 where a label is missing; the label itself is then any finite number.
        """
        losses, slopes = [], torch.empty_like(values)
        for task, columns in zip(self.tasks, self.columns, strict=True):
            u, y, w = values[..., columns], labels[..., columns], weights[..., columns]
            if task.is_multiclass:
                w = w[..., :1]  # the weight of a sample is the weight of its first class
                value, slope = softmax_loss(u, y)
            else:
                value, slope = separate_losses(task.losses, u, y)
            losses.append((w * value).sum((1, 2)))
            slopes[..., columns] = w * slope
        return torch.stack(losses, dim=1), slopes * self.unit[:, None, :]

    # --- gradients ---

    def representation(self, at: TaskParameters, slopes: torch.Tensor) -> torch.Tensor:
        """Return the gradients of all losses in the values of the hidden layer, (S, tasks, n, K)."""
        each = [torch.bmm(slopes[..., columns], at.V[:, columns, :]) for columns in self.columns]
        return torch.stack(each, dim=1)

    def products(self, at: TaskParameters, slopes: torch.Tensor) -> torch.Tensor:
        """Return the inner products of the tasks' gradients in the values of the hidden layer, (S, tasks, tasks).

        The gradients are not formed: <D_s V_s, D_t V_t> is the sum of the entries of (D_s' D_t) * (V_s V_t').
        """
        of_outputs = torch.bmm(slopes.mT, slopes) * torch.bmm(at.V, at.V.mT)
        return self.members.mT @ of_outputs @ self.members

    def shared(self, z: torch.Tensor, hidden: torch.Tensor, back: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return m gradients in W and b, (S, m, K, d) and (S, m, K), from those in the hidden layer, (S, m, n, K)."""
        masked = back * hidden.sign()[:, None]
        # This order of the factors, and a mask of numbers in place of booleans, save two fifths of the time.
        return torch.matmul(z.mT[:, None], masked).mT.contiguous(), masked.sum(2)

    def own(self, z: torch.Tensor, hidden: torch.Tensor, slopes: torch.Tensor) -> list[torch.Tensor]:
        """Return the gradients in V, A and c; the slopes (S, n, T) may be weighted."""
        by_A = torch.bmm(slopes.mT, z) if self.skip else self.placement.zeros(*slopes.mT.shape[:2], z.shape[2])
        return [torch.bmm(slopes.mT, hidden), by_A, slopes.sum(1)]

    def per_output(self, weights: torch.Tensor) -> torch.Tensor:
        """Return weights of tasks, (S, tasks), as weights of outputs, (S, 1, T)."""
        return weights[:, self.owner][:, None, :]

    # --- penalty ---

    def vv_norm(self, at: TaskParameters) -> torch.Tensor:
        """Return the VV norms in the caller's units, (S,)."""
        return path_norm(*self._sizes(at))

    def penalty_gradient(self, at: TaskParameters) -> list[torch.Tensor]:
        """Return the gradients of the penalty, in the caller's units, in W and V.

        Weight decay applies to W / x_unit and V unit after rescaling every neuron by the root of x_unit, which does not
        change the least value.
        """
        if self.penalty == "path_norm":
            w, v = self._sizes(at)
            by_W, by_V = path_norm_factors(w + _TINY, v + _TINY)
            by_W = by_W / self.x_unit**2
        else:
            by_W = by_V = 1 / self.x_unit
        return [at.W * by_W[..., None], at.V * (self.unit[..., None] ** 2 * by_V[:, None, :])]

    def _sizes(self, at: TaskParameters) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the norms of w and v of every neuron in the caller's units, (S, K) each."""
        return at.W.square().sum(2).sqrt() / self.x_unit, (at.V * self.unit[..., None]).square().sum(1).sqrt()

    # --- out ---

    def network(self, at: TaskParameters, run: int) -> ReLUNetwork:
        """Return the network of one run, balanced, in the caller's units."""
        W, b, V, A, c = (tensor[run].detach().double().cpu().numpy() for tensor in at.tensors)
        place = self.coordinates[run]
        W, A = W / place.x_unit, A / place.x_unit * place.y_unit[:, None]
        V, c = V * place.y_unit[:, None], c * place.y_unit + place.y_centre
        used = (np.linalg.norm(W, axis=1) > 0) & (np.linalg.norm(V, axis=0) > 0)
        # A neuron without input weights is a constant; a neuron without output weights is 0.
        c = c + V @ np.where(used, 0.0, np.maximum(b, 0.0))
        W, b, V = W[used], b[used] - W[used] @ place.x_centre, V[:, used]
        return ReLUNetwork(W, b, V, A, c - A @ place.x_centre).balanced()


def _of_numbers(task: Task) -> list[int]:
    """Return the outputs of a task whose labels are numbers with a unit."""
    return [k for k, loss in zip(task.outputs, task.losses, strict=True) if loss.name in ("squared", "huber")]


def _columns(outputs: tuple[int, ...], device: torch.device) -> slice | torch.Tensor:
    """Return the index of a task's outputs: a slice, which makes no copy, if the outputs are consecutive."""
    first, last = outputs[0], outputs[-1]
    if outputs == tuple(range(first, last + 1)):
        return slice(first, last + 1)
    return torch.tensor(outputs, device=device)
