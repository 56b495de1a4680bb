"""Tasks, their labels, and explicit standardisation."""

import numpy as np
import pytest

from vvnorm import Loss, ReLUNetwork, Standardisation, Task, fit, pareto_front
from vvnorm.multitask.tasks import as_tasks, background, mean_weights, one_hot, task_labels, with_background

NAN = np.nan


def test_every_output_is_a_task_by_default():
    tasks = as_tasks(None, ["squared", "huber:0.5"], 2)
    assert [(task.outputs, str(task.loss)) for task in tasks] == [((0,), "squared"), ((1,), "huber:0.5")]
    assert [task.loss for task in as_tasks(None, "hinge", 3)] == [Loss("hinge")] * 3


def test_outputs_and_groups_of_outputs_are_short_for_tasks():
    assert as_tasks([[2, 0], 1], "huber", 3) == (Task("y2+y0", (2, 0), "huber"), Task("y1", (1,), "huber"))
    mixed = as_tasks([[0, 1], Task("level", (2,), "one_class")], ["squared", "logistic", "hinge"], 3)
    assert mixed[0].losses == (Loss("squared"), Loss("logistic"))
    assert mixed[1] == Task("level", 2, "one_class")
    assert as_tasks([[0, 1], 2], ["softmax", "softmax", "squared"], 3)[0].is_multiclass
    x, Y = np.arange(4.0), np.array([[0.0, 1], [1, 1], [0, 0], [1, 2]])
    own = [Task("both", (0, 1)), Task("third", (2,), "huber")]
    given, short = (
        pareto_front(x, np.hstack([Y, Y[:, :1]]), 2.0, tasks=tasks, loss=loss, mixtures=3)
        for tasks, loss in ((own, "squared"), ([[0, 1], 2], ["squared", "squared", "huber"]))
    )
    np.testing.assert_array_equal(given.losses, short.losses)
    with pytest.raises(ValueError, match="task 'classes': the verifier does not know the loss 'softmax'"):
        pareto_front(x, np.eye(4)[:, :2], 1.0, tasks=[Task("classes", (0, 1), "softmax")])


@pytest.mark.parametrize(
    ("tasks", "loss", "message"),
    [
        (None, ["squared"], "loss has 1 entry, but Y has 3 outputs"),
        (None, "softmax", "give tasks="),
        ([Task("a", (0, 1))], "squared", "tasks leaves out output 2"),
        ([Task("a", (0, 1)), Task("b", (1, 2))], "squared", "tasks names output 1 more than once"),
        ([Task("a", (0, 1)), Task("a", (2,))], "squared", "different names, got a, a"),
        ([Task("a", (0, 1, 2))], "hinge", "loss must be left out"),
    ],
)
def test_bad_groups_are_named(tasks, loss, message):
    with pytest.raises(ValueError, match=message):
        as_tasks(tasks, loss, 3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (((), "squared"), "task 't' must have outputs"),
        (((-1,), "squared"), "task 't' must have outputs"),
        (((0,), "softmax"), "needs an output for each class"),
        (((0,), "absolute"), "task 't': loss 'absolute' is unknown; there are squared, .*softmax"),
        (((0,), "one_class:1.5"), "task 't': nu of loss 'one_class'"),
        (((0,), "one_class:0"), "task 't': nu of loss 'one_class'"),
    ],
)
def test_bad_tasks_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        Task("t", *arguments)


def test_labels_are_read_as_the_losses_want_them():
    Y = np.array([[0.0, 1, 0, 5], [1, NAN, NAN, 6], [NAN, 0, 1, NAN]])
    tasks = [Task("a", (0,), "hinge"), Task("b", (1, 2), "softmax"), Task("c", (3,))]
    expected = Y.copy()
    expected[0, 0] = -1
    assert np.array_equal(task_labels(Y, tasks), expected, equal_nan=True)


@pytest.mark.parametrize(
    ("Y", "loss", "message"),
    [
        ([[1.0], [1.0]], "logistic", "task 't' has one class only: every label of output 0 is 1"),
        ([[NAN], [NAN]], "squared", "task 't' has no label at all"),
        ([[0.5], [1.0]], "logistic", "label 0.5"),
        ([[1.0, 0.0], [1.0, 0.0]], "softmax", "task 't' has one class only: number 0"),
        ([[1.0, 1.0], [1.0, 0.0]], "softmax", "one-hot rows"),
        ([[1.0, NAN], [1.0, 0.0]], "softmax", "some of its classes only"),
    ],
)
def test_bad_labels_name_the_task(Y, loss, message):
    labels = np.array(Y)
    with pytest.raises(ValueError, match=message):
        task_labels(labels, [Task("t", tuple(range(labels.shape[1])), loss)])


def test_one_hot_rows():
    rows, classes = one_hot([3, 1, NAN, 3])
    assert classes.tolist() == [1, 3]
    assert np.array_equal(rows, [[0, 1], [1, 0], [NAN, NAN], [0, 1]], equal_nan=True)


def test_mean_weights_make_losses_means():
    Y = np.array([[1.0, NAN], [3.0, 2.0], [NAN, 2.0], [1.0, NAN]])
    weights = mean_weights(Y, as_tasks(None, "squared", 2))
    assert np.nansum(weights * Y, axis=0) == pytest.approx(np.nanmean(Y, axis=0))


def test_standardised_inputs_and_the_network_of_raw_ones(rng):
    X = rng.standard_normal((50, 3)) * [1, 1e4, 1] + [0, 5, 7]
    X[:, 2] = 7.1
    step = Standardisation.of(X)
    Z = step(X)
    assert Z.mean(axis=0) == pytest.approx(np.zeros(3), abs=1e-9)
    assert Z.std(axis=0) == pytest.approx([1, 1, 0], abs=1e-9)
    assert step.scale[2] == 1
    network = ReLUNetwork(rng.standard_normal((4, 3)), np.ones(4), np.ones((2, 4)), np.ones((2, 3)), np.ones(2))
    np.testing.assert_allclose(step.undo(network)(X), network(Z), rtol=1e-9, atol=1e-9)


def test_background_surrounds_the_normal_samples(rng):
    X, Y = rng.standard_normal((40, 2)), np.full((40, 2), NAN)
    Y[:25, 1], Y[:, 0] = 1, 2
    more, labels = with_background(X, Y, 1, 3)
    assert more.shape == labels.shape == (65, 2)
    assert np.array_equal(more[:40], X)
    assert np.all(labels[40:, 1] == -1)
    assert np.isnan(labels[40:, 0]).all()
    low, high = X[:25].min(axis=0), X[:25].max(axis=0)
    margin = 0.1 * (high - low)
    assert np.all((more[40:] >= low - margin) & (more[40:] <= high + margin))
    assert np.array_equal(background(X, 7, 5), background(X, 7, 5))


def test_classes_are_fitted_exactly_as_a_group_of_logistic_outputs(rng):
    x = np.sort(rng.uniform(0, 3, 60))
    labels = np.floor(x)
    labels[::15] = NAN
    rows, classes = one_hot(labels)
    solution = fit(x, rows, 0.05, loss="logistic")
    assert solution.verify()
    known = ~np.isnan(labels)
    assert np.mean(classes[solution(x).argmax(axis=1)][known] == labels[known]) > 0.9
    assert np.all(np.count_nonzero(solution.network.V, axis=0) == 3)  # the classes share every neuron
