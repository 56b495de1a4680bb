"""The verifier of fits of several inputs against convex programs, the one for one input, forgery, and symmetries."""

import itertools
import math
import warnings
from dataclasses import replace

import cvxpy as cp
import numpy as np
import pytest
import test_line_fit as univariate
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from vvnorm import ReLUNetwork, certify, fit
from vvnorm.losses import Loss, as_losses
from vvnorm.piecewise import PiecewiseLinear
from vvnorm.solvers.reference import plane_dictionary
from vvnorm.verifier.check import FitCertificate, certify_fit
from vvnorm.verifier.space import is_orthogonal
from vvnorm.verifier.space_fit import judge_fit

Array = NDArray[np.float64]
LOSSES, CLASSES, NUMBERS = univariate.LOSSES, univariate.CLASSES, univariate.NUMBERS
MIXES = [*((name,) for name in LOSSES), LOSSES]


def problem(
    seed: int, n: int = 9, d: int = 2, names: tuple[str, ...] = ("squared",), missing: float = 0.0, repeats: bool = False
) -> tuple[Array, Array, Array]:
    """Points, labels of the type that each loss takes, and weights over two orders of magnitude."""
    rng = np.random.default_rng([seed, n, d])
    X = rng.integers(-2, 3, (n, d)) / 2 if repeats else rng.standard_normal((n, d))
    Y = np.sin(2 * X.sum(axis=1))[:, None] + rng.standard_normal((n, len(names)))
    for t, name in enumerate(names):
        if name in CLASSES:
            Y[:, t] = Y[:, t] > 0
            Y[:2, t] = [0, 1]
    hidden = rng.random(Y.shape) < missing
    hidden[:2] = False
    Y[hidden] = np.nan
    return X, Y, 10.0 ** rng.uniform(-1, 1, Y.shape)


def optimum(
    X: Array, Y: Array, lam: float, losses: tuple[Loss, ...], weights: Array, W: Array, b: Array, *,
    skip: bool = True, penalise_bias: bool = False,
) -> tuple[ReLUNetwork, Array, float]:  # fmt: skip
    """Return the best network on given neurons, its dual array, and its value, by CVXPY."""
    (N, T), K = Y.shape, len(b)
    size = np.linalg.norm(np.column_stack([W, b]) if penalise_bias else W, axis=1)
    V, A, c, U = cp.Variable((K, T)), cp.Variable((X.shape[1], T)), cp.Variable((1, T)), cp.Variable((N, T))
    fit = np.maximum(X @ W.T + b, 0) / size @ V + np.ones((N, 1)) @ c + (X @ A if skip else 0)
    terms = []
    for t, loss in enumerate(losses):
        here = ~np.isnan(Y[:, t])
        u, y, w = U[here, t], Y[here, t], weights[here, t]
        sign = np.where(y > 0, 1.0, -1.0)
        if loss.name == "squared":
            value = cp.square(u - y) / 2
        elif loss.name == "logistic":
            value = cp.logistic(cp.multiply(-sign, u))
        elif loss.name == "hinge":
            value = cp.pos(1 - cp.multiply(sign, u))
        elif loss.name == "huber":
            value = cp.huber(u - y, loss.parameter) / 2
        else:
            value = cp.maximum(loss.parameter * (y - u), (1 - loss.parameter) * (u - y))
        terms.append(w @ value)
    constraint = fit == U
    program = cp.Problem(cp.Minimize(sum(terms) + lam * cp.sum(cp.norm(V, 2, axis=1))), [constraint])
    with warnings.catch_warnings():
        # Whether Clarabel calls it inaccurate depends on the processor; the certificate judges it.
        warnings.simplefilter("ignore", UserWarning)
        program.solve(solver=cp.CLARABEL, tol_gap_abs=1e-10, tol_gap_rel=1e-10, tol_feas=1e-10)
    skipped = A.value.T if skip else None
    network = ReLUNetwork(W / size[:, None], b / size, V.value.T, skipped, c.value[0])
    return network, -constraint.dual_value, program.value


def best(network: ReLUNetwork, X: Array, Y: Array, lam: float, dual: Array, **options: object) -> FitCertificate:
    """Judge with the dual array of a convex program, whose sign is a matter of convention."""
    certificates = [certify_fit(network, X, Y, lam, dual=array, **options) for array in (dual, -dual)]  # type: ignore[arg-type]
    return min(certificates, key=lambda array: array.gap)


