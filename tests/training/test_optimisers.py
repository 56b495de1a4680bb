"""Objectives with hand-written gradients, starts, schedules, and what each optimiser reaches."""

from functools import cache
from itertools import product

import numpy as np
import pytest
import torch

from vvnorm import fit, interpolate, train
from vvnorm.solvers.reference import dictionary_program
from vvnorm.training import regression_objective
from vvnorm.training.optimisers import Adam
from vvnorm.training.placement import as_placement
from vvnorm.training.regression_model import RegressionModel, dense_metric, plain_metric, sampled_metric
from vvnorm.training.regression_objective import Recipe, RegressionObjective
from vvnorm.training.regression_problem import make_problem
from vvnorm.training.schedule import Schedule

DOUBLE = as_placement("float64", "cpu")
PENALTIES = ("path_norm", "weight_decay")
TENT = ([0.0, 1.0, 2.0, 3.0], [0.0, 1.0, 0.0, 1.0])


def jittered(n, T, seed=0):
    rng = np.random.default_rng(seed)
    return (np.arange(n) + rng.uniform(-0.3, 0.3, n)) / (n - 1), rng.standard_normal((n, T))


def points(d, T=2, n=8):
    """Points far from the origin, two of them repeated with other labels."""
    rng = np.random.default_rng([d, T])
    X, Y = 2.0 + 3.0 * rng.standard_normal((n, d)), 5.0 * rng.standard_normal((n, T))
    return np.vstack([X, X[:2]]), np.vstack([Y, Y[:2] + 1.0])


def objective_at_random(d, *, penalise_bias=False, affine=False, initialisation="kinks"):
    rng = np.random.default_rng(d)
    problem = make_problem(*points(d), skip=True, penalise_bias=penalise_bias)
    starts = [problem.start(9, initialisation, rng) for _ in range(3)]
    objective = RegressionModel(problem, starts, np.array([0.5, 1.0, 2.0]), affine=affine, placement=DOUBLE)
    return problem, objective, objective.start + torch.from_numpy(rng.standard_normal(objective.start.shape))


def own_networks(problem, objective, flat):
    at = objective.views(flat)
    parts = zip(at.W.numpy(), objective.bias(at).numpy(), at.V.numpy(), (0.5, 1.0, 2.0), strict=True)
    return [problem.network(W, b, unit * V) for W, b, V, unit in parts]


# --- objectives -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("metric", ["plain", "dense", "dense of each output", "mini-batch"])
@pytest.mark.parametrize(("penalty", "d", "penalise_bias"), list(product((*PENALTIES, None), (1, 3), (False, True))))
def test_gradients_agree_with_automatic_differentiation(penalty, d, penalise_bias, metric):
    problem, objective, flat = objective_at_random(d, penalise_bias=penalise_bias, affine=metric == "mini-batch")
    lam, scale, rows = torch.tensor([0.3, 0.0, 2.0]).double(), np.array([0.7, 1.0, 3.0]), None
    if metric == "plain":
        of_loss = plain_metric(problem, scale, DOUBLE)
    elif metric != "mini-batch":
        root = np.random.default_rng(0).standard_normal((3, 1 if metric == "dense" else 2, 8, 8))
        of_loss = dense_metric(root @ np.swapaxes(root, 2, 3), DOUBLE)
    else:
        rows = torch.tensor([[0, 3, 5], [7, 1, 0], [2, 4, 6]])
        of_loss = sampled_metric(torch.rand(3, 3, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0)))
    by_hand = torch.zeros_like(flat)
    value = objective.evaluate(flat, of_loss, lam, penalty, rows, by_hand)
    tracked = flat.clone().requires_grad_()
    again = objective.evaluate(tracked, of_loss, lam, penalty, rows)
    again.sum().backward()
    torch.testing.assert_close(value, again.detach(), rtol=1e-12, atol=0)
    torch.testing.assert_close(by_hand, tracked.grad, rtol=1e-9, atol=1e-9)
    used = 9 * (d + 1 + 2) + (2 * (d + 1) if metric == "mini-batch" else 0)
    assert (by_hand[:, :used] != 0).double().mean() > 0.5
    assert not by_hand[:, used:].any()


