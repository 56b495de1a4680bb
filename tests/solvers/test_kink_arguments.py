"""Arguments of neurons near their kinks have all digits."""

from fractions import Fraction

import numpy as np
import pytest

from vvnorm.solvers.multivariate import neuron_search
from vvnorm.solvers.multivariate.neuron_search import Neurons, NeuronSearch
from vvnorm.validation import Array


@pytest.mark.parametrize("threads", ["1", "2"])
@pytest.mark.parametrize("D", [1, 2, 3, 4])
@pytest.mark.parametrize("anchored", [True, False])
def test_arguments_near_a_kink_have_all_digits(
    D: int, anchored: bool, threads: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", threads)
    monkeypatch.setattr(neuron_search, "_SHARED", 10.0)
    rng = np.random.default_rng(D)
    P = 1 + rng.uniform(-1, 1, (12, D))
    P[1::2] = P[::2] + 1e-11 * rng.standard_normal((6, D))  # pairs of close points
    search = NeuronSearch(P, anchored, anchored, rng)
    plain = search.random(3)
    through = plain.through.copy()
    if D > 1:
        through[::2, 0] = rng.integers(12, size=len(through[::2]))
    neurons = Neurons(plain.w, plain.anchor, through)
    values = search._arguments(neurons, np.arange(12))
    for k, w in enumerate(neurons.w):
        kink = [j for j in (neurons.anchor[k], *through[k]) if j >= 0]
        for i in range(12):
            nearest = P[min(kink, key=lambda j, i=i: _distance(P[i], P[j]))] if kink else np.zeros(D)
            terms = [Fraction(a) * (Fraction(b) - Fraction(c)) for a, b, c in zip(w, P[i], nearest, strict=True)]
            error = abs(Fraction(values[i, k]) - sum(terms))
            assert error <= Fraction(2 * D, 2**52) * sum(abs(term) for term in terms)


def _distance(p: Array, q: Array) -> Fraction:
    return sum(((Fraction(a) - Fraction(b)) ** 2 for a, b in zip(p, q, strict=True)), Fraction(0))
