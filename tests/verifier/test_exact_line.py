"""One input in rational numbers: facts against other derivations of them, and against the float path on many draws."""

import itertools
import math
from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np
import pytest

from vvnorm import aligned_dataset, interpolate
from vvnorm.verifier.exact import ExactLine, Neuron, RationalNetwork, as_rational, prove
from vvnorm.verifier.exact.rationals import root_bounds


def test_networks_of_one_input_have_the_values_of_their_definition() -> None:
    """Also where weights are zero or negative, kinks coincide and points repeat."""
    rng = np.random.default_rng(8)

    def few(n: int) -> tuple[Fraction, ...]:
        return tuple(Fraction(int(entry)) for entry in rng.integers(-2, 3, n))

    for _ in range(60):
        K, n, T = (int(rng.integers(low, high)) for low, high in ((0, 6), (1, 7), (1, 4)))
        neurons = tuple(Neuron(few(1), few(1)[0], few(T)) for _ in range(K))
        network = RationalNetwork(neurons, tuple((a,) for a in few(T)), few(T))
        points = tuple((Fraction(int(x), 2),) for x in rng.integers(-4, 5, n))
        for (x,), values in zip(points, network.values(points), strict=True):
            heights = [(max(w * x + b, Fraction(0)), v) for (w,), b, v in network.neurons]
            for t, value in enumerate(values):
                assert value == network.A[t][0] * x + network.c[t] + sum(h * v[t] for h, v in heights)


def test_square_roots_are_enclosed() -> None:
    rng = np.random.default_rng(0)
    for k in range(500):
        square = Fraction(int(rng.integers(0, 1 << 60)), int(rng.integers(1, 1 << 60))) * Fraction(10) ** int(k - 250)
        low, high = root_bounds(square)
        assert low * low <= square <= high * high
        assert (high - low) * 2**125 <= high
        assert root_bounds(low * low) == (low, low)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (0.1, Fraction(3602879701896397, 36028797018963968)),
        ("0.1", Fraction(1, 10)),
        ("-3/6", Fraction(-1, 2)),
        (" 1e-3 ", Fraction(1, 1000)),
        (np.float32(0.5), Fraction(1, 2)),
        (np.int64(7), Fraction(7)),
        (5e-324, Fraction(1, 2**1074)),
    ],
)
def test_numbers_are_read_exactly(given: Any, expected: Fraction) -> None:
    assert as_rational(given) == expected


@pytest.mark.parametrize("given", ["", "x", "1e9999999", "1_0", "1/0", "nan", float("nan"), float("inf"), "9" * 10**6])
def test_what_is_no_number_is_refused(given: Any) -> None:
    with pytest.raises(ValueError, match="value") as raised:
        as_rational(given)
    assert len(str(raised.value)) < 200
    with pytest.raises(TypeError, match="real numbers"):
        as_rational(None)


def test_small_integer_data_agree_with_the_definitions() -> None:
    """One output, all labels from a small range: neighbouring curvatures of one sign, and nothing else, leave freedom."""
    for labels in product(range(-1, 2), repeat=5):
        line = ExactLine.of(list(range(5)), list(labels))
        delta = np.diff(labels, 2)
        aligned = delta[1:] * delta[:-1] > 0
        assert line.unique == (not aligned.any())
        assert line.bounds == (abs(delta).sum(), abs(delta).sum())
        groups = "".join("+-0"[[1, -1, 0].index(int(np.sign(d)))] for d in delta)
        fewest, at = 0, 0
        while at < len(groups):
            pair = groups[at] != "0" and groups[at + 1 : at + 2] == groups[at]
            fewest += groups[at] != "0"
            at += 2 if pair else 1
        assert line.fewest_neurons == fewest
        for piece in range(4):
            [(_, low, high)] = line.band([Fraction(2 * piece + 1, 2)])
            assert (low != high) == (0 < piece < 3 and bool(aligned[piece - 1]))


