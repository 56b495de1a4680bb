"""Many runs in one call, mini-batches, checkpoints, interruptions, divergence and early stops."""

import resource
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from functools import cache

import numpy as np
import pytest
import torch
from sklearn.linear_model import MultiTaskLasso

from vvnorm import interpolate, train
from vvnorm._internal.files import read_npz
from vvnorm.solvers.reference import dictionary_program
from vvnorm.training import checkpoint as checkpoints
from vvnorm.training import loop as engine

OPTIMISERS = ("adam", "sgd", "lbfgs", "proximal")


def jittered(n, T, seed=0, d=1):
    rng = np.random.default_rng(seed)
    x = (np.arange(n) + rng.uniform(-0.3, 0.3, n)) / (n - 1) if d == 1 else rng.standard_normal((n, d))
    return x, rng.standard_normal((n, T))


def same(first, second):
    """Whether two networks are equal to the last bit."""
    return all(np.array_equal(getattr(first, name), getattr(second, name)) for name in ("W", "b", "V", "A", "c"))


def assert_same_results(first, second):
    assert len(first.networks) == len(second.networks)
    assert all(same(*pair) for pair in zip(first.networks, second.networks, strict=True))
    assert first.history.keys() == second.history.keys()
    for name, values in first.history.items():
        np.testing.assert_array_equal(values, second.history[name], err_msg=name)
    assert first.settings["stopped"] == second.settings["stopped"]
    assert first.notes == second.notes


# --- several learning rates, lam and seeds in one call ----------------------------------------------------------------


def test_runs_are_ordered_by_learning_rate_then_lam_then_seed():
    x, Y = jittered(6, 2)
    result = train(x, Y, lr=[0.02, 0.01], lam=[1e-3, 1e-1, 1e-2], seeds=[4, 0], steps=30, progress=False)
    assert result.lrs.tolist() == np.repeat([0.02, 0.01], 6).tolist()
    assert result.lams.tolist() == np.tile(np.repeat([1e-3, 1e-1, 1e-2], 2), 2).tolist()
    assert result.seeds == (4, 0) * 6
    assert len(result.networks) == len(result.costs) == len(result.objectives) == 12
    for name in ("lam", "loss", "vv_norm", "gap", "excess"):
        assert result.history[name].shape == (31, 12)
    np.testing.assert_allclose(result.history["lam"][-1], result.lams)
    assert result.finish["trained"].shape == (12,)
    with pytest.raises(ValueError, match=r"the networks have different lam \(0.001 to 0.1\)"):
        result.lam  # noqa: B018
    least = np.flatnonzero(result.lams == 1e-3)
    assert result.best is result.networks[least[np.argmin(result.objectives[least])]]


def test_one_lam_is_the_lam_of_all():
    result = train(*jittered(6, 2), lr=[0.02, 0.01], lam=[1e-3], seeds=2, steps=5, progress=False)
    assert result.lam == 1e-3
    assert result.lams.tolist() == [1e-3] * 4


@pytest.mark.parametrize(("optimizer", "d", "batch_size"), [
    ("adam", 1, None), ("adam", 2, None), ("adam", 1, 4), ("sgd", 1, None), ("sgd", 2, 3), ("lbfgs", 1, None),
    ("lbfgs", 2, None), ("proximal", 1, None), ("proximal", 2, None),
])  # fmt: skip
def test_a_run_alone_is_what_it_is_among_others(optimizer, d, batch_size):
    x, Y = jittered(7, 3, d=d)
    lam_max = train(x, Y, steps=1, progress=False).settings["lam_max"]
    lams = [0.5 * lam_max, 0.01 * lam_max]  # the larger one is not lowered
    rates = [None] if optimizer == "lbfgs" else [0.02, 0.013]
    fixed = {"width": 5, "steps": 60, "optimizer": optimizer, "batch_size": batch_size, "progress": False}
    together = train(x, Y, lr=None if optimizer == "lbfgs" else rates, lam=lams, seeds=[3, 8, 5], **fixed)
    for index in (1, len(together.networks) - 1):  # the last one once was rounded otherwise
        lr, lam, seed = together.lrs[index], together.lams[index], together.seeds[index]
        alone = train(x, Y, lr=None if optimizer == "lbfgs" else lr, lam=lam, seeds=[seed], **fixed)
        assert same(alone.networks[0], together.networks[index])
        for name in ("lam", "loss", "vv_norm", "gap", "excess"):
            np.testing.assert_allclose(alone.history[name][:, 0], together.history[name][:, index], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("optimizer", "d", "dtype", "steps"), [
    ("adam", 1, "float64", 100), ("adam", 2, "float64", 60), ("adam", 1, "float32", 60), ("proximal", 1, "float64", 60),
    ("proximal", 2, "float64", 60),
])  # fmt: skip
def test_a_run_alone_is_what_it_is_in_a_batch_of_64(optimizer, d, dtype, steps):
    x, Y = jittered(6, 3, d=d)
    fixed = {"width": 15, "steps": steps, "optimizer": optimizer, "dtype": dtype, "progress": False}
    many = train(x, Y, seeds=64, **fixed)
    for seed in (7, 63):
        assert same(train(x, Y, seeds=[seed], **fixed).networks[0], many.networks[seed])


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ["adam", "proximal"])
@pytest.mark.parametrize("d", [1, 2])
def test_a_run_alone_is_what_it_is_in_a_batch_of_64_with_all_defaults(optimizer, d):
    x, Y = jittered(12, 3, d=d)
    many = train(x, Y, seeds=64, optimizer=optimizer, progress=False)
    assert same(train(x, Y, seeds=[7], optimizer=optimizer, progress=False).networks[0], many.networks[7])


