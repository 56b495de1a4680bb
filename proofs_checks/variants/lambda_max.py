"""Variants of the claim that the fit is affine exactly from lambda_max on, decided for data with one input.

For one input lambda_max^2 is rational: it is the largest squared norm of sum_i R_i relu(x_i - t) over data points t, with R
the residuals of the best affine function.
"""

from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np

from proofs_checks.variants.lines import Bounds, decided_by, exact_bounds, line_variant, norms, times, with_skip
from vvnorm.falsification import Decision, LineSpace, Shell, Variant
from vvnorm.falsification.data import Data, rationals
from vvnorm.falsification.statement import exactly
from vvnorm.verifier.exact import ExactLine
from vvnorm.verifier.exact.rationals import Matrix, Vector, dot, norm_squared, root_bounds

LARGEST = "lambda_max"


def residuals(x: Vector, Y: Matrix, skip: bool = True) -> Matrix:
    """Return the labels minus the best affine function of x, or minus their mean without a skip connection."""
    mean_x = sum(x, Fraction(0)) / len(x)
    spread = sum(((t - mean_x) ** 2 for t in x), Fraction(0))
    columns = []
    for column in zip(*Y, strict=True):
        mean = sum(column, Fraction(0)) / len(x)
        moment = sum(((t - mean_x) * y for t, y in zip(x, column, strict=True)), Fraction(0))
        slope = moment / spread if skip else Fraction(0)
        columns.append([y - mean - slope * (t - mean_x) for t, y in zip(x, column, strict=True)])
    return tuple(zip(*columns, strict=True))


def responses(x: Vector, R: Matrix, sign: int = 1) -> Matrix:
    """Return sum_i R_i relu(sign (x_i - t)) for each data point t."""
    hidden = [[max(sign * (at - t), Fraction(0)) for at in x] for t in x]
    return tuple(tuple(dot(row, column) for column in zip(*R, strict=True)) for row in hidden)


def largest_square(x: Vector, Y: Matrix, skip: bool = True) -> Fraction:
    """Return lambda_max^2. With a skip connection, neurons of both signs have the same responses."""
    R = residuals(x, Y, skip)
    both = [*responses(x, R), *responses(x, R, -1)]
    return max(map(norm_squared, both))


def _exact(data: Data) -> Decision:
    x, Y = tuple(data["X"][:, 0].tolist()), tuple(map(tuple, data["Y"].tolist()))
    R = residuals(x, Y)
    formula = max(map(norm_squared, responses(x, R)))
    actual = largest_square(x, Y, bool(data["skip"]))
    said = f"lambda_max^2 is {actual}, the largest squared response to the residuals of the affine function {formula}"
    return exactly(actual == formula, said if len(said) < 300 else f"{float(actual):.9g} and {float(formula):.9g}")


class _Columns(LineSpace):
    """Data of one input as a matrix X (N, 1)."""

    def contains(self, data: Data) -> bool:
        """Whether there is one input, with two distinct values or more, and complete labels."""
        is_column = data["X"].ndim == 2 and data["X"].shape[1] == 1
        return is_column and len(set(data["X"].ravel().tolist())) > 1 and data["Y"].size > 0

    def shells(self) -> Iterator[Shell]:
        """Yield the data sets of `LineSpace`, with their inputs as a matrix."""
        for shell in super().shells():
            yield Shell(shell.description, map(_as_matrix, shell.members))

    def draw(self, rng: np.random.Generator) -> Data:
        """Draw data, with their inputs as a matrix."""
        return _as_matrix(super().draw(rng))


def _as_matrix(data: Data) -> Data:
    rest = {name: value for name, value in data.items() if name != "x"}
    return {"X": rationals(data["x"].reshape(-1, 1)), **rest}


EXACT = Variant(
    id="lambda_max",
    claim="lambda_max",
    statement="The fit is affine exactly from lambda_max on, the largest response to the residuals of the affine function.",
    false=False,
    hypotheses={"skip_connection": lambda data: bool(data["skip"])},
    decide=_exact,
    space=_Columns(more=with_skip, axes={"X": "nd", "Y": "nt"}),
)


def _variant(name: str, statement: str, formula: Callable[[ExactLine, Matrix], Bounds], **more: Any) -> Variant:
    def decide(line: ExactLine) -> Decision:
        actual = root_bounds(largest_square(line.inputs, line.labels))
        return decided_by(actual, formula(line, residuals(line.inputs, line.labels)), LARGEST, "the variant's value")

    return line_variant("lambda_max", name, statement, decide, claim_draws=False, **{"points": (3, 6), **more})


def _largest_norm(vectors: Matrix) -> Bounds:
    return root_bounds(max(map(norm_squared, vectors)))


HALVED = _variant(
    "lambda_max_halved",
    "The fit is affine for every lam of at least half the largest response.",
    lambda line, R: times(Fraction(1, 2), _largest_norm(responses(line.inputs, R))),
)
LARGEST_RESIDUAL = _variant(
    "lambda_max_is_largest_residual",
    "The fit is affine for every lam of at least the largest norm of a residual of the affine function.",
    lambda line, R: _largest_norm(R),
)
L1_RESPONSE = _variant(
    "lambda_max_adds_outputs",
    "The fit is affine for every lam of at least the largest 1-norm of a neuron's response.",
    lambda line, R: exact_bounds(max(sum(map(abs, row), Fraction(0)) for row in responses(line.inputs, R))),
)
WORST_OUTPUT = _variant(
    "lambda_max_is_that_of_the_worst_output",
    "The fit for several outputs is affine for every lam of at least the largest lambda_max of a single output.",
    lambda line, R: exact_bounds(max(abs(entry) for row in responses(line.inputs, R) for entry in row)),
)
TO_LABELS = _variant(
    "lambda_max_is_response_to_labels",
    "The fit is affine for every lam of at least the largest response of a neuron to the labels minus their mean.",
    lambda line, R: _largest_norm(responses(line.inputs, residuals(line.inputs, line.labels, skip=False))),
)
LEAST_COST = _variant(
    "lambda_max_is_cost_of_data",
    "The fit is affine for every lam of at least R(D), the cost of connect-the-dots.",
    lambda line, R: line.bounds,
)
FIRST_HALF = _variant(
    "lambda_max_at_middle_point",
    "The neuron of largest response has its kink at the middle point.",
    lambda line, R: norms([responses(line.inputs, R)[len(R) // 2]]),
)


def _midpoints(line: ExactLine) -> Decision:
    """Compare responses with kinks at the middles of gaps with those with kinks at data."""
    R = residuals(line.inputs, line.labels)
    largest = largest_square(line.inputs, line.labels)
    for a, b in pairwise(line.inputs):
        hidden = [max(at - (a + b) / 2, Fraction(0)) for at in line.inputs]
        response = [dot(hidden, column) for column in zip(*R, strict=True)]
        if norm_squared(response) > largest:
            return exactly(False, f"a kink at {(a + b) / 2} has a larger response")
    return exactly(True, "kinks in the middle of gaps have no larger responses")


AT_DATA = line_variant(
    "lambda_max",
    "lambda_max_has_kinks_at_data",
    "No neuron with its kink between data points has a larger response than those with kinks at data points.",
    _midpoints,
    false=False,
    claim_draws=False,
)
