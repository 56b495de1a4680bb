"""Variants of claims about two inputs: uniqueness, the cost of several outputs, and the use of a second input."""

from collections.abc import Callable
from typing import Any

import numpy as np

from proofs_checks.variants.lines import Bounds, at_most, line_of, n_outputs
from proofs_checks.variants.planar import GAP, planar_space, proof_of, solve
from vvnorm.falsification import Basis, Decision, Variant
from vvnorm.falsification.data import Data, float_data
from vvnorm.verifier.exact import Proof

_SYMMETRIES: tuple[tuple[str, np.ndarray], ...] = (
    ("(x, y) to (y, x)", np.array([[0.0, 1.0], [1.0, 0.0]])),
    ("x to -x", np.array([[-1.0, 0.0], [0.0, 1.0]])),
    ("y to -y", np.array([[1.0, 0.0], [0.0, -1.0]])),
    ("(x, y) to (-y, x)", np.array([[0.0, 1.0], [-1.0, 0.0]])),
)
_APART = 0.05
"""Minimisers count as different from this share of the labels' range on; their gap explains far less."""


def _bounds(proof: Proof) -> Bounds:
    return proof.lower, proof.upper


def _unique(data: Data) -> Decision:
    """Rotate or reflect a minimiser by a symmetry of the data; the image is a minimiser, too."""
    floats = float_data(data)
    X, Y = floats["X"], floats["Y"]
    centre = (X.max(axis=0) + X.min(axis=0)) / 2
    levels = Y.max(axis=0) + Y.min(axis=0)
    candidates = [(name, M, sign) for name, M in _SYMMETRIES for sign in (1, -1)]
    symmetries = [(name, M, sign) for name, M, sign in candidates if _is_symmetry(X - centre, 2 * Y - levels, M, sign)]
    if not symmetries:
        return Decision(None, Basis.CERTIFIED, "the data have no symmetry")
    solution = solve(data).sparsify(GAP)
    if not solution.verify() or solution.gap > 2 * GAP:
        return Decision(None, Basis.CERTIFIED, "no minimiser was certified")
    probes = X.min(axis=0) + np.stack(np.meshgrid(*[np.linspace(0, 1, 9)] * 2), axis=-1).reshape(-1, 2) * np.ptp(X, axis=0)
    for name, M, sign in symmetries:
        image = levels / 2 + sign * (solution((probes - centre) @ M + centre) - levels / 2)
        apart = np.abs(solution(probes) - image).max(axis=1)
        most = int(np.argmax(apart))
        if apart[most] > _APART * np.ptp(Y, axis=0).max():
            mirrored = "" if sign == 1 else ", with labels mirrored,"
            said = f"a minimiser (relative gap {solution.gap:.1g}) and its image under {name}{mirrored}"
            said += f" differ by {apart[most]:.3g}"
            return Decision(False, Basis.CERTIFIED, f"{said} at ({probes[most][0]:.3g}, {probes[most][1]:.3g})")
    return Decision(None, Basis.CERTIFIED, "the minimiser has all symmetries of the data")


def _is_symmetry(X: np.ndarray, Y: np.ndarray, M: np.ndarray, sign: int) -> bool:
    """Whether the map takes data, centred in x and y, to data; labels keep or change their sign."""
    before = {(*map(float, x), *map(float, y)) for x, y in zip(X + 0.0, Y + 0.0, strict=True)}
    after = {(*map(float, x), *map(float, y)) for x, y in zip(X @ M + 0.0, sign * Y + 0.0, strict=True)}
    return before == after


UNIQUE = Variant(
    id="planar_minimiser_is_unique",
    claim="two_squares",
    statement="For two inputs and one output there is one minimal-VV-norm interpolant.",
    false=True,
    hypotheses={},
    decide=_unique,
    space=planar_space(1),
    claim_draws=False,
)


def _proved(data: Data, compared: Callable[[list[Proof]], tuple[Bounds, Bounds]], what: str, than: str) -> Decision:
    """Compare exact bounds for all outputs together with those for each alone."""
    proofs = [proof_of(data), *(proof_of(data, t) for t in range(data["Y"].shape[1]))]
    if not all(proof.proved for proof in proofs):
        return Decision(None, Basis.EXACT, "a bound is not proved")
    return at_most(*compared(proofs), what, than)


def _two_outputs(name: str, statement: str, compared: Any, what: str, than: str, false: bool = True) -> Variant:
    return Variant(
        name, "two_squares", statement, false, {"two_outputs": n_outputs(2)},
        lambda data: _proved(data, compared, what, than), planar_space(2, ((4, 1), (5, 2))), claim_draws=False,
    )  # fmt: skip


def _sum(proofs: list[Proof]) -> Bounds:
    low, high = (sum(end) for end in zip(*map(_bounds, proofs[1:]), strict=True))
    return low, high


WORST_OUTPUT = _two_outputs(
    "planar_cost_is_that_of_the_worst_output",
    "For two inputs and two outputs the least VV norm is at most the larger least VV norm of a single output.",
    lambda proofs: (_bounds(proofs[0]), max(map(_bounds, proofs[1:]))),
    "the least VV norm for both outputs",
    "the larger for a single output",
)
ADDS_UP = _two_outputs(
    "planar_cost_adds_up_over_outputs",
    "For two inputs and two outputs the least VV norm is at least the sum of the least VV norms of the single outputs.",
    lambda proofs: (_sum(proofs), _bounds(proofs[0])),
    "the sum for the single outputs",
    "the least VV norm for both",
)
AT_MOST_SUM = _two_outputs(
    "planar_cost_is_at_most_sum_over_outputs",
    "For two inputs and two outputs the least VV norm is at most the sum of the least VV norms of the single outputs.",
    lambda proofs: (_bounds(proofs[0]), _sum(proofs)),
    "the least VV norm for both outputs",
    "the sum for the single outputs",
    false=False,
)


def _coordinatewise(data: Data) -> Decision:
    """Compare with the least cost of the same labels over the first coordinate alone."""
    order = sorted(range(len(data["X"])), key=lambda i: data["X"][i, 0])
    line = line_of({"x": data["X"][order, 0], "Y": data["Y"][order]})
    proof = proof_of(data)
    if not proof.proved:
        return Decision(None, Basis.EXACT, "a bound is not proved")
    return at_most(line.bounds, _bounds(proof), "the least VV norm over the first coordinate", "that over both")


ONE_COORDINATE = Variant(
    id="second_input_does_not_help",
    claim="two_squares",
    statement="A second input does not lower the least VV norm of data with distinct first inputs.",
    false=True,
    hypotheses={"first_tells_apart": lambda data: len(set(data["X"][:, 0].tolist())) == len(data["X"])},
    decide=_coordinatewise,
    space=planar_space(1, ((4, 3),)),
    claim_draws=False,
)