# --- one input: two verifiers -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("skip", [True, False])
@pytest.mark.parametrize("names", MIXES, ids=lambda names: "+".join(names))
def test_one_input_judged_as_a_point_cloud_gives_the_same_bound(names: tuple[str, ...], skip: bool) -> None:
    losses = as_losses(list(names), len(names))
    for seed in range(2):
        x, Y, weights = univariate.problem(seed, 14, names, missing=0.2, repeats=bool(seed))
        network, dual, _ = univariate.optimum(x, Y, 0.3, losses, weights, skip)
        options = {"loss": losses, "weights": weights, "skip": skip}
        there = best(network, x, Y, 0.3, dual, **options)
        here = judge_fit(network, x, Y, 0.3, dual=there.dual, **options)  # type: ignore[arg-type]
        assert there.gap < 1e-8
        assert here.gap == pytest.approx(there.gap, abs=1e-10)
        for name in ("objective", "loss", "vv_norm", "lower_bound"):
            assert getattr(here, name) == pytest.approx(getattr(there, name), rel=1e-9), name


# --- several inputs: convex programs ----------------------------------------------------------------------------------


@pytest.mark.parametrize("skip", [True, False])
@pytest.mark.parametrize("names", MIXES, ids=lambda names: "+".join(names))
def test_the_dual_of_the_convex_program_proves_its_network_nearly_optimal(names: tuple[str, ...], skip: bool) -> None:
    losses = as_losses(list(names), len(names))
    X, Y, weights = problem(0, 8, 2, names, missing=0.15)
    W, b = plane_dictionary(X, 160 if len(names) == 1 else 40, 0)  # more than Clarabel can do for five outputs
    W, b = (W, b) if skip else (np.vstack([W, -W]), np.append(b, -b))
    network, dual, value = optimum(X, Y, 0.2, losses, weights, W, b, skip=skip)
    judged = best(network, X, Y, 0.2, dual, loss=losses, weights=weights, skip=skip)
    assert judged.objective == pytest.approx(value, rel=1e-7)
    assert judged.lower_bound <= value * (1 + 1e-9)
    tol = 1e-3 if len(names) == 1 else 5e-3  # what the dictionary lacks
    assert judged.gap < tol
    assert judged.complaints(network, X, Y, weights=weights, tol=tol) == []
    # Any other array proves less, but nothing that is false.
    rng = np.random.default_rng(0)
    for other in (None, rng.standard_normal(Y.shape), 1e9 * rng.standard_normal(Y.shape), np.ones(Y.shape), dual * 3):
        weaker = certify_fit(network, X, Y, 0.2, loss=losses, weights=weights, skip=skip, dual=other)
        assert 0 <= weaker.lower_bound <= value * (1 + 1e-9)
        assert weaker.complaints(network, X, Y, weights=weights, tol=1.0) == []


@pytest.mark.parametrize("names", [("squared",), ("logistic", "squared"), ("hinge",)])
@pytest.mark.parametrize("d", [1, 2])
def test_so_it_does_with_the_bias_inside_the_norm(d: int, names: tuple[str, ...]) -> None:
    losses = as_losses(list(names), len(names))
    X, Y, weights = problem(1, 6, d, names)
    # Neurons that bend at d - 1 of the points, and at d.
    points, turn = np.column_stack([X, np.ones(6)]), np.linspace(0, 2 * math.pi, 200, endpoint=False)
    frames = [np.linalg.svd(points[list(s)])[2][-2:] for s in itertools.combinations(range(6), d - 1)]
    kinks = np.array([np.linalg.svd(points[list(s)])[2][-1] for s in itertools.combinations(range(6), d)])
    units = np.vstack([*(np.column_stack([np.cos(turn), np.sin(turn)]) @ frame for frame in frames), kinks, -kinks])
    network, dual, value = optimum(X, Y, 0.1, losses, weights, units[:, :d], units[:, d], penalise_bias=True)
    judged = best(network, X, Y, 0.1, dual, loss=losses, weights=weights, penalise_bias=True)
    assert judged.vv_norm == pytest.approx(network.vv_norm_with_bias, rel=1e-12)
    assert judged.lower_bound <= value * (1 + 1e-9)
    assert judged.gap < 1e-2
    assert judged.complaints(network, X, Y, weights=weights, tol=1e-2) == []
    assert certify(network, X, Y, lam=0.1, loss=losses, weights=weights, penalise_bias=True).penalise_bias


