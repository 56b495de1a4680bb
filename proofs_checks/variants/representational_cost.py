"""Variants of the claim that the least VV norm of a network that computes a function is the sum of its jumps' norms."""

from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import combinations_with_replacement, product
from typing import Any

import numpy as np

from proofs_checks.variants.lines import Bounds, decided_by, exact_bounds, norms, shown
from vvnorm.falsification import Basis, Decision, ListedSpace, Variant
from vvnorm.falsification.data import Data, rationals
from vvnorm.falsification.statement import exactly
from vvnorm.verifier.exact.rationals import Vector, norm_squared, root_bounds

LEAST = "the least VV norm of a network for the function"


def _data(M: int, T: int, skips: tuple[bool, ...]) -> Iterator[Data]:
    """Knots 0 .. M - 1, repeated or not, jumps and left slopes of small integers."""
    for knots in combinations_with_replacement(range(M), M):
        for jumps in product((0, 1, -1), repeat=M * T):
            for slope, skip in product(product((0, 1), repeat=T), skips):
                yield _made(knots, np.array(jumps, dtype=object).reshape(M, T), slope, skip)


def _made(knots: Any, jumps: Any, slope: Any, skip: bool) -> Data:
    offset = rationals(np.zeros(len(slope), dtype=object))
    arrays = {"knots": rationals(np.array(knots, dtype=object)), "jumps": rationals(jumps)}
    return {**arrays, "slope": rationals(np.array(slope, dtype=object)), "offset": offset, "skip": skip}


def _random(rng: np.random.Generator) -> Data:
    M, T = int(rng.integers(1, 5)), int(rng.integers(1, 4))
    jumps, slope = rng.integers(-3, 4, (M, T)).astype(object), rng.integers(-3, 4, T).tolist()
    return _made(np.sort(rng.integers(0, 9, M)).tolist(), jumps, slope, bool(rng.random() < 0.5))


def _space(skips: tuple[bool, ...]) -> ListedSpace:
    sizes = [
        (f"{M} knots, T = {T}", lambda M=M, T=T: _data(M, T, skips)) for M, T in ((1, 1), (2, 1), (1, 2), (2, 2), (3, 1))
    ]
    axes = {"knots": "m", "jumps": "mt", "slope": "t", "offset": "t"}
    return ListedSpace(sizes, _random, axes, lambda data: len(data["knots"]) > 0 and len(data["slope"]) > 0)


def _total_jumps(data: Data) -> dict[Fraction, Vector]:
    """Return the jump of the derivative at each knot, the sum of the jumps that are listed for it."""
    totals: dict[Fraction, Vector] = {}
    for knot, jump in zip(data["knots"].tolist(), data["jumps"].tolist(), strict=True):
        before = totals.get(knot, (Fraction(0),) * len(jump))
        totals[knot] = tuple(a + b for a, b in zip(before, jump, strict=True))
    return totals


def _cost(data: Data) -> Bounds:
    """Bound the least VV norm: exactly with a skip connection, without one from below by the largest slope."""
    totals, slope = _total_jumps(data), tuple(data["slope"].tolist())
    if data["skip"]:
        return norms(totals.values())
    steepest = norm_squared(slope)
    for knot in sorted(totals):
        slope = tuple(a + b for a, b in zip(slope, totals[knot], strict=True))
        steepest = max(steepest, norm_squared(slope))
    return root_bounds(steepest)[0], norms([tuple(data["slope"].tolist()), *totals.values()])[1]


def _compared(data: Data, formula: Bounds) -> Decision:
    cost = _cost(data)
    if data["skip"]:
        return decided_by(cost, formula, LEAST, "the formula")
    # Without a skip connection the lower bound is not tight: a formula is refuted only if it lies outside the bounds.
    ends = [shown(exact_bounds(end)) for end in cost]
    said = f"{LEAST} lies between {ends[0]} and {ends[1]}, the formula is {shown(formula)}"
    outside = formula[1] < cost[0] or formula[0] > cost[1]
    return exactly(False, said) if outside else Decision(None, Basis.EXACT, said)


def _listed(data: Data) -> Bounds:
    return norms(data["jumps"].tolist())


EXACT = Variant(
    id="representational_cost",
    claim="representational_cost",
    statement="The least VV norm of a network that computes a function of one input is sum_m ||J_m|| over its knots.",
    false=False,
    hypotheses={
        "distinct_knots": lambda data: len(set(data["knots"].tolist())) == len(data["knots"]),
        "skip_connection": lambda data: bool(data["skip"]),
    },
    decide=lambda data: _compared(data, _listed(data)),
    space=_space((True, False)),
)


def _variant(name: str, statement: str, formula: Callable[[Data], Bounds], false: bool = True) -> Variant:
    return Variant(
        name, "representational_cost", statement, false, EXACT.hypotheses, lambda data: _compared(data, formula(data)),
        _space((True,)),
    )  # fmt: skip


L1_OVER_OUTPUTS = _variant(
    "function_costs_l1_of_jumps",
    "The least VV norm of a network that computes f is the sum of the magnitudes of all entries of its jumps.",
    lambda data: exact_bounds(sum(map(abs, data["jumps"].ravel().tolist()), Fraction(0))),
)
FROBENIUS = _variant(
    "function_costs_norm_of_all_jumps",
    "The least VV norm of a network that computes f is the Euclidean norm of all its jumps together.",
    lambda data: norms([data["jumps"].ravel().tolist()]),
)
SLOPE_COUNTS = _variant(
    "function_costs_its_slope_too",
    "The least VV norm of a network that computes f is the sum of the norms of its jumps and of its left slope.",
    lambda data: norms([*data["jumps"].tolist(), data["slope"].tolist()]),
)
NET_CHANGE = _variant(
    "function_costs_net_change_of_slope",
    "The least VV norm of a network that computes f is the norm of the sum of its jumps.",
    lambda data: norms([data["jumps"].sum(axis=0).tolist()]),
)
WITH_MERGED_KNOTS = Variant(
    id="function_costs_merged_jumps",
    claim="representational_cost",
    statement="The least VV norm of a network that computes f is the sum of the norms of its jumps, added up at each knot.",
    false=False,
    hypotheses={"skip_connection": lambda data: bool(data["skip"])},
    decide=lambda data: _compared(data, norms(_total_jumps(data).values())),
    space=_space((True,)),
)
