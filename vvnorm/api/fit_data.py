"""Data of fits in the form that solvers take: checked, sorted and recoded, without a copy where possible.

If the inputs are sorted, labels in C-contiguous float64, in memory or mapped from a file, are read in place and never
copied.
"""

import os
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from vvnorm._internal import memory
from vvnorm.float64 import Origin, shifted_integers
from vvnorm.losses import Loss, LossLike, as_losses, canonical_labels
from vvnorm.solvers.array_kernels import fixed, is_sorted
from vvnorm.solvers.univariate.fits.dispatch import Problem
from vvnorm.validation import Array, as_inputs, as_labels, as_weights, counted_entries

Data = ArrayLike | str | os.PathLike[str]

_LARGE = 1_000_000  # labels; fewer are validated here, more are validated by the solver as it reads them


def has_several_inputs(X: Any) -> bool:
    """Whether X is a table of two columns or more."""
    try:
        shape = np.shape(X)
    except ValueError:  # ragged; a later check refuses it by name
        return False
    return len(shape) == 2 and shape[1] > 1


def read_problem(X: Data, Y: Data, loss: LossLike, weights: ArrayLike | None) -> Problem:
    """Validate, sort and recode data; data that are in order already are passed on without a copy."""
    x, in_order = _inputs(X)
    given = Y
    labels = _labels(given, len(x))
    losses = as_losses(loss, labels.shape[1])
    shares, order = as_weights(weights, labels.shape), None
    if shares is not None and not shares.all():
        _check_room(labels.size, "copied without labels of weight 0")
    labels, shares = counted_entries(labels, shares)
    if not in_order:
        if isinstance(given, np.memmap) and labels.nbytes > memory.available() / 4:
            raise ValueError(
                f"X is not sorted, and Y is a file of {memory.size(labels.nbytes)}, too large to be sorted in memory; "
                "sort the file by X, or pass fewer rows"
            )
        _check_room(labels.size, "sorted")
        order = np.argsort(x, kind="stable")
        x, labels = x[order], labels[order]
        shares = None if shares is None else shares[order]
    return Problem(x, _recoded(labels, losses), shares, losses, order)


def _inputs(X: Any) -> tuple[Array, bool]:
    """Return inputs as a contiguous (N,) array, and whether they are sorted; sorted numbers with finite ends are finite."""
    if _has_no_mask(X) and X.dtype == np.float64 and X.size == len(X) >= _LARGE:
        x = np.ascontiguousarray(X.reshape(-1))
        if is_sorted(fixed(x)) and np.isfinite(x[[0, -1]]).all():
            return x, True
    inputs = as_inputs(X)
    x = np.ascontiguousarray(inputs[:, 0])
    return x, bool(is_sorted(fixed(x)))


def opened(data: Data, name: str) -> Any:
    """Map a .npy file into memory; anything else passes through."""
    if not isinstance(data, str | os.PathLike):
        return data
    try:
        return np.lib.format.open_memmap(data, mode="r")
    except OSError as error:
        raise ValueError(f"{name}: cannot read {str(data)!r}: {error.strerror or error}") from None
    except ValueError as error:
        raise ValueError(f"{name}: {str(data)!r} is not a .npy file of numbers: {error}") from None


def without_origin(X: Data, penalise_bias: bool) -> tuple[Any, Origin | None]:
    """Return inputs and the origin subtracted from them; none if biases are penalised: a shift changes that problem."""
    given = opened(X, "X")
    return (given, None) if penalise_bias else shifted_integers(given)


def _labels(Y: Any, n: int) -> Array:
    """Return labels as a C-contiguous (N, T) float64 array, without a copy if Y is such an array.

    A large array of that kind is not scanned here: the solver reports infinite labels when it reads them. It is scanned if
    its shape is wrong, or if its first row has a missing label, so that an output may lack all labels.
    """
    if _has_no_mask(Y):
        in_place = Y.dtype == np.float64 and Y.flags.c_contiguous
        if in_place and Y.ndim in (1, 2) and Y.size >= _LARGE and len(Y) == n and np.isfinite(Y[0]).all():
            return np.asarray(Y.reshape(n, -1))
        if not in_place:
            _check_room(Y.size, "converted to C-contiguous float64")
    return np.ascontiguousarray(as_labels(Y, n, allow_missing=True))


def _has_no_mask(array: Any) -> bool:
    """Whether this is a NumPy array without a mask, which may be read in place."""
    return isinstance(array, np.ndarray) and not isinstance(array, np.ma.MaskedArray)


def _recoded(labels: Array, losses: tuple[Loss, ...]) -> Array:
    foreign = {"logistic": -1.0, "hinge": 0.0}
    for t, loss in enumerate(losses):
        if loss.name in foreign and labels.nbytes > memory.available() and np.any(labels[:, t] == foreign[loss.name]):
            _check_room(labels.size, f"recoded for loss {loss.name!r}")
    return canonical_labels(labels, losses)


def _check_room(entries: int, why: str) -> None:
    needed, available = 8 * entries, memory.available()
    if needed > available:
        raise MemoryError(
            f"Y would take {memory.size(needed)} when {why}, and {memory.size(available)} of memory are available; a file "
            "of sorted C-contiguous float64 labels (.npy) is mapped into memory and read in place"
        )
