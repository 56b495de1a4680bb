"""Variants of the claim that auxiliary outputs make minimal-VV-norm interpolants of two inputs smoother on average."""

from proofs_checks.variants.lines import n_outputs
from proofs_checks.variants.planar import GAP, planar_space, solve
from vvnorm.analysis.measures import mean_gradient_norm
from vvnorm.falsification import Basis, Decision, Variant
from vvnorm.falsification.data import Data, float_data

_MARGIN = 0.02
"""Relative rise of a mean gradient from which it counts; the gaps of the networks explain far less."""


def _gradient_falls(data: Data) -> Decision:
    """Compare the mean gradient norm of output 1, over the hull of the points, with and without the second output."""
    X = float_data(data)["X"]
    alone, together = solve(data, 0), solve(data)
    if not all(solution.verify() and solution.gap <= GAP for solution in (alone, together)):
        return Decision(None, Basis.CERTIFIED, "a minimiser was not certified")
    before, after = (mean_gradient_norm(f.network, X, exact=True).mean for f in (alone, together))
    said = f"the mean gradient norm of output 1 is {before:.4g} alone and {after:.4g} with the second output"
    return Decision(not after > before * (1 + _MARGIN), Basis.CERTIFIED, said)


EVERY_DRAW = Variant(
    id="auxiliary_output_always_smooths",
    claim="smoothness_mean_gradient",
    statement="A second output never increases the mean gradient norm of the first, for certified minimisers.",
    false=True,
    hypotheses={"two_outputs": n_outputs(2)},
    decide=_gradient_falls,
    space=planar_space(2, ((5, 2), (6, 2))),
    claim_draws=False,
)
