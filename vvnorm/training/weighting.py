"""Weightings: rules that choose the weights a_t of the tasks' losses while one network learns all tasks.

At every step the shared parameters (input weights and biases) follow the gradient of sum_t a_t L_t. A weighting chooses the
a_t, for each network by itself. The weights sum to the number of tasks T, so that lam has the same meaning under every
weighting. The exceptions are `Fixed` and `Uncertainty`, whose scale is part of the method. A task's own parameters (its
rows of V, A and c) follow the gradient of a_t L_t as well. Where the a_t are computed from gradients, these parameters
follow the gradient of the unweighted L_t, as in Sener and Koltun (arXiv 1810.04650).

Sources:

- `Uncertainty`: A. Kendall, Y. Gal, R. Cipolla, "Multi-task learning using uncertainty to weigh losses for scene geometry
  and semantics", CVPR 2018, arXiv 1705.07115.
- `GradNorm`: Z. Chen, V. Badrinarayanan, C.-Y. Lee, A. Rabinovich, "GradNorm: gradient normalization for adaptive loss
  balancing in deep multitask networks", ICML 2018, arXiv 1711.02257.
- `MGDA`: J.-A. Desideri, "Multiple-gradient descent algorithm (MGDA) for multiobjective optimization", Comptes Rendus
  Mathematique 350, 2012.
- `MGDAUB`, and the normalisations of gradients: O. Sener, V. Koltun, "Multi-task learning as multi-objective optimization",
  NeurIPS 2018, arXiv 1810.04650.
- `UPGrad`: P. Quinton, V. Rey, "Jacobian descent for multi-objective optimization", 2024, arXiv 2406.16232.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import ClassVar, Literal, cast, get_args

import numpy as np

from vvnorm.float64 import without_mask
from vvnorm.multitask.least_norm import minimum_norm_weights
from vvnorm.tolerances import EPS
from vvnorm.validation import Array, as_count, as_non_negative, as_positive

Gradients = Literal["none", "representation", "parameters"]

Normalisation = Literal["none", "l2", "loss", "loss+"]

WeightingRule = Callable[[int, Array, Array | None], Array]
"""Takes the step, losses (S, T), and inner products of the tasks' gradients (S, T, T) or None; returns weights (S, T)."""


class Weighting:
    """Base class of weightings. They are immutable; the rule that `start` returns holds the state of a training run.

    Attributes
    ----------
    gradients : {"none", "representation", "parameters"}
        The gradients whose inner products the rule needs: none, the gradients in the values of the hidden layer on the
        batch, or the gradients in the shared parameters.
    own_losses : bool
        Whether a task's own parameters follow the gradient of its unweighted loss.
    """

    gradients: ClassVar[Gradients] = "none"
    own_losses: ClassVar[bool] = False

    @property
    def name(self) -> str:
        """The name that `as_weighting` reads."""
        return next(name for name, kind in NAMES.items() if kind is type(self))

    @classmethod
    def read(cls, option: str | None) -> "Weighting":
        """Make the weighting from the option after the colon in its name, or with its defaults.

        Raises
        ------
        ValueError
            If the weighting has no options.
        """
        if option is not None:
            raise ValueError(f"weighting {cls().name!r} has no option {option!r}; mgda and mgda_ub have")
        return cls()

    def check(self, tasks: int) -> None:
        """Raise ValueError if the weighting is impossible for this number of tasks."""

    def start(self, runs: int, tasks: int) -> WeightingRule:
        """Return a rule for `runs` networks that are trained side by side."""
        raise NotImplementedError


@dataclass(frozen=True)
class Equal(Weighting):
    """All weights are 1: the plain sum of losses."""

    def start(self, runs: int, tasks: int) -> WeightingRule:
        """Return the constant rule."""
        return _constant(np.ones((runs, tasks)))


