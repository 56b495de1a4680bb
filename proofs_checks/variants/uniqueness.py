"""Variants of the claim that connect-the-dots is the only minimiser unless neighbouring curvatures point the same way."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

from proofs_checks.variants.lines import line_of, line_variant, n_outputs, several_outputs, single_output, uniqueness_of
from vvnorm.falsification import Decision, LineSpace, Variant
from vvnorm.falsification.data import Data
from vvnorm.falsification.statement import exactly
from vvnorm.verifier.exact import ExactLine
from vvnorm.verifier.exact.rationals import dot, norm_squared


def _only_minimiser(data: Data) -> Decision:
    return exactly(*uniqueness_of(line_of(data)))


EXACT = Variant(
    id="uniqueness",
    claim="uniqueness",
    statement="Connect-the-dots is the only minimiser if no two neighbouring curvatures point the same way.",
    false=False,
    hypotheses={"no_aligned_neighbours": lambda data: line_of(data).unique},
    decide=_only_minimiser,
    space=LineSpace(points=(3, 6)),
)


def _variant(name: str, statement: str, says: Callable[[ExactLine], bool | None], **more: Any) -> Variant:
    """Return a variant. `says` tells whether there is only one minimiser, or returns None if the variant does not apply."""

    def decide(line: ExactLine) -> Decision:
        said = says(line)
        if said is None or said is line.unique:
            return exactly(True, f"the variant says {_words(said)}, which is right")
        unique, why = uniqueness_of(line)
        return exactly(said is unique, f"the variant says {_words(said)}; {why}")

    return line_variant("uniqueness", name, statement, decide, points=(2, 6), **more)


def _words(unique: bool | None) -> str:
    return {True: "one minimiser", False: "several minimisers", None: "nothing"}[unique]


ONE_OUTPUT = _variant(
    "unique_for_one_output",
    "For one output connect-the-dots is the only minimiser, whatever the curvatures.",
    lambda line: True,
    hypotheses={"one_output": n_outputs(1)},
    outputs=(1,),
)
SEVERAL_OUTPUTS = _variant(
    "unique_for_two_outputs",
    "For two or more outputs connect-the-dots is the only minimiser, whatever the labels.",
    lambda line: True,
    hypotheses={"several_outputs": several_outputs},
    outputs=(2,),
)
UNLESS_ALL_ALIGNED = _variant(
    "unique_unless_all_aligned",
    "Connect-the-dots is the only minimiser unless all neighbouring curvatures point the same way.",
    lambda line: not line.ratios or not all(ratio is not None for ratio in line.ratios),
)
PARALLEL = _variant(
    "several_if_parallel",
    "Connect-the-dots is the only minimiser exactly if no two neighbouring curvatures are parallel or opposite.",
    lambda line: not any(dot(a, b) ** 2 == norm_squared(a) * norm_squared(b) != 0 for a, b in pairwise(line.curvatures)),
)
ACUTE = _variant(
    "several_if_acute",
    "There are several minimisers where two neighbouring curvatures enclose an acute angle.",
    lambda line: False if any(dot(a, b) > 0 for a, b in pairwise(line.curvatures)) else None,
)
ZERO_CURVATURE = _variant(
    "several_if_a_curvature_is_zero",
    "There are several minimisers where a curvature is zero, since the direction of the dual certificate is free there.",
    lambda line: False if any(not any(delta) for delta in line.curvatures) else None,
)
FAR_NEIGHBOURS = _variant(
    "unique_if_some_neighbours_differ",
    "Connect-the-dots is the only minimiser if some two neighbouring curvatures point different ways.",
    lambda line: True if any(ratio is None for ratio in line.ratios) else None,
)
EACH_OUTPUT = _variant(
    "unique_only_if_for_an_output",
    "If connect-the-dots is the only minimiser for several outputs, it is also the only one for some single output.",
    lambda line: None if any(single_output(line, t).unique for t in range(line.n_outputs)) else False,
    outputs=(2,),
)
ONE_IS_ENOUGH = _variant(
    "unique_if_for_first_output",
    "If connect-the-dots is the only minimiser for the first output, it is also the only one for all outputs together.",
    lambda line: True if single_output(line, 0).unique else None,
    outputs=(2,),
)
FOUR_POINTS = _variant(
    "unique_for_four_points",
    "With at most four points connect-the-dots is the only minimiser.",
    lambda line: True,
    hypotheses={"at_most_four_points": lambda data: len(data["x"]) <= 4},
)
THREE_POINTS = _variant(
    "unique_for_three_points",
    "With at most three points connect-the-dots is the only minimiser.",
    lambda line: True,
    false=False,
    hypotheses={"at_most_three_points": lambda data: len(data["x"]) <= 3},
)
ALTERNATING = _variant(
    "unique_if_convexity_alternates",
    "For one output connect-the-dots is the only minimiser if neighbouring curvatures have opposite signs.",
    lambda line: True,
    false=False,
    hypotheses={
        "one_output": n_outputs(1),
        "opposite_signs": lambda data: all(a[0] * b[0] < 0 for a, b in pairwise(line_of(data).curvatures)),
    },
    outputs=(1,),
)
