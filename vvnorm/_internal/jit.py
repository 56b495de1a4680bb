"""Decorators that compile functions with numba, cache them on disk, and log each compilation.

numba keeps compiled code until the function's own file changes, even if a function that it calls has changed. After a
change to a compiled function delete `vvnorm/**/*.nbi`; otherwise callers in other files keep using the old code.

Kernels must not return named tuples to Python. The constructor of a named tuple is Python code; if Ctrl-C interrupts it,
numba continues with a null pointer and the process crashes. Named tuples are safe as arguments.
"""

import gc
import logging
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

import numba
from numba.core import event

__all__ = ["compiled_here", "inner", "inside", "kernel", "part", "plain", "steps"]

_LOG = logging.getLogger("vvnorm")  # compilations have the level INFO; a cache that cannot be written is a warning

_TRIED = ((0, 60), (0, 68))
"""First and last version of numba whose steps ours may replace; `make test-versions` tries both."""

_PARTS = {
    "vvnorm.solvers.univariate.interpolation.curvature_scans": ("interpolants of one input", 2),
    "vvnorm.solvers.univariate.fits.any_loss": ("fits of one input, other losses", 6),
    "vvnorm.solvers.univariate.fits.compiled_losses": ("fits of one input, other losses", 6),
    "vvnorm.solvers.univariate.fits.loss_passes": ("fits of one input, other losses", 6),
    "vvnorm.solvers.array_kernels": ("fits of one input", 11),
    "vvnorm.solvers.univariate": ("fits of one input", 11),
    "vvnorm.verifier.double_double": ("arithmetic of the verifier", 1),
    "vvnorm.verifier.line_kernels": ("verifier of interpolants", 3),
    "vvnorm.verifier.line_fit_kernels": ("verifier of fits", 5),
    "vvnorm.verifier.line_fit_block_kernels": ("verifier of large fits", 6),
    "vvnorm.verifier.losses": ("verifier of fits", 5),
    "vvnorm.solvers.multivariate.planar_search": ("solver for two inputs", 3),
    "vvnorm.solvers.multivariate": ("solver for more inputs", 14),
    "vvnorm.verifier.planar_response_precise": ("verifier for close points in the plane", 4),
    "vvnorm.verifier.planar_response": ("verifier for two inputs", 2),
    "vvnorm.verifier.cell_enumeration": ("verifier for more inputs", 7),
    "vvnorm.verifier.branch_and_bound": ("verifier for many points of more inputs", 7),
}
"""Purpose of a module or package, and the seconds in which an idle core compiles it."""


def _compiled(cache: bool = True, **options: Any) -> Callable[[Any], Any]:
    """Compile functions at their first call, and cache them on disk if numba finds a folder that it can write to."""

    def decorate(function: Any) -> Any:
        try:
            return numba.njit(cache=cache, **options)(function)
        except RuntimeError:  # no such folder
            _say_that_nothing_is_kept()
            return numba.njit(**options)(function)

    return decorate


@lru_cache
def _say_that_nothing_is_kept() -> None:
    _LOG.warning("compiled code cannot be kept and is made anew by every process; NUMBA_CACHE_DIR may name a folder for it")


def steps(name: str) -> dict[str, Any]:
    """Options for steps of `vvnorm._internal.pipelines`; none with versions of numba for which these were not tried."""
    if not _TRIED[0] <= numba.version_info.short <= _TRIED[1]:
        return {}
    from vvnorm._internal import pipelines

    return {"pipeline_class": getattr(pipelines, name)}


kernel = partial(_compiled, error_model="numpy", no_cfunc_wrapper=True, nogil=True, **steps("CalledFromPython"))
"""For functions that Python calls. They release the global lock, so that progress bars move and time limits take effect."""

inner = partial(kernel, no_cpython_wrapper=True, cache=False, **steps("CalledByKernels"))
"""For functions that only kernels call. They are compiled with the kernel and are not kept on disk by themselves. Functions
of `numba.njit` alone cannot call them: it does not link what they call in turn."""

plain, part = partial(kernel, _nrt=False), partial(inner, _nrt=False)
"""For functions of both kinds that allocate nothing: no references are counted. Callers pass workspaces."""


def inside(function: Any) -> Any:
    """Return a function that Python calls, for calls by kernels: no machine code is made of it then."""
    return (inner if function.targetoptions.get("_nrt", True) else part)()(function.py_func)


class _Reporter(event.Listener):
    """Counts compilations, and logs the first one of each part; numba compiles one function at a time."""

    def __init__(self) -> None:
        self.count, self._depth, self._collects = 0, 0, False
        self._said: set[str] = set()

    def on_start(self, event: Any) -> None:
        """Log the compilation that starts, unless it is part of another one."""
        self._depth += 1
        if self._depth == 1 and gc.isenabled():  # numba makes millions of objects that stay
            gc.disable()
            self._collects = True
        module = event.data["dispatcher"].__module__ or ""  # constructors of compiled classes, of other packages, have none
        name, seconds = next((_PARTS[start] for start in _PARTS if module.startswith(start)), ("", 0))
        self.count += bool(name)
        if self._depth == 1 and name and name not in self._said:
            self._said.add(name)
            _LOG.info("compiling, once: %s, about %d s (`vvnorm compile` does all of it beforehand)", name, seconds)

    def on_end(self, event: Any) -> None:
        """Note that a compilation has ended."""
        self._depth -= 1
        if self._depth == 0 and self._collects:
            gc.enable()


_reporter = _Reporter()
event.register("numba:compile", _reporter)


def compiled_here() -> int:
    """Return the number of functions that this process compiled and did not load from disk."""
    return _reporter.count
