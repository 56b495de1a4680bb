"""The table of docs/conventions.md: other libraries' objectives are vvnorm's, up to the factor stated there."""

import warnings

import cvxpy as cp
import numpy as np
import pytest
import torch

from benchmarks.multivariate import all_gates, scnn_network
from vvnorm import ReLUNetwork, fit
from vvnorm.training import ReLUModule
from vvnorm.training.reoptimisation import polish

N, D, T, K = 9, 2, 3, 5


@pytest.fixture
def data(rng):
    return rng.standard_normal((N, D)), rng.standard_normal((N, T))


def objective(network, X, Y, lam):
    """Return vvnorm's objective, with weight decay as it is, not minimised over rescalings."""
    return np.sum((network(X) - Y) ** 2) / 2 + lam / 2 * (np.sum(network.W**2) + np.sum(network.V**2))


@pytest.mark.parametrize(("reduction", "factor"), [("sum", 1.0), ("mean", N * T / 2)])
def test_torch_weight_decay(data, rng, reduction, factor):
    X, Y = (torch.from_numpy(values) for values in data)
    wd, loss_unit = 0.3, 0.5 if reduction == "sum" else 1.0
    module = ReLUModule.from_network(
        ReLUNetwork(rng.standard_normal((K, D)), rng.standard_normal(K), rng.standard_normal((T, K)))
    )
    decayed = [module.hidden.weight, module.output.weight]
    ours = torch.autograd.grad(
        (module(X) - Y).square().sum() / 2 + factor * wd / 2 * sum(p.square().sum() for p in decayed), decayed
    )
    before = [p.detach().clone() for p in decayed]
    step = 1e-3
    sgd = torch.optim.SGD(decayed, lr=step, weight_decay=wd)
    (torch.nn.MSELoss(reduction=reduction)(module(X), Y) * loss_unit).backward()
    sgd.step()
    for parameter, start, gradient in zip(decayed, before, ours, strict=True):
        torch.testing.assert_close((start - parameter.detach()) / step * factor, gradient, rtol=1e-9, atol=1e-9)


def test_sklearn_mlp_regressor(data):
    from sklearn.neural_network import MLPRegressor

    X, Y = data
    alpha = 0.2
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it need not converge
        mlp = MLPRegressor(hidden_layer_sizes=(K,), alpha=alpha, solver="lbfgs", max_iter=30, random_state=0).fit(X, Y)
    network = ReLUNetwork(mlp.coefs_[0].T, mlp.intercepts_[0], mlp.coefs_[1].T, c=mlp.intercepts_[1])
    assert objective(network, X, Y, alpha * T) / (N * T) == pytest.approx(mlp.loss_, rel=1e-9)


def test_sklearn_multi_task_lasso_on_hidden_features(data, rng):
    from sklearn.linear_model import MultiTaskLasso

    X, Y = data
    W, b = rng.standard_normal((K, D)), rng.standard_normal(K)
    W /= np.linalg.norm(W, axis=1, keepdims=True)
    alpha = 0.05
    lasso = MultiTaskLasso(alpha=alpha, tol=1e-12, max_iter=100_000).fit(np.maximum(X @ W.T + b, 0), Y)
    theirs = ReLUNetwork(W, b, lasso.coef_, c=lasso.intercept_)
    ours = polish(ReLUNetwork(W, b, np.ones((T, K))), X, Y, alpha * N, skip=False).network
    np.testing.assert_allclose(ours(X), theirs(X), atol=1e-6)
    assert ours.vv_norm == pytest.approx(theirs.vv_norm, rel=1e-5)


@pytest.fixture
def scnn_case(rng):
    """Inputs, one label, and scnn's strength of regularisation."""
    X = rng.uniform(-1, 2, (7, D))
    return X, np.sin(3 * X[:, :1]) + 0.3 * rng.standard_normal((7, 1)), 0.01


def as_scnn(X, y, a, unitize):
    """Return vvnorm's fit, and for scnn: its matrix, the lengths that its columns had, and labels."""
    n, lifted = len(X), np.column_stack([X, np.ones(len(X))])
    lengths = np.linalg.norm(lifted, axis=0) if unitize else np.ones(D + 1)
    scale, lam = (lengths[:D] / np.sqrt(n), a * n**1.5) if unitize else (1.0, a * n)
    ours = fit(X / scale, y, lam, skip=False, penalise_bias=True)
    assert ours.verify()
    return ours, lifted / lengths, lengths, y - ours.network.c


@pytest.mark.parametrize("unitize", [False, True])
def test_the_program_that_scnn_solves(scnn_case, unitize):
    X, y, a = scnn_case
    ours, Z, _, target = as_scnn(X, y, a, unitize)
    patterns = np.column_stack([X, np.ones(len(X))]) @ all_gates(X) > 0
    U, V = (cp.Variable((patterns.shape[1], D + 1)) for _ in range(2))
    cones = [cp.multiply(2.0 * patterns - 1, Z @ part.T) >= 0 for part in (U, V)]
    misfit = cp.sum(cp.multiply(patterns.astype(float), Z @ (U - V).T), axis=1) - target[:, 0]
    size = cp.sum(cp.norm(U, 2, axis=1)) + cp.sum(cp.norm(V, 2, axis=1))
    program = cp.Problem(cp.Minimize(cp.sum_squares(misfit) / (2 * len(X)) + a * size), cones)
    program.solve(solver=cp.CLARABEL)
    assert program.value * len(X) == pytest.approx(ours.value, rel=1e-5)


@pytest.mark.parametrize("unitize", [False, True])
def test_scnn_itself(scnn_case, unitize):
    pytest.importorskip("scnn", reason="pyscnn is not installed")
    X, y, a = scnn_case
    ours, Z, lengths, target = as_scnn(X, y, a, unitize)
    gates = all_gates(X) * lengths[:, None]  # they act on the scaled columns
    W, v = scnn_network("SCS", Z * lengths, target, a, gates, unitize)
    misfit = np.maximum(Z @ (W * lengths).T, 0) @ v - target[:, 0]
    objective = misfit @ misfit / 2 + len(X) * a * np.linalg.norm(W * lengths, axis=1) @ np.abs(v)
    assert objective == pytest.approx(ours.value, rel=1e-5)


def test_bias_inside_the_norm():
    network = ReLUNetwork([[3.0, 0.0], [0.0, 1.0]], [4.0, 0.0], [[2.0, 1.0]])
    assert network.vv_norm_with_bias == 5 * 2 + 1
    assert network.vv_norm == 3 * 2 + 1
