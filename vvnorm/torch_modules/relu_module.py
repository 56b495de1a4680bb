"""The torch module of a one-hidden-layer ReLU network, and networks read from modules and state dicts.

`vvnorm.network.ReLUNetwork` imports this module when it converts itself; nothing here imports `ReLUNetwork`.
"""

import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch

from vvnorm.torch_modules.reading import Network, OneHiddenLayer, Unreadable, read_module, values_of
from vvnorm.validation import Array


class ReLUModule(torch.nn.Module):
    """The function f(x) = output(relu(hidden(x))) + skip(x), ready for any torch training loop.

    Parameters
    ----------
    inputs, width, outputs : int
        Number of input features d, of neurons K and of outputs T.
    dtype : torch.dtype
        Type of the parameters.

    Attributes
    ----------
    hidden : torch.nn.Linear
        Input weights (K, d) and biases (K,).
    output : torch.nn.Linear
        Output weights (T, K) and the output bias c (T,).
    skip : torch.nn.Linear
        The skip connection (T, d), without a bias of its own.
    """

    def __init__(self, inputs: int, width: int, outputs: int, dtype: torch.dtype = torch.float64) -> None:
        super().__init__()
        self.hidden = _linear(inputs, width, bias=True, dtype=dtype)
        self.output = _linear(width, outputs, bias=True, dtype=dtype)
        self.skip = _linear(inputs, outputs, bias=False, dtype=dtype)

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """Evaluate at X, shape (..., d); the result has shape (..., T)."""
        return self.output(torch.relu(self.hidden(X))) + self.skip(X)

    @classmethod
    def from_network(cls, network: OneHiddenLayer) -> "ReLUModule":
        """Return a float64 module with the parameters of `network`, neuron by neuron."""
        with torch.random.fork_rng(devices=[]):  # torch draws values that are overwritten; its generator stays as it was
            module = cls(network.W.shape[1], len(network.b), len(network.c))
        with torch.no_grad():
            for parameter, values in (
                (module.hidden.weight, network.W),
                (module.hidden.bias, network.b),
                (module.output.weight, network.V),
                (module.output.bias, network.c),
                (module.skip.weight, network.A),
            ):
                parameter.copy_(torch.tensor(values))
        return module


def read_network(
    make: Callable[..., Network],
    module: Any,
    *,
    hidden: str | None = None,
    output: str | None = None,
    skip: str | None = None,
) -> Network:
    """Read a network from a torch module or a state dict, neuron by neuron; see `ReLUNetwork.from_torch`.

    Parameters
    ----------
    make : callable
        Constructor of the network from its arrays W, b, V, A and c.
    """
    if hidden or output or skip:
        state = module if isinstance(module, Mapping) else module.state_dict()
        return make(*_from_state(state, hidden, output, skip))
    if isinstance(module, Mapping):
        raise ValueError(f"a state dict does not say which layer is which: name hidden and output; it has {_keys(module)}")
    if isinstance(module, ReLUModule):
        parts = (module.hidden.weight, module.hidden.bias, module.output.weight, module.skip.weight, module.output.bias)
        return make(*map(values_of, parts))
    if not isinstance(module, torch.nn.Module):
        raise TypeError(f"module must be a torch.nn.Module or a state dict, got {_describe(module)}")
    try:
        return read_module(make, module)
    except Unreadable as error:
        raise TypeError(
            f"module must be a network of one hidden ReLU layer, and {_describe(module)} is not read as one: {error}; "
            "say hidden= and output= for names of its layers if it is one"
        ) from None


def _from_state(
    state: Mapping[str, Any], hidden: str | None, output: str | None, skip: str | None
) -> tuple[Array, Array, Array, Array, Array]:
    """Read layers by their names; biases may be missing."""
    if not hidden or not output:
        raise ValueError(f"name both hidden and output, got hidden = {hidden!r} and output = {output!r}")
    for name in (hidden, output, *([skip] if skip else [])):
        if f"{name}.weight" not in state:
            raise ValueError(f"there is no layer {name!r} with {name + '.weight'!r}; there are {_keys(state)}")
    W, V = values_of(state[f"{hidden}.weight"]), values_of(state[f"{output}.weight"])
    biases = [values_of(state[f"{name}.bias"]) for name in (output, skip) if name and f"{name}.bias" in state]
    b = values_of(state[f"{hidden}.bias"]) if f"{hidden}.bias" in state else np.zeros(len(W))
    A = values_of(state[f"{skip}.weight"]) if skip else np.zeros((len(V), W.shape[-1]))
    return W, b, V, A, sum(biases, np.zeros(len(V)))


def _keys(state: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {tuple(value.shape)}" for name, value in state.items())


def _linear(n_in: int, n_out: int, *, bias: bool, dtype: torch.dtype) -> torch.nn.Linear:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Initializing zero-element tensors")  # no neurons: a network like any other
        layer = torch.nn.Linear(n_in, n_out, bias=bias, dtype=dtype)
    return layer


def _describe(module: Any) -> str:
    name = type(module).__name__
    if isinstance(module, torch.nn.Sequential):
        return f"{name}({', '.join(type(layer).__name__ for layer in module)})"
    return name