@pytest.mark.parametrize(("d", "penalise_bias"), list(product((1, 3), (False, True))))
def test_losses_and_costs_are_those_of_the_networks_in_the_callers_units(d, penalise_bias):
    problem, objective, flat = objective_at_random(d, penalise_bias=penalise_bias)
    X, Y = points(d)
    scale, unit = np.array([0.7, 1.0, 3.0]), np.array([0.5, 1.0, 2.0])
    losses = objective.evaluate(flat, plain_metric(problem, scale, DOUBLE), torch.zeros(3), None).numpy()
    losses = (losses / scale * unit**2 + problem.scatter) * problem.y_unit**2
    costs = objective.penalty(objective.views(flat), "path_norm").numpy() * unit * problem.y_unit / problem.x_unit
    for network, loss, cost in zip(own_networks(problem, objective, flat), losses, costs, strict=True):
        residual = network(X) - Y
        assert np.sum(residual**2) / 2 == pytest.approx(loss, rel=1e-10)
        assert (network.vv_norm_with_bias if penalise_bias else network.vv_norm) == pytest.approx(cost, rel=1e-10)
        free = np.column_stack([X, np.ones(len(X))])
        np.testing.assert_allclose(free.T @ residual, 0, atol=1e-9)  # A and c are the best


def test_mini_batches_estimate_the_objective_without_bias():
    problem = make_problem(*points(3), skip=True)
    starts = [problem.start(9, "kinks", np.random.default_rng(seed)) for seed in range(2)]
    plan = Schedule(8, 0, *(np.full(2, value) for value in (0.1, 0.1, 0.01, 0.01)))
    sampled = RegressionObjective(problem, starts, [0, 1], plan, Recipe("sgd", "path_norm", 2, 0.0), DOUBLE)
    full = RegressionObjective(problem, starts, [0, 1], plan, Recipe("sgd", "path_norm", None, 0.0), DOUBLE)
    full.aim(0)
    at = sampled.model.views(sampled.flat)
    outputs = torch.bmm(sampled.model.hidden(at, full.model.z), at.V.mT) - full.model.y
    free = np.column_stack([problem.z, np.ones(8)])
    weights = np.sqrt(problem.counts)
    for s in range(2):  # the best A and c, which the full batch has anyway
        best = np.linalg.lstsq(weights * free, -weights * outputs[s].numpy(), rcond=None)[0]
        at.A[s], at.c[s] = torch.from_numpy(best[:-1].T), torch.from_numpy(best[-1])
    seen, parts = [], []
    for step in range(4):  # one epoch
        sampled.aim(step)
        seen.append(sampled.batch)
        parts.append(sampled.evaluate(sampled.flat))
    for order in torch.cat(seen, dim=1):
        assert sorted(order.tolist()) == list(range(8))
    assert not torch.equal(seen[0][0], seen[0][1])
    torch.testing.assert_close(torch.stack(parts).mean(0), full.evaluate(full.flat))
    assert torch.stack(parts).std(0).min() > 0


@pytest.mark.parametrize("penalise_bias", [False, True])
def test_penalties_and_their_gradients_agree_on_balanced_neurons(penalise_bias):
    problem, objective, flat = objective_at_random(2, penalise_bias=penalise_bias)
    at, metric = objective.views(flat), plain_metric(problem, np.ones(3), DOUBLE)
    lam = torch.full((3,), 0.3, dtype=torch.float64)
    loss, cost = objective.evaluate(flat, metric, lam, None), objective.penalty(at, "path_norm")
    objective.balance(at)
    torch.testing.assert_close(objective.evaluate(flat, metric, lam, None), loss)
    torch.testing.assert_close(objective.sizes(at), at.V.norm(dim=1))
    gradients = {penalty: torch.zeros_like(flat) for penalty in PENALTIES}
    for penalty, gradient in gradients.items():
        torch.testing.assert_close(objective.penalty(at, penalty), cost)
        objective.evaluate(flat, metric, lam, penalty, gradient=gradient)
    torch.testing.assert_close(gradients["path_norm"], gradients["weight_decay"])
    objective.normalise(at)
    torch.testing.assert_close(objective.evaluate(flat, metric, lam, None), loss)
    torch.testing.assert_close(objective.sizes(at), torch.ones(3, 9, dtype=torch.float64))


