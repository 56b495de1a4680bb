"""Variants of the claim that a step against the point of least norm in the hull of the gradients lowers every loss.

Gradients are rows of small integers. So the point of least norm is rational, and a search over the faces of the convex hull
finds it exactly.
"""

from collections.abc import Iterator
from fractions import Fraction
from itertools import combinations
from typing import Any

import numpy as np

from vvnorm.falsification import Decision, ListedSpace, Variant
from vvnorm.falsification.data import Data, rationals
from vvnorm.falsification.spaces import small_vectors
from vvnorm.falsification.statement import exactly
from vvnorm.verifier.exact.corrected import independent, solved
from vvnorm.verifier.exact.rationals import Matrix, Vector, dot, norm_squared

_MOST_TASKS = 4


def combined(weights: Vector, rows: Matrix) -> Vector:
    """Return the weighted sum of rows."""
    return tuple(dot(weights, column) for column in zip(*rows, strict=True))


def least_norm_weights(gradients: Matrix) -> Vector:
    """Return the weights of the point of least norm in the convex hull.

    On the affine hull of each face take the point of least norm. The best of those that lie in their face is the solution.
    """
    tasks, best = range(len(gradients)), None
    for size in range(1, len(gradients) + 1):
        for face in combinations(tasks, size):
            weights = _on_face([gradients[t] for t in face])
            if weights is not None and min(weights) >= 0:
                spread = tuple(weights[face.index(t)] if t in face else Fraction(0) for t in tasks)
                value = norm_squared(combined(spread, gradients))
                best = (value, spread) if best is None or value < best[0] else best
    assert best is not None
    return best[1]


def _on_face(rows: list[Vector]) -> Vector | None:
    """Return weights of any sign, with sum 1, that minimise the norm; None if they are not unique."""
    n = len(rows)
    gram = [[dot(a, b) for b in rows] + [Fraction(1)] for a in rows]
    system = [*gram, [Fraction(1)] * n + [Fraction(0)]]
    solution = solved(system, [[Fraction(0)]] * n + [[Fraction(1)]])
    return None if solution is None else tuple(row[0] for row in solution[:n])


def _gradients(data: Data) -> Matrix:
    return tuple(map(tuple, data["gradients"].tolist()))


def _fits(data: Data) -> bool:
    return 2 <= len(data["gradients"]) <= _MOST_TASKS and data["gradients"].size > 0


def _random(rng: np.random.Generator) -> Data:
    shape = (int(rng.integers(2, _MOST_TASKS + 1)), int(rng.integers(1, 4)))
    return {"gradients": rationals(rng.integers(-4, 5, shape).astype(object))}


def _family(tasks: int, parameters: int, most: int) -> Any:
    def members() -> Iterator[Data]:
        return ({"gradients": rows} for rows in small_vectors(tasks, parameters, -most, most))

    return f"{tasks} tasks, {parameters} parameters, entries up to {most}", members


SPACE = ListedSpace(
    [_family(2, 1, 2), _family(2, 2, 2), _family(3, 2, 2)], _random, {"gradients": "tp"}, _fits
)  # fmt: skip


def _variant(name: str, statement: str, decide: Any, false: bool = True, **hypotheses: Any) -> Variant:
    return Variant(
        name, "mgda_stationary", statement, false, hypotheses, lambda data: decide(_gradients(data)), SPACE, False
    )


def _lowers_all(gradients: Matrix, x: Vector) -> Decision:
    """Decide whether a small step against x lowers every loss to first order, unless x is 0."""
    products = [dot(g, x) for g in gradients]
    said = f"the direction ({', '.join(map(str, x))}) has the products {', '.join(map(str, products))} with the gradients"
    return exactly(not any(x) or min(products) > 0, said)


def _mean(gradients: Matrix) -> Vector:
    return combined((Fraction(1, len(gradients)),) * len(gradients), gradients)


