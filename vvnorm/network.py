"""One-hidden-layer multi-output ReLU networks as immutable values."""

import os
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vvnorm._internal.files import atomic_write, read_npz
from vvnorm._internal.words import count, lines
from vvnorm.float64 import as_float64
from vvnorm.tolerances import KINK
from vvnorm.validation import Array, as_non_negative, as_points, is_empty

if TYPE_CHECKING:
    import torch

_BLOCK = 1 << 20  # entries of a hidden layer held at once
_FORMAT = 1  # of saved networks


@dataclass(frozen=True, eq=False)
class ReLUNetwork:
    """The function f(x) = sum_k v_k relu(w_k.x + b_k) + A x + c.

    Parameters
    ----------
    W : (K, d) array
        Input weights, one row per neuron. K may be 0.
    b : (K,) array
        Biases.
    V : (T, K) array
        Output weights, one column per neuron.
    A : (T, d) array, optional
        Skip connection, zero by default.
    c : (T,) array, optional
        Output bias, zero by default.

    Raises
    ------
    TypeError, ValueError
        If shapes disagree or an entry is not a finite real number.

    Notes
    -----
    Arrays are float64 and read-only; the network keeps its own copies.

    Examples
    --------
    >>> import vvnorm
    >>> hat = vvnorm.ReLUNetwork(W=[[1.0], [1.0], [1.0]], b=[0.0, -1.0, -2.0], V=[[1.0, -2.0, 1.0]])
    >>> hat([0.5, 1.0, 3.0])[:, 0], hat.vv_norm
    (array([0.5, 1. , 0. ]), 4.0)
    """

    W: Array
    b: Array
    V: Array
    A: Array = None  # type: ignore[assignment]  # replaced by zeros in __post_init__
    c: Array = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        W, b, V = (_parameter(getattr(self, name), name, ndim) for name, ndim in (("W", 2), ("b", 1), ("V", 2)))
        K, d, T = len(b), W.shape[1], V.shape[0]
        if d == 0 or T == 0:
            raise ValueError(f"a network needs at least one input and one output, got W {W.shape} and V {V.shape}")
        A = np.zeros((T, d)) if self.A is None else _parameter(self.A, "A", 2)
        c = np.zeros(T) if self.c is None else _parameter(self.c, "c", 1)
        expected = {"W": (K, d), "b": (K,), "V": (T, K), "A": (T, d), "c": (T,)}
        for name, value in (("W", W), ("b", b), ("V", V), ("A", A), ("c", c)):
            if value.shape != expected[name]:
                raise ValueError(
                    f"{name} has shape {value.shape}; with {count(K, 'neuron')}, {count(d, 'input')} and "
                    f"{count(T, 'output')} it must be "
                    f"{expected[name]}"
                )
            self._set(name, value)

    def _set(self, name: str, value: Array) -> None:
        value.setflags(write=False)
        object.__setattr__(self, name, value)

    @classmethod
    def trusted(cls, W: Array, b: Array, V: Array, A: Array, c: Array) -> "ReLUNetwork":
        """Wrap arrays that the library made and owns: no copy, no validation (they may be gigabytes)."""
        network = object.__new__(cls)
        for name, value in (("W", W), ("b", b), ("V", V), ("A", A), ("c", c)):
            network._set(name, value)
        return network

    def __repr__(self) -> str:
        size = f"{count(self.n_neurons, 'neuron')}, {count(self.n_inputs, 'input')}, {count(self.n_outputs, 'output')}"
        return lines(f"ReLUNetwork: {size}, VV norm {self.vv_norm:.6g}")

    def of_outputs(self, outputs: NDArray[np.intp] | NDArray[np.bool_] | slice) -> "ReLUNetwork":
        """Return the network of some outputs, given by their numbers, a mask or a slice."""
        return ReLUNetwork.trusted(self.W, self.b, self.V[outputs], self.A[outputs], self.c[outputs])

    def raised(self, level: Array) -> "ReLUNetwork":
        """Return the network with constants (T,) added to its outputs."""
        return self if not level.any() else ReLUNetwork.trusted(self.W, self.b, self.V, self.A, self.c + level)

    # --- size and cost ---

    @property
    def n_neurons(self) -> int:
        """Number of neurons K, whatever their weights."""
        return len(self.b)

    @property
    def n_inputs(self) -> int:
        """Number of input features d."""
        return self.W.shape[1]

    @property
    def n_outputs(self) -> int:
        """Number of outputs T."""
        return self.V.shape[0]

    @cached_property
    def vv_norm(self) -> float:
        """The cost sum_k ||w_k||_2 ||v_k||_2, in output units per input unit."""
        return float(np.sum(row_norms(self.W) * row_norms(self.V.T)))

    @cached_property
    def vv_norm_with_bias(self) -> float:
        """The cost with the biases inside the norm, sum_k ||(w_k, b_k)||_2 ||v_k||_2: another convention in use."""
        return float(np.sum(row_norms(np.column_stack([self.W, self.b])) * row_norms(self.V.T)))

    # --- evaluation ---

    def __call__(self, X: ArrayLike) -> Array:
        """Evaluate the network.

        Parameters
        ----------
        X : array-like, shape (n, d), or (n,) when d = 1
            Inputs.

        Returns
        -------
        (n, T) array.
        """
        inputs = self._inputs(X)
        if self.n_inputs == 1:
            return self._line(inputs[:, 0])
        out = inputs @ self.A.T + self.c
        for rows in _row_blocks(len(inputs), self.n_neurons):
            out[rows] += np.maximum(inputs[rows] @ self.W.T + self.b, 0.0) @ self.V.T
        return out

    def gradient(self, X: ArrayLike) -> NDArray[np.float64]:
        """Evaluate the derivative of every output with respect to every input, exactly.

        Parameters
        ----------
        X : array-like, shape (n, d), or (n,) when d = 1
            Inputs. On a kink the neuron counts as off (relu'(0) = 0).

        Returns
        -------
        (n, T, d) array.
        """
        inputs = self._inputs(X)
        out = np.repeat(self.A[None], len(inputs), axis=0)
        for rows in _row_blocks(len(inputs), self.n_neurons):
            active = (inputs[rows] @ self.W.T + self.b > 0).astype(np.float64)
            for j in range(self.n_inputs):
                out[rows, :, j] += active @ (self.V * self.W[:, j]).T
        return out

    def _inputs(self, X: ArrayLike) -> Array:
        if is_empty(X):
            return np.empty((0, self.n_inputs))
        return as_points(X, self.n_inputs, "the network")

    @cached_property
    def kinks(self) -> tuple[Array, Array, Array]:
        """The network as a piecewise linear function of its one input.

        Returns
        -------
        t : (M,) array
            Where neurons switch, sorted, M >= 1 (a single 0 if none does).
        values : (M, T) array
            f(t).
        slopes : (M + 1, T) array
            Slopes left of, between and right of the t.

        Raises
        ------
        ValueError
            If the network has more than one input.

        Notes
        -----
        Evaluating by pieces costs O((n + K) T) instead of O(n K T) and rounds less: sums of slopes stay of the size of
        the slopes, where a sum over a million neurons does not.
        """
        if self.n_inputs != 1:
            raise ValueError(f"kinks needs a network of one input, this one has {self.n_inputs}")
        w = self.W[:, 0]
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            t = -self.b / w
        bends = np.isfinite(t)
        always = ~bends & (self.b > 0)  # constant neurons, or kinks beyond the range of float64
        order = np.flatnonzero(bends)
        if np.any(np.diff(t[order]) < 0):
            order = order[np.argsort(t[order], kind="stable")]
        left = always | (bends & (w < 0))
        slope = self.A[:, 0] + self.V[:, left] @ w[left]
        offset = self.c + self.V[:, always] @ self.b[always]
        if not len(order):
            return np.zeros(1), offset[None], np.repeat(slope[None], 2, axis=0)
        t = t[order]
        slopes = np.empty((len(t) + 1, self.n_outputs))
        slopes[0] = slope
        np.multiply(self.V.T[order], np.abs(w[order])[:, None], out=slopes[1:])
        np.cumsum(slopes, axis=0, out=slopes)
        values, size = self._values_from(0, t, slopes, bends, always, offset)
        nearest = int(np.argmin(np.abs(t)))
        if nearest:
            # A sum that starts at far kinks may lose all digits near 0; then sum outwards from the kink nearest to 0.
            other, other_size = self._values_from(nearest, t, slopes, bends, always, offset)
            if not np.max(np.abs(values[: nearest + 1])) + size <= 16 * other_size:
                values = other
        return t, values, slopes

    def _values_from(
        self, base: int, t: Array, slopes: Array, bends: NDArray[np.bool_], always: NDArray[np.bool_], offset: Array
    ) -> tuple[Array, float]:
        """Values at the kinks t, summed outwards from t[base]; and the size of the terms that make up f(t[base])."""
        w, here = self.W[:, 0], t[base]
        values = np.empty((len(t), self.n_outputs))
        with np.errstate(over="ignore", invalid="ignore"):
            hidden = np.where(bends, np.maximum(w * here + self.b, 0.0), 0.0)
            slope = self.A[:, 0] + self.V[:, always] @ w[always]
            values[base] = slope * here + offset + self.V @ hidden
            np.multiply(slopes[base + 1 : -1], np.diff(t[base:])[:, None], out=values[base + 1 :])
            np.multiply(slopes[1 : base + 1], -np.diff(t[: base + 1])[:, None], out=values[:base])
            for path in (values[base:], values[base::-1]):
                np.cumsum(path, axis=0, out=path)
            size = np.max(np.abs(slope * here) + np.abs(offset)) + row_norms(self.V.T) @ hidden
        return values, float(size)

    def _line(self, x: Array) -> Array:
        t, values, slopes = self.kinks
        piece = np.searchsorted(t, x, side="right")
        # The neighbouring kink nearer to 0, whose value is the smaller and has the smaller error.
        anchor, right = np.maximum(piece - 1, 0), np.minimum(piece, len(t) - 1)
        anchor = np.where((np.abs(t[right]) < np.abs(t[anchor])) & (x != t[anchor]), right, anchor)
        out = slopes[piece]
        out *= (x - t[anchor])[:, None]
        out += values[anchor]
        return out

    # --- the same function, written differently ---

    def balanced(self) -> "ReLUNetwork":
        """Return the same function with ||w_k|| = ||v_k|| for every neuron, which has the least weight-decay penalty.

        Neurons with zero input or output weight have no kink; they become part of the bias or vanish. Source: Yang, Zhang,
        Shenouda, Papailiopoulos, Lee and Nowak, "PathProx: A Proximal Gradient Algorithm for Weight Decay Regularized Deep
        Neural Networks", arXiv 2210.03069.
        """
        unit = self.normalised()
        root = np.sqrt(row_norms(unit.V.T))
        return ReLUNetwork(unit.W * root[:, None], unit.b * root, unit.V / root, unit.A, unit.c)

    def normalised(self) -> "ReLUNetwork":
        """Return the same function with ||w_k|| = 1 for every neuron, so that the cost is sum_k ||v_k||.

        Neurons with zero input or output weight have no kink; they become part of the bias or vanish.
        """
        size = row_norms(self.W)
        constant = size == 0
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            beyond = ~constant & np.isinf(self.b / size)  # the kink is beyond float64: on or off everywhere
        V = self.V * np.where(constant, 1.0, size)
        keep = ~constant & ~beyond & (row_norms(V.T) > 0)
        on = beyond & (self.b > 0)
        A = self.A + self.V[:, on] @ self.W[on]
        c = self.c + self.V[:, constant] @ np.maximum(self.b[constant], 0.0) + self.V[:, on] @ self.b[on]
        s = size[keep]
        return ReLUNetwork(self.W[keep] / s[:, None], self.b[keep] / s, V[:, keep], A, c)

    def simplified(self, tol: float = KINK) -> "ReLUNetwork":
        """Return a network of the same function in which neurons with equal kinks are merged.

        Parameters
        ----------
        tol : float
            Kinks (hyperplanes w.x + b = 0 with ||w|| = 1) count as equal when their (w, b) differ by at most tol,
            with b relative to the largest |b|; this is continued transitively. 0 merges exactly equal kinks only.

        Returns
        -------
        ReLUNetwork
            Normalised (||w_k|| = 1), with at most the VV norm of this network. The function is the same if tol = 0;
            otherwise it changes by at most m tol sum_k ||v_k|| (||x|| + max |b|), m being the number of neurons in the
            largest group.

        Notes
        -----
        A neuron with the opposite direction of its kink is turned round first: relu(z) = relu(-z) + z, at no cost since
        the skip connection is free.
        """
        as_non_negative(tol, "tol")
        unit = self.normalised()
        if unit.n_neurons == 0:
            return unit
        first = unit.W[np.arange(len(unit.W)), np.argmax(unit.W != 0, axis=1)]
        turn = first < 0
        sign = np.where(turn, -1.0, 1.0)
        W, b = unit.W * sign[:, None], unit.b * sign
        A = unit.A + unit.V[:, turn] @ unit.W[turn]
        c = unit.c + unit.V[:, turn] @ unit.b[turn]
        n_groups, group = _groups_of_equal_kinks(W, b, tol)
        V = np.zeros((n_groups, unit.n_outputs))
        np.add.at(V, group, unit.V.T)
        # Each group keeps the kink of its heaviest neuron, which changes the function least.
        heaviest = np.lexsort((row_norms(unit.V.T), group))
        last = np.append(np.flatnonzero(np.diff(group[heaviest])), len(b) - 1)
        chosen = heaviest[last]
        bends = row_norms(V) > 0
        return ReLUNetwork(W[chosen][bends], b[chosen][bends], V[bends].T, A, c)

    # --- files and torch ---

    def save(self, path: str | os.PathLike[str]) -> None:
        """Save to an `.npz` file (no pickle), completely or not at all.

        Raises
        ------
        ValueError
            If the name does not end in `.npz` or cannot be written.
        """
        if not str(path).endswith(".npz"):
            raise ValueError(f"path must end in .npz, got {str(path)!r}")
        with atomic_write(path) as stream:
            np.savez(stream, W=self.W, b=self.b, V=self.V, A=self.A, c=self.c, format=np.array(_FORMAT))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "ReLUNetwork":
        """Load a network that `save` wrote; its arrays are equal bit for bit.

        Raises
        ------
        ValueError
            If the file is missing, damaged, or not a saved network.
        """
        arrays = read_npz(path)
        missing = {"W", "b", "V", "A", "c", "format"} - set(arrays)
        if missing:
            raise ValueError(f"{str(path)!r} is not a saved network: it lacks {', '.join(sorted(missing))}")
        if arrays["format"].tolist() != _FORMAT:
            raise ValueError(f"{str(path)!r} has format {arrays['format'].tolist()!r}; this version reads format {_FORMAT}")
        try:
            return cls(arrays["W"], arrays["b"], arrays["V"], arrays["A"], arrays["c"])
        except (TypeError, ValueError) as error:
            raise ValueError(f"{str(path)!r} is not a saved network: {error}") from None

    def to_torch(self) -> "torch.nn.Module":
        """Return a float64 torch module `vvnorm.training.ReLUModule` that computes the same function."""
        from vvnorm.torch_modules.relu_module import ReLUModule

        return ReLUModule.from_network(self)

    @classmethod
    def from_torch(
        cls, module: Any, *, hidden: str | None = None, output: str | None = None, skip: str | None = None
    ) -> "ReLUNetwork":
        """Read a network from a torch module or a state dict.

        Parameters
        ----------
        module : torch.nn.Module, or mapping of names to tensors
            Any module that computes a network of one hidden ReLU layer: linear layers with or without biases, sums with a
            linear skip connection, dropout and batch normalisation in eval mode. It is read by running its `forward`, and
            compared with the result at random inputs.
        hidden, output, skip : str, optional
            Names of the linear layers in a state dict, such as "fc1" for "fc1.weight" and "fc1.bias". They are allowed for
            modules, too, whose other parts are then ignored. Without `skip`, A = 0.

        Raises
        ------
        TypeError
            If the module is not such a network; the message gives the reason.
        ValueError
            If dropout or batch normalisation is in training mode; if a named layer does not exist; if a parameter is not
            finite.
        """
        from vvnorm.torch_modules.relu_module import read_network

        return read_network(cls, module, hidden=hidden, output=output, skip=skip)


