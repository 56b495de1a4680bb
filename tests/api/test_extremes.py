"""Magnitudes at the ends of float64: calls end with the right answer, certified, or in one line that says what is wrong."""

import warnings

import numpy as np
import pytest
from commands import XY, runner

from vvnorm import certify, fit, fit_path, lambda_max, pareto_front
from vvnorm.network import ReLUNetwork
from vvnorm.verifier.check import certify_fit

X1, Y1 = np.array([0.0, 1, 2, 3, 4.5]), np.array([0.0, 1, 0, 2, 1])
X2 = np.random.default_rng(0).random((7, 2))
Y2 = np.sin(5 * X2[:, 0]) + X2[:, 1]
DATA = {1: (X1, Y1), 2: (X2, Y2)}
SIZES = (1e-200, 1e-150, 1e150)


def affine_loss(X, y):
    """Squared loss of the best affine function."""
    free = np.column_stack([np.ones(len(y)), X])
    return float(np.sum((y - free @ np.linalg.lstsq(free, y, rcond=None)[0]) ** 2)) / 2


@pytest.mark.parametrize("d", [1, 2])
@pytest.mark.parametrize("lam", [1e30, 1e200, 1e300])
@pytest.mark.parametrize("loss", ["squared", "huber:10"])
def test_a_lam_far_above_lam_max_leaves_the_affine_fit(d, lam, loss):
    X, y = DATA[d]
    solution = fit(X, y, lam, loss=loss)
    assert solution.vv_norm == 0
    assert solution.value == pytest.approx(affine_loss(X, y), rel=1e-12)
    assert solution.verify()
    assert fit_path(X, y, [lam, 0.1], loss=loss)[1].verify()


@pytest.mark.parametrize("d", [1, 2])
@pytest.mark.parametrize("loss", ["squared", "logistic", "huber:1"])
def test_a_lam_far_below_is_answered_with_the_gap_that_there_is(d, loss):
    X, y = DATA[d]
    solution = fit(X, y > 0.5, 1e-250, loss=loss)
    # Next to an interpolant: no float64 network does better than rounding, and the bound is lam times a VV norm.
    assert solution.certificate.loss < 1e-8
    assert 0 <= solution.gap <= 1
    assert solution.lower_bound <= solution.value


@pytest.mark.parametrize("d", [1, 2])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("loss", ["squared", "huber:0.3"])
def test_labels_of_any_size_scale_everything(d, size, loss):
    X, y = DATA[d]
    name, _, delta = loss.partition(":")
    scaled = f"{name}:{float(delta) * size!r}" if delta else name
    largest = lambda_max(X, y, loss=loss)
    assert lambda_max(X, y * size, loss=scaled) == pytest.approx(largest * size, rel=1e-9)
    solution, other = fit(X, y * size, 0.2 * largest * size, loss=scaled), fit(X, y, 0.2 * largest, loss=loss)
    assert solution.verify()
    assert solution.vv_norm == pytest.approx(other.vv_norm * size, rel=1e-2)  # known to the root of the gap
    if size != 1e-200:
        assert solution.value == pytest.approx(other.value * size * size, rel=2e-6)


@pytest.mark.parametrize("d", [1, 2])
@pytest.mark.parametrize("size", [*SIZES, 1e300])
@pytest.mark.parametrize("loss", ["squared", "huber:0.3", "logistic"])
def test_weights_and_inputs_of_any_size_scale_everything(d, size, loss):
    X, y = DATA[d]
    y = y > np.median(y) if loss == "logistic" else y
    weights = np.full(len(y), size)
    largest = lambda_max(X, y, loss=loss)
    assert lambda_max(X, y, loss=loss, weights=weights) == pytest.approx(largest * size, rel=1e-6)
    assert lambda_max(X * size, y, loss=loss) == pytest.approx(largest * size, rel=1e-6)
    value = fit(X, y, 0.2 * largest, loss=loss).value
    solution = fit(X, y, 0.2 * largest * size, loss=loss, weights=weights)
    assert solution.value == pytest.approx(value * size, rel=2e-6)
    assert solution.verify()
    solution = fit(X * size, y, 0.2 * largest * size, loss=loss)
    assert solution.value == pytest.approx(value, rel=2e-6)
    assert solution.verify()


@pytest.mark.parametrize("size", [1e-200, 1e150])
def test_scores_of_any_size_scale_everything(size):
    solution, other = (fit(X1, Y1 * scale, 0.02, loss="one_class:0.3") for scale in (size, 1.0))
    assert solution.value == pytest.approx(other.value * size, rel=2e-6)
    assert solution.verify()