def test_points_on_a_line_in_space_are_fitted_as_on_a_line() -> None:
    x, Y, weights = univariate.problem(3, 10, ("squared", "huber:0.7"))
    x = np.round(64 * x) / 64  # in space they lie on a line exactly, else skip connections could fit anything
    losses = as_losses(["squared", "huber:0.7"], 2)
    network, dual, _ = univariate.optimum(x, Y, 0.3, losses, weights)
    u = np.array([2.0, 3.0, 6.0])
    there = ReLUNetwork(network.W * u / 49, network.b, network.V, network.A * u / 49, network.c)
    judged = best(there, x[:, None] * u, Y, 0.3 * 7, dual, loss=losses, weights=weights)
    assert judged.gap < 1e-9


@pytest.mark.parametrize("d", [2, 3, 5])
def test_more_weight_of_the_norm_than_it_takes_leaves_the_affine_fit(d: int) -> None:
    X, Y, _ = problem(0, 12, d)
    basis = np.column_stack([np.ones(12), X])
    affine = np.linalg.lstsq(basis, Y, rcond=None)[0]
    network = ReLUNetwork(np.zeros((0, d)), [], np.zeros((1, 0)), affine[1:].T, affine[0])
    judged = certify_fit(network, X, Y, 1e3)
    assert judged.gap < 1e-12
    assert judged.complaints(network, X, Y) == []


# --- soundness --------------------------------------------------------------------------------------------------------


@given(
    st.integers(0, 2**16),
    st.sampled_from(MIXES),
    st.sampled_from([1, 2, 3]),
    st.floats(-4, 4),
    st.booleans(),
    st.booleans(),
)
@settings(max_examples=12)  # each of nine certificates
def test_no_array_proves_more_than_any_network_costs(
    seed: int, names: tuple[str, ...], d: int, order: float, skip: bool, bias: bool
) -> None:
    rng = np.random.default_rng(seed)
    X, Y, weights = problem(seed, int(rng.integers(3, 9)), d, names, missing=0.3, repeats=bool(seed % 2))
    losses, T = as_losses(list(names), len(names)), len(names)
    A = rng.standard_normal((T, d)) if skip else None
    networks = [
        ReLUNetwork(rng.standard_normal((k, d)), rng.standard_normal(k), rng.standard_normal((T, k)) / 3, A)
        for k in (0, 1, 5)
    ]
    options = {"loss": losses, "weights": weights, "skip": skip, "penalise_bias": bias}
    lam = 10.0**order
    duals = [None, rng.standard_normal(Y.shape), 10.0 ** rng.uniform(-3, 3) * rng.standard_normal(Y.shape)]
    certificates = [judge_fit(judged, X, Y, lam, dual=dual, **options) for judged in networks for dual in duals]  # type: ignore[arg-type]
    least = min(judged.objective for judged in certificates)
    for judged in certificates:
        assert 0 <= judged.lower_bound <= least * (1 + 1e-12)
        assert judged.objective == pytest.approx(judged.loss + lam * judged.vv_norm, rel=1e-12)
        assert judged.gap >= 0


@pytest.mark.parametrize("names", MIXES, ids=lambda names: "+".join(names))
def test_the_loss_is_what_it_says(names: tuple[str, ...]) -> None:
    losses = as_losses(list(names), len(names))
    X, Y, weights = problem(2, 9, 3, names, missing=0.3)
    rng = np.random.default_rng(0)
    network = ReLUNetwork(rng.standard_normal((4, 3)), rng.standard_normal(4), rng.standard_normal((len(names), 4)))
    labels = univariate_labels(Y, losses)
    expected = sum(
        float(np.sum(weights[:, t] * loss.value(network(X)[:, t], labels[:, t]))) for t, loss in enumerate(losses)
    )
    assert certify_fit(network, X, Y, 0.1, loss=losses, weights=weights).loss == pytest.approx(expected, rel=1e-12)


def univariate_labels(Y: Array, losses: tuple[Loss, ...]) -> Array:
    labels = Y.copy()
    for t, loss in enumerate(losses):
        if loss.name == "hinge":
            labels[:, t] = 2 * Y[:, t] - 1
    return labels


