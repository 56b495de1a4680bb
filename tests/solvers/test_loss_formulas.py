"""The formulas of each loss agree with each other: derivatives, conjugates and domains."""

import numpy as np
import pytest

from vvnorm.losses import NAMES, Loss


@pytest.mark.parametrize("name", NAMES)
def test_derivatives_and_conjugates_belong_to_the_loss(name: str) -> None:
    rng, formulas = np.random.default_rng(0), Loss(name).formulas
    classes = rng.integers(0, 2, 200).astype(float)
    y = {"logistic": classes, "hinge": 2 * classes - 1}.get(name, rng.normal(size=200))
    u, step = 3 * rng.normal(size=200), 1e-5
    r = formulas.neg_gradient(u, y)
    low, high = formulas.domain(y)
    assert np.all((low <= r) & (r <= high))
    numeric = (formulas.value(u - step, y) - formulas.value(u + step, y)) / (2 * step)
    assert np.allclose(r, numeric, atol=1e-4)
    numeric = (formulas.neg_gradient(u - step, y) - formulas.neg_gradient(u + step, y)) / (2 * step)
    assert np.allclose(formulas.curvature(u, y), numeric, atol=1e-4)
    # Equality in the inequality of Fenchel and Young holds at the gradient, and nowhere is there less.
    assert np.allclose(formulas.value(u, y) + r * u, formulas.neg_conjugate(r, y))
    other = formulas.neg_gradient(rng.permutation(u), y)
    assert np.all(formulas.value(u, y) + other * u >= formulas.neg_conjugate(other, y) - 1e-12)
