"""Variants of the bound of gradients in the parameters by those in the hidden values: ||J'g||^2 <= ||J||^2 ||g||^2."""

from collections.abc import Callable, Iterator
from fractions import Fraction

import numpy as np

from proofs_checks.variants.mgda_stationary import combined
from vvnorm.falsification import Decision, ListedSpace, Variant
from vvnorm.falsification.data import Data, rationals
from vvnorm.falsification.spaces import small_vectors
from vvnorm.falsification.statement import exactly
from vvnorm.verifier.exact.rationals import Matrix, Vector, norm_squared


def _family() -> Iterator[Data]:
    for jacobian in small_vectors(2, 2, -1, 2):
        for gradient in small_vectors(1, 2, -1, 2):
            yield {"jacobian": jacobian, "gradient": gradient[0]}


def _random(rng: np.random.Generator) -> Data:
    H, P = (int(rng.integers(1, 4)) for _ in range(2))
    return {
        name: rationals(rng.integers(-4, 5, shape).astype(object))
        for name, shape in (("jacobian", (H, P)), ("gradient", H))
    }


_SPACE = ListedSpace(
    [("2 hidden values, 2 parameters, entries from -1 to 2", _family)],
    _random,
    {"jacobian": "hp", "gradient": "h"},
    lambda data: data["jacobian"].size > 0,
)


def _variant(name: str, statement: str, bound: Callable[[Matrix, Vector], Fraction], false: bool = True) -> Variant:
    def decide(data: Data) -> Decision:
        jacobian, gradient = tuple(map(tuple, data["jacobian"].tolist())), tuple(data["gradient"].tolist())
        reached, limit = norm_squared(combined(gradient, jacobian)), bound(jacobian, gradient)
        return exactly(reached <= limit, f"||J'g||^2 is {reached}, the bound is {limit}")

    return Variant(name, "mgda_bound", statement, false, {}, decide, _SPACE, claim_draws=False)


def _all_entries(jacobian: Matrix) -> list[Fraction]:
    return [entry for row in jacobian for entry in row]


WITHOUT_JACOBIAN = _variant(
    "mgda_bound_without_jacobian",
    "Gradients in the parameters are no longer than gradients in the hidden values.",
    lambda jacobian, gradient: norm_squared(gradient),
)
LARGEST_ENTRY = _variant(
    "mgda_bound_by_largest_entry",
    "||J'g||^2 is at most the square of the largest entry of J times ||g||^2.",
    lambda jacobian, gradient: max(e * e for e in _all_entries(jacobian)) * norm_squared(gradient),
)
LONGEST_ROW = _variant(
    "mgda_bound_by_longest_row",
    "||J'g||^2 is at most the square of the norm of the longest row of J times ||g||^2.",
    lambda jacobian, gradient: max(map(norm_squared, jacobian)) * norm_squared(gradient),
)
FROBENIUS = _variant(
    "mgda_bound_by_all_entries",
    "||J'g||^2 is at most the sum of the squares of all entries of J times ||g||^2.",
    lambda jacobian, gradient: norm_squared(_all_entries(jacobian)) * norm_squared(gradient),
    false=False,
)
