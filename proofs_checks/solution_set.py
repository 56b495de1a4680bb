"""Every minimal-VV-norm interpolant lies in the band of its aligned runs, and both ends of the band are attained.

Claim. On an aligned run with direction u, a minimiser is f_D + u g with a scalar function g <= 0. In the gap [x_k,
x_{k+1}], g(t) >= - min(||delta_k|| (t - x_k), ||delta_{k+1}|| (x_{k+1} - t)). Outside aligned runs every minimiser equals
f_D. For every t some minimiser attains the lower end.

Hypotheses. The candidate interpolates. The candidate's cost is R(D).

Source. Hanin (arXiv 2109.12960) and Debarre, Denoyelle, Unser and Fageot (arXiv 2003.10112) for one output; the vector form
is new.

What breaks. A shifted candidate leaves the band at the data points, where the band has no width. A candidate of larger cost
may leave it anywhere.

Certificate. A minimiser (`witness`) that attains the end of the band at the instance's point t. It suffices to test the
candidate at its kinks and at data points: in between it is linear, and the ends of the band are linear or convex.
"""

from fractions import Fraction
from typing import Any

import numpy as np

from proofs_checks.rational import Interval, as_line, network, rational_kinks, require_minimiser, spread
from proofs_checks.support import (
    costs_least,
    exact_curvatures,
    interpolant_of,
    interpolates,
    pack,
    real_instances,
    same_direction,
    unpack,
    with_tent,
)
from proofs_checks.trust import EXACT, LINE, MEASURES, files
from vvnorm.analysis.measures import sup_distance
from vvnorm.api.certification import certify
from vvnorm.claims import Claim, Instance, Result, Rung, Verdict, conclude, interval_complaints
from vvnorm.datasets import aligned_dataset
from vvnorm.network import ReLUNetwork
from vvnorm.solvers.univariate.interpolation import connect_the_dots
from vvnorm.tolerances import CLAIM as TOLERANCE
from vvnorm.validation import Array
from vvnorm.verifier.exact import as_rational

CLAIMED = (-np.inf, TOLERANCE)
_CANDIDATES = 8  # by chance all of them are f_D in less than one of 1e5 draws
_ROUNDING = 1e-11  # of evaluating networks on integer data of size 100, relative to the labels


def draw(rng: np.random.Generator) -> Instance:
    """Draw integer data with aligned runs, a random member of the solution set, and a point inside a run."""
    data = aligned_dataset(int(rng.integers(8, 16)), int(rng.integers(1, 4)), rng, runs=(int(rng.integers(2, 5)), 2))
    return _instance(data.X[:, 0], data.Y, rng)


def _instance(x: Array, Y: Array, rng: np.random.Generator) -> dict[str, Any]:
    """Take as candidate the one of several random minimisers that is furthest from f_D, and a point in a gap of a run."""
    solution = interpolant_of(x, Y)
    gap = 1 + int(np.flatnonzero(solution.dots.aligned)[0])
    t = x[gap] + rng.uniform(0.1, 0.9) * (x[gap + 1] - x[gap])
    candidates = solution.sample(_CANDIDATES, rng)
    furthest = max(candidates, key=lambda candidate: sup_distance(candidate, solution.network, x[0], x[-1]))
    return {"x": x, "Y": Y, **pack("candidate", furthest), "t": float(t)}


def _examples() -> dict[str, Instance]:
    return {
        name: _instance(data["x"], data["Y"], np.random.default_rng(0))
        for name, data in real_instances(outputs=lambda T: T == 1).items()
    }


def draw_costly(rng: np.random.Generator) -> Instance:
    """Let the candidate interpolate at a larger cost: it has a tent in an end piece, where the band has no width."""
    instance = draw(rng)
    x, Y = instance["x"], instance["Y"]
    slope = 0.2 * np.ptp(Y, axis=0).max() / (x[1] - x[0])
    return {**instance, **pack("candidate", with_tent(unpack("candidate", instance), x[0], x[1], slope))}


def draw_missing(rng: np.random.Generator) -> Instance:
    """Shift the candidate, so that its cost is R(D) but it does not interpolate."""
    instance = draw(rng)
    f = unpack("candidate", instance)
    shift = 0.1 * np.ptp(instance["Y"], axis=0).max()
    return {**instance, **pack("candidate", ReLUNetwork(f.W, f.b, f.V, f.A, f.c + shift))}


def check(instance: Instance) -> Result:
    """Measure how far the candidate leaves the band, and how far the witness misses the band's end at t."""
    x, Y, t = instance["x"], instance["Y"], float(instance["t"])
    solution = interpolant_of(x, Y)
    candidate = unpack("candidate", instance)
    spread = float(np.ptp(Y, axis=0).max())
    inner = candidate.kinks[0]
    probes = np.concatenate([x, inner[(inner > x[0]) & (inner < x[-1])]])
    low, high = solution.band(probes)
    values = candidate(probes)
    # The candidate must be inside the band output by output.
    outside = float(np.max(np.maximum(low - values, values - high)))
    witness = _witness(x, Y, t)
    end_low, end_high = solution.band([t])
    dots = solution([t])
    end = np.where(np.abs(end_low - dots) > np.abs(end_high - dots), end_low, end_high)
    missed = float(np.max(np.abs(witness([t]) - end)))
    error = max(outside, missed) / spread
    return conclude(
        CLAIMED,
        max(error - _ROUNDING, 0.0),
        max(error, 0.0) + _ROUNDING,
        pack("witness", witness),
        **solution.provenance,
    )


