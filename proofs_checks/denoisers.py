"""For clean points on rays without acute angles, the best denoiser is a sum of functions of one direction each.

Claim. Clean points x_0 + c_rk u_r lie on rays from x_0 with unit directions u_r, 0 = c_r0 < c_r1 < ... Noisy inputs within
the distance rho of a clean point have that point as label, and include the two ends x_0 + (c_rk +- rho) u_r. Let no two
rays form an acute angle, and let the balls not meet. Then f(x) = x_0 + sum_r u_r phi_r(u_r.(x - x_0)) has the least VV norm
of all functions that denoise these inputs. phi_r is c_rk on [c_rk - rho, c_rk + rho], and linear between. The cost is
sum_rk 2 g_rk / (g_rk - 2 rho), g_rk = c_r,k+1 - c_rk. One input is the case of one ray, or of two opposite ones. A simplex
without acute angles at a vertex x_0 is the case of one point on each ray.

Hypotheses. No two rays form an acute angle. Both ends of each ball along its rays are among the noisy inputs.

Source. Zeno, Ongie, Blumenfeld, Weinberger and Soudry, "How do minimum-norm shallow denoisers look in function space?"
(arXiv 2311.06748). There denoisers fit whole balls. Here finitely many inputs of the balls already determine the cost. All
others in the balls are fitted, too.

What breaks. With an acute angle the sum is wrong on the other ray, and other functions cost less than the formula. If
inputs lie in smaller balls only, slopes may be smaller.

Certificate. The `network`, two neurons for each gap g_rk, and the `dual` array.
"""

import itertools
from typing import Any

import numpy as np

from proofs_checks.support import interpolates, pack, unpack
from proofs_checks.trust import LINE, NEURON_BOUND, SPACE, files
from vvnorm.api.certification import certify
from vvnorm.api.interpolation import interpolate
from vvnorm.claims import Claim, Instance, Quick, Result, Rung, Verdict, conclude, interval_complaints
from vvnorm.network import ReLUNetwork
from vvnorm.tolerances import EPS, GAP
from vvnorm.validation import Array

CLAIMED = (-GAP, GAP)
_SOLVED = GAP / 10  # relative gap that the solver is asked for
_ROUNDING = 1e4 * EPS  # of the ends of balls, which are rounded sums, relative to the gaps between balls


# --- instances --------------------------------------------------------------------------------------------------------


def draw(rng: np.random.Generator) -> Instance:
    """Draw one or two rays on the line, up to three in the plane or two in space, with one or two points on each."""
    kind = int(rng.integers(4))
    if kind == 0:
        return _noisy(rng, np.array([[1.0], [-1.0]])[: int(rng.integers(1, 3))], 3)
    if kind == 1:
        return _noisy(rng, _turned(rng, np.cumsum([0.0, *rng.uniform(np.pi / 2, 2, 2)])), 2)
    if kind == 2:
        return _noisy(rng, _turned(rng, np.array([0.0, rng.uniform(np.pi / 2, 3)])), 2)
    plane = np.linalg.qr(rng.standard_normal((3, 2)))[0]
    return _noisy(rng, _turned(rng, np.array([0.0, rng.uniform(np.pi / 2, 3)])) @ plane.T, 1, spread=3)


def draw_short(rng: np.random.Generator) -> Instance:
    """Draw one ray of the line, or two of the plane with one point on each, and one more input."""
    if rng.random() < 0.5:
        return _noisy(rng, np.ones((1, 1)), 3, spread=1)
    return _noisy(rng, _turned(rng, np.array([0.0, rng.uniform(np.pi / 2, 3)])), 1, spread=1)


def draw_acute(rng: np.random.Generator) -> Instance:
    """Draw two rays of the plane at 35 to 70 degrees, with one point on each."""
    return _noisy(rng, _turned(rng, np.array([0.0, rng.uniform(0.6, 1.2)])), 1, spread=1)


def draw_without_ends(rng: np.random.Generator) -> Instance:
    """Draw inputs within half the radius only."""
    instance = draw_short(rng)
    near = {**instance, "radius": instance["radius"] / 2}
    return {**instance, "X": _ends(near), "labels": _labels(instance)}


def _turned(rng: np.random.Generator, angles: Array) -> Array:
    turned = angles + rng.uniform(0, 2 * np.pi)
    return np.column_stack([np.cos(turned), np.sin(turned)])


def _noisy(rng: np.random.Generator, rays: Array, most: int, spread: int = 4) -> dict[str, Any]:
    """Draw points on the rays, a radius of 5 to 40 % of half the smallest gap, and up to `spread` more inputs in balls."""
    places = [np.cumsum(rng.uniform(1, 3, int(rng.integers(1, most + 1)))) for _ in rays]
    instance: dict[str, Any] = {
        "origin": rng.standard_normal(rays.shape[1]),
        "rays": rays,
        "places": np.concatenate(places),
    }
    instance["ray_of"] = np.repeat(np.arange(len(rays)), [len(c) for c in places])
    radius = float(rng.uniform(0.05, 0.4) * min(gap for gap, _, _ in _gaps(instance)) / 2)
    instance["radius"] = radius
    X, labels = _ends(instance), _labels(instance)
    chosen = rng.integers(0, len(X), spread)
    moved = rng.standard_normal((spread, X.shape[1]))
    moved *= rng.uniform(0, 1, (spread, 1)) * radius / np.linalg.norm(moved, axis=1, keepdims=True)
    return {**instance, "X": np.vstack([X, labels[chosen] + moved]), "labels": np.vstack([labels, labels[chosen]])}


