"""The figure about overfitting says what its risks show, and complains about risks that a formula denies."""

import numpy as np
import pytest

from figures import overfitting
from vvnorm import Verdict


def test_small_sizes_are_computed_and_compared_with_the_formula(monkeypatch: pytest.MonkeyPatch) -> None:
    complaints: list[str] = []
    risks = overfitting._risks(50, np.random.default_rng(1), complaints)
    assert complaints == []
    assert risks.shape == (2, len(overfitting.CURVES))
    assert risks[0, 0] == risks[0, 1]
    monkeypatch.setattr(overfitting, "risk_by_formula", lambda x, y, q: 0.1)
    overfitting._risks(50, np.random.default_rng(1), complaints)
    assert len(complaints) == 2


def test_risks_that_do_not_grow_do_not_support_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overfitting, "_risks", lambda n, rng, complaints: np.full((2, 5), 2 / 3))
    data = overfitting.compute(0, True)
    assert data.verdict is Verdict.NOT_SUPPORTED
    assert len(overfitting.table(data.values)) == 2 * 5 * 4
