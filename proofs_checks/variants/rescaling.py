"""Variants of the claim that (a w, a b, v / a) computes the same function, at a least penalty of ||w|| ||v||."""

from collections.abc import Callable, Iterator
from decimal import Context, Decimal
from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np

from proofs_checks.variants.lines import Bounds, exact_bounds
from vvnorm.falsification import Decision, ListedSpace, Variant
from vvnorm.falsification.data import Data, rationals
from vvnorm.falsification.statement import Predicate, exactly
from vvnorm.tolerances import CLAIM as TOLERANCE
from vvnorm.verifier.exact.rationals import norm_squared

HALF = Fraction(1, 2)
_DIGITS = 40


def _softplus(z: Fraction) -> Bounds:
    """Enclose log(1 + e^z): Python's decimal logarithm and exponential are correct to the last digit."""
    context = Context(prec=_DIGITS)
    value = Fraction(context.ln(context.add(1, context.exp(context.divide(Decimal(z.numerator), Decimal(z.denominator))))))
    width = Fraction(1, 10 ** (_DIGITS - 5)) * (1 + abs(z))
    return value - width, value + width


ACTIVATIONS: dict[str, Callable[[Fraction], Bounds]] = {
    "relu": lambda z: exact_bounds(max(z, Fraction(0))),
    "softplus": _softplus,
    "leaky relu": lambda z: exact_bounds(z if z > 0 else z / 10),
    "absolute value": lambda z: exact_bounds(abs(z)),
    "hard sigmoid": lambda z: exact_bounds(min(max(z + HALF, Fraction(0)), Fraction(1))),
    "shifted relu": lambda z: exact_bounds(max(z - 1, Fraction(0))),
    "squared relu": lambda z: exact_bounds(max(z, Fraction(0)) ** 2),
    "step": lambda z: exact_bounds(int(z > 0)),
}


def _data(activations: tuple[str, ...], scales: tuple[Fraction, ...]) -> Iterator[Data]:
    """One neuron with one input and one output, and one point."""
    small = (Fraction(1), Fraction(0), Fraction(-1), Fraction(2))
    for activation, a, (b, v, x, w) in product(activations, scales, product(small, small, small, small)):
        if w and v:
            arrays = {"W": [[w]], "b": [b], "V": [[v]], "a": [a], "X": [[x]]}
            yield {"activation": activation, **{name: rationals(value) for name, value in arrays.items()}}


def _space(activations: tuple[str, ...], *scales: int | Fraction) -> ListedSpace:
    given = tuple(map(Fraction, scales))

    def random(rng: np.random.Generator) -> Data:
        K, T, n = (int(rng.integers(1, 4)) for _ in range(3))
        numbers = {"W": (K, 1), "b": (K,), "V": (T, K), "X": (n, 1)}
        arrays = {name: rng.integers(-3, 4, shape).astype(object) for name, shape in numbers.items()}
        arrays["W"][arrays["W"] == 0] = 1
        arrays["a"] = np.array([given[int(rng.integers(len(given)))] for _ in range(K)], dtype=object)
        chosen = activations[int(rng.integers(len(activations)))]
        return {"activation": chosen, **{name: rationals(array) for name, array in arrays.items()}}

    axes = {"W": "kd", "b": "k", "V": "tk", "a": "k", "X": "nd"}
    sizes = [("one neuron, one point, numbers from -1 to 2", lambda: _data(activations, given))]
    return ListedSpace(sizes, random, axes, _is_network)


def _is_network(data: Data) -> bool:
    """Whether no scale is 0, and no neuron has weights of length 0."""
    there = all(data[name].size for name in ("W", "V", "a", "X"))
    return there and all(data["a"].tolist()) and all(map(any, data["W"].tolist())) and all(map(any, data["V"].T.tolist()))


def _values(data: Data, a: list[Fraction], bias: list[Fraction], out: list[Fraction]) -> list[Bounds]:
    """Enclose the outputs at all points, with input weights, biases and output weights times these factors."""
    act = ACTIVATIONS[data["activation"]]
    values = []
    for point in data["X"].tolist():
        heights = [
            act(factor * sum(map(Fraction.__mul__, w, point)) + shift * b)
            for w, b, factor, shift in zip(data["W"].tolist(), data["b"].tolist(), a, bias, strict=True)
        ]
        for row in data["V"].tolist():
            terms = [sorted((v * k * low, v * k * high)) for v, k, (low, high) in zip(row, out, heights, strict=True)]
            values.append((sum(low for low, _ in terms), sum(high for _, high in terms)))
    return values


def _changed(data: Data, *factors: list[Fraction]) -> Decision:
    """Compare the function before and after, up to the tolerance of the claim, since draws are not exact."""
    ones = [Fraction(1)] * len(data["a"])
    before, after = _values(data, ones, ones, ones), _values(data, *factors)
    size = max(max(abs(low), abs(high)) for low, high in (*before, *after)) * Fraction(TOLERANCE)
    for old, new in zip(before, after, strict=True):
        if new[0] - old[1] > size or old[0] - new[1] > size:
            return exactly(False, f"a value is {float(old[0]):.6g} before and {float(new[0]):.6g} after")
    return exactly(True, "no value changes")


