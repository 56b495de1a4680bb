"""Networks to torch modules and back."""

import numpy as np
import pytest
import torch

from vvnorm import ReLUNetwork, certify
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


class Net(torch.nn.Module):
    """A module with layers in another order, dropout and an optional skip connection."""

    def __init__(self, d=3, width=5, outputs=2, skip=False):
        super().__init__()
        self.fc2 = torch.nn.Linear(width, outputs)  # in an order of its own
        self.fc1 = torch.nn.Linear(d, width)
        self.drop = torch.nn.Dropout(0.5)
        self.skip = torch.nn.Linear(d, outputs, bias=True) if skip else None

    def forward(self, x):
        x = x.view(x.size(0), -1)
        out = self.fc2(self.drop(torch.relu(self.fc1(x))))
        return out if self.skip is None else out + self.skip(x)


class ByHand(torch.nn.Module):
    """Matrices, constants and a residual connection."""

    def __init__(self):
        super().__init__()
        self.M = torch.nn.Parameter(torch.randn(2, 6))
        self.shift = torch.nn.Parameter(torch.randn(6))
        self.out = torch.nn.Parameter(torch.randn(6, 2))

    def forward(self, x):
        hidden = torch.clamp(x @ self.M + self.shift, min=0)
        return 0.5 * x - 2.0 * (hidden @ self.out) / 3.0 + 1.0


def joined():
    class Dense(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.last = torch.nn.Linear(2, 4), torch.nn.Linear(6, 1)

        def forward(self, x):
            return self.last(torch.cat([x, torch.nn.functional.relu(self.first(x))], dim=1)).squeeze(-1)

    return Dense()


def normalised():
    norm = torch.nn.BatchNorm1d(4)
    with torch.no_grad():
        norm.running_mean.copy_(torch.arange(4.0))
        norm.running_var.copy_(torch.arange(1.0, 5.0))
    return torch.nn.Sequential(
        torch.nn.Flatten(), torch.nn.Linear(3, 4), norm, torch.nn.ReLU(), torch.nn.Identity(), torch.nn.Linear(4, 2)
    )


def layers(d, width):
    return torch.nn.Linear(d, width), torch.nn.ReLU()


MODULES = {
    "fc1 and fc2": (Net, 3),
    "with a skip connection": (lambda: Net(skip=True), 3),
    "one input": (lambda: Net(d=1, outputs=1), 1),
    "by hand": (ByHand, 2),
    "joined": (joined, 2),
    "normalised": (normalised, 3),
    "nested": (
        lambda: torch.nn.Sequential(torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.ReLU()), torch.nn.Linear(3, 1)),
        2,
    ),
}


@pytest.mark.parametrize("kind", MODULES)
def test_any_module_that_is_such_a_network_is_read(kind):
    torch.manual_seed(0)
    make, d = MODULES[kind]
    module = make().double().eval()
    X = np.random.default_rng(3).standard_normal((9, d))
    before = {name: value.clone() for name, value in module.state_dict().items()}
    network = ReLUNetwork.from_torch(module)
    expected = module(torch.from_numpy(X)).detach().numpy().reshape(9, -1)
    np.testing.assert_allclose(network(X), expected, rtol=1e-12, atol=1e-12)
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())


def test_weights_of_fc1_and_fc2_are_read_bit_for_bit_also_in_single_precision():
    module = Net().eval()
    network = ReLUNetwork.from_torch(module)
    np.testing.assert_array_equal(network.W, module.fc1.weight.detach().double().numpy())
    np.testing.assert_array_equal(network.b, module.fc1.bias.detach().double().numpy())
    np.testing.assert_array_equal(network.V, module.fc2.weight.detach().double().numpy())
    np.testing.assert_array_equal(network.c, module.fc2.bias.detach().double().numpy())


def test_dropout_that_is_on_is_refused():
    with pytest.raises(ValueError, match=r"Dropout is no function: call module.eval\(\)"):
        ReLUNetwork.from_torch(Net())

    class Always(Net):
        def forward(self, x):
            return self.fc2(torch.nn.functional.dropout(torch.relu(self.fc1(x)), 0.5))

    with pytest.raises(ValueError, match="dropout is no function"):
        ReLUNetwork.from_torch(Always().eval())