def test_rescaling_leaves_dead_neurons_alone_and_the_penalty_has_a_gradient_there():
    problem, objective, flat = objective_at_random(1)
    at = objective.views(flat)
    at.V[:, :, 0], at.W[:, 1], at.beta[:, 1] = 0.0, 0.0, 0.0
    before = flat.clone()
    objective.balance(at)
    objective.normalise(at)
    then = objective.views(before)
    for now, old in ((at.W, then.W), (at.beta, then.beta), (at.V.mT, then.V.mT)):
        assert torch.equal(now[:, :2], old[:, :2])
    gradient = torch.zeros_like(flat)
    lam = torch.ones(3, dtype=torch.float64)
    objective.evaluate(flat, plain_metric(problem, np.ones(3), DOUBLE), lam, "path_norm", gradient=gradient)
    assert gradient.isfinite().all()


def test_whitening_damped_without_bound_is_the_plain_metric():
    problem = make_problem(*points(2), skip=True)
    rng = np.random.default_rng(0)
    F = rng.standard_normal((8, 2))
    plain = problem.projected(F)
    whitened = problem.whitening(1e9)[0] @ F * 1e9
    np.testing.assert_allclose(whitened, plain, atol=1e-7)
    np.testing.assert_allclose(problem.whitening(0.01)[0] @ (problem.z @ rng.standard_normal((2, 1)) + 3.0), 0, atol=1e-9)


def test_lam_max_is_the_largest_dual_variable():
    x, Y = jittered(7, 2, 4)
    h = np.diff(x)
    D = np.zeros((5, 7))
    for i in range(5):
        D[i, i : i + 3] = 1 / h[i], -1 / h[i] - 1 / h[i + 1], 1 / h[i + 1]
    z = np.linalg.solve(D @ D.T, D @ Y)
    result = train(x, Y, steps=1, progress=False)
    assert result.settings["lam_max"] == pytest.approx(np.linalg.norm(z, axis=1).max())


# --- starts -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "width"), [(7, 40), (7, 12), (400, 41), (400, 2), (2, 3), (400, 1)])
def test_kinks_start_between_neighbouring_points_all_over_the_data(n, width):
    x, Y = jittered(n, 2)
    problem = make_problem(x[:, None], Y, skip=True)
    start = problem.start(width, "kinks", np.random.default_rng(0))
    np.testing.assert_array_equal(start.w.ravel(), np.resize([1.0, -1.0], width))
    np.testing.assert_allclose(np.linalg.norm(start.V, axis=0), 0.1)
    z = problem.z[:, 0]
    gap = np.searchsorted(z, start.p[:, 0], side="right") - 1
    if width >= 2 * (n - 1):
        assert np.bincount(gap, minlength=n - 1).min() >= 2
        np.testing.assert_allclose(start.h, np.diff(z)[gap])
    else:  # one pair in each of as many parts of the data, or nearly so
        pairs = (width + 1) // 2
        assert len(np.unique(start.h)) in (pairs, pairs + 1)
        places = np.sort(gap[::2]) / (n - 1)
        assert np.max(np.diff(np.concatenate([[0.0], places, [1.0]]))) <= 2.1 / (pairs + 1) if pairs > 1 else True


@pytest.mark.parametrize(("n", "width"), [(10, 40), (300, 30)])
def test_hyperplanes_start_between_neighbouring_points_all_over_the_data(n, width):
    rng = np.random.default_rng(0)
    problem = make_problem(rng.standard_normal((n, 3)), rng.standard_normal((n, 2)), skip=True)
    start = problem.start(width, "kinks", np.random.default_rng(0))
    np.testing.assert_allclose(np.linalg.norm(start.w, axis=1), 1)
    # p lies on a segment of length h between two points.
    distance = np.linalg.norm(start.p[:, None] - problem.z, axis=2)
    i, j = np.triu_indices(n, 1)
    between = distance[:, i] + distance[:, j] - np.linalg.norm(problem.z[i] - problem.z[j], axis=1)
    pair = np.argmin(between, axis=1)
    np.testing.assert_allclose(between[np.arange(width), pair], 0, atol=1e-9)
    np.testing.assert_allclose(np.linalg.norm(problem.z[i] - problem.z[j], axis=1)[pair], start.h)
    centre = problem.z.mean(axis=0)
    assert np.linalg.norm(start.p.mean(axis=0) - centre) < 0.4  # points are sorted by the first coordinate


