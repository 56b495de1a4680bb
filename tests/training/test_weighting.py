"""Weightings as rules: what they do with losses and gradients, step by step."""

import numpy as np
import pytest

from vvnorm.training.weighting import MGDA, MGDAUB, NAMES, Fixed, GradNorm, Grid, Learned, Uncertainty, as_weighting

LOSSES = np.array([[1.0, 2.0, 0.5], [4.0, 1.0, 1.0]])


def run(weighting, steps, losses=LOSSES, gram=None):
    """Weights over the steps, (steps, S, T), of a rule that sees the same losses and gradients throughout."""
    rule = weighting.start(*losses.shape)
    return np.array([rule(step, losses, gram) for step in range(steps)])


def gram_of(seed=0, T=3, runs=2):
    J = np.random.default_rng(seed).standard_normal((runs, T, 7))
    return J @ np.swapaxes(J, 1, 2)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("fixed", "grid", "uncertainty")])
def test_weights_are_not_negative_and_sum_to_the_number_of_tasks(name):
    weights = run(as_weighting(name, 3), 12, gram=gram_of())
    assert weights.shape == (12, 2, 3)
    assert np.all(weights >= 0)
    if name != "upgrad":  # its projections make vectors longer
        np.testing.assert_allclose(weights.sum(axis=2), 3)


def test_learned_shares_collapse_to_the_smallest_loss():
    weights = run(Learned(), 3000)
    assert weights[0].tolist() == [[1, 1, 1], [1, 1, 1]]
    assert weights[-1, 0] == pytest.approx([0, 0, 3], abs=1e-3)
    assert weights[-1, 1] == pytest.approx([0, 1.5, 1.5], abs=1e-3)


def test_uncertainty_settles_at_one_over_twice_the_loss():
    assert run(Uncertainty(), 3000)[-1] == pytest.approx(1 / (2 * LOSSES), rel=1e-2)


def test_gradnorm_equalises_the_norms_of_gradients():
    norms = np.array([[1.0, 5.0, 2.0]])
    gram = norms[:, :, None] * norms[:, None, :] * np.eye(3)
    weights = run(GradNorm(alpha=0.0), 3000, np.ones((1, 3)), gram)[-1]
    weighted = weights * norms
    assert weighted / weighted.mean() == pytest.approx(np.ones((1, 3)), abs=0.05)


def test_alternating_takes_turns():
    assert run(as_weighting("alternating", 3), 4)[:, 0].tolist() == [[3, 0, 0], [0, 3, 0], [0, 0, 3], [3, 0, 0]]


@pytest.mark.parametrize("name", ["mgda", "mgda_ub", "upgrad"])
def test_a_step_along_the_direction_lowers_every_loss(name):
    gram = gram_of(5)
    direction = np.einsum("stu,su->st", gram, run(as_weighting(name, 3), 1, gram=gram)[0])
    assert np.all(direction > 0)


@pytest.mark.parametrize("name", ["mgda:l2", "mgda:loss", "mgda_ub:loss+"])
def test_a_step_along_a_normalised_direction_lowers_every_loss(name):
    gram = gram_of(5)
    weights = run(as_weighting(name, 3), 1, gram=gram)[0]
    assert np.all(np.einsum("stu,su->st", gram, weights) > 0)
    np.testing.assert_allclose(weights.sum(axis=1), 3)


@pytest.mark.parametrize(
    ("option", "invariant"), [("none", False), ("l2", True), ("loss", True), ("loss+", False)]
)  # fmt: skip
def test_some_normalisations_do_not_depend_on_the_units_of_losses(option, invariant):
    gram, units = gram_of(5), np.array([100.0, 1.0, 0.1])
    plain, scaled = (
        run(MGDA(option), 1, LOSSES * u, gram * u[:, None] * u)[0] * u for u in (np.ones(3), units)
    )  # fmt: skip
    shares = [weights / weights.sum(axis=1, keepdims=True) for weights in (plain, scaled)]
    assert np.allclose(*shares, rtol=1e-9) is invariant


def test_normalised_losses_fall_at_equal_rates():
    losses, norms = np.array([[1.0, 2.0]]), np.array([[3.0, 4.0]])
    gram = norms[:, :, None] * norms[:, None, :] * np.array([[1.0, -0.5], [-0.5, 1.0]])
    for option, sizes in (("l2", norms), ("loss", losses), ("loss+", losses * norms)):
        weights = run(MGDA(option), 1, losses, gram)[0]
        assert np.all(weights > 0)
        falls = np.einsum("stu,su->st", gram, weights) / sizes
        assert falls[0, 0] == pytest.approx(falls[0, 1])


def test_grid_shares_are_a_lattice_of_the_simplex():
    assert Grid(3).shares(2) == pytest.approx(np.array([[1, 3], [2, 2], [3, 1]]) / 4)
    shares = Grid(4).shares(3)
    assert len(shares) == 6
    assert np.all(shares > 0)
    assert shares.sum(axis=1) == pytest.approx(np.ones(6))


def test_names_and_numbers_are_read():
    assert as_weighting("mgda-ub", 2) == MGDAUB()
    assert as_weighting("mgda-ub:loss+", 2) == MGDAUB("loss+")
    assert as_weighting("mgda:l2", 2).name == "mgda:l2"
    assert as_weighting([1, 2.0], 2) == Fixed((1.0, 2.0))
    assert [as_weighting(name, 2).name for name in NAMES if name != "fixed"] == [name for name in NAMES if name != "fixed"]


@pytest.mark.parametrize(
    ("weighting", "error", "message"),
    [
        ("best", ValueError, "weighting 'best' is unknown; there are equal, grid"),
        ([1.0, -1.0], ValueError, r"non-negative and finite, got \(1.0, -1.0\)"),
        ([0.0, 0.0], ValueError, "must not all be 0"),
        ([1.0], ValueError, "got 1 for 2 tasks"),
        (3, TypeError, "weighting must be a name"),
        ("mgda:l1", ValueError, "normalisation of gradients must be one of none, l2, loss, loss[+], got 'l1'"),
        ("equal:l2", ValueError, "weighting 'equal' has no option 'l2'"),
        ("fixed:1", ValueError, "weighting 'fixed:1' is unknown"),
    ],
)
def test_bad_weightings_are_named(weighting, error, message):
    with pytest.raises(error, match=message):
        as_weighting(weighting, 2)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Learned(rate=0), "rate of a weighting must be a positive finite number, got 0"),
        (lambda: Uncertainty(rate=np.inf), "got inf"),
        (lambda: GradNorm(alpha=-1), "alpha of gradnorm must be a non-negative finite number, got -1"),
        (lambda: Grid(points=0), "points of the grid"),
        (lambda: Grid(points=50).check(5), "make 230300 shares of 5 tasks"),
        (lambda: Grid(points=2).check(4), "make 0 shares"),
    ],
)
def test_bad_parameters_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()
