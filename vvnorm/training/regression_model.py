"""Squared loss and penalty of many networks at once, as functions of one flat tensor, with their gradients.

The gradients are written out, which takes a third of the time of automatic differentiation.
"""

from collections.abc import Callable

import numpy as np
import torch

from vvnorm.training.placement import Placement
from vvnorm.training.regression_problem import InitialNeurons, RegressionProblem
from vvnorm.training.torch_formulas import Penalty, column_norms, path_norm, path_norm_factors
from vvnorm.validation import Array

Metric = Callable[[torch.Tensor], torch.Tensor]
"""Maps residuals (S, n, T) to the loss's gradient by values, M (F - y); the loss is <F - y, M (F - y)> / 2."""

_TINY = 1e-12  # added to norms that are divided by, so that the penalty's gradient at 0 is 0
_LANES = 16  # numbers in the widest vector register of a processor
_BLOCK = 1 << 24  # entries of the hidden layer in memory at once when all points are evaluated


class RegressionParameters:
    """The parameters of S networks as views of one flat tensor (S, P).

    They are `W` (S, K, d), `beta` (S, K) and `V` (S, T, K), as in `InitialNeurons`, and, with mini-batches, `A` (S, T, d)
    and `c` (S, T). If every step sees all the data, the affine part is eliminated instead. The end of the tensor is
    padding.
    """

    def __init__(self, flat: torch.Tensor, shape: tuple[int, int, int], *, affine: bool) -> None:
        (S, P), (K, d, T) = flat.shape, shape
        sizes = [K * d, K, T * K] + [T * d, T] * affine
        parts = flat.split([*sizes, P - sum(sizes)], dim=1)
        self.W, self.beta, self.V = parts[0].view(S, K, d), parts[1], parts[2].view(S, T, K)
        self.A: torch.Tensor | None = parts[3].view(S, T, d) if affine else None
        self.c: torch.Tensor | None = parts[4] if affine else None