def test_a_module_that_computes_something_else_than_its_layers_is_refused():
    class Forked(Net):
        def forward(self, x):
            return super().forward(x) if not isinstance(x, torch.Tensor) else super().forward(x) + x[:, :1] ** 2

    with pytest.raises(TypeError, match="values are not those"):
        ReLUNetwork.from_torch(Forked().eval())


def test_state_dicts_are_read_by_the_names_of_their_layers():
    module = Net(skip=True).double().eval()
    X = np.random.default_rng(3).standard_normal((9, 3))
    expected = module(torch.from_numpy(X)).detach().numpy()
    for source in (module, module.state_dict()):
        network = ReLUNetwork.from_torch(source, hidden="fc1", output="fc2", skip="skip")
        np.testing.assert_allclose(network(X), expected, rtol=1e-12)
    assert not ReLUNetwork.from_torch(module.state_dict(), hidden="fc1", output="fc2").A.any()
    with pytest.raises(ValueError, match=r"name hidden and output; it has fc2.weight \(2, 5\), fc2.bias"):
        ReLUNetwork.from_torch(module.state_dict())
    with pytest.raises(ValueError, match=r"there is no layer 'fc3'"):
        ReLUNetwork.from_torch(module.state_dict(), hidden="fc1", output="fc3")
    with pytest.raises(ValueError, match="name both hidden and output"):
        ReLUNetwork.from_torch(module.state_dict(), hidden="fc1")


@pytest.mark.parametrize("lam", [0.0, 0.1])
def test_modules_are_certified_as_they_are(lam):
    module = Net(d=1, outputs=1).eval()
    x, y = np.array([0.0, 1.0, 2.0, 3.5]), np.array([0.0, 1.0, -1.0, 2.0])
    judged = certify(module, x, y, lam=lam)
    expected = certify(ReLUNetwork.from_torch(module), x, y, lam=lam)
    assert judged.numbers() == expected.numbers()
    assert judged.complaints(module, x, y, tol=np.inf) == []
    assert expected.assumptions == ()
    assert len(judged.assumptions) == 4
    with pytest.raises(TypeError, match="network must be a ReLUNetwork or a torch module, got int"):
        certify(3, x, y, lam=lam)


def test_certificates_of_modules_say_what_was_assumed():
    module = torch.nn.Sequential(torch.nn.Linear(1, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
    x, Y = np.array([0.0, 1.0, 2.0, 3.5]), np.array([[0.0, 1.0], [1.0, 0.0], [0.0, 0.0], [2.0, 1.0]])
    read, cost, competitors, labels = certify(module, x, Y).assumptions
    assert read.endswith("4 neurons, no skip connection")
    assert "biases are free" in cost
    assert "skip=False leaves these out" in competitors
    assert labels == "labels are to be met exactly (lam = 0)"
    judged = certify(module, x, Y, lam=0.5, skip=False, penalise_bias=True)
    assert [words.rpartition("; ")[0] or words for words in judged.assumptions[1:]] == [
        "a neuron costs ||(w, b)|| ||v||",
        "losses are summed over labels, plus 0.5 times the cost",
    ]
    assert "assumed: the module is V relu(W x + b)" in repr(judged)


@pytest.mark.parametrize(
    ("module", "named"),
    [
        (torch.nn.Linear(1, 1), "Linear"),
        (torch.nn.Sequential(torch.nn.Linear(1, 2), torch.nn.Tanh(), torch.nn.Linear(2, 1)), "Linear, Tanh, Linear"),
        (torch.nn.Sequential(torch.nn.Linear(1, 2), torch.nn.ReLU()), "Linear, ReLU"),
        (torch.nn.Sequential(*[torch.nn.Linear(2, 2), torch.nn.ReLU()] * 2, torch.nn.Linear(2, 2)), "second ReLU"),
        (torch.nn.Sequential(torch.nn.Linear(1, 2), torch.nn.LeakyReLU(), torch.nn.Linear(2, 1)), "leaky_relu"),
        (3, "int"),
    ],
)
def test_other_modules_are_refused_by_name(module, named):
    with pytest.raises(TypeError, match=named):
        ReLUNetwork.from_torch(module)
