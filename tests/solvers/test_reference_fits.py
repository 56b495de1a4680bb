"""Fits by convex programs against other solvers, against brute force, and against weak duality."""

from itertools import product

import numpy as np
import pytest
from scipy.optimize import linprog, minimize
from scipy.special import expit
from sklearn.linear_model import Lasso, LinearRegression, MultiTaskLasso

from vvnorm import ReLUNetwork, random_dataset
from vvnorm.losses import as_losses, canonical_labels
from vvnorm.solvers.reference import CurvatureFit, budgeted_fit, curvature_fit, dictionary_program

MIXTURES = [
    ["squared"],
    ["hinge"],
    ["logistic"],
    ["squared", "squared", "squared"],
    ["huber:0.3", "squared"],
    ["logistic", "squared", "hinge"],
    ["one_class:0.2", "huber"],
]
SMOOTH = ["squared", "huber:0.4", "logistic"]
PIECEWISE_LINEAR = ["hinge", "one_class:0.3"]


def draw(losses: list[str], n: int = 20, seed: int = 0, *, repeats: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """Unsorted inputs, some of them repeated with different labels, and labels that suit the losses, some missing."""
    rng = np.random.default_rng([n, len(losses), seed])
    x = 0.3 * rng.integers(0, 2 * n // 3, n) if repeats else rng.permutation(np.cumsum(rng.uniform(0.1, 1, n)))
    Y = rng.standard_normal((n, len(losses)))
    for t, loss in enumerate(losses):
        if loss in ("hinge", "logistic"):
            Y[:, t] = rng.permutation(np.arange(n) % 2)
    if repeats:
        Y[rng.random(Y.shape) < 0.1] = np.nan
    return x, Y


def objective(f: ReLUNetwork, x: np.ndarray, Y: np.ndarray, lam: float, losses: list[str], w: np.ndarray) -> float:
    kinds, fitted = as_losses(losses, Y.shape[1]), f(x)
    labels = canonical_labels(Y, kinds)
    values = [np.sum(w[:, t] * kind.value(fitted[:, t], labels[:, t])) for t, kind in enumerate(kinds)]
    return float(sum(values)) + lam * f.vv_norm


def dual_value(fit: CurvatureFit, Y: np.ndarray, losses: list[str], w: np.ndarray) -> float:
    """Sum over present labels of min over u of w loss(u, y) + R u."""
    kinds = as_losses(losses, Y.shape[1])
    total = 0.0
    for t, kind in enumerate(kinds):
        y = canonical_labels(Y, kinds)[:, t]
        present = ~np.isnan(y)
        y, r, size = y[present], fit.dual[present, t] / w[present, t], w[present, t]
        if kind.name == "logistic":
            p = np.clip(y - r, 1e-300, 1 - 1e-16)
            values = -p * np.log(p) - (1 - p) * np.log1p(-p)
        else:
            values = r * y - (r * r / 2 if kind.name in ("squared", "huber") else 0)
        total += float(size @ values)
    return total


def relu_basis(x: np.ndarray, refinement: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Rising neurons with kinks at the distinct inputs and between them: W and b."""
    points = np.unique(x)
    steps = np.arange(refinement + 1) / (refinement + 1)
    kinks = (points[:-1, None] + np.diff(points)[:, None] * steps).ravel()[1:]
    return np.ones((len(kinks), 1)), -kinks


# --- certified by weak duality ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("skip", [True, False])
@pytest.mark.parametrize("lam", [0.02, 0.5])
@pytest.mark.parametrize("losses", MIXTURES, ids=" ".join)
def test_network_and_multipliers_close_the_duality_gap(losses: list[str], lam: float, skip: bool) -> None:
    x, Y = draw(losses)
    w = np.random.default_rng(1).uniform(0.5, 2, Y.shape)
    optimum = curvature_fit(x, Y, lam, loss=losses, weights=w, skip=skip)
    reached = objective(optimum.network, x, Y, lam, losses, w)
    assert reached == pytest.approx(optimum.value, rel=1e-6)
    assert dual_value(optimum, Y, losses, w) == pytest.approx(reached, rel=1e-6)
    # The rest of dual feasibility: no neuron's response exceeds lam, affine functions have none.
    _, b = relu_basis(x, refinement=2)
    both = np.column_stack([np.maximum(x[:, None] * s + s * b, 0.0) for s in (1, -1)])
    assert np.linalg.norm(both.T @ optimum.dual, axis=1).max() <= lam * (1 + 1e-6)
    assert np.abs(optimum.dual.sum(axis=0)).max() <= 1e-6 * lam
    assert not skip or np.abs(x @ optimum.dual).max() <= 1e-6 * lam
    assert skip or not optimum.network.A.any()
    np.testing.assert_allclose(optimum.network(optimum.x), optimum.values, rtol=0, atol=1e-9)
    assert np.all(optimum.dual[np.isnan(Y)] == 0)


@pytest.mark.parametrize("losses", MIXTURES, ids=" ".join)
def test_rows_may_come_in_any_order(losses: list[str]) -> None:
    x, Y = draw(losses)
    order = np.random.default_rng(2).permutation(len(x))
    first, second = curvature_fit(x, Y, 0.1, loss=losses), curvature_fit(x[order], Y[order], 0.1, loss=losses)
    assert second.value == pytest.approx(first.value, rel=1e-7)
    np.testing.assert_allclose(second.dual.sum(axis=0), 0, atol=1e-6)
    if losses == ["squared"] * 3:
        np.testing.assert_allclose(second.dual, first.dual[order], atol=1e-3)


# --- against other solvers --------------------------------------------------------------------------------------------


def affine_free(x: np.ndarray, *columns: np.ndarray) -> list[np.ndarray]:
    """Coordinates of columns in the orthogonal complement of the affine functions at x."""
    rest = np.linalg.qr(np.column_stack([np.ones(len(x)), x]), mode="complete")[0][:, 2:]
    return [rest.T @ column for column in columns]


@pytest.mark.parametrize("lam", [0.01, 0.1])
@pytest.mark.parametrize("outputs", [1, 3])
def test_squared_loss_agrees_with_the_lasso_of_scikit_learn(outputs: int, lam: float) -> None:
    data = random_dataset(15, outputs, 3)
    W, b = relu_basis(data.X[:, 0])
    hidden, labels = affine_free(data.X[:, 0], np.maximum(data.X @ W.T + b, 0.0), data.Y)
    settings = {"alpha": lam / len(labels), "fit_intercept": False, "max_iter": 10**6, "tol": 1e-14}
    model = Lasso(**settings).fit(hidden, labels[:, 0]) if outputs == 1 else MultiTaskLasso(**settings).fit(hidden, labels)
    weights = model.coef_.reshape(outputs, -1)
    theirs = np.sum((labels - hidden @ weights.T) ** 2) / 2 + lam * np.sum(np.linalg.norm(weights, axis=0))
    assert curvature_fit(data.X, data.Y, lam).value == pytest.approx(theirs, rel=1e-6)


@pytest.mark.parametrize("refinement", [0, 3])
@pytest.mark.parametrize("lam", [0.01, 0.1, 100.0])
@pytest.mark.parametrize("skip", [True, False])
@pytest.mark.parametrize("outputs", [1, 3])
def test_squared_loss_agrees_with_the_dictionary_whatever_the_refinement(
    outputs: int, skip: bool, lam: float, refinement: int
) -> None:
    x, Y = draw(["squared"] * outputs)
    W, b = relu_basis(x, refinement)
    if not skip:
        always = [[1.0]], [-x.min()]
        W, b = np.vstack([W, -W, always[0]]), np.concatenate([b, -b, always[1]])
    theirs = dictionary_program(x, Y, W, b, lam=lam, skip=skip)
    assert curvature_fit(x, Y, lam, skip=skip).value == pytest.approx(theirs.value, rel=1e-6)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("lam", [0.05, 0.5])
@pytest.mark.parametrize("loss", SMOOTH)
def test_one_output_agrees_with_bounded_smooth_minimisation_from_many_starts(loss: str, lam: float, seed: int) -> None:
    x, Y = draw([loss], n=8, seed=seed, repeats=False)
    kind, y = as_losses(loss, 1)[0], Y[:, 0]
    _, b = relu_basis(x)
    hidden, K = np.maximum(x[:, None] + b, 0.0), len(b)
    design = np.column_stack([hidden, -hidden, x, np.ones_like(x)])
    cost = lam * (np.arange(2 * K + 2) < 2 * K)
    slope = {
        "squared": lambda u: u - y,
        "huber": lambda u: np.clip(u - y, -kind.parameter, kind.parameter),
        "logistic": lambda u: expit(u) - y,
    }[kind.name]

    def value(theta: np.ndarray) -> tuple[float, np.ndarray]:
        u = design @ theta
        return float(np.sum(kind.value(u, y)) + cost @ theta), design.T @ slope(u) + cost

    bounds = [(0, None)] * (2 * K) + [(None, None)] * 2
    rng = np.random.default_rng(seed)
    options = {"maxiter": 10**4, "maxfun": 10**6, "ftol": 1e-15, "gtol": 1e-9}
    tries = [minimize(value, rng.random(2 * K + 2), jac=True, bounds=bounds, options=options).fun for _ in range(3)]
    best = curvature_fit(x, Y, lam, loss=loss).value
    assert best <= min(tries) + 1e-7
    assert min(tries) == pytest.approx(best, rel=1e-4)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("lam", [0.05, 0.5])
@pytest.mark.parametrize("loss", PIECEWISE_LINEAR)
def test_one_output_agrees_with_linear_programming(loss: str, lam: float, seed: int) -> None:
    x, Y = draw([loss], n=12, seed=seed, repeats=False)
    kind, y = as_losses(loss, 1)[0], Y[:, 0]
    _, b = relu_basis(x)
    hidden, n, K = np.maximum(x[:, None] + b, 0.0), len(x), len(b)
    design = np.column_stack([hidden, -hidden, x, np.ones(n)])
    if kind.name == "hinge":
        y = np.where(y == 1, 1.0, -1.0)
        pieces = [(-y, np.ones(n)), (np.zeros(n), np.zeros(n))]
    else:
        pieces = [(np.full(n, slope), -slope * y) for slope in (-kind.parameter, 1 - kind.parameter)]
    # Each loss is the largest of slope * u + offset, in variables theta and one epigraph variable per label.
    rows = np.vstack([np.column_stack([slope[:, None] * design, -np.eye(n)]) for slope, _ in pieces])
    right = np.concatenate([-offset for _, offset in pieces])
    costs = np.concatenate([np.full(2 * K, lam), [0, 0], np.ones(n)])
    bounds = [(0, None)] * (2 * K) + [(None, None)] * (2 + n)
    exact = linprog(costs, A_ub=rows, b_ub=right, bounds=bounds).fun
    assert curvature_fit(x, Y, lam, loss=loss).value == pytest.approx(exact, rel=1e-6)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("lam", [0.03, 0.3])
@pytest.mark.parametrize("n", [3, 4, 5])
def test_one_output_agrees_with_trying_all_signs_of_the_curvatures(n: int, lam: float, seed: int) -> None:
    x, Y = draw(["squared"], n=n, seed=seed, repeats=False)
    order = np.argsort(x)
    x, y = x[order], Y[order, 0]
    D = np.diff(np.diff(np.eye(n), axis=0) / np.diff(x)[:, None], axis=0)
    values = []
    for signs in product((-1.0, 0.0, 1.0), repeat=n - 2):
        signs_ = np.array(signs)
        straight = D[signs_ == 0]
        # The least of |u - y|^2 / 2 + lam sum_i sign_i delta_i(u) where curvatures without a sign vanish.
        pulled = y - lam * D.T @ signs_
        u = pulled - straight.T @ np.linalg.lstsq(straight.T, pulled, rcond=None)[0] if len(straight) else pulled
        values.append(np.sum((u - y) ** 2) / 2 + lam * np.abs(D @ u).sum())
    assert curvature_fit(x, y, lam).value == pytest.approx(min(values), rel=1e-6)


# --- what must follow -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("outputs", [1, 3])
def test_far_above_lam_max_the_fit_is_the_weighted_least_squares_line(outputs: int) -> None:
    x, Y = draw(["squared"] * outputs)
    w = np.random.default_rng(0).uniform(0.5, 2, len(x))
    optimum = curvature_fit(x, Y, 1e4, weights=w)
    assert optimum.network.vv_norm < 1e-7
    for t in range(outputs):
        present = ~np.isnan(Y[:, t])
        line = LinearRegression().fit(x[present, None], Y[present, t], sample_weight=w[present])
        np.testing.assert_allclose(optimum.values[:, t], line.predict(optimum.x[:, None]), atol=1e-6)


def test_the_network_bends_only_where_the_fit_does() -> None:
    x = np.linspace(0, 1, 21)
    network = curvature_fit(x, np.abs(x - 0.3) + x, 1e-3).network
    assert 1 <= network.n_neurons <= 2
    assert np.all(np.abs(network.kinks[0] - 0.3) < 0.06)


def test_a_missing_label_is_one_of_weight_0() -> None:
    x, Y = draw(["squared"] * 2)
    present = ~np.isnan(Y)
    weighted = curvature_fit(x, np.where(present, Y, 7.0), 0.1, weights=present.astype(float))
    assert weighted.value == pytest.approx(curvature_fit(x, Y, 0.1).value, rel=1e-6)
    assert np.abs(weighted.dual[~present]).max() < 1e-9


def test_a_repeated_row_is_one_of_weight_2() -> None:
    x, Y = draw(["squared", "huber:0.2"], repeats=False)
    twice = curvature_fit(np.append(x, x[:3]), np.vstack([Y, Y[:3]]), 0.1, loss=["squared", "huber:0.2"])
    w = np.where(np.arange(len(x)) < 3, 2.0, 1.0)
    assert curvature_fit(x, Y, 0.1, loss=["squared", "huber:0.2"], weights=w).value == pytest.approx(twice.value, rel=1e-6)


@pytest.mark.parametrize(("x_scale", "y_scale", "weight"), [(1e-9, 1e7, 1), (1e8, 1e-6, 1e9), (1, 1e12, 1e-6)])
def test_units_of_data_and_weights_do_not_matter(x_scale: float, y_scale: float, weight: float) -> None:
    x, Y = draw(["squared", "huber:0.4"])
    plain = curvature_fit(x, Y, 0.1, loss=["squared", "huber:0.4"])
    lam = 0.1 * weight * y_scale * x_scale
    losses = ["squared", f"huber:{0.4 * y_scale!r}"]
    scaled = curvature_fit(x * x_scale, Y * y_scale + y_scale, lam, loss=losses, weights=np.full(len(x), float(weight)))
    assert scaled.value == pytest.approx(plain.value * y_scale**2 * weight, rel=1e-6)
    np.testing.assert_allclose(scaled.dual, plain.dual * y_scale * weight, rtol=0, atol=1e-3 * y_scale * weight)


def test_two_points_are_fitted_exactly_by_a_line_that_costs_nothing_or_its_slope() -> None:
    assert curvature_fit([0, 2], [[0, 1], [4, 1]], 1.0).value == pytest.approx(0, abs=1e-8)
    # Slope s costs s and misses the labels by 2 - s each: least at s = 3 / 2.
    steep = curvature_fit([0, 2], [0, 4], 1.0, skip=False)
    assert steep.value == pytest.approx(0.25 + 1.5, rel=1e-7)


# --- budgets ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("skip", [True, False])
@pytest.mark.parametrize("losses", [["squared"] * 3, ["squared", "huber:0.5", "one_class:0.3"], ["logistic", "squared"]])
def test_budgets_are_used_up_and_their_multipliers_are_weights_of_the_same_fit(losses: list[str], skip: bool) -> None:
    x, Y = draw(losses, repeats=False)
    kinds = as_losses(losses, len(losses))
    line = curvature_fit(x, Y, 1e4, loss=losses).network(x)
    budgets = np.array([0.4 * kind.value(line[:, t], Y[:, t]).sum() for t, kind in enumerate(kinds)])
    optimum, multipliers = budgeted_fit(x, Y, budgets, loss=losses, skip=skip)
    used = [kind.value(optimum.network(x)[:, t], Y[:, t]).sum() for t, kind in enumerate(kinds)]
    np.testing.assert_allclose(used, budgets, rtol=1e-5)
    assert optimum.network.vv_norm == pytest.approx(optimum.value, rel=1e-6)
    assert multipliers.min() > 0
    w = np.repeat(multipliers[None], len(x), axis=0)
    weighted = curvature_fit(x, Y, 1.0, loss=losses, weights=w, skip=skip)
    assert weighted.value == pytest.approx(optimum.value + multipliers @ budgets, rel=1e-6)
    assert dual_value(optimum, Y, losses, w) == pytest.approx(weighted.value, rel=1e-6)


def test_budgets_that_no_network_keeps_to_are_reported() -> None:
    with pytest.raises(RuntimeError, match="infeasible"):
        budgeted_fit([0, 0, 1], [0, 1, 0], [0.1])


# --- refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lam", [0, -1, np.nan, np.inf])
def test_a_lam_that_is_not_positive_is_named(lam: float) -> None:
    with pytest.raises(ValueError, match="lam"):
        curvature_fit([0, 1], [0, 1], lam)


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (([[0, 1], [1, 2]], [0, 1], 1), {}, "X has 2 columns"),
        (([1, 1], [0, 1], 1), {}, "X has 1 distinct value"),
        (([0, 1], [0, 1, 2], 1), {}, "Y has 3 rows"),
        (([0, 1], [0, np.inf], 1), {}, "Y holds inf"),
        (([0, 1], [[0, np.nan], [1, np.nan]], 1), {}, "no label at all"),
        (([0, 1], [0, 2], 1), {"loss": "hinge"}, "label 2"),
        (([0, 1], [0, 2], 1), {"loss": "cauchy"}, "cauchy"),
        (([0, 1], [0, 2], 1), {"loss": ["squared", "huber"]}, "loss has 2 entries, but Y has 1 output"),
        (([0, 1], [0, 2], 1), {"weights": [1, 2, 3]}, "weights"),
        (([0, 1], [0, 2], 1), {"weights": [1, -1]}, "weights"),
        (([0, 1], [0, 2], 1), {"weights": [1, np.nan]}, "weights"),
    ],
)
def test_bad_input_is_refused_by_name(arguments: tuple, options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        curvature_fit(*arguments, **options)


@pytest.mark.parametrize("budgets", [[1], [1, 0], [1, np.nan], [[1, 2]]])
def test_bad_budgets_are_refused(budgets: list) -> None:
    with pytest.raises(ValueError, match="budgets"):
        budgeted_fit([0, 1, 2], np.eye(3)[:, :2], budgets)
