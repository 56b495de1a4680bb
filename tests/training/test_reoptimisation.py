"""Convex finishing of networks: best weights on given kinks, exact fits, and pruning that keeps its promise."""

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from vvnorm import ReLUNetwork, interpolate
from vvnorm.testing import networks
from vvnorm.training.postprocess import finish
from vvnorm.training.pruning import pruned
from vvnorm.training.reoptimisation import exact_fit, polish

Array = NDArray[np.float64]


def cost(network: ReLUNetwork, penalise_bias: bool = False) -> float:
    inputs = np.column_stack([network.W, network.b]) if penalise_bias else network.W
    return float(np.sum(np.linalg.norm(inputs, axis=1) * np.linalg.norm(network.V, axis=0)))


def residual(network: ReLUNetwork, X: Array, Y: Array) -> float:
    """Largest misfit of an output over half the range of its labels."""
    return float(np.max(np.abs(network(X) - Y) / np.ptp(Y, axis=0)) * 2)


def data(N: int, d: int, T: int, seed: int = 0) -> tuple[Array, Array]:
    rng = np.random.default_rng([N, d, T, seed])
    return rng.standard_normal((N, d)), rng.standard_normal((N, T))


def some_network(X: Array, T: int, K: int, seed: int = 0, *, skip: bool = True) -> ReLUNetwork:
    """Random neurons with kinks near the data."""
    rng = np.random.default_rng([K, seed])
    d = X.shape[1]
    W = rng.standard_normal((K, d))
    at = X[rng.integers(len(X), size=K)] + 0.3 * np.std(X) * rng.standard_normal((K, d))
    A = rng.standard_normal((T, d)) if skip else np.zeros((T, d))
    return ReLUNetwork(W, -np.sum(W * at, axis=1), rng.standard_normal((T, K)), A, rng.standard_normal(T))


# --- polish -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("d", [1, 2, 5])
@pytest.mark.parametrize("T", [1, 5])
@pytest.mark.parametrize("skip", [True, False])
@pytest.mark.parametrize("penalise_bias", [True, False])
def test_objective_never_rises_and_is_optimal(d: int, T: int, skip: bool, penalise_bias: bool) -> None:
    X, Y = data(20, d, T)
    start = some_network(X, T, 30, skip=skip)
    for lam in (1e-6, 1e-2, 1.0, 1e3):
        polished = polish(start, X, Y, lam, skip=skip, penalise_bias=penalise_bias)
        loss = float(np.sum((polished.network(X) - Y) ** 2)) / 2
        assert polished.value_after == pytest.approx(loss + lam * cost(polished.network, penalise_bias), rel=1e-9)
        assert polished.value_after <= polished.value_before * (1 + 1e-12)
        assert polished.value_after - polished.lower_bound <= 1e-8 * polished.value_after
        assert polished.residual == pytest.approx(residual(polished.network, X, Y), rel=1e-9)
        assert skip or not polished.network.A.any()
        again = polish(polished.network, X, Y, lam, skip=skip, penalise_bias=penalise_bias)
        assert again.value_after <= polished.value_after * (1 + 1e-12)
        check_dual(polished.dual, start, X, skip, penalise_bias)


def check_dual(dual: Array, network: ReLUNetwork, X: Array, skip: bool, penalise_bias: bool) -> None:
    inputs = np.column_stack([network.W, network.b]) if penalise_bias else network.W
    hidden = np.maximum(X @ network.W.T + network.b, 0.0) / np.linalg.norm(inputs, axis=1)
    assert np.max(np.linalg.norm(hidden.T @ dual, axis=1)) == pytest.approx(1.0, rel=1e-8)
    affine = np.column_stack([np.ones(len(X)), X])[:, : None if skip else 1]
    np.testing.assert_allclose(affine.T @ dual, 0.0, atol=1e-9 * np.abs(dual).sum() * np.abs(affine).max())


