"""No minimal-VV-norm interpolant of one input is steeper than the steepest chord of the data.

Claim. Let f be a minimal-VV-norm interpolant, of any number of outputs. On the whole line ||f'(x)|| is at most the largest
||s_i||, the slope of a chord between neighbouring data points. So f has the least Lipschitz constant of all interpolants.

Hypothesis. The candidate f has the cost R(D).

Source. Hanin (arXiv 2109.12960), for one output; there it follows that minimal-norm interpolants learn Lipschitz functions
at the best rate. Also Nakhleh and Nowak (arXiv 2505.21791), Corollary 3.1.2. The vector form is new. Between two points of
an aligned run, f' lies on the segment between the slopes of neighbouring chords, and a norm is largest at an end of a
segment.

What breaks. An interpolant of larger cost may have a tent of any steepness between two data points.

Certificate. `slopes`, f' on every piece of the candidate, recomputed as the sum over the neurons that are on in the piece.
The candidate's cost and residual are certified anew.
"""

from typing import Any

import numpy as np

from proofs_checks.support import costs_least, pack, real_instances, unpack, with_tent
from proofs_checks.trust import LINE, files
from vvnorm.api.certification import certify
from vvnorm.claims import Claim, Instance, Result, Rung, Verdict, conclude, interval_complaints
from vvnorm.datasets import aligned_dataset
from vvnorm.solvers.univariate.interpolation import connect, sample_minimisers
from vvnorm.tolerances import CLAIM as TOLERANCE
from vvnorm.validation import Array

CLAIMED = (-np.inf, TOLERANCE)
_ROUNDING = 1e-12  # of sums of a few dozen slopes, relative to the steepest chord


def draw(rng: np.random.Generator) -> Instance:
    """Draw integer data with aligned runs of one to three outputs, and a random minimiser."""
    runs = [int(length) for length in rng.integers(1, 6, int(rng.integers(1, 4)))]
    data = aligned_dataset(2 + sum(runs), int(rng.integers(1, 4)), rng, runs=runs)
    return _instance(data.X[:, 0], data.Y, rng)


def _instance(x: Array, Y: Array, rng: np.random.Generator) -> dict[str, Any]:
    return {"x": x, "Y": Y, **pack("candidate", sample_minimisers(connect(x, Y), 1, rng)[0])}


def draw_costly(rng: np.random.Generator) -> Instance:
    """Add a steep tent between the first two points, which vanishes at all data."""
    instance = draw(rng)
    x, slope = instance["x"], (2 + rng.random()) * _steepest_chord(instance)
    return {**instance, **pack("candidate", with_tent(unpack("candidate", instance), x[0], x[1], slope))}


def check(instance: Instance) -> Result:
    """Compare the steepest piece of the candidate with the steepest chord."""
    kinks, _, slopes = unpack("candidate", instance).kinks
    slopes = slopes[np.concatenate([[True], np.diff(kinks) > 0, [True]])]  # of pieces of positive length
    return conclude(CLAIMED, *_interval(instance, slopes), {"slopes": slopes}, method="all pieces")


def _steepest_chord(instance: Instance) -> float:
    slopes = np.diff(instance["Y"], axis=0) / np.diff(instance["x"])[:, None]
    return float(np.max(np.linalg.norm(slopes, axis=1)))


def _interval(instance: Instance, slopes: Array) -> tuple[float, float]:
    excess = float(np.max(np.linalg.norm(slopes, axis=1))) / _steepest_chord(instance) - 1
    return excess - _ROUNDING, excess + _ROUNDING


def recheck(instance: Instance, result: Result) -> list[str]:
    """Certify that the candidate interpolates, and add up the slopes of the neurons that are on in each piece."""
    f, slopes = unpack("candidate", instance), result.certificate["slopes"]
    residual = certify(f, instance["x"], instance["Y"]).relative_residual
    if not residual <= TOLERANCE:
        return [f"the candidate does not interpolate: relative residual {residual:.3g}"]
    kinks = np.unique(-f.b / f.W[:, 0])
    places = np.concatenate([kinks[:1] - 1, (kinks[1:] + kinks[:-1]) / 2, kinks[-1:] + 1])
    on = places[:, None] * f.W[:, 0] + f.b > 0
    sums = (on * f.W[:, 0]) @ f.V.T + f.A[:, 0]
    if slopes.shape != sums.shape:
        return [f"there are {len(sums)} pieces, not {len(slopes)}"]
    size = _steepest_chord(instance) + np.abs(sums).max()
    if not np.max(np.abs(slopes - sums)) <= _ROUNDING * size:
        return ["the slopes of the pieces do not match the network"]
    return interval_complaints(result, *_interval(instance, slopes), _ROUNDING)


def _examples() -> dict[str, Instance]:
    return {name: _instance(data["x"], data["Y"], np.random.default_rng(0)) for name, data in real_instances().items()}


CLAIM = Claim(
    id="lipschitz_constant",
    statement=(
        "For one input, no minimal-VV-norm interpolant is steeper anywhere than the steepest chord between neighbouring "
        "data points."
    ),
    formula=r"\sup_x \|f'(x)\|_2 \le \max_i \|s_i\|_2",
    source="Hanin (arXiv 2109.12960) and Nakhleh and Nowak (arXiv 2505.21791), Corollary 3.1.2; vector form new",
    kind="bound",
    quantity="steepest slope of a minimiser over the steepest chord, minus 1",
    claimed=CLAIMED,
    hypotheses={
        "candidate_minimal": lambda instance: costs_least(unpack("candidate", instance), instance["x"], instance["Y"])
    },
    draw=draw,
    violate={"candidate_minimal": draw_costly},
    on_violation={"candidate_minimal": (Verdict.VIOLATED, "a tent between two points may have any steepness")},
    check=check,
    recheck=recheck,
    examples=_examples,
    draws=200,
    quick_draws=20,
    not_exact="slopes of the candidate are compared in floating point; `solution_set` decides exactly where it lies",
    trusted={Rung.CERTIFIED: files("lipschitz_constant", LINE)},
)