@pytest.mark.parametrize("t", ["-2", "0.5", "1.5", "2", "5/2", "3.25", "5", "7"])
def test_ends_of_the_band_are_values_of_interpolants_of_the_same_cost(t: str) -> None:
    """With an end of the band as one more label the optimum is the same; beyond the ends it is larger."""
    x, Y = [0, 1, 3, 4, 6], [[0, 0], [0, 0], [6, 8], [12, 16], [36, 48]]  # curvatures 1, 1, 2 times (3, 4)
    line = ExactLine.of(x, Y)
    assert line.bounds == (20, 20)
    [(at, low, high)] = line.band([t])
    assert (low != high) == (1 < at < 4)

    def cost(values: Any) -> tuple[Fraction, Fraction]:
        return ExactLine.of([*x, at], [*Y, list(values)]).bounds

    for end, outwards in ((low, -1), (high, 1)):
        assert cost(end)[0] <= 20 <= cost(end)[1]
        beyond = [value + outwards * step for value, step in zip(end, (Fraction(3, 100), Fraction(4, 100)), strict=True)]
        assert cost(beyond)[0] > 20


def test_stability_bounds_hold_for_cheap_interpolants() -> None:
    rng = np.random.default_rng(5)
    for _ in range(50):
        n = int(rng.integers(3, 8))
        line = ExactLine.of(rng.integers(0, 100, n).cumsum() + np.arange(n), rng.integers(-9, 10, (n, 2)))
        piece = int(rng.integers(0, len(line.inputs) - 1))
        t = line.inputs[piece] + line.gaps[piece] * Fraction(int(rng.integers(1, 8)), 8)
        [(_, chord, _)] = line.band([t]) if line.unique else [(t, None, None)]
        if chord is None:
            continue
        moved = [entry + Fraction(int(rng.integers(-9, 10)), 16) for entry in chord]
        other = ExactLine.of([*line.inputs, t], [*line.labels, moved])
        bound = line.stability(other.bounds[1] - line.bounds[0])[piece]
        assert bound is not None
        assert sum((a - b) ** 2 for a, b in zip(moved, chord, strict=True)) <= bound**2


def test_curvatures_that_are_opposite_and_aligned_bound_the_distance() -> None:
    line = ExactLine.of([0, 1, 2, 3], [0, 1, 0, 1])
    assert line.stability(Fraction(1)) == (1, Fraction(1, 2), 1)
    assert ExactLine.of([0, 1, 2, 3], [0, 0, 1, 3]).stability(Fraction(1)) == (1, None, 1)


# --- the float path ---


def near_degenerate(rng: np.random.Generator) -> tuple[Any, Any]:
    """Draw data: random, aligned, aligned up to some ulp, straight, with small integers, far from 0."""
    n, outputs = int(rng.integers(2, 13)), int(rng.integers(1, 4))
    kind = int(rng.integers(0, 6))
    x = np.sort(rng.choice(64, n, replace=False)).astype(float)
    if kind == 0:
        return np.sort(rng.normal(size=n)), rng.normal(size=(n, outputs))
    if kind == 1:
        return x, rng.integers(-2, 3, (n, outputs)).astype(float)
    direction = rng.normal(size=outputs) if kind < 4 else rng.integers(-3, 4, outputs).astype(float)
    slopes = np.cumsum(rng.integers(-2, 3, n - 1))
    Y = np.outer(np.concatenate([[0.0], np.cumsum(slopes * np.diff(x))]), direction)
    if kind in (2, 4):
        Y = Y * (1 + rng.integers(-1, 2, Y.shape) * 2.0**-52)
    if kind == 5:
        x, Y = x / 10, Y + 1000.1
    return x, Y


def off_by(line: ExactLine, ulps: int) -> list[float]:
    """How far the curvatures are off, at most about, if inputs and labels are off by so many ulp."""
    size = Fraction(ulps, 2**52)
    wide = [size * (abs(a) + abs(b)) for a, b in zip(line.inputs, line.inputs[1:], strict=False)]
    slopes = []
    for k, h in enumerate(line.gaps):
        parts = zip(line.labels[k], line.labels[k + 1], line.slopes[k], strict=True)
        off = [size * (abs(a) + abs(b)) + abs(s) * wide[k] for a, b, s in parts]
        slopes.append(math.inf if wide[k] >= h else math.hypot(*(float(part / (h - wide[k])) for part in off)))
    return [a + b for a, b in itertools.pairwise(slopes)]


def size(vector: Any) -> float:
    return math.sqrt(float(sum(entry * entry for entry in vector)))


