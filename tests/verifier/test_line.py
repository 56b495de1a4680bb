"""The verifier against exact arithmetic, against forgery, and at the ends of float64."""

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from vvnorm import Certificate, ReLUNetwork, certify, connect_the_dots, interpolate, random_dataset
from vvnorm.datasets import Dataset
from vvnorm.solvers.reference import DictionarySolution, dictionary_program, plane_dictionary
from vvnorm.testing import interpolating_networks, networks, univariate_datasets
from vvnorm.verifier import arithmetic, line
from vvnorm.verifier.space import judge_interpolant

Array = NDArray[np.float64]
Row = list[Fraction]
NUMBERS = ("residual", "relative_residual", "vv_norm", "lower_bound", "gap", "excess", "distance", "distance_bound")


# --- exact arithmetic -------------------------------------------------------------------------------------------------


def fractions(rows: Array) -> list[Row]:
    return [[Fraction(value) for value in row] for row in np.asarray(rows, dtype=float).tolist()]


def square(row: Row) -> Fraction:
    return sum((value * value for value in row), Fraction(0))


def root(value: Fraction) -> mpmath.mpf:
    with mpmath.workdps(60):
        return mpmath.sqrt(mpmath.mpf(value.numerator) / value.denominator)


def curvatures(x: Row, Y: list[Row]) -> list[Row]:
    slopes = [[(q - p) / (x[i + 1] - x[i]) for p, q in zip(Y[i], Y[i + 1], strict=True)] for i in range(len(x) - 1)]
    return [[q - p for p, q in zip(slopes[i], slopes[i + 1], strict=True)] for i in range(len(slopes) - 1)]


def least_cost(x: Row, Y: list[Row]) -> mpmath.mpf:
    """R(D) to 60 digits."""
    with mpmath.workdps(60):
        return mpmath.fsum(root(square(delta)) for delta in curvatures(x, Y))


@dataclass
class Exact:
    """A one-input network and data in fractions."""

    network: ReLUNetwork
    x: Row
    Y: list[Row]

    def value(self, t: Fraction) -> Row:
        net = self.network
        out = [Fraction(a) * t + Fraction(c) for a, c in zip(net.A[:, 0].tolist(), net.c.tolist(), strict=True)]
        for w, b, v in zip(net.W[:, 0].tolist(), net.b.tolist(), fractions(net.V.T), strict=True):
            hidden = max(Fraction(w) * t + Fraction(b), Fraction(0))
            out = [o + vt * hidden for o, vt in zip(out, v, strict=True)]
        return out

    def dots(self, t: Fraction) -> Row:
        i = max(j for j in range(len(self.x) - 1) if self.x[j] <= t)
        tau = (t - self.x[i]) / (self.x[i + 1] - self.x[i])
        return [p + tau * (q - p) for p, q in zip(self.Y[i], self.Y[i + 1], strict=True)]

    def off(self, t: Fraction, target: Row) -> Fraction:
        return square([p - q for p, q in zip(self.value(t), target, strict=True)])

    @property
    def residual(self) -> mpmath.mpf:
        return root(max(self.off(t, y) for t, y in zip(self.x, self.Y, strict=True)))

    @property
    def worst(self) -> Row:
        """Largest misfit of each output."""
        off = ([abs(p - q) for p, q in zip(self.value(t), y, strict=True)] for t, y in zip(self.x, self.Y, strict=True))
        return [max(column) for column in zip(*off, strict=True)]

    @property
    def distance(self) -> mpmath.mpf:
        pairs = zip(self.network.W[:, 0].tolist(), self.network.b.tolist(), strict=True)
        kinks = [-Fraction(b) / Fraction(w) for w, b in pairs if w]
        inside = [t for t in kinks if self.x[0] <= t <= self.x[-1]]
        return root(max(self.off(t, self.dots(t)) for t in [*self.x, *inside]))

    @property
    def cost(self) -> mpmath.mpf:
        with mpmath.workdps(60):
            parts = zip(self.network.W[:, 0].tolist(), fractions(self.network.V.T), strict=True)
            return mpmath.fsum(abs(mpmath.mpf(w)) * root(square(v)) for w, v in parts)

    @property
    def fit_cost(self) -> mpmath.mpf:
        """The least cost of the network's own values at the data."""
        return least_cost(self.x, [self.value(t) for t in self.x])


def integers(seed: int, n: int, T: int, K: int) -> tuple[ReLUNetwork, Array, Array]:
    """A network and data of small integers: kinks outside, at and between data points, neurons of either sign and none."""
    rng = np.random.default_rng([seed, n, T, K])
    x = np.sort(rng.choice(np.arange(-12, 13), n, replace=False)).astype(float)
    network = ReLUNetwork(
        rng.integers(-3, 4, (K, 1)), rng.integers(-20, 21, K), rng.integers(-4, 5, (T, K)),
        rng.integers(-2, 3, (T, 1)), rng.integers(-5, 6, T),
    )  # fmt: skip
    return network, x, rng.integers(-6, 7, (n, T)).astype(float)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(("n", "T", "K"), [(2, 1, 3), (3, 2, 0), (5, 1, 1), (6, 3, 8), (12, 2, 30), (20, 4, 12)])