# --- symmetries -------------------------------------------------------------------------------------------------------


@given(st.integers(0, 1000), st.sampled_from([("squared", "squared"), ("logistic", "huber:0.7")]), st.sampled_from([2, 3]))
@settings(max_examples=25)
def test_rotation_shift_and_order_change_nothing(seed: int, names: tuple[str, ...], d: int) -> None:
    X, Y, weights = problem(seed, 8, d, names, missing=0.2)
    rng = np.random.default_rng(seed)
    network = ReLUNetwork(rng.standard_normal((5, d)), rng.standard_normal(5), rng.standard_normal((2, 5)))
    dual, losses = rng.standard_normal(Y.shape) / 5, as_losses(list(names), 2)
    here = certify_fit(network, X, Y, 0.3, loss=losses, weights=weights, dual=dual)
    rotation, _ = np.linalg.qr(rng.standard_normal((d, d)))
    shift, order = rng.standard_normal(d), rng.permutation(8)
    W = network.W @ rotation
    moved = ReLUNetwork(W, network.b - W @ shift, network.V)
    there = certify_fit(
        moved, (X @ rotation + shift)[order], Y[order], 0.3, loss=losses, weights=weights[order], dual=dual[order]
    )
    for name in NUMBERS:
        assert getattr(there, name) == pytest.approx(getattr(here, name), rel=1e-9, abs=1e-10), name


@pytest.mark.parametrize(("x_unit", "y_unit", "w_unit"), [(2.0**300, 1, 1), (1, 2.0**-300, 1), (2.0**-9, 2.0**9, 2.0**300)])
def test_units_change_nothing(x_unit: float, y_unit: float, w_unit: float) -> None:
    X, Y, weights = problem(0, 9, 2, ("squared", "squared"))
    rng = np.random.default_rng(0)
    network = ReLUNetwork(rng.standard_normal((5, 2)), rng.standard_normal(5), rng.standard_normal((2, 5)))
    here = certify_fit(network, X, Y, 0.3, weights=weights)
    scaled = ReLUNetwork(network.W, network.b * x_unit, network.V * y_unit / x_unit)
    there = certify_fit(scaled, X * x_unit, Y * y_unit, 0.3 * w_unit * y_unit * x_unit, weights=weights * w_unit)
    assert there.gap == here.gap
    assert there.lower_bound / y_unit / y_unit / w_unit == pytest.approx(here.lower_bound, rel=1e-12, abs=0)


def test_a_repeated_point_counts_as_its_weights_together() -> None:
    X, Y, weights = problem(0, 9, 2, ("squared", "squared"))
    rng = np.random.default_rng(0)
    network = ReLUNetwork(rng.standard_normal((5, 2)), rng.standard_normal(5), rng.standard_normal((2, 5)))
    once = certify_fit(network, X, Y, 0.3, weights=weights)
    twice = certify_fit(network, np.vstack([X, X]), np.vstack([Y, Y]), 0.3, weights=np.vstack([weights, weights]) / 2)
    without = weights.copy()
    without[3] = 0.0
    gone = Y.copy()
    gone[3] = np.nan
    for name in NUMBERS:
        assert getattr(twice, name) == pytest.approx(getattr(once, name), rel=1e-11), name
        assert getattr(certify_fit(network, X, Y, 0.3, weights=without), name) == getattr(
            certify_fit(network, X, gone, 0.3, weights=weights), name
        )