class RegressionModel:
    """Loss and penalty of S networks.

    Parameters
    ----------
    problem : RegressionProblem
        Data in training coordinates.
    starts : list of InitialNeurons
        The initial networks; their `p` and `h` are part of the parametrisation.
    units : (S,) array
        The outputs of network s are in units of `units[s]` times `problem.y_unit`.
    affine : bool
        Whether A and c are parameters. Otherwise they are eliminated, and metrics must project them out.
    placement : Placement
        Precision and device.
    apart : bool
        Whether products of matrices are computed network by network: see `products`.
    """

    def __init__(
        self,
        problem: RegressionProblem,
        starts: list[InitialNeurons],
        units: Array,
        *,
        affine: bool,
        placement: Placement,
        apart: bool = False,
    ) -> None:
        S = len(starts)
        self.apart = apart
        self.shape = (*starts[0].w.shape, len(starts[0].V))
        self.affine = affine
        self.points = placement.tensor(problem.z)
        self.z = self.points.expand(S, -1, -1).contiguous() if not affine else self.points
        self.y = placement.tensor(problem.y / units[:, None, None])
        self.h, self.p = (placement.tensor(np.stack([getattr(s, name) for s in starts])) for name in ("h", "p"))
        self.penalise_bias = problem.penalise_bias
        # A neuron's bias in the caller's coordinates, times x_unit, is own_h beta - own_p.w.
        self.own_h = self.h * problem.x_unit
        self.own_p = self.p * problem.x_unit + placement.tensor(problem.centre)
        parts = [np.stack([getattr(s, name) for s in starts]).reshape(S, -1) for name in ("w", "beta", "V")]
        if affine:
            parts.append(np.zeros((S, self.shape[2] * (self.shape[1] + 1))))
        # Fused Adam rounds the end of a tensor differently if it does not fill a vector register; so the end is padding.
        parts.append(np.zeros((S, -sum(part.shape[1] for part in parts) % _LANES)))
        self.start = placement.tensor(np.hstack(parts))

    def views(self, flat: torch.Tensor) -> RegressionParameters:
        """Return the parameters inside a flat tensor (S, P)."""
        return RegressionParameters(flat, self.shape, affine=self.affine)

    # --- neurons ---

    def bias(self, at: RegressionParameters) -> torch.Tensor:
        """Return the biases b, (S, K)."""
        return at.beta * self.h - (at.W * self.p).sum(2)

    def sizes(self, at: RegressionParameters) -> torch.Tensor:
        """Return the sizes of the neurons' input weights, (S, K), which the path norm multiplies by ||v_k||."""
        if not self.penalise_bias:
            return column_norms(at.W.mT)
        return (at.W.square().sum(2) + self._own_bias(at).square()).sqrt()

    def _own_bias(self, at: RegressionParameters) -> torch.Tensor:
        return at.beta * self.own_h - (at.W * self.own_p).sum(2)

    def balance(self, at: RegressionParameters) -> None:
        """Rescale every neuron so that its size equals ||v_k||; the function does not change."""
        self._rescale(at, lambda size, v: (v / size).sqrt())

    def normalise(self, at: RegressionParameters) -> None:
        """Rescale every neuron to size 1; the function does not change."""
        self._rescale(at, lambda size, v: 1 / size)

    def _rescale(self, at: RegressionParameters, by: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]) -> None:
        size, v = self.sizes(at), column_norms(at.V)
        factor = torch.where((size > 0) & (v > 0), by(size, v), 1.0)
        at.W.mul_(factor[:, :, None])
        at.beta.mul_(factor)
        at.V.div_(factor[:, None, :])

    # --- values, loss, penalty ---

    def hidden(self, at: RegressionParameters, z: torch.Tensor) -> torch.Tensor:
        """Return the values of the neurons at z, (S, n, d); shape (S, n, K)."""
        bias = self.bias(at)[:, None, :]
        if z.shape[2] == 1:
            return torch.addcmul(bias, z, at.W.mT).relu_()
        if self.apart:
            return products(z, at.W.mT, apart=True).add_(bias).relu_()
        return torch.baddbmm(bias, z, at.W.mT).relu_()

    def values(self, at: RegressionParameters) -> torch.Tensor:
        """Return the values of the neurons' sum at all points, without the affine part, (S, N, T)."""
        S, K = at.beta.shape
        step = max(1, _BLOCK // (S * K))
        blocks = [self.points[i : i + step].expand(S, -1, -1) for i in range(0, len(self.points), step)]
        return torch.cat([products(self.hidden(at, block), at.V.mT, apart=self.apart) for block in blocks], dim=1)

    def unit_neurons(self, at: RegressionParameters) -> torch.Tensor:
        """Return the values of the neurons at all points, each scaled to size 1, (S, N, K)."""
        return self.hidden(at, self.points.expand(len(at.beta), -1, -1)) / self.sizes(at).clamp_min(_TINY)[:, None, :]

    def penalty(self, at: RegressionParameters, penalty: Penalty) -> torch.Tensor:
        """Return the penalty, shape (S,)."""
        if penalty == "weight_decay":
            return (self.sizes(at).square().sum(1) + at.V.square().sum((1, 2))) / 2
        return path_norm(self.sizes(at), column_norms(at.V))

    def evaluate(
        self,
        flat: torch.Tensor,
        metric: Metric,
        lam: torch.Tensor,
        penalty: Penalty | None,
        rows: torch.Tensor | None = None,
        gradient: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Return loss + lam penalty, (S,), and write its gradient into `gradient` if that is given.

        Parameters
        ----------
        flat : (S, P) tensor
            The parameters.
        metric : Metric
            Metric of the loss, on the points of `rows`.
        lam : (S,) tensor
            Weight of the penalty, in the units of each network.
        penalty : {"path_norm", "weight_decay"} or None
            None for the loss alone.
        rows : (S, n) tensor, optional
            Indices of each network's points; all points by default.
        gradient : (S, P) tensor, optional
            The gradient is written to it.
        """
        at = self.views(flat)
        z, y = (self.z, self.y) if rows is None else (self.points[rows], self._labels(rows))
        hidden = self.hidden(at, z)
        residual = products(hidden, at.V.mT, apart=self.apart).sub_(y)
        if at.A is not None and at.c is not None:
            residual.add_(products(z, at.A.mT, apart=self.apart)).add_(at.c[:, None, :])
        by_values = metric(residual)
        value = (residual * by_values).sum((1, 2)) / 2
        if gradient is not None:
            out = self.views(gradient)
            self._loss_gradient(at, z, hidden, by_values, out)
            if penalty is not None:
                self._add_penalty_gradient(at, lam, penalty, out)
        if penalty is not None:
            value += lam * self.penalty(at, penalty)
        return value

    def _labels(self, rows: torch.Tensor) -> torch.Tensor:
        return self.y.gather(1, rows[:, :, None].expand(-1, -1, self.y.shape[2]))

    def _loss_gradient(
        self,
        at: RegressionParameters,
        z: torch.Tensor,
        hidden: torch.Tensor,
        by_values: torch.Tensor,
        out: RegressionParameters,
    ) -> None:
        out.V.copy_(products(by_values.mT, hidden, apart=self.apart))
        by_input = products(by_values, at.V, apart=self.apart)
        # relu's derivative in one pass over memory; `masked_fill_` takes eighteen times as long.
        torch.ops.aten.threshold_backward.grad_input(by_input, hidden, 0.0, grad_input=by_input)
        by_bias = by_input.sum(1)
        torch.mul(by_bias, self.h, out=out.beta)
        out.W.copy_(products(by_input.mT, z, apart=self.apart)).addcmul_(by_bias[:, :, None], self.p, value=-1)
        if out.A is not None and out.c is not None:
            out.A.copy_(products(by_values.mT, z, apart=self.apart))
            out.c.copy_(by_values.sum(1))

    def _add_penalty_gradient(
        self, at: RegressionParameters, lam: torch.Tensor, penalty: Penalty, out: RegressionParameters
    ) -> None:
        """Add lam times the gradient of the penalty."""
        by_w = by_v = lam[:, None]
        if penalty == "path_norm":
            by_W, by_V = path_norm_factors(self.sizes(at).add_(_TINY), column_norms(at.V).add_(_TINY))
            by_w, by_v = by_w * by_W, by_v * by_V
        out.V.addcmul_(at.V, by_v[:, None, :])
        out.W.addcmul_(at.W, by_w[:, :, None])
        if self.penalise_bias:
            by_own_bias = self._own_bias(at) * by_w
            out.W.addcmul_(by_own_bias[:, :, None], self.own_p, value=-1)
            out.beta.addcmul_(by_own_bias, self.own_h)


def products(a: torch.Tensor, b: torch.Tensor, *, apart: bool) -> torch.Tensor:
    """Multiply S matrices (S, n, m) with S matrices (S, m, k).

    torch computes a batch of one by other routines than larger batches, with other rounding. If the products are computed
    `apart`, one by one, those of a network do not depend on the other networks. For small matrices this is slower.
    """
    if not apart:
        return torch.bmm(a, b)
    if len(a) == 1:
        return torch.mm(a[0], b[0])[None]
    return torch.stack([torch.mm(left, right) for left, right in zip(a, b, strict=True)])


# --- metrics ----------------------------------------------------------------------------------------------------------


def plain_metric(problem: RegressionProblem, scale: Array, placement: Placement) -> Metric:
    """Return scale[s] times the sum of squares over all points, with the affine part projected out."""
    S = len(scale)
    root = placement.tensor(np.sqrt(problem.counts) * np.sqrt(scale)[:, None, None])
    bases = placement.tensor(problem.affine)
    basis = bases[0].expand(S, -1, -1).contiguous()

    def metric(residual: torch.Tensor) -> torch.Tensor:
        rows = residual * root
        return rows.sub_(torch.bmm(basis, torch.bmm(basis.mT, rows))).mul_(root)

    def metric_of_each_output(residual: torch.Tensor) -> torch.Tensor:
        rows = residual * root
        affine = torch.einsum("tnr,srt->snt", bases, torch.einsum("tnr,snt->srt", bases, rows))
        return rows.sub_(affine).mul_(root)

    return metric if problem.complete else metric_of_each_output


def dense_metric(matrices: Array, placement: Placement) -> Metric:
    """Return the metric of symmetric (N, N) matrices: one per network, (S, 1, N, N), or one per output, (S, T, N, N)."""
    tensor = placement.tensor(matrices)
    if tensor.shape[1] > 1:
        return lambda residual: torch.matmul(tensor, residual.mT[..., None])[..., 0].mT
    single = tensor[:, 0]
    return lambda residual: torch.bmm(single, residual)


def sampled_metric(weights: torch.Tensor) -> Metric:
    """Return the metric of labels with weights (S, n, 1) or (S, n, T); an affine part is not projected out."""
    return lambda residual: residual * weights
