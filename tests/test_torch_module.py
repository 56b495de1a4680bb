"""Networks to torch modules and back."""

import numpy as np
import pytest
import torch

from vvnorm import ReLUNetwork
from vvnorm.training import ReLUModule


@pytest.fixture
def network():
    rng = np.random.default_rng(0)
    return ReLUNetwork(*(rng.standard_normal(shape) for shape in ((5, 3), 5, (2, 5), (2, 3), 2)))


def test_the_module_computes_the_same_function(network):
    X = np.random.default_rng(1).standard_normal((7, 3))
    before = torch.random.get_rng_state()
    module = network.to_torch()
    assert torch.equal(torch.random.get_rng_state(), before)
    assert isinstance(module, ReLUModule)
    assert module.hidden.weight.dtype == torch.float64
    np.testing.assert_allclose(module(torch.from_numpy(X)).detach().numpy(), network(X), rtol=1e-13, atol=1e-13)


def test_parameters_survive_the_round_trip_bit_for_bit(network):
    back = ReLUNetwork.from_torch(network.to_torch())
    for name in ("W", "b", "V", "A", "c"):
        np.testing.assert_array_equal(getattr(back, name), getattr(network, name))


def test_the_network_does_not_share_memory_with_the_module(network):
    module = network.to_torch()
    back = ReLUNetwork.from_torch(module)
    with torch.no_grad():
        module.hidden.weight.zero_()
    np.testing.assert_array_equal(back.W, network.W)


def test_a_network_without_neurons_survives():
    line = ReLUNetwork(np.zeros((0, 1)), np.zeros(0), np.zeros((2, 0)), np.array([[1.0], [2.0]]), np.array([3.0, 4.0]))
    module = line.to_torch()
    np.testing.assert_array_equal(module(torch.ones(1, 1, dtype=torch.float64)).detach().numpy(), [[4.0, 6.0]])
    np.testing.assert_array_equal(ReLUNetwork.from_torch(module)([1.0]), [[4.0, 6.0]])


@pytest.mark.parametrize("bias", [True, False])
def test_a_sequential_is_read_without_skip(bias):
    module = torch.nn.Sequential(
        torch.nn.Linear(2, 4, bias=bias), torch.nn.ReLU(), torch.nn.Linear(4, 3, bias=bias)
    ).double()
    network = ReLUNetwork.from_torch(module)
    X = np.random.default_rng(2).standard_normal((6, 2))
    np.testing.assert_allclose(network(X), module(torch.from_numpy(X)).detach().numpy(), rtol=1e-13, atol=1e-13)
    assert not network.A.any()


@pytest.mark.parametrize(
    ("module", "named"),
    [
        (torch.nn.Linear(1, 1), "Linear"),
        (torch.nn.Sequential(torch.nn.Linear(1, 2), torch.nn.Tanh(), torch.nn.Linear(2, 1)), "Linear, Tanh, Linear"),
        (torch.nn.Sequential(torch.nn.Linear(1, 2), torch.nn.ReLU()), "Linear, ReLU"),
        (3, "int"),
    ],
)
def test_other_modules_are_refused_by_name(module, named):
    with pytest.raises(TypeError, match=named):
        ReLUNetwork.from_torch(module)