def test_torch_and_balanced_starts():
    problem = make_problem(*points(3), skip=True, penalise_bias=True)
    plain, balanced = (problem.start(2000, name, np.random.default_rng(3)) for name in ("torch", "balanced"))
    for values, bound in ((plain.w, 1 / np.sqrt(3)), (plain.beta, 1 / np.sqrt(3)), (plain.V, 1 / np.sqrt(2000))):
        assert 0.98 * bound < np.max(np.abs(values)) <= bound
    np.testing.assert_allclose(problem.sizes(balanced.w, balanced.beta), np.linalg.norm(balanced.V, axis=0))
    np.testing.assert_allclose(balanced.w[:, :1] * balanced.V[:1].T, plain.w[:, :1] * plain.V[:1].T)
    assert not plain.p.any()
    assert np.all(plain.h == 1)


@pytest.mark.parametrize("initialisation", ["torch", "balanced"])
def test_other_initialisations_reach_the_least_norm_too(initialisation):
    x, Y = jittered(8, 2)
    result = train(x, Y, seeds=4, steps=1000, initialisation=initialisation, progress=False)
    least = interpolate(x, Y).value
    np.testing.assert_allclose([network.vv_norm for network in result.networks], least, rtol=0.01)
    assert result.settings["initialisation"] == initialisation
    assert max(np.abs(network(x) - Y).max() for network in result.networks) < 1e-4


def test_few_neurons_on_many_points_are_not_all_in_one_place():
    x = np.linspace(-1, 1, 300)
    y = np.abs(x - 0.5) + np.abs(x + 0.5)
    result = train(x, y, width=32, lam=1e-3, seeds=2, steps=1000, progress=False)
    np.testing.assert_allclose([network.vv_norm for network in result.networks], 4.0, rtol=0.002)
    assert np.max(result.history["loss"][-1]) < 1e-4


# --- schedules --------------------------------------------------------------------------------------------------------


def schedule(**changes):
    fixed = {
        "start": np.ones(2),
        "end": np.array([1e-4, 1.0]),
        "lr": np.array([0.1, 0.2]),
        "last_lr": np.array([0.01, 0.1]),
    }
    return Schedule(**{"steps": 1000, "whitened": 800} | fixed | changes)


def test_geometric_schedule():
    plan = schedule()
    np.testing.assert_array_equal(plan.ratio(0), [1, 1])
    np.testing.assert_allclose(plan.ratio(360), [1e-2, 1])
    np.testing.assert_allclose(plan.ratio(720), [1e-4, 1])
    np.testing.assert_allclose(plan.ratio(1000), [1e-4, 1])
    np.testing.assert_allclose(plan.rate(0), [0.1, 0.2])
    np.testing.assert_allclose(plan.rate(400), [0.1, 0.2])
    assert np.all(plan.rate(799) < 2e-3 * plan.lr)
    np.testing.assert_allclose(plan.rate(800), [0.01, 0.1])
    np.testing.assert_allclose(plan.rate(900), [0.01, 0.1])
    np.testing.assert_allclose(plan.rate(1000), [1e-5, 1e-4])
    np.testing.assert_array_equal(plan.twice().ratio(360), np.repeat(plan.ratio(360), 2))
    np.testing.assert_array_equal(plan.twice().rate(900), [0.01, 0.01, 0.1, 0.1])


def test_schedule_in_levels_and_in_pieces():
    levels = np.array([schedule(levels=8).ratio(step)[0] for step in range(801)])
    assert len(np.unique(levels)) == 9
    assert levels[0] == 1
    np.testing.assert_allclose(levels[720:], 1e-4)
    assert np.all(levels >= np.array([schedule().ratio(step)[0] for step in range(801)]) * (1 - 1e-12))
    pieces = schedule(whitened=0, pieces=((0, 0.5), (10, 0.0), (200, 0.1)))
    assert [pieces.ratio(step).tolist() for step in (0, 9, 10, 199, 200, 1000)] == [
        [0.5, 0.5], [0.5, 0.5], [0.0, 0.0], [0.0, 0.0], [0.1, 0.1], [0.1, 0.1],
    ]  # fmt: skip
    zero = schedule(start=np.zeros(2), end=np.zeros(2))
    np.testing.assert_array_equal(zero.ratio(500), [0, 0])