@pytest.mark.parametrize("T", [1, 3])
@pytest.mark.parametrize("x_scale", [1.0, 1e8, 1e-8])
def test_kinks_at_all_data_reach_the_least_cost(T: int, x_scale: float) -> None:
    rng = np.random.default_rng(T)
    x, Y = np.sort(rng.random(15)) * x_scale, rng.standard_normal((15, T)) * 1e6
    t = np.append(x[1:-1], rng.random(40) * x_scale)
    w = rng.choice([-1.0, 1.0], len(t)) * rng.uniform(0.1, 10, len(t))
    start = ReLUNetwork(w[:, None], -w * t, rng.standard_normal((T, len(t))))
    order = rng.permutation(15)
    polished = polish(start, x[order], Y[order])
    exact = interpolate(x, Y)
    assert polished.value_after == pytest.approx(exact.value, rel=1e-8)
    assert polished.lower_bound == pytest.approx(exact.value, rel=1e-8)
    assert polished.residual <= 1e-10
    assert np.sum(polished.dual * Y[order]) == pytest.approx(exact.value, rel=1e-7)
    if T > 1:  # then connect-the-dots is the only minimiser
        assert polished.network.n_neurons == 13


@pytest.mark.parametrize("lam", [0.01, 1.0])
def test_value_is_that_of_a_general_solver(lam: float) -> None:
    import cvxpy as cp

    X, Y = data(15, 2, 2)
    start = some_network(X, 2, 25, skip=False)
    hidden = np.maximum(X @ start.W.T + start.b, 0.0)
    size = np.linalg.norm(np.column_stack([start.W, start.b]), axis=1)
    V, c = cp.Variable((25, 2)), cp.Variable(2)
    misfit = hidden @ V + np.ones((15, 1)) @ cp.reshape(c, (1, 2), order="C") - Y
    objective = cp.sum_squares(misfit) / 2 + lam * (size @ cp.norm(V, 2, axis=1))
    expected = cp.Problem(cp.Minimize(objective)).solve(solver=cp.CLARABEL)
    polished = polish(start, X, Y, lam, skip=False, penalise_bias=True)
    assert polished.value_after == pytest.approx(expected, rel=1e-6)


def test_optimal_network_is_kept() -> None:
    x, Y = np.arange(5.0), np.array([0.0, 1.0, 0.0, 1.0, 3.0])
    exact = interpolate(x, Y).network
    polished = polish(exact, x, Y)
    assert polished.value_after <= polished.value_before
    assert polished.value_after == pytest.approx(exact.vv_norm, rel=1e-12)


def test_kinks_of_zero_weight_are_used_and_idle_ones_are_left_out() -> None:
    x, Y = np.array([0.0, 1.0, 2.0]), np.array([0.0, 0.0, 1.0])
    start = ReLUNetwork([[1.0], [1.0], [1.0]], [-1.0, -0.5, -1.5], [[0.0, 1.0, 1.0]])
    polished = polish(start, x, Y)
    assert polished.value_after == pytest.approx(1.0, rel=1e-8)
    assert polished.residual < 1e-14


def test_repeated_inputs() -> None:
    X, Y = data(10, 2, 2)
    start = some_network(X, 2, 20)
    twice = polish(start, np.vstack([X, X]), np.vstack([Y, Y]))
    assert twice.value_after == pytest.approx(polish(start, X, Y).value_after, rel=1e-7)
    noisy = np.vstack([Y, Y + 1])
    mean = polish(start, X, Y + 0.5, 0.1 / 2)
    spread = noisy - np.vstack([Y, Y]) - 0.5
    both = polish(start, np.vstack([X, X]), noisy, 0.1)
    assert both.value_after == pytest.approx(2 * mean.value_after + np.sum(spread**2) / 2, rel=1e-7)
    assert both.dual.shape == (20, 2)
    for function in (polish, exact_fit):
        with pytest.raises(ValueError, match="labels differ at one input"):
            function(start, np.vstack([X, X]), noisy)


@pytest.mark.parametrize("function", [polish, exact_fit])
def test_kinks_that_cannot_interpolate_are_refused(function) -> None:  # type: ignore[no-untyped-def]
    X, Y = data(12, 2, 1)
    with pytest.raises(ValueError, match=r"5 neurons cannot interpolate .* rank \d, but rank 9"):
        function(some_network(X, 1, 5), X, Y)
    with pytest.raises(ValueError, match="0 neurons"):
        function(ReLUNetwork(np.zeros((0, 2)), [], np.zeros((1, 0))), X, Y)


@pytest.mark.parametrize("lam", [0.0, 0.1])
def test_affine_labels_need_no_neurons(lam: float) -> None:
    X, _ = data(12, 2, 1)
    for rows in (12, 3, 1):
        Y = X[:rows] @ np.array([[1.0], [2.0]]) + 3
        polished = polish(some_network(X, 1, 20), X[:rows], Y, lam)
        assert polished.network.vv_norm == pytest.approx(0.0, abs=1e-12)
        np.testing.assert_allclose(polished.network(X[:rows]), Y, atol=1e-12)


