"""With two or more outputs almost every choice of labels has one minimal-VV-norm interpolant.

Claim. Let d = 1, T >= 2, and let the labels have a density. Then the data with more than one minimiser have probability 0:
none of many random data sets has more than one.

Hypotheses. There are two or more outputs. The labels have a density: they are not drawn from a grid.

Source. Nakhleh, Shenouda and Nowak (arXiv 2410.21696), Theorem 3.1, last part. There are several minimisers exactly if two
neighbouring curvatures are parallel and point the same way. Labels that satisfy these equations have measure zero.

What breaks. With one output any two curvatures are parallel. In half of the data sets or more, two neighbours point the
same way. On a grid, parallel curvatures have a positive probability.

Near misses. The least angle between neighbouring curvatures is below eps with a probability of order eps^(T - 1). Of 20,000
data sets with 8 evenly spaced points (seed 0), an angle below 0.1, 0.01, 0.001 occurred in 3.9, 0.31, 0.04 % for T = 2, and
in 0.18, 0.005, 0 % for T = 3. The bound of the claim `stability` is loose for such data.

Certificate. The least `angle` between neighbouring curvatures of each data set. The recheck decides in rational arithmetic
whether the minimiser of each data set is unique; it reads the float64 numbers exactly.
"""

import math
from fractions import Fraction
from itertools import pairwise

import numpy as np

from proofs_checks.rational import Interval, as_line
from proofs_checks.support import aligned_neighbours, exact_curvatures, exact_dot, interpolant_of
from proofs_checks.trust import EXACT, FORMAL, files
from vvnorm.claims import Claim, Instance, Result, Rung, Verdict, conclude, interval_complaints
from vvnorm.validation import Array

CLAIMED = (0.0, 0.0)
_SETS = 60
_SAME = 1e-7  # two ways to compute an angle differ by about the root of the rounding unit where it is small


def draw(rng: np.random.Generator) -> Instance:
    """Draw data sets with Gaussian labels and two to four outputs."""
    return _data(rng, int(rng.integers(2, 5)))


def draw_one_output(rng: np.random.Generator) -> Instance:
    """Draw data sets with one output."""
    return _data(rng, 1)


def draw_on_a_grid(rng: np.random.Generator) -> Instance:
    """Draw labels -1, 0 and 1 of two outputs at evenly spaced inputs."""
    n = int(rng.integers(7, 11))
    return {"x": np.arange(float(n)), "Y": rng.integers(-1, 2, (_SETS, n, 2)).astype(np.float64)}


def _data(rng: np.random.Generator, T: int) -> Instance:
    n = int(rng.integers(5, 11))
    return {"x": np.cumsum(rng.uniform(0.1, 1, n)), "Y": rng.standard_normal((_SETS, n, T))}


def _has_density(instance: Instance) -> bool:
    """Whether no two labels of all data sets agree, as labels from a density do with probability 1."""
    Y = instance["Y"]
    return bool(np.unique(Y).size == Y.size)


# --- checking ---------------------------------------------------------------------------------------------------------


def check(instance: Instance) -> Result:
    """Count the data sets with several minimisers; the interval covers data sets that rounding leaves undecided."""
    unique = [interpolant_of(instance["x"], Y).unique for Y in instance["Y"]]
    lower, upper = unique.count(False) / len(unique), (len(unique) - unique.count(True)) / len(unique)
    angles = np.array([_least_angle(instance["x"], Y) for Y in instance["Y"]])
    return conclude(CLAIMED, lower, upper, {"angle": angles}, method="closed form")


def _least_angle(x: Array, Y: Array) -> float:
    """Least angle between neighbouring curvatures that are not 0; pi if there are none."""
    delta = np.diff(np.diff(Y, axis=0) / np.diff(x)[:, None], axis=0)
    pairs = [(u, v) for u, v in pairwise(delta) if np.any(u) and np.any(v)]
    return min((_angle(u / np.linalg.norm(u), v / np.linalg.norm(v)) for u, v in pairs), default=math.pi)


def _angle(u: Array, v: Array) -> float:
    """Angle of two unit vectors, accurate near 0 and pi.

    Source: W. Kahan, "How futile are mindless assessments of roundoff in floating-point computation?", Berkeley, 2006.
    """
    return float(2 * np.arctan2(np.linalg.norm(u - v), np.linalg.norm(u + v)))


def exact(instance: Instance) -> Interval:
    """Decide in rational arithmetic, for each data set, whether there are several minimisers."""
    several = sum(not as_line(instance["x"], Y).unique for Y in instance["Y"])
    return Fraction(several, len(instance["Y"])), Fraction(several, len(instance["Y"]))


def recheck(instance: Instance, result: Result) -> list[str]:
    """Decide alignment in rational arithmetic, and compute the angles from rational curvatures."""
    x, sets = instance["x"], instance["Y"]
    share = sum(any(aligned_neighbours(x, Y)) for Y in sets) / len(sets)
    complaints = interval_complaints(result, share, share, 0.0)
    angles = result.certificate["angle"]
    if angles.shape != (len(sets),):
        return [*complaints, f"there are {len(sets)} data sets, but angles of shape {angles.shape}"]
    again = np.array([_rational_angle(x, Y) for Y in sets])
    if not np.all(np.abs(angles - again) <= _SAME):
        complaints.append("an angle differs from the least angle between neighbouring curvatures")
    return complaints


def _rational_angle(x: Array, Y: Array) -> float:
    """Least angle between neighbouring curvatures, from their exact inner products."""
    least = math.pi
    for u, v in pairwise(exact_curvatures(x, Y)):
        uu, vv, uv = exact_dot(u, u), exact_dot(v, v), exact_dot(u, v)
        if uu and vv:
            least = min(least, math.atan2(math.sqrt((uu * vv - uv * uv) / (uu * vv)), float(uv) / math.sqrt(uu * vv)))
    return least


CLAIM = Claim(
    id="almost_every_label",
    statement=(
        "For one input and two or more outputs whose labels have a density, the minimal-VV-norm interpolant is unique with "
        "probability 1."
    ),
    formula=(
        r"P\left( \exists\, i: \ \frac{\delta_i}{\lVert \delta_i \rVert} = "
        r"\frac{\delta_{i+1}}{\lVert \delta_{i+1} \rVert} \right) = 0"
    ),
    source="Nakhleh, Shenouda and Nowak (arXiv 2410.21696), Theorem 3.1",
    kind="for all seeds",
    quantity=f"share of {_SETS} random data sets that have several minimisers",
    claimed=CLAIMED,
    hypotheses={"several_outputs": lambda instance: instance["Y"].shape[2] >= 2, "density": _has_density},
    draw=draw,
    violate={"several_outputs": draw_one_output, "density": draw_on_a_grid},
    on_violation={
        "several_outputs": (
            Verdict.VIOLATED,
            "two neighbouring curvatures of one output point the same way half of the time",
        ),
        "density": (Verdict.VIOLATED, "on a grid two curvatures are parallel with positive probability"),
    },
    check=check,
    recheck=recheck,
    draws=50,
    quick_draws=5,
    exact=exact,
    trusted={
        Rung.PROVED: files("almost_every_label", EXACT, FORMAL),
        Rung.CERTIFIED: files("almost_every_label"),
    },
)