@dataclass(frozen=True)
class Fixed(Weighting):
    """Constant weights.

    Attributes
    ----------
    weights : tuple of float
        One for each task; none negative, and not all 0.
    """

    weights: tuple[float, ...]

    def __post_init__(self) -> None:
        weights = tuple(float(weight) for weight in self.weights)
        if not all(0 <= weight < math.inf for weight in weights):
            raise ValueError(f"weights of tasks must be non-negative and finite, got {weights}")
        if not any(weights):
            raise ValueError(f"weights of tasks must not all be 0, got {weights}")
        object.__setattr__(self, "weights", weights)

    def check(self, tasks: int) -> None:
        """Raise ValueError unless there is a weight for each task."""
        if len(self.weights) != tasks:
            raise ValueError(f"weights of tasks: got {len(self.weights)} for {tasks} tasks: {self.weights}")

    def start(self, runs: int, tasks: int) -> WeightingRule:
        """Return the constant rule."""
        return _constant(np.tile(self.weights, (runs, 1)))


@dataclass(frozen=True)
class Grid(Weighting):
    """Constant weights that cross-validation chooses from a grid of shares.

    For two tasks the shares are a and 1 - a. The chosen share has the least validation score: the mean over the tasks of
    L_t divided by the loss of the best constant. The network is then trained on all data.

    Attributes
    ----------
    points : int
        For two tasks the candidates are 1 / (points + 1), ..., points / (points + 1). For T tasks every share is a positive
        multiple of 1 / (points + 1).
    folds : int
        Number of folds of the cross-validation.
    """

    points: int = 9
    folds: int = 3

    def __post_init__(self) -> None:
        as_count(self.points, "points of the grid", 1)
        as_count(self.folds, "folds of the grid", 2)

    def check(self, tasks: int) -> None:
        """Raise ValueError if the grid has no share for this number of tasks, or more than 1000."""
        count = math.comb(self.points, tasks - 1)
        if not 1 <= count <= 1000:
            raise ValueError(
                f"points of the grid: {self.points} make {count} shares of {tasks} tasks; 1 to 1000 can be tried"
            )

    def shares(self, tasks: int) -> Array:
        """Return all shares, (M, T); every row sums to 1."""
        cuts = np.array(list(combinations(range(1, self.points + 1), tasks - 1)), dtype=np.float64).reshape(-1, tasks - 1)
        ends = np.column_stack([np.zeros(len(cuts)), cuts, np.full(len(cuts), self.points + 1)])
        shares: Array = np.diff(ends, axis=1) / (self.points + 1)
        return shares


@dataclass(frozen=True)
class Learned(Weighting):
    """Shares, a softmax of logits, that are learned by minimising sum_t a_t L_t: they collapse to the task of least loss.

    Attributes
    ----------
    rate : float
        Learning rate of Adam on the logits.
    """

    rate: float = 0.02

    def __post_init__(self) -> None:
        as_positive(self.rate, "rate of a weighting")

    def start(self, runs: int, tasks: int) -> WeightingRule:
        """Return a rule that descends in the logits after each step."""
        logits, descend = np.zeros((runs, tasks)), _adam(self.rate)

        def rule(step: int, losses: Array, gram: Array | None) -> Array:
            nonlocal logits
            shares = np.exp(logits - logits.max(axis=1, keepdims=True))
            shares /= shares.sum(axis=1, keepdims=True)
            logits = descend(logits, shares * (losses - np.sum(shares * losses, axis=1, keepdims=True)))
            weights: Array = tasks * shares
            return weights

        return rule


@dataclass(frozen=True)
class Uncertainty(Weighting):
    """Homoscedastic uncertainty: sum_t L_t / (2 s_t^2) + log s_t is minimised over the s_t, too.

    At the optimum s_t^2 = L_t. The objective is then sum_t log L_t / 2 up to a constant, which does not depend on the units
    of the losses.

    Attributes
    ----------
    rate : float
        Learning rate of Adam on log s_t^2, which starts at 0.
    """

    rate: float = 0.02

    def __post_init__(self) -> None:
        as_positive(self.rate, "rate of a weighting")

    def start(self, runs: int, tasks: int) -> WeightingRule:
        """Return a rule that descends in the log variances after each step."""
        log_variances, descend = np.zeros((runs, tasks)), _adam(self.rate)

        def rule(step: int, losses: Array, gram: Array | None) -> Array:
            nonlocal log_variances
            weights: Array = np.exp(-log_variances) / 2
            log_variances = descend(log_variances, 0.5 - losses * weights)
            return weights

        return rule