def test_shapes_must_agree() -> None:
    X, Y = data(10, 2, 2)
    with pytest.raises(ValueError, match="the network has 2 inputs and 2 outputs"):
        polish(some_network(X, 2, 5), X, Y[:, :1])


def test_needs_no_torch_itself() -> None:
    code = (
        "import importlib.util, sys; spec = importlib.util.spec_from_file_location('alone', sys.argv[1]); "
        "module = sys.modules['alone'] = importlib.util.module_from_spec(spec); spec.loader.exec_module(module); "
        "print('torch' in sys.modules)"
    )
    file = sys.modules[polish.__module__].__file__
    assert file
    done = subprocess.run([sys.executable, "-c", code, file], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False"]


# --- exact fit --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("d", "T"), [(1, 1), (1, 5), (2, 1), (2, 5), (5, 2)])
@pytest.mark.parametrize(("x_scale", "y_scale"), [(1.0, 1.0), (1e8, 1e6), (1e-8, 1e6)])
@pytest.mark.parametrize("skip", [True, False])
def test_perturbed_interpolant_becomes_exact_at_little_cost(
    d: int, T: int, x_scale: float, y_scale: float, skip: bool
) -> None:
    X, Y = data(16, d, T)
    X, Y = X * x_scale, Y * y_scale
    exact = polish(some_network(X, T, 80, skip=skip), X, Y, skip=skip).network
    rng = np.random.default_rng(0)
    noise = 1 + 1e-6 * rng.standard_normal(exact.V.shape)
    perturbed = ReLUNetwork(exact.W, exact.b, exact.V * noise, exact.A, exact.c)
    assert residual(perturbed, X, Y) > 1e-8
    fitted = exact_fit(perturbed, X, Y, skip=skip)
    assert residual(fitted, X, Y) < 1e-10
    assert cost(fitted) == pytest.approx(cost(exact), rel=1e-4)
    assert skip or not fitted.A.any()


def test_neurons_of_zero_weight_stay_out_unless_needed() -> None:
    X, Y = data(8, 1, 2)
    start = some_network(X, 2, 40)
    V = start.V.copy()
    V[:, 20:] = 0.0
    lean = exact_fit(ReLUNetwork(start.W, start.b, V), X, Y)
    assert lean.n_neurons <= 20
    V[:, 2:] = 0.0
    assert residual(exact_fit(ReLUNetwork(start.W, start.b, V), X, Y), X, Y) < 1e-10


# --- pruning ----------------------------------------------------------------------------------------------------------


def points_in_box(X: Array, n: int = 400) -> Array:
    low, high = X.min(axis=0), X.max(axis=0)
    rng = np.random.default_rng(0)
    inside = low + (high - low) * rng.random((n, X.shape[1]))
    corners = np.where(rng.random((50, X.shape[1])) < 0.5, low, high)
    return np.vstack([inside, corners, X])


def assert_pruned(network: ReLUNetwork, X: Array, Y: Array, tol: float, skip: bool, penalise_bias: bool) -> ReLUNetwork:
    result = pruned(network, X, Y, tol=tol, skip=skip, penalise_bias=penalise_bias)
    at = points_in_box(X)
    unit = float(np.max(np.ptp(Y, axis=0))) / 2
    change = np.max(np.linalg.norm(result(at) - network(at), axis=1))
    hidden = np.maximum(at @ network.W.T + network.b, 0.0).max(axis=0)
    size = float(np.sum(np.abs(network.V) @ hidden))
    size += float(np.max(np.abs(at) @ np.abs(network.A.T) + np.abs(network.c)))
    assert change <= tol * unit + 1e-12 * size
    own = np.ptp(Y, axis=0) / 2
    assert np.max(np.linalg.norm((result(at) - network(at)) / own, axis=1)) <= tol + 1e-12 * size / own.min()
    assert cost(result, penalise_bias) <= cost(network, penalise_bias) * (1 + 1e-12)
    assert skip or np.array_equal(result.A, network.A)
    return result


@settings(max_examples=60)
@given(st.data(), st.integers(1, 3), st.sampled_from([0.0, 1e-3, 0.1, 1.0]), st.booleans(), st.booleans())
def test_pruning_keeps_its_promise_for_degenerate_networks(
    draw: st.DataObject, d: int, tol: float, skip: bool, penalise_bias: bool
) -> None:
    network = draw.draw(networks(inputs=d, max_neurons=8))
    X, Y = data(6, d, network.n_outputs)
    assert_pruned(network, X, Y, tol, skip, penalise_bias)


@pytest.mark.parametrize("d", [1, 2, 5])
@pytest.mark.parametrize("T", [1, 5])
@pytest.mark.parametrize(("x_scale", "y_scale"), [(1.0, 1.0), (1e8, 1e6), (1e-8, 1e6)])
@pytest.mark.parametrize("skip", [True, False])
def test_clusters_are_merged_within_the_tolerance(d: int, T: int, x_scale: float, y_scale: float, skip: bool) -> None:
    X, Y = data(20, d, T)
    few = some_network(X, T, 6, skip=skip)
    rng = np.random.default_rng(0)
    turn = rng.choice([-1.0, 1.0], 60) if skip else np.ones(60)
    W, b = (np.repeat(a, 10, axis=0) for a in (few.W, few.b))
    W, b = (W + 1e-6 * rng.standard_normal(W.shape)) * turn[:, None], (b + 1e-6 * rng.standard_normal(60)) * turn
    V = np.repeat(few.V, 10, axis=1) * rng.random(60)
    network = ReLUNetwork(W / x_scale, b, V * y_scale, few.A * (y_scale / x_scale), few.c * y_scale)
    for penalise_bias in (False, True):
        result = assert_pruned(network, X * x_scale, Y * y_scale, 1e-2, skip, penalise_bias)
        assert result.n_neurons <= 6


def test_outputs_of_small_labels_are_polished_fitted_and_pruned_like_others() -> None:
    X, Y = data(12, 2, 2)
    start, scale = some_network(X, 2, 40), np.array([3e7, 1.0])
    network = ReLUNetwork(start.W, start.b, start.V * scale[:, None], start.A * scale[:, None], start.c * scale)
    for done in (polish(network, X, Y * scale).network, exact_fit(network, X, Y * scale)):
        assert np.all(np.max(np.abs(done(X) - Y * scale), axis=0) < 1e-9 * scale)
        left = assert_pruned(done, X, Y * scale, 1e-3, True, False)
        assert np.all(np.max(np.abs(left(X) - Y * scale), axis=0) < 1e-2 * scale)


@pytest.mark.parametrize("penalise_bias", [False, True])
@pytest.mark.parametrize("stages", [{}, {"polish": True}, {"exact": True}], ids=["alone", "polish", "exact"])
def test_trained_networks_are_balanced_after_every_stage(stages: dict[str, Any], penalise_bias: bool) -> None:
    X, Y = data(8, 1, 2)
    asked = {"polish": False, "prune": 1e-3, "exact": False} | stages
    start = some_network(X, 2, 30)
    (network,), _, notes = finish([start], X, Y, np.array([0.01]), True, penalise_bias, interpolate=False, **asked)
    assert notes == ()
    assert network.n_neurons > 0
    np.testing.assert_allclose(np.linalg.norm(network.W, axis=1), np.linalg.norm(network.V, axis=0), rtol=1e-12)


def test_random_networks_lose_more_neurons_as_the_tolerance_grows() -> None:
    X, Y = data(30, 2, 3)
    network = some_network(X, 3, 60)
    counts = [assert_pruned(network, X, Y, tol, True, False).n_neurons for tol in (0.0, 0.1, 1.0, 10.0, 1e3)]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] >= 55
    assert counts[-1] == 0


def test_neurons_that_do_not_bend_in_the_box_cost_nothing() -> None:
    X, Y = np.array([[0.0], [1.0]]), np.array([[0.0], [1.0]])
    network = ReLUNetwork([[1.0], [1.0], [-1.0], [-1.0]], [1.0, -2.0, 3.0, -4.0], [[1.0, 2.0, 3.0, 4.0]])
    assert pruned(network, X, Y, tol=0.0).n_neurons == 0
    left = pruned(network, X, Y, tol=0.0, skip=False)
    assert sorted(left.b.tolist()) == [1.0, 3.0]
    for tol in (-1.0, np.nan, np.inf):
        with pytest.raises(ValueError, match="tol must be"):
            pruned(network, X, Y, tol=tol)
