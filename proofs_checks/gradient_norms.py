"""The measured mean and largest gradient norms over a region equal sums over the cells of the network.

Claim. Let the kinks of all neurons be parallel to the sides of a rectangle, so that they cut it into rectangular cells. The
mean of ||grad f_1|| over the rectangle is the sum over cells of the gradient's norm times the cell's share of the area. The
largest norm is that of some cell. Rotating the rectangle with the network changes neither.

Hypothesis. The kinks are parallel to the sides of the rectangle.

Source. The definitions. The claim tests the measures on which the claims about smoothness rely.

What breaks. Kinks in other directions cut these cells into parts with different gradients.

Certificate. The measured `mean`; `largest`, a lower and an upper bound of the largest norm; and `sampled`, the interval of
the mean by quasi-Monte Carlo.
"""

from typing import Any

import numpy as np

from proofs_checks.support import pack, unpack
from proofs_checks.trust import LINE, MEASURES, files
from vvnorm.analysis.measures import max_gradient_norm, mean_gradient_norm
from vvnorm.claims import Claim, Instance, Result, Rung, Verdict, conclude, interval_complaints
from vvnorm.network import ReLUNetwork
from vvnorm.validation import Array

CLAIMED = (-np.inf, 1e-9)

_ROUNDING = 1e-10
_SURE = 1 - 1e-6  # confidence of the sampled interval: it misses in one of a million draws


def draw(rng: np.random.Generator) -> Instance:
    """Draw a rectangle of any size, rotated by any angle, and up to 12 neurons with kinks parallel to its sides."""
    K = int(rng.integers(2, 13))
    sides, angle = 10.0 ** rng.uniform(-3, 3, 2), rng.uniform(0, 2 * np.pi, 1)
    along = np.eye(2)[rng.integers(0, 2, K)] * rng.choice([-1.0, 1.0], (K, 1)) / sides
    return _instance(along, rng.uniform(-1, 1, K), angle, sides, rng)


def draw_oblique(rng: np.random.Generator) -> Instance:
    """Draw the same with kinks in random directions."""
    instance = draw(rng)
    K, angles = len(instance["network.b"]), rng.uniform(0.2, np.pi / 2 - 0.2, len(instance["network.b"]))
    oblique = np.column_stack([np.cos(angles), np.sin(angles)]) / instance["sides"]
    return _instance(oblique, 0.2 * rng.uniform(-1, 1, K), instance["angle"], instance["sides"], rng)


def _instance(W: Array, b: Array, angle: Array, sides: Array, rng: np.random.Generator) -> dict[str, Any]:
    """Take weights W (K, 2), b (K,) in coordinates along the sides of the rectangle [-sides, sides]; rotate everything."""
    V, A, turn = rng.standard_normal((1, len(b))), rng.standard_normal((1, 2)) / sides, _rotation(angle)
    network = ReLUNetwork(W @ turn.T, b, V, A @ turn.T, np.zeros(1))
    return {**pack("network", network), "angle": angle, "sides": sides}


def _rotation(angle: Array) -> Array:
    """Rotation by an angle (1,)."""
    cos, sin = np.cos(angle[0]), np.sin(angle[0])
    return np.array([[cos, -sin], [sin, cos]])


def check(instance: Instance) -> Result:
    """Measure the gradient norms, and compare with sums over the cells."""
    f, corners = unpack("network", instance), _corners(instance)
    mean = mean_gradient_norm(f, corners, exact=True)
    largest = max_gradient_norm(f, corners)
    certificate = {
        "mean": np.array([mean.mean]),
        "largest": np.array([largest.low, largest.high]),
        "sampled": _sampled(instance),
    }
    return conclude(CLAIMED, *_interval(instance, certificate), certificate)


def _sampled(instance: Instance) -> Array:
    estimate = mean_gradient_norm(unpack("network", instance), _corners(instance), n=1024, confidence=_SURE)
    return np.array([estimate.low, estimate.high])


def _corners(instance: Instance) -> Array:
    signs = np.array([[-1, -1], [-1, 1], [1, 1], [1, -1]])
    corners: Array = signs * instance["sides"] @ _rotation(instance["angle"]).T
    return corners


