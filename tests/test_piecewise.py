"""Piecewise linear functions by values: evaluation, cost, errors."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vvnorm import connect_the_dots, random_dataset
from vvnorm.piecewise import PiecewiseLinear


@given(st.integers(2, 12), st.integers(1, 4), st.integers(0, 2**16))
def test_it_is_connect_the_dots_of_its_own_values(n, T, seed):
    data = random_dataset(n, T, np.random.default_rng(seed))
    x = np.sort(data.X[:, 0])
    function = PiecewiseLinear(x, data.Y)
    network = connect_the_dots(x, data.Y)
    where = np.linspace(x[0] - 1, x[-1] + 1, 50)
    scale = 1 + np.abs(function(where)).max()
    np.testing.assert_allclose(function(where), network(where), atol=1e-9 * scale)
    np.testing.assert_array_equal(function(x), data.Y)
    assert function.vv_norm == pytest.approx(network.vv_norm, rel=1e-9, abs=1e-12)
    assert function.n_neurons == n - 2
    assert (function.n_inputs, function.n_outputs) == (1, T)


def test_end_pieces_continue():
    function = PiecewiseLinear([0, 1, 3], [0, 2, 2])
    np.testing.assert_array_equal(function([[-1], [0.5], [2], [9]]), [[-2], [1], [2], [2]])
    assert function.vv_norm == 2
    assert function([]).shape == (0, 1)


def test_it_keeps_read_only_copies():
    knots, values = np.array([0.0, 1.0]), np.zeros((2, 1))
    function = PiecewiseLinear(knots, values)
    knots[0] = 7
    assert function.knots[0] == 0
    with pytest.raises(ValueError, match="read-only"):
        function.values[0] = 1


@pytest.mark.parametrize(
    ("knots", "values", "message"),
    [
        ([0], [0], "two or more, got 1"),
        ([0, 0], [1, 2], r"knot 0 is 0\.0, the next is 0\.0"),
        ([1, 0], [1, 2], "must increase"),
        ([0, 1, 2], [1, 2], "values has 2 rows"),
        ([0, np.nan], [1, 2], "knots holds nan"),
        ([0, 1], [1, np.nan], "values holds nan"),
        (np.zeros((2, 2)), [1, 2], "one list"),
    ],
)
def test_bad_functions_are_refused(knots, values, message):
    with pytest.raises(ValueError, match=message):
        PiecewiseLinear(knots, values)


def test_bad_types_and_inputs_are_refused():
    with pytest.raises(TypeError, match="knots must hold real numbers"):
        PiecewiseLinear(["a", "b"], [1, 2])
    with pytest.raises(ValueError, match="2 columns"):
        PiecewiseLinear([0, 1], [0, 1])(np.zeros((3, 2)))


@pytest.mark.parametrize("q", [1, 1.5, 2, 3])
def test_mean_powers_agree_with_quadrature(q):
    rng = np.random.default_rng(4)
    function = PiecewiseLinear([0, 0.5, 2, 2.25, 4], 1e3 * np.column_stack([rng.standard_normal(5), [1, 1, 1, 0, 1e-9]]))
    where = (np.arange(400_000) + 0.5) / 100_000
    np.testing.assert_allclose(function.mean_power(q), np.mean(np.abs(function(where)) ** q, axis=0), rtol=1e-6)
    assert PiecewiseLinear([0, 1], [0, 0]).mean_power(q) == 0
    assert PiecewiseLinear([0, 1], [1, 1 + 1e-7]).mean_power(q) == pytest.approx(1 + q * 5e-8, rel=1e-13)


@pytest.mark.parametrize("q", [0.5, np.inf, np.nan, "2"])
def test_powers_that_are_none_are_refused(q):
    with pytest.raises(ValueError, match="q must be a finite number of at least 1"):
        PiecewiseLinear([0, 1], [0, 1]).mean_power(q)
