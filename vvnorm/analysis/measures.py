"""Measures of networks: gradient norms, distances between functions, distances from test points to training points.

Averages over a `Region` of any dimension are estimated by randomised quasi-Monte Carlo, with a confidence interval. In
regions of one or two dimensions `gradient_integrals` computes them exactly, cell by cell.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from vvnorm._internal.words import count, lines
from vvnorm.analysis.gradient_integrals import max_norm, mean_gradient, mean_norm
from vvnorm.analysis.regions import Ball, Box, Hull, Region, as_region
from vvnorm.float64 import as_float64
from vvnorm.network import ReLUNetwork, row_norms
from vvnorm.tolerances import EPS
from vvnorm.validation import Array, as_count, as_generator, as_labels, as_points, as_tolerance

__all__ = [
    "Ball",
    "Bounds",
    "Box",
    "Distance",
    "Estimate",
    "Hull",
    "Region",
    "function_distance",
    "max_gradient_norm",
    "mean_gradient_norm",
    "sup_distance",
    "test_train_distances",
]

_SCRAMBLINGS = 16  # independent: 15 degrees of freedom widen the interval by 9 % against infinitely many
_BLOCK = 1 << 22  # entries of a hidden layer held at once
_BITS = 30  # of a Sobol number


@dataclass(frozen=True)
class Estimate:
    """A mean with its confidence interval.

    Attributes
    ----------
    mean : float
    low, high : float
        Ends of the confidence interval; both equal the mean if it is exact.
    n : int
        Number of sampled points; 0 if the mean is exact.
    method : {"quasi-Monte Carlo", "exact"}
    """

    mean: float
    low: float
    high: float
    n: int
    method: str

    def __repr__(self) -> str:
        return lines(f"Estimate: {self.mean:.6g} in [{self.low:.6g}, {self.high:.6g}], n = {self.n}, {self.method}")


@dataclass(frozen=True)
class Bounds:
    """Lower and upper bound on a maximum.

    Attributes
    ----------
    low : float
        The largest value seen: the maximum is at least this.
    high : float
        An upper bound that holds for certain; equal to `low` if the maximum is exact.
    n : int
        Number of sampled points; 0 if the maximum is exact.
    method : {"sampling and a bound", "exact"}
    """

    low: float
    high: float
    n: int
    method: str

    def __repr__(self) -> str:
        return lines(f"Bounds: [{self.low:.6g}, {self.high:.6g}], n = {self.n}, {self.method}")


@dataclass(frozen=True)
class Distance:
    """How far two functions are apart over a region, in output units.

    Attributes
    ----------
    rms : Estimate
        Root mean square of the difference.
    sup : float
        The largest difference seen at the points: a lower bound of the supremum.
    """

    rms: Estimate
    sup: float


# --- gradients --------------------------------------------------------------------------------------------------------


def mean_gradient_norm(
    f: ReLUNetwork,
    region: Region | ArrayLike,
    output: int = 0,
    *,
    n: int = 4096,
    rng: np.random.Generator | int = 0,
    exact: bool = False,
    centred: bool = False,
    confidence: float = 0.95,
) -> Estimate:
    """Estimate the mean of ||grad f_output(x)||_2 for x uniform over a region.

    Parameters
    ----------
    f : ReLUNetwork
        d inputs.
    region : Box, Ball, Hull, or array-like of shape (N, d)
        An array stands for the convex hull of its rows. In a flat region x is uniform over the region itself; the
        gradient is always the full one, with respect to all d inputs.
    output : int
        Which output, from 0.
    n : int
        Least number of points; rounded up to 16 times a power of two.
    rng : numpy.random.Generator or int
        For the scramblings.
    exact : bool
        Compute the mean from the cells instead, for regions of one or two dimensions: O(K^2 log K), 0.1 s for 500 neurons.
        Kinks that agree to 1e-10 (relative to the region) count as one; otherwise the mean is exact up to rounding.
    centred : bool
        Take the mean gradient over the region off first. An affine function then has the mean 0, so that only the neurons
        count, and turning a neuron round, relu(z) = z + relu(-z), changes nothing.
    confidence : float
        Of the interval, in (0, 1).

    Returns
    -------
    Estimate
        In output units per input unit.

    Raises
    ------
    TypeError, ValueError
        If an argument has a wrong type or value, `exact` is asked for in more than two dimensions, or the hull has more
        than 7.

    Notes
    -----
    The points are 16 independent scramblings of a Sobol sequence. The interval is Student's for the mean of their 16 means.
    These are close to normal unless the gradient is large only where few points fall. The interval covers the sampling,
    not the rounding (about 1e-15 relative). With `centred` the same points give the mean gradient; its error, of second
    order in the result, is not covered.

    Examples
    --------
    >>> import vvnorm
    >>> network = vvnorm.ReLUNetwork(W=[[3.0, 4.0]], b=[0.0], V=[[1.0]])
    >>> vvnorm.mean_gradient_norm(network, vvnorm.Box([-1, -1], [1, 1]), exact=True)
    Estimate: 2.5 in [2.5, 2.5], n = 0, exact
    """
    single, area = single_output(f, output), as_region(region, _network(f).n_inputs)
    level = as_tolerance(confidence, "confidence")
    count, generator = as_count(n, "n", 1), as_generator(rng)
    if exact:
        if area.dimension > 2:
            raise ValueError(
                f"exact needs a region of at most two dimensions, this one has {area.dimension}; use exact=False"
            )
        if centred:
            single = ReLUNetwork(single.W, single.b, single.V, single.A - mean_gradient(single, area), single.c)
        mean = mean_norm(single, area)
        return Estimate(mean, mean, mean, 0, "exact")
    gradients = (single.gradient(points)[:, 0] for points in _scramblings(area, count, generator))
    if centred:
        held = np.array(list(gradients))
        gradients = iter(held - held.mean(axis=(0, 1)))
    sizes = [row_norms(gradient) for gradient in gradients]
    means, used = [size.mean() for size in sizes], sum(map(len, sizes))
    mean, half = _student(np.array(means), level)
    return Estimate(mean, max(0.0, mean - half), mean + half, used, "quasi-Monte Carlo")


def max_gradient_norm(
    f: ReLUNetwork,
    region: Region | ArrayLike,
    output: int = 0,
    *,
    n: int = 4096,
    rng: np.random.Generator | int = 0,
) -> Bounds:
    """Bound the largest ||grad f_output(x)||_2 over a region: the Lipschitz constant there, unless the region is flat.

    Parameters
    ----------
    f : ReLUNetwork
        d inputs.
    region : Box, Ball, Hull, or array-like of shape (N, d)
        An array stands for the convex hull of its rows.
    output : int
        Which output, from 0.
    n : int
        Least number of points to look at, rounded up to 16 times a power of two. Without effect in one or two dimensions.
    rng : numpy.random.Generator or int
        For the points. Without effect in one or two dimensions.

    Returns
    -------
    Bounds
        In output units per input unit. Regions of one or two dimensions: exact up to rounding. Beyond: the largest value
        seen, and an upper bound.

    Raises
    ------
    TypeError, ValueError
        If an argument has a wrong type or value, or a hull has more than 7 dimensions.

    Notes
    -----
    The exact maximum is over cells. Values on kinks do not count, kinks that agree to 1e-10 (relative to the region) count
    as one, and cells smaller than that are ignored, since rounding alone can make them.

    The upper bound is for every combination of neurons that switch inside the region. With the gradient jumps
    g_k = v_k w_k of these and the gradient g_0 of all else, every gradient is g_0 + sum_k s_k g_k with s_k in {0, 1}, so
    its norm is at most ||g_0 + sum_k g_k / 2|| + max over unit u of sum_k |u.g_k| / 2, and by Cauchy-Schwarz the
    last sum is at most sqrt(sum_k ||g_k||) times the largest singular value of the rows g_k / sqrt(||g_k||). That never
    exceeds sum_k ||g_k||.

    Examples
    --------
    >>> import vvnorm
    >>> network = vvnorm.ReLUNetwork(W=[[3.0, 4.0]], b=[0.0], V=[[1.0]])
    >>> vvnorm.max_gradient_norm(network, vvnorm.Ball([0, 0], 1.0)).high
    5.0
    """
    single, area = single_output(f, output), as_region(region, _network(f).n_inputs)
    count, generator = as_count(n, "n", 1), as_generator(rng)
    if area.dimension <= 2:
        largest = max_norm(single, area)
        return Bounds(largest, largest, 0, "exact")
    largest, used = 0.0, 0
    for points in _scramblings(area, count, generator):
        largest = max(largest, float(row_norms(single.gradient(points)[:, 0]).max()))
        used += len(points)
    return Bounds(largest, _gradient_bound(single, area), used, "sampling and a bound")


def _gradient_bound(f: ReLUNetwork, region: Region) -> float:
    """Bound the norm of the gradient of the one output over the region from above."""
    low, high = region.extent(f.W)
    farthest = np.max(np.abs(region.extent(np.eye(f.n_inputs))), axis=0)
    rounding = (f.n_inputs + 3) * EPS * (np.abs(f.W) @ farthest + np.abs(f.b))
    on = low + f.b - rounding > 0
    switches = ~on & (high + f.b + rounding > 0)
    jumps = f.V[0][:, None] * f.W
    sizes = row_norms(jumps)
    middle = f.A[0] + jumps[on].sum(axis=0) + jumps[switches].sum(axis=0) / 2
    switching = switches & (sizes > 0)
    spread = 0.0
    if switching.any():
        some = sizes[switching]
        spread = math.sqrt(some.sum()) * float(np.linalg.norm(jumps[switching] / np.sqrt(some)[:, None], 2))
    slack = (f.n_neurons + f.n_inputs) * EPS * (sizes.sum() + np.linalg.norm(f.A[0]))
    return float(np.linalg.norm(middle) + spread / 2 + slack)


# --- distances --------------------------------------------------------------------------------------------------------


def function_distance(
    f: ReLUNetwork,
    g: ReLUNetwork,
    region: Region | ArrayLike,
    output: int = 0,
    *,
    n: int = 4096,
    rng: np.random.Generator | int = 0,
    confidence: float = 0.95,
) -> Distance:
    """Estimate how far two networks are apart over a region, in one output.

    Parameters
    ----------
    f, g : ReLUNetwork
        The same number d of inputs.
    region : Box, Ball, Hull, or array-like of shape (N, d)
        An array stands for the convex hull of its rows.
    output : int
        Which output, from 0. A network of one output is compared by that output, so that output s of a multi-task solution
        can be compared with a solution for task s alone.
    n : int
        Least number of points; rounded up to 16 times a power of two.
    rng : numpy.random.Generator or int
        For the points.
    confidence : float
        Of the interval of the root mean square, in (0, 1).

    Returns
    -------
    Distance

    Raises
    ------
    TypeError, ValueError
        If an argument has a wrong type or value or the networks differ in their inputs.

    See Also
    --------
    sup_distance : exact, for one input.

    Examples
    --------
    >>> import vvnorm
    >>> f, g = (vvnorm.interpolate([0, 1, 2], labels).network for labels in ([0, 1, 0], [0, 2, 0]))
    >>> vvnorm.function_distance(f, g, region=[[0.0], [2.0]]).rms
    Estimate: 0.577354 in [0.577346, 0.577361], n = 4096, quasi-Monte Carlo
    """
    if _network(f).n_inputs != _network(g, "g").n_inputs:
        raise ValueError(f"f has {count(f.n_inputs, 'input')} and g has {g.n_inputs}")
    wanted = as_count(output, "output")
    pair = [single_output(h, 0 if h.n_outputs == 1 and max(f.n_outputs, g.n_outputs) > 1 else wanted) for h in (f, g)]
    area, level = as_region(region, f.n_inputs), as_tolerance(confidence, "confidence")
    scramblings = _scramblings(area, as_count(n, "n", 1), as_generator(rng))
    gaps = np.array([np.abs(pair[0](points) - pair[1](points))[:, 0] for points in scramblings])
    sup = float(gaps.max())
    # Relative to the largest, so that no square overflows or vanishes.
    mean, half = _student(((gaps / (sup or 1.0)) ** 2).mean(axis=1), level)
    rms, low, high = (sup * math.sqrt(max(0.0, square)) for square in (mean, mean - half, mean + half))
    return Distance(Estimate(rms, low, high, gaps.size, "quasi-Monte Carlo"), sup)


def test_train_distances(
    f: ReLUNetwork,
    X_train: ArrayLike,
    X_test: ArrayLike,
    *,
    truth: Callable[[Array], ArrayLike] | ArrayLike | None = None,  # noqa: PT028  # no test, despite its name
    output: int = 0,  # noqa: PT028
) -> dict[str, dict[str, float]]:
    """Measure how far test points are from their nearest training points, in outputs and in hidden activations.

    Parameters
    ----------
    f : ReLUNetwork
        d inputs.
    X_train, X_test : array-like, shapes (N, d) and (n, d), or (N,) and (n,) when d = 1
        Inputs. The nearest training point is that of least Euclidean distance, the first of several.
    truth : callable or array-like, optional
        The true values at X_test, shape (n,), (n, 1), or (n, T) like f's outputs; or a function of X_test as an (n, d)
        array that returns them.
    output : int
        Which output t, from 0.

    Returns
    -------
    dict
        {"mean": float, "max": float} over the test points, for each of these names:
        "output": |f_t(x_test) - f_t(x_train)|, in output units;
        "representation": ||h(x_test) - h(x_train)||_2 of the hidden activations;
        "error": |f_t(x_test) - truth|, in output units, only if the truth is given.

    Raises
    ------
    TypeError, ValueError
        If an argument has a wrong type or value or shapes disagree.

    Notes
    -----
    Nakhleh, Shenouda and Nowak ("The Effects of Multi-Task Learning on ReLU Neural Network Functions", arXiv 2410.21696)
    claim that such distances are smaller in smooth solutions, and do not say in which space. So all three are returned.

    The activations are those of `f.balanced()`, h_k(x) = sqrt(||v_k||) relu(w_k.x + b_k) with ||w_k|| = 1: the scaling
    that weight decay leads to. So the distance, whose square is sum_k ||v_k|| (relu(w_k.x + b_k) - relu(w_k.x' + b_k))^2,
    depends neither on how the size of a neuron is shared between its weights nor on whether it is split into copies of
    itself, as it would in other scalings. All outputs count in v_k. The skip connection is not part of the hidden layer,
    and turning a neuron round, relu(z) = relu(-z) + z, does change the representation.

    pytest takes any function called `test_*` in a test module for a test: import the module there, not this name.

    Examples
    --------
    >>> import vvnorm
    >>> network = vvnorm.interpolate([0, 1, 2], [0, 1, 0]).network
    >>> vvnorm.test_train_distances(network, [0, 1, 2], [0.25, 1.5])["output"]
    {'mean': 0.375, 'max': 0.5}
    """
    single = single_output(f, output)
    train, test = (as_points(X, f.n_inputs, "the network", name) for X, name in ((X_train, "X_train"), (X_test, "X_test")))
    near = train[_nearest(train, test)]
    values = single(test)[:, 0]
    distances = {
        "output": np.abs(values - single(near)[:, 0]),
        "representation": _representation_distances(f.balanced(), test, near),
    }
    if truth is not None:
        distances["error"] = np.abs(values - _true_values(truth, test, f.n_outputs, output))
    return {name: {"mean": float(d.mean()), "max": float(d.max())} for name, d in distances.items()}


def _nearest(train: Array, test: Array) -> "np.ndarray[tuple[int], np.dtype[np.intp]]":
    """Index of the training point nearest to each test point; the first of several that are equally near up to rounding."""
    from scipy.spatial import cKDTree

    scale = max(float(np.max(np.abs(train))), float(np.max(np.abs(test)))) or 1.0
    tree, points = cKDTree(train / scale), test / scale
    distance, _ = tree.query(points)
    # Distances that are equal in exact arithmetic are computed with the rounding of the coordinates' differences.
    ties = tree.query_ball_point(points, distance * (1 + 4 * EPS) + EPS)
    return np.array([min(indices) for indices in ties], dtype=np.intp)


def _representation_distances(f: ReLUNetwork, X: Array, Z: Array) -> Array:
    distances = np.empty(len(X))
    step = max(1, _BLOCK // max(1, f.n_neurons))
    for rows in (slice(i, i + step) for i in range(0, len(X), step)):
        hidden = (np.maximum(points[rows] @ f.W.T + f.b, 0.0) for points in (X, Z))
        distances[rows] = row_norms(next(hidden) - next(hidden))
    return distances


def _true_values(truth: Callable[[Array], ArrayLike] | ArrayLike, X: Array, outputs: int, output: int) -> Array:
    values = as_labels(truth(X) if callable(truth) else truth, len(X), "truth")
    if values.shape[1] not in (1, outputs):
        raise ValueError(f"truth has {count(values.shape[1], 'column')}; it must have one, or {outputs} like the network")
    return values[:, 0 if values.shape[1] == 1 else output]


def sup_distance(f: ReLUNetwork, g: ReLUNetwork, low: float, high: float) -> float:
    """Return sup of ||f(x) - g(x)||_2 over [low, high] for networks of one input.

    Parameters
    ----------
    f, g : ReLUNetwork
        One input, equal numbers of outputs.
    low, high : float
        Ends of the interval, low <= high.

    Returns
    -------
    float
        In output units. Exact up to the rounding of the evaluations: f - g is linear between kinks, so its norm is
        convex there and the supremum is reached at an end or at a kink.

    Raises
    ------
    ValueError
        If the networks do not fit each other or the interval is empty.

    Examples
    --------
    >>> import vvnorm
    >>> f, g = (vvnorm.interpolate([0, 1, 2], labels).network for labels in ([0, 1, 0], [0, 2, 0]))
    >>> vvnorm.sup_distance(f, g, 0.0, 2.0)
    1.0
    """
    if f.n_inputs != 1 or g.n_inputs != 1 or f.n_outputs != g.n_outputs:
        raise ValueError(
            f"f and g must have one input and equal outputs, got {f.n_inputs} to {f.n_outputs} "
            f"and {g.n_inputs} to {g.n_outputs}"
        )
    low, high = float(as_float64(low, "low")), float(as_float64(high, "high"))
    if not (math.isfinite(low) and math.isfinite(high) and low <= high):
        raise ValueError(f"low and high must be finite with low <= high, got {low!r} and {high!r}")
    kinks = np.concatenate([f.kinks[0], g.kinks[0]])
    points = np.concatenate([[low, high], kinks[(kinks > low) & (kinks < high)]])
    return float(np.max(row_norms(f(points) - g(points))))


# --- sampling ---------------------------------------------------------------------------------------------------------


def _scramblings(region: Region, n: int, rng: np.random.Generator) -> Iterator[Array]:
    """Yield uniform points of the region, n or more in all, in independent scramblings of one Sobol sequence."""
    from scipy.stats import qmc

    exponent = max(0, math.ceil(math.log2(n / _SCRAMBLINGS)))
    for _ in range(_SCRAMBLINGS):
        if region.dimension == 0:
            yield np.repeat(region.centre[None], 2**exponent, axis=0)
            continue
        sobol = qmc.Sobol(region.n_uniforms, scramble=True, bits=_BITS, seed=rng)
        yield region.points(sobol.random_base2(exponent) + 0.5 ** (_BITS + 1))  # to the middle of the cell: never 0


def _student(means: Array, confidence: float) -> tuple[float, float]:
    """Return the mean of independent means, and half the width of its confidence interval."""
    from scipy.special import stdtrit

    quantile = float(stdtrit(len(means) - 1, (1 + confidence) / 2))
    return float(means.mean()), quantile * float(means.std(ddof=1)) / math.sqrt(len(means))


# --- arguments --------------------------------------------------------------------------------------------------------


def _network(f: ReLUNetwork, name: str = "f") -> ReLUNetwork:
    if not isinstance(f, ReLUNetwork):
        raise TypeError(f"{name} must be a ReLUNetwork, got {type(f).__name__}")
    return f


def single_output(f: ReLUNetwork, output: int) -> ReLUNetwork:
    """Return a network of the one output; raise TypeError or ValueError if there is no such network or output."""
    t = as_count(output, "output")
    if t >= _network(f).n_outputs:
        raise ValueError(f"output must be less than {f.n_outputs}, the number of outputs, got {t}")
    return f.of_outputs(slice(t, t + 1))
