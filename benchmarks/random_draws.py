"""Random small problems against independent programs: whether answers are optimal, and whether gaps tell where not.

Run with `python -m benchmarks.random_draws --count 1000`; `--family` chooses families by their first letters, and `--seed`
and `--jobs` mean the usual. A *family* is a function that draws a problem (`Draw`): data of one kind, and options of
`vvnorm.interpolate` or `vvnorm.fit`. The answer is compared with that of a program that shares no code with the toolkit. It
is counted as

- *worse*: the value is more than 1e-5 above the program's, and the gap does not say so;
- *open*: the relative gap is above 1e-4;
- *unsound*: the lower bound is above the program's value, which is that of a network;
- *refused*: `verify` does not accept it, though its gap is not above 1e-4;
- *failed*: an exception;
- *unknown*: no comparison, since the program has failed.

Each such draw is listed with the command that reproduces it. Values are compared relative to the program's value, or to
1e-8 of the loss of the best constant if that is larger: with separated classes objectives fall to 0, and no program knows
their digits.

*Programs of one input.* The unknowns are the output weights of neurons with kinks at data points. These suffice, since the
dual constraint ||Z(a)|| <= lam is on a function that is linear between data points. With biases in the norm the constraint
is ||Z(a)|| <= lam sqrt(1 + a^2). Then kinks between data points are added where it is violated most, in closed form, until
the violation is at most 1e-9. CVXPY passes the programs to Clarabel.

*Programs of several inputs.* See `benchmarks.cone_programs`; they take a second each.

`docs/benchmarks.md` says what was drawn and found.
"""

import argparse
import math
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from typing import Any

import cvxpy as cp
import numpy as np
from joblib import Parallel, delayed
from rich.console import Console
from rich.table import Table

import vvnorm
from benchmarks.cone_programs import clarabel, solve
from vvnorm.validation import Array

ABOVE = 1e-5  # relative excess over the independent optimum that the gap must account for
OPEN = 1e-4  # relative gap above which a draw is counted
FLOOR = 1e-8  # relative to the loss of the best constant: values below it are not compared
PROGRAM = 1e-6  # relative accuracy of the programs

Rng = np.random.Generator


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


# --- independent programs ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Reference:
    """What a program found: the value of a network, and the loss of the best constant, which sets the scale."""

    value: float
    scale: float


def program_of_line(draw: Draw) -> Reference:
    """Solve a problem of one input over neurons with kinks at data points, and between them if biases are penalised."""
    options = draw.options
    x, place = np.unique(draw.X, return_inverse=True)
    bias, skip = options.get("penalise_bias", False), options.get("skip", True)
    rising, falling = x.copy(), np.empty(0) if skip else x.copy()
    if not skip:  # a slope over all data is cheapest with a kink as near to 0 as possible
        rising, falling = np.append(rising, min(x[0], 0.0)), np.append(falling, max(x[-1], 0.0))
    while True:
        sides = np.repeat([1.0, -1.0], [len(rising), len(falling)])
        kinks = np.concatenate([rising, falling])
        reference, multipliers = _solve_line(draw, x, place, sides, kinks, skip, bias)
        if not bias:
            return reference
        new = [_violated(x, multipliers, side, options.get("lam", 1.0)) for side in (1.0, -1.0)[: 1 if skip else 2]]
        before = len(rising) + len(falling)
        rising = np.union1d(rising, new[0])
        falling = falling if skip else np.union1d(falling, new[1])
        if len(rising) + len(falling) == before:
            return reference


def _solve_line(
    draw: Draw, x: Array, place: Any, sides: Array, kinks: Array, skip: bool, bias: bool
) -> tuple[Reference, Array]:
    T, options = draw.Y.shape[1], draw.options
    hidden = np.maximum(sides * (x[:, None] - kinks), 0.0)
    sizes = np.sqrt(1 + kinks**2) if bias else np.ones(len(kinks))
    V, A, c, U = cp.Variable((len(kinks), T)), cp.Variable((1, T)), cp.Variable((1, T)), cp.Variable((len(x), T))
    affine = np.ones((len(x), 1)) @ c + (x[:, None] @ A if skip else 0.0)
    tie = (hidden / sizes) @ V + affine - U == 0
    cost = cp.sum(cp.norm(V, 2, axis=1))
    if "lam" not in options:
        rows, outputs = np.nonzero(~np.isnan(draw.Y))
        clarabel(cp.Problem(cp.Minimize(cost), [tie, U[place[rows], outputs] == draw.Y[rows, outputs]]))
        return Reference(float(cost.value), float(np.nanmax(draw.Y) - np.nanmin(draw.Y))), -tie.dual_value
    losses = options["loss"] if isinstance(options["loss"], list) else [options["loss"]] * T
    shares = np.broadcast_to(options.get("weights", 1.0), draw.Y.shape)
    lost = 0.0
    for t, loss in enumerate(losses):
        present = ~np.isnan(draw.Y[:, t])
        lost = lost + shares[present, t] @ expression(loss, U[place[present], t], draw.Y[present, t])
    clarabel(cp.Problem(cp.Minimize(lost + options["lam"] * cost), [tie]))
    weights, fitted = np.asarray(V.value), (hidden / sizes) @ V.value + affine.value
    value = loss_of(losses, fitted[place], draw.Y, shares) + options["lam"] * float(np.linalg.norm(weights, axis=1).sum())
    middle = np.nanmean(draw.Y, axis=0) * np.ones_like(draw.Y)
    return Reference(value, loss_of(losses, middle, draw.Y, shares)), -tie.dual_value


