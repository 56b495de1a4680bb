"""Connect-the-dots is kernel interpolation with a first-order Sobolev kernel.

Claim. Output by output, f_D is the interpolant of least int |f'|^2 over [x_1, x_N], and equals the kernel interpolant with
k(s, t) = 1 + min(s, t) - x_1.

Hypothesis. The kernel is this first-order kernel.

Source. Nakhleh, Shenouda and Nowak (arXiv 2410.21696), Section 3.

What breaks. A smoother kernel gives a curved interpolant.

Certificate. The `weights` of the kernel interpolant, and the `points` at which it is compared: data points and midpoints.
The kernel interpolant is linear between data points, so these suffice.
"""

import math
from fractions import Fraction
from itertools import pairwise

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from proofs_checks.rational import Interval, as_line, less, network, rational_kinks, spread
from proofs_checks.support import pack, real_instances, unpack, with_hinges
from proofs_checks.trust import EXACT, LINE, files
from vvnorm.api.interpolation import interpolate
from vvnorm.claims import Claim, Instance, Result, Rung, Undecided, Verdict, conclude, interval_complaints
from vvnorm.datasets import random_dataset
from vvnorm.network import ReLUNetwork
from vvnorm.tolerances import CLAIM as TOLERANCE
from vvnorm.validation import Array
from vvnorm.verifier.exact import Neuron, RationalNetwork
from vvnorm.verifier.exact.rationals import Matrix, Vector, norm_squared

CLAIMED = (-np.inf, TOLERANCE)
_ROUNDING = 1e-12


def draw(rng: np.random.Generator) -> Instance:
    """Draw random data, another interpolant with a tent in every piece, and the first-order kernel."""
    data = random_dataset(int(rng.integers(3, 20)), int(rng.integers(1, 5)), rng, spacing="regular")
    x = data.X[:, 0] + 0.3 / len(data) * rng.uniform(-1, 1, len(data))
    return instance_of(x, data.Y, rng)


def instance_of(x: Array, Y: Array, rng: np.random.Generator) -> Instance:
    """Add the kernel and a rival interpolant: f_D with a random tent in every piece."""
    f = interpolate(x, Y).network
    middle = (x[1:] + x[:-1]) / 2
    height = 0.1 * np.ptp(Y, axis=0).max() * rng.standard_normal((len(middle), Y.shape[1]))
    steep = height / (np.diff(x) / 2)[:, None]
    knots = np.concatenate([x[:-1], middle, x[1:]])
    rival = with_hinges(f, knots, np.vstack([steep, -2 * steep, steep]))
    return {"x": x, "Y": Y, "kernel": "first-order", **pack("rival", rival)}


def draw_gaussian_kernel(rng: np.random.Generator) -> Instance:
    """Draw the same with a Gaussian kernel whose width is two mean gaps."""
    return {**draw(rng), "kernel": "gaussian"}


def _kernel(instance: Instance, s: Array, t: Array) -> Array:
    x = instance["x"]
    unit = (x[-1] - x[0]) / (len(x) - 1)
    s, t = (s[:, None] - x[0]) / unit, (t[None, :] - x[0]) / unit
    values: Array = 1 + np.minimum(s, t) if instance["kernel"] == "first-order" else np.exp(-((s - t) ** 2) / 8)
    return values


def _energy(f: ReLUNetwork, x: Array) -> float:
    """Integral of ||f'||^2 over [x_1, x_N], exact for piecewise linear f."""
    t, _, slopes = f.kinks
    knots = np.concatenate([[x[0]], np.clip(t, x[0], x[-1]), [x[-1]]])
    return float(np.sum(np.diff(knots) * np.sum(slopes**2, axis=1)))


def check(instance: Instance) -> Result:
    """Bound the distance between the two interpolants, and the energy that the rival saves against f_D."""
    x, Y = instance["x"], instance["Y"]
    solution = interpolate(x, Y)
    gram = _kernel(instance, x, x)
    weights = cho_solve(cho_factor(gram), Y)
    weights += cho_solve(cho_factor(gram), Y - gram @ weights)
    points = np.sort(np.concatenate([x, (x[1:] + x[:-1]) / 2]))
    spread = float(np.ptp(Y, axis=0).max())
    apart = float(np.max(np.abs(_kernel(instance, points, x) @ weights - solution(points)))) / spread
    energy = float(np.sum(np.diff(Y, axis=0) ** 2 / np.diff(x)[:, None]))
    undercut = (energy - _energy(unpack("rival", instance), x)) / energy
    error = max(apart, undercut)
    certificate = {"weights": weights, "points": points}
    return conclude(CLAIMED, max(error - _ROUNDING, 0.0), error + _ROUNDING, certificate, method="Cholesky")


