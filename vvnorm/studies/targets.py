"""Targets: the first output of a study, with the distribution of its inputs, its labels and, if known, its true values.

Draws depend only on the target's name, the numbers of inputs and points, and the seed.
Labels have mean 0 and standard deviation 1 over the training points, so that the standard deviation of auxiliary labels is
relative; true values are in the same units.

*Synthetic targets* have inputs uniform in the cube [-1, 1]^d. In contrast to a Gaussian distribution, the points' hull
fills most of the domain, so that averages over hull and domain nearly agree.

*Real data* are represented by the d leading principal components of their standardised features, in units of the first
component. A random choice of d features would not do: features differ in relevance, so that data sets would differ more by
their features than by their rows; and some features take only two values, so that rows would repeat. Of samples that agree
in all components the first is kept. Training and test rows are drawn without replacement.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np

from vvnorm.analysis.regions import Box
from vvnorm.validation import Array, as_count

TEST_POINTS = 512
"""Number of test points of a synthetic target; the most for real data."""

_WAVES, _FREQUENCY = 4, 3.0  # the argument of a cosine varies over the cube with standard deviation sqrt(3)
_TEACHER_NEURONS = 4


@dataclass(frozen=True, eq=False)
class Sample:
    """One data set.

    Attributes
    ----------
    X : (N, d) array
        Training inputs, all different.
    y : (N, 1) array
        Labels of the first output, mean 0 and standard deviation 1.
    X_test : (n, d) array
        Inputs of the same distribution.
    truth : (n,) array or None
        The true first output at X_test: the target's value, or the label of real data. None for noise.
    domain : Box or None
        The region in which inputs are uniform; None for real data.
    """

    X: Array
    y: Array
    X_test: Array
    truth: Array | None
    domain: Box | None


@dataclass(frozen=True)
class Target:
    """A kind of first output.

    Attributes
    ----------
    name : str
    description : str
    inputs, points : int or None
        Largest number of inputs and number of different samples of real data; None for synthetic targets.
    """

    name: str
    description: str
    inputs: int | None = None
    points: int | None = None
    draw_raw: Callable[[np.random.Generator, int, int], tuple[Any, ...]] = field(repr=False, kw_only=True)

    def draw(self, inputs: int, points: int, seed: int) -> Sample:
        """Draw a data set; the same arguments give the same data set.

        Raises
        ------
        TypeError, ValueError
            If a number is out of range, or all labels drawn are equal.
        """
        d, n = as_count(inputs, "inputs", 1), as_count(points, "points", 3)
        if self.inputs is not None and d > self.inputs:
            raise ValueError(f"inputs must be at most {self.inputs} for target {self.name!r}, got {d}")
        if self.points is not None and n >= self.points:
            raise ValueError(f"points must be less than {self.points}, the samples of target {self.name!r}, got {n}")
        X, y, X_test, truth, domain = self.draw_raw(self.generator(d, n, seed, "data"), d, n)
        centre, spread = float(np.mean(y)), float(np.std(y))
        if spread == 0:
            raise ValueError(f"seed {seed} draws equal labels for target {self.name!r}; draw more points than {n}")
        true = None if truth is None else (truth - centre) / spread
        return Sample(X, ((y - centre) / spread)[:, None], X_test, true, domain)

    def generator(self, inputs: int, points: int, seed: int, purpose: str) -> np.random.Generator:
        """Return the generator of one data set for one purpose."""
        letters = [ord(letter) for letter in f"{self.name} {purpose}"]
        return np.random.default_rng([as_count(seed, "seed"), inputs, points, *letters])


# --- synthetic --------------------------------------------------------------------------------------------------------


def _noise(rng: np.random.Generator, d: int, n: int) -> tuple[Any, ...]:
    X, X_test, domain = _inputs(rng, d, n)
    return X, rng.standard_normal(n), X_test, None, domain


def _smooth(rng: np.random.Generator, d: int, n: int) -> tuple[Any, ...]:
    X, X_test, domain = _inputs(rng, d, n)
    frequencies = rng.standard_normal((_WAVES, d)) * (_FREQUENCY / np.sqrt(d))
    phases = rng.uniform(0, 2 * np.pi, _WAVES)
    values = [np.cos(points @ frequencies.T + phases).sum(axis=1) for points in (X, X_test)]
    return X, values[0], X_test, values[1], domain


def _teacher(rng: np.random.Generator, d: int, n: int) -> tuple[Any, ...]:
    X, X_test, domain = _inputs(rng, d, n)
    W = rng.standard_normal((_TEACHER_NEURONS, d))
    W /= np.linalg.norm(W, axis=1, keepdims=True)
    on_kinks, signs = rng.uniform(-0.5, 0.5, W.shape), rng.choice([-1.0, 1.0], len(W))
    values = [np.maximum(points @ W.T - np.sum(W * on_kinks, axis=1), 0.0) @ signs for points in (X, X_test)]
    return X, values[0], X_test, values[1], domain


def _inputs(rng: np.random.Generator, d: int, n: int) -> tuple[Array, Array, Box]:
    return rng.uniform(-1, 1, (n, d)), rng.uniform(-1, 1, (TEST_POINTS, d)), Box(np.full(d, -1.0), np.full(d, 1.0))


# --- real data --------------------------------------------------------------------------------------------------------


def _real(load: Callable[[], tuple[Array, Array]]) -> Callable[[np.random.Generator, int, int], tuple[Any, ...]]:
    """Turn a loader of features and labels into a function that draws rows."""

    @cache
    def prepared(d: int) -> tuple[Array, Array]:
        return _components(*load(), d)

    def draw(rng: np.random.Generator, d: int, n: int) -> tuple[Any, ...]:
        X, y = prepared(d)
        rows = rng.permutation(len(X))
        train, test = rows[:n], rows[n : n + TEST_POINTS]
        return X[train], y[train], X[test], y[test], None

    return draw


def _components(features: Array, y: Array, d: int) -> tuple[Array, Array]:
    """Return the d leading principal components of different samples, and their labels."""
    spread = features.std(axis=0)
    standard = (features - features.mean(axis=0)) / np.where(spread > 0, spread, 1.0)  # blank pixels stay 0
    _, sizes, axes = np.linalg.svd(standard, full_matrices=False)
    X = standard @ axes[:d].T * (np.sqrt(len(standard)) / sizes[0])
    _, first = np.unique(X.round(9), axis=0, return_index=True)
    kept = np.sort(first)
    return X[kept], y[kept]


def _load_diabetes() -> tuple[Array, Array]:
    from sklearn.datasets import load_diabetes

    bunch = load_diabetes(scaled=False)
    return bunch.data, bunch.target


def _load_digits() -> tuple[Array, Array]:
    from sklearn.datasets import load_digits

    bunch = load_digits()
    return bunch.data, np.where(bunch.target % 2 == 0, 1.0, -1.0)


def _load_breast_cancer() -> tuple[Array, Array]:
    from sklearn.datasets import load_breast_cancer

    bunch = load_breast_cancer()
    return bunch.data, np.where(bunch.target == 1, 1.0, -1.0)


def _load_iris() -> tuple[Array, Array]:
    from sklearn.datasets import load_iris

    bunch = load_iris()
    return bunch.data, np.where(bunch.target == 1, 1.0, -1.0)


def _load_wine() -> tuple[Array, Array]:
    from sklearn.datasets import load_wine

    bunch = load_wine()
    return bunch.data, np.where(bunch.target == 1, 1.0, -1.0)


TARGETS: Mapping[str, Target] = {
    target.name: target
    for target in (
        Target("noise", "independent Gaussian labels: there is nothing to learn", draw_raw=_noise),
        Target("smooth", "sum of four cosines of random directions, frequencies and phases, no noise", draw_raw=_smooth),
        Target("teacher", "ReLU network of four neurons whose kinks cross the middle of the cube", draw_raw=_teacher),
        Target("diabetes", "disease progression after a year of 442 patients", 10, 442, draw_raw=_real(_load_diabetes)),
        Target("digits", "even (+1) or odd (-1), of 1797 handwritten digits", 64, 1797, draw_raw=_real(_load_digits)),
        Target(
            "breast_cancer", "benign (+1) or malignant (-1), of 569 samples", 30, 569, draw_raw=_real(_load_breast_cancer)
        ),
        Target("iris", "versicolor (+1) or another species (-1), of 149 flowers", 4, 149, draw_raw=_real(_load_iris)),
        Target("wine", "second (+1) or another cultivar (-1), of 178 wines", 13, 178, draw_raw=_real(_load_wine)),
    )
}
"""Targets by name."""
