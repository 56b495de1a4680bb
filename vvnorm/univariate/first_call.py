"""The first fit: two processes compile, where two cores are free.

Nearly all of a first fit goes by while numba compiles, one kernel at a time under a lock, so that threads do not help. The
solver on given knots takes as long as all the rest: another process compiles it to numba's cache on disk meanwhile. If that
fails, for whatever reason, this process compiles it when it needs it; nothing but time depends on it.

Kernels are compiled ahead for the types that they are called with here; `tests/test_first_call.py` sees to it that these
are the ones.
"""

import atexit
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from numba import boolean, config, float64, int64, types

from vvnorm.threads import usable_cores
from vvnorm.univariate import blocks, knots, reduced

_CODE = "from vvnorm.univariate import first_call; first_call.compile_solver()"
_MARK = "VVNORM_COMPILES_BESIDE"
"""Set for the other process: should that be no interpreter but this program, it must not go on."""
_PATIENCE = 60  # seconds

_other: subprocess.Popen[bytes] | None = None
_begun = False


def begin() -> None:
    """Let another process compile the solver, once, if the cache has none."""
    global _begun, _other
    if _begun:
        return
    _begun = True
    if config.DISABLE_JIT or _MARK in os.environ or not sys.executable or _is_cached() or usable_cores() < 2:
        return
    silent, environment = subprocess.DEVNULL, {**os.environ, _MARK: "1"}
    command = [sys.executable, "-c", _CODE]
    with suppress(OSError):
        _other = subprocess.Popen(command, stdin=silent, stdout=silent, stderr=silent, env=environment)
        atexit.register(_stop)


def _is_cached() -> bool:
    """Whether the cache has a solver that is not older than its source."""
    source = Path(reduced.__file__)
    files = Path(reduced.improve.stats.cache_path).glob(f"{source.stem}.improve-*.nbi")
    return any(file.stat().st_mtime > source.stat().st_mtime for file in files)


def _stop() -> None:
    if _other is not None:
        _other.kill()
        _other.wait()


def finish(squared: bool) -> None:
    """Wait for the other process, if there is one; before that, compile what squared losses need besides."""
    global _other
    other = _other  # another thread may be done with it first
    if other is None:
        return
    if squared:
        for kernel, signature in _sweeps():
            kernel.compile(signature)
    try:
        other.wait(timeout=_PATIENCE)
    except subprocess.TimeoutExpired:
        other.kill()
        other.wait()
    _other = None


def compile_solver() -> None:
    """Compile what solvers of all losses have in common."""
    for kernel, signature in _solver():
        kernel.compile(signature)


def _solver() -> list[tuple[Any, Any]]:
    x, X, XX = float64[::1], float64[:, ::1], float64[:, :, ::1]
    room = types.Tuple((types.Tuple((XX, XX, XX, X, X, X)), X, XX, int64[:, ::1], boolean[:, ::1]))
    segments, labels = types.Tuple((x, X, X, X)), types.UniTuple(X, 2)
    limits = (float64, float64, float64, int64)
    fixed_x, rows = x.copy(readonly=True), int64[::1]
    return [
        (reduced.improve, (segments, labels, int64[::1], *limits, x, X, X, X, room)),
        (knots.next_knots, (fixed_x, rows, x, X, X, rows, float64, rows, x)),
    ]


def _sweeps() -> list[tuple[Any, Any]]:
    x, X, rows, pair = float64[::1], float64[:, ::1], int64[::1], types.UniTuple(float64, 2)
    fixed_x, fixed_X = x.copy(readonly=True), X.copy(readonly=True)
    data = (types.Tuple((fixed_x, fixed_X, fixed_x, float64, int64, X)), types.UniTuple(X, 3), rows)
    return [
        (blocks.segment_summaries, (*data, types.Tuple((x, X, X, X)), X, X, X)),
        (blocks.sweep, (*data, X, X, float64, float64, X, rows, x, x, X)),
        (knots.complete, (x, x, X, boolean, X, X, X, X)),
        (knots.tally, (X, X, rows, x)),
        (knots.first_knots, (fixed_x, int64, float64, float64, rows, x)),
        (knots.where_it_bends, (types.Tuple((fixed_x, fixed_x, float64)), X, pair, rows, X, X, x, X, X)),
    ]
