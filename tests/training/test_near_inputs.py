"""Training where inputs nearly coincide."""

import numpy as np
import pytest

from vvnorm import interpolate, train


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
