"""Training where inputs nearly coincide."""

import numpy as np
import pytest

from vvnorm import Task, interpolate, train, train_tasks
from vvnorm.training.near_inputs import merge_near


def test_nearly_equal_inputs_are_fitted_and_said() -> None:
    x, y = np.array([0, 1, 2, 3, 4, 1 + 1e-9]), np.array([0, 1, 0, 2, 1, 1.0])
    with pytest.warns(RuntimeWarning, match="where inputs nearly coincide"):
        result = train(x, y, steps=800, progress=False)
    assert any("solved for again" in note for note in result.notes)
    assert np.abs(result.networks[0](x)[:, 0] - y).max() <= 1e-6
    assert interpolate(x, y).value * (1 - 1e-5) <= result.networks[0].vv_norm <= 1.5 * interpolate(x, y).value


@pytest.mark.parametrize("apart", [1e-6, 1e-5])
def test_what_training_cannot_fit_between_nearly_equal_inputs_is_said(apart: float) -> None:
    x, y = np.array([0, 1, 2, 3, 4, 1 + apart]), np.array([0, 1, 0, 2, 1, -1.0])
    with pytest.warns(RuntimeWarning, match="misses a label by .* half ranges"):
        result = train(x, y, seeds=2, steps=400, progress=False)
    for index, network in enumerate(result.networks):
        off = np.abs(network(x)[:, 0] - y).max() / 1.5  # half the labels' range
        (note,) = (note for note in result.notes if note.startswith(f"network {index} "))
        assert ("still misses" in note) == (off > 0.01)


def test_a_brief_run_on_ordinary_inputs_is_no_matter_of_their_distance() -> None:
    assert train([0, 1, 2, 3, 4], [0, 1, 0, 2, 1], steps=1, progress=False).notes == ()


def test_tasks_with_the_same_labels_at_nearly_equal_inputs_are_trained_as_one() -> None:
    """Two samples 1e-9 apart: the second task has a label at one of them only."""
    x = np.array([0, 1, 2, 3, 4, 1 + 1e-9])
    y, classes = np.array([0, 1, 0, 2, 1, 1.0]), np.array([0, np.nan, 1, 0, 1, 1.0])
    tasks = [Task("size", (0,)), Task("kind", (1,), "logistic")]
    weights = np.column_stack([[1, 2, 1, 1, 1, 3.0], np.ones(6)])
    options = {"lam": 1e-3, "steps": 300, "progress": False}
    with pytest.warns(RuntimeWarning, match="6 samples were trained as 5"):
        result = train_tasks(x, np.column_stack([y, classes]), tasks, weights=weights, **options)
    merged, labels = weights[:5].copy(), np.column_stack([y, classes])[:5]
    merged[1], labels[1] = [5, 1], [1, 1]
    apart = train_tasks(x[:5], labels, tasks, weights=merged, **options)
    np.testing.assert_array_equal(result.losses, apart.losses)
    assert result.X.shape == (6, 1)  # the data are the caller's
    assert result.certificates(progress=False)[0].objective == pytest.approx(
        apart.certificates(progress=False)[0].objective
    )


def test_labels_that_differ_are_not_merged_and_said() -> None:
    x, y = np.array([0, 1, 2, 3, 4, 1 + 1e-9]), np.array([0, 1, 0, 2, 1, 1.5])
    with pytest.warns(RuntimeWarning, match="misses a label by .*, where inputs nearly coincide"):
        result = train_tasks(x, y, lam=0, steps=20, progress=False)
    assert len(result.notes) == 1


def test_points_are_merged_into_one_that_is_near_all_of_them() -> None:
    """Equal labels along a chain of near points, longer than the distance below which points are merged."""
    x = np.array([*np.linspace(0, 1e-5, 101), 1.0])[:, None]
    Y = np.column_stack([np.arange(102) > 100, np.where(np.arange(102) == 7, 1.0, np.nan)]).astype(float)
    points, labels, weights = merge_near(x, Y, ~np.isnan(Y) * 2.0)
    near = 3e-5 / 102
    assert len(points) < 50
    assert np.min(np.diff(points[:, 0])) > near
    assert np.max(np.min(np.abs(x - points.T), axis=1)) < near
    np.testing.assert_array_equal(weights.sum(axis=0), [204, 2])
    np.testing.assert_array_equal(labels[:, 0], np.arange(len(points)) == len(points) - 1)
    assert np.nansum(labels[:, 1]) == 1
