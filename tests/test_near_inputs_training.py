"""Training where inputs nearly coincide."""

import numpy as np
import pytest

from vvnorm import interpolate, train


def test_nearly_equal_inputs_are_fitted_and_said() -> None:
    x, y = np.array([0, 1, 2, 3, 4, 1 + 1e-9]), np.array([0, 1, 0, 2, 1, 1.0])
    with pytest.warns(RuntimeWarning, match="nearly equal inputs"):
        result = train(x, y, steps=800, progress=False)
    assert any("solved for again" in note for note in result.notes)
    assert np.abs(result.networks[0](x)[:, 0] - y).max() <= 1e-6
    assert interpolate(x, y).value * (1 - 1e-5) <= result.networks[0].vv_norm <= 1.5 * interpolate(x, y).value
