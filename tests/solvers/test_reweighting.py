"""Large problems in the plane start from neurons that reweighting has chosen."""

import numpy as np
import pytest

import vvnorm
from vvnorm.solvers.multivariate import reweighting
from vvnorm.solvers.multivariate.neuron_search import Neurons


def test_new_neurons_take_the_place_of_those_beside_them() -> None:
    angles = np.array([0.3, 0.3 + 3.1, 1.2, 0.3])
    w = np.column_stack([np.cos(angles), np.sin(angles)])
    old = Neurons(w, np.array([4, 4, 4, 2]), np.array([[-1], [-1], [-1], [5]]))
    new = Neurons(w[[0, 3]], np.array([4, 5]), np.array([[-1], [2]]))
    stay, joined, weights = reweighting.renewed(old, np.array([1.0, 2.0, 4.0, 8.0]), new, 6)
    assert stay.tolist() == [False, False, True, True]  # w and -w are one neuron
    assert joined.anchor.tolist() == [4]  # a kink through points 2 and 5 is there already
    assert weights.tolist() == [3.0]


@pytest.mark.parametrize(("outputs", "options"), [(2, {}), (1, {"lam": 0.3, "loss": "huber:0.5"})])
def test_the_optimum_is_that_of_a_start_without_reweighting(
    outputs: int, options: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(outputs)
    X, Y = rng.uniform(-1, 1, (36, 2)), rng.standard_normal((36, outputs))
    Y[:5, -1] = np.nan if outputs > 1 else Y[:5, -1]
    solve = vvnorm.fit if options else vvnorm.interpolate
    plain = solve(X, Y, **options)
    monkeypatch.setattr(reweighting, "MANY", 30)
    solution = solve(X, Y, **options)
    assert solution.verify()
    assert solution.value == pytest.approx(plain.value, rel=2e-6)
