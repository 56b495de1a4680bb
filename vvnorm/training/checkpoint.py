"""Checkpoints: files with the state of a training run, written atomically; only the same training run reads them."""

import hashlib
import json
import math
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vvnorm._internal.files import atomic_write, plain, read_npz
from vvnorm.validation import Array

_SHARE = 50.0  # least time between two checkpoints, relative to the time for writing a checkpoint


def fingerprint(X: Array, Y: Array, settings: Mapping[str, Any]) -> str:
    """Return a short text that differs for different data or settings."""
    digest = hashlib.sha256(json.dumps(plain(settings), sort_keys=True).encode())
    for array in (X, Y):
        digest.update(repr(array.shape).encode() + np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


class Checkpoint:
    """A file that holds the state of a training; without a path it does nothing.

    Parameters
    ----------
    path : path-like or None
        Ends in `.npz`; its folder exists.
    seconds : float
        Least time between two states.
    owner : str
        The run's `fingerprint`.
    """

    def __init__(self, path: str | os.PathLike[str] | None, seconds: float, owner: str) -> None:
        self.path, self.seconds, self.owner = None if path is None else Path(path), seconds, owner
        self.last = time.monotonic()

    @classmethod
    def nowhere(cls) -> "Checkpoint":
        """Return a checkpoint that saves nothing."""
        return cls(None, math.inf, "")

    def load(self) -> dict[str, NDArray[Any]] | None:
        """Return the saved state, or None if there is no file; ValueError if it is damaged or of another training run."""
        if self.path is None or not self.path.exists():
            return None
        state = read_npz(self.path)
        if "owner" not in state or str(state.pop("owner")) != self.owner:
            raise ValueError(f"checkpoint {str(self.path)!r} is of other data or settings; delete it or name another file")
        return state

    def due(self) -> bool:
        """Return whether it is time to save."""
        return self.path is not None and time.monotonic() - self.last >= self.seconds

    def save(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Write a state in place of the previous one."""
        if self.path is None:
            return
        began = time.monotonic()
        with atomic_write(self.path) as stream:
            np.savez(stream, **{"owner": np.array(self.owner), **state})  # type: ignore[arg-type]  # names are not options
        self.last = time.monotonic()
        self.seconds = max(self.seconds, _SHARE * (self.last - began))