def test_every_number_agrees_with_exact_arithmetic(seed: int, n: int, T: int, K: int) -> None:
    network, x, Y = integers(seed, n, T, K)
    exact = Exact(network, [Fraction(v) for v in x.tolist()], fractions(Y))
    judged = certify(network, x, Y)
    least = least_cost(exact.x, exact.Y)
    assert judged.residual == pytest.approx(float(exact.residual), rel=1e-14)
    assert judged.vv_norm == pytest.approx(float(exact.cost), rel=1e-14)
    assert judged.distance == pytest.approx(float(exact.distance), rel=1e-14)
    halves = [(max(y) - min(y)) / 2 for y in zip(*exact.Y, strict=True)]
    units = [half or min(abs(y), max(halves)) or max(halves) for half, y in zip(halves, exact.Y[0], strict=True)]
    if all(units):
        assert judged.relative_residual == pytest.approx(
            float(max(map(Fraction.__truediv__, exact.worst, units))), rel=1e-14
        )
    assert mpmath.mpf(judged.lower_bound) <= least
    assert judged.lower_bound == pytest.approx(float(least), rel=1e-13)
    if judged.vv_norm:
        assert judged.gap == pytest.approx(1 - float(least / exact.cost), abs=1e-12 * (1 + float(least / exact.cost)))
    # No dual certificate proves more for the network's own fit than that costs at least.
    assert mpmath.mpf(judged.excess) >= exact.cost - exact.fit_cost - mpmath.mpf(10) ** -40
    assert judged.distance <= judged.distance_bound
    assert judged.complaints(network, x, Y, tol=math.inf) == []


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("n", "T"), [(4, 1), (9, 2), (25, 5)])
def test_connect_the_dots_is_proved_optimal_to_the_last_digits(seed: int, n: int, T: int) -> None:
    data = random_dataset(n, T, np.random.default_rng([seed, n, T]))
    network = connect_the_dots(data.X, data.Y)
    judged = certify(network, data.X, data.Y)
    assert judged.complaints(network, data.X, data.Y, tol=1e-12) == []
    exact = least_cost([Fraction(v) for v in data.X[:, 0].tolist()], fractions(data.Y))
    assert mpmath.mpf(judged.lower_bound) <= exact
    assert judged.lower_bound == pytest.approx(float(exact), rel=1e-12)


@pytest.mark.parametrize("w", [1.0, -1.0, 2.5, -0.1, 0.0])
@pytest.mark.parametrize("kink", [-7.0, 0.0, 0.7, 1.0, 3.0, 9.0])
def test_one_neuron_wherever_it_bends(w: float, kink: float) -> None:
    x, Y = np.array([0.0, 1.0, 3.0]), np.array([[1.0, 0.0], [0.0, 0.0], [2.0, 1.0]])
    network = ReLUNetwork([[w]], [-w * kink], [[1.0], [-2.0]], [[0.5], [0.0]], [0.0, 1.0])
    exact = Exact(network, [Fraction(v) for v in x.tolist()], fractions(Y))
    judged = certify(network, x, Y)
    assert judged.residual == pytest.approx(float(exact.residual), rel=1e-14)
    assert judged.distance == pytest.approx(float(exact.distance), rel=1e-14)
    assert judged.vv_norm == pytest.approx(abs(w) * math.sqrt(5), rel=1e-15)


@pytest.mark.parametrize("seed", range(5))
def test_distance_is_the_largest_on_a_dense_grid_and_at_the_kinks(seed: int) -> None:
    rng = np.random.default_rng(seed)
    data = random_dataset(9, 2, rng)
    K = 20
    network = ReLUNetwork(rng.standard_normal((K, 1)), rng.standard_normal(K), rng.standard_normal((2, K)))
    x = data.X[:, 0]
    t = np.concatenate([np.linspace(x[0], x[-1], 5000), x, network.kinks[0]])
    t = t[(t >= x[0]) & (t <= x[-1])]
    off = np.linalg.norm(network(t) - interpolate(data.X, data.Y)(t), axis=1)
    assert certify(network, data.X, data.Y).distance == pytest.approx(off.max(), rel=1e-12)


# --- weak duality: any array is a certificate -------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("size", [1e-3, 1.0, 1e6, 1e200])
def test_no_dual_array_proves_more_than_the_least_cost(seed: int, size: float) -> None:
    rng = np.random.default_rng(seed)
    n, T = int(rng.integers(2, 12)), int(rng.integers(1, 4))
    data = random_dataset(n, T, rng)
    dual = size * rng.standard_normal((n, T))  # ends are not zero
    if seed % 2:
        # Nearly optimal directions, each of another length above 1.
        good = certify(connect_the_dots(data.X, data.Y), data.X, data.Y).dual
        dual = size * np.asarray(good) * rng.uniform(0.9, 2, (n, 1)) + 1e-3 * size * rng.standard_normal((n, T))
    network = connect_the_dots(data.X, data.Y)
    least = least_cost([Fraction(v) for v in data.X[:, 0].tolist()], fractions(data.Y))
    judged = certify(network, data.X, data.Y, dual=dual)
    assert 0 <= mpmath.mpf(judged.lower_bound) <= least
    assert judged.distance <= judged.distance_bound
    used = np.asarray(judged.dual[0:n])
    assert not used[[0, -1]].any()
    assert judged.complaints(network, data.X, data.Y, tol=math.inf) == []


@given(univariate_datasets(max_points=8), st.integers(0, 1000), st.integers(-30, 30))
def test_no_dual_array_proves_more_than_the_least_cost_at_any_scale(data: Dataset, seed: int, order: int) -> None:
    dual = 10.0**order * np.random.default_rng(seed).standard_normal(data.Y.shape)
    x = [Fraction(v) for v in data.X[:, 0].tolist()]
    network = connect_the_dots(data.X, data.Y)
    assert mpmath.mpf(certify(network, data.X, data.Y, dual=dual).lower_bound) <= least_cost(x, fractions(data.Y))
    assert mpmath.mpf(certify(network, data.X, data.Y).lower_bound) <= least_cost(x, fractions(data.Y))


@pytest.mark.parametrize("dtype", [np.int64, np.int32, np.int8, np.uint8, np.float32, bool])
def test_a_dual_of_another_number_type_is_not_followed_in_its_arithmetic(dtype: type) -> None:
    # In int64 the square of 2^32 is 0: the array would pass for one of norm 0 and prove 2^33.
    largest = (
        1.0 if dtype is bool else float(min(2**32, np.finfo(dtype).max if dtype is np.float32 else np.iinfo(dtype).max))
    )
    dual = np.array([[0], [largest], [0]]).astype(dtype)
    network = connect_the_dots([0, 1, 2], [0, -1, 0])
    for skip in (True, False):
        assert certify(network, [0, 1, 2], [0, -1, 0], dual=dual, skip=skip).lower_bound == pytest.approx(2, rel=1e-13)
        assert certify(network, [0, 1, 2], [0, -1, 0], dual=Lazy(dual), skip=skip).lower_bound <= 2


class Lazy:
    """Rows on demand, of whatever type."""

    def __init__(self, rows: NDArray[np.generic]) -> None:
        self._rows, self.shape = rows, rows.shape

    def __getitem__(self, rows: slice) -> NDArray[np.generic]:
        return self._rows[rows]


