"""A nearly minimal interpolant is close to connect-the-dots, by a bound that is attained.

Claim. Let f interpolate the data with VV(f) <= R(D) + excess. At the fraction tau of a piece of length h between two
curvatures at angle theta, ||f(t) - f_D(t)|| <= excess * h tau (1 - tau) / (1 - ||eta(t)||) <= excess * h / (1 - cos theta),
where eta is the dual certificate. The docstring of `vvnorm.solvers.univariate.interpolation.stability` has the forms for
pieces beside a point of curvature 0 or at an end.

Hypothesis. f interpolates. (A network that does not interpolate the labels interpolates its own values: `vvnorm.certify`
applies the bound to those and adds the residual.)

Source. New. It is tested on interpolants that come as close to the bound as they can.

What breaks. A shifted f_D costs R(D), but is far from f_D.

Certificate. The `points` at which distances are measured (kinks and midpoints), and `distance` and `bound` at each.
"""

import math
from bisect import bisect
from fractions import Fraction
from itertools import pairwise

import numpy as np

from proofs_checks.rational import Interval, as_line, less, network, norm, rational_kinks, spread
from proofs_checks.support import interpolant_of, interpolates, pack, real_instances, total_curvature, unpack, with_hinges
from proofs_checks.trust import EXACT, FORMAL, LINE, files
from vvnorm.api.certification import certify
from vvnorm.claims import Claim, Instance, Result, Rung, Undecided, Verdict, conclude, interval_complaints
from vvnorm.network import ReLUNetwork
from vvnorm.validation import Array
from vvnorm.verifier.exact.rationals import Vector, dot, norm_squared, root_bounds

_SLACK = 1e-6  # excesses are at least 1e-5 of R(D) below, and computed to 1e-13 of it
CLAIMED = (-np.inf, 1.0 + _SLACK)
_RESOLUTION = 1e-6  # bounds count as at least this share of the labels' range, since below it f - f_D is mostly rounding


def draw(rng: np.random.Generator) -> Instance:
    """Draw an interpolant that is f_D plus tents that vanish at the data: mostly a tight one, else several random ones."""
    n, T = int(rng.integers(4, 15)), int(rng.integers(2, 5))
    x_scale, y_scale = 10.0 ** rng.uniform(-10, 10, 2)
    x, Y = x_scale * np.cumsum(rng.uniform(0.2, 1, n)), y_scale * rng.standard_normal((n, T))
    gap = int(rng.integers(1, len(x) - 2))
    t = x[gap] + rng.uniform(0.2, 0.8) * (x[gap + 1] - x[gap])
    size = 10.0 ** rng.uniform(-3, -1)
    f = _tightest(x, Y, gap, float(t), size) if rng.random() < 0.7 else _with_tents(x, Y, size, rng)
    return {"x": x, "Y": Y, **pack("network", f)}


def draw_missing(rng: np.random.Generator) -> Instance:
    """Shift f_D by a tenth of the labels' range, which does not change its cost."""
    instance = draw(rng)
    f = interpolant_of(instance["x"], instance["Y"]).network
    shift = 0.1 * np.ptp(instance["Y"], axis=0).max() * np.ones(f.n_outputs)
    return {**instance, **pack("network", ReLUNetwork(f.W, f.b, f.V, f.A, f.c + shift))}


def _tightest(x: Array, Y: Array, gap: int, t: float, size: float) -> ReLUNetwork:
    """Move curvature along eta(t) from both ends of the gap to t, which attains the bound to first order in `size`."""
    dots = interpolant_of(x, Y)
    delta = dots.dots.curvatures(gap - 1, gap + 1)
    unit = delta / np.linalg.norm(delta, axis=1)[:, None]
    tau = (t - x[gap]) / (x[gap + 1] - x[gap])
    eta = (1 - tau) * unit[0] + tau * unit[1]
    v = (size * np.linalg.norm(delta, axis=1).min() / np.linalg.norm(eta)) * eta
    knots = np.array([x[gap], t, x[gap + 1]])
    return with_hinges(dots.network, knots, np.array([-(1 - tau) * v, v, -tau * v])).simplified(tol=0.0)


def _with_tents(x: Array, Y: Array, size: float, rng: np.random.Generator) -> ReLUNetwork:
    """Add a tent of random direction in about every third piece."""
    f = interpolant_of(x, Y).network
    cost = total_curvature(x, Y)
    for i in np.flatnonzero(rng.random(len(x) - 1) < 0.35).tolist() or [0]:
        tau = rng.uniform(0.1, 0.9)
        v = rng.standard_normal(Y.shape[1])
        v *= size * cost / float(np.linalg.norm(v))
        t = x[i] + tau * (x[i + 1] - x[i])
        f = with_hinges(f, np.array([x[i], t, x[i + 1]]), np.array([-(1 - tau) * v, v, -tau * v])).simplified(tol=0.0)
    return f