# --- forgery and refusals ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bias", [False, True])
def test_forged_certificates_are_noticed(bias: bool) -> None:
    X, Y, weights = problem(0, 9, 2, ("squared", "logistic"))
    rng = np.random.default_rng(0)
    network = ReLUNetwork(rng.standard_normal((5, 2)), rng.standard_normal(5), rng.standard_normal((2, 5)))
    options = {"loss": ("squared", "logistic"), "weights": weights, "penalise_bias": bias}
    judged = certify_fit(network, X, Y, 0.01, dual=rng.standard_normal(Y.shape) / 5, **options)  # type: ignore[arg-type]
    tell = {"weights": weights, "tol": 1.0}
    assert judged.complaints(network, X, Y, **tell) == []
    for name in NUMBERS:
        for factor in (1 + 1e-6, 1 - 1e-6, 0.0, -1.0, math.inf, math.nan):
            forged = replace(judged, **{name: getattr(judged, name) * factor})
            assert any(words.startswith(f"{name} is recorded as") for words in forged.complaints(network, X, Y, **tell))
    dual = np.asarray(judged.dual)
    other = dual.copy()
    other[0, 0] += 1e-3
    for wrong in (other, -dual, 0 * dual, dual * np.nan, dual[1:], None):
        assert replace(judged, dual=wrong).complaints(network, X, Y, **tell)
    for change in ({"lam": 0.011}, {"skip": False}, {"penalise_bias": not bias}, {"losses": as_losses("squared", 2)}):
        assert replace(judged, **change).complaints(network, X, Y, **tell)  # type: ignore[arg-type]
    assert judged.complaints(network, X + 1e-3, Y, **tell) or bias is False
    assert judged.complaints(replace(network, V=network.V * 1.001), X, Y, **tell)
    assert judged.complaints(network, X, Y, weights=weights * 1.01, tol=1.0)
    assert "not proved optimal" in judged.complaints(network, X, Y, weights=weights)[-1]