def test_a_lazy_dual_and_a_list_are_as_good_as_an_array() -> None:
    network, x, Y = integers(0, 9, 2, 5)
    dual = np.random.default_rng(0).standard_normal((9, 2))
    for ends in (1.0, 0.0):
        dual[[0, -1]] *= ends
        whole = certify(network, x, Y, dual=dual).numbers()
        assert certify(network, x, Y, dual=Lazy(dual)).numbers() == whole
        assert certify(network, x, Y, dual=dual.tolist()).numbers() == whole


def test_the_callers_dual_is_not_changed() -> None:
    network, x, Y = integers(0, 9, 2, 5)
    dual = np.random.default_rng(0).standard_normal((9, 2))
    before = dual.copy()
    certify(network, x, Y, dual=dual)
    np.testing.assert_array_equal(dual, before)


@pytest.mark.parametrize("seed", range(10))
def test_without_skip_connection_no_dual_array_proves_more_than_the_least_cost(seed: int) -> None:
    rng = np.random.default_rng(seed)
    data = random_dataset(6, 2, rng)
    best = interpolate(data.X, data.Y, skip=False)
    for size in (0.3, 1.0, 5.0):
        for dual in (
            size * rng.standard_normal((6, 2)),
            np.asarray(best.certificate.dual[0:6]) * size * rng.uniform(1, 2, (6, 1)),
        ):
            judged = certify(best.network, data.X, data.Y, dual=dual, skip=False)
            assert judged.lower_bound <= best.value * (1 + 1e-12)
            assert math.isnan(judged.distance_bound)


@given(univariate_datasets(max_points=8, orders=6), st.data(), st.integers(0, 1000))
def test_missing_labels_only_weaken_the_bound(data: Dataset, drawn: st.DataObject, seed: int) -> None:
    rng = np.random.default_rng(seed)
    missing = rng.random(data.Y.shape) < 0.3
    missing[rng.integers(len(missing))] = False  # no output without a label
    Y = np.where(missing, np.nan, data.Y)
    network = drawn.draw(interpolating_networks(data))
    dual = None if seed % 2 else 3 * rng.standard_normal(Y.shape)
    judged = certify(network, data.X, Y, dual=dual)
    least = least_cost([Fraction(v) for v in data.X[:, 0].tolist()], fractions(data.Y))
    assert mpmath.mpf(judged.lower_bound) <= least
    assert math.isnan(judged.distance) == bool(np.isnan(Y).any())


# --- forgery ----------------------------------------------------------------------------------------------------------


def honest() -> tuple[Certificate, ReLUNetwork, Array, Array]:
    """A certificate none of whose numbers is 0."""
    network, x, Y = integers(3, 8, 2, 6)
    judged = certify(network, x, Y)
    assert all(math.isfinite(value) and abs(value) > 0.1 for name, value in judged.numbers().items() if name in NUMBERS)
    return judged, network, x, Y


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("factor", [1 + 1e-6, 1 - 1e-6, 0.0, -1.0, math.inf, math.nan])
def test_every_recorded_number_is_checked(name: str, factor: float) -> None:
    judged, network, x, Y = honest()
    assert judged.complaints(network, x, Y, tol=math.inf) == []
    forged = replace(judged, **{name: getattr(judged, name) * factor})
    complaints = forged.complaints(network, x, Y, tol=math.inf)
    assert len(complaints) == 1
    assert complaints[0].startswith(f"{name} is recorded as")


def test_a_forged_cost_does_not_loosen_the_comparison_of_the_other_numbers() -> None:
    judged, network, x, Y = honest()
    for cost in (math.inf, 1e300):
        forged = replace(judged, vv_norm=cost, lower_bound=1e9, excess=0.0)
        complaints = [words.split()[0] for words in forged.complaints(network, x, Y, tol=math.inf)]
        assert complaints == ["vv_norm", "lower_bound", "excess"]


def test_the_numbers_are_all_there_is() -> None:
    judged, *_ = honest()
    assert set(judged.numbers()) == {*NUMBERS, "skip", "penalise_bias"}
    assert judged.numbers()["gap"] == judged.gap


def changed(array: Array, place: int, amount: float = 1e-3) -> Array:
    copy = np.array(array)
    copy.flat[place] += amount
    return copy


@pytest.mark.parametrize("name", ["W", "b", "V", "A", "c"])
def test_another_network_is_noticed(name: str) -> None:
    data = random_dataset(6, 2, 1)
    solution = interpolate(data.X, data.Y)
    other = replace(solution.network, **{name: changed(getattr(solution.network, name), 0)})
    assert solution.certificate.complaints(solution.network, data.X, data.Y) == []
    assert solution.certificate.complaints(other, data.X, data.Y)


def test_other_data_are_noticed() -> None:
    data = random_dataset(6, 2, 1)
    solution = interpolate(data.X, data.Y)
    complaints = solution.certificate.complaints
    for place in range(6):
        assert complaints(solution.network, changed(data.X, place), data.Y)
        assert complaints(solution.network, data.X, changed(data.Y, place))
    assert complaints(solution.network, data.X[:-1], data.Y[:-1])
    assert complaints(solution.network, data.X, data.Y[:, :1])
    assert complaints(solution.network, data.X, data.Y[:, ::-1])
    assert complaints(solution.network, np.append(data.X, 2.0), np.vstack([data.Y, [0.0, 0.0]]))


def test_another_dual_is_noticed() -> None:
    data = random_dataset(6, 2, 1)
    solution = interpolate(data.X, data.Y)
    dual = np.asarray(solution.certificate.dual[0:6])
    for place in range(2, 10):  # inner points
        forged = replace(solution.certificate, dual=changed(dual, place))
        assert forged.complaints(solution.network, data.X, data.Y)
    for other in (np.zeros_like(dual), -dual, dual[::-1].copy(), dual * np.nan, dual[1:], dual[:, :1]):
        assert replace(solution.certificate, dual=other).complaints(solution.network, data.X, data.Y)


