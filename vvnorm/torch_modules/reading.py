"""Networks are read from torch modules by running `forward` on a symbolic stand-in for the inputs.

The stand-in represents the function V relu(W x + b) + A x + c of the inputs x. Linear layers, ReLUs, sums, batch
normalisation in eval mode, and operations without effect (dropout in eval mode, reshaping) act on it by the rules below;
any other operation is refused. Finally the module and the network are compared at random inputs.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

import numpy as np
import torch

from vvnorm.validation import Array

_PROBES = 32
_AGREE = {torch.float64: 1e-9, torch.float32: 1e-3}  # largest relative difference at the probes; 0.05 for other types
_SAME = (
    "view",
    "reshape",
    "flatten",
    "squeeze",
    "contiguous",
    "float",
    "double",
    "to",
    "clone",
    "detach",
    "cpu",
    "type_as",
)


class OneHiddenLayer(Protocol):
    """The function f(x) = V relu(W x + b) + A x + c, as `vvnorm.network.ReLUNetwork` is one."""

    @property
    def W(self) -> Array:
        """Input weights, shape (K, d)."""

    @property
    def b(self) -> Array:
        """Biases, shape (K,)."""

    @property
    def V(self) -> Array:
        """Output weights, shape (T, K)."""

    @property
    def A(self) -> Array:
        """Skip connection, shape (T, d)."""

    @property
    def c(self) -> Array:
        """Output bias, shape (T,)."""

    def __call__(self, X: Array, /) -> Array:
        """Evaluate at X, shape (n, d); shape (n, T)."""


Network = TypeVar("Network", bound=OneHiddenLayer)


class Unreadable(TypeError):
    """A module is not a network of one hidden ReLU layer, or has operations that cannot be read."""


class Traced:
    """The function V relu(W x + b) + A x + c of the inputs x, in place of a tensor (n, outputs); `bare` if it is a ReLU."""

    def __init__(self, W: Array, b: Array, V: Array, A: Array, c: Array, *, bare: bool = False) -> None:
        self.W, self.b, self.V, self.A, self.c, self.bare = W, b, V, A, c, bare

    @classmethod
    def inputs(cls, d: int) -> "Traced":
        """The inputs themselves."""
        return cls(np.zeros((0, d)), np.zeros(0), np.zeros((d, 0)), np.eye(d), np.zeros(d))

    @classmethod
    def __torch_function__(
        cls, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> "Traced":
        """Apply a function of torch by its rule."""
        name = func.__name__.strip("_")
        name = "relu" if name == "relu_" else name.removesuffix("_")
        if name in _SAME:
            return next(arg for arg in args if isinstance(arg, Traced))
        if name not in _RULES:
            raise Unreadable(f"it uses {name}")
        return _RULES[name](*args, **(kwargs or {}))

    # --- attributes and methods of tensors that modules use ---

    @property
    def shape(self) -> tuple[int, int]:
        """Shape for one row of inputs."""
        return (1, len(self.c))

    def size(self, axis: int | None = None) -> Any:
        """Shape for one row of inputs."""
        return self.shape if axis is None else self.shape[axis]

    def dim(self) -> int:
        """Number of axes: 2."""
        return 2

    def __getattr__(self, name: str) -> Any:
        """Methods of tensors."""
        if name.startswith("__") or (name not in _SAME and name.rstrip("_") not in _RULES):
            raise Unreadable(f"it uses {name}")
        return self._same if name in _SAME else lambda *args, **kwargs: _RULES[name.rstrip("_")](self, *args, **kwargs)

    def _same(self, *_: Any, **__: Any) -> "Traced":
        return self

    def __add__(self, other: Any) -> "Traced":
        return _add(self, other)

    __radd__ = __add__

    def __sub__(self, other: Any) -> "Traced":
        return _add(self, _scaled(other, -1.0) if isinstance(other, Traced) else -other)

    def __rsub__(self, other: Any) -> "Traced":
        return _add(_scaled(self, -1.0), other)

    def __neg__(self) -> "Traced":
        return _scaled(self, -1.0)

    def __mul__(self, other: Any) -> "Traced":
        return _scaled(self, other)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> "Traced":
        return _scaled(self, 1.0 / other)

    def __matmul__(self, other: Any) -> "Traced":
        return _linear(self, other.T)


def read_module(make: Callable[..., Network], module: torch.nn.Module) -> Network:
    """Read a network of one hidden ReLU layer from any torch module that computes such a network.

    Parameters
    ----------
    make : callable
        Constructor of the network from its arrays W, b, V, A and c.

    Raises
    ------
    TypeError
        If the module is not such a network, or uses an operation without a rule here.
    ValueError
        If its dropout or batch normalisation is in training mode.
    """
    for part in module.modules():
        random = isinstance(part, torch.nn.modules.dropout._DropoutNd) and part.p > 0
        if part.training and (random or isinstance(part, torch.nn.modules.batchnorm._NormBase)):
            raise ValueError(
                f"module is in training mode, in which {type(part).__name__} is no function: call module.eval()"
            )
    sizes = dict.fromkeys(size for weights in module.parameters() if weights.ndim == 2 for size in reversed(weights.shape))
    why = "it has no linear layer"
    for d in sizes:
        try:
            value = module(Traced.inputs(d))
        except Unreadable as error:
            why = str(error)
            if why != _MISFIT:
                break
        except (TypeError, RuntimeError, AttributeError, NotImplementedError, IndexError) as error:
            why = f"its forward does not run on a stand-in for its inputs: {error}"
            break
        else:
            return _checked(make, module, value)
    raise Unreadable(why)


def _checked(make: Callable[..., Network], module: torch.nn.Module, value: Any) -> Network:
    """Turn the traced function into a network; refuse it if its values differ from the module's."""
    if not isinstance(value, Traced):
        raise Unreadable("its output is not one tensor")
    if not value.V.shape[1]:
        raise Unreadable("it has no ReLU")
    if value.bare:
        raise Unreadable("it ends in its ReLU")
    network = make(value.W, value.b, value.V, value.A, value.c)
    weights = next(module.parameters())
    X = np.random.default_rng(0).standard_normal((_PROBES, network.W.shape[1]))
    with torch.no_grad():
        tensor = torch.from_numpy(X).to(dtype=weights.dtype, device=weights.device)
        values = module(tensor).detach().cpu().double().numpy().reshape(_PROBES, -1)
    expected = network(tensor.cpu().double().numpy())
    size = 1.0 + np.abs(network.V) @ np.abs(network.W).sum(axis=1) + np.abs(network.A).sum(axis=1) + np.abs(network.c)
    if values.shape != expected.shape or not np.all(np.abs(values - expected) <= _AGREE.get(weights.dtype, 0.05) * size):
        raise Unreadable("its values are not those of the network that its layers make")
    return network