def recheck(instance: Instance, result: Result) -> list[str]:
    """Evaluate the kernel interpolant with exact sums, and the energies piece by piece."""
    x, Y = instance["x"], instance["Y"]
    weights, points = result.certificate["weights"], result.certificate["points"]
    if not np.array_equal(points, np.sort(np.concatenate([x, (x[1:] + x[:-1]) / 2]))) or weights.shape != Y.shape:
        return ["points or weights do not fit the data"]
    kernel = _kernel(instance, points, x)
    spread = float(np.ptp(Y, axis=0).max())
    apart = 0.0
    for row, t in zip(kernel, points, strict=True):
        i = min(max(int(np.searchsorted(x, t, side="right")) - 1, 0), len(x) - 2)
        share = (t - x[i]) / (x[i + 1] - x[i])
        for output in range(Y.shape[1]):
            value = math.fsum(row * weights[:, output])
            chord = (1 - share) * Y[i, output] + share * Y[i + 1, output]
            apart = max(apart, abs(value - chord) / spread)
    energy = math.fsum(((Y[i + 1] - Y[i]) ** 2).sum() / (x[i + 1] - x[i]) for i in range(len(x) - 1))
    rival = unpack("rival", instance)
    knots = np.unique(np.concatenate([x, np.clip(rival.kinks[0], x[0], x[-1])]))
    values = rival(knots)
    spent = math.fsum(((values[i + 1] - values[i]) ** 2).sum() / (knots[i + 1] - knots[i]) for i in range(len(knots) - 1))
    error = max(apart, (energy - spent) / energy)
    return interval_complaints(result, max(error - _ROUNDING, 0.0), error + _ROUNDING, 1e-10 + 1e-6 * abs(error))


def exact(instance: Instance) -> Interval:
    """Solve for the kernel's weights exactly, evaluate both interpolants at points and midpoints, and compare energies.

    The kernel interpolant is unique, and its slopes give its weights. With x in units of the mean gap, the weight of point
    j > 1 is the slope before the point minus the slope after it. The first weight makes the value at x_1 right.
    """
    if instance["kernel"] != "first-order":
        raise Undecided("the kernel's values are not rational")
    line, rival = as_line(instance["x"], instance["Y"]), network("rival", instance)
    x, nothing = line.inputs, (Fraction(0),) * line.n_outputs
    unit = (x[-1] - x[0]) / (len(x) - 1)
    slopes = [tuple(unit * entry for entry in row) for row in line.slopes]
    rest = [less(slope, after) for slope, after in pairwise([*slopes, nothing])]
    first = tuple(y - sum(column, Fraction(0)) for y, column in zip(line.labels[0], zip(*rest, strict=True), strict=True))
    middle = tuple(((a + b) / 2,) for a, b in pairwise(x))
    kernel = _kernel_network(x, unit, (first, *rest))
    at_points = zip(line.labels, kernel.values(tuple((t,) for t in x)), strict=True)
    between = zip(line.network.values(middle), kernel.values(middle), strict=True)
    apart = max(abs(entry) for pair in (*at_points, *between) for entry in less(*pair))
    energy = sum((h * norm_squared(s) for h, s in zip(line.gaps, line.slopes, strict=True)), Fraction(0))
    knots = sorted({*x, *rational_kinks(rival, x[0], x[-1])})
    pieces = pairwise(zip(knots, rival.values(tuple((t,) for t in knots)), strict=True))
    spent = sum((norm_squared(less(after, before)) / (b - a) for (a, before), (b, after) in pieces), Fraction(0))
    error = max(apart / spread(line), (energy - spent) / energy, Fraction(0))
    return error, error


def _kernel_network(x: Vector, unit: Fraction, weights: Matrix) -> RationalNetwork:
    """Return sum_j weights_j (1 + min(s, s_j)) for s >= 0, s = (x - x_1) / unit: min(s, t) = s - relu(s - t)."""
    total = tuple(sum(column, Fraction(0)) for column in zip(*weights, strict=True))
    neurons = [Neuron((1 / unit,), -at / unit, tuple(-entry for entry in row)) for at, row in zip(x, weights, strict=True)]
    return RationalNetwork(
        tuple(neurons), tuple((entry / unit,) for entry in total), tuple(entry * (1 - x[0] / unit) for entry in total)
    )


def _examples() -> dict[str, Instance]:
    return {name: instance_of(data["x"], data["Y"], np.random.default_rng(0)) for name, data in real_instances().items()}


CLAIM = Claim(
    id="sobolev",
    statement=(
        "On [x_1, x_N] connect-the-dots is the interpolant of least int |f'|^2, and equals kernel interpolation with "
        "1 + min(s, t) - x_1."
    ),
    formula=(
        r"f_D = \mathrm{argmin}_{f(x_i) = y_i} \int_{x_1}^{x_N} |f'|^2, \qquad f_D(t) = k(t, X) \, k(X, "
        r"X)^{-1} y, \quad k(s, t) = 1 + \min(s, t) - x_1"
    ),
    source="Nakhleh, Shenouda and Nowak (arXiv 2410.21696), Section 3",
    kind="equality",
    quantity="relative distance between f_D and the kernel interpolant, or relative energy that another interpolant saves",
    claimed=CLAIMED,
    hypotheses={"first_order_kernel": lambda instance: instance["kernel"] == "first-order"},
    draw=draw,
    violate={"first_order_kernel": draw_gaussian_kernel},
    on_violation={"first_order_kernel": (Verdict.VIOLATED, "a smooth kernel gives a curved interpolant")},
    check=check,
    recheck=recheck,
    examples=_examples,
    draws=200,
    quick_draws=20,
    exact=exact,
    trusted={
        Rung.PROVED: files("sobolev", EXACT),
        Rung.CERTIFIED: files("sobolev", LINE),
    },
)
