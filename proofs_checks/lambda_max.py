"""The best fit is affine exactly from lambda_max on, the largest response of a neuron to the residuals of the affine fit.

Claim. Let R = Y - (the least-squares affine function of X). The fit with the squared loss and lam VV is affine if and only
if lam >= max over ||w|| = 1 and b of ||sum_i R_i relu(w.x_i + b)||.

Hypothesis. Networks have a skip connection.

Source. Optimality conditions of a convex problem; new for several outputs. Add a neuron of size s to the affine function.
To first order the loss falls by s times the response of the neuron, and the penalty grows by lam s.

What breaks. Without a skip connection only constants are free, and neurons must provide the slope.

Certificate. The `residuals` R, the `neuron` (w, b) of the largest response found, which bounds lambda_max from below, and
`lambda_max`. The upper bound follows from R: the verifier bounds the response of every neuron. (For one input kinks at data
points suffice, since the response is a convex function of the kink between them.)
"""

import math
from fractions import Fraction
from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar

from proofs_checks.rational import Interval, less, needs_skip, rational
from proofs_checks.support import planar_instances, real_instances
from proofs_checks.trust import DUAL, EXACT, NEURON_BOUND, PLANE, files
from vvnorm.api.fits import lambda_max
from vvnorm.claims import Claim, Instance, Result, Rung, Undecided, Verdict, conclude, interval_complaints
from vvnorm.validation import Array
from vvnorm.verifier.exact import as_rational
from vvnorm.verifier.exact.corrected import solved
from vvnorm.verifier.exact.dual_arrays import line_responses, point_above
from vvnorm.verifier.exact.rationals import as_matrix, dot, norm_squared, root_bounds, to_float
from vvnorm.verifier.neuron_bound import neuron_bound

CLAIMED = (-1e-6, 1e-6)

_ROUNDING = 1e-9
_ANGLES = 720
_MARGINS = tuple(Fraction(1, 10**k) for k in (12, 10, 8, 7))  # relative margins above the computed lambda_max


def draw(rng: np.random.Generator) -> Instance:
    """Draw one or two inputs at any scale, and one to three outputs."""
    n, d, T = int(rng.integers(6, 15)), int(rng.integers(1, 3)), int(rng.integers(1, 4))
    x_scale, y_scale = 10.0 ** rng.uniform(-4, 4, 2)
    X, Y = rng.standard_normal((n, d)), rng.standard_normal((n, T))
    return {"X": x_scale * X, "Y": y_scale * Y, "skip": True}


def draw_without_skip(rng: np.random.Generator) -> Instance:
    """Draw the same with a trend, and without a skip connection."""
    instance = draw(rng)
    X, Y = instance["X"], instance["Y"]
    return {**instance, "Y": Y + 2 * np.std(Y) * X[:, :1] / np.std(X), "skip": False}


# --- checking ---------------------------------------------------------------------------------------------------------


def check(instance: Instance) -> Result:
    """Compute lambda_max, search for the neuron of largest response, and compare."""
    X, Y = instance["X"], instance["Y"]
    residuals = _residuals(X, Y)
    certificate = {
        "residuals": residuals,
        "neuron": _neuron(X, residuals),
        "lambda_max": np.array([lambda_max(X, Y, skip=instance["skip"])]),
    }
    return conclude(CLAIMED, *_interval(instance, certificate), certificate)


def _residuals(X: Array, Y: Array) -> Array:
    free = np.column_stack([X / np.abs(X).max(), np.ones(len(X))])
    residuals: Array = Y - free @ np.linalg.lstsq(free, Y, rcond=None)[0]
    return residuals


def _response(X: Array, residuals: Array, w: Array) -> tuple[float, float]:
    """Largest response of neurons with input weight w and kinks at data points, and the b that attains it."""
    along = X @ w
    hidden = np.maximum(along[:, None] - along, 0.0)
    sizes = np.linalg.norm(hidden.T @ residuals, axis=1)
    largest = int(np.argmax(sizes))
    return float(sizes[largest]), float(-along[largest])


def _neuron(X: Array, residuals: Array) -> Array:
    """Search for the neuron (w, b) of largest response; in the plane, refine the best directions of a grid."""
    if X.shape[1] == 1:
        return np.array([1.0, _response(X, residuals, np.ones(1))[1]])

    def direction(angle: float) -> Array:
        return np.array([math.cos(angle), math.sin(angle)])

    def loss(angle: float) -> float:
        return -_response(X, residuals, direction(angle))[0]

    grid, step = np.linspace(0, 2 * np.pi, _ANGLES, endpoint=False), 2 * np.pi / _ANGLES
    optima = []
    for angle in grid[np.argsort([loss(angle) for angle in grid])[:8]]:
        optimum = minimize_scalar(loss, bounds=(angle - step, angle + step), method="bounded", options={"xatol": 1e-12})
        optima.append((optimum.fun, optimum.x))
    w = direction(min(optima)[1])
    return np.append(w, _response(X, residuals, w)[1])


