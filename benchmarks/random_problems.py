"""Small random problems of many kinds: one family of `vvnorm.interpolate` or `vvnorm.fit` each.

A *family* is a function that draws a problem (`Draw`): data of one kind, and options. `benchmarks.random_draws` compares
the answers with independent programs.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import vvnorm
from vvnorm.validation import Array

Rng = np.random.Generator

DIMENSIONS = {1: "one input", 2: "two inputs", 3: "three inputs"}


@dataclass(frozen=True)
class Draw:
    """One problem: data, and options of `vvnorm.fit`, or of `vvnorm.interpolate` if there is no lam."""

    X: Array
    Y: Array
    options: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        name = "fit" if "lam" in self.options else "interpolate"
        given = {key: value.tolist() if isinstance(value, np.ndarray) else value for key, value in self.options.items()}
        words = ", ".join(f"{key}={value!r}" for key, value in given.items())
        return f"{name}({self.X.tolist()}, {self.Y.tolist()}, {words})"

    @property
    def properties(self) -> set[str]:
        """The properties of the problem: number of inputs, losses, and what makes it harder."""
        losses = self.options.get("loss", "squared") if "lam" in self.options else "interpolation"
        names = {losses} if isinstance(losses, str) else set(losses)
        others = {
            "labels missing": bool(np.isnan(self.Y).any()),
            "weights": "weights" in self.options,
            "no skip connection": not self.options.get("skip", True),
            "biases in the norm": self.options.get("penalise_bias", False),
        }
        dimension = 1 if self.X.ndim == 1 else self.X.shape[1]
        return {DIMENSIONS[dimension], *(name.split(":")[0] for name in names), *(name for name in others if others[name])}

    def answer(self) -> Any:
        """Solve it with the toolkit."""
        return (vvnorm.fit if "lam" in self.options else vvnorm.interpolate)(self.X, self.Y, **self.options)


FAMILIES: dict[str, Callable[[Rng], Draw]] = {}


def family(draw: Callable[[Rng], Draw]) -> Callable[[Rng], Draw]:
    """Register a function that draws a problem, under its name."""
    FAMILIES[draw.__name__] = draw
    return draw


# --- data -------------------------------------------------------------------------------------------------------------


def line_inputs(rng: Rng, distinct: bool) -> Array:
    """Draw 2 to 12 inputs, integers or not, at least two of them different; with `distinct` all of them."""
    n = int(rng.integers(2, 13))
    if rng.random() < 0.5:
        return 3 * rng.standard_normal(n)
    if distinct:
        return rng.permutation(np.arange(-7.0, 8.0))[:n]
    x = rng.integers(-5, 6, n).astype(float)
    x[1] = x[0] + 1
    return x


def labels(rng: Rng, n: int, outputs: int | None = None) -> Array:
    """Labels of 1 to 3 outputs, integers or not."""
    T = outputs or int(rng.integers(1, 4))
    return rng.integers(-3, 4, (n, T)).astype(float) if rng.random() < 0.5 else rng.standard_normal((n, T))


def classes(rng: Rng, n: int, outputs: int | None = None) -> Array:
    """Classes 0 and 1 of 1 to 3 outputs."""
    return rng.integers(0, 2, (n, outputs or int(rng.integers(1, 4)))).astype(float)


def without_some(rng: Rng, Y: Array) -> Array:
    """Leave out a third of the labels, but keep at least one of each output and one of each row."""
    gone = rng.random(Y.shape) < 1 / 3
    gone[rng.integers(len(Y)), :] = False
    gone[np.arange(len(Y)), rng.integers(Y.shape[1], size=len(Y))] = False
    return np.where(gone, np.nan, Y)


def strength(rng: Rng) -> float:
    """A lam between 1e-3 and 3, of few digits."""
    return float(f"{10 ** rng.uniform(-3, 0.5):.2g}")


def some_weights(rng: Rng, Y: Array) -> Array:
    """Weights over one to three orders of magnitude, per row or per label."""
    return 10 ** (rng.uniform(0.5, 1.5) * rng.uniform(-1, 1, (len(Y), Y.shape[1] if rng.random() < 0.5 else 1)))


# --- families of one input --------------------------------------------------------------------------------------------


@family
def line_interpolate(rng: Rng) -> Draw:
    x = line_inputs(rng, True)
    return Draw(x, labels(rng, len(x)))


@family
def line_interpolate_missing(rng: Rng) -> Draw:
    x = line_inputs(rng, True)
    return Draw(x, without_some(rng, labels(rng, len(x))))


@family
def line_interpolate_no_skip(rng: Rng) -> Draw:
    x = line_inputs(rng, True)
    Y = labels(rng, len(x))
    return Draw(x, without_some(rng, Y) if rng.random() < 0.3 else Y, {"skip": False})


@family
def line_interpolate_bias(rng: Rng) -> Draw:
    x = line_inputs(rng, True)
    Y = labels(rng, len(x))
    Y = without_some(rng, Y) if rng.random() < 0.3 else Y
    return Draw(x, Y, {"penalise_bias": True, "skip": bool(rng.random() < 0.7)})


def line_fit(rng: Rng, loss: str, **options: Any) -> Draw:
    x = line_inputs(rng, False)
    Y = classes(rng, len(x)) if loss in ("logistic", "hinge") else labels(rng, len(x))
    return Draw(x, Y, {"lam": strength(rng), "loss": loss, **options})


@family
def line_fit_squared(rng: Rng) -> Draw:
    return line_fit(rng, "squared")


@family
def line_fit_logistic(rng: Rng) -> Draw:
    return line_fit(rng, "logistic")


@family
def line_fit_hinge(rng: Rng) -> Draw:
    return line_fit(rng, "hinge")


@family
def line_fit_huber(rng: Rng) -> Draw:
    return line_fit(rng, f"huber:{rng.choice([0.1, 0.5, 1.0, 2.0])}")


@family
def line_fit_one_class(rng: Rng) -> Draw:
    return line_fit(rng, f"one_class:{rng.choice([0.05, 0.1, 0.3, 0.5, 1.0])}")


LOSSES = ("squared", "logistic", "hinge", "huber:0.5", "one_class:0.2")


def mixed(rng: Rng, n: int, names: Sequence[str] = LOSSES) -> tuple[Array, list[str]]:
    """Labels of 2 or 3 outputs with a loss each."""
    chosen = [str(loss) for loss in rng.choice(names, int(rng.integers(2, 4)))]
    columns = [classes(rng, n, 1) if loss in ("logistic", "hinge") else labels(rng, n, 1) for loss in chosen]
    return np.hstack(columns), chosen


@family
def line_fit_mixed(rng: Rng) -> Draw:
    x = line_inputs(rng, False)
    Y, losses = mixed(rng, len(x))
    return Draw(x, Y, {"lam": strength(rng), "loss": losses})


def any_loss(rng: Rng, names: Sequence[str] = LOSSES) -> str:
    return str(rng.choice(names))


@family
def line_fit_missing(rng: Rng) -> Draw:
    draw = line_fit(rng, any_loss(rng))
    return Draw(draw.X, without_some(rng, draw.Y), draw.options)


@family
def line_fit_weights(rng: Rng) -> Draw:
    draw = line_fit(rng, any_loss(rng))
    return Draw(draw.X, draw.Y, {**draw.options, "weights": some_weights(rng, draw.Y)})


@family
def line_fit_missing_weights(rng: Rng) -> Draw:
    draw = line_fit_missing(rng)
    return Draw(draw.X, draw.Y, {**draw.options, "weights": some_weights(rng, draw.Y)})


@family
def line_fit_one_place(rng: Rng) -> Draw:
    """Draw repeated inputs, and one output or all with labels at one input only, each output at its own."""
    draw = line_fit_weights(rng)
    x = rng.choice(line_inputs(rng, True)[:4], len(draw.X))
    gone = x[:, None] != rng.choice(x, draw.Y.shape[1])
    if rng.random() < 0.5:
        gone[:, rng.integers(draw.Y.shape[1])] = False
    return Draw(x, np.where(gone, np.nan, draw.Y), draw.options)


@family
def line_fit_no_skip(rng: Rng) -> Draw:
    draw = line_fit_missing(rng) if rng.random() < 0.3 else line_fit(rng, any_loss(rng))
    return Draw(draw.X, draw.Y, {**draw.options, "skip": False})


@family
def line_fit_margin(rng: Rng) -> Draw:
    """Draw hinge and one-class losses, alone or side by side; with labels missing, weights or no skip connection."""
    x = line_inputs(rng, False)
    losses = (["hinge"], ["one_class:0.2"], ["hinge", "one_class:0.2"])[rng.integers(3)]
    Y = np.hstack([classes(rng, len(x), 1) if loss == "hinge" else labels(rng, len(x), 1) for loss in losses])
    Y = without_some(rng, Y) if rng.random() < 0.5 else Y
    options = {"lam": strength(rng), "loss": losses, "skip": bool(rng.random() < 0.5)}
    return Draw(x, Y, {**options, "weights": some_weights(rng, Y)} if rng.random() < 0.5 else options)


@family
def line_fit_bias(rng: Rng) -> Draw:
    names = ("squared", "logistic", "huber:0.5")
    draw = line_fit(rng, any_loss(rng, names), penalise_bias=True, skip=bool(rng.random() < 0.7))
    return draw if rng.random() < 0.7 else Draw(draw.X, without_some(rng, draw.Y), draw.options)


# --- families of several inputs ---------------------------------------------------------------------------------------


def points(rng: Rng, d: int, most: int) -> Array:
    """Draw d + 2 or more distinct points in d dimensions, integers or not, that do not lie in an affine subspace."""
    while True:
        n = int(rng.integers(d + 2, most + 1))
        X = rng.integers(-3, 4, (n, d)).astype(float) if rng.random() < 0.5 else rng.standard_normal((n, d))
        if len(np.unique(X, axis=0)) == n and np.linalg.matrix_rank(X - X[0]) == d:
            return X


SMOOTH = ("squared", "logistic", "huber:0.5")


def fit_points(rng: Rng, X: Array, loss: str) -> Draw:
    Y = classes(rng, len(X)) if loss == "logistic" else labels(rng, len(X))
    return Draw(X, Y, {"lam": strength(rng), "loss": loss})


def fit_any(rng: Rng, X: Array) -> Draw:
    """A fit with any losses; some labels missing, or weights, or both."""
    draw = fit_points(rng, X, any_loss(rng, SMOOTH))
    if rng.random() < 0.3:
        Y, losses = mixed(rng, len(X), SMOOTH)
        draw = Draw(X, Y, {"lam": strength(rng), "loss": losses})
    Y = without_some(rng, draw.Y) if rng.random() < 0.5 else draw.Y
    return Draw(X, Y, {**draw.options, "weights": some_weights(rng, Y)} if rng.random() < 0.5 else draw.options)


def other_convention(rng: Rng, draw: Draw) -> Draw:
    """The same without a skip connection, with biases in the norm, or both."""
    convention = [{"skip": False}, {"penalise_bias": True}, {"skip": False, "penalise_bias": True}][rng.integers(3)]
    return Draw(draw.X, draw.Y, {**draw.options, **convention})


@family
def plane_interpolate(rng: Rng) -> Draw:
    X = points(rng, 2, 9)
    return Draw(X, labels(rng, len(X)))


@family
def plane_interpolate_missing(rng: Rng) -> Draw:
    X = points(rng, 2, 9)
    return Draw(X, without_some(rng, labels(rng, len(X))))


@family
def plane_interpolate_convention(rng: Rng) -> Draw:
    draw = plane_interpolate(rng) if rng.random() < 0.5 else plane_interpolate_missing(rng)
    return other_convention(rng, draw)


@family
def plane_fit_squared(rng: Rng) -> Draw:
    return fit_points(rng, points(rng, 2, 9), "squared")


@family
def plane_fit_logistic(rng: Rng) -> Draw:
    return fit_points(rng, points(rng, 2, 9), "logistic")


@family
def plane_fit_huber(rng: Rng) -> Draw:
    return fit_points(rng, points(rng, 2, 9), f"huber:{rng.choice([0.1, 0.5, 1.0])}")


@family
def plane_fit_weights(rng: Rng) -> Draw:
    draw = fit_points(rng, points(rng, 2, 9), any_loss(rng, SMOOTH))
    return Draw(draw.X, draw.Y, {**draw.options, "weights": 10 ** (2 * rng.standard_normal((len(draw.X), 1)))})


@family
def plane_fit_any(rng: Rng) -> Draw:
    return fit_any(rng, points(rng, 2, 9))


@family
def plane_fit_convention(rng: Rng) -> Draw:
    return other_convention(rng, fit_any(rng, points(rng, 2, 8)))


@family
def space_interpolate(rng: Rng) -> Draw:
    X = points(rng, 3, 7)
    Y = labels(rng, len(X))
    return Draw(X, without_some(rng, Y) if rng.random() < 0.5 else Y)


@family
def space_fit_any(rng: Rng) -> Draw:
    return fit_any(rng, points(rng, 3, 7))


@family
def space_convention(rng: Rng) -> Draw:
    draw = fit_any(rng, points(rng, 3, 6)) if rng.random() < 0.6 else space_interpolate(rng)
    return other_convention(rng, Draw(draw.X[:6], draw.Y[:6], draw.options) if "lam" not in draw.options else draw)