@pytest.mark.parametrize("skip", [True, False])
def test_the_other_class_of_networks_is_noticed(skip: bool) -> None:
    data = random_dataset(6, 2, 1)
    solution = interpolate(data.X, data.Y, skip=skip)
    assert solution.verify()
    assert replace(solution.certificate, skip=not skip).complaints(solution.network, data.X, data.Y)


def test_a_network_with_a_skip_connection_is_no_solution_without_one() -> None:
    # The line 2 x costs 0 with a skip connection; any bound on networks without one is met by a network outside the class.
    line = ReLUNetwork(np.zeros((0, 1)), [], np.zeros((1, 0)), [[2.0]])
    x, y = [0.0, 1.0, 2.0], [0.0, 2.0, 4.0]
    assert certify(line, x, y).complaints(line, x, y) == []
    for dual in (None, [[1.0], [0.0], [0.0]]):
        assert any(
            "skip connection" in words for words in certify(line, x, y, dual=dual, skip=False).complaints(line, x, y)
        )


def test_an_interpolant_that_costs_more_is_not_accepted() -> None:
    data = random_dataset(7, 2, 1)
    base = connect_the_dots(data.X, data.Y)
    beyond = float(data.X[-1, 0]) + 1  # a neuron that no data point sees
    for extra, accepted in ((1e-3, False), (1e-9, True)):
        v = extra * base.vv_norm * np.array([[0.6], [0.8]])
        costly = ReLUNetwork(
            np.vstack([base.W, [[1.0]]]), np.append(base.b, -beyond), np.hstack([base.V, v]), base.A, base.c
        )
        judged = certify(costly, data.X, data.Y)
        assert judged.gap == pytest.approx(extra / (1 + extra), rel=1e-3)
        assert judged.relative_residual < 1e-12
        complaints = judged.complaints(costly, data.X, data.Y)
        assert complaints == [] if accepted else ["not proved optimal" in words for words in complaints] == [True]
        assert bool(judged.complaints(costly, data.X, data.Y, tol=1e-10))


def test_a_network_that_does_not_interpolate_is_not_accepted_however_cheap() -> None:
    data = random_dataset(7, 2, 1)
    zero = ReLUNetwork(np.zeros((0, 1)), [], np.zeros((2, 0)))
    for cheap in (zero, connect_the_dots(data.X, data.Y * (1 - 1e-4)), connect_the_dots(data.X, data.Y + 1e-4)):
        judged = certify(cheap, data.X, data.Y)
        assert judged.gap < 1e-6
        complaints = judged.complaints(cheap, data.X, data.Y)
        assert len(complaints) == 1
        assert "does not interpolate" in complaints[0]


def test_nothing_is_proved_for_a_network_that_costs_nothing_and_does_not_fit() -> None:
    zero = ReLUNetwork(np.zeros((0, 1)), [], np.zeros((1, 0)))
    judged = certify(zero, [0, 1, 2], [0, 1, 0])
    assert judged.gap == -math.inf
    assert (judged.excess, judged.distance, judged.distance_bound) == (0, 1, 1)
    assert judged.complaints(zero, [0, 1, 2], [0, 1, 0])


@pytest.mark.parametrize("level", [0.0, 5.0, -1e10])
def test_constant_labels_are_met_exactly_or_not_at_all(level: float) -> None:
    flat = ReLUNetwork(np.zeros((0, 1)), [], np.zeros((1, 0)), None, [level])
    assert certify(flat, [0, 1, 2], [level] * 3).complaints(flat, [0, 1, 2], [level] * 3) == []
    off = ReLUNetwork(np.zeros((0, 1)), [], np.zeros((1, 0)), None, [level + 1])
    assert certify(off, [0, 1, 2], [level] * 3).complaints(off, [0, 1, 2], [level] * 3) != [] or level == -1e10


# --- stability --------------------------------------------------------------------------------------------------------


@given(univariate_datasets(max_points=10), st.data())
def test_distance_is_within_its_bound_for_interpolants(data: Dataset, drawn: st.DataObject) -> None:
    judged = certify(drawn.draw(interpolating_networks(data)), data.X, data.Y)
    assert judged.residual <= judged.distance <= judged.distance_bound * (1 + 1e-9)


@given(
    univariate_datasets(outputs=2, max_points=10, orders=4),
    networks(outputs=2, max_neurons=20, orders=4),
    st.integers(0, 99),
)
def test_distance_is_within_its_bound_for_any_network_and_dual(data: Dataset, network: ReLUNetwork, seed: int) -> None:
    assert (judged := certify(network, data.X, data.Y)).distance <= judged.distance_bound * (1 + 1e-9)
    dual = np.random.default_rng(seed).standard_normal(data.Y.shape)
    assert (judged := certify(network, data.X, data.Y, dual=dual)).distance <= judged.distance_bound * (1 + 1e-9)


