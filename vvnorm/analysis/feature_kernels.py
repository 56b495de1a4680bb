"""The kernel of the features that a network has learned, and the solution of one task with that kernel.

Fix the neurons of a multi-task solution, ||w_k|| = 1. As a function of task s alone the VV norm is
sum_k sqrt(v_ks^2 + m_k^2), where m_k = ||v_{k,-s}|| is the norm of the other tasks' output weights. Where v_ks is small
against m_k, this is sum_k v_ks^2 / (2 m_k), up to a constant and to second order. So the problem of task s is ridge
regression on the features sqrt(m_k) relu(w_k.x + b_k), which is kernel regression with the kernel
k(x, x') = sum_k m_k relu(w_k.x + b_k) relu(w_k.x' + b_k). Source: Nakhleh, Shenouda and Nowak, "The Effects of Multi-Task
Learning on ReLU Neural Network Functions", arXiv 2410.21696, section 4.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from vvnorm._internal.words import count, lines
from vvnorm.analysis.measures import single_output
from vvnorm.network import ReLUNetwork, row_norms
from vvnorm.tolerances import EPS, GAP
from vvnorm.validation import Array, as_inputs, as_labels, as_non_negative, as_points, is_empty


@dataclass(frozen=True, eq=False)
class FeatureKernel:
    """The kernel k(x, x') = sum_k weights_k relu(w_k.x + b_k) relu(w_k.x' + b_k) with ||w_k|| = 1.

    Attributes
    ----------
    W : (K, d) array
        Input weights of length 1.
    b : (K,) array
        Biases.
    weights : (K,) array
        Positive.
    """

    W: Array
    b: Array
    weights: Array

    def __repr__(self) -> str:
        size = f"{count(len(self.weights), 'neuron')}, {count(self.W.shape[1], 'input')}"
        return lines(f"FeatureKernel: {size}, weights that add up to {float(np.sum(self.weights)):.6g}")

    def __call__(self, X: ArrayLike, Z: ArrayLike | None = None) -> Array:
        """Evaluate the kernel.

        Parameters
        ----------
        X, Z : array-like, shapes (n, d) and (m, d), or (n,) and (m,) when d = 1
            Inputs; Z = X if not given.

        Returns
        -------
        (n, m) array.
        """
        features = self.features(X)
        return features @ (features if Z is None else self.features(Z, "Z")).T

    def features(self, X: ArrayLike, name: str = "X") -> Array:
        """Return sqrt(weights_k) relu(w_k.x + b_k), shape (n, K): the kernel is their product."""
        inputs = as_points(X, self.W.shape[1], "the kernel", name)
        return np.maximum(inputs @ self.W.T + self.b, 0.0) * np.sqrt(self.weights)


def feature_kernel(f: ReLUNetwork, output: int = 0, *, weights: ArrayLike | None = None) -> FeatureKernel:
    """Return the kernel that the other outputs of a network have learned for one output.

    Parameters
    ----------
    f : ReLUNetwork
        K neurons, scaled in any way.
    output : int
        The output s, from 0, that the kernel is for.
    weights : array-like, shape (K,), optional
        Weights of the neurons, not negative; ||w_k|| ||v_{k,-s}|| if not given, which is ||v_{k,-s}|| for ||w_k|| = 1. In
        the limit of infinitely many other outputs they become a measure on the neurons, which may be given here.

    Returns
    -------
    FeatureKernel
        Over the neurons of positive weight. Neurons with w_k = 0 are left out: they are constants, which are free.

    Raises
    ------
    TypeError, ValueError
        If an argument has a wrong type or value, or no weights are given and there is no other output.

    Examples
    --------
    >>> import vvnorm
    >>> network = vvnorm.interpolate([0, 1, 2, 3], [[0, 0], [1, 2], [0, 1], [1, 3]]).network
    >>> vvnorm.feature_kernel(network, output=0)
    FeatureKernel: 2 neurons, 1 input, weights that add up to 6
    """
    single_output(f, output)  # or raise
    size = row_norms(f.W)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        W, b = f.W / size[:, None], f.b / size
    if weights is not None:
        eta = np.empty(0) if is_empty(weights) and not f.n_neurons else as_inputs(weights, "weights")[:, 0]
        if np.size(weights) != f.n_neurons:
            raise ValueError(f"weights has shape {np.shape(weights)}; the network has {count(f.n_neurons, 'neuron')}")
        if np.any(eta < 0):
            raise ValueError(f"weights must not be negative, got {eta.min()} for neuron {np.argmin(eta)}")
    elif f.n_outputs == 1:
        raise ValueError("f has one output: no other outputs weigh its neurons; give weights")
    else:
        eta = size * row_norms(np.delete(f.V, output, axis=0).T)
    kept = (size > 0) & np.isfinite(b) & (eta > 0)
    return FeatureKernel(W[kept], b[kept], eta[kept])


def kernel_solution(
    f: ReLUNetwork,
    X: ArrayLike,
    y: ArrayLike,
    *,
    output: int = 0,
    lam: float = 0.0,
    skip: bool = True,
    weights: ArrayLike | None = None,
) -> ReLUNetwork:
    """Solve one task by regression with the kernel of a network's features and a free affine part.

    The solution minimises sum_i (g(x_i) - y_i)^2 / 2 + (lam / 2) sum_k v_k^2 / weights_k over networks g of the neurons
    of f, ||w_k|| = 1, and for lam = 0 interpolates with the least sum_k v_k^2 / weights_k.

    Parameters
    ----------
    f : ReLUNetwork
        d inputs, K neurons.
    X : array-like, shape (N, d), or (N,) when d = 1
        Inputs.
    y : array-like, shape (N,) or (N, 1)
        Labels of the one task.
    output : int
        The output of f that is this task: the others weigh the neurons, see `feature_kernel`.
    lam : float
        Strength of the penalty, at least 0, in the scaling of `vvnorm.fit`.
    skip : bool
        Whether the free part is affine; else it is a constant.
    weights : array-like, shape (K,), optional
        Weights of the neurons instead of those of the other outputs.

    Returns
    -------
    ReLUNetwork
        One output, ||w_k|| = 1, the neurons of positive weight.

    Raises
    ------
    TypeError, ValueError
        If an argument has a wrong type or value, or lam = 0 and no network of these neurons interpolates: the residual
        of the closest exceeds 1e-6 of half the range of the labels. The message says by how much.

    Notes
    -----
    The free part is eliminated by projection and the weights come from the singular value decomposition of the projected
    features; the kernel matrix, whose condition number is the square of theirs, is never formed. O(N K min(N, K)).

    Examples
    --------
    >>> import vvnorm
    >>> x, labels = [0, 1, 2, 3], [[0, 0], [1, 2], [0, 1], [1, 3]]
    >>> joint = vvnorm.interpolate(x, labels).network
    >>> alone = vvnorm.kernel_solution(joint, x, [0, 1, 0, 1], output=0)
    >>> round(vvnorm.sup_distance(alone, vvnorm.interpolate(x, [0, 1, 0, 1]).network, 0, 3), 9)
    0.0
    """
    kernel = feature_kernel(f, output, weights=weights)
    inputs = as_points(X, f.n_inputs, "the network")
    labels = as_labels(y, len(inputs), "y")
    if labels.shape[1] != 1:
        raise ValueError(f"y must be one column, got shape {labels.shape}")
    strength = as_non_negative(lam, "lam")
    # In units of the largest weight the penalty is lam / largest; so weights of any size do no harm.
    largest = float(kernel.weights.max(initial=0.0)) or 1.0
    scaled = FeatureKernel(kernel.W, kernel.b, kernel.weights / largest)
    free = _AffinePart(inputs, skip)
    features, target = scaled.features(inputs), labels[:, 0]
    # Features that are affine on the data have a projection of this size, which is rounding.
    noise = max(features.shape) * EPS * float(np.linalg.norm(features))
    u = _ridge(free.without(features), free.without(target), strength / largest, noise)
    A, c = free.fit(target - features @ u)
    g = ReLUNetwork(kernel.W, kernel.b, (np.sqrt(scaled.weights) * u)[None], A[None], np.array([c]))
    residual = float(np.max(np.abs(g(inputs)[:, 0] - target)))
    rounding = len(inputs) * EPS * float(np.max(np.abs(target)))
    if strength == 0 and not residual <= GAP * np.ptp(target) / 2 + rounding:
        raise ValueError(
            f"no combination of the {count(len(u), 'neuron')} of positive weight interpolates y: the "
            "closest in the mean square "
            f"misses a label by {residual:.3g}; take lam > 0"
        )
    return g


def _ridge(features: Array, target: Array, lam: float, noise: float) -> Array:
    """Minimise ||features u - target||^2 + lam ||u||^2 (lam = 0: the shortest u), but for singular values up to `noise`."""
    left, s, right = np.linalg.svd(features, full_matrices=False)
    kept = s > noise
    left, s, right = left[:, kept], s[kept], right[kept]
    if lam > 0:
        return ((s / (s**2 + lam)) * (left.T @ target)) @ right
    u = (left.T @ target / s) @ right
    # One step of refinement, since small singular values cost digits.
    return u + (left.T @ (target - features @ u) / s) @ right


class _AffinePart:
    """The affine (or constant) functions on the inputs: projection onto their complement, and least-squares fits."""

    def __init__(self, X: Array, affine: bool) -> None:
        self.middle = X.mean(axis=0)
        centred = X - self.middle if affine else X[:, :0]
        self.size = np.max(np.abs(centred), axis=0)
        self.size[self.size == 0] = 1.0
        self.n_inputs = X.shape[1]
        columns = np.column_stack([np.ones(len(X)), centred / self.size])
        left, s, right = np.linalg.svd(columns, full_matrices=False)
        kept = s > max(columns.shape) * EPS * s[0]
        self.basis, self.solve = left[:, kept], right[kept].T / s[kept]

    def without(self, values: Array) -> Array:
        """Project columns onto the complement, twice since the first projection rounds."""
        for _ in range(2):
            values = values - self.basis @ (self.basis.T @ values)
        return values

    def fit(self, values: Array) -> tuple[Array, float]:
        """Return slope (d,) and constant of the least-squares fit; the slope is 0 where nothing determines it."""
        constant, *slope = self.solve @ (self.basis.T @ values)
        A = np.zeros(self.n_inputs)
        A[: len(slope)] = slope / self.size
        return A, float(constant - A @ self.middle)
