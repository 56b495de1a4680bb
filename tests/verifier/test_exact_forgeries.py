"""Certificates that are wrong in one step of the proof only, all else made consistent with it: that step refuses them."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vvnorm import check_certificate as checker
from vvnorm.verifier.exact import ExactCertificate, ExactLine, Neuron, RationalNetwork, prove, save_exact_certificate
from vvnorm.verifier.exact.corrected import affine_basis, interpolating, solved
from vvnorm.verifier.exact.dual_arrays import orthogonal, pairing
from vvnorm.verifier.exact.plane import cones
from vvnorm.verifier.exact.rationals import Matrix, as_matrix

SMALL = Fraction(1, 10**9)


def points(seed: int) -> Matrix:
    """Points with small coordinates: in general position, on a grid, or on one of several lines."""
    rng = np.random.default_rng(seed)
    k = np.arange(4)
    kinds: list[Any] = [
        rng.integers(-99, 100, (5, 2)),
        rng.integers(0, 3, (6, 2)),
        np.column_stack([k, 0 * k]),
        rng.integers(-99, 100, (5, 2)),
        rng.integers(-9, 10, (4, 2)),
        np.column_stack([0 * k, k]),
        np.column_stack([k, 2 * k]),
        rng.integers(-99, 100, (7, 2)),
        np.column_stack([k, -k]),
    ]
    return tuple(sorted(set(as_matrix(kinds[seed % len(kinds)], "X"))))


def dual_array(seed: int, X: Matrix) -> Matrix:
    """A random dual array, orthogonal to affine functions, whose largest response is 1, up to rounding."""
    rng = np.random.default_rng(seed + 1000)
    array = orthogonal(as_matrix(rng.integers(-9, 10, (len(X), 1 + seed % 3)), "dual"), X, affine_basis(X))
    largest = max(cone.largest for cone in cones(X, array))
    return scaled(array, 1 / Fraction(largest)) if largest else array


def scaled(rows: Matrix, factor: Fraction) -> Matrix:
    return tuple(tuple(entry * factor for entry in row) for row in rows)


def wasteful(X: Matrix, Y: Matrix, least: Fraction) -> RationalNetwork:
    """An interpolant that costs `least` or more: v relu(x) - v relu(-x) - v x is nothing and costs 2 v."""
    T, zero, v = len(Y[0]), Fraction(0), max(least, Fraction(1))
    empty = RationalNetwork((), ((zero, zero),) * T, (zero,) * T)
    network = interpolating(empty, X, Y)
    unit, none = (Fraction(1), zero), (zero,) * (T - 1)
    pair = (Neuron(unit, zero, (v, *none)), Neuron((-unit[0], zero), zero, (-v, *none)))
    return network.plus(RationalNetwork(pair, ((-v, zero), *((zero, zero),) * (T - 1)), (zero,) * T))


def forged(X: Matrix, dual: Matrix) -> ExactCertificate:
    """A certificate with that dual array for labels that suit it, all bounds as they follow."""
    Y = tuple(tuple(entry + t for t, entry in enumerate(row)) for row in scaled(dual, Fraction(3)))
    lower = pairing(dual, Y)
    network = wasteful(X, Y, abs(lower))
    return ExactCertificate(X, Y, network, lower, network.cost_bounds[1], dual)


def verdict(certificate: ExactCertificate, folder: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """What the script says, in one line; the package must agree."""
    save_exact_certificate(certificate, folder / "forged.json")
    code = checker.main([str(folder / "forged.json")])
    told = capsys.readouterr().out
    assert code == (0 if told.startswith("PROVED") else 1)
    assert (certificate.problems() == []) == (code == 0)
    return str(told.splitlines()[0])


@pytest.mark.parametrize("seed", range(90))
def test_dual_arrays_are_accepted_just_up_to_a_response_of_one(
    seed: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Slightly scaled up, an array responds above 1 in its largest cones only: inside or at an edge, at one point."""
    X = points(seed)
    dual = dual_array(seed, X)
    assert verdict(forged(X, scaled(dual, 1 - SMALL)), tmp_path, capsys).startswith("PROVED")
    if any(map(any, dual)):
        assert "responds above 1" in verdict(forged(X, scaled(dual, 1 + SMALL)), tmp_path, capsys)


