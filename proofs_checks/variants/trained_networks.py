"""Variants of the claim that trained networks end near connect-the-dots, decided by the neurons that data need."""

from itertools import pairwise

from proofs_checks.variants.lines import line_variant, n_outputs
from vvnorm._internal.words import count
from vvnorm.falsification import Decision
from vvnorm.falsification.statement import exactly
from vvnorm.verifier.exact import ExactLine


def _kinks_needed(line: ExactLine) -> int:
    """Every interpolant of one output has a kink between pieces that rise and pieces that fall."""
    return sum(a[0] * b[0] < 0 for a, b in pairwise(line.slopes))


def _narrow(line: ExactLine) -> Decision:
    allowed, needed = max(len(line.inputs) - 3, 0), _kinks_needed(line)
    return exactly(
        needed <= allowed,
        f"an interpolant needs at least {count(needed, 'kink')}; the variant allows {count(allowed, 'neuron')}",
    )


NARROW = line_variant(
    "trained_networks",
    "narrow_networks_interpolate",
    "Networks with a skip connection and N - 3 neurons can interpolate any labels of one output.",
    _narrow,
    hypotheses={"one_output": n_outputs(1)},
    outputs=(1,),
    points=(3, 6),
)


def _wide_enough(line: ExactLine) -> Decision:
    allowed, needed = len(line.inputs) - 2, len(line.network.neurons)
    return exactly(needed <= allowed, f"connect-the-dots has {needed} neurons")


WIDE = line_variant(
    "trained_networks",
    "wide_networks_interpolate",
    "Networks with a skip connection and N - 2 neurons can be minimisers, whatever the labels.",
    _wide_enough,
    false=False,
)
