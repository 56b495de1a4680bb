"""Integers that float64 cannot hold: what keeps no origin refuses them by name, and does not merge or round them."""

from collections.abc import Callable

import numpy as np
import pytest

from vvnorm import pareto_front, train
from vvnorm.estimators import VVNormRegressor
from vvnorm.training import train_tasks

X = 1_700_000_000_000_000_001 + 100 * np.arange(6)  # nanoseconds
Y = np.array([0.0, 1.0, 0.0, 1.0, 0.0, 1.0])


@pytest.mark.parametrize(
    "call",
    [
        lambda: train(X, Y, steps=1, progress=False),
        lambda: train_tasks(X, Y, steps=1, progress=False),
        lambda: pareto_front(X, np.column_stack([Y, 1 - Y]), 0.1),
        lambda: VVNormRegressor(lam=1.0).fit(X[:, None], Y),
    ],
    ids=["train", "train_tasks", "pareto_front", "estimator"],
)
def test_they_are_refused_by_name(call: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match="X holds 1700000000000000001 at row 0, column 0, which float64 cannot hold"):
        call()
