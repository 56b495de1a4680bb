"""Shared by the claims about auxiliary outputs in the plane: data sets, pairs of certified networks, measures, ratios.

An instance is an experiment with several data sets: points `X` (sample, n, 2) and labels `Y` (sample, n, 1 + m). The first
output is the one of interest. `outputs` holds two numbers T: the networks for the first T columns of Y are compared. Claims
about test points have `X_test` (sample, n', 2) and, if there is a true function, its values `truth` (sample, n'). `planned`
is the number of data sets of an experiment whose size differs from the size that the claim states.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from proofs_checks.support import ABOUT_AVERAGES, all_optimal, mean_interval, solve_all, unpack_all
from proofs_checks.trust import AUXILIARY, MEASURES, NEURON_BOUND, SPACE, STATISTICS, files
from vvnorm.analysis import measures
from vvnorm.claims import Claim, Instance, Result, Rung, conclude, interval_complaints
from vvnorm.network import ReLUNetwork
from vvnorm.validation import Array

POINTS, TEST_POINTS = 25, 256

Measure = Callable[[ReLUNetwork, Instance, int], float]
"""Measures the first output of a network on the data set with the given index."""

_SOLVED = 1e-7  # relative gap that the solver is asked for
_MIDDLE = 0.5  # half the side of the middle square; smaller for one neuron, so that points lie on both sides of its kink
_ON_LINE = 1e-12  # relative to the largest distance from a line: points closer than this lie on it
_RANDOM = 0.75  # labels are random if neighbours differ by at least this share of what independent labels would

# --- instances --------------------------------------------------------------------------------------------------------


def points(rng: np.random.Generator, sample: int, n: int = POINTS) -> Array:
    """Points (sample, n, 2), uniform in the square [-1, 1]^2."""
    return rng.uniform(-1, 1, (sample, n, 2))


def sparse_networks(rng: np.random.Generator, *inputs: Array, neurons: int = 4) -> list[Array]:
    """Evaluate random ReLU networks of few neurons, whose kinks cross the middle of the square, at inputs (sample, n, 2).

    Values have shape (sample, n), and mean 0 and standard deviation 1 over the first inputs.
    """
    sample = len(inputs[0])
    angles, signs = rng.uniform(0, 2 * np.pi, (sample, neurons, 1)), rng.choice([-1.0, 1.0], (sample, neurons, 1))
    W, on_kinks = np.concatenate([np.cos(angles), np.sin(angles)], axis=2), rng.uniform(-1, 1, (sample, neurons, 2))
    on_kinks *= _MIDDLE if neurons > 1 else _MIDDLE / 5
    values = [
        np.sum(signs * np.maximum(W @ X.swapaxes(1, 2) - np.sum(W * on_kinks, axis=2, keepdims=True), 0.0), axis=1)
        for X in inputs
    ]
    centre, spread = values[0].mean(axis=1, keepdims=True), values[0].std(axis=1, keepdims=True)
    return [(value - centre) / spread for value in values]


def with_gaussian(rng: np.random.Generator, y: Array, m: int, sigma: float) -> Array:
    """Labels (sample, n, 1 + m): y (sample, n) and m Gaussian outputs of standard deviation sigma."""
    return np.concatenate([y[..., None], sigma * rng.standard_normal((*y.shape, m))], axis=2)


def is_random(X: Array, Y: Array) -> bool:
    """Whether labels Y (sample, n, T) of nearest points differ as much as those of any two, on average over data sets."""
    distances = np.linalg.norm(X[:, :, None] - X[:, None], axis=3) + np.where(np.eye(X.shape[1]) > 0, np.inf, 0.0)
    nearest = np.take_along_axis(Y, distances.argmin(axis=2)[..., None], axis=1)
    return bool(np.mean((Y - nearest) ** 2) >= _RANDOM * 2 * np.mean(np.var(Y, axis=1)))


def first_labels_are_noise(instance: Instance) -> bool:
    """Whether the labels of the first output are random."""
    return is_random(instance["X"], instance["Y"][:, :, :1])


def smaller(
    draw: Callable[..., Instance], sample: int, **options: float
) -> Callable[[np.random.Generator], Instance]:  # fmt: skip
    """Return a draw of fewer data sets, for quick runs; options of `draw` make the effect larger or its spread smaller.

    Numbers of data sets were set after a pilot of 60 other data sets of the same kind: of 2000 samples of this size, drawn
    from the pilot with replacement, the interval is on the expected side of the claimed bound in 99 % or more.
    """
    return lambda rng: {**draw(rng, sample, **options), "planned": np.array(sample)}


# --- experiments ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Comparison:
    """An experiment: the geometric mean over data sets of a measure's ratio, second number of outputs to first.

    Attributes
    ----------
    claimed : (float, float)
        Interval that the claim states for this mean.
    sample : int
        Number of data sets of an experiment; with fewer the interval is infinite. `smaller` states another number.
    measure, measure_again : Measure
        Two implementations of the measure that share no code.
    rounding : float
        Relative difference between the two ratios that counts as rounding.
    """

    claimed: tuple[float, float]
    sample: int
    measure: Measure
    measure_again: Measure
    rounding: float

    def check(self, instance: Instance) -> Result:
        """Solve for every data set and both numbers of outputs, and measure."""
        certificate: dict[str, Any] = {}
        certified = True
        for T in instance["outputs"].tolist():
            arrays, minimal, provenance = solve_all(f"outputs{T}", instance["X"], instance["Y"][:, :, :T], _SOLVED)
            certificate |= arrays
            certified &= minimal
        logs = self._log_ratios(instance, certificate, self.measure) if certified else None
        numbers: dict[str, Any] = (
            {} if logs is None else {"ratio": math.exp(np.mean(logs)), "deviation": float(np.std(logs, ddof=1))}
        )
        numbers |= provenance
        return conclude(self.claimed, *self._interval(instance, logs), certificate, statistical=True, **numbers)

    def recheck(self, instance: Instance, result: Result) -> list[str]:
        """Certify every network again, and measure in another way."""
        for T in instance["outputs"].tolist():
            unpack_all(f"outputs{T}", result.certificate)  # raises if one is damaged, before time is spent on others
        for T in instance["outputs"].tolist():
            if not all_optimal(f"outputs{T}", result.certificate, instance["X"], instance["Y"][:, :, :T]):
                return ["a network is not certified"]
        lower, upper = self._interval(instance, self._log_ratios(instance, result.certificate, self.measure_again))
        complaints = interval_complaints(result, lower, upper, self.rounding * upper if math.isfinite(upper) else 0.0)
        return complaints + self._measure_complaints(instance, result.certificate)

    def _measure_complaints(self, instance: Instance, arrays: Mapping[str, Any]) -> list[str]:
        """Compare both implementations of the measure on the first data set; a wrong factor would cancel in ratios."""
        network = unpack_all(f"outputs{instance['outputs'][0]}", arrays)[0]
        measured, again = (measure(network, instance, 0) for measure in (self.measure, self.measure_again))
        return (
            []
            if abs(measured - again) <= self.rounding * again
            else [f"the measure is {measured!r}; computed again, {again!r}"]
        )

    def _log_ratios(self, instance: Instance, arrays: Mapping[str, Any], measure: Measure) -> Array:
        """Logarithms of the ratios by data sets."""
        networks_of = [unpack_all(f"outputs{T}", arrays) for T in instance["outputs"].tolist()]
        before, after = (np.log([measure(f, instance, i) for i, f in enumerate(networks)]) for networks in networks_of)
        change: Array = after - before
        return change

    def _interval(self, instance: Instance, logs: Array | None) -> tuple[float, float]:
        """Interval of the geometric mean; (0, inf) if a network is not certified."""
        if logs is None:
            return 0.0, np.inf
        lower, upper = mean_interval(logs, int(instance.get("planned", self.sample)))
        return math.exp(lower), math.exp(upper)


def claim_about_averages(name: str, comparison: Comparison, **stated: Any) -> Claim:
    """Return the claim that an experiment tests; `stated` are the fields of `Claim` that such claims do not share."""
    return Claim(
        id=name,
        kind="statistical",
        claimed=comparison.claimed,
        check=comparison.check,
        recheck=comparison.recheck,
        draws=3,
        quick_draws=1,
        not_exact=ABOUT_AVERAGES,
        trusted={Rung.STATISTICAL: files(name, AUXILIARY, SPACE, NEURON_BOUND, MEASURES, STATISTICS)},
        **stated,
    )


# --- measures, twice --------------------------------------------------------------------------------------------------


def mean_gradient(f: ReLUNetwork, instance: Instance, index: int) -> float:
    """Mean of ||grad f_1|| over the points' hull, computed cell by cell."""
    return measures.mean_gradient_norm(f, instance["X"][index], exact=True).mean