def _rescaled(data: Data) -> Decision:
    a = data["a"].tolist()
    change = _changed(data, a, a, [1 / entry for entry in a])
    if change.refutes:
        return change
    for w, v, factor in zip(data["W"].tolist(), data["V"].T.tolist(), a, strict=True):
        penalty = (factor**2 * norm_squared(w) + norm_squared(v) / factor**2) / 2
        if penalty**2 < norm_squared(w) * norm_squared(v):
            return exactly(False, f"a penalty is {penalty}, which is less than ||w|| ||v||")
    return change


POSITIVE: dict[str, Predicate] = {"positive_scales": lambda data: all(a > 0 for a in data["a"].tolist())}

EXACT = Variant(
    id="rescaling",
    claim="rescaling",
    statement="Rescaling a neuron to (a w, a b, v / a), a > 0, keeps the function, and costs ||w|| ||v|| at least.",
    false=False,
    hypotheses={"homogeneous_activation": lambda data: data["activation"] == "relu", **POSITIVE},
    decide=_rescaled,
    space=_space(("relu", "softplus"), 2, HALF, -1),
)


def _for_activation(name: str, activation: str, false: bool = True) -> Variant:
    return Variant(
        id=name,
        claim="rescaling",
        statement=f"Rescaling (a w, a b, v / a), a > 0, does not change the function of neurons with the {activation}.",
        false=false,
        hypotheses={"activation": lambda data: data["activation"] == activation, **POSITIVE},
        decide=_rescaled,
        space=_space((activation,), 2, HALF, 3),
        claim_draws=False,
    )


HARD_SIGMOID = _for_activation("rescaling_for_hard_sigmoid", "hard sigmoid")
SHIFTED = _for_activation("rescaling_for_shifted_relu", "shifted relu")
SQUARED = _for_activation("rescaling_for_squared_relu", "squared relu")
STEP = _for_activation("rescaling_for_step", "step")
LEAKY = _for_activation("rescaling_for_leaky_relu", "leaky relu", false=False)
ABSOLUTE = _for_activation("rescaling_for_absolute_value", "absolute value", false=False)


def _relu_variant(name: str, statement: str, decide: Callable[[Data], Decision], **more: Any) -> Variant:
    return Variant(
        id=name, claim="rescaling", statement=statement, false=True, decide=decide, space=_space(("relu",), 2, HALF, 3),
        hypotheses={"homogeneous_activation": lambda data: data["activation"] == "relu", **POSITIVE, **more},
    )  # fmt: skip


def _without_bias(data: Data) -> Decision:
    a = data["a"].tolist()
    return _changed(data, a, [Fraction(1)] * len(a), [1 / entry for entry in a])


def _penalties(data: Data) -> list[tuple[Fraction, Fraction]]:
    """The weight-decay penalty of each neuron before and after rescaling."""
    rows = zip(data["W"].tolist(), data["V"].T.tolist(), data["a"].tolist(), strict=True)
    return [
        ((norm_squared(w) + norm_squared(v)) / 2, (a * a * norm_squared(w) + norm_squared(v) / (a * a)) / 2)
        for w, v, a in rows
    ]


def _same_penalty(data: Data) -> Decision:
    before, after = (sum(column, Fraction(0)) for column in zip(*_penalties(data), strict=True))
    same = abs(before - after) <= Fraction(TOLERANCE) * before
    return exactly(same, f"the penalty is {float(before):.6g} before and {float(after):.6g} after")


def _unit_inputs(data: Data) -> Decision:
    """Compare the penalty at ||w|| = 1 with the penalty at the given scale."""
    for w, v, a in zip(data["W"].tolist(), data["V"].T.tolist(), data["a"].tolist(), strict=True):
        here, cost = a * a * norm_squared(w), norm_squared(w) * norm_squared(v)
        penalty, unit = (here + cost / here) / 2, (1 + cost) / 2
        if penalty < unit:
            return exactly(False, f"with ||w||^2 = {here} the penalty is {penalty}, with ||w|| = 1 it is {unit}")
    return exactly(True, "no scale is cheaper")


WITHOUT_BIAS = _relu_variant(
    "rescaling_leaves_bias", "Rescaling (a w, b, v / a), a > 0, with the same bias, does not change the function.",
    _without_bias,
)  # fmt: skip
SAME_PENALTY = _relu_variant(
    "rescaling_keeps_penalty", "Rescaling a neuron does not change its weight-decay penalty.", _same_penalty
)
UNIT_INPUTS = _relu_variant(
    "penalty_least_at_unit_input_weights",
    "Among all rescalings of a neuron, the one with ||w|| = 1 has the least penalty.",
    _unit_inputs,
)
BOTH_LAYERS = _relu_variant(
    "rescaling_both_layers", "Rescaling (a w, a b, a v), a > 0, does not change the function.",
    lambda data: _changed(data, data["a"].tolist(), data["a"].tolist(), data["a"].tolist()),
)  # fmt: skip
