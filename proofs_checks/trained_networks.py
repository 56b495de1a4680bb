"""Networks trained by gradient descent reach the minimal cost, and end near connect-the-dots where theory says so.

Claim. Networks of one input, trained from several seeds with weight decay, reach a cost within 1 % of R(D). If no
neighbouring curvatures are nearly aligned, all of them end within 3 % of connect-the-dots.

Hypothesis. Neighbouring curvatures are apart: 1 - cos of their angle is at least 1/2. (By the claim `stability` the
distance is bounded in proportion to the inverse of this number and to the excess cost, which grows with the number of
points. In the limit of long training a smaller threshold would suffice.)

Source. Nakhleh, Shenouda and Nowak (arXiv 2410.21696), Section 3, where it is judged by eye. Here each network has an exact
bound on the cost and the exact largest distance to connect-the-dots.

What breaks. With one output and aligned curvatures, networks end at the same cost, but differ from each other.

Certificate. The network of each seed, and its `values` at the inputs.
"""

from typing import Any

import numpy as np

from proofs_checks.support import pack, real_instances, unpack
from proofs_checks.trust import LINE, MEASURES, files
from vvnorm.analysis.measures import sup_distance
from vvnorm.api.certification import certify
from vvnorm.claims import Claim, Instance, Quick, Result, Rung, Verdict, conclude, interval_complaints
from vvnorm.datasets import gaussian_auxiliary
from vvnorm.network import ReLUNetwork
from vvnorm.validation import Array

CLAIMED = (-np.inf, 0.03)
COST = 0.01
"""Networks with a relative distance to R(D), or a relative residual, above this make the result inconclusive."""

_SEEDS = 8
_EFFORT: tuple[tuple[int, dict[str, Any]], ...] = (
    (12, {"steps": 1200, "lr": 0.02}),
    (16, {"steps": 3500}),
    (30, {"steps": 5000}),
)
_MOST_EFFORT: dict[str, Any] = {"steps": 10_000}
"""Training options for up to so many points, and beyond; the learning rate is the default if none is given."""

_APART = 0.5
_ATTEMPTS = 1000  # draws of Gaussian outputs until curvatures are apart
_ROUNDING = 1e-9  # of two evaluations of a trained network, relative to the labels


def draw(rng: np.random.Generator) -> Instance:
    """Draw 1, 2, 5 or 20 Gaussian outputs at 5 to 50 irregular inputs; labels are redrawn until curvatures are apart.

    With one output that means curvatures of alternating sign.
    """
    return _drawn(rng, round(5 * 10 ** rng.uniform(0, 1)))


def draw_few(rng: np.random.Generator) -> Instance:
    """Draw the same at 5 to 12 inputs, for which fewer steps suffice."""
    return _drawn(rng, int(rng.integers(5, _EFFORT[0][0] + 1)))


def _drawn(rng: np.random.Generator, n: int) -> Instance:
    T = int(rng.choice([1, 2, 5, 20]))
    x, Y = np.cumsum(rng.uniform(0.3, 1, n)), rng.standard_normal((n, T))
    for i in range(3, n):
        while not _curvatures_apart({"x": x[i - 3 : i + 1], "Y": Y[i - 3 : i + 1]}):
            Y[i] = rng.standard_normal(T)
    return {"x": x, "Y": Y}


def draw_aligned(rng: np.random.Generator) -> Instance:
    """Draw one output in the shape of basins: at each floor two neighbouring curvatures have the same sign."""
    basins = int(rng.integers(2, 4))
    y = np.append(np.tile([1.0, 0.0, 0.0], basins), 1.0)
    return {"x": np.cumsum(rng.uniform(0.7, 1, len(y))), "Y": y[:, None] * rng.uniform(1, 5)}


def _curvatures_apart(instance: Instance) -> bool:
    x, Y = instance["x"], instance["Y"]
    delta = np.diff(np.diff(Y, axis=0) / np.diff(x)[:, None], axis=0)
    unit = delta / np.linalg.norm(delta, axis=1)[:, None]
    return bool(np.all(np.sum(unit[1:] * unit[:-1], axis=1) <= 1 - _APART))


def check(instance: Instance) -> Result:
    """Train from several seeds together; measure the largest distance to connect-the-dots and between networks."""
    from vvnorm.training import train

    x, Y = instance["x"], instance["Y"]
    effort = next((settings for most, settings in _EFFORT if len(x) <= most), _MOST_EFFORT)
    trained = train(x, Y, seeds=_SEEDS, progress=False, **effort)
    certificate: dict[str, Any] = {}
    for seed, network in zip(trained.seeds, trained.networks, strict=True):
        certificate |= pack(f"seed{seed}", network)
    certificate["values"] = _values(trained.networks, x)
    lower, upper = _interval(trained.networks, x, Y)
    return conclude(CLAIMED, lower, upper, certificate, lam=trained.lam, training=trained.settings)