def test_the_largest_responses_lie_at_edges_and_inside_and_at_every_point() -> None:
    """So the test above tries every part of the condition: each of these arrays fails in these cones alone."""
    edges, places = set(), set()
    for seed in range(90):
        X = points(seed)
        dual = scaled(dual_array(seed, X), 1 + SMALL)
        above = [cone for cone in cones(X, dual) if not cone.within_one]
        edges.add(any(min(cone.products[:2]) < 0 for cone in above))
        if len({cone.point for cone in above}) == 1:
            places.add(above[0].point)
    assert edges == {True, False}
    assert {0, 1, 2, 3} <= places


def stray(X: Matrix, k: int) -> Matrix:
    """An array that pairs with the k-th of 1, x and y to 1, and with the other two to 0."""
    basis = affine_basis(X)
    rows = [[Fraction(1) if j == 0 else X[i][j - 1] for i in basis] for j in range(3)]
    solution = solved(rows, [[Fraction(int(j == k))] for j in range(3)])
    assert solution is not None
    array = dict(zip(basis, solution, strict=True))
    return tuple(tuple(array.get(i, [Fraction(0)])) for i in range(len(X)))


def test_each_condition_of_orthogonality_is_needed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    X = as_matrix([[0, 0], [1, 5], [3, 1], [4, 4], [7, 2]], "X")
    half = orthogonal(as_matrix([1, -2, 3, 1, 0], "dual"), X, affine_basis(X))
    half = scaled(half, 1 / Fraction(2 * max(cone.largest for cone in cones(X, half))))
    assert verdict(forged(X, half), tmp_path, capsys).startswith("PROVED")
    for k in range(3):
        dual = tuple((a + b / 1000,) for (a,), (b,) in zip(half, stray(X, k), strict=True))
        assert all(cone.within_one for cone in cones(X, dual))
        assert "not orthogonal" in verdict(forged(X, dual), tmp_path, capsys)


def test_points_that_are_equal_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    X = as_matrix([[0, 0], [0, 0], [0, 1], [1, 0]], "X")
    certificate = ExactCertificate(
        X,
        as_matrix([1, 1, 1, 1], "Y"),
        RationalNetwork((), ((Fraction(0), Fraction(0)),), (Fraction(1),)),
        Fraction(0),
        Fraction(0),
        as_matrix([0, 0, 0, 0], "dual"),
    )
    assert "inputs" in verdict(certificate, tmp_path, capsys)


def test_a_lower_bound_above_the_upper_one_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It could only come from an error elsewhere: the two proofs would contradict each other."""
    X = points(0)
    changed = forged(X, scaled(dual_array(0, X), Fraction(10**6)))
    empty = RationalNetwork((), ((Fraction(0), Fraction(0)),), (Fraction(0),))
    cheap = interpolating(empty, X, changed.labels)
    certificate = ExactCertificate(X, changed.labels, cheap, changed.lower, cheap.cost_bounds[1], changed.dual)
    assert certificate.lower > certificate.upper
    assert "above upper" in verdict(certificate, tmp_path, capsys)


# --- one input ---


@pytest.mark.parametrize(
    "labels",
    [
        [0, 1, 0, 1, 0],  # curvatures of opposite signs are parallel, but not aligned
        [0, 0, 1, 3, 6],
        [0, 0, 1, 2, 4],  # a curvature of zero between two others
        [0, 1, 2, 3, 4],
        [[0, 0], [0, 1], [0, 3], [1, 6], [2, 7]],
        [[0, 0], [0, 0], [1, 2], [3, 6], [6, 12]],
        [[0, 0], [0, 0], [1, 2], [3, 6], [6, 11]],
    ],
)
def test_facts_about_one_input_are_checked(labels: list[Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    true = prove(None, list(range(5)), labels, band_at=["-1", "1", "1.5", "2.25", "3", "9/2"]).certificate
    assert verdict(true, tmp_path, capsys).startswith("PROVED")
    line = ExactLine(tuple(x for (x,) in true.inputs), true.labels)
    assert true.unique is line.unique
    facts = {name: getattr(true, name) for name in true.__dataclass_fields__}
    wrong: list[tuple[str, Any]] = [
        ("unique", not true.unique),
        ("unique_outputs", tuple(not flag for flag in true.unique_outputs or ())),
        ("fewest_neurons", (true.fewest_neurons or 0) + 1),
        ("lower", true.lower - 1),
        ("upper", true.upper + 1),
        ("band", true.band[1:] + tuple(point._replace(at=point.at + SMALL) for point in true.band[2:4])),
    ]
    for name, value in wrong:
        said = verdict(ExactCertificate(**{**facts, name: value}), tmp_path, capsys)
        assert said.startswith(f"NOT PROVED: {name}"), said
