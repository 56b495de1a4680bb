"""The verifier of regularised fits against exact arithmetic, convex solvers, forgery, and its own equivalences."""

import math
import warnings
from dataclasses import replace
from fractions import Fraction

import cvxpy as cp
import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import vvnorm.verifier.line_fit
import vvnorm.verifier.line_fit_kernels
from vvnorm import ReLUNetwork, certify
from vvnorm._internal.jit import plain
from vvnorm.losses import Loss, as_losses
from vvnorm.piecewise import PiecewiseLinear
from vvnorm.testing import networks
from vvnorm.verifier import losses as verifier_losses
from vvnorm.verifier.check import certify_fit

LOSSES = ("squared", "logistic", "hinge", "huber:0.7", "one_class:0.3")
CLASSES = ("logistic", "hinge")
entry_gap = plain(cache=False)(verifier_losses.entry_gap.py_func)  # only kernels call it
NUMBERS = ("objective", "loss", "vv_norm", "lower_bound", "gap")
seeds = st.integers(0, 2**16)


def problem(seed, n=12, names=("squared",), missing=0.0, repeats=False):
    """Data with a label type for every output, weights over two orders of magnitude, sorted or not."""
    rng = np.random.default_rng(seed)
    x = rng.choice(np.arange(n // 2) / 3, n) if repeats else rng.uniform(-1, 2, n)
    x[:3] = [-1.5, 0.1, 2.5]
    Y = np.sin(2 * x)[:, None] + rng.standard_normal((n, len(names)))
    for t, name in enumerate(names):
        if name in CLASSES:
            Y[:, t] = Y[:, t] > 0
            Y[:4, t] = [0, 1, 1, 0]
    hidden = rng.random(Y.shape) < missing
    hidden[:4] = False
    Y[hidden] = np.nan
    return x, Y, 10.0 ** rng.uniform(-1, 1, Y.shape)


def optimum(x, Y, lam, losses, weights, skip=True):
    """A solution by CVXPY over neurons at the data points, and its dual array."""
    knots = np.unique(x)
    N, T = Y.shape
    weights = np.ones((N, T)) if weights is None else np.broadcast_to(weights, (N, T))
    right = np.maximum(x[:, None] - knots[:-1], 0)
    features = right[:, 1:] if skip else np.hstack([right, np.maximum(knots[1:] - x[:, None], 0)])
    V, A, c = cp.Variable((features.shape[1], T)), cp.Variable((1, T)), cp.Variable((1, T))
    U = cp.Variable((N, T))
    fit = features @ V + np.ones((N, 1)) @ c + (x[:, None] @ A if skip else 0)
    terms = []
    for t, loss in enumerate(losses):
        here = ~np.isnan(Y[:, t])
        u, y, w = U[here, t], Y[here, t], weights[here, t]
        sign = np.where(y > 0, 1.0, -1.0)
        value = {
            "squared": lambda u=u, y=y: cp.square(u - y) / 2,
            "logistic": lambda u=u, s=sign: cp.logistic(cp.multiply(-s, u)),
            "hinge": lambda u=u, s=sign: cp.pos(1 - cp.multiply(s, u)),
            "huber": lambda u=u, y=y, d=loss.parameter: cp.huber(u - y, d) / 2,
            "one_class": lambda u=u, y=y, nu=loss.parameter: cp.maximum(nu * (y - u), (1 - nu) * (u - y)),
        }[loss.name]()
        terms.append(w @ value)
    constraint = fit == U
    program = cp.Problem(cp.Minimize(sum(terms) + lam * cp.sum(cp.norm(V, 2, axis=1))), [constraint])
    with warnings.catch_warnings():
        # Whether Clarabel calls it inaccurate depends on the processor; the certificate judges it.
        warnings.simplefilter("ignore", UserWarning)
        program.solve(solver=cp.CLARABEL, tol_gap_abs=1e-10, tol_gap_rel=1e-10, tol_feas=1e-10)
    m = len(knots)
    w = np.ones(m - 2) if skip else np.concatenate([np.ones(m - 1), -np.ones(m - 1)])
    b = -knots[1:-1] if skip else np.concatenate([-knots[:-1], knots[1:]])
    network = ReLUNetwork(w[:, None], b, V.value.T, A.value.T if skip else None, c.value[0])
    return network, constraint.dual_value, program.value


# --- exact arithmetic -------------------------------------------------------------------------------------------------


def exact_bound(network, x, Y, lam, weights):
    """Objective and bound of squared losses without missing labels in rational arithmetic, norms to 60 digits."""
    x = [Fraction(v) for v in x.tolist()]
    N, T = Y.shape
    w, b, V, A, c = (
        np.vectorize(Fraction, otypes=[object])(a) for a in (network.W[:, 0], network.b, network.V, network.A, network.c)
    )
    y, omega = (np.vectorize(Fraction, otypes=[object])(a) for a in (Y, weights))
    hidden = np.array([[max(p * v + q, Fraction(0)) for p, q in zip(w, b, strict=True)] for v in x], dtype=object).reshape(
        N, len(w)
    )
    u = np.array([[sum(hidden[i] * V[t], Fraction(0)) + A[t, 0] * x[i] + c[t] for t in range(T)] for i in range(N)])
    R = np.empty((N, T), dtype=object)
    X = np.array(x, dtype=object)
    for t in range(T):
        r, o = omega[:, t] * (y[:, t] - u[:, t]), omega[:, t]
        p, px, pxx, s, sx = sum(o), sum(o * X), sum(o * X * X), sum(r), sum(r * X)
        det = p * pxx - px * px
        R[:, t] = r - o * ((pxx * s - px * sx) / det + (p * sx - px * s) / det * X)
    with mpmath.workdps(60):

        def real(q):
            return mpmath.mpf(q.numerator) / q.denominator

        def norm(row):
            return mpmath.sqrt(mpmath.fsum(real(q) ** 2 for q in row))

        largest = max(norm([sum(R[:, t] * [max(v - a, Fraction(0)) for v in x]) for t in range(T)]) for a in x)
        theta = min(mpmath.mpf(1), mpmath.mpf(lam) / largest) if largest else mpmath.mpf(1)
        first, second = sum((R * y).ravel()), sum((R * R / omega).ravel())
        cost = mpmath.fsum(abs(real(w[k])) * norm(V[:, k]) for k in range(len(w)))
        loss = real(sum((omega * (u - y) ** 2).ravel())) / 2
        return loss + mpmath.mpf(lam) * cost, theta * real(first) - theta**2 * real(second) / 2


@settings(max_examples=25)
@given(networks(inputs=1, outputs=2, max_neurons=6, orders=2), seeds, st.floats(0.01, 30))
def test_objective_and_bound_are_those_of_exact_arithmetic(network, seed, lam):
    x, Y, weights = problem(seed, n=7, names=("squared",) * 2)
    judged = certify_fit(network, x, Y, lam, weights=weights)
    primal, dual = exact_bound(network, x, Y, lam, weights)
    assert judged.objective == pytest.approx(float(primal), rel=1e-13)
    assert mpmath.mpf(judged.lower_bound) <= max(dual, 0)
    assert judged.lower_bound == pytest.approx(max(float(dual), 0.0), abs=1e-12 * float(primal))
    assert judged.gap == pytest.approx(min(float((primal - dual) / primal), 1.0), abs=1e-12)
    assert mpmath.mpf(judged.gap) * primal >= min(primal - dual, primal) * (1 - mpmath.mpf(10) ** -14)


@given(
    st.sampled_from(LOSSES), st.sampled_from([-1.0, 1.0]), st.floats(-20, 20), st.floats(0.001, 0.999), st.floats(0.01, 1)
)
def test_entry_gaps_are_those_of_brute_force_conjugates(name, sign, off, share, theta):
    (loss,) = as_losses(name, 1)
    width, start = {"squared": (40, -20), "huber": (1.4, -0.7), "one_class": (1, -0.7)}.get(loss.name, (1, 0))
    r = start + width * share if loss.name not in CLASSES else sign * share
    y = {"logistic": (sign + 1) / 2, "hinge": sign}.get(loss.name, 0.0)

    def paired(u):
        return float(loss.value(np.array(u), np.array(y))) + theta * r * u

    low, high = -60.0, 60.0
    for _ in range(200):  # ternary search for the least value of a convex function
        a, b = low + (high - low) / 3, high - (high - low) / 3
        low, high = (low, b) if paired(a) <= paired(b) else (a, high)
    value, gap, *sensitivities = entry_gap(loss.code, loss.parameter, sign, off, 0.0, theta, r, 0.0)
    assert value == pytest.approx(float(loss.value(np.array(off), np.array(y))), rel=1e-12, abs=1e-15)
    assert gap == pytest.approx(paired(off) - paired((low + high) / 2), rel=1e-8, abs=1e-9)
    assert gap >= 0
    assert min(sensitivities) >= 0


@given(st.floats(-700, 700), st.floats(-1e-3, 1e-3))
def test_the_logistic_gap_is_accurate_next_to_the_optimum(margin, step):
    wrong = 1 / (1 + math.exp(margin))
    s = min(max(wrong * (1 + step), 0.0), 1.0)
    _, gap, *_ = entry_gap(Loss("logistic").code, 0.0, 1.0, margin, 0.0, 1.0, s, 0.0)
    with mpmath.workdps(700):
        m, q = mpmath.mpf(margin), mpmath.mpf(s)
        p = 1 / (1 + mpmath.exp(m))
        rest = (1 - q) * mpmath.log((1 - q) / (1 - p)) if q < 1 else 0
        exact = (q * mpmath.log(q / p) if q > 0 else 0) + rest
        assert exact <= mpmath.mpf(gap) * (1 + mpmath.mpf(2) ** -42)
        assert float(mpmath.mpf(gap) - exact) <= 1e-12 * float(exact) + 1e-14 * abs(float(q - p)) + 1e-29


# --- weak duality and optima ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("skip", [True, False])
@given(networks(inputs=1, outputs=5, orders=2), networks(inputs=1, outputs=5, orders=2), seeds, st.floats(1e-3, 30))
@settings(max_examples=15)
def test_no_network_beats_a_bound(skip, first, second, seed, lam):
    x, Y, weights = problem(seed, n=15, names=LOSSES, missing=0.2)
    if not skip:
        first, second = (ReLUNetwork(f.W, f.b, f.V, None, f.c) for f in (first, second))
    dual = np.random.default_rng(seed).standard_normal(Y.shape)
    bounds = [certify_fit(first, x, Y, lam, loss=LOSSES, weights=weights, skip=skip, dual=given) for given in (None, dual)]
    rival = certify_fit(second, x, Y, lam, loss=LOSSES, weights=weights, skip=skip)
    for judged in bounds:
        assert judged.lower_bound <= min(rival.objective, judged.objective) * (1 + 1e-13)


@pytest.mark.parametrize("skip", [True, False])
@pytest.mark.parametrize("lam", [0.05, 1.0])
@pytest.mark.parametrize("names", [*[(name,) * 2 for name in LOSSES], LOSSES])
def test_an_optimum_is_proved(names, lam, skip):
    x, Y, weights = problem(1, n=20, names=names, missing=0.15, repeats=True)
    losses = as_losses(names, len(names))
    network, dual, value = optimum(x, Y, lam, losses, weights, skip)
    judged = certify_fit(network, x, Y, lam, loss=names, weights=weights, skip=skip, dual=-dual)
    flipped = certify_fit(network, x, Y, lam, loss=names, weights=weights, skip=skip, dual=dual)
    judged = judged if judged.gap < flipped.gap else flipped
    assert judged.objective == pytest.approx(value, rel=1e-5)
    assert -1e-12 <= judged.gap < 1e-6
    assert judged.complaints(network, x, Y, weights=weights) == []
    if {*names} == {"squared"}:
        assert certify_fit(network, x, Y, lam, weights=weights, skip=skip).gap < 1e-6
    # The optimum bounds what any dual array proves.
    for scale in (0.0, 1e-3, 1.0):
        noise = scale * np.random.default_rng(0).standard_normal(Y.shape)
        forged = certify_fit(network, x, Y, lam, loss=names, weights=weights, skip=skip, dual=judged.dual + noise)
        assert forged.lower_bound <= judged.objective * (1 + 1e-9)
        wild = certify_fit(network, x, Y, lam, loss=names, weights=weights, skip=skip, dual=1e3 * judged.dual + noise)
        assert wild.lower_bound <= judged.objective * (1 + 1e-9)


def line(x, Y):
    slope, constant = np.linalg.lstsq(np.column_stack([x, np.ones_like(x)]), Y, rcond=None)[0]
    return ReLUNetwork(np.empty((0, 1)), np.empty(0), np.empty((Y.shape[1], 0)), slope[:, None], constant)


@pytest.mark.parametrize("offset", [0.0, 1e6])
def test_the_least_squares_line_is_optimal_above_the_largest_useful_lam(offset):
    x, Y, _ = problem(3, n=50, names=("squared",) * 4)
    network = line(x, Y)
    judged = certify_fit(network, x + offset, Y, 1e3) if offset == 0 else None
    moved = certify_fit(line(x + offset, Y), x + offset, Y, 1e3)
    assert moved.gap < 1e-10
    if judged is not None:
        assert judged.gap < 1e-15
        assert judged.complaints(network, x, Y, tol=1e-14) == []
        assert judged.lower_bound == pytest.approx(judged.objective, rel=1e-13)


def test_labels_that_are_fitted_exactly_cost_nothing():
    network = ReLUNetwork([[1.0]], [5.0], [[0.0]], [[2.0]], [1.0])
    judged = certify_fit(network, [0, 1, 2], [1, 3, 5], 1.0)
    assert (judged.objective, judged.lower_bound, judged.gap) == (0, 0, 0)


# --- forgery ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def proved():
    x, Y, weights = problem(5, n=15, names=("squared", "huber"))
    losses = as_losses(("squared", "huber"), 2)
    network, dual, _ = optimum(x, Y, 0.5, losses, weights)
    judged = min(
        (certify_fit(network, x, Y, 0.5, loss=losses, weights=weights, dual=sign * dual) for sign in (1, -1)),
        key=lambda certificate: certificate.gap,
    )
    assert judged.complaints(network, x, Y, weights=weights) == []
    return network, x, Y, weights, judged


@pytest.mark.parametrize("name", [*NUMBERS, "lam"])
def test_a_changed_number_is_rejected(proved, name):
    network, x, Y, weights, judged = proved
    forged = replace(judged, **{name: getattr(judged, name) * (1 + 1e-6) + (name == "gap") * 1e-9})
    assert forged.complaints(network, x, Y, weights=weights)


def test_other_changes_are_rejected(proved):
    network, x, Y, weights, judged = proved
    moved = ReLUNetwork(network.W, network.b, network.V, network.A, network.c + 0.01)
    assert any("objective" in complaint for complaint in judged.complaints(moved, x, Y, weights=weights))
    assert judged.complaints(network, x, Y)
    assert judged.complaints(network, x, Y + 0.1, weights=weights)
    assert judged.complaints(network, x[:-1], Y, weights=weights)
    assert replace(judged, losses=as_losses("squared", 2)).complaints(network, x, Y, weights=weights)
    assert any(
        "not proved optimal" in complaint
        for complaint in replace(judged, dual=0 * judged.dual).complaints(network, x, Y, weights=weights)
    )
    without = replace(judged, skip=False)
    assert any("skip connection" in complaint for complaint in without.complaints(network, x, Y, weights=weights))


# --- equivalences -----------------------------------------------------------------------------------------------------


def assert_same(first, second, rel=1e-9):
    for name in NUMBERS:
        size = 1.0 if name == "gap" else abs(first.objective)
        assert getattr(first, name) == pytest.approx(getattr(second, name), rel=rel, abs=1e-11 * size), name


def random_network(seed, T, K=8):
    rng = np.random.default_rng(seed)
    return ReLUNetwork(*(rng.standard_normal(s) for s in ((K, 1), (K,), (T, K), (T, 1), (T,))))


@pytest.mark.parametrize("skip", [True, False])
@given(seeds)
@settings(max_examples=5)
def test_weight_two_is_an_entry_twice_and_zero_is_a_missing_one_and_order_is_nothing(skip, seed):
    x, Y, weights = problem(seed, n=14, names=LOSSES, missing=0.2, repeats=True)
    rng = np.random.default_rng(seed)
    network = random_network(seed, 5)
    weights = rng.integers(1, 3, Y.shape).astype(float)
    dual = rng.standard_normal(Y.shape)

    def judge(x, Y, weights, dual):
        return certify_fit(network, x, Y, 3.0, loss=LOSSES, weights=weights, skip=skip, dual=dual)

    once = judge(x, Y, weights, dual)
    extra = np.where(weights == 2, Y, np.nan)
    twice = judge(
        np.tile(x, 2), np.vstack([Y, extra]), None, np.vstack([dual / weights, np.where(weights == 2, dual / 2, 0)])
    )
    assert_same(once, twice)
    hidden = rng.random(Y.shape) < 0.1
    hidden[:4] = False
    assert_same(judge(x, Y, np.where(hidden, 0, weights), dual), judge(x, np.where(hidden, np.nan, Y), weights, dual))
    order = rng.permutation(len(x))
    assert_same(once, judge(x[order], Y[order], weights[order], dual[order]))


@pytest.mark.parametrize(
    ("x_scale", "y_scale", "w_scale"), [(2.0**-300, 2.0**260, 1.0), (2.0**300, 2.0**-220, 4.0), (8, 16, 2.0**-250)]
)
def test_scales_carry_over(x_scale, y_scale, w_scale):
    x, Y, weights = problem(2, n=14, names=("squared",) * 3, missing=0.1)
    network = random_network(2, 3)
    once = certify_fit(network, x, Y, 3.0, weights=weights)
    scaled = ReLUNetwork(
        network.W, network.b * x_scale, network.V / x_scale * y_scale, network.A / x_scale * y_scale, network.c * y_scale
    )
    again = certify_fit(scaled, x * x_scale, Y * y_scale, 3.0 * y_scale * x_scale * w_scale, weights=weights * w_scale)
    assert again.gap == pytest.approx(once.gap, rel=1e-9)
    assert again.objective == pytest.approx(once.objective * y_scale * y_scale * w_scale, rel=1e-12)
    assert again.lower_bound == pytest.approx(once.lower_bound * y_scale * y_scale * w_scale, rel=1e-9)


@given(seeds)
@settings(max_examples=10)
def test_outputs_can_be_rotated(seed):
    x, Y, _ = problem(seed, n=14, names=("squared",) * 3)
    network = random_network(seed, 3)
    Q = np.linalg.qr(np.random.default_rng(seed).standard_normal((3, 3)))[0]
    turned = ReLUNetwork(network.W, network.b, Q @ network.V, Q @ network.A, Q @ network.c)
    assert_same(certify_fit(network, x, Y, 3.0), certify_fit(turned, x, Y @ Q.T, 3.0))


@pytest.mark.parametrize("skip", [True, False])
@given(seeds, st.integers(2, 9))
@settings(max_examples=15)
def test_values_and_weights_of_one_function_agree(skip, seed, k):
    x, Y, weights = problem(seed, n=14, names=LOSSES, missing=0.2)
    rng = np.random.default_rng(seed)
    knots = np.cumsum(rng.integers(1, 5, k)) / 4 - 2  # slopes and their jumps are representable
    slopes = rng.integers(-8, 8, (k - 1, 5)) / 8
    values = np.vstack([np.zeros(5), np.cumsum(slopes * np.diff(knots)[:, None], axis=0)])
    pieces = PiecewiseLinear(knots, values)
    network = ReLUNetwork(
        np.ones((k - 2, 1)), -knots[1:-1], np.diff(slopes, axis=0).T, slopes[0][:, None], values[0] - slopes[0] * knots[0]
    )
    first, second = (
        certify_fit(f, x, Y, 2.0, loss=LOSSES, weights=weights, skip=skip, dual=np.nan_to_num(Y)) for f in (pieces, network)
    )
    assert_same(first, second)
    assert first.numbers() == pytest.approx(second.numbers(), rel=1e-9, abs=1e-11)


def test_memory_mapped_data_are_as_good(tmp_path, monkeypatch):
    monkeypatch.setattr(vvnorm.verifier.line_fit, "_BLOCK", 100)
    x, Y, weights = problem(1, n=200, names=LOSSES, missing=0.1)
    x = np.sort(x)
    network = random_network(1, 5)
    arrays = {"x": x, "Y": Y, "weights": weights, "dual": np.random.default_rng(0).standard_normal(Y.shape)}
    for name, array in arrays.items():
        np.save(tmp_path / f"{name}.npy", array)
    mapped = {name: np.load(tmp_path / f"{name}.npy", mmap_mode="r") for name in arrays}
    first, second = (
        certify_fit(network, a["x"], a["Y"], 3.0, loss=LOSSES, weights=a["weights"], dual=a["dual"])
        for a in (arrays, mapped)
    )
    assert first.numbers() == second.numbers()
    monkeypatch.undo()
    assert_same(first, certify_fit(network, x, Y, 3.0, loss=LOSSES, weights=weights, dual=arrays["dual"]))


def test_the_verifier_sees_what_float_weights_lose():
    """One fit with 3000 knots, as its values and as naive differences of slopes: at small lam only the former is proved."""
    rng = np.random.default_rng(0)
    n, lam = 3000, 1e-9
    x = np.sort(rng.uniform(0, 1, n)) + 1.0
    Y = rng.standard_normal((n, 1))
    gap = np.diff(x)
    eta = np.zeros((n, 1))
    delta = np.diff(np.diff(Y, axis=0) / gap[:, None], axis=0)
    eta[1:-1] = np.sign(delta)
    R = np.zeros((n, 1))  # lam D' eta, so that labels minus R are optimal for small lam
    R[1:-1] -= lam * (1 / gap[:-1] + 1 / gap[1:])[:, None] * eta[1:-1]
    R[:-2] += lam * eta[1:-1] / gap[:-1, None]
    R[2:] += lam * eta[1:-1] / gap[1:, None]
    values = Y - R
    slopes = np.diff(values, axis=0) / gap[:, None]
    naive = ReLUNetwork(np.ones((n - 2, 1)), -x[1:-1], np.diff(slopes, axis=0).T, slopes[:1], values[0] - slopes[0] * x[0])
    kept, lost = (certify_fit(f, x, Y, lam) for f in (PiecewiseLinear(x, values), naive))
    assert kept.gap < 1e-6
    assert lost.gap > 0.1
    assert lost.loss > kept.loss


# --- what is refused --------------------------------------------------------------------------------------------------

NET = ReLUNetwork([[1.0]], [-1.0], [[1.0]])
X3, Y3 = [0, 1, 2], [0, 0, 1]


@pytest.mark.parametrize(
    ("arguments", "options", "kind", "message"),
    [
        ((NET, X3, Y3, -1), {}, ValueError, "lam must be a positive finite number, got -1"),
        ((NET, X3, Y3, 0), {}, ValueError, "lam"),
        ((NET, X3, Y3, math.nan), {}, ValueError, "lam.*nan"),
        ((NET, X3, Y3, math.inf), {}, ValueError, "lam.*inf"),
        ((NET, X3, Y3, "1"), {}, TypeError, "lam must be a number, got '1'"),
        ((NET, X3, Y3, True), {}, TypeError, "lam"),
        ((NET, X3, Y3, 1), {"weights": [1, -2, 1]}, ValueError, r"weights holds -2\.0 at row 1"),
        ((NET, X3, Y3, 1), {"weights": [1, np.nan, 1]}, ValueError, "weights holds nan"),
        ((NET, X3, Y3, 1), {"weights": [1, np.inf, 1]}, ValueError, "weights holds inf"),
        ((NET, X3, Y3, 1), {"weights": [1, 1]}, ValueError, "weights has shape"),
        ((NET, X3, Y3, 1), {"weights": ["a", "b", "c"]}, TypeError, "weights"),
        ((NET, X3, Y3, 1), {"weights": [0, 0, 0]}, ValueError, "weights are all 0"),
        ((NET, X3, [np.nan, 1, 2], 1), {"weights": [1, 0, 0]}, ValueError, "every label of output 0 has weight 0"),
        ((NET, X3, Y3, 1), {"loss": "absolute"}, ValueError, "absolute"),
        ((NET, X3, Y3, 1), {"loss": ["squared"] * 2}, ValueError, "loss has 2 entries, but Y has 1 output"),
        ((NET, X3, [0, 1, 3], 1), {"loss": "logistic"}, ValueError, r"label 3\.0"),
        ((NET, X3, [0, 1, -1], 1), {"loss": "hinge"}, ValueError, "-1 and 0"),
        ((NET, X3, Y3, 1), {"dual": [1, 2]}, ValueError, "dual has shape"),
        ((NET, X3, Y3, 1), {"dual": [1, np.nan, 2]}, ValueError, "dual holds NaN"),
        ((NET, X3, Y3, 1), {"dual": ["a", "b", "c"]}, TypeError, "dual"),
        ((NET, X3, [np.nan] * 3, 1), {}, ValueError, "no label at all"),
        ((NET, X3, np.zeros((3, 2)), 1), {}, ValueError, "2 outputs"),
        ((NET, X3[:2], Y3, 1), {}, ValueError, "2 inputs"),
        ((NET, [0, np.nan, 1], Y3, 1), {}, ValueError, "X holds nan"),
        ((NET, np.zeros((3, 2)), Y3, 1), {}, ValueError, "X has 2 columns; the network has 1"),
        (("net", X3, Y3, 1), {}, TypeError, "function must be"),
        ((NET, X3, [1e300, 0, -1e300], 1), {}, ValueError, "range of float64"),
    ],
)
def test_bad_arguments_are_named(arguments, options, kind, message):
    with pytest.raises(kind, match=message):
        certify_fit(*arguments, **options)


def test_certify_passes_on():
    judged = certify_fit(NET, X3, Y3, 0.1)
    certificate = certify(NET, X3, Y3, lam=0.1)  # asks the solver for a dual array, too
    assert certificate.objective == judged.objective
    assert judged.lower_bound <= certificate.lower_bound <= certificate.objective
    assert certify(PiecewiseLinear([0, 1, 2], Y3), X3, Y3, lam=0.1).objective == judged.objective
    assert certify(ReLUNetwork([[1.0, 0.0]], [0.0], [[1.0]]), np.eye(2), [1, 0], lam=0.1).objective == 0.1
    with pytest.raises(ValueError, match="lam"):
        certify(NET, X3, Y3, lam=-1)
    with pytest.raises(ValueError, match="interpolation"):
        certify(NET, X3, Y3, weights=[1, 1, 1])
    with pytest.raises(TypeError, match="PiecewiseLinear"):
        certify(PiecewiseLinear([0, 1, 2], Y3), X3, Y3)


@pytest.mark.parametrize("skip", [True, False])
@pytest.mark.parametrize("loss", ["squared", "huber:0.3", "logistic"])
def test_one_distinct_input_bounds_every_function(loss: str, skip: bool) -> None:
    """The bound is the least sum of losses over one number; functions that are elsewhere leave a gap."""
    Y = np.array([0.0, 1, 1, 0, 1])
    least = {"squared": 0.6, "huber:0.3": 0.45, "logistic": -3 * np.log(0.6) - 2 * np.log(0.4)}[loss]
    best = {"squared": 0.6, "huber:0.3": 0.8, "logistic": np.log(1.5)}[loss]
    for offset in (0.0, 0.2, -0.1):
        function = ReLUNetwork([[1.0]], [-5.0], [[0.0]], A=[[0.0]], c=[best + offset])
        certificate = certify_fit(function, np.full(5, 3.0), Y, 0.5, loss=loss, skip=skip)
        assert certificate.lower_bound <= least * (1 + 1e-12)
        if offset == 0:
            assert certificate.objective == pytest.approx(least, rel=1e-12)
            assert certificate.gap < 1e-12
            assert certificate.complaints(function, np.full(5, 3.0), Y) == []
        else:
            assert certificate.gap > 1e-3
    bent = ReLUNetwork([[1.0]], [-2.0], [[1.0]], A=[[0.0]], c=[best - 1])
    assert certify_fit(bent, np.full(5, 3.0), Y, 0.5, loss=loss, skip=skip).objective == pytest.approx(least + 0.5)


ENDS = [
    ("huber:0.5", [10.0, -10.0, -10.0, 10.0], 0.5),
    ("hinge", [1.0, -1.0, -1.0, 1.0], 1.0),
    ("logistic", [1.0, -1.0, -1.0, 1.0], 0.5),
    ("one_class:0.5", [1.0, -1.0, -1.0, 1.0], 0.5),
]
"""Losses, labels at 0, 1, 2, 3 whose best constant is 0, and sizes of their dual values, whose signs are the labels'."""


@pytest.mark.parametrize("outputs", [1, 2])
@pytest.mark.parametrize("skip", [True, False])
@pytest.mark.parametrize(("loss", "labels", "size"), ENDS)
def test_arrays_at_the_ends_of_the_domain_are_accepted(loss, labels, size, skip, outputs):
    x, Y, options = np.arange(4.0), np.outer(labels, [1, -1][:outputs]), {"loss": loss, "skip": skip}
    dual = size * np.sign(Y)
    best = vvnorm.fit(x, Y, 20.0, **options)
    assert best.gap <= 1e-8, "the fit's own array"
    assert best.verify()
    nothing = PiecewiseLinear(x[[0, -1]], np.zeros((2, outputs)))
    assert certify_fit(nothing, x[:, None], Y, 20.0, dual=dual, **options).gap <= 1e-8, "a given array"
    # One entry of the other sign is not orthogonal to constants: what it would prove is false.
    dual[0] = -dual[0]
    forged = certify_fit(nothing, x[:, None], Y, 20.0, dual=dual, **options)
    assert forged.lower_bound <= best.value * (1 + 1e-12)


def test_two_points_beyond_the_domain_of_huber_without_a_skip_connection():
    best = vvnorm.fit([0, 1], [0.756, -0.808], 1.0, loss="huber:0.5", skip=False)
    assert best.value == pytest.approx(0.532, rel=1e-9)
    assert best.gap <= 1e-8