TWO = ReLUNetwork([[1.0, 1.0]], [0.0], [[1.0]])


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        ((TWO, [0, 1], [0, 1], 1), {}, ValueError, "X has 1 column; the network has 2 inputs"),
        ((TWO, np.eye(2), [[0, 1], [0, 1]], 1), {}, ValueError, "Y has 2 outputs, the network has 1"),
        ((TWO, np.eye(2), [0, 1, 2], 1), {}, ValueError, "Y has 3 rows"),
        ((TWO, np.eye(2), [0, 1], -1), {}, ValueError, "lam"),
        ((TWO, np.eye(2), [0, 1], True), {}, TypeError, "lam"),
        ((TWO, np.eye(2), [0, 1], 1e-320), {"weights": [1e300, 1e300]}, ValueError, "too far from the scale"),
        ((TWO, np.eye(2), [0, 1], 1), {"weights": [0, 0]}, ValueError, "weights"),
        ((TWO, np.eye(2), [0, np.nan], 1), {"weights": [0, 1]}, ValueError, "every label of output 0 has weight 0"),
        ((TWO, np.eye(2), [0, 3], 1), {"loss": "hinge"}, ValueError, "label 3.0"),
        ((TWO, np.eye(2), [0, 1], 1), {"dual": np.zeros((3, 1))}, ValueError, "dual has shape"),
        ((TWO, np.eye(2), [0, 1], 1), {"dual": [np.nan, 0]}, ValueError, "dual holds NaN"),
        ((TWO, np.eye(2), [0, 1], 1), {"dual": ["0", "1"]}, TypeError, "dual must hold real numbers"),
        ((PiecewiseLinear([0, 1], [0, 1]), [0, 1], [0, 1], 1), {"penalise_bias": True}, TypeError, "ReLUNetworks"),
    ],
)
def test_bad_arguments_are_named(arguments: tuple, options: dict, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        certify_fit(*arguments, **options)


@pytest.mark.parametrize("scale", [1e-8, 1.0, 1e8])
def test_where_the_best_fit_is_affine_the_bound_is_its_objective(scale: float) -> None:
    # Labels of equal points that differ: pairing the dual array with any neuron leaves nothing but rounding.
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((8, 2)), scale * rng.standard_normal(8)
    at_one_point = fit([1.0, 1.0, 1.0], scale * np.arange(3.0), 0.1 * scale, penalise_bias=True)
    opposite = fit(np.vstack([X, X]), np.append(y, -y), 0.1 * scale)
    for bound, expected in ((at_one_point, scale**2), (opposite, y @ y)):
        assert bound.certificate.objective == pytest.approx(expected, rel=1e-12)
        assert bound.certificate.lower_bound == pytest.approx(expected, rel=1e-11)
        assert bound.verify()
    none = ReLUNetwork(np.zeros((0, 1)), np.zeros(0), np.zeros((1, 0)), np.zeros((1, 1)), np.ones(1))
    certificate = judge_fit(none, [[1.0], [1.0], [1.0]], [0.0, 1.0, 2.0], 0.1, penalise_bias=True)
    assert 0 <= certificate.gap <= 1e-12


SIGNS = np.array([1.0, 1.0, -1.0, -1.0])  # orthogonal to affine functions at the points below
ENDS = [("huber:0.5", 0.5, 7.0), ("huber:1e-40", 1e-40, 7.0), ("hinge", 1.0, 1.0), ("one_class:0.5", 0.5, 3.0)]


@pytest.mark.parametrize(("X", "least"), [([[0, 0], [1, 1], [0, 1], [1, 0]], 1e-12), ([[0], [3], [1], [2]], 1e-8)])
@pytest.mark.parametrize(("loss", "end", "label"), ENDS)
def test_arrays_at_the_ends_of_their_domain_lose_nothing(X, least, loss, end, label):
    """Every dual value is at an end of its domain, or next to it: zero is optimal for a large lam."""
    x, d = np.array(X, dtype=np.float64), len(X[0])
    zero = ReLUNetwork(np.zeros((0, d)), np.zeros(0), np.zeros((1, 0)), np.zeros((1, d)), np.zeros(1))
    for moved in (0.0, 2.0**-53, 1e-12, 1e-9):
        dual = end * SIGNS * (1 - moved * np.arange(4))
        judged = certify_fit(zero, x, label * SIGNS, lam=10 * end, loss=loss, dual=dual)
        assert 0 <= judged.gap < least


def test_only_exact_orthogonality_needs_no_margin():
    """A point moved by an ulp: the same dual array is orthogonal up to rounding only, and pays for it."""
    x = np.array([[0, 0], [1, 1], [0, 1], [1, 0]], dtype=np.float64)
    zero = ReLUNetwork(np.zeros((0, 2)), np.zeros(0), np.zeros((1, 0)), np.zeros((1, 2)), np.zeros(1))
    moved = x.copy()
    moved[1, 0] = np.nextafter(1, 2)
    exact, other = (certify_fit(zero, X, 7 * SIGNS, lam=5, loss="huber:0.5", dual=0.5 * SIGNS) for X in (x, moved))
    assert exact.gap < 1e-12
    assert 1e-10 < other.gap < 1e-6
    assert other.lower_bound < exact.lower_bound <= exact.objective


def test_orthogonality_is_decided_without_rounding():
    line, tiny = np.array([[1.0], [1.0]]), np.array([[2.0**-600], [0.0]])
    assert is_orthogonal(line, np.array([1.0, -1.0]))
    assert not is_orthogonal(line, np.array([1.0, np.nextafter(-1, 0)]))
    assert not is_orthogonal(np.ones((3, 1)), np.array([1e300, 1.0, -1e300]))
    assert not is_orthogonal(tiny, np.array([2.0**-600, 1.0]))  # the product leaves float64


def test_a_fit_with_nearly_all_dual_values_at_an_end_is_certified():
    """From the random draws: one output's dual values are +-1/2 but one, which is 0."""
    X = [[1, 0], [3, 3], [2, -3], [0, -3], [-1, 0]]
    Y = [[-3, 0, -1], [-1, -2, -1], [3, 0, 0], [-1, -3, -2], [3, -1, -3]]
    assert fit(X, Y, 0.99, loss="huber:0.5").verify()


def test_network_outside_the_class_is_not_called_unproved():
    """A network with a skip connection may have a smaller objective than all networks without one."""
    network = ReLUNetwork([[1.0, 0.0]], [-2.0], [[0.5]], [[1.0, 0.0]], [0.0])
    X = np.array([[0.0, 0.0], [1.0, 0.0], [2.0, 1.0], [3.0, 0.0]])
    Y = network(X)
    judged = certify_fit(network, X, Y, 0.1, skip=False, dual=0.1 * (Y - Y.mean()))
    assert judged.gap < -1e-6
    gap, reason = judged.complaints(network, X, Y)
    assert "no function that competes" in gap
    assert "skip connection" in reason


def test_only_rounding_is_taken_for_zero_first():
    """One label's dual value is 3e-8, which counts in a bound on an objective of 0.2; two others are 1e-15."""
    X = [[2, -3], [-2, -3], [-1, -3], [-3, 3], [-2, 1], [-3, -3], [2, 3]]
    y, weights = [0, 0, 1, 1, 1, 0, 1], [0.714, 2.221, 0.491, 2.304, 0.622, 0.516, 0.376]
    solution = fit(X, y, 0.0039, loss="logistic", weights=weights, penalise_bias=True)
    assert solution.gap < 1e-9