def _interval(instance: Instance, arrays: Any) -> tuple[float, float]:
    """Interval of lambda_max / largest response - 1."""
    X, residuals, neuron, computed = instance["X"], arrays["residuals"], arrays["neuron"], float(arrays["lambda_max"][0])
    at_least = np.linalg.norm(np.maximum(X @ neuron[:-1] + neuron[-1], 0.0) @ residuals) / np.linalg.norm(neuron[:-1])
    at_most = at_least if X.shape[1] == 1 else neuron_bound(X, residuals)
    return float(computed / at_most - 1 - _ROUNDING), float(computed / at_least - 1 + _ROUNDING)


def recheck(instance: Instance, result: Result) -> list[str]:
    """Check that the residuals are those of least squares, try all kinks for one input, and bound the response again."""
    X, Y, arrays = instance["X"], instance["Y"], result.certificate
    residuals, complaints = arrays["residuals"], []
    if not abs(np.linalg.norm(arrays["neuron"][:-1]) - 1) <= _ROUNDING:
        complaints.append("the neuron's input weight does not have norm 1")
    free = np.column_stack([X / np.abs(X).max(), np.ones(len(X))])
    fitted, size = Y - residuals, _ROUNDING * np.linalg.norm(Y)
    affine = free @ (np.linalg.pinv(free) @ fitted)
    if np.abs(free.T @ residuals).max() > size or np.abs(fitted - affine).max() > size:
        complaints.append("the residuals are not those of the least-squares affine function")
    if X.shape[1] == 1:
        largest = max(math.hypot(*_sums_beyond(X[:, 0], residuals, t)) for t in X[:, 0].tolist())
        w, b = arrays["neuron"]
        response = np.linalg.norm(np.maximum(w * X[:, 0] + b, 0.0) @ residuals) / abs(w)
        if not abs(response - largest) <= _ROUNDING * largest:
            complaints.append(f"the neuron's response is {response!r}; the largest is {largest!r}")
    return complaints + interval_complaints(result, *_interval(instance, arrays), _ROUNDING)


def _sums_beyond(x: Array, residuals: Array, t: float) -> list[float]:
    """sum_i R_i relu(x_i - t), output by output, term by term."""
    return [math.fsum(r * (at - t) for at, r in zip(x.tolist(), column, strict=True) if at > t) for column in residuals.T]


def exact(instance: Instance) -> Interval:
    """Solve least squares exactly, and enclose the largest response of a neuron to the residuals."""
    needs_skip(instance)
    X, Y = as_matrix(instance["X"], "X"), as_matrix(instance["Y"], "Y")
    computed = as_rational(lambda_max(instance["X"], instance["Y"], skip=True))
    free = [(Fraction(1), *x) for x in X]
    columns = list(zip(*free, strict=True))
    outputs = list(zip(*Y, strict=True))
    weights = solved([[dot(a, b) for b in columns] for a in columns], [[dot(a, y) for y in outputs] for a in columns])
    if weights is None:
        raise Undecided("the points lie on one line")
    affine = list(zip(*weights, strict=True))
    residuals = tuple(less(y, tuple(dot(row, column) for column in affine)) for row, y in zip(free, Y, strict=True))
    if len(X[0]) == 1:
        low, high = root_bounds(max(map(norm_squared, line_responses(X, residuals))))
        return computed / high - 1, computed / low - 1
    *w, b = rational(_neuron(instance["X"], np.array([[to_float(value) for value in row] for row in residuals])))
    active = [max(dot(w, x) + b, Fraction(0)) for x in X]
    square = norm_squared([dot(active, column) for column in zip(*residuals, strict=True)]) / norm_squared(w)
    for margin in _MARGINS:
        if point_above(X, residuals, computed * (1 + margin)) is None:
            return 1 / (1 + margin) - 1, computed / root_bounds(square)[0] - 1
    return Fraction(-1), computed / root_bounds(square)[0] - 1


def _examples() -> dict[str, Instance]:
    instances = {name: {"X": data["x"][:, None], "Y": data["Y"], "skip": True} for name, data in real_instances().items()}
    return instances | {name: {**data, "skip": True} for name, data in planar_instances().items()}


CLAIM = Claim(
    id="lambda_max",
    statement=(
        "The best fit under the squared loss is affine exactly from lambda_max on, the largest response of a neuron to the "
        "residuals of the best affine function."
    ),
    formula=(
        r"\lambda_{\max} = \max_{\lVert w \rVert = 1,\, b} \left\lVert \sum_i r_i \, (w \cdot x_i + b)_+ "
        r"\right\rVert, \qquad r = \text{residuals of the best affine function}"
    ),
    source="optimality conditions of convex problems; new for several outputs",
    kind="equality",
    quantity="lambda_max over the largest response of a neuron to the residuals of the best affine function, minus 1",
    claimed=CLAIMED,
    hypotheses={"skip_connection": lambda instance: bool(instance["skip"])},
    draw=draw,
    violate={"skip_connection": draw_without_skip},
    on_violation={"skip_connection": (Verdict.VIOLATED, "neurons must provide the trend as well")},
    check=check,
    recheck=recheck,
    examples=_examples,
    draws=100,
    quick_draws=15,
    exact=exact,
    trusted={
        Rung.PROVED: files("lambda_max", EXACT, DUAL, PLANE),
        Rung.CERTIFIED: files("lambda_max", NEURON_BOUND),
    },
)
