"""Variants of the claim that neurons of a minimiser serve all outputs or none, decided on data with one input."""

from proofs_checks.variants.lines import line_of, line_variant, several_outputs
from vvnorm.falsification import Decision
from vvnorm.falsification.data import Data
from vvnorm.falsification.statement import exactly
from vvnorm.verifier.exact import ExactLine


def _all_or_none(line: ExactLine) -> Decision:
    """Test the neurons of connect-the-dots, which is a minimiser for any labels."""
    for neuron in line.network.neurons:
        if not all(neuron.v):
            return exactly(
                False, f"the neuron with its kink at {-neuron.b} has output weights {', '.join(map(str, neuron.v))}"
            )
    return exactly(True, "every neuron serves all outputs")


def _not_constant(data: Data) -> bool:
    return all(len(set(column.tolist())) > 1 for column in data["Y"].T)


ANY_LABELS = line_variant(
    "neuron_sharing",
    "neurons_are_shared_for_any_labels",
    "For two or more outputs, none of them constant, each neuron of connect-the-dots serves all outputs.",
    _all_or_none,
    hypotheses={"several_outputs": several_outputs, "no_constant_output": _not_constant},
    claim_draws=False,
    outputs=(2,),
    points=(3, 6),
)


def _served(data: Data) -> bool:
    return all(all(neuron.v) for neuron in line_of(data).network.neurons)


def _equal_shares(line: ExactLine) -> Decision:
    for neuron in line.network.neurons:
        if len({abs(weight) for weight in neuron.v}) > 1:
            return exactly(False, f"the output weights at {-neuron.b} are {', '.join(map(str, neuron.v))}")
    return exactly(True, "every neuron serves all outputs alike")


ALIKE = line_variant(
    "neuron_sharing",
    "neurons_serve_outputs_alike",
    "If every neuron of connect-the-dots serves all outputs, it serves them with weights of equal magnitude.",
    _equal_shares,
    hypotheses={
        "several_outputs": several_outputs,
        "all_served": _served,
    },
    claim_draws=False,
    outputs=(2,),
    points=(3, 6),
)
