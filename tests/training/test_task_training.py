"""Training of several tasks: gradients, objectives and weightings against independent computations, and bad input."""

import warnings

import numpy as np
import pytest
import torch

from vvnorm import Task, fit, train, train_tasks
from vvnorm.multitask.task_losses import best_constants, constant_losses, task_losses
from vvnorm.multitask.tasks import mean_weights, one_hot, task_labels
from vvnorm.training.placement import as_placement
from vvnorm.training.task_model import Coordinates, TaskModel, TaskParameters, initial_neurons
from vvnorm.training.weighting import NAMES, Alternating, Equal, Grid

QUICK = {"steps": 60, "width": 12, "progress": False}
TASKS = [
    Task("number", (0,), "squared"),
    Task("class", (1,), "logistic"),
    Task("margin", (2,), "hinge"),
    Task("robust", (3, 4), "huber:0.5"),
    Task("level", (5,), "one_class:0.2"),
    Task("digit", (6, 7, 8), "softmax"),
]


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def mixed_data(n=40, d=3, seed=0):
    """Inputs and labels of all kinds of task, a third of them missing."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, d)) * [1, 2, 0.5][:d] + 3
    numbers = 5 * rng.standard_normal((n, 4)) + 2
    classes = rng.integers(0, 2, (n, 2)).astype(float)
    Y = np.column_stack([numbers[:, :1], classes, numbers[:, 1:], one_hot(rng.integers(0, 3, n))[0]])
    for task in TASKS:
        Y[np.ix_(rng.random(n) < 0.3, task.outputs)] = np.nan
    return X, Y


# --- gradients --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("skip", [True, False])
def test_gradients_of_every_task_are_those_of_autograd(skip):
    X, Y = mixed_data()
    labels, entry = task_labels(Y, TASKS), ~np.isnan(Y) * np.random.default_rng(1).uniform(0.5, 2, Y.shape)
    place = Coordinates.of(X, labels, TASKS)
    model = TaskModel(TASKS, [place], "path_norm", skip, as_placement("float64", "cpu"))
    tensor = lambda array: torch.from_numpy(np.ascontiguousarray(array))[None]  # noqa: E731
    w, b, V = initial_neurons(X, Y.shape[1], place, 7, "torch", 0)
    rng = np.random.default_rng(2)
    tensors = [tensor(a) for a in (w, b, V, rng.standard_normal((9, 3)) * skip, rng.standard_normal(9))]
    for parameter in tensors:
        parameter.requires_grad_()
    at, z = TaskParameters(*tensors), tensor((X - place.x_centre) / place.x_unit)
    hidden = model.hidden(at, z)
    losses, slopes = model.losses(model.outputs(at, z, hidden), tensor(np.nan_to_num(labels)), tensor(entry))
    np.testing.assert_allclose(
        losses[0].detach(), task_losses(model.network(at, 0)(X), labels, entry, TASKS), rtol=1e-10
    )  # fmt: skip
    shared = model.shared(z, hidden, model.representation(at, slopes))
    flat = model.representation(at, slopes).detach().flatten(2)
    np.testing.assert_allclose(model.products(at, slopes).detach(), flat @ flat.mT, rtol=1e-9, atol=1e-9)
    own = model.own(z, hidden, slopes)
    for t, task in enumerate(TASKS):
        expected = torch.autograd.grad(losses[0, t], tensors, retain_graph=True, allow_unused=True)
        for own_grad, grad in zip(shared, expected[:2], strict=True):
            np.testing.assert_allclose(own_grad[0, t].detach(), grad[0], rtol=1e-9, atol=1e-9)
        for own_grad, grad in zip(own, expected[2:], strict=True):
            if grad is not None:
                columns = list(task.outputs)
                np.testing.assert_allclose(own_grad[0, columns].detach(), grad[0, columns], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("penalty", ["path_norm", "weight_decay"])
def test_gradient_of_the_penalty_is_that_of_autograd(penalty):
    X, Y = mixed_data()
    place = Coordinates.of(X, Y, TASKS)
    model = TaskModel(TASKS, [place], penalty, True, as_placement("float64", "cpu"))
    w, b, V = (torch.from_numpy(part)[None].requires_grad_() for part in initial_neurons(X, 9, place, 7, "torch", 0))
    at = TaskParameters(w, b, V, torch.zeros(1, 9, 3), torch.zeros(1, 9))
    size_w, size_v = w / place.x_unit, V * torch.from_numpy(place.y_unit)[:, None]
    path_norm = (size_w.norm(dim=2) * size_v.norm(dim=1)).sum()
    decay = (size_w.square().sum() * place.x_unit + size_v.square().sum() / place.x_unit) / 2
    assert model.vv_norm(at).item() == pytest.approx(path_norm.item())
    for own_grad, grad in zip(
        model.penalty_gradient(at), torch.autograd.grad(path_norm if penalty == "path_norm" else decay, [w, V]), strict=True
    ):
        np.testing.assert_allclose(own_grad.detach(), grad, rtol=1e-9)


# --- objectives -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("penalty", ["path_norm", "weight_decay"])
def test_equal_weights_minimise_what_fit_minimises(penalty):
    rng = np.random.default_rng(0)
    x, noise = np.linspace(-1, 1, 15), rng.standard_normal(15)
    Y = np.column_stack([np.sin(4 * x) + 0.1 * noise, x + 0.3 * noise > 0])
    Y[3, 0] = Y[7, 1] = np.nan
    losses = ["squared", "logistic"]
    optimum = fit(x, Y, 0.05, loss=losses)
    result = train_tasks(
        x, Y, loss=losses, lam=0.05, penalty=penalty, seeds=4, steps=3000, width=40, lr=0.02, progress=False
    )  # fmt: skip
    objectives = result.losses.sum(axis=1) + 0.05 * np.array([network.vv_norm for network in result.networks])
    assert optimum.verify()
    assert np.all(objectives >= optimum.lower_bound)
    assert np.median(objectives) / optimum.value - 1 < 0.02
    assert np.all(result.stationarity < 0.02)


def test_weights_of_tasks_are_factors_of_their_losses():
    X, Y = mixed_data()
    factors = np.array([1.0, 2.0, 0.5, 1.0, 3.0, 1.0])
    entry = mean_weights(Y, TASKS)
    per_output = np.repeat(factors, [len(task.outputs) for task in TASKS])
    by_tasks = train_tasks(X, Y, TASKS, weights=entry, weighting=factors.tolist(), lam=0.01, **QUICK)
    by_entries = train_tasks(X, Y, TASKS, weights=entry * per_output, lam=0.01, **QUICK)
    # Up to Adam's damping, which is in units of the losses at the start.
    np.testing.assert_allclose(by_tasks.networks[0](X), by_entries.networks[0](X), rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(by_tasks.losses * factors, by_entries.losses, rtol=1e-4)


def test_history_tells_the_truth_about_the_networks():
    X, Y = mixed_data()
    entry = mean_weights(Y, TASKS)
    result = train_tasks(X, Y, TASKS, weights=entry, seeds=2, lam=1e-3, **QUICK)
    labels = task_labels(Y, TASKS)
    for run, network in enumerate(result.networks):
        np.testing.assert_allclose(result.losses[run], task_losses(network(X), labels, entry, TASKS), rtol=1e-9)
        assert result.history["vv_norm"][-1, run] == pytest.approx(network.vv_norm)
    assert result.history["step"].tolist() == list(range(61))
    assert result.best in result.networks


@pytest.mark.parametrize("weighting", [name for name in NAMES if name not in ("fixed", "grid")])
def test_every_weighting_lowers_the_losses(weighting):
    X, Y = mixed_data()
    entry = mean_weights(Y, TASKS)
    result = train_tasks(X, Y, TASKS, weights=entry, weighting=weighting, lam=1e-3, seeds=2, **QUICK | {"steps": 200})
    first, last = result.history["losses"][0].sum(axis=1), result.losses.sum(axis=1)
    assert np.all(last < 0.9 * first)
    assert result.notes == ()
    assert np.isfinite(result.history["weights"]).all()


def test_mgda_ends_nearer_to_pareto_stationarity_than_it_began():
    X, Y = mixed_data()
    entry = mean_weights(Y, TASKS)
    result = train_tasks(X, Y, TASKS, weights=entry, weighting="mgda", lam=0, seeds=3, **QUICK | {"steps": 1500})
    assert np.all(result.stationarity < 0.25 * result.history["stationarity"][0])


def test_a_group_of_outputs_may_have_a_loss_for_each():
    X, Y = mixed_data()
    Y = Y[:, [0, 1, 3]]
    losses = ["squared", "logistic", "huber:0.5"]
    apart = train_tasks(X, Y, loss=losses, lam=1e-3, **QUICK)
    together = train_tasks(X, Y, [[0, 1], 2], loss=losses, lam=1e-3, **QUICK)
    assert [task.name for task in together.tasks] == ["y0+y1", "y2"]
    np.testing.assert_allclose(together.losses.sum(), apart.losses.sum(), rtol=1e-9)
    np.testing.assert_allclose(together.networks[0](X), apart.networks[0](X), rtol=1e-6, atol=1e-9)


# --- runs -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"batch_size": 30}, {"weighting": "mgda_ub"}, {"weighting": "uncertainty"}])
def test_a_seed_alone_is_what_it_is_beside_others(options):
    X, Y = mixed_data(n=60)
    alone = train_tasks(X, Y, TASKS, seeds=[2], **QUICK, **options)
    beside = train_tasks(X, Y, TASKS, seeds=[0, 2, 5], **QUICK, **options)
    np.testing.assert_allclose(alone.networks[0](X), beside.networks[1](X), rtol=1e-6, atol=1e-6)
    again = train_tasks(X, Y, TASKS, seeds=[2], **QUICK, **options)
    assert np.array_equal(alone.networks[0].W, again.networks[0].W)


def test_float32_and_no_skip_connection():
    X, Y = mixed_data()
    result = train_tasks(X, Y, TASKS, dtype="float32", skip=False, **QUICK)
    assert result.networks[0].W.dtype == np.float64
    assert np.all(result.networks[0].A == 0)
    assert result.losses.sum() < result.history["losses"][0].sum()


def test_scales_of_inputs_and_labels_change_nothing_but_scales():
    x = np.linspace(0, 1, 20)
    Y = np.column_stack([np.sin(6 * x), x**2])
    small = train_tasks(x, Y, lam=1e-3, **QUICK)
    large = train_tasks(1e3 * x + 7, 1e-4 * Y, lam=1e-3 * 1e3 * 1e-4, **QUICK)
    np.testing.assert_allclose(large.networks[0](1e3 * x + 7) * 1e4, small.networks[0](x), rtol=1e-4, atol=1e-5)


def test_a_run_that_diverges_keeps_its_last_good_state():
    X, Y = mixed_data()
    with pytest.warns(RuntimeWarning, match="seed 0 diverged by step"):
        result = train_tasks(X, Y, TASKS, lr=1e9, **QUICK)
    assert np.isfinite(result.networks[0](X)).all()


def test_a_grid_is_chosen_by_cross_validation():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 2))
    Y = np.column_stack([X[:, 0] > 0, np.abs(X[:, 1])])
    tasks = [Task("side", (0,), "logistic"), Task("size", (1,))]
    result = train_tasks(X, Y, tasks, weights=mean_weights(Y, tasks), weighting=Grid(3), **QUICK)
    assert result.choice["shares"] == pytest.approx(np.array([[1, 3], [2, 2], [3, 1]]) / 4)
    best = result.choice["shares"][np.argmin(result.choice["score"])]
    assert result.weighting.weights == pytest.approx(tuple(2 * best))
    assert np.all(result.choice["score"] > 0)


def test_constants_are_the_best_ones():
    rng = np.random.default_rng(3)
    Y = np.column_stack([rng.standard_normal(50), rng.random(50) < 0.3, rng.standard_normal(50)])
    tasks = [Task("a", (0,)), Task("b", (1,), "logistic"), Task("c", (2,), "one_class:0.1")]
    weights = np.ones(Y.shape)
    constants = best_constants(Y, weights, tasks)
    share = Y[:, 1].mean()
    assert constants[0] == pytest.approx(Y[:, 0].mean(), abs=1e-4)
    assert constants[1] == pytest.approx(np.log(share / (1 - share)), abs=1e-3)
    assert np.mean(Y[:, 2] < constants[2]) == pytest.approx(0.1, abs=0.03)
    assert constant_losses(Y, weights, weights, tasks)[0] == pytest.approx(25 * Y[:, 0].var(), rel=1e-6)


# --- train ------------------------------------------------------------------------------------------------------------


def test_train_hands_other_losses_and_weights_on():
    X, Y = mixed_data()
    through = train(X, Y, tasks=TASKS, weighting="mgda_ub", seeds=2, **QUICK)
    direct = train_tasks(X, Y, TASKS, weighting="mgda_ub", seeds=2, **QUICK)
    assert through.losses == pytest.approx(direct.losses)
    assert train(X, Y[:, 0], tasks=[0], **QUICK).tasks[0].name == "y0"
    assert str(train(X, Y[:, 1], loss="logistic", **QUICK).tasks[0].loss) == "logistic"
    assert isinstance(train(X, Y[:, 0], weights=np.ones(len(X)), **QUICK).weighting, Equal)


@pytest.mark.parametrize(
    ("option", "value"),
    [("optimizer", "sgd"), ("polish", True), ("exact", True), ("prune", 0.1), ("lam_start", 1.0), ("penalise_bias", True)],
)
def test_train_refuses_what_only_the_squared_loss_has(option, value):
    with pytest.raises(ValueError, match=f"{option} is for the squared loss"):
        train([0.0, 1.0, 2.0], [0.0, 1.0, 0.0], loss="hinge", **{option: value})
    with pytest.raises(TypeError, match="lam must be one number"):
        train([0.0, 1.0, 2.0], [0.0, 1.0, 0.0], loss="hinge", lam=[0.1, 0.2])


# --- bad input --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"batch_size": 4}, ValueError, r"task '\w+' has no label in batch \d+ of seed 0; batch_size 4 is too small"),
        ({"weighting": "best"}, ValueError, "weighting 'best' is unknown"),
        ({"weighting": [1.0, 2.0]}, ValueError, "got 2 for 6 tasks"),
        ({"weighting": Grid(3)}, ValueError, "make 0 shares of 6 tasks"),
        ({"lam": -1.0}, ValueError, "lam must"),
        ({"lam": np.nan}, ValueError, "lam must"),
        ({"width": 0}, ValueError, "width must"),
        ({"penalty": "l1"}, ValueError, "penalty must be one of path_norm, weight_decay, got 'l1'"),
        ({"dtype": "int8"}, ValueError, "dtype must be one of"),
        ({"weights": -np.ones(40)}, ValueError, "must not be negative"),
        ({"loss": "hinge"}, ValueError, "loss must be left out where tasks are given"),
        ({"tasks": TASKS[:-1]}, ValueError, "tasks leaves out output 6"),
    ],
)
def test_bad_arguments_are_named_before_any_training(changes, error, message, monkeypatch):
    monkeypatch.setattr("vvnorm.training.loop.TrainingLoop.advance", lambda self: pytest.fail("it trained"))
    X, Y = mixed_data()
    arguments = {"tasks": TASKS, **QUICK} | changes
    with pytest.raises(error, match=message):
        train_tasks(X, Y, **arguments)


def test_one_class_only_is_named():
    with pytest.raises(ValueError, match="task 'y0' has one class only: every label of output 0 is 1"):
        train_tasks([0.0, 1.0], [1.0, 1.0], loss="logistic")


def test_alternating_leaves_the_other_tasks_rows_alone():
    X, Y = mixed_data()
    result = train_tasks(X, Y, TASKS, weighting=Alternating(), lam=1.0, **QUICK | {"steps": 1})
    first, last = result.history["losses"][0, 0], result.losses[0]
    assert result.weighting == Alternating()
    assert last[0] != first[0]


# --- how far from the optimum -----------------------------------------------------------------------------------------


def test_networks_trained_on_missing_labels_are_judged_by_the_labels_there_are() -> None:
    rng = np.random.default_rng(0)
    x = np.linspace(0, 3, 20)
    Y = np.column_stack([np.abs(x - 1), np.sin(2 * x)]) + 0.05 * rng.standard_normal((20, 2))
    Y[::3, 0], Y[1::4, 1] = np.nan, np.nan
    result = train_tasks(x, Y, lam=0.05, seeds=2, steps=1500, progress=False)
    best = fit(x, Y, 0.05)
    for network, judged in zip(result.networks, result.certificates(), strict=True):
        off = network(x[:, None]) - Y
        objective = np.nansum(off**2) / 2 + 0.05 * network.vv_norm
        assert judged.objective == pytest.approx(objective, rel=1e-12)
        assert judged.lower_bound == pytest.approx(best.value, rel=1e-5)
        assert 0 < judged.gap < 0.05
        assert all(
            "not proved optimal" in complaint for complaint in judged.complaints(network, x, Y, weights=result.weights)
        )
    with pytest.raises(ValueError, match="weighting 'uncertainty' changed during training"):
        train(x, Y, lam=0.05, weighting="uncertainty", steps=2, progress=False).certificates()
    with pytest.raises(ValueError, match="lam is 0"):
        train_tasks(x, Y, lam=0, steps=2, progress=False).certificates()


@pytest.mark.parametrize(
    ("lam", "weighting", "words"),
    [
        (0.0, "equal", "misses a label by"),
        (1e-12, [1.0, 2.0], "exceeds the objective of vvnorm.fit by"),
        (0.0, "uncertainty", "misses a label by"),
        (1e-12, "uncertainty", None),  # the weights change: there is no objective to compare with
    ],
)
def test_nearly_equal_inputs_that_training_cannot_separate_are_said(
    lam: float, weighting: str | list[float], words: str | None
) -> None:
    x, y = np.array([0, 1, 1 + 1e-9, 2, 3, 4]), np.array([0, 1, 1.5, 0, 2, 1])
    options = {"lam": lam, "weighting": weighting, "width": 16, "steps": 50, "progress": False}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        training = train_tasks(x, np.column_stack([y, -y]), **options)
    assert training.notes == tuple(str(warning.message) for warning in caught)
    assert len(training.notes) == (words is not None)
    assert all(words in note and "where inputs nearly coincide" in note for note in training.notes)
