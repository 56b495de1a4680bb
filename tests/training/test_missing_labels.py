"""Training with missing labels: the loss is over those there are, everything else as with all labels."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch

from vvnorm import fit, interpolate, train
from vvnorm.training import TrainingResult
from vvnorm.training.placement import as_placement
from vvnorm.training.regression_model import plain_metric
from vvnorm.training.regression_problem import make_problem
from vvnorm.training.reoptimisation import polish
from vvnorm.validation import Array


def gappy_data(inputs: int) -> tuple[Array, Array]:
    """Three outputs labelled at different points, and one point without any label."""
    rng = np.random.default_rng(0)
    X = rng.random((10, inputs))
    Y = np.column_stack([np.abs(X[:, 0] - 0.5), np.sin(5 * X[:, -1]), X[:, 0] ** 2])
    Y[::3, 0], Y[1::4, 1], Y[2] = np.nan, np.nan, np.nan
    return X, Y


@pytest.mark.parametrize("inputs", [1, 2])
def test_polished_networks_are_near_the_certified_optimum_of_the_labels_there_are(inputs: int) -> None:
    X, Y = gappy_data(inputs)
    result = train(X, Y, lam=0.02, seeds=2, steps=400, polish=True, progress=False)
    assert isinstance(result, TrainingResult)
    best = fit(X, Y, 0.02)
    for network, objective, judged in zip(result.networks, result.objectives, result.certificates(), strict=True):
        assert objective == pytest.approx(np.nansum((network(X) - Y) ** 2) / 2 + 0.02 * network.vv_norm, rel=1e-12)
        assert judged.objective == pytest.approx(objective, rel=1e-12)
        assert judged.lower_bound == pytest.approx(best.value, rel=1e-6)
        assert judged.gap < 2e-3
    assert np.all(result.finish["polished"] > 0)


@pytest.mark.parametrize("polished", [False, True])
def test_exact_networks_interpolate_the_labels_there_are(polished: bool) -> None:
    X, Y = gappy_data(2)
    result = train(X, Y, steps=300, exact=True, polish=polished, progress=False)
    assert result.settings["judged_as"] == "interpolant"
    assert np.nanmax(np.abs(result.best(X) - Y)) <= 1e-10
    (judged,) = result.certificates()
    assert judged.lower_bound == pytest.approx(interpolate(X, Y).value, rel=1e-4)
    assert 0 <= judged.gap < (0.01 if polished else 0.2)


@pytest.mark.parametrize("lam", [0.0, 0.02])
def test_polish_is_optimal_over_the_kinks(lam: float) -> None:
    X, Y = gappy_data(2)
    network = train(X, Y, lam=0.02, steps=50, progress=False).best
    polished = polish(network, X, Y, lam)
    assert polished.value_after == pytest.approx(polished.lower_bound, rel=1e-6)
    assert polished.dual[np.isnan(Y)].tolist() == [0.0] * int(np.isnan(Y).sum())
    assert (polished.residual < 1e-8) == (lam == 0)
    assert polished.value_after <= polished.value_before or lam == 0


@pytest.mark.parametrize("options", [{"batch_size": 4, "optimizer": "sgd"}, {"skip": False}, {"penalise_bias": True}])
def test_the_gradient_trained_network_comes_near_without_any_solver(options: dict[str, object]) -> None:
    X, Y = gappy_data(1)
    result = train(X, Y, lam=0.02, steps=1500, progress=False, **options)
    (judged,) = result.certificates()
    assert 0 <= judged.gap < 0.06


def test_labels_that_are_hidden_change_nothing() -> None:
    X, Y = gappy_data(2)
    shown = np.isfinite(Y)
    problem = make_problem(X, Y, skip=True)
    assert len(problem.z) == len(X) - 1  # a point without a label is none
    assert problem.counts.sum() == shown.sum()
    plain = train(X, Y, lam=0.1, steps=20, progress=False).best
    masked = train(X, np.ma.array(np.where(shown, Y, 7.0), mask=~shown), lam=0.1, steps=20, progress=False).best
    np.testing.assert_array_equal(plain.V, masked.V)
    every = make_problem(X[:2], Y[:2, 1:][:, :1] * 0 + 1.0, skip=True)
    assert every.complete


def test_the_metric_of_labels_that_are_all_there_is_that_of_one_output_alone() -> None:
    X, Y = gappy_data(1)
    both = make_problem(X, Y[:, 1:], skip=True)
    rows = np.isfinite(Y[:, 1])
    alone = make_problem(X[rows], Y[rows, 1:2], skip=True)
    values = np.random.default_rng(0).standard_normal((len(both.z), 2))
    kept = both.counts[:, 0] > 0
    np.testing.assert_allclose(both.projected(values)[kept, :1], alone.projected(values[kept, :1]), atol=1e-12)
    assert not both.projected(values)[~kept, 0].any()
    scale = np.array([0.7, 2.0])
    metric = plain_metric(both, scale, as_placement("float64", "cpu"))
    by_values = metric(torch.from_numpy(np.stack([values, values]))).numpy()
    np.testing.assert_allclose(by_values, scale[:, None, None] * both.projected(values), atol=1e-12)


def test_a_checkpoint_goes_on_where_labels_are_missing(tmp_path: Path) -> None:
    X, Y = gappy_data(1)
    options = {"lam": 0.05, "steps": 60, "checkpoint": tmp_path / "state.npz", "progress": False}
    first = train(X, Y, **options).best
    again = train(X, Y, **options).best  # from the end
    np.testing.assert_array_equal(first.V, again.V)
    with pytest.raises(ValueError, match="is of other data"):
        train(X, np.where(np.isnan(Y), 0.0, Y), **options)


def test_kinks_that_cannot_interpolate_are_said_with_the_points_that_have_labels() -> None:
    X, Y = gappy_data(2)
    with pytest.warns(RuntimeWarning, match=re.escape("cannot interpolate these")):
        train(X, Y, width=2, steps=5, exact=True, progress=False)


def test_certificates_within_a_limit_of_time_are_valid_and_weaker() -> None:
    rng = np.random.default_rng(1)
    X, Y = rng.random((30, 3)), rng.random((30, 2))
    result = train(X, Y, lam=0.01, seeds=2, steps=30, progress=False)
    for limited, sure in zip(result.certificates(time_limit=0.05), result.certificates(time_limit=20), strict=True):
        assert limited.lower_bound <= sure.objective
        assert limited.objective == sure.objective
        assert sure.gap <= limited.gap
    with pytest.raises(ValueError, match="time_limit"):
        result.certificates(time_limit=-1)