# --- rules ------------------------------------------------------------------------------------------------------------

_MISFIT = "its layers do not fit each other"


def values_of(tensor: Any) -> Array:
    """A tensor or an array in float64."""
    if isinstance(tensor, torch.Tensor):
        return np.asarray(tensor.detach().cpu().to(torch.float64).numpy())
    return np.asarray(tensor, dtype=np.float64)


def _linear(x: Traced, weight: Any, bias: Any = None) -> Traced:
    M = values_of(weight)
    if M.ndim != 2 or M.shape[1] != len(x.c):
        raise Unreadable(_MISFIT)
    # Exact where x is the inputs or the hidden layer: products with the identity change no bit.
    c = M @ x.c if x.c.any() else np.zeros(len(M))
    return Traced(x.W, x.b, M @ x.V, M @ x.A, c + (0.0 if bias is None else values_of(bias)))


def _relu(x: Traced, *_: Any, **__: Any) -> Traced:
    if x.V.shape[1]:
        raise Unreadable("it has a second ReLU layer")
    K = len(x.c)
    return Traced(x.A, x.c, np.eye(K), np.zeros_like(x.A), np.zeros(K), bare=True)


def _clamp(x: Traced, min: Any = None, max: Any = None) -> Traced:  # torch's names
    if min is None or np.any(values_of(min)) or max is not None:
        raise Unreadable("it uses clamp with other bounds than min = 0")
    return _relu(x)