@pytest.mark.parametrize("size", [1e-8, 1e-4, 1.0])
@pytest.mark.parametrize("noise", [0.0, 1e-6, 1e-2])
@pytest.mark.parametrize("seed", range(5))
def test_distance_is_within_its_bound_near_the_optimum(size: float, noise: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    data = random_dataset(8, 3, rng)
    base = connect_the_dots(data.X, data.Y + noise * rng.standard_normal((8, 3)))
    x = data.X[:, 0]
    gap = int(rng.integers(7))
    v = size * rng.standard_normal(3)
    hat = np.array([x[gap], (x[gap] + x[gap + 1]) / 2, x[gap + 1]])
    network = ReLUNetwork(
        np.ones((len(base.b) + 3, 1)), np.append(base.b, -hat), np.column_stack([base.V, v, -2 * v, v]), base.A, base.c
    )
    judged = certify(network, data.X, data.Y)
    height = np.linalg.norm(v) * (x[gap + 1] - x[gap]) / 2
    assert judged.distance >= max(height - judged.residual, judged.residual) * (1 - 1e-6)
    assert judged.distance <= judged.distance_bound
    assert math.isfinite(judged.distance_bound)


# --- units, order, repeats --------------------------------------------------------------------------------------------

UNITS = [
    (2.0**up, 2.0**across)
    for up, across in [
        (996, 996),
        (-996, -996),
        (996, 0),
        (-996, 0),
        (0, 996),
        (0, -996),
        (400, -400),
        (-400, 400),
        (210, 90),
    ]
]


@pytest.mark.parametrize(("y_unit", "x_unit"), UNITS)
@pytest.mark.parametrize("given_dual", [False, True])
def test_units_change_nothing(y_unit: float, x_unit: float, given_dual: bool) -> None:
    network, x, Y = integers(3, 8, 2, 6)
    dual = np.random.default_rng(0).standard_normal(Y.shape) if given_dual else None
    here = certify(network, x, Y, dual=dual)
    steep = np.ldexp(1.0, int(np.log2(y_unit) - np.log2(x_unit)))
    scaled = ReLUNetwork(network.W, network.b * x_unit, network.V * steep, network.A * steep, network.c * y_unit)
    there = certify(scaled, x * x_unit, Y * y_unit, dual=dual)
    factors = dict.fromkeys(("residual", "distance", "distance_bound"), y_unit)
    factors |= dict.fromkeys(("vv_norm", "lower_bound", "excess"), steep)
    for name in NUMBERS:
        assert getattr(there, name) == pytest.approx(getattr(here, name) * factors.get(name, 1.0), rel=1e-13, abs=0), name
    assert there.complaints(scaled, x * x_unit, Y * y_unit, tol=math.inf) == []


DECIMALS = (1e-300, 1e-150, 1.0, 1e150, 1e300)


@pytest.mark.parametrize(
    ("x_unit", "y_unit"), [(x, y) for x in DECIMALS for y in DECIMALS if -301 < math.log10(y) - math.log10(x) < 299]
)
def test_optimal_networks_in_decimal_units_are_accepted(x_unit: float, y_unit: float) -> None:
    data = random_dataset(6, 2, 0)
    network = connect_the_dots(data.X * x_unit, data.Y * y_unit)
    judged = certify(network, data.X * x_unit, data.Y * y_unit)
    assert judged.complaints(network, data.X * x_unit, data.Y * y_unit, tol=1e-12) == []
    costly = replace(network, V=network.V * 1.001)
    assert judged.complaints(costly, data.X * x_unit, data.Y * y_unit)


def test_order_and_repeats_do_not_matter() -> None:
    network, x, Y = integers(3, 8, 2, 6)
    order = np.random.default_rng(0).permutation(np.append(np.arange(8), [3, 3, 0]))
    plain, shuffled = certify(network, x, Y), certify(network, x[order], Y[order])
    assert shuffled.numbers() == plain.numbers()
    assert plain.complaints(network, x[order][:, None], Y[order], tol=math.inf) == []
    assert certify(network, x[order].astype(int), Y[order].astype(int)).numbers() == plain.numbers()
    # A dual is given at the sorted, merged inputs.
    dual = np.random.default_rng(1).standard_normal((8, 2))
    assert certify(network, x[order], Y[order], dual=dual).numbers() == certify(network, x, Y, dual=dual).numbers()


def test_order_of_neurons_does_not_matter() -> None:
    network, x, Y = integers(3, 8, 2, 12)
    order = np.random.default_rng(0).permutation(12)
    shuffled = ReLUNetwork(network.W[order], network.b[order], network.V[:, order], network.A, network.c)
    expected = certify(network, x, Y).numbers()
    assert certify(shuffled, x, Y).numbers() == pytest.approx(expected, rel=1e-13, nan_ok=True)


@pytest.mark.parametrize("skip", [True, False])
@pytest.mark.parametrize("source", ["own dual", "array", "ragged ends", "lazy", "missing labels"])
def test_many_blocks_find_what_one_finds(monkeypatch: pytest.MonkeyPatch, source: str, skip: bool) -> None:
    rng = np.random.default_rng(0)
    N, T, K = 600, 3, 240  # some blocks of each size
    data = random_dataset(N, T, rng)
    network = ReLUNetwork(rng.choice([-1.5, 1.0], (K, 1)), -rng.random(K), rng.standard_normal((T, K)))
    Y = np.array(data.Y)
    dual = None if source in ("own dual", "missing labels") else rng.standard_normal((N, T))
    if source == "missing labels":
        Y[rng.random(Y.shape) < 0.1] = np.nan
    if source in ("array", "lazy"):
        dual[[0, -1]] = 0
    if source == "lazy":
        dual = Lazy(dual)

    def judge() -> Certificate:
        return certify(network, data.X, Y, dual=dual, skip=skip)

    for module in (arithmetic, line):
        monkeypatch.setattr(module, "_BLOCK", 1 << 30)
    numbers = judge().numbers()
    for block in (48, 400, 1600):
        for module in (arithmetic, line):
            monkeypatch.setattr(module, "_BLOCK", block)
        assert judge().numbers() == pytest.approx(numbers, rel=1e-12, nan_ok=True)


# --- several inputs ---------------------------------------------------------------------------------------------------


def cloud(N: int, d: int, T: int, K: int, seed: int, *, skip: bool = True) -> tuple[ReLUNetwork, Array, Array]:
    """A network of several inputs and its own values at random points."""
    rng = np.random.default_rng([N, d, T, K, seed])
    A = rng.standard_normal((T, d)) if skip else None
    network = ReLUNetwork(
        rng.standard_normal((K, d)), rng.standard_normal(K), rng.standard_normal((T, K)), A, rng.standard_normal(T)
    )
    X = rng.standard_normal((N, d))
    return network, X, network(X)


def reference(X: Array, Y: Array, *, skip: bool = True) -> DictionarySolution:
    """The convex program over all lines through two points."""
    W, b = plane_dictionary(X, 0, 0)
    return dictionary_program(X, Y, W if skip else np.vstack([W, -W]), b if skip else np.append(b, -b), skip=skip)


@pytest.mark.parametrize("skip", [True, False])
def test_in_the_plane_the_dual_of_the_convex_program_proves_its_network_optimal(skip: bool) -> None:
    # With ten random outputs the neurons of the solution lie on lines through two points.
    rng = np.random.default_rng(0)
    X, Y = rng.standard_normal((12, 2)), rng.standard_normal((12, 10))
    optimum = reference(X, Y, skip=skip)
    judged = certify(optimum.network, X, Y, dual=optimum.dual, skip=skip)
    assert judged.gap < 1e-2
    assert judged.complaints(optimum.network, X, Y, tol=1e-2) == []
    assert judged.lower_bound == pytest.approx(optimum.value, rel=1e-2)
    assert judged.excess == pytest.approx(judged.vv_norm - judged.lower_bound, abs=1e-6 * judged.vv_norm)
    assert math.isnan(judged.distance)
    assert math.isnan(judged.distance_bound)
    # Without one the dual array of the optimum over all neurons is asked for.
    assert judged.lower_bound <= certify(optimum.network, X, Y, skip=skip).lower_bound <= optimum.value


@pytest.mark.parametrize("skip", [True, False])
@pytest.mark.parametrize(("N", "d", "T", "K"), [(3, 2, 1, 2), (9, 2, 1, 1), (12, 2, 3, 4), (7, 3, 2, 2), (7, 5, 2, 2)])
def test_no_dual_array_proves_more_than_an_interpolating_network_costs(N: int, d: int, T: int, K: int, skip: bool) -> None:
    for seed in range(2 if d < 5 else 1):
        network, X, Y = cloud(N, d, T, K, seed, skip=skip)
        rng = np.random.default_rng(seed)
        # The responses of the network's own neurons are nearly the best that there is: few neurons, many points.
        near = np.linalg.pinv(np.maximum(X @ network.W.T + network.b, 0.0)).T @ network.V.T
        for dual in (
            None,
            rng.standard_normal((N, T)),
            1e200 * near,
            near + 0.1 * rng.standard_normal((N, T)),
            np.ones((N, T)),
        ):
            judged = certify(network, X, Y, dual=dual, skip=skip)
            assert 0 <= judged.lower_bound <= judged.vv_norm
            assert judged.vv_norm == pytest.approx(network.vv_norm, rel=1e-13)
            assert judged.residual <= 1e-13 * np.abs(Y).max()
            assert 0 <= judged.excess <= judged.vv_norm * (1 + 1e-9)
            assert judged.complaints(network, X, Y, tol=math.inf) == []


@pytest.mark.parametrize("seed", range(6))
def test_one_input_judged_as_a_point_cloud_gives_the_same_bound(seed: int) -> None:
    network, x, Y = integers(seed, 9, 2, 6)
    straight = certify(network, x, Y)
    eta = np.asarray(straight.dual[0:9])
    # <Lambda, Y> = sum_i <eta_i, delta_i> for Lambda = D' eta.
    slopes = np.diff(eta, axis=0) / np.diff(x)[:, None]
    Lambda = np.diff(slopes, axis=0, prepend=0, append=0)
    cloud = judge_interpolant(network, x, Y, dual=Lambda)
    for name in ("residual", "relative_residual", "vv_norm", "lower_bound"):
        assert getattr(cloud, name) == pytest.approx(getattr(straight, name), rel=1e-10), name
    assert cloud.excess == pytest.approx(straight.excess, abs=1e-10 * straight.vv_norm)
    assert judge_interpolant(network, x, Y).lower_bound <= straight.lower_bound


@pytest.mark.parametrize("d", [2, 3, 5])
def test_points_on_a_line_in_space_cost_what_they_cost_on_a_line(d: int) -> None:
    t, Y = np.array([0.0, 1.0, 2.0, 4.0, 7.0]), np.array([[0.0], [1.0], [-1.0], [2.0], [0.0]])
    along = np.arange(1.0, d + 1)
    length = math.hypot(*along)
    line = connect_the_dots(t, Y)
    network = ReLUNetwork(line.W * along / length**2, line.b, line.V, line.A * along / length**2, line.c)
    X = t[:, None] * along
    eta = np.asarray(certify(line, t, Y).dual[0:5])
    Lambda = np.diff(np.diff(eta, axis=0) / np.diff(t)[:, None], axis=0, prepend=0, append=0)
    judged = certify(network, X, Y, dual=Lambda)
    assert judged.complaints(network, X, Y, tol=1e-9) == []
    assert judged.lower_bound == pytest.approx(line.vv_norm / length, rel=1e-9)
    # Points near a line are something else: a steep enough skip connection interpolates any labels there.
    thin = X + 1e-14 * np.random.default_rng(0).standard_normal(X.shape)
    assert certify(network, thin, Y, dual=Lambda).lower_bound <= judged.lower_bound * (1 + 1e-9)


def test_a_point_off_the_plane_by_one_ulp_is_not_taken_to_lie_in_it() -> None:
    # The labels of the square are affine in three dimensions: a skip connection of slope 1 / ulp costs nothing.
    ulp = 2.0**-52
    X = np.array([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [1.0, 1.0, 0.0]])
    Y = np.array([[0.0], [0.0], [0.0], [1.0]])
    flat = reference(X[:, :2], Y)
    lifted = ReLUNetwork(np.pad(flat.network.W, ((0, 0), (0, 1))), flat.network.b, flat.network.V, np.zeros((1, 3)))
    assert certify(lifted, X, Y, dual=flat.dual).lower_bound == pytest.approx(flat.value, rel=1e-6)
    X[3, 2] = ulp
    free = ReLUNetwork(np.zeros((0, 3)), [], np.zeros((1, 0)), [[0.0, 0.0, 1 / ulp]])
    for dual in (None, flat.dual):
        judged = certify(free, X, Y, dual=dual)
        assert (judged.residual, judged.vv_norm, judged.lower_bound) == (0, 0, 0)


@pytest.mark.parametrize("skip", [True, False])
def test_missing_labels_in_the_plane_only_weaken_the_bound(skip: bool) -> None:
    for seed in range(3):
        network, X, Y = cloud(12, 2, 3, 5, seed, skip=skip)
        rng = np.random.default_rng(seed)
        Y[rng.random(Y.shape) < 0.3] = np.nan
        optimum = reference(X, Y, skip=skip)
        assert optimum.value <= network.vv_norm * 1.5
        for dual in (None, optimum.dual, rng.standard_normal(Y.shape)):
            judged = certify(network, X, Y, dual=dual, skip=skip)
            assert 0 <= judged.lower_bound <= min(network.vv_norm, optimum.value * (1 + 1e-6))
            used = np.asarray(judged.dual[0:12])
            assert not used[np.isnan(Y)].any()
            np.testing.assert_allclose(used.sum(axis=0), 0, atol=1e-13)
            if skip:
                np.testing.assert_allclose(used.T @ X, 0, atol=1e-13)
        assert certify(network, X, Y, dual=optimum.dual, skip=skip).lower_bound > 0.5 * optimum.value


def test_the_dual_of_a_point_cloud_is_kept_in_the_callers_order_and_is_a_fixed_point() -> None:
    network, X, Y = cloud(10, 3, 2, 4, 0)
    judged = certify(network, X, Y)
    again = certify(network, X, Y, dual=judged.dual)
    np.testing.assert_array_equal(again.dual[0:10], judged.dual[0:10])
    assert again.numbers() == pytest.approx(judged.numbers(), rel=0, nan_ok=True)
    order = np.random.default_rng(0).permutation(np.append(np.arange(10), [3, 3]))
    shuffled = certify(network, X[order], Y[order], dual=judged.dual[0:10][order])
    assert shuffled.lower_bound <= judged.vv_norm
    assert certify(network, X[::-1], Y[::-1], dual=judged.dual[0:10][::-1]).lower_bound == pytest.approx(
        judged.lower_bound, rel=1e-4
    )


@pytest.mark.parametrize("d", [2, 3])
def test_forged_certificates_of_point_clouds_are_noticed(d: int) -> None:
    network, X, Y = cloud(9, d, 2, 8, 0)
    dual = certify(network, X, Y).dual
    judged = certify(network, X, Y + 0.1, dual=dual)
    assert judged.complaints(network, X, Y + 0.1, tol=math.inf) == []
    for name in NUMBERS[:6]:
        for factor in (1 + 1e-6, 1 - 1e-6, 0.0, -1.0, math.inf, math.nan):
            forged = replace(judged, **{name: getattr(judged, name) * factor})
            complaints = forged.complaints(network, X, Y + 0.1, tol=math.inf)
            assert [words.split()[0] for words in complaints] == [name]
    for name in NUMBERS[6:]:
        assert replace(judged, **{name: 0.0}).complaints(network, X, Y + 0.1, tol=math.inf)
    for other in (changed(dual, 3), -np.asarray(dual), np.zeros_like(dual), dual * np.nan, dual[1:], dual[:, :1]):
        assert replace(judged, dual=other).complaints(network, X, Y + 0.1, tol=math.inf)
    assert judged.complaints(replace(network, V=changed(network.V, 0)), X, Y + 0.1, tol=math.inf)
    assert judged.complaints(network, changed(X, 0), Y + 0.1, tol=math.inf)
    assert "does not interpolate" in judged.complaints(network, X, Y + 0.1, tol=1e-6)[-2]


def test_labels_that_are_affine_prove_nothing() -> None:
    rng = np.random.default_rng(0)
    X = rng.integers(-50, 50, (20, 2)) / 8
    plane = ReLUNetwork(np.zeros((0, 2)), [], np.zeros((1, 0)), [[1024.0, -2.0]], [1e6])
    Y = plane(X)
    for dual in (None, Y, rng.standard_normal(Y.shape)):
        judged = certify(plane, X, Y, dual=dual)
        assert (judged.lower_bound, judged.gap, judged.excess) == (0, 0, 0)
    assert certify(plane, X, Y).complaints(plane, X, Y) == []
    with pytest.raises(ValueError, match="1 distinct"):
        certify(plane, X[:1], Y[:1])


@pytest.mark.parametrize(("y_unit", "x_unit"), UNITS)
def test_units_change_nothing_in_the_plane(y_unit: float, x_unit: float) -> None:
    network, X, Y = cloud(9, 2, 2, 3, 1)
    here = certify(network, X, Y + 0.1)
    steep = np.ldexp(1.0, int(np.log2(y_unit) - np.log2(x_unit)))
    scaled = ReLUNetwork(network.W, network.b * x_unit, network.V * steep, network.A * steep, network.c * y_unit)
    there = certify(scaled, X * x_unit, (Y + 0.1) * y_unit)
    factors = {"residual": y_unit} | dict.fromkeys(("vv_norm", "lower_bound", "excess"), steep)
    for name in NUMBERS[:6]:
        assert getattr(there, name) == pytest.approx(getattr(here, name) * factors.get(name, 1.0), rel=1e-12, abs=0), name
    assert there.complaints(scaled, X * x_unit, (Y + 0.1) * y_unit, tol=math.inf) == []


# --- the bias inside the norm -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("skip", [True, False])
@pytest.mark.parametrize("d", [1, 2, 3])
def test_with_the_bias_inside_the_norm_no_dual_array_proves_more_than_a_network_costs(d: int, skip: bool) -> None:
    for seed in range(2):
        network, X, Y = cloud(7, d, 2, 2, seed, skip=skip)
        rng = np.random.default_rng(seed)
        near = np.linalg.pinv(np.maximum(X @ network.W.T + network.b, 0.0)).T @ network.V.T
        for dual in (None, rng.standard_normal(Y.shape), near):
            judged = certify(network, X, Y, dual=dual, skip=skip, penalise_bias=True)
            assert judged.vv_norm == pytest.approx(network.vv_norm_with_bias, rel=1e-13)
            assert 0 <= judged.lower_bound <= judged.vv_norm
            assert judged.complaints(network, X, Y, tol=math.inf) == []
            assert replace(judged, penalise_bias=False).complaints(network, X, Y, tol=math.inf)


@pytest.mark.parametrize("skip", [True, False])
@pytest.mark.parametrize("d", [1, 2])
def test_with_the_bias_inside_the_norm_the_dual_of_the_convex_program_is_nearly_enough(d: int, skip: bool) -> None:
    rng = np.random.default_rng(d)
    X, Y = rng.standard_normal((6, d)), rng.standard_normal((6, 3))
    # Neurons that bend at d - 1 of the points, and at d.
    points, turn = np.column_stack([X, np.ones(6)]), np.linspace(0, 2 * math.pi, 150, endpoint=False)
    frames = [np.linalg.svd(points[list(s)])[2][-2:] for s in itertools.combinations(range(6), d - 1)]
    kinks = np.array([np.linalg.svd(points[list(s)])[2][-1] for s in itertools.combinations(range(6), d)])
    units = np.vstack([*(np.column_stack([np.cos(turn), np.sin(turn)]) @ frame for frame in frames), kinks, -kinks])
    optimum = dictionary_program(X, Y, units[:, :d], units[:, d], skip=skip, penalise_bias=True)
    judged = certify(optimum.network, X, Y, dual=optimum.dual, skip=skip, penalise_bias=True)
    assert judged.lower_bound <= optimum.value * (1 + 1e-7)
    assert judged.lower_bound >= optimum.value * 0.98
    assert judged.vv_norm == pytest.approx(optimum.value, rel=1e-5)


def test_the_bias_inside_the_norm_costs_more() -> None:
    _, X, Y = cloud(12, 2, 3, 4, 0)
    optimum = reference(X, Y)
    inside = certify(optimum.network, X, Y, dual=optimum.dual, penalise_bias=True)
    # Any neuron costs at least as much as with a free bias, so its response per cost is at most as large.
    assert inside.lower_bound >= certify(optimum.network, X, Y, dual=optimum.dual).lower_bound * (1 - 1e-9)


# --- what is refused --------------------------------------------------------------------------------------------------

ONE = ReLUNetwork([[1.0]], [0.0], [[1.0]])
TWO = ReLUNetwork([[1.0, 1.0]], [0.0], [[1.0]])


@pytest.mark.parametrize(
    ("ask", "error", "message"),
    [
        (lambda: certify(TWO, [0, 1], [0, 1]), ValueError, "X has 1 column; the network has 2 inputs"),
        (lambda: certify(TWO, np.zeros((2, 3)), [0, 1]), ValueError, "X has 3 columns; the network has 2 inputs"),
        (lambda: certify(TWO, np.eye(2), [[0, 1], [0, 1]]), ValueError, "Y has 2 outputs, the network has 1"),
        (lambda: certify(TWO, np.eye(2), [0, 1, 2]), ValueError, "Y has 3 rows"),
        (
            lambda: certify(TWO, np.ones((2, 2)), [0, 1]),
            ValueError,
            r"repeats the point \(1.0, 1.0\) with different labels",
        ),
        (lambda: certify(TWO, np.eye(2), [0, 1], dual=np.zeros((3, 1))), ValueError, r"dual has shape \(3, 1\)"),
        (lambda: certify(TWO, np.eye(2), [0, 1], dual=[[0], [np.nan]]), ValueError, "dual holds NaN"),
        (lambda: certify(TWO, np.eye(2), [0, 1], dual=[["0"], ["1"]]), TypeError, "dual must hold real numbers"),
        (lambda: certify(ONE, np.zeros((2, 2)), [0, 1]), ValueError, "X has 2 columns"),
        (lambda: certify(ONE, [0, 1], [[0, 1], [0, 1]]), ValueError, "Y has 2 outputs, the network has 1"),
        (lambda: certify(ONE, [0, 1], [0, 1, 2]), ValueError, "Y has 3 rows"),
        (lambda: certify(ONE, [], []), ValueError, "X is empty"),
        (lambda: certify(ONE, [1, 1], [0, 0]), ValueError, "X has 1 distinct value"),
        (lambda: certify(ONE, [1, 1, 2], [0, 1, 0]), ValueError, "different labels"),
        (lambda: certify(ONE, [0, np.nan], [0, 1]), ValueError, "X holds nan"),
        (lambda: certify(ONE, [0, 1], [0, np.inf]), ValueError, "Y holds inf"),
        (lambda: certify(ONE, [0, 1], [np.nan, np.nan]), ValueError, "Y: output 0 has no label"),
        (lambda: certify(ONE, ["a", "b"], [0, 1]), TypeError, "X must hold real numbers"),
        (lambda: certify(ONE, [0, 1], ["a", "b"]), TypeError, "Y must hold real numbers"),
        (lambda: certify(ONE, [0, 1, 2], [0, 1, 0], dual=np.zeros((2, 1))), ValueError, r"dual has shape \(2, 1\)"),
        (lambda: certify(ONE, [0, 1, 2], [0, 1, 0], dual=np.zeros((3, 2))), ValueError, r"dual has shape \(3, 2\)"),
        (lambda: certify(ONE, [0, 1, 2], [0, 1, 0], dual=[0, 1, 0]), ValueError, r"dual has shape \(3,\)"),
        (lambda: certify(ONE, [0, 1, 1], [0, 1, 1], dual=np.zeros((3, 1))), ValueError, "sorted and merged"),
        (lambda: certify(ONE, [0, 1, 2], [0, 1, 0], dual=[[0], [np.nan], [0]]), ValueError, "dual holds NaN"),
        (lambda: certify(ONE, [0, 1, 2], [0, 1, 0], dual=[[np.nan], [0], [0]]), ValueError, "dual holds NaN"),
        (lambda: certify(ONE, [0, 1, 2], [0, 1, 0], dual=[[0], [np.inf], [0]]), ValueError, "dual holds NaN or inf"),
        (lambda: certify(ONE, [0, 1, 2], [0, 1, 0], dual=[["0"], ["1"], ["0"]]), TypeError, "dual must hold real numbers"),
        (lambda: certify(ONE, [0, 1, 2], [0, 1, 0], dual=np.full((3, 1), "0")), TypeError, "dual must hold real numbers"),
        (lambda: certify(ONE, [0, 1, 2], [0, 1, 0], dual=[[0], [1, 2], [0]]), ValueError, "dual is not a rectangular"),
        (lambda: certify(ONE, [0, 1e-320, 1e300], [0, 1, 0]), ValueError, "X spans more orders of magnitude"),
    ],
)
def test_bad_arguments_are_named(ask: Callable[[], object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        ask()


def test_a_network_that_leaves_float64_fits_nothing() -> None:
    steep = ReLUNetwork([[1e200]], [0.0], [[1e200]])
    with np.errstate(over="ignore"):
        judged = certify(steep, [0, 1, 2], [0, 1, 0])
    assert judged.residual == math.inf
    assert judged.excess >= 0
    assert judged.distance <= judged.distance_bound == math.inf
    with np.errstate(over="ignore"):
        assert any("does not interpolate" in words for words in judged.complaints(steep, [0, 1, 2], [0, 1, 0]))