def test_seeds_fix_starts_and_mini_batches():
    x, Y = jittered(9, 2)
    first, second = (train(x, Y, seeds=[1, 2, 1], steps=20, batch_size=4, progress=False) for _ in range(2))
    assert_same_results(first, second)
    assert same(first.networks[0], first.networks[2])
    assert not same(first.networks[0], first.networks[1])


def test_torch_threads_are_given_back_and_do_not_matter():
    x, Y = jittered(6, 2)
    before, results = torch.get_num_threads(), []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            results.append(train(x, Y, seeds=2, steps=30, progress=False))
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    assert_same_results(*results)


# --- mini-batches -----------------------------------------------------------------------------------------------------


@cache
def many_points(d):
    rng = np.random.default_rng(d)
    X = rng.uniform(-1, 1, (20000, d))
    noise = 0.1 * rng.standard_normal((20000, 2))
    truth = np.column_stack([np.abs(X[:, 0]) + np.maximum(X.sum(axis=1), 0.3), np.sin(3 * X[:, 0])])
    lam = 0.01 * train(X, truth + noise, width=2, steps=1, progress=False).settings["lam_max"]
    return X, truth + noise, np.sum(noise**2) / 2, lam


@cache
def lasso_objective():
    """Objective of the best network with 30 given kinks, by scikit-learn: an upper bound on the optimum.

    With hidden = B R, B orthonormal, loss and penalty depend on B.T rest alone, up to a constant: 30 rows, not 20000.
    """
    X, Y, _, lam = many_points(1)
    Q = np.linalg.qr(np.column_stack([np.ones(len(X)), X]))[0]
    hidden = np.maximum(X - np.linspace(-1, 1, 32)[1:-1], 0.0)
    hidden, rest = hidden - Q @ (Q.T @ hidden), Y - Q @ (Q.T @ Y)
    B, R = np.linalg.qr(hidden)
    V = MultiTaskLasso(alpha=lam / len(R), fit_intercept=False, tol=1e-3, max_iter=2000).fit(R, B.T @ rest).coef_.T
    return np.sum((rest - hidden @ V) ** 2) / 2 + lam * np.linalg.norm(V, axis=1).sum()


@pytest.mark.parametrize(("d", "optimizer", "most"), [(1, "adam", 1.04), (1, "sgd", 1.10), (3, "adam", None)])
def test_mini_batches_of_many_noisy_points(d, optimizer, most):
    X, Y, noise, lam = many_points(d)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    result = train(X, Y, seeds=2, lam=lam, optimizer=optimizer, width=48, steps=300, progress=False)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500_000  # kB; N x N would be 3 GB
    assert result.settings["batch_size"] == 1024
    assert result.settings["whitened_steps"] == 0
    assert result.notes == ()
    loss = result.history["loss"]
    assert loss.shape == (21, 2)
    assert np.all(loss[-1] < 0.15 * loss[0])
    assert np.all(loss[-1] > 0.99 * noise)
    assert np.all(loss[-1] < 1.35 * noise)
    np.testing.assert_allclose(loss[-1], [np.sum((f(X) - Y) ** 2) / 2 for f in result.networks], rtol=1e-9)
    if most is not None:
        assert np.all(result.objectives > 0.98 * lasso_objective())
        assert np.all(result.objectives < most * lasso_objective())