def check(instance: Instance) -> Result:
    """Divide the distance to f_D by the bound at the network's kinks and at midpoints, and take the largest ratio."""
    x, Y = instance["x"], instance["Y"]
    f = unpack("network", instance)
    solution = interpolant_of(x, Y)
    points = _probes(f, x)
    distance = np.linalg.norm(f(points) - solution(points), axis=1)
    excess = max(f.vv_norm - solution.dots.value, 0.0)
    bound = solution.distance_bound(points, excess)
    ratio = _largest_ratio(distance, bound, Y)
    return conclude(
        CLAIMED,
        ratio * (1 - _SLACK / 2),
        ratio * (1 + _SLACK / 2),
        {"points": points, "distance": distance, "bound": bound},
        excess=excess / solution.dots.value,
        **solution.provenance,
    )


def _probes(f: ReLUNetwork, x: Array) -> Array:
    """Kinks of f strictly inside the pieces, and the midpoints of the pieces."""
    kinks = f.kinks[0]
    far = np.min(np.abs(kinks[:, None] - x), axis=1) > 1e-6 * (x[-1] - x[0])
    inside = (kinks > x[0]) & (kinks < x[-1])
    return np.sort(np.concatenate([kinks[inside & far], (x[1:] + x[:-1]) / 2]))


def _largest_ratio(distance: Array, bound: Array, Y: Array) -> float:
    return float(np.max(distance / np.maximum(bound, _RESOLUTION * np.ptp(Y, axis=0).max())))


def recheck(instance: Instance, result: Result) -> list[str]:
    """Recompute distances and bounds point by point from the formula, in plain loops."""
    x, Y = instance["x"], instance["Y"]
    f = unpack("network", instance)
    points = result.certificate["points"]
    if not np.array_equal(points, _probes(f, x)):
        return ["the points are not the kinks and midpoints"]
    slopes = np.diff(Y, axis=0) / np.diff(x)[:, None]
    delta = np.diff(slopes, axis=0)
    cost = math.fsum(math.hypot(*row) for row in delta)
    spent = math.fsum(abs(w) * math.hypot(*v) for w, v in zip(f.W[:, 0], f.V.T, strict=True))
    excess = max(spent - cost, 0.0)
    distances, constants, coarse = [], [], []
    for t in points.tolist():
        i = int(np.searchsorted(x, t, side="right")) - 1
        h = x[i + 1] - x[i]
        tau = (t - x[i]) / h
        distances.append(_distance(f, x, Y, t))
        left = delta[i - 1] / math.hypot(*delta[i - 1]) if i > 0 else np.zeros(Y.shape[1])
        right = delta[i] / math.hypot(*delta[i]) if i < len(delta) else np.zeros(Y.shape[1])
        eta = (1 - tau) * left + tau * right
        constants.append(h * tau * (1 - tau) / (1 - math.hypot(*eta)))
        coarse.append(h / (1 - float(left @ right)))
    bounds = excess * np.array(constants)
    noise = 1e-12 * cost * np.array(constants) + _RESOLUTION * _SLACK / 4 * np.ptp(Y, axis=0).max()
    complaints = []
    scale = float(np.ptp(Y, axis=0).max())
    if not np.allclose(result.certificate["distance"], distances, rtol=_SLACK / 4, atol=_RESOLUTION * scale * _SLACK / 4):
        complaints.append("distances do not match")
    claimed = result.certificate["bound"]
    if not np.all((claimed >= 0) & (np.abs(claimed - bounds) <= _SLACK / 4 * bounds + noise)):
        complaints.append("bounds do not match")
    if any(fine > (1 + 1e-9) * rough for fine, rough in zip(constants, coarse, strict=True)):
        complaints.append("the pointwise bound exceeds excess * h / (1 - cos theta)")
    ratio = _largest_ratio(np.array(distances), bounds, Y)
    complaints += interval_complaints(result, ratio * (1 - _SLACK / 2), ratio * (1 + _SLACK / 2), _SLACK * max(ratio, 1e-3))
    return complaints + _certificate_complaints(f, x, Y, max(coarse))


def _distance(f: ReLUNetwork, x: Array, Y: Array, t: float) -> float:
    """||f(t) - f_D(t)||, term by term."""
    i = min(int(np.searchsorted(x, t, side="right")) - 1, len(x) - 2)
    dots = Y[i] + (Y[i + 1] - Y[i]) / (x[i + 1] - x[i]) * (t - x[i])
    return math.hypot(*(f.V @ np.maximum(f.W[:, 0] * t + f.b, 0.0) + f.A[:, 0] * t + f.c - dots))


def _certificate_complaints(f: ReLUNetwork, x: Array, Y: Array, constant: float) -> list[str]:
    """Compare distance and bound of the network's certificate with the largest distance, and with the theory's bound."""
    judged, scale = certify(f, x, Y), float(np.ptp(Y, axis=0).max())
    kinks = [t for t in f.kinks[0].tolist() if x[0] < t < x[-1]]
    largest = max(_distance(f, x, Y, t) for t in [*x.tolist(), *kinks])
    bound = float(judged.excess * constant + judged.residual)
    expected = (("distance", judged.distance, largest), ("distance bound", judged.distance_bound, bound))
    return [
        f"the certificate's {name} is {said!r}, and should be {right!r}"
        for name, said, right in expected
        if not abs(said - right) <= _SLACK * (right + _RESOLUTION * scale)
    ]


