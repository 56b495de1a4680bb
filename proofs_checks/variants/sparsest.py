"""Variants of the claim that a sparsest minimiser has sum ceil(m / 2) neurons over its aligned runs of m points."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

from proofs_checks.variants.lines import (
    interpolates,
    line_of,
    line_variant,
    merged_pairs,
    n_outputs,
    several_outputs,
    single_output,
    with_skip,
)
from vvnorm._internal.words import count
from vvnorm.falsification import Decision, LineSpace, Variant
from vvnorm.falsification.data import Data
from vvnorm.falsification.statement import exactly
from vvnorm.verifier.exact import ExactLine


def fewest_neurons(line: ExactLine) -> tuple[int, str]:
    """Return the fewest neurons of a minimiser, and the reason: as many points need a kink each."""
    network = line.sparsest
    witnesses: list[int] = []
    for i, delta in enumerate(line.curvatures):
        if any(delta) and not (witnesses and witnesses[-1] == i - 1 and line.ratios[i - 1] is not None):
            witnesses.append(i)
    assert interpolates(network, line)
    assert len(witnesses) == len(network.neurons)
    knots = ", ".join(str(-neuron.b) for neuron in network.neurons)
    kinks = f"kinks at {knots}" if knots else "no kink"
    return len(witnesses), f"the least number of neurons is {len(witnesses)}, with {kinks}"


def _exact(data: Data) -> Decision:
    line = line_of(data)
    formula = sum((length + 1) // 2 for length in line.runs)
    if data["skip"]:
        fewest, why = fewest_neurons(line)
        return exactly(fewest == formula, f"the formula gives {count(formula, 'neuron')}; {why}")
    varies = any(row != line.labels[0] for row in line.labels)
    if formula == 0 and varies:
        return exactly(
            False, "the formula gives 0 neurons, but without a skip connection 0 neurons give constant functions only"
        )
    return exactly(True, f"the formula gives {count(formula, 'neuron')}, which nothing here contradicts")


EXACT = Variant(
    id="sparsest",
    claim="sparsest",
    statement="The fewest neurons of a minimiser are the sum of ceil(m / 2) over its aligned runs of m points.",
    false=False,
    hypotheses={"skip_connection": lambda data: bool(data["skip"])},
    decide=_exact,
    space=LineSpace(more=with_skip),
)


def _variant(name: str, statement: str, formula: Callable[[ExactLine], int], **more: Any) -> Variant:
    def decide(line: ExactLine) -> Decision:
        fewest, why = fewest_neurons(line)
        return exactly(formula(line) == fewest, f"the variant gives {count(formula(line), 'neuron')}; {why}")

    return line_variant("sparsest", name, statement, decide, **more)


N_MINUS_TWO = _variant(
    "sparsest_has_all_inner_points",
    "The fewest neurons of a minimiser are N - 2, one for each inner point.",
    lambda line: len(line.curvatures),
)
ALL_BENDS = _variant(
    "sparsest_has_all_bends",
    "The fewest neurons of a minimiser are the number of points with a curvature.",
    lambda line: sum(line.runs),
)
ROUNDED_DOWN = _variant(
    "sparsest_rounds_down",
    "The fewest neurons of a minimiser are the sum of floor(m / 2) over its runs, at least 1 for each run.",
    lambda line: sum(max(length // 2, 1) for length in line.runs),
)
RUNS_TOGETHER = _variant(
    "sparsest_halves_all_bends",
    "The fewest neurons of a minimiser are half the number of points with a curvature, rounded up.",
    lambda line: (sum(line.runs) + 1) // 2,
)
ONE_PER_RUN = _variant(
    "sparsest_has_one_per_run",
    "The fewest neurons of a minimiser are the number of its aligned runs.",
    lambda line: len(line.runs),
)


def _two_sparsest(line: ExactLine) -> Decision:
    """Compare the network that merges pairs from the left with others that merge as many pairs."""
    if line.unique:
        return exactly(True, "there is one minimiser")
    fewest, _ = fewest_neurons(line)
    aligned = [i for i, ratio in enumerate(line.ratios) if ratio is not None]
    for k in range(len(aligned)):
        chosen: list[int] = []
        for i in [*aligned[k:], *reversed(aligned[:k])]:
            if all(abs(i - other) > 1 for other in chosen):
                chosen.append(i)
        network = merged_pairs(line, chosen)
        if len(network.neurons) == fewest and network != line.sparsest:
            kinks = [", ".join(str(-n.b) for n in f.neurons) for f in (line.sparsest, network)]
            return exactly(False, f"kinks at {kinks[0]}, and kinks at {kinks[1]}, give two sparsest minimisers")
    return exactly(True, "all ways to merge pairs give one network")


UNIQUE = line_variant(
    "sparsest", "sparsest_is_unique", "There is one sparsest minimiser.", _two_sparsest, points=(3, 6),
)  # fmt: skip


def _among_all(line: ExactLine) -> Decision:
    """Compare with the interpolant that takes the sparsest minimiser of each single output."""
    knots = {-neuron.b for t in range(line.n_outputs) for neuron in single_output(line, t).sparsest.neurons}
    if len(knots) >= line.fewest_neurons:
        return exactly(True, "the sparsest minimisers of the single outputs have as many kinks together")
    fewest, why = fewest_neurons(line)
    said = f"minimisers: {why}; the sparsest minimisers of the single outputs have {len(knots)} kinks together"
    return exactly(len(knots) >= fewest, f"{said}: {', '.join(map(str, sorted(knots)))}")


AMONG_ALL = line_variant(
    "sparsest",
    "sparsest_among_all_interpolants",
    "For two outputs no interpolant has fewer neurons than the sparsest minimiser.",
    _among_all,
    hypotheses={"several_outputs": several_outputs},
    outputs=(2,),
    points=(4, 6),
    widest=1,
    top=2,
)
AT_LEAST_HALF = line_variant(
    "sparsest",
    "sparsest_has_half_of_bends",
    "A minimiser has at least half as many neurons as there are points with a curvature.",
    lambda line: exactly(2 * fewest_neurons(line)[0] >= sum(line.runs), fewest_neurons(line)[1]),
    false=False,
)
SIGN_CHANGES = line_variant(
    "sparsest",
    "sparsest_has_a_neuron_per_sign_change",
    "For one output without zero curvatures, a minimiser has more neurons than its curvatures have changes of sign.",
    lambda line: exactly(
        fewest_neurons(line)[0] > sum(a[0] * b[0] < 0 for a, b in pairwise(line.curvatures)), fewest_neurons(line)[1]
    ),
    false=False,
    hypotheses={
        "one_output": n_outputs(1),
        "curved_everywhere": lambda data: len(data["x"]) > 2 and all(any(delta) for delta in line_of(data).curvatures),
    },
    outputs=(1,),
)