MEAN = _variant(
    "mean_gradient_lowers_every_loss",
    "A small step against the mean of the gradients lowers every loss.",
    lambda gradients: _lowers_all(gradients, _mean(gradients)),
)
EVERY_TASK = _variant(
    "least_norm_point_uses_every_task",
    "The point of least norm gives every task a positive weight, if the gradients are not 0.",
    lambda gradients: exactly(
        min(least_norm_weights(gradients)) > 0,
        f"the weights are {', '.join(map(str, least_norm_weights(gradients)))}",
    ),
    no_zero_gradient=lambda data: all(map(any, data["gradients"].tolist())),
)
EQUALLY = _variant(
    "least_norm_direction_lowers_losses_equally",
    "A small step against the point of least norm lowers all losses at the same rate.",
    lambda gradients: exactly(
        len({dot(g, combined(least_norm_weights(gradients), gradients)) for g in gradients}) == 1,
        f"the point of least norm is ({', '.join(map(str, combined(least_norm_weights(gradients), gradients)))})",
    ),
)
SIGNS = _variant(
    "sum_of_signs_lowers_every_loss",
    "A small step against the entrywise signs of the summed gradients lowers every loss.",
    lambda gradients: _lowers_all(gradients, tuple(Fraction((e > 0) - (e < 0)) for e in _mean(gradients))),
)
LEAST_NORM = _variant(
    "least_norm_direction_lowers_every_loss",
    "A small step against the point of least norm lowers every loss, unless that point is 0.",
    lambda gradients: _lowers_all(gradients, combined(least_norm_weights(gradients), gradients)),
    false=False,
)


# --- gradients in hidden values ---------------------------------------------------------------------------------------


def _hidden_random(rng: np.random.Generator) -> Data:
    H = int(rng.integers(2, 4))
    arrays = {"gradients": (int(rng.integers(2, 4)), H), "jacobian": (H, H)}
    return {name: rationals(rng.integers(-3, 4, shape).astype(object)) for name, shape in arrays.items()}


def _hidden_family() -> Iterator[Data]:
    for jacobian in small_vectors(2, 2, 0, 2):
        for gradients in small_vectors(2, 2, -1, 1):
            yield {"gradients": gradients, "jacobian": jacobian}


def _full_rank(data: Data) -> bool:
    return independent(data["jacobian"].tolist())


HIDDEN_SPACE = ListedSpace(
    [("2 tasks, 2 hidden values, 2 parameters, entries up to 2", _hidden_family)],
    _hidden_random,
    {"gradients": "th", "jacobian": "hh"},
    lambda data: len(data["gradients"]) >= 2 and data["jacobian"].size > 0,
)


def _hidden_direction(data: Data) -> Decision:
    """The weights come from gradients in the hidden values; the step is in the parameters, theta."""
    hidden, jacobian = _gradients(data), tuple(map(tuple, data["jacobian"].tolist()))
    parameters = tuple(combined(g, jacobian) for g in hidden)
    return _lowers_all(parameters, combined(least_norm_weights(hidden), parameters))


UPPER_BOUND = Variant(
    id="mgda_ub_lowers_every_loss",
    claim="mgda_stationary",
    statement="With a Jacobian of full rank, a step with the weights of MGDA-UB lowers every loss, unless it is 0.",
    false=True,
    hypotheses={"full_rank": _full_rank},
    decide=_hidden_direction,
    space=HIDDEN_SPACE,
    claim_draws=False,
)
CONFORMAL = Variant(
    id="mgda_ub_lowers_every_loss_if_conformal",
    claim="mgda_stationary",
    statement="If J J' is a multiple of the identity, a step with the weights of MGDA-UB lowers every loss.",
    false=False,
    hypotheses={
        "full_rank": _full_rank,
        "conformal": lambda data: _conformal(tuple(map(tuple, data["jacobian"].tolist()))),
    },
    decide=_hidden_direction,
    space=HIDDEN_SPACE,
    claim_draws=False,
)


def _conformal(rows: Matrix) -> bool:
    size = norm_squared(rows[0])
    return all(dot(a, b) == (size if a is b else 0) for a in rows for b in rows)
