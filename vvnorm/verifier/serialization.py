"""Certificates on disk: `.npz` files of plain arrays, never pickles, written whole or not at all.

A file records claims, and none of them is trusted. After loading a certificate, call its `complaints` with the network and
the data.
"""

import json
import os
from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vvnorm._internal.files import atomic_write, plain, read_npz
from vvnorm.float64 import as_rows
from vvnorm.losses import Loss
from vvnorm.validation import as_count
from vvnorm.verifier.certificates import FitRecord, InterpolantRecord
from vvnorm.verifier.flat_inputs import Subspace

_FORMAT = 1
_KINDS = {"interpolation": InterpolantRecord, "fit": FitRecord}


def save_certificate(certificate: InterpolantRecord | FitRecord, path: str | os.PathLike[str]) -> None:
    """Save a certificate: its dual array and, as JSON text, its numbers and options.

    Parameters
    ----------
    certificate : InterpolantRecord or FitRecord
    path : path-like
        Ends in `.npz`.

    Raises
    ------
    ValueError
        If the name does not end in `.npz` or cannot be written.
    """
    if not str(path).endswith(".npz"):
        raise ValueError(f"path must end in .npz, got {str(path)!r}")
    facts: dict[str, Any] = {"format": _FORMAT, **certificate.numbers()}
    facts["kind"] = next(name for name, kind in _KINDS.items() if isinstance(certificate, kind))
    if isinstance(certificate, FitRecord):
        facts["losses"] = [[loss.name, loss.parameter] for loss in certificate.losses]
    if certificate.additions is not None:
        facts["additions"] = certificate.additions
    arrays: dict[str, Any] = {"certificate": np.array(json.dumps(plain(facts), allow_nan=False))}
    if certificate.dual is not None:
        arrays["dual"] = as_rows(certificate.dual)
    if certificate.subspace is not None:
        arrays |= {"centre": certificate.subspace.centre, "axes": certificate.subspace.axes}
    with atomic_write(path) as stream:
        np.savez(stream, **arrays)


def read_certificate(path: str | os.PathLike[str]) -> InterpolantRecord | FitRecord:
    """Load what `save_certificate` wrote; numbers and arrays come back bit for bit.

    Raises
    ------
    ValueError
        If the file is missing, damaged, or not a saved certificate; it names the file.
    """
    arrays = read_npz(path)
    try:
        return _read(arrays)
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        reason = f"it lacks {error}" if isinstance(error, KeyError) else str(error)
        raise ValueError(f"{str(path)!r} is not a saved certificate: {reason}") from None


def _read(arrays: dict[str, NDArray[Any]]) -> InterpolantRecord | FitRecord:
    text = arrays["certificate"]
    if text.dtype.kind != "U" or text.ndim != 0:
        raise ValueError("'certificate' is not text")
    facts = json.loads(str(text))
    if not isinstance(facts, dict):
        raise ValueError("its text is not a JSON object")
    if facts["format"] != _FORMAT:
        raise ValueError(f"it has format {facts['format']!r}; this version reads format {_FORMAT}")
    if facts["kind"] not in ("interpolation", "fit"):
        raise ValueError(f"its kind {facts['kind']!r} is unknown")
    kind = _KINDS[facts["kind"]]
    options: dict[str, Any] = {"dual": _dual(arrays.get("dual"), kind is FitRecord)}
    for name in _numbers(kind):
        options[name] = _number(facts[name], name)
    for name in ("skip", "penalise_bias"):
        if not isinstance(facts[name], bool):
            raise ValueError(f"{name} must be true or false, got {facts[name]!r}")
        options[name] = facts[name]
    if kind is FitRecord:
        options["losses"] = tuple(Loss(name, _number(value, name)) for name, value in facts["losses"])
    if facts.get("additions") is not None:
        options["additions"] = as_count(facts["additions"], "additions")
    if "axes" in arrays:
        options["subspace"] = Subspace(_matrix(arrays["centre"], "centre", 1), _matrix(arrays["axes"], "axes"))
    return kind(**options)


def _numbers(kind: type) -> list[str]:
    """Names of the recorded numbers."""
    return [part.name for part in fields(kind) if part.type in (float, "float")]


def _number(value: Any, name: str) -> float:
    """Read a number as `vvnorm._internal.files.plain` writes it."""
    if isinstance(value, bool) or not (isinstance(value, int | float) or value in ("nan", "inf", "-inf")):
        raise ValueError(f"{name} must be a number, got {value!r}")
    return float(value)


def _dual(array: NDArray[Any] | None, optional: bool) -> NDArray[np.float64] | None:
    if array is None:
        if optional:
            return None
        raise KeyError("dual")
    return _matrix(array, "dual")


def _matrix(array: NDArray[Any], name: str, ndim: int = 2) -> NDArray[np.float64]:
    """Read a matrix, or a vector, of real numbers; it is read-only."""
    if array.dtype.kind not in "fiu" or array.ndim != ndim:
        what = "matrix" if ndim == 2 else "vector"
        raise ValueError(f"{name} must be a {what} of real numbers, got shape {array.shape} and dtype {array.dtype}")
    matrix = np.asarray(array, dtype=np.float64)
    matrix.setflags(write=False)
    return matrix
