"""How functions are compiled: kept on disk where that can be, and said when it takes time.

numba keeps a function until the file that it stands in changes, whatever becomes of what it calls. After a change to one of
these files delete `vvnorm/**/*.nbi`, or callers in others go on with the old code.

Kernels return no named tuples to Python, whose constructors are Python code: if Ctrl-C interrupts one, numba goes on with
nothing in its place, and the process ends with a segmentation fault. As arguments they do no harm.
"""

import logging
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

import numba
from numba.core import event

__all__ = ["compiled_here", "inner", "kernel", "part", "plain"]

_LOG = logging.getLogger("vvnorm")  # what takes time is of level INFO; that nothing can be kept is a warning

_PARTS = {
    "vvnorm.solvers.univariate.interpolation.curvature_scans": ("interpolants of one input", 2),
    "vvnorm.solvers.univariate.fits.any_loss": ("fits of one input, other losses", 6),
    "vvnorm.solvers.univariate.fits.compiled_losses": ("fits of one input, other losses", 6),
    "vvnorm.solvers.univariate.fits.loss_passes": ("fits of one input, other losses", 6),
    "vvnorm.solvers.array_kernels": ("fits of one input", 14),
    "vvnorm.solvers.univariate": ("fits of one input", 14),
    "vvnorm.verifier.double_double": ("arithmetic of the verifier", 1),
    "vvnorm.verifier.line_kernels": ("verifier of interpolants", 3),
    "vvnorm.verifier.line_fit_kernels": ("verifier of fits", 7),
    "vvnorm.verifier.losses": ("verifier of fits", 7),
    "vvnorm.solvers.multivariate.planar_search": ("solver for two inputs", 4),
    "vvnorm.solvers.multivariate": ("solver for more inputs", 14),
    "vvnorm.verifier.planar_response_precise": ("verifier for close points in the plane", 4),
    "vvnorm.verifier.planar_response": ("verifier for two inputs", 3),
    "vvnorm.verifier.cell_enumeration": ("verifier for more inputs", 7),
    "vvnorm.verifier.branch_and_bound": ("verifier for many points of more inputs", 7),
}
"""What modules, and those in them, are for, and in how many seconds a core with nothing else to do compiles them."""


def _compiled(cache: bool = True, **options: Any) -> Callable[[Any], Any]:
    """Compile functions at their first call, and keep them on disk if numba finds a folder that can be written to."""

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


kernel = partial(_compiled, error_model="numpy", no_cfunc_wrapper=True, nogil=True)
"""For functions that Python calls. They give up its lock, so that a progress bar moves and a limit of time is seen."""

inner = partial(kernel, no_cpython_wrapper=True)
"""For functions that only kernels call: without the wrapper they compile in half the time."""

plain, part = partial(kernel, _nrt=False), partial(inner, _nrt=False)
"""For those of both that allocate nothing: no references are counted. Callers bring the room to work in."""


class _Reporter(event.Listener):
    """Counts functions that are compiled, and says once of each part that it is; numba compiles one at a time."""

    def __init__(self) -> None:
        self.count, self._depth = 0, 0
        self._said: set[str] = set()

    def on_start(self, event: Any) -> None:
        """Say what is about to be compiled, but for what is called by it."""
        self._depth += 1
        module = event.data["dispatcher"].__module__
        name, seconds = next((_PARTS[start] for start in _PARTS if module.startswith(start)), ("", 0))
        self.count += bool(name)
        if self._depth == 1 and name and name not in self._said:
            self._said.add(name)
            _LOG.info("compiling, once: %s, about %d s (`vvnorm compile` does all of it beforehand)", name, seconds)

    def on_end(self, event: Any) -> None:
        """Count what is under way."""
        self._depth -= 1


_reporter = _Reporter()
event.register("numba:compile", _reporter)


def compiled_here() -> int:
    """Return how many functions this process has compiled, and not found on disk."""
    return _reporter.count