def explained(line: ExactLine, k: int, float_says: bool) -> bool:
    """Whether the two paths may differ about a pair of curvatures.

    The float path takes curvatures as aligned that are so up to 16 ulp of the data, and as none those that such errors
    explain. Straightening moves slopes by as much again.
    """
    a, b = line.curvatures[k : k + 2]
    off_a, off_b = (2 * off for off in off_by(line, 16)[k : k + 2])
    if not float_says:  # exactly aligned, but one of the two may be rounding
        return size(a) <= off_a or size(b) <= off_b
    dot = sum(x * y for x, y in zip(a, b, strict=True))
    gram = sum(x * x for x in a) * sum(y * y for y in b) - dot * dot
    return math.sqrt(float(gram)) <= size(a) * off_b + size(b) * off_a + off_a * off_b


def compare(x: Any, Y: Any) -> Iterator[str]:
    """Check that whatever the two paths say differently is rounding, and say pair by pair whether they do."""
    solution, line = interpolate(x, Y), ExactLine.of(x, Y)
    low, high = line.bounds
    rounding = 4 * sum(off_by(line, 16)) + 1e-13 * float(high)
    assert float(low) - rounding <= solution.value <= float(high) + rounding
    float_says, exact_says = solution.dots.aligned.tolist(), [ratio is not None for ratio in line.ratios]
    for k, (here, there) in enumerate(zip(float_says, exact_says, strict=True)):
        assert here == there or explained(line, k, here), (x, Y, k)
        yield "same" if here == there else "float path: aligned" if here else "float path: rounding"
    if float_says == exact_says:
        assert solution.unique in (line.unique, None)
        t = np.random.default_rng(len(x)).uniform(x[0], x[-1], 5)
        for ends, exact in zip(np.stack(solution.band(t), axis=1), line.band(t), strict=True):
            expected = np.array([[float(value) for value in row] for row in exact[1:]])
            np.testing.assert_allclose(ends, expected, rtol=1e-9, atol=1e-9 * float(np.abs(Y).max()))


def counted(draws: int) -> Counter[str]:
    rng = np.random.default_rng(7)
    return Counter(answer for _ in range(draws) for answer in compare(*near_degenerate(rng)))


def test_float_path_and_exact_path_differ_by_rounding_only() -> None:
    assert set(counted(150)) == {"same", "float path: aligned", "float path: rounding"}


@pytest.mark.slow
def test_float_path_and_exact_path_differ_by_rounding_only_on_thousands_of_draws() -> None:
    counts = counted(4000)
    assert counts["same"] > 5 * (counts["float path: aligned"] + counts["float path: rounding"])


def test_nearly_aligned_curvatures_are_told_apart_exactly() -> None:
    """Curvatures (1, 0) and (1, 1e-16): aligned up to rounding, says the float path; as the numbers stand they are not."""
    x, Y = [0.0, 1.0, 2.0, 3.0], [[0.0, 1.0], [0.0, 1.0], [1.0, 1.0], [3.0, 1.0 + 2.0**-52]]
    assert interpolate(x, Y).unique is False
    proof = prove(None, x, Y)
    assert proof.proved
    assert proof.certificate.unique
    assert proof.certificate.fewest_neurons == 2
    assert not prove(None, x, [*Y[:3], [3.0, 1.0]]).certificate.unique


def test_decimals_are_read_as_decimals() -> None:
    """As decimals the curvatures are 1 and 1, and 0.1, 0.3, 0.6 lie on a parabola; their floats do not."""
    x, y = ["0", "0.1", "0.2", "0.3", "0.4"], ["0", "0", "0.1", "0.3", "0.6"]
    decimals, floats = prove(None, x, y), prove(None, list(map(float, x)), list(map(float, y)))
    assert decimals.line
    assert decimals.line.ratios == (1, 1)
    assert decimals.lower == decimals.upper == 3
    assert floats.line
    assert floats.line.ratios != (1, 1)
    assert decimals.certificate.fewest_neurons == floats.certificate.fewest_neurons == 2


def test_aligned_data_sets_are_decided() -> None:
    data = aligned_dataset(8, 2, 1, runs=(3,))
    proof = prove(interpolate(data.X, data.Y))
    assert proof.proved
    assert proof.certificate.unique is False
    assert proof.line
    assert 3 in proof.line.runs
