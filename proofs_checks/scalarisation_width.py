"""Networks of N - 2 neurons are wide enough for weighted sums to reach every Pareto point; a single one is not, for N = 4.

Claim. For one input, N points, convex task losses and networks of K >= N - 2 neurons with a skip connection, every Pareto
point of the losses and the VV norm minimises a weighted sum of them. Whatever a wider network reaches at the points,
connect-the-dots of its values reaches with N - 2 neurons and no larger cost. So K does not matter, and the claim
`multi_objective` applies.

Hypothesis. There are at least N - 2 neurons.

Source. Hu, Xian, Wu, Fan, Yin and Zhao, "Revisiting scalarization in multi-task learning: a theoretical perspective" (arXiv
2308.13985): for linear networks that are too narrow for all tasks, weighted sums miss parts of the Pareto front. The width
for ReLU networks of one input is new.

What breaks. For N = 4 and one neuron the values at the points, beside affine functions, are multiples of a vector u(s) in
the plane, whose angle runs from 0 to phi as the kink moves from x_2 to x_3. Two squared losses are ||z_t||^2 sin^2 of the
angle between z_t and u(s). Let z_1 have an angle between phi - 90 degrees and 0, and z_2 between phi and 90 degrees. Then
one loss rises and the other falls with s, so each s gives a Pareto point. But the curve is concave in the middle. Some
mixture of the objectives of two networks with kinks at x_2 and x_3 is smaller in every entry, VV norm included. So each
choice of weights prefers one of these two. (Without neurons all is convex again: affine functions form a linear space.)

Certificate. With N - 2 neurons that of `multi_objective`. With one: the `kink` of the point, the `share` of the first rival
in the mixture, and the factor `scale` of both rivals' neurons.
"""

from typing import Any

import numpy as np

from proofs_checks.multi_objective import check as check_wide
from proofs_checks.multi_objective import draw as draw_task_data
from proofs_checks.multi_objective import recheck as recheck_wide
from proofs_checks.trust import LINE_FIT, REGULARISED, files
from vvnorm.claims import Claim, Instance, Result, Rung, Verdict, conclude, interval_complaints
from vvnorm.network import ReLUNetwork
from vvnorm.solvers.univariate.interpolation import connect_the_dots
from vvnorm.tolerances import EPS, GAP
from vvnorm.validation import Array

CLAIMED = (-GAP, GAP)
_ROUNDING = 1e3 * EPS  # of objectives at four points, relative
_SHARES = np.linspace(0.0, 1.0, 41)
_SCALES = np.linspace(0.5, 1.0, 26)


# --- instances --------------------------------------------------------------------------------------------------------


def draw(rng: np.random.Generator) -> Instance:
    """Draw an instance of `multi_objective`, with N - 2 neurons."""
    instance = draw_task_data(rng)
    return {**instance, "neurons": len(instance["x"]) - 2}


def draw_narrow(rng: np.random.Generator) -> Instance:
    """Draw four equidistant points and two tasks as described above, for one neuron."""
    x = rng.standard_normal() + 2.0 ** rng.integers(-5, 6) * np.arange(4)
    basis, ends = _plane(x)
    first = ends[0] / np.linalg.norm(ends[0])
    across = ends[1] - (first @ ends[1]) * first
    across /= np.linalg.norm(across)
    phi = float(np.arctan2(across @ ends[1], first @ ends[1]))
    margins = np.deg2rad(rng.uniform(1, 8, 2))
    angles = np.array([phi - np.pi / 2 + margins[0], np.pi / 2 - margins[1]])
    z = rng.uniform(0.9, 1.1, 2) * (np.outer(first, np.cos(angles)) + np.outer(across, np.sin(angles)))
    size = 2.0 ** rng.integers(-5, 6)
    Y = size * (basis @ z + x[:, None] * rng.standard_normal(2) + rng.standard_normal(2))
    return {"x": x, "Y": Y, "weights": np.ones((4, 2)), "losses": ("squared",) * 2, "neurons": 1}


def _plane(x: Array) -> tuple[Array, list[Array]]:
    """Orthonormal basis of values beside affine functions, (4, 2), and in it the neurons with kinks x_2 and x_3."""
    basis: Array = np.linalg.qr(np.column_stack([np.ones(4), x]), mode="complete")[0][:, 2:]
    return basis, [basis.T @ np.maximum(x - kink, 0.0) for kink in x[1:3]]


def _wide(instance: Instance) -> bool:
    return bool(instance["neurons"] >= len(np.unique(instance["x"])) - 2)


# --- checking ---------------------------------------------------------------------------------------------------------