def test_default_batches():
    rng = np.random.default_rng(0)
    x, y = rng.random(2001), rng.standard_normal(2001)
    fixed = {"width": 4, "steps": 2, "progress": False}
    assert train(x, y, **fixed).settings["batch_size"] == 1024
    assert train(x[1:], y[1:], **fixed).settings["batch_size"] is None
    assert train(np.tile(x[1:], 2), np.tile(y[1:], 2), **fixed).settings["batch_size"] is None  # distinct points count
    assert train(x, y, optimizer="proximal", **fixed).settings["batch_size"] is None
    assert train(x, y, batch_size=5000, **fixed).settings["batch_size"] is None
    assert train(x[:50], y[:50], batch_size=7, **fixed).settings["batch_size"] == 7


def test_sgd_with_mini_batches_does_not_diverge_by_default():
    rng = np.random.default_rng(0)
    x = rng.standard_normal(5000)
    y = np.abs(x) + 0.1 * rng.standard_normal(5000)
    result = train(x, y, optimizer="sgd", steps=30, seeds=2, progress=False)
    assert result.notes == ()
    assert result.settings["width"] >= 500
    assert result.lrs.tolist() == [1 / result.settings["width"]] * 2
    assert np.all(result.history["loss"][-1] < 0.3 * result.history["loss"][0])


def test_mini_batches_weigh_repeated_points_by_their_number():
    # With A and c free the best fit of weighted labels at two points each is their weighted mean, apart from lam.
    x = np.repeat([0.0, 1.0, 2.0], [30, 10, 10])
    y = np.array([0.0] * 30 + [1.0] * 10 + [0.0] * 10)
    optimum = dictionary_program(x, y, [[1.0]], [-1.0], lam=0.5).value
    result = train(x, y, lam=0.5, batch_size=2, steps=800, width=8, seeds=2, progress=False)
    np.testing.assert_allclose(result.objectives, optimum, rtol=0.02)


# --- checkpoints ------------------------------------------------------------------------------------------------------


class Killed(BaseException):
    """Stands for the end of the process."""


def interrupted(monkeypatch, at, act, x, Y, **options):
    """Train with a state saved every seven steps, and act before the given step."""
    advance, asked = engine.TrainingLoop.advance, []

    def advance_or_act(self):
        if self.step == at:
            act()
        advance(self)

    def due(self):
        asked.append(self)
        return self.path is not None and len(asked) % 7 == 1

    with monkeypatch.context() as patch:
        patch.setattr(engine.TrainingLoop, "advance", advance_or_act)
        patch.setattr(checkpoints.Checkpoint, "due", due)
        train(x, Y, **options)


def kill():
    raise Killed


# Saved before the first step, in the first phase and in an epoch, and in the second phase; 48 is between the phases.
@pytest.mark.parametrize(("options", "at"), [
    ({}, 0), ({}, 29), ({}, 55), ({"penalty": "weight_decay"}, 48), ({"penalty": "weight_decay"}, 55),
    ({"seeds": [5]}, 29), ({"lr": [0.02, 0.01], "lam": [1e-4, 1e-2], "seeds": 1}, 55), ({"dtype": "float32"}, 29),
    ({"optimizer": "sgd"}, 29),
    ({"optimizer": "lbfgs"}, 55), ({"optimizer": "proximal"}, 55),
    ({"batch_size": 4}, 29), ({"optimizer": "sgd", "batch_size": 3}, 29),
    # The second phase, above, has all that the first has.
    *(pytest.param({"optimizer": name}, 29, marks=pytest.mark.slow) for name in ("lbfgs", "proximal")),
    ({"optimizer": "lbfgs", "schedule": [(0, 1e-2), (29, 1e-4)]}, 29),
])  # fmt: skip
def test_a_killed_run_goes_on_to_the_same_networks(options, at, monkeypatch, tmp_path):
    x, Y = jittered(9, 2)
    options = {"seeds": 3, "width": 13, "steps": 60, "progress": False} | options
    path = tmp_path / "state.npz"
    with pytest.raises(Killed):
        interrupted(monkeypatch, at, kill, x, Y, checkpoint=path, **options)
    assert at - 7 <= read_npz(path)["step"] <= at
    resumed = train(x, Y, checkpoint=path, **options)
    assert_same_results(resumed, train(x, Y, **options))
    assert [file.name for file in tmp_path.iterdir()] == ["state.npz"]


