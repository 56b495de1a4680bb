"""The bridge between `vvnorm.network.ReLUNetwork` and torch modules."""

import warnings
from typing import Any

import numpy as np
import torch

from vvnorm.data import Array
from vvnorm.network import ReLUNetwork


class ReLUModule(torch.nn.Module):
    """The function f(x) = output(relu(hidden(x))) + skip(x), ready for any torch training loop.

    Parameters
    ----------
    inputs, width, outputs : int
        Number of input features d, of neurons K and of outputs T.
    dtype : torch.dtype
        Of the parameters; float64 unless stated.

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
    def from_network(cls, network: ReLUNetwork) -> "ReLUModule":
        """Return a float64 module with the parameters of `network`, neuron by neuron."""
        with torch.random.fork_rng(devices=[]):  # the values that torch draws are overwritten: no use of its generator
            module = cls(network.n_inputs, network.n_neurons, network.n_outputs)
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


def to_network(module: Any) -> ReLUNetwork:
    """Read a network out of a torch module, neuron by neuron.

    Parameters
    ----------
    module : ReLUModule or torch.nn.Sequential
        A Sequential must be Linear, ReLU, Linear; its linear layers may lack biases.

    Returns
    -------
    ReLUNetwork
        With A = 0 for a Sequential.

    Raises
    ------
    TypeError
        If the module is neither.
    ValueError
        If a parameter is not finite.
    """
    if isinstance(module, ReLUModule):
        hidden, output, skip = module.hidden, module.output, _values(module.skip.weight)
    elif _is_two_layer(module):
        hidden, output, skip = module[0], module[2], None
    else:
        raise TypeError(
            f"module must be a ReLUModule or a torch.nn.Sequential(Linear, ReLU, Linear), got {_describe(module)}"
        )
    b = np.zeros(hidden.out_features) if hidden.bias is None else _values(hidden.bias)
    c = None if output.bias is None else _values(output.bias)
    return ReLUNetwork(_values(hidden.weight), b, _values(output.weight), skip, c)  # type: ignore[arg-type]


def _linear(n_in: int, n_out: int, *, bias: bool, dtype: torch.dtype) -> torch.nn.Linear:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Initializing zero-element tensors")  # no neurons: a network like any other
        layer = torch.nn.Linear(n_in, n_out, bias=bias, dtype=dtype)
    return layer


def _is_two_layer(module: Any) -> bool:
    kinds = (torch.nn.Linear, torch.nn.ReLU, torch.nn.Linear)
    return (
        isinstance(module, torch.nn.Sequential)
        and len(module) == len(kinds)
        and all(isinstance(layer, kind) for layer, kind in zip(module, kinds, strict=True))
    )


def _describe(module: Any) -> str:
    name = type(module).__name__
    if isinstance(module, torch.nn.Sequential):
        return f"{name}({', '.join(type(layer).__name__ for layer in module)})"
    return name


def _values(parameter: torch.Tensor) -> Array:
    values: Array = parameter.detach().cpu().to(torch.float64).numpy()
    return values