def check(instance: Instance) -> Result:
    """Certify a Pareto point for weights, or a mixture of two networks below a Pareto point."""
    if _wide(instance):
        return check_wide(instance)
    kink = float(instance["x"][1:3].mean())
    point = _objectives(instance, _best(instance, kink, 1.0))
    gains = np.array([_gains(point, instance, float(scale), _SHARES) for scale in _SCALES])
    j, i = np.unravel_index(np.argmax(gains), gains.shape)
    certificate = {"kink": np.array([kink]), "share": _SHARES[[i]], "scale": _SCALES[[j]]}
    return conclude(CLAIMED, *_interval(instance, certificate), certificate, method="mixtures of two kinks")


def _best(instance: Instance, kink: float, scale: float) -> ReLUNetwork:
    """Network with one kink that fits both tasks best, its neuron scaled, and the best affine part beside it."""
    x, Y = instance["x"], instance["Y"]
    hinge, affine = np.maximum(x - kink, 0.0)[:, None], np.column_stack([np.ones(4), x])
    V = scale * np.linalg.lstsq(np.hstack([hinge, affine]), Y, rcond=None)[0][:1]
    c, A = np.linalg.lstsq(affine, Y - hinge @ V, rcond=None)[0]
    return ReLUNetwork(np.ones((1, 1)), np.array([-kink]), V.T, A[:, None], c)


def _objectives(instance: Instance, network: ReLUNetwork) -> Array:
    """Both losses and the VV norm."""
    return np.append(np.sum((network(instance["x"]) - instance["Y"]) ** 2, axis=0) / 2, network.vv_norm)


def _gains(point: Array, instance: Instance, scale: float, shares: Array) -> Array:
    """Least relative amount over the objectives by which mixtures lie below the point, for each share."""
    left, right = (_objectives(instance, _best(instance, float(kink), scale)) for kink in instance["x"][1:3])
    gains: Array = np.min(1 - (np.outer(shares, left) + np.outer(1 - shares, right)) / point, axis=1)
    return gains


def _interval(instance: Instance, arrays: Any) -> tuple[float, float]:
    """From below for all weights at once: the better one of the two rivals is as good as their mixture."""
    point = _objectives(instance, _best(instance, float(arrays["kink"][0]), 1.0))
    return float(_gains(point, instance, float(arrays["scale"][0]), arrays["share"])[0]) - _ROUNDING, 1.0


def recheck(instance: Instance, result: Result) -> list[str]:
    """Recheck as `multi_objective` does, and count neurons; or check that the point is a Pareto point, and the mixture."""
    arrays = result.certificate
    if _wide(instance):
        complaints = recheck_wide(instance, result)
        if connect_the_dots(instance["x"], arrays["values"]).n_neurons > instance["neurons"]:
            complaints.append("the point needs more neurons")
        return complaints
    x = instance["x"]
    basis, (left, right) = _plane(x)
    first, second = (basis.T @ instance["Y"]).T
    if not (x[1] < arrays["kink"][0] < x[2] and 0 <= arrays["share"][0] <= 1):
        return ["the kink must lie between the inner points, and the share in [0, 1]"]
    sharp = min(v @ u for v in (first, second) for u in (left, right)) > 0  # all angles are below 90 degrees
    turn = [a[0] * b[1] - a[1] * b[0] for a, b in ((first, left), (left, right), (right, second))]
    if not (sharp and (min(turn) > 0 or max(turn) < 0)):
        return ["the losses need not be monotone in the kink, so the point need not be a Pareto point"]
    return interval_complaints(result, *_interval(instance, arrays), 0.0)


CLAIM = Claim(
    id="scalarisation_width",
    statement=(
        "For one input and networks of at least N - 2 neurons, every Pareto point of convex task losses and the VV norm "
        "minimises a weighted sum of them."
    ),
    formula=(
        r"K \ge N - 2: \quad f \text{ Pareto optimal} \;\Rightarrow\; f \in \mathrm{argmin}_{K \text{ neurons}} "
        r"\sum_t a_t L_t + \lambda \mathrm{VV} \text{ for some } (a, \lambda) \ge 0"
    ),
    source="new; the width that Hu, Xian, Wu, Fan, Yin and Zhao (arXiv 2308.13985) find missing in linear networks",
    kind="existence",
    quantity="least over all weights of (weighted sum at the Pareto point - least one) / weighted sum at the point",
    claimed=CLAIMED,
    hypotheses={"wide": _wide},
    draw=draw,
    violate={"wide": draw_narrow},
    on_violation={"wide": (Verdict.VIOLATED, "for every choice of weights one of two other networks is better")},
    check=check,
    recheck=recheck,
    draws=30,
    quick_draws=2,
    not_exact="it compares fits under many weights; exact proofs cover one fit under the squared loss",
    trusted={Rung.CERTIFIED: files("scalarisation_width", ("proofs_checks/multi_objective.py",), LINE_FIT, REGULARISED)},
)