def test_a_run_killed_twice_and_stopped_early_in_part(monkeypatch, tmp_path):
    x, Y = jittered(7, 2)
    options = {"seeds": 4, "steps": 600, "stop_gap": 0.1, "progress": False}
    path = tmp_path / "state.npz"
    whole = train(x, Y, **options)
    stops = sorted(whole.settings["stopped"])
    assert 0 < stops[0] < stops[-1]
    for at in (30, stops[-1] - 1):  # some runs have stopped by then
        with pytest.raises(Killed):
            interrupted(monkeypatch, at, kill, x, Y, checkpoint=path, **options)
    assert_same_results(train(x, Y, checkpoint=path, **options), whole)


@pytest.fixture
def ctrl_c():
    """Ctrl-C interrupts, also where whoever began the tests ignores it, as a shell does for what it runs behind."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_saves_the_state_of_that_step(monkeypatch, tmp_path):
    x, Y = jittered(7, 2)
    options = {"seeds": 2, "steps": 80, "progress": False}
    path, handler = tmp_path / "state.npz", signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        interrupted(monkeypatch, 38, lambda: signal.raise_signal(signal.SIGINT), x, Y, checkpoint=path, **options)
    assert signal.getsignal(signal.SIGINT) is handler
    assert read_npz(path)["step"] == 39  # the step was not cut in two
    assert_same_results(train(x, Y, checkpoint=path, **options), train(x, Y, **options))
    with pytest.raises(KeyboardInterrupt):  # without a checkpoint it is as ever
        interrupted(monkeypatch, 38, lambda: signal.raise_signal(signal.SIGINT), x, Y, **options)
    assert signal.getsignal(signal.SIGINT) is handler


def test_ctrl_c_in_the_last_step_loses_nothing(monkeypatch, tmp_path):
    x, Y = jittered(7, 2)
    options = {"steps": 20, "progress": False}
    path = tmp_path / "state.npz"
    with suppress(KeyboardInterrupt):
        interrupted(monkeypatch, 19, lambda: signal.raise_signal(signal.SIGINT), x, Y, checkpoint=path, **options)
    assert read_npz(path)["step"] == 20
    assert_same_results(train(x, Y, checkpoint=path, **options), train(x, Y, **options))


@cache
def uninterrupted():
    x, Y = jittered(9, 2)
    return train(x, Y, seeds=3, steps=400, progress=False)


# From step 200 on the child waits in each step: a busy machine sends the signal late, and after the end nothing is left
# to interrupt.
CHILD = """
import numpy as np, signal, sys, time
from vvnorm import train
from vvnorm.training.loop import TrainingLoop
advance = TrainingLoop.advance
def advance_and_wait(loop):
    time.sleep(0.2 * (loop.step >= 200))
    advance(loop)
TrainingLoop.advance = advance_and_wait
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell in the background hands down that it is ignored
rng = np.random.default_rng(0)
x = (np.arange(9) + rng.uniform(-0.3, 0.3, 9)) / 8
train(x, rng.standard_normal((9, 2)), seeds=3, steps=400, checkpoint=sys.argv[1], checkpoint_seconds=0, progress=False)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_process_ended_by_a_signal_goes_on_to_the_same_networks(number, tmp_path):
    path = tmp_path / "state.npz"
    child = subprocess.Popen([sys.executable, "-c", CHILD, str(path)], stderr=subprocess.PIPE)
    try:
        while child.poll() is None and not (path.exists() and read_npz(path)["step"] >= 10):
            time.sleep(0.02)
        child.send_signal(number)
        error = child.communicate(timeout=60)[1].decode()
    finally:
        child.kill()
        child.wait()
    assert child.returncode == -number, error
    assert ("KeyboardInterrupt" in error) == (number == signal.SIGINT)
    assert 10 <= read_npz(path)["step"] < 400  # whole, whenever the signal came
    x, Y = jittered(9, 2)
    assert_same_results(train(x, Y, seeds=3, steps=400, checkpoint=path, progress=False), uninterrupted())