def mean_gradient_along_lines(f: ReLUNetwork, instance: Instance, index: int) -> float:
    """Compute the same mean along horizontal lines through the hull. Between kinks the gradient is constant on a line.

    The hull is cut into horizontal strips. Inside a strip no two kinks cross, no kink leaves the hull and no edge ends. So
    the lengths of the pieces are linear in the height, and the line in the middle of the strip gives the integral exactly.
    """
    edges = _edges(instance["X"][index])
    breaks = _breaks(f, edges)
    height, thickness = (breaks[1:] + breaks[:-1]) / 2, np.diff(breaks)
    left, right = _chords(edges, height)
    jumps = f.V[0][:, None] * f.W
    with np.errstate(divide="ignore", invalid="ignore"):
        at = np.nan_to_num(-(np.outer(height, f.W[:, 1]) + f.b) / f.W[:, 0], nan=np.inf)
    at = np.clip(at, left[:, None], right[:, None])  # kinks on each line
    order = np.argsort(at, axis=1)
    ends = np.column_stack([left, np.take_along_axis(at, order, axis=1), right])
    # A neuron is active at the left end of a line if it is active on the whole line, or up to its kink.
    middle = (left + right)[:, None] / 2 * f.W[:, 0] + np.outer(height, f.W[:, 1]) + f.b
    crossed = (at > left[:, None]) & (at < right[:, None])
    on = np.where(crossed, f.W[:, 0] < 0, middle > 0)
    changes = np.take_along_axis(np.where(crossed, np.sign(f.W[:, 0]), 0.0), order, axis=1)[..., None] * jumps[order]
    gradients = np.concatenate([np.zeros((len(height), 1, 2)), np.cumsum(changes, axis=1)], axis=1)
    gradients += (f.A[0] + on @ jumps)[:, None]
    along = np.sum(np.hypot(gradients[..., 0], gradients[..., 1]) * np.diff(ends, axis=1), axis=1)
    return float(thickness @ along / (thickness @ (right - left)))


