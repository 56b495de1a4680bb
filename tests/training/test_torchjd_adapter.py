"""torchjd beside our own: the same where it is exact, and our point of least norm inside its aggregators."""

import numpy as np
import pytest
import torch

from vvnorm.multitask.least_norm import minimum_norm, minimum_norm_weights

aggregation = pytest.importorskip("torchjd.aggregation")
adapter = pytest.importorskip("vvnorm.training.torchjd_adapter")


def jacobians(T, count, seed=0):
    return np.random.default_rng(seed).standard_normal((count, T, 9)) + 0.4


def test_for_two_tasks_the_weights_are_torchjds():
    theirs = aggregation.MGDAWeighting(epsilon=1e-12)
    for J in jacobians(2, 200):
        gram = J @ J.T
        np.testing.assert_allclose(minimum_norm(gram).weights, theirs(torch.from_numpy(gram)).numpy(), atol=1e-12)


@pytest.mark.parametrize("T", [3, 10, 40])
def test_for_more_tasks_ours_is_never_longer_and_mostly_shorter(T):
    shorter = 0
    for J in jacobians(T, 20, T):
        gram = J @ J.T
        theirs = aggregation.MGDAWeighting()(torch.from_numpy(gram)).numpy()
        ours = minimum_norm_weights(gram[None])[0]
        assert ours @ gram @ ours <= theirs @ gram @ theirs + 1e-14 * np.trace(gram)
        shorter += ours @ gram @ ours < theirs @ gram @ theirs - 1e-9 * np.trace(gram)
    assert shorter >= 10


def test_the_exact_aggregator_returns_the_point_of_least_norm():
    for J in jacobians(6, 5):
        direction = adapter.ExactMGDA()(torch.from_numpy(J)).numpy()
        np.testing.assert_allclose(direction, minimum_norm(J @ J.T).weights @ J, atol=1e-12)


def test_upgrad_is_torchjds():
    grams = np.stack([J @ J.T for J in jacobians(4, 3)])
    for weights, gram in zip(adapter.upgrad_weights(grams), grams, strict=True):
        assert np.array_equal(weights, aggregation.UPGradWeighting()(torch.from_numpy(gram)).numpy())