def test_a_finished_run_comes_back_at_once(monkeypatch, tmp_path):
    x, Y = jittered(7, 2)
    options = {"seeds": 2, "steps": 60, "checkpoint": tmp_path / "state.npz", "progress": False}
    first = train(x, Y, **options)
    monkeypatch.setattr(engine.TrainingLoop, "advance", kill)
    assert_same_results(train(x, Y, **options), first)
    polished = train(x, Y, polish=True, **options)  # what follows training is no part of the state
    np.testing.assert_array_equal(polished.finish["trained"], first.finish["trained"])
    assert list(polished.finish) == ["trained", "polished"]


def test_checkpoints_are_of_one_run_only(tmp_path):
    x, Y = jittered(7, 2)
    options = {"seeds": 2, "steps": 10, "lam": 1e-3, "checkpoint": tmp_path / "state.npz", "progress": False}
    train(x, Y, **options)
    before = options["checkpoint"].read_bytes()
    message = r"checkpoint '.*state.npz' is of other data or settings; delete it or name another file"
    for change in (
        {"seeds": 3}, {"seeds": [0, 2]}, {"steps": 11}, {"lam": 2e-3}, {"lr": 0.01}, {"width": 7}, {"optimizer": "sgd"},
        {"penalty": "weight_decay"}, {"initialisation": "torch"}, {"schedule": "constant"}, {"lam_start": 0.1},
        {"batch_size": 3}, {"skip": False}, {"penalise_bias": True}, {"stop_gap": 0.1}, {"dtype": "float32"},
        {"lam": None, "schedule": [(0, 1e-3)]},
    ):  # fmt: skip
        with pytest.raises(ValueError, match=message):
            train(x, Y, **(options | change))
    for X_changed, Y_changed in ((x + 1e-9, Y), (x, -Y), (x[:, None], Y[::-1]), (x[1:], Y[1:])):
        with pytest.raises(ValueError, match=message):
            train(X_changed, Y_changed, **options)
    assert options["checkpoint"].read_bytes() == before
    pairs = {"lam": None, "checkpoint": tmp_path / "pairs.npz", "schedule": [(0, 1e-2), (5, 1e-3)]}
    train(x, Y, **(options | pairs))
    with pytest.raises(ValueError, match="is of other data or settings"):
        train(x, Y, **(options | pairs | {"schedule": [(0, 1e-2), (6, 1e-3)]}))


