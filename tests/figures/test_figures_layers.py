"""Figures about teachers and compression: their measures, on networks whose answers are known."""

from itertools import pairwise

import numpy as np
import pytest

from figures import compression, teachers
from vvnorm import ReLUNetwork


def test_a_teacher_is_at_distance_0_from_itself_and_its_gradient_changes_by_1() -> None:
    test = np.random.default_rng(0).standard_normal((4000, 2))
    w = np.array([0.6, 0.8])
    network = ReLUNetwork(w[None], np.zeros(1), np.ones((1, 1)))
    distance, length, change = teachers._measures(network, 0, w, test)
    assert distance == 0
    assert length == pytest.approx(0.5, abs=0.05)
    assert change == pytest.approx(1.0)


def test_a_layer_that_is_re_solved_at_small_lam_keeps_its_values_and_at_large_lam_loses_neurons() -> None:
    rng = np.random.default_rng(0)
    sizes = (5, 12, 12, 3)
    layers = [(rng.standard_normal((m, n)), rng.standard_normal(n)) for m, n in pairwise(sizes)]
    X = rng.standard_normal((60, 5))
    scores = compression._hidden(layers[:-1], X) @ layers[-1][0]
    smaller, widths, gap = compression.compress(layers, X, 1e-3)
    assert compression._hidden(smaller[:-1], X) @ smaller[-1][0] == pytest.approx(scores, abs=0.05 * np.abs(scores).max())
    assert gap <= compression._GAP
    assert [len(coefficients) for coefficients, _ in smaller[1:]] == widths
    assert sum(compression.compress(layers, X, 0.3)[1]) < sum(widths)
