"""A kink between two data points costs strictly more than none, unless it points the same way as the kinks at both points.

Claim. Let a piecewise linear function change its slope by J_1 at a data point, by J_2 at a knot between it and the next
point, and by J_3 at that point. Let the knot lie at the fraction tau of the gap. Without the knot, and with the same values
at and outside the two points, the changes are K_1 = J_1 + (1 - tau) J_2 and K_2 = tau J_2 + J_3. Then ||K_1|| + ||K_2|| is
less than ||J_1|| + ||J_2|| + ||J_3||. The tested quantity is the saving, relative to the larger cost.

Hypotheses. The two functions have the same values at and outside the points. There is a kink at the knot: J_2 is not 0. The
three changes J_1, J_2 and J_3 are not all non-negative multiples of one direction.

Source. Nakhleh, Shenouda and Nowak (arXiv 2410.21696), Lemma 3.2. The triangle inequality for J_1 + (1 - tau) J_2 and for
tau J_2 + J_3 gives <=, and its equality case the condition; the condition is stated here for the function with the knot.

What breaks. Without a kink there is nothing to save. If all three changes point the same way, the knot costs nothing: its
change can be moved to the two points. Another function without the knot can cost more.

Certificate. The `norms` of the three changes and of the two. Changes and tau are dyadic numbers, so that sums are exact.
The check has 120 digits; the recheck encloses square roots of rational numbers by integer square roots.
"""

import math
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Any

import numpy as np

from proofs_checks.support import exact_dot, fractions
from proofs_checks.trust import files
from vvnorm.claims import Claim, Instance, Result, Rung, Verdict, conclude, interval_complaints
from vvnorm.tolerances import EPS

CLAIMED = (math.ulp(0.0), math.inf)

_DIGITS = 120
_BITS = 400  # of integer square roots
_NEAR = 2.0**-30  # a change that is nearly aligned turns by about this


def draw(rng: np.random.Generator) -> Instance:
    """Draw changes of slope (3, T), integers times a power of two, some nearly aligned, and a knot at a sixteenth."""
    T = int(rng.integers(1, 5))
    jumps = rng.integers(-9, 10, (3, T)).astype(np.float64)
    if T > 1 and rng.random() < 0.4:
        jumps = np.outer(rng.integers(1, 10, 3), jumps[0]) + _NEAR * rng.integers(-2, 3, (3, T))
    instance = with_chord({"jumps": jumps * 2.0 ** rng.integers(-20, 21), "tau": float(rng.integers(1, 16)) / 16})
    return instance if _not_aligned(instance) and _has_kink(instance) else draw(rng)


def with_chord(instance: dict[str, Any]) -> dict[str, Any]:
    """Add the changes of slope without the knot, (2, T); they are exact for dyadic numbers."""
    first, middle, last = instance["jumps"]
    tau = instance["tau"]
    return {**instance, "chord": np.stack([first + (1 - tau) * middle, tau * middle + last])}


def draw_aligned(rng: np.random.Generator) -> Instance:
    """Draw changes that all point the same way, the first perhaps 0."""
    direction = rng.integers(1, 10, int(rng.integers(1, 5))) * rng.choice([-1.0, 1.0])
    jumps = np.outer([int(rng.integers(10)), *rng.integers(1, 10, 2)], direction)
    return with_chord({"jumps": jumps, "tau": float(rng.integers(1, 16)) / 16})


def draw_without_kink(rng: np.random.Generator) -> Instance:
    """Draw opposite changes at the two points, and none at the knot."""
    change = rng.integers(1, 10, int(rng.integers(1, 5))).astype(np.float64)
    jumps = np.stack([change, np.zeros_like(change), -change])
    return with_chord({"jumps": jumps, "tau": float(rng.integers(1, 16)) / 16})


def draw_other(rng: np.random.Generator) -> Instance:
    """Draw another function without the knot, which costs more."""
    instance = draw(rng)
    return {**instance, "chord": 16 * instance["chord"] + 16 * np.abs(instance["jumps"]).max()}


# --- hypotheses -------------------------------------------------------------------------------------------------------


def _same_function(instance: Instance) -> bool:
    first, middle, last = fractions(instance["jumps"])
    tau = Fraction(instance["tau"])
    expected = [
        [p + (1 - tau) * q for p, q in zip(first, middle, strict=True)],
        [tau * q + r for q, r in zip(middle, last, strict=True)],
    ]
    return fractions(instance["chord"]) == expected


def _has_kink(instance: Instance) -> bool:
    return bool(np.any(instance["jumps"][1]))


def _not_aligned(instance: Instance) -> bool:
    rows = [row for row in fractions(instance["jumps"]) if any(row)]
    for u in rows:
        for v in rows:
            parallel = all(u[s] * v[t] == u[t] * v[s] for s in range(len(u)) for t in range(s))
            if not parallel or exact_dot(u, v) < 0:
                return True
    return False


