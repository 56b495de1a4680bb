"""Sums over blocks of rows against passes in double-doubles, exact arithmetic, and their own independence of threads."""

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_line_fit import exact_bound, problem

import vvnorm
from vvnorm import ReLUNetwork, random_dataset
from vvnorm._internal import threads
from vvnorm.piecewise import PiecewiseLinear
from vvnorm.testing import networks
from vvnorm.verifier import line_fit, line_fit_blocks
from vvnorm.verifier.check import certify_fit

seeds = st.integers(0, 2**16)


@pytest.fixture
def small_blocks():
    """Blocks of a few rows, whatever the data."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(line_fit_blocks, "_ROWS", (3, 7))
        patch.setattr(line_fit, "are_worth_it", lambda *_: True)
        yield


def entries(*arguments, **options):
    """Certify entry by entry."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(line_fit, "are_worth_it", lambda *_: False)
        return certify_fit(*arguments, **options)


def in_blocks(*arguments, **options):
    """Certify in blocks, and fail if that is not accepted."""

    def refuse(fit):
        raise AssertionError("judged entry by entry")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(line_fit._Fit, "judge", refuse)
        return certify_fit(*arguments, **options)


def assert_close(blocks, exact):
    """Blocks may allow more for rounding, a little, and prove no more than rounding above the other bound."""
    assert blocks.objective == pytest.approx(exact.objective, rel=1e-14)
    assert blocks.loss == pytest.approx(exact.loss, rel=1e-14)
    assert blocks.vv_norm == exact.vv_norm
    assert abs(blocks.gap - exact.gap) <= 1e-12
    assert abs(blocks.lower_bound - exact.lower_bound) <= 1e-12 * exact.objective


@pytest.mark.usefixtures("small_blocks")
@settings(max_examples=12)
@given(networks(inputs=1, outputs=2, max_neurons=6, orders=2), seeds, st.floats(0.01, 30), st.booleans())
def test_bounds_in_blocks_are_those_of_exact_arithmetic(network, seed, lam, repeats):
    x, Y, _ = problem(seed, n=17, names=("squared",) * 2, repeats=repeats)
    x = np.sort(x)
    judged = in_blocks(network, x, Y, lam)
    primal, dual = exact_bound(network, x, Y, lam, np.ones_like(Y))
    assert judged.objective == pytest.approx(float(primal), rel=1e-13)
    assert mpmath.mpf(judged.lower_bound) <= max(dual, 0)
    assert judged.lower_bound == pytest.approx(max(float(dual), 0.0), abs=1e-12 * float(primal))
    assert mpmath.mpf(judged.gap) * primal >= min(primal - dual, primal) * (1 - mpmath.mpf(10) ** -14)


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("shift", [0.0, -3.0, 1e4])
@pytest.mark.parametrize(("n", "T", "share"), [(40, 1, 0.3), (200, 3, 0.01), (90, 40, 0.1)])
def test_fits_in_blocks_have_the_gaps_of_entries(shift, n, T, share):
    data = random_dataset(n, T, np.random.default_rng([n, T]))
    x = data.X[:, 0] + shift
    lam = share * vvnorm.lambda_max(x, data.Y)
    fit = vvnorm.fit(x, data.Y, lam, tol=1e-9)
    knots = PiecewiseLinear(fit.knot_solution.knots, fit.knot_solution.values)
    bent = ReLUNetwork(fit.network.W, fit.network.b, 1.1 * fit.network.V, fit.network.A, fit.network.c)
    for function in (fit.network, knots, bent):
        assert_close(in_blocks(function, x, data.Y, lam), entries(function, x, data.Y, lam))


def test_large_fits_do_not_depend_on_the_number_of_threads(monkeypatch):
    data = random_dataset(9000, 2, np.random.default_rng(0))
    lam = 0.01 * vvnorm.lambda_max(data.X, data.Y)
    network = vvnorm.fit(data.X, data.Y, lam).network
    seen = []
    for number in (1, 2, 5):
        monkeypatch.setattr(threads, "usable_threads", lambda number=number: number)
        seen.append(in_blocks(network, data.X, data.Y, lam).numbers())
    assert seen[0] == seen[1] == seen[2]
    exact = entries(network, data.X, data.Y, lam)
    assert_close(in_blocks(network, data.X, data.Y, lam), exact)
    assert in_blocks(network, data.X, data.Y, lam).complaints(network, data.X, data.Y) == []


@pytest.mark.usefixtures("small_blocks")
def test_responses_between_the_ends_of_blocks_are_not_missed():
    """One row of large misfit in the middle of a block: its response is largest at a row that begins no block."""
    x, Y = np.arange(22.0), np.zeros((22, 1))
    Y[[9, 10, 11]] = [[-1.0], [2.0], [-1.0]]
    flat = PiecewiseLinear([0, 21], [0, 0])
    for lam in (0.5, 0.9, 1.5):
        assert_close(in_blocks(flat, x, Y, lam), entries(flat, x, Y, lam))


@pytest.mark.usefixtures("small_blocks")
def test_entries_decide_where_blocks_lose_digits():
    """Steps from -1e9 to 1 are rounded to 1e-7, far above misfits of 1e-9."""
    rng = np.random.default_rng(1)
    x = np.sort(np.append(rng.uniform(0, 1, 40), -1e9))
    Y = (x + 1e-9 * rng.standard_normal(41))[:, None]
    network = ReLUNetwork(np.empty((0, 1)), np.empty(0), np.empty((1, 0)), [[1.0]], [0.0])
    lam = 1e-12
    judged = certify_fit(network, x, Y, lam)
    assert judged.numbers() == entries(network, x, Y, lam).numbers()
    with pytest.raises(AssertionError, match="entry by entry"):
        in_blocks(network, x, Y, lam)


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("case", ["missing", "order", "weights", "dual", "skip", "large", "one input"])
def test_other_data_are_judged_entry_by_entry(case):
    rng = np.random.default_rng(2)
    x, Y, options = np.sort(rng.uniform(-1, 1, 30)), rng.standard_normal((30, 2)), {}
    network = ReLUNetwork([[1.0]], [0.2], [[1.0], [0.5]])
    if case == "missing":
        Y[3, 1] = np.nan
    elif case == "order":
        x = x[::-1]
    elif case == "weights":
        options["weights"] = rng.uniform(0.5, 2, 30)
    elif case == "dual":
        options["dual"] = Y
    elif case == "skip":
        options["skip"] = False
    elif case == "large":
        Y = Y * 1e60
    else:
        x = np.zeros(30)
    numbers = certify_fit(network, x, Y, 0.3, **options).numbers()
    assert numbers == entries(network, x, Y, 0.3, **options).numbers()
    with pytest.raises(AssertionError, match="entry by entry"):
        in_blocks(network, x, Y, 0.3, **options)


@pytest.mark.parametrize("offset", [1e8, 1e10])
def test_a_common_offset_of_many_labels_does_not_loosen_the_bound(offset):
    """Rounding of rows that are read again grows with the offset; then entries are judged one by one."""
    rng = np.random.default_rng(0)
    x = np.sort(rng.random(1 << 14))
    y = np.sin(7 * x) + 0.1 * rng.standard_normal(len(x)) + offset
    solution = vvnorm.fit(x, y, 1e-3 * vvnorm.lambda_max(x, y))
    assert solution.gap <= 1e-6
    assert solution.verify()