def _balls(instance: Instance) -> list[tuple[float, int]]:
    """Place and ray of each ball, the one around x_0 once for each ray."""
    at = [(0.0, r) for r in range(len(instance["rays"]))]
    return at + list(zip(instance["places"].tolist(), instance["ray_of"].tolist(), strict=True))


def _ends(instance: Instance) -> Array:
    """Both ends of each ball, along its ray."""
    rays, rho = instance["rays"], instance["radius"]
    ends = [instance["origin"] + (c + side * rho) * rays[r] for c, r in _balls(instance) for side in (-1, 1)]
    return np.array(ends)


def _labels(instance: Instance) -> Array:
    return np.array([instance["origin"] + c * instance["rays"][r] for c, r in _balls(instance) for _ in range(2)])


def _gaps(instance: Instance) -> list[tuple[float, float, int]]:
    """Each gap between neighbours on a ray, the place where it begins, and its ray."""
    gaps = []
    for r in range(len(instance["rays"])):
        places = [0.0, *instance["places"][instance["ray_of"] == r].tolist()]
        gaps += [(b - a, a, r) for a, b in itertools.pairwise(places)]
    return gaps


def _no_acute_angle(instance: Instance) -> bool:
    return all(float(u @ v) <= _ROUNDING for u, v in itertools.combinations(instance["rays"], 2))


def _ends_given(instance: Instance) -> bool:
    return all(np.any(np.all(end == instance["X"], axis=1)) for end in _ends(instance))


# --- checking ---------------------------------------------------------------------------------------------------------


def check(instance: Instance) -> Result:
    """Compare the closed form, or a solver's network where hypotheses are broken, with the bound of a dual array."""
    X, labels = instance["X"], instance["labels"]
    solution = interpolate(X, labels, tol=_SOLVED)
    best = closed_form(instance) if _no_acute_angle(instance) and _ends_given(instance) else solution.network
    certificate = pack("network", best) | {"dual": np.asarray(solution.certificate.dual)}
    return conclude(CLAIMED, *_interval(instance, certificate), certificate, **solution.provenance)


def closed_form(instance: Instance) -> ReLUNetwork:
    """Return the claimed denoiser, with two neurons for each gap."""
    rays, origin, rho = instance["rays"], instance["origin"], instance["radius"]
    W, b, V = [], [], []
    for gap, start, r in _gaps(instance):
        slope = gap / (gap - 2 * rho)
        for knot, sign in ((start + rho, 1.0), (start + gap - rho, -1.0)):
            W.append(rays[r])
            b.append(-knot - float(rays[r] @ origin))
            V.append(sign * slope * rays[r])
    return ReLUNetwork(np.array(W), np.array(b), np.array(V).T, c=origin)


def _interval(instance: Instance, arrays: Any) -> tuple[float, float]:
    """Interval of the least cost, relative to the formula."""
    formula = sum(2 * gap / (gap - 2 * instance["radius"]) for gap, _, _ in _gaps(instance))
    network = unpack("network", arrays)
    lower = certify(network, instance["X"], instance["labels"], dual=arrays["dual"]).lower_bound
    return (lower - formula) / formula - _ROUNDING, (network.vv_norm - formula) / formula + _ROUNDING


def recheck(instance: Instance, result: Result) -> list[str]:
    """Evaluate the network at all inputs, and bound the least cost again."""
    if not interpolates(unpack("network", result.certificate), instance["X"], instance["labels"]):
        return ["the network does not denoise the inputs"]
    return interval_complaints(result, *_interval(instance, result.certificate), 0.0)


CLAIM = Claim(
    id="denoisers",
    statement=(
        "For clean points on rays of which no two form an acute angle, the denoiser of least VV norm is a sum of functions "
        "of one direction each, constant on balls around the points and linear between."
    ),
    formula=(
        r"f(x) = x_0 + \sum_r u_r \, \phi_r(u_r \cdot (x - x_0)), \qquad \mathrm{VV}(f) = \sum_{r,k} "
        r"\frac{2 g_{rk}}{g_{rk} - 2 \rho}"
    ),
    source="Zeno, Ongie, Blumenfeld, Weinberger and Soudry (arXiv 2311.06748)",
    kind="equality",
    quantity="(least VV norm of a denoiser - formula) / formula",
    claimed=CLAIMED,
    hypotheses={"no_acute_angle": _no_acute_angle, "ends_of_balls": _ends_given},
    draw=draw,
    violate={"no_acute_angle": draw_acute, "ends_of_balls": draw_without_ends},
    on_violation={
        "no_acute_angle": (Verdict.VIOLATED, "a cheaper network denoises the inputs"),
        "ends_of_balls": (Verdict.VIOLATED, "with inputs in smaller balls only, slopes may be smaller"),
    },
    check=check,
    recheck=recheck,
    draws=60,
    quick_draws=5,
    quick=Quick(draw=draw_short),
    not_exact="directions of rays are rounded; exact proofs cover the plane, for labels that are rational numbers",
    trusted={Rung.CERTIFIED: files("denoisers", LINE, SPACE, NEURON_BOUND)},
)