@dataclass(frozen=True)
class Alternating(Weighting):
    """One task per step, in turn; each task has its own optimiser state."""

    def start(self, runs: int, tasks: int) -> WeightingRule:
        """Return the rule that gives all the weight to one task."""
        turns = tasks * np.eye(tasks)
        return lambda step, losses, gram: np.tile(turns[step % tasks], (runs, 1))


@dataclass(frozen=True)
class GradNorm(Weighting):
    """Weights that keep the norms of the tasks' shared gradients in proportion to (their relative loss)^alpha.

    Attributes
    ----------
    alpha : float
        How strongly tasks that learn more slowly are favoured; 0 makes the norms equal.
    rate : float
        Learning rate of Adam on the weights.
    """

    alpha: float = 1.5
    rate: float = 0.02
    gradients: ClassVar[Gradients] = "parameters"

    def __post_init__(self) -> None:
        as_positive(self.rate, "rate of a weighting")
        as_non_negative(self.alpha, "alpha of gradnorm")

    def start(self, runs: int, tasks: int) -> WeightingRule:
        """Return a rule that descends in sum_t |a_t ||grad L_t|| - target_t| after each step, and normalises."""
        weights, descend, first = np.ones((runs, tasks)), _adam(self.rate), None

        def rule(step: int, losses: Array, gram: Array | None) -> Array:
            nonlocal weights, first
            assert gram is not None
            now = weights
            first = np.maximum(losses, EPS) if first is None else first
            norms = np.sqrt(np.maximum(np.diagonal(gram, axis1=1, axis2=2), 0.0))
            behind = losses / first
            behind /= np.maximum(behind.mean(axis=1, keepdims=True), EPS)
            target = np.mean(now * norms, axis=1, keepdims=True) * behind**self.alpha
            moved = np.maximum(descend(now, norms * np.sign(now * norms - target)), EPS)
            weights = tasks * moved / moved.sum(axis=1, keepdims=True)
            return now

        return rule


@dataclass(frozen=True)
class _LeastNorm(Weighting):
    """Weights of the point of least norm in the convex hull of the tasks' gradients g_t, each divided by a size c_t.

    Unless the point is 0, a small step against it lowers every loss, since c_t > 0. The weights are a_t = alpha_t / c_t for
    the convex coefficients alpha_t of the point, scaled to sum to T.

    Attributes
    ----------
    normalisation : {"none", "l2", "loss", "loss+"}
        c_t = 1, ||g_t||, L_t, or L_t ||g_t||. With "none" the shortest gradient has most of the weight, so that the units
        of the losses matter. With "l2" or "loss" the direction does not depend on these units. Where all alpha_t are
        positive, every loss falls by the same part of ||g_t|| with "l2", and by the same part of L_t with "loss".
    """

    normalisation: Normalisation = "none"
    own_losses: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.normalisation not in get_args(Normalisation):
            names = ", ".join(get_args(Normalisation))
            raise ValueError(f"normalisation of gradients must be one of {names}, got {self.normalisation!r}")

    @property
    def name(self) -> str:
        """The name that `as_weighting` reads: "mgda", "mgda:l2"."""
        return super().name + ("" if self.normalisation == "none" else f":{self.normalisation}")

    @classmethod
    def read(cls, option: str | None) -> "Weighting":
        """Read the normalisation."""
        return cls("none" if option is None else cast(Normalisation, option))

    def start(self, runs: int, tasks: int) -> WeightingRule:
        """Return the rule that finds the point of least norm exactly (`vvnorm.multitask.least_norm`)."""
        if self.normalisation == "none":
            return _least_norm

        def rule(step: int, losses: Array, gram: Array | None) -> Array:
            assert gram is not None
            sizes = self._sizes(losses, np.sqrt(np.maximum(np.diagonal(gram, axis1=1, axis2=2), 0.0)))
            shares = minimum_norm_weights(gram / (sizes[:, :, None] * sizes[:, None, :])) / sizes
            weights: Array = tasks * shares / shares.sum(axis=1, keepdims=True)
            return weights

        return rule

    def _sizes(self, losses: Array, norms: Array) -> Array:
        """Return the c_t relative to the largest, at least the machine precision."""
        sizes = {"l2": norms, "loss": losses, "loss+": losses * norms}[self.normalisation]
        largest = sizes.max(axis=1, keepdims=True)
        relative: Array = np.maximum(sizes / np.where(largest > 0, largest, 1.0), EPS)
        return relative