def as_network(network: Any) -> ReLUNetwork:
    """Return a ReLUNetwork unchanged, and a torch module converted; TypeError for anything else."""
    if isinstance(network, ReLUNetwork):
        return network
    if hasattr(network, "state_dict"):
        return ReLUNetwork.from_torch(network)
    raise TypeError(f"network must be a ReLUNetwork or a torch module, got {type(network).__name__}")


def _groups_of_equal_kinks(W: Array, b: Array, tol: float) -> tuple[int, NDArray[np.intp]]:
    """Return the number of groups of kinks that are equal up to tol (b relative to the largest), and the group of each."""
    if tol == 0:
        _, group = np.unique(np.column_stack([W, b]), axis=0, return_inverse=True)
        group = group.reshape(-1)
        return int(group.max()) + 1, group
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components
    from scipy.spatial import cKDTree

    scale = np.max(np.abs(b))
    tree = cKDTree(np.column_stack([W, b / scale if scale > 0 else b]))
    pairs = tree.query_pairs(tol, output_type="ndarray")
    edges = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(len(b), len(b)))
    n_groups, group = connected_components(edges, directed=False)
    return int(n_groups), group


def row_norms(rows: Array) -> Array:
    """Euclidean norms of the rows, right also where squares overflow or underflow."""
    with np.errstate(over="ignore", under="ignore"):
        squares = np.einsum("ij,ij->i", rows, rows)
    norms = np.sqrt(squares)
    risky = ~((squares > 1e-280) & (squares < 1e280))
    if risky.any():
        some = rows[risky]
        largest = np.max(np.abs(some), axis=1, initial=0.0)
        safe = np.where(largest > 0, largest, 1.0)
        norms[risky] = largest * np.sqrt(np.sum((some / safe[:, None]) ** 2, axis=1))
    return norms


def _parameter(value: Any, name: str, ndim: int) -> Array:
    array = as_float64(value, name)
    if array.ndim != ndim:
        raise ValueError(f"{name} must have {count(ndim, 'dimension')}, got shape {array.shape}")
    array = np.array(array, dtype=np.float64, order="K")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} holds {array[~np.isfinite(array)][0]}; it must be finite")
    return array


def _row_blocks(n: int, width: int) -> list[slice]:
    step = max(1, _BLOCK // max(1, width))
    return [slice(i, min(i + step, n)) for i in range(0, n, step)]
