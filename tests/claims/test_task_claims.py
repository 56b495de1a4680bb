"""What the claims on several objectives rest on, seen directly: losses after a step, values of shares, and training."""

import numpy as np
import pytest
import torch

from proofs_checks import learned_weight_collapses as collapse
from proofs_checks import mgda_normalised as normalised
from proofs_checks import mgda_stationary as stationary
from proofs_checks.task_gradients import autograd_gradients, draw_tasks, library_gradients, network_of, tasks_of
from vvnorm import ReLUNetwork, fit, train_tasks
from vvnorm.multitask.least_norm import minimum_norm
from vvnorm.multitask.task_losses import task_losses


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def losses_of(network, instance):
    return task_losses(network(instance["X"]), instance["Y"], np.ones(instance["Y"].shape), tasks_of(instance["losses"]))


def changes(instance, products_of):
    """Changes of all losses in a short step against the weighted sum of gradients in W and b."""
    network = network_of(instance, "mgda")
    gradients = autograd_gradients(network, instance["X"], instance["Y"], instance["losses"])
    vectors, hidden = (part.reshape(len(part), -1) for part in (gradients.shared, gradients.hidden))
    rows = vectors if products_of == "parameters" else hidden
    point = (minimum_norm(rows @ rows.T).weights @ vectors).reshape(gradients.shared[0].shape)
    step = 1e-6 * point / np.linalg.norm(point)
    moved = ReLUNetwork(network.W - step[:, :-1], network.b - step[:, -1], network.V, network.A, network.c)
    return losses_of(moved, instance) - losses_of(network, instance)


@pytest.mark.parametrize("seed", range(5))
def test_both_ways_to_the_gradients_agree(seed):
    instance = draw_tasks(np.random.default_rng(seed), steps=0)
    parts = (network_of(instance, "equal"), instance["X"], instance["Y"], instance["losses"])
    ours, theirs = library_gradients(*parts), autograd_gradients(*parts)
    for name in ("shared", "hidden", "own"):
        expected = getattr(theirs, name)
        np.testing.assert_allclose(getattr(ours, name), expected, atol=1e-12 * np.abs(expected).max())


@pytest.mark.parametrize("seed", range(5))
def test_a_step_against_the_point_of_least_norm_lowers_every_loss(seed):
    rng = np.random.default_rng(seed)
    assert np.all(changes(draw_tasks(rng, steps=0, losses=["squared", "logistic", "softmax"]), "parameters") < 0)


@pytest.mark.parametrize("seed", range(5))
def test_a_step_of_mgda_ub_can_raise_a_loss_where_one_of_mgda_raises_none(seed):
    instance = stationary.draw_hidden(np.random.default_rng(seed))
    assert np.max(changes(instance, "hidden values")) > 0
    assert np.all(changes(instance, "parameters") < 0)


def test_coefficients_of_normalised_gradients_raise_a_loss_unless_they_are_divided():
    instance = {**normalised._examples()["smallest, not divided"]}
    raised = instance["gradients"] @ normalised._directions(instance, normalised._weights(instance))[0]
    assert normalised._weights(instance)[0] == pytest.approx([1, 1])  # the plain sum
    assert raised[0] == pytest.approx(-np.sqrt(0.5))
    divided = {**instance, "divided": True}
    fallen = instance["gradients"] @ normalised._directions(divided, normalised._weights(divided))[0]
    assert np.all(fallen > 0)


@pytest.mark.parametrize(("normalisation", "same"), [("l2", True), ("loss", True), ("none", False), ("loss+", False)])
def test_directions_in_two_units_agree_for_two_normalisations_only(normalisation, same):
    gradients = np.array([[1.0, 0.0], [0.0, 1.0]])
    instance = {"gradients": gradients, "losses": np.array([1.0, 2.0]), "units": np.array([1.0, 8.0])}
    instance |= {"normalisation": normalisation, "divided": True}
    d, other = normalised._directions(instance, normalised._weights(instance))
    assert np.allclose(d, other, atol=1e-12) is same
    assert np.all(gradients @ d > 0)
    assert np.all(gradients @ other > 0)


def test_the_least_value_is_concave_in_the_share_and_least_at_an_end():
    instance = collapse.draw(np.random.default_rng(2))
    Y, losses = instance["Y"][:, :2], instance["losses"][:2]
    shares = np.linspace(0.02, 0.98, 9)
    values = [
        fit(instance["x"], Y, instance["lam"], loss=losses, weights=np.ones_like(Y) * [a, 1 - a], tol=1e-8).value
        for a in shares
    ]
    assert np.all(np.diff(values, 2) <= 1e-7 * max(values))
    assert np.argmin(values) in (0, len(values) - 1)


def test_collapse_under_uncertainty_costs_at_least_the_bound():
    """With the least losses that any function has, all weights searched: a_t = a, the others a / 1e6."""
    instance = collapse.draw_uncertainty(np.random.default_rng(0))
    noise = collapse._least_losses(instance)
    T, a = len(noise), np.geomspace(1e-6, 1e6, 200001)
    costs = []
    for t in range(T):
        weights = np.where(np.arange(T) == t, 1.0, 1e-6)[:, None] * a
        costs.append(np.min(np.sum(weights * noise[:, None] - np.log(2 * weights) / 2, axis=0)))
    arrays = {"losses": noise, "vv_norm": np.zeros(1)}
    lower, upper = collapse._uncertainty_interval(instance, noise, arrays)
    interior = np.sum(1 + np.log(noise)) / 2
    assert interior - upper == pytest.approx(min(costs), rel=1e-4)
    assert interior - upper <= min(costs)
    assert lower <= interior - min(costs) + 1e-6


def test_training_collapses_to_one_task_under_learned_weights_and_not_under_uncertainty():
    rng = np.random.default_rng(0)
    x = np.linspace(-1, 1, 30)
    # Noise in both tasks: a task that can be learned exactly takes all weight under uncertainty too.
    Y = np.column_stack([0.3 * x, np.sin(5 * x)]) + [0.1, 1.0] * rng.standard_normal((30, 2))
    options = {"width": 4, "steps": 500, "lam": 0.01, "progress": False}
    learned, uncertain = (train_tasks(x, Y, weighting=name, **options) for name in ("learned", "uncertainty"))
    shares = learned.history["weights"][-1, 0] / 2
    assert shares[0] > 0.98
    assert learned.losses[0, 0] < learned.losses[0, 1]
    # Inverse losses, of a ratio of about 100, after some lag.
    weights = uncertain.history["weights"][-1, 0]
    assert 1e-3 < weights.min() / weights.sum() < 0.1
