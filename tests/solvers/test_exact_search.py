"""The exact search in three and more dimensions: complete, by the verifier's enumeration, on any number of threads."""

import numpy as np
import pytest
from numpy.typing import NDArray

from vvnorm._internal import threads
from vvnorm.solvers.multivariate import neuron_search
from vvnorm.solvers.multivariate.affine_elimination import Convention, Inputs
from vvnorm.solvers.multivariate.neuron_search import Neurons
from vvnorm.verifier.neuron_bound import neuron_bound, ray_bound

Array = NDArray[np.float64]


def problem(d: int, N: int, outputs: int, convention: Convention) -> tuple[Inputs, Array]:
    """Points, and a dual array that is orthogonal to the free functions."""
    rng = np.random.default_rng([d, N, outputs])
    inputs = Inputs(rng.uniform(-1, 1, (N, d)), convention)
    basis = inputs.complement
    return inputs, basis @ (basis.T @ rng.standard_normal((N, outputs)))


@pytest.mark.parametrize("convention", [Convention(), Convention(skip=False), Convention(skip=False, penalise_bias=True)])
@pytest.mark.parametrize(("d", "N"), [(3, 14), (4, 10), (5, 9)])
def test_the_largest_response_is_that_of_the_verifier(d: int, N: int, convention: Convention) -> None:
    inputs, L = problem(d, N, 2, convention)
    P = inputs.neuron_search.P
    _, responses = inputs.neuron_search.search(L, exact=True)
    bound = (ray_bound if convention.penalise_bias else neuron_bound)(P, L)
    assert bound * (1 - 4e-8 * P.shape[1]) <= responses.max() <= bound


def searched(monkeypatch: pytest.MonkeyPatch, count: int, floor: float) -> tuple[Neurons, Array]:
    """Neurons and responses of an exact search on so many threads."""
    monkeypatch.setattr(threads, "usable_threads", lambda: count)
    inputs, L = problem(3, 20, 2, Convention())
    return inputs.neuron_search.search(L, exact=True, floor=floor)


def test_threads_change_no_bit_and_responses_below_a_floor_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neuron_search, "_SHARED", 0.0)
    one, responses = searched(monkeypatch, 1, 0.0)
    floor = float(np.median(responses))
    for threads_used in (2, 3):
        neurons, same = searched(monkeypatch, threads_used, 0.0)
        assert np.array_equal(neurons.w, one.w)
        assert np.array_equal(same, responses)
    neurons, above = searched(monkeypatch, 2, floor)
    assert np.array_equal(neurons.anchor, one.anchor[responses > floor])
    assert np.allclose(above, responses[responses > floor], rtol=1e-12)
    nothing, _ = searched(monkeypatch, 2, 2 * float(responses.max()))
    assert len(nothing) == 0


@pytest.mark.parametrize(("d", "exact"), [(2, True), (3, False)])
def test_threads_that_share_base_points_or_starts_change_no_bit(
    d: int, exact: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(neuron_search, "_SHARED", 0.0)
    found = []
    for count in (1, 2, 3):
        monkeypatch.setattr(threads, "usable_threads", lambda count=count: count)
        inputs, L = problem(d, 40, 2, Convention())
        found.append(inputs.neuron_search.search(L, exact=exact))
    monkeypatch.setattr(neuron_search, "_SHARED", np.inf)
    inputs, L = problem(d, 40, 2, Convention())
    neurons, responses = inputs.neuron_search.search(L, exact=exact)
    assert len(responses) >= 40
    for others, same in found:
        assert np.array_equal(others.w, neurons.w)
        assert np.array_equal(others.through, neurons.through)
        assert np.array_equal(same, responses)


@pytest.mark.parametrize("d", [3, 4])
def test_the_verifier_gives_the_same_bound_on_any_number_of_threads(d: int, monkeypatch: pytest.MonkeyPatch) -> None:
    inputs, L = problem(d, 12, 2, Convention(skip=False))
    bounds = set()
    for count in (1, 2, 3):
        monkeypatch.setattr(threads, "usable_threads", lambda count=count: count)
        bounds.add(neuron_bound(inputs.neuron_search.P, L))
    assert len(bounds) == 1
