"""What the claim `copositive_program` rests on, seen directly: cones, completely positive matrices, responses, values."""

import numpy as np
import pytest

from proofs_checks import copositive_program as program
from proofs_checks.gated_programs import GatedProgram, number_of_patterns


@pytest.fixture
def instance():
    return program.draw_short(np.random.default_rng(3))


def test_all_patterns_are_those_of_many_directions(instance):
    features = program._features(instance["x"])
    angles = np.linspace(0, 2 * np.pi, 20001)
    seen = np.unique((np.column_stack([np.cos(angles), np.sin(angles)]) @ features.T > 0).astype(float), axis=0)
    assert len(seen) == number_of_patterns(len(features), 2) == 2 * len(features)
    assert np.array_equal(seen, np.unique(instance["patterns"], axis=0))


def test_neurons_between_the_edges_have_the_pattern_and_others_do_not(instance):
    features, rng = program._features(instance["x"]), np.random.default_rng(0)
    for pattern in instance["patterns"]:
        edges = program._edges(features, pattern)
        inside = edges @ rng.uniform(0.01, 1, 2)
        assert np.array_equal(features @ inside > 0, pattern > 0)
        outside = edges @ [1.0, -0.01]
        assert not np.array_equal(features @ outside > 0, pattern > 0)


@pytest.mark.parametrize("rank", [0, 1, 2])
def test_a_completely_positive_matrix_is_a_sum_of_squares_of_vectors_without_negative_entries(rank):
    rng = np.random.default_rng(rank)
    for _ in range(50):
        B = rng.uniform(0, 1, (2, rank)) * 10.0 ** rng.uniform(-3, 3, (2, 1))
        rows = program._completely_positive(B @ B.T)
        assert np.all(rows >= 0)
        assert rows.T @ rows == pytest.approx(B @ B.T, rel=1e-9)


def test_the_largest_response_is_that_of_many_neurons(instance):
    features, rng = program._features(instance["x"]), np.random.default_rng(1)
    dual = rng.standard_normal(instance["Y"].shape)
    angles = np.linspace(0, 2 * np.pi, 200001)
    hidden = np.maximum(np.column_stack([np.cos(angles), np.sin(angles)]) @ features.T, 0.0)
    largest = np.linalg.norm(hidden @ dual, axis=1).max()
    assert largest == pytest.approx(program._largest_response(instance, dual), rel=1e-8)
    assert largest < program._largest_response({**instance, "cones": False}, dual)


def test_with_one_output_it_has_the_value_of_the_program_of_vectors(instance):
    alone = {**instance, "Y": instance["Y"][:, :1], "lam": 0.3 * instance["lam"]}
    features, y = program._features(alone["x"]), alone["Y"][:, 0]
    vectors = GatedProgram(features, y, alone["lam"], alone["patterns"], cones=True, constant=True)
    u, v = vectors.solve()
    expected = vectors.objective(vectors.residual(u, v), u, v)
    inner, outer = program._solve(alone)
    cost = np.sum(np.linalg.norm(inner, axis=2) * np.linalg.norm(outer, axis=2))
    values = np.einsum("pki,pkt->it", np.maximum(inner @ features.T, 0.0), outer)
    assert program._objective(program._centred(alone["Y"] - values), cost, alone["lam"]) == pytest.approx(
        expected, rel=1e-7
    )