@pytest.mark.parametrize("d", [1, 2])
@pytest.mark.parametrize("budget", [1e-300, 1e-200, 1e-50])
def test_the_front_at_next_to_no_budget_is_the_affine_fit(d, budget):
    X, y = DATA[d]
    front = pareto_front(X, np.column_stack([y, y[::-1]]), budget, mixtures=3)
    assert front.losses[1] == pytest.approx([affine_loss(X, y), affine_loss(X, y[::-1])], rel=1e-9)
    assert front.verify()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda X, y: fit(X, y * 1e300, 1.0).value, "range of float64; rescale"),
        (lambda X, y: fit(X, y, 1e-320).value, "lam = 1e-320 is too far from the scale of X, Y and weights"),
        (lambda X, y: lambda_max(X * 1e200, y * 1e200), "lam_max leaves the range of float64; rescale"),
        (lambda X, y: lambda_max(X * 1e-200, y * 1e-200), "lam_max leaves the range of float64; rescale"),
        (lambda X, y: pareto_front(X, y * 1e300, 1.0), "losses of tasks leave the range of float64; rescale"),
        (lambda X, y: pareto_front(X, y * 1e-150, 1.0), "vv_norm = 1.0 is too far from the scale"),
        (
            lambda X, y: fit(X, y, 1.0, loss="huber:1e-300", weights=np.full(len(y), 1e-300)),
            "delta = 1e-300 of loss 'huber'",
        ),
    ],
)
@pytest.mark.parametrize("d", [1, 2])
def test_what_float64_cannot_hold_is_named(d, call, message):
    with pytest.raises(ValueError, match=message):
        call(*DATA[d])


@pytest.mark.parametrize("d", [1, 2])
@pytest.mark.parametrize("factors", [(1.0, 1e300, 1.0), (1e300, 1.0, 1.0), (1.0, 1e-300, 1.0), (1.0, 1.0, 1e-300)])
def test_networks_far_from_the_data_are_judged_or_refused_in_one_line(d, factors):
    X, y = DATA[d]
    x_size, y_size, lam = factors
    network, said = ReLUNetwork(np.ones((1, d)), [-0.5], [[1.0]]), ""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            judged = certify(network, X * x_size, y * y_size, lam=lam)
        except ValueError as error:
            said = str(error)
    if said:
        assert "float64; rescale" in said
        assert "\n" not in said
    else:
        assert judged.lower_bound <= judged.objective
        assert 0 < judged.gap <= 1


def test_tiny_units_prove_nothing_that_large_ones_do_not():
    # Squares of responses, products of an input, a label and a weight, leave float64 at its small end here.
    network, size = ReLUNetwork(np.zeros((0, 1)), [], np.zeros((1, 0)), c=[Y1.mean()]), 2.0**-198
    scaled = ReLUNetwork(np.zeros((0, 1)), [], np.zeros((1, 0)), c=[Y1.mean() * size])
    for lam in (1e-3, 1e-20):
        judged = certify_fit(network, X1, Y1, lam)
        other = certify_fit(scaled, X1 * size, Y1 * size, lam * size**3, weights=np.full(5, size))
        assert other.gap == pytest.approx(judged.gap, rel=1e-6)


@pytest.mark.parametrize(
    ("rows", "options", "code", "said"),
    [
        ([(0, 0), (1, 1), (2, 0)], ("solve", "--lam", "1e200"), 0, "neurons"),
        ([(0, 0), (1, 1e300), (2, 0)], ("solve", "--lam", "1"), 64, "range of float64"),
        ([(0, 0), (1, 1), (2, 0)], ("solve", "--lam", "1e-320"), 64, "lam = 1e-320"),
    ],
)
def test_commands_end_with_an_answer_or_one_line(rows, options, code, said, tmp_path, capsys):
    path = tmp_path / "data.csv"
    path.write_text("x,y\n" + "".join(f"{a},{b}\n" for a, b in rows))
    done = runner(capsys)(options[0], path, *XY, *options[1:])
    assert done.code == code
    assert said in (done.err if code else done.out)
    assert len(done.err.strip().splitlines()) == (1 if code else 0)


@pytest.mark.parametrize("lam", [1e-300, 1e-17, 1e-3])
@pytest.mark.parametrize("labels", [(2, -3, 2, 3, 2), (2, -3.3, 2, 3.1, 2)])
def test_where_lam_max_is_rounding_the_affine_fit_is_best_for_every_lam(lam: float, labels: tuple[float, ...]) -> None:
    """The residuals at one place cancel, so that no neuron responds to them."""
    X = [[3, 3], [-1, 2], [-1, 0], [-1, 2], [-3, -2]]
    solution = fit(X, labels, lam, loss="huber:1")
    assert solution.verify()
    assert solution.network.n_neurons == 0
    assert solution.value == pytest.approx(labels[3] - labels[1] - 1, rel=1e-9)