def test_damaged_checkpoints_are_refused(tmp_path):
    x, Y = jittered(7, 2)
    path = tmp_path / "state.npz"
    options = {"seeds": 2, "steps": 10, "checkpoint": path, "progress": False}
    train(x, Y, **options)
    whole = path.read_bytes()
    for damaged in (whole[: len(whole) // 2], b"", b"not an archive", whole[:200] + bytes(50) + whole[250:]):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"state.npz' is not a whole NPZ file"):
            train(x, Y, **options)
        assert path.read_bytes() == damaged
    np.savez(path, step=3)
    with pytest.raises(ValueError, match="is of other data or settings"):
        train(x, Y, **options)
    path.unlink()
    path.mkdir()
    with pytest.raises(ValueError, match=r"cannot read .*state.npz"):
        train(x, Y, **options)


def test_a_checkpoint_is_whole_or_the_one_before(monkeypatch, tmp_path):
    x, Y = jittered(7, 2)
    path = tmp_path / "state.npz"
    options = {"seeds": 2, "steps": 60, "checkpoint": path, "checkpoint_seconds": 0, "progress": False}
    with pytest.raises(Killed):
        interrupted(monkeypatch, 30, kill, x, Y, **options)
    before = path.read_bytes()

    def half(stream, **arrays):
        stream.write(before[:500])
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(np, "savez", half)
        with pytest.raises(Killed):
            train(x, Y, **options)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["state.npz"]
    del options["checkpoint"]
    assert_same_results(train(x, Y, checkpoint=path, **options), train(x, Y, **options))


def test_checkpoints_are_not_written_too_often(monkeypatch, tmp_path):
    saves = []
    monkeypatch.setattr(checkpoints.Checkpoint, "save", lambda self, state: saves.append(int(state["step"])))
    train(*jittered(7, 2), steps=50, checkpoint=tmp_path / "state.npz", progress=False)
    assert saves == [50]


def test_checkpoints_work_outside_the_main_thread(tmp_path):
    results = []
    options = {"steps": 20, "progress": False}
    thread = threading.Thread(
        target=lambda: results.append(train(*jittered(7, 2), checkpoint=tmp_path / "state.npz", **options))
    )
    thread.start()
    thread.join()
    assert_same_results(results[0], train(*jittered(7, 2), **options))


# --- divergence -------------------------------------------------------------------------------------------------------


def test_divergence_is_said_and_harms_nobody_else():
    x, Y = jittered(8, 2)
    fixed = {"seeds": [3, 5], "optimizer": "sgd", "steps": 200, "progress": False}
    with pytest.warns(RuntimeWarning, match=r"seed [35] diverged by step \d+ \(lr = 1e\+06, ") as caught:
        result = train(x, Y, lr=[0.05, 1e6, 0.02], **fixed)
    assert [str(warning.message) for warning in caught] == list(result.notes)
    assert len(result.notes) == 2
    for note, seed in zip(result.notes, (3, 5), strict=True):
        assert note.startswith(f"seed {seed} diverged by step ")
        assert note.endswith("its last good state is kept")
        for part in ("lr = 1e+06", "optimizer = sgd", f"lam = {result.lam:.3g}", "width = 64", "dtype = float64"):
            assert part in note
    calm = train(x, Y, lr=[0.05, 0.02], **fixed)
    start = train(x, Y, lr=1e-300, **fixed)
    for index, other in ((0, calm.networks[0]), (1, calm.networks[1]), (4, calm.networks[2]), (5, calm.networks[3]),
                         (2, start.networks[0]), (3, start.networks[1])):  # fmt: skip
        assert same(result.networks[index], other)
    for values in result.history.values():
        assert np.isfinite(values).all()
    np.testing.assert_array_equal(result.history["loss"][:, [0, 1, 4, 5]], calm.history["loss"])
    np.testing.assert_array_equal(result.history["loss"][-1, 2:4], start.history["loss"][-1])


@pytest.mark.parametrize(("optimizer", "value"), [("adam", np.nan), ("proximal", np.inf), ("lbfgs", -1e9)])
def test_the_last_good_state_is_kept(optimizer, value, monkeypatch):
    x, Y = jittered(8, 2)
    options = {"seeds": 3, "steps": 130, "optimizer": optimizer, "progress": False}
    advance, kept = engine.TrainingLoop.advance, []

    def advance_and_break(self):
        if self.step == 75:
            kept.append(self.objective.flat[1].clone())
        advance(self)
        if self.step == 81:
            self.objective.flat[1, 4] = value
        if self.step == 130:
            kept.append(self.kept[0][1].clone())

    with monkeypatch.context() as patch:
        patch.setattr(engine.TrainingLoop, "advance", advance_and_break)
        with pytest.warns(RuntimeWarning, match="seed 1 diverged by step 81 "):
            broken = train(x, Y, **options)
    whole = train(x, Y, **options)
    torch.testing.assert_close(kept[0], kept[1], rtol=0, atol=0)
    assert same(broken.networks[0], whole.networks[0])
    assert same(broken.networks[2], whole.networks[2])
    assert np.isfinite(broken.networks[1](x)).all()
    for name in ("loss", "vv_norm", "gap", "excess"):
        assert np.isfinite(broken.history[name]).all()
        at = int(np.flatnonzero(whole.history["step"] == 75)[0])
        np.testing.assert_allclose(broken.history[name][-1, 1], whole.history[name][at, 1], rtol=1e-9)
        np.testing.assert_array_equal(broken.history[name][:, [0, 2]], whole.history[name][:, [0, 2]])


def test_a_diverged_run_is_resumed_as_such(monkeypatch, tmp_path):
    x, Y = jittered(8, 2)
    options = {"lr": [0.05, 1e6], "optimizer": "sgd", "steps": 60, "progress": False}
    path = tmp_path / "state.npz"
    with pytest.raises(Killed):
        interrupted(monkeypatch, 40, kill, x, Y, checkpoint=path, **options)
    with pytest.warns(RuntimeWarning, match="diverged"):
        resumed = train(x, Y, checkpoint=path, **options)
    with pytest.warns(RuntimeWarning, match="diverged"):
        whole = train(x, Y, **options)
    assert_same_results(resumed, whole)


def test_a_call_ends_when_all_its_runs_have_diverged():
    with pytest.warns(RuntimeWarning, match="diverged"):
        result = train(*jittered(8, 2), lr=1e6, optimizer="sgd", steps=100000, progress=False)
    assert result.history["step"][-1] < 100
    assert np.isfinite(result.objectives).all()


# --- early stops, gaps and excesses -----------------------------------------------------------------------------------


def test_runs_stop_at_the_gap_each_for_itself():
    x, Y = jittered(8, 2)
    options = {"steps": 1000, "stop_gap": 0.03, "progress": False}
    result = train(x, Y, seeds=5, **options)
    steps, gaps = result.history["step"], result.history["gap"]
    assert len(set(result.settings["stopped"])) > 1
    assert steps[-1] == max(result.settings["stopped"]) + 1 < 1000
    for run, step in enumerate(result.settings["stopped"]):
        at = int(np.flatnonzero(steps == step)[0])
        assert np.all(gaps[:at, run] > 0.03)
        assert np.all(gaps[at:, run] == gaps[at, run])
        assert gaps[at, run] <= 0.03
        assert np.all(result.history["loss"][at:, run] == result.history["loss"][at, run])
    least = interpolate(x, Y).value
    for network, certificate in zip(result.networks, result.certificates(), strict=True):
        assert network.vv_norm < 1.04 * least
        assert abs(certificate.gap) < 0.04
        assert certificate.relative_residual < 0.02
    for run in (0, 3):
        alone = train(x, Y, seeds=[run], **options)
        assert same(alone.networks[0], result.networks[run])
        assert alone.settings["stopped"] == [result.settings["stopped"][run]]


def test_no_run_stops_unless_asked_or_out_of_reach():
    x, Y = jittered(8, 2)
    for options in ({}, {"stop_gap": 1e-12}, {"stop_gap": 0.5, "lam": 0.0}):
        result = train(x, Y, seeds=2, steps=60, progress=False, **options)
        assert result.settings["stopped"] == [-1, -1]
        assert result.history["step"][-1] == 60


def test_estimated_gaps_stop_runs_of_several_inputs():
    x, Y = jittered(10, 2, d=2)
    result = train(x, Y, seeds=3, steps=1500, stop_gap=0.1, progress=False)
    assert min(result.settings["stopped"]) > 0
    assert np.all(result.history["gap"][-1] <= 0.1)
    assert np.all(np.isnan(result.history["excess"]))


@pytest.mark.parametrize("options", [{"schedule": "constant"}, {"optimizer": "proximal"}, {"penalty": "weight_decay"}])
def test_gaps_of_one_input_are_proved(options):
    x, Y = jittered(8, 2)
    lam = 0.02 * train(x, Y, steps=1, progress=False).settings["lam_max"]
    optimum = dictionary_program(x, Y, np.ones((6, 1)), -x[1:-1], lam=lam).value
    history = train(x, Y, lam=lam, seeds=3, steps=500, progress=False, **options).history
    objective = history["loss"] + lam * history["vv_norm"]
    assert np.all(objective * (1 - history["gap"]) <= optimum * (1 + 1e-7))
    assert np.all(objective >= optimum * (1 - 1e-7))
    assert np.all(history["gap"][-1] < 0.05)  # not only true
    bound = objective * (1 - history["gap"])
    assert np.all(np.diff(bound, axis=0) >= -1e-12 * optimum)


def test_gaps_close_for_labels_with_straight_pieces():
    x = np.linspace(-1, 1, 60)
    y = np.column_stack([np.abs(x - 0.3), np.maximum(x, -0.5)])
    result = train(x, y, lam=1e-4, seeds=2, steps=1500, stop_gap=0.01, progress=False)
    assert min(result.settings["stopped"]) > 0
    optimum = interpolate(x, y).value
    np.testing.assert_allclose([network.vv_norm for network in result.networks], optimum, rtol=0.02)


@pytest.mark.parametrize("penalty", ["path_norm", "weight_decay"])
def test_excess_is_that_over_the_least_norm_of_the_fitted_values(penalty):
    x, Y = jittered(8, 2)
    result = train(x, Y, seeds=3, steps=100, penalty=penalty, progress=False)
    for run, network in enumerate(result.networks):
        excess = network.vv_norm / interpolate(x, network(x)).value - 1
        assert result.history["excess"][-1, run] == pytest.approx(excess, abs=1e-9)
    assert np.all(result.history["excess"] > 0)


@pytest.mark.parametrize("options", [{"skip": False}, {"penalise_bias": True}])
def test_excess_is_not_known_in_other_conventions(options):
    history = train(*jittered(6, 2), seeds=2, steps=20, progress=False, **options).history
    assert np.isnan(history["excess"]).all()
    assert np.isfinite(history["gap"]).all()