def _violated(x: Array, multipliers: Array, side: float, lam: float) -> Array:
    """Kinks between data points at which ||Z(a)|| / sqrt(1 + a^2) is largest, where it exceeds lam."""
    kinks = []
    for low, high in pairwise(x):
        on = (x >= high) if side > 0 else (x <= low)
        moments = side * np.array([x[on] @ multipliers[on], -multipliers[on].sum(axis=0)])  # Z(a) = these times (1, a)
        M = moments @ moments.T
        # With a = tan(angle) it is a quadratic form in (cos, sin).
        angle = math.atan2(2 * M[0, 1], M[0, 0] - M[1, 1]) / 2
        a = math.tan(angle)
        if low < a < high and np.linalg.norm(moments[0] + a * moments[1]) > lam * math.hypot(1, a) * (1 + 1e-9):
            kinks.append(a)
    return np.array(kinks)


def expression(loss: str, u: Any, y: Array) -> Any:
    """Losses (n,) of fitted values (n,) as CVXPY expressions."""
    name, _, parameter = loss.partition(":")
    if name == "squared":
        return cp.square(u - y) / 2
    if name == "logistic":
        return cp.logistic(cp.multiply(1 - 2 * y, u))
    if name == "hinge":
        return cp.pos(1 - cp.multiply(2 * y - 1, u))
    if name == "huber":
        return cp.huber(u - y, float(parameter)) / 2
    nu = float(parameter)
    return cp.maximum(nu * (y - u), (1 - nu) * (u - y))


def loss_of(losses: Sequence[str], U: Array, Y: Array, shares: Array) -> float:
    """Weighted sum of losses, in NumPy."""
    total = 0.0
    for t, loss in enumerate(losses):
        name, _, parameter = loss.partition(":")
        present = ~np.isnan(Y[:, t])
        u, y = U[present, t], Y[present, t]
        off, sign = u - y, 2 * y - 1
        if name == "squared":
            each = off**2 / 2
        elif name == "logistic":
            each = np.logaddexp(0.0, -sign * u)
        elif name == "hinge":
            each = np.maximum(0.0, 1 - sign * u)
        elif name == "huber":
            near = np.minimum(np.abs(off), float(parameter))
            each = near * (np.abs(off) - near / 2)
        else:
            nu = float(parameter)
            each = np.maximum(-nu * off, (1 - nu) * off)
        total += float(shares[present, t] @ each)
    return total


def program_of_cones(draw: Draw) -> Reference:
    """Solve a problem of several inputs over all neurons that can have the largest response."""
    options, Y = draw.options, draw.Y
    shares = np.broadcast_to(options.get("weights", 1.0), Y.shape)
    names = options.get("loss", "squared")
    losses = names if isinstance(names, list) else [names] * Y.shape[1]
    given = [partial(expression, loss) for loss in losses] if "lam" in options else None
    kind = {"skip": options.get("skip", True), "bias": options.get("penalise_bias", False)}
    fitted, cost = solve(draw.X, Y, given, options.get("lam", 0.0), shares, **kind)
    if given is None:
        return Reference(cost, float(np.nanmax(Y) - np.nanmin(Y)))
    middle = np.nanmean(Y, axis=0) * np.ones_like(Y)
    return Reference(loss_of(losses, fitted, Y, shares) + options["lam"] * cost, loss_of(losses, middle, Y, shares))


def program(draw: Draw) -> Reference:
    """Solve a problem without the toolkit."""
    return program_of_line(draw) if draw.X.ndim == 1 else program_of_cones(draw)


# --- counting ---------------------------------------------------------------------------------------------------------

KINDS = ("worse", "open", "unsound", "refused", "failed", "unknown")


def judge(name: str, seed: int, index: int) -> tuple[list[str], str]:
    """Draw a problem of a family, and return how its answer counts and which draw it was."""
    draw = FAMILIES[name](np.random.default_rng([seed, zlib.crc32(name.encode()), index]))
    try:
        reference = program(draw)
    except cp.error.SolverError as error:
        return ["unknown"], f"{name} {index}: {error}; {draw}"
    try:
        solution = draw.answer()
        value, gap, lower, accepted = solution.value, solution.gap, solution.lower_bound, bool(solution.verify())
    except Exception as error:  # any exception is counted
        return ["failed"], f"{name} {index}: {type(error).__name__}: {error}; {draw}"
    size = max(reference.value, FLOOR * reference.scale)
    noise = PROGRAM * size
    known = value > FLOOR * reference.scale
    kinds = [
        value - reference.value > ABOVE * size and value * (1 - gap) > reference.value + noise,
        known and gap > OPEN,
        lower > reference.value + noise,
        known and not accepted and gap <= OPEN,
    ]
    found_kinds = [kind for kind, counts in zip(KINDS, kinds, strict=False) if counts]
    return found_kinds, f"{name} {index}: {value!r} gap {gap:.2g}, program {reference.value!r}; {draw}"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--family", nargs="*", default=[""], metavar="NAME", help="first letters of the families' names")
    parser.add_argument("--count", type=int, default=100, help="draws of each")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    options = parser.parse_args(arguments)
    console, table = Console(), Table("family", "draws", *KINDS)
    for name in FAMILIES:
        if not name.startswith(tuple(options.family)):
            continue
        every = Parallel(options.jobs)(delayed(judge)(name, options.seed, i) for i in range(options.count))
        for kinds, words in every:
            if kinds:
                print(", ".join(kinds), words, flush=True)
        counts = [str(sum(kind in kinds for kinds, _ in every)) for kind in KINDS]
        table.add_row(name, str(options.count), *counts)
    console.print(table)


if __name__ == "__main__":
    main()
