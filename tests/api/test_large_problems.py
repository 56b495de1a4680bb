"""Certificates of many points of several inputs: valid bounds from part of the rows and from norms."""

import numpy as np
import pytest

from vvnorm import ReLUNetwork, certify, fit, interpolate
from vvnorm.api import large_problems
from vvnorm.verifier import budget
from vvnorm.verifier.check import certify_fit, judge
from vvnorm.verifier.neuron_bound import neuron_bound, ray_bound


def waves(n, d, T, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, d))
    return X, np.maximum(X @ rng.standard_normal((d, 5)), 0) @ rng.standard_normal((5, T)) + 0.1 * rng.standard_normal(
        (n, T)
    )


@pytest.mark.parametrize(("n", "d", "T"), [(12, 2, 1), (10, 3, 2), (8, 4, 12)])
@pytest.mark.parametrize("bound", [neuron_bound, ray_bound])
@pytest.mark.parametrize("free", [True, False])
def test_the_bound_by_norms_is_above_the_largest_response(monkeypatch, n, d, T, bound, free):
    X, L = waves(n, d, T)
    L = L - L.mean(axis=0) if free else L
    exact = bound(X, L)
    monkeypatch.setattr(budget, "MOST_POINTS", {2: 0, 3: 0})
    coarse = bound(X, L)
    assert exact * (1 - 1e-6) <= coarse
    if d > 2:
        assert coarse > 1.01 * exact


@pytest.mark.parametrize("skip", [True, False])
def test_rows_of_zeros_are_left_out_of_the_bound(skip):
    """A fit of some rows proves the same bound for all rows, and no more than the optimum of all."""
    X, Y = waves(30, 2, 2)
    part = fit(X[:12], Y[:12], 0.5, skip=skip)
    whole = fit(X, Y, 0.5, skip=skip)
    dual = np.zeros_like(Y)
    dual[:12] = part.dual
    judged = certify_fit(whole.network, X, Y, 0.5, dual=dual, skip=skip)
    assert judged.lower_bound == pytest.approx(part.lower_bound, rel=1e-6)
    assert 0 < judged.lower_bound <= whole.value
    assert judged.complaints(whole.network, X, Y, tol=1) == []


def test_rows_of_zeros_are_left_out_of_interpolation():
    X, Y = waves(16, 2, 1)
    part, whole = interpolate(X[:7], Y[:7]), interpolate(X, Y)
    dual = np.zeros_like(Y)
    dual[:7] = part.certificate.dual
    judged = judge(whole.network, X, Y, dual=dual)
    assert judged.lower_bound == pytest.approx(part.lower_bound, rel=1e-6)
    assert judged.lower_bound <= whole.value
    assert judged.dual[7:].any() == 0
    assert judged.complaints(whole.network, X, Y, tol=1) == []


@pytest.mark.parametrize("lam", [0.0, 20.0, 1e5])
@pytest.mark.parametrize("missing", [False, True])
def test_many_points_get_a_bound(monkeypatch, lam, missing):
    X, Y = waves(4300, 4, 3)
    if missing:
        Y[np.random.default_rng(1).random(Y.shape) < 0.2] = np.nan
    monkeypatch.setattr(large_problems, "MOST_ROWS", 2100)
    network = ReLUNetwork(np.eye(4), np.zeros(4), np.ones((3, 4)))
    judged = certify(network, X, Y, lam=lam) if lam else certify(network, X, Y)
    assert judged.lower_bound > 0
    assert judged.complaints(network, X, Y, tol=np.inf) == []
    if lam:
        zero = ReLUNetwork(np.empty((0, 4)), np.empty(0), np.empty((3, 0)))
        objectives = [certify_fit(f, X, Y, lam, dual=np.zeros_like(Y)).objective for f in (zero, network)]
        assert judged.lower_bound <= min(objectives)
