"""The point of least norm in a convex hull: against brute force, and proved by its own gap."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vvnorm.multitask.least_norm import minimum_norm, minimum_norm_weights

KINDS = ("around 0", "to one side", "repeated", "nearly equal", "of all sizes")


def vectors(T, D, kind, seed):
    rng = np.random.default_rng(seed)
    J = rng.standard_normal((T, D))
    if kind == "to one side":
        J += 3 * rng.standard_normal(D)
    elif kind == "repeated":
        J = J[rng.integers(T, size=T)]
    elif kind == "nearly equal":
        J = rng.standard_normal(D) + 1e-4 * J
    elif kind == "of all sizes":
        J *= 10.0 ** rng.uniform(-6, 6, (T, 1))
        J[:, 0] = np.abs(J[:, 0])
    return J


def by_brute_force(J):
    """The least norm over the affine hulls of all subsets whose point of least norm has no negative weight."""
    best = np.inf
    for size in range(1, len(J) + 1):
        for chosen in map(list, combinations(range(len(J)), size)):
            basis = (J[chosen[1:]] - J[chosen[0]]).T
            along = np.linalg.lstsq(basis, -J[chosen[0]], rcond=None)[0] if size > 1 else np.empty(0)
            if np.all(along >= -1e-12) and along.sum() <= 1 + 1e-12:
                best = min(best, float(np.linalg.norm(J[chosen[0]] + basis @ along)))
    return best


@given(st.integers(1, 6), st.integers(1, 8), st.sampled_from(KINDS[:4]), st.integers(0, 2**16))
def test_no_face_of_the_hull_comes_nearer_to_0(T, D, kind, seed):
    J = vectors(T, D, kind, seed)
    least = minimum_norm(J @ J.T)
    assert least.norm == pytest.approx(by_brute_force(J), abs=1e-7 * np.linalg.norm(J))  # a root of rounding
    assert least.norm == pytest.approx(np.linalg.norm(least.weights @ J), abs=1e-7 * np.linalg.norm(J))


@given(st.integers(1, 40), st.integers(1, 60), st.sampled_from(KINDS), st.integers(0, 2**16))
def test_gap_is_rounding_up_to_forty_tasks(T, D, kind, seed):
    J = vectors(T, D, kind, seed)
    least = minimum_norm(J @ J.T)
    assert np.all(least.weights >= 0)
    assert least.weights.sum() == pytest.approx(1, rel=1e-14)
    assert 0 <= least.gap <= 1e-12
    point, sizes = least.weights @ J, np.linalg.norm(J, axis=1)
    gap = (point @ point - (J @ point).min()) / (sizes.min() * sizes.max())
    assert gap <= 1e-12  # from the vectors themselves


def test_every_point_of_the_hull_is_at_least_as_long_as_the_gap_says(rng):
    J = vectors(5, 4, "to one side", 1)
    sizes = np.linalg.norm(J, axis=1)
    least = minimum_norm(J @ J.T)
    others = rng.dirichlet(np.ones(5), 1000) @ J
    slack = 2 * least.gap * sizes.min() * sizes.max()
    assert np.all(np.sum(others**2, axis=1) >= least.norm**2 - slack - 1e-12)


def test_scales_and_order_change_nothing():
    J = vectors(6, 5, "to one side", 2)
    weights = minimum_norm(J @ J.T).weights
    for scale in (1e-100, 1e100):
        np.testing.assert_allclose(minimum_norm((scale * J) @ (scale * J).T).weights, weights, atol=1e-12)
    np.testing.assert_allclose(minimum_norm(J[::-1] @ J[::-1].T).weights[::-1], weights, atol=1e-12)


def test_two_vectors_in_closed_form():
    assert minimum_norm([[1.0, 0.0], [0.0, 4.0]]).weights == pytest.approx([0.8, 0.2])
    assert minimum_norm([[1.0, 2.0], [2.0, 9.0]]).weights == pytest.approx([1.0, 0.0])


def test_a_vector_that_is_0_takes_all_the_weight():
    least = minimum_norm([[2.0, 0.0], [0.0, 0.0]])
    assert least.weights.tolist() == [0.0, 1.0]
    assert least.norm == least.gap == 0


def test_a_stack_is_solved_matrix_by_matrix():
    stack = np.stack([J @ J.T for J in (vectors(4, 3, "around 0", seed) for seed in range(5))])
    for weights, gram in zip(minimum_norm_weights(stack), stack, strict=True):
        assert np.array_equal(weights, minimum_norm(gram).weights)


@pytest.mark.parametrize(
    ("gram", "message"),
    [
        ([[1.0, 0.0]], r"square matrix of inner products, got shape \(1, 2\)"),
        ([[np.nan]], "gram holds nan"),
        ([[-1.0]], "diagonal entry -1.0"),
        (np.empty((0, 0)), "got shape"),
    ],
)
def test_bad_matrices_are_named(gram, message):
    with pytest.raises(ValueError, match=message):
        minimum_norm(gram)
