"""Training reaches what the theory says it must, from every seed, and says what it did."""

import numpy as np
import pytest
import torch

from vvnorm import interpolate, random_dataset, train
from vvnorm.training.optimisation import Objective, Parameters, Schedule
from vvnorm.training.problem import make_problem

TENT = ([0.0, 1.0, 2.0, 3.0], [0.0, 1.0, 0.0, 1.0])
QUICK = {"steps": 300, "progress": False}


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def relative_excess(result):
    least = interpolate(result.X, result.Y).lower_bound
    return np.array([network.vv_norm for network in result.networks]) / least - 1


def relative_residual(result):
    return np.max([np.abs(network(result.X) - result.Y).max() for network in result.networks]) / np.ptp(result.Y)


# --- what training reaches ---


@pytest.mark.parametrize(
    ("n", "spacing", "seed"),
    [(5, "uniform", 1), (8, "regular", 3), (10, "normal", 5), (12, "uniform", 6)],
)
def test_default_settings_reach_the_least_norm_from_nearly_every_seed(n, spacing, seed):
    data = random_dataset(n, 2, seed, spacing=spacing)
    result = train(data.X, data.Y, seeds=16, progress=False)
    assert np.sum(np.abs(relative_excess(result)) < 0.01) >= 15
    assert relative_residual(result) < 2e-3


def test_weight_decay_reaches_the_same_norm():
    data = random_dataset(8, 2, 1)
    result = train(data.X, data.Y, seeds=4, penalty="weight_decay", steps=3000, progress=False)
    assert np.max(np.abs(relative_excess(result))) < 0.01
    assert relative_residual(result) < 2e-3


def test_one_output_with_many_solutions_gives_equal_costs_but_different_networks():
    x = np.arange(6.0)
    y = np.array([0.0, 0.0, 1.0, 3.0, 6.0, 6.5])  # curvatures 1, 1, 1, -2.5
    result = train(x, y, seeds=6, steps=2000, progress=False)
    assert np.max(np.abs(relative_excess(result))) < 0.01
    between = np.array([network([1.5, 2.5, 3.5])[:, 0] for network in result.networks])
    assert np.max(np.ptp(between, axis=0)) > 0.02


def test_the_last_phase_minimises_the_stated_objective_also_for_large_lam():
    # Three equidistant points: the fit moves along (1, -2, 1) / 6 by lam, so VV = 2 - 6 lam and the loss is 3 lam^2.
    lam = 0.1
    result = train([0.0, 1.0, 2.0], [0.0, 1.0, 0.0], lam=lam, seeds=3, progress=False)
    np.testing.assert_allclose(result.objectives, 3 * lam**2 + lam * (2 - 6 * lam), rtol=1e-5)
    assert result.settings["lam_max"] == pytest.approx(1 / 3)


def test_lam_above_lam_max_gives_the_affine_fit():
    result = train(*TENT, lam=1.0, seeds=3, progress=False)
    line = np.polyval(np.polyfit(*TENT, 1), TENT[0])
    for network in result.networks:
        np.testing.assert_allclose(network(TENT[0])[:, 0], line, atol=1e-6)


@pytest.mark.parametrize("lam", [0.05, 0.2])
@pytest.mark.parametrize("penalty", ["path_norm", "weight_decay"])
def test_a_stated_lam_start_means_the_plain_objective_throughout(lam, penalty):
    result = train(*TENT, lam=0.05, lam_start=lam, steps=1000, penalty=penalty, seeds=2, progress=False)
    assert result.settings["whitened_steps"] == 0
    np.testing.assert_allclose(result.history["lam"][[0, -1]], [lam, 0.05])
    assert np.all(np.diff(result.history["lam"]) <= 1e-15)
    default = train(*TENT, lam=0.05, steps=2000, progress=False)
    np.testing.assert_allclose(result.objectives, default.objectives[0], rtol=0.02)


# --- special data ---


