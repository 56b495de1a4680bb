"""Figures about teachers and compression: their measures, on networks whose answers are known."""

from itertools import pairwise

import numpy as np
import pytest

from figures import compression, five_points, shared_neurons, teachers, two_squares_trained
from vvnorm import ReLUNetwork, Verdict, interpolate


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


def test_a_knot_changes_one_piece_of_the_first_output_and_costs_what_its_jumps_cost() -> None:
    Y = np.column_stack([five_points._Y, [1.0, -1.0, 0.5, 0.0, 2.0]])
    network = interpolate(five_points._X, Y).network
    bent = five_points._with_knot(network, 2, 0.3)
    t = np.linspace(-1, 5, 61)
    inside = (t > 2) & (t < 3)
    tent = np.where(inside, 0.6 * np.minimum(t - 2, 3 - t), 0.0)
    np.testing.assert_allclose(bent(t), network(t) + np.column_stack([tent, 0 * tent]), atol=1e-12)
    slopes = np.diff(bent(np.array([0.0, 1.0, 2.0, 2.5, 3.0, 4.0])), axis=0) / np.array([1, 1, 0.5, 0.5, 1])[:, None]
    assert bent.vv_norm == pytest.approx(np.linalg.norm(np.diff(slopes, axis=0), axis=1).sum())


def test_output_weights_are_those_of_neurons_of_norm_1_with_their_bias() -> None:
    network = ReLUNetwork([[3.0, 0.0]], [4.0], [[2.0], [-0.1]])
    assert shared_neurons._weights(network).ravel() == pytest.approx([10.0, 0.5])
    assert shared_neurons._places(network).ravel() == pytest.approx([0.0, 4 / 3, 10.0, 0.5])


@pytest.mark.parametrize(
    ("gap", "together", "verdict"),
    [(0.01, 0.1, Verdict.SUPPORTED), (0.01, 0.3, Verdict.NOT_SUPPORTED), (0.1, 0.1, Verdict.INCONCLUSIVE)],
)
def test_networks_far_from_their_optimum_do_not_count(gap: float, together: float, verdict: Verdict) -> None:
    values = {"gaps": np.array([0.0, gap]), "apart": np.array([0.5, 1.0]), "together": np.array([0.0, together])}
    assert two_squares_trained._verdict(values) is verdict