def _examples() -> dict[str, Instance]:
    """Real data of several outputs, standardised, and an interpolant as far away as possible in the widest gap."""
    instances: dict[str, Instance] = {}
    for name, data in real_instances(outputs=lambda T: T > 1).items():
        x, Y = data["x"], (data["Y"] - data["Y"].mean(axis=0)) / data["Y"].std(axis=0)
        gap = 1 + int(np.argmax(np.diff(x)[1:-1]))
        instances[name] = {"x": x, "Y": Y, **pack("network", _tightest(x, Y, gap, float(x[gap] + x[gap + 1]) / 2, 0.1))}
    return instances


def exact(instance: Instance) -> Interval:
    """Enclose distances, the excess and the bounds at the network's kinks and at midpoints, and take the largest ratio."""
    line, f = as_line(instance["x"], instance["Y"]), network("network", instance)
    spent, least = f.cost_bounds, line.bounds
    excess = max(spent[0] - least[1], Fraction(0)), max(spent[1] - least[0], Fraction(0))
    floor = Fraction(_RESOLUTION) * spread(line)
    x, nothing, far = line.inputs, (Fraction(0),) * line.n_outputs, Fraction(1, 10**6)
    kinks = [t for t in rational_kinks(f, x[0], x[-1]) if min(abs(t - at) for at in x) > far * (x[-1] - x[0])]
    ends = [nothing, *line.curvatures, nothing]
    dots, ratio = line.network, (Fraction(0), Fraction(0))
    probes = sorted([*kinks, *((low + high) / 2 for low, high in pairwise(x))])
    points = tuple((t,) for t in probes)
    for t, value, dot_value in zip(probes, f.values(points), dots.values(points), strict=True):
        i = bisect(x, t) - 1
        h = x[i + 1] - x[i]
        constant = _enclosed_constant(ends[i], ends[i + 1], i == 0, i == len(x) - 2, (t - x[i]) / h)
        distance = norm(less(value, dot_value))
        bounds = [max(h * c * e, floor) for c, e in zip(constant, excess, strict=True)]
        ratio = max(ratio[0], distance[0] / bounds[1]), max(ratio[1], distance[1] / bounds[0])
    return ratio


def _enclosed_constant(a: Vector, b: Vector, first: bool, last: bool, tau: Fraction) -> Interval:
    """Enclose tau (1 - tau) / (1 - ||eta||) between curvatures a and b; `first`, `last`: the piece ends the data there."""
    if any(a) and any(b):
        size, product = root_bounds(norm_squared(a) * norm_squared(b)), dot(a, b)
        apart = sorted(1 - product / entry for entry in size)  # 1 - cos theta
        if apart[0] <= 0:
            raise Undecided("neighbouring curvatures are aligned: there is no bound between them")
        eta = [root_bounds(1 - 2 * tau * (1 - tau) * entry) for entry in apart]
        return (1 + eta[1][0]) / (2 * apart[1]), (1 + eta[0][1]) / (2 * apart[0])
    if not any(a) and not any(b):
        return tau * (1 - tau), tau * (1 - tau)
    s = tau if any(a) else 1 - tau  # the fraction from the end with a curvature
    if last if any(a) else first:
        return 1 - s, 1 - s
    constant = (1 - s) / 2 if s < Fraction(1, 2) else s * (1 - s)
    return constant, constant


CLAIM = Claim(
    id="stability",
    statement=(
        "For one input, an interpolant of VV norm R(D) + excess differs from connect-the-dots by at most "
        "excess * h tau (1 - tau) / (1 - ||eta||) at the fraction tau of a piece of length h."
    ),
    formula=(
        r"\mathrm{VV}(f) \le R(D) + \varepsilon \quad \Rightarrow \quad \lVert f(t) - f_D(t) \rVert \le "
        r"\frac{\varepsilon \, h \, \tau (1 - \tau)}{1 - \lVert \eta(t) \rVert}"
    ),
    source="new",
    kind="bound",
    quantity="largest ratio of distance to bound",
    claimed=CLAIMED,
    hypotheses={"interpolates": lambda instance: interpolates(unpack("network", instance), instance["x"], instance["Y"])},
    draw=draw,
    violate={"interpolates": draw_missing},
    on_violation={"interpolates": (Verdict.VIOLATED, "a shifted f_D costs R(D), but is far away")},
    check=check,
    recheck=recheck,
    examples=_examples,
    draws=200,
    quick_draws=20,
    exact=exact,
    theorems={
        "stability": "the bound excess * h / (1 - cos theta) for a whole piece, not the finer one at a fraction of it",
        "residuals": "what residuals at the labels add to that bound",
    },
    trusted={
        Rung.MACHINE_CHECKED: FORMAL,
        Rung.PROVED: files("stability", EXACT),
        Rung.CERTIFIED: files("stability", LINE),
    },
)