@pytest.mark.parametrize(
    ("X", "Y"),
    [
        ([0.0, 1.0], [[0.0, 2.0], [1.0, -1.0]]),
        ([0.0, 1.0, 2.0, 5.0], [1.0, 3.0, 5.0, 11.0]),
        ([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]], [1.0, 2.0, 3.0]),
        ([0.1, 0.2, 0.3, 0.7], [1.3, 1.6, 1.9, 3.1]),
        ([2.0], [7.0]),
        ([0.0, 1.0, 2.0], [4.0, 4.0, 4.0]),
    ],
)
def test_affine_data_need_no_neurons(X, Y):
    result = train(X, Y, seeds=2, progress=False)
    assert [network.n_neurons for network in result.networks] == [0, 0]
    np.testing.assert_allclose(result.best(X), np.reshape(Y, (len(X), -1)), atol=1e-13)
    assert result.lam == 0
    assert result.history["vv_norm"].shape == (1, 2)


def test_two_input_features():
    rng = np.random.default_rng(0)
    X, Y = rng.standard_normal((8, 2)), rng.standard_normal((8, 2))
    result = train(X, Y, seeds=3, steps=2000, progress=False)
    assert relative_residual(result) < 1e-3
    assert np.ptp([network.vv_norm for network in result.networks]) < 0.01 * result.best.vv_norm
    with pytest.raises(ValueError, match="2 inputs"):
        result.certificates()


def test_without_skip_connection():
    result = train(*TENT, seeds=2, skip=False, steps=1000, progress=False)
    for network, certificate in zip(result.networks, result.certificates(), strict=True):
        assert not network.A.any()
        assert not certificate.skip
        assert abs(certificate.gap) < 0.01
        assert certificate.relative_residual < 1e-3


def test_repeated_inputs_count_with_their_mean_and_their_number():
    repeated = train([0.0, 1.0, 1.0, 2.0, 3.0], [0.0, 0.0, 2.0, 0.0, 1.0], seeds=2, steps=1000, progress=False)
    np.testing.assert_allclose(repeated.best([0.0, 1.0, 2.0, 3.0])[:, 0], TENT[1], atol=1e-4)
    np.testing.assert_allclose(repeated.history["loss"][-1], 1.0, rtol=1e-6)
    single = train([0.0, 1.0, 2.0], [0.0, 1.0, 0.0], lam=0.1, steps=1000, progress=False)
    double = train([0.0, 1.0, 2.0] * 2, [0.0, 1.0, 0.0] * 2, lam=0.2, steps=1000, progress=False)
    assert double.best.vv_norm == pytest.approx(single.best.vv_norm, rel=1e-4)


@pytest.mark.parametrize("width", [1, 2])
def test_narrow_networks_run(width):
    result = train(*TENT, width=width, **QUICK)
    assert result.best.n_neurons <= width
    assert np.isfinite(result.objectives).all()


@pytest.mark.parametrize(
    ("a", "s", "b"), [(4.0, 3.0, 0.25), (1e100, 0.0, 1e-100), (1e-100, 0.0, 1e100), (1e100, 0.0, 1e100)]
)
def test_scaling_the_data_scales_the_networks(a, s, b):
    data = random_dataset(5, 2, 0)
    plain = train(data.X, data.Y, seeds=2, **QUICK)
    scaled = train(a * data.X + s, b * data.Y, seeds=2, **QUICK)
    t = np.linspace(-1, 2, 50)
    for one, other in zip(plain.networks, scaled.networks, strict=True):
        np.testing.assert_allclose(other(a * t + s) / b, one(t), rtol=1e-6, atol=1e-6)
        assert other.vv_norm / b * a == pytest.approx(one.vv_norm, rel=1e-6)
    assert scaled.lam / a / b == pytest.approx(plain.lam)
    np.testing.assert_allclose(scaled.history["vv_norm"] / b * a, plain.history["vv_norm"], rtol=1e-6)
    np.testing.assert_allclose(scaled.history["loss"] / b / b, plain.history["loss"], rtol=1e-5, atol=1e-9)


# --- seeds, history, settings ---