@dataclass(frozen=True)
class MGDA(_LeastNorm):
    """Weights of the point of least norm in the convex hull of the tasks' shared gradients."""

    gradients: ClassVar[Gradients] = "parameters"


@dataclass(frozen=True)
class MGDAUB(_LeastNorm):
    """MGDA with the gradients in the values of the hidden layer in place of the shared gradients.

    These gradients cost less, and their least norm bounds the least norm of the shared gradients up to a factor (claim
    `mgda_bound`).
    """

    gradients: ClassVar[Gradients] = "representation"


@dataclass(frozen=True)
class UPGrad(Weighting):
    """The mean of the tasks' gradients, each projected onto the cone of directions that raise no loss; by torchjd."""

    gradients: ClassVar[Gradients] = "parameters"
    own_losses: ClassVar[bool] = True

    def check(self, tasks: int) -> None:
        """Raise ModuleNotFoundError with an advice what to install if torchjd is missing."""
        from vvnorm.training.torchjd_adapter import upgrad_weights

        upgrad_weights(np.eye(tasks)[None])

    def start(self, runs: int, tasks: int) -> WeightingRule:
        """Return torchjd's rule."""
        from vvnorm.training.torchjd_adapter import upgrad_weights

        def rule(step: int, losses: Array, gram: Array | None) -> Array:
            assert gram is not None
            return upgrad_weights(gram) * tasks

        return rule


NAMES: dict[str, type[Weighting]] = {
    "equal": Equal,
    "fixed": Fixed,
    "grid": Grid,
    "learned": Learned,
    "uncertainty": Uncertainty,
    "alternating": Alternating,
    "gradnorm": GradNorm,
    "mgda": MGDA,
    "mgda_ub": MGDAUB,
    "upgrad": UPGrad,
}
"""All weightings by name."""


def as_weighting(weighting: "str | Weighting | Sequence[float]", tasks: int) -> Weighting:
    """Read a weighting: a `Weighting`, a name, or fixed weights, one for each of the tasks.

    Raises
    ------
    TypeError, ValueError
        If it is anything else; the message shows it.
    ModuleNotFoundError
        If it needs a package that is not installed.
    """
    if isinstance(weighting, str):
        name, colon, option = weighting.partition(":")
        kind = NAMES.get(name.replace("-", "_"))
        if kind is None or kind is Fixed:
            known = ", ".join(name for name in NAMES if name != "fixed")
            raise ValueError(f"weighting {weighting!r} is unknown; there are {known}, or one number per task")
        chosen: Weighting = kind.read(option if colon else None)
    elif isinstance(weighting, Weighting):
        chosen = weighting
    elif isinstance(weighting, Sequence | np.ndarray):
        chosen = Fixed(tuple(without_mask(weighting, "weighting")))
    else:
        raise TypeError(f"weighting must be a name, a Weighting, or one number per task; got {weighting!r}")
    chosen.check(tasks)
    return chosen


def _constant(weights: Array) -> WeightingRule:
    return lambda step, losses, gram: weights


def _least_norm(step: int, losses: Array, gram: Array | None) -> Array:
    assert gram is not None
    return minimum_norm_weights(gram) * losses.shape[1]


def _adam(rate: float) -> Callable[[Array, Array], Array]:
    """Return a function that takes a step of Adam, as torch does, and remembers the moments."""
    mean: Array | float = 0.0
    square: Array | float = 0.0
    count = 0

    def descend(at: Array, gradient: Array) -> Array:
        nonlocal mean, square, count
        count += 1
        mean = 0.9 * mean + 0.1 * gradient
        square = 0.999 * square + 0.001 * gradient**2
        moved: Array = at - rate * (mean / (1 - 0.9**count)) / (np.sqrt(square / (1 - 0.999**count)) + 1e-8)
        return moved

    return descend