def _maximum(x: Any, other: Any) -> Traced:
    x, other = (x, other) if isinstance(x, Traced) else (other, x)
    return _clamp(x, other)


def _dropout(x: Traced, p: float = 0.5, training: bool = True, *_: Any, **__: Any) -> Traced:
    if training and p > 0:
        raise ValueError("module is in training mode, in which dropout is no function: call module.eval()")
    return x


def _batch_norm(
    x: Traced, mean: Any, var: Any, weight: Any, bias: Any, training: bool = True, momentum: float = 0.1, eps: float = 1e-5
) -> Traced:
    del momentum
    if training:
        raise ValueError("module is in training mode, in which batch normalisation is no function: call module.eval()")
    scale = (1.0 if weight is None else values_of(weight)) / np.sqrt(values_of(var) + eps)
    shift = (0.0 if bias is None else values_of(bias)) - scale * values_of(mean)
    return _add(_scaled(x, scale), shift)


def _scaled(x: Any, factor: Any) -> Traced:
    x, factor = (x, factor) if isinstance(x, Traced) else (factor, x)
    if isinstance(factor, Traced):
        raise Unreadable("it multiplies functions of its inputs")
    size = np.broadcast_to(values_of(factor), (len(x.c),))
    return Traced(x.W, x.b, size[:, None] * x.V, size[:, None] * x.A, size * x.c)


def _add(x: Any, other: Any, *, alpha: float = 1.0) -> Traced:
    x, other = (x, other) if isinstance(x, Traced) else (other, x)
    if not isinstance(other, Traced):
        return Traced(x.W, x.b, x.V, x.A, x.c + np.broadcast_to(alpha * values_of(other), (len(x.c),)))
    if len(x.c) != len(other.c):
        raise Unreadable(_MISFIT)
    first, second = _on_the_same_neurons([x, other])
    return Traced(first.W, first.b, first.V + alpha * second.V, first.A + alpha * second.A, first.c + alpha * second.c)


def _cat(values: Sequence[Traced], dim: int = 0) -> Traced:
    if dim not in (1, -1) or not all(isinstance(traced, Traced) for traced in values):
        raise Unreadable("it joins tensors other than by columns")
    same = _on_the_same_neurons(values)
    V, A, c = (np.concatenate([getattr(traced, name) for traced in same]) for name in "VAc")
    return Traced(same[0].W, same[0].b, V, A, c)


def _on_the_same_neurons(values: Sequence[Traced]) -> list[Traced]:
    """Rewrite functions over the union of their neurons."""
    layers: list[Traced] = []
    for traced in values:
        if all(traced.W is not other.W for other in layers):
            layers.append(traced)
    W, b = np.vstack([traced.W for traced in layers]), np.concatenate([traced.b for traced in layers])
    extended = []
    for traced in values:
        parts = [traced.V if traced.W is other.W else np.zeros((len(traced.c), len(other.b))) for other in layers]
        extended.append(Traced(W, b, np.hstack(parts), traced.A, traced.c))
    return extended


_RULES: dict[str, Callable[..., Traced]] = {
    "linear": _linear,
    "addmm": lambda bias, x, matrix: _linear(x, matrix.T, bias),
    "matmul": lambda x, matrix: _linear(x, matrix.T),
    "mm": lambda x, matrix: _linear(x, matrix.T),
    "relu": _relu,
    "clamp": _clamp,
    "clamp_min": _clamp,
    "threshold": lambda x, threshold, value, *_: _clamp(x, max(abs(threshold), abs(value))),
    "maximum": _maximum,
    "dropout": _dropout,
    "batch_norm": _batch_norm,
    "add": _add,
    "sub": lambda x, other: x - other if isinstance(x, Traced) else other.__rsub__(x),
    "mul": _scaled,
    "div": lambda x, factor: _scaled(x, 1.0 / factor),
    "cat": _cat,
    "concat": _cat,
}