def _values(networks: list[ReLUNetwork], x: Array) -> Array:
    """Values of the networks at the inputs, (seeds, N, T)."""
    return np.stack([network(x) for network in networks])


def _interval(networks: list[ReLUNetwork], x: Array, Y: Array) -> tuple[float, float]:
    """Interval of the largest distance over the labels' range; (0, inf) unless all costs are nearly minimal."""
    judged = [certify(network, x, Y) for network in networks]
    if not all(abs(c.vv_norm - c.lower_bound) <= COST * c.lower_bound and c.relative_residual <= COST for c in judged):
        return 0.0, np.inf
    apart = [sup_distance(f, g, x[0], x[-1]) for i, f in enumerate(networks) for g in networks[:i]]
    largest = max([c.distance for c in judged] + apart) / float(np.ptp(Y, axis=0).max())
    return max(largest - _ROUNDING, 0.0), largest + _ROUNDING


def recheck(instance: Instance, result: Result) -> list[str]:
    """Certify every network again and compare them pairwise."""
    networks = [unpack(f"seed{seed}", result.certificate) for seed in range(_SEEDS)]
    if any(np.array_equal(f.W, g.W) for i, f in enumerate(networks) for g in networks[:i]):
        return ["two seeds gave the same network"]
    recorded, values = result.certificate["values"], _values(networks, instance["x"])
    if recorded.shape != values.shape or np.any(
        np.abs(recorded - values) > _ROUNDING * np.ptp(instance["Y"], axis=0).max()
    ):
        return ["the values do not match the networks"]
    return interval_complaints(result, *_interval(networks, instance["x"], instance["Y"]), _ROUNDING)


def _examples() -> dict[str, Instance]:
    """Real data, standardised: every other point of a series, with one and four Gaussian outputs; three outputs with four.

    Gaussian outputs are drawn again until curvatures are apart, as the hypothesis asks.
    """
    series = {name: part[::2] for name, part in real_instances(outputs=lambda T: T == 1)["diabetes by age"].items()}
    (three,) = real_instances(outputs=lambda T: T == 3).values()
    return {
        "diabetes by age with one Gaussian output": _with_gaussian(series, 1),
        "diabetes by age with four Gaussian outputs": _with_gaussian(series, 4),
        "linnerud with four Gaussian outputs": _with_gaussian(three, 4),
    }


def _with_gaussian(data: Instance, m: int) -> Instance:
    """Standardise inputs and labels and append m standard Gaussian outputs.

    Outputs that are no random draws leave curvatures aligned however often they are drawn: that is an error.
    """
    x, Y = ((values - values.mean(axis=0)) / values.std(axis=0) for values in (data["x"], data["Y"]))
    rng = np.random.default_rng(0)
    for _ in range(_ATTEMPTS):
        instance = {"x": x, "Y": gaussian_auxiliary(Y, m, 1.0, rng)}
        if _curvatures_apart(instance):
            return instance
    raise ValueError(f"curvatures are nearly aligned in {_ATTEMPTS} draws of Gaussian outputs")


CLAIM = Claim(
    id="trained_networks",
    statement=(
        "For one input, networks trained from several seeds reach R(D) within 1 % and end within 3 % of connect-the-dots, "
        "if neighbouring curvatures are not nearly aligned."
    ),
    formula=(
        r"\mathrm{VV}(f_{\mathrm{trained}}) \le 1.01 \, R(D), \qquad \max_t \lVert f_{\mathrm{trained}}(t) - "
        r"f_D(t) \rVert \le 0.03 \, \mathrm{range}(y)"
    ),
    source="Nakhleh, Shenouda and Nowak (arXiv 2410.21696), Section 3",
    kind="for all seeds",
    quantity="largest distance to connect-the-dots or between two networks, relative to the range of the labels",
    claimed=CLAIMED,
    hypotheses={"curvatures_apart": _curvatures_apart},
    draw=draw,
    violate={"curvatures_apart": draw_aligned},
    on_violation={"curvatures_apart": (Verdict.VIOLATED, "minimisers differ, and different seeds find different ones")},
    check=check,
    recheck=recheck,
    examples=_examples,
    draws=8,
    quick_draws=1,
    quick=Quick(draw=draw_few, examples={"linnerud with four Gaussian outputs"}),
    not_exact="training is a floating-point computation",
    trusted={
        Rung.CERTIFIED: files("trained_networks", LINE, MEASURES),
    },
)