def _by_cells(instance: Instance) -> tuple[float, float]:
    """Mean and largest ||grad f||, computed cell by cell between the kinks that are parallel to a side."""
    f, turn, sides = unpack("network", instance), _rotation(instance["angle"]), instance["sides"]
    W, A = f.W @ turn * sides, f.A @ turn * sides  # of the square [-1, 1]^2
    cuts = []
    for side in range(2):
        parallel = np.abs(W[:, 1 - side]) <= 1e-9 * np.abs(W[:, side])
        kinks = -f.b[parallel] / W[parallel, side]
        cuts.append(np.unique([-1, 1, *kinks[np.abs(kinks) < 1]]))
    total = largest = 0.0
    for x0, x1 in zip(cuts[0], cuts[0][1:], strict=False):
        for y0, y1 in zip(cuts[1], cuts[1][1:], strict=False):
            middle = np.array([x0 + x1, y0 + y1]) / 2
            gradient = A[0] + np.where(W @ middle + f.b > 0, f.V[0], 0.0) @ W
            size = float(np.hypot(*(gradient / sides)))
            total, largest = total + size * (x1 - x0) * (y1 - y0) / 4, max(largest, size)
    return total, largest


def _interval(instance: Instance, arrays: Any) -> tuple[float, float]:
    """Interval of the sum of the measures' relative deviations from the sums over cells."""
    mean, largest = _by_cells(instance)
    low, high = arrays["sampled"]
    outside = max(low - mean, mean - high, 0.0) if low <= high else np.inf
    errors = [abs(arrays["mean"][0] - mean) / mean, *np.abs(arrays["largest"] - largest) / largest, outside / mean]
    return float(sum(errors)) - _ROUNDING, float(sum(errors)) + _ROUNDING


def recheck(instance: Instance, result: Result) -> list[str]:
    """Sum over the cells again, and sample again; the sampled interval must be neither a point nor useless."""
    arrays, again = result.certificate, _sampled(instance)
    if any(arrays[name].shape != (n,) for name, n in (("mean", 1), ("largest", 2), ("sampled", 2))):
        return ["the certificate lacks numbers"]
    complaints = interval_complaints(result, *_interval(instance, arrays), _ROUNDING)
    low, high = arrays["sampled"]
    if not np.allclose(arrays["sampled"], again, rtol=_ROUNDING, atol=0):
        complaints.append(f"the sampled interval is [{low!r}, {high!r}], drawn again it is {again.tolist()!r}")
    if _is_curved(instance) and not 0 < high - low < 0.5 * high:
        complaints.append(f"the sampled interval is [{low!r}, {high!r}]")
    return complaints


def _is_curved(instance: Instance) -> bool:
    """Whether the gradient varies visibly over the rectangle."""
    mean, largest = _by_cells(instance)
    return largest > 1.01 * mean


def _parallel(instance: Instance) -> bool:
    W = instance["network.W"] @ _rotation(instance["angle"]) * instance["sides"]
    return bool(np.all(np.abs(W).min(axis=1) <= 1e-9 * np.abs(W).max(axis=1)))


CLAIM = Claim(
    id="gradient_norms",
    statement="Measured mean and largest gradient norms over a rectangle equal those computed cell by cell.",
    formula=(
        r"\frac{1}{|B|} \int_B \lVert \nabla f_1 \rVert \, dx = \frac{1}{|B|} \sum_{\mathrm{cells}\ c} |c| \, "
        r"\lVert g_c \rVert, \qquad \max_B \lVert \nabla f_1 \rVert = \max_c \lVert g_c \rVert"
    ),
    source="the definitions",
    kind="equality",
    quantity="sum of the relative deviations of the mean, largest and sampled gradient norm from the sums over cells",
    claimed=CLAIMED,
    hypotheses={"kinks_parallel_to_sides": _parallel},
    draw=draw,
    violate={"kinks_parallel_to_sides": draw_oblique},
    on_violation={
        "kinks_parallel_to_sides": (
            Verdict.VIOLATED,
            "oblique kinks cut the cells, so that the gradient varies inside a cell",
        )
    },
    check=check,
    recheck=recheck,
    draws=200,
    quick_draws=20,
    not_exact="it compares numbers that functions of the library compute in float64",
    trusted={
        Rung.CERTIFIED: files("gradient_norms", MEASURES, LINE),
    },
)
