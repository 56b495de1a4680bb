"""Variants of the claim about the width of minimisers, decided on data with one input.

For one input the fewest neurons of a minimiser are known exactly: the sum of ceil(m / 2) over aligned runs of m points.
"""

from collections.abc import Callable
from typing import Any

from proofs_checks.variants.lines import line_variant
from proofs_checks.variants.sparsest import fewest_neurons
from vvnorm._internal.words import count
from vvnorm.falsification import Decision, Variant
from vvnorm.falsification.statement import exactly
from vvnorm.verifier.exact import ExactLine


def _variant(name: str, statement: str, bound: Callable[[ExactLine], int], **more: Any) -> Variant:
    def decide(line: ExactLine) -> Decision:
        if line.fewest_neurons <= bound(line):
            return exactly(True, f"{bound(line)} neurons suffice")
        return exactly(False, f"the variant gives {count(bound(line), 'neuron')}; {fewest_neurons(line)[1]}")

    return line_variant("width", name, statement, decide, claim_draws=False, **more)


HALF_THE_POINTS = _variant(
    "width_is_half_the_points",
    "Some minimiser has at most N / 2 neurons.",
    lambda line: len(line.inputs) // 2,
)
ONE_PER_OUTPUT = _variant("width_is_one_per_output", "Some minimiser has at most T neurons.", lambda line: line.n_outputs)
INNER_POINTS_LESS_ONE = _variant(
    "width_is_below_inner_points",
    "With four points or more some minimiser has at most N - 3 neurons.",
    lambda line: len(line.inputs) - 3,
    points=(4, 6),
)
INNER_POINTS = _variant(
    "width_is_inner_points",
    "Whatever the number of outputs, some minimiser for one input has at most N - 2 neurons.",
    lambda line: len(line.inputs) - 2,
    false=False,
)
