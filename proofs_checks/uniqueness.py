"""Connect-the-dots is the only minimal-VV-norm interpolant exactly if no neighbouring curvatures are aligned.

Claim. For d = 1, if no two neighbouring curvatures are both non-zero and point the same way, every minimiser is
connect-the-dots.

Hypothesis. No neighbouring curvatures are aligned. If two or more outputs have labels with a density, this holds with
probability 1: random auxiliary outputs make the solution unique.

Source. Nakhleh, Shenouda and Nowak (arXiv 2410.21696), Theorem 3.1.

What breaks. Where two neighbouring curvatures are aligned, two different minimisers are shown, each with its certificate.

Certificate. The `network` and the `dual` array eta. Where the hypothesis holds, ||eta|| < 1 inside every gap between data
points, so that by complementary slackness every kink of every minimiser is at a data point: the minimiser is
connect-the-dots. The strict inequality is decided in rational arithmetic. Where the hypothesis fails, an `other` minimiser.
"""

from fractions import Fraction

import numpy as np

from proofs_checks.rational import Interval, as_line, less, norm, require_minimiser, spread
from proofs_checks.support import (
    aligned_neighbours,
    generic_data,
    interpolant_of,
    nearly_aligned_data,
    pack,
    real_instances,
    unpack,
)
from proofs_checks.trust import EXACT, FORMAL, LINE, MEASURES, files
from vvnorm.analysis.measures import sup_distance
from vvnorm.api.certification import certify
from vvnorm.claims import Claim, Instance, Result, Rung, Verdict, conclude, interval_complaints
from vvnorm.datasets import aligned_dataset
from vvnorm.float64 import as_rows
from vvnorm.network import ReLUNetwork
from vvnorm.tolerances import CLAIM as TOLERANCE
from vvnorm.tolerances import EPS
from vvnorm.validation import Array

CLAIMED = (-np.inf, TOLERANCE)
_ROUNDING = 1e5 * EPS  # of evaluating two networks, relative to the labels


def draw(rng: np.random.Generator) -> Instance:
    """Draw labels with a density of two outputs or more, nearly aligned curvatures, or curvatures of alternating sign."""
    kind = rng.random()
    if kind < 0.6:
        return generic_data(rng)
    if kind < 0.8:
        return nearly_aligned_data(rng)
    n = int(rng.integers(4, 20))
    return {
        "x": np.cumsum(rng.integers(1, 5, n)).astype(float),
        "Y": np.arange(n)[:, None] % 2 * rng.integers(1, 9) * 1.0,
    }


def draw_aligned(rng: np.random.Generator) -> Instance:
    """Draw integer data with aligned runs, so that curvatures are exactly aligned, for one output or several."""
    data = aligned_dataset(int(rng.integers(7, 15)), int(rng.integers(1, 4)), rng, runs=(2, 3))
    return {"x": data.X[:, 0], "Y": data.Y}


def check(instance: Instance) -> Result:
    """Bound the diameter of the set of minimisers: largest distance, relative to the range of the labels."""
    x, Y = instance["x"], instance["Y"]
    solution = interpolant_of(x, Y)
    certificate = {**pack("network", solution.network), "dual": as_rows(solution.certificate.dual)}
    if solution.unique:
        # The directions must differ by more than their rounding.
        apart = _least_separation(certificate["dual"])
        upper = 0.0 if apart > 1e3 * EPS else np.inf
        return conclude(CLAIMED, 0.0, upper, certificate, **solution.provenance)
    sparse = solution.sparsest()
    certificate |= pack("other", sparse)
    lower = _distance(solution.network, sparse, x, Y) - _ROUNDING
    return conclude(CLAIMED, max(lower, 0.0), np.inf, certificate, **solution.provenance)


def _least_separation(dual: Array) -> float:
    """Least ||u_i - u_{i+1}|| over neighbouring non-zero directions."""
    bends = np.linalg.norm(dual, axis=1) > 0
    both = bends[1:] & bends[:-1]
    return float(np.min(np.linalg.norm(np.diff(dual, axis=0), axis=1)[both], initial=np.inf))


