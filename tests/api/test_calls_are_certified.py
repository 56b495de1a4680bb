"""What a solution returns when it is called is part of what `verify` checks, not only its network."""

from dataclasses import replace

import numpy as np
import pytest

import vvnorm

X, Y = np.arange(6.0), np.array([[0.0, 1.0, 0.0, 1.0, 3.0, 1.0], [1.0, np.nan, 2.0, 0.0, 0.0, 1.0]]).T


@pytest.mark.parametrize("loss", ["squared", "huber:0.5"])
def test_a_fit_with_other_values_is_refused(loss: str) -> None:
    fit = vvnorm.fit(X, Y, 0.05, loss=loss)
    assert fit.verify()
    other = replace(fit, knot_solution=replace(fit.knot_solution, values=fit.knot_solution.values + 0.1))
    assert not np.allclose(other([2.5]), fit([2.5]))
    assert any("as knots and values: relative gap" in words for words in other.verify().problems)


def test_an_interpolant_with_other_values_is_refused() -> None:
    for labels in (Y[:, 0], Y):
        solution = vvnorm.interpolate(X, labels)
        assert solution.verify()
        other = replace(solution, dots=replace(solution.dots, Y=solution.dots.Y + 0.1))
        assert any("is not that of the data" in words for words in other.verify().problems)
        moved = replace(solution, dots=replace(solution.dots, x=solution.dots.x + 0.1))
        assert any("is not that of the data" in words for words in moved.verify().problems)


def test_an_interpolant_that_fills_missing_labels_otherwise_is_refused() -> None:
    solution = vvnorm.interpolate(X, Y)
    filled = solution.dots.Y.copy()
    filled[1, 1] += 5
    other = replace(solution, dots=replace(solution.dots, Y=filled))
    assert any("more than the VV norm" in words for words in other.verify().problems)


def test_an_interpolant_that_had_a_gap_of_1e_5() -> None:
    Y = [[3.0, 1.0], [-1.0, 0.0], [3.0, 1.0], [np.nan, 2.0]]
    solution = vvnorm.interpolate([1.0, -5.0, 3.0, 6.0], Y, penalise_bias=True, skip=False)
    assert solution.gap <= 1e-8
    assert solution.verify()