@pytest.mark.parametrize("optimizer", ["adam", "lbfgs", "proximal"])
def test_recorded_lam_goes_as_asked(optimizer):
    options = {"steps": 40, "seeds": 2, "optimizer": optimizer, "progress": False}
    lowered = train(*TENT, lam=1e-4, lam_start=1e-2, **options)
    assert lowered.history["lam"].shape == (41, 2)
    assert lowered.settings["whitened_steps"] == 0
    np.testing.assert_allclose(lowered.history["lam"][[0, 18, 36, 40], 0], [1e-2, 1e-3, 1e-4, 1e-4])
    assert np.all(np.diff(lowered.history["lam"], axis=0) <= 0)
    assert lowered.settings["lam_start"] == pytest.approx(1e-2)

    constant = train(*TENT, lam=[1e-4, 1e-3], schedule="constant", **options)
    np.testing.assert_allclose(constant.history["lam"], np.tile([1e-4, 1e-4, 1e-3, 1e-3], (41, 1)))
    assert constant.settings["whitened_steps"] == 0

    pairs = train(*TENT, schedule=[(0, 1e-2), (10, 0.0), (30, 1e-3)], **options)
    expected = np.repeat([1e-2, 0.0, 1e-3], [10, 20, 11])
    np.testing.assert_allclose(pairs.history["lam"][:, 1], expected)
    assert pairs.lam == 1e-3

    default = train(*TENT, lam=1e-4, **options)
    lam_max = default.settings["lam_max"]
    assert default.settings["whitened_steps"] == 32
    np.testing.assert_allclose(default.history["lam"][[0, -1], 0], [0.3 * lam_max, 1e-4])
    assert not np.array_equal(default.history["loss"], lowered.history["loss"])


@pytest.mark.parametrize(("lam", "penalty"), [(0.05, "path_norm"), (0.2, "path_norm"), (0.2, "weight_decay")])
def test_a_stated_lam_start_means_the_plain_objective_throughout(lam, penalty):
    result = train(*TENT, lam=0.05, lam_start=lam, steps=600, penalty=penalty, seeds=2, progress=False)
    assert result.settings["whitened_steps"] == 0
    np.testing.assert_allclose(result.history["lam"][[0, -1], 0], [lam, 0.05])
    x, y = np.array(TENT)
    optimum = dictionary_program(x, y, np.ones((2, 1)), -x[1:-1], lam=0.05).value
    np.testing.assert_allclose(result.objectives, optimum, rtol=0.01)


# --- what optimisers reach --------------------------------------------------------------------------------------------


@cache
def easy():
    """Data whose minimiser at lam = 0.05 lam_max is known from convex programming: kinks at the data suffice."""
    x, Y = jittered(8, 2)
    lam = 0.05 * train(x, Y, steps=1, progress=False).settings["lam_max"]
    return x, Y, lam, dictionary_program(x, Y, np.ones((6, 1)), -x[1:-1], lam=lam).value


@pytest.mark.parametrize("optimizer", ["adam", "proximal"])
def test_the_least_norm_is_reached(optimizer):
    x, Y = jittered(8, 2)
    result = train(x, Y, seeds=6, steps=1000, optimizer=optimizer, progress=False)
    np.testing.assert_allclose([network.vv_norm for network in result.networks], interpolate(x, Y).value, rtol=0.01)
    assert max(np.abs(network(x) - Y).max() for network in result.networks) < 1e-4 * np.ptp(Y)
    assert result.settings["optimizer"] == optimizer


@pytest.mark.parametrize(
    ("optimizer", "penalty", "options"),
    [
        ("adam", "path_norm", {"steps": 1000}),
        ("adam", "weight_decay", {"steps": 1000}),
        ("proximal", "path_norm", {"steps": 800}),
        ("lbfgs", "path_norm", {"steps": 500, "schedule": "constant"}),
        ("lbfgs", "weight_decay", {"steps": 400, "schedule": "constant"}),
        # The penalties differ in the gradient alone, which Adam and L-BFGS follow as well.
        pytest.param("sgd", "path_norm", {"steps": 1500, "schedule": "constant"}, marks=pytest.mark.slow),
        ("sgd", "weight_decay", {"steps": 1500, "schedule": "constant"}),
    ],
)
def test_the_convex_optimum_is_reached(optimizer, penalty, options):
    x, Y, lam, optimum = easy()
    result = train(x, Y, seeds=3, lam=lam, optimizer=optimizer, penalty=penalty, progress=False, **options)
    assert np.min(result.objectives) >= optimum * (1 - 1e-7)
    np.testing.assert_allclose(result.objectives, optimum, rtol=0.01)
    if optimizer == "proximal":  # zeros are exact, and few neurons are left of 64
        assert max(network.n_neurons for network in result.networks) <= 12
    assert np.isnan(result.lrs).all() == (optimizer == "lbfgs")