def _witness(x: Array, Y: Array, t: float) -> ReLUNetwork:
    """Make a minimiser with a kink at t, inside a gap of a run, that moves as much curvature there as possible."""
    slopes = np.diff(Y, axis=0) / np.diff(x)[:, None]
    jumps = np.diff(slopes, axis=0)
    k = int(np.searchsorted(x, t, side="right")) - 1
    share = (t - x[k]) / (x[k + 1] - x[k])
    left, right = (float(np.linalg.norm(jumps[i])) for i in (k - 1, k))
    mass = min(left / (1 - share), right / share)
    unit = jumps[k - 1] / left
    jumps[k - 1] -= mass * (1 - share) * unit
    jumps[k] -= mass * share * unit
    knots = np.append(x[1:-1], t)
    V = np.vstack([jumps, mass * unit])
    return ReLUNetwork(np.ones((len(knots), 1)), -knots, V.T, slopes[0][:, None], Y[0] - slopes[0] * x[0])


def recheck(instance: Instance, result: Result) -> list[str]:
    """Recompute the band by its definition in plain loops; certify the witness as a minimiser."""
    x, Y, t = instance["x"], instance["Y"], float(instance["t"])
    witness = unpack("witness", result.certificate)
    judged = certify(witness, x, Y)
    if judged.shortcomings(TOLERANCE):
        return [f"the witness is not a minimiser: gap {judged.gap:.3g}, residual {judged.relative_residual:.3g}"]
    candidate = unpack("candidate", instance)
    spread = float(np.ptp(Y, axis=0).max())
    if sup_distance(candidate, connect_the_dots(x, Y), x[0], x[-1]) <= _ROUNDING * spread:
        return ["the candidate is connect-the-dots, so it does not test the band"]
    kinks = [float(k) for k in candidate.kinks[0] if x[0] < k < x[-1]]
    error = 0.0
    for probe in [*x.tolist(), *kinks]:
        end, dots = _ends(x, Y, probe)
        value = candidate([probe])[0]
        error = max(error, float(np.max(np.maximum(np.minimum(end, dots) - value, value - np.maximum(end, dots)))))
    error = max(error, float(np.max(np.abs(witness([t])[0] - _ends(x, Y, t)[0])))) / spread
    return interval_complaints(result, max(error - _ROUNDING, 0.0), error + _ROUNDING, _ROUNDING)


def _ends(x: Array, Y: Array, t: float) -> tuple[Array, Array]:
    """The end of the band at t that is not f_D(t), and f_D(t), from exact curvatures of the points around t."""
    k = min(max(int(np.searchsorted(x, t, side="right")) - 1, 0), len(x) - 2)
    dots = Y[k] + (Y[k + 1] - Y[k]) * ((t - x[k]) / (x[k + 1] - x[k]))
    if not 1 <= k <= len(x) - 3:
        return dots, dots
    before, after = exact_curvatures(x[k - 1 : k + 3], Y[k - 1 : k + 3])
    if not same_direction(before, after):
        return dots, dots
    left, right = np.array(before, dtype=float), np.array(after, dtype=float)
    along_left, along_right = left * (t - x[k]), right * (x[k + 1] - t)
    return dots - min(along_left, along_right, key=np.linalg.norm), dots


def exact(instance: Instance) -> Interval:
    """Measure how far the candidate leaves the band and how far the witness misses its end, in rational numbers."""
    line, candidate = as_line(instance["x"], instance["Y"]), network("candidate", instance)
    t = as_rational(instance["t"])
    require_minimiser(witness := line.lowest(t), line)
    probes = [*line.inputs, *rational_kinks(candidate, line.inputs[0], line.inputs[-1])]
    error = Fraction(0)
    for point, values in zip(line.band(probes), candidate.values(tuple((at,) for at in probes)), strict=True):
        for value, low, high in zip(values, point.lower, point.upper, strict=True):
            error = max(error, low - value, value - high)
    (end,), dots = line.band([t]), line.network((t,))
    for value, low, high, dot in zip(witness((t,)), end.lower, end.upper, dots, strict=True):
        error = max(error, abs(value - (low if high == dot else high)))
    return error / spread(line), error / spread(line)


def _candidate(instance: Instance) -> tuple[ReLUNetwork, Array, Array]:
    return unpack("candidate", instance), instance["x"], instance["Y"]


CLAIM = Claim(
    id="solution_set",
    statement=(
        "Minimal-VV-norm interpolants of one input lie in a band along their aligned runs and equal connect-the-dots "
        "elsewhere; both ends of the band are attained."
    ),
    formula=(
        r"f = f_D + u \, g, \qquad \underline{g}(t) \le g(t) \le 0 \text{ on each aligned run with direction "
        r"} u, \quad g = 0 \text{ elsewhere}"
    ),
    source="Hanin (arXiv 2109.12960); Debarre, Denoyelle, Unser and Fageot (arXiv 2003.10112); vector form new",
    kind="existence",
    quantity=(
        "distance by which the candidate leaves the band or the witness misses its end, relative to the range of the labels"
    ),
    claimed=CLAIMED,
    hypotheses={
        "candidate_interpolates": lambda instance: interpolates(*_candidate(instance)),
        "candidate_minimal": lambda instance: costs_least(*_candidate(instance)),
    },
    draw=draw,
    violate={"candidate_interpolates": draw_missing, "candidate_minimal": draw_costly},
    on_violation={
        "candidate_interpolates": (Verdict.VIOLATED, "the band has no width at the data points"),
        "candidate_minimal": (Verdict.VIOLATED, "with additional cost a candidate may leave the band anywhere"),
    },
    check=check,
    recheck=recheck,
    examples=_examples,
    draws=200,
    quick_draws=20,
    exact=exact,
    trusted={
        Rung.PROVED: files("solution_set", EXACT),
        Rung.CERTIFIED: files("solution_set", LINE, MEASURES),
    },
)