def _distance(f: ReLUNetwork, g: ReLUNetwork, x: Array, Y: Array) -> float:
    return sup_distance(f, g, x[0], x[-1]) / float(np.max(Y.max(axis=0) - Y.min(axis=0)))


def recheck(instance: Instance, result: Result) -> list[str]:
    """Certify the minimisers again; then decide strictness exactly, or measure the distance between the two."""
    x, Y, arrays = instance["x"], instance["Y"], result.certificate
    names = ["network", "other"] if "other.W" in arrays else ["network"]
    networks = {name: unpack(name, arrays) for name in names}
    for name, network in networks.items():
        again = certify(network, x, Y, dual=arrays["dual"])
        if again.shortcomings(TOLERANCE):
            return [f"{name} is not a minimiser: gap {again.gap:.3g}, relative residual {again.relative_residual:.3g}"]
    if len(networks) == 2:
        lower = max(_distance(networks["network"], networks["other"], x, Y) - _ROUNDING, 0.0)
        return interval_complaints(result, lower, np.inf, _ROUNDING)
    if any(aligned_neighbours(x, Y)):
        return ["neighbouring curvatures are aligned: the dual certificate is not strict"]
    return interval_complaints(result, 0.0, 0.0 if _least_separation(arrays["dual"]) > 1e3 * EPS else np.inf, 0.0)


def exact(instance: Instance) -> Interval:
    """Decide alignment; where there is any, two minimisers at the ends of the band show the diameter.

    That there is no other minimiser without alignment is the theorem `uniqueness`, whose proof Coq has checked.
    """
    line = as_line(instance["x"], instance["Y"])
    if line.unique:
        return Fraction(0), Fraction(0)
    pieces = [(piece, ratio) for piece, ratio in enumerate(line.ratios, 1) if ratio is not None]
    crossings = [
        (line.inputs[k] + ratio * line.inputs[k + 1]) / (1 + ratio) for k, ratio in pieces
    ]  # of the extended chords
    widths = [norm(less(point.upper, point.lower)) for point in line.band(crossings)]
    widest = max(range(len(widths)), key=widths.__getitem__)
    require_minimiser(other := line.lowest(crossings[widest]), line)
    low, _ = norm(less(other((crossings[widest],)), line.network((crossings[widest],))))
    return low / spread(line), max(high for _, high in widths) / spread(line)


CLAIM = Claim(
    id="uniqueness",
    statement=(
        "For one input, connect-the-dots is the only minimal-VV-norm interpolant if no two neighbouring curvatures point "
        "the same way."
    ),
    formula=(
        r"\nexists\, i: \ \frac{\delta_i}{\lVert \delta_i \rVert} = \frac{\delta_{i+1}}{\lVert \delta_{i+1} "
        r"\rVert} \quad \Rightarrow \quad \mathrm{argmin}_{f(x_i) = y_i} \mathrm{VV}(f) = \{ f_D \}"
    ),
    source="Nakhleh, Shenouda and Nowak (arXiv 2410.21696), Theorem 3.1",
    kind="uniqueness",
    quantity="diameter of the set of minimisers on [x_1, x_N], relative to the range of the labels",
    claimed=CLAIMED,
    hypotheses={"no_aligned_neighbours": lambda instance: not any(aligned_neighbours(instance["x"], instance["Y"]))},
    draw=draw,
    violate={"no_aligned_neighbours": draw_aligned},
    on_violation={
        "no_aligned_neighbours": (Verdict.VIOLATED, "curvature of an aligned run can move into its gaps at equal cost")
    },
    check=check,
    recheck=recheck,
    examples=real_instances,
    draws=200,
    quick_draws=20,
    exact=exact,
    theorems={
        "uniqueness": "the whole statement and its converse",
    },
    trusted={
        Rung.MACHINE_CHECKED: FORMAL,
        Rung.PROVED: files("uniqueness", EXACT, FORMAL),
        Rung.CERTIFIED: files("uniqueness", LINE, MEASURES),
    },
)