def _edges(X: Array) -> tuple[Array, Array]:
    """Lower and upper ends of the hull's edges that are not horizontal: segments with all points on one side."""
    i, j = np.nonzero(X[:, None, 1] < X[None, :, 1])
    step, away = X[j] - X[i], X[None] - X[i][:, None]
    side = step[:, :1] * away[..., 1] - step[:, 1:] * away[..., 0]
    rounding = _ON_LINE * np.abs(side).max()
    outermost = (side <= rounding).all(axis=1) | (side >= -rounding).all(axis=1)
    return X[i[outermost]], X[j[outermost]]


def _breaks(f: ReLUNetwork, edges: tuple[Array, Array]) -> Array:
    """Sorted heights in the hull at which two kinks cross, a kink crosses the line of an edge, or an edge ends."""
    low, high = edges
    across = np.column_stack([high[:, 1] - low[:, 1], low[:, 0] - high[:, 0]])
    W, b = np.concatenate([f.W, across]), np.concatenate([f.b, -np.sum(across * low, axis=1)])
    k, m = np.triu_indices(len(W), 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        crossings = (W[m, 0] * b[k] - W[k, 0] * b[m]) / (W[k, 0] * W[m, 1] - W[m, 0] * W[k, 1])
        level = -f.b / np.where(f.W[:, 0] == 0, f.W[:, 1], 0.0)
    heights = np.concatenate([crossings, level, low[:, 1], high[:, 1]])
    breaks: Array = np.unique(heights[(heights >= low[:, 1].min()) & (heights <= high[:, 1].max())])
    return breaks


def _chords(edges: tuple[Array, Array], height: Array) -> tuple[Array, Array]:
    """Ends of each horizontal line's part inside the hull: its outermost crossings with edges."""
    low, high = edges
    share = (height[:, None] - low[:, 1]) / (high[:, 1] - low[:, 1])
    crossing = low[:, 0] + share * (high[:, 0] - low[:, 0])
    inside = (share >= 0) & (share <= 1)
    return np.where(inside, crossing, np.inf).min(axis=1), np.where(inside, crossing, -np.inf).max(axis=1)


def output_distance(f: ReLUNetwork, instance: Instance, index: int) -> float:
    """Mean of |f_1(x_test) - f_1(x_train nearest)|."""
    return _distances(f, instance, index)["output"]["mean"]


def output_distance_again(f: ReLUNetwork, instance: Instance, index: int) -> float:
    """Compute the same from its definition."""
    test, near = instance["X_test"][index], _nearest(instance, index)
    return float(np.mean(np.abs(_values(f, test) - _values(f, near))))


def representation_distance(f: ReLUNetwork, instance: Instance, index: int) -> float:
    """Mean of ||h(x_test) - h(x_train nearest)||, relative to the root mean square distance of two training points."""
    g, X = f.balanced(), instance["X"][index]
    hidden = np.maximum(X @ g.W.T + g.b, 0.0)
    spread = math.sqrt(2 * np.sum(np.var(hidden, axis=0, ddof=1)))
    return _distances(f, instance, index)["representation"]["mean"] / spread


def representation_distance_again(f: ReLUNetwork, instance: Instance, index: int) -> float:
    """Compute the same from its definition, over all pairs of training points."""
    X, test, near = instance["X"][index], instance["X_test"][index], _nearest(instance, index)
    size = np.linalg.norm(f.W, axis=1)
    weight = size * np.linalg.norm(f.V, axis=0)

    def hidden(at: Array) -> Any:
        return np.sqrt(weight) * np.maximum((at @ f.W.T + f.b) / size, 0.0)

    h = hidden(X)
    pairs = [np.sum((h[i] - h[j]) ** 2) for i in range(len(h)) for j in range(i)]
    return float(np.mean(np.sqrt(np.sum((hidden(test) - hidden(near)) ** 2, axis=1))) / math.sqrt(np.mean(pairs)))


def error_at_test_points(f: ReLUNetwork, instance: Instance, index: int) -> float:
    """Mean of |f_1(x_test) - truth|."""
    return _distances(f, instance, index, truth=instance["truth"][index])["error"]["mean"]


def error_at_test_points_again(f: ReLUNetwork, instance: Instance, index: int) -> float:
    """Compute the same from its definition."""
    return float(np.mean(np.abs(_values(f, instance["X_test"][index]) - instance["truth"][index])))


def _distances(f: ReLUNetwork, instance: Instance, index: int, **options: Any) -> Mapping[str, Mapping[str, float]]:
    return measures.test_train_distances(f, instance["X"][index], instance["X_test"][index], **options)


def _nearest(instance: Instance, index: int) -> Array:
    X, test = instance["X"][index], instance["X_test"][index]
    near: Array = X[np.argmin(np.sum((test[:, None] - X) ** 2, axis=2), axis=1)]
    return near


def _values(f: ReLUNetwork, X: Array) -> Array:
    """f_1 at X, term by term."""
    terms: Sequence[Array] = [v * np.maximum(X @ w + b, 0.0) for w, b, v in zip(f.W, f.b, f.V[0], strict=True)]
    return np.sum(terms, axis=0) + X @ f.A[0] + f.c[0]