def _is_free(instance: Instance) -> bool:
    """Whether the equality case applies, so that the saving is exactly 0."""
    return _same_function(instance) and not (_has_kink(instance) and _not_aligned(instance))


# --- checking ---------------------------------------------------------------------------------------------------------


def check(instance: Instance) -> Result:
    """Compare the costs with 120 digits; the saving is exactly 0 in the equality case."""
    with localcontext() as context:
        context.prec = _DIGITS
        norms = [
            sum((Decimal(value) ** 2 for value in row), Decimal(0)).sqrt()
            for row in [*instance["jumps"].tolist(), *instance["chord"].tolist()]
        ]
        more, less = sum(norms[:3], Decimal(0)), sum(norms[3:], Decimal(0))
        saving = (more - less) / max(more, less)
        slack = Decimal(10) ** (10 - _DIGITS)
        low, high = math.nextafter(float(saving - slack), -math.inf), math.nextafter(float(saving + slack), math.inf)
    if _is_free(instance):
        low = high = 0.0
    return conclude(CLAIMED, low, high, {"norms": np.array([float(norm) for norm in norms])}, method="120 digits")


def exact(instance: Instance) -> tuple[Fraction, Fraction]:
    """Enclose the saving by integer square roots."""
    if _is_free(instance):
        return Fraction(0), Fraction(0)
    roots = [_root(exact_dot(row, row)) for row in _rows(instance)]
    more_low, less_low = sum(roots[:3], Fraction(0)), sum(roots[3:], Fraction(0))
    largest: Fraction = max([Fraction(1), *(abs(p) for row in _rows(instance) for p in row)])
    slack = Fraction(4, 2**_BITS) * largest
    ends = (more_low - less_low - slack, more_low - less_low + slack)
    size = max(more_low, less_low)
    return (ends[0] / (size + slack if ends[0] > 0 else size), ends[1] / (size if ends[1] > 0 else size + slack))


def _rows(instance: Instance) -> list[list[Fraction]]:
    return fractions(instance["jumps"]) + fractions(instance["chord"])


def _root(square: Fraction) -> Fraction:
    """Lower bound of a square root, to 2^-400 times the root of its denominator's unit."""
    scale = 2**_BITS
    return Fraction(math.isqrt(square.numerator * scale**2 // square.denominator), scale)


def recheck(instance: Instance, result: Result) -> list[str]:
    """Enclose the saving in rational arithmetic, and compare norms."""
    low, high = exact(instance)
    complaints = []
    if not result.lower <= low <= high <= result.upper:  # rational numbers and float64 are compared exactly
        complaints.append(f"the interval does not contain [{float(low)!r}, {float(high)!r}]")
    if result.verdict is Verdict.HOLDS and not low > 0:
        complaints.append("the saving is not positive")
    norms = np.array([math.hypot(*map(float, row)) for row in _rows(instance)])
    recorded = result.certificate["norms"]
    if recorded.shape != norms.shape or not np.all(np.abs(recorded - norms) <= 8 * EPS * norms):
        complaints.append("a norm is not that of a change of slope")
    return complaints + interval_complaints(result, float(low), float(high), 8 * EPS * abs(float(high)))


CLAIM = Claim(
    id="kink_between_points",
    statement=(
        "Removing a kink between two neighbouring data points lowers the VV norm, unless it points the same way as the "
        "kinks at both points; then the norm does not change."
    ),
    formula=(
        r"\lVert J_1 + (1 - \tau) J_2 \rVert + \lVert \tau J_2 + J_3 \rVert < \lVert J_1 \rVert + \lVert J_2 \rVert + "
        r"\lVert J_3 \rVert \quad \text{unless } J_1, J_2, J_3 \text{ are aligned}"
    ),
    source="Nakhleh, Shenouda and Nowak (arXiv 2410.21696), Lemma 3.2",
    kind="bound",
    quantity="(cost with the kink - cost without it) / the larger of the two",
    claimed=CLAIMED,
    hypotheses={"same_values": _same_function, "kink": _has_kink, "not_aligned": _not_aligned},
    draw=draw,
    violate={"same_values": draw_other, "kink": draw_without_kink, "not_aligned": draw_aligned},
    on_violation={
        "same_values": (Verdict.VIOLATED, "a function without the kink that takes other values can cost more"),
        "kink": (Verdict.VIOLATED, "without a kink the two functions are the same"),
        "not_aligned": (Verdict.VIOLATED, "the changes of aligned kinks can be moved at no cost: the saving is exactly 0"),
    },
    check=check,
    recheck=recheck,
    draws=200,
    quick_draws=40,
    exact=exact,
    trusted={Rung.PROVED: files("kink_between_points"), Rung.CERTIFIED: files("kink_between_points")},
)