def test_a_seed_alone_gives_what_it_gives_in_a_batch():
    data = random_dataset(7, 2, 3)
    batch = train(data.X, data.Y, seeds=[5, 2, 9], **QUICK)
    alone = train(data.X, data.Y, seeds=[2], **QUICK)
    t = np.linspace(-0.5, 1.5, 40)
    np.testing.assert_allclose(batch.networks[1](t), alone.networks[0](t), rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(batch.history["loss"][:, 1], alone.history["loss"][:, 0], rtol=1e-8, atol=1e-10)


def test_the_same_seeds_give_the_same_result_and_no_global_state_moves():
    np_state, torch_state = np.random.get_state()[1].copy(), torch.random.get_rng_state()  # noqa: NPY002
    first, second = (train(*TENT, seeds=2, **QUICK) for _ in range(2))
    for one, other in zip(first.networks, second.networks, strict=True):
        np.testing.assert_array_equal(one.W, other.W)
        np.testing.assert_array_equal(one.V, other.V)
    np.testing.assert_array_equal(np.random.get_state()[1], np_state)  # noqa: NPY002
    assert torch.equal(torch.random.get_rng_state(), torch_state)


def test_history_and_settings():
    result = train(*TENT, seeds=3, steps=1000, progress=False)
    history = result.history
    assert history["step"].shape == history["lam"].shape == (201,)
    assert history["step"][0] == 0
    assert history["step"][-1] == 1000
    assert history["loss"].shape == history["vv_norm"].shape == (201, 3)
    losses = [np.sum((network(result.X) - result.Y) ** 2) / 2 for network in result.networks]
    np.testing.assert_allclose(history["loss"][-1], losses, rtol=1e-6, atol=1e-15)
    np.testing.assert_allclose(history["vv_norm"][-1], [n.vv_norm for n in result.networks], rtol=1e-9)
    assert history["lam"][-1] == pytest.approx(result.lam)
    assert result.lam == pytest.approx(1e-6 * result.settings["lam_max"])
    assert result.settings["coordinates"]["x_centre"] == [1.5]
    assert result.seeds == (0, 1, 2)


def test_networks_are_balanced_and_the_best_has_the_least_objective():
    result = train(*TENT, seeds=3, **QUICK)
    for network in result.networks:
        np.testing.assert_allclose(np.linalg.norm(network.W, axis=1), np.linalg.norm(network.V, axis=0), rtol=1e-12)
    assert result.best is result.networks[int(np.argmin(result.objectives))]


def test_fewer_steps_than_records():
    assert train(*TENT, steps=1, progress=False).history["step"].tolist() == [0, 1]


def test_float32():
    result = train(*TENT, seeds=2, dtype="float32", steps=2000, progress=False)
    assert result.best.W.dtype == np.float64
    assert np.max(np.abs(relative_excess(result))) < 0.01
    assert relative_residual(result) < 1e-3


# --- gradients, schedule, problem ---


def objective_at_random(d, T, K=9, S=2):
    rng = np.random.default_rng(d)
    problem = make_problem(rng.standard_normal((6, d)), rng.standard_normal((6, T)), skip=True)
    kinks = [problem.draw_kinks(K, rng) for _ in range(S)]
    objective = Objective(problem, kinks, 0.7, torch.empty(0, dtype=torch.float64))
    flat = torch.from_numpy(rng.standard_normal((S, K * (d + 1 + T))))
    root = torch.from_numpy(problem.residual_map + rng.standard_normal((6, 6))).expand(S, -1, -1).contiguous()
    return objective, flat, root, (d, K, T)


@pytest.mark.parametrize("penalty", ["path_norm", "weight_decay"])
@pytest.mark.parametrize("d", [1, 3])
def test_gradients_agree_with_automatic_differentiation(d, penalty):
    objective, flat, root, shape = objective_at_random(d, 2)
    by_hand = torch.zeros_like(flat)
    objective.gradient(Parameters(flat, *shape), root.mT @ root, 0.3, penalty, Parameters(by_hand, *shape))
    flat.requires_grad_()
    at = Parameters(flat, *shape)
    (objective.loss(at, root) + 0.3 * objective.penalty(at, penalty)).sum().backward()
    torch.testing.assert_close(by_hand, flat.grad, rtol=1e-9, atol=1e-9)


def test_penalties_and_their_gradients_agree_on_balanced_neurons():
    objective, flat, root, shape = objective_at_random(2, 3)
    at = Parameters(flat, *shape)
    loss, cost = objective.loss(at, root), objective.penalty(at, "path_norm")
    at.balance()
    torch.testing.assert_close(objective.loss(at, root), loss)
    for penalty in ("path_norm", "weight_decay"):
        torch.testing.assert_close(objective.penalty(at, penalty), cost)
    first, second = torch.zeros_like(flat), torch.zeros_like(flat)
    objective.gradient(at, root.mT @ root, 0.3, "path_norm", Parameters(first, *shape))
    objective.gradient(at, root.mT @ root, 0.3, "weight_decay", Parameters(second, *shape))
    torch.testing.assert_close(first, second)


def test_balancing_leaves_dead_neurons_alone():
    flat = torch.zeros(1, 3, dtype=torch.float64)
    flat[0, 0] = 2.0
    Parameters(flat, 1, 1, 1).balance()
    assert flat.tolist() == [[2.0, 0.0, 0.0]]


def test_schedule():
    schedule = Schedule(steps=1000, whitened=800, start=1.0, end=1e-4, lr=0.1, last_lr=0.01)
    assert schedule.ratio(0) == 1
    assert schedule.ratio(360) == pytest.approx(1e-2)
    assert schedule.ratio(720) == schedule.ratio(1000) == pytest.approx(1e-4)
    assert schedule.rate(0) == schedule.rate(400) == 0.1
    assert schedule.rate(799) < 2e-4
    assert schedule.rate(800) == schedule.rate(900) == 0.01


def test_lam_max_is_the_largest_dual_variable():
    data = random_dataset(7, 2, 4)
    x = data.X[:, 0]
    h = np.diff(x)
    D = np.zeros((5, 7))
    for i in range(5):
        D[i, i : i + 3] = 1 / h[i], -1 / h[i] - 1 / h[i + 1], 1 / h[i + 1]
    z = np.linalg.solve(D @ D.T, D @ data.Y)
    result = train(data.X, data.Y, steps=1, progress=False)
    assert result.settings["lam_max"] == pytest.approx(np.linalg.norm(z, axis=1).max())


# --- arguments ---


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"width": 0}, ValueError, "width must be at least 1, got 0"),
        ({"width": 2.5}, TypeError, "width must be a whole number, got 2.5"),
        ({"steps": 0}, ValueError, "steps must be at least 1, got 0"),
        ({"lam": 0.0}, ValueError, "lam must be positive and finite, got 0.0"),
        ({"lam": float("nan")}, ValueError, "lam must be positive and finite, got nan"),
        ({"lam": "1"}, TypeError, "lam must be a number, got '1'"),
        ({"lr": -1.0}, ValueError, "lr must be positive and finite, got -1.0"),
        ({"lam": 1.0, "lam_start": 0.5}, ValueError, "lam_start must be at least lam = 1.0, got 0.5"),
        ({"lam_start": -1.0}, ValueError, "lam_start must be positive and finite, got -1.0"),
        ({"seeds": 0}, ValueError, "seeds must be at least 1, got 0"),
        ({"seeds": []}, ValueError, "seeds must not be empty"),
        ({"seeds": [-1]}, ValueError, "every entry of seeds must be at least 0, got -1"),
        ({"seeds": "12"}, TypeError, "seeds must be a whole number, got '12'"),
        ({"seeds": True}, TypeError, "seeds must be a whole number, got True"),
        ({"penalty": "l2"}, ValueError, "penalty must be one of path_norm, weight_decay, got 'l2'"),
        ({"dtype": "float16"}, ValueError, "dtype must be one of float64, float32, got 'float16'"),
        ({"device": "abacus"}, ValueError, "device 'abacus' is not available"),
    ],
)
def test_bad_arguments_are_named(arguments, error, message):
    with pytest.raises(error, match=message):
        train(*TENT, progress=False, **arguments)


@pytest.mark.parametrize(
    ("X", "Y", "message"),
    [
        ([0.0, 1.0], [0.0, np.nan], "labels are missing"),
        ([0.0, np.inf], [0.0, 1.0], "X holds inf"),
        ([0.0, 1.0], [0.0, 1.0, 2.0], "Y has 3 rows"),
        ([], [], "X is empty"),
    ],
)
def test_bad_data_are_named(X, Y, message):
    with pytest.raises(ValueError, match=message):
        train(X, Y, progress=False)


def test_progress_is_silent_without_a_terminal(capfd):
    train(*TENT, steps=10, progress=True)
    assert capfd.readouterr() == ("", "")


def test_progress_is_shown_on_a_terminal(capfd, monkeypatch):
    for name in ("NO_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("FORCE_COLOR", "1")  # rich then takes the stream for a terminal
    monkeypatch.setenv("TTY_INTERACTIVE", "1")
    monkeypatch.setenv("TERM", "xterm")
    train(*TENT, steps=50, progress=True)
    assert "VV norm" in capfd.readouterr().err
