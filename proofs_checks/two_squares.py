"""Two squares: one output has many minimal-VV-norm networks; with 100 Bernoulli auxiliary outputs there is nearly one.

Claim. The data are the eight vertices of two centred squares, of side 2 with labels 0 and of side 1 with labels 1. There
are minimal-VV-norm interpolants of this output that differ by the labels' whole range somewhere in the outer square. With
100 Bernoulli(1/2) auxiliary outputs the first output is nearly the same for each of 8 seeds, and nearly the kernel
solution: the largest of these distances is at most 0.1 of the distance between two minimisers of the one output (root mean
squares over the outer square).

Hypotheses. There are more than fifty auxiliary outputs. Labels do not change under a quarter turn, so a rotated minimiser
is a minimiser, too.

Source. Nakhleh, Shenouda and Nowak (arXiv 2410.21696), Figure 4, where it is judged by eye.

What breaks. With one auxiliary output, different seeds give different functions. With other labels the rotated network does
not interpolate, and no second minimiser is shown.

Certificate. The `first` minimiser of one output with its dual array, and the `second`, the first one rotated; the networks
of all seeds with the dual arrays that prove their costs minimal. Minimisers for a seed need not be unique: the claim is
about the solutions that the solver returns.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from proofs_checks.support import (
    all_optimal,
    kernel_interpolant,
    minimal,
    optimal,
    pack,
    solve_all,
    unpack,
    unpack_all,
    weights_of_others,
)
from proofs_checks.trust import MEASURES, NEURON_BOUND, SPACE, files
from vvnorm.analysis.feature_kernels import kernel_solution
from vvnorm.analysis.measures import Box, function_distance
from vvnorm.api.interpolation import interpolate
from vvnorm.claims import Claim, Instance, Result, Rung, Verdict, conclude, interval_complaints
from vvnorm.datasets import two_squares
from vvnorm.network import ReLUNetwork
from vvnorm.validation import Array

CLAIMED = (-np.inf, 0.1)
SEEDS, AUXILIARY, MANY = 8, 100, 50

_APART = 0.9  # two minimisers of one output must differ by this share of the labels' range at some point
_TURN = np.array([[0.0, -1.0], [1.0, 0.0]])
_GRID = 200  # points a side
_GRID_ERROR = 0.01  # relative; that of the quasi-random sample is some 1e-3
_SQUARE = Box(np.full(2, -1.0), np.full(2, 1.0))
_SOLVED = 1e-8  # relative gap that the solver is asked for
_ROUNDING = 1e-6  # of the ratio: difference between two implementations of the kernel solution


# --- instances --------------------------------------------------------------------------------------------------------


def draw(rng: np.random.Generator) -> Instance:
    """Draw 100 Bernoulli outputs on the squares for each of 8 seeds: labels Y (8 seeds, 8 points, 101)."""
    return _with_auxiliary(rng, AUXILIARY)


def draw_one_auxiliary(rng: np.random.Generator) -> Instance:
    """Draw the same with one Bernoulli output for each seed."""
    return _with_auxiliary(rng, 1)


def draw_uneven(rng: np.random.Generator) -> Instance:
    """Draw the same with other labels at two of the inner vertices."""
    instance = draw(rng)
    Y = np.array(instance["Y"])
    Y[:, 4:6, 0] = 0.5
    return {**instance, "Y": Y}


def _with_auxiliary(rng: np.random.Generator, m: int) -> Instance:
    drawn = [two_squares(m, rng) for _ in range(SEEDS)]
    return {"X": drawn[0].X, "Y": np.stack([data.Y for data in drawn])}


def _has_symmetric_labels(instance: Instance) -> bool:
    """Whether a quarter turn maps the points to points with the same first label, for every seed."""
    X, Y = instance["X"], instance["Y"]
    places = [np.flatnonzero(np.all(x == X, axis=1)) for x in X @ _TURN]
    return all(len(place) == 1 and np.array_equal(Y[:, place[0], 0], Y[:, i, 0]) for i, place in enumerate(places))


# --- checking ---------------------------------------------------------------------------------------------------------


def check(instance: Instance) -> Result:
    """Find two minimisers of one output, and one minimiser for every seed, and compare them."""
    X, Y = instance["X"], instance["Y"]
    single = interpolate(X, Y[0, :, :1], tol=_SOLVED).sparsify()
    seeds, certified, provenance = solve_all("seeds", [X] * len(Y), Y, _SOLVED)
    certificate = pack("first", single.network) | pack("second", _rotated(single.network))
    certificate |= seeds | {"single_dual": single.dual}
    measured = _distances(instance, certificate, kernel_solution) if certified and minimal(single) else {}
    return conclude(CLAIMED, *_interval(measured), certificate, **provenance, distances=measured)


def _rotated(f: ReLUNetwork) -> ReLUNetwork:
    """Return the network of the function x -> f(R x), where R is a quarter turn."""
    return ReLUNetwork(f.W @ _TURN, f.b, f.V, f.A @ _TURN, f.c)


def _certified(instance: Instance, arrays: Any) -> bool:
    """Whether all costs but that of the second network are minimal."""
    X, Y = instance["X"], instance["Y"]
    single = optimal(unpack("first", arrays), X, Y[0, :, :1], arrays["single_dual"])
    return single and all_optimal("seeds", arrays, [X] * len(Y), Y)


def _distances(
    instance: Instance, arrays: Any, solve: Callable[[ReLUNetwork, Array, Array], ReLUNetwork]
) -> dict[str, float]:
    """Measure the distances; empty if two different minimisers of one output are not proved."""
    X, Y = instance["X"], instance["Y"]
    place = [int(np.flatnonzero(np.all(x == X, axis=1))[0]) for x in X @ _TURN.T]
    first, second, seeds = unpack("first", arrays), unpack("second", arrays), unpack_all("seeds", arrays)
    if not optimal(second, X, Y[0, :, :1], arrays["single_dual"][place]):
        return {}
    single = function_distance(first, second, _SQUARE)
    if single.sup < _APART * np.ptp(Y[0, :, 0]):
        return {}
    between = max(function_distance(f, g, _SQUARE).rms.mean for i, f in enumerate(seeds) for g in seeds[:i])
    try:
        kernel = max(function_distance(f, solve(f, X, Y[0, :, 0]), _SQUARE).rms.mean for f in seeds)
    except ValueError:  # the neurons that the other outputs use cannot interpolate the first label
        kernel = np.inf
    return {"single": single.rms.mean, "single_sup": single.sup, "between_seeds": between, "to_kernel": kernel}


def _interval(measured: dict[str, float]) -> tuple[float, float]:
    """Interval of the ratio; (0, inf) without distances."""
    if not measured:
        return 0.0, np.inf
    between, kernel = measured["between_seeds"], measured["to_kernel"]
    least, most = max(between, kernel if np.isfinite(kernel) else 0.0), max(between, kernel)
    return least / measured["single"] - _ROUNDING, most / measured["single"] + _ROUNDING


def _rms_on_grid(f: ReLUNetwork, g: ReLUNetwork) -> float:
    """Root-mean-square difference of first outputs over the square, at the midpoints of a regular grid."""
    side = (np.arange(_GRID) + 0.5) * 2 / _GRID - 1
    points = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    return float(np.sqrt(np.mean((f(points)[:, 0] - g(points)[:, 0]) ** 2)))


def recheck(instance: Instance, result: Result) -> list[str]:
    """Certify all networks again, rotate the first one again, and compute the kernel solutions again."""
    arrays = result.certificate
    if not _certified(instance, arrays):
        return ["a network is not certified"]
    again = pack("second", _rotated(unpack("first", arrays)))
    if not all(np.array_equal(again[name], arrays[name]) for name in again):
        return ["the second network is not the first one rotated"]
    if len({f.W.tobytes() for f in unpack_all("seeds", arrays)}) < SEEDS:
        return ["two seeds gave the same network"]
    measured = _distances(instance, arrays, lambda f, X, y: kernel_interpolant(f, X, y, weights_of_others(f)))
    if measured:
        on_grid = _rms_on_grid(unpack("first", arrays), unpack("second", arrays))
        if abs(measured["single"] - on_grid) > _GRID_ERROR * on_grid:
            return [f"the minimisers' root-mean-square distance is {measured['single']!r}, on a grid {on_grid!r}"]
    return interval_complaints(result, *_interval(measured), 2 * _ROUNDING)


CLAIM = Claim(
    id="two_squares",
    statement=(
        "On the vertices of two squares, minimisers of one output differ by the whole range of the labels; with 100 "
        "Bernoulli auxiliary outputs all seeds give nearly one function."
    ),
    formula=(
        r"\max_{\mathrm{seeds}} \lVert f_1^{(100)} - \tilde{f}_1^{(100)} \rVert_\infty \le 0.1 \, "
        r"\max_{\mathrm{minimisers}} \lVert f_1^{(0)} - \tilde{f}_1^{(0)} \rVert_\infty"
    ),
    source="Nakhleh, Shenouda and Nowak (arXiv 2410.21696), Figure 4",
    kind="for all seeds",
    quantity="largest distance between seeds or to the kernel solution over that between two minimisers of one output",
    claimed=CLAIMED,
    hypotheses={
        "many_auxiliary_outputs": lambda instance: instance["Y"].shape[2] > MANY,
        "quarter_turn": _has_symmetric_labels,
    },
    draw=draw,
    violate={"many_auxiliary_outputs": draw_one_auxiliary, "quarter_turn": draw_uneven},
    on_violation={
        "many_auxiliary_outputs": (Verdict.VIOLATED, "each draw of a single auxiliary output selects another function"),
        "quarter_turn": (
            Verdict.INCONCLUSIVE,
            "the rotated network does not interpolate, so that only one minimiser is shown",
        ),
    },
    check=check,
    recheck=recheck,
    draws=20,
    quick_draws=1,
    not_exact="minimisers of several inputs are known in floating point only: exact proofs enclose their cost alone",
    trusted={
        Rung.CERTIFIED: files("two_squares", SPACE, NEURON_BOUND, MEASURES),
    },
)