def test_lbfgs_never_raises_a_constant_objective():
    x, Y, lam, _ = easy()
    history = train(x, Y, lam=lam, seeds=3, optimizer="lbfgs", schedule="constant", steps=60, progress=False).history
    objective = history["loss"] + lam * history["vv_norm"]
    assert np.all(np.diff(objective, axis=0) <= 1e-12 * objective[0])
    assert np.all(objective[-1] < 0.5 * objective[0])


@pytest.mark.parametrize("optimizer", ["lbfgs", "proximal"])
def test_optimisers_forget_an_objective_whose_lam_has_jumped(optimizer):
    x, Y, lam, optimum = easy()
    pieces = [(0, lam / 100), (100, lam)]
    result = train(x, Y, seeds=2, optimizer=optimizer, schedule=pieces, steps=500, progress=False)
    np.testing.assert_allclose(result.objectives, optimum, rtol=0.02)


def test_proximal_neurons_vanish_as_lam_grows():
    x, Y, lam, _ = easy()
    result = train(x, Y, lam=[0.1 * lam, lam, 10 * lam], seeds=2, optimizer="proximal", steps=600, progress=False)
    # Neurons may share a kink, as many as rounding wants: on some machines 3 and 5 neurons have the same 3 kinks.
    kinks = np.array([network.simplified(1e-3).n_neurons for network in result.networks]).reshape(3, 2)
    assert kinks[0].max() <= 32
    assert kinks[1].max() <= 20
    assert kinks[2].max() <= len(fit(x, Y, 10 * lam).knots) == 3


def test_adam_remembers_gradients_over_the_whole_run_in_the_whitened_metric_only():
    for options, second in (({}, 1 - 1 / 40), ({"schedule": "constant"}, 0.999)):
        settings = train(*TENT, lam=1e-3, steps=40, progress=False, **options).settings
        assert settings["betas"] == [0.9, second]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_adam_takes_the_steps_of_torchs_own_class(dtype):
    generator = torch.Generator().manual_seed(0)
    start = [torch.randn(shape, dtype=dtype, generator=generator) for shape in ((3, 8), (5,))]
    ours, theirs = ([tensor.clone() for tensor in start] for _ in range(2))
    adam, own = Adam(ours, betas=(0.8, 0.99), eps=1e-4), torch.optim.Adam(theirs, betas=(0.8, 0.99), eps=1e-4, fused=True)
    for lr in (0.1, 0.03, 0.01):
        gradients = [torch.randn(tensor.shape, dtype=dtype, generator=generator) for tensor in start]
        adam.step(gradients, lr)
        own.param_groups[0]["lr"] = lr
        for tensor, gradient in zip(theirs, gradients, strict=True):
            tensor.grad = gradient
        own.step()
    for tensor, expected, before in zip(ours, theirs, start, strict=True):
        torch.testing.assert_close(tensor, expected, rtol=0, atol=0)
        assert not torch.equal(tensor, before)


@pytest.mark.parametrize("T", [1, 3])
def test_wide_networks_in_mini_batches_are_trained_apart(T):
    """One run alone, without a second one beside it, has the weights that it has beside others."""
    rng = np.random.default_rng(T)
    X = rng.standard_normal((700, 3))
    Y = np.sin(X @ rng.standard_normal((3, T)))
    options = {"width": 1300, "lam": 1.0, "steps": 6, "lr": 1e-4, "batch_size": 256, "progress": False}
    assert 256 * 1300 * (3 + T) >= regression_objective._APART
    alone, beside = (train(X, Y, seeds=seeds, **options) for seeds in ([2], [0, 2]))
    for name in ("W", "b", "V", "A", "c"):
        np.testing.assert_array_equal(getattr(alone.networks[0], name), getattr(beside.networks[1], name))
    assert alone.history["loss"][-1, 0] < alone.history["loss"][0, 0]


def test_large_records_are_few(monkeypatch):
    X = np.random.default_rng(0).standard_normal((2500, 2))
    options = {"width": 700, "lam": 1.0, "steps": 40, "batch_size": 512, "progress": False}
    assert len(train(X, X[:, :1] ** 2, **options).history["step"]) == 21
    monkeypatch.setattr(regression_objective, "_LARGE_RECORD", 0)
    assert len(train(X, X[:, :1] ** 2, **options).history["step"]) == 2
